"""Every mistake in a policy is found when it is loaded, with the path to the wrong key."""

from __future__ import annotations

import copy

import pendulum
import pytest
from support.policy_model import BERLIN

from airflow_provider_rsvp.exceptions import InvalidInputError
from airflow_provider_rsvp.policies import (
    Action,
    AnyOf,
    Availability,
    Conflict,
    DuringLeave,
    Hours,
    LeadTime,
    Leave,
    Not,
    Organizer,
    Policy,
    PolicyError,
    ProposeSlot,
    Rule,
    SensitivityIs,
    Status,
    Subject,
)

pytestmark = pytest.mark.any_airflow


def rule(when=None, then="decline", **more):
    return {"rules": [{"name": "r", "when": {} if when is None else when, "then": then, **more}]}


def office(**availability):
    return {"rules": [], "availability": {"timezone": BERLIN, **availability}}


MISTAKES = [
    # the whole
    ([], "expected a mapping with keys of"),
    (None, "expected a mapping"),
    ({}, "'rules' is missing."),
    ({"rules": {}}, "rules: expected a list, not a mapping."),
    (
        {"rules": [], "rule": []},
        "rule: unknown key. Did you mean 'rules'? Allowed here: availability, mailboxes",
    ),
    ({"rules": [], 1: 2}, "the key 1 is not a text"),
    ({"rules": [], "my_domains": "a@b.org"}, "my_domains: 'a@b.org' is not a domain"),
    ({"rules": [], "my_domains": ["a", ""]}, "my_domains[1]: is empty."),
    ({"rules": [], "my_domains": []}, "my_domains: is an empty list."),
    # rules
    ({"rules": ["x"]}, "rules[0]: expected a mapping with keys of name, then, when, not text."),
    ({"rules": [{"name": "r", "then": "accept"}]}, "rules[0]: 'when' is missing."),
    ({"rules": [{"name": "", "when": {}, "then": "leave"}]}, "rules[0].name: is empty."),
    ({"rules": [{"name": 1, "when": {}, "then": "leave"}]}, "rules[0].name: expected text, not 1."),
    ({"rules": rule()["rules"] * 2}, "rules[1].name: rules[0] is called 'r' too."),
    (rule(els="leave"), "rules[0].els: unknown key."),
    # conditions
    (rule([]), "rules[0].when: expected a mapping"),
    (rule({"organiser": {}}), "rules[0].when.organiser: unknown key. Did you mean 'organizer'?"),
    (rule({"organizer": "a@b.org"}), "rules[0].when.organizer: expected a mapping"),
    (rule({"organizer": {}}), "rules[0].when.organizer: give address, domain or external."),
    (rule({"organizer": {"domain": "a@b.org"}}), "rules[0].when.organizer.domain: 'a@b.org' is not a domain"),
    (rule({"organizer": {"domain": ["b.org", "a@b.org"]}}), "rules[0].when.organizer.domain[1]: 'a@b.org'"),
    (rule({"organizer": {"domain": 7}}), "rules[0].when.organizer.domain: expected text or a list"),
    (rule({"organizer": {"external": "yes"}}), "rules[0].when.organizer.external: expected true or false"),
    (rule({"organizer": {"external": True}}), "rules[0].when.organizer.external: the policy does not say"),
    (
        rule({"any": [{"subject": "x"}, {"not": {"organizer": {"external": True}}}]}),
        "rules[0].when.any[1].not.organizer.external: the policy does not say",
    ),
    (rule({"subject": "("}), "rules[0].when.subject: '(' is not a regular expression"),
    (rule({"subject": ["a", "("]}), "rules[0].when.subject[1]: '(' is not a regular expression"),
    (rule({"body": []}), "rules[0].when.body: is an empty list."),
    (rule({"attendee_count": {}}), "rules[0].when.attendee_count: give min or max."),
    (
        rule({"attendee_count": {"min": 3, "max": 2}}),
        "rules[0].when.attendee_count: min 3 is more than max 2.",
    ),
    (
        rule({"attendee_count": {"min": "3"}}),
        "rules[0].when.attendee_count.min: expected a whole number, not text.",
    ),
    (
        rule({"attendee_count": {"min": -1}}),
        "rules[0].when.attendee_count.min: -1 is not a whole number from 0 on.",
    ),
    (rule({"attendee_count": {"min": True}}), "rules[0].when.attendee_count.min: expected a whole number"),
    (rule({"duration": {"min_minutes": 9, "max_minutes": 8}}), "rules[0].when.duration: min_minutes 9"),
    (rule({"duration": {"max": 8}}), "rules[0].when.duration.max: unknown key."),
    (rule({"lead_time": {}}), "rules[0].when.lead_time: give less_than or more_than."),
    (rule({"lead_time": {"less_than": 24}}), "rules[0].when.lead_time.less_than: 24 is not a length of time"),
    (
        rule({"lead_time": {"less_than": "1 day"}}),
        "rules[0].when.lead_time.less_than: '1 day' is not a length",
    ),
    (rule({"lead_time": {"more_than": "999999w"}}), "rules[0].when.lead_time.more_than: '999999w' is longer"),
    (
        rule({"lead_time": {"less_than": "1h", "more_than": "2h"}}),
        "rules[0].when.lead_time: nothing starts both",
    ),
    (rule({"required": "no"}), "rules[0].when.required: expected true or false, not text."),
    (rule({"recurring": None}), "rules[0].when.recurring: expected true or false, not nothing."),
    (
        rule({"conflict": {"percent_over": 100}}),
        "rules[0].when.conflict.percent_over: 100 is not a number from 0",
    ),
    (rule({"conflict": {"percent_over": "9"}}), "rules[0].when.conflict.percent_over: expected a number"),
    (rule({"conflict": {"instances_over": -1}}), "rules[0].when.conflict.instances_over: -1 is not"),
    (rule({"conflict": {"held": "declined"}}), "rules[0].when.conflict.held: 'declined' holds no time"),
    (rule({"conflict": {"held": "maybe"}}), "rules[0].when.conflict.held: 'maybe' is not one of"),
    (
        rule({"conflict": "yes"}),
        "rules[0].when.conflict: expected a mapping with keys of held, instances_over",
    ),
    (rule({"status": "maybe"}), "rules[0].when.status: 'maybe' is not one of 'needs-action', 'accepted'"),
    (rule({"sensitivity": "secret"}), "rules[0].when.sensitivity: 'secret' is not one of 'public'"),
    (rule({"category": ""}), "rules[0].when.category: is empty."),
    (rule({"any": []}), "rules[0].when.any: is an empty list; nothing would ever match it."),
    (rule({"all": {}}), "rules[0].when.all: expected a list, not a mapping."),
    (rule({"not": []}), "rules[0].when.not: expected a mapping"),
    (rule({"not": {"any": [{"x": 1}]}}), "rules[0].when.not.any[0].x: unknown key."),
    (rule({"outside_working_hours": True}), "rules[0].when.outside_working_hours: the policy does not say"),
    (
        {
            **rule({"during_leave": True}, "leave"),
            "availability": {"timezone": "UTC", "out_of_office": False},
        },
        "rules[0].when.during_leave: the policy names no availability.leave",
    ),
    (rule({"during_leave": True}), "rules[0].then.scope: is missing."),
    # actions
    (rule(then="reject"), "rules[0].then: 'reject' is not one of 'accept', 'tentative', 'decline', 'leave'."),
    (rule(then={}), "rules[0].then: 'action' is missing."),
    (rule(then={"action": "accepted"}), "rules[0].then.action: 'accepted' is not one of"),
    (rule(then={"action": "accept", "silent": True}), "rules[0].then.silent: unknown key."),
    (rule(then={"action": "accept", "scope": "all"}), "rules[0].then.scope: 'all' is not one of 'instance'"),
    (rule(then={"action": "accept", "comment": ""}), "rules[0].then.comment: is empty."),
    (rule(then={"action": "accept", "comment": "{{ x"}), "rules[0].then.comment: line 1: "),
    (
        rule(then={"action": "accept", "comment": "{{ event.x }}"}),
        "rules[0].then.comment: 'event' is not defined",
    ),
    (
        rule(then={"action": "accept", "comment": "{{ invitation.title }}"}),
        "rules[0].then.comment: 'invitation.title' is not defined; invitation has attendee_count,",
    ),
    (
        rule(then={"action": "accept", "comment": "{{ 1 | no }}"}),
        "rules[0].then.comment: line 1: No filter named",
    ),
    (rule(then={"action": "leave", "comment": "x"}), "rules[0].then.comment: nothing is sent with 'leave'."),
    (
        rule(then={"action": "leave", "notify_organizer": False}),
        "rules[0].then.notify_organizer: nothing is sent",
    ),
    (
        rule(then={"action": "accept", "comment": "x", "notify_organizer": False}),
        "rules[0].then.comment: a comment reaches the organizer only with",
    ),
    (rule(then={"action": "accept", "propose": {}}), "rules[0].then.propose: a proposed time goes with"),
    (
        rule(then={"action": "decline", "propose": {}, "notify_organizer": False}),
        "rules[0].then.propose: a proposed time reaches the organizer only with",
    ),
    (rule(then={"action": "decline", "propose": {}}), "rules[0].then.propose: the policy does not say"),
    (rule(then={"action": "decline", "propose": {"days": 1}}), "rules[0].then.propose.days: unknown key."),
    (
        rule(then={"action": "decline", "propose": {"within_days": 0}}),
        "rules[0].then.propose.within_days: 0 does",
    ),
    (
        rule(then={"action": "decline", "propose": {"step_minutes": 7}}),
        "rules[0].then.propose.step_minutes: 7",
    ),
    # availability
    ({"rules": [], "availability": {}}, "availability: 'timezone' is missing."),
    (
        {"rules": [], "availability": {"timezone": "Mars"}},
        "availability.timezone: 'Mars' is not a time zone.",
    ),
    (office(hours={}), "availability.hours: unknown key."),
    (office(working_hours=[]), "availability.working_hours: expected a mapping"),
    (office(working_hours={"monday": "09:00-17:00"}), "availability.working_hours.monday: is no weekday"),
    (office(working_hours={"mon": "17:00-09:00"}), "availability.working_hours.mon: 17:00-09:00 ends before"),
    (office(working_hours={"mon": "09:00-09:00"}), "availability.working_hours.mon: 09:00-09:00 ends before"),
    (
        office(working_hours={"mon": "09:00-24:01"}),
        "availability.working_hours.mon: 09:00-24:01 does not lie",
    ),
    (office(working_hours={"mon": "9-17"}), "availability.working_hours.mon: '9-17' are no hours such as"),
    (office(working_hours={"mon": 9}), "availability.working_hours.mon: expected text or a list"),
    (
        office(working_hours={"mon": ["09:00-12:00", "11:00-13:00"]}),
        "availability.working_hours.mon: 09:00-12:00 and 11:00-13:00 overlap.",
    ),
    (
        office(working_hours={"mon-fri": "09:00-12:00", "fri": "09:00-10:00"}),
        "availability.working_hours.fri: 'fri' is given twice.",
    ),
    (office(holidays=["2026-02-30"]), "availability.holidays[0]: '2026-02-30' is not a date"),
    (office(holidays=[20261224]), "availability.holidays[0]: 20261224 is not a date"),
    (office(holidays_file="nowhere.ics"), "availability.holidays_file: cannot read 'nowhere.ics'"),
    (office(leave={}), "availability.leave: expected a list"),
    (office(leave=[{"first_day": "2026-12-24"}]), "availability.leave[0]: give first_day and last_day"),
    (
        office(leave=[{"first_day": "2026-12-24", "last_day": "2026-12-23"}]),
        "availability.leave[0].last_day: 2026-12-23 is before the first day 2026-12-24.",
    ),
    (
        office(leave=[{"start": "2026-12-24T10:00:00", "end": "2026-12-24T10:00:00"}]),
        "availability.leave[0].end: 2026-12-24T10:00:00+01:00 is not after the start",
    ),
    (office(leave=[{"start": "2026-12-24", "end": "2026-12-25"}]), "availability.leave[0].start: "),
    (office(out_of_office=1), "availability.out_of_office: expected true or false, not 1."),
    ({"rules": [], "mailboxes": {"a@b.org": {}}}, "mailboxes.a@b.org: 'timezone' is missing."),
    ({**office(), "mailboxes": {"a@b.org": {"leave": 1}}}, "mailboxes.a@b.org.leave: expected a list"),
    ({**office(), "mailboxes": {"a@b.org": {}, "A@b.org": {}}}, "mailboxes.A@b.org: is given twice."),
]


