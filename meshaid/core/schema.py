"""The kinds of record and their fields, as data.

The gate checks only shapes, so that a newer release's records pass an older node. What a kind's
fields mean is said here, once, for entry and for the view. Contact details are never fields.
Source: docs/protocol.md, "Records".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from meshaid import limits
from meshaid.core.fields import (
    Amount,
    Bool,
    CategoryCode,
    Choice,
    Codes,
    Degrees,
    FieldType,
    HubLetter,
    Int,
    Language,
    Languages,
    Line,
    NameList,
    Ref,
    Spoken,
    Text,
    Texts,
    Time,
    UnitName,
)

CLOSED_REASONS: Final = (
    "received",
    "given",
    "done_by_others",
    "no_longer_needed",
    "no_longer_available",
    "expired",
    "out_of_area",
    "duplicate",
    "cannot_reach",
    "rejected",
    "mistake",
)
URGENCIES: Final[Mapping[str, int | None]] = MappingProxyType(
    {"now": 2 * 3600, "today": 12 * 3600, "tomorrow": 36 * 3600, "week": 7 * 86_400, "any": None}
)
"""Words and their windows in seconds, the shortest first; `any` has none."""

BANNED_FIELDS: Final = frozenset(
    {"name", "phone", "email", "address", "street", "birth", "diagnosis", "contact", "photo"}
)
"""Words that no field may be named with: a person's details never stand in a document."""

_ACCESS: Final = Codes(("no_stairs", "wheelchair", "hearing", "sight", "speech", "language"))
_DELIVERY: Final = Choice(("pickup", "deliver", "either"))
_REACH_BY: Final = Choice(("desk", "device", "sealed"))
_STATUS: Final = Choice(("open", "paused", "closed"))

COMMON: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "created_at": Time(),
        "rev": Int(1, limits.MAX_INTEGER),
        "ref": Spoken(),
        "lang": Language(),
        "area": Line(40),
        "entered_by": Line(24),
        "on_behalf_of": Line(24),
        "intake_channel": Choice(
            ("own_device", "desk", "phone", "paper", "radio", "hub_page", "import")
        ),
        "consent": Bool(),
        "expires_at": Time(),
        "import_key": Line(32),
    }
)
"""Fields that every kind has, besides `kind` itself."""

