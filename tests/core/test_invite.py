"""Invites: the text that people copy, and the file; damage is noticed and named."""

from __future__ import annotations

import json
from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.ids import to_base32
from meshaid.core.invite import (
    InviteText,
    _check,
    decode_invite,
    encode_invite,
    encode_invite_file,
    is_invite_file,
    read_invite_file,
)
from meshaid.errors import InvalidInput
from tests import card_reader
from tests.vectors import make_cards

MEMBER_INVITE, LINK = make_cards.make_invites()
VECTORS = json.loads(make_cards.FILE.read_text("utf-8"))["invites"]
QR_ALPHANUMERIC = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")

addresses = st.lists(
    st.builds(
        "{}:{}".format,
        st.from_regex(r"[a-z0-9.\-]{1,40}", fullmatch=True),
        st.integers(1, 65_535),
    ),
    max_size=limits.INVITE_ADDRESSES,
).map(tuple)
keys = st.binary(min_size=32, max_size=32)
member_invites = st.builds(
    InviteText,
    purpose=st.just("member"),
    role=st.sampled_from(["member", "steward"]),
    kinds=st.sampled_from([("household",), ("hub", "team"), ("household", "hub", "team")]),
    community=keys,
    door_key=keys,
    seed=keys,
    addresses=addresses,
)
links = st.builds(
    InviteText,
    purpose=st.just("link"),
    role=st.just("member"),
    kinds=st.just(()),
    community=keys,
    door_key=keys,
    seed=keys,
    member=keys,
    addresses=addresses,
)


@pytest.mark.parametrize("known", VECTORS, ids=["member", "link"])
def test_both_readers_read_the_vectors(known: dict[str, object]) -> None:
    text = str(known["text"])
    assert make_cards.describe(decode_invite(text)) == known
    second = card_reader.read_invite(text)
    assert {"text": text, **json.loads(json.dumps(second, default=bytes.hex))} == known


@given(member_invites | links)
def test_invites_survive_their_text(invite: InviteText) -> None:
    text = encode_invite(invite)
    assert decode_invite(text) == invite
    assert text.startswith("MESHAID1")
    assert QR_ALPHANUMERIC.issuperset(text)
    assert len(text) <= limits.INVITE_TEXT_CHARS


def test_sizes_are_as_promised() -> None:
    """About 100 bytes, a link about 135, in Base32."""
    plain_link = replace(LINK, addresses=())
    assert len(encode_invite(MEMBER_INVITE)) == 8 + 168
    assert len(encode_invite(plain_link)) == 8 + 220


def test_case_blanks_and_line_breaks_do_not_matter() -> None:
    text = encode_invite(LINK)
    lines = "\n  ".join(text[place : place + 20] for place in range(0, len(text), 20))
    for written in (text.lower(), f"  {lines}\r\n", " ".join(text)):
        assert decode_invite(written) == LINK


@given(st.data())
def test_every_single_mistake_is_noticed(data: st.DataObject) -> None:
    text = encode_invite(data.draw(st.sampled_from([MEMBER_INVITE, LINK])))
    place = data.draw(st.integers(8, len(text) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
    if letter != text[place]:
        with pytest.raises(InvalidInput, match="mistake in it"):
            decode_invite(text[:place] + letter + text[place + 1 :])


@pytest.mark.parametrize("invite", [MEMBER_INVITE, LINK], ids=["member", "link"])
def test_every_shortened_invite_is_refused(invite: InviteText) -> None:
    text = encode_invite(invite)
    for end in range(len(text)):
        with pytest.raises(InvalidInput, match=r"begins with|mistake in it|too short"):
            decode_invite(text[:end])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "begins with MESHAID1"),
        ("https://example.org/join", "begins with MESHAID1"),
        ("MESHAID2" + "A" * 168, "another version"),
        ("MESHAID1", "too short"),
        ("MESHAID1AA", "too short"),
        ("MESHAID1ABC", "mistake in it"),
        ("MESHAID10189", "mistake in it"),
        ("MESHAID1" + "\u00e4" * 168, "mistake in it"),
        ("MESHAID1" + "A" * 3_000, "too long"),
    ],
)
def test_what_is_no_invite_is_named(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        decode_invite(text)


@given(st.text(max_size=400) | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=400))
def test_garbage_gives_one_error(text: str) -> None:
    for written in (text, "MESHAID1" + text):
        with pytest.raises(InvalidInput):
            decode_invite(written)


