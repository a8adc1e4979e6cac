"""Reconciliation without a wire: digests, tables, requests, and when to stop."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.messages import Want, encode
from meshaid.core.reconcile import (
    CARDS,
    DOCUMENTS,
    Allowance,
    Comparison,
    KeyedDigest,
    Pass,
    Progress,
    Shown,
    Verdict,
    differing,
    table_of,
    trim_clock,
)
from meshaid.core.shapes import Wanted
from meshaid.errors import RemoteProtocolError
from tests.core.meeting_world import FakeDevice, FakeWorld, sha
from tests.message_reader import keyed_digest

KEY = bytes(32)
hashes = st.binary(min_size=32, max_size=32)
item_sets = st.dictionaries(hashes, hashes, max_size=12)


# ---- digests
@given(st.lists(item_sets, min_size=1, max_size=4))
def test_digest_is_a_function_of_the_set(several: list[dict[bytes, bytes]]) -> None:
    """Whatever was seen before, the digest is that of the items alone."""
    running = KeyedDigest(KEY, DOCUMENTS)
    for items in several:
        reversed_items = dict(reversed(items.items()))
        expected = keyed_digest(KEY, DOCUMENTS, [name + state for name, state in items.items()])
        assert running.of(items) == expected
        assert running.of(reversed_items) == expected


@given(item_sets, hashes, hashes)
def test_digest_is_additive(items: dict[bytes, bytes], name: bytes, state: bytes) -> None:
    items.pop(name, None)
    total = int.from_bytes(KeyedDigest(KEY, CARDS).of(items), "big")
    one = int.from_bytes(KeyedDigest(KEY, CARDS).of({name: state}), "big")
    both = int.from_bytes(KeyedDigest(KEY, CARDS).of({**items, name: state}), "big")
    assert both == (total + one) % 2**128


def test_digests_tell_everything_apart() -> None:
    item = {sha(b"name"): sha(b"state")}
    seen = {
        KeyedDigest(KEY, DOCUMENTS).of(item),
        KeyedDigest(KEY, CARDS).of(item),
        KeyedDigest(sha(b"key"), DOCUMENTS).of(item),
        KeyedDigest(KEY, DOCUMENTS).of({sha(b"name"): sha(b"other")}),
        KeyedDigest(KEY, DOCUMENTS).of({}),
    }
    assert len(seen) == 5


def test_what_stayed_is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    items = {sha(b"%d" % number): sha(b"state") for number in range(1000)}
    digest = KeyedDigest(KEY, DOCUMENTS)
    digest.of(items)
    hashed = 0
    original = hashlib.blake2b

    def count(*args: object, **how: object) -> object:
        nonlocal hashed
        hashed += 1
        return original(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "blake2b", count)
    digest.of({**items, sha(b"7"): sha(b"new state")})
    assert hashed == 2


# ---- the conversation by digest
@pytest.fixture
def device() -> FakeDevice:
    return FakeWorld().found("founder")


@pytest.fixture
def two(device: FakeDevice) -> tuple[Comparison, Comparison]:
    """The same knowledge at both ends."""
    return Comparison(device.knowledge, KEY), Comparison(device.knowledge, KEY)


def test_question_and_answer(two: tuple[Comparison, Comparison]) -> None:
    one, other = two
    other.hear(one.tell())
    assert one.asking
    assert other.owes
    assert one.verdict() is other.verdict() is None
    one.hear(other.tell())
    assert one.verdict() is other.verdict() is Verdict.EQUAL
    assert one.verdict() is other.verdict() is None
    assert [one.asking, one.owes, other.asking, other.owes] == [False] * 4


def test_crossing_questions(two: tuple[Comparison, Comparison]) -> None:
    one, other = two
    first, second = one.tell(), other.tell()
    one.hear(second)
    other.hear(first)
    assert one.verdict() is other.verdict() is Verdict.EQUAL
    assert [one.owes, other.owes] == [False, False]


def test_own_change_makes_it_stale(two: tuple[Comparison, Comparison], device: FakeDevice) -> None:
    one, other = two
    other.hear(one.tell())
    device.write("something new")
    one.hear(other.tell())
    assert one.verdict() is Verdict.STALE
    assert other.verdict() is Verdict.DOCUMENTS, "it has told its newest"


def test_cards_come_before_documents(device: FakeDevice) -> None:
    world = FakeWorld()
    joiner = world.join("joiner", device)
    joiner.write("something")
    one, other = Comparison(device.knowledge, KEY), Comparison(joiner.knowledge, KEY)
    other.hear(one.tell())
    one.hear(other.tell())
    assert one.verdict() is other.verdict() is Verdict.CARDS


def test_table_makes_digests_void(two: tuple[Comparison, Comparison]) -> None:
    one, other = two
    other.hear(one.tell())
    one.void()
    other.void()
    assert not one.asking
    assert not other.owes
    one.hear(other.tell())
    assert one.owes, "it is a new question"
    assert one.verdict() is None


# ---- when to stop
def test_same_pair_is_left_alone_for_longer_and_longer() -> None:
    looks = Progress()
    pair, other = (object(), object()), (object(), object())
    now, taken = 0.0, []
    while now < 3000:
        if looks.worth_a_look(pair, now):
            taken.append(now)
        now += 1.0
    gaps = [later - earlier for earlier, later in pairwise(taken)]
    recheck = limits.RECHECK_SECONDS
    assert gaps[:6] == [recheck * factor for factor in (1, 2, 4, 8, 16, 32)]
    assert looks.worth_a_look(other, now)
    assert looks.worth_a_look(pair, now)
    assert not looks.worth_a_look(pair, now + recheck - 1)


def test_allowance() -> None:
    allowance = Allowance(3, 10.0, now=100.0)
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert allowance.ready_at(100.0) == 110.0
    assert not allowance.take(109.0)
    assert allowance.take(110.0)
    assert not allowance.take(110.0)
    assert [allowance.take(1000.0) for _ in range(4)] == [True, True, True, False]


# ---- tables and requests
@given(item_sets, item_sets)
def test_differing(ours: dict[bytes, bytes], theirs: dict[bytes, bytes]) -> None:
    wanted = differing(table_of(ours), table_of(theirs))
    expected = [
        name[:16]
        for name, state in theirs.items()
        if name not in ours or ours[name][:8] != state[:8]
    ]
    assert wanted == expected


def test_peers_order_is_kept_and_some_come_first() -> None:
    items = {bytes([number]) * 32: bytes(32) for number in (9, 3, 7, 1, 5)}
    table = table_of(items)
    assert [name[0] for name in differing((), table)] == [9, 3, 7, 1, 5]
    first = {bytes([1]) * 16, bytes([7]) * 16}
    assert [name[0] for name in differing((), table, first)] == [7, 1, 9, 3, 5]


def test_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ITEMS", 3)
    assert len(table_of({bytes([number]) * 32: bytes(32) for number in range(9)})) == 3


class ManyDocuments:
    """Knowledge of nothing but names and clocks."""

    def __init__(self, clock: dict[bytes, tuple[int, bytes]]) -> None:
        self.clock = clock

    def genesis_named(self, name: bytes) -> bytes | None:
        return None if name[0] == 0xFF else name + bytes(16)

    def document_clock(self, genesis: bytes) -> dict[bytes, tuple[int, bytes]]:
        return self.clock


def table(*numbers: int) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((number.to_bytes(16, "big"), bytes(8)) for number in numbers)


def a_pass(theirs: int, actors: int = 0) -> Pass:
    clock = {number.to_bytes(36, "big"): (1, bytes(32)) for number in range(actors)}
    one = Pass(ManyDocuments(clock), 1)  # type: ignore[arg-type]
    one.show(())
    one.see(table(*range(theirs)))
    return one


def test_requests_are_batched_and_few_are_open() -> None:
    one = a_pass(1000)
    requests = list(one.requests())
    assert [request.request for request in requests] == list(range(1, 9))
    assert {len(request.documents) for request in requests} == {limits.DOCUMENTS_PER_REQUEST}
    assert list(one.requests()) == []
    asked = 0
    while requests:
        request = requests.pop(0)
        asked += len(request.documents)
        assert not one.finished
        one.done(request.request)
        requests += one.requests()
    assert asked == 1000
    assert one.finished


def test_requests_fit_into_a_message() -> None:
    for actors in (1, 100, limits.CLOCK_ACTORS, limits.CLOCK_ACTORS + 1):
        for request in a_pass(70, actors).requests():
            assert len(encode(request)) <= limits.MAX_MESSAGE


def test_clock_is_trimmed() -> None:
    clock = {number.to_bytes(36, "big"): (1, bytes(32)) for number in range(5000)}
    assert len(trim_clock(clock)) == limits.CLOCK_ACTORS
    assert trim_clock(clock).items() <= clock.items()
    few = dict(list(clock.items())[:5])
    assert trim_clock(few) is few


def test_documents_that_nobody_here_takes_are_not_wanted() -> None:
    one = Pass(ManyDocuments({}), 7)  # type: ignore[arg-type]
    assert not one.finished
    one.see(table(0xFF << 120, 1))
    assert not one.shown
    one.show(())
    (request,) = one.requests()
    assert request == Want(7, (Wanted((1).to_bytes(16, "big") + bytes(16), {}),))
    one.done(7)
    assert one.finished
    assert one.next_request == 8


def test_answers_must_fit_their_request() -> None:
    one = a_pass(2)
    (request,) = one.requests()
    asked = [wanted.genesis for wanted in request.documents]
    one.check(1, asked[:1])
    for number, geneses in ((2, asked), (1, [*asked, b"x" * 32])):
        with pytest.raises(RemoteProtocolError, match="nobody asked for"):
            one.check(number, geneses)
    with pytest.raises(RemoteProtocolError, match="nobody made"):
        one.done(2)
    with pytest.raises(RemoteProtocolError, match="second table"):
        one.see(())


def test_each_document_is_asked_for_once_per_table() -> None:
    shown = Shown()
    genesis = [number.to_bytes(16, "big") + bytes(16) for number in range(3)]
    shown.show(table(0, 1))
    shown.admit(Want(1, (Wanted(genesis[0], {}),)))
    for again in ((genesis[0],), (genesis[1], genesis[2]), (genesis[2],)):
        with pytest.raises(RemoteProtocolError):
            shown.admit(Want(2, tuple(Wanted(name, {}) for name in again)))
    twice = (Wanted(genesis[1], {}), Wanted(genesis[1][:16] + b"x" * 16, {}))
    with pytest.raises(RemoteProtocolError):
        shown.admit(Want(3, twice))
    shown.show(table(0))
    shown.admit(Want(4, (Wanted(genesis[0], {}),)))


def test_second_table_shows_only_what_differs() -> None:
    one = Pass(ManyDocuments({}), 1)  # type: ignore[arg-type]
    ours, theirs = table(1, 2, 3), (*table(1, 3)[:1], (table(3)[0][0], b"x" * 8), *table(4))
    assert one.show(ours) == ours, "the peer's is not here yet"
    other = Pass(ManyDocuments({}), 1)  # type: ignore[arg-type]
    other.see(theirs)
    assert other.show(ours) == table(2, 3)
    (request,) = other.requests()
    assert [wanted.genesis[15] for wanted in request.documents] == [3, 4]
    one.see(other.show(table(2, 3)))
    assert not list(one.requests())
