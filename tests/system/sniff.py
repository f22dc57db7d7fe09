# SPDX-License-Identifier: BSD-3-Clause
"""Watches UDP frames on every interface of the namespace it runs in: one line for each that it
sees, with the time (CLOCK_MONOTONIC), the interface, the MAC it was sent to, and the IP addresses.
Only what arrives counts, not what is sent. The lines come when its standard input ends.

    python3 sniff.py PORT      frames to or from this UDP port"""
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3


def udp(frame):
    """(source, destination, ports) of a UDP frame, or None."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 17:
        return (socket.inet_ntop(socket.AF_INET, frame[26:30]),
                socket.inet_ntop(socket.AF_INET, frame[30:34]),
                struct.unpack_from("!HH", frame, 34))
    if frame[12:14] == b"\x86\xdd" and frame[20] == 17:
        return (socket.inet_ntop(socket.AF_INET6, frame[22:38]),
                socket.inet_ntop(socket.AF_INET6, frame[38:54]),
                struct.unpack_from("!HH", frame, 54))
    return None


def main():
    wanted = int(sys.argv[1])
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    print("ready", flush=True)
    lines = []
    while True:
        readable, _, _ = select.select([raw, sys.stdin], [], [])
        if sys.stdin in readable:
            break
        frame, address = raw.recvfrom(2048)
        seen = udp(frame) if address[2] != socket.PACKET_OUTGOING else None
        if seen and wanted in seen[2]:
            lines.append(f"{time.monotonic()} {address[0]} {frame[:6].hex(':')} "
                         f"{seen[0]} {seen[1]}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
