"""Bringing a file of slips in, in batches: each is one durable transaction.

Importing the same file again changes nothing: every row is known by its import key. So an import
that was killed is carried on by starting it again. Between two batches others may use the desk; a
node lets them (board_face.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from meshaid import limits
from meshaid.core import cap, ids, spoken
from meshaid.core.board import Board
from meshaid.core.categories import find_category
from meshaid.core.document import Edit
from meshaid.core.fields import Value
from meshaid.core.imports import read_file
from meshaid.core.labels import plain
from meshaid.core.links import linked, targets_first
from meshaid.core.records import FIXED, Record, close_fields, complete_record, same_value
from meshaid.core.schema import KINDS
from meshaid.core.slips import SLIP_KINDS, Reading, Slip, SlipTable
from meshaid.core.texts import one_of
from meshaid.desk import Desk, making
from meshaid.errors import InvalidInput, concerning

LABELS: Final = "import-labels"
"""Setting: what a hub has said that labels mean, as JSON: category code by label."""
ENDED: Final = "import-ended"
"""Setting: import keys of alerts whose end came in before they did, as JSON."""
_GOES_ON: Final = FIXED | {"status", "closed_reason", "expires_at"}
"""Fields that differ from the row that a record was made of without anybody having erred."""

Told = Callable[[int, int], None]
"""Is told how many rows are done, of how many."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an imported file."""

    format: str
    """What it was read as: csv, table (somebody else's columns), hxl, jsonl or cap."""
    imported: int
    """Records written."""
    known: int
    """Rows that were here already, and were left as they are."""
    refused: tuple[tuple[int, str], ...]
    """(line, reason) of every row that was left out."""
    unresolved: tuple[tuple[int, str], ...]
    """(line, field) of links to rows that nobody here has imported."""
    notes: tuple[tuple[int, str], ...]
    """(line, remark) where a row did not go in just as it stood."""
    columns: Mapping[str, str]
    """The field that each column gave, by the column's name."""
    ignored_columns: tuple[str, ...]
    labels: Mapping[str, tuple[str, int]]
    """What rows called a category: the code it gave, and how many rows."""
    withdrawn: int = 0
    """Notices that a file took back or replaced."""
    differing: int = 0
    """Rows among those known that say something else than the board does."""


@dataclass(slots=True)
class _Plan:
    """What is to be written, and what its links may name."""

    fresh: list[Slip]
    """In an order in which no slip names a later one, but for circles."""
    references: dict[str, str]
    """Reference by import key of every row that this member has."""
    keys: Mapping[str, str]
    """Import key by row id, of the rows of this file."""
    unresolved: list[tuple[int, str]] = field(default_factory=list)


