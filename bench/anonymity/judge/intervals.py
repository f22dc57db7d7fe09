# SPDX-License-Identifier: BSD-3-Clause
"""Confidence intervals and probabilities, all two-sided at 95 % where nothing else is said."""
import math
import statistics

NORMAL = statistics.NormalDist()
# Student's t for 97.5 %, by degrees of freedom; above 30 the series below is within 0.1 %.
T = [None, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179,
     2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060,
     2.056, 2.052, 2.048, 2.045, 2.042]


def student(freedom):
    if freedom < len(T):
        return T[freedom]
    z = NORMAL.inv_cdf(0.975)
    return z + (z ** 3 + z) / (4 * freedom)


def mean(values):
    """(mean, lower, upper) of independent values; a lone one has no interval (NaN)."""
    values = [float(value) for value in values if not math.isnan(value)]
    if not values:
        return math.nan, math.nan, math.nan
    middle = statistics.fmean(values)
    if len(values) < 2:
        return middle, math.nan, math.nan
    half = student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return middle, middle - half, middle + half


def share(successes, trials):
    """(share, lower, upper): Wilson 1927."""
    if trials == 0:
        return math.nan, math.nan, math.nan
    z = NORMAL.inv_cdf(0.975)
    p = successes / trials
    scale = 1 + z * z / trials
    middle = (p + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    return p, max(0.0, middle - half), min(1.0, middle + half)


def two_sided(z):
    """The chance of so large a standard normal value, either way."""
    return math.erfc(abs(z) / math.sqrt(2))


def kolmogorov(distance, n):
    """The chance of such a distance of n values from their own law (Kolmogorov 1933, with the
    correction of Stephens 1970)."""
    root = math.sqrt(n)
    x = distance * (root + 0.12 + 0.11 / root)
    if x < 0.2:
        return 1.0
    return min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2)
                                     for k in range(1, 101))))
