"""The answer key of a drill: the state and the sums that must come of its slips and events.

It is written apart from meshaid's own derivation, and knows only docs/protocol.md, "Lifecycle", so
that each can find the other's faults. Used by tools/make_drill.py.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

END: Final = 180
"""The minute at which the key is taken."""
COLUMNS: Final = ("id", "state", "wanted", "unit", "received", "promised", "open", "over")
_UNITS: Final = Path(__file__).resolve().parents[1] / "meshaid" / "data" / "units.csv"
_NOTHING: Final = Fraction(0)

Row = dict[str, Any]


class Units:
    """The units and how they convert."""

    def __init__(self) -> None:
        with _UNITS.open(encoding="utf-8", newline="") as file:
            self._rows = {
                row["code"]: (
                    row["dimension"],
                    Fraction(int(row["to_base_num"]), int(row["to_base_den"])),
                )
                for row in csv.DictReader(file)
            }

    def convert(self, row: Row, unit: str, amount: Fraction | None = None) -> Fraction | None:
        """The amount of a row in another unit, or None when it cannot be told."""
        if amount is None:
            amount = Fraction(row["quantity"]) if row["quantity"] else None
        if amount is None or not unit:
            return None
        own = row["unit"]
        if own == unit:
            return amount
        if row.get("per_pack"):
            amount, own = amount * Fraction(row["per_pack"]), row["per_unit"]
        if self._rows[own][0] != self._rows[unit][0]:
            return None
        return amount * self._rows[own][1] / self._rows[unit][1]

    def in_packs(self, row: Row, offer: Row) -> Fraction | None:
        """The amount of a row in the unit of an offer, which may be packs."""
        if not offer["per_pack"]:
            return self.convert(row, offer["unit"])
        value = self.convert(row, offer["per_unit"])
        return None if value is None else value / Fraction(offer["per_pack"])


def text_of(number: Fraction) -> str:
    """A decimal with at most three places, rounded down."""
    whole, rest = divmod(int(number * 1000), 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


class Key:
    """What is known at the last minute. `rows` have their final ids."""

    def __init__(self, rows: list[Row], units: Units) -> None:
        self._rows = rows
        self._units = units
        self._amount = {row["id"]: row["quantity"] for row in rows}
        self._closed: dict[str, Row] = {}
        self._paused: set[str] = set()
        self._state: dict[str, str] = {}
        self._answers: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            match row["kind"]:
                case "close":
                    self._closed[row["target"]] = row
                case "pause":
                    self._paused.add(row["target"])
                case "edit":
                    self._amount[row["target"]] = row["quantity"]
                case "pledge_state":
                    self._state[row["target"]] = row["result"]
                case "receipt":
                    self._answers[row["other"]].append(row)

    def lines(self) -> Iterator[Row]:
        """One line for each need, then for each offer."""
        for kind, line in (("need", self._need), ("offer", self._offer)):
            for row in self._rows:
                if row["kind"] == kind:
                    yield dict(zip(COLUMNS, (row["id"], *line(row)), strict=True))

    def _survivor(self, need: str) -> str:
        while need in self._closed and self._closed[need]["result"] == "duplicate":
            need = self._closed[need]["other"]
        return need

    def _is_outstanding(self, pledge: Row) -> bool:
        results = {row["result"] for row in self._answers[pledge["id"]]}
        state = self._state.get(pledge["id"])
        if results & {"declined", "not_received", "received"} or state in ("withdrawn", "failed"):
            return False
        stale = pledge["hold_until_minute"] and int(pledge["hold_until_minute"]) < END
        return not (stale and state != "handed_over")

    def _need(self, need: Row) -> tuple[str, ...]:
        received = promised = _NOTHING
        vague_received = vague_promised = False
        for row in self._rows:
            if row["kind"] not in ("receipt", "pledge"):
                continue
            if self._survivor(row["target"]) != need["id"]:
                continue
            value = self._units.convert(row, need["unit"])
            if row["kind"] == "receipt" and row["result"] == "received":
                received += value or 0
                vague_received |= value is None
            elif row["kind"] == "pledge" and self._is_outstanding(row):
                promised += value or 0
                vague_promised |= value is None
        amount = self._amount[need["id"]]
        wanted = Fraction(amount) if amount else None
        state = self._ended(need) or _need_state(
            wanted, received, promised, vague_received=vague_received, vague_promised=vague_promised
        )
        sums = (text_of(received), text_of(promised))
        if wanted is None:
            return (state, "", need["unit"], *sums, "", "")
        left = max(_NOTHING, wanted - received - promised)
        over = max(_NOTHING, received + promised - wanted)
        return (state, text_of(wanted), need["unit"], *sums, text_of(left), text_of(over))

    def _offer(self, offer: Row) -> tuple[str, ...]:
        taken = sum(
            (self._taken(row, offer) for row in self._rows if _draws_on(row, offer)), _NOTHING
        )
        total = Fraction(offer["quantity"]) if offer["quantity"] else None
        bounded = total is not None and offer["inexhaustible"] != "1"
        state = "open"
        if total is not None and bounded and taken:
            state = "taken" if taken >= total else "part-taken"
        left = text_of(max(_NOTHING, total - taken)) if total is not None and bounded else ""
        return (
            self._ended(offer) or state,
            "" if total is None else text_of(total),
            offer["unit"],
            "",
            text_of(taken),
            left,
            "",
        )

    def _taken(self, pledge: Row, offer: Row) -> Fraction:
        """What a pledge takes of an offer: what came of it, else what it still promises."""
        if self._state.get(pledge["id"]) == "returned":
            return _NOTHING
        came = [row for row in self._answers[pledge["id"]] if row["result"] == "received"]
        if came or self._is_outstanding(pledge):
            parts = (self._units.in_packs(row, offer) for row in came or [pledge])
            return sum((part or _NOTHING for part in parts), _NOTHING)
        return _NOTHING

    def _ended(self, row: Row) -> str:
        if row["id"] in self._closed:
            return f"closed({self._closed[row['id']]['result']})"
        return "paused" if row["id"] in self._paused else ""


def _draws_on(row: Row, offer: Row) -> bool:
    return bool(row["kind"] == "pledge" and row["other"] == offer["id"])


def _need_state(
    wanted: Fraction | None,
    received: Fraction,
    promised: Fraction,
    *,
    vague_received: bool,
    vague_promised: bool,
) -> str:
    if wanted is None:
        return "received" if vague_received else "pledged" if vague_promised else "open"
    if received >= wanted:
        return "received"
    if received or vague_received:
        return "part-received"
    if promised >= wanted:
        return "pledged"
    return "part-pledged" if promised or vague_promised else "open"
