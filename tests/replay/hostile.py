# SPDX-License-Identifier: BSD-3-Clause
"""Frames that nobody should send. Each function gives variants of one good frame: most must be
dropped, and a few are odd but legal and must not be."""
import struct

from captures import ETHER, IPV4, UDP

P = 2**255 - 19
# Points of small order on Curve25519 and its twist (Bernstein, cr.yp.to/ecdh.html), below p.
SMALL_ORDER = (
    0, 1, P - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)


def be16(value):
    return struct.pack(">H", value)


def ethernet(good):
    """Ethernet and VLAN headers."""
    whole, mac = bytes(good), good.ether[:6]
    bodies = good.ip + good.udp + good.payload[:32]
    yield from (whole[:n] for n in range(ETHER + 1))
    yield b"\xff" * 6 + whole[6:]
    yield bytes([mac[0] | 1]) + whole[1:]
    yield whole[:5] + bytes([whole[5] ^ 1]) + whole[6:]
    for kind in (0, 0x05dc, 0x0600, 0x0801, 0x86dc, 0x8847, 0x8863, 0x88a8, 0x9100, 0xffff):
        yield whole[:12] + be16(kind) + bodies
    yield from (whole[:12] + b"\x81\x00" + whole[12:12 + n] for n in range(3))
    yield whole[:12] + b"\x81\x00\x00\x01\x81\x00\x00\x02" + whole[12:14] + bodies
    yield mac + whole[6:12] + b"\x08\x06" + bytes(28)
    yield b"\xff" * 6 + whole[6:12] + b"\x08\x06" + bytes(28)
    yield whole + bytes(3000)  # longer than any buffer
    yield whole + bytes(40)  # padding behind what IP counts is legal
    yield whole[:12] + b"\x81\x00\x20\x64" + whole[12:]  # and a tag, where none is set


def ipv4(good):
    """IPv4 headers; checksums are right where they are not what is wrong."""
    small = good.seal(good.payload[:24])
    for first in (0x05, 0x15, 0x40, 0x44, 0x46, 0x4f, 0x55, 0x65, 0xf5):
        yield small.set_ip(0, bytes([first]))
    for total in (0, 1, IPV4 - 1, IPV4, IPV4 + UDP - 1, len(small.ip + small.udp) + 25, 0xffff):
        yield small.set_ip(2, be16(total))
    for bit in range(0, 16, 3):
        wrong = int.from_bytes(small.ip[10:12], "big") ^ 1 << bit
        yield small.copy(ip=small.ip[:10] + be16(wrong) + small.ip[12:])
    for source in (b"\0\0\0\0", b"\x7f\0\0\1", b"\xe0\0\0\1", b"\xff\xff\xff\xff"):
        yield small.set_ip(12, source)
    for to in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xe0\0\0\1", small.ip[12:16]):
        yield small.set_ip(16, to)
    for protocol in (0, 1, 4, 6, 41, 50, 58, 132, 136):
        yield small.set_ip(9, bytes([protocol]))
    # what no relay may look at
    yield good.set_ip(1, b"\xff").set_ip(4, b"\xab\xcd").set_ip(6, b"\x40\0").set_ip(8, b"\1")


def ipv6(good):
    """IPv6 headers and extension headers."""
    small = good.seal(good.payload[:24])
    yield from (small.set_ip(0, bytes([first])) for first in (0x00, 0x40, 0x50, 0x70, 0xf0))
    for payload in (0, 1, UDP - 1, UDP, 31, 33, 0xffff):
        yield small.set_ip(4, be16(payload))
    yield small.set_ip(8, b"\xff\x02")
    for to in (b"\xff\x02" + bytes(13) + b"\1", bytes(16), bytes(15) + b"\1",
               b"\xfe\x80" + bytes(13) + b"\1", small.ip[8:24]):
        yield small.set_ip(24, to)
    for header in (0, 4, 6, 41, 43, 50, 51, 58, 59, 60, 135, 139, 140, 253, 255):
        yield small.set_ip(6, bytes([header]))
    for header in (0, 43, 60):  # a true chain that ends in UDP
        chain = small.set_ip(6, bytes([header])).set_ip(4, be16(8 + UDP + 24))
        yield bytes(chain.ether + chain.ip + b"\x11\0" + bytes(6) + chain.udp + chain.payload)
    yield good.set_ip(0, b"\x6f\xff\xff\xff").set_ip(7, b"\0")  # what no relay may look at


