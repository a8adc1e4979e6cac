"""Who this device is: its ids and its secret keys, as they lie in the encrypted store.

Keys never leave this object but through what uses them; its `repr` shows ids only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgpack

from meshaid.core import ids
from meshaid.core.keys import SigningKey, StaticKey, derive
from meshaid.errors import StoreError

_FORM = "meshaid-identity-v1"
_UNREADABLE = "who this device is cannot be read; update meshaid, or join again in a new home"


@dataclass(frozen=True, slots=True)
class Identity:
    """This device of this member of this community.

    `door_keys` maps a door key's generation (1 at founding) to its 32 bytes. The member's two seeds
    are held by its first device only, `root_seed` only where the founder kept the root key.
    """

    community: bytes
    member: bytes
    device_seed: bytes = field(repr=False)
    static_seed: bytes = field(repr=False)
    sealing_seed: bytes = field(repr=False)
    door_keys: Mapping[int, bytes] = field(repr=False)
    member_seed: bytes | None = field(default=None, repr=False)
    member_sealing_seed: bytes | None = field(default=None, repr=False)
    root_seed: bytes | None = field(default=None, repr=False)
    signing_key: SigningKey = field(init=False, repr=False, compare=False)
    """Made once: every write and every run asks for it, or for its public half."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "signing_key", SigningKey(self.device_seed))

    def __repr__(self) -> str:
        community, member = ids.short(self.community), ids.short(self.member)
        return f"<Identity device {ids.short(self.device)} of member {member} in {community}>"

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
    def psks(self) -> tuple[bytes, ...]:
        """The Noise pre-shared keys, the current one first (docs/protocol.md, "Handshake")."""
        return self._derived("noise-psk")

    @property
    def discovery_keys(self) -> tuple[bytes, ...]:
        """The keys of the mDNS tag, the current one first (docs/protocol.md, "Discovery")."""
        return self._derived("discovery")

    def _derived(self, label: str) -> tuple[bytes, ...]:
        newest_first = sorted(self.door_keys, reverse=True)
        return tuple(derive(self.door_keys[generation], label) for generation in newest_first)

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
            self.member_sealing_seed,
            self.root_seed,
        ]
        return bytes(msgpack.packb(body))

    @classmethod
    def decode(cls, data: bytes) -> Identity:
        """Read `encode`'s bytes back. Raises StoreError when they are of another form."""
        try:
            form, *values = msgpack.unpackb(data, strict_map_key=True)
            community, member, device, static, sealing, door_keys, *optional = values
            member_seed, member_sealing_seed, root_seed = optional
            generations = dict(door_keys)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise StoreError(_UNREADABLE) from error
        if form != _FORM:
            raise StoreError(_UNREADABLE)
        return cls(
            community,
            member,
            device,
            static,
            sealing,
            generations,
            member_seed,
            member_sealing_seed,
            root_seed,
        )
