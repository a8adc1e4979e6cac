"""The control socket: a question put to a running node, on sockets of both kinds."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from meshaid import control, control_server, errors, limits
from meshaid.errors import Ambiguous, BusyError, InvalidInput, MeshaidError, NotFound, StoreFull
from tests.shell.street import NOON, PATIENCE, Street

unix_only = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets"
)
KINDS = [pytest.param(True, marks=unix_only, id="unix"), pytest.param(False, id="loopback")]


class Served:
    """A control socket that is served in the background, and what it was asked."""

    def __init__(self, folder: Path, answer: Callable[..., Any]) -> None:
        self.folder = folder
        self.asked: list[tuple[str, dict[str, Any], int | None]] = []
        self._answer = answer

    async def execute(self, verb: str, arguments: Mapping[str, Any], now: int | None) -> Any:
        self.asked.append((verb, dict(arguments), now))
        return await self._answer(verb)

    async def ask(self, verb: str, now: int | None = None, **arguments: Any) -> dict[str, Any]:
        """What the command line does, on a thread of its own."""
        question = partial(control.ask, self.folder, verb, arguments, now, timeout=PATIENCE)
        with trio.fail_after(PATIENCE):
            return await trio.to_thread.run_sync(question)

    async def say(self, words: bytes) -> dict[str, Any]:
        """The answer to a line that a stranger's program made up."""
        with trio.fail_after(PATIENCE):
            return await trio.to_thread.run_sync(self._say, words)

    def _say(self, words: bytes) -> dict[str, Any]:
        with control._connected(self.folder, PATIENCE) as (connection, _):
            connection.sendall(words)
            connection.shutdown(socket.SHUT_WR)
            return control._read_line(connection)


async def echo(verb: str) -> dict[str, Any]:
    await trio.lowlevel.checkpoint()
    return {"verb": verb}


