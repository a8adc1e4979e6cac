"""What fits together, what is told twice, and how things stand: the board's questions, on a desk.

The first question reads the whole board. A desk that is kept open, as that of a running node, then
follows what is written, so that the next answers take milliseconds. Nothing here writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final
from weakref import WeakKeyDictionary

from meshaid import limits
from meshaid.core import ids, reports
from meshaid.core.amounts import show_amount
from meshaid.core.board import ENDED, Board
from meshaid.core.duplicates import Candidate, DuplicateIndex, Subject, pairs
from meshaid.core.fields import Value
from meshaid.core.flags import COLLAPSED
from meshaid.core.match_index import MatchIndex
from meshaid.core.matching import Match as Fitting
from meshaid.core.proposals import Proposal, propose, propose_split
from meshaid.core.reasons import Reason
from meshaid.core.records import Record, kind_named, read_record
from meshaid.core.rows import Row
from meshaid.desk import Desk
from meshaid.errors import InvalidInput

_NOT_WRITTEN_YET: Final = "-"
"""Stands for the record id of what is still being typed."""


@dataclass(frozen=True, slots=True)
class Match:
    """A proposal with the two records that it is about."""

    need: Row
    offer: Row
    proposal: Proposal
    mine: bool
    """Whether the offer is this member's own: only its owner can pledge it."""

    def as_json(self) -> dict[str, Any]:
        """Plain values: rows as `Row.as_json` gives them, the amount as decimal text.

        `pledge` holds the arguments with which `pledge` promises it; null for an offer of somebody
        else, who alone can pledge it.
        """
        proposal = self.proposal
        quantity = None if proposal.quantity is None else show_amount(proposal.quantity)
        unit = None if quantity is None else proposal.unit or None
        pledge = {
            "need": proposal.need,
            "offer": proposal.offer,
            "quantity": quantity,
            "unit": unit,
        }
        return {
            "need": self.need.as_json(),
            "offer": self.offer.as_json(),
            "quantity": quantity,
            "unit": unit,
            "whole": proposal.covers,
            "reasons": [reason.as_json() for reason in proposal.reasons],
            "words": [reason.words for reason in proposal.reasons],
            "mine": self.mine,
            "pledge": pledge if self.mine else None,
        }


@dataclass(frozen=True, slots=True)
class Matches:
    """Proposals in their order; the best limits.PROPOSALS_LISTED of them."""

    of: str
    """"need" or "offer" if one was asked for, else "board"."""
    listed: tuple[Match, ...]
    total: int
    """How many there are; for the board how many were gathered, perhaps not all."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two records that may say the same."""

    record: Row
    """The one to close, if they do: this member's own, or else the later one."""
    other: Row
    reasons: tuple[Reason, ...]
    mine: bool
    """Whether `record` is this member's own, so that it can close it; others flag."""

    def as_json(self) -> dict[str, Any]:
        """Plain values: rows as `Row.as_json` gives them, and the reasons."""
        return {
            "record": self.record.as_json(),
            "other": self.other.as_json(),
            "reasons": [reason.as_json() for reason in self.reasons],
            "mine": self.mine,
        }


def matches(desk: Desk, now: int, ref: str = "") -> Matches:
    """Proposals for one need or offer, or for the whole board.

    For a need: every offer that fits, the best first. For an offer: how it might be split. For the
    board: the best few offers of each need, in the order in which needs should be helped. The same
    on every device that holds the same records, within one minute.

    Raises:
      InvalidInput: `ref` is neither a need nor an offer. NotFound, Ambiguous: as for `show`.
    """
    record = desk.board(now).find(ref) if ref else None
    if record is not None and record.kind not in ("need", "offer"):
        raise InvalidInput("only needs and offers are matched; name one of them")
    index = _finder(desk).matching(desk, now)
    if record is None:
        found = index.first(limits.PROPOSALS_LISTED)
        of, total = "board", len(found)
        proposed = propose(index, found[: limits.PROPOSALS_LISTED])
    elif record.kind == "need":
        found = index.for_need(record.reference)
        of, total = "need", len(found)
        proposed = propose(index, _in_sight(found))
    else:
        proposed = propose_split(index, index.for_offer(record.reference))
        of, total = "offer", len(proposed)
    return Matches(of, _listed(desk, proposed[: limits.PROPOSALS_LISTED], now), total)


