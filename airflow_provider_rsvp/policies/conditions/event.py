"""Conditions on the invitation itself: who sent it, to whom, about what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.model import ParticipationStatus, Sensitivity
from airflow_provider_rsvp.plans.reading import Reader, shown
from airflow_provider_rsvp.policies.case import Case
from airflow_provider_rsvp.policies.conditions.arguments import (
    check_domains,
    check_globs,
    check_span,
    check_texts,
    integer,
    matches_glob,
    parse_status,
    parse_statuses,
    within,
    without_empty,
)
from airflow_provider_rsvp.policies.conditions.base import Condition
from airflow_provider_rsvp.policies.patterns.pattern import regular_expression
from airflow_provider_rsvp.policies.patterns.syntax import PatternError

_MOST_PATTERNS = 300
_MOST_PATTERN_CHARACTERS = 50_000


@dataclass(frozen=True, slots=True)
class Organizer(Condition):
    """
    Who organizes the event; everything that is given must match.

    :param address: globs, one of which the address must match
    :param domain: globs, one of which the domain of the address must match
    :param external: whether the domain is none of the policy's ``my_domains``
    """

    key = "organizer"
    address: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    external: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", check_globs(self.address, "address"))
        object.__setattr__(self, "domain", check_domains(self.domain, "domain"))
        if self.external is not None and not isinstance(self.external, bool):
            raise PolicyError("external", f"expected true or false, not {self.external!r}.")
        if not self.address and not self.domain and self.external is None:
            raise PolicyError("", "give address, domain or external.")

    def holds(self, case: Case) -> bool | None:
        """Whether the organizer matches."""
        organizer = case.invitation.organizer
        if organizer is None or organizer.address is None:
            return None
        domain = organizer.address.rpartition("@")[2]
        if self.address and not matches_glob(organizer.address, self.address):
            return False
        if self.domain and not matches_glob(domain, self.domain):
            return False
        if self.external is None:
            return True
        if "@" not in organizer.address:
            return None
        return matches_glob(domain, case.my_domains) is not self.external

    def fact(self, case: Case) -> str:
        """Name the organizer."""
        return f"the organizer is {case.invitation.organizer or 'not known'}"

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a mapping of ``address``, ``domain``, ``external``."""
        parts = reader.mapping(("address", "domain", "external"))
        return reader.build(
            lambda: cls(
                address=parts["address"].texts() if "address" in parts else (),
                domain=parts["domain"].texts() if "domain" in parts else (),
                external=parts["external"].flag() if "external" in parts else None,
            )
        )

    def to_plain(self) -> Any:
        """Return the mapping."""
        return without_empty(address=list(self.address), domain=list(self.domain), external=self.external)


@dataclass(frozen=True, slots=True)
class _Pattern(Condition):
    """Some text contains a match of one of the regular expressions, ignoring case."""

    patterns: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", check_texts(self.patterns, "", needed=True))
        for index, pattern in enumerate(self.patterns):
            try:
                regular_expression(pattern)
            except PatternError as error:
                where = f"[{index}]" if len(self.patterns) > 1 else ""
                raise PolicyError(where, f"{shown(pattern)} {error}") from None

    def _text(self, case: Case) -> str | None:
        raise NotImplementedError

    def holds(self, case: Case) -> bool | None:
        """Whether the text matches."""
        text = self._text(case)
        if text is None:
            return None
        return any(regular_expression(pattern).found(text) for pattern in self.patterns)

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read one pattern or a list of them."""
        patterns = reader.texts()
        return reader.build(lambda: cls(patterns))

    def to_plain(self) -> Any:
        """Return the list."""
        return list(self.patterns)


@dataclass(frozen=True, slots=True)
class Subject(_Pattern):
    """
    The subject matches.

    :param patterns: regular expressions, one of which must be found in it
    """

    key = "subject"

    def _text(self, case: Case) -> str | None:
        return case.invitation.subject

    def fact(self, case: Case) -> str:
        """Say which part of the subject matches."""
        subject = case.invitation.subject
        found = next((each for each in self.patterns if regular_expression(each).found(subject)), None)
        if found is None:
            return f"the subject is '{subject}'"
        excerpt = regular_expression(found).excerpt(subject)
        if excerpt is None:
            return f"the subject matches '{found}'"
        return f"the subject says '{excerpt}'" if excerpt else f"the subject is '{subject}'"


@dataclass(frozen=True, slots=True)
class Body(_Pattern):
    """
    The description matches.

    :param patterns: regular expressions, one of which must be found in it
    """

    key = "body"

    def _text(self, case: Case) -> str | None:
        return case.invitation.body

    def fact(self, case: Case) -> str:
        """Name the pattern that matches; the description itself is shown to nobody."""
        text = self._text(case) or ""
        found = next((each for each in self.patterns if regular_expression(each).found(text)), None)
        return f"the description matches '{found}'" if found else "the description does not match"


@dataclass(frozen=True, slots=True)
class AttendeeCount(Condition):
    """
    How many attendees are invited.

    :param min: at least this many
    :param max: at most this many
    """

    key = "attendee_count"
    min: int | None = None
    max: int | None = None

    def __post_init__(self) -> None:
        check_span(self.min, self.max, "min", "max")

    def holds(self, case: Case) -> bool | None:
        """Whether the number lies between the two, both included."""
        count = case.invitation.attendee_count
        return None if count is None else within(count, self.min, self.max)

    def fact(self, case: Case) -> str:
        """Say how many."""
        count = case.invitation.attendee_count
        return f"{count} {'is' if count == 1 else 'are'} invited"

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a mapping of ``min``, ``max``."""
        parts = reader.mapping(("min", "max"))
        return reader.build(lambda: cls(integer(parts, "min"), integer(parts, "max")))

    def to_plain(self) -> Any:
        """Return the mapping."""
        return without_empty(min=self.min, max=self.max)


