"""The errors of this package.

.. code-block:: text

    RsvpError
    ├── PermanentError                 retrying cannot help; a task fails at once
    │   ├── InvalidInputError          an argument is missing, malformed or contradictory
    │   │   ├── MalformedValueError    a part of a stored plan or report, named by its path
    │   │   │   └── PolicyError        a mistake in a policy, named likewise
    │   │   └── InvalidTriggerError    one of a trigger
    │   ├── ConfigurationError         the connection is missing something or contradicts itself
    │   ├── UnsupportedByServiceError  the service has no way to express what was asked
    │   ├── CredentialsError           the service does not accept the credentials
    │   ├── PermissionDeniedError      the credentials are good, but not for this
    │   ├── UntrustedHostError         an address outside the configured host was refused
    │   ├── EventNotFoundError         no such event on this calendar
    │   ├── MailboxNotFoundError       no such mailbox, or it has no calendar
    │   ├── NotAnInvitationError       the event has no attendee who could answer here
    │   │   └── OwnEventError          the mailbox is the organizer
    │   ├── EventCancelledError        the organizer cancelled the event
    │   ├── NotAsPlannedError          it is not as it was when the reply was planned
    │   ├── SameEventError             another reply of the task is for the same event
    │   ├── PlanChangedError           the plan is not the one that a person was shown
    │   ├── DraftEventError            the organizer has not sent the invitation yet
    │   ├── ReadOnlyCalendarError      the calendar cannot be written to
    │   ├── CannotRespondError         the service says that this event takes no reply
    │   ├── ProposalNotAllowedError    the organizer takes no proposed times
    │   └── RejectedByServiceError     the service refused for a reason of its own
    └── PassingError                   a later try may succeed; Airflow's retries apply
        ├── ServiceUnavailableError    not reachable, or failing on its side
        │   └── ChangeTokenExpiredError  a list of changes has to be read anew from the start
        ├── ThrottledError             too many requests, for longer than we may wait
        ├── MalformedResponseError     the response is not what the service documents
        ├── EditConflictError          the event changed between the look and the sending; nothing was sent
        └── UnclearOutcomeError        a reply may or may not have been sent

No message holds a secret. A message says what was asked, what the service said, and what to do. What a service or a
stranger said in it is cleaned, so that it cannot steer a terminal or turn the direction of writing.
"""

from __future__ import annotations

from typing import Self

from airflow_provider_rsvp.redaction import blotted
from airflow_provider_rsvp.text import clean_text


class RsvpError(Exception):
    """
    Any error that this package raises on purpose.

    Whatever a message is made of, the secrets that this process uses are blotted out of it, and so is what a person
    cannot see.

    :param message: what was asked, what was found, what to do
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(clean_text(blotted(message)))


class PermanentError(RsvpError):
    """Retrying cannot help."""


class PassingError(RsvpError):
    """A later try may succeed."""


class InvalidInputError(PermanentError, ValueError):
    """An argument is missing, malformed or contradictory; nothing was requested."""


class MalformedValueError(InvalidInputError):
    """
    A plain value is not what it should be: a part of a stored plan or report, or of a policy.

    :param path: the way to the wrong key, such as ``rules[2].when.organizer.domain``; empty for the whole
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
        Return the same mistake, as seen from further out.

        :param from_root: whether ``outer`` begins at the whole; nothing is put before it any more
        """
        if self._from_root:
            return self
        return type(self)(join_path(outer, self.path), self.problem, from_root=from_root)


class PolicyError(MalformedValueError):
    """A mistake in a policy."""


def join_path(outer: str, inner: str) -> str:
    """Return the path to ``inner`` as seen from where ``outer`` begins."""
    if not outer or not inner or inner.startswith("["):
        return outer + inner
    return f"{outer}.{inner}"


class InvalidTriggerError(InvalidInputError, TypeError):
    """
    An argument of a trigger is malformed.

    A ``TypeError`` too: any other error of a stored trigger, which an earlier version of this package may have made,
    ends Airflow's triggerer and with it all that waits there.
    """


class ConfigurationError(PermanentError, ValueError):
    """The Airflow connection is missing something or contradicts itself; nothing was requested."""


class UnsupportedByServiceError(PermanentError):
    """The service has no way to express what was asked; nothing was sent."""


class CredentialsError(PermanentError):
    """The service does not accept the credentials."""


class PermissionDeniedError(PermanentError):
    """The credentials are good, but not for this mailbox, calendar or action."""


class UntrustedHostError(PermanentError):
    """An address outside the configured host was refused, so that no token goes there."""


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
    """The invitation is not as it was when the reply to it was planned; nothing was sent."""


class SameEventError(PermanentError):
    """Another reply of the same task is for the same event; this one was not sent."""


class PlanChangedError(PermanentError):
    """The plan is not the one that a person was shown when they approved it; nothing is approved."""


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
    """The service is not reachable or fails on its side."""


class ChangeTokenExpiredError(ServiceUnavailableError):
    """A service no longer takes a change token; everything is read anew, and a new token is given out."""


class ThrottledError(PassingError):
    """The service asks for fewer requests, for longer than this task may wait."""


class MalformedResponseError(PassingError):
    """The response is not what the service documents: not JSON, cut off, or of another type."""


class EditConflictError(PassingError):
    """The event changed between the look and the sending; nothing was sent."""


class UnclearOutcomeError(PassingError):
    """A reply may or may not have been sent, and reading back did not settle it."""
