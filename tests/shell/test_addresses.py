"""Addresses as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.addresses import format_address, parse_address
from meshaid.errors import InvalidInput

EVERY_IPV4 = "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("192.168.1.7:7117", ("192.168.1.7", 7117)),
        (" 192.168.1.7:1 ", ("192.168.1.7", 1)),
        ("Hub.local.:7117", ("hub.local", 7117)),
        ("hub-3:65535", ("hub-3", 65535)),
        ("[fe80::1%wlan0]:7117", ("fe80::1%wlan0", 7117)),
        ("[2001:DB8:0:0:0:0:0:1]:7117", ("2001:db8::1", 7117)),
    ],
)
def test_what_people_write_is_read(text: str, parsed: tuple[str, int]) -> None:
    assert parse_address(text) == parsed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "HOST:PORT"),
        ("7117", "HOST:PORT"),
        ("hub.local", "HOST:PORT"),
        ("hub.local:", "HOST:PORT"),
        ("hub.local:seven", "HOST:PORT"),
        ("hub.local:\u0667", "HOST:PORT"),
        ("hub.local:-1", "HOST:PORT"),
        ("hub.local:0", "1 to 65535"),
        ("hub.local:65536", "1 to 65535"),
        ("hub.local:123456", "HOST:PORT"),
        (":7117", "neither an address nor a name"),
        ("a b:7117", "neither an address nor a name"),
        ("-a:7117", "neither an address nor a name"),
        ("a..b:7117", "neither an address nor a name"),
        (f"{'a.' * 127}:7117", "neither an address nor a name"),
        ("300.1.1.1:7117", "looks like an IPv4 address"),
        ("fe80::1:7117", "in brackets"),
        ("[fe80::1", "HOST:PORT"),
        ("[hub.local]:7117", "no IPv6 address"),
        ("[fe80::1%]:7117", "interface"),
        ("[fe80::1%a b]:7117", "interface"),
    ],
)
def test_what_is_no_address_says_how_to_write_one(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        parse_address(text)


def test_a_place_to_listen_may_leave_things_open() -> None:
    assert parse_address("0.0.0.0:0", listening=True) == (EVERY_IPV4, 0)
    assert parse_address(":7117", listening=True) == ("", 7117)
    assert parse_address("[::]:0", listening=True) == ("::", 0)
    with pytest.raises(InvalidInput):
        parse_address("127.0.0.1:0")


HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: address.compressed).filter(lambda t: "%" not in t),
    st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z][a-z0-9]{0,10}){0,2}", fullmatch=True),
)


@given(HOSTS, st.integers(1, 65_535))
def test_reading_is_the_inverse_of_writing(host: str, port: int) -> None:
    assert parse_address(format_address(host, port)) == (host, port)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        host, port = parse_address(text, listening=True)
    except InvalidInput:
        return
    assert parse_address(format_address(host, port), listening=True) == (host, port)
