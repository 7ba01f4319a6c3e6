"""Google Calendar's endpoints below calendar/v3, and who may use them."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from airflow_provider_rsvp.sandbox import seed as samples
from airflow_provider_rsvp.sandbox.google import events, ids, keys, oauth, patching, seed
from airflow_provider_rsvp.sandbox.google.errors import SYNC_ENDED, error, refuse
from airflow_provider_rsvp.sandbox.google.listing import Collection, read_zone
from airflow_provider_rsvp.sandbox.limits import Window
from airflow_provider_rsvp.sandbox.tokens import Grant
from airflow_provider_rsvp.sandbox.wire import Call, RefusedError, Response
from airflow_provider_rsvp.sandbox.world import Copy, Mailbox, Meeting, Status

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_WRITING = frozenset({"calendar", "calendar.events", "calendar.events.owned"})
_READING = _WRITING | {"calendar.readonly", "calendar.events.readonly", "calendar.events.owned.readonly"}
_WRITERS = frozenset({"owner", "writer"})


class Google:
    """The service at ``/google``."""

    name = "google"
    title = "Google Calendar"

    def __init__(self, state: State) -> None:
        self._state = state
        self._of_project, self._of_user = Window(10_000, 60.0), Window(600, 60.0)
        self._epoch = secrets.token_hex(4)

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
        for user in seed.USERS:
            grant = Grant(self.name, seed.CLIENT_ID, user.address, seed.SCOPES)
            reading = Grant(self.name, seed.CLIENT_ID, user.address, seed.READONLY_SCOPES)
            self._state.tokens.static(user.access_token, grant)
            self._state.tokens.static(user.readonly_access_token, reading)
            self._state.tokens.allow_refresh(user.refresh_token, grant)

    def label(self, call: Call) -> None:
        """Set the call's operations, mailbox and event ids."""
        token = self._state.tokens.find(self.name, call.bearer)
        call.mailbox = token.grant.mailbox if token else None
        match (call.method, *call.segments):
            case (_, "token"):
                call.operations = ("token",)
            case ("GET", "calendar", "v3", "calendars", _, "events") if call.query.get("maxResults") == "1":
                # A request for a single event of the list only checks that the calendar opens.
                call.operations = ("account",)
            case (_, "calendar", "v3", "calendars", _, "events"):
                call.operations = ("list",)
            case (_, "calendar", "v3", "calendars", _, "events", event_id, "instances"):
                call.operations, call.event_ids = ("list",), (event_id,)
            case ("GET", "calendar", "v3", "calendars", _, "events", event_id):
                call.operations, call.event_ids = ("observe",), (event_id,)
            case (_, "calendar", "v3", "calendars", _, "events", event_id):
                call.operations, call.event_ids = ("send",), (event_id,)
            case _:
                call.operations = ("account",)
        if call.segments[3:4] and call.segments[3] != "primary":
            found = self._calendar(call.segments[3])
            call.mailbox = found[0].id if found else call.mailbox

    def admit(self, call: Call) -> Response | None:
        """Count the call against the project's quota and the user's."""
        token = self._state.tokens.find(self.name, call.bearer)
        if token is None:
            return None
        if self._of_project.take(token.grant.client_id) is not None:
            return error(403, "rateLimitExceeded", "Rate Limit Exceeded")
        if self._of_user.take((token.grant.client_id, token.grant.mailbox)) is not None:
            return error(403, "userRateLimitExceeded", "User Rate Limit Exceeded")
        return None

    def leave(self, call: Call) -> None:
        """Nothing is counted by duration."""

    def failure(self, call: Call, status: int) -> Response:
        """Make a response of this status in the service's shape."""
        if "token" in call.operations:
            return oauth.failure(status)
        if status == 410 and call.segments[-1:] == ("events",):
            return error(410, *SYNC_ENDED)
        return error(status)

    def connections(self, origin: str) -> dict[str, dict[str, object]]:
        """Offer Airflow connections to the service."""
        host = f"{origin}/{self.name}"
        key = json.dumps(keys.key_file(seed.SERVICE_ACCOUNT, f"{host}/token"))
        google: dict[str, object] = {"conn_type": "google_calendar", "host": host}
        return {
            "google_calendar_default": {
                **google,
                "extra": {"login_host": host, "service_account_key": key, "mailbox": seed.ALICE.address},
            },
            "google_calendar_user": {
                **google,
                "login": seed.CLIENT_ID,
                "password": seed.CLIENT_SECRET,
                "extra": {"login_host": host, "refresh_token": seed.ALICE.refresh_token},
            },
            "google_calendar_static": {**google, "extra": {"access_token": seed.ALICE.access_token}},
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
        """Lay a single event, or a series with its instances."""
        organizing = meeting.organizer.key == mailbox.person.key
        meeting.shows_answers = True
        series = meeting.series.copies[mailbox.id].event_id if meeting.series else None
        copy = Copy(
            self.name,
            mailbox.id,
            calendar_id or mailbox.primary.id,
            ids.instance(series, meeting.start) if series else ids.event(mailbox.id, meeting.slug),
            meeting,
            status=Status.ACCEPTED if organizing else status,
            organizing=organizing,
            note=note,
        )
        self._state.world.put(copy)
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
            match (call.method, *call.segments):
                case ("POST", "token"):
                    return oauth.token(self._state, call)
                case ("GET", "calendar", "v3", "calendars", calendar, "events"):
                    return Response(body=self._collection(call, calendar).events(call))
                case ("GET", "calendar", "v3", "calendars", calendar, "events", event_id, "instances"):
                    collection = self._collection(call, calendar)
                    series = self._copy(collection, event_id)
                    if series.meeting.repeat is None:
                        raise refuse(400, "badRequest", "The event is not a recurring one.")
                    return Response(body=collection.instances(call, series))
                case ("GET" | "PATCH", "calendar", "v3", "calendars", calendar, "events", event_id):
                    return self._event(call, calendar, event_id)
                case _:
                    raise refuse(404)
        except RefusedError as refusal:
            return refusal.response

    # below calendar/v3

    def _event(self, call: Call, calendar: str, event_id: str) -> Response:
        writing = call.method == "PATCH"
        collection = self._collection(call, calendar, writing=writing)
        copy, mailbox = self._copy(collection, event_id), collection.mailbox
        if writing:
            patching.check_version(call, copy, mailbox)
            if copy.meeting.cancelled or copy.deleted:
                raise refuse(410)
            patching.apply(call, copy, mailbox, self._state.world)
        most = call.query.get("maxAttendees", "")
        shown = events.show(copy, mailbox, read_zone(call, mailbox), int(most) if most.isdigit() else None)
        return Response(body=shown, headers={"ETag": str(shown["etag"])})

    def _collection(self, call: Call, calendar: str, *, writing: bool = False) -> Collection:
        """Find the calendar, if the token may use it so."""
        grant = self._grant(call)
        if not grant.scopes & (_WRITING if writing else _READING):
            raise refuse(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        found = self._calendar(str(grant.mailbox) if calendar == "primary" else calendar)
        if found is None:
            raise refuse(404)
        mailbox, calendar_id = found
        role = self._role(str(grant.mailbox), mailbox, calendar_id)
        if role is None:
            raise refuse(404)
        if writing and role not in _WRITERS:
            raise refuse(403, "requiredAccessLevel", "You need to have writer access to this calendar.")
        options = self._state.options
        return Collection(
            mailbox, calendar_id, role, self._epoch, options.google_sync_lifetime, options.google_page_size
        )

    def _role(self, user: str, mailbox: Mailbox, calendar_id: str) -> str | None:
        if mailbox.id == user:
            return "reader" if mailbox.calendars[calendar_id].read_only else "owner"
        return seed.SHARES.get((user, calendar_id))

    def _grant(self, call: Call) -> Grant:
        token = self._state.tokens.find(self.name, call.bearer)
        if token is None or token.revoked or token.expired:
            raise refuse(401)
        return token.grant

    def _calendar(self, calendar_id: str) -> tuple[Mailbox, str] | None:
        """Find a calendar by its id, which for a primary one is its user's address."""
        mailbox = self._state.world.mailbox(self.name, calendar_id)
        if mailbox is not None:
            return mailbox, mailbox.primary.id
        return next(
            (
                (each, calendar_id)
                for each in self._state.world.of(self.name)
                if calendar_id in each.calendars
            ),
            None,
        )

    def _copy(self, collection: Collection, event_id: str) -> Copy:
        copy = self._state.world.find(self.name, event_id)
        if copy is None or copy.calendar_id != collection.calendar_id:
            raise refuse(404)
        return copy
