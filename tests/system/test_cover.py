# SPDX-License-Identifier: BSD-3-Clause
"""Own cover: loops that come back over real relays, and what attackers cannot do unnoticed."""
import os
import shutil
import signal
import struct
import unittest

import netns
import network
import tap
from network import Live, Network, read_capture, stats, write_capture
from test_namespaces import why_not
from test_replay import HEADERS, to_node, with_payload

CPUS = sorted(os.sched_getaffinity(0))
FILES = "eal_args: \"--single-file-segments\"\n"


class TwoRelays(unittest.TestCase):
    """A mix and a gateway, joined by vhost and virtio; each sends loops through the other."""

    JUDGE = "cover: {{window: 64, warn_percent: 20, pause_percent: 60, slack_us: 50000, " \
            "retry_us: {retry_us}}}\n"

    def start(self, *options, retry_us=0):
        net = self.enterContext(Network(
            "--layers", "1", "--interval-us", "10000", "--max-wait-us", "20000",
            "--loop-interval-us", "10000", "--drop-interval-us", "20000", *options))
        socket = net.path / "vhost.sock"
        judge = self.JUDGE.format(retry_us=retry_us)
        mix = self.enterContext(Live(net.config(
            11, f"net_vhost0,iface={socket},queues=1", workers=(CPUS[0],), extra=FILES + judge)))
        mix.wait(socket.exists)
        gateway = self.enterContext(Live(net.config(
            1, f"net_virtio_user0,path={socket},queues=1,queue_size=1024", workers=(CPUS[-1],),
            extra=FILES)))
        return net, mix, gateway

    @staticmethod
    def verdicts(live):
        """The verdicts that the relay has said, in order."""
        return [line.split("loops: ")[1].split(":")[0] for line in live.said().splitlines()
                if " loops: " in line]

    def test_loops_come_back_and_the_books_close(self):
        net, mix, gateway = self.start(retry_us=60000000)
        for live, node in ((mix, 11), (gateway, 1)):
            live.wait(lambda: stats(net, node).get("loops_back", 0) > 100)
            live.wait(lambda: stats(net, node)["loop_verdict"] == "ok")
            now = stats(net, node)
            self.assertLessEqual(now["loops_back"] + now["loops_lost"], now["loops_sent"])
        books = [live.stop() for live in (mix, gateway)]
        for one in books:
            self.assertTrue(one["closed"])
            self.assertGreater(one["drops"]["cover"], 100)
        # loops of the mix pass the gateway and its own end there; so with the roles changed
        self.assertEqual(sum(count for name, count in books[0]["drops"].items()
                             if name not in ("cover", "stopped")), 0)

    def test_a_neighbour_that_drops_raises_warn_then_pause_and_is_forgiven(self):
        net, mix, gateway = self.start()
        mix.wait(lambda: stats(net, 11).get("loops_back", 0) > 100)
        mix.wait(lambda: stats(net, 11)["loop_verdict"] == "ok")
        at_start = len(self.verdicts(mix))
        gateway.process.send_signal(signal.SIGSTOP)
        mix.wait(lambda: stats(net, 11).get("loop_verdict") == "pause")
        paused = stats(net, 11)
        self.assertGreater(paused["alarm_loop_loss"], 0)
        # own loops still leave
        mix.wait(lambda: stats(net, 11)["loops_sent"] > paused["loops_sent"] + 20)
        gateway.process.send_signal(signal.SIGCONT)
        mix.wait(lambda: stats(net, 11).get("drop_paused", 0) > 0)
        mix.wait(lambda: stats(net, 11).get("loop_verdict") == "ok")
        said = self.verdicts(mix)[at_start:]
        self.assertEqual(said[-1], "ok")
        self.assertLess(said.index("warn"), said.index("pause"))
        before = stats(net, 11)["drop_paused"]
        mix.wait(lambda: stats(net, 11)["loops_back"] > paused["loops_back"] + 32)
        self.assertEqual(stats(net, 11)["drop_paused"], before)
        self.assertTrue(mix.stop()["closed"])


    def test_an_epochs_end_loses_no_loop(self):
        # so slow that a window of loops is on its way
        net, mix, gateway = self.start("--interval-us", "200000", "--max-wait-us", "200000",
                                       "--epochs-ahead", "2", "--epoch-seconds", "16")
        for live, node in ((mix, 11), (gateway, 1)):
            live.wait(lambda: stats(net, node).get("loops_back", 0) > 100)
            live.wait(lambda: stats(net, node)["loop_verdict"] == "ok")
        shutil.copy(net.path / "topology-2.json", net.path / "topology.new")
        (net.path / "topology.new").rename(net.path / "topology.json")
        said, before = len(self.verdicts(mix)), stats(net, 11)
        self.assertEqual(before["epoch"], 1)
        for live, node in ((mix, 11), (gateway, 1)):
            live.wait(lambda: stats(net, node).get("epoch", 0) == 2)
        at_end = stats(net, 11)
        mix.wait(lambda: stats(net, 11)["loops_back"] > at_end["loops_back"] + 100)
        for node in (11, 1):
            self.assertEqual(stats(net, node)["drop_kid"], 0)
        self.assertEqual(self.verdicts(mix)[said:], [])


