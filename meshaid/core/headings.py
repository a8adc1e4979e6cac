"""What the headings of somebody else's table say that its columns give.

Columns of persons (names, telephones, addresses) and of exact places are never taken over, whatever
is asked for. What was chosen by hand comes before what a heading's words say.
Source: docs/protocol.md, "Import and export" (other tables).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, final

from meshaid.core.slips import COLUMNS, Reading, chosen_field, column_name, is_own
from meshaid.core.tabular import Row
from meshaid.errors import InvalidInput

WORD: Final = re.compile(r"[^\W_]+")
SEARCHED: Final = 25
"""Rows at the top of a table in which its headings are looked for."""

_NEVER: Final = frozenset(
    {
        "phone", "telephone", "tel", "mobile", "cell", "cellphone", "whatsapp", "email", "mail",
        "address", "street", "birth", "birthday", "dob", "contact", "contacts", "firstname",
        "lastname", "surname", "fullname", "person", "requester", "requestor", "assigned",
        "approved", "received", "signature", "photo", "diagnosis", "passport", "lat", "lng", "lon",
        "long", "latitude", "longitude", "gps", "coordinates", "wkt", "geo", "geom", "geometry",
    }
)  # fmt: skip
"""Words of columns that are never taken over: persons, and places finer than an area."""
_PERSONS: Final = frozenset(
    {"phone", "telephone", "tel", "mobile", "email", "mail", "address", "birth", "dob"}
)
"""Where one of these stands, a column `name` holds persons' names."""
_HEADINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "kind": ("kind", "need offer", "offer need", "need or offer", "offer or need"),
        "id": ("id", "nr", "no"),
        "title": (
            "title", "item name", "item", "items", "what", "thing", "things", "headline", "subject",
            "purpose", "summary", "accepting", "items needed", "what is needed", "need", "needs",
            "product", "supplies", "resource", "skill", "template title", "name", "category",
            "type", "event type",
        ),
        "label": ("category", "item category", "sector", "cluster", "need type", "type", "service"),
        "quantity": (
            "quantity", "qty", "amount", "number", "how much", "how many", "quantity needed",
            "number needed", "quantity requested", "needed", "required", "available", "stock",
            "minimum",
        ),
        "unit": ("unit", "units", "unit of measure", "uom", "measure"),
        "pack": ("pack",),
        "per_pack": ("per pack", "pack quantity", "pack2 quantity", "pack size"),
        "text": (
            "text", "description", "details", "instruction", "comments", "comment", "notes", "note",
            "remarks", "kit", "incidents",
        ),
        "area": (
            "area", "neighbourhood", "neighborhood", "suburb", "district", "place", "location",
            "site", "facility", "requested for facility", "warehouse", "area description", "city",
            "town", "village", "municipality", "state", "province", "country", "where",
        ),
        "urgency": ("urgency", "priority", "how urgent", "urgent", "how soon", "when"),
        "needed_by": ("needed by", "date required", "required by", "due", "due date", "deadline"),
        "created_at": (
            "created at", "timestamp", "date requested", "date reported", "submitted", "created",
            "reported", "date",
        ),
        "people": (
            "people", "number of people", "persons", "household size", "family size", "affected",
            "beneficiaries",
        ),
        "on_behalf_of": ("on behalf of", "who for", "for whom", "household"),
        "slip": ("slip", "request", "request number", "request no", "case", "case number"),
        "lang": ("lang", "language"),
        "status": ("status",),
        "ext_code": ("ext code", "item code", "code", "sku"),
        "bin": ("bin",),
    }
)  # fmt: skip
"""Roles, and the words of a heading that give them, the surest first."""
_MOST: Final[Mapping[str, int]] = MappingProxyType({"text": 8, "label": 4, "area": 2})
"""How many columns may give one role together: a town and its state are an area. Else one."""
_TOWNS: Final = frozenset(
    {"city", "town", "village", "municipality", "county", "province", "country", "district"}
)
"""Beside one of these a `state` is a place; elsewhere it tells how a row stands."""
_PLACES: Final = frozenset(_HEADINGS["area"]) - {"where"}
_HINTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "need": frozenset(
            {
                "accepting", "need", "needs", "needed", "request", "requester", "purpose",
                "items needed", "date requested", "date required", "quantity needed",
                "request number",
            }
        ),
        "offer": frozenset(
            {"donor", "supplier donor", "available", "offered", "bin", "expiry date", "offer"}
        ),
        "notice": frozenset({"headline", "area description", "severity", "certainty"}),
    }
)  # fmt: skip
"""Headings that only tables of one kind have."""


