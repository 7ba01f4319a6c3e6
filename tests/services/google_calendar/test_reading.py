"""Google Calendar: series, events by their UID, listings, and what changed since a token."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pendulum
import pytest
from support.google_calendar import ALICE, CAROL, DELEGATED, SIGNED_IN, event_id, observed, patches
from support.replies import listing, look, reply, sent

from airflow_provider_rsvp.exceptions import EventNotFoundError, InvalidInputError, UnsupportedByServiceError
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import (
    EventReference,
    FreeBusy,
    ParticipationStatus,
    Recurrence,
    Result,
    Sensitivity,
)
from airflow_provider_rsvp.sandbox.google import seed
from airflow_provider_rsvp.services.client import Window


class TestSeries:
    @pytest.fixture
    def instances(self, sandbox):
        return [sandbox.event_id("google", f"training-{number}", ALICE) for number in range(1, 6)]

    def statuses(self):
        return [
            each.status
            for each in listing(SIGNED_IN, pendulum.now("UTC"), pendulum.now("UTC").add(days=10))
            if each.series_id
        ]

    def test_an_instance_is_answered_alone(self, sandbox, instances):
        reply(SIGNED_IN, "accepted", event_id=instances[2])
        assert [path.rpartition("/")[2] for path, _, _ in patches(sandbox)] == [instances[2]]
        assert self.statuses() == ["needs-action", "needs-action", "accepted", "needs-action", "needs-action"]
        assert len(sandbox.mail()) == 1

    @pytest.mark.parametrize("by", ["series", "instance"])
    def test_the_series_is_answered_with_one_reply(self, sandbox, instances, by):
        its_id = event_id("training") if by == "series" else instances[2]
        outcome = reply(SIGNED_IN, "accepted", event_id=its_id, scope="series")
        assert outcome.result is Result.REPLIED
        assert [path.rpartition("/")[2] for path, _, _ in patches(sandbox)] == [event_id("training")]
        assert self.statuses() == ["accepted"] * 5
        assert len(sandbox.mail()) == 1

    def test_the_series_is_not_answered_by_mistake(self, sandbox):
        with pytest.raises(UnsupportedByServiceError, match=r"^scope: .* is a whole series"):
            reply(SIGNED_IN, "accepted", event_id=event_id("training"))
        assert sent(sandbox) == []

    def test_an_instance_names_its_series_and_its_original_start(self, sandbox, instances):
        third = look(SIGNED_IN, event_id=instances[2])
        assert third.recurrence is Recurrence.INSTANCE
        assert third.series_id == event_id("training")
        assert third.reference.original_start == third.time.start

    @pytest.mark.parametrize("answered", [False, True])
    @pytest.mark.parametrize("by", ["UID", "id"])
    def test_an_instance_is_found_by_the_series_and_its_original_start(
        self, sandbox, instances, by, answered
    ):
        """Once it was answered by itself, it is listed beside its series."""
        third = look(SIGNED_IN, event_id=instances[2])
        if answered:
            reply(SIGNED_IN, "tentative", event_id=instances[2])
        which = (
            {"ical_uid": "training@sandbox.example"} if by == "UID" else {"event_id": event_id("training")}
        )

        outcome = reply(
            SIGNED_IN, "accepted", original_start=third.time.start.in_timezone("Asia/Tokyo"), **which
        )

        assert outcome.result is Result.REPLIED
        assert outcome.reference.event_id == instances[2]

    def test_the_uid_alone_is_the_series_even_beside_an_answered_instance(self, sandbox, instances):
        reply(SIGNED_IN, "tentative", event_id=instances[2])
        outcome = reply(SIGNED_IN, "accepted", ical_uid="training@sandbox.example", scope="series")
        assert outcome.reference.event_id == event_id("training")

    def test_instances_without_their_series_need_a_start(self, sandbox, instances):
        """Who is invited to some instances only has no series on the calendar."""
        shown = [observed_by_id(sandbox, each) for each in instances[1:3]]
        body = {"accessRole": "owner", "items": shown}
        sandbox.faults([{"operation": "list", "kind": "status", "status": 200, "body": body, "times": 2}])
        with pytest.raises(InvalidInputError, match=r"^original_start: 2 instances of .* Say which one"):
            look(SIGNED_IN, ical_uid="training@sandbox.example")
        start = datetime.fromisoformat(shown[1]["start"]["dateTime"])
        found = look(SIGNED_IN, ical_uid="training@sandbox.example", original_start=start)
        assert found.reference.event_id == instances[2]

    def test_a_start_at_which_the_series_has_no_instance(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"no instance of it that was first planned for 2040"):
            look(SIGNED_IN, ical_uid="training@sandbox.example", original_start="2040-01-01T10:00:00Z")

    def test_a_start_that_contradicts_the_id_of_an_instance(self, sandbox, instances):
        with pytest.raises(EventNotFoundError, match=r"^original_start: "):
            look(SIGNED_IN, event_id=instances[2], original_start="2040-01-01T10:00:00Z")

    def test_an_all_day_instance_is_found_by_its_date(self, sandbox):
        row = sandbox.invite(
            service="google",
            mailbox=ALICE,
            slug="days-off",
            start="2039-01-03T00:00:00",
            end="2039-01-04T00:00:00",
            all_day=True,
            recurrence={"freq": "WEEKLY", "count": 3},
        )
        found = look(SIGNED_IN, event_id=row["event_id"], original_start="2039-01-10T00:00:00+01:00")
        assert (found.time.start, found.recurrence) == (pendulum.date(2039, 1, 10), Recurrence.INSTANCE)
        again = look(
            SIGNED_IN, event_id=row["event_id"], original_start=found.reference.original_start.isoformat()
        )
        assert again == found


def observed_by_id(sandbox, its_id):
    with get_calendar_hook(SIGNED_IN) as hook:
        found = hook.get_invitation(EventReference(event_id=its_id))
    start, end = found.time.start.isoformat(), found.time.end.isoformat()
    return {
        "id": its_id,
        "etag": '"1"',
        "recurringEventId": found.series_id,
        "originalStartTime": {"dateTime": start},
        "start": {"dateTime": start},
        "end": {"dateTime": end},
        "attendees": [{"email": ALICE, "self": True, "responseStatus": "needsAction"}],
    }


class TestByUid:
    def test_a_single_event_is_found_by_its_uid_in_any_mailbox(self, sandbox):
        outcome = reply(DELEGATED, "accepted", ical_uid="standup@sandbox.example", mailbox=CAROL)
        search = next(request for request in sandbox.requests() if request["operation"] == "list")
        assert search["query"]["iCalUID"] == "standup@sandbox.example"
        assert outcome.reference.event_id == event_id("standup", CAROL)

    def test_one_that_is_not_there(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"shows no event with UID it's'or'1 in alice"):
            look(DELEGATED, ical_uid="it's'or'1", mailbox=ALICE)

    def test_a_cancelled_event_is_not_found_by_it(self, sandbox):
        with pytest.raises(EventNotFoundError, match="cancelled or removed"):
            look(SIGNED_IN, ical_uid="cancelled@sandbox.example")


class TestListing:
    def test_events_come_with_normalised_fields(self, sandbox):
        now = pendulum.now("UTC")
        found = {
            invitation.reference.event_id: invitation.to_plain()
            for invitation in listing(SIGNED_IN, now, now.add(days=10))
        }
        rows = {
            row["event_id"]: row
            for row in sandbox.invitations()
            if row["calendar_id"] == ALICE and not row["recurrence"] and "cancelled" not in row["note"]
        }

        assert set(found) == set(rows)
        for its_id, row in rows.items():
            shown = found[its_id]
            assert shown["subject"] == row["subject"]
            assert shown["ical_uid"].partition("@")[0] in row["slug"]
            assert shown["status"] == (row["status"] if ALICE in row["attendees"] else None)
            assert shown["organizer"] == row["organizer"]
            assert shown["is_organizer"] is row["organizing"]
            assert shown["attendee_count"] == len(row["attendees"])
            assert shown["all_day"] is row["all_day"]
            if not row["all_day"]:
                assert datetime.fromisoformat(shown["start"]) == datetime.fromisoformat(row["start"])
                assert datetime.fromisoformat(shown["end"]) == datetime.fromisoformat(row["end"])

    @pytest.mark.parametrize(
        ("slug", "field", "value"),
        [
            ("release", "free_busy", FreeBusy.BUSY),
            ("focus", "free_busy", FreeBusy.BUSY),
            ("vacation", "free_busy", FreeBusy.OUT_OF_OFFICE),
            ("at-home", "free_busy", FreeBusy.FREE),
            ("reminder", "free_busy", FreeBusy.FREE),
            ("confidential", "sensitivity", Sensitivity.PRIVATE),
            ("release", "sensitivity", None),
            ("optional", "required", False),
            ("release", "required", True),
            ("group", "required", None),
            ("commented", "comment", seed.THEIR_COMMENT),
            ("release", "comment", ""),
            ("focus", "comment", None),
            ("release", "pending", True),
            ("accepted", "pending", False),
            ("own", "pending", False),
            ("group", "pending", False),
        ],
    )
    def test_what_kind_of_event_it_is(self, sandbox, slug, field, value):
        assert getattr(look(SIGNED_IN, event_id=event_id(slug)), field) == value

    def test_a_room_is_invited_without_being_required(self, sandbox):
        room = look(
            DELEGATED, event_id=event_id("room-booking", seed.ROOM.address), mailbox=seed.ROOM.address
        )
        assert (room.required, room.pending) == (False, True)

    def test_an_all_day_event_is_a_pair_of_dates_with_an_exclusive_end(self, sandbox):
        first = pendulum.today("Europe/Berlin").add(days=6).date()
        offsite = look(SIGNED_IN, event_id=event_id("offsite"))
        assert (offsite.time.start, offsite.time.end) == (first, first.add(days=2))

    def test_a_description_comes_without_its_markup(self, sandbox):
        shown = observed(sandbox, "release") | {"description": "<p>Q&amp;A <br>at <b>ten</b></p>"}
        sandbox.faults([{"operation": "observe", "kind": "status", "status": 200, "body": shown}])
        assert look(SIGNED_IN, event_id=event_id("release")).body.split() == ["Q&A", "at", "ten"]

    def test_a_read_only_calendar_says_so(self, sandbox):
        now = pendulum.now("UTC")
        (found,) = listing(SIGNED_IN, now, now.add(days=10), calendar_id=seed.OPERATIONS)
        assert (found.is_read_only, found.pending) == (True, False)

    def test_how_many_are_invited_is_unknown_where_entries_are_left_out(self, sandbox):
        shown = observed(sandbox, "release") | {"attendeesOmitted": True}
        sandbox.faults([{"operation": "observe", "kind": "status", "status": 200, "body": shown}])
        assert look(SIGNED_IN, event_id=event_id("release")).attendees is None

    def test_pages_are_followed_to_the_end(self, sandbox):
        sandbox.reset(bulk={"mailboxes": 1, "invitations": 520})
        now = pendulum.now("UTC")

        found = listing(DELEGATED, now, now.add(days=30), mailbox=f"bulk1@{seed.DOMAIN}")

        assert len({each.reference.event_id for each in found}) == 520
        pages = [request for request in sandbox.requests() if request["operation"] == "list"]
        assert len(pages) == 3
        assert {page["query"]["singleEvents"] for page in pages} == {"true"}

    def test_an_empty_page_is_not_the_end(self, sandbox):
        body = {"items": [], "nextPageToken": "more", "accessRole": "owner"}
        last = {"items": [observed(sandbox, "release")], "accessRole": "owner"}
        sandbox.faults(
            [{"operation": "list", "kind": "status", "status": 200, "body": each} for each in (body, last)]
        )
        (found,) = listing(SIGNED_IN, "2040-01-01T00:00:00Z", "2040-01-02T00:00:00Z")
        assert found.subject == "Release go/no-go"

    def test_the_window_goes_out_in_utc(self, sandbox):
        listing(SIGNED_IN, "2040-01-01T10:00:00+01:00", "2040-01-02T00:00:00Z")
        query = sandbox.requests()[-1]["query"]
        assert (query["timeMin"], query["timeMax"]) == ("2040-01-01T09:00:00Z", "2040-01-02T00:00:00Z")


class TestChanges:
    @pytest.fixture
    def window(self):
        now = pendulum.now("UTC")
        return Window(now, now.add(days=20))

    def changes(self, window, since=None, conn_id=SIGNED_IN, **where):
        async def read():
            async with get_calendar_hook(conn_id).calendar() as calendar:
                return await calendar.client.changes(window, since, **where)

        return asyncio.run(read())

    def test_are_everything_at_first(self, sandbox, window):
        first = self.changes(window)
        listed = listing(SIGNED_IN, window.start, window.end)
        assert first.complete
        assert list(first.invitations) == listed
        assert first.token

    def test_are_nothing_when_nothing_changed(self, sandbox, window):
        second = self.changes(window, self.changes(window).token)
        assert (second.invitations, second.complete) == ((), False)

    @pytest.mark.parametrize("page_size", [250, 2])
    def test_are_what_changed_as_it_stands_now(self, sandbox, window, page_size):
        sandbox.reset(google_page_size=page_size)
        first = self.changes(window)
        sandbox.answer("google", event_id("release"), ALICE, "accepted")
        sandbox.answer("google", event_id("release"), ALICE, "declined")
        sandbox.answer("google", event_id("board"), CAROL, "accepted")
        new = sandbox.invite(
            service="google", mailbox=ALICE, slug="new", start=window.start.add(days=2).isoformat()
        )

        second = self.changes(window, first.token)

        found = {each.reference.event_id: each.status for each in second.invitations}
        assert found == {
            event_id("release"): ParticipationStatus.DECLINED,
            event_id("board"): ParticipationStatus.NEEDS_ACTION,
            new["event_id"]: ParticipationStatus.NEEDS_ACTION,
        }
        assert not second.complete
        assert self.changes(window, second.token).invitations == ()

    def test_keep_to_the_window(self, sandbox, window):
        first = self.changes(window)
        for slug, days in (("far", 60), ("past", -3)):
            start = window.start.add(days=days).isoformat()
            sandbox.invite(service="google", mailbox=ALICE, slug=slug, start=start)
            sandbox.invite(
                service="google",
                mailbox=ALICE,
                slug=f"{slug}-all-day",
                start=f"{start[:10]}T00:00:00",
                end=f"{window.start.add(days=days + 1).to_date_string()}T00:00:00",
                all_day=True,
            )
        assert self.changes(window, first.token).invitations == ()

    def test_leave_out_what_was_cancelled(self, sandbox, window):
        first = self.changes(window)
        sandbox.cancel("google", event_id("release"))
        assert self.changes(window, first.token).invitations == ()

    @pytest.mark.parametrize("how", ["unknown", "refused", "too old"])
    def test_are_everything_again_once_the_token_has_ended(self, sandbox, window, how):
        if how == "too old":
            sandbox.reset(google_sync_lifetime=0.0)
        first = self.changes(window)
        if how == "unknown":
            sandbox.reset()
        if how == "refused":
            sandbox.faults([{"operation": "list", "kind": "status", "status": 410}])

        second = self.changes(window, first.token)

        assert second.complete
        assert [each.subject for each in second.invitations] == [each.subject for each in first.invitations]
        assert [request["status"] for request in sandbox.requests()][-2:] == [410, 200]
        assert second.token != first.token or how == "refused"

    def test_are_those_of_a_mailbox_and_calendar(self, sandbox, window):
        first = self.changes(window, conn_id=DELEGATED, mailbox=CAROL)
        assert {each.reference.mailbox for each in first.invitations} == {CAROL}
        team = self.changes(window, conn_id=DELEGATED, calendar_id=seed.TEAM_CALENDAR)
        assert [each.subject for each in team.invitations] == ["Team calendar entry"]
        again = self.changes(window, team.token, conn_id=DELEGATED, calendar_id=seed.TEAM_CALENDAR)
        assert again.invitations == ()

    def test_a_token_holds_no_secret(self, sandbox, window):
        first = self.changes(window)
        assert seed.ALICE.access_token not in first.token
        requests = [request for request in sandbox.requests() if request["operation"] == "list"]
        assert "timeMin" in requests[0]["query"]
        self.changes(window, first.token)
        barred = {"timeMin", "timeMax", "orderBy", "iCalUID"}
        assert not barred & set(sandbox.requests()[-1]["query"])
