"""
CalDAV's wire: calendars that a server keeps as iCalendar objects.

Sources: RFC 4791 (CalDAV), RFC 6638 (scheduling), RFC 6578 (changes), RFC 5545 (iCalendar), RFC 5546 (iTIP),
RFC 6047 (iMIP). This module needs no iCalendar library; :mod:`.client` does.
"""

from __future__ import annotations

from enum import StrEnum

from airflow_provider_rsvp.model import Capabilities, ParticipationStatus, Scope
from airflow_provider_rsvp.services.wire import Dialect, Limits

SERVICE = "CalDAV"
DIALECT = Dialect(SERVICE, Limits(per_mailbox=4, at_once=4))
"""No server documents a limit; four requests at once are what calendar programs make."""

CAPABILITIES = Capabilities(
    statuses=frozenset(ParticipationStatus),
    comment=True,
    silent=True,
    proposed_time=True,
    scopes=frozenset(Scope),
    mailboxes=False,
    ical_uid=True,
    response_is_proof=False,
    batch_size=1,
)
"""What a server may be able to express. What the one that is asked cannot is refused before anything is sent."""


class Software(StrEnum):
    """The server software that a connection can name, where the server does not say what it is."""

    AUTO = "auto"
    CYRUS = "cyrus"
    SABRE = "sabre"
    OTHER = "other"
