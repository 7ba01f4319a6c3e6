"""The hook for Google Calendar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_rsvp.hooks.base import Calendar, CalendarHook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.hooks.secrets import renewed_token
from airflow_provider_rsvp.model import Account
from airflow_provider_rsvp.services import google_calendar
from airflow_provider_rsvp.services.assertion import delegation_assertion
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Request
from airflow_provider_rsvp.transport.session import Transport
from airflow_provider_rsvp.transport.tokens import Auth, RenewedToken, StaticToken, TokenPerMailbox

_CREDENTIALS = ("access_token", "refresh_token", "service_account_key")


class GoogleCalendarHook(CalendarHook):
    """
    Reads and answers invitations in Google Calendar.

    Connection: the extra holds ``service_account_key``, the JSON key file of a service account with domain-wide
    delegation, which acts as the user that ``mailbox`` or a task names; or ``refresh_token``, with the client id
    as *login* and its secret as *password*; or ``access_token``. ``calendar_id`` is the default calendar, ``scope``
    what a service account asks for. A *host* stands in for Google's, with ``login_host`` (the sandbox).
    """

    conn_type = "google_calendar"
    hook_name = google_calendar.SERVICE
    default_conn_name = "google_calendar_default"
    capabilities = google_calendar.CAPABILITIES

    def build(self, fields: Fields) -> Calendar:
        """Return the client for a connection."""
        transport = Transport(
            google_calendar.DIALECT,
            fields.origin(fields.host or google_calendar.HOST).at(google_calendar.BASE_PATH),
            token_origin=fields.origin(fields.text("login_host") or google_calendar.LOGIN_HOST, "login_host"),
            timeouts=self.timeouts,
        )
        transport.auth = _auth(fields, transport)
        client = google_calendar.GoogleCalendar(
            transport,
            mailbox=fields.text("mailbox"),
            calendar_id=fields.text("calendar_id"),
            delegated=fields.document("service_account_key") is not None,
        )
        return Calendar(client, transport)

    async def describe(self, calendar: Calendar) -> Account:
        """Return who the connection is, with what its token was granted for and when that ends."""
        account = await super().describe(calendar)
        grant = await calendar.transport.granted()
        names = google_calendar.permissions(grant.scope or "") if grant is not None else ()
        account = replace(account, permissions=names)
        if names and not google_calendar.may_answer(names):
            missing = "The scope calendar.events is missing, so invitations can be read but not answered."
            account = replace(account, notes=(*account.notes, missing))
        return account


def _auth(fields: Fields, transport: Transport) -> Auth:
    given = [name for name in _CREDENTIALS if fields.document(name)]
    if len(given) > 1:
        raise fields.error(given[1], f"give {given[0]} or {given[1]}, not both")
    match given:
        case ["access_token"]:
            return StaticToken(str(fields.text("access_token")))
        case ["refresh_token"]:
            return _signed_in(fields, transport)
        case ["service_account_key"]:
            return _delegated(fields, transport)
        case _:
            raise fields.error(
                "service_account_key",
                "give the key file of a service account in the extra; or refresh_token, with the client id as "
                "login and the client secret as password; or access_token",
            )


def _signed_in(fields: Fields, transport: Transport) -> RenewedToken:
    client_id, client_secret = fields.login, fields.password
    refresh_token = str(fields.text("refresh_token"))
    if client_id is None or client_secret is None:
        missing, what = ("login", "client id") if client_id is None else ("password", "client secret")
        raise fields.error(missing, f"the {what} is needed to use the refresh token")

    async def request_grant(token: str | None) -> Grant:
        form = google_calendar.refresh_form(client_id, client_secret, token or refresh_token)
        return await _ask(transport, google_calendar.token_request(form))

    return renewed_token(
        request_grant,
        places=transport.places,
        account=(client_id,),
        secrets=(client_secret,),
        refresh_token=refresh_token,
    )


def _delegated(fields: Fields, transport: Transport) -> TokenPerMailbox:
    key = _key_file(fields)
    scope = fields.text("scope") or google_calendar.SCOPE

    def token_of(mailbox: str | None) -> RenewedToken:
        async def request_grant(_: str | None) -> Grant:
            assertion = delegation_assertion(
                issuer=key["client_email"],
                subject=str(mailbox),
                scope=scope,
                audience=transport.token_address(google_calendar.token_request({})),
                private_key=key["private_key"],
                key_id=key.get("private_key_id"),
            )
            form = google_calendar.assertion_form(assertion)
            request = google_calendar.token_request(form, f"get an access token for {mailbox}")
            grant = await _ask(transport, request)
            return grant if grant.scope else replace(grant, scope=scope)

        return renewed_token(
            request_grant,
            places=transport.places,
            account=(key["client_email"], scope, mailbox),
            secrets=(key["private_key"], key.get("private_key_id")),
        )

    return TokenPerMailbox(token_of, fields.text("mailbox"))


def _key_file(fields: Fields) -> Mapping[str, Any]:
    """Return a service account's key file (Create and delete service account keys)."""
    name = "service_account_key"
    try:
        key = json.loads(str(fields.document(name)))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, dict):
        raise fields.error(
            name, "is not JSON; paste the whole key file that Google Cloud gave for the account"
        )
    for part in ("client_email", "private_key"):
        if not isinstance(key.get(part), str) or not key[part]:
            raise fields.error(name, f"the key file lacks {part!r}; give that of a service account")
    return {part: value for part, value in key.items() if isinstance(value, str)}


async def _ask(transport: Transport, request: Request) -> Grant:
    return google_calendar.read_token(request, await transport.send(request))
