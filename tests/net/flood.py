"""Run on a host of the network: announce many fake services, as fast as they can be sent.

python flood.py OWN_ADDRESS COUNT TTL_SECONDS
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import zeroconf

from meshaid.dns_sd import SERVICE_TYPE

PER_PACKET = 20


def packets(count: int, ttl: int) -> Iterator[bytes]:
    """Packets that announce `count` services with random names and tags, without addresses."""
    for _ in range(count // PER_PACKET):
        out = zeroconf.DNSOutgoing(0x8400)
        for _ in range(PER_PACKET):
            info = zeroconf.ServiceInfo(
                SERVICE_TYPE,
                f"{os.urandom(8).hex()}.{SERVICE_TYPE}",
                port=9,
                properties={b"v": b"1", b"t": os.urandom(8).hex().encode()},
                server=f"{os.urandom(8).hex()}.local.",
                host_ttl=ttl,
                other_ttl=ttl,
            )
            for record in (info.dns_pointer(), info.dns_text(), info.dns_service()):
                out.add_answer_at_time(record, 0)
        yield from out.packets()


def main(address: str, count: str, ttl: str) -> None:
    """Send them all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        for packet in packets(int(count), int(ttl)):
            mouth.sendto(packet, ("224.0.0.251", 5353))


if __name__ == "__main__":
    main(*sys.argv[1:])
