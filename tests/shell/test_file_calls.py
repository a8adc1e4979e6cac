"""Files through `node.board`: both faces, the store thread between batches, the end of a caller."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from meshaid import blocking, limits
from meshaid.control import encode
from meshaid.errors import InvalidInput
from meshaid.events import RecordAdded
from tests.shell.street import LOOPBACK, NOON, Street


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return Street(tmp_path)


def table(rows: int) -> bytes:
    lines = (f"{i},need,Water {i}\n" for i in range(rows))
    return ("id,kind,title\n" + "".join(lines)).encode()


async def test_in_and_out_again(street: Street) -> None:
    async with street.runs(street.found("anna")) as anna:
        board = anna.node.board
        done = await board.import_file(table(3))
        assert (done.imported, done.known, done.refused) == (3, 0, ())
        assert (await board.import_file(table(4))).imported == 1
        written = await board.export("csv")
        assert (written.format, written.records, written.left_out) == ("csv", 4, {})
        assert (await board.import_file(written.data)).imported == 0
        assert "Water" not in repr(written)
        for form in ("hxl", "hxl-json", "geojson", "html", "jsonl"):
            assert b"Water 3" in (await board.export(form)).data
        member = await board.export("automerge", member="me")
        assert member.member == (await anna.node.status())["member"]
        with pytest.raises(InvalidInput, match="format"):
            await board.export("pdf")
        with pytest.raises(InvalidInput, match="--kind"):
            await board.import_file(b"item\nTents\n")
        told = await board.import_file(b"item\nTents\n", kind="offer", labels={"tents": "work"})
        assert told.labels == {"tents": ("work", 1)}


async def test_others_are_served_between_batches(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a file comes in somebody adds a need: it is written before the last batch is."""
    monkeypatch.setattr(limits, "IMPORT_BATCH", 2)
    async with street.runs(street.found("anna")) as anna:
        board = anna.node.board
        began, told = trio.Event(), []

        def tell(done: int, total: int) -> None:
            told.append((done, total))
            began.set()

        async with trio.open_nursery() as nursery:

            async def bring() -> None:
                await board.import_file(table(40), told=tell)

            nursery.start_soon(bring)
            await began.wait()
            await board.add_need("Tea")
        titles = [event.row.record.text("title") for event in anna.events(RecordAdded)]
        assert len(titles) == 41
        assert titles.index("Tea") < 40
        assert told == [(done, 40) for done in range(2, 40, 2)]


async def test_whoever_asked_and_left_ends_the_import(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written stays; the same file brings the rest. Nothing is there twice."""
    import base64

    monkeypatch.setattr(limits, "IMPORT_BATCH", 1)
    home = street.found("anna")
    async with street.runs(home) as anna:
        data = base64.b64encode(table(200)).decode()
        request = {"verb": "import", "arguments": {"data": data}, "now": NOON, "token": None}
        async with await trio.open_unix_socket(str(home / "control.sock")) as mouth:
            await mouth.send_all(encode(request))
            assert b'{"progress": [1, 200]}' in await mouth.receive_some()
        board = anna.node.board
        some = len(await board.records())
        done = await board.import_file(table(200))
        assert done.known >= some >= 1
        assert len(await board.records()) == 200


def test_the_blocking_face(street: Street) -> None:
    home = street.found("anna")
    with blocking.open_node(home, listen=LOOPBACK, mdns=False, clock=lambda: float(NOON)) as node:
        told: list[tuple[int, int]] = []
        done = node.board.import_file(
            table(limits.IMPORT_BATCH + 1), told=lambda *each: told.append(each)
        )
        assert done.imported == limits.IMPORT_BATCH + 1
        assert told == [(limits.IMPORT_BATCH, limits.IMPORT_BATCH + 1)]
        assert node.board.export("csv", kind="need").records == limits.IMPORT_BATCH + 1
