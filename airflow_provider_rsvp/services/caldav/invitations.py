"""What a calendar object says, as invitations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pendulum

from airflow_provider_rsvp.exceptions import EventNotFoundError
from airflow_provider_rsvp.model import (
    Attendee,
    EventReference,
    FreeBusy,
    Invitation,
    ParticipationStatus,
    Person,
    Recurrence,
    Scope,
    Sensitivity,
    TimeRange,
)
from airflow_provider_rsvp.services.caldav.discovery import Home
from airflow_provider_rsvp.services.caldav.edits import own_comment
from airflow_provider_rsvp.services.caldav.instances import Instance
from airflow_provider_rsvp.services.caldav.itip import person
from airflow_provider_rsvp.services.caldav.lines import ContentLine, unescaped
from airflow_provider_rsvp.services.caldav.marks import Marks
from airflow_provider_rsvp.services.caldav.objects import CalendarObject, Event, EventOccurrence
from airflow_provider_rsvp.services.caldav.places import EventId
from airflow_provider_rsvp.services.caldav.store import Resource
from airflow_provider_rsvp.services.client import Window
from airflow_provider_rsvp.services.foreign import foreign_uid
from airflow_provider_rsvp.text import LONGEST_TEXT

_MOST_CATEGORIES = 100
_LONGEST_LINK = 2_000
# Not what programs read in different ways: a backslash, a user before the host, white space.
_LINK = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(?:[/?#][!-;=?-\[\]_a-z~]*)?")
_STATUSES = {status.upper(): status for status in ParticipationStatus}
_SENSITIVITIES = {
    "PUBLIC": Sensitivity.PUBLIC,
    "PRIVATE": Sensitivity.PRIVATE,
    "CONFIDENTIAL": Sensitivity.CONFIDENTIAL,
}


@dataclass(frozen=True, slots=True)
class HeldInvitation:
    """
    An invitation with the object that says it, which a reply changes; the ``version`` of those that were observed.

    :param occurrence: which instance of a series; None for a single event or the whole series
    """

    invitation: Invitation
    resource: Resource
    object: CalendarObject
    occurrence: EventOccurrence | None


@dataclass(frozen=True, slots=True)
class InvitationReader:
    """
    Reads the objects of one user.

    :param home: the user, as the server knows them
    :param marks: by which what this package wrote is known
    :param is_own_link: whether an address lies on the configured host; a link elsewhere is not shown, because
        a stranger wrote it
    """

    home: Home
    marks: Marks
    is_own_link: Callable[[str], bool]

    def chosen(
        self, resource: Resource, event_id: EventId, reference: EventReference, scope: Scope
    ) -> HeldInvitation:
        """
        Return the event of an object that a reference means.

        :raises EventNotFoundError: the series has no such instance
        :raises ValueError: the object cannot be read
        """
        zone = self.home.zone(event_id.calendar_id)
        obj = CalendarObject.read(resource.data, zone)
        instance = event_id.instance
        if reference.original_start is not None:
            named = _instance(obj, reference.original_start)
            if instance not in (None, named):
                raise EventNotFoundError(
                    f"original_start: {reference.original_start.isoformat()} is not when the instance with this id was "
                    "first planned for. Give the id of the series, or leave original_start out."
                )
            instance = named
        first = obj.events[0]
        alone = len(obj.events) == 1 and not first.recurs
        if scope is Scope.SERIES or (instance is None and not alone):
            occurrence = None
        elif alone and instance in (None, first.instance, first.instance_at(first.wall)):
            occurrence = EventOccurrence(first.instance, first, first.time)
        else:
            assert instance is not None
            found = obj.occurrence(instance)
            if found is None:
                raise EventNotFoundError(
                    f"{reference}: there is no event that was first planned for {instance.isoformat()}."
                )
            occurrence = found
        event = occurrence.event if occurrence else obj.master or first
        time = occurrence.time if occurrence else event.time
        fields = self._fields(obj, event_id, event) | _place_of(
            event_id, event, time, occurrence, series=occurrence is None and not alone
        )
        return HeldInvitation(Invitation(**fields), resource, obj, occurrence)

    def within(self, data: bytes, path: str, window: Window) -> Iterator[Invitation]:
        """
        Return the events of an object that lie in a window.

        :param path: absolute
        :raises ValueError: the object cannot be read
        """
        event_id = EventId(path.removeprefix(self.home.path))
        zone = self.home.zone(event_id.calendar_id)
        obj = CalendarObject.read(data, zone)
        try:
            found = list(obj.within(window, zone))
        except ValueError as error:
            # A rule that cannot be read must not hide everything else in the window.
            master = obj.master or obj.events[0]
            fields = self._fields(obj, event_id, master)
            fields |= _place_of(event_id, master, master.time, None, series=True)
            fields["cannot_respond"] = f"its recurrence rule cannot be read ({error})."
            yield Invitation(**fields)
            return
        # What the instances of a series have in common is read once.
        common: dict[int, dict[str, Any]] = {}
        for occurrence in found:
            event = occurrence.event
            if event.place not in common:
                common[event.place] = self._fields(obj, event_id, event)
            place = _place_of(event_id, event, occurrence.time, occurrence, series=False)
            yield Invitation(**common[event.place], **place)

    def _fields(self, obj: CalendarObject, event_id: EventId, event: Event) -> dict[str, Any]:
        """Return what an event says whichever of its instances is meant."""
        home = self.home
        mine = self.my_lines(event)
        attendees = [line for line in event.lines if line.name == "ATTENDEE"]
        organizer = event.first("ORGANIZER")
        return {
            "subject": _text(event, "SUMMARY"),
            "status": _status(mine),
            "organizer": person(organizer),
            "is_organizer": organizer is not None and bool(organizer.addresses & home.addresses),
            "is_attendee": bool(mine) and organizer is not None,
            "is_cancelled": (event.value("STATUS") or "").upper() == "CANCELLED" or obj.method == "CANCEL",
            "is_read_only": any(
                each.read_only for each in home.calendars if each.calendar_id == event_id.calendar_id
            ),
            "cannot_respond": _cannot_respond(mine),
            "response_requested": not any((line.parameter("RSVP") or "").upper() == "FALSE" for line in mine),
            "can_propose": (event.value("X-MICROSOFT-DISALLOW-COUNTER") or "").upper() != "TRUE",
            "attendee_count": len(attendees),
            "attendees": tuple(_attendee(line) for line in attendees),
            "required": _required(mine),
            "comment": own_comment(event.lines, self.marks),
            "link": self._link(event),
            "body": _text(event, "DESCRIPTION") or None,
            "categories": tuple(islice(_categories(event), _MOST_CATEGORIES)),
            "sensitivity": _SENSITIVITIES.get((event.value("CLASS") or "").upper()),
            "free_busy": _free_busy(event),
        }

    def my_lines(self, event: Event) -> tuple[ContentLine, ...]:
        """Return the event's ``ATTENDEE`` lines that name one of the user's addresses."""
        mine = self.home.addresses
        return tuple(line for line in event.lines if line.name == "ATTENDEE" and line.addresses & mine)

    def _link(self, event: Event) -> str | None:
        address = event.value("URL") or ""
        shown = len(address) <= _LONGEST_LINK and _LINK.fullmatch(address) and self.is_own_link(address)
        return address if shown else None


def _place_of(
    event_id: EventId, event: Event, time: TimeRange, occurrence: EventOccurrence | None, *, series: bool
) -> dict[str, Any]:
    """Return what tells an instance from the others of its series."""
    instance = occurrence.instance if occurrence else None
    place = EventId(event_id.path, instance)
    return {
        "reference": EventReference(
            event_id=str(place),
            # One that is none for a reference stays in the object, and in what is mailed.
            ical_uid=foreign_uid(event.uid),
            original_start=instance if isinstance(instance, pendulum.DateTime) else None,
            calendar_id=place.calendar_id,
        ),
        "time": time,
        "recurrence": _recurrence(instance, series=series),
        "series_id": event_id.path if instance is not None else None,
    }


def _instance(obj: CalendarObject, original_start: pendulum.DateTime) -> Instance:
    """Return the instance that a start means; of an all-day series the day, by the clock that it is given in."""
    return original_start.date() if obj.events[0].zone is None else original_start.in_timezone("UTC")


def _status(mine: tuple[ContentLine, ...]) -> ParticipationStatus | None:
    """Return the one status of all my lines; None where they differ, or it is one that cannot be set here."""
    found = {(line.parameter("PARTSTAT") or "NEEDS-ACTION").upper() for line in mine}
    return _STATUSES.get(found.pop()) if len(found) == 1 else None


def _recurrence(instance: Instance | None, *, series: bool) -> Recurrence:
    if instance is not None:
        return Recurrence.INSTANCE
    return Recurrence.SERIES if series else Recurrence.SINGLE


def _cannot_respond(mine: tuple[ContentLine, ...]) -> str | None:
    if any((line.parameter("PARTSTAT") or "").upper() == "DELEGATED" for line in mine):
        return "the invitation was delegated to somebody else."
    return None


def _attendee(line: ContentLine) -> Attendee:
    return Attendee(person(line) or Person(), _status((line,)), _required((line,)))


def _required(lines: tuple[ContentLine, ...]) -> bool | None:
    """Return whether the attendee whose lines these are is needed; None where there is no line."""
    if not lines:
        return None
    return (lines[0].parameter("ROLE") or "REQ-PARTICIPANT").upper() in ("REQ-PARTICIPANT", "CHAIR")


def _text(event: Event, name: str) -> str:
    """Return a text of an event; no more of it than can be shown."""
    return unescaped((event.value(name) or "")[: 4 * LONGEST_TEXT])


def _categories(event: Event) -> Iterable[str]:
    lines = (line for line in event.lines if line.name == "CATEGORIES")
    parts = (part for line in lines for part in line.value[:LONGEST_TEXT].split(","))
    return (unescaped(part).strip() for part in parts if part.strip())


def _free_busy(event: Event) -> FreeBusy:
    if (event.value("TRANSP") or "").upper() == "TRANSPARENT":
        return FreeBusy.FREE
    return FreeBusy.TENTATIVE if (event.value("STATUS") or "").upper() == "TENTATIVE" else FreeBusy.BUSY
