"""Requests to a CalDAV server, and what its refusals mean (RFC 4918, RFC 4791, RFC 6638)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from airflow_provider_rsvp.exceptions import (
    CannotRespondError,
    ChangeTokenExpiredError,
    CredentialsError,
    EditConflictError,
    EventNotFoundError,
    MalformedResponseError,
    PermissionDeniedError,
    RejectedByServiceError,
    RsvpError,
    ServiceUnavailableError,
    UnsupportedByServiceError,
)
from airflow_provider_rsvp.services.caldav import SERVICE
from airflow_provider_rsvp.services.caldav.xml import CALDAV, DAV, Multistatus, conditions, propfind
from airflow_provider_rsvp.services.wire import (
    Exchange,
    Purpose,
    Request,
    Response,
    excerpt,
    server_error,
)

_MOST_REDIRECTS = 5
_XML = {"Content-Type": "application/xml; charset=utf-8"}
_CALENDAR = {"Content-Type": "text/calendar; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Resource:
    """
    An object as it is stored.

    :param path: absolute, encoded
    :param data: byte for byte
    """

    path: str
    etag: str | None
    schedule_tag: str | None
    data: bytes = field(repr=False)

    def condition(self) -> dict[str, str]:
        """
        Return the header that lets a change through only if the object still stands as it was read.

        A weak entity tag never matches (RFC 9110, section 13.1.1). A schedule tag is the second choice: it stays
        as it is when other attendees answer, whose answers would then be overwritten.

        :raises UnsupportedByServiceError: the server gives neither
        """
        if self.etag and not self.etag.startswith("W/"):
            return {"If-Match": self.etag}
        if self.schedule_tag and not self.schedule_tag.startswith("W/"):
            return {"If-Schedule-Tag-Match": self.schedule_tag}
        raise UnsupportedByServiceError(
            "The server gives no strong entity tag for the event, so it cannot be changed without the risk of "
            "overwriting what somebody else changes meanwhile. Is there a proxy that compresses or rewrites answers?"
        )


class Store:
    """Reads and writes what lies on a server."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def get(self, path: str, what: str) -> Resource:
        """
        Read an object.

        :raises EventNotFoundError: it is not there
        """
        # A compressed answer may get a weak entity tag from a proxy, with which nothing can be changed.
        request = Request(
            what=what,
            method="GET",
            url=path,
            purpose=Purpose.READ,
            headers={"Accept": "text/calendar", "Accept-Encoding": "identity"},
        )
        response = await self._exchange.send(request)
        if not response.ok:
            raise error_of(request, response)
        return Resource(
            path, response.headers.get("etag"), response.headers.get("schedule-tag"), response.body
        )

    async def put(
        self,
        resource: Resource,
        data: bytes,
        what: str,
        purpose: Purpose,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """
        Write an object that was read before, if it still stands as it was read.

        :raises EditConflictError: it does not; nothing was written
        """
        request = Request(
            what=what,
            method="PUT",
            url=resource.path,
            purpose=purpose,
            headers={**_CALENDAR, **resource.condition(), **(headers or {})},
            content=data,
        )
        response = await self._exchange.send(request)
        if not response.ok:
            raise error_of(request, response)
        if response.headers.get("content-type", "").startswith("text/html"):
            raise MalformedResponseError(
                f"{SERVICE} was asked to {what}; what answered (HTTP {response.status}, a page) is not the server."
            )

    async def properties(self, url: str, names: tuple[str, ...], what: str, depth: str = "0") -> Multistatus:
        """Read properties of a resource, or with depth ``1`` of those within it too."""
        request = _asking("PROPFIND", url, propfind(names), what, depth)
        return await self._multistatus(request)

    async def report(self, path: str, body: bytes, what: str, depth: str = "1") -> Multistatus:
        """Read a report on a collection."""
        return await self._multistatus(_asking("REPORT", path, body, what, depth))

    async def found(self, url: str, names: tuple[str, ...], what: str) -> Multistatus | None:
        """
        Read properties of a resource that may lie elsewhere, within the configured host; None if it is not there.

        :raises UntrustedHostError: a redirect leads to another host
        """
        for _ in range(_MOST_REDIRECTS):
            request = _asking("PROPFIND", url, propfind(names), what, "0", returns_redirect=True)
            response = await self._exchange.send(request)
            location = response.headers.get("location")
            if 300 <= response.status < 400 and location:
                # Of a path the host stays; any other address is checked by the transport like every address.
                url = location if "://" in location else urljoin(f"/{url.lstrip('/')}", location)
            elif response.status in (404, 405, 410, 501):
                return None
            elif not response.ok:
                raise error_of(request, response)
            else:
                return await asyncio.to_thread(Multistatus.read, response, what)
        raise MalformedResponseError(f"Could not {what}: the server's redirects lead in a circle.")

    async def options(self, path: str, what: str) -> Mapping[str, str]:
        """Read what the server says of itself in the headers of its answers."""
        request = Request(what=what, method="OPTIONS", url=path, purpose=Purpose.READ)
        response = await self._exchange.send(request)
        if not response.ok:
            raise error_of(request, response)
        return response.headers

    async def _multistatus(self, request: Request) -> Multistatus:
        response = await self._exchange.send(request)
        if not response.ok:
            raise error_of(request, response)
        # Long answers are common; an event loop has others to serve meanwhile.
        return await asyncio.to_thread(Multistatus.read, response, request.what)


def error_of(request: Request, response: Response) -> RsvpError:
    """Return the error that an answer stands for."""
    named = conditions(response) if response.body else frozenset()
    said = f"HTTP {response.status}"
    if named:
        said += f", {excerpt(', '.join(sorted(name.rpartition('}')[2] for name in named)))}"
    could_not = f"Could not {request.what}: the server says {said}"
    if f"{DAV}valid-sync-token" in named:
        return ChangeTokenExpiredError(f"{could_not}.")
    if response.status == 507:
        return RejectedByServiceError(
            f"{could_not}. It is out of space, or the window holds too many events."
        )
    failed = server_error(SERVICE, request, response, said)
    if failed is not None:
        return failed
    match response.status:
        case 401:
            return CredentialsError(
                f"{could_not}. The user and password, or the token, are not accepted. Where signing in takes a second "
                "factor, an app password is needed."
            )
        case 403 if f"{CALDAV}allowed-attendee-scheduling-object-change" in named:
            return CannotRespondError(f"{could_not}. It takes no answers to this event in this way.")
        case 403:
            return PermissionDeniedError(f"{could_not}. The user may not do this with that calendar.")
        case 404 | 410:
            return EventNotFoundError(
                f"{could_not}. The id or the calendar is wrong, or the event was deleted."
            )
        case 412:
            return EditConflictError(f"{could_not}. The event was changed meanwhile; nothing was written.")
        case 423:
            return ServiceUnavailableError(f"{could_not}. The event is locked at the moment.")
        case _:
            return RejectedByServiceError(f"{could_not}.")


def _asking(
    method: str, url: str, body: bytes, what: str, depth: str, *, returns_redirect: bool = False
) -> Request:
    return Request(
        what=what,
        method=method,
        url=url,
        purpose=Purpose.READ,
        headers={**_XML, "Depth": depth},
        content=body,
        returns_redirect=returns_redirect,
    )
