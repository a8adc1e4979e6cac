"""The types of a record's fields. Each says two things about a value:

`parse(value)` is for entry, by people or programs: it takes what they have (mostly text), cleans
it, and gives the scalar to write, or raises InvalidInput with what would be right (without the
field's name, which the caller puts before it).

`fits(value)` is for the view, which reads what any member wrote: it only asks whether the type and
length are right. It is laxer on purpose. A newer release may know more codes, and a verdict must
not depend on the Unicode tables of one Python.

Source: docs/protocol.md, "Records".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final, Protocol, TypeAlias, final

from meshaid import limits
from meshaid.core import amounts, ids, spoken, texts, times
from meshaid.core.categories import find_category
from meshaid.errors import InvalidInput

Scalar: TypeAlias = str | int | bool | float | bytes | None
Value: TypeAlias = Scalar | Mapping[str, str]
"""What a field of a record holds: a scalar, or one map of strings (texts by language)."""

CODE: Final = re.compile(r"[a-z0-9_.]{1,32}")
FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
REFERENCE: Final = re.compile(rf"[a-z2-7]{{{ids.ID_CHARS}}}/[a-z2-7]{{{ids.RECORD_CHARS}}}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_MAX_CODES: Final = 24
_MAX_NAMES: Final = 12
_NAME_CHARS: Final = 40
"""An area, as the field `area` holds it."""
_YES: Final = frozenset({"1", "true", "yes", "y"})
_NO: Final = frozenset({"0", "false", "no", "n"})


class FieldType(Protocol):
    """What every type of field offers."""

    def parse(self, value: object) -> Value:
        """The scalar to write for what somebody entered; InvalidInput says what would be right."""

    def fits(self, value: object) -> bool:
        """Whether a value that is held has this type and length."""


def _text_of(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInput("must be text")
    return value


def _at_most(text: str, most: int) -> str:
    if len(text) > most:
        raise InvalidInput(f"has {len(text)} characters; shorten it to {most}")
    if not text:
        raise InvalidInput("must not be empty")
    return text


@final
@dataclass(frozen=True, slots=True)
class Line:
    """At most `most` characters without a line break."""

    most: int

    def parse(self, value: object) -> str:
        """The text, cleaned and on one line."""
        return _at_most(texts.clean_line(_text_of(value)), self.most)

    def fits(self, value: object) -> bool:
        """A string of that length without a line break."""
        return (
            isinstance(value, str)
            and len(value) <= self.most
            and texts.LINE_BREAKS.isdisjoint(value)
        )


@final
@dataclass(frozen=True, slots=True)
class NameList:
    """Up to 12 names in one line with `;` between, together at most `most` characters."""

    most: int

    def parse(self, value: object) -> str:
        """The names, each once and cleaned, from such a line or from several strings."""
        parts = value.split(";") if isinstance(value, str) else value
        if not isinstance(parts, Iterable) or isinstance(parts, bytes | Mapping):
            raise InvalidInput("must be names with ; between")
        cleaned = (texts.clean_line(_text_of(part).replace(";", " ")) for part in parts)
        names = [*dict.fromkeys(filter(None, cleaned))]
        if len(names) > _MAX_NAMES:
            raise InvalidInput(f"has {len(names)} names; the most is {_MAX_NAMES}")
        for name in names:
            _at_most(name, _NAME_CHARS)
        return _at_most("; ".join(names), self.most)

    def fits(self, value: object) -> bool:
        """A line of that length."""
        return Line(self.most).fits(value)


@final
@dataclass(frozen=True, slots=True)
class Text:
    """At most `most` characters, line breaks allowed."""

    most: int

    def parse(self, value: object) -> str:
        """The text, cleaned."""
        return _at_most(texts.clean_text(_text_of(value)), self.most)

    def fits(self, value: object) -> bool:
        """A string of that length."""
        return isinstance(value, str) and len(value) <= self.most


@final
@dataclass(frozen=True, slots=True)
class Amount:
    """Integer thousandths of the record's unit, 1 to 10^12."""

    def parse(self, value: object) -> int:
        """Thousandths from text, int or Decimal."""
        return amounts.parse_amount(value)

    def fits(self, value: object) -> bool:
        """An integer in range."""
        return type(value) is int and 1 <= value <= amounts.MAX_THOUSANDTHS


