"""Any response at all: the clients on top of an exchange that sends what it likes."""

from __future__ import annotations

import asyncio
import json

import pendulum
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.services import SERVICES

from airflow_provider_rsvp.exceptions import MalformedResponseError, PassingError, RsvpError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Result, Scope
from airflow_provider_rsvp.replying import ReplyOptions, set_participation_status
from airflow_provider_rsvp.services import msgraph
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import Pages, Purpose, Request, Response, retry_after

pytestmark = pytest.mark.any_airflow


class Replay:
    """An exchange that gives prepared answers one after the other, and the last one from then on."""

    def __init__(self, answers):
        self.answers = answers
        self.given = []

    async def send(self, request: Request) -> Response:
        if len(self.given) > 40:
            pytest.fail("The client does not come to an end.")
        answer = self.answers[min(len(self.given), len(self.answers) - 1)]
        self.given.append((request.purpose, answer))
        return answer


class Recording:
    """An exchange that notes the answers of a real one."""

    def __init__(self, exchange):
        self.exchange = exchange
        self.answers = []

    async def send(self, request: Request) -> Response:
        answer = await self.exchange.send(request)
        self.answers.append(answer)
        return answer


WINDOW = Window(pendulum.now("UTC"), pendulum.now("UTC").add(days=2))


def training():
    """When the sandbox's series begins, which is filled anew for each test: midnight may pass since the import."""
    return pendulum.tomorrow("Europe/Berlin").at(13)


async def answer_one(client, service):
    reference = EventReference(event_id=SERVICES[service].release)
    return await set_participation_status(
        client, reference, Reply(status=ParticipationStatus.ACCEPTED), options=ReplyOptions(settle_timeout=0)
    )


async def find_one(client, service):
    which = (
        {"event_id": "evt_external_training-1"}
        if service == "cronofy"
        else {"ical_uid": "training@sandbox.example"}
    )
    reference = EventReference(**which, original_start=training())
    return [
        await client.observe(reference, Scope.INSTANCE if service in ("graph", "google") else Scope.SERIES)
    ]


async def list_all(client, service):
    return [invitation async for invitation in client.list_invitations(WINDOW)]


async def read_changes(client, service):
    first = await client.changes(WINDOW, None)
    second = await client.changes(WINDOW, first.token or "token")
    return [*first.invitations, *second.invitations]


async def read_account(client, service):
    return (await client.account()).describe()


DOINGS = {
    "answer": answer_one,
    "find": find_one,
    "list": list_all,
    "changes": read_changes,
    "account": read_account,
}


@pytest.fixture(scope="module")
def recorded(running_sandbox):
    """What the services really answer to each doing."""
    running_sandbox.faults([])
    running_sandbox.reset(cronofy_settle=0)
    answers = {}
    with pytest.MonkeyPatch.context() as environment:
        for conn_id, connection in running_sandbox.connections().items():
            environment.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        for service, each in SERVICES.items():
            hook = get_calendar_hook(each.static)
            for doing, do in DOINGS.items():
                calendar = hook.build(Fields(hook.get_connection(hook.conn_id), hook.conn_type))
                recording = Recording(calendar.transport)

                async def record(calendar=calendar, recording=recording, do=do, service=service):
                    async with calendar.transport:
                        await do(SERVICES[service].wire.client(recording), service)

                asyncio.run(record())
                answers[service, doing] = recording.answers
    return answers