_ITEM: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "category": CategoryCode(),
        "ext_code": Line(40),
        "title": Line(80),
        "text": Text(700),
        "quantity": Amount(),
        "unit": UnitName(),
        "per_pack": Amount(),
        "per_unit": UnitName(),
    }
)
_ENDS: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "delivery": _DELIVERY,
        "reach_by": _REACH_BY,
        "status": _STATUS,
        "closed_reason": Choice(CLOSED_REASONS),
        "duplicate_of": Ref(),
    }
)
_NEED: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        **_ITEM,
        "substitutes_ok": Bool(),
        "urgency": Choice(tuple(URGENCIES)),
        "life_threatening": Bool(),
        "needed_by": Time(),
        "people": Int(1, 10_000),
        "access": _ACCESS,
        "slip": Line(16),
        **_ENDS,
    }
)
_OFFER: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        **_ITEM,
        "inexhaustible": Bool(),
        "returnable": Bool(),
        "chargeable": Bool(),
        "available_from": Time(),
        "available_until": Time(),
        "range": Choice(("area", "hub", "anywhere")),
        **_ENDS,
    }
)
_PLEDGE: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "need": Ref(),
        "offer": Ref(),
        "quantity": Amount(),
        "unit": UnitName(),
        "whole": Bool(),
        "eta": Time(),
        "hold_until": Time(),
        "state": Choice(("offered", "handed_over", "withdrawn", "failed", "returned")),
        "need_rev": Int(1, limits.MAX_INTEGER),
        "need_quantity": Amount(),
        "need_unit": UnitName(),
        "need_category": CategoryCode(),
        "text": Text(200),
    }
)
_RECEIPT: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "need": Ref(),
        "pledge": Ref(),
        "result": Choice(("accepted", "declined", "received", "not_received")),
        "quantity": Amount(),
        "unit": UnitName(),
        "whole": Bool(),
        "more_coming": Bool(),
        "condition": Choice(("good", "damaged", "wrong")),
        "received_at": Time(),
        "text": Text(200),
    }
)
_NOTICE: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "topic": Choice(("hazard", "lifeline", "weather", "service", "advice", "situation")),
        "lifeline": Choice(("water", "wastewater", "power", "gas", "telecoms", "roads", "transit")),
        "level": Choice(("ok", "limited", "out")),
        "title": Line(80),
        "text": Text(700),
        "texts": Texts(700),
        "certainty": Choice(("unconfirmed", "confirmed", "withdrawn")),
        "observed_at": Time(),
        "source": Choice(("own_eyes", "told", "radio", "authority", "import")),
        "severity": Choice(("extreme", "severe", "moderate", "minor", "unknown")),
        "life_threatening": Bool(),
        "supersedes": Ref(),
        "effective_at": Time(),
        "ext_id": Line(200),
    }
)
_FLAG: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "target": Ref(),
        "reason": Choice(
            (
                "duplicate",
                "wrong_category",
                "wrong_area",
                "wrong_amount",
                "seems_done",
                "confirms",
                "disputes",
                "unsafe",
                "personal_data",
                "spam",
                "abuse",
            )
        ),
        "other": Ref(),
        "text": Text(200),
        "state": Choice(("open", "withdrawn")),
    }
)
_HUB: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "title": Line(80),
        "letter": HubLetter(),
        "type": Choice(
            (
                "hub",
                "shelter",
                "distribution",
                "medical",
                "charging",
                "water_point",
                "warm_room",
                "toilets",
            )
        ),
        "areas": NameList(500),
        "receiving": Bool(),
        "giving": Bool(),
        "receiving_hours": Line(80),
        "giving_hours": Line(80),
        "accepts": Codes(),
        "not_accepts": Codes(),
        "urgent": Codes(),
        "no_id_needed": Bool(),
        "langs": Languages(120),
        "access": _ACCESS,
        "emergency": Text(300),
        "lat": Degrees(90),
        "lon": Degrees(180),
        "status": _STATUS,
    }
)


@final
@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record."""

    code: str
    fields: Mapping[str, FieldType]
    """Every field by name, the common ones included, in the order in which tables show them."""
    writers: frozenset[str]
    """Kinds of member whose records of this kind count."""
    hours: int | None
    """Hours until a record expires that does not say when; None for never."""


_EVERYBODY: Final = frozenset({"household", "hub", "team"})


def _kind(
    code: str,
    fields: Mapping[str, FieldType],
    *,
    hours: int | None = None,
    writers: frozenset[str] = _EVERYBODY,
) -> Kind:
    return Kind(code, MappingProxyType({**fields, **COMMON}), writers, hours)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "need": _kind("need", _NEED, hours=limits.NEED_HOURS),
        "offer": _kind("offer", _OFFER, hours=limits.NEED_HOURS),
        "pledge": _kind("pledge", _PLEDGE),
        "receipt": _kind("receipt", _RECEIPT),
        "notice": _kind("notice", _NOTICE, hours=limits.NOTICE_HOURS),
        "flag": _kind("flag", _FLAG),
        "hub": _kind("hub", _HUB, writers=frozenset({"hub"})),
    }
)
"""Code to kind, for the kinds of this version. Records of other kinds are kept and not shown."""

RESERVED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "delivery": (
            "pledges",
            "from_hub",
            "to_hub",
            "vehicle",
            "carrier",
            "state",
            "left_at",
            "arrived_at",
        ),
        "stock": (
            "category",
            "title",
            "quantity",
            "unit",
            "per_pack",
            "per_unit",
            "bin",
            "best_before",
            "condition",
            "minimum",
        ),
        "check_in": ("about", "says", "people", "seen_at", "by_self", "expires_at"),
        "vouch": ("member", "role", "until", "state"),
        "message": (
            "to_hub",
            "incident",
            "from",
            "to",
            "subject",
            "text",
            "approved_by",
            "reply_to",
            "carried_by",
        ),
        "proposal": (),
        "need": ("repeat",),
    }
)
"""Kinds and fields of later versions: nobody uses these names otherwise."""
