"""Any answer at all to CalDAV's requests: a result, or one clear error of ours, and never a false "replied"."""

from __future__ import annotations

import asyncio

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cyrus_server import calendar_text
from support.replies import reply

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    CredentialsError,
    EventNotFoundError,
    MalformedResponseError,
    PermissionDeniedError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
    ThrottledError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
    UntrustedHostError,
)
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Result, Scope
from airflow_provider_rsvp.replying import ReplyOptions, set_participation_status
from airflow_provider_rsvp.services.caldav.client import CalDAVCalendar
from airflow_provider_rsvp.services.caldav.marks import Marks
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.wire import Purpose, Response

pytestmark = pytest.mark.any_airflow

CONN = "caldav_plain"
WINDOW = Window(pendulum.datetime(2040, 1, 1), pendulum.datetime(2040, 2, 1))
QUICK = settings(max_examples=120)


def multistatus(*responses, more=""):
    return f'<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">{"".join(responses)}{more}</multistatus>'


def response(href, properties):
    return (
        f"<response><href>{href}</href><propstat><prop>{properties}</prop>"
        "<status>HTTP/1.1 200 OK</status></propstat></response>"
    )


class Server:
    """A server of which single answers can be replaced."""

    def __init__(self):
        self.data = calendar_text("1").encode()
        self.tags = {"etag": '"1"'}
        self.dav = "1, calendar-access, calendar-auto-schedule"
        self.replaced = {}
        self.requests = []

    async def send(self, request):
        if len(self.requests) > 60:
            pytest.fail("The client does not come to an end.")
        self.requests.append(request)
        number = len(self.requests) - 1
        return self.replaced.get(number) or self.answer(request)

    def answer(self, request):
        match request.method:
            case "PUT":
                self.data = request.content
                return Response(204, {}, b"")
            case "GET":
                return Response(200, {"content-type": "text/calendar", **self.tags}, self.data)
            case "OPTIONS":
                return Response(200, {"dav": self.dav}, b"")
            case "REPORT":
                data = self.data.decode().replace("&", "&amp;")
                body = response("/home/work/1.ics", f"<C:calendar-data>{data}</C:calendar-data>")
                return self.xml(multistatus(body, more="<sync-token>2</sync-token>"))
            case _:
                return self.xml(multistatus(*self.properties(request)))

    def properties(self, request):
        asked = request.content.decode()
        if "current-user-principal" in asked:
            yield response("/", "<current-user-principal><href>/me/</href></current-user-principal>")
        elif "calendar-home-set" in asked:
            mail = "<C:calendar-user-address-set><href>mailto:alice@example.test</href></C:calendar-user-address-set>"
            yield response("/me/", f"<C:calendar-home-set><href>/home/</href></C:calendar-home-set>{mail}")
        else:
            kind = "<resourcetype><collection/><C:calendar/></resourcetype><sync-token>1</sync-token>"
            yield response("/home/work/", kind)

    def xml(self, text):
        return Response(207, {"content-type": "application/xml"}, text.encode())


async def answer_one(client):
    return await set_participation_status(
        client,
        EventReference(event_id="work/1.ics"),
        Reply(status=ParticipationStatus.ACCEPTED),
        options=ReplyOptions(settle_timeout=0),
    )


async def find_one(client):
    return await client.observe(EventReference(ical_uid="1"), Scope.INSTANCE)


async def list_all(client):
    return [each async for each in client.list_invitations(WINDOW)]


async def read_changes(client):
    return [await client.changes(WINDOW, since) for since in (None, "sync:1", "ctag:1")]


async def read_account(client):
    return (await client.account()).describe()


DOINGS = [answer_one, find_one, list_all, read_changes, read_account]
EACH = pytest.mark.parametrize("doing", DOINGS, ids=lambda doing: doing.__name__)


def client_of(server):
    return CalDAVCalendar(
        server, account="alice", marks=Marks("a password", "alice"), is_own_link=lambda _: False
    )


def carry_out(doing, server):
    return asyncio.run(doing(client_of(server)))


@EACH
def test_untouched_answers_end_in_a_result(doing):
    assert carry_out(doing, Server())


BODIES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            multistatus().encode(),
            multistatus(response("", "")).encode(),
            multistatus(response("/home/work/", "")).encode(),
            multistatus(
                response("https://elsewhere.example/home/", "<C:calendar-data>x</C:calendar-data>")
            ).encode(),
            multistatus(
                response("/", "<current-user-principal><unauthenticated/></current-user-principal>")
            ).encode(),
            multistatus(
                response("/", "<current-user-principal><href>//x</href></current-user-principal>")
            ).encode(),
            multistatus(response("/x", "<C:calendar-home-set><href>?</href></C:calendar-home-set>")).encode(),
            multistatus(
                "<response><href>/home/work/</href><status>HTTP/1.1 507 x</status></response>"
            ).encode(),
            calendar_text("2").encode(),
            calendar_text("1").replace("NEEDS-ACTION;RSVP", "ACCEPTED;RSVP").encode(),
            b"BEGIN:VCALENDAR",
        ]
    ),
)
ANSWERS = st.builds(
    Response,
    st.sampled_from(
        [200, 200, 204, 207, 207, 207, 301, 400, 401, 403, 404, 409, 412, 423, 429, 500, 503, 507]
    ),
    st.sampled_from(
        [{}, {"etag": '"2"'}, {"etag": 'W/"2"'}, {"location": "/"}, {"content-type": "text/html"}]
    ),
    BODIES,
)


