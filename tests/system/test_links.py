# SPDX-License-Identifier: BSD-3-Clause
"""Links with sessions: three relays and a generator in network namespaces, and what is refused."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time
import unittest

import netns
import network
import tap
from network import Live, Network, stats
from test_namespaces import why_not

CPUS = sorted(os.sched_getaffinity(0))
MIXES = (11, 21, 31)
DEVICE = (f"net_af_packet0,iface={netns.PORT},blocksz=65536,framesz=2048,framecnt=2048,"
          "qdisc_bypass=1")
RATE = 500


class Mesh:
    """Three layers of one relay each and the generator, node 1, each in a namespace."""

    def __init__(self, test, *options):
        self.net = test.enterContext(Network("--layers", "3", "--interval-us", "20000", *options))
        self.without_macs("topology.json")
        self.hosts = netns.Network(
            ipv6=":" in self.net.topology["nodes"][0]["addresses"][0]["ip"])
        test.addCleanup(self.hosts.close)
        self.test = test
        self.live = {}
        for node in (1, *MIXES):
            self.hosts.add(node)
            self.configure(node)

    def without_macs(self, name, change=lambda document: None):
        """Publishes the document in this file as the topology, for nodes that the kernel
        resolves."""
        document = self.net.document(name)
        for node in document["nodes"]:
            del node["mac"]
        if name != "topology.json":
            document["previous"] = hashlib.blake2b(self.text.encode(), digest_size=32).hexdigest()
        change(document)
        self.text = json.dumps(document)
        self.net.topology = document
        self.net.publish(self.text)

    def configure(self, node):
        path = self.net.config(node, DEVICE, workers=(CPUS[node % len(CPUS)],), links=True)
        path.write_text(path.read_text().replace("port:", "port:\n  tap: lm-tap"))

    def start(self, *nodes):
        for node in nodes:
            self.live[node] = Live(self.net.path / f"node-{node}.yaml",
                                   inside=self.hosts.nodes[node].inside([]))
            self.test.addCleanup(self.live[node].__exit__)
        for node in nodes:
            self.live[node].wait(lambda node=node: stats(self.net, node))

    def generator(self, count, rate=RATE):
        """Starts to send; for report()."""
        command = self.hosts.nodes[1].inside([
            network.GEN, "run", "--config", self.net.path / "node-1.yaml", "--count", count,
            "--rate", rate, "--json"])
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.test.addCleanup(process.stderr.close)
        self.test.addCleanup(process.stdout.close)
        self.test.addCleanup(process.kill)
        return process

    @staticmethod
    def report(process):
        output, said = process.communicate(timeout=120)
        if not output:
            raise AssertionError(said)
        return json.loads(output)

    def stop(self, node, number=signal.SIGINT):
        return self.live.pop(node).stop(number)

    def wait_for(self, node, key, value):
        """Until a counter of a relay has reached this value."""
        self.live[node].wait(lambda: stats(self.net, node).get(key, 0) >= value)


@unittest.skipIf(why_not(), why_not())
class Sessions(unittest.TestCase):
    def through(self, mesh, count):
        """All that the generator sends comes back through relays whose books close."""
        report = mesh.report(mesh.generator(count))
        self.assertEqual((report["received"], report["lost"], report["damaged"]), (count, 0, 0))

    def test_over_ipv4_and_ipv6_nothing_is_lost(self):
        for subnet in ("10.77.0.0/24", "fd77::/64"):
            with self.subTest(subnet):
                mesh = Mesh(self, "--subnet", subnet)
                mesh.start(*MIXES)
                self.through(mesh, 500)
                told = {node: stats(mesh.net, node) for node in MIXES}
                for node in MIXES:
                    books = mesh.stop(node)
                    self.assertTrue(books["closed"])
                    self.assertEqual((books["received"], books["sent"]), (500, 500))
                    self.assertEqual(sum(books["drops"].values()), 0)
                    self.assertGreaterEqual(told[node]["handshake_in"], 2)
                # each relay has the sessions of both of its neighbours
                self.assertEqual([told[node]["links"] for node in MIXES], [2, 2, 2])

    def restart(self, number):
        """The middle relay goes while packets come, and comes back a second later."""
        mesh = Mesh(self)
        mesh.start(*MIXES)
        sending = mesh.generator(10 * RATE)
        mesh.wait_for(21, "sent", RATE)
        mesh.live[21].process.send_signal(number)
        mesh.live[21].process.wait(timeout=30)
        gone = time.monotonic()
        time.sleep(1)
        mesh.start(21)
        mesh.wait_for(21, "sent", 1)
        away = time.monotonic() - gone
        report = mesh.report(sending)
        told = stats(mesh.net, 21)
        for node in MIXES:
            self.assertTrue(mesh.stop(node)["closed"])
        self.assertEqual((report["duplicated"], report["damaged"]), (0, 0))
        return report, away, told

    def test_a_relay_stopped_and_started_again_loses_what_comes_while_it_is_away(self):
        report, away, told = self.restart(signal.SIGTERM)
        self.assertLess(report["lost"], RATE * (away + 0.5))
        self.assertGreater(told["sent"], 5 * RATE)
        # its neighbours go on with sessions that it has no more, until it calls them
        self.assertGreater(told["handshake_established"], 0)

    def test_a_relay_that_is_killed_has_its_sessions_again(self):
        report, away, told = self.restart(signal.SIGKILL)
        self.assertLess(report["lost"], RATE * (away + 1))  # and what it held
        self.assertGreater(told["sent"], 5 * RATE)

    def test_a_neighbour_at_another_address_is_followed(self):
        def move(document):
            node = next(node for node in document["nodes"] if node["id"] == 31)
            node["addresses"][0] = {"ip": "10.77.0.99", "port": 7099}

        mesh = Mesh(self, "--epochs-ahead", "1", "--epoch-seconds", "20")
        mesh.start(*MIXES)
        self.through(mesh, 200)
        mesh.without_macs("topology-2.json", move)
        for node in (11, 21):
            mesh.live[node].wait(lambda node=node: stats(mesh.net, node).get("epoch", 0) == 2)
            self.assertIn("by the topology of epoch 2", mesh.live[node].said())
        mesh.stop(31)
        mesh.start(31)
        self.through(mesh, 200)
        books = mesh.stop(21)
        self.assertTrue(books["closed"])
        self.assertEqual((books["received"], books["sent"]), (400, 400))

    def test_a_relay_with_another_key_than_the_topology_says_gets_no_session(self):
        """It refuses to start; and who lies about the topology too is refused by the others."""
        mesh = Mesh(self)
        path = mesh.net.path / "node-21.yaml"
        path.write_text(path.read_text().replace("link-21.key", "link-31.key"))
        done = network.run(network.RELAY, "--config", path, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("link-31.key is not the key that the topology gives node 21", done.stderr)


class Refused(unittest.TestCase):
    """Configurations, without a port."""

    def check(self, change, extra=""):
        with Network("--gateways", "1") as net:
            path = net.config(11, links=True, extra=extra)
            path.write_text(change(path.read_text()))
            return network.run(network.RELAY, "--config", path, "--check-config", ok=False)

    def test_check_config_says_what_links_take(self):
        done = self.check(lambda text: text)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = re.search(r"links: (\d+) neighbours and clients, with 4 sessions of 32 lanes each: "
                         r"([\d.]+) MiB of locked memory\n"
                         r"links: room for (\d+), (\d+) KiB more for each as they come; "
                         r"the limit on locked memory must allow (\d+) MiB", done.stdout)
        self.assertIsNotNone(said, done.stdout)
        peers, now, room, each, all_of_it = map(float, said.groups())
        self.assertEqual(peers, 3)
        self.assertTrue(0.1 < now < 0.5, now)
        self.assertGreaterEqual(room, 65536)
        self.assertAlmostEqual(all_of_it, now + (room - peers) * each / 1024, delta=room / 1024)

    def test_what_links_need_is_named(self):
        for change, words in (
                (lambda text: text.replace("{key: link-11.key}", "{mode: noise}"),
                 "link.key: is missing"),
                (lambda text: text.replace("link-11.key", "keys-11.json"), "keys-11.json"),
                (lambda text: text.replace("link-11.key", "identity-11.key"), "identity"),
                (lambda text: text.replace("link-11.key", "link-21.key"),
                 "is not the key that the topology gives node 11"),
                (lambda text: text.replace("link-11.key}", "link-11.key, sessions: 6}"),
                 "no multiple of 4"),
                (lambda text: text.replace("link-11.key}",
                                           f"link-11.key, clients: [{'5e' * 32}]}}"),
                 "only a gateway has them"),
                (lambda text: text.replace("link-11.key}", "link-11.key, clients: [5e]}"),
                 "link.clients[0]: not 64 hexadecimal digits"),
                (lambda text: text.replace("{key: link-11.key}",
                                           f"{{mode: none, clients: [{'5e' * 32}]}}"),
                 "where every sender is a client")):
            done = self.check(change)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn(words, done.stderr)

    def test_none_warns(self):
        done = self.check(lambda text: text.replace("{key: link-11.key}", "{mode: none}"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("warning: link.mode is none", done.stderr)

    def test_captures_are_replayed_without_links_only(self):
        with Network() as net:
            capture = net.make("in.pcap", count=10)
            done = network.run(network.RELAY, "--config", net.config(11, links=True), "--replay",
                               capture, "--out", net.path / "out.pcap", ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("set link.mode to none", done.stderr)


class Fed(unittest.TestCase):
    """A relay that is fed with sealed packets, and garbage among them: all at once, and no more
    than the backlog of one sender takes, so that nothing depends on how fast the machine is."""

    def feed(self, *options, count=1000, workers=(0,)):
        with Network("--layers", "1", "--interval-us", "10000") as net:
            capture = net.make("in.pcap", count=count)
            config = net.config(11, links=True, held=8192, workers=workers)
            lines = network.run(network.RELAY, "--config", config, "--feed", capture, "--json",
                                *options).stdout.splitlines()
            return tuple(map(json.loads, lines[-2:]))

    def test_every_packet_of_a_feed_is_sealed_opened_and_sent(self):
        for workers in ((0,), (0, 0)):
            feed, books = self.feed(workers=workers)
            self.assertEqual((feed["missed"], books["received"], books["sent"]), (0, 1000, 1000))
            self.assertTrue(books["closed"])

    def test_garbage_among_packets_costs_none_of_them(self):
        feed, books = self.feed("--feed-unknown", 4, "--feed-forged", 2, "--feed-handshakes", 1,
                                count=300)
        self.assertEqual((feed["missed"], books["sent"]), (0, 300))
        self.assertEqual(books["drops"]["link_index"] + books["drops"]["link_tag"] +
                         feed["garbage_missed"] + 300, feed["garbage"])
        self.assertIn(books["drops"]["link_index"], range(300, 1201))
        self.assertTrue(books["closed"])


if __name__ == "__main__":
    tap.main()
