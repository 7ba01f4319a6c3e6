"""
Requests and responses as values, and what a service must tell the transport about itself.

A service module builds a :class:`Request`, hands it to the :class:`Exchange` it was given, and reads
the :class:`Response`; it opens no connection of its own.
"""

from __future__ import annotations

import email.utils
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, Protocol, Self

from airflow_provider_rsvp.exceptions import (
    InvalidInputError,
    MalformedResponseError,
    RsvpError,
    ServiceUnavailableError,
    ThrottledError,
    UnclearOutcomeError,
)
from airflow_provider_rsvp.redaction import blotted
from airflow_provider_rsvp.text import clean_line

_LONGEST_EXCERPT = 200
_LONGEST_MESSAGE = 4096
_MOST_VALUES = 1_000_000
"""As many as 250,000 events have, whose objects take some 100 MB; with empty ones, 32 MB of JSON could take 1 GB."""
_BEFORE_VALUES = (b",", b"[", b"{")
MOST_PAGES = 1000
"""The most pages of a listing that are followed, including empty ones."""
MOST_EVENTS = 100_000
"""How many events a listing may hold; a room that is booked all day long has some 20,000 a year."""
_LONGEST_WAIT = 366 * 86400.0


class Purpose(Enum):
    """What a request is for; decides what may be repeated and whose credentials go along."""

    READ = auto()
    SEND = auto()
    TOKEN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One HTTP request.

    :param what: the request in words, for logs and errors: ``read event 651``; never a secret
    :param url: relative to the connection's base address, percent-encoded; or an absolute address that
        the service itself gave, which the transport follows only within the configured host
    :param query: name and value pairs, not yet encoded
    :param json: the body, sent as JSON
    :param form: the body, sent as a form
    :param content: the body as it is, with its ``Content-Type`` among the headers; only one of ``json``, ``form``
        and ``content`` is given
    :param returns_redirect: whether a redirect is a response like any other, in place of an error; it is not
        followed in either case
    :param mailbox: whose limits the request counts against
    """

    what: str
    method: str
    url: str
    purpose: Purpose
    query: Sequence[tuple[str, str]] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    returns_redirect: bool = False
    mailbox: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; the keys of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    _read: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)
    """The parsed body, kept because it is asked for several times and may be long."""

    @classmethod
    def of_json(cls, status: int, headers: Mapping[str, str], value: Any) -> Self:
        """Return the response whose body is a JSON value; the bytes are not kept, because nobody reads them."""
        response = cls(status, headers, b"")
        response._read.append(value)
        return response

    @property
    def ok(self) -> bool:
        """Whether the status is any 2xx."""
        return 200 <= self.status < 300

    def json(self, what: str) -> Any:
        """
        Return the body as JSON.

        :raises MalformedResponseError: the body is not JSON
        """
        try:
            return self._json()
        except (ValueError, RecursionError):
            kind = content_type(self)
            raise MalformedResponseError(
                f"Could not {what}: the response (HTTP {self.status}, {kind}, {len(self.body)} bytes) is not JSON. "
                "Check the host in the connection, and whether a proxy or a sign-in page responds in its place."
            ) from None

    def json_or_none(self) -> Any:
        """Return the body as JSON, or None if it is not JSON; for reading the details of an error."""
        try:
            return self._json()
        except (ValueError, RecursionError):
            return None

    def json_object(self, what: str) -> dict[str, Any]:
        """
        Return the body as a JSON object.

        :raises MalformedResponseError: the body is not a JSON object
        """
        body: dict[str, Any] = expect(self.json(what), dict, what, "an object")
        return body

    def _json(self) -> Any:
        if not self._read:
            if sum(map(self.body.count, _BEFORE_VALUES)) > _MOST_VALUES:
                raise ValueError("more values than any response needs")
            self._read.append(json.loads(self.body))
        return self._read[0]


class Exchange(Protocol):
    """Carries a request to the service and brings the response back."""

    async def send(self, request: Request) -> Response:
        """
        Return the response, whatever its status.

        Repeats only requests that certainly had no effect, and refuses redirects.

        :raises ServiceUnavailableError: the service was not reached
        :raises ThrottledError: the service wants us to wait for too long
        :raises UnclearOutcomeError: a ``SEND`` left and no response came
        """


@dataclass(frozen=True, slots=True)
class Bucket:
    """A leaky bucket: ``burst`` requests at once, then ``per_second``."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """At most ``most`` requests within any stretch of so many seconds."""

    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """
    A service's documented limits.

    :param buckets: how often; each request counts against all of them
    :param per_mailbox: requests under way at once for one mailbox, those inside a batch too; None for as many as
        there may be altogether
    :param at_once: requests under way at once altogether; a batch is one
    """

    buckets: tuple[Bucket | SlidingWindow, ...] = ()
    per_mailbox: int | None = None
    at_once: int = 32


def retry_after(response: Response) -> float | None:
    """
    Return the seconds that ``Retry-After`` asks for (RFC 9110, section 10.2.3), or None where it asks for none.

    Decimals, which some services send, are read too. A moment in the past asks for nothing: the service's clock
    or ours may be wrong.
    """
    seconds = _stated_wait(response)
    return seconds if seconds is not None and seconds > 0 else None


def _stated_wait(response: Response) -> float | None:
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = email.utils.parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return min(seconds, _LONGEST_WAIT) if math.isfinite(seconds) else None


def unauthorized(response: Response) -> bool:
    """Return whether the response refuses the access token."""
    return response.status == 401


def refused_for_load(response: Response) -> bool:
    """Return whether the service asks for fewer requests; what it refused may have taken effect all the same."""
    return response.status == 429 or (response.status == 503 and _stated_wait(response) is not None)


@dataclass(frozen=True, slots=True)
class Batching:
    """
    How a service takes several requests in one.

    :param size: how much one batch holds
    :param weight: how much of it a request takes; None for a request that goes alone
    :param pack: builds the batch
    :param unpack: reads the response to each request, in the order of the requests; None for one that is missing
    """

    size: int
    weight: Callable[[Request], int | None]
    pack: Callable[[Sequence[Request]], Request]
    unpack: Callable[[Sequence[Request], Response], Sequence[Response | None]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    What the transport must know of a service.

    :param service: the service's name for a person
    :param limits: its documented limits
    :param token_refused: whether a response calls for a new access token
    :param refused_for_load: whether a response says "too many requests"
    :param pause: the seconds the service asks us to wait; None where it does not say
    :param batching: how it takes several requests in one; None where it does not
    """

    service: str
    limits: Limits
    token_refused: Callable[[Response], bool] = unauthorized
    refused_for_load: Callable[[Response], bool] = refused_for_load
    pause: Callable[[Response], float | None] = retry_after
    batching: Batching | None = None


