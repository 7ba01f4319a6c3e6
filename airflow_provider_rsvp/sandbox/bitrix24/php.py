"""PHP's habits on the wire: bracketed form fields, ``empty()``, and ``[]`` for anything empty."""

from __future__ import annotations

import re
from collections.abc import Iterable

_KEY = re.compile(r"\[([^\]]*)\]")


def fields(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Form or query fields, ``a[b][]=c`` unfolded into nested dicts with running numbers."""
    tree: dict[str, object] = {}
    for name, value in pairs:
        root = name.partition("[")[0]
        if not root:
            continue
        keys = [root, *_KEY.findall(name[len(root) :])]
        branch = tree
        for key in keys[:-1]:
            below = branch.get(key or str(len(branch)))
            if not isinstance(below, dict):
                below = branch[key or str(len(branch))] = {}
            branch = below
        branch[keys[-1] or str(len(branch))] = value
    return tree


def empty(value: object) -> bool:
    """Return what PHP's ``empty()`` returns."""
    return not value or value == "0"


def integer(value: object) -> int:
    """Do as PHP's ``(int)``: take the leading digits, else 0."""
    if isinstance(value, bool | int | float):
        return int(value)
    found = re.match(r"\s*([+-]?\d+)", value) if isinstance(value, str) else None
    return int(found[1]) if found else 0


def values(value: object) -> list[object]:
    """Take a list's values, whether it came as a list, as a dict or as a single value."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def array(mapping: dict[str, object]) -> object:
    """How ``json_encode`` writes an array: a list when the keys run from 0, so an empty one is ``[]``."""
    if list(mapping) == [str(index) for index in range(len(mapping))]:
        return list(mapping.values())
    return mapping
