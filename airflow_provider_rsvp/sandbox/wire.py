"""A call and its response, without sockets, so that batches can make calls too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, unquote

from airflow_provider_rsvp.sandbox.world import Status

if TYPE_CHECKING:
    from multidict import MultiMapping

    from airflow_provider_rsvp.sandbox.world import Copy, Mailbox, Meeting

JSON = Mapping[str, object]
"""A JSON object as it is read or written."""


class Malformed:
    """Stands for a body that is not the JSON it claims to be."""


MALFORMED = Malformed()


@dataclass
class Call:
    """One request to a service, with the labels that faults, limits and the log go by.

    ``path`` is what follows the service's mount point, percent-encoded as it came;
    ``origin`` is the scheme and host that the client used.
    """

    service: str
    method: str
    origin: str
    path: str
    query: MultiMapping[str]
    headers: Mapping[str, str]
    body: bytes = b""
    operations: tuple[str, ...] = ()
    mailbox: str | None = None
    event_ids: tuple[str, ...] = ()
    effective: bool = True
    """False if the service is to claim success and do nothing."""

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The decoded parts of the path, empty ones left out."""
        return tuple(unquote(part) for part in self.path.split("/") if part)

    @cached_property
    def data(self) -> object:
        """The body's content: JSON, or a form's fields as a dict, or None without a body."""
        if not self.body.strip():
            return None
        if "form-urlencoded" in self.headers.get("Content-Type", ""):
            return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            content: object = json.loads(self.body)
        except ValueError:
            return MALFORMED
        return content

    @property
    def fields(self) -> dict[str, object]:
        """The body's fields; empty when the body is not an object or a form."""
        return dict(self.data) if isinstance(self.data, dict) else {}

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header (RFC 6750)."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.casefold() == "bearer" and token.strip() else None


@dataclass
class Response:
    """Status, JSON body (None for no body at all) and headers."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """A call that ends here with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Service(Protocol):
    """What the server needs to know of a service; adding a service is adding one of these."""

    name: str
    """Also its mount point: the service lives at ``/{name}``."""
    title: str

    def begin(self) -> None:
        """Fill the fresh world and the fresh token store."""

    def label(self, call: Call) -> None:
        """Set the call's operations, mailbox and event ids."""

    def admit(self, call: Call) -> Response | None:
        """Count the call against the limits; a response means that it is refused."""

    def leave(self, call: Call) -> None:
        """End an admitted call."""

    def respond(self, call: Call) -> Response:
        """Do what the call asks."""

    def failure(self, call: Call, status: int) -> Response:
        """Make a response of this status in the shape that the service gives it."""

    def connections(self, origin: str) -> dict[str, dict[str, object]]:
        """Airflow connections to this service, by connection id."""

    def invite(
        self,
        mailbox: Mailbox,
        meeting: Meeting,
        *,
        status: Status = Status.NEEDS_ACTION,
        calendar_id: str | None = None,
        note: str = "",
    ) -> Copy:
        """Add the invitation to the mailbox, with all that the service adds (ids, occurrences)."""

    def cancel(self, copy: Copy) -> None:
        """Let the organizer cancel the meeting."""