def server_error(service: str, request: Request, response: Response, said: str) -> RsvpError | None:
    """
    Return the error for a response that tells nothing about the effect of the request, or None.

    After a ``SEND`` such a response leaves open whether the reply went out.
    """
    if response.status == 429:
        return ThrottledError(f"{service} asks for fewer requests: could not {request.what} ({said}).")
    if response.status < 500:
        return None
    if request.purpose is Purpose.SEND:
        return UnclearOutcomeError(
            f"{service} failed while it was asked to {request.what} ({said}); it may or may not have done so."
        )
    return ServiceUnavailableError(f"{service} failed: could not {request.what} ({said}).")


def expect(value: Any, kind: type | tuple[type, ...], what: str, expected: str) -> Any:
    """
    Return ``value`` if it is of a documented type.

    :param kind: what the value must be an instance of
    :param what: the request in words
    :param expected: the documented type in words
    :raises MalformedResponseError: it is of another type
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, kind) and not (isinstance(value, bool) and bool not in kinds):
        return value
    raise MalformedResponseError(
        f"Could not {what}: the response holds {type(value).__name__} where the service documents {expected}."
    )


def content_type(response: Response) -> str:
    """Return the media type of a response, for a message."""
    return excerpt(response.headers.get("content-type", "no content type").split(";")[0])


def optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    """Return a text of a response; None where it is absent, empty or of another type."""
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def required_text(fields: Mapping[str, Any], name: str, what: str) -> str:
    """
    Return a text of a response.

    :param what: the request in words
    :raises MalformedResponseError: it is absent, empty or of another type
    """
    value: str = expect(fields.get(name), str, what, f"a text '{name}'")
    if not value:
        raise MalformedResponseError(f"Could not {what}: the response's '{name}' is empty.")
    return value


class Pages:
    """
    The pages of one listing; checks that they come to an end.

    :param what: the request in words
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._followed: set[str] = set()
        self._events = 0

    def read(self, events: Any) -> list[Any]:
        """
        Return the list of events that a page holds.

        :raises MalformedResponseError: it is not a list, or all pages together hold too many
        """
        found: list[Any] = expect(events, list, self._what, "a list of events")
        self._events += len(found)
        if self._events > MOST_EVENTS:
            raise MalformedResponseError(
                f"Could not {self._what}: the response holds more than {MOST_EVENTS} events. Choose a shorter window."
            )
        return found

    def following(self, link: Any) -> str:
        """
        Return the address of the next page, as the service gave it, and note that it is followed.

        :raises MalformedResponseError: it is not an address, the pages lead in a circle, or there are too many
        """
        address: str = expect(link, str, self._what, "an address")
        if address in self._followed:
            raise MalformedResponseError(
                f"Could not {self._what}: the pages of the response lead in a circle."
            )
        self._followed.add(address)
        if len(self._followed) >= MOST_PAGES:
            raise MalformedResponseError(
                f"Could not {self._what}: the response has more than {MOST_PAGES} pages. Choose a shorter window."
            )
        return address


@contextmanager
def reading(what: str) -> Iterator[None]:
    """
    Turn anything that goes wrong while reading a response into one clear error.

    What a service sends is not ours to trust: a value of another type, a malformed id, or a time
    that does not exist must not end in a traceback from deep inside.

    :param what: the request in words
    :raises MalformedResponseError: the response is not what the service documents
    """
    try:
        yield
    except InvalidInputError as error:
        reason = str(error)
    except RsvpError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        reason = f"it holds a value that is not of the documented type ({type(error).__name__})"
    else:
        return
    raise MalformedResponseError(f"Could not {what}: the response is malformed: {reason}")


def check_accepted(service: str, request: Request, response: Response) -> None:
    """
    Check that a success without a documented body comes from the service, and not from a proxy or sign-in page.

    :raises MalformedResponseError: the body is neither empty nor JSON
    """
    if response.body.strip() and response.json_or_none() is None:
        raise MalformedResponseError(
            f"{service} was asked to {request.what}; what responded (HTTP {response.status}) is not the service."
        )


def excerpt(text: Any) -> str:
    """Return a service's own message on one line, cleaned, of bounded length and without the last full stop."""
    return clean_line(blotted(str(text)[:_LONGEST_MESSAGE]), _LONGEST_EXCERPT).rstrip(".")
