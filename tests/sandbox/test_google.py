"""The sandbox's Google Calendar against what is known of the service."""

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import jwt
import pytest

from airflow_provider_rsvp.sandbox.google import ids, keys, seed

pytestmark = pytest.mark.any_airflow

ALICE, BOB, CAROL = seed.ALICE.address, seed.BOB.address, seed.CAROL.address
PRIMARY = "/calendar/v3/calendars/primary/events"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def alice(google):
    return google.bearing(seed.ALICE.access_token)


@pytest.fixture
def carol(google):
    return google.bearing(seed.CAROL.access_token)


@pytest.fixture
def event(sandbox):
    return lambda slug, mailbox=ALICE: sandbox.event_id("google", slug, mailbox)


def below(calendar):
    return f"/calendar/v3/calendars/{quote(calendar, safe='')}/events"


def patch(client, event_id, body, where=PRIMARY, headers=None, **query):
    return client.send("PATCH", f"{where}/{event_id}", query=query, data=body, headers=headers)


def answer(status, **more):
    return {"attendeesOmitted": True, "attendees": [{"email": ALICE, "responseStatus": status, **more}]}


def attendees(shown):
    return {entry["email"]: entry["responseStatus"] for entry in shown.get("attendees", [])}


def assert_error(reply, status, reason, domain="global"):
    assert reply.status == status, reply.text
    error = reply.json["error"]
    assert error["code"] == status
    assert (error["errors"][0]["reason"], error["errors"][0]["domain"]) == (reason, domain)
    assert error["message"] == error["errors"][0]["message"] != ""


def items(client, where=PRIMARY, **query):
    reply = client.get(where, query=query)
    assert reply.status == 200, reply.text
    return {each["id"]: each for each in reply.json["items"]}


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("response", "status"),
        [
            ("accepted", "accepted"),
            ("tentative", "tentative"),
            ("declined", "declined"),
            ("needsAction", "needs-action"),
        ],
    )
    def test_is_set_and_told(self, alice, event, sandbox, response, status):
        body = answer(response, comment="See you")
        shown = patch(alice, event("standup"), body, sendUpdates="all").json
        assert attendees(shown) == {ALICE: response, BOB: "needsAction", CAROL: "needsAction"}
        (mail,) = sandbox.mail()
        assert (mail["status"], mail["comment"], mail["mailbox"]) == (status, "See you", ALICE)

    @pytest.mark.parametrize(
        ("slug", "updates", "mails"),
        [
            ("standup", {"sendUpdates": "all"}, 1),
            ("standup", {"sendUpdates": "externalOnly"}, 0),
            ("interview", {"sendUpdates": "externalOnly"}, 1),
            ("standup", {"sendUpdates": "none"}, 0),
            ("standup", {}, 0),
        ],
    )
    def test_is_mailed_as_asked(self, alice, event, sandbox, slug, updates, mails):
        assert patch(alice, event(slug), answer("accepted"), **updates).status == 200
        assert len(sandbox.mail()) == mails

    @pytest.mark.parametrize("updates", ["all", "none"])
    def test_shows_on_every_copy(self, alice, carol, event, updates):
        before = carol.get(f"{PRIMARY}/{event('standup', CAROL)}").json
        patch(alice, event("standup"), answer("accepted"), sendUpdates=updates)
        after = carol.get(f"{PRIMARY}/{event('standup', CAROL)}").json
        assert attendees(after)[ALICE] == "accepted"
        assert after["etag"] != before["etag"]

    def test_leaves_a_comment_that_it_does_not_name(self, alice, event):
        shown = patch(alice, event("commented"), answer("declined")).json
        assert shown["attendees"][0]["comment"] == seed.THEIR_COMMENT
        assert (
            "comment"
            not in patch(alice, event("commented"), answer("declined", comment="")).json["attendees"][0]
        )

    def test_without_a_status_takes_the_answer_back(self, alice, event):
        body = {"attendeesOmitted": True, "attendees": [{"email": ALICE}]}
        assert attendees(patch(alice, event("accepted"), body).json)[ALICE] == "needsAction"

    def test_does_not_touch_others_where_entries_are_omitted(self, alice, event):
        body = answer("accepted")
        body["attendees"].append({"email": BOB, "responseStatus": "declined"})
        assert attendees(patch(alice, event("standup"), body).json)[BOB] == "needsAction"

    def test_on_the_series_is_for_all_instances(self, alice, event):
        patch(alice, event("training"), answer("accepted"))
        assert {
            attendees(alice.get(f"{PRIMARY}/{event(f'training-{n}')}").json)[ALICE] for n in range(1, 6)
        } == {"accepted"}

    def test_can_claim_success_and_do_nothing(self, alice, event, sandbox):
        sandbox.faults([{"operation": "send", "kind": "no_effect"}])
        reply = patch(alice, event("standup"), answer("accepted"), sendUpdates="all")
        assert (reply.status, attendees(reply.json)[ALICE]) == (200, "needsAction")
        assert sandbox.mail() == []


