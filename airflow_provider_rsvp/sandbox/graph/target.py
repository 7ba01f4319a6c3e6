"""What a Graph URL names, in any of the forms that lead to a user's calendar."""

from __future__ import annotations

import re
from dataclasses import dataclass

ACTIONS = {"accept": "accept", "tentativelyaccept": "tentativelyAccept", "decline": "decline"}
VERSIONS = ("v1.0", "beta")
_KEY = re.compile(r"users\('(.+)'\)", re.IGNORECASE)
_NAMESPACE = "microsoft.graph."


@dataclass(frozen=True, slots=True)
class Target:
    """A resource or an action.

    ``kind`` is one of user, settings, groups, calendars, calendar, events, event, instances, action,
    view, delta, batch, unknown.
    """

    version: str
    kind: str = "unknown"
    user: str | None = None
    """None for /me."""
    group: str | None = None
    calendar: str | None = None
    event: str = ""
    action: str = ""

    @property
    def operation(self) -> str:
        """The label that faults and the log go by."""
        match self.kind:
            case "action":
                return "send"
            case "event":
                return "observe"
            case "events" | "instances" | "view" | "delta":
                return "list"
            case "batch":
                return "batch"
            case _:
                return "account"


def parse(segments: tuple[str, ...]) -> Target:
    """Read decoded path segments, the version first; names are compared without case."""
    version, *rest = segments or ("",)
    version = version.casefold()
    if [part.casefold() for part in rest] == ["$batch"]:
        return Target(version, "batch")
    user: str | None = None
    match [part.casefold() for part in rest[:1]]:
        case ["me"]:
            rest = rest[1:]
        case ["users"] if len(rest) > 1:
            user, rest = rest[1], rest[2:]
        case [_] if found := _KEY.fullmatch(rest[0]):
            user, rest = found[1], rest[1:]
        case _:
            return Target(version)
    return _below_user(version, user, rest)


def _below_user(version: str, user: str | None, rest: list[str]) -> Target:
    group: str | None = None
    match [part.casefold() for part in rest]:
        case []:
            return Target(version, "user", user)
        case ["mailboxsettings"]:
            return Target(version, "settings", user)
        case ["calendargroups"]:
            return Target(version, "groups", user)
        case ["calendargroups", _, "calendars", *_]:
            group, rest = rest[1], rest[2:]
        case ["calendargroup", "calendars", *_]:
            rest = rest[1:]
    calendar: str | None = None
    match [part.casefold() for part in rest]:
        case ["calendars"]:
            return Target(version, "calendars", user, group)
        case ["calendar"]:
            return Target(version, "calendar", user, group)
        case ["calendars", _]:
            return Target(version, "calendar", user, group, rest[1])
        case ["calendar", *_]:
            rest = rest[1:]
        case ["calendars", _, *_]:
            calendar, rest = rest[1], rest[2:]
    match [part.casefold().removeprefix(_NAMESPACE).removesuffix("()") for part in rest]:
        case ["events"]:
            return Target(version, "events", user, group, calendar)
        case ["events", _]:
            return Target(version, "event", user, group, calendar, rest[1])
        case ["events", _, "instances"]:
            return Target(version, "instances", user, group, calendar, rest[1])
        case ["events", _, name] if name in ACTIONS:
            return Target(version, "action", user, group, calendar, rest[1], ACTIONS[name])
        case ["calendarview"]:
            return Target(version, "view", user, group, calendar)
        case ["calendarview", "delta"]:
            return Target(version, "delta", user, group, calendar)
        case _:
            return Target(version)
