"""Areas, their hubs, and how far apart they are."""

from __future__ import annotations

from math import asin, cos, degrees, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.fields import Value
from meshaid.core.places import Band, Nearness, Places, area_key, area_names, tenths_between
from meshaid.core.records import Record
from tests.core.boards import record

latitudes, longitudes = st.integers(-9_000, 9_000), st.integers(-18_000, 18_000)


def hub(member: str, areas: str, **fields: Value) -> Record:
    return record(member, "h", "hub", areas=areas, **fields)


def need(member: str, area: str | None) -> Record:
    return record(member, "n", "need", area=area)


CEDAR = hub("ada", "Cedar North; Cedar South ;Café Row", lat=5_212, lon=1_340)
PINE = hub("ben", "Pine Hill;Quarry", lat=5_214, lon=1_346)
FAR = hub("hub", "Lake East", lat=5_230, lon=1_390)
NOWHERE = hub("eve", "Meadow")
PLACES = Places([CEDAR, PINE, FAR, NOWHERE])


def nearness(area: str | None, other: str | None, member: str = "x", owner: str = "y") -> Nearness:
    return PLACES.nearness(PLACES.of(need(member, area)), PLACES.of(need(owner, other)))


@pytest.mark.parametrize(
    ("area", "other", "expected"),
    [
        ("Cedar North", "cedar  NORTH ", Nearness(Band.SAME_AREA)),
        ("Cafe row", "CAFÉ ROW", Nearness(Band.SAME_AREA)),
        ("The old mill", "the old mill", Nearness(Band.SAME_AREA)),
        ("Cedar North", "Cedar South", Nearness(Band.SAME_HUB)),
        ("Cedar North", "Quarry", Nearness(Band.NEAR_HUBS, 47)),
        ("Cedar North", "Lake East", Nearness(Band.FURTHER, 395)),
        ("Cedar North", "Meadow", Nearness(Band.FURTHER)),
        ("Cedar North", "The old mill", Nearness(Band.FURTHER)),
        (None, None, Nearness(Band.FURTHER)),
        ("Cedar North", None, Nearness(Band.FURTHER)),
    ],
)
def test_how_near_two_places_are(area: str | None, other: str | None, expected: Nearness) -> None:
    assert nearness(area, other) == nearness(other, area) == expected


def test_a_record_without_an_area_is_at_the_hub_that_wrote_it() -> None:
    assert nearness(None, "Cedar South", member="ada") == Nearness(Band.SAME_HUB)
    assert nearness(None, None, member="ada", owner="ada") == Nearness(Band.SAME_HUB)
    assert nearness(None, None, member="ada", owner="ben") == Nearness(Band.NEAR_HUBS, 47)


def test_a_named_area_counts_for_more_than_the_hub_that_wrote_it() -> None:
    """A hub takes slips for places that it does not know: nobody knows how far those are."""
    assert nearness("The old mill", "Cedar North", member="ada") == Nearness(Band.FURTHER)


def test_hubs_five_kilometres_apart_are_near_and_not_further() -> None:
    def band(lat: int) -> Band:
        here, there = hub("ada", "A", lat=0, lon=0), hub("ben", "B", lat=lat, lon=0)
        places = Places([here, there])
        return places.nearness(places.of(need("x", "A")), places.of(need("x", "B"))).band

    assert tenths_between(0, 0, 4, 0) == 44
    assert band(4) == Band.NEAR_HUBS
    assert tenths_between(0, 0, 5, 0) == 56
    assert band(5) == Band.FURTHER


def test_an_area_that_two_hubs_list_is_at_both() -> None:
    places = Places([hub("ada", "Mill; Quay", lat=0, lon=0), hub("ben", "Mill;Moor", lat=0, lon=0)])
    mill, quay, moor = (places.of(need("x", name)) for name in ("Mill", "Quay", "Moor"))
    assert len(mill.hubs) == 2
    assert places.nearness(mill, quay).band == places.nearness(mill, moor).band == Band.SAME_HUB
    assert places.nearness(quay, moor) == Nearness(Band.NEAR_HUBS, 0)


def test_the_order_of_hubs_plays_no_part() -> None:
    hubs = [CEDAR, PINE, FAR, NOWHERE]
    for area in ("Cedar North", "Quarry", "Meadow", None):
        asked = need("ben", area)
        assert Places(hubs).of(asked) == Places(reversed(hubs)).of(asked)


def test_areas_are_named_as_their_hub_writes_them() -> None:
    assert area_names(CEDAR) == ["Cedar North", "Cedar South", "Café Row"]
    assert area_names(hub("ben", " ;;Mill; ")) == ["Mill"]
    assert area_key(" Café  ROW") == "cafe row"


def test_a_record_is_counted_at_the_hub_that_wrote_it_else_at_that_of_its_area() -> None:
    assert PLACES.hub_for(need("ada", "Quarry")) == CEDAR
    assert PLACES.hub_for(need("somebody", "Quarry")) == PINE
    assert PLACES.hub_for(need("somebody", "Nowhere")) is None


# ---- distances


@pytest.mark.parametrize(
    ("points", "tenths"),
    [
        ((0, 0, 0, 0), 0),
        ((0, 0, 100, 0), 1_112),
        ((0, 0, 0, 100), 1_112),
        ((6_000, 0, 6_000, 100), 556),
        ((0, 17_999, 0, -17_999), 22),
        ((9_000, 0, 9_000, 18_000), 0),
        ((-3_386, 15_121, -3_388, 15_118), 36),
    ],
)
def test_distances(points: tuple[int, int, int, int], tenths: int) -> None:
    assert tenths_between(*points) == tenths


@given(latitudes, longitudes, latitudes, longitudes)
def test_a_distance_is_the_same_both_ways(a: int, b: int, c: int, d: int) -> None:
    assert tenths_between(a, b, c, d) == tenths_between(c, d, a, b) >= 0


@given(st.integers(-7_000, 7_000), longitudes, st.integers(-20, 20), st.integers(-20, 20))
def test_near_distances_are_those_on_a_sphere(lat: int, lon: int, up: int, along: int) -> None:
    there = (lon + along + 18_000) % 36_000 - 18_000
    first, second = radians(lat / 100), radians((lat + up) / 100)
    half = sin((second - first) / 2) ** 2
    half += cos(first) * cos(second) * sin(radians(along / 100) / 2) ** 2
    kilometres = degrees(2 * asin(sqrt(half))) * 111.1949266
    assert abs(tenths_between(lat, lon, lat + up, there) - kilometres * 10) < 0.6
