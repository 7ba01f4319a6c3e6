"""
Cronofy's wire.

Sources: Cronofy API reference, ``Participation Status``, ``Read Events``, ``List Calendars``, ``UserInfo``,
``Error codes``, ``Refresh token``, ``Rate limits``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import pendulum

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    CredentialsError,
    EventNotFoundError,
    InvalidInputError,
    PermissionDeniedError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
)
from airflow_provider_rsvp.model import (
    Account,
    Attendee,
    Capabilities,
    EventReference,
    FreeBusy,
    Invitation,
    ParticipationStatus,
    Person,
    Recurrence,
    Reply,
    Scope,
    Sensitivity,
    TimeRange,
)
from airflow_provider_rsvp.services.client import CalendarClient, Changes, Sent, Window
from airflow_provider_rsvp.services.foreign import (
    Search,
    event_fields,
    foreign_id,
    foreign_texts,
    read_attendees,
    read_row,
)
from airflow_provider_rsvp.services.oauth import Grant, read_grant
from airflow_provider_rsvp.services.wire import (
    Bucket,
    Dialect,
    Exchange,
    Limits,
    Pages,
    Purpose,
    Request,
    Response,
    SlidingWindow,
    check_accepted,
    excerpt,
    expect,
    optional_text,
    reading,
    server_error,
)
from airflow_provider_rsvp.times import UTC, parse_day, parse_instant, utc_text

SERVICE = "Cronofy"
DIALECT = Dialect(SERVICE, Limits(buckets=(Bucket(2, 48.0), SlidingWindow(500, 60.0)), per_mailbox=8))
"""
50 requests a second and 500 a minute for one application (Rate limits).

