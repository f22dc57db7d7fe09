# SPDX-License-Identifier: BSD-3-Clause
"""With --seed a replay repeats byte for byte. Only a test build accepts it."""
import unittest

import network
import tap
from network import Network, read_capture

SEED, OTHER = "5e" * 32, "0f" * 32


class Seeded(unittest.TestCase):
    def test_the_same_seed_gives_the_same_bytes(self):
        with Network("--per-layer", "2") as net:
            first = net.make("a.pcap", "--seed", SEED, count=300)
            again = net.make("b.pcap", "--seed", SEED, count=300)
            other = net.make("c.pcap", "--seed", OTHER, count=300)
            self.assertEqual(first.read_bytes(), again.read_bytes())
            self.assertNotEqual(first.read_bytes(), other.read_bytes())
            for workers in (1, 2):
                config = net.config(11, workers=[0] * workers)
                outs = [net.replay(config, first, f"out-{i}.pcap", "--seed", seed)[1].read_bytes()
                        for i, seed in enumerate((SEED, SEED, OTHER))]
                self.assertEqual(outs[0], outs[1])
                self.assertNotEqual(outs[0], outs[2])
                self.assertEqual(len(outs[0]), len(outs[2]))

    def test_the_same_seed_makes_the_same_network(self):
        made = []
        for seed, start in ((SEED, "12"), (SEED, "12"), (OTHER, "12"), (SEED, "13")):
            with Network("--authorities", "2", "--epochs-ahead", "1", "--seed", seed,
                         "--from", f"2026-11-25T{start}:00:00Z") as net:
                made.append({path.name: path.read_bytes() for path in net.path.iterdir()})
        self.assertEqual(made[0], made[1])
        for name in ("topology.json", "topology-2.json"):
            self.assertNotEqual(made[0][name], made[2][name])
            self.assertNotEqual(made[0][name], made[3][name])
        keys = [name for name in made[0] if "topology" not in name]
        self.assertEqual([made[0][name] for name in keys], [made[3][name] for name in keys])

    def test_a_seed_that_is_none_is_refused(self):
        with Network() as net:
            done = network.run(network.RELAY, "--config", net.config(11), "--replay", "x", "--out",
                               "y", "--seed", "5e", ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("64 hexadecimal digits", done.stderr)

    def test_links_are_made_up_with_a_seed_and_not_without(self):
        with Network() as net:
            capture = net.make("a.pcap", "--seed", SEED, count=20)
            config = net.config(11, links=True)
            outs = [net.replay(config, capture, f"out-{i}.pcap", "--seed", SEED)[1].read_bytes()
                    for i in (0, 1)]
            self.assertEqual(outs[0], outs[1])
            bare = net.replay(net.config(11), capture, "bare.pcap", "--seed", SEED)[1].read_bytes()
            self.assertEqual(len(outs[0]), len(bare) + 20 * 36)  # the overhead of link frames
            done = network.run(network.RELAY, "--config", net.config(11, links=True), "--replay",
                               capture, "--out", net.path / "x.pcap", ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("set link.mode to none", done.stderr)

    def test_a_replay_over_padded_links_ends_when_nothing_is_held(self):
        with Network("--link-interval-us", "1000") as net:
            capture = net.make("a.pcap", "--seed", SEED, count=20)
            books, out = net.replay(net.config(11, links=True), capture, "out.pcap", "--seed", SEED)
            self.assertEqual((books["received"], books["sent"], books["held"]), (20, 20, 0))
            self.assertGreater(len(read_capture(out)), 20)  # and dummies



if __name__ == "__main__":
    tap.main()