def udp(good):
    """UDP headers."""
    small = good.seal(good.payload[:24])
    for length in (0, 1, UDP - 1, UDP, UDP + 23, UDP + 25, 0xffff):
        yield small.set_udp(4, be16(length))
    for port in (0, 1, 53, 6999, 7001, 0xffff):
        yield small.set_udp(2, be16(port)).seal()
    for bit in range(0, 16, 3):
        yield small.set_udp(6, be16(int.from_bytes(small.udp[6:8], "big") ^ 1 << bit))
    yield good.copy(payload=good.payload[:-1] + bytes([good.payload[-1] ^ 1]))
    yield good.set_udp(0, b"\0\0").seal()  # any source port will do
    yield good.set_udp(6, b"\0\0")         # none over IPv4, wrong over IPv6


def fragments(good):
    """A packet in fragments: in order, out of order, overlapping, alone, and tiny."""
    body, step = good.udp + good.payload, 480
    parts = [(at, body[at:at + step], at + step < len(body)) for at in range(0, len(body), step)]
    for at, data, more in (*parts, *reversed(parts), (0, body, True), (8, body[8:64], False),
                           (0, body[:8], True), (8 * 0x1fff, body[:8], False),
                           (240, body[240:800], False)):
        yield fragment(good, at, data, more)


def fragment(good, at, data, more):
    if not good.ipv6:
        head = good.set_ip(2, be16(IPV4 + len(data))).set_ip(6, be16(at // 8 | (more << 13)))
        return head.ether + head.ip + data
    head = good.set_ip(4, be16(8 + len(data))).set_ip(6, b"\x2c")
    return head.ether + head.ip + b"\x11\0" + be16(at | more) + b"\x12\x34\x56\x78" + data


def truncated(good):
    """A frame cut off by a capture or a wire: at every byte of its headers, and behind them."""
    whole, headers = bytes(good), len(good.ether + good.ip + good.udp)
    yield from (whole[:n] for n in range(headers + 5))
    yield from (whole[:n] for n in (headers + 36, headers + 372, headers + 373, len(whole) - 1))
    # the same with all lengths made to agree
    yield from (good.seal(good.payload[:n]) for n in (0, 1, 2, 3, 4, 35, 36, 51, 52, 371, 372, 373))


def packet_format(good):
    """What the first step of peeling refuses."""
    payload = good.payload
    yield good.seal(payload[:-1])
    yield good.seal(payload + b"\0")
    yield good.seal(b"\x0b\0\0\0" + payload)  # as a client would hand it to a gateway
    for version in (0, 2, 0x81, 0xff):
        yield good.seal(bytes([version]) + payload[1:])
    for profile in (1, 2, 0x80, 0xff):
        yield good.seal(payload[:1] + bytes([profile]) + payload[2:])
    for byte in (1, 0x80, 0xff):
        yield good.seal(payload[:3] + bytes([byte]) + payload[4:])


def epochs(good):
    """Kids of which there is no key, and those of other keys than the packet was made for."""
    for kid in (0, 4, 5, 6, 7, 8, 9, 10, 11, 127, 128, 254, 255):
        if kid != good.payload[2]:
            yield good.seal(good.payload[:2] + bytes([kid]) + good.payload[3:])


def points(good):
    """Ephemeral keys that are not canonical, of small order, or of another packet."""
    own = int.from_bytes(good.payload[4:36], "little")
    odd = [P + small for small in (0, 1, 2, 9, 18)]
    odd += [own | 1 << 255, 1 << 255, 2**256 - 1, *(small | 1 << 255 for small in SMALL_ORDER)]
    for point in (*odd, *SMALL_ORDER, 2, 9, P - 2, own ^ 1):
        yield good.seal(good.payload[:4] + point.to_bytes(32, "little") + good.payload[36:])


def tags(good):
    """One bit changed in every part that the tag protects, and in the tag. The payload's is last: a
    mix cannot see it, and passes a packet of which nothing is left."""
    places = [4, 35, *range(36, 52), 52, 115, 116, 371]
    for place in (*places, 372):
        payload = bytearray(good.payload)
        payload[place] ^= 1 << place % 8
        yield good.seal(bytes(payload))


def garbage(good, rng, count):
    """Noise: half of it behind headers that are right."""
    for i in range(count):
        noise = rng.randbytes(rng.randrange(1, 48))
        yield good.seal(noise) if i % 2 else noise


def link_frames(good, rng):
    """Link frames of nobody's: every type, with reserved bytes set, of wrong lengths, and of the
    right one under indices and tags that are noise."""
    whole = len(good.payload) + 36
    for kind in (*range(8), 0x80, 0xff):
        for length in (1, 3, 16, 36, whole - 1, whole, whole + 1):
            yield good.seal((bytes([kind]) + bytes(3) + rng.randbytes(whole))[:length])
    for place in (1, 2, 3):
        head = bytearray(b"\4\0\0\0")
        head[place] = 1
        yield good.seal(bytes(head) + rng.randbytes(whole - 4))