@pytest.mark.parametrize(("data", "message"), MISTAKES, ids=[message[:60] for _, message in MISTAKES])
def test_a_mistake_is_named_with_its_path(data, message):
    before = copy.deepcopy(data)
    with pytest.raises(InvalidInputError) as caught:
        Policy.from_plain(data)
    assert message in str(caught.value)
    assert str(caught.value).startswith(message.partition(":")[0])
    assert data == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Organizer(), "give address"),
        (lambda: Organizer(domain=("a@b",)), "domain: 'a@b'"),
        (lambda: Subject(("(",)), "regular expression"),
        (lambda: AnyOf(()), "empty"),
        (lambda: Not("x"), "not a condition"),
        (lambda: Conflict(held=()), "held: is empty"),
        (lambda: LeadTime(less_than=pendulum.duration(seconds=5)), "less_than: "),
        (lambda: Status(("maybe",)), "'maybe'"),
        (lambda: SensitivityIs(()), "give one of"),
        (lambda: Hours(10, 9), "ends before"),
        (lambda: Leave.days(pendulum.date(2026, 1, 2), pendulum.date(2026, 1, 1)), "last_day"),
        (lambda: Leave(pendulum.date(2026, 1, 2), pendulum.now()), "two times or two dates"),
        (lambda: Leave(pendulum.naive(2026, 1, 2), pendulum.naive(2026, 1, 3)), "no time zone"),
        (lambda: Availability(timezone="Mars"), "timezone: 'Mars'"),
        (lambda: Availability(working_hours={"monday": ()}), "working_hours.monday: is no weekday"),
        (lambda: Availability(working_hours={"mon": (Hours(1, 5), Hours(4, 6))}), "overlap"),
        (lambda: Action("reject"), "action: 'reject'"),
        (lambda: Action("accept", scope="all"), "scope: 'all'"),
        (lambda: Action("accept", propose=ProposeSlot()), "propose: "),
        (lambda: ProposeSlot(step_minutes=7), "step_minutes: 7"),
        (lambda: Rule("", Status(), Action("leave")), "name: "),
        (lambda: Rule("r", "x", Action("leave")), "when: "),
        (lambda: Rule("r", Status(), "leave"), "then: "),
        (lambda: Rule("r", DuringLeave(), Action("decline")), "then.scope: is missing"),
        (lambda: Rule("r", Status(), Action("accept", "{{ x }}")), "then.comment: 'x' is not defined"),
        (lambda: Policy(rules=("x",)), "rules[0]: 'x' is not a rule"),
    ],
)
def test_a_mistake_in_python_is_found_when_it_is_made(make, message):
    with pytest.raises(PolicyError) as caught:
        make()
    assert message in str(caught.value)


