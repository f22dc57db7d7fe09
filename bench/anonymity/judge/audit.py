# SPDX-License-Identifier: BSD-3-Clause
"""Whether each mix does what its strategy promises, packet by packet, with the truth in hand.

Each test has a p-value, exact or asymptotically, if the mix is sound; a record is said to have a
weakness if the least of the n p-values of a detector is below FALSE_ALARM / n (Bonferroni), so a
sound record has each detector alarmed with probability FALSE_ALARM at most. README.md lists
them."""
import bisect
import math

import numpy

from judge import intervals, truth as truth_module
from observer import batches

FALSE_ALARM = 1e-3
STEPS_US = (10, 100, 1000, 10000)
NEVER = numpy.iinfo(numpy.int64).max  # left: is held to the record's end
LEAST = 50  # packets; a test of fewer is not made


class Stays:
    """Packets that came to one node, from where (`stream`), and when they left it; `rank` is the
    order in which they did. NEVER: it is held to the end."""

    def __init__(self, node, came, left, rank, stream):
        self.node, self.came, self.left, self.rank, self.stream = node, came, left, rank, stream


def matched(seen, truth):
    """(flight in, flight out) of each packet at each node; out is -1 where it is held to the
    end."""
    real = numpy.flatnonzero(truth.packet != truth_module.NONE)
    order = real[numpy.lexsort((truth.hop[real], truth.packet[real]))]
    packet = truth.packet[order]
    follows = numpy.zeros(len(order), bool)
    follows[:-1] = (packet[1:] == packet[:-1]) & (seen.dst[order[:-1]] == seen.src[order[1:]])
    out = numpy.where(follows, numpy.roll(order, -1), -1)
    at_node = seen.dst[order] < seen.nodes
    held = follows | (truth.end[packet] == truth_module.ON_ITS_WAY)
    keep = at_node & held
    return order[keep], out[keep]


def stays(seen, truth):
    """Stays of each node. What gateways take from clients leaves at once under poisson: left
    out."""
    into, out = matched(seen, truth)
    if seen.strategy == "poisson":
        mixed = seen.src[into] < seen.nodes
        into, out = into[mixed], out[mixed]
    for node in range(seen.nodes):
        here = seen.dst[into] == node
        gone = out[here] >= 0
        # Flights are in the order of their leaving; those of one microsecond as they left.
        yield Stays(node, seen.came[into[here]], numpy.where(gone, seen.left[out[here]], NEVER),
                    numpy.where(gone, out[here], NEVER), seen.src[into[here]])


def closes(seen, stay):
    """For each packet, the last moment at which one that it left with may have come: of a batch,
    just before it began to leave."""
    if seen.strategy != "batch":
        return stay.left
    left = seen.left[seen.src == stay.node]
    if len(left) == 0:
        return stay.left
    grid = batches.find_grid(left, seen.mixing["interval_us"])
    begin = grid.starts(left)
    at = numpy.where(stay.rank < NEVER, stay.left + grid.margin, begin[-1])
    return begin[numpy.searchsorted(begin, at, "right") - 1] - 1


# ---- Order: who leaves is uniform among those held ----

def places(came, close, rank):
    """For each leaving, (its place among those held by their coming, how many these were)."""
    coming = numpy.argsort(came, kind="stable")
    leaving = numpy.argsort(rank, kind="stable")
    leaving = leaving[rank[leaving] < NEVER]
    number = numpy.empty(len(came), int)
    number[coming] = numpy.arange(len(came))
    held, place, among, next_in = [], [], [], 0
    for packet in leaving:
        while next_in < len(coming) and came[coming[next_in]] <= close[packet]:
            held.append(next_in)
            next_in += 1
        at = bisect.bisect_left(held, number[packet])
        if at == len(held) or held[at] != number[packet]:
            return None
        place.append(at)
        among.append(len(held))
        held.pop(at)
    return numpy.array(place, float), numpy.array(among, float)


