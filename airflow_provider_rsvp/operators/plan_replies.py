"""A plan of replies by the rules of a policy, as a step of a DAG; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_rsvp._tasks.rendering import AuthorsTemplates
from airflow_provider_rsvp.exceptions import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_rsvp._tasks.mailboxes import Mailboxes
    from airflow_provider_rsvp.plans import Plan
    from airflow_provider_rsvp.policies import Policy


class PlanRepliesOperator(AuthorsTemplates):
    """
    Decide by a policy how to answer the invitations of one or many mailboxes; sends nothing.

    The log shows the plan as a table. XComs: the plan itself as ``return_value``, and ``markdown``, the plan as
    people read it. :func:`reply_arguments`, as a task, turns the plan into the arguments to map
    :class:`~airflow_provider_rsvp.operators.set_participation_status.SetParticipationStatusOperator` over.

    Give exactly one of ``policy``, ``policy_variable`` and ``policy_param``. A ``policy`` is read when the DAG is
    parsed, so that its mistakes show then; it is not templated, because its comments are templates of their own.

    The author of a Variable, a param or an XCom may not be allowed to read the worker's files. So a policy from there
    is never the path of a file, and it may only name a ``holidays_file`` in the folder that ``[rsvp]
    policy_files_folder`` in Airflow's configuration names; by default there is none.

    :param conn_id: a connection to any of the calendar services
    :param policy: a policy, plain values, YAML or JSON text, or the path of a file
    :param policy_variable: the Airflow Variable that contains the text
    :param policy_param: the DAG param that contains plain values or the text
    :param start: list events that end after this: ``now``, ``+2d``, ISO 8601 or ``datetime``
    :param end: list events that begin before this; same forms
    :param timezone: the zone of a ``start`` and ``end`` without one; an IANA or Windows name
    :param mailboxes: one mailbox or several; default is the connection's own user
    :param calendar_id: which calendar of each mailbox; default is the connection's or the service's
    :param on_mailbox_error: what to do if some of several mailboxes cannot be read: ``fail_after`` plans for the
        others, with the plan in the log and the XCom, and then fails; ``skip`` leaves those mailboxes out. The plan
        names them in ``failed_mailboxes``. If no mailbox can be read, the task fails
    :param on_unsupported: ``fail`` if the service cannot express a reply or its comment cannot be written, or ``skip``
        that reply
    :param request_timeout: how long to wait for the response to one request, in seconds
    :param throttle_timeout: how long one request may wait in all because the service asks for fewer, in seconds
    :return: the plan, as :meth:`airflow_provider_rsvp.plans.Plan.to_plain` gives it
    :raises InvalidInputError: when the DAG is parsed: the policy is malformed; the message names the path to the wrong
        key
    :raises AirflowFailException: a permanent error; Airflow does not retry
    :raises PassingError: the service failed; Airflow retries
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "policy_variable",
        "policy_param",
        "start",
        "end",
        "timezone",
        "mailboxes",
        "calendar_id",
        "on_mailbox_error",
        "on_unsupported",
    )
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        conn_id: str,
        policy: Policy | Mapping[str, Any] | str | None = None,
        policy_variable: str | None = None,
        policy_param: str | None = None,
        start: str | datetime = "now",
        end: str | datetime = "+14d",
        timezone: str | tzinfo | None = None,
        mailboxes: str | Sequence[str] | None = None,
        calendar_id: str | None = None,
        on_mailbox_error: Literal["fail_after", "skip"] = "fail_after",
        on_unsupported: Literal["fail", "skip"] = "fail",
        request_timeout: float = 30.0,
        throttle_timeout: float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sum(source is not None for source in (policy, policy_variable, policy_param)) != 1:
            raise InvalidInputError("policy: give exactly one of policy, policy_variable and policy_param.")
        self.conn_id = conn_id
        self.policy = policy if policy is None or not self._wrote("policy") else _read(policy)
        self.policy_variable = policy_variable
        self.policy_param = policy_param
        self.start = start
        self.end = end
        self.timezone = timezone
        self.mailboxes = mailboxes
        self.calendar_id = calendar_id
        self.on_mailbox_error = on_mailbox_error
        self.on_unsupported = on_unsupported
        self.request_timeout = request_timeout
        self.throttle_timeout = throttle_timeout

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the plan."""
        from airflow_provider_rsvp._tasks.mailboxes import check_on_mailbox_error
        from airflow_provider_rsvp._tasks.plans import show_plan
        from airflow_provider_rsvp.hooks.errors import failing_at_once

        with failing_at_once():
            check_on_mailbox_error(self.on_mailbox_error)
            plan, read = self._plan(self.read_policy(context))
            show_plan(plan, context, self.on_unsupported, self.log)
            if read.errors and self.on_mailbox_error == "fail_after":
                context["ti"].xcom_push(key="return_value", value=plan.to_plain())
                raise read.error()
        return plan.to_plain()

    def read_policy(self, context: Context) -> Policy:
        """
        Return the policy of this run, from wherever it is to be taken.

        :raises InvalidInputError: there is none, or it is malformed
        """
        if self.policy is not None:
            return _read_from_outside(self.policy)
        if self.policy_variable is not None:
            from airflow.sdk import Variable

            text = Variable.get(self.policy_variable, default=None)
            if text is None:
                raise InvalidInputError(f"policy_variable: there is no Variable {self.policy_variable!r}.")
            return _read_from_outside(text)
        params = context["params"]
        if self.policy_param not in params:
            raise InvalidInputError(f"policy_param: the DAG has no param {self.policy_param!r}.")
        return _read_from_outside(params[self.policy_param])

    def _wrote(self, argument: str) -> bool:
        """Whether the DAG's author wrote an argument, and it was not taken from an XCom by mapping."""
        if not self.has_dag():  # type: ignore[no-untyped-call]
            return True
        written = self.dag.task_dict.get(self.task_id)
        if written is self or argument in getattr(written, "partial_kwargs", {}):
            return True
        expanded = getattr(getattr(written, "expand_input", None), "value", None)
        return isinstance(expanded, Mapping) and isinstance(expanded.get(argument), list | tuple)

    def _plan(self, policy: Policy) -> tuple[Plan, Mailboxes]:
        import pendulum

        from airflow_provider_rsvp._tasks.mailboxes import read_mailboxes
        from airflow_provider_rsvp.hooks.base import get_calendar_hook
        from airflow_provider_rsvp.policies import plan

        with get_calendar_hook(
            self.conn_id, request_timeout=self.request_timeout, throttle_timeout=self.throttle_timeout
        ) as hook:
            read = read_mailboxes(
                hook,
                self.mailboxes,
                self.start,
                self.end,
                calendar_id=self.calendar_id,
                timezone=self.timezone,
                log=self.log,
            )
        events = [event for found in read.events.values() for event in found]
        made = plan(
            policy,
            [event for event in events if event.is_attendee and not event.is_organizer],
            events,
            pendulum.now("UTC"),
            hook.capabilities,
            conn_id=self.conn_id,
            service=hook.hook_name,
            mailbox=next(iter(read.events)) if len(read.events) == 1 else None,
        )
        return replace(made, failed_mailboxes=read.failed), read


