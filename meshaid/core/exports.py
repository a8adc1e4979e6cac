"""Records written out: CSV for spreadsheets, JSON lines for other programs.

CSV is for people: amounts as decimals, times in ISO 8601, one column a field. It can be imported
again, as new records. JSON lines lose nothing: one object a record, with its reference and author,
every field as it is held, conflicting values too.
Source: docs/protocol.md, "Import and export"; RFC 4180; RFC 8259.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from meshaid.core.amounts import show_amount
from meshaid.core.fields import Amount, Time, Value
from meshaid.core.records import Held, Record, read_record
from meshaid.core.schema import KINDS
from meshaid.core.tabular import shielded
from meshaid.core.texts import JSON_ESCAPES
from meshaid.core.times import show_time
from meshaid.errors import InvalidInput

_BYTES: Final = "base16"
"""The one key of an object that stands for bytes; JSON has none."""


def write_csv(records: Iterable[Record], *, exercise: bool = False) -> str:
    """Readable records as a table: a header, lines ended by CRLF, no column that is empty.

    The column `id` holds the reference. `rev` is left out: it counts edits of the record it is in.
    """
    rows = [(record, _cells(record)) for record in records if record.readable]
    names = dict.fromkeys(name for kind in KINDS.values() for name in kind.fields if name != "rev")
    filled = [name for name in names if any(name in cells for _, cells in rows)]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    mark = ["exercise"] if exercise else []
    writer.writerow(["id", "kind", *filled, *mark])
    for record, cells in rows:
        line = [cells.get(name, "") for name in filled]
        writer.writerow([record.reference, record.kind, *line, *("1" for _ in mark)])
    return out.getvalue()


def _cells(record: Record) -> dict[str, str]:
    kind = KINDS.get(record.kind)
    fields = kind.fields if kind else {}
    return {
        name: _cell(
            value, amount=isinstance(fields[name], Amount), time=isinstance(fields[name], Time)
        )
        for name, value in record.fields.items()
        if name in fields
    }


def _cell(value: Value, *, amount: bool, time: bool) -> str:
    if isinstance(value, str):
        return shielded(value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return show_amount(value) if amount else show_time(value) if time else str(value)
    return json.dumps(dict(value), ensure_ascii=False) if isinstance(value, Mapping) else ""


def write_json_lines(
    records: Iterable[Record], authors: Mapping[str, str], *, exercise: bool = False
) -> str:
    """One JSON object a line and record, readable or not, with every field as it is held.

    Args:
      authors: shown names by member id.
    """
    lines = (
        {
            "id": record.reference,
            "member": record.member,
            "member_name": authors.get(record.member),
            "kind": record.kind,
            "fields": {name: _as_json(value) for name, value in sorted(record.fields.items())},
            "conflicts": {
                name: [_as_json(value) for value in values]
                for name, values in record.conflicts.items()
            },
            **({"exercise": True} if exercise else {}),
        }
        for record in records
    )
    return "".join(f"{_one_line(line)}\n" for line in lines)


def _one_line(value: object) -> str:
    """JSON in which no reader of lines, however it splits, finds an end of line, and no terminal
    a command."""
    return json.dumps(value, ensure_ascii=False).translate(JSON_ESCAPES)


def read_json_lines(text: str) -> list[Record]:
    """The records that `write_json_lines` wrote.

    Raises:
      InvalidInput: a line is not such an object; the text names the line.
    """
    return [
        _from_json(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()
    ]


def _as_json(value: Value) -> Any:
    if isinstance(value, bytes):
        return {_BYTES: value.hex()}
    return {"texts": dict(value)} if isinstance(value, Mapping) else value


def _from_json(number: int, line: str) -> Record:
    try:
        row = json.loads(line)
        held: dict[str, Sequence[Held]] = {
            name: [_held(value)] for name, value in row["fields"].items()
        }
        for name, values in row["conflicts"].items():
            held[name] = [_held(value) for value in values]
        held["kind"] = [row["kind"]]
        return read_record(str(row["id"]), held)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(f"line {number}: is no record ({type(error).__name__})") from None


def _held(value: Any) -> Held:
    if not isinstance(value, dict):
        return value  # type: ignore[no-any-return]
    if _BYTES in value:
        return bytes.fromhex(value[_BYTES])
    return dict(value["texts"])
