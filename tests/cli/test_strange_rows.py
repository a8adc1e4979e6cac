"""Rows of later versions, and of whoever writes what it likes: every page shows something."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from meshaid.cli import cells, charts, events, proposals, record, tables
from tests.cli.calls import NOON
from tests.cli.test_layout import TEXTS, is_balanced
from tests.cli.test_screen import printed, row

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)
ANY_VALUE = (
    "ref", "title", "text", "category", "quantity", "unit", "urgency", "area", "closed_reason",
    "created_at", "still_open", "received", "promised", "over", "eta", "hold_until", "condition",
    "result", "reason", "need", "need_ref", "need_title", "on_behalf_of", "needed_by", "texts",
    "waiting_since", "available_until", "colour_of_tomorrow", "whole", "more_coming", "state",
)  # fmt: skip
"""Fields that a record of a later version may fill with anything."""
ROWS = st.builds(
    lambda kind, status, marks, hidden, fields: row(
        kind=kind, status=status, marks=marks, hidden=hidden, **fields
    ),
    kind=st.sampled_from(["need", "offer", "notice", "pledge", "receipt", "flag", "hub", "stock"]),
    status=TEXTS,
    marks=st.lists(st.sampled_from(["unanswered", "two_answers", "of_tomorrow"]), max_size=3),
    hidden=st.sampled_from(["", "collapsed", "personal_data"]),
    fields=st.dictionaries(st.sampled_from(ANY_VALUE), VALUES, max_size=8),
)


def check(page: str, width: int) -> None:
    lines = [line for line in page.splitlines() if "meshaid " not in line]
    assert all(cell_len(line) <= width for line in lines)
    assert all(map(is_balanced, lines))
    assert not set(page) & set("\x1b\x07\x9b\r\u202e")


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(first=ROWS, second=ROWS, width=st.sampled_from([60, 80, 120]))
def test_every_page_shows_every_row(
    first: dict[str, Any], second: dict[str, Any], width: int
) -> None:
    reasons = [{"words": str(first["title"])}]
    proposal = {
        "need": first, "offer": second, "quantity": first["quantity"], "unit": first["unit"],
        "whole": True, "words": [str(second["title"])], "mine": False,
    }  # fmt: skip
    candidate = {"record": first, "other": second, "reasons": reasons, "mine": True}
    for page, told in (
        (tables.board_page, {"records": [first, second]}),
        (record.record_page, {**first, "related": [first, second]}),
        (proposals.match_page, {"proposals": [proposal], "total": 1}),
        (proposals.duplicates_page, {"candidates": [candidate], "total": 1}),
    ):
        check(printed(page, told, width=width, now=NOON), width)
    told = {"at": NOON, "event": "RecordChanged", "id": first["id"], "row": first}
    assert "\n" not in events.line(told)


@given(seconds=st.integers(-(2**53), 2**53), now=st.integers(0, 2**53))
def test_every_time_is_said(seconds: int, now: int) -> None:
    assert cells.when_said(seconds, now)
    assert cells.span(seconds)


@given(
    counts=st.fixed_dictionaries(
        {name: st.integers(0, 10**6) for name in ("open", "pledged", "received")}
    ),
    length=st.integers(4, 60),
)
def test_every_bar_fits(counts: dict[str, int], length: int) -> None:
    most = max(sum(counts.values()), 1)
    drawn = charts.bar(counts, most, "#=.", length)
    assert len(drawn) <= length
    assert bool(drawn) == any(counts.values())
