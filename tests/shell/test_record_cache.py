"""What is kept at hand of the records is what reading all of them again would give."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshaid.core import ids
from meshaid.core.ledger import Fields
from meshaid.record_cache import RecordCache
from meshaid.testing import MemoryLedger

MEMBERS = [hashlib.sha256(name).digest() for name in (b"ada", b"ben")]
NAMES = [ids.record_id(bytes(9) + bytes([number])) for number in range(3)]


class Board:
    """A ledger that is written record by record, and the set that tells a cache of it."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.touched: set[tuple[bytes, str]] = set()
        self.cache = self.cached()

    def cached(self) -> RecordCache:
        replica: Any = SimpleNamespace(ledger=self.ledger, follow_records=lambda: self.touched)
        return RecordCache(replica)

    def put(self, member: bytes, name: str, fields: Fields | None) -> None:
        with self.ledger.transaction():
            self.ledger.put_records(member, {name: fields})
        self.touched.add((member, name))


def fields(kind: str, ref: str | None) -> Fields:
    return {"kind": [kind], "created_at": [1]} | ({} if ref is None else {"ref": [ref]})


records = st.none() | st.builds(
    fields,
    st.sampled_from(["need", "pledge", "receipt", "notice"]),
    st.sampled_from([None, "A000000", "B111111"]),
)
steps = st.lists(st.tuples(st.sampled_from(MEMBERS), st.sampled_from(NAMES), records))


def ordered(found: Any) -> list[str]:
    return sorted(record.reference + record.kind + record.text("ref") for record in found)


@given(before=steps, after=st.lists(steps, max_size=4))
def test_what_is_kept_is_what_a_new_cache_reads(before: Any, after: list[Any]) -> None:
    board = Board()
    for step in before:
        board.put(*step)
    for group in after:
        board.cache.all()
        for step in group:
            board.put(*step)
        references = [ids.reference(member, name) for member, name, _ in group]
        kept = board.cache
        shown = (ordered(kept.all()), set(kept.codes()), ordered(kept.around(references)))
        new = board.cached()
        assert shown == (ordered(new.all()), set(new.codes()), ordered(new.around(references)))


def test_a_view_of_one_record_holds_every_pledge_and_receipt() -> None:
    board = Board()
    for name, kind in zip(NAMES, ("need", "pledge", "receipt"), strict=True):
        board.put(MEMBERS[0], name, fields(kind, None))
    board.put(MEMBERS[1], NAMES[0], fields("need", None))
    around = board.cache.around([ids.reference(MEMBERS[1], NAMES[0])])
    assert sorted(record.kind for record in around) == ["need", "pledge", "receipt"]


def test_a_code_is_free_again_when_its_last_record_is_gone() -> None:
    board = Board()
    board.put(MEMBERS[0], NAMES[0], fields("need", "A000000"))
    board.put(MEMBERS[1], NAMES[1], fields("need", "A000000"))
    board.put(MEMBERS[1], NAMES[1], None)
    assert "A000000" in board.cache.codes()
    board.put(MEMBERS[0], NAMES[0], fields("need", "B111111"))
    assert set(board.cache.codes()) == {"B111111"}
