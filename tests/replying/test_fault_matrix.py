"""Under every fault at every step, the organizer gets at most one mail, and the task tells the truth."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from support import fault_matrix

from airflow_provider_rsvp._tasks.memory import task_memory
from airflow_provider_rsvp.exceptions import UnclearOutcomeError
from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.any_airflow, pytest.mark.slow]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.cls is None:
        return
    cells = [cell for cell in fault_matrix.cells() if cell.subject.name == metafunc.cls.subject]
    metafunc.parametrize("cell", [pytest.param(cell, id=cell.id) for cell in cells])


def test_a_refusal_does_not_make_a_task_forget_what_an_earlier_try_sent(sandbox: Sandbox) -> None:
    """Try 1 is cut off and does not see its decline, try 2 is refused, and the event goes away before try 3."""
    event_id = sandbox.event_id("graph", "planning")
    (decline,) = (subject for subject in fault_matrix.SUBJECTS if subject.name == "Graph, decline")
    operator = fault_matrix.operator_for(decline, event_id)
    store = fault_matrix.StateStore()
    context: Any = {"task_state_store": store, "ti": SimpleNamespace(try_number=1)}
    send = {"service": "graph", "operation": "send"}
    sandbox.faults([{**send, "kind": "cut"}])
    with pytest.raises(UnclearOutcomeError):
        operator.execute(context)
    noted = task_memory(context).intent("reply")
    assert noted is not None
    sandbox.faults([{**send, "kind": "status", "status": 403}])
    with pytest.raises(AirflowFailException):
        operator.execute(context)

    assert task_memory(context).intent("reply") == noted


class Matrix:
    """The cells of one subject; a class of its own for each, as workers share out classes."""

    subject: str

    def test_one_mail_at_most_and_a_true_report(self, sandbox: Sandbox, cell: fault_matrix.Cell) -> None:
        finding = fault_matrix.examine(sandbox, cell)

        assert finding.struck, "the fault never struck"
        assert not finding.duplicate, finding
        assert not finding.untrue, finding
        assert not finding.lost, finding


class TestCronofyAccept(Matrix):
    subject = "Cronofy, accept"


class TestCronofyOnExchangeDecline(Matrix):
    subject = "Cronofy on Exchange, decline"


class TestBitrix24Accept(Matrix):
    subject = "Bitrix24, accept"


class TestBitrix24Decline(Matrix):
    subject = "Bitrix24, decline"


class TestGraphAccept(Matrix):
    subject = "Graph, accept"


class TestGraphDecline(Matrix):
    subject = "Graph, decline"


class TestGoogleAccept(Matrix):
    subject = "Google, accept"


class TestGoogleDecline(Matrix):
    subject = "Google, decline"
