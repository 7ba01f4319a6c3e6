"""The sandbox's Google Calendar: events, lists, sync tokens and quota."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from support.google_requests import ALICE, BOB, PRIMARY, answer, assert_error, attendees, items, patch

from airflow_provider_rsvp.sandbox.google import ids, seed

pytestmark = pytest.mark.any_airflow


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


def test_further_users(sandbox, google):
    sandbox.reset(bulk={"mailboxes": 2, "invitations": 10})
    rows = [row for row in sandbox.invitations() if row["mailbox"] == f"bulk1@{seed.DOMAIN}"]
    assert len(rows) == 5
    assert rows[0]["event_id"] == ids.event("bulk1", rows[0]["slug"])


def test_other_paths(alice):
    for path in ("/calendar/v3/colors", "/calendar/v3", "/", "/x"):
        assert_error(alice.get(path), 404, "notFound")
    assert_error(alice.post(PRIMARY, data={}), 404, "notFound")