ODD = st.sampled_from(
    [
        "",
        "\ud800",
        "a\nb",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "2026-01-05T09:00:00.0000000",
        "2026-01-05",
        "9999-12-31",
        "Pacific Standard Time",
        "Nowhere/At All",
        "-1",
        "1e9",
        "evt_external_release",
        "accepted",
        "Y",
        10**400,
        -(10**18),
        float("nan"),
        float("inf"),
        1e300,
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | ODD
NAMES = st.text(max_size=4) | st.sampled_from(
    ["events", "calendars", "result", "value", "id", "ID", "start", "end", "error", "calendar_id"]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
STATUSES = st.sampled_from([200, 200, 200, 202, 204, 400, 401, 403, 404, 409, 422, 429, 500, 503])
ANSWERS = st.builds(
    lambda status, body: Response(status, {"content-type": "application/json"}, body),
    STATUSES,
    JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20),
)
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
EACH = pytest.mark.parametrize("doing", DOINGS)
EACH_SERVICE = pytest.mark.parametrize("name", SERVICES)


def carry_out(name, doing, answers):
    """Do it on these answers; only errors of ours may come out."""
    exchange = Replay(answers)
    try:
        result = asyncio.run(DOINGS[doing](SERVICES[name].wire.client(exchange), name))
    except RsvpError:
        return None
    if doing == "answer":
        check_outcome(name, result, exchange.given)
    if doing in ("find", "list", "changes"):
        for invitation in result:
            check_plain(invitation.to_plain())
    return result


def check_plain(shown):
    for name, value in shown.items():
        for each in value if isinstance(value, list) else [value]:
            assert isinstance(each, str | bool | int | None), name


def check_outcome(name, outcome, given):
    """``replied`` only if something was sent, and the answer to the last look shows the status."""
    json.dumps(outcome.to_plain())
    sent = [index for index, (purpose, _) in enumerate(given) if purpose is Purpose.SEND]
    if outcome.result is Result.UNCHANGED:
        assert sent == []
        return
    assert (outcome.result, outcome.verified) == (Result.REPLIED, True)
    assert len(sent) == 1
    # Where the response to the sending shows the event too, it is a look.
    looks = [json.loads(answer.body) for _, answer in given[sent[0] + (not SERVICES[name].shows) :]]
    assert looks
    assert SERVICES[name].wire.accepted(looks)


@EACH
@EACH_SERVICE
@QUICK
@given(answers=st.lists(ANSWERS, min_size=1, max_size=4))
@example(answers=[Response(200, {}, b"[" * 100_000)])
def test_any_answer_ends_in_a_result_or_an_error_of_ours(name, doing, answers):
    carry_out(name, doing, answers)


@EACH
@EACH_SERVICE
@QUICK
@given(data=st.data())
def test_so_does_a_real_answer_that_was_tampered_with(recorded, name, doing, data):
    answers = list(recorded[name, doing])
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(answers) - 1))
        answers[index] = tampered(answers[index], data)
    carry_out(name, doing, answers)


def tampered(answer, data):
    """The answer with one value, anywhere in its body, replaced or taken away."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return Response(answer.status, answer.headers, data.draw(st.binary(max_size=20)))
    holder, key = {"": body}, ""
    while isinstance(holder[key], dict | list) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    if key != "" and data.draw(st.booleans()):
        del holder[key]
        return Response(answer.status, answer.headers, json.dumps(body).encode())
    if key == "":
        body = data.draw(JSON)
    else:
        holder[key] = data.draw(JSON)
    return Response(answer.status, answer.headers, json.dumps(body).encode())


@EACH_SERVICE
def test_untouched_answers_end_in_a_reply(recorded, name):
    """So the tests above do not pass for want of a way to get that far."""
    assert carry_out(name, "answer", recorded[name, "answer"]).result is Result.REPLIED
    assert carry_out(name, "account", recorded[name, "account"])
    assert carry_out(name, "list", recorded[name, "list"])
    assert carry_out(name, "find", recorded[name, "find"])


@QUICK
@given(value=st.text() | st.floats().map(str) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ .*"))
@example(value="nan")
@example(value="inf")
@example(value="Wed, 21 Oct 2015 07:28:00 +99999999999999999")
def test_any_retry_after_is_a_number_of_seconds_or_none(value):
    seconds = retry_after(Response(429, {"retry-after": value}, b""))
    assert seconds is None or 0 <= seconds < float("inf")


@QUICK
@given(link=JSON)
def test_any_next_page_is_an_address_or_an_error(link):
    try:
        assert isinstance(Pages("list").following(link), str)
    except MalformedResponseError:
        assert not isinstance(link, str)


TOKEN = Request(what="get an access token", method="POST", url="", purpose=Purpose.TOKEN)
GRANTS = st.fixed_dictionaries(
    {},
    optional={
        "access_token": JSON | st.just("token"),
        "refresh_token": JSON,
        "expires_in": JSON,
        "error": JSON,
        "error_description": JSON,
    },
).map(lambda value: Response(200, {}, json.dumps(value).encode()))


@EACH_SERVICE
@QUICK
@given(answer=ANSWERS | GRANTS)
def test_any_answer_to_a_token_request_is_a_grant_or_an_error_of_ours(name, answer):
    try:
        grant = SERVICES[name].wire.read_token(TOKEN, answer)
    except RsvpError:
        return
    assert isinstance(grant.access_token, str)
    assert grant.access_token
    assert isinstance(grant.refresh_token, str | None)
    assert grant.expires_at is None or 0 < grant.expires_at < 1e11


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "..", "a.bnVsbA.c", "a.W10.c", "é.é.é"])
def test_a_token_that_cannot_be_read_tells_nothing(token):
    assert msgraph.token_claims(token) == {}


@given(token=st.text())
def test_any_token_tells_something_or_nothing(token):
    assert isinstance(msgraph.token_claims(token), dict)


def test_malformed_answers_are_retried():
    assert issubclass(MalformedResponseError, PassingError)
