# SPDX-License-Identifier: BSD-3-Clause
"""Flow matching: does what leaves for this client look like what that client sent?

`counts`: packets in windows, shifted by the mean delay, and their correlation (Levine, Reiter, Wang
& Wright 2004). `template`: what the client sent, spread by the distribution of the network's delay,
is what leaves for its partner in the mean; its correlation with what left (the matched filter of
Danezis 2004, in windows)."""
import numpy

from . import delays

WINDOWS = 6  # a standard deviation of the delay has so many of the template's windows
BINS = 60000  # at most
CELLS = 100000000  # of clients and windows: a few times 400 MB


class TooMany(Exception):
    """More clients than can be compared in memory; says how many can."""


class Flows:
    """All clients' packets in windows: `entered` and `left`, clients x windows."""

    def __init__(self, seen):
        self.seen = seen
        self.client = seen.clients()
        begin, end = seen.left.min(), seen.came.max() + 1
        spread = delays.mean_us(seen) / numpy.sqrt(seen.layers + 1.0)
        self.bin_us = max(1, round(spread / WINDOWS), -(-int(end - begin) // BINS))
        self.bins = int((end - begin) // self.bin_us) + 1
        if self.bins * len(self.client) > CELLS or len(self.client) ** 2 > CELLS:
            raise TooMany(f"{len(self.client)} clients in {self.bins} windows of time are too many "
                          f"to compare; {CELLS} of both together at most, and "
                          f"{int(CELLS ** 0.5)} clients")
        self.kernel = delays.network(seen, self.bin_us)
        entry, leaving = seen.src >= seen.nodes, seen.dst >= seen.nodes
        self.begin = begin
        self.entered = self.count(seen.src[entry], seen.came[entry])
        self.left = self.count(seen.dst[leaving], seen.left[leaving])

    def count(self, place, time):
        row = numpy.searchsorted(self.client, place)
        at = row * self.bins + self.window(time)
        return numpy.bincount(at, minlength=len(self.client) * self.bins).reshape(
            len(self.client), self.bins).astype(numpy.float32)

    def window(self, time):
        return ((time - self.begin) // self.bin_us).astype(int)


def spread(rows, kernel):
    """Each row convolved with the kernel."""
    size = 1 << (rows.shape[1] + len(kernel) - 1).bit_length()
    spectrum = numpy.fft.rfft(kernel, size)
    out = numpy.empty_like(rows)
    for i, row in enumerate(rows):
        out[i] = numpy.fft.irfft(numpy.fft.rfft(row, size) * spectrum, size)[:rows.shape[1]]
    return out


def correlations(one, other):
    """Pearson's, of each row of the one with each row of the other; 0 where a row never changes."""
    def unit(rows):
        rows = rows - rows.mean(axis=1, keepdims=True)
        norm = numpy.sqrt((rows * rows).sum(axis=1, keepdims=True))
        return rows / numpy.where(norm > 0, norm, 1)
    return unit(one) @ unit(other).T


def merge(rows, width):
    """Sums of so many windows each."""
    whole = rows.shape[1] // width * width
    return rows[:, :whole].reshape(len(rows), -1, width).sum(axis=2)


def template(flows):
    """How much each client's leaving flow looks like each client's entering one: senders x
    recipients, in the order of flows.client."""
    return correlations(spread(flows.entered, flows.kernel), flows.left)


def counts(flows):
    """The same, by counts in windows of two standard deviations of the delay."""
    mean = int(round(float((flows.kernel * numpy.arange(len(flows.kernel))).sum())))
    width = max(1, round(2 * delays.deviation(flows.kernel)))
    if flows.bins <= mean + 2 * width:
        return numpy.zeros((len(flows.client),) * 2)
    entered = flows.entered[:, :flows.bins - mean]
    return correlations(merge(entered, width), merge(flows.left[:, mean:], width))
