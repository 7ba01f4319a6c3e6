"""The hook for Microsoft Graph."""

from __future__ import annotations

from dataclasses import replace

import pendulum

from airflow_provider_rsvp.hooks.base import Calendar, CalendarHook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.hooks.secrets import renewed_token
from airflow_provider_rsvp.model import Account
from airflow_provider_rsvp.services import msgraph
from airflow_provider_rsvp.services.assertion import client_assertion
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Request
from airflow_provider_rsvp.transport.session import Transport
from airflow_provider_rsvp.transport.tokens import Auth, RenewedToken, StaticToken

_CREDENTIALS = ("access_token", "refresh_token", "private_key")


class MSGraphCalendarHook(CalendarHook):
    """
    Reads and answers invitations in Outlook calendars through Microsoft Graph.

    Connection: *login* is the client id, *password* its secret, and the extra holds ``tenant_id``. In place
    of a secret it may hold ``private_key`` and ``certificate``, ``refresh_token`` or ``access_token``.
    ``mailbox`` is the default mailbox, ``cloud`` and ``api_version`` choose the API; a *host* stands in
    for the cloud's, with ``login_host`` (the sandbox).
    """

    conn_type = "msgraph_calendar"
    hook_name = msgraph.SERVICE
    default_conn_name = "msgraph_calendar_default"
    capabilities = msgraph.CAPABILITIES

    def build(self, fields: Fields) -> Calendar:
        """Return the client for a connection."""
        cloud = msgraph.CLOUDS[fields.choice("cloud", msgraph.CLOUDS, msgraph.CloudName.GLOBAL)]
        version = fields.choice("api_version", msgraph.VERSIONS, msgraph.VERSIONS[0])
        transport = Transport(
            msgraph.DIALECT,
            fields.origin(fields.host or cloud.graph).at(f"{version}/"),
            token_origin=fields.origin(fields.text("login_host") or cloud.login, "login_host"),
            timeouts=self.timeouts,
        )
        # A stand-in host still gets tokens for the cloud it stands in for.
        transport.auth = _auth(fields, transport, cloud)
        client = msgraph.GraphCalendar(
            transport,
            mailbox=fields.text("mailbox"),
            app_only=not any(fields.text(name) for name in ("access_token", "refresh_token")),
        )
        return Calendar(client, transport)

    async def describe(self, calendar: Calendar) -> Account:
        """Return who the connection is, with what the token itself says of its permissions and end."""
        account = await super().describe(calendar)
        grant = await calendar.transport.granted()
        claims = msgraph.token_claims(grant.access_token) if grant is not None else {}
        roles, scopes, ends = claims.get("roles"), claims.get("scp"), claims.get("exp")
        permissions = roles if isinstance(roles, list) else str(scopes or "").split()
        account = replace(account, permissions=tuple(str(permission) for permission in permissions))
        if isinstance(ends, int | float) and account.token_expires_at is None:
            account = replace(account, token_expires_at=pendulum.from_timestamp(ends))
        if permissions and not any(str(name).startswith("Calendars.ReadWrite") for name in permissions):
            missing = "Calendars.ReadWrite is missing, so invitations can be read but not answered."
            account = replace(account, notes=(*account.notes, missing))
        return account


def _auth(fields: Fields, transport: Transport, cloud: msgraph.Cloud) -> Auth:
    given = [name for name in _CREDENTIALS if fields.text(name)]
    if len(given) > 1:
        raise fields.error(given[1], f"give {given[0]} or {given[1]}, not both")
    if given == ["access_token"]:
        return StaticToken(str(fields.text("access_token")))
    client_id, tenant = fields.login, fields.text("tenant_id")
    if not given and fields.password is None:
        raise fields.error(
            "password",
            "give the client secret here; or private_key and certificate, refresh_token or access_token "
            "in the extra",
        )
    if client_id is None:
        raise fields.error("login", "the client id (application id) is needed")
    if tenant is None:
        raise fields.error(
            "tenant_id", "is needed; it names the directory that the application is registered in"
        )
    if given == ["refresh_token"]:
        return _delegated(fields, transport, cloud, client_id, tenant)
    return _application(fields, transport, cloud, client_id, tenant, certified=bool(given))


def _delegated(
    fields: Fields, transport: Transport, cloud: msgraph.Cloud, client_id: str, tenant: str
) -> RenewedToken:
    refresh_token = str(fields.text("refresh_token"))

    async def request_grant(token: str | None) -> Grant:
        form = msgraph.refresh_form(client_id, fields.password, token or refresh_token, cloud.graph)
        return await _ask(transport, msgraph.token_request(tenant, form))

    return renewed_token(
        request_grant,
        places=transport.places,
        account=(tenant, client_id, cloud.graph),
        secrets=(fields.password,),
        refresh_token=refresh_token,
    )


def _application(
    fields: Fields,
    transport: Transport,
    cloud: msgraph.Cloud,
    client_id: str,
    tenant: str,
    *,
    certified: bool,
) -> RenewedToken:
    secret, key, certificate = fields.password, fields.text("private_key"), fields.text("certificate")
    passphrase = fields.text("private_key_passphrase")
    if certified and secret is not None:
        raise fields.error("private_key", "give a client secret or a certificate, not both")
    if certified and certificate is None:
        raise fields.error("certificate", "is needed together with private_key")

    async def request_grant(_: str | None) -> Grant:
        if secret is not None:
            form = msgraph.client_secret_form(client_id, secret, cloud.graph)
        else:
            assertion = client_assertion(
                client_id=client_id,
                audience=transport.token_address(msgraph.token_request(tenant, {})),
                private_key=str(key),
                certificate=str(certificate),
                passphrase=passphrase,
            )
            form = msgraph.assertion_form(client_id, assertion, cloud.graph)
        return await _ask(transport, msgraph.token_request(tenant, form))

    return renewed_token(
        request_grant,
        places=transport.places,
        account=(tenant, client_id, cloud.graph),
        secrets=(secret, key, certificate, passphrase),
    )


async def _ask(transport: Transport, request: Request) -> Grant:
    return msgraph.read_token(request, await transport.send(request))
