# SPDX-License-Identifier: BSD-3-Clause
"""How long a packet takes from its gateway's door to the other gateway's, as the topology and the
seen latencies of links foretell: a distribution over bins of time."""
import numpy

from . import entropy

TAIL = 1e-4  # probability that is cut off


def hop(seen, bin_us, bins):
    """Of one mix."""
    edges = numpy.arange(bins + 1) * bin_us
    mixing = seen.mixing
    if seen.strategy == "poisson":
        below = 1 - numpy.exp(-edges / mixing["mean_delay_us"])
    elif seen.strategy == "batch":  # till the interval's end, and a place in the next
        at = numpy.clip(edges / mixing["interval_us"], 0, 2)
        below = numpy.where(at < 1, at * at / 2, 1 - (2 - at) ** 2 / 2)
    else:
        below = pool_below(seen, edges)
    return numpy.diff(below)


def pool_below(seen, edges):
    """Of a pool: till the next tick, then a coin at each. Where flushes come more often than ticks
    alone would bring them, the pool's threshold does, and their mean spacing is the tick."""
    tick_us, flush = seen.mixing["interval_us"], seen.mixing.get("flush_ppm", 1000000) / 1e6
    spacing = flush_spacing_us(seen)
    if spacing < 0.7 * tick_us / flush:
        tick_us, flush = spacing, 1.0
    leaves = flush * (1 - seen.mixing["stay_ppm"] / 1e6)
    ticks = numpy.floor(edges / tick_us)
    part = edges / tick_us - ticks
    gone = 1 - (1 - leaves) ** ticks
    return gone + part * leaves * (1 - leaves) ** ticks


def flush_spacing_us(seen):
    """The mean time between flushes of a mix."""
    spacings = []
    for node in numpy.flatnonzero(seen.layer > 0):
        times = numpy.unique(seen.left[seen.src == node])
        if len(times) > 1:
            spacings.append((times[-1] - times[0]) / (len(times) - 1))
    return float(numpy.mean(spacings)) if spacings else float(seen.mixing["interval_us"])


def mean_us(seen):
    """The mean of all stays and links, roughly: by it bins are chosen."""
    mixes = seen.layers + (1 if seen.strategy == "poisson" else 2)
    return mixes * entropy.stay_us(seen) + link_us(seen)


def link_us(seen):
    """All links between the two gateways."""
    inner = (seen.src < seen.nodes) & (seen.dst < seen.nodes)
    if not inner.any():
        return 0.0
    return float(numpy.median(seen.came[inner] - seen.left[inner])) * (seen.layers + 1)


def network(seen, bin_us):
    """Probabilities by bin of the time from a packet's coming to its first gateway to its leaving
    the last one. Under poisson the first gateway keeps nothing back."""
    mixes = seen.layers + (1 if seen.strategy == "poisson" else 2)
    bins = int(12 * mean_us(seen) / bin_us) + 2
    one = hop(seen, bin_us, bins)
    spectrum = numpy.fft.rfft(one, 2 * bins) ** mixes
    whole = numpy.maximum(numpy.fft.irfft(spectrum, 2 * bins)[:bins], 0)
    shift = round(link_us(seen) / bin_us + (mixes - 1) / 2)  # a bin's middle is half a bin late
    whole = numpy.concatenate([numpy.zeros(shift), whole])
    whole /= whole.sum()
    return whole[:int(numpy.searchsorted(numpy.cumsum(whole), 1 - TAIL)) + 1]


def deviation(kernel):
    """Standard deviation, in bins."""
    at = numpy.arange(len(kernel))
    mean = (kernel * at).sum()
    return float(numpy.sqrt((kernel * (at - mean) ** 2).sum()))
