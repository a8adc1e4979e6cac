"""The control socket: one result by either way, and nothing that is said to it harms the node."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from meshaid import commands, control, limits
from meshaid.control_server import serve_control
from meshaid.desk import Desk
from meshaid.errors import (
    Ambiguous,
    BusyError,
    InvalidInput,
    MeshaidError,
    NotFound,
    NotReachable,
    RefusedByTrust,
    StoreFull,
)
from meshaid.opening import open_home
from tests.shell.street import NOON, Resident, Street


@pytest.fixture
def anna(street: Street) -> Path:
    """The founder's home, with something on its board."""
    home = street.found("Anna")
    for title in ("Water", "Bread"):
        street.do(home, "add", {"kind": "need", "fields": {"title": title}})
    return home


async def ask(home: Path, verb: str, arguments: dict[str, Any], now: int | None = NOON) -> Any:
    """Ask as the command line does, from a thread."""
    return await trio.to_thread.run_sync(
        partial(control.ask, home, verb, arguments, now, timeout=30.0)
    )


async def answer(home: Path, line: bytes) -> Any:
    """Say anything to the socket; what comes back."""

    def talk() -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mouth:
            mouth.settimeout(30.0)
            mouth.connect(str(home / control.SOCKET))
            mouth.sendall(line)
            mouth.shutdown(socket.SHUT_WR)
            return b"".join(iter(partial(mouth.recv, 65_536), b""))

    return json.loads(await trio.to_thread.run_sync(talk))


# ---- one result by either way
@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("board", {}),
        ("board", {"kind": "need", "text": "water"}),
        ("show", {"ref": "Water"}),
        ("heading", {}),
        ("export", {"member": "me", "format": "jsonl"}),
        ("export", {"member": "me", "format": "automerge"}),
        ("board", {"kind": "nothing"}),
        ("edit", {"ref": "zzzz", "fields": {}}),
        ("edit", {"fields": {}}),
        ("export", {"member": "nobody", "format": "jsonl"}),
        ("no such verb", {}),
    ],
)
async def test_both_ways_give_the_same(
    street: Street, anna: Path, verb: str, arguments: dict[str, Any]
) -> None:
    def directly() -> Any:
        with open_home(anna) as opened:
            return commands.execute(Desk(opened.replica, random=os.urandom), verb, arguments, NOON)

    alone = outcome(directly)
    async with street.runs(anna):
        through = await trio.to_thread.run_sync(
            outcome, partial(control.ask, anna, verb, arguments, NOON, timeout=30.0)
        )
    assert through == alone


def outcome(call: Any) -> Any:
    """The result, or the error's class and text."""
    try:
        return call()
    except MeshaidError as error:
        return type(error), str(error)


async def test_what_only_a_node_can_do(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben) as guest:
        status = await ask(anna, "status", {})
        assert status["listening"] == [host.address]
        assert status["peers"] == (await ask(anna, "peers", {}))["peers"] == []
        told = await ask(ben, "sync", {"address": host.address, "timeout": 30.0})
        assert told["equal"] is True
        assert await ask(anna, "offline", {}) == {"online": False}
        with pytest.raises(NotReachable):
            await ask(ben, "sync", {"address": guest.address[:-1] + "0", "timeout": 5.0})
        assert await ask(anna, "online", {}) == {"online": True}
        assert (await ask(anna, "status", {}))["listening"] == [host.address]


async def test_the_time_is_that_of_the_call(street: Street, anna: Path) -> None:
    async with street.runs(anna):
        later = NOON + 80 * 3_600
        assert len((await ask(anna, "board", {}))["records"]) == 2
        assert (await ask(anna, "board", {}, later))["records"] == []
        assert len((await ask(anna, "board", {}, None))["records"]) == 2


