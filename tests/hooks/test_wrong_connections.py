"""Connections: what is said about one that is incomplete, contradictory or of another type."""

from __future__ import annotations

import pytest
from support.connections import PLAIN, SECRET, built

from airflow_provider_rsvp.exceptions import ConfigurationError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.cronofy import CronofyHook


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
