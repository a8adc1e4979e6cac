"""Pictures: each is there and shown, none needs anything from elsewhere, and screens are exact."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from tests.docs.blocks import ROOT, documents
from tools.screens import EDGE, picture
from tools.story import Codes, Told, what_stays

IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
PICTURES = sorted((ROOT / "docs/pictures").glob("*.svg"))
SHOWN = {
    (page.parent / target).resolve(): words
    for page in documents()
    for words, target in IMAGE.findall(page.read_text(encoding="utf-8"))
}
SVG = "{http://www.w3.org/2000/svg}"


def told(words: str, printed: str) -> Told:
    return Told(1, words, written="", printed=printed, failed=False, picture="x.svg")


def test_pages_show_exactly_the_pictures_that_there_are() -> None:
    """A picture that no page shows, or that a page misses, is a mistake; each has words for it."""
    assert set(SHOWN) == set(PICTURES)
    assert [path for path, words in SHOWN.items() if not words.strip()] == []


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_needs_nothing_from_elsewhere(path) -> None:  # type: ignore[no-untyped-def]
    """No font, script or address of another host: manuals are read without internet."""
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own file
    assert root.find(f"{SVG}title") is not None
    assert {
        word for word in ("href", "url(http", "@import", "<script", "font-face") if word in text
    } == set()
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


def test_words_stand_in_their_columns() -> None:
    """Each piece of a line has the place and the width of its cells, also of wide letters."""
    svg = ET.fromstring(picture(told("meshaid board", "\x1b[31m水\x1b[0m  L\n"), "水"))  # noqa: S314
    (_, water, letter) = svg.findall(f"{SVG}text")[-3:]
    assert (water.text, water.get("textLength"), water.get("fill")) == ("水", "16.8", "#b00020")
    assert (letter.text, letter.get("x")) == ("L", f"{EDGE + 4 * 8.4:.1f}")


def test_reversed_words_have_their_ground() -> None:
    svg = picture(told("x", "\x1b[7m EXERCISE \x1b[0m"), "an exercise")
    assert svg.count("<rect") == 2
    assert ">&lt;b&gt;<" in picture(told("x", "<b>"), "markup")


def test_codes_are_renewed_where_an_output_shows_both() -> None:
    """What a story says in later commands and outputs follows the codes of today."""
    codes = Codes()
    codes.learn("need L 000 001 …\nClaim code 12 34 56", "need L 482 912 is\nClaim code 65 43 21")
    codes.learn("need L 000 001", "need L 777 777")  # the first one holds
    codes.learn("Promise abcdefg2 is", "Promise ar3hsto4 is")
    assert codes.renew("claim L000001 123456, L 000 001") == "claim L482912 654321, L 482 912"
    assert codes.renew("handed-over abcdefg2 promised") == "handed-over ar3hsto4 promised"
    assert Codes().renew("L 000 001") == "L 000 001"


def test_progress_that_was_drawn_over_is_gone() -> None:
    """What a terminal shows in the end."""
    drawn = "\x1b[?25l* Meeting\n\x1b[?25h\r\x1b[1A\x1b[2K\x1b[1mRiverside\x1b[0m\nequal\n"
    assert what_stays(drawn) == "\x1b[1mRiverside\x1b[0m\nequal\n"
    assert what_stays("10 %\r20 %\rdone\n") == "done\n"
    assert what_stays("a\nb\n\x1b[Hx\n") == "x\nb\n"
    assert what_stays("a\n\nb") == "a\n\nb"
