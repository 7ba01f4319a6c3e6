"""
Microsoft Graph's wire, v1.0 and beta.

Sources: Microsoft Graph reference, ``event: accept``, ``event: tentativelyAccept``, ``event: decline``,
``event`` resource, ``List calendarView``, ``event: delta``, ``Throttling limits``, ``National cloud deployments``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pendulum

from airflow_provider_rsvp.exceptions import (
    ChangeTokenExpiredError,
    ConfigurationError,
    CredentialsError,
    EventNotFoundError,
    InvalidInputError,
    MailboxNotFoundError,
    MalformedResponseError,
    PermissionDeniedError,
    ProposalNotAllowedError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
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
from airflow_provider_rsvp.services.client import CalendarClient, Changes, Sent, Shown, Window
from airflow_provider_rsvp.services.foreign import (
    Search,
    event_fields,
    foreign_id,
    foreign_texts,
    foreign_uid,
    read_attendees,
    read_row,
)
from airflow_provider_rsvp.services.msgraph_batch import BATCHING, SIZE
from airflow_provider_rsvp.services.oauth import Grant, read_grant
from airflow_provider_rsvp.services.wire import (
    Dialect,
    Exchange,
    Limits,
    Pages,
    Purpose,
    Request,
    Response,
    check_accepted,
    excerpt,
    expect,
    optional_text,
    reading,
    refused_for_load,
    required_text,
    server_error,
)
from airflow_provider_rsvp.times import UTC, parse_instant, utc_text

SERVICE = "Microsoft Graph"


def _refused_for_load(response: Response) -> bool:
    # No request of ours depends on another, so 424 says that its batch was throttled (Throttling guidance).
    return response.status == 424 or refused_for_load(response)


DIALECT = Dialect(
    SERVICE, Limits(per_mailbox=4, at_once=32), refused_for_load=_refused_for_load, batching=BATCHING
)
"""Outlook takes four requests at once for one app and mailbox (Throttling limits, Outlook service)."""

CAPABILITIES = Capabilities(
    statuses=frozenset(
        {ParticipationStatus.ACCEPTED, ParticipationStatus.TENTATIVE, ParticipationStatus.DECLINED}
    ),
    comment=True,
    silent=True,
    proposed_time=True,
    scopes=frozenset(Scope),
    mailboxes=True,
    ical_uid=True,
    response_is_proof=True,
    batch_size=SIZE,
)

LONGEST_WINDOW_DAYS = 1825
"""The longest calendar view; a longer one is answered with 400."""

DEFAULT_CALENDAR = "primary"
"""As a ``calendar_id``, names the default calendar outright: ``/me/calendar/events/…``."""

_ACTIONS = {
    ParticipationStatus.ACCEPTED: "accept",
    ParticipationStatus.TENTATIVE: "tentativelyAccept",
    ParticipationStatus.DECLINED: "decline",
}
_STATUSES = {
    "none": ParticipationStatus.NEEDS_ACTION,
    "notResponded": ParticipationStatus.NEEDS_ACTION,
    "tentativelyAccepted": ParticipationStatus.TENTATIVE,
    "accepted": ParticipationStatus.ACCEPTED,
    "declined": ParticipationStatus.DECLINED,
    "organizer": ParticipationStatus.ACCEPTED,
}
_RECURRENCES = {
    "singleInstance": Recurrence.SINGLE,
    "occurrence": Recurrence.INSTANCE,
    "exception": Recurrence.INSTANCE,
    "seriesMaster": Recurrence.SERIES,
}
_SENSITIVITIES = {
    "normal": Sensitivity.PUBLIC,
    "personal": Sensitivity.PRIVATE,
    "private": Sensitivity.PRIVATE,
    "confidential": Sensitivity.CONFIDENTIAL,
}
_FREE_BUSY = {
    "free": FreeBusy.FREE,
    "tentative": FreeBusy.TENTATIVE,
    "busy": FreeBusy.BUSY,
    "workingElsewhere": FreeBusy.FREE,
    "oof": FreeBusy.OUT_OF_OFFICE,
}
_SELECT = (
    "id,subject,responseStatus,isOrganizer,isCancelled,isDraft,responseRequested,allowNewTimeProposals,"
    "type,seriesMasterId,start,end,isAllDay,originalStart,organizer,attendees,iCalUId,webLink,"
    "bodyPreview,categories,sensitivity,showAs"
)
_SELECT_STATUS = "id,responseStatus,type,originalStart"
_PREFER = 'outlook.timezone="UTC", IdType="ImmutableId"'
_PAGE_SIZE = "250"
_NO_MAILBOX = frozenset({"mailboxnotenabledforrestapi", "errorinvaliduser", "resourcenotfound"})
_SYNC_STATE_ENDED = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})
_BAD_ID = frozenset(
    {"erroriidmalformed", "errorinvalididmalformed", "errorinvalididmalformedewslegacyidformat"}
)
_TOKEN_ADVICE = {
    "invalid_client": "Check the client id and the client secret or certificate; secrets expire.",
    "invalid_grant": (
        "The refresh token has ended or was revoked: sign in again and put the new refresh token "
        "into the connection."
    ),
    "unauthorized_client": "The application is not known in this tenant: check the tenant id and the client id.",
    "invalid_scope": "Check that the connection names the cloud that the application is registered in.",
    "interaction_required": "The tenant asks the user to sign in in person: authorise again.",
    "": "Check the tenant id, the client id and the credentials in the connection.",
}


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Microsoft's clouds: the addresses of Graph and of the sign-in service."""

    graph: str
    login: str


