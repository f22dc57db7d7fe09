# SPDX-License-Identifier: BSD-3-Clause
"""What bench/anonymity computes for the observer, where the answer is known otherwise."""
import itertools
import math
import unittest

import numpy

import flights
import tap
from judge import games
from observer import batches, delays, disclosure, entropy, flows, gap, tracing

MS = 1000


def posterior(came, left, strategy="poisson", mixing=None):
    """By brute force: the chance that each leaving (column) is each coming (row), every matching in
    which nothing leaves before it came being equally likely."""
    table, ways = numpy.zeros((len(came), len(left))), 0
    for chosen in itertools.permutations(range(len(came)), len(left)):
        if all(came[i] <= left[j] for j, i in enumerate(chosen)):
            ways += 1
            for j, i in enumerate(chosen):
                table[i, j] += 1
    return table / ways


def traced(seen):
    """The same table by the tracer, of one mix: entries by time, exits by time."""
    trace = tracing.Trace(seen)
    entries, probabilities = trace.backward(trace.exits)
    table = numpy.zeros((len(trace.entries), len(trace.exits)))
    for row, entry in enumerate(entries):
        table[numpy.flatnonzero(trace.entries == entry)[0]] = probabilities[row]
    return trace, table


class Tracing(unittest.TestCase):
    def test_posterior_is_that_of_all_matchings(self):
        generator = numpy.random.default_rng(5)
        for _ in range(40):
            came = numpy.sort(generator.choice(1000, 6, replace=False))
            stay = generator.exponential(300, 6).astype(int) + 1
            left = numpy.sort(came + stay)
            # All six leave: every matching has the same likelihood under equal exponentials.
            _, table = traced(flights.seen_of([0, 1], "poisson", flights.through(came, left)))
            numpy.testing.assert_allclose(table, posterior(came, left), atol=1e-9)

    def test_forward_is_backward_turned_round(self):
        generator = numpy.random.default_rng(6)
        came, left = flights.poisson_mix(generator, 100, 200 * MS, 300)
        trace, table = traced(flights.seen_of([0, 1], "poisson", flights.through(came, left)))
        label = numpy.zeros((len(trace.seen.left), 2))
        label[trace.entries] = generator.random((len(trace.entries), 2))
        carried = trace.forward(label)[trace.exits]
        numpy.testing.assert_allclose(carried, table.T @ label[trace.entries], atol=1e-6)

    def test_probabilities_add_up(self):
        came, left = flights.poisson_mix(numpy.random.default_rng(7), 50, 200 * MS, 400)
        _, table = traced(flights.seen_of([0, 1], "poisson", flights.through(came, left)))
        numpy.testing.assert_allclose(table.sum(axis=0), 1, atol=1e-6)

    def test_own_cover_makes_it_the_law(self):
        came, left = flights.poisson_mix(numpy.random.default_rng(8), 50, 200 * MS, 4000)
        rows = flights.through(came, left)
        told = tracing.Trace(flights.seen_of([0, 1], "poisson", rows))
        law = tracing.Trace(flights.seen_of([0, 1], "poisson", rows,
                                            cover={"loop_interval_us": 1}))
        self.assertTrue(told.counted)
        self.assertFalse(law.counted)
        held = [trace.layer[0][0].held[500:] for trace in (told, law)]
        self.assertAlmostEqual(held[0].mean() / held[1].mean(), 1, delta=0.1)

    def test_mix_that_sends_what_never_came_is_no_count(self):
        trace = tracing.Trace(flights.seen_of([0, 1], "poisson",
                                              flights.through([10, 20], [15, 25, 30])))
        self.assertFalse(trace.counted)

    def test_padded_links_are_refused(self):
        seen = flights.seen_of([0, 1], "poisson", flights.through([1], [2]),
                               cover={"link_interval_us": 1000})
        with self.assertRaises(ValueError):
            tracing.Trace(seen)


