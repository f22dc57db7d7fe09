# SPDX-License-Identifier: BSD-3-Clause
"""Planted weaknesses in the real relay: weak-relay is the relay with a fault between its mixer and
its mix. Captures on the virtual clock, the truth by the relays' keys, and the audit of
bench/anonymity."""
import os
import shutil
import unittest
from unittest import mock

import flights
import network
import tap
from judge import audit, truth as truth_module
from observer import seen as seen_module

assert flights  # which finds bench/anonymity

WEAK = network.BUILD / "tests/anonymity/weak-relay"
COUNT, RATE = 2400, 2000


class Planted(unittest.TestCase):
    """Two sound relays in the first layer, and one of the second with a weakness."""

    @classmethod
    def setUpClass(cls):
        cls.net = net = network.Network("--strategy", "poisson", "--mean-delay-us", 20000,
                                        "--layers", 2, "--per-layer", 2)
        cls.addClassCleanup(net.folder.cleanup)
        cls.keys = net.path / "made"
        cls.keys.mkdir()
        for made in net.path.glob("keys-*.json.made"):
            shutil.copy2(made, cls.keys / made.name.removesuffix(".made"))
        cls.sent = net.make("in.pcap", "--arrivals", "poisson", count=COUNT, rate=RATE)
        cls.after = {mix: net.replay(net.config(mix), cls.sent, f"out-{mix}.pcap")[1]
                     for mix in (11, 12)}
        cls.middle = network.write_capture(
            net.path / "middle.pcap",
            sorted(frame for out in cls.after.values() for frame in network.read_capture(out)))

    def records(self, weakness):
        """The record folder of a run whose last relay has the weakness."""
        net = self.net
        with mock.patch.object(network, "RELAY", WEAK), \
                mock.patch.dict(os.environ, {"LINEMIX_TEST_WEAKNESS": weakness}):
            books, out = net.replay(net.config(21), self.middle, f"{weakness}.pcap")
        self.assertTrue(books["closed"])
        captures = [(mix, path) for mix, path in self.after.items()]
        captures += [(11, self.sent), (12, self.sent), (21, self.middle), (21, out)]
        folder = net.path / f"records-{weakness}"
        network.run(network.GEN, "check", "--config", net.config(1), "--keys", self.keys, "--out",
                    folder, *(word for mix, path in captures
                              for word in ("--relay", f"{mix}={path}")), out)
        return folder

    def verdicts(self, weakness):
        folder = self.records(weakness)
        seen = seen_module.load(folder)
        report = audit.audit(seen, truth_module.load(folder, seen))
        self.assertGreater(report["law"]["tests"], 2)
        return {name for name, verdict in report.items() if verdict["seen"]}

    def test_sound_relays_are_not_seen(self):
        self.assertEqual(self.verdicts("none"), set())

    def test_no_shuffle(self):
        self.assertLessEqual({"order", "order of a stream"}, self.verdicts("unshuffled"))

    def test_one_worker_that_keeps_order(self):
        self.assertIn("order of a stream", self.verdicts("ordered"))

    def test_delays_in_milliseconds(self):
        self.assertEqual(self.verdicts("milliseconds"), {"steps"})


if __name__ == "__main__":
    tap.main()
