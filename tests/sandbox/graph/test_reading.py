"""Events, lists and changes of the sandbox's Graph against what is known of the service."""

from datetime import UTC, datetime, timedelta

import pytest
from support.graph_requests import act, assert_error, read, view, window

from airflow_provider_rsvp.sandbox.graph import ids

pytestmark = pytest.mark.any_airflow


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
