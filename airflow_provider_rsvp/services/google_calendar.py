"""
Google Calendar's wire, API v3.

Sources: Google Calendar API reference and its discovery document (``calendar.v3``), ``Events: get``, ``list``,
``instances``, ``patch``, ``Synchronize resources efficiently``, ``Handle API errors``, ``Manage quotas``; Google
Identity, ``Using OAuth 2.0 for web server applications``, ``Using OAuth 2.0 for server to server applications``.
"""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pendulum

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    ChangeTokenExpiredError,
    ConfigurationError,
    CredentialsError,
    EditConflictError,
    EventCancelledError,
    EventNotFoundError,
    InvalidInputError,
    MailboxNotFoundError,
    MalformedResponseError,
    PermissionDeniedError,
    ReadOnlyCalendarError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
    ThrottledError,
    UnclearOutcomeError,
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
from airflow_provider_rsvp.services.client import CalendarClient, Changes, Sent, Window, check_unchanged
from airflow_provider_rsvp.services.foreign import (
    Search,
    event_fields,
    foreign_id,
    foreign_uid,
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
    excerpt,
    expect,
    optional_text,
    reading,
    refused_for_load,
    required_text,
    server_error,
)
from airflow_provider_rsvp.times import UTC, parse_day, parse_instant, utc_text

SERVICE = "Google Calendar"
HOST = "https://www.googleapis.com"
BASE_PATH = "calendar/v3/"
LOGIN_HOST = "https://oauth2.googleapis.com"
SCOPES = "https://www.googleapis.com/auth/"
SCOPE = f"{SCOPES}calendar.events"
"""The narrowest scope that is certain to suffice for reading and answering."""

CAPABILITIES = Capabilities(
    statuses=frozenset(ParticipationStatus),
    comment=True,
    silent=True,
    proposed_time=False,
    scopes=frozenset(Scope),
    mailboxes=True,
    ical_uid=True,
    response_is_proof=True,
    batch_size=1,
)

_OVER_QUOTA = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"}
)
_OVER_QUOTA_FOR_LONG = frozenset({"dailyLimitExceeded"})


def _refused_for_load(response: Response) -> bool:
    """Return whether a quota refused the request, so that nothing was done; for a 403 only the reason tells."""
    if response.status == 403:
        return not _OVER_QUOTA.isdisjoint(_reasons(response))
    return refused_for_load(response)


DIALECT = Dialect(
    SERVICE,
    Limits(buckets=(Bucket(10_000, 10_000 / 60),), per_mailbox=4, at_once=32),
    refused_for_load=_refused_for_load,
)
"""10,000 requests a minute for one project, and 600 for one user of it (Manage quotas)."""

_PRIMARY = "primary"
_STATUSES = {
    "needsAction": ParticipationStatus.NEEDS_ACTION,
    "accepted": ParticipationStatus.ACCEPTED,
    "tentative": ParticipationStatus.TENTATIVE,
    "declined": ParticipationStatus.DECLINED,
}
_NAMES = {status: name for name, status in _STATUSES.items()}
_SENSITIVITIES = {
    "public": Sensitivity.PUBLIC,
    "private": Sensitivity.PRIVATE,
    "confidential": Sensitivity.CONFIDENTIAL,
}
_TAKES_NO_TIME = frozenset({"workingLocation", "birthday"})
_READ_ONLY_ROLES = frozenset({"none", "freeBusyReader", "reader"})
_OWN_ENTRY = ("email", "displayName", "optional", "additionalGuests", "comment")
"""The fields of the own attendee entry that can be written, besides the status; sent back unchanged."""

