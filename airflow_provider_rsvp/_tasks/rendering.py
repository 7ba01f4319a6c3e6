"""
Only what the DAG's author wrote is a template; all else that reaches a task or a notifier is data, never rendered.

Airflow tells the two apart by the identity of values. That fails for values that ``expand_kwargs`` takes from an
XCom: Airflow renders them, so that a stranger's subject could read connections and Variables.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier, BaseOperator

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context


class AuthorsTemplates(BaseOperator):
    """
    Renders what the DAG's author wrote, once, and nothing else; all operators and sensors derive from it.

    The author wrote the arguments of a task that is not mapped, those in ``partial()`` and ``default_args``, and
    lists in the DAG file that are mapped over. What a mapped task takes from another task's result is data. So is
    the result of rendering.
    """

    _rendered = False

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render the fields that the author wrote; Airflow calls this for mapped tasks, too."""

        def render(fields: Iterable[str], of: Any = self) -> None:
            super(AuthorsTemplates, self)._do_render_template_fields(
                of, fields, context, jinja_env, seen_oids
            )

        if parent is not self:
            # One of the arguments is an object of the author's that has template fields itself.
            render(template_fields, parent)
            return
        if self._rendered:
            return
        self._rendered = True
        mapped = _mapped_task(self)
        if mapped is None:
            render(template_fields)
            return
        written = _Written(mapped, context["ti"].map_index)
        render([name for name in template_fields if written.argument(name, getattr(self, name))])
        if written.by_function and "op_kwargs" in template_fields:
            # The arguments of a function are one field, and some of them may be mapped.
            task: Any = self
            given = task.op_kwargs
            task.op_kwargs = {
                name: value for name, value in given.items() if written.function_argument(name, value)
            }
            render(["op_kwargs"])
            task.op_kwargs = {**given, **task.op_kwargs}

    def pre_execute(self, context: Any) -> None:
        """
        Refuse to run a mapped task that was rendered in another way.

        :raises RuntimeError: this version of Airflow renders templates in an unknown way
        """
        super().pre_execute(context)
        if not self._rendered and _mapped_task(self) is not None:
            raise RuntimeError(
                "This version of Airflow renders the templates of mapped tasks in a way that this version of "
                "airflow-provider-rsvp does not know, so that invitations could be taken for templates. Nothing "
                "was done. Use a newer airflow-provider-rsvp, or do not map the task."
            )


class TemplatesOfEachCall(BaseNotifier):
    """
    A notifier that stays unchanged when it is called.

    Airflow renders a notifier in place: a second call would render the result of the first, and answer the event of
    the first.
    """

    def __call__(self, *args: Any) -> None:
        """Notify, with a copy."""
        super(TemplatesOfEachCall, copy.copy(self)).__call__(*args)

    def __await__(self) -> Generator[Any, Any, Any]:
        """Notify from an event loop, with a copy."""
        return super(TemplatesOfEachCall, copy.copy(self)).__await__()


class _Written:
    """Which arguments of one instance of a mapped task the DAG's author wrote."""

    def __init__(self, mapped: Any, map_index: Any) -> None:
        defaults = {
            **mapped.dag.default_args,
            **(mapped.task_group.default_args if mapped.task_group else {}),
        }
        self.by_function = hasattr(mapped, "op_kwargs_expand_input")
        if self.by_function:
            self._literals = _literals(mapped.op_kwargs_expand_input.value, map_index)
        else:
            self._literals = _literals(mapped.expand_input.value, map_index)
        self._arguments = {**defaults, **mapped.partial_kwargs}
        self._function_arguments = {**defaults, **mapped.partial_kwargs.get("op_kwargs", {})}

    def argument(self, name: str, value: Any) -> bool:
        """Whether the author wrote this value of an argument of the task."""
        if not self.by_function and name in self._literals:
            return True
        return name in self._arguments and self._arguments[name] is value

    def function_argument(self, name: str, value: Any) -> bool:
        """Whether the author wrote this value of an argument of the task's function."""
        if name in self._literals:
            return True
        return name in self._function_arguments and self._function_arguments[name] is value


def _mapped_task(task: BaseOperator) -> Any:
    """Return the DAG's mapped operator for a task; None if the task is not mapped."""
    dag = task.get_dag()
    found = dag.task_dict.get(task.task_id) if dag is not None else None
    return found if found is not None and found.is_mapped else None


def _literals(mapped_over: Any, map_index: Any) -> frozenset[str]:
    """
    Return the arguments whose values are literals in the DAG file.

    :param mapped_over: the arguments of ``expand``, or the argument of ``expand_kwargs``: a list or an XCom
    """
    if isinstance(mapped_over, Mapping):
        return frozenset(
            name for name, values in mapped_over.items() if isinstance(values, Sequence | Mapping)
        )
    if isinstance(mapped_over, Sequence) and isinstance(mapped_over[map_index], Mapping):
        return frozenset(mapped_over[map_index])
    return frozenset()
