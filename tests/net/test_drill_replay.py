"""The drill with its follow-ups, through the command line: on every device its answer key.

Two hubs are cut off for a while, devices meet at random, and desks of one hub write about the same
slips. `make drill` plays many more drills and orders than these;
tests/core/test_other_drills.py derives the states of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from meshaid import limits
from tests.cli.calls import Running, running
from tests.net.drill_check import check_end, check_in_parts
from tests.net.drill_play import Device, Meet, Town
from tests.net.drill_script import DRILL, TABLES, Drill, moment
from tools.make_drill import make

pytestmark = pytest.mark.timeout(600)  # a drill is a thousand commands and meetings


@pytest.fixture(autouse=True)
def small_homes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Homes without a reserve of disk space: there are 45 of them."""
    monkeypatch.setattr(limits, "BALLAST_BYTES", 16)


def test_the_drill_ends_in_its_answer_key_on_every_device(tmp_path: Path) -> None:
    with Town(tmp_path, Drill.shipped(), order=1) as town:
        assert Counter(desk.hub for desk in town.desks()) == {
            "C": 3,
            "H": 3,
            "L": 2,
            "P": 2,
            "R": 2,
        }
        assert len(town.devices) == 12 + 33
        town.play(check_in_parts(town))
        assert (len(town.drill.slips), len(town.drill.events)) == (240, 255)
        check_end(town)


def test_the_beginning_of_another_drill_in_another_order_ends_in_its_own(tmp_path: Path) -> None:
    drill = Drill.read(make("another drill")).part("CHLPR", until=100)
    with Town(tmp_path, drill, order=2) as town:
        assert len(town.desks()) == 12
        town.play()
        check_end(town)


def test_the_drill_that_is_shipped_can_be_made_again() -> None:
    assert make() == {name: (DRILL / name).read_bytes() for name in TABLES}


@contextmanager
def nodes() -> Iterator[Meet]:
    """Meetings by `meshaid sync` between nodes that run, each a process, from the first one on."""
    with ExitStack() as stack:
        started: dict[Device, Running] = {}

        def node(device: Device) -> Running:
            if device not in started:
                started[device] = stack.enter_context(running(device.home))
            return started[device]

        def meet(dialer: Device, listener: Device) -> bool:
            node(dialer)
            words = ("sync", node(listener).address)
            return bool(dialer.run(words, moment(0))["equal"])

        yield meet


def test_two_hubs_whose_nodes_run_all_the_time(tmp_path: Path) -> None:
    """Over TCP, and with every command through the control socket of a node."""
    drill = Drill.shipped().part("CH", until=45)
    with nodes() as meet, Town(tmp_path, drill, order=3, meet=meet) as town:
        assert (len(town.desks()), len(drill.events) > 10) == (6, True)
        town.play()
        check_end(town)
