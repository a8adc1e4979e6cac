"""Where records are, as coarsely as people say it: areas, their hubs, and how far hubs lie apart.

Hubs list the areas that they serve, and only hubs have coordinates, in hundredths of a degree. So
two records are in the same area, at the same hub, at hubs near each other, or further apart than
anybody can tell. Distances are computed in integers: the same on every machine.
Source: docs/protocol.md, "Places".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum
from math import isqrt
from typing import Final, NamedTuple, final

from meshaid.core import words
from meshaid.core.records import Record

NEAR_TENTHS: Final = 50
"""Hubs at most this far apart (tenths of a kilometre) are near: an hour's walk."""

_SCALE: Final = 10**12
_PI: Final = 3_141_592_653_590
"""Pi in units of 1/_SCALE."""
_MICROMETRES_A_STEP: Final = 1_111_949_266
"""A hundredth of a degree on a sphere with the earth's mean radius of 6,371.0 km."""
_MICROMETRES_A_TENTH: Final = 10**8
_FULL_CIRCLE: Final = 36_000


class Band(IntEnum):
    """How near two places are, the nearest first."""

    SAME_AREA = 0
    SAME_HUB = 1
    NEAR_HUBS = 2
    FURTHER = 3
    """Or unknown."""


@final
class Place(NamedTuple):
    """A record's place: its area's name, folded, and the hubs which that area belongs to."""

    area: str
    hubs: tuple[str, ...]
    """References of hub records, sorted; mostly one."""


@final
class Nearness(NamedTuple):
    """How near two places are; `tenths` of a kilometre between their hubs, where that is known."""

    band: Band
    tenths: int | None = None


_SAME_AREA: Final = Nearness(Band.SAME_AREA)
_UNKNOWN: Final = Nearness(Band.FURTHER)


def area_key(name: str) -> str:
    """The form in which names of areas are compared: without case, accents and surplus blanks."""
    return " ".join(words.fold(name).split())


def area_names(hub: Record) -> list[str]:
    """The areas that a hub lists, as it writes them."""
    return [name for part in hub.text("areas").split(";") if (name := part.strip())]


def tenths_between(latitude: int, longitude: int, other_latitude: int, other_longitude: int) -> int:
    """Tenths of a kilometre between two points in hundredths of a degree, rounded to the nearest.

    On a plane that touches the sphere between them: within a city the error is far below the
    rounding of the coordinates, and what is further apart is only told to be further.
    """
    north = latitude - other_latitude
    east = abs(longitude - other_longitude) % _FULL_CIRCLE
    east = min(east, _FULL_CIRCLE - east)
    shrunk = east * _cosine(latitude + other_latitude)
    steps = isqrt((north * _SCALE) ** 2 + shrunk**2)
    whole = _SCALE * _MICROMETRES_A_TENTH
    return (steps * _MICROMETRES_A_STEP + whole // 2) // whole


def _cosine(doubled: int) -> int:
    """The cosine of an angle, given doubled and in hundredths of a degree; in units of 1/_SCALE.

    By its series, because libraries of different machines differ in the last digit.
    """
    angle = doubled * _PI // _FULL_CIRCLE
    squared = angle * angle // _SCALE
    total = term = _SCALE
    for step in range(1, 24, 2):
        term = -term * squared // (_SCALE * step * (step + 1))
        total += term
    return max(0, total)


@final
class Places:
    """The places of one board."""

    def __init__(self, hubs: Iterable[Record]) -> None:
        """Lay out the areas of the hub records that count, in any order."""
        self._hubs = {hub.reference: hub for hub in sorted(hubs, key=lambda hub: hub.reference)}
        self._of_member = {hub.member: reference for reference, hub in self._hubs.items()}
        self._of_area: defaultdict[str, list[str]] = defaultdict(list)
        for reference, hub in self._hubs.items():
            for key in {area_key(name) for name in area_names(hub)}:
                self._of_area[key].append(reference)
        self._known: dict[tuple[str, str], Place] = {}
        # Of hubs, not of places: anybody may invent any number of areas.
        self._nearness: dict[tuple[tuple[str, ...], tuple[str, ...]], Nearness] = {}

    def of(self, record: Record) -> Place:
        """Where a record is. One that names no area is at the hub which wrote it, if a hub did."""
        asked = record.text("area"), record.member
        place = self._known.get(asked)
        if place is None:
            place = self._known[asked] = self._place(*asked)
        return place

    def _place(self, area: str, member: str) -> Place:
        key = area_key(area)
        if key:
            return Place(key, tuple(self._of_area.get(key, ())))
        at = self._of_member.get(member)
        return Place("", (at,) if at else ())

    def nearness(self, here: Place, there: Place) -> Nearness:
        """How near two places are; the same in both directions."""
        if here.area and here.area == there.area:
            return _SAME_AREA
        if not here.hubs or not there.hubs:
            return _UNKNOWN
        found = self._nearness.get((here.hubs, there.hubs))
        if found is None:
            found = self._between(here.hubs, there.hubs)
            self._nearness[here.hubs, there.hubs] = self._nearness[there.hubs, here.hubs] = found
        return found

    def _between(self, here: tuple[str, ...], there: tuple[str, ...]) -> Nearness:
        if not set(here).isdisjoint(there):
            return Nearness(Band.SAME_HUB)
        tenths = [t for a in here for b in there if (t := self._tenths(a, b)) is not None]
        if not tenths:
            return _UNKNOWN
        least = min(tenths)
        return Nearness(Band.NEAR_HUBS if least <= NEAR_TENTHS else Band.FURTHER, least)

    def _tenths(self, here: str, there: str) -> int | None:
        first, second = self._point(here), self._point(there)
        return tenths_between(*first, *second) if first and second else None

    def _point(self, hub: str) -> tuple[int, int] | None:
        latitude, longitude = self._hubs[hub].number("lat"), self._hubs[hub].number("lon")
        return None if latitude is None or longitude is None else (latitude, longitude)

    def hub_for(self, record: Record) -> Record | None:
        """The hub that a record is counted at: the one that wrote it, else its area's first."""
        at = self._of_member.get(record.member)
        hubs = (at,) if at else self.of(record).hubs
        return self._hubs[hubs[0]] if hubs else None
