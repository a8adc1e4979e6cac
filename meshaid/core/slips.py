"""Slips: rows of tables, each of which can become a record.

A column is named as the field it holds. Beside the fields there are `kind`; `id`, by which a row is
known again when it is imported twice; `minute`, `needed_by_minute`, `available_until_minute`, which
count from a start given at import; and `exercise`. A bad row is refused with its line and reason,
the rest goes in. Whether a row is new is the caller's question: the import key answers it.

Here is the one way from named cells to a slip. Each kind of table names its cells itself: our own
(own_tables.py), those of other tools (crosswalk.py), and HXL (hxl.py).
Source: docs/protocol.md, "Import and export".
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, final

from meshaid.core import ids, spoken
from meshaid.core.fields import REFERENCE, Value
from meshaid.core.records import complete_record, kind_named, validate_fields
from meshaid.core.schema import KINDS
from meshaid.core.texts import looks_like_contact, unify_digits
from meshaid.errors import InvalidInput

FORMAT: Final = "csv"
"""The format's name inside import keys."""
SLIP_KINDS: Final = ("need", "offer", "notice")
"""Kinds that a row can be; the others point at records, whose ids no table can know."""
LINKS: Final = ("duplicate_of", "supersedes")
"""Fields that may name another row by its id."""
MINUTE_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "minute": "created_at",
        "needed_by_minute": "needed_by",
        "available_until_minute": "available_until",
    }
)
"""Columns counted in minutes from the start, and the field each gives."""

SLIP_FIELDS: Final = frozenset(n for kind in SLIP_KINDS for n in KINDS[kind].fields) - {"rev"}
"""Every field that a cell can fill."""
COLUMNS: Final = SLIP_FIELDS | {"kind", "id", "exercise", *MINUTE_COLUMNS}
"""Every name of a column that is read."""

