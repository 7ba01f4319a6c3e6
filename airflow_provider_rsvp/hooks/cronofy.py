"""The hook for Cronofy."""

from __future__ import annotations

from airflow_provider_rsvp.hooks.base import Calendar, CalendarHook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.hooks.secrets import renewed_token
from airflow_provider_rsvp.services import cronofy
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.transport.session import Transport
from airflow_provider_rsvp.transport.tokens import Auth, StaticToken


class CronofyHook(CalendarHook):
    """
    Reads and answers invitations through Cronofy.

    Connection: *password* is an access token; or *login* is the client id and the extra holds
    ``client_secret`` and ``refresh_token``. ``data_center`` chooses the API, ``calendar_id`` a default
    calendar; a *host* stands in for the data center (the sandbox).
    """

    conn_type = "cronofy"
    hook_name = cronofy.SERVICE
    default_conn_name = "cronofy_default"
    capabilities = cronofy.CAPABILITIES

    def build(self, fields: Fields) -> Calendar:
        """Return the client for a connection."""
        data_center = fields.choice("data_center", cronofy.DATA_CENTERS, "us")
        origin = fields.origin(fields.host or cronofy.DATA_CENTERS[data_center])
        transport = Transport(cronofy.DIALECT, origin, token_origin=origin, timeouts=self.timeouts)
        transport.auth = _auth(fields, transport)
        client = cronofy.CronofyCalendar(transport, calendar_id=fields.text("calendar_id"))
        return Calendar(client, transport)


def _auth(fields: Fields, transport: Transport) -> Auth:
    client_id, client_secret = fields.login, fields.text("client_secret")
    refresh_token = fields.text("refresh_token")
    if fields.password is not None:
        if refresh_token is not None:
            raise fields.error("password", "give an access token or a refresh token, not both")
        return StaticToken(fields.password)
    if refresh_token is None:
        raise fields.error(
            "password",
            "give an access token here, or the client id as login with client_secret and refresh_token in the extra",
        )
    if client_id is None or client_secret is None:
        missing = "login" if client_id is None else "client_secret"
        raise fields.error(missing, "is needed to use the refresh token")

    async def request_grant(token: str | None) -> Grant:
        request = cronofy.refresh_request(client_id, client_secret, token or refresh_token)
        return cronofy.read_token(request, await transport.send(request))

    return renewed_token(
        request_grant,
        places=transport.places,
        account=(client_id,),
        secrets=(client_secret,),
        refresh_token=refresh_token,
    )
