"""HXL: tables with a row of hashtags between the header and the data.

The tag row is looked for with HXL's forgiving rule, and the order of attributes is free. Our own
row is read back field by field; of other tables the columns that mean a field of ours are taken,
and the rest is reported. There is no tag for offers: `#capacity` stands for what is offered.
Source: docs/protocol.md, "Import and export" (HXL); HXL 1.1, "Hashtags and attributes".
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, final

from meshaid.core.amounts import show_amount
from meshaid.core.categories import CATEGORIES, group_of
from meshaid.core.crosswalk import translate
from meshaid.core.headings import Roles
from meshaid.core.publishing import Published
from meshaid.core.slips import Reading, SlipReader, SlipTable, check_where
from meshaid.core.tabular import Row, shielded, unshielded
from meshaid.core.times import show_time
from meshaid.errors import InvalidInput

FORMAT: Final = "hxl"
"""The format's name inside import keys."""
SEARCHED: Final = 25
"""Rows at the top of a file in which the tags are looked for."""
NO_TAGS: Final = (
    "no tag row in the first 25 rows: in HXL one row names each column by a hashtag, such as "
    "#item+name"
)

_TAG: Final = re.compile(r"\s*(#[A-Za-z]\w*)((?:\s*\+[A-Za-z]\w*)*)\s*")
_ATTRIBUTE: Final = re.compile(r"\+([A-Za-z]\w*)")
_SEXES: Final = frozenset({"f", "m"})


@final
class Tag(NamedTuple):
    """A hashtag with its attributes, all in lower case."""

    name: str
    attributes: frozenset[str]

    def __str__(self) -> str:
        return self.name + "".join(f"+{name}" for name in sorted(self.attributes))


ROW: Final[tuple[tuple[str, str, str], ...]] = (
    ("ID", "#meta+id", "id"),
    ("Ref", "#meta+ref", "ref"),
    ("Kind", "#meta+kind", "kind"),
    ("Category", "#sector+code+v_meshaid", "category"),
    ("Category name", "#sector+name+i_en", ""),
    ("Item", "#item+name", "title"),
    ("Needed", "#need+num+total", "quantity"),
    ("Needed open", "#need+num+open", ""),
    ("Offered", "#capacity+num+total", "quantity"),
    ("Offered open", "#capacity+num+open", ""),
    ("Unit", "#item+unit", "unit"),
    ("People", "#inneed+num", "people"),
    ("Urgency", "#severity+code", "urgency"),
    ("Life-threatening", "#severity+life", "life_threatening"),
    ("Status", "#status+code", "status"),
    ("Area", "#loc+name", "area"),
    ("Hub", "#loc+hub", ""),
    ("Lat", "#geo+lat", ""),
    ("Lon", "#geo+lon", ""),
    ("Due", "#date+due", "needed_by"),
    ("Created", "#date+created", "created_at"),
    ("Updated", "#date+updated", ""),
    ("Language", "#meta+lang", "lang"),
    ("Notes", "#description", "text"),
    ("Exercise", "#meta+exercise", "exercise"),
)
"""Our columns: heading, tag, and the field that is read back; empty for what is derived."""

_MEANINGS: Final[Mapping[str, str]] = {
    "#item": "title", "#need": "title", "#service": "title", "#activity": "title",
    "#subsector": "title", "#sector": "label", "#description": "text",
    "#inneed": "people", "#affected": "people", "#targeted": "people", "#population": "people",
    "#loc": "area", "#adm5": "area", "#adm4": "area", "#adm3": "area", "#adm2": "area",
    "#adm1": "area", "#country": "area", "#severity": "urgency", "#priority": "urgency",
    "#status": "status", "#date": "created_at",
}  # fmt: skip
"""What tags of other tables give, the surest first; see `_role_of` for those with numbers."""


def parse_tag(cell: str) -> Tag | None:
    """The tag in a cell, or None."""
    match = _TAG.fullmatch(cell)
    if match is None:
        return None
    names = (name.casefold() for name in _ATTRIBUTE.findall(match[2]))
    return Tag(match[1].casefold(), frozenset(names))


def find_tags(rows: Sequence[Row]) -> int | None:
    """The place of the tag row: the first of the top 25 of whose filled cells half are tags."""
    for place, row in enumerate(rows[:SEARCHED]):
        cells = [cell for cell in row.cells if cell.strip()]
        tags = sum(parse_tag(cell) is not None for cell in cells)
        if tags and 2 * tags >= len(cells):
            return place
    return None


def read_hxl(rows: Iterable[Row], reading: Reading) -> SlipTable:
    """Read a table with a tag row.

    Raises:
      InvalidInput: no tag row; or nothing tells whether the rows are needs or offers.
    """
    held = list(rows)
    place = find_tags(held)
    if place is None:
        raise InvalidInput(NO_TAGS)
    tags = [parse_tag(cell) for cell in held[place].cells]
    table = SlipTable(format=FORMAT)
    if parse_tag("#meta+kind") in tags:
        _read_own(held[place + 1 :], tags, table, reading)
    else:
        header = [str(tag) if tag else "" for tag in tags]
        roles = _roles_of(tags)
        if not (roles.says_what() or reading.category):
            raise InvalidInput("no tag says what the rows are about, such as #item or #sector")
        translate(held[place + 1 :], header, roles, table, reading, _kind_of(tags, reading))
    return table


