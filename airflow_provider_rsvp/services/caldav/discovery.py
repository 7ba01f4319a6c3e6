"""Finding a user's calendars, addresses and the server's abilities from one address (RFC 6764, RFC 5397)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum, auto

from airflow_provider_rsvp.exceptions import ConfigurationError, CredentialsError, EventNotFoundError
from airflow_provider_rsvp.services.caldav import Software
from airflow_provider_rsvp.services.caldav.lines import comparable
from airflow_provider_rsvp.services.caldav.places import below_home, path_of
from airflow_provider_rsvp.services.caldav.store import Store
from airflow_provider_rsvp.services.caldav.xml import CALDAV, CALENDAR_SERVER, DAV, ResourceResponse
from airflow_provider_rsvp.services.caldav.zones import zone_of
from airflow_provider_rsvp.services.wire import reading
from airflow_provider_rsvp.times import UTC

log = logging.getLogger(__name__)

_WELL_KNOWN = "/.well-known/caldav"
_PRINCIPAL = (f"{DAV}current-user-principal",)
_PERSON = (
    f"{DAV}displayname",
    f"{CALDAV}calendar-home-set",
    f"{CALDAV}calendar-user-address-set",
)
_COLLECTION = (
    f"{DAV}displayname",
    f"{DAV}resourcetype",
    f"{DAV}current-user-privilege-set",
    f"{DAV}sync-token",
    f"{CALENDAR_SERVER}getctag",
    f"{CALDAV}supported-calendar-component-set",
    f"{CALDAV}calendar-timezone",
    f"{CALDAV}schedule-default-calendar-URL",
)
_WRITING = frozenset(f"{DAV}{name}" for name in ("all", "write", "write-content"))


class Silence(Enum):
    """How a server that sends replies itself is kept from sending one."""

    NOT_AT_ALL = auto()
    BY_HEADER = auto()
    BY_AGENT = auto()


@dataclass(frozen=True, slots=True)
class Server:
    """
    What a server can do with a reply.

    :param schedules: whether it sends replies itself, when an answer is written (RFC 6638, section 2)
    :param silence: how it is kept from doing so
    :param comments: whether the replies that it sends carry the comment
    """

    software: Software
    schedules: bool
    silence: Silence
    comments: bool

    @classmethod
    def of(cls, headers: Mapping[str, str], software: Software) -> Server:
        """Return what a server's headers say, unless the connection names the software."""
        abilities = {each.strip() for each in headers.get("dav", "").split(",")}
        if software is Software.AUTO:
            software = _software(headers, abilities)
        silence = {Software.CYRUS: Silence.BY_AGENT, Software.SABRE: Silence.BY_HEADER}
        return cls(
            software,
            schedules="calendar-auto-schedule" in abilities,
            silence=silence.get(software, Silence.NOT_AT_ALL),
            comments=software is Software.CYRUS,
        )


@dataclass(frozen=True, slots=True)
class Collection:
    """
    A calendar.

    :param calendar_id: its path below the home
    :param path: absolute, with a slash at its end
    :param zone: in which times without a zone are read
    """

    calendar_id: str
    path: str
    name: str
    read_only: bool
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Home:
    """
    A user, as the server knows them.

    :param path: of the calendar home, with a slash at its end
    :param addresses: the user's own calendar addresses, in the form in which they are compared
    :param default: the calendar that invitations are put into, where the server says so
    """

    path: str
    name: str
    addresses: frozenset[str]
    calendars: tuple[Collection, ...]
    default: Collection | None
    server: Server

    def calendar(self, calendar_id: str | None) -> Collection:
        """
        Return a calendar; without an id, the default one.

        :raises EventNotFoundError: there is none with that id
        :raises ConfigurationError: no id is given, and none is the default
        """
        if calendar_id is not None:
            wanted = below_home(calendar_id, "calendar_id")
            for each in self.calendars:
                if each.calendar_id == wanted:
                    return each
            raise EventNotFoundError(
                f"calendar_id: the server shows no calendar {calendar_id} to {self.name}; it shows: {self.names()}."
            )
        default = self.default or (self.calendars[0] if len(self.calendars) == 1 else None)
        if default is None:
            raise ConfigurationError(
                "calendar_id: the server names no default calendar. Name one in the task or in the connection; "
                f"there are: {self.names()}."
            )
        return default

    def names(self) -> str:
        """Return the calendars for a person."""
        return ", ".join(f"{each.name} ({each.calendar_id})" for each in self.calendars) or "none"

    def zone(self, calendar_id: str) -> tzinfo:
        """Return the zone in which a calendar's times without a zone are read."""
        return next((each.zone for each in self.calendars if each.calendar_id == calendar_id), UTC)


