"""Real files of other projects, as they are imported (tests/data/README.md says whose they are)."""

from __future__ import annotations

from pathlib import Path

from meshaid.core.fields import Value
from meshaid.core.imports import read_file
from meshaid.core.slips import Reading, SlipTable

DATA = Path(__file__).resolve().parents[1] / "data"
SITES = "findthemasks/ppe_need_sites_2020-03-26.csv"
START = 1_800_000_000


def sample(name: str) -> bytes:
    """The bytes of one file under tests/data."""
    return (DATA / name).read_bytes()


def read(source: bytes | str, form: str = "", **said: object) -> SlipTable:
    """A file read with what is said about it."""
    data = source.encode() if isinstance(source, str) else source
    reading = Reading(**{"start": START, **said})  # type: ignore[arg-type]
    return read_file(data, reading, form=form)


def fields(table: SlipTable) -> list[dict[str, Value]]:
    """The fields of a table's rows, but for their keys; no row may be refused."""
    assert table.refused == []
    return [
        {name: value for name, value in slip.fields.items() if name != "import_key"}
        for slip in table.rows
    ]