@pytest.fixture(params=KINDS)
def unix(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Which kind of socket the server opens in this test."""
    kind: bool = request.param
    monkeypatch.setattr(control, "listening", partial(control.listening, unix=kind))
    return kind


@pytest.fixture(params=["short", "long"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A home's folder; the long one is longer than the address of a Unix socket may be."""
    path = tmp_path / "home"
    if request.param == "long":
        path = tmp_path.joinpath(*["a folder with a long name, " * 4] * 2, "home")
        assert len(os.fsencode(path)) > 200
    path.mkdir(parents=True)
    return path


async def serve(nursery: trio.Nursery, served: Served) -> None:
    await nursery.start(control_server.serve_control, served.folder, served.execute)


# ---- questions and answers
async def test_what_was_asked_and_what_was_answered(
    unix: bool, folder: Path, nursery: trio.Nursery
) -> None:
    served = Served(folder, echo)
    await serve(nursery, served)
    assert await served.ask("board", NOON, text="Wäsche \U0001f6b0 \ud800", limit=3) == {
        "verb": "board"
    }
    assert await served.ask("status") == {"verb": "status"}
    assert served.asked == [
        ("board", {"text": "Wäsche \U0001f6b0 \ud800", "limit": 3}, NOON),
        ("status", {}, None),
    ]


async def test_an_answer_of_many_pieces(unix: bool, folder: Path, nursery: trio.Nursery) -> None:
    async def long(_: str) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {"text": "so many words\n" * 100_000}

    served = Served(folder, long)
    await serve(nursery, served)
    assert await served.ask("board", data="x" * 1_000_000) == await long("")
    assert len(served.asked[0][1]["data"]) == 1_000_000


@pytest.mark.parametrize(
    "error",
    [
        NotFound("nothing of that name"),
        Ambiguous("two fit", ("C-12", "C-13")),
        StoreFull("the disk is full"),
        errors.NotReachable("nobody answers"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_comes_out_as_its_own_class(
    unix: bool, folder: Path, nursery: trio.Nursery, error: MeshaidError
) -> None:
    async def fail(_: str) -> None:
        await trio.lowlevel.checkpoint()
        raise error

    served = Served(folder, fail)
    await serve(nursery, served)
    with pytest.raises(MeshaidError) as raised:
        await served.ask("show", ref="C-1")
    assert type(raised.value) is type(error)
    assert str(raised.value) == str(error)
    assert getattr(raised.value, "matches", None) == getattr(error, "matches", None)


@pytest.mark.parametrize("name", ["NoSuchError", "annotations", "__doc__"])
def test_an_error_that_this_version_does_not_know(name: str) -> None:
    error = control.decode_error({"class": name, "message": "something of tomorrow"})
    assert type(error) is MeshaidError
    assert str(error) == "something of tomorrow"


async def test_one_slow_question_holds_nobody_up(
    unix: bool, folder: Path, nursery: trio.Nursery
) -> None:
    asked, free = trio.Event(), trio.Event()

    async def answer(verb: str) -> dict[str, Any]:
        if verb == "sync":
            asked.set()
            await free.wait()
        return {"verb": verb}

    served = Served(folder, answer)
    await serve(nursery, served)
    slow: list[dict[str, Any]] = []

    async def ask_slowly() -> None:
        slow.append(await served.ask("sync"))
        free.set()

    async with trio.open_nursery() as inner:
        inner.start_soon(ask_slowly)
        await asked.wait()
        assert await served.ask("status") == {"verb": "status"}
        assert slow == []
        free.set()
    assert slow == [{"verb": "sync"}]


# ---- who asks badly
@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'"board"\n',
        b"{}\n",
        b'{"verb": 3, "arguments": {}, "now": null}\n',
        b'{"verb": "board", "arguments": [], "now": null}\n',
        b'{"verb": "board", "arguments": {}, "now": null}',
        b"[" * 100_000 + b"\n",
    ],
)
async def test_what_is_no_request(
    folder: Path, nursery: trio.Nursery, words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(folder, echo)
    await serve(nursery, served)
    answer = await served.say(words)
    assert answer["error"]["class"] == "InvalidInput"
    assert served.asked == []
    assert await served.ask("status") == {"verb": "status"}


async def test_a_request_that_never_ends(
    folder: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CONTROL_BYTES", 1_000)
    served = Served(folder, echo)
    await serve(nursery, served)
    answer = await served.say(b"x" * 2_000)
    assert answer["error"]["class"] == "InvalidInput"
    assert await served.ask("status") == {"verb": "status"}


async def test_who_asks_and_goes_away(unix: bool, folder: Path, nursery: trio.Nursery) -> None:
    """What was asked for is done all the same, and the next one is answered."""
    asked, gone, done = trio.Event(), trio.Event(), trio.Event()

    async def answer(verb: str) -> dict[str, Any]:
        if verb == "add":
            asked.set()
            await gone.wait()
            done.set()
        return {"text": "x" * 3_000_000}

    served = Served(folder, answer)
    await serve(nursery, served)
    with control._connected(folder, PATIENCE) as (connection, token):
        request: Any = {"verb": "add", "arguments": {}, "now": None, "token": token}
        connection.sendall(control.encode(request))
        with trio.fail_after(PATIENCE):
            await asked.wait()
    gone.set()
    with trio.fail_after(PATIENCE):
        await done.wait()
    assert len((await served.ask("status"))["text"]) == 3_000_000


# ---- who may ask
@pytest.mark.parametrize("token", [None, "", "0" * 32, 7, ["x"], "ö"])
async def test_the_loopback_port_answers_only_who_has_the_token(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, token: object
) -> None:
    """Any user of this computer reaches the port; only who may read the home has the token."""
    monkeypatch.setattr(control, "listening", partial(control.listening, unix=False))
    served = Served(tmp_path, echo)
    await serve(nursery, served)
    request = {"verb": "board", "arguments": {}, "now": None, "token": token}
    answer = await served.say(control.encode(request))
    assert answer["error"]["class"] == "InvalidInput"
    assert served.asked == []
    assert await served.ask("board") == {"verb": "board"}


@pytest.mark.skipif(os.name != "posix", reason="permissions of files are a part of POSIX")
def test_only_its_owner_may_use_it(unix: bool, folder: Path) -> None:
    name = control.SOCKET if unix else control.PORT
    before = os.umask(0)
    try:
        with control.listening(folder):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_each_start_has_another_token(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(3):
        with control.listening(tmp_path, unix=False) as (_, token):
            tokens.add(token)
    assert len(tokens) == 3


# ---- where no node runs
def ask(folder: Path) -> dict[str, Any]:
    return control.ask(folder, "status", {}, None, timeout=PATIENCE)


def test_nobody_was_ever_there(folder: Path) -> None:
    with pytest.raises(control.NoNode):
        ask(folder)
    with pytest.raises(control.NoNode):
        ask(folder / "no such home")


def test_nothing_stays_behind(unix: bool, folder: Path) -> None:
    with control.listening(folder):
        assert len(list(folder.iterdir())) == 1
    assert list(folder.iterdir()) == []
    with pytest.raises(control.NoNode):
        ask(folder)


def leave_behind(folder: Path, *, unix: bool) -> None:
    """What a node that was killed leaves: the file, and nobody behind it."""
    with control.listening(folder, unix=unix):
        name = control.SOCKET if unix else control.PORT
        (folder / name).rename(folder / "kept")
    (folder / "kept").rename(folder / name)


@pytest.mark.parametrize("left", KINDS)
def test_what_a_killed_node_left_is_no_node(folder: Path, left: bool) -> None:
    leave_behind(folder, unix=left)
    with pytest.raises(control.NoNode):
        ask(folder)


@pytest.mark.parametrize("left", KINDS)
async def test_the_next_node_takes_its_place(
    unix: bool, left: bool, folder: Path, nursery: trio.Nursery
) -> None:
    """Also where the killed one had a socket of the other kind."""
    leave_behind(folder, unix=left)
    served = Served(folder, echo)
    await serve(nursery, served)
    assert await served.ask("status") == {"verb": "status"}


@pytest.mark.parametrize(
    "words", ["", "7117", "seven " + "0" * 32, "99999 " + "0" * 32, "7117 00 ff"]
)
def test_a_damaged_port_file_is_no_node(tmp_path: Path, words: str) -> None:
    (tmp_path / control.PORT).write_text(words)
    with pytest.raises(control.NoNode):
        ask(tmp_path)


@pytest.fixture
def mute(folder: Path) -> Iterator[socket.socket]:
    """A control socket that accepts and says nothing."""
    with control.listening(folder) as (listener, _):
        yield listener


def test_a_node_that_does_not_answer(folder: Path, mute: socket.socket) -> None:
    with pytest.raises(BusyError, match="try again"):
        control.ask(folder, "status", {}, None, timeout=0.01)


@pytest.mark.parametrize("words", [b"", b'{"result": ', b"no JSON\n"])
async def test_a_node_that_dies_while_it_answers(
    folder: Path, mute: socket.socket, nursery: trio.Nursery, words: bytes
) -> None:
    def die() -> None:
        connection, _ = mute.accept()
        with closing(connection), connection.makefile("rb") as lines:
            lines.readline()
            connection.sendall(words)

    nursery.start_soon(trio.to_thread.run_sync, die)
    with pytest.raises(BusyError, match="try again"):
        await Served(folder, echo).ask("status")


# ---- beside a whole node
Questions = tuple[tuple[str, dict[str, Any]], ...]
READING: Questions = (("board", {}), ("board", {"text": "water"}), ("heading", {}))
WRONG: Questions = (("show", {"ref": "zzzz"}), ("show", {}), ("dance", {}), ("edit", {"ref": 7}))


async def test_both_ways_give_the_same(unix: bool, street: Street) -> None:
    """Through the socket of a running node, and directly where none runs."""
    home = street.found("Anna")
    street.do(home, "add", {"kind": "need", "fields": {"title": "Water", "quantity": "4"}})
    alone = [street.do(home, verb, arguments) for verb, arguments in READING]
    refused = [told(partial(street.do, home), verb, arguments) for verb, arguments in WRONG]
    async with street.runs(home):
        question = partial(control.ask, home, now=NOON, timeout=PATIENCE)

        def ask_all() -> tuple[list[Any], list[Any]]:
            return (
                [question(verb, arguments) for verb, arguments in READING],
                [told(question, verb, arguments) for verb, arguments in WRONG],
            )

        assert await trio.to_thread.run_sync(ask_all) == (alone, refused)
    assert refused[0][0] is NotFound
    assert {kind for kind, _ in refused[1:]} == {InvalidInput}


def told(do: Callable[..., Any], verb: str, arguments: dict[str, Any]) -> tuple[type, str]:
    """The class and the text of the error that this must raise."""
    with pytest.raises(MeshaidError) as raised:
        do(verb, arguments)
    return type(raised.value), str(raised.value)


async def test_the_status_of_a_node_has_its_network_too(unix: bool, street: Street) -> None:
    home = street.found("Anna")
    alone = street.do(home, "status", {})
    async with street.runs(home) as anna:
        status = await Served(home, echo).ask("status", NOON)
        assert status == {**alone, "listening": [anna.address], "peers": []}
        assert await Served(home, echo).ask("offline") == {"online": False}
        assert (await Served(home, echo).ask("status"))["listening"] == []
        assert await Served(home, echo).ask("online") == {"online": True}
        assert anna.node.listening == (anna.address,)


async def test_the_node_ends_while_somebody_waits_for_it(unix: bool, street: Street) -> None:
    """Whoever asked is told to try again; the node does not wait."""
    home = street.found("Anna")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        told_so = []

        async def ask_in_vain() -> None:
            with pytest.raises(BusyError, match="try again") as raised:
                await Served(home, echo).ask("sync", address=address, timeout=PATIENCE)
            told_so.append(raised.value)

        async with trio.open_nursery() as nursery, street.runs(home):
            nursery.start_soon(ask_in_vain)
            connection, _ = await trio.to_thread.run_sync(silent.accept)
        connection.close()
    assert told_so
