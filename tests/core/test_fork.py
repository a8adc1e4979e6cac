"""What counts, which signatures may go, and what is sent, upon graphs without any bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from meshaid.core.fork import Change, Clock, History
from meshaid.core.pieces import Pieces
from meshaid.errors import MeshaidInternalError

ROOT = Change(hashlib.sha256(b"genesis").digest(), b"g" * 16, 1, (), b"", 1, 60)


class Graph:
    """A history and its kept signatures; changes are made by name, as x1 or x2'."""

    def __init__(self, *, run_changes: int = 256, run_bytes: int = 262_144) -> None:
        self.history = History(ROOT)
        self.pieces = Pieces(self.history, run_changes=run_changes, run_bytes=run_bytes)

    def make(
        self,
        actor: str,
        prev: Change | None = None,
        *others: Change,
        salt: str = "",
        size: int = 100,
    ) -> Change:
        """A change of an actor such as "x0" (device x, nonce 0), not entered yet."""
        below = tuple(sorted(c.hash for c in (prev, *others) if c)) or (ROOT.hash,)
        seq = prev.seq + 1 if prev else 1
        key = actor[0].encode() * 32 + actor[1:].encode() * 4
        digest = hashlib.sha256(repr((key, seq, below, salt)).encode()).digest()
        return Change(digest, key, seq, below, prev.hash if prev else b"", 1, size)

    def add(self, *run: Change) -> Change:
        """Enter a run; its last change is signed."""
        new = [change for change in run if change.hash not in self.history]
        for change in new:
            self.history.add(change)
        if new:
            self.pieces.keep([change.hash for change in new], b"s" * 64)
        return run[-1]

    def chain(
        self, actor: str, length: int, prev: Change | None = None, **how: Any
    ) -> list[Change]:
        """A chain of changes, each signed."""
        made = []
        for _ in range(length):
            prev = self.add(self.make(actor, prev, **how))
            made.append(prev)
        return made

    def counts(self) -> set[bytes]:
        return self.history.counted()

    def take(self, other: Graph, theirs: Clock | None = None) -> list[tuple[bytes, ...]]:
        """Receive what the other owes; every run must be acceptable in its turn."""
        runs = other.pieces.owed(self.history.clock() if theirs is None else theirs)
        for run in runs:
            changes = [other.history.changes[h] for h in run]
            inside = set(run)
            for change in changes:
                for dep in change.deps:
                    assert dep in inside or dep in self.history or dep == ROOT.hash
            self.add(*changes)
        return runs


def hashes(changes: Iterable[Change]) -> set[bytes]:
    return {change.hash for change in changes}


# ---- what counts
@pytest.mark.parametrize("at", range(1, 6))
def test_a_fork_cuts_both_branches_and_what_depends_on_them(at: int) -> None:
    graph = Graph()
    xs = graph.chain("x0", 5)
    y1 = graph.add(graph.make("y0", None, xs[2]))
    z1 = graph.add(graph.make("z0", None, y1))
    other = graph.make("x0", xs[at - 2] if at > 1 else None, salt="other")
    assert graph.history.add(other) is True
    graph.pieces.keep([other.hash], b"s" * 64)
    below = hashes(xs[: at - 1])
    assert graph.counts() == below | (hashes([y1, z1]) if at > 3 else set())
    assert graph.history.forks == {xs[0].actor: at}
    assert graph.history.proof(xs[0].actor) == sorted([xs[at - 1].hash, other.hash])


def test_the_lowest_of_several_forks_cuts() -> None:
    graph = Graph()
    xs = graph.chain("x0", 5)
    graph.add(graph.make("x0", xs[3], salt="late"))
    assert graph.counts() == hashes(xs[:4])
    graph.add(graph.make("x0", xs[1], salt="early"))
    assert graph.counts() == hashes(xs[:2])
    graph.add(graph.make("x0", xs[2], salt="between"))
    assert graph.counts() == hashes(xs[:2])
    assert graph.history.clock() == {xs[0].actor: (2, xs[1].hash)}


def test_three_branches_are_proven_by_two() -> None:
    graph = Graph()
    x1 = graph.add(graph.make("x0"))
    branches = [graph.add(graph.make("x0", x1, salt=s)) for s in "abc"]
    assert graph.history.proof(x1.actor) == sorted(hashes(branches))[:2]


