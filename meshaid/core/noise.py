"""The secure channel: one Noise suite, sans-IO (docs/protocol.md, "Secure channel").

Two peers run `Noise_XXpsk0_25519_ChaChaPoly_SHA256`; there is no other suite and no negotiation.
What each message carries, with empty payloads:

    1  dialer -> listener    psk, e             48 bytes
    2  listener -> dialer    e, ee, s, es       96 bytes
    3  dialer -> listener    s, se              64 bytes

A peer without the psk is refused at message 1, before any key agreement, and never sees a static
key. Message 1 can be recorded and sent again, so nothing in it may act. What this file does not
do: it does not know cards. Whether the static key of the peer belongs to a valid device is decided
by the session, and until then the peer is nobody.

The patterns other than XXpsk0 are here only so that published test vectors can prove the machinery.
Source: the Noise Protocol Framework, revision 34; section numbers below are of that text.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Literal, TypeAlias, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from meshaid import limits
from meshaid.core.transport import TAG_BYTES, Cipher, Transport
from meshaid.errors import LocalProtocolError, RemoteProtocolError

Role: TypeAlias = Literal["dialer", "listener"]
StaticKeyLike: TypeAlias = bytes | X25519PrivateKey
"""An X25519 private key: 32 raw bytes or the key object."""

KEY_BYTES: Final = 32
_VERSION_TAG: Final = b"meshaid/1"

# Section 7.5: what dialer and listener know of each other beforehand, then the messages.
_PATTERNS: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "NN": ("", "", ("e", "e ee")),
    "NK": ("", "s", ("e es", "e ee")),
    "KK": ("s", "s", ("e es ss", "e ee se")),
    "XK": ("", "s", ("e es", "e ee", "s se")),
    "IK": ("", "s", ("e es s ss", "e ee se")),
    "XX": ("", "", ("e", "e ee s es", "s se")),
    "IX": ("", "", ("e s", "e ee se s es")),
}


def channel_prologue(community_id: bytes) -> bytes:
    """What both sides mix in first: version and community, so that neither can be swapped.

    Args:
      community_id: 32 bytes.
    Raises:
      LocalProtocolError: the id has another length.
    """
    _check_length("community id", community_id)
    return _VERSION_TAG + community_id


def _check_length(name: str, value: bytes) -> None:
    if len(value) != KEY_BYTES:
        raise LocalProtocolError(f"{name} must have {KEY_BYTES} bytes, not {len(value)}")


def _private_key(name: str, key: StaticKeyLike) -> X25519PrivateKey:
    if isinstance(key, X25519PrivateKey):
        return key
    _check_length(name, key)
    return X25519PrivateKey.from_private_bytes(key)


def _public_bytes(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _agree(private: X25519PrivateKey, public: bytes) -> bytes:
    """One X25519 key agreement (32 bytes); an all-zero result is the peer's fault (RFC 7748, 6.1).

    Every key agreement of this module passes here.
    """
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise RemoteProtocolError("the peer sent a public key of small order: drop it") from error


def _hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes, bytes]:
    """Section 4.3: three outputs of 32 bytes; whoever needs two leaves the last."""
    secret = hmac.digest(chaining_key, material, "sha256")
    first = hmac.digest(secret, b"\x01", "sha256")
    second = hmac.digest(secret, first + b"\x02", "sha256")
    return first, second, hmac.digest(secret, second + b"\x03", "sha256")


def _pattern(name: str) -> tuple[str, str, list[list[str]]]:
    """The pattern of a name such as `XXpsk0`: psk0 stands before the first message's tokens, any
    other pskN behind those of message N (section 9.4)."""
    base, _, position = name.partition("psk")
    known_of_dialer, known_of_listener, lines = _PATTERNS[base]
    messages = [line.split() for line in lines]
    if position == "0":
        messages[0].insert(0, "psk")
    elif position:
        messages[int(position) - 1].append("psk")
    return known_of_dialer, known_of_listener, messages


class _Symmetric:
    """Chaining key, transcript hash and current cipher of a handshake (section 5.2)."""

    def __init__(self, protocol_name: bytes) -> None:
        fits = len(protocol_name) <= KEY_BYTES
        digest = hashlib.sha256(protocol_name).digest()
        self.hash = protocol_name.ljust(KEY_BYTES, b"\x00") if fits else digest
        self._chaining_key = self.hash
        self._cipher: Cipher | None = None

    def mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        self._chaining_key, key, _ = _hkdf(self._chaining_key, material)
        self._cipher = Cipher(key)

    def mix_key_and_hash(self, psk: bytes) -> None:
        self._chaining_key, mixed, key = _hkdf(self._chaining_key, psk)
        self.mix_hash(mixed)
        self._cipher = Cipher(key)

    @property
    def overhead(self) -> int:
        """Bytes that the next encryption adds: 0 before the first key."""
        return TAG_BYTES if self._cipher else 0

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        sealed = self._cipher.encrypt(plaintext, self.hash) if self._cipher else plaintext
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        plaintext = self._cipher.decrypt(sealed, self.hash) if self._cipher else sealed
        self.mix_hash(sealed)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        """The keys of dialer to listener and of listener to dialer."""
        to_listener, to_dialer, _ = _hkdf(self._chaining_key, b"")
        return to_listener, to_dialer


@final
class DialedItself(RemoteProtocolError):
    """This device reached itself through one of its own addresses. Forget that address."""


class _HandshakeState:
    """A handshake of any pattern in the table (section 5.3). `Handshake` is the public one.

    An error leaves it dead: there is no second try with the same keys.
    """

    def __init__(
        self,
        pattern: str,
        role: Role,
        *,
        ephemeral: StaticKeyLike,
        prologue: bytes,
        static: StaticKeyLike | None = None,
        psk: bytes = b"",
        remote_static: bytes | None = None,
    ) -> None:
        if role not in ("dialer", "listener"):
            raise LocalProtocolError(f"a role is dialer or listener, not {role!r}")
        self._dials = role == "dialer"
        self._psk = psk
        self._uses_psk = "psk" in pattern
        # Own and remote keys by the letter that the tokens use.
        self._own = {"e": _private_key("ephemeral key", ephemeral)}
        if static is not None:
            self._own["s"] = _private_key("static key", static)
        self._remote: dict[str, bytes] = {} if remote_static is None else {"s": remote_static}
        known_of_dialer, known_of_listener, self._messages = _pattern(pattern)
        self._position = 0
        self._alive = True
        self._transport_taken = False
        self._symmetric = _Symmetric(f"Noise_{pattern}_25519_ChaChaPoly_SHA256".encode())
        self._symmetric.mix_hash(prologue)
        for known, of_dialer in ((known_of_dialer, True), (known_of_listener, False)):
            if known:
                own = of_dialer == self._dials
                key = _public_bytes(self._own["s"]) if own else self._remote["s"]
                self._symmetric.mix_hash(key)

    @property
    def done(self) -> bool:
        """All messages have been written and read; `split` may be called."""
        return self._alive and self._position == len(self._messages)

    @property
    def remote_static(self) -> bytes:
        """The peer's static public key, 32 bytes. LocalProtocolError before the handshake is done:
        until then nobody has proven to hold it."""
        self._require_done()
        return self._remote["s"]

    @property
    def handshake_hash(self) -> bytes:
        """32 bytes, the same on both sides and never twice; binds digests to this session. No
        secret: a member who listened can compute it. LocalProtocolError before `done`."""
        self._require_done()
        return self._symmetric.hash

    def write(self, payload: bytes = b"") -> bytes:
        """The next message of the handshake.

        Raises:
          LocalProtocolError: it is the peer's turn, the handshake is over or an error ended it.
          RemoteProtocolError: the peer's public key was of small order.
        """
        tokens = self._take_turn(writing=True)
        message = b""
        for token in tokens:
            if token == "e":
                message += self._write_ephemeral()
            elif token == "s":
                message += self._symmetric.encrypt_and_hash(_public_bytes(self._own["s"]))
            else:
                self._mix(token)
        message += self._symmetric.encrypt_and_hash(payload)
        self._end_turn()
        return message

    def read(self, message: bytes) -> bytes:
        """Take the peer's next message and return its payload (meshaid sends empty ones).

        Raises:
          DialedItself: the peer holds our own static key.
          RemoteProtocolError: wrong psk, wrong community, damaged, too short or too long. The
            handshake is dead and the connection must be closed without an answer.
          LocalProtocolError: it is our turn, the handshake is over or an error ended it.
        """
        tokens = self._take_turn(writing=False)
        rest = message
        try:
            for token in tokens:
                if token == "e":
                    rest = self._read_ephemeral(rest)
                elif token == "s":
                    rest = self._read_static(rest)
                else:
                    self._mix(token)
            payload = self._symmetric.decrypt_and_hash(rest)
        except InvalidTag as error:
            raise RemoteProtocolError(
                f"handshake message {self._position + 1} was refused: it is damaged, or the peer "
                "has another door key; compare `meshaid status` on both devices"
            ) from error
        self._end_turn()
        return payload

    def split(self) -> Transport:
        """The channel that follows the handshake; its keys exist once, so this works once.

        Raises:
          LocalProtocolError: the handshake is not done, or was split before.
        """
        self._require_done()
        if self._transport_taken:
            raise LocalProtocolError("the handshake was split already: use that transport")
        self._transport_taken = True
        to_listener, to_dialer = self._symmetric.split()
        if self._dials:
            return Transport(send_key=to_listener, receive_key=to_dialer)
        return Transport(send_key=to_dialer, receive_key=to_listener)

    def _require_done(self) -> None:
        if not self.done:
            raise LocalProtocolError("the handshake is not done: exchange its messages first")

    def _take_turn(self, *, writing: bool) -> list[str]:
        if not self._alive or self._position == len(self._messages):
            raise LocalProtocolError("this handshake is over: start another one")
        dialer_writes = self._position % 2 == 0
        if writing != (dialer_writes == self._dials):
            turn = "read" if writing else "write"
            raise LocalProtocolError(f"handshake message {self._position + 1} is ours to {turn}")
        # Dead until the message is through: then no path that raises can forget to say so.
        self._alive = False
        return self._messages[self._position]

    def _end_turn(self) -> None:
        self._position += 1
        self._alive = True

    def _write_ephemeral(self) -> bytes:
        public = _public_bytes(self._own["e"])
        self._mix_ephemeral(public)
        return public

    def _read_ephemeral(self, rest: bytes) -> bytes:
        public, rest = self._cut(rest, KEY_BYTES)
        self._remote["e"] = public
        self._mix_ephemeral(public)
        return rest

    def _mix_ephemeral(self, public: bytes) -> None:
        self._symmetric.mix_hash(public)
        if self._uses_psk:  # section 9.2: without it the psk's key could serve twice
            self._symmetric.mix_key(public)

    def _read_static(self, rest: bytes) -> bytes:
        sealed, rest = self._cut(rest, KEY_BYTES + self._symmetric.overhead)
        public = self._symmetric.decrypt_and_hash(sealed)
        if "s" in self._own and public == _public_bytes(self._own["s"]):
            raise DialedItself("this device dialed itself: forget that address")
        self._remote["s"] = public
        return rest

    def _cut(self, rest: bytes, size: int) -> tuple[bytes, bytes]:
        # What follows is at least the payload's tag, once there is a key; the cipher sees to that.
        if len(rest) < size or len(rest) > limits.MAX_FRAME:
            raise RemoteProtocolError(
                f"handshake message {self._position + 1} has a wrong length: the peer does not "
                "speak this version of meshaid"
            )
        return rest[:size], rest[size:]

    def _mix(self, token: str) -> None:
        if token == "psk":
            self._symmetric.mix_key_and_hash(self._psk)
            return
        # In `es` the first letter is the dialer's key, the second the listener's.
        own, remote = (token[0], token[1]) if self._dials else (token[1], token[0])
        self._symmetric.mix_key(_agree(self._own[own], self._remote[remote]))


@final
class Handshake(_HandshakeState):
    """One side of `Noise_XXpsk0_25519_ChaChaPoly_SHA256`.

    The dialer calls write, read, write; the listener read, write, read; then both `split`.
    """

    def __init__(
        self,
        role: Role,
        *,
        static: StaticKeyLike,
        ephemeral: bytes,
        psk: bytes,
        prologue: bytes,
    ) -> None:
        """Start one handshake; nothing is computed with the keys yet.

        Args:
          role: who opened the connection is the dialer.
          static: the device's Noise key, 32 bytes or a key object; used for Noise only.
          ephemeral: 32 fresh random bytes, never used before and never again.
          psk: 32 bytes derived from the door key; never a password or a short code.
          prologue: `channel_prologue(community_id)`.
        Raises:
          LocalProtocolError: a key or the psk does not have 32 bytes, or the role is unknown.
        """
        _check_length("psk", psk)
        super().__init__(
            "XXpsk0", role, static=static, ephemeral=ephemeral, psk=psk, prologue=prologue
        )
