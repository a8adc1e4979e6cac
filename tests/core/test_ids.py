"""Ids: one spelling each, and the bytes that other implementations must reach."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core import ids
from meshaid.errors import InvalidInput

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cards.json").read_text("utf-8"))


def test_ids_have_the_bytes_of_the_vectors() -> None:
    known = VECTORS["ids"]
    community = ids.community_id(bytes.fromhex(known["root_key"]))
    member = ids.member_id(bytes.fromhex(known["member_key"]))
    assert ids.id_text(community) == known["community"]
    assert ids.id_text(member) == known["member"]
    nonce = hashlib.sha256(b"epoch 2").digest()[:16]
    assert ids.genesis_actor(community, member, 1, bytes(16)).hex() == known["genesis_actor_1"]
    assert ids.genesis_actor(community, member, 2, nonce).hex() == known["genesis_actor_2"]
    assert ids.record_id(hashlib.sha256(b"record").digest()[:10]) == known["record"]


def test_the_hashed_bytes_are_those_of_the_protocol() -> None:
    key, member, nonce = bytes(range(32)), bytes(range(32, 64)), bytes(range(16))
    community = hashlib.sha256(b"meshaid-community-v1\0" + key).digest()
    assert ids.community_id(key) == community
    assert ids.member_id(key) == hashlib.sha256(b"meshaid-member-v1\0" + key).digest()
    said = b"meshaid-genesis-v1\0\x01" + community + member + b"\0\0\1\2" + nonce
    assert ids.genesis_actor(community, member, 258, nonce) == hashlib.sha256(said).digest()[:16]


def test_everything_that_names_a_document_changes_its_name() -> None:
    base = (bytes(32), bytes(32), 1, bytes(16))
    others = [
        (b"\1" * 32, *base[1:]),
        (base[0], b"\1" * 32, *base[2:]),
        (*base[:2], 2, base[3]),
        (*base[:3], b"\1" * 16),
    ]
    names = {ids.genesis_actor(*arguments) for arguments in (base, *others)}
    assert len(names) == 5


@given(st.binary(min_size=32, max_size=32))
def test_ids_survive_their_text(value: bytes) -> None:
    text = ids.id_text(value)
    assert len(text) == ids.ID_CHARS
    assert ids.id_bytes(text) == value
    assert text.startswith(ids.short(value))


@given(st.text(max_size=60) | st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567=", max_size=60))
def test_any_text_is_one_value_or_refused(text: str) -> None:
    try:
        value = ids.from_base32(text)
    except InvalidInput:
        return
    assert ids.to_base32(value) == text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 51,
        "a" * 53,
        "a" * 51 + "b",
        "a" * 51 + "1",
        "A" * 52,
        "a" * 51 + "=",
        " " + "a" * 51,
        "",
    ],
)
def test_a_wrong_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="copy it again"):
        ids.id_bytes(text)


def test_an_actor_holds_its_device() -> None:
    device = bytes(range(32))
    assert ids.device_of(ids.actor_id(device, b"abcd")) == device
    for arguments in ((device, b"abc"), (device[1:], b"abcde")):
        with pytest.raises(ValueError, match="4-byte nonce"):
            ids.actor_id(*arguments)
    with pytest.raises(ValueError, match="36 bytes"):
        ids.device_of(device)


def test_references_name_member_and_record() -> None:
    member, record = bytes(range(32)), ids.record_id(bytes(range(10)))
    text = ids.reference(member, record)
    assert text == f"{ids.id_text(member)}/{record}"
    assert ids.parse_reference(text) == (member, record)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "aaaaaaaaaaaaaaaa",
        "a" * 52 + "aaaaaaaaaaaaaaaa",
        "a" * 52 + "/" + "a" * 15,
        "a" * 52 + "/" + "A" * 16,
        "a" * 51 + "/" + "a" * 16,
        "a" * 52 + "/" + "a" * 16 + "/",
    ],
)
def test_a_wrong_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        ids.parse_reference(text)


def test_wrong_lengths_are_bugs_of_the_caller() -> None:
    for call in (
        lambda: ids.id_text(bytes(31)),
        lambda: ids.record_id(bytes(9)),
        lambda: ids.genesis_actor(bytes(31), bytes(32), 1, bytes(16)),
        lambda: ids.genesis_actor(bytes(32), bytes(32), 1, bytes(15)),
    ):
        with pytest.raises(ValueError, match="byte"):
            call()
