"""The sandbox's control API, over HTTP and from Python alike."""

import json
import re
from datetime import datetime, timedelta

import pytest
from support.services import SERVICES

from airflow_provider_rsvp.sandbox import InputError, Sandbox
from airflow_provider_rsvp.sandbox.bitrix24 import seed as bitrix24_seed
from airflow_provider_rsvp.sandbox.cronofy import seed as cronofy_seed
from airflow_provider_rsvp.sandbox.graph import seed as graph_seed

pytestmark = pytest.mark.any_airflow

EXAMPLES = (
    "standup planning release review board offsite lunch interview training retro".split()  # noqa: SIM905
)


def shown(sandbox, service):
    """All that a service holds, as rows in the order of their ids."""
    rows = (row for row in sandbox.invitations() if row["service"] == service)
    return sorted(rows, key=lambda row: (row["mailbox"], row["event_id"]))


class TestRestoring:
    FIRST = tuple((each.name, each.mailbox, each.address) for each in SERVICES.values())

    @pytest.mark.parametrize(("service", "mailbox", "address"), FIRST)
    def test_answered_and_cancelled_meetings_are_as_at_the_start(self, sandbox, service, mailbox, address):
        before = shown(sandbox, service)
        for row in before:
            if row["mailbox"] == mailbox and address in row["attendees"]:
                sandbox.answer(service, row["event_id"], address, "declined")
        sandbox.cancel(service, sandbox.event_id(service, "review"))
        assert shown(sandbox, service) != before
        sandbox.restore(service, mailbox)
        assert shown(sandbox, service) == before

    def test_a_declined_meeting_is_back_under_its_id(self, sandbox, graph):
        lunch = sandbox.event_id("graph", "lunch")
        alice = graph.bearing(graph_seed.ALICE.access_token)
        assert alice.post(f"/v1.0/me/events/{lunch}/decline", data={}).status == 202
        assert alice.get(f"/v1.0/me/events/{lunch}").status == 404
        sandbox.restore("graph", "alice@contoso.example", "lunch")
        event = alice.get(f"/v1.0/me/events/{lunch}").json
        assert event["responseStatus"]["response"] == "notResponded"

    def test_only_the_named_meetings_are_restored(self, sandbox, control):
        for slug in ("standup", "training", "lunch"):
            event_id = sandbox.event_id("graph", slug)
            sandbox.answer("graph", event_id, "alice@contoso.example", "accepted")
        wish = {"service": "graph", "mailbox": "alice@contoso.example", "slugs": ["standup", "training"]}
        rows = control.post("/restore", data=wish).json
        assert {row["subject"] for row in rows} == {"Daily standup", "Security training"}
        assert {row["status"] for row in rows} == {"needs-action"}
        assert len(rows) == 7, "a series with its five occurrences, and a single meeting"
        (lunch,) = (row for row in shown(sandbox, "graph") if row["slug"] == "lunch")
        assert lunch["status"] == "accepted"

    def test_mail_tokens_and_later_invitations_stay(self, sandbox):
        sandbox.answer("google", sandbox.event_id("google", "standup"), "alice@workspace.example", "accepted")
        sandbox.expire_tokens()
        later = sandbox.invite(
            service="google", mailbox="alice@workspace.example", start="2030-01-02T10:00:00"
        )
        mail = sandbox.mail()
        sandbox.restore("google", "alice@workspace.example")
        assert sandbox.mail() == mail
        assert later in sandbox.invitations()

    @pytest.mark.parametrize(("service", "mailbox", "_"), FIRST)
    def test_days_count_from_today(self, sandbox, monkeypatch, service, mailbox, _):
        class Tomorrow(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + timedelta(days=1)

        def days(rows):
            return {row["event_id"]: row["start"][:10] for row in rows if row["mailbox"] == mailbox}

        before = days(sandbox.invitations())
        monkeypatch.setattr("airflow_provider_rsvp.sandbox.seed.datetime", Tomorrow)
        sandbox.restore(service, mailbox)
        after = days(sandbox.invitations())
        with Sandbox() as seeded_tomorrow:
            assert after == days(seeded_tomorrow.invitations())
        assert after != before

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"service": "x"}, "service"),
            ({"mailbox": "x"}, "mailbox"),
            ({"slugs": "standup"}, "slugs"),
            ({"slugs": ["x"]}, "slugs"),
            ({"slugs": [["standup"]]}, "slugs"),
            ({"slug": "standup"}, "slug"),
        ],
    )
    def test_mistakes(self, control, change, named):
        wish = {"service": "graph", "mailbox": "alice@contoso.example", **change}
        reply = control.post("/restore", data=wish)
        assert reply.status == 400
        assert reply.json["error"].startswith(f"{named}: ")


