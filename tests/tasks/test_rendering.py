"""All tasks and notifiers render by one rule: the author's templates, and nothing else."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG, BaseNotifier, BaseOperator, TaskGroup, task
from airflow.sdk.definitions._internal.templater import Templater  # it has no public name
from airflow.triggers.base import BaseTrigger
from support.dagruns import run
from support.spoiling import EVALUATED, TEMPLATE

import airflow_provider_rsvp
from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates, TemplatesOfEachCall
from airflow_provider_rsvp.decorators.rsvp import RsvpDecoratedOperator, rsvp_task
from airflow_provider_rsvp.get_provider_info import get_provider_info
from airflow_provider_rsvp.notifications.set_participation_status import SetParticipationStatusNotifier
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox import Sandbox

CONN_ID = "msgraph_calendar_default"


def classes() -> list[type]:
    """All classes of the package."""
    package = airflow_provider_rsvp.__name__
    names = (found.name for found in pkgutil.walk_packages(airflow_provider_rsvp.__path__, f"{package}."))
    modules = [
        importlib.import_module(name)
        for name in names
        if not name.startswith(f"{package}.sandbox") and not name.endswith("__main__")
    ]
    return [
        each
        for module in modules
        for each in vars(module).values()
        if inspect.isclass(each) and each.__module__ == module.__name__
    ]


RENDERED = [each for each in classes() if issubclass(each, Templater)]
TASKS = [each for each in RENDERED if issubclass(each, BaseOperator) and each is not AuthorsTemplates]
NOTIFIERS = [each for each in RENDERED if issubclass(each, BaseNotifier) and each is not TemplatesOfEachCall]


class TestEverythingGoesThroughIt:
    def test_nothing_else_is_rendered(self) -> None:
        triggers = [each for each in RENDERED if issubclass(each, BaseTrigger)]
        rest = {*RENDERED} - {*TASKS, *NOTIFIERS, *triggers, AuthorsTemplates, TemplatesOfEachCall}
        assert rest == set()
        assert len(TASKS) >= 9
        assert [SetParticipationStatusNotifier] == NOTIFIERS
        # A trigger's arguments are what its task has rendered.
        assert [each for each in triggers if "template_fields" in vars(each)] == []

    @pytest.mark.parametrize("cls", TASKS, ids=lambda cls: cls.__name__)
    def test_tasks(self, cls: Any) -> None:
        assert cls._do_render_template_fields is AuthorsTemplates._do_render_template_fields
        assert cls.pre_execute is AuthorsTemplates.pre_execute
        assert cls.render_template_fields is BaseOperator.render_template_fields
        assert cls.render_template is BaseOperator.render_template
        # No value is the name of a file to be read, and no trigger starts before its task has rendered.
        assert not cls.template_ext
        assert not cls.start_from_trigger
        assert cls.start_trigger_args is None

    @pytest.mark.parametrize("cls", NOTIFIERS, ids=lambda cls: cls.__name__)
    def test_notifiers(self, cls: Any) -> None:
        assert cls.__call__ is TemplatesOfEachCall.__call__
        assert cls.__await__ is TemplatesOfEachCall.__await__
        assert cls.render_template_fields is BaseNotifier.render_template_fields
        assert not cls.template_ext

    def test_decorators(self) -> None:
        for decorator in get_provider_info()["task-decorators"]:
            module, _, name = decorator["class-name"].rpartition(".")
            made = getattr(importlib.import_module(module), name)(lambda invitation: None)
            assert issubclass(made.operator_class, AuthorsTemplates)


class TestWhatItNeedsOfAirflow:
    """Names that Airflow promises nobody; where one changes, mapped tasks refuse to run, and this says why."""

    # So private names of Airflow's are what is looked at here.

    def test_the_method_that_airflow_calls(self) -> None:
        parameters = list(inspect.signature(BaseOperator._do_render_template_fields).parameters)
        assert parameters == ["self", "parent", "template_fields", "context", "jinja_env", "seen_oids"]

    def test_what_a_mapped_task_is_made_of(self) -> None:
        with new_dag("made_of") as dag:
            values, rows = ["a"], [{"comment": "b"}]
            SetParticipationStatusOperator.partial(
                task_id="one", conn_id="c", event_id="1", status="accepted"
            ).expand(comment=values)
            SetParticipationStatusOperator.partial(
                task_id="two", conn_id="c", event_id="1", status="accepted"
            ).expand_kwargs(rows)

            @rsvp_task(conn_id="c", event_id="1")
            def three(invitation: Any, comment: str) -> None: ...

            three.partial().expand(comment=values)

        one, two, function = (dag.task_dict[name] for name in ("one", "two", "three"))
        assert one.is_mapped
        assert one.expand_input.value == {"comment": values}
        assert one.partial_kwargs["conn_id"] == "c"
        assert two.expand_input.value is rows
        assert function.op_kwargs_expand_input.value == {"comment": values}
        assert function.partial_kwargs["op_kwargs"] == {}

    @pytest.mark.airflow
    def test_a_mapped_task_that_was_rendered_in_another_way_does_not_run(
        self, sandbox: Sandbox, database: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        class AnotherWay(SetParticipationStatusOperator):
            _do_render_template_fields = BaseOperator._do_render_template_fields

        with new_dag("another_way") as dag:
            AnotherWay.partial(task_id="mapped", conn_id=CONN_ID, status="accepted").expand(
                event_id=[sandbox.event_id("graph", "release")]
            )
            AnotherWay(
                task_id="plain",
                conn_id=CONN_ID,
                status="accepted",
                event_id=sandbox.event_id("graph", "board"),
            )

        ended = run(dag)

        assert (ended["mapped[0]"].state, ended["plain"].state) == ("failed", "success")
        assert "Use a newer airflow-provider-rsvp" in capsys.readouterr().out
        assert len(sandbox.mail()) == 1


def new_dag(dag_id: str, **options: Any) -> DAG:
    return DAG(dag_id, schedule=None, start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), **options)


def parameters(cls: Any) -> list[str]:
    """The template fields that are parameters too: all but the body of a question and a function's arguments."""
    own = inspect.signature(cls.__init__).parameters
    left_out = {"report_path", "policy_variable", "op_args", "op_kwargs"}
    return [name for name in cls.template_fields if name in own and name not in left_out]