def reply_arguments(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Return each reply of a plan that can be sent as arguments of ``SetParticipationStatusOperator``.

    Made for ``expand_kwargs``: ``task(reply_arguments)(plan.output)``.

    :param plan: what :class:`PlanRepliesOperator` returned
    :raises InvalidInputError: it is not a plan
    """
    from airflow_provider_rsvp.plans import Plan

    arguments = []
    for decision in Plan.from_plain(plan).replies:
        if decision.reply is None or not decision.sendable:
            continue
        reply, reference = decision.reply, decision.reference
        proposed = reply.proposed_time.to_plain() if reply.proposed_time else {"start": None, "end": None}
        arguments.append(
            {
                "event_id": reference.event_id,
                "mailbox": reference.mailbox,
                "calendar_id": reference.calendar_id,
                "scope": str(decision.scope),
                "status": str(reply.status),
                "comment": reply.comment,
                "notify_organizer": reply.notify_organizer,
                "proposed_start": proposed["start"],
                "proposed_end": proposed["end"],
            }
        )
    return arguments


def _read(policy: Policy | Mapping[str, Any] | str) -> Policy:
    from airflow_provider_rsvp.policies import Policy

    if isinstance(policy, Policy):
        return policy
    return Policy.load(policy) if isinstance(policy, str) else Policy.from_plain(policy)


def _read_from_outside(policy: Policy | Mapping[str, Any] | str) -> Policy:
    """Return a policy that somebody other than the DAG's author may have written."""
    from airflow.configuration import conf

    from airflow_provider_rsvp.policies import Policy

    if isinstance(policy, Policy):
        return policy
    return Policy.from_outside(policy, conf.get("rsvp", "policy_files_folder", fallback=None) or None)
