"""The hook for CalDAV."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from airflow_provider_rsvp.exceptions import ConfigurationError
from airflow_provider_rsvp.hooks.base import Calendar, CalendarHook
from airflow_provider_rsvp.hooks.fields import Fields
from airflow_provider_rsvp.hooks.mail import AirflowMailer
from airflow_provider_rsvp.services.caldav import CAPABILITIES, DIALECT, SERVICE, Software
from airflow_provider_rsvp.transport.session import Transport
from airflow_provider_rsvp.transport.tokens import Auth, StaticToken, UserPassword


class CalDAVHook(CalendarHook):
    """
    Reads and answers invitations of one user of a CalDAV server.

    Connection: *host* is the server or the whole address of its CalDAV service, *login* and *password* are the
    user's; or the extra holds ``access_token``. ``calendar_id`` is a default calendar, ``addresses`` the user's
    own addresses where the server does not tell them, ``smtp_conn_id`` a mail connection for what the server
    does not send itself, ``server`` the software where the server hides it.

    Needs ``pip install 'airflow-provider-rsvp[caldav]'``.
    """

    conn_type = "caldav"
    hook_name = SERVICE
    default_conn_name = "caldav_default"
    capabilities = CAPABILITIES

    def build(self, fields: Fields) -> Calendar:
        """Return the client for a connection."""
        try:
            from airflow_provider_rsvp.services.caldav.client import CalDAVCalendar
            from airflow_provider_rsvp.services.caldav.marks import Marks
        except ImportError as error:
            if error.name not in ("icalendar", "dateutil"):
                raise
            raise ConfigurationError(
                f"Connection {fields.conn_id!r}: CalDAV needs the package icalendar, which is not installed: "
                "pip install 'airflow-provider-rsvp[caldav]'"
            ) from None

        if not fields.host:
            raise fields.error(
                "host", "the server's address is needed, such as 'https://calendar.example.com'"
            )
        service = fields.origin(fields.host)
        root = service.at("/")
        transport = Transport(DIALECT, root, timeouts=self.timeouts)
        transport.auth = auth = _auth(fields)
        secret = auth.secrets()[0]
        mail = fields.text("smtp_conn_id")
        client = CalDAVCalendar(
            transport,
            account=fields.login or hashlib.sha256(secret.encode()).hexdigest(),
            marks=Marks(secret, fields.login or ""),
            is_own_link=root.covers,
            start=urlsplit(service.base).path,
            addresses=[each.strip() for each in (fields.text("addresses") or "").split(",") if each.strip()],
            calendar_id=fields.text("calendar_id"),
            software=Software(fields.choice("server", list(Software), Software.AUTO)),
            mailer=AirflowMailer(mail, fields.conn_id) if mail else None,
        )
        return Calendar(client, transport)


def _auth(fields: Fields) -> Auth:
    token = fields.text("access_token")
    if token is not None:
        if fields.password is not None:
            raise fields.error("access_token", "give a user and password or an access token, not both")
        return StaticToken(token)
    if fields.login is None:
        raise fields.error("login", "the user is needed, or an access_token in the extra")
    if fields.password is None:
        raise fields.error("password", "the user's password is needed; with a second factor, an app password")
    if ":" in fields.login:
        raise fields.error("login", "a user name with a colon cannot be used")
    return UserPassword(fields.login, fields.password)
