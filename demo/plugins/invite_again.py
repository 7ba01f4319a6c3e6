"""A plugin of the Airflow that ``make up`` starts: its scheduler invites again when a run of an example begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.utils.types import DagRunType

from demo.invitations import invite_again

if TYPE_CHECKING:
    from airflow.models import DagRun


class BeginningRuns:
    """Listens to runs that begin."""

    @hookimpl
    def on_dag_run_running(self, dag_run: DagRun) -> None:
        """
        Invite again for a run that is new.

        A run that was cleared finds its own answers, and sends nothing. A run that an invitation started must not
        cause the next one.
        """
        if dag_run.clear_number == 0 and dag_run.run_type != DagRunType.ASSET_TRIGGERED:
            invite_again(dag_run.dag_id)


class InviteAgain(AirflowPlugin):
    """What Airflow looks for in its folder of plugins."""

    name = "rsvp_invite_again"
    listeners = [BeginningRuns()]  # noqa: RUF012 - as Airflow declares it
