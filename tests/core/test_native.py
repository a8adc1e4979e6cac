"""The Python face of the native module: what each call does, and that nothing breaks Python."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import _automerge as native
from meshaid import limits
from meshaid.errors import DocumentPoisoned
from tests import forge

A, B, C = b"A" * 36, b"B" * 36, b"C" * 36
GENESIS = native.genesis(b"a genesis actor!")
ROOT = native.change_hash(GENESIS)
SLIP = "slipslipslipslip"
OTHER = "otherotherothero"


def new() -> native.Document:
    return native.Document(GENESIS)


def write(document: native.Document, actor: bytes, *edits: Any) -> bytes:
    raw = document.edit(actor, edits)
    assert raw is not None
    assert document.accept(actor, "member", [raw]).outcome == "accepted"
    return raw


def take(document: native.Document, *raws: bytes) -> tuple[str, ...]:
    for raw in raws:
        verdict = document.accept(forge.parse_header(raw).actor, "member", [raw])
        assert verdict.outcome == "accepted", verdict
    return document.apply([native.change_hash(raw) for raw in raws])


def values(document: native.Document, field: str, record: str = SLIP) -> list[Any]:
    return [shown[0] for shown in document.records([record])[record]["fields"].get(field, [])]


def conflict() -> tuple[native.Document, list[bytes]]:
    """A and B each wrote rev without having seen the other."""
    first, second = new(), new()
    made = write(first, A, ("make", SLIP), ("put", SLIP, "rev", 1))
    take(second, made)
    by_a, by_b = (
        write(first, A, ("put", SLIP, "rev", 2)),
        write(second, B, ("put", SLIP, "rev", 3)),
    )
    take(first, by_b)
    return first, [made, by_a, by_b]


# ---- names and numbers


def test_genesis_is_computed_and_pinned() -> None:
    """Derived from the format by the reader in tests/forge.py; these bytes are for ever."""
    body = forge.parse(GENESIS)
    assert (body.actor, body.seq, body.start_op, body.deps) == (b"a genesis actor!", 1, 1, ())
    assert body.ops == (forge.Op(forge.MAKE_MAP, None, "records"),)
    assert forge.encode(body) == GENESIS
    assert native.change_hash(GENESIS) == forge.hash_of(GENESIS)
    assert new().heads() == (ROOT,)


def test_caps_are_those_of_limits() -> None:
    names = {
        "change_bytes": limits.MAX_CHANGE_BYTES,
        "ops": limits.MAX_CHANGE_OPS,
        "preds": limits.MAX_CHANGE_PREDS,
        "deps": limits.MAX_CHANGE_DEPS,
        "other_actors": limits.MAX_OTHER_ACTORS,
        "depth": limits.MAX_DEPTH,
        "key_bytes": limits.MAX_KEY_BYTES,
        "string_bytes": limits.MAX_STRING_BYTES,
        "record_fields": limits.MAX_RECORD_FIELDS,
        "record_bytes": limits.MAX_RECORD_BYTES,
        "inner_entries": limits.MAX_INNER_ENTRIES,
        "epoch_changes": limits.MAX_EPOCH_CHANGES,
        "epoch_bytes": limits.MAX_EPOCH_BYTES,
        "epoch_records": limits.MAX_EPOCH_RECORDS,
        "seq": limits.MAX_SEQ,
    }
    caps = native.Caps()
    assert {name: getattr(caps, name) for name in names} == names
    assert native.Caps(ops=7).ops == 7
    with pytest.raises(TypeError):
        native.Caps(opps=7)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        caps.opps  # type: ignore[attr-defined]  # noqa: B018


def test_integers_end_where_limits_say() -> None:
    document = new()
    write(document, A, ("make", SLIP), ("put", SLIP, "rev", limits.MAX_INTEGER))
    with pytest.raises(ValueError, match="2\\^53"):
        document.edit(A, [("put", SLIP, "rev", limits.MAX_INTEGER + 1)])


# ---- edits


def test_an_edit_is_one_change_at_time_zero() -> None:
    document = new()
    raw = write(document, A, ("make", SLIP), ("put", SLIP, "kind", "need"))
    change = forge.parse(raw)
    assert (change.time, change.message, change.seq, change.deps) == (0, b"", 1, (ROOT,))
    assert document.heads() == (native.change_hash(raw),)
    assert document.applied() == 1
    assert document.changes_since(()) == (raw,)
    assert document.changes_since(document.heads()) == ()
    assert document.record_ids() == (SLIP,)


def test_what_changes_nothing_is_no_change() -> None:
    document = new()
    write(document, A, ("make", SLIP), ("put", SLIP, "rev", 1))
    assert document.edit(A, [("put", SLIP, "rev", 1)]) is None
    assert document.edit(A, [("delete", SLIP, "area")]) is None
    assert document.edit(A, []) is None
    assert document.applied() == 1


@pytest.mark.parametrize("value", ["", "ä", -1, True, False, b"\0", None, 0.5])
def test_a_scalar_comes_back_as_it_went(value: object) -> None:
    document = new()
    write(document, A, ("make", SLIP), ("put", SLIP, "f", value))
    (shown,) = values(document, "f")
    assert (shown, type(shown)) == (value, type(value))


def test_a_conflict_shows_both_values_and_one_edit_settles_it() -> None:
    document, raws = conflict()
    shown = document.records()[SLIP]["fields"]["rev"]
    assert [(value, actor, change) for value, _, actor, change in shown] == [
        (3, B, native.change_hash(raws[2])),
        (2, A, native.change_hash(raws[1])),
    ]
    write(document, A, ("put", SLIP, "rev", 2))
    assert values(document, "rev") == [2]


def test_writing_the_winner_of_a_conflict_deletes_the_others() -> None:
    document, _ = conflict()
    raw = write(document, A, ("put", SLIP, "rev", 3))
    assert [op.action for op in forge.parse(raw).ops] == [forge.DELETE]
    assert values(document, "rev") == [3]


def test_texts_inside_a_record() -> None:
    document = new()
    write(document, A, ("make", SLIP), ("put_in", SLIP, "texts", "de", "Wasser"))
    write(document, A, ("put_in", SLIP, "texts", "fr", "eau"))
    (texts,) = values(document, "texts")
    assert {key: [text for text, _, _ in entries] for key, entries in texts.items()} == {
        "de": ["Wasser"],
        "fr": ["eau"],
    }
    write(document, A, ("delete_in", SLIP, "texts", "de"))
    assert list(values(document, "texts")[0]) == ["fr"]


def test_two_maps_of_one_record_are_merged_and_settled() -> None:
    first, second = new(), new()
    by_a = write(first, A, ("make", SLIP), ("put", SLIP, "a", 1), ("put", SLIP, "rev", 1))
    take(second, write_apart := write(second, B, ("make", SLIP), ("put", SLIP, "rev", 2)))
    take(first, write_apart)
    take(second, by_a)
    assert first.records() == second.records()
    assert first.records()[SLIP]["maps"] == 2
    assert (values(first, "a"), values(first, "rev")) == ([1], [1, 2])
    settled = write(first, A, ("remake", SLIP, {"rev": 3, "texts": {"de": "Brot"}}))
    take(second, settled)
    assert second.records()[SLIP]["maps"] == 1
    assert (values(second, "a"), values(second, "rev")) == ([], [3])


def test_a_change_tells_its_edits() -> None:
    document, raws = conflict()
    head = native.change_hash
    assert document.edits(head(raws[0])) == (("make", SLIP), ("put", SLIP, "rev", 1))
    assert document.edits(head(raws[2])) == (("put", SLIP, "rev", 3),)
    edits: list[Any] = [
        [("put", SLIP, "f", value) for value in (b"x", None, True, 0.5, "text")],
        [("put_in", SLIP, "texts", "de", "Brot"), ("put_in", SLIP, "texts", "fr", "pain")],
        [("delete_in", SLIP, "texts", "fr"), ("delete", SLIP, "f")],
    ]
    for ops in edits:
        assert document.edits(head(write(document, A, *ops))) == tuple(ops)
    settled = write(document, A, ("put", SLIP, "rev", 3))
    assert document.edits(head(settled)) == (("put", SLIP, "rev", 3),)
    remade = write(document, A, ("remake", SLIP, {"rev": 4, "texts": {"de": "Brot"}}))
    assert document.edits(head(remade)) == (
        ("make", SLIP),
        ("put", SLIP, "rev", 4),
        ("put_in", SLIP, "texts", "de", "Brot"),
    )
    with pytest.raises(ValueError, match="accepted changes only"):
        document.edits(b"?" * 32)


def test_an_edit_waits_for_the_one_before() -> None:
    document = new()
    raw = document.edit(A, [("make", SLIP), ("put", SLIP, "rev", 1)])
    assert raw is not None
    assert document.records()[SLIP]["fields"]["rev"][0][3] is None
    for call in (lambda: document.edit(A, [("make", OTHER)]), lambda: document.apply([ROOT])):
        with pytest.raises(ValueError, match="not been accepted"):
            call()
    document.accept(A, "member", [raw])
    write(document, A, ("make", OTHER))


def test_an_actor_whose_changes_do_not_count_cannot_write() -> None:
    document, raws = conflict()
    document.rebuild([native.change_hash(raw) for raw in raws[:1]])
    with pytest.raises(ValueError, match="nonce"):
        document.edit(B, [("put", SLIP, "rev", 9)])
    assert not document.poisoned
    write(document, C, ("put", SLIP, "rev", 9))


@pytest.mark.parametrize(
    "edit",
    [
        ("make", "short"),
        ("make", SLIP),
        ("put", OTHER, "rev", 1),
        ("put", SLIP, "Rev", 1),
        ("put", SLIP, "rev", 2**80),
        ("put", SLIP, "rev", float("nan")),
        ("put", SLIP, "rev", "x" * 2_801),
        ("put_in", SLIP, "texts", "", "x"),
        ("put_in", SLIP, "texts", "k" * 97, "x"),
        ("delete", OTHER, "rev"),
        ("fly", SLIP),
        ("put", SLIP),
    ],
)
def test_an_edit_that_cannot_be_is_a_value_error(edit: Any) -> None:
    document = new()
    write(document, A, ("make", SLIP), ("put", SLIP, "rev", 1))
    before = document.records()
    with pytest.raises(ValueError, match=r"."):
        document.edit(A, [("put", SLIP, "area", "North"), edit])
    assert document.records() == before
    write(document, A, ("put", SLIP, "rev", 2))


@pytest.mark.parametrize(
    "edit", [None, "put", ("put", SLIP, "rev", object()), (1, 2), ["make", SLIP]]
)
def test_an_edit_of_another_type_is_a_type_error(edit: Any) -> None:
    with pytest.raises(TypeError):
        new().edit(A, [edit])


def test_too_much_for_one_change() -> None:
    document = new()
    ids = [f"{letter * 15}{number}" for letter in "abcdefghij" for number in range(2, 8)]
    texts: list[Any] = [e for i in ids for e in (("make", i), ("put", i, "t", "x" * 2_000))]
    with pytest.raises(ValueError, match="in parts"):
        document.edit(A, texts)
    fields: list[Any] = [("put", i, f"f{n}", n) for i in ids[:15] for n in range(40)]
    fields[:0] = [("make", i) for i in ids[:15]]
    with pytest.raises(ValueError, match="too many"):
        document.edit(A, fields)
    assert document.applied() == 0


# ---- what is accepted, applied, restored, kept


def test_metas_say_where_a_change_stands() -> None:
    document, raws = conflict()
    again = new()
    metas = again.restore(raws)
    assert metas[2].deps == (native.change_hash(raws[0]),)
    assert [meta.prev for meta in metas] == [b"", native.change_hash(raws[0]), b""]
    assert [(m.seq, m.start_op, m.ops, m.max_op) for m in metas] == [
        (1, 2, 2, 3),
        (2, 4, 1, 4),
        (1, 4, 1, 4),
    ]
    assert [meta.size for meta in metas] == [len(raw) for raw in raws]
    assert again.accept(A, "member", raws[:2]).metas == metas[:2]
    assert again.applied() == 0
    assert again.apply([meta.hash for meta in metas]) == (SLIP,)
    assert again.records() == document.records()
    assert "Meta(seq=1" in repr(metas[0])


def test_apply_wants_accepted_changes_in_causal_order() -> None:
    _, raws = conflict()
    document = new()
    first, second, third = (meta.hash for meta in document.restore(raws))
    for hashes in ([b"?" * 32], [second], [second, first], [third]):
        with pytest.raises(ValueError, match="apply takes"):
            document.apply(hashes)
    assert document.applied() == 0
    assert document.apply([ROOT, first, first, second]) == (SLIP,)
    assert document.apply([first, second]) == ()
    assert document.applied() == 2


def test_two_branches_are_held_but_not_applied_together() -> None:
    document = new()
    stem = write(document, A, ("make", SLIP), ("put", SLIP, "rev", 1))
    left = write(document, A, ("put", SLIP, "rev", 2))
    copy = new()
    take(copy, stem)
    right = write(copy, A, ("put", SLIP, "rev", 3))
    assert document.accept(A, "member", [stem, right]).forks == (2,)
    with pytest.raises(ValueError, match="both count"):
        document.apply([native.change_hash(right)])
    assert document.statistics()["chains"] == 2
    # A change that follows either branch is judged by that branch alone.
    for actor, branch in ((B, left), (C, right)):
        reader = new()
        take(reader, stem, branch)
        follower = write(reader, actor, ("put", SLIP, "rev", 4))
        assert document.accept(actor, "member", [follower]).outcome == "accepted"
    document.rebuild([native.change_hash(stem)])
    assert values(document, "rev") == [1]


def test_save_load_and_export() -> None:
    document, raws = conflict()
    again = new()
    again.restore(raws)
    again.load(document.save())
    assert (again.records(), again.heads(), again.applied()) == (
        document.records(),
        document.heads(),
        3,
    )
    write(again, C, ("put", SLIP, "area", "North"))
    assert document.export().startswith(forge.MAGIC)


@pytest.mark.parametrize("data", [b"", b"x", GENESIS, forge.MAGIC + b"\0" * 40])
def test_a_cache_file_that_does_not_fit_poisons(data: bytes) -> None:
    document, _ = conflict()
    if data == GENESIS:
        document.load(data)
        assert document.applied() == 0
        return
    with pytest.raises(DocumentPoisoned):
        document.load(data)


def test_a_cache_file_of_unknown_changes_poisons() -> None:
    document, _ = conflict()
    with pytest.raises(DocumentPoisoned):
        new().load(document.save())


def test_a_poisoned_document_answers_so_for_ever() -> None:
    document = new()
    with pytest.raises(DocumentPoisoned) as caught:
        document.restore([b"nonsense"])
    assert "build it again" in str(caught.value)
    assert document.poisoned
    calls: Sequence[Any] = [
        document.applied,
        document.heads,
        document.records,
        document.record_ids,
        document.export,
        document.save,
        document.statistics,
        lambda: document.load(b""),
        lambda: document.apply([]),
        lambda: document.rebuild([]),
        lambda: document.restore([]),
        lambda: document.changes_since([]),
        lambda: document.edit(A, []),
        lambda: document.check(A, "member", [b""]),
        lambda: document.accept(A, "member", [b""]),
    ]
    for call in calls:
        with pytest.raises(DocumentPoisoned):
            call()
    assert isinstance(caught.value, Exception)


def test_restore_takes_causal_order_only() -> None:
    _, raws = conflict()
    document = new()
    with pytest.raises(DocumentPoisoned, match="stored change 0"):
        document.restore(raws[1:])


# ---- arguments


def test_arguments_are_checked() -> None:
    document = new()
    with pytest.raises(ValueError, match="16 bytes"):
        native.genesis(b"short")
    for raw in (b"", b"x" * 200, GENESIS[:-1], GENESIS + b"\0"):
        with pytest.raises(ValueError, match="not a change"):
            native.change_hash(raw)
        with pytest.raises(ValueError, match="not a genesis"):
            native.Document(raw)
    raw = write(document, A, ("make", SLIP))
    with pytest.raises(ValueError, match="genesis"):
        native.Document(raw)
    with pytest.raises(ValueError, match="G1 to G17"):
        native.Document(GENESIS, without="G18")
    with pytest.raises(ValueError, match="standing"):
        document.check(A, "friend", [raw])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        document.check(A, "member", [])
    with pytest.raises(ValueError, match="32 bytes"):
        document.apply([b"short"])
    with pytest.raises(ValueError, match="36 bytes"):
        document.edit(b"short", [])
    with pytest.raises(TypeError):
        document.check(A, "member", ["text"])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        document.check("A", "member", [raw])  # type: ignore[arg-type]
    assert not document.poisoned


# ---- hostile bytes

_, HONEST = conflict()


@given(st.binary(max_size=300))
def test_any_bytes_get_a_verdict(data: bytes) -> None:
    document = new()
    assert document.check(A, "member", [data]).outcome == "refused"
    assert document.check(A, "member", [forge.frame(1, data)]).outcome in {"refused", "waiting"}
    assert not document.poisoned


@given(st.data())
def test_damaged_changes_get_a_verdict(data: st.DataObject) -> None:
    """Bytes of a body are changed and the checksum is made right; what passes also applies."""
    raw = bytearray(data.draw(st.sampled_from(HONEST)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(11, len(raw) - 1))] = data.draw(st.integers(0, 255))
    damaged = forge.frame(1, bytes(raw[11:]))
    document = new()
    document.restore(HONEST)
    document.apply([native.change_hash(good) for good in HONEST])
    verdict = document.accept(bytes(raw)[:0] or A, "member", [damaged])
    if verdict.outcome == "accepted" and not verdict.forks:
        document.apply([meta.hash for meta in verdict.metas])
        document.load(document.save())
    assert not document.poisoned


def test_a_bomb_is_counted_before_it_is_unpacked() -> None:
    """168 bytes that claim ten million operations."""
    change = forge.parse(HONEST[0])
    bomb = forge.with_column(change, forge.ACTION, forge.signed(10_000_000) + b"\1")
    verdict = new().check(A, "member", [forge.encode(bomb)])
    assert (verdict.outcome, verdict.rule) == ("refused", "G10")


def test_details_never_quote_content() -> None:
    secret = "sickroom"
    change = forge.parse(HONEST[0])
    chance = random.Random(5)
    for _ in range(200):
        op = chance.choice(change.ops)
        odd = forge.Op(chance.randrange(8), op.obj, secret * chance.randrange(1, 14), pred=op.pred)
        run = forge.encode(replace(change, ops=(odd, *change.ops)))
        verdict = new().check(A, "member", [run])
        assert verdict.outcome == "refused"
        assert secret not in verdict.detail + repr(verdict)


def test_calls_from_threads_take_turns() -> None:
    document, raws = conflict()
    outcomes = list[str]()

    def ask() -> None:
        for _ in range(50):
            outcomes.append(document.check(A, "member", raws[:2]).outcome)
            document.records()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["accepted"] * 200
