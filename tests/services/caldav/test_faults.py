"""CalDAV in the fault matrix: real servers behind a proxy that fails at every step, and what Bob received."""

from __future__ import annotations

from typing import Any

import pytest
from support import caldav_mail_faults, fault_matrix
from support.caldav_proxy import Proxy
from support.cyrus_server import Cyrus
from support.fault_matrix import Cell, Finding, Subject
from support.radicale_server import Radicale
from support.smtp_sink import SmtpSink

pytestmark = pytest.mark.any_airflow

STEPS: dict[str, dict[str, Any]] = {
    "discover": {"operation": "discover"},
    "look": {"operation": "observe"},
    "send": {"operation": "send"},
    "read back": {"operation": "observe", "skip": 1},
}
CHANGED = {
    "412": {"kind": "status", "status": 412},
    "412, after it took effect": {"kind": "status", "status": 412, "when": "after"},
}
ACCEPT = Subject("CalDAV, accept", "caldav", "caldav_default", "", "accepted", steps=STEPS)
DECLINE = Subject(
    "CalDAV, decline", "caldav", "caldav_default", "", "declined", steps={"send": STEPS["send"]}
)


def cells(subject: Subject) -> list[Cell]:
    if subject is caldav_mail_faults.SUBJECT:
        return caldav_mail_faults.cells()
    return list(fault_matrix.cells([subject], only_send=CHANGED))


def examine(cyrus: Cyrus, proxy: Proxy, cell: Cell) -> Finding:
    """Run one cell."""
    event = cyrus.invite()
    proxy.faults({name: value for name, value in cell.rule.items() if name != "message"})
    reported, message, tries = fault_matrix.run(cell, event.event_id)
    struck = proxy.struck
    proxy.faults()
    (stands,) = event.statuses("alice")
    # Bob's own calendar says the same as the mail that he got.
    assert event.statuses("bob") == (event.told[-1] if event.told else ["needs-action"])
    return Finding(cell, len(event.replies), stands, reported, message, tries, struck)


class Matrix:
    subject: Subject

    def test_one_reply_at_most_and_a_true_report(self, cyrus: Cyrus, proxy: Proxy, cell: Cell) -> None:
        finding = examine(cyrus, proxy, cell)

        assert finding.struck, "the fault never struck"
        assert not finding.duplicate, finding
        assert not finding.untrue, finding
        assert not finding.lost, finding


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        metafunc.parametrize("cell", [pytest.param(each, id=each.id) for each in cells(metafunc.cls.subject)])


class TestByMail:
    subject = caldav_mail_faults.SUBJECT

    def test_one_mail_at_most_and_a_true_report(
        self, radicale: Radicale, radicale_proxy: Proxy, sink: SmtpSink, cell: Cell
    ) -> None:
        finding = caldav_mail_faults.examine(radicale, radicale_proxy, sink, cell)

        assert finding.struck, "the fault never struck"
        assert not finding.duplicate, finding
        assert not finding.untrue, finding
        assert not finding.lost, finding


class TestAccept(Matrix):
    subject = ACCEPT


class TestDecline(Matrix):
    subject = DECLINE
