"""Run where a bridge is: print every multicast DNS packet as SENDER PAYLOAD_HEX.

python capture.py BRIDGE
"""

from __future__ import annotations

import socket
import sys

ALL_PROTOCOLS = 3
"""ETH_P_ALL (packet(7))."""
PORT = 5353


def payload(frame: bytes) -> tuple[str, bytes] | None:
    """The sender and the UDP payload of one Ethernet frame, where it is multicast DNS."""
    kind, packet = frame[12:14], frame[14:]
    if kind == b"\x08\x00" and packet[9] == 17:
        sender, udp = socket.inet_ntoa(packet[12:16]), packet[(packet[0] & 15) * 4 :]
    elif kind == b"\x86\xdd" and packet[6] == 17:
        sender, udp = socket.inet_ntop(socket.AF_INET6, packet[8:24]), packet[40:]
    else:
        return None
    return (sender, udp[8:]) if int.from_bytes(udp[2:4], "big") == PORT else None


def main(bridge: str) -> None:
    """Print packets until the process is ended."""
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    ear.bind((bridge, 0))
    print("ready", flush=True)
    while True:
        heard = payload(ear.recv(65_536))
        if heard is not None:
            print(heard[0], heard[1].hex(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
