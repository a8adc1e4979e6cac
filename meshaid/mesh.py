"""Whom to dial, which of two links stays, and which link may go: decisions without I/O.

The rules
  - Up to `limits.FULL_MESH_PEERS` others every node links to every other. Beyond that it wants
    the two neighbours in a ring, every address that a person gave, and random others up to
    `limits.TARGET_LINKS`.
  - **The ring keeps the network in one piece.** Devices that hear each other by multicast DNS
    stand in the order of their instance names, because all of them see the same names before
    anybody has been dialed. Devices known from elsewhere stand in a second ring by device id; it
    joins networks that do not hear each other. Whoever is absent is left out of the ring.
  - Every candidate gets its turn: random links go to those tried longest ago, one random link is
    chosen anew every few minutes, and what counts as absent is still tried, one at a time.
  - **One link per device.** Of several the session started by the device with the smaller static
    key stays, at both ends, whatever the order in which they came up. Of several that one side
    started, only that side chooses: it keeps its newest, because an older one may be a leftover
    from before it lost its network, which only the other side still believes in.
  - Who is behind an address is known after the handshake alone. Instance names are ephemeral;
    what a session has proven about one is remembered as long as it is heard.

How it is used (the node does it)
  On every event the node tells this class, then dials each address of `take_due`, closes each link
  of `surplus`, and sleeps until `next_due` or the next event. Every address taken is answered by
  exactly one of `connected`, `failed` and `own`. All times come in, in seconds on one clock.

Source: docs/protocol.md, "Links".
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from meshaid import limits
from meshaid.candidates import Candidate, Candidates, Peer, PeerKey, Source
from meshaid.dns_sd import Announced, Discovered, Expired

_Place = TypeVar("_Place", bytes, str)


@dataclass(slots=True, eq=False)
class Link:
    """One live session with a proven device."""

    number: int
    """The node's name for it."""
    device: bytes
    static: bytes
    """The peer's static key, 32 bytes."""
    dialed: bool
    """Whether this side started it."""
    address: str | None
    """The address that was dialed."""
    since: float
    closing: bool = False
    """It was named for closing; it counts no more."""


@dataclass(frozen=True, slots=True)
class LinkStatistics:
    """Counts, for status and tests."""

    links: int
    dialing: int
    candidates: int
    absent: int


def ring_neighbours(own: _Place, others: Iterable[_Place]) -> set[_Place]:
    """The next and the previous of `own` among all places in a ring; fewer in a small ring.

    If everybody links to its neighbours, and all know the same places, then all are connected.
    """
    places = sorted(set(others) - {own})
    if not places:
        return set()
    at = bisect_left(places, own)
    return {places[at % len(places)], places[at - 1]}


