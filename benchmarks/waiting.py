"""
Triggers that wait: the DAGs that have them, and what of them only a scheduler and workers would bring about.

A DAG file calls :func:`watching` and :func:`deferring`; ``python -m benchmarks.waiting`` defers the latter's tasks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_rsvp.model import EventReference
from airflow_provider_rsvp.sensors.participation_status import ParticipationStatusSensor
from airflow_provider_rsvp.triggers.new_invitation import NewInvitationTrigger
from airflow_provider_rsvp.triggers.participation_status import ParticipationStatusTrigger
from benchmarks.probe import Probe
from benchmarks.triggerer import CONN_ID, POLL

_SENSORS = "sensors"


def watching(probe: str, mailboxes: Sequence[str], share: int) -> DAG:
    """
    Return a DAG that waits for invitations, and for the probe.

    :param probe: the file that the probe writes
    :param share: how many watchers each mailbox has, which share one look
    """
    # A DAG that is scheduled on an asset keeps its watchers alive.
    assets = [Asset("probe", watchers=[AssetWatcher("probe", trigger=Probe(probe))])]
    for mailbox in mailboxes:
        for number in range(share):
            trigger = NewInvitationTrigger(
                conn_id=CONN_ID,
                mailbox=mailbox,
                filter={"subject": f"bulk meeting {number}"},
                poll_interval=POLL,
            )
            name = f"{mailbox} {number}"
            assets.append(Asset(name, watchers=[AssetWatcher(name, trigger=trigger)]))
    return DAG("watchers", schedule=assets)


def deferring(events: Sequence[dict[str, str]]) -> DAG:
    """
    Return a DAG whose sensors wait for an answer to one event each.

    :param events: arguments of the sensor
    """
    with DAG(_SENSORS, schedule=None) as dag:
        ParticipationStatusSensor.partial(
            task_id="wait", conn_id=CONN_ID, attendees="me", poke_interval=POLL
        ).expand_kwargs(events)
    return dag


def main() -> int:
    """Run the sensors' DAG, and defer each of its tasks as Airflow does when a worker has looked once."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    events = json.loads(Path(sys.argv[1]).read_text())
    now = pendulum.now("UTC")
    until = now.add(days=1)
    with create_session() as session:
        model = SerializedDagModel.get(_SENSORS, session=session)
        assert model is not None
        run = model.dag.create_dagrun(
            run_id="bench",
            run_after=now,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=session,
        )
        for ti in run.get_task_instances(session=session):
            trigger = Trigger.from_object(_trigger(events[ti.map_index], until.isoformat()))
            session.add(trigger)
            ti.state, ti.start_date, ti.try_number = TaskInstanceState.DEFERRED, now, 1
            ti.trigger, ti.trigger_timeout, ti.next_method = trigger, until, "execute_complete"
    return 0


def _trigger(event: dict[str, str], until: str) -> ParticipationStatusTrigger:
    """Return what the sensor waits with."""
    return ParticipationStatusTrigger(
        conn_id=CONN_ID,
        reference=EventReference(**event).to_plain(),
        scope="instance",
        attendees=["me"],
        status=["accepted"],
        quorum=None,
        deadline=None,
        until=until,
        poll_interval=POLL,
        failure_timeout=600,
        request_timeout=30,
        throttle_timeout=300,
    )


if __name__ == "__main__":
    sys.exit(main())