@final
@dataclass(frozen=True, slots=True)
class UnitName:
    """A unit's code, or up to 16 characters that convert to nothing."""

    def parse(self, value: object) -> str:
        """The code of a known unit, else the text as typed."""
        return amounts.parse_unit(_text_of(value))

    def fits(self, value: object) -> bool:
        """A short line."""
        return Line(amounts.MAX_UNIT_CHARS).fits(value)


@final
@dataclass(frozen=True, slots=True)
class Int:
    """An integer from `least` to `most`."""

    least: int
    most: int

    def parse(self, value: object) -> int:
        """The integer, from text in any script's digits too."""
        if isinstance(value, str):
            plain = texts.unify_digits(value.strip())
            value = int(plain) if re.fullmatch(r"-?\d{1,16}", plain) else None
        if type(value) is not int or not self.least <= value <= self.most:
            raise InvalidInput(f"must be a whole number from {self.least} to {self.most}")
        return value

    def fits(self, value: object) -> bool:
        """An integer in range."""
        return type(value) is int and self.least <= value <= self.most


@final
@dataclass(frozen=True, slots=True)
class Time:
    """Whole seconds since 1970 UTC."""

    def parse(self, value: object) -> int:
        """Seconds, from ISO 8601 with an offset or from a number."""
        if isinstance(value, str):
            return times.parse_time(value)
        if type(value) is not int or not self.fits(value):
            raise InvalidInput("must be a time such as 2026-03-01T14:30+01:00")
        return value

    def fits(self, value: object) -> bool:
        """An integer within 2^53; a clock may be wrong by years."""
        return type(value) is int and abs(value) <= limits.MAX_INTEGER


@final
@dataclass(frozen=True, slots=True)
class Bool:
    """Yes or no."""

    def parse(self, value: object) -> bool:
        """The boolean, from 0, 1, yes, no, true, false too."""
        word = str(value).strip().casefold() if isinstance(value, str | int) else ""
        if word not in _YES | _NO:
            raise InvalidInput("must be yes or no")
        return word in _YES

    def fits(self, value: object) -> bool:
        """A boolean."""
        return isinstance(value, bool)


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few codes. Codes of a newer release are readable."""

    words: tuple[str, ...]

    def parse(self, value: object) -> str:
        """The code, from any case."""
        word = _text_of(value).strip().casefold()
        if word not in self.words:
            raise InvalidInput(texts.one_of(word, self.words))
        return word

    def fits(self, value: object) -> bool:
        """Any code."""
        return isinstance(value, str) and CODE.fullmatch(value) is not None


@final
@dataclass(frozen=True, slots=True)
class CategoryCode:
    """A category: `group.name`, or a group."""

    def parse(self, value: object) -> str:
        """The code, from its English label too."""
        return find_category(_text_of(value)).code

    def fits(self, value: object) -> bool:
        """Any code."""
        return isinstance(value, str) and CODE.fullmatch(value) is not None


@final
@dataclass(frozen=True, slots=True)
class Codes:
    """Up to 24 different codes in order, joined by one blank; `words` limits entry if not empty."""

    words: tuple[str, ...] = ()

    def parse(self, value: object) -> str:
        """The joined codes, from text with blanks or commas between, or from several strings."""
        if isinstance(value, str):
            words = re.split(r"[\s,;]+", value.strip())
        elif isinstance(value, Iterable):
            words = [_text_of(word) for word in value]
        else:
            raise InvalidInput("must be codes with blanks between")
        codes = sorted({word.strip().casefold() for word in words} - {""})
        strange = [code for code in codes if self.words and code not in self.words]
        if not codes or strange:
            wanted = ", ".join(self.words) or "codes with blanks between"
            meant = texts.did_you_mean(strange[0], self.words) if strange else ""
            raise InvalidInput(f"must be some of {wanted}{meant}")
        joined = " ".join(codes)
        if not self.fits(joined):
            raise InvalidInput(f"must be at most {_MAX_CODES} codes of a-z, 0-9, _ and .")
        return joined

    def fits(self, value: object) -> bool:
        """Codes in ascending order, each once."""
        if not isinstance(value, str):
            return False
        codes = value.split(" ")
        return (
            len(codes) <= _MAX_CODES
            and all(CODE.fullmatch(code) for code in codes)
            and all(left < right for left, right in pairwise(codes))
        )


@final
@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to a record: member id, slash, record id. Its target may be unknown here."""

    def parse(self, value: object) -> str:
        """The reference in lower case."""
        text = _text_of(value).strip().lower()
        if not self.fits(text):
            raise InvalidInput("must be a record's whole id, MEMBER/RECORD, as `show` prints it")
        return text

    def fits(self, value: object) -> bool:
        """The shape of a reference."""
        return isinstance(value, str) and REFERENCE.fullmatch(value) is not None


