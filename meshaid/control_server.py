"""The node's side of the control socket: one request a connection, answered in its turn."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import trio

from meshaid import control, limits
from meshaid.errors import InvalidInput, MeshaidError

Tell = Callable[[int, int], Awaitable[None]]
"""Tells whoever asked how much is done, of how much."""
Execute = Callable[[str, Mapping[str, Any], int | None, Tell], Awaitable[Any]]


async def serve_control(
    folder: Path,
    execute: Execute,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests on the home's control socket until cancelled."""
    with control.listening(folder) as (raw, token):
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(_duplicate(raw)))
        task_status.started()
        await trio.serve_listeners(partial(_answer, execute, token), [listener])


def _duplicate(listener: socket.socket) -> socket.socket:
    """A descriptor that trio may close, beside the one that `listening` closes."""
    copy = listener.dup()
    copy.setblocking(False)
    return copy


async def _answer(execute: Execute, token: str | None, stream: trio.SocketStream) -> None:
    async def tell(done: int, total: int) -> None:
        await stream.send_all(control.encode({"progress": [done, total]}))

    try:
        answer: dict[str, Any]
        try:
            verb, arguments, now = control.decode_request(await _read_line(stream), token)
            answer = {"result": await execute(verb, arguments, now, tell)}
        except MeshaidError as error:
            answer = {"error": control.encode_error(error)}
        await stream.send_all(control.encode(answer))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return  # whoever asked has gone; what it asked for is done, was refused, or is left off


async def _read_line(stream: trio.SocketStream) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n"):
        piece = await stream.receive_some(65_536)
        if not piece or len(data) > limits.MAX_CONTROL_BYTES:
            raise InvalidInput("this is no request of the meshaid command")
        data += piece
    return bytes(data)
