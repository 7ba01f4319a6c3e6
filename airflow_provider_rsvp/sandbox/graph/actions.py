"""The actions accept, tentativelyAccept and decline: their bodies, and when they are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_rsvp.sandbox.graph import zones
from airflow_provider_rsvp.sandbox.graph.errors import AS_ORGANIZER, CANNOT, NOT_REQUESTED, refuse
from airflow_provider_rsvp.sandbox.wire import Call
from airflow_provider_rsvp.sandbox.world import Copy, Status

STATUS = {
    "accept": Status.ACCEPTED,
    "tentativelyAccept": Status.TENTATIVE,
    "decline": Status.DECLINED,
}
_CANCELLED = {
    "accept": "ErrorCalendarIsCancelledForAccept",
    "tentativelyAccept": "ErrorCalendarIsCancelledForTentative",
    "decline": "ErrorCalendarIsCancelledForDecline",
}
_FIELDS = {
    "accept": {"comment", "sendresponse"},
    "tentativelyAccept": {"comment", "sendresponse", "proposednewtime"},
    "decline": {"comment", "sendresponse", "proposednewtime"},
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the body asks for."""

    comment: str | None
    send_response: bool
    proposed_time: tuple[datetime, datetime] | None


def read(call: Call, action: str) -> Reply:
    """Read the body, whose names are taken in any case; no body means the defaults."""
    fields = _object(call, action)
    comment = fields.get("comment")
    send = fields.get("sendresponse")
    if comment is not None and not isinstance(comment, str):
        raise refuse(400, "RequestBodyRead", "Cannot convert the value of 'comment' to 'Edm.String'.")
    if send is not None and not isinstance(send, bool):
        raise refuse(400, "RequestBodyRead", "Cannot convert the value of 'sendResponse' to 'Edm.Boolean'.")
    slot = fields.get("proposednewtime")
    proposed = None if slot is None else _slot(slot)
    reply = Reply(comment, send is not False, proposed)
    if reply.comment is not None and not reply.send_response:
        raise refuse(400, "ErrorInvalidParameter", "'SendResponse' must be true when 'Comment' is not null.")
    if reply.proposed_time is not None and not reply.send_response:
        raise refuse(
            400, "ErrorInvalidParameter", "'SendResponse' must be true when 'ProposedNewTime' is given."
        )
    return reply


def check(copy: Copy, action: str, reply: Reply) -> None:
    """Refuse what the event does not allow."""
    if copy.organizing:
        raise refuse(400, "ErrorInvalidRequest", AS_ORGANIZER)
    if copy.meeting.cancelled:
        raise refuse(400, _CANCELLED[action], f"{CANNOT} The meeting was cancelled.")
    if copy.meeting.draft:
        raise refuse(400, "ErrorInvalidRequest", f"{CANNOT} The meeting is a draft.")
    if not copy.meeting.response_requested and reply.send_response:
        raise refuse(400, "ErrorInvalidRequest", NOT_REQUESTED)
    if reply.proposed_time is not None and not copy.meeting.proposals_allowed:
        raise refuse(400, "ErrorInvalidParameter", f"{CANNOT} The meeting does not allow new time proposals.")


def _object(call: Call, action: str) -> dict[str, object]:
    if call.data is None:
        return {}
    if not isinstance(call.data, dict) or "json" not in call.headers.get("Content-Type", "").casefold():
        raise refuse(400, "BadRequest", "Unable to read JSON request payload.")
    fields: dict[str, object] = {}
    for name, value in call.data.items():
        if name.startswith("@"):
            continue
        if name.casefold() not in _FIELDS[action]:
            raise refuse(
                400,
                "RequestBodyRead",
                f"The parameter '{name}' is not a parameter of the operation '{action}'.",
            )
        fields[name.casefold()] = value
    return fields


def _slot(slot: object) -> tuple[datetime, datetime]:
    """Read a timeSlot; its zones have Windows or IANA names."""
    if not isinstance(slot, Mapping):
        raise refuse(400, "RequestBodyRead", "'proposedNewTime' must be a timeSlot.")
    ends = {str(name).casefold(): value for name, value in slot.items()}
    start, end = _moment(ends.get("start"), "start"), _moment(ends.get("end"), "end")
    if end <= start:
        raise refuse(400, "ErrorInvalidParameter", "The proposed time must end after its start.")
    return start, end


def _moment(given: object, name: str) -> datetime:
    parts = {str(key).casefold(): value for key, value in given.items()} if isinstance(given, Mapping) else {}
    text, zone_name = parts.get("datetime"), parts.get("timezone")
    if not isinstance(text, str) or not isinstance(zone_name, str):
        raise refuse(400, "RequestBodyRead", f"'proposedNewTime/{name}' needs dateTime and timeZone.")
    zone = zones.find(zone_name)
    if zone is None:
        raise refuse(400, "TimeZoneNotSupportedException", f"The time zone '{zone_name}' is not supported.")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise refuse(400, "ErrorInvalidParameter", f"'{text}' is not a date and time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
