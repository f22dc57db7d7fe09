# SPDX-License-Identifier: BSD-3-Clause
"""Capture files and the layers of the frames in them, as bytes: read, written, taken apart and put
together with right lengths and checksums. Nothing here knows a relay."""
import pathlib
import struct

ETHER, VLAN, IPV4, IPV6, UDP = 14, 4, 20, 40, 8
TYPE_IPV4, TYPE_IPV6, TYPE_VLAN = 0x0800, 0x86dd, 0x8100

# magic number in the file: byte order, nanoseconds in a unit of time
MAGIC = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
         b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}


def read(path):
    """[(time in nanoseconds, frame)] of a pcap file of Ethernet frames."""
    data = pathlib.Path(path).read_bytes()
    if len(data) < 24 or data[:4] not in MAGIC:
        raise ValueError(f"{path}: not a pcap file (pcapng is another format: editcap -F pcap)")
    order, unit_ns = MAGIC[data[:4]]
    if struct.unpack_from(order + "I", data, 20)[0] & 0xffff != 1:
        raise ValueError(f"{path}: not a capture of Ethernet frames")
    frames, at = [], 24
    while at < len(data):
        if at + 16 > len(data):
            raise ValueError(f"{path}: breaks off after {len(frames)} frames")
        seconds, fraction, captured, _ = struct.unpack_from(order + "IIII", data, at)
        if at + 16 + captured > len(data):
            raise ValueError(f"{path}: breaks off in frame {len(frames) + 1}")
        frames.append((seconds * 10**9 + fraction * unit_ns, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    return frames


def write(path, frames):
    """Writes [(time in nanoseconds, frame)] as a pcap file; times are cut to microseconds."""
    parts = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)]
    for time_ns, frame in frames:
        time_us = time_ns // 1000
        parts.append(struct.pack("<IIII", time_us // 10**6, time_us % 10**6, len(frame),
                                 len(frame)) + frame)
    pathlib.Path(path).write_bytes(b"".join(parts))


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Frame:
    """A good UDP frame in parts: `ether` (with a VLAN tag if it has one), `ip`, `udp`, `payload`.
    bytes() puts them together as they stand."""

    def __init__(self, frame):
        ether = ETHER + (VLAN if frame[12:14] == b"\x81\x00" else 0)
        self.ipv6 = frame[ether - 2:ether] == b"\x86\xdd"
        ip = ether + (IPV6 if self.ipv6 else IPV4)
        self.ether, self.ip = frame[:ether], frame[ether:ip]
        self.udp, self.payload = frame[ip:ip + UDP], frame[ip + UDP:]

    def __bytes__(self):
        return self.ether + self.ip + self.udp + self.payload

    def copy(self, **parts):
        """Another with these parts instead."""
        other = Frame(bytes(self))
        other.__dict__.update(parts)
        return other

    def set_ip(self, offset, value):
        """Replaces bytes of the IP header; a header checksum is right afterwards."""
        ip = self.ip[:offset] + value + self.ip[offset + len(value):]
        if not self.ipv6:
            ip = ip[:10] + b"\0\0" + ip[12:]
            ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        return self.copy(ip=ip)

    def set_udp(self, offset, value):
        """Replaces bytes of the UDP header, and nothing else."""
        return self.copy(udp=self.udp[:offset] + value + self.udp[offset + len(value):])

    def seal(self, payload=None):
        """Lengths and checksums made right, for another payload if one is given."""
        payload = self.payload if payload is None else payload
        length = struct.pack(">H", UDP + len(payload))
        frame = self.copy(payload=payload, udp=self.udp[:4] + length + b"\0\0")
        if self.ipv6:
            frame = frame.set_ip(4, length)
            pseudo = frame.ip[8:40]
        else:
            frame = frame.set_ip(2, struct.pack(">H", IPV4 + UDP + len(payload)))
            pseudo = frame.ip[12:20]
        total = checksum(pseudo + b"\0\x11" + length + frame.udp + payload)
        return frame.set_udp(6, struct.pack(">H", total or 0xffff))
