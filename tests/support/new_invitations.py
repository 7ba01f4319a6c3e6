"""Running triggers on new invitations as the triggerer does."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager

import pendulum
import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger
from support.running_airflow import wait_until
from support.services import SERVICES

GRAPH, ALICE = SERVICES["graph"].static, SERVICES["graph"].mailbox
NOW = pendulum.now("UTC")
acknowledging = pytest.mark.skipif(
    not hasattr(BaseEventTrigger, "create_shared_stream_producer"),
    reason="needs an Airflow that confirms that it has stored an event",
)


class Store:
    """What Airflow 3.3 gives a trigger for its asset."""

    def __init__(self):
        self.values = {}
        self.writes = 0

    async def aget(self, key, default=None):
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key, value):
        self.values[key] = json.dumps(value)
        self.writes += 1


def trigger(conn_id, store=None, **arguments):
    made = NewInvitationTrigger(
        **{"conn_id": conn_id, "poll_interval": 0.05, "failure_timeout": 0, **arguments}
    )
    made.asset_state_store = store or Store()
    return made


def run_to_the_end(loop, task):
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(asyncio.wait([task]))


@contextmanager
def watching(trigger):
    """Run a trigger as the triggerer does, in an event loop of its own; yields the events as they come."""
    found = []

    async def collect():
        async for event in trigger.run():
            found.append(event.payload["invitations"])  # noqa: PERF401 - seen from outside as they come

    loop = asyncio.new_event_loop()
    task = loop.create_task(collect())
    thread = threading.Thread(target=run_to_the_end, args=(loop, task))
    thread.start()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
    assert task.cancelled() or not task.exception()


def wait_for(done, what=lambda: ""):
    wait_until(done, seconds=60, what=what)


def wait_for_polls(sandbox, more=4):
    """Wait until the service has received a few more requests."""
    begun = len(sandbox.requests())
    wait_for(lambda: len(sandbox.requests()) >= begun + more)


def invite(sandbox, service, **wish):
    mailbox = SERVICES[service].mailbox
    start = NOW.add(days=2, hours=3).isoformat()
    return sandbox.invite(
        **{"service": service, "mailbox": mailbox, "subject": "Brand new", "start": start} | wish
    )


@contextmanager
def sharing(*triggers, join=None):
    """
    Run triggers as Airflow's triggerer does where they share their polls; all but the first once ``join`` is set.

    Yields the events of each, which are to be confirmed, and a function that confirms that they are stored.
    """
    from airflow.triggers.shared_stream import SharedStreamManager

    found = [[] for _ in triggers]
    manager = SharedStreamManager()

    async def collect(number, trigger):
        if number and join:
            await asyncio.to_thread(join.wait, 60)
        key = trigger.shared_stream_key()
        stream = manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for _ in trigger.filter_shared_stream(stream):
                found[number].append(manager.bind_pending_event(trigger_id=number, key=key))
        finally:
            await manager.unsubscribe(number, key)

    async def together():
        await asyncio.gather(*(collect(*each) for each in enumerate(triggers)))

    loop = asyncio.new_event_loop()
    task = loop.create_task(together())
    thread = threading.Thread(target=run_to_the_end, args=(loop, task))
    thread.start()
    try:
        yield found, lambda seqs: loop.call_soon_threadsafe(manager.confirm_persisted, list(seqs))
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
    assert task.cancelled() or not task.exception()