class Intake:
    """One file on its way into a desk. `step` until it says that nothing is left."""

    def __init__(self, desk: Desk, table: SlipTable, now: int, *, reading: Reading) -> None:
        """Look at what is here already; nothing is written yet.

        Args:
          now: seconds since 1970, for what the file does not date.
          reading: what the table was read with.
        """
        self._desk = desk
        self._table = table
        self._now = now
        self._start = now if reading.start is None else reading.start
        self._refused = list(table.refused)
        self._imported = 0
        self._known = 0
        self._differing = 0
        self._withdrawn = 0
        board = desk.board(now)
        self._codes = set(board.codes())
        self._letter = desk.letter()
        self._plan = self._planned(board)
        self.total = len(self._plan.fresh)
        """Rows that are not here yet."""
        self.done = 0
        """How many of them were written or refused."""

    def step(self) -> bool:
        """Write the next batch, durable on return; says whether more are left.

        Raises:
          StoreError, StoreFull, RefusedByTrust: nothing of this batch was written; what earlier
            ones wrote stays.
        """
        batch = self._plan.fresh[self.done : self.done + limits.IMPORT_BATCH]
        made: list[tuple[Slip, list[Edit]]] = []
        for slip in batch:
            name = self._desk.new_id()
            try:
                made.append((slip, making(name, self._record(slip))))
            except InvalidInput as error:
                self._refused.append((slip.line, str(error)))
            else:
                member = self._desk.replica.identity.member
                self._plan.references[slip.import_key] = ids.reference(member, name)
        if made:
            self._write(made)
        self.done += len(batch)
        if self.done < self.total:
            return True
        self._end_alerts()
        return False

    def _write(self, made: Sequence[tuple[Slip, list[Edit]]]) -> None:
        """Write a batch; if a record in it breaks a format rule, all others one by one."""
        try:
            self._desk.replica.write_all([edits for _, edits in made])
        except InvalidInput as error:
            if len(made) > 1:
                for one in made:
                    self._write([one])
                return
            self._refused.append((made[0][0].line, str(error)))
            return
        self._imported += len(made)

    def result(self) -> Imported:
        """What came of it so far."""
        table = self._table
        return Imported(
            format=table.format,
            imported=self._imported,
            known=self._known,
            refused=tuple(sorted(self._refused)),
            unresolved=tuple(sorted(self._plan.unresolved)),
            notes=tuple(sorted(table.notes)),
            columns=table.columns,
            ignored_columns=tuple(table.ignored_columns),
            labels=table.labels,
            withdrawn=self._withdrawn,
            differing=self._differing,
        )

    def _planned(self, board: Board) -> _Plan:
        known, ended = self._imported_before(), recalled(self._desk, ENDED)
        keys = {slip.row_id: slip.import_key for slip in self._table.rows if slip.row_id}
        fresh = []
        for slip in self._table.rows:
            if slip.import_key in known or board.record(slip.row_id.lower()) is not None:
                self._known += 1
                held = board.record(known.get(slip.import_key, slip.row_id.lower()))
                self._differing += held is not None and _differs(slip, held)
            elif slip.import_key in ended:
                self._refused.append((slip.line, "an alert that came in before has ended this one"))
            else:
                fresh.append(linked(slip, keys, held=lambda name: board.record(name) is not None))
        return _Plan(targets_first(fresh, keys), known, keys)

    def _imported_before(self) -> dict[str, str]:
        """Import key to reference of what any device of this member has imported."""
        member = self._desk.replica.identity.member
        return {
            key: ids.reference(member, row.record_id)
            for row in self._desk.replica.ledger.records(member)
            for key in row.fields.get("import_key", ())
            if isinstance(key, str)
        }

    def _end_alerts(self) -> None:
        """Withdraw the notices of alerts that this one cancels or replaces. Those which are not
        here are remembered, so that they do not come to stand later than their end."""
        board, unmet = self._desk.board(self._now), {}
        if self._table.format == cap.FORMAT:
            replaced = (row_id for slip in self._table.rows for row_id in slip.links.values())
            unmet = dict.fromkeys(map(self._table.key_of, replaced), "")
            unmet = {key: "" for key in unmet if key not in self._plan.references}
        for row_id in self._table.ended:
            key = self._table.key_of(row_id)
            record = board.record(self._plan.references.get(key, ""))
            if record is None:
                unmet[key] = ""
            elif record.text("certainty") != "withdrawn":
                self._desk.change(record, close_fields(record, "no_longer_needed"))
                self._withdrawn += 1
        others = sum(
            notice.text("ext_id") in self._table.ended and notice.member != self._desk.member
            for notice in board.records_of_kind("notice")
        )
        if others:
            notices = "notice" if others == 1 else "notices"
            self._table.notes.append((1, f"other members keep {others} {notices} of it: tell them"))
        if unmet:
            remember(self._desk, ENDED, unmet)

    def _record(self, slip: Slip) -> dict[str, Value]:
        """The whole record of one slip: its links resolved, its code kept if it is free."""
        written = dict(slip.fields)
        for name, row_id in slip.links.items():
            key = self._plan.keys.get(row_id) or self._table.key_of(row_id)
            target = self._plan.references.get(key)
            if target is not None:
                written[name] = target
            else:
                self._plan.unresolved.append((slip.line, name))
        ref = written.get("ref")
        if not isinstance(ref, str) or ref in self._codes:
            written.pop("ref", None)
            ref = spoken.spoken_code(self._letter, _digits(slip.import_key))
        if ref in self._codes:
            ref = self._desk.draw_code(self._codes)
        self._codes.add(ref)
        self._give_term(slip.kind, written)
        return complete_record(slip.kind, written, now=self._now, ref=ref)

    def _give_term(self, kind: str, written: dict[str, Value]) -> None:
        """Whoever brings old slips in says that they hold now: their term runs from today."""
        created_at, hours = written.get("created_at"), KINDS[kind].hours
        if type(created_at) is int and created_at < self._start and hours is not None:
            written.setdefault("expires_at", self._start + hours * 3600)


