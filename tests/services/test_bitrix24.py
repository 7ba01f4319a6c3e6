"""Bitrix24: what goes out, what is believed, and what is refused before anything goes out."""

from __future__ import annotations

from datetime import datetime

import pendulum
import pytest
from support.replies import listing, look, reply, sent

from airflow_provider_rsvp.exceptions import (
    CredentialsError,
    EventNotFoundError,
    InvalidInputError,
    MalformedResponseError,
    NotAnInvitationError,
    OwnEventError,
    PermissionDeniedError,
    RejectedByServiceError,
    ServiceUnavailableError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.model import ParticipationStatus, Recurrence, Result
from airflow_provider_rsvp.sandbox.bitrix24 import seed

ANNA, BORIS = "1", "2"


def event_id(sandbox, slug, user=ANNA):
    return sandbox.event_id("bitrix24", slug, user)


def organizers_id(sandbox, slug):
    """The id of the organizer's own row; those of the guests are counted from it."""
    return str(int(event_id(sandbox, slug)) // 10 * 10)


@pytest.mark.parametrize(("status", "letter"), [("accepted", "Y"), ("declined", "N")])
class TestTheRequestIsTheOneThatBitrix24Documents:
    def test_with_a_webhook(self, sandbox, status, letter):
        release = event_id(sandbox, "release")
        reply("bitrix24_default", status, event_id=release)

        (request,) = sent(sandbox)
        assert request["method"] == "POST"
        assert request["path"] == "/bitrix24/rest/1/<redacted>/calendar.meeting.status.set"
        assert request["query"] == {}
        assert request["headers"]["Content-Type"].startswith("application/json")
        assert request["body"] == {"eventId": int(release), "status": letter}

    @pytest.mark.airflow
    def test_with_oauth(self, sandbox, database, status, letter):
        release = event_id(sandbox, "release")
        reply("bitrix24_oauth", status, event_id=release)

        (request,) = sent(sandbox)
        assert request["method"] == "POST"
        assert request["path"] == "/bitrix24/rest/calendar.meeting.status.set"
        assert request["query"] == {}
        assert request["body"] == {"eventId": int(release), "status": letter, "auth": "<redacted>"}

    def test_with_a_static_token(self, sandbox, connect, status, letter):
        conn_id = connect("bitrix24_default", login=None, password=None, access_token=seed.ANNA.access_token)
        release = event_id(sandbox, "release")
        reply(conn_id, status, event_id=release)

        (request,) = sent(sandbox)
        assert request["path"] == "/bitrix24/rest/calendar.meeting.status.set"
        assert request["body"] == {"eventId": int(release), "status": letter, "auth": "<redacted>"}

    def test_and_the_organizer_gets_one_reply(self, sandbox, status, letter):
        outcome = reply("bitrix24_default", status, event_id=event_id(sandbox, "release"))

        (mail,) = sandbox.mail()
        assert (mail["organizer"], mail["attendee"]) == ("peter@portal.example", "anna@portal.example")
        assert (mail["subject"], mail["status"]) == ("Release go/no-go", status)
        assert (outcome.result, outcome.before, outcome.after) == (Result.REPLIED, "needs-action", status)
        assert outcome.verified
        assert outcome.organizer_notified


def test_one_request_looks_one_sends_and_one_reads_back(sandbox):
    reply("bitrix24_default", "accepted", event_id=event_id(sandbox, "release"))
    assert [request["path"].rpartition("/")[2] for request in sandbox.requests()] == [
        "batch",
        "calendar.meeting.status.set",
        "calendar.meeting.status.get",
    ]


def test_an_answer_can_be_withdrawn_by_name_and_the_outcome_says_what_the_organizer_is_told(sandbox):
    outcome = reply("bitrix24_default", "needs-action", event_id=event_id(sandbox, "accepted"))

    assert sent(sandbox)[0]["body"]["status"] == "Q"
    assert (outcome.result, outcome.after) == (Result.REPLIED, ParticipationStatus.NEEDS_ACTION)
    assert "tells the organizer 'declined'" in outcome.detail
    assert [mail["status"] for mail in sandbox.mail()] == ["declined"]


@pytest.mark.parametrize("verify", [True, False])
def test_the_answer_true_is_not_believed_when_nothing_was_done(sandbox, verify):
    sandbox.faults([{"operation": "send", "kind": "no_effect"}])

    with pytest.raises(UnclearOutcomeError, match=r"reading back did not show it"):
        reply(
            "bitrix24_default",
            "accepted",
            event_id=event_id(sandbox, "release"),
            verify=verify,
            settle=0.2,
        )
    assert sandbox.mail() == []


@pytest.mark.parametrize("slug", ["accepted", "declined"])
def test_an_answer_that_stands_is_not_sent_again(sandbox, slug):
    outcome = reply("bitrix24_default", slug, event_id=event_id(sandbox, slug))

    assert (outcome.result, outcome.before, outcome.after) == (Result.UNCHANGED, slug, slug)
    assert sent(sandbox) == []


def test_an_organizer_who_is_not_told_of_answers_is_not_said_to_be(sandbox):
    outcome = reply("bitrix24_default", "accepted", event_id=event_id(sandbox, "quiet"))

    assert outcome.result is Result.REPLIED
    assert not outcome.organizer_notified
    assert "not told" in outcome.detail
    assert sandbox.mail() == []


class TestBeforeAnyRequest:
    @pytest.mark.parametrize(
        ("status", "details", "message"),
        [
            ("tentative", {}, "status: .* 'tentative'; it can: 'needs-action', 'accepted', 'declined'"),
            ("accepted", {"comment": "Gladly"}, "comment: Bitrix24 carries no comments"),
            ("accepted", {"notify_organizer": False}, "notify_organizer: Bitrix24 always tells"),
            ("accepted", {"mailbox": "2"}, "mailbox: .* only for its own user"),
            (
                "declined",
                {"proposed": ("2040-01-01T10:00:00Z", "2040-01-01T11:00:00Z")},
                "proposed_start: Bitrix24 carries no proposed times",
            ),
        ],
    )
    def test_what_bitrix24_cannot_express_is_refused(self, sandbox, status, details, message):
        with pytest.raises(UnsupportedByServiceError, match=rf"^{message}"):
            reply("bitrix24_default", status, event_id="651", **details)
        assert sandbox.requests() == []

    @pytest.mark.parametrize("wrong", ["evt_external_1", "6.5", "-651", "0", "0x28B", "٦٥١", "²"])
    def test_an_id_that_is_no_whole_number_is_refused(self, sandbox, wrong):
        with pytest.raises(InvalidInputError, match=rf"^event_id: '{wrong}' .* whole number such as 651"):
            reply("bitrix24_default", "accepted", event_id=wrong)
        assert sandbox.requests() == []

    def test_a_uid_needs_the_start_because_events_are_listed_by_day(self, sandbox):
        with pytest.raises(InvalidInputError, match=r"^original_start: Bitrix24 finds an event by ical_uid"):
            reply("bitrix24_default", "accepted", ical_uid="release@sandbox.example")
        assert sandbox.requests() == []


class TestPreconditions:
    @pytest.mark.parametrize(
        ("slug", "error"),
        [
            ("own", OwnEventError),
            ("focus", NotAnInvitationError),
            ("cancelled", EventNotFoundError),
        ],
    )
    def test_each_has_its_own_error_and_nothing_is_sent(self, sandbox, slug, error):
        with pytest.raises(error) as raised:
            reply("bitrix24_default", "accepted", event_id=event_id(sandbox, slug))

        assert type(raised.value) is error
        assert sent(sandbox) == []

    def test_an_event_that_is_not_there(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"event 999999: Bitrix24 knows no such event"):
            reply("bitrix24_default", "accepted", event_id="999999")
        assert sent(sandbox) == []

    def test_a_private_event_of_somebody_else(self, sandbox):
        with pytest.raises(EventNotFoundError):
            reply("bitrix24_boris", "accepted", event_id=event_id(sandbox, "private"))
        assert sent(sandbox) == []

    def test_accepting_an_open_event_one_is_not_invited_to_would_join_it(self, sandbox):
        with pytest.raises(NotAnInvitationError):
            reply("bitrix24_default", "accepted", event_id=event_id(sandbox, "open", BORIS))
        assert sent(sandbox) == []

    def test_the_organizer_is_recognised_by_h(self, sandbox):
        own = look("bitrix24_default", event_id=event_id(sandbox, "own"))

        assert own.is_organizer
        assert own.status is ParticipationStatus.ACCEPTED
        assert not own.pending

    def test_the_missing_scope_is_named(self, sandbox, connect):
        conn_id = connect("bitrix24_default", password=seed.ANNA.scopeless_webhook_code)
        with pytest.raises(PermissionDeniedError, match=r"the scope 'calendar'"):
            reply(conn_id, "accepted", event_id=event_id(sandbox, "release"))


@pytest.mark.parametrize("given", ["own", "organizers", "another guests"])
def test_any_id_of_the_family_leads_to_the_users_own_copy(sandbox, given):
    own = event_id(sandbox, "release")
    ids = {
        "own": own,
        "organizers": organizers_id(sandbox, "release"),
        "another guests": event_id(sandbox, "release", BORIS),
    }

    outcome = reply("bitrix24_default", "accepted", event_id=ids[given])

    assert (outcome.result, outcome.reference.event_id) == (Result.REPLIED, own)
    assert [mail["attendee"] for mail in sandbox.mail()] == ["anna@portal.example"]


@pytest.mark.parametrize("http_status", [200, 400, 401, 403, 503])
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("NO_AUTH_FOUND", CredentialsError),
        ("invalid_credentials", PermissionDeniedError),
        ("insufficient_scope", PermissionDeniedError),
        ("user_access_error", PermissionDeniedError),
        ("ACCESS_DENIED", PermissionDeniedError),
        ("ERROR_METHOD_NOT_FOUND", RejectedByServiceError),
        ("OVERLOAD_LIMIT", RejectedByServiceError),
        ("PORTAL_DELETED", RejectedByServiceError),
    ],
)
def test_the_code_decides_and_not_the_http_status(sandbox, http_status, code, error):
    body = {"error": code, "error_description": "in whatever language"}
    sandbox.faults([{"operation": "batch", "kind": "status", "status": http_status, "body": body}])

    with pytest.raises(error, match=code):
        reply("bitrix24_default", "accepted", event_id=event_id(sandbox, "release"))
    assert sent(sandbox) == []


