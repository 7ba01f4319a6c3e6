"""A service that repeats secrets to us gets none of them into a message, a log, an XCom or another service."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest
from support.bulk import Task
from support.certificates import key_and_certificate
from support.raw_server import RawServer, Received, response
from support.services import SERVICES, TOKEN_FIELDS, service_of
from support.state_store import StateStore

from airflow_provider_rsvp.exceptions import CredentialsError, RsvpError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.secrets import renewed_token
from airflow_provider_rsvp.model import EventReference
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.transport import tokens

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]

SENT_SECRETS = {"client_secret", "client_assertion", "assertion", "refresh_token"}
ANSWER = "HTTP/1.1 200 OK\r\n"


class Ear(logging.Handler):
    """Hears every record, before any mask, and what Airflow's own loggers print, which are of another kind."""

    def __init__(self, printed: pytest.CaptureFixture[str]) -> None:
        super().__init__(logging.DEBUG)
        self._printed = printed
        self._heard: list[str] = []

    @property
    def heard(self) -> list[str]:
        self._heard += self._printed.readouterr()
        return self._heard

    def emit(self, record: logging.LogRecord) -> None:
        self._heard += [record.getMessage(), repr(record.args)]
        if record.exc_info:
            self._heard += traceback.format_exception(*record.exc_info)


@pytest.fixture(autouse=True)
def ear(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Ear]:
    monkeypatch.setattr(tokens, "WAIT_FOR_OTHER_WORKER", (0.01,))
    handler = Ear(capfd)
    names = ["", *logging.root.manager.loggerDict]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    for logger, level, propagate in before:
        logger.setLevel(level)
        logger.propagate = propagate


def _service(conn_id: str) -> str:
    return service_of(conn_id).name


def _everything_said(sandbox: Sandbox, conn_id: str, service: str) -> list[str]:
    """What a task raises, returns and notes, and what the Test button says."""
    operator = SetParticipationStatusOperator(
        task_id="reply",
        conn_id=conn_id,
        event_id=sandbox.event_id(service, "planning"),
        status="accepted",
        request_timeout=2.0,
        throttle_timeout=0.0,
        settle_timeout=0.05,
    )
    store = StateStore()
    context: Any = {"task_state_store": store, "ti": SimpleNamespace(try_number=1)}
    try:
        said = [json.dumps(operator.execute(context))]
    except Exception as error:
        said = ["".join(traceback.format_exception(error)), repr(error)]
    tested = get_calendar_hook(conn_id, request_timeout=2.0, throttle_timeout=0.0).test_connection()[1]
    return [*said, json.dumps(store), tested]


def _sent_secrets(received: list[Received]) -> set[str]:
    return {
        value
        for each in received
        for name, value in [*_fields(each).items(), *parse_qsl(urlsplit(each.target).query)]
        if name in SENT_SECRETS
    }


def _fields(request: Received) -> dict[str, str]:
    if request.body.startswith("{"):
        fields: dict[str, str] = json.loads(request.body)
        return fields
    return dict(parse_qsl(request.body))


def _basic(secret: str) -> str:
    return base64.b64encode(f"c:{secret}".encode()).decode()


def _decoded(text: str) -> str:
    return unquote_plus(unquote_plus(text)).replace("\\/", "/")


def _assert_none_shows(secrets: set[str], texts: list[str]) -> None:
    assert secrets
    for text in texts:
        for secret in secrets:
            for read in (text, _decoded(text)):
                place = read.find(secret)
                assert place < 0, f"A secret shows: …{read[max(0, place - 300) : place]}"