class TestAListOfAttendees:
    def test_replaces_the_events(self, alice, event, sandbox):
        """What happens to those who take the whole list for their own entry."""
        body = {"attendees": [{"email": ALICE, "responseStatus": "accepted"}]}
        assert attendees(patch(alice, event("standup"), body).json) == {ALICE: "accepted"}
        row = next(row for row in sandbox.invitations() if row["event_id"] == event("standup", CAROL))
        assert set(row["attendees"]) == {ALICE}

    def test_can_invite(self, alice, event):
        body = {"attendees": [{"email": each} for each in (ALICE, BOB, CAROL, "new@workspace.example")]}
        assert "new@workspace.example" in attendees(patch(alice, event("standup"), body).json)


class TestVersions:
    def test_one_that_was_seen_is_changed(self, alice, event):
        seen = alice.get(f"{PRIMARY}/{event('standup')}")
        assert seen.headers["ETag"] == seen.json["etag"]
        reply = patch(alice, event("standup"), answer("accepted"), headers={"If-Match": seen.json["etag"]})
        assert reply.status == 200
        assert reply.json["etag"] != seen.json["etag"]

    def test_an_older_one_is_not(self, alice, event, sandbox):
        seen = alice.get(f"{PRIMARY}/{event('standup')}").json["etag"]
        sandbox.answer("google", event("standup"), BOB, "accepted")
        reply = patch(
            alice, event("standup"), answer("accepted"), headers={"If-Match": seen}, sendUpdates="all"
        )
        assert_error(reply, 412, "conditionNotMet")
        assert attendees(alice.get(f"{PRIMARY}/{event('standup')}").json)[ALICE] == "needsAction"
        assert [mail["attendee"] for mail in sandbox.mail()] == [BOB]

    def test_any_is_changed_where_none_is_named(self, alice, event):
        assert patch(alice, event("standup"), answer("accepted"), headers={"If-Match": "*"}).status == 200

    def test_stay_the_same_when_nothing_happens(self, alice, event):
        first, second = (
            alice.get(f"{PRIMARY}/{event('standup')}", query=query).json["etag"]
            for query in ({}, {"maxAttendees": "1", "timeZone": "Asia/Tokyo"})
        )
        assert first == second


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "reason"),
        [
            ({"summary": "Mine now"}, 403, "forbiddenForNonOrganizer"),
            ({"attendeesOmitted": True, "attendees": []}, 400, "invalid"),
            ({"attendeesOmitted": True, "attendees": [{"email": BOB}]}, 400, "invalid"),
            ({"attendees": "me"}, 400, "invalid"),
            ({"attendees": [{}]}, 400, "required"),
            ({"attendees": [{"email": ALICE, "responseStatus": "yes"}]}, 400, "invalid"),
            ([], 400, "parseError"),
        ],
    )
    def test_bodies(self, alice, event, sandbox, body, status, reason):
        assert_error(patch(alice, event("standup"), body, sendUpdates="all"), status, reason)
        assert sandbox.mail() == []

    def test_unknown_updates(self, alice, event):
        reply = patch(alice, event("standup"), answer("accepted"), sendUpdates="everybody")
        assert_error(reply, 400, "invalidParameter")

    def test_tokens(self, google, event, sandbox):
        assert_error(google.get(PRIMARY), 401, "authError")
        reading = google.bearing(seed.ALICE.readonly_access_token)
        assert reading.get(PRIMARY).status == 200
        assert_error(patch(reading, event("standup"), answer("accepted")), 403, "insufficientPermissions")
        sandbox.revoke_tokens("google")
        assert_error(reading.get(PRIMARY), 401, "authError")

    def test_calendars_of_others(self, alice, event):
        assert alice.get(below(CAROL)).json["accessRole"] == "writer"
        assert alice.get(below(BOB)).json["accessRole"] == "reader"
        assert_error(alice.get(below(seed.ROOM.address)), 404, "notFound")
        assert_error(alice.get(below("nobody@workspace.example")), 404, "notFound")
        reply = patch(alice, event("standup", BOB), answer("accepted"), where=below(BOB))
        assert_error(reply, 403, "requiredAccessLevel")
        mine_on_theirs = patch(
            alice,
            event("standup", CAROL),
            {"attendeesOmitted": True, "attendees": [{"email": CAROL, "responseStatus": "accepted"}]},
            where=below(CAROL),
        )
        assert [entry["email"] for entry in mine_on_theirs.json["attendees"] if entry.get("self")] == [CAROL]

    def test_an_event_is_on_one_calendar(self, alice, event):
        assert alice.get(f"{below(seed.TEAM_CALENDAR)}/{event('team')}").status == 200
        assert_error(alice.get(f"{PRIMARY}/{event('team')}"), 404, "notFound")
        assert_error(alice.get(f"{PRIMARY}/nowhere"), 404, "notFound")

    def test_what_was_cancelled(self, alice, event):
        shown = alice.get(f"{PRIMARY}/{event('cancelled')}").json
        assert set(shown) == {"kind", "etag", "id", "status"}
        assert_error(patch(alice, event("cancelled"), answer("accepted")), 410, "deleted")


