"""The node for threads: what they call at once, how errors reach them, and how it all ends."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from meshaid import blocking
from meshaid.blocking import BlockingNode, BlockingWatcher
from meshaid.errors import (
    BusyError,
    ClosedError,
    InvalidInput,
    MeshaidInternalError,
    NotFound,
    NotReachable,
)
from meshaid.events import (
    Listening,
    NodeEvent,
    PeerInSync,
    RecordAdded,
    RecordChanged,
    WentOffline,
    WentOnline,
)
from meshaid.node import Node
from meshaid.opening import open_home
from tests.shell.street import LOOPBACK, NOON, PATIENCE, Street


class SpilledTea(Exception):
    """Something that goes wrong in an app."""


def runs(home: Path, **options: Any) -> AbstractContextManager[BlockingNode]:
    """A node of this home on the loopback interface, at NOON."""
    settings = {"listen": LOOPBACK, "mdns": False, "clock": lambda: float(NOON), **options}
    return blocking.open_node(home, **settings)


def titles(node: BlockingNode) -> list[str]:
    return sorted(row.record.text("title") for row in node.board.records())


def title(event: object) -> str:
    assert isinstance(event, RecordAdded | RecordChanged)
    return event.row.record.text("title")


@contextmanager
def others(count: int) -> Iterator[ThreadPoolExecutor]:
    """Other threads; none is left behind."""
    with ThreadPoolExecutor(count) as threads:
        yield threads


@pytest.fixture
def anna(street: Street) -> Path:
    """The founder's home."""
    return street.found("Anna")


@pytest.fixture
def node(anna: Path) -> Iterator[BlockingNode]:
    """Her node, running."""
    with runs(anna) as node:
        yield node


# ---- the board
def test_every_verb_of_the_board(node: BlockingNode) -> None:
    need = node.board.add_need("Water", quantity=10, unit="L")
    offer = node.board.add_offer("Soup")
    notice = node.board.add_notice("Meeting at six")
    assert [need.record.kind, offer.record.kind, notice.record.kind] == ["need", "offer", "notice"]
    assert node.board.edit(need.id, quantity=20).as_json()["quantity"] == "20"
    assert node.board.show(need.id).as_json()["quantity"] == "20"
    assert [row.id for row in node.board.records(kind="offer")] == [offer.id]
    assert node.board.close(offer.id, "given").status == "closed"
    assert titles(node) == ["Meeting at six", "Water"]
    assert node.board.add("need", title="Wood").status == "open"


def test_what_was_written_is_there_the_next_time(anna: Path) -> None:
    with runs(anna) as node:
        node.board.add_need("Water")
        digest = node.status()["digest"]
    with runs(anna) as node:
        assert (titles(node), node.status()["digest"]) == (["Water"], digest)


def test_several_threads_at_once(node: BlockingNode) -> None:
    together = threading.Barrier(4)

    def write(number: int) -> list[str]:
        together.wait(PATIENCE)
        written = [node.board.add_need(f"{number}.{piece}").id for piece in range(5)]
        assert {node.board.show(ref).id for ref in written} == set(written)
        return written

    with others(4) as threads:
        written = [ref for refs in threads.map(write, range(4)) for ref in refs]
    assert len(set(written)) == 20
    assert {row.id for row in node.board.records()} == set(written)