_WRITING_SCOPES = frozenset({"calendar", "calendar.events", "calendar.events.owned"})
_PAGE_SIZE = "250"
_LISTING = (("singleEvents", "true"), ("maxResults", _PAGE_SIZE))
_ETAG = re.compile(r"[\x21-\x7e]+")
_TAG = re.compile(r"<[^<>]*>")
_REFRESH_ADVICE = {
    "invalid_grant": (
        "The refresh token has ended or was revoked: authorise again and put the new refresh token into the "
        "connection. While the OAuth consent screen is in testing, refresh tokens end after seven days."
    ),
    "invalid_client": "Check the client id and the client secret.",
    "unauthorized_client": "The refresh token was issued to another client: check the client id.",
    "": "Check the client id, the client secret and the refresh token in the connection.",
}
_ASSERTION_ADVICE = {
    "invalid_grant": (
        "Check the mailbox, which must be a user of the domain, the key, which may have been deleted, and the "
        "clock of this machine."
    ),
    "unauthorized_client": (
        "Domain-wide delegation is missing: in the Google Admin console, allow the service account's client id "
        "the scope of the connection."
    ),
    "invalid_scope": "Check the scope in the connection.",
    "": "Check the service account's key, and its domain-wide delegation in the Google Admin console.",
}


@dataclass(frozen=True, slots=True)
class _Version:
    """
    What a reply needs of the event as it was seen.

    :param own_entry: what of the mailbox's own attendee entry can be written; empty where there is none
    """

    etag: str
    own_entry: Mapping[str, Any]


