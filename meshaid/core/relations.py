"""Which records hang together: what a change bears on, and what is needed to tell how it stands.

A board says where every record stands. When one record changes, only few others can stand
differently, and a board of those few with what they hang on says the same about them as a board of
everything. Readable records are put in as they are held; copies of one import and chains of
duplicates are followed as a board follows them, or further.
Source: docs/protocol.md, "Lifecycle" and "Matching".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar, final

from meshaid.core.records import Record, expires_at

Key = TypeVar("Key")

_SHOWN: Final = ("need", "offer")
_NAMING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "need": ("duplicate_of",),
        "offer": ("duplicate_of",),
        "pledge": ("need", "offer"),
        "receipt": ("need", "pledge"),
        "flag": ("target",),
    }
)
"""Fields by which a record of some kind names those that it bears on."""
_STEPS: Final = 3
"""A need stands by its pledges, these by their offers and receipts, and these by their needs."""


@final
class Relations:
    """Records by reference, and who names whom."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records: dict[str, Record] = {}
        self._naming: defaultdict[str, set[str]] = defaultdict(set)
        self._copies: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._flags: defaultdict[str, set[str]] = defaultdict(set)
        self.hubs: dict[str, Record] = {}
        """Records of kind hub, by reference."""
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Take in a record, in place of an earlier version of it; one that cannot be read goes."""
        reference = record.reference
        self.remove(reference)
        if not record.readable:
            return
        self._records[reference] = record
        for name in _named(record):
            self._naming[name].add(reference)
        if record.text("import_key"):
            self._copies[_import(record)].add(reference)
        if record.kind == "flag":
            self._flags[record.member].add(reference)
        elif record.kind == "hub":
            self.hubs[reference] = record

    def remove(self, reference: str) -> None:
        """Forget a record, if it was known."""
        record = self._records.pop(reference, None)
        if record is None:
            return
        for name in _named(record):
            _discard(self._naming, name, reference)
        if record.text("import_key"):
            _discard(self._copies, _import(record), reference)
        if record.kind == "flag":
            _discard(self._flags, record.member, reference)
        self.hubs.pop(reference, None)

    def get(self, reference: str) -> Record | None:
        """A record that is known here."""
        return self._records.get(reference)

    def __len__(self) -> int:
        return len(self._records)

    def records(self) -> Iterable[Record]:
        """All that are known."""
        return self._records.values()

    # ---- what a change bears on

    def bearing(self, reference: str) -> set[str]:
        """References of the needs and offers that may stand otherwise because of this record.

        Ask before a change and after it. What a household received is not followed here.
        """
        record = self._records.get(reference)
        if record is None:
            return self._shown(self._same({reference}))
        if record.kind == "flag":
            # Of too many flags of one member only some count: one may let another in.
            flags = (self._records[flag] for flag in self._flags[record.member])
            return self._shown(self._same({name for flag in flags for name in _named(flag)}))
        if record.kind in _SHOWN:
            found = self._same({reference})
            pledges = self._of_kind(self._naming_any(found), "pledge")
        elif record.kind in ("pledge", "receipt"):
            found = self._same({reference, *self._named_by({reference})})
            pledges = self._of_kind(found, "pledge")
        else:
            return set()
        receipts = self._of_kind(self._naming_any(pledges), "receipt")
        return self._shown(found | self._same(self._named_by(pledges | receipts)))

    def flags_ending(self, since: int, now: int) -> list[str]:
        """References of flags that expire between two moments, which ends what they say."""
        flags = (self._records[name] for names in self._flags.values() for name in names)
        ends = ((flag.reference, expires_at(flag)) for flag in flags)
        return [name for name, end in ends if end is not None and since <= end < now]

    def with_receipts(self, needs: Iterable[str]) -> set[str]:
        """Those needs for which anything is known to have come, or for what they duplicate."""
        found: set[str] = set()
        waiting = set(needs)
        while waiting:
            same = self._same({waiting.pop()})
            if self._of_kind(self._naming_any(same), "receipt"):
                found |= same
            waiting -= same
        return found

    # ---- what something stands by

    def around(self, references: Iterable[str]) -> list[Record]:
        """These needs and offers, all that says where they stand and how flags hide them, and all
        hubs: a board of these says the same of them as a board of everything.
        """
        found = fresh = self._same(set(references))
        for _ in range(_STEPS):
            beside = self._naming_any(fresh) | self._named_by(fresh)
            fresh = self._same(self._without_flags(beside - found)) - found
            found = found | fresh
        flaggers = {self._records[n].member for n in self._of_kind(self._naming_any(found), "flag")}
        found = found | self.hubs.keys()
        found = found.union(*(self._flags[member] for member in flaggers))
        return [self._records[name] for name in found if name in self._records]

    def _same(self, references: set[str]) -> set[str]:
        """These with their copies, and with all that duplicates join them to."""
        found, fresh = set(references), references
        while fresh:
            beside: set[str] = set()
            for name in fresh:
                record = self._records.get(name)
                if record is not None and record.text("import_key"):
                    beside |= self._copies[_import(record)]
                if record is not None and record.kind in _SHOWN:
                    beside.update(_named(record))
                if name in self._naming:
                    beside |= self._shown(self._naming[name])
            fresh = beside - found
            found |= fresh
        return found

    def _naming_any(self, names: Iterable[str]) -> set[str]:
        return {by for name in names if name in self._naming for by in self._naming[name]}

    def _named_by(self, references: Iterable[str]) -> set[str]:
        records = (self._records.get(reference) for reference in references)
        return {name for record in records if record is not None for name in _named(record)}

    def _shown(self, references: Iterable[str]) -> set[str]:
        return self._kept(references, lambda kind: kind in _SHOWN)

    def _of_kind(self, references: Iterable[str], kind: str) -> set[str]:
        return self._kept(references, lambda each: each == kind)

    def _without_flags(self, references: Iterable[str]) -> set[str]:
        return self._kept(references, lambda kind: kind != "flag")

    def _kept(self, references: Iterable[str], fits: Callable[[str], bool]) -> set[str]:
        records = ((name, self._records.get(name)) for name in references)
        return {name for name, record in records if record is not None and fits(record.kind)}


def _named(record: Record) -> list[str]:
    fields = _NAMING.get(record.kind, ())
    return [name for field in fields if (name := record.text(field))]


def _import(record: Record) -> tuple[str, str, str]:
    return record.member, record.kind, record.text("import_key")


def _discard(index: defaultdict[Key, set[str]], key: Key, reference: str) -> None:
    """Take a reference out of one of its sets, and the set with its last one."""
    index[key].discard(reference)
    if not index[key]:
        del index[key]
