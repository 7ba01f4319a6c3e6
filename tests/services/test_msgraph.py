"""Microsoft Graph: every form of its addresses, what its bodies say, and what stands against a reply."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import pendulum
import pytest
from support.replies import listing, look, reply, sent

from airflow_provider_rsvp.exceptions import (
    ConfigurationError,
    CredentialsError,
    DraftEventError,
    EventCancelledError,
    EventNotFoundError,
    InvalidInputError,
    MailboxNotFoundError,
    OwnEventError,
    PermissionDeniedError,
    ProposalNotAllowedError,
    RejectedByServiceError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
    UntrustedHostError,
)
from airflow_provider_rsvp.model import ParticipationStatus, Recurrence, Result
from airflow_provider_rsvp.sandbox.graph import ids, seed

ALICE = seed.ALICE.upn
CALENDAR, TEAM, OPERATIONS = (ids.default("alice", f"calendar{name}") for name in ("", "-team", "-readonly"))
OTHER_CALENDARS = ids.default("alice", "group-other")
SIGNED_IN, APPLICATION = "msgraph_calendar_static", "msgraph_calendar_default"
ACTIONS = {"accepted": "accept", "tentative": "tentativelyAccept", "declined": "decline"}
NEXT_WEEK = ("2039-12-02T18:00:00", "2039-12-02T19:00:00")


def event_id(slug, mailbox="alice"):
    return ids.immutable(mailbox, slug)


def encoded(slug, mailbox="alice"):
    """The event's immutable id as it stands in an address."""
    return quote(ids.immutable(mailbox, slug), safe="")


class TestAddresses:
    """The eight forms of "event: decline", on v1.0 and beta, with each of the three actions."""

    @pytest.mark.parametrize("version", ["v1.0", "beta"])
    @pytest.mark.parametrize(("status", "action"), ACTIONS.items())
    @pytest.mark.parametrize(
        ("slug", "calendar_id", "calendar"),
        [
            ("release", None, ""),
            ("release", "primary", "/calendar"),
            ("team", TEAM, f"/calendars/{quote(TEAM, safe='')}"),
            (
                "team",
                f"{OTHER_CALENDARS}/{TEAM}",
                f"/calendarGroups/{quote(OTHER_CALENDARS, safe='')}/calendars/{quote(TEAM, safe='')}",
            ),
        ],
        ids=["events", "default calendar", "calendar", "calendar group"],
    )
    @pytest.mark.parametrize(
        ("conn_id", "mailbox", "owner"),
        [
            (SIGNED_IN, None, "me"),
            (APPLICATION, ALICE, f"users/{quote(ALICE)}"),
        ],
        ids=["me", "users"],
    )
    def test_the_reply_goes_to(
        self, sandbox, connect, version, status, action, slug, calendar_id, calendar, conn_id, mailbox, owner
    ):
        outcome = reply(
            connect(conn_id, api_version=version),
            status,
            event_id=event_id(slug),
            mailbox=mailbox,
            calendar_id=calendar_id,
        )

        (request,) = sent(sandbox)
        assert request["method"] == "POST"
        assert request["path"] == f"/graph/{version}/{owner}{calendar}/events/{encoded(slug)}/{action}"
        assert request["headers"]["Authorization"].startswith("Bearer ")
        assert request["headers"]["Content-Type"].startswith("application/json")
        assert request["body"] == {"sendResponse": True}
        assert (outcome.result, outcome.after) == (Result.REPLIED, status)
        assert [mail["status"] for mail in sandbox.mail()] == [status]

    def test_a_users_id_does_as_well_as_their_name(self, sandbox):
        reply(APPLICATION, "accepted", event_id=event_id("release"), mailbox=seed.ALICE.id)
        assert sent(sandbox)[0]["path"].startswith(f"/graph/v1.0/users/{seed.ALICE.id}/events/")

    def test_me_is_the_signed_in_user(self, sandbox):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"), mailbox="me")
        assert sent(sandbox)[0]["path"].startswith("/graph/v1.0/me/events/")

    @pytest.mark.parametrize(
        ("mailbox", "owner"),
        [
            ("$ales@contoso.example", "users('%24ales%40contoso.example')"),
            ("$o'hara@contoso.example", "users('%24o%27%27hara%40contoso.example')"),
            ("o'hara@contoso.example", "users/o%27hara%40contoso.example"),
            ("kim_fabrikam.com#EXT#@contoso.example", "users/kim_fabrikam.com%23EXT%23%40contoso.example"),
        ],
    )
    def test_unusual_names_are_encoded(self, sandbox, mailbox, owner):
        with pytest.raises(MailboxNotFoundError):
            reply(APPLICATION, "accepted", event_id=event_id("release"), mailbox=mailbox)
        assert sandbox.requests()[-1]["path"].startswith(f"/graph/v1.0/{owner}/events/")

    def test_an_id_cannot_leave_its_place_in_the_address(self, sandbox):
        with pytest.raises(InvalidInputError):
            reply(SIGNED_IN, "accepted", event_id="../users/bob?x=1#")
        assert sandbox.requests()[-1]["path"] == "/graph/v1.0/me/events/..%2Fusers%2Fbob%3Fx%3D1%23"


