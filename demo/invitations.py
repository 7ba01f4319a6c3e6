"""New invitations for each run of an example DAG, so that it can be run again and again."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

SANDBOX = "RSVP_SANDBOX"
"""The variable of the environment that says where the sandbox is."""

GRAPH = "contoso.example"
INVITED: Mapping[str, tuple[tuple[str, str, list[str]], ...]] = {
    "rsvp_approval": (("graph", f"nora@{GRAPH}", []),),
    "rsvp_bitrix24": (("bitrix24", "1", ["standup", "review"]),),
    "rsvp_callback": (("graph", f"alice@{GRAPH}", ["review"]),),
    "rsvp_cronofy": (("cronofy", "acc_alice", ["standup", "retro", "interview"]),),
    "rsvp_decline_with_proposal": (("graph", f"alice@{GRAPH}", ["planning"]),),
    "rsvp_department": (
        ("graph", f"erik@{GRAPH}", []),
        ("graph", f"frida@{GRAPH}", []),
        ("cronofy", "acc_nina", ["release"]),
        ("bitrix24", "2", ["release"]),
    ),
    "rsvp_google": (("google", "alice@workspace.example", ["standup", "board", "lunch"]),),
    "rsvp_leave": (("graph", f"lena@{GRAPH}", []), ("graph", f"mika@{GRAPH}", [])),
    "rsvp_mapped": (("graph", f"ines@{GRAPH}", []), ("graph", f"jonas@{GRAPH}", [])),
    "rsvp_msgraph": (("graph", f"alice@{GRAPH}", ["standup", "board", "lunch"]),),
    "rsvp_offboarding": (("graph", f"dora@{GRAPH}", []),),
    "rsvp_on_invitation": (("cronofy", "acc_alice", ["board"]),),
    "rsvp_pipeline_gate": (("graph", f"alice@{GRAPH}", ["release"]),),
    "rsvp_pipeline_plan": (("graph", f"gina@{GRAPH}", []),),
    "rsvp_planned": (("graph", f"hugo@{GRAPH}", []),),
    "rsvp_scheduled": (("graph", f"kira@{GRAPH}", []),),
    "rsvp_undo": (),  # it undoes the replies of rsvp_offboarding
    "rsvp_wait_for_approvers": (("graph", f"paula@{GRAPH}", []),),
    "rsvp_working_hours": (("graph", f"oskar@{GRAPH}", []),),
}
"""What each example answers, and no other does: service, mailbox, meetings; no meetings are all of the mailbox."""

ACCEPTING: Mapping[str, tuple[str, ...]] = {
    "rsvp_wait_for_approvers": (f"bob@{GRAPH}", f"carol@{GRAPH}"),
}
"""Who accepts the invitations at once, where the example waits for it."""


def of_the_examples(mails: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out mail from attendees who accept by themselves."""
    others = {attendee for attendees in ACCEPTING.values() for attendee in attendees}
    return [mail for mail in mails if mail["attendee"] not in others]


def invite_again(dag_id: str) -> None:
    """
    Reset the invitations of an example, with dates that count from today.

    :raises OSError: the sandbox cannot be reached, or refuses
    """
    for service, mailbox, meetings in INVITED.get(dag_id, ()):
        restored = _post("restore", service=service, mailbox=mailbox, slugs=meetings)
        for invitation in restored:
            for attendee in ACCEPTING.get(dag_id, ()):
                event = {"service": service, "event_id": invitation["event_id"]}
                _post("answer", **event, attendee=attendee, status="accepted")


def _post(operation: str, **body: object) -> Any:
    request = urllib.request.Request(
        f"{os.environ[SANDBOX]}/sandbox/{operation}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
