"""Messages: one encoding each, golden vectors, and nothing else passes."""

from __future__ import annotations

import hashlib
import json
import random
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core import messages
from meshaid.core.messages import (
    RESERVED_TYPES,
    TYPE_NUMBERS,
    Bye,
    ByeReason,
    CardList,
    Cards,
    CardWant,
    Delta,
    Digest,
    DocumentState,
    Done,
    Hello,
    Items,
    Message,
    NotKnown,
    Ping,
    Pong,
    Refused,
    Sealed,
    SealedDigest,
    SealedList,
    SealedWant,
    Want,
    Wanted,
    decode,
    encode,
)
from meshaid.core.wire_dictionary import WIRE_DICTIONARY
from meshaid.errors import LocalProtocolError, RemoteProtocolError
from tests import message_reader, tiny_msgpack
from tests.vectors import make_messages

VECTORS: dict[str, Any] = json.loads(make_messages.FILE.read_text("utf-8"))
PACKED = (Cards, Delta, Sealed)
"""Their bytes depend on the compressor."""

names = st.binary(min_size=16, max_size=16)
lists = st.lists(names, min_size=1, max_size=20, unique=True).map(tuple)
numbers = st.integers(1, limits.MAX_REQUEST)
heads = st.tuples(st.integers(1, limits.MAX_SEQ), st.binary(min_size=32, max_size=32))
clocks = st.dictionaries(st.binary(min_size=36, max_size=36), heads, max_size=4)
wants = st.lists(
    st.builds(Wanted, st.binary(min_size=32, max_size=32), clocks),
    min_size=1,
    max_size=4,
    unique_by=lambda wanted: wanted.genesis,
).map(tuple)
tables = st.dictionaries(names, st.binary(min_size=8, max_size=8), max_size=8)
payloads = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5).map(tuple)
rules = st.text("ABCGxyz0123456789", min_size=1, max_size=8)

any_message: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, names, names, st.one_of(names, st.just(b""))),
    st.builds(CardList, lists),
    st.builds(CardWant, lists),
    st.builds(Cards, payloads),
    st.builds(Digest, names, names),
    st.builds(Items, tables.map(lambda table: tuple(table.items()))),
    st.builds(Want, numbers, wants),
    st.builds(Delta, st.integers(0, limits.MAX_REQUEST), payloads),
    st.builds(Done, numbers),
    st.builds(DocumentState, names, names),
    st.builds(Refused, names, rules, names),
    st.builds(Bye, st.sampled_from(ByeReason)),
    st.sampled_from([NotKnown(), Ping(), Pong()]),
    st.builds(SealedList, tables.map(lambda table: tuple(table.items()))),
    st.builds(Sealed, st.integers(0, limits.MAX_REQUEST), payloads | st.just(())),
    st.builds(SealedDigest, names),
    st.builds(SealedWant, numbers, lists),
)


# ---- golden vectors
def test_vectors_are_what_the_generator_makes() -> None:
    assert make_messages.FILE.read_text("utf-8") == make_messages.make()


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector[0])
def test_golden_message(vector: list[Any]) -> None:
    _, data, name, fields = vector
    message = decode(bytes.fromhex(data))
    assert make_messages.plain_fields(message) == fields
    assert message_reader.read_message(bytes.fromhex(data)) == (name, fields)
    if not isinstance(message, PACKED):
        assert encode(message).hex() == data


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector[0])
def test_golden_refusal(vector: list[str]) -> None:
    data = bytes.fromhex(vector[1])
    with pytest.raises(RemoteProtocolError):
        decode(data)
    with pytest.raises(ValueError):  # noqa: PT011 - any
        message_reader.read_message(data)


def test_vectors_show_every_message() -> None:
    shown = {type(message) for _, message in make_messages.MESSAGES}
    assert shown == set(TYPE_NUMBERS)
    assert sorted(TYPE_NUMBERS.values()) == [*range(1, 16), 18, 19, 24, 25]
    assert sorted(RESERVED_TYPES) == [16, 17, 20, 21, 22, 23]


@pytest.mark.parametrize("vector", VECTORS["digests"], ids=lambda v: f"{v['label']}")
def test_golden_keyed_digest(vector: dict[str, Any]) -> None:
    items = [bytes.fromhex(item) for item in vector["items"]]
    key, label = bytes.fromhex(vector["key"]), vector["label"].encode()
    assert message_reader.keyed_digest(key, label, items).hex() == vector["digest"]


# ---- properties
@given(any_message)
def test_there_and_back(message: Message) -> None:
    data = encode(message)
    assert decode(data) == message
    assert len(data) <= limits.MAX_MESSAGE
    name, fields = message_reader.read_message(data)
    assert (name, fields) == (make_messages.name_of(message), sorted_fields(message))


def sorted_fields(message: Message) -> dict[str, Any]:
    if isinstance(message, Want):
        ordered = (Wanted(w.genesis, dict(sorted(w.clock.items()))) for w in message.documents)
        message = replace(message, documents=tuple(ordered))
    return make_messages.plain_fields(message)


@given(any_message, st.data())
def test_damaged_is_refused_or_canonical(message: Message, data: st.DataObject) -> None:
    """Whatever still passes after damage is the one encoding of what it says."""
    encoded = bytearray(encode(message))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    check_garbage(bytes(encoded))


@given(st.binary(max_size=300))
def test_garbage_is_refused_or_canonical(data: bytes) -> None:
    check_garbage(data)


