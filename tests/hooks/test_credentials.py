"""Connections: every kind of credentials."""

from __future__ import annotations

import asyncio
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.certificates import key_and_certificate
from support.connections import SECRET, built, press_test
from support.replies import reply
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import ConfigurationError, CredentialsError
from airflow_provider_rsvp.model import Result
from airflow_provider_rsvp.sandbox.bitrix24 import seed as bitrix24
from airflow_provider_rsvp.sandbox.google import ids as google_ids
from airflow_provider_rsvp.sandbox.google import keys
from airflow_provider_rsvp.sandbox.google import seed as google
from airflow_provider_rsvp.sandbox.graph import seed as graph
from airflow_provider_rsvp.services import google_calendar

RELEASE = {each.hook.conn_type: each.release for each in SERVICES.values()}


class TestCredentials:
    """Each kind works: the Test button says who it is, and an invitation is answered."""

    def check(self, conn_id, who, conn_type, **where):
        worked, message = press_test(conn_id)
        assert (worked, message.partition(".")[0]) == (True, f"Connected as {who.partition('.')[0]}"), message
        assert reply(conn_id, "accepted", event_id=RELEASE[conn_type], **where).result is Result.REPLIED

    def test_cronofy_access_token(self, sandbox):
        self.check("cronofy_default", "Alice Adams <alice@company.example>", "cronofy")

    @pytest.mark.airflow
    def test_cronofy_refresh_token(self, sandbox, database):
        self.check("cronofy_refresh", "Alice Adams <alice@company.example>", "cronofy")

    def test_bitrix24_webhook_in_parts(self, sandbox):
        self.check("bitrix24_default", "Anna Arnold (user 1)", "bitrix24")

    @pytest.mark.parametrize("end", ["", "/"])
    def test_bitrix24_webhook_as_a_whole(self, sandbox, connection, end):
        address = f"{sandbox.url}/bitrix24/rest/1/{bitrix24.ANNA.webhook_code}{end}"
        self.check(connection("bitrix24", password=address), "Anna Arnold (user 1)", "bitrix24")

    def test_bitrix24_access_token(self, sandbox, connect):
        conn_id = connect("bitrix24_oauth", refresh_token=None, access_token=bitrix24.ANNA.access_token)
        self.check(conn_id, "Anna Arnold (user 1)", "bitrix24")

    @pytest.mark.airflow
    def test_bitrix24_refresh_token(self, sandbox, database):
        self.check("bitrix24_oauth", "Anna Arnold (user 1)", "bitrix24")

    def test_graph_client_secret(self, sandbox):
        who = "Alice Adams <alice@contoso.example> (as an application)"
        self.check("msgraph_calendar_default", who, "msgraph_calendar")

    @pytest.mark.parametrize("line_break", ["\n", r"\n"])
    @pytest.mark.parametrize("passphrase", [None, SECRET])
    def test_graph_certificate(self, sandbox, connect, passphrase, line_break):
        key, certificate = key_and_certificate(passphrase)
        sandbox.reset(certificate=certificate)
        key, certificate = (pem.replace("\n", line_break) for pem in (key, certificate))
        conn_id = connect(
            "msgraph_calendar_default",
            password=None,
            private_key=key,
            certificate=certificate,
            private_key_passphrase=passphrase,
        )
        who = "Alice Adams <alice@contoso.example> (as an application)"
        self.check(conn_id, who, "msgraph_calendar")
        (request, *_) = sandbox.requests()
        assert "client_secret" not in request["body"]
        assert request["body"]["client_assertion_type"].endswith("jwt-bearer")

    @pytest.mark.airflow
    @pytest.mark.parametrize("client_secret", [graph.CLIENT_SECRET, None], ids=["confidential", "public"])
    def test_graph_refresh_token(self, sandbox, database, connect, client_secret):
        conn_id = connect("msgraph_calendar_delegated", password=client_secret)
        self.check(conn_id, "Alice Adams <alice@contoso.example>", "msgraph_calendar")

    def test_graph_access_token(self, sandbox):
        self.check("msgraph_calendar_static", "Alice Adams <alice@contoso.example>", "msgraph_calendar")

    @pytest.mark.parametrize("mailbox", ["alice", "carol"])
    def test_google_service_account(self, sandbox, mailbox):
        who = "alice@workspace.example (through a service account)"
        where = {} if mailbox == "alice" else {"mailbox": google.CAROL.address}
        its_id = google_ids.event(mailbox, "release")
        worked, message = press_test("google_calendar_default")
        assert (worked, message.partition(". ")[0]) == (True, f"Connected as {who}")
        assert reply("google_calendar_default", "accepted", event_id=its_id, **where).result is Result.REPLIED

    @pytest.mark.airflow
    def test_google_refresh_token(self, sandbox, database):
        self.check("google_calendar_user", "alice@workspace.example", "google_calendar")

    def test_google_access_token(self, sandbox):
        self.check("google_calendar_static", "alice@workspace.example", "google_calendar")


