"""Google's own description of its Calendar API, as it comes with its client, and what it allows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import unquote

import jsonschema

_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value) is not None


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time_with_offset(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def document() -> dict[str, Any]:
    """Return the discovery document of calendar.v3."""
    file = resources.files("googleapiclient").joinpath("discovery_cache/documents/calendar.v3.json")
    return dict(json.loads(file.read_text()))


def check_request(http_method: str, path: str, query: Iterable[tuple[str, str]], body: object) -> str:
    """
    Check a request against the method that it calls, and return the name of the method.

    :param path: below the service path, percent-encoded
    """
    name, method, values = _method(http_method, path)
    allowed = {**document()["parameters"], **method["parameters"]}
    given = list(query)
    for parameter, text in (*given, *values.items()):
        assert parameter in allowed, f"{name} has no parameter {parameter}"
        _check_parameter(parameter, text, allowed[parameter])
    repeated = {parameter for parameter, _ in given if [each for each, _ in given].count(parameter) > 1}
    assert all(allowed[parameter].get("repeated") for parameter in repeated)
    if "request" in method:
        check(body, method["request"]["$ref"])
    else:
        assert body is None, f"{name} takes no body"
    return name


def check_answer(name: str, body: object) -> None:
    """Check the answer of a method against what it returns."""
    check(body, document()["resources"]["events"]["methods"][name]["response"]["$ref"])


def check(value: object, schema: str) -> None:
    """Check a value against one of the schemas; what the schema does not name is not allowed."""
    definitions = {name: _converted(each) for name, each in document()["schemas"].items()}
    jsonschema.Draft202012Validator(
        {"$ref": f"#/$defs/{schema}", "$defs": definitions}, format_checker=_FORMATS
    ).validate(value)


def scopes(name: str) -> set[str]:
    """Return the scopes of which a method takes any."""
    return set(document()["resources"]["events"]["methods"][name]["scopes"])


def _method(http_method: str, path: str) -> tuple[str, Mapping[str, Any], dict[str, str]]:
    for name, method in document()["resources"]["events"]["methods"].items():
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", method["path"])
        found = re.fullmatch(pattern, path)
        if found and method["httpMethod"] == http_method:
            return name, method, {key: unquote(value) for key, value in found.groupdict().items()}
    raise AssertionError(f"Google has no {http_method} {path}")


def _check_parameter(name: str, text: str, described: Mapping[str, Any]) -> None:
    match described["type"]:
        case "boolean":
            assert text in ("true", "false"), name
        case "integer":
            assert int(text) >= int(described.get("minimum", "0")), name
        case _ if described.get("format") == "date-time":
            assert _is_time_with_offset(text), name
        case _:
            assert text in described.get("enum", [text]), name


def _converted(schema: Any) -> Any:
    """Return a schema of the discovery document as JSON Schema; the two differ in little."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    kept = {name: schema[name] for name in ("type", "enum", "format") if name in schema}
    if schema.get("type") == "any":
        return {}
    if "items" in schema:
        kept["items"] = _converted(schema["items"])
    if schema.get("type") == "object":
        kept["properties"] = {name: _converted(each) for name, each in schema.get("properties", {}).items()}
        further = schema.get("additionalProperties")
        kept["additionalProperties"] = _converted(further) if further else False
    return kept
