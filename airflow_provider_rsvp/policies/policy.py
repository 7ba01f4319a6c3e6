"""A policy: rules in order. The first rule that applies decides; if none does, the invitation is left as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.model import Scope
from airflow_provider_rsvp.plans.reading import Reader
from airflow_provider_rsvp.policies.actions import Action, Verb
from airflow_provider_rsvp.policies.availability.availability import Availability
from airflow_provider_rsvp.policies.comments.rendering import check_comment
from airflow_provider_rsvp.policies.conditions.arguments import check_domains
from airflow_provider_rsvp.policies.conditions.base import (
    Condition,
    condition_from_plain,
    condition_to_plain,
    walk,
)
from airflow_provider_rsvp.policies.conditions.event import Organizer, Status, check_patterns
from airflow_provider_rsvp.policies.conditions.time import DuringLeave, OutsideWorkingHours
from airflow_provider_rsvp.policies.files import Files
from airflow_provider_rsvp.policies.plain_text import parse_plain


@dataclass(frozen=True, slots=True)
class Rule:
    """
    A condition, and what to do if it holds.

    :param name: the name that people see; unique within its policy
    :param when: the condition
    :param then: the action
    :raises PolicyError: the name is empty, the comment is malformed, or a rule declines during a leave without a scope
    """

    name: str
    when: Condition
    then: Action

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise PolicyError("name", "is empty, or no text.")
        if not isinstance(self.when, Condition):
            raise PolicyError("when", f"{self.when!r} is not a condition.")
        if not isinstance(self.then, Action):
            raise PolicyError("then", f"{self.then!r} is not an action.")
        if self.then.comment is not None:
            try:
                check_comment(self.then.comment)
            except PolicyError as mistake:
                raise mistake.within("then.comment") from None
        asks_for_leave = any(isinstance(each, DuringLeave) for _, each in walk(self.when, ""))
        if asks_for_leave and self.then.verb is Verb.DECLINE and self.then.scope is None:
            raise PolicyError(
                "then.scope",
                "is missing. A rule that declines during a leave says how much of a series it declines: 'instance' "
                "for the occurrences within the leave, or 'series' for all of it, also after the leave.",
            )

    @property
    def asks_for_status(self) -> bool:
        """Whether its condition asks for a status; if not, the rule applies to pending invitations only."""
        return any(isinstance(each, Status) for _, each in walk(self.when, ""))

    @property
    def scope(self) -> Scope:
        """Whether it decides on a series as a whole or instance by instance."""
        return self.then.scope or Scope.SERIES

    @classmethod
    def from_plain(cls, reader: Reader) -> Self:
        """Read a mapping of ``name``, ``when``, ``then``."""
        names = ("name", "when", "then")
        parts = reader.mapping(names, required=names)
        name = parts["name"].text()
        when = condition_from_plain(parts["when"])
        then = Action.from_plain(parts["then"])
        return reader.build(lambda: cls(name, when, then))

    def to_plain(self) -> dict[str, Any]:
        """Return the mapping."""
        return {"name": self.name, "when": condition_to_plain(self.when), "then": self.then.to_plain()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """
    Rules in order: the first rule that applies to an invitation decides; if none does, it is left as it is.

    :param rules: in the order in which they are tried
    :param my_domains: domains, as globs, of organizers who are not external
    :param availability: when I am available
    :param mailboxes: the availability of single mailboxes, which replaces ``availability``
    :raises PolicyError: two rules have the same name, or a rule needs something that the policy does not say
    """

    rules: tuple[Rule, ...]
    my_domains: tuple[str, ...] = ()
    availability: Availability = field(default_factory=Availability)
    mailboxes: Mapping[str, Availability] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(self.rules))
        object.__setattr__(self, "my_domains", check_domains(self.my_domains, "my_domains"))
        by_name: dict[str, Availability] = {}
        for mailbox, availability in self.mailboxes.items():
            if mailbox.casefold() in by_name:
                raise PolicyError(f"mailboxes.{mailbox}", "is given twice.")
            by_name[mailbox.casefold()] = availability
        object.__setattr__(self, "mailboxes", MappingProxyType(by_name))
        seen: dict[str, int] = {}
        for index, rule in enumerate(self.rules):
            if not isinstance(rule, Rule):
                raise PolicyError(f"rules[{index}]", f"{rule!r} is not a rule.")
            if rule.name in seen:
                raise PolicyError(
                    f"rules[{index}].name", f"rules[{seen[rule.name]}] is called {rule.name!r} too."
                )
            seen[rule.name] = index
            self._check(rule, f"rules[{index}]")

    def __reduce__(self) -> tuple[Any, ...]:
        return _policy, (self.rules, self.my_domains, self.availability, dict(self.mailboxes))

    def __hash__(self) -> int:
        return hash((self.rules, self.my_domains, self.availability, tuple(self.mailboxes.items())))

    def _check(self, rule: Rule, path: str) -> None:
        known = (self.availability, *self.mailboxes.values())
        hours_known = any(each.working_hours for each in known)
        for inner, condition in walk(rule.when, f"{path}.when"):
            if isinstance(condition, Organizer) and condition.external is not None and not self.my_domains:
                raise PolicyError(f"{inner}.external", "the policy does not say what my_domains are.")
            if isinstance(condition, OutsideWorkingHours) and not hours_known:
                raise PolicyError(inner, "the policy does not say what availability.working_hours are.")
            if isinstance(condition, DuringLeave) and not any(
                each.leave or each.out_of_office for each in known
            ):
                raise PolicyError(
                    inner, "the policy names no availability.leave, and out_of_office is false."
                )
        if rule.then.propose is not None and not hours_known:
            raise PolicyError(
                f"{path}.then.propose", "the policy does not say what availability.working_hours are."
            )

    def availability_of(self, mailbox: str | None) -> Availability:
        """Return the availability of a mailbox."""
        return self.mailboxes.get((mailbox or "").casefold(), self.availability)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], *, directory: str | Path = ".") -> Self:
        """
        Return the policy that plain values describe.

        :param directory: the folder of a ``holidays_file`` with a relative path
        :raises PolicyError: they are malformed; the message names the path to the wrong key
        """
        return cls._read(data, Files(Path(directory)))

    @classmethod
    def from_outside(cls, source: Mapping[str, Any] | str, folder: str | Path | None = None) -> Self:
        """
        Return a policy written by someone who may not read all files that this process may.

        :param source: plain values, or YAML or JSON text; never the path of a file
        :param folder: the only folder from which a ``holidays_file`` may come; None to allow no files
        :raises PolicyError: the policy is malformed; the message names the path to the wrong key
        """
        data = parse_plain(source) if isinstance(source, str) else source
        return cls._read(data, Files(None if folder is None else Path(folder), confined=True))

    @classmethod
    def _read(cls, data: Any, files: Files) -> Self:
        reader = Reader(dict(data) if isinstance(data, Mapping) else data, error=PolicyError).bounded()
        check_patterns(reader)
        parts = reader.mapping(("rules", "my_domains", "availability", "mailboxes"), required=("rules",))
        default = Availability.from_plain(parts["availability"], files) if "availability" in parts else None
        mailboxes = parts["mailboxes"].mapping() if "mailboxes" in parts else {}
        rules = tuple(Rule.from_plain(element) for element in parts["rules"].elements())
        return cls(
            rules=rules,
            my_domains=parts["my_domains"].texts() if "my_domains" in parts else (),
            availability=default or Availability(),
            mailboxes={
                name: Availability.from_plain(part, files, default) for name, part in mailboxes.items()
            },
        )

    @classmethod
    def parse(cls, text: str, *, directory: str | Path = ".") -> Self:
        """
        Return the policy in YAML or JSON text.

        :param directory: the folder of a ``holidays_file`` with a relative path
        :raises PolicyError: the policy is malformed; the message names the path to the wrong key
        """
        return cls.from_plain(parse_plain(text), directory=directory)

    @classmethod
    def load(cls, source: str | Path) -> Self:
        """
        Return the policy in YAML or JSON, from text or from a file.

        :param source: a path; or text, if it has several lines or begins with ``{``
        :raises PolicyError: the file cannot be read, or the policy is malformed
        """
        if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
            return cls.parse(source)
        path = Path(source)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PolicyError("policy", f"cannot read the file {str(path)!r}: {reason}.") from None
        return cls.parse(text, directory=path.parent)

    def to_plain(self) -> dict[str, Any]:
        """Return the policy as JSON-plain values, with its holidays written out."""
        return {
            **({"my_domains": list(self.my_domains)} if self.my_domains else {}),
            "availability": self.availability.to_plain(),
            "mailboxes": {name: each.to_plain() for name, each in self.mailboxes.items()},
            "rules": [rule.to_plain() for rule in self.rules],
        }


def _policy(
    rules: tuple[Rule, ...],
    my_domains: tuple[str, ...],
    availability: Availability,
    mailboxes: Mapping[str, Availability],
) -> Policy:
    return Policy(rules=rules, my_domains=my_domains, availability=availability, mailboxes=mailboxes)