def test_news_are_told_in_causal_order_and_a_loss_as_none() -> None:
    graph = Graph()
    xs = graph.chain("x0", 3)
    y1 = graph.add(graph.make("y0", None, xs[0]))
    assert graph.history.take_news() == [c.hash for c in (*xs, y1)]
    assert graph.history.take_news() == []
    graph.add(graph.make("x0", xs[1], salt="other"))
    assert graph.history.take_news() is None
    assert graph.history.take_news() == []
    assert graph.history.in_order() == [xs[0].hash, xs[1].hash, y1.hash]


def test_a_fork_above_what_counts_costs_no_recount() -> None:
    graph = Graph()
    xs = graph.chain("x0", 5)
    graph.add(graph.make("x0", xs[1], salt="early"))
    graph.counts()
    before = graph.history.recounts
    for salt in "abcdef":
        graph.add(graph.make("x0", xs[3], salt=salt))
    graph.counts()
    assert graph.history.recounts == before


def test_changes_held_twice_change_nothing() -> None:
    graph = Graph()
    xs = graph.chain("x0", 2)
    assert graph.history.add(xs[1]) is False
    assert len(graph.history) == 2
    fork = graph.make("x0", xs[0], salt="other")
    graph.add(fork)
    assert graph.history.add(fork) is True
    assert graph.history.left_out(xs[0].actor[:32]) == 2


# ---- cuts
def cut(graph: Graph, *named: Iterable[Change], device: str = "x") -> None:
    lasts = tuple(frozenset(hashes(changes)) for changes in named)
    graph.history.set_cuts({device.encode() * 32: lasts})


def test_a_removal_lets_stay_what_it_names_and_what_lies_below() -> None:
    graph = Graph()
    xs, others = graph.chain("x0", 5), graph.chain("x1", 3)
    y1 = graph.add(graph.make("y0", None, xs[3]))
    cut(graph, [xs[2], others[0]])
    assert graph.counts() == hashes([*xs[:3], others[0]])
    cut(graph, [])
    assert graph.counts() == set()
    graph.history.set_cuts({})
    assert graph.counts() == hashes([*xs, *others, y1])


def test_of_several_removals_all_must_name_it() -> None:
    graph = Graph()
    xs = graph.chain("x0", 5)
    cut(graph, [xs[4]], [xs[2]])
    assert graph.counts() == hashes(xs[:3])
    assert graph.history.proof(xs[0].actor) == sorted([xs[4].hash, xs[2].hash])


def test_a_removal_settles_forks() -> None:
    graph = Graph()
    xs = graph.chain("x0", 4)
    graph.add(graph.make("x0", xs[0], salt="late wipe"))
    assert graph.counts() == hashes(xs[:1])
    cut(graph, [xs[3]])
    assert graph.counts() == hashes(xs)
    graph.add(graph.make("x0", None, salt="wipes all"))
    assert graph.counts() == hashes(xs)


def test_two_named_branches_count_up_to_where_they_part() -> None:
    graph = Graph()
    xs = graph.chain("x0", 3)
    other = graph.add(graph.make("x0", xs[0], salt="other"))
    cut(graph, [xs[2], other])
    assert graph.counts() == hashes(xs[:1])
    assert set(graph.history.proof(xs[0].actor)) == hashes([xs[2], other])


def test_what_a_removal_names_counts_when_it_arrives() -> None:
    graph = Graph()
    xs = graph.chain("x0", 2)
    x3 = graph.make("x0", xs[1])
    cut(graph, [x3])
    assert graph.counts() == set()
    assert graph.history.take_news() is None
    graph.add(x3)
    assert graph.counts() == hashes([*xs, x3])
    graph.add(graph.make("x0", x3))
    assert graph.counts() == hashes([*xs, x3])
    assert graph.history.take_news() == [c.hash for c in (*xs, x3)]


def test_a_name_of_another_device_lets_nothing_stay() -> None:
    graph = Graph()
    xs, ys = graph.chain("x0", 2), graph.chain("y0", 2)
    cut(graph, [ys[1]])
    assert graph.counts() == hashes(ys)
    assert graph.history.proof(xs[0].actor) == []


