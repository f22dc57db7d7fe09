# SPDX-License-Identifier: BSD-3-Clause
"""Relays on DPDK's virtual devices, without privileges: real time, real lcores, real signals."""
import json
import os
import signal
import unittest

import network
import tap
from network import Live, Network, read_capture, stats, write_capture

# batches that are held for two seconds, and then leave over two more
HOLD = ("--min-batch", "1", "--interval-us", "2000000", "--max-wait-us", "2000000")
CPUS = sorted(os.sched_getaffinity(0))


class Running(unittest.TestCase):
    def loop(self, net, count=300):
        """The generator sends through one relay to itself, over vhost and virtio."""
        socket = net.path / "vhost.sock"
        files = "eal_args: \"--single-file-segments\"\n"
        relay = net.config(11, f"net_vhost0,iface={socket},queues=1", workers=(CPUS[0],),
                           extra=files)
        gen = net.config(1, f"net_virtio_user0,path={socket},queues=1,queue_size=1024",
                         workers=(CPUS[-1],), extra=files)
        with Live(relay) as live:
            live.wait(socket.exists)
            done = network.run(network.GEN, "run", "--config", gen, "--count", count, "--rate", 600,
                               "--json")
            return json.loads(done.stdout), live.stop()

    def test_over_vhost_and_virtio_nothing_is_lost(self):
        with Network("--layers", "1", "--static-macs", "--interval-us", "20000") as net:
            report, books = self.loop(net)
            self.assertEqual((report["received"], report["lost"]), (300, 0))
            self.assertEqual((books["sent"], books["held"]), (300, 0))

    def test_large_packets_over_vhost_and_virtio(self):
        with Network("--layers", "1", "--profile", "1") as net:
            report, _ = self.loop(net, count=100)
            self.assertEqual(report["lost"], 0)

    def pcap_relay(self, net, count, **options):
        capture = net.make("in.pcap", count=count)
        out = net.path / "out.pcap"
        return net.config(11, f"net_pcap0,rx_pcap={capture},tx_pcap={out}", **options), capture, out

    def test_over_pcap_files_every_packet_is_what_lib_packet_says(self):
        with Network() as net:
            config, capture, out = self.pcap_relay(net, 200)
            with Live(config) as live:
                live.wait(lambda: stats(net, 11).get("sent") == 200)
                self.assertTrue(live.stop()["closed"])
            net.replay_check(config, capture, out)

    def test_workers_and_mixer_on_lcores_of_their_own(self):
        with Network() as net:
            config = net.two_queues(11, net.make("in.pcap", count=200), (CPUS[0], CPUS[-1]))
            with Live(config) as live:
                live.wait(lambda: stats(net, 11).get("sent") == 200)
                self.assertTrue(live.stop()["closed"])
            left = [read_capture(net.path / f"out-{i}.pcap") for i in (0, 1)]
            # the sending worker is drawn anew for each packet: 100 +- 7 each
            self.assertGreater(min(map(len, left)), 60)
            whole = write_capture(net.path / "out.pcap", left[0] + left[1])
            net.replay_check(config, net.path / "in.pcap", whole)

    def test_sigint_sends_what_is_held(self):
        with Network(*HOLD) as net:
            config, capture, out = self.pcap_relay(net, 200)
            with Live(config) as live:
                live.wait(lambda: stats(net, 11).get("held") == 200)
                self.assertEqual(stats(net, 11)["sent"], 0)
                books = live.stop(signal.SIGINT)
            self.assertEqual((books["sent"], books["held"]), (200, 0))
            net.replay_check(config, capture, out)

    def test_a_full_mixer_drops_by_name_and_the_books_close(self):
        with Network(*HOLD) as net:
            config, _, _ = self.pcap_relay(net, 300, held=100)
            with Live(config) as live:
                live.wait(lambda: stats(net, 11).get("received") == 300)
                live.wait(lambda: stats(net, 11)["held"] == 100)
                books = live.stop()
            self.assertEqual(books["drops"]["pool_full"], 200)
            self.assertEqual(books["sent"], 100)

    def test_over_a_ring_it_starts_and_stops(self):
        with Network() as net, Live(net.config(11, "net_ring0")) as live:
            live.wait(lambda: stats(net, 11).get("ready") == 1)
            self.assertEqual(live.stop()["received"], 0)

    def test_a_next_hop_without_a_known_address_is_named(self):
        with Network() as net:
            del net.node(21)["mac"]
            net.publish()
            config, _, _ = self.pcap_relay(net, 50)
            with Live(config) as live:
                live.wait(lambda: stats(net, 11).get("drop_unresolved") == 50)
                live.wait(lambda: "no link-layer address for node 21" in live.said())
                self.assertEqual(live.stop()["sent"], 0)


class Starts(unittest.TestCase):
    def refused(self, net, *words, **options):
        done = network.run(network.RELAY, "--config", net.config(11, **options), ok=False)
        self.assertEqual(done.returncode, 1)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_what_is_missing_is_said_with_its_remedy(self):
        with Network() as net:
            self.refused(net, "port.device", device="net_nothing0")
            self.refused(net, "port.device", device="0000:ff:1f.7")
            self.refused(net, "too little memory", "memory.megabytes", megabytes=64, held=100000)
            self.refused(net, "cpus.workers", "CPU 900", workers=(900,))
            self.refused(net, "cpus.workers", "2 workers", "1 receive", workers=[CPUS[0]] * 2,
                         device=f"net_pcap0,rx_pcap={net.make('in.pcap')},tx_pcap={net.path}/o")


if __name__ == "__main__":
    tap.main()
