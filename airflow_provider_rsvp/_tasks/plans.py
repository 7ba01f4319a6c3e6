"""What the operators that plan have in common."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.exceptions import InvalidInputError, UnsupportedByServiceError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp.plans import Plan

MARKDOWN = "markdown"
"""The XCom with the plan as people read it."""


def show_plan(plan: Plan, context: Context, on_unsupported: str, log: Any = logging) -> None:
    """
    Show a plan in the log and as Markdown in an XCom.

    :param on_unsupported: ``fail`` if a reply cannot be sent, or ``skip`` it
    :raises UnsupportedByServiceError: a reply cannot be sent, and ``on_unsupported`` is ``fail``; the message names all
    """
    if on_unsupported not in ("fail", "skip"):
        raise InvalidInputError(f"on_unsupported: {on_unsupported!r} is not one of 'fail', 'skip'.")
    log.info("The plan:\n%s", plan.as_text())
    context["ti"].xcom_push(key=MARKDOWN, value=plan.as_markdown())
    if plan.unsupported and on_unsupported == "fail":
        lines = "\n".join(f"  {each.invitation.subject!r}: {each.unsupported}" for each in plan.unsupported)
        raise UnsupportedByServiceError(
            f"{len(plan.unsupported)} of the replies cannot be sent. Change the plan, or set "
            f"on_unsupported='skip'.\n{lines}"
        )
