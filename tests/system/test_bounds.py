# SPDX-License-Identifier: BSD-3-Clause
"""What happens at each bound of a relay, as app/relay/README.md says: steps called by hand for what
must be exact (relay-bounds), and the feed for what needs real lcores."""
import json
import os
import signal
import subprocess
import time
import unittest

import network
import tap
from network import Network, read_capture, write_capture
from test_replay import through_all_layers

BOUNDS = network.BUILD / "tests/system/relay-bounds"
DEST = "5e" * 32
# nothing leaves, whatever comes
HOLDS = ("--layers", "1", "--min-batch", "1000000", "--max-wait-us", "86400000000")
LEAVES = ("--layers", "1", "--interval-us", "10000")


def configure(net, node, ring=256, descriptors=1024, **options):
    """node's configuration with rings and descriptors of these sizes."""
    path = net.config(node, **options)
    path.write_text(path.read_text().replace("ring: 256", f"ring: {ring}").replace(
        "  vlan:", f"  rx_descriptors: {descriptors}\n  tx_descriptors: {descriptors}\n  vlan:"))
    return path


class ByHand(unittest.TestCase):
    """Every case ends with closed books, or its program fails."""

    def case(self, name, *options, count=3000, ring=1024, descriptors=4096, **config):
        with Network(*options) as net:
            capture = net.make("in.pcap", count=count)
            network.run(BOUNDS, configure(net, 11, ring, descriptors, **config), capture, name)

    def test_a_full_backlog_loses_of_the_burst_and_keeps_half_for_others(self):
        self.case("backlog", *HOLDS)

    def test_a_flood_costs_a_neighbour_and_the_kernel_nothing(self):
        self.case("shares", *HOLDS)

    def test_what_waits_for_its_turn_at_a_stop_is_counted(self):
        self.case("stop", *HOLDS, count=1000)

    def test_a_clock_corrected_backwards_does_not_stop_a_hand_over(self):
        self.case("clock_back", *HOLDS)

    def test_a_full_ring_to_the_mixer_drops_by_name(self):
        self.case("mix_ring", *HOLDS, ring=64)

    def test_a_full_pool_drops_by_name(self):
        self.case("pool", *HOLDS, held=128)

    def test_a_nic_that_takes_nothing_loses_nothing(self):
        self.case("tx_ring", *LEAVES, ring=128, descriptors=64, held=1024)

    def test_a_sink_that_takes_nothing_drops_by_name(self):
        with Network("--gateways", "1", "--interval-us", "10000") as net:
            net.make("in.pcap", "--to", 2, "--dest", DEST, "--cmds", "exit", count=200)
            capture = through_all_layers(net, net.path / "in.pcap")
            service = f"services: [{{dest: \"{DEST}\", address: 127.0.0.1:9}}]\n"
            network.run(BOUNDS, configure(net, 2, 128, 4096, extra=service), capture, "sink_ring")

    def test_full_queues_leave_buffers_and_missing_ones_are_missed(self):
        self.case("buffers", *HOLDS, count=5000, held=1024)

    def test_frames_of_links_end_under_their_names(self):
        self.case("link_drops", *HOLDS, count=50, links=True)

    def test_links_seal_what_leaves_and_dummies_are_in_no_book(self):
        self.case("link_sends", *LEAVES, links=True)

    def test_what_waits_for_slots_goes_on_in_the_next_process_and_dummies_end(self):
        self.case("padded", *LEAVES, "--link-interval-us", 1000000, count=512, links=True)

    def test_without_a_session_packets_drop_by_name(self):
        self.case("no_session", *LEAVES, links=True)

    def test_a_full_ring_to_the_worker_of_a_lane_drops_by_name(self):
        self.case("lane_ring", *HOLDS, ring=64, workers=(0, 0), links=True)

    def test_a_flood_of_handshakes_leaves_room_for_neighbours(self):
        self.case("handshake_ring", *HOLDS, count=10, links=True)

    def test_an_authenticated_neighbour_that_floods_costs_others_nothing(self):
        self.case("flooder", *HOLDS, "--gateways", "1", links=True)

    def test_under_a_flood_of_handshakes_control_asks_for_cookies_and_keeps_its_ration(self):
        self.case("load", *HOLDS, count=10, links=True)

    def test_clients_of_a_gateway_hand_packets_to_the_first_layer(self):
        with Network("--layers", "1", "--gateways", "1", "--interval-us", "10000") as net:
            capture = net.make("in.pcap", count=50)
            network.run(BOUNDS, configure(net, 2, 1024, 4096, links=True), capture, "clients")

    def test_forged_frames_take_no_room_from_the_neighbour_whose_index_they_have(self):
        self.case("forged", *HOLDS, links=True)

    if not network.SANITIZED:  # sanitizers allocate, lock and call
        def test_steps_neither_allocate_nor_lock_nor_call_the_system(self):
            self.case("quiet", *LEAVES)

        def test_steps_of_links_neither_allocate_nor_lock_nor_call_the_system(self):
            self.case("quiet_links", *LEAVES, links=True)

        def test_the_watch_sees_allocations_and_system_calls(self):
            self.case("noisy", *LEAVES, count=10)


