"""
A mailbox of each service, into which hostile invitations are laid between two good ones.

The sandbox carries all services that speak JSON: it answers over a socket as always, and what it says of the hostile
events is replaced by what the stranger wrote. CalDAV is a server that stores any bytes.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from unittest import mock

import pendulum
from hostile.corpus import caldav_server
from hostile.corpus.caldav_server import CalDAVServer
from hostile.corpus.evidence import secrets_of, spellings
from hostile.corpus.invitations import CANARY_CONNECTION, CANARY_VARIABLE, ME, Hostile
from support.services import SERVICES as KNOWN

from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.sandbox.graph import ids as graph_ids
from airflow_provider_rsvp.transport.tokens import forget_grants

BEFORE, AFTER = "Neighbour before", "Neighbour after"
SERVICES = (*KNOWN, "graph-beta", "caldav")
_DAYS = 10
"""Days from now to a hostile invitation that says no other time."""


@dataclass
class Laid:
    """
    What lies in a mailbox.

    :param hostile: the event id of each hostile invitation, as the service shows it, by the name of the case
    :param subjects: what the strangers wrote as subjects, likewise
    :param neighbours: the event id of each good one, by its subject
    """

    hostile: dict[str, Any] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    neighbours: dict[str, str] = field(default_factory=dict)


class Mailbox(Protocol):
    """
    One mailbox of one service.

    :param conn_id: its connection
    :param links: the hosts to which its links may lead; None where the service makes them, and no stranger
    """

    service: str
    conn_id: str
    comments: bool
    links: frozenset[str] | None

    def connection(self) -> dict[str, Any]:
        """Return the connection, secrets and all."""

    def carries(self, case: Hostile) -> bool:
        """Return whether the service's format has room for what the stranger wrote."""

    def lay(self, cases: Sequence[Hostile]) -> Laid:
        """Put these invitations, between two good ones, into the empty mailbox."""

    def mails(self) -> Counter[str]:
        """Return how often an organizer was mailed, by event id."""

    def words(self) -> list[str]:
        """Return what organizers were written."""


@contextmanager
def mailboxes() -> Iterator[dict[str, Mailbox]]:
    """Run everything that the mailboxes need, and give one of each service."""
    with ExitStack() as running:
        sandbox = running.enter_context(
            Sandbox(bulk={"mailboxes": 1, "invitations": 1}, limits=False, cronofy_settle=0.0)
        )
        server = running.enter_context(CalDAVServer())
        boxes: list[Mailbox] = [
            *(SandboxMailbox(sandbox, service) for service in SERVICES if service != "caldav"),
            CalDAVMailbox(server),
        ]
        yield {box.service: box for box in boxes}


def _subjects(cases: Sequence[Hostile]) -> dict[str, str]:
    return {case.name: case.wrote["subject"] for case in cases if "subject" in case.wrote}


# Services that speak JSON


