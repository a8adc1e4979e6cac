"""Erasing a sealed note empties the store's log at once: nothing of it waits for a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshaid import contacts, home
from meshaid.core.cards import make_removal
from meshaid.core.notes import Note, read_own_note
from meshaid.core.replica import Replica
from meshaid.core.served import Served
from meshaid.desk import Desk
from meshaid.opening import OpenHome, open_home
from tests.core.meeting_pair import Pair
from tests.shell.street import NOON, Street


@pytest.fixture
def homes(street: Street) -> Iterator[tuple[OpenHome, OpenHome]]:
    """A hub and a household that have met, each with the household's contact on its disk."""
    hub = street.found("hub", kind="hub", letter="C")
    poster = street.join("poster", hub)
    with open_home(hub) as at_hub, open_home(poster) as posting:
        for opened in (at_hub, posting):
            opened.replica.notes.sweep(NOON)
        meet(at_hub, posting)
        desk = Desk(posting.replica, random=os.urandom)
        row = desk.add("need", {"title": "Insulin"}, NOON)
        meet(at_hub, posting)
        contacts.add(desk, row.id, "Rosa, 555 0123", ["C"], NOON)
        meet(at_hub, posting)
        assert [note.kind for note in notes(at_hub)] == ["contact"]
        yield at_hub, posting


class Person:
    """An open home, as meetings take it."""

    def __init__(self, opened: OpenHome) -> None:
        self.knowledge = Served(opened.replica)


def meet(one: OpenHome, other: OpenHome) -> None:
    for _ in range(2):
        Pair(Person(one), Person(other)).run()  # type: ignore[arg-type]


def notes(opened: OpenHome) -> list[Note]:
    wires = [opened.store.note(row.id) for row in opened.store.notes()]
    return [read_own_note(wire) for wire in wires if wire is not None]


def log_bytes(opened: OpenHome) -> int:
    path = Path(opened.folder) / f"{home.STORE}-wal"
    return path.stat().st_size


def test_when_its_author_erases_it(homes: tuple[OpenHome, OpenHome]) -> None:
    at_hub, posting = homes
    assert log_bytes(posting) > 0
    posting.replica.notes.erase(notes(posting))
    assert log_bytes(posting) == 0
    (erasure,) = notes(posting)
    assert log_bytes(at_hub) > 0
    at_hub.replica.notes.take([erasure.wire])
    assert log_bytes(at_hub) == 0
    assert [note.kind for note in notes(at_hub)] == ["erasure"]


def test_when_its_time_is_over(homes: tuple[OpenHome, OpenHome]) -> None:
    for opened in homes:
        assert log_bytes(opened) > 0
        assert opened.replica.notes.sweep(NOON + 20 * 86_400) == 1
        assert log_bytes(opened) == 0


def test_when_its_author_is_removed(homes: tuple[OpenHome, OpenHome]) -> None:
    at_hub, posting = homes
    identity = at_hub.replica.identity
    card = make_removal(
        identity.signing_key,
        community=identity.community,
        target_kind="member",
        target=posting.replica.identity.member,
    )
    at_hub.replica.add_cards([card.wire])
    assert notes(at_hub) == []
    assert log_bytes(at_hub) == 0


def test_nothing_is_emptied_for_nothing(homes: tuple[OpenHome, OpenHome]) -> None:
    """It waits for the disk, so only an erasure is a reason."""
    at_hub, posting = homes
    (note,) = notes(posting)
    assert at_hub.replica.notes.sweep(NOON) == 0
    at_hub.replica.notes.take([note.wire])
    assert log_bytes(at_hub) > 0


def test_what_a_killed_process_left_in_the_log(homes: tuple[OpenHome, OpenHome]) -> None:
    """It died between the commit and the emptying: the next one to open the home makes up for it.
    (A new index on the same store stands for that process.)"""
    at_hub, _ = homes
    assert log_bytes(at_hub) > 0
    again = Replica(at_hub.store, at_hub.replica.identity, random=os.urandom, install=b"again")
    again.notes.sweep(NOON)
    assert log_bytes(at_hub) == 0
