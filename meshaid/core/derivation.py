"""What pledges and receipts make of needs and offers. Status is derived, never stored.

Each party writes only its own: the need's author what is wanted, closed and received, a pledger
what it promises. Sums are exact rationals over sets, so the order of records changes nothing.

- *promised* by a pledge: nothing if it was withdrawn, failed or returned, if a counting receipt
  settled it, or if it is stale; with `more_coming` the rest; else its quantity.
- A receipt counts only if its author owns the need whose sums it changes. A need that its author
  closed as a duplicate hands its pledges and receipts to its survivor, so a receipt counts there if
  it stands in the survivor's document. Otherwise anybody could declare a need of their own to be a
  duplicate of a stranger's, and "receive" in the stranger's place.
- closed, paused and expired win; then received, part-received, pledged, part-pledged, open.
- An amount that cannot be converted adds nothing, but lifts open to part-pledged, and what was
  received so to part-received. Promises beyond what is wanted are shown, never blocked.

Source: docs/protocol.md, "Lifecycle" and "Duplicates".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, final

from meshaid.core.amounts import Contents, convert
from meshaid.core.records import Record, has_expired

HOLD_SECONDS: Final = 24 * 3600
"""A pledge without `hold_until` is held this long after it was made."""
CHAIN_STEPS: Final = 8
"""Steps that a chain of duplicates is followed; longer ones are nobody's honest work."""

ENDED: Final = frozenset({"closed", "expired", "withdrawn", "superseded"})
"""States in which a record asks nothing and gives nothing any more; lists hide them unless asked
for. A pledge's `withdrawn` is among them."""
DEAD_STATES: Final = frozenset({"withdrawn", "failed", "returned"})
"""States in which a pledge promises nothing any more, by its own author's word."""
DENIALS: Final = ("declined", "not_received")
"""Answers by which a pledge promises nothing any more."""

_SETTLING: Final = frozenset({*DENIALS, "received"})
_ANSWERS: Final = ("received", "declined", "not_received", "accepted")
_NOTHING: Final = Fraction(0)


@final
@dataclass(frozen=True, slots=True)
class Standing:
    """Where a need or an offer stands. Sums count thousandths of the record's own unit."""

    status: str
    wanted: Fraction | None
    """What a need asks, or an offer has; None if it does not say."""
    received: Fraction = _NOTHING
    promised: Fraction = _NOTHING
    """For an offer: what its owner's pledges took of it, received or promised."""
    stale: tuple[str, ...] = ()
    """References of pledges whose hold has run out: "still coming?"."""

    @property
    def left(self) -> Fraction | None:
        """What is still open, or still to give."""
        if self.wanted is None:
            return None
        return max(_NOTHING, self.wanted - self.received - self.promised)

    @property
    def over(self) -> Fraction | None:
        """What is received and promised beyond what is wanted."""
        if self.wanted is None:
            return None
        if not self.promised and not self.received:  # nearly always
            return _NOTHING
        return max(_NOTHING, self.received + self.promised - self.wanted)


@final
@dataclass(frozen=True, slots=True)
class _Sum:
    """A sum of amounts that may hold some which nobody can convert or which say none."""

    total: Fraction
    vague: bool
    whole: bool
    """Whether one of its parts does not say that it is only a part."""
    parts: int