The requests of a second are spread over it: of two bursts a second apart, the first may arrive late and be counted
with the second.
"""

CAPABILITIES = Capabilities(
    statuses=frozenset(
        {ParticipationStatus.ACCEPTED, ParticipationStatus.TENTATIVE, ParticipationStatus.DECLINED}
    ),
    comment=False,
    silent=False,
    proposed_time=False,
    scopes=frozenset({Scope.INSTANCE}),
    mailboxes=False,
    ical_uid=False,
    response_is_proof=False,
    batch_size=1,
)

DATA_CENTERS: Mapping[str, str] = {
    "us": "https://api.cronofy.com",
    "au": "https://api-au.cronofy.com",
    "ca": "https://api-ca.cronofy.com",
    "de": "https://api-de.cronofy.com",
    "sg": "https://api-sg.cronofy.com",
    "uk": "https://api-uk.cronofy.com",
}
"""The API of each data center, by the name under which a connection chooses it."""

REQUIRED_SCOPE = "change_participation_status"

_STATUSES = {
    "needs_action": ParticipationStatus.NEEDS_ACTION,
    "accepted": ParticipationStatus.ACCEPTED,
    "tentative": ParticipationStatus.TENTATIVE,
    "declined": ParticipationStatus.DECLINED,
}
_FREE_BUSY = {"transparent": FreeBusy.FREE, "opaque": FreeBusy.BUSY}
_EXTERNAL = "evt_external"
_FIRST_DAY_BACK = 42
_LAST_DAY_AHEAD = 201
_MINUTES_OF_OVERLAP = 5
_TOKEN_ADVICE = {
    "invalid_grant": (
        "The refresh token was revoked or used up: authorise the account again and put the new refresh "
        "token into the connection."
    ),
    "invalid_client": "Check the client id, the client secret and the data center.",
    "": "Check the client id, the client secret and the refresh token in the connection.",
}


class CronofyCalendar(CalendarClient):
    """
    The calendars of one Cronofy account.

    :param exchange: carries requests to the API of the account's data center
    :param calendar_id: which calendar, where a reference names none; None searches all of them
    """

    service = SERVICE
    capabilities = CAPABILITIES

    def __init__(self, exchange: Exchange, *, calendar_id: str | None = None) -> None:
        self._exchange = exchange
        self.calendar_id = calendar_id
        self._calendars: dict[str, dict[str, Any]] | None = None

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """Check that the event is one that was synced from a calendar; only those take an answer."""
        event_uid = str(reference.event_id)
        if event_uid.startswith("evt_partner"):
            raise InvalidInputError(
                f"event_id: {event_uid} is an event that the application itself created. Cronofy takes replies "
                f"only to events synced from a calendar, whose ids start with '{_EXTERNAL}'; the invitees' "
                "copies of your event are such events in their calendars."
            )
        if not event_uid.startswith(_EXTERNAL):
            raise InvalidInputError(
                f"event_id: {event_uid!r} is not a Cronofy event uid; those of synced events start with "
                f"'{_EXTERNAL}'."
            )

    def identity(self, invitation: Invitation) -> str:
        """Return the calendar, the event's id, which its copies on other calendars share, and the instance's start."""
        return f"{invitation.reference.calendar_id} {self.turn_of(invitation.reference)}"

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """
        Find one event among those of the account: there is no request for a single one.

        The whole readable range is searched, unless the reference says when the event starts.
        """
        what = f"read {reference}"
        calendars = await self._known_calendars()
        calendar_id = reference.calendar_id or self.calendar_id
        if calendar_id is not None:
            _check_known(calendar_id, calendars)
        found: list[Invitation] = []
        deleted = False
        others, mine = Search(what), Search(what)
        async for row in self._events(_search_query(reference, calendar_id), what):
            with others.passing_over():
                if _event_uid(row, what) != reference.event_id:
                    continue
                with mine.passing_over():
                    event = event_fields(row, what)
                    if event.get("deleted") is True:
                        deleted = True
                        continue
                    invitation = self._invitation(event, calendars, what)
                    start = invitation.time.start
                    if reference.original_start is not None:
                        if _same_start(start, reference.original_start):
                            return invitation
                        continue
                    found.append(invitation)
                    if invitation.recurrence is Recurrence.SINGLE and calendar_id is not None:
                        return invitation
        if mine.problem is not None:
            raise mine.problem
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidInputError(
                f"original_start: {len(found)} events have the id {reference.event_id}. Say which one with "
                "original_start (its start), or with calendar_id if they are copies in several calendars."
            )
        raise others.not_found(
            EventNotFoundError(
                f"Cronofy shows no {reference}"
                + (" any more: it was deleted." if deleted else ".")
                + " The id is wrong, lies outside the readable days, or the event was declined on Exchange, "
                "which deletes it."
            )
        )

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Find the event again among those around its start."""
        reference, start = invitation.reference, invitation.time.start
        what = f"read back {reference}"
        with reading(what):
            query = [
                ("tzid", "Etc/UTC"),
                ("include_deleted", "true"),
                ("from", start.subtract(days=1).format("YYYY-MM-DD")),
                ("to", start.add(days=2).format("YYYY-MM-DD")),
                ("calendar_ids[]", str(reference.calendar_id)),
            ]
        gone = EventNotFoundError(f"Cronofy shows no {reference} any more.")
        search = Search(what)
        async for row in self._events(query, what):
            with search.passing_over():
                if _event_uid(row, what) == reference.event_id:
                    event = event_fields(row, what)
                    if _time_range(event).start != start:
                        continue
                    if event.get("deleted") is True:
                        raise gone
                    return _STATUSES.get(str(event.get("participation_status")))
        raise search.not_found(gone)

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Ask for the status; a 202 means that it will be set, not that it was."""
        reference = invitation.reference
        calendar, event = (quote(str(part), safe="") for part in (reference.calendar_id, reference.event_id))
        request = Request(
            what=f"set {reference} to {reply.status}",
            method="POST",
            url=f"v1/calendars/{calendar}/events/{event}/participation_status",
            purpose=Purpose.SEND,
            json={"status": str(reply.status)},
        )
        response = await self._exchange.send(request)
        if not response.ok:
            raise _error(request, response)
        check_accepted(SERVICE, request, response)
        return Sent(organizer_notified=True)

    async def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        """Read the events of a window to the last page; instances of a series come one by one."""
        async for invitation in self._window(window, calendar_id, (), "list the events"):
            yield invitation

    async def changes(
        self,
        window: Window,
        since: str | None,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
    ) -> Changes:
        """
        Read the events of a window that were changed since a time (``last_modified``); without one, all of them.

        Changes near that time may come twice, because clocks differ and Cronofy syncs with a delay.

        :param since: when an earlier call began, ISO 8601
        """
        what = "read the changes"
        begun = utc_text(pendulum.now(UTC).subtract(minutes=_MINUTES_OF_OVERLAP))
        modified = (("last_modified", since),) if since is not None else ()
        found = [each async for each in self._window(window, calendar_id, modified, what)]
        return Changes(tuple(found), begun, complete=since is None)

    async def account(self) -> Account:
        """Read whose account the token opens and which of its calendars can be answered from."""
        what = "read the account"
        request = _get("v1/userinfo", (), what)
        response = await self._exchange.send(request)
        if not response.ok:
            raise _error(request, response)
        body = response.json_object(what)
        with reading(what):
            details = body.get("cronofy.data") or {}
            scopes = str((details.get("authorization") or {}).get("scope") or "").split()
            who = str(Person(body.get("email"), body.get("name") or body.get("sub")))
        calendars = list((await self._known_calendars()).values())
        writable = [calendar for calendar in calendars if calendar.get("calendar_readonly") is not True]
        names = ", ".join(
            f"{calendar.get('calendar_name')} ({calendar['calendar_id']})" for calendar in writable
        )
        notes = [
            f"{len(writable)} of {len(calendars)} calendars can be answered from: {names}."
            if writable
            else "None of its calendars can be answered from: all are read-only."
        ]
        if scopes and REQUIRED_SCOPE not in scopes:
            notes.append(f"The scope {REQUIRED_SCOPE} is missing: authorise the account again with it.")
        return Account(who=who, permissions=tuple(scopes), notes=tuple(notes))

    async def _window(
        self, window: Window, calendar_id: str | None, narrowed: tuple[tuple[str, str], ...], what: str
    ) -> AsyncIterator[Invitation]:
        calendars = await self._known_calendars()
        query = [
            ("tzid", "Etc/UTC"),
            ("from", utc_text(window.start)),
            ("to", utc_text(window.end)),
            *narrowed,
        ]
        calendar = calendar_id or self.calendar_id
        if calendar is not None:
            _check_known(calendar, calendars)
            query.append(("calendar_ids[]", calendar))
        async for row in self._events(query, what):
            yield read_row(
                row,
                lambda event: self._invitation(event, calendars, what),
                what=what,
                window=window,
                id_field="event_uid",
                subject_field="summary",
                calendar_id=foreign_id(row.get("calendar_id")) if isinstance(row, dict) else None,
            )

    async def _known_calendars(self) -> dict[str, dict[str, Any]]:
        if self._calendars is None:
            what = "list the calendars"
            request = _get("v1/calendars", (), what)
            response = await self._exchange.send(request)
            if not response.ok:
                raise _error(request, response)
            body = response.json_object(what)
            with reading(what):
                self._calendars = {
                    str(calendar["calendar_id"]): expect(calendar, dict, what, "a calendar")
                    for calendar in body["calendars"]
                }
        return self._calendars

    async def _events(self, query: list[tuple[str, str]], what: str) -> AsyncIterator[object]:
        request = _get("v1/events", query, what)
        pages = Pages(what)
        while True:
            response = await self._exchange.send(request)
            if not response.ok:
                raise _error(request, response)
            body = response.json_object(what)
            with reading(what):
                events = pages.read(body["events"])
                link = (body.get("pages") or {}).get("next_page")
            for row in events:
                yield row
            if not link:
                return
            request = _get(pages.following(link), (), what)

    def _invitation(
        self, event: dict[str, Any], calendars: Mapping[str, dict[str, Any]], what: str
    ) -> Invitation:
        calendar_id = expect(event["calendar_id"], str, what, "a text 'calendar_id'")
        calendar = calendars.get(calendar_id, {})
        organizer = event.get("organizer") or {}
        person = Person(optional_text(organizer, "email"), optional_text(organizer, "display_name"))
        attendees = expect(event.get("attendees") or [], list, what, "a list 'attendees'")
        recurring = event.get("recurring") is True
        time = _time_range(event)
        return Invitation(
            reference=EventReference(
                event_id=_event_uid(event, what),
                original_start=time.start
                if recurring and isinstance(time.start, pendulum.DateTime)
                else None,
                calendar_id=calendar_id,
            ),
            subject=optional_text(event, "summary") or "",
            time=time,
            status=_STATUSES.get(str(event.get("participation_status"))),
            organizer=person if person.address or person.name else None,
            recurrence=Recurrence.INSTANCE if recurring else Recurrence.SINGLE,
            series_id=foreign_id(event.get("series_identifier")),
            is_organizer=_same_address(person.address, calendar.get("profile_name")),
            is_cancelled=event.get("status") == "cancelled",
            is_read_only=calendar.get("calendar_readonly") is True,
            cannot_respond=_cannot_respond(event),
            attendee_count=len(attendees),
            link=_link(calendar, time),
            body=optional_text(event, "description"),
            categories=foreign_texts(event.get("categories")),
            sensitivity=Sensitivity.PRIVATE if event.get("event_private") is True else None,
            free_busy=_FREE_BUSY.get(str(event.get("transparency"))),
            attendees=read_attendees(attendees, _attendee),
        )


def refresh_request(client_id: str, client_secret: str, refresh_token: str) -> Request:
    """Return the request for a new access token (Refresh token)."""
    return Request(
        what="get an access token",
        method="POST",
        url="oauth/token",
        purpose=Purpose.TOKEN,
        json={
            "client_id": client_id,
            "client_secret": client_secret,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        },
    )


def read_token(request: Request, response: Response) -> Grant:
    """Return what was granted."""
    return read_grant(SERVICE, request, response, advice=_TOKEN_ADVICE)


def _get(url: str, query: list[tuple[str, str]] | tuple[()], what: str) -> Request:
    return Request(what=what, method="GET", url=url, purpose=Purpose.READ, query=tuple(query))


def _check_known(calendar_id: str, calendars: Mapping[str, Any]) -> None:
    if calendar_id not in calendars:
        raise EventNotFoundError(
            f"calendar_id: Cronofy knows no calendar {calendar_id} in this account. "
            "The connection's Test button names those that can be answered from."
        )


def _search_query(reference: EventReference, calendar_id: str | None) -> list[tuple[str, str]]:
    query = [("tzid", "Etc/UTC"), ("include_deleted", "true")]
    if reference.original_start is not None:
        start = reference.original_start.in_timezone(UTC)
        query += [("from", utc_text(start.subtract(days=1))), ("to", utc_text(start.add(days=2)))]
    else:
        today = pendulum.today(UTC)
        query += [
            ("from", today.subtract(days=_FIRST_DAY_BACK - 1).to_date_string()),
            ("to", today.add(days=_LAST_DAY_AHEAD).to_date_string()),
        ]
    if calendar_id is not None:
        query.append(("calendar_ids[]", calendar_id))
    return query


def _event_uid(row: object, what: str) -> str:
    event_uid: str = expect(event_fields(row, what).get("event_uid"), str, what, "a text 'event_uid'")
    return event_uid


def _time_range(event: dict[str, Any]) -> TimeRange:
    return TimeRange(_time(event["start"], "start"), _time(event["end"], "end"))


def _time(value: Any, field: str) -> pendulum.DateTime | pendulum.Date:
    zone = "UTC"
    if isinstance(value, dict):
        zone, value = value.get("tzid", "UTC"), value["time"]
    if len(value) == len("2026-01-05"):
        return parse_day(value, field=field)
    return parse_instant(value, field=field, timezone=zone)


def _same_start(start: pendulum.DateTime | pendulum.Date, original_start: pendulum.DateTime) -> bool:
    if isinstance(start, pendulum.DateTime):
        return bool(start == original_start)
    return start == original_start.date()


def _same_address(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str) and one.casefold() == other.casefold()


def _attendee(value: Any) -> Attendee:
    fields = value if isinstance(value, dict) else {}
    person = Person(optional_text(fields, "email"), optional_text(fields, "display_name"))
    return Attendee(person, _STATUSES.get(str(fields.get("status"))))


def _cannot_respond(event: dict[str, Any]) -> str | None:
    options = event.get("options") or {}
    if options.get("change_participation_status") is True:
        return None
    return (
        "Cronofy's option 'change_participation_status' is off for this event: the calendar takes no answer "
        "to it, or the account was connected without that scope."
    )


def _link(calendar: dict[str, Any], time: TimeRange) -> str | None:
    """Return the address of the day in the calendar's own page; Cronofy gives none for the event itself."""
    if calendar.get("provider_name") != "google":
        return None
    return f"https://calendar.google.com/calendar/r/day/{time.start.year}/{time.start.month}/{time.start.day}"