OPERATORS = [cls for cls in TASKS if not issubclass(cls, RsvpDecoratedOperator)]


@pytest.mark.airflow
class TestEachParameter:
    """Each templated parameter of each operator and sensor, on its way through Airflow."""

    def authored(self, name: str) -> str:
        return f"{{{{ '{name} of ' ~ dag.dag_id }}}}"

    def hostile(self, name: str) -> Any:
        """Text, and text within what is no text."""
        return {"decisions": [{"subject": TEMPLATE}]} if name in ("plan", "replies", "report") else TEMPLATE

    def rendered(self, dag: DAG) -> dict[str, dict[str, Any]]:
        """The fields of each task, as Airflow keeps them. The tasks fail: their arguments make no sense."""
        from airflow.models.renderedtifields import RenderedTaskInstanceFields
        from airflow.utils.session import create_session

        ended = run(dag)
        run_id = next(iter(ended.values())).run_id
        with create_session() as session:
            found = session.query(RenderedTaskInstanceFields).filter_by(dag_id=dag.dag_id, run_id=run_id)
            return {row.task_id: dict(row.rendered_fields) for row in found}

    @pytest.mark.parametrize("half", [0, 1])
    def test_what_another_task_returned_and_what_the_author_wrote(
        self, half: int, sandbox: Sandbox, database: None
    ) -> None:
        with new_dag(f"half_{half}") as dag:
            for cls in OPERATORS:
                mapped, own = parameters(cls)[half::2], parameters(cls)[1 - half :: 2]
                rows = task(task_id=f"rows_{cls.__name__}")(
                    lambda values: [values]  # type: ignore[misc]
                )({name: self.quoted(self.hostile(name)) for name in mapped})
                cls.partial(
                    task_id=cls.__name__, retries=0, **{name: self.authored(name) for name in own}
                ).expand_kwargs(rows.map(unquoted))

        found = self.rendered(dag)

        for cls in OPERATORS:
            mapped, own = parameters(cls)[half::2], parameters(cls)[1 - half :: 2]
            expected = {name: self.hostile(name) for name in mapped}
            expected |= {name: f"{name} of {dag.dag_id}" for name in own}
            assert {name: found[cls.__name__][name] for name in expected} == expected

    @pytest.mark.parametrize("way", ["expand", "expand_kwargs"])
    def test_lists_in_the_dag_file_are_the_authors(self, way: str, sandbox: Sandbox, database: None) -> None:
        with new_dag(f"literal_{way}") as dag:
            for cls in OPERATORS:
                values = {name: self.authored(name) for name in parameters(cls)}
                partial = cls.partial(task_id=cls.__name__, retries=0)
                if way == "expand":
                    partial.expand(**{name: [value] for name, value in values.items()})
                else:
                    partial.expand_kwargs([values])

        found = self.rendered(dag)

        for cls in OPERATORS:
            expected = {name: f"{name} of {dag.dag_id}" for name in parameters(cls)}
            assert {name: found[cls.__name__][name] for name in expected} == expected

    def quoted(self, value: Any) -> Any:
        """Hide a template from the task that hands it on, whose arguments Airflow renders."""
        if isinstance(value, str):
            return value.replace("{", "<<").replace("}", ">>")
        return (
            [self.quoted(each) for each in value]
            if isinstance(value, list)
            else {name: self.quoted(each) for name, each in value.items()}
        )