@final
@dataclass(slots=True)
class Roles:
    """Which columns, by their places, give what, in their order."""

    by_role: dict[str, list[int]] = field(default_factory=dict)

    def add(self, role: str, column: int) -> None:
        """Let a column give this too."""
        self.by_role.setdefault(role, []).append(column)

    def lacks(self, role: str) -> bool:
        """Whether one more column may give this."""
        return len(self.by_role.get(role, ())) < _MOST.get(role, 1)

    def says_what(self) -> bool:
        """Whether a row's cells can say what it is about."""
        return not self.by_role.keys().isdisjoint({"title", "text", "label", "category"})

    def used(self) -> dict[int, str]:
        """The first role of each column that has one, as a field."""
        found: dict[int, str] = {}
        for role, columns in self.by_role.items():
            for column in columns:
                found.setdefault(column, "category" if role == "label" else role)
        return found


def is_personal(heading: str) -> bool:
    """Whether a column is never taken over."""
    return not _NEVER.isdisjoint(WORD.findall(heading))


def roles_of(header: Sequence[str], reading: Reading) -> Roles:
    """What each column gives: as chosen, else as its heading says.

    Args:
      header: the headings in lower case.
    Raises:
      InvalidInput: a column was chosen that is never taken over.
    """
    roles = Roles()
    free = _unchosen(header, reading, roles)
    for role, headings in _HEADINGS.items():
        for heading in headings:
            column = next((place for place, name in free.items() if name == heading), -1)
            if column >= 0 and roles.lacks(role):
                roles.add(role, column)
                if role not in ("title", "label"):  # these two may come from one column
                    del free[column]
    for column, name in free.items():
        own = name.replace(" ", "_")
        if own in COLUMNS and roles.lacks(own) and column not in roles.used():
            roles.add(own, column)
    return roles


def _unchosen(header: Sequence[str], reading: Reading, roles: Roles) -> dict[int, str]:
    """The words of each heading that is left to tell by itself; the others go to the roles."""
    free = {}
    for column, name in enumerate(header):
        chosen = chosen_field(name, reading)
        if chosen is None and name and not is_personal(name):
            free[column] = " ".join(WORD.findall(name))
        elif chosen and is_personal(name):
            raise InvalidInput(f"--map: {name!r} is of a kind that is never taken over")
        elif chosen:
            roles.add(chosen, column)
    if any(_PERSONS & set(WORD.findall(name)) for name in header):
        free = {column: name for column, name in free.items() if name != "name"}
    if _TOWNS.isdisjoint(free.values()):
        free = {column: "status" if name == "state" else name for column, name in free.items()}
    if not _PLACES.isdisjoint(free.values()):  # "where" says it more finely than needed
        free = {column: name for column, name in free.items() if name != "where"}
    return free


def find_headings(rows: Sequence[Row], reading: Reading) -> int:
    """The place of the row that names the columns: of the top 25 that with most that are known.

    Spreadsheets have a title above their headings, an empty line, a date. If no row names anything
    it is the first.
    """
    best, most = 0, 0
    for place, row in enumerate(rows[:SEARCHED]):
        header = [column_name(cell) for cell in row.cells]
        known = len(COLUMNS & set(header)) + 1 if is_own(header, reading) else 0
        roles = roles_of(header, reading)
        if roles.says_what():
            known = max(known, len(roles.used()))
        if known > most:
            best, most = place, known
    return best


def kind_of(header: Sequence[str], roles: Roles) -> str:
    """The one kind whose tables have such headings.

    Raises:
      InvalidInput: there is none; the text asks for it, and shows what the columns would give.
    """
    names = {" ".join(WORD.findall(name)) for name in header}
    found = [kind for kind, hints in _HINTS.items() if names & hints]
    if len(found) == 1:
        return found[0]
    taken = "; ".join(
        f"{header[column] or column + 1} -> {role}" for column, role in roles.used().items()
    )
    raise InvalidInput(
        "what are the rows of this table? Say --kind need, offer or notice. "
        f"Its columns would be taken so: {taken}"
    )