class Links:
    """The links of one node and all decisions about them.

    Args:
      device: our own device id, our place in the ring of known devices.
      static: our own Noise static key (public, 32 bytes), for duplicates.
      random: gives floats from 0 up to 1; decides ties and jitter, nothing else.
      full_mesh, target: as in `limits`.
    """

    def __init__(
        self,
        *,
        device: bytes,
        static: bytes,
        random: Callable[[], float],
        full_mesh: int = limits.FULL_MESH_PEERS,
        target: int = limits.TARGET_LINKS,
    ) -> None:
        self._device = device
        self._static = static
        self._random = random
        self._full_mesh = full_mesh
        self._target = target
        self._candidates = Candidates(random)
        self._links: dict[int, Link] = {}
        self._rotate_at: float | None = None

    # ---- what the node tells

    def add(self, address: str, source: Source, *, device: bytes | None = None) -> bool:
        """One more address to try; False where there are enough, or it is our own.

        Raises:
          InvalidInput: it is no HOST:PORT.
        """
        return self._candidates.add(address, source, device=device)

    def announced(self, event: Announced, now: float) -> None:
        """We are announced under a new name, on perhaps another network."""
        self._candidates.announced(event.instance, now)

    def discovered(self, event: Discovered, now: float) -> None:
        """Multicast DNS has found a device of our community."""
        self._candidates.discovered(event, now)

    def expired(self, event: Expired) -> None:
        """Multicast DNS has lost a device. A live link to it is not touched."""
        self._candidates.expired(event.instance)

    def retry(self, now: float) -> None:
        """Try everybody again at once: the roster has changed, or we are back online."""
        self._candidates.retry(self._candidates, now)

    def failed(self, address: str, now: float) -> None:
        """A dialed address did not lead to a session with a proven device."""
        candidate = self._candidates.answered(address)
        if candidate is not None:
            self._candidates.failed([candidate], now)

    def own(self, address: str) -> None:
        """A dialed address was answered by ourselves: it is not dialed again on this network."""
        self._candidates.own(address)

    def connected(
        self,
        number: int,
        *,
        device: bytes,
        static: bytes,
        now: float,
        address: str | None = None,
        host: str | None = None,
    ) -> tuple[int, ...]:
        """A session has proven its device. Returns the links to close as duplicates.

        Args:
          number: a name for this link, new for each; the returned ones are such names.
          address: what was dialed; None where the peer dialed us.
          host: where the peer dialed us from.
        """
        dialed = address is not None
        self._links[number] = Link(number, device, static, dialed, address, now)
        if address is not None:
            self._candidates.answered(address)
            self._candidates.learn(address, device)
        elif host is not None and not any(c.device == device for c in self._candidates):
            self._candidates.leave_alone(host, now)
        doomed = self._duplicates(device)
        for link in doomed:
            link.closing = True
        return tuple(link.number for link in doomed)

    def ended(self, number: int, now: float) -> None:
        """A link is no more, for whatever reason; unknown numbers are ignored.

        One that lasted for a while is tried again soon, one that was surplus when others have
        had their turn. After any other the pause grows as after a failed dial, but never beyond
        the time that it had lasted: on poor Wi-Fi links are short, and each of them is of use.
        """
        link = self._links.pop(number, None)
        if link is None or link.device in self._linked():
            return
        behind = [c for c in self._candidates if c.device == link.device]
        for candidate in behind:
            candidate.tried = now
            if link.closing or now - link.since >= limits.BACKOFF_LAST_SECONDS:
                candidate.failures = 0
            elif now - link.since >= limits.BACKOFF_FIRST_SECONDS:
                doublings = int(math.log2((now - link.since) / limits.BACKOFF_FIRST_SECONDS))
                candidate.failures = min(candidate.failures, doublings)
        self._candidates.failed(behind, now)

    # ---- what the node asks

    def take_due(self, now: float) -> tuple[str, ...]:
        """The addresses to dial now, at most one per peer. They count as being dialed."""
        room = limits.DIALS_AT_ONCE - self._candidates.in_flight
        taken: list[Candidate] = []
        for peer in self._wanted(now):
            candidate = peer.due(now)
            if candidate is not None and len(taken) < room:
                self._candidates.dial(candidate, now)
                taken.append(candidate)
        return tuple(candidate.address for candidate in taken)

    def next_due(self, now: float) -> float | None:
        """When to ask again if nothing happens before; None: only after the next event."""
        linked = self._linked()
        times = [
            candidate.next_try
            for candidate in self._candidates
            if candidate.next_try > now and candidate.device not in linked
        ]
        if self._rotate_at is not None and self._rotate_at > now:
            times.append(self._rotate_at)
        return min(times, default=None)

    def surplus(self, now: float) -> tuple[int, ...]:
        """The links to close now: beyond what is tolerated, or to make room for a new choice.

        Only random links that this side started are named; nobody else counts on them.
        """
        peers = self._candidates.peers()
        linked = {link.device for link in self._live()}
        others = [p for p in peers.values() if p.key not in linked and not p.absent]
        if self._few(peers):
            self._rotate_at = None
            return ()
        excess = max(0, len(linked) - self._target - limits.SPARE_LINKS)
        if self._rotate_at is None or now >= self._rotate_at:
            if self._rotate_at is not None and others and len(linked) >= self._target:
                excess = max(excess, 1)
            self._rotate_at = now + limits.ROTATE_SECONDS * (0.5 + self._random())
        kept = self._neighbours(peers) | {peer.key for peer in peers.values() if peer.given}
        free = [link for link in self._live() if link.dialed and link.device not in kept]
        chosen = [free.pop(int(self._random() * len(free))) for _ in range(min(excess, len(free)))]
        for link in chosen:
            link.closing = True
        return tuple(link.number for link in chosen)

    def links(self) -> tuple[Link, ...]:
        """The live links, oldest first, without those that are to be closed."""
        return tuple(self._live())

    def candidates(self) -> tuple[Candidate, ...]:
        """All candidates, for `peers` and `doctor`."""
        return tuple(self._candidates)

    def statistics(self) -> LinkStatistics:
        """Counts."""
        absent = sum(c.failures >= limits.ABSENT_FAILURES for c in self._candidates)
        dialing = self._candidates.in_flight
        return LinkStatistics(len(self._live()), dialing, len(self._candidates), absent)

    # ---- how it is decided

    def _live(self) -> list[Link]:
        return [link for link in self._links.values() if not link.closing]

    def _linked(self) -> set[PeerKey]:
        """The devices that have a link, also one about to close: they are not dialed."""
        return {link.device for link in self._links.values()}

    def _few(self, peers: Mapping[PeerKey, Peer]) -> bool:
        """Whether so few others are present that everybody links to everybody.

        A device that dialed us is most likely one of those heard by multicast DNS, though not
        yet known to be that one; it is not counted twice.
        """
        linked = self._linked()
        unplaced = sum(device not in peers for device in linked)
        unlinked = sum(not p.absent for p in peers.values() if p.key not in linked)
        return len(linked) + max(0, unlinked - unplaced) <= self._full_mesh

    def _neighbours(self, peers: Mapping[PeerKey, Peer]) -> set[PeerKey]:
        """The keys of our neighbours in both rings, absent ones left out."""
        linked = self._linked()
        present = [p for p in peers.values() if p.key in linked or not p.absent]
        found: set[PeerKey] = set()
        if self._candidates.instance is not None:
            heard = {p.instance: p.key for p in present if p.instance is not None}
            found.update(heard[name] for name in ring_neighbours(self._candidates.instance, heard))
        known = [p.key for p in present if p.instance is None and isinstance(p.key, bytes)]
        found.update(ring_neighbours(self._device, known))
        return found

    def _wanted(self, now: float) -> list[Peer]:
        """The peers to dial that have no link, the most wanted first."""
        linked = self._linked()
        table = self._candidates.peers()
        peers = [p for p in table.values() if p.key not in linked and p.key != self._device]
        order = {p.key: (p.tried, p.instance is None, self._random()) for p in peers}
        peers.sort(key=lambda peer: order[peer.key])
        if self._few(table):
            return peers
        neighbours = self._neighbours(table)
        wanted = [p for p in peers if p.given or p.key in neighbours]
        due = [p for p in peers if p not in wanted and p.due(now) is not None]
        free = self._target - len({link.device for link in self._live()})
        free -= sum(
            peer.dialing or (peer in wanted and peer.due(now) is not None) for peer in peers
        )
        wanted += [p for p in due if not p.absent][: max(0, free)]
        if not any(peer.absent and peer.dialing for peer in peers):
            wanted += [p for p in due if p.absent][:1]
        return wanted

    def _duplicates(self, device: bytes) -> list[Link]:
        """Of all links to one device those that this side is to close, by the rules above."""
        links = [link for link in self._live() if link.device == device]
        by_smaller = [link for link in links if link.dialed == (self._static < link.static)]
        staying = by_smaller or links
        doomed = [link for link in links if link not in staying]
        if staying[-1].dialed:
            doomed += staying[:-1]
        return doomed
