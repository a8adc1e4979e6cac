"""A nursery whose body's error comes out as itself, and whose background failures are ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from meshaid.errors import MeshaidInternalError


@asynccontextmanager
async def as_itself() -> AsyncIterator[trio.Nursery]:
    """Like `trio.open_nursery()`, for background tasks that belong to us.

    An error of the body cancels them and is raised as it is, not in a group. If one of them has
    failed, MeshaidInternalError is raised from the group of all causes, the body's among them.
    """
    body: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except BaseException as error:  # noqa: ASYNC103, BLE001 - raised again below
                # Kept out of the nursery, which would take a group of the body's apart.
                nursery.cancel_scope.cancel()
                cancelled, body = _parted(error)
                if cancelled is not None:
                    raise cancelled from None  # noqa: ASYNC104 - it is what was caught
    except BaseExceptionGroup as group:
        cancelled, failed = _parted(group)
        if failed is not None:
            causes = [failed] if body is None else [failed, body]
            _tell_of(BaseExceptionGroup("the failure and what came of it", causes))
        if body is None and cancelled is not None:
            raise
    if body is not None:
        raise body


def _parted(error: BaseException) -> tuple[BaseException | None, BaseException | None]:
    """The cancellations in an error, and the rest of it."""
    if isinstance(error, BaseExceptionGroup):
        cancelled, rest = error.split(trio.Cancelled)
        return (cancelled, rest) if cancelled is not None else (None, error)
    return (error, None) if isinstance(error, trio.Cancelled) else (None, error)


def _tell_of(causes: BaseExceptionGroup[BaseException]) -> None:
    """Raise what a failed background task means: a bug of ours, unless a signal ended it all."""
    if causes.split(Exception)[1] is not None:
        raise causes
    raise MeshaidInternalError("a background task of the node failed; this is a bug") from causes
