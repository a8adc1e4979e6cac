"""How text becomes the words that a search finds: one rule for every ledger and every script.

Folding: compatibility forms, case, digits of any script, and accents and vowel points go
(`Insulín` = `insulin`, `đường` = `duong`, with or without Arabic harakat); so do the differences
between keyboards that write one Arabic letter in several ways. Signs that make another letter of
their base (kana voicing, Indic vowels and nukta, Thai tones) stay.
Words: runs of letters, digits and marks. Scripts that put no blanks between words, and Korean,
whose particles cling to words, give one word per character; what is typed in one piece must stand
together, in that order. So "热饭" is found within "需要热饭", while "art" is not found in "party".
Arabic words lose the article with what is written in front of it (after Larkey, Ballesteros and
Connell, "Light Stemming for Arabic Information Retrieval", 2007: light10 without its suffixes).
Beginnings: the last word of what is typed in one piece may be the beginning of a longer one, once
it has three characters and does not end in a digit: "blanket" finds "Blankets", "12" not "120".
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
_SAME_LETTERS: Final = str.maketrans(
    {
        "đ": "d", "ð": "d", "ø": "o", "ł": "l", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe",
        "\u0131": "i",  # without its dot, as in Turkish
        "\u06cc": "\u064a", "\u0649": "\u064a",  # Persian yeh, alef maksura: yeh
        "\u06a9": "\u0643",  # Persian kaf: kaf
        "\u0629": "\u0647",  # ta marbuta: heh
    }
)  # fmt: skip
"""Letters that no decomposition takes apart, and letters of which people type one for another."""
_ARTICLE: Final = re.compile("(?:[\u0648\u0628\u0641\u0643]?\u0627\u0644|\u0644\u0644)+(?=.{3})")
"""The Arabic article (al-), alone or after and-, with-, so-, as-; or for-the-. What is left of the
word has three letters at least, so that short words which only begin alike stay whole."""
_BEGINNING_CHARS: Final = 3
"""Characters that a typed word needs to find words which begin with it."""
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
    return unicodedata.normalize("NFC", "".join(kept)).casefold().translate(_SAME_LETTERS)


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
    if begun:
        words.append(begun)
    return [_without_article(word) for word in words]


def _without_article(word: str) -> str:
    article = _ARTICLE.match(word)
    return word[article.end() :] if article else word


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


def may_begin(word: str) -> bool:
    """Whether a typed word is found in longer words that begin with it."""
    return len(word) >= _BEGINNING_CHARS and not word[-1].isdecimal()


def holds(texts: list[list[str]], wanted: list[list[str]]) -> bool:
    """True when something is wanted and each phrase stands, unbroken, in one of the texts.

    The last word of a phrase may be the beginning of a longer one (see `may_begin`).
    """
    return bool(wanted) and all(
        any(_stands_in(words, phrase) for words in texts) for phrase in wanted
    )


def _stands_in(words: list[str], phrase: list[str]) -> bool:
    *first, last = phrase
    begins = may_begin(last)
    return any(
        (words[at] == last or (begins and words[at].startswith(last)))
        and words[at - len(first) : at] == first
        for at in range(len(first), len(words))
    )
