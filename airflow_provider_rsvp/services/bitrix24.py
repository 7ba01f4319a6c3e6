"""
Bitrix24's wire.

Sources: Bitrix24 REST documentation, ``calendar.meeting.status.set``, ``calendar.meeting.status.get``,
``calendar.event.getbyid``, ``calendar.event.get``, ``batch``, ``profile``, ``Limits``, ``System errors``,
``OAuth 2.0``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pendulum

from airflow_provider_rsvp.exceptions import (
    CredentialsError,
    EventNotFoundError,
    InvalidInputError,
    MalformedResponseError,
    PermissionDeniedError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
    ThrottledError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
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
from airflow_provider_rsvp.services.bitrix24_batch import BATCHING, LOAD_CODES, SHOWN, as_map
from airflow_provider_rsvp.services.client import CalendarClient, Changes, Sent, Window
from airflow_provider_rsvp.services.foreign import Search, event_fields, foreign_uid, read_attendees, read_row
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
    retry_after,
    server_error,
)
from airflow_provider_rsvp.times import UTC, from_timestamp, parse_zone

SERVICE = "Bitrix24"
TOKEN_URL = "https://oauth.bitrix.info/oauth/token/"  # noqa: S105

CAPABILITIES = Capabilities(
    statuses=frozenset(
        {ParticipationStatus.ACCEPTED, ParticipationStatus.DECLINED, ParticipationStatus.NEEDS_ACTION}
    ),
    comment=False,
    silent=False,
    proposed_time=False,
    scopes=frozenset(Scope),
    mailboxes=False,
    ical_uid=True,
    response_is_proof=False,
    batch_size=25,
)

_STATUSES = {
    "Y": ParticipationStatus.ACCEPTED,
    "N": ParticipationStatus.DECLINED,
    "Q": ParticipationStatus.NEEDS_ACTION,
    "M": ParticipationStatus.TENTATIVE,
    "H": ParticipationStatus.ACCEPTED,
}
_CODES = {
    ParticipationStatus.ACCEPTED: "Y",
    ParticipationStatus.DECLINED: "N",
    ParticipationStatus.NEEDS_ACTION: "Q",
}
_HOST = "H"
_FREE_BUSY = {
    "free": FreeBusy.FREE,
    "quest": FreeBusy.TENTATIVE,
    "busy": FreeBusy.BUSY,
    "absent": FreeBusy.OUT_OF_OFFICE,
}

_TOKEN_CODES = frozenset({"expired_token", "invalid_token", "no_auth_found"})
_CREDENTIAL_CODES = frozenset(
    {
        "expired_token",
        "invalid_token",
        "no_auth_found",
        "authorization_error",
        "application_not_found",
        "wrong_auth_type",
        "error_oauth",
    }
)
_PERMISSION_CODES = frozenset(
    {
        "invalid_credentials",
        "insufficient_scope",
        "user_access_error",
        "access_denied",
        "payment_required",
        "method_confirm_waiting",
        "method_confirm_denied",
    }
)
_PERMANENT_CODES = frozenset(
    {
        "overload_limit",
        "portal_deleted",
        "invalid_request",
        "error_method_not_found",
        "error_batch_length_exceeded",
    }
)
_DAYS_AROUND = 1
_TOKEN_ADVICE = {
    "invalid_grant": (
        "The refresh token has ended (180 days) or was used elsewhere, which ends it: authorise the application "
        "again and put the new refresh token into the connection."
    ),
    "invalid_client": "Check the client id and the client secret.",
    "wrong_client": "Check the client id and the client secret.",
    "NOT_INSTALLED": "The application is not installed in the portal.",
    "PAYMENT_REQUIRED": "The portal's plan does not include applications.",
    "": "Check the client id, the client secret and the refresh token in the connection.",
}


def _code(response: Response) -> str:
    body = response.json_or_none()
    code = body.get("error") if isinstance(body, dict) else None
    return code if isinstance(code, str) else ""


def _token_refused(response: Response) -> bool:
    return response.status == 401 and _code(response).casefold() in _TOKEN_CODES


def _refused_for_load(response: Response) -> bool:
    code = _code(response).casefold()
    return code in LOAD_CODES or (not code and refused_for_load(response))


def _pause(response: Response) -> float | None:
    """Return how long an operating limit lasts: the answer's ``operating_reset_at`` is a Unix time."""
    body = response.json_or_none()
    times = body.get("time") if isinstance(body, dict) else None
    resets = times.get("operating_reset_at") if isinstance(times, dict) else None
    if _code(response).casefold() == "operation_time_limit" and isinstance(resets, int | float):
        try:
            seconds = float(resets) - time.time()
        except OverflowError:
            return None
        # One that has passed says nothing: the portal's clock or ours may be wrong.
        return seconds if seconds > 0 else None
    return retry_after(response)