def _in_sight(found: Sequence[Fitting]) -> Sequence[Fitting]:
    """The offers for a need that are listed: the best ones, but of a flood few of each member
    unless there is room for more, so that nobody's offer is pushed out by made-up ones."""
    if len(found) <= limits.PROPOSALS_LISTED:
        return found
    counts: Counter[str] = Counter()
    turns: list[tuple[bool, Fitting]] = []
    for fitting in found:
        member = fitting.offer.partition("/")[0]
        counts[member] += 1
        turns.append((counts[member] > limits.SHOWN_PER_MEMBER, fitting))
    return sorted(fitting for _, fitting in sorted(turns)[: limits.PROPOSALS_LISTED])


def _listed(desk: Desk, proposed: Sequence[Proposal], now: int) -> tuple[Match, ...]:
    rows = desk.rows({name for each in proposed for name in (each.need, each.offer)}, now)
    own = desk.member
    return tuple(
        Match(rows[each.need], rows[each.offer], each, rows[each.offer].record.member == own)
        for each in proposed
    )


def duplicates(desk: Desk, now: int, ref: str = "") -> list[Duplicate]:
    """Records that may say the same as one, at most limits.CANDIDATES_SHOWN; or such pairs of the
    whole board. What is marked as a duplicate already, or has ended, is not among them.

    Raises NotFound, Ambiguous, InvalidInput as `show`.
    """
    index, board = _finder(desk).comparing(desk), desk.board(now)
    own = desk.member
    if not ref:
        found = _mixed(pairs(index, partial(_stands, board), _linked(board)))
        return [_duplicate(board, name, *other, own) for name, other in found]
    record = board.find(ref)
    return _of_subject(board, index, Subject.of(record), own)


def _mixed(found: Sequence[tuple[str, Candidate]]) -> Sequence[tuple[str, Candidate]]:
    """The likest first; of more than a list holds first few of each two members, so that whoever
    writes the same a hundred times does not push out what others wrote twice."""
    if len(found) <= limits.DUPLICATES_LISTED:
        return found
    counts: Counter[frozenset[str]] = Counter()
    places: list[tuple[bool, int]] = []
    for place, (name, other) in enumerate(found):
        members = frozenset(each.partition("/")[0] for each in (name, other.reference))
        counts[members] += 1
        places.append((counts[members] > limits.SHOWN_PER_MEMBER, place))
    return [found[place] for _, place in sorted(places)]


def duplicates_of_draft(
    desk: Desk, kind: str, entered: Mapping[str, object], now: int
) -> list[tuple[Row, tuple[Reason, ...]]]:
    """Records that may say the same as what somebody is typing: "is it one of these?"

    Args:
      entered: the fields so far, as for `add`; what does not fit yet is passed over.
    Returns:
      At most limits.CANDIDATES_SHOWN rows with reasons, the likest first.
    Raises:
      InvalidInput: no such kind.
    """
    draft = Subject.of(_draft(desk.member, kind, entered, now))
    candidates = _finder(desk).comparing(desk).candidates(draft)
    board = desk.board_around([candidate.reference for candidate in candidates], now)
    standing = (
        (_row(board, candidate.reference), candidate.reasons)
        for candidate in candidates
        if _stands(board, candidate.reference)
    )
    return [*islice(standing, limits.CANDIDATES_SHOWN)]


def _draft(own: str, kind: str, entered: Mapping[str, object], now: int) -> Record:
    """What is typed so far as a record of this member, without what does not fit yet."""
    known = kind_named(kind).fields
    fields: dict[str, Value] = {"category": "other"} if kind != "notice" else {}
    for name, value in entered.items():
        if name in known and value not in (None, ""):
            try:
                fields[name] = known[name].parse(value)
            except InvalidInput:
                continue
    fields.setdefault("created_at", now)
    return Record(f"{own}/{_NOT_WRITTEN_YET}", kind, fields, {}, readable=True)


