"""Contacts and claim codes between real homes over TCP, and what is left of them on the disks.

A hub with two devices, the second linked later; a household; another hub that may read nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import apsw
import pytest

from meshaid import contacts, home
from meshaid.core.notes import Note, read_own_note
from meshaid.errors import InvalidInput, RefusedByTrust
from meshaid.events import CardsChanged
from tests.shell.store_parts import plain_connection
from tests.shell.street import NOON, Resident, Street

TEXT = "Rosa, +1 503 555 0123, ring twice"
WORDS = (TEXT, "503 555 0123", "Rosa")


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return Street(tmp_path)


def decrypted(folder: Path, copy: Path) -> bytes:
    """Every byte of a home whose node has ended or still runs: the files as they are, and the store
    with its log, decrypted."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy(path, copy / path.name)
    raw = b"".join(path.read_bytes() for path in sorted(copy.iterdir()))
    with plain_connection(copy, home.open_key(folder)) as inner:
        pages = b"".join(
            repr(row).encode() for table in tables(inner) for row in inner.execute(table)
        )
        inner.pragma("journal_mode", "DELETE")  # the log's pages go into the file
        inner.pragma("rekey", "")
    return raw + pages + (copy / home.STORE).read_bytes()


def tables(inner: apsw.Connection) -> Iterable[str]:
    names = inner.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return [f'SELECT * FROM "{name}"' for (name,) in names]  # noqa: S608


def notes(resident: Resident) -> list[Note]:
    ledger = resident.node.home.replica.ledger
    wires = [ledger.note(row.id) for row in ledger.notes()]
    return [read_own_note(wire) for wire in wires if wire is not None]


async def holding(street: Street, count: int, kind: str, *residents: Resident) -> None:
    """Wait until all of these hold so many notes of one kind."""

    async def hold() -> bool:
        held = [await one.node.work(partial(notes, one)) for one in residents]
        return all(sum(note.kind == kind for note in each) == count for each in held)

    await street.until(hold)


async def test_a_contact_from_desk_to_desk_and_off_every_disk(
    street: Street, tmp_path: Path
) -> None:
    hub = street.found("hub", kind="hub", letter="C")
    invite = street.invite(hub, "invite", {"uses": 9, "kinds": ["household", "hub"]})
    poster = street.join_by("poster", invite, kind="household")
    outsider = street.join_by("outsider", invite, kind="hub", letter="R")
    async with (
        street.runs(hub) as at_hub,
        street.runs(poster, at_hub) as posting,
        street.runs(outsider, at_hub) as outside,
    ):
        await street.equal(at_hub, posting, outside)
        row = await posting.node.board.add_need("Insulin", category="health.medicine")
        ref = row.record.text("ref")
        await street.equal(at_hub, posting, outside)
        digest = await outside.digest()
        await posting.node.board.contact_add(ref, TEXT, to=["C"])
        await holding(street, 1, "contact", at_hub, posting, outside)
        assert await outside.digest() == digest
        assert [c.text for c in (await at_hub.node.board.contact_show(ref)).contacts] == [TEXT]
        there = await outside.node.board.contact_show(ref)
        assert (there.contacts, there.sealed) == ((), 1)
        (carried,) = await outside.node.work(partial(notes, outside))

        # The text stands on no disk at all: not even its readers' hold it open.
        for folder in (hub, poster, outsider):
            held = decrypted(folder, tmp_path / "copy")
            assert not [word for word in WORDS if word.encode() in held]
            assert carried.content in held, "the search itself finds what is there"
            assert b"Insulin" in held

        assert await posting.node.board.contact_erase(ref) == 1
        await holding(street, 0, "contact", at_hub, posting, outside)
        await holding(street, 1, "erasure", at_hub, posting, outside)
        parts = [carried.content, *carried.sealed_keys, carried.signature]
        for folder in (hub, poster, outsider):
            held = decrypted(folder, tmp_path / "copy")
            assert not [part for part in parts if part in held]
            assert b"Insulin" in held
        assert (await at_hub.node.board.contact_show(ref)).contacts == ()
        await street.equal(at_hub, posting, outside)
    for folder in (hub, poster, outsider):
        held = decrypted(folder, tmp_path / "copy")
        assert not [part for part in parts if part in held]


