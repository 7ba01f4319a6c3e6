"""A person's approval of a plan, between planning and sending."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates
from airflow_provider_rsvp.text import clean_text

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.exceptions import PlanChangedError
    from airflow_provider_rsvp.plans import Plan

_PLAN = "plan"
"""The field of the question that holds the digest of the plan."""
_ASK_ANEW = "Start another run of the DAG to be asked again: within a run, Airflow never changes a question."
_RANGE = re.compile(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?")


class ApproveRepliesOperator(AuthorsTemplates, HITLOperator):
    """
    Show a plan to a person in Airflow's UI and wait for an answer: send all of it, some lines of it, or nothing.

    The person may also replace the comment of all replies. This task sends nothing; it returns the plan with
    the replies that were approved, for ``SendRepliesOperator``. Without an answer in time nothing is approved. For a
    plan without replies, nobody is asked.

    The answer counts only for the plan that was shown. The question carries the plan's digest in a field that
    Airflow's UI hides, and the task keeps it too; when the answer comes, the plan must still have the same digest.

    :param plan: a plan, as ``PlanRepliesOperator`` or ``PlanUndoOperator`` returns it; templated
    :param subject: the headline of the question; templated
    :param response_timeout: how long to wait for an answer; None to wait forever
    :param kwargs: as ``HITLOperator`` takes them: ``assigned_users``, ``notifiers``
    :return: the plan, as :meth:`airflow_provider_rsvp.plans.Plan.to_plain` gives it
    :raises AirflowFailException: the plan is malformed, it is not the one that was shown, or the answer names lines
        that do not exist
    """

    template_fields: Collection[str] = (*HITLOperator.template_fields, "plan")
    ui_color = "#dbeafe"

    ALL = "Send all"
    SOME = "Send the named lines"
    NONE = "Send nothing"

    def __init__(
        self,
        *,
        plan: Mapping[str, Any],
        subject: str = "May these replies be sent?",
        response_timeout: timedelta | None = timedelta(days=1),
        **kwargs: Any,
    ) -> None:
        form = {
            "lines": Param(
                "",
                type=["string", "null"],
                title="Lines",
                description=f"With '{self.SOME}': their numbers, such as 1, 3-5.",
            ),
            "comment": Param(
                "",
                type=["string", "null"],
                title="Comment",
                description="Replaces the comment of every reply; leave it empty to keep them.",
            ),
        }
        super().__init__(
            subject=subject,
            body="",
            options=[self.ALL, self.SOME, self.NONE],
            defaults=[self.NONE],
            response_timeout=response_timeout,
            **{**kwargs, "params": form},
        )
        # Airflow adds the params of the DAG, which do not belong to the question.
        self.params = ParamsDict(form)
        self.plan = plan

    def execute(self, context: Context) -> Any:
        """Ask, unless there is nothing to ask about."""
        from airflow_provider_rsvp.hooks.errors import failing_at_once

        with failing_at_once():
            plan = self._read()
        if not plan.replies:
            self.log.info("The plan has no replies, so there is nothing to approve.")
            return plan.to_plain()
        self.body = plan.as_markdown()
        digest = plan.digest
        # The UI does not show a constant, and sends it along with the answer.
        bound = {_PLAN: Param(digest, type="string", const=digest)}
        self.params = ParamsDict({**{name: self.params.get_param(name) for name in self.params}, **bound})
        try:
            return super().execute(context)
        except BaseException as wait:
            # Airflow versions wait in different ways, and all of them keep the arguments with which the task continues.
            # The person who answers cannot change those.
            if hasattr(wait, "method_name"):
                vars(wait)["kwargs"] = {"shown": digest}
            raise

    def execute_complete(self, context: Context, event: dict[str, Any], shown: str | None = None) -> Any:
        """
        Return the plan with the replies that were approved.

        :param shown: the digest of the plan that the question showed
        """
        from airflow_provider_rsvp.hooks.errors import failing_at_once

        entered = dict(event.get("params_input") or {})
        answered = entered.pop(_PLAN, None)
        with failing_at_once():
            plan = self._read()
            if event.get("error_type") == "validation":
                raise _not_to_this_question(str(event["error"]))
            if event.get("chosen_options") not in (None, [self.NONE]):
                _check_binding(plan, shown, answered)
        answer = super().execute_complete(context, {**event, "params_input": entered})
        with failing_at_once():
            plan = self._approved(plan, answer["chosen_options"], entered)
        self.log.info("Approved by %s:\n%s", answer.get("responded_by_user") or "no one", plan.as_text())
        return plan.to_plain()

    def _read(self) -> Plan:
        from airflow_provider_rsvp.plans import Plan

        return Plan.from_plain(self.plan)

    def _approved(self, plan: Plan, chosen: list[str], entered: Mapping[str, Any]) -> Plan:
        numbers = {
            self.ALL: lambda: set(range(1, len(plan.decisions) + 1)),
            self.SOME: lambda: line_numbers(entered.get("lines")),
        }.get(chosen[0] if chosen else self.NONE, set[int])()
        comment = str(entered.get("comment") or "")
        approved = plan.pick(numbers)
        return approved.with_comment(comment) if clean_text(comment) else approved


def _check_binding(plan: Plan, shown: str | None, answered: Any) -> None:
    """
    Check that an answer approves a plan.

    :param plan: the plan when the answer comes
    :param shown: the digest that the task kept when it asked
    :param answered: the digest that came with the answer
    :raises PlanChangedError: the three digests are not the same
    """
    from airflow_provider_rsvp.exceptions import PlanChangedError

    if plan.digest != shown:
        raise PlanChangedError(f"The plan changed after it was shown, so nothing is approved. {_ASK_ANEW}")
    if answered != shown:
        raise _not_to_this_question(
            f"its field {_PLAN!r} does not contain the digest of the plan that is shown"
        )


def _not_to_this_question(why: str) -> PlanChangedError:
    from airflow_provider_rsvp.exceptions import PlanChangedError

    return PlanChangedError(
        "The answer does not match the question, or belongs to an earlier one, so nothing is approved: "
        f"{why}. {_ASK_ANEW}"
    )


def line_numbers(text: Any) -> set[int]:
    """
    Return the numbers in text such as ``1, 3-5``.

    :raises InvalidInputError: the text contains no number, or something else
    """
    from airflow_provider_rsvp.exceptions import InvalidInputError

    numbers: set[int] = set()
    for part in re.split(r"[,;]", str(text or "")):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise InvalidInputError(
                f"lines: {text!r} does not name lines; write their numbers, such as 1, 3-5."
            )
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise InvalidInputError(f"lines: {part.strip()!r} runs backwards.")
        numbers.update(range(first, last + 1))
    return numbers
