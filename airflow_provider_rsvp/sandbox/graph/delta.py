"""calendarView/delta: what changed since the last time (docs: event delta)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass
from datetime import datetime

from airflow_provider_rsvp.sandbox.graph import events, odata
from airflow_provider_rsvp.sandbox.graph.errors import refuse
from airflow_provider_rsvp.sandbox.graph.prefer import Preferences
from airflow_provider_rsvp.sandbox.wire import Call
from airflow_provider_rsvp.sandbox.world import Copy, Mailbox

_BARRED = ("$select", "$filter", "$orderby", "$expand", "$search", "$top")
_PAGE = 50


@dataclass(frozen=True, slots=True)
class _Round:
    """A round of changes from one position in the mailbox's list of changes to another; 0 is all events."""

    epoch: str
    start: str
    end: str
    since: int
    until: int
    skip: int

    def token(self) -> str:
        return urlsafe_b64encode(json.dumps(astuple(self)).encode()).decode()


def respond(
    call: Call, mailbox: Mailbox, calendar_id: str, preferences: Preferences, epoch: str, version: str
) -> dict[str, object]:
    """One page of a round; the last one carries the link to the next round."""
    if barred := [name for name in _BARRED if name in call.query]:
        raise refuse(400, "ErrorInvalidUrlQuery", f"{barred[0]} is not supported with change tracking.")
    this = _round(call, mailbox, epoch)
    start, end = datetime.fromisoformat(this.start), datetime.fromisoformat(this.end)
    if this.since == 0:
        copies = [copy for copy in mailbox.agenda() if _within(copy, calendar_id, start, end)]
    else:
        copies = list(dict.fromkeys(mailbox.changes[this.since : this.until]))
        copies = [copy for copy in copies if copy.meeting.repeat is None]
    size = preferences.page_size or _PAGE
    value = []
    for copy in copies[this.skip : this.skip + size]:
        if _within(copy, calendar_id, start, end):
            value.append(events.show(copy, preferences, version))
        else:
            gone = events.first_event_id(copy, preferences.immutable)
            value.append({"id": gone, "@removed": {"reason": "deleted"}})
    body: dict[str, object] = {"value": value}
    if this.skip + size < len(copies):
        following = _Round(epoch, this.start, this.end, this.since, this.until, this.skip + size)
        body["@odata.nextLink"] = odata.link(call, [("$skiptoken", following.token())])
    else:
        following = _Round(epoch, this.start, this.end, this.until, 0, 0)
        body["@odata.deltaLink"] = odata.link(call, [("$deltatoken", following.token())])
    return body


def _round(call: Call, mailbox: Mailbox, epoch: str) -> _Round:
    token = call.query.get("$skiptoken") or call.query.get("$deltatoken")
    if token is None:
        start = odata.moment(call.query.get("startDateTime"), "startDateTime")
        end = odata.moment(call.query.get("endDateTime"), "endDateTime")
        return _Round(epoch, start.isoformat(), end.isoformat(), 0, len(mailbox.changes), 0)
    try:
        known = _Round(*json.loads(urlsafe_b64decode(token)))
    except (ValueError, TypeError):
        raise refuse(410, "syncStateNotFound", "The sync state is not valid.") from None
    if known.epoch != epoch:
        raise refuse(410, "resyncRequired", "Synchronise again from the start.")
    if known.until:
        return known
    return _Round(epoch, known.start, known.end, known.since, len(mailbox.changes), 0)


def _within(copy: Copy, calendar_id: str, start: datetime, end: datetime) -> bool:
    return (
        copy.calendar_id == calendar_id
        and not copy.deleted
        and copy.meeting.repeat is None
        and copy.meeting.start < end
        and copy.meeting.end > start
    )
