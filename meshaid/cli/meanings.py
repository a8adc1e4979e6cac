"""What each field means, in a sentence for whoever fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # every kind
        "created_at": "When it was told; now, if not said.",
        "lang": "The language of its words.",
        "area": "Where, coarsely: a name that the hubs use.",
        "entered_by": "The desk or initials, never a full name.",
        "on_behalf_of": "A tag for the household that it is for, such as h07; never a name.",
        "intake_channel": "How it came.",
        "consent": "The person was told who will see it.",
        "expires_at": "When it leaves the board; --expires 72h says the same more easily.",
        # needs and offers
        "ext_code": "The code that another list has for it.",
        "per_pack": "How much one pack holds: 9 in a pack of 9 L.",
        "per_unit": "The unit of what one pack holds: L.",
        "substitutes_ok": "Something like it will do, too.",
        "needed_by": "After this it is of no use any more.",
        "people": "How many people it is for.",
        "access": "What makes it hard to come or to talk.",
        "delivery": "Whether it is fetched or brought.",
        "reach_by": "How to answer: at the desk, by this device, or by the sealed contact.",
        "slip": "One word for all needs that were told in one go.",
        "inexhaustible": "It does not run out, as a charging table does not.",
        "returnable": "It comes back after use, as a boat does.",
        "chargeable": "It costs money.",
        "available_from": "Not before this time.",
        "available_until": "Not after this time.",
        "range": "Who can have it: people of the same area, of the hub's areas, or anybody.",
        # notices
        "topic": "What it is about.",
        "lifeline": "Which supply it is about.",
        "level": "How well this supply works.",
        "certainty": "How sure it is; a hub's or a steward's word makes it confirmed.",
        "observed_at": "When it was seen.",
        "source": "Who says so.",
        "severity": "How bad it is.",
        "supersedes": "This member's older notice that it replaces.",
        "effective_at": "From when on it holds.",
        "ext_id": "The number that its author gave it elsewhere.",
        # hubs
        "type": "What kind of place it is.",
        "receiving": "It takes things in at present.",
        "giving": "It gives things out at present.",
        "receiving_hours": "When it takes things in.",
        "giving_hours": "When it gives things out.",
        "accepts": "Categories that it takes.",
        "not_accepts": "Categories that it does not take.",
        "urgent": "Categories that it needs most.",
        "no_id_needed": "Nobody has to show papers.",
        "langs": "Languages spoken there.",
    }
)
"""By field name; fields that a command offers in words of its own are not among them."""
