# SPDX-License-Identifier: BSD-3-Clause
"""Records made by hand and by plain models, for tests of bench/anonymity."""
import pathlib
import sys

import numpy

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench/anonymity"))

from judge import truth as truth_module
from observer import seen as seen_module

GATEWAY, MIX = 0, 1  # of the network with one of each
CLIENT = 2
SECOND = 1000000
POISSON = {"mean_delay_us": 200000}
BATCH = {"interval_us": 100000}
POOL = {"interval_us": 100000, "flush_ppm": 1000000, "stay_ppm": 500000, "threshold": 1000000}
MIXING = {"poisson": POISSON, "batch": BATCH, "pool": POOL}


def seen_of(layer, strategy, rows, mixing=None, cover=None):
    """A Seen of (left, came, from, to)."""
    flights = numpy.array([tuple(row) for row in rows], seen_module.FLIGHT)
    return seen_module.Seen(layer, strategy, mixing or MIXING[strategy], cover or {}, flights)


def through(came, left):
    """Flights through one mix between its gateway's in and out, not in pairs; links take no
    time."""
    return [(t, t, GATEWAY, MIX) for t in came] + [(t, t, MIX, GATEWAY) for t in left]


def poisson_mix(generator, rate, mean_us, count):
    """Times in and out, pair by pair, of an M/M/inf queue with `rate` packets a second."""
    came = numpy.cumsum(generator.exponential(SECOND / rate, count)).astype(numpy.int64) + 1
    return came, came + numpy.round(generator.exponential(mean_us, count)).astype(numpy.int64)


def batch_mix(generator, rate, interval_us, count):
    """The same of a batch mix, with an equal pace in each interval."""
    came = numpy.cumsum(generator.exponential(SECOND / rate, count)).astype(numpy.int64) + 1
    left = numpy.empty(count, numpy.int64)
    for batch in numpy.unique(came // interval_us):
        mine = numpy.flatnonzero(came // interval_us == batch)
        slots = (batch + 1) * interval_us + numpy.arange(len(mine)) * interval_us // len(mine)
        left[mine] = generator.permutation(slots)
    return came, left


def pool_mix(generator, rate, mixing, count):
    """The same of a pool that flushes at every tick; and in which order those of a flush leave."""
    came = numpy.cumsum(generator.exponential(SECOND / rate, count)).astype(numpy.int64) + 1
    leaves = 1 - mixing["stay_ppm"] / 1e6
    ticks = came // mixing["interval_us"] + generator.geometric(leaves, count)
    return came, ticks * mixing["interval_us"]


def one_mix(strategy, came, left, mixing=None, order=None):
    """(Seen, Truth) of packets through a single mix; `order` is that of leaving, for equal
    times."""
    n = len(came)
    order = numpy.argsort(left, kind="stable") if order is None else order
    rows = [(t, t, GATEWAY, MIX) for t in came] + [(left[i], left[i], MIX, GATEWAY) for i in order]
    seen = seen_of([0, 1], strategy, rows, mixing)
    flights = numpy.zeros(2 * n, truth_module.TRUTH)
    flights["packet"] = numpy.concatenate([numpy.arange(n), order])
    flights["hop"] = numpy.repeat([0, 1], n)
    packets = numpy.zeros(n, truth_module.PACKET)
    packets["number"] = numpy.arange(n)
    packets["end"] = truth_module.DELIVERED
    packets["sender"], packets["recipient"] = CLIENT, CLIENT + 1
    return seen, truth_module.Truth(seen, flights, packets)


def clients_only(sent, received, clients, layers=1, strategy="poisson", mixing=None):
    """A Seen of clients' flights alone: lists of (time, client). Nodes: a gateway, a mix a
    layer."""
    nodes = 1 + layers
    rows = [(t, t, nodes + client, 0) for t, client in sent]
    rows += [(t, t, 0, nodes + client) for t, client in received]
    rows += [(0, 0, nodes + client, 0) for client in range(clients)]
    return seen_of([0, *range(1, layers + 1)], strategy, rows, mixing)
