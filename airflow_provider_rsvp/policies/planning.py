"""Making a plan: applies the rules of a policy to each invitation or series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pendulum

from airflow_provider_rsvp.exceptions import InvalidInputError, PolicyError
from airflow_provider_rsvp.model import (
    Capabilities,
    Invitation,
    ParticipationStatus,
    Recurrence,
    Reply,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.plans.plan import Decision, Plan
from airflow_provider_rsvp.policies.actions import ProposeSlot
from airflow_provider_rsvp.policies.availability.slots import next_free_slot
from airflow_provider_rsvp.policies.case import Case, MailboxCalendar, Occurrence
from airflow_provider_rsvp.policies.comments.rendering import render_comment
from airflow_provider_rsvp.policies.policy import Policy, Rule
from airflow_provider_rsvp.preconditions import against_event, against_service, sentences


def plan(
    policy: Policy,
    invitations: Iterable[Invitation],
    calendar: Iterable[Invitation],
    now: pendulum.DateTime,
    capabilities: Capabilities | None = None,
    *,
    conn_id: str | None = None,
    service: str | None = None,
    mailbox: str | None = None,
) -> Plan:
    """
    Decide on each invitation; nothing is read and nothing is sent.

    Invitations are decided in the order of their starts, in whatever order they are given. An invitation that the plan
    accepts counts as accepted for later ones.

    :param invitations: invitations of one or several mailboxes; instances of a series are decided together
    :param calendar: the events on the calendars of these mailboxes in the same window, with or without the invitations
    :param now: the current time
    :param capabilities: the service's capabilities; if given, the plan says which replies the service cannot express
    :param conn_id: the connection that the plan names
    :param service: the service that the plan names
    :param mailbox: the mailbox that the plan names; the owner of invitations whose reference names no mailbox
    :raises InvalidInputError: ``now`` has no zone
    """
    if now.tzinfo is None:
        raise InvalidInputError("now: has no time zone.")
    planner = _Planner(policy, now, capabilities, service or "the service")
    asked = _by_mailbox(invitations, mailbox)
    known = _by_mailbox(calendar, mailbox)
    decisions = [
        decision
        for owner in sorted(asked)
        for decision in planner.decide(policy, owner, asked[owner], known.get(owner, {}))
    ]
    return Plan(
        decisions=tuple(sorted(decisions, key=planner.order)),
        created_at=now,
        conn_id=conn_id,
        service=service,
        mailbox=mailbox,
        timezone=policy.availability_of(mailbox).timezone,
    )


_LONGEST_PROPOSAL = 31 * 86400
"""The longest event for which another time is searched, in seconds."""

_Events = dict[str, Invitation]
"""Events by a key that is unique within their mailbox."""


@dataclass(slots=True)
class _Group:
    """
    Events that may be decided together: one event, or all known events of one series.

    :param siblings: events of the series that are on the calendar but not among the invitations
    """

    members: _Events
    siblings: _Events


class _Planner:
    """Decides on the invitations, one mailbox after the other."""

    def __init__(
        self, policy: Policy, now: pendulum.DateTime, capabilities: Capabilities | None, service: str
    ) -> None:
        self._rules = [(rule, rule.asks_for_status) for rule in policy.rules]
        self._my_domains = policy.my_domains
        self._now = now
        self._moment = now.timestamp()
        self._capabilities = capabilities
        self._service = service
        self._starts: dict[tuple[str, str], float] = {}

    def order(self, decision: Decision) -> tuple[float, str, str]:
        """Return the sort key of a decision."""
        mailbox, key = (decision.reference.mailbox or "").casefold(), _key(decision.invitation)
        return self._starts[mailbox, key], mailbox, key

    def decide(
        self, policy: Policy, mailbox: str, invitations: _Events, calendar: _Events
    ) -> Iterator[Decision]:
        """Yield the decisions on one mailbox's invitations."""
        view = MailboxCalendar(policy.availability_of(mailbox), {**calendar, **invitations})
        occurrences = {
            key: Occurrence.of(event.time, view.zone) for key, event in {**calendar, **invitations}.items()
        }
        for key, event in invitations.items():
            self._starts[(event.reference.mailbox or "").casefold(), key] = occurrences[key].start
        groups = _groups(invitations, calendar)
        groups.sort(key=lambda group: min((occurrences[key].start, key) for key in group.members))
        for group in groups:
            yield from self._decide_group(group, occurrences, view)

    def _decide_group(
        self, group: _Group, occurrences: dict[str, Occurrence], view: MailboxCalendar
    ) -> Iterator[Decision]:
        live = {
            key: event
            for key, event in group.members.items()
            if event.can_respond
            and (event.recurrence is Recurrence.SERIES or self._lies_ahead(occurrences[key]))
        }
        if any(_series_of(event) for event in live.values()) and self._stands_as_one(live, group.siblings):
            decision = self._decide_series(live, group.siblings, occurrences, view)
            if decision is not None:
                yield decision
                for key, event in group.members.items():
                    if key not in live and not event.can_respond:
                        yield self._not_asked(event, sentences(against_event(event)) or "")
                return
        for key, event in sorted(
            group.members.items(), key=lambda item: (occurrences[item[0]].start, item[0])
        ):
            if not event.can_respond:
                yield self._not_asked(event, sentences(against_event(event)) or "")
            elif event.recurrence is Recurrence.SERIES:
                yield self._not_asked(event, "The instances of this series are decided one by one.")
            elif key not in live:
                yield self._not_asked(event, "It is over.")
            else:
                case = self._case(event, [occurrences[key]], view)
                rule = next((rule for rule, asks in self._rules if _applies(rule, asks, case)), None)
                yield self._act(rule, case, Scope.INSTANCE, [key])

    def _stands_as_one(self, live: _Events, siblings: _Events) -> bool:
        """Whether all events have the same status, so that one answer to the series overrides no other."""
        return len({event.status for event in (*live.values(), *siblings.values())}) == 1

    def _decide_series(
        self, live: _Events, siblings: _Events, occurrences: dict[str, Occurrence], view: MailboxCalendar
    ) -> Decision | None:
        """Return the decision on a series as a whole; None if a rule decides on single instances."""
        series = [event for event in live.values() if event.recurrence is Recurrence.SERIES]
        keys = [*live, *siblings]
        times = sorted(
            (
                occurrences[key]
                for key in keys
                if (live.get(key) or siblings[key]).recurrence is not Recurrence.SERIES
                and self._lies_ahead(occurrences[key])
            ),
            key=lambda occurrence: (occurrence.start, occurrence.end),
        )
        instances = sorted(
            (
                (occurrences[key].start, key)
                for key, event in live.items()
                if event.recurrence is not Recurrence.SERIES
            ),
        )
        stands_for = series[0] if series else live[instances[0][1]]
        whole = self._case(stands_for, times or [Occurrence.of(stands_for.time, view.zone)], view)
        singles = [self._case(live[key], [occurrences[key]], view) for _, key in instances]
        for rule, asks in self._rules:
            if rule.scope is Scope.INSTANCE:
                if any(_applies(rule, asks, single) for single in singles or [whole]):
                    return None
            elif _applies(rule, asks, whole):
                return self._act(rule, whole, Scope.SERIES, keys)
        return self._act(None, whole, Scope.SERIES, keys)

    def _case(self, event: Invitation, occurrences: Sequence[Occurrence], view: MailboxCalendar) -> Case:
        return Case(event, occurrences, self._moment, view, self._my_domains)

    def _lies_ahead(self, occurrence: Occurrence) -> bool:
        return max(occurrence.end, occurrence.start + 1) > self._moment

    def _not_asked(self, event: Invitation, reason: str) -> Decision:
        return Decision(invitation=_without_body(event), reply=None, reason=reason)

    def _act(self, rule: Rule | None, case: Case, scope: Scope, keys: Iterable[str]) -> Decision:
        """Return the decision of a rule, and let the event hold its time accordingly."""
        invitation = case.invitation
        count = len(case.occurrences)
        if rule is None:
            return Decision(
                invitation=_without_body(invitation),
                reply=None,
                reason="No rule applies.",
                scope=scope,
                occurrences=count,
            )
        reason = f"{rule.then.verb.participle} by the rule '{rule.name}': {rule.when.fact(case)}."
        status = rule.then.verb.status
        reply, unsupported = None, None
        if status is not None and status is invitation.status:
            reason += f" It is {status} already."
        elif status is not None:
            proposed, note = self._propose(rule.then.propose, case, scope)
            comment, unsupported = self._comment(rule, case, proposed)
            reply = Reply(
                status=status,
                comment=comment,
                notify_organizer=rule.then.notify_organizer,
                proposed_time=proposed,
            )
            reason += note
            if self._capabilities is not None and unsupported is None:
                unsupported = sentences(
                    against_service(self._capabilities, self._service, invitation.reference, reply, scope)
                )
            if unsupported is None:
                for key in keys:
                    case.calendar.hold(key, status)
        return Decision(
            invitation=_without_body(invitation),
            reply=reply,
            scope=scope,
            rule=rule.name,
            reason=reason,
            unsupported=unsupported,
            occurrences=count,
        )

    def _propose(self, propose: ProposeSlot | None, case: Case, scope: Scope) -> tuple[TimeRange | None, str]:
        """Return the time to propose, and a sentence about it for the reason."""
        if propose is None:
            return None, ""
        problem = self._why_no_proposal(case, scope)
        if problem is not None:
            return None, f" No time is proposed: {problem}."
        calendar, occurrence = case.calendar, case.occurrences[0]
        assert calendar.working is not None
        length = occurrence.end - occurrence.start
        earliest = max(self._moment, occurrence.start)
        start = next_free_slot(
            calendar.working,
            calendar.zone,
            lambda begin, end: calendar.taken_until(begin, end, case.keys),
            after=earliest,
            before=earliest + propose.within_days * 86400,
            length=length,
            step=propose.step_minutes * 60,
        )
        if start is None:
            return None, f" No time is proposed: none is free within {propose.within_days} days."
        calendar.offer(start, start + length)
        zone = calendar.zone.tzinfo
        slot = TimeRange(pendulum.from_timestamp(start, zone), pendulum.from_timestamp(start + length, zone))
        return slot, f" The next free slot is {calendar.when(slot.start)}."

    def _why_no_proposal(self, case: Case, scope: Scope) -> str | None:
        if scope is Scope.SERIES:
            return "a series has no single time"
        if case.invitation.time.all_day:
            return "it lasts all day"
        if case.occurrences[0].end <= case.occurrences[0].start:
            return "it takes no time"
        if not case.invitation.can_propose:
            return "the organizer takes no proposed times"
        if self._capabilities is not None and not self._capabilities.proposed_time:
            return f"{self._service} carries none"
        if case.occurrences[0].end - case.occurrences[0].start > _LONGEST_PROPOSAL:
            return "it lasts too long"
        if case.calendar.working is None:
            return "my working hours are not known"
        return None

    def _comment(self, rule: Rule, case: Case, proposed: TimeRange | None) -> tuple[str | None, str | None]:
        """Return the comment, or why the rule's comment cannot be written."""
        if rule.then.comment is None:
            return None, None
        zone = case.calendar.zone.tzinfo
        absences = case.absences()
        leave = (
            {name: pendulum.from_timestamp(getattr(absences[0], name), zone) for name in ("start", "end")}
            if absences
            else None
        )
        scope = {
            "invitation": case.invitation,
            "rule": rule,
            "now": self._now.in_timezone(zone),
            "proposed_time": proposed,
            "leave": leave,
        }
        try:
            return render_comment(rule.then.comment, scope, case.calendar.when), None
        except PolicyError as mistake:
            return None, f"The comment of the rule '{rule.name}' cannot be written: {mistake.problem}"


