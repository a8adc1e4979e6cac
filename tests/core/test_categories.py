"""The list of categories, and that the generated tables are those of meshaid/data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meshaid.core.amounts import UNITS
from meshaid.core.categories import (
    CATEGORIES,
    category_matches,
    find_category,
    group_of,
    privacy_of,
)
from meshaid.errors import InvalidInput

ROOT = Path(__file__).resolve().parents[2]


def test_tables_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "tools" / "make_tables.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_two_levels_and_two_that_stand_alone() -> None:
    groups = [category for category in CATEGORIES.values() if not category.parent]
    assert len(groups) == 12 + 2
    assert len(CATEGORIES) == len(groups) + 41
    for category in CATEGORIES.values():
        assert category.parent in ("", *CATEGORIES)
        assert group_of(category.code) == (category.parent or category.code)
        assert category.usual_unit in ("", *UNITS)
        assert category.label
        assert category.icon


def test_a_group_takes_in_all_below_it() -> None:
    assert category_matches("water.drinking", "water")
    assert category_matches("water.drinking", "water.drinking")
    assert not category_matches("water", "water.drinking")
    assert not category_matches("water.drinking", "food")
    assert category_matches("water.of_a_newer_release", "water")


@pytest.mark.parametrize("typed", ["water.drinking", "Water.Drinking", " Drinking water "])
def test_found_by_code_or_label(typed: str) -> None:
    assert find_category(typed).code == "water.drinking"


def test_an_unknown_category_names_near_ones() -> None:
    with pytest.raises(InvalidInput, match=r"water\.drinking"):
        find_category("water.drinkin")
    with pytest.raises(InvalidInput, match="other"):
        find_category("zzz")


def test_privacy_of_unknown_codes_is_that_of_their_group() -> None:
    assert privacy_of("care.talk") == 2
    assert privacy_of("health.of_a_newer_release") == 1
    assert privacy_of("nothing.known") == 0
