# SPDX-License-Identifier: BSD-3-Clause
"""A trace through relays of which one is lossy or slow: it names that one and no other."""
import signal
import threading
import unittest

import fabric
import network
import tap

INTERVAL_US = 20000
SLOW = (0.6, 0.1)  # seconds that a slow relay stands still, and that it runs


class Stutter:
    """A relay that stands still most of the time."""

    def __init__(self, live):
        self.process, self.over = live.process, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.over.set()
        self.thread.join()

    def run(self):
        while not self.over.is_set():
            self.process.send_signal(signal.SIGSTOP)
            self.over.wait(SLOW[0])
            self.process.send_signal(signal.SIGCONT)
            self.over.wait(SLOW[1])


@unittest.skipIf(fabric.why_not(), fabric.why_not())
class Faults(unittest.TestCase):
    def network(self, **small):
        """Three layers of two relays; small: what a relay holds, by its id as m21=5."""
        net = self.enterContext(network.Network("--layers", "3", "--per-layer", "2",
                                                "--interval-us", INTERVAL_US))
        nodes = self.enterContext(fabric.Fabric(fabric.resolved(net)))
        for name, held in small.items():
            nodes.configure(int(name[1:]), workers=(fabric.CPUS[-1],), held=held)
        nodes.start()
        return nodes

    def named(self, report, what):
        return [mix["id"] for mix in report["mixes"] if mix[what]]

    def test_a_lossy_relay_on_a_path_is_named(self):
        # at 400 loops a second 3 of 4 series pass it: 4 to 8 packets in each interval
        nodes = self.network(m21=4)
        report = nodes.gen("trace", "--path", "11,21,31", "--rounds", 150, "--rate", 400, ok=False)
        self.assertEqual((report["verdict"], report["sent"]), ("fault", 600))
        self.assertEqual(self.named(report, "lossy"), [21])
        lost = [series["lost"] for series in report["prefixes"]]
        self.assertGreater(lost[2], lost[1])
        books = nodes.stop()
        self.assertEqual(books[21]["drops"]["pool_full"], report["lost"])

    def test_a_slow_relay_is_named_among_all(self):
        nodes = self.network()
        with Stutter(nodes.live[32]):
            report = nodes.gen("trace", "--all", "--rounds", 60, "--rate", 200, "--late-ms", 100,
                               "--wait-ms", 5000, ok=False)
        self.assertEqual((report["verdict"], report["sent"], report["lost"]), ("fault", 720, 0))
        self.assertEqual(self.named(report, "late"), [32])
        self.assertEqual(self.named(report, "lossy"), [])
        late = next(mix for mix in report["mixes"] if mix["id"] == 32)
        self.assertGreater(late["more_us"], 100000)

    def test_a_dead_relay_is_named_and_a_sound_network_is_not(self):
        nodes = self.network()
        report = nodes.gen("trace", "--all", "--rounds", 40, "--rate", 200, "--late-ms", 500)
        self.assertEqual((report["verdict"], report["lost"]), ("no fault", 0))
        nodes.stop(22)
        report = nodes.gen("trace", "--path", "12,22,32", "--rounds", 100, "--rate", 200,
                           "--wait-ms", 500, ok=False)
        self.assertEqual(self.named(report, "lossy"), [22])
        states = {mix["id"]: mix["state"] for mix in report["mixes"]}
        self.assertEqual(states, {12: "judged", 22: "judged", 32: "too few"})

    def test_what_is_no_path_is_refused(self):
        nodes = self.network()
        for path in ("11,21", "11,21,31,41", "21,11,31", "11,21,99"):
            done = network.run(*nodes.gen_line("trace", "--path", path), ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--path", done.stderr)
        for path in ("", "11,", "a", "11,21,31,41,51", "-1", "11;21"):
            self.assertEqual(network.run(network.GEN, "trace", "--config", "x", "--path", path,
                                         ok=False).returncode, 2)


if __name__ == "__main__":
    tap.main()
