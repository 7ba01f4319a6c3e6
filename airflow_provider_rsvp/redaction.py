"""
Keeping secrets out of text, however they are encoded.

This module remembers the secrets that the process used lately, so that no message can repeat one, whoever wrote the
message and however a service's response encoded the secret: percent-encoded, escaped as in JSON or HTML, with white
space inside, in another case, or in base64.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

_BLOT = "***"
MOST_SECRETS = 2048
"""How many secrets a process remembers."""
LONGEST_TEXT = 1 << 16
"""Characters of a text; what is beyond is cut off."""
_LONGEST_IN_BASE64 = 256
"""Bytes of a secret to look for in base64; the rest of the base64 word is blotted out with them."""
_SHORT = 6
"""A secret with fewer characters is only looked for as a whole word: else it could blot out half of a message."""
_ROUNDS = 4
"""How often a secret may have been encoded on top of itself."""

_ENCODED = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+"
    r"|(?:\\u[0-9A-Fa-f]{4})+"
    r"|\\x[0-9A-Fa-f]{2}|\\U00(?:0[0-9A-Fa-f]|10)[0-9A-Fa-f]{4}"
    r"|\\[nrtbf]"
    r"|&(?:\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
)
_LEFT_OUT = re.compile(r"[\s+\\\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
"""Characters that may come between those of a secret: a plus is a space in forms."""
_LOWER = {ord(letter): ord(letter.lower()) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_LATIN = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
"""Bytes that are not UTF-8 are read as Latin-1."""
_IN_BASE64 = re.compile(r"[\w+/=%-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One form of a secret to look for."""

    text: str
    in_base64: bool = False


_SECRETS: dict[str, tuple[_Spelling, ...]] = {}
"""The secret that was used last comes last."""
_BY_START: dict[str, list[_Spelling]] = {}
_WORDS: dict[str, re.Pattern[str]] = {}


def keep_out(*secrets: str | None) -> None:
    """
    Blot secrets out of all text from now on; secrets that were not used for long are forgotten.

    There is no lock: a process forked while it is held would find it locked forever.
    """
    for secret in secrets:
        if not secret:
            continue
        known = _SECRETS.pop(secret, None)
        _SECRETS[secret] = _learn(secret) if known is None else known
    while len(_SECRETS) > MOST_SECRETS:
        _forget(next(iter(_SECRETS)))


def forget_secrets() -> None:
    """Forget all secrets, like a new process; for tests whose text contains another test's secret."""
    for secret in tuple(_SECRETS):
        _forget(secret)


def knows_any() -> bool:
    """Return whether there is a secret to look for."""
    return bool(_BY_START or _WORDS)


def blotted(text: str) -> str:
    """Return text without the secrets that this process has used; absurdly long text is cut."""
    if not knows_any():
        return text
    text = text[:LONGEST_TEXT]
    places = sorted(place for reading in _readings(text) for place in _found(reading, text))
    if not places:
        return text
    parts = []
    done = 0
    for start, end in places:
        if start >= done:
            parts += [text[done:start], _BLOT]
        done = max(done, end)
    return "".join((*parts, text[done:]))