def test_immutable_ids_and_utc_are_asked_for(sandbox):
    reply(SIGNED_IN, "accepted", event_id=event_id("release"))

    look_, send, read_back = sandbox.requests()
    assert look_["headers"]["Prefer"] == 'outlook.timezone="UTC", IdType="ImmutableId"'
    assert send["headers"]["Prefer"] == 'IdType="ImmutableId"'
    assert read_back["headers"]["Prefer"] == 'outlook.timezone="UTC", IdType="ImmutableId"'


def test_any_success_is_one(sandbox, connect):
    sandbox.reset(graph_beta_status=200)
    outcome = reply(connect(SIGNED_IN, api_version="beta"), "accepted", event_id=event_id("release"))
    assert sent(sandbox)[0]["status"] == 200
    assert outcome.result is Result.REPLIED


class TestBodies:
    @pytest.mark.parametrize("status", ["accepted", "tentative", "declined"])
    def test_a_comment_reaches_the_organizer(self, sandbox, status):
        comment = "I won't be able to make this week. How about next week?"
        reply(SIGNED_IN, status, event_id=event_id("release"), comment=comment)

        assert sent(sandbox)[0]["body"] == {"sendResponse": True, "comment": comment}
        assert [mail["comment"] for mail in sandbox.mail()] == [comment]

    @pytest.mark.parametrize("status", ["accepted", "tentative", "declined"])
    def test_a_silent_reply_says_so_and_reaches_nobody(self, sandbox, status):
        outcome = reply(SIGNED_IN, status, event_id=event_id("release"), notify_organizer=False)

        assert sent(sandbox)[0]["body"] == {"sendResponse": False}
        assert (outcome.result, outcome.organizer_notified) == (Result.REPLIED, False)
        assert sandbox.mail() == []

    @pytest.mark.parametrize("status", ["tentative", "declined"])
    @pytest.mark.parametrize(
        ("times", "timezone"),
        [
            (NEXT_WEEK, "Pacific Standard Time"),
            (NEXT_WEEK, "America/Los_Angeles"),
            (("2039-12-02T18:00:00-08:00", "2039-12-03T03:00:00Z"), None),
            (("2039-12-03T11:00:00+09:00", "2039-12-03T12:00:00+09:00"), "Europe/Berlin"),
            (tuple(pendulum.parse(time, tz="America/Los_Angeles") for time in NEXT_WEEK), None),
        ],
        ids=["Windows zone", "IANA zone", "offsets", "an offset counts for more than the zone", "pendulum"],
    )
    def test_a_proposed_time_goes_out_in_utc(self, sandbox, status, times, timezone):
        outcome = reply(SIGNED_IN, status, event_id=event_id("release"), proposed=times, timezone=timezone)

        assert outcome.result is Result.REPLIED
        assert sent(sandbox)[0]["body"] == {
            "sendResponse": True,
            "proposedNewTime": {
                "start": {"dateTime": "2039-12-03T02:00:00", "timeZone": "UTC"},
                "end": {"dateTime": "2039-12-03T03:00:00", "timeZone": "UTC"},
            },
        }
        assert [mail["proposed_time"] for mail in sandbox.mail()] == [
            {"start": "2039-12-03T02:00:00+00:00", "end": "2039-12-03T03:00:00+00:00"}
        ]

    @pytest.mark.parametrize(
        ("version", "status", "comment"),
        [
            ("v1.0", "declined", "I won't be able to make this week. How about next week?"),
            ("beta", "tentative", "I may not be able to make this week. How about next week?"),
        ],
    )
    def test_the_examples_of_the_reference(self, sandbox, connect, version, status, comment):
        reply(
            connect(SIGNED_IN, api_version=version),
            status,
            event_id=event_id("release"),
            comment=comment,
            proposed=NEXT_WEEK,
            timezone="Pacific Standard Time",
        )
        (mail,) = sandbox.mail()
        assert (mail["status"], mail["comment"]) == (status, comment)
        assert mail["proposed_time"]["start"] == "2039-12-03T02:00:00+00:00"