class SandboxMailbox:
    """A mailbox of the sandbox."""

    links = None

    def __init__(self, sandbox: Sandbox, service: str) -> None:
        self.service = service
        self._wire = service.partition("-")[0]
        self._sandbox = sandbox
        self.conn_id = f"corpus_{service.replace('-', '_')}"
        self.comments = not KNOWN[self._wire].bare
        self._rules: dict[str, Callable[[dict[str, Any]], None]] = {}

    def connection(self) -> dict[str, Any]:
        known = KNOWN[self._wire]
        connection: dict[str, Any] = copy.deepcopy(dict(self._sandbox.connections()[known.bulk_conn_id(1)]))
        if known.domain:
            connection["extra"] |= {"mailbox": known.bulk_mailbox(1)}
        if self.service == "graph-beta":
            connection["extra"] |= {"api_version": "beta"}
        return connection

    def carries(self, case: Hostile) -> bool:
        if (case.only and self.service not in case.only) or case.calendar is not None:
            return False
        return any(name in _WRITERS[self._wire] for name in (*case.wrote, *case.json))

    def lay(self, cases: Sequence[Hostile]) -> Laid:
        self._sandbox.reset()
        service = self._sandbox._server.state.services[self._wire]
        respond = service.respond

        def hostile(call: Any) -> Any:
            response = respond(call)
            response.body = self._rewritten(response.body)
            return response

        service.respond = hostile  # type: ignore[method-assign]
        self._rules, laid = {}, Laid(subjects=_subjects(cases))
        (mailbox,) = {
            row["mailbox"]
            for row in self._sandbox.invitations()
            if row["service"] == self._wire and row["slug"] == "bulk-000000"
        }
        now = pendulum.now("UTC").start_of("hour")
        before = self._invite(mailbox, BEFORE, now.add(days=_DAYS - 3))
        laid.neighbours[BEFORE] = self._names(before)[-1]
        for number, case in enumerate(cases):
            row = self._invite(mailbox, f"Hostile {number}", now.add(days=_DAYS, hours=number))
            me = next(iter(row["attendees"]))
            for name in self._names(row):
                self._rules[name] = _writing(self._wire, case, me)
            laid.hostile[case.name] = self._shown_id(case, row)
        after = self._invite(mailbox, AFTER, now.add(days=_DAYS + 10))
        laid.neighbours[AFTER] = self._names(after)[-1]
        return laid

    def mails(self) -> Counter[str]:
        return Counter(
            str(mail["event_id"]) for mail in self._sandbox.mail() if mail["service"] == self._wire
        )

    def words(self) -> list[str]:
        return [str(mail["comment"]) for mail in self._sandbox.mail() if mail["comment"]]

    def _invite(self, mailbox: object, subject: str, start: pendulum.DateTime) -> dict[str, Any]:
        return self._sandbox.invite(
            service=self._wire,
            mailbox=mailbox,
            subject=subject,
            slug=re.sub("[^a-z0-9]+", "-", subject.lower()),
            start=start.isoformat(),
        )

    def _names(self, row: Mapping[str, Any]) -> list[str]:
        """Return the ids by which the service may call an event."""
        if self._wire != "graph":
            return [str(row["event_id"])]
        return [make(row["mailbox"], row["slug"]) for make in (graph_ids.default, graph_ids.immutable)]

    def _shown_id(self, case: Hostile, row: Mapping[str, Any]) -> Any:
        for wrote in (case.json, case.wrote):
            if "event_id" in wrote and "event_id" in _WRITERS[self._wire]:
                return wrote["event_id"]
        return self._names(row)[-1]

    def _rewritten(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._rewritten(each) for each in value]
        if not isinstance(value, dict):
            return value
        made = {name: self._rewritten(each) for name, each in value.items()}
        rule = self._rules.get(str(made.get(KNOWN[self._wire].wire.id_key)))
        if rule is not None:
            rule(made)
        return made


def _writing(service: str, case: Hostile, me: str) -> Callable[[dict[str, Any]], None]:
    """Return what writes a case into an event of a service's."""

    def write(event: dict[str, Any]) -> None:
        writers = _WRITERS[service]
        for name, value in case.wrote.items():
            if name in writers:
                writers[name][0](event, _filled(value, me))
        for name, value in case.json.items():
            if name in writers:
                writers[name][1](event, value)

    return write


def _filled(value: Any, me: str) -> Any:
    if isinstance(value, str):
        return (
            value.replace("{day}", f"{pendulum.now('UTC').add(days=_DAYS):%Y-%m-%d}")
            .replace(ME, me)
            .replace("{ME}", me.upper())
        )
    if isinstance(value, list):
        return [_filled(each, me) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, me) for name, each in value.items()}
    return value


_Write = Callable[[dict[str, Any], Any], None]


def _at(*path: str) -> tuple[_Write, _Write]:
    """Write to a place that the event shows; raw values replace what is at its top."""

    def write(event: dict[str, Any], value: Any) -> None:
        place: Any = event
        for name in path[:-1]:
            place = place.get(name)
            if not isinstance(place, dict):
                return
        if path[-1] in place:
            place[path[-1]] = value

    def raw(event: dict[str, Any], value: Any) -> None:
        if path[0] in event:
            event[path[0]] = value

    return write, raw


def _adding(name: str, beside: str) -> tuple[_Write, _Write]:
    """Write a field that the sandbox leaves out, where the whole event is shown."""

    def write(event: dict[str, Any], value: Any) -> None:
        if beside in event:
            event[name] = value

    return write, write


