"""Every rule of the gate is needed: for each there is a run that only this rule stops.

Each run is correctly checksummed and validly signed, and differs from an honest one in one thing.
With its rule switched off its outcome changes; with any other rule off it stays: a matrix of 17
runs by 17 rules. (For G3 and G4 the outcome is waiting, for G6 a reported fork. Switching off G11
takes the panic guard's refusal away, and the panic surfaces as DocumentPoisoned.)

The world: A makes a record (a1: op 2 makes it, 3 kind, 4 rev), B writes rev (b1: op 5), A writes
the title (a2: op 6). The next change of A starts at op 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from meshaid._automerge import RULES, Caps, Document, change_hash, genesis
from meshaid.core.delta import Run, signed_bytes
from meshaid.core.document import Document as CoreDocument
from meshaid.core.keys import SigningKey, verify
from meshaid.errors import DocumentPoisoned
from tests import forge
from tests.forge import Change, Op, Value, value_of

KEY_A, KEY_B = SigningKey(b"a" * 32), SigningKey(b"b" * 32)
A, B = KEY_A.public + b"\0\0\0\1", KEY_B.public + b"\0\0\0\2"
GENESIS = genesis(b"a genesis actor!")
RECORDS = (1, b"a genesis actor!")
RECORD_ID = "aaaaaaaaaaaaaaaa"
RECORD, REV = (2, A), (5, B)


def put(key: str, value: Value, *pred: forge.OpId) -> Op:
    return Op(forge.PUT, RECORD, key, value, pred)


def world() -> list[bytes]:
    """a1, b1, a2."""
    made = Op(forge.MAKE_MAP, RECORDS, RECORD_ID)
    first = (made, put("kind", value_of("need")), put("rev", value_of(1)))
    a1 = forge.encode(Change((forge.hash_of(GENESIS),), A, 1, 2, first))
    edit = (put("rev", value_of(2), (4, A)),)
    b1 = forge.encode(Change((forge.hash_of(a1),), B, 1, 5, edit))
    deps = tuple(sorted([forge.hash_of(a1), forge.hash_of(b1)]))
    a2 = forge.encode(Change(deps, A, 2, 6, (put("title", value_of("Water")),)))
    return [a1, b1, a2]


WORLD = world()
A1, B1, A2 = map(forge.hash_of, WORLD)
NEXT = Change((A2,), A, 3, 7, (put("rev", value_of(3), REV),))


@dataclass(frozen=True)
class Case:
    """A run, what was accepted before, and its outcome with all rules and without its own."""

    rule: str
    run: bytes
    outcome: str
    without: str = "accepted"
    before: tuple[bytes, ...] = tuple(WORLD)
    standing: Literal["member", "unknown", "other"] = "member"
    caps: Callable[[], Caps] = Caps


def altered(
    rule: str, outcome: str | None = None, without: str = "accepted", **what: object
) -> Case:
    run = forge.encode(replace(NEXT, **what))  # type: ignore[arg-type]
    return Case(rule, run, outcome or f"refused {rule}", without)


def with_ops(rule: str, *ops: Op, without: str = "accepted") -> Case:
    return altered(rule, without=without, ops=ops)


def with_column(rule: str, spec: int, data: bytes, without: str = "accepted") -> Case:
    return Case(rule, forge.encode(forge.with_column(NEXT, spec, data)), f"refused {rule}", without)


def two_deps_of_one_actor() -> Case:
    by_b = Change(tuple(sorted([A1, A2, B1])), B, 2, 7, NEXT.ops)
    return Case("G2", forge.encode(by_b), "refused G2")


def own_change_not_listed() -> Case:
    b2 = forge.encode(Change(tuple(sorted([A2, B1])), B, 2, 7, (put("area", value_of("North")),)))
    run = forge.encode(replace(NEXT, deps=(forge.hash_of(b2),), start_op=8))
    return Case("G5", run, "refused G5", before=(*WORLD, b2))


def second_branch() -> Case:
    other = forge.encode(replace(NEXT, ops=(put("rev", value_of(4), REV),)))
    return Case("G6", other, "fork (3,)", before=(*WORLD, forge.encode(NEXT)))


def long_change() -> Case:
    ops = list[Op]()
    for letter in "bcdefghijklmnopqrstuvwxyz":
        ops.append(Op(forge.MAKE_MAP, RECORDS, letter * 16))
        made = (7 + len(ops) - 1, A)
        ops.append(Op(forge.PUT, made, "title", value_of("x" * 2_800)))
    return with_ops("G1", *ops)


def many_ops() -> Case:
    ops = [put("rev", value_of(3), REV)]
    ops += [put("rev", value_of(3), (7 + index, A)) for index in range(512)]
    return with_ops("G10", *ops)


CASES = [
    long_change(),
    two_deps_of_one_actor(),
    altered("G3", "waiting G3", deps=tuple(sorted([A2, b"?" * 32]))),
    Case("G4", forge.encode(NEXT), "waiting G4", standing="unknown"),
    own_change_not_listed(),
    second_branch(),
    altered("G7", start_op=8),
    altered("G8", time=1),
    with_column("G9", 148, b"\x01", without="refused G15"),
    many_ops(),
    with_column("G11", forge.PRED_ACTOR, b"\x7f\x09", without="poisoned"),
    with_ops("G12", put("rev", Value(forge.COUNTER, b"\1"), REV), without="refused G16"),
    with_ops("G13", Op(forge.PUT, (99, B), "rev", value_of(1))),
    with_ops("G14", put("rev", value_of(3), (4, A))),
    with_column("G15", forge.ACTION, b"\x01\x01"),
    with_ops("G16", put("rev", value_of("x" * 2_801), REV)),
    replace(altered("G17"), caps=lambda: Caps(epoch_changes=3)),
]

# More runs of rules that stop several things; the first that each stops is in CASES.
MORE = [
    Case("G4", forge.encode(NEXT), "refused G4", standing="other"),
    altered("G6", seq=4),
    altered("G6", seq=2),
    altered("G8", message=b"hello"),
    altered("G8", extra=b"\0"),
    altered("G14", ops=(put("rev", value_of(3)),)),
    with_ops("G14", Op(forge.DELETE, RECORD, "area")),
    with_ops("G16", put("Rev", value_of(3))),
    with_ops("G16", put("area", value_of(2**53 + 1))),
    with_ops("G16", put("area", value_of(float("nan")))),
    with_ops("G16", Op(forge.MAKE_MAP, RECORDS, "not a record id")),
]


def outcome(case: Case, without: str = "") -> str:
    document = Document(GENESIS, caps=case.caps(), without=without)
    for raw in case.before:
        assert document.accept(forge.parse(raw).actor, "member", [raw]).outcome == "accepted"
    actor = A if case.rule != "G2" else B
    try:
        verdict = document.check(actor, case.standing, [case.run])
    except DocumentPoisoned:
        assert document.poisoned
        return "poisoned"
    if verdict.outcome == "accepted":
        return f"fork {verdict.forks}" if verdict.forks else "accepted"
    return f"{verdict.outcome} {verdict.rule}"


def test_one_case_for_each_rule_in_order() -> None:
    assert tuple(case.rule for case in CASES) == RULES


def test_the_honest_change_passes() -> None:
    assert outcome(replace(CASES[0], run=forge.encode(NEXT))) == "accepted"


@pytest.mark.parametrize("without", RULES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_only_its_own_rule_stops_a_run(case: Case, without: str) -> None:
    assert outcome(case) == case.outcome
    if without == case.rule:
        assert case.without != case.outcome
        assert outcome(case, without) == case.without
    else:
        assert outcome(case, without) == case.outcome


@pytest.mark.parametrize("case", MORE, ids=lambda case: f"{case.rule}-{case.run[4:8].hex()}")
def test_more_of_what_a_rule_stops(case: Case) -> None:
    assert outcome(case) == case.outcome
    assert outcome(case, case.rule) == case.without


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_valid_signature_does_not_help(case: Case) -> None:
    """The whole path of a run: its signature holds, and the rule's verdict comes out."""
    document = CoreDocument(GENESIS, caps=case.caps())
    for raw in case.before:
        assert document.receive(signed([raw]), "member").kind == "accepted"
    run = signed([case.run])
    got = document.receive(run, case.standing)
    if case.outcome.startswith("fork"):
        assert (got.kind, got.forked) == ("accepted", True)
    else:
        assert f"{got.kind} {got.rule}" == case.outcome


