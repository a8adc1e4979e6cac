"""The control socket: how the command line works beside a running node on the same home.

A second process never opens the store; it asks the node. One request a connection, one JSON
document a line: `{"verb", "arguments", "now"}` there, `{"result"}` or `{"error"}` back, so that a
command gives the same result, or raises the same error, on either path. Before the answer to what
takes long there may come any number of lines `{"progress": [done, total]}`.

On Unix it is a socket in the home (0600). Where there are none it is a port on the loopback
interface; `control.port` (0600) then holds the port and a token that every request must carry.
This module imports no trio: the command line starts quickly.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meshaid import errors, limits
from meshaid.errors import (
    Ambiguous,
    BusyError,
    InvalidInput,
    MeshaidError,
    NotFound,
    ProtocolError,
)

SOCKET = "control.sock"
PORT = "control.port"
_LONGEST_PATH = 100
"""Unix socket paths end at 108 bytes on Linux and 104 on macOS, the final zero included."""
_TOKEN_BYTES = 16


class NoNode(Exception):
    """No node runs on this home: open the store instead. Never leaves the package."""


# ---- the asking side
def ask(
    folder: Path,
    verb: str,
    arguments: Mapping[str, Any],
    now: int | None,
    *,
    timeout: float | None,
    told: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Let the running node carry out one verb.

    Args:
      now: seconds since 1970 that this one call is at; None for the node's own clock.
      timeout: seconds to wait for the answer, or for the next sign of progress; None for as long as
        it takes.
      told: is told how much is done, of how much, while the verb is carried out.
    Raises:
      NoNode: none runs on this home.
      MeshaidError: what the verb raised in the node.
      BusyError: the node went away, or does not answer in time; the verb may be carried out yet.
    """
    try:
        connection, token = _connect(folder, timeout)
        with connection:
            request = {"verb": verb, "arguments": dict(arguments), "now": now, "token": token}
            connection.sendall(encode(request))
            answer = _read_answer(connection, told or _untold)
    except (OSError, ValueError) as error:
        raise BusyError(
            "the running node does not answer; restart it. What you asked may be done all the "
            "same: look at the board before you write it again"
        ) from error
    if "error" in answer:
        raise decode_error(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def _connect(folder: Path, timeout: float | None) -> tuple[socket.socket, str | None]:
    """A connection to the node of this home, and the token to show it. Raises NoNode, OSError."""
    port, token = _read_port(folder / PORT)
    connection = socket.socket(socket.AF_INET if port else socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        if port:
            connection.connect(("127.0.0.1", port))
        else:
            with _short_path(folder) as short:
                connection.connect(str(short / SOCKET))
    except (ConnectionError, FileNotFoundError, NotADirectoryError):
        connection.close()
        raise NoNode from None
    except BaseException:
        connection.close()
        raise
    return connection, token


def _read_port(file: Path) -> tuple[int | None, str | None]:
    """The port and the token, where there are no Unix sockets. NoNode for what is neither."""
    try:
        port, token = file.read_text("ascii").split()
        if 0 < int(port) < 65_536:
            return int(port), token
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except ValueError:
        raise NoNode from None
    raise NoNode


def _untold(done: int, total: int) -> None:
    """Nobody wants to know."""


def _read_answer(connection: socket.socket, told: Callable[[int, int], None]) -> dict[str, Any]:
    """The last line, once the lines of progress before it were told."""
    with connection.makefile("rb") as lines:
        while True:
            line = lines.readline(limits.MAX_CONTROL_BYTES)
            if not line.endswith(b"\n"):
                raise ConnectionError("the answer is incomplete")
            match json.loads(line):
                case {"result": _} | {"error": _} as answer:
                    return dict(answer)
                case {"progress": [int(done), int(total)]}:
                    told(done, total)
                case _:
                    raise ValueError("this is no answer of a node")


# ---- the answering side
@contextmanager
def listening(
    folder: Path, *, unix: bool = hasattr(socket, "AF_UNIX")
) -> Iterator[tuple[socket.socket, str | None]]:
    """A listening control socket of this home, and the token that requests must carry (or None).

    What an earlier node left behind is taken over: whoever holds the store's lock is the only node.
    """
    for name in (SOCKET, PORT):
        (folder / name).unlink(missing_ok=True)
    family = socket.AF_UNIX if unix else socket.AF_INET
    name = SOCKET if unix else PORT
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        token = None
        if unix:
            with _short_path(folder) as short:
                listener.bind(str(short / SOCKET))
            (folder / SOCKET).chmod(0o600)
        else:
            listener.bind(("127.0.0.1", 0))
            token = secrets.token_hex(_TOKEN_BYTES)
            descriptor = os.open(folder / PORT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{listener.getsockname()[1]} {token}")
        listener.listen()
        try:
            yield listener, token
        finally:
            (folder / name).unlink(missing_ok=True)


@contextmanager
def _short_path(folder: Path) -> Iterator[Path]:
    """A path to the folder that is short enough for a socket's address."""
    if len(os.fsencode(folder / SOCKET)) <= _LONGEST_PATH:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="meshaid-") as short:
        link = Path(short) / "home"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link


def decode_request(line: bytes, token: str | None) -> tuple[str, dict[str, Any], int | None]:
    """The verb, its arguments and the asked-for time of a request line.

    Raises:
      InvalidInput: it is no request, or carries another token.
    """
    try:
        request = json.loads(line)
        verb, arguments, now = request["verb"], request["arguments"], request["now"]
        given = request.get("token")
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise InvalidInput("this is no request of the meshaid command") from error
    if token is not None and not _is_same(given, token):
        raise InvalidInput("this is no request of the meshaid command")
    if not (isinstance(verb, str) and isinstance(arguments, dict)):
        raise InvalidInput("this is no request of the meshaid command")
    return verb, arguments, now if isinstance(now, int) else None


def _is_same(given: object, token: str) -> bool:
    told = str(given).encode(errors="backslashreplace")
    return hmac.compare_digest(told, token.encode())


def encode(document: Mapping[str, Any]) -> bytes:
    """One JSON document as one line; half of a surrogate pair becomes an escape of JSON."""
    return json.dumps(document, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def encode_error(error: MeshaidError) -> dict[str, Any]:
    """An error as it travels: its class, text, and what its class adds."""
    told: dict[str, Any] = {"class": type(error).__name__, "message": str(error)}
    if isinstance(error, Ambiguous):
        told |= {"matches": list(error.matches), "words": list(error.words)}
    if isinstance(error, InvalidInput) and error.fields:
        told["fields"] = error.fields
    return told


def decode_error(told: Mapping[str, Any]) -> MeshaidError:
    """The error that a node told of, as its own class again."""
    kind = getattr(errors, str(told.get("class")), MeshaidError)
    message = str(told.get("message"))
    fields = told.get("fields")
    if kind is Ambiguous:
        matches, words = told.get("matches", ()), told.get("words", ())
        return Ambiguous(message, tuple(matches), tuple(words), fields)
    if kind in (InvalidInput, NotFound):
        return kind(message, fields)
    known = isinstance(kind, type) and issubclass(kind, MeshaidError) and kind is not ProtocolError
    return kind(message) if known else MeshaidError(message)
