"""Connections: every way to write one, and where it leads."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection
from support.connections import PLAIN, SECRET, base, built, press_test

from airflow_provider_rsvp.exceptions import ConfigurationError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.cronofy import CronofyHook
from airflow_provider_rsvp.services import google_calendar
from airflow_provider_rsvp.services.msgraph import token_request
from airflow_provider_rsvp.services.wire import Bucket


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

        assert calendar.transport.origin.base == "https://api-de.cronofy.com/"
        assert calendar.transport.auth.secrets() == ("tok/en-0123",)
        assert calendar.client.calendar_id == "cal_1"

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
        assert calendar.transport.origin.base == f"https://{host}/{version or 'v1.0'}/"
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
        assert calendar.transport.dialect.limits.buckets == (Bucket(burst, per_second),)

    def test_googles_addresses(self, connection):
        calendar = built(connection("google_calendar", login="id", password=SECRET, refresh_token="r-0123"))
        assert calendar.transport.origin.base == "https://www.googleapis.com/calendar/v3/"
        address = calendar.transport.token_address(google_calendar.token_request({}))
        assert address == "https://oauth2.googleapis.com/token"

    def test_bitrix24s_authorisation_server_is_its_own(self, connection):
        conn_id = connection(
            "bitrix24", host="portal.example", client_id="c", client_secret=SECRET, refresh_token="r-0123"
        )
        token_origin = built(conn_id).transport.token_origin
        assert token_origin.base == "https://oauth.bitrix.info/oauth/token/"


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
