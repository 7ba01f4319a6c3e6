"""Seeded meetings as they were at the start, without a reset of all else."""

from __future__ import annotations

from collections.abc import Collection

from airflow_provider_rsvp.sandbox.world import Copy, Mailbox, Meeting, World


def restore(world: World, seeded: World, mailbox: Mailbox, slugs: Collection[str]) -> list[Copy]:
    """
    Let meetings of a mailbox be as they are in a world that was seeded just now.

    Whoever is invited has not answered since, what was deleted or cancelled is back, and the days count from today.
    A series is restored with all its occurrences. Meetings that were made later stay as they are.

    :param seeded: the world to be like
    :param slugs: which meetings; empty for all of the mailbox
    :return: the mailbox's copies that were restored
    """
    present = {copy.meeting.slug: copy for copy in mailbox.copies.values()}
    models = seeded.mailboxes[mailbox.service, mailbox.id.casefold()].agenda()
    restored = [
        (present[model.meeting.slug], model)
        for model in models
        if not slugs or (model.meeting.series or model.meeting).slug in slugs
    ]
    pairs = [pair for copy, model in restored for pair in _copies(copy.meeting, model.meeting)]
    world.rename_all({copy: model.event_id for copy, model in pairs if copy.event_id != model.event_id})
    for copy, model in restored:
        _meet_again(copy.meeting, model.meeting)
    for copy, model in pairs:
        copy.status, copy.answered, copy.deleted = model.status, model.answered, model.deleted
        world.touch(copy)
        world.mailboxes[copy.service, copy.mailbox.casefold()].forget_order()
    return [copy for copy, _ in restored]


def _copies(meeting: Meeting, model: Meeting) -> list[tuple[Copy, Copy]]:
    return [(meeting.copies[mailbox], copy) for mailbox, copy in model.copies.items()]


def _meet_again(meeting: Meeting, model: Meeting) -> None:
    meeting.start, meeting.end, meeting.ical_uid = model.start, model.end, model.ical_uid
    meeting.attendees, meeting.cancelled = model.attendees, model.cancelled