USUAL_RATE = Bucket(50, 2.0)
"""What most plans allow: a bucket of 50 that drains by two a second (Limits)."""

DIALECT = Dialect(
    SERVICE,
    # At once: what the usual bucket holds.
    Limits(buckets=(USUAL_RATE,), at_once=50),
    token_refused=_token_refused,
    refused_for_load=_refused_for_load,
    pause=_pause,
    batching=BATCHING,
)
"""Refusals are told by their code, not by the HTTP status."""


def dialect(burst: int, per_second: float) -> Dialect:
    """Return the dialect of a portal whose plan allows other rates than the usual (Limits)."""
    return replace(DIALECT, limits=replace(DIALECT.limits, buckets=(Bucket(burst, per_second),)))


class Bitrix24Calendar(CalendarClient):
    """
    The calendar of one Bitrix24 user.

    :param exchange: carries requests to the portal's REST address
    :param portal: the portal's own address, for links
    :param user_id: whose calendar; None to ask the portal
    """

    service = SERVICE
    capabilities = CAPABILITIES

    def __init__(self, exchange: Exchange, *, portal: str, user_id: int | None = None) -> None:
        self._exchange = exchange
        self._portal = portal.rstrip("/")
        self._user_id = user_id

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """Check that an event's id is a positive whole number."""
        if reference.event_id is not None:
            _number(reference.event_id)

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """Read one event and the user's own status in one request."""
        if reference.event_id is None:
            return await self._find(reference)
        event_id = _number(reference.event_id)
        event, status = await self._event_and_status(event_id, f"read {reference}")
        user_id = await self._me()
        own = await self._own_copy(event, user_id)
        if own != event_id:
            event, status = await self._event_and_status(own, f"read {reference}")
        with reading(f"read {reference}"):
            invitation = self._invitation(event, status, user_id)
        if scope is Scope.INSTANCE and invitation.recurrence is Recurrence.SERIES:
            raise UnsupportedByServiceError(
                f"scope: Bitrix24 keeps one status for the whole series, and {reference} is one. "
                "Use scope='series' if the answer is meant for all of it."
            )
        return invitation

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Read the user's own status again."""
        what = f"read back {invitation.reference}"
        result = await self._call(
            "calendar.meeting.status.get", {"eventId": _number(invitation.reference.event_id)}, what
        )
        with reading(what):
            return _STATUSES.get(result) if result is not None else None

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Ask for the status; the answer ``true`` also comes when nothing was done."""
        reference = invitation.reference
        parameters = {"eventId": _number(reference.event_id), "status": _CODES[reply.status]}
        body = await self._ask(
            "calendar.meeting.status.set",
            parameters,
            f"set {reference} to {reply.status}",
            purpose=Purpose.SEND,
        )
        shown = _STATUSES.get(str(body.get(SHOWN)))
        if not invitation.response_requested:
            untold = "The organizer is not told of answers to this event."
            return Sent(organizer_notified=False, note=untold, status=shown)
        withdrawn = "Bitrix24 tells the organizer 'declined' when an answer is withdrawn."
        return Sent(
            organizer_notified=True,
            note=withdrawn if reply.status is ParticipationStatus.NEEDS_ACTION else None,
            status=shown,
        )

    async def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        """Read the user's events of a window; a series comes once, as one answer covers all of it."""
        what = "list the events"
        user_id = await self._me()
        seen: set[str] = set()
        for row in await self._rows(window, user_id, calendar_id, what):
            event_id = row.get("ID") if isinstance(row, dict) else None
            if isinstance(event_id, str | int) and str(event_id) in seen:
                continue
            invitation = read_row(
                row,
                lambda event: self._invitation(event, event.get("MEETING_STATUS"), user_id),
                what=what,
                window=window,
                id_field="ID",
                subject_field="NAME",
            )
            if invitation.is_readable:
                seen.add(str(event_id))
            if invitation.recurrence is Recurrence.SERIES or window.covers(invitation.time):
                yield invitation

    async def changes(
        self,
        window: Window,
        since: str | None,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
    ) -> Changes:
        """Read all events of the window: the portal has no list of changes."""
        listing = self.list_invitations(window, mailbox=mailbox, calendar_id=calendar_id)
        return Changes(tuple([each async for each in listing]), None, complete=True)

    async def account(self) -> Account:
        """Read who the user is and which scopes the webhook or application has."""
        what = "read the profile"
        profile = await self._call("profile", {}, what)
        scopes = await self._call("scope", {}, what)
        with reading(what):
            names = [str(profile.get(name) or "") for name in ("NAME", "LAST_NAME")]
            who = f"{' '.join(name for name in names if name) or 'user'} (user {profile['ID']})"
            granted = tuple(str(scope) for scope in expect(scopes, list, what, "a list of scopes"))
        missing = () if "calendar" in granted else ("The scope 'calendar' is missing: add it.",)
        return Account(who=who, permissions=granted, notes=missing)

    async def _me(self) -> int:
        if self._user_id is None:
            what = "read the profile"
            profile = await self._call("profile", {}, what)
            with reading(what):
                self._user_id = int(profile["ID"])
        return self._user_id

    async def _event_and_status(self, event_id: int, what: str) -> tuple[dict[str, Any], Any]:
        commands = {
            "event": f"calendar.event.getbyid?{urlencode({'id': event_id})}",
            "status": f"calendar.meeting.status.get?{urlencode({'eventId': event_id})}",
        }
        result = await self._call("batch", {"halt": 0, "cmd": commands}, what)
        with reading(what):
            results, errors = as_map(result["result"]), as_map(result.get("result_error"))
        for refused in (errors.get("event"), errors.get("status")):
            # An empty code says no more than that there is nothing to read.
            if isinstance(refused, dict) and refused.get("error"):
                raise _error_of(what, 400, refused, Purpose.READ)
        event = results.get("event")
        if not event:
            raise EventNotFoundError(
                f"Could not {what}: Bitrix24 knows no such event, or the user may not see it."
            )
        if str(expect(event, dict, what, "an event").get("ID")) != str(event_id):
            raise MalformedResponseError(
                f"Could not {what}: the answer holds another event than was asked for."
            )
        return event, results.get("status")

    async def _own_copy(self, event: dict[str, Any], user_id: int) -> int:
        """Return the id of the user's own copy: a meeting has one event for each person."""
        what = f"find the user's copy of event {event.get('ID')}"
        with reading(what):
            event_id, parent = int(event["ID"]), int(event.get("PARENT_ID") or event["ID"])
            if int(event.get("OWNER_ID") or 0) == user_id:
                return event_id
            start = _time_range(event).start
            around = _day_window(start)
        search = Search(what)
        for row in await self._rows(around, user_id, None, what):
            with search.passing_over():
                each = event_fields(row, what)
                if int(each.get("PARENT_ID") or 0) == parent and int(each.get("OWNER_ID") or 0) == user_id:
                    return int(each["ID"])
        if search.problem is not None:
            # What could not be read may be the user's copy.
            raise search.problem
        return event_id

    async def _find(self, reference: EventReference) -> Invitation:
        what = f"find {reference}"
        if reference.original_start is None:
            raise InvalidInputError(
                "original_start: Bitrix24 finds an event by ical_uid only together with original_start "
                "(the event's start), because it lists events by day."
            )
        user_id = await self._me()
        found: EventReference | None = None
        search = Search(what)
        for row in await self._rows(
            _day_window(reference.original_start), user_id, reference.calendar_id, what
        ):
            with search.passing_over():
                event = event_fields(row, what)
                if event.get("DAV_XML_ID") == reference.ical_uid:
                    event_id = str(_number(event["ID"], field="ID"))
                    found = EventReference(event_id=event_id, calendar_id=reference.calendar_id)
                    break
        if found is None:
            raise search.not_found(EventNotFoundError(f"Bitrix24 shows no {reference}."))
        return await self.observe(found, Scope.SERIES)

    async def _rows(self, window: Window, user_id: int, calendar_id: str | None, what: str) -> list[object]:
        parameters: dict[str, Any] = {
            "type": "user",
            "ownerId": user_id,
            "from": window.start.in_timezone(UTC).to_date_string(),
            "to": window.end.in_timezone(UTC).to_date_string(),
        }
        if calendar_id is not None:
            parameters["section"] = [_number(calendar_id, field="calendar_id")]
        return Pages(what).read(await self._call("calendar.event.get", parameters, what))

    async def _call(self, method: str, parameters: dict[str, Any], what: str) -> Any:
        return (await self._ask(method, parameters, what))["result"]

    async def _ask(
        self, method: str, parameters: dict[str, Any], what: str, *, purpose: Purpose = Purpose.READ
    ) -> dict[str, Any]:
        request = Request(what=what, method="POST", url=method, purpose=purpose, json=parameters)
        response = await self._exchange.send(request)
        body = response.json_or_none()
        if isinstance(body, dict) and "error" in body:
            raise _error(request, response, body)
        if not response.ok:
            raise server_error(
                SERVICE, request, response, f"HTTP {response.status}"
            ) or RejectedByServiceError(f"Could not {what}: Bitrix24 says HTTP {response.status}.")
        body = response.json_object(what)
        if "result" not in body:
            raise MalformedResponseError(f"Could not {what}: the answer has no 'result'.")
        return body

    def _invitation(self, event: dict[str, Any], status: Any, user_id: int) -> Invitation:
        event_id = str(_number(event["ID"], field="ID"))
        meeting = event.get("MEETING")
        host = _scalar(event, "MEETING_HOST") or ""
        attendees = event.get("ATTENDEE_LIST")
        series = bool(event.get("RRULE"))
        is_meeting = event.get("IS_MEETING") in (True, "Y", "1", 1)
        details = meeting if isinstance(meeting, dict) else {}
        return Invitation(
            reference=EventReference(
                event_id=event_id,
                ical_uid=foreign_uid(event.get("DAV_XML_ID")),
                calendar_id=_scalar(event, "SECTION_ID"),
            ),
            subject=_scalar(event, "NAME") or "",
            time=_time_range(event),
            status=_STATUSES.get(status) if status is not None else None,
            organizer=Person(f"user {host}" if host else None, optional_text(details, "HOST_NAME")),
            recurrence=Recurrence.SERIES if series else Recurrence.SINGLE,
            is_organizer=status == _HOST or (is_meeting and host == str(user_id)),
            is_attendee=is_meeting and status is not None,
            response_requested=details.get("NOTIFY") not in (False, "N", "0"),
            attendee_count=len(attendees) if isinstance(attendees, list) else None,
            link=f"{self._portal}/company/personal/user/{user_id}/calendar/?EVENT_ID={event_id}",
            body=optional_text(event, "DESCRIPTION"),
            sensitivity=Sensitivity.PRIVATE if event.get("PRIVATE_EVENT") in (True, "Y", "1", 1) else None,
            free_busy=_FREE_BUSY.get(str(event.get("ACCESSIBILITY"))),
            attendees=read_attendees(attendees, _attendee) if isinstance(attendees, list) else None,
        )


