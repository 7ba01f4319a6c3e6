"""The sandbox takes no requests that another site's page makes a browser send, and answers to loopback names only."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest

from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = pytest.mark.any_airflow


def _ask(
    sandbox: Sandbox, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, str]:
    """Make a request with just these headers; one of the name ``host`` replaces the usual."""
    parts = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    fields = {"Host": parts.netloc, "Content-Type": "text/plain"}
    fields |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    content = (body or "").encode()
    for name, value in {**fields, "Content-Length": str(len(content))}.items():
        connection.putheader(name, value)
    connection.endheaders(content)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


EVIL = {
    "origin": {"origin": "https://evil.example"},
    "opaque origin": {"origin": "null"},
    "another port": {"origin": "http://127.0.0.1:1"},
    "another name of this machine": {"origin": "http://localhost"},
    "https": {"origin": "https://{netloc}"},
    "cross-site": {"sec_fetch_site": "cross-site"},
    "same-site": {"sec_fetch_site": "same-site"},
    "cross-site navigation": {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
    "rebound name": {"host": "evil.example:{port}"},
    "rebound name with its own origin": {
        "host": "evil.example:{port}",
        "origin": "http://evil.example:{port}",
        "sec_fetch_site": "same-origin",
    },
    "name that begins like an address": {"host": "127.0.0.1.evil.example"},
    "name that ends like this machine": {"host": "evillocalhost"},
    "address of the network": {"host": "192.168.0.7:{port}"},
    "every address": {"host": "0.0.0.0:{port}"},
    "malformed": {"host": "[127.0.0.1"},
    "a user": {"host": "localhost@evil.example"},
}
REQUESTS = {
    "reset": ("POST", "/sandbox/reset", "{}"),
    "faults": ("POST", "/sandbox/faults", '[{"kind": "cut"}]'),
    "connections": ("GET", "/sandbox/connections", None),
    "bitrix24": ("GET", "/bitrix24/rest/1/code/calendar.meeting.status.set?eventId=1&status=Y", None),
    "graph": ("POST", "/graph/v1.0/me/events/1/accept", "{}"),
    "nothing": ("POST", "/nothing/at/all", "{}"),
    "page": ("GET", "/", None),
}


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("evil", EVIL)
def test_what_another_sites_page_sends_is_refused(sandbox: Sandbox, evil: str, request_name: str) -> None:
    parts = urlsplit(sandbox.url)
    headers = {name: value.format(netloc=parts.netloc, port=parts.port) for name, value in EVIL[evil].items()}
    before = len(sandbox.requests())

    status, text = _ask(sandbox, *REQUESTS[request_name], **headers)

    assert status in (400, 403)
    assert "sandbox" in text or status == 400
    assert sandbox.faults() == []
    assert len(sandbox.requests()) == before


FRIENDLY = {
    "a program": {},
    "localhost": {"host": "localhost:{port}"},
    "a name below localhost": {"host": "Rsvp.LOCALHOST:{port}"},
    "another loopback address": {"host": "127.9.9.9"},
    "IPv6": {"host": "[::1]:{port}"},
    "the page itself": {"origin": "http://{netloc}", "sec_fetch_site": "same-origin"},
    "the page by name": {"host": "localhost:{port}", "origin": "http://localhost:{port}"},
    "an address that was typed": {"sec_fetch_site": "none", "sec_fetch_dest": "document"},
}


@pytest.mark.parametrize("friendly", FRIENDLY)
def test_programs_and_the_page_itself_are_let_in(sandbox: Sandbox, friendly: str) -> None:
    parts = urlsplit(sandbox.url)
    headers = {
        name: value.format(netloc=parts.netloc, port=parts.port) for name, value in FRIENDLY[friendly].items()
    }

    assert _ask(sandbox, "GET", "/", **headers)[0] == 200
    status, text = _ask(sandbox, "POST", "/sandbox/faults", '[{"kind": "cut"}]', **headers)

    assert status == 200
    assert json.loads(text)[0]["kind"] == "cut"
    assert sandbox.faults()


def test_a_link_to_the_page_may_be_followed(sandbox: Sandbox) -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert _ask(sandbox, "GET", "/", **link)[0] == 200
    assert _ask(sandbox, "GET", "/sandbox/connections", **link)[0] == 403
    assert _ask(sandbox, "GET", "/", **{**link, "sec_fetch_dest": "iframe"})[0] == 403
