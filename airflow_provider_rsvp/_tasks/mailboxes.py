"""What the operators that read mailboxes have in common."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_rsvp.exceptions import (
    ConfigurationError,
    CredentialsError,
    InvalidInputError,
    PassingError,
    PermanentError,
    RsvpError,
)

if TYPE_CHECKING:
    from airflow_provider_rsvp.hooks.base import CalendarHook
    from airflow_provider_rsvp.model import Invitation

FAILED_MAILBOXES = "failed_mailboxes"
"""The XCom with the mailboxes that could not be read, and why."""

_NAMED = 20
_MOST_FAILURES_IN_A_ROW = 5
"""After this many passing failures in a row, the service has failed rather than a mailbox: no others are read."""


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """
    What was read from some mailboxes.

    :param events: the events of the mailboxes that could be read, in the order in which they were named; the key None
        is the connection's own user, if no mailbox was named
    :param errors: why the other mailboxes could not be read
    """

    events: dict[str | None, list[Invitation]] = field(default_factory=dict)
    errors: dict[str, RsvpError] = field(default_factory=dict)

    @property
    def failed(self) -> dict[str, str]:
        """The mailboxes that could not be read, and why; JSON-plain."""
        return {mailbox: f"{type(error).__name__}: {error}" for mailbox, error in self.errors.items()}

    def error(self) -> RsvpError:
        """Return the error that names the mailboxes that could not be read; passing if one of their errors is."""
        asked = len(self.events) + len(self.errors)
        lines = [f"  {mailbox}: {reason}" for mailbox, reason in self.failed.items()]
        more = [f"  and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
        told = "\n".join([*lines[:_NAMED], *more])
        kind = (
            PassingError
            if any(isinstance(each, PassingError) for each in self.errors.values())
            else PermanentError
        )
        return kind(f"{len(lines)} of {asked} mailboxes could not be read.\n{told}")


def check_on_mailbox_error(value: Any) -> None:
    """
    Check what a task does if one of its mailboxes cannot be read.

    :raises InvalidInputError: it is neither ``fail_after`` nor ``skip``
    """
    if value not in ("fail_after", "skip"):
        raise InvalidInputError(f"on_mailbox_error: {value!r} is not one of 'fail_after', 'skip'.")


def read_mailboxes(
    hook: CalendarHook,
    mailboxes: str | Sequence[str] | None,
    start: str | datetime,
    end: str | datetime,
    *,
    calendar_id: str | None,
    timezone: str | tzinfo | None,
    log: Any = logging,
) -> Mailboxes:
    """
    Return the events of a window in each mailbox, in the order in which they are named; each is read once.

    If one mailbox cannot be read, the others are read all the same.

    :param mailboxes: one or several; default is the connection's own user
    :raises RsvpError: no mailbox could be read, or the whole connection cannot be used
    """
    from airflow_provider_rsvp.services.client import Window
    from airflow_provider_rsvp.times import parse_moment

    window = Window(
        parse_moment(start, field="start", timezone=timezone or None),
        parse_moment(end, field="end", timezone=timezone or None),
    )
    given: Sequence[str | None] = [mailboxes] if isinstance(mailboxes, str) else mailboxes or [None]
    asked = list(dict.fromkeys(given))
    read = Mailboxes()
    in_a_row: list[PassingError] = []
    for mailbox in asked:
        try:
            if len(in_a_row) >= _MOST_FAILURES_IN_A_ROW:
                raise PassingError(
                    f"It was not read, because {len(in_a_row)} before it failed: {in_a_row[-1]}"
                )
            read.events[mailbox] = hook.list_invitations(
                window.start, window.end, mailbox=mailbox, calendar_id=calendar_id or None
            )
            in_a_row.clear()
        except RsvpError as error:
            if len(asked) == 1 or mailbox is None or _is_of_the_connection(error, read):
                raise
            if len(in_a_row) < _MOST_FAILURES_IN_A_ROW:
                in_a_row = [*in_a_row, error] if isinstance(error, PassingError) else []
                log.warning("%s could not be read. %s: %s", mailbox, type(error).__name__, error)
            read.errors[mailbox] = error
    if not read.events:
        raise read.error()
    return read


def _is_of_the_connection(error: RsvpError, read: Mailboxes) -> bool:
    """
    Return whether an error says that no mailbox can be read through the connection.

    A service account gets a token for each mailbox, and the token of a user who has left is refused. So refused
    credentials are a fault of the connection only if they were refused twice, and nothing was read with them.
    """
    if isinstance(error, CredentialsError):
        refused = any(isinstance(each, CredentialsError) for each in read.errors.values())
        return refused and not read.events
    return isinstance(error, ConfigurationError)
