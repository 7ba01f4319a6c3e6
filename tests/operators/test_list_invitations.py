"""``ListInvitationsOperator``: what waits for an answer, a series once, over one or many mailboxes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG
from support.dagruns import outcome, run
from support.services import SERVICES

from airflow_provider_rsvp.hooks.errors import AirflowFailException
from airflow_provider_rsvp.operators.list_invitations import ListInvitationsOperator
from airflow_provider_rsvp.sandbox import Sandbox

CONNECTIONS = {each.name: each.conn_id for each in SERVICES.values()}


def invitations(conn_id: str, **arguments: Any) -> list[dict[str, Any]]:
    context: Any = {"ti": SimpleNamespace(try_number=1)}
    return ListInvitationsOperator(task_id="list", conn_id=conn_id, **arguments).execute(context)


def subjects(rows: list[dict[str, Any]]) -> set[str]:
    return {row["subject"] for row in rows}


@pytest.mark.parametrize(("service", "conn_id"), CONNECTIONS.items())
class TestEachService:
    def test_lists_what_waits_for_an_answer(self, sandbox: Sandbox, service: str, conn_id: str) -> None:
        rows = invitations(conn_id)

        assert {row["status"] for row in rows} == {"needs-action"}
        assert all(row["can_respond"] for row in rows)
        assert {"Sprint planning", "Release go/no-go"} <= subjects(rows)
        json.dumps(rows)

    def test_a_series_comes_once(self, sandbox: Sandbox, service: str, conn_id: str) -> None:
        rows = [row for row in invitations(conn_id, end="+30d") if row["subject"] == "Security training"]
        # Bitrix24 has an event of its own for what was split off a series.
        assert len(rows) == (2 if service == "bitrix24" else 1)

    @pytest.mark.parametrize("kind", ["answered", "cancelled", "own"])
    def test_the_rest_comes_when_asked_for(
        self, sandbox: Sandbox, service: str, conn_id: str, kind: str
    ) -> None:
        if kind == "cancelled" and service in ("bitrix24", "google"):
            pytest.skip("It no longer shows what was cancelled.")
        by_default, more = invitations(conn_id), invitations(conn_id, include=[kind])

        assert subjects(by_default) < subjects(more)

    def test_goes_by_the_start(self, sandbox: Sandbox, service: str, conn_id: str) -> None:
        starts = [row["start"][:10] for row in invitations(conn_id)]

        assert starts == sorted(starts)

    def test_keeps_to_the_window(self, sandbox: Sandbox, service: str, conn_id: str) -> None:
        days, weeks = invitations(conn_id, end="+2d"), invitations(conn_id, end="+8w")

        assert 0 < len(days) < len(weeks)


def test_a_series_names_its_instances(sandbox: Sandbox) -> None:
    rows = invitations("msgraph_calendar_default", end="+30d")
    (training,) = [row for row in rows if row["subject"] == "Security training"]

    assert training["series_id"]
    assert len(training["instances"]) == 5
    assert training["instances"][0]["event_id"] == training["event_id"]


def test_many_mailboxes_come_one_after_the_other(sandbox: Sandbox) -> None:
    rows = invitations(
        "msgraph_calendar_default",
        mailboxes=["bob@contoso.example", "carol@contoso.example", "bob@contoso.example"],
    )

    mailboxes = [row["mailbox"] for row in rows]
    assert list(dict.fromkeys(mailboxes)) == ["bob@contoso.example", "carol@contoso.example"]
    assert len(rows) == len({(row["mailbox"], row["event_id"]) for row in rows})


def test_pages_are_followed_to_the_end(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.reset(limits=False, bulk={"mailboxes": 1, "invitations": 600})

    rows = invitations("msgraph_calendar_default", mailboxes="bulk1@contoso.example", end="+52w")

    assert len(rows) == 600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"end": "-1d"}, "window: the end .* is not after the start"),
        ({"start": "2026-01-01T10:00"}, "start: .* has no time zone"),
        ({"start": "soon"}, "start: 'soon' is not an ISO 8601 time"),
        ({"end": "+999999999d"}, "end: .* is too far away"),
        ({"timezone": "Mars/Base"}, "timezone: 'Mars/Base' is not a time zone"),
        (
            {"include": ["drafts", "everything"]},
            "include: .* is not one of 'answered', 'cancelled', 'drafts', 'own'",
        ),
    ],
)
def test_bad_input_names_its_field(sandbox: Sandbox, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message):
        invitations("msgraph_calendar_default", **arguments)

    assert [request for request in sandbox.requests() if request["operation"] == "list"] == []


@pytest.mark.parametrize("conn_id", [each.conn_id for each in SERVICES.values() if each.bare])
def test_another_mailbox_is_refused_where_a_connection_is_one_user(sandbox: Sandbox, conn_id: str) -> None:
    with pytest.raises(AirflowFailException, match=r"mailbox: .* only for its own user"):
        invitations(conn_id, mailboxes=["somebody@company.example"])


@pytest.mark.airflow
@pytest.mark.usefixtures("database")
def test_its_rows_can_be_mapped_over(sandbox: Sandbox) -> None:
    from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator

    with DAG("list_and_reply", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        rows = ListInvitationsOperator(
            task_id="list",
            conn_id="msgraph_calendar_default",
            mailboxes=["carol@contoso.example"],
            end="{{ '+14d' }}",
        )
        SetParticipationStatusOperator.partial(
            task_id="accept", conn_id="msgraph_calendar_default", status="accepted", scope="series"
        ).expand_kwargs(rows.output.map(lambda row: {key: row[key] for key in ("mailbox", "event_id")}))
    instances = run(dag)

    found = outcome(instances.pop("list"))
    assert found
    assert {instance.state for instance in instances.values()} == {"success"}
    assert len(sandbox.mail()) == len(found)
