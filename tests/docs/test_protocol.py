"""The protocol page has every section that the code cites, and the numbers that the code uses."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from meshaid.core.cards import _SHAPES as CARD_SHAPES
from meshaid.core.messages import _FORMS as MESSAGE_FORMS
from meshaid.core.messages import RESERVED_TYPES, ByeReason
from meshaid.core.session import TABLE
from meshaid.core.wire_dictionary import WIRE_DICTIONARY
from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
SECTIONS = set(re.findall(r"^#{2,} (.+)$", PAGE, re.MULTILINE))
CITED = re.compile(r'docs/protocol\.md,\s+("[^"]+"(?:(?:,|,? and)\s+"[^"]+")*)')
COMMENT = re.compile(r"\n\s*(?://!|///|//|#)\s*")


def sources() -> list[Path]:
    """Every file of ours that may cite the protocol."""
    folders = ("meshaid", "native/src", "native/tests", "tests", "benchmarks", "examples", "tools")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    return sorted(path for path in found if path.suffix in {".py", ".pyi", ".rs"})


def cited_sections(text: str) -> list[str]:
    """The sections that a source cites, also where a citation runs over lines."""
    plain = COMMENT.sub(" ", text)
    return [
        re.sub(r"\s+", " ", name)
        for match in CITED.finditer(plain)
        for name in re.findall(r'"([^"]+)"', match[1])
    ]


def test_every_cited_section_exists() -> None:
    """`docs/protocol.md, "Section"` leads somewhere; at least forty sections are cited."""
    cited = {
        (name, str(path.relative_to(ROOT)))
        for path in sources()
        if path != Path(__file__)
        for name in cited_sections(path.read_text(encoding="utf-8"))
    }
    assert len({name for name, _ in cited}) >= 40
    assert sorted(pair for pair in cited if pair[0] not in SECTIONS) == []


def test_citations_are_found() -> None:
    """The reader of citations itself."""
    text = 'a (docs/protocol.md, "Cards on\n# the wire" and "Live"). docs/protocol.md, "Ids"'
    assert cited_sections(text) == ["Cards on the wire", "Live", "Ids"]


@pytest.mark.parametrize("number", sorted({*MESSAGE_FORMS, *RESERVED_TYPES}))
def test_messages_are_described(number: int) -> None:
    """Each type number stands in the table of messages, reserved ones with their names."""
    rows = re.findall(r"^\| ([\d, ]+) \| ([A-Z_, ]+) \|", PAGE, re.MULTILINE)
    described = {
        int(place): name.strip()
        for numbers, names in rows
        for place, name in zip(numbers.split(","), names.split(","), strict=True)
    }
    assert number in described
    assert described[number] == RESERVED_TYPES.get(number, described[number])


@pytest.mark.parametrize("number", sorted(CARD_SHAPES))
def test_cards_are_described(number: int) -> None:
    """Each kind of card has a row with as many fields as the code reads."""
    kind, readers = CARD_SHAPES[number]
    row = re.search(rf"^\| {number} \| {kind.__name__.lower()} \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert row is not None
    assert len(row[1].split(",")) == len(readers)


@pytest.mark.parametrize("reason", ByeReason)
def test_reasons_are_described(reason: ByeReason) -> None:
    """Each reason of BYE has a row."""
    assert re.search(rf"^\| {reason.value} {reason.name.lower()} \|", PAGE, re.MULTILINE)


def test_states_are_described() -> None:
    """Each state's row names exactly the messages that the session's table allows there."""
    for state, row in TABLE.items():
        told = re.search(rf"^\| {state.name} \| (.+) \|$", PAGE, re.MULTILINE)
        assert told is not None
        named = set(re.findall(r"\b(?:[A-Z]+_)?[A-Z]{3,}\b", told[1])) - {"ROSTER", "LIVE"}
        named -= {"RECONCILE", "CLOSED"} | ({"HELLO"} if not row else set())
        assert named == {name.split(" ")[0] for name in row}


def test_the_dictionary_is_described() -> None:
    """The preset dictionary of the streams stands in the page by its length and hash."""
    assert f"(FDICT) of {len(WIRE_DICTIONARY):,} bytes" in PAGE
    assert hashlib.sha256(WIRE_DICTIONARY).hexdigest() in PAGE


@pytest.mark.parametrize("tag", ["meshaid-card-v1", "meshaid-possession-v1", "meshaid-delta-v1"])
def test_signed_tags_are_described(tag: str) -> None:
    """The tags under signatures stand in the page as they are written."""
    assert f'"{tag}\\0"' in PAGE
