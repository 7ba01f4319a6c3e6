"""Hostile rules of recurrence, and hostile iCalendar objects."""

from __future__ import annotations

from typing import Any

from hostile.corpus.case import Hostile

_CALDAV = frozenset({"caldav"})


def _rule(name: str, *lines: str, **wrote: Any) -> Hostile:
    # Of a rule that is nonsense nobody can say whether it has an instance in the window.
    return Hostile(f"rule: {name}", wrote, ics=lines, only=_CALDAV, elsewhere=True)


_MINUTES = ",".join(map(str, range(60)))
_HOURS = ",".join(map(str, range(24)))

RULES = (
    _rule(
        "30 February",
        "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        start="1970-01-01T10:00:00",
        end="1970-01-01T11:00:00",
    ),
    _rule(
        "every second since 1970",
        f"RRULE:FREQ=DAILY;BYHOUR={_HOURS};BYMINUTE={_MINUTES};BYSECOND={_MINUTES}",
        start="1970-01-01T00:00:00",
        end="1970-01-01T00:00:01",
    ),
    _rule("secondly", "RRULE:FREQ=SECONDLY", start="1970-01-01T00:00:00", end="1970-01-01T00:00:01"),
    _rule("secondly, never", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
    _rule("minutely, never on a week day", "RRULE:FREQ=MINUTELY;BYDAY=MO;BYMONTHDAY=31;BYMONTH=2"),
    _rule("yearly, a week that is none", "RRULE:FREQ=YEARLY;BYWEEKNO=60,-60;BYDAY=MO"),
    _rule("a huge interval", "RRULE:FREQ=YEARLY;INTERVAL=99999999999999999999"),
    _rule("an interval of nothing", "RRULE:FREQ=DAILY;INTERVAL=0"),
    _rule("a negative interval", "RRULE:FREQ=DAILY;INTERVAL=-1"),
    _rule("a huge count", "RRULE:FREQ=DAILY;COUNT=99999999999"),
    _rule("until before the start", "RRULE:FREQ=DAILY;UNTIL=19000101T000000Z"),
    _rule("until of another type", "RRULE:FREQ=DAILY;UNTIL=20400101"),
    _rule("since year 1", "RRULE:FREQ=DAILY", start="0001-01-01T10:00:00", end="0001-01-01T11:00:00"),
    _rule("garbage", "RRULE:FREQ=SOMETIMES;{{ 41999 + 2 }}\x1b[2J"),
    _rule("twice", "RRULE:FREQ=DAILY", "RRULE:FREQ=SECONDLY"),
    _rule(
        "nested lists",
        "RRULE:FREQ=YEARLY;BYYEARDAY="
        + ",".join(map(str, range(1, 367)))
        + f";BYHOUR={_HOURS};BYMINUTE={_MINUTES};BYSETPOS=-1",
    ),
    _rule("by set position of nothing", "RRULE:FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2;BYSETPOS=1"),
    _rule("Easter", "RRULE:FREQ=YEARLY;BYEASTER=0"),
    _rule(
        "20,000 dates",
        "RDATE:"
        + ",".join(f"2041{1 + n % 12:02}{1 + n % 28:02}T{n % 24:02}{n % 60:02}00Z" for n in range(20_000)),
    ),
    _rule(
        "20,000 exceptions",
        "RRULE:FREQ=DAILY",
        *(f"EXDATE:2041{1 + n % 12:02}{1 + n % 28:02}T{n % 24:02}{n % 60:02}00Z" for n in range(20_000)),
    ),
    _rule(
        "daily with 2,000 attendees",
        "RRULE:FREQ=HOURLY",
        start="2020-01-01T00:00:00",
        end="2020-01-01T00:30:00",
        attendees=[{"name": f"Guest {n}", "address": f"guest{n}@evil.example"} for n in range(2_000)],
    ),
    _rule("a negative duration", "DURATION:-PT5H", end=None),
    _rule("a huge duration", "DURATION:P99999999999W", end=None),
    _rule("garbage as a duration", "DURATION:forever", end=None),
    _rule(
        "days that last 100 years",
        "RRULE:FREQ=DAILY",
        "DURATION:P36500D",
        end=None,
        start="1990-01-01T00:00:00",
    ),
    _rule("no start", start=None),
    _rule("no end", end=None),
)
"""What only iCalendar lets a stranger write."""


def _object(name: str, *lines: str, elsewhere: bool = False) -> Hostile:
    calendar = "\r\n".join(lines) + "\r\n"
    return Hostile(f"object: {name}", calendar=calendar, only=_CALDAV, elsewhere=elsewhere)


_HEAD = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//evil//EN")
_EVENT = (
    "UID:hostile@evil.example",
    "DTSTAMP:20260101T000000Z",
    "DTSTART:{start}",
    "DTEND:{end}",
    "SUMMARY:Lunch",
    "ORGANIZER:mailto:mallory@evil.example",
    "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{me}",
)


def _whole(*lines: str) -> tuple[str, ...]:
    return (*_HEAD, *lines, "END:VCALENDAR")


def _event(*more: str) -> tuple[str, ...]:
    return ("BEGIN:VEVENT", *_EVENT, *more, "END:VEVENT")


def _without(name: str, *more: str) -> tuple[str, ...]:
    return ("BEGIN:VEVENT", *(each for each in _EVENT if not each.startswith(name)), *more, "END:VEVENT")


OBJECTS = (
    _object("empty", "", elsewhere=True),
    _object("not iCalendar", "<html><body>Not a calendar {{ 41999 + 2 }}</body></html>"),
    _object("no event", *_whole(), elsewhere=True),
    _object("cut off", *_HEAD, "BEGIN:VEVENT", *_EVENT),
    _object("never ends", *_HEAD, *("BEGIN:VEVENT",) * 2_000, *_EVENT),
    _object(
        "1,500 overrides",
        *_whole(
            *_event("RRULE:FREQ=DAILY"),
            *(
                line
                for n in range(1_500)
                for line in _event(
                    f"RECURRENCE-ID:20{30 + n // 336}{1 + n // 28 % 12:02}{1 + n % 28:02}T100000Z"
                )
            ),
        ),
    ),
    _object(
        "the same override 500 times",
        *_whole(*_event("RRULE:FREQ=DAILY"), *_event("RECURRENCE-ID:{next_date}T100000Z") * 500),
    ),
    _object(
        "an override of garbage", *_whole(*_event("RRULE:FREQ=DAILY"), *_event("RECURRENCE-ID:tomorrow"))
    ),
    _object(
        "folded into 100,000 lines",
        *_whole(*_event("DESCRIPTION:" + "\r\n ".join("ab" for _ in range(100_000)))),
    ),
    _object("100,000 lines", *_whole(*_event(*("X-A:b",) * 100_000))),
    _object("a line of 5,000 parameters", *_whole(*_event("X-A" + ";P=v" * 5_000 + ":b"))),
    _object("quotes that never end", *_whole(*_event('ATTENDEE;CN="Mallory:mailto:mallory@evil.example'))),
    _object(
        "a zone without rules",
        *_whole(
            "BEGIN:VTIMEZONE",
            "TZID:Empty",
            "END:VTIMEZONE",
            *_without("DT", "DTSTART;TZID=Empty:{date}T100000", "DTEND;TZID=Empty:{date}T110000"),
        ),
    ),
    _object(
        "a zone that is garbage",
        *_whole(
            "BEGIN:VTIMEZONE",
            "TZID:Odd",
            "BEGIN:STANDARD",
            "DTSTART:garbage",
            "TZOFFSETFROM:+9999",
            "TZOFFSETTO:x",
            "RRULE:FREQ=SECONDLY",
            "END:STANDARD",
            "END:VTIMEZONE",
            *_without("DT", "DTSTART;TZID=Odd:{date}T100000", "DTEND;TZID=Odd:{date}T110000"),
        ),
    ),
    _object(
        "a zone that is a rule bomb",
        *_whole(
            "BEGIN:VTIMEZONE",
            "TZID:Bomb",
            "BEGIN:STANDARD",
            "DTSTART:00010101T000000",
            "TZOFFSETFROM:+0000",
            "TZOFFSETTO:+0100",
            "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
            "END:STANDARD",
            "END:VTIMEZONE",
            *_without("DT", "DTSTART;TZID=Bomb:{date}T100000", "DTEND;TZID=Bomb:{date}T110000"),
        ),
    ),
    _object(
        "a date as start and a time as end",
        *_whole(*_without("DT", "DTSTART;VALUE=DATE:{date}", "DTEND:{date}T110000Z")),
    ),
    _object(
        "a time as start and a date as end",
        *_whole(*_without("DT", "DTSTART:{date}T100000Z", "DTEND;VALUE=DATE:{next_date}")),
    ),
    _object("two starts", *_whole(*_event("DTSTART:20410102T100000Z"))),
    _object("two UIDs", *_whole(*_event("UID:another@evil.example"))),
    _object("no UID", *_whole(*_without("UID"))),
    _object("two events with other UIDs", *_whole(*_event(), *_without("UID", "UID:another@evil.example"))),
    _object(
        "X-AIRFLOW-RSVP on my line",
        *_whole(
            *_without(
                "ATTENDEE",
                "ATTENDEE;PARTSTAT=NEEDS-ACTION;X-AIRFLOW-RSVP=sending-accepted-0123456789abcdef0123456789abcdef-00000000"
                ":mailto:{me}",
            )
        ),
    ),
    _object(
        "my line claims another status",
        *_whole(*_without("ATTENDEE", "ATTENDEE;PARTSTAT=EVIL\x1b:mailto:{me}")),
    ),
    _object("me with 500 lines", *_whole(*_event(*("ATTENDEE;PARTSTAT=DECLINED:mailto:{me}",) * 500))),
    _object(
        "an alarm that runs a program",
        *_whole(
            *_event(
                "BEGIN:VALARM", "ACTION:PROCEDURE", "TRIGGER:-PT5M", "ATTACH:file:///bin/sh", "END:VALARM"
            )
        ),
    ),
    _object(
        "an attachment of a file", *_whole(*_event("ATTACH:file:///etc/passwd", "URL:file:///etc/passwd"))
    ),
    _object("it claims to be cancelled by the METHOD", *_HEAD, "METHOD:CANCEL", *_event(), "END:VCALENDAR"),
    _object("a nested calendar", *_whole(*_HEAD, *_event(), "END:VCALENDAR")),
    _object("a raw control character", *_whole(*_event("LOCATION:a\x01\x02b"))),
    _object("markup of XML", *_whole(*_event("LOCATION:]]></C:calendar-data><evil/>"))),
    _object("encodings", *_whole(*_event("LOCATION:\ud800\udfff"))),
)
"""Whole objects that only CalDAV carries; ``{start}`` and ``{end}`` are as in any good invitation."""
