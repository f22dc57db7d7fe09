# SPDX-License-Identifier: BSD-3-Clause
"""Statistical disclosure (Danezis 2003), for mixes that hold packets back (Mathewson & Dingledine
2004, section 4): for each packet of the target, who got packets, weighted by the probability that
the delay would be such; the mean of that, less what everybody gets all the time, points at the
partners."""
import numpy

from . import flows as flow_module


class Disclosure:
    """Prepared once for all targets."""

    def __init__(self, seen, flows):
        self.seen, self.flows = seen, flows
        usual = flows.left.mean(axis=1, keepdims=True)
        # At each window, what each recipient gets in the time after it, weighted, over the usual.
        backward = flow_module.spread((flows.left - usual)[:, ::-1], flows.kernel)[:, ::-1]
        self.after = backward
        self.receives = flows.left.any(axis=1)  # who never gets anything is nobody's partner
        self.last = flows.bins - len(flows.kernel)

    def sent(self, target):
        """The flights of the target's packets, by time, after which everything was seen."""
        flights = numpy.flatnonzero(self.seen.src == target)
        flights = flights[numpy.argsort(self.seen.came[flights], kind="stable")]
        return flights[self.flows.window(self.seen.came[flights]) < self.last]

    def scores(self, flights, points):
        """The score of each recipient after so many of the flights, for each of the points: points
        x recipients, in the order of flows.client."""
        at = self.flows.window(self.seen.came[flights])
        running = numpy.cumsum(self.after[:, at].T, axis=0, dtype=float)
        points = numpy.asarray(points)
        return numpy.where(self.receives, running[points - 1] / points[:, None], -numpy.inf)
