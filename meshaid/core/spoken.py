"""Codes to say aloud: a hub's letter, five digits and a check digit, as in `C 482 912`.

The check digit is Damm's over the letter as 01 to 26 and the five digits. It finds every single
wrong digit and every swap of two neighbours, which is what goes wrong over radio.
Source: docs/protocol.md, "Spoken codes"; H. M. Damm, "Total anti-symmetrische Quasigruppen" (2004).
"""

from __future__ import annotations

import re
from typing import Final

from meshaid.core.texts import unify_digits
from meshaid.errors import InvalidInput

NO_HUB: Final = "X"
"""The letter of records entered outside any hub."""
HUB_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWYZ"
"""Letters that a hub may have: I and O look like digits, X is taken."""
DIGITS: Final = 5

_DAMM: Final = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
_IGNORED: Final = re.compile(r"[\s.\u00ad\u2010-\u2015\u2212_-]+")
_SHAPE: Final = re.compile(r"[A-Z][0-9]{6}")


def _check_digit(letter: str, digits: str) -> str:
    state = "0"
    for digit in f"{ord(letter) - ord('A') + 1:02d}{digits}":
        state = _DAMM[int(state)][int(digit)]
    return state


def spoken_code(letter: str, digits: str) -> str:
    """The seven-character code for a hub's letter (or X) and five digits.

    Raises:
      ValueError: no such letter, or not five ASCII digits.
    """
    if letter not in (*HUB_LETTERS, NO_HUB) or re.fullmatch(r"[0-9]{5}", digits) is None:
        raise ValueError("a spoken code is made of one hub letter and five digits")
    return letter + digits + _check_digit(letter, digits)


def looks_spoken(text: str) -> bool:
    """Whether the text has the shape of a spoken code: a letter and six digits, however spaced."""
    return _SHAPE.fullmatch(_plain(text)) is not None


def parse_spoken(text: str) -> str:
    """The code that somebody heard or typed: any case, blanks, hyphens, any script's digits.

    Raises:
      InvalidInput: not a letter and six digits, or the check digit does not fit.
    """
    code = _plain(text)
    if _SHAPE.fullmatch(code) is None:
        raise InvalidInput("a code is one letter and six digits, as in C 482 912")
    letter, digits, check = code[0], code[1:6], code[6]
    if letter not in (*HUB_LETTERS, NO_HUB) or _check_digit(letter, digits) != check:
        raise InvalidInput("misheard? The last digit does not fit this code; ask for it again")
    return code


def show_spoken(code: str) -> str:
    """`C482912` as `C 482 912`."""
    return f"{code[:1]} {code[1:4]} {code[4:]}"


def _plain(text: str) -> str:
    return _IGNORED.sub("", unify_digits(text)).upper()
