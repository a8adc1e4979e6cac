"""An open node: how it begins and ends, what it tells, and that it leaves nothing behind."""

from __future__ import annotations

import gc
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from meshaid import control, network
from meshaid.board_face import Watcher
from meshaid.errors import (
    BusyError,
    InvalidInput,
    MeshaidInternalError,
    NotReachable,
    StoreFull,
)
from meshaid.events import (
    PeerInSync,
    PeerLost,
    RecordAdded,
    RecordChanged,
    RecordRemoved,
    StoreTrouble,
    WentOffline,
    WentOnline,
)
from meshaid.node import Node
from meshaid.opening import open_home
from tests.shell.street import Resident, Street


class SpilledTea(Exception):
    """Something that goes wrong in an app."""


def descriptors() -> set[str]:
    """The sockets and files that this process has open."""
    gc.collect()
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{entry.name} {entry.readlink()}")
        except FileNotFoundError:  # the folder's own, which is closed by now
            continue
    return found


@contextmanager
def nothing_left(home: Path) -> Iterator[None]:
    """Around a node: no socket, file or task stays, and the home can be opened at once."""
    before, tasks = descriptors(), trio.lowlevel.current_statistics().tasks_living
    yield
    assert descriptors() == before
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert not (home / control.SOCKET).exists()
    open_home(home).close()


@pytest.fixture
def anna(street: Street) -> Path:
    """The founder's home."""
    return street.found("Anna")


