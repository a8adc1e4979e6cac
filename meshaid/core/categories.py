"""The two-level list of categories (docs/protocol.md, "Categories").

A code is `group.name`, or a group alone. Codes are never reused, and unknown ones survive: a newer
release may know more of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from meshaid.core.tables import CATEGORY_ROWS
from meshaid.core.texts import near_words
from meshaid.errors import InvalidInput

OTHER: Final = "other"
"""Where things go that fit nowhere."""
PRIVATE: Final = "private"
"""A need whose words stay on paper at the desk: area and urgency only."""


@final
@dataclass(frozen=True, slots=True)
class Category:
    """One row of the list."""

    code: str
    parent: str
    """The group's code, empty for a group."""
    label: str
    """English."""
    icon: str
    """A Lucide icon's name."""
    privacy: int
    """0 open; 1 words stay off visitors' pages; 2 a need of this kind is written as `private`."""
    usual_unit: str
    cluster: str
    """Name of the global cluster, for HXL's `#sector`."""


CATEGORIES: Final[Mapping[str, Category]] = MappingProxyType(
    {row[0]: Category(*row) for row in CATEGORY_ROWS}
)
"""Code to category, in the order of the list."""

_BY_LABEL: Final = {category.label.casefold(): category for category in CATEGORIES.values()}


def _suggested() -> dict[str, str]:
    """What people may type for a category, to its code: words of labels give way to names."""
    names = {
        word: category.code
        for label, category in _BY_LABEL.items()
        for word in re.findall(r"\w{4,}", label)
    }
    names |= {category.code.partition(".")[2]: category.code for category in CATEGORIES.values()}
    names |= {label: category.code for label, category in _BY_LABEL.items()}
    names |= {code: code for code in CATEGORIES}
    return {name: code for name, code in names.items() if name}


_NAMES: Final = _suggested()


def group_of(code: str) -> str:
    """The group of a category code; a group is its own."""
    return code.partition(".")[0]


def category_matches(code: str, wanted: str) -> bool:
    """Whether a record's category is the wanted one, or lies in the wanted group."""
    return code == wanted or group_of(code) == wanted


def privacy_of(code: str) -> int:
    """0, 1 or 2. An unknown code is as private as its group, an unknown group is open."""
    category = CATEGORIES.get(code) or CATEGORIES.get(group_of(code))
    return category.privacy if category else 0


def find_category(text: str) -> Category:
    """The category with this code or English label, in any case.

    Raises:
      InvalidInput: none has it; the text names near ones, or the groups.
    """
    key = text.strip().casefold()
    found = CATEGORIES.get(key) or _BY_LABEL.get(key)
    if found:
        return found
    raise InvalidInput(no_category(text))


def no_category(text: str) -> str:
    """What to say of an unknown category: near ones, else the groups."""
    key = text.strip().casefold()
    near = dict.fromkeys(_NAMES[name] for name in near_words(key, _NAMES))
    if near:
        return f"no such category; did you mean {' or '.join(near)}?"
    groups = (code for code, category in CATEGORIES.items() if not category.parent)
    return f"no such category; use one of {', '.join(groups)}"
