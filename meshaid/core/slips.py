"""Tables of slips: read from CSV that people made, written as CSV and as JSON lines.

A column is named as the field it holds. Beside the fields there are `kind`; `id`, by which a row is
known again when it is imported twice; and `minute`, `needed_by_minute`, `available_until_minute`,
which count from a start given at import. A bad row is refused with its line and reason, the rest
goes in. Whether a row is new is the caller's question: the import key answers it.
Source: docs/protocol.md, "Import and export"; RFC 4180.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, final

from meshaid import limits
from meshaid.core import ids, spoken
from meshaid.core.fields import REFERENCE, Value
from meshaid.core.records import check_together, complete_record, kind_named, validate_fields
from meshaid.core.schema import KINDS
from meshaid.core.texts import unify_digits
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

_NO_SUCH_FIELD: Final = frozenset({"", "0", "no", "false"})
"""Cells that say nothing, in a column that the row's kind does not have."""
_FIELDS: Final = frozenset(name for kind in SLIP_KINDS for name in KINDS[kind].fields) - {"rev"}
_READ: Final = _FIELDS | {"kind", "id", *MINUTE_COLUMNS}
_IMPORT_KEY: Final = re.compile(r"[a-z2-7]{26}")
_MINUTES: Final = re.compile(r"-?\d{1,9}")
_SHIELDED: Final = re.compile(r"'+[=+\-@\t\r]")


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
    """Fields that name another row by its id, to be resolved through `import_key(id)`."""

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
    """What a table holds."""

    rows: list[Slip] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    """Line and reason of each row that is left out. A reason holds nothing of the row."""
    ignored_columns: list[str] = field(default_factory=list)
    """Columns that are no fields, in the file's order, each once."""


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


def read_slips(
    source: bytes | str, *, start: int | None = None, where: Mapping[str, str] | None = None
) -> SlipTable:
    """Read a table of slips.

    Args:
      source: the file; bytes must be UTF-8, with or without a byte order mark.
      start: seconds since 1970 from which the minute columns count.
      where: only rows whose cell in each of these columns is exactly this, any column at all.
    Returns:
      The rows to import, those refused, and the columns that are no fields.
    Raises:
      InvalidInput: the file as a whole cannot be used; the text says what to do.
    """
    text = _decoded(source)
    lines = _lines(text, _separator(text))
    header, fault = next(((cells, reason) for _, cells, reason in lines), ([], ""))
    if fault:
        raise InvalidInput(f"line 1: {fault}")
    columns = _checked_header(header)
    where = where or {}
    for name in where.keys() - set(columns):
        raise InvalidInput(
            f"--where: the table has no column {name!r}; it has {', '.join(columns)}"
        )
    if start is None and not MINUTE_COLUMNS.keys().isdisjoint(columns):
        raise InvalidInput(
            "this table counts minutes; say from when: --start 2026-03-01T14:00+01:00"
        )
    table = SlipTable(ignored_columns=[name for name in columns if name and name not in _READ])
    seen: dict[str, int] = {}
    for line, raw, reason in lines:
        if reason:
            table.refused.append((line, reason))
            continue
        filled = map(_unshielded, raw)
        cells = {name: next(filled, "") for name in columns}
        if not any(cells.values()) or any(cells[name] != want for name, want in where.items()):
            continue
        try:
            if len(raw) > len(columns):
                raise InvalidInput(f"has {len(raw)} cells, the header {len(columns)}")
            slip = _slip(line, cells, start or 0)
            first = seen.setdefault(slip.import_key, line)
            if first != line:
                raise InvalidInput(f"repeats line {first}; give each row an `id` of its own")
        except InvalidInput as error:
            table.refused.append((line, str(error)))
        else:
            table.rows.append(slip)
    return table


# ---- the file


def _decoded(source: bytes | str) -> str:
    if len(source) > limits.CSV_BYTES:
        raise InvalidInput(f"the table is larger than {limits.CSV_BYTES} bytes; split it")
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the table is not in UTF-8 (byte {error.start}); "
            "in the spreadsheet choose 'save as', CSV UTF-8, and import that file"
        ) from None
    if "\0" in text:
        raise InvalidInput("this is no UTF-8 text; save the table as CSV UTF-8, then import it")
    return text


def _separator(text: str) -> str:
    """Comma, semicolon or TAB: whichever the header has most of, outside quotes."""
    header = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return max(",;\t", key=header.count)


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str], str]]:
    """First line, cells, and what is wrong, for each row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    count = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], f"is no CSV row ({error}); check its quotes"
            continue
        if cells:
            count += 1
            if count > limits.CSV_ROWS + 1:
                raise InvalidInput(f"the table has more than {limits.CSV_ROWS} rows; split it")
            yield line, cells, ""


def _checked_header(header: list[str]) -> list[str]:
    columns = [unicodedata.normalize("NFC", name.strip()).lower() for name in header]
    if "kind" not in columns:
        raise InvalidInput(
            "the first line must name the columns, `kind` among them (need, offer or notice); "
            "the others are named as the fields they hold, such as title, category, quantity"
        )
    named = [name for name in columns if name]
    for name in named:
        if named.count(name) > 1:
            raise InvalidInput(f"two columns are named {name!r}; rename one of them")
    return columns


def _unshielded(cell: str) -> str:
    """The cell without the mark that keeps spreadsheets from taking it for a formula."""
    plain = cell[1:] if _SHIELDED.match(cell) else cell
    return plain.strip()


# ---- one row


def _slip(line: int, cells: Mapping[str, str], start: int) -> Slip:
    code = cells["kind"].casefold()
    if code not in SLIP_KINDS:
        raise InvalidInput(f"kind: must be one of {', '.join(SLIP_KINDS)}")
    known = kind_named(code).fields
    entered: dict[str, object] = {}
    for name, cell in cells.items():
        if name not in _FIELDS or name in ("ref", "import_key"):
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
    links = _links(entered)
    if entered.get("closed_reason") and not entered.get("status"):
        entered["status"] = "closed"
    fields = validate_fields(code, entered)
    fields["import_key"] = _key(cells)
    ref = _kept_ref(cells.get("ref", ""))
    if ref:
        fields["ref"] = ref
    check_together(code, complete_record(code, fields, now=start, ref=ref))
    return Slip(line, cells.get("id", ""), code, MappingProxyType(fields), MappingProxyType(links))


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


def _key(cells: Mapping[str, str]) -> str:
    """The row's own import key if it carries one (our export does), else of its id or its cells."""
    given = cells.get("import_key", "")
    if _IMPORT_KEY.fullmatch(given):
        return given
    known = {name: cell for name, cell in cells.items() if name in _READ}
    return import_key(cells.get("id") or normalised_row(known))


def _kept_ref(cell: str) -> str:
    """A spoken code that can be kept; a misheard one gives way to a fresh one."""
    try:
        return spoken.parse_spoken(cell)
    except InvalidInput:
        return ""
