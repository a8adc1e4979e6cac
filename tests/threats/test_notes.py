"""Row 22 and "Human safety": who carries a sealed note cannot open it, and no peer makes it be
opened; a hostile peer or member harms nobody else's notes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from meshaid import sealed, upkeep
from meshaid.core import sealing
from meshaid.core.cards import make_removal
from meshaid.core.notes import Note
from tests.core.note_world import TEXT, acquainted, attach, meet, need, outcomes, reads
from tests.core.real_world import RealDevice, RealWorld
from tests.shell.street import Street

ROOT = Path(__file__).resolve().parents[2] / "meshaid"
MAY_OPEN = {"core/sealing.py", "sealed.py", "upkeep.py", "contacts.py", "claims.py"}


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return Street(tmp_path)


def importers(names: set[str]) -> set[str]:
    """The files that import one of these modules, by name or by what is in it."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            told = set()
            if isinstance(node, ast.ImportFrom) and node.module:
                told = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                told = {alias.name for alias in node.names}
            if told & names:
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_few_files_can_open_a_note() -> None:
    """The import contract says the same of whole chains; this names the files."""
    assert importers({"meshaid.core.sealing", "meshaid.sealed"}) == MAY_OPEN - {"core/sealing.py"}
    assert importers({"cryptography.hazmat.primitives.hpke"}) == {"core/sealing.py"}


async def test_no_peer_makes_a_note_be_opened(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever comes over the network: opening happens when a person asks, and by upkeep's own
    task for the note that hands on the member's key."""
    opened: list[str] = []

    def counting(name: str, real: Callable[[Note, bytes], bytes | None]) -> object:
        def unseal(note: Note, seed: bytes) -> bytes | None:
            opened.append(f"{name} {note.kind}")
            return real(note, seed)

        return unseal

    monkeypatch.setattr(sealed, "unseal", counting("person", sealing.unseal))
    monkeypatch.setattr(upkeep, "unseal", counting("upkeep", sealing.unseal))
    hub = street.found("hub", kind="hub", letter="C")
    poster = street.join("poster", hub)
    second = street.link("second", hub)
    async with (
        street.runs(hub) as at_hub,
        street.runs(poster, at_hub) as posting,
        street.runs(second, at_hub) as linked,
    ):
        await street.equal(at_hub, posting, linked)
        row = await posting.node.board.add_need("Insulin")
        ref = row.record.text("ref")
        await posting.node.board.contact_add(ref, "555 0123", to=["C"])
        replica = at_hub.node.home.replica
        await street.until(lambda: any(n.kind == "contact" for n in replica.ledger.notes()))
        key = linked.node.home.replica
        await street.until(lambda: key.identity.member_sealing_seed is not None)
        assert set(opened) == {"upkeep key"}
        assert (await at_hub.node.board.contact_show(ref)).contacts
        assert set(opened) == {"upkeep key", "person contact"}


def test_a_meeting_without_a_node_opens_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def opening(*_: object) -> bytes | None:
        raise AssertionError("a peer's bytes were opened")

    monkeypatch.setattr(sealed, "unseal", opening)
    monkeypatch.setattr(sealing, "unseal", opening)
    hub, poster = acquainted(RealWorld(), "poster")
    attach(poster, need(poster), hub)
    meet(poster, hub)
    assert len(hub.replica.ledger.notes()) == 1


def test_a_thief_of_a_device_adds_nothing_after_its_removal() -> None:
    """And what the sibling had before stays to be read."""
    world = RealWorld()
    hub, first = acquainted(world, "first")
    stolen = world.link("stolen", first)
    for _ in range(2):
        meet(stolen, first)
    record = need(first)
    note = attach(first, record, hub)
    meet(first, stolen)
    meet(first, hub)
    identity = first.replica.identity
    first.keep(
        make_removal(
            identity.signing_key,
            community=identity.community,
            target_kind="device",
            target=(identity.member, stolen.replica.identity.device),
        )
    )
    meet(first, hub)
    lure = attach(stolen, record, hub, text=b"come alone to the old mill")
    stolen.replica.notes.erase([note])
    wires = [w for row in stolen.replica.ledger.notes() if (w := wire(stolen, row.id))]
    hub.replica.notes.take(wires)  # a colluding member passes them on
    assert outcomes(hub, lure) == ["later"]
    assert hub.replica.ledger.note(lure.id) is None
    # Known price (decision 17): an erasure counts, whoever is removed later.
    assert hub.replica.ledger.note(note.id) is None
    again = attach(first, record, hub)
    meet(first, hub)
    assert reads(hub, again) == TEXT


def wire(device: RealDevice, note_id: bytes) -> bytes | None:
    return device.replica.ledger.note(note_id)
