"""What is waited for: which invitations match and are new, and whether attendees have answered. No sockets."""

from __future__ import annotations

import dataclasses
import json
from datetime import date

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_rsvp.exceptions import (
    InvalidInputError,
    InvalidTriggerError,
    NotAnInvitationError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.model import (
    Attendee,
    EventReference,
    Invitation,
    ParticipationStatus,
    Person,
    TimeRange,
)
from airflow_provider_rsvp.services.client import Changes, Window
from airflow_provider_rsvp.waiting.attendees import AwaitedAnswers
from airflow_provider_rsvp.waiting.invitations import MAX_KNOWN, CalendarWatch, KnownInvitations

NOW = pendulum.now("UTC")


def watch(**changes):
    arguments = {
        "conn_id": "calendar",
        "mailbox": None,
        "calendar_id": None,
        "filter": None,
        "answered": False,
        "days": 60,
        "poll_interval": 60.0,
        "failure_timeout": 600.0,
        "request_timeout": 30.0,
        "throttle_timeout": 300.0,
    }
    return CalendarWatch(**arguments | changes)


class TestCalendarWatch:
    def test_it_is_made_again_from_plain_json(self):
        made = watch(filter={"subject": ["x"], "not": {"subject": ["y"]}}, mailbox="bob", answered=True)
        assert CalendarWatch.from_plain(json.loads(json.dumps(made.to_plain()))) == made

    @pytest.mark.parametrize(
        "plain",
        [
            None,
            [],
            {},
            {**watch().to_plain(), "calendar": "x"},
            {key: value for key, value in watch().to_plain().items() if key != "days"},
        ],
        ids=["None", "list", "empty", "unknown part", "missing part"],
    )
    def test_plain_values_of_another_shape_are_refused(self, plain):
        with pytest.raises(InvalidTriggerError, match=r"^watch: expected .*conn_id.*days"):
            CalendarWatch.from_plain(plain)

    @pytest.mark.parametrize(
        "mistake",
        [
            {"filter": {"subjekt": ["x"]}},
            {"filter": {"conflict": {}}},
            {"filter": "subject"},
            {"days": 0},
            {"days": True},
            {"days": 1.5},
            {"days": None},
            {"poll_interval": 0},
            {"poll_interval": -1.0},
            {"poll_interval": True},
            {"poll_interval": "often"},
        ],
        ids=str,
    )
    def test_mistakes_are_refused(self, mistake):
        """As a ``TypeError`` too, the only error of a stored trigger that does not end Airflow's triggerer."""
        for make in (
            lambda: watch(**mistake),
            lambda: CalendarWatch.from_plain(watch().to_plain() | mistake),
        ):
            with pytest.raises(InvalidTriggerError, match=f"^{next(iter(mistake))}") as caught:
                make()
            assert isinstance(caught.value, TypeError)

    def test_the_least_that_is_possible_is_taken(self):
        assert watch(days=1, poll_interval=0.01).days == 1

    def test_watches_that_differ_only_in_what_they_select_have_one_source(self):
        assert watch(filter={"subject": ["x"]}, answered=True).source == watch().source
        assert hash(watch(filter={"subject": ["x"]}).source) == hash(watch().source)
        others = [watch(days=3), watch(mailbox="bob"), watch(conn_id="other"), watch(calendar_id="team")]
        assert watch().source not in [each.source for each in others]

    def test_its_window_begins_with_the_day(self):
        today = NOW.start_of("day")
        assert watch(days=3).window(today) == Window(today, today.add(days=3))

    def test_it_names_the_mailbox_and_the_connection(self):
        assert str(watch()) == "the mailbox through 'calendar'"
        assert str(watch(mailbox="bob@x.example")) == "bob@x.example through 'calendar'"

    def test_it_does_not_change(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            watch().days = 3


def event(number, status="needs-action", subject="S", hour=1, **changes):
    start = NOW.add(days=1, hours=hour)
    arguments = {
        "reference": EventReference(event_id=f"e{number}"),
        "subject": subject,
        "time": TimeRange(start, start.add(hours=1)),
        "status": ParticipationStatus(status),
    }
    return Invitation(**arguments | changes)


def known(hashes=(), **changes):
    return KnownInvitations(watch(**changes), dict(hashes))


def new(known, *found, complete=True, now=NOW):
    """Return the event ids of what is new to some known invitations."""
    return [each.reference.event_id for each in known.update(Changes(found, "t", complete), now)]


class TestWhichInvitationsMatch:
    def test_those_that_the_filter_matches(self):
        found = event(1, subject="Board"), event(2, subject="Lunch")
        assert new(known(filter={"subject": ["^Board"]}), *found) == ["e1"]
        assert new(known(filter={"not": {"subject": ["^Board"]}}), *found) == ["e2"]
        assert new(known(filter={}), *found) == ["e1", "e2"]

    @pytest.mark.parametrize(
        ("found", "pending", "answered"),
        [
            (event(1), True, True),
            (event(1, "accepted"), False, True),
            (event(1, "declined"), False, True),
            (event(1, is_cancelled=True), False, True),
            (event(1, "accepted", is_organizer=True), False, False),
            (event(1, is_organizer=True), False, False),
            (event(1, "accepted", is_attendee=False), False, False),
            (event(1, is_attendee=False), False, False),
            (event(1, is_readable=False, cannot_respond="it cannot be read"), False, False),
        ],
        ids=[
            "pending",
            "accepted",
            "declined",
            "cancelled",
            "own",
            "own and pending",
            "not invited",
            "not invited and pending",
            "unreadable",
        ],
    )
    def test_pending_ones_and_if_asked_for_answered_and_cancelled_ones(self, found, pending, answered):
        assert new(known(), found) == ["e1"] * pending
        assert new(known(answered=True), found) == ["e1"] * answered

    def test_answered_ones_only_if_the_filter_matches_too(self):
        selective = known(answered=True, filter={"subject": ["^Board"]})
        assert new(selective, event(1, "accepted"), event(2, "accepted", "Board")) == ["e2"]

    def test_only_until_they_end(self):
        one = event(1)
        assert new(known(), one, now=one.time.end.subtract(seconds=1)) == ["e1"]
        assert new(known(), one, now=one.time.end) == []

    def test_all_day_ones(self):
        today = date(NOW.year, NOW.month, NOW.day)
        days = TimeRange(pendulum.date(today.year, today.month, today.day), pendulum.date(2040, 1, 1))
        assert new(known(), event(1, time=days)) == ["e1"]


class TestWhichInvitationsAreNew:
    def test_a_change_is_new_and_the_same_is_not(self):
        seen = known()
        assert new(seen, event(1)) == ["e1"]
        assert new(seen, event(1), complete=False) == []
        assert new(seen, event(1, hour=2), complete=False) == ["e1"]
        assert new(seen, event(1), complete=False) == ["e1"]

    @pytest.mark.parametrize(
        ("changes", "is_new"),
        [
            ({"subject": "T"}, True),
            ({"hour": 2}, True),
            ({"status": "tentative"}, True),
            ({"organizer": Person("paula@x.example")}, True),
            ({"organizer": None}, True),
            ({"required": False}, True),
            ({"is_cancelled": True}, True),
            ({"comment": "Running late"}, False),
            ({"body": "Agenda"}, False),
            ({"attendee_count": 7}, False),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_what_counts_as_a_change(self, changes, is_new):
        seen = known(answered=True)
        plain = {"organizer": Person("olga@x.example"), "required": True}
        assert new(seen, event(1, **plain)) == ["e1"]
        assert new(seen, event(1, **plain | changes), complete=False) == ["e1"] * is_new

    @pytest.mark.parametrize(
        "other",
        [
            EventReference(event_id="e2"),
            EventReference(event_id="e1", mailbox="bob@x.example"),
            EventReference(event_id="e1", calendar_id="team"),
            EventReference(event_id="e1", original_start=NOW.add(days=1)),
        ],
        ids=["another event", "in another mailbox", "in another calendar", "another instance"],
    )
    def test_what_tells_invitations_apart(self, other):
        seen = known()
        assert new(seen, event(1)) == ["e1"]
        assert len(new(seen, event(1), event(1, reference=other))) == 1

    def test_what_is_pending_again_is_new_again(self):
        seen = known()
        assert new(seen, event(1)) == ["e1"]
        assert new(seen, event(1, "accepted"), complete=False) == []
        assert new(seen, event(1), complete=False) == ["e1"]

    def test_one_that_is_not_among_the_changes_stays_known(self):
        seen = known()
        new(seen, event(1))
        assert new(seen, event(2), complete=False) == ["e2"]
        assert new(seen, event(1), event(2)) == []

    def test_one_that_is_gone_from_the_window_is_forgotten(self):
        seen = known()
        new(seen, event(1), event(2))
        assert new(seen, event(2)) == []
        assert len(seen.hashes) == 1
        assert new(seen, event(1), complete=False) == ["e1"]

    def test_they_are_ordered_by_start(self):
        assert new(known(), event(1, hour=3), event(2, hour=1), event(3, hour=2)) == ["e2", "e3", "e1"]

    def test_its_hashes_say_what_it_knows_and_nothing_else(self):
        seen = known()
        new(seen, event(1, subject="Secret plans"))
        stored = json.loads(json.dumps(seen.hashes))
        assert [len(part) for part in (*stored, *stored.values())] == [12, 12]
        assert new(known(stored), event(1, subject="Secret plans"), event(2)) == ["e2"]

    def test_it_does_not_change_the_hashes_it_was_given(self):
        given_hashes = {}
        new(KnownInvitations(watch(), given_hashes), event(1))
        assert given_hashes == {}

    def test_beyond_a_limit_the_oldest_are_forgotten(self):
        seen = known()
        new(seen, *(event(number) for number in range(MAX_KNOWN)))
        # The first one changes, so it is not the oldest any more.
        new(seen, event(0, subject="T"), event(MAX_KNOWN), complete=False)
        assert len(seen.hashes) == MAX_KNOWN
        assert len(json.dumps(seen.hashes)) < 64 * 1024
        assert new(seen, event(0, subject="T"), event(2), complete=False) == []
        assert new(seen, event(1), complete=False) == ["e1"]

    @given(
        st.lists(
            st.lists(
                st.builds(
                    event,
                    st.integers(0, 4),
                    st.sampled_from(["needs-action", "accepted"]),
                    st.sampled_from(["S", "T"]),
                ),
                max_size=5,
                unique_by=lambda each: each.reference.event_id,
            ),
            max_size=8,
        ),
        st.integers(0, 8),
    )
    def test_a_restart_changes_nothing(self, polls, restart):
        """Whatever comes in: one that is made again from its stored hashes finds the same to be new."""
        through, restarted = known(), known()
        for number, found in enumerate(polls):
            if number == restart:
                restarted = known(json.loads(json.dumps(restarted.hashes)))
            changes = Changes(tuple(found), None, complete=True)
            assert through.update(changes, NOW) == restarted.update(changes, NOW)

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 4), st.sampled_from(["needs-action", "accepted"]), st.sampled_from("ST")
            ),
            max_size=20,
        )
    )
    def test_what_is_pending_was_new_in_its_present_state(self, history):
        """Nothing is lost: after each change, all that is pending was returned as it is."""
        seen, now_as, returned = known(), {}, {}
        for number, status, subject in history:
            now_as[number] = event(number, status, subject)
            for each in seen.update(Changes((now_as[number],), "t", complete=False), NOW):
                returned[each.reference.event_id] = each
        for each in now_as.values():
            assert not each.pending or returned[each.reference.event_id] == each