def unquoted(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("<<", "{").replace(">>", "}")
    if isinstance(value, list):
        return [unquoted(each) for each in value]
    return {name: unquoted(each) for name, each in value.items()}


@pytest.mark.airflow
class TestAuthors:
    def test_default_args_of_the_dag_and_of_a_group(self, sandbox: Sandbox, database: None) -> None:
        event_id = sandbox.event_id("graph", "release")
        with (
            new_dag(
                "defaults", default_args={"conn_id": f"{{{{ '{CONN_ID}' }}}}", "status": "accepted"}
            ) as dag,
            TaskGroup("group", default_args={"comment": "{{ dag.dag_id }}"}),
            TaskGroup("inner"),
        ):
            ids = task(task_id="ids")(lambda: [event_id])()  # type: ignore[misc]
            SetParticipationStatusOperator.partial(task_id="reply").expand(event_id=ids)

        run(dag)

        assert [(mail["status"], mail["comment"]) for mail in sandbox.mail()] == [("accepted", "defaults")]

    @pytest.mark.parametrize("way", ["task", "list", "unmapped"])
    def test_a_functions_arguments(self, way: str, sandbox: Sandbox, database: None) -> None:
        event_id, seen = sandbox.event_id("graph", "release"), []
        with new_dag(f"function_{way}") as dag:

            @rsvp_task(conn_id=f"{{{{ '{CONN_ID}' }}}}", event_id=event_id)
            def reply(invitation: Any, text: str, comment: str) -> None:
                seen.append((text, comment))

            if way == "task":
                rows = task(task_id="rows")(lambda: [{"comment": TEMPLATE}])()  # type: ignore[misc]
                reply.partial(text="{{ dag.dag_id }}").expand_kwargs(rows)
            elif way == "list":
                reply.partial(text="{{ dag.dag_id }}").expand_kwargs([{"comment": "{{ ti.map_index }}"}])
            else:
                reply("{{ dag.dag_id }}", comment="{{ ti.map_index }}")

        assert {ti.state for ti in run(dag).values()} == {"success"}
        assert seen == [(dag.dag_id, {"task": TEMPLATE, "list": "0", "unmapped": "-1"}[way])]

    def test_an_argument_of_the_function_takes_the_place_of_what_the_author_wrote(
        self, sandbox: Sandbox, database: None
    ) -> None:
        event_id, seen = sandbox.event_id("graph", "release"), []
        with new_dag("function_over") as dag:

            @rsvp_task(conn_id=CONN_ID, event_id=event_id)
            def reply(invitation: Any, comment: str) -> None:
                seen.append(comment)

            rows = task(task_id="rows")(lambda: [{"comment": TEMPLATE}])()  # type: ignore[misc]
            reply.partial(comment="{{ dag.dag_id }}").expand_kwargs(rows, strict=False)

        assert {ti.state for ti in run(dag).values()} == {"success"}
        assert seen == [TEMPLATE]


class TestOnce:
    def test_a_task_renders_no_result_of_its_own(self) -> None:
        operator = SetParticipationStatusOperator(
            task_id="reply", conn_id="c", event_id="1", status="accepted", comment="{{ text }}"
        )
        for _ in range(2):
            operator.render_template_fields({"text": TEMPLATE})  # type: ignore[typeddict-unknown-key]
        assert operator.comment == TEMPLATE

    @pytest.mark.parametrize("awaited", [False, True])
    def test_a_notifier_renders_for_each_call_what_the_author_wrote(
        self, awaited: bool, sandbox: Sandbox
    ) -> None:
        notifier = SetParticipationStatusNotifier(
            conn_id=CONN_ID, event_id="{{ event }}", status="declined", comment="{{ text }}"
        )
        events = [sandbox.event_id("graph", slug) for slug in ("release", "board")]

        async def notify() -> None:
            await notifier

        for event in events:
            context: Any = {"event": event, "text": f"{event} {TEMPLATE}"}
            if awaited:
                notifier.context = context
                asyncio.run(notify())
            else:
                notifier(context)

        assert [(mail["event_id"], mail["comment"]) for mail in sandbox.mail()] == [
            (event, f"{event} {TEMPLATE}") for event in events
        ]
        assert notifier.comment == "{{ text }}"

    @pytest.mark.airflow
    def test_a_notifier_of_several_callbacks(self, sandbox: Sandbox, database: None) -> None:
        notifier = SetParticipationStatusNotifier(
            conn_id=CONN_ID,
            event_id=sandbox.event_id("graph", "release"),
            status="{{ 'accepted' if ti.state == 'success' else 'tentative' }}",
            comment="{{ ti.xcom_pull('subject') }}",
        )
        with new_dag("callbacks") as dag:
            subject = task(task_id="subject")(lambda: TEMPLATE)()  # type: ignore[misc]

            @task(on_execute_callback=notifier, on_success_callback=notifier)
            def work() -> None: ...

            subject >> work()

        assert {ti.state for ti in run(dag).values()} == {"success"}
        assert [(mail["status"], mail["comment"]) for mail in sandbox.mail()] == [
            ("tentative", TEMPLATE),
            ("accepted", TEMPLATE),
        ]
        assert EVALUATED not in str(sandbox.mail())
