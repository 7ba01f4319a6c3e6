"""The hook for Bitrix24."""

from __future__ import annotations

import re

from airflow_provider_rsvp.hooks.base import Calendar, CalendarHook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.hooks.secrets import renewed_token
from airflow_provider_rsvp.services import bitrix24
from airflow_provider_rsvp.services.oauth import Grant
from airflow_provider_rsvp.services.wire import Dialect
from airflow_provider_rsvp.transport.session import Transport
from airflow_provider_rsvp.transport.tokens import RenewedToken, SecretInAddress, StaticToken

_WEBHOOK_URL = re.compile(r"(?P<portal>https?://.+)/rest/(?P<user>[0-9]+)/(?P<code>[^/\s]+)/?")
_WEBHOOK_CODE = re.compile(r"[A-Za-z0-9_-]+")


class Bitrix24Hook(CalendarHook):
    """
    Reads and answers invitations of one Bitrix24 user.

    Connection, with an incoming webhook: *host* is the portal, *login* the webhook's user id, *password* its
    code; or *password* alone is the whole webhook address. With OAuth: *host* and, in the extra,
    ``client_id``, ``client_secret`` and ``refresh_token``, or only ``access_token``.
    """

    conn_type = "bitrix24"
    hook_name = bitrix24.SERVICE
    default_conn_name = "bitrix24_default"
    capabilities = bitrix24.CAPABILITIES

    def build(self, fields: Fields) -> Calendar:
        """Return the client for a connection."""
        oauth = [name for name in ("access_token", "refresh_token") if fields.text(name)]
        if fields.password is not None:
            if oauth:
                raise fields.error("password", f"give a webhook or {oauth[0]}, not both")
            return self._with_webhook(fields, fields.password)
        if not oauth:
            raise fields.error(
                "password",
                "give the webhook's code or its whole address here, or client_id, client_secret and "
                "refresh_token in the extra",
            )
        return self._with_application(fields)

    def _with_webhook(self, fields: Fields, password: str) -> Calendar:
        whole = _WEBHOOK_URL.fullmatch(password)
        if whole:
            portal, user, code = whole["portal"], whole["user"], whole["code"]
            if fields.login not in (None, user) or (
                fields.host and fields.origin(fields.host) != fields.origin(portal)
            ):
                raise fields.error(
                    "password", "is a webhook of another portal or user than host and login say"
                )
        else:
            portal, user, code = fields.host or "", fields.login or "", password
        if not portal:
            raise fields.error("host", "the portal's address is needed, such as 'example.bitrix24.com'")
        if not (user.isascii() and user.isdigit()):
            raise fields.error("login", "expected the number of the webhook's user, as in its address")
        if not _WEBHOOK_CODE.fullmatch(code):
            raise fields.error("password", "is neither a webhook's code nor a whole webhook address")
        home = fields.origin(portal)
        transport = Transport(
            _dialect(fields),
            home.at(f"rest/{user}/{code}/"),
            timeouts=self.timeouts,
        )
        transport.auth = SecretInAddress(code)
        client = bitrix24.Bitrix24Calendar(transport, portal=home.base, user_id=int(user))
        return Calendar(client, transport)

    def _with_application(self, fields: Fields) -> Calendar:
        if not fields.host:
            raise fields.error("host", "the portal's address is needed, such as 'example.bitrix24.com'")
        home = fields.origin(fields.host)
        transport = Transport(
            _dialect(fields),
            home.at("rest/"),
            token_origin=fields.origin(fields.text("token_url") or bitrix24.TOKEN_URL, "token_url"),
            timeouts=self.timeouts,
        )
        client = bitrix24.Bitrix24Calendar(transport, portal=home.base)
        token, refresh_token = fields.text("access_token"), fields.text("refresh_token")
        if refresh_token is None:
            transport.auth = StaticToken(str(token), apply=bitrix24.with_token)
            return Calendar(client, transport)
        if token is not None:
            raise fields.error("access_token", "give an access token or a refresh token, not both")
        transport.auth = _renewed(fields, transport, refresh_token)
        return Calendar(client, transport)


def _dialect(fields: Fields) -> Dialect:
    usual = bitrix24.USUAL_RATE
    return bitrix24.dialect(
        int(fields.number("burst", usual.burst)) or 1,
        fields.number("requests_per_second", usual.per_second),
    )


def _renewed(fields: Fields, transport: Transport, refresh_token: str) -> RenewedToken:
    client_id, client_secret = fields.text("client_id"), fields.text("client_secret")
    if client_id is None or client_secret is None:
        missing = "client_id" if client_id is None else "client_secret"
        raise fields.error(missing, "is needed to use the refresh token")

    async def request_grant(token: str | None) -> Grant:
        request = bitrix24.refresh_request(client_id, client_secret, token or refresh_token)
        return bitrix24.read_token(request, await transport.send(request))

    return renewed_token(
        request_grant,
        places=transport.places,
        account=(client_id,),
        secrets=(client_secret,),
        refresh_token=refresh_token,
        apply=bitrix24.with_token,
    )
