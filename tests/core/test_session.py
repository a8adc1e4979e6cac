"""The session table and the machine around it, in both roles."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core import messages
from meshaid.core.messages import (
    Bye,
    ByeReason,
    CardList,
    Cards,
    CardWant,
    Delta,
    Digest,
    DocumentState,
    Done,
    Hello,
    Items,
    Message,
    NotKnown,
    Ping,
    Pong,
    Refused,
    Sealed,
    SealedDigest,
    SealedList,
    SealedWant,
    Want,
    Wanted,
)
from meshaid.core.noise import DialedItself, Role, channel_prologue
from meshaid.core.session import (
    DOCUMENT_MESSAGES,
    PROVING_HELLO,
    TABLE,
    Ending,
    Event,
    HandshakeDone,
    MessageReceived,
    Session,
    SessionEnded,
    State,
    message_name,
    next_state,
    table_text,
)
from meshaid.errors import BrokenError, LocalProtocolError, RemoteProtocolError

NAME = bytes(16)
HELLO, PROVING = Hello(NAME, NAME, b""), Hello(NAME, NAME, NAME)
EVERY: list[Message] = [
    HELLO,
    PROVING,
    CardList((NAME,)),
    CardWant((NAME,)),
    Cards(()),
    Digest(NAME, NAME),
    Items(()),
    Want(1, (Wanted(bytes(32), {}),)),
    Delta(0, (b"x",)),
    Done(1),
    DocumentState(NAME, NAME),
    Refused(NAME, "G1", NAME),
    NotKnown(),
    Ping(),
    Pong(),
    SealedList(()),
    Sealed(0, ()),
    SealedDigest(NAME),
    SealedWant(1, (NAME,)),
    Bye(ByeReason.DONE),
]
PATHS: dict[State, list[Message]] = {
    State.HELLO: [],
    State.ROSTER: [HELLO],
    State.LIVE: [PROVING],
    State.RECONCILE: [PROVING, Items(())],
}
"""How a side gets into each state."""


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def session(
    role: Role,
    name: str | None = None,
    *,
    psks: tuple[bytes, ...] = (seed("psk"),),
    community: str = "community",
    now: float = 0.0,
) -> Session:
    return Session(
        role,
        static=seed(name or role),
        ephemeral=seed(f"ephemeral of {name or role}"),
        psks=psks,
        prologue=channel_prologue(seed(community)),
        now=now,
    )


def carry(sender: Session, receiver: Session, now: float = 0.0, chunk: int = 65_536) -> list[Event]:
    """Everything due from one to the other, and what it makes of it."""
    data = sender.data_to_send()
    events: list[Event] = []
    for start in range(0, len(data), chunk):
        receiver.receive_data(data[start : start + chunk], now)
        events += drain(receiver)
    return events


def drain(receiver: Session) -> list[Event]:
    events = []
    while (event := receiver.next_event()) is not None:
        events.append(event)
    return events


def shake_hands(one: Session, other: Session, chunk: int = 65_536) -> list[list[Event]]:
    events: list[list[Event]] = [[], []]
    for _ in range(3):
        events[1] += carry(one, other, chunk=chunk)
        events[0] += carry(other, one, chunk=chunk)
    return events


@pytest.fixture(params=["dialer", "listener"])
def sides(request: pytest.FixtureRequest) -> tuple[Session, Session]:
    """Two sessions after the handshake; the first, which tests let speak, in either role."""
    dialer, listener = session("dialer"), session("listener")
    shake_hands(dialer, listener)
    return (dialer, listener) if request.param == "dialer" else (listener, dialer)


def walk(speaker: Session, other: Session, *several: Message) -> list[Event]:
    events = []
    for message in several:
        speaker.send(message, 0.0)
        events += carry(speaker, other)
    return events


# ---- the table
def test_every_state_has_a_row_and_every_message_a_place() -> None:
    assert set(TABLE) == set(State)
    assert {name for row in TABLE.values() for name in row} == {message_name(m) for m in EVERY}
    assert not TABLE[State.CLOSED]
    for state, row in TABLE.items():
        assert state in (State.HANDSHAKE, State.CLOSED) or row["BYE"] is State.CLOSED


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("message", EVERY, ids=message_name)
def test_table_is_kept_in_both_directions(
    sides: tuple[Session, Session], state: State, message: Message
) -> None:
    speaker, other = sides
    walk(other, speaker, PROVING)
    walk(speaker, other, *PATHS[state])
    assert speaker.ours is other.theirs is state
    target = TABLE[state].get(message_name(message))
    if target is None:
        with pytest.raises(LocalProtocolError, match=f"{message_name(message)}.*{state.name}"):
            speaker.send(message, 0.0)
        assert speaker.ours is state
        force(speaker, message)
        (ended,) = carry(speaker, other)
        assert isinstance(ended, SessionEnded)
        assert ended.ending is Ending.PROTOCOL
        assert isinstance(ended.error, RemoteProtocolError)
        assert message_name(message) in str(ended.error)
        assert state.name in str(ended.error)
        (bye,) = carry(other, speaker)
        assert bye == SessionEnded(Ending.PROTOCOL, by_peer=True, error=None)
    else:
        events = walk(speaker, other, message)
        assert speaker.ours is other.theirs is target
        if target is State.CLOSED:
            assert events == [SessionEnded(Ending.DONE, by_peer=True, error=None)]
        elif isinstance(message, Ping | Pong):
            assert events == []
        else:
            assert events == [MessageReceived(message)]


@pytest.mark.parametrize("message", EVERY, ids=message_name)
def test_documents_need_both_to_be_proven(sides: tuple[Session, Session], message: Message) -> None:
    speaker, other = sides
    walk(other, speaker, HELLO)
    walk(speaker, other, PROVING)
    name = message_name(message)
    if name not in DOCUMENT_MESSAGES:
        assert next_state(State.LIVE, State.ROSTER, name) is TABLE[State.LIVE].get(name)
        return
    assert next_state(State.LIVE, State.ROSTER, name) is None
    with pytest.raises(LocalProtocolError):
        speaker.send(message, 0.0)
    force(speaker, message)
    (ended,) = carry(speaker, other)
    assert isinstance(ended, SessionEnded)
    assert isinstance(ended.error, RemoteProtocolError)


def force(speaker: Session, message: Message) -> None:
    """Say it, legal or not."""
    assert speaker._writer is not None
    speaker._out += speaker._writer.frame(messages.encode(message))


def test_text_of_the_table() -> None:
    text = table_text()
    for state in State:
        assert f"\n{state.name}\n" in f"\n{text}"
    assert PROVING_HELLO in text
    assert "    stays         CARD_LIST, CARD_WANT, CARDS, NOT_KNOWN, PING, PONG" in text


# ---- handshake
@pytest.mark.parametrize("chunk", [1, 10, 65_536])
def test_handshake(chunk: int) -> None:
    dialer, listener = session("dialer"), session("listener")
    ((one,), (other,)) = shake_hands(dialer, listener, chunk)
    assert isinstance(one, HandshakeDone)
    assert isinstance(other, HandshakeDone)
    assert one.digest_key == other.digest_key
    assert one.remote_static != other.remote_static
    assert one.psk_index == other.psk_index == 0
    assert dialer.ours is dialer.theirs is listener.ours is listener.theirs is State.HELLO
    assert "digest_key" not in repr(one)


def test_digest_key_is_of_this_session_only() -> None:
    keys = set()
    for name in ("one", "two", "three"):
        dialer, listener = session("dialer", name), session("listener")
        ((one,), _) = shake_hands(dialer, listener)
        assert isinstance(one, HandshakeDone)
        keys.add(one.digest_key)
    assert len(keys) == 3


def test_listener_takes_a_retired_key() -> None:
    dialer = session("dialer", psks=(seed("old"), seed("older")))
    listener = session("listener", psks=(seed("new"), seed("old")))
    ((one,), (other,)) = shake_hands(dialer, listener)
    assert isinstance(one, HandshakeDone)
    assert isinstance(other, HandshakeDone)
    assert (one.psk_index, other.psk_index) == (0, 1)
    assert one.digest_key == other.digest_key


@pytest.mark.parametrize(
    "dialer",
    [
        lambda: session("dialer", psks=(seed("wrong"),)),
        lambda: session("dialer", community="another"),
    ],
    ids=["door key", "community"],
)
def test_stranger_gets_no_answer(dialer: Callable[[], Session]) -> None:
    listener = session("listener")
    (ended,) = carry(dialer(), listener)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.HANDSHAKE
    assert isinstance(ended.error, RemoteProtocolError)
    assert listener.data_to_send() == b""
    assert listener.closed


def test_dialing_itself() -> None:
    dialer, listener = session("dialer", "me"), session("listener", "me")
    carry(dialer, listener)
    (ended,) = carry(listener, dialer)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.ITSELF
    assert isinstance(ended.error, DialedItself)


def test_needs_a_psk() -> None:
    with pytest.raises(LocalProtocolError, match="psk"):
        session("dialer", psks=())


def test_nothing_is_sent_before_the_handshake() -> None:
    dialer = session("dialer")
    with pytest.raises(LocalProtocolError, match="HANDSHAKE"):
        dialer.send(HELLO, 0.0)
    dialer.close(ByeReason.LEAVING, 0.0)
    assert drain(dialer) == [SessionEnded(Ending.LEAVING, by_peer=False, error=None)]


@given(st.binary(min_size=1, max_size=1200), st.booleans())
def test_garbage_instead_of_a_handshake(data: bytes, dials: bool) -> None:
    victim = session("dialer" if dials else "listener")
    victim.data_to_send()
    victim.receive_data(data, 0.0)
    victim.receive_data(b"", 0.0)
    (ended,) = drain(victim)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.HANDSHAKE
    assert victim.data_to_send() == b""


@given(st.binary(min_size=1, max_size=400))
def test_garbage_afterwards(data: bytes) -> None:
    dialer, listener = session("dialer"), session("listener")
    shake_hands(dialer, listener)
    listener.receive_data(data, 0.0)
    listener.receive_data(b"", 0.0)
    (ended,) = drain(listener)
    assert isinstance(ended, SessionEnded)
    assert ended.ending in (Ending.PROTOCOL, Ending.CUT)
    assert ended.error is not None


# ---- ends
def test_bye_ends_both(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    walk(speaker, other, HELLO)
    speaker.close(ByeReason.BUSY, 0.0)
    speaker.close(ByeReason.BUSY, 0.0)
    assert drain(speaker) == [SessionEnded(Ending.BUSY, by_peer=False, error=None)]
    assert carry(speaker, other) == [SessionEnded(Ending.BUSY, by_peer=True, error=None)]
    for side in sides:
        assert side.closed
        assert side.deadline == math.inf
        side.tick(1e9)
        side.receive_data(b"anything", 0.0)
        side.fail(RemoteProtocolError("too late"))
        assert drain(side) == []
        assert side.data_to_send() == b""
        with pytest.raises(LocalProtocolError, match="CLOSED"):
            side.send(Ping(), 0.0)


@pytest.mark.parametrize("state", PATHS)
def test_end_of_stream_without_bye(sides: tuple[Session, Session], state: State) -> None:
    speaker, other = sides
    walk(other, speaker, PROVING)
    walk(speaker, other, *PATHS[state])
    other.receive_data(b"", 0.0)
    (ended,) = drain(other)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.CUT
    assert isinstance(ended.error, BrokenError)
    assert not ended.by_peer


def test_end_of_stream_behind_a_message(sides: tuple[Session, Session]) -> None:
    """What arrived whole is still told, the cut comes last."""
    speaker, other = sides
    speaker.send(HELLO, 0.0)
    data = speaker.data_to_send()
    other.receive_data(data + data[:1], 0.0)
    other.receive_data(b"", 0.0)
    first, last = drain(other)
    assert first == MessageReceived(HELLO)
    assert isinstance(last, SessionEnded)
    assert last.ending is Ending.CUT


def test_send_failed(sides: tuple[Session, Session]) -> None:
    speaker, _ = sides
    speaker.send(HELLO, 0.0)
    speaker.send_failed()
    assert speaker.data_to_send() == b""
    (ended,) = drain(speaker)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.CUT
    assert isinstance(ended.error, BrokenError)


def test_send_failed_after_the_end(sides: tuple[Session, Session]) -> None:
    speaker, _ = sides
    speaker.close(ByeReason.DONE, 0.0)
    assert len(drain(speaker)) == 1
    speaker.send_failed()
    assert drain(speaker) == []
    assert speaker.data_to_send() == b""


def test_damaged_frame_gets_no_bye(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    speaker.send(HELLO, 0.0)
    data = bytearray(speaker.data_to_send())
    data[-1] ^= 1
    other.receive_data(bytes(data), 0.0)
    (ended,) = drain(other)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.PROTOCOL
    assert isinstance(ended.error, RemoteProtocolError)
    assert other.data_to_send() == b""


def test_caller_may_end_it(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    walk(speaker, other, HELLO)
    error = RemoteProtocolError("it lied")
    speaker.fail(error)
    assert drain(speaker) == [SessionEnded(Ending.PROTOCOL, by_peer=False, error=error)]
    assert carry(speaker, other) == [SessionEnded(Ending.PROTOCOL, by_peer=True, error=None)]


def test_malformed_message_ends_it(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    assert speaker._writer is not None
    speaker._out += speaker._writer.frame(b"\xc1")
    (ended,) = carry(speaker, other)
    assert isinstance(ended, SessionEnded)
    assert isinstance(ended.error, RemoteProtocolError)


def test_local_fault_changes_nothing(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    with pytest.raises(LocalProtocolError):
        speaker.send(Hello(b"", b"", b""), 0.0)
    assert speaker.ours is State.HELLO
    assert walk(speaker, other, HELLO) == [MessageReceived(HELLO)]


# ---- time
def test_handshake_takes_no_longer() -> None:
    listener = session("listener", now=100.0)
    assert listener.deadline == 100 + limits.HANDSHAKE_SECONDS
    listener.tick(listener.deadline - 0.1)
    assert drain(listener) == []
    listener.tick(listener.deadline)
    (ended,) = drain(listener)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.HANDSHAKE
    assert isinstance(ended.error, BrokenError)


def test_hello_is_part_of_that_time(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    speaker.send(HELLO, 1.0)
    assert speaker.deadline == limits.HANDSHAKE_SECONDS
    speaker.tick(speaker.deadline)
    (ended,) = drain(speaker)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.HANDSHAKE
    assert not other.closed


def test_keep_alive_and_silence(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    walk(speaker, other, HELLO)
    walk(other, speaker, HELLO)
    assert speaker.deadline == limits.KEEPALIVE_SECONDS
    speaker.tick(limits.KEEPALIVE_SECONDS - 1)
    assert speaker.data_to_send() == b""
    speaker.tick(limits.KEEPALIVE_SECONDS)
    assert carry(speaker, other, now=limits.KEEPALIVE_SECONDS) == []
    pong = other.data_to_send()
    assert pong
    speaker.receive_data(pong, 30.0)
    assert drain(speaker) == []
    assert speaker.deadline == 2 * limits.KEEPALIVE_SECONDS
    speaker.tick(30 + limits.SILENCE_SECONDS - 1)
    assert not speaker.closed
    speaker.tick(30 + limits.SILENCE_SECONDS)
    (ended,) = drain(speaker)
    assert isinstance(ended, SessionEnded)
    assert ended.ending is Ending.SILENT


def test_pings_are_answered_once_per_sending(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    walk(speaker, other, HELLO)
    for _ in range(50):
        force(speaker, Ping())
    carry(speaker, other)
    assert other.data_to_send() == b"", "it has not said HELLO yet"
    walk(speaker, other, Ping())
    other.send(HELLO, 0.0)
    sent = other.data_to_send()
    other.send(CardList((NAME,)), 0.0)
    assert other.data_to_send()
    assert len(sent) < 130


def test_worn_by_time(sides: tuple[Session, Session]) -> None:
    speaker, other = sides
    walk(speaker, other, HELLO)
    walk(other, speaker, HELLO)
    speaker.receive_data(b"\x00", limits.REKEY_SECONDS - 1)
    speaker.tick(limits.REKEY_SECONDS)
    assert drain(speaker) == [SessionEnded(Ending.REKEY, by_peer=False, error=None)]
    assert carry(speaker, other) == [SessionEnded(Ending.REKEY, by_peer=True, error=None)]


def test_worn_by_bytes(sides: tuple[Session, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    speaker, other = sides
    monkeypatch.setattr(limits, "REKEY_BYTES", 50)
    assert walk(speaker, other, HELLO) == [
        MessageReceived(HELLO),
        SessionEnded(Ending.REKEY, by_peer=False, error=None),
    ]
    assert carry(other, speaker) == [SessionEnded(Ending.REKEY, by_peer=True, error=None)]


def test_repr_shows_states(sides: tuple[Session, Session]) -> None:
    speaker, _ = sides
    assert repr(speaker) == f"<Session {speaker.role}, we HELLO, peer HELLO>"
    assert speaker.queued == 0
