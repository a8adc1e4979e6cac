"""Tables of other tools and of people's spreadsheets: their columns as our fields.

A header's words tell what a column gives; what was chosen by hand comes before that, and what gives
nothing is reported. Columns of persons (names, telephones, addresses) and of exact places are never
taken over. Cells are read as people write them (cells.py), categories by what things are called
(labels.py). Then the row goes the way of every slip (slips.py).
Source: docs/protocol.md, "Import and export" (other tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, final

from meshaid.core import cells as said
from meshaid.core import labels
from meshaid.core.categories import OTHER
from meshaid.core.headings import WORD, Roles, kind_of, roles_of
from meshaid.core.schema import KINDS, URGENCIES
from meshaid.core.slips import (
    COLUMNS,
    Reading,
    SlipReader,
    SlipTable,
    check_where,
    column_name,
    normalised_row,
)
from meshaid.core.tabular import Row, unshielded
from meshaid.errors import InvalidInput

FORMAT: Final = "table"
"""What such a table was read as."""
_TOPICS: Final = {"met": "weather", "infra": "lifeline", "transport": "lifeline"}
_BIN: Final = re.compile(r".*:(\d+)")
_LONGEST: Final = 4_000
"""Characters of a cell that are looked at; a text keeps 700."""


def read_foreign(rows: Iterable[Row], reading: Reading) -> SlipTable:
    """Read a table whose header names its columns in its own words.

    Raises:
      InvalidInput: no column says what a row is about, or nothing tells whether the rows are needs,
        offers or notices; the text says what to do.
    """
    rows = iter(rows)
    first = next(rows, Row(1, []))
    if first.fault:
        raise InvalidInput(f"line {first.line}: {first.fault}")
    header = [column_name(name) for name in first.cells]
    roles = roles_of(header, reading)
    if not (roles.says_what() or reading.category):
        raise InvalidInput(
            "no heading of this table says what its rows are about, and there is no tag row in the "
            "first 25 rows; the first line must name the columns, such as kind, title, quantity; "
            "or say one with --map COLUMN=title"
        )
    table = SlipTable(format=FORMAT)
    kind = reading.kind
    if not kind and "kind" not in roles.by_role:
        kind = kind_of(header, roles)
        table.notes.append((0, f"taken as {kind}s by the headings; --kind says otherwise"))
    translate(rows, header, roles, table, reading, kind)
    return table


def translate(
    rows: Iterable[Row],
    header: Sequence[str],
    roles: Roles,
    table: SlipTable,
    reading: Reading,
    kind: str,
) -> None:
    """Put the rows of somebody else's columns into a table of slips.

    Args:
      header: the columns' names in lower case, for `where` and for what is reported.
      kind: of every row that does not say it; may be empty if there is a column for it.
    """
    check_where(reading.where, header)
    used = roles.used()
    for column, role in used.items():
        table.columns[header[column] or f"column {column + 1}"] = role
    table.ignored_columns += [
        name for column, name in enumerate(header) if name and column not in used
    ]
    if not roles.by_role.keys().isdisjoint({"created_at", "needed_by"}):
        table.notes.append((0, "dates without an offset are taken as UTC"))
    held = list(rows)
    translation = _Translation(roles, table, reading, kind, held)
    reader = SlipReader(table, reading, warns=False)  # contacts are taken out of the words
    for row in held:
        raw = [unshielded(cell)[:_LONGEST] for cell in row.cells]
        named = dict(zip(header, raw, strict=False))
        if not row.fault and not any(raw):
            continue
        if any(named.get(name, "") != wanted for name, wanted in reading.where.items()):
            continue
        try:
            given = {} if row.fault else translation.cells_of(row.line, raw)
        except InvalidInput as error:
            table.refused.append((row.line, str(error)))
            continue
        whole = {
            f"{column} {name}": cell
            for column, (name, cell) in enumerate(zip(header, raw, strict=False))
        }
        reader.read(row.line, given, row.fault, key=normalised_row({**whole, "kind": kind}))


@final
class _Translation:
    """From one row of somebody else's cells to cells by our names."""

    def __init__(
        self, roles: Roles, table: SlipTable, reading: Reading, kind: str, rows: Sequence[Row]
    ) -> None:
        self._roles = roles.by_role
        self._table = table
        self._reading = reading
        self._kind = kind
        self._chosen = {labels.plain(label): code for label, code in reading.labels.items()}
        self._orders = {
            column: said.date_order(row.cells[column] for row in rows if column < len(row.cells))
            for role in ("created_at", "needed_by")
            for column in roles.by_role.get(role, ())
        }

    def cells_of(self, line: int, raw: Sequence[str]) -> dict[str, str]:
        """The cells to enter. Raises InvalidInput naming what cannot be used."""
        if said.is_sum(raw):
            raise InvalidInput("this row sums up others")
        given = {
            role: cell
            for role in self._roles
            if role in COLUMNS
            for cell in [said.filled(self._cell(raw, role))]
            if cell
        }
        kind = given.get("kind", self._kind).casefold()
        kind = given["kind"] = said.KIND_WORDS.get(kind, kind)
        self._words(line, raw, given)
        if kind == "notice":
            self._topic(raw, given)
        else:
            given["category"] = self._category(raw, given)
            self._amount(raw, given)
        self._place(line, raw, given)
        self._moments(line, raw, given)
        self._choices(line, given)
        self._people(line, raw, given)
        self._household(line, given)
        if len(given.get("slip", "")) > 16:
            given.pop("slip")
        fields = KINDS[kind].fields if kind in KINDS else {}
        return {name: cell for name, cell in given.items() if name in fields or name == "kind"}

    def _cell(self, raw: Sequence[str], role: str) -> str:
        return next(iter(self._cells(raw, role)), "")

    def _cells(self, raw: Sequence[str], role: str) -> list[str]:
        columns = self._roles.get(role, ())
        return [raw[column] for column in columns if column < len(raw) and raw[column]]

    def _note(self, line: int, text: str) -> None:
        self._table.notes.append((line, text))

    def _words(self, line: int, raw: Sequence[str], given: dict[str, str]) -> None:
        """The title, short, and everything else that is said as the text."""
        title = said.filled(self._cell(raw, "title"))
        parts = [part for part in self._cells(raw, "text") if said.filled(part)]
        if not title and parts:
            title = parts[0].splitlines()[0]
        if title.casefold() in said.URGENCY_WORDS:
            raise InvalidInput("title: says only how urgent it is; is the row shifted?")
        short = said.shortened(title, 80)
        if short != title and title not in parts:
            parts.insert(0, title)
        text = "\n".join(part for part in parts if part != short)
        words = [said.without_contacts(short), said.without_contacts(text)]
        if words != [short, text]:
            self._note(line, "a telephone number, address or link was left out of its words")
        if len(words[1]) > 700:
            self._note(line, "its text was shortened")
        given |= {"title": words[0], "text": said.shortened(words[1], 700)}

    def _category(self, raw: Sequence[str], given: Mapping[str, str]) -> str:
        """A category called by its name; else what the thing's own words mean, else the label's."""
        own = self._cells(raw, "label")
        things = [*self._cells(raw, "title"), given.get("text", "")]
        told = [(label, labels.category_called(label, self._chosen)) for label in own]
        told = [(label, code) for label, code in told if "." in code]
        told += [(label, labels.category_named(label, self._chosen)) for label in (*things, *own)]
        label, code = next(
            (pair for pair in told if pair[1]), (next(iter([*own, *things]), ""), "")
        )
        code = code or self._reading.category or OTHER
        known = said.shortened(labels.plain(label), 80)
        self._table.labels[known] = (code, self._table.labels.get(known, ("", 0))[1] + 1)
        return code

    def _topic(self, raw: Sequence[str], given: dict[str, str]) -> None:
        for label in self._cells(raw, "label"):
            for word in WORD.findall(label.casefold()):
                if word in _TOPICS:
                    given.setdefault("topic", _TOPICS[word])
        given.pop("category", None)

    def _amount(self, raw: Sequence[str], given: dict[str, str]) -> None:
        """How many of what; a pack with its contents is the unit."""
        given.pop("per_pack", None)
        number, unit = said.split_amount(said.filled(self._cell(raw, "quantity")))
        share = _BIN.fullmatch(self._cell(raw, "bin"))
        if share:  # one thing in several bins, with the whole amount on each row
            number = share[1]
        unit = said.filled(self._cell(raw, "unit")) or unit
        pack = said.filled(self._cell(raw, "pack"))
        inside = said.filled(self._cell(raw, "per_pack"))
        if pack and inside and unit:
            given |= {"per_pack": inside, "per_unit": unit}
        given |= {"quantity": number, "unit": said.singular(pack or unit)}

    def _place(self, line: int, raw: Sequence[str], given: dict[str, str]) -> None:
        parts = [part for cell in self._cells(raw, "area") if (part := said.filled(cell))]
        coarse = [part for part in parts if not said.is_street(part[:200])]
        if coarse != parts:
            self._note(line, "an address was left out; an area is enough")
        area = ", ".join(dict.fromkeys(coarse))
        given["area"] = said.shortened(area, 40)
        if given["area"] != area:
            self._note(line, "its area was shortened")

    def _moments(self, line: int, raw: Sequence[str], given: dict[str, str]) -> None:
        for role in self._roles.keys() & {"created_at", "needed_by"}:
            cell = said.filled(self._cell(raw, role))
            given.pop(role, None)
            if not cell or (role == "needed_by" and given["kind"] != "need"):
                continue
            order = self._orders[self._roles[role][0]]
            moment = said.read_moment(cell, order, end=role == "needed_by")
            if moment is None:
                self._note(line, f"{role}: the date is not clear, and was left out")
            else:
                given[role] = str(moment)

    def _people(self, line: int, raw: Sequence[str], given: dict[str, str]) -> None:
        """One count, or the sum of counts of women and men."""
        counts = [cell.strip() for cell in self._cells(raw, "people")]
        given.pop("people", None)
        if counts and all(count.isascii() and count.isdigit() for count in counts):
            people = sum(int(count[:9]) for count in counts)
            if 1 <= people <= 10_000:
                given["people"] = str(people)
                return
        if any(map(said.filled, counts)):
            self._note(line, "people: no number from 1 to 10000, and was left out")

    def _household(self, line: int, given: dict[str, str]) -> None:
        if not said.is_tag(given.get("on_behalf_of", "h0")):
            del given["on_behalf_of"]
            self._note(
                line, "on_behalf_of: only a tag such as h07 is taken, never a name; it was left out"
            )

    def _choices(self, line: int, given: dict[str, str]) -> None:
        for name, words, own in (
            ("urgency", said.URGENCY_WORDS, tuple(URGENCIES)),
            ("status", said.STATUS_WORDS, ("open", "paused", "closed")),
        ):
            word = given.pop(name, "").casefold()
            if name == "urgency" and word in said.YES | said.NO:
                word = "now" if word in said.YES else ""
            if word and word not in own and word not in words:
                self._note(line, f"{name}: the word is not known, and was left out")
            elif word and (name == "status" or given["kind"] == "need"):
                given[name] = words.get(word, word)
        if given["kind"] == "notice":
            given.pop("status", None)
