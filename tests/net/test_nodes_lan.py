"""Whole nodes on real networks: found by multicast DNS only, from invite texts alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshaid.testing.lan import can_make_namespaces, open_lan
from tests.net.laptops import PATIENCE, Laptop, Street, wait_until_equal
from tests.net.relay import Relay

pytestmark = pytest.mark.netns


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    reason = can_make_namespaces()
    if reason:
        pytest.skip(reason)
    with open_lan() as lan:
        yield Street(lan, tmp_path)


def write(*laptops: Laptop) -> set[str]:
    """A need on each; the titles."""
    titles = set()
    for laptop in laptops:
        title = f"from {laptop.host.name}, {len(titles)}"
        laptop.meshaid("need", title)
        titles.add(title)
    return titles


def test_a_cut_an_address_change_and_a_return_without_restart(street: Street) -> None:
    """Four hosts; one is cut off while all write, another gets a new address meanwhile."""
    segment = street.lan.add_segment()
    founder = street.founder(segment)
    moving, lost, other = street.guests(founder, [segment], [segment], [segment])
    titles = write(founder, moving, lost, other)
    for laptop in (founder, moving, lost, other):
        laptop.start()
    wait_until_equal(founder, moving, lost, other)
    assert lost.titles() == titles

    lost.plugs[0].down()
    moving.plugs[0].move("10.77.0.99/24")
    for laptop in (lost, founder, moving):
        laptop.meshaid("notice", f"during the cut, {laptop.host.name}")
    wait_until_equal(founder, moving, other)
    assert "during the cut, host3" not in founder.titles()
    listening = moving.meshaid("status")["listening"]
    assert any(address.startswith("10.77.0.99:") for address in listening)

    lost.plugs[0].up()
    wait_until_equal(founder, moving, lost, other)
    assert lost.titles() == titles | {f"during the cut, host{number}" for number in (1, 2, 3)}
    for laptop in (founder, moving, lost, other):
        laptop.stop()


def test_the_ends_of_a_line_of_five_never_meet_and_show_one_board(street: Street) -> None:
    """A-B, B-C, C-D, D-E on four networks: news goes from hand to hand."""
    ab, bc, cd, de = (street.lan.add_segment() for _ in range(4))
    first = street.founder(ab)
    others = street.guests(first, [ab, bc], [bc, cd], [cd, de], [de])
    line = [first, *others]
    titles = write(*line)
    for laptop in line:
        laptop.start()
    wait_until_equal(*line)
    assert line[-1].titles() == titles
    ends = {peer["member"] for peer in line[-1].meshaid("peers")["peers"]}
    assert line[0].meshaid("status")["member"] not in ends
    line[-1].meshaid("need", "from the far end")
    wait_until_equal(*line)
    assert "from the far end" in line[0].titles()


def test_two_joiners_meet_first_and_then_one_who_lacks_the_card(street: Street) -> None:
    """Nothing breaks while the invite's card is missing; all is well once somebody has it."""
    segment, far = street.lan.add_segment(), street.lan.add_segment()
    founder = street.founder(far)
    (known,) = street.guests(founder, [segment, far])
    founder.start()
    known.start()
    wait_until_equal(founder, known)
    known.plugs[1].down()
    joiners = street.guests(founder, [segment], [segment])  # an invite that `known` has not seen
    for joiner in joiners:
        joiner.start()
    wait_until(joiners[0], "not known yet")
    assert not any(joiner.meshaid("status")["known_to_others"] for joiner in joiners)
    assert known.meshaid("status")["members"] == 2
    known.plugs[1].up()
    wait_until_equal(founder, known, *joiners)
    assert joiners[0].meshaid("status")["members"] == 4


def wait_until(laptop: Laptop, state: str) -> None:
    """Ask until a peer of this laptop is in this state."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if state in {peer["state"] for peer in laptop.meshaid("peers")["peers"]}:
            return
    raise AssertionError(f"no peer was seen {state!r}")


def test_loss_and_delay_between_two_nodes_only_cost_time(street: Street) -> None:
    """Every connection through the relay is delayed and cut after some random bytes."""
    near, far = street.lan.add_segment(), street.lan.add_segment()
    founder = street.founder(near)
    (guest,) = street.guests(founder, [far])
    for number in range(40):
        founder.meshaid("need", f"slip {number} " + "of many words " * 5)
    guest.meshaid("offer", "from behind the relay")
    founder.start("--no-mdns", "--listen", "10.77.0.1:7117")
    middle = street.laptop(near, far)
    with Relay(middle.host, listen="10.77.1.3:7117", target="10.77.0.1:7117", seed=11) as relay:
        guest.start("--no-mdns", "--peer", "10.77.1.3:7117")
        wait_until_equal(founder, guest)
        assert relay.cuts() >= 2
    assert len(guest.titles()) == 41
