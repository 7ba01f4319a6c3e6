"""
What a comment may be made of.

A comment is written in Jinja, and of Jinja's language it takes what a comment needs: texts, values of the invitation,
conditions, some filters, and how a time is written. It has no loops, no variables and no arithmetic beyond sums, so
what comes out, and the time that takes, is bounded by the comment's own length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.plans.reading import shown

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

MOST_NODES = 500
DEEPEST = 30
LONGEST_ARGUMENT = 100
"""Parts of a comment, how deep they are nested, and characters of what a filter or a function is given."""

_LARGEST = 100_000
_STRFTIME_WIDTH = re.compile(r"%[^a-zA-Z%]*\d")


class Kind(StrEnum):
    """What a part of a comment stands for, where it stands for anything."""

    INVITATION = "an invitation"
    REFERENCE = "a reference"
    SPAN = "a start and an end"
    LEAVE = "a leave"
    PERSON = "a person"
    RULE = "a rule"
    MOMENT = "a time"
    TEXT = "a text"
    JOINED = "a text of several parts"
    NUMBER = "a number"
    FLAG = "true or false"
    LIST = "a list"
    NONE = "nothing"
    VALUE = "a value"


NAMES = {
    "invitation": Kind.INVITATION,
    "rule": Kind.RULE,
    "now": Kind.MOMENT,
    "proposed_time": Kind.SPAN,
    "leave": Kind.LEAVE,
}
"""What a comment can refer to."""

_FIELDS: dict[Kind, dict[str, Kind]] = {
    Kind.INVITATION: {
        "reference": Kind.REFERENCE,
        "time": Kind.SPAN,
        "organizer": Kind.PERSON,
        "attendee_count": Kind.NUMBER,
        "categories": Kind.LIST,
        **dict.fromkeys(
            ("subject", "status", "recurrence", "series_id", "cannot_respond", "comment", "link", "body"),
            Kind.TEXT,
        ),
        **dict.fromkeys(("sensitivity", "free_busy"), Kind.TEXT),
        **dict.fromkeys(
            ("is_organizer", "is_attendee", "is_cancelled", "is_draft", "is_read_only", "pending"), Kind.FLAG
        ),
        **dict.fromkeys(("response_requested", "can_propose", "can_respond", "required"), Kind.FLAG),
    },
    Kind.REFERENCE: {
        **dict.fromkeys(("event_id", "ical_uid", "mailbox", "calendar_id"), Kind.TEXT),
        "original_start": Kind.MOMENT,
    },
    Kind.SPAN: {"start": Kind.MOMENT, "end": Kind.MOMENT, "all_day": Kind.FLAG},
    Kind.LEAVE: {"start": Kind.MOMENT, "end": Kind.MOMENT},
    Kind.PERSON: {"address": Kind.TEXT, "name": Kind.TEXT},
    Kind.RULE: {"name": Kind.TEXT},
    Kind.MOMENT: {
        **dict.fromkeys(("year", "month", "day", "hour", "minute", "second"), Kind.NUMBER),
        **dict.fromkeys(("day_of_week", "day_of_year", "week_of_year"), Kind.NUMBER),
        "timezone_name": Kind.TEXT,
    },
}
_FUNCTIONS: dict[Kind, dict[str, Kind]] = {
    Kind.MOMENT: {
        **dict.fromkeys(("format", "strftime", "isoformat"), Kind.TEXT),
        **dict.fromkeys(("to_date_string", "to_time_string", "to_datetime_string"), Kind.TEXT),
        **dict.fromkeys(("date", "in_timezone", "add", "subtract"), Kind.MOMENT),
    },
    Kind.TEXT: {
        **dict.fromkeys(("lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip"), Kind.TEXT),
        **dict.fromkeys(("removeprefix", "removesuffix"), Kind.TEXT),
        **dict.fromkeys(("startswith", "endswith"), Kind.FLAG),
        "split": Kind.LIST,
    },
}
FILTERS: dict[str, Kind | None] = {
    **dict.fromkeys(("when", "upper", "lower", "title", "capitalize", "trim", "truncate"), Kind.TEXT),
    **dict.fromkeys(("replace", "join", "string"), Kind.TEXT),
    **dict.fromkeys(("length", "count"), Kind.NUMBER),
    **dict.fromkeys(("first", "last"), Kind.TEXT),
    **dict.fromkeys(("default", "d"), None),
}
"""What each filter makes; of None, what it is given or what stands in for that."""

TESTS = frozenset(
    {"defined", "undefined", "none", "true", "false", "in", "eq", "equalto", "ne", "lt", "le", "gt", "ge"}
)
_WITHOUT_TEXT = frozenset({Kind.INVITATION, Kind.SPAN, Kind.LEAVE, Kind.RULE, Kind.LIST})
_OF_A_LIST = frozenset({"join", "first", "last", "length", "count"})
_MOST_ARGUMENTS = {"truncate": 4, "replace": 3, "join": 1, "trim": 1}
_CONTAINERS = frozenset({"Keyword", "Operand", "Slice"})
"""What is looked into where it stands."""

_NOT_CONSTANT = "what a function or a filter is given must stand there as it is, such as 'HH:mm' or 3."
_INSTEAD = {
    "For": "a loop; write a filter such as join",
    "Assign": "a variable; write the value where it is used",
    "AssignBlock": "a variable; write the value where it is used",
    "Mul": "a multiplication",
    "Pow": "a power",
    "Mod": "a remainder, or a text in the manner of printf; join the parts with '~'",
    "Dict": "a mapping",
    "FilterBlock": "a filter of a block; filter each value",
}


class Language:
    """
    Checks what one comment is made of.

    :param environment: whose filters are tried on a sample
    :param moment: on which what is asked of times is tried
    """

    def __init__(self, environment: Environment, moment: Any) -> None:
        self._environment = environment
        self._samples = {Kind.MOMENT: moment, Kind.TEXT: "A text"}
        self._seen: set[int] = set()

    def check(self, tree: nodes.Template) -> None:
        """
        Check a whole comment; nothing of it is evaluated.

        :raises PolicyError: something in it is not part of the language
        """
        self._check(tree)
        left: list[nodes.Node] = [tree]
        while left:
            node = left.pop()
            if id(node) not in self._seen and type(node).__name__ not in _CONTAINERS:
                _refuse(node, f"{type(node).__name__.lower()!r} here")
            left.extend(node.iter_child_nodes())

    def _check(self, node: nodes.Node, depth: int = 0) -> Kind:
        """
        Return what a part of a comment stands for.

        :raises PolicyError: it, or something in it, is not part of the language
        """
        self._seen.add(id(node))
        if len(self._seen) > MOST_NODES or depth > DEEPEST:
            raise PolicyError("", f"has more than {MOST_NODES} parts, or is nested more than {DEEPEST} deep.")
        name = type(node).__name__
        check: Callable[[Any, int], Kind] | None = getattr(self, f"_on_{name.lower()}", None)
        if check is None:
            what = _INSTEAD.get(name, f"{name.lower()!r}")
            _refuse(node, what)
        return check(node, depth + 1)

    def _on_template(self, node: nodes.Template, depth: int) -> Kind:
        return self._block(node.body, depth)

    def _on_output(self, node: nodes.Output, depth: int) -> Kind:
        for each in node.nodes:
            kind = self._check(each, depth)
            if kind in _WITHOUT_TEXT:
                raise PolicyError("", f"{_path(each)} is {kind}, and no text; write what of it.")
        return Kind.NONE

    def _on_templatedata(self, node: nodes.TemplateData, depth: int) -> Kind:
        return Kind.TEXT

    def _on_if(self, node: nodes.If, depth: int) -> Kind:
        self._check(node.test, depth)
        return self._block([*node.body, *node.elif_, *node.else_], depth)

    def _block(self, parts: Sequence[nodes.Node], depth: int) -> Kind:
        for each in parts:
            self._check(each, depth)
        return Kind.NONE

    def _on_const(self, node: nodes.Const, depth: int) -> Kind:
        value = node.value
        if isinstance(value, bool):
            return Kind.FLAG
        if isinstance(value, int | float):
            if not -_LARGEST <= value <= _LARGEST:
                _refuse(node, f"a number beyond {_LARGEST}")
            return Kind.NUMBER
        return Kind.NONE if value is None else Kind.TEXT

    def _on_name(self, node: nodes.Name, depth: int) -> Kind:
        if node.name not in NAMES:
            raise PolicyError("", f"{shown(node.name)} is not defined; a comment knows {', '.join(NAMES)}.")
        return NAMES[node.name]

    def _on_list(self, node: nodes.List | nodes.Tuple, depth: int) -> Kind:
        for each in node.items:
            self._constant(each)
        return Kind.LIST

    _on_tuple = _on_list

    def _on_getattr(self, node: nodes.Getattr, depth: int) -> Kind:
        return self._field(node, node.attr, depth)

    def _on_getitem(self, node: nodes.Getitem, depth: int) -> Kind:
        key = node.arg
        if type(key).__name__ == "Const" and isinstance(key.value, str):  # type: ignore[attr-defined]
            self._seen.add(id(key))
            return self._field(node, key.value, depth)  # type: ignore[attr-defined]
        owner = self._check(node.node, depth)
        if owner not in (Kind.TEXT, Kind.LIST):
            raise PolicyError("", f"{_path(node.node)} is {owner}, which has no numbered parts.")
        if type(key).__name__ == "Slice":
            for end in (key.start, key.stop, key.step):  # type: ignore[attr-defined]
                if end is not None:
                    self._constant(end)
            return owner
        self._constant(key)
        return Kind.TEXT

    def _field(self, node: nodes.Getattr | nodes.Getitem, name: str, depth: int) -> Kind:
        owner = self._check(node.node, depth)
        fields = _FIELDS.get(owner, {})
        if name not in fields:
            functions = (f"{each}()" for each in _FUNCTIONS.get(owner, {}))
            allowed = ", ".join(sorted((*fields, *functions))) or "nothing of the kind"
            path = _path(node.node)
            raise PolicyError("", f"{shown(f'{path}.{name}')} is not defined; {path} has {allowed}.")
        return fields[name]

    def _on_call(self, node: nodes.Call, depth: int) -> Kind:
        called: Any = node.node
        if type(called).__name__ != "Getattr":
            raise PolicyError("", f"{_path(called)} cannot be called.")
        self._seen.add(id(called))
        owner = self._check(called.node, depth)
        functions = _FUNCTIONS.get(owner, {})
        if called.attr not in functions:
            allowed = ", ".join(sorted(functions)) or "none"
            path = shown(f"{_path(called.node)}.{called.attr}()")
            raise PolicyError("", f"{path} is not defined; functions of {owner} are {allowed}.")
        args, kwargs = self._arguments(node)
        if called.attr == "strftime" and any(
            _STRFTIME_WIDTH.search(str(each)) for each in (*args, *kwargs.values())
        ):
            _refuse(node, "a width in a format of strftime")
        sample = self._samples[owner]
        _try(called.attr, lambda: getattr(sample, called.attr)(*args, **kwargs))
        return functions[called.attr]

    def _on_filter(self, node: nodes.Filter, depth: int) -> Kind:
        if node.name not in FILTERS or node.node is None:
            known = ", ".join(sorted(FILTERS))
            raise PolicyError(
                "", f"line {node.lineno}: No filter named {shown(node.name)}; a comment knows {known}."
            )
        kind = self._check(node.node, depth)
        made = FILTERS[node.name]
        if made is None:
            others = [self._check(each, depth) for each in node.args] or [Kind.TEXT]
            for keyword in node.kwargs:
                self._constant(keyword.value)
            return _either(kind, others[0])
        if kind is Kind.JOINED:
            raise PolicyError("", f"line {node.lineno}: filter each part before the parts are joined.")
        if node.name == "when" and kind not in (Kind.MOMENT, Kind.VALUE):
            raise PolicyError("", f"{_path(node.node)} is {kind}; the filter 'when' takes a time.")
        if kind in _WITHOUT_TEXT and not (kind is Kind.LIST and node.name in _OF_A_LIST):
            raise PolicyError(
                "", f"{_path(node.node)} is {kind}, which the filter {node.name!r} does not take."
            )
        args, kwargs = self._arguments(node)
        if len(args) > _MOST_ARGUMENTS.get(node.name, 0) or (kwargs and node.name != "truncate"):
            _refuse(node, f"so many arguments of the filter {node.name!r}")
        if args or kwargs:
            sample = ["A text"] if node.name == "join" else "A text"
            _try(node.name, lambda: self._environment.call_filter(node.name, sample, args, kwargs))
        return made

    def _on_test(self, node: nodes.Test, depth: int) -> Kind:
        if node.name not in TESTS:
            known = ", ".join(sorted(TESTS))
            raise PolicyError(
                "", f"line {node.lineno}: No test named {shown(node.name)}; a comment knows {known}."
            )
        self._check(node.node, depth)
        return self._flag(node.args, depth)

    def _arguments(self, node: nodes.Call | nodes.Filter) -> tuple[list[Any], dict[str, Any]]:
        """Return what a function or a filter is given, which stands in the comment itself."""
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            _refuse(node, "arguments with '*'")
        return [self._constant(each) for each in node.args], {
            str(each.key): self._constant(each.value) for each in node.kwargs
        }

    def _constant(self, node: Any) -> Any:
        kind = type(node).__name__
        if kind == "Neg" and isinstance(getattr(node.node, "value", None), int):
            self._check(node)
            return -node.node.value
        if kind != "Const":
            raise PolicyError("", f"line {node.lineno}: {_NOT_CONSTANT}")
        self._check(node)
        if isinstance(node.value, str) and len(node.value) > LONGEST_ARGUMENT:
            _refuse(node, f"more than {LONGEST_ARGUMENT} characters for a function or a filter")
        return node.value

    def _on_condexpr(self, node: nodes.CondExpr, depth: int) -> Kind:
        self._check(node.test, depth)
        first = self._check(node.expr1, depth)
        return first if node.expr2 is None else _either(first, self._check(node.expr2, depth))

    def _on_or(self, node: nodes.BinExpr, depth: int) -> Kind:
        return _either(self._check(node.left, depth), self._check(node.right, depth))

    _on_and = _on_or

    def _on_not(self, node: nodes.Not, depth: int) -> Kind:
        return self._flag([node.node], depth)

    def _on_compare(self, node: nodes.Compare, depth: int) -> Kind:
        return self._flag([node.expr, *(each.expr for each in node.ops)], depth)

    def _flag(self, parts: Sequence[nodes.Node], depth: int) -> Kind:
        self._block(parts, depth)
        return Kind.FLAG

    def _on_concat(self, node: nodes.Concat, depth: int) -> Kind:
        self._on_output(node, depth)  # type: ignore[arg-type]
        return Kind.JOINED

    def _on_add(self, node: nodes.Add, depth: int) -> Kind:
        kinds = {self._check(node.left, depth), self._check(node.right, depth)}
        if kinds <= {Kind.TEXT, Kind.JOINED}:
            return Kind.JOINED
        if kinds != {Kind.NUMBER}:
            _refuse(node, f"a sum of {' and '.join(sorted(kinds))}; join texts with '~'")
        return Kind.NUMBER

    def _on_sub(self, node: nodes.BinExpr, depth: int) -> Kind:
        kinds = {self._check(node.left, depth), self._check(node.right, depth)}
        if kinds != {Kind.NUMBER}:
            _refuse(node, f"a difference of {' and '.join(sorted(kinds))}")
        return Kind.NUMBER

    def _on_neg(self, node: nodes.UnaryExpr, depth: int) -> Kind:
        if self._check(node.node, depth) is not Kind.NUMBER:
            _refuse(node, "'-' before what is no number")
        return Kind.NUMBER


def _either(first: Kind, second: Kind) -> Kind:
    """Return what one of two parts stands for."""
    if Kind.JOINED in (first, second):
        return Kind.JOINED
    if first is second or second is Kind.NONE:
        return first
    return second if first is Kind.NONE else Kind.VALUE


def _path(node: Any) -> str:
    """Return a part of a comment as it is written, as far as names and fields go."""
    if type(node).__name__ == "Name":
        return str(node.name)
    if type(node).__name__ == "Getattr":
        return f"{_path(node.node)}.{node.attr}"
    return "the value"


def _try(name: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception as error:
        # Whatever a library makes of arguments that somebody wrote.
        raise PolicyError("", f"{name}(): {type(error).__name__}: {shown(str(error))}.") from None


def _refuse(node: nodes.Node, what: str) -> NoReturn:
    raise PolicyError("", f"line {node.lineno}: a comment may not hold {what}.")