def _learn(secret: str) -> tuple[_Spelling, ...]:
    *_, plainest = _readings(secret)
    forms = {bare(secret), bare(plainest.text)}
    if any(len(form) < _SHORT for form in forms):
        _WORDS[secret] = re.compile(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", re.IGNORECASE)
        return ()
    spellings = [_Spelling(form) for form in forms]
    # As it is, and as RFC 6749, section 2.3.1, encodes it in Basic credentials.
    wholes = {secret.encode(errors="surrogatepass"), quote_plus(secret, errors="surrogatepass").encode()}
    pieces = {bare(piece) for whole in wholes for piece in _in_base64(whole[:_LONGEST_IN_BASE64])}
    spellings += [_Spelling(piece, in_base64=True) for piece in pieces if len(piece) >= _SHORT]
    for spelling in spellings:
        _BY_START.setdefault(spelling.text[:_SHORT], []).append(spelling)
    return tuple(spellings)


def _forget(secret: str) -> None:
    _WORDS.pop(secret, None)
    for spelling in _SECRETS.pop(secret, ()):
        start = spelling.text[:_SHORT]
        alike = [other for other in _BY_START.get(start, ()) if other is not spelling]
        if alike:
            _BY_START[start] = alike
        else:
            _BY_START.pop(start, None)


def _in_base64(secret: bytes) -> Iterator[str]:
    """Return how a secret looks in base64, whatever comes before it, as in ``Basic`` credentials."""
    for offset in range(3):
        before, after = -(-offset * 8 // 6), (offset + len(secret)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * offset + secret).decode()[before:after]


@dataclass(frozen=True, slots=True)
class _Reading:
    """
    Text after some rounds of decoding.

    :param starts: where each character begins in the original text
    :param ends: where each character ends in the original text
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def _readings(text: str) -> Iterator[_Reading]:
    """Yield text as it is, and after each round of decoding that changes it."""
    reading = _Reading(text, range(len(text)), range(1, len(text) + 1))
    yield reading
    for _ in range(_ROUNDS):
        if not _ENCODED.search(reading.text):
            return
        reading = _decoded(reading)
        yield reading


def _decoded(reading: _Reading) -> _Reading:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in _ENCODED.finditer(reading.text):
        first, after = match.span()
        meant = _meant(match[0])
        parts += [reading.text[done:first], meant]
        starts += [*reading.starts[done:first], *[reading.starts[first]] * len(meant)]
        ends += [*reading.ends[done:first], *[reading.ends[after - 1]] * len(meant)]
        done = after
    parts.append(reading.text[done:])
    return _Reading("".join(parts), [*starts, *reading.starts[done:]], [*ends, *reading.ends[done:]])


def _meant(encoded: str) -> str:
    """Return the characters that an encoded sequence stands for."""
    if encoded[0] == "%":
        return bytes.fromhex(encoded.replace("%", "")).decode(errors="surrogateescape").translate(_LATIN)
    if encoded[0] == "&":
        return html.unescape(encoded)
    if encoded[1] == "u":
        return bytes.fromhex(encoded.replace("\\u", "")).decode("utf-16-be", errors="surrogatepass")
    return chr(int(encoded[2:], 16)) if encoded[1] in "xU" else " "


def bare(text: str) -> str:
    """Return text in lower case, without characters that may come between those of a secret."""
    return _LEFT_OUT.sub("", text.translate(_LOWER))


def _found(reading: _Reading, text: str) -> Iterator[tuple[int, int]]:
    """Yield where secrets begin and end in the original text."""
    for pattern in tuple(_WORDS.values()):
        for match in pattern.finditer(reading.text):
            if match[0]:
                yield reading.starts[match.start()], reading.ends[match.end() - 1]
    letters = bare(reading.text)
    begun = {letters[place : place + _SHORT] for place in range(len(letters) - _SHORT + 1)}
    spellings = {
        spelling for start in begun for spelling in _BY_START.get(start, ()) if spelling.text in letters
    }
    if not spellings:
        return
    kept = [place for place, letter in enumerate(reading.text) if not _LEFT_OUT.match(letter)]
    for spelling in spellings:
        place = letters.find(spelling.text)
        while place >= 0:
            start = reading.starts[kept[place]]
            end = reading.ends[kept[place + len(spelling.text) - 1]]
            yield _whole_word(text, start, end) if spelling.in_base64 else (start, end)
            place = letters.find(spelling.text, place + 1)


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the base64 word around a piece; the characters next to it hold the secret's first and last bits."""
    before = _IN_BASE64.match(text[:start][::-1])
    after = _IN_BASE64.match(text, end)
    return start - (before.end() if before else 0), after.end() if after else end