def with_token(request: Request, token: str) -> Request:
    """Return the request with the access token where Bitrix24 documents it: in the body."""
    return replace(request, json={**request.json, "auth": token})


def refresh_request(client_id: str, client_secret: str, refresh_token: str) -> Request:
    """Return the request for a new access token; the refresh token ends with it (OAuth 2.0, renewal)."""
    return Request(
        what="get an access token",
        method="GET",
        url="",
        purpose=Purpose.TOKEN,
        query=(
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("client_secret", client_secret),
            ("refresh_token", refresh_token),
        ),
    )


def read_token(request: Request, response: Response) -> Grant:
    """Return what was granted."""
    return read_grant("The Bitrix24 authorisation server", request, response, advice=_TOKEN_ADVICE)


def _error(request: Request, response: Response, body: dict[str, Any]) -> RsvpError:
    said = _said(response.status, body)
    code = str(body.get("error") or "").casefold()
    if code not in _PERMANENT_CODES | _CREDENTIAL_CODES | _PERMISSION_CODES | LOAD_CODES:
        failed = server_error(SERVICE, request, response, said)
        if failed is not None:
            return failed
    return _error_of(request.what, response.status, body, request.purpose)


def _error_of(what: str, status: int, body: dict[str, Any], purpose: Purpose) -> RsvpError:
    """Return the error for a code (System errors); the HTTP status differs between versions."""
    code = str(body.get("error") or "").casefold()
    could_not = f"Could not {what}: Bitrix24 says {_said(status, body)}"
    if code in _CREDENTIAL_CODES:
        return CredentialsError(
            f"{could_not}. The webhook or token is not accepted: it was deleted, has ended, or belongs to "
            "another portal."
        )
    if code == "insufficient_scope":
        return PermissionDeniedError(f"{could_not}. Give the webhook or application the scope 'calendar'.")
    if code in _PERMISSION_CODES:
        return PermissionDeniedError(f"{could_not}. The user or the portal's plan may not do this.")
    if code in LOAD_CODES:
        return ThrottledError(f"{could_not}. Too many requests.")
    if code in _PERMANENT_CODES:
        return RejectedByServiceError(f"{could_not}. Retrying does not help; ask the portal's administrator.")
    if not code:
        # Method errors carry an empty code and a localised text, so there is nothing to tell them apart by.
        return EventNotFoundError(f"{could_not}. The event is not there, or is not a meeting.")
    if code in ("internal_server_error", "error_unexpected_answer"):
        if purpose is Purpose.SEND:
            return UnclearOutcomeError(f"{could_not}. The reply may or may not have gone out.")
        return ServiceUnavailableError(f"{could_not}.")
    return RejectedByServiceError(f"{could_not}.")


