"""How a command reaches its home: through the running node, or by opening the home itself.

Both ways give the same result. Nobody knows beforehand whether a node runs, so whoever loses the
race for the store's lock (Store.open waits for it) asks once more, then says that it is busy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from meshaid import control, limits, upkeep
from meshaid.cli.options import Settings, say
from meshaid.cli.patience import sign_of_life
from meshaid.commands import execute
from meshaid.desk import Desk
from meshaid.errors import BusyError, NotReachable, StoreFull
from meshaid.opening import OpenHome, open_home

Result = dict[str, Any]
Alone = Callable[[OpenHome], Result]
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb gave, and what stands above every screen (empty where JSON was asked for)."""

    result: Result
    heading: Mapping[str, Any]


def perform(
    settings: Settings,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    alone: Alone | None = None,
    seconds: float = limits.CONTROL_SECONDS,
    told: Told | None = None,
    draws: bool = False,
) -> Answer:
    """Carry out one verb on the home of this call.

    Args:
      alone: what to do on an open home when no node runs; the verb itself by default.
      seconds: how long the node may take to answer, or to show progress.
      told: is told how much is done, of how much, by a node; `alone` tells by itself.
      draws: whether the caller draws on the terminal meanwhile, so that nothing else may.
    Raises:
      MeshaidError: what the verb raises, on either way; BusyError when the home stays locked.
    """
    silent = draws or told is not None
    try:
        return _ask(settings, verb, arguments, seconds, told, silent=silent)
    except control.NoNode:
        pass
    try:
        return _open_and_do(settings, verb, arguments, alone, silent=silent)
    except BusyError as busy:
        try:
            return _ask(settings, verb, arguments, seconds, told, silent=silent)
        except control.NoNode:
            raise busy from None


def ask_node(settings: Settings, verb: str) -> Answer:
    """Carry out a verb that only a running node has. Raises NotReachable when none runs."""
    try:
        return _ask(settings, verb, {}, limits.CONTROL_SECONDS)
    except control.NoNode:
        raise NotReachable(
            "no node runs on this home, so it is on no network; start one with `meshaid run`"
        ) from None


def _ask(
    settings: Settings,
    verb: str,
    arguments: Mapping[str, Any],
    seconds: float,
    told: Told | None = None,
    *,
    silent: bool = False,
) -> Answer:
    def ask(verb: str, arguments: Mapping[str, Any]) -> Result:
        folder, now = settings.folder(), settings.now
        return control.ask(folder, verb, arguments, now, timeout=seconds, told=told)

    with _waiting(settings, "Waiting for the running node…", silent):
        result = ask(verb, arguments)
        return Answer(result, {} if settings.json else ask("heading", {}))


def _open_and_do(
    settings: Settings,
    verb: str,
    arguments: Mapping[str, Any],
    alone: Alone | None,
    *,
    silent: bool,
) -> Answer:
    with (
        open_home(settings.folder(), settings.passphrase()) as home,
        _waiting(settings, "At work…", silent),
    ):
        desk = Desk(home.replica, random=os.urandom)
        now = settings.moment()
        _keep_up(home, now)
        result = alone(home) if alone else execute(desk, verb, arguments, now)
        return Answer(result, {} if settings.json else execute(desk, "heading", {}, now))


def _waiting(settings: Settings, words: str, silent: bool) -> AbstractContextManager[None]:
    return nullcontext() if silent else sign_of_life(settings, words)


def _keep_up(home: OpenHome, now: int) -> None:
    """Erase what is over, as a running node does; on a full disk reading goes on without it."""
    try:
        upkeep.tend(home.replica, now, os.urandom)
    except StoreFull as error:
        say(str(error))
