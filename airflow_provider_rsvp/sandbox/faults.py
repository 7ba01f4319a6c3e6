"""Misbehaviour on request: which rule strikes which call."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_rsvp.sandbox import options
from airflow_provider_rsvp.sandbox.options import InputError
from airflow_provider_rsvp.sandbox.wire import Call

OPERATIONS = ("observe", "send", "list", "token", "batch", "account")
KINDS = (
    "status",
    "cut",
    "hang",
    "slow",
    "malformed",
    "truncated",
    "empty",
    "html",
    "redirect",
    "no_effect",
    "odd_event",
)
INNER_KINDS = ("status", "no_effect", "odd_event")
"""The kinds that can affect a single item of a batch."""
_FIELDS = {
    "service",
    "operation",
    "mailbox",
    "event_id",
    "kind",
    "when",
    "status",
    "headers",
    "body",
    "seconds",
    "location",
    "times",
    "skip",
    "probability",
    "seed",
}


@dataclass(slots=True)
class Rule:
    """One kind of misbehaviour, which requests it affects and how often."""

    kind: str
    service: str | None = None
    operation: str | None = None
    mailbox: str | None = None
    event_id: str | None = None
    when: str = "before"
    """Whether the fault comes before or after the change took effect."""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    seconds: float = 5.0
    location: str = "https://elsewhere.example/"
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int | None = None
    seen: int = 0
    struck: int = 0
    _dice: random.Random = field(default_factory=random.Random, repr=False)

    @classmethod
    def read(cls, place: str, raw: object, services: tuple[str, ...]) -> Rule:
        """Read a rule from JSON; what is wrong with it is said with its place in the list."""
        if not isinstance(raw, Mapping):
            raise InputError(f"{place}: must be an object, not {raw!r}")
        if unknown := set(raw) - _FIELDS:
            raise InputError(f"{place}.{min(unknown)}: unknown field; known are {', '.join(sorted(_FIELDS))}")
        rule = cls(kind=options.one_of(f"{place}.kind", raw.get("kind"), KINDS))
        if raw.get("service") is not None:
            rule.service = options.one_of(f"{place}.service", raw["service"], services)
        if raw.get("operation") is not None:
            rule.operation = options.one_of(f"{place}.operation", raw["operation"], OPERATIONS)
        if raw.get("mailbox") is not None:
            rule.mailbox = str(raw["mailbox"]).casefold()
        if raw.get("event_id") is not None:
            rule.event_id = str(raw["event_id"])
        if "when" in raw:
            rule.when = options.one_of(f"{place}.when", raw["when"], ("before", "after"))
        if raw.get("status") is not None:
            rule.status = options.count(f"{place}.status", raw["status"], least=200)
            if rule.status > 599:
                raise InputError(f"{place}.status: must be an HTTP status up to 599, not {rule.status}")
        headers = raw.get("headers") or {}
        if not isinstance(headers, Mapping):
            raise InputError(f"{place}.headers: must be an object, not {headers!r}")
        rule.headers = {str(name): str(value) for name, value in headers.items()}
        rule.body = raw.get("body")
        if "seconds" in raw:
            rule.seconds = options.seconds(f"{place}.seconds", raw["seconds"])
        if "location" in raw:
            rule.location = options.text(f"{place}.location", raw["location"])
        if "times" in raw:
            rule.times = (
                None if raw["times"] is None else options.count(f"{place}.times", raw["times"], least=1)
            )
        if "skip" in raw:
            rule.skip = options.count(f"{place}.skip", raw["skip"])
        if "probability" in raw:
            rule.probability = options.seconds(f"{place}.probability", raw["probability"])
            if rule.probability > 1:
                raise InputError(f"{place}.probability: must be at most 1, not {rule.probability}")
        if raw.get("seed") is not None:
            rule.seed = options.count(f"{place}.seed", raw["seed"])
        rule._dice = random.Random(rule.seed)  # noqa: S311
        return rule

    def concerns(self, call: Call) -> bool:
        """Return whether the call is one that the rule is about."""
        return (
            self.service in (None, call.service)
            and (self.operation is None or self.operation in call.operations)
            and (self.mailbox is None or self.mailbox == (call.mailbox or "").casefold())
            and (self.event_id is None or self.event_id in call.event_ids)
        )

    def strikes(self) -> bool:
        """Count a call that it concerns; whether the rule strikes this time."""
        if self.times is not None and self.struck >= self.times:
            return False
        self.seen += 1
        if self.seen <= self.skip or self._dice.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def show(self) -> dict[str, object]:
        """Show the rule with how often it was seen and struck."""
        return {name: getattr(self, name) for name in sorted(_FIELDS)} | {
            "seen": self.seen,
            "struck": self.struck,
        }


class Faults:
    """The rules in force; the first that strikes decides."""

    def __init__(self, rules: list[Rule] | None = None) -> None:
        self.rules = rules or []

    @classmethod
    def read(cls, raw: object, services: tuple[str, ...]) -> Faults:
        """Read a list of rules from JSON."""
        if not isinstance(raw, list):
            raise InputError(f"faults: must be a list of rules, not {raw!r}")
        return cls([Rule.read(f"faults[{index}]", each, services) for index, each in enumerate(raw)])

    def strike(self, call: Call) -> Rule | None:
        """Find the rule that strikes this call."""
        return next((rule for rule in self.rules if rule.concerns(call) and rule.strikes()), None)

    def strike_item(self, call: Call) -> Rule | None:
        """Do the same for one item of a batch, which only some kinds can affect."""
        return next(
            (
                rule
                for rule in self.rules
                if rule.kind in INNER_KINDS and rule.concerns(call) and rule.strikes()
            ),
            None,
        )
