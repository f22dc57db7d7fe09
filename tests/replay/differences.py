# SPDX-License-Identifier: BSD-3-Clause
"""What two captures of a relay's output differ in, packet by packet, in words.

Frames are paired first: those that are the same, then those that carry the same packet under other
headers, then those that are alike. What has no partner is missing or additional. Of each pair the
differing fields, the time and the order are told."""
import bisect
import ipaddress
import struct

import captures

PACKET_LENGTHS = (1348, 8580)  # lib/packet/FORMAT.md
ALIKE = 0.2  # share of equal bytes above which two packets are one that was changed

FIELDS_ETHER = (("destination MAC", 6), ("source MAC", 6))
FIELDS_IPV4 = (("IP version and header length", 1), ("DSCP and ECN", 1), ("IP total length", 2),
               ("IP id", 2), ("IP fragment bits", 2), ("TTL", 1), ("IP protocol", 1),
               ("IP checksum", 2), ("source address", 4), ("destination address", 4))
FIELDS_IPV6 = (("IP version, class and flow label", 4), ("IP payload length", 2),
               ("next header", 1), ("hop limit", 1), ("source address", 16),
               ("destination address", 16))
FIELDS_UDP = (("source port", 2), ("destination port", 2), ("UDP length", 2), ("UDP checksum", 2))
FIELDS_PACKET = (("packet's version", 1), ("packet's profile", 1), ("packet's kid", 1),
                 ("packet's byte 3", 1), ("packet's epk", 32), ("packet's tag", 16),
                 ("packet's beta", 320))
LINK_LENGTHS = tuple(length + 36 for length in PACKET_LENGTHS)  # lib/link/FORMAT.md
FIELDS_LINK = (("link frame's type", 1), ("link frame's zeros", 3), ("link frame's index", 4),
               ("link frame's counter", 8))


class Parsed:
    """A frame's fields in their order, and where its UDP payload begins."""

    def __init__(self, frame):
        self.frame, self.fields, self.at, self.payload = frame, [], 0, None
        if not self.parse():
            self.fields, self.at, self.payload = [], 0, None
            self.take(("frame's bytes", len(frame)))

    def take(self, *fields):
        for name, length in fields:
            self.fields.append((name, self.frame[self.at:self.at + length]))
            self.at += length
        return self.at <= len(self.frame)

    def field(self, name):
        return dict(self.fields).get(name)

    def parse(self):
        if not self.take(*FIELDS_ETHER):
            return False
        if self.frame[12:14] == b"\x81\x00":
            self.take(("VLAN tag", 4))
        self.take(("EtherType", 2))
        kind = struct.pack(">H", captures.TYPE_IPV6) == self.fields[-1][1]
        if not self.take(*(FIELDS_IPV6 if kind else FIELDS_IPV4)) or not self.take(*FIELDS_UDP):
            return False
        self.payload = self.frame[self.at:]
        if len(self.payload) in PACKET_LENGTHS:
            self.take(*FIELDS_PACKET)
        if len(self.payload) in LINK_LENGTHS:
            self.take(*FIELDS_LINK, ("link frame's sealed part", len(self.payload) - 32))
            return self.take(("link frame's tag", 16))
        return self.take(("payload", len(self.frame) - self.at))


def where_to(parsed, names):
    """Whom a frame is for: "node 21 at 10.77.0.21:7000"."""
    address = parsed.field("destination address")
    if parsed.payload is None or not address:
        return "nobody that can be read"
    address = ipaddress.ip_address(address)
    port = int.from_bytes(parsed.field("destination port"), "big")
    text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    return f"{names[text]} at {text}" if text in names else text


def node_names(topology):
    """{"10.77.0.21:7000": "node 21"} of a topology document."""
    names = {}
    for node in topology["nodes"]:
        for entry in node["addresses"]:
            address = ipaddress.ip_address(entry["ip"])
            text = f"[{address}]" if address.version == 6 else f"{address}"
            names[f"{text}:{entry['port']}"] = f"node {node['id']}"
    return names


class Words:
    """Says which frame is meant: its number, when it left, where to, and how its packet begins."""

    def __init__(self, names, start_ns):
        self.names, self.start_ns = names, start_ns

    def frame(self, index, time_ns, parsed):
        key = (parsed.field("packet's epk") or parsed.field("link frame's sealed part") or
               parsed.payload or parsed.frame)
        return (f"frame {index + 1}, at {self.time(time_ns)}, to {where_to(parsed, self.names)}, "
                f"{len(parsed.frame)} bytes, {key[:4].hex() or 'empty'}...")

    def time(self, time_ns):
        return f"{(time_ns - self.start_ns) / 1e9:+.6f} s"


def pair_by(key, expected, got, pairs):
    """Pairs what has the same key, in order; what is left of both."""
    places = {}
    for index in got:
        places.setdefault(key(1, index), []).append(index)
    left = []
    for index in expected:
        found = places.get(key(0, index))
        if found:
            pairs.append((index, found.pop(0)))
        else:
            left.append(index)
    taken = {second for _, second in pairs}
    return left, [index for index in got if index not in taken]