def check_garbage(data: bytes) -> None:
    try:
        message = decode(data)
    except RemoteProtocolError:
        with pytest.raises(ValueError):  # noqa: PT011 - any
            message_reader.read_message(data)
    else:
        message_reader.read_message(data)
        if isinstance(message, PACKED):
            assert decode(encode(message)) == message
        else:
            assert encode(message) == data


# ---- bombs and limits
def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\x90"


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(nested(100_000), id="deep"),
        pytest.param(b"\xdd\xff\xff\xff\xff" + b"\x90" * 1000, id="announced array"),
        pytest.param(b"\xc6\xff\xff\xff\xff", id="announced bytes"),
        pytest.param(b"\x9f" * 1000, id="arrays of arrays"),
        pytest.param(b"\xdc\x27\x10" + b"\x80" * 10_000, id="maps"),
        pytest.param(b"\xdc\x27\x10" + b"\x91\x90" * 10_000, id="pairs"),
        pytest.param(b"\xc7\x01\x01\x00", id="extension"),
        pytest.param(b"\xd6\xff\x00\x00\x00\x00", id="timestamp"),
    ],
)
def test_bomb(bomb: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError):
        decode(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * limits.MAX_MESSAGE


def test_inflating_bomb_is_stopped_at_its_announced_size() -> None:
    bomb = zlib.compress(bytes(2**26), 9)
    data = msgpack.packb([4, 1000, bomb])
    tracemalloc.start()
    with pytest.raises(RemoteProtocolError):
        decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < limits.MAX_MESSAGE


def test_too_long_to_be_looked_at() -> None:
    with pytest.raises(RemoteProtocolError, match="too long"):
        decode(bytes(limits.MAX_MESSAGE + 1))


def test_largest_lists_fit() -> None:
    cards = tuple(number.to_bytes(16, "big") for number in range(limits.MAX_CARD_NAMES))
    rows = tuple((name, bytes(8)) for name in cards[: limits.MAX_ITEMS])
    clock = {
        number.to_bytes(36, "big"): (limits.MAX_SEQ, bytes(32))
        for number in range(limits.CLOCK_ACTORS)
    }
    for message in (CardList(cards), Items(rows), Want(1, (Wanted(bytes(32), clock),))):
        assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Hello(b"", bytes(16), b""),
        Digest(bytes(16), bytes(17)),
        CardList(()),
        CardList((bytes(16), bytes(16))),
        CardWant(tuple(number.to_bytes(16, "big") for number in range(257))),
        Cards((b"",)),
        Cards((bytes(limits.MAX_LIST_CARD_BYTES + 1),)),
        Items(((bytes(16), bytes(7)),)),
        Items(((bytes(16), bytes(8)), (bytes(16), bytes(8)))),
        Want(0, (Wanted(bytes(32), {}),)),
        Want(1, ()),
        Want(1, (bytes(32),)),  # type: ignore[arg-type]
        Want(1, (Wanted(bytes(32), {bytes(36): (0, bytes(32))}),)),
        Delta(0, ()),
        Delta(-1, (b"x",)),
        Delta(0, (bytes(limits.INFLATE_LIMIT),)),
        Done(limits.MAX_REQUEST + 1),
        Refused(bytes(16), "not a rule", bytes(16)),
        Bye(3),  # type: ignore[arg-type]
    ],
    ids=lambda message: type(message).__name__,
)
def test_malformed_is_our_own_fault(message: Message) -> None:
    with pytest.raises(LocalProtocolError, match=type(message).__name__):
        encode(message)


def test_too_long_is_our_own_fault() -> None:
    noise = random.Random(1).randbytes(limits.INFLATE_LIMIT - 100)
    with pytest.raises(LocalProtocolError, match="split"):
        encode(Delta(0, (noise,)))


def test_no_content_in_errors_and_reprs() -> None:
    secret = b"the old mill, third floor"
    for message in (Cards((secret,)), Delta(0, (secret,))):
        assert "mill" not in repr(message)
    with pytest.raises(RemoteProtocolError) as caught:
        decode(msgpack.packb([5, secret, secret]))
    assert "mill" not in str(caught.value)


def test_tiny_reader_agrees_with_msgpack() -> None:
    value = [0, 127, 128, 2**16, 2**32, None, True, "", "x" * 40, b"", b"y" * 300, [[]], [1] * 20]
    assert tiny_msgpack.read(msgpack.packb(value)) == value


def test_names_in_the_module_are_the_messages() -> None:
    assert all(getattr(messages, form.__name__) is form for form in TYPE_NUMBERS)


def test_wire_dictionary_is_that_of_version_1() -> None:
    """Both sides must hold the same bytes: another dictionary is another version of the wire."""
    assert hashlib.sha256(WIRE_DICTIONARY).hexdigest() == (
        "3e618ad2a060178a5b48c73adaa2c27673e82d5b75753e25106f353a20239a09"
    )
    assert WIRE_DICTIONARY == message_reader.DICTIONARY


def test_stream_without_the_dictionary_is_read_too() -> None:
    with_it = encode(Delta(0, (b"x" * 300,)))
    number, request, size, _ = tiny_msgpack.read(with_it)
    plain = zlib.compress(msgpack.packb([b"x" * 300]))
    assert decode(bytes(msgpack.packb([number, request, size, plain]))) == (decode(with_it))