def test_a_removed_device_has_nothing_to_heal() -> None:
    graph = Graph()
    xs = graph.chain("x0", 3)
    assert graph.history.left_out(xs[0].actor[:32]) == 0
    graph.add(graph.make("x0", xs[1], salt="other"))
    assert graph.history.left_out(xs[0].actor[:32]) == 2
    cut(graph, [xs[1]])
    assert graph.history.left_out(xs[0].actor[:32]) == 0


# ---- kept signatures
def test_thinning_leaves_pieces_of_the_longest_length() -> None:
    graph = Graph(run_changes=4)
    xs = graph.chain("x0", 11)
    gone = graph.pieces.thin()
    kept = [c.seq for c in xs if c.hash in graph.pieces.signatures]
    assert kept == [4, 8, 11]
    assert set(gone) == hashes(c for c in xs if c.seq not in kept)
    assert graph.pieces.thin() == []


def test_thinning_as_one_writes_gives_the_same() -> None:
    graph = Graph(run_changes=4)
    prev = None
    for _ in range(11):
        prev = graph.add(graph.make("x0", prev))
        graph.pieces.thin()
    seqs = sorted(graph.history.changes[h].seq for h in graph.pieces.signatures)
    assert seqs == [4, 8, 11]


def test_bytes_bound_a_piece_too() -> None:
    graph = Graph(run_bytes=1_000)
    graph.chain("x0", 6, size=400)
    graph.pieces.thin()
    seqs = sorted(graph.history.changes[h].seq for h in graph.pieces.signatures)
    assert seqs == [2, 4, 6]


def test_a_named_piece_keeps_its_signature() -> None:
    graph = Graph()
    xs = graph.chain("x0", 3)
    graph.add(graph.make("y0", None, xs[0]))
    graph.chain("x0", 2, xs[2])
    graph.pieces.thin()
    seqs = [c.seq for c in xs if c.hash in graph.pieces.signatures]
    assert seqs == [1]
    assert not graph.pieces.drop(xs[0].hash)
    assert not graph.pieces.droppable(xs[1].hash), "it is not kept"


def test_a_forked_actor_keeps_all_its_signatures() -> None:
    graph = Graph()
    xs = graph.chain("x0", 3)
    graph.add(graph.make("x0", xs[0], salt="other"))
    assert graph.pieces.thin() == []


# ---- what is sent
def test_one_more_change_travels_alone() -> None:
    graph, peer = Graph(), Graph()
    xs = graph.chain("x0", 9)
    graph.pieces.thin()
    assert [len(run) for run in peer.take(graph)] == [9]
    x10 = graph.add(graph.make("x0", xs[-1]))
    graph.pieces.thin()
    assert peer.take(graph) == [(x10.hash,)]
    assert peer.take(graph) == []


def test_a_peer_that_is_ahead_is_sent_nothing_it_has() -> None:
    graph, peer = Graph(), Graph()
    xs = graph.chain("x0", 5)
    peer.take(graph)
    more = peer.chain("x0", 3, xs[-1])
    z1 = graph.add(graph.make("z0", None, xs[-1]))
    assert peer.take(graph) == [(z1.hash,)]
    assert graph.take(peer) == [(c.hash,) for c in more]
    assert graph.history.clock() == peer.history.clock()


def test_two_branches_that_do_not_know_each_other_settle() -> None:
    graph, peer = Graph(), Graph()
    x1 = graph.add(graph.make("x0"))
    peer.take(graph)
    graph.chain("x0", 2, x1)
    peer.chain("x0", 5, x1, salt="other")
    rounds = 0
    while graph.history.clock() != peer.history.clock():
        clock, theirs = dict(graph.history.clock()), dict(peer.history.clock())
        peer.take(graph, theirs)
        graph.take(peer, clock)
        rounds += 1
    assert rounds <= 2
    assert graph.counts() == {x1.hash}


def test_a_branch_above_a_long_stem_is_sent_no_longer_than_it_came() -> None:
    """Each branch leaves the one before just below its only signature."""
    graph = Graph(run_changes=4)
    stem: list[Change] = []
    for number in range(8):
        base = stem[-2] if stem else None
        run = []
        for _ in range(4):
            base = graph.make("x0", base, salt=str(number))
            run.append(base)
        graph.add(*run)
        graph.pieces.thin()
        stem = run
    lengths = [len(run) for run in graph.pieces.send_order(graph.history.changes, lambda _: False)]
    assert lengths == [4] * 8
    assert len(graph.pieces.piece(stem[-1].hash)) == 25


