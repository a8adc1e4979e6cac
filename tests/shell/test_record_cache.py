"""What is kept at hand of the records is what reading all of them again would give, and a view of a
few records shows them as the whole board does."""

from __future__ import annotations

import hashlib
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits, record_cache
from meshaid.core import ids
from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.records import Record
from meshaid.core.rows import Author
from meshaid.record_cache import RecordCache
from meshaid.testing import MemoryLedger

NOW = 1_700_000_000
MEMBERS = [hashlib.sha256(name).digest() for name in (b"ada", b"ben", b"hub")]
NAMES = [ids.record_id(bytes(9) + bytes([number])) for number in range(5)]
REFERENCES = [ids.reference(member, name) for member in MEMBERS for name in NAMES]
AUTHORS = {
    ids.id_text(MEMBERS[0]): Author("ada"),
    ids.id_text(MEMBERS[1]): Author("ben", steward=True),
    ids.id_text(MEMBERS[2]): Author("hub", "hub"),
}

Held = dict[str, Value]
Step = tuple[int, Held | None]


class Town:
    """A ledger that is written record by record, and the set that tells a cache of it."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.touched: set[tuple[bytes, str]] = set()
        self.cache = self.cached(self.touched)

    def cached(self, touched: set[tuple[bytes, str]] | None = None) -> RecordCache:
        """A new cache, which follows nobody unless it is given a set to follow."""
        gathers = set() if touched is None else touched
        replica: Any = SimpleNamespace(ledger=self.ledger, follow_records=lambda: gathers)
        return RecordCache(replica)

    def put(self, reference: str, fields: Held | None) -> None:
        member, name = ids.parse_reference(reference)
        held = None if fields is None else {key: [value] for key, value in fields.items()}
        with self.ledger.transaction():
            self.ledger.put_records(member, {name: held})
        self.touched.add((member, name))

    def rows(self) -> dict[str, dict[str, Any]]:
        """Every row of the whole board."""
        board = shown(self.cached().all())
        records = (board.record(reference) for reference in REFERENCES)
        return {r.reference: board.row(r).as_json() for r in records if r is not None}


def shown(records: Any) -> Board:
    return Board(records, now=NOW, members=AUTHORS)


def ordered(found: Any) -> list[str]:
    return sorted(record.reference + record.kind + record.text("ref") for record in found)


def a_record(kind: str, **fields: Any) -> st.SearchStrategy[Held]:
    optional = {name: st.none() | strategy for name, strategy in fields.items()}
    return st.fixed_dictionaries(
        {"kind": st.just(kind), "created_at": st.just(NOW), **optional}
    ).map(lambda held: {name: value for name, value in held.items() if value is not None})


reference = st.sampled_from(REFERENCES)
amount = {"quantity": st.sampled_from([1_000, 5_000]), "unit": st.sampled_from(["L", "pack"])}
item = {
    **amount,
    "ref": st.sampled_from(["A000000", "B111111"]),
    "import_key": st.sampled_from(["k1", "k2"]),
    "rev": st.integers(1, 3),
    "status": st.sampled_from(["open", "closed"]),
    "closed_reason": st.just("duplicate"),
    "duplicate_of": reference,
    "title": st.sampled_from(["Water", "Tea"]),
    "area": st.sampled_from(["Hill", "Bay"]),
}
records = st.one_of(
    a_record("need", **item),
    a_record("offer", **item, per_pack=st.just(2_000), per_unit=st.just("L")),
    a_record(
        "pledge",
        **amount,
        need=reference,
        offer=reference,
        need_rev=st.integers(1, 3),
        state=st.sampled_from(["offered", "withdrawn", "handed_over"]),
        hold_until=st.sampled_from([NOW - 1, NOW + 1]),
    ),
    a_record(
        "receipt",
        **amount,
        need=reference,
        pledge=reference,
        result=st.sampled_from(["received", "accepted", "declined"]),
        more_coming=st.booleans(),
    ),
    a_record(
        "flag",
        target=reference,
        other=reference,
        reason=st.sampled_from(["spam", "personal_data", "duplicate", "disputes", "seems_done"]),
        state=st.just("withdrawn"),
        expires_at=st.sampled_from([NOW - 1, NOW + 1]),
    ),
    a_record("notice", supersedes=reference, certainty=st.just("confirmed")),
    a_record(
        "hub",
        letter=st.sampled_from(["A", "B"]),
        status=st.just("open"),
        areas=st.sampled_from(["Hill", "Hill; Bay"]),
    ),
)
filled = st.dictionaries(reference, records, max_size=len(REFERENCES))
steps = st.lists(st.tuples(reference, st.none() | records), max_size=4)


@given(before=filled, after=st.lists(steps, max_size=3))
def test_what_is_kept_is_what_a_new_cache_reads(before: Any, after: list[Any]) -> None:
    town = Town()
    for name, fields in before.items():
        town.put(name, fields)
    for group in after:
        town.cache.all()
        for name, fields in group:
            town.put(name, fields)
        chosen = [name for name, _ in group]
        kept, new = town.cache, town.cached()
        assert ordered(kept.all()) == ordered(new.all())
        assert set(kept.codes()) == set(new.codes())
        assert ordered(kept.around(chosen)) == ordered(new.around(chosen))
        assert kept.bearing(chosen) == new.bearing(chosen)


@given(filled, st.sets(reference, min_size=1, max_size=2))
def test_a_view_of_a_few_records_shows_them_as_the_whole_board_does(
    held: dict[str, Held], chosen: set[str]
) -> None:
    town = Town()
    for name, fields in held.items():
        town.put(name, fields)
    whole, part = shown(town.cache.all()), shown(town.cache.around(chosen))

    def rows(board: Board) -> list[dict[str, Any] | None]:
        found: list[Record | None] = [board.record(name) for name in sorted(chosen)]
        return [record and board.row(record).as_json() for record in found]

    assert rows(part) == rows(whole)


def told_of_itself(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what it repeats of the record that it is about."""
    about = {f"{of}_{what}" for of in ("need", "target") for what in ("status", "title", "area")}
    marks = {"need_over", "need_ended"}
    return {
        **{key: value for key, value in row.items() if key not in about},
        "marks": [mark for mark in row["marks"] if mark not in marks or row["kind"] != "pledge"],
    }


