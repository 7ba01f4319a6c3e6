"""Reading the body of an HTTP response, within bounds."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

MOST_BYTES = 32 * 1024**2
"""The longest body in bytes, both as received and decoded."""

ACCEPTED_ENCODINGS = "gzip, deflate"

_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_PLAIN = frozenset({"", "identity"})
_STEP = 1 << 20
_MOST_MEMBERS = 100
_DETECT_HEADER = 32 + zlib.MAX_WBITS
_NO_HEADER = -zlib.MAX_WBITS
_DEFLATE = 8


class UnreadableBodyError(Exception):
    """A body is too long or is not encoded as it says; the text says which."""


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """
    Return the decoded body of a response, of which no more than the allowed length is held.

    Decoding is done here, because not every version of aiohttp bounds how far a few bytes may expand.

    :raises UnreadableBodyError: it is too long, or not encoded as it says
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _COMPRESSED | _PLAIN:
        raise UnreadableBodyError("its response has a content encoding that was not asked for")
    inflation = _Inflation() if encoding in _COMPRESSED else None
    body = bytearray()
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        for piece in inflation.inflated(chunk) if inflation else (chunk,):
            body += piece
            if max(len(body), received) > MOST_BYTES:
                raise UnreadableBodyError(f"its response is larger than {MOST_BYTES // 1024**2} MB")
            if inflation:
                await asyncio.sleep(0)
    if inflation is not None and inflation.under_way:
        raise UnreadableBodyError("its compressed response was cut short")
    return bytes(body)


class _Inflation:
    """A body as it is decompressed, piece by piece."""

    def __init__(self) -> None:
        self._member: Any = None
        self._members = 0

    @property
    def under_way(self) -> bool:
        """Whether the compressed data has not ended yet."""
        return self._member is not None

    def inflated(self, data: bytes) -> Iterator[bytes]:
        """
        Return a part of the body decompressed, in pieces of bounded length.

        :raises UnreadableBodyError: it is not compressed in the way that it says
        """
        while data:
            if self._member is None:
                self._begin(data)
            piece = b" "
            while data or len(piece) == _STEP:
                try:
                    piece = self._member.decompress(data, _STEP)
                except zlib.error:
                    raise UnreadableBodyError("its compressed response cannot be decompressed") from None
                yield piece
                if self._member.eof:
                    data, self._member = self._member.unused_data, None
                    break
                data = self._member.unconsumed_tail

    def _begin(self, data: bytes) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise UnreadableBodyError("its compressed response has too many parts")
        # "deflate" has a header as RFC 9110 says, but some servers send none; gzip begins with 0x1f.
        has_header = data[0] == 0x1F or data[0] & 0x0F == _DEFLATE
        self._member = zlib.decompressobj(_DETECT_HEADER if has_header else _NO_HEADER)