CONTACT_NOTE: Final = "its words seem to hold a telephone number, address or link: all will read it"
"""What is said of a row that went in as it stood."""
IMPORT_KEY: Final = re.compile(r"[a-z2-7]{26}")
"""The shape of an import key."""
_NO_SUCH_FIELD: Final = frozenset({"", "0", "no", "false"})
"""Cells that say nothing, in a column that the row's kind does not have."""
_SHOWN_COLUMNS: Final = 40
_SHOWN_CHARS: Final = 40
"""How many columns an error names, and how much of each."""
_SAY_WHAT: Final = frozenset({"title", "text", "category", "topic"})
_MINUTES: Final = re.compile(r"-?\d{1,9}")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a person says about a file before it is read; nothing of it is needed."""

    start: int | None = None
    """Seconds since 1970 from which the columns of minutes count."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Only rows whose cell in each of these columns is exactly this, any column at all."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The field that a column gives, by the column's name, against what its name says; an empty
    field leaves the column out."""
    kind: str = ""
    """The kind of rows that do not say theirs."""
    category: str = ""
    """The category of rows whose own words do not tell one."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Category codes by what people call them, before what meshaid knows of itself."""
    exercise: bool = False
    """Whether the community is an exercise: only there rows of exercises are taken."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class Slip:
    """One row that can become a record. Its repr holds no content."""

    line: int
    """The line of the file on which the row begins, from 1."""
    row_id: str
    """The cell of the column `id`, or empty."""
    kind: str
    fields: Mapping[str, Value]
    """Values to write, for `records.complete_record`; `import_key` is among them."""
    links: Mapping[str, str]
    """Fields that name another row: by its id, to be resolved through `SlipTable.key_of`."""

    def __repr__(self) -> str:
        return f"<Slip line={self.line} kind={self.kind}>"

    @property
    def import_key(self) -> str:
        """The key by which this row is known again."""
        key = self.fields["import_key"]
        return key if isinstance(key, str) else ""


@final
@dataclass(slots=True)
class SlipTable:
    """What a file holds."""

    format: str = FORMAT
    """What it was read as: csv, table (somebody else's columns), hxl, jsonl or cap."""
    rows: list[Slip] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    """Line and reason of each row that is left out. A reason holds nothing of the row."""
    columns: dict[str, str] = field(default_factory=dict)
    """The field that each column gave, by the column's name in the file."""
    ignored_columns: list[str] = field(default_factory=list)
    """Columns that give nothing, in the file's order, each once."""
    labels: dict[str, tuple[str, int]] = field(default_factory=dict)
    """What rows called a category: the code that it gave, and how many rows."""
    notes: list[tuple[int, str]] = field(default_factory=list)
    """Line and remark where a row went in, but not all of it, or not as it stood."""
    ended: list[str] = field(default_factory=list)
    """Import keys of what a file takes back: alerts that it cancels or replaces."""

    def key_of(self, row_id: str) -> str:
        """The import key of the row with this id, in this file or an earlier one of its kind."""
        own = self.format if self.format in ("hxl", "cap") else FORMAT
        return import_key(row_id, format_name=own)


def import_key(row: str, *, format_name: str = FORMAT) -> str:
    """The key of an imported row: lower-case Base32 of half a SHA-256, 26 characters.

    Args:
      row: the row's `id`; for a row without one, its cells as `normalised_row` gives them.
      format_name: what kind of file it came from.
    """
    data = f"meshaid-import-v1\0{format_name}\0{row}".encode("utf-8", "replace")
    return ids.to_base32(hashlib.sha256(data).digest()[:16])


def normalised_row(cells: Mapping[str, str]) -> str:
    """A row without an id as one text: its filled cells by column name, one a line."""
    return "\n".join(f"{name}={cell}" for name, cell in sorted(cells.items()) if cell)


def is_own(header: Sequence[str], reading: Reading) -> bool:
    """Whether a header names its columns as fields do: `kind` is among them, and what says what a
    row is about."""
    names = {column_name(cell) for cell in header}
    told = names.union(reading.columns.values())
    return "kind" in names and "kind" not in reading.columns and not told.isdisjoint(_SAY_WHAT)


def column_name(cell: str) -> str:
    """A header's cell as the name that is compared: NFC, trimmed, lower case."""
    return unicodedata.normalize("NFC", cell.strip()).lower()


def chosen_field(column: str, reading: Reading) -> str | None:
    """The field that a person chose for this column; None where nothing was said of it.

    Raises:
      InvalidInput: there is no such field, or none that a table may set.
    """
    for name, wanted in reading.columns.items():
        if column_name(name) == column:
            if wanted and wanted not in COLUMNS:
                near = ", ".join(sorted(COLUMNS))
                raise InvalidInput(f"--map: a column can give {near}")
            return wanted
    return None


def check_where(where: Mapping[str, str], columns: Sequence[str]) -> None:
    """Raises InvalidInput for a column that is not there."""
    for name in where.keys() - set(columns):
        named = [column[:_SHOWN_CHARS] for column in columns if column][:_SHOWN_COLUMNS]
        raise InvalidInput(f"--where: the table has no column {name!r}; it has {', '.join(named)}")


@final
class SlipReader:
    """The one way from named cells to slips: each row is added to a table, or refused there."""

    def __init__(self, table: SlipTable, reading: Reading, *, warns: bool = True) -> None:
        """Read into a table; `warns` of words that seem to hold a contact, in a note."""
        self._table = table
        self._warned = ("title", "text") if warns else ()
        self._reading = reading
        self._seen: dict[str, int] = {}

    def read(
        self, line: int, cells: Mapping[str, str], fault: str = "", *, key: str = ""
    ) -> Slip | None:
        """Take one row: its cells by the names of COLUMNS, others do no harm.

        Args:
          fault: why the row cannot be used, if that is known already.
          key: what tells the row from others, where it is not its id or these cells.
        Returns:
          The slip that was added, or None: the table says why.
        """
        try:
            if fault:
                raise InvalidInput(fault)
            slip = self._slip(line, cells, key)
            first = self._seen.setdefault(slip.import_key, line)
            if first != line:
                raise InvalidInput(f"repeats line {first}; give each row an `id` of its own")
        except InvalidInput as error:
            self._table.refused.append((line, str(error)))
            return None
        self._table.rows.append(slip)
        if any(looks_like_contact(str(slip.fields.get(name, ""))) for name in self._warned):
            self._table.notes.append((line, CONTACT_NOTE))
        return slip

    def _slip(self, line: int, cells: Mapping[str, str], key: str) -> Slip:
        start = self._reading.start or 0
        code = (cells.get("kind") or self._reading.kind).casefold()
        if code not in SLIP_KINDS:
            raise InvalidInput(f"kind: must be one of {', '.join(SLIP_KINDS)}")
        if not self._reading.exercise and _says_yes(cells.get("exercise", "")):
            raise InvalidInput("exercise: comes from an exercise; it is no record of this board")
        entered = _entered(code, cells, start)
        links = _links(entered)
        if entered.get("closed_reason") and not entered.get("status"):
            entered["status"] = "closed"
        fields = validate_fields(code, entered)
        fields["import_key"] = self._key({**cells, "kind": code}, key)
        ref = _kept_ref(cells.get("ref", ""))
        if ref:
            fields["ref"] = ref
        complete_record(code, fields, now=start, ref=ref)  # whether the fields go together
        row_id = cells.get("id", "")
        return Slip(line, row_id, code, MappingProxyType(fields), MappingProxyType(links))

    def _key(self, cells: Mapping[str, str], key: str) -> str:
        """The row's own import key if it carries one (our export does), else of its id or cells."""
        given = cells.get("import_key", "")
        if IMPORT_KEY.fullmatch(given):
            return given
        known = {n: cell for n, cell in cells.items() if n in COLUMNS and n != "exercise"}
        return self._table.key_of(cells.get("id") or key or normalised_row(known))


def _entered(code: str, cells: Mapping[str, str], start: int) -> dict[str, object]:
    """What the cells enter into fields of this kind."""
    known = kind_named(code).fields
    entered: dict[str, object] = {}
    for name, cell in cells.items():
        if name not in SLIP_FIELDS or name in ("ref", "import_key"):
            continue
        if name in known:
            entered[name] = cell
        elif cell.casefold() not in _NO_SUCH_FIELD:
            raise InvalidInput(f"{name}: no field of kind {code}; empty this cell")
    for column, name in MINUTE_COLUMNS.items():
        if cells.get(column):
            if name not in known:
                raise InvalidInput(f"{column}: no field of kind {code}; empty this cell")
            entered[name] = start + 60 * _minutes(column, cells[column])
    return entered


def _says_yes(cell: str) -> bool:
    return cell.strip().casefold() not in _NO_SUCH_FIELD


def _minutes(column: str, cell: str) -> int:
    plain = unify_digits(cell)
    if _MINUTES.fullmatch(plain) is None:
        raise InvalidInput(f"{column}: must be a whole number of minutes from the start")
    return int(plain)


def _links(entered: dict[str, object]) -> dict[str, str]:
    """Take the links out that name a row; a whole reference is a field as it is."""
    links = {}
    for name in LINKS:
        cell = str(entered.get(name) or "")
        if cell and REFERENCE.fullmatch(cell.lower()) is None:
            links[name] = cell
            del entered[name]
    return links


def _kept_ref(cell: str) -> str:
    """A spoken code that can be kept; a misheard one gives way to a fresh one."""
    try:
        return spoken.parse_spoken(cell)
    except InvalidInput:
        return ""
