"""How text becomes words: folding, splitting, phrases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core import words
from meshaid.core.fields import Value
from meshaid.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Insulin, 2 vials", ["insulin", "2", "vials"]),
        ("Bécherel STRASSE straße", ["becherel", "strasse", "strasse"]),
        ("don't", ["don", "t"]),
        ("需要热饭", ["需", "要", "热", "饭"]),
        ("needs 热饭 now", ["needs", "热", "饭", "now"]),
        ("abc热饭def", ["abc", "热", "饭", "def"]),
        ("물이 필요", ["물", "이", "필", "요"]),
        ("ガス か が", ["ガ", "ス", "か", "が"]),  # voicing makes another letter
        ("ｶﾞｽ", ["ガ", "ス"]),  # half-width forms
        ("น้ำ", list("น้ํา")),  # Thai: every sign stands by itself
        ("पानी", ["पानी"]),  # Indic vowels stay in their word
        ("مَاءٌ", ["ماء"]),  # points go
        ("مـــاء", ["ماء"]),  # stretching goes
        ("أحمد", ["احمد"]),  # hamza above alef goes
        ("مِی‌خواهم", ["ميخواهم"]),  # a joiner within a word goes; Persian yeh as Arabic
        ("الماء والماء بالماء للماء", ["ماء"] * 4),  # the article goes
        ("الله بالون لله", ["الله", "بالون", "لله"]),  # where enough is left of the word
        ("مدرسة مدرسه کتاب كتاب", ["مدرسه"] * 2 + ["كتاب"] * 2),
        ("đường Đông ĐÔNG", ["duong", "dong", "dong"]),
        ("Łódź, smørrebrød, Æble, \u0131ş\u0131k", ["lodz", "smorrebrod", "aeble", "isik"]),
        ("שָׁלוֹם", ["שלום"]),
        ("١٢ ۱۲ १२", ["12", "12", "12"]),
        ("ﬁre ① K²", ["fire", "1", "k2"]),
        ("K7-4Q2", ["k7", "4q2"]),
        ("İzmir", ["izmir"]),
        ("", []),
        (" .,;\u200e\ue000", []),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    assert words.split(text) == expected


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("blanket", "Blankets", True),
        ("art", "party", False),
        ("bl", "Blankets", False),
        ("12", "120", False),
        ("C48291", "C482912", False),
        ("khan", "khăn tắm", True),
        ("ماء", "ماؤنا", False),
        ("دوا", "الدواء", True),
        ("热", "热饭", True),
        ("ご飯", "ご飯です", True),
        ("clean-wat", "clean water", True),
        ("cle-water", "clean water", False),
    ],
)
def test_what_is_typed_may_be_the_beginning_of_a_word(typed: str, text: str, found: bool) -> None:
    assert words.holds([words.split(text)], words.phrases(typed)) is found


def test_phrases_are_what_stands_between_blanks() -> None:
    assert words.phrases(" 热饭  K7-4Q2 ?! water\n") == [["热", "饭"], ["k7", "4q2"], ["water"]]


def test_a_search_has_at_most_so_many_words() -> None:
    assert len(words.phrases("a " * limits.SEARCH_WORDS)) == limits.SEARCH_WORDS
    with pytest.raises(InvalidInput, match="Use fewer"):
        words.phrases("热" * (limits.SEARCH_WORDS + 1))


def test_searchable_takes_texts_of_people_only() -> None:
    fields: dict[str, list[Value]] = {
        "title": ["Water", "Wasser", 7, b"bytes", None],
        "texts": [{"fr": "Eau", "es": "Agua"}],
        "kind": ["need"],
        "category": ["water.drinking"],
        "quantity": [10],
        "unknown": ["left out"],
    }
    assert words.searchable(fields) == [["water"], ["wasser"], ["agua"], ["eau"]]


def test_nothing_wanted_is_nowhere() -> None:
    assert not words.holds([["water"]], [])
    assert words.holds([["clean", "water"]], [["water"], ["clean"]])
    assert not words.holds([["clean", "water"]], [["water", "clean"]])
    assert not words.holds([], [["water"]])


@given(st.text())
def test_words_are_clean_and_stay_what_they_are(text: str) -> None:
    found = words.split(text)
    assert all(word and not word.isspace() for word in found)
    assert not any(character in word for word in found for character in ' "\ue000*^()')
    assert words.split(" ".join(found)) == found


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_the_short_way_for_ascii_gives_the_same_words(text: str) -> None:
    """A word that is not ASCII sends the whole text the long way."""
    assert words.split(text) == words.split(text + " \u00e9")[:-1]
    assert words.fold(text) == words.fold(text + "\u00e9")[:-1]


@given(st.text(max_size=limits.SEARCH_WORDS))
def test_a_text_is_found_by_itself(text: str) -> None:
    try:
        wanted = words.phrases(text)
    except InvalidInput:
        return  # compatibility forms can be longer than what was typed
    assert words.holds([words.split(text)], wanted) == bool(wanted)
