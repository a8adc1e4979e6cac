"""Frames: exact layout, any chunking, and damage that gives only RemoteProtocolError."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core import frames
from meshaid.core.frames import (
    MAX_PLAINTEXT,
    FrameReader,
    FrameWriter,
    HandshakeReader,
    handshake_frame,
    padme,
)
from meshaid.core.transport import Transport
from meshaid.errors import LocalProtocolError, RemoteProtocolError

KEY, OTHER_KEY = b"\x01" * 32, b"\x02" * 32


def a_sender() -> Transport:
    return Transport(send_key=KEY, receive_key=OTHER_KEY)


def a_reader() -> FrameReader:
    return FrameReader(Transport(send_key=OTHER_KEY, receive_key=KEY))


def raw_frame(transport: Transport, plaintext: bytes) -> bytes:
    """One frame with any plaintext, as a member with its own program could send it."""
    sealed = transport.encrypt(plaintext)
    return len(sealed).to_bytes(2, "big") + sealed


def drain(reader: FrameReader | HandshakeReader) -> list[bytes]:
    messages = []
    while (message := reader.next()) is not None:
        messages.append(message)
    return messages


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


# ---- layout


def test_padme_lengths() -> None:
    assert [padme(n) for n in range(4, 41)] == [
        *(4, 5, 6, 7, 8, 10, 10, 12, 12, 14, 14, 16, 16, 18, 18, 20, 20, 22, 22, 24, 24, 26, 26),
        *(28, 28, 30, 30, 32, 32, 36, 36, 36, 36, 40, 40, 40, 40),
    ]
    assert [padme(n) for n in (255, 257, 1_025, 2**20 + 4)] == [256, 272, 1_088, 1_081_344]


@given(st.integers(4, limits.MAX_MESSAGE + 4))
def test_padme_is_a_fixed_point_and_costs_little(length: int) -> None:
    padded = padme(length)
    assert padded >= length
    assert padme(padded) == padded
    assert padded - length <= length * (0.12 if length < 256 else 0.0625)


def test_the_layout_byte_by_byte() -> None:
    stream = FrameWriter(a_sender()).frame(b"blankets!")
    assert stream[:2] == (14 + 16).to_bytes(2, "big")
    receiver = Transport(send_key=OTHER_KEY, receive_key=KEY)
    assert receiver.decrypt(stream[2:]) == b"\x00\x00\x00\x09" + b"blankets!" + b"\x00"


@pytest.mark.parametrize(("size", "on_the_wire"), [(0, 22), (1, 23), (30, 54), (200, 226)])
def test_small_messages_stay_small(size: int, on_the_wire: int) -> None:
    assert len(FrameWriter(a_sender()).frame(bytes(size))) == on_the_wire


@pytest.mark.parametrize(
    "size",
    [
        *range(16),
        MAX_PLAINTEXT - 5_000,
        *range(63_484, 63_496),  # the last one-frame body, the first two-frame body
        MAX_PLAINTEXT - 4,
        MAX_PLAINTEXT,
        65_535,
        65_536,
        131_035,
        limits.MAX_MESSAGE - 1,
        limits.MAX_MESSAGE,
    ],
)
def test_every_edge_length_comes_through(size: int) -> None:
    message = bytes(range(1, 256)) * (size // 255 + 1)
    message = message[:size]
    stream = FrameWriter(a_sender()).frame(message)
    body = padme(size + 4)
    assert len(stream) == body + -(-body // MAX_PLAINTEXT) * 18
    reader = a_reader()
    reader.feed(stream)
    assert drain(reader) == [message]
    reader.eof()


def test_both_sides_of_the_frame_boundary_are_among_the_edge_lengths() -> None:
    bodies = [padme(size + 4) for size in range(63_484, 63_496)]
    assert min(bodies) <= MAX_PLAINTEXT < max(bodies)


def test_a_message_that_is_too_long_is_our_bug_and_nothing_is_sent() -> None:
    transport = a_sender()
    with pytest.raises(LocalProtocolError, match="too long"):
        FrameWriter(transport).frame(bytes(limits.MAX_MESSAGE + 1))
    assert transport.sent_messages == 0


# ---- chunking

MESSAGES = st.lists(
    st.one_of(
        st.binary(max_size=80),
        st.integers(0, 140_000).map(lambda size: b"\xa5" * size),
    ),
    max_size=5,
)


@given(MESSAGES, st.lists(st.integers(0, 2**20), max_size=12))
def test_any_chunking_gives_the_same_messages(messages: list[bytes], places: list[int]) -> None:
    writer, reader = FrameWriter(a_sender()), a_reader()
    stream = b"".join(writer.frame(message) for message in messages)
    received = []
    for piece in cut(stream, places):
        reader.feed(piece)
        received += drain(reader)
    reader.eof()
    assert received == messages


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_byte_by_byte_gives_the_same_messages(messages: list[bytes]) -> None:
    writer, reader = FrameWriter(a_sender()), a_reader()
    stream = b"".join(writer.frame(message) for message in messages)
    received = []
    for position in range(len(stream)):
        reader.feed(stream[position : position + 1])
        received += drain(reader)
    reader.eof()
    assert received == messages


def test_a_reader_that_is_fed_but_not_emptied_is_our_bug() -> None:
    reader = a_reader()
    reader.feed(bytes(limits.READ_BUFFER_BYTES))
    with pytest.raises(LocalProtocolError, match="full"):
        reader.feed(b"\x00")


def test_the_buffer_holds_a_message_of_the_greatest_size() -> None:
    assert padme(limits.MAX_MESSAGE + 4) + 18 * 18 < limits.READ_BUFFER_BYTES


# ---- damage


def read_all(stream: bytes, step: int) -> list[bytes]:
    """The messages of a stream that ends, fed in pieces of `step` bytes."""
    reader = a_reader()
    received = []
    for start in range(0, len(stream), step):
        reader.feed(stream[start : start + step])
        received += drain(reader)
    reader.eof()
    return received


@given(
    messages=st.lists(st.binary(max_size=60), min_size=1, max_size=3),
    position=st.integers(0, 2**16),
    flip=st.integers(1, 255),
    byte_by_byte=st.booleans(),
)
def test_any_damaged_byte_gives_a_remote_protocol_error(
    messages: list[bytes], position: int, flip: int, byte_by_byte: bool
) -> None:
    writer = FrameWriter(a_sender())
    stream = bytearray(b"".join(writer.frame(message) for message in messages))
    stream[position % len(stream)] ^= flip
    with pytest.raises(RemoteProtocolError):
        read_all(bytes(stream), 1 if byte_by_byte else len(stream))


@pytest.mark.parametrize("position", [0, 1, 2, 65_536, 65_537, 65_538, 65_539, 100_000, -1])
def test_a_damaged_byte_of_a_long_message_gives_a_remote_protocol_error(position: int) -> None:
    stream = bytearray(FrameWriter(a_sender()).frame(bytes(100_000)))
    stream[position] ^= 0x40
    with pytest.raises(RemoteProtocolError):
        read_all(bytes(stream), 1_000)


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_garbage_gives_a_remote_protocol_error(garbage: bytes, byte_by_byte: bool) -> None:
    with pytest.raises(RemoteProtocolError):
        read_all(garbage, 1 if byte_by_byte else len(garbage))


def test_messages_before_the_damage_come_out_then_the_error_stays() -> None:
    writer, reader = FrameWriter(a_sender()), a_reader()
    good, bad = writer.frame(b"good"), bytearray(writer.frame(b"bad"))
    bad[-1] ^= 1
    reader.feed(good + bytes(bad))
    assert reader.next() == b"good"
    for _ in range(2):
        with pytest.raises(RemoteProtocolError):
            reader.next()
    with pytest.raises(RemoteProtocolError):
        reader.eof()


@pytest.mark.parametrize("announced", range(20))
def test_a_frame_too_short_for_a_message_is_refused_at_its_length(announced: int) -> None:
    reader = a_reader()
    reader.feed(announced.to_bytes(2, "big"))
    with pytest.raises(RemoteProtocolError, match="has no place"):
        reader.next()


def test_a_wrong_length_inside_a_message_is_refused_at_its_length() -> None:
    stream = FrameWriter(a_sender()).frame(bytes(100_000))
    reader = a_reader()
    reader.feed(stream[:65_537])
    assert reader.next() is None
    reader.feed(b"\xff\xff")
    with pytest.raises(RemoteProtocolError, match="has no place"):
        reader.next()


@pytest.mark.parametrize("total", [limits.MAX_MESSAGE + 1, 2**31, 2**32 - 1])
def test_a_total_above_the_limit_is_refused_at_the_first_frame(total: int) -> None:
    reader = a_reader()
    reader.feed(raw_frame(a_sender(), total.to_bytes(4, "big").ljust(MAX_PLAINTEXT, b"\x00")))
    with pytest.raises(RemoteProtocolError, match=f"{total} bytes was announced"):
        reader.next()


@pytest.mark.parametrize(
    ("plaintext", "why"),
    [
        (b"\x00\x00\x00\x09blankets!", "length of its message"),  # no padding
        (b"\x00\x00\x00\x09blankets!\x00\x00\x00", "length of its message"),  # too much of it
        (b"\x00\x00\x00\x09blank", "length of its message"),  # total beyond the frame
        (b"\x00\x00\x00\x05blankets!", "length of its message"),  # surplus bytes
        (b"\x00\x00\x00\x09blankets!\x01", "padded"),
    ],
)
def test_each_message_has_one_encoding_only(plaintext: bytes, why: str) -> None:
    reader = a_reader()
    reader.feed(raw_frame(a_sender(), plaintext))
    with pytest.raises(RemoteProtocolError, match=why):
        reader.next()


def test_padding_in_a_last_frame_of_its_own_is_checked_too() -> None:
    size = MAX_PLAINTEXT - 4  # the first frame is full, the second holds padding only
    body = bytearray(padme(size + 4))
    assert len(body) > MAX_PLAINTEXT
    body[:4] = size.to_bytes(4, "big")
    body[-1] = 1
    transport, reader = a_sender(), a_reader()
    reader.feed(raw_frame(transport, bytes(body[:MAX_PLAINTEXT])))
    assert reader.next() is None
    reader.feed(raw_frame(transport, bytes(body[MAX_PLAINTEXT:])))
    with pytest.raises(RemoteProtocolError, match="padded"):
        reader.next()


@pytest.mark.parametrize("end", [1, 2, 30, 53, 54])
def test_a_stream_cut_inside_a_message_is_an_error(end: int) -> None:
    stream = FrameWriter(a_sender()).frame(bytes(30))
    reader = a_reader()
    reader.feed(stream[:end])
    complete = drain(reader)
    if end == len(stream):
        assert complete == [bytes(30)]
        reader.eof()
        return
    with pytest.raises(RemoteProtocolError, match="cut inside"):
        reader.eof()
    with pytest.raises(RemoteProtocolError, match="broken"):
        reader.next()


def test_a_stream_cut_between_two_frames_of_one_message_is_an_error() -> None:
    reader = a_reader()
    reader.feed(FrameWriter(a_sender()).frame(bytes(100_000))[:65_537])
    assert drain(reader) == []
    with pytest.raises(RemoteProtocolError, match="cut inside"):
        reader.eof()


# ---- before the handshake is done


@given(
    st.lists(st.binary(max_size=120), max_size=3),
    st.binary(max_size=50),
    st.lists(st.integers(0, 500), max_size=8),
)
def test_handshake_messages_come_through_in_any_chunking(
    messages: list[bytes], rest: bytes, places: list[int]
) -> None:
    stream = b"".join(handshake_frame(message) for message in messages)
    reader = HandshakeReader()
    received: list[bytes] = []
    for piece in cut(stream, places):
        reader.feed(piece)
        received += drain(reader)
    assert received == messages
    reader.feed(rest)
    assert reader.rest() == rest
    assert reader.rest() == b""


def test_the_rest_behind_the_handshake_may_be_long_and_feeds_the_frame_reader() -> None:
    message = bytes(20_000)
    reader, frame_reader = HandshakeReader(), a_reader()
    reader.feed(handshake_frame(bytes(64)) + FrameWriter(a_sender()).frame(message))
    assert reader.next() == bytes(64)
    frame_reader.feed(reader.rest())
    assert frame_reader.next() == message


def test_a_handshake_frame_beyond_the_limit_is_refused_at_its_length() -> None:
    reader = HandshakeReader()
    reader.feed((limits.HANDSHAKE_BYTES - 1).to_bytes(2, "big"))
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="too long"):
            reader.next()


def test_many_small_handshake_frames_meet_the_same_limit() -> None:
    reader = HandshakeReader()
    frame = handshake_frame(bytes(98))
    for _ in range(limits.HANDSHAKE_BYTES // len(frame)):
        reader.feed(frame)
        assert reader.next() == bytes(98)
    reader.feed(frame)
    with pytest.raises(RemoteProtocolError, match="too long"):
        reader.next()


def test_the_longest_handshake_frame_is_the_longest_that_is_read() -> None:
    longest = bytes(limits.HANDSHAKE_BYTES - frames.LENGTH_BYTES)
    reader = HandshakeReader()
    reader.feed(handshake_frame(longest))
    assert reader.next() == longest
    with pytest.raises(LocalProtocolError, match="too long"):
        handshake_frame(longest + b"\x00")


def test_an_end_before_the_handshake_is_done_is_an_error() -> None:
    with pytest.raises(RemoteProtocolError, match="hung up"):
        HandshakeReader().eof()
