"""CalDAV's connection: what it leads to, what the Test button says, and that no secret shows."""

from __future__ import annotations

import base64
import json
import logging
import sys
import traceback
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from support.caldav_connections import MAIL_PASSWORD
from support.connections import built
from support.cyrus_server import PASSWORD
from support.fault_matrix import StateStore

from airflow_provider_rsvp.exceptions import ConfigurationError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.caldav import CalDAVHook
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.services import caldav

CONN = "caldav_default"
FAULTS = [
    *({"kind": "status", "status": status} for status in (400, 401, 403, 404, 409, 412, 429, 500, 503)),
    *(
        {"kind": kind}
        for kind in ("cut", "malformed", "truncated", "empty", "html", "redirect", "hang", "no_effect")
    ),
    {"kind": "status", "status": 403, "body": f"<error xmlns='DAV:'><{PASSWORD}/>{PASSWORD}</error>"},
]


def press_test(conn_id, request_timeout=20.0):
    with get_calendar_hook(conn_id, request_timeout=request_timeout, throttle_timeout=0.0) as hook:
        return hook.test_connection()


def test_the_connection_alone_says_which_hook_it_is(connect):
    hook = get_calendar_hook(connect("https://calendar.example"))
    assert type(hook) is CalDAVHook
    assert hook.capabilities is caldav.CAPABILITIES


@pytest.mark.parametrize(
    ("host", "base", "start"),
    [
        ("calendar.example", "https://calendar.example/", "/"),
        ("https://calendar.example", "https://calendar.example/", "/"),
        ("https://Cloud.example:8443/remote.php/dav", "https://cloud.example:8443/", "/remote.php/dav/"),
        ("http://127.0.0.1:8008/dav/", "http://127.0.0.1:8008/", "/dav/"),
    ],
)
def test_a_host_or_a_whole_address_may_be_given(connect, host, base, start):
    calendar = built(connect(host))
    assert calendar.transport.origin.base == base
    assert calendar.client.start == start


def test_an_access_token_stands_in_for_a_password(radicale_proxy, connect):
    conn_id = connect(radicale_proxy.url, login=None, password=None, access_token="token-0123456789")
    radicale_proxy.faults()
    press_test(conn_id)
    assert {each.headers["Authorization"] for each in radicale_proxy.seen} == {"Bearer token-0123456789"}


def test_own_addresses_may_be_several(connect):
    client = built(connect("calendar.example", addresses=" a@x.example, mailto:b@x.example ,,")).client
    assert client.addresses == ("a@x.example", "mailto:b@x.example")


