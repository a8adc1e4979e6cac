"""GeoJSON (RFC 7946): hubs as points, needs and offers without one, or with their hub's.

Places are coarse everywhere: 0.01 degree, about 1 km. Positions are [longitude, latitude].
Source: docs/protocol.md, "Import and export" (GeoJSON).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from meshaid.core.categories import CATEGORIES
from meshaid.core.fields import Amount, Time, Value
from meshaid.core.publishing import Published
from meshaid.core.records import Record
from meshaid.core.schema import KINDS
from meshaid.core.times import show_time

_LEFT_OUT = frozenset({"rev", "import_key", "lat", "lon", "entered_by", "on_behalf_of", "slip"})
"""Fields that say nothing on a map, or only to the desk that wrote them."""


def write_geojson(
    rows: Iterable[Published],
    *,
    coarse_points: bool,
    exercise: bool,
    left_out: Mapping[str, int],
) -> str:
    """A FeatureCollection of these rows.

    Args:
      coarse_points: give needs, offers and notices their hub's point, marked `"coarse": true`.
      left_out: counts by `publishing.REASONS`; they and `exercise` are members of the collection.
    """
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "exercise": exercise,
        "left_out": dict(left_out),
        "features": [_feature(row, coarse_points) for row in rows],
    }
    return json.dumps(collection, ensure_ascii=False)


def _feature(published: Published, coarse_points: bool) -> dict[str, Any]:
    record, hub = published.record, published.hub
    is_hub = record.kind == "hub"
    place = record if is_hub else hub if coarse_points else None
    point = _point(place) if place else None
    properties = _properties(published)
    if point and not is_hub:
        properties["coarse"] = True
    return {
        "type": "Feature",
        "id": record.reference,
        "geometry": point,
        "properties": properties,
    }


def _point(hub: Record) -> dict[str, Any] | None:
    lat, lon = hub.number("lat"), hub.number("lon")
    if lat is None or lon is None:
        return None
    return {"type": "Point", "coordinates": [lon / 100, lat / 100]}


def _properties(published: Published) -> dict[str, Any]:
    row, record = published.row, published.record
    kind = KINDS.get(record.kind)
    told: dict[str, Any] = {"kind": record.kind, "status": row.status, "exercise": row.exercise}
    for name, value in record.fields.items():
        if kind and name in kind.fields and name not in _LEFT_OUT and name != "status":
            told[name] = _shown(value, kind.fields[name])
    category = CATEGORIES.get(record.text("category"))
    if category:
        told["category_name"] = category.label
    if published.hub and record.kind != "hub":
        told["hub"] = published.hub.text("title")
    if row.standing.left is not None:
        told["still_open"] = _number(row.standing.left)
    return told


def _shown(value: Value, type_: object) -> Any:
    if type(value) is int and isinstance(type_, Amount):
        return _number(value)
    if type(value) is int and isinstance(type_, Time):
        return show_time(value)
    return value if isinstance(value, str | int | bool) else dict(value)  # type: ignore[arg-type]


def _number(thousandths: Fraction | int) -> int | float:
    whole = int(thousandths)
    return whole // 1000 if whole % 1000 == 0 else whole / 1000
