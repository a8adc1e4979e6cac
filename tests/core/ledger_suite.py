"""What every ledger must do. Derive a test class from LedgerSuite and give it `ledger`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from meshaid import limits
from meshaid.core.fields import Value
from meshaid.core.ledger import AddressRow, CardRow, DocumentRow, Ledger, MeetingRow, NoteRow
from meshaid.errors import InvalidInput

GENESIS, OTHER_GENESIS = b"g" * 32, b"h" * 32
MEMBER, NEIGHBOUR = b"m" * 32, b"n" * 32
DEVICE = b"d" * 32
DOCUMENT = DocumentRow(GENESIS, MEMBER, 1, bytes(16), b"clock", b"s" * 32, 3)


@dataclass(frozen=True)
class Change:
    hash: bytes
    raw: bytes


NOTE = NoteRow(b"i" * 32, MEMBER, b"s" * 10, "contact", 7, DEVICE, 9)

FIRST, SECOND, THIRD = (Change(bytes([n]) * 32, b"raw" * n) for n in (9, 5, 7))


class PlannedError(Exception):
    """Raised by tests inside a transaction."""


def record(**fields: Value) -> dict[str, list[Value]]:
    """A record in which no field has values in conflict."""
    return {name: [value] for name, value in fields.items()}


def fail_after(ledger: Ledger, *writes: Callable[[], object]) -> None:
    """Run these in a transaction that then fails."""
    with ledger.transaction():
        for write in writes:
            write()
        raise PlannedError


def put(ledger: Ledger, member: bytes, **records: dict[str, list[Value]]) -> None:
    with ledger.transaction():
        ledger.put_records(member, records)


class LedgerSuite:
    """The promises of `core.ledger.Ledger`, one test each."""

    # ---- transactions
    def test_reads_see_the_running_transaction(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.put_setting("name", b"value")
            assert ledger.setting("name") == b"value"
        assert ledger.setting("name") == b"value"

    def test_an_error_takes_back_the_whole_transaction(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.put_setting("kept", b"before")
            ledger.put_document(DOCUMENT)
            ledger.add_changes(GENESIS, [FIRST])
            ledger.put_records(MEMBER, {"r": record(title="Water")})
        salt = {"r": record(title="Bread"), "s": record(title="Salt")}
        with pytest.raises(PlannedError):
            fail_after(
                ledger,
                lambda: ledger.put_setting("kept", b"after"),
                lambda: ledger.put_setting("new", b""),
                lambda: ledger.put_card(CardRow(b"c", b"wire", "effective")),
                lambda: ledger.put_document(replace(DOCUMENT, changes=99)),
                lambda: ledger.add_changes(GENESIS, [SECOND]),
                lambda: ledger.put_signature(GENESIS, FIRST.hash, b"x" * 64),
                lambda: ledger.put_records(MEMBER, salt),
                lambda: ledger.remember_address(AddressRow("192.0.2.1:7", None, 5)),
                lambda: ledger.put_meeting(MeetingRow(DEVICE, 5)),
                lambda: ledger.put_note(NOTE, b"the bytes"),
            )
        assert ledger.setting("kept") == b"before"
        assert ledger.setting("new") is None
        assert ledger.cards() == []
        assert ledger.documents() == [DOCUMENT]
        assert ledger.changes(GENESIS) == [(FIRST.raw, None)]
        assert [row.fields["title"] for row in ledger.records()] == [["Water"]]
        assert ledger.search("water") == {(MEMBER, "r")}
        assert ledger.search("bread") == ledger.search("salt") == set()
        assert ledger.addresses() == []
        assert ledger.meetings() == []
        assert ledger.notes() == []

    def test_a_transaction_can_follow_a_failed_one(self, ledger: Ledger) -> None:
        with pytest.raises(PlannedError):
            fail_after(ledger)
        with ledger.transaction():
            ledger.put_setting("name", b"value")
        assert ledger.setting("name") == b"value"

    def test_a_transaction_within_a_transaction_is_a_bug(self, ledger: Ledger) -> None:
        inner = [lambda: ledger.put_setting("inner", b"2")]
        with pytest.raises(RuntimeError, match="open already"):
            fail_after(
                ledger,
                lambda: ledger.put_setting("outer", b"1"),
                lambda: fail_after(ledger, *inner),
            )
        assert ledger.setting("outer") is None
        assert ledger.setting("inner") is None

    def test_writing_outside_a_transaction_is_a_bug(self, ledger: Ledger) -> None:
        writes: list[Callable[[], object]] = [
            lambda: ledger.put_setting("name", b"value"),
            lambda: ledger.put_setting("name", None),
            lambda: ledger.put_card(CardRow(b"c", b"wire", "pending")),
            lambda: ledger.drop_card(b"c"),
            lambda: ledger.put_document(DOCUMENT),
            lambda: ledger.drop_document(GENESIS),
            lambda: ledger.add_changes(GENESIS, [FIRST]),
            lambda: ledger.put_signature(GENESIS, FIRST.hash, None),
            lambda: ledger.put_records(MEMBER, {"r": record(title="Water")}),
            lambda: ledger.put_records(MEMBER, {"r": None}),
            lambda: ledger.drop_records(MEMBER),
            lambda: ledger.remember_address(AddressRow("192.0.2.1:7", None, 5)),
            lambda: ledger.forget_address("192.0.2.1:7"),
            lambda: ledger.put_meeting(MeetingRow(DEVICE, 5)),
            lambda: ledger.drop_meeting(DEVICE),
            lambda: ledger.put_note(NOTE, b"the bytes"),
            lambda: ledger.drop_note(NOTE.id),
        ]
        for write in writes:
            with pytest.raises(RuntimeError, match="needs a transaction"):
                write()
        assert ledger.setting("name") is None
        assert not ledger.cards()
        assert not ledger.documents()
        assert not ledger.records()

    # ---- settings
    def test_settings(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.put_setting("empty", b"")
            ledger.put_setting("name", b"old")
            ledger.put_setting("name", b"new")
        assert ledger.setting("empty") == b""
        assert ledger.setting("name") == b"new"
        assert ledger.setting("never put") is None
        with ledger.transaction():
            ledger.put_setting("name", None)
            ledger.put_setting("never put", None)
        assert ledger.setting("name") is None

    # ---- cards
    def test_cards_keep_the_order_in_which_they_came(self, ledger: Ledger) -> None:
        cards = [CardRow(bytes([n]) * 32, b"wire %d" % n, "pending") for n in (7, 3, 5)]
        with ledger.transaction():
            for card in cards:
                ledger.put_card(card)
        now_effective = replace(cards[0], state="effective")
        with ledger.transaction():
            ledger.put_card(now_effective)
        assert ledger.cards() == [now_effective, *cards[1:]]
        with ledger.transaction():
            ledger.drop_card(cards[1].hash)
            ledger.drop_card(b"no such card")
        assert ledger.cards() == [now_effective, cards[2]]

    # ---- documents
    def test_documents_are_ordered_by_genesis(self, ledger: Ledger) -> None:
        other = replace(DOCUMENT, genesis=OTHER_GENESIS, epoch=2, clock=b"", state=b"")
        with ledger.transaction():
            ledger.put_document(other)
            ledger.put_document(replace(DOCUMENT, changes=1))
            ledger.put_document(DOCUMENT)
        assert ledger.documents() == [DOCUMENT, other]

    def test_changes_keep_the_order_of_acceptance(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.add_changes(GENESIS, [FIRST])
            ledger.put_document(DOCUMENT)
            ledger.add_changes(OTHER_GENESIS, [SECOND])
            ledger.add_changes(GENESIS, [SECOND, THIRD])
        with ledger.transaction():
            ledger.put_document(replace(DOCUMENT, changes=4))
            ledger.add_changes(GENESIS, [])
        raws = [(change.raw, None) for change in (FIRST, SECOND, THIRD)]
        assert ledger.changes(GENESIS) == raws
        assert ledger.changes(OTHER_GENESIS) == [(SECOND.raw, None)]
        assert ledger.changes(b"unknown") == []
        assert [row.genesis for row in ledger.documents()] == [GENESIS]

    def test_a_held_change_keeps_its_place_and_signature(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.add_changes(GENESIS, [FIRST, SECOND])
            ledger.put_signature(GENESIS, FIRST.hash, b"x" * 64)
            ledger.add_changes(GENESIS, [SECOND, FIRST, THIRD])
        assert ledger.changes(GENESIS) == [
            (FIRST.raw, b"x" * 64),
            (SECOND.raw, None),
            (THIRD.raw, None),
        ]

    def test_signatures_come_and_go(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.add_changes(GENESIS, [FIRST, SECOND])
            ledger.put_signature(GENESIS, FIRST.hash, b"x" * 64)
            ledger.put_signature(GENESIS, SECOND.hash, b"y" * 64)
            ledger.put_signature(GENESIS, SECOND.hash, b"z" * 64)
        assert [signature for _, signature in ledger.changes(GENESIS)] == [b"x" * 64, b"z" * 64]
        with ledger.transaction():
            ledger.put_signature(GENESIS, FIRST.hash, None)
            ledger.put_signature(GENESIS, FIRST.hash, None)
        assert [signature for _, signature in ledger.changes(GENESIS)] == [None, b"z" * 64]

    def test_no_signature_without_its_change(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.add_changes(GENESIS, [FIRST])
        for genesis, change_hash in ((GENESIS, SECOND.hash), (OTHER_GENESIS, FIRST.hash)):
            with pytest.raises(ValueError, match="no such change"), ledger.transaction():
                ledger.put_signature(genesis, change_hash, b"x" * 64)

    def test_dropping_a_document_leaves_the_others(self, ledger: Ledger) -> None:
        other = replace(DOCUMENT, genesis=OTHER_GENESIS)
        with ledger.transaction():
            for row in (DOCUMENT, other):
                ledger.put_document(row)
                ledger.add_changes(row.genesis, [FIRST, SECOND])
                ledger.put_signature(row.genesis, SECOND.hash, b"x" * 64)
            ledger.put_records(MEMBER, {"r": record(title="Water")})
        with ledger.transaction():
            ledger.drop_document(GENESIS)
            ledger.drop_document(b"no such document")
        assert ledger.documents() == [other]
        assert ledger.changes(GENESIS) == []
        assert ledger.changes(OTHER_GENESIS) == [(FIRST.raw, None), (SECOND.raw, b"x" * 64)]
        assert len(ledger.records()) == 1
        with ledger.transaction():
            ledger.add_changes(GENESIS, [SECOND])
        assert ledger.changes(GENESIS) == [(SECOND.raw, None)]

    # ---- records
    def test_every_type_of_value_comes_back(self, ledger: Ledger) -> None:
        fields: dict[str, list[Value]] = {
            "title": ["water", "Wasser", ""],
            "quantity": [10_000, -(2**53), 0],
            "substitutes_ok": [True, False, None],
            "raw": [b"\x00\xff"],
            "share": [0.5],
            "texts": [{"es": "agua", "ar": "ماء"}, {}],
        }
        with ledger.transaction():
            ledger.put_records(MEMBER, {"r": fields, "bare": {}})
        row = ledger.record(MEMBER, "r")
        assert row is not None
        assert (row.member, row.record_id, row.fields) == (MEMBER, "r", fields)
        assert [type(value) for value in row.fields["substitutes_ok"]] == [bool, bool, type(None)]
        bare = ledger.record(MEMBER, "bare")
        assert bare is not None
        assert bare.fields == {}

    def test_what_is_put_or_read_can_be_changed_without_harm(self, ledger: Ledger) -> None:
        fields = record(title="Water", texts={"es": "agua"})
        put(ledger, MEMBER, r=fields)
        fields["title"][0] = "changed by the writer"
        ledger.records()[0].fields["title"][0] = "changed by a reader"
        row = ledger.record(MEMBER, "r")
        assert row is not None
        assert row.fields == record(title="Water", texts={"es": "agua"})

    def test_records_are_replaced_and_removed_one_by_one(self, ledger: Ledger) -> None:
        put(ledger, MEMBER, a=record(title="apples", lang="en"), b=record(title="bread"))
        put(ledger, NEIGHBOUR, a=record(title="apples"))
        with ledger.transaction():
            ledger.put_records(MEMBER, {"a": record(title="pears"), "b": None, "gone": None})
        assert [(row.member, row.record_id) for row in ledger.records()] == [
            (MEMBER, "a"),
            (NEIGHBOUR, "a"),
        ]
        assert [row.fields for row in ledger.records(MEMBER)] == [record(title="pears")]
        assert ledger.record(MEMBER, "b") is None
        assert ledger.search("apples") == {(NEIGHBOUR, "a")}
        assert ledger.search("pears") == {(MEMBER, "a")}
        assert ledger.search("bread") == set()

    def test_dropping_all_records_of_a_member(self, ledger: Ledger) -> None:
        put(ledger, MEMBER, a=record(title="apples"), b=record(title="bread"))
        put(ledger, NEIGHBOUR, a=record(title="apples"))
        with ledger.transaction():
            ledger.drop_records(MEMBER)
        assert [row.member for row in ledger.records()] == [NEIGHBOUR]
        assert ledger.search("apples") == {(NEIGHBOUR, "a")}

    def test_the_newest_record_comes_first(self, ledger: Ledger) -> None:
        put(
            ledger,
            NEIGHBOUR,
            old=record(created_at=5),
            new=record(created_at=50),
            ancient=record(created_at=-(2**53)),
            undated=record(title="half-merged"),
            nonsense=record(created_at="soon"),
            yes=record(created_at=True),
        )
        put(ledger, MEMBER, old=record(created_at=5), older=record(created_at=4))
        assert [(row.member[:1], row.record_id) for row in ledger.records()] == [
            (b"n", "new"),
            (b"m", "old"),
            (b"n", "old"),
            (b"m", "older"),
            (b"n", "ancient"),
            (b"n", "nonsense"),
            (b"n", "undated"),
            (b"n", "yes"),
        ]

    def test_each_record_is_what_is_held_when_it_is_asked_for(self, ledger: Ledger) -> None:
        put(ledger, MEMBER, a=record(title="Water"), b=record(title="Bread"))
        held, each = ledger.records(), ledger.each_record()
        assert sorted(ledger.record_names()) == [(MEMBER, "a"), (MEMBER, "b")]
        put(ledger, MEMBER, a=record(title="Soup"), c=record(title="Rice"))
        assert sorted(each, key=str) == sorted(held, key=str)

    def test_records_are_selected_by_their_winning_values(self, ledger: Ledger) -> None:
        put(
            ledger,
            MEMBER,
            a=record(kind="need", category="water.drinking", area="North", status="open"),
            b={**record(kind="need", category="food.meals"), "status": ["closed", "open"]},
            c=record(kind="offer", category="water.drinking", area="north"),
            d=record(kind=7, category=None, status=b"open", area=True),
        )
        put(ledger, NEIGHBOUR, a=record(kind="need", status="open"))

        def ids(**wanted: str) -> list[str]:
            return [row.record_id for row in ledger.records(MEMBER, **wanted)]

        assert ids() == ["a", "b", "c", "d"]
        assert ids(kind="need") == ["a", "b"]
        assert ids(status="open") == ["a"]
        assert ids(category="water.drinking") == ["a", "c"]
        assert ids(area="North") == ["a"]
        assert ids(kind="offer", category="water.drinking") == ["c"]
        assert ids(kind="") == ids(kind="7") == []
        assert [row.member for row in ledger.records(kind="need", status="open")] == [
            MEMBER,
            NEIGHBOUR,
        ]

    # ---- search
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("insulin", "ab"),  # accents and case are folded, both ways
            ("INSULÍN", "ab"),
            ("insu", "ab"),  # beginnings of words
            ("sulin", ""),  # but not what stands inside or at the end
            ("in", ""),  # nor what is too short to mean one word
            ("insulin via", "a"),
            ("wash-bas", "e"),  # the last of what hangs together
            ("was-basin", ""),
            ("insulin vials", "a"),  # all words, in any order
            ("vials insulin", "a"),
            ("riverside", "a"),  # the area
            ("热饭", "c"),  # within 需要热饭
            ("饭热", ""),
            ("需要 热", "c"),
            ("ماء", "d"),  # written ماءٌ with a point
            ("agua", "e"),  # a map of texts
            ("k7-4q2", "f"),  # what hangs together must stand together
            ("4q2-k7", ""),
            ("brot", "g"),  # a value in conflict with the winner
            ("title", ""),  # not the names of fields
            ("need", ""),  # not codes
            ("12", "h"),  # digits of any script
            ("blanket", "h"),
            ("bread water", ""),
            ("rain bow", ""),
            ("duong", "j"),  # Vietnamese without accents
            ("đường", "j"),
            ("Nuoc sach", "j"),
            ("nuo", "j"),
            ("maker", ""),
            ("الماء", "d"),  # with the article, or without
            ("نظيفة", ""),
            ("مستشفى", "k"),  # as another keyboard writes it
            ("مستش", "k"),
            ("热", "c"),
            ("100", ""),  # a number is not the beginning of another one
            ("1000", "l"),
        ],
    )
    def test_search(self, ledger: Ledger, query: str, found: str) -> None:
        put(
            ledger,
            MEMBER,
            a=record(kind="need", title="Insulin, 2 vials", area="Riverside north"),
            b=record(title="insulín"),
            c=record(text="我们需要热饭"),
            d=record(title="ماءٌ نظيف"),
            e=record(texts={"en": "clean wash-basin", "es": "Agua limpia"}),
            f=record(ref="K7-4Q2"),
            g={"title": ["Bread", "Brot"]},
            h=record(title="١٢ blankets"),
            i=record(title="rainbow", text=b"rain", area=7),
            j=record(title="Nước sạch", area="Đường Láng"),
            k=record(title="والمستشفي"),
            l=record(title="1000 cups"),
        )
        assert ledger.search(query) == {(MEMBER, record_id) for record_id in found}

    def test_no_phrase_is_found_across_two_texts(self, ledger: Ledger) -> None:
        put(ledger, MEMBER, a=record(title="需要热", text="饭"), b={"title": ["hot", "meals"]})
        assert ledger.search("热饭") == ledger.search("hot-meals") == set()
        assert ledger.search("热 饭") == {(MEMBER, "a")}
        assert ledger.search("hot meals") == {(MEMBER, "b")}

    @pytest.mark.parametrize("query", ["", "  ", "?!", '"', '""', "\ue000"])
    def test_no_words_find_nothing(self, ledger: Ledger, query: str) -> None:
        put(ledger, MEMBER, a=record(title='? ! " \ue000'), b=record(title="water"))
        assert ledger.search(query) == set()

    @pytest.mark.parametrize(
        "query", ['water"', "water*", "NOT water", "words:water", "(water", "^water", "near(water"]
    )
    def test_a_search_has_no_syntax(self, ledger: Ledger, query: str) -> None:
        put(ledger, MEMBER, a=record(title="not water near water words water"))
        assert ledger.search(query) == {(MEMBER, "a")}

    def test_a_search_has_a_longest_form(self, ledger: Ledger) -> None:
        put(ledger, MEMBER, a=record(title="water"))
        longest = " ".join(["water"] * limits.SEARCH_WORDS)
        assert ledger.search(longest) == {(MEMBER, "a")}
        with pytest.raises(InvalidInput, match="at most 32 words"):
            ledger.search(longest + "-water")

    # ---- sealed notes
    def test_notes_come_and_go(self, ledger: Ledger) -> None:
        other = replace(NOTE, id=b"a" * 32, kind="erasure", number=2**53, size=3)
        with ledger.transaction():
            ledger.put_note(NOTE, b"the bytes")
            ledger.put_note(other, b"one")
        assert ledger.notes() == [other, NOTE], "ordered by id"
        assert ledger.note(NOTE.id) == b"the bytes"
        assert ledger.note(b"unknown") is None
        again = replace(NOTE, device=b"e" * 32)
        with ledger.transaction():
            ledger.put_note(again, b"the bytes")
            ledger.drop_note(other.id)
            ledger.drop_note(b"unknown")
        assert ledger.notes() == [again]
        assert ledger.note(other.id) is None
        ledger.scrub()
        assert ledger.notes() == [again]

    def test_scrubbing_within_a_transaction_is_a_bug(self, ledger: Ledger) -> None:
        with pytest.raises(RuntimeError, match="outside a transaction"), ledger.transaction():
            ledger.scrub()

    # ---- the address book and past meetings
    def test_the_address_remembered_last_comes_first(self, ledger: Ledger) -> None:
        rows = [AddressRow(f"192.0.2.{n}:7", DEVICE if n % 2 else None, 100 - n) for n in range(3)]
        with ledger.transaction():
            for row in rows:
                ledger.remember_address(row)
        assert ledger.addresses() == rows[::-1]
        renewed = replace(rows[0], device=DEVICE, met_at=7)
        with ledger.transaction():
            ledger.remember_address(renewed)
        assert ledger.addresses() == [renewed, rows[2], rows[1]]
        with ledger.transaction():
            ledger.forget_address(rows[2].address)
            ledger.forget_address("192.0.2.99:7")
        assert ledger.addresses() == [renewed, rows[1]]

    def test_the_address_book_is_bounded(self, ledger: Ledger) -> None:
        rows = [AddressRow(f"[2001:db8::{n}]:7", None, 0) for n in range(limits.MAX_ADDRESSES + 3)]
        with ledger.transaction():
            for row in rows:
                ledger.remember_address(row)
            ledger.remember_address(rows[3])
            ledger.remember_address(AddressRow("192.0.2.1:7", None, 0))
        held = [row.address for row in ledger.addresses()]
        assert len(held) == limits.MAX_ADDRESSES
        assert held[:3] == ["192.0.2.1:7", rows[3].address, rows[-1].address]
        assert held[-1] == rows[5].address

    def test_meetings(self, ledger: Ledger) -> None:
        with ledger.transaction():
            ledger.put_meeting(MeetingRow(b"e" * 32, 5))
            ledger.put_meeting(MeetingRow(DEVICE, 9))
            ledger.put_meeting(MeetingRow(DEVICE, 8))
        assert ledger.meetings() == [MeetingRow(DEVICE, 8), MeetingRow(b"e" * 32, 5)]
        with ledger.transaction():
            ledger.drop_meeting(DEVICE)
            ledger.drop_meeting(DEVICE)
        assert ledger.meetings() == [MeetingRow(b"e" * 32, 5)]

    def test_content_is_not_in_a_repr(self, ledger: Ledger) -> None:
        put(ledger, MEMBER, a=record(title="Insulin"))
        with ledger.transaction():
            ledger.put_card(CardRow(b"c", b"Shown Name", "effective"))
            ledger.put_note(NOTE, b"the bytes")
        assert "Insulin" not in repr(ledger.records())
        assert "Shown Name" not in repr(ledger.cards())
