"""A drill as a script: who does what at which minute, and the command that a person types for it.

The tables are those of examples/drill, or of another drill that tools/make_drill.py made. What
people say to each other about a record is its spoken code, or the beginning of a promise's id.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.drill_answers import END, Key, Units

DRILL: Final = Path(__file__).resolve().parents[2] / "examples" / "drill"
SLIPS: Final = "drill.csv"
TABLES: Final = (SLIPS, "drill_events.csv", "drill_hubs.csv", "drill_expected.csv")
START: Final = 1_800_000_000
"""Seconds since 1970 at minute 0."""
PILES: Final = frozenset({"paper"})
"""Slips that come to the desk as a table; all others are typed in."""

Row = dict[str, str]

_FIELDS: Final = (
    *("category", "text", "lang", "quantity", "unit", "per_pack", "per_unit", "urgency", "area"),
    *("people", "slip", "range", "topic", "certainty", "entered_by", "intake_channel"),
)
_LATER: Final = ("fulfilled_by", "closed_minute", "closed_reason", "truth_duplicate_of")
"""Columns that tell what became of a slip."""
_SWITCHES: Final = ("life_threatening", "inexhaustible", "returnable")
_TIMES: Final = {"needed_by_minute": "needed_by", "available_until_minute": "available_until"}
_STATES: Final = {
    "handed_over": "handed-over",
    "withdrawn": "withdraw",
    "failed": "failed",
    "returned": "returned",
}
_ANSWERS: Final = {"accepted": "accept", "declined": "decline", "not_received": "not-received"}
_VISITORS: Final = frozenset({"no_longer_needed", "done_by_others", "mistake", "out_of_area"})
"""Reasons for which a visitor comes back to a desk to have the slip closed."""
_SHOWN_OF_ID: Final = 8


@dataclass(frozen=True, slots=True)
class Drill:
    """The four tables of one drill."""

    slips: list[Row]
    events: list[Row]
    hubs: list[Row]
    expected: list[Row]
    last: int = END
    """The last minute in which somebody does something."""

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Drill:
        """A drill from its files by their names."""
        return cls(*(_table(files[name]) for name in TABLES))

    @classmethod
    def shipped(cls) -> Drill:
        """The drill of examples/drill."""
        return cls.read({name: (DRILL / name).read_bytes() for name in TABLES})

    def part(self, hubs: str, until: int) -> Drill:
        """What these hubs do among themselves up to a minute, with an answer key of its own."""
        slips, events = (
            [row for row in rows if row["hub"] in hubs and int(row["minute"]) <= until]
            for rows in (self.slips, self.events)
        )
        known = {row["id"] for row in slips}
        kept = []
        for row in events:
            if known.issuperset(mentions(row)):
                kept.append(row)
                known.add(row["id"])
        expected = [*Key([*slips, *kept], Units()).lines()]
        places = [hub for hub in self.hubs if hub["letter"] in hubs]
        return Drill(slips, kept, places, expected, until)

    def piles(self) -> bytes:
        """The slips as a table to import, without what became of them later."""
        names = [name for name in self.slips[0] if name not in _LATER]
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(self.slips)
        return out.getvalue().encode()

    def acts(self) -> Iterator[tuple[int, list[Row]]]:
        """What is done in each minute, in the order in which it can be done."""
        for minute in range(self.last + 1):
            rows = [row for row in (*self.slips, *self.events) if row["minute"] == str(minute)]
            yield minute, rows


def _table(data: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def moment(minute: int | str) -> int:
    """A minute of the drill as seconds since 1970."""
    return START + 60 * int(minute)


def owner(row: Row) -> str:
    """Which member does it: a household with a device of its own, else the hub, by its letter."""
    return row["on_behalf_of"] if row["intake_channel"] == "own_device" else row["hub"]


def is_event(row: Row) -> bool:
    """Whether it is about earlier rows, and no slip of its own."""
    return "target" in row


def mentions(row: Row) -> list[str]:
    """The ids of the rows that somebody must know of who does this."""
    names = ("target", "other") if is_event(row) else ("supersedes",)
    return [row[name] for name in names if row[name]]


class Script:
    """The commands of one drill, with what every record has come to be called so far."""

    def __init__(self, drill: Drill, table: Path, *, all_imported: bool) -> None:
        """`table` is where the drill's slips lie as a file, for the piles or for all of them."""
        self._rows = {row["id"]: row for row in (*drill.slips, *drill.events)}
        self._table = table
        self._all_imported = all_imported
        self.ids: dict[str, str] = {}
        """The references of the records, by the ids of the drill's tables."""
        self.claim_codes: dict[str, str] = {}
        """What visitors hold who told a slip at a desk, by the ids of the tables."""
        self._codes: dict[str, list[str]] = {}

    def learn(self, name: str, record: Mapping[str, Any]) -> None:
        """A record was written: this is its reference and, if it has one, its spoken code."""
        assert name not in self.ids
        self.ids[name] = record["id"]
        if record.get("ref"):
            self._codes.setdefault(record["ref"], []).append(name)
        if record.get("claim_code"):
            self.claim_codes[name] = record["claim_code"]

    def called(self, name: str) -> str:
        """What people call a record: by its code if that is the only one, else by its id."""
        for code, names in self._codes.items():
            if names == [name]:
                return f"{code[0]} {code[1:4]} {code[4:]}"
        return self.ids[name].partition("/")[2][:_SHOWN_OF_ID]

    def words(self, row: Row) -> list[str]:
        """The command, without those options that every command takes."""
        words: list[str] = getattr(self, f"_{row['kind']}")(row)
        return words

    # ---- slips
    def _need(self, row: Row) -> list[str]:
        if self._all_imported or row["intake_channel"] in PILES:
            start = str(START)
            return ["import", str(self._table), "--start", start, "--where", f"id={row['id']}"]
        return [row["kind"], *self._fields(row)]

    _offer = _notice = _need

    def _fields(self, row: Row) -> Iterator[str]:
        if row["title"]:
            yield row["title"]
        for name in _FIELDS:
            if row[name]:
                yield from (_option(name), row[name])
        for name in _SWITCHES:
            if row[name] == "1":
                yield _option(name)
        for column, name in _TIMES.items():
            if row[column]:
                yield from (_option(name), str(moment(row[column])))
        if row["supersedes"]:
            yield from ("--supersedes", self.ids[row["supersedes"]])
        if row["on_behalf_of"] and row["intake_channel"] != "own_device":
            yield from ("--on-behalf-of", row["on_behalf_of"])

    # ---- what follows
    def _pledge(self, row: Row) -> list[str]:
        words = ["pledge", self.called(row["target"]), *self._amount(row)]
        if row["other"]:
            words += ["--offer", self.called(row["other"])]
        if row["hold_until_minute"]:
            words += ["--hold-until", str(moment(row["hold_until_minute"]))]
        return words + (["--text", row["text"]] if row["text"] else [])

    def _receipt(self, row: Row) -> list[str]:
        if row["result"] in _ANSWERS:
            return [_ANSWERS[row["result"]], self.called(row["other"])]
        return ["receive", self.called(row["other"] or row["target"]), *self._amount(row)]

    def _amount(self, row: Row) -> list[str]:
        """How much; where a need says how much and this does not, it is a part of it."""
        if row["quantity"]:
            return ["--quantity", row["quantity"], "--unit", row["unit"]]
        return ["--part"] if self._rows[row["target"]]["quantity"] else []

    def _pledge_state(self, row: Row) -> list[str]:
        return [_STATES[row["result"]], self.called(row["target"])]

    def _close(self, row: Row) -> list[str]:
        name, reason = self.called(row["target"]), ("--reason", row["result"])
        if row["result"] in _VISITORS and row["target"] in self.claim_codes:
            return ["claim", name, self.claim_codes[row["target"]], "close", *reason]
        words = ["close", name, *reason]
        return words + (["--duplicate-of", self.called(row["other"])] if row["other"] else [])

    def _notice_state(self, row: Row) -> list[str]:
        assert row["result"] == "withdrawn"
        return ["close", self.called(row["target"]), "--reason", "mistake"]

    def _edit(self, row: Row) -> list[str]:
        return ["edit", self.called(row["target"]), *self._amount(row)]

    def _pause(self, row: Row) -> list[str]:
        return ["pause", self.called(row["target"])]

    def _flag(self, row: Row) -> list[str]:
        words = ["flag", self.called(row["target"]), "--reason", row["result"]]
        return words + (["--other", self.called(row["other"])] if row["other"] else [])


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def outcome(name: str, row: Mapping[str, Any]) -> Row:
    """A row of the board in the form of the answer key."""
    closed = row["status"] == "closed"
    need = row["kind"] == "need"
    return {
        "id": name,
        "state": f"closed({row['closed_reason']})" if closed else row["status"],
        "wanted": row["quantity"] or "",
        "unit": row["unit"] or "",
        "received": row["received"] if need else "",
        "promised": row["promised"],
        "open": row["still_open"] or "",
        "over": (row["over"] or "") if need else "",
    }
