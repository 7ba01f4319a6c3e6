"""Graph's endpoints below v1.0 and beta, and who may use them."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_rsvp.sandbox import seed as samples
from airflow_provider_rsvp.sandbox.graph import (
    actions,
    batch,
    delta,
    events,
    ids,
    login,
    odata,
    prefer,
    seed,
    target,
)
from airflow_provider_rsvp.sandbox.graph.errors import error, refuse
from airflow_provider_rsvp.sandbox.graph.prefer import Preferences
from airflow_provider_rsvp.sandbox.graph.target import Target
from airflow_provider_rsvp.sandbox.limits import Gate, Window
from airflow_provider_rsvp.sandbox.odd_events import put_odd_event
from airflow_provider_rsvp.sandbox.tokens import Grant
from airflow_provider_rsvp.sandbox.wire import Call, RefusedError, Response
from airflow_provider_rsvp.sandbox.world import Calendar, Copy, Mailbox, Meeting, Status

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_LONGEST_VIEW = timedelta(days=1825)
_WRITING = frozenset({"Calendars.ReadWrite"})
_READING = _WRITING | {"Calendars.Read"}


class Graph:
    """The service at ``/graph``."""

    name = "graph"
    title = "Microsoft Graph"

    def __init__(self, state: State) -> None:
        self._state = state
        self._gate = Gate(batch.AT_ONCE)
        self._window = Window(10_000, 600.0)
        self._epoch = secrets.token_hex(4)
        self._users: dict[str, seed.User] = {}

    # what the server needs

    def begin(self) -> None:
        """Fill the fresh world and the fresh token store."""
        world, bulk = self._state.world, self._state.options.bulk
        seed.fill(self, world)
        many = [seed.bulk_user(number) for number in range(1, bulk.mailboxes + 1)]
        boxes = [seed.open_user(world, user) for user in many]
        olga = samples.organizers(seed.DOMAIN)["olga"]
        for index in range(bulk.invitations):
            box = boxes[index % len(boxes)]
            self.invite(box, samples.bulk(index, olga, box.person))
        for user in (*seed.USERS, *many):
            self._users[user.id] = self._users[user.upn.casefold()] = user
        for user in seed.USERS:
            grant = Grant(self.name, seed.CLIENT_ID, user.upn, seed.SCOPES)
            reading = Grant(self.name, seed.CLIENT_ID, user.upn, seed.READONLY_SCOPES)
            self._state.tokens.static(user.access_token, grant)
            self._state.tokens.static(user.readonly_access_token, reading)
            self._state.tokens.allow_refresh(user.refresh_token, grant)

    def label(self, call: Call) -> None:
        """Set the call's operations, mailbox and event ids."""
        if not call.segments or call.segments[0].casefold() not in target.VERSIONS:
            call.operations = ("token",) if call.segments[-1:] == ("token",) else ("account",)
            return
        aim = target.parse(call.segments)
        call.operations = (aim.operation,)
        if aim.kind in ("batch", "unknown"):
            return
        token = self._state.tokens.find(self.name, call.bearer)
        if aim.user is not None:
            user = self._users.get(aim.user.casefold())
            call.mailbox = user.upn if user else aim.user
        elif token is not None:
            call.mailbox = token.grant.mailbox
        if aim.event:
            copy = self._state.world.find(self.name, aim.event)
            both = (copy.event_id, events.event_id(copy, immutable=True)) if copy else ()
            call.event_ids = tuple(dict.fromkeys((aim.event, *both)))

    def admit(self, call: Call) -> Response | None:
        """Count the call against the limits."""
        if call.mailbox is None:
            return None
        if not self._gate.enter(self._pair(call)):
            return error(
                429,
                "ApplicationThrottled",
                "Application is over its MailboxConcurrency limit.",
                {"Retry-After": "1"},
            )
        if (wait := self._window.take(self._pair(call))) is not None:
            self._gate.leave(self._pair(call))
            return error(429, headers={"Retry-After": str(int(wait) + 1)})
        return None

    def leave(self, call: Call) -> None:
        """End an admitted call."""
        if call.mailbox is not None:
            self._gate.leave(self._pair(call))

    def failure(self, call: Call, status: int) -> Response:
        """Make a response of this status in the service's shape."""
        return login.failure(status) if "token" in call.operations else error(status)

    def connections(self, origin: str) -> dict[str, dict[str, object]]:
        """Offer Airflow connections to the service."""
        host = f"{origin}/{self.name}"
        login_extra: dict[str, object] = {"tenant_id": seed.TENANT_ID, "login_host": host}
        client: dict[str, object] = {
            "conn_type": "msgraph_calendar",
            "host": host,
            "login": seed.CLIENT_ID,
            "password": seed.CLIENT_SECRET,
        }
        return {
            "msgraph_calendar_default": {**client, "extra": {**login_extra, "mailbox": seed.ALICE.upn}},
            "msgraph_calendar_delegated": {
                **client,
                "extra": {**login_extra, "refresh_token": seed.ALICE.refresh_token},
            },
            "msgraph_calendar_static": {
                "conn_type": "msgraph_calendar",
                "host": host,
                "extra": {"access_token": seed.ALICE.access_token},
            },
        }

    def invite(
        self,
        mailbox: Mailbox,
        meeting: Meeting,
        *,
        status: Status = Status.NEEDS_ACTION,
        calendar_id: str | None = None,
        note: str = "",
    ) -> Copy:
        """Lay a single event, or a series master with its occurrences."""
        organizing = meeting.organizer.key == mailbox.person.key
        copy = Copy(
            self.name,
            mailbox.id,
            calendar_id or mailbox.primary.id,
            ids.default(mailbox.id, meeting.slug),
            meeting,
            status=Status.ACCEPTED if organizing else status,
            organizing=organizing,
            note=note,
        )
        self._state.world.put(copy, ids.immutable(mailbox.id, meeting.slug))
        if meeting.repeat is not None:
            if not meeting.occurrences:
                for index, start in enumerate(meeting.repeat.starts(meeting.start), 1):
                    meeting.occurrence(index, start)
            for each in meeting.occurrences:
                occurrence = self.invite(mailbox, each, status=status, calendar_id=calendar_id, note=note)
                occurrence.master = copy
                copy.occurrences.append(occurrence)
        return copy

    def cancel(self, copy: Copy) -> None:
        """Let the organizer cancel the meeting."""
        self._state.world.cancel(copy.meeting)

    def respond(self, call: Call) -> Response:
        """Do what the call asks."""
        try:
            match (call.method, *(part.casefold() for part in call.segments)):
                case ("POST", _, "oauth2", "v2.0", "token"):
                    return login.token(self._state, call, call.segments[0])
                case ("GET", _, "v2.0", ".well-known", "openid-configuration"):
                    return login.configuration(call, call.segments[0])
                case (_, "v1.0" | "beta", *_):
                    return self._serve(call)
                case _:
                    return error(404, "ResourceNotFound", "Resource not found.")
        except RefusedError as refusal:
            return refusal.response

    # below v1.0 and beta

    def _serve(self, call: Call) -> Response:
        aim = target.parse(call.segments)
        grant = self._grant(call)
        method = "POST" if aim.kind in ("action", "batch") else "GET"
        if aim.kind == "unknown" or call.method != method:
            raise refuse(
                400 if aim.kind == "unknown" else 405, "BadRequest", "Resource not found for the segment."
            )
        if aim.kind == "batch":
            items = batch.read(call)
            shown = batch.run(items, self.label, self._serve_item, limits=self._state.options.limits)
            return Response(body={"responses": shown})
        preferences = prefer.read(call)
        response = self._serve_mailbox(call, aim, grant, preferences)
        if preferences.applied:
            response.headers["Preference-Applied"] = preferences.applied
        return response

    def _serve_item(self, call: Call) -> Response:
        """One item of a batch, with the faults that strike it."""
        rule = self._state.faults.strike_item(call)
        if rule is None:
            return self._serve_throttled(call)
        if rule.kind == "no_effect":
            call.effective = False
            return self._serve_throttled(call)
        if rule.kind == "odd_event":
            response = self._serve_throttled(call)
            response.body = put_odd_event(response.body, rule.body)
            return response
        if rule.when == "after":
            self._serve_throttled(call)
        failed = error(rule.status or 503)
        failed.headers |= rule.headers
        failed.body = failed.body if rule.body is None else rule.body
        return failed

    def _serve_throttled(self, call: Call) -> Response:
        try:
            if (
                self._state.options.limits
                and call.mailbox is not None
                and self._window.take(self._pair(call))
            ):
                return error(429)
            return self._serve(call)
        except RefusedError as refusal:
            return refusal.response

    def _grant(self, call: Call) -> Grant:
        token = self._state.tokens.find(self.name, call.bearer)
        if token is None or token.revoked:
            raise refuse(401, "InvalidAuthenticationToken", "CompactToken validation failed.")
        if token.expired:
            raise refuse(
                401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."
            )
        return token.grant

    def _serve_mailbox(self, call: Call, aim: Target, grant: Grant, preferences: Preferences) -> Response:
        user = self._user(aim, grant)
        if aim.kind == "user":
            return Response(body=_show_user(user))
        mailbox = self._mailbox(user, grant, writing=aim.kind == "action")
        match aim.kind:
            case "settings":
                return Response(body={"timeZone": mailbox.zone})
            case "groups":
                return Response(body={"value": _groups(mailbox)})
            case "calendars":
                return Response(
                    body={"value": [_show_calendar(each, mailbox) for each in _calendars(mailbox, aim)]}
                )
            case "calendar":
                return Response(body=_show_calendar(self._calendar(mailbox, aim), mailbox))
            case "events" | "view" | "instances":
                return Response(body=self._list(call, aim, mailbox, preferences))
            case "delta":
                calendar = self._calendar(mailbox, aim)
                body = delta.respond(call, mailbox, calendar.id, preferences, self._epoch, aim.version)
                return Response(body=body)
        copy = self._copy(mailbox, aim)
        if aim.kind == "action":
            return self._act(call, aim, mailbox, copy)
        shown = events.show(copy, preferences, aim.version)
        return Response(body=odata.project(shown, odata.selection(call)))

    def _list(self, call: Call, aim: Target, mailbox: Mailbox, preferences: Preferences) -> dict[str, object]:
        chosen = odata.selection(call, view=aim.kind == "view")
        fits = odata.condition(call, by_ical_uid=aim.kind == "events")
        if aim.kind == "instances":
            of = self._copy(mailbox, aim).occurrences
            copies = self._between(call, of)
        else:
            calendar = self._calendar(mailbox, aim)
            inside = [
                copy for copy in mailbox.agenda() if copy.calendar_id == calendar.id and not copy.deleted
            ]
            if aim.kind == "view":
                copies = self._between(call, [copy for copy in inside if copy.meeting.repeat is None])
            else:
                copies = [copy for copy in inside if copy.master is None]
        return odata.page(
            call,
            [copy for copy in copies if fits(copy)],
            lambda copy: odata.project(events.show(copy, preferences, aim.version), chosen),
            preferences.page_size,
        )

    def _between(self, call: Call, copies: list[Copy]) -> list[Copy]:
        start = odata.moment(call.query.get("startDateTime"), "startDateTime")
        end = odata.moment(call.query.get("endDateTime"), "endDateTime")
        if end < start:
            raise refuse(400, "ErrorInvalidParameter", "The end must not be before the start.")
        if end - start > _LONGEST_VIEW:
            raise refuse(
                400, "ErrorInvalidRequest", f"The range must not be longer than {_LONGEST_VIEW.days} days."
            )
        return [
            copy
            for copy in copies
            if not copy.deleted and copy.meeting.start < end and copy.meeting.end > start
        ]

    def _act(self, call: Call, aim: Target, mailbox: Mailbox, copy: Copy) -> Response:
        reply = actions.read(call, aim.action)
        if mailbox.calendars[copy.calendar_id].read_only:
            raise refuse(403)
        actions.check(copy, aim.action, reply)
        if call.effective:
            status, world = actions.STATUS[aim.action], self._state.world
            world.answer(copy, status)
            if reply.send_response:
                world.tell(copy, status, comment=reply.comment, proposed_time=reply.proposed_time)
            if status is Status.DECLINED and not mailbox.keeps_declined:
                for each in (copy, *copy.occurrences):
                    self._move_to_deleted_items(each)
        return Response(self._state.options.graph_beta_status if aim.version == "beta" else 202)

    def _move_to_deleted_items(self, copy: Copy) -> None:
        if not copy.deleted:
            copy.deleted = True
            self._state.world.rename(copy, ids.default(copy.mailbox, f"deleted/{events.name_in_ids(copy)}"))

    def _user(self, aim: Target, grant: Grant) -> seed.User:
        if aim.user is None:
            if grant.mailbox is None:
                raise refuse(
                    400, "BadRequest", "/me request is only valid with delegated authentication flow."
                )
            return self._users[grant.mailbox.casefold()]
        user = self._users.get(aim.user.casefold())
        if user is None:
            raise refuse(404, "ErrorInvalidUser", f"The requested user '{aim.user}' is invalid.")
        return user

    def _mailbox(self, user: seed.User, grant: Grant, *, writing: bool) -> Mailbox:
        """Find the user's mailbox, if the token may use it."""
        if not grant.scopes & (_WRITING if writing else _READING):
            raise refuse(403)
        if grant.mailbox is not None and grant.mailbox != user.upn:
            raise refuse(403)
        mailbox = self._state.world.mailbox(self.name, user.upn)
        if mailbox is None or not mailbox.enabled:
            raise refuse(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or on-premise.",
            )
        if mailbox.restricted and grant.mailbox is None:
            raise refuse(403)
        return mailbox

    def _calendar(self, mailbox: Mailbox, aim: Target) -> Calendar:
        if aim.calendar is None:
            return mailbox.primary
        if ids.malformed(aim.calendar):
            raise refuse(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        calendar = mailbox.calendars.get(aim.calendar)
        if calendar is None or calendar not in _calendars(mailbox, aim):
            raise refuse(404)
        return calendar

    def _copy(self, mailbox: Mailbox, aim: Target) -> Copy:
        """Find the event in this mailbox, and in this calendar when the URL names one."""
        if ids.malformed(aim.event):
            raise refuse(400, "ErrorInvalidIdMalformed", "Id is malformed.")
        copy = self._state.world.find(self.name, aim.event)
        if copy is None or copy.mailbox != mailbox.id or (copy.deleted and aim.kind != "event"):
            raise refuse(404)
        if aim.calendar is not None and self._calendar(mailbox, aim).id != copy.calendar_id:
            raise refuse(404)
        return copy

    def _pair(self, call: Call) -> tuple[str | None, str | None]:
        """Return what Outlook's limits are counted for: the application and the mailbox."""
        token = self._state.tokens.find(self.name, call.bearer)
        return (token.grant.client_id if token else None, call.mailbox)


def _group_id(mailbox: Mailbox, name: str) -> str:
    return ids.default(mailbox.id, f"group-{name.partition(' ')[0].casefold()}")


def _calendars(mailbox: Mailbox, aim: Target) -> list[Calendar]:
    """All calendars, or those of the group that the URL names."""
    found = [
        calendar
        for calendar in mailbox.calendars.values()
        if aim.group is None or _group_id(mailbox, calendar.group) == aim.group
    ]
    if not found:
        raise refuse(404)
    return found


def _groups(mailbox: Mailbox) -> list[dict[str, object]]:
    names = dict.fromkeys(calendar.group for calendar in mailbox.calendars.values())
    return [{"id": _group_id(mailbox, name), "name": name} for name in names]


def _show_calendar(calendar: Calendar, mailbox: Mailbox) -> dict[str, object]:
    return {
        "id": calendar.id,
        "name": calendar.name,
        "color": "auto",
        "isDefaultCalendar": calendar.primary,
        "canShare": calendar.primary,
        "canViewPrivateItems": True,
        "canEdit": not calendar.read_only,
        "owner": {"name": mailbox.person.name, "address": mailbox.person.address},
    }


def _show_user(user: seed.User) -> dict[str, object]:
    return {
        "id": user.id,
        "displayName": user.name,
        "mail": user.upn if user.enabled else None,
        "userPrincipalName": user.upn,
    }