def _read_own(
    rows: Iterable[Row], tags: Sequence[Tag | None], table: SlipTable, reading: Reading
) -> None:
    own = {parse_tag(tag): field for _, tag, field in ROW if field}
    header = [str(tag) if tag else "" for tag in tags]
    check_where(reading.where, header)
    table.columns |= {str(tag): own[tag] for tag in tags if tag in own}
    table.ignored_columns += [str(tag) for tag in tags if tag is not None and tag not in own]
    reader = SlipReader(table, reading)
    for row in rows:
        cells = [unshielded(cell) for cell in row.cells]
        named = dict(zip(tags, cells, strict=False))
        if any(named.get(parse_tag(name), "") != cell for name, cell in reading.where.items()):
            continue
        if row.fault or any(cells):
            reader.read(row.line, _own_cells(named), row.fault)


def _own_cells(named: Mapping[Tag | None, str]) -> dict[str, str]:
    """Our columns by their fields; a derived state only where it can be entered."""
    cells: dict[str, str] = {}
    for _, tag, field in ROW:
        cell = named.get(parse_tag(tag), "")
        if field and cell:
            cells.setdefault(field, cell)
    kind, status = cells.get("kind", "").casefold(), cells.pop("status", "").casefold()
    if kind in ("need", "offer") and status in ("closed", "paused"):
        cells["status"] = status
    if kind == "notice" and status in ("withdrawn", "confirmed"):
        cells["certainty"] = status
    if kind != "need" and "needed_by" in cells:
        due = cells.pop("needed_by")
        cells["available_until" if kind == "offer" else "expires_at"] = due
    return cells


def _roles_of(tags: Sequence[Tag | None]) -> Roles:
    """What the columns of another table give, the surest tag first."""
    roles = Roles()
    found = [(column, tag, _role_of(tag)) for column, tag in enumerate(tags) if tag]
    order = [*_MEANINGS, "#capacity"]
    for column, tag, role in sorted(found, key=lambda each: _rank(each[1], order)):
        counts_sex = role == "people" and bool(_SEXES & tag.attributes)
        if role and (roles.lacks(role) or (counts_sex and roles.by_role["people"])):
            roles.add(role, column)
    return roles


def _rank(tag: Tag, order: Sequence[str]) -> tuple[int, int]:
    return order.index(tag.name) if tag.name in order else len(order), len(tag.attributes)


def _role_of(tag: Tag) -> str:
    """The role of one tag; empty for what we have no field for."""
    told = tag.attributes
    if tag.name in ("#need", "#capacity") and told & {"num", "total", "quantity"}:
        return "quantity" if "open" not in told else ""
    if tag.name == "#item" and told & {"unit", "num"}:
        return "unit" if "unit" in told else "quantity"
    if tag.name == "#date" and told & {"due", "end", "required"}:
        return "needed_by"
    if tag.name == "#loc" and "name" not in told and told:
        return ""
    return "title" if tag.name == "#capacity" else _MEANINGS.get(tag.name, "")


def _kind_of(tags: Iterable[Tag | None], reading: Reading) -> str:
    names = {tag.name for tag in tags if tag}
    told = [kind for kind, tag in (("need", "#need"), ("offer", "#capacity")) if tag in names]
    if not told and "#inneed" in names:
        told = ["need"]
    if not reading.kind and len(told) != 1:
        raise InvalidInput(
            "the tags do not tell what the rows are; say --kind need, offer or notice"
        )
    return reading.kind or told[0]


# ---- writing


def hxl_rows(rows: Iterable[Published]) -> list[list[str]]:
    """Header, tags, and a line for each row."""
    return [
        [heading for heading, _, _ in ROW],
        [tag for _, tag, _ in ROW],
        *map(_cells, rows),
    ]


def _cells(published: Published) -> list[str]:
    row, hub = published.row, published.hub
    record, kind = row.record, row.record.kind
    category = record.text("category")
    known = CATEGORIES.get(category) or CATEGORIES.get(group_of(category))
    total, left = record.number("quantity"), row.standing.left
    amounts = [_amount(total), _amount(None if left is None else int(left))]
    due = {"need": "needed_by", "offer": "available_until"}.get(kind, "expires_at")
    return [
        record.reference,
        record.text("ref"),
        kind,
        category,
        known.label if known else "",
        record.text("title"),
        *(amounts if kind == "need" else ("", "")),
        *(amounts if kind == "offer" else ("", "")),
        record.text("unit"),
        str(record.number("people") or ""),
        record.text("urgency"),
        "1" if record.flag("life_threatening") else "0",
        row.status,
        record.text("area"),
        hub.text("title") if hub else "",
        _degrees(hub.number("lat") if hub else None),
        _degrees(hub.number("lon") if hub else None),
        _moment(record.number(due)),
        _moment(record.number("created_at")),
        _moment(published.updated),
        record.text("lang"),
        record.text("text"),
        "1" if row.exercise else "0",
    ]


def _amount(thousandths: int | None) -> str:
    return "" if thousandths is None else show_amount(thousandths)


def _degrees(hundredths: int | None) -> str:
    return "" if hundredths is None else f"{hundredths / 100:.2f}"


def _moment(seconds: int | None) -> str:
    return "" if seconds is None else show_time(seconds).replace("+00:00", "Z")


def write_hxl(rows: Iterable[Published]) -> str:
    """An HXL-tagged CSV table. A cell that a spreadsheet would run as a formula is shielded."""
    header, tags, *lines = hxl_rows(rows)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([header, tags])
    writer.writerows([shielded(cell) for cell in line] for line in lines)
    return out.getvalue()


def write_hxl_json(rows: Iterable[Published]) -> str:
    """The same as a JSON array of arrays."""
    return json.dumps(hxl_rows(rows), ensure_ascii=False)
