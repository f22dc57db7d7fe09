# SPDX-License-Identifier: BSD-3-Clause
"""Relays on kernel interfaces in network namespaces: af_packet and af_xdp, next hops from the
kernel."""
import json
import os
import pathlib
import unittest

import netns
import network
import tap
from network import Live, Network

CPUS = sorted(os.sched_getaffinity(0))


def why_not():
    """Why this machine cannot run namespaces and TAPs for us, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun"
    try:
        netns.Namespace().close()
    except netns.NetworkError as error:
        return str(error)
    return None


@unittest.skipIf(why_not(), why_not())
class Interfaces(unittest.TestCase):
    def network(self, device, *options, mtu=1500, megabytes=192):
        """A relay, node 11, and a generator, node 1, on a bridge."""
        net = self.enterContext(Network("--layers", "1", "--interval-us", "20000", *options))
        for node in net.topology["nodes"]:
            del node["mac"]
        net.publish()
        hosts = netns.Network(mtu, ipv6=":" in net.topology["nodes"][0]["addresses"][0]["ip"])
        self.addCleanup(hosts.close)
        for node in (1, 11):
            hosts.add(node)
            path = net.config(node, device, workers=(CPUS[node % len(CPUS)],), megabytes=megabytes)
            path.write_text(path.read_text().replace("port:", "port:\n  tap: lm-tap"))
        return net, hosts

    def loop(self, net, hosts, arrivals="constant"):
        """The generator sends through the relay to itself; its report and the relay's books."""
        with Live(net.path / "node-11.yaml", inside=hosts.nodes[11].inside([])) as live:
            live.wait(lambda: "next hops resolved" in live.said())
            done = network.run(*hosts.nodes[1].inside([network.GEN, "run", "--config",
                                                      net.path / "node-1.yaml", "--count", 300,
                                                      "--rate", 600, "--arrivals", arrivals,
                                                      "--json"]), ok=False)
            if not done.stdout:
                raise AssertionError(done.stderr)
            return json.loads(done.stdout), live.stop()

    def test_over_af_packet_nothing_is_lost(self):
        for subnet, arrivals in (("10.77.0.0/24", "constant"), ("fd77::/64", "poisson")):
            with self.subTest(subnet):
                report, books = self.loop(*self.network(
                    f"net_af_packet0,iface={netns.PORT},blocksz=65536,framesz=2048,"
                    "framecnt=4096,qdisc_bypass=1", "--subnet", subnet), arrivals=arrivals)
                self.assertEqual(report["arrivals"], arrivals)
                self.assertEqual((report["received"], report["lost"]), (300, 0))
                self.assertTrue(books["closed"])

    def test_large_packets_fit_the_rings_of_af_packet(self):
        report, books = self.loop(*self.network(
            f"net_af_packet0,iface={netns.PORT},framesz=8768,blocksz=561152,framecnt=512,"
            "qdisc_bypass=1", "--profile", "1", mtu=9000, megabytes=640))
        self.assertEqual((report["received"], report["lost"]), (300, 0))
        self.assertTrue(books["closed"])

    def test_over_af_xdp_packets_pass_and_the_books_close(self):
        """In copy mode on veth the kernel itself loses a few frames."""
        on = self.network(f"net_af_xdp0,iface={netns.PORT},busy_budget=0")
        for _ in range(2):  # the first leaves its program on the interface, the second takes it up
            report, books = self.loop(*on)
            self.assertGreater(report["received"], 200)
            self.assertTrue(books["closed"])


if __name__ == "__main__":
    tap.main()