def share_equal(first, second):
    """The share of bytes in which two byte strings agree."""
    same = sum(a == b for a, b in zip(first, second))
    return same / max(len(first), len(second), 1)


def pair_alike(expected, got, parsed, pairs):
    """Pairs the most alike first."""
    alike = sorted(((share_equal(parsed[0][i].payload or parsed[0][i].frame,
                                 parsed[1][j].payload or parsed[1][j].frame), -i, -j)
                    for i in expected for j in got), reverse=True)
    for share, i, j in alike:
        i, j = -i, -j
        if share > ALIKE and i in expected and j in got:
            pairs.append((i, j))
            expected.remove(i)
            got.remove(j)


def longest_rising(values):
    """Indices of a longest strictly rising subsequence."""
    tails, before, ends = [], [None] * len(values), []
    for index, value in enumerate(values):
        at = bisect.bisect_left(tails, value)
        before[index] = ends[at - 1] if at else None
        tails[at:at + 1] = [value]
        ends[at:at + 1] = [index]
    chain, index = set(), ends[-1] if ends else None
    while index is not None:
        chain.add(index)
        index = before[index]
    return chain


def field_words(expected, got, names):
    """The fields in which two frames differ, each as a phrase."""
    if where_to(expected, names) != where_to(got, names):
        yield f"went to {where_to(got, names)}"
    second = dict(got.fields)
    for name, value in expected.fields:
        other = second.get(name)
        if other is None:
            yield f"has no {name}"
        elif other != value and len(value) <= 6 and len(other) <= 6:
            yield f"{name} is {other.hex()} and not {value.hex()}"
        elif other != value and len(other) != len(value):
            yield f"{name} has {len(other)} bytes and not {len(value)}"
        elif other != value:
            differ = [i for i, (a, b) in enumerate(zip(value, other)) if a != b]
            yield (f"{name} differs in {len(differ)} of {len(value)} bytes, first in byte "
                   f"{differ[0]} ({other[differ[0]]:02x} and not {value[differ[0]]:02x})")
    known = {name for name, _ in expected.fields}
    yield from (f"has a {name} that it must not have" for name, _ in got.fields
                if name not in known)


def pair_words(words, expected, got, parsed, pairs):
    """What differs in the pairs, a line for each frame that is not as expected."""
    pairs.sort()
    in_order = longest_rising([j for _, j in pairs])
    before = {j: i for i, j in pairs}
    for place, (i, j) in enumerate(pairs):
        told = list(field_words(parsed[0][i], parsed[1][j], words.names))
        if expected[i][0] != got[j][0]:
            late_us = (got[j][0] - expected[i][0]) / 1000
            told.append(f"left {abs(late_us):g} us too {'late' if late_us > 0 else 'early'}, at "
                        f"{words.time(got[j][0])}")
        if place not in in_order:
            told.append("in other order: came first" if j == 0 else
                        f"in other order: came after expected frame {before[j - 1] + 1}"
                        if j - 1 in before else f"in other order: came as frame {j + 1}")
        if told:
            yield i, f"{words.frame(i, expected[i][0], parsed[0][i])}: {'; '.join(told)}"


def explain(expected, got, names, start_ns, most=20):
    """Lines that say how `got` differs from `expected`, both [(time in nanoseconds, frame)]; none
    if they are the same. `names` is of node_names; times are told from start_ns."""
    words = Words(names, start_ns)
    frames = (expected, got)
    parsed = [[Parsed(frame) for _, frame in side] for side in frames]
    pairs = []
    left, extra = list(range(len(expected))), list(range(len(got)))
    for key in (lambda side, i: frames[side][i], lambda side, i: frames[side][i][1],
                lambda side, i: parsed[side][i].payload or frames[side][i][1]):
        left, extra = pair_by(key, left, extra, pairs)
    pair_alike(left, extra, parsed, pairs)
    lines = list(pair_words(words, expected, got, parsed, pairs))
    lines += [(i, f"{words.frame(i, expected[i][0], parsed[0][i])}: missing") for i in left]
    lines.sort()
    told = [line for _, line in lines]
    told += [f"additional: {words.frame(j, got[j][0], parsed[1][j])}" for j in extra]
    if len(told) > most:
        told[most:] = [f"and {len(told) - most} frames more"]
    return told


def explain_numbers(expected, got, path=""):
    """The same for two reports: nested dictionaries of numbers, in which what is not there is 0."""
    for name in sorted(expected.keys() | got.keys()):
        one, other = expected.get(name, 0), got.get(name, 0)
        if isinstance(one, dict) or isinstance(other, dict):
            yield from explain_numbers(one or {}, other or {}, f"{path}{name}.")
        elif one != other:
            yield f"{path}{name} is {other} and not {one}"