@final
@dataclass(frozen=True, slots=True)
class Language:
    """A BCP 47 tag of at most 12 characters."""

    def parse(self, value: object) -> str:
        """The tag as given."""
        tag = _text_of(value).strip()
        if _LANGUAGE.fullmatch(tag) is None or not self.fits(tag):
            raise InvalidInput("must be a language tag such as en or zh-Hant")
        return tag

    def fits(self, value: object) -> bool:
        """A short line."""
        return Line(12).fits(value)


@final
@dataclass(frozen=True, slots=True)
class Languages:
    """Language tags with blanks between, together at most `most` characters."""

    most: int

    def parse(self, value: object) -> str:
        """The tags as given, each once, from text or from several strings."""
        tags = re.split(r"[\s,;]+", value.strip()) if isinstance(value, str) else value
        if not isinstance(tags, Iterable) or isinstance(tags, bytes | Mapping):
            raise InvalidInput("must be language tags with blanks between, such as en es")
        return _at_most(" ".join(dict.fromkeys(map(Language().parse, tags))), self.most)

    def fits(self, value: object) -> bool:
        """A line of that length."""
        return Line(self.most).fits(value)


@final
@dataclass(frozen=True, slots=True)
class Spoken:
    """A code to say aloud: a letter, five digits and a check digit."""

    def parse(self, value: object) -> str:
        """The code, however it was spaced."""
        return spoken.parse_spoken(_text_of(value))

    def fits(self, value: object) -> bool:
        """A line of seven characters at most; whoever reads it finds out whether it is a code."""
        return Line(7).fits(value)


@final
@dataclass(frozen=True, slots=True)
class Degrees:
    """Hundredths of a degree, about a kilometre: no place is told more exactly."""

    most: int
    """In whole degrees: 90 or 180."""

    def parse(self, value: object) -> int:
        """Hundredths from an integer, or from degrees with a decimal point, which are rounded."""
        limit = self.most * 100
        if isinstance(value, str):
            plain = texts.unify_digits(value.strip())
            if re.fullmatch(r"[+-]?\d{1,3}\.\d{1,17}", plain):
                value = round(Fraction(plain) * 100)
            else:
                value = int(plain) if re.fullmatch(r"[+-]?\d{1,5}", plain) else None
        if type(value) is not int or abs(value) > limit:
            raise InvalidInput(
                f"must be degrees with a point, such as -41.29, or hundredths of a degree, "
                f"from -{limit} to {limit}"
            )
        return value

    def fits(self, value: object) -> bool:
        """An integer in range."""
        return Int(-self.most * 100, self.most * 100).fits(value)


@final
@dataclass(frozen=True, slots=True)
class HubLetter:
    """The letter of a hub's spoken codes."""

    def parse(self, value: object) -> str:
        """The letter in upper case."""
        letter = _text_of(value).strip().upper()
        if len(letter) != 1 or letter not in spoken.HUB_LETTERS:
            raise InvalidInput("must be a letter from A to Z, but not I, O or X")
        return letter

    def fits(self, value: object) -> bool:
        """One of those letters."""
        return isinstance(value, str) and len(value) == 1 and value in spoken.HUB_LETTERS


@final
@dataclass(frozen=True, slots=True)
class Texts:
    """Up to 12 texts by language tag, each at most `most` characters."""

    most: int

    def parse(self, value: object) -> Mapping[str, str]:
        """The cleaned texts, from a map or its JSON text, in order of their tags."""
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        if not isinstance(value, Mapping) or not 0 < len(value) <= limits.MAX_INNER_ENTRIES:
            raise InvalidInput(f"must map 1 to {limits.MAX_INNER_ENTRIES} languages to their text")
        entries = {
            Language().parse(tag): Text(self.most).parse(text) for tag, text in value.items()
        }
        return dict(sorted(entries.items()))

    def fits(self, value: object) -> bool:
        """A map of strings of that length."""
        return isinstance(value, Mapping) and all(
            Line(12).fits(tag) and Text(self.most).fits(text) for tag, text in value.items()
        )
