"""Whether a service can express a reply, from its declared capabilities alone."""

from __future__ import annotations

from airflow_provider_rsvp.model import Capabilities, EventReference, ParticipationStatus, Reply, Scope


def why_unsupported(
    capabilities: Capabilities, service: str, reference: EventReference, reply: Reply, scope: Scope
) -> str | None:
    """Return why a service cannot express a reply, as sentences; None if it can."""
    reasons = []
    if reply.status not in capabilities.statuses:
        can = ", ".join(f"'{status}'" for status in ParticipationStatus if status in capabilities.statuses)
        reasons.append(f"{service} cannot be told '{reply.status}'; it can: {can}.")
    if reply.comment and not capabilities.comment:
        reasons.append(f"{service} carries no comments.")
    if not reply.notify_organizer and not capabilities.silent:
        reasons.append(f"{service} always tells the organizer.")
    if reply.proposed_time is not None and not capabilities.proposed_time:
        reasons.append(f"{service} carries no proposed times.")
    if scope not in capabilities.scopes:
        reasons.append(f"{service} has no reply to a whole series; let the rule say 'scope: instance'.")
    if reference.mailbox is not None and not capabilities.mailboxes:
        reasons.append(f"A {service} connection answers only for its own user.")
    return " ".join(reasons) or None