class GoogleCalendar(CalendarClient):
    """
    The calendars that one connection to Google Calendar reaches.

    :param exchange: carries requests to ``{host}/calendar/v3/``
    :param mailbox: whose calendar, where a reference names none; None for the signed-in user
    :param calendar_id: which calendar, where a reference names neither mailbox nor calendar; None is the primary one
    :param delegated: whether the exchange acts as the user that a request's mailbox names, as a service account
        with domain-wide delegation does; else other mailboxes are reached where their calendars are shared
    """

    service = SERVICE
    capabilities = CAPABILITIES

    def __init__(
        self,
        exchange: Exchange,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
        delegated: bool = False,
    ) -> None:
        self._exchange = exchange
        self._mailbox = mailbox
        self.calendar_id = calendar_id
        self._delegated = delegated

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """Check that it is clear whose calendar is meant."""
        self._owner(reference.mailbox)

    def turn_of(self, reference: EventReference) -> str:
        """Return the mailbox and the event's id, which is the same in all mailboxes; an instance has its own."""
        mailbox = reference.mailbox or self._mailbox or ""
        return f"{mailbox.casefold()} {reference.event_id or super().turn_of(reference)}"

    def identity(self, invitation: Invitation) -> str:
        """Return who is invited, in Google's own spelling, and the event's id."""
        version = invitation.version
        if not isinstance(version, _Version):
            return super().identity(invitation)
        return f"{str(version.own_entry.get('email', '')).casefold()} {invitation.reference.event_id}"

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """Read one event; with ``series``, the series that an instance belongs to."""
        what = f"read {reference}"
        event = await self._event(reference)
        if scope is Scope.SERIES and event.get("recurringEventId"):
            event = await self._read(reference, required_text(event, "recurringEventId", what))
        with reading(what):
            return self._invitation(event, reference.mailbox, reference.calendar_id, what, event)

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Read only the mailbox's own attendee entry again."""
        reference = invitation.reference
        what = f"read back {reference}"
        url = self._event_path(reference, str(reference.event_id))
        event = await self._json(self._get(url, (("maxAttendees", "1"),), what, reference.mailbox))
        with reading(what):
            return _status(event, what)

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """
        Change the own attendee entry, and only in the version of the event that was looked at.

        :raises EditConflictError: there is a newer version; nothing was done
        """
        reference = invitation.reference
        version = await self._version(invitation)
        entry = {**version.own_entry, "responseStatus": _NAMES[reply.status]}
        if reply.comment:
            entry["comment"] = reply.comment
        request = Request(
            what=f"set {reference} to {reply.status}",
            method="PATCH",
            url=self._event_path(reference, str(reference.event_id)),
            purpose=Purpose.SEND,
            query=(("sendUpdates", "all" if reply.notify_organizer else "none"), ("maxAttendees", "1")),
            headers={"If-Match": version.etag},
            # Without attendeesOmitted the list would replace the event's, and remove everybody else from it.
            json={"attendeesOmitted": True, "attendees": [entry]},
            mailbox=self._owner(reference.mailbox),
        )
        event = await self._json(request)
        with reading(request.what):
            return Sent(organizer_notified=reply.notify_organizer, status=_status(event, request.what))

    async def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        """Read the events of a window to the last page: instances and single events."""
        what = f"list the events of {self._name(mailbox, calendar_id)}"
        url = f"{self._calendar_path(mailbox, calendar_id)}/events"
        query = (*_LISTING, *_bounds(window))
        async for page in self._pages(url, query, what, mailbox):
            for row in _items(page, what):
                yield self._listed(row, window, mailbox, calendar_id, what, page)

    async def changes(
        self,
        window: Window,
        since: str | None,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
    ) -> Changes:
        """
        Read what is new or changed in a window since a sync token was given out; without one, all of it.

        What was deleted meanwhile is left out.

        :param since: the token of an earlier call for the same window, mailbox and calendar; one that has ended
            counts as none
        """
        if since is not None:
            try:
                return await self._changes(window, (("syncToken", since),), mailbox, calendar_id)
            except ChangeTokenExpiredError:
                pass
        return await self._changes(window, _bounds(window), mailbox, calendar_id, complete=True)

    async def account(self) -> Account:
        """Open the calendar that tasks without a mailbox use, and say what may be done there."""
        if self._delegated and self._mailbox is None:
            raise ConfigurationError(
                "mailbox: a service account has no calendar of its own. Name a user of the domain in the "
                "connection (it is also whose calendar tasks without a mailbox use)."
            )
        what = f"open the calendar of {self._name(None, None)}"
        url = f"{self._calendar_path(None, None)}/events"
        body = await self._json(self._get(url, (("maxResults", "1"), ("maxAttendees", "1")), what, None))
        role = optional_text(body, "accessRole") or "unknown"
        who = optional_text(body, "summary") or self._name(None, None)
        notes = [f"Access to the calendar: {role}."]
        if role in _READ_ONLY_ROLES:
            notes.append("Invitations can be read but not answered: that takes the role 'writer' or 'owner'.")
        return Account(
            who=f"{who} (through a service account)" if self._delegated else who, notes=tuple(notes)
        )

    async def _version(self, invitation: Invitation) -> _Version:
        if not isinstance(invitation.version, _Version):
            seen, invitation = invitation, await self.observe(invitation.reference, Scope.INSTANCE)
            check_unchanged(seen, invitation)
        assert isinstance(invitation.version, _Version)
        return invitation.version

    async def _event(self, reference: EventReference) -> dict[str, Any]:
        if reference.event_id is None:
            return await self._find(reference)
        event = await self._read(reference, reference.event_id)
        start = reference.original_start
        if start is None:
            return event
        if event.get("recurrence"):
            return await self._instance(reference, event, start)
        if event.get("recurringEventId") and _original_start(event) != start:
            raise EventNotFoundError(
                f"original_start: {start.isoformat()} is not when the instance with this id was first planned "
                "for. Give the id of the series, or leave original_start out."
            )
        return event

    async def _find(self, reference: EventReference) -> dict[str, Any]:
        """Return the event with a UID: the series rather than an instance that has become an event of its own."""
        what = f"find {reference}"
        url = f"{self._calendar_path(reference.mailbox, reference.calendar_id)}/events"
        query = (("iCalUID", str(reference.ical_uid)), ("maxResults", _PAGE_SIZE))
        found = []
        search = Search(what)
        async for page in self._pages(url, query, what, reference.mailbox):
            for row in _items(page, what):
                with search.passing_over():
                    found.append({"accessRole": page.get("accessRole"), **event_fields(row, what)})
        start = reference.original_start
        for event in found:
            if start is not None and event.get("recurringEventId") and _original_start(event) == start:
                return event
        whole = [event for event in found if not event.get("recurringEventId")]
        if whole and start is not None and whole[0].get("recurrence"):
            return await self._instance(reference, whole[0], start)
        if whole:
            return whole[0]
        if found and start is None:
            if len(found) == 1:
                return found[0]
            raise InvalidInputError(
                f"original_start: {len(found)} instances of {reference} are on this calendar, and not the whole "
                "series. Say which one with original_start."
            )
        raise search.not_found(
            EventNotFoundError(
                f"{SERVICE} shows no {reference}. It is not on this calendar, or was cancelled or removed."
            )
        )

    async def _instance(
        self, reference: EventReference, series: dict[str, Any], start: pendulum.DateTime
    ) -> dict[str, Any]:
        what = f"find {reference}"
        with reading(what):
            all_day = "date" in series["start"]
        url = f"{self._event_path(reference, required_text(series, 'id', what))}/instances"
        query = (("originalStart", start.to_date_string() if all_day else utc_text(start)),)
        wanted = start.replace(tzinfo=UTC).start_of("day") if all_day else start
        search = Search(what)
        async for page in self._pages(url, query, what, reference.mailbox):
            for row in _items(page, what):
                with search.passing_over():
                    event = event_fields(row, what)
                    if _original_start(event) == wanted:
                        return {"accessRole": page.get("accessRole"), **event}
        raise search.not_found(
            EventNotFoundError(
                f"{SERVICE} knows the series, but no instance of it that was first planned for "
                f"{start.isoformat()}."
            )
        )

    async def _read(self, reference: EventReference, event_id: str) -> dict[str, Any]:
        what = f"read {reference}"
        event = await self._json(
            self._get(self._event_path(reference, event_id), (), what, reference.mailbox)
        )
        if event.get("status") == "cancelled" and "start" not in event:
            # A deleted event may show no more than its id.
            raise EventCancelledError(
                f"{reference}: it was cancelled, or removed from the calendar; there is nothing to answer."
            )
        return event

    async def _changes(
        self,
        window: Window,
        query: tuple[tuple[str, str], ...],
        mailbox: str | None,
        calendar_id: str | None,
        *,
        complete: bool = False,
    ) -> Changes:
        what = f"list the changes of {self._name(mailbox, calendar_id)}"
        url = f"{self._calendar_path(mailbox, calendar_id)}/events"
        found: list[Invitation] = []
        token = None
        async for page in self._pages(url, (*_LISTING, *query), what, mailbox):
            for row in _items(page, what):
                if isinstance(row, dict) and row.get("status") == "cancelled" and "start" not in row:
                    continue
                invitation = self._listed(row, window, mailbox, calendar_id, what, page)
                if complete or window.covers(invitation.time):
                    found.append(invitation)
            token = optional_text(page, "nextSyncToken")
        return Changes(tuple(found), token, complete)

    async def _pages(
        self, url: str, query: tuple[tuple[str, str], ...], what: str, mailbox: str | None
    ) -> AsyncIterator[dict[str, Any]]:
        """Read the pages of a collection; a page may be empty although another follows."""
        request = self._get(url, query, what, mailbox)
        pages = Pages(what)
        while True:
            page = await self._json(request)
            pages.read(page.get("items", []))
            yield page
            token = page.get("nextPageToken")
            if not token:
                return
            request = self._get(url, (*query, ("pageToken", pages.following(token))), what, mailbox)

    def _get(self, url: str, query: tuple[tuple[str, str], ...], what: str, mailbox: str | None) -> Request:
        return Request(
            what=what,
            method="GET",
            url=url,
            purpose=Purpose.READ,
            query=query,
            mailbox=self._owner(mailbox),
        )

    async def _json(self, request: Request) -> dict[str, Any]:
        response = await self._exchange.send(request)
        if not response.ok:
            raise _error(request, response)
        return response.json_object(request.what)

    def _owner(self, mailbox: str | None) -> str | None:
        owner = mailbox or self._mailbox
        if owner is None and self._delegated:
            raise ConfigurationError(
                "mailbox: a service account answers for the users of a domain and has no calendar of its own. "
                "Name a mailbox in the task or in the connection."
            )
        return owner

    def _name(self, mailbox: str | None, calendar_id: str | None) -> str:
        return calendar_id or self._owner(mailbox) or self.calendar_id or "the signed-in user"

    def _calendar_path(self, mailbox: str | None, calendar_id: str | None) -> str:
        owner = self._owner(mailbox)
        if calendar_id is None and mailbox is None:
            calendar_id = self.calendar_id
        if calendar_id is None:
            # A user's primary calendar has the user's address for an id.
            calendar_id = _PRIMARY if owner is None or self._delegated else owner
        return f"calendars/{quote(calendar_id, safe='')}"

    def _event_path(self, reference: EventReference, event_id: str) -> str:
        calendar = self._calendar_path(reference.mailbox, reference.calendar_id)
        return f"{calendar}/events/{quote(event_id, safe='')}"

    def _listed(
        self,
        row: object,
        window: Window,
        mailbox: str | None,
        calendar_id: str | None,
        what: str,
        page: Mapping[str, Any],
    ) -> Invitation:
        return read_row(
            row,
            lambda event: self._invitation(event, mailbox, calendar_id, what, page),
            what=what,
            window=window,
            id_field="id",
            subject_field="summary",
            mailbox=self._owner(mailbox),
            calendar_id=calendar_id,
        )

    def _invitation(
        self,
        event: dict[str, Any],
        mailbox: str | None,
        calendar_id: str | None,
        what: str,
        access: Mapping[str, Any],
    ) -> Invitation:
        attendees = _attendees(event, what)
        omitted = event.get("attendeesOmitted") is True
        mine = _own_entry(event, what)
        organizer = event.get("organizer") or {}
        person = Person(optional_text(organizer, "email"), optional_text(organizer, "displayName"))
        series = foreign_id(event.get("recurringEventId"))
        recurrence = Recurrence.INSTANCE if series else Recurrence.SINGLE
        etag = required_text(event, "etag", what)
        if not _ETAG.fullmatch(etag):
            raise MalformedResponseError(f"Could not {what}: the response's 'etag' is malformed.")
        return Invitation(
            reference=EventReference(
                event_id=required_text(event, "id", what),
                ical_uid=foreign_uid(event.get("iCalUID")),
                original_start=_original_start(event) if series else None,
                mailbox=self._owner(mailbox),
                calendar_id=calendar_id,
            ),
            subject=optional_text(event, "summary") or "",
            time=TimeRange(_time(event["start"], "start"), _time(event["end"], "end")),
            status=_STATUSES.get(str(mine.get("responseStatus"))) if mine else None,
            organizer=person if person.address or person.name else None,
            recurrence=Recurrence.SERIES if event.get("recurrence") else recurrence,
            series_id=series,
            is_organizer=organizer.get("self") is True,
            is_attendee=mine is not None,
            is_cancelled=event.get("status") == "cancelled",
            is_read_only=access.get("accessRole") in _READ_ONLY_ROLES,
            cannot_respond=_cannot_respond(event),
            attendee_count=None if omitted else len(attendees),
            attendees=None if omitted else read_attendees(attendees, lambda entry: _attendee(entry, what)),
            required=_required(mine) if mine else None,
            # Google always shows the comment if there is one.
            comment=(optional_text(mine, "comment") or "") if mine else None,
            link=optional_text(event, "htmlLink"),
            body=_plain_text(optional_text(event, "description")),
            sensitivity=_SENSITIVITIES.get(str(event.get("visibility"))),
            free_busy=_free_busy(event),
            version=_Version(etag, {name: mine[name] for name in _OWN_ENTRY if name in mine} if mine else {}),
        )


