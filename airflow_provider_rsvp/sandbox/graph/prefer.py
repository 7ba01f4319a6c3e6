"""The request header Prefer (RFC 7240) as Outlook uses it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from airflow_provider_rsvp.sandbox.graph import zones
from airflow_provider_rsvp.sandbox.graph.errors import refuse
from airflow_provider_rsvp.sandbox.wire import Call

_PREFERENCE = re.compile(r"([\w.-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s,;\"]+))")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the caller prefers, with the defaults."""

    zone: ZoneInfo
    zone_name: str
    immutable: bool
    page_size: int | None
    applied: str
    """For Preference-Applied."""


def read(call: Call) -> Preferences:
    """Read the preferences of the call; one that cannot be met is refused."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PREFERENCE.findall(call.headers.get("Prefer", "")):
        found[name.casefold()] = quoted or plain
    name = found.get("outlook.timezone", "UTC")
    zone = zones.find(name)
    if zone is None:
        raise refuse(400, "TimeZoneNotSupportedException", f"The time zone '{name}' is not supported.")
    size = found.get("odata.maxpagesize", "")
    applied = []
    if "outlook.timezone" in found:
        applied.append(f'outlook.timezone="{name}"')
    immutable = found.get("idtype", "").casefold() == "immutableid"
    if immutable:
        applied.append('IdType="ImmutableId"')
    page_size = max(1, int(size)) if size.isdigit() else None
    if page_size:
        applied.append(f"odata.maxpagesize={page_size}")
    return Preferences(zone, name, immutable, page_size, ", ".join(applied))
