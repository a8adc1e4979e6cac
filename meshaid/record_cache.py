"""All records of the board, read once and kept up to date record by record.

Reading 5,000 records from the store takes 150 ms; after that only what changed is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from meshaid.core import ids
from meshaid.core.records import Record, read_record
from meshaid.core.replica import Replica

_COUNTED = ("pledge", "receipt")
"""Kinds that make something of other records: a view of some records needs all of these."""


class RecordCache:
    """The records of one replica by reference, readable or not."""

    def __init__(self, replica: Replica) -> None:
        self._ledger = replica.ledger
        self._touched = replica.follow_records()
        self._records: dict[str, Record] | None = None

    def all(self) -> Collection[Record]:
        """Every record that is held now."""
        return self._fresh().values()

    def get(self, reference: str) -> Record | None:
        return self._fresh().get(reference)

    def around(self, references: Iterable[str]) -> list[Record]:
        """These records with all pledges and receipts: enough to say where each of them stands."""
        records = self._fresh()
        chosen = {ref: records[ref] for ref in references if ref in records}
        chosen |= {ref: record for ref, record in records.items() if record.kind in _COUNTED}
        return list(chosen.values())

    def _fresh(self) -> dict[str, Record]:
        if self._records is None:
            self._touched.clear()
            self._records = {
                reference: read_record(reference, row.fields)
                for row in self._ledger.records()
                for reference in [ids.reference(row.member, row.record_id)]
            }
        while self._touched:
            member, name = self._touched.pop()
            reference, row = ids.reference(member, name), self._ledger.record(member, name)
            if row is None:
                self._records.pop(reference, None)
            else:
                self._records[reference] = read_record(reference, row.fields)
        return self._records
