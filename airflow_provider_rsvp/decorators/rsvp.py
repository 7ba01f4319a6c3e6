"""``@task.rsvp``: a function looks at an invitation and decides how to answer it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.decorator import DecoratedOperator, task_decorator_factory

from airflow_provider_rsvp._tasks import arguments
from airflow_provider_rsvp._tasks.links import EventLink
from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.bases.decorator import TaskDecorator

    from airflow_provider_rsvp.model import Invitation, Reply


class RsvpDecoratedOperator(AuthorsTemplates, DecoratedOperator):
    """
    Answers an invitation as a Python function decides.

    The function gets the invitation, as it is now, as its first argument, and further arguments as with ``@task``.
    It returns a status, a :class:`~airflow_provider_rsvp.model.Reply`, a dict of a reply's arguments (``status``,
    ``comment``, ``notify_organizer``, ``proposed_start``, ``proposed_end``), or None to leave the invitation as
    it is. Its reply is sent as
    :class:`~airflow_provider_rsvp.operators.set_participation_status.SetParticipationStatusOperator` does,
    unless the invitation was moved, cancelled or answered while the function ran. The function itself sends nothing.
    All parameters but the timeouts are templated.

    :param conn_id: a connection to any of the calendar services
    :param event_id: the service's id of the event
    :param ical_uid: the event's iCalendar UID, instead of ``event_id``
    :param original_start: the original start of one instance, together with an id or UID; ISO 8601 or
        ``datetime``
    :param mailbox: the owner of the calendar; default is the connection's own user
    :param calendar_id: which calendar of the mailbox; default is the connection's or the service's
    :param scope: ``instance``, or ``series`` for one reply to all instances
    :param timezone: the zone of times without one; an IANA or Windows name
    :param verify: read back even after a clear response; always done where the response proves nothing
    :param force: send even if the status is already set or the invitation changed while the function ran; at most once
        per task run
    :param degrade: write a proposed time into the comment if the service carries comments but no proposed times;
        otherwise the proposed time is an error
    :param dry_run: look, call the function and check, but send nothing
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service asks for fewer, in seconds
    :param settle_timeout: how long to keep reading back until the reply shows, in seconds
    :param turn_timeout: how long to wait while another task answers the same event, in seconds
    :return: the outcome, as :meth:`airflow_provider_rsvp.model.Outcome.to_plain` gives it; if the function
        returned None, its ``outcome`` is ``skipped`` and its ``reply`` is None
    :raises AirflowFailException: a permanent error; Airflow does not retry
    :raises PassingError: the service failed, or the outcome is unclear; Airflow retries
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
        "verify",
        "force",
        "degrade",
        "dry_run",
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
        verify: bool | str = True,
        force: bool | str = False,
        degrade: bool | str = False,
        dry_run: bool | str = False,
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        settle_timeout: float = 30.0,
        turn_timeout: float = 120.0,
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
        self.verify = verify
        self.force = force
        self.degrade = degrade
        # Replaces a method of Airflow's, which only `airflow tasks test --dry-run` calls.
        self.dry_run = dry_run  # type: ignore[assignment,method-assign]
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout
        self.settle_timeout = settle_timeout
        self.turn_timeout = turn_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the invitation, call the function, and send its reply."""
        from airflow_provider_rsvp._tasks.memory import task_memory
        from airflow_provider_rsvp.hooks.errors import failing_at_once

        with failing_at_once():
            reference, scope = arguments.event_reference(self), arguments.event_scope(self)
            options = arguments.reply_options(self)
            hook = arguments.calendar_hook(self)
        with hook:
            with failing_at_once():
                invitation = hook.get_invitation(reference, scope=scope)
            decided = self._decide(context, invitation)
            with failing_at_once():
                reply = self._reply(decided)
                if reply is None:
                    self.log.info("SKIPPED: %r is left as it is.", invitation.subject)
                    return _left_alone(hook.hook_name, invitation)
                outcome = hook.set_participation_status(
                    reference,
                    reply,
                    scope=scope,
                    options=options,
                    planned=invitation,
                    memory=task_memory(context),
                )
        self.log.info("%s", outcome.describe())
        return outcome.to_plain()

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
    return {**outcome.to_plain(), "reply": None}


def rsvp_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """
    Answer an invitation as the function decides; see :class:`RsvpDecoratedOperator`.

    :param python_callable: gets the invitation and returns a status, a reply, its arguments, or None
    """
    kwargs["multiple_outputs"] = False
    return task_decorator_factory(
        python_callable=python_callable,
        decorated_operator_class=RsvpDecoratedOperator,
        **kwargs,
    )