def report(desk: Desk, now: int) -> dict[str, Any]:
    """Counts by kind, category and hub; see `core.reports.report`."""
    return reports.report(desk.board(now))


def _of_subject(board: Board, index: DuplicateIndex, subject: Subject, own: str) -> list[Duplicate]:
    name = subject.record.reference
    linked = board.linked(name)
    found = (
        _duplicate(board, name, *candidate, own)
        for candidate in index.candidates(subject)
        if candidate.reference not in linked and _stands(board, candidate.reference)
    )
    return [*islice(found, limits.CANDIDATES_SHOWN)]


def _duplicate(
    board: Board, name: str, other: str, reasons: tuple[Reason, ...], own: str
) -> Duplicate:
    """The two in the order in which one would be closed in favour of the other."""
    first, second = _row(board, name), _row(board, other)

    def worth_keeping(row: Row) -> tuple[bool, bool, int, str]:
        record, written = row.record, row.record.number("created_at") or 0
        return record.member != own, record.flag("life_threatening"), -written, record.reference

    record, kept = sorted((first, second), key=worth_keeping)
    return Duplicate(record, kept, reasons, record.record.member == own)


def _row(board: Board, reference: str) -> Row:
    record = board.record(reference)
    if record is None:
        raise LookupError("only records that stand on this board are compared")
    return board.row(record)


def _stands(board: Board, reference: str) -> bool:
    """Whether a record is worth comparing: shown by itself, not ended, and nobody collapsed it."""
    record = board.record(reference)
    return (
        record is not None
        and record.reference == reference
        and board.hidden(reference) != COLLAPSED
        and board.standing(record).status not in ENDED
    )


def _linked(board: Board) -> Callable[[str, str], bool]:
    """Whether somebody marked two records as the same."""
    return lambda one, other: other in board.linked(one)


# ---- following what is written


class _Finder:
    """The indexes of one desk, as they were when somebody last asked."""

    def __init__(self, desk: Desk) -> None:
        self._touched = desk.replica.follow_records()
        self._matching: MatchIndex | None = None
        self._comparing: DuplicateIndex | None = None
        self._to_match: dict[str, Record | None] = {}
        """What was written since the matching was last brought up to date; None for what went."""

    def matching(self, desk: Desk, now: int) -> MatchIndex:
        """What may be matched at this minute."""
        self._follow(desk)
        members = desk.authors()
        if self._matching is None:
            self._matching = MatchIndex(desk.records(), members=members, now=now)
        else:
            self._matching.advance(self._to_match, members=members, now=now)
        self._to_match = {}
        return self._matching

    def comparing(self, desk: Desk) -> DuplicateIndex:
        """What may be told twice."""
        self._follow(desk)
        if self._comparing is None:
            self._comparing = DuplicateIndex(desk.records())
        members = desk.authors().items()
        self._comparing.hubs = {name for name, author in members if author.kind == "hub"}
        return self._comparing

    def _follow(self, desk: Desk) -> None:
        """Take what was written since the last question to the indexes that are there."""
        while self._touched:
            member, name = self._touched.pop()
            reference, held = ids.reference(member, name), desk.replica.ledger.record(member, name)
            record = None if held is None else read_record(reference, held.fields)
            if self._matching is not None:
                self._to_match[reference] = record
            if self._comparing is not None and record is not None:
                self._comparing.put(record)
            elif self._comparing is not None:
                self._comparing.remove(reference)


_FINDERS: Final[WeakKeyDictionary[Desk, _Finder]] = WeakKeyDictionary()
"""A desk is used in one thread at a time, and so is what belongs to it here."""


def _finder(desk: Desk) -> _Finder:
    found = _FINDERS.get(desk)
    if found is None:
        found = _FINDERS[desk] = _Finder(desk)
    return found