async def test_a_claim_at_the_second_device_of_the_hub(street: Street) -> None:
    """Linked later, it never meets the first again: an outsider carries key and claim."""
    hub = street.found("hub", kind="hub", letter="C")
    invite = street.invite(hub, "invite", {"uses": 9, "kinds": ["household", "hub"]})
    outsider = street.join_by("outsider", invite, kind="hub", letter="R")
    async with street.runs(hub) as first, street.runs(outsider, first) as outside:
        await street.equal(first, outside)
        row = await first.node.board.add("need", title="Water", on_behalf_of="F7")
        ref = row.record.text("ref")
        code = await first.node.board.claim_code(ref)
        await holding(street, 1, "claim", first, outside)
    second = street.link("second", hub)
    async with street.runs(hub) as first, street.runs(outsider, first) as outside:
        async with street.runs(second, outside) as linked:
            await linked.hears(CardsChanged)
            await street.equal(first, outside, linked)
            # Who has the key hands it to every sibling of which it does not know that it has it.
            await holding(street, 2, "key", first, outside, linked)
            identity = linked.node.home.replica
            await street.until(lambda: identity.identity.member_sealing_seed is not None)
            assert await linked.node.peers()
            (peer,) = {p["device"] for p in await linked.node.peers() if p["state"] != "away"}
            assert peer == (await outside.node.status())["device"]
        async with street.runs(second) as alone:
            board = alone.node.board
            wrong = f"{(int(code) + 1) % 10**6:06}"
            with pytest.raises(RefusedByTrust, match="not the one of this slip"):
                await board.claim(ref, wrong, "close")
            assert (await board.claim(ref, code, "show")).row.record.text("title") == "Water"
            fields = {"title": "Water, 2 l"}
            corrected = await board.claim(ref, code, "edit", fields=fields)
            assert corrected.row.record.text("title") == "Water, 2 l"
        with pytest.raises(InvalidInput, match="another hub"):
            await outside.node.board.claim(ref, code, "show")
        assert (await outside.node.board.claim(ref, code, "close")).flagged
        async with street.runs(second, outside) as linked:
            await street.equal(first, outside, linked)
            shown = await first.node.board.show(ref)
            assert shown.record.text("title") == "Water, 2 l"
            assert shown.standing.status == "open"


async def test_what_was_erased_while_a_node_was_away(street: Street, tmp_path: Path) -> None:
    """It comes back with the contact on its disk, and forgets it before anybody else."""
    hub = street.found("hub", kind="hub", letter="C")
    poster, away = street.join("poster", hub), street.join("away", hub)
    async with street.runs(hub) as at_hub, street.runs(poster, at_hub) as posting:
        async with street.runs(away, at_hub) as other:
            await street.equal(at_hub, posting, other)
            row = await posting.node.board.add_need("Insulin")
            ref = row.record.text("ref")
            await posting.node.board.contact_add(ref, TEXT, to=["C"])
            await holding(street, 1, "contact", at_hub, posting, other)
            (carried,) = await other.node.work(partial(notes, other))
        await posting.node.board.contact_erase(ref)
        await holding(street, 0, "contact", at_hub, posting)
        assert carried.content in decrypted(away, tmp_path / "copy")
        async with street.runs(away, at_hub) as other:
            await holding(street, 0, "contact", at_hub, posting, other)
            await holding(street, 1, "erasure", other)
        assert carried.content not in decrypted(away, tmp_path / "copy")


async def test_a_node_sweeps_what_is_over(street: Street, tmp_path: Path) -> None:
    hub = street.found("hub", kind="hub", letter="C")
    async with street.runs(hub) as at_hub:
        row = await at_hub.node.board.add_need("Insulin", expires_at=NOON + 60)
        await at_hub.node.board.contact_add(row.record.text("ref"), TEXT, to=["C"])
        (held,) = await at_hub.node.work(partial(notes, at_hub))
    later = float(NOON + 15 * 86_400)
    async with street.runs(hub, clock=lambda: later) as at_hub:
        # The sweep is the first thing that a node does; whatever it is asked comes after it.
        for _ in range(100):
            left = await at_hub.node.work(partial(notes, at_hub))
            if not left:
                break
        assert left == []
    assert held.content not in decrypted(hub, tmp_path / "copy")


def test_the_library_and_the_desk_say_the_same(street: Street) -> None:
    """The verbs of the command line call the functions that the board's calls call."""
    hub = street.found("hub", kind="hub", letter="C")
    ref = street.do(hub, "add", {"kind": "need", "fields": {"title": "Water"}})["ref"]
    street.do(hub, "contact-add", {"ref": ref, "text": TEXT, "to": [contacts.STEWARDS]})
    shown = street.do(hub, "contact-show", {"ref": ref})
    assert [contact["text"] for contact in shown["contacts"]] == [TEXT]
    assert [reader["name"] for reader in shown["contacts"][0]["readers"]] == ["hub"]
    assert street.do(hub, "contact-erase", {"ref": ref}) == {"erased": 1}
