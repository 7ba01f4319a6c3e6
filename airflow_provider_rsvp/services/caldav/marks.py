"""
Marks: by these the package knows what it wrote into an event itself.

They are parameters of lines that an organizer can write too: my ``ATTENDEE`` line, which says that a reply is being
mailed or was, and a ``COMMENT``. So each mark ends with a code (HMAC-SHA256) that only those who sign in to this
calendar can make. It is bound to the event, the instance, its ``SEQUENCE``, and my address or the comment: taken from
one invitation, it counts for no other. A mark without the right code counts as none, and goes when its line is next
written.

The key is drawn from what the connection signs in with, because that is what all workers share, and no stranger
knows. It is drawn slowly (PBKDF2), as a server may pass the mark on to the organizer, who must not learn the password
by trying. With another password, earlier marks are none of ours. For a comment that means that it is not shown, and
nothing is sent for that. For a reply whose mail was left unclear just before, a later try may mail it once more; for a
first answer that mail has the same ``Message-ID``, by which a copy is known.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from functools import lru_cache

from airflow_provider_rsvp.services.caldav.lines import ContentLine, unescaped

MARK = "X-AIRFLOW-RSVP"
"""The parameter that holds a mark."""

_COMMENT = "comment"
_BOUND_TO = ("UID", "RECURRENCE-ID", "SEQUENCE")
_ROUNDS = 600_000
_CODE_LENGTH = 32


class Marks:
    """
    Makes and checks the marks of one connection.

    :param secret: what the connection signs in with
    :param user: who signs in
    """

    def __init__(self, secret: str, user: str) -> None:
        self._secret = secret
        self._user = user

    def made(self, text: str, event: Sequence[ContentLine], attendee: ContentLine) -> str:
        """
        Return the mark that says something in my ``ATTENDEE`` line.

        :param event: the event's own lines
        """
        return f"{text}-{self._code(event, text, attendee.value.strip().casefold())}"

    def found(self, event: Sequence[ContentLine], attendee: ContentLine) -> str | None:
        """Return what the mark in my ``ATTENDEE`` line says; None if there is none of ours."""
        mark = attendee.parameter(MARK) or ""
        text = mark.rpartition("-")[0]
        return (
            text
            if text and hmac.compare_digest(mark.encode(), self.made(text, event, attendee).encode())
            else None
        )

    def of_comment(self, comment: str, event: Sequence[ContentLine]) -> str:
        """Return the mark of a comment of mine."""
        # Servers may lay out a text anew.
        return f"{_COMMENT}-{self._code(event, _COMMENT, ' '.join(comment.split()))}"

    def is_own_comment(self, line: ContentLine, event: Sequence[ContentLine]) -> bool:
        """Return whether a line is a comment of mine."""
        if line.name != "COMMENT" or not (mark := line.parameter(MARK)):
            return False
        return hmac.compare_digest(mark.encode(), self.of_comment(unescaped(line.value), event).encode())

    def _code(self, event: Sequence[ContentLine], *parts: str) -> str:
        named = [line.value.strip() for name in _BOUND_TO for line in event if line.name == name]
        text = json.dumps([*named, *parts])
        return hmac.new(_key(self._secret, self._user), text.encode(), hashlib.sha256).hexdigest()[
            :_CODE_LENGTH
        ]


@lru_cache(maxsize=64)
def _key(secret: str, user: str) -> bytes:
    salt = f"airflow-provider-rsvp {MARK} {user}"
    return hashlib.pbkdf2_hmac(
        "sha256", secret.encode(errors="replace"), salt.encode(errors="replace"), _ROUNDS
    )
