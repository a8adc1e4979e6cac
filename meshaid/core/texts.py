"""Text that people type: cleaned at entry, and scanned for contact details.

Source: docs/protocol.md, "Records" (line, text) and "People and places".
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_BIDI_OVERRIDES: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_BREAKS: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
"""What ends a line for any reader; a `line` field holds none of them."""

JSON_ESCAPES: Final = {
    code: f"\\u{code:04x}"
    for codes in (range(0x7F, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x206A))
    for code in codes
}
"""For `str.translate` of JSON. A reader may take one of these for an end of line, or a terminal for
a command: controls, line ends, changes of direction."""

_COMPARED_CHARS: Final = 40
_ALIKE: Final = 0.7
_CRLF: Final = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_DIGITS: Final = re.compile(r"\d(?:[\s().-]*\d){5,}")
_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_LINK: Final = re.compile(
    r"://|\bwww\.|\b[\w-]{2,}\.(?:com|net|org|info|app|me|io|gg|co|de|fr|es|uk|nz|vn|cn|ru|so)\b"
)


def _replaced(char: str, keep: str) -> str:
    if char in keep:
        return char
    category = unicodedata.category(char)
    if category == "Cs":
        # A lone surrogate cannot be written as UTF-8; U+FFFD says that something stood here.
        return "\ufffd"
    return " " if category == "Cc" or char in _BIDI_OVERRIDES or char in LINE_BREAKS else char


def clean_line(text: str) -> str:
    """One line in NFC: control and bidi-override characters become blanks, blanks are joined."""
    cleaned = "".join(_replaced(char, "") for char in text)
    return unicodedata.normalize("NFC", " ".join(cleaned.split()))


def clean_text(text: str) -> str:
    """Lines ended by LF, in NFC, without control and bidi-override characters, and trimmed."""
    cleaned = "".join(_replaced(char, "\n") for char in _CRLF.sub("\n", text))
    return unicodedata.normalize("NFC", "\n".join(map(str.rstrip, cleaned.split("\n"))).strip())


def without_controls(text: str) -> str:
    """The text as it stands, its lines too, with blanks for controls and changes of direction: an
    error may name what somebody else's file or program says."""
    return (
        text
        if text.isascii() and text.isprintable()
        else "".join(_replaced(char, "\n") for char in text)
    )


def unify_digits(text: str) -> str:
    """The text with every script's decimal digits as 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)


def near_words(typed: str, known: Iterable[str]) -> list[str]:
    """Up to three known words that somebody may have meant, the nearest first; perhaps none.

    The known words are few. Only the first characters of what was typed are compared, so that a
    long text costs no more than a word.
    """
    compared = typed[:_COMPARED_CHARS].casefold()
    return difflib.get_close_matches(compared, [*known], n=3, cutoff=_ALIKE)


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """ "; did you mean water?", or empty."""
    near = near_words(typed, known)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def one_of(typed: str, known: Iterable[str]) -> str:
    """What to say of a word that is none of the known ones: all of them, and the nearest."""
    words = [*known]
    return f"must be one of {', '.join(words)}{did_you_mean(typed, words)}"


def looks_like_contact(text: str) -> bool:
    """Whether free text seems to hold a phone number, an e-mail address or a link.

    Six or more digits in a row count, with blanks and the usual marks between. It only warns: the
    caller asks "everybody here will read this; move it to the sealed contact?".
    """
    key = unify_digits(unicodedata.normalize("NFKC", text)).casefold()
    return any(pattern.search(key) is not None for pattern in (_DIGITS, _EMAIL, _LINK))