class TestTexts:
    def test_yaml_and_json_are_the_same(self):
        yaml = "rules:\n  - name: r\n    when: {}\n    then: accept\n"
        assert Policy.load(yaml) == Policy.from_plain(rule(then="accept"))
        assert Policy.load('{"rules": [{"name": "r", "when": {}, "then": "accept"}]}') == Policy.load(yaml)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("rules: [\n", "policy: is neither YAML nor JSON"),
            ("{", "policy: is neither YAML nor JSON"),
            ("rules: []\nrules: []\n", "policy: the key 'rules' is given twice (in the mapping at line 1)."),
            ('{"rules": [], "rules": []}', "policy: the key 'rules' is given twice"),
            ("- a\n- b\n", "expected a mapping"),
            (
                "rules: !!python/object/apply:os.getcwd []\n\n#",
                "policy: line 1: the tag 'tag:yaml.org,2002:python",
            ),
            ("rules: []\navailability: {timezone: UTC, holidays: [2026-13-01]}\n", ""),
            ("nowhere.yaml", "policy: cannot read the file 'nowhere.yaml'"),
            ("", "policy: cannot read the file"),
        ],
    )
    def test_a_text_that_is_none(self, text, message):
        with pytest.raises(InvalidInputError) as caught:
            Policy.load(text)
        assert message in str(caught.value)


