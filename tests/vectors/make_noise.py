"""Make `noise_xxpsk0.json`, the golden vectors of meshaid's secure channel.

    python tests/vectors/make_noise.py            write the file
    python tests/vectors/make_noise.py --check    compare it, exit 1 when it differs

No published vectors have the pattern XXpsk0. These are written by the package `noiseprotocol`, an
implementation that shares no code with ours; `tests/core/test_noise.py` then checks ours against
the file and against that package, in both roles.

Format: every value is a hex string. `prologue` is b"meshaid/1" and the community id; `messages`
are the whole exchange, the dialer's first, then alternating: three of the handshake (their payloads
are empty), then transport messages, the listener's first.
"""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path

from noise.connection import Keypair, NoiseConnection  # type: ignore[import-untyped]

FILE = Path(__file__).with_name("noise_xxpsk0.json")
PROTOCOL = "Noise_XXpsk0_25519_ChaChaPoly_SHA256"
PAYLOADS = (b"", b"", b"", b"", b"water", bytes(range(256)), b"\x00" * 17)


class Witness:
    """One side of a handshake as `noiseprotocol` sees it."""

    def __init__(self, role: str, *, static: bytes, ephemeral: bytes, psk: bytes, prologue: bytes):
        self._connection = NoiseConnection.from_name(PROTOCOL.encode())
        if role == "dialer":
            self._connection.set_as_initiator()
        else:
            self._connection.set_as_responder()
        self._connection.set_prologue(prologue)
        self._connection.set_psks(psk)
        self._connection.set_keypair_from_private_bytes(Keypair.STATIC, static)
        self._connection.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
        with warnings.catch_warnings():
            # It warns of ephemeral keys given from outside, and rightly so: vectors need them.
            warnings.filterwarnings("ignore", message="One of ephemeral keypairs is already set")
            self._connection.start_handshake()

    def write(self, payload: bytes = b"") -> bytes:
        return bytes(self._connection.write_message(payload))

    def read(self, message: bytes) -> bytes:
        return bytes(self._connection.read_message(message))

    @property
    def handshake_hash(self) -> bytes:
        return bytes(self._connection.get_handshake_hash())

    def encrypt(self, plaintext: bytes) -> bytes:
        return bytes(self._connection.encrypt(plaintext))

    def decrypt(self, ciphertext: bytes) -> bytes:
        return bytes(self._connection.decrypt(ciphertext))


def _bytes_of(label: str) -> bytes:
    """32 bytes that anybody can make again."""
    return hashlib.sha256(b"meshaid noise vector: " + label.encode()).digest()


def _vector(name: str) -> dict[str, object]:
    prologue = b"meshaid/1" + _bytes_of(f"{name}, community id")
    psk = _bytes_of(f"{name}, psk")
    keys = {
        f"{role}_{kind}": _bytes_of(f"{name}, {role} {kind}")
        for role in ("dialer", "listener")
        for kind in ("static", "ephemeral")
    }
    dialer, listener = (
        Witness(
            role,
            static=keys[f"{role}_static"],
            ephemeral=keys[f"{role}_ephemeral"],
            psk=psk,
            prologue=prologue,
        )
        for role in ("dialer", "listener")
    )
    messages = []
    for number, payload in enumerate(PAYLOADS):
        sender, receiver = (dialer, listener) if number % 2 == 0 else (listener, dialer)
        message = sender.write(payload) if number < 3 else sender.encrypt(payload)
        taken = receiver.read(message) if number < 3 else receiver.decrypt(message)
        if taken != payload:
            raise SystemExit(f"the witness does not agree with itself at message {number}")
        messages.append({"payload": payload.hex(), "ciphertext": message.hex()})
    return {
        "name": name,
        "prologue": prologue.hex(),
        "psk": psk.hex(),
        **{label: key.hex() for label, key in keys.items()},
        "handshake_hash": dialer.handshake_hash.hex(),
        "messages": messages,
    }


def make() -> str:
    """The text of the file."""
    content = {
        "protocol_name": PROTOCOL,
        "source": "written for meshaid by tests/vectors/make_noise.py with noiseprotocol 0.3.1",
        "verified": "against meshaid/core/noise.py in both roles by tests/core/test_noise.py",
        "format": "see the generator",
        "vectors": [_vector("first"), _vector("second")],
    }
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if FILE.read_text() == make() else f"{FILE.name} differs: run {sys.argv[0]}")
    FILE.write_text(make())
