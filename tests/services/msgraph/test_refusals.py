"""Microsoft Graph: what cannot be answered, and what Graph refuses."""

from __future__ import annotations

import pytest
from support.msgraph import APPLICATION, NEXT_WEEK, OPERATIONS, SIGNED_IN, event_id
from support.replies import reply, sent

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
)
from airflow_provider_rsvp.model import Result
from airflow_provider_rsvp.sandbox.graph import seed


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
