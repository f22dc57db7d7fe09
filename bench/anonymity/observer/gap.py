# SPDX-License-Identifier: BSD-3-Clause
"""Loopix's likelihood difference (Piotrowska, Hayes, Elahi, Meiser & Danezis 2017, section 4.3).

Two challenge senders, S0 and S1; the observer is told which packets of theirs are messages. Each
packet that leaves the last layer is a message of S0 with probability p0 and of S1 with p1, and

    epsilon = | ln(p0 / p1) |                                                      (equation 3)

is averaged over packets that leave. Where one of the two is 0, epsilon is infinite; so beside it
stands the advantage |p0 - p1| / (p0 + p1) = tanh(epsilon / 2) of who guesses which of the two it
was."""
import numpy

from . import entropy


def likelihood_differences(trace, challenges):
    """For challenges, pairs of arrays of entries (messages of S0, of S1), each: the mean epsilon of
    packets for which it is finite, the share of those for which it is not, and the mean advantage
    over all that may be either's. NaN: there are no such packets."""
    label = numpy.zeros((len(trace.seen.left), 2 * len(challenges)))
    for i, pair in enumerate(challenges):
        for side, flights in enumerate(pair):
            label[flights, 2 * i + side] = 1
    carried = trace.forward(label)[entropy.settled(trace)]
    p0, p1 = carried[:, 0::2], carried[:, 1::2]
    both = (p0 > 0) & (p1 > 0)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        epsilon = numpy.where(both, numpy.abs(numpy.log(p0 / p1)), 0)
        mean = epsilon.sum(axis=0) / both.sum(axis=0)
        either = p0 + p1 > 0
        advantage = numpy.where(either, numpy.abs(p0 - p1) / (p0 + p1), 0)
        advantage = advantage.sum(axis=0) / either.sum(axis=0)
        one_sided = (either & ~both).sum(axis=0) / either.sum(axis=0)
    return mean, one_sided, advantage
