"""
Text that others wrote: without invisible characters, and of limited length.

Strangers write the invitations, names and messages that a service returns. Whatever goes into a value of this package
is cleaned here once, so that no consumer has to.
"""

from __future__ import annotations

import html
import re
import unicodedata

LONGEST_LINE = 1_000
"""Characters of a subject, a name, an address or any other single line."""

LONGEST_TEXT = 20_000
"""Characters of a description or a comment."""

# Terminal and text controls, surrogates, marks that change the direction of the text, and characters without
# a shape. The joiners U+200C and U+200D stay: scripts and emoji need them.
_INVISIBLE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_REMOVED = re.compile(f"[{_INVISIBLE}]")
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_SPACE = re.compile(r"\s+")
# An HTML tag, a tag or an entity that was cut off, and a line break that was escaped twice.
_MARKUP = re.compile(r"<[^<>]{0,200}(?:>|$)|&#?\w{0,10}$|\\[nNrt]")
_LOST = re.compile(r"[\s?\ufffd]+")
_MOST_ESCAPINGS = 3
_LEAST_WORDING = 12


def is_unbroken(text: str) -> bool:
    """Return whether text has no white space and no invisible characters, like an id or an address."""
    if text.isprintable():
        return " " not in text
    return _REMOVED.search(text) is None and _SPACE.search(text) is None and _LINE_ENDS.search(text) is None


def clean_line(text: str, longest: int = LONGEST_LINE) -> str:
    """
    Return text as one line, without invisible characters.

    :param longest: the most characters to keep; longer text is cut and ends with an ellipsis
    """
    if text.isprintable():
        # Nearly all text: no control or format characters, and no white space except plain spaces.
        return _cut(text.strip(), longest)
    # Cut first, so that the work is limited too; four times the length leaves room for what is removed.
    return _cut(_SPACE.sub(" ", _REMOVED.sub("", _LINE_ENDS.sub(" ", text[: 4 * longest]))).strip(), longest)


def clean_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """
    Return text of several lines, without invisible characters; each line ends with a single line feed.

    :param longest: the most characters to keep; longer text is cut and ends with an ellipsis
    """
    if text.isprintable():
        return _cut(text.strip(), longest)
    return _cut(_REMOVED.sub("", _LINE_ENDS.sub("\n", text[: 4 * longest])).strip(), longest)


def same_wording(wanted: str, shown: str) -> bool:
    """
    Return whether the text that a service shows may be the text that it was given; True when in doubt.

    Services reformat text, escape it as HTML, cut it, quote it, and lose characters that they cannot store. So only
    letters and digits count, without case and accents. One text may contain the other, unless the shorter one is very
    short. Text without letters and digits may have been lost altogether.
    """
    given, kept = _wording(wanted), _wording(shown)
    if given == kept or not given or _LOST.fullmatch(shown):
        return True
    return _holds(given, kept) or _holds(_ascii(wanted), _ascii(shown))


def _holds(one: str, other: str) -> bool:
    return min(len(one), len(other)) >= _LEAST_WORDING and (one in other or other in one)


def _wording(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", _plain(text)).casefold() if each.isalnum())


def _ascii(text: str) -> str:
    return "".join(each for each in _plain(text).lower() if each.isascii() and each.isalnum())


def _plain(text: str) -> str:
    for _ in range(_MOST_ESCAPINGS):
        text = html.unescape(text)
    return _MARKUP.sub(" ", text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
