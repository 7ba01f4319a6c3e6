"""Google Calendar: whose calendar is meant, what a reply changes, series, quotas, and what changed since a token."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from urllib.parse import quote

import pendulum
import pytest
from support.fault_matrix import StateStore
from support.replies import listing, look, reply, sent

from airflow_provider_rsvp._tasks.memory import task_memory
from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    ConfigurationError,
    CredentialsError,
    EditConflictError,
    EventCancelledError,
    EventNotFoundError,
    InvalidInputError,
    MailboxNotFoundError,
    NotAnInvitationError,
    OwnEventError,
    PermissionDeniedError,
    ReadOnlyCalendarError,
    RejectedByServiceError,
    ThrottledError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import (
    EventReference,
    FreeBusy,
    ParticipationStatus,
    Recurrence,
    Reply,
    Result,
    Scope,
    Sensitivity,
)
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.replying import set_participation_status
from airflow_provider_rsvp.sandbox.google import ids, seed
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.google_calendar import DIALECT
from airflow_provider_rsvp.services.wire import Response
from airflow_provider_rsvp.transport.tokens import forget_grants

ALICE, BOB, CAROL = seed.ALICE.address, seed.BOB.address, seed.CAROL.address
SIGNED_IN, DELEGATED = "google_calendar_static", "google_calendar_default"
EVENTS = "/google/calendar/v3/calendars"
NEXT_WEEK = ("2039-12-02T18:00:00+01:00", "2039-12-02T19:00:00+01:00")


def event_id(slug, mailbox=ALICE):
    return ids.event(mailbox, slug)


def patches(sandbox):
    return [(request["path"], request["query"], request["body"]) for request in sent(sandbox)]


def refusal(status, reason, message="", **more):
    """A fault that answers as Google refuses."""
    body = {"error": {"code": status, "message": message, "errors": [{"domain": "x", "reason": reason}]}}
    return {"kind": "status", "status": status, "body": body, **more}


class TestWhoseCalendar:
    @pytest.mark.parametrize(
        ("conn_id", "mailbox", "calendar_id", "slug", "owner", "calendar"),
        [
            (SIGNED_IN, None, None, "release", ALICE, "primary"),
            (SIGNED_IN, None, "primary", "release", ALICE, "primary"),
            (SIGNED_IN, None, seed.TEAM_CALENDAR, "team", ALICE, seed.TEAM_CALENDAR),
            (SIGNED_IN, CAROL, None, "release", CAROL, CAROL),
            (DELEGATED, None, None, "release", ALICE, "primary"),
            (DELEGATED, None, seed.TEAM_CALENDAR, "team", ALICE, seed.TEAM_CALENDAR),
            (DELEGATED, BOB, None, "standup", BOB, "primary"),
            (DELEGATED, seed.ROOM.address, None, "room-booking", seed.ROOM.address, "primary"),
        ],
        ids=[
            "signed in",
            "primary",
            "another calendar",
            "shared by its owner",
            "delegated",
            "another calendar, delegated",
            "any user, delegated",
            "a room, delegated",
        ],
    )
    def test_the_reply_goes_to(self, sandbox, conn_id, mailbox, calendar_id, slug, owner, calendar):
        its_id = event_id(slug, owner)

        outcome = reply(conn_id, "accepted", event_id=its_id, mailbox=mailbox, calendar_id=calendar_id)

        (request,) = sent(sandbox)
        assert request["method"] == "PATCH"
        assert request["path"] == f"{EVENTS}/{quote(calendar, safe='')}/events/{its_id}"
        assert (outcome.result, outcome.after) == (Result.REPLIED, ParticipationStatus.ACCEPTED)
        assert [(mail["attendee"], mail["status"]) for mail in sandbox.mail()] == [(owner, "accepted")]

    def test_the_connection_may_name_a_calendar_of_its_own(self, sandbox, connect):
        conn_id = connect(SIGNED_IN, calendar_id=seed.TEAM_CALENDAR)
        reply(conn_id, "accepted", event_id=event_id("team"))
        assert patches(sandbox)[0][0].startswith(f"{EVENTS}/{quote(seed.TEAM_CALENDAR, safe='')}/")

    def test_each_mailbox_has_a_token_of_its_own_for_as_long_as_it_lasts(self, sandbox):
        with get_calendar_hook(DELEGATED) as hook:
            for _ in range(2):
                for mailbox in (ALICE, BOB, CAROL):
                    found = hook.get_invitation(
                        EventReference(event_id=event_id("standup", mailbox), mailbox=mailbox)
                    )
                    assert found.reference.mailbox == mailbox
        tokens = [request for request in sandbox.requests() if request["operation"] == "token"]
        assert len(tokens) == 3
        assert {request["body"]["grant_type"] for request in tokens} == {
            "urn:ietf:params:oauth:grant-type:jwt-bearer"
        }
        assert {request["body"]["assertion"] for request in tokens} == {"<redacted>"}

    def test_a_refused_token_is_renewed_and_no_other(self, sandbox):
        with get_calendar_hook(DELEGATED) as hook:
            for mailbox in (ALICE, BOB):
                hook.get_invitation(EventReference(event_id=event_id("standup", mailbox), mailbox=mailbox))
            sandbox.expire_tokens("google")
            before = len(sandbox.requests())
            hook.get_invitation(EventReference(event_id=event_id("standup", BOB), mailbox=BOB))
        assert [request["operation"] for request in sandbox.requests()[before:]] == [
            "observe",
            "token",
            "observe",
        ]

    def test_a_service_account_has_no_calendar_of_its_own(self, sandbox, connect):
        conn_id = connect(DELEGATED, mailbox=None)
        with pytest.raises(ConfigurationError, match=r"^mailbox: a service account answers for the users"):
            reply(conn_id, "accepted", event_id=event_id("release"))
        assert sandbox.requests() == []

    def test_a_user_who_is_not_of_the_domain(self, sandbox):
        with pytest.raises(
            CredentialsError,
            match=r"get an access token for x@elsewhere\.example .*Invalid email.* Check the mailbox",
        ):
            reply(DELEGATED, "accepted", event_id=event_id("release"), mailbox="x@elsewhere.example")

    def test_an_id_cannot_leave_its_place_in_the_address(self, sandbox):
        with pytest.raises(EventNotFoundError):
            reply(SIGNED_IN, "accepted", event_id="../events?x=1#", calendar_id="../x")
        assert sandbox.requests()[-1]["path"] == f"{EVENTS}/..%2Fx/events/..%2Fevents%3Fx%3D1%23"


class TestWhatAReplyChanges:
    @pytest.mark.parametrize("status", ["accepted", "tentative", "declined", "needs-action"])
    def test_the_own_entry_only(self, sandbox, status):
        slug = "release" if status != "needs-action" else "accepted"
        reply(SIGNED_IN, status, event_id=event_id(slug), comment="Out of the office until Monday")

        ((_, query, body),) = patches(sandbox)
        assert query["sendUpdates"] == "all"
        assert body == {
            "attendeesOmitted": True,
            "attendees": [
                {
                    "email": ALICE,
                    "displayName": "Alice Adams",
                    "responseStatus": "needsAction" if status == "needs-action" else status,
                    "comment": "Out of the office until Monday",
                }
            ],
        }
        assert [mail["comment"] for mail in sandbox.mail()] == ["Out of the office until Monday"]

    def test_and_of_it_the_answer_only(self, sandbox):
        """A list replaces: what of the own entry did not go along would be gone."""
        reply(SIGNED_IN, "declined", event_id=event_id("optional"))
        ((_, _, body),) = patches(sandbox)
        assert body["attendees"][0]["optional"] is True
        assert look(SIGNED_IN, event_id=event_id("optional")).required is False

    def test_a_comment_stays_when_none_is_given(self, sandbox):
        reply(SIGNED_IN, "declined", event_id=event_id("commented"))
        assert look(SIGNED_IN, event_id=event_id("commented")).comment == seed.THEIR_COMMENT

    def test_the_version_that_was_looked_at(self, sandbox):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"))
        (request,) = sent(sandbox)
        assert request["headers"]["If-Match"].startswith('"')

    def send_without_its_version(self, version, change=lambda: None):
        """Send a reply to an invitation that was handed on with no version, or that of another service."""

        async def observe_and_send():
            async with get_calendar_hook(SIGNED_IN).calendar() as calendar:
                client = calendar.client
                reference = EventReference(event_id=event_id("release"))
                invitation = await client.observe(reference, Scope.INSTANCE)
                change()
                return await client.send(
                    replace(invitation, version=version), Reply(status=ParticipationStatus.ACCEPTED)
                )

        return asyncio.run(observe_and_send())

    @pytest.mark.parametrize("version", [None, "of another service"])
    def test_what_comes_without_its_version_is_looked_at_again(self, sandbox, version):
        assert self.send_without_its_version(version).status is ParticipationStatus.ACCEPTED
        assert [request["operation"] for request in sandbox.requests()] == ["observe", "observe", "send"]
        assert sent(sandbox)[0]["headers"]["If-Match"].startswith('"')

    def test_what_comes_without_its_version_and_changed_is_not_answered(self, sandbox):
        def change():
            sandbox.answer("google", event_id("release"), ALICE, "declined")

        with pytest.raises(EditConflictError, match=r"was changed meanwhile; nothing was sent"):
            self.send_without_its_version(None, change)
        assert sent(sandbox) == []

    def test_a_silent_reply_mails_nobody(self, sandbox):
        outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"), notify_organizer=False)
        assert patches(sandbox)[0][1]["sendUpdates"] == "none"
        assert (outcome.result, outcome.organizer_notified) == (Result.REPLIED, False)
        assert sandbox.mail() == []

    def test_the_organizers_copy_shows_a_silent_reply_all_the_same(self, sandbox):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"), notify_organizer=False)
        row = next(row for row in sandbox.invitations() if row["event_id"] == event_id("release", BOB))
        assert row["attendees"][ALICE] == "accepted"


class TestTheAnswerShowsTheEvent:
    def test_so_it_is_not_read_back(self, sandbox):
        outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"))
        assert [request["operation"] for request in sandbox.requests()] == ["observe", "send"]
        assert (outcome.after, outcome.verified) == (ParticipationStatus.ACCEPTED, True)

    def test_a_success_that_had_no_effect_is_not_believed(self, sandbox):
        sandbox.faults([{"operation": "send", "kind": "no_effect"}])
        with pytest.raises(UnclearOutcomeError, match=r"reading back did not show it"):
            reply(SIGNED_IN, "accepted", event_id=event_id("release"), settle=0.2)

    def test_a_declined_event_stays_on_the_calendar(self, sandbox):
        reply(SIGNED_IN, "declined", event_id=event_id("release"))
        assert look(SIGNED_IN, event_id=event_id("release")).status is ParticipationStatus.DECLINED

    def test_without_verification_it_is_not_called_verified(self, sandbox):
        outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"), verify=False)
        assert (outcome.after, outcome.verified) == (None, False)


class TestComments:
    def test_an_answer_that_stands_is_sent_again_for_another_comment_only(self, sandbox):
        results = [
            reply(SIGNED_IN, "accepted", event_id=event_id("commented"), comment=comment).result
            for comment in (None, seed.THEIR_COMMENT, f" {seed.THEIR_COMMENT}\n", "I may be late")
        ]
        assert results == [Result.UNCHANGED, Result.UNCHANGED, Result.UNCHANGED, Result.REPLIED]
        assert [mail["comment"] for mail in sandbox.mail()] == ["I may be late"]

    def test_the_first_comment_is_another_one(self, sandbox):
        outcome = reply(SIGNED_IN, "accepted", event_id=event_id("accepted"), comment="Gladly")
        assert outcome.result is Result.REPLIED
        assert len(sandbox.mail()) == 1

    def test_a_comment_that_was_cut_off_is_sent_by_the_next_try(self, sandbox):
        """That the status stands says nothing of it, but the comment does."""
        operator = SetParticipationStatusOperator(
            task_id="reply",
            conn_id=SIGNED_IN,
            event_id=event_id("commented"),
            status="accepted",
            comment="I may be late",
            settle_timeout=5,
        )
        context = {"task_state_store": StateStore(), "ti": SimpleNamespace(try_number=1)}
        sandbox.faults([{"operation": "send", "kind": "cut"}])
        with pytest.raises(UnclearOutcomeError):
            operator.execute(context)

        assert operator.execute(context)["outcome"] == "replied"
        assert operator.execute(context)["outcome"] == "replied"
        assert [mail["comment"] for mail in sandbox.mail()] == ["I may be late"]


class TestProposedTimes:
    def test_are_refused_before_any_request_with_what_can_be_done(self, sandbox):
        with pytest.raises(
            UnsupportedByServiceError,
            match=r"^proposed_start: Google Calendar carries no proposed times; .*degrade=True.*comment.*link",
        ):
            reply(SIGNED_IN, "declined", event_id=event_id("release"), proposed=NEXT_WEEK)
        assert sandbox.requests() == []

    def degraded(self, conn_id=SIGNED_IN, **arguments):
        operator = SetParticipationStatusOperator(
            task_id="reply",
            **{
                "conn_id": conn_id,
                "event_id": event_id("release"),
                "status": "declined",
                "proposed_start": NEXT_WEEK[0],
                "proposed_end": NEXT_WEEK[1],
                "degrade": "True",
                **arguments,
            },
        )
        return operator.execute({"ti": SimpleNamespace(try_number=1)})

    @pytest.mark.parametrize("comment", [None, "On leave."])
    def test_go_into_the_comment_if_that_will_do(self, sandbox, comment):
        outcome = self.degraded(comment=comment)

        sentence = "Proposed new time: Fri 2039-12-02 18:00 +01:00 to Fri 2039-12-02 19:00 +01:00."
        wanted = f"{comment} {sentence}" if comment else sentence
        assert [mail["comment"] for mail in sandbox.mail()] == [wanted]
        assert outcome["reply"]["comment"] == wanted
        assert outcome["reply"]["proposed_time"] is None
        assert "carries no proposed times, so the proposed time is in the comment" in outcome["detail"]

    def test_and_stand_there_the_next_time(self, sandbox):
        self.degraded()
        again = self.degraded()
        assert again["outcome"] == "unchanged"
        assert "proposed" not in again["detail"]
        assert len(sandbox.mail()) == 1

    def test_go_out_as_such_where_the_service_carries_them(self, sandbox):
        outcome = self.degraded("msgraph_calendar_static", event_id=sandbox.event_id("graph", "release"))
        assert outcome["reply"]["proposed_time"]
        assert "proposed" not in outcome["detail"]
        assert sandbox.mail()[0]["proposed_time"]

    @pytest.mark.parametrize("conn_id", ["cronofy_default", "bitrix24_default"])
    def test_are_refused_all_the_same_where_there_are_no_comments(self, sandbox, conn_id):
        with pytest.raises(Exception, match=r"proposed_start: \w+ carries no proposed times; drop .*_end\.$"):
            self.degraded(conn_id, event_id="651")
        assert sandbox.requests() == []

    def test_must_lie_ahead_there_too(self, sandbox):
        past = pendulum.now("UTC").subtract(hours=1)
        with pytest.raises(Exception, match=r"proposed_start: .* has passed"):
            self.degraded(proposed_start=past, proposed_end=past.add(hours=1))
        assert sandbox.requests() == []


class TestAVersionThatChangedMeanwhile:
    """Nothing was done by the refused request, so that the event is looked at again."""

    def run(self, sandbox, changes, status="accepted", **arguments):
        """Answer, while before each sending the next of the changes happens to the event."""
        upcoming = iter(changes)

        async def reply_while_it_changes():
            async with get_calendar_hook(SIGNED_IN).calendar() as calendar:
                send = calendar.client.send

                async def send_after_a_change(invitation, reply):
                    next(upcoming, lambda: None)()
                    return await send(invitation, reply)

                calendar.client.send = send_after_a_change
                return await set_participation_status(
                    calendar.client,
                    EventReference(event_id=event_id("release")),
                    Reply(status=ParticipationStatus.parse(status)),
                    **arguments,
                )

        return asyncio.run(reply_while_it_changes())

    def other_answers(self, sandbox, status):
        return lambda: sandbox.answer("google", event_id("release"), CAROL, status)

    def test_is_answered_in_its_new_version(self, sandbox):
        outcome = self.run(sandbox, [self.other_answers(sandbox, "accepted")])

        assert outcome.result is Result.REPLIED
        assert [request["status"] for request in sent(sandbox)] == [412, 200]
        versions = [request["headers"]["If-Match"] for request in sent(sandbox)]
        assert versions[0] != versions[1]
        assert [mail["attendee"] for mail in sandbox.mail()] == [CAROL, ALICE]

    def test_is_not_answered_when_it_was_cancelled(self, sandbox):
        with pytest.raises(EventCancelledError):
            self.run(sandbox, [lambda: sandbox.cancel("google", event_id("release"))])
        assert [request["status"] for request in sent(sandbox)] == [412]
        assert sandbox.mail() == []

    def test_is_not_answered_again_when_the_answer_stands_by_now(self, sandbox):
        outcome = self.run(
            sandbox, [lambda: sandbox.answer("google", event_id("release"), ALICE, "accepted")]
        )
        assert (outcome.result, outcome.organizer_notified) == (Result.UNCHANGED, None)
        assert "as the event had changed, and shows it now" in outcome.detail
        assert [request["status"] for request in sent(sandbox)] == [412]
        assert len(sandbox.mail()) == 1

    def test_each_time_ends_in_an_error_that_says_so(self, sandbox):
        changes = [
            self.other_answers(sandbox, status)
            for status in ("accepted", "declined", "tentative", "accepted")
        ]
        with pytest.raises(EditConflictError, match=r"changed after it was looked at; nothing was done"):
            self.run(sandbox, changes)
        assert [request["status"] for request in sent(sandbox)] == [412] * 3
        assert {mail["attendee"] for mail in sandbox.mail()} == {CAROL}

    def test_leaves_no_note_of_a_reply_behind(self, sandbox):
        sandbox.faults([{"operation": "send", "kind": "status", "status": 412, "times": None}])
        store = StateStore()
        operator = SetParticipationStatusOperator(
            task_id="reply", conn_id=SIGNED_IN, event_id=event_id("release"), status="accepted"
        )
        with pytest.raises(EditConflictError):
            operator.execute({"task_state_store": store, "ti": SimpleNamespace(try_number=1)})
        assert task_memory({"task_state_store": store}).intent("reply") is None


class TestPreconditions:
    @pytest.mark.parametrize(
        ("slug", "error"),
        [
            ("own", OwnEventError),
            ("focus", OwnEventError),
            ("group", NotAnInvitationError),
            ("cancelled", EventCancelledError),
            ("nowhere", EventNotFoundError),
        ],
    )
    def test_each_has_its_own_error_and_nothing_is_sent(self, sandbox, slug, error):
        with pytest.raises(error) as raised:
            reply(SIGNED_IN, "accepted", event_id=event_id(slug))

        assert type(raised.value) is error
        assert len(sandbox.requests()) == 1
        assert sent(sandbox) == []

    def test_a_calendar_that_cannot_be_written_to_is_refused_by_google(self, sandbox):
        with pytest.raises(ReadOnlyCalendarError, match=r"takes the role 'writer' or 'owner'"):
            reply(SIGNED_IN, "accepted", event_id=event_id("readonly"), calendar_id=seed.OPERATIONS)
        assert sandbox.mail() == []

    def test_and_not_even_asked_for_what_a_listing_shows(self, sandbox):
        with pytest.raises(ReadOnlyCalendarError, match=r"read-only for this connection"):
            reply(SIGNED_IN, "accepted", ical_uid="readonly@sandbox.example", calendar_id=seed.OPERATIONS)
        assert sent(sandbox) == []

    def test_a_private_copy_answers_to_nobody(self, sandbox):
        shown = {**observed(sandbox, "release"), "privateCopy": True}
        sandbox.faults([{"operation": "observe", "kind": "status", "status": 200, "body": shown}])
        with pytest.raises(CannotRespondError, match=r"private copy"):
            reply(SIGNED_IN, "accepted", event_id=event_id("release"))
        assert sent(sandbox) == []

    @pytest.mark.parametrize(
        ("mailbox", "slug", "error"),
        [
            (BOB, "standup", ReadOnlyCalendarError),
            (seed.ROOM.address, "room-booking", EventNotFoundError),
            (CAROL, "planning", EventNotFoundError),
        ],
        ids=["shared for reading", "not shared", "an event of another calendar"],
    )
    def test_calendars_of_others(self, sandbox, mailbox, slug, error):
        owner = ALICE if slug == "planning" else mailbox
        with pytest.raises(error):
            reply(SIGNED_IN, "accepted", event_id=event_id(slug, owner), mailbox=mailbox)
        assert sandbox.mail() == []

    def test_a_calendar_that_is_not_there_cannot_be_listed(self, sandbox):
        with pytest.raises(MailboxNotFoundError, match=r"There is no such calendar, or it is not shared"):
            listing(SIGNED_IN, "2040-01-01T00:00:00Z", "2040-01-02T00:00:00Z", mailbox="x@workspace.example")


def observed(sandbox, slug):
    """The event as the sandbox shows it to its user."""
    import http.client
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10)
    connection.request(
        "GET",
        f"{EVENTS}/primary/events/{event_id(slug)}",
        headers={"Authorization": f"Bearer {seed.ALICE.access_token}"},
    )
    return json.loads(connection.getresponse().read())


class TestWhatGoogleAnswers:
    @pytest.mark.parametrize(
        ("fault", "error", "message"),
        [
            (refusal(400, "badRequest"), RejectedByServiceError, "HTTP 400, badRequest"),
            (refusal(400, "eventTypeRestriction"), CannotRespondError, "Events of this type take no answer"),
            (refusal(401, "authError"), CredentialsError, "not accepted"),
            (refusal(403, "forbidden"), PermissionDeniedError, r"auth/calendar\.events"),
            (
                refusal(403, "insufficientPermissions"),
                PermissionDeniedError,
                "Authorise again with the scope",
            ),
            (refusal(403, "accessNotConfigured"), PermissionDeniedError, "Enable the Google Calendar API"),
            (refusal(403, "forbiddenForServiceAccounts"), PermissionDeniedError, "domain-wide delegation"),
            (refusal(403, "forbiddenForNonOrganizer"), RejectedByServiceError, "forbiddenForNonOrganizer"),
            (refusal(403, "requiredAccessLevel"), ReadOnlyCalendarError, "the role 'writer'"),
            (refusal(403, "dailyLimitExceeded"), ThrottledError, "nothing was done"),
            (refusal(404, "notFound"), EventNotFoundError, "The id is wrong"),
            (refusal(409, "conflict"), UnclearOutcomeError, "did not show"),
            (refusal(410, "deleted"), EventNotFoundError, "The event was deleted"),
        ],
        ids=lambda value: value["body"]["error"]["errors"][0]["reason"] if isinstance(value, dict) else "",
    )
    def test_becomes_an_error_of_its_kind(self, sandbox, fault, error, message):
        sandbox.faults([{"operation": "send", **fault}])

        with pytest.raises(error, match=message) as raised:
            reply(SIGNED_IN, "accepted", event_id=event_id("release"), settle=0)

        assert type(raised.value) is error
        assert sandbox.mail() == []

    def test_the_newer_form_of_errors_is_read_too(self, sandbox):
        body = {
            "error": {
                "code": 403,
                "status": "PERMISSION_DENIED",
                "message": "Request had insufficient authentication scopes.",
                "details": [
                    {"@type": "type.googleapis.com/x", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
                    "odd",
                ],
            }
        }
        sandbox.faults([{"operation": "observe", "kind": "status", "status": 403, "body": body}])
        with pytest.raises(PermissionDeniedError, match="Authorise again with the scope"):
            reply(SIGNED_IN, "accepted", event_id=event_id("release"))


class TestQuotas:
    @pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"])
    @pytest.mark.parametrize("status", [403, 429])
    def test_are_waited_out(self, sandbox, status, reason):
        wait = {"headers": {"Retry-After": "0.05"}}
        sandbox.faults([{"operation": "send", **refusal(status, reason, **wait), "times": 2}])

        outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"))

        assert outcome.result is Result.REPLIED
        assert [request["status"] for request in sent(sandbox)] == [status, status, 200]
        assert len(sandbox.mail()) == 1

    @pytest.mark.parametrize(
        ("operation", "told"),
        [
            ("observe", "Nothing was done by this request"),
            ("send", "may have been sent all the same: the next try looks before it sends"),
        ],
    )
    def test_end_in_an_error_that_passes(self, sandbox, operation, told):
        sandbox.faults([{"operation": operation, **refusal(403, "userRateLimitExceeded"), "times": None}])
        with (
            get_calendar_hook(SIGNED_IN, throttle_timeout=0) as hook,
            pytest.raises(ThrottledError, match=told),
        ):
            hook.set_participation_status(
                EventReference(event_id=event_id("release")), Reply(status=ParticipationStatus.ACCEPTED)
            )

    @pytest.mark.parametrize(
        ("status", "body", "throttled"),
        [
            (403, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}, True),
            (403, {"error": {"details": [{"reason": "RATE_LIMIT_EXCEEDED"}]}}, True),
            (403, {"error": {"errors": [{"reason": "forbidden"}]}}, False),
            (403, {"error": {"errors": [{"reason": "dailyLimitExceeded"}]}}, False),
            (403, {"error": {"errors": [{"reason": ["rateLimitExceeded"]}, 7]}}, False),
            (403, {"error": "rateLimitExceeded"}, False),
            (403, [], False),
            (429, {}, True),
            (500, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}, False),
            (503, {"error": {"errors": [{"reason": "backendError"}]}}, False),
            (200, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}, False),
        ],
    )
    def test_are_told_from_permissions_by_the_reason(self, status, body, throttled):
        assert DIALECT.refused_for_load(Response(status, {}, json.dumps(body).encode())) is throttled

    def test_are_each_users_own(self, sandbox):
        """The sandbox counts as Google does: 600 requests a minute for each user."""
        with get_calendar_hook(DELEGATED, throttle_timeout=0) as hook:

            async def look_often():
                async with hook.calendar() as calendar:
                    reference = EventReference(event_id=event_id("standup"), mailbox=ALICE)
                    for _ in range(600):
                        await calendar.client.observe(reference, "instance")
                    with pytest.raises(ThrottledError):
                        await calendar.client.observe(reference, "instance")
                    other = EventReference(event_id=event_id("standup", BOB), mailbox=BOB)
                    return await calendar.client.observe(other, "instance")

            assert asyncio.run(look_often()).reference.mailbox == BOB


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


def test_the_link_opens_the_event(sandbox):
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"))
    assert outcome.link.startswith("https://www.google.com/calendar/event?eid=")


def test_an_answer_that_stands_is_not_sent_again(sandbox):
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("accepted"))
    assert (outcome.result, outcome.before) == (Result.UNCHANGED, ParticipationStatus.ACCEPTED)
    assert sent(sandbox) == []


def test_the_tokens_of_a_service_account_end_within_the_hour(sandbox):
    with get_calendar_hook(DELEGATED) as hook:
        worked, message = hook.test_connection()
    assert worked
    ends = message.partition("The access token expires ")[2].removesuffix(" UTC.")
    assert timedelta() < pendulum.parse(ends, tz="UTC") - pendulum.now("UTC") <= timedelta(hours=1)


@pytest.mark.airflow
def test_a_refresh_token_that_is_replaced_after_all_is_the_one_used_next(sandbox, database):
    """Google does not do so today; here the new one is another user's, which shows that it was used."""
    granted = {
        "access_token": seed.ALICE.access_token,
        "refresh_token": seed.BOB.refresh_token,
        "expires_in": 0,
    }
    sandbox.faults([{"operation": "token", "kind": "status", "status": 200, "body": granted}])
    for who in (ALICE, BOB):
        forget_grants()  # what another process starts with
        with get_calendar_hook("google_calendar_user") as hook:
            assert (
                hook.get_invitation(EventReference(event_id=event_id("standup", who))).subject
                == "Daily standup"
            )