class TestServiceAccounts:
    @pytest.fixture
    def key_file(self, sandbox):
        return keys.key_file(google.SERVICE_ACCOUNT, f"{sandbox.url}/google/token")

    def press(self, connect, key, **more):
        return press_test(connect("google_calendar_default", service_account_key=json.dumps(key), **more))

    def test_what_is_asked_for_and_how(self, sandbox, connect, key_file):
        import jwt

        calendar = built("google_calendar_default")
        seen = {}  # the sandbox keeps assertions out of its log

        async def send(request):
            seen.update(request.form)
            raise ConfigurationError("enough")

        calendar.transport.send = send
        with pytest.raises(ConfigurationError, match="enough"):
            asyncio.run(calendar.transport.granted())

        address = f"{sandbox.url}/google/token"
        claims = jwt.decode(seen["assertion"], keys.public_key(), algorithms=["RS256"], audience=address)
        assert claims.pop("exp") - claims.pop("iat") <= 3600
        assert claims == {
            "iss": google.SERVICE_ACCOUNT,
            "sub": google.ALICE.address,
            "scope": google_calendar.SCOPE,
            "aud": address,
        }
        assert jwt.get_unverified_header(seen["assertion"])["kid"] == keys.KEY_ID

    @pytest.mark.parametrize("part", ["client_email", "private_key"])
    @pytest.mark.parametrize("value", [None, "", 7])
    def test_a_key_file_that_lacks_something(self, connect, sandbox, key_file, part, value):
        worked, message = self.press(connect, {**key_file, part: value})
        assert not worked
        assert message == (
            "The connection, service_account_key: the key file lacks "
            f"'{part}'; give that of a service account."
        )

    @pytest.mark.parametrize("text", [SECRET, "[]", '"text"', "{", key_and_certificate()[0]])
    def test_what_is_no_key_file(self, connect, sandbox, text):
        worked, message = press_test(connect("google_calendar_default", service_account_key=text))
        assert not worked
        assert message.startswith("The connection, service_account_key: is not JSON; paste the whole key")
        assert SECRET not in message

    def test_a_key_that_is_no_pem(self, connect, sandbox, key_file):
        worked, message = self.press(connect, {**key_file, "private_key": SECRET})
        assert (worked, message) == (
            False,
            "service_account_key: its private_key cannot be read as PEM; is the key file complete?",
        )

    def test_a_key_of_another_kind(self, connect, sandbox, key_file):
        pem, _ = key_and_certificate(key=ec.generate_private_key(ec.SECP256R1()))
        worked, message = self.press(connect, {**key_file, "private_key": pem})
        assert (worked, message) == (False, "service_account_key: its private_key must be an RSA key.")

    def test_line_breaks_that_a_form_has_escaped(self, connect, sandbox, key_file):
        worked, message = self.press(
            connect, {**key_file, "private_key": key_file["private_key"].replace("\n", r"\n")}
        )
        assert worked, message

    @pytest.mark.parametrize(
        ("changes", "advice"),
        [
            ({"client_email": "nobody@x.example"}, "the key, which may have been deleted"),
            ({"private_key": key_and_certificate()[0]}, "Invalid JWT Signature"),
            ({"client_email": google.UNDELEGATED}, "Domain-wide delegation is missing"),
        ],
    )
    def test_one_that_google_does_not_accept(self, connect, sandbox, key_file, changes, advice):
        worked, message = self.press(connect, {**key_file, **changes})
        assert not worked
        assert advice in message

    @pytest.mark.parametrize(
        ("changes", "advice"),
        [
            ({"mailbox": None}, "mailbox: a service account has no calendar of its own"),
            (
                {"mailbox": "nobody@workspace.example"},
                "Check the mailbox, which must be a user of the domain",
            ),
            ({"scope": "https://www.googleapis.com/auth/drive"}, "allow the service account's client id"),
            (
                {"scope": "https://www.googleapis.com/auth/calendar.events.readonly"},
                "The scope calendar.events is missing, so invitations can be read but not answered",
            ),
        ],
    )
    def test_what_it_may_not_do(self, connect, sandbox, key_file, changes, advice):
        _, message = self.press(connect, key_file, **changes)
        assert advice in message


class TestCertificates:
    @pytest.fixture
    def certified(self, connect):
        def define(key, certificate, **more):
            return connect(
                "msgraph_calendar_default", password=None, private_key=key, certificate=certificate, **more
            )

        return define

    def test_a_key_that_is_no_pem(self, sandbox, certified):
        _, certificate = key_and_certificate()
        assert press_test(certified(SECRET, certificate)) == (
            False,
            "private_key: cannot be read as PEM; is it complete, and is private_key_passphrase right?",
        )

    def test_a_wrong_passphrase(self, sandbox, certified):
        key, certificate = key_and_certificate("right")
        worked, message = press_test(certified(key, certificate, private_key_passphrase="wrong"))
        assert not worked
        assert message.startswith("private_key: ")
        assert "private_key_passphrase" in message

    def test_a_certificate_that_is_no_pem(self, sandbox, certified):
        key, _ = key_and_certificate()
        assert press_test(certified(key, SECRET)) == (False, "certificate: cannot be read as PEM.")

    def test_a_key_of_another_kind(self, sandbox, certified):
        pair = key_and_certificate(key=ec.generate_private_key(ec.SECP256R1()))
        assert press_test(certified(*pair)) == (False, "private_key: an RSA key is needed.")

    def test_another_certificate_than_the_applications(self, sandbox, certified):
        sandbox.reset(certificate=key_and_certificate()[1])
        worked, message = press_test(certified(*key_and_certificate()))
        assert not worked
        assert "Check the client id and the client secret or certificate" in message


def test_a_wrong_token_ends_a_reply_at_once(sandbox, connect):
    with pytest.raises(CredentialsError):
        reply(connect("cronofy_default", password=SECRET), "accepted", event_id="evt_external_release")
    assert len(sandbox.requests()) == 1
