"""What the environment says of passwords and proxies goes to nobody for whom it is not meant."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from support.raw_server import RawServer, response
from support.secrets_said import Ear, assert_none_shows, everything_said
from support.services import TOKEN_FIELDS, service_of

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]


WEBHOOK = "c0de-of-the-webhook"


@pytest.fixture
def netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    path = tmp_path / "netrc"
    path.write_text("default login worker password of-the-netrc-file\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text(path.read_text())
    return base64.b64encode(b"worker:of-the-netrc-file").decode()


@pytest.mark.any_airflow
@pytest.mark.parametrize("conn_id", ["bitrix24_default", "msgraph_calendar_static", *TOKEN_FIELDS])
def test_the_password_of_a_netrc_file_goes_nowhere(
    sandbox: Sandbox, connect: Any, netrc: str, conn_id: str
) -> None:
    with RawServer(lambda request: response(400, {"error": "no"})) as server:
        field = TOKEN_FIELDS.get(conn_id, "host")
        everything_said(sandbox, connect(conn_id, **{field: server.url}), service_of(conn_id).name)

    assert server.received
    assert all(netrc not in each.text for each in server.received)
    bearers = {each.headers.get("authorization") for each in server.received}
    assert len(bearers) == 1


@pytest.mark.any_airflow
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_the_proxy_of_the_environment_is_used_with_its_password(
    sandbox: Sandbox, connect: Any, ear: Ear, netrc: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with RawServer(lambda request: response(400, {"error": f"by {request.text}"})) as proxy:
        monkeypatch.setenv(variable, f"http://worker:p%40ss-of-proxy@{proxy.address}")
        conn_id = connect("bitrix24_default", host="http://127.0.0.7:9", login="7", password=WEBHOOK)
        said = everything_said(sandbox, conn_id, "bitrix24")

    credentials = base64.b64encode(b"worker:p@ss-of-proxy").decode()
    assert proxy.received
    assert {each.headers["proxy-authorization"] for each in proxy.received} == {f"Basic {credentials}"}
    assert all(each.target.startswith(f"http://127.0.0.7:9/rest/7/{WEBHOOK}/") for each in proxy.received)
    assert all("authorization" not in each.headers for each in proxy.received)
    assert_none_shows({WEBHOOK, "p@ss-of-proxy", credentials}, ear.heard + said)


@pytest.mark.any_airflow
def test_a_proxy_without_password_gets_none_of_the_netrc_file(
    sandbox: Sandbox, connect: Any, netrc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(lambda request: response(400, {"error": "no"})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        everything_said(sandbox, connect("bitrix24_default", host="http://127.0.0.7:9"), "bitrix24")
    assert proxy.received
    assert all(netrc not in each.text for each in proxy.received)


@pytest.mark.any_airflow
def test_a_proxy_that_refuses_a_tunnel(
    sandbox: Sandbox, connect: Any, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request to the service never left."""
    with RawServer(lambda request: response(407, b"", proxy_authenticate="Basic")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://worker:pass-of-proxy@{proxy.address}")
        conn_id = connect("bitrix24_default", host="https://portal.example", login="7", password=WEBHOOK)
        said = everything_said(sandbox, conn_id, "bitrix24")

    assert {(each.method, each.target) for each in proxy.received} == {("CONNECT", "portal.example:443")}
    assert "ClientHttpProxyError" in said[0]
    assert "Nothing was done" in said[0]
    assert_none_shows({WEBHOOK, "pass-of-proxy"}, ear.heard + said)


@pytest.mark.any_airflow
@pytest.mark.parametrize("proxy", ["socks5://worker:pass-of-proxy@127.0.0.1:1", "http://[", "http://"])
def test_an_environment_that_names_no_proxy_is_said_to(
    sandbox: Sandbox, connect: Any, ear: Ear, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    said = everything_said(sandbox, connect("bitrix24_default"), "bitrix24")
    assert "HTTP_PROXY" in said[0]
    assert_none_shows({"pass-of-proxy"}, ear.heard + said)


@pytest.mark.any_airflow
@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("*", True),
        ("localhost,127.0.0.1", True),
        ("127.0.0.0/8", True),
        (" 10.0.0.0/8 , 127.0.0.0/16 ", True),
        ("127.0.0.1:{port}", True),
        ("", False),
        ("10.0.0.0/8,example.com,::1", False),
        ("127.0.0.1:1", False),
    ],
)
def test_what_is_to_be_reached_directly_is(
    sandbox: Sandbox, connect: Any, monkeypatch: pytest.MonkeyPatch, no_proxy: str, direct: bool
) -> None:
    with (
        RawServer(lambda request: response(400, {"error": "no"})) as service,
        RawServer(lambda request: response(400, {"error": "no"})) as proxy,
    ):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy.format(port=service.address.rpartition(":")[2]))
        everything_said(sandbox, connect("bitrix24_default", host=service.url), "bitrix24")
    assert bool(service.received) is direct
    assert bool(proxy.received) is not direct