def token_request(form: Mapping[str, str], what: str = "get an access token") -> Request:
    """
    Return the request for an access token.

    :param form: one of :func:`refresh_form`, :func:`assertion_form`
    :param what: the request in words
    """
    return Request(what=what, method="POST", url="token", purpose=Purpose.TOKEN, form=form)


def refresh_form(client_id: str, client_secret: str, refresh_token: str) -> dict[str, str]:
    """Return the form of the refresh token grant."""
    return {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_secret": client_secret,
        "refresh_token": refresh_token,
    }


def assertion_form(assertion: str) -> dict[str, str]:
    """Return the form of the grant for a service account's assertion (RFC 7523, section 2.1)."""
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def read_token(request: Request, response: Response) -> Grant:
    """Return what was granted."""
    advice = _ASSERTION_ADVICE if "assertion" in (request.form or {}) else _REFRESH_ADVICE
    return read_grant("Google's token endpoint", request, response, advice=advice)


def permissions(scope: str) -> tuple[str, ...]:
    """Return the names of the scopes of a grant, without the address that all of them begin with."""
    return tuple(sorted(name.removeprefix(SCOPES) for name in scope.split()))


def may_answer(names: tuple[str, ...]) -> bool:
    """Return whether one of the scopes is for changing events (Events: patch)."""
    return not _WRITING_SCOPES.isdisjoint(names)


