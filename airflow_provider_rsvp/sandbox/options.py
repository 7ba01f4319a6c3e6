"""What a reset can set, and the checking of control input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class InputError(ValueError):
    """Control input that cannot be used; the message names the field."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """So many pending invitations, spread over so many further mailboxes, in each service."""

    mailboxes: int = 0
    invitations: int = 0


@dataclass(frozen=True, slots=True)
class Options:
    """How the sandbox behaves until the next reset. Times are in seconds."""

    limits: bool = True
    """Enforce the services' rate and concurrency limits."""
    latency: float = 0.0
    """Added to every service request."""
    token_lifetime: float | None = None
    """Of access tokens; None for each service's own. The well-known static tokens do not expire."""
    cronofy_settle: float = 0.05
    """From Cronofy's 202 until the effect can be seen."""
    cronofy_page_size: int = 100
    cronofy_rotates: bool = False
    """Cronofy gives a new refresh token at each refresh, which ends the old one."""
    graph_beta_status: int = 202
    """The status of the beta's response to an action: 202, or 200 as old pages show it."""
    google_page_size: int = 250
    """The most events on a page of Google's, whatever is asked for."""
    google_sync_lifetime: float | None = None
    """Of Google's sync tokens; None for as long as the sandbox is not reset."""
    certificate: str | None = None
    """PEM certificate that client assertions to Graph's login must be signed with."""
    bulk: Bulk = Bulk()

    def updated(self, changes: Mapping[str, object]) -> Options:
        """Make options with these changes, which may come from JSON."""
        known = {field.name for field in fields(self)}
        checked: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                raise InputError(f"{name}: unknown option; known are {', '.join(sorted(known))}")
            checked[name] = _CHECKS[name](name, value)
        return replace(self, **checked)


def boolean(name: str, value: object) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{name}: must be true or false, not {value!r}")
    return value


def seconds(name: str, value: object) -> float:
    """Check for a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise InputError(f"{name}: must be a number of at least 0, not {value!r}")
    return float(value)


def count(name: str, value: object, *, least: int = 0) -> int:
    """Check for a whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}: must be a whole number of at least {least}, not {value!r}")
    return value


def text(name: str, value: object) -> str:
    """Check for a text."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{name}: must be a text that is not empty, not {value!r}")
    return value


def one_of(name: str, value: object, choices: tuple[str, ...]) -> str:
    """Check for one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name}: must be one of {', '.join(choices)}, not {value!r}")
    return value


def zone(name: str, value: object) -> str:
    """Check for an IANA time zone."""
    try:
        return ZoneInfo(text(name, value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"{name}: no such IANA time zone: {value!r}") from None


def instant(name: str, value: object, zone_name: str | None = None) -> datetime:
    """Check for a moment in ISO 8601; without an offset it needs the zone."""
    try:
        moment = datetime.fromisoformat(text(name, value))
    except ValueError:
        raise InputError(f"{name}: must be an ISO 8601 date and time, not {value!r}") from None
    if moment.tzinfo is None:
        if zone_name is None:
            raise InputError(f"{name}: has no UTC offset: {value!r}")
        moment = moment.replace(tzinfo=ZoneInfo(zone_name))
    elif zone_name is not None:
        moment = moment.astimezone(ZoneInfo(zone_name))
    return moment


def _bulk(name: str, value: object) -> Bulk:
    if not isinstance(value, Mapping) or not set(value) <= {"mailboxes", "invitations"}:
        raise InputError(f"{name}: must be an object of mailboxes and invitations, not {value!r}")
    return Bulk(
        mailboxes=count(f"{name}.mailboxes", value.get("mailboxes", 1), least=1),
        invitations=count(f"{name}.invitations", value.get("invitations", 0)),
    )


def _beta_status(name: str, value: object) -> int:
    if value not in (200, 202):
        raise InputError(f"{name}: must be 200 or 202, not {value!r}")
    return count(name, value)


_CHECKS: dict[str, Any] = {
    "limits": boolean,
    "latency": seconds,
    "token_lifetime": lambda name, value: None if value is None else seconds(name, value),
    "cronofy_settle": seconds,
    "cronofy_page_size": lambda name, value: count(name, value, least=1),
    "cronofy_rotates": boolean,
    "graph_beta_status": _beta_status,
    "google_page_size": lambda name, value: count(name, value, least=1),
    "google_sync_lifetime": lambda name, value: None if value is None else seconds(name, value),
    "certificate": lambda name, value: None if value is None else text(name, value),
    "bulk": _bulk,
}
