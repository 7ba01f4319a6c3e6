"""Running a DAG through Airflow itself, with Airflow's own database and without a scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from demo.once import run_once

_BUNDLE = "dags-folder"


def register(dag: DAG) -> None:
    """Make the DAG known to Airflow's database, as the DAG processor does."""
    from airflow.configuration import conf
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    Path(conf.get("core", "dags_folder")).mkdir(exist_ok=True)
    DagBundlesManager().sync_bundles_to_db()
    with create_session() as session:
        session.merge(DagModel(dag_id=dag.dag_id, bundle_name=_BUNDLE, fileloc=__file__))
    SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name=_BUNDLE)


def run(dag: DAG, **options: Any) -> dict[str, Any]:
    """
    Run the DAG once and return its task instances by task id, mapped ones as ``task_id[map_index]``.

    A task is tried again after its ``retry_delay``; give it none.
    """
    register(dag)
    dag_run = run_once(dag, **options)
    return {
        ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]": ti
        for ti in dag_run.get_task_instances()
    }


def outcome(ti: Any) -> Any:
    """Return what a task instance gave to XCom."""
    return ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index if ti.map_index >= 0 else None)
