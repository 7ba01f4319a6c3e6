"""What a stranger writes into invitations so that somebody else's Airflow evaluates it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pendulum

from airflow_provider_rsvp.sandbox import Sandbox
from airflow_provider_rsvp.sandbox.world import World

EVALUATED = "9449772114007"
"""What the templates come to; found nowhere unless one was rendered."""

PAYROLL = "payroll-key-c41d07"
"""An Airflow Variable that is nobody's business."""

SECRETS = (EVALUATED, PAYROLL, "sandbox-graph-client-secret-fake")

TEMPLATE = (
    "{{ conn.msgraph_calendar_default.password }} {{ var.value.payroll_key }} {{ 1234567 * 7654321 }}"
    " {# gone #}{% if 1 %}x{% endif %}"
)
BROKEN = "{% raw %} {% for %} {{ no.such.thing }} {{"
FILE = "{{ 1234567 * 7654321 }}.sql"
TEXTS = (TEMPLATE, BROKEN, FILE)


def spoil(sandbox: Sandbox) -> None:
    """Put a template into the subject, the place, the text and the organizer's name of every invitation."""

    def rewrite(world: World) -> None:
        for mailbox in world.mailboxes.values():
            for copy in mailbox.agenda():
                meeting = copy.meeting
                if TEMPLATE in meeting.subject:
                    continue
                meeting.subject += f" {TEMPLATE}"
                meeting.location = meeting.description = TEMPLATE
                meeting.organizer = replace(meeting.organizer, name=TEMPLATE)

    sandbox.edit(rewrite)


def invite(sandbox: Sandbox, mailbox: str) -> None:
    """Let strangers invite somebody: once for each of the texts, which are subjects that begin with Hostile."""
    for number, text in enumerate(TEXTS):
        sandbox.invite(
            service="graph",
            mailbox=mailbox,
            subject=f"Hostile {text}",
            slug=f"{{{{1234567*7654321}}}}-{number}",
            organizer="{{1234567*7654321}}@evil.example",
            start=pendulum.now("UTC").add(days=1, hours=number).isoformat(),
        )


def leaks(*found: Any) -> list[str]:
    """The secrets that are in any of these."""
    text = json.dumps(found, default=str, ensure_ascii=False)
    return [secret for secret in SECRETS if secret in text]
