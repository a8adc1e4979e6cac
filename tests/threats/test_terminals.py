"""What somebody else's program wrote gives no command to the terminal of whoever reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshaid.core import ids
from meshaid.core.fields import Line, Text
from meshaid.core.schema import KINDS
from meshaid.core.served import Served
from meshaid.opening import OpenHome, open_home
from tests.cli.calls import NOON, call
from tests.core.meeting_pair import Pair
from tests.shell.street import Street

EVIL = "\x1b[31m\x9b31m\u202eevil\x07\u2066[bold]"
COMMANDS = frozenset("\x1b\x9b\x07\r\u202e\u2066")


class Device:
    """A home as a side of a meeting."""

    def __init__(self, home: OpenHome) -> None:
        self.knowledge = Served(home.replica)


def hostile_home(street: Street, hub: Path) -> dict[str, str]:
    """A member of kind hub writes EVIL into every free field of every kind; references by kind."""
    text = street.invite(hub, "invite", {"uses": 5, "kinds": ["hub"]})
    mallory = street.join_by("mallory", text, kind="hub", letter="D")
    written: dict[str, str] = {}
    with open_home(hub) as here, open_home(mallory) as there:
        replica = there.replica
        for number, (kind, known) in enumerate(KINDS.items()):
            name = ids.record_id(bytes([number]) * ids.RECORD_BYTES)
            fields: dict[str, str | int] = {"kind": kind, "created_at": NOON}
            for field, type_ in known.fields.items():
                if isinstance(type_, Line | Text):
                    fields[field] = EVIL[: type_.most]
            about = {"pledge": "need", "receipt": "need", "flag": "target"}.get(kind)
            fields |= {about: written["need"]} if about else {}
            fields |= {"category": "water"} if kind in ("need", "offer") else {}
            replica.write(
                [("make", name), *(("put", name, field, v) for field, v in fields.items())]
            )
            written[kind] = ids.reference(replica.identity.member, name)
        for _ in range(2):
            Pair(Device(here), Device(there), once=True).run()  # type: ignore[arg-type]
    return written


@pytest.mark.parametrize("as_json", [False, True])
def test_no_command_of_the_command_line_prints_one(tmp_path: Path, *, as_json: bool) -> None:
    street = Street(tmp_path)
    hub = street.found("anna", kind="hub", letter="C")
    written = hostile_home(street, hub)
    lists = [["board", "--kind", kind, "--hidden"] for kind in KINDS]
    shows = [["show", reference] for reference in written.values()]
    finds = [["match"], ["duplicates"], ["report"], ["board", "--attention"], ["status"]]
    options = ["--json"] if as_json else []
    told = 0
    for words in (*lists, *shows, *finds):
        result = call(*words, *options, home=hub)
        assert result.exit_code == 0, result.output
        assert not COMMANDS & set(result.output), words
        told += "evil" in result.output
        if as_json:
            json.loads(result.stdout)
    assert told >= len(KINDS)


def test_no_error_prints_one(tmp_path: Path) -> None:
    street = Street(tmp_path)
    hub = street.found("anna", kind="hub", letter="C")
    written = hostile_home(street, hub)
    table = tmp_path / "slips.csv"
    table.write_text(f"kind,title,{EVIL}\nneed,a,b\n", "utf-8")
    told = [
        call("show", written["need"].partition("/")[0], home=hub),
        call("import", table, "--where", f"{EVIL}other=1", home=hub),
        call("import", table, "--kind", EVIL, home=hub),
        call("edit", written["need"], "--title", EVIL, home=hub),
        call("board", "--kind", EVIL, home=hub),
        call("export", tmp_path / "out", "--format", "csv", "--member", EVIL, home=hub),
    ]
    assert {result.exit_code for result in told} == {2}
    assert not any(COMMANDS & set(result.output) for result in told)
