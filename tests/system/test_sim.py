# SPDX-License-Identifier: BSD-3-Clause
"""The simulator: what it writes, and whether its mixes behave as real relays do.

The same topology is given to both. The relay takes a capture on the virtual clock; the stays of
packets in it and in the simulated mix are compared as distributions."""
import csv
import io
import json
import math
import pathlib
import struct
import tempfile
import unittest

import laws
import network
import tap

SIM = network.BUILD / "app/sim/linemix-sim"
MIX = 11
RATE = 2000


def sim(*arguments, ok=True):
    return network.run(SIM, *arguments, ok=ok)


def records(path, form):
    """The records of a file behind its header."""
    return list(struct.iter_unpack(form, path.read_bytes()[64:]))


def distance(first, second):
    """Kolmogorov's and Smirnov's distance of two samples."""
    first, second, i, j, most = sorted(first), sorted(second), 0, 0, 0.0
    while i < len(first) and j < len(second):
        at = min(first[i], second[j])
        while i < len(first) and first[i] == at:
            i += 1
        while j < len(second) and second[j] == at:
            j += 1
        most = max(most, abs(i / len(first) - j / len(second)))
    return most


class Files(unittest.TestCase):
    CONFIG = """\
duration_ms: 8000
network: {mixes: 2}
mixing: {strategy: poisson, mean_delay_us: 50000}
cover: {loop_interval_us: 100000}
clients: {count: 100, contacts: 2, message_interval_us: 500000}
"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="linemix-test-")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.config = self.path / "sim.yaml"
        self.config.write_text(self.CONFIG)

    def test_a_seed_gives_the_same_bytes_and_another_others(self):
        for out, seed in (("a", 3), ("b", 3), ("c", 4)):
            sim("run", "--config", self.config, "--out", self.path / out, "--seed", seed)
        for name in ("flights.bin", "truth.bin", "packets.bin", "run.json"):
            first, again, other = ((self.path / out / name).read_bytes() for out in "abc")
            self.assertEqual(first, again, name)
            self.assertNotEqual(first, other, name)

    def test_records_books_and_csv_agree(self):
        out = self.path / "out"
        report = json.loads(sim("run", "--config", self.config, "--out", out, "--json").stdout)
        flights = records(out / "flights.bin", "<QQII")
        truth = records(out / "truth.bin", "<IBBxx")
        packets = records(out / "packets.bin", "<IBBxxIIQQ")
        self.assertEqual(len(flights), report["flights"])
        self.assertEqual(len(truth), len(flights))
        books = report["packets"]
        for kind, name in enumerate(("message", "client_loop", "client_drop", "relay_loop")):
            ends = [packet[2] for packet in packets if packet[1] == kind]
            self.assertEqual(len(ends), books[name]["made"])
            self.assertEqual(ends.count(1), books[name]["delivered"])
            self.assertEqual(ends.count(2), books[name]["ended"])
        self.assertGreater(books["relay_loop"]["ended"], 100)

        shown = list(csv.DictReader(io.StringIO(sim("show", out).stdout)))
        self.assertEqual(list(shown[0]), ["left_us", "came_us", "from", "to"])
        self.assertEqual([tuple(map(int, row.values())) for row in shown], flights)
        shown = list(csv.DictReader(io.StringIO(sim("show", "--truth", out).stdout)))
        self.assertEqual([(int(row["packet"]), int(row["hop"])) for row in shown],
                         [(number, hop) for number, _, hop in truth])
        shown = list(csv.DictReader(io.StringIO(sim("show", "--packets", out).stdout)))
        self.assertEqual([int(row["number"]) for row in shown], [packet[0] for packet in packets])

        nodes = json.loads((out / "run.json").read_text())["nodes"]
        senders = {packet[3] for packet in packets if packet[1] == 0}
        self.assertTrue(all(len(nodes) <= sender < len(nodes) + 100 for sender in senders))

    def test_mistakes_are_told(self):
        self.assertEqual(sim("run", ok=False).returncode, 2)
        self.assertEqual(sim("run", "--config", self.config, "--seed", "x", ok=False).returncode, 2)
        self.config.write_text("mixing: {strategie: pool}")
        done = sim("run", "--config", self.config, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("sim.yaml:1: mixing.strategie", done.stderr)
        done = sim("show", self.path, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("flights.bin: No such file", done.stderr)
        self.assertIn("mixing.mean_delay_us", sim("run", "--help-config").stdout)


    def test_a_plan_is_a_table_and_a_plot(self):
        self.config.write_text("mixing: {strategy: poisson}\nclients: {count: 500}\n")
        plan = ("plan", "--config", self.config, "--entropy", 8, "--cover", "0,2")
        table = sim(*plan, "--latency", 200).stdout.splitlines()
        self.assertRegex(table[1], "too slow$")
        self.assertRegex(table[2], "fits$")
        self.assertIn("least bandwidth that fits: 2.00 packets of cover", table[-1])
        report = json.loads(sim(*plan, "--json", "--out", self.path / "plan").stdout)
        self.assertEqual((report["best"], len(report["rows"])), (0, 2))
        for name, start in (("plan.svg", b"<?xml"), ("plan.png", b"\x89PNG")):
            self.assertTrue((self.path / "plan" / name).read_bytes().startswith(start), name)
        done = sim(*plan, "--entropy", "x", ok=False)
        self.assertEqual(done.returncode, 2)


class LikeRelays(unittest.TestCase):
    COUNT = 4000

    def relay(self, net):
        """How long a real relay holds each packet, in microseconds."""
        config, capture = net.config(MIX), net.make("in.pcap", "--arrivals", "poisson",
                                                    count=self.COUNT, rate=RATE)
        books, out = net.replay(config, capture, "out.pcap")
        self.assertTrue(books["closed"], books)
        stays = [pair.left_us - pair.came_us for pair in laws.pairs(net, config, capture, out)]
        self.assertEqual(len(stays), self.COUNT)
        return stays

    def simulated(self, net, jitter_us=0):
        """The same of the simulated mix of the same topology."""
        config, out = net.path / "sim.yaml", net.path / "sim"
        config.write_text(f"topology: topology.json\nduration_ms: {self.COUNT / RATE * 1000:.0f}\n"
                          f"settle_ms: 0\nlinks: {{jitter_us: {jitter_us}}}\n"
                          f"clients: {{count: {RATE}, message_interval_us: 1000000}}\n")
        sim("run", "--config", config, "--out", out)
        nodes = json.loads((out / "run.json").read_text())["nodes"]
        mix = next(i for i, node in enumerate(nodes) if node["id"] == MIX)
        came, stays = {}, []
        for (left_us, came_us, source, to), (number, _, _) in zip(
                records(out / "flights.bin", "<QQII"), records(out / "truth.bin", "<IBBxx")):
            if to == mix:
                came[number] = came_us
            elif source == mix:
                stays.append(left_us - came[number])
        self.assertGreater(len(stays), self.COUNT * 0.9)
        return stays

    def test_poisson(self):
        with network.Network("--strategy", "poisson", "--mean-delay-us", "20000") as net:
            relay, simulated = self.relay(net), self.simulated(net)
            bound = 1.95 * math.sqrt(1 / len(relay) + 1 / len(simulated))  # 99.9 %
            self.assertLess(distance(relay, simulated), bound)
            net.topology["mixing"]["mean_delay_us"] = 26000  # the measure sees that
            net.publish()
            self.assertGreater(distance(relay, self.simulated(net)), bound)

    def test_batch(self):
        with network.Network("--interval-us", "50000") as net:
            relay, simulated = self.relay(net), self.simulated(net)
            self.assertLess(max(relay + simulated), 100000)
            self.assertLess(distance(relay, simulated),
                            1.95 * math.sqrt(1 / len(relay) + 1 / len(simulated)))

    def test_pool(self):
        # what leaves in one flush is not independent: as many samples as flushes
        with network.Network("--strategy", "pool", "--interval-us", "2000") as net:
            net.topology["mixing"].update(threshold=1000000, flush_ppm=500000, stay_ppm=500000)
            net.publish()
            relay, simulated = self.relay(net), self.simulated(net, jitter_us=1999)
            self.assertLess(distance(relay, simulated), 1.95 * math.sqrt(2 / 500))
            self.assertAlmostEqual(sum(simulated) / len(simulated), 2000 * (4 - 0.5), delta=500)


if __name__ == "__main__":
    tap.main()
