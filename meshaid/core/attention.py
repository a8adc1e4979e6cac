"""What somebody should look at: marks on rows, each a code with words for people.

A mark says what is odd about a record, and whom it asks: everybody who could do something about
it, the record's author alone, stewards, or nobody. Marks are derived, the same on every node at
one moment, and go by themselves once their reason is gone. Nothing is hidden, closed or blocked by
a mark.
Source: docs/protocol.md, "Board" (marks).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, final

from meshaid.core.derivation import ENDED, Derivation, Standing
from meshaid.core.flags import PERSONAL_DATA, Flags
from meshaid.core.promising import has_changed
from meshaid.core.records import FIXED, Record, expires_at

UNANSWERED_SECONDS: Final = 3 * 3600
"""An open need that nobody promised to, and nobody flagged, is marked after this."""
ASK_BEFORE_SECONDS: Final = 6 * 3600
"""An author is asked this long before its record expires whether it is still true, but at most for
the last quarter of a short term."""
ASK_AFTER_SECONDS: Final = 24 * 3600
"""And this long afterwards: whoever looks in once a day must meet the question."""

_UNSETTLED: Final = frozenset({"offered", "handed_over", "stale"})
_GIVEN_UP: Final = frozenset({"withdrawn", "failed"})


@final
@dataclass(frozen=True, slots=True)
class Mark:
    """One thing to look at."""

    words: str
    """English, for a list or beside a record."""
    asks: Literal["everybody", "author", "stewards", ""] = "author"


MARKS: Final[Mapping[str, Mark]] = MappingProxyType(
    {
        "life_waiting": Mark("a life is at risk, and nobody has answered yet", "everybody"),
        "unanswered": Mark("no answer yet for 3 h", "everybody"),
        "past_time": Mark("past its time: is it still needed?"),
        "still_true": Mark("its term ends about now: is it still true?"),
        "over_promised": Mark("more is promised than was asked", "everybody"),
        "over_taken": Mark("more is promised than there is"),
        "stale_pledge": Mark("a promise on it has run out: is it still coming?", "everybody"),
        "handed_over": Mark("a pledger says that it was handed over: has it arrived?"),
        "said_received": Mark("somebody else says that it was handed over: has it arrived?"),
        "seems_done": Mark("somebody says that this is done: is it?"),
        "wrong_category": Mark("somebody says that the category is wrong"),
        "wrong_area": Mark("somebody says that the area is wrong"),
        "wrong_amount": Mark("somebody says that the amount is wrong"),
        "flagged": Mark("somebody says that it should be hidden: should it?", "stewards"),
        "personal_data": Mark("its words are hidden: others say that they tell of a person"),
        "collapsed": Mark("hidden: others say that it is spam, abuse or unsafe"),
        "same_as": Mark("somebody says that another slip tells the same"),
        "stale": Mark("its time has run out: still coming?"),
        "changed": Mark("the need was changed since this was promised"),
        "need_over": Mark("more is promised than was asked: is this still needed?"),
        "need_ended": Mark("the need is closed, paused or over"),
        "declined": Mark("no longer wanted: do not bring it"),
        "not_received": Mark("it did not arrive, says who needed it"),
        "accepted": Mark("yes, please bring it", ""),
        "received": Mark("it arrived", ""),
        "part_received": Mark("a part arrived", ""),
        "says_handed_over": Mark("says that it was handed over; only the owner's word counts", ""),
        "not_counted": Mark("does not count", ""),
        "not_here": Mark("what it names is not here yet", ""),
        "letter_taken": Mark("another hub has the same letter: agree on another", "everybody"),
        "two_answers": Mark("two devices wrote different things: pick one"),
    }
)
"""Code to mark, in the order in which a record's marks are listed."""

_PLACES: Final = {code: place for place, code in enumerate(MARKS)}


def asks(marks: tuple[str, ...], *, author: bool, steward: bool = False) -> tuple[str, ...]:
    """Those of a record's marks that ask something of whoever looks.

    Args:
      author: whether the record is its own.
      steward: whether it is a steward.
    """
    wanted = {"everybody", *(["author"] if author else ()), *(["stewards"] if steward else ())}
    return tuple(code for code in marks if MARKS[code].asks in wanted)