def _each(*writers: tuple[_Write, _Write]) -> tuple[_Write, _Write]:
    def write(event: dict[str, Any], value: Any) -> None:
        for one, _ in writers:
            one(event, value)

    def raw(event: dict[str, Any], value: Any) -> None:
        for _, one in writers:
            one(event, value)

    return write, raw


def _people(name: str, person: Callable[[Mapping[str, Any]], Any]) -> tuple[_Write, _Write]:
    def write(event: dict[str, Any], value: Any) -> None:
        if name in event:
            event[name] = [*event[name], *(person(each) for each in value)]

    return write, _at(name)[1]


def _person(name: str, person: Callable[[Mapping[str, Any]], Any]) -> tuple[_Write, _Write]:
    def write(event: dict[str, Any], value: Any) -> None:
        if name in event:
            event[name] = None if value is None else person(value)

    return write, _at(name)[1]


def _graph_person(person: Mapping[str, Any]) -> dict[str, Any]:
    return {"emailAddress": {"name": person["name"], "address": person["address"]}}


def _graph_attendee(person: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "required", "status": {"response": "none"}, **_graph_person(person)}


def _graph_zone(event: dict[str, Any], value: Any) -> None:
    for name in ("start", "end"):
        if isinstance(event.get(name), dict):
            event[name] = {**event[name], "timeZone": value}
    for name in ("originalStartTimeZone", "originalEndTimeZone"):
        if name in event:
            event[name] = value


def _google_person(person: Mapping[str, Any]) -> dict[str, Any]:
    return {"email": person["address"], "displayName": person["name"]}


def _google_time(name: str) -> tuple[_Write, _Write]:
    def write(event: dict[str, Any], value: Any) -> None:
        if isinstance(event.get(name), dict):
            event[name] = {**event[name], "dateTime": f"{value}Z"}

    return write, _at(name)[1]


def _google_zone(event: dict[str, Any], value: Any) -> None:
    for name in ("start", "end"):
        if isinstance(event.get(name), dict):
            wall = re.sub(r"(Z|[+-]\d\d:\d\d)$", "", str(event[name].get("dateTime")))
            event[name] = {"dateTime": wall, "timeZone": value}


def _google_status(event: dict[str, Any], value: Any) -> None:
    for each in event.get("attendees") or ():
        if isinstance(each, dict) and each.get("self") is True:
            each["responseStatus"] = value


def _cronofy_person(person: Mapping[str, Any]) -> dict[str, Any]:
    return {"email": person["address"], "display_name": person["name"]}


def _cronofy_time(name: str) -> tuple[_Write, _Write]:
    def write(event: dict[str, Any], value: Any) -> None:
        if name in event:
            event[name] = {"time": f"{value}Z", "tzid": "Etc/UTC"}

    return write, _at(name)[1]


def _cronofy_zone(event: dict[str, Any], value: Any) -> None:
    for name in ("start", "end"):
        if name in event:
            time = event[name]["time"] if isinstance(event[name], dict) else event[name]
            event[name] = {"time": re.sub("Z$", "", str(time)), "tzid": value}


def _bitrix24_time(text: str, stamp: str) -> tuple[_Write, _Write]:
    def write(event: dict[str, Any], value: Any) -> None:
        if stamp in event:
            try:
                event[stamp] = str(int(pendulum.parse(value, tz="UTC").timestamp()))  # type: ignore[union-attr]
            except Exception:
                event[stamp] = value
            event[text] = value

    def raw(event: dict[str, Any], value: Any) -> None:
        if stamp in event:
            event[stamp] = event[text] = value

    return write, raw


def _bitrix24_person(event: dict[str, Any], value: Any) -> None:
    if isinstance(event.get("MEETING"), dict):
        person = value or {"name": None, "address": None}
        event["MEETING"] |= {"HOST_NAME": person["name"], "MAIL_FROM": person["address"]}
        if value is None:
            event["MEETING_HOST"] = ""


