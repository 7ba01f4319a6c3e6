"""The errors of this package.

.. code-block:: text

    RsvpError
    ├── PermanentError                 retrying cannot help; a task fails at once
    │   ├── InvalidInputError          an argument is missing, malformed or contradictory
    │   │   ├── MalformedValueError    part of a stored plan or report is malformed
    │   │   │   └── PolicyError        part of a policy is malformed
    │   │   └── InvalidTriggerError    an argument of a trigger is malformed
    │   ├── ConfigurationError         the connection is missing something or contradicts itself
    │   ├── UnsupportedByServiceError  the service has no way to express what was asked
    │   ├── CredentialsError           the service rejects the credentials
    │   ├── PermissionDeniedError      the credentials are valid, but do not permit this
    │   ├── UntrustedHostError         an address outside the configured host was refused
    │   ├── EventNotFoundError         no such event on this calendar
    │   ├── MailboxNotFoundError       no such mailbox, or it has no calendar
    │   ├── NotAnInvitationError       the event has no attendee who could answer here
    │   │   └── OwnEventError          the mailbox is the organizer
    │   ├── EventCancelledError        the organizer cancelled the event
    │   ├── NotAsPlannedError          the invitation changed after the reply was planned
    │   ├── SameEventError             another reply of the task is for the same event
    │   ├── PlanChangedError           the plan is not the one that a person approved
    │   ├── DraftEventError            the organizer has not sent the invitation yet
    │   ├── ReadOnlyCalendarError      the calendar cannot be written to
    │   ├── CannotRespondError         the service says that this event takes no reply
    │   ├── ProposalNotAllowedError    the organizer takes no proposed times
    │   └── RejectedByServiceError     the service refused for a reason of its own
    └── PassingError                   a later try may succeed; Airflow's retries apply
        ├── ServiceUnavailableError    the service cannot be reached, or fails
        │   └── ChangeTokenExpiredError  the list of changes must be read again from the start
        ├── ThrottledError             the service asks for longer waits than this task may make
        │   └── SendRefusedError       a reply was refused for load; it is sent again only after a look
        ├── MalformedResponseError     the response is not what the service documents
        ├── TurnTakenError             another task is answering the same event
        ├── TurnsUnavailableError      whose turn it is cannot be found out
        ├── EditConflictError          the event changed between the look and the sending; nothing was sent
        └── UnclearOutcomeError        a reply may or may not have been sent

No message contains a secret. A message says what was requested, what the service said, and what to do. Words of a
service or a stranger are cleaned, so that they cannot control a terminal or change the direction of the text.
"""

from __future__ import annotations

from typing import Self

from airflow_provider_rsvp.redaction import blotted
from airflow_provider_rsvp.text import clean_text


class RsvpError(Exception):
    """
    Any error that this package raises on purpose.

    The secrets that this process uses are blotted out of the message, and invisible characters are removed.

    :param message: what was requested, what was found, what to do
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(clean_text(blotted(message)))


class PermanentError(RsvpError):
    """Retrying cannot help."""


class PassingError(RsvpError):
    """A later try may succeed."""


class InvalidInputError(PermanentError, ValueError):
    """An argument is missing, malformed or contradictory; no request was made."""


class MalformedValueError(InvalidInputError):
    """
    A plain value is not what it should be: part of a stored plan or report, or of a policy.

    :param path: the path to the wrong key, such as ``rules[2].when.organizer.domain``; empty for the whole
    :param problem: what is wrong there, as a sentence
    """

    def __init__(self, path: str, problem: str, *, from_root: bool = False) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem
        self._from_root = from_root

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.path, self.problem)

    def within(self, outer: str, *, from_root: bool = False) -> Self:
        """
        Return the same mistake with ``outer`` before its path.

        :param from_root: whether the path is now complete; nothing more is put before it
        """
        if self._from_root:
            return self
        return type(self)(join_path(outer, self.path), self.problem, from_root=from_root)


class PolicyError(MalformedValueError):
    """A mistake in a policy."""


def join_path(outer: str, inner: str) -> str:
    """Return ``inner``, a path within ``outer``, as a path from where ``outer`` begins."""
    if not outer or not inner or inner.startswith("["):
        return outer + inner
    return f"{outer}.{inner}"


class InvalidTriggerError(InvalidInputError, TypeError):
    """
    An argument of a trigger is malformed.

    A ``TypeError`` too: any other error from a stored trigger, which another version of this package may have stored,
    ends Airflow's triggerer and all the triggers in it.
    """


class ConfigurationError(PermanentError, ValueError):
    """The Airflow connection is missing something or contradicts itself; no request was made."""


class UnsupportedByServiceError(PermanentError):
    """The service has no way to express what was asked; nothing was sent."""


class CredentialsError(PermanentError):
    """The service rejects the credentials."""


class PermissionDeniedError(PermanentError):
    """The credentials are valid, but do not permit this mailbox, calendar or action."""


class UntrustedHostError(PermanentError):
    """An address outside the configured host was refused, so that no token is sent there."""


class EventNotFoundError(PermanentError):
    """There is no such event on this calendar."""


class MailboxNotFoundError(PermanentError):
    """There is no such mailbox, or it has no calendar."""


class NotAnInvitationError(PermanentError):
    """The event has no attendee who could answer here."""


class OwnEventError(NotAnInvitationError):
    """The mailbox is the organizer of the event."""


class EventCancelledError(PermanentError):
    """The organizer cancelled the event."""


class NotAsPlannedError(PermanentError):
    """The invitation changed after the reply to it was planned; nothing was sent."""


class SameEventError(PermanentError):
    """Another reply of the same task is for the same event; this one was not sent."""


class PlanChangedError(PermanentError):
    """The plan is not the one that a person saw when they approved it; nothing is approved."""


class DraftEventError(PermanentError):
    """The organizer has not sent the invitation yet."""


class ReadOnlyCalendarError(PermanentError):
    """The calendar cannot be written to."""


class CannotRespondError(PermanentError):
    """The service says that this event takes no reply."""


class ProposalNotAllowedError(PermanentError):
    """The organizer takes no proposed times for this event."""


class RejectedByServiceError(PermanentError):
    """The service refused the request for a reason of its own."""


class ServiceUnavailableError(PassingError):
    """The service cannot be reached, or fails."""


class ChangeTokenExpiredError(ServiceUnavailableError):
    """A service rejects a change token as expired; everything must be read again to get a new token."""


class ThrottledError(PassingError):
    """The service asks for fewer requests, and for longer waits than this task may make."""


class SendRefusedError(ThrottledError):
    """
    A service refused a reply because it asks for fewer requests; the reply may have taken effect all the same.

    :param pause: how long the service asks to wait, in seconds
    :param limit: how long one reply may wait in all, in seconds
    """

    def __init__(self, message: str = "", *, pause: float = 0.0, limit: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause
        self.limit = limit


class MalformedResponseError(PassingError):
    """The response is not what the service documents: not JSON, cut off, or of another type."""


class TurnTakenError(PassingError):
    """Another task is answering the same event, and did not finish in time; nothing was sent."""


class TurnsUnavailableError(PassingError):
    """The store of the turns cannot be reached, so nothing may be sent."""


class EditConflictError(PassingError):
    """The event changed between the look and the sending; nothing was sent."""


class UnclearOutcomeError(PassingError):
    """A reply may or may not have been sent, and reading back did not settle it."""
