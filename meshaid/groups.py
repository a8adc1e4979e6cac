"""A nursery whose body's error comes out as itself, and whose background failures are ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from meshaid.errors import MeshaidInternalError


class _Body(Exception):
    """Carries the body's own error out of the nursery, so that it can be told from the others."""


@asynccontextmanager
async def as_itself() -> AsyncIterator[trio.Nursery]:
    """Like `trio.open_nursery()`, for background tasks that belong to us.

    An error of the body is raised as it is, whatever the cancelled tasks did on their way out; if
    a background task failed, MeshaidInternalError is raised from the group of all causes.
    """
    body: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except BaseException as error:
                body = error
                raise
    except BaseExceptionGroup as group:
        if body is not None and _only(group, body):
            raise body from body.__cause__
        if group.split(trio.Cancelled)[1] is None:
            raise
        internal, rest = group.split(Exception)
        if rest is not None or internal is None:
            raise
        raise MeshaidInternalError("a background task of the node failed; this is a bug") from group


def _only(group: BaseExceptionGroup[BaseException], body: BaseException) -> bool:
    """Whether the group holds nothing but the body's error (and cancellations)."""
    return all(
        _only(inner, body)
        if isinstance(inner, BaseExceptionGroup) and inner is not body
        else inner is body or isinstance(inner, trio.Cancelled)
        for inner in group.exceptions
    )
