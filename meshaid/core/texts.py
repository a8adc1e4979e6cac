"""Text that people type: cleaned at entry, and scanned for contact details.

Source: docs/protocol.md, "Records" (line, text) and "People and places".
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_BIDI_OVERRIDES: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_BREAKS: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
"""What ends a line for any reader; a `line` field holds none of them."""

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


def unify_digits(text: str) -> str:
    """The text with every script's decimal digits as 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)


def looks_like_contact(text: str) -> bool:
    """Whether free text seems to hold a phone number, an e-mail address or a link.

    Six or more digits in a row count, with blanks and the usual marks between. It only warns: the
    caller asks "everybody here will read this; move it to the sealed contact?".
    """
    key = unify_digits(unicodedata.normalize("NFKC", text)).casefold()
    return any(pattern.search(key) is not None for pattern in (_DIGITS, _EMAIL, _LINK))
