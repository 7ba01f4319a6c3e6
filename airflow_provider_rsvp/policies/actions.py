"""What a rule does with an invitation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.model import ParticipationStatus, Scope
from airflow_provider_rsvp.plans.reading import Reader


class Verb(StrEnum):
    """What to do with an invitation."""

    ACCEPT = "accept"
    TENTATIVE = "tentative"
    DECLINE = "decline"
    LEAVE = "leave"

    @property
    def status(self) -> ParticipationStatus | None:
        """The participation status to set; None if the invitation is left as it is."""
        return _STATUSES.get(self)

    @property
    def participle(self) -> str:
        """The verb as it begins a sentence about an invitation."""
        return _PARTICIPLES[self]


_STATUSES = {
    Verb.ACCEPT: ParticipationStatus.ACCEPTED,
    Verb.TENTATIVE: ParticipationStatus.TENTATIVE,
    Verb.DECLINE: ParticipationStatus.DECLINED,
}
_PARTICIPLES = {
    Verb.ACCEPT: "Accepted",
    Verb.TENTATIVE: "Tentatively accepted",
    Verb.DECLINE: "Declined",
    Verb.LEAVE: "Left as it is",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeSlot:
    """
    Propose the next free slot to the organizer: later, of the same duration, within my working hours.

    :param within_days: how many days after the meeting's start, or after now if that is later, the slot may start; 1
        to 366
    :param step_minutes: slots start at multiples of this many minutes of wall-clock time; it divides a day
    :raises PolicyError: a value is out of range
    """

    within_days: int = 5
    step_minutes: int = 30

    def __post_init__(self) -> None:
        for name in ("within_days", "step_minutes"):
            if isinstance(getattr(self, name), bool) or not isinstance(getattr(self, name), int):
                raise PolicyError(name, f"{getattr(self, name)!r} is not a whole number.")
        if not 1 <= self.within_days <= 366:
            raise PolicyError("within_days", f"{self.within_days} does not lie within 1 to 366.")
        if self.step_minutes < 5 or 1440 % self.step_minutes:
            raise PolicyError(
                "step_minutes",
                f"{self.step_minutes} does not divide a day; give 5, 10, 15, 20, 30, 60 or the like.",
            )

    @classmethod
    def from_plain(cls, reader: Reader) -> Self:
        """Read a mapping of ``within_days``, ``step_minutes``."""
        parts = reader.mapping(("within_days", "step_minutes"))
        values = {name: part.integer() for name, part in parts.items()}
        return reader.build(lambda: cls(**values))

    def to_plain(self) -> dict[str, Any]:
        """Return the mapping."""
        return {"within_days": self.within_days, "step_minutes": self.step_minutes}


@dataclass(frozen=True, slots=True)
class Action:
    """
    What a rule does with an invitation.

    :param verb: ``accept``, ``tentative``, ``decline``, or ``leave`` it as it is
    :param comment: a Jinja template of a comment for the organizer
    :param notify_organizer: whether the organizer is told
    :param propose: propose the next free slot, if the service and the organizer take proposed times
    :param scope: whether a series is decided and answered as a whole, or instance by instance; default: as a whole
    :raises PolicyError: the arguments contradict each other
    """

    verb: Verb
    comment: str | None = None
    notify_organizer: bool = True
    propose: ProposeSlot | None = None
    scope: Scope | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "verb", Verb(self.verb))
        except ValueError:
            raise PolicyError("action", f"{self.verb!r} is not one of {_choices(Verb)}.") from None
        if self.scope is not None:
            try:
                object.__setattr__(self, "scope", Scope(self.scope))
            except ValueError:
                raise PolicyError("scope", f"{self.scope!r} is not one of {_choices(Scope)}.") from None
        if not isinstance(self.notify_organizer, bool):
            raise PolicyError("notify_organizer", f"expected true or false, not {self.notify_organizer!r}.")
        if self.comment is not None and not isinstance(self.comment, str):
            raise PolicyError("comment", f"expected text, not {self.comment!r}.")
        if self.propose is not None and not isinstance(self.propose, ProposeSlot):
            raise PolicyError("propose", f"expected a ProposeSlot, not {self.propose!r}.")
        self._check_together()

    def _check_together(self) -> None:
        if self.verb is Verb.LEAVE:
            for name in ("comment", "propose"):
                if getattr(self, name) is not None:
                    raise PolicyError(name, "nothing is sent with 'leave'.")
            if not self.notify_organizer:
                raise PolicyError("notify_organizer", "nothing is sent with 'leave'.")
        if not self.notify_organizer and self.comment is not None:
            raise PolicyError("comment", "a comment reaches the organizer only with notify_organizer: true.")
        if self.propose is None:
            return
        if self.verb is Verb.ACCEPT:
            raise PolicyError(
                "propose", "a proposed time goes with 'tentative' or 'decline', not with 'accept'."
            )
        if not self.notify_organizer:
            raise PolicyError(
                "propose", "a proposed time reaches the organizer only with notify_organizer: true."
            )

    @classmethod
    def from_plain(cls, reader: Reader) -> Self:
        """Read a verb, or a mapping with the verb under ``action``."""
        if isinstance(reader.value, str):
            return cls(Verb(reader.choice(tuple(Verb))))
        allowed = ("action", "comment", "notify_organizer", "propose", "scope")
        parts = reader.mapping(allowed, required=("action",))
        return reader.build(
            lambda: cls(
                Verb(parts["action"].choice(tuple(Verb))),
                comment=parts["comment"].text() if "comment" in parts else None,
                notify_organizer=parts["notify_organizer"].flag() if "notify_organizer" in parts else True,
                propose=ProposeSlot.from_plain(parts["propose"]) if "propose" in parts else None,
                scope=Scope(parts["scope"].choice(tuple(Scope))) if "scope" in parts else None,
            )
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the mapping."""
        plain: dict[str, Any] = {"action": str(self.verb)}
        if self.comment is not None:
            plain["comment"] = self.comment
        if not self.notify_organizer:
            plain["notify_organizer"] = False
        if self.propose is not None:
            plain["propose"] = self.propose.to_plain()
        if self.scope is not None:
            plain["scope"] = str(self.scope)
        return plain


def _choices(words: type[StrEnum]) -> str:
    return ", ".join(repr(str(word)) for word in words)