def test_an_empty_code_says_that_there_is_no_such_meeting(sandbox):
    sandbox.faults([{"operation": "send", "kind": "status", "status": 400}])
    with pytest.raises(EventNotFoundError, match=r"HTTP 400, no code: An error occurred"):
        reply("bitrix24_default", "accepted", event_id=event_id(sandbox, "release"))


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"])
def test_a_failure_within_the_look_passes(sandbox, code):
    body = {"error": code, "error_description": ""}
    sandbox.faults([{"operation": "batch", "kind": "status", "status": 500, "body": body}])
    with pytest.raises(ServiceUnavailableError, match=code):
        reply("bitrix24_default", "accepted", event_id=event_id(sandbox, "release"))


@pytest.mark.parametrize("command", ["event", "status"])
def test_a_failure_of_one_command_of_the_look_passes_too(sandbox, command):
    failed = {"error": "INTERNAL_SERVER_ERROR", "error_description": "Internal server error"}
    event = {"ID": "651", "OWNER_ID": "1", "IS_MEETING": True}
    results = {"event": event, "status": "Q"}
    del results[command]
    body = {"result": {"result": results, "result_error": {command: failed}}}
    sandbox.faults([{"operation": "batch", "kind": "status", "status": 200, "body": body}])

    with pytest.raises(ServiceUnavailableError, match=r"INTERNAL_SERVER_ERROR"):
        reply("bitrix24_default", "accepted", event_id="651")


