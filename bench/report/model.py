# SPDX-License-Identifier: BSD-3-Clause
"""The model: how many cores a line rate takes, from costs that were measured.

A packet costs a worker `cost` cycles, of which a part is the same for each packet and a part is shared
by those of a burst:

    cost(burst) = each + shared / burst

fitted to the cost at several burst sizes by least squares of relative errors. A worker beside others
may cost more, since all share caches and memory:

    cost(workers) = cost(1) * (1 + contention * (workers - 1))

The mixer is one lcore whatever the number of workers, and bounds the whole by its own cost. At a rate
of r packets a second and f cycles a second, w workers are enough when

    r * cost(w) <= w * f * LOAD

with LOAD below one, so that queues stay short. What lies beyond the workers that were measured is
extrapolated: with the contention that was measured, and without any, which is the least that can be.
"""
import dataclasses

LOAD = 0.9  # of a core's time, at most
LINES_GBIT = (10, 25, 100, 200)
WIRE_OVERHEAD = 24  # bytes a frame takes besides: check sequence 4, preamble 8, gap 12 (IEEE 802.3)
WORKERS_MAX = 1024  # more are not looked for


def packets_a_second(gbit, frame_len):
    """Frames of a length, without check sequence, that a line carries."""
    return gbit * 1e9 / (8 * (frame_len + WIRE_OVERHEAD))


@dataclasses.dataclass
class BurstFit:
    each: float
    shared: float
    error: float  # the largest relative error at the points that were measured

    def cost(self, burst):
        return self.each + self.shared / burst


def fit_bursts(points):
    """Fits cost(burst) to {burst: cycles}, at least two, by least squares of relative errors."""
    if len(points) < 2:
        raise ValueError("two burst sizes at least")
    # minimise sum ((each + shared x - y) / y)^2 with x = 1 / burst
    s00 = s01 = s11 = t0 = t1 = 0.0
    for burst, cycles in points.items():
        u, v = 1 / cycles, 1 / burst / cycles
        s00, s01, s11 = s00 + u * u, s01 + u * v, s11 + v * v
        t0, t1 = t0 + u, t1 + v
    determinant = s00 * s11 - s01 * s01
    each = (t0 * s11 - t1 * s01) / determinant
    shared = (s00 * t1 - s01 * t0) / determinant
    fit = BurstFit(each, shared, 0.0)
    fit.error = max(abs(fit.cost(burst) - cycles) / cycles for burst, cycles in points.items())
    return fit


def fit_contention(costs):
    """The part by which each further worker makes a packet dearer, from {workers: cycles a packet}:
    least squares through the cost of the fewest. Not below 0: workers do not help each other."""
    fewest = min(costs)
    above = below = 0.0
    for workers, cycles in costs.items():
        x = workers - fewest
        above += x * (cycles / costs[fewest] - 1)
        below += x * x
    return max(0.0, above / below) if below else None


def workers_for(rate, cycles, hz, contention=0.0):
    """Workers that carry a rate; None: no number does, since each further one costs the others as
    much as it brings."""
    for workers in range(1, WORKERS_MAX + 1):
        if rate * cycles * (1 + contention * (workers - 1)) <= workers * hz * LOAD:
            return workers
    return None


@dataclasses.dataclass
class Need:
    """What a line takes."""
    gbit: float
    rate: float  # packets a second
    least: int  # workers, at the cost of one alone
    low: int  # the same, at the ends of the interval of the cost; None: no interval
    high: int
    contended: int  # workers, with the contention that was measured; None: not enough, however many
    mixers: float  # mixer lcores at LOAD: above one, one mixer is not enough
    extrapolated: bool


def need(gbit, frame_len, worker_cycles, mixer_cycles, hz, contention, measured_workers,
         cost_interval=(None, None)):
    """worker_cycles, mixer_cycles: of a packet. contention: None if it was not measured."""
    rate = packets_a_second(gbit, frame_len)
    least = workers_for(rate, worker_cycles, hz)
    low, high = (workers_for(rate, cost, hz) if cost else None for cost in cost_interval)
    contended = workers_for(rate, worker_cycles, hz, contention) if contention is not None else None
    return Need(gbit, rate, least, low, high, contended, rate * mixer_cycles / (hz * LOAD),
                least is None or least > measured_workers)
