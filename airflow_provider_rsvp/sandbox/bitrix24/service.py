"""The portal: who calls (webhook or OAuth), how often, and which method."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from airflow_provider_rsvp.sandbox import seed as samples
from airflow_provider_rsvp.sandbox.bitrix24 import batch, oauth, php, seed
from airflow_provider_rsvp.sandbox.bitrix24.methods import Caller, MethodError, Methods
from airflow_provider_rsvp.sandbox.limits import LeakyBucket
from airflow_provider_rsvp.sandbox.odd_events import put_odd_event
from airflow_provider_rsvp.sandbox.tokens import Grant
from airflow_provider_rsvp.sandbox.wire import Call, Response
from airflow_provider_rsvp.sandbox.world import Copy, Mailbox, Meeting, Status

if TYPE_CHECKING:
    from airflow_provider_rsvp.sandbox.state import State

_OPERATIONS = {
    "batch": "batch",
    "calendar.meeting.status.set": "send",
    "calendar.meeting.status.get": "observe",
    "calendar.event.getbyid": "observe",
    "calendar.event.get": "list",
    "calendar.event.get.nearest": "list",
}
_FAILURES = {
    401: ("expired_token", "The access token provided has expired."),
    403: ("INVALID_CREDENTIALS", "Not enough rights."),
    404: ("ERROR_METHOD_NOT_FOUND", "Method not found!"),
    429: ("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit."),
    500: ("INTERNAL_SERVER_ERROR", "Internal server error"),
    502: ("ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected response"),
    503: ("QUERY_LIMIT_EXCEEDED", "Too many requests"),
    504: ("ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected response"),
}


class Bitrix24:
    """The service at ``/bitrix24``."""

    name = "bitrix24"
    title = "Bitrix24"

    def __init__(self, state: State) -> None:
        self._state = state
        self._bucket = LeakyBucket(50, 2)
        self._families = 65
        self._webhooks: dict[tuple[str, str], frozenset[str]] = {}
        self._bulk: list[seed.User] = []
        self._methods = Methods(state.world, self.invite)

    # what the server needs

    def begin(self) -> None:
        """Fill the fresh world and the fresh token store."""
        world, bulk = self._state.world, self._state.options.bulk
        seed.fill(self, world)
        self._families = 10_000
        self._bulk = [seed.bulk_user(number) for number in range(1, bulk.mailboxes + 1)]
        boxes = [seed.open_user(world, user) for user in self._bulk]
        for index in range(bulk.invitations):
            box = boxes[index % len(boxes)]
            self.invite(box, samples.bulk(index, seed.INVITING["olga"].person, box.person))
        for user in (*seed.USERS, *self._bulk):
            self._allow(user)

    def label(self, call: Call) -> None:
        """Set the call's operations, mailbox and event ids."""
        if call.segments[:1] == ("oauth",):
            call.operations = ("token",)
            return
        method = self._method(call)
        params = self._params(call)
        self.label_method(call, method, params)
        match call.segments:
            case ("rest", user, _, *_) if user.isdigit():
                call.mailbox = user
            case _:
                token = self._state.tokens.find(self.name, _auth(call, params))
                call.mailbox = token.grant.mailbox if token else None

    def label_method(self, call: Call, method: str, params: dict[str, object]) -> None:
        """Label a call, or a command of a batch, by its method and parameters."""
        call.operations = (_OPERATIONS.get(method, "account"),)
        event = params.get("eventId", params.get("id"))
        call.event_ids = () if event is None else (str(event),)

    def admit(self, call: Call) -> Response | None:
        """Count the call against the limits."""
        if "token" in call.operations or self._bucket.take():
            return None
        return self.failure(call, 503)

    def leave(self, call: Call) -> None:
        """Nothing is counted by duration."""

    def failure(self, call: Call, status: int) -> Response:
        """Make a response of this status in the service's shape."""
        if "token" in call.operations:
            code, text = ("invalid_grant", "Invalid grant") if status == 400 else ("server_error", "")
        else:
            code, text = _FAILURES.get(status, ("", "An error occurred"))
        return Response(status, {"error": code, "error_description": text})

    def connections(self, origin: str) -> dict[str, dict[str, object]]:
        """Offer Airflow connections to the service."""
        host = f"{origin}/{self.name}"
        first = seed.ATTENDING[0]
        offered: dict[str, dict[str, object]] = {
            "bitrix24_default": self._webhook_connection(host, first),
            "bitrix24_oauth": {
                "conn_type": "bitrix24",
                "host": host,
                "login": "",
                "extra": {
                    "client_id": seed.CLIENT_ID,
                    "client_secret": seed.CLIENT_SECRET,
                    "refresh_token": first.refresh_token,
                    "token_url": f"{host}/oauth/token/",
                },
            },
        }
        for user in (*seed.ATTENDING[1:], *self._bulk):
            offered[f"bitrix24_{user.short.replace('-', '_')}"] = self._webhook_connection(host, user)
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
        """Lay a row for the guest, and at first the organizer's, whose id is the family's."""
        world = self._state.world
        organizing = meeting.organizer.key == mailbox.person.key
        if not organizing and not any(copy.organizing for copy in meeting.copies.values()):
            self.invite(self._host(meeting), meeting)
        parent = next((int(copy.event_id) for copy in meeting.copies.values() if copy.organizing), None)
        if parent is None:
            parent = event_id = self._families * 10
            self._families += 1
        else:
            event_id = parent + (int(mailbox.id) if int(mailbox.id) < 10 else 1)
            while world.find(self.name, str(event_id)) is not None:
                event_id += 1
        return world.put(
            Copy(
                self.name,
                mailbox.id,
                calendar_id or mailbox.primary.id,
                str(event_id),
                meeting,
                status=Status.ACCEPTED if organizing else status,
                organizing=organizing,
                note=note,
            )
        )

    def cancel(self, copy: Copy) -> None:
        """Let the organizer cancel the meeting."""
        self._state.world.cancel(copy.meeting)

    def respond(self, call: Call) -> Response:
        """Do what the call asks."""
        match call.segments:
            case ("oauth", "token"):
                return oauth.token(self._state, call)
            case ("rest", *_):
                return self._rest(call)
            case _:
                return Response(404)

    # below /rest

    def _rest(self, call: Call) -> Response:
        start = time.time()
        params = self._params(call)
        try:
            caller = self._caller(call, params)
            method = self._method(call)
            if method == "batch":
                result = self._batch(call, caller, params)
            else:
                result = {"result": self._methods.call(method, caller, params, effective=call.effective)}
        except MethodError as failure:
            return Response(failure.status, {"error": failure.code, "error_description": failure.text})
        return Response(body={**result, "time": time_block(start)})

    def _batch(self, call: Call, caller: Caller, params: dict[str, object]) -> dict[str, object]:
        def run(method: str, given: dict[str, object]) -> object:
            inner = Call(self.name, "POST", call.origin, call.path, call.query, call.headers)
            inner.mailbox = caller.user
            self.label_method(inner, method, given)
            rule = self._state.faults.strike_item(inner)
            if rule is None or rule.kind == "no_effect":
                return self._methods.call(method, caller, given, effective=rule is None)
            if rule.kind == "odd_event":
                return put_odd_event(self._methods.call(method, caller, given, effective=True), rule.body)
            if rule.when == "after":
                self._methods.call(method, caller, given, effective=True)
            status = rule.status or 503
            raise MethodError(*_FAILURES.get(status, ("", "An error occurred")), status)

        return {"result": batch.run(params, run)}

    def _caller(self, call: Call, params: dict[str, object]) -> Caller:
        match call.segments:
            case ("rest", user, code, *_) if user.isdigit():
                scopes = self._webhooks.get((user, code))
                if scopes is None:
                    raise MethodError("NO_AUTH_FOUND", "Wrong authorization data", 401)
                return Caller(user, scopes, call.origin, external=user == seed.EVA.id)
        token = self._state.tokens.find(self.name, _auth(call, params))
        if token is not None and token.expired:
            raise MethodError("expired_token", "The access token provided has expired.", 401)
        if token is None or token.revoked or token.grant.mailbox is None:
            raise MethodError("NO_AUTH_FOUND", "Wrong authorization data", 401)
        user = token.grant.mailbox
        return Caller(user, token.grant.scopes, call.origin, external=user == seed.EVA.id, application=True)

    def _method(self, call: Call) -> str:
        match call.segments:
            case ("rest", user, _, *rest) if user.isdigit():
                name = rest[0] if rest else ""
            case ("rest", name, *_):
                pass
            case _:
                name = ""
        return name.casefold().removesuffix(".json")

    def _params(self, call: Call) -> dict[str, object]:
        """Query and body together; the body takes precedence."""
        params = php.fields(call.query.items())
        if "form-urlencoded" in call.headers.get("Content-Type", ""):
            pairs = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
            return params | php.fields(pairs)
        return params | call.fields

    def _host(self, meeting: Meeting) -> Mailbox:
        """Find the organizer's mailbox; a stranger becomes a user of the portal."""
        for box in self._state.world.of(self.name):
            if box.person.key == meeting.organizer.key:
                return box
        number = 5000 + len(self._state.world.mailboxes)
        host = seed.User(str(number), meeting.organizer.name, "UTC", f"host{number}")
        box = seed.open_user(self._state.world, host)
        box.person = meeting.organizer
        return box

    def _allow(self, user: seed.User) -> None:
        grant = Grant(self.name, seed.CLIENT_ID, user.id, seed.SCOPES)
        self._state.tokens.static(user.access_token, grant)
        self._state.tokens.allow_refresh(user.refresh_token, grant)
        self._webhooks[user.id, user.webhook_code] = seed.SCOPES
        self._webhooks[user.id, user.scopeless_webhook_code] = seed.SCOPES - {"calendar"}

    def _webhook_connection(self, host: str, user: seed.User) -> dict[str, object]:
        return {
            "conn_type": "bitrix24",
            "host": host,
            "login": user.id,
            "password": user.webhook_code,
            "extra": {},
        }


def time_block(start: float) -> dict[str, object]:
    """When the request was worked on."""
    finish = time.time()
    return {
        "start": start,
        "finish": finish,
        "duration": finish - start,
        "processing": finish - start,
        "date_start": _stamp(start),
        "date_finish": _stamp(finish),
        "operating_reset_at": int(start) + 600,
        "operating": 0,
    }


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _auth(call: Call, params: dict[str, object]) -> str | None:
    """Find the access token: field ``auth`` or ``access_token``, or the Authorization header."""
    for value in (params.get("auth"), params.get("access_token"), call.bearer):
        if isinstance(value, str) and value:
            return value
    return None
