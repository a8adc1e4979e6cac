"""Files of rows and cells, before anybody knows what the cells mean.

CSV as spreadsheets save it, and JSON as an array of arrays or of objects. A row keeps the line on
which it begins, and says what is wrong with it rather than stopping the file.
Source: docs/protocol.md, "Import and export"; RFC 4180; RFC 8259.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple, final

from meshaid import limits
from meshaid.errors import InvalidInput

NOT_UTF8: Final = (
    "in the spreadsheet choose 'save as', CSV UTF-8, and import that file; "
    "only tables with HXL tags are read in ISO 8859-1 too"
)
_TOO_WIDE: Final = f"has more than {limits.TABLE_COLUMNS} columns; leave out what is not needed"
_MARK: Final = "\ufeff"
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_SHIELDED: Final = re.compile(r"'+[=+\-@\t\r]")
_QUOTED: Final = re.compile(r'"[^"]*"')
_SEPARATORS: Final = ",;\t"
_TOP: Final = 65_536
"""Characters in which the first line with a separator is looked for."""


@final
class Row(NamedTuple):
    """One row of a file."""

    line: int
    """The line of the file on which it begins, from 1; of JSON its place in the array."""
    cells: list[str]
    fault: str = ""
    """Why it cannot be read; then there are no cells."""


def decode_text(source: bytes | str) -> str:
    """The file as text, without a byte order mark.

    Raises:
      InvalidInput: it is larger than limits.CSV_BYTES, or not in UTF-8; the text says what to do.
    """
    if len(source) > limits.CSV_BYTES:
        raise InvalidInput(f"the table is larger than {limits.CSV_BYTES} bytes; split it")
    if isinstance(source, str):
        return source.removeprefix(_MARK)
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the table is not in UTF-8 (byte {error.start}): {NOT_UTF8}") from None
    if "\0" in text:
        raise InvalidInput(f"this is no UTF-8 text: {NOT_UTF8}")
    return text


def csv_rows(text: str) -> Iterator[Row]:
    """Every row of a CSV file that is not blank; comma, semicolon or TAB between the cells.

    Raises:
      InvalidInput: there are more than limits.CSV_ROWS rows below the first.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    return _bounded(_csv_rows(reader))


def shielded(cell: str) -> str:
    """The cell with a mark that keeps spreadsheets from running it as a formula."""
    return "'" + cell if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unshielded(cell: str) -> str:
    """The cell without that mark, and trimmed."""
    plain = cell[1:] if _SHIELDED.match(cell) else cell
    return plain.strip()


def _csv_rows(reader: Any) -> Iterator[Row]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, [], f"is no CSV row ({error}); check its quotes")
            continue
        if cells:
            yield Row(line, cells)


def _bounded(rows: Iterable[Row]) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number > limits.CSV_ROWS:
            raise InvalidInput(f"the table has more than {limits.CSV_ROWS} rows; split it")
        wide = len(row.cells) > limits.TABLE_COLUMNS
        yield Row(row.line, [], _TOO_WIDE) if wide else row


def _separator(text: str) -> str:
    """Comma, semicolon or TAB: whichever the first line that has any has most of, outside quotes.

    A title above the header has none.
    """
    top = (_QUOTED.sub("", line) for line in text[:_TOP].splitlines())
    header = next((line for line in top if any(mark in line for mark in _SEPARATORS)), "")
    return max(_SEPARATORS, key=header.count)


def json_rows(text: str) -> Iterator[Row]:
    """The rows of a JSON array: of arrays as they stand, or of objects, whose keys come first.

    Raises:
      InvalidInput: it is no such array.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("this is no JSON; save the file anew, or give a CSV file") from None
    if not isinstance(found, list) or not found:
        raise InvalidInput("a JSON table is an array of rows; this is none")
    if all(isinstance(row, Mapping) for row in found):
        return _bounded(map(_json_row, count(), _objects(found)))
    return _bounded(map(_json_row, count(1), found))


def _objects(found: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """The names that objects have, each once, and then what each says under them."""
    names: dict[str, None] = {}
    for row in found:
        names.update(dict.fromkeys(row))
        if len(names) > limits.TABLE_COLUMNS:
            raise InvalidInput(f"the table {_TOO_WIDE}")
    yield [*names]
    yield from ([row.get(name) for name in names] for row in found)


def _json_row(number: int, row: Any) -> Row:
    if not isinstance(row, list):
        return Row(number, [], "is no row like the others")
    if any(isinstance(cell, list | Mapping) for cell in row):
        return Row(number, [], "holds a list in a cell; give one value in each")
    return Row(number, [_json_cell(cell) for cell in row])


def _json_cell(cell: Any) -> str:
    if isinstance(cell, bool):
        return "1" if cell else "0"
    return "" if cell is None else str(cell)
