"""``@task.rsvp``: a function looks at an invitation and says how to answer it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates
from airflow_provider_rsvp.operators.links import EventLink

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.bases.decorator import TaskDecorator

    from airflow_provider_rsvp.hooks.base import CalendarHook
    from airflow_provider_rsvp.model import EventReference, Invitation, Outcome, Reply, Scope


class RsvpDecoratedOperator(AuthorsTemplates, DecoratedOperator):
    """
    Answers an invitation as a Python function says.

    The function gets the invitation, as it stands, as its first argument, and further arguments as with ``@task``.
    It returns a status, a :class:`~airflow_provider_rsvp.model.Reply`, a dict of a reply's parts (``status``,
    ``comment``, ``notify_organizer``, ``proposed_start``, ``proposed_end``), or None to leave the invitation as
    it is. What it says is sent as
    :class:`~airflow_provider_rsvp.operators.set_participation_status.SetParticipationStatusOperator` does,
    unless the invitation was moved, cancelled or answered while the function ran. The function itself sends nothing.
    All parameters but the timeouts are templated.

    :param conn_id: a connection to any of the calendar services
    :param event_id: the service's own id of the event
    :param ical_uid: in place of ``event_id``: the event's iCalendar UID
    :param original_start: with an id or UID: which instance, by its start as first planned;
        ISO 8601 or ``datetime``
    :param mailbox: whose calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param scope: ``instance``, or ``series`` for one reply to all instances
    :param timezone: how to read times that name no zone; an IANA or Windows name
    :param request_timeout: seconds to wait for the response to one request
    :param throttle_timeout: seconds that one request may wait in all because the service asks for fewer
    :param settle_timeout: seconds to read back until the reply shows
    :return: the outcome, as :meth:`airflow_provider_rsvp.model.Outcome.to_dict` gives it; where the function
        returned None, its ``outcome`` is ``skipped`` and its ``reply`` is None
    :raises AirflowFailException: it cannot be done; Airflow does not retry
    :raises PassingError: the service did not serve, or the outcome is unclear; Airflow retries
    """

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        "conn_id",
        "event_id",
        "ical_uid",
        "original_start",
        "mailbox",
        "calendar_id",
        "scope",
        "timezone",
    )
    template_fields_renderers = DecoratedOperator.template_fields_renderers
    operator_extra_links = (EventLink(),)
    custom_operator_name = "@task.rsvp"
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        conn_id: str,
        op_args: Sequence[Any] = (),
        event_id: str | int | None = None,
        ical_uid: str | None = None,
        original_start: str | datetime | None = None,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        scope: str = "instance",
        timezone: str | tzinfo | None = None,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        settle_timeout: float = 30.0,
        **kwargs: Any,
    ) -> None:
        # The invitation's place among the arguments, so that Airflow finds the function can be called.
        super().__init__(op_args=[None, *op_args], **kwargs)
        self.conn_id = conn_id
        self.event_id = event_id
        self.ical_uid = ical_uid
        self.original_start = original_start
        self.mailbox = mailbox
        self.calendar_id = calendar_id
        self.scope = scope
        self.timezone = timezone
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout
        self.settle_timeout = settle_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the invitation, call the function, and answer as it says."""
        from airflow_provider_rsvp.hooks.base import get_calendar_hook
        from airflow_provider_rsvp.model import Scope
        from airflow_provider_rsvp.operators.failing import failing_at_once

        with failing_at_once():
            reference, scope = self._reference(), Scope.parse(self.scope)
            hook = get_calendar_hook(
                self.conn_id,
                request_timeout=self.request_timeout,
                throttle_timeout=self.throttle_timeout,
                settle_timeout=self.settle_timeout,
            )
            service, invitation = asyncio.run(_look(hook, reference, scope))
        decided = self._decide(context, invitation)
        with failing_at_once():
            reply = self._reply(decided)
            if reply is None:
                self.log.info("SKIPPED: %r is left as it is.", invitation.subject)
                return _left_alone(service, invitation)
            outcome = asyncio.run(_send(hook, reference, invitation, reply, scope, context))
        self.log.info("%s", outcome.describe())
        return outcome.to_dict()

    def _decide(self, context: Context, invitation: Invitation) -> Any:
        arguments = (invitation, *list(self.op_args)[1:])
        parameters = inspect.signature(self.python_callable).parameters
        takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        given = list(parameters)[: len(arguments)]
        named = {**context, **self.op_kwargs}
        wanted = {
            name: value
            for name, value in named.items()
            if name not in given and (takes_any or name in parameters)
        }
        return self.python_callable(*arguments, **wanted)

    def _reference(self) -> EventReference:
        from airflow_provider_rsvp.model import EventReference

        return EventReference.parse(
            event_id=self.event_id,
            ical_uid=self.ical_uid,
            original_start=self.original_start,
            mailbox=self.mailbox,
            calendar_id=self.calendar_id,
            timezone=self.timezone,
        )

    def _reply(self, decided: Any) -> Reply | None:
        from airflow_provider_rsvp.exceptions import InvalidInputError
        from airflow_provider_rsvp.model import Reply

        if decided is None or isinstance(decided, Reply):
            return decided
        parts = {"status": decided} if isinstance(decided, str) else decided
        if not isinstance(parts, dict) or "status" not in parts:
            raise InvalidInputError(
                f"@task.rsvp: the function returned {type(decided).__name__}; expected a status, a Reply, "
                "a dict with a 'status', or None."
            )
        unknown = set(parts) - {"status", "comment", "notify_organizer", "proposed_start", "proposed_end"}
        if unknown:
            raise InvalidInputError(f"@task.rsvp: a reply has no {', '.join(sorted(map(repr, unknown)))}.")
        return Reply.parse(**parts, timezone=self.timezone)


async def _look(hook: CalendarHook, reference: EventReference, scope: Scope) -> tuple[str, Invitation]:
    from airflow_provider_rsvp.replying import check_reference

    async with hook.calendar() as calendar:
        check_reference(calendar.client, reference)
        return calendar.client.service, await calendar.client.observe(reference, scope)


async def _send(
    hook: CalendarHook,
    reference: EventReference,
    planned: Invitation,
    reply: Reply,
    scope: Scope,
    context: Context,
) -> Outcome:
    from airflow_provider_rsvp.operators.intents import task_memory
    from airflow_provider_rsvp.replying import set_participation_status

    async with hook.calendar() as calendar:
        return await set_participation_status(
            calendar.client,
            reference,
            reply,
            scope=scope,
            memory=task_memory(context),
            settling=hook.settling,
            planned=planned,
        )


def _left_alone(service: str, invitation: Invitation) -> dict[str, Any]:
    from airflow_provider_rsvp.model import Outcome, ParticipationStatus, Reply, Result

    outcome = Outcome(
        result=Result.SKIPPED,
        service=service,
        reference=invitation.reference,
        reply=Reply(status=invitation.status or ParticipationStatus.NEEDS_ACTION),
        subject=invitation.subject,
        time=invitation.time,
        before=invitation.status,
        after=invitation.status,
        detail="It is left as it is.",
        link=invitation.link,
    )
    return {**outcome.to_dict(), "reply": None}


def rsvp_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """
    Answer an invitation as the function says; see :class:`RsvpDecoratedOperator`.

    :param python_callable: gets the invitation and returns a status, a reply, its parts, or None
    """
    kwargs["multiple_outputs"] = False
    return task_decorator_factory(
        python_callable=python_callable,
        decorated_operator_class=RsvpDecoratedOperator,
        **kwargs,
    )
