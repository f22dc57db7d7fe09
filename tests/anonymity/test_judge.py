# SPDX-License-Identifier: BSD-3-Clause
"""The judge of bench/anonymity: its statistics against known values, and its detectors on mixes
that are sound and on mixes that are not."""
import math
import unittest

import numpy

import flights
import tap
from judge import audit, games, intervals
from observer import tracing

MS = 1000
PACKETS = 3000
TRIALS = 30


class Intervals(unittest.TestCase):
    def test_wilson(self):
        # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I,
        # method 3.
        for successes, trials, lower, upper in (
                (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)):
            _, low, high = intervals.share(successes, trials)
            self.assertAlmostEqual(low, lower, places=4)
            self.assertAlmostEqual(high, upper, places=4)

    def test_student(self):
        for freedom, t in ((1, 12.706), (10, 2.228), (30, 2.042), (60, 2.000), (120, 1.980)):
            self.assertAlmostEqual(intervals.student(freedom), t, delta=0.004)

    def test_mean(self):
        middle, low, high = intervals.mean([1, 2, 3, math.nan])
        self.assertAlmostEqual(middle, 2)
        self.assertAlmostEqual(high - middle, 4.303 / math.sqrt(3), places=3)
        self.assertAlmostEqual(middle - low, high - middle)
        self.assertTrue(math.isnan(intervals.mean([5])[1]))
        self.assertTrue(math.isnan(intervals.mean([])[0]))

    def test_kolmogorov(self):
        for x, p in ((1.2238, 0.10), (1.3581, 0.05), (1.6276, 0.01)):
            self.assertAlmostEqual(intervals.kolmogorov(x / math.sqrt(1e8), 10 ** 8), p, places=3)


def sound(strategy, generator, packets=PACKETS):
    """Times in and out, the order of leaving, and the packets' delays, of a sound mix."""
    if strategy == "poisson":
        came, left = flights.poisson_mix(generator, 100, 200 * MS, packets)
    elif strategy == "batch":
        came, left = flights.batch_mix(generator, 200, 100 * MS, packets)
    else:
        came, left = flights.pool_mix(generator, 200, flights.POOL, packets)
    shuffled = generator.permutation(packets)
    return came, left, shuffled[numpy.argsort(left[shuffled], kind="stable")]


def audited(strategy, came, left, order):
    return audit.audit(*flights.one_mix(strategy, came, left, order=order))


def verdicts(report):
    return {name for name, verdict in report.items() if verdict["seen"]}