class Attacks(unittest.TestCase):
    """On the virtual clock, where no loop ever comes back: whoever sends the capture blocks
    them."""

    # the window is full after about 80 ms, and a loop is lost 0.2 s after it was sent
    JUDGE = "cover: {{window: 16, warn_percent: 20, pause_percent: {pause}, retry_us: 0, " \
            "slack_us: 10000}}\n"

    def test_a_planted_packet_leaves_in_a_full_batch(self):
        with Network("--interval-us", "100000", "--min-batch", "32",
                     "--max-wait-us", "300000") as net:
            planted = read_capture(net.make("in.pcap", "--cmds", "exit", count=1))
            books, out = net.replay(net.config(11), net.path / "in.pcap", "out.pcap")
            left = read_capture(out)
            self.assertEqual((books["received"], books["cover"], len(left)), (1, 31, 32))
            first, last = left[0][0], left[-1][0]
            self.assertGreaterEqual(first, planted[0][0] + 200000)
            self.assertLessEqual(first, planted[0][0] + 300000)
            self.assertLess(last - first, 100000)
            self.assertEqual(len({len(frame) for _, frame in left}), 1)
            # to the next relays the company is as good as the planted one
            for node in (21, 31):
                books, out = net.replay(net.config(node), out, f"out-{node}.pcap")
                self.assertEqual((books["received"], books["sent"]), (32, 32))
                self.assertEqual(sum(books["drops"].values()), 0)
            books, _ = net.replay(net.config(1), out, "end.pcap")
            self.assertEqual(books["drops"]["cover"], 31)

    def test_own_cover_is_no_neighbour(self):
        with Network("--interval-us", "50000", "--min-batch", "2", "--min-neighbours", "2",
                     "--max-wait-us", "400000", "--loop-interval-us", "5000") as net:
            capture = net.make("in.pcap", count=120, rate=200)
            _, out = net.replay(net.config(11), capture, "out.pcap")
            # the capture comes from one: its packets wait until neighbours no longer count
            start = read_capture(capture)[0][0]
            self.assertGreaterEqual(read_capture(out)[0][0], start + 350000)

    def flood(self, pause, *options):
        """A second of packets at a relay whose loops are blocked; the books."""
        with Network("--strategy", "poisson", "--mean-delay-us", "20000", *options) as net:
            capture = net.make("in.pcap", count=1000, rate=1000)
            books, _ = net.replay(net.config(11, extra=self.JUDGE.format(pause=pause)), capture,
                                  "out.pcap")
            self.assertTrue(books["closed"])
            self.assertEqual(books["received"], 1000)
            self.assertEqual(sum(books["drops"].values()), books["drops"]["paused"])
            return books

    def test_while_loops_are_blocked_nothing_passes(self):
        books = self.flood(60, "--loop-interval-us", "5000", "--drop-interval-us", "10000")
        self.assertGreater(books["drops"]["paused"], 500)
        self.assertLess(books["drops"]["paused"], 950)
        # own loops and drop packets go on: 200 and 100, and six standard deviations
        self.assertGreater(books["cover"], 300 - 104)
        self.assertLess(books["cover"], 300 + 104)

    def test_no_more_loops_are_sent_than_there_are_places_for(self):
        with Network("--strategy", "poisson", "--loop-interval-us", "1000") as net:
            capture = net.make("in.pcap", count=100, rate=200)
            extra = "cover: {stock: 16, loops: 64, slack_us: 10000000}\n"
            books, _ = net.replay(net.config(11, extra=extra), capture, "out.pcap")
            self.assertEqual(books["cover"], 64)

    def test_without_a_limit_or_loops_nothing_is_paused(self):
        self.assertEqual(self.flood(0, "--loop-interval-us", "5000")["drops"]["paused"], 0)
        self.assertEqual(self.flood(60, "--drop-interval-us", "5000")["drops"]["paused"], 0)

    def test_what_clients_hand_over_is_paused_too(self):
        with Network("--strategy", "poisson", "--mean-delay-us", "20000", "--loop-interval-us",
                     "5000", "--gateways", "1") as net:
            frames = read_capture(net.make("in.pcap", count=1000, rate=1000))
            handed = [(time_us, to_node(net, with_payload(frame, struct.pack("<I", 11) +
                                                          frame[HEADERS:]), 2))
                      for time_us, frame in frames]
            capture = write_capture(net.path / "handed.pcap", handed)
            books, _ = net.replay(net.config(2, extra=self.JUDGE.format(pause=60)), capture,
                                  "out.pcap")
            self.assertEqual(books["received"], 1000)
            self.assertEqual(books["sent"] - books["cover"], 1000 - books["drops"]["paused"])
            self.assertGreater(books["drops"]["paused"], 500)
            self.assertLess(books["drops"]["paused"], 950)