async def test_many_ask_at_once(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        add = {"kind": "offer", "fields": {"title": "Tea"}}
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask, anna, "add", add)
                nursery.start_soon(ask, anna, "board", {})
        assert (await host.titles()).count("Tea") == 10


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("say it otherwise"),
        NotFound("there is none"),
        RefusedByTrust("not you"),
        StoreFull("no room"),
        Ambiguous("two of them", ("abc", "abe")),
        InvalidInput(fields={"title": "is too long"}),
        NotFound(fields={"to": "nobody"}),
        Ambiguous(matches=("abc", "abe"), fields={"to": "two of them"}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_as_themselves(error: MeshaidError) -> None:
    told = json.loads(control.encode(control.encode_error(error)))
    back = control.decode_error(told)
    assert (type(back), str(back)) == (type(error), str(error))
    for told_too in ("matches", "fields"):
        assert getattr(back, told_too, ()) == getattr(error, told_too, ())


@pytest.mark.parametrize("name", ["NoSuchError", "MeshaidError", "annotations", "ProtocolError", 5])
def test_an_unknown_error_is_still_one_of_ours(name: object) -> None:
    back = control.decode_error({"class": name, "message": "told by a newer node"})
    assert (type(back), str(back)) == (MeshaidError, "told by a newer node")


# ---- where it is
async def test_the_socket_is_the_owners_alone(street: Street, anna: Path) -> None:
    async with street.runs(anna):
        mode = (anna / control.SOCKET).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (anna / control.SOCKET).exists()


async def test_a_home_deep_down(tmp_path: Path) -> None:
    """Socket addresses end at 108 bytes; homes need not."""
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    street = Street(deep)
    home = street.found("Anna")
    assert len(os.fsencode(home / control.SOCKET)) > 108
    async with street.runs(home) as host:
        assert (await ask(home, "status", {}))["listening"] == [host.address]
    with pytest.raises(control.NoNode):
        await ask(home, "status", {})


async def test_what_a_killed_node_left_behind(street: Street, anna: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(anna / control.SOCKET))
    with pytest.raises(control.NoNode):
        await ask(anna, "board", {})
    (anna / control.PORT).write_text("1 0123456789abcdef")
    with pytest.raises(control.NoNode):
        await ask(anna, "board", {})
    async with street.runs(anna):
        assert not (anna / control.PORT).exists()
        assert len((await ask(anna, "board", {}))["records"]) == 2


async def test_no_node_at_all(anna: Path, tmp_path: Path) -> None:
    for folder in (anna, tmp_path / "nowhere"):
        with pytest.raises(control.NoNode):
            await ask(folder, "board", {})


# ---- on the loopback interface, where there are no Unix sockets
@contextmanager
def on_loopback(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(control, "listening", partial(control.listening, unix=False))
        yield


async def echo(verb: str, arguments: Any, now: int | None, tell: Any) -> dict[str, Any]:
    return {"verb": verb, "arguments": arguments, "now": now}


async def test_a_port_with_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_loopback(tmp_path, monkeypatch):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_control, tmp_path, echo)
            file = tmp_path / control.PORT
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            asked = await ask(tmp_path, "board", {"kind": "need"})
            assert asked == {"verb": "board", "arguments": {"kind": "need"}, "now": NOON}
            port, token = file.read_text().split()
            for wrong in ("", "0" * len(token), token[:-1], token.upper() + "!"):
                file.write_text(f"{port} {wrong or 'x'}")
                with pytest.raises(InvalidInput, match="no request"):
                    await ask(tmp_path, "board", {})
            nursery.cancel_scope.cancel()
    assert not file.exists()


@pytest.mark.parametrize("token", [None, "", 7, ["x"], "\xf6", "\ud800"])
async def test_a_token_of_any_kind_that_is_not_the_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: object
) -> None:
    """Any user of this computer reaches the port; only who may read the home has the token."""
    with on_loopback(tmp_path, monkeypatch):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_control, tmp_path, echo)
            port = int((tmp_path / control.PORT).read_text().split()[0])
            async with await trio.open_tcp_stream("127.0.0.1", port) as mouth:
                asked = {"verb": "board", "arguments": {}, "now": None, "token": token}
                await mouth.send_all(control.encode(asked))
                told = b"".join([piece async for piece in mouth])
            assert json.loads(told)["error"]["class"] == "InvalidInput"
            assert (await ask(tmp_path, "board", {}))["verb"] == "board"
            nursery.cancel_scope.cancel()


async def test_a_node_that_ends_while_somebody_waits_for_it(street: Street, anna: Path) -> None:
    """Whoever asked is told what to do; the node does not wait."""
    told_so = []

    async def ask_in_vain(address: str) -> None:
        with pytest.raises(BusyError, match="look at the board") as raised:
            await ask(anna, "sync", {"address": address, "timeout": 30.0})
        told_so.append(raised.value)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with trio.open_nursery() as nursery, street.runs(anna):
            nursery.start_soon(ask_in_vain, f"127.0.0.1:{silent.getsockname()[1]}")
            connection, _ = await trio.to_thread.run_sync(silent.accept)
        connection.close()
    assert told_so


