"""Under every fault at every step, the organizer gets at most one mail, and the task tells the truth."""

from __future__ import annotations

import fault_matrix
import pytest

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize("cell", [pytest.param(cell, id=cell.id) for cell in fault_matrix.cells()])
def test_one_mail_at_most_and_a_true_report(sandbox: Sandbox, cell: fault_matrix.Cell) -> None:
    finding = fault_matrix.examine(sandbox, cell)

    assert finding.struck, "the fault never struck"
    assert not finding.duplicate, finding
    assert not finding.untrue, finding
    assert not finding.lost, finding
