"""A mailbox on a CalDAV server that stores any bytes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pendulum
from hostile.corpus import caldav_server
from hostile.corpus.caldav_server import CalDAVServer
from hostile.corpus.case import ME, Hostile
from hostile.corpus.mailbox import AFTER, BEFORE, DAYS, Laid, subjects_of
from hostile.corpus.wires import filled

_PASSWORD = "corpus-caldav-password-7Kq2"


class CalDAVMailbox:
    """A mailbox of the CalDAV server."""

    service = "caldav"
    conn_id = "corpus_caldav"
    comments = True
    links = frozenset({"127.0.0.1"})

    def __init__(self, server: CalDAVServer) -> None:
        self._server = server

    def connection(self) -> dict[str, Any]:
        return {
            "conn_type": "caldav",
            "host": f"{self._server.url}/dav/",
            "login": "alice",
            "password": _PASSWORD,
            "extra": {},
        }

    def carries(self, case: Hostile) -> bool:
        if case.only and self.service not in case.only:
            return False
        return bool(case.wrote or case.ics or case.calendar is not None)

    def lay(self, cases: Sequence[Hostile]) -> Laid:
        self._server.reset()
        laid = Laid(subjects=subjects_of(cases))
        now = pendulum.now("UTC").start_of("hour")
        laid.neighbours[BEFORE] = self._put("before", _good(BEFORE, now.add(days=DAYS - 3)))
        for number, case in enumerate(cases):
            start = now.add(days=DAYS, hours=number)
            name = case.wrote.get("event_id", f"hostile-{number}")
            laid.hostile[case.name] = self._put(name, _calendar(case, start))
        laid.neighbours[AFTER] = self._put("zz-after", _good(AFTER, now.add(days=DAYS + 10)))
        return laid

    def mails(self) -> Counter[str]:
        return Counter(path.removeprefix(caldav_server.HOME) for path, _ in self._server.mail)

    def words(self) -> list[str]:
        return [comment for _, comment in self._server.mail if comment]

    def _put(self, name: str, text: str) -> str:
        return self._server.put(name, text.encode("utf-8", "surrogatepass"))


def _good(subject: str, start: pendulum.DateTime) -> str:
    return _calendar(Hostile(subject, {"subject": subject, "uid": subject.replace(" ", "-")}), start)


def _stamp(moment: pendulum.DateTime) -> str:
    return moment.format("YYYYMMDD[T]HHmmss[Z]")


def _calendar(case: Hostile, start: pendulum.DateTime) -> str:
    """Write the object; as a stranger would, and not as the standard asks."""
    me = caldav_server.ME
    if case.calendar is not None:
        parts = {
            "{start}": _stamp(start),
            "{end}": _stamp(start.add(hours=1)),
            "{date}": f"{start:%Y%m%d}",
            "{next_date}": f"{start.add(days=1):%Y%m%d}",
            ME: me,
        }
        return re.sub("|".join(map(re.escape, parts)), lambda found: parts[found[0]], case.calendar)
    wrote = {
        "subject": "Lunch",
        "uid": f"{start:%H%d}-hostile@evil.example",
        **filled(dict(case.wrote), me),
    }
    organizer = wrote.get("organizer", {"name": "Olga", "address": "olga@organizer.example"})
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//evil//EN",
        "BEGIN:VEVENT",
        f"UID:{_escaped(wrote['uid'])}",
        "DTSTAMP:20260101T000000Z",
        *_time("DTSTART", wrote, "start", start),
        *_time("DTEND", wrote, "end", start.add(hours=1)),
        f"SUMMARY:{_escaped(wrote['subject'])}",
        *(f"{name}:{_escaped(wrote[field])}" for name, field in _TEXTS.items() if field in wrote),
        *(f"CATEGORIES:{_escaped(each)}" for each in wrote.get("categories", ())),
        *([f"URL:{wrote['link']}"] if "link" in wrote else []),
        *([f"RRULE:{wrote['rule']}"] if "rule" in wrote else []),
        *([f"ORGANIZER{_named(organizer)}:mailto:{organizer['address']}"] if organizer else []),
        f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{me}",
        *(f"ATTENDEE{_named(each)}:mailto:{each['address']}" for each in wrote.get("attendees", ())),
        *case.ics,
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


_TEXTS = {"LOCATION": "location", "DESCRIPTION": "description", "COMMENT": "comment"}


def _time(name: str, wrote: Mapping[str, Any], field_name: str, usual: pendulum.DateTime) -> list[str]:
    zone, given = wrote.get("zone"), wrote.get(field_name, usual)
    if given is None:
        return []
    if given is usual:
        wall = usual.format("YYYYMMDD[T]HHmmss")
    else:
        wall = re.sub(r"[-:]", "", given) if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+", given) else given
    return [f'{name};TZID="{zone}":{wall}' if zone is not None else f"{name}:{wall}Z"]


def _escaped(text: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", text).replace("\r\n", "\n").replace("\n", "\\n")


def _named(person: Mapping[str, Any]) -> str:
    name = str(person["name"]).replace('"', "'").replace("\r\n", "\n").replace("\n", "^n")
    return f';CN="{name}"'


def _folded(line: str) -> str:
    return (
        "\r\n ".join(line[place : place + 70] for place in range(0, len(line), 70))
        if len(line) > 75
        else line
    )
