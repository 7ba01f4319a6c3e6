"""Query options: $select, $filter, $top, $skip, $orderby and pages of a collection (docs: query parameters)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from airflow_provider_rsvp.sandbox.graph.errors import refuse
from airflow_provider_rsvp.sandbox.wire import Call
from airflow_provider_rsvp.sandbox.world import Copy

_DEFAULT_PAGE, _LARGEST_PAGE = 10, 1000
_UNSELECTABLE_IN_VIEW = {"createddatetime", "lastmodifieddatetime"}
_CLAUSE = re.compile(r"\s*([\w/]+)\s+(eq|ne|ge|gt|le|lt)\s+('(?:[^']|'')*'|\w+)\s*", re.IGNORECASE)
_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "ge": lambda left, right: left >= right,
    "gt": lambda left, right: left > right,
    "le": lambda left, right: left <= right,
    "lt": lambda left, right: left < right,
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
}
_BOOLEANS: dict[str, Callable[[Copy], bool]] = {
    "iscancelled": lambda copy: copy.meeting.cancelled,
    "isorganizer": lambda copy: copy.organizing,
    "isallday": lambda copy: copy.meeting.all_day,
}
_TIMES: dict[str, Callable[[Copy], datetime]] = {
    "start/datetime": lambda copy: copy.meeting.start,
    "end/datetime": lambda copy: copy.meeting.end,
}


def selection(call: Call, *, view: bool = False) -> set[str] | None:
    """Read the selected properties, case-folded; None for all."""
    given = call.query.get("$select")
    if not given:
        return None
    chosen = {name.strip().casefold() for name in given.split(",") if name.strip()}
    if view and chosen & _UNSELECTABLE_IN_VIEW:
        raise refuse(
            400, "ErrorInvalidRequest", "createdDateTime and lastModifiedDateTime cannot be selected here."
        )
    return chosen


def project(shown: dict[str, object], chosen: set[str] | None) -> dict[str, object]:
    """Keep the chosen properties of an event; the id comes along."""
    if chosen is None:
        return shown
    known = {name.casefold() for name in shown}
    if unknown := chosen - known:
        name = min(unknown)
        raise refuse(
            400, "RequestBroker--ParseUri", f"Could not find a property named '{name}' on type 'event'."
        )
    kept = chosen | {"id", "@odata.etag"}
    return {name: value for name, value in shown.items() if name.casefold() in kept}


def condition(call: Call, *, by_ical_uid: bool) -> Callable[[Copy], bool]:
    """Read $filter, clauses joined by ``and``; what the service cannot filter by is refused."""
    given = call.query.get("$filter")
    if not given:
        return lambda copy: True
    tests = [_clause(part, by_ical_uid) for part in re.split(r"\s+and\s+", given, flags=re.IGNORECASE)]
    return lambda copy: all(test(copy) for test in tests)


def moment(value: str | None, name: str) -> datetime:
    """Read a date and time of the query; without an offset it is UTC."""
    if not value:
        raise refuse(400, "ErrorInvalidParameter", f"This request requires the query parameter '{name}'.")
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise refuse(400, "ErrorInvalidParameter", f"The value of '{name}' is not a date and time.") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def page(
    call: Call, copies: Sequence[Copy], show: Callable[[Copy], dict[str, object]], size: int | None
) -> dict[str, object]:
    """Show a page of the collection, with the link to the next one on the host that was asked."""
    top = _whole(call.query, "$top", size or _DEFAULT_PAGE)
    if not 1 <= top <= _LARGEST_PAGE:
        raise refuse(400, "ErrorInvalidRequest", f"$top must be from 1 to {_LARGEST_PAGE}.")
    skip = _whole(call.query, "$skip", 0)
    if call.query.get("$orderby", "").casefold().split() in (
        ["start/datetime", "desc"],
        ["end/datetime", "desc"],
    ):
        copies = list(reversed(copies))
    body: dict[str, object] = {"@odata.context": f"{call.origin}/graph/{call.segments[0]}/$metadata#events"}
    if call.query.get("$count", "").casefold() == "true":
        body["@odata.count"] = len(copies)
    body["value"] = [show(copy) for copy in copies[skip : skip + top]]
    if skip + top < len(copies):
        options = [(name, value) for name, value in call.query.items() if name != "$skip"]
        body["@odata.nextLink"] = link(call, [*options, ("$skip", str(skip + top))])
    return body


def link(call: Call, options: Sequence[tuple[str, str]]) -> str:
    """Link to the same resource with these query options."""
    return f"{call.origin}/graph{call.path}?{urlencode(options, safe='$')}"


def _clause(part: str, by_ical_uid: bool) -> Callable[[Copy], bool]:
    found = _CLAUSE.fullmatch(part)
    if found is None:
        raise refuse(400, "BadRequest", "Invalid filter clause.")
    name, operator, raw = found[1].casefold(), found[2].casefold(), found[3]
    value = raw[1:-1].replace("''", "'") if raw.startswith("'") else raw
    if name == "icaluid" and operator == "eq" and by_ical_uid:
        return lambda copy: copy.meeting.ical_uid == value
    if name in _BOOLEANS and operator in ("eq", "ne"):
        wanted = (value.casefold() == "true") == (operator == "eq")
        return lambda copy: _BOOLEANS[name](copy) == wanted
    if name in _TIMES:
        instant = moment(value, found[1])
        return lambda copy: _COMPARE[operator](_TIMES[name](copy), instant)
    raise refuse(400, "ErrorInvalidProperty", f"The property '{found[1]}' does not support filtering.")


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name)
    if value is None:
        return default
    if not value.isdigit():
        raise refuse(400, "BadRequest", f"Invalid value '{value}' for {name}.")
    return int(value)
