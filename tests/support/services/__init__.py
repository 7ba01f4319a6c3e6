"""The services that the tests run on; a further one is a module here and a line in the table."""

from __future__ import annotations

from support.services.bitrix24 import BITRIX24
from support.services.cronofy import CRONOFY
from support.services.google import GOOGLE
from support.services.graph import GRAPH
from support.services.service import Service as Service

SERVICES: dict[str, Service] = {each.name: each for each in (CRONOFY, BITRIX24, GRAPH, GOOGLE)}
"""By the name that the sandbox has for them. CalDAV is not among them: it runs on servers of its own."""
TOKEN_FIELDS = {conn_id: field for each in SERVICES.values() for conn_id, field in each.token_fields.items()}
"""The connections that ask for tokens, each with the field that says where."""


def service_of(conn_id: str) -> Service:
    """Return the service of one of the sandbox's connections."""
    (found,) = (each for each in SERVICES.values() if conn_id.startswith(f"{each.hook.conn_type}_"))
    return found