def test_another_event_than_was_asked_for_is_not_answered(sandbox):
    event = {"ID": "660", "OWNER_ID": "1", "IS_MEETING": True}
    body = {"result": {"result": {"event": event, "status": "Q"}, "result_error": []}}
    sandbox.faults([{"operation": "batch", "kind": "status", "status": 200, "body": body}])

    with pytest.raises(MalformedResponseError, match=r"another event than was asked for"):
        reply("bitrix24_default", "accepted", event_id="651")
    assert sent(sandbox) == []


class TestSeries:
    """One status for all of it."""

    def test_it_is_answered_as_a_whole_with_one_reply(self, sandbox):
        outcome = reply(
            "bitrix24_default", "accepted", event_id=event_id(sandbox, "training"), scope="series"
        )

        assert outcome.result is Result.REPLIED
        assert len(sent(sandbox)) == len(sandbox.mail()) == 1

    def test_a_reply_for_one_instance_is_refused(self, sandbox):
        with pytest.raises(
            UnsupportedByServiceError, match=r"^scope: Bitrix24 keeps one status for the whole"
        ):
            reply("bitrix24_default", "accepted", event_id=event_id(sandbox, "training"))
        assert sent(sandbox) == []

    def test_an_instance_that_was_split_off_has_its_own(self, sandbox):
        split = event_id(sandbox, "training-split")
        reply("bitrix24_default", "declined", event_id=split)

        assert look("bitrix24_default", event_id=split).status is ParticipationStatus.DECLINED
        series = look("bitrix24_default", event_id=event_id(sandbox, "training"), scope="series")
        assert series.status is ParticipationStatus.NEEDS_ACTION

    def test_the_end_of_its_first_instance_is_told_from_the_end_of_the_series(self, sandbox):
        series = look("bitrix24_default", event_id=event_id(sandbox, "training"), scope="series")
        assert series.recurrence is Recurrence.SERIES
        assert (series.time.end - series.time.start).total_minutes() == 60