class TestNoResponseRequested:
    def test_it_is_answered_silently_and_the_outcome_says_so(self, sandbox):
        outcome = reply(SIGNED_IN, "accepted", event_id=event_id("no-response"))

        assert sent(sandbox)[0]["body"] == {"sendResponse": False}
        assert (outcome.result, outcome.after) == (Result.REPLIED, ParticipationStatus.ACCEPTED)
        assert not outcome.organizer_notified
        assert "asked for no replies" in outcome.detail
        assert sandbox.mail() == []

    def test_a_comment_that_was_not_delivered_is_told(self, sandbox):
        outcome = reply(SIGNED_IN, "accepted", event_id=event_id("no-response"), comment="Gladly")
        assert sent(sandbox)[0]["body"] == {"sendResponse": False}
        assert "The comment was not delivered" in outcome.detail

    def test_a_proposed_time_could_not_reach_anybody(self, sandbox):
        with pytest.raises(ProposalNotAllowedError, match=r"asked for no replies"):
            reply(
                SIGNED_IN,
                "declined",
                event_id=event_id("no-response"),
                proposed=NEXT_WEEK,
                timezone="UTC",
            )
        assert sent(sandbox) == []


class TestPreconditions:
    @pytest.mark.parametrize(
        ("slug", "error"),
        [
            ("own", OwnEventError),
            ("focus", OwnEventError),
            ("cancelled", EventCancelledError),
            ("draft", DraftEventError),
            ("nowhere", EventNotFoundError),
        ],
    )
    def test_each_has_its_own_error_and_nothing_is_sent(self, sandbox, slug, error):
        with pytest.raises(error) as raised:
            reply(SIGNED_IN, "accepted", event_id=event_id(slug))

        assert type(raised.value) is error
        assert len(sandbox.requests()) == 1
        assert sent(sandbox) == []

    def test_a_proposal_where_the_organizer_takes_none(self, sandbox):
        with pytest.raises(ProposalNotAllowedError, match=r"'Keynote' .* takes no proposed times"):
            reply(
                SIGNED_IN,
                "declined",
                event_id=event_id("no-proposals"),
                proposed=NEXT_WEEK,
                timezone="UTC",
            )
        assert sent(sandbox) == []

    def test_a_calendar_that_cannot_be_written_to_is_refused_by_graph(self, sandbox):
        with pytest.raises(PermissionDeniedError):
            reply(SIGNED_IN, "accepted", event_id=event_id("readonly"), calendar_id=OPERATIONS)
        assert sandbox.mail() == []

    @pytest.mark.parametrize(
        ("mailbox", "error"),
        [
            ("nobody@contoso.example", MailboxNotFoundError),
            (seed.UNLICENSED.upn, MailboxNotFoundError),
            (seed.RESTRICTED.upn, PermissionDeniedError),
            (seed.BOB.upn, EventNotFoundError),
        ],
        ids=["unknown", "no mailbox", "closed to applications", "another mailbox's event"],
    )
    def test_mailboxes_that_are_not_the_right_ones(self, sandbox, mailbox, error):
        with pytest.raises(error):
            reply(APPLICATION, "accepted", event_id=event_id("release"), mailbox=mailbox)
        assert sent(sandbox) == []

    def test_a_malformed_id(self, sandbox):
        with pytest.raises(InvalidInputError, match=r"^event_id or calendar_id: .*ErrorInvalidIdMalformed"):
            reply(SIGNED_IN, "accepted", event_id="651")


class TestBeforeAnyRequest:
    def test_an_answer_cannot_be_withdrawn(self, sandbox):
        with pytest.raises(
            UnsupportedByServiceError, match=r"^status: .* it can: 'accepted', 'tentative', 'declined'"
        ):
            reply(SIGNED_IN, "needs-action", event_id=event_id("release"))
        assert sandbox.requests() == []

    def test_a_comment_needs_an_organizer_who_is_told(self, sandbox):
        with pytest.raises(InvalidInputError, match=r"^comment: "):
            reply(
                SIGNED_IN,
                "declined",
                event_id=event_id("release"),
                comment="Sorry",
                notify_organizer=False,
            )
        assert sandbox.requests() == []

    @pytest.mark.parametrize("mailbox", [None, "me"])
    def test_an_application_has_no_calendar_of_its_own(self, sandbox, connect, mailbox):
        conn_id = connect(APPLICATION, mailbox=None)
        with pytest.raises(ConfigurationError, match=r"^mailbox: an application"):
            reply(conn_id, "accepted", event_id=event_id("release"), mailbox=mailbox)
        assert sandbox.requests() == []


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, RejectedByServiceError, "HTTP 400, BadRequest: The request is not valid"),
        (401, CredentialsError, "InvalidAuthenticationToken"),
        (403, PermissionDeniedError, "Calendars.ReadWrite"),
        (404, EventNotFoundError, "ErrorItemNotFound"),
        (409, UnclearOutcomeError, "did not show"),
    ],
)
def test_what_graph_answers_becomes_an_error_of_its_kind(sandbox, status, error, message):
    sandbox.faults([{"operation": "send", "kind": "status", "status": status}])

    with pytest.raises(error, match=message):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"), settle=0)

    assert sandbox.mail() == []


