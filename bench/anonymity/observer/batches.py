# SPDX-License-Identifier: BSD-3-Clause
"""Where batches begin and end, from times alone.

Item k of a batch of n leaves at start + floor(k * interval / n), and starts lie on a grid of the
interval, whose phase is the mix's own (lib/mix/batch.c). The phase is the one by which most
leavings stand where this says. Clocks of captures are not perfect: where that fits better, a batch
takes in what leaves a little before its start."""
import collections

import numpy

CANDIDATES = 25
SAMPLE = 2000  # leavings by which the phase is found
ALIKE = 0.005  # between the fits of phases of which none is better


class Grid:
    """Batch b begins at phase + b * interval; `fit` is the share of leavings that stand in
    place."""

    def __init__(self, left, interval_us, phase, margin):
        self.interval_us, self.phase, self.margin = interval_us, phase, margin
        number = self.number(left)
        _, first, inverse, size = numpy.unique(number, return_index=True, return_inverse=True,
                                               return_counts=True)
        rank = numpy.arange(len(left)) - first[inverse]
        expected = phase + number * interval_us + rank * interval_us // size[inverse]
        self.fit = float(numpy.mean(numpy.abs(left - expected) <= tolerance_us(interval_us)))
        self.exact = float(numpy.mean(numpy.abs(left - expected) <= 1))
        self.late = int(numpy.median(left - expected))  # 0, if the phase is right

    def moved(self, left):
        """The same, where leavings stand in the mean."""
        phase = (self.phase + self.late) % self.interval_us
        return Grid(left, self.interval_us, phase, self.margin)

    def number(self, left):
        return (left - self.phase + self.margin) // self.interval_us

    def starts(self, left):
        """When each batch begins to leave, sorted."""
        return numpy.unique(self.number(left)) * self.interval_us + self.phase


def tolerance_us(interval_us):
    """How far from its place a leaving may be."""
    return max(2, interval_us // 1000)


def candidates(left, interval_us):
    """Phases at which many leavings stand: exactly, and within the tolerance."""
    width = tolerance_us(interval_us)
    exact = collections.Counter((left % interval_us).tolist()).most_common(CANDIDATES)
    near = collections.Counter((left % interval_us // width).tolist()).most_common(CANDIDATES)
    yield from (phase for phase, _ in exact)
    yield from (int(near_phase * width + width // 2) for near_phase, _ in near)


def find_grid(left, interval_us):
    """The Grid that fits best. `left` is sorted and not empty. Phases that are less than the
    tolerance apart fit alike: of equals, the one counts by which most stand exactly, then the
    narrowest."""
    part = left[:SAMPLE]
    grids = [Grid(part, interval_us, phase, margin) for margin in (0, tolerance_us(interval_us))
             for phase in candidates(part, interval_us)]
    best = max(grids, key=lambda grid: grid.fit)
    grids += [best.moved(part)]
    best = max((grid for grid in grids if grid.fit >= best.fit - ALIKE),
               key=lambda grid: (grid.exact, -grid.margin, grid.fit))
    return Grid(left, interval_us, best.phase, best.margin)


def sort_in(came, left, interval_us):
    """h by coming and `before` by leaving, as tracing.Mix has them: a batch is all that came since
    the one before it began to leave, and each of its packets is any of them."""
    if len(left) == 0 or len(came) == 0:
        return numpy.arange(len(came)) + 1.0, numpy.full(len(left), -1)
    grid = find_grid(left, interval_us)
    begin = grid.starts(left)
    batch = numpy.searchsorted(begin, came, "right")  # begins to leave at begin[batch]
    first = numpy.searchsorted(batch, batch, "left")
    held = numpy.arange(len(came)) - first + 1.0
    of = numpy.searchsorted(begin, left + grid.margin, "right") - 1
    before = numpy.searchsorted(batch, of, "right")
    empty = (before == 0) | (batch[numpy.maximum(before - 1, 0)] != of)
    return held, numpy.where(empty, -1, before)
