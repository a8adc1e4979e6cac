"""Make `cards.json`, the golden vectors of ids, cards and invites.

    python -m tests.vectors.make_cards            write the file
    python -m tests.vectors.make_cards --check    compare it, exit 1 when it differs

Derived from meshaid itself, verified against tests/card_reader.py, which shares no code with it.
Every key is made from the seed SHA-256(name). Bytes are hex strings.

Format: `cards` holds [name, wire form, hash]; `ids` what the id functions give; `derived`
the keys derived from the door key; `invites` the invite texts with their parts.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from meshaid.core import cards, ids
from meshaid.core.invite import InviteText, encode_invite
from meshaid.core.keys import SigningKey, StaticKey, derive

FILE = Path(__file__).with_name("cards.json")


def seed(name: str) -> bytes:
    """The 32 bytes that a name stands for."""
    return hashlib.sha256(name.encode()).digest()


def key(name: str) -> SigningKey:
    """The signing key of a name."""
    return SigningKey(seed(name))


def exchange(name: str) -> bytes:
    """The X25519 public key of a name."""
    return StaticKey(seed(name)).public


COMMUNITY = ids.community_id(key("root").public)
MEMBER = ids.member_id(key("member").public)


def make_all_cards() -> list[tuple[str, cards.SignedCard]]:
    """One card of each kind, and the forms of it that differ."""
    invite, link, device = key("invite"), key("link"), key("device")
    common: dict[str, Any] = {"community": COMMUNITY}
    first = cards.make_epoch(
        device,
        **common,
        member=MEMBER,
        parent=b"",
        number=2,
        nonce=seed("epoch 2")[:16],
        closing=[(device.public + b"\0\0\0\1", 300, seed("head 1")), (bytes(36), 1, seed("other"))],
        head=seed("opening 2"),
    )
    return [
        (
            "founding",
            cards.make_founding(
                key("root"),
                name="Riverside \u00e9\u6771",
                exercise=True,
                may_invite="stewards",
                created=1_790_000_000,
            ),
        ),
        (
            "invite by the root",
            cards.make_invite(
                key("root"),
                invite,
                **common,
                role="steward",
                kinds=["team", "hub", "household"],
                uses=1,
                expires=1_790_259_200,
                created=1_790_000_000,
            ),
        ),
        (
            "member",
            cards.make_member(
                invite,
                key("member"),
                **common,
                counter=200,
                name="Hub A",
                kind="hub",
                sealing_key=exchange("member sealing"),
            ),
        ),
        (
            "device by the member key",
            cards.make_device(
                key("member"),
                device,
                **common,
                member=MEMBER,
                static_key=exchange("static"),
                sealing_key=exchange("sealing"),
                label="desk 1",
            ),
        ),
        (
            "link",
            cards.make_invite(
                device,
                link,
                **common,
                role="device",
                kinds=(),
                uses=1,
                expires=0,
                created=70_000,
            ),
        ),
        (
            "device by a link",
            cards.make_device(
                link,
                key("device 2"),
                **common,
                member=MEMBER,
                static_key=exchange("static 2"),
                sealing_key=exchange("sealing 2"),
                label="",
            ),
        ),
        (
            "removal of a device",
            cards.make_removal(
                key("device 2"),
                **common,
                target_kind="device",
                target=(MEMBER, device.public),
                stay=[link.public, key("device 2").public],
                last=[seed("head 1")],
            ),
        ),
        (
            "removal of an invite",
            cards.make_removal(
                device,
                **common,
                target_kind="invite",
                target=key("another invite").public,
                stay=[ids.member_id(key(f"member {n}").public) for n in range(20)],
            ),
        ),
        (
            "removal of a role",
            cards.make_removal(key("root"), **common, target_kind="role", target=MEMBER),
        ),
        (
            "door",
            cards.make_door(
                device,
                **common,
                generation=2,
                key_hash=hashlib.sha256(seed("door 2")).digest(),
                voided=[key("another invite").public],
            ),
        ),
        ("epoch 2", first),
        (
            "epoch 3",
            cards.make_epoch(
                device,
                **common,
                member=MEMBER,
                parent=first.hash,
                number=3,
                nonce=seed("epoch 3")[:16],
                closing=[],
                head=seed("opening 3"),
            ),
        ),
    ]


def make_invites() -> list[InviteText]:
    """An invite, and a link with addresses."""
    return [
        InviteText(
            purpose="member",
            role="steward",
            kinds=("household", "team"),
            community=COMMUNITY,
            door_key=seed("door"),
            seed=seed("invite"),
        ),
        InviteText(
            purpose="link",
            role="member",
            kinds=(),
            community=COMMUNITY,
            door_key=seed("door"),
            seed=seed("link"),
            member=MEMBER,
            addresses=("192.168.1.20:7440", "[fe80::1]:7440"),
        ),
    ]


def describe(invite: InviteText) -> dict[str, Any]:
    """An invite as it stands in the file."""
    return {
        "text": encode_invite(invite),
        "purpose": invite.purpose,
        "role": invite.role,
        "kinds": list(invite.kinds),
        "community": invite.community.hex(),
        "door_key": invite.door_key.hex(),
        "seed": invite.seed.hex(),
        "member": invite.member.hex() if invite.member else None,
        "addresses": list(invite.addresses),
    }


def make() -> str:
    """The content of the file."""
    actor = ids.actor_id(key("device").public, b"\0\1\2\3")
    content = {
        "source": "written for meshaid by tests/vectors/make_cards.py",
        "verified": "against tests/card_reader.py by tests/core/test_cards.py and test_invite.py",
        "format": "see the generator",
        "ids": {
            "root_key": key("root").public.hex(),
            "community": ids.id_text(COMMUNITY),
            "member_key": key("member").public.hex(),
            "member": ids.id_text(MEMBER),
            "actor": actor.hex(),
            "genesis_actor_1": ids.genesis_actor(COMMUNITY, MEMBER, 1, bytes(16)).hex(),
            "genesis_actor_2": ids.genesis_actor(COMMUNITY, MEMBER, 2, seed("epoch 2")[:16]).hex(),
            "record": ids.record_id(seed("record")[:10]),
        },
        "derived": {
            "door_key": seed("door").hex(),
            "noise-psk": derive(seed("door"), "noise-psk").hex(),
            "discovery": derive(seed("door"), "discovery").hex(),
        },
        "cards": [[name, card.wire.hex(), card.hash.hex()] for name, card in make_all_cards()],
        "invites": [describe(invite) for invite in make_invites()],
    }
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(FILE.read_text("utf-8") != make())
    FILE.write_text(make(), "utf-8")
