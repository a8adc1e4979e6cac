"""A small honest world for meetings: cards and documents without cryptography.

`FakeWorld` has people who join by invites, and documents that are chains of numbered runs. It keeps
the rules that a meeting relies on, in the simplest form that keeps them:

- the roster is a function of the set of cards, whatever their order;
- a document takes runs of its own member's devices only, each exactly once and in order; what
  comes too early waits, what breaks the chain is refused;
- what counts is every run of a standing device's chain; a removed member's document is no item.

A card is an array of kind, subject, granter, member and static key; a run's text travels in the
columns of its change, so deltas pass the real codec of messages and the real reader of deltas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgpack
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from meshaid.core.delta import Run, StrippedDelta, StrippedRun
from meshaid.core.knowledge import Channel, Knowledge, NotProven, Proven, Removed, Standing
from meshaid.core.noise import channel_prologue
from meshaid.core.shapes import Clock
from meshaid.errors import RemoteProtocolError


class Device(Protocol):
    """One device of a world."""

    @property
    def knowledge(self) -> Knowledge: ...
    def write(self, text: str) -> tuple[bytes, Clock]:
        """Write one change; the document's name and its clock before."""

    def board(self) -> Mapping[bytes, object]:
        """What it shows, in a form that is equal on equal boards."""


class World(Protocol):
    """People and their devices, all of one community."""

    def found(self, name: str) -> Device: ...
    def join(self, name: str, inviter: Device) -> Device:
        """Join by an invite alone: nobody's cards but its own are held."""

    def link(self, name: str, sibling: Device) -> Device:
        """Another device of the same member, likewise."""

    def remove(self, remover: Device, target: Device) -> None:
        """`remover` signs and keeps a card that removes the target's member."""


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"|".join(parts)).digest()


def seal(actor: bytes, head: bytes) -> bytes:
    """The world's signature: 64 bytes that nobody here forges."""
    return hashlib.sha512(b"sealed" + actor + head).digest()


def columns_of(text: str) -> bytes:
    data = text.encode()
    return bytes([1, 1, len(data)]) + data


@dataclass(frozen=True)
class FakeCard:
    kind: str  # "root", "invite", "device", "removal"
    subject: bytes  # invite: its own id; device: the device; removal: the member
    granter: bytes  # invite, removal: a device; device: an invite, or a device of the same member
    member: bytes = b""
    static: bytes = b""

    @property
    def wire(self) -> bytes:
        fields = [self.kind, self.subject, self.granter, self.member, self.static]
        return bytes(msgpack.packb(["card", *fields]))

    @property
    def hash(self) -> bytes:
        return sha(self.wire)

    @classmethod
    def read(cls, wire: bytes) -> FakeCard:
        try:
            tag, *fields = msgpack.unpackb(wire)
        except ValueError as error:
            raise RemoteProtocolError("no card") from error
        if tag != "card":
            raise RemoteProtocolError("no card")
        return cls(*fields)


@dataclass
class FakeReceipt:
    genesis: bytes
    before: Clock
    accepted: int = 0
    refused: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class FakeTaken:
    name: bytes
    mark: bytes
    outcome: Literal["new", "held", "erased", "later", "full"]


class FakeNotes:
    """Notes that are any bytes: the first 8 mark what they are about.

    `places` are the marks that this device can place; None is all of them. What is in `over` is
    not taken. While `strangers` is true a card is missing that every note needs.
    """

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}
        self.places: set[bytes] | None = None
        self.over: set[bytes] = set()
        self.strangers = False

    def write(self, text: str) -> bytes:
        """Keep a note that is about the first 8 letters; its name."""
        wire = text.ljust(8).encode()
        name = sha(b"note", wire)[:16]
        self.held[name] = wire
        return name

    def erase(self, name: bytes) -> None:
        """What a sweep does."""
        del self.held[name]
        self.over.add(name)

    def shown(self) -> dict[bytes, bytes]:
        return {name: wire[:8] for name, wire in self.held.items()}

    def wants(self, name: bytes, mark: bytes) -> bool:
        placed = self.places is None or mark in self.places
        return placed and name not in self.held and name not in self.over

    def wire(self, name: bytes) -> bytes | None:
        return self.held.get(name)

    def take(self, wires: Sequence[bytes]) -> list[FakeTaken]:
        if any(wire.startswith(b"bad") for wire in wires):
            raise RemoteProtocolError("no honest device passes this on")
        return [self._take(wire) for wire in wires]

    def _take(self, wire: bytes) -> FakeTaken:
        name, mark = sha(b"note", wire)[:16], wire[:8]
        if name in self.held:
            return FakeTaken(name, mark, "held")
        if self.strangers or not self.wants(name, mark):
            return FakeTaken(name, mark, "later")
        self.held[name] = wire
        return FakeTaken(name, mark, "new")