class Config(unittest.TestCase):
    def check(self, net, extra, ok=False):
        return network.run(network.RELAY, "--check-config", "--config", net.config(11, extra=extra),
                           ok=ok)

    def test_limits_that_cannot_be_are_refused_with_a_remedy(self):
        with Network() as net:
            for extra, words in (
                    ("cover: {loops: 100}", ["cover.loops: 100 is no power of two", "128"]),
                    ("cover: {warn_percent: 20, pause_percent: 10}",
                     ["cover.pause_percent", "at least 20"]),
                    ("cover: {stock: 8}", ["cover.stock", "16"])):
                with self.subTest(extra):
                    done = self.check(net, extra)
                    self.assertEqual(done.returncode, 1)
                    for word in words:
                        self.assertIn(word, done.stderr)

    def test_what_cover_takes_is_told(self):
        with Network("--loop-interval-us", "1000", "--strategy", "poisson",
                     "--mean-delay-us", "100000") as net:
            # the longest way: four times a delay of 2.76 s, and 0.1 s each
            told = self.check(net, "", ok=True).stdout
            self.assertIn("a loop every 1.000 ms, lost after 11.4 s at most: cover.loops 8192 >= "
                          "23136: NO", told)
            self.assertIn("576 own cover", told)
            self.assertNotIn("NO", self.check(net, "cover: {loops: 32768}", ok=True).stdout)


@unittest.skipIf(why_not(), why_not())
class FourRelays(unittest.TestCase):
    """Three layers and a gateway in namespaces, on a bridge: the way of a loop in full length."""

    def test_every_relay_hears_of_its_loops(self):
        nodes = (1, 11, 21, 31)
        net = self.enterContext(Network(
            "--interval-us", "20000", "--max-wait-us", "100000", "--loop-interval-us", "20000"))
        hosts = netns.Network()
        self.addCleanup(hosts.close)
        relays = {}
        for i, node in enumerate(nodes):
            hosts.add(node)
            config = net.config(node, f"net_af_packet0,iface={netns.PORT},blocksz=65536,"
                                "framesz=2048,framecnt=1024", workers=(CPUS[i % len(CPUS)],),
                                extra="cover: {window: 64}\n")
            relays[node] = self.enterContext(Live(config, inside=hosts.nodes[node].inside([])))
        # what was sent before the last was up is lost; then all comes back
        for node, relay in relays.items():
            relay.wait(lambda: stats(net, node).get("loops_back", 0) > 64 and
                       stats(net, node)["loop_verdict"] == "ok")
        # one after the other, the rest loses what is on its way to them: the books close all the
        # same
        for relay in relays.values():
            self.assertTrue(relay.stop()["closed"])


if __name__ == "__main__":
    tap.main()
