"""The addresses that this node may dial, where each came from, and when its turn is.

A bounded table without I/O. Who deserves a link is decided in mesh.py; this file remembers.
Times are seconds on any clock that only goes forward.
Source: docs/protocol.md, "Links".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from meshaid import limits
from meshaid.addresses import parse_address
from meshaid.dns_sd import Discovered

Source = Literal["given", "invite", "remembered", "mdns"]
"""Who told an address: a person, an invite, an earlier meeting, or multicast DNS."""

PeerKey = bytes | str
"""Who is behind some addresses, as far as known: device id, else instance name, else address."""

_NEVER = float("-inf")


@dataclass(slots=True, eq=False)
class Candidate:
    """One address, HOST:PORT, and how it went so far."""

    address: str
    sources: set[Source]
    instance: str | None = None
    device: bytes | None = None
    failures: int = 0
    """Dials in a row that led to no lasting link."""
    next_try: float = _NEVER
    tried: float = _NEVER
    dialing: bool = False

    @property
    def peer(self) -> PeerKey:
        """Who is behind it; several addresses of one peer are tried in turn."""
        return self.device or self.instance or self.address

    @property
    def host(self) -> str:
        """The host part of the address."""
        return parse_address(self.address)[0]


@dataclass(slots=True, eq=False)
class Peer:
    """All candidates that lead to one device, as far as this is known."""

    key: PeerKey
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def instance(self) -> str | None:
        """Its instance name, if it is heard by multicast DNS."""
        return next((c.instance for c in self.candidates if c.instance), None)

    @property
    def given(self) -> bool:
        """Whether a person asked for it by address."""
        return any("given" in c.sources for c in self.candidates)

    @property
    def dialing(self) -> bool:
        """Whether a dial is under way."""
        return any(c.dialing for c in self.candidates)

    @property
    def absent(self) -> bool:
        """Whether every address has failed so often that nobody seems to be there."""
        return all(c.failures >= limits.ABSENT_FAILURES for c in self.candidates)

    @property
    def tried(self) -> float:
        """When it was last dialed."""
        return max(c.tried for c in self.candidates)

    def due(self, now: float) -> Candidate | None:
        """The address to dial now: of those whose time has come the one tried longest ago."""
        if self.dialing:
            return None
        ready = [c for c in self.candidates if c.next_try <= now]
        return min(ready, key=lambda c: (c.tried, c.address.startswith("[")), default=None)


class Candidates:
    """The table. `random` gives floats from 0 up to 1."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._table: dict[str, Candidate] = {}
        self._own_addresses: OrderedDict[str, None] = OrderedDict()
        self._learnt: OrderedDict[str, bytes] = OrderedDict()
        self._in_flight: set[str] = set()
        self._instance: str | None = None

    @property
    def instance(self) -> str | None:
        """Our own instance name while we are announced."""
        return self._instance

    def __iter__(self) -> Iterator[Candidate]:
        return iter(tuple(self._table.values()))

    def __len__(self) -> int:
        return len(self._table)

    def peers(self) -> dict[PeerKey, Peer]:
        """All candidates, grouped by who is behind them."""
        found: dict[PeerKey, Peer] = {}
        for candidate in self._table.values():
            found.setdefault(candidate.peer, Peer(candidate.peer)).candidates.append(candidate)
        return found

    # ---- what is told

    def add(self, address: str, source: Source, *, device: bytes | None = None) -> bool:
        """Take in one address; False where its table is full of better ones, or it is our own.

        Raises:
          InvalidInput: it is no HOST:PORT.
        """
        parse_address(address)
        if address in self._own_addresses:
            return False
        candidate = self._table.get(address)
        is_new = candidate is None or source not in candidate.sources
        if is_new and not self._make_room(source):
            return False
        if candidate is None:
            candidate = self._table[address] = Candidate(address, {source})
            candidate.dialing = address in self._in_flight
        candidate.sources.add(source)
        if candidate.device is None:
            candidate.device = device
        return True

    def discovered(self, event: Discovered, now: float) -> None:
        """Multicast DNS gives the addresses of one instance; they replace its earlier ones."""
        for candidate in self:
            if candidate.instance == event.instance and candidate.address not in event.addresses:
                self._forget_mdns(candidate)
        for address in event.addresses:
            known = self._table.get(address)
            if not self.add(address, "mdns"):
                continue
            candidate = self._table[address]
            if candidate.instance != event.instance:
                candidate.instance = event.instance
                candidate.device = self._learnt.get(event.instance)
            if known is None:
                candidate.next_try = now + self._patience(candidate)

    def expired(self, instance: str) -> None:
        """Multicast DNS says that this instance is gone."""
        for candidate in self:
            if candidate.instance == instance:
                self._forget_mdns(candidate)

    def announced(self, instance: str, now: float) -> None:
        """We have a new instance name on perhaps another network: everybody deserves a try."""
        self._instance = instance
        self._own_addresses.clear()
        for candidate in self:
            if candidate.instance is not None:
                self._forget_mdns(candidate)
        self.retry(self, now)

    def own(self, address: str) -> None:
        """It was ourselves who answered there."""
        self.answered(address)
        self._table.pop(address, None)
        self._own_addresses[address] = None
        if len(self._own_addresses) > limits.MAX_CANDIDATES:
            self._own_addresses.popitem(last=False)

    # ---- what happened

    @property
    def in_flight(self) -> int:
        """How many addresses are being dialed, also of candidates forgotten meanwhile."""
        return len(self._in_flight)

    def dial(self, candidate: Candidate, now: float) -> None:
        """It is being dialed from now until `answered`."""
        candidate.dialing = True
        candidate.tried = now
        self._in_flight.add(candidate.address)

    def answered(self, address: str) -> Candidate | None:
        """A dial has ended, well or not; None when the address was forgotten meanwhile."""
        self._in_flight.discard(address)
        candidate = self._table.get(address)
        if candidate is not None:
            candidate.dialing = False
        return candidate

    def learn(self, address: str, device: bytes) -> None:
        """A handshake proved who is behind this address, and behind all of its instance."""
        candidate = self._table.get(address)
        if candidate is None:
            return
        candidate.device = device
        instance = candidate.instance
        if instance is None:
            return
        self._learnt[instance] = device
        self._learnt.move_to_end(instance)
        if len(self._learnt) > limits.MAX_CANDIDATES:
            self._learnt.popitem(last=False)
        for other in self:
            if other.instance == instance:
                other.device = device
            elif other.device == device and other.instance is not None:
                self._forget_mdns(other)  # the name it had before its last start

    def failed(self, candidates: Iterable[Candidate], now: float) -> None:
        """A dial led nowhere, or its link did not last: the pause doubles, with jitter."""
        for candidate in candidates:
            candidate.failures += 1
            doubled = limits.BACKOFF_FIRST_SECONDS * 2.0 ** min(candidate.failures - 1, 30)
            pause = min(limits.BACKOFF_LAST_SECONDS, doubled) * (0.5 + self._random() / 2)
            candidate.next_try = now + pause + self._patience(candidate)

    def retry(self, candidates: Iterable[Candidate], now: float) -> None:
        """Something has changed for the better: forget the failures."""
        for candidate in candidates:
            candidate.failures = 0
            candidate.next_try = now + self._patience(candidate)

    def leave_alone(self, host: str, now: float) -> None:
        """A device from this host has dialed us: most likely its announced address is known.

        Its device is not proven to be behind that address, so it is dialed all the same, later.
        Where several share the host (homes on one computer) nothing can be guessed.
        """
        likely = [c for c in self if c.device is None and c.instance and c.host == host]
        if len({candidate.instance for candidate in likely}) == 1:
            for candidate in likely:
                candidate.next_try = max(candidate.next_try, now + limits.BACKOFF_LAST_SECONDS)

    def _patience(self, candidate: Candidate) -> float:
        """The smaller instance name dials first; a hint only, nothing depends on it."""
        if self._instance is None or candidate.instance is None:
            return 0.0
        return limits.PATIENCE_SECONDS if self._instance > candidate.instance else 0.0

    # ---- bounds

    def _forget_mdns(self, candidate: Candidate) -> None:
        candidate.sources.discard("mdns")
        candidate.instance = None
        if not candidate.sources:
            del self._table[candidate.address]

    def _make_room(self, source: Source) -> bool:
        """Whether one more address of this source fits, at worst in place of a failing one."""
        bound = limits.MAX_CANDIDATES if source == "mdns" else limits.MAX_ADDRESSES
        same = [candidate for candidate in self if source in candidate.sources]
        if len(same) < bound:
            return True
        worst = max(same, key=lambda c: c.failures if not c.dialing else 0)
        if worst.failures == 0 or worst.dialing:
            return False
        worst.sources.discard(source)
        if not worst.sources:
            del self._table[worst.address]
        return True