def test_codes_are_compared_without_case(sandbox):
    body = {"error": {"code": "mailboxNotEnabledForRestApi", "message": "in whatever language"}}
    sandbox.faults([{"operation": "observe", "kind": "status", "status": 404, "body": body}])
    with pytest.raises(MailboxNotFoundError):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"))


class TestDecline:
    """Outlook deletes what is declined, unless told to keep it."""

    @pytest.mark.parametrize("user", [seed.ALICE, seed.CAROL], ids=["deleting", "keeping"])
    def test_it_is_seen_when_read_back(self, sandbox, user):
        outcome = reply(APPLICATION, "declined", event_id=event_id("release", user.short), mailbox=user.upn)
        assert (outcome.result, outcome.after) == (Result.REPLIED, ParticipationStatus.DECLINED)
        assert outcome.verified

    def test_an_event_that_is_gone_when_read_back_was_declined(self, sandbox):
        sandbox.faults([{"operation": "observe", "kind": "status", "status": 404, "skip": 1, "times": None}])
        outcome = reply(SIGNED_IN, "declined", event_id=event_id("release"))
        assert (outcome.result, outcome.after, outcome.verified) == (Result.REPLIED, None, True)
        assert "gone from the calendar" in outcome.detail

    def test_an_event_that_is_gone_when_read_back_was_not_accepted(self, sandbox):
        sandbox.faults([{"operation": "observe", "kind": "status", "status": 404, "skip": 1, "times": None}])
        with pytest.raises(UnclearOutcomeError):
            reply(SIGNED_IN, "accepted", event_id=event_id("release"), settle=0)

    def test_the_event_that_is_gone_by_its_old_id_is_explained(self, sandbox):
        reply(SIGNED_IN, "declined", event_id=event_id("release"))
        with pytest.raises(EventNotFoundError, match=r"the event was declined or deleted before"):
            reply(SIGNED_IN, "accepted", event_id=event_id("release"))
        assert len(sandbox.mail()) == 1


@pytest.mark.parametrize("slug", ["accepted", "tentative", "declined"])
def test_an_answer_that_stands_is_not_sent_again(sandbox, slug):
    outcome = reply(SIGNED_IN, slug, event_id=event_id(slug), comment="Gladly")
    assert (outcome.result, outcome.before, outcome.after) == (Result.UNCHANGED, slug, slug)
    assert sent(sandbox) == []


def test_a_success_that_had_no_effect_is_not_believed(sandbox):
    sandbox.faults([{"operation": "send", "kind": "no_effect"}])
    with pytest.raises(UnclearOutcomeError, match=r"reading back did not show it"):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"), settle=0.2)


def test_without_verification_it_is_not_read_back_and_not_called_verified(sandbox):
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"), verify=False)
    assert [request["operation"] for request in sandbox.requests()] == ["observe", "send"]
    assert (outcome.result, outcome.after, outcome.verified) == (Result.REPLIED, None, False)


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


def test_the_link_opens_the_event_in_outlook(sandbox):
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"))
    assert outcome.link.startswith("https://outlook.office365.com/owa/?itemid=")


def path_id(request):
    """The event's id in the address of an action, as it was sent."""
    return request["path"].split("/")[-2]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_forced_reply_that_is_refused_for_load_is_not_sent_again(sandbox, when):
    """The status stood before, so that a look cannot tell whether it was sent."""
    reply(SIGNED_IN, "accepted", event_id=event_id("release"))
    sandbox.faults([{"operation": "send", "kind": "status", "status": 429, "when": when}])
    with pytest.raises(UnclearOutcomeError, match="reading back cannot tell"):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"), force=True)
    assert len(sandbox.mail()) == (1 if when == "before" else 2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reply_that_is_refused_for_load_is_sent_again_only_after_a_look(sandbox, when):
    sandbox.faults([{"operation": "send", "kind": "status", "status": 429, "when": when}])
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"))
    assert outcome.result is Result.REPLIED
    assert outcome.organizer_notified is (True if when == "before" else None)
    assert len(sandbox.mail()) == 1
