"""
Sending a reply: by the server, which mails organizers when an answer is written, or by mail of our own.

By mail, three steps keep the promise that a reply goes out once at most and that a lost one never passes for sent:

.. code-block:: text

    sign in at the mail server
    write "sending" into my own ATTENDEE line, if the event still stands as it was read
    hand the mail over, once ──── refused ─► take the note back; an error, nothing was sent
         │        └─────────────── unclear ─► the note stays: no later try mails this reply again
         ▼
    write the answer, and "sent" for "sending"

If the answer were written first, a lost mail would look like success from then on. If the mail went first, without a
note, the next try after a crash would mail again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex

from airflow_provider_rsvp.exceptions import (
    EditConflictError,
    MalformedResponseError,
    RsvpError,
    SendRefusedError,
    ServiceUnavailableError,
    UnclearOutcomeError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.model import (
    EventReference,
    Invitation,
    ParticipationStatus,
    Recurrence,
    Reply,
    Scope,
)
from airflow_provider_rsvp.services.caldav.discovery import Silence
from airflow_provider_rsvp.services.caldav.edits import (
    attendee_lines,
    with_comment,
    with_mark,
    with_organizer_parameter,
    with_override,
    with_status,
    without_strange_marks,
)
from airflow_provider_rsvp.services.caldav.invitations import HeldInvitation, InvitationReader
from airflow_provider_rsvp.services.caldav.itip import Letter, Mailer
from airflow_provider_rsvp.services.caldav.lines import ContentLine, Document
from airflow_provider_rsvp.services.caldav.marks import MARK, Marks
from airflow_provider_rsvp.services.caldav.store import Store
from airflow_provider_rsvp.services.client import Sent, check_unchanged
from airflow_provider_rsvp.services.wire import Purpose

_AGENT, _FORCE, _DELIVERY = "SCHEDULE-AGENT", "SCHEDULE-FORCE-SEND", "SCHEDULE-STATUS"
_WRITINGS = 3
"""How often writing the answer is tried after its mail went out, if the event changes meanwhile."""

Observe = Callable[[EventReference, Scope], Awaitable[HeldInvitation]]


@dataclass(frozen=True, slots=True)
class _Way:
    """
    How one reply reaches its organizer, or is kept from them.

    :param told: whether the organizer is told at all
    :param by_server: whether the server tells them when the answer is written
    :param by_mail: whether a mail of our own tells them
    :param headers: what the server is told along with the answer
    :param organizer: a parameter of the organizer's line for the time of the writing (RFC 6638, section 7)
    :param note: what of the reply is not delivered
    """

    told: bool
    by_server: bool = False
    by_mail: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    organizer: tuple[str, str] | None = None
    note: str | None = None


class Sending:
    """
    Sends one reply.

    :param observe: reads an event again
    """

    def __init__(
        self, store: Store, reader: InvitationReader, mailer: Mailer | None, observe: Observe
    ) -> None:
        self._store = store
        self._reader = reader
        self._mailer = mailer
        self._observe = observe

    async def send(self, invitation: Invitation, reply: Reply) -> Sent:
        """Set the status in the object, and see to it that the organizer is told as asked."""
        held = await self._held(invitation)
        way = self._way(held, reply)
        if way.by_mail:
            return await self._mailed(held, reply, way)
        what = f"set {held.invitation.reference} to {reply.status}"
        # Changing a large object would block the event loop for too long.
        data = await asyncio.to_thread(self._changed, held, reply, way)
        await self._store.put(held.resource, data, what, Purpose.SEND, dict(way.headers))
        return await self._confirmed(held, reply, way)

    def _changed(self, held: HeldInvitation, reply: Reply, way: _Way) -> bytes:
        """Return the object with the answer that the server is to see."""
        document, places = self._document(held)
        document = without_strange_marks(document, places, self._mine, self._marks)
        document = with_status(document, places, self._mine, reply.status)
        document = with_comment(document, places, reply.comment if way.by_server else None, self._marks)
        if way.organizer is not None:
            document = with_organizer_parameter(document, places, *way.organizer)
        return document.to_bytes()

    @property
    def _mine(self) -> frozenset[str]:
        return self._reader.home.addresses

    @property
    def _marks(self) -> Marks:
        return self._reader.marks

    async def _held(self, invitation: Invitation) -> HeldInvitation:
        if isinstance(invitation.version, HeldInvitation):
            return invitation.version
        fresh = await self._again(invitation)
        check_unchanged(invitation, fresh.invitation)
        return fresh

    async def _again(self, invitation: Invitation) -> HeldInvitation:
        scope = Scope.SERIES if invitation.recurrence is Recurrence.SERIES else Scope.INSTANCE
        return await self._observe(EventReference(event_id=invitation.reference.event_id), scope)

    def _way(self, held: HeldInvitation, reply: Reply) -> _Way:
        """
        Return the way that a reply takes on this server.

        :raises UnsupportedByServiceError: there is none that carries all of it
        """
        server = self._reader.home.server
        agent = (self._organizer(held).parameter(_AGENT) or "SERVER").upper()
        by_server = server.schedules and agent == "SERVER"
        if agent == "NONE":
            self._refuse_words(reply, "the organizer wants no replies to it (SCHEDULE-AGENT=NONE)")
            return _Way(told=False, note="Nobody is notified: the event says so (SCHEDULE-AGENT=NONE).")
        if not reply.notify_organizer:
            return self._silently() if by_server else _Way(told=False)
        if reply.proposed_time is not None:
            self._need_mailer("proposed_start: a proposed time goes by mail")
            return _Way(told=True, by_server=by_server, by_mail=True)
        if by_server:
            if reply.comment and not server.comments:
                raise UnsupportedByServiceError(
                    "comment: the server writes the reply to the organizer itself and is not known to carry comments; "
                    "drop it."
                )
            stood = held.invitation.status is reply.status
            return _Way(told=True, by_server=True, organizer=(_FORCE, "REPLY") if stood else None)
        if not held.invitation.response_requested:
            note = "The organizer asked for no replies, so the status was set and nobody was told."
            self._refuse_words(reply, "the organizer asked for no replies")
            return _Way(told=False, note=note)
        if reply.status is ParticipationStatus.NEEDS_ACTION:
            raise UnsupportedByServiceError(
                "status: 'needs-action' is no reply that can be mailed; set it with notify_organizer=False."
            )
        self._need_mailer("notify_organizer: the server sends no replies itself")
        return _Way(told=True, by_mail=True)

    def _silently(self) -> _Way:
        match self._reader.home.server.silence:
            case Silence.BY_HEADER:
                return _Way(told=False, headers=(("Schedule-Reply", "F"),))
            case Silence.BY_AGENT:
                return _Way(told=False, organizer=(_AGENT, "CLIENT"))
            case _:
                raise UnsupportedByServiceError(
                    "notify_organizer: the server tells the organizer itself, and no way is known to prevent that; "
                    "False is not possible."
                )

    def _refuse_words(self, reply: Reply, why: str) -> None:
        if reply.comment:
            raise UnsupportedByServiceError(f"comment: nobody would get it, because {why}; drop it.")

    def _need_mailer(self, why: str) -> None:
        if self._mailer is None:
            raise UnsupportedByServiceError(
                f"{why}, and the connection names no mail connection. Name one in 'smtp_conn_id'."
            )

    def _document(self, held: HeldInvitation) -> tuple[Document, tuple[int, ...]]:
        """Return the object, and the events in it that the reply is for: one, or all of a series."""
        obj, occurrence = held.object, held.occurrence
        if occurrence is None:
            invited = (
                place
                for place, event in enumerate(obj.events)
                if self._reader.my_lines(event) and (event.value("STATUS") or "").upper() != "CANCELLED"
            )
            return obj.document, tuple(invited)
        if occurrence.instance is not None and occurrence.event.instance is None:
            document, place = with_override(obj, occurrence)
            return document, (place,)
        return obj.document, (occurrence.event.place,)

    def _organizer(self, held: HeldInvitation) -> ContentLine:
        event = held.occurrence.event if held.occurrence else held.object.master or held.object.events[0]
        line = event.first("ORGANIZER")
        assert line is not None, "without an organizer it is no invitation"
        return line

    async def _confirmed(self, held: HeldInvitation, reply: Reply, way: _Way) -> Sent:
        """Return what the object shows after the writing: the status, and whether the server delivered it."""
        told, notes = way.told, [way.note]
        try:
            fresh = await self._again(held.invitation)
        except RsvpError:
            return Sent(told, way.note)
        delivery = self._organizer(fresh).parameter(_DELIVERY) or ""
        if way.by_server and delivery.startswith(("3.", "5.")):
            told = False
            notes.append(
                f"The server could not deliver the reply to the organizer (SCHEDULE-STATUS {delivery})."
            )
        if way.organizer is not None:
            notes.append(await self._tidied(fresh, way.organizer))
        return Sent(told, " ".join(note for note in notes if note) or None, fresh.invitation.status)

    async def _tidied(self, fresh: HeldInvitation, organizer: tuple[str, str]) -> str | None:
        """Take away what was written for the time of the writing only, if the server left it there."""
        name, value = organizer
        if self._organizer(fresh).parameter(name) != value:
            return None
        places = range(len(fresh.object.events))
        document = with_organizer_parameter(fresh.object.document, places, name, None)
        try:
            # It tells nobody anything, so it does not count as sending.
            await self._store.put(
                fresh.resource, document.to_bytes(), f"tidy {fresh.invitation.reference}", Purpose.READ
            )
        except RsvpError:
            return f"The event still says {name}={value}, which could not be taken away."
        return None

    async def _mailed(self, held: HeldInvitation, reply: Reply, way: _Way) -> Sent:
        """Mail the reply, then set the status; see the module's description."""
        invitation = held.invitation
        document, places = await asyncio.to_thread(self._document, held)
        mine, mark = await asyncio.to_thread(self._noted, document, places)
        if mark is not None and mark.startswith(f"sending-{reply.status}-"):
            raise UnclearOutcomeError(
                f"'{reply.status}' for {invitation.subject!r} may have been mailed before: an earlier try did not "
                "learn what became of it, so it is not mailed again. Look at the organizer's side, then answer in a "
                f"calendar program, or take the parameter {MARK} away to have it mailed."
            )
        letter = Letter(
            document, places, mine, self._organizer(held), reply, invitation.subject, invitation.time, mark
        )
        message = await asyncio.to_thread(letter.message)
        assert self._mailer is not None
        session = await self._mailer.open()
        try:
            note = f"sending-{reply.status}-{letter.identity}-{token_hex(4)}"
            noted = await asyncio.to_thread(with_mark, document, places, self._mine, note, self._marks)
            marked = await self._marked(held, noted, note)
            try:
                await session.send(message)
            except UnclearOutcomeError:
                raise
            except RsvpError:
                await self._unmarked(held, marked)
                raise
        finally:
            await session.close()
        try:
            await self._answered(marked, reply, way, f"sent-{letter.identity}")
        except RsvpError as error:
            raise UnclearOutcomeError(
                f"'{reply.status}' for {invitation.subject!r} was mailed, but could not be written into the calendar: "
                f"{error}"
            ) from error
        return await self._confirmed(marked, reply, way)

    async def _marked(self, held: HeldInvitation, document: Document, note: str) -> HeldInvitation:
        """
        Write the note, and return the event with it.

        :raises EditConflictError: the event was changed meanwhile
        :raises ServiceUnavailableError: it cannot be told whether the note is there
        :raises UnsupportedByServiceError: the server does not keep it
        """
        what = f"note the reply to {held.invitation.reference}"
        failure: RsvpError | None = None
        try:
            await self._store.put(held.resource, document.to_bytes(), what, Purpose.READ)
        except (ServiceUnavailableError, MalformedResponseError, EditConflictError) as error:
            # A request that was refused for load may have taken effect: its repetition then finds a newer version.
            failure = error
        fresh = await self._again(held.invitation)
        if (await asyncio.to_thread(lambda: self._noted(*self._document(fresh))))[1] == note:
            return fresh
        if isinstance(failure, EditConflictError):
            raise failure
        if failure is not None:
            raise ServiceUnavailableError(f"{failure} Nothing was mailed.")
        raise UnsupportedByServiceError(
            "notify_organizer: the server does not keep the note by which a reply is mailed once at most; set the "
            "status with notify_organizer=False, and write to the organizer."
        )

    def _noted(self, document: Document, places: tuple[int, ...]) -> tuple[ContentLine, str | None]:
        """Return my ``ATTENDEE`` line, and what its mark says; None if there is none of ours."""
        mine = document.lines[attendee_lines(document, places[0], self._mine)[0]]
        return mine, self._marks.found(document.own_lines(document.blocks("VEVENT")[places[0]]), mine)

    async def _unmarked(self, held: HeldInvitation, marked: HeldInvitation) -> None:
        """Put the event back as it was: nothing was mailed. If that fails, the note stays, and nothing is mailed."""
        with suppress(RsvpError):
            what = f"take back the note on {held.invitation.reference}"
            await self._store.put(marked.resource, held.resource.data, what, Purpose.READ)

    async def _answered(self, marked: HeldInvitation, reply: Reply, way: _Way, note: str) -> None:
        """Write the answer after its mail went out, again if others change the event meanwhile."""
        what = f"set {marked.invitation.reference} to {reply.status}"
        held = marked
        for left in reversed(range(_WRITINGS)):
            data = await asyncio.to_thread(self._noting, held, reply, note)
            try:
                await self._store.put(held.resource, data, what, Purpose.SEND)
                return
            except EditConflictError:
                if not left:
                    raise
            except (UnclearOutcomeError, SendRefusedError):
                # Where the server notifies nobody, writing again does no harm.
                if way.by_server or not left:
                    raise
            held = await self._again(marked.invitation)
            if held.invitation.status is reply.status:
                return

    def _noting(self, held: HeldInvitation, reply: Reply, note: str) -> bytes:
        """Return the object with the answer that was mailed."""
        document, places = self._document(held)
        document = with_status(document, places, self._mine, reply.status)
        document = with_comment(document, places, reply.comment, self._marks)
        return with_mark(document, places, self._mine, note, self._marks).to_bytes()
