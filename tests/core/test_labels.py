"""What people call things, and the categories that they mean."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core import labels
from meshaid.core.categories import CATEGORIES
from meshaid.core.labels import category_called, category_named
from tests.core.samples import sample


def test_every_entry_is_a_category() -> None:
    assert set(labels._BY_LABEL.values()) <= set(CATEGORIES)
    assert set(labels._BY_PHRASE.values()) <= set(CATEGORIES)


@pytest.mark.parametrize("code", CATEGORIES)
def test_each_category_is_known_by_its_code_and_its_name(code: str) -> None:
    assert category_called(code.upper(), {}) == code
    assert category_called(f" {CATEGORIES[code].label} ", {}) == code
    assert category_named(CATEGORIES[code].label, {}) == code


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("Blankets", "shelter.bedding"),
        ("N95s, Surgical Masks, Safety Goggles", "health.protective"),
        ("Surgical masks and hand sanitizer and wipes", "hygiene.supplies"),
        ("Water filter ORISA", "water.treatment"),
        ("Bottled Water", "water.drinking"),
        ("Non-food items for IDPs", "goods.household"),
        ("Evacuation center for victims", "shelter.stay"),
        ("Truck Driving", "transport.goods"),
        ("Bus driving", "transport.people"),
        ("Lonas Plásticas 4 x 6 mts", "shelter.cover"),
        ("Toothbrush-S", "hygiene.supplies"),
        ("Translator - Tagalog", "info.language"),
        ("WASH", "water"),
        ("Salud", "health"),
        ("Other", "other"),
        ("Widgets", ""),
        ("", ""),
        (", ,", ""),
        ("12", ""),
    ],
)
def test_labels(label: str, code: str) -> None:
    assert category_named(label, {}) == code


def test_all_need_types_of_sahana_eden() -> None:
    """The seed of our categories: each of its labels finds the category that names it."""
    seed = (
        row for row in csv.reader(io.StringIO(sample("sahana-eden/BRCMS_RLP_br_need.csv").decode()))
    )
    unknown = [row[0] for row in list(seed)[1:] if not category_named(row[0], {})]
    assert unknown == ["Technical Support"]


def test_what_somebody_chose_comes_first() -> None:
    chosen = {"blankets": "goods", "odd thing": "work.hands"}
    assert category_named("BLANKETS", chosen) == "goods"
    assert category_named("tent, Odd  thing, odd thing", chosen) == "work.hands"
    assert category_called("Odd\tThing", chosen) == "work.hands"


@given(st.text(max_size=60))
def test_any_label_has_a_category_or_none(label: str) -> None:
    assert category_named(label, {}) in {"", *CATEGORIES}