class TestEvents:
    def test_look_like_googles(self, alice, event):
        shown = alice.get(f"{PRIMARY}/{event('standup')}").json
        assert shown["kind"] == "calendar#event"
        assert shown["htmlLink"].startswith("https://www.google.com/calendar/event?eid=")
        assert shown["start"]["timeZone"] == "Europe/Berlin"
        assert datetime.fromisoformat(shown["start"]["dateTime"]).tzinfo is not None
        assert [entry["email"] for entry in shown["attendees"] if entry.get("self")] == [ALICE]
        assert "self" not in shown["organizer"]

    def test_ids_are_in_base32hex(self, sandbox):
        for row in sandbox.invitations():
            if row["service"] == "google":
                assert set(row["event_id"].partition("_")[0]) <= set("0123456789abcdefghijklmnopqrstuv")

    def test_show_the_participant_only_where_there_are_more_than_asked_for(self, alice, event):
        shown = alice.get(f"{PRIMARY}/{event('standup')}", query={"maxAttendees": "1"}).json
        assert (attendees(shown), shown["attendeesOmitted"]) == ({ALICE: "needsAction"}, True)
        shown = alice.get(f"{PRIMARY}/{event('review')}", query={"maxAttendees": "1"}).json
        assert "attendeesOmitted" not in shown

    def test_instances_share_the_uid_of_their_series(self, alice, event):
        series = alice.get(f"{PRIMARY}/{event('training')}").json
        third = alice.get(f"{PRIMARY}/{event('training-3')}").json
        assert series["recurrence"] == ["RRULE:FREQ=DAILY;COUNT=5"]
        assert third["iCalUID"] == series["iCalUID"]
        assert third["recurringEventId"] == series["id"] == third["id"].partition("_")[0]
        assert third["originalStartTime"] == third["start"]

    def test_all_day(self, alice, event):
        shown = alice.get(f"{PRIMARY}/{event('offsite')}").json
        first, last = (datetime.fromisoformat(shown[end]["date"]) for end in ("start", "end"))
        assert last - first == timedelta(days=2)

    @pytest.mark.parametrize(
        ("slug", "kind"),
        [
            ("focus", "focusTime"),
            ("vacation", "outOfOffice"),
            ("at-home", "workingLocation"),
            ("standup", "default"),
        ],
    )
    def test_types(self, alice, event, slug, kind):
        assert alice.get(f"{PRIMARY}/{event(slug)}").json["eventType"] == kind
        assert event(slug) in items(alice, eventTypes=kind)

    def test_a_room_is_a_resource(self, google, event):
        room = google.bearing(seed.ROOM.access_token)
        shown = room.get(f"{PRIMARY}/{event('room-booking', seed.ROOM.address)}").json
        assert shown["attendees"][0]["resource"] is True


