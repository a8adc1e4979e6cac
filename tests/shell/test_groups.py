"""A nursery of ours: whose error comes out, and as what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from meshaid.errors import MeshaidInternalError
from meshaid.groups import as_itself

Work = Callable[[], Awaitable[object]]


class SpilledTea(Exception):
    """Something that goes wrong in an app."""


class Pulled(BaseException):
    """Something that ends it all, as a signal does."""


async def run(*tasks: Work, body: Work = trio.sleep_forever) -> None:
    """`body` in a nursery of ours, once its background tasks have begun."""
    async with as_itself() as nursery:
        for task in tasks:
            nursery.start_soon(task)
        await wait_all_tasks_blocked()
        await body()


def fails(error: BaseException) -> Work:
    """A task that fails once all others have begun."""

    async def fail() -> None:
        await wait_all_tasks_blocked()
        raise error

    return fail


def fails_at_the_end(error: BaseException) -> Work:
    """A task that fails while it is being cancelled."""

    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    return fail


class Task:
    """A background task that lives on until it is cancelled."""

    cancelled = False

    async def __call__(self) -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled = True
            raise


def leaves(error: BaseException | None) -> set[BaseException]:
    """The errors in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        return set().union(*map(leaves, error.exceptions))
    return set() if error is None else {error}


# ---- the body
async def test_it_ends_as_any_nursery_does() -> None:
    task = Task()
    async with as_itself() as nursery:
        nursery.start_soon(task)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert task.cancelled


@pytest.mark.parametrize(
    "error",
    [
        SpilledTea(),
        KeyboardInterrupt(),
        ExceptionGroup("the app's own", [SpilledTea()]),
        BaseExceptionGroup("the app's own", [SpilledTea(), Pulled()]),
    ],
    ids=["error", "signal", "group", "mixed-group"],
)
async def test_an_error_of_the_body_is_the_very_same_and_ends_the_tasks(
    error: BaseException,
) -> None:
    task = Task()
    with pytest.raises(type(error)) as raised:
        await run(task, body=fails(error))
    assert raised.value is error
    assert raised.value.__cause__ is None
    assert task.cancelled


async def test_a_return_out_of_the_body_is_no_error() -> None:
    async def leave() -> str:
        async with as_itself() as nursery:
            nursery.start_soon(trio.lowlevel.checkpoint)
            return "left"

    assert await leave() == "left"


# ---- the tasks
async def test_a_failed_task_is_a_bug_of_ours() -> None:
    tea, task = SpilledTea(), Task()
    with pytest.raises(MeshaidInternalError) as raised:
        await run(task, fails(tea))
    assert leaves(raised.value.__cause__) == {tea}
    assert task.cancelled


async def test_all_failed_tasks_are_causes() -> None:
    first, second = SpilledTea(), ZeroDivisionError()
    with pytest.raises(MeshaidInternalError) as raised:
        await run(fails(first), fails_at_the_end(second))
    assert leaves(raised.value.__cause__) == {first, second}


async def test_the_error_of_the_body_is_not_lost_beside_a_failed_task() -> None:
    tea, bug = SpilledTea(), ZeroDivisionError()
    with pytest.raises(MeshaidInternalError) as raised:
        await run(fails_at_the_end(bug), body=fails(tea))
    assert leaves(raised.value.__cause__) == {bug, tea}


async def test_an_error_before_a_task_has_started_is_the_body_s() -> None:
    """`nursery.start` hands it to the body: a taken port is for the caller to know of."""

    async def refuse(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        raise SpilledTea

    async def start() -> None:
        async with as_itself() as nursery:
            await nursery.start(refuse)

    with pytest.raises(SpilledTea):
        await start()


async def test_what_ends_it_all_is_not_made_an_error_of_ours() -> None:
    pulled = Pulled()
    with pytest.raises(BaseExceptionGroup) as raised:
        await run(fails(pulled))
    assert leaves(raised.value) == {pulled}


# ---- cancelled from outside
async def cancelled_while(work: Work) -> trio.CancelScope:
    """The scope in which this was cancelled once all its tasks had begun."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await wait_all_tasks_blocked()
            scope.cancel()
    return scope


async def test_a_cancellation_from_outside_ends_it_without_a_word() -> None:
    task = Task()
    assert (await cancelled_while(partial(run, task))).cancelled_caught
    assert task.cancelled


async def test_a_cancellation_in_a_group_of_the_body_s_stays_one() -> None:
    """The body's own nursery gives its error and the cancellation as one group."""
    tea = SpilledTea()

    async def body() -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(fails_at_the_end(tea))
            inner.start_soon(trio.sleep_forever)

    with pytest.raises(BaseExceptionGroup) as raised:
        await cancelled_while(partial(run, body=body))
    assert leaves(raised.value) == {tea}


async def test_a_task_that_fails_while_it_is_cancelled_from_outside() -> None:
    bug = ZeroDivisionError()
    with pytest.RaisesGroup(MeshaidInternalError) as raised:
        await cancelled_while(partial(run, fails_at_the_end(bug)))
    (error,) = raised.value.exceptions
    assert leaves(error.__cause__) == {bug}