def test_a_missing_library_is_named_with_how_to_get_it(connect, monkeypatch):
    for name in [each for each in sys.modules if each.startswith(f"{caldav.__name__}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "icalendar", None)
    conn_id = connect("calendar.example")
    with pytest.raises(ConfigurationError, match=r"pip install 'airflow-provider-rsvp\[caldav\]'"):
        built(conn_id)
    assert get_calendar_hook(conn_id).capabilities.comment


def test_missing_mail_support_is_named_with_how_to_get_it(radicale, monkeypatch, sink):
    from support.replies import reply

    radicale.invite("mail-support")
    monkeypatch.setitem(sys.modules, "airflow.providers.smtp.hooks.smtp", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'airflow-provider-rsvp\[smtp\]'"):
        reply("caldav_mail", "accepted", event_id="work/mail-support.ics")


class TestTheTestButton:
    @pytest.mark.parametrize(
        ("changes", "advice"),
        [
            ({"password": "wrong-password"}, "an app password is needed"),
            ({"calendar_id": "Nowhere"}, "Connected as alice"),
        ],
    )
    def test_says_what_is_wrong(self, cyrus, proxy, connect, changes, advice):
        _, message = press_test(connect(proxy.url, **changes))
        assert advice in message
        assert "wrong-password" not in message

    def test_says_that_nobody_is_there(self, connect):
        worked, message = press_test(connect("http://127.0.0.1:1"))
        assert (worked, "CalDAV at 127.0.0.1 cannot be reached" in message) == (False, True)

    @pytest.mark.parametrize("fault", ["html", "empty", "malformed"])
    def test_says_that_the_answer_is_not_the_services(self, radicale, radicale_proxy, fault):
        radicale_proxy.faults({"kind": fault, "times": None})
        worked, message = press_test("caldav_plain")
        assert not worked
        assert "the host in the connection is a CalDAV server" in message

    @pytest.mark.parametrize("status", [404, 405])
    def test_says_that_there_is_no_caldav(self, radicale, radicale_proxy, status):
        radicale_proxy.faults({"kind": "status", "status": status, "times": None})
        worked, message = press_test("caldav_plain")
        assert not worked
        assert message.startswith("host: there is no CalDAV at this address")


class Ear(logging.Handler):
    """Hears every record, before any mask."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.heard = []

    def emit(self, record):
        self.heard.append(record.getMessage())
        if record.exc_info:
            self.heard += traceback.format_exception(*record.exc_info)


@pytest.fixture
def ear():
    handler, root, ours = Ear(), logging.getLogger(), logging.getLogger("airflow_provider_rsvp")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    # The mail server of the tests is no part of what is tested.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    yield handler
    ours.setLevel(logging.NOTSET)
    root.setLevel(level)
    root.removeHandler(handler)


def search(texts):
    canaries = {PASSWORD, MAIL_PASSWORD, base64.b64encode(f"alice:{PASSWORD}".encode()).decode()}
    assert texts
    forms = canaries | {quote(canary, safe="") for canary in canaries}
    for text in texts:
        for form in forms:
            assert form not in text, f"A secret shows: …{text[:300]}"


def answered(conn_id, event_id):
    store = StateStore()
    operator = SetParticipationStatusOperator(
        task_id="reply",
        conn_id=conn_id,
        event_id=event_id,
        status="accepted",
        request_timeout=0.2,
        throttle_timeout=0.0,
        settle_timeout=0.05,
    )
    try:
        said = json.dumps(operator.execute({"task_state_store": store, "ti": SimpleNamespace(try_number=1)}))
    except Exception as error:
        said = "".join(traceback.format_exception(error)) + repr(error)
    return [said, json.dumps(store)]


@pytest.mark.parametrize("operation", ["discover", "observe", "send"])
def test_no_secret_shows_under_any_fault(radicale, radicale_proxy, sink, ear, operation):
    said = []
    for number, fault in enumerate(FAULTS):
        event_id = radicale.invite(f"secret-{operation}-{number}")
        radicale_proxy.faults({**fault, "operation": operation, "times": None})
        said += answered("caldav_mail", event_id)
        said.append(press_test("caldav_mail", request_timeout=0.2)[1])
    for number, fault in enumerate(("450", "554", "cut before", "cut after")):
        radicale_proxy.faults()
        sink.fault = fault
        said += answered("caldav_mail", radicale.invite(f"secret-{operation}-mail-{number}"))
    search(ear.heard + said)


def test_no_secret_shows_in_a_repr(radicale):
    calendar = built("caldav_mail")
    parts = [calendar, calendar.client, calendar.transport, calendar.transport.auth]
    parts += [*vars(calendar.transport).values(), *vars(calendar.client).values()]
    search([f"{part!r} {part!s}" for part in parts])


def test_the_password_is_masked_in_logs(radicale, monkeypatch):
    from airflow_provider_rsvp.hooks import base as hooks_base

    hidden = []

    async def hide(secret):
        hidden.append(secret)

    monkeypatch.setattr(hooks_base, "hide", hide)
    press_test("caldav_plain")
    assert {PASSWORD, base64.b64encode(f"alice:{PASSWORD}".encode()).decode()} <= set(hidden)
