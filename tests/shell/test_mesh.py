"""Whom to dial: single rules, properties over random events, and whole networks of `Links`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshaid import limits
from meshaid.addresses import parse_address
from meshaid.dns_sd import Announced, Discovered, Expired
from meshaid.errors import InvalidInput
from meshaid.mesh import Links, ring_neighbours

PORT = 7117


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def name(number: int) -> str:
    return f"{number:016x}"


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:{PORT}"


def number_of(target: str) -> int:
    """The inverse of `address`, for numbers below 256."""
    return int(parse_address(target)[0].split(".")[3])


def heard(number: int, *addresses: str) -> Discovered:
    return Discovered(name(number), addresses or (address(number),), 0)


def make_links(number: int = 0, *, seed: int = 1, announced: bool = False) -> Links:
    links = Links(device=key(number), static=key(number), random=random.Random(seed).random)
    if announced:
        links.announced(Announced(name(number), (address(number),)), 0.0)
    return links


def connect(links: Links, number: int, now: float, *, link: int | None = None) -> tuple[int, ...]:
    return links.connected(
        number if link is None else link,
        device=key(number),
        static=key(number),
        now=now,
        address=address(number),
    )


class TestOneCandidate:
    def test_is_due_at_once_and_only_once(self) -> None:
        links = make_links()
        assert links.add("hub.local:7117", "given")
        assert links.take_due(0.0) == ("hub.local:7117",)
        assert links.take_due(0.0) == ()
        assert links.next_due(0.0) is None

    def test_what_is_no_address_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="HOST:PORT"):
            make_links().add("hub.local", "given")

    def test_the_pause_doubles_up_to_its_bound(self) -> None:
        links = make_links()
        links.add(address(1), "remembered")
        now, pauses = 0.0, []
        for _ in range(12):
            assert links.take_due(now) == (address(1),)
            links.failed(address(1), now)
            due = links.next_due(now)
            assert due is not None
            assert links.take_due(due - 0.01) == ()
            pauses.append(due - now)
            now = due
        for tries, pause in enumerate(pauses):
            longest = min(limits.BACKOFF_LAST_SECONDS, limits.BACKOFF_FIRST_SECONDS * 2**tries)
            assert longest / 2 <= pause <= longest
        assert pauses[-1] > limits.BACKOFF_LAST_SECONDS / 2 - 1

    @pytest.mark.parametrize("lasting", [0.0, 0.5, 1.25, 5.0, 20.0, 59.0])
    def test_after_a_short_link_the_pause_never_exceeds_what_the_link_lasted(
        self, lasting: float
    ) -> None:
        links = make_links()
        links.add(address(1), "remembered")
        now, pauses = 0.0, []
        for number in range(12):
            assert links.take_due(now) == (address(1),)
            connect(links, 1, now, link=number)
            now += lasting
            links.ended(number, now)
            due = links.next_due(now)
            assert due is not None
            pauses.append(due - now)
            now = due
        shortest = limits.BACKOFF_FIRST_SECONDS
        if lasting >= shortest:
            assert max(pauses) <= lasting
        else:  # a peer that drops us at once is not dialed without end
            assert pauses[-1] > limits.BACKOFF_LAST_SECONDS / 2 - 1
        assert min(pauses) >= shortest / 2

    def test_a_linked_device_is_not_dialed_at_any_of_its_addresses(self) -> None:
        links = make_links()
        links.discovered(heard(1, address(1), "[fe80::1%eth0]:7117"), 0.0)
        assert links.take_due(0.0) == (address(1),)
        connect(links, 1, 0.0)
        links.add("other.local:7117", "remembered", device=key(1))
        assert links.take_due(1e6) == ()
        links.ended(1, 1e6)
        assert len(links.take_due(2e6)) == 1

    def test_the_addresses_of_one_peer_are_tried_in_turn(self) -> None:
        links = make_links()
        links.discovered(heard(1, address(1), "[fe80::1%eth0]:7117"), 0.0)
        assert links.take_due(0.0) == (address(1),)
        links.failed(address(1), 0.0)
        assert links.take_due(0.0) == ("[fe80::1%eth0]:7117",)
        assert links.take_due(9.0) == ()

    def test_our_own_address_is_dropped_until_the_network_changes(self) -> None:
        links = make_links(announced=True)
        links.add(address(1), "remembered")
        assert links.take_due(0.0) == (address(1),)
        links.own(address(1))
        assert not links.add(address(1), "invite")
        links.discovered(heard(1), 1.0)
        assert links.candidates() == ()
        links.announced(Announced(name(7), ()), 2.0)
        assert links.add(address(1), "invite")

    def test_a_failure_of_something_forgotten_is_ignored(self) -> None:
        links = make_links(announced=True)
        links.discovered(heard(1), 0.0)
        assert links.take_due(0.0)
        links.expired(Expired(name(1)))
        links.failed(address(1), 1.0)
        links.ended(99, 1.0)
        assert links.statistics().candidates == 0

    def test_retry_makes_everybody_due(self) -> None:
        links = make_links()
        links.add(address(1), "given")
        links.take_due(0.0)
        links.failed(address(1), 0.0)
        assert links.take_due(0.1) == ()
        links.retry(0.1)
        assert links.take_due(0.1) == (address(1),)


class TestMulticastDns:
    def test_an_expired_name_goes_but_a_given_address_stays(self) -> None:
        links = make_links()
        links.add(address(1), "given")
        links.discovered(heard(1), 0.0)
        links.discovered(heard(2), 0.0)
        links.expired(Expired(name(1)))
        links.expired(Expired(name(2)))
        assert [c.address for c in links.candidates()] == [address(1)]

    def test_new_addresses_replace_the_old_ones(self) -> None:
        links = make_links()
        links.discovered(heard(1), 0.0)
        links.discovered(heard(1, "10.0.0.99:7117"), 1.0)
        assert [c.address for c in links.candidates()] == ["10.0.0.99:7117"]

    def test_a_name_keeps_its_device_over_a_new_announcement_of_ours(self) -> None:
        links = make_links(announced=True)
        links.discovered(heard(1), 0.0)
        links.take_due(0.0)
        connect(links, 1, 0.0)
        links.announced(Announced(name(50), ()), 1.0)
        assert links.candidates() == ()
        links.discovered(heard(1, address(1), "10.0.0.99:7117"), 2.0)
        assert links.take_due(100.0) == ()

    def test_the_name_that_a_device_had_before_its_restart_is_forgotten(self) -> None:
        links = make_links()
        links.discovered(heard(1), 0.0)
        links.take_due(0.0)
        connect(links, 1, 0.0)
        links.ended(1, 100.0)
        links.discovered(heard(2), 100.0)
        assert links.take_due(100.0) == (address(2),)
        links.connected(2, device=key(1), static=key(1), now=100.0, address=address(2))
        assert [c.address for c in links.candidates()] == [address(2)]

    def test_the_smaller_name_dials_first_and_the_larger_not_much_later(self) -> None:
        small, large = make_links(1, announced=True), make_links(2, announced=True)
        small.discovered(heard(2), 0.0)
        large.discovered(heard(1), 0.0)
        assert small.take_due(0.0) == (address(2),)
        assert large.take_due(0.0) == ()
        assert large.next_due(0.0) == limits.PATIENCE_SECONDS
        assert large.take_due(limits.PATIENCE_SECONDS) == (address(1),)

    def test_whoever_dialed_us_is_dialed_later_if_its_host_tells_who_it_is(self) -> None:
        links = make_links(9, announced=True)
        links.discovered(heard(1), 0.0)
        links.connected(1, device=key(1), static=key(1), now=0.0, host="10.0.0.1")
        assert links.take_due(limits.BACKOFF_LAST_SECONDS - 1) == ()
        assert links.take_due(limits.BACKOFF_LAST_SECONDS) == (address(1),)

    def test_two_homes_on_the_host_that_dialed_us_are_both_tried(self) -> None:
        links = make_links(0, announced=True)
        links.discovered(heard(1, "127.0.0.1:1001"), 0.0)
        links.discovered(heard(2, "127.0.0.1:1002"), 0.0)
        links.connected(1, device=key(1), static=key(1), now=0.0, host="127.0.0.1")
        assert set(links.take_due(0.0)) == {"127.0.0.1:1001", "127.0.0.1:1002"}


class TestBounds:
    def test_ten_thousand_fake_services_fill_nothing_and_displace_no_peer(self) -> None:
        links = make_links(announced=True)
        links.add("hub.local:7117", "given")
        links.discovered(heard(1), 0.0)
        for taken in links.take_due(0.0):
            if taken == address(1):
                connect(links, 1, 0.0)
        now = 0.0
        for fake in range(1_000, 11_000):
            now += 0.01
            links.discovered(heard(fake), now)
            for taken in links.take_due(now):
                links.failed(taken, now)
            assert links.statistics().candidates <= limits.MAX_CANDIDATES + 1
        assert links.statistics().links == 1
        assert {"hub.local:7117", address(1)} <= {c.address for c in links.candidates()}
        links.discovered(heard(2), now)
        assert address(2) in {c.address for c in links.candidates()}

    def test_remembered_addresses_end_at_their_own_bound(self) -> None:
        links = make_links()
        taken = [links.add(address(number), "remembered") for number in range(100)]
        assert sum(taken) == limits.MAX_ADDRESSES
        assert links.add(address(200), "given")
        links.discovered(heard(201), 0.0)
        assert links.statistics().candidates == limits.MAX_ADDRESSES + 2

    def test_dials_at_once_are_few(self) -> None:
        links = make_links()
        for number in range(20):
            links.add(address(number), "given")
        assert len(links.take_due(0.0)) == limits.DIALS_AT_ONCE
        assert links.take_due(0.0) == ()
        links.failed(address(0), 0.0)
        assert len(links.take_due(0.0)) <= 1


class TestManyPeers:
    def fill(self, links: Links, count: int) -> None:
        """Tell it of `count` peers and let the first dials succeed."""
        for number in range(1, count + 1):
            links.discovered(heard(number), 0.0)

    def test_up_to_the_full_mesh_everybody_is_dialed(self) -> None:
        links = make_links(announced=True)
        self.fill(links, limits.FULL_MESH_PEERS)
        assert len(links.take_due(10.0)) == limits.FULL_MESH_PEERS

    def test_beyond_it_neighbours_and_random_others_up_to_the_target(self) -> None:
        links = make_links(20, announced=True)
        self.fill(links, 40)
        taken = links.take_due(10.0)
        assert len(taken) == limits.TARGET_LINKS
        assert {address(19), address(21)} <= set(taken)

    def test_a_given_address_is_dialed_even_with_enough_links(self) -> None:
        links = make_links(20, announced=True)
        self.fill(links, 40)
        for taken in links.take_due(10.0):
            connect(links, number_of(taken), 10.0)
        assert links.take_due(11.0) == ()
        links.add("hub.local:7117", "given")
        assert links.take_due(11.0) == ("hub.local:7117",)

    def test_the_ring_closes_over_an_absent_neighbour(self) -> None:
        links = make_links(20, announced=True)
        self.fill(links, 40)
        now, dialed = 10.0, set()
        for _ in range(50):
            for taken in links.take_due(now):
                dialed.add(taken)
                if taken == address(21):
                    links.failed(taken, now)
                else:
                    connect(links, number_of(taken), now)
            now = links.next_due(now) or now + 1.0
        assert {address(19), address(21), address(22)} <= dialed

    def test_the_longest_list_of_links_shrinks_by_random_ones_of_our_own(self) -> None:
        links = make_links(20, announced=True)
        self.fill(links, 40)
        tolerated = limits.TARGET_LINKS + limits.SPARE_LINKS
        for number in range(15, 29):
            if number != 20:
                connect(links, number, 0.0)
        links.connected(100, device=key(90), static=key(90), now=0.0, host="10.9.9.9")
        doomed = links.surplus(1.0)
        assert len(doomed) == 14 - tolerated
        assert not {19, 21, 100} & set(doomed)
        assert links.surplus(1.0) == ()
        assert links.statistics().links == tolerated

    def test_every_candidate_gets_its_turn_though_there_are_links_enough(self) -> None:
        links = make_links(20, announced=True)
        self.fill(links, 40)
        now, dialed = 10.0, set[str]()
        for _ in range(3_000):
            for number in links.surplus(now):
                links.ended(number, now)
            for taken in links.take_due(now):
                dialed.add(taken)
                connect(links, number_of(taken), now)
            due = links.next_due(now)
            assert due is not None
            now = due
            if len(dialed) == 39:
                break
        assert len(dialed) == 39  # number 20 is our own name

    def test_absent_peers_are_still_tried_one_at_a_time(self) -> None:
        links = make_links(20, announced=True)
        self.fill(links, 12)
        now, tries = 0.0, dict.fromkeys(map(address, range(8, 13)), 0)
        for _ in range(400):
            probing = 0
            for taken in links.take_due(now):
                if taken in tries:
                    tries[taken] += 1
                    probing += tries[taken] > limits.ABSENT_FAILURES
                    links.failed(taken, now)
                else:
                    connect(links, number_of(taken), now)
            assert probing <= 1 or links.statistics().links < limits.FULL_MESH_PEERS
            now = links.next_due(now) or now + 1.0
        assert min(tries.values()) > limits.ABSENT_FAILURES + 3


@given(st.sets(st.integers(0, 2**63), min_size=1, max_size=40))
def test_a_ring_connects_any_set_of_names(numbers: set[int]) -> None:
    names = [name(number) for number in numbers]
    edges = {(own, other) for own in names for other in ring_neighbours(own, names)}
    assert edges == {(other, own) for own, other in edges}
    assert len(component(names[0], edges)) == len(names)
    assert all(len(ring_neighbours(own, names)) <= 2 for own in names)


def component(start: object, edges: Iterable[tuple[object, object]]) -> set[object]:
    """All that can be reached from `start`."""
    neighbours: dict[object, set[object]] = {}
    for one, other in edges:
        neighbours.setdefault(one, set()).add(other)
        neighbours.setdefault(other, set()).add(one)
    seen, waiting = {start}, [start]
    while waiting:
        for other in neighbours.get(waiting.pop(), set()) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


class Street:
    """Many `Links` whose dials succeed at once, unless the dialed node is out of reach."""

    def __init__(self, numbers: Iterable[int], seed: int) -> None:
        self.now = 0.0
        self.away: set[int] = set()
        self.sessions: dict[int, tuple[int, int]] = {}
        self.nodes = {n: make_links(n, seed=seed + n, announced=True) for n in numbers}
        self.addresses = {address(n): n for n in self.nodes}
        self.wake = dict.fromkeys(self.nodes, 0.0)
        for own, links in self.nodes.items():
            for other in self.nodes:
                if other != own:
                    links.discovered(heard(other), 0.0)

    def dial(self, own: int, target: str) -> None:
        other = self.addresses[target]
        if own in self.away or other in self.away:
            self.nodes[own].failed(target, self.now)
            return
        number = len(self.sessions)
        self.sessions[number] = (own, other)
        doomed = self.nodes[own].connected(
            number, device=key(other), static=key(other), now=self.now, address=target
        )
        doomed += self.nodes[other].connected(
            number,
            device=key(own),
            static=key(own),
            now=self.now,
            host=parse_address(target)[0],
        )
        self.wake[other] = self.now
        for each in doomed:
            self.end(each)

    def end(self, number: int) -> None:
        for node in self.sessions[number]:
            self.nodes[node].ended(number, self.now)
            self.wake[node] = self.now

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            for own, links in self.nodes.items():
                if self.wake[own] <= self.now:
                    self.decide(own, links)
            self.now = min(until, *self.wake.values())

    def decide(self, own: int, links: Links) -> None:
        """What a node does whenever something has happened, until nothing more is to be done."""
        for number in links.surplus(self.now):
            self.end(number)
        while taken := links.take_due(self.now):
            for target in taken:
                self.dial(own, target)
        self.wake[own] = links.next_due(self.now) or math.inf

    def edges(self) -> set[tuple[bytes, bytes]]:
        return {
            (key(own), link.device) for own, links in self.nodes.items() for link in links.links()
        }

    def cut(self, numbers: Iterable[int]) -> None:
        self.away |= set(numbers)
        for number, ends in self.sessions.items():
            if self.away & set(ends):
                self.end(number)


@settings(max_examples=25)
@given(
    st.sets(st.integers(0, 65_000), min_size=2, max_size=40).map(sorted),
    st.integers(0, 2**16),
    st.data(),
)
def test_whole_streets_are_connected_with_few_links(
    numbers: list[int], seed: int, data: st.DataObject
) -> None:
    street = Street(numbers, seed)
    street.run(20.0)
    edges = street.edges()
    assert edges == {(other, own) for own, other in edges}
    assert len(component(key(numbers[0]), edges)) == len(numbers)
    if len(numbers) <= limits.FULL_MESH_PEERS + 1:
        assert len(edges) == len(numbers) * (len(numbers) - 1)
    else:
        assert len(edges) / len(numbers) <= limits.TARGET_LINKS + limits.SPARE_LINKS
    away = data.draw(st.sets(st.sampled_from(numbers), max_size=len(numbers) - 1))
    street.cut(away)
    street.run(30.0)
    here = [number for number in numbers if number not in away]
    assert len(component(key(here[0]), street.edges())) == len(here)
    street.away.clear()
    street.run(3 * limits.BACKOFF_LAST_SECONDS)
    assert len(component(key(numbers[0]), street.edges())) == len(numbers)


@given(
    st.booleans(),
    st.lists(st.booleans(), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_duplicates_settle_on_one_and_the_same_link_at_both_ends(
    small_is_first: bool, started_by_first: list[bool], chance: random.Random
) -> None:
    ends = [make_links(1 if small_is_first else 2), make_links(2 if small_is_first else 1)]
    keys = [key(1 if small_is_first else 2), key(2 if small_is_first else 1)]
    waiting = [[*range(len(started_by_first))] for _ in ends]
    alive = set(range(len(started_by_first)))
    up: list[set[int]] = [set(), set()]
    for order in waiting:
        chance.shuffle(order)
    while waiting[0] or waiting[1]:
        side = chance.choice([s for s in (0, 1) if waiting[s]])
        link = waiting[side].pop()
        if link not in alive:
            continue
        dialed = started_by_first[link] == (side == 0)
        doomed = ends[side].connected(
            link,
            device=keys[1 - side],
            static=keys[1 - side],
            now=0.0,
            address=address(1) if dialed else None,
            host=None if dialed else "10.0.0.1",
        )
        up[side].add(link)
        for gone in doomed:
            alive.discard(gone)
            for each in (0, 1):
                ends[each].ended(gone, 0.0)
                up[each].discard(gone)
    left = [{link.number for link in end.links()} for end in ends]
    assert left[0] == left[1] == alive
    assert len(alive) == 1
    small = 0 if small_is_first else 1
    by_small = [s == (small == 0) for s in started_by_first]
    assert by_small[min(alive)] or not any(by_small)


class Chance:
    """One `Links` to which anything may happen in any order; checks each step."""

    def __init__(self, seed: int) -> None:
        self.links = make_links(0, seed=seed, announced=True)
        self.now = 0.0
        self.numbers = 0
        self.dialing: list[str] = []

    def connected(self, number: int, target: str | None) -> None:
        self.numbers += 1
        device = key(number)
        doomed = self.links.connected(
            self.numbers, device=device, static=device, now=self.now, address=target
        )
        for link in doomed:
            self.links.ended(link, self.now)

    def heard(self, number: int) -> None:
        self.links.discovered(heard(number), self.now)

    def expired(self, number: int) -> None:
        self.links.expired(Expired(name(number)))

    def announced(self, number: int) -> None:
        self.links.announced(Announced(name(number + 100), ()), self.now)

    def given(self, number: int) -> None:
        self.links.add(address(number), "given")

    def retry(self, number: int) -> None:
        self.links.retry(self.now)

    def dial_answered(self, number: int) -> None:
        if self.dialing:
            self.connected(number, self.dialing.pop())

    def dial_failed(self, number: int) -> None:
        if self.dialing:
            self.links.failed(self.dialing.pop(0), self.now)

    def own_answered(self, number: int) -> None:
        if self.dialing:
            self.links.own(self.dialing.pop(0))

    def inbound(self, number: int) -> None:
        self.connected(number, None)

    def ended(self, number: int) -> None:
        live = self.links.links()
        if live:
            self.links.ended(live[number % len(live)].number, self.now)

    def surplus(self, number: int) -> None:
        for link in self.links.surplus(self.now):
            self.links.ended(link, self.now)

    def due(self, number: int) -> None:
        linked = {link.device for link in self.links.links()}
        for taken in self.links.take_due(self.now):
            behind = next(c for c in self.links.candidates() if c.address == taken)
            assert behind.device not in linked
            assert taken not in self.dialing
            self.dialing.append(taken)

    def check(self) -> None:
        by_us = [link.device for link in self.links.links() if link.dialed]
        assert len(set(by_us)) == len(by_us)
        assert self.links.statistics().dialing <= limits.DIALS_AT_ONCE
        due = self.links.next_due(self.now)
        assert due is None or due > self.now


STEPS = [
    *(Chance.heard, Chance.heard, Chance.due, Chance.due, Chance.due, Chance.dial_answered),
    *(Chance.dial_failed, Chance.own_answered, Chance.inbound, Chance.ended, Chance.surplus),
    *(Chance.expired, Chance.announced, Chance.given, Chance.retry),
]


@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.integers(1, 30), st.floats(0, 90, allow_nan=False)),
        min_size=20,
        max_size=150,
    ),
    st.integers(0, 1000),
)
def test_whatever_happens_the_bounds_hold(
    steps: list[tuple[Callable[[Chance, int], None], int, float]], seed: int
) -> None:
    world = Chance(seed)
    for step, number, pause in steps:
        world.now += pause
        step(world, number)
        world.check()
