"""All records of the board, read once and kept up to date record by record.

Reading 10,000 records from the store takes 0.2 s; after that only what changed is read again. The
cache also knows which record names which, because what the board shows of one record hangs on
others: pledges and receipts make the sums of a need, flags hide a record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, KeysView, Mapping
from typing import Final

from meshaid import limits
from meshaid.core import ids
from meshaid.core.flags import PERSONAL_DATA
from meshaid.core.ledger import RecordRow
from meshaid.core.records import Record, read_record
from meshaid.core.replica import Replica

_NAMING: Final = ("need", "pledge", "offer", "duplicate_of", "supersedes", "target", "other")
"""Fields by which a record names another one."""
_EVERYWHERE: Final = ("flag", "hub")
"""Kinds that may bear on any record, and of which there are few: every view holds them all."""


class RecordCache:
    """The records of one replica by reference, readable or not."""

    def __init__(self, replica: Replica) -> None:
        self._ledger = replica.ledger
        self._touched = replica.follow_records()
        self._records: dict[str, Record] | None = None
        self._everywhere: dict[str, Record] = {}
        self._flags_of: defaultdict[str, dict[str, Record]] = defaultdict(dict)
        self._named_by: defaultdict[str, set[str]] = defaultdict(set)
        self._same: defaultdict[str, set[str]] = defaultdict(set)
        """By a reference what is called its duplicate, by a row of an import its copies."""
        self._codes: Counter[str] = Counter()
        self._moved: set[str] = set()
        self._changes = 0

    @property
    def generation(self) -> int:
        """Another number whenever a record is another one than before."""
        self._fresh()
        return self._changes

    def all(self) -> Collection[Record]:
        """Every record that is held now."""
        return self._fresh().values()

    def get(self, reference: str) -> Record | None:
        """The record with this reference, if it is held."""
        return self._fresh().get(reference)

    def around(self, references: Iterable[str]) -> list[Record]:
        """These records and all that plays a part in what a board shows of them."""
        records = self._fresh()
        found = {name: records[name] for name in references if name in records}
        waiting, groups = [*found.values()], set[str]()
        while waiting:
            for name in self._beside(waiting.pop(), groups):
                record = records.get(name)
                if record is not None and name not in found:
                    found[name] = record
                    if record.kind not in _EVERYWHERE:  # a flag leads to no further records
                        waiting.append(record)
        return list((found | self._everywhere).values())

    def bearing(self, references: Iterable[str]) -> set[str]:
        """The records that a board may show differently once these are others or gone: themselves,
        what they name, and what names them."""
        records = self._fresh()
        names = set(references)
        flaggers = {r.member for name in names if (r := records.get(name)) and r.kind == "flag"}
        return self._borne(records, names) | self._crowded_out(flaggers)

    def take_moved(self) -> set[str]:
        """What `bearing` says of all that changed since this was asked last, before and after."""
        self._fresh()
        moved, self._moved = self._moved, set()
        return moved

    def codes(self) -> KeysView[str]:
        """All spoken codes in use; the view follows what is read later."""
        self._fresh()
        return self._codes.keys()

    # ---- what hangs together
    # A member may join thousands of its records by one import key, or by calling all of them
    # duplicates of one. So whatever is followed is followed once for all that changed together, and
    # each group of copies once.

    def _beside(self, record: Record, groups: set[str]) -> set[str]:
        """The references that a record names, of what names it, and of copies of its import unless
        its group is among `groups`, to which it is added."""
        beside = {*_named(record), *self._named_by.get(record.reference, ())}
        return beside | self._copies(record, groups)

    def _copies(self, record: Record, groups: set[str]) -> set[str]:
        group = _group(record)
        if not group or group in groups:
            return set()
        groups.add(group)
        return self._same.get(group, set())

    def _borne(self, records: Mapping[str, Record], names: set[str]) -> set[str]:
        """These, and what a board shows otherwise because they are what they are."""
        changed = [records[name] for name in names if name in records]
        borne = self._families(records, names.union(*map(_named, changed)))
        answered = {r.text("pledge") for r in changed if r.kind == "receipt"}
        borne |= self._families(records, _named_by_pledges(records, answered))
        flags = [r for r in changed if r.kind == "flag"]
        targets = self._families(records, set[str]().union(*map(_named, flags)))
        borne = borne.union(*(self._flags_beside(flag, targets) for flag in flags))
        shown = [r for r in changed if r.kind not in ("pledge", "receipt", "flag")]
        about = {r.reference for r in shown}.union(*map(_named, shown))
        naming = self._naming(self._families(records, about))
        borne |= naming | self._families(records, _named_by_pledges(records, naming))
        if any(r.kind == "hub" for r in shown):
            borne |= self._borne_by_hubs()
        return borne | self._naming(names)

    def _borne_by_hubs(self) -> set[str]:
        """All hubs, because two may have one letter; and what is shown without words, but with its
        area if a hub serves it."""
        everywhere = self._everywhere.values()
        hubs = {r.reference for r in everywhere if r.kind == "hub"}
        hiding = (r for r in everywhere if r.text("reason") == PERSONAL_DATA)
        return hubs.union(*map(_named, hiding))

    def _naming(self, names: Iterable[str]) -> set[str]:
        """What names one of these."""
        return {by for name in names for by in self._named_by.get(name, ())}

    def _families(self, records: Mapping[str, Record], names: set[str]) -> set[str]:
        """Records that are one on the board: with all copies and duplicates of them."""
        found, waiting, groups = set(names), [*names], set[str]()
        while waiting:
            name = waiting.pop()
            record = records.get(name)
            if record is None:
                continue
            family = {record.text("duplicate_of"), *self._same.get(name, ())} - {""}
            fresh = (family | self._copies(record, groups)) - found
            waiting += fresh
            found |= fresh
        return found

    def _crowded_out(self, members: Iterable[str]) -> set[str]:
        """Of who has too many flags for all to count, those that may count, and what they name: one
        more or less of them lets another one in."""
        crowds = (self._flags_of.get(member, {}) for member in members)
        return {
            name
            for flags in crowds
            if len(flags) >= limits.FLAGS_PER_MEMBER
            for flag in self._may_count(flags)
            for name in (flag.reference, *_named(flag))
        }

    def _may_count(self, flags: Mapping[str, Record]) -> Iterator[Record]:
        """One member's flags by their ids, until as many are found as count for sure (see
        core/flags.py). Those that expire may count or not, and of them only so many are taken."""
        records, told = self._records or {}, set[tuple[str, str]]()
        sure: set[tuple[str, str]] = set()
        taken = 0
        for name in sorted(flags):
            flag, target = flags[name], flags[name].text("target")
            said = target, flag.text("reason")
            own = target.startswith(f"{flag.member}/")
            if flag.readable and not own and flag.text("state") != "withdrawn" and said not in told:
                yield flag
                taken += 1
                if "expires_at" not in flag.fields:
                    told.add(said)
                    held = records.get(target)
                    sure.add(((_group(held) if held else "") or target, said[1]))
            if len(sure) >= limits.FLAGS_PER_MEMBER or taken >= 5 * limits.FLAGS_PER_MEMBER:
                return

    def _flags_beside(self, flag: Record, targets: set[str]) -> set[str]:
        """A member's flags on the same records: of several with one reason only one counts."""
        mine = self._flags_of.get(flag.member, {})
        if len(mine) >= limits.FLAGS_PER_MEMBER:
            return set()  # told of by `_crowded_out`, once and not for each of them
        return {name for name, other in mine.items() if other.text("target") in targets}

    # ---- reading
    def _fresh(self) -> dict[str, Record]:
        if self._records is None:
            self._records = self._read_all()
        elif self._touched:
            self._renew(self._records)
        return self._records

    def _renew(self, records: dict[str, Record]) -> None:
        """Read again what was touched. If the store fails, all of it is still to be read."""
        rows = {
            ids.reference(member, name): self._ledger.record(member, name)
            for member, name in self._touched
        }
        self._touched.clear()
        self._changes += 1
        names = {*rows}
        flaggers = {
            name.partition("/")[0]
            for name, row in rows.items()
            if name in self._everywhere
            or (row is not None and "flag" in row.fields.get("kind", ()))
        }
        self._moved |= self._borne(records, names) | self._crowded_out(flaggers)
        for reference, row in rows.items():
            before = records.pop(reference, None)
            if before is not None:
                self._forget(before)
            if row is not None:
                records[reference] = self._read(reference, row)
        self._moved |= self._borne(records, names) | self._crowded_out(flaggers)

    def _read_all(self) -> dict[str, Record]:
        self._touched.clear()
        for kept in (
            self._everywhere,
            self._flags_of,
            self._named_by,
            self._same,
            self._codes,
        ):
            kept.clear()
        rows = ((ids.reference(r.member, r.record_id), r) for r in self._ledger.each_record())
        return {reference: self._read(reference, row) for reference, row in rows}

    def _read(self, reference: str, row: RecordRow) -> Record:
        record = read_record(reference, row.fields)
        self._codes[record.text("ref")] += 1
        if record.kind in _EVERYWHERE:
            self._everywhere[reference] = record
        if record.kind == "flag":
            self._flags_of[record.member][reference] = record
        for index, name in self._entries(record):
            index[name].add(reference)
        return record

    def _entries(self, record: Record) -> Iterator[tuple[defaultdict[str, set[str]], str]]:
        """Where a record stands in the two indexes."""
        for name in {*_named(record)}:
            yield self._named_by, name
        for name in {record.text("duplicate_of"), _group(record)} - {""}:
            yield self._same, name

    def _forget(self, record: Record) -> None:
        """Take what was read of it out of all that is counted."""
        self._everywhere.pop(record.reference, None)
        if record.kind == "flag":
            self._flags_of[record.member].pop(record.reference, None)
        for index, name in self._entries(record):
            index[name].discard(record.reference)
            if not index[name]:
                del index[name]
        code = record.text("ref")
        self._codes[code] -= 1
        if not self._codes[code]:
            del self._codes[code]


def _named_by_pledges(records: Mapping[str, Record], names: Iterable[str]) -> set[str]:
    """What those of these that are pledges name."""
    held = (records.get(name) for name in names)
    return {name for r in held if r is not None and r.kind == "pledge" for name in _named(r)}


def _named(record: Record) -> Iterator[str]:
    for field in _NAMING:
        name = record.fields.get(field)
        if isinstance(name, str) and name:
            yield name


def _group(record: Record) -> str:
    """What the copies of one imported row have in common; no reference begins so."""
    key = record.text("import_key")
    return f"{record.member} {record.kind} {key}" if key else ""
