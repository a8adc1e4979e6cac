"""Flags: what members say about each other's records, counted. Nothing is deleted by them.

Of one member, a target and a reason count once, nothing counts on an own record, and at most
`limits.FLAGS_PER_MEMBER` count at all: those with the smallest record ids. So one member can
neither flood nor vote twice, and every node that holds the same flags hides the same records.
A flag is undone by withdrawing it.
Source: docs/protocol.md, "Flags".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, final

from meshaid import limits
from meshaid.core.records import Record, has_expired
from meshaid.core.rows import Author

COLLAPSING: Final = ("spam", "abuse", "unsafe")
"""Reasons that collapse a record once enough members, or a steward, give one of them."""
PERSONAL_DATA: Final = "personal_data"
"""The reason that takes a record's words from all screens; nobody can unfold them."""
HIDING: Final = (*COLLAPSING, PERSONAL_DATA)
"""Reasons with which a steward alone hides a record."""
ASKING: Final = ("seems_done", "wrong_category", "wrong_area", "wrong_amount")
"""Reasons that only ask the author; one flag is enough."""
COLLAPSED: Final = "collapsed"
"""Hidden, and anybody may unfold it."""
TO_COLLAPSE: Final = 3
"""Members whose flags collapse a record together."""
TO_TAKE_WORDS: Final = 2
"""Members whose flags take its words away together."""
TO_JUDGE: Final = 2
"""Members, besides the author, whose flags confirm or dispute a notice together."""


@final
class Flags:
    """The flags that count among the given records, at one moment."""

    def __init__(
        self,
        flags: Iterable[Record],
        *,
        members: Mapping[str, Author],
        aliases: Mapping[str, str],
        now: int,
    ) -> None:
        """Count them.

        Args:
          flags: readable records of kind flag, in any order.
          members: the members whose documents count, by id.
          aliases: references of folded copies, to the reference of the record that stands for them.
          now: seconds since 1970.
        """
        self._members = members
        self._on: defaultdict[str, dict[str, list[Record]]] = defaultdict(dict)
        self._pairs: defaultdict[str, set[str]] = defaultdict(set)
        self._counting: set[str] = set()
        for flag in _counting(flags, aliases, now):
            target = _target(flag, aliases)
            self._counting.add(flag.reference)
            self._on[target].setdefault(flag.text("reason"), []).append(flag)
            other = aliases.get(flag.text("other"), flag.text("other"))
            if flag.text("reason") == "duplicate" and other and other != target:
                self._pairs[target].add(other)
                self._pairs[other].add(target)

    def counts(self, flag: Record) -> bool:
        """Whether a flag counts: not withdrawn, on another's record, and not one too many."""
        return flag.reference in self._counting

    def on(self, reference: str) -> bool:
        """Whether any counting flag names this record."""
        return reference in self._on

    def hidden(self, record: Record) -> str:
        """ "collapsed", else "personal_data", else empty. What is collapsed may be wordless, too:
        flags against its words add to those against all of it.
        """
        found = self._on.get(record.reference)
        if found is None:  # nearly always
            return ""
        flags = [flag for reason in COLLAPSING for flag in found.get(reason, ())]
        threatened = record.flag("life_threatening")
        if self._any(flags, _is_steward) or (not threatened and _many(flags, TO_COLLAPSE)):
            return COLLAPSED
        return PERSONAL_DATA if self.is_wordless(record) else ""

    def is_wordless(self, record: Record) -> bool:
        """Whether a record's words are taken out. Of a life at risk only a steward hides them."""
        found = self._on.get(record.reference)
        if found is None or PERSONAL_DATA not in found:  # nearly always
            return False
        flags = found[PERSONAL_DATA]
        if record.flag("life_threatening"):
            return self._any(flags, _is_steward)
        return self._any(flags, _is_official) or _many(flags, TO_TAKE_WORDS)

    def accused(self, record: Record) -> bool:
        """Whether somebody wants a record hidden, enough of them or not."""
        found = self._on.get(record.reference)
        return found is not None and not found.keys().isdisjoint(HIDING)

    def certainty(self, notice: Record) -> str:
        """How sure a notice is: "disputed", "confirmed" or "unconfirmed"."""
        found = self._on.get(notice.reference, {})
        if self._judged(found.get("disputes", ())):
            return "disputed"
        says = notice.text("certainty") == "confirmed"
        if says and _is_official(self._members[notice.member]):
            return "confirmed"
        return "confirmed" if self._judged(found.get("confirms", ())) else "unconfirmed"

    def asks(self, reference: str) -> tuple[str, ...]:
        """What others ask the author of a record to look at, as reasons in one order."""
        found = self._on.get(reference, {})
        return tuple(reason for reason in ASKING if reason in found)

    def linked(self, reference: str) -> tuple[str, ...]:
        """References that somebody says tell the same as this one, or this one as them, sorted."""
        return tuple(sorted(self._pairs.get(reference, ())))

    def _judged(self, flags: Sequence[Record]) -> bool:
        return _many(flags, TO_JUDGE) or self._any(flags, _is_official)

    def _any(self, flags: Sequence[Record], alone: Callable[[Author], bool]) -> bool:
        return any(alone(self._members[flag.member]) for flag in flags)


def _many(flags: Sequence[Record], members: int) -> bool:
    return len({flag.member for flag in flags}) >= members


def _is_steward(author: Author) -> bool:
    return author.steward


def _is_official(author: Author) -> bool:
    return author.steward or author.kind == "hub"


def _target(flag: Record, aliases: Mapping[str, str]) -> str:
    target = flag.text("target")
    return aliases.get(target, target)


def _counting(flags: Iterable[Record], aliases: Mapping[str, str], now: int) -> list[Record]:
    """The flags that count, in order of their record ids."""
    said: defaultdict[str, dict[tuple[str, str], Record]] = defaultdict(dict)
    for flag in sorted(flags, key=lambda flag: flag.reference):
        target = _target(flag, aliases)
        if (
            flag.text("state") != "withdrawn"
            and target.partition("/")[0] not in ("", flag.member)
            and not has_expired(flag, now)
        ):
            said[flag.member].setdefault((target, flag.text("reason")), flag)
    return [flag for of in said.values() for flag in [*of.values()][: limits.FLAGS_PER_MEMBER]]
