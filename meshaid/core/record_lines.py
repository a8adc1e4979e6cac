"""JSON lines of records, as `exports.write_json_lines` writes them, read as slips.

So a board, or a part of it, is carried to another home: needs, offers and notices come in as the
reader's own, field by field. What was promised or said about them stays with whoever did: those
lines are refused.
Source: docs/protocol.md, "Import and export" (JSON lines).
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Final

from meshaid import limits
from meshaid.core.exports import read_json_lines
from meshaid.core.fields import FieldType, Value
from meshaid.core.records import Record
from meshaid.core.schema import KINDS
from meshaid.core.slips import IMPORT_KEY, SLIP_KINDS, Reading, Slip, SlipTable, import_key
from meshaid.errors import InvalidInput

FORMAT: Final = "jsonl"
_NOT_TAKEN: Final = frozenset({"rev", "import_key"})


def read_record_lines(text: str, reading: Reading) -> SlipTable:
    """Read lines of records; a bad one is refused, the rest goes in.

    Raises:
      InvalidInput: there are more than limits.CSV_ROWS.
    """
    table = SlipTable(format=FORMAT)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > limits.CSV_ROWS:
        raise InvalidInput(f"the file has more than {limits.CSV_ROWS} records; split it")
    seen: dict[str, int] = {}
    ignored: dict[str, None] = {}
    for number, line in lines:
        try:
            slip = _slip(number, line, reading, ignored)
            first = seen.setdefault(slip.import_key, number)
            if first != number:
                raise InvalidInput(f"repeats line {first}")
        except InvalidInput as error:
            table.refused.append((number, str(error)))
        else:
            table.rows.append(slip)
    table.ignored_columns += [*ignored][: limits.TABLE_COLUMNS]
    return table


def _slip(number: int, line: str, reading: Reading, ignored: dict[str, None]) -> Slip:
    record = _read(line)
    if record.kind not in SLIP_KINDS:
        raise InvalidInput(f"kind: must be one of {', '.join(SLIP_KINDS)}")
    if not record.readable:
        raise InvalidInput(f"cannot be read: {record.reason}")
    if len(record.fields) > limits.MAX_RECORD_FIELDS:
        raise InvalidInput(f"has more than {limits.MAX_RECORD_FIELDS} fields")
    if not reading.exercise and json.loads(line).get("exercise") is True:
        raise InvalidInput("exercise: comes from an exercise; it is no record of this board")
    known = KINDS[record.kind].fields
    fields: dict[str, Value] = {}
    for name, value in record.fields.items():
        if name in known and name not in _NOT_TAKEN:
            fields[name] = _entered(name, known[name], value)
        elif name not in known:
            ignored[name] = None
    key = record.text("import_key")
    fields["import_key"] = key if IMPORT_KEY.fullmatch(key) else import_key(record.reference)
    return Slip(number, record.reference, record.kind, MappingProxyType(fields), {})


def _entered(name: str, type_: FieldType, value: Value) -> Value:
    """Words are cleaned as those that are typed; numbers are held as they are written."""
    try:
        return value if isinstance(value, int) else type_.parse(value)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from None


def _read(line: str) -> Record:
    try:
        (record,) = read_json_lines(line)
    except InvalidInput:
        raise InvalidInput("is no record as `meshaid export` writes them") from None
    return record