# ---- errors
@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda node: node.board.add_need(""), InvalidInput),
        (lambda node: node.board.add_need("Water", wings=2), InvalidInput),
        (lambda node: node.board.show("0123456789"), NotFound),
        (lambda node: node.add_peer("nowhere"), InvalidInput),
        (lambda node: node.sync("127.0.0.1:1", timeout=5), NotReachable),
    ],
    ids=["title", "field", "reference", "address", "nobody"],
)
def test_errors_come_out_as_themselves(
    node: BlockingNode, call: Callable[[BlockingNode], object], error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        call(node)
    assert type(raised.value) is error
    assert titles(node) == []  # and the node goes on


def test_an_error_of_the_block_comes_out_as_itself(anna: Path) -> None:
    with pytest.raises(SpilledTea), runs(anna):
        raise SpilledTea
    open_home(anna).close()


def test_opening_fails_as_the_trio_face_does(anna: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput), runs(tmp_path / "nothing"):
        raise AssertionError("the block must not be entered")
    with pytest.raises(InvalidInput), runs(anna, listen="nowhere"):
        raise AssertionError("the block must not be entered")
    with runs(anna), pytest.raises(BusyError), runs(anna):
        raise AssertionError("the block must not be entered")
    open_home(anna).close()


def test_a_node_that_fails_says_so_in_place_of_what_came_of_it(anna: Path) -> None:
    async def fail() -> None:
        raise SpilledTea

    async def start(inner: Node) -> None:
        """Start a task of the node's own that fails, as a bug of ours would."""
        nursery = inner.network._nursery
        assert nursery is not None
        nursery.start_soon(fail)

    def outlives_it() -> None:
        with runs(anna) as node:
            watcher = node.board.watch()
            node.call(partial(start, node._node))
            watcher.take()

    with pytest.raises(MeshaidInternalError) as raised:
        outlives_it()
    assert isinstance(raised.value.__context__, ClosedError)
    open_home(anna).close()


async def test_a_trio_program_is_told_not_to_block_itself(anna: Path) -> None:
    with runs(anna) as node, pytest.raises(RuntimeError):
        node.status()
    await trio.lowlevel.checkpoint()


# ---- watching
def test_watching_begins_with_the_call(node: BlockingNode) -> None:
    watcher = node.board.watch(timeout=0)
    node.board.add_need("Water")
    need = node.board.add_need("Wood")
    node.board.edit(need.id, title="Dry wood")
    assert [title(event) for event in watcher] == ["Water", "Wood", "Dry wood"]


def test_watching_goes_on_after_its_time_was_up(node: BlockingNode) -> None:
    watcher = node.board.watch(timeout=0)
    assert list(watcher) == []
    node.board.add_need("Water")
    assert [title(event) for event in watcher] == ["Water"]
    assert watcher.take(timeout=0) is None
    node.board.add_need("Wood")
    assert title(watcher.take(timeout=0)) == "Wood"


def test_a_watcher_waits_for_what_another_thread_writes(node: BlockingNode) -> None:
    watcher = node.board.watch()
    with others(1) as threads:
        waiting = threads.submit(watcher.take, PATIENCE)
        wait_for_a_call(node)
        node.board.add_need("Water")
        assert title(waiting.result(PATIENCE)) == "Water"


def test_two_threads_share_a_watcher(node: BlockingNode) -> None:
    watcher = node.board.watch()
    with others(2) as threads:
        waiting = [threads.submit(watcher.take, PATIENCE) for _ in range(2)]
        wait_for_a_call(node, count=2)
        node.board.add_need("Water")
        node.board.add_need("Wood")
        assert sorted(title(future.result(PATIENCE)) for future in waiting) == ["Water", "Wood"]


def test_a_watcher_that_nobody_holds_is_let_go(node: BlockingNode) -> None:
    def watched() -> bool:
        gc.collect()
        return bool(node.call(lambda: at_once(node._node.board.watched)))

    watcher: BlockingWatcher | None = node.board.watch()
    assert watched()
    assert watcher is not None
    watcher = None
    assert not watched()


async def at_once(value: bool) -> bool:
    return value


# ---- the networks
def test_two_nodes_meet_and_leave_their_networks(street: Street, anna: Path) -> None:
    told: list[NodeEvent] = []
    equal = threading.Event()

    def observe(event: NodeEvent) -> None:
        told.append(event)
        if isinstance(event, PeerInSync):
            equal.set()

    bo = street.join("Bo", anna)
    with runs(anna) as first, runs(bo, observer=observe) as second:
        first.board.add_need("Water")
        watcher = second.board.watch()
        second.add_peer(first.listening[0])
        assert equal.wait(PATIENCE)
        assert title(watcher.take(PATIENCE)) == "Water"
        assert second.sync(first.listening[0], timeout=PATIENCE)["equal"]
        assert [peer["member"] for peer in second.peers()] == [first.status()["member"]]
        assert second.statistics()["bytes_received"] > 0
        second.offline()
        assert second.listening == ()
        second.board.add_offer("Soup")
        second.online()
        assert second.listening != ()
    kinds = [type(event) for event in told]
    assert kinds.index(Listening) < kinds.index(WentOffline) < kinds.index(WentOnline)


# ---- the end
def wait_for_a_call(node: BlockingNode, *, count: int = 1) -> None:
    """Return once so many calls of other threads are under way and wait."""

    async def settled() -> None:
        with trio.fail_after(PATIENCE):
            while len(node._calls._scopes) <= count:
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()

    node.call(settled)


def test_closing_while_another_thread_waits(anna: Path) -> None:
    with others(2) as threads:
        waiting: list[Future[Any]] = []
        with runs(anna) as node:
            waiting.append(threads.submit(node.board.watch().take))
            waiting.append(threads.submit(list, node.board.watch()))
            wait_for_a_call(node, count=2)
        for future in waiting:
            assert isinstance(future.exception(PATIENCE), ClosedError)
    open_home(anna).close()


def test_a_closed_node_says_so_to_every_call(anna: Path) -> None:
    with runs(anna) as node:
        watcher = node.board.watch()
    for call in (node.status, node.board.records, watcher.take, node.offline, node.statistics):
        with pytest.raises(ClosedError):
            call()
    assert node.listening == ()
    del watcher  # its end asks nothing of the node that is gone
    gc.collect()


def test_what_was_acknowledged_while_closing_is_kept(anna: Path) -> None:
    """Threads write without a pause while the node closes: each write is done or ClosedError."""
    acknowledged: list[str] = []
    busy = threading.Barrier(4)

    def write(node: BlockingNode) -> None:
        for number in range(10_000):
            acknowledged.append(node.board.add_need("Water").id)
            if number == 0:
                busy.wait(PATIENCE)

    with others(3) as threads:
        with runs(anna) as node:
            writers = [threads.submit(write, node) for _ in range(3)]
            busy.wait(PATIENCE)
        for writer in writers:
            assert type(writer.exception(PATIENCE)) is ClosedError
    with runs(anna) as node:
        held = {row.id for row in node.board.records()}
    assert held >= set(acknowledged)
    assert len(acknowledged) >= 3


class _Interrupted(threading.Event):
    """Ctrl-C comes to the thread that waits for this."""

    def wait(self, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt


def test_ctrl_c_while_it_opens_leaves_nothing_behind(
    anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(*arguments: Any) -> Any:
        running = real(*arguments)
        running.ready = _Interrupted()
        return running

    real = blocking._Running
    monkeypatch.setattr(blocking, "_Running", opening)
    with pytest.raises(KeyboardInterrupt), runs(anna):
        raise AssertionError("the block must not be entered")
    open_home(anna).close()


# ---- other event loops
def test_asyncio_goes_on_while_it_waits(node: BlockingNode) -> None:
    async def app() -> list[str]:
        watcher = await asyncio.to_thread(node.board.watch)
        waiting = asyncio.create_task(asyncio.to_thread(watcher.take, PATIENCE))
        written = await asyncio.gather(
            *(asyncio.to_thread(node.board.add_need, f"Need {number}") for number in range(3))
        )
        first = await waiting
        assert first is not None
        assert first.id in {row.id for row in written}
        with pytest.raises(NotFound):
            await asyncio.to_thread(node.board.show, "0123456789")
        return titles(node)

    assert asyncio.run(app()) == ["Need 0", "Need 1", "Need 2"]


def test_asyncio_takes_no_event_without_an_end(node: BlockingNode) -> None:
    async def app() -> list[object]:
        watcher = await asyncio.to_thread(node.board.watch)
        return [await asyncio.to_thread(watcher.take, 0.0) for _ in range(2)]

    assert asyncio.run(app()) == [None, None]
