"""The transport: edge lengths, damage, order, and the limits of one key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.transport import Transport
from meshaid.errors import LocalProtocolError, RemoteProtocolError


def channel() -> tuple[Transport, Transport]:
    """The two ends of one channel."""
    ours = Transport(send_key=b"\x01" * 32, receive_key=b"\x02" * 32)
    theirs = Transport(send_key=b"\x02" * 32, receive_key=b"\x01" * 32)
    return ours, theirs


@pytest.mark.parametrize("size", [*range(16), 65_518, 65_519])
def test_plaintexts_of_each_edge_length(size: int) -> None:
    ours, theirs = channel()
    plaintext = b"\xa5" * size
    sealed = ours.encrypt(plaintext)
    assert len(sealed) == size + 16
    assert theirs.decrypt(sealed) == plaintext


def test_a_plaintext_that_fits_no_message_is_our_bug_and_costs_no_counter() -> None:
    ours, theirs = channel()
    with pytest.raises(LocalProtocolError, match="65520 bytes"):
        ours.encrypt(bytes(65_520))
    assert ours.sent_messages == 0
    assert theirs.decrypt(ours.encrypt(b"after it")) == b"after it"


@pytest.mark.parametrize("size", [*range(16), 65_536])
def test_ciphertexts_of_impossible_lengths_kill_the_transport(size: int) -> None:
    _, theirs = channel()
    with pytest.raises(RemoteProtocolError, match="no Noise message"):
        theirs.decrypt(bytes(size))
    with pytest.raises(LocalProtocolError, match="dead"):
        theirs.encrypt(b"")


def with_damage(message: bytes) -> bytes:
    return message[:-1] + bytes([message[-1] ^ 0x80])


def test_a_damaged_message_kills_the_transport_and_does_not_advance_the_counter() -> None:
    ours, theirs = channel()
    first, second = ours.encrypt(b"one"), ours.encrypt(b"two")
    theirs.decrypt(first)
    with pytest.raises(RemoteProtocolError, match="damaged"):
        theirs.decrypt(with_damage(second))
    assert (theirs.received_messages, theirs.received_bytes) == (1, len(first))
    with pytest.raises(LocalProtocolError, match="dead"):
        theirs.decrypt(second)  # also the genuine one comes too late
    with pytest.raises(LocalProtocolError, match="dead"):
        theirs.encrypt(b"three")


@pytest.mark.parametrize("which", ["replayed", "skipped", "reflected"])
def test_a_message_out_of_its_place_is_refused(which: str) -> None:
    ours, theirs = channel()
    first, second = ours.encrypt(b"one"), ours.encrypt(b"two")
    if which == "replayed":
        theirs.decrypt(first)
    if which == "reflected":
        ours, theirs = theirs, ours
    with pytest.raises(RemoteProtocolError):
        theirs.decrypt(second if which == "skipped" else first)


def test_counters_and_byte_totals_count_both_directions() -> None:
    ours, theirs = channel()
    for plaintext in (b"", b"four", bytes(100)):
        theirs.decrypt(ours.encrypt(plaintext))
    ours.decrypt(theirs.encrypt(b"answer"))
    assert (ours.sent_messages, ours.sent_bytes) == (3, 104 + 3 * 16)
    assert (theirs.received_messages, theirs.received_bytes) == (3, 104 + 3 * 16)
    assert (ours.received_messages, ours.received_bytes) == (1, 22)
    assert (theirs.sent_messages, theirs.sent_bytes) == (1, 22)


@pytest.mark.parametrize("limit", ["REKEY_MESSAGES", "REKEY_BYTES"])
def test_a_transport_says_when_it_is_spent(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = channel()
    monkeypatch.setattr(limits, limit, 2 if limit == "REKEY_MESSAGES" else 40)
    theirs.decrypt(ours.encrypt(b"1234"))
    assert (ours.spent, theirs.spent) == (False, False)
    theirs.decrypt(ours.encrypt(b"1234"))
    assert (ours.spent, theirs.spent) == (True, True)


def test_no_key_serves_for_more_than_the_greatest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = channel()
    monkeypatch.setattr(limits, "REKEY_MESSAGES", 2)
    theirs.decrypt(ours.encrypt(b"1"))
    theirs.decrypt(ours.encrypt(b"2"))
    with pytest.raises(LocalProtocolError, match="spent"):
        ours.encrypt(b"3")
    monkeypatch.undo()
    one_more = ours.encrypt(b"3")
    monkeypatch.setattr(limits, "REKEY_MESSAGES", 2)
    with pytest.raises(RemoteProtocolError, match="spent"):
        theirs.decrypt(one_more)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=100)), max_size=20))
def test_the_two_directions_do_not_disturb_each_other(turns: list[tuple[bool, bytes]]) -> None:
    ours, theirs = channel()
    for we_send, plaintext in turns:
        sender, receiver = (ours, theirs) if we_send else (theirs, ours)
        assert receiver.decrypt(sender.encrypt(plaintext)) == plaintext