def _bounds(window: Window) -> tuple[tuple[str, str], ...]:
    return ("timeMin", utc_text(window.start)), ("timeMax", utc_text(window.end))


def _items(page: Mapping[str, Any], what: str) -> list[object]:
    items: list[object] = expect(page.get("items"), list, what, "a list 'items'")
    return items


def _attendees(event: Mapping[str, Any], what: str) -> list[Any]:
    value = event.get("attendees")
    attendees: list[Any] = expect([] if value is None else value, list, what, "a list 'attendees'")
    return attendees


def _own_entry(event: Mapping[str, Any], what: str) -> dict[str, Any] | None:
    """Return the attendee entry of the calendar that the event lies on, whoever reads it."""
    for entry in _attendees(event, what):
        if expect(entry, dict, what, "an attendee").get("self") is True:
            return dict(entry)
    return None


def _status(event: Mapping[str, Any], what: str) -> ParticipationStatus | None:
    mine = _own_entry(event, what)
    return _STATUSES.get(str(mine.get("responseStatus"))) if mine else None


def _attendee(value: Any, what: str) -> Attendee:
    entry = expect(value, dict, what, "an attendee")
    person = Person(optional_text(entry, "email"), optional_text(entry, "displayName"))
    return Attendee(person, _STATUSES.get(str(entry.get("responseStatus"))), _required(entry))


