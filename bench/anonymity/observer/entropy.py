# SPDX-License-Identifier: BSD-3-Clause
"""The entropy of a message over the packets that entered, which it could be (Serjantov & Danezis
2002; Diaz, Seys, Claessens & Preneel 2002)."""
import numpy

SETTLE = 6  # mean stays a layer before the first message that is measured


def stay_us(seen):
    """The mean time that a packet stays in a mix, by what the topology says."""
    mixing = seen.mixing
    if seen.strategy == "poisson":
        return mixing["mean_delay_us"]
    if seen.strategy == "batch":
        return mixing["interval_us"]
    leaves = mixing.get("flush_ppm", 1000000) / 1e6 * (1 - mixing["stay_ppm"] / 1e6)
    return mixing["interval_us"] * (1 / leaves - 0.5)


def settled(trace):
    """Exits in the time in which the mixes are as full as they get: not before SETTLE mean stays a
    layer have passed since the first packet entered, nor after the last one did."""
    seen = trace.seen
    if len(trace.entries) == 0:
        return numpy.zeros(0, int)
    came = seen.came[trace.entries]
    begin = came.min() + SETTLE * seen.layers * stay_us(seen)
    left = seen.left[trace.exits]
    return trace.exits[(left >= begin) & (left <= came.max())]


def groups(exits, count, lanes):
    """Up to `count` runs of up to `lanes` exits that follow each other, evenly spread."""
    if len(exits) <= count * lanes:
        return [exits[i:i + lanes] for i in range(0, len(exits), lanes)]
    begins = numpy.linspace(0, len(exits) - lanes, count).astype(int)
    return [exits[begin:begin + lanes] for begin in begins]


def bits(probabilities):
    """-sum p log2 p of each lane, given that the packet is one that was seen to enter."""
    total = probabilities.sum(axis=0)
    p = probabilities / numpy.where(total > 0, total, 1)
    return -(p * numpy.log2(numpy.where(p > 0, p, 1))).sum(axis=0)


def posteriors(trace, count=16, lanes=48):
    """Yields (exits, entries, probabilities) for groups of settled messages."""
    for group in groups(settled(trace), count, lanes):
        entries, probabilities = trace.backward(group)
        if len(entries):
            yield group, entries, probabilities
