"""Whole nodes on real networks: found by multicast DNS only, from invite texts alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshaid.testing.lan import can_make_namespaces, open_lan
from tests.net.laptops import Laptop, Street, wait_for_state, wait_until, wait_until_equal
from tests.net.relay import Relay

pytestmark = pytest.mark.netns

SLIPS = Path(__file__).parent.parent.parent / "examples" / "drill" / "drill.csv"


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Laptops to come; in the end every node must end well, having refused and lost nothing."""
    reason = can_make_namespaces()
    if reason:
        pytest.skip(reason)
    with open_lan() as lan:
        street = Street(lan, tmp_path)
        yield street
        street.end()


def write(*laptops: Laptop, what: str) -> set[str]:
    """A need on each; the titles."""
    titles = {laptop: f"{what} {laptop.name}" for laptop in laptops}
    for laptop, title in titles.items():
        laptop.meshaid("need", title)
    return set(titles.values())


def test_a_cut_an_address_change_and_a_return_without_restart(street: Street) -> None:
    """Four hosts; one is cut off while all write, another gets a new address meanwhile."""
    segment = street.lan.add_segment()
    founder = street.founder(segment)
    moving, lost, other = street.guests(founder, [segment], [segment], [segment])
    titles = write(founder, moving, lost, other, what="before any meeting,")
    for laptop in street.laptops:
        laptop.start()
    wait_until_equal(*street.laptops)
    assert lost.titles() == titles

    lost.plugs[0].down()
    moving.plugs[0].move("10.77.0.99/24")
    unheard = write(lost, what="cut off,")
    titles |= write(founder, moving, other, what="during the cut,")
    wait_until_equal(founder, moving, other)
    assert founder.titles() == titles
    listening = moving.status()["listening"]
    assert any(address.startswith("10.77.0.99:") for address in listening)
    assert lost.titles() & titles == lost.titles() - unheard != titles

    lost.plugs[0].up()
    wait_until_equal(*street.laptops)
    assert lost.titles() == founder.titles() == titles | unheard


def test_the_ends_of_a_line_of_five_never_meet_and_show_one_board(street: Street) -> None:
    """A-B, B-C, C-D, D-E on four networks: news goes from hand to hand."""
    ab, bc, cd, de = (street.lan.add_segment() for _ in range(4))
    founder = street.founder(ab)
    line = [founder, *street.guests(founder, [ab, bc], [bc, cd], [cd, de], [de])]
    titles = write(*line, what="from")
    for laptop in line:
        laptop.start()
    wait_until_equal(*line)
    assert line[-1].titles() == titles

    titles |= write(line[0], line[-1], what="live from")
    wait_until_equal(*line)
    assert line[0].titles() == line[-1].titles() == titles
    members = [laptop.status()["member"] for laptop in line]
    for place, laptop in enumerate(line):
        met = {peer["member"] for peer in laptop.peers()}
        assert met == {*members[max(0, place - 1) : place], *members[place + 1 : place + 2]}


def test_a_joiner_first_meets_a_node_that_lacks_the_card_of_its_invite(street: Street) -> None:
    """That node cannot tell who it is, until the one who made the invite comes by."""
    segment = street.lan.add_segment()
    founder = street.founder(segment)
    (known,) = street.guests(founder, [segment])
    titles = write(known, what="from")
    founder.start()
    known.start()
    wait_until_equal(founder, known)

    founder.plugs[0].down()
    (joiner,) = street.guests(founder, [segment])
    unheard = write(joiner, what="from")
    joiner.start()
    wait_for_state(known, "not known yet")
    assert joiner.status()["known_to_others"] is False
    assert joiner.titles() == unheard
    assert known.status()["members"] == 2
    assert known.titles() == titles

    founder.plugs[0].up()
    wait_until_equal(*street.laptops)
    assert joiner.titles() == known.titles() == titles | unheard
    assert joiner.status()["known_to_others"] is True
    assert known.status()["members"] == 3


def test_two_joiners_meet_each_other_first(street: Street) -> None:
    """They hold nothing but their own cards and one invite text."""
    segment, elsewhere = street.lan.add_segment(), street.lan.add_segment()
    founder = street.founder(elsewhere)
    joiners = street.guests(founder, [segment], [segment])
    titles = write(*joiners, what="from")
    for joiner in joiners:
        joiner.start()
    for joiner in joiners:
        wait_for_state(joiner, "not known yet")
        assert joiner.status()["members"] == 0
        assert joiner.titles() == titles & {f"from {joiner.name}"}

    founder.host.plug(segment, f"10.77.1.{len(street.laptops) + 1}/24")
    founder.start()
    wait_until_equal(*street.laptops)
    assert founder.titles() == joiners[0].titles() == titles
    assert founder.status()["members"] == 3


def test_delay_and_cuts_between_two_nodes_only_cost_time(street: Street) -> None:
    """Every connection is delayed, and the first ones are cut after some random bytes."""
    near, far = street.lan.add_segment(), street.lan.add_segment()
    founder = street.founder(near)
    (guest,) = street.guests(founder, [far])
    founder.meshaid("import", str(SLIPS), "--where", "hub=C")
    titles = founder.titles() | write(guest, what="behind the relay:")
    middle = street.laptop(near, far).host
    founder.start("--no-mdns", "--listen", "10.77.0.1:7117")
    wait_until(
        lambda: founder.status().get("listening"), lambda: "the founder's node does not listen"
    )
    with Relay(middle, listen="10.77.1.3:7117", target="10.77.0.1:7117", seed=11) as relay:
        guest.start("--no-mdns", "--peer", "10.77.1.3:7117")
        wait_until_equal(founder, guest)
        assert relay.cuts() >= 3
        late = write(founder, what="after the cuts,")
        wait_until(lambda: late < guest.titles(), lambda: "a live change was not passed on")
        assert founder.titles() == guest.titles() == titles | late
