"""The consumers that wait: triggers and sensors."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pendulum
import pytest
from hostile.corpus.run import Run, Seen, one_by_one

from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.sensors.invitation import InvitationSensor
from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # Airflow 3.1 has it here only
    from airflow.exceptions import TaskDeferred

_FIRES_WITHIN = 10.0


class _AssetStateStore(dict[str, Any]):
    async def aget(self, key: str) -> Any:
        return self.get(key)

    async def aset(self, key: str, value: Any) -> None:
        self[key] = value


async def _first_event(trigger: Any) -> Any:
    """Return what a trigger fires with first; a trigger that logs an error before is as good as blind."""
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not failed.done():
                failed.set_result(record.getMessage())

    handler, fired = Failing(logging.ERROR), trigger.run()
    logging.getLogger("airflow_provider_rsvp").addHandler(handler)
    first = asyncio.ensure_future(anext(fired))
    try:
        await asyncio.wait({first, failed}, timeout=_FIRES_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if first.done():
            return first.result().payload
        raise AirflowFailException(failed.result() if failed.done() else "the trigger does not fire")
    finally:
        logging.getLogger("airflow_provider_rsvp").removeHandler(handler)
        first.cancel()
        await asyncio.wait({first})
        await fired.aclose()


def _announced(run: Run, **options: Any) -> list[dict[str, Any]]:
    async def first() -> Any:
        trigger = NewInvitationTrigger(
            conn_id=run.box.conn_id, failure_timeout=0.0, poll_interval=0.01, **options
        )
        trigger.asset_state_store = _AssetStateStore()
        return await _first_event(run.logging(trigger))

    payload = asyncio.run(first())
    run.evidence.xcom(payload, "event")
    invitations: list[dict[str, Any]] = payload["invitations"]
    return invitations


def trigger(run: Run) -> Seen:
    """``NewInvitationTrigger``, one look."""
    return run.seen_in(_announced(run))


def trigger_with_filter(run: Run) -> Seen:
    """``NewInvitationTrigger`` with a filter that looks at what strangers wrote."""
    return run.seen_in(
        _announced(run, filter={"subject": r"(\w|\W|^$)", "not": {"organizer": {"domain": "nobody.example"}}})
    )


def invitation_sensor(run: Run) -> Seen:
    """``InvitationSensor`` that pokes."""
    sensor = InvitationSensor(
        task_id="sensor", conn_id=run.box.conn_id, deferrable=False, failure_timeout=0.0
    )
    poked = run.logging(sensor).poke(run.context())
    run.evidence.xcom(poked.xcom_value)
    return run.seen_in(poked.xcom_value or ())


def deferred_sensor(run: Run) -> Seen:
    """``InvitationSensor`` that waits in the triggerer and is woken."""
    sensor = InvitationSensor(task_id="sensor", conn_id=run.box.conn_id, existing=False, failure_timeout=0.0)
    run.logging(sensor)
    try:
        sensor.execute(run.context())
    except TaskDeferred as deferred:
        waiting = deferred.trigger
    else:
        raise AssertionError("it does not defer")
    # As if nothing had been known, so that all that lies there is new.
    waiting.known = {}

    async def woken() -> Any:
        return await _first_event(run.logging(waiting))

    event = asyncio.run(woken())
    run.evidence.xcom(event, "event")
    rows = sensor.execute_complete(run.context(), event)
    run.evidence.xcom(rows)
    return run.seen_in(rows or ())


def status_sensor(run: Run) -> Seen:
    """``ParticipationStatusSensor``: it looks, defers, and its trigger looks."""

    def answer(_: str, event: dict[str, Any]) -> None:
        waiting = ParticipationStatusSensor(
            task_id="sensor",
            conn_id=run.box.conn_id,
            event_id=event["event_id"],
            attendees="me",
            failure_timeout=0.0,
            status="accepted",
        )
        try:
            run.logging(waiting).execute(run.context())
        except TaskDeferred as deferred:
            looking: Any = deferred.trigger
        else:
            raise AssertionError("it does not defer")
        run.evidence.xcom(looking.serialize()[1], "trigger")
        # The deadline has it fire after one look; that nothing is decided shows in that the sensor waits again.
        looking.deadline = pendulum.now("UTC").isoformat()
        event = asyncio.run(_first_event(run.logging(looking)))
        assert event["failed"] is False
        with pytest.raises(TaskDeferred):
            waiting.execute_complete(run.context(), event)

    return one_by_one(run, answer)
