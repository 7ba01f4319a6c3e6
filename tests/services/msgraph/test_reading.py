"""Microsoft Graph: series, events by their UID, and listings."""

from __future__ import annotations

from datetime import datetime

import pendulum
import pytest
from support.msgraph import ALICE, APPLICATION, CALENDAR, SIGNED_IN, TEAM, encoded, event_id
from support.replies import listing, look, reply, sent

from airflow_provider_rsvp.exceptions import (
    EventNotFoundError,
    InvalidInputError,
    UnsupportedByServiceError,
    UntrustedHostError,
)
from airflow_provider_rsvp.model import ParticipationStatus, Recurrence, Result
from airflow_provider_rsvp.sandbox.graph import ids, seed


class TestSeries:
    def test_an_occurrence_is_answered_alone(self, sandbox):
        reply(SIGNED_IN, "accepted", event_id=event_id("training-3"))

        assert [path_id(request) for request in sent(sandbox)] == [encoded("training-3")]
        assert look(SIGNED_IN, event_id=event_id("training-3")).status is ParticipationStatus.ACCEPTED
        assert look(SIGNED_IN, event_id=event_id("training-4")).status is ParticipationStatus.NEEDS_ACTION
        assert len(sandbox.mail()) == 1

    @pytest.mark.parametrize("slug", ["training", "training-3"], ids=["master", "occurrence"])
    def test_the_series_is_answered_with_one_reply(self, sandbox, slug):
        outcome = reply(SIGNED_IN, "accepted", event_id=event_id(slug), scope="series")

        assert outcome.result is Result.REPLIED
        assert [path_id(request) for request in sent(sandbox)] == [encoded("training")]
        assert len(sandbox.mail()) == 1

    def test_the_master_is_not_answered_by_mistake(self, sandbox):
        with pytest.raises(
            UnsupportedByServiceError, match=r"^scope: .* is a whole series. Use scope='series'"
        ):
            reply(SIGNED_IN, "accepted", event_id=event_id("training"))
        assert sent(sandbox) == []

    def test_an_occurrence_names_its_series_and_its_original_start(self, sandbox):
        third = look(SIGNED_IN, event_id=event_id("training-3"))
        assert third.recurrence is Recurrence.INSTANCE
        assert third.series_id == ids.immutable("alice", "training")
        assert third.reference.original_start == third.time.start

    @pytest.mark.parametrize(
        "series",
        [{"ical_uid": "training@sandbox.example"}, {"event_id": event_id("training")}],
        ids=["UID", "id"],
    )
    def test_an_occurrence_is_found_by_the_series_and_its_original_start(self, sandbox, series):
        third = look(SIGNED_IN, event_id=event_id("training-3"))

        outcome = reply(SIGNED_IN, "accepted", original_start=third.time.start, **series)

        assert outcome.result is Result.REPLIED
        assert [path_id(request) for request in sent(sandbox)] == [encoded("training-3")]

    def test_a_start_at_which_the_series_has_no_occurrence(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"no instance of it that was first planned for 2040"):
            reply(
                SIGNED_IN,
                "accepted",
                ical_uid="training@sandbox.example",
                original_start="2040-01-01T10:00:00Z",
            )
        assert sent(sandbox) == []

    def test_a_start_that_contradicts_the_id_of_an_occurrence(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"^original_start: "):
            reply(
                SIGNED_IN,
                "accepted",
                event_id=event_id("training-3"),
                original_start="2040-01-01T10:00:00Z",
            )
        assert sent(sandbox) == []


class TestByUid:
    def test_a_single_event_is_found_by_its_uid(self, sandbox):
        outcome = reply(SIGNED_IN, "accepted", ical_uid="release@sandbox.example")

        assert outcome.result is Result.REPLIED
        search = sandbox.requests()[0]
        assert search["path"] == "/graph/v1.0/me/events"
        assert search["query"]["$filter"] == "iCalUId eq 'release@sandbox.example'"
        assert [path_id(request) for request in sent(sandbox)] == [encoded("release")]

    def test_quotes_are_doubled(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"with UID it's'or'1"):
            reply(SIGNED_IN, "accepted", ical_uid="it's'or'1")
        assert sandbox.requests()[0]["query"]["$filter"] == "iCalUId eq 'it''s''or''1'"


