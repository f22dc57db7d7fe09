# SPDX-License-Identifier: BSD-3-Clause
"""Figures: what a measurement came to, from repeated trials, with an interval that holds its median.

The interval is made of order statistics, and so assumes nothing of how trials are distributed: of n
independent trials, the k-th smallest and the k-th largest have the median between them with a
probability that the binomial distribution gives (Conover, Practical Nonparametric Statistics, 3.2).
A few trials cannot give 95 %: then it is all that was seen, and `confidence` says what that is worth.
"""
import dataclasses
import math
import statistics

WANTED_CONFIDENCE = 0.95
HIGHER, LOWER, NEITHER = "higher", "lower", "neither"  # which is better
# Which of the trials a figure is: of a ratio of two costs the best one, as what others do only adds
# to a cost; of all else the median.
MEDIAN, BEST = "median", "best"


def median(samples):
    return statistics.median(samples)


def interval(samples, wanted=WANTED_CONFIDENCE):
    """(low, high, confidence): the shortest pair of order statistics with the wanted confidence, or
    the least and the most of too few samples. None, None, 0 for one sample."""
    ordered = sorted(samples)
    n = len(ordered)
    if n < 2:
        return None, None, 0.0
    best = 1 - 2 * 0.5 ** n
    low, outside = 0, 2 * 0.5 ** n
    while low + 1 <= (n - 1) // 2:
        more = outside + 2 * math.comb(n, low + 1) * 0.5 ** n
        if 1 - more < wanted:
            break
        low, outside = low + 1, more
        best = 1 - outside
    return ordered[low], ordered[n - 1 - low], best


def spread(samples):
    """Half of what lies between the quartiles, in parts of the median: what one trial is off."""
    if len(samples) < 2:
        return 0.0
    quartiles = statistics.quantiles(samples, n=4, method="inclusive")
    middle = median(samples)
    return (quartiles[2] - quartiles[0]) / 2 / abs(middle) if middle else 0.0


@dataclasses.dataclass
class Figure:
    """One figure of a report. `name` says what it is, in words with dots between, and never changes:
    reports are compared by it."""
    name: str
    unit: str
    better: str
    samples: list
    doubts: list = dataclasses.field(default_factory=list)  # why it may be wrong, in words
    counts: str = MEDIAN

    @property
    def value(self):
        """What the figure is said to be."""
        return self.best if self.counts == BEST else median(self.samples)

    @property
    def interval(self):
        return interval(self.samples)

    @property
    def spread(self):
        return spread(self.samples)

    @property
    def best(self):
        """The best trial, where others on the machine can only make it worse."""
        return min(self.samples) if self.better == LOWER else max(self.samples)

    def to_json(self):
        low, high, confidence = self.interval
        return {"name": self.name, "unit": self.unit, "better": self.better,
                "value": self.value, "counts": self.counts, "low": low, "high": high,
                "confidence": round(confidence, 4), "best": self.best, "trials": len(self.samples),
                "samples": list(self.samples), "doubts": list(self.doubts)}

    @classmethod
    def from_json(cls, found):
        return cls(found["name"], found["unit"], found["better"], list(found["samples"]),
                   list(found["doubts"]), found.get("counts", MEDIAN))


def short(value, unit=""):
    """A number as people write it: three or four digits that matter."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if isinstance(value, float) and not math.isfinite(value):
        return "-"
    size = abs(value)
    if unit == "%":
        return f"{value:.2f}" if size < 10 else f"{value:.1f}"
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.01:
        return f"{value:.3g}" if size < 1 else f"{value:.2f}"
    return f"{value:.2g}"