def test_a_piece_waits_until_others_have_brought_its_stem() -> None:
    """The branch that brings the stem waits for another actor, so it is not first in line."""
    graph = Graph(run_changes=4)
    xs = [graph.make("x0")]
    for _ in range(3):
        xs.append(graph.make("x0", xs[-1]))
    graph.add(*xs)
    y9 = graph.chain("y0", 9)[-1]
    stem: list[Change] = []
    for number in range(4):
        names = [y9] if number == 3 else []
        below = stem[-1] if stem else xs[2]
        stem.append(graph.make("x0", below, *names, salt="second"))
    graph.add(*stem)
    first = graph.make("x0", stem[2], salt="third")
    second = graph.make("x0", first, salt="third")
    graph.add(first, second)
    runs = graph.pieces.send_order(graph.history.changes, lambda _: False)
    assert runs[-2:] == [tuple(c.hash for c in stem), (first.hash, second.hash)]


def test_a_run_that_is_longer_than_pieces_may_be_is_sent_all_the_same() -> None:
    graph = Graph(run_changes=3)
    xs = [graph.make("x0")]
    for _ in range(4):
        xs.append(graph.make("x0", xs[-1]))
    graph.add(*xs)
    assert graph.pieces.owed({}) == [tuple(c.hash for c in xs)]


def test_a_clock_that_lies_does_no_harm() -> None:
    graph = Graph()
    xs, ys = graph.chain("x0", 3), graph.chain("y0", 2)
    z1 = graph.add(graph.make("z0", None, xs[2], ys[1]))
    lies: list[Clock] = [
        {xs[0].actor: (3, ys[1].hash)},
        {xs[0].actor: (0, b"")},
        {xs[0].actor: (2**32 - 1, bytes(32)), ys[0].actor: (1, xs[2].hash)},
        {z1.actor: (1, z1.hash)},
        {b"nobody" * 6: (9, bytes(32))},
    ]
    for lie in lies:
        runs = graph.pieces.owed(lie)
        assert len({h for run in runs for h in run}) == sum(map(len, runs))


def test_a_document_that_lacks_a_signature_says_so() -> None:
    graph = Graph()
    xs = graph.chain("x0", 2)
    del graph.pieces.signatures[xs[1].hash]
    with pytest.raises(MeshaidInternalError, match="not signed"):
        graph.pieces.owed({})


def test_pieces_that_wait_for_each_other_are_a_bug_that_is_told() -> None:
    """X2 names Y1 and Y2 names X1, and the signatures on X1 and Y1 are gone."""
    graph = Graph()
    x1, y1 = graph.add(graph.make("x0")), graph.add(graph.make("y0"))
    graph.add(graph.make("x0", x1, y1))
    graph.add(graph.make("y0", y1, x1))
    assert not graph.pieces.drop(x1.hash)
    del graph.pieces.signatures[x1.hash], graph.pieces.signatures[y1.hash]
    with pytest.raises(MeshaidInternalError, match="wait for each other"):
        graph.pieces.owed({})


# ---- size
class Counting(dict[bytes, Change]):
    """Changes that count how often they are looked at."""

    looks = 0

    def __getitem__(self, key: bytes) -> Change:
        self.looks += 1
        return super().__getitem__(key)


def test_long_documents_cost_what_is_new() -> None:
    """10,000 changes: no recursion, and looking for what one peer lacks touches that only."""
    graph = Graph()
    chains: dict[str, Sequence[Change]] = {}
    for actor in ("x0", "y0", "z0"):
        chains[actor] = graph.chain(actor, 3_333)
        graph.pieces.thin()
    clock = dict(graph.history.clock())
    runs = graph.pieces.owed({})
    assert sum(map(len, runs)) == 9_999
    new = graph.add(graph.make("y0", chains["y0"][-1], chains["x0"][-1]))
    counting = graph.history.changes = Counting(graph.history.changes)
    assert graph.pieces.owed(clock) == [(new.hash,)]
    assert graph.pieces.owed(graph.history.clock()) == []
    assert counting.looks < 50
    graph.add(graph.make("x0", chains["x0"][0], salt="early"))
    assert len(graph.counts()) == 3_333 * 2 + 1
