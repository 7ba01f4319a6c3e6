"""Plain values from YAML or JSON text, which may be hostile."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from airflow_provider_rsvp.exceptions import PolicyError
from airflow_provider_rsvp.plans.reading import DEEPEST, MOST_CHARACTERS, MOST_VALUES, shown

_LONGEST_NUMBER = 40
_MERGE = "tag:yaml.org,2002:merge"


def parse_plain(text: str) -> Any:
    """
    Return the plain values in YAML or JSON text.

    :raises PolicyError: the text is neither, gives a key twice, or is larger than anybody would write
    """
    if len(text) > MOST_CHARACTERS:
        raise PolicyError("policy", f"has {len(text)} characters; {MOST_CHARACTERS} are the most.")
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_mapping, parse_int=_whole_number)
        except (json.JSONDecodeError, RecursionError):
            # YAML may begin with a brace too; its parser then says what is wrong.
            pass
    import yaml

    try:
        _check_events(text)
        return yaml.load(text, _loader())  # noqa: S506 - a SafeLoader
    except PolicyError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise PolicyError("policy", f"is neither YAML nor JSON: {error}") from None


def _check_events(text: str) -> None:
    """Check how many values text contains once its aliases are expanded, before any of them is built."""
    import yaml

    sizes: dict[str, int] = {}
    began: list[tuple[str | None, int]] = []
    total = 0
    events: Iterable[Any] = yaml.parse(text, Loader=_base())
    for event in events:
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise PolicyError(
                "policy", f"{_place(event)}: the tag {shown(tag)}; write the value without one."
            )
        if isinstance(event, yaml.AliasEvent):
            # If it names no anchor, or one that contains it, the loader says so.
            total += sizes.get(str(event.anchor), 0)
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            began.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = began.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        if len(began) > DEEPEST:
            raise PolicyError("policy", f"{_place(event)}: is nested more than {DEEPEST} levels deep.")
        # A mapping counts its keys too.
        if total > 2 * MOST_VALUES:
            raise PolicyError("policy", f"{_place(event)}: holds more than {MOST_VALUES} values.")


def _place(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"


@lru_cache(maxsize=1)
def _base() -> Any:
    """Return the loader of plain values: the faster one, if it is installed."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@lru_cache(maxsize=1)
def _loader() -> Any:
    import yaml

    base = _base()

    class Loader(base):  # type: ignore[misc, valid-type]
        """Loads plain values only; rejects a key given twice and absurdly long numbers."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            if isinstance(node, yaml.MappingNode):
                own = [key for key, _ in node.value if key.tag != _MERGE]
                keys = [self.construct_object(key, deep=True) for key in own]
                _mapping([(key, None) for key in keys if isinstance(key, str)], node.start_mark.line + 1)
            return dict(super().construct_mapping(node, deep))

        def construct_number(self, node: Any) -> Any:
            if len(node.value) > _LONGEST_NUMBER:
                raise PolicyError("policy", f"line {node.start_mark.line + 1}: is too long a number.")
            whole = node.tag == "tag:yaml.org,2002:int"
            return self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)

    for kind in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", Loader.construct_number)
    return Loader


def _whole_number(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise PolicyError("policy", f"{shown(text)} is too long a number.")
    return int(text)


def _mapping(pairs: list[tuple[str, Any]], line: int | None = None) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        where = f" (in the mapping at line {line})" if line else ""
        raise PolicyError("policy", f"the key {shown(twice)} is given twice{where}.")
    return found