class TestLists:
    def test_series_or_instances(self, alice, event):
        instances = {event(f"training-{number}") for number in range(1, 6)}
        found = items(alice)
        assert event("training") in found
        assert not instances & set(found)
        found = items(alice, singleEvents="true")
        assert event("training") not in found
        assert instances <= set(found)

    def test_an_instance_that_was_answered_by_itself_is_listed_beside_its_series(self, alice, event):
        patch(alice, event("training-2"), answer("declined"))
        found = items(alice, iCalUID="training@sandbox.example")
        assert set(found) == {event("training"), event("training-2")}

    def test_bounds(self, alice, event):
        shown = alice.get(f"{PRIMARY}/{event('standup')}").json
        start, end = shown["start"]["dateTime"], shown["end"]["dateTime"]
        assert event("standup") not in items(alice, timeMin=end)
        assert event("standup") not in items(alice, timeMax=start)
        assert event("standup") in items(alice, timeMin=start, timeMax=end)

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ({"timeMin": "2030-01-01T00:00:00"}, "badRequest"),
            ({"timeMin": "soon"}, "badRequest"),
            ({"timeMin": "2030-01-02T00:00:00Z", "timeMax": "2030-01-01T00:00:00Z"}, "timeRangeEmpty"),
            ({"orderBy": "startTime"}, "badRequest"),
            ({"maxResults": "0"}, "invalidParameter"),
            ({"singleEvents": "yes"}, "invalidParameter"),
            ({"timeZone": "Mars"}, "invalid"),
            ({"q": "standup"}, "badRequest"),
            ({"pageToken": "x"}, "badRequest"),
            ({"syncToken": "x"}, "badRequest"),
        ],
    )
    def test_wrong_queries(self, alice, query, reason):
        assert_error(alice.get(PRIMARY, query=query), 400, reason)

    def test_pages(self, alice, sandbox):
        found, query = [], {"singleEvents": "true", "maxResults": "7"}
        while True:
            page = alice.get(PRIMARY, query=query).json
            found += [each["id"] for each in page["items"]]
            assert len(page["items"]) <= 7
            if "nextPageToken" not in page:
                break
            assert "nextSyncToken" not in page
            query["pageToken"] = page["nextPageToken"]
        assert set(found) == set(items(alice, singleEvents="true"))
        assert len(found) == len(set(found)) > 14

    def test_a_page_token_is_for_the_same_query(self, alice):
        token = alice.get(PRIMARY, query={"maxResults": "5"}).json["nextPageToken"]
        reply = alice.get(PRIMARY, query={"maxResults": "5", "singleEvents": "true", "pageToken": token})
        assert_error(reply, 400, "badRequest")

    def test_what_was_cancelled_comes_when_asked_for(self, alice, event):
        assert event("cancelled") not in items(alice)
        assert items(alice, showDeleted="true")[event("cancelled")]["status"] == "cancelled"

    def test_instances(self, alice, event):
        third = alice.get(f"{PRIMARY}/{event('training-3')}").json
        where = f"{PRIMARY}/{event('training')}/instances"
        assert len(items(alice, where)) == 5
        moment = datetime.fromisoformat(third["originalStartTime"]["dateTime"]).astimezone(UTC)
        assert set(items(alice, where, originalStart=moment.isoformat())) == {third["id"]}
        assert items(alice, where, originalStart="2040-01-01T00:00:00Z") == {}
        assert alice.get(f"{PRIMARY}/{event('standup')}/instances").status == 400