def _bitrix24_attendee(person: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": person["address"], "entryId": person["name"], "status": "Q"}


_WRITERS: dict[str, dict[str, tuple[_Write, _Write]]] = {
    "graph": {
        "subject": _at("subject"),
        "location": _at("location", "displayName"),
        "description": _each(_at("bodyPreview"), _at("body", "content")),
        "uid": _each(_at("iCalUId"), _at("uid")),
        "event_id": _at("id"),
        "link": _at("webLink"),
        "categories": _at("categories"),
        "zone": (_graph_zone, _graph_zone),
        "start": _at("start", "dateTime"),
        "end": _at("end", "dateTime"),
        "rule": _at("recurrence"),
        "organizer": _person("organizer", _graph_person),
        "attendees": _people("attendees", _graph_attendee),
        "status": _at("responseStatus", "response"),
    },
    "google": {
        "subject": _at("summary"),
        "location": _adding("location", "summary"),
        "description": _at("description"),
        "uid": _at("iCalUID"),
        "event_id": _at("id"),
        "link": _at("htmlLink"),
        "zone": (_google_zone, _google_zone),
        "start": _google_time("start"),
        "end": _google_time("end"),
        "rule": _adding("recurrence", "summary"),
        "organizer": _person("organizer", _google_person),
        "attendees": _people("attendees", _google_person),
        "status": (_google_status, _google_status),
    },
    "cronofy": {
        "subject": _at("summary"),
        "location": _at("location", "description"),
        "description": _at("description"),
        "event_id": _at("event_uid"),
        "link": _adding("meeting_url", "summary"),
        "categories": _at("categories"),
        "zone": (_cronofy_zone, _cronofy_zone),
        "start": _cronofy_time("start"),
        "end": _cronofy_time("end"),
        "rule": _at("recurring"),
        "organizer": _person("organizer", _cronofy_person),
        "attendees": _people("attendees", _cronofy_person),
        "status": _at("participation_status"),
    },
    "bitrix24": {
        "subject": _at("NAME"),
        "location": _at("LOCATION"),
        "description": _adding("DESCRIPTION", "NAME"),
        "uid": _at("DAV_XML_ID"),
        "event_id": _at("ID"),
        "zone": _each(_at("TZ_FROM"), _at("TZ_TO")),
        "start": _bitrix24_time("DATE_FROM", "DATE_FROM_TS_UTC"),
        "end": _bitrix24_time("DATE_TO", "DATE_TO_TS_UTC"),
        "rule": _at("RRULE"),
        "organizer": (_bitrix24_person, _at("MEETING")[1]),
        "attendees": (_people("ATTENDEE_LIST", _bitrix24_attendee)[0], _at("ATTENDEE_LIST")[1]),
        "status": _at("MEETING_STATUS"),
    },
}
"""How each service spells what strangers write: a value of the corpus's form, and any JSON in its place."""


# CalDAV

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
        laid = Laid(subjects=_subjects(cases))
        now = pendulum.now("UTC").start_of("hour")
        laid.neighbours[BEFORE] = self._put("before", _good(BEFORE, now.add(days=_DAYS - 3)))
        for number, case in enumerate(cases):
            start = now.add(days=_DAYS, hours=number)
            name = case.wrote.get("event_id", f"hostile-{number}")
            laid.hostile[case.name] = self._put(name, _calendar(case, start))
        laid.neighbours[AFTER] = self._put("zz-after", _good(AFTER, now.add(days=_DAYS + 10)))
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
        **_filled(dict(case.wrote), me),
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


CANARIES = {"password": "canary-password-5Hq8Zt", "variable": "canary-variable-9Lw2Xs"}


@contextmanager
def corpus_airflow() -> Iterator[tuple[dict[str, Mailbox], set[str]]]:
    """Run the mailboxes, with their connections and the canaries in the environment; give them and all secrets."""
    with mailboxes() as boxes, mock.patch.dict(os.environ):
        canary = {"conn_type": "http", "host": "canary.example", "password": CANARIES["password"]}
        os.environ[f"AIRFLOW_CONN_{CANARY_CONNECTION.upper()}"] = json.dumps(canary)
        os.environ[f"AIRFLOW_VAR_{CANARY_VARIABLE.upper()}"] = CANARIES["variable"]
        secrets = {spelling for each in CANARIES.values() for spelling in spellings(each)}
        for box in boxes.values():
            connection = box.connection()
            os.environ[f"AIRFLOW_CONN_{box.conn_id.upper()}"] = json.dumps(connection)
            secrets |= secrets_of(connection)
        forget_grants()
        yield boxes, secrets
