"""The store and the ledger in memory, driven by the same steps, hold the same at every step."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from meshaid.core.fields import Value
from meshaid.core.ledger import AddressRow, CardRow, DocumentRow, Ledger, MeetingRow, NoteRow
from meshaid.store import Store
from meshaid.testing import MemoryLedger
from tests.core.ledger_suite import Change, PlannedError, fail_after

KEY = bytes(range(32))
WORDS = ["water", "Wasser", "insulín", "需要热饭", "热饭", "ماءٌ", "K7-4Q2", "물이", "", "!?"]

settings_names = st.sampled_from(["identity", "nonce", "install"])
hashes = st.sampled_from([bytes([n]) * 32 for n in range(1, 6)])
geneses = st.sampled_from([b"g" * 32, b"h" * 32])
members = st.sampled_from([b"m" * 32, b"n" * 32])
record_ids = st.sampled_from(["a", "b", "c"])
addresses = st.sampled_from([f"192.0.2.{n}:7" for n in range(40)])
texts = st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join) | st.text(max_size=8)
values: st.SearchStrategy[Value] = st.one_of(
    texts,
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.none(),
    st.binary(max_size=4),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.sampled_from(["en", "ar", "zh"]), texts, max_size=2),
)
field_names = st.sampled_from(
    ["title", "text", "texts", "kind", "status", "category", "area", "created_at", "ref", "lang"]
)
records = st.dictionaries(field_names, st.lists(values, min_size=1, max_size=3), max_size=6)
documents = st.builds(
    DocumentRow,
    genesis=geneses,
    member=members,
    epoch=st.integers(1, 256),
    nonce=st.binary(min_size=16, max_size=16),
    clock=st.binary(max_size=50),
    state=st.just(b"") | st.binary(min_size=32, max_size=32),
    changes=st.integers(0, 20_000),
)

Step = Callable[[Ledger], object]


def remember(ledger: Ledger, row: AddressRow) -> None:
    ledger.remember_address(row)


class LedgersAgree(RuleBasedStateMachine):
    """Steps are collected; then one transaction does them in both, or fails in both."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store.create(self.folder, KEY)
        self.memory = MemoryLedger()
        self.steps: list[Step] = []

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    # ---- what a transaction can do
    @rule(name=settings_names, value=st.none() | st.binary(max_size=50))
    def setting(self, name: str, value: bytes | None) -> None:
        self.steps.append(lambda ledger: ledger.put_setting(name, value))

    @rule(card_hash=hashes, wire=st.binary(max_size=50), effective=st.booleans())
    def card(self, card_hash: bytes, wire: bytes, effective: bool) -> None:
        row = CardRow(card_hash, wire, "effective" if effective else "pending")
        self.steps.append(lambda ledger: ledger.put_card(row))

    @rule(card_hash=hashes)
    def drop_card(self, card_hash: bytes) -> None:
        self.steps.append(lambda ledger: ledger.drop_card(card_hash))

    @rule(row=documents)
    def document(self, row: DocumentRow) -> None:
        self.steps.append(lambda ledger: ledger.put_document(row))

    @rule(genesis=geneses, added=st.lists(st.builds(Change, hashes, st.binary(max_size=50))))
    def changes(self, genesis: bytes, added: list[Change]) -> None:
        self.steps.append(lambda ledger: ledger.add_changes(genesis, added))

    @rule(genesis=geneses, change_hash=hashes, kept=st.none() | st.binary(min_size=64, max_size=64))
    def signature(self, genesis: bytes, change_hash: bytes, kept: bytes | None) -> None:
        self.steps.append(lambda ledger: ledger.put_signature(genesis, change_hash, kept))

    @rule(genesis=geneses)
    def drop_document(self, genesis: bytes) -> None:
        self.steps.append(lambda ledger: ledger.drop_document(genesis))

    @rule(member=members, put=st.dictionaries(record_ids, st.none() | records))
    def records(self, member: bytes, put: dict[str, dict[str, list[Value]] | None]) -> None:
        self.steps.append(lambda ledger: ledger.put_records(member, put))

    @rule(member=members)
    def drop_records(self, member: bytes) -> None:
        self.steps.append(lambda ledger: ledger.drop_records(member))

    @rule(remembered=st.lists(addresses, min_size=1, max_size=20), met_at=st.integers(0, 2**40))
    def address(self, remembered: list[str], met_at: int) -> None:
        rows = [AddressRow(one, None, met_at) for one in remembered]
        self.steps += [partial(remember, row=row) for row in rows]

    @rule(address=addresses)
    def forget(self, address: str) -> None:
        self.steps.append(lambda ledger: ledger.forget_address(address))

    @rule(device=hashes, at=st.integers(0, 2**40))
    def meeting(self, device: bytes, at: int) -> None:
        self.steps.append(lambda ledger: ledger.put_meeting(MeetingRow(device, at)))

    @rule(note_id=hashes, author=members, wire=st.binary(min_size=1, max_size=50))
    def note(self, note_id: bytes, author: bytes, wire: bytes) -> None:
        row = NoteRow(note_id, author, b"s" * 10, "contact", len(wire), b"d" * 32, len(wire))
        self.steps.append(lambda ledger: ledger.put_note(row, wire))

    @rule(note_id=hashes)
    def drop_note(self, note_id: bytes) -> None:
        self.steps.append(lambda ledger: ledger.drop_note(note_id))

    # ---- how it ends
    @rule()
    def commit(self) -> None:
        assert self.outcome(self.store) == self.outcome(self.memory)
        self.steps.clear()

    def outcome(self, ledger: Ledger) -> str:
        """All steps in one transaction; what stopped it (a signature without its change)."""
        try:
            with ledger.transaction():
                for step in self.steps:
                    step(ledger)
        except ValueError as error:
            return str(error)
        return "done"

    @rule()
    def fail(self) -> None:
        for ledger in (self.store, self.memory):
            writes = [partial(step, ledger) for step in self.steps]
            with pytest.raises((PlannedError, ValueError)):
                fail_after(ledger, *writes)
        self.steps.clear()

    @rule()
    def scrub(self) -> None:
        self.store.scrub()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder, KEY)
        self.memory = self.memory.reopen()

    # ---- what must hold
    @invariant()
    def agree(self) -> None:
        assert everything(self.store) == everything(self.memory)

    @rule(words=texts)
    def search(self, words: str) -> None:
        assert self.store.search(words) == self.memory.search(words)

    @rule(member=st.none() | members, name=st.sampled_from(["kind", "area"]), value=texts)
    def select(self, member: bytes | None, name: str, value: str) -> None:
        chosen = self.store.records(member, **{name: value})
        assert chosen == self.memory.records(member, **{name: value})


def everything(ledger: Ledger) -> list[object]:
    return [
        [ledger.setting(name) for name in ("identity", "nonce", "install")],
        ledger.cards(),
        ledger.documents(),
        [ledger.changes(genesis) for genesis in (b"g" * 32, b"h" * 32)],
        ledger.records(),
        ledger.addresses(),
        ledger.meetings(),
        [(row, ledger.note(row.id)) for row in ledger.notes()],
        sorted(ledger.record_names()),
        [ledger.search(words) for words in WORDS],
    ]


TestLedgersAgree = LedgersAgree.TestCase
TestLedgersAgree.settings = settings(max_examples=40, stateful_step_count=30)
