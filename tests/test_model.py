"""The vocabulary: what its values take, and how they say what they do not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_rsvp import exceptions
from airflow_provider_rsvp.exceptions import InvalidInputError, PassingError, PermanentError, RsvpError
from airflow_provider_rsvp.model import (
    Account,
    Capabilities,
    EventReference,
    Invitation,
    Outcome,
    ParticipationStatus,
    Person,
    Recurrence,
    Reply,
    Result,
    Scope,
    TimeRange,
    parse_flag,
)

pytestmark = pytest.mark.any_airflow

TEN = pendulum.datetime(2040, 1, 2, 10, tz="Europe/Berlin")
ELEVEN = TEN.add(hours=1)
HOUR = TimeRange(TEN, ELEVEN)
IDS = st.text(st.characters(min_codepoint=0x21, exclude_categories=["C", "Z"]), min_size=1, max_size=50)


def is_plain(value):
    """Whether JSON gives back the same."""
    return json.loads(json.dumps(value)) == value


class TestStatus:
    @pytest.mark.parametrize("status", ParticipationStatus)
    @pytest.mark.parametrize("write", [str, str.upper, str.title, lambda text: f" {text}\n"])
    def test_is_read_whatever_its_case(self, status, write):
        assert ParticipationStatus.parse(write(str(status))) is status

    def test_is_read_with_an_underscore_too(self):
        assert ParticipationStatus.parse("needs_action") is ParticipationStatus.NEEDS_ACTION

    @given(value=st.text() | st.none() | st.integers() | st.lists(st.text()))
    def test_anything_else_is_an_error_that_lists_what_there_is(self, value):
        if str(value).strip().lower().replace("_", "-") in list(ParticipationStatus):
            return
        with pytest.raises(InvalidInputError) as raised:
            ParticipationStatus.parse(value)
        assert str(raised.value) == (
            f"status: {value!r} is not one of 'needs-action', 'accepted', 'tentative', 'declined'."
        )

    def test_an_unknown_scope_is_an_error_that_lists_what_there_is(self):
        with pytest.raises(InvalidInputError, match=r"^scope: 'all' is not one of 'instance', 'series'\."):
            Scope.parse("all")


class TestTimeRange:
    def test_is_a_pair_of_times_or_of_dates(self):
        day = TimeRange(TEN.date(), TEN.date().add(days=1))
        assert (HOUR.all_day, day.all_day) == (False, True)
        assert day.to_plain() == {"start": "2040-01-02", "end": "2040-01-03"}
        assert HOUR.to_plain() == {"start": "2040-01-02T10:00:00+01:00", "end": "2040-01-02T11:00:00+01:00"}

    @pytest.mark.parametrize(("start", "end"), [(TEN, TEN.date()), (TEN.date(), TEN)])
    def test_is_not_one_of_each(self, start, end):
        with pytest.raises(InvalidInputError, match="two times or two dates, not one of each"):
            TimeRange(start, end)

    def test_does_not_end_before_it_starts(self):
        with pytest.raises(
            InvalidInputError, match=r"the end 2040-01-02T10.* is before the start 2040-01-02T11"
        ):
            TimeRange(ELEVEN, TEN)

    def test_is_compared_as_instants(self):
        assert TimeRange(TEN, ELEVEN.in_timezone("Asia/Tokyo")).end == ELEVEN

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_nothing_is_proposed_where_nothing_is_given(self, nothing):
        assert TimeRange.proposed(nothing, nothing) is None

    @given(
        start=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
        minutes=st.integers(-1000, 1000),
        zone=st.sampled_from(["UTC", "Asia/Kathmandu", "Tokyo Standard Time"]),
    )
    def test_a_proposed_time_has_some_length(self, start, minutes, zone):
        end = start + timedelta(minutes=minutes)
        if minutes > 0:
            proposed = TimeRange.proposed(start.isoformat(), end.isoformat(), timezone=zone)
            assert (proposed.end - proposed.start).total_minutes() == minutes
        else:
            with pytest.raises(InvalidInputError, match=r"^proposed_end: .* is not after proposed_start"):
                TimeRange.proposed(start.isoformat(), end.isoformat(), timezone=zone)


class TestReference:
    @given(event_id=IDS, mailbox=st.none() | IDS, calendar_id=st.none() | IDS)
    def test_holds_what_it_was_given_as_plain_values(self, event_id, mailbox, calendar_id):
        reference = EventReference.parse(event_id=event_id, mailbox=mailbox, calendar_id=calendar_id)
        shown = reference.to_plain()
        assert is_plain(shown)
        assert EventReference.parse(**shown) == reference
        assert event_id in str(reference)

    @given(
        uid=IDS,
        start=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    )
    def test_may_be_a_uid_and_the_start_of_an_instance(self, uid, start):
        reference = EventReference.parse(ical_uid=uid, original_start=start.isoformat())
        assert reference.original_start == start
        assert EventReference.parse(**reference.to_plain()) == reference

    @pytest.mark.parametrize("empty", [None, ""])
    def test_an_empty_mailbox_or_calendar_is_none(self, empty):
        reference = EventReference.parse(event_id="1", mailbox=empty, calendar_id=empty, original_start=empty)
        assert reference == EventReference(event_id="1")

    def test_a_whole_number_may_be_an_id(self):
        assert EventReference.parse(event_id=651).event_id == "651"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({}, "event_id: give the event's id, or ical_uid."),
            ({"event_id": ""}, "event_id: is empty."),
            ({"ical_uid": ""}, "ical_uid: is empty."),
            ({"event_id": "1", "ical_uid": "u"}, "event_id and ical_uid: give one of the two, not both."),
            ({"event_id": "a b"}, "event_id: 'a b' holds white space or control characters."),
            ({"event_id": "a\tb"}, r"event_id: 'a\tb' holds white space or control characters."),
            (
                {"event_id": "1", "mailbox": "a\nb"},
                r"mailbox: 'a\nb' holds white space or control characters.",
            ),
            ({"event_id": "1", "calendar_id": 7}, "calendar_id: expected text, not int."),
            ({"event_id": "x" * 1025}, "event_id: 1025 characters are too many for an id."),
            ({"event_id": False}, "event_id: expected text, not bool."),
        ],
    )
    def test_what_is_malformed_is_named(self, arguments, message):
        with pytest.raises(InvalidInputError) as raised:
            EventReference.parse(**arguments)
        assert str(raised.value) == message


class TestReply:
    @pytest.mark.parametrize("status", [ParticipationStatus.TENTATIVE, ParticipationStatus.DECLINED])
    def test_a_proposed_time_goes_with_tentative_and_declined(self, status):
        assert Reply(status=status, proposed_time=HOUR).proposed_time == HOUR

    @pytest.mark.parametrize("status", [ParticipationStatus.ACCEPTED, ParticipationStatus.NEEDS_ACTION])
    def test_and_with_nothing_else(self, status):
        with pytest.raises(InvalidInputError, match=f"^proposed_start: .* not with '{status}'"):
            Reply(status=status, proposed_time=HOUR)

    def test_a_proposed_time_needs_an_organizer_who_is_told(self):
        with pytest.raises(InvalidInputError, match=r"^notify_organizer: "):
            Reply(status=ParticipationStatus.DECLINED, proposed_time=HOUR, notify_organizer=False)

    def test_a_proposed_time_is_a_time_of_day(self):
        day = TimeRange(TEN.date(), TEN.date().add(days=1))
        with pytest.raises(InvalidInputError, match=r"^proposed_start: propose times of day, not dates"):
            Reply(status=ParticipationStatus.DECLINED, proposed_time=day)

    def test_a_proposed_time_lies_ahead(self):
        reply = Reply(status=ParticipationStatus.DECLINED, proposed_time=HOUR)
        reply.check_time(TEN.subtract(seconds=1))
        with pytest.raises(
            InvalidInputError, match=r"^proposed_start: 2040-01-02T10:00:00\+01:00 has passed"
        ):
            reply.check_time(TEN)

    def test_is_plain_values_outside(self):
        reply = Reply(status=ParticipationStatus.DECLINED, comment="Sorry", proposed_time=HOUR)
        assert is_plain(reply.to_plain())
        assert reply.to_plain() == {
            "status": "declined",
            "comment": "Sorry",
            "notify_organizer": True,
            "proposed_time": {"start": "2040-01-02T10:00:00+01:00", "end": "2040-01-02T11:00:00+01:00"},
        }


class TestInvitation:
    def invitation(self, **changes):
        values = {
            "reference": EventReference(event_id="1"),
            "subject": "Release",
            "time": HOUR,
            "status": ParticipationStatus.NEEDS_ACTION,
        }
        return Invitation(**{**values, **changes})

    def test_waits_for_an_answer_until_it_has_one(self):
        assert self.invitation().pending
        for status in (None, *ParticipationStatus):
            assert self.invitation(status=status).pending is (status is ParticipationStatus.NEEDS_ACTION)

    @pytest.mark.parametrize(
        "obstacle",
        [
            {"is_organizer": True},
            {"is_attendee": False},
            {"is_cancelled": True},
            {"is_draft": True},
            {"is_read_only": True},
            {"cannot_respond": "The option is off."},
        ],
    )
    def test_that_cannot_be_answered_waits_for_nothing(self, obstacle):
        assert not self.invitation(**obstacle).pending
        assert self.invitation(**obstacle).to_plain()["can_respond"] is False

    def test_is_plain_values_outside(self):
        shown = self.invitation(
            organizer=Person("o@example.com", "Olga"), recurrence=Recurrence.INSTANCE
        ).to_plain()
        assert is_plain(shown)
        assert (shown["organizer"], shown["organizer_name"]) == ("o@example.com", "Olga")
        assert (shown["status"], shown["recurrence"]) == ("needs-action", "instance")

    def test_keeps_its_version_to_itself(self):
        seen = self.invitation(version="etag")
        assert seen == self.invitation()
        assert "etag" not in f"{seen!r} {seen.to_plain()}"


def test_an_outcome_is_plain_values_outside():
    outcome = Outcome(
        result=Result.REPLIED,
        service="Cronofy",
        reference=EventReference(event_id="1", original_start=TEN),
        reply=Reply(status=ParticipationStatus.DECLINED, proposed_time=HOUR),
        before=ParticipationStatus.NEEDS_ACTION,
    )
    assert is_plain(outcome.to_plain())
    assert outcome.to_plain()["status_after"] is None


def test_capabilities_are_plain_values_outside():
    capabilities = Capabilities(
        statuses=frozenset(ParticipationStatus),
        comment=True,
        silent=True,
        proposed_time=True,
        scopes=frozenset(Scope),
        mailboxes=True,
        ical_uid=True,
        response_is_proof=True,
        batch_size=1,
    )
    assert is_plain(capabilities.to_plain())


@pytest.mark.parametrize(
    ("person", "text"),
    [
        (Person("a@example.com", "Anna"), "Anna <a@example.com>"),
        (Person("a@example.com"), "a@example.com"),
        (Person(None, "Anna"), "Anna"),
        (Person("a@example.com", "a@example.com"), "a@example.com"),
        (Person(), "unknown"),
    ],
)
def test_a_person_is_named_as_far_as_known(person, text):
    assert str(person) == text


def test_an_account_is_described_in_sentences():
    account = Account(
        who="Anna", permissions=("read", "write"), token_expires_at=TEN, notes=("Two calendars.",)
    )
    assert account.describe() == (
        "Connected as Anna. Permissions: read, write. Two calendars. The access token expires 2040-01-02 09:00 UTC."
    )


@pytest.mark.parametrize(
    ("value", "meaning"),
    [(True, True), (False, False), ("True", True), ("false", False), (" TRUE\n", True)],
)
def test_a_flag_may_be_a_rendered_text(value, meaning):
    assert parse_flag(value, "force") is meaning


@pytest.mark.parametrize("value", ["", "yes", "1", 1, 0, None, "None", []])
def test_a_flag_that_is_neither_yes_nor_no_is_named(value):
    with pytest.raises(InvalidInputError, match=r"^force: .* is neither True nor False"):
        parse_flag(value, "force")


class TestErrors:
    KINDS = tuple(kind for kind in vars(exceptions).values() if isinstance(kind, type))

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_is_permanent_or_passing(self, kind):
        assert issubclass(kind, RsvpError)
        if kind not in (RsvpError, PermanentError, PassingError):
            assert issubclass(kind, PermanentError) != issubclass(kind, PassingError)

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_is_in_the_drawn_tree(self, kind):
        assert f" {kind.__name__} " in f" {exceptions.__doc__.replace(chr(10), ' ')} "
