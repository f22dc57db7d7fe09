# SPDX-License-Identifier: BSD-3-Clause
"""linemix-gen inspect, and what tshark shows with its keys: the way of every packet through a
relay."""
import pathlib
import shutil
import subprocess
import unittest

import network
import tap
from network import GEN, Network

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/linemix.lua"
COUNT = 60


@unittest.skipIf(shutil.which("tshark") is None, "needs tshark")
class Inspect(unittest.TestCase):
    def shown(self, capture, keys, *names):
        """A row for each frame of a capture, with the values of these fields."""
        wanted = [word for name in names for word in ("-e", f"linemix.{name}")]
        done = network.run("tshark", "-X", f"lua_script:{SCRIPT}", "-o", f"linemix.keys:{keys}",
                           "-r", capture, "-T", "fields", "-E", "separator=|", *wanted)
        return [line.split("|") for line in done.stdout.splitlines()]

    def inspect(self, net, capture, out):
        done = network.run(GEN, "inspect", "--config", net.config(1), "--keys", net.path, capture)
        (net.path / out).write_text(done.stdout)
        return net.path / out, done.stderr

    def test_every_hop_is_seen(self):
        net = self.enterContext(Network("--layers", "2"))
        capture = net.make("in.pcap", count=COUNT)
        _, out = net.replay(net.config(11), capture, "out.pcap")
        keys, said = self.inspect(net, capture, "keys")
        self.assertIn(f"keys of {COUNT} of {COUNT} packets", said)
        rows = self.shown(capture, keys, "cmd", "next_id", "next_epk", "reserved")
        self.assertEqual(len(rows), COUNT)
        self.assertEqual({tuple(row[:2]) + (row[3],) for row in rows}, {("1", "21", "")})
        left = [row[0] for row in self.shown(out, keys, "epk")]
        self.assertEqual(sorted(row[2] for row in rows), sorted(left))
        # and at the next hop
        keys, _ = self.inspect(net, out, "more")
        self.assertEqual({tuple(row) for row in self.shown(out, keys, "cmd", "next_id")},
                         {("1", "1")})

    def test_packets_without_a_key_are_passed_over(self):
        net = self.enterContext(Network("--layers", "1", "--per-layer", "2"))
        capture = net.make("in.pcap", count=COUNT)
        (net.path / "keys-12.json").unlink()
        keys, said = self.inspect(net, capture, "keys")
        known = keys.read_text().count("hop ")
        self.assertIn(f"keys of {known} of {COUNT} packets", said)
        self.assertTrue(0 < known < COUNT, known)

    def test_what_cannot_be_read_is_named(self):
        net = self.enterContext(Network("--layers", "1"))
        capture = net.make("in.pcap", count=5)
        for keys, told in ((net.path / "none", "has no key file of any node"),
                           (self.broken(net), "keys-11.json")):
            done = network.run(GEN, "inspect", "--config", net.config(1), "--keys", keys, capture,
                               ok=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(told, done.stderr)
        for missing in (("--config", "x", "y"), ("--keys", "x", "y"),
                        ("--config", "x", "--keys", "y")):
            self.assertNotEqual(subprocess.run([GEN, "inspect", *missing],
                                               capture_output=True).returncode, 0)

    @staticmethod
    def broken(net):
        folder = net.path / "broken"
        folder.mkdir()
        (folder / "keys-11.json").write_text("{")
        return folder


if __name__ == "__main__":
    tap.main()