ECHOES: dict[str, Callable[[Received], bytes]] = {
    "400, as it came": lambda request: response(
        400, {"error": "invalid_request", "error_description": f"{request.target} {request.body}"}
    ),
    "400, decoded": lambda request: response(
        400,
        {"error": "invalid_client", "error_description": unquote_plus(f"{request.target} {request.body}")},
    ),
    "401, as the code": lambda request: response(
        401, {"error": unquote_plus(f"{request.target} {request.body}")[-190:]}
    ),
    "200 with an error": lambda request: response(
        200, {"error": unquote_plus(f"{request.target} {request.body}")[-190:]}
    ),
    "500": lambda request: response(
        500, {"error": "server_error", "error_description": f"{request.target} {request.body}"}
    ),
    "a page": lambda request: response(
        200, f"<p>{request.text}</p>".encode(), content_type=request.body[-99:]
    ),
    "a header": lambda request: response(
        302, b"", location=f"https://{unquote_plus(request.body or request.target)[-60:]}.example/"
    ),
    "Basic": lambda request: response(
        400,
        {
            "error": "invalid_client",
            "error_description": " ".join(map(_basic, sorted(_sent_secrets([request])))),
        },
    ),
}


@pytest.mark.any_airflow
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("conn_id", [*TOKEN_FIELDS, "with a certificate"])
def test_a_token_endpoint_that_repeats_its_request(
    sandbox: Sandbox, connect: Any, ear: Ear, conn_id: str, echo: str
) -> None:
    changes: dict[str, Any] = {}
    like = conn_id
    secrets: dict[str, str] = {
        "client_secret": "s3cret/+ of=the~client",
        "refresh_token": "r3fresh/+ token=4711",
    }
    if conn_id == "with a certificate":
        like = "msgraph_calendar_default"
        key, certificate = key_and_certificate()
        changes |= {"password": None, "private_key": key, "certificate": certificate}
    elif like == service_of(like).asking:
        changes[service_of(like).client_secret] = secrets["client_secret"]
    else:
        changes["client_secret"] = secrets["client_secret"]
    if like == service_of(like).refreshing:
        changes["refresh_token"] = secrets["refresh_token"]
    with RawServer(ECHOES[echo]) as server:
        changed = connect(like, **changes, **{TOKEN_FIELDS[like]: server.url})
        said = _everything_said(sandbox, changed, _service(like))

    sent = _sent_secrets(server.received)
    assert len(server.received) >= 2
    # Of an assertion the signed part is what nobody may have; an excerpt may cut it.
    _assert_none_shows(sent | {secret[:60] for secret in sent if len(secret) > 200}, ear.heard + said)
    _assert_none_shows({_basic(secret)[4:40] for secret in sent}, ear.heard + said)


@pytest.mark.any_airflow
def test_a_grant_that_repeats_the_refresh_token_is_read_as_it_is(
    sandbox: Sandbox, connect: Any, ear: Ear
) -> None:
    """A refresh token that was blotted out before it is stored would lock the account out."""

    def answer(request: Received) -> bytes:
        if "token" in request.target:
            form = _fields(request)
            return response(
                200,
                {"access_token": "granted-4711", "expires_in": 3600, "refresh_token": form["refresh_token"]},
            )
        return response(401, {})

    with RawServer(answer) as server:
        _everything_said(sandbox, connect("cronofy_refresh", host=server.url), "cronofy")

    refresh_tokens = {_fields(each).get("refresh_token") for each in server.received} - {None}
    assert refresh_tokens == {sandbox.connections()["cronofy_refresh"]["extra"]["refresh_token"]}
    assert any(each.headers.get("authorization") == "Bearer granted-4711" for each in server.received)


WEBHOOK = "c0de-of-the-webhook"


def _webhook(connect: Any, server: RawServer) -> str:
    conn_id: str = connect("bitrix24_default", host=server.url, login="7", password=WEBHOOK)
    return conn_id


@pytest.mark.any_airflow
@pytest.mark.parametrize(
    "body",
    [
        {"error": f"BAD_{WEBHOOK}", "error_description": f"/rest/7/{WEBHOOK}/ is no address"},
        {"error": "", "error_description": f"%2Frest%2F7%2F{WEBHOOK.replace('-', '%2d')}"},
        {"result": {"result": [], "result_error": {}}, "x": WEBHOOK},
    ],
    ids=["error", "encoded", "no result"],
)
def test_an_error_in_an_answer_of_200(sandbox: Sandbox, connect: Any, ear: Ear, body: Any) -> None:
    with RawServer(lambda request: response(200, body)) as server:
        said = _everything_said(sandbox, _webhook(connect, server), "bitrix24")
    _assert_none_shows({WEBHOOK}, ear.heard + said)