@final
class Attention:
    """The marks of one board's records."""

    def __init__(
        self,
        derivation: Derivation,
        flags: Flags,
        standing: Callable[[Record], Standing],
        letters: Container[str],
        now: int,
    ) -> None:
        """Prepare; nothing is computed before it is asked for.

        Args:
          standing: where a record of this board stands.
          letters: letters that more than one hub has.
          now: seconds since 1970.
        """
        self._derivation = derivation
        self._flags = flags
        self._standing = standing
        self._letters = letters
        self._now = now

    def marks(self, record: Record, standing: Standing, hidden: str) -> tuple[str, ...]:
        """A record's marks, in the order of MARKS.

        Args:
          hidden: how flags hide it, if they do.
        """
        found = {*self._of_kind(record, standing)}
        if hidden:
            found.add(hidden)
            if self._flags.is_wordless(record):  # besides being collapsed
                found.add(PERSONAL_DATA)
        elif self._flags.accused(record):
            found.add("flagged")
        if record.conflicts and record.conflicts.keys() - FIXED:
            found.add("two_answers")
        if not found:
            return ()
        return tuple(sorted(found, key=_PLACES.__getitem__))

    def _of_kind(self, record: Record, standing: Standing) -> Iterator[str]:
        if record.kind == "pledge":
            yield from self._of_pledge(record, standing)
        elif record.kind == "receipt":
            yield from self._of_receipt(record)
        elif record.kind == "flag":
            if not self._flags.counts(record):
                yield "not_counted"
        else:
            yield from self._of_entry(record, standing)

    def _of_entry(self, record: Record, standing: Standing) -> Iterator[str]:
        """What stands on the board by itself: needs, offers, notices, hubs."""
        status = standing.status
        if status in ENDED and status != "expired":
            return
        if self._ends_about_now(record):
            yield "still_true"
        if status == "expired":
            return
        if self._flags.on(record.reference):
            yield from self._flags.asks(record.reference)
        if self._flags.linked(record.reference):
            yield "same_as"
        if record.kind == "need":
            yield from self._of_need(record, standing)
        elif record.kind == "offer":
            if standing.over:
                yield "over_taken"
            if self._is_past(record.number("available_until")):
                yield "past_time"
        elif record.kind == "hub" and record.text("letter") in self._letters:
            yield "letter_taken"

    def _of_need(self, need: Record, standing: Standing) -> Iterator[str]:
        reference, status = need.reference, standing.status
        if status != "received" and self._is_past(need.number("needed_by")):
            yield "past_time"
        if standing.over and standing.promised:  # what came already asks nothing of anybody
            yield "over_promised"
        if standing.stale:
            yield "stale_pledge"
        for pledge in self._derivation.pledges_on(reference):
            if pledge.text("state") == "handed_over" and self._derivation.promised(pledge) != 0:
                yield "handed_over"
        if status != "received" and any(
            said.text("result") == "received" for said in self._derivation.said_on(reference)
        ):
            yield "said_received"
        if status == "open":
            if need.flag("life_threatening"):
                yield "life_waiting"
            waited = self._now - (need.number("created_at") or 0)
            looked_at = standing.stale or self._flags.on(reference)
            if waited >= UNANSWERED_SECONDS and not looked_at:
                yield "unanswered"

    def _of_pledge(self, pledge: Record, standing: Standing) -> Iterator[str]:
        named = self._derivation.named(pledge, "need", "need")
        need = self._derivation.need_of(pledge)
        if named is None or need is None:
            yield "not_here"
            return
        answer = self._derivation.answer(pledge.reference)
        unsettled = standing.status in _UNSETTLED
        if answer == "received":
            yield from self._of_arrival(pledge)
        elif answer and unsettled:
            yield answer
        if standing.status == "stale":
            yield "stale"
        promised = self._derivation.promised(pledge)
        if standing.status != "stale" and not (unsettled and promised != 0):
            return
        if has_changed(pledge, named):
            yield "changed"
        wanted = self._standing(need)
        if wanted.status in ENDED or wanted.status == "paused":
            yield "need_ended"
        elif wanted.over and promised != 0:
            yield "need_over"

    def _of_arrival(self, pledge: Record) -> Iterator[str]:
        """Of a pledge by which something came: whether it was all. Of one that its own author has
        given up only a part that came is told; what more the receipts say is shown by them."""
        given_up = pledge.text("state") in _GIVEN_UP
        settled = self._derivation.is_settled(pledge)
        if not settled and (given_up or self._derivation.promised(pledge) != 0):
            yield "part_received"
        elif not given_up:
            yield "received"

    def _of_receipt(self, receipt: Record) -> Iterator[str]:
        need = self._derivation.named(receipt, "need", "need")
        if need is None:
            yield "not_here"
        elif not self._derivation.counts(receipt):
            yield "says_handed_over"

    def _is_past(self, moment: int | None) -> bool:
        return moment is not None and self._now > moment

    def _ends_about_now(self, record: Record) -> bool:
        end, start = expires_at(record), record.number("created_at") or 0
        if end is None:
            return False
        before = min(ASK_BEFORE_SECONDS, max(0, end - start) // 4)
        return end - before <= self._now <= end + ASK_AFTER_SECONDS
