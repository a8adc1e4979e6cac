"""A town in which everybody says whatever they like in any order, and meets now and then.

What must hold after every step: a refusal is one of our errors and writes nothing; what is written
stands on the own board at once as it was answered; sums never go below nothing. And whenever all
have met, all boards are the same, and only the word of whoever asked has moved what was received.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from meshaid.errors import MeshaidError
from tests.shell.desks import HOUR, Town

DESKS = ("hub", "hub2", "ben", "ada")
MEMBERS = {"hub": "hub", "hub2": "hub", "ben": "ben", "ada": "ada"}

desks = st.sampled_from(DESKS)
amounts = st.sampled_from([None, None, "5", "5", "12", "0,5", "1000000", "x"])
units = st.sampled_from(["", "", "L", "gallon", "sack"])
wholes = st.sampled_from([None, True, False])


class Saying(RuleBasedStateMachine):
    """Everybody's words, and what the boards make of them."""

    needs = Bundle("needs")
    offers = Bundle("offers")
    pledges = Bundle("pledges")

    def __init__(self) -> None:
        super().__init__()
        self.town = Town()
        self.owners: dict[str, str] = {}

    @initialize(target=needs)
    def begin(self) -> Any:
        """Two needs that everybody knows."""
        made = [self.town.need(desk) for desk in ("hub", "ada")]
        self.owners |= dict(zip(made, ("hub", "ada"), strict=True))
        return multiple(*made)

    def say(self, desk: str, verb: str, **arguments: Any) -> dict[str, Any] | None:
        """Do it, or find it refused; the answer, if there is one."""
        before = self.town.desks[desk].replica.digest()
        try:
            answer = self.town.do(desk, verb, **arguments)
        except MeshaidError:
            assert self.town.desks[desk].replica.digest() == before
            return None
        shown = self.town.row(desk, answer["id"])
        assert all(shown[key] == answer[key] for key in shown.keys() & answer.keys() - {"about"})
        if answer.get("about"):
            sums = ("received", "promised", "still_open", "over")
            told = [answer["about"].get(key) for key in sums]
            assert all(value is None or Decimal(value) >= 0 for value in told)
        return answer

    @rule(target=needs, desk=desks, amount=amounts, unit=units)
    def ask(self, desk: str, amount: str | None, unit: str) -> Any:
        fields = {"title": "Water", "quantity": amount, "unit": unit if amount else ""}
        told = self.town.desks[desk]
        try:
            row = told.add("need", fields, self.town.now)
        except MeshaidError:
            return multiple()
        self.owners[row.id] = MEMBERS[desk]
        return row.id

    @rule(target=offers, desk=desks, amount=amounts, unit=units, pack=st.booleans())
    def offer(self, desk: str, amount: str | None, unit: str, pack: bool) -> Any:
        fields = {"title": "Water", "quantity": amount, "unit": unit if amount else ""}
        fields |= {"per_pack": "9", "per_unit": "L"} if pack else {}
        try:
            return self.town.desks[desk].add("offer", fields, self.town.now).id
        except MeshaidError:
            return multiple()

    @rule(
        target=pledges,
        desk=desks,
        need=needs,
        offer=st.just("") | offers,
        amount=amounts,
        unit=units,
        whole=wholes,
    )
    def pledge(self, desk: str, need: str, offer: str, amount: Any, unit: str, whole: Any) -> Any:
        said = {"offer": offer, "quantity": amount, "unit": unit, "whole": whole}
        answer = self.say(desk, "pledge", need=need, **said)
        return answer["id"] if answer else multiple()

    @rule(target=pledges, desk=desks, need=needs, amount=st.sampled_from(["3", "7"]))
    def pledge_and_meet(self, desk: str, need: str, amount: str) -> Any:
        answer = self.say(desk, "pledge", need=need, quantity=amount)
        self.town.sync()
        return answer["id"] if answer else multiple()

    @rule(
        desk=desks,
        ref=st.one_of(pledges, pledges, needs),
        verb=st.sampled_from(["withdraw", "handed-over", "failed", "returned"]),
    )
    def tell_how_it_went(self, desk: str, ref: str, verb: str) -> None:
        self.say(desk, verb, ref=ref)

    @rule(
        desk=desks,
        ref=st.one_of(pledges, pledges, needs),
        verb=st.sampled_from(["accept", "decline", "not-received"]),
    )
    def answer(self, desk: str, ref: str, verb: str) -> None:
        self.say(desk, verb, ref=ref)

    @rule(desk=desks, ref=needs | pledges, amount=amounts, unit=units, whole=wholes, more=wholes)
    def receive(
        self, desk: str, ref: str, amount: Any, unit: str, whole: Any, more: bool | None
    ) -> None:
        said = {"quantity": amount, "unit": unit, "whole": whole, "more_coming": more}
        answer = self.say(desk, "receive", ref=ref, **said)
        if answer and answer["about"]:
            counts = self.owners[answer["about"]["id"]] == MEMBERS[desk]
            assert counts is ("says_handed_over" not in answer["marks"])
            warned = [warning["code"] for warning in answer["warnings"]]
            assert counts is ("does_not_count" not in warned)

    @rule(desk=desks, ref=needs, other=needs, verb=st.sampled_from(["pause", "reopen", "close"]))
    def change(self, desk: str, ref: str, other: str, verb: str) -> None:
        closing = {"reason": "duplicate", "duplicate_of": other} if verb == "close" else {}
        self.say(desk, verb, ref=ref, **closing)

    @rule(
        desk=desks,
        ref=needs | pledges,
        reason=st.sampled_from(["spam", "personal_data", "seems_done", "confirms"]),
        verb=st.sampled_from(["flag", "hide", "unhide"]),
    )
    def flag(self, desk: str, ref: str, reason: str, verb: str) -> None:
        self.say(desk, verb, ref=ref, **({} if verb == "unhide" else {"reason": reason}))

    @rule(hours=st.sampled_from([1, 25]))
    def wait(self, hours: int) -> None:
        self.town.now += hours * HOUR

    @rule()
    def meet(self) -> None:
        self.town.sync()
        boards = [
            self.town.do(name, "board", status="all", hidden=True)["records"] for name in DESKS
        ]
        assert boards == [boards[0]] * len(DESKS)
        for row in boards[0]:
            related = [self.town.row(name, row["id"])["related"] for name in DESKS]
            assert related == [related[0]] * len(DESKS)


TestSaying = Saying.TestCase
TestSaying.settings = settings(max_examples=20, stateful_step_count=25)