@dataclass(frozen=True, slots=True)
class _Flag(Condition):
    """Something is true, or false."""

    expected: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.expected, bool):
            raise PolicyError("", f"expected true or false, not {self.expected!r}.")

    def _actual(self, case: Case) -> bool | None:
        raise NotImplementedError

    def holds(self, case: Case) -> bool | None:
        """Whether it is as expected."""
        actual = self._actual(case)
        return None if actual is None else actual is self.expected

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read true or false."""
        return cls(reader.flag())

    def to_plain(self) -> Any:
        """Return true or false."""
        return self.expected


@dataclass(frozen=True, slots=True)
class Required(_Flag):
    """I am a required attendee; false: an optional one."""

    key = "required"

    def _actual(self, case: Case) -> bool | None:
        return case.invitation.required

    def fact(self, case: Case) -> str:
        """Say which."""
        return f"I am {'a required' if case.invitation.required else 'an optional'} attendee"


@dataclass(frozen=True, slots=True)
class Recurring(_Flag):
    """It is a series, or part of one."""

    key = "recurring"

    def _actual(self, case: Case) -> bool | None:
        return case.recurring

    def fact(self, case: Case) -> str:
        """Say whether."""
        return "it recurs" if case.recurring else "it takes place once"


@dataclass(frozen=True, slots=True)
class AllDay(_Flag):
    """It lasts whole days."""

    key = "all_day"

    def _actual(self, case: Case) -> bool | None:
        return case.invitation.time.all_day

    def fact(self, case: Case) -> str:
        """Say whether."""
        return "it lasts all day" if case.invitation.time.all_day else "it has a time of day"


@dataclass(frozen=True, slots=True)
class ResponseRequested(_Flag):
    """The organizer asks for a reply."""

    key = "response_requested"

    def _actual(self, case: Case) -> bool | None:
        return case.invitation.response_requested

    def fact(self, case: Case) -> str:
        """Say whether."""
        asked = case.invitation.response_requested
        return "the organizer asks for a reply" if asked else "the organizer asks for no reply"


@dataclass(frozen=True, slots=True)
class Status(Condition):
    """
    My current participation status.

    A rule without this condition applies to pending invitations only.

    :param statuses: the statuses that match; empty for any, even if the service does not say
    """

    key = "status"
    statuses: tuple[ParticipationStatus, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "statuses", parse_statuses(self.statuses, ""))

    def holds(self, case: Case) -> bool | None:
        """Whether it is one of them."""
        if not self.statuses:
            return True
        status = case.invitation.status
        return None if status is None else status in self.statuses

    def fact(self, case: Case) -> str:
        """Say which it is."""
        return f"my status is {case.invitation.status or 'not known'}"

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read ``any``, a status, or a list of them."""
        texts = reader.texts()
        if texts == ("any",):
            return cls()
        return reader.build(lambda: cls(tuple(parse_status(text, "") for text in texts)))

    def to_plain(self) -> Any:
        """Return ``any``, or the list."""
        return [str(status) for status in self.statuses] or "any"


