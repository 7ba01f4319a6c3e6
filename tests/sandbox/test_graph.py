"""The sandbox's Graph against what is known of the service."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from airflow_provider_rsvp.sandbox.graph import ids, seed

pytestmark = pytest.mark.any_airflow

SLOT = {
    "start": {"dateTime": "2030-01-02T18:00:00", "timeZone": "Pacific Standard Time"},
    "end": {"dateTime": "2030-01-02T19:00:00", "timeZone": "America/Los_Angeles"},
}


@pytest.fixture
def alice(graph):
    return graph.bearing(seed.ALICE.access_token)


@pytest.fixture
def carol(graph):
    return graph.bearing(seed.CAROL.access_token)


@pytest.fixture
def app(graph):
    """An application that acts for itself."""
    return graph.bearing(token(graph).json["access_token"])


@pytest.fixture
def event(sandbox):
    return lambda slug, mailbox=None: sandbox.event_id("graph", slug, mailbox)


def token(graph, tenant=seed.TENANT_ID, **changes):
    form = {
        "grant_type": "client_credentials",
        "client_id": seed.CLIENT_ID,
        "client_secret": seed.CLIENT_SECRET,
        "scope": "https://graph.microsoft.com/.default",
        **changes,
    }
    return graph.post(f"/{tenant}/oauth2/v2.0/token", form={k: v for k, v in form.items() if v is not None})


def act(client, event_id, action, body=None, where="/v1.0/me", **given):
    return client.post(f"{where}/events/{event_id}/{action}", data=body, **given)


def read(client, event_id, **given):
    return client.get(f"/v1.0/me/events/{event_id}", **given)


def response(client, event_id):
    return read(client, event_id).json["responseStatus"]["response"]


def window(days=30, **more):
    start = datetime.now(UTC).replace(microsecond=0)
    return {
        "startDateTime": start.isoformat(),
        "endDateTime": (start + timedelta(days=days)).isoformat(),
        "$top": 1000,
        **more,
    }


def view(client, where="/v1.0/me", **given):
    reply = client.get(f"{where}/calendarView", query=window(), **given)
    assert reply.status == 200, reply.text
    return {each["id"]: each for each in reply.json["value"]}


def assert_error(reply, status, code):
    assert reply.status == status, reply.text
    error = reply.json["error"]
    assert error["code"] == code
    assert error["message"]
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}


class TestActions:
    @pytest.mark.parametrize(
        ("action", "seen", "status"),
        [
            ("accept", "accepted", "accepted"),
            ("tentativelyAccept", "tentativelyAccepted", "tentative"),
        ],
    )
    def test_answer(self, alice, event, sandbox, action, seen, status):
        reply = act(alice, event("standup"), action, {"comment": "See you", "sendResponse": True})
        assert (reply.status, reply.text) == (202, "")
        shown = read(alice, event("standup")).json["responseStatus"]
        assert shown["response"] == seen
        assert not shown["time"].startswith("0001")
        (mail,) = sandbox.mail()
        assert mail["status"] == status
        assert mail["comment"] == "See you"
        assert mail["mailbox"] == mail["attendee"] == "alice@contoso.example"
        assert mail["event_id"] == event("standup")

    def test_declining_moves_to_deleted_items(self, alice, event, sandbox):
        assert act(alice, event("standup"), "decline").status == 202
        assert_error(read(alice, event("standup")), 404, "ErrorItemNotFound")
        assert_error(act(alice, event("standup"), "accept"), 404, "ErrorItemNotFound")
        assert event("standup") not in view(alice)
        assert [mail["status"] for mail in sandbox.mail()] == ["declined"]

    def test_declining_keeps_the_event_where_the_mailbox_says_so(self, carol, event):
        standup = event("standup", "carol@contoso.example")
        act(carol, standup, "decline")
        assert response(carol, standup) == "declined"
        assert view(carol)[standup]["showAs"] == "free"

    def test_immutable_id_survives_the_move(self, alice, event):
        immutable = ids.immutable("alice@contoso.example", "standup")
        act(alice, immutable, "decline")
        assert response(alice, immutable) == "declined"

    def test_body_is_optional_and_names_have_any_case(self, alice, event, sandbox):
        act(alice, event("standup"), "accept")
        act(alice, event("planning"), "accept", {})
        act(alice, event("review"), "accept", {"Comment": "c", "SendResponse": True})
        act(alice, event("lunch"), "accept", {"SendResponse": False})
        assert [(mail["subject"], mail["comment"]) for mail in sandbox.mail()] == [
            ("Daily standup", None),
            ("Sprint planning", None),
            ("Design review", "c"),
        ]
        assert response(alice, event("lunch")) == "accepted"

    def test_silent_answer_leaves_the_organizers_tracking(self, alice, event):
        act(alice, event("standup"), "accept", {"sendResponse": False})
        me = read(alice, event("standup")).json["attendees"][0]
        assert me["status"]["response"] == "none"
        act(alice, event("standup"), "accept", {"sendResponse": True})
        me, *others = read(alice, event("standup")).json["attendees"]
        assert me["status"]["response"] == "accepted"
        assert {each["status"]["response"] for each in others} == {"none"}

    @pytest.mark.parametrize("action", ["tentativelyAccept", "decline"])
    def test_proposed_time(self, alice, event, sandbox, action):
        act(alice, event("standup"), action, {"proposedNewTime": SLOT, "sendResponse": True})
        (mail,) = sandbox.mail()
        assert mail["proposed_time"] == {
            "start": "2030-01-02T18:00:00-08:00",
            "end": "2030-01-02T19:00:00-08:00",
        }

    def test_repeating_mails_again(self, alice, event, sandbox):
        for _ in range(2):
            act(alice, event("standup"), "accept")
        assert len(sandbox.mail()) == 2

    def test_series_in_one_reply(self, alice, event, sandbox):
        act(alice, event("training"), "accept")
        assert response(alice, event("training-3")) == "accepted"
        assert len(sandbox.mail()) == 1

    def test_one_occurrence(self, alice, event):
        act(alice, event("training-3"), "decline")
        assert read(alice, event("training-3")).status == 404
        assert response(alice, event("training-2")) == "notResponded"
        assert response(alice, event("training")) == "notResponded"

    def test_organizer_sees_the_answer(self, alice, graph, event):
        bob = graph.bearing(seed.BOB.access_token)
        act(bob, event("own", "bob@contoso.example"), "tentativelyAccept", {"proposedNewTime": SLOT})
        bobs = read(alice, event("own")).json["attendees"][0]
        assert bobs["status"]["response"] == "tentativelyAccepted"
        assert bobs["proposedNewTime"]["start"] == {
            "dateTime": "2030-01-03T02:00:00.0000000",
            "timeZone": "UTC",
        }

    def test_beta(self, alice, event, sandbox):
        assert act(alice, event("standup"), "accept", where="/beta/me").status == 202
        sandbox.reset(graph_beta_status=200)
        assert act(alice, event("standup"), "accept", where="/beta/me").status == 200
        assert act(alice, event("standup"), "accept").status == 202


class TestForms:
    @pytest.mark.parametrize("owner", ["me", "users/alice@contoso.example", f"users/{seed.ALICE.id}"])
    @pytest.mark.parametrize(
        "calendar", ["", "/calendar", "/calendars/{cid}", "/calendarGroups/{gid}/calendars/{cid}"]
    )
    @pytest.mark.parametrize("version", ["v1.0", "beta"])
    def test_all(self, alice, event, owner, calendar, version):
        cid = quote(ids.default("alice", "calendar"), safe="")
        gid = quote(ids.default("alice", "group-my"), safe="")
        base = f"/{version}/{owner}{calendar.format(cid=cid, gid=gid)}"
        standup = quote(event("standup"), safe="")
        assert alice.get(f"{base}/events/{standup}").status == 200
        assert event("standup") in view(alice, base)
        assert alice.post(f"{base}/events/{standup}/accept", data={}).status == 202

    def test_old_and_odd_ones(self, alice, event):
        cid, standup = ids.default("alice", "calendar"), event("standup")
        for path in (
            f"/v1.0/me/calendargroup/calendars/{cid}/events/{standup}/accept",
            f"/v1.0/me/calendargroups/{ids.default('alice', 'group-my')}/calendars/{cid}/events/{standup}/accept",
            f"/V1.0/ME/Events/{standup}/TentativelyAccept",
            f"/v1.0/me/events/{standup}/microsoft.graph.accept",
            f"/v1.0/users('alice@contoso.example')/events/{standup}/accept",
        ):
            assert alice.post(path).status == 202, path

    def test_event_must_be_in_the_calendar(self, alice, event):
        team = ids.default("alice", "calendar-team")
        assert act(alice, event("team"), "accept", where=f"/v1.0/me/calendars/{team}").status == 202
        wrong = act(alice, event("standup"), "accept", where=f"/v1.0/me/calendars/{team}")
        assert_error(wrong, 404, "ErrorItemNotFound")
        group = ids.default("alice", "group-my")
        wrong = act(alice, event("team"), "accept", where=f"/v1.0/me/calendarGroups/{group}/calendars/{team}")
        assert_error(wrong, 404, "ErrorItemNotFound")

    def test_event_of_another_mailbox(self, alice, event):
        theirs = event("standup", "bob@contoso.example")
        assert_error(read(alice, theirs), 404, "ErrorItemNotFound")


class TestRefusals:
    @pytest.mark.parametrize(
        ("slug", "action", "body", "code"),
        [
            ("own", "accept", {}, "ErrorInvalidRequest"),
            ("no-response", "accept", {}, "ErrorInvalidRequest"),
            ("no-proposals", "decline", {"proposedNewTime": SLOT}, "ErrorInvalidParameter"),
            ("standup", "decline", {"proposedNewTime": SLOT, "sendResponse": False}, "ErrorInvalidParameter"),
            ("standup", "accept", {"comment": "c", "sendResponse": False}, "ErrorInvalidParameter"),
            ("standup", "accept", {"proposedNewTime": SLOT}, "RequestBodyRead"),
            ("standup", "accept", {"sendResponse": "yes"}, "RequestBodyRead"),
            ("standup", "accept", [], "BadRequest"),
        ],
    )
    def test_400(self, alice, event, sandbox, slug, action, body, code):
        assert_error(act(alice, event(slug), action, body), 400, code)
        assert sandbox.mail() == []

    def test_organizer_and_no_response_differ_in_text_only(self, alice, event):
        own = act(alice, event("own"), "accept").json["error"]["message"]
        unasked = act(alice, event("no-response"), "accept").json["error"]["message"]
        assert "organizer" in own
        assert "hasn't requested a response" in unasked
        assert act(alice, event("no-response"), "accept", {"sendResponse": False}).status == 202

    def test_unknown_time_zone(self, alice, event):
        slot = {**SLOT, "start": {**SLOT["start"], "timeZone": "Mars Standard Time"}}
        reply = act(alice, event("standup"), "decline", {"proposedNewTime": slot})
        assert_error(reply, 400, "TimeZoneNotSupportedException")

    def test_cancelled_and_draft(self, alice, event):
        assert act(alice, event("cancelled"), "accept").status == 400
        assert act(alice, event("draft"), "accept").status == 400

    def test_read_only_calendar(self, alice, event):
        assert_error(act(alice, event("readonly"), "accept"), 403, "ErrorAccessDenied")

    def test_malformed_and_unknown_ids(self, alice):
        assert_error(act(alice, "651", "accept"), 400, "ErrorInvalidIdMalformed")
        assert_error(act(alice, ids.default("alice", "nothing"), "accept"), 404, "ErrorItemNotFound")
        assert_error(read(alice, ids.default("alice", "standup").lower()), 400, "ErrorInvalidIdMalformed")

    def test_tokens(self, graph, sandbox):
        for client in (graph, graph.bearing("x")):
            assert_error(client.get("/v1.0/me"), 401, "InvalidAuthenticationToken")
        issued = graph.bearing(token(graph).json["access_token"])
        sandbox.expire_tokens()
        reply = issued.get("/v1.0/users/alice@contoso.example")
        assert_error(reply, 401, "InvalidAuthenticationToken")
        assert "expired" in reply.json["error"]["message"]

    def test_me_without_a_user(self, app):
        assert_error(app.get("/v1.0/me/events"), 400, "BadRequest")

    def test_users(self, app):
        assert_error(app.get("/v1.0/users/nobody@contoso.example/events"), 404, "ErrorInvalidUser")
        unlicensed = app.get("/v1.0/users/unlicensed@contoso.example/events")
        assert_error(unlicensed, 404, "MailboxNotEnabledForRESTAPI")
        assert_error(app.get("/v1.0/users/restricted@contoso.example/events"), 403, "ErrorAccessDenied")
        assert app.get("/v1.0/users/bob@contoso.example/events").status == 200

    def test_other_mailbox_and_missing_permission(self, alice, graph, event):
        assert_error(alice.get("/v1.0/users/bob@contoso.example/events"), 403, "ErrorAccessDenied")
        reading = graph.bearing(seed.ALICE.readonly_access_token)
        assert read(reading, event("standup")).status == 200
        assert_error(act(reading, event("standup"), "accept"), 403, "ErrorAccessDenied")


class TestReading:
    def test_event(self, alice, event):
        shown = read(alice, event("standup")).json
        assert shown["responseStatus"] == {"response": "notResponded", "time": "0001-01-01T00:00:00Z"}
        assert shown["isOrganizer"] is shown["isCancelled"] is shown["isDraft"] is False
        assert shown["responseRequested"] is shown["allowNewTimeProposals"] is True
        assert shown["type"] == "singleInstance"
        assert shown["iCalUId"] == "standup@sandbox.example"
        assert shown["organizer"]["emailAddress"]["address"] == "olga@contoso.example"
        assert shown["start"]["timeZone"] == "UTC"
        assert shown["start"]["dateTime"].endswith(":00.0000000")
        assert shown["originalStartTimeZone"] == "W. Europe Standard Time"
        assert shown["webLink"].startswith("https://")
        assert "uid" not in shown

    def test_flags(self, alice, event):
        assert read(alice, event("own")).json["responseStatus"]["response"] == "organizer"
        assert read(alice, event("own")).json["isOrganizer"] is True
        assert read(alice, event("no-response")).json["responseRequested"] is False
        assert read(alice, event("no-proposals")).json["allowNewTimeProposals"] is False
        assert read(alice, event("draft")).json["isDraft"] is True
        cancelled = read(alice, event("cancelled")).json
        assert cancelled["isCancelled"] is True
        assert cancelled["subject"].startswith("Canceled: ")
        assert read(alice, event("offsite")).json["isAllDay"] is True

    def test_select(self, alice, event):
        shown = read(alice, event("standup"), query={"$select": "subject,responseStatus"}).json
        assert set(shown) == {"@odata.etag", "id", "subject", "responseStatus"}
        assert read(alice, event("standup"), query={"$select": "uid"}).status == 400

    def test_time_zone(self, alice, event):
        headers = {"Prefer": 'outlook.timezone="W. Europe Standard Time"'}
        reply = read(alice, event("standup"), headers=headers)
        assert reply.json["start"]["timeZone"] == "W. Europe Standard Time"
        assert "T09:00:00" in reply.json["start"]["dateTime"]
        assert reply.headers["Preference-Applied"] == 'outlook.timezone="W. Europe Standard Time"'
        wrong = read(alice, event("standup"), headers={"Prefer": 'outlook.timezone="Nowhere"'})
        assert_error(wrong, 400, "TimeZoneNotSupportedException")

    def test_immutable_ids(self, alice, event):
        headers = {"Prefer": 'outlook.timezone="UTC", IdType="ImmutableId"'}
        immutable = ids.immutable("alice", "standup")
        reply = read(alice, event("standup"), headers=headers)
        assert reply.json["id"] == immutable != event("standup")
        assert "ImmutableId" in reply.headers["Preference-Applied"]
        assert read(alice, immutable).json["id"] == event("standup")
        assert immutable in view(alice, headers=headers)

    def test_series(self, alice, event):
        master = read(alice, event("training")).json
        assert master["type"] == "seriesMaster"
        assert master["recurrence"]["range"]["numberOfOccurrences"] == 5
        occurrence = read(alice, event("training-1")).json
        assert occurrence["type"] == "occurrence"
        assert occurrence["seriesMasterId"] == event("training")
        assert occurrence["iCalUId"] != master["iCalUId"]
        instances = alice.get(f"/v1.0/me/events/{event('training')}/instances", query=window())
        assert len(instances.json["value"]) == 5
        beta = alice.get(f"/beta/me/events/{event('training-1')}").json
        assert beta["uid"] == master["iCalUId"]
        assert beta["occurrenceId"].startswith(f"OID.{event('training')}.")


class TestListing:
    def test_view_has_occurrences_and_no_masters(self, alice, event):
        shown = view(alice)
        assert event("training") not in shown
        assert event("training-5") in shown
        assert event("team") not in shown
        team = view(alice, f"/v1.0/me/calendars/{ids.default('alice', 'calendar-team')}")
        assert list(team) == [event("team")]

    def test_events_have_masters_and_no_occurrences(self, alice, event):
        shown = [each["id"] for each in alice.get("/v1.0/me/events", query={"$top": 1000}).json["value"]]
        assert event("training") in shown
        assert event("training-1") not in shown

    def test_pages(self, alice, sandbox):
        everything = list(view(alice))
        path = "/v1.0/me/calendarView"
        reply = alice.get(path, query={k: v for k, v in window().items() if k != "$top"})
        seen, sizes = [], []
        while True:
            assert reply.status == 200
            sizes.append(len(reply.json["value"]))
            seen += [each["id"] for each in reply.json["value"]]
            if "@odata.nextLink" not in reply.json:
                break
            assert reply.json["@odata.nextLink"].startswith(f"{sandbox.url}/graph/v1.0/me/calendarView?")
            reply = alice.get(reply.json["@odata.nextLink"])
        assert seen == everything
        assert sizes[0] == 10
        assert alice.get(path, query=window(**{"$top": 1001})).status == 400

    def test_range(self, alice):
        assert alice.get("/v1.0/me/calendarView", query=window(1825)).status == 200
        assert_error(alice.get("/v1.0/me/calendarView", query=window(1826)), 400, "ErrorInvalidRequest")
        assert alice.get("/v1.0/me/calendarView").status == 400

    def test_filter(self, alice, event):
        query = {"$filter": "iCalUId eq 'standup@sandbox.example'"}
        found = alice.get("/v1.0/me/events", query=query).json["value"]
        assert [each["id"] for each in found] == [event("standup")]
        assert alice.get("/v1.0/me/calendarView", query=window(**query)).status == 400
        status = {"$filter": "responseStatus/response eq 'notResponded'"}
        assert alice.get("/v1.0/me/events", query=status).status == 400
        assert alice.get("/v1.0/me/calendarView", query=window(**status)).status == 400
        cancelled = window(**{"$filter": "isCancelled eq true"})
        found = alice.get("/v1.0/me/calendarView", query=cancelled).json["value"]
        assert [each["id"] for each in found] == [event("cancelled")]

    def test_select_in_view(self, alice):
        query = window(**{"$select": "subject"})
        assert set(alice.get("/v1.0/me/calendarView", query=query).json["value"][0]) >= {"id", "subject"}
        query = window(**{"$select": "subject,lastModifiedDateTime"})
        assert alice.get("/v1.0/me/calendarView", query=query).status == 400

    def test_unknown_options_are_ignored(self, alice):
        assert alice.get("/v1.0/me/calendarView", query=window(x=1, **{"$count": "true"})).json[
            "@odata.count"
        ]


class TestDelta:
    def rounds(self, client, link=None, **given):
        reply = client.get(link or "/v1.0/me/calendarView/delta", **given)
        value = []
        while True:
            assert reply.status == 200, reply.text
            value += reply.json["value"]
            if "@odata.deltaLink" in reply.json:
                return value, reply.json["@odata.deltaLink"]
            reply = client.get(reply.json["@odata.nextLink"], headers=given.get("headers"))

    def query(self):
        return {name: value for name, value in window().items() if name != "$top"}

    def test_rounds(self, alice, event, sandbox):
        headers = {"Prefer": "odata.maxpagesize=7"}
        value, link = self.rounds(alice, query=self.query(), headers=headers)
        assert {each["id"] for each in value} == set(view(alice))
        value, link = self.rounds(alice, link)
        assert value == []
        act(alice, event("standup"), "accept")
        act(alice, event("planning"), "decline")
        new = sandbox.invite(
            service="graph",
            mailbox="alice@contoso.example",
            start=(datetime.now(UTC) + timedelta(days=2)).isoformat(),
        )
        value, link = self.rounds(alice, link)
        assert [each["id"] for each in value] == [event("standup"), event("planning"), new["event_id"]]
        assert value[0]["responseStatus"]["response"] == "accepted"
        assert value[1] == {"id": event("planning"), "@removed": {"reason": "deleted"}}
        assert self.rounds(alice, link)[0] == []

    def test_after_a_reset(self, alice, sandbox):
        _, link = self.rounds(alice, query=self.query())
        sandbox.reset()
        assert_error(alice.get(link), 410, "resyncRequired")
        base = "/v1.0/me/calendarView/delta"
        assert_error(alice.get(base, query={"$deltatoken": "x"}), 410, "syncStateNotFound")

    def test_options(self, alice):
        query = {**self.query(), "$select": "subject"}
        assert alice.get("/v1.0/me/calendarView/delta", query=query).status == 400


class TestPeople:
    def test_me(self, alice, app):
        me = alice.get("/v1.0/me").json
        assert me["userPrincipalName"] == me["mail"] == "alice@contoso.example"
        assert app.get(f"/v1.0/users/{seed.BOB.id}").json["mail"] == "bob@contoso.example"
        assert_error(app.get("/v1.0/users/nobody@contoso.example"), 404, "ErrorInvalidUser")
        assert alice.get("/v1.0/me/mailboxSettings").json["timeZone"] == "Europe/Berlin"

    def test_calendars(self, alice):
        calendars = {each["name"]: each for each in alice.get("/v1.0/me/calendars").json["value"]}
        assert set(calendars) == {"Calendar", "Team", "Operations"}
        assert calendars["Operations"]["canEdit"] is False
        assert alice.get("/v1.0/me/calendar").json == calendars["Calendar"]
        assert alice.get(f"/v1.0/me/calendars/{calendars['Team']['id']}").json == calendars["Team"]
        groups = {each["name"]: each["id"] for each in alice.get("/v1.0/me/calendarGroups").json["value"]}
        inside = alice.get(f"/v1.0/me/calendarGroups/{groups['Other Calendars']}/calendars").json["value"]
        assert {each["name"] for each in inside} == {"Team", "Operations"}


class TestBatch:
    def send(self, client, *requests):
        return client.post("/v1.0/$batch", data={"requests": list(requests)})

    def item(self, item_id, url, method="POST", **more):
        return {"id": item_id, "method": method, "url": url, **more}

    def responses(self, client, *requests):
        reply = self.send(client, *requests)
        assert reply.status == 200, reply.text
        return {each["id"]: each for each in reply.json["responses"]}

    def test_items(self, alice, event, sandbox):
        json_body = {"headers": {"Content-Type": "application/json"}, "body": {"comment": "c"}}
        answers = self.responses(
            alice,
            self.item("a", f"/me/events/{event('standup')}/accept", **json_body),
            self.item("b", f"me/events/{event('planning')}?$select=subject", "GET"),
            self.item("c", "/me/events/651", "GET"),
        )
        assert answers["a"]["status"] == 202
        assert answers["a"].get("body") is None
        assert answers["b"]["body"]["subject"] == "Sprint planning"
        assert answers["c"]["body"]["error"]["code"] == "ErrorInvalidIdMalformed"
        assert [mail["comment"] for mail in sandbox.mail()] == ["c"]

    def test_order_is_not_that_of_the_requests(self, alice):
        items = [self.item(str(n), "/me", "GET") for n in range(10)]
        reply = self.send(alice, *items)
        assert [each["id"] for each in reply.json["responses"]] != [str(n) for n in range(10)]

    def test_four_at_once_for_a_mailbox(self, alice, event, sandbox):
        items = [self.item(str(n), f"/me/events/{event('standup')}", "GET") for n in range(6)]
        statuses = sorted(each["status"] for each in self.responses(alice, *items).values())
        assert statuses == [200] * 4 + [429] * 2
        throttled = next(each for each in self.responses(alice, *items).values() if each["status"] == 429)
        assert throttled["headers"]["Retry-After"]
        assert throttled["body"]["error"]["code"] == "ApplicationThrottled"
        sandbox.reset(limits=False)
        assert {each["status"] for each in self.responses(alice, *items).values()} == {200}

    def test_four_at_once_each(self, app):
        items = [
            self.item(f"{user.short}{n}", f"/users/{user.upn}/calendar", "GET")
            for user in seed.ATTENDING
            for n in range(4)
        ]
        assert {each["status"] for each in self.responses(app, *items).values()} == {200}

    def test_chain(self, alice, event):
        items = [self.item("0", f"/me/events/{event('standup')}", "GET")]
        items += [{**items[0], "id": str(n), "dependsOn": [str(n - 1)]} for n in range(1, 20)]
        assert {each["status"] for each in self.responses(alice, *items).values()} == {200}

    def test_failed_dependency(self, alice, event):
        answers = self.responses(
            alice,
            self.item("1", "/me/events/651", "GET"),
            self.item("2", f"/me/events/{event('standup')}", "GET", dependsOn=["1"]),
            self.item("3", f"/me/events/{event('standup')}", "GET", dependsOn=["2"]),
        )
        assert [answers[key]["status"] for key in "123"] == [400, 424, 424]

    @pytest.mark.parametrize(
        "requests",
        [
            [],
            [{"id": str(n), "method": "GET", "url": "/me"} for n in range(21)],
            [{"id": "a", "method": "GET", "url": "/me"}, {"id": "A", "method": "GET", "url": "/me"}],
            [{"id": "1", "method": "GET", "url": "https://graph.microsoft.com/v1.0/me"}],
            [{"id": "1", "method": "POST", "url": "/$batch", "headers": {"Content-Type": "x"}, "body": {}}],
            [{"id": "1", "method": "POST", "url": "/me", "body": {}}],
            [{"id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"]}],
            [
                {"id": "1", "method": "GET", "url": "/me"},
                {"id": "2", "method": "GET", "url": "/me"},
                {"id": "3", "method": "GET", "url": "/me", "dependsOn": ["1"]},
            ],
        ],
    )
    def test_400(self, alice, requests):
        assert_error(self.send(alice, *requests), 400, "BadRequest")

    def test_without_a_token(self, graph):
        assert self.send(graph, self.item("1", "/me", "GET")).status == 401


class TestLogin:
    def test_client_credentials(self, graph):
        reply = token(graph)
        assert reply.status == 200
        assert reply.json["token_type"] == "Bearer"
        assert reply.json["expires_in"] == 3599
        assert "refresh_token" not in reply.json
        _, claims, _ = reply.json["access_token"].split(".")
        claims = json.loads(urlsafe_b64decode(claims + "=="))
        assert "Calendars.ReadWrite" in claims["roles"]
        assert claims["appid"] == seed.CLIENT_ID

    def test_static_token_tells_the_user(self):
        claims = json.loads(urlsafe_b64decode(seed.ALICE.access_token.split(".")[1] + "=="))
        assert claims["upn"] == "alice@contoso.example"
        assert "Calendars.ReadWrite" in claims["scp"].split()

    def test_refresh_token(self, graph):
        changes = {
            "grant_type": "refresh_token",
            "scope": "https://graph.microsoft.com/.default offline_access",
        }
        first = token(graph, refresh_token=seed.ALICE.refresh_token, **changes)
        assert first.status == 200
        fresh = first.json["refresh_token"]
        assert fresh != seed.ALICE.refresh_token
        assert token(graph, refresh_token=seed.ALICE.refresh_token, **changes).status == 200
        assert token(graph, refresh_token=fresh, client_secret=None, **changes).status == 200
        assert graph.bearing(first.json["access_token"]).get("/v1.0/me").json["displayName"] == "Alice Adams"

    def test_discovery(self, graph, sandbox):
        reply = graph.get(f"/{seed.TENANT_ID}/v2.0/.well-known/openid-configuration")
        root = f"{sandbox.url}/graph/{seed.TENANT_ID}"
        assert reply.json["token_endpoint"] == f"{root}/oauth2/v2.0/token"

    @pytest.mark.parametrize(
        ("changes", "status", "error", "number"),
        [
            ({"tenant": "nowhere"}, 400, "invalid_request", 90002),
            ({"client_id": "x"}, 400, "unauthorized_client", 700016),
            ({"client_secret": "x"}, 401, "invalid_client", 7000215),
            ({"client_secret": seed.EXPIRED_SECRET}, 401, "invalid_client", 7000222),
            ({"client_secret": None}, 401, "invalid_client", 7000216),
            ({"scope": "Calendars.ReadWrite"}, 400, "invalid_scope", 70011),
            ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant", 700082),
            ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ],
    )
    def test_errors(self, graph, changes, status, error, number):
        reply = token(graph, **changes)
        assert (reply.status, reply.json["error"]) == (status, error)
        assert reply.json["error_codes"] == [number]
        assert reply.json["error_description"].startswith(f"AADSTS{number}: ")
        for part in ("Trace ID", "Correlation ID", "Timestamp"):
            assert part in reply.json["error_description"]
        assert {"timestamp", "trace_id", "correlation_id"} <= set(reply.json)


@pytest.fixture(scope="module")
def pair():
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()


class TestAssertion:
    def ask(self, graph, sandbox, key, headers=None, **changes):
        jwt = pytest.importorskip("jwt")
        claims = {
            "aud": f"{sandbox.url}/graph/{seed.TENANT_ID}/oauth2/v2.0/token",
            "iss": seed.CLIENT_ID,
            "sub": seed.CLIENT_ID,
            "exp": datetime.now(UTC) + timedelta(minutes=5),
            **changes,
        }
        assertion = jwt.encode(claims, key, "RS256", headers={"x5t": "abc"} if headers is None else headers)
        return token(
            graph,
            client_secret=None,
            client_assertion=assertion,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )

    def test_by_its_looks(self, graph, sandbox, pair):
        key, _ = pair
        assert self.ask(graph, sandbox, key).status == 200
        for wrong in (
            self.ask(graph, sandbox, key, aud="https://elsewhere.example/"),
            self.ask(graph, sandbox, key, iss="x"),
            self.ask(graph, sandbox, key, exp=datetime.now(UTC) - timedelta(minutes=1)),
            self.ask(graph, sandbox, key, headers={}),
        ):
            assert (wrong.status, wrong.json["error_codes"]) == (401, [700027])

    def test_by_its_signature(self, graph, sandbox, pair):
        from cryptography.hazmat.primitives.asymmetric import rsa

        key, certificate = pair
        sandbox.reset(certificate=certificate)
        assert self.ask(graph, sandbox, key).status == 200
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        assert self.ask(graph, sandbox, other).status == 401

    def test_that_is_no_jwt(self, graph):
        reply = token(
            graph,
            client_secret=None,
            client_assertion="x",
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        )
        assert (reply.status, reply.json["error_codes"]) == (401, [700027])
