# SPDX-License-Identifier: BSD-3-Clause
"""Which packet each flight was of, and who sent which packet to whom."""
import pathlib

import numpy

from observer.seen import RecordError, read_records

TRUTH = numpy.dtype([("packet", "<u4"), ("kind", "u1"), ("hop", "u1"), ("zero", "<u2")])
PACKET = numpy.dtype([("number", "<u4"), ("kind", "u1"), ("end", "u1"), ("zero", "<u2"),
                      ("sender", "<u4"), ("recipient", "<u4"), ("made", "<u8"), ("done", "<u8")])
MESSAGE, CLIENT_LOOP, CLIENT_DROP, RELAY_LOOP, RELAY_DROP, DUMMY = range(6)
ON_ITS_WAY, DELIVERED, ENDED, LOST = range(4)
MANY = 1000000
NONE = 0xffffffff


def read(folder, name, title, dtype):
    return read_records(pathlib.Path(folder) / name, title, dtype,
                        "; without the truth nothing can be judged")


class Truth:
    """By flight, in the order of the Seen: `packet` (NONE: a dummy), `kind`, `hop`; and by the
    number of a packet: `sender`, `recipient`, `end`, `packet_kind`."""

    def __init__(self, seen, flights, packets):
        if len(flights) != len(seen.line):
            raise RecordError(f"truth.bin has {len(flights)} records and flights.bin "
                              f"{len(seen.line)}")
        self.packet = flights["packet"][seen.line].astype(numpy.int64)
        self.kind = flights["kind"][seen.line]
        self.hop = flights["hop"][seen.line].astype(numpy.int64)
        if len(packets) and packets["number"].max() >= 16 * len(packets) + MANY:
            raise RecordError(f"packets.bin: {len(packets)} packets, and one has the number "
                              f"{packets['number'].max()}: they are counted from 0")
        real = self.packet[self.packet != NONE]
        most = int(packets["number"].max()) + 1 if len(packets) else 0
        if len(real) and real.max() >= most:
            raise RecordError(f"truth.bin names packet {real.max()}, which packets.bin has not")
        self.sender, self.recipient = numpy.full(most, -1), numpy.full(most, -1)
        self.end, self.packet_kind = numpy.full(most, -1), numpy.full(most, -1)
        for name, to in (("sender", self.sender), ("recipient", self.recipient),
                         ("end", self.end), ("kind", self.packet_kind)):
            to[packets["number"]] = packets[name]

    def messages(self):
        """Whether each flight is a message's."""
        return self.kind == MESSAGE


def load(folder, seen):
    return Truth(seen, read(folder, "truth.bin", b"linemix-sim truth 1\n", TRUTH),
                 read(folder, "packets.bin", b"linemix-sim packets 1\n", PACKET))