class FakeKnowledge:
    """One device's knowledge; see `Knowledge`."""

    def __init__(self, name: str, member: bytes, own: Sequence[FakeCard], psk: bytes) -> None:
        self.device = sha(b"device", name.encode())
        self.member = member
        self.static = sha(b"static", name.encode())
        self.psks: tuple[bytes, ...] = (psk,)
        self.nonce = bytes(4)
        self.root = sha(b"root")
        self.held: dict[bytes, FakeCard] = {}
        self.chains: dict[bytes, dict[bytes, list[str]]] = {}
        self.waiting: dict[bytes, list[StrippedRun]] = {}
        self.noted: list[bytes] = []
        self.received = 0
        self.own = list(own)
        self.notes = FakeNotes()
        self.standing_cards: dict[bytes, FakeCard] = {}
        self.removed: set[bytes] = set()
        self._keep(own)

    # ---- who
    def channel(self) -> Channel:
        return Channel(self.static, self.psks, channel_prologue(sha(b"community")))

    def own_card(self) -> bytes:
        return next(card.hash[:16] for card in self.own if card.kind == "device")

    @property
    def actor(self) -> bytes:
        return self.device + self.nonce

    def standing(self, static: bytes, card: bytes | None) -> Standing:
        claimed = next((c for h, c in self.held.items() if h[:16] == card), None)
        if claimed is not None and claimed.static != static:
            raise RemoteProtocolError("the card is for another static key")
        for known in self.standing_cards.values():
            if known.kind == "device" and known.static == static:
                if card is not None and known.hash[:16] != card:
                    return NotProven()
                return Removed() if known.member in self.removed else self._proven(known)
        return NotProven()

    @staticmethod
    def _proven(card: FakeCard) -> Standing:
        return Proven(card.subject, card.member)

    # ---- cards
    def _keep(self, cards: Iterable[FakeCard]) -> None:
        for card in cards:
            self.held[card.hash] = card
        devices = {self.root}
        while True:
            invites = {c.subject for c in self.held.values() if self._invites(c, devices)}
            effective = {
                h: c
                for h, c in self.held.items()
                if (c.kind == "device" and c.granter in invites | devices)
                or self._invites(c, devices)
                or (c.kind == "removal" and c.granter in devices)
            }
            grown = devices | {c.subject for c in effective.values() if c.kind == "device"}
            if grown == devices:
                break
            devices = grown
        self.standing_cards = effective
        self.removed = {c.subject for c in effective.values() if c.kind == "removal"}

    @staticmethod
    def _invites(card: FakeCard, devices: set[bytes]) -> bool:
        return card.kind == "invite" and card.granter in devices

    def effective(self) -> set[bytes]:
        return set(self.standing_cards)

    def card_names(self) -> list[bytes]:
        chain = [card.hash for card in self.own]
        rest = sorted(self.standing_cards.keys() - set(chain))
        return [card_hash[:16] for card_hash in chain + rest]

    def card(self, name: bytes) -> bytes | None:
        return next((c.wire for h, c in self.held.items() if h[:16] == name), None)

    def name_card(self, wire: bytes) -> bytes:
        return FakeCard.read(wire).hash[:16]

    def add_cards(self, wires: Sequence[bytes]) -> CardsTaken:
        before = self.effective()
        self._keep(FakeCard.read(wire) for wire in wires)
        for genesis in list(self.waiting):
            self._judge(genesis, self.waiting.pop(genesis), FakeReceipt(genesis, {}))
        return CardsTaken(self.effective() != before)

    # ---- documents
    def members(self) -> set[bytes]:
        devices = (c for c in self.standing_cards.values() if c.kind == "device")
        return {c.member for c in devices} - self.removed

    def items(self) -> dict[bytes, bytes]:
        names = sorted(sha(b"document", member) for member in self.members())
        return {name: self._state(name) for name in names if self.chains.get(name)}

    def items_by_importance(self) -> dict[bytes, bytes]:
        return self.items()

    def _state(self, genesis: bytes) -> bytes:
        clock = self.document_clock(genesis)
        parts = [a + n.to_bytes(4, "big") + h for a, (n, h) in sorted(clock.items())]
        return sha(b"state", *parts)

    def genesis_named(self, name: bytes) -> bytes | None:
        known = (sha(b"document", member) for member in self.members() | {self.member})
        return next((genesis for genesis in known if genesis[:16] == name), None)

    def document_clock(self, genesis: bytes) -> Clock:
        chains = self.chains.get(genesis, {})
        return {actor: (len(texts), head_of(actor, texts)) for actor, texts in chains.items()}

    def owed(self, genesis: bytes, theirs: Clock) -> list[Run]:
        if genesis not in self.items():
            return []
        runs = []
        for actor, texts in sorted(self.chains[genesis].items()):
            start = theirs.get(actor, (0, b""))[0]
            for end in range(start + 1, len(texts) + 1):
                change = msgpack.packb([end - 1, texts[end - 1]])
                runs.append(Run(actor, (change,), seal(actor, head_of(actor, texts[:end]))))
        return runs

    def encode(self, genesis: bytes, runs: Sequence[Run]) -> Iterable[bytes]:
        for start in range(0, len(runs), 3):
            part = runs[start : start + 3]
            actors = sorted({run.actor for run in part})
            yield msgpack.packb([genesis, actors, [encode_run(run, actors) for run in part]])

    def receive(self, deltas: Sequence[StrippedDelta]) -> list[FakeReceipt]:
        self.received += len(deltas)
        receipts = []
        for delta in deltas:
            receipt = FakeReceipt(delta.genesis, self.document_clock(delta.genesis))
            self._judge(delta.genesis, delta.runs, receipt)
            receipts.append(receipt)
        return receipts

    def _judge(self, genesis: bytes, runs: Iterable[StrippedRun], receipt: FakeReceipt) -> None:
        queue = list(runs)
        while queue:
            run = queue.pop(0)
            verdict = self._judge_one(genesis, run)
            if verdict == "accepted":
                receipt.accepted += 1
                queue += self.waiting.pop(genesis, [])
            elif verdict == "waiting":
                self.waiting.setdefault(genesis, []).append(run)
            elif verdict != "held":
                receipt.refused.append((verdict, run.signature[:16]))

    def _judge_one(self, genesis: bytes, run: StrippedRun) -> str:
        if self.genesis_named(genesis[:16]) != genesis:
            return "waiting"
        owner = next((c for c in self.held.values() if c.subject == run.actor[:32]), None)
        if owner is None:
            return "waiting"
        if sha(b"document", owner.member) != genesis:
            return "G4"
        number = int.from_bytes(run.base, "big")
        text = run.changes[0].columns[3:].decode()
        texts = self.chains.get(genesis, {}).get(run.actor, [])
        if number > len(texts):
            return "waiting"
        if seal(run.actor, head_of(run.actor, [*texts[:number], text])) != run.signature:
            return "G1"
        if number < len(texts):
            return "held"
        self.chains.setdefault(genesis, {}).setdefault(run.actor, []).append(text)
        return "accepted"

    def note_peer_clock(self, genesis: bytes, clock: Clock) -> bool:
        self.noted.append(genesis)
        self.nonce = sha(b"nonce", self.nonce)[:4]
        return True

    def digest(self) -> bytes:
        cards = sorted(self.effective())
        return sha(b"digest", *cards, *(g + s for g, s in sorted(self.items().items())))