def _applies(rule: Rule, asks_for_status: bool, case: Case) -> bool:
    if not asks_for_status and case.invitation.status is not ParticipationStatus.NEEDS_ACTION:
        return False
    return rule.when.holds(case) is True


def _by_mailbox(events: Iterable[Invitation], default: str | None) -> dict[str, _Events]:
    found: dict[str, _Events] = defaultdict(dict)
    for event in events:
        if event.reference.event_id is None:
            raise InvalidInputError(f"{event.reference}: an invitation that was listed has an event_id.")
        found[(event.reference.mailbox or default or "").casefold()][_key(event)] = event
    return dict(found)


def _key(event: Invitation) -> str:
    """Return a key of an event that is unique within its mailbox."""
    at = event.reference.original_start or event.time.start
    moment = at.timestamp() if isinstance(at, pendulum.DateTime) else at.isoformat()
    return f"{event.reference.event_id} {moment}"


def _without_body(invitation: Invitation) -> Invitation:
    """Return the invitation as a plan keeps it: a plan is shown and passed on, and needs no description."""
    return invitation if invitation.body is None else replace(invitation, body=None)


def _groups(invitations: _Events, calendar: _Events) -> list[_Group]:
    groups: dict[str, _Group] = {}
    for key, event in invitations.items():
        groups.setdefault(_series_of(event) or f"event {key}", _Group({}, {})).members[key] = event
    for key, event in calendar.items():
        series = _series_of(event)
        if key not in invitations and series in groups and not event.is_cancelled:
            groups[series].siblings[key] = event
    return list(groups.values())


def _series_of(event: Invitation) -> str | None:
    invitation = event
    if invitation.recurrence is Recurrence.SERIES:
        return f"series {invitation.reference.event_id}"
    if invitation.recurrence is Recurrence.INSTANCE and invitation.series_id is not None:
        return f"series {invitation.series_id}"
    return None
