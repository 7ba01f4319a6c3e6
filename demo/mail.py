"""Whether the organizers received what the replies say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any


def matched(
    outcomes: Iterable[Mapping[str, Any]], mails: Iterable[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any] | None], list[Mapping[str, Any]]]:
    """
    Return the mail of each outcome, or None if there is none; and all other mail.

    A mail belongs to one outcome only.
    """
    left = list(mails)
    found: list[Mapping[str, Any] | None] = []
    for outcome in outcomes:
        mail = next((each for each in left if outcome["organizer_notified"] and _says(each, outcome)), None)
        if mail is not None:
            left.remove(mail)
        found.append(mail)
    return found, left


def _says(mail: Mapping[str, Any], outcome: Mapping[str, Any]) -> bool:
    reply = outcome["reply"]
    return (
        mail["service"] in outcome["service"].lower()
        and outcome["mailbox"] in (None, mail["mailbox"])
        and (outcome["subject"], reply["status"]) == (mail["subject"], mail["status"])
        and (reply["comment"] or "") == (mail["comment"] or "")
        and _times(reply["proposed_time"]) == _times(mail["proposed_time"])
    )


def _times(proposed: Mapping[str, str] | None) -> list[datetime]:
    return [datetime.fromisoformat(proposed[name]) for name in ("start", "end")] if proposed else []