class TestSyncTokens:
    def sync(self, client, token=None, **query):
        query = {"singleEvents": "true", **query} | ({"syncToken": token} if token else {})
        return client.get(PRIMARY, query=query)

    def test_lead_to_what_changed(self, alice, event, sandbox):
        token = self.sync(alice).json["nextSyncToken"]
        assert self.sync(alice, token).json["items"] == []
        sandbox.answer("google", event("standup"), BOB, "accepted")
        sandbox.cancel("google", event("release"))
        page = self.sync(alice, token).json
        assert {each["id"]: each["status"] for each in page["items"]} == {
            event("standup"): "confirmed",
            event("release"): "cancelled",
        }
        assert self.sync(alice, page["nextSyncToken"]).json["items"] == []

    def test_are_given_for_a_window_and_then_know_none(self, alice):
        token = self.sync(alice, timeMin="2030-01-01T00:00:00Z").json["nextSyncToken"]
        assert self.sync(alice, token).status == 200
        assert_error(self.sync(alice, token, timeMin="2030-01-01T00:00:00Z"), 400, "badRequest")

    @pytest.mark.parametrize("query", [{"orderBy": "startTime"}, {"iCalUID": "release@sandbox.example"}])
    def test_are_not_given_for_all_queries(self, alice, query):
        assert "nextSyncToken" not in self.sync(alice, **query).json

    def test_are_for_the_same_query(self, alice):
        token = self.sync(alice).json["nextSyncToken"]
        assert_error(self.sync(alice, token, maxAttendees="1"), 400, "badRequest")

    def test_end(self, alice, sandbox):
        sandbox.reset(google_sync_lifetime=0.01)
        token = self.sync(alice).json["nextSyncToken"]
        time.sleep(0.02)
        assert_error(self.sync(alice, token), 410, "fullSyncRequired")
        sandbox.reset()
        token = self.sync(alice).json["nextSyncToken"]
        sandbox.reset()
        assert_error(self.sync(alice, token), 410, "fullSyncRequired")

    def test_end_on_request(self, alice, sandbox):
        token = self.sync(alice).json["nextSyncToken"]
        sandbox.faults([{"operation": "list", "kind": "status", "status": 410}])
        assert_error(self.sync(alice, token), 410, "fullSyncRequired")


class TestQuota:
    def test_each_user_has_600_a_minute(self, alice, carol, sandbox):
        statuses = [alice.get(f"{PRIMARY}/x").status for _ in range(601)]
        assert statuses == [404] * 600 + [403]
        assert_error(alice.get(PRIMARY), 403, "userRateLimitExceeded", "usageLimits")
        assert carol.get(PRIMARY).status == 200
        sandbox.reset(limits=False)
        assert alice.get(PRIMARY).status == 200

    def test_shapes_on_request(self, alice, sandbox):
        sandbox.faults([{"kind": "status", "status": 429}, {"kind": "status", "status": 503}])
        assert_error(alice.get(PRIMARY), 429, "rateLimitExceeded", "usageLimits")
        assert_error(alice.get(PRIMARY), 503, "backendError")