class TestInvitations:
    def test_rows(self, sandbox, control):
        rows = control.get("/invitations").json
        assert rows == json.loads(json.dumps(sandbox.invitations()))
        assert set(rows[0]) >= {
            "service",
            "mailbox",
            "calendar_id",
            "event_id",
            "ical_uid",
            "start",
            "end",
            "subject",
            "status",
            "organizer",
            "recurrence",
            "note",
        }
        assert {row["service"] for row in rows} == set(SERVICES)

    @pytest.mark.parametrize("service", SERVICES)
    def test_examples_are_pending_and_ahead(self, sandbox, service):
        rows = {row["event_id"]: row for row in sandbox.invitations() if row["service"] == service}
        for slug in EXAMPLES:
            row = rows[sandbox.event_id(service, slug)]
            assert row["status"] == "needs-action"
            start = datetime.fromisoformat(row["start"])
            assert timedelta() < start - datetime.now(start.tzinfo) < timedelta(days=8)

    @pytest.mark.parametrize("service", SERVICES)
    def test_interview_overlaps_with_own(self, sandbox, service):
        rows = {row["event_id"]: row for row in sandbox.invitations()}
        interview, own = (rows[sandbox.event_id(service, slug)] for slug in ("interview", "own"))
        times = {
            name: [datetime.fromisoformat(row[name]) for row in (interview, own)] for name in ("start", "end")
        }
        assert max(times["start"]) < min(times["end"])

    @pytest.mark.parametrize("service", SERVICES)
    def test_ids_are_stable(self, sandbox, service):
        before = [row["event_id"] for row in sandbox.invitations()]
        sandbox.reset()
        assert [row["event_id"] for row in sandbox.invitations()] == before
        with Sandbox() as other:
            assert [row["event_id"] for row in other.invitations()] == before

    @pytest.mark.parametrize(
        ("service", "mailbox"),
        [
            ("cronofy", "acc_nina"),
            ("bitrix24", "2"),
            ("graph", "bob@contoso.example"),
            ("google", "bob@workspace.example"),
        ],
    )
    def test_can_be_created(self, sandbox, control, service, mailbox):
        wish = {
            "service": service,
            "mailbox": mailbox,
            "subject": "Now",
            "start": "2030-01-02T10:00:00+09:00",
            "end": "2030-01-02T11:00:00+09:00",
            "organizer": "zoe.zimmer@organizer.example",
            "attendees": ["max@organizer.example"],
        }
        row = control.post("/invitations", data=wish).json
        assert row in sandbox.invitations()
        assert row["status"] == "needs-action"
        assert row["organizer"] == "zoe.zimmer@organizer.example"
        assert datetime.fromisoformat(row["start"]) == datetime.fromisoformat(wish["start"])
        again = sandbox.invite(service=service, mailbox=mailbox, start="2030-01-02T10:00:00")
        assert again["event_id"] != row["event_id"]
        assert again["start"].startswith("2030-01-02T10:00:00")

    def test_can_be_a_series(self, sandbox):
        row = sandbox.invite(
            service="graph",
            mailbox="bob@contoso.example",
            start="2030-01-02T10:00:00",
            recurrence={"freq": "WEEKLY", "count": 3},
        )
        assert row["recurrence"] == {"freq": "WEEKLY", "count": 3, "interval": 1}
        rows = [each for each in sandbox.invitations() if each["slug"].startswith(f"{row['slug']}-")]
        assert [each["start"][:10] for each in rows] == ["2030-01-02", "2030-01-09", "2030-01-16"]

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"service": "x"}, "service"),
            ({"mailbox": "x"}, "mailbox"),
            ({"calendar_id": "x"}, "calendar_id"),
            ({"start": "soon"}, "start"),
            ({"start": None}, "start"),
            ({"end": "2020-01-01T00:00:00"}, "end"),
            ({"timezone": "Mars"}, "timezone"),
            ({"organizer": "zoe"}, "organizer"),
            ({"attendees": "max"}, "attendees"),
            ({"status": "M"}, "status"),
            ({"all_day": 1}, "all_day"),
            ({"recurrence": {"freq": "HOURLY", "count": 1}}, "recurrence.freq"),
            ({"slug": "standup"}, "slug"),
            ({"colour": 1}, "colour"),
        ],
    )
    def test_wrong_wishes_are_named(self, control, change, named):
        wish = {"service": "graph", "mailbox": "alice@contoso.example", "start": "2030-01-02T10:00:00"}
        reply = control.post("/invitations", data={**wish, **change})
        assert reply.status == 400
        assert reply.json["error"].startswith(f"{named}: ")

    def test_can_be_cancelled(self, sandbox, graph, control):
        event_id = sandbox.event_id("graph", "standup")
        row = control.post("/cancel", data={"service": "graph", "event_id": event_id}).json
        assert "cancelled" in row["note"]
        client = graph.bearing(graph_seed.BOB.access_token)
        theirs = sandbox.event_id("graph", "standup", "bob@contoso.example")
        assert client.get(f"/v1.0/me/events/{theirs}").json["isCancelled"] is True
        assert control.post("/cancel", data={"service": "graph", "event_id": "x"}).status == 400

    @pytest.mark.parametrize(
        ("service", "other"),
        [
            ("cronofy", "nina@company.example"),
            ("bitrix24", "boris@portal.example"),
            ("graph", "bob@contoso.example"),
            ("google", "bob@workspace.example"),
        ],
    )
    def test_other_attendees_can_answer(self, sandbox, control, service, other):
        event_id = sandbox.event_id(service, "standup")
        given = {"service": service, "event_id": event_id, "attendee": other, "status": "accepted"}
        row = control.post("/answer", data=given).json
        assert row["attendees"][other] == "accepted"
        assert row["status"] == "needs-action"
        assert [(mail["attendee"], mail["status"]) for mail in sandbox.mail()] == [(other, "accepted")]
        wrong = control.post("/answer", data={**given, "attendee": "x@y.example"})
        assert wrong.json["error"].startswith("attendee: ")