HOLIDAYS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VTIMEZONE\r
TZID:X\r
BEGIN:STANDARD\r
DTSTART:19701025T030000\r
RRULE:FREQ=YEARLY\r
END:STANDARD\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:1\r
DTSTART;VALUE=DATE:20261225\r
DTEND;VALUE=DATE:20261227\r
SUMMARY:Christ\r
 mas\r
BEGIN:VALARM\r
DTSTART;VALUE=DATE:20200101\r
END:VALARM\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;X-NOTE="a:b";VALUE=DATE:2027\r
 0101\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20270501\r
DURATION:P2D\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20270601\r
STATUS:CANCELLED\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART:20270701T100000Z\r
END:VEVENT\r
END:VCALENDAR\r
"""


class TestHolidayFiles:
    def load(self, directory, text):
        (directory / "days.ics").write_text(text, encoding="utf-8", newline="")
        file = directory / "policy.yaml"
        file.write_text(
            "rules: []\navailability:\n  timezone: UTC\n  holidays: [2026-01-01]\n  holidays_file: days.ics\n"
        )
        return Policy.load(str(file))

    @pytest.mark.parametrize(
        "change", [str, lambda text: text.replace("\r", ""), lambda text: "\ufeff" + text]
    )
    def test_its_days_are_holidays(self, tmp_path, change):
        found = self.load(tmp_path, change(HOLIDAYS)).availability.holidays
        assert sorted(map(str, found)) == [
            *("2026-01-01", "2026-12-25", "2026-12-26", "2027-01-01", "2027-05-01", "2027-05-02")
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "is not an iCalendar file"),
            ("BEGIN:VCALENDAR\nEND:VCALENDAR\n", "holds no all-day event."),
            (HOLIDAYS.replace("UID:1", "RRULE:FREQ=YEARLY"), "line 11: a recurring event (RRULE)"),
            (HOLIDAYS.replace("20261225", "20261325"), "line 12: is not a date"),
            (HOLIDAYS.replace("P2D", "P1M"), "line 26: the DURATION is not a number of days"),
            (HOLIDAYS.replace("20261227", "20361227"), "line 12: an event of 3655 days is no holiday."),
        ],
    )
    def test_what_it_cannot_say(self, tmp_path, text, message):
        with pytest.raises(InvalidInputError) as caught:
            self.load(tmp_path, text)
        assert str(caught.value).startswith("availability.holidays_file: ")
        assert message in str(caught.value)
