"""How text becomes the words that a search finds: one rule for every ledger and every script.

Folding: compatibility forms, case, digits of any script, and accents and vowel points go
(`Insulín` = `insulin`, with or without Arabic harakat); signs that make another letter of their
base (kana voicing, Indic vowels and nukta, Thai tones) stay.
Words: runs of letters, digits and marks. Scripts that put no blanks between words, and Korean,
whose particles cling to words, give one word per character; what is typed in one piece must stand
together, in that order. So "热饭" is found within "需要热饭", while "art" is not found in "party".
Tokenizers in SQLite do one or the other: `unicode61` makes one word of "需要热饭", `trigram` finds
no fewer than three characters and parts of words everywhere. So the words are made here, and FTS5
is the index over them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from meshaid import limits
from meshaid.core.ledger import Fields
from meshaid.errors import InvalidInput

SEARCHED_FIELDS: Final = (
    "title",
    "text",
    "texts",
    "area",
    "areas",
    "ref",
    "on_behalf_of",
    "slip",
    "ext_code",
    "emergency",
)
"""Fields that hold words of people. Codes (kind, category) have filters of their own."""

_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xAC00, 0xD7A3),  # Hangul syllables
    (0xF900, 0xFAFF),  # Han, compatibility
    (0x20000, 0x3FFFF),  # Han, further extensions
)
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_TATWEEL: Final = "\u0640"  # stretches an Arabic word and means nothing


def _is_accent(character: str) -> bool:
    """True for Hebrew and Arabic points (combining classes 10-36) and common accents (200 up)."""
    combining = unicodedata.combining(character)
    return 10 <= combining <= 36 or combining >= 200


def _is_unspaced(character: str) -> bool:
    code = ord(character)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _UNSPACED)


def fold(text: str) -> str:
    """The form in which texts are compared: see the top of this file."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept: list[str] = []
    for character in decomposed:
        if character == _TATWEEL or unicodedata.category(character) == "Cf":
            continue  # joiners and direction marks inside a word
        if not _is_accent(character):
            digit = unicodedata.decimal(character, None)
            kept.append(character if digit is None else str(digit))
    return unicodedata.normalize("NFC", "".join(kept)).casefold()


def split(text: str) -> list[str]:
    """The words of a text, folded, in order."""
    if text.isascii():
        return _ASCII_WORD.findall(text.casefold())
    words: list[str] = []
    begun = ""
    for character in fold(text):
        if _is_unspaced(character) and unicodedata.category(character)[0] in "LMN":
            words += [begun, character] if begun else [character]
            begun = ""
        elif character.isalnum() or unicodedata.category(character)[0] == "M":
            begun += character
        elif begun:
            words.append(begun)
            begun = ""
    return [*words, begun] if begun else words


def phrases(query: str) -> list[list[str]]:
    """What a search asks for: one phrase per piece between blanks; each must be found.

    InvalidInput for more than limits.SEARCH_WORDS words in all.
    """
    found = [words for piece in query.split() if (words := split(piece))]
    if sum(map(len, found)) > limits.SEARCH_WORDS:
        raise InvalidInput(f"A search has at most {limits.SEARCH_WORDS} words. Use fewer.")
    return found


def searchable(fields: Fields) -> list[list[str]]:
    """The words of a record: one list per text, all values in conflict included."""
    held = (fields[name] for name in SEARCHED_FIELDS if name in fields)
    texts = (text for values in held for text in _texts(values))
    return [words for text in texts if (words := split(text))]


def _texts(values: object) -> Iterator[str]:
    """The texts among a field's values; a value of another type has no words."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _texts(value)
    elif isinstance(values, dict):
        yield from _texts([values[key] for key in sorted(values)])


def holds(texts: list[list[str]], wanted: list[list[str]]) -> bool:
    """True when something is wanted and each phrase stands, unbroken, in one of the texts."""
    return bool(wanted) and all(
        any(_stands_in(words, phrase) for words in texts) for phrase in wanted
    )


def _stands_in(words: list[str], phrase: list[str]) -> bool:
    length = len(phrase)
    return any(words[at : at + length] == phrase for at in range(len(words) - length + 1))
