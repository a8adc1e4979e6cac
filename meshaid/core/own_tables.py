"""Tables that name their columns as our fields: our own export, and slips typed into a sheet.

`kind` is among the columns, or the table is somebody else's (crosswalk.py). What is no field is
reported and kept out: nothing is guessed here.
Source: docs/protocol.md, "Import and export"; RFC 4180.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshaid.core.slips import (
    COLUMNS,
    MINUTE_COLUMNS,
    Reading,
    SlipReader,
    SlipTable,
    check_where,
    chosen_field,
    column_name,
)
from meshaid.core.tabular import Row, csv_rows, decode_text, unshielded
from meshaid.errors import InvalidInput


def read_slips(
    source: bytes | str, *, start: int | None = None, where: Mapping[str, str] | None = None
) -> SlipTable:
    """Read a CSV table whose columns are named as fields; see `read_own`.

    Args:
      source: the file; bytes must be UTF-8, with or without a byte order mark.
      start, where: as in `Reading`.
    Raises:
      InvalidInput: the file as a whole cannot be used; the text says what to do.
    """
    rows = csv_rows(decode_text(source))
    return read_own(rows, Reading(start=start, where=where or {}, exercise=True))


def read_own(rows: Iterable[Row], reading: Reading) -> SlipTable:
    """Read a table whose columns are named as fields.

    Returns:
      The rows to import, those refused, and the columns that are no fields.
    Raises:
      InvalidInput: the table as a whole cannot be used; the text says what to do.
    """
    rows = iter(rows)
    first = next(rows, Row(1, []))
    if first.fault:
        raise InvalidInput(f"line {first.line}: {first.fault}")
    header = _checked_header(first.cells)
    check_where(reading.where, header)
    named = [_field_of(name, reading) for name in header]
    for name in filter(None, named):
        if named.count(name) > 1:
            raise InvalidInput(f"--map: two columns give {name!r}; leave one out with COLUMN=")
    if reading.start is None and not MINUTE_COLUMNS.keys().isdisjoint(named):
        raise InvalidInput(
            "this table counts minutes; say from when: --start 2026-03-01T14:00+01:00"
        )
    table = SlipTable(
        columns={was: name for was, name in zip(header, named, strict=True) if name in COLUMNS},
        ignored_columns=[name for name in named if name and name not in COLUMNS],
    )
    reader = SlipReader(table, reading)
    for row in rows:
        filled = map(unshielded, row.cells)
        cells = {name: next(filled, "") for name in header}
        if row.fault or any(cells.values()):
            if any(cells[name] != wanted for name, wanted in reading.where.items()):
                continue
            fault = row.fault
            if len(row.cells) > len(header):
                fault = f"has {len(row.cells)} cells, the header {len(header)}"
            given = {new: cells[was] for was, new in zip(header, named, strict=True)}
            reader.read(row.line, given, fault)
    return table


def _checked_header(header: Sequence[str]) -> list[str]:
    columns = [column_name(name) for name in header]
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


def _field_of(column: str, reading: Reading) -> str:
    chosen = chosen_field(column, reading)
    return column if chosen is None else chosen