@EACH
@QUICK
@given(data=st.data())
def test_any_answer_ends_in_a_result_or_an_error_of_ours(doing, data):
    server = Server()
    carry_out(doing, server)
    usual = len(server.requests)
    server = Server()
    for _ in range(data.draw(st.integers(1, 2))):
        server.replaced[data.draw(st.integers(0, usual))] = data.draw(ANSWERS)
    try:
        result = carry_out(doing, server)
    except RsvpError:
        return
    if doing is answer_one and result.result is Result.REPLIED:
        sent = [number for number, each in enumerate(server.requests) if each.purpose is Purpose.SEND]
        looks = [number for number, each in enumerate(server.requests) if each.method == "GET"]
        assert sent
        assert max(looks) > max(sent)
        seen = server.replaced.get(max(looks))
        assert b"PARTSTAT=ACCEPTED" in (seen.body if seen else server.data)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, "", RejectedByServiceError),
        (401, "", CredentialsError),
        (403, "", PermissionDeniedError),
        (
            403,
            '<error xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
            "<C:allowed-attendee-scheduling-object-change/></error>",
            CannotRespondError,
        ),
        (404, "", EventNotFoundError),
        (409, "", RejectedByServiceError),
        (423, "", ServiceUnavailableError),
        (429, "", ThrottledError),
        (500, "", UnclearOutcomeError),
        (502, "", UnclearOutcomeError),
        (507, "", RejectedByServiceError),
    ],
)
def test_what_a_server_answers_becomes_an_error_of_its_kind(status, body, error):
    server = Server()
    server.replaced = {5: Response(status, {}, body.encode())}
    with pytest.raises(error):
        carry_out(answer_one, server)
    assert server.requests[5].method == "PUT"


class TestTags:
    @pytest.mark.parametrize(
        ("tags", "condition"),
        [
            ({"etag": '"1"', "schedule-tag": '"2"'}, ("If-Match", '"1"')),
            ({"etag": 'W/"1"', "schedule-tag": '"2"'}, ("If-Schedule-Tag-Match", '"2"')),
        ],
    )
    def test_guard_what_is_written(self, tags, condition):
        server = Server()
        server.tags = tags
        carry_out(answer_one, server)
        (put,) = (each for each in server.requests if each.method == "PUT")
        assert condition in put.headers.items()
        assert len([name for name in put.headers if name.startswith("If-")]) == 1

    @pytest.mark.parametrize("tags", [{}, {"etag": 'W/"1"'}])
    def test_that_are_weak_or_missing_keep_anything_from_being_written(self, tags):
        server = Server()
        server.tags = tags
        with pytest.raises(UnsupportedByServiceError, match="strong entity tag"):
            carry_out(answer_one, server)
        assert not any(each.method == "PUT" for each in server.requests)


def test_a_home_on_another_host_gets_no_password(radicale, radicale_proxy):
    body = multistatus(
        response(
            "/", "<current-user-principal><href>https://elsewhere.example/me/</href></current-user-principal>"
        )
    )
    radicale_proxy.faults({"kind": "status", "status": 207, "body": body, "operation": "discover"})
    with pytest.raises(UntrustedHostError, match=r"elsewhere\.example"):
        reply(CONN, "accepted", event_id="work/1.ics", notify_organizer=False)


def test_changes_in_several_parts_are_all_read():
    server = Server()
    cut_short = (
        "<response><href>/home/work/</href><status>HTTP/1.1 507 Insufficient Storage</status></response>"
    )
    deleted = "<response><href>/home/work/2.ics</href><status>HTTP/1.1 404 Not Found</status></response>"
    first = multistatus(response("/home/work/2.ics", ""), cut_short, more="<sync-token>1a</sync-token>")
    second = multistatus(response("/home/work/1.ics", ""), deleted, more="<sync-token>1b</sync-token>")
    server.replaced = {4: server.xml(first), 5: server.xml(second)}

    async def read(client):
        return await client.changes(WINDOW, "sync:1")

    changes = carry_out(read, server)
    assert (changes.token, changes.complete) == ("sync:1b", False)
    assert [each.reference.event_id for each in changes.invitations] == ["work/1.ics"]
    assert b"1.ics" in server.requests[6].content
    assert b"2.ics" not in server.requests[6].content


@pytest.mark.parametrize("tag", ["<S:getctag>7</S:getctag>", ""])
def test_without_reports_of_changes_everything_is_read_if_the_tag_has_changed(tag):
    class Plain(Server):
        def properties(self, request):
            for each in super().properties(request):
                yield each.replace(
                    "<sync-token>1</sync-token>",
                    tag.replace("S:getctag", 'getctag xmlns="http://calendarserver.org/ns/"', 1).replace(
                        "/S:", "/"
                    ),
                )

    async def read(client):
        first = await client.changes(WINDOW, None)
        return first, await client.changes(WINDOW, first.token)

    first, second = carry_out(read, Plain())
    assert first.complete
    assert first.token == ("ctag:7" if tag else None)
    assert (len(second.invitations), second.complete) == ((0, False) if tag else (1, True))


def test_an_error_that_is_a_page_is_no_answer(radicale, radicale_proxy):
    radicale_proxy.faults({"kind": "html", "operation": "discover", "times": None})
    with pytest.raises(MalformedResponseError, match="the host in the connection is a CalDAV server"):
        reply(CONN, "accepted", event_id="work/1.ics", notify_organizer=False)
