"""The board: all readable records of all valid members, joined into rows, at one moment.

`Board` is a pure function of the set of records, the members, and `now`; order of arrival plays no
part. It folds copies of one import, lays pledges and receipts out, ages urgency words, and answers
with rows in one order everywhere: life-threatening first, then by urgency, overdue first.
Source: docs/protocol.md, "Lifecycle", "Urgency" and "Board".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, final

from meshaid import limits
from meshaid.core import spoken, words
from meshaid.core.categories import category_matches
from meshaid.core.derivation import Derivation, Standing
from meshaid.core.folding import fold, values_of
from meshaid.core.records import Record, has_expired
from meshaid.core.rows import Author, Row
from meshaid.core.schema import KINDS, URGENCIES
from meshaid.errors import Ambiguous, InvalidInput, NotFound

SHOWN_KINDS: Final = ("need", "offer", "notice")
"""Kinds on the board unless one is asked for."""
ENDED: Final = frozenset({"closed", "expired", "withdrawn", "superseded"})
"""States that are hidden unless asked for."""
ALL: Final = "all"
"""The status filter that hides nothing."""

_TIERS: Final = tuple(URGENCIES)
_UNTIERED: Final = len(_TIERS)
_MATCHES_LISTED: Final = 20


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
        held = [record for record in records if record.member in members]
        self._now = now
        self._members = members
        self._exercise = exercise
        self.unreadable = tuple(sorted(record.reference for record in held if not record.readable))
        """References of records left out because this version cannot read them."""
        self._records, self._aliases = fold(record for record in held if record.readable)
        self._derivation = Derivation(self._records, self._aliases, now)
        self._superseded = self._superseded_notices()
        self._hubs = self._hub_records()

    def rows(
        self, *, kind: str = "", category: str = "", status: str = "", text: str = ""
    ) -> list[Row]:
        """The rows that fit, in the board's order.

        Args:
          kind: one kind; without it needs, offers and notices.
          category: a code; a group takes in all below it.
          status: one derived state; without it what has not ended; "all" hides nothing.
          text: words that must all stand in the record, as `core.words` finds them.
        Raises:
          InvalidInput: no such kind, or too many words.
        """
        if kind and kind not in KINDS:
            raise InvalidInput(f"kind: must be one of {', '.join(KINDS)}")
        phrases = words.phrases(text)
        wanted = [
            row
            for row in map(self.row, self._of_kinds((kind,) if kind else SHOWN_KINDS))
            if (status == ALL or (row.status == status if status else row.status not in ENDED))
            and (not category or category_matches(row.record.text("category"), category))
            and (not text.strip() or words.holds(_words_of(row.record), phrases))
        ]
        return sorted(wanted, key=self._order)

    def first_page(self, rows: Sequence[Row], size: int) -> list[Row]:
        """The first rows, but few of one member, so that a flood leaves room for everybody else.

        A hub writes for many households, so its slips count by `on_behalf_of`.
        """
        page: list[Row] = []
        shown: Counter[tuple[str, str]] = Counter()
        for row in rows:
            household = row.record.text("on_behalf_of") if row.author.kind == "hub" else ""
            shown[row.record.member, household] += 1
            if shown[row.record.member, household] <= limits.SHOWN_PER_MEMBER:
                page.append(row)
            if len(page) == size:
                break
        return page

    def row(self, record: Record) -> Row:
        """One record of this board as a row."""
        tier, deadline = self._tier(record)
        return Row(
            record=record,
            author=self._members[record.member],
            standing=self._standing(record),
            tier=tier,
            overdue=deadline is not None and self._now > deadline,
            deadline=deadline,
            exercise=self._exercise,
        )

    def find(self, text: str) -> Record:
        """The one record that somebody means by a spoken code, an id, or an id's beginning.

        An id is the whole reference or the record id; ended records are found too.

        Raises:
          InvalidInput: a spoken code whose check digit does not fit.
          NotFound: nothing answers to it.
          Ambiguous: several do; `matches` holds up to 20 references.
        """
        code = spoken.parse_spoken(text) if self._means_code(text) else ""
        found = self._by_code(code) if code else self._by_id(text.strip().lower())
        if not found:
            raise NotFound(
                "nothing on this board answers to that; `meshaid board` lists what there is"
            )
        if len(found) > 1:
            raise Ambiguous(
                f"{len(found)} records answer to that; give more of the id, as listed",
                tuple(found[:_MATCHES_LISTED]),
            )
        return self._records[found[0]]

    def record(self, reference: str) -> Record | None:
        """The record with this whole reference, or the one that stands for its import."""
        return self._records.get(self._aliases.get(reference, reference))

    def hub_of(self, member: str) -> Record | None:
        """The hub record that counts for a member, if it is a hub and has one."""
        return self._hubs.get(member)

    def imported(self, member: str, import_key: str) -> Record | None:
        """The record that a member imported under this key, if any: what a second import skips."""
        for record in self._records.values():
            if record.member == member and record.text("import_key") == import_key:
                return record
        return None

    def codes(self) -> frozenset[str]:
        """All spoken codes in use here, of ended records too: a new one is drawn beside them."""
        found = (ref for record in self._records.values() for ref in values_of(record, "ref"))
        return frozenset(ref for ref in found if isinstance(ref, str))

    # ---- states

    def _standing(self, record: Record) -> Standing:
        if record.kind in ("need", "offer"):
            return self._derivation.standing(record)
        if record.kind == "notice":
            return Standing(self._notice_status(record), None)
        if has_expired(record, self._now):
            return Standing("expired", None)
        if record.kind == "pledge":
            stale = self._derivation.is_stale(record)
            return Standing("stale" if stale else record.text("state") or "offered", None)
        return Standing(record.text("status") or record.text("state") or "open", None)

    def _notice_status(self, notice: Record) -> str:
        """Withdrawn, superseded, expired, else confirmed on the word of a hub or steward only."""
        said = notice.text("certainty")
        if said == "withdrawn":
            return said
        if notice.reference in self._superseded:
            return "superseded"
        if has_expired(notice, self._now):
            return "expired"
        author = self._members[notice.member]
        official = author.steward or author.kind == "hub"
        return "confirmed" if said == "confirmed" and official else "unconfirmed"

    def _superseded_notices(self) -> frozenset[str]:
        """Notices that another of the same member replaces; a withdrawn one replaces nothing."""
        replaced = set()
        for record in self._of_kinds(("notice",)):
            old = self.record(record.text("supersedes")) if "supersedes" in record.fields else None
            if (
                old is not None
                and old.member == record.member
                and old.reference != record.reference
                and record.text("certainty") != "withdrawn"
            ):
                replaced.add(old.reference)
        return frozenset(replaced)

    def _tier(self, record: Record) -> tuple[str, int | None]:
        """The aged urgency word and the deadline of a need; empty and None for other kinds."""
        if record.kind != "need":
            return "", None
        word = record.text("urgency")
        window = URGENCIES[word if word in URGENCIES else "today"]
        deadline = record.number("needed_by")
        if deadline is None:
            if window is None:
                return "any", None
            # A clock that is ahead must not make a need less urgent than its own word.
            deadline = min(record.number("created_at") or 0, self._now) + window
        left = deadline - self._now
        reached = (tier for tier, reach in URGENCIES.items() if reach is None or left <= reach)
        return next(reached), deadline

    # ---- order and search

    def _order(self, row: Row) -> tuple[bool, int, int, int, str]:
        record = row.record
        tier = _TIERS.index(row.tier) if row.tier else _UNTIERED
        created_at = min(record.number("created_at") or 0, self._now)
        until = row.deadline if row.deadline is not None else -created_at
        return not record.flag("life_threatening"), tier, until, -created_at, record.reference

    def _of_kinds(self, kinds: Sequence[str]) -> Iterable[Record]:
        for record in self._records.values():
            if record.kind in kinds and (
                record.kind != "hub" or self._hubs.get(record.member) is record
            ):
                yield record

    def _hub_records(self) -> Mapping[str, Record]:
        """One hub record a member, that with the smallest id, and only of members that are hubs."""
        hubs: dict[str, Record] = {}
        for record in self._records.values():
            if record.kind == "hub" and self._members[record.member].kind == "hub":
                best = hubs.get(record.member)
                if best is None or record.id < best.id:
                    hubs[record.member] = record
        return hubs

    def _means_code(self, text: str) -> bool:
        """Whether a text is a spoken code, and not by chance the beginning of a record id."""
        if not spoken.looks_spoken(text):
            return False
        return not self._by_id(text.strip().lower()) or bool(self._by_code(text.strip().upper()))

    def _by_code(self, code: str) -> list[str]:
        return sorted(
            record.reference
            for record in self._records.values()
            if code in values_of(record, "ref")
        )

    def _by_id(self, beginning: str) -> list[str]:
        """References that begin with this, or whose record id does, sorted."""
        if not beginning:
            return []
        names = {**{ref: ref for ref in self._records}, **self._aliases}
        found = {
            shown
            for name, shown in names.items()
            if name.startswith(beginning) or name.partition("/")[2].startswith(beginning)
        }
        return sorted(found)


def _words_of(record: Record) -> list[list[str]]:
    return words.searchable({name: values_of(record, name) for name in record.fields})