@dataclass(frozen=True, slots=True)
class _OneOf(Condition):
    """One of several texts matches one of the globs."""

    patterns: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", check_globs(self.patterns, "", needed=True))

    def _texts(self, case: Case) -> Iterable[str] | None:
        raise NotImplementedError

    def holds(self, case: Case) -> bool | None:
        """Whether one does."""
        texts = self._texts(case)
        return None if texts is None else any(matches_glob(text, self.patterns) for text in texts)

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read one glob or a list of them."""
        patterns = reader.texts()
        return reader.build(lambda: cls(patterns))

    def to_plain(self) -> Any:
        """Return the list."""
        return list(self.patterns)


@dataclass(frozen=True, slots=True)
class Category(_OneOf):
    """
    It has one of several categories.

    :param patterns: globs; one of the categories must match one of them
    """

    key = "category"

    def _texts(self, case: Case) -> Iterable[str] | None:
        return case.invitation.categories

    def fact(self, case: Case) -> str:
        """Name its categories."""
        return f"its categories are {', '.join(case.invitation.categories or ()) or 'none'}"


@dataclass(frozen=True, slots=True)
class Mailbox(_OneOf):
    """
    It is on the calendar of one of several mailboxes.

    :param patterns: globs; the mailbox must match one of them
    """

    key = "mailbox"

    def _texts(self, case: Case) -> Iterable[str] | None:
        mailbox = case.invitation.reference.mailbox
        return None if mailbox is None else (mailbox,)

    def fact(self, case: Case) -> str:
        """Name the mailbox."""
        return f"{case.invitation.reference.mailbox or 'the mailbox'} is invited"


@dataclass(frozen=True, slots=True)
class SensitivityIs(Condition):
    """
    Who may see it.

    :param values: one of which its sensitivity must be
    """

    key = "sensitivity"
    values: tuple[Sensitivity, ...]

    def __post_init__(self) -> None:
        allowed = ", ".join(repr(str(each)) for each in Sensitivity)
        values = (self.values,) if isinstance(self.values, str) else tuple(self.values)
        for value in values:
            if value not in list(Sensitivity):
                raise PolicyError("", f"{shown(value)} is not one of {allowed}.")
        if not values:
            raise PolicyError("", f"give one of {allowed}.")
        object.__setattr__(self, "values", tuple(Sensitivity(value) for value in values))

    def holds(self, case: Case) -> bool | None:
        """Whether it is one of them."""
        return None if case.invitation.sensitivity is None else case.invitation.sensitivity in self.values

    def fact(self, case: Case) -> str:
        """Say which it is."""
        return f"it is {case.invitation.sensitivity or 'of unknown sensitivity'}"

    @classmethod
    def from_plain(cls, reader: Reader) -> Condition:
        """Read a sensitivity or a list of them."""
        texts = reader.texts()
        return reader.build(lambda: cls(tuple(texts)))  # type: ignore[arg-type]

    def to_plain(self) -> Any:
        """Return the list."""
        return [str(value) for value in self.values]


def check_patterns(reader: Reader) -> None:
    """
    Check, before one is compiled, that the regular expressions of some conditions are no more than anybody would write.

    :param reader: of what holds the conditions, at any depth
    :raises PolicyError: they are
    """
    keys = {each.key for each in (Subject, Body)}
    count = characters = 0
    left = [reader.value]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
            for key in keys & value.keys():
                found = [value[key]] if isinstance(value[key], str) else value[key]
                texts = (
                    [each for each in found if isinstance(each, str)]
                    if isinstance(found, list | tuple)
                    else []
                )
                count += len(texts)
                characters += sum(map(len, texts))
        elif isinstance(value, list | tuple):
            left.extend(value)
    if count > _MOST_PATTERNS or characters > _MOST_PATTERN_CHARACTERS:
        reader.fail(
            f"holds {count} regular expressions of {characters} characters; {_MOST_PATTERNS} of "
            f"{_MOST_PATTERN_CHARACTERS} are the most. Join some with '|', or use fewer."
        )
