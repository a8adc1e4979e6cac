"""What follows the handshake: two ciphers, one for each direction (docs/protocol.md, "Secure
channel"; the Noise Protocol Framework, revision 34, sections 5.1 and 12.3)."""

from __future__ import annotations

from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from meshaid import limits
from meshaid.errors import LocalProtocolError, RemoteProtocolError

TAG_BYTES: Final = 16
"""What the cipher adds to each plaintext."""


@final
class Cipher:
    """One key and its message counter (section 5.1). The AEAD object is made once: it is slow."""

    __slots__ = ("_aead", "counter")

    def __init__(self, key: bytes) -> None:
        self._aead = ChaCha20Poly1305(key)
        self.counter = 0

    def encrypt(self, plaintext: bytes | memoryview, associated: bytes = b"") -> bytes:
        sealed = self._aead.encrypt(self._nonce(), plaintext, associated)
        self.counter += 1
        return sealed

    def decrypt(self, ciphertext: bytes, associated: bytes = b"") -> bytes:
        """Raises InvalidTag; the counter then stays where it was."""
        plaintext = self._aead.decrypt(self._nonce(), ciphertext, associated)
        self.counter += 1
        return plaintext

    def _nonce(self) -> bytes:
        return b"\x00\x00\x00\x00" + self.counter.to_bytes(8, "little")


@final
class Transport:
    """The two ciphers after a handshake, one for each direction. Messages must come in order.

    A message that does not decrypt kills the transport for good, in both directions: the peer, or
    somebody in between, is not playing by the rules, and going on would allow guessing.
    """

    __slots__ = ("_alive", "_receive", "_send", "received_bytes", "sent_bytes")

    def __init__(self, *, send_key: bytes, receive_key: bytes) -> None:
        self._send = Cipher(send_key)
        self._receive = Cipher(receive_key)
        self._alive = True
        self.sent_bytes = 0
        """Ciphertext made so far, in bytes."""
        self.received_bytes = 0
        """Ciphertext accepted so far, in bytes."""

    @property
    def sent_messages(self) -> int:
        """Messages encrypted so far."""
        return self._send.counter

    @property
    def received_messages(self) -> int:
        """Messages decrypted so far."""
        return self._receive.counter

    @property
    def spent(self) -> bool:
        """REKEY_BYTES or REKEY_MESSAGES is reached in a direction: time for a new handshake.
        The third limit, REKEY_SECONDS, is for whoever has a clock."""
        size = max(self.sent_bytes, self.received_bytes)
        count = max(self.sent_messages, self.received_messages)
        return size >= limits.REKEY_BYTES or count >= limits.REKEY_MESSAGES

    def encrypt(self, plaintext: bytes | memoryview) -> bytes:
        """One message of 16 to MAX_FRAME bytes from 0 to 65,519 bytes of plaintext.

        Raises:
          LocalProtocolError: too long, a dead transport, or REKEY_MESSAGES were sent.
        """
        self._require_alive()
        if len(plaintext) + TAG_BYTES > limits.MAX_FRAME:
            raise LocalProtocolError(f"{len(plaintext)} bytes do not fit into one Noise message")
        if self._send.counter >= limits.REKEY_MESSAGES:
            raise LocalProtocolError("this transport is spent: make a new handshake")
        sealed = self._send.encrypt(plaintext)
        self.sent_bytes += len(sealed)
        return sealed

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of the peer's next message.

        Raises:
          RemoteProtocolError: damaged, replayed, out of order, of a wrong length, or one more than
            REKEY_MESSAGES. The transport is dead afterwards and its counters stay as they were.
          LocalProtocolError: a dead transport.
        """
        self._require_alive()
        self._alive = False
        if not TAG_BYTES <= len(ciphertext) <= limits.MAX_FRAME:
            raise RemoteProtocolError(f"{len(ciphertext)} bytes are no Noise message: reconnect")
        if self._receive.counter >= limits.REKEY_MESSAGES:
            raise RemoteProtocolError("the peer went on with a spent key: reconnect")
        try:
            plaintext = self._receive.decrypt(ciphertext)
        except InvalidTag as error:
            raise RemoteProtocolError(
                "a message was damaged, replayed or out of order: reconnect"
            ) from error
        self.received_bytes += len(ciphertext)
        self._alive = True
        return plaintext

    def _require_alive(self) -> None:
        if not self._alive:
            raise LocalProtocolError("this transport is dead: close the connection and reconnect")
