"""Writing a slip: what to know before it is saved, and what its visitor takes along.

Nothing here is asked of anybody by itself: a screen shows it, and a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from meshaid import claims, finding
from meshaid.cautions import Caution, contact_cautions
from meshaid.core.amounts import near_units, parse_unit
from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.places import area_key, area_names
from meshaid.core.reasons import Reason
from meshaid.core.records import Record, new_record, validate_fields
from meshaid.core.rows import Row
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, NotFound, RefusedByTrust

_COMPARED: Final = ("need", "offer")
"""Kinds of which the same thing is told twice."""
_UNITS: Final = ("unit", "per_unit")


@final
@dataclass(frozen=True, slots=True)
class Emergency:
    """What a hub tells everybody to do when a life is at risk."""

    text: str
    """Empty if no hub here says anything."""
    hub: str
    """The hub's title, or empty."""

    def as_json(self) -> dict[str, str]:
        """Both by name."""
        return {"text": self.text, "hub": self.hub}


@final
@dataclass(frozen=True, slots=True)
class Checked:
    """What to know before a record is saved."""

    warnings: tuple[Caution, ...]
    duplicates: tuple[tuple[Row, tuple[Reason, ...]], ...]
    """Records that may say the same, the likest first, each with its reasons; at most 5."""
    emergency: Emergency | None
    """To be shown at once, before saving; None unless a life is at risk."""

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "warnings": [caution.as_json() for caution in self.warnings],
            "duplicates": [
                {"record": row.as_json(), "reasons": [reason.as_json() for reason in reasons]}
                for row, reasons in self.duplicates
            ],
            "emergency": None if self.emergency is None else self.emergency.as_json(),
        }


@final
@dataclass(frozen=True, slots=True)
class Entered:
    """A record that was just written."""

    row: Row
    claim_code: str
    """Six digits for whoever it is for, told only this once; empty if none were asked for."""
    warnings: tuple[Caution, ...]


def check(desk: Desk, kind: str, entered: Mapping[str, object], now: int) -> Checked:
    """What to know about a record before it is written; nothing is.

    Raises as `Desk.add`; InvalidInput for every field that does not fit at once.
    """
    new_record(kind, desk.with_references(kind, entered, now), now=now, ref="")
    duplicates = finding.duplicates_of_draft(desk, kind, entered, now) if kind in _COMPARED else ()
    threatened = kind in ("need", "notice") and _is_set(entered.get("life_threatening"))
    area = entered.get("area")
    return Checked(
        tuple(cautions_of(kind, entered)),
        tuple(duplicates),
        emergency(desk, now, area if isinstance(area, str) else "") if threatened else None,
    )


def _is_set(value: object) -> bool:
    return bool(validate_fields("need", {"life_threatening": value}).get("life_threatening"))


def enter(
    desk: Desk,
    kind: str,
    entered: Mapping[str, object],
    now: int,
    *,
    claim: bool | None = None,
) -> Entered:
    """Write a new record, with a claim code for the visitor whose slip it is.

    Args:
      entered: as for `Desk.add`.
      claim: whether to draw a claim code. None draws one when a hub enters a need or an offer for
        somebody (`on_behalf_of`).
    Raises:
      InvalidInput, StoreError, StoreFull: nothing was written.
    """
    row = desk.add(kind, entered, now)
    wanted = _is_for_a_visitor(row) if claim is None else claim
    warnings = [*cautions_of(kind, entered)]
    code = ""
    if wanted:
        try:
            code = claims.make_code(desk, row.id, now)
        except RefusedByTrust as error:  # the slip itself is written and stays
            warnings.append(Caution("no_claim_code", str(error)))
    return Entered(row, code, tuple(warnings))


def _is_for_a_visitor(row: Row) -> bool:
    visited = row.author.kind == "hub" and row.record.kind in _COMPARED
    return visited and bool(row.record.text("on_behalf_of"))


def cautions_of(kind: str, entered: Mapping[str, object]) -> Iterator[Caution]:
    """What is odd about fields that somebody entered."""
    yield from contact_cautions(kind, entered)
    for name in _UNITS:
        unit = entered.get(name)
        if isinstance(unit, str) and unit.strip():
            near = near_units(parse_unit(unit))
            if near:
                yield Caution(
                    "unit",
                    f"Nothing converts to or from this unit. Did you mean {' or '.join(near)}?",
                    name,
                )
    areas = entered.get("areas")
    if isinstance(areas, str) and "," in areas and ";" not in areas:
        yield Caution(
            "areas",
            "This is one area with a comma in its name. Several areas have a semicolon between: "
            "`North; South`.",
            "areas",
        )


def emergency(desk: Desk, now: int, area: str = "") -> Emergency:
    """What to do when a life is at risk: in the words of the own hub, else of the first hub that
    serves this area, else of the first hub that says anything."""
    board = desk.board(now)
    own = board.hub_of(desk.member)
    for hub in [*([own] if own else []), *_serving(board, area), *board.hubs()]:
        if hub.text("emergency") and board.standing(hub).status != "closed":
            return Emergency(hub.text("emergency"), hub.text("title"))
    return Emergency("", "")


def _serving(board: Board, area: str) -> Iterable[Record]:
    wanted = area_key(area)
    return (hub for hub in board.hubs() if wanted in map(area_key, area_names(hub)))


def own_hub(desk: Desk, entered: Mapping[str, object], now: int) -> Row:
    """This hub's own page: made, or changed by what was entered; without fields only shown.

    Raises:
      InvalidInput: this member is no hub, or a field does not fit. Nothing was written.
      NotFound: there is none yet, and no field was given.
      StoreError, StoreFull: nothing was written.
    """
    if desk.authors()[desk.member].kind != "hub":
        raise InvalidInput("this member is no hub; only hubs have a page of their own on the board")
    held = desk.board(now).hub_of(desk.member)
    if held is None and not entered:
        raise NotFound("this hub has not said anything about itself yet")
    if held is None:
        return desk.add("hub", entered, now)
    if not entered:
        return desk.board(now).row(held)
    row = desk.edit(held.reference, entered, now)
    return _fold_pages(desk, held.reference, now) or row


def _fold_pages(desk: Desk, counting: str, now: int) -> Row | None:
    """Bring into the page that counts what other pages of this hub say besides, and close them: two
    devices apart may each have made one. None if there are no others."""
    held = [r for r in desk.records(desk.replica.identity.member) if r.kind == "hub"]
    pages = {record.reference: record for record in held if record.readable}
    others = [
        page
        for name, page in sorted(pages.items())
        if name != counting and page.text("status") != "closed"
    ]
    if not others:
        return None
    said: dict[str, Value] = {}
    for page in reversed(others):
        said |= page.fields
    kept = pages[counting]
    row = desk.restate(kept, {**said, **kept.fields}, now)
    for page in others:
        desk.close(page.reference, "duplicate", now)
    return row
