"""A member writes the spoken codes of others on records of its own."""

from __future__ import annotations

import pytest

from meshaid import claims
from meshaid.core import spoken
from meshaid.errors import Ambiguous
from tests.shell.desks import Town


@pytest.fixture
def town() -> Town:
    return Town("cyd")


def copied(town: Town, reference: str) -> str:
    """The code of a need, which is now on one of cyd's as well."""
    code: str = town.row("hub", reference)["ref"]
    town.desks["cyd"].write_record(
        "need", {"title": "Not water", "created_at": town.now, "ref": code}, town.now
    )
    town.sync()
    return code


def test_a_hub_goes_on_with_its_own_slips(town: Town) -> None:
    reference = town.need("hub")
    secret = claims.make_code(town.hub, reference, town.now)
    code = copied(town, reference)
    assert town.do("hub2", "edit", ref=code, fields={"text": "20 would do"})["id"] == reference
    assert claims.claim(town.hub, code, secret, "show", town.now).row.id == reference
    assert town.do("hub", "contact-add", ref=code, text="Rosa", to=["stewards"])["text"] == "Rosa"
    assert claims.claim(town.hub, code, secret, "close", town.now).row.status == "closed"


def test_others_are_asked_which_one_until_a_steward_hides_the_copy(town: Town) -> None:
    reference = town.need("ben")
    code = copied(town, reference)
    with pytest.raises(Ambiguous) as asked:
        town.do("ada", "pledge", need=code, quantity="5", unit="L")
    copy = next(name for name in asked.value.matches if name != reference)
    town.do("hub", "hide", ref=copy, reason="spam")
    town.sync()
    assert town.do("ada", "pledge", need=code, quantity="5", unit="L")["need"] == reference
    assert town.row("ada", copy)["ref"] == code


def test_who_takes_all_codes_turns_no_need_away(town: Town) -> None:
    codes = {spoken.spoken_code("X", f"{number:05}") for number in range(100_000)}
    assert town.ben.draw_code(codes) in codes
