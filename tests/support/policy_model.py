"""Helpers of the tests of policies: short ways to write events, and a slow model that is obviously right."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pendulum

from airflow_provider_rsvp.model import (
    Capabilities,
    EventReference,
    Invitation,
    ParticipationStatus,
    Person,
    Recurrence,
    Scope,
    TimeRange,
)
from airflow_provider_rsvp.policies import Policy, plan

BERLIN = "Europe/Berlin"
NOW = pendulum.datetime(2026, 11, 2, 8, tz=BERLIN)
"""A Monday."""
LIMITED = Capabilities(
    statuses=frozenset({ParticipationStatus.ACCEPTED, ParticipationStatus.DECLINED}),
    comment=False,
    silent=False,
    proposed_time=False,
    scopes=frozenset({Scope.INSTANCE}),
    mailboxes=False,
    ical_uid=False,
    response_is_proof=False,
    batch_size=1,
)
"""What a service can that carries an answer and nothing with it, and knows no tentative one."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at(text, zone=BERLIN):
    """``"11-03 10:00"`` or ``"2027-01-01 10:00"``."""
    if text.count("-") == 1:
        text = f"2026-{text}"
    return pendulum.instance(datetime.strptime(text, "%Y-%m-%d %H:%M"), tz=zone)


def invite(name="meeting", start="11-03 10:00", minutes=60, **changes):
    """An invitation that waits for an answer."""
    start = at(start) if isinstance(start, str) else start
    reference = {
        name: changes.pop(name) for name in ("mailbox", "calendar_id", "ical_uid") if name in changes
    }
    values = {
        "reference": EventReference(event_id="-".join(name.split()), **reference),
        "subject": name,
        "time": TimeRange(start, start.add(minutes=minutes)),
        "status": ParticipationStatus.NEEDS_ACTION,
        "organizer": Person("olga@example.com", "Olga"),
        "can_propose": True,
    }
    return Invitation(**{**values, **changes})


def all_day(name, first, days=1, **changes):
    """An invitation for whole days."""
    first = pendulum.date(2026, *map(int, first.split("-")))
    return invite(name, time=TimeRange(first, first.add(days=days)), **changes)


def held(name, start, minutes=60, status="accepted", **changes):
    """Something that is on my calendar already."""
    return invite(name, start, minutes, status=ParticipationStatus(status), **changes)


def weekly(name, start, count, minutes=60, **changes):
    """The instances of a weekly series."""
    first = at(start)
    return [
        invite(
            f"{name}-{index}",
            first.add(weeks=index),
            minutes,
            recurrence=Recurrence.INSTANCE,
            series_id=name,
            **{"subject": name, **changes},
        )
        for index in range(count)
    ]


def policy(*rules, **more):
    """A policy of ``(when, then)`` pairs, named r0, r1, ..."""
    named = [{"name": f"r{index}", "when": when, "then": then} for index, (when, then) in enumerate(rules)]
    return Policy.from_plain({"rules": named, **more})


OFFICE = {"timezone": BERLIN, "working_hours": {"mon-fri": ["09:00-12:00", "13:00-17:00"]}}


def decide(made, invitation, calendar=(), now=NOW, **more):
    """The one decision on one invitation or one series."""
    invitations = invitation if isinstance(invitation, list) else [invitation]
    (decision,) = plan(made, invitations, calendar, now, **more).decisions
    return decision


def answer(made, invitation, calendar=(), now=NOW, **more):
    """The status that is to be set, or None."""
    reply = decide(made, invitation, calendar, now, **more).reply
    return str(reply.status) if reply else None


# The slow model: minute by minute, by the clock on the wall.


def works_at(moment, zone, hours, holidays):
    """Whether a person works at a moment (UTC): ``hours`` maps a weekday to pairs of minutes after midnight."""
    wall = moment.astimezone(ZoneInfo(zone))
    if wall.date() in holidays:
        return False
    minute = wall.hour * 60 + wall.minute
    return any(start <= minute < end for start, end in hours.get(WEEKDAYS[wall.weekday()], ()))


def minutes_of(start, end):
    """Every minute of a stretch of time, in UTC."""
    moment = start
    while moment < end:
        yield moment
        moment += timedelta(minutes=1)


def works_throughout(start, end, zone, hours, holidays):
    return all(works_at(moment, zone, hours, holidays) for moment in minutes_of(start, end))


def meets(start, end, others):
    """Whether a stretch shares a minute with one of others."""
    taken = {moment for other in others for moment in minutes_of(*other)}
    return any(moment in taken for moment in minutes_of(start, end))


def first_free(after, before, length, step, zone, hours, holidays, others):
    """The first minute later than ``after`` at which a slot of ``length`` minutes can start, or None."""
    moment = after + timedelta(minutes=1)
    while moment < before:
        wall = moment.astimezone(ZoneInfo(zone))
        end = moment + timedelta(minutes=length)
        if (
            (wall.hour * 60 + wall.minute) % step == 0
            and works_throughout(moment, end, zone, hours, holidays)
            and not meets(moment, end, others)
        ):
            return moment
        moment += timedelta(minutes=1)
    return None


def day(text):
    return date.fromisoformat(text)
