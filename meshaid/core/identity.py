"""Who this device is: its ids and its secret keys, as they lie in the encrypted store.

Keys never leave this object but through what uses them; its `repr` shows ids only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgpack

from meshaid.core import ids
from meshaid.core.keys import SigningKey, StaticKey, derive
from meshaid.errors import StoreError

NONCE_BYTES = 4
"""The install nonce at the end of an actor id (docs/protocol.md, "Actors")."""

_FORM = "meshaid-identity-v1"


@dataclass(frozen=True, slots=True)
class Identity:
    """This device of this member of this community.

    `door_keys` maps a door key's generation (1 at founding) to its 32 bytes. `member_seed` is held
    by the member's first device only, `root_seed` only where the founder kept the root key.
    """

    community: bytes
    member: bytes
    device_seed: bytes = field(repr=False)
    static_seed: bytes = field(repr=False)
    sealing_seed: bytes = field(repr=False)
    door_keys: Mapping[int, bytes] = field(repr=False)
    member_seed: bytes | None = field(default=None, repr=False)
    root_seed: bytes | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        community, member = ids.short(self.community), ids.short(self.member)
        return f"<Identity device {ids.short(self.device)} of member {member} in {community}>"

    @property
    def signing_key(self) -> SigningKey:
        return SigningKey(self.device_seed)

    @property
    def device(self) -> bytes:
        """The device id: the 32-byte public signing key."""
        return self.signing_key.public

    @property
    def static_key(self) -> StaticKey:
        return StaticKey(self.static_seed)

    @property
    def door_key(self) -> bytes:
        """The current door key: that of the highest generation known."""
        return self.door_keys[max(self.door_keys)]

    @property
    def psk(self) -> bytes:
        """The Noise pre-shared key (docs/protocol.md, "Handshake")."""
        return derive(self.door_key, "noise-psk")

    @property
    def discovery_key(self) -> bytes:
        """The key of the mDNS tag (docs/protocol.md, "Discovery")."""
        return derive(self.door_key, "discovery")

    def without_root(self) -> Identity:
        return replace(self, root_seed=None)

    def encode(self) -> bytes:
        """The bytes kept in the store's settings."""
        door_keys = [[generation, key] for generation, key in sorted(self.door_keys.items())]
        body = [
            _FORM,
            self.community,
            self.member,
            self.device_seed,
            self.static_seed,
            self.sealing_seed,
            door_keys,
            self.member_seed,
            self.root_seed,
        ]
        return bytes(msgpack.packb(body))

    @classmethod
    def decode(cls, data: bytes) -> Identity:
        """Read `encode`'s bytes back. Raises StoreError when they are of another form."""
        try:
            form, *values = msgpack.unpackb(data)
            community, member, device, static, sealing, door_keys, member_seed, root_seed = values
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise StoreError("this home's identity cannot be read; restore it or join anew") from error
        if form != _FORM:
            raise StoreError("this home's identity has another form; update meshaid on this device")
        return cls(
            community, member, device, static, sealing, dict(door_keys), member_seed, root_seed
        )
