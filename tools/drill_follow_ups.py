"""What people do after the slips of a drill: promise, bring, fail to come, close, flag, correct.

Used by tools/make_drill.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from tools.drill_answers import END, text_of
from tools.drill_pile import HUBS, Pile, Row

_TRICKS: Final = (
    *("over", "stale", "withdrawn", "failed", "declined", "not_received", "part", "handed_over"),
    *("over", "stale", "withdrawn", "part", "unconvertible", "part", "over", "handed_over"),
)
"""What goes otherwise than planned, in turn."""
_REASONS: Final = (
    *("no_longer_needed", "done_by_others", "cannot_reach", "no_longer_needed"),
    *("out_of_area", "done_by_others", "mistake", "rejected"),
)
_LETTERS: Final = {
    "need": "N",
    "offer": "O",
    "notice": "B",
    "pledge": "P",
    "receipt": "R",
    "close": "C",
    "flag": "F",
    "pledge_state": "U",
    "notice_state": "U",
    "pause": "U",
    "edit": "U",
}
_POINTERS: Final = ("target", "other", "supersedes", "truth_duplicate_of")
_Match = tuple[bool, int, int, Row, Fraction | None]


def owner(pile: Pile, row: Row) -> Row:
    """Who may write about this row: the household on its own device, else any desk of the hub."""
    own = {"hub": row["hub"], "intake_channel": row["intake_channel"]}
    if row["intake_channel"] == "own_device":
        return own | {"on_behalf_of": row["on_behalf_of"]}
    return own | {"intake_channel": "desk", "entered_by": pile.desk(row["hub"])}


def knows(hub: str, other: str, since: int, now: int) -> bool:
    """Whether this hub can know at minute `now` what the other one wrote at `since`."""
    if hub == other:
        return since <= now
    cuts = [HUBS[name]["cut"] for name in (hub, other) if HUBS[name]["cut"]]
    return any(
        not any(start <= minute < end for start, end in cuts) for minute in range(since, now + 1)
    )


def _tells_the_same(need: Row, offer: Row) -> bool:
    one, two = need["category"], offer["category"]
    return bool(one == two or one.startswith(two + ".") or two.startswith(one + "."))


class FollowUps:
    """The events that follow the slips of a pile; they go into it, too."""

    def __init__(self, pile: Pile) -> None:
        self._pile = pile
        self._chance = pile.chance
        self._units = pile.units
        self._left = {
            row["_order"]: Fraction(row["quantity"] or 0) for row in pile.of_kind("offer")
        }

    # ---- promises and what comes of them
    def make_promises(self) -> None:
        needs = sorted(self._pile.of_kind("need"), key=lambda row: row["minute"])
        tricks = iter(_TRICKS)
        trick, turn = next(tricks), 0
        for need in needs:
            if need["category"] == "private" or need["truth_duplicate_of"] != "":
                continue
            if need["life_threatening"] == "1":
                self._rescue(need)
                continue
            if self._chance.random() > 0.92:
                continue
            matches = [*self._matches(need)]
            if not matches:
                if need["quantity"] and self._chance.random() < 0.45:
                    self._from_stock(need)
                continue
            _, when, _, offer, amount = min(matches, key=lambda match: match[:3])
            when = min(END - 2, when + self._chance.randint(0, 18))
            pledge = self._pledge(need, offer, when, amount)
            if amount is not None and offer["inexhaustible"] != "1":
                one = self._units.convert(offer, need["unit"], Fraction(1))
                self._left[offer["_order"]] -= amount / one if one else 0
            turn += 1
            if turn % 3 == 0 and trick:
                self._twist(trick, need, pledge, when)
                trick = next(tricks, "")
            elif self._chance.random() < 0.86:
                self._bring(need, offer, pledge, when, amount)

    def _matches(self, need: Row) -> Iterator[_Match]:
        for offer in self._pile.of_kind("offer"):
            if offer["truth_duplicate_of"] != "" or not _tells_the_same(need, offer):
                continue
            when = self._first_minute(need, offer)
            if when is None:
                continue
            amount = None
            if need["quantity"] and offer["quantity"]:
                per_unit = self._units.convert(offer, need["unit"], Fraction(1))
                if per_unit is None:
                    continue
                wanted = Fraction(need["quantity"])
                amount = min(wanted, Fraction(int(self._left[offer["_order"]] * per_unit)))
                if offer["inexhaustible"] == "1":
                    amount = wanted
                if amount <= 0:
                    continue
            yield offer["hub"] != need["hub"], when, offer["_order"], offer, amount

    def _first_minute(self, need: Row, offer: Row) -> int | None:
        """When the giver can first promise it; None if never in time."""
        start = max(need["minute"], offer["minute"]) + 3
        when = next(
            (
                m
                for m in range(start, END - 2)
                if knows(offer["hub"], need["hub"], need["minute"], m)
            ),
            None,
        )
        until = offer["available_until_minute"]
        return None if when is None or (until and when >= int(until)) else when

    def _bring(
        self, need: Row, offer: Row, pledge: Row, when: int, amount: Fraction | None
    ) -> None:
        done = self._fulfil(need, pledge, when, amount)
        if done and offer["returnable"] == "1" and done["minute"] < END - 40:
            self._state(pledge, done["minute"] + self._chance.randint(20, 40), "returned")

    def _pledge(
        self,
        need: Row,
        offer: Row | None,
        when: int,
        amount: Fraction | None,
        *,
        hub: str = "",
        **more: str,
    ) -> Row:
        giver = offer or {"hub": hub or need["hub"], "intake_channel": "desk"}
        return self._pile.add(
            minute=when,
            kind="pledge",
            **owner(self._pile, giver),
            **_amount(need, amount),
            target=need["_order"],
            other=offer["_order"] if offer else "",
            **more,
        )

    def _receipt(
        self, need: Row, pledge: Row | None, when: int, result: str, amount: Fraction | None = None
    ) -> Row | None:
        """A receipt as soon as the pledge can be known; None if that is after the end."""
        if pledge is not None:
            since, there = pledge["minute"], pledge["hub"]
            possible = (m for m in range(when, END + 1) if knows(need["hub"], there, since, m))
            when = next(possible, END + 1)
        if when > END:
            return None
        return self._pile.add(
            minute=when,
            kind="receipt",
            **owner(self._pile, need),
            **_amount(need, amount),
            target=need["_order"],
            other=pledge["_order"] if pledge else "",
            result=result,
        )

    def _close(self, row: Row, when: int, reason: str, other: Row | None = None) -> None:
        if when <= END:
            self._pile.add(
                minute=when,
                kind="close",
                **owner(self._pile, row),
                target=row["_order"],
                result=reason,
                other=other["_order"] if other else "",
            )

    def _state(self, pledge: Row, when: int, state: str) -> None:
        self._pile.add(
            minute=min(END, when),
            kind="pledge_state",
            **owner(self._pile, pledge),
            target=pledge["_order"],
            result=state,
        )

    def _fulfil(self, need: Row, pledge: Row, when: int, amount: Fraction | None) -> Row | None:
        when += self._chance.randint(9, 40)
        if self._chance.random() < 0.3:
            self._receipt(need, pledge, when - 6, "accepted")
        done = self._receipt(need, pledge, when, "received", amount)
        whole = amount is None or amount >= Fraction(need["quantity"])
        if done and whole and self._chance.random() < 0.75:
            self._close(need, done["minute"] + self._chance.randint(1, 12), "received")
        return done

    def _from_stock(self, need: Row) -> None:
        """The hub helps from its own shelf: a pledge without an offer, or only a receipt."""
        when = need["minute"] + self._chance.randint(5, 30)
        if when > END - 5:
            return
        amount = Fraction(need["quantity"])
        if self._chance.random() < 0.4:
            self._receipt(need, None, when, "received", amount)
            self._close(need, when + 2, "done_by_others")
        else:
            self._fulfil(need, self._pledge(need, None, when, amount), when, amount)

    def _rescue(self, need: Row) -> None:
        """Life-threatening: handed to people at once, closed when they report back."""
        when = need["minute"] + self._chance.randint(1, 5)
        amount = Fraction(need["quantity"]) if need["quantity"] else None
        if when > END:
            return
        pledge = self._pledge(need, None, when, amount, text="Team told by radio.", lang="en")
        done = self._receipt(need, pledge, when + self._chance.randint(12, 45), "received", amount)
        if done:
            self._close(need, done["minute"] + 1, "received")

    def _twist(self, trick: str, need: Row, pledge: Row, when: int) -> None:
        amount = Fraction(pledge["quantity"]) if pledge["quantity"] else None
        match trick:
            case "over":
                others = [
                    hub
                    for hub in HUBS
                    if hub != pledge["hub"] and knows(hub, need["hub"], need["minute"], when)
                ]
                hub = self._chance.choice(others or [need["hub"]])
                later = min(END, when + self._chance.randint(1, 5))
                self._pledge(need, None, later, amount, hub=hub)
            case "stale":
                pledge["hold_until_minute"] = str(min(END - 5, when + 30))
            case "withdrawn" | "failed" | "handed_over":
                self._state(pledge, when + self._chance.randint(8, 25), trick)
            case "declined":
                self._receipt(need, pledge, when + 6, trick)
            case "not_received":
                self._receipt(need, pledge, when + 35, trick)
            case "part" if amount and amount >= 2:
                half = Fraction(int(amount / 2))
                self._receipt(need, pledge, when + 15, "received", half)
            case "unconvertible":
                pledge["quantity"], pledge["unit"] = "2", "box"

    # ---- what else happens
    def make_ends_of_retold_needs(self) -> None:
        """Some second tellings are found at the desk and closed, some only flagged."""
        copies = [row for row in self._pile.of_kind("need") if row["truth_duplicate_of"] != ""]
        for number, row in enumerate(copies):
            first = self._pile.rows[int(row["truth_duplicate_of"])]
            when = row["minute"] + self._chance.randint(10, 40)
            if when > END or not knows(row["hub"], first["hub"], first["minute"], when):
                continue
            if number % 2 == 0:
                if number % 4 == 0 and row["quantity"] and row["minute"] + 8 < when:
                    self._pledge(row, None, row["minute"] + 6, Fraction(row["quantity"]))
                self._close(row, when, "duplicate", first)
            elif number % 4 == 1:
                places = [
                    letter
                    for letter in HUBS
                    if knows(letter, row["hub"], row["minute"], when)
                    and knows(letter, first["hub"], first["minute"], when)
                ]
                self._flag(when, self._chance.choice(places), row, "duplicate", first)

    def _flag(self, minute: int, hub: str, row: Row, reason: str, other: Row | None = None) -> None:
        self._pile.add(
            minute=minute,
            hub=hub,
            entered_by=self._pile.desk(hub),
            kind="flag",
            intake_channel="desk",
            target=row["_order"],
            other=other["_order"] if other else "",
            result=reason,
        )

    def make_rest(self) -> None:
        """Notices confirmed and disputed, closings without receipt, pauses, edits."""
        notices = self._pile.notices
        self._flag(18, "H", notices["w1"], "confirms")
        self._flag(29, "L", notices["w1"], "confirms")
        self._flag(112, "H", notices["b2"], "confirms")
        self._flag(116, "C", notices["b2"], "disputes")
        self._flag(64, "C", notices["p1"], "disputes")
        self._pile.add(
            minute=172,
            hub="L",
            entered_by="desk 1",
            kind="notice_state",
            intake_channel="desk",
            target=notices["f2"]["_order"],
            result="withdrawn",
        )
        self._end_quiet_needs()
        self._end_offers()
        self._edit_needs()
        medicines = (r for r in self._pile.of_kind("need") if r["category"] == "health.medicine")
        for target in [*medicines][:1]:
            self._flag(min(END, target["minute"] + 15), target["hub"], target, "personal_data")

    def _end_quiet_needs(self) -> None:
        touched = {
            int(row["target"])
            for row in self._pile.rows
            if row["kind"] in ("pledge", "receipt", "close") and row["target"]
        }
        quiet = [
            row
            for row in self._pile.of_kind("need")
            if row["_order"] not in touched
            and row["truth_duplicate_of"] == ""
            and row["minute"] < 120
            and row["category"] != "private"
        ]
        stopped, *quiet = self._chance.sample(quiet, min(len(quiet), len(_REASONS) + 1))
        self._pause(stopped, stopped["minute"] + 25)
        for row, reason in zip(quiet, _REASONS, strict=False):
            self._close(row, row["minute"] + self._chance.randint(20, 55), reason)

    def _end_offers(self) -> None:
        offers = [
            row
            for row in self._pile.of_kind("offer")
            if row["truth_duplicate_of"] == "" and row["minute"] < 110
        ]
        chosen = self._chance.sample(offers, 4)
        for row in chosen[:2]:
            self._pause(row, row["minute"] + 40)
        self._close(chosen[2], chosen[2]["minute"] + 60, "no_longer_available")

    def _pause(self, row: Row, when: int) -> None:
        place = owner(self._pile, row)
        self._pile.add(minute=when, kind="pause", **place, target=row["_order"])

    def _edit_needs(self) -> None:
        later = [
            row
            for row in self._pile.of_kind("need")
            if row["quantity"]
            and row["unit"] in ("L", "meal")
            and row["minute"] < 100
            and row["intake_channel"] == "desk"
            and row["truth_duplicate_of"] == ""
        ]
        for row in self._chance.sample(later, min(len(later), 3)):
            more = Fraction(row["quantity"]) + self._chance.choice([4, 6, 8])
            self._pile.add(
                minute=row["minute"] + self._chance.randint(5, 50),
                kind="edit",
                **owner(self._pile, row),
                target=row["_order"],
                quantity=text_of(more),
                unit=row["unit"],
            )


def _amount(need: Row, amount: Fraction | None) -> Row:
    if amount is None:
        return {}
    return {"quantity": text_of(amount), "unit": need["unit"]}


def in_order(rows: list[Row]) -> list[Row]:
    """All rows by minute, with their ids, pointing at each other by them."""
    for row in rows:  # nothing may come before what it points at
        for name in _POINTERS:
            if row[name] != "" and rows[int(row[name])]["minute"] > row["minute"]:
                raise ValueError(f"a {row['kind']} comes before what it points at")
    by_order = {row["_order"]: row for row in rows}
    ordered = sorted(rows, key=lambda row: (row["minute"], row["_order"]))
    counts: dict[str, int] = {}
    for row in ordered:
        letter = _LETTERS[row["kind"]]
        counts[letter] = counts.get(letter, 0) + 1
        row["id"] = f"{letter}{counts[letter]:03d}"
    for row in ordered:
        for name in _POINTERS:
            if row[name] != "":
                row[name] = by_order[int(row[name])]["id"]
    by_id = {row["id"]: row for row in ordered}
    for row in ordered:  # what became of a slip, told in its own row as well
        if row["kind"] == "close":
            by_id[row["target"]] |= {"closed_minute": row["minute"], "closed_reason": row["result"]}
        elif row["kind"] == "receipt" and row["result"] == "received":
            need = by_id[row["target"]]
            giver = (by_id[row["other"]]["other"] or row["other"]) if row["other"] else row["id"]
            need["fulfilled_by"] = " ".join(sorted({*need["fulfilled_by"].split(), giver}))
    return ordered