class Detectors(unittest.TestCase):
    def test_p_values_of_sound_mixes_are_uniform(self):
        for strategy in ("poisson", "batch", "pool"):
            found = {}
            for seed in range(TRIALS):
                report = audited(strategy, *sound(strategy, numpy.random.default_rng(seed), 600))
                for name, verdict in report.items():
                    if verdict["tests"]:
                        p = 1 - (1 - verdict["least_p"]) ** verdict["tests"]
                        found.setdefault(name, []).append(p)
            self.assertIn("order", found)
            for name, values in found.items():
                ordered = numpy.sort(values)
                distance = numpy.abs(ordered - (numpy.arange(TRIALS) + 0.5) / TRIALS).max()
                # The tests of one detector are independent, or nearly so: the least makes one
                # p-value.
                self.assertGreater(intervals.kolmogorov(distance, TRIALS), 0.001, (strategy, name))

    def test_nothing_is_seen_in_a_sound_mix(self):
        for strategy in ("poisson", "batch", "pool"):
            report = audited(strategy, *sound(strategy, numpy.random.default_rng(77)))
            self.assertEqual(verdicts(report), set(), strategy)

    def test_first_in_first_out_is_seen(self):
        for strategy in ("poisson", "batch", "pool"):
            came, left, order = sound(strategy, numpy.random.default_rng(78))
            times = numpy.sort(left)  # the same times; who leaves is the first that came
            self.assertIn("order", verdicts(audited(strategy, came, times, numpy.arange(PACKETS))))

    def test_last_in_first_out_within_batches_is_seen(self):
        came, left, _ = sound("batch", numpy.random.default_rng(79))
        batch = came // (100 * MS)
        order = numpy.lexsort((-came, batch))
        times = numpy.empty_like(left)
        times[order] = numpy.sort(left)
        self.assertIn("order", verdicts(audited("batch", came, times, order)))

    def test_packet_out_of_its_batch_is_seen(self):
        came, left, order = sound("batch", numpy.random.default_rng(80))
        early, late = order[5], order[-5]
        left[early], left[late] = left[late], left[early]
        self.assertIn("order", verdicts(audited("batch", came, left, numpy.argsort(left))))

    def test_steps_are_seen(self):
        for step_us in (10, 100, 1000, 10000):
            generator = numpy.random.default_rng(81)
            came, left, _ = sound("poisson", generator)
            left = came + (left - came + step_us // 2) // step_us * step_us
            found = verdicts(audited("poisson", came, left, numpy.argsort(left, kind="stable")))
            self.assertIn("steps", found, step_us)

    def test_law_itself_is_no_step(self):
        # Of a mean of 4 ms, delays modulo 10 ms are far from even.
        generator = numpy.random.default_rng(88)
        delays = numpy.round(generator.exponential(4 * MS, PACKETS))
        for step, p in audit.step_tests(delays, 4 * MS):
            self.assertGreater(p, 0.001, step)

    def test_another_law_is_seen(self):
        generator = numpy.random.default_rng(82)
        came, _, _ = sound("poisson", generator)
        for stay in (generator.exponential(180 * MS, PACKETS),
                     generator.uniform(0, 400 * MS, PACKETS),
                     generator.gamma(2, 100 * MS, PACKETS)):
            left = came + numpy.round(stay).astype(int)
            found = verdicts(audited("poisson", came, left, numpy.argsort(left, kind="stable")))
            self.assertIn("law", found)

    def test_what_comes_with_a_flush_may_miss_it(self):
        # A relay that looks at its ticks as packets come: the newest comes in the very microsecond.
        came, left, _ = sound("pool", numpy.random.default_rng(85))
        ticks = numpy.unique(left)
        newest = numpy.searchsorted(came, ticks, "left") - 1
        late = came.copy()
        late[newest[newest >= 0]] = ticks[newest >= 0]
        left[left <= late] += flights.POOL["interval_us"]  # it is for the next flush
        order = numpy.lexsort((numpy.random.default_rng(86).random(PACKETS), left))
        self.assertEqual(verdicts(audited("pool", late, left, order)), set())

    def test_gateway_that_holds_nothing_is_not_audited(self):
        seen, truth = flights.one_mix("batch", *sound("batch", numpy.random.default_rng(87))[:2])
        with_gateway = audit.audit(seen, truth)
        stay = audit.Stays(0, numpy.arange(100), numpy.arange(100), numpy.arange(100),
                           numpy.zeros(100, int))
        self.assertTrue(audit.unmixed(stay))
        stay.left = stay.left + 1
        self.assertFalse(audit.unmixed(stay))
        self.assertEqual(with_gateway["order"]["tests"], 1)

    def test_tests_of_few_packets_are_not_made(self):
        report = audited("poisson", *sound("poisson", numpy.random.default_rng(83), 40))
        self.assertTrue(all(verdict["tests"] == 0 for verdict in report.values()), report)


class Games(unittest.TestCase):
    def test_wrong_posterior_shows_as_surprise(self):
        came, left, _ = sound("poisson", numpy.random.default_rng(84))
        held, order, coming = [], [], 0
        times = numpy.sort(left)
        for now in times:  # the last that came leaves first
            while coming < PACKETS and came[coming] <= now:
                held.append(coming)
                coming += 1
            order.append(held.pop())
        taken = numpy.empty(PACKETS, int)
        taken[order] = times
        seen, truth = flights.one_mix("poisson", came, taken, order=numpy.array(order))
        lower, upper = games.entropy_game(tracing.Trace(seen), truth)["surprise_bits"]["interval"]
        self.assertLess(upper, -0.1)

    def test_partners_need_messages(self):
        _, truth = flights.one_mix("poisson", numpy.arange(10), numpy.arange(10) + 5)
        true = games.partners(truth, numpy.array([flights.CLIENT, flights.CLIENT + 1]))
        self.assertEqual(true.tolist(), [[False, True], [False, False]])


if __name__ == "__main__":
    tap.main()