class TestTokens:
    def refresh(self, google, **changes):
        form = {
            "grant_type": "refresh_token",
            "client_id": seed.CLIENT_ID,
            "client_secret": seed.CLIENT_SECRET,
            "refresh_token": seed.ALICE.refresh_token,
        }
        return google.post("/token", form={**form, **changes})

    def delegate(self, google, sandbox, key=None, **changes):
        now = int(time.time())
        claims = {
            "iss": seed.SERVICE_ACCOUNT,
            "sub": CAROL,
            "scope": f"{seed.SCOPES_AT}calendar.events",
            "aud": f"{sandbox.url}/google/token",
            "iat": now,
            "exp": now + 600,
        } | changes
        key = key or keys.key_file(seed.SERVICE_ACCOUNT, "")["private_key"]
        claims = {name: value for name, value in claims.items() if value is not None}
        assertion = jwt.encode(claims, key, algorithm="RS256")
        return google.post("/token", form={"grant_type": JWT_BEARER, "assertion": assertion})

    def test_a_refresh_token_stays(self, google):
        for _ in range(2):
            granted = self.refresh(google).json
            assert "refresh_token" not in granted
            assert granted["scope"] == f"{seed.SCOPES_AT}calendar.events"
            assert items(google.bearing(granted["access_token"]))

    @pytest.mark.parametrize(
        ("changes", "status", "error"),
        [
            ({"refresh_token": "x"}, 400, "invalid_grant"),
            ({"client_id": "x"}, 401, "invalid_client"),
            ({"client_secret": "x"}, 401, "invalid_client"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ],
    )
    def test_refusals(self, google, changes, status, error):
        reply = self.refresh(google, **changes)
        assert (reply.status, reply.json["error"]) == (status, error)

    def test_a_service_account_acts_for_a_user(self, google, sandbox, event):
        granted = self.delegate(google, sandbox).json
        assert granted["expires_in"] == 3599
        carol = google.bearing(granted["access_token"])
        assert event("standup", CAROL) in items(carol)

    @pytest.mark.parametrize(
        ("changes", "status", "error", "said"),
        [
            ({"sub": "nobody@workspace.example"}, 400, "invalid_grant", "Invalid email or User ID"),
            ({"iss": "x@y.example"}, 400, "invalid_grant", "account not found"),
            ({"iss": seed.UNDELEGATED}, 401, "unauthorized_client", "Client is unauthorized"),
            ({"scope": f"{seed.SCOPES_AT}drive"}, 401, "unauthorized_client", "any of the scopes"),
            ({"scope": ""}, 400, "invalid_scope", "Empty or missing scope"),
            ({"aud": "https://elsewhere.example"}, 400, "invalid_grant", "Invalid JWT"),
            ({"exp": int(time.time()) - 5}, 400, "invalid_grant", "Invalid JWT"),
            ({"exp": int(time.time()) + 7200}, 400, "invalid_grant", "short-lived"),
            ({"iat": None}, 400, "invalid_grant", "Invalid JWT"),
        ],
    )
    def test_refused_assertions(self, google, sandbox, changes, status, error, said):
        reply = self.delegate(google, sandbox, **changes)
        assert (reply.status, reply.json["error"]) == (status, error)
        assert said in reply.json["error_description"]

    def test_a_foreign_key(self, google, sandbox):
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

        reply = self.delegate(google, sandbox, key=generate_private_key(65537, 2048))
        assert reply.json["error_description"] == "Invalid JWT Signature."

    def test_without_a_user_it_has_no_calendar(self, google, sandbox):
        granted = self.delegate(google, sandbox, sub=None).json
        assert google.bearing(granted["access_token"]).get(PRIMARY).status == 404

    def test_expire(self, google, sandbox):
        client = google.bearing(self.refresh(google).json["access_token"])
        assert client.get(PRIMARY).status == 200
        sandbox.expire_tokens("google")
        assert_error(client.get(PRIMARY), 401, "authError")
        sandbox.revoke_tokens("google")
        assert self.refresh(google).json["error"] == "invalid_grant"

    def test_are_not_in_the_log(self, google, sandbox):
        self.delegate(google, sandbox)
        self.refresh(google)
        logged = json.dumps(sandbox.requests())
        assert "eyJ" not in logged
        assert seed.CLIENT_SECRET not in logged
        assert seed.ALICE.refresh_token not in logged


def test_connections(sandbox):
    offered = sandbox.connections()
    key = json.loads(offered["google_calendar_default"]["extra"]["service_account_key"])
    assert key["client_email"] == seed.SERVICE_ACCOUNT
    assert key["token_uri"] == f"{sandbox.url}/google/token"
    assert offered["google_calendar_default"]["extra"]["mailbox"] == ALICE
    assert offered["google_calendar_user"]["login"] == seed.CLIENT_ID
    assert set(offered["google_calendar_user"]["extra"]) == {"login_host", "refresh_token"}
    assert set(offered["google_calendar_static"]["extra"]) == {"access_token"}


def test_further_users(sandbox, google):
    sandbox.reset(bulk={"mailboxes": 2, "invitations": 10})
    rows = [row for row in sandbox.invitations() if row["mailbox"] == f"bulk1@{seed.DOMAIN}"]
    assert len(rows) == 5
    assert rows[0]["event_id"] == ids.event("bulk1", rows[0]["slug"])


def test_other_paths(alice):
    for path in ("/calendar/v3/colors", "/calendar/v3", "/", "/x"):
        assert_error(alice.get(path), 404, "notFound")
    assert_error(alice.post(PRIMARY, data={}), 404, "notFound")
