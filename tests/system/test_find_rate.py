# SPDX-License-Identifier: BSD-3-Clause
"""The search for the no-drop rate, on a network that carries so much and no more."""
import unittest

import fabric
import network
import tap

# A relay that holds HELD packets at most, for one to two intervals, loses some from about
# HELD / INTERVAL packets a second on, whatever the machine can do.
HELD, INTERVAL_S = 64, 0.2
CARRIES = HELD / INTERVAL_S
LATE_MS = 500  # on a machine that does other things as well


@unittest.skipIf(fabric.why_not(), fabric.why_not())
class Rates(unittest.TestCase):
    def one_relay(self, held):
        net = self.enterContext(network.Network("--layers", "1", "--interval-us",
                                                int(INTERVAL_S * 1e6)))
        nodes = self.enterContext(fabric.Fabric(fabric.resolved(net)))
        nodes.configure(11, workers=(fabric.CPUS[-1],), held=held)
        nodes.start()
        return nodes

    def test_the_rate_at_which_a_small_relay_loses_packets_is_found(self):
        nodes = self.one_relay(HELD)
        report = nodes.gen("find-rate", "--rate", 50, "--seconds", 1, "--long-seconds", 2,
                           "--trials", 16, "--resolution-ppm", 100000, "--max-rate", 20000,
                           "--late-ms", LATE_MS)
        trials = report["trials"]
        self.assertEqual(report["limit"], "network")
        self.assertTrue(report["confirmed"] and report["close"])
        # what is held at once is a rate's packets of one interval to two
        self.assertGreater(report["rate_pps"], CARRIES / 4)
        self.assertLess(report["rate_pps"], CARRIES * 1.1)
        self.assertTrue(any(t["long"] and t["verdict"] == "passed" and t["lost"] == 0 and
                            t["rate_pps"] == report["rate_pps"] for t in trials))
        self.assertTrue(any(t["verdict"] == "lost" and t["lost"] > 0 for t in trials))
        # what the generator says was lost is what the relay dropped, or never saw: no packet came
        # late and was missing in one trial and foreign in the next
        books = nodes.stop()[11]
        sent = sum(t["sent"] for t in trials) + 50  # to warm up
        self.assertEqual(sum(t["lost"] for t in trials),
                         sent - books["received"] + sum(books["drops"].values()), (books, trials))
        self.assertGreater(books["drops"]["pool_full"], 0)
        self.assertTrue(books["closed"])

    def test_what_was_asked_for_at_most_is_said_to_be_the_limit(self):
        nodes = self.one_relay(4096)
        report = nodes.gen("find-rate", "--rate", 100, "--max-rate", 200, "--seconds", 1,
                           "--long-seconds", 1, "--warm-up-seconds", 0, "--late-ms", LATE_MS)
        self.assertEqual((report["rate_pps"], report["limit"]), (200, "max"))
        self.assertEqual([t["rate_pps"] for t in report["trials"]], [100, 200, 200])
        self.assertEqual(nodes.stop()[11]["sent"], 500)

    def test_a_network_that_gives_nothing_back_has_no_rate(self):
        nodes = self.one_relay(4096)
        nodes.stop()
        done = network.run(*nodes.gen_line("find-rate", "--rate", 20, "--min-rate", 10, "--seconds",
                                           1, "--warm-up-seconds", 0, "--wait-ms", 100), ok=False)
        # nobody answers for the relay's address any more, or what is sent to it is lost
        self.assertEqual(done.returncode, 1)
        self.assertTrue("no link-layer address for node 11" in done.stderr or
                        '"rate_pps": 0' in done.stdout, done.stdout + done.stderr)


if __name__ == "__main__":
    tap.main()