async def discover(store: Store, start: str, software: Software, addresses: Iterable[str]) -> Home:
    """
    Find a user's calendars.

    :param start: the path that the connection names; ``/`` where it names a host only
    :param addresses: the user's own addresses, which the connection names; in addition to those that the server names
    :raises ConfigurationError: there is no CalDAV at that address, or it does not say who the user is
    """
    principal = await _principal(store, start)
    what = "read who the user is"
    multistatus = await store.properties(principal, _PERSON, what)
    with reading(what):
        person = multistatus.responses[0]
        homes = person.hrefs(f"{CALDAV}calendar-home-set")
        name = person.text(f"{DAV}displayname") or principal.rstrip("/").rpartition("/")[2]
        own = {comparable(each) for each in person.hrefs(f"{CALDAV}calendar-user-address-set")}
    own |= {comparable(each if ":" in each else f"mailto:{each}") for each in addresses}
    if not homes:
        raise ConfigurationError(f"host: the server has no calendars for {name}.")
    if not any(each.startswith("mailto:") for each in own):
        raise ConfigurationError(
            "addresses: the server does not say which addresses are the user's own; name them in the connection."
        )
    what = "list the calendars"
    listed = await store.properties(homes[0], _COLLECTION, what, depth="1")
    path = path_of(homes[0], what).rstrip("/") + "/"
    server = Server.of(await store.options(path, "ask what the server can do"), software)
    with reading(what):
        calendars = tuple(_collections(listed.responses, path, what))
        default = {
            path_of(href, what).rstrip("/")
            for each in listed.responses
            for href in each.hrefs(f"{CALDAV}schedule-default-calendar-URL")
        }
    return Home(
        path,
        name,
        frozenset(own),
        calendars,
        next((each for each in calendars if each.path.rstrip("/") in default), None),
        server,
    )


async def _principal(store: Store, start: str) -> str:
    what = "find the user's calendars"
    for place in (_WELL_KNOWN, "/") if start == "/" else (start,):
        multistatus = await store.found(place, _PRINCIPAL, what)
        for each in multistatus.responses if multistatus else ():
            if each.hrefs(_PRINCIPAL[0]):
                return each.hrefs(_PRINCIPAL[0])[0]
            element = each.properties.get(_PRINCIPAL[0])
            if element is not None and element.find(f"{DAV}unauthenticated") is not None:
                raise CredentialsError(
                    f"Could not {what}: the server treats the connection as anonymous. Check the user and the password."
                )
    raise ConfigurationError(
        "host: there is no CalDAV at this address. Give the whole address of the CalDAV service, such as "
        "'https://cloud.example.com/remote.php/dav/'."
    )


def _collections(responses: Iterable[ResourceResponse], home: str, what: str) -> Iterable[Collection]:
    for response in responses:
        kind = response.properties.get(f"{DAV}resourcetype")
        path = path_of(response.href, what)
        if kind is None or kind.find(f"{CALDAV}calendar") is None or not path.startswith(home):
            continue
        components = response.properties.get(f"{CALDAV}supported-calendar-component-set")
        if components is not None and not any(
            each.get("name", "").upper() == "VEVENT" for each in components.iter(f"{CALDAV}comp")
        ):
            continue
        calendar_id = path.removeprefix(home).rstrip("/")
        zone = response.text(f"{CALDAV}calendar-timezone")
        yield Collection(
            calendar_id,
            path.rstrip("/") + "/",
            response.text(f"{DAV}displayname") or calendar_id,
            _read_only(response),
            _zone(zone, calendar_id),
        )


def _zone(text: str | None, calendar_id: str) -> tzinfo:
    """Return the zone of a calendar; an unreadable one must not hide the calendar."""
    if text is None:
        return UTC
    try:
        return zone_of(text)
    except (ValueError, LookupError, ArithmeticError):
        log.warning("The time zone of the calendar %s cannot be read; UTC is used instead.", calendar_id)
        return UTC


def _read_only(response: ResourceResponse) -> bool:
    privileges = response.properties.get(f"{DAV}current-user-privilege-set")
    return privileges is not None and not _WRITING & {each.tag for each in privileges.iter()}


def _software(headers: Mapping[str, str], abilities: set[str]) -> Software:
    if headers.get("server", "").startswith("Cyrus-HTTP/"):
        return Software.CYRUS
    if "x-sabre-version" in headers or any(each.startswith("nc-") for each in abilities):
        return Software.SABRE
    return Software.OTHER