def _required(mine: Mapping[str, Any]) -> bool:
    return mine.get("optional") is not True and mine.get("resource") is not True


def _cannot_respond(event: Mapping[str, Any]) -> str | None:
    if event.get("privateCopy") is not True:
        return None
    return "it is a private copy, from which no answer reaches the organizer."


def _free_busy(event: Mapping[str, Any]) -> FreeBusy:
    kind = event.get("eventType")
    if kind == "outOfOffice":
        return FreeBusy.OUT_OF_OFFICE
    if kind in _TAKES_NO_TIME or event.get("transparency") == "transparent":
        return FreeBusy.FREE
    return FreeBusy.TENTATIVE if event.get("status") == "tentative" else FreeBusy.BUSY


def _plain_text(description: str | None) -> str | None:
    """Return a description without its markup; it may be HTML."""
    if description is None or "<" not in description:
        return description
    return html.unescape(_TAG.sub(" ", description)).strip()


def _time(value: Any, name: str) -> pendulum.DateTime | pendulum.Date:
    if "date" in value:
        return parse_day(value["date"], field=name)
    return parse_instant(value["dateTime"], field=name, timezone=value.get("timeZone"))


def _original_start(event: Mapping[str, Any]) -> pendulum.DateTime | None:
    """Return when an instance was first planned for; for an all-day event, its midnight in UTC."""
    try:
        start = _time(event["originalStartTime"], "originalStartTime")
    except (InvalidInputError, LookupError, TypeError, ValueError):
        return None
    if isinstance(start, pendulum.DateTime):
        return start
    return pendulum.datetime(start.year, start.month, start.day)


