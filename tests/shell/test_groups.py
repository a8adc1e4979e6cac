"""A nursery of ours: whose error comes out, and as what."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from meshaid.errors import MeshaidInternalError
from meshaid.groups import as_itself


class SpilledTea(Exception):
    """Something that goes wrong in an app."""


class Pulled(BaseException):
    """Something that ends it all, as a signal does."""


async def fail(error: BaseException) -> None:
    raise error


async def fail_when_cancelled(error: BaseException) -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise error


async def live_on(lived: list[str]) -> None:
    """A background task that notes how it ended."""
    try:
        await trio.sleep_forever()
    except trio.Cancelled:
        lived.append("cancelled")
        raise


def leaves(error: BaseException | None) -> set[BaseException]:
    """The errors in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        return set().union(*map(leaves, error.exceptions))
    return set() if error is None else {error}


# ---- the body
async def test_nothing_happens() -> None:
    lived: list[str] = []
    async with as_itself() as nursery:
        nursery.start_soon(live_on, lived)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert lived == ["cancelled"]


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
    lived: list[str] = []
    with pytest.raises(type(error)) as raised:
        async with as_itself() as nursery:
            nursery.start_soon(live_on, lived)
            await trio.testing.wait_all_tasks_blocked()
            raise error
    assert raised.value is error
    assert raised.value.__cause__ is None
    assert lived == ["cancelled"]


async def test_a_return_out_of_the_body_is_no_error() -> None:
    async def leave() -> str:
        async with as_itself() as nursery:
            nursery.start_soon(trio.lowlevel.checkpoint)
            return "left"

    assert await leave() == "left"


# ---- the tasks
async def test_a_failed_task_is_a_bug_of_ours() -> None:
    tea, lived = SpilledTea(), []
    with pytest.raises(MeshaidInternalError) as raised:
        async with as_itself() as nursery:
            nursery.start_soon(live_on, lived)
            nursery.start_soon(fail, tea)
            await trio.sleep_forever()
    assert leaves(raised.value.__cause__) == {tea}
    assert lived == ["cancelled"]


async def test_all_failed_tasks_are_causes() -> None:
    first, second = SpilledTea(), ZeroDivisionError()
    with pytest.raises(MeshaidInternalError) as raised:
        async with as_itself() as nursery:
            nursery.start_soon(fail_when_cancelled, second)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(fail, first)
            await trio.sleep_forever()
    assert leaves(raised.value.__cause__) == {first, second}


async def test_the_error_of_the_body_is_not_lost_beside_a_failed_task() -> None:
    tea, bug = SpilledTea(), ZeroDivisionError()
    with pytest.raises(MeshaidInternalError) as raised:
        async with as_itself() as nursery:
            nursery.start_soon(fail_when_cancelled, bug)
            await trio.testing.wait_all_tasks_blocked()
            raise tea
    assert leaves(raised.value.__cause__) == {bug, tea}


async def test_an_own_error_of_a_task_that_the_body_started_waits_for_is_no_bug() -> None:
    """`nursery.start` hands the error to the body: a taken port is the caller's to know of."""

    async def refuse(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        raise SpilledTea

    with pytest.raises(SpilledTea):
        async with as_itself() as nursery:
            await nursery.start(refuse)


async def test_what_ends_it_all_is_not_made_an_error_of_ours() -> None:
    pulled = Pulled()
    with pytest.raises(BaseExceptionGroup) as raised:
        async with as_itself() as nursery:
            nursery.start_soon(fail, pulled)
            await trio.sleep_forever()
    assert leaves(raised.value) == {pulled}


# ---- cancelled from outside
async def test_a_cancellation_from_outside_ends_it_without_a_word() -> None:
    lived: list[str] = []
    with trio.CancelScope() as scope:
        async with as_itself() as nursery:
            nursery.start_soon(live_on, lived)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert lived == ["cancelled"]


async def test_a_cancellation_in_a_group_of_the_body_stays_one() -> None:
    """The body's own nursery gives its error and the cancellation as one group."""
    tea = SpilledTea()
    with pytest.raises(BaseExceptionGroup) as raised, trio.CancelScope() as scope:
        async with as_itself(), trio.open_nursery() as inner:
            inner.start_soon(fail_when_cancelled, tea)
            inner.start_soon(trio.sleep_forever)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert leaves(raised.value) == {tea}
    assert scope.cancel_called


async def test_a_task_that_fails_while_it_is_cancelled_from_outside() -> None:
    bug = ZeroDivisionError()
    with pytest.raises(MeshaidInternalError) as raised, trio.CancelScope() as scope:
        async with as_itself() as nursery:
            nursery.start_soon(fail_when_cancelled, bug)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            await trio.sleep_forever()
    assert leaves(raised.value.__cause__) == {bug}
