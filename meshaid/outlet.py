"""Writing the board, or a part of it, for others: tables, maps, sheets, and everything as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from meshaid.core import ids
from meshaid.core.exports import write_csv, write_json_lines
from meshaid.core.geojson import write_geojson
from meshaid.core.hxl import write_hxl, write_hxl_json
from meshaid.core.publishing import Choice, Published, publish
from meshaid.core.sheets import write_sheet
from meshaid.core.texts import one_of
from meshaid.desk import Desk
from meshaid.errors import Ambiguous, InvalidInput, NotFound, concerning

FORMATS: Final = ("csv", "hxl", "hxl-json", "geojson", "html", "jsonl", "automerge")
"""What `export` writes. automerge loses nothing, and jsonl only words that flags hide as telling of
a person; the others are for people and programs that know nothing of this board."""
OWN: Final = "me"
"""Names this device's own member where a member is asked for."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file of the board. Its repr holds no content."""

    format: str
    data: bytes
    records: int
    """Records in it."""
    left_out: Mapping[str, int]
    """How many records, or words of records, are not in it, by `publishing.REASONS`."""
    exercise: bool
    """Whether it is of an exercise; the file says so too."""
    member: str = ""
    """The id of the one member whose records were asked for, or empty."""

    def __repr__(self) -> str:
        return f"<Exported {self.format} records={self.records} bytes={len(self.data)}>"


def export_board(desk: Desk, form: str, now: int, choice: Choice) -> Exported:
    """Write what was chosen in one of FORMATS.

    Args:
      now: seconds since 1970, for states and for what a sheet says of its time.
      choice: its `member` is an id or its beginning, a shown name, or OWN. automerge needs one;
        jsonl takes every kind, and everything, unless something is chosen.
    Raises:
      InvalidInput: no such format, kind or status; automerge without a member.
      NotFound, Ambiguous: the member.
    """
    if form not in FORMATS:
        raise InvalidInput(fields={"format": one_of(form, FORMATS)})
    with concerning("member"):
        member = member_named(desk, choice.member) if choice.member else None
    if form == "automerge":
        return _document(desk, member)
    choice = replace(choice, member=ids.id_text(member) if member else "")
    if form == "jsonl":
        return _lossless(desk, now, choice)
    rows, left_out = publish(desk.board(now), choice, ended=form != "html", hubs=form == "geojson")
    data = _WRITERS[form](_File(desk, rows, left_out, choice, now)).encode("utf-8", "replace")
    return Exported(form, data, len(rows), left_out, desk.is_exercise(), choice.member)


def _document(desk: Desk, member: bytes | None) -> Exported:
    if member is None:
        raise InvalidInput(fields={"member": "say whose document; automerge writes one member's"})
    count = sum(1 for _ in desk.records(member))
    data = desk.replica.export(member)
    return Exported("automerge", data, count, {}, desk.is_exercise(), ids.id_text(member))


def _lossless(desk: Desk, now: int, choice: Choice) -> Exported:
    """Every record that is held, of one member or of all that count; or those that were chosen.

    Of words that flags hide as telling of a person only `private_words` gives a copy.
    """
    authors, board = desk.authors(), desk.board(now)
    plain = Choice(member=choice.member, private_words=choice.private_words)
    if choice == plain:
        member = ids.id_bytes(choice.member) if choice.member else None
        records = [record for record in desk.records(member) if member or record.member in authors]
    else:
        rows = board.rows(
            kind=choice.kind,
            category=choice.category,
            status=choice.status or "all",
            area=choice.area,
            text=choice.text,
            member=choice.member,
            hidden=True,
        )
        records = [record for row in rows if (record := board.record(row.id)) is not None]
    records.sort(key=lambda record: record.reference)
    kept = records if choice.private_words else [board.shown(record) for record in records]
    told = sum(shown is not record for shown, record in zip(kept, records, strict=True))
    names = {name: author.name for name, author in authors.items()}
    text = write_json_lines(kept, names, exercise=desk.is_exercise())
    left_out = {"personal_data": told} if told else {}
    data = text.encode()
    return Exported("jsonl", data, len(kept), left_out, desk.is_exercise(), choice.member)


class _File(NamedTuple):
    """What a file is written of."""

    desk: Desk
    rows: Sequence[Published]
    left_out: Mapping[str, int]
    choice: Choice
    now: int


def _csv(file: _File) -> str:
    records = (row.record for row in file.rows)
    return write_csv(records, exercise=file.desk.is_exercise())


def _hxl(file: _File) -> str:
    return write_hxl(file.rows)


def _hxl_json(file: _File) -> str:
    return write_hxl_json(file.rows)


def _geojson(file: _File) -> str:
    return write_geojson(
        file.rows,
        coarse_points=file.choice.coarse_points,
        exercise=file.desk.is_exercise(),
        left_out=file.left_out,
    )


def _sheet(file: _File) -> str:
    founding = file.desk.replica.founding()
    return write_sheet(
        file.rows,
        community=founding.name if founding else "",
        now=file.now,
        exercise=file.desk.is_exercise(),
        left_out=file.left_out,
    )


_WRITERS: Final[Mapping[str, Callable[[_File], str]]] = {
    "csv": _csv,
    "hxl": _hxl,
    "hxl-json": _hxl_json,
    "geojson": _geojson,
    "html": _sheet,
}


def member_named(desk: Desk, text: str) -> bytes:
    """The one member with this id, this beginning of an id, or this shown name; OWN for our own.

    Raises NotFound; Ambiguous with the ids that fit.
    """
    own = desk.replica.identity.member
    if text == OWN:
        return own
    names = {ids.id_text(m): view.name for m, view in desk.replica.roster.members.items()}
    names.setdefault(ids.id_text(own), "")
    found = [name for name, shown in names.items() if text and shown == text]
    found = found or [name for name in names if text and name.startswith(text.lower())]
    if not found:
        raise NotFound(
            f"no member has this name, or an id that begins so; `{OWN}` is this device's own member"
        )
    if len(found) > 1:
        raise Ambiguous(f"{len(found)} members answer to that; give the id", tuple(sorted(found)))
    return ids.id_bytes(found[0])
