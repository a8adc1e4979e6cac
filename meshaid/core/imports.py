"""One way into every file that can be imported: what it is is told by its content.

Source: docs/protocol.md, "Import and export".
"""

from __future__ import annotations

from typing import Final

from meshaid import limits
from meshaid.core.cap import read_cap
from meshaid.core.crosswalk import read_foreign
from meshaid.core.headings import find_headings
from meshaid.core.hxl import find_tags, read_hxl
from meshaid.core.own_tables import read_own
from meshaid.core.record_lines import read_record_lines
from meshaid.core.slips import Reading, SlipTable, is_own
from meshaid.core.tabular import Row, csv_rows, decode_text, json_rows
from meshaid.core.texts import one_of
from meshaid.errors import InvalidInput

FORMATS: Final = ("csv", "hxl", "json", "jsonl", "cap")
"""Names of what a person may say a file is; without one its content tells."""

_LOOKED_AT: Final = 1_024
"""Bytes in which the first mark of a file is looked for."""


def read_file(source: bytes, reading: Reading, *, form: str = "") -> SlipTable:
    """Read a file of slips.

    Args:
      source: the file; its size is bounded by limits.CSV_BYTES, of an alert by limits.CAP_BYTES.
      form: one of FORMATS, or empty.
    Raises:
      InvalidInput: the file as a whole cannot be used; the text says what to do.
    """
    if form not in ("", *FORMATS):
        raise InvalidInput(fields={"format": one_of(form, FORMATS)})
    first = "" if form else source[:_LOOKED_AT].lstrip(b"\xef\xbb\xbf \t\r\n")[:1].decode("latin-1")
    if form == "cap" or first == "<":
        return read_cap(source, exercise=reading.exercise)
    if form == "jsonl" or first == "{":
        return read_record_lines(decode_text(source), reading)
    rows = _rows(source, form)
    tagged = find_tags(rows) is not None
    if form == "hxl" or (tagged and form != "csv"):
        return read_hxl(rows, reading)
    place = find_headings(rows, reading)
    broken = next((row for row in rows[:place] if row.fault), None)
    if broken is not None:  # it may have been the headings
        raise InvalidInput(f"line {broken.line}: {broken.fault}")
    rows = rows[place:]
    own = is_own(rows[0].cells if rows else (), reading)
    return read_own(rows, reading) if own else read_foreign(rows, reading)


def _rows(source: bytes, form: str) -> list[Row]:
    """Every row of a table, as it stands in the file. HXL tables may be in ISO 8859-1."""
    try:
        text = decode_text(source)
    except InvalidInput:
        if form == "csv" or b"\0" in source or len(source) > limits.CSV_BYTES:
            raise
        rows = _split(source.decode("latin-1"), form)
        if find_tags(rows) is None:
            raise
        return rows
    return _split(text, form)


def _split(text: str, form: str) -> list[Row]:
    is_json = form == "json" or (form != "csv" and text.lstrip()[:1] == "[")
    return list(json_rows(text) if is_json else csv_rows(text))