class Fed(unittest.TestCase):
    def feed(self, net, *options, count=4000, **config):
        capture = net.make("in.pcap", count=count)
        done = network.run(network.RELAY, "--config", configure(net, 11, **config), "--feed",
                           capture, "--json", *options)
        feed, books = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(books["closed"])
        self.assertEqual(books["held"], 0)
        self.assertEqual(feed["offered"], feed["missed"] + books["received"])
        return feed, books

    def test_next_hops_stay_resolved_over_a_reload(self):
        with Network(*LEAVES) as net:
            capture = net.make("in.pcap", count=100)
            for node in net.topology["nodes"]:
                del node["mac"]
            net.publish()
            with subprocess.Popen([network.RELAY, "--config", configure(net, 11), "--feed", capture,
                                   "--feed-rate", "40"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True) as relay:
                self.assertIn("1 of 1 next hops", relay.stderr.readline())
                time.sleep(0.3)
                relay.send_signal(signal.SIGHUP)
                said = relay.stderr.read()
            self.assertIn("SIGHUP: epoch", said)
            self.assertNotIn("0 of 1 next hops", said)

    def test_a_frame_that_no_buffer_takes_is_missed(self):
        with Network(*LEAVES) as net:
            frames = read_capture(net.make("some.pcap", count=100))
            frames.insert(50, (frames[50][0], bytes(9000)))
            capture = write_capture(net.path / "in.pcap", frames)
            done = network.run("timeout", 20, network.RELAY, "--config", configure(net, 11),
                               "--feed", capture, "--json")
            feed, books = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual((feed["offered"], feed["missed"], feed["missed_buffers"]), (101, 1, 0))
            self.assertEqual(books["sent"], 100)

    @unittest.skipIf(network.SANITIZED, "a sanitizer leaves no capacity")
    def test_at_a_rate_below_capacity_all_goes_through(self):
        with Network(*LEAVES) as net:
            feed, books = self.feed(net, "--feed-rate", 4000)
            self.assertEqual((feed["missed"], books["sent"]), (0, 4000))
            self.assertEqual(feed["sent"], 4000)
            self.assertGreater(feed["seconds"], 0.9)

    def test_as_fast_as_possible_nothing_is_missed_and_the_rest_is_overload(self):
        with Network(*LEAVES) as net:
            feed, books = self.feed(net, count=12000)
            self.assertEqual((feed["missed"], feed["offered"]), (0, 12000))
            self.assertEqual(books["sent"] + books["drops"]["overload"], 12000)
            self.assertGreater(books["drops"]["overload"], 0)

    def test_a_full_receive_ring_misses_what_comes(self):
        with Network(*LEAVES) as net:
            feed, _ = self.feed(net, "--feed-rate", 10**9, count=12000, descriptors=64)
            self.assertEqual(feed["offered"], 12000)
            self.assertGreater(feed["missed"], 0)

    def test_every_placement_is_legal_and_time_ends_it(self):
        cpus = sorted(os.sched_getaffinity(0))
        for workers, cpu in (([cpus[0]], cpus[0]), ([cpus[-1]] * 3, cpus[0]),
                             ([cpus[0], cpus[-1]], cpus[-1])):
            with self.subTest(workers=workers, cpu=cpu), Network(*LEAVES) as net:
                feed, _ = self.feed(net, "--feed-rate", 2000, "--feed-seconds", "0.5",
                                    "--feed-cpu", cpu, workers=workers, count=2000)
                self.assertLess(feed["offered"], 2000)

    def test_what_is_no_capture_or_no_number_is_refused(self):
        with Network(*LEAVES) as net:
            text = net.path / "text.pcap"
            text.write_text("no capture")
            for options, status, words in (
                    (("--feed", text), 1, "not a readable capture"),
                    (("--feed", "/dev/null"), 1, "not a readable capture"),
                    (("--feed", text, "--feed-rate", "-1"), 2, "no number"),
                    (("--feed", net.make("in.pcap", count=1), "--feed-cpu", "999"), 1,
                     "--feed-cpu: CPU 999")):
                done = network.run(network.RELAY, "--config", net.config(11), *options, ok=False)
                self.assertEqual(done.returncode, status)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    tap.main()