class TestReset:
    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"latency": -1}, "latency"),
            ({"limits": "no"}, "limits"),
            ({"bulk": {"mailboxes": 0}}, "bulk.mailboxes"),
            ({"bulk": 5}, "bulk"),
            ({"graph_beta_status": 204}, "graph_beta_status"),
            ({"google_page_size": 0}, "google_page_size"),
            ({"google_sync_lifetime": -1}, "google_sync_lifetime"),
            ({"speed": 1}, "speed"),
        ],
    )
    def test_wrong_options_are_named(self, control, sandbox, options, named):
        reply = control.post("/reset", data=options)
        assert reply.status == 400
        assert reply.json["error"].startswith(f"{named}: ")
        with pytest.raises(InputError, match=f"^{re.escape(named)}: "):
            sandbox.reset(**options)

    def test_bulk(self, control, sandbox, portal, cronofy, graph):
        reply = control.post("/reset", data={"bulk": {"mailboxes": 3, "invitations": 60}, "limits": False})
        assert reply.status == 200
        for service in SERVICES:
            rows = [
                row for row in sandbox.invitations() if row["service"] == service and "bulk" in row["slug"]
            ]
            assert len(rows) == 60
            assert len({row["mailbox"] for row in rows}) == 3
        offered = sandbox.connections()
        token = offered["cronofy_bulk_2"]["password"]
        events = cronofy.bearing(token).get("/v1/events?tzid=UTC").json["events"]
        assert len(events) == 20
        login, code = offered["bitrix24_bulk_3"]["login"], offered["bitrix24_bulk_3"]["password"]
        path = f"/rest/{login}/{code}/calendar.event.get"
        assert len(portal.get(path, query={"type": "user", "ownerId": login}).json["result"]) == 20

    def test_body_that_is_no_json(self, control):
        reply = control.post("/reset", raw=b"{")
        assert reply.status == 400
        assert reply.json["error"].startswith("body: ")

    def test_unknown_operation(self, control):
        assert control.get("/explode").status == 400


