"""The REST methods of the portal, those of the calendar first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pendulum

from airflow_provider_rsvp.sandbox.bitrix24 import php, rows
from airflow_provider_rsvp.sandbox.world import Attendee, Copy, Mailbox, Status, World, now

_SERVICE = "bitrix24"
_SETTABLE = {"Y": Status.ACCEPTED, "N": Status.DECLINED, "Q": Status.NEEDS_ACTION}
_NEAREST_CAP = 75


class MethodError(Exception):
    """An error response; methods' own errors have an empty code."""

    def __init__(self, code: str, text: str, status: int) -> None:
        super().__init__(text)
        self.code, self.text, self.status = code, text, status


@dataclass(frozen=True, slots=True)
class Caller:
    """The user in whose name a method runs."""

    user: str
    scopes: frozenset[str]
    origin: str
    external: bool = False
    application: bool = False


Params = dict[str, object]


class Methods:
    """Runs methods on the world."""

    def __init__(self, world: World, invite: Callable[..., Copy]) -> None:
        self._world = world
        self._invite = invite
        self._table: dict[str, tuple[str, Callable[[Caller, Params], object]]] = {
            "calendar.meeting.status.get": ("calendar", self._status_get),
            "calendar.event.get": ("calendar", self._event_get),
            "calendar.event.getbyid": ("calendar", self._event_get_by_id),
            "calendar.event.get.nearest": ("calendar", self._nearest),
            "calendar.section.get": ("calendar", self._sections),
            "profile": ("", self._profile),
            "user.current": ("user", self._user_current),
            "user.get": ("user", self._user_get),
            "scope": ("", lambda caller, params: sorted(caller.scopes)),
            "app.info": ("", self._app_info),
            "server.time": ("", lambda caller, params: now().isoformat(timespec="seconds")),
            "methods": (
                "",
                lambda caller, params: sorted({*self._table, "calendar.meeting.status.set", "batch"}),
            ),
        }

    def call(self, method: str, caller: Caller, params: Params, *, effective: bool) -> Any:
        """Run the method; MethodError when it has no result."""
        if method == "calendar.meeting.status.set":
            self._check_scope("calendar", caller)
            return self._status_set(caller, params, effective)
        if method not in self._table:
            raise MethodError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
        scope, run = self._table[method]
        self._check_scope(scope, caller)
        return run(caller, params)

    def _check_scope(self, scope: str, caller: Caller) -> None:
        if scope and scope not in caller.scopes:
            raise MethodError("insufficient_scope", "The request requires higher privileges.", 403)

    def _status_set(self, caller: Caller, params: Params, effective: bool) -> bool:
        """Set the caller's status; true whether or not it had an effect (docs: calendar.meeting.status.set)."""
        for name in ("eventId", "status"):
            if php.empty(params.get(name)):
                raise MethodError("", f'Parameter "{name}" of "calendar.meeting.status.set" is missing', 400)
        letter = str(params["status"]).upper()
        if letter not in _SETTABLE:
            raise MethodError("", 'The value of parameter "#PARAM_NAME#" is not valid', 400)
        if effective:
            self._take_effect(caller, php.integer(params["eventId"]), _SETTABLE[letter])
        return True

    def _take_effect(self, caller: Caller, event_id: int, status: Status) -> None:
        """Take any row of the family; a caller who is not invited changes nothing, but may join an open meeting."""
        row = self._row(event_id)
        if row is None or not row.meeting.attendees:
            return
        mine = row.meeting.copies.get(caller.user)
        if mine is None:
            if not (row.meeting.open and status is Status.ACCEPTED):
                return
            mailbox = self._mailbox(caller.user)
            row.meeting.attendees[mailbox.person.key] = Attendee(mailbox.person)
            mine = self._invite(mailbox, row.meeting)
        self._world.answer(mine, status)
        if status is Status.ACCEPTED and mine.meeting.repeat is not None:
            for split in mine.meeting.occurrences:
                if caller.user in split.copies:
                    self._world.answer(split.copies[caller.user], status)
        if mine.meeting.notify and not mine.organizing:
            kind = Status.ACCEPTED if status is Status.ACCEPTED else Status.DECLINED
            self._world.tell(mine, kind)

    def _status_get(self, caller: Caller, params: Params) -> str | None:
        if php.empty(params.get("eventId")):
            raise MethodError("", 'Parameter "eventId" of "calendar.meeting.status.get" is missing', 400)
        row = self._row(php.integer(params["eventId"]))
        if row is None or not row.meeting.attendees:
            raise MethodError("", "The status could not be retrieved", 400)
        mine = row.meeting.copies.get(caller.user)
        return rows.status(mine) if mine is not None else None

    def _event_get_by_id(self, caller: Caller, params: Params) -> dict[str, object] | None:
        if php.empty(params.get("id")):
            raise MethodError("", 'Parameter "id" of "calendar.event.getById" is missing', 400)
        row = self._row(php.integer(params["id"]))
        if row is None or not self._visible(row, caller):
            return None
        return rows.show(row)

    def _event_get(self, caller: Caller, params: Params) -> list[dict[str, object]]:
        owner = self._owner(caller, params, "calendar.event.get")
        given = [_moment(name, params.get(name)) for name in ("from", "to")]
        if given == [None, None]:
            given = [now() - timedelta(days=30), now() + timedelta(days=90)]
        start = given[0] or datetime(1970, 1, 2, tzinfo=UTC)
        end = given[1] or datetime(2037, 12, 30, tzinfo=UTC)
        sections = {str(section) for section in php.values(params.get("section"))}
        asked = (row for row in self._agenda(owner, caller) if not sections or row.calendar_id in sections)
        return list(rows.in_window(asked, start, end))

    def _nearest(self, caller: Caller, params: Params) -> list[dict[str, object]]:
        owner = (
            self._world.mailbox(_SERVICE, caller.user)
            if php.empty(params.get("type"))
            else self._owner(caller, params, "calendar.event.get.nearest")
        )
        end = now() + timedelta(days=php.integer(params.get("days")) or 60)
        most = min(php.integer(params.get("maxEventsCount")) or _NEAREST_CAP, _NEAREST_CAP)
        wanted = (
            row for row in self._agenda(owner, caller) if row.organizing or row.status is not Status.DECLINED
        )
        return list(rows.in_window(wanted, now(), end))[:most]

    def _sections(self, caller: Caller, params: Params) -> list[dict[str, object]]:
        owner = self._owner(caller, params, "calendar.section.get")
        if owner is None:
            return []
        return [
            {
                "ID": section.id,
                "NAME": section.name,
                "CAL_TYPE": "user",
                "OWNER_ID": owner.id,
                "ACTIVE": "Y",
                "PERM": {
                    "view_time": True,
                    "view_title": True,
                    "view_full": True,
                    "edit": not section.read_only,
                    "add": not section.read_only,
                },
            }
            for section in owner.calendars.values()
        ]

    def _profile(self, caller: Caller, params: Params) -> dict[str, object]:
        user = self._user(self._mailbox(caller.user))
        return {
            name: user[name] for name in ("ID", "ADMIN", "NAME", "LAST_NAME", "TIME_ZONE", "TIME_ZONE_OFFSET")
        }

    def _user_current(self, caller: Caller, params: Params) -> dict[str, object]:
        return self._user(self._mailbox(caller.user))

    def _user_get(self, caller: Caller, params: Params) -> list[dict[str, object]]:
        wanted = params.get("FILTER") or params.get("filter")
        source = wanted if isinstance(wanted, dict) else params
        ids = {str(each) for each in php.values(source.get("ID", source.get("id")))}
        return [self._user(box) for box in self._world.of(_SERVICE) if not ids or box.id in ids]

    def _app_info(self, caller: Caller, params: Params) -> dict[str, object]:
        if not caller.application:
            raise MethodError("WRONG_AUTH_TYPE", "Current authorization type is denied for this method", 403)
        return {
            "ID": 1,
            "CODE": "sandbox",
            "VERSION": 1,
            "STATUS": "L",
            "INSTALLED": True,
            "PAYMENT_EXPIRED": "N",
            "DAYS": None,
            "LICENSE": "sandbox",
        }

    def _row(self, event_id: int) -> Copy | None:
        """Find the row, unless it is deleted: a cancelled meeting is."""
        row = self._world.find(_SERVICE, str(event_id))
        return row if row is not None and not row.meeting.cancelled else None

    def _agenda(self, owner: Mailbox | None, caller: Caller) -> list[Copy]:
        if owner is None:
            return []
        return [row for row in owner.agenda() if not row.meeting.cancelled and self._visible(row, caller)]

    def _visible(self, row: Copy, caller: Caller) -> bool:
        return caller.user in row.meeting.copies or not (row.meeting.private or caller.external)

    def _owner(self, caller: Caller, params: Params, method: str) -> Mailbox | None:
        """Return the owner of the calendar; None for types of calendars that are empty here."""
        if php.empty(params.get("type")):
            raise MethodError("", f'Parameter "type" of "{method}" is missing', 400)
        if caller.external:
            raise MethodError("", "Access denied", 400)
        if params["type"] != "user":
            return None
        return self._world.mailbox(_SERVICE, str(php.integer(params.get("ownerId"))))

    def _mailbox(self, user: str) -> Mailbox:
        mailbox = self._world.mailbox(_SERVICE, user)
        assert mailbox is not None, "only users of the portal have credentials"
        return mailbox

    def _user(self, mailbox: Mailbox) -> dict[str, object]:
        first, _, last = mailbox.person.name.partition(" ")
        offset = now().astimezone(ZoneInfo(mailbox.zone)).utcoffset() or timedelta()
        return {
            "ID": mailbox.id,
            "ACTIVE": True,
            "ADMIN": False,
            "NAME": first,
            "LAST_NAME": last,
            "EMAIL": mailbox.person.address,
            "TIME_ZONE": mailbox.zone,
            "TIME_ZONE_OFFSET": int(offset.total_seconds()),
            "USER_TYPE": "employee",
        }


def _moment(name: str, value: object) -> datetime | None:
    """Read a date or a date and time, on the server's clock when it has no offset."""
    if php.empty(value):
        return None
    try:
        moment = pendulum.parse(str(value), strict=False, tz="UTC")
    except ValueError:
        raise MethodError("", f'The value of parameter "{name}" is not valid', 400) from None
    if not isinstance(moment, pendulum.DateTime):
        raise MethodError("", f'The value of parameter "{name}" is not valid', 400)
    return moment
