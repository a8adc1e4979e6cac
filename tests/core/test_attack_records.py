"""Records of a later version hold what they like; rows of them stay plain values."""

from __future__ import annotations

import json

from meshaid import commands
from meshaid.core import ids
from meshaid.desk import Desk
from tests.core.meeting_pair import Pair
from tests.core.real_world import NOW, RealWorld


def test_a_record_of_an_unknown_kind_with_bytes_for_a_title_can_be_shown() -> None:
    world = RealWorld()
    hub = world.found("hub")
    author = world.join("author", hub)
    record = ids.record_id(author.dice(ids.RECORD_BYTES))
    names = ("title", "text", "ref", "category", "unit", "urgency", "area", "created_at")
    fields = [("put", record, name, b"\xff\0") for name in names]
    author.replica.write([("make", record), ("put", record, "kind", "future"), *fields])
    Pair(author, hub, once=True).run()

    reference = ids.reference(author.replica.identity.member, record)
    desk = Desk(hub.replica, random=hub.dice)
    shown = commands.execute(desk, "show", {"ref": reference}, NOW)

    assert json.loads(json.dumps(shown))["title"] == "ff00"
