"""The method ``batch``: several commands in one request (docs: batch)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from airflow_provider_rsvp.sandbox.bitrix24 import php
from airflow_provider_rsvp.sandbox.bitrix24.methods import MethodError

_LIMIT = 50
_REFERENCE = re.compile(r"\$result((?:\[[^\]]*\])+)")
_BARRED = ("batch",)


def run(params: dict[str, object], call: Callable[[str, dict[str, object]], object]) -> dict[str, object]:
    """Run the commands in order; commands above the limit get an error each."""
    commands = _commands(params.get("cmd"))
    halt = not php.empty(params.get("halt")) and params.get("halt") not in ("false", "N")
    results: dict[str, object] = {}
    errors: dict[str, object] = {}
    times: dict[str, object] = {}
    for index, (key, command) in enumerate(commands.items()):
        start = time.time()
        try:
            results[key] = _run(index, command, results, call)
            times[key] = {"start": start, "finish": time.time(), "operating": 0}
        except MethodError as failure:
            errors[key] = {"error": failure.code, "error_description": failure.text}
            if halt:
                break
    return {
        "result": php.array(results),
        "result_error": php.array(errors),
        "result_total": [],
        "result_next": [],
        "result_time": php.array(times),
    }


def _run(
    index: int,
    command: str,
    results: dict[str, object],
    call: Callable[[str, dict[str, object]], object],
) -> object:
    if index >= _LIMIT:
        raise MethodError("ERROR_BATCH_LENGTH_EXCEEDED", f"At most {_LIMIT} commands", 400)
    name, _, query = command.partition("?")
    method = name.strip("/ ").casefold().removesuffix(".json")
    if method in _BARRED:
        raise MethodError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed in a batch", 405)
    pairs = [
        (field, _REFERENCE.sub(lambda found: _resolve(found[1], results), value))
        for field, value in parse_qsl(query, keep_blank_values=True)
    ]
    return call(method, php.fields(pairs))


def _commands(cmd: object) -> dict[str, str]:
    if isinstance(cmd, list):
        return {str(index): str(command) for index, command in enumerate(cmd)}
    return {str(key): str(command) for key, command in cmd.items()} if isinstance(cmd, dict) else {}


def _resolve(path: str, results: dict[str, object]) -> str:
    """Follow ``$result[key][field]``; an empty text when it leads nowhere."""
    value: object = results
    for key in re.findall(r"\[([^\]]*)\]", path):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ""
    return "" if value is None else str(value)
