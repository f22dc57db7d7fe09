# SPDX-License-Identifier: BSD-3-Clause
"""Who may be whom: a posterior over what came to a mix for each packet that leaves it, taken
through all layers in both directions.

In every strategy those that are held are exchangeable: which of them leaves next is drawn uniformly
(poisson: equal memoryless delays). So of n that are held after one has come, the packet that leaves
later is that one with probability 1/n if it is none that came afterwards. With h[i] = n after
coming i

    P(leaving j is coming i) = 1/h[i] * product over comings k, i < k before j, of (1 - 1/h[k])

which is exact. README.md says what h is for each strategy, and where it is counted or expected."""
import numpy

from . import batches

NEGLIGIBLE = 1e-9  # probability that is left where tracing back ends


class Mix:
    """One mix: `coming` and `leaving` are flights, each by time; `held` is h, by coming; `before`
    is the number of comings that each leaving may be one of, -1 where it is none that was seen."""

    def __init__(self, node, coming, leaving, held, before):
        self.node, self.coming, self.leaving = node, coming, leaving
        self.held, self.before = held, before
        self.share = (1.0 / held).tolist()
        self.source = []

    def join(self, layer, src, before):
        """Notes for each coming which mix it left, and its `before` there; None: it entered
        here."""
        inner = layer[self.coming] > 0
        self.source = [(node, at) if inside else (None, -1) for inside, node, at in
                       zip(inner.tolist(), src[self.coming].tolist(), before[self.coming].tolist())]


def by_count(came, left):
    """h from what was seen to come and leave, or None if more left than had come."""
    held = numpy.arange(1, len(came) + 1) - numpy.searchsorted(left, came, "left")
    after = numpy.searchsorted(came, left, "right") - numpy.arange(1, len(left) + 1)
    if (held < 1).any() or (after < 0).any():
        return None
    return held.astype(float)


def by_law(came, keeps):
    """h where not all that comes or leaves is seen: how many of those that came are still there in
    the mean, if a share keeps[i] of them stays between coming i - 1 and coming i."""
    held = numpy.empty(len(came))
    h = 0.0
    for i, share in enumerate(keeps):
        h = 1.0 + h * share
        held[i] = h
    return held


def kept(seen, came, left):
    """The shares for by_law."""
    if seen.strategy == "poisson":
        return numpy.exp(-numpy.diff(came, prepend=came[:1]) / seen.mixing["mean_delay_us"])
    flushes = numpy.searchsorted(numpy.unique(left), came, "left")
    return (seen.mixing["stay_ppm"] / 1e6) ** numpy.diff(flushes, prepend=flushes[:1])


def make_mix(seen, node):
    coming = numpy.flatnonzero(seen.dst == node)
    coming = coming[numpy.argsort(seen.came[coming], kind="stable")]
    leaving = numpy.flatnonzero(seen.src == node)
    came, left = seen.came[coming], seen.left[leaving]
    if seen.strategy == "batch":
        held, before = batches.sort_in(came, left, seen.mixing["interval_us"])
        return Mix(node, coming, leaving, held, before), not seen.own_cover
    before = numpy.searchsorted(came, left, "right")
    before[before == 0] = -1
    held = None if seen.own_cover else by_count(came, left)
    counted = held is not None
    if not counted:
        held = by_law(came, kept(seen, came, left))
    return Mix(node, coming, leaving, held, before), counted


class Trace:
    """All mixes, layer by layer. `counted`: h is exact everywhere, and so are the posteriors."""

    def __init__(self, seen):
        if seen.padded:
            raise ValueError("links are padded: who sees them cannot tell packets from dummies")
        self.seen = seen
        self.layer = []
        self.counted = True
        for layer in range(1, seen.layers + 1):
            made = [make_mix(seen, node) for node in numpy.flatnonzero(seen.layer == layer)]
            self.layer.append([mix for mix, _ in made])
            self.counted = self.counted and all(counted for _, counted in made)
        source = seen.layer_of(seen.src)
        target = seen.layer_of(seen.dst)
        self.entries = numpy.flatnonzero((target == 1) & (source < 1))
        self.exits = numpy.flatnonzero((source == seen.layers) & (target < 1))
        self.before = numpy.full(len(seen.left), -1)  # by flight, of the mix that it leaves
        for layer in self.layer:
            for mix in layer:
                self.before[mix.leaving] = mix.before
        for layer in self.layer:
            for mix in layer:
                mix.join(source, seen.src, self.before)

    def forward(self, label):
        """Mean labels: given one for each flight, of which those of entries count, (flights x n),
        what each flight is expected to carry. The probabilities of Loopix's section 4.3."""
        carried = numpy.zeros_like(label, float)
        carried[self.entries] = label[self.entries]
        for layer in self.layer:
            for mix in layer:
                forward_mix(mix, carried)
        return carried

    def backward(self, exits):
        """For these exits, a lane each: (entries, probabilities: entries x lanes). What is missing
        to 1 in a lane came from where nothing was seen."""
        found, shares = [], []
        lane = numpy.eye(len(exits))
        masses = {}  # by mix: (before, probabilities) of what left it
        for i, flight in enumerate(exits):
            masses.setdefault(int(self.seen.src[flight]), []).append(
                (int(self.before[flight]), lane[i]))
        for layer in reversed(self.layer):
            earlier = {}
            for mix in layer:
                for i, share in backward_mix(mix, masses.pop(mix.node, [])):
                    source, before = mix.source[i]
                    if source is not None:
                        earlier.setdefault(source, []).append((before, share))
                    else:
                        found.append(mix.coming[i])
                        shares.append(share)
            masses = earlier
        return numpy.array(found, int), numpy.array(shares).reshape(-1, len(exits))


def forward_mix(mix, carried):
    """What is carried by what leaves, from what comes."""
    after = numpy.zeros((len(mix.coming) + 1, carried.shape[1]))
    pool = numpy.zeros(carried.shape[1])
    came = carried[mix.coming]
    for i, share in enumerate(mix.share):
        pool = pool + (came[i] - pool) * share
        after[i + 1] = pool
    carried[mix.leaving] = numpy.where(mix.before[:, None] >= 0, after[mix.before], 0.0)


def backward_mix(mix, masses):
    """Yields each coming (by its place) that what left may be, and with what probabilities."""
    masses = sorted((mass for mass in masses if mass[0] > 0), key=lambda mass: mass[0])
    if not masses:
        return
    pool = numpy.zeros(len(masses[0][1]))
    for i in range(masses[-1][0] - 1, -1, -1):
        while masses and masses[-1][0] == i + 1:
            pool = pool + masses.pop()[1]
        if not masses and pool.max() < NEGLIGIBLE:
            return
        share = pool * mix.share[i]
        pool = pool - share
        yield i, share
