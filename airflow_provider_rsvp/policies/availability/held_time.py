"""Whether an event on my calendar takes up my time."""

from __future__ import annotations

from airflow_provider_rsvp.model import FreeBusy, Invitation, ParticipationStatus


def held_as(event: Invitation) -> ParticipationStatus | None:
    """
    Return how an event holds its time: as accepted or tentative, or None if it takes no time.

    My own meetings and appointments are held as accepted, unless they are shown as tentative.
    """
    if event.is_cancelled or event.is_draft or not event.is_readable or event.free_busy is FreeBusy.FREE:
        return None
    if event.is_organizer or not event.is_attendee:
        tentative = event.free_busy is FreeBusy.TENTATIVE
        return ParticipationStatus.TENTATIVE if tentative else ParticipationStatus.ACCEPTED
    if event.status in (ParticipationStatus.ACCEPTED, ParticipationStatus.TENTATIVE):
        return event.status
    return None


def is_out_of_office(event: Invitation) -> bool:
    """Whether an event is an absence: shown as out of office, and my own or accepted."""
    return held_as(event) is ParticipationStatus.ACCEPTED and event.free_busy is FreeBusy.OUT_OF_OFFICE
