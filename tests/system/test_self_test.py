# SPDX-License-Identifier: BSD-3-Clause
"""linemix-relay --self-test: what it measures, keeps and leaves alone."""
import json
import os
import pathlib
import unittest

import network
import tap
import telemetry
from network import Live, Network

LEAVES = ("--layers", "2", "--static-macs", "--interval-us", "10000")


def test_self(config, *options, ok=True):
    return network.run(network.RELAY, "--config", config, "--self-test", *options, ok=ok)


class SelfTest(unittest.TestCase):
    def test_it_keeps_what_it_measures_and_touches_nothing_else(self):
        with Network(*LEAVES) as net:
            config = net.config(11, links=True, state=True, extra="publish: {capacity: auto}\n")
            state, keys = net.path / "state-11", net.path / "keys-11.json"
            state.mkdir(mode=0o700)
            before = keys.read_bytes()
            said = json.loads(test_self(config, "--json").stdout)
            self.assertGreater(said["frames"], 0)
            self.assertGreater(said["measured_pps"], 0)
            self.assertEqual((said["workers"], said["link"], said["profile"]), (1, "noise", 0))
            most = 10000  # limits.max_packets_per_second
            self.assertEqual(said["capacity"], min(most, said["measured_pps"] * 4 // 5))
            self.assertTrue(said["kept"])
            kept = json.loads((state / "capacity").read_text())
            self.assertEqual(kept, {
                "format": "linemix-capacity-v1", "capacity": said["capacity"],
                "measured": said["measured_pps"], "margin_percent": 20, "workers": 1,
                "link": "noise", "profile": 0})
            self.assertEqual(keys.read_bytes(), before)
            if not network.SWAP:
                self.assertFalse(net.runtime(11).exists())
            self.assertEqual(list(pathlib.Path("/dev/shm").glob("linemix-self-test-*")), [])
            self.assertEqual(os.listdir(state), ["capacity"])

    @unittest.skipIf(network.SWAP, "needs a machine without swap")
    def test_it_is_refused_while_the_relay_runs(self):
        with Network(*LEAVES) as net:
            config = net.config(11, "net_null0,no-rx=1", links=True)
            with Live(config) as live:
                live.wait(lambda: "received" in network.stats(net, 11))
                done = test_self(config, ok=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("a relay runs with this configuration", done.stderr)
                self.assertEqual(done.stdout, "")
                asked = telemetry.Telemetry(net.prefix(11), timeout=10)
                self.assertIsNotNone(asked.stats())
                asked.close()
                live.stop()

    def test_it_goes_with_nothing_that_runs_otherwise(self):
        with Network(*LEAVES) as net:
            done = test_self(net.config(11), "--feed", "in.pcap", ok=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--self-test", done.stderr)


if __name__ == "__main__":
    tap.main()
