"""
WebDAV's XML (RFC 4918), which is not trusted.

A document type declaration is refused, so that no entity is ever expanded or fetched.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from airflow_provider_rsvp.exceptions import MalformedResponseError
from airflow_provider_rsvp.services.wire import Response, content_type

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CALENDAR_SERVER = "{http://calendarserver.org/ns/}"
_PREFIXES = {DAV: "D", CALDAV: "C", CALENDAR_SERVER: "S"}
_NAMESPACES = "".join(f' xmlns:{prefix}="{name[1:-1]}"' for name, prefix in _PREFIXES.items())
_DEEPEST = 100
_NO_TREE = (expat.ExpatError, ValueError, LookupError, AssertionError)
_ENCODING = re.compile(rb"\s*<\?xml[^>]*?encoding=[\"']([A-Za-z0-9._-]+)")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERED = re.compile("&#(?:x([0-9A-Fa-f]{1,20})|([0-9]{1,20}));")


@dataclass(frozen=True, slots=True)
class ResourceResponse:
    """
    One resource of a multistatus response.

    :param href: where it is, as the server writes it
    :param status: of the resource as a whole, where the server gives one
    :param properties: those that the server found, by their names
    """

    href: str
    status: int | None
    properties: Mapping[str, Element]

    def text(self, name: str) -> str | None:
        """Return the text of a property, or None where it is absent or empty."""
        element = self.properties.get(name)
        text = (element.text or "") if element is not None else ""
        return text.strip() or None

    def hrefs(self, name: str) -> tuple[str, ...]:
        """Return the addresses that a property holds."""
        element = self.properties.get(name)
        found = element.iter(f"{DAV}href") if element is not None else ()
        return tuple((each.text or "").strip() for each in found if (each.text or "").strip())


@dataclass(frozen=True, slots=True)
class Multistatus:
    """
    A multistatus response (RFC 4918, section 13).

    :param sync_token: the token for the next report of changes (RFC 6578, section 6.4)
    """

    responses: tuple[ResourceResponse, ...]
    sync_token: str | None

    @classmethod
    def read(cls, response: Response, what: str) -> Multistatus:
        """
        Return what a response holds.

        :param what: the request in words
        :raises MalformedResponseError: it is not a multistatus
        """
        root = parse(response, what)
        if root.tag != f"{DAV}multistatus":
            raise _not_dav(response, what)
        responses = tuple(_response(each, what) for each in root.findall(f"{DAV}response"))
        token = (root.findtext(f"{DAV}sync-token") or "").strip()
        return cls(responses, token or None)


def parse(response: Response, what: str) -> Element:
    """
    Return the root of an XML body.

    Where the body is not well-formed, it is read again without the characters that XML forbids: a stranger can bring
    one into an object of a calendar, and must not hide the others with it.

    :raises MalformedResponseError: it is not XML, or declares a document type
    """
    try:
        return _tree(response.body)
    except expat.ExpatError:
        allowed = _allowed(response.body)
    except _NO_TREE:
        raise _not_dav(response, what) from None
    try:
        return _tree(allowed)
    except _NO_TREE:
        raise _not_dav(response, what) from None


def _allowed(body: bytes) -> bytes:
    """Return a body without the characters that XML forbids (XML 1.0, section 2.2), however they are written."""
    encoding = _ENCODING.match(body)
    if encoding is not None and encoding[1].lower() not in (b"utf-8", b"us-ascii"):
        return body
    text = _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", body.decode(errors="replace"))
    return _NUMBERED.sub(_allowed_number, text).encode()


def _allowed_number(found: re.Match[str]) -> str:
    number = int(found[1], 16) if found[1] else int(found[2])
    character = chr(number) if number <= sys.maxunicode else "\0"
    return "\N{REPLACEMENT CHARACTER}" if _FORBIDDEN.match(character) else found[0]


def _tree(body: bytes) -> Element:
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise ValueError("too deep")
        builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    def refuse(*_: object) -> None:
        raise ValueError("a document type declaration")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(body, True)
    return builder.close()


def conditions(response: Response) -> frozenset[str]:
    """Return the names of the preconditions that an error names (RFC 4918, section 16); empty if it names none."""
    try:
        root = parse(response, "read the error")
    except MalformedResponseError:
        return frozenset()
    return frozenset(each.tag for each in root.iter() if each is not root)


def propfind(names: Sequence[str]) -> bytes:
    """Return the body of a ``PROPFIND`` for some properties."""
    return _document(f"<D:propfind{_NAMESPACES}>{_prop(names)}</D:propfind>")


def query_by_uid(uid: str) -> bytes:
    """Return the body of a ``calendar-query`` for the objects with a UID (RFC 4791, section 7.8.6)."""
    match = f'<C:text-match collation="i;octet">{escape(uid)}</C:text-match>'
    return _query(f'<C:prop-filter name="UID">{match}</C:prop-filter>')


def query_by_time(start: str, end: str) -> bytes:
    """
    Return the body of a ``calendar-query`` for the objects with an event in a range of time.

    :param start: in UTC, as iCalendar writes it
    """
    return _query(f"<C:time-range start={quoteattr(start)} end={quoteattr(end)}/>")


def multiget(hrefs: Sequence[str]) -> bytes:
    """Return the body of a ``calendar-multiget`` (RFC 4791, section 7.9)."""
    places = "".join(f"<D:href>{escape(href)}</D:href>" for href in hrefs)
    return _document(f"<C:calendar-multiget{_NAMESPACES}>{_prop(_OBJECT)}{places}</C:calendar-multiget>")


def sync_collection(token: str) -> bytes:
    """Return the body of a ``sync-collection`` report (RFC 6578, section 3.2)."""
    return _document(
        f"<D:sync-collection{_NAMESPACES}><D:sync-token>{escape(token)}</D:sync-token>"
        f"<D:sync-level>1</D:sync-level>{_prop((f'{DAV}getetag',))}</D:sync-collection>"
    )


_OBJECT = (f"{DAV}getetag", f"{CALDAV}schedule-tag", f"{CALDAV}calendar-data")


def _not_dav(response: Response, what: str) -> MalformedResponseError:
    return MalformedResponseError(
        f"Could not {what}: the response (HTTP {response.status}, {content_type(response)}, {len(response.body)} "
        "bytes) is not what CalDAV documents. Check that the host in the connection is a CalDAV server, and that no "
        "proxy responds in its place."
    )


def _query(within: str) -> bytes:
    event = f'<C:comp-filter name="VEVENT">{within}</C:comp-filter>'
    return _document(
        f"<C:calendar-query{_NAMESPACES}>{_prop(_OBJECT)}<C:filter>"
        f'<C:comp-filter name="VCALENDAR">{event}</C:comp-filter></C:filter></C:calendar-query>'
    )


def _prop(names: Sequence[str]) -> str:
    return f"<D:prop>{''.join(_elements(names))}</D:prop>"


def _elements(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        namespace, _, local = name.rpartition("}")
        yield f"<{_PREFIXES[namespace + '}']}:{local}/>"


def _document(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode()


def _named(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _response(element: Element, what: str) -> ResourceResponse:
    href = (element.findtext(f"{DAV}href") or "").strip()
    if not href:
        raise MalformedResponseError(f"Could not {what}: the response holds a resource without an address.")
    properties: dict[str, Element] = {}
    for propstat in element.findall(f"{DAV}propstat"):
        if _status(propstat) in (200, None):
            for prop in propstat.findall(f"{DAV}prop"):
                properties |= {each.tag: each for each in prop}
    return ResourceResponse(href, _status(element), properties)


def _status(element: Element) -> int | None:
    """Return the number in ``HTTP/1.1 200 OK``."""
    parts = (element.findtext(f"{DAV}status") or "").split()
    number = parts[1] if len(parts) > 1 else ""
    return int(number) if len(number) == 3 and number.isascii() and number.isdigit() else None
