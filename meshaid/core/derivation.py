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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, final

from meshaid.core.amounts import Contents, convert
from meshaid.core.records import Record, has_expired

HOLD_SECONDS: Final = 24 * 3600
"""A pledge without `hold_until` is held this long after it was made."""
CHAIN_STEPS: Final = 8
"""Steps that a chain of duplicates is followed; longer ones are nobody's honest work."""

_DEAD_STATES: Final = frozenset({"withdrawn", "failed", "returned"})
_SETTLING: Final = frozenset({"declined", "not_received", "received"})
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
        self._answers: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records.values():
            if record.kind == "pledge":
                self._enter_pledge(record)
            elif record.kind == "receipt":
                self._enter_receipt(record)

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
        answers = self._answers[pledge.reference]
        if pledge.text("state") in _DEAD_STATES or self.is_stale(pledge):
            return _NOTHING
        if any(
            answer.text("result") in _SETTLING
            and not (answer.text("result") == "received" and answer.flag("more_coming"))
            for answer in answers
        ):
            return _NOTHING
        quantity = pledge.number("quantity")
        if quantity is None:
            return None
        unit, contents = pledge.text("unit"), self._contents(pledge)
        came = [
            self._amount(answer, unit, contents)
            for answer in answers
            if answer.text("result") == "received"
        ]
        return max(_NOTHING, quantity - sum((value or _NOTHING for value in came), _NOTHING))

    def is_stale(self, pledge: Record) -> bool:
        """Whether a pledge's hold ran out before anything came of it."""
        if (
            pledge.text("state") in (*_DEAD_STATES, "handed_over")
            or self._answers[pledge.reference]
        ):
            return False
        hold_until = pledge.number("hold_until")
        if hold_until is None:
            hold_until = (pledge.number("created_at") or 0) + HOLD_SECONDS
        return self._now > hold_until

    def need_of(self, pledge: Record) -> Record | None:
        """The need that a pledge counts for here, if it is here."""
        need = self._named(pledge, "need", "need")
        return self._records[self.survivor(need.reference)] if need else None

    # ---- laying out

    def _named(self, record: Record, field: str, kind: str) -> Record | None:
        reference = record.text(field)
        named = self._records.get(self._aliases.get(reference, reference))
        return named if named is not None and named.kind == kind else None

    def _enter_pledge(self, pledge: Record) -> None:
        need = self.need_of(pledge)
        if need is not None:
            self._pledges_on[need.reference].append(pledge)
        offer = self._own_offer(pledge)
        if offer is not None:
            self._pledges_from[offer.reference].append(pledge)

    def _own_offer(self, pledge: Record) -> Record | None:
        """The offer that a pledge draws on: only one of the same document counts."""
        offer = self._named(pledge, "offer", "offer")
        if offer is None or offer.member != pledge.member:
            return None
        survivor = self._records[self.survivor(offer.reference)]
        return survivor if survivor.member == pledge.member else offer

    def _enter_receipt(self, receipt: Record) -> None:
        need = self._named(receipt, "need", "need")
        if need is None:
            return
        survivor = self.survivor(need.reference)
        if self._records[survivor].member != receipt.member:
            return
        self._receipts_on[survivor].append(receipt)
        pledge = self._named(receipt, "pledge", "pledge")
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
        other = self._named(record, "duplicate_of", record.kind)
        return other.reference if other else None

    # ---- sums

    def _need(self, need: Record) -> Standing:
        receipts = [r for r in self._receipts_on[need.reference] if r.text("result") == "received"]
        pledges = self._pledges_on[need.reference]
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
        for pledge in self._pledges_from[offer.reference]:
            if pledge.text("state") == "returned":
                continue
            came = [r for r in self._answers[pledge.reference] if r.text("result") == "received"]
            parts = [*((r, _quantity(r)) for r in came), (pledge, self.promised(pledge))]
            taken += self._sum(offer, parts).total
        wanted = None if offer.flag("inexhaustible") else _quantity(offer)
        status = self._ended(offer)
        if not status and wanted is not None and taken:
            status = "taken" if taken >= wanted else "part-taken"
        return Standing(status or "open", wanted, promised=taken)

    def _ended(self, record: Record) -> str:
        """closed, paused or expired; empty while it runs. Who survives a loop is not closed."""
        looping = self._duplicate_of(record) and self.survivor(record.reference) == record.reference
        if record.text("status") == "closed" and not looping:
            return "closed"
        if has_expired(record, self._now):
            return "expired"
        return "paused" if record.text("status") == "paused" else ""

    def _sum(self, target: Record, parts: Iterable[tuple[Record, Fraction | None]]) -> _Sum:
        """Add up parts in the target's unit. A part of nothing is no part."""
        total, vague, whole, count = _NOTHING, False, False, 0
        contents = _own_contents(target)
        for record, quantity in parts:
            if quantity is not None and not quantity:
                continue
            value = self._in_unit(record, quantity, target.text("unit"), contents)
            total += value or _NOTHING
            vague |= value is None
            whole |= record.fields.get("whole") is not False
            count += 1
        return _Sum(total, vague, whole, count)

    def _amount(self, record: Record, unit: str, contents: Contents | None) -> Fraction | None:
        return self._in_unit(record, _quantity(record), unit, contents)

    def _in_unit(
        self, record: Record, quantity: Fraction | None, unit: str, contents: Contents | None
    ) -> Fraction | None:
        if quantity is None:
            return None
        own = self._contents(record)
        return convert(quantity, record.text("unit"), unit, contents=own, into_contents=contents)

    def _contents(self, record: Record) -> Contents | None:
        """What one unit of a pledge or receipt holds: it says so by the offer that it draws on."""
        pledge = self._named(record, "pledge", "pledge") if record.kind == "receipt" else record
        offer = self._own_offer(pledge) if pledge is not None else None
        if offer is None or offer.text("unit") != record.text("unit"):
            return None
        return _own_contents(offer)


def _quantity(record: Record) -> Fraction | None:
    quantity = record.number("quantity")
    return None if quantity is None else Fraction(quantity)


def _own_contents(record: Record) -> Contents | None:
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
