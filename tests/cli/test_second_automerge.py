"""An exported document opens in the Automerge of another language, with the same content."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meshaid.core import ids
from meshaid.core.meeting import Meeting
from meshaid.core.served import Served
from meshaid.opening import OpenHome, open_home
from tests.cli.calls import call, done, found

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "js" / "read_document.mjs"
INSTALLED = (SCRIPT.parent / "node_modules" / "@automerge" / "automerge").exists()

pytestmark = [
    pytest.mark.node_js,
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here"),
    pytest.mark.skipif(
        not INSTALLED and shutil.which("npm") is None, reason="there is no npm to install with"
    ),
]


def read_with_javascript(file: Path) -> Any:
    done_ = subprocess.run(
        ["node", str(SCRIPT), str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done_.returncode == 0, done_.stderr
    return json.loads(done_.stdout)


def held(home: Path) -> tuple[dict[str, dict[str, list[object]]], int]:
    """What our own store shows of the own document, and how many changes it holds."""
    with open_home(home) as opened:
        member = opened.replica.identity.member
        rows = opened.store.records(member)
        changes = opened.store.changes(opened.replica.own_genesis)
        return {row.record_id: dict(row.fields) for row in rows}, len(changes)


def test_a_hub_with_the_slips_of_a_drill_opens_elsewhere(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    found(home, "--kind", "hub", "--letter", "C")
    slips = ROOT / "examples" / "drill" / "drill.csv"
    assert done("import", slips, "--where", "hub=C", home=home)["imported"] == 60
    need = done("need", "Insulin, 2 vials", "--quantity", "2", "--unit", "vial", home=home)
    done("edit", need["ref"], "--quantity", "3", "--details", "水 ماء", home=home)
    done("close", need["ref"], "--reason", "received", home=home)

    file = tmp_path / "hub.automerge"
    exported = done("export", "--format", "automerge", "--member", "me", file, home=home)
    theirs = read_with_javascript(file)

    ours, changes = held(home)
    assert exported["records"] == len(ours) == 62
    assert theirs["content"].keys() == {"records"}
    assert theirs["conflicts"] == {}
    assert theirs["changes"] == changes + 1  # the genesis is in the file, not in the store
    assert theirs["content"]["records"] == {
        name: {field: values[0] for field, values in fields.items()}
        for name, fields in ours.items()
    }
    record = theirs["content"]["records"][ids.parse_reference(need["id"])[1]]
    assert (record["quantity"], record["text"], record["status"]) == (3_000, "水 ماء", "closed")


def test_two_answers_to_one_question_are_both_there(home: Path, tmp_path: Path) -> None:
    need = done("need", "Blankets", "--quantity", "2", home=home)
    invite = done("link", home=home)["invite"]
    second = tmp_path / "second"
    done("join", invite, "--label", "kitchen laptop", home=second)
    with open_home(home) as one, open_home(second) as two:
        meet(one, two)
    done("edit", need["ref"], "--quantity", "5", home=home)
    done("edit", need["ref"], "--quantity", "7", home=second)
    with open_home(home) as one, open_home(second) as two:
        meet(one, two)
    assert "2 answers" in call("show", need["ref"], home=home).output

    file = tmp_path / "both.automerge"
    done("export", "--format", "automerge", "--member", "me", file, home=home)
    theirs = read_with_javascript(file)

    name = ids.parse_reference(need["id"])[1]
    assert sorted(theirs["conflicts"][name]["quantity"]) == [5_000, 7_000]
    ours, _ = held(home)
    assert theirs["content"]["records"][name]["quantity"] == ours[name]["quantity"][0]


def meet(one: OpenHome, two: OpenHome) -> None:
    """Let two open homes hold a whole meeting in memory."""
    dialer, listener = (
        Meeting(Served(home.replica), role=role, ephemeral=bytes([number]) * 32, now=0.0)
        for number, (home, role) in enumerate([(one, "dialer"), (two, "listener")], 1)
    )
    for _ in range(100):
        there, back = dialer.data_to_send(), listener.data_to_send()
        if there:
            listener.receive_data(there, 0.0)
        if back:
            dialer.receive_data(back, 0.0)
    assert dialer.in_sync
    assert listener.in_sync