class TestByUid:
    @pytest.mark.parametrize(
        ("slug", "scope"), [("release", "instance"), ("offsite", "instance"), ("training", "series")]
    )
    def test_an_event_is_found_by_its_uid_and_start(self, sandbox, slug, scope):
        (row,) = (
            row
            for row in sandbox.invitations()
            if row["event_id"] == event_id(sandbox, slug) and row["service"] == "bitrix24"
        )
        outcome = reply(
            "bitrix24_default",
            "accepted",
            ical_uid=f"{slug}@sandbox.example",
            original_start=row["start"],
            scope=scope,
        )
        assert (outcome.result, outcome.reference.event_id) == (Result.REPLIED, row["event_id"])

    def test_elsewhere_it_is_not_found(self, sandbox):
        with pytest.raises(EventNotFoundError, match=r"event with UID release@sandbox.example"):
            reply(
                "bitrix24_default",
                "accepted",
                ical_uid="release@sandbox.example",
                original_start="2040-01-01T00:00:00Z",
            )


class TestListing:
    def test_events_come_with_normalised_fields(self, sandbox):
        now = pendulum.now("UTC")
        found = {
            invitation.reference.event_id: invitation.to_plain()
            for invitation in listing("bitrix24_default", now, now.add(days=10))
        }
        rows = [
            row
            for row in sandbox.invitations()
            if (row["service"], row["mailbox"]) == ("bitrix24", ANNA) and "cancelled" not in row["note"]
        ]

        assert set(found) == {row["event_id"] for row in rows}
        for row in rows:
            shown = found[row["event_id"]]
            assert shown["subject"] == row["subject"]
            assert shown["ical_uid"] == row["ical_uid"]
            assert shown["status"] == (row["status"] if row["attendees"] else None)
            assert shown["is_organizer"] is (row["organizing"] and bool(row["attendees"]))
            assert shown["all_day"] is row["all_day"]
            if not row["all_day"]:
                assert datetime.fromisoformat(shown["start"]) == datetime.fromisoformat(row["start"])
                assert datetime.fromisoformat(shown["end"]) == datetime.fromisoformat(row["end"])

    def test_a_series_comes_once(self, sandbox):
        now = pendulum.now("UTC")
        found = listing("bitrix24_default", now, now.add(days=10))
        assert [each.recurrence for each in found if each.subject == "Security training"] == [
            Recurrence.SERIES,
            Recurrence.SINGLE,
        ]

    def test_the_coarse_window_of_the_service_is_cut_to_the_one_asked_for(self, sandbox):
        release = look("bitrix24_default", event_id=event_id(sandbox, "release")).time

        def subjects(start, end):
            return [each.subject for each in listing("bitrix24_default", start, end)]

        assert "Release go/no-go" in subjects(release.end.subtract(minutes=1), release.end.add(hours=1))
        assert "Release go/no-go" not in subjects(release.end, release.end.add(hours=1))
        assert "Release go/no-go" not in subjects(release.start.subtract(hours=1), release.start)

    def test_the_request_names_the_user_and_the_days(self, sandbox):
        listing("bitrix24_default", "2040-01-01T23:30:00-05:00", "2040-01-03T00:00:00Z", calendar_id="11")
        assert sandbox.requests()[-1]["body"] == {
            "type": "user",
            "ownerId": 1,
            "from": "2040-01-02",
            "to": "2040-01-03",
            "section": [11],
        }

    def test_a_calendar_is_a_section(self, sandbox):
        now = pendulum.now("UTC")
        found = listing("bitrix24_default", now, now.add(days=10), calendar_id="12")
        assert [each.subject for each in found] == ["Maintenance window"]

    def test_a_section_is_a_whole_number(self, sandbox):
        with pytest.raises(InvalidInputError, match=r"^calendar_id: 'work' is not a Bitrix24 id"):
            listing("bitrix24_default", "2040-01-01T00:00Z", "2040-01-02T00:00Z", calendar_id="work")
        assert sandbox.requests() == []

    def test_an_all_day_event_is_a_pair_of_dates_with_an_exclusive_end(self, sandbox):
        offsite = look("bitrix24_default", event_id=event_id(sandbox, "offsite"))

        first = pendulum.today("Europe/Berlin").add(days=6).date()
        assert (offsite.time.start, offsite.time.end) == (first, first.add(days=2))

    def test_with_a_token_the_portal_is_asked_once_who_the_user_is(self, sandbox, connect):
        conn_id = connect("bitrix24_default", login=None, password=None, access_token=seed.BORIS.access_token)
        now = pendulum.now("UTC")

        subjects = {each.subject for each in listing(conn_id, now, now.add(days=10))}

        assert "New York sync" in subjects
        assert "Retrospective" not in subjects


def test_the_link_opens_the_event_in_the_portal(sandbox):
    release = event_id(sandbox, "release")
    outcome = reply("bitrix24_default", "accepted", event_id=release)
    assert outcome.link == f"{sandbox.url}/bitrix24/company/personal/user/1/calendar/?EVENT_ID={release}"
