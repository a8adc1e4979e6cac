"""The board: all readable records of all valid members, joined into rows, at one moment.

`Board` is a pure function of the set of records, the members, and `now`; order of arrival plays no
part. It folds copies of one import, lays pledges, receipts and flags out, ages urgency words, and
answers with rows in one order everywhere: life-threatening first, then by urgency, overdue first.
Nothing is lost from view without a reason that can be seen: what has no row, or is left out of a
list, is counted in `left_out`. What is not asked for is not computed.
Source: docs/protocol.md, "Lifecycle", "Urgency", "Flags" and "Board".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import final

from meshaid.core import selection, words
from meshaid.core.attention import Attention
from meshaid.core.derivation import ENDED, Derivation, Standing
from meshaid.core.flags import COLLAPSED, Flags
from meshaid.core.folding import fold, values_of
from meshaid.core.hub_records import counting_hubs, shared_letters, why_it_does_not_count
from meshaid.core.naming import Names
from meshaid.core.notices import Notices
from meshaid.core.places import area_key, area_names
from meshaid.core.records import Record, has_expired
from meshaid.core.rows import ABOUT, Author, Named, Row
from meshaid.core.schema import KINDS
from meshaid.core.selection import ALL, SHOWN_KINDS, Selection
from meshaid.core.spoken import show_spoken
from meshaid.core.urgency import tier_of
from meshaid.core.wordless import wordless

__all__ = ["ALL", "ENDED", "SHOWN_KINDS", "Board"]


@final
class Board:
    """The view over all documents at one moment."""

    def __init__(
        self,
        records: Iterable[Record],
        *,
        now: int,
        members: Mapping[str, Author],
        exercise: bool = False,
    ) -> None:
        """Join the records.

        Args:
          records: of all documents, each reference once, in any order, readable or not.
          now: seconds since 1970, by which records expire and urgency ages.
          members: the members whose documents count, by id; records of others are left out.
          exercise: whether the community is an exercise.
        """
        self.now = now
        """The moment that this board shows, in seconds since 1970."""
        self.members = members
        """The members whose documents count, by id."""
        self._exercise = exercise
        held = [record for record in records if record.member in members]
        self._unreadable = [record for record in held if not record.readable]
        self._records, self._aliases = fold(record for record in held if record.readable)
        self._standings: dict[str, Standing] = {}

    # ---- lists

    def rows(
        self,
        *,
        kind: str = "",
        category: str = "",
        status: str = "",
        text: str = "",
        area: str = "",
        member: str = "",
        attention: bool = False,
        viewer: str = "",
        sort: str = "urgency",
        hidden: bool = False,
        among: Container[str] | None = None,
    ) -> list[Row]:
        """The rows that fit, in the order that `sort` names.

        Args:
          kind: one kind; without it needs, offers and notices.
          category: a code; a group takes in all below it.
          status: one derived state; without it what has not ended; "all" takes every state.
          text: words that must all stand in the record, as `core.words` finds them.
          area: the name of an area, in any case, with or without accents.
          member: only records of the member with this id.
          attention: only what somebody should look at; pledges and hubs too, unless one kind is
            asked for, and what has just expired.
          viewer: the member that looks: questions to authors are then only those to it, and those
            to stewards shown if it is one.
          sort: urgency; waiting (what waits longest first); newest.
          hidden: also what was collapsed by flags.
          among: only these references, as a search of the ledger gives them.
        Raises:
          InvalidInput: no such kind, category, status or order, or too many words.
        """
        steward = viewer in self.members and self.members[viewer].steward
        chosen = Selection(
            kind, category, status, area, member, attention, viewer, steward, sort, hidden, among
        )
        chosen.check()
        phrases = words.phrases(text)
        found = [
            row
            for row in map(self.row, self._select(chosen))
            if chosen.takes_marks(row)
            and (not text.strip() or words.holds(selection.searched_words(row.record), phrases))
        ]
        return sorted(found, key=lambda row: chosen.order(row, self.now))

    def _select(self, chosen: Selection) -> Iterable[Record]:
        for kind in chosen.kinds():
            for record in self.records_of_kind(kind):
                if (
                    chosen.takes(record)
                    and chosen.takes_status(self.standing(record).status)
                    and (chosen.hidden or self._flags.hidden(record) != COLLAPSED)
                ):
                    yield record

    def first_page(self, rows: Sequence[Row], size: int, *, viewer: str = "") -> list[Row]:
        """The first rows, but few of one member, so that a flood leaves room for everybody else.

        A hub writes for many households, so its slips count by `on_behalf_of`. The records of the
        member that looks are not counted: nobody floods the own screen.
        """
        return selection.first_page(rows, size, viewer)

    def left_out(self, kind: str = "") -> dict[str, int]:
        """How many records `rows(kind=kind)` without further filters does not show, by reason.

        Reasons: closed, expired, withdrawn, superseded; hidden: collapsed by flags; copy: another
        record stands for the same row of an import; second_hub, no_hub: hub records that do not
        count; unreadable: this version cannot read them; newer: kinds of a later version. Without
        a kind the last two count records of every kind that has no list of its own, too.
        """
        told: Counter[str] = Counter()
        for each in (kind,) if kind else SHOWN_KINDS:
            for record in self.records_of_kind(each):
                status = self.standing(record).status
                if status in ENDED:
                    told[status] += 1
                elif self._flags.hidden(record) == COLLAPSED:
                    told["hidden"] += 1
            told["copy"] += sum(len(record.folded) for record in self._kinds.get(each, ()))
        if kind == "hub":
            hubs = self._kinds.get("hub", ())
            told.update(why_it_does_not_count(hub, self._hubs, self.members) for hub in hubs)
            del told[""]
        for record in self._unreadable:
            told["unreadable"] += record.kind == kind or (not kind and _is_listed(record))
        if not kind:
            told["newer"] = sum(
                len(found) for each, found in self._kinds.items() if each not in KINDS
            )
        return {reason: count for reason, count in sorted(told.items()) if count}

    @property
    def unreadable(self) -> tuple[str, ...]:
        """References of records left out because this version cannot read them, sorted."""
        return tuple(sorted(record.reference for record in self._unreadable))

    def unreadable_of(self, member: str) -> list[Record]:
        """A member's own records that cannot be read, with the reason in each."""
        found = (record for record in self._unreadable if record.member == member)
        return sorted(found, key=lambda record: record.reference)

    def knows_area(self, area: str) -> bool:
        """Whether any record names this area, ended or not, or a hub serves it."""
        kinds = (*SHOWN_KINDS, "hub")
        return any(selection.is_in(r, area) for kind in kinds for r in self.records_of_kind(kind))

    def not_heard_from(self) -> list[str]:
        """Areas of hubs that no notice which holds now is about, sorted."""
        notices = (
            notice
            for notice in self.records_of_kind("notice")
            if self.standing(notice).status not in ENDED and not self._flags.hidden(notice)
        )
        return selection.not_heard_from(self.hubs(), notices)

    # ---- one record

    def row(self, record: Record) -> Row:
        """One record of this board as a row."""
        tier, deadline = tier_of(record, self.now)
        standing, hidden = self.standing(record), self._flags.hidden(record)
        return Row(
            record=self.shown(record),
            author=self.members[record.member],
            standing=standing,
            tier=tier,
            overdue=deadline is not None and self.now > deadline,
            deadline=deadline,
            exercise=self._exercise,
            marks=self._attention.marks(record, standing, hidden),
            hidden=hidden,
            named=self._named(record) if record.kind in ABOUT else None,
            promised=self._derivation.promised(record) if record.kind == "pledge" else None,
        )

    def _named(self, record: Record) -> Named | None:
        about = self.record(record.text(ABOUT[record.kind][0]))
        if about is None:
            return None
        shown, status = self.shown(about), self.standing(about).status
        return Named(shown.text("ref"), about.kind, shown.text("title"), shown.text("area"), status)

    def shown(self, record: Record) -> Record:
        """A record as anybody may see it: itself, unless flags take its words out."""
        stands_for = self.record(record.reference) or record
        return wordless(record, self._served) if self._flags.is_wordless(stands_for) else record

    def _described(self, record: Record) -> str:
        """A record in one line, for a choice between several."""
        named = self._named(record) if record.kind in ABOUT else None
        shown, status = self.shown(record), self.standing(record).status
        code = show_spoken(shown.text("ref")) if shown.text("ref") else ""
        title = f"for: {named.title}" if named and named.title else shown.text("title")
        told = (record.kind, code, title, shown.text("area"), status)
        return " · ".join(filter(None, told))

    def related(self, record: Record) -> list[Row]:
        """Pledges, then receipts, then flags that name this record or count for it; withdrawn and
        hidden ones too. Within a kind the oldest come first.
        """
        names = {record.reference, *record.folded}
        found = {
            other.reference: other
            for other in (
                *self.pledges_on(record.reference),
                *self.receipts_on(record.reference),
                *self.pledges_from(record.reference),
            )
        }
        for kind, fields in ABOUT.items():
            for other in self.records_of_kind(kind):
                if any(other.text(field) in names for field in fields):
                    found[other.reference] = other
        kinds = tuple(ABOUT)
        in_order = sorted(found.values(), key=lambda one: (kinds.index(one.kind), _age(one)))
        return [self.row(other) for other in in_order]

    def told_with(self, record: Record) -> list[Row]:
        """The other needs that were told in one go with this one, on one slip, oldest first."""
        slip = record.text("slip")
        needs = self.records_of_kind("need") if slip and record.kind == "need" else ()
        found = [
            need
            for need in needs
            if need.text("slip") == slip
            and need.member == record.member
            and need.reference != record.reference
        ]
        return [self.row(need) for need in sorted(found, key=_age)]

    def find(self, text: str, *, member: str = "") -> Record:
        """The one record that somebody means by a spoken code, an id, or an id's beginning.

        An id is the whole reference or the record id; ended records are found too. Of several the
        one that is not collapsed by flags is meant.

        Args:
          member: of several the records of the member with this id are meant.
        Raises:
          InvalidInput: a spoken code whose check digit does not fit.
          NotFound: nothing answers to it.
          Ambiguous: several do; `matches` holds up to 20 references, `words` what each is.
        """
        names = Names(self._records, self._aliases, self._described, self._is_collapsed)
        return names.find(text, member=member)

    def _is_collapsed(self, record: Record) -> bool:
        return self._flags.hidden(record) == COLLAPSED

    def record(self, reference: str) -> Record | None:
        """The record with this whole reference, or the one that stands for its import."""
        return self._records.get(self._aliases.get(reference, reference))

    def codes(self) -> frozenset[str]:
        """All spoken codes in use here, of ended records too: a new one is drawn beside them."""
        found = (ref for record in self._records.values() for ref in values_of(record, "ref"))
        return frozenset(ref for ref in found if isinstance(ref, str))

    # ---- what is made of records

    def standing(self, record: Record) -> Standing:
        """Where a record of this board stands; sums are of needs and offers only."""
        found = self._standings.get(record.reference)
        if found is None:
            found = self._standings[record.reference] = self._stand(record)
        return found

    def tier(self, record: Record) -> tuple[str, int | None]:
        """The aged urgency word and the deadline of a need; empty and None for other kinds."""
        return tier_of(record, self.now)

    def hidden(self, reference: str) -> str:
        """How flags hide a record: "collapsed", else "personal_data", or empty. What is collapsed
        may have lost its words, too: see `shown`."""
        record = self.record(reference)
        return self._flags.hidden(record) if record is not None else ""

    def linked(self, reference: str) -> tuple[str, ...]:
        """Records of which somebody says by a flag that they tell the same as this one."""
        return self._flags.linked(self._aliases.get(reference, reference))

    def survivor(self, reference: str) -> str:
        """The record that counts for a duplicate on this board; any other counts for itself."""
        return self._derivation.survivor(self._aliases.get(reference, reference))

    def pledges_on(self, need: str) -> Sequence[Record]:
        """Pledges that count for this need, those on its duplicates too, by reference."""
        return self._derivation.pledges_on(self._aliases.get(need, need))

    def pledges_from(self, offer: str) -> Sequence[Record]:
        """Pledges of an offer's owner that draw on it, by reference."""
        return self._derivation.pledges_from(self._aliases.get(offer, offer))

    def receipts_on(self, need: str) -> Sequence[Record]:
        """Receipts that count for this need, by reference."""
        return self._derivation.receipts_on(self._aliases.get(need, need))

    def promised(self, pledge: Record) -> Fraction | None:
        """What a pledge still promises, in thousandths of its own unit; None while it lives without
        an amount."""
        return self._derivation.promised(pledge)

    def need_of(self, pledge: Record) -> Record | None:
        """The need that a pledge counts for: the survivor, if the one it names is a duplicate."""
        return self._derivation.need_of(pledge)

    def offer_of(self, pledge: Record) -> Record | None:
        """The offer that a pledge draws on; only one of the same member counts."""
        return self._derivation.offer_of(pledge)

    def answer(self, pledge: Record) -> str:
        """What the need's owner answered to a pledge: received, declined, not_received, accepted;
        of several the first in this order, empty if nothing."""
        return self._derivation.answer(pledge.reference)

    def is_stale(self, pledge: Record) -> bool:
        """Whether a pledge's hold ran out before anything came of it."""
        return self._derivation.is_stale(pledge)

    # ---- members and hubs

    def author(self, member: str) -> Author:
        """The author of records on this board, by id."""
        return self.members[member]

    def hubs(self) -> list[Record]:
        """The hub records that count, one a member, by reference; closed ones too."""
        return sorted(self._hubs.values(), key=lambda hub: hub.reference)

    def hub_of(self, member: str) -> Record | None:
        """The hub record that counts for a member, if it is a hub and has one."""
        return self._hubs.get(member)

    def records_of_kind(self, kind: str) -> Sequence[Record]:
        """All records of a kind that have a row, ended and hidden ones too, by reference."""
        return self.hubs() if kind == "hub" else self._kinds.get(kind, ())

    # ---- laid out when first asked for

    @cached_property
    def _kinds(self) -> Mapping[str, list[Record]]:
        kinds: defaultdict[str, list[Record]] = defaultdict(list)
        for record in self._records.values():
            kinds[record.kind].append(record)
        return dict(kinds)

    @cached_property
    def _derivation(self) -> Derivation:
        return Derivation(self._records, self._aliases, self.now)

    @cached_property
    def _flags(self) -> Flags:
        flags = self._kinds.get("flag", ())
        return Flags(flags, members=self.members, aliases=self._aliases, now=self.now)

    @cached_property
    def _attention(self) -> Attention:
        running = [hub for hub in self.hubs() if self.standing(hub).status not in ENDED]
        letters = shared_letters(running)
        return Attention(self._derivation, self._flags, self.standing, letters, self.now)

    @cached_property
    def _notices(self) -> Notices:
        return Notices(self.records_of_kind("notice"), self.record, self._flags, self.now)

    @cached_property
    def _hubs(self) -> Mapping[str, Record]:
        return counting_hubs(self._kinds.get("hub", ()), self.members)

    @cached_property
    def _served(self) -> frozenset[str]:
        """Keys of the areas that hubs serve."""
        return frozenset(area_key(name) for hub in self.hubs() for name in area_names(hub))

    # ---- states

    def _stand(self, record: Record) -> Standing:
        if record.kind in ("need", "offer"):
            return self._derivation.standing(record)
        if record.kind == "notice":
            return Standing(self._notices.status(record), None)
        if has_expired(record, self.now):
            return Standing("expired", None)
        if record.kind == "pledge":
            stale = self._derivation.is_stale(record)
            return Standing("stale" if stale else record.text("state") or "offered", None)
        if record.kind == "receipt":
            return Standing(record.text("result") or "open", None)
        return Standing(record.text("status") or record.text("state") or "open", None)


def _age(record: Record) -> tuple[int, str]:
    return record.number("created_at") or 0, record.reference


def _is_listed(record: Record) -> bool:
    """Whether the board's list counts an unreadable record: one of its kinds, or of none."""
    return record.kind in SHOWN_KINDS or record.kind not in KINDS