@pytest.mark.parametrize("text", ["", "7117", "seven token", "7 1 1 7", "99999999 token", "\xff"])
def test_a_port_file_that_is_damaged_is_no_node(tmp_path: Path, text: str) -> None:
    (tmp_path / control.PORT).write_bytes(text.encode("latin-1"))
    with pytest.raises(control.NoNode):
        control.ask(tmp_path, "board", {}, None, timeout=5.0)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 400 Bad Request\r\n", b'{"result"', b"[]\n", b"5\n", b"{}\n"]
)
def test_another_program_at_that_port(tmp_path: Path, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / control.PORT).write_text(f"{server.getsockname()[1]} token")

        def be_somebody_else() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        other = threading.Thread(target=be_somebody_else)
        other.start()
        with pytest.raises(BusyError, match="does not answer"):
            control.ask(tmp_path, "board", {}, None, timeout=5.0)
        other.join()


def test_a_node_that_stands_still(tmp_path: Path) -> None:
    with control.listening(tmp_path), pytest.raises(BusyError, match="does not answer"):
        control.ask(tmp_path, "board", {}, None, timeout=0.05)


# ---- whatever is said to it
LONE = "half of a pair: \ud800"
HUGE = 10**40


def request(verb: Any, arguments: Any, now: Any = NOON) -> bytes:
    return json.dumps({"verb": verb, "arguments": arguments, "now": now}).encode() + b"\n"


def need(**fields: Any) -> bytes:
    return request("add", {"kind": "need", "fields": fields})


HOSTILE = {
    "nothing": b"",
    "no end": b'{"verb"',
    "no JSON": b"GET / HTTP/1.1\n",
    "a list": b"[1]\n",
    "null": b"null\n",
    "half a request": b'{"verb":"board"}\n',
    "deep": b"[" * 200_000 + b"\n",
    "no text": b"\xff\xfe\n",
    "verb of another type": request(5, {}),
    "arguments of another type": request("board", []),
    "no such verb": request(LONE, {}),
    "sync with nobody": request("sync", {}),
    "sync for ever": b'{"verb":"sync","arguments":{"address":"h:1","timeout":NaN},"now":1}\n',
    "sync by another type": request("sync", {"address": "h:1", "timeout": "5"}),
    "sync with no address": request("sync", {"address": LONE, "timeout": 5}),
    "a list for a title": need(title=[1]),
    "a far time": need(title="x", expires_at=HUGE),
    "an infinite amount": need(title="x", quantity=float("inf")),
    "no amount": need(title="x", quantity=float("nan")),
    "an unknown field": need(title="x", **{LONE: "y"}),
    "a far term": request("add", {"kind": "need", "fields": {"title": "x"}, "expires": HUGE}),
    "now is far away": request("add", {"kind": "need", "fields": {"title": "x"}}, HUGE),
    "an invite for ever": request("invite", {"uses": 1, "expires": HUGE}),
    "an invite for all": request("invite", {"uses": HUGE}),
    "an invite for nobody": request("invite", {"kinds": [LONE]}),
    "an invite for numbers": request("invite", {"kinds": [5]}),
    "an invite to nowhere": request("invite", {"addresses": [LONE]}),
    "a table that is none": request("import", {"data": LONE}),
    "an export of nobody": request("export", {"member": LONE, "format": "jsonl"}),
    "a reference to nothing": request("edit", {"ref": LONE, "fields": {}}),
    "a close without a reason": request("close", {"ref": "x"}),
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=list(HOSTILE))
async def test_every_answer_is_an_error_and_the_node_runs_on(
    street: Street, anna: Path, line: bytes
) -> None:
    async with street.runs(anna) as host:
        told = (await answer(anna, line))["error"]
        assert told["class"] in ("InvalidInput", "NotFound", "NotReachable")
        assert told["message"]
        assert await host.titles() == ["Bread", "Water"]


async def test_half_of_a_pair_is_written_as_a_replacement(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        assert "result" in await answer(anna, need(title=LONE))
        assert "half of a pair: \ufffd" in await host.titles()
        assert "result" in await answer(anna, request("board", {"text": LONE}))


async def test_too_much_for_one_request(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CONTROL_BYTES", 100_000)
    async with street.runs(anna) as host:
        with pytest.raises(BusyError):
            await ask(anna, "board", {"text": "x" * 10_000_000})
        assert await host.titles() == ["Bread", "Water"]


async def test_who_asks_and_goes_away(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        for _ in range(20):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mouth:
                mouth.connect(str(anna / control.SOCKET))
                mouth.sendall(need(title="Tea"))
        await street.until(partial(has_teas, host, 20))


async def has_teas(host: Resident, count: int) -> bool:
    return (await host.titles()).count("Tea") == count
