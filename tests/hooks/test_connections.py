"""Connections: every way to write one, every kind of credentials, and what is said about a wrong one."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.sdk import Connection
from cryptography.hazmat.primitives.asymmetric import ec
from support.certificates import key_and_certificate
from support.replies import reply
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import ConfigurationError, CredentialsError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.cronofy import CronofyHook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.model import Result
from airflow_provider_rsvp.sandbox.bitrix24 import seed as bitrix24
from airflow_provider_rsvp.sandbox.cronofy import seed as cronofy
from airflow_provider_rsvp.sandbox.google import ids as google_ids
from airflow_provider_rsvp.sandbox.google import keys
from airflow_provider_rsvp.sandbox.google import seed as google
from airflow_provider_rsvp.sandbox.graph import seed as graph
from airflow_provider_rsvp.services import google_calendar
from airflow_provider_rsvp.services.msgraph import token_request
from airflow_provider_rsvp.services.wire import Bucket
from airflow_provider_rsvp.transport import tokens

SECRET = "sesame-0123456789"
RELEASE = {each.hook.conn_type: each.release for each in SERVICES.values()}
PLAIN = {each.hook.conn_type: {**each.needs, each.secret: SECRET} for each in SERVICES.values()} | {
    "caldav": {"host": "calendar.example", "login": "alice", "password": SECRET}
}
"""The least that a connection of each type needs."""


def built(conn_id):
    """What the hook makes of a connection, without a request."""
    hook = get_calendar_hook(conn_id)
    return hook.build(Fields(hook.get_connection(conn_id), hook.conn_type))


def base(conn_id):
    """The address that requests of the connection go below."""
    return built(conn_id).transport._origin.base


def press_test(conn_id):
    """What the Test button says."""
    with get_calendar_hook(conn_id) as hook:
        return hook.test_connection()


class TestWaysToWriteOne:
    @pytest.mark.parametrize(
        "text",
        [
            "cronofy://:tok%2Fen-0123@?data_center=de&calendar_id=cal_1",
            "cronofy://:tok%2Fen-0123@?__extra__=%7B%22data_center%22%3A%22de%22%2C%22calendar_id%22%3A%22cal_1%22%7D",
            json.dumps(
                {
                    "conn_type": "cronofy",
                    "password": "tok/en-0123",
                    "extra": {"data_center": "de", "calendar_id": "cal_1"},
                }
            ),
            json.dumps(
                {
                    "conn_type": "cronofy",
                    "password": "tok/en-0123",
                    "extra": json.dumps({"data_center": "de", "calendar_id": "cal_1"}),
                }
            ),
        ],
        ids=["URI", "URI with JSON extra", "JSON", "JSON with text extra"],
    )
    def test_all_mean_the_same(self, monkeypatch, text):
        monkeypatch.setenv("AIRFLOW_CONN_CHANGED", text)

        calendar = built("changed")

        assert calendar.transport._origin.base == "https://api-de.cronofy.com/"
        assert calendar.transport.auth.secrets() == ("tok/en-0123",)
        assert calendar.client._calendar_id == "cal_1"

    @pytest.mark.parametrize(
        ("uri", "address"),
        [
            ("bitrix24://1:code0123@portal.example", "https://portal.example/rest/1/code0123/"),
            (
                "bitrix24://:https%3A%2F%2Fportal.example%2Frest%2F1%2Fcode0123%2F@",
                "https://portal.example/rest/1/code0123/",
            ),
            ("bitrix24://1:code0123@portal.example:8443", "https://portal.example:8443/rest/1/code0123/"),
            ("bitrix24://1:code0123@localhost:80/http", "http://localhost:80/rest/1/code0123/"),
            (
                "msgraph-calendar://id:secret-0@?tenant_id=t&cloud=china",
                "https://microsoftgraph.chinacloudapi.cn/v1.0/",
            ),
            (
                "google-calendar://id:secret-0@?refresh_token=r-0123",
                "https://www.googleapis.com/calendar/v3/",
            ),
        ],
    )
    def test_a_uri_may_name_host_and_port(self, monkeypatch, uri, address):
        monkeypatch.setenv("AIRFLOW_CONN_CHANGED", uri)
        assert base("changed") == address

    @pytest.mark.parametrize("conn_type", PLAIN)
    @pytest.mark.parametrize("empty", ["", "  ", None])
    def test_fields_of_the_form_that_were_left_empty_count_as_absent(self, connection, conn_type, empty):
        hook = get_calendar_hook(connection(conn_type, **PLAIN[conn_type]))
        unused = dict.fromkeys(_form_fields(conn_type), empty) | PLAIN[conn_type]
        assert base(connection(conn_type, **unused)) == base(connection(conn_type, **PLAIN[conn_type]))
        assert hook.conn_type == conn_type

    @pytest.mark.parametrize(
        "conn_id",
        [
            "cronofy_default",
            "bitrix24_default",
            "msgraph_calendar_default",
            "msgraph_calendar_static",
            "google_calendar_default",
            "google_calendar_static",
        ],
    )
    def test_the_test_button_passes_them_on_as_uris(self, sandbox, monkeypatch, conn_id):
        from airflow.models.connection import Connection as StoredConnection

        fields = {**sandbox.connections()[conn_id]}
        fields["extra"] = json.dumps(fields.get("extra", {}))
        connection = StoredConnection(conn_id=conn_id, **fields)
        monkeypatch.setenv("AIRFLOW_CONN_CHANGED", connection.get_uri())

        worked, message = press_test("changed")

        assert worked, message

    @pytest.mark.parametrize("extra", ["[1]", "7", '"text"', "{"])
    def test_an_extra_that_is_no_object(self, extra):
        connection = Connection(conn_id="changed", conn_type="cronofy", password=SECRET, extra=extra)
        assert CronofyHook(connection=connection).test_connection() == (
            False,
            "Connection 'changed': extra is not a JSON object.",
        )

    def test_one_that_is_not_there(self):
        with pytest.raises(ConfigurationError, match=r"^conn_id: there is no connection 'nowhere'"):
            get_calendar_hook("nowhere")


def _form_fields(conn_type):
    from airflow_provider_rsvp.get_provider_info import get_provider_info

    (form,) = (
        form for form in get_provider_info()["connection-types"] if form["connection-type"] == conn_type
    )
    return form["conn-fields"]


class TestWhereTheyLead:
    @pytest.mark.parametrize(
        ("data_center", "host"),
        [
            (None, "api.cronofy.com"),
            ("us", "api.cronofy.com"),
            ("au", "api-au.cronofy.com"),
            ("ca", "api-ca.cronofy.com"),
            ("de", "api-de.cronofy.com"),
            ("sg", "api-sg.cronofy.com"),
            ("uk", "api-uk.cronofy.com"),
        ],
    )
    def test_cronofys_data_centers(self, connection, data_center, host):
        assert base(connection("cronofy", password=SECRET, data_center=data_center)) == f"https://{host}/"

    @pytest.mark.parametrize("version", [None, "v1.0", "beta"])
    @pytest.mark.parametrize(
        ("cloud", "host", "login"),
        [
            (None, "graph.microsoft.com", "login.microsoftonline.com"),
            ("global", "graph.microsoft.com", "login.microsoftonline.com"),
            ("us_gov_l4", "graph.microsoft.us", "login.microsoftonline.us"),
            ("us_gov_l5", "dod-graph.microsoft.us", "login.microsoftonline.us"),
            ("china", "microsoftgraph.chinacloudapi.cn", "login.chinacloudapi.cn"),
        ],
    )
    def test_microsofts_clouds_and_versions(self, connection, version, cloud, host, login):
        calendar = built(
            connection(
                "msgraph_calendar",
                login="id",
                password=SECRET,
                tenant_id="t",
                cloud=cloud,
                api_version=version,
            )
        )
        assert calendar.transport._origin.base == f"https://{host}/{version or 'v1.0'}/"
        assert (
            calendar.transport.token_address(token_request("t", {})) == f"https://{login}/t/oauth2/v2.0/token"
        )

    @pytest.mark.parametrize(
        ("cloud", "scope"),
        [
            ("us_gov_l4", "https://graph.microsoft.us/.default"),
            ("us_gov_l5", "https://dod-graph.microsoft.us/.default"),
            ("china", "https://microsoftgraph.chinacloudapi.cn/.default"),
        ],
    )
    def test_a_token_is_for_the_cloud(self, sandbox, connect, cloud, scope):
        press_test(connect("msgraph_calendar_default", cloud=cloud))
        (request,) = (request for request in sandbox.requests() if request["operation"] == "token")
        assert request["body"]["scope"] == scope

    @pytest.mark.parametrize("host", ["https://portal.example", "portal.example", "HTTPS://Portal.Example/"])
    def test_a_portals_address_may_be_written_in_several_ways(self, connection, host):
        conn_id = connection("bitrix24", host=host, login="1", password="code0123")
        assert base(conn_id) == "https://portal.example/rest/1/code0123/"

    @pytest.mark.parametrize(
        ("values", "burst", "per_second"),
        [({}, 50, 2), ({"burst": 250, "requests_per_second": 5}, 250, 5), ({"burst": "250"}, 250, 2)],
    )
    def test_a_portals_plan_may_allow_more(self, connection, values, burst, per_second):
        calendar = built(connection("bitrix24", **PLAIN["bitrix24"], **values))
        assert calendar.transport._dialect.limits.buckets == (Bucket(burst, per_second),)

    def test_googles_addresses(self, connection):
        calendar = built(connection("google_calendar", login="id", password=SECRET, refresh_token="r-0123"))
        assert calendar.transport._origin.base == "https://www.googleapis.com/calendar/v3/"
        address = calendar.transport.token_address(google_calendar.token_request({}))
        assert address == "https://oauth2.googleapis.com/token"

    def test_bitrix24s_authorisation_server_is_its_own(self, connection):
        conn_id = connection(
            "bitrix24", host="portal.example", client_id="c", client_secret=SECRET, refresh_token="r-0123"
        )
        token_origin = built(conn_id).transport._token_origin
        assert token_origin.base == "https://oauth.bitrix.info/oauth/token/"


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


@pytest.mark.parametrize(
    ("conn_type", "values", "field", "advice"),
    [
        ("cronofy", {}, "password", "give an access token here, or the client id as login"),
        ("cronofy", {"login": "id", "client_secret": SECRET}, "password", "refresh_token"),
        ("cronofy", {"refresh_token": SECRET, "client_secret": SECRET}, "login", "needed to use the refresh"),
        ("cronofy", {"refresh_token": SECRET, "login": "id"}, "client_secret", "needed to use the refresh"),
        ("cronofy", {"refresh_token": SECRET, "password": SECRET}, "password", "not both"),
        (
            "cronofy",
            {"password": SECRET, "data_center": "eu"},
            "data_center",
            "'eu' is not one of us, au, ca",
        ),
        (
            "cronofy",
            {"password": SECRET, "calendar_id": ["cal_1"]},
            "calendar_id",
            "expected text, not list",
        ),
        ("cronofy", {"password": SECRET, "allow_http": "perhaps"}, "allow_http", "expected true or false"),
        ("bitrix24", {"host": "portal.example"}, "password", "the webhook's code or its whole address"),
        ("bitrix24", {"login": "1", "password": SECRET}, "host", "the portal's address is needed"),
        ("bitrix24", {"access_token": SECRET}, "host", "the portal's address is needed"),
        ("bitrix24", {"host": "p.example", "password": SECRET}, "login", "the number of the webhook's user"),
        (
            "bitrix24",
            {"host": "p.example", "login": "anna", "password": SECRET},
            "login",
            "the number of the webhook's user",
        ),
        (
            "bitrix24",
            {"host": "p.example", "login": "²", "password": SECRET},
            "login",
            "the number of the webhook's user",
        ),
        (
            "bitrix24",
            {"host": "p.example", "login": "1", "password": f"{SECRET}/../x"},
            "password",
            "neither a webhook's code nor a whole webhook address",
        ),
        (
            "bitrix24",
            {"host": "other.example", "password": f"https://p.example/rest/1/{SECRET}/"},
            "password",
            "another portal",
        ),
        (
            "bitrix24",
            {"login": "2", "password": f"https://p.example/rest/1/{SECRET}/"},
            "password",
            "another portal or user",
        ),
        (
            "bitrix24",
            {"host": "p.example", "login": "1", "password": SECRET, "refresh_token": SECRET},
            "password",
            "not both",
        ),
        (
            "bitrix24",
            {"host": "p.example", "access_token": SECRET, "refresh_token": SECRET},
            "access_token",
            "not both",
        ),
        (
            "bitrix24",
            {"host": "p.example", "refresh_token": SECRET, "client_secret": SECRET},
            "client_id",
            "needed to use the refresh token",
        ),
        (
            "bitrix24",
            {"host": "p.example", "refresh_token": SECRET, "client_id": "c"},
            "client_secret",
            "needed to use the refresh token",
        ),
        (
            "bitrix24",
            {"host": "p.example", "refresh_token": SECRET, "token_url": "ftp://x.example"},
            "token_url",
            "use https, not 'ftp'",
        ),
        *(
            (
                "bitrix24",
                {"host": "p.example", "login": "1", "password": SECRET, field: value},
                field,
                f"{str(value)!r} is not a positive number",
            )
            for field in ("burst", "requests_per_second")
            for value in (0, -1, "many", "nan", "inf")
        ),
        ("msgraph_calendar", {}, "password", "give the client secret here"),
        ("msgraph_calendar", {"login": "id", "tenant_id": "t"}, "password", "give the client secret here"),
        ("msgraph_calendar", {"password": SECRET, "tenant_id": "t"}, "login", "client id"),
        ("msgraph_calendar", {"login": "id", "password": SECRET}, "tenant_id", "names the directory"),
        (
            "msgraph_calendar",
            {"access_token": SECRET, "refresh_token": SECRET},
            "refresh_token",
            "access_token or refresh_token, not both",
        ),
        (
            "msgraph_calendar",
            {"login": "id", "tenant_id": "t", "password": SECRET, "private_key": SECRET},
            "private_key",
            "a client secret or a certificate, not both",
        ),
        (
            "msgraph_calendar",
            {"login": "id", "tenant_id": "t", "private_key": SECRET},
            "certificate",
            "needed together with private_key",
        ),
        (
            "msgraph_calendar",
            {"access_token": SECRET, "cloud": "mars"},
            "cloud",
            "'mars' is not one of global, us_gov_l4, us_gov_l5, china",
        ),
        (
            "msgraph_calendar",
            {"access_token": SECRET, "api_version": "v2"},
            "api_version",
            "'v2' is not one of v1.0, beta",
        ),
        (
            "msgraph_calendar",
            {"access_token": SECRET, "login_host": "no host"},
            "login_host",
            "white space",
        ),
        ("google_calendar", {}, "service_account_key", "give the key file of a service account"),
        (
            "google_calendar",
            {"login": "id", "password": SECRET},
            "service_account_key",
            "or refresh_token, with the client id as login",
        ),
        (
            "google_calendar",
            {"refresh_token": SECRET, "password": SECRET},
            "login",
            "the client id is needed",
        ),
        (
            "google_calendar",
            {"refresh_token": SECRET, "login": "id"},
            "password",
            "the client secret is needed",
        ),
        (
            "google_calendar",
            {"access_token": SECRET, "refresh_token": SECRET},
            "refresh_token",
            "access_token or refresh_token, not both",
        ),
        (
            "google_calendar",
            {"refresh_token": SECRET, "service_account_key": SECRET},
            "service_account_key",
            "refresh_token or service_account_key, not both",
        ),
        ("google_calendar", {"service_account_key": SECRET}, "service_account_key", "is not JSON"),
        (
            "google_calendar",
            {"service_account_key": {"private_key": SECRET}},
            "service_account_key",
            "the key file lacks 'client_email'",
        ),
        ("google_calendar", {"access_token": SECRET, "login_host": "no host"}, "login_host", "white space"),
        ("caldav", {"login": "alice", "password": SECRET}, "host", "the server's address is needed"),
        ("caldav", {"host": "c.example", "password": SECRET}, "login", "the user is needed"),
        ("caldav", {"host": "c.example", "login": "alice"}, "password", "the user's password is needed"),
        ("caldav", {"host": "c.example", "login": "a:b", "password": SECRET}, "login", "a colon"),
        (
            "caldav",
            {"host": "c.example", "login": "alice", "password": SECRET, "access_token": SECRET},
            "access_token",
            "not both",
        ),
        (
            "caldav",
            {**PLAIN["caldav"], "server": "exchange"},
            "server",
            "'exchange' is not one of auto, cyrus, sabre, other",
        ),
    ],
)
def test_what_is_missing_or_contradictory_is_named(connection, conn_type, values, field, advice):
    with pytest.raises(ConfigurationError) as raised:
        built(connection(conn_type, **values))

    message = str(raised.value)
    assert message.startswith(f"Connection 'changed', {field}: ")
    assert advice in message
    assert SECRET not in message


@pytest.mark.parametrize("conn_type", PLAIN)
@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("no host at all", "white space"),
        ("exa\nmple.com", "white space or control characters"),
        ("https://", "expected a host such as"),
        ("host..example", "expected a host such as"),
        ("-x.example", "expected a host such as"),
        (f"https://me:{SECRET}@host.example", "expected a host such as"),
        (f"https://host.example/?token={SECRET}", "expected a host such as"),
        ("https://host.example:99999", "malformed"),
        ("https://[::1", "malformed"),
        ("ftp://host.example", "use https, not 'ftp'"),
        ("file:///etc/passwd", "use https, not 'file'"),
        ("http://host.example", "would get the token over plain http"),
        ("http://10.0.0.1", "would get the token over plain http"),
        ("http://localhost.example", "would get the token over plain http"),
    ],
)
def test_a_host_that_is_none_is_refused(connection, conn_type, host, problem):
    with pytest.raises(ConfigurationError) as raised:
        built(connection(conn_type, **{**PLAIN[conn_type], "host": host}))

    message = str(raised.value)
    assert message.startswith("Connection 'changed', host: ")
    assert problem in message
    assert SECRET not in message


@pytest.mark.parametrize("conn_type", PLAIN)
class TestPlainHttp:
    @pytest.mark.parametrize("host", ["http://127.0.0.1:8765", "http://localhost", "http://[::1]:80"])
    def test_is_taken_on_this_machine(self, connection, conn_type, host):
        assert base(connection(conn_type, **{**PLAIN[conn_type], "host": host})).startswith(host)

    @pytest.mark.parametrize("allow_http", [True, "true", "1", "yes"])
    def test_is_taken_elsewhere_if_the_connection_says_so(self, connection, conn_type, allow_http):
        conn_id = connection(
            conn_type, **{**PLAIN[conn_type], "host": "http://host.example", "allow_http": allow_http}
        )
        assert base(conn_id).startswith("http://host.example/")

    @pytest.mark.parametrize("allow_http", [False, "false", "0", "no", "", None])
    def test_and_not_if_it_says_no(self, connection, conn_type, allow_http):
        conn_id = connection(
            conn_type, **{**PLAIN[conn_type], "host": "http://host.example", "allow_http": allow_http}
        )
        with pytest.raises(ConfigurationError, match=r"set 'allow_http'"):
            built(conn_id)


class TestAnotherType:
    def test_one_that_answers_no_invitations(self, connection):
        with pytest.raises(
            ConfigurationError,
            match=r"'changed' is of type 'http'.*`airflow providers hooks` lists",
        ):
            get_calendar_hook(connection("http", host="host.example"))

    def test_one_that_is_unknown(self, connection):
        with pytest.raises(ConfigurationError, match=r"'changed' is of type 'sundial'"):
            get_calendar_hook(connection("sundial", host="host.example"))

    def test_a_hook_of_one_service_with_a_connection_of_another(self, connection):
        conn_id = connection("bitrix24", **PLAIN["bitrix24"])
        assert CronofyHook(conn_id).test_connection() == (
            False,
            "The connection is of type 'bitrix24'; this hook needs 'cronofy'.",
        )


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


def test_a_wrong_token_ends_a_reply_at_once(sandbox, connect):
    with pytest.raises(CredentialsError):
        reply(connect("cronofy_default", password=SECRET), "accepted", event_id="evt_external_release")
    assert len(sandbox.requests()) == 1
