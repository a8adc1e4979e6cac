"""Flags: who counts, what they hide, what they say of notices, and how they are undone."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.flags import Flags
from meshaid.core.records import Record, read_record
from meshaid.core.rows import Author
from tests.core.boards import NOW, board, member_id, record, record_id, reference

PEOPLE = ("ben", "cem", "dia", "eve", "fay")
AUTHORS = {name: Author(name) for name in PEOPLE} | {"ste": Author("ste", steward=True)}
NEED = reference("ada", "n")


def need(name: str = "n", member: str = "ada", **fields: Value) -> Record:
    return record(member, name, "need", **{"title": "Water", "text": "at the back door", **fields})


def notice(member: str = "ada", **fields: Value) -> Record:
    return record(member, "n", "notice", **{"title": "Gas leak", **fields})


def flag(
    member: str, reason: str = "spam", to: str = NEED, name: str = "", **more: Value
) -> Record:
    return record(member, name or f"{reason} of {to}", "flag", target=to, reason=reason, **more)


def flagged(*records: Record) -> Board:
    return board(*records, **AUTHORS)


def hidden(*records: Record, of: str = NEED) -> str:
    return flagged(*records).hidden(of)


# ---- what hides


@pytest.mark.parametrize("reason", ["spam", "abuse", "unsafe"])
def test_three_members_or_one_steward_collapse(reason: str) -> None:
    assert hidden(need(), flag("ben", reason), flag("cem", reason)) == ""
    assert hidden(need(), *(flag(name, reason) for name in ("ben", "cem", "dia"))) == "collapsed"
    assert hidden(need(), flag("ste", reason)) == "collapsed"
    # A hub's word is that of one member.
    assert hidden(need(), flag("hub", reason), flag("ben", reason)) == ""


def test_three_reasons_of_three_members_collapse_together() -> None:
    said = [flag("ben", "spam"), flag("cem", "abuse"), flag("dia", "unsafe")]
    assert hidden(need(), *said) == "collapsed"
    # One member with three reasons is still one member.
    assert hidden(need(), *(flag("ben", reason) for reason in ("spam", "abuse", "unsafe"))) == ""


def test_two_members_a_hub_or_a_steward_take_the_words() -> None:
    assert hidden(need(), flag("ben", "personal_data")) == ""
    for names in (("ben", "cem"), ("hub",), ("ste",)):
        said = [flag(name, "personal_data") for name in names]
        assert hidden(need(), *said) == "personal_data"


def test_a_life_at_risk_is_hidden_only_by_a_steward() -> None:
    for reason in ("spam", "unsafe", "personal_data"):
        said = [flag(name, reason) for name in (*PEOPLE, "hub")]
        assert hidden(need(life_threatening=True), *said) == ""
        assert hidden(need(life_threatening=True), flag("ste", reason)) != ""
    crowd = [flag(name) for name in PEOPLE]
    assert hidden(notice(life_threatening=True), *crowd) == ""


def test_other_reasons_hide_nothing() -> None:
    for reason in ("duplicate", "wrong_area", "seems_done", "disputes", "of_tomorrow"):
        said = [flag(name, reason) for name in (*PEOPLE, "hub", "ste")]
        assert hidden(need(), *said) == ""


def test_withdrawing_undoes() -> None:
    said = [flag(name) for name in ("ben", "cem")]
    assert hidden(need(), *said, flag("dia", state="open")) == "collapsed"
    assert hidden(need(), *said, flag("dia", state="withdrawn")) == ""
    assert hidden(need(), *said, flag("dia", expires_at=NOW - 1)) == ""


# ---- who counts


def test_nobody_counts_twice() -> None:
    again = [flag("ben", name=f"again {number}") for number in range(5)]
    shown = flagged(need(), *again)
    assert shown.hidden(NEED) == ""
    counting = [row for row in shown.rows(kind="flag") if "not_counted" not in row.marks]
    assert [row.id for row in counting] == [min(found.reference for found in again)]


def test_nobody_flags_an_own_record_or_for_a_stranger() -> None:
    own = flag("ste", to=reference("ste", "n"))
    assert hidden(need(member="ste"), own, of=reference("ste", "n")) == ""
    strangers = [flag(name) for name in ("x", "y", "z")]
    assert hidden(need(), *strangers) == ""


def test_of_one_member_the_twenty_smallest_count() -> None:
    targets = [need(f"n{number}") for number in range(limits.FLAGS_PER_MEMBER + 5)]
    said = [flag("ste", to=target.reference) for target in targets]
    shown = flagged(*targets, *said)
    collapsed = {target.reference for target in targets if shown.hidden(target.reference)}
    smallest = sorted(said, key=lambda found: found.id)[: limits.FLAGS_PER_MEMBER]
    assert collapsed == {found.text("target") for found in smallest}
    # Withdrawn ones and repetitions use no place up.
    idle = [
        record("ste", f"w{i}", "flag", target=NEED, reason="spam", state="withdrawn")
        for i in range(9)
    ]
    assert {
        t.reference for t in targets if flagged(*targets, *said, *idle).hidden(t.reference)
    } == collapsed


def test_a_flag_on_a_copy_of_an_import_is_on_what_stands_for_it() -> None:
    key = "a" * 26
    first, second = sorted((need(n, import_key=key) for n in "ab"), key=lambda found: found.id)
    shown = flagged(first, second, flag("ste", to=second.reference))
    assert shown.hidden(first.reference) == shown.hidden(second.reference) == "collapsed"
    both = [flag("ben", to=first.reference, name="1"), flag("ben", to=second.reference, name="2")]
    assert hidden(first, second, *both, flag("cem", to=first.reference), of=first.reference) == ""


# ---- what is seen of hidden rows


def test_collapsed_rows_are_left_out_counted_and_can_be_asked_for() -> None:
    shown = flagged(need(), need("m"), flag("ste"))
    assert [row.id for row in shown.rows()] == [reference("ada", "m")]
    assert shown.left_out() == {"hidden": 1}
    (row,) = [row for row in shown.rows(hidden=True) if row.hidden]
    assert (row.id, row.hidden, row.marks) == (NEED, "collapsed", ("collapsed",))
    assert row.as_json()["title"] == "Water"


def test_nobody_can_unfold_personal_data() -> None:
    said = need(title="Jo Doe", text="12 High Street", ext_code="Jo", area="Hill")
    pledge = record("ben", "p", "pledge", need=NEED)
    serving = record("hub", "page", "hub", areas="hill; Bay")
    shown = flagged(said, pledge, serving, flag("hub", "personal_data"))
    (row,) = shown.rows(kind="need")
    assert row.hidden == "personal_data"
    assert row.record.fields.keys().isdisjoint({"title", "text", "ext_code"})
    told = row.as_json()
    assert (told["title"], told["text"], told["area"]) == (None, None, "Hill")
    seen = f"{told}{[other.as_json() for other in shown.related(said)]}"
    assert "Jo" not in seen
    assert "Street" not in seen
    # A search tells nothing of them either.
    assert shown.rows(text="high street") == []
    assert len(shown.rows(text="hill")) == 1


def test_of_a_record_without_words_its_codes_and_numbers_are_left() -> None:
    """Otherwise nobody could help where somebody wrote too much; a code of somebody's own making
    goes, because words can stand in it."""
    kept = {
        "category": "water.drinking",
        "quantity": 40_000,
        "unit": "L",
        "urgency": "now",
        "people": 4,
        "substitutes_ok": True,
        "access": "no_stairs wheelchair",
        "ref": "C482912",
        "duplicate_of": reference("ben", "other"),
    }
    gone = {"delivery": "rosa_5550123", "lang": "Rosa-5550123", "import_key": "rosa", "slip": "r"}
    shown = flagged(need(**kept, **gone), flag("hub", "personal_data"))
    (row,) = shown.rows(kind="need")
    assert kept.items() <= row.record.fields.items()
    assert gone.keys().isdisjoint(row.record.fields)


def test_a_kind_of_a_later_version_keeps_no_text() -> None:
    later = record("ada", "n", "check_in", says="Rosa", seen=3, proof=b"Rosa")
    shown = flagged(later, flag("hub", "personal_data"))
    assert shown.shown(later).fields == {"created_at": NOW, "seen": 3}


def test_both_answers_of_hidden_words_are_taken_out() -> None:
    held: dict[str, list[Value]] = {"kind": ["need"], "created_at": [NOW], "text": ["Jo", "Jim"]}
    (row,) = flagged(read_record(NEED, held), flag("ste", "personal_data")).rows(kind="need")
    assert row.as_json()["conflicts"] == {}
    assert row.record.conflicts == {}


# ---- what only asks


def test_what_others_say_is_asked_of_the_author() -> None:
    reasons = ("seems_done", "wrong_category", "wrong_area", "wrong_amount")
    (row,) = flagged(need(), *(flag("ben", reason) for reason in reasons)).rows(kind="need")
    assert row.marks == reasons
    (row,) = flagged(need(), flag("ben", "seems_done", state="withdrawn")).rows(kind="need")
    assert row.marks == ()


def test_stewards_are_asked_about_what_too_few_want_hidden() -> None:
    risky = need(life_threatening=True)
    for record_, said in (
        (need(), [flag("ben", "unsafe")]),
        (need(), [flag("ben", "personal_data")]),
        (risky, [flag(name) for name in PEOPLE]),
    ):
        shown = flagged(record_, *said)
        (row,) = shown.rows(kind="need")
        assert "flagged" in row.marks
        asked = {
            name: [found.id for found in shown.rows(attention=True, viewer=member_id(name))]
            for name in ("ste", "ben")
        }
        assert NEED in asked["ste"]
        assert (NEED in asked["ben"]) is (record_ is risky)  # nobody has answered that one
    assert "flagged" not in flagged(need(), flag("ste")).rows(hidden=True)[0].marks


def test_duplicate_flags_link_both_ways() -> None:
    other = need("m", "ben")
    said = flag("cem", "duplicate", other=other.reference)
    shown = flagged(need(), other, said)
    assert shown.linked(NEED) == (other.reference,)
    assert shown.linked(other.reference) == (NEED,)
    assert all(row.marks == ("same_as",) for row in shown.rows(kind="need"))
    gone = flag("cem", "duplicate", other=other.reference, state="withdrawn")
    assert flagged(need(), other, gone).linked(NEED) == ()
    itself = flag("cem", "duplicate", other=NEED)
    assert flagged(need(), itself).linked(NEED) == ()
    assert flagged(need(), flag("cem", "duplicate")).linked(NEED) == ()


# ---- notices

NOTICE = NEED


@pytest.mark.parametrize(
    ("author", "says", "flags", "status"),
    [
        ("ada", "confirmed", [], "unconfirmed"),
        ("hub", "confirmed", [], "confirmed"),
        ("ste", "confirmed", [], "confirmed"),
        ("hub", "unconfirmed", [], "unconfirmed"),
        ("ada", "", [("ben", "confirms")], "unconfirmed"),
        ("ada", "", [("ben", "confirms"), ("cem", "confirms")], "confirmed"),
        ("ada", "", [("hub", "confirms")], "confirmed"),
        ("ada", "", [("ste", "confirms")], "confirmed"),
        ("ada", "", [("ada", "confirms"), ("ben", "confirms")], "unconfirmed"),
        ("hub", "confirmed", [("ben", "disputes")], "confirmed"),
        ("hub", "confirmed", [("ben", "disputes"), ("cem", "disputes")], "disputed"),
        ("ste", "confirmed", [("hub", "disputes")], "disputed"),
        ("hub", "confirmed", [("hub", "disputes")], "confirmed"),
        ("ada", "", [("hub", "confirms"), ("ste", "disputes")], "disputed"),
        ("ada", "", [("ben", "confirms"), ("ben", "disputes")], "unconfirmed"),
    ],
)
def test_how_sure_a_notice_is(
    author: str, says: str, flags: list[tuple[str, str]], status: str
) -> None:
    told = notice(author, certainty=says or None)
    said = [flag(name, reason, to=told.reference) for name, reason in flags]
    (row,) = flagged(told, *said).rows(kind="notice")
    assert row.status == status


def test_a_disputed_notice_stays_on_the_board_and_a_withdrawn_one_does_not() -> None:
    said = [flag("hub", "disputes")]
    assert len(flagged(notice(), *said).rows()) == 1
    withdrawn = flagged(notice(certainty="withdrawn"), *said)
    assert withdrawn.rows() == []
    assert withdrawn.left_out() == {"withdrawn": 1}


# ---- order

REASONS = ("spam", "abuse", "personal_data", "confirms", "disputes", "duplicate", "seems_done")
FLAGS = st.lists(
    st.builds(
        lambda member, reason, to, name, state: record(
            member,
            name,
            "flag",
            target=reference("ada", to),
            reason=reason,
            state=state,
            other=reference("ada", "n"),
        ),
        st.sampled_from((*PEOPLE, "hub", "ste", "ada", "stranger")),
        st.sampled_from(REASONS),
        st.sampled_from("nm"),
        st.text("abcdef", min_size=1, max_size=2),
        st.sampled_from(["open", "withdrawn"]),
    ),
    max_size=40,
    unique_by=lambda found: found.reference,
)


@given(FLAGS, st.randoms(use_true_random=False))
def test_flags_count_the_same_in_any_order(said: list[Record], shuffle: random.Random) -> None:
    targets = [need(), record("ada", "m", "notice", title="Gas")]
    shuffled = [*targets, *said]
    shuffle.shuffle(shuffled)
    views = [flagged(*targets, *said), flagged(*shuffled)]
    told = [
        [
            row.as_json()
            for kind in ("need", "notice", "flag")
            for row in view.rows(kind=kind, status="all", hidden=True)
        ]
        for view in views
    ]
    assert told[0] == told[1]


@given(FLAGS)
def test_counting_holds_to_its_rules(said: list[Record]) -> None:
    shown = flagged(need(), record("ada", "m", "notice", title="Gas"), *said)
    counting = [
        row.record
        for row in shown.rows(kind="flag", status="all", hidden=True)
        if "not_counted" not in row.marks
    ]
    assert all(found.text("state") == "open" for found in counting)
    assert member_id("ada") not in {found.member for found in counting}
    once = {(found.member, found.text("target"), found.text("reason")) for found in counting}
    assert len(once) == len(counting)


def test_the_count_itself_takes_flags_in_any_order() -> None:
    targets = [reference("ada", f"n{number}") for number in range(limits.FLAGS_PER_MEMBER + 5)]
    said = sorted((flag("ben", to=target) for target in targets), key=lambda found: found.id)
    for order in (said, said[::-1]):
        members = {member_id("ben"): AUTHORS["ben"]}
        counted = Flags(order, members=members, aliases={}, now=NOW)
        assert [found for found in said if counted.counts(found)] == said[: limits.FLAGS_PER_MEMBER]


def test_a_vote_is_free_of_order() -> None:
    said = [flag(name) for name in ("ben", "cem", "dia")]
    for order in permutations([need(), *said]):
        assert hidden(*order) == "collapsed"
    assert record_id("n") in NEED