class TestListing:
    def test_events_come_with_normalised_fields(self, sandbox):
        now = pendulum.now("UTC")
        found = {
            invitation.reference.event_id: invitation.to_plain()
            for invitation in listing(SIGNED_IN, now, now.add(days=10))
        }
        rows = {
            ids.immutable("alice", row["slug"]): row
            for row in sandbox.invitations()
            if (row["mailbox"], row["calendar_id"]) == (ALICE, CALENDAR) and not row["recurrence"]
        }

        assert set(found) == set(rows)
        for its_id, row in rows.items():
            shown = found[its_id]
            assert shown["subject"].removeprefix("Canceled: ") == row["subject"]
            assert shown["ical_uid"] == row["ical_uid"]
            assert shown["status"] == row["status"]
            assert shown["organizer"] == row["organizer"]
            assert shown["is_organizer"] is row["organizing"]
            assert shown["is_cancelled"] is ("cancelled" in row["note"])
            assert shown["attendee_count"] == len(row["attendees"])
            assert shown["all_day"] is row["all_day"]
            if not row["all_day"]:
                assert datetime.fromisoformat(shown["start"]) == datetime.fromisoformat(row["start"])
                assert datetime.fromisoformat(shown["end"]) == datetime.fromisoformat(row["end"])

    @pytest.mark.parametrize(
        ("slug", "pending"),
        [
            ("release", True),
            ("no-response", True),
            ("accepted", False),
            ("cancelled", False),
            ("draft", False),
            ("own", False),
        ],
    )
    def test_pending_is_what_waits_for_an_answer_and_can_get_one(self, sandbox, slug, pending):
        assert look(SIGNED_IN, event_id=event_id(slug)).pending is pending

    @pytest.mark.parametrize(
        ("slug", "field", "value"),
        [
            ("no-response", "response_requested", False),
            ("no-proposals", "can_propose", False),
            ("release", "response_requested", True),
            ("release", "can_propose", True),
        ],
    )
    def test_what_the_organizer_wants_is_told(self, sandbox, slug, field, value):
        assert look(SIGNED_IN, event_id=event_id(slug)).to_plain()[field] is value

    def test_an_all_day_event_is_a_pair_of_dates_with_an_exclusive_end(self, sandbox):
        first = pendulum.today("Europe/Berlin").add(days=6).date()
        offsite = look(SIGNED_IN, event_id=event_id("offsite"))
        assert (offsite.time.start, offsite.time.end) == (first, first.add(days=2))

    def test_a_mailbox_and_a_calendar_can_be_named(self, sandbox):
        now = pendulum.now("UTC")
        found = listing(APPLICATION, now, now.add(days=10), mailbox=ALICE, calendar_id=TEAM)
        assert [each.subject for each in found] == ["Team calendar entry"]
        assert found[0].reference.mailbox == ALICE

    def test_whether_one_is_required_is_told_where_the_mailbox_is_known(self, sandbox):
        room = look(APPLICATION, event_id=event_id("room-booking", "room-tokyo"), mailbox=seed.ROOM.upn)
        alice = look(APPLICATION, event_id=event_id("release"), mailbox=ALICE)
        assert (room.required, alice.required) == (False, True)

    def test_pages_are_followed_to_the_end(self, sandbox):
        sandbox.reset(bulk={"mailboxes": 1, "invitations": 520})
        now = pendulum.now("UTC")

        found = listing(APPLICATION, now, now.add(days=30), mailbox=f"bulk1@{seed.DOMAIN}")

        assert len({each.reference.event_id for each in found}) == 520
        pages = [request for request in sandbox.requests() if request["operation"] == "list"]
        assert [page["query"]["$top"] for page in pages] == ["250"] * 3
        assert all("ImmutableId" in page["headers"]["Prefer"] for page in pages)

    @pytest.mark.parametrize(
        "host", ["https://elsewhere.example", "http://127.0.0.1:1", "//elsewhere.example"]
    )
    def test_a_next_link_to_another_host_is_refused(self, sandbox, host):
        body = {"value": [], "@odata.nextLink": f"{host}/graph/v1.0/me/calendarView?$skip=1"}
        sandbox.faults([{"operation": "list", "kind": "status", "status": 200, "body": body}])

        with pytest.raises(UntrustedHostError, match=r"its token was not sent there"):
            listing(SIGNED_IN, "2040-01-01T00:00:00Z", "2040-01-02T00:00:00Z")
        assert len(sandbox.requests()) == 1

    def test_the_window_goes_out_in_utc(self, sandbox):
        listing(SIGNED_IN, "2040-01-01T10:00:00+01:00", "2040-01-02T00:00:00Z")
        query = sandbox.requests()[-1]["query"]
        assert (query["startDateTime"], query["endDateTime"]) == (
            "2040-01-01T09:00:00Z",
            "2040-01-02T00:00:00Z",
        )

    def test_a_window_of_more_than_five_years_is_refused_before_any_request(self, sandbox):
        with pytest.raises(InvalidInputError, match=r"^window: Microsoft Graph lists at most 1825 days"):
            listing(SIGNED_IN, "2040-01-01T00:00:00Z", "2046-01-01T00:00:00Z")
        assert sandbox.requests() == []


def path_id(request):
    """The event's id in the address of an action, as it was sent."""
    return request["path"].split("/")[-2]