def written(body: bytes) -> str:
    """An invite text with this body and a check that holds."""
    return "MESHAID1" + to_base32(body + _check(body)).upper()


SECRETS = bytes(96)
BAD_BODIES = {
    "version": bytes((2, 0, 0, 1)) + SECRETS + b"\0",
    "purpose": bytes((1, 2, 0, 1)) + SECRETS + b"\0",
    "role": bytes((1, 0, 2, 1)) + SECRETS + b"\0",
    "kinds beyond the known": bytes((1, 0, 0, 8)) + SECRETS + b"\0",
    "member without kinds": bytes((1, 0, 0, 0)) + SECRETS + b"\0",
    "link with kinds": bytes((1, 1, 0, 1)) + SECRETS + bytes(32) + b"\0",
    "link without member": bytes((1, 1, 0, 0)) + SECRETS + b"\0",
    "address cut": bytes((1, 0, 0, 1)) + SECRETS + b"\1\x09host:1",
    "address missing": bytes((1, 0, 0, 1)) + SECRETS + b"\2\6host:1",
    "surplus": bytes((1, 0, 0, 1)) + SECRETS + b"\0\0",
    "no port": bytes((1, 0, 0, 1)) + SECRETS + b"\1\4host",
    "empty address": bytes((1, 0, 0, 1)) + SECRETS + b"\1\0",
    "no ASCII": bytes((1, 0, 0, 1)) + SECRETS + b"\1\5\xe4st:1",
    "too many": bytes((1, 0, 0, 1)) + SECRETS + b"\5" + b"\3h:1" * 5,
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_bodies_are_read_strictly(name: str) -> None:
    good = bytes((1, 0, 0, 1)) + SECRETS + b"\1\6host:1"
    assert decode_invite(written(good)).addresses == ("host:1",)
    with pytest.raises(InvalidInput):
        decode_invite(written(BAD_BODIES[name]))


@pytest.mark.parametrize(
    "address",
    ["host", "host:", ":1", "host:0", "host:65536", "h\u00f6st:1", "a b:1", "x" * 130 + ":1"],
)
def test_addresses_are_host_and_port(address: str) -> None:
    with pytest.raises(InvalidInput, match="address"):
        encode_invite(replace(MEMBER_INVITE, addresses=(address,)))


def test_an_invite_holds_few_addresses() -> None:
    many = tuple(f"host:{port}" for port in range(1, limits.INVITE_ADDRESSES + 2))
    with pytest.raises(InvalidInput, match="at most"):
        encode_invite(replace(MEMBER_INVITE, addresses=many))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(MEMBER_INVITE, seed=bytes(31)),
        replace(MEMBER_INVITE, kinds=()),
        replace(MEMBER_INVITE, member=bytes(32)),
        replace(LINK, member=None),
        replace(LINK, kinds=("hub",)),
    ],
)
def test_fields_that_do_not_belong_together_are_bugs(wrong: InviteText) -> None:
    with pytest.raises(ValueError, match="invite|link"):  # noqa: RUF043
        encode_invite(wrong)


def test_no_secret_is_shown() -> None:
    for shown in (repr(LINK), str(LINK), f"{LINK!r}"):
        assert shown.startswith("<InviteText link of ")
        for secret in (LINK.seed, LINK.door_key):
            assert secret.hex() not in shown
            assert repr(secret) not in shown


# ---- files
def test_a_file_carries_text_and_cards() -> None:
    wires = [card.wire for _, card in make_cards.make_all_cards()]
    data = encode_invite_file(encode_invite(LINK), wires)
    assert is_invite_file(data)
    assert not is_invite_file(encode_invite(LINK).encode())
    assert read_invite_file(data) == (LINK, tuple(wires))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"MESHAID1",
        msgpack.packb(["meshaid-invite-v2", "", []]),
        msgpack.packb(["meshaid-invite-v1", "", []]),
        msgpack.packb(["meshaid-invite-v1", encode_invite(LINK)]),
        msgpack.packb(["meshaid-invite-v1", encode_invite(LINK), ["text"]]),
        msgpack.packb(["meshaid-invite-v1", encode_invite(LINK).encode(), []]),
        msgpack.packb(["meshaid-invite-v1", encode_invite(LINK), [{}]]),
        bytes(limits.INVITE_FILE_BYTES + 1),
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_invite_file(data)


def test_every_beginning_of_a_file_is_refused() -> None:
    data = encode_invite_file(encode_invite(LINK), [b"card"])
    for end in range(len(data)):
        with pytest.raises(InvalidInput):
            read_invite_file(data[:end])