@dataclass(frozen=True)
class CardsTaken:
    changed: bool


def head_of(actor: bytes, texts: Sequence[str]) -> bytes:
    head = b""
    for text in texts:
        head = sha(b"head", actor, head, text.encode())
    return head


def encode_run(run: Run, actors: Sequence[bytes]) -> list[object]:
    """A run of one change; the place in its chain travels as the base."""
    number, text = msgpack.unpackb(run.changes[0])
    change = [[], [], columns_of(text)]
    return [actors.index(run.actor), number.to_bytes(8, "big"), [change], run.signature]


class FakeDevice:
    """A device with a pen."""

    def __init__(self, name: str, member: bytes, own: Sequence[FakeCard], psk: bytes) -> None:
        self.name = name
        self.knowledge = FakeKnowledge(name, member, own, psk)

    def write(self, text: str) -> tuple[bytes, Clock]:
        genesis = sha(b"document", self.knowledge.member)
        before = self.knowledge.document_clock(genesis)
        chains = self.knowledge.chains.setdefault(genesis, {})
        chains.setdefault(self.knowledge.actor, []).append(text)
        return genesis, before

    def board(self) -> dict[bytes, object]:
        chains = self.knowledge.chains
        return {
            genesis: {actor: tuple(texts) for actor, texts in chains[genesis].items()}
            for genesis in self.knowledge.items()
        }


class FakeWorld:
    """See `World`."""

    def __init__(self) -> None:
        self.psk = sha(b"psk")

    def _device(
        self, name: str, member: bytes, granter: bytes, more: Sequence[FakeCard] = ()
    ) -> FakeDevice:
        public = X25519PrivateKey.from_private_bytes(sha(b"static", name.encode())).public_key()
        device = sha(b"device", name.encode())
        card = FakeCard("device", device, granter, member, public.public_bytes_raw())
        return FakeDevice(name, member, [*more, card], self.psk)

    def found(self, name: str) -> FakeDevice:
        return self._device(name, sha(b"member", name.encode()), sha(b"root"))

    def join(self, name: str, inviter: FakeDevice) -> FakeDevice:
        invite = sha(b"invite", name.encode())
        inviter.knowledge._keep([FakeCard("invite", invite, inviter.knowledge.device)])
        return self._device(name, sha(b"member", name.encode()), invite)

    def link(self, name: str, sibling: FakeDevice) -> FakeDevice:
        return self._device(name, sibling.knowledge.member, sibling.knowledge.device)

    def remove(self, remover: FakeDevice, target: FakeDevice) -> None:
        member, by = target.knowledge.member, remover.knowledge.device
        remover.knowledge._keep([FakeCard("removal", member, by)])
