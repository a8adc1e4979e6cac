"""Spoken codes: the published vectors, what the check digit finds, and tolerant input."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meshaid.core.spoken import (
    HUB_LETTERS,
    NO_HUB,
    looks_spoken,
    parse_spoken,
    show_spoken,
    spoken_code,
)
from meshaid.errors import InvalidInput

LETTERS = st.sampled_from(HUB_LETTERS + NO_HUB)
DIGITS = st.integers(0, 99_999).map("{:05d}".format)


@pytest.mark.parametrize("code", ["C482912", "C000079", "R991203", "X314154"])
def test_vectors_are_valid(code: str) -> None:
    assert parse_spoken(code) == code
    assert spoken_code(code[0], code[1:6]) == code


@pytest.mark.parametrize("code", ["C482921", "R482912"])
def test_a_wrong_check_digit_asks_again(code: str) -> None:
    with pytest.raises(InvalidInput, match="misheard"):
        parse_spoken(code)


@pytest.mark.parametrize(
    "typed",
    ["c 482 912", "C-482-912", " c\u2013482.912 ", "C ٤٨٢ ٩١٢", "C४८२९१२", "c\u00a0482\u00a0912"],
)
def test_input_is_tolerant(typed: str) -> None:
    assert looks_spoken(typed)
    assert parse_spoken(typed) == "C482912"


@pytest.mark.parametrize("typed", ["", "C", "C48291", "C4829123", "482912", "CC82912", "C48291x"])
def test_another_shape_says_what_a_code_is(typed: str) -> None:
    assert not looks_spoken(typed)
    with pytest.raises(InvalidInput, match="one letter and six digits"):
        parse_spoken(typed)


@pytest.mark.parametrize("letter", "IO")
def test_letters_that_look_like_digits_are_no_code(letter: str) -> None:
    with pytest.raises(InvalidInput):
        parse_spoken(f"{letter}482912")
    with pytest.raises(ValueError, match="hub letter"):
        spoken_code(letter, "48291")


@pytest.mark.parametrize("digits", ["4829", "482912", "4829x", "٤٨٢٩١", ""])
def test_a_code_is_made_of_five_ascii_digits(digits: str) -> None:
    with pytest.raises(ValueError, match="five digits"):
        spoken_code("C", digits)


@given(LETTERS, DIGITS, st.integers(1, 6), st.sampled_from("0123456789"))
def test_every_single_wrong_digit_is_found(letter: str, digits: str, at: int, digit: str) -> None:
    code = spoken_code(letter, digits)
    assume(code[at] != digit)
    with pytest.raises(InvalidInput, match="misheard"):
        parse_spoken(code[:at] + digit + code[at + 1 :])


@given(LETTERS, DIGITS, st.integers(1, 5))
def test_every_swap_of_neighbours_is_found(letter: str, digits: str, at: int) -> None:
    code = spoken_code(letter, digits)
    assume(code[at] != code[at + 1])
    with pytest.raises(InvalidInput, match="misheard"):
        parse_spoken(code[:at] + code[at + 1] + code[at] + code[at + 2 :])


def test_codes_are_shown_in_threes() -> None:
    assert show_spoken("C482912") == "C 482 912"
