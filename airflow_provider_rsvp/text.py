"""
Text that others wrote: without what a person cannot see, and of bounded length.

Invitations, names and messages of a service are written by strangers. What reaches a value of this package is
cleaned here once, so that no consumer has to.
"""

from __future__ import annotations

import html
import re
import unicodedata

LONGEST_LINE = 1_000
"""Characters of a subject, a name, an address or any other single line."""

LONGEST_TEXT = 20_000
"""Characters of a description or a comment."""

# Terminal and text controls, surrogates, marks that change the direction of what follows, and characters without
# a shape of their own. The joiners U+200C and U+200D stay: scripts and emoji need them.
_INVISIBLE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_REMOVED = re.compile(f"[{_INVISIBLE}]")
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_SPACE = re.compile(r"\s+")
# A tag of HTML, one that was cut off, an entity that was cut off, and a line break that was escaped once more.
_MARKUP = re.compile(r"<[^<>]{0,200}(?:>|$)|&#?\w{0,10}$|\\[nNrt]")
_LOST = re.compile(r"[\s?\ufffd]+")
_MOST_ESCAPINGS = 3
_LEAST_WORDING = 12


def is_unbroken(text: str) -> bool:
    """Return whether a text has neither white space nor anything that a person cannot see, as an id or an address."""
    if text.isprintable():
        return " " not in text
    return _REMOVED.search(text) is None and _SPACE.search(text) is None and _LINE_ENDS.search(text) is None


def clean_line(text: str, longest: int = LONGEST_LINE) -> str:
    """
    Return a text on one line, without invisible characters.

    :param longest: characters; a longer text is cut, which an ellipsis shows
    """
    if text.isprintable():
        # Nearly all texts: no control or format character, and no white space but plain spaces.
        return _cut(text.strip(), longest)
    # Cut first, so that the work is bounded too; what is removed leaves room.
    return _cut(_SPACE.sub(" ", _REMOVED.sub("", _LINE_ENDS.sub(" ", text[: 4 * longest]))).strip(), longest)


def clean_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """
    Return a text of several lines, without invisible characters; each line ends with a line feed alone.

    :param longest: characters; a longer text is cut, which an ellipsis shows
    """
    if text.isprintable():
        return _cut(text.strip(), longest)
    return _cut(_REMOVED.sub("", _LINE_ENDS.sub("\n", text[: 4 * longest])).strip(), longest)


def same_wording(wanted: str, shown: str) -> bool:
    """
    Return whether a text that a service shows may be the one that it was given.

    In doubt it is. Services lay texts out anew, escape them as HTML, cut them, quote them, and lose what their alphabet
    lacks. So only letters and digits count, and neither case nor accents; of two texts one may hold the other, where
    that is of some length; and a text without letters and digits may have been lost altogether.
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