@pytest.fixture(autouse=True, scope="module")
def warm_up(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the first node of a process opens for good (trio's wake-up socket, imports)."""

    async def once() -> None:
        street = Street(tmp_path_factory.mktemp("warm"))
        async with street.runs(street.found("Anna")):
            pass

    trio.run(once)


# ---- beginning
async def test_a_taken_port_is_told_and_nothing_stays(street: Street, anna: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with nothing_left(anna), pytest.raises(BusyError, match=f"{address}.*--listen"):
            async with street.runs(anna, listen=address):
                pass


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "no.such.name.invalid:0"])
async def test_an_address_of_somebody_else(street: Street, anna: Path, listen: str) -> None:
    with nothing_left(anna), pytest.raises(InvalidInput, match="--listen"):
        async with street.runs(anna, listen=listen):
            pass


@pytest.mark.parametrize("options", [{"listen": "somewhere"}, {"peers": ["somewhere"]}])
async def test_no_address_at_all(street: Street, anna: Path, options: dict[str, Any]) -> None:
    with nothing_left(anna), pytest.raises(InvalidInput, match="HOST:PORT"):
        async with street.runs(anna, **options):
            pass


async def test_a_home_has_one_node(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshaid.limits.LOCK_SECONDS", 0.01)
    async with street.runs(anna):
        with pytest.raises(BusyError):
            async with street.runs(anna):
                pass


async def test_the_port_stays_the_same(street: Street, anna: Path) -> None:
    async with street.runs(anna) as first:
        port = first.address
    async with street.runs(anna) as again:
        assert again.address == port


async def test_another_port_where_that_of_last_time_is_taken(street: Street, anna: Path) -> None:
    async with street.runs(anna) as first:
        host, _, port = first.address.rpartition(":")
    with socket.create_server((host, int(port))):
        async with street.runs(anna) as again:
            assert again.address != f"{host}:{port}"
            assert again.address.startswith("127.0.0.1:")


# ---- ending
async def test_an_error_of_the_body_comes_out_as_itself(street: Street, anna: Path) -> None:
    with nothing_left(anna), pytest.raises(SpilledTea) as raised:
        await spill_tea(street, anna)
    assert raised.value.__cause__ is None


async def spill_tea(street: Street, home: Path, *peers: Resident) -> None:
    """An app that fails; where there are peers, in the middle of a meeting."""
    async with street.runs(home, *peers) as guest:
        for _ in peers:
            await guest.hears(PeerInSync)
        raise SpilledTea


async def test_it_does_so_while_a_peer_is_connected(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    with nothing_left(ben):
        async with street.runs(anna) as host:
            with pytest.raises(SpilledTea):
                await spill_tea(street, ben, host)
            assert (await host.hears(PeerLost)).reason == "leaving"


async def test_a_group_of_the_body_comes_out_as_it_is(street: Street, anna: Path) -> None:
    own = ExceptionGroup("the app's own", [SpilledTea(), ValueError()])
    with pytest.raises(ExceptionGroup) as raised:
        async with street.runs(anna):
            raise own
    assert raised.value is own


async def test_a_failure_inside_is_told_as_a_bug(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise SpilledTea

    monkeypatch.setattr("meshaid.network.Network._accept", fail)
    with nothing_left(anna), pytest.raises(MeshaidInternalError) as raised:
        await be_called_on(street, anna)
    cause = raised.value.__cause__
    assert isinstance(cause, BaseExceptionGroup)
    assert cause.split(SpilledTea)[1] is None


async def be_called_on(street: Street, home: Path) -> None:
    """Run until somebody's connection has ended it."""
    async with street.runs(home) as host, await call_on(host):
        await trio.sleep_forever()


async def call_on(host: Resident) -> trio.SocketStream:
    """A connection of somebody who says nothing."""
    return await trio.open_tcp_stream(*host_and_port(host.address))


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@pytest.mark.parametrize("moment", ["before", "open", "in a meeting"])
async def test_cancelled_at_any_moment(street: Street, anna: Path, moment: str) -> None:
    ben = street.join("Ben", anna)
    with nothing_left(anna):
        async with street.runs(ben) as guest:
            with trio.CancelScope() as scope:
                if moment == "before":
                    scope.cancel()
                async with street.runs(anna, guest) as host:
                    if moment == "in a meeting":
                        await host.hears(PeerInSync)
                        await guest.hears(PeerInSync)
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
            assert scope.cancelled_caught
            if moment == "in a meeting":
                assert (await guest.hears(PeerLost)).reason == "leaving"


async def test_cancelled_while_it_opens_its_port(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nothing_left(anna), trio.CancelScope() as scope:
        cancel_after(monkeypatch, scope, "open_listeners")
        async with street.runs(anna):
            raise AssertionError("it was cancelled before")
    assert scope.cancelled_caught


async def test_cancelled_while_it_dials(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = street.join("Ben", anna)
    with nothing_left(anna):
        async with street.runs(ben) as guest:
            with trio.CancelScope() as scope:
                cancel_after(monkeypatch, scope, "dial")
                async with street.runs(anna, guest):
                    await trio.sleep_forever()
            assert scope.cancelled_caught


def cancel_after(monkeypatch: pytest.MonkeyPatch, scope: trio.CancelScope, name: str) -> None:
    """Cancel at the moment in which this function of the network has a socket open."""
    real = getattr(network, name)

    async def and_cancel(*args: object) -> object:
        opened = await real(*args)
        scope.cancel()
        return opened

    monkeypatch.setattr(network, name, and_cancel)


async def test_what_was_acknowledged_before_a_cancellation_is_there(
    street: Street, anna: Path
) -> None:
    acknowledged: list[str] = []

    async def write(node: Node) -> None:
        while True:
            acknowledged.append((await node.board.add_need("Water")).id)
            if len(acknowledged) == 30:
                scope.cancel()

    with nothing_left(anna), trio.CancelScope() as scope:
        async with street.runs(anna) as host, trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(write, host.node)
    written = [row["id"] for row in street.do(anna, "board", {})["records"]]
    assert set(acknowledged) <= set(written)
    assert len(written) <= len(acknowledged) + 4


# ---- the board
async def test_writing_and_reading(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        board = host.node.board
        need = await board.add_need("Insulin", quantity=2, unit="vial", urgency="today")
        await board.add_offer("Tea")
        await board.add_notice("The bridge is closed", topic="hazard", source="own_eyes")
        assert await host.titles() == ["Insulin", "Tea", "The bridge is closed"]
        edited = await board.edit(need.record.text("ref"), quantity=3)
        assert edited.as_json()["quantity"] == "3"
        assert (await board.show(need.id)).as_json() == edited.as_json()
        await board.close(need.id, "received")
        assert await host.titles() == ["Tea", "The bridge is closed"]
        with pytest.raises(InvalidInput, match="colour"):
            await board.add_need("Water", colour="blue")
        assert host.node.statistics()["sessions"] == 0


async def test_watching(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        watcher = host.node.board.watch()
        need = await host.node.board.add_need("Water")
        added = await street.next_of(watcher)
        await host.node.board.edit(need.id, title="Drinking water")
        changed = await street.next_of(watcher)
    assert (type(added), added.id) == (RecordAdded, need.id)
    assert isinstance(added, RecordAdded)
    assert added.row.as_json()["title"] == "Water"
    assert isinstance(changed, RecordChanged)
    assert (changed.id, changed.row.as_json()["title"]) == (need.id, "Drinking water")
    assert changed.lagged is False


async def test_a_known_record_is_changed_after_a_restart_too(street: Street, anna: Path) -> None:
    ref = street.do(anna, "add", {"kind": "need", "fields": {"title": "Water"}})["ref"]
    async with street.runs(anna) as host:
        watcher = host.node.board.watch()
        await host.node.board.edit(ref, title="Tea")
        assert isinstance(await street.next_of(watcher), RecordChanged)


async def test_the_records_of_a_removed_member_leave(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    street.do(ben, "add", {"kind": "need", "fields": {"title": "Soup"}})
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        await street.equal(host, guest)
        watcher = host.node.board.watch()
        (soup,) = await host.node.board.records()
        await street.remove(host, guest)
        gone = await street.next_of(watcher)
        assert isinstance(gone, RecordRemoved)
        assert gone.id == soup.id
        assert await host.titles() == []
        assert (await guest.hears(PeerLost)).reason == "removed"


async def test_who_watches_a_need_is_told_of_what_others_say_about_it(
    street: Street, anna: Path
) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        need = await host.node.board.add_need("Water", quantity=40, unit="L")
        await street.equal(host, guest)
        watcher = host.node.board.watch()

        pledge = await guest.node.board.pledge(need.id, quantity=15)
        told = [await street.next_of(watcher), await street.next_of(watcher)]
        assert [(type(event), event.id) for event in told] == [
            (RecordAdded, pledge.row.id),
            (RecordChanged, need.id),
        ]
        assert isinstance(told[1], RecordChanged)
        assert told[1].row.as_json()["promised"] == "15"

        receipt = await host.node.board.receive(pledge.row.id)
        told = [await street.next_of(watcher) for _ in range(3)]
        assert {(type(event), event.id) for event in told} == {
            (RecordAdded, receipt.row.id),
            (RecordChanged, need.id),
            (RecordChanged, pledge.row.id),
        }

        await guest.node.board.flag(need.id, "seems_done")
        told = [await street.next_of(watcher), await street.next_of(watcher)]
        assert [(type(event)) for event in told] == [RecordAdded, RecordChanged]
        assert isinstance(told[1], RecordChanged)
        assert "seems_done" in told[1].row.marks


async def test_what_a_removed_member_promised_is_told_to_be_open_again(
    street: Street, anna: Path
) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        need = await host.node.board.add_need("Water", quantity=40, unit="L")
        await street.equal(host, guest)
        pledge = await guest.node.board.pledge(need.id)
        await street.equal(host, guest)
        watcher = host.node.board.watch()
        await street.remove(host, guest)
        told = {(event := await street.next_of(watcher)).id: event for _ in range(2)}
        assert isinstance(told[pledge.row.id], RecordRemoved)
        changed = told[need.id]
        assert isinstance(changed, RecordChanged)
        assert changed.row.status == "open"


async def test_who_watches_slowly_is_told_of_the_gap() -> None:
    watcher = Watcher(size=3)
    for number in range(5):
        watcher.put(RecordRemoved(str(number)))
    told = [await anext(watcher) for _ in range(3)]
    assert [(event.id, event.lagged) for event in told] == [
        ("2", True),
        ("3", False),
        ("4", False),
    ]


async def test_a_watcher_that_nobody_holds_is_forgotten(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        watcher = host.node.board.watch()
        assert host.node.board.watched
        del watcher
        gc.collect()
        assert not host.node.board.watched


# ---- offline and online
async def test_offline_and_online(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        await guest.hears(PeerInSync)
        address = host.address
        await host.node.offline()
        await host.node.offline()
        assert host.node.listening == ()
        assert host.node.statistics()["sessions"] == 0
        assert (await guest.hears(PeerLost)).reason == "leaving"
        with pytest.raises(NotReachable):
            await guest.node.sync(address)
        await host.node.board.add_need("Water")
        await host.node.online()
        await host.node.online()
        assert host.address == address
        assert await guest.node.sync(address) == {
            "digest": await host.digest(),
            "equal": True,
            "reason": "equal",
        }
        assert await guest.titles() == ["Water"]
    assert len(host.events(WentOnline)) == 1


async def test_the_last_wish_counts(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        await host.node.offline()
        for wishes in ("+-", "+-+", "-+-"):
            async with trio.open_nursery() as nursery:
                for wish in wishes:
                    await started(nursery, host.node.online if wish == "+" else host.node.offline)
            assert bool(host.node.listening) is wishes.endswith("+")


async def started(nursery: trio.Nursery, call: Callable[[], Awaitable[None]]) -> None:
    """Start a call, and let it begin before anybody else does anything."""

    async def begin(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await call()

    await nursery.start(begin)


async def test_a_port_that_was_asked_for_and_taken_meanwhile(street: Street, anna: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        asked = f"127.0.0.1:{free.getsockname()[1]}"
    async with street.runs(anna, listen=asked) as host:
        await host.node.offline()
        with socket.create_server(host_and_port(asked)):
            with pytest.raises(BusyError, match="--listen"):
                await host.node.online()
            assert host.node.listening == ()
        await host.node.online()
        assert host.node.listening == (asked,)


async def test_any_port_where_none_was_asked_for(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        before = host.address
        await host.node.offline()
        with socket.create_server(host_and_port(before)):
            await host.node.online()
            assert host.address != before


async def test_ending_while_offline(street: Street, anna: Path) -> None:
    with nothing_left(anna):
        async with street.runs(anna) as host:
            await host.node.offline()
    assert host.events(WentOffline)
    await host.node.offline()


# ---- trouble with the disk
async def test_a_full_disk_ends_neither_node_nor_meeting(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written down beside the board (who was met, the port) is done without."""
    ben = street.join("Ben", anna)
    with monkeypatch.context() as patch:
        patch.setattr("meshaid.store.Store.put_meeting", disk_is_full)
        patch.setattr("meshaid.store.Store.put_setting", disk_is_full)
        async with street.runs(anna) as host, street.runs(ben, host) as guest:
            await street.equal(host, guest)
            await host.hears(StoreTrouble, 2)
            assert host.node.statistics()["sessions"] == 1


def disk_is_full(*_: object) -> None:
    raise StoreFull("the disk is full")


async def test_what_could_not_be_written_is_asked_for_again(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        await street.equal(host, guest)
        with monkeypatch.context() as patch:
            patch.setattr("meshaid.core.replica.Replica.receive", disk_is_full)
            await host.node.board.add_need("Water")
            await guest.hears(StoreTrouble)
        await street.equal(host, guest)
        assert await guest.titles() == ["Water"]
