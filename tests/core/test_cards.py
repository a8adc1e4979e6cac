"""Cards: golden bytes read by two readers, and everything else refused with one of two errors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgpack
import pytest
from cryptography.exceptions import InvalidSignature as ForeignInvalidSignature
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core import cards, ids
from meshaid.core.cards import SignedCard, decode_card, read_own_card
from meshaid.core.keys import SigningKey
from meshaid.errors import InvalidInput, InvalidSignature, RemoteProtocolError
from tests import card_reader
from tests.vectors import make_cards
from tests.vectors.make_cards import COMMUNITY, MEMBER, exchange, key

VECTORS = json.loads(make_cards.FILE.read_text("utf-8"))
CARDS = dict(make_cards.make_all_cards())
WIRES = {name: bytes.fromhex(wire) for name, wire, _ in VECTORS["cards"]}
SIGNERS = {
    "founding": key("root"),
    "invite by the root": key("root"),
    "member": key("invite"),
    "device by the member key": key("member"),
    "link": key("device"),
    "device by a link": key("link"),
    "removal of a device": key("device 2"),
    "removal of an invite": key("device"),
    "removal of a role": key("root"),
    "door": key("device"),
    "epoch 2": key("device"),
    "epoch 3": key("device"),
}
SUBJECTS = {
    "invite by the root": key("invite"),
    "member": key("member"),
    "device by the member key": key("device"),
    "link": key("link"),
    "device by a link": key("device 2"),
}


def signed(name: str, values: list[Any]) -> bytes:
    """A card with this body, signed by those who sign the vector of this name."""
    return signed_body(name, msgpack.packb(values))


def signed_body(name: str, body: bytes) -> bytes:
    subject = SUBJECTS.get(name)
    co_signature = subject.sign(cards.POSSESSION_TAG + body) if subject else None
    return bytes(msgpack.packb([body, SIGNERS[name].sign(cards.CARD_TAG + body), co_signature]))


def values_of(name: str) -> list[Any]:
    """The body of a vector as plain values."""
    return list(msgpack.unpackb(CARDS[name].body))


# ---- golden vectors
def test_the_file_is_what_the_generator_makes() -> None:
    assert make_cards.FILE.read_text("utf-8") == make_cards.make()


@pytest.mark.parametrize("name", WIRES)
def test_both_readers_read_the_same(name: str) -> None:
    card = decode_card(WIRES[name])
    second = card_reader.read_card(WIRES[name])
    assert card.wire == WIRES[name]
    assert second.pop("card") == type(card.card).__name__.lower()
    assert second.pop("hash") == card.hash
    ours = {f.name: getattr(card.card, f.name) for f in fields(card.card)}
    assert json.dumps(ours, default=bytes.hex) == json.dumps(second, default=bytes.hex)


@pytest.mark.parametrize(("name", "_wire", "card_hash"), VECTORS["cards"])
def test_hashes_are_over_tag_and_body(name: str, _wire: str, card_hash: str) -> None:
    card = CARDS[name]
    assert card.hash.hex() == card_hash
    assert card.hash == hashlib.sha256(b"meshaid-card-v1\0" + card.body).digest()
    assert card.hash16 == card.hash[:16]


def test_there_is_a_vector_of_each_kind() -> None:
    assert {type(card.card).__name__ for card in CARDS.values()} == {
        name.capitalize() for name, _ in card_reader.FIELDS.values()
    }


# ---- signatures
@pytest.mark.parametrize("name", WIRES)
def test_each_signature_is_needed(name: str) -> None:
    body, signature, co_signature = msgpack.unpackb(WIRES[name])
    stranger = key("stranger")
    forged = stranger.sign(cards.CARD_TAG + body)
    with pytest.raises(InvalidSignature):
        decode_card(msgpack.packb([body, forged, co_signature]))
    if co_signature is not None:
        for wrong in (
            stranger.sign(cards.POSSESSION_TAG + body),
            SUBJECTS[name].sign(cards.CARD_TAG + body),
        ):
            with pytest.raises(InvalidSignature):
                decode_card(msgpack.packb([body, signature, wrong]))


@pytest.mark.parametrize("name", WIRES)
def test_co_signatures_stand_where_they_belong_only(name: str) -> None:
    body, signature, co_signature = msgpack.unpackb(WIRES[name])
    other = None if co_signature is not None else signature
    with pytest.raises(RemoteProtocolError):
        decode_card(msgpack.packb([body, signature, other]))


@given(st.sampled_from(sorted(WIRES)), st.data())
def test_any_changed_bit_is_refused(name: str, data: st.DataObject) -> None:
    wire = bytearray(WIRES[name])
    place = data.draw(st.integers(0, 8 * len(wire) - 1))
    wire[place // 8] ^= 1 << place % 8
    with pytest.raises((InvalidSignature, RemoteProtocolError)):
        decode_card(bytes(wire))
    with pytest.raises((ForeignInvalidSignature, ValueError, LookupError, TypeError)):
        card_reader.read_card(bytes(wire))


def test_a_body_is_bytes() -> None:
    for body in (None, "text", [1]):
        with pytest.raises(RemoteProtocolError, match="bytes"):
            decode_card(msgpack.packb([body, bytes(64), None]))


@given(st.binary(max_size=300))
def test_garbage_gives_one_error(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_card(data)


@pytest.mark.parametrize("name", WIRES)
def test_every_beginning_of_a_card_is_refused(name: str) -> None:
    wire = WIRES[name]
    for end in range(len(wire)):
        with pytest.raises(RemoteProtocolError):
            decode_card(wire[:end])
    with pytest.raises(RemoteProtocolError):
        decode_card(wire + b"\0")


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x91" * 16_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdc\xff\xff" + b"\x80" * 15_000,
        b"\xc7\x04\xff\0\0\0\0",
        b"\x81\xa1a\x01",
    ],
    ids=["nesting", "array", "map", "bytes", "empty maps", "time", "small map"],
)
def test_bombs_are_refused(bomb: bytes) -> None:
    for data in (bomb, bytes(msgpack.packb([bomb, bytes(64), None]))):
        with pytest.raises(RemoteProtocolError):
            decode_card(data)


# ---- one encoding
def test_a_second_encoding_of_a_body_is_refused() -> None:
    """The kind as a two-byte integer, validly signed: the same values, other bytes."""
    for name, card in CARDS.items():
        body = card.body
        longer = body[:1] + b"\xcc" + body[1:]
        assert msgpack.unpackb(longer) == msgpack.unpackb(body)
        with pytest.raises(RemoteProtocolError, match="second encoding"):
            decode_card(signed_body(name, longer))


def test_a_second_encoding_of_the_envelope_is_refused() -> None:
    wire = WIRES["founding"]
    body, signature, _ = msgpack.unpackb(wire)
    longer = b"\x93\xc5\x00" + bytes([len(body)]) + body + b"\xc4\x40" + signature + b"\xc0"
    assert msgpack.unpackb(longer) == msgpack.unpackb(wire)
    with pytest.raises(RemoteProtocolError, match="second encoding"):
        decode_card(longer)


# ---- strict fields: (vector, place in the body, value)
BAD_FIELDS: list[tuple[str, int, Any]] = [
    ("founding", 0, 8),
    ("founding", 0, True),
    ("founding", 1, bytes(31)),
    ("founding", 1, bytes(32)),
    ("founding", 3, ""),
    ("founding", 3, "x" * (limits.CARD_NAME_CHARS + 1)),
    ("founding", 3, " Riverside"),
    ("founding", 3, "River\x1b[31mside"),
    ("founding", 3, "River\u202eside"),
    ("founding", 3, "River\nside"),
    ("founding", 3, b"Riverside"),
    ("founding", 4, 1),
    ("founding", 5, "everybody"),
    ("founding", 6, -1),
    ("founding", 6, limits.MAX_INTEGER + 1),
    ("founding", 6, 1.0),
    ("founding", 6, True),
    ("invite by the root", 3, bytes(32)),
    ("invite by the root", 4, "root"),
    ("invite by the root", 4, "device"),
    ("invite by the root", 5, []),
    ("invite by the root", 5, ["hub", "hub"]),
    ("invite by the root", 5, ["team", "hub"]),
    ("invite by the root", 5, ["school"]),
    ("invite by the root", 5, "hub"),
    ("invite by the root", 6, 0),
    ("invite by the root", 6, limits.INVITE_USES + 1),
    ("link", 5, ["hub"]),
    ("member", 4, -1),
    ("member", 6, "school"),
    ("member", 7, bytes(32)),
    ("member", 7, bytes(31)),
    ("device by a link", 5, bytes(32)),
    ("device by a link", 7, "x" * (limits.CARD_LABEL_CHARS + 1)),
    ("removal of a role", 3, "device"),
    ("removal of a role", 3, "root"),
    ("removal of a role", 4, bytes(31)),
    ("removal of a role", 5, [bytes(32), bytes(32)]),
    ("removal of a role", 5, [b"\1" * 32, bytes(32)]),
    ("removal of a role", 5, [bytes(31)]),
    ("removal of a role", 6, [bytes(32)]),
    ("removal of a device", 3, "member"),
    ("removal of a device", 4, bytes(32)),
    ("removal of a device", 4, [bytes(32)]),
    ("removal of a device", 4, [bytes(32), bytes(31)]),
    ("door", 3, 1),
    ("door", 3, 2**32),
    ("door", 4, bytes(33)),
    ("door", 5, None),
    ("epoch 2", 4, bytes(32)),
    ("epoch 2", 5, 1),
    ("epoch 2", 5, 3),
    ("epoch 2", 6, bytes(15)),
    ("epoch 2", 7, [[bytes(36), 0, bytes(32)]]),
    ("epoch 2", 7, [[bytes(36), limits.MAX_SEQ + 1, bytes(32)]]),
    ("epoch 2", 7, [[bytes(35), 1, bytes(32)]]),
    ("epoch 2", 7, [[bytes(36), 1]]),
    ("epoch 2", 7, [[bytes(36), 1, bytes(32)], [bytes(36), 2, bytes(32)]]),
    ("epoch 3", 4, b""),
    ("epoch 3", 5, 2),
]


@pytest.mark.parametrize(("name", "place", "value"), BAD_FIELDS)
def test_each_field_is_read_strictly(name: str, place: int, value: Any) -> None:
    values = values_of(name)
    decode_card(signed(name, values))
    values[place] = value
    with pytest.raises(RemoteProtocolError):
        decode_card(signed(name, values))


@pytest.mark.parametrize("name", WIRES)
def test_fields_are_neither_more_nor_fewer(name: str) -> None:
    values = values_of(name)
    for wrong in ([*values, 0], values[:-1], []):
        with pytest.raises(RemoteProtocolError):
            decode_card(signed(name, wrong))


def test_weak_keys_are_refused_in_every_place_that_holds_one() -> None:
    weak = (1).to_bytes(32, "little")
    places = [
        ("invite by the root", 2),
        ("invite by the root", 3),
        ("member", 2),
        ("member", 3),
        ("device by a link", 3),
        ("device by a link", 4),
        ("removal of a role", 2),
        ("door", 2),
        ("epoch 2", 2),
    ]
    for name, place in places:
        values = values_of(name)
        values[place] = weak
        with pytest.raises(RemoteProtocolError, match="weak"):
            decode_card(signed(name, values))


def test_a_founding_card_names_its_own_community() -> None:
    values = values_of("founding")
    values[2] = key("other root").public
    with pytest.raises(RemoteProtocolError, match="root key"):
        decode_card(signed("founding", values))


# ---- sizes
def test_lists_are_bounded_by_the_size_of_their_card() -> None:
    def removal(count: int) -> SignedCard:
        stay = [hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(count)]
        return cards.make_removal(
            key("device"), community=COMMUNITY, target_kind="role", target=MEMBER, stay=stay
        )

    assert len(decode_card(removal(470).wire).wire) <= limits.MAX_LIST_CARD_BYTES
    for count in (480, 600):
        with pytest.raises(InvalidInput):
            removal(count)
    with pytest.raises(RemoteProtocolError, match="size limit"):
        decode_card(bytes(limits.MAX_LIST_CARD_BYTES + 1))


def test_the_longest_cards_without_lists_fit() -> None:
    long = "\U0001f3e0" * limits.CARD_NAME_CHARS
    card = cards.make_member(
        key("invite"),
        key("member"),
        community=COMMUNITY,
        counter=limits.MAX_INTEGER,
        name=long,
        kind="household",
        sealing_key=exchange("sealing"),
    )
    assert len(card.wire) < limits.MAX_CARD_BYTES
    assert decode_card(card.wire) == card


# ---- making
def test_what_cannot_be_read_cannot_be_made() -> None:
    with pytest.raises(InvalidInput, match="characters"):
        cards.make_founding(key("root"), name="", exercise=False, may_invite="stewards", created=0)
    with pytest.raises(InvalidInput, match="last changes"):
        cards.make_removal(
            key("root"),
            community=COMMUNITY,
            target_kind="role",
            target=MEMBER,
            last=[bytes(32)],
        )


def test_lists_are_sorted_when_a_card_is_made() -> None:
    stay = [key(f"{n}").public for n in range(5)]
    made = [
        cards.make_removal(
            key("root"), community=COMMUNITY, target_kind="role", target=MEMBER, stay=order
        )
        for order in (stay, stay[::-1], stay * 2)
    ]
    assert len({card.hash for card in made}) == 1


def test_an_own_card_is_read_without_its_signatures() -> None:
    body, _, co_signature = msgpack.unpackb(WIRES["member"])
    unsigned = bytes(msgpack.packb([body, bytes(64), co_signature]))
    assert read_own_card(unsigned).hash == CARDS["member"].hash
    with pytest.raises(InvalidSignature):
        decode_card(unsigned)


def test_the_issuer_of_a_device_card_is_the_member_key_or_a_link() -> None:
    by_member, by_link = CARDS["device by the member key"].card, CARDS["device by a link"].card
    assert isinstance(by_member, cards.Device)
    assert isinstance(by_link, cards.Device)
    assert by_member.link is None
    assert by_link.link == key("link").public


def test_no_card_shows_a_name_or_label() -> None:
    for card in CARDS.values():
        for shown in (repr(card), repr(card.card)):
            for secret in ("Riverside", "Hub A", "desk 1"):
                assert secret not in shown


def test_a_card_of_another_member_key_is_another_member() -> None:
    card = CARDS["member"].card
    assert isinstance(card, cards.Member)
    assert card.member == MEMBER == ids.member_id(card.member_key)
    other = replace(card, member_key=SigningKey(bytes(32)).public)
    assert other.member != MEMBER


def test_vectors_lie_beside_their_generator() -> None:
    assert Path(make_cards.__file__).parent == make_cards.FILE.parent