def _said(status: int, body: dict[str, Any]) -> str:
    code = excerpt(body.get("error") or "no code")
    description = excerpt(body.get("error_description") or "")
    return f"HTTP {status}, {code}" + (f": {description}" if description else "")


def _number(value: Any, *, field: str = "event_id") -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidInputError(
            f"{field}: {text!r} is not a Bitrix24 id; expected a whole number such as 651."
        )
    return int(text)


def _scalar(event: dict[str, Any], name: str) -> str | None:
    """Return a text, which PHP may have sent as a number; None where it is absent, empty or of another type."""
    value = event.get(name)
    return str(value) if isinstance(value, str | int) and value and value is not True else None


def _attendee(value: Any) -> Attendee:
    fields = as_map(value)
    return Attendee(Person(f"user {fields.get('id')}"), _STATUSES.get(str(fields.get("status"))))


def _time_range(event: dict[str, Any]) -> TimeRange:
    if event.get("DT_SKIP_TIME") == "Y":
        first, last = (_day(event, name) for name in ("DATE_FROM", "DATE_TO"))
        # The portal names the last day; RFC 5545 the day after it.
        return TimeRange(first, last.add(days=1))
    name = event.get("TZ_FROM")
    zone = parse_zone(name, field="TZ_FROM") if isinstance(name, str) and name else UTC
    start = int(event["DATE_FROM_TS_UTC"])
    # For a series the second time stamp is the end of the series.
    end = start + int(event.get("DT_LENGTH") or 0) if event.get("RRULE") else int(event["DATE_TO_TS_UTC"])
    return TimeRange(from_timestamp(start, zone), from_timestamp(end, zone))


def _day(event: dict[str, Any], name: str) -> pendulum.Date:
    formatted = event.get(f"{name}_FORMATTED")
    if isinstance(formatted, str) and formatted:
        moment: datetime = datetime.strptime(" ".join(formatted.split()[:4]), "%a %b %d %Y")
    else:
        moment = from_timestamp(int(event[f"{name}_TS_UTC"]))
    return pendulum.date(moment.year, moment.month, moment.day)


def _day_window(start: pendulum.DateTime | pendulum.Date) -> Window:
    day = pendulum.datetime(start.year, start.month, start.day)
    return Window(day.subtract(days=_DAYS_AROUND), day.add(days=_DAYS_AROUND + 1))
