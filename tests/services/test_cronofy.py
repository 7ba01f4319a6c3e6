"""Cronofy: what goes out, what is believed, and what is refused before anything goes out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pendulum
import pytest
from support.replies import listing, look, reply, sent

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    CredentialsError,
    EventCancelledError,
    EventNotFoundError,
    InvalidInputError,
    OwnEventError,
    PermissionDeniedError,
    ReadOnlyCalendarError,
    RejectedByServiceError,
    ServiceUnavailableError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
    UntrustedHostError,
)
from airflow_provider_rsvp.model import ParticipationStatus, Recurrence, Result
from airflow_provider_rsvp.sandbox.cronofy import seed

WORK, EXCHANGE, TEAM = (calendar.id for calendar in seed.alice().calendars)
STATUSES = ("accepted", "tentative", "declined")


@pytest.mark.parametrize("status", STATUSES)
def test_the_request_is_the_one_that_cronofy_documents(sandbox, status):
    reply("cronofy_default", status, event_id="evt_external_release")

    (request,) = sent(sandbox)
    assert request["method"] == "POST"
    assert request["path"] == (
        "/cronofy/v1/calendars/cal_alice%40google-work_01/events/evt_external_release/participation_status"
    )
    assert request["query"] == {}
    assert request["headers"]["Authorization"].startswith("Bearer ")
    assert request["headers"]["Content-Type"] == "application/json; charset=utf-8"
    assert request["body"] == {"status": status}
    assert request["status"] == 202


@pytest.mark.parametrize("status", STATUSES)
def test_the_organizer_gets_one_reply(sandbox, status):
    outcome = reply("cronofy_default", status, event_id="evt_external_release")

    (mail,) = sandbox.mail()
    assert (mail["organizer"], mail["attendee"]) == ("peter@company.example", "alice@company.example")
    assert (mail["subject"], mail["status"]) == ("Release go/no-go", status)
    assert outcome.result is Result.REPLIED
    assert (outcome.before, outcome.after) == (ParticipationStatus.NEEDS_ACTION, status)
    assert outcome.verified
    assert outcome.organizer_notified


def test_an_accepted_request_is_read_back_until_it_shows(sandbox):
    sandbox.reset(cronofy_settle=0.4)

    outcome = reply("cronofy_default", "accepted", event_id="evt_external_release")

    assert (outcome.result, outcome.after) == (Result.REPLIED, ParticipationStatus.ACCEPTED)
    assert len(sent(sandbox)) == 1


@pytest.mark.parametrize("verify", [True, False])
def test_an_accepted_request_that_had_no_effect_is_not_believed(sandbox, verify):
    sandbox.faults([{"operation": "send", "kind": "no_effect"}])

    with pytest.raises(UnclearOutcomeError, match=r"reading back did not show it within 0.3 s"):
        reply("cronofy_default", "accepted", event_id="evt_external_release", settle=0.3, verify=verify)

    assert sandbox.mail() == []


@pytest.mark.parametrize(("slug", "status"), [("accepted", "accepted"), ("tentative", "tentative")])
def test_an_answer_that_stands_is_not_sent_again(sandbox, slug, status):
    outcome = reply("cronofy_default", status, event_id=f"evt_external_{slug}")

    assert (outcome.result, outcome.before, outcome.after) == (Result.UNCHANGED, status, status)
    assert not outcome.organizer_notified
    assert sent(sandbox) == []


def test_force_sends_an_answer_that_stands_once_more(sandbox):
    sandbox.reset(cronofy_settle=0)

    outcome = reply("cronofy_default", "accepted", event_id="evt_external_accepted", force=True)

    assert outcome.result is Result.REPLIED
    assert [mail["status"] for mail in sandbox.mail()] == ["accepted"]


def test_force_proves_nothing_where_the_status_stood_before(sandbox):
    sandbox.faults([{"service": "cronofy", "operation": "send", "kind": "no_effect"}])

    outcome = reply("cronofy_default", "accepted", event_id="evt_external_accepted", force=True)

    assert sandbox.mail() == []
    assert outcome.verified is False
    assert "reading back cannot tell" in outcome.detail


class TestBeforeAnyRequest:
    def test_a_partner_uid_is_refused(self, sandbox):
        with pytest.raises(InvalidInputError, match=r"^event_id: evt_partner_managed .* start with 'evt_ext"):
            reply("cronofy_default", "accepted", event_id="evt_partner_managed")
        assert sandbox.requests() == []

    @pytest.mark.parametrize("event_id", ["651", "AAMkAGYW=", "release"])
    def test_an_id_of_another_kind_is_refused(self, sandbox, event_id):
        with pytest.raises(InvalidInputError, match=rf"^event_id: '{event_id}' is not a Cronofy event uid"):
            reply("cronofy_default", "accepted", event_id=event_id)
        assert sandbox.requests() == []

    @pytest.mark.parametrize(
        ("status", "details", "message"),
        [
            ("needs-action", {}, "status: .* it can: 'accepted', 'tentative', 'declined'"),
            ("accepted", {"comment": "Gladly"}, "comment: Cronofy carries no comments"),
            ("accepted", {"notify_organizer": False}, "notify_organizer: Cronofy always tells the organizer"),
            ("accepted", {"scope": "series"}, "scope: Cronofy has no reply to a whole series"),
            ("accepted", {"mailbox": "nina@company.example"}, "mailbox: .* only for its own user"),
            (
                "declined",
                {"proposed": ("2040-01-01T10:00:00Z", "2040-01-01T11:00:00Z")},
                "proposed_start: Cronofy carries no proposed times",
            ),
        ],
    )
    def test_what_cronofy_cannot_express_is_refused(self, sandbox, status, details, message):
        with pytest.raises(UnsupportedByServiceError, match=rf"^{message}"):
            reply("cronofy_default", status, event_id="evt_external_release", **details)
        assert sandbox.requests() == []

    def test_cronofy_shows_no_icalendar_uid_to_find_an_event_by(self, sandbox):
        with pytest.raises(UnsupportedByServiceError, match=r"^ical_uid: Cronofy does not show"):
            reply("cronofy_default", "accepted", ical_uid="release@sandbox.example")
        assert sandbox.requests() == []


class TestPreconditions:
    @pytest.mark.parametrize(
        ("event_id", "calendar_id", "error"),
        [
            ("evt_external_readonly", TEAM, ReadOnlyCalendarError),
            ("evt_external_locked", WORK, CannotRespondError),
            ("evt_external_own", WORK, OwnEventError),
            ("evt_external_focus", WORK, OwnEventError),
            ("evt_external_cancelled", WORK, EventCancelledError),
            ("evt_external_nowhere", WORK, EventNotFoundError),
            ("evt_external_release", EXCHANGE, EventNotFoundError),
        ],
    )
    def test_each_has_its_own_error_and_nothing_is_sent(self, sandbox, event_id, calendar_id, error):
        with pytest.raises(error) as raised:
            reply("cronofy_default", "accepted", event_id=event_id, calendar_id=calendar_id)

        assert type(raised.value) is error
        assert event_id in str(raised.value)
        assert sent(sandbox) == []

    def test_an_unknown_calendar_is_named(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"^calendar_id: Cronofy knows no calendar cal_nowhere"):
            reply("cronofy_default", "accepted", event_id="evt_external_release", calendar_id="cal_nowhere")
        assert sent(sandbox) == []

    def test_the_missing_option_is_named(self, sandbox):
        with pytest.raises(CannotRespondError, match=r"'change_participation_status' is off"):
            reply("cronofy_default", "accepted", event_id="evt_external_locked")

    def test_the_missing_scope_is_named(self, sandbox, connect):
        conn_id = connect("cronofy_default", password=seed.alice().readonly_access_token)
        with pytest.raises(PermissionDeniedError, match=r"with the scope change_participation_status"):
            reply(conn_id, "accepted", event_id="evt_external_release")


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, CredentialsError, "token is not accepted"),
        (402, PermissionDeniedError, "plan"),
        (403, PermissionDeniedError, "scope"),
        (404, EventNotFoundError, "not there"),
        (410, EventNotFoundError, "not there"),
        (418, RejectedByServiceError, "HTTP 418"),
        (422, CannotRespondError, "base: errors.invalid"),
        (423, ServiceUnavailableError, "locked"),
    ],
)
def test_what_cronofy_answers_becomes_an_error_of_its_kind(sandbox, status, error, message):
    sandbox.faults([{"operation": "send", "kind": "status", "status": status}])

    with pytest.raises(error, match=message):
        reply("cronofy_default", "accepted", event_id="evt_external_release", settle=0)

    assert sandbox.mail() == []


def test_cronofys_own_refusal_of_a_partner_uid_is_understood(sandbox):
    reason = {"key": "errors.must_be_external_event_uid", "description": "event uid must be external"}
    body = {"errors": {"event_uid": [reason]}}
    sandbox.faults([{"operation": "send", "kind": "status", "status": 422, "body": body}])

    with pytest.raises(InvalidInputError, match=r"^event_id: .*must_be_external_event_uid"):
        reply("cronofy_default", "accepted", event_id="evt_external_release")


class TestExchange:
    """Declining deletes the event there."""

    def test_a_declined_event_that_is_gone_is_a_success(self, sandbox):
        outcome = reply(
            "cronofy_default", "declined", event_id="evt_external_exchange-sync", calendar_id=EXCHANGE
        )

        assert (outcome.result, outcome.after, outcome.verified) == (Result.REPLIED, None, True)
        assert "gone from the calendar" in outcome.detail
        assert [mail["status"] for mail in sandbox.mail()] == ["declined"]

    def test_afterwards_it_is_not_there_and_the_error_says_why_that_may_be(self, sandbox):
        where = {"event_id": "evt_external_exchange-sync", "calendar_id": EXCHANGE}
        reply("cronofy_default", "declined", **where)

        with pytest.raises(
            EventNotFoundError, match=r"it was deleted\. .* declined on Exchange, which deletes it"
        ):
            reply("cronofy_default", "accepted", **where)
        assert len(sandbox.mail()) == 1


class TestSeries:
    def test_an_instance_is_answered_alone(self, sandbox):
        reply("cronofy_default", "accepted", event_id="evt_external_training-3")

        answers = {
            row["event_id"]: row["status"]
            for row in sandbox.invitations()
            if row["mailbox"] == "acc_alice" and row["slug"].startswith("training-")
        }
        assert answers.pop("evt_external_training-3") == "accepted"
        assert set(answers.values()) == {"needs-action"}
        assert len(sandbox.mail()) == 1

    def test_an_instance_says_that_it_is_one(self, sandbox):
        invitation = look("cronofy_default", event_id="evt_external_training-3")

        assert invitation.recurrence is Recurrence.INSTANCE
        assert invitation.series_id == "series_training"
        assert invitation.reference.original_start == invitation.time.start

    def test_an_instance_is_found_by_its_start(self, sandbox):
        third = look("cronofy_default", event_id="evt_external_training-3")

        found = look("cronofy_default", event_id="evt_external_training-3", original_start=third.time.start)
        assert found == third
        with pytest.raises(EventNotFoundError):
            look(
                "cronofy_default",
                event_id="evt_external_training-3",
                original_start=third.time.start.add(hours=1),
            )


class TestListing:
    def test_events_come_with_normalised_fields(self, sandbox):
        now = pendulum.now("UTC")
        found = {
            invitation.reference.event_id: invitation.to_plain()
            for invitation in listing("cronofy_default", now, now.add(days=10))
        }
        rows = [
            row
            for row in sandbox.invitations()
            if (row["mailbox"], row["calendar_id"]) == ("acc_alice", WORK)
            and row["event_id"].startswith("evt_external")
        ]

        assert set(found) == {row["event_id"] for row in rows}
        for row in rows:
            shown = found[row["event_id"]]
            assert shown["subject"] == row["subject"]
            assert shown["status"] == row["status"]
            assert shown["organizer"] == row["organizer"]
            assert shown["calendar_id"] == WORK
            assert shown["all_day"] is row["all_day"]
            if not row["all_day"]:
                assert _instant(shown["start"]) == _instant(row["start"])
                assert _instant(shown["end"]) == _instant(row["end"])

    def test_an_all_day_event_is_a_pair_of_dates_with_an_exclusive_end(self, sandbox):
        offsite = look("cronofy_default", event_id="evt_external_offsite")

        first = pendulum.today("Europe/Berlin").add(days=6).date()
        assert (offsite.time.start, offsite.time.end) == (first, first.add(days=2))
        assert offsite.time.all_day

    @pytest.mark.parametrize(
        ("slug", "pending"),
        [("release", True), ("accepted", False), ("cancelled", False), ("locked", False), ("own", False)],
    )
    def test_pending_is_what_waits_for_an_answer_and_can_get_one(self, sandbox, slug, pending):
        assert look("cronofy_default", event_id=f"evt_external_{slug}").pending is pending

    def test_without_a_calendar_all_of_them_are_read(self, sandbox, connect):
        conn_id = connect("cronofy_default", calendar_id=None)
        now = pendulum.now("UTC")

        calendars = {each.reference.calendar_id for each in listing(conn_id, now, now.add(days=10))}

        assert calendars == {WORK, EXCHANGE, TEAM}

    def test_pages_are_followed_to_the_end(self, sandbox):
        now = pendulum.now("UTC")
        whole = listing("cronofy_default", now, now.add(days=10))
        sandbox.reset(cronofy_page_size=3)

        assert listing("cronofy_default", now, now.add(days=10)) == whole
        further = [request for request in sandbox.requests() if "/events/pages/" in request["path"]]
        assert len(further) == -(-len(whole) // 3) - 1
        assert all(request["query"] == {} for request in further)
        assert all(request["headers"]["Authorization"].startswith("Bearer ") for request in further)

    def test_an_event_on_a_later_page_is_found(self, sandbox):
        sandbox.reset(cronofy_page_size=1)
        outcome = reply("cronofy_default", "accepted", event_id="evt_external_retro")
        assert outcome.result is Result.REPLIED

    @pytest.mark.parametrize(
        "host", ["https://elsewhere.example", "http://127.0.0.1:1", "//elsewhere.example"]
    )
    def test_a_next_page_on_another_host_is_refused(self, sandbox, host):
        body = {
            "pages": {"current": 1, "total": 2, "next_page": f"{host}/cronofy/v1/events/pages/1"},
            "events": [],
        }
        sandbox.faults([{"operation": "list", "kind": "status", "status": 200, "body": body}])

        with pytest.raises(UntrustedHostError, match=r"its token was not sent there"):
            listing("cronofy_default", "2040-01-01T00:00:00Z", "2040-01-02T00:00:00Z")
        assert len(sandbox.requests()) == 2

    def test_the_window_is_sent_without_fractions_of_a_second(self, sandbox):
        listing("cronofy_default", "2040-01-01T10:00:00.5+01:00", "2040-01-02T00:00:00Z")

        query = sandbox.requests()[-1]["query"]
        assert (query["from"], query["to"]) == ("2040-01-01T09:00:00Z", "2040-01-02T00:00:00Z")


def test_the_link_opens_the_day_in_a_google_calendar(sandbox):
    day = pendulum.today("Europe/Berlin").add(days=2)
    outcome = reply("cronofy_default", "accepted", event_id="evt_external_release")
    assert outcome.link == f"https://calendar.google.com/calendar/r/day/{day.year}/{day.month}/{day.day}"


def test_other_calendars_have_no_link(sandbox):
    found = look("cronofy_default", event_id="evt_external_exchange-sync", calendar_id=EXCHANGE)
    assert found.link is None


def _instant(text: Any) -> datetime:
    return datetime.fromisoformat(text)