class CloudName(StrEnum):
    """The names under which a connection chooses a cloud."""

    GLOBAL = "global"
    US_GOV_L4 = "us_gov_l4"
    US_GOV_L5 = "us_gov_l5"
    CHINA = "china"


CLOUDS: Mapping[str, Cloud] = {
    CloudName.GLOBAL: Cloud("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    CloudName.US_GOV_L4: Cloud("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    CloudName.US_GOV_L5: Cloud("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    CloudName.CHINA: Cloud("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
}
VERSIONS = ("v1.0", "beta")


_OF_ONE_SERIES = (
    MalformedResponseError,
    InvalidInputError,
    MailboxNotFoundError,
    PermissionDeniedError,
    RejectedByServiceError,
    ChangeTokenExpiredError,
)
"""What may go wrong with reading one series, and says nothing about the others."""


class GraphCalendar(CalendarClient):
    """
    The calendars that one connection to Microsoft Graph reaches.

    :param exchange: carries requests to ``{graph root}/{version}/``
    :param mailbox: whose calendar, where a reference names none; None for the signed-in user (``/me``)
    :param app_only: whether the token is an application's own, which has no ``/me``
    """

    service = SERVICE
    capabilities = CAPABILITIES

    def __init__(self, exchange: Exchange, *, mailbox: str | None = None, app_only: bool = False) -> None:
        self._exchange = exchange
        self._mailbox = mailbox
        self._app_only = app_only

    def check(self, reference: EventReference, reply: Reply, scope: Scope) -> None:
        """Check what Graph cannot take, before any request."""
        if reply.comment and not reply.notify_organizer:
            raise InvalidInputError(
                "comment: Microsoft Graph carries a comment only to an organizer who is notified; "
                "drop the comment or set notify_organizer=True."
            )
        self._owner(reference.mailbox)

    async def observe(self, reference: EventReference, scope: Scope) -> Invitation:
        """Read one event; with ``series``, the series that an occurrence belongs to."""
        event = await self._event(reference)
        if scope is Scope.SERIES and event.get("seriesMasterId"):
            master = required_text(event, "seriesMasterId", f"read {reference}")
            event = await self._read(reference, master)
        what = f"read {reference}"
        with reading(what):
            return self._invitation(event, reference.mailbox, reference.calendar_id, what)

    async def read_status(self, invitation: Invitation) -> ParticipationStatus | None:
        """Read the mailbox's own response again."""
        reference = invitation.reference
        what = f"read back {reference}"
        url = self._event_path(reference, str(reference.event_id))
        event = await self._exchange_json(
            self._get(url, (("$select", "id,responseStatus"),), what, reference.mailbox)
        )
        with reading(what):
            return _STATUSES.get(event["responseStatus"]["response"])

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Post the one action that sets the status, always saying whether to mail the organizer."""
        reference = invitation.reference
        notify, comment, note = reply.notify_organizer, reply.comment, None
        if not invitation.response_requested and notify:
            # With sendResponse true the service answers 400 for such an event.
            if reply.proposed_time is not None:
                raise ProposalNotAllowedError(
                    "The organizer asked for no replies to this event, so a proposed time cannot reach them. "
                    "Answer without one."
                )
            notify, comment = False, None
            note = "The organizer asked for no replies, so the status was set and nobody was told."
            if reply.comment:
                note += " The comment was not delivered."
        body: dict[str, Any] = {"sendResponse": notify}
        if comment:
            body["comment"] = comment
        if reply.proposed_time is not None:
            body["proposedNewTime"] = {
                "start": _time_zone_time(reply.proposed_time.start),
                "end": _time_zone_time(reply.proposed_time.end),
            }
        action = _ACTIONS[reply.status]
        request = Request(
            what=f"{action} {reference}",
            method="POST",
            url=f"{self._event_path(reference, str(reference.event_id))}/{action}",
            purpose=Purpose.SEND,
            headers={"Prefer": 'IdType="ImmutableId"'},
            json=body,
            mailbox=self._owner(reference.mailbox),
        )
        response = await self._exchange.send(request)
        if not response.ok:
            raise _error(request, response)
        check_accepted(SERVICE, request, response)
        return Sent(organizer_notified=notify, note=note)

    async def list_invitations(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Invitation]:
        """Read the calendar view of a window to its last page: occurrences and single events."""
        what = f"list the events of {self._owner(mailbox) or 'the signed-in user'}"
        async for row in self._view(window, _SELECT, what, mailbox, calendar_id):
            yield self._listed(row, window, mailbox, calendar_id, what)

    async def list_statuses(
        self, window: Window, *, mailbox: str | None = None, calendar_id: str | None = None
    ) -> AsyncIterator[Shown]:
        """Read the mailbox's own responses from the calendar view of a window, and nothing else."""
        what = f"list the responses of {self._owner(mailbox) or 'the signed-in user'}"
        search = Search(what)
        async for row in self._view(window, _SELECT_STATUS, what, mailbox, calendar_id):
            shown = None
            with search.passing_over():
                event = event_fields(row, what)
                shown = self._reference(event, mailbox, calendar_id, what), _status(event, what)
            if shown is not None:
                yield shown

    async def changes(
        self,
        window: Window,
        since: str | None,
        *,
        mailbox: str | None = None,
        calendar_id: str | None = None,
    ) -> Changes:
        """
        Read the calendar view's delta: what is new or changed since a token; without one, all of the window.

        What was deleted, or moved out of the window, is left out.

        :param since: the delta token of an earlier call for the same window, mailbox and calendar; one that has ended
            counts as none
        """
        _check_length(window)
        if since is not None:
            try:
                return await self._round(
                    window, (("$deltatoken", since),), mailbox, calendar_id, complete=False
                )
            except ChangeTokenExpiredError:
                pass
        return await self._round(window, _bounds(window), mailbox, calendar_id, complete=True)

    async def account(self) -> Account:
        """Read whose default calendar the token opens, and what the token itself claims."""
        if self._app_only and self._mailbox is None:
            raise ConfigurationError(
                "mailbox: an application has no calendar of its own. Name a mailbox in the connection "
                "(it is also what tasks without a mailbox use)."
            )
        what = f"read the calendar of {self._mailbox or 'the signed-in user'}"
        request = self._get(
            f"{self._owner_path(None)}/calendar", (("$select", "name,owner,canEdit"),), what, None
        )
        body = await self._exchange_json(request)
        owner = body.get("owner")
        owner = owner if isinstance(owner, dict) else {}
        person = Person(optional_text(owner, "address"), optional_text(owner, "name"))
        who = str(person) if person.address or person.name else (self._mailbox or "the signed-in user")
        return Account(who=f"{who}" + (" (as an application)" if self._app_only else ""))

    async def _round(
        self,
        window: Window,
        query: tuple[tuple[str, str], ...],
        mailbox: str | None,
        calendar_id: str | None,
        *,
        complete: bool,
    ) -> Changes:
        """
        Read one round of changes to its last page, whose link carries the token for the next round.

        :raises ChangeTokenExpiredError: the token has ended
        """
        what = f"read the changes of {self._owner(mailbox) or 'the signed-in user'}"
        request = self._get(
            f"{self._calendar_path(mailbox, calendar_id)}/calendarView/delta", query, what, mailbox
        )
        request = replace(request, headers={"Prefer": f"{_PREFER}, odata.maxpagesize={_PAGE_SIZE}"})
        rows: dict[str | int, Any] = {}
        pages = Pages(what)
        while True:
            body = await self._exchange_json(request)
            for row in pages.read(body.get("value")):
                name = row.get("id") if isinstance(row, dict) else None
                # What comes twice in a round counts as it comes last.
                rows[name if isinstance(name, str) else len(rows)] = row
            link = body.get("@odata.nextLink")
            if not link:
                break
            request = replace(request, url=pages.following(link), query=())
        token = _delta_token(body.get("@odata.deltaLink"), what)
        left = [row for row in rows.values() if not (isinstance(row, dict) and "@removed" in row)]
        known: dict[str, dict[str, Any] | RsvpError] = {
            row["id"]: row for row in left if isinstance(row, dict) and isinstance(row.get("id"), str)
        }
        invitations = []
        for row in left:
            if isinstance(row, dict) and row.get("type") == "seriesMaster":
                continue
            try:
                whole = await self._whole(row, known, mailbox, calendar_id, what)
            except EventNotFoundError:
                # Deleted since the round began; the next round says so.
                continue
            except _OF_ONE_SERIES as problem:
                invitations.append(self._listed(row, window, mailbox, calendar_id, what, problem))
            else:
                invitations.append(self._listed(whole, window, mailbox, calendar_id, what))
        return Changes(tuple(invitations), token, complete)

    async def _whole(
        self,
        row: object,
        known: dict[str, dict[str, Any] | RsvpError],
        mailbox: str | None,
        calendar_id: str | None,
        what: str,
    ) -> object:
        """
        Return an occurrence of a round, which may name no more than its time, with what its series says.

        :param known: the events of the round, and what came of reading series that are not among them
        """
        series = row.get("seriesMasterId") if isinstance(row, dict) else None
        if not isinstance(row, dict) or "responseStatus" in row or not isinstance(series, str) or not series:
            return row
        if series not in known:
            try:
                with reading(what):
                    reference = EventReference(event_id=series, mailbox=mailbox, calendar_id=calendar_id)
                known[series] = {**await self._read(reference, series), "type": "seriesMaster"}
            except (EventNotFoundError, *_OF_ONE_SERIES) as problem:
                known[series] = problem
        found = known[series]
        if isinstance(found, RsvpError):
            raise found
        return {**found, "originalStart": _utc_text(row.get("start")), **row}

    async def _event(self, reference: EventReference) -> dict[str, Any]:
        if reference.event_id is not None:
            what = f"read {reference}"
            event = await self._read(reference, reference.event_id)
        else:
            what = f"find {reference}"
            event = await self._find(reference, what)
        if reference.original_start is None:
            return event
        if event.get("type") == "seriesMaster":
            return await self._instance(
                reference, required_text(event, "id", what), reference.original_start, what
            )
        if event.get("seriesMasterId") and _original_start(event) != reference.original_start:
            raise EventNotFoundError(
                f"original_start: {reference.original_start.isoformat()} is not when the instance with this id "
                "was first planned for. Give the id of the series, or leave original_start out."
            )
        return event

    async def _find(self, reference: EventReference, what: str) -> dict[str, Any]:
        uid = str(reference.ical_uid).replace("'", "''")
        url = self._calendar_path(reference.mailbox, reference.calendar_id) + "/events"
        query = (("$filter", f"iCalUId eq '{uid}'"), ("$select", _SELECT))
        search = Search(what)
        async for row in self._pages(url, query, what, reference.mailbox):
            with search.passing_over():
                return event_fields(row, what)
        raise search.not_found(
            EventNotFoundError(
                f"Microsoft Graph knows no {reference}. It may have been declined before, which deletes it."
            )
        )

    async def _instance(
        self, reference: EventReference, master: str, original_start: pendulum.DateTime, what: str
    ) -> dict[str, Any]:
        # A moved instance lies elsewhere in the calendar; a year on both sides finds it all the same.
        query = (
            ("startDateTime", original_start.in_timezone(UTC).subtract(days=366).to_iso8601_string()),
            ("endDateTime", original_start.in_timezone(UTC).add(days=366).to_iso8601_string()),
            ("$select", _SELECT),
            ("$top", _PAGE_SIZE),
        )
        url = f"{self._event_path(reference, master)}/instances"
        search = Search(what)
        async for row in self._pages(url, query, what, reference.mailbox):
            with search.passing_over():
                event = event_fields(row, what)
                if _original_start(event) == original_start:
                    return event
        raise search.not_found(
            EventNotFoundError(
                f"Microsoft Graph knows the series, but no instance of it that was first planned for "
                f"{original_start.isoformat()}."
            )
        )

    async def _read(self, reference: EventReference, event_id: str) -> dict[str, Any]:
        url = self._event_path(reference, event_id)
        return await self._exchange_json(
            self._get(url, (("$select", _SELECT),), f"read {reference}", reference.mailbox)
        )

    def _view(
        self, window: Window, select: str, what: str, mailbox: str | None, calendar_id: str | None
    ) -> AsyncIterator[object]:
        """Return the calendar view of a window, with the fields that are asked for."""
        _check_length(window)
        url = f"{self._calendar_path(mailbox, calendar_id)}/calendarView"
        return self._pages(url, (*_bounds(window), ("$select", select), ("$top", _PAGE_SIZE)), what, mailbox)

    async def _pages(
        self, url: str, query: tuple[tuple[str, str], ...], what: str, mailbox: str | None
    ) -> AsyncIterator[object]:
        request = self._get(url, query, what, mailbox)
        pages = Pages(what)
        while True:
            body = await self._exchange_json(request)
            for row in pages.read(body.get("value")):
                yield row
            link = body.get("@odata.nextLink")
            if not link:
                return
            request = self._get(pages.following(link), (), what, mailbox)

    def _get(self, url: str, query: tuple[tuple[str, str], ...], what: str, mailbox: str | None) -> Request:
        return Request(
            what=what,
            method="GET",
            url=url,
            purpose=Purpose.READ,
            query=query,
            headers={"Prefer": _PREFER},
            mailbox=self._owner(mailbox),
        )

    async def _exchange_json(self, request: Request) -> dict[str, Any]:
        response = await self._exchange.send(request)
        if not response.ok:
            raise _error(request, response)
        return response.json_object(request.what)

    def _owner(self, mailbox: str | None) -> str | None:
        owner = mailbox or self._mailbox
        if owner is None or owner.casefold() == "me":
            if self._app_only:
                raise ConfigurationError(
                    "mailbox: an application answers for other people and has no calendar of its own. "
                    "Name a mailbox in the task or in the connection."
                )
            return None
        return owner

    def _owner_path(self, mailbox: str | None) -> str:
        owner = self._owner(mailbox)
        if owner is None:
            return "me"
        if owner.startswith("$"):
            # Such a name is taken for a query option in the plain form (Known issues, Users).
            literal = owner.replace("'", "''")
            return f"users('{quote(literal, safe='')}')"
        return f"users/{quote(owner, safe='')}"

    def _calendar_path(self, mailbox: str | None, calendar_id: str | None) -> str:
        owner = self._owner_path(mailbox)
        if calendar_id is None:
            return owner
        if calendar_id == DEFAULT_CALENDAR:
            return f"{owner}/calendar"
        group, slash, calendar = calendar_id.partition("/")
        if slash:
            return f"{owner}/calendarGroups/{quote(group, safe='')}/calendars/{quote(calendar, safe='')}"
        return f"{owner}/calendars/{quote(calendar_id, safe='')}"

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
        problem: RsvpError | None = None,
    ) -> Invitation:
        """
        Return the invitation that one row of a listing stands for.

        :param problem: why its series cannot be read, without which the row says too little
        """

        def read(event: dict[str, Any]) -> Invitation:
            if problem is not None:
                raise MalformedResponseError(f"its series cannot be read: {problem}")
            return self._invitation(event, mailbox, calendar_id, what)

        return read_row(
            row,
            read,
            what=what,
            window=window,
            id_field="id",
            subject_field="subject",
            mailbox=self._owner(mailbox),
            calendar_id=calendar_id,
        )

    def _invitation(
        self, event: dict[str, Any], mailbox: str | None, calendar_id: str | None, what: str
    ) -> Invitation:
        attendees = expect(event.get("attendees") or [], list, what, "a list 'attendees'")
        organizer = _person(event.get("organizer"))
        return Invitation(
            reference=self._reference(event, mailbox, calendar_id, what),
            subject=optional_text(event, "subject") or "",
            time=_time_range(event, what),
            status=_status(event, what),
            organizer=organizer,
            recurrence=_recurrence(event),
            series_id=foreign_id(event.get("seriesMasterId")),
            is_organizer=event.get("isOrganizer") is True or _response(event, what) == "organizer",
            is_cancelled=event.get("isCancelled") is True,
            is_draft=event.get("isDraft") is True,
            response_requested=event.get("responseRequested") is not False,
            can_propose=event.get("allowNewTimeProposals") is not False,
            attendee_count=len(attendees),
            required=self._required(attendees, mailbox),
            link=optional_text(event, "webLink"),
            body=optional_text(event, "bodyPreview"),
            categories=foreign_texts(event.get("categories")),
            sensitivity=_SENSITIVITIES.get(str(event.get("sensitivity"))),
            free_busy=_FREE_BUSY.get(str(event.get("showAs"))),
            attendees=read_attendees(attendees, _attendee),
        )

    def _reference(
        self, event: dict[str, Any], mailbox: str | None, calendar_id: str | None, what: str
    ) -> EventReference:
        return EventReference(
            event_id=required_text(event, "id", what),
            ical_uid=foreign_uid(event.get("iCalUId")),
            original_start=_original_start(event) if _recurrence(event) is Recurrence.INSTANCE else None,
            mailbox=self._owner(mailbox),
            calendar_id=calendar_id,
        )

    def _required(self, attendees: Sequence[Any], mailbox: str | None) -> bool | None:
        owner = (self._owner(mailbox) or "").casefold()
        for each in attendees:
            person = each.get("emailAddress") if owner and isinstance(each, dict) else None
            address = optional_text(person, "address") if isinstance(person, dict) else None
            if address is not None and address.casefold() == owner:
                return bool(each.get("type") == "required")
        return None


def _check_length(window: Window) -> None:
    if (window.end - window.start).total_days() > LONGEST_WINDOW_DAYS:
        raise InvalidInputError(f"window: Microsoft Graph lists at most {LONGEST_WINDOW_DAYS} days at once.")


def _bounds(window: Window) -> tuple[tuple[str, str], ...]:
    return (
        ("startDateTime", utc_text(window.start)),
        ("endDateTime", utc_text(window.end)),
    )


def _delta_token(link: Any, what: str) -> str:
    """Return the token that a delta link carries; the rest of the link is the address of the mailbox."""
    address: str = expect(link, str, what, "an address '@odata.deltaLink'")
    with reading(what):
        tokens = parse_qs(urlsplit(address).query).get("$deltatoken")
    if not tokens:
        raise MalformedResponseError(f"Could not {what}: the answer's '@odata.deltaLink' carries no token.")
    return tokens[0]


def token_request(tenant: str, form: Mapping[str, str]) -> Request:
    """
    Return the request for a token of one tenant.

    :param form: one of :func:`client_secret_form`, :func:`assertion_form`, :func:`refresh_form`
    """
    return Request(
        what="get an access token",
        method="POST",
        url=f"{quote(tenant, safe='')}/oauth2/v2.0/token",
        purpose=Purpose.TOKEN,
        form=form,
    )


def client_secret_form(client_id: str, client_secret: str, graph: str) -> dict[str, str]:
    """Return the form of the client credentials grant with a secret."""
    return {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "scope": f"{graph.rstrip('/')}/.default",
    }


def assertion_form(client_id: str, assertion: str, graph: str) -> dict[str, str]:
    """Return the form of the client credentials grant with a signed assertion (RFC 7523, section 2.2)."""
    return {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        "scope": f"{graph.rstrip('/')}/.default",
    }


def refresh_form(client_id: str, client_secret: str | None, refresh_token: str, graph: str) -> dict[str, str]:
    """Return the form of the refresh token grant."""
    form = {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "refresh_token": refresh_token,
        "scope": f"{graph.rstrip('/')}/Calendars.ReadWrite offline_access",
    }
    return {**form, "client_secret": client_secret} if client_secret else form


def read_token(request: Request, response: Response) -> Grant:
    """Return what the sign-in service granted."""
    return read_grant("The Microsoft sign-in service", request, response, advice=_TOKEN_ADVICE)


def token_claims(access_token: str) -> dict[str, Any]:
    """
    Return the claims of an access token, or nothing where it is not a JWT that can be read.

    Only to tell a person about it: the token is the service's own and may change its form.
    """
    try:
        payload = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def _error(request: Request, response: Response) -> RsvpError:
    """Return the error that an answer stands for (Microsoft Graph error responses)."""
    body = response.json_or_none()
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code, message = excerpt(error.get("code") or ""), excerpt(error.get("message") or "")
    said = ", ".join(part for part in (f"HTTP {response.status}", code) if part)
    said += f": {message}" if message else ""
    kind = code.casefold()
    could_not = f"Could not {request.what}: Microsoft Graph says {said}"
    failed = server_error(SERVICE, request, response, said)
    if failed is not None:
        return failed
    if response.status == 410 or kind in _SYNC_STATE_ENDED:
        return ChangeTokenExpiredError(f"{could_not}. The changes have to be read anew from the start.")
    if response.status == 401:
        return CredentialsError(f"{could_not}. The access token is not accepted; get a new one.")
    if response.status == 403:
        return PermissionDeniedError(
            f"{could_not}. The token needs Calendars.ReadWrite, and the mailbox must be open to it "
            "(application access policy, delegation)."
        )
    if kind in _NO_MAILBOX:
        return MailboxNotFoundError(f"{could_not}. Check the mailbox.")
    if response.status == 404:
        return EventNotFoundError(
            f"{could_not}. The id is wrong, of another mailbox, or the event was declined or deleted before."
        )
    if kind in _BAD_ID:
        return InvalidInputError(
            f"event_id or calendar_id: {could_not}. One of them is no id of this service."
        )
    if response.status in (409, 423):
        if request.purpose is Purpose.SEND:
            return UnclearOutcomeError(f"{could_not}. The event changed meanwhile.")
        return ServiceUnavailableError(f"{could_not}. The event changed meanwhile.")
    return RejectedByServiceError(f"{could_not}.")


def _time_zone_time(value: pendulum.DateTime | pendulum.Date) -> dict[str, str]:
    """Return a ``dateTimeTimeZone`` in UTC."""
    assert isinstance(value, pendulum.DateTime)
    return {"dateTime": value.in_timezone(UTC).format("YYYY-MM-DDTHH:mm:ss"), "timeZone": "UTC"}


def _time_range(event: dict[str, Any], what: str) -> TimeRange:
    start, end = (_time(event[name], what) for name in ("start", "end"))
    return TimeRange(start.date(), end.date()) if event.get("isAllDay") is True else TimeRange(start, end)


def _time(value: Any, what: str) -> pendulum.DateTime:
    pair = expect(value, dict, what, "an object with 'dateTime' and 'timeZone'")
    zone = str(pair.get("timeZone", "UTC"))
    zone = "UTC" if zone.startswith("tzone://Microsoft/") else zone
    return parse_instant(pair["dateTime"], field="dateTime", timezone=zone)


def _utc_text(value: Any) -> str | None:
    """Return a ``dateTimeTimeZone``, which was asked for in UTC, as ``originalStart`` is written."""
    moment = value.get("dateTime") if isinstance(value, dict) else None
    return moment if isinstance(moment, str) else None


def _response(event: dict[str, Any], what: str) -> Any:
    # What is not told must not pass for "not responded": a reply to it would go out again and again.
    fields = expect(event.get("responseStatus") or {}, dict, what, "an object 'responseStatus'")
    return fields.get("response")


def _status(event: dict[str, Any], what: str) -> ParticipationStatus | None:
    return _STATUSES.get(_response(event, what))


def _recurrence(event: dict[str, Any]) -> Recurrence:
    return _RECURRENCES.get(event.get("type", "singleInstance"), Recurrence.SINGLE)


def _original_start(event: dict[str, Any]) -> pendulum.DateTime | None:
    value = event.get("originalStart")
    try:
        return parse_instant(value, field="originalStart", timezone="UTC") if value else None
    except InvalidInputError:
        return None


def _person(value: Any) -> Person | None:
    address = value.get("emailAddress") if isinstance(value, dict) else None
    if not isinstance(address, dict):
        return None
    return Person(optional_text(address, "address"), optional_text(address, "name"))


def _attendee(value: Any) -> Attendee:
    fields = value if isinstance(value, dict) else {}
    status = fields.get("status")
    response = status.get("response") if isinstance(status, dict) else None
    return Attendee(
        _person(fields) or Person(), _STATUSES.get(str(response)), required=fields.get("type") == "required"
    )
