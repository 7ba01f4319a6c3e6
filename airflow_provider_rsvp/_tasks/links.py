"""Links from a task to the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.execution_time.xcom import XCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class EventLink(BaseOperatorLink):
    """Opens the event in its calendar."""

    name = "Open event"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link in the task's outcome, or empty text."""
        outcome = XCom.get_value(ti_key=ti_key, key=BaseXCom.XCOM_RETURN_KEY)
        link = outcome.get("link") if isinstance(outcome, dict) else None
        return link or ""