@pytest.mark.any_airflow
def test_an_error_of_one_command_in_a_batch(sandbox: Sandbox, connect: Any, ear: Ear) -> None:
    refusal = {"error": "ERROR_CORE", "error_description": f"refused by /rest/7/{WEBHOOK}/"}

    def answer(request: Received) -> bytes:
        names = json.loads(request.body).get("cmd", {}) if request.target.endswith("/batch") else {}
        if names:
            errors = dict.fromkeys(names, refusal)
            return response(200, {"result": {"result": [], "result_error": errors}})
        return response(400, refusal)

    with RawServer(answer) as server:
        said = _send_many(sandbox, _webhook(connect, server), "bitrix24")
    assert any("refused by" in text for text in said)
    _assert_none_shows({WEBHOOK}, ear.heard + said)


@pytest.mark.any_airflow
def test_an_error_of_one_request_in_a_batch(sandbox: Sandbox, connect: Any, ear: Ear) -> None:
    def answer(request: Received) -> bytes:
        said = request.headers["authorization"].partition(" ")[2]
        error = {"error": {"code": "ErrorOther", "message": f"refused: {said}"}}
        ids = [each["id"] for each in json.loads(request.body or "{}").get("requests", [])]
        return response(200, {"responses": [{"id": each, "status": 400, "body": error} for each in ids]})

    with RawServer(answer) as server:
        conn_id = connect("msgraph_calendar_static", host=server.url, access_token="t0ken-of/alice")
        said = _send_many(sandbox, conn_id, "graph")
    assert any("refused: ***" in text for text in said)
    _assert_none_shows({"t0ken-of/alice"}, ear.heard + said)


def _send_many(sandbox: Sandbox, conn_id: str, service: str) -> list[str]:
    task = Task()
    slugs = ("planning", "release", "lunch")
    replies = [{"event_id": sandbox.event_id(service, slug), "status": "accepted"} for slug in slugs]
    options: dict[str, Any] = {"request_timeout": 2.0, "throttle_timeout": 0.0, "settle_timeout": 0.05}
    try:
        said = [json.dumps(task.send(replies, conn_id=conn_id, **options))]
    except Exception as error:
        said = ["".join(traceback.format_exception(error)), repr(error)]
    return [*said, repr(task.pushed), json.dumps(task.store)]


BROKEN = {
    "a header that is too long": f"{ANSWER}X-Long: {'x' * 20_000}\r\n\r\n".encode(),
    "a status line that is too long": f"HTTP/1.1 200 {'x' * 20_000}\r\n\r\n".encode(),
    "too many headers": (ANSWER + "".join(f"X-{n}: y\r\n" for n in range(5000)) + "\r\n").encode(),
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a bad length": f"{ANSWER}Content-Length: many\r\n\r\n".encode(),
    "two lengths": f"{ANSWER}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx".encode(),
    "a bad chunk": f"{ANSWER}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
    "a bad name": f"{ANSWER}X\x00: y\r\n\r\n".encode(),
    "bad compression": f"{ANSWER}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd".encode(),
    "nothing": b"",
}


@pytest.mark.any_airflow
@pytest.mark.parametrize("what", BROKEN)
def test_an_answer_that_cannot_be_read_logs_no_address(
    sandbox: Sandbox, connect: Any, ear: Ear, what: str
) -> None:
    with RawServer(lambda request: BROKEN[what]) as server:
        conn_id = _webhook(connect, server)
        said = _everything_said(sandbox, conn_id, "bitrix24")
    assert server.received
    _assert_none_shows({WEBHOOK}, ear.heard + said)


