"""Many replies on a real server: planned, sent in one task, sent again; what Bob receives."""

from __future__ import annotations

from secrets import token_hex

import pytest
from support.bulk import Task, counts, plans

pytestmark = pytest.mark.any_airflow

HOW_MANY = 8


@pytest.fixture
def invited(cyrus):
    """Events of a day that no other test uses, in the order of their starts, and what plans replies to them."""
    name = token_hex(4)
    events = [
        cyrus.invite(
            SUMMARY=f"{name} {number}",
            DTSTART=f"20410305T{number + 8:02}0000Z",
            DTEND=f"20410305T{number + 8:02}3000Z",
        )
        for number in range(HOW_MANY)
    ]
    policy = {"rules": [{"name": "all of them", "when": {"subject": name}, "then": {"action": "accept"}}]}

    def plan():
        where = {"conn_id": "caldav_default", "start": "2041-03-05T00:00Z", "end": "2041-03-06T00:00Z"}
        return plans([where], policy)

    return events, plan


def test_each_gets_one_reply_and_the_second_time_none(invited, proxy):
    events, plan = invited
    planned = plan()

    report = Task().send(planned)

    assert counts(report) == {"replied": HOW_MANY}
    assert {(line["status_before"], line["status_after"]) for line in report["outcomes"]} == {
        ("needs-action", "accepted")
    }
    assert [event.told for event in events] == [[["accepted"]]] * HOW_MANY
    assert counts(Task().send(planned)) == {"unchanged": HOW_MANY}
    assert [event.told for event in events] == [[["accepted"]]] * HOW_MANY


def test_a_dry_run_tells_nobody(invited):
    events, plan = invited

    assert counts(Task().send(plan(), dry_run=True)) == {"skipped": HOW_MANY}
    assert [event.told for event in events] == [[]] * HOW_MANY


def test_what_breaks_after_it_took_effect_is_not_sent_again(invited, proxy):
    events, plan = invited
    planned = plan()
    proxy.faults({"kind": "cut", "operation": "send", "when": "after", "times": 3})

    assert counts(Task().send(planned)) == {"replied": HOW_MANY}
    assert [event.told for event in events] == [[["accepted"]]] * HOW_MANY


def test_what_breaks_before_is_sent_by_the_retry(invited, proxy):
    events, plan = invited
    planned, task = plan(), Task()
    proxy.faults({"kind": "status", "operation": "send", "status": 500, "times": 3})

    report = task.send(planned, settle_timeout=0.5)

    assert counts(report) == {"replied": HOW_MANY - 3, "failed": 3}
    assert task.retried
    assert counts(task.send(planned)) == {"replied": HOW_MANY}
    assert [event.told for event in events] == [[["accepted"]]] * HOW_MANY


def test_what_was_moved_since_is_skipped(invited):
    events, plan = invited
    planned = plan()
    mine = [each["invitation"]["subject"] for each in planned[0]["decisions"] if each["reply"]]
    (subject,) = (each for each in mine if each.endswith(" 2"))
    events[2].change(SUMMARY=subject, DTSTART="20410305T200000Z", DTEND="20410305T203000Z", SEQUENCE="1")

    report = Task().send(planned)

    (skipped,) = (line for line in report["outcomes"] if line["outcome"] == "skipped")
    assert "moved" in skipped["detail"]
    assert events[2].told == []
    assert counts(report) == {"replied": HOW_MANY - 1, "skipped": 1}
