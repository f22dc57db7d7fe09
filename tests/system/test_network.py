# SPDX-License-Identifier: BSD-3-Clause
"""Nine relays over three epochs of a few seconds, at most of the rate that they carry. The long
form of this, with epochs of 20 seconds, is tests/long/network."""
import signal
import unittest

import fabric
import network
import tap
import whole

SECONDS = 8  # of an epoch: more than five times the longest that two intervals may hold a packet
EPOCHS = 3
RETIRED = (12, 22, 32)
RATE = 300  # where machines are quick; this is about epochs, not about speed


def why_not():
    return fabric.why_not() or ("keys in use need a machine without swap" if network.SWAP else None)


@unittest.skipIf(why_not(), why_not())
class Networks(unittest.TestCase):
    def rate(self, net):
        report = net.find_rate("--rate", 200, "--seconds", 1, "--long-seconds", 2,
                               "--max-rate", RATE, "--trials", 6, "--resolution-ppm", 200000,
                               "--late-ms", 500)
        self.assertGreater(report["rate_pps"], 0, report)
        return int(report["rate_pps"] * whole.SHARE)

    def season(self, signers=3, kill=None, **options):
        """A run; its rate, its report, and the deaths in it."""
        net = whole.Whole(self.enterContext, SECONDS, signers)
        rate = self.rate(net)
        before = net.books()
        report, deaths = net.run(rate, EPOCHS, kill, **options)
        self.assertEqual(whole.judge(report, before, net.books(), deaths), [])
        self.assertEqual(report["sent"], rate * EPOCHS * SECONDS)
        self.assertGreaterEqual(net.epoch, net.first + EPOCHS)
        for books in [*net.stop().values(), *(death["books"] for death in deaths)]:
            self.assertTrue(books["closed"])
        return rate, report, deaths

    def test_nothing_is_lost_with_one_authority_dead_while_a_relay_of_each_layer_retires(self):
        _, report, ends = self.season(signers=2, leaving=RETIRED)
        self.assertEqual(report["lost"], 0)
        self.assertEqual(len(ends), len(RETIRED))
        for books in (end["books"] for end in ends):
            self.assertGreater(books["sent"], 0)

    @unittest.skipUnless(whole.relays_keep_documents(), "relays keep no documents over a restart")
    def test_a_relay_that_stops_costs_what_came_meanwhile(self):
        rate, report, deaths = self.season(kill=signal.SIGTERM)
        self.assertEqual(len(deaths), EPOCHS)
        self.assertLessEqual(report["lost"], whole.most_lost(rate, deaths, 0))


if __name__ == "__main__":
    tap.main()