IN_A_PROCESS = """
import sys
from airflow.providers.http.hooks.http import HttpAsyncHook
from airflow_provider_rsvp.hooks.base import get_calendar_hook

HttpAsyncHook().log.debug("a line at level debug")
for _ in range(int(sys.argv[1])):
    print(get_calendar_hook("webhook", request_timeout=2.0, throttle_timeout=0.0).test_connection())
"""


def test_an_answer_that_cannot_be_read_logs_no_address_at_level_debug(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = itertools.cycle(BROKEN.values())
    with RawServer(lambda request: next(answers)) as server:
        fields = {"conn_type": "bitrix24", "host": server.url, "login": "7", "password": WEBHOOK}
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "ignore", "-c", IN_A_PROCESS, str(len(BROKEN))],
            env={
                **os.environ,
                "AIRFLOW_CONN_WEBHOOK": json.dumps(fields),
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
                "PYTHONASYNCIODEBUG": "1",
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert len(server.received) >= len(BROKEN)
    assert "a line at level debug" in done.stdout + done.stderr
    _assert_none_shows({WEBHOOK}, [done.stdout, done.stderr])


@pytest.mark.any_airflow
def test_a_next_page_whose_host_is_the_secret(sandbox: Sandbox, connect: Any, ear: Ear) -> None:
    secret = "T0ken-Of-alice"
    page = {"value": [], "@odata.nextLink": f"https://{secret}.evil.example/next"}
    with RawServer(lambda request: response(200, page)) as server:
        hook = get_calendar_hook(connect("msgraph_calendar_static", host=server.url, access_token=secret))
        with pytest.raises(RsvpError) as caught, hook:
            hook.list_invitations("now", "+1d")
    _assert_none_shows({secret, secret.lower()}, [str(caught.value), *ear.heard])


# .netrc and proxies


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
        _everything_said(sandbox, connect(conn_id, **{field: server.url}), _service(conn_id))

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
        said = _everything_said(sandbox, conn_id, "bitrix24")

    credentials = base64.b64encode(b"worker:p@ss-of-proxy").decode()
    assert proxy.received
    assert {each.headers["proxy-authorization"] for each in proxy.received} == {f"Basic {credentials}"}
    assert all(each.target.startswith(f"http://127.0.0.7:9/rest/7/{WEBHOOK}/") for each in proxy.received)
    assert all("authorization" not in each.headers for each in proxy.received)
    _assert_none_shows({WEBHOOK, "p@ss-of-proxy", credentials}, ear.heard + said)


@pytest.mark.any_airflow
def test_a_proxy_without_password_gets_none_of_the_netrc_file(
    sandbox: Sandbox, connect: Any, netrc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(lambda request: response(400, {"error": "no"})) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        _everything_said(sandbox, connect("bitrix24_default", host="http://127.0.0.7:9"), "bitrix24")
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
        said = _everything_said(sandbox, conn_id, "bitrix24")

    assert {(each.method, each.target) for each in proxy.received} == {("CONNECT", "portal.example:443")}
    assert "ClientHttpProxyError" in said[0]
    assert "Nothing was done" in said[0]
    _assert_none_shows({WEBHOOK, "pass-of-proxy"}, ear.heard + said)


@pytest.mark.any_airflow
@pytest.mark.parametrize("proxy", ["socks5://worker:pass-of-proxy@127.0.0.1:1", "http://[", "http://"])
def test_an_environment_that_names_no_proxy_is_said_to(
    sandbox: Sandbox, connect: Any, ear: Ear, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    said = _everything_said(sandbox, connect("bitrix24_default"), "bitrix24")
    assert "HTTP_PROXY" in said[0]
    _assert_none_shows({"pass-of-proxy"}, ear.heard + said)


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
        _everything_said(sandbox, connect("bitrix24_default", host=service.url), "bitrix24")
    assert bool(service.received) is direct
    assert bool(proxy.received) is not direct


# grants


ELSEWHERE = {(conn_id, name) for conn_id, field in TOKEN_FIELDS.items() for name in ("host", field)}


@pytest.mark.any_airflow
@pytest.mark.parametrize("kept", ["in the process", "in a Variable"])
@pytest.mark.parametrize(("conn_id", "field"), sorted(ELSEWHERE))
def test_the_tokens_of_one_connection_go_to_no_other_host(
    sandbox: Sandbox, connect: Any, conn_id: str, field: str, kept: str
) -> None:
    """Two connections that differ in one host alone, with the same refresh token and all else."""
    service = _service(conn_id)
    with get_calendar_hook(conn_id) as hook:
        hook.get_invitation(EventReference(event_id=sandbox.event_id(service, "planning")))
    granted = {
        secret
        for grant in tokens.kept_grants().values()
        for secret in (grant.access_token, grant.refresh_token)
        if secret and secret != str(sandbox.connections()[conn_id]["extra"].get("refresh_token"))
    }
    assert granted
    if kept == "in a Variable":
        tokens.forget_grants()

    with RawServer(lambda request: response(400, {"error": "no"})) as other:
        _everything_said(sandbox, connect(conn_id, **{field: other.url}), service)

    if field != "host" or conn_id == "cronofy_refresh":
        assert other.received  # asked for a token of its own
    assert all(secret not in unquote_plus(each.text) for each in other.received for secret in granted)


WRONG = {each.asking: {each.client_secret: "wrong"} for each in SERVICES.values()}


@pytest.mark.any_airflow
@pytest.mark.parametrize("kept", ["in the process", "in a Variable"])
@pytest.mark.parametrize("conn_id", WRONG)
def test_a_wrong_secret_does_not_pass_for_the_grant_of_a_right_one(
    sandbox: Sandbox, connect: Any, conn_id: str, kept: str
) -> None:
    reference = EventReference(event_id=sandbox.event_id(_service(conn_id), "planning"))
    with get_calendar_hook(conn_id) as hook:
        hook.get_invitation(reference)
    if kept == "in a Variable":
        tokens.forget_grants()

    wrong = get_calendar_hook(connect(conn_id, **WRONG[conn_id]))
    with pytest.raises(CredentialsError), wrong:
        wrong.get_invitation(reference)

    with get_calendar_hook(conn_id) as hook:
        hook.get_invitation(reference)


@pytest.mark.any_airflow
def test_another_client_secret_for_the_same_account_uses_the_newest_refresh_token(sandbox: Sandbox) -> None:
    """Else replacing a client secret would bring back a refresh token that was used up."""
    import asyncio

    asked: list[str | None] = []

    async def request_grant(refresh_token: str | None) -> Grant:
        asked.append(refresh_token)
        return Grant(f"access-{len(asked)}", None, f"refresh-{len(asked)}")

    def token(secret: str) -> str:
        renewed = renewed_token(
            request_grant,
            places=("service", "https://a/", "https://b/"),
            account=("client",),
            secrets=(secret,),
            refresh_token="first",
        )
        return asyncio.run(renewed.grant()).access_token

    assert token("old secret") == "access-1"
    tokens.forget_grants()
    assert token("old secret") == "access-1"
    assert token("new secret") == "access-2"
    assert asked == ["first", "refresh-1"]


@pytest.mark.any_airflow
@pytest.mark.parametrize("change", ["scope", "mailbox", "private_key_id"])
def test_a_service_accounts_token_is_for_one_mailbox_and_scope(
    sandbox: Sandbox, connect: Any, change: str
) -> None:
    extra: Any = copy.deepcopy(sandbox.connections()["google_calendar_default"]["extra"])
    if change == "scope":
        changes = {"scope": "https://www.googleapis.com/auth/calendar"}
    elif change == "mailbox":
        changes = {"mailbox": "bob@workspace.example"}
    else:
        key = json.loads(extra["service_account_key"])
        changes = {"service_account_key": json.dumps({**key, "private_key_id": "another"})}
    get_calendar_hook("google_calendar_default").test_connection()
    before = set(tokens.kept_grants())

    get_calendar_hook(connect("google_calendar_default", **changes)).test_connection()

    asked = [request for request in sandbox.requests() if request["operation"] == "token"]
    assert len(asked) == 2
    assert before <= set(tokens.kept_grants())