class Entropy(unittest.TestCase):
    def bits(self, seen):
        trace = tracing.Trace(seen)
        return entropy.bits(trace.backward(trace.exits)[1])

    def test_batch_of_n_has_log2_n_bits(self):
        for n in (1, 2, 16, 100):
            came = numpy.linspace(10, 90 * MS, n).astype(int)
            left = 100 * MS + numpy.arange(n) * 100 * MS // n
            bits = self.bits(flights.seen_of([0, 1], "batch", flights.through(came, left)))
            numpy.testing.assert_allclose(bits, math.log2(n), atol=1e-9)

    def test_batches_do_not_mix_with_each_other(self):
        came = [1 * MS, 2 * MS, 3 * MS, 4 * MS] + [101 * MS, 102 * MS]
        left = [100 * MS, 125 * MS, 150 * MS, 175 * MS] + [200 * MS, 250 * MS]
        bits = self.bits(flights.seen_of([0, 1], "batch", flights.through(came, left)))
        numpy.testing.assert_allclose(bits, [2, 2, 2, 2, 1, 1], atol=1e-9)

    def test_cascade_of_batches_multiplies(self):
        # Two mixes of four packets each; two of each go on to the same third, in one batch.
        came = [(t, t, 0, mix) for mix in (1, 2) for t in (10, 20, 30, 40)]
        onward = [(100 * MS + i * 25 * MS,) * 2 + (mix, 3 if i % 2 else 4)
                  for mix in (1, 2) for i in range(4)]
        exits = [(200 * MS + i * 25 * MS,) * 2 + (mix, 0) for mix in (3, 4) for i in range(4)]
        bits = self.bits(flights.seen_of([0, 1, 1, 2, 2], "batch", came + onward + exits))
        numpy.testing.assert_allclose(bits, 3, atol=1e-9)

    def test_poisson_follows_the_law(self):
        # One layer: log2(rate * mean) + h, with h = log2 e of the exponential (entropy.h).
        generator = numpy.random.default_rng(9)
        came, left = flights.poisson_mix(generator, 200, 200 * MS, 6000)
        seen, truth = flights.one_mix("poisson", came, left)
        game = games.entropy_game(tracing.Trace(seen), truth, 20, 40)
        self.assertAlmostEqual(game["bits"]["value"], math.log2(40) + math.log2(math.e), delta=0.1)
        lower, upper = game["surprise_bits"]["interval"]
        self.assertTrue(lower - 0.1 < 0 < upper + 0.1, game)
        self.assertTrue(game["exact"])

    def test_pool_is_as_its_recursion_says(self):
        # With flushes of everything held by a coin: a share 1 - s of each earlier interval's.
        generator = numpy.random.default_rng(10)
        came, left = flights.pool_mix(generator, 1000, flights.POOL, 20000)
        seen, truth = flights.one_mix("pool", came, left)
        game = games.entropy_game(tracing.Trace(seen), truth, 16, 40)
        n, s = 100, 0.5  # came in a tick; stays
        expected = -sum((1 - s) * s ** k * math.log2((1 - s) * s ** k / n) for k in range(60))
        self.assertAlmostEqual(game["bits"]["value"], expected, delta=0.1)


