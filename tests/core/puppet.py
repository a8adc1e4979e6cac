"""A peer that says whatever a test wants, to an honest meeting."""

from __future__ import annotations

from collections.abc import Callable

from meshaid.core import messages
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import Ended, MeetingEvent
from meshaid.core.messages import Digest, Hello, Message
from meshaid.core.reconcile import CARDS, DOCUMENTS, KeyedDigest
from meshaid.core.session import (
    TABLE,
    HandshakeDone,
    MessageReceived,
    Session,
    message_name,
)
from tests.core.meeting_pair import fresh_ephemeral
from tests.core.meeting_world import Device


class Puppet:
    """Speaks with the keys of one device to the meeting of another. It dials."""

    def __init__(
        self, device: Device, honest: Device, *, psk: bytes | None = None, once: bool = False
    ) -> None:
        self.knowledge = device.knowledge
        channel = self.knowledge.channel()
        self.now = 0.0
        self.session = Session(
            "dialer",
            static=channel.static,
            ephemeral=fresh_ephemeral(),
            psks=[psk] if psk else channel.psks,
            prologue=channel.prologue,
            now=0.0,
        )
        self.meeting = Meeting(
            honest.knowledge,
            role="listener",
            ephemeral=fresh_ephemeral(),
            now=0.0,
            once=once,
        )
        self.heard: list[Message] = []
        self.events: list[MeetingEvent] = []
        self.digest_key = b""

    # ---- bytes
    def exchange(self) -> None:
        """Carry bytes both ways until it is quiet."""
        while True:
            ours, theirs = self.session.data_to_send(), self.meeting.data_to_send()
            if ours:
                self.meeting.receive_data(ours, self.now)
            if theirs:
                self.session.receive_data(theirs, self.now)
            while (event := self.session.next_event()) is not None:
                if isinstance(event, HandshakeDone):
                    self.digest_key = event.digest_key
                elif isinstance(event, MessageReceived):
                    self.heard.append(event.message)
            self.events += self.meeting.events()
            if not ours and not theirs:
                return

    def say(self, *several: Message) -> None:
        """Say something, legal or not, and let the other side answer."""
        for message in several:
            self.throw(messages.encode(message))
            # So that the puppet's own session goes on listening after a lie.
            self.session.ours = TABLE[self.session.ours].get(
                message_name(message), self.session.ours
            )
        self.exchange()

    def throw(self, data: bytes) -> None:
        """Queue any bytes as one message."""
        assert self.session._writer is not None
        self.session._out += self.session._writer.frame(data)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.meeting.tick(self.now)
        self.exchange()

    # ---- an honest beginning
    def digest(self, change: Callable[[bytes], bytes] = lambda digest: digest) -> Digest:
        """The digests of what the puppet's device knows; `change` makes them a lie."""
        cards = KeyedDigest(self.digest_key, CARDS).of_set(self.knowledge.effective())
        items = KeyedDigest(self.digest_key, DOCUMENTS).of(self.knowledge.items())
        return Digest(cards, change(items))

    def shake_hands(self) -> Puppet:
        self.exchange()
        return self

    def greet(self, change: Callable[[bytes], bytes] = lambda digest: digest) -> Puppet:
        """Handshake and HELLO, with these digests."""
        self.shake_hands()
        digest = self.digest(change)
        self.say(Hello(self.knowledge.own_card(), digest.cards, digest.documents))
        return self

    # ---- what came of it
    def took(self, kind: type[Message]) -> list[Message]:
        """What it heard of this kind since last asked."""
        found = [message for message in self.heard if isinstance(message, kind)]
        self.heard = [message for message in self.heard if not isinstance(message, kind)]
        return found

    @property
    def ended(self) -> Ended | None:
        return next((event for event in self.events if isinstance(event, Ended)), None)
