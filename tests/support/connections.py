"""What the tests of connections share: plain ones, what a hook makes of one, and its Test button."""

from __future__ import annotations

from airflow_provider_rsvp.hooks.base import get_calendar_hook
from airflow_provider_rsvp.hooks.fields import Fields
from support.services import SERVICES

SECRET = "sesame-0123456789"
PLAIN = {each.hook.conn_type: {**each.needs, each.secret: SECRET} for each in SERVICES.values()} | {
    "caldav": {"host": "calendar.example", "login": "alice", "password": SECRET}
}
"""The least that a connection of each type needs."""


def built(conn_id):
    """What the hook makes of a connection, without a request."""
    hook = get_calendar_hook(conn_id)
    return hook.build(Fields(hook.get_connection(conn_id), hook.conn_type))


def base(conn_id):
    """The address that requests of the connection go below."""
    return built(conn_id).transport.origin.base


def press_test(conn_id):
    """What the Test button says."""
    with get_calendar_hook(conn_id) as hook:
        return hook.test_connection()
