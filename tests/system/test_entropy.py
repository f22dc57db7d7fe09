# SPDX-License-Identifier: BSD-3-Clause
"""How well messages are hidden: entropy from captures at every mix, against the law."""
import json
import math
import unittest

import crossed as through
import tap

MEAN_US = 15000
ERLANG_3_BITS = 2.665  # differential entropy of three exponential delays of mean 1


class Crossed(through.Crossed):
    """A poisson network of three layers."""

    def __init__(self, count, rate, *options, **others):
        super().__init__(count, rate, "--strategy", "poisson", "--mean-delay-us", MEAN_US, *options,
                         make=("--arrivals", "poisson"), **others)


class Entropy(unittest.TestCase):
    def assert_law(self, report, rate):
        self.assertEqual((report["lost"], report["damaged"], report["order"]), (0, 0, None))
        entropy = report["entropy"]
        self.assertGreater(entropy["messages"], 1000)
        self.assertGreaterEqual(entropy["least_held"], 20)
        self.assertEqual((entropy["entered"], entropy["strays"]), (report["sent"], 0))
        law = math.log2(rate * MEAN_US / 1e6) + ERLANG_3_BITS
        self.assertAlmostEqual(entropy["law_bits"], law, delta=0.15)
        self.assertAlmostEqual(entropy["bits"], law, delta=0.2)

    def test_three_relays_follow_the_law(self):
        with Crossed(2500, 2000) as crossed:
            self.assert_law(json.loads(crossed.check().stdout), 2000)
            # delays that are half as long as the topology says hide a bit less: that is seen
            crossed.change("mixing", mean_delay_us=2 * MEAN_US)
            entropy = json.loads(crossed.check().stdout)["entropy"]
            self.assertAlmostEqual(entropy["law_bits"] - entropy["bits"], 1, delta=0.2)

    def test_two_relays_a_layer_follow_the_law_of_them_all(self):
        with Crossed(3000, 4000, "--per-layer", "2", mixes=((11, 12), (21, 22), (31, 32))) \
                as crossed:
            self.assert_law(json.loads(crossed.check().stdout), 4000)

    def test_captures_that_do_not_fit_are_refused(self):
        with Crossed(300, 2000) as crossed:
            self.assertIsNone(json.loads(crossed.check().stdout)["entropy"])
            self.assertIn("capture for longer", crossed.check(arguments=()).stdout)

            def refused(captures, words):
                done = crossed.check(captures, ok=False)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(words, done.stderr)

            def but(mix, *files):
                return {**crossed.captures, mix: files}

            refused(but(21), "no packet to or from mix 21")
            refused(but(21, crossed.captures[21][1]), "mix 21 sent more packets than had come")
            refused(but(21, crossed.net.path / "missing.pcap"), "missing.pcap")
            refused(but(1, crossed.arrived), "there is no mix 1 in")
            refused(but("x", crossed.arrived), "is no ID=FILE")
            crossed.change("cover", drop_interval_us=1)
            refused(None, "set cover in the topology to 0")
            crossed.change("cover", drop_interval_us=0)
            crossed.net.topology["mixing"] = {"strategy": "pool", "interval_us": 1,
                                              "threshold": 1, "flush_ppm": 1, "stay_ppm": 0}
            crossed.change("mixing")
            refused(None, "the topology says pool")


if __name__ == "__main__":
    tap.main()
