"""Records: entry by people, reading of whatever a document holds, edits and closing."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.fields import FIELD_NAME, Value
from meshaid.core.records import (
    close_fields,
    edit_fields,
    expires_at,
    has_expired,
    new_record,
    read_record,
    validate_fields,
)
from meshaid.core.schema import BANNED_FIELDS, KINDS, RESERVED
from meshaid.errors import InvalidInput
from tests.core.boards import NOW, board, record, reference, stored

REF = reference("ada", "one")
HOUR = 3600


# ---- the schema itself


def test_no_field_is_named_for_contact_details() -> None:
    names = {name for kind in KINDS.values() for name in kind.fields}
    names |= {name for fields in RESERVED.values() for name in fields}
    assert len(names) > 80
    for name in names:
        assert BANNED_FIELDS.isdisjoint(name.split("_")), name


def test_every_kind_fits_the_caps_of_the_gate() -> None:
    for kind in KINDS.values():
        assert len(kind.fields) + 1 <= limits.MAX_RECORD_FIELDS
        assert all(FIELD_NAME.fullmatch(name) for name in kind.fields)
        assert not set(RESERVED.get(kind.code, ())) & kind.fields.keys()


# ---- entry


def test_a_title_alone_makes_a_need() -> None:
    assert new_record("need", {"title": " Insulin,\t2 vials "}, now=NOW, ref="C482912") == {
        "kind": "need",
        "title": "Insulin, 2 vials",
        "created_at": NOW,
        "ref": "C482912",
        "category": "other",
        "urgency": "today",
        "expires_at": NOW + 72 * HOUR,
        "rev": 1,
    }


@pytest.mark.parametrize(("life", "urgency"), [(True, "now"), (False, "today"), ("yes", "now")])
def test_a_need_that_is_a_matter_of_life_is_one_of_now(life: object, urgency: str) -> None:
    entered = {"title": "Trapped", "life_threatening": life}
    assert new_record("need", entered, now=NOW, ref="")["urgency"] == urgency
    said = new_record("need", {**entered, "urgency": "week"}, now=NOW, ref="")
    assert said["urgency"] == "week"


def test_defaults_of_other_kinds() -> None:
    offer = new_record("offer", {"title": "Soup"}, now=NOW, ref="")
    assert (offer["category"], offer["expires_at"]) == ("other", NOW + 72 * HOUR)
    assert offer.keys().isdisjoint({"urgency", "ref"})
    notice = new_record("notice", {"text": "Water is off"}, now=NOW, ref="")
    assert notice["expires_at"] == NOW + 48 * HOUR
    assert "category" not in notice
    pledge = new_record("pledge", {"need": REF, "quantity": 1, "unit": "L"}, now=NOW, ref="")
    assert "expires_at" not in pledge
    given = new_record(
        "need", {"title": "x", "created_at": "5", "expires_at": "9"}, now=NOW, ref=""
    )
    assert (given["created_at"], given["expires_at"]) == (5, 9)


@pytest.mark.parametrize(
    ("kind", "field", "entered", "written"),
    [
        ("need", "quantity", "2,5", 2_500),
        ("need", "quantity", Decimal("0.5"), 500),
        ("need", "unit", "Litres", "L"),
        ("need", "unit", "Kiste", "Kiste"),
        ("need", "urgency", " NOW ", "now"),
        ("need", "life_threatening", "yes", True),
        ("need", "life_threatening", "0", False),
        ("need", "life_threatening", True, True),
        ("need", "people", "٤", 4),
        ("need", "access", "wheelchair, hearing wheelchair", "hearing wheelchair"),
        ("need", "access", ["speech", "no_stairs"], "no_stairs speech"),
        ("need", "category", "Drinking water", "water.drinking"),
        ("need", "needed_by", "1970-01-01T01:00:01+01:00", 1),
        ("need", "duplicate_of", REF.upper(), REF),
        ("need", "title", "a\u202eb\nc", "a b c"),
        ("need", "text", "a\r\n\x00b", "a\n b"),
        ("need", "lang", "zh-Hant", "zh-Hant"),
        ("hub", "letter", "c", "C"),
        ("hub", "lat", "-1234", -1_234),
        ("hub", "lat", "-41.294", -4_129),
        ("hub", "lon", "+174.78", 17_478),
        ("hub", "lon", "180.00", 18_000),
        ("hub", "areas", " Hill;Mill ; ;Hill", "Hill; Mill"),
        ("hub", "areas", ["Hill", "Upper; Mill"], "Hill; Upper Mill"),
        ("hub", "langs", "en, es;zh-Hant en", "en es zh-Hant"),
        ("need", "ref", "c 482-912", "C482912"),
        ("notice", "texts", {"es": "hola", "en": "hello"}, {"en": "hello", "es": "hola"}),
        ("notice", "texts", '{"en": "hello"}', {"en": "hello"}),
    ],
)
def test_what_is_entered_and_what_is_written(
    kind: str, field: str, entered: object, written: Value
) -> None:
    fields = validate_fields(kind, {field: entered})
    assert fields == {field: written}
    assert type(fields[field]) is type(written)
    assert KINDS[kind].fields[field].fits(written)


@pytest.mark.parametrize(
    ("kind", "field", "entered", "says"),
    [
        ("need", "title", "x" * 81, "81 characters; shorten it to 80"),
        ("need", "title", 7, "must be text"),
        ("need", "quantity", "many", "a number above 0"),
        ("need", "quantity", 1.5, "text, int or Decimal"),
        ("need", "unit", "a very long unit name", "unit such as"),
        ("need", "urgency", "soon", "now, today, tomorrow, week, any"),
        ("need", "life_threatening", "perhaps", "yes or no"),
        ("need", "life_threatening", 2, "yes or no"),
        ("need", "people", "0", "from 1 to 10000"),
        ("need", "people", True, "from 1 to 10000"),
        ("need", "access", "stairs", "no_stairs, wheelchair"),
        ("need", "access", 5, "codes with blanks"),
        ("need", "needed_by", "tonight", "a time such as"),
        ("need", "needed_by", 1.5, "a time such as"),
        ("need", "duplicate_of", "abc", "MEMBER/RECORD"),
        ("need", "lang", "English!", "language tag"),
        ("need", "category", "wasser", "did you mean water"),
        ("need", "category", "?", "use one of water, food"),
        ("need", "urgency", "tody", "did you mean today?"),
        ("need", "access", "wheelchairs", "did you mean wheelchair?"),
        ("need", "titel", "x", "no field of kind need; did you mean title?"),
        ("need", "ref", "C482921", "misheard?"),
        ("need", "rev", 4, "no field"),
        ("need", "kind", "offer", "no field"),
        ("need", "phone", "1", "no field of kind need, which has category"),
        ("offer", "urgency", "now", "no field of kind offer"),
        ("hub", "letter", "I", "not I, O or X"),
        ("hub", "accepts", "Water!", "codes of a-z"),
        ("hub", "lat", "90.01", "degrees with a point"),
        ("hub", "lat", "north", "degrees with a point"),
        ("hub", "lon", -18_001, "from -18000 to 18000"),
        ("hub", "areas", "x" * 41, "shorten it to 40"),
        ("hub", "areas", ";".join("abcdefghijklm"), "13 names; the most is 12"),
        ("hub", "areas", {"a": "b"}, "names with ; between"),
        ("hub", "areas", 5, "names with ; between"),
        ("hub", "langs", "en English!", "language tag"),
        ("hub", "langs", 5, "language tags with blanks"),
        ("notice", "texts", "{", "1 to 12 languages"),
        ("notice", "texts", {"en": "x" * 701}, "shorten it to 700"),
        ("notice", "texts", {str(i): "x" for i in range(13)}, "1 to 12 languages"),
    ],
)
def test_a_refusal_names_the_field_and_what_would_be_right(
    kind: str, field: str, entered: object, says: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(says)) as caught:
        validate_fields(kind, {field: entered})
    assert str(caught.value).startswith(f"{field}: ")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="need, offer"):
        validate_fields("wish", {})
    with pytest.raises(InvalidInput, match="did you mean receipt"):
        validate_fields("reciept", {})


def test_all_faulty_fields_are_told_at_once() -> None:
    entered = {"title": "x" * 90, "quantity": "many", "unit": "L", "phone": "1", "people": "3"}
    with pytest.raises(InvalidInput) as caught:
        validate_fields("need", entered)
    told = caught.value.fields
    assert list(told) == ["title", "quantity", "phone"]
    assert told["title"] == "has 90 characters; shorten it to 80"
    assert str(caught.value) == "; ".join(f"{name}: {said}" for name, said in told.items())


def test_what_does_not_fit_and_what_does_not_go_together_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        new_record("need", {"urgency": "soonish", "per_unit": "L"}, now=NOW, ref="")
    assert set(caught.value.fields) == {"urgency", "per_pack", "title"}
    # What was given, but wrong, is not told to be missing as well.
    for entered in ({"title": "x" * 90}, {"category": "xyzzy"}):
        with pytest.raises(InvalidInput) as caught:
            new_record(
                "need", {"unit": "L", "per_pack": "?", "per_unit": "L", **entered}, now=NOW, ref=""
            )
        assert set(caught.value.fields) == {"per_pack", *entered}


def test_private_words_are_all_named() -> None:
    entered = {"category": "private", "title": "x", "text": "y", "people": 2, "unit": "L"}
    with pytest.raises(InvalidInput) as caught:
        new_record("need", entered, now=NOW, ref="")
    assert set(caught.value.fields) == {"title", "text", "people", "unit"}


def test_an_edit_tells_all_faults_at_once() -> None:
    need = record("ada", "one", "need", title="Water")
    with pytest.raises(InvalidInput) as caught:
        edit_fields(need, {"ref": "X314154", "created_at": 5, "people": 0}, now=NOW)
    assert set(caught.value.fields) == {"ref", "created_at", "people"}
    assert caught.value.fields["ref"].startswith("is set once")


def test_errors_that_are_about_no_single_field_name_none() -> None:
    with pytest.raises(InvalidInput) as caught:
        close_fields(record("ada", "one", "pledge", need=REF), "given")
    assert caught.value.fields == {}


def test_blank_cells_are_not_given() -> None:
    assert validate_fields("need", {"title": "  ", "text": None, "people": ""}) == {}


@pytest.mark.parametrize(
    ("kind", "entered", "says"),
    [
        ("need", {}, "title: say in a few words"),
        ("need", {"category": "other", "quantity": 2}, "title: say"),
        ("notice", {"topic": "hazard"}, "title: say"),
        ("need", {"title": "x", "per_pack": 9}, "per_unit: give per_pack together"),
        ("need", {"category": "private", "title": "x"}, "title: leave it empty"),
        ("need", {"category": "private", "text": "x"}, "text: leave it empty"),
        ("need", {"category": "private", "people": 3}, "people: leave it empty"),
        ("need", {"category": "care.talk", "title": "x"}, "as `private`"),
        ("pledge", {"quantity": 2, "unit": "L"}, "need: is needed"),
        ("pledge", {"need": REF, "unit": "L"}, "quantity: give how many"),
        ("receipt", {"need": REF}, "result: is needed"),
        ("flag", {"target": REF}, "reason: is needed"),
    ],
)
def test_fields_that_do_not_go_together(kind: str, entered: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(says)):
        new_record(kind, entered, now=NOW, ref="")


def test_private_and_public_care() -> None:
    private = new_record("need", {"category": "private", "area": "Dockside"}, now=NOW, ref="")
    assert private["area"] == "Dockside"
    assert new_record("offer", {"category": "care.talk"}, now=NOW, ref="")["kind"] == "offer"


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(sorted({n for k in KINDS.values() for n in k.fields})),
        st.one_of(
            *(st.text(), st.integers(), st.floats(), st.binary(), st.none(), st.booleans()),
            *(st.decimals(), st.lists(st.text()), st.dictionaries(st.text(), st.text())),
        ),
    ),
)
def test_whatever_is_entered_is_written_right_or_refused(
    kind: str, entered: dict[str, object]
) -> None:
    try:
        fields = new_record(kind, entered, now=NOW, ref="")
    except InvalidInput:
        return
    assert read_record(REF, {name: [value] for name, value in fields.items()}).readable


# ---- reading

SCALARS = st.one_of(
    *(st.text(), st.integers(), st.booleans(), st.binary(), st.none(), st.floats()),
    st.dictionaries(st.text(), st.text() | st.lists(st.text())),
)
NAMES = st.sampled_from([*KINDS["need"].fields, *KINDS["notice"].fields, "kind", "of_tomorrow"])
KIND_VALUES = st.sampled_from([*KINDS, "of_tomorrow"]) | SCALARS


@given(
    st.dictionaries(NAMES, st.lists(SCALARS)),
    st.lists(KIND_VALUES, max_size=2),
    st.lists(st.integers(0, 2**40), max_size=2),
)
def test_reading_never_raises(
    held: dict[str, list[Value]], kinds: list[Value], created: list[int]
) -> None:
    found = read_record(REF, {"created_at": created, **held, "kind": kinds})
    assert found.readable == (not found.reason)
    assert "kind" not in found.fields
    for values in found.conflicts.values():
        assert len(values) > 1
    shown = board(found, now=NOW)
    for kind in KINDS:
        for row in shown.rows(kind=kind, status="all"):
            row.as_json()


@pytest.mark.parametrize("name", sorted({n for k in KINDS.values() for n in k.fields}))
def test_a_known_field_of_the_wrong_type_makes_a_record_unreadable(name: str) -> None:
    for kind in KINDS.values():
        if name in kind.fields:
            found = read_record(REF, {"kind": [kind.code], "created_at": [1], name: [b"bytes"]})
            assert not found.readable
            assert found.reason.startswith(f"{name}: ")
            none = read_record(REF, {"kind": [kind.code], "created_at": [1], name: [None]})
            assert not none.readable


@pytest.mark.parametrize(
    ("field", "fits", "fails"),
    [
        ("title", "x" * 80, "x" * 81),
        ("title", "", "a\nb"),
        ("text", "x" * 700, "x" * 701),
        ("quantity", 10**12, 10**12 + 1),
        ("quantity", 1, 0),
        ("quantity", 1, 1.0),
        ("people", 10_000, 10_001),
        ("people", 1, True),
        ("life_threatening", True, 1),
        ("urgency", "of_tomorrow", "Of Tomorrow"),
        ("category", "of.tomorrow", ""),
        ("needed_by", -(2**53), 2**53 + 1),
        ("access", "hearing sight", "sight hearing"),
        ("access", "of_tomorrow", "hearing  sight"),
        ("duplicate_of", REF, REF.upper()),
    ],
)
def test_reading_is_exact_about_type_and_length(field: str, fits: Value, fails: Value) -> None:
    for value, readable in ((fits, True), (fails, False)):
        held = {"kind": ["need"], "created_at": [1], field: [value]}
        assert read_record(REF, held).readable is readable


def test_kind_and_created_at_are_required() -> None:
    assert "kind" in read_record(REF, {"created_at": [1]}).reason
    assert "kind" in read_record(REF, {"kind": ["A kind"], "created_at": [1]}).reason
    assert "created_at" in read_record(REF, {"kind": ["need"]}).reason


def test_unknown_kinds_and_fields_are_kept() -> None:
    found = read_record(REF, {"kind": ["proposal"], "x": [b"\0"], "y": [{"en": ["a", "b"]}]})
    assert found.readable
    assert dict(found.fields) == {"x": b"\0", "y": {"en": "a"}}
    need = stored(REF, {"kind": "need", "created_at": 1, "of_tomorrow": 2.5})
    assert need.readable
    assert need.fields["of_tomorrow"] == 2.5


def test_both_values_of_a_conflict_are_kept_the_winner_first() -> None:
    held: dict[str, list[Value]] = {"kind": ["need"], "created_at": [1]}
    found = read_record(REF, held | {"quantity": [2_000, 1_000, 2_000], "rev": [2, 2]})
    assert found.fields["quantity"] == 2_000
    assert dict(found.conflicts) == {"quantity": (2_000, 1_000)}
    # A loser that does not fit is not shown, and does not hide the winner.
    assert not read_record(REF, held | {"quantity": [2_000, "many"]}).conflicts
    assert not read_record(REF, held | {"quantity": ["many", 2_000]}).readable
    # 1 and True are different values, as they are to a document.
    assert read_record(REF, held | {"of_tomorrow": [1, True]}).conflicts["of_tomorrow"] == (1, True)


def test_a_repr_holds_no_content() -> None:
    need = record("ada", "one", "need", title="SECRET", area="SECRET")
    shown = board(need).row(need)
    assert "SECRET" not in f"{need!r}{shown!r}"


# ---- edits


def test_an_edit_writes_what_differs_and_counts() -> None:
    need = record("ada", "one", "need", title="Water", quantity=2_000, unit="L", rev=3)
    entered = {"title": "Water", "quantity": "3", "unit": "L"}
    assert edit_fields(need, entered, now=NOW) == {"quantity": 3_000, "rev": 4}
    assert edit_fields(need, {"title": " Water "}, now=NOW) == {}
    assert edit_fields(need, {"unit": ""}, now=NOW) == {"unit": None, "rev": 4}
    assert edit_fields(need, {"area": None}, now=NOW) == {}


def test_an_edit_counts_on_from_the_higher_of_two_counts() -> None:
    held: dict[str, list[Value]] = {"kind": ["need"], "created_at": [1], "rev": [2, 5]}
    assert edit_fields(read_record(REF, held), {"title": "x"}, now=NOW)["rev"] == 6


def test_picking_the_winner_settles_a_conflict() -> None:
    held: dict[str, list[Value]] = {"kind": ["need"], "created_at": [1], "title": ["Water"]}
    need = read_record(REF, held | {"quantity": [2_000, 1_000]})
    assert edit_fields(need, {"quantity": "2"}, now=NOW) == {"quantity": 2_000, "rev": 2}


@pytest.mark.parametrize("field", ["created_at", "ref", "import_key", "rev", "kind"])
def test_what_is_set_once_is_not_edited(field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        edit_fields(record("ada", "one", "need", title="Water"), {field: "1"}, now=NOW)


def test_what_lost_its_category_in_a_merge_still_needs_a_title() -> None:
    bare = record("ada", "one", "need", title="Water")
    with pytest.raises(InvalidInput, match="title"):
        edit_fields(bare, {"title": ""}, now=NOW)
    assert edit_fields(bare, {"title": "", "category": "water"}, now=NOW)["title"] is None


def test_an_edit_is_checked_as_a_whole() -> None:
    need = record("ada", "one", "need", title="Water", category="other")
    with pytest.raises(InvalidInput, match="title"):
        edit_fields(need, {"title": ""}, now=NOW)
    with pytest.raises(InvalidInput, match="private"):
        edit_fields(need, {"category": "private"}, now=NOW)


def test_what_cannot_be_read_cannot_be_edited() -> None:
    for held in ({"kind": "need"}, {"kind": "proposal", "created_at": 1}):
        with pytest.raises(InvalidInput, match="update meshaid"):
            edit_fields(stored(REF, held), {"title": "x"}, now=NOW)
        with pytest.raises(InvalidInput, match="update meshaid"):
            close_fields(stored(REF, held), "received")


def test_closing_and_reopening() -> None:
    need = record("ada", "one", "need", title="Water")
    other = reference("ben", "two")
    closing = close_fields(need, "duplicate", duplicate_of=other)
    assert closing == {
        "status": "closed",
        "closed_reason": "duplicate",
        "duplicate_of": other,
        "rev": 2,
    }
    closed = stored(need.reference, {**need.fields, "kind": "need", **closing})
    assert close_fields(closed, "duplicate") == {}
    later = NOW + 100 * HOUR
    assert edit_fields(closed, {"status": "open"}, now=later) == {
        "status": "open",
        "closed_reason": None,
        "duplicate_of": None,
        "expires_at": later + 72 * HOUR,
        "rev": 3,
    }
    assert "expires_at" not in edit_fields(closed, {"status": "open"}, now=NOW)
    pausing = edit_fields(closed, {"status": "paused"}, now=NOW)
    assert pausing == {"status": "paused", "closed_reason": None, "duplicate_of": None, "rev": 3}
    paused = record("ada", "one", "need", title="Water", status="paused")
    assert edit_fields(paused, {"status": "open"}, now=NOW) == {"status": "open", "rev": 2}


def test_closing_works_on_a_record_that_could_not_be_entered() -> None:
    """One that another release wrote, or that lost its title in a merge."""
    bare = record("ada", "one", "need", category="private", text="words")
    assert close_fields(bare, "mistake")["status"] == "closed"


def test_other_kinds_close_their_own_way() -> None:
    notice = record("ada", "one", "notice", title="Gas", certainty="unconfirmed")
    assert close_fields(notice, "mistake") == {"certainty": "withdrawn", "rev": 2}
    hub = record("hub", "one", "hub", title="Gym")
    assert close_fields(hub, "no_longer_available") == {"status": "closed", "rev": 2}
    with pytest.raises(InvalidInput, match="state"):
        close_fields(record("ada", "one", "pledge", need=REF), "given")


def test_closing_wants_a_reason_and_no_circle() -> None:
    need = record("ada", "one", "need", title="Water")
    with pytest.raises(InvalidInput, match="received, given"):
        close_fields(need, "because")
    with pytest.raises(InvalidInput, match="itself"):
        close_fields(need, "duplicate", duplicate_of=need.reference)


def test_expiry_as_said_else_by_kind() -> None:
    assert expires_at(record("ada", "one", "need")) == NOW + 72 * HOUR
    assert expires_at(record("ada", "one", "notice")) == NOW + 48 * HOUR
    assert expires_at(record("ada", "one", "hub")) is None
    assert expires_at(record("ada", "one", "hub", expires_at=5)) == 5
    need = record("ada", "one", "need", expires_at=NOW)
    assert [has_expired(need, now) for now in (NOW, NOW + 1)] == [False, True]
