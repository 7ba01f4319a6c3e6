"""
What we send to Google Calendar, and what the sandbox answers, held against Google's own description of the API.

And Google's own client, as it is but for the address, reads and answers on the sandbox.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import google_auth_httplib2
import httplib2
import jsonschema
import pendulum
import pytest
from google.auth.exceptions import RefreshError
from google.oauth2 import credentials, service_account
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from support import discovery

from airflow_provider_rsvp.exceptions import EditConflictError, RsvpError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Scope
from airflow_provider_rsvp.replying import ReplyOptions, set_participation_status
from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.sandbox.google import keys, seed
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.google_calendar import SCOPE, GoogleCalendar
from airflow_provider_rsvp.services.wire import Request, Response

pytestmark = pytest.mark.any_airflow

ALICE, CAROL = seed.ALICE.address, seed.CAROL.address
NOW = pendulum.now("UTC")
WINDOW = Window(NOW, NOW.add(days=20))


class Recording:
    """An exchange that notes what goes out and what comes back."""

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.held: list[tuple[Request, Response]] = []

    async def send(self, request: Request) -> Response:
        answer: Response = await self.exchange.send(request)
        self.held.append((request, answer))
        return answer


def record(
    conn_id: str, do: Callable[[GoogleCalendar], Any], **options: Any
) -> list[tuple[Request, Response]]:
    hook = get_calendar_hook(conn_id)
    calendar = hook.build(Fields(hook.get_connection(conn_id), hook.conn_type))  # type: ignore[no-untyped-call]
    recording = Recording(calendar.transport)

    async def run() -> None:
        async with calendar.transport:
            await do(GoogleCalendar(recording, **options))

    asyncio.run(run())
    return recording.held


@pytest.fixture
def event(sandbox: Sandbox) -> Callable[..., str]:
    return lambda slug, mailbox=ALICE: sandbox.event_id("google", slug, mailbox)


async def do_everything(client: GoogleCalendar, event: Callable[..., str]) -> None:
    """Make every kind of request that the client knows."""
    await client.account()
    training = await client.observe(EventReference(event_id=event("training-2")), Scope.INSTANCE)
    start = training.reference.original_start
    for reference in (
        EventReference(event_id=event("offsite")),
        EventReference(event_id=event("training"), original_start=start),
        EventReference(ical_uid="training@sandbox.example", original_start=start),
        EventReference(ical_uid="release@sandbox.example"),
        EventReference(event_id=event("team"), calendar_id=seed.TEAM_CALENDAR),
    ):
        await client.observe(reference, Scope.SERIES)
    _ = [each async for each in client.list_invitations(WINDOW)]
    first = await client.changes(WINDOW, None)
    await client.changes(WINDOW, first.token)
    for number, status in enumerate(ParticipationStatus):
        await set_participation_status(
            client,
            EventReference(event_id=event("release")),
            Reply(status=status, comment=f"{number} <&> é", notify_organizer=number % 2 == 0),
            options=ReplyOptions(force=True),
        )
    await client.read_status(training)


@pytest.mark.parametrize("page_size", [250, 3])
def test_every_request_and_every_answer_is_as_described(
    sandbox: Sandbox, event: Callable[..., str], page_size: int
) -> None:
    sandbox.reset(google_page_size=page_size)

    held = record("google_calendar_static", lambda client: do_everything(client, event))

    called = set()
    for request, answer in held:
        name = discovery.check_request(request.method, request.url, request.query, request.json)
        called.add(name)
        assert SCOPE in discovery.scopes(name)
        assert answer.status == 200
        discovery.check_answer(name, json.loads(answer.body))
    assert called == {"get", "list", "instances", "patch"}
    assert any(dict(request.query).get("pageToken") for request, _ in held) is (page_size == 3)


def test_what_is_deleted_is_shown_as_described(sandbox: Sandbox, event: Callable[..., str]) -> None:
    async def do(client: GoogleCalendar) -> None:
        first = await client.changes(WINDOW, None)
        sandbox.cancel("google", event("release"))
        await client.changes(WINDOW, first.token)
        with pytest.raises(RsvpError):
            await client.observe(EventReference(event_id=event("release")), Scope.INSTANCE)

    held = record("google_calendar_static", do)

    _, delta = held[-2]
    _, cancelled = held[-1]
    assert [item["status"] for item in json.loads(delta.body)["items"]] == ["cancelled"]
    discovery.check_answer("list", json.loads(delta.body))
    discovery.check_answer("get", json.loads(cancelled.body))


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"attendees": [{"email": "a@b.example", "responseStatus": 1}]}, "Event"),
        ({"attendeesOmitted": "yes"}, "Event"),
        ({"summery": "x"}, "Event"),
        ({"start": {"dateTime": "2026-01-01T10:00:00"}}, "Event"),
        ({"start": {"date": "01/01/2026"}}, "Event"),
        ({"items": {}}, "Events"),
    ],
)
def test_the_description_is_strict(value: Any, schema: str) -> None:
    """So the tests above do not pass because everything does."""
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        discovery.check(value, schema)


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("POST", "calendars/primary/events/a", [], None),
        ("GET", "calendars/primary/events", [("$top", "1")], None),
        ("GET", "calendars/primary/events", [("maxResults", "0")], None),
        ("GET", "calendars/primary/events", [("timeMin", "2026-01-01T10:00:00")], None),
        ("GET", "calendars/primary/events", [("pageToken", "a"), ("pageToken", "b")], None),
        ("PATCH", "calendars/primary/events/a", [("sendUpdates", "everybody")], {}),
        ("GET", "calendars/primary/events/a", [], {}),
    ],
)
def test_so_is_the_check_of_requests(method: str, path: str, query: Any, body: Any) -> None:
    with pytest.raises(AssertionError):
        discovery.check_request(method, path, query, body)


class TestGooglesOwnClient:
    """``google-api-python-client`` on the sandbox; nothing is fetched from elsewhere."""

    def service(self, sandbox: Sandbox, user: Any) -> Any:
        return build(
            "calendar",
            "v3",
            http=google_auth_httplib2.AuthorizedHttp(user, http=httplib2.Http(timeout=10)),
            static_discovery=True,
            client_options={"api_endpoint": f"{sandbox.url}/google/calendar/v3/"},
        )

    @pytest.fixture
    def alice(self, sandbox: Sandbox) -> Iterator[Any]:
        with self.service(sandbox, credentials.Credentials(seed.ALICE.access_token)) as service:
            yield service

    @pytest.fixture
    def info(self, sandbox: Sandbox) -> dict[str, str]:
        return keys.key_file(seed.SERVICE_ACCOUNT, f"{sandbox.url}/google/token")

    def test_lists_all_pages(self, sandbox: Sandbox, alice: Any) -> None:
        sandbox.reset(google_page_size=4)
        found: list[str] = []
        request = alice.events().list(calendarId="primary", singleEvents=True, orderBy="startTime")
        while request is not None:
            page = request.execute()
            found += [each["id"] for each in page["items"]]
            request = alice.events().list_next(request, page)

        shown = {
            row["event_id"]
            for row in sandbox.invitations()
            if row["calendar_id"] == ALICE and not row["recurrence"] and "cancelled" not in str(row["note"])
        }
        assert set(found) == shown
        assert len(found) == len(shown)

    def test_answers_as_we_do(self, sandbox: Sandbox, alice: Any, event: Callable[..., str]) -> None:
        body = {
            "attendeesOmitted": True,
            "attendees": [{"email": ALICE, "responseStatus": "declined", "comment": "On leave"}],
        }
        shown = (
            alice.events()
            .patch(calendarId="primary", eventId=event("release"), body=body, sendUpdates="all")
            .execute()
        )

        answers = {each["email"]: each["responseStatus"] for each in shown["attendees"]}
        assert answers == {ALICE: "declined", seed.BOB.address: "needsAction", CAROL: "needsAction"}
        (mail,) = sandbox.mail()
        assert (mail["status"], mail["comment"], mail["attendee"]) == ("declined", "On leave", ALICE)

    def test_uninvites_the_others_where_we_take_care_not_to(
        self, sandbox: Sandbox, alice: Any, event: Callable[..., str]
    ) -> None:
        body = {"attendees": [{"email": ALICE, "responseStatus": "accepted"}]}
        shown = alice.events().patch(calendarId="primary", eventId=event("release"), body=body).execute()
        assert [each["email"] for each in shown["attendees"]] == [ALICE]

    def test_is_refused_for_an_older_version(
        self, sandbox: Sandbox, alice: Any, event: Callable[..., str]
    ) -> None:
        seen = alice.events().get(calendarId="primary", eventId=event("release")).execute()
        sandbox.answer("google", event("release"), CAROL, "accepted")
        request = alice.events().patch(
            calendarId="primary", eventId=event("release"), body={"attendeesOmitted": True, "attendees": []}
        )
        request.headers["If-Match"] = seen["etag"]

        with pytest.raises(HttpError) as raised:
            request.execute()

        assert raised.value.status_code == 412
        assert raised.value.error_details[0]["reason"] == "conditionNotMet"

    def test_reads_only_what_changed(self, sandbox: Sandbox, alice: Any, event: Callable[..., str]) -> None:
        first = alice.events().list(calendarId="primary", singleEvents=True).execute()
        sandbox.answer("google", event("release"), CAROL, "accepted")
        second = (
            alice.events()
            .list(calendarId="primary", singleEvents=True, syncToken=first["nextSyncToken"])
            .execute()
        )
        assert [each["id"] for each in second["items"]] == [event("release")]

        sandbox.reset()
        with pytest.raises(HttpError) as raised:
            alice.events().list(
                calendarId="primary", singleEvents=True, syncToken=first["nextSyncToken"]
            ).execute()
        assert (raised.value.status_code, raised.value.error_details[0]["reason"]) == (
            410,
            "fullSyncRequired",
        )

    def test_acts_for_a_user_by_a_service_account(
        self, sandbox: Sandbox, info: dict[str, str], event: Callable[..., str]
    ) -> None:
        account = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE], subject=CAROL)
        with self.service(sandbox, account) as service:
            standup = event("standup", CAROL)
            shown = service.events().get(calendarId="primary", eventId=standup).execute()
        assert [each["email"] for each in shown["attendees"] if each.get("self")] == [CAROL]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"subject": "nobody@workspace.example"}, "Invalid email or User ID"),
            ({"scopes": ["https://www.googleapis.com/auth/drive"]}, "unauthorized_client"),
        ],
    )
    def test_is_refused_what_was_not_delegated(
        self, sandbox: Sandbox, info: dict[str, str], changes: dict[str, Any], said: str
    ) -> None:
        account = service_account.Credentials.from_service_account_info(
            info, **{"scopes": [SCOPE], "subject": CAROL, **changes}
        )
        with self.service(sandbox, account) as service, pytest.raises(RefreshError, match=said):
            service.events().list(calendarId="primary").execute()

    def test_refreshes_a_token(self, sandbox: Sandbox) -> None:
        user = credentials.Credentials(
            None,
            refresh_token=seed.ALICE.refresh_token,
            client_id=seed.CLIENT_ID,
            client_secret=seed.CLIENT_SECRET,
            token_uri=f"{sandbox.url}/google/token",
        )
        with self.service(sandbox, user) as service:
            assert service.events().list(calendarId="primary", maxResults=1).execute()["summary"] == ALICE

    def test_reads_errors(self, sandbox: Sandbox, alice: Any, event: Callable[..., str]) -> None:
        for calendar, event_id, status, reason in (
            ("primary", "nowhere", 404, "notFound"),
            ("nobody@workspace.example", event("release"), 404, "notFound"),
            (seed.OPERATIONS, event("readonly"), 403, "requiredAccessLevel"),
        ):
            with pytest.raises(HttpError) as raised:
                alice.events().patch(calendarId=calendar, eventId=event_id, body={}).execute()
            assert (raised.value.status_code, raised.value.error_details[0]["reason"]) == (status, reason)


def test_a_reply_leaves_everybody_else_as_they_are(sandbox: Sandbox, event: Callable[..., str]) -> None:
    """Google's own client looks at the event before and after our reply."""
    client = TestGooglesOwnClient()
    with client.service(sandbox, credentials.Credentials(seed.ALICE.access_token)) as alice:

        def look() -> SimpleNamespace:
            shown = alice.events().get(calendarId="primary", eventId=event("release")).execute()
            mine = [each for each in shown.pop("attendees") if each.get("self")]
            del shown["etag"], shown["updated"]
            others = [
                each
                for each in alice.events()
                .get(calendarId="primary", eventId=event("release"))
                .execute()["attendees"]
                if not each.get("self")
            ]
            return SimpleNamespace(mine=mine, others=others, rest=shown)

        before = look()
        with get_calendar_hook("google_calendar_static") as hook:
            hook.set_participation_status(
                EventReference(event_id=event("release")),
                Reply(status=ParticipationStatus.TENTATIVE, comment="Perhaps"),
            )
        after = look()

    assert (after.others, after.rest) == (before.others, before.rest)
    assert after.mine == [{**before.mine[0], "responseStatus": "tentative", "comment": "Perhaps"}]


def test_a_version_that_is_no_longer_there_changes_nothing(
    sandbox: Sandbox, event: Callable[..., str]
) -> None:
    async def do(client: GoogleCalendar) -> None:
        seen = await client.observe(EventReference(event_id=event("release")), Scope.INSTANCE)
        sandbox.answer("google", event("release"), CAROL, "accepted")
        with pytest.raises(EditConflictError, match="nothing was done"):
            await client.send(seen, Reply(status=ParticipationStatus.ACCEPTED))

    record("google_calendar_static", do)

    assert [mail["attendee"] for mail in sandbox.mail()] == [CAROL]
