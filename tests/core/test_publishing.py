"""What goes into a file for others and what stays back, the map, and the sheet to pin up."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.geojson import write_geojson
from meshaid.core.publishing import REASONS, Choice, Published, publish
from meshaid.core.records import Record
from meshaid.core.rows import Author
from meshaid.core.sheets import write_sheet
from meshaid.errors import InvalidInput
from tests.core.boards import NOW, member_id, record, reference

MEMBERS = {
    "ada": Author("ada"),
    "ben": Author("ben"),
    "cat": Author("cat"),
    "dan": Author("dan"),
    "hub": Author("hub", "hub"),
}


def board(*records: Record, exercise: bool = False) -> Board:
    members = {member_id(name): author for name, author in MEMBERS.items()}
    return Board(records, now=NOW, members=members, exercise=exercise)


def hub(**more: Value) -> Record:
    fields = {"title": "Cedar School", "letter": "C", "areas": "Quay; Mill", "lat": -4132}
    return record("hub", "h", "hub", **{**fields, "lon": 17478, **more})


def need(name: str = "n", **more: Value) -> Record:
    return record("ada", name, "need", **{"title": "Water", "category": "water.drinking", **more})


def titles(rows: list[Published]) -> list[str]:
    return [row.record.text("title") for row in rows]


# ---- what stays back


def test_words_of_private_matters_stay_out_unless_chosen() -> None:
    records = (
        need("a"),
        need("b", title="insulin", text="for her", category="health.medicine"),
        record("ada", "c", "offer", title="a listener", category="care.talk"),
        record("ada", "d", "offer", title="pills", category="health.medicine"),
    )
    rows, left_out = publish(board(*records), Choice(), ended=True)
    assert sorted(titles(rows)) == ["", "", "Water", "a listener"]
    assert left_out == {"private_words": 2}
    assert all(row.record.text("category") for row in rows)
    rows, left_out = publish(board(*records), Choice(private_words=True), ended=True)
    assert sorted(titles(rows)) == ["Water", "a listener", "insulin", "pills"]
    assert left_out == {}


def test_words_that_tell_of_a_person_stay_out_always() -> None:
    told = need("a", title="Mrs X at number 7")
    flag = record("hub", "f", "flag", target=told.reference, reason="personal_data")
    for private in (False, True):
        rows, left_out = publish(board(told, flag), Choice(private_words=private), ended=True)
        assert titles(rows) == [""]
        assert left_out["personal_data"] == 1


def test_what_was_collapsed_by_flags_stays_out() -> None:
    spam = need("a", title="buy now")
    flags = [
        record(who, "f", "flag", target=spam.reference, reason="spam")
        for who in ("ben", "cat", "dan")
    ]
    rows, left_out = publish(board(spam, need("b"), *flags), Choice(), ended=True)
    assert titles(rows) == ["Water"]
    assert left_out == {"hidden": 1, "other_kinds": 3}


def test_ended_records_and_filters_are_counted() -> None:
    records = (
        need("a"),
        need("b", title="Old", status="closed", closed_reason="received"),
        need("c", title="Tea", category="food", area="Mill"),
        record("ada", "bad", "need", quantity="many"),
        hub(),
    )
    whole = board(*records)
    rows, left_out = publish(whole, Choice(), ended=False)
    assert sorted(titles(rows)) == ["Tea", "Water"]
    assert left_out == {"ended": 1, "other_kinds": 1, "unreadable": 1}
    rows, left_out = publish(whole, Choice(status="closed"), ended=False)
    assert (titles(rows), left_out["filtered"]) == (["Old"], 2)
    rows, left_out = publish(whole, Choice(area="mill"), ended=True)
    assert (titles(rows), left_out["filtered"]) == (["Tea"], 2)
    rows, left_out = publish(whole, Choice(text="tea"), ended=True)
    assert titles(rows) == ["Tea"]
    assert set(left_out) <= set(REASONS)
    with pytest.raises(InvalidInput, match="kind"):
        publish(whole, Choice(kind="wish"), ended=True)
    with pytest.raises(InvalidInput, match="did you mean closed"):
        publish(whole, Choice(status="close"), ended=True)


def test_a_record_knows_its_hub_and_when_it_last_changed() -> None:
    pledge = record("ben", "p", "pledge", need=reference("ada", "n"), created_at=NOW + 50)
    ((row,), _) = publish(board(need(area="Quay"), pledge, hub()), Choice(), ended=True)
    assert row.hub is not None
    assert (row.hub.text("title"), row.updated) == ("Cedar School", NOW + 50)


# ---- the map


def drawn(*records: Record, coarse: bool = False, exercise: bool = False) -> dict[str, Any]:
    rows, left_out = publish(board(*records, exercise=exercise), Choice(), ended=True, hubs=True)
    found: dict[str, Any] = json.loads(
        write_geojson(rows, coarse_points=coarse, exercise=exercise, left_out=left_out)
    )
    return found


def by_kind(collection: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {feature["properties"]["kind"]: feature for feature in collection["features"]}


def test_hubs_are_points_and_the_rest_has_none() -> None:
    collection = drawn(hub(), need(area="Quay", quantity=2_500, unit="L"))
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection
    found = by_kind(collection)
    assert found["hub"]["geometry"] == {"type": "Point", "coordinates": [174.78, -41.32]}
    assert found["need"]["type"] == "Feature"
    assert found["need"]["geometry"] is None
    properties = found["need"]["properties"]
    assert "coarse" not in properties
    assert (properties["quantity"], properties["still_open"]) == (2.5, 2.5)
    assert (properties["hub"], properties["category_name"]) == ("Cedar School", "Drinking water")
    assert properties["created_at"] == "2027-01-15T08:00:00+00:00"


def test_coarse_points_are_marked() -> None:
    found = by_kind(drawn(hub(), need(area="Quay"), coarse=True))
    assert found["need"]["geometry"] == found["hub"]["geometry"]
    assert found["need"]["properties"]["coarse"] is True
    assert "coarse" not in found["hub"]["properties"]
    lost = by_kind(drawn(hub(), need(area="Nowhere"), coarse=True))["need"]
    assert lost["geometry"] is None
    assert "coarse" not in lost["properties"]
    assert by_kind(drawn(hub(lat=None), need(area="Quay"), coarse=True))["need"]["geometry"] is None


def test_a_map_of_an_exercise_says_so() -> None:
    collection = drawn(hub(), need(), exercise=True)
    assert collection["exercise"] is True
    assert collection["left_out"] == {}
    assert all(feature["properties"]["exercise"] for feature in collection["features"])
    assert drawn(need())["exercise"] is False


@given(st.integers(-9_000, 9_000), st.integers(-18_000, 18_000))
def test_positions_have_two_decimals_and_lie_on_the_earth(lat: int, lon: int) -> None:
    found = by_kind(drawn(hub(lat=lat, lon=lon)))["hub"]["geometry"]["coordinates"]
    assert found == [lon / 100, lat / 100]
    assert all(len(repr(number).partition(".")[2]) <= 2 for number in found)


# ---- the sheet


class Page(HTMLParser):
    """The elements of a page, its text, and where an element is not closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def sheet(*records: Record, exercise: bool = False, community: str = "Riverside") -> str:
    rows, left_out = publish(board(*records, exercise=exercise), Choice(), ended=False)
    return write_sheet(rows, community=community, now=NOW, exercise=exercise, left_out=left_out)


EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</td></tr></table><h1>x",
    "<!-- ",
    "]]><style>*{display:none}</style>",
    "&lt;b&gt; &amp; 'x' \"y\"",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("words", EVIL)
def test_words_are_only_words(words: str) -> None:
    text = sheet(
        need(
            title=words,
            text=words,
            area=words,
            lang=words[:12],
            unit=words[:16],
            quantity=1_000,
            ref="C482912",
        ),
        record("ada", "o", "offer", title=words, category="food"),
        record("ada", "w", "notice", title=words, text=words),
        hub(title=words, areas=words),
        community=words,
    )
    page = Page(text)
    names = {name for name, _ in page.tags}
    assert names <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "p", "span", "table",
        "thead", "tbody", "tr", "th", "td", "bdi", "strong", "br",
    }  # fmt: skip
    assert {key for _, attributes in page.tags for key in attributes} <= {
        "lang", "charset", "http-equiv", "content", "class", "colspan", "scope", "dir",
    }  # fmt: skip
    assert page.text.count(words) >= 5


def test_the_sheet_needs_nothing_else() -> None:
    text = sheet(need(), hub())
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|url\(|@import|@font-face|<script|<img|<link|src=", text)
    assert "@page { size: A4" in text


def test_colour_carries_nothing() -> None:
    style = sheet(need()).partition("<style>")[2].partition("</style>")[0]
    colours = {match.lower() for match in re.findall(r"#[0-9a-fA-F]{3,6}\b", style)}
    assert colours <= {"#000", "#fff", "#777"}


def test_codes_are_large_amounts_are_told_and_texts_are_isolated() -> None:
    text = sheet(
        need(
            title="سكر", lang="ar", quantity=16_000, unit="L", ref="C482912", people=4, area="Quay"
        ),
        record("ben", "p", "pledge", need=reference("ada", "n"), quantity=6_000, unit="L"),
    )
    page = Page(text)
    assert 'class="code"><bdi dir="ltr">C 482 912</bdi>' in text
    assert '<bdi dir="auto" lang="ar">سكر</bdi>' in text
    assert "still 10 L" in page.text
    assert "4 people" in page.text
    assert "part promised" in page.text


def test_one_section_for_each_group_notices_first_life_threatening_on_top() -> None:
    text = sheet(
        need("a", title="Soup", category="food.meals"),
        need("b", title="Trapped", category="safety.rescue", life_threatening=True),
        need("c", title="Bread", category="food"),
        need("d", title="Hurt", category="food.meals", life_threatening=True),
        record("ada", "e", "offer", title="Rice", category="food.groceries"),
        record("ada", "f", "notice", title="Bridge out"),
        need("g", title="From tomorrow", category="newer.group"),
    )
    page = Page(text)
    headings = ["Notices", "Food", "Safety", "Other"]
    places = [page.text.index(f"\n{name}\n") for name in headings]
    assert places == sorted(places)
    order = [page.text.index(word) for word in ("Bridge out", "Hurt", "Soup", "Rice", "Trapped")]
    assert order == sorted(order)
    assert page.text.count("LIFE AT RISK") == 2
    assert text.count("<tr class=life>") == 2


def test_the_top_says_whose_when_how_much_and_what_is_missing() -> None:
    text = Page(
        sheet(
            need("a"), need("b", status="closed"), need("c", title="x", category="health.medicine")
        )
    ).text
    assert "Riverside" in text
    assert "As of 2027-01-15 08:00:00 UTC: 2 needs." in text
    missing = "1 without their words: private matters; 1 closed, expired or withdrawn"
    assert f"Not on this sheet: {missing}." in text
    assert "UTC: nothing." in Page(sheet()).text


def test_every_page_of_an_exercise_says_so() -> None:
    text = sheet(need("a"), need("b", category="food"), exercise=True)
    assert text.count("EXERCISE") == 4  # title, top, and the head of each section, on each page
    assert "thead { display: table-header-group }" in text
    assert "EXERCISE" not in sheet(need())


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_words_give_a_whole_page(title: str, text: str) -> None:
    Page(sheet(need(title=title, text=text, area=title, unit=text), community=title))


def test_packs_and_amounts_that_nobody_told() -> None:
    packs = need("a", quantity=8_000, unit="pack", per_pack=9_000, per_unit="L")
    odd = need("b", title="Crates", quantity=3_000, unit="crate", per_pack=6_000, per_unit="jar")
    text = Page(sheet(packs, odd, need("c", title="Some"))).text
    assert "8 pack" in text
    assert "of 9 L" in text
    assert "of 6 jar" in text
