"""Small neighbourhoods drawn at random, in which everything hangs together.

Needs and offers of a few members, most of which fit, with pledges, receipts and flags on them,
duplicates in chains and loops, copies of one import, and names of what is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from meshaid.core.records import Record
from meshaid.core.rows import Author
from tests.core.boards import NOW, member_id, record, reference

HOUR = 3600
START = NOW - NOW % 60
NAMES = ["ada", "ben", "hub", "ann"]
MEMBERS = {
    member_id("ada"): Author("ada"),
    member_id("ben"): Author("ben"),
    member_id("hub"): Author("hub", "hub"),
    member_id("ann"): Author("ann", steward=True),
}

members = st.sampled_from(NAMES[:3])
AGES = [0, 30, HOUR, 3 * HOUR, 11 * HOUR, 30 * HOUR, 71 * HOUR, -90]
needs = st.tuples(members, st.sampled_from(["n1", "n2"]))
offers = st.tuples(members, st.sampled_from(["o1", "o2"]))
pledges = st.tuples(members, st.sampled_from(["p1", "p2"]))
receipts = st.tuples(members, st.sampled_from(["r1", "r2"]))
flags = st.tuples(st.sampled_from(["ann", *NAMES]), st.sampled_from(["f1", "f2"]))


def often(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Mostly the usual value, so that enough of it fits together."""
    return st.sampled_from([usual] * (5 * len(others)) + [*others])


ITEM = {
    "category": often("water.drinking", "water", "water.washing", "food.meals", "private"),
    "area": st.sampled_from(["East", "east", "West", "Far", None]),
    "quantity": st.sampled_from([None, 1_000, 9_000, 40_000]),
    "unit": often("L", "gal_us", "pack", "crate"),
    "per_pack": often(None, 9_000),
    "per_unit": often("L", "piece"),
    "on_behalf_of": st.sampled_from([None, "h1", "h2"]),
    "status": often("open", "paused", "closed"),
    "closed_reason": often("duplicate", "given"),
    "import_key": often(None, "k"),
    "created_at": often(0, *AGES),
}
NEED = ITEM | {
    "urgency": st.sampled_from(["now", "today", "week", "any"]),
    "life_threatening": often(False, True),
    "needed_by": often(None, START + HOUR, START - 23 * HOUR),
    "duplicate_of": needs,
}
OFFER = ITEM | {
    "range": often("anywhere", "area", "hub", None),
    "inexhaustible": often(False, True),
    "available_until": often(None, START + 30, START + 5 * HOUR),
    "duplicate_of": offers,
}
PLEDGE = {
    "need": needs,
    "offer": st.sampled_from(["o1", "o2"]) | offers,
    "quantity": st.sampled_from([None, 500, 2_000, 9_000]),
    "unit": often("L", "pack", "piece"),
    "state": often("offered", "handed_over", "withdrawn", "returned"),
    "hold_until": often(None, START + 90, START + 4 * HOUR),
    "import_key": often(None, "k"),
    "created_at": often(0, *AGES),
}
RECEIPT = {
    "need": st.sampled_from(["n1", "n2"]) | needs,
    "pledge": st.none() | pledges,
    "result": often("received", "declined", "accepted"),
    "quantity": st.sampled_from([None, 500, 2_000]),
    "unit": often("L", "pack"),
    "more_coming": st.booleans(),
    "received_at": often(None, START - 72 * HOUR, START - HOUR),
    "created_at": often(0, *AGES),
}
FLAG = {
    "target": needs | offers,
    "reason": often("spam", "personal_data", "duplicate"),
    "state": often("open", "withdrawn"),
    "expires_at": often(None, START + 2 * HOUR),
    "created_at": often(0, *AGES),
}


def written(where: tuple[str, str], kind: str, drawn: Mapping[str, Any]) -> Record:
    """The record; what it names by a name alone is of the same member."""
    fields = {**drawn}
    for name in ("need", "offer"):
        if isinstance(fields.get(name), str):
            fields[name] = (where[0], fields[name])
    for name, value in fields.items():
        if isinstance(value, tuple):
            fields[name] = reference(*value)
    fields["created_at"] = START - fields["created_at"]
    if fields.get("status") == "closed" and fields["closed_reason"] != "duplicate":
        fields["duplicate_of"] = None
    return record(*where, kind, **fields)


def hub_record(**fields: Any) -> Record:
    return record("hub", "h", "hub", letter="C", areas="East; West", **fields)


DRAWN = {
    "need": (needs, st.fixed_dictionaries(NEED)),
    "offer": (offers, st.fixed_dictionaries(OFFER)),
    "pledge": (pledges, st.fixed_dictionaries(PLEDGE)),
    "receipt": (receipts, st.fixed_dictionaries(RECEIPT)),
    "flag": (flags, st.fixed_dictionaries(FLAG)),
}


def records_of(kind: str) -> st.SearchStrategy[Record]:
    """A record of this kind."""
    where, drawn = DRAWN[kind]
    return st.builds(lambda at, fields: written(at, kind, fields), where, drawn)


def any_record() -> st.SearchStrategy[Record]:
    """A record of any kind but hub."""
    return st.one_of(*map(records_of, DRAWN))


@st.composite
def neighbourhoods(draw: st.DrawFn) -> dict[str, Record]:
    """Records by reference: some of each kind, and perhaps a hub."""
    held = {}
    for kind, most in (("need", 6), ("offer", 6), ("pledge", 6), ("receipt", 6), ("flag", 3)):
        for made in draw(st.lists(records_of(kind), min_size=most // 2, max_size=most)):
            held[made.reference] = made
    if draw(st.booleans()):
        held[hub_record().reference] = hub_record()
    return held
