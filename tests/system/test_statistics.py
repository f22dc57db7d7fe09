# SPDX-License-Identifier: BSD-3-Clause
"""The laws of mixing through the real data path, from receive queue to capture, on fixed seeds."""
import math
import os
import unittest

import laws as law
import tap
from network import Live, Network, stats

SEED = ("--seed", "a7" * 32)
INSIDE_99_9 = 3.29  # of a standard normal
CPUS = sorted(os.sched_getaffinity(0))


class Batch(unittest.TestCase):
    def test_order_within_a_batch_follows_neither_arrival_nor_queue(self):
        with Network(*SEED, "--interval-us", "50000") as net:
            figures = law.batch_figures(net, 20000, 8000, 50000, 4, SEED)
            self.assertEqual(figures.pop("packets"), 20000)
            for what, z in figures.items():
                self.assertLess(abs(z), INSIDE_99_9, what)

    def test_the_measure_sees_an_order_that_is_left(self):
        with Network(*SEED, "--interval-us", "1") as net:  # batches of one: nothing is mixed
            figures = law.batch_figures(net, 2000, 8000, 50000, 4, SEED)
            self.assertGreater(figures["order of arrival"], 20)


class Poisson(unittest.TestCase):
    MEAN_US = 500000
    COUNT = 20000

    @classmethod
    def setUpClass(cls):
        with Network(*SEED, "--strategy", "poisson", "--mean-delay-us", str(cls.MEAN_US)) as net:
            cls.left = law.poisson_pairs(net, cls.COUNT, 10000, 4, SEED)

    def test_every_packet_stays_for_exactly_the_delay_that_its_sender_drew(self):
        self.assertEqual(len(self.left), self.COUNT)
        for pair in self.left:
            self.assertEqual(pair.left_us - pair.came_us, pair.delay_us)

    def test_the_time_in_the_relay_is_exponential(self):
        stays = [pair.left_us - pair.came_us for pair in self.left]
        bound = 1.95 / math.sqrt(self.COUNT)  # Kolmogorov's law, 99.9 %
        self.assertLess(law.distance_from_exponential(stays, self.MEAN_US), bound)
        self.assertGreater(law.distance_from_exponential(stays, self.MEAN_US * 1.1), bound)

    def test_who_leaves_next_is_anybody_of_those_present(self):
        ranks = law.ranks_of_leavers(self.left, 20)
        self.assertGreater(len(ranks), self.COUNT * 0.9)
        self.assertLess(law.uniform_z(ranks), INSIDE_99_9)


class SendingWorker(unittest.TestCase):
    def test_who_sends_does_not_depend_on_who_received(self):
        with Network("--interval-us", "20000") as net:
            config = net.two_queues(11, net.make("in.pcap", count=600), (CPUS[0], CPUS[-1]))
            with Live(config) as live:
                live.wait(lambda: stats(net, 11).get("sent") == 600)
                live.stop()
            table = [[len(law.pairs(net, config, net.path / f"in-{i}.pcap",
                                    net.path / f"out-{j}.pcap")) for j in (0, 1)] for i in (0, 1)]
            self.assertEqual([sum(row) for row in table], [300, 300])
            self.assertLess(chi_square(table), 19.5)  # one degree of freedom: 10^-5


def chi_square(table):
    """Of independence."""
    rows = [sum(row) for row in table]
    columns = [sum(column) for column in zip(*table)]
    return sum((table[i][j] - rows[i] * columns[j] / sum(rows)) ** 2 * sum(rows) /
               (rows[i] * columns[j]) for i in (0, 1) for j in (0, 1))


if __name__ == "__main__":
    tap.main()
