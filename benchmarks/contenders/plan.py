"""Planning: fifty rules, with conflict checks, asked about many invitations on a calendar of as many events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.child import serve

_RULES = 50
_SINCE = "2026-06-01T00:00:00+00:00"


def prepare(job: dict[str, Any]) -> Callable[[], Any]:
    """Return the planning of as many invitations as the job says."""
    import pendulum

    from airflow_provider_rsvp.model import EventReference, Invitation, ParticipationStatus, Person, TimeRange
    from airflow_provider_rsvp.policies import Policy, plan

    first = pendulum.parse(_SINCE)
    assert isinstance(first, pendulum.DateTime)

    def event(number: int, status: ParticipationStatus, minutes: int) -> Invitation:
        # Eight of each kind begin on a day, so that a longer calendar is longer, and not fuller.
        start = first.add(days=number // 8, hours=8 + number % 8, minutes=minutes)
        return Invitation(
            reference=EventReference(event_id=f"{status}-{number}"),
            subject=f"Meeting {number}",
            time=TimeRange(start, start.add(minutes=30)),
            status=status,
            organizer=Person(f"person{number % 97}@company{number % 13}.example"),
        )

    count = job["count"]
    invitations = [event(number, ParticipationStatus.NEEDS_ACTION, 0) for number in range(count)]
    calendar = [
        event(number, ParticipationStatus.ACCEPTED, 15 + 20 * (number % 2)) for number in range(count)
    ]
    policy = Policy.from_plain(_policy())

    def work() -> int:
        return len(plan(policy, invitations, calendar, now=first).replies)

    return work


def _policy() -> dict[str, Any]:
    narrow = [
        {
            "name": f"rule {number}",
            "when": {
                "organizer": {"domain": f"company{number % 13}.example"},
                "subject": f"^meeting {number}[0-9]?$",
                "conflict": number % 2 == 0,
            },
            "then": {"action": "tentative"},
        }
        for number in range(_RULES - 2)
    ]
    return {
        "availability": {"timezone": "Europe/Berlin", "working_hours": {"mon-fri": "09:00-17:30"}},
        "rules": [
            *narrow,
            {"name": "conflicts", "when": {"conflict": {"percent_over": 20}}, "then": {"action": "decline"}},
            {"name": "all others", "when": {}, "then": {"action": "accept"}},
        ],
    }


if __name__ == "__main__":
    serve(prepare)
