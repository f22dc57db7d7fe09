# SPDX-License-Identifier: BSD-3-Clause
"""Each weakness that linemix-sim can be given is seen by bench/anonymity, and none in what is
sound."""
import unittest

import flights
import simulated
import tap
from judge import audit, truth as truth_module
from observer import seen as seen_module

assert flights  # which finds bench/anonymity


class Planted(unittest.TestCase):
    def verdicts(self, strategy, weakness, seed):
        folder, _ = simulated.run(self, strategy, f"weakness: {weakness}",
                                  arguments=["--seed", str(seed)])
        seen = seen_module.load(folder)
        report = audit.audit(seen, truth_module.load(folder, seen))
        return {name for name, verdict in report.items() if verdict["seen"]}

    def test_sound_mixes_are_not_seen(self):
        for strategy in simulated.MIXING:
            for seed in (1, 2):
                self.assertEqual(self.verdicts(strategy, "none", seed), set(), (strategy, seed))

    def test_no_shuffle(self):
        for strategy in simulated.MIXING:
            found = self.verdicts(strategy, "unshuffled", 1)
            self.assertLessEqual({"order", "order of a stream"}, found, strategy)

    def test_one_worker_that_keeps_order(self):
        for strategy in simulated.MIXING:
            self.assertIn("order of a stream", self.verdicts(strategy, "ordered", 1), strategy)

    def test_delays_in_milliseconds(self):
        self.assertEqual(self.verdicts("poisson", "milliseconds", 1), {"steps"})


if __name__ == "__main__":
    tap.main()
