"""What a change bears on is all that stands otherwise after it, and what is around says it all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.board import Board
from meshaid.core.records import Record
from meshaid.core.relations import Relations
from tests.core.boards import record
from tests.core.neighbourhoods import HOUR, MEMBERS, START, any_record, neighbourhoods


def board(records: Iterable[Record], now: int) -> Board:
    return Board(records, now=now, members=MEMBERS)


def seen(shown: Board, name: str) -> Any:
    """All that matching sees of a need or an offer, but for what its household received."""
    record = shown.record(name)
    if record is None or record.reference != name:
        return None
    pledges = [
        (pledge.reference, shown.promised(pledge), offer and offer.reference)
        for pledge in (*shown.pledges_on(name), *shown.pledges_from(name))
        for offer in [shown.offer_of(pledge)]
    ]
    receipts = [receipt.reference for receipt in shown.receipts_on(name)]
    return record, shown.standing(record), shown.hidden(name), pledges, receipts


def shown_names(records: Iterable[Record]) -> list[str]:
    return [record.reference for record in records if record.kind in ("need", "offer")]


moments = st.sampled_from([START, START + HOUR, START + 25 * HOUR])


@given(held=neighbourhoods(), now=moments)
def test_what_is_around_says_how_it_stands(held: dict[str, Record], now: int) -> None:
    relations, whole = Relations(held.values()), board(held.values(), now)
    for name in shown_names(held.values()):
        assert seen(board(relations.around({name}), now), name) == seen(whole, name)


@given(held=neighbourhoods(), new=any_record(), now=moments, goes=st.booleans())
def test_nothing_else_stands_otherwise_than_what_a_change_bears_on(
    held: dict[str, Record], new: Record, now: int, goes: bool
) -> None:
    relations, before = Relations(held.values()), board(held.values(), now)
    bearing = relations.bearing(new.reference)
    after = {**held, new.reference: new}
    if goes:
        relations.remove(new.reference)
        after.pop(new.reference)
    else:
        relations.put(new)
    bearing |= relations.bearing(new.reference) | {new.reference}
    now_shown = board(after.values(), now)
    for name in shown_names([*held.values(), *after.values()]):
        if seen(before, name) != seen(now_shown, name):
            assert name in bearing


@given(held=neighbourhoods(), changes=st.lists(st.tuples(any_record(), st.booleans())))
def test_relations_that_followed_are_those_of_new_ones(
    held: dict[str, Record], changes: list[tuple[Record, bool]]
) -> None:
    relations = Relations(held.values())
    for new, goes in changes:
        if goes:
            relations.remove(new.reference)
            held.pop(new.reference, None)
        else:
            relations.put(new)
            held[new.reference] = new
    fresh = Relations(held.values())
    assert vars(relations) == vars(fresh)


def test_what_cannot_be_read_plays_no_part() -> None:
    relations = Relations([record("ada", "n", "need")])
    unreadable = record("ada", "n", "need", quantity="many")
    assert not unreadable.readable
    relations.put(unreadable)
    assert len(relations) == 0
    assert relations.get(unreadable.reference) is None
    assert [*relations.records()] == relations.around({unreadable.reference}) == []