@given(filled, reference, st.none() | records)
def test_what_looks_different_after_a_change_is_told(
    held: dict[str, Held], changed: str, fields: Held | None
) -> None:
    all_that_differs_is_told(held, changed, fields)


@given(filled, reference, st.none() | records)
def test_and_so_it_is_where_too_many_flags_crowd_each_other_out(
    held: dict[str, Held], changed: str, fields: Held | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FLAGS_PER_MEMBER", 2)
        all_that_differs_is_told(held, changed, fields)


def all_that_differs_is_told(held: dict[str, Held], changed: str, fields: Held | None) -> None:
    town = Town()
    for name, record in held.items():
        town.put(name, record)
    town.cache.all()
    town.cache.take_moved()
    before = town.rows()
    town.put(changed, fields)
    after, moved = town.rows(), town.cache.take_moved()
    for name in before.keys() | after.keys():
        if name in before and name in after:
            differs = told_of_itself(before[name]) != told_of_itself(after[name])
        else:
            differs = True
        assert not differs or name in moved
    assert not town.cache.take_moved()


@pytest.mark.parametrize(
    "joined",
    [{"import_key": "k"}, {"duplicate_of": REFERENCES[0]}],
    ids=["copies of one row", "duplicates of one need"],
)
def test_what_a_member_joins_by_thousands_is_followed_once(
    joined: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, town = 300, Town()
    town.cache.all()
    for number in range(count):
        name = ids.record_id(number.to_bytes(ids.RECORD_BYTES, "big"))
        town.put(ids.reference(MEMBERS[0], name), {"kind": "need", "created_at": NOW, **joined})
    looked_at = Counter[str]()
    real = record_cache._group

    def counted(record: Record) -> str:
        looked_at[record.reference] += 1
        return real(record)

    monkeypatch.setattr(record_cache, "_group", counted)
    assert len(town.cache.take_moved()) >= count
    assert looked_at.total() < 20 * count


def test_one_flag_too_many_tells_of_all_that_the_member_flags() -> None:
    town = Town()
    targets = [f"{REFERENCES[0][:-2]}{a}{b}" for a in "abcde" for b in "abcde"]
    names = [ids.record_id(bytes(8) + bytes([1, n])) for n in range(len(targets))]
    flags = [ids.reference(MEMBERS[1], name) for name in names]
    for name, target in list(zip(flags, targets, strict=True))[: limits.FLAGS_PER_MEMBER]:
        town.put(name, {"kind": "flag", "created_at": NOW, "target": target, "reason": "spam"})
    town.cache.all()
    town.cache.take_moved()
    town.put(flags[-1], {"kind": "flag", "created_at": NOW, "target": targets[-1]})
    assert town.cache.take_moved() > {flags[-1], targets[0], targets[-1]}


def test_one_more_flag_of_very_many_is_no_news_of_all_of_them() -> None:
    town = Town()
    many = [ids.record_id(bytes(7) + bytes([1, n // 256, n % 256])) for n in range(600)]
    for name in many:
        flag = {"kind": "flag", "created_at": NOW, "target": ids.reference(MEMBERS[0], name)}
        town.put(ids.reference(MEMBERS[1], name), {**flag, "reason": "spam"})
    town.cache.all()
    town.cache.take_moved()
    town.put(ids.reference(MEMBERS[1], many[-1]), None)
    assert len(town.cache.take_moved()) <= 2 * limits.FLAGS_PER_MEMBER + 2


def test_a_code_is_free_again_when_its_last_record_is_gone() -> None:
    town = Town()
    for name in REFERENCES[:2]:
        town.put(name, {"kind": "need", "created_at": NOW, "ref": "A000000"})
    town.put(REFERENCES[1], None)
    assert "A000000" in town.cache.codes()
    town.put(REFERENCES[0], {"kind": "need", "created_at": NOW, "ref": "B111111"})
    assert set(town.cache.codes()) == {"B111111"}


def test_every_change_makes_another_generation() -> None:
    town = Town()
    first = town.cache.generation
    assert town.cache.generation == first
    town.put(REFERENCES[0], {"kind": "need", "created_at": NOW})
    assert town.cache.generation != first
