"""Google Calendar: what cannot be answered, what Google refuses, and its quotas."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.google_calendar import ALICE, BOB, CAROL, DELEGATED, SIGNED_IN, event_id, observed, refusal
from support.replies import listing, reply, sent

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    CredentialsError,
    EventCancelledError,
    EventNotFoundError,
    MailboxNotFoundError,
    NotAnInvitationError,
    OwnEventError,
    PermissionDeniedError,
    ReadOnlyCalendarError,
    RejectedByServiceError,
    ThrottledError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Result
from airflow_provider_rsvp.sandbox.google import seed
from airflow_provider_rsvp.services.google_calendar import DIALECT
from airflow_provider_rsvp.services.wire import Response


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
