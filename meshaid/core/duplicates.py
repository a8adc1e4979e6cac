"""Records that may tell the same twice: shown while somebody types, never in anybody's way.

Two records are compared only if they are of one kind and category group, in the same area or one
of them in none, and written within three days of each other; and lines of one slip are never the
same. They are candidates if the same person asks, if the amounts are equal and so are the people,
or if half of their wording is the same. Of private matters only the first says anything.
Comparing inside such groups keeps the work small; comparing everything with everything would not.
Source: docs/protocol.md, "Duplicates".
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Container, ItemsView, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final, NamedTuple, final

from meshaid import limits
from meshaid.core.amounts import convert
from meshaid.core.categories import PRIVATE, group_of
from meshaid.core.derivation import contents_of
from meshaid.core.places import area_key
from meshaid.core.reasons import Reason
from meshaid.core.records import Record
from meshaid.core.texts import unify_digits

COMPARED_KINDS: Final = ("need", "offer", "notice")
APART_SECONDS: Final = 72 * 3600
"""Records further apart than this are not compared."""

_PART: Final = 3
_ANYWHERE: Final = "\n"
"""Stands for all areas together; no area is called so."""


@final
class Candidate(NamedTuple):
    """Another record that may say the same."""

    reference: str
    reasons: tuple[Reason, ...]


@final
@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """A record, written or still being typed, as it is compared. Its repr holds no content."""

    record: Record
    kind: str
    group: str
    area: str
    created_at: int
    parts: frozenset[str]
    """All runs of three characters in its title and text."""

    def __repr__(self) -> str:
        return f"<Subject {self.record!r}>"

    @classmethod
    def of(cls, record: Record) -> Subject:
        """A record as it is compared."""
        said = record.text("topic") if record.kind == "notice" else record.text("category")
        return cls(
            record,
            record.kind,
            group_of(said),
            area_key(record.text("area")),
            record.number("created_at") or 0,
            parts_of(f"{record.text('title')} {record.text('text')}"),
        )


def parts_of(text: str) -> frozenset[str]:
    """The runs of three characters of a text, without case, compatibility forms and spacing."""
    plain = " ".join(unify_digits(unicodedata.normalize("NFKC", text)).casefold().split())
    if len(plain) <= _PART:
        return frozenset({plain} if plain else ())
    return frozenset(plain[at : at + _PART] for at in range(len(plain) - _PART + 1))


def reasons_between(
    one: Subject, other: Subject, *, hubs: Container[str] = ()
) -> tuple[Reason, ...]:
    """Why two subjects of the same kind, group and place may be the same; empty if they are not.

    What a hub writes without a tag may be for any of the many that come there; `hubs` are the ids
    of members that are hubs.
    """
    first, second = one.record, other.record
    if (
        abs(one.created_at - other.created_at) > APART_SECONDS
        or (one.area and other.area and one.area != other.area)
        or (first.text("slip") and first.text("slip") == second.text("slip"))
    ):
        return ()
    found = []
    tag = first.text("on_behalf_of")
    same_member = first.member == second.member and (tag or first.member not in hubs)
    if same_member and tag == second.text("on_behalf_of"):
        found.append(Reason("same_household"))
    if one.group == PRIVATE:
        return tuple(found)
    if _same_people(first, second) and _same_amount(first, second):
        found.append(Reason("same_amount"))
    percent = _percent_shared(one.parts, other.parts)
    if percent >= limits.SIMILAR_PERCENT:
        found.append(Reason("similar_words", {"percent": percent}))
    return tuple(found)


def _same_people(one: Record, other: Record) -> bool:
    people = one.number("people"), other.number("people")
    return None in people or people[0] == people[1]


def _same_amount(one: Record, other: Record) -> bool:
    quantity, other_quantity = one.number("quantity"), other.number("quantity")
    if quantity is None or other_quantity is None:
        return False
    if one.text("unit") == other.text("unit"):
        return quantity == other_quantity
    converted = convert(
        Fraction(quantity),
        one.text("unit"),
        other.text("unit"),
        contents=contents_of(one),
        into_contents=contents_of(other),
    )
    return converted == other_quantity


def _percent_shared(one: frozenset[str], other: frozenset[str]) -> int:
    """How much of all parts both have (Jaccard), rounded down; 0 where there is nothing."""
    fewer, more = sorted((len(one), len(other)))
    if not fewer or 100 * fewer < limits.SIMILAR_PERCENT * more:
        return 0
    shared = len(one & other)
    return 100 * shared // (fewer + more - shared)


@final
class DuplicateIndex:
    """The records of a board laid out by kind, group and area, in order of their time.

    It takes what it is given: the caller decides which records are still worth comparing.
    """

    def __init__(self, records: Iterable[Record] = (), *, hubs: Container[str] = ()) -> None:
        self.hubs = hubs
        """Ids of the members that are hubs, which write for many households."""
        self._subjects: dict[str, Subject] = {}
        self._lists: defaultdict[tuple[str, str, str], list[tuple[int, str]]] = defaultdict(list)
        for record in records:
            self.put(record)

    def put(self, record: Record) -> None:
        """Take a record in, in place of an earlier version of it."""
        self.remove(record.reference)
        if record.kind in COMPARED_KINDS and record.readable:
            subject = self._subjects[record.reference] = Subject.of(record)
            for name in _places(subject):
                insort(self._lists[name], (subject.created_at, record.reference))

    def remove(self, reference: str) -> None:
        """Forget a record, if it was known."""
        subject = self._subjects.pop(reference, None)
        if subject is None:
            return
        for name in _places(subject):
            names = self._lists[name]
            del names[bisect_left(names, (subject.created_at, reference))]
            if not names:
                del self._lists[name]

    def get(self, reference: str) -> Subject | None:
        """A record as it is compared, if it is known here."""
        return self._subjects.get(reference)

    def items(self) -> ItemsView[str, Subject]:
        """All that are known, by reference."""
        return self._subjects.items()

    def candidates(self, subject: Subject, *, later: bool = False) -> list[Candidate]:
        """What may say the same as this one, most reasons first, then the likest.

        With `later` only what was written after it: so each pair is found once.
        """
        found = [
            Candidate(other.record.reference, reasons)
            for other in self._comparable(subject, later)
            if (reasons := reasons_between(subject, other, hubs=self.hubs))
        ]
        return sorted(found, key=likeness)

    def _comparable(self, subject: Subject, later: bool) -> Iterator[Subject]:
        """Those near enough in place and time, of a flood only the nearest in time."""
        areas = ("", subject.area) if subject.area else (_ANYWHERE,)
        for area in areas:
            names = self._lists.get((subject.kind, subject.group, area), [])
            at = bisect_left(names, (subject.created_at, subject.record.reference))
            start = at if later else max(0, at - limits.COMPARED_AROUND)
            for _, reference in names[start : at + limits.COMPARED_AROUND + 1]:
                if reference != subject.record.reference:
                    yield self._subjects[reference]


def _places(subject: Subject) -> Iterator[tuple[str, str, str]]:
    """The lists that a subject stands in: of its area, if any, and of all areas together."""
    for area in (subject.area, _ANYWHERE):
        yield subject.kind, subject.group, area


def likeness(candidate: Candidate) -> tuple[int, int, str]:
    """The order of candidates, the likest first; the same on every node."""
    percents = [reason.values.get("percent", 0) for reason in candidate.reasons]
    return -len(candidate.reasons), -max(percents, default=0), candidate.reference


def pairs(
    index: DuplicateIndex, shown: Callable[[str], bool], linked: Callable[[str, str], bool]
) -> list[tuple[str, Candidate]]:
    """Every two records of a board that may say the same, each pair once, the likest first.

    Args:
      shown: whether a reference is still worth comparing.
      linked: whether two references are marked as the same already.
    """
    worth = {name: shown(name) for name, _ in index.items()}
    found = []
    for name, subject in index.items():
        if not worth[name]:
            continue
        others = (
            candidate
            for candidate in index.candidates(subject, later=True)
            if worth[candidate.reference] and not linked(name, candidate.reference)
        )
        found += [(name, other) for other in islice(others, limits.CANDIDATES_SHOWN)]
    return sorted(found, key=lambda pair: (*likeness(pair[1]), pair[0]))