def _error(request: Request, response: Response) -> RsvpError:
    """Return the error that a response stands for (Error codes)."""
    said = f"HTTP {response.status}"
    body = response.json_or_none()
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, dict):
        said += f", {excerpt('; '.join(_described(errors)))}"
    could_not = f"Could not {request.what}: Cronofy says {said}"
    failed = server_error(SERVICE, request, response, said)
    if failed is not None:
        return failed
    match response.status:
        case 401:
            return CredentialsError(
                f"{could_not}. The access token is not accepted. Cronofy's access tokens last an hour: use a "
                "refresh token in the connection, and check the data center."
            )
        case 402:
            return PermissionDeniedError(f"{could_not}. The Cronofy plan does not include this.")
        case 403:
            return PermissionDeniedError(
                f"{could_not}. The account must be authorised again with the scope {REQUIRED_SCOPE}."
            )
        case 404 | 410:
            return EventNotFoundError(f"{could_not}. The calendar or the event is not there.")
        case 422 if "must_be_external_event_uid" in said:
            return InvalidInputError(
                f"event_id: {could_not}. Only ids that start with '{_EXTERNAL}' take replies."
            )
        case 422 if request.purpose is Purpose.SEND:
            return CannotRespondError(f"{could_not}.")
        case 423:
            return ServiceUnavailableError(f"{could_not}. The account is locked at the moment.")
        case _:
            return RejectedByServiceError(f"{could_not}.")


def _described(errors: dict[str, Any]) -> list[str]:
    """Return Cronofy's error envelope as ``field: key (description)`` texts."""
    texts = []
    for name, reasons in errors.items():
        for reason in reasons if isinstance(reasons, list) else [reasons]:
            if isinstance(reason, dict):
                texts.append(f"{name}: {reason.get('key')} ({reason.get('description')})")
            else:
                texts.append(f"{name}: {reason}")
    return texts
