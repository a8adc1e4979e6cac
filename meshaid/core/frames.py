"""Messages as frames on a byte stream, and back (docs/protocol.md, "Frames").

A frame is a length and one Noise message:

    frame    = length (2 bytes, big-endian) || Noise message (that many bytes)

During the handshake the Noise messages are those of the handshake. Afterwards every message of
the session (a byte string, 0 to MAX_MESSAGE bytes) becomes a *body*, and the body is cut into
frames:

    body     = total (4 bytes, big-endian: the message's length) || message || padding
    padding  = zero bytes, until the body has the Padme length of (4 + total)
    frames   = the body in pieces of 65,519 bytes, the last with what is left; each encrypted

So the first frame announces everything: each message has exactly one encoding, the length of
every frame follows from `total`, and a receiver refuses another length before it reads the frame.
`total` is checked before anything is kept. Frames of different messages never mix.

The Padme length of L (Nikitin and others, PoPETS 2019) keeps only the upper bits of L: with
E = floor(log2 L) and S = floor(log2 E) + 1 the lowest E - S bits are rounded up to zero. That hides
the length down to O(log log L) bits and costs little: at most 12 % below 256 bytes and 6.2 % above.
There is no minimum length: the table from 4 on is 4 5 6 7 8 10 12 14 16 18 20 22 24 26 28 30 32 36
40 44 and so on. A message of 30 bytes makes a body of 36 and a frame of 54 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

from meshaid import limits
from meshaid.core.transport import TAG_BYTES, Transport
from meshaid.errors import LocalProtocolError, RemoteProtocolError

LENGTH_BYTES: Final = 2
TOTAL_BYTES: Final = 4
MAX_PLAINTEXT: Final = limits.MAX_FRAME - TAG_BYTES


def padme(length: int) -> int:
    """The Padme length: the smallest one at or above `length` that keeps few bits. From 4 up."""
    exponent = length.bit_length() - 1
    kept_bits = exponent.bit_length()
    mask = (1 << (exponent - kept_bits)) - 1
    return (length + mask) & ~mask


def handshake_frame(message: bytes) -> bytes:
    """One handshake message as a frame.

    Raises:
      LocalProtocolError: no handshake message is that long; the peer would refuse it.
    """
    if LENGTH_BYTES + len(message) > limits.HANDSHAKE_BYTES:
        raise LocalProtocolError(f"a handshake message of {len(message)} bytes is too long")
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


class _FrameBuffer:
    """Bytes that came in, cut at the lengths they announce."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def append(self, data: bytes) -> None:
        """LocalProtocolError beyond READ_BUFFER_BYTES: complete messages must be taken first."""
        if len(self._data) + len(data) > limits.READ_BUFFER_BYTES:
            raise LocalProtocolError("the read buffer is full: call next() before feeding more")
        self._data += data

    def announced(self) -> int | None:
        """The length of the next frame's Noise message, or None while it is not here."""
        if len(self._data) < LENGTH_BYTES:
            return None
        return int.from_bytes(self._data[:LENGTH_BYTES], "big")

    def take(self, length: int) -> bytes | None:
        """The next frame's Noise message of `length` bytes, or None while it is incomplete."""
        end = LENGTH_BYTES + length
        if len(self._data) < end:
            return None
        message = bytes(self._data[LENGTH_BYTES:end])
        del self._data[:end]
        return message

    def take_all(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


@final
class HandshakeReader:
    """Cuts the peer's handshake messages out of the stream: at most HANDSHAKE_BYTES of it."""

    __slots__ = ("_buffer", "_taken")

    def __init__(self) -> None:
        self._buffer = _FrameBuffer()
        self._taken = 0

    def feed(self, data: bytes) -> None:
        """Add bytes from the stream, cut anywhere. Call `next` after it."""
        self._buffer.append(data)

    def next(self) -> bytes | None:
        """The next handshake message, or None until more bytes come.

        Raises:
          RemoteProtocolError: the frame would exceed HANDSHAKE_BYTES; so does every later call.
        """
        length = self._buffer.announced()
        if length is None:
            return None
        end = self._taken + LENGTH_BYTES + length
        if end > limits.HANDSHAKE_BYTES:
            raise RemoteProtocolError("the handshake is too long: the peer does not speak meshaid")
        message = self._buffer.take(length)
        if message is not None:
            self._taken = end
        return message

    def rest(self) -> bytes:
        """Hand over what came behind the last handshake message: feed it to the FrameReader."""
        return self._buffer.take_all()

    def eof(self) -> None:
        """The stream ended before the handshake did: always RemoteProtocolError."""
        raise RemoteProtocolError("the peer hung up during the handshake: try again")


@final
class FrameWriter:
    """Encrypts messages into frames. The transport's sending side belongs to it alone."""

    __slots__ = ("_transport",)

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def frame(self, message: bytes) -> bytes:
        """The frames of one message, to be sent in the order in which they were made.

        Raises:
          LocalProtocolError: longer than MAX_MESSAGE, or the transport is dead or spent.
        """
        if len(message) > limits.MAX_MESSAGE:
            raise LocalProtocolError(f"a message of {len(message)} bytes is too long: split it")
        size = TOTAL_BYTES + len(message)
        body = len(message).to_bytes(TOTAL_BYTES, "big") + message + bytes(padme(size) - size)
        return b"".join(self._frames(body))

    def _frames(self, body: bytes) -> Iterator[bytes]:
        view = memoryview(body)
        for start in range(0, len(body), MAX_PLAINTEXT):
            sealed = self._transport.encrypt(view[start : start + MAX_PLAINTEXT])
            yield len(sealed).to_bytes(LENGTH_BYTES, "big")
            yield sealed


@final
class FrameReader:
    """Decrypts frames into messages. The transport's receiving side belongs to it alone.

    After a RemoteProtocolError the stream is lost: every later call raises it again.
    """

    __slots__ = ("_body", "_body_size", "_buffer", "_failed", "_total", "_transport")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._buffer = _FrameBuffer()
        self._failed = False
        # The body of the message under way; while it has no bytes, none is under way.
        self._body = bytearray()
        self._body_size = 0
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Add bytes from the stream, cut anywhere. Call `next` until it gives None after it.

        Raises:
          LocalProtocolError: more than READ_BUFFER_BYTES would wait unread: a bug of the caller.
        """
        self._buffer.append(data)

    def next(self) -> bytes | None:
        """The next whole message, or None until more bytes come.

        Raises:
          RemoteProtocolError: a frame that is damaged, out of order, of a length that its place
            does not allow, announces more than MAX_MESSAGE, or is padded with anything but zeros.
        """
        self._require_sound()
        self._failed = True  # until this call ends well
        message = self._next_message()
        self._failed = False
        return message

    def eof(self) -> None:
        """The stream ended. Call it when `next` has given None.

        Raises:
          RemoteProtocolError: it ended inside a message. (An end between messages says nothing
            either: only the session's BYE says that the peer was through.)
        """
        self._require_sound()
        if self._buffer or self._body:
            self._failed = True
            raise RemoteProtocolError("the stream was cut inside a message: reconnect")

    def _require_sound(self) -> None:
        if self._failed:
            raise RemoteProtocolError("the stream was broken by the peer: reconnect")

    def _next_message(self) -> bytes | None:
        while (piece := self._next_piece()) is not None:
            if not self._body:
                self._begin(piece)
            self._body += piece
            if len(self._body) == self._body_size:
                return self._finish()
        return None

    def _next_piece(self) -> bytes | None:
        """The plaintext of the next frame; its announced length is judged before it is awaited."""
        length = self._buffer.announced()
        if length is None:
            return None
        if self._body:
            missing = self._body_size - len(self._body)
            allowed = length == TAG_BYTES + min(missing, MAX_PLAINTEXT)
        else:
            allowed = length >= TAG_BYTES + TOTAL_BYTES
        if not allowed:
            raise RemoteProtocolError(f"a frame of {length} bytes has no place here: reconnect")
        sealed = self._buffer.take(length)
        return None if sealed is None else self._transport.decrypt(sealed)

    def _begin(self, piece: bytes) -> None:
        total = int.from_bytes(piece[:TOTAL_BYTES], "big")
        if total > limits.MAX_MESSAGE:
            raise RemoteProtocolError(f"a message of {total} bytes was announced: too long")
        self._total = total
        self._body_size = padme(TOTAL_BYTES + total)
        if len(piece) != min(self._body_size, MAX_PLAINTEXT):
            raise RemoteProtocolError("a frame does not have the length of its message: reconnect")

    def _finish(self) -> bytes:
        end = TOTAL_BYTES + self._total
        if self._body.count(0, end) != self._body_size - end:
            raise RemoteProtocolError("a message is padded with something else than zeros")
        message = bytes(memoryview(self._body)[TOTAL_BYTES:end])
        self._body.clear()
        return message