def order_p(place, among):
    """p-value of the mean place, which is (n - 1) / 2 with variance (n^2 - 1) / 12 for each."""
    variance = ((among ** 2 - 1) / 12).sum()
    if len(place) < LEAST or variance == 0:
        return None
    return intervals.two_sided(((place - (among - 1) / 2).sum()) / math.sqrt(variance))


def unmixed(stay):
    """Whether nothing is ever held: a generator's gateway hands over at once what is for it."""
    gone = stay.rank < NEVER
    return bool(gone.any() and (stay.left[gone] == stay.came[gone]).all())


def order_tests(seen, stay):
    """Of the node, and of each stream that comes to it by one link from a node."""
    close = closes(seen, stay)
    certain = numpy.ones(len(stay.came), bool)
    if seen.strategy == "pool":  # what comes in the microsecond of a flush may be too late for it
        certain = ~numpy.isin(stay.came, stay.left)
    groups = [("all", certain)]
    groups += [(f"from node {source}", certain & (stay.stream == source))
               for source in numpy.unique(stay.stream) if source < seen.nodes]
    for name, chosen in groups:
        found = places(stay.came[chosen], close[chosen], stay.rank[chosen])
        if found is None:
            yield name, 0.0  # it left before it came, or out of its batch
            continue
        p = order_p(*found)
        if p is not None:
            yield name, p


# ---- Delays: the law that the sender drew from (poisson) ----

def delays_of(seen, stay, end_us):
    """Delays of what came so early that all of it has left by the record's end."""
    if seen.strategy != "poisson":
        return numpy.zeros(0)
    early = stay.came < end_us - 25 * seen.mixing["mean_delay_us"]
    gone = stay.rank < NEVER
    return (stay.left - stay.came)[early & gone].astype(float)


def step_tests(delays, mean_us):
    """Delays in steps: Rayleigh's test of the delays on a circle of one step, about the point at
    which the exponential law has its centre."""
    if len(delays) < LEAST:
        return
    for step_us in STEPS_US:
        turn = 2 * math.pi / step_us
        centre = numpy.exp(1j * turn * delays).mean() - 1 / (1 - 1j * turn * mean_us)
        yield f"{step_us} us", math.exp(-len(delays) * abs(centre) ** 2)


def law_p(delays, mean_us):
    """Kolmogorov's and Smirnov's test against the exponential law. Delays are whole microseconds:
    each is compared half a microsecond on either side."""
    n = len(delays)
    if n < LEAST:
        return None
    ordered = numpy.sort(delays)
    high = 1 - numpy.exp(-(ordered + 0.5) / mean_us)
    low = 1 - numpy.exp(-numpy.maximum(ordered - 0.5, 0) / mean_us)
    at = numpy.arange(n)
    distance = max(0.0, float((low - (at + 1) / n).max()), float((at / n - high).max()),
                   float(((at + 1) / n - high).max()), float((low - at / n).max()))
    return intervals.kolmogorov(distance, n)


# ---- All ----

def verdict(tests):
    """Of one detector: [(where, p)]."""
    if not tests:
        return {"tests": 0, "seen": False}
    where, least = min(tests, key=lambda test: test[1])
    return {"tests": len(tests), "least_p": least, "where": where,
            "seen": least < FALSE_ALARM / len(tests)}


def audit(seen, truth):
    """Each detector's verdict."""
    end_us = int(seen.left.max())
    order, streams, steps, law = [], [], [], []
    for stay in stays(seen, truth):
        name = f"node {stay.node}"
        if seen.layer[stay.node] == 0 and unmixed(stay):
            continue
        for group, p in order_tests(seen, stay):
            (order if group == "all" else streams).append((f"{name}, {group}", p))
        delays = delays_of(seen, stay, end_us)
        if seen.strategy == "poisson":
            mean_us = seen.mixing["mean_delay_us"]
            steps += [(f"{name}, {step}", p) for step, p in step_tests(delays, mean_us)]
            p = law_p(delays, mean_us)
            law += [] if p is None else [(name, p)]
    return {"order": verdict(order), "order of a stream": verdict(streams),
            "steps": verdict(steps), "law": verdict(law)}
