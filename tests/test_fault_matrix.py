"""Under every fault at every step, the organizer gets at most one mail, and the task tells the truth."""

from __future__ import annotations

import fault_matrix
import pytest

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("database")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cells = [cell for cell in fault_matrix.cells() if cell.subject.name == metafunc.cls.subject]
    metafunc.parametrize("cell", [pytest.param(cell, id=cell.id) for cell in cells])


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
