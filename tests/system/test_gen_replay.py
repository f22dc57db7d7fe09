# SPDX-License-Identifier: BSD-3-Clause
"""linemix-gen replay: frames of captures sent as they are, when they are due, and what is said of
it."""
import json
import os
import pathlib
import shutil
import struct
import tempfile
import unittest

import fabric
import looped
import network
import tap

CLOCK_NS = 50000  # between the counter and the kernel's clock, which may be corrected meanwhile


class Replayed(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="linemix-test-")))

    def capture(self, frames):
        return network.write_capture(self.folder / "in.pcap", frames)

    def replay(self, capture, *options, ok=True):
        """The report and the frames that the port has sent, which a pcap port keeps."""
        out = self.folder / "out.pcap"
        done = network.run(network.GEN, "replay", "--device",
                           f"net_pcap0,rx_pcap={self.capture_nothing()},tx_pcap={out}", "--json",
                           "--file-prefix", f"linemix-test-{os.getpid()}-replay", *options, capture,
                           ok=ok)
        report = json.loads(done.stdout) if done.stdout else None
        frames = [frame for _, frame in network.read_capture(out)] if out.exists() else []
        return report, frames, done

    def capture_nothing(self):
        return network.write_capture(self.folder / "nothing.pcap", [])

    def test_frames_go_out_as_they_are_and_in_their_order(self):
        frames = looped.frames(300)
        report, sent, _ = self.replay(self.capture(frames), "--speed", "max")
        self.assertEqual(sent, [frame for _, frame in frames])
        self.assertEqual((report["sent"], report["complete"], report["pace"]), (300, True, "flood"))
        self.assertEqual(report["sent_bytes"], sum(len(frame) for frame in sent))
        self.assertIsNone(report["histograms"]["late"])  # nothing is due in a flood

    def due(self, *options):
        """When each frame was due, after the first, in us; all were sent then or later."""
        times = self.folder / "times.csv"
        report, _, _ = self.replay(self.capture(looped.frames(40)), "--times", times, *options)
        sent, _ = looped.read_times(times)
        self.assertTrue(all(row["at_ns"] >= row["due_ns"] - 1 for row in sent))
        self.assertEqual(report["histograms"]["late"]["count"], 40)
        return [round((row["due_ns"] - sent[0]["due_ns"]) / 1000) for row in sent]

    def test_frames_are_due_at_their_own_times_a_multiple_or_a_rate(self):
        close = lambda got, want: self.assertTrue(
            all(abs(a - b) <= 20 for a, b in zip(got, want, strict=True)), (got, want))
        close(self.due(), [1000 * i for i in range(40)])
        close(self.due("--speed", "4"), [250 * i for i in range(40)])
        close(self.due("--rate", "2000"), [500 * i for i in range(40)])
        close(self.due("--rate", "2000", "--arrivals", "bursty", "--burst", 8, "--peak", 10),
              [4000 * (i // 8) + 50 * (i % 8) for i in range(40)])

    def test_what_was_captured_in_part_or_is_too_long_is_passed_over_and_said(self):
        path = self.capture(looped.frames(3))
        data = bytearray(path.read_bytes())
        struct.pack_into("<I", data, 24 + 12, 9999)  # the first was longer on the wire
        data += struct.pack("<IIII", 2, 0, 1515, 1515) + bytes(1515)
        path.write_bytes(data)
        report, sent, done = self.replay(path, ok=False)
        self.assertEqual((done.returncode, len(sent), report["cut"], report["too_long"]),
                         (1, 2, 1, 1))

    def test_a_file_that_is_cut_off_is_sent_as_far_as_it_goes(self):
        path = self.capture(looped.frames(3))
        path.write_bytes(path.read_bytes()[:-1])
        report, sent, done = self.replay(path, "--speed", "max", ok=False)
        self.assertEqual((done.returncode, report["sent"], len(sent), report["complete"]),
                         (1, 2, 2, False))
        self.assertIn("no whole record at byte", done.stderr)

    @unittest.skipIf(fabric.why_not(), fabric.why_not())
    @unittest.skipIf(shutil.which("dumpcap") is None, "needs dumpcap")
    def test_the_kernel_saw_each_frame_between_its_sending_and_its_coming(self):
        capture = self.capture(looped.frames(200))
        sent, received, seen = looped.replay(self.folder, capture)
        lengths = [row["bytes"] for row in sent]
        self.assertEqual(len(lengths), 200)
        self.assertEqual([row["bytes"] for row in received], lengths)
        self.assertEqual([length for _, length in seen], lengths)
        for out, back, (time_ns, _) in zip(sent, received, seen):
            self.assertLessEqual(out["at_ns"], time_ns + CLOCK_NS)
            self.assertLessEqual(time_ns, back["at_ns"] + CLOCK_NS)


@unittest.skipIf(fabric.why_not(), fabric.why_not())
class Prepared(unittest.TestCase):
    """Packets that were made before, through a relay on its port."""

    def setUp(self):
        self.net = self.enterContext(network.Network("--layers", "1", "--interval-us", 20000))
        self.nodes = self.enterContext(fabric.Fabric(fabric.resolved(self.net)))

    def prepare(self):
        """A capture of 80 packets; node 1's configuration stays as the fabric has made it."""
        out = self.net.path / "prepared.pcap"
        out.unlink(missing_ok=True)
        network.run(network.GEN, "make", "--config", self.net.path / "node-1.yaml", "--count", 80,
                    "--rate", 200, "--out", out)
        return out

    def test_packets_of_a_capture_come_back_and_are_measured(self):
        self.nodes.start()
        report = self.nodes.gen("run", "--from", self.prepare())
        self.assertEqual((report["sent"], report["received"], report["lost"], report["damaged"]),
                         (80, 80, 0, 0))
        self.assertEqual({kind["received"] for kind in report["commands"].values()}, {20})
        for name in ("latency", "transit", "late"):
            self.assertEqual(report["histograms"][name]["count"], 80)
        self.assertEqual(report["sending"]["wanted_pps"], 0)
        report = self.nodes.gen("run", "--from", self.prepare(), "--rate", 400)
        self.assertEqual((report["received"], report["sending"]["wanted_pps"]), (80, 400))
        # a part of a run is not measured as if it were all: the first 60 packets
        part = self.prepare()
        each = (part.stat().st_size - 24) // 80
        part.write_bytes(part.read_bytes()[:24 + 60 * each])
        done = network.run(*self.nodes.gen_line("run", "--from", part), ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("has 60 packets of a run of 80", done.stderr)
        self.assertTrue(self.nodes.stop()[11]["closed"])


if __name__ == "__main__":
    tap.main()