def import_file(
    desk: Desk,
    data: bytes,
    now: int,
    *,
    form: str = "",
    reading: Reading | None = None,
    told: Told | None = None,
) -> Imported:
    """Read a file and bring it in, batch after batch.

    Args:
      data: the file, as `imports.read_file` takes it.
      form: what it is, or empty: then its content tells.
      reading: what was said about it; `exercise` and remembered labels are the desk's own.
      told: is told after each batch how many rows are done, of how many.
    Raises:
      InvalidInput: it is no such file; nothing was written. Bad rows are listed instead.
      StoreError, StoreFull, RefusedByTrust: earlier batches stay.
    """
    reading = own_reading(desk, reading or Reading())
    intake = Intake(desk, read_file(data, reading, form=form), now, reading=reading)
    while intake.step():
        if told is not None:
            told(intake.done, intake.total)
    return intake.result()


def _differs(slip: Slip, held: Record) -> bool:
    """Whether a row says something else than its record, but for what goes on with every record."""
    return any(
        not same_value(value, held.fields.get(name))
        for name, value in slip.fields.items()
        if name not in _GOES_ON
    )


def _digits(key: str) -> str:
    """Digits for the spoken code of an imported row: two devices that import it apart draw one."""
    number = int.from_bytes(hashlib.sha256(b"ref\0" + key.encode()).digest()[:8], "big")
    return f"{number % 10**spoken.DIGITS:0{spoken.DIGITS}}"


def own_reading(desk: Desk, reading: Reading) -> Reading:
    """What was said about a file, checked, with what the desk knows of itself; what labels mean is
    remembered from now on.

    Raises:
      InvalidInput: no such kind or category, or a label that is too long.
    """
    if reading.kind and reading.kind not in SLIP_KINDS:
        raise InvalidInput(fields={"kind": one_of(reading.kind, SLIP_KINDS)})
    if any(len(label) > limits.LABEL_CHARS for label in reading.labels):
        sentence = f"a label has at most {limits.LABEL_CHARS} characters"
        raise InvalidInput(fields={"labels": sentence})
    with concerning("labels"):
        said = {plain(label): find_category(code).code for label, code in reading.labels.items()}
    with concerning("category"):
        category = find_category(reading.category).code if reading.category else ""
    if said:
        remember(desk, LABELS, said)
    return replace(
        reading,
        category=category,
        labels={**recalled(desk, LABELS), **said},
        exercise=desk.is_exercise(),
    )


def recalled(desk: Desk, name: str) -> dict[str, str]:
    """What was remembered under this name on this device."""
    held = desk.replica.ledger.setting(name)
    found: dict[str, str] = json.loads(held) if held else {}
    return found


def remember(desk: Desk, name: str, pairs: Mapping[str, str]) -> None:
    """Keep these on this device beside what is remembered; of too many the oldest go.

    Raises:
      StoreError, StoreFull: nothing was kept.
    """
    known = [*{**recalled(desk, name), **pairs}.items()][-limits.IMPORT_REMEMBERED :]
    with desk.replica.ledger.transaction():
        desk.replica.ledger.put_setting(name, json.dumps(dict(known)).encode())
