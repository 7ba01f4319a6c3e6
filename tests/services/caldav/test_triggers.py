"""Waiting for invitations on a real server: what comes in is announced once."""

from __future__ import annotations

import asyncio
import json
from secrets import token_hex

import pendulum
import pytest
from support.replies import reply

from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

pytestmark = pytest.mark.any_airflow


class Store:
    """What Airflow 3.3 gives a trigger for its asset."""

    def __init__(self):
        self.values = {}

    async def aget(self, key, default=None):
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key, value):
        self.values[key] = json.dumps(value)


@pytest.fixture
def invite(cyrus):
    """Invites Alice to something in the next days."""
    name = token_hex(4)

    def invite(number):
        start = pendulum.now("UTC").add(days=2, hours=number).start_of("hour")
        return cyrus.invite(
            SUMMARY=f"{name} {number}",
            DTSTART=start.format("YYYYMMDD[T]HHmmss[Z]"),
            DTEND=start.add(minutes=30).format("YYYYMMDD[T]HHmmss[Z]"),
        )

    invite.name = name
    return invite


def watch(invite, store):
    watching = NewInvitationTrigger(
        conn_id="caldav_default", filter={"subject": invite.name}, poll_interval=0.1, failure_timeout=0
    )
    watching.asset_state_store = store
    return watching.run()


def ids(event):
    return [each["event_id"] for each in event.payload["invitations"]]


def test_each_is_announced_once_and_after_a_restart_only_what_came_in_meanwhile(invite):
    store = Store()

    async def before_the_restart():
        events = watch(invite, store)
        waiting = ids(await anext(events))
        new = await asyncio.to_thread(invite, 2)
        announced = ids(await anext(events))
        # My own answer is no news; the third is, and what was announced before it is saved by then.
        await asyncio.to_thread(reply, "caldav_default", "accepted", event_id=new.event_id)
        third = await asyncio.to_thread(invite, 3)
        return waiting, announced, new, ids(await anext(events)), third, events

    async def run():
        first = invite(1)
        waiting, announced, new, last, third, events = await before_the_restart()
        assert waiting == [first.event_id]
        assert announced == [new.event_id]
        assert last == [third.event_id]
        fourth = await asyncio.to_thread(invite, 4)
        assert ids(await anext(events)) == [fourth.event_id]
        await events.aclose()
        fifth = await asyncio.to_thread(invite, 5)
        # The fourth was announced, and not yet noted, when the triggerer died; the others are not announced again.
        assert set(ids(await anext(watch(invite, store)))) == {fourth.event_id, fifth.event_id}

    asyncio.run(asyncio.wait_for(run(), 90))
