"""An error that nobody foresaw, somewhere in one reply of many: its own line, and no other outcome is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.bulk import Task, accounts, counts, mails_per_event, plans
from support.services import SERVICES
from support.state_store import StateStore

from airflow_provider_rsvp.exceptions import ConfigurationError, PassingError
from airflow_provider_rsvp.hooks.base import CalendarHook
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.any_airflow

INVITATIONS = 8
SECRET = "no-one-may-read-this"


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def plan(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, service: str) -> list[dict[str, Any]]:
    sandbox.reset(bulk={"mailboxes": 1, "invitations": INVITATIONS}, limits=False)
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return plans(accounts(service, 1))


@pytest.fixture
def strike(service: str) -> Iterator[Callable[..., Callable[[], None]]]:
    """Let a method of the service's client fail for one event, or any; returns what mends it."""
    kind = SERVICES[service].client
    with ExitStack() as stack:

        def define(method: str, when: str, event_id: str | None) -> Callable[[], None]:
            real = getattr(kind, method)

            def fail(what: Any) -> None:
                reference = getattr(what, "reference", what)
                if event_id in (None, getattr(reference, "event_id", event_id)):
                    raise KeyError(SECRET)

            async def failing(self: Any, what: Any, *given: Any) -> Any:
                if when == "before":
                    fail(what)
                result = await real(self, what, *given)
                fail(what)
                return result

            async def failing_amid(self: Any, *given: Any, **more: Any) -> Any:
                async for each in real(self, *given, **more):
                    yield each
                    fail(None)

            changed = pytest.MonkeyPatch()
            changed.setattr(kind, method, failing_amid if method.startswith("list_") else failing)
            stack.callback(changed.undo)
            return changed.undo

        yield define


def one_of(plan: list[dict[str, Any]]) -> str:
    return str(plan[0]["decisions"][3]["invitation"]["event_id"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_in_a_sending_is_unclear_for_this_reply_alone(
    sandbox: Sandbox,
    plan: list[dict[str, Any]],
    strike: Callable[..., Callable[[], None]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    when: str,
) -> None:
    unlucky, task, path = one_of(plan), Task(), tmp_path / "report.json"
    restore = strike("send", when, unlucky)

    report = task.send(plan, settle_timeout=0.5, report_path=f"file://{path}")

    assert counts(report) == {"replied": INVITATIONS - 1, "failed": 1}
    (failed,) = (line for line in report["outcomes"] if line["outcome"] == "failed")
    assert failed["event_id"] == unlucky
    assert "Unexpected KeyError" in failed["detail"]
    assert "may or may not have been sent" in failed["detail"]
    assert isinstance(task.pushed["error"], PassingError)
    assert json.loads(path.read_text()) == report == task.pushed["return_value"]
    assert SECRET not in json.dumps(report) + caplog.text

    restore()
    report = task.send(plan)

    assert counts(report) == {"replied": INVITATIONS}
    assert list(mails_per_event(sandbox).values()) == [1] * INVITATIONS


@pytest.mark.parametrize("method", ["list_invitations", "observe", "read_status", "list_statuses"])
def test_in_a_look_costs_no_mail_and_no_outcome(
    sandbox: Sandbox, plan: list[dict[str, Any]], strike: Callable[..., Callable[[], None]], method: str
) -> None:
    """With a listing that fails, each is looked at by itself; what then fails is a line of the report."""
    unlucky, task = one_of(plan), Task()
    restore = strike(method, "after", unlucky)
    # Fewer than three replies, and those of which a listing shows nothing, are looked at one by one.
    also = strike("list_invitations", "before", None) if method in ("observe", "read_status") else restore

    report = task.send(plan, settle_timeout=0.5)

    others = {line["outcome"] for line in report["outcomes"] if line["event_id"] != unlucky}
    assert others == {"replied"}
    restore()
    also()
    if task.retried:
        report = task.send(plan)
    assert counts(report) == {"replied": INVITATIONS}
    assert list(mails_per_event(sandbox).values()) == [1] * INVITATIONS


class FullStore(StateStore):
    """A store that takes so many writes."""

    left = 0

    def set(self, key: str, value: Any) -> None:
        if self.left == 0:
            raise KeyError(SECRET)
        self.left -= 1
        super().set(key, value)


@pytest.mark.parametrize("writes", [0, 1])
def test_in_the_notes_costs_no_mail_and_no_outcome(
    sandbox: Sandbox, plan: list[dict[str, Any]], writes: int
) -> None:
    """Without a note that it is about to be sent, nothing is sent; without one that it was, the next try looks."""
    store = FullStore()
    store.left = writes
    task = Task(store)

    report = task.send(plan, settle_timeout=0.5)

    assert len(report["outcomes"]) == INVITATIONS
    assert len(sandbox.mail()) == report["counts"]["replied"]
    if not writes:
        assert counts(report) == {"failed": INVITATIONS}
    store.left = 100
    report = task.send(plan)
    assert counts(report) == {"replied": INVITATIONS}
    assert list(mails_per_event(sandbox).values()) == [1] * INVITATIONS


@pytest.mark.parametrize("error", [KeyError(SECRET), ConfigurationError("host: is needed.")], ids=repr)
def test_in_a_whole_connection_loses_nothing_of_the_others(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sandbox.reset(bulk={"mailboxes": 2, "invitations": INVITATIONS}, limits=False)
    for conn_id, connection in sandbox.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    made = plans(accounts("cronofy", 2))
    broken = str(made[0]["conn_id"])
    send = CalendarHook.asend_replies

    async def failing(self: CalendarHook, *given: Any, **more: Any) -> Any:
        if self.conn_id == broken:
            raise error
        return await send(self, *given, **more)

    task = Task()
    with monkeypatch.context() as changed:
        changed.setattr(CalendarHook, "asend_replies", failing)
        report = task.send(made)

    lost = len(made[0]["decisions"])
    assert counts(report) == {"replied": INVITATIONS - lost, "failed": lost}
    assert {line["conn_id"] for line in report["outcomes"] if line["outcome"] == "failed"} == {broken}
    assert SECRET not in json.dumps(report)
    assert task.retried is not isinstance(error, ConfigurationError)
    assert counts(task.send(made)) == {"replied": INVITATIONS}
    assert list(mails_per_event(sandbox).values()) == [1] * INVITATIONS