def invitation(*answers, **changes):
    people = tuple(
        Attendee(Person(address), status and ParticipationStatus(status), required)
        for address, status, required in answers
    )
    return Invitation(
        **{
            "reference": EventReference(event_id="1"),
            "subject": "Review",
            "time": TimeRange(NOW.add(days=1), NOW.add(days=1, hours=1)),
            "status": ParticipationStatus.NEEDS_ACTION,
            "organizer": Person("olga@x.example"),
            "attendees": people,
            **changes,
        }
    )


def progress(attendees, /, *answers, quorum=None, status="accepted", now=NOW, **changes):
    awaited = AwaitedAnswers.parse(attendees, status, quorum)
    return awaited.progress(invitation(*answers, **changes), "Some service", now)


A, B, C = "a@x.example", "b@x.example", "c@x.example"


class TestAwaitedAnswers:
    def test_optional_attendees_do_not_count_as_required(self):
        assert progress("required", (A, "accepted", True), (B, "declined", False)).reached

    def test_where_the_service_does_not_say_who_is_required_all_but_the_organizer_are(self):
        people = ((A, "accepted", None), ("Olga@x.example", None, None))
        assert progress("required", *people).reached
        assert not progress("required", *people, (B, "tentative", None)).reached

    def test_the_organizer_need_not_answer_even_if_required(self):
        assert progress("required", (A, "accepted", True), ("olga@x.example", "declined", True)).reached
        without_organizer = progress("required", (A, "accepted", True), (B, None, True), organizer=None)
        assert not without_organizer.reached

    @pytest.mark.parametrize(
        ("quorum", "impossible"), [(1, None), (2, None), (3, "b@x.example declined")], ids=str
    )
    def test_a_quorum_is_lost_when_too_many_decline(self, quorum, impossible):
        people = ((A, "needs-action", True), (B, "declined", True), (C, "tentative", True))
        found = progress([A, B, C], *people, quorum=quorum)
        assert (found.reached, found.impossible) == (False, impossible)

    @pytest.mark.parametrize(("quorum", "reached"), [(1, True), (2, True), ("2", True), (3, False)], ids=str)
    def test_a_quorum_is_reached_when_as_many_have_answered(self, quorum, reached):
        people = ((A, "accepted", True), (B, "accepted", True), (C, "tentative", True))
        assert progress([A, B, C], *people, quorum=quorum).reached == reached

    @pytest.mark.parametrize("quorum", [None, ""], ids=str)
    def test_without_a_quorum_all_must_answer(self, quorum):
        assert not progress([A, B], (A, "accepted", True), (B, None, True), quorum=quorum).reached
        assert progress([A, B], (A, "accepted", True), (B, "accepted", True), quorum=quorum).reached

    def test_one_who_is_named_twice_counts_once(self):
        assert progress([A, A, B], (A, "accepted", True), (B, None, True)).detail.startswith("1 of 2 ")

    def test_a_declined_answer_may_be_what_is_awaited(self):
        found = progress(A, (A, "declined", True), status="declined")
        assert (found.reached, found.impossible) == (True, None)
        waiting = progress([A, B], (A, "declined", True), (B, None, True), status=["declined", "tentative"])
        assert (waiting.reached, waiting.impossible) == (False, None)

    def test_addresses_are_compared_without_regard_to_case(self):
        assert progress(A.upper(), (A, "accepted", True)).reached
        assert progress(A, (A.upper(), "accepted", True)).reached

    def test_the_mailbox_itself(self):
        assert not progress("me", attendees=None).reached
        accepted = invitation(status=ParticipationStatus.ACCEPTED, attendees=None)
        assert AwaitedAnswers.parse("me", "accepted").progress(accepted, "Some service", NOW).reached
        nobody = invitation(status=None)
        with pytest.raises(NotAnInvitationError, match="Some service shows no participation status"):
            AwaitedAnswers.parse("me", "accepted").progress(nobody, "Some service", NOW)

    def test_what_is_over_can_no_longer_be_answered(self):
        past = TimeRange(NOW.subtract(hours=2), NOW.subtract(hours=1))
        found = progress(A, (A, "tentative", True), time=past)
        assert (found.reached, found.impossible) == (False, "the event is over")
        assert progress(A, (A, "accepted", True), time=past).reached

    def test_it_is_over_when_it_ends(self):
        end = invitation().time.end
        assert progress(A, (A, None, True), now=end).impossible == "the event is over"
        assert progress(A, (A, None, True), now=end.subtract(seconds=1)).impossible is None

    def test_a_day_is_over_when_it_is_over_everywhere(self):
        day = TimeRange(pendulum.date(2030, 5, 1), pendulum.date(2030, 5, 2))
        over = pendulum.datetime(2030, 5, 2, 12)
        assert progress(A, (A, "tentative", True), time=day, now=over).impossible == "the event is over"
        before = over.subtract(seconds=1)
        assert progress(A, (A, "tentative", True), time=day, now=before).impossible is None

    def test_a_cancelled_event_can_no_longer_be_answered(self):
        found = progress(A, (A, "accepted", True), is_cancelled=True)
        assert (found.reached, found.impossible) == (False, "the organizer cancelled the event")

    def test_a_service_that_shows_no_answers_is_refused(self):
        with pytest.raises(UnsupportedByServiceError, match="Some service does not show"):
            progress("required", attendees=None)
        assert not progress("me", attendees=None).reached

    @pytest.mark.parametrize(
        ("attendees", "quorum", "people", "message"),
        [
            (
                B,
                None,
                [(A, "accepted", True)],
                rf"{B} not found among the attendees that Some service shows \(1\)",
            ),
            ("required", None, [("olga@x.example", "accepted", True)], "no required attendee other than"),
            ([A], 2, [(A, "accepted", True)], "2 answers are needed, but the attendees to wait for are 1"),
        ],
        ids=["stranger", "organizer alone", "too few"],
    )
    def test_people_who_are_not_there_are_refused(self, attendees, quorum, people, message):
        with pytest.raises(NotAnInvitationError, match=message):
            progress(attendees, *people, quorum=quorum)

    @pytest.mark.parametrize(
        ("attendees", "status", "quorum", "message"),
        [
            ("", "accepted", None, "attendees: expected text or a list"),
            ([], "accepted", None, "attendees: expected text or a list"),
            ([A, " "], "accepted", None, "attendees: expected text or a list"),
            ([A, 7], "accepted", None, "attendees: expected text or a list"),
            (["me", A], "accepted", None, "attendees: give 'me', 'required' or addresses"),
            (["required", "me"], "accepted", None, "attendees: give 'me', 'required' or addresses"),
            (A, "perhaps", None, "status"),
            (A, [], None, "status: expected text or a list"),
            (A, "needs-action", None, "status: 'needs-action'"),
            (A, ["accepted", "needs-action"], None, "status: 'needs-action'"),
            (A, "accepted", 0, "quorum: expected a whole number of at least 1, not 0"),
            (A, "accepted", -1, "quorum: expected a whole number of at least 1, not -1"),
            (A, "accepted", True, "quorum: expected a whole number of at least 1, not True"),
            (A, "accepted", "many", "quorum: expected a whole number of at least 1, not 'many'"),
        ],
    )
    def test_arguments_that_make_no_sense_are_refused(self, attendees, status, quorum, message):
        with pytest.raises(InvalidInputError, match=f"^{message}"):
            AwaitedAnswers.parse(attendees, status, quorum)

    def test_the_sentence_counts(self):
        found = progress([A, B], (A, "accepted", True), (B, None, True), quorum=1)
        assert found.detail == "1 of 2 attendees answered 'accepted'; 1 needed."
        either = progress([A, B], (A, "accepted", True), (B, None, True), status=["tentative", "accepted"])
        assert either.detail == "1 of 2 attendees answered 'accepted' or 'tentative'; 2 needed."
