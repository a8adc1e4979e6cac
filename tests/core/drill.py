"""The drill as records: slips in the documents of their hubs and households, and what came of them.

The slips, what people did afterwards, and the states that must come of it lie in examples/drill.
All of it is invented.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from meshaid.core.amounts import show_amount
from meshaid.core.board import Board
from meshaid.core.derivation import Standing
from meshaid.core.fields import Value
from meshaid.core.own_tables import read_slips
from meshaid.core.records import Record, close_fields, complete_record, edit_fields, new_record
from meshaid.core.rows import Author
from meshaid.core.slips import Slip
from tests.core.boards import member_id, record_id, stored

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "drill"
SLIPS = FOLDER / "drill.csv"
FOLLOW_UPS = FOLDER / "drill_events.csv"
EXPECTED = FOLDER / "drill_expected.csv"
START = 1_800_000_000
END = START + 180 * 60
HUBS = "CHLPR"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def slips(folder: Path = FOLDER) -> list[Slip]:
    return read_slips((folder / SLIPS.name).read_bytes(), start=START).rows


def owner(hub: str, channel: str, household: str) -> str:
    """With `own_device` the household owns its record, else the hub does."""
    return member_id(household if channel == "own_device" else hub)


def members(folder: Path = FOLDER) -> dict[str, Author]:
    rows = [*table(folder / SLIPS.name), *table(folder / FOLLOW_UPS.name)]
    households = {r["on_behalf_of"] for r in rows if r["intake_channel"] == "own_device"}
    found = {member_id(hub): Author(hub, "hub") for hub in HUBS}
    return found | {member_id(name): Author(name) for name in sorted(households)}


def moment(minute: str) -> int:
    return START + 60 * int(minute)


class Replay:
    """A drill's records after every event, by the ids of its files in this folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.records: dict[str, Record] = {}
        rows = {row["id"]: row for row in table(folder / SLIPS.name)}
        for slip in slips(folder):
            row = rows[slip.row_id]
            fields = dict(slip.fields)
            # What closed a slip is told by the events.
            for name in ("status", "closed_reason"):
                fields.pop(name, None)
            fields = complete_record(slip.kind, fields, now=START, ref="")
            self._add(row, fields | {name: self._ref(to) for name, to in slip.links.items()})
        for event in table(folder / FOLLOW_UPS.name):
            getattr(self, f"_{event['kind']}")(event)

    def _add(self, row: dict[str, str], fields: dict[str, Value]) -> None:
        member = owner(row["hub"], row["intake_channel"], row["on_behalf_of"])
        self.records[row["id"]] = stored(f"{member}/{record_id(row['id'])}", fields)

    def _change(self, name: str, changes: dict[str, Value]) -> None:
        record = self.records[name]
        self.records[name] = stored(
            record.reference, {**record.fields, "kind": record.kind, **changes}
        )

    def _ref(self, name: str) -> str:
        return self.records[name].reference

    def _statement(self, event: dict[str, str], fields: dict[str, object]) -> None:
        said = {key: event[key] for key in ("quantity", "unit", "text") if event[key]}
        given = said | fields
        now = moment(event["minute"])
        self._add(event, new_record(event["kind"], given, now=now, ref=""))

    def _pledge(self, event: dict[str, str]) -> None:
        hold = event["hold_until_minute"]
        self._statement(
            event,
            {
                "need": self._ref(event["target"]),
                "offer": self._ref(event["other"]) if event["other"] else None,
                "hold_until": moment(hold) if hold else None,
            },
        )

    def _receipt(self, event: dict[str, str]) -> None:
        pledge = self._ref(event["other"]) if event["other"] else None
        need = self._ref(event["target"])
        self._statement(event, {"need": need, "pledge": pledge, "result": event["result"]})

    def _flag(self, event: dict[str, str]) -> None:
        other = self._ref(event["other"]) if event["other"] else None
        target = self._ref(event["target"])
        self._statement(event, {"target": target, "other": other, "reason": event["result"]})

    def _close(self, event: dict[str, str]) -> None:
        other = self._ref(event["other"]) if event["other"] else ""
        record = self.records[event["target"]]
        self._change(event["target"], close_fields(record, event["result"], duplicate_of=other))

    def _edit(self, event: dict[str, str]) -> None:
        record = self.records[event["target"]]
        changes = edit_fields(record, {"quantity": event["quantity"]}, now=moment(event["minute"]))
        self._change(event["target"], changes)

    def _pause(self, event: dict[str, str]) -> None:
        record = self.records[event["target"]]
        self._change(event["target"], edit_fields(record, {"status": "paused"}, now=0))

    def _pledge_state(self, event: dict[str, str]) -> None:
        self._change(event["target"], {"state": event["result"]})

    def _notice_state(self, event: dict[str, str]) -> None:
        self._change(event["target"], {"certainty": event["result"]})


def states(board: Board, replay: Replay) -> Iterator[dict[str, str]]:
    """Rows in the form of drill_expected.csv."""
    for name, record in replay.records.items():
        if record.kind in ("need", "offer"):
            shown = board.record(record.reference)
            assert shown is not None
            row = board.row(shown)
            reason = f"({shown.text('closed_reason')})" if row.status == "closed" else ""
            yield {"id": name, "state": row.status + reason, **_sums(record, row.standing)}


def _sums(record: Record, standing: Standing) -> dict[str, str]:
    wanted, left, over = standing.wanted, standing.left, standing.over
    if record.kind == "offer" and record.flag("inexhaustible"):
        quantity = record.number("quantity")
        wanted, left, over = (
            None if quantity is None else standing.promised * 0 + quantity,
            None,
            None,
        )
    need = record.kind == "need"
    return {
        "wanted": "" if wanted is None else show_amount(wanted),
        "unit": record.text("unit"),
        "received": show_amount(standing.received) if need else "",
        "promised": show_amount(standing.promised),
        "open": "" if left is None else show_amount(left),
        "over": "" if over is None or not need else show_amount(over),
    }
