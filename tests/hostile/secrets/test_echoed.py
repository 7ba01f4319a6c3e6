"""A service that repeats secrets to us gets none of them into a message, a log, an XCom or another service."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest
from support.bulk import Task
from support.certificates import key_and_certificate
from support.raw_server import RawServer, Received, response
from support.secrets_said import Ear, assert_none_shows, everything_said, fields_of, sent_secrets
from support.services import TOKEN_FIELDS, service_of

from airflow_provider_rsvp.exceptions import RsvpError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.sandbox import Sandbox

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.slow]
ANSWER = "HTTP/1.1 200 OK\r\n"


def _basic(secret: str) -> str:
    return base64.b64encode(f"c:{secret}".encode()).decode()


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
            "error_description": " ".join(map(_basic, sorted(sent_secrets([request])))),
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
        said = everything_said(sandbox, changed, service_of(like).name)

    sent = sent_secrets(server.received)
    assert len(server.received) >= 2
    # Of an assertion the signed part is what nobody may have; an excerpt may cut it.
    assert_none_shows(sent | {secret[:60] for secret in sent if len(secret) > 200}, ear.heard + said)
    assert_none_shows({_basic(secret)[4:40] for secret in sent}, ear.heard + said)


@pytest.mark.any_airflow
def test_a_grant_that_repeats_the_refresh_token_is_read_as_it_is(
    sandbox: Sandbox, connect: Any, ear: Ear
) -> None:
    """A refresh token that was blotted out before it is stored would lock the account out."""

    def answer(request: Received) -> bytes:
        if "token" in request.target:
            form = fields_of(request)
            return response(
                200,
                {"access_token": "granted-4711", "expires_in": 3600, "refresh_token": form["refresh_token"]},
            )
        return response(401, {})

    with RawServer(answer) as server:
        everything_said(sandbox, connect("cronofy_refresh", host=server.url), "cronofy")

    refresh_tokens = {fields_of(each).get("refresh_token") for each in server.received} - {None}
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
        said = everything_said(sandbox, _webhook(connect, server), "bitrix24")
    assert_none_shows({WEBHOOK}, ear.heard + said)


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
    assert_none_shows({WEBHOOK}, ear.heard + said)


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
    assert_none_shows({"t0ken-of/alice"}, ear.heard + said)


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
        said = everything_said(sandbox, conn_id, "bitrix24")
    assert server.received
    assert_none_shows({WEBHOOK}, ear.heard + said)


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
    assert_none_shows({WEBHOOK}, [done.stdout, done.stderr])


@pytest.mark.any_airflow
def test_a_next_page_whose_host_is_the_secret(sandbox: Sandbox, connect: Any, ear: Ear) -> None:
    secret = "T0ken-Of-alice"
    page = {"value": [], "@odata.nextLink": f"https://{secret}.evil.example/next"}
    with RawServer(lambda request: response(200, page)) as server:
        hook = get_calendar_hook(connect("msgraph_calendar_static", host=server.url, access_token=secret))
        with pytest.raises(RsvpError) as caught, hook:
            hook.list_invitations("now", "+1d")
    assert_none_shows({secret, secret.lower()}, [str(caught.value), *ear.heard])
