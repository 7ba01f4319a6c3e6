"""One event by many names, and many events in one object: one mail for each, on a server without scheduling."""

from __future__ import annotations

import asyncio
from secrets import token_hex

import pytest
from support.bulk import Task, counts
from support.caldav_connections import set_connection
from support.cyrus_server import ALICE, partstats
from support.replies import reply

from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply
from airflow_provider_rsvp.plans.planned_reply import PlannedReply

pytestmark = pytest.mark.any_airflow


@pytest.fixture
def uid(radicale) -> str:
    return f"event-{token_hex(6)}"


def name_by_id(uid):
    return {"event_id": f"work/{uid}.ics"}


def name_by_uid(uid):
    return {"ical_uid": uid}


def name_in_other_characters(uid):
    return {"event_id": f"work/{uid}%2Eics"}


NAMES = [name_by_id, name_by_uid, name_in_other_characters]


@pytest.mark.parametrize("other", NAMES)
def test_two_tasks_at_once_mail_once(radicale, sink, uid, other):
    radicale.invite(uid)

    async def both():
        return await asyncio.gather(
            *(
                get_calendar_hook("caldav_mail").aset_participation_status(
                    EventReference.parse(**name(uid)), Reply(status=ParticipationStatus.ACCEPTED)
                )
                for name in (name_by_id, other)
            )
        )

    outcomes = asyncio.run(both())

    assert sorted(str(outcome.result) for outcome in outcomes) == ["replied", "unchanged"]
    assert len(sink.letters) == 1


@pytest.mark.parametrize("other", [name_by_uid, name_in_other_characters])
def test_one_task_mails_the_first_and_skips_the_second(radicale, sink, uid, other):
    radicale.invite(uid)
    replies = [{**name_by_id(uid), "status": "accepted"}, {**other(uid), "status": "declined"}]

    report = Task().send(replies, conn_id="caldav_mail")

    assert counts(report) == {"replied": 1, "skipped": 1}
    assert len(sink.letters) == 1


def test_one_calendar_through_two_connections_is_one(radicale, radicale_proxy, sink, uid, monkeypatch):
    radicale.invite(uid)
    set_connection(
        monkeypatch, "caldav_other", radicale_proxy.url, addresses=ALICE, smtp_conn_id="mail_server"
    )
    claims = {}

    async def send():
        return await asyncio.gather(
            *(
                get_calendar_hook(conn_id).asend_replies(
                    [PlannedReply.from_arguments({**name_by_id(uid), "status": status})], claims=claims
                )
                for conn_id, status in (("caldav_mail", "accepted"), ("caldav_other", "declined"))
            )
        )

    lines = [line for each in asyncio.run(send()) for line in each]

    assert sorted(str(line.outcome.result) for line in lines) == ["replied", "skipped"]
    assert len(sink.letters) == 1


def test_the_instances_of_a_series_wait_for_each_other(radicale, sink, uid):
    """They lie in one object, of which every answer writes the whole."""
    radicale.invite(uid, "RRULE:FREQ=DAILY;COUNT=12")
    replies = [
        {"event_id": f"work/{uid}.ics#204001{day:02}T100000Z", "status": "accepted"} for day in range(5, 15)
    ]

    report = Task().send(replies, conn_id="caldav_mail")

    assert counts(report) == {"replied": len(replies)}
    assert len(sink.letters) == len(replies)


def test_a_series_is_answered_before_its_instance(radicale, sink, uid):
    radicale.invite(uid, "RRULE:FREQ=DAILY;COUNT=4")
    replies = [
        {"event_id": f"work/{uid}.ics#20400106T100000Z", "status": "declined"},
        {"event_id": f"work/{uid}.ics", "status": "accepted", "scope": "series"},
    ]

    report = Task().send(replies, conn_id="caldav_mail")

    assert counts(report) == {"replied": 2}
    assert partstats(radicale.get(uid), ALICE) == ["accepted", "declined"]
    assert [letter["Subject"].partition(":")[0] for letter in sink.letters] == ["Accepted", "Declined"]


def test_a_forced_answer_is_written_over_no_version_that_was_not_seen(radicale, radicale_proxy, uid):
    radicale.invite(uid)
    for force in (False, True):
        radicale_proxy.faults()
        reply("caldav_plain", "accepted", notify_organizer=False, force=force, **name_by_id(uid))

        (request,) = radicale_proxy.of("send")
        assert request.headers["If-Match"].startswith('"')
