"""How each service that speaks JSON spells what strangers write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pendulum
from hostile.corpus.case import ME, Hostile
from hostile.corpus.mailbox import DAYS


def writing(service: str, case: Hostile, me: str) -> Callable[[dict[str, Any]], None]:
    """Return what writes a case into an event of a service's."""

    def write(event: dict[str, Any]) -> None:
        writers = WRITERS[service]
        for name, value in case.wrote.items():
            if name in writers:
                writers[name][0](event, filled(value, me))
        for name, value in case.json.items():
            if name in writers:
                writers[name][1](event, value)

    return write


def filled(value: Any, me: str) -> Any:
    if isinstance(value, str):
        return (
            value.replace("{day}", f"{pendulum.now('UTC').add(days=DAYS):%Y-%m-%d}")
            .replace(ME, me)
            .replace("{ME}", me.upper())
        )
    if isinstance(value, list):
        return [filled(each, me) for each in value]
    if isinstance(value, dict):
        return {name: filled(each, me) for name, each in value.items()}
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


WRITERS: dict[str, dict[str, tuple[_Write, _Write]]] = {
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
