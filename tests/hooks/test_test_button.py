"""What the Test button of a connection says."""

from __future__ import annotations

import pytest
from support.connections import SECRET, press_test
from support.services import SERVICES

from airflow_provider_rsvp.sandbox.bitrix24 import seed as bitrix24
from airflow_provider_rsvp.sandbox.cronofy import seed as cronofy
from airflow_provider_rsvp.sandbox.google import seed as google
from airflow_provider_rsvp.sandbox.graph import seed as graph
from airflow_provider_rsvp.transport import tokens


class TestTheTestButton:
    def test_says_who_what_and_where_on_cronofy(self, sandbox):
        worked, message = press_test("cronofy_default")
        assert worked
        assert message == (
            "Connected as Alice Adams <alice@company.example>. Permissions: change_participation_status, "
            "list_calendars, read_account, read_events. 2 of 3 calendars can be answered from: "
            "Work (cal_alice@google-work_01), Calendar (cal_alice@exchange-main_02)."
        )

    def test_says_who_and_what_on_bitrix24(self, sandbox):
        assert press_test("bitrix24_default") == (
            True,
            "Connected as Anna Arnold (user 1). Permissions: calendar, user.",
        )

    def test_says_who_what_and_how_long_on_graph(self, sandbox):
        assert press_test("msgraph_calendar_static") == (
            True,
            "Connected as Alice Adams <alice@contoso.example>. Permissions: Calendars.ReadWrite, "
            "MailboxSettings.Read, User.Read. The access token expires 2100-01-01 00:00 UTC.",
        )

    @pytest.mark.airflow
    def test_says_who_what_and_how_long_on_google(self, sandbox, database):
        worked, message = press_test("google_calendar_user")
        assert worked
        assert message.startswith(
            "Connected as alice@workspace.example. Permissions: calendar.events. Access to the calendar: owner. "
            "The access token expires 20"
        )

    def test_says_what_a_shared_calendar_is_open_for(self, sandbox, connect):
        worked, message = press_test(connect("google_calendar_static", mailbox=google.BOB.address))
        assert worked
        assert message == (
            "Connected as bob@workspace.example. Access to the calendar: reader. Invitations can be read but not "
            "answered: that takes the role 'writer' or 'owner'."
        )

    @pytest.mark.airflow
    @pytest.mark.parametrize(
        "conn_id",
        [
            "cronofy_refresh",
            "bitrix24_oauth",
            "msgraph_calendar_default",
            "msgraph_calendar_delegated",
            "google_calendar_default",
            "google_calendar_user",
        ],
    )
    def test_says_when_a_token_ends_that_was_granted(self, sandbox, database, conn_id):
        worked, message = press_test(conn_id)
        assert worked
        assert "The access token expires 20" in message

    def test_sends_nothing_to_anybody(self, sandbox):
        for conn_id in (
            "cronofy_default",
            "bitrix24_default",
            "msgraph_calendar_default",
            "google_calendar_default",
        ):
            press_test(conn_id)
        assert sandbox.mail() == []
        assert {request["operation"] for request in sandbox.requests()} <= {"account", "token"}

    @pytest.mark.parametrize(
        ("like", "changes", "advice"),
        [
            ("cronofy_default", {"password": SECRET}, "The access token is not accepted"),
            ("bitrix24_default", {"password": SECRET}, "The webhook or token is not accepted"),
            ("bitrix24_default", {"login": "2"}, "The webhook or token is not accepted"),
            ("msgraph_calendar_static", {"access_token": SECRET}, "The access token is not accepted"),
            ("msgraph_calendar_default", {"password": SECRET}, "Check the client id and the client secret"),
            (
                "msgraph_calendar_default",
                {"password": graph.EXPIRED_SECRET},
                "client secret keys are expired",
            ),
            ("msgraph_calendar_default", {"login": "nobody"}, "Application 'nobody' was not found"),
            (
                "msgraph_calendar_default",
                {"tenant_id": "nowhere.example"},
                "Tenant 'nowhere.example' not found",
            ),
            ("msgraph_calendar_default", {"mailbox": None}, "Name a mailbox in the connection"),
            ("msgraph_calendar_default", {"mailbox": "nobody@contoso.example"}, "Check the mailbox"),
            ("msgraph_calendar_default", {"mailbox": graph.RESTRICTED.upn}, "must be open to it"),
            ("google_calendar_static", {"access_token": SECRET}, "The access token is not accepted"),
            ("google_calendar_static", {"mailbox": "x@workspace.example"}, "There is no such calendar"),
            ("google_calendar_static", {"calendar_id": "c_x@group.example"}, "There is no such calendar"),
        ],
    )
    def test_says_what_is_wrong_and_what_to_do(self, sandbox, connect, like, changes, advice):
        worked, message = press_test(connect(like, **changes))
        assert not worked
        assert advice in message
        assert SECRET not in message
        assert graph.EXPIRED_SECRET not in message

    @pytest.fixture
    def impatient(self, monkeypatch):
        """Do not wait for other workers, who might have used up the refresh token: there are none."""
        monkeypatch.setattr(tokens, "WAIT_FOR_OTHER_WORKER", (0.01,))

    @pytest.mark.airflow
    @pytest.mark.usefixtures("impatient", "database")
    @pytest.mark.parametrize(
        ("like", "changes", "advice"),
        [
            ("cronofy_refresh", {"refresh_token": SECRET}, "authorise the account again"),
            ("cronofy_refresh", {"client_secret": SECRET}, "Check the client id, the client secret"),
            ("bitrix24_oauth", {"refresh_token": SECRET}, "authorise the application again"),
            ("bitrix24_oauth", {"client_id": "nobody"}, "Check the client id and the client secret"),
            ("bitrix24_oauth", {"client_secret": SECRET}, "Check the client id and the client secret"),
            ("msgraph_calendar_delegated", {"refresh_token": SECRET}, "sign in again"),
            ("google_calendar_user", {"refresh_token": SECRET}, "refresh tokens end after seven days"),
            ("google_calendar_user", {"login": "nobody"}, "Check the client id and the client secret"),
            ("google_calendar_user", {"password": SECRET}, "Check the client id and the client secret"),
        ],
    )
    def test_says_what_is_wrong_with_a_refresh_token(self, sandbox, connect, like, changes, advice):
        worked, message = press_test(connect(like, **changes))
        assert not worked
        assert advice in message
        assert SECRET not in message

    @pytest.mark.parametrize(
        ("like", "changes", "missing"),
        [
            (
                "cronofy_default",
                {"password": cronofy.alice().readonly_access_token},
                "The scope change_participation_status is missing",
            ),
            (
                "bitrix24_default",
                {"password": bitrix24.ANNA.scopeless_webhook_code},
                "The scope 'calendar' is missing",
            ),
            (
                "msgraph_calendar_static",
                {"access_token": graph.ALICE.readonly_access_token},
                "Calendars.ReadWrite is missing",
            ),
            (
                "msgraph_calendar_default",
                {"login": graph.READONLY_CLIENT_ID, "password": graph.READONLY_CLIENT_SECRET},
                "Calendars.ReadWrite is missing",
            ),
        ],
    )
    def test_says_which_permission_is_missing(self, sandbox, connect, like, changes, missing):
        _, message = press_test(connect(like, **changes))
        assert missing in message

    def test_says_that_nobody_is_there(self, sandbox, connect):
        worked, message = press_test(connect("cronofy_default", host="http://127.0.0.1:1/cronofy"))
        assert not worked
        assert "Cronofy at 127.0.0.1 cannot be reached" in message

    @pytest.mark.parametrize("conn_id", [each.static for each in SERVICES.values()])
    def test_says_that_the_answer_is_not_the_services(self, sandbox, conn_id):
        sandbox.faults([{"operation": "account", "kind": "html"}])
        worked, message = press_test(conn_id)
        assert not worked
        assert "text/html" in message
        assert "Check the host in the connection" in message

    @pytest.mark.parametrize("conn_id", [each.static for each in SERVICES.values()])
    def test_says_that_the_host_redirects(self, sandbox, conn_id):
        sandbox.faults([{"operation": "account", "kind": "redirect"}])
        worked, message = press_test(conn_id)
        assert not worked
        assert "redirects to elsewhere.example" in message
        assert "correct the host in the connection" in message