class Gap(unittest.TestCase):
    def differences(self, *pairs):
        """Of 30 batches of ten packets each; pairs are of places in every batch."""
        number = numpy.arange(300)
        came = number // 10 * 100 * MS + number % 10 * MS + 1
        left = (number // 10 + 1) * 100 * MS + number % 10 * 10 * MS
        trace = tracing.Trace(flights.seen_of([0, 1], "batch", flights.through(came, left)))
        labels = [tuple(trace.entries[numpy.isin(number % 10, side)] for side in pair)
                  for pair in pairs]
        return gap.likelihood_differences(trace, labels)

    def test_batch_tells_no_more_than_counts(self):
        epsilon, infinite, advantage = self.differences(([0], [9]), ([0, 4], [9]))
        numpy.testing.assert_allclose(epsilon, [0, math.log(2)], atol=1e-9)
        numpy.testing.assert_allclose(infinite, 0)
        numpy.testing.assert_allclose(advantage, [0, 1 / 3], atol=1e-9)

    def test_who_alone_may_be_it_is_told(self):
        epsilon, infinite, advantage = self.differences(([3], []))
        self.assertTrue(math.isnan(epsilon[0]))
        self.assertEqual((infinite[0], advantage[0]), (1, 1))

    def test_first_out_is_likely_the_first_in(self):
        # S0's packet alone, then S1's: the first to leave can only be that of S0.
        trace = tracing.Trace(flights.seen_of([0, 1], "poisson",
                                              flights.through([10, 30], [20, 40])))
        label = numpy.zeros((4, 2))
        label[trace.entries[0], 0] = label[trace.entries[1], 1] = 1
        numpy.testing.assert_allclose(trace.forward(label)[trace.exits], [[1, 0], [0, 1]])

    def test_two_who_send_alike_are_not_told(self):
        generator = numpy.random.default_rng(11)
        came, left = flights.poisson_mix(generator, 100, 200 * MS, 3000)
        trace = tracing.Trace(flights.seen_of([0, 1], "poisson", flights.through(came, left)))
        epsilon, infinite, advantage = gap.likelihood_differences(
            trace, [(trace.entries[0::2], trace.entries[1::2])])
        self.assertTrue(0 < epsilon[0] < 0.5 and 0 < advantage[0] < 0.25 and infinite[0] < 0.05)


class Batches(unittest.TestCase):
    def test_phase_is_found(self):
        generator = numpy.random.default_rng(12)
        for phase in (0, 1, 33333, 99999):
            _, left = flights.batch_mix(generator, 300, 100 * MS, 2000)
            grid = batches.find_grid(numpy.sort(left + phase), 100 * MS)
            self.assertEqual((grid.phase, grid.margin, grid.fit), (phase, 0, 1.0))

    def test_phase_is_found_where_leavings_are_close(self):
        """So close that a phase beside it explains as many of them; a few are not seen."""
        for seed in range(20):
            generator = numpy.random.default_rng(seed)
            _, left = flights.batch_mix(generator, 400, 200 * MS, 8000)
            left = left[generator.random(len(left)) >= 0.01]
            grid = batches.find_grid(numpy.sort(left + 40940), 200 * MS)
            self.assertEqual((grid.phase, grid.margin), (40940, 0))

    def test_phase_of_batches_of_one_size(self):
        left = [k * 100 * MS + i * 25 * MS + 7 for k in range(40) for i in range(4)]
        self.assertEqual(batches.find_grid(numpy.array(left), 100 * MS).fit, 1.0)

    def test_clocks_of_captures(self):
        generator = numpy.random.default_rng(13)
        _, left = flights.batch_mix(generator, 300, 100 * MS, 2000)
        left = numpy.sort(left + generator.integers(-20, 20, len(left)))
        grid = batches.find_grid(left, 100 * MS)
        self.assertLess(min(grid.phase, 100 * MS - grid.phase), 100)
        self.assertGreater(grid.fit, 0.95)


class Delays(unittest.TestCase):
    BIN = 5 * MS

    def compare(self, strategy, stay, hops):
        seen = flights.clients_only([], [], 2, layers=hops - (1 if strategy == "poisson" else 2),
                                    strategy=strategy)
        kernel = delays.network(seen, self.BIN)
        generator = numpy.random.default_rng(14)
        total = sum(stay(generator, 200000) for _ in range(hops))
        at = (numpy.arange(len(kernel)) + 0.5) * self.BIN
        self.assertAlmostEqual((kernel * at).sum() / total.mean(), 1, delta=0.02)
        self.assertAlmostEqual(delays.deviation(kernel) * self.BIN / total.std(), 1, delta=0.05)

    def test_poisson(self):
        self.compare("poisson", lambda g, n: g.exponential(200 * MS, n), 4)

    def test_batch(self):
        self.compare("batch", lambda g, n: g.uniform(0, 100 * MS, n) + g.uniform(0, 100 * MS, n), 5)

    def test_pool(self):
        def stay(generator, n):
            return generator.uniform(0, 100 * MS, n) + 100 * MS * (generator.geometric(0.5, n) - 1)
        self.compare("pool", stay, 5)


class Flows(unittest.TestCase):
    CLIENTS = 40

    def pairs(self, delay_us, linked, mean_us=200 * MS, seed=15):
        """Each client c to c + 1, or to nobody: scores of both detectors and what is true."""
        generator = numpy.random.default_rng(seed)
        sent, received = [], []
        for client in range(self.CLIENTS):
            times = generator.integers(1, 60 * flights.SECOND, 60)
            sent += [(t, client) for t in times]
            if not linked:
                times = generator.integers(1, 60 * flights.SECOND, 60)
            received += [(t + delay_us(generator), (client + 1) % self.CLIENTS) for t in times]
        seen = flights.clients_only(sent, received, self.CLIENTS,
                                    mixing={"mean_delay_us": mean_us})
        prepared = flows.Flows(seen)
        true = numpy.roll(numpy.eye(self.CLIENTS, dtype=bool), 1, axis=1)
        return prepared, true

    def roc(self, score, prepared, true):
        others = ~numpy.eye(self.CLIENTS, dtype=bool)
        return games.roc(score(prepared)[others], true[others])

    def test_without_delay_all_are_matched(self):
        prepared, true = self.pairs(lambda g: 20, True, mean_us=10)
        for score in (flows.template, flows.counts):
            self.assertEqual(self.roc(score, prepared, true)["true_positives"]["value"], 1.0)

    def test_short_delays_all_are_matched(self):
        prepared, true = self.pairs(lambda g: int(g.exponential(50 * MS) + g.exponential(50 * MS)),
                                    True, mean_us=50 * MS)
        self.assertGreater(self.roc(flows.template, prepared, true)["true_positives"]["value"],
                           0.95)

    def test_strangers_are_matched_as_often_as_false_pairs(self):
        hits = trials = 0
        areas = []
        for seed in range(20):
            prepared, true = self.pairs(lambda g: 0, False, seed=seed)
            for score in (flows.template, flows.counts):
                roc = self.roc(score, prepared, true)
                hits, trials = hits + roc["hits"], trials + roc["true_pairs"]
                areas.append(roc["auc"])
        self.assertLess(hits / trials, 0.02)
        self.assertAlmostEqual(numpy.mean(areas), 0.5, delta=0.03)

    def test_equal_scores_match_nobody(self):
        true = numpy.eye(20, dtype=bool)
        self.assertEqual(games.roc(numpy.zeros((20, 20)), true)["hits"], 0)
        self.assertEqual(games.roc(numpy.zeros((20, 20)), true)["auc"], 0.5)

    def test_threshold_keeps_false_positives(self):
        # Of 1000 false pairs ten may lie above: 990 and more.
        scores = numpy.concatenate([numpy.arange(1000.0), [988.5, 989.5, 5000]])
        true = numpy.arange(1003) >= 1000
        roc = games.roc(scores, true)
        self.assertEqual((roc["hits"], roc["true_pairs"], roc["false_pairs"]), (2, 3, 1000))
        self.assertAlmostEqual(roc["auc"], (989 + 990 + 1000) / 3000)


class Disclosure(unittest.TestCase):
    def ranks(self, linked):
        prepared, true = Flows().pairs(lambda g: int(g.exponential(100 * MS)), linked,
                                       mean_us=100 * MS)
        attack = disclosure.Disclosure(prepared_seen(prepared), prepared)
        found = []
        for row in range(Flows.CLIENTS):
            sent = attack.sent(prepared.client[row])
            scores = attack.scores(sent, [1, len(sent)])
            scores[:, row] = -math.inf
            found.append([games.middle_rank(of, int(numpy.flatnonzero(true[row])[0]))
                          for of in scores])
        return numpy.array(found)

    def test_partner_comes_first_after_enough_messages(self):
        ranks = self.ranks(True)
        self.assertEqual(numpy.median(ranks[:, 1]), 1)
        self.assertLess(ranks[:, 1].mean(), ranks[:, 0].mean())

    def test_stranger_stays_in_the_middle(self):
        ranks = self.ranks(False)
        self.assertAlmostEqual(ranks[:, 1].mean(), (Flows.CLIENTS - 1) / 2 + 0.5, delta=6)

    def test_middle_of_equal_ranks(self):
        self.assertEqual(games.middle_rank(numpy.array([3.0, 1, 1, 1, 0]), 2), 3)


def prepared_seen(prepared):
    return prepared.seen


if __name__ == "__main__":
    tap.main()
