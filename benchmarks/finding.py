"""Matching and duplicates on boards of many open records, in memory: the time is all theirs."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from benchmarks import homes
from benchmarks.figures import Figure, percentile
from meshaid import finding, limits
from meshaid.core import ids
from meshaid.core.board import Board
from meshaid.core.categories import CATEGORIES
from meshaid.core.duplicates import DuplicateIndex, Subject, pairs
from meshaid.core.fields import Value
from meshaid.core.match_index import MatchIndex
from meshaid.core.records import Record, read_record
from meshaid.core.rows import Author
from meshaid.desk import Desk, making

OPEN = 10_000
"""Needs and offers, half of each."""
MEMBERS = 500
CHANGES = 200
NOW = 1_800_000_000
_HUBS = 5
_AREAS = [f"Area {number}" for number in range(15)]
_CODES = [c for c in CATEGORIES.values() if c.parent and c.privacy < 2]
_WORDS = ["water", "warm", "dry", "blanket", "for", "two", "please", "upstairs", "near", "with"]


def finding_cases() -> list[Figure]:
    """All of them."""
    return [_matching(), _small_matching(), _desk(), _duplicates()]


class Town:
    """Records of many members at some hubs: needs, offers, and what was promised and received."""

    def __init__(self, open_: int, *, pledges: int = 0, receipts: int = 0) -> None:
        self.dice = random.Random(7)
        self.names = [_member(number) for number in range(MEMBERS)]
        self.members = {
            name: Author(name[:6], "hub" if number < _HUBS else "household")
            for number, name in enumerate(self.names)
        }
        self.records = {record.reference: record for record in self._write(open_)}
        for record in self._promise(pledges, receipts):
            self.records[record.reference] = record

    def _write(self, count: int) -> Iterator[Record]:
        for number in range(_HUBS):
            areas = ";".join(_AREAS[number::_HUBS])
            yield _record(self.names[number], "hub", f"hub{number}", areas=areas, lat=number, lon=0)
        for number in range(count):
            kind = "need" if number % 2 else "offer"
            yield _record(self.dice.choice(self.names), kind, f"{number}", **self.slip(kind))

    def slip(self, kind: str) -> dict[str, Value]:
        """The fields of an open need or offer."""
        dice = self.dice
        category = dice.choice(_CODES)
        fields: dict[str, Value] = {
            "title": " ".join(dice.choices(_WORDS, k=4)),
            "text": " ".join(dice.choices(_WORDS, k=10)),
            "category": category.code,
            "quantity": dice.randint(1, 40) * 1000,
            "unit": category.usual_unit or "piece",
            "area": dice.choice(_AREAS),
            "created_at": NOW - dice.randint(0, 40 * 3600),
        }
        if kind == "need":
            fields["urgency"] = dice.choice(["now", "today", "tomorrow", "week", "any"])
        else:
            fields["range"] = dice.choice(["area", "hub", "anywhere", "anywhere"])
        return fields

    def _promise(self, pledges: int, receipts: int) -> Iterator[Record]:
        dice = self.dice
        needs = [record for record in self.records.values() if record.kind == "need"]
        offers = [record for record in self.records.values() if record.kind == "offer"]
        for number in range(pledges):
            need, offer = dice.choice(needs), dice.choice(offers)
            named = {"need": need.reference, "offer": offer.reference}
            yield _record(offer.member, "pledge", f"p{number}", **named, **_one(need))
        for number in range(receipts):
            need = dice.choice(needs)
            named = {"need": need.reference, "result": "received"}
            yield _record(need.member, "receipt", f"r{number}", **named, **_one(need))

    def edited(self, record: Record) -> Record:
        """The record with another amount."""
        fields = {"kind": record.kind, **record.fields, "quantity": self.dice.randint(1, 90) * 1000}
        return read_record(record.reference, {name: [value] for name, value in fields.items()})


def _member(number: int) -> str:
    return ids.id_text(hashlib.sha256(f"member {number}".encode()).digest())


def _one(need: Record) -> dict[str, Value]:
    return {"quantity": 1000, "unit": need.text("unit"), "created_at": NOW - 3600}


def _record(member: str, kind: str, name: str, **fields: Value) -> Record:
    made = ids.record_id(hashlib.sha256(f"{kind} {name}".encode()).digest()[: ids.RECORD_BYTES])
    held = {"kind": kind, "created_at": NOW, **fields}
    return read_record(f"{member}/{made}", {name: [value] for name, value in held.items()})


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# ---- matching


def _full_run(town: Town) -> MatchIndex:
    """Read everything, and find and order the best offers of every need, asked for or not."""
    index = MatchIndex(town.records.values(), members=town.members, now=NOW)
    index.first(10**6)
    return index


def _matching() -> Figure:
    """The board of 10,000 open records, with 3,000 pledges and 1,500 receipts beside them."""
    town = Town(OPEN, pledges=3_000, receipts=1_500)
    full = min(_seconds(lambda: _full_run(town)) for _ in range(3))
    index = _full_run(town)
    times = []
    for record in town.dice.sample([*town.records.values()], CHANGES):
        if record.kind == "hub":
            continue
        new = town.edited(record)

        def run(new: Record = new) -> None:
            index.advance({new.reference: new}, members=town.members, now=NOW)
            index.first(limits.PROPOSALS_LISTED)

        times.append(_seconds(run) * 1e3)
    minute = _seconds(lambda: index.advance({}, members=town.members, now=NOW + 60)) * 1e3
    board = _seconds(lambda: _laid_out(town)) * 1e3
    p50, p95, most = median(times), percentile(times, 0.95), max(times)
    return Figure(
        f"matching, {OPEN:,} open records",
        f"full run {full:.2f} s; after one change p50 {p50:.1f} ms, p95 {p95:.1f} ms, at most "
        f"{most:.1f} ms; a minute later {minute:.1f} ms",
        "full 1 s, incremental 20 ms",
        f"where everything stands {board:.0f} ms",
        {"full_s": full, "p50_ms": p50, "p95_ms": p95, "max_ms": most, "minute_ms": minute},
    )


def _laid_out(town: Town) -> None:
    """What no matching can do without: where every need and offer stands."""
    board = Board(town.records.values(), now=NOW, members=town.members)
    for kind in ("need", "offer"):
        for record in board.records_of_kind(kind):
            board.standing(record)


def _small_matching() -> Figure:
    """A larger neighbourhood, and what a desk asks for most: one slip."""
    town = Town(2_000)
    full = min(_seconds(lambda: _full_run(town)) for _ in range(3))
    index = _full_run(town)
    needs = [r.reference for r in town.records.values() if r.kind == "need"][:CHANGES]
    slip = median(_seconds(partial(index.for_need, name)) for name in needs) * 1e3
    return Figure(
        "matching, 1,000 needs and 1,000 offers",
        f"full run {full:.2f} s; one slip {slip:.2f} ms",
        "full 1 s, one slip 20 ms",
        "",
        {"full_s": full, "slip_ms": slip},
    )


def _desk() -> Figure:
    """The same through a desk that is kept open: a slip is written, and the next answer asked."""
    town = Town(OPEN)
    desk = Desk(homes.lone_replica(), random=os.urandom)
    slips = [dict(r.fields) | {"kind": r.kind} for r in town.records.values() if r.kind != "hub"]
    for at in range(0, len(slips), 500):
        made = [
            making(desk.new_id(), {**slip, "on_behalf_of": f"h{number % MEMBERS}", "rev": 1})
            for number, slip in enumerate(slips[at : at + 500], at)
        ]
        desk.replica.write_all(made)
    first = _seconds(lambda: finding.matches(desk, NOW))
    finding.duplicates_of_draft(desk, "need", {}, NOW)
    slip = {"title": "Water for two", "category": "water.drinking", "area": _AREAS[0]}
    found, named, typed = [], [], []
    for _ in range(30):
        row = desk.add("need", slip, NOW)
        typed.append(_seconds(partial(finding.duplicates_of_draft, desk, "need", slip, NOW)) * 1e3)
        row = desk.add("need", slip, NOW)
        named.append(_seconds(partial(finding.matches, desk, NOW, row.id)) * 1e3)
        desk.add("need", slip, NOW)
        found.append(_seconds(partial(finding.matches, desk, NOW)) * 1e3)
    values = {"first_s": first, "slip_ms": median(named), "typing_ms": median(typed)}
    return Figure(
        f"a desk with {OPEN:,} open records",
        f"first question {first:.2f} s; after a slip was written: its offers "
        f"{median(named):.1f} ms, the board's {limits.PROPOSALS_LISTED} proposals "
        f"{median(found):.1f} ms, duplicates while typing {median(typed):.1f} ms",
        "20 ms each",
        "",
        {**values, "board_ms": median(found)},
    )


# ---- duplicates


def _duplicates() -> Figure:
    town = Town(OPEN // 2)
    index = DuplicateIndex(town.records.values())
    drafts = [
        Subject.of(_record(town.names[0], "need", f"d{number}", **town.slip("need")))
        for number in range(CHANGES)
    ]
    times = [_seconds(partial(index.candidates, draft)) * 1e3 for draft in drafts]
    whole = _seconds(lambda: pairs(index, lambda _: True, lambda *_: False))
    p50, p95 = median(times), percentile(times, 0.95)
    return Figure(
        f"duplicates, {OPEN // 2:,} records",
        f"while typing p50 {p50:.2f} ms, p95 {p95:.2f} ms; the whole board {whole:.2f} s",
        "20 ms while typing",
        "",
        {"p50_ms": p50, "p95_ms": p95, "board_s": whole},
    )
