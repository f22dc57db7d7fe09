# SPDX-License-Identifier: BSD-3-Clause
"""What the data path leaves to see, measured through the relay itself on the virtual clock: pairs
of arrival and departure, and the statistics of them. Tests and the long run share these."""
import math
import pathlib

import network

REPLAY_PAIRS = network.BUILD / "tests/system/replay-pairs"


class Pair:
    """One packet's way: when it left and came, which it was, and what its sender drew."""
    __slots__ = ("left_us", "came_us", "index", "delay_us")

    def __init__(self, line):
        self.left_us, self.came_us, self.index, self.delay_us = map(int, line.split())


def pairs(net, config, capture, out):
    """The pairs of a replay, in the order in which they left."""
    return [Pair(line) for line in network.run(
        REPLAY_PAIRS, net.with_keys_as_made(config), capture, out).stdout.splitlines()]


def correlation_z(first, second):
    """Pearson's correlation times sqrt(n - 1): standard normal where the two are independent. On
    ranks it is Spearman's. 0 where either does not vary."""
    n = len(first)
    mean_first, mean_second = sum(first) / n, sum(second) / n
    both = sum((a - mean_first) * (b - mean_second) for a, b in zip(first, second))
    squares = (sum((a - mean_first) ** 2 for a in first) *
               sum((b - mean_second) ** 2 for b in second))
    return both / math.sqrt(squares) * math.sqrt(n - 1) if squares else 0.0


def batches(left, start_us, interval_us):
    """Packets that came in one interval, each group in the order in which it left."""
    groups = {}
    for pair in left:
        groups.setdefault((pair.came_us - start_us) // interval_us, []).append(pair)
    return [group for group in groups.values() if len(group) > 2]


def order_z(groups, key):
    """How far the order of leaving follows `key` of a packet, over all groups: standard normal
    where it does not."""
    scores = [correlation_z(range(len(group)), [key(pair) for pair in group]) for group in groups]
    return sum(scores) / math.sqrt(len(scores))


def distance_from_exponential(samples, mean):
    """Kolmogorov's and Smirnov's distance."""
    n, distance = len(samples), 0.0
    for i, sample in enumerate(sorted(samples)):
        law = -math.expm1(-(sample + 0.5) / mean)  # times are cut to whole microseconds
        distance = max(distance, law - i / n, (i + 1) / n - law)
    return distance


class Present:
    """Who is in the relay, by order of arrival: a Fenwick tree of ones."""

    def __init__(self, n):
        self.tree = [0] * (n + 1)

    def add(self, place, change):
        place += 1
        while place < len(self.tree):
            self.tree[place] += change
            place += place & -place

    def before(self, place):
        total = 0
        while place > 0:
            total += self.tree[place]
            place -= place & -place
        return total


def ranks_of_leavers(left, least):
    """For each departure with `least` or more present: the leaver's rank by arrival among those
    present, as a number in 0 .. 1."""
    came = sorted(left, key=lambda pair: (pair.came_us, pair.index))
    place = {pair.index: i for i, pair in enumerate(came)}
    present, inside, entered, ranks = Present(len(came)), 0, 0, []
    for pair in left:
        while entered < len(came) and came[entered].came_us <= pair.left_us:
            present.add(entered, 1)
            entered += 1
            inside += 1
        if inside >= least:
            ranks.append((present.before(place[pair.index]) + 0.5) / inside)
        present.add(place[pair.index], -1)
        inside -= 1
    return ranks


def uniform_z(ranks, bins=20):
    """Chi-square of numbers in 0 .. 1 against the uniform law, as a standard normal (Wilson &
    Hilferty 1931)."""
    counts = [0] * bins
    for rank in ranks:
        counts[min(int(rank * bins), bins - 1)] += 1
    expected, freedom = len(ranks) / bins, bins - 1
    chi = sum((count - expected) ** 2 for count in counts) / expected
    share = 2 / (9 * freedom)
    return ((chi / freedom) ** (1 / 3) - (1 - share)) / math.sqrt(share)


def batch_figures(net, count, rate, interval_us, workers, seed=()):
    """{what: z}: how far the order of leaving follows that of arrival, and the receive queue (its
    worker), within one batch. Batches begin at the first packet: that is when the relay starts."""
    capture = net.make("statistics.pcap", *seed, count=count, rate=rate)
    config = net.config(11, workers=[0] * workers, megabytes=256, held=32768)
    _, out = net.replay(config, capture, "statistics-out.pcap", *seed)
    left = pairs(net, config, capture, out)
    groups = batches(left, min(pair.came_us for pair in left), interval_us)
    remove(capture, out)
    return {"packets": len(left),
            "order of arrival": order_z(groups, lambda pair: pair.index),
            "receive queue": order_z(groups, lambda pair: pair.index % workers)}


def poisson_pairs(net, count, rate, workers, seed=()):
    """The pairs of a relay that mixes by delays."""
    capture = net.make("statistics.pcap", *seed, count=count, rate=rate)
    config = net.config(11, workers=[0] * workers, megabytes=256, held=32768)
    _, out = net.replay(config, capture, "statistics-out.pcap", *seed)
    left = pairs(net, config, capture, out)
    remove(capture, out)
    return left


def remove(*paths):
    for path in paths:
        pathlib.Path(path).unlink()