class TestRequests:
    def test_are_logged_without_secrets(self, sandbox, cronofy, portal, graph, control):
        cronofy.bearing(cronofy_seed.alice().access_token).get("/v1/events", query={"tzid": "UTC"})
        code = bitrix24_seed.ANNA.webhook_code
        path = "calendar.meeting.status.set"
        portal.post(f"/rest/1/{code}/{path}", data={"eventId": 651, "status": "Y"})
        portal.get(f"/rest/{path}", query={"auth": bitrix24_seed.ANNA.access_token})
        secrets = {
            "client_id": graph_seed.CLIENT_ID,
            "client_secret": graph_seed.CLIENT_SECRET,
            "grant_type": "refresh_token",
            "refresh_token": graph_seed.ALICE.refresh_token,
        }
        graph.post(f"/{graph_seed.TENANT_ID}/oauth2/v2.0/token", form=secrets)
        logged = control.get("/requests").json
        assert [entry["operation"] for entry in logged] == ["observe", "send", "send", "token"]
        assert logged[0]["operations"] == ["observe", "list"]
        assert logged[0]["headers"]["Authorization"] == "Bearer <redacted>"
        assert logged[0]["mailbox"] == "acc_alice"
        assert logged[0]["query"] == {"tzid": "UTC"}
        assert logged[1]["path"] == f"/bitrix24/rest/1/<redacted>/{path}"
        assert logged[1]["body"] == {"eventId": 651, "status": "Y"}
        assert logged[1]["event_ids"] == ["651"]
        assert logged[2]["mailbox"] == "1"
        text = json.dumps(logged)
        for secret in (
            cronofy_seed.alice().access_token,
            code,
            bitrix24_seed.ANNA.access_token,
            graph_seed.CLIENT_SECRET,
            graph_seed.ALICE.refresh_token,
        ):
            assert secret not in text

    def test_start_anew_after_a_reset(self, sandbox, cronofy):
        cronofy.get("/v1/events")
        assert sandbox.requests()[0]["status"] == 401
        sandbox.reset()
        assert sandbox.requests() == []


class TestConnections:
    def test_formats(self, sandbox, control):
        offered = sandbox.connections()
        assert offered == control.get("/connections").json
        url = sandbox.url
        assert offered["cronofy_default"] == {
            "conn_type": "cronofy",
            "host": f"{url}/cronofy",
            "password": cronofy_seed.alice().access_token,
            "extra": {"calendar_id": "cal_alice@google-work_01"},
        }
        assert offered["cronofy_refresh"]["login"] == cronofy_seed.CLIENT_ID
        assert set(offered["cronofy_refresh"]["extra"]) == {"client_secret", "refresh_token", "calendar_id"}
        assert offered["bitrix24_default"] == {
            "conn_type": "bitrix24",
            "host": f"{url}/bitrix24",
            "login": "1",
            "password": bitrix24_seed.ANNA.webhook_code,
            "extra": {},
        }
        oauth = offered["bitrix24_oauth"]["extra"]
        assert set(oauth) == {"client_id", "client_secret", "refresh_token", "token_url"}
        assert oauth["token_url"] == f"{url}/bitrix24/oauth/token/"
        default = offered["msgraph_calendar_default"]
        assert (default["login"], default["password"]) == (graph_seed.CLIENT_ID, graph_seed.CLIENT_SECRET)
        assert default["extra"] == {
            "tenant_id": graph_seed.TENANT_ID,
            "login_host": f"{url}/graph",
            "mailbox": "alice@contoso.example",
        }
        assert set(offered["msgraph_calendar_delegated"]["extra"]) == {
            "tenant_id",
            "login_host",
            "refresh_token",
        }
        assert set(offered["msgraph_calendar_static"]["extra"]) == {"access_token"}


class TestTokens:
    def test_expire_and_revoke(self, control, cronofy):
        static = cronofy.bearing(cronofy_seed.alice().access_token)
        assert control.post("/tokens/expire", data={"service": "cronofy"}).json == {"expired": 0}
        assert static.get("/v1/calendars").status == 200
        assert control.post("/tokens/revoke", data={"service": "cronofy"}).json["revoked"] > 0
        assert static.get("/v1/calendars").status == 401
        assert control.post("/tokens/expire", data={"service": "x"}).status == 400