def _reasons(response: Response) -> set[str]:
    """Return why a request was refused, from both forms of Google's errors."""
    body = response.json_or_none()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return set()
    lists = [value for name in ("errors", "details") if isinstance(value := error.get(name), list)]
    entries = [entry for each in lists for entry in each if isinstance(entry, dict)]
    return {reason for entry in entries if isinstance(reason := entry.get("reason"), str)}


def _error(request: Request, response: Response) -> RsvpError:
    """Return the error that a response stands for (Handle API errors)."""
    body = response.json_or_none()
    error = body.get("error") if isinstance(body, dict) else None
    message = excerpt(error.get("message") or "") if isinstance(error, dict) else ""
    reasons = _reasons(response)
    said = ", ".join((f"HTTP {response.status}", *(excerpt(reason) for reason in sorted(reasons))))
    said += f": {message}" if message else ""
    could_not = f"Could not {request.what}: {SERVICE} says {said}"
    failed = server_error(SERVICE, request, response, said)
    if failed is not None:
        return failed
    match response.status:
        case 401:
            return CredentialsError(
                f"{could_not}. The access token is not accepted. Access tokens last an hour: use a refresh token "
                "or a service account in the connection."
            )
        case 403:
            return _forbidden(could_not, reasons)
        case 404 if request.url.endswith("/events"):
            return MailboxNotFoundError(
                f"{could_not}. There is no such calendar, or it is not shared with you."
            )
        case 404:
            return EventNotFoundError(
                f"{could_not}. The id is wrong, of another calendar, or the calendar is not shared with you."
            )
        case 410 if any(name == "syncToken" for name, _ in request.query):
            return ChangeTokenExpiredError(f"{could_not}.")
        case 410:
            return EventNotFoundError(f"{could_not}. The event was deleted.")
        case 412:
            return EditConflictError(
                f"{could_not}. The event changed after it was looked at; nothing was done."
            )
        case 409 if request.purpose is Purpose.SEND:
            return UnclearOutcomeError(f"{could_not}. The event changed meanwhile.")
        case 409:
            return ServiceUnavailableError(f"{could_not}. The event changed meanwhile.")
        case 400 if "eventTypeRestriction" in reasons:
            return CannotRespondError(f"{could_not}. Events of this type take no answer.")
        case _:
            return RejectedByServiceError(f"{could_not}.")


def _forbidden(could_not: str, reasons: set[str]) -> RsvpError:
    """Return the error for a 403, which stands for quotas as well as for permissions."""
    if reasons & (_OVER_QUOTA | _OVER_QUOTA_FOR_LONG):
        return ThrottledError(f"{could_not}. A quota is used up; nothing was done.")
    if reasons & {"requiredAccessLevel"}:
        return ReadOnlyCalendarError(
            f"{could_not}. Answering takes the role 'writer' or 'owner' of the calendar."
        )
    if reasons & {"forbiddenForNonOrganizer"}:
        return RejectedByServiceError(f"{could_not}.")
    if reasons & {"forbiddenForServiceAccounts"}:
        advice = "The service account needs domain-wide delegation, and a mailbox to act for."
    elif reasons & {"accessNotConfigured", "SERVICE_DISABLED"}:
        advice = "Enable the Google Calendar API in the project of the client or service account."
    elif reasons & {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}:
        advice = f"Authorise again with the scope {SCOPE}."
    else:
        advice = f"The token needs the scope {SCOPE}, and the calendar must be open to it for writing."
    return PermissionDeniedError(f"{could_not}. {advice}")
