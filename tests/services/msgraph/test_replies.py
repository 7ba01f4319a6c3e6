"""Microsoft Graph: the actions and their bodies, and what comes back."""

from __future__ import annotations

from urllib.parse import quote

import pendulum
import pytest
from support.msgraph import ACTIONS, ALICE, APPLICATION, NEXT_WEEK, SIGNED_IN, TEAM, encoded, event_id
from support.replies import reply, sent

from airflow_provider_rsvp.exceptions import (
    EventNotFoundError,
    InvalidInputError,
    MailboxNotFoundError,
    ProposalNotAllowedError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.model import ParticipationStatus, Result
from airflow_provider_rsvp.sandbox.graph import ids, seed

OTHER_CALENDARS = ids.default("alice", "group-other")


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


def test_the_link_opens_the_event_in_outlook(sandbox):
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"))
    assert outcome.link.startswith("https://outlook.office365.com/owa/?itemid=")