def signed(raws: Sequence[bytes]) -> Run:
    last = forge.parse_header(raws[-1])
    key = KEY_A if last.actor == A else KEY_B
    text = signed_bytes(change_hash(GENESIS), last.actor, last.seq, forge.hash_of(raws[-1]))
    signature = key.sign(text)
    verify(key.public, signature, text)
    return Run(last.actor, tuple(raws), signature)


def test_the_forge_writes_what_automerge_writes() -> None:
    document = Document(GENESIS)
    edits: list[Sequence[tuple[object, ...]]] = [
        [("make", RECORD_ID), ("put", RECORD_ID, "kind", "need"), ("put", RECORD_ID, "rev", -70)],
        [("put", RECORD_ID, name, value) for name, value in scalars()],
        [
            ("put_in", RECORD_ID, "texts", "de", "Wasser"),
            ("put_in", RECORD_ID, "texts", "fr", "eau"),
        ],
        [("delete", RECORD_ID, "c"), ("delete_in", RECORD_ID, "texts", "de")],
        [("remake", RECORD_ID, {"kind": "need", "texts": {"de": "Brot"}})],
    ]
    for number, ops in enumerate(edits):
        actor = (A, B)[number % 2]
        raw = document.edit(actor, ops)  # type: ignore[arg-type]
        assert raw is not None
        assert document.accept(actor, "member", [raw]).outcome == "accepted"
        change = forge.parse(raw)
        assert forge.encode(change) == raw
        assert forge.encode(replace(change, columns=None, others=None)) == raw
        assert forge.hash_of(raw) == change_hash(raw)


def scalars() -> Iterable[tuple[str, object]]:
    return zip("abcdefg", ["x", 2**53, True, False, None, b"\0\1", 0.5], strict=True)