@final
class Derivation:
    """The standing of every need and offer among the given records, at one moment."""

    def __init__(self, records: Mapping[str, Record], aliases: Mapping[str, str], now: int) -> None:
        """Lay the records out.

        Args:
          records: readable records by reference, folded.
          aliases: references of folded copies, to the reference of the record that stands for them.
          now: seconds since 1970.
        """
        self._records = records
        self._aliases = aliases
        self._now = now
        self._survivors: dict[str, str] = {}
        self._pledges_on: defaultdict[str, list[Record]] = defaultdict(list)
        self._pledges_from: defaultdict[str, list[Record]] = defaultdict(list)
        self._receipts_on: defaultdict[str, list[Record]] = defaultdict(list)
        self._said_on: defaultdict[str, list[Record]] = defaultdict(list)
        self._answers: defaultdict[str, list[Record]] = defaultdict(list)
        self._counting: set[str] = set()
        for record in records.values():
            if record.kind == "pledge":
                self._enter_pledge(record)
            elif record.kind == "receipt":
                self._enter_receipt(record)

    def pledges_on(self, need: str) -> Sequence[Record]:
        """Pledges that count for this need, those on its duplicates too, by reference."""
        return self._pledges_on.get(need, ())

    def pledges_from(self, offer: str) -> Sequence[Record]:
        """Pledges of an offer's owner that draw on it, by reference."""
        return self._pledges_from.get(offer, ())

    def receipts_on(self, need: str) -> Sequence[Record]:
        """Receipts that count for this need, by reference."""
        return self._receipts_on.get(need, ())

    def counts(self, receipt: Record) -> bool:
        """Whether a receipt is the word of its need's owner; not if its need is not here."""
        return receipt.reference in self._counting

    def said_on(self, need: str) -> Sequence[Record]:
        """Receipts on this need that do not count, because others than its owner wrote them."""
        return self._said_on.get(need, ())

    def answer(self, pledge: str) -> str:
        """What the need's owner answered to a pledge: received, declined, not_received, accepted;
        of several the first in this order, empty if nothing."""
        said = {answer.text("result") for answer in self._answers.get(pledge, ())}
        return next((result for result in _ANSWERS if result in said), "")

    def standing(self, record: Record) -> Standing:
        """Where this need or offer stands."""
        return self._offer(record) if record.kind == "offer" else self._need(record)

    def survivor(self, reference: str) -> str:
        """The record that counts for this one: itself, unless it was closed as a duplicate.

        Chains are followed 8 steps; in a loop the smallest reference survives; a survivor that is
        not here, or of another kind, changes nothing.
        """
        found = self._survivors.get(reference)
        if found is None:
            found = self._survivors[reference] = self._follow(reference)
        return found

    def promised(self, pledge: Record) -> Fraction | None:
        """What a pledge still promises, in thousandths of its own unit; None if it cannot be said.

        A pledge without a quantity promises something that no sum can hold: None, while it lives.
        """
        answers = self._answers.get(pledge.reference, ())
        if pledge.text("state") in DEAD_STATES or self.is_stale(pledge):
            return _NOTHING
        if self.is_settled(pledge):
            return _NOTHING
        quantity = pledge.number("quantity")
        if quantity is None:
            return None
        if not answers:
            return Fraction(quantity)
        unit, contents = pledge.text("unit"), self._contents(pledge)
        came = [
            self._amount(answer, unit, contents)
            for answer in answers
            if answer.text("result") == "received"
        ]
        return max(_NOTHING, quantity - sum((value or _NOTHING for value in came), _NOTHING))

    def is_settled(self, pledge: Record) -> bool:
        """Whether the need's owner answered so that nothing more is to come by a pledge."""
        return any(
            answer.text("result") in _SETTLING
            and not (answer.text("result") == "received" and answer.flag("more_coming"))
            for answer in self._answers.get(pledge.reference, ())
        )

    def is_stale(self, pledge: Record) -> bool:
        """Whether a pledge's hold ran out before anything came of it."""
        if (
            pledge.text("state") in (*DEAD_STATES, "handed_over")
            or pledge.reference in self._answers
        ):
            return False
        hold_until = pledge.number("hold_until")
        if hold_until is None:
            hold_until = (pledge.number("created_at") or 0) + HOLD_SECONDS
        return self._now > hold_until

    def need_of(self, pledge: Record) -> Record | None:
        """The need that a pledge counts for here, if it is here."""
        need = self.named(pledge, "need", "need")
        return self._records[self.survivor(need.reference)] if need else None

    def offer_of(self, pledge: Record) -> Record | None:
        """The offer that a pledge draws on (or its survivor): only one of the same document."""
        offer = self.named(pledge, "offer", "offer")
        if offer is None or offer.member != pledge.member:
            return None
        survivor = self._records[self.survivor(offer.reference)]
        return survivor if survivor.member == pledge.member else offer

    def named(self, record: Record, field: str, kind: str) -> Record | None:
        """The record of this kind that a field names, or the one that stands for its import."""
        reference = record.text(field)
        named = self._records.get(self._aliases.get(reference, reference))
        return named if named is not None and named.kind == kind else None

    # ---- laying out

    def _enter_pledge(self, pledge: Record) -> None:
        need = self.need_of(pledge)
        if need is not None:
            self._pledges_on[need.reference].append(pledge)
        offer = self.offer_of(pledge)
        if offer is not None:
            self._pledges_from[offer.reference].append(pledge)

    def _enter_receipt(self, receipt: Record) -> None:
        need = self.named(receipt, "need", "need")
        if need is None:
            return
        survivor = self.survivor(need.reference)
        if self._records[survivor].member != receipt.member:
            self._said_on[survivor].append(receipt)
            return
        self._receipts_on[survivor].append(receipt)
        self._counting.add(receipt.reference)
        pledge = self.named(receipt, "pledge", "pledge")
        pledged = self.need_of(pledge) if pledge else None
        if pledge is not None and pledged is not None and pledged.reference == survivor:
            self._answers[pledge.reference].append(receipt)

    def _follow(self, start: str) -> str:
        path = [start]
        while len(path) <= CHAIN_STEPS:
            following = self._duplicate_of(self._records[path[-1]])
            if following is None:
                break
            if following in path:
                return min(path[path.index(following) :])
            path.append(following)
        return path[-1]

    def _duplicate_of(self, record: Record) -> str | None:
        if record.text("status") != "closed" or record.text("closed_reason") != "duplicate":
            return None
        other = self.named(record, "duplicate_of", record.kind)
        return other.reference if other else None

    # ---- sums

    def _need(self, need: Record) -> Standing:
        receipts = [r for r in self.receipts_on(need.reference) if r.text("result") == "received"]
        pledges = self.pledges_on(need.reference)
        if not receipts and not pledges:  # nearly always
            return Standing(self._ended(need) or "open", _quantity(need))
        received = self._sum(need, ((r, _quantity(r)) for r in receipts))
        promised = self._sum(need, ((p, self.promised(p)) for p in pledges))
        wanted = _quantity(need)
        status = self._ended(need) or (
            _without_amount(received, promised)
            if wanted is None
            else _against(wanted, received, promised)
        )
        stale = tuple(sorted(p.reference for p in pledges if self.is_stale(p)))
        return Standing(status, wanted, received.total, promised.total, stale)

    def _offer(self, offer: Record) -> Standing:
        taken = _NOTHING
        for pledge in self.pledges_from(offer.reference):
            if pledge.text("state") == "returned":
                continue
            answers = self._answers.get(pledge.reference, ())
            came = [r for r in answers if r.text("result") == "received"]
            parts = [*((r, _quantity(r)) for r in came), (pledge, self.promised(pledge))]
            taken += self._sum(offer, parts).total
        wanted = None if offer.flag("inexhaustible") else _quantity(offer)
        status = self._ended(offer)
        if not status and wanted is not None and taken:
            status = "taken" if taken >= wanted else "part-taken"
        return Standing(status or "open", wanted, promised=taken)

    def _ended(self, record: Record) -> str:
        """closed, paused or expired; empty while it runs. Who survives a loop is not closed."""
        status = record.text("status")
        if status == "closed" and not self._survives_loop(record):
            return "closed"
        if has_expired(record, self._now):
            return "expired"
        return "paused" if status == "paused" else ""

    def _survives_loop(self, record: Record) -> bool:
        looping = self._duplicate_of(record) is not None
        return looping and self.survivor(record.reference) == record.reference

    def _sum(self, target: Record, parts: Iterable[tuple[Record, Fraction | None]]) -> _Sum:
        """Add up parts in the target's unit. A part of nothing is no part."""
        total, vague, whole, count = _NOTHING, False, False, 0
        unit, contents = target.text("unit"), contents_of(target)
        for record, quantity in parts:
            if quantity is not None and not quantity:
                continue
            value = self._in_unit(record, quantity, unit, contents)
            if value:
                total = total + value if total else value
            vague |= value is None
            whole |= record.fields.get("whole") is not False
            count += 1
        return _Sum(total, vague, whole, count)

    def _amount(self, record: Record, unit: str, contents: Contents | None) -> Fraction | None:
        return self._in_unit(record, _quantity(record), unit, contents)

    def _in_unit(
        self, record: Record, quantity: Fraction | None, unit: str, contents: Contents | None
    ) -> Fraction | None:
        if quantity is None or record.text("unit") == unit:  # nearly always
            return quantity
        own = self._contents(record)
        return convert(quantity, record.text("unit"), unit, contents=own, into_contents=contents)

    def _contents(self, record: Record) -> Contents | None:
        """What one unit of a pledge or receipt holds: it says so by the offer that it draws on."""
        pledge = self.named(record, "pledge", "pledge") if record.kind == "receipt" else record
        offer = self.offer_of(pledge) if pledge is not None else None
        if offer is None or offer.text("unit") != record.text("unit"):
            return None
        return contents_of(offer)


def _quantity(record: Record) -> Fraction | None:
    quantity = record.number("quantity")
    return None if quantity is None else Fraction(quantity)


def contents_of(record: Record) -> Contents | None:
    """What one unit of a need or an offer holds, as it says itself."""
    per_pack, per_unit = record.number("per_pack"), record.text("per_unit")
    return Contents(Fraction(per_pack, 1000), per_unit) if per_pack and per_unit else None


def _against(wanted: Fraction, received: _Sum, promised: _Sum) -> str:
    if received.total >= wanted:
        return "received"
    if received.total or received.vague:
        return "part-received"
    if promised.total >= wanted:
        return "pledged"
    return "part-pledged" if promised.total or promised.vague else "open"


def _without_amount(received: _Sum, promised: _Sum) -> str:
    if received.parts:
        return "received" if received.whole else "part-received"
    if promised.parts:
        return "pledged" if promised.whole else "part-pledged"
    return "open"
