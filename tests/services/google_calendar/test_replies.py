"""Google Calendar: what a reply changes, and what comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pendulum
import pytest
from support.fault_matrix import StateStore
from support.google_calendar import ALICE, BOB, CAROL, SIGNED_IN, event_id, patches
from support.replies import look, reply, sent

from airflow_provider_rsvp.exceptions import (
    EditConflictError,
    EventCancelledError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.model import EventReference, ParticipationStatus, Reply, Result, Scope
from airflow_provider_rsvp.operators.set_participation_status import SetParticipationStatusOperator
from airflow_provider_rsvp.replying import ReplyOptions, set_participation_status
from airflow_provider_rsvp.sandbox.google import seed

NEXT_WEEK = ("2039-12-02T18:00:00+01:00", "2039-12-02T19:00:00+01:00")


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
        assert "because the event had changed, but now shows that status" in outcome.detail
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

    def test_is_answered_in_its_new_version_with_force_too(self, sandbox):
        reply(SIGNED_IN, "accepted", event_id=event_id("release"))
        outcome = self.run(
            sandbox, [self.other_answers(sandbox, "declined")], options=ReplyOptions(force=True)
        )
        assert outcome.result is Result.REPLIED
        assert [request["status"] for request in sent(sandbox)] == [200, 412, 200]
        assert [mail["status"] for mail in sandbox.mail() if mail["attendee"] == ALICE] == ["accepted"] * 2

    def test_leaves_no_note_of_a_reply_behind(self, sandbox):
        sandbox.faults([{"operation": "send", "kind": "status", "status": 412, "times": None}])
        store = StateStore()
        operator = SetParticipationStatusOperator(
            task_id="reply", conn_id=SIGNED_IN, event_id=event_id("release"), status="accepted"
        )
        with pytest.raises(EditConflictError):
            operator.execute({"task_state_store": store, "ti": SimpleNamespace(try_number=1)})
        (notes,) = store.values()
        assert notes == {"reply": {}}


def test_the_link_opens_the_event(sandbox):
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("release"))
    assert outcome.link.startswith("https://www.google.com/calendar/event?eid=")


def test_an_answer_that_stands_is_not_sent_again(sandbox):
    outcome = reply(SIGNED_IN, "accepted", event_id=event_id("accepted"))
    assert (outcome.result, outcome.before) == (Result.UNCHANGED, ParticipationStatus.ACCEPTED)
    assert sent(sandbox) == []
