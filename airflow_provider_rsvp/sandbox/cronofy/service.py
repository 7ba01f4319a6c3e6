"""Cronofy's endpoints: events, participation status, calendars, profiles, account."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_rsvp.sandbox import seed as samples
from airflow_provider_rsvp.sandbox.cronofy import batch, events, oauth, seed
from airflow_provider_rsvp.sandbox.cronofy.account import (
    providers,
    show_account,
    show_calendar,
    show_profile,
    show_userinfo,
)
from airflow_provider_rsvp.sandbox.cronofy.errors import invalid
from airflow_provider_rsvp.sandbox.limits import Window
from airflow_provider_rsvp.sandbox.tokens import Grant
from airflow_provider_rsvp.sandbox.wire import MALFORMED, Call, RefusedError, Response
from airflow_provider_rsvp.sandbox.world import Copy, Mailbox, Meeting, Status, now

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_SETTABLE = {"accepted": Status.ACCEPTED, "tentative": Status.TENTATIVE, "declined": Status.DECLINED}
_LOOK_BACK, _LOOK_AHEAD = timedelta(days=42), timedelta(days=201)
_DELETES_DECLINED = "exchange"


@dataclass(slots=True)
class _Pages:
    """A listing that was begun: its events, and how they are shown."""

    account: str
    copies: list[Copy]
    localized: bool
    google_ids_of: frozenset[str]
    """The calendars whose events show their Google id."""
    size: int

    @property
    def total(self) -> int:
        return max(1, -(-len(self.copies) // self.size))

    def page(self, number: int) -> list[Copy]:
        return self.copies[(number - 1) * self.size : number * self.size]


class Cronofy:
    """The service at ``/cronofy``."""

    name = "cronofy"
    title = "Cronofy"

    def __init__(self, state: State) -> None:
        self._state = state
        self._second, self._minute = Window(50, 1.0), Window(500, 60.0)
        self._pages: OrderedDict[str, tuple[_Pages, int]] = OrderedDict()
        self._bulk: list[seed.Account] = []

    # what the server needs

    def begin(self) -> None:
        """Fill the fresh world and the fresh token store."""
        world, bulk = self._state.world, self._state.options.bulk
        seed.fill(self, world)
        for number in range(1, bulk.mailboxes + 1):
            short = f"bulk-{number}"
            self._bulk.append(seed.account(short, f"Bulk {number}", "UTC"))
        boxes = [seed.open_account(world, account) for account in self._bulk]
        olga = samples.organizers("company.example")["olga"]
        for index in range(bulk.invitations):
            box = boxes[index % len(boxes)]
            self.invite(box, samples.bulk(index, olga, box.person))
        for account in (*seed.accounts(), *self._bulk):
            self._allow(account)

    def label(self, call: Call) -> None:
        """Set the call's operations, mailbox and event ids."""
        match call.segments:
            case ("oauth", "token"):
                call.operations = ("token",)
            case ("v1", "calendars", _, "events", uid, "participation_status"):
                call.operations = ("send",)
                call.event_ids = (uid,)
            case ("v1", "events", *_):
                call.operations = ("observe", "list")
            case ("v1", "batch"):
                call.operations = ("batch",)
            case _:
                call.operations = ("account",)
        token = self._state.tokens.find(self.name, call.bearer)
        if token is not None:
            call.mailbox = token.grant.mailbox

    def admit(self, call: Call) -> Response | None:
        """Count the call against the limits."""
        if "token" in call.operations:
            return None
        waits = [wait for wait in (self._second.take(), self._minute.take()) if wait is not None]
        return Response(429) if waits else None

    def leave(self, call: Call) -> None:
        """Nothing is counted by duration."""

    def failure(self, call: Call, status: int) -> Response:
        """Make a response of this status in the service's shape."""
        if "token" in call.operations:
            return Response(status, {"error": "invalid_grant" if status == 400 else "server_error"})
        if status == 422:
            return invalid("base", "invalid", "the request is invalid")
        return Response(status)

    def connections(self, origin: str) -> dict[str, dict[str, object]]:
        """Offer Airflow connections to the service."""
        host = f"{origin}/{self.name}"
        first = seed.accounts()[0]
        offered: dict[str, dict[str, object]] = {
            "cronofy_default": self._static_connection(host, first),
            "cronofy_refresh": {
                "conn_type": "cronofy",
                "host": host,
                "login": seed.CLIENT_ID,
                "extra": {
                    "client_secret": seed.CLIENT_SECRET,
                    "refresh_token": first.refresh_token,
                    "calendar_id": first.calendars[0].id,
                },
            },
        }
        for account in (*seed.accounts()[1:], *self._bulk):
            name = account.short.replace("-", "_")
            offered[f"cronofy_{name}"] = self._static_connection(host, account)
        return offered

    def invite(
        self,
        mailbox: Mailbox,
        meeting: Meeting,
        *,
        status: Status = Status.NEEDS_ACTION,
        calendar_id: str | None = None,
        note: str = "",
    ) -> Copy:
        """One event, or one event per instance of a series: Cronofy shows no series as such."""
        if meeting.repeat is not None:
            if not meeting.occurrences:
                for index, start in enumerate(meeting.repeat.starts(meeting.start), 1):
                    meeting.occurrence(index, start)
            copies = [
                self.invite(mailbox, each, status=status, calendar_id=calendar_id, note=note)
                for each in meeting.occurrences
            ]
            self._state.world.slugs[self.name, mailbox.id, meeting.slug] = copies[0].event_id
            return copies[0]
        managed = meeting.slug == seed.MANAGED.slug
        owner = "" if mailbox.id == seed.alice().id else f"{mailbox.id.removeprefix('acc_')}_"
        organizing = meeting.organizer.key == mailbox.person.key
        return self._state.world.put(
            Copy(
                self.name,
                mailbox.id,
                calendar_id or mailbox.primary.id,
                f"evt_{'partner' if managed else 'external'}_{owner}{meeting.slug}",
                meeting,
                status=Status.ACCEPTED if organizing else status,
                organizing=organizing,
                managed=managed,
                note=note,
            )
        )

    def cancel(self, copy: Copy) -> None:
        """Let the organizer cancel the meeting."""
        self._state.world.cancel(copy.meeting)

    def respond(self, call: Call) -> Response:
        """Do what the call asks."""
        try:
            match (call.method, *call.segments):
                case ("POST", "oauth", "token"):
                    return oauth.token(self._state, call)
                case ("POST", "oauth", "token", "revoke"):
                    return oauth.revoke(self._state, call)
                case (_, "v1", *rest):
                    return self._authorized(call, tuple(rest))
                case _:
                    return Response(404)
        except RefusedError as refusal:
            return refusal.response

    # the API below /v1

    def _authorized(self, call: Call, rest: tuple[str, ...]) -> Response:
        token = self._state.tokens.find(self.name, call.bearer)
        if token is None or token.expired or token.revoked or token.grant.mailbox is None:
            return Response(401)
        account = self._state.world.mailbox(self.name, token.grant.mailbox)
        if account is None:
            return Response(401)
        match (call.method, *rest):
            case ("GET", "events"):
                return self._read_events(call, account)
            case ("GET", "events", "pages", page):
                return self._next_page(call, account, page)
            case ("POST", "calendars", calendar_id, "events", uid, "participation_status"):
                return self._set_status(call, account, token.grant, calendar_id, uid)
            case ("GET", "calendars"):
                return Response(
                    body={"calendars": [show_calendar(each, account) for each in account.calendars]}
                )
            case ("GET", "profiles"):
                return Response(
                    body={"profiles": [show_profile(name, account) for name in providers(account)]}
                )
            case ("GET", "userinfo"):
                return Response(body=show_userinfo(account, token.grant))
            case ("GET", "account"):
                return Response(body={"account": show_account(account, token.grant)})
            case ("POST", "batch"):
                return batch.response(call)
            case _:
                return Response(404)

    def _set_status(self, call: Call, account: Mailbox, grant: Grant, calendar_id: str, uid: str) -> Response:
        if "change_participation_status" not in grant.scopes:
            return Response(403)
        calendar = account.calendars.get(calendar_id)
        if calendar is None:
            return Response(404)
        if not uid.startswith("evt_external_"):
            return invalid(
                "event_uid", "must_be_external_event_uid", "event uid must be a valid external event uid"
            )
        copy = self._state.world.find(self.name, uid)
        if copy is None or copy.mailbox != account.id or copy.calendar_id != calendar_id or copy.deleted:
            return Response(404)
        if calendar.read_only:
            return invalid("calendar_id", "calendar_readonly", "the calendar is read-only")
        if not copy.changeable or copy.organizing:
            return invalid(
                "event_uid",
                "change_participation_status_not_permitted",
                "the event does not permit this change",
            )
        if call.data is MALFORMED:
            return invalid("base", "malformed", "the body is not JSON")
        wanted = call.fields.get("status")
        if wanted is None:
            return invalid("status", "required", "required")
        status = _SETTABLE.get(wanted) if isinstance(wanted, str) else None
        if status is None:
            return invalid("status", "invalid", "not an acceptable value")
        if call.effective:
            self._settle(lambda: self._take_effect(copy, status, calendar.provider))
        return Response(202)

    def _settle(self, effect: Callable[[], None]) -> None:
        if delay := self._state.options.cronofy_settle:
            asyncio.get_running_loop().call_later(delay, effect)
        else:
            effect()

    def _take_effect(self, copy: Copy, status: Status, provider: str) -> None:
        if copy.deleted:
            return
        world = self._state.world
        if world.find(self.name, copy.event_id) is not copy:
            return  # a reset came in between
        world.answer(copy, status)
        world.tell(copy, status)
        copy.deleted = status is Status.DECLINED and provider == _DELETES_DECLINED

    def _read_events(self, call: Call, account: Mailbox) -> Response:
        query = call.query
        zone = _zone(query.get("tzid"))
        start = _moment(query, "from", zone)
        end = _moment(query, "to", zone)
        since = _moment(query, "last_modified", zone)
        floor = now() - _LOOK_BACK
        if start is not None and start < floor - timedelta(days=1):
            return invalid("from", "too_far_in_past", "must be within the last 42 days")
        ranged = start is not None or end is not None
        start, end = start or floor, end or now() + _LOOK_AHEAD
        calendars = set(query.getall("calendar_ids[]", []))
        only_managed = _flag(query, "only_managed")
        managed = only_managed or _flag(query, "include_managed")
        deleted = _flag(query, "include_deleted")

        def wanted(copy: Copy) -> bool:
            unbound = copy.managed and not ranged
            return (
                (not calendars or copy.calendar_id in calendars)
                and (copy.managed or not only_managed)
                and (managed or not copy.managed)
                and (deleted or not copy.deleted)
                and (since is None or copy.updated >= since)
                and (unbound or (copy.meeting.start < end and copy.meeting.end >= start))
            )

        pages = _Pages(
            account.id,
            [copy for copy in account.agenda() if wanted(copy)],
            _flag(query, "localized_times"),
            frozenset(
                calendar.id
                for calendar in account.calendars.values()
                if calendar.provider == "google" and _flag(query, "google_event_ids")
            ),
            self._state.options.cronofy_page_size,
        )
        return self._page(call, pages, 1)

    def _next_page(self, call: Call, account: Mailbox, page: str) -> Response:
        pages, number = self._pages.get(page, (None, 0))
        if pages is None or pages.account != account.id:
            return Response(404)
        return self._page(call, pages, number)

    def _page(self, call: Call, pages: _Pages, number: int) -> Response:
        about: dict[str, object] = {"current": number, "total": pages.total}
        if number < pages.total:
            following = secrets.token_hex(8)
            self._pages[following] = (pages, number + 1)
            while len(self._pages) > 1000:
                self._pages.popitem(last=False)
            about["next_page"] = f"{call.origin}/{self.name}/v1/events/pages/{following}"
        shown = [
            events.show(
                copy,
                localized=pages.localized,
                google_event_id=copy.calendar_id in pages.google_ids_of,
            )
            for copy in pages.page(number)
        ]
        return Response(body={"pages": about, "events": shown})

    # tokens

    def _allow(self, account: seed.Account) -> None:
        tokens = self._state.tokens
        grant = Grant(self.name, seed.CLIENT_ID, account.id, seed.SCOPES)
        reading = Grant(self.name, seed.CLIENT_ID, account.id, seed.SCOPES - {"change_participation_status"})
        tokens.static(account.access_token, grant)
        tokens.static(account.readonly_access_token, reading)
        tokens.allow_refresh(account.refresh_token, grant)

    def _static_connection(self, host: str, account: seed.Account) -> dict[str, object]:
        return {
            "conn_type": "cronofy",
            "host": host,
            "password": account.access_token,
            "extra": {"calendar_id": account.calendars[0].id},
        }


def _zone(name: str | None) -> ZoneInfo:
    if not name:
        raise RefusedError(invalid("tzid", "required", "required"))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RefusedError(invalid("tzid", "invalid", "not a known time zone")) from None


def _moment(query: Mapping[str, str], name: str, zone: ZoneInfo) -> datetime | None:
    value = query.get(name)
    if not value:
        return None
    try:
        return events.read_time(value, zone)
    except ValueError:
        raise RefusedError(invalid(name, "invalid", "not a valid date or time")) from None


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").casefold() in ("true", "1")
