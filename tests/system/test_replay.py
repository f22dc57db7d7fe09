# SPDX-License-Identifier: BSD-3-Clause
"""Captures through the real stages, judged packet by packet with lib/packet."""
import json
import os
import random
import signal
import struct
import subprocess
import time
import unittest

import network
import tap
from network import Network, read_capture, write_capture

HEADERS = 42  # Ethernet, IPv4, UDP


def through_all_layers(net, capture, workers=1, vlan=0):
    """Replays a capture through one relay of each layer; what leaves the last."""
    for layer in (1, 2, 3):
        config = net.config(10 * layer + 1, workers=[0] * workers, vlan=vlan)
        balance, out = net.replay(config, capture, f"out-{layer}.pcap")
        net.replay_check(config, capture, out)
        if not balance["closed"] or balance["sent"] != balance["received"]:
            raise AssertionError(balance)
        capture = out
    return capture


class Replay(unittest.TestCase):
    def whole_way(self, *options, **relay):
        with Network(*options) as net:
            capture = net.make("in.pcap", count=120)
            report = net.check(through_all_layers(net, capture, **relay))
            self.assertEqual(report["lost"], 0)
            self.assertEqual(report["damaged"], 0)
            self.assertEqual(report["duplicated"], 0)
            self.assertEqual(report["received"], 120)

    def test_every_packet_over_ipv4_is_what_lib_packet_says(self):
        self.whole_way()

    def test_every_packet_over_ipv6_is_what_lib_packet_says(self):
        self.whole_way("--subnet", "fd77::/64")

    def test_every_large_packet_is_what_lib_packet_says(self):
        self.whole_way("--profile", "1")

    def test_every_packet_of_several_workers_is_what_lib_packet_says(self):
        self.whole_way(workers=3)

    def test_second_copies_are_refused(self):
        with Network() as net:
            once = read_capture(net.make("in.pcap", count=150))
            end = once[-1][0] + 1000000
            copies = {
                "in one burst": [frame for frame in once for _ in (1, 2)],
                "much later": once + [(time_us + end - once[0][0], frame)
                                      for time_us, frame in once],
            }
            for name, frames in copies.items():
                with self.subTest(name):
                    for workers in (1, 2):
                        capture = write_capture(net.path / "twice.pcap", frames)
                        config = net.config(11, workers=[0] * workers)
                        balance, out = net.replay(config, capture, "out.pcap")
                        self.assertEqual(balance["drops"]["replay"], 150)
                        self.assertEqual(balance["sent"], 150)
                        net.replay_check(config, capture, out)

    def test_what_came_in_one_interval_leaves_in_the_next(self):
        with Network("--interval-us", "50000") as net:
            capture = net.make("in.pcap", count=400, rate=1000)
            _, out = net.replay(net.config(11), capture, "out.pcap")
            arrived, left = read_capture(capture), read_capture(out)
            start = arrived[0][0]

            def intervals(frames):
                counts = {}
                for time_us, _ in frames:
                    index = (time_us - start) // 50000
                    counts[index] = counts.get(index, 0) + 1
                return counts

            came, went = intervals(arrived), intervals(left)
            self.assertEqual({index + 1: n for index, n in came.items()}, went)

    def test_small_batches_wait_for_company_and_not_for_ever(self):
        with Network("--interval-us", "50000", "--min-batch", "40",
                     "--max-wait-us", "400000") as net:
            # 20 a interval: every second interval has 40; the last 20 get 20 of own cover
            frames = read_capture(net.make("in.pcap", count=100, rate=400))
            books, out = net.replay(net.config(11), net.path / "in.pcap", "out.pcap")
            left = read_capture(out)
            self.assertEqual((len(left), books["cover"]), (120, 20))
            start = frames[0][0]
            self.assertTrue(all(time_us >= start + 100000 for time_us, _ in left))
            last = max(time_us for time_us, _ in left)
            self.assertGreater(last, frames[-1][0] + 100000)
            self.assertLessEqual(last, frames[-1][0] + 400000 + 50000)

    def test_damaged_and_foreign_frames_are_dropped_by_name_and_harm_no_other(self):
        with Network() as net:
            good = read_capture(net.make("in.pcap", count=200))
            rng = random.Random(1)
            bad = {
                "frame": lambda f: f[:rng.randrange(14)],
                "foreign": lambda f: f[:3] + bytes([f[3] ^ 9]) + f[4:],
                "ip": lambda f: f[:24] + bytes([f[24] ^ 1]) + f[25:],
                "fragment": lambda f: with_ipv4_field(f, 6, 0x2000),
                "udp": lambda f: f[:HEADERS + 700] + bytes([f[HEADERS + 700] ^ 1]) +
                f[HEADERS + 701:],
                "format": lambda f: with_payload(f, f[HEADERS:-1]),
                "kid": lambda f: with_payload(f, f[HEADERS:HEADERS + 2] + b"\x77" +
                                              f[HEADERS + 3:]),
                "noncanonical": lambda f: with_payload(f, f[HEADERS:HEADERS + 4] + b"\xff" * 31 +
                                                       b"\x7f" + f[HEADERS + 36:]),
                "loworder": lambda f: with_payload(f, f[HEADERS:HEADERS + 4] + bytes(32) +
                                                   f[HEADERS + 36:]),
                "mac": lambda f: with_payload(f, f[HEADERS:HEADERS + 60] +
                                              bytes([f[HEADERS + 60] ^ 1]) + f[HEADERS + 61:]),
            }
            mixed, counts = [], {name: 0 for name in bad}
            for time_us, frame in good:
                name = rng.choice(list(bad))
                counts[name] += 1
                mixed += [(time_us, bad[name](frame)), (time_us, frame)]
            capture = write_capture(net.path / "mixed.pcap", mixed)
            config = net.config(11)
            balance, out = net.replay(config, capture, "out.pcap")
            self.assertEqual(balance["sent"], 200)
            for name, count in counts.items():
                self.assertEqual(balance["drops"][name], count, name)
            net.replay_check(config, capture, out)

    def test_random_bytes_of_any_length_change_nothing_but_counters(self):
        with Network() as net:
            good = read_capture(net.make("in.pcap", count=50))
            rng = random.Random(2)
            head = good[0][1][:14]
            noise = []
            for i in range(3000):
                frame = rng.randbytes(rng.randrange(1, 9000))
                noise.append((good[0][0] + i, frame if i % 3 else head + frame))
            capture = write_capture(net.path / "noise.pcap", sorted(good + noise))
            balance, out = net.replay(net.config(11), capture, "out.pcap")
            self.assertTrue(balance["closed"])
            self.assertEqual(balance["sent"], 50)
            net.replay_check(net.config(11), capture, out)

    def test_a_vlan_tag_is_accepted_and_a_configured_one_is_required_and_sent(self):
        with Network() as net:
            plain = read_capture(net.make("in.pcap", count=60))
            tagged = write_capture(net.path / "tagged.pcap", [
                (time_us, f[:12] + struct.pack(">HH", 0x8100, 0x2000 | 100) + f[12:])
                for time_us, f in plain])
            any_tag, only = net.config(11), net.config(21, vlan=100)
            balance, out = net.replay(any_tag, tagged, "out.pcap")
            self.assertEqual(balance["sent"], 60)
            self.assertEqual(read_capture(out)[0][1][12:14], b"\x08\x00")
            balance, _ = net.replay(only, out, "none.pcap")
            self.assertEqual((balance["sent"], balance["drops"]["foreign"]), (0, 60))
            again = write_capture(net.path / "again.pcap", [
                (time_us, f[:12] + struct.pack(">HH", 0x8100, 100) + f[12:])
                for time_us, f in read_capture(out)])
            balance, last = net.replay(only, again, "last.pcap")
            self.assertEqual(balance["sent"], 60)
            self.assertEqual(read_capture(last)[0][1][12:16], b"\x81\x00\x00\x64")
            net.replay_check(only, again, last)


def with_ipv4_field(frame, offset, value):
    """The frame with a 16-bit field of its IPv4 header changed and the checksum right again."""
    header = bytearray(frame[14:34])
    struct.pack_into(">H", header, offset, value)
    struct.pack_into(">H", header, 10, 0)
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xffff) + (total >> 16)
    struct.pack_into(">H", header, 10, ~(total + (total >> 16)) & 0xffff)
    return frame[:14] + bytes(header) + frame[34:]


def with_payload(frame, payload):
    """The frame with another UDP payload, lengths right, no UDP checksum (legal over IPv4)."""
    frame = with_ipv4_field(frame, 2, 28 + len(payload))
    return frame[:38] + struct.pack(">HH", 8 + len(payload), 0) + payload


class Gateway(unittest.TestCase):
    DEST = "5e" * 32

    def services(self, net):
        return net.config(2, extra=f"services: [{{dest: \"{self.DEST}\", address: 127.0.0.1:9}}]\n"
                                   "mailboxes: \"127.0.0.1:10\"\n")

    def test_clients_packets_go_on_unpeeled_to_the_first_layer_only(self):
        with Network("--gateways", "1") as net:
            frames = read_capture(net.make("in.pcap", count=100))
            first = struct.pack("<I", 11)
            handed = []
            for i, (time_us, frame) in enumerate(frames):
                head = (first, struct.pack("<I", 21), struct.pack("<I", 77), first)[i % 4]
                handed.append((time_us, to_node(net, with_payload(frame, head + frame[HEADERS:]),
                                                2)))
            capture = write_capture(net.path / "handed.pcap", handed)
            balance, out = net.replay(self.services(net), capture, "out.pcap")
            self.assertEqual(balance["sent"], 50)
            self.assertEqual(balance["drops"]["next_layer"], 25)
            self.assertEqual(balance["drops"]["next_unknown"], 25)
            net.replay_check(self.services(net), capture, out)
            balance, _ = net.replay(net.config(11), out, "peeled.pcap")
            self.assertEqual(balance["sent"], 50)

    def test_what_ends_at_a_gateway_reaches_its_service_or_mailboxes(self):
        with Network("--gateways", "1") as net:
            net.make("in.pcap", "--to", 2, "--dest", self.DEST, "--cmds", "exit,mbox,drop",
                     count=90)
            capture = net.path / "in.pcap"
            capture = through_all_layers(net, capture)
            config = self.services(net)
            balance, out = net.replay(config, capture, "delivered.pcap")
            self.assertEqual(balance["delivered"], 60)
            self.assertEqual(balance["drops"]["cover"], 30)
            net.replay_check(config, capture, out)
            ports = sorted(struct.unpack(">H", f[36:38])[0] for _, f in read_capture(out))
            self.assertEqual(ports, [9] * 30 + [10] * 30)
            balance, _ = net.replay(net.config(2), capture, "refused.pcap")
            self.assertEqual(balance["drops"]["service"], 60)

    def test_a_mix_delivers_nothing(self):
        with Network("--layers", "1", "--gateways", "1") as net:
            net.make("in.pcap", "--to", 2, "--dest", self.DEST, "--cmds", "exit,mbox", count=20)
            _, out = net.replay(net.config(11), net.path / "in.pcap", "out.pcap")
            # what is meant for the gateway, under the address of a mix with the gateway's key
            balance, _ = net.replay(self.services(net), out, "delivered.pcap")
            self.assertEqual(balance["delivered"], 20)
            as_mix(net, 2)
            balance, _ = net.replay(net.config(2), out, "refused.pcap")
            self.assertEqual(balance["drops"]["role"], 20)


def to_node(net, frame, node):
    """The frame addressed to another node of the (IPv4) network."""
    entry = net.node(node)
    mac = bytes.fromhex(entry["mac"].replace(":", ""))
    address = bytes(int(part) for part in entry["addresses"][0]["ip"].split("."))
    frame = with_ipv4_field(frame[:30] + address + frame[34:], 4, 0)
    return mac + frame[6:]


def as_mix(net, node):
    """Changes the topology on disk: this gateway becomes a second mix of layer 1."""
    net.node(node).update(role="mix", layer=1)
    net.publish()


class Files(unittest.TestCase):
    def assert_refused(self, done, *words):
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def replay(self, net, capture, out="out.pcap"):
        return network.run(network.RELAY, "--config", net.config(11), "--replay", capture, "--out",
                           net.path / out, ok=False)

    def test_captures_that_are_none_are_refused_with_their_name(self):
        with Network() as net:
            text = net.path / "text.pcap"
            text.write_text("no capture")
            self.assert_refused(self.replay(net, text), "text.pcap", "not a readable capture")
            self.assert_refused(self.replay(net, net.path / "missing.pcap"), "missing.pcap")
            capture = net.make("in.pcap", count=10)
            cut = net.path / "cut.pcap"
            cut.write_bytes(capture.read_bytes()[:-5])
            self.assert_refused(self.replay(net, cut), "breaks off after 9 frames")
            data = bytearray(capture.read_bytes())
            data[20] = 113  # Linux cooked capture
            cut.write_bytes(data)
            self.assert_refused(self.replay(net, cut), "not a capture of Ethernet frames")
            self.assert_refused(self.replay(net, capture, "no/such/folder.pcap"), "folder.pcap")

    def test_times_that_no_clock_shows_stop_nothing(self):
        with Network() as net:
            frames = read_capture(net.make("in.pcap", count=30))
            end = (0xffffffff * 1000000) + 999999  # libpcap reads it as one second before 1970
            for times in ([end] * 30, [end if i % 7 == 3 else 0 for i in range(30)],
                          [i * 10**14 for i in range(30)]):
                capture = write_capture(net.path / "times.pcap", [
                    (time_us, frame) for time_us, (_, frame) in zip(times, frames)])
                balance, _ = net.replay(net.config(11), capture, "out.pcap")
                self.assertEqual(balance["sent"], 30)

    def test_a_capture_is_not_written_over_itself(self):
        with Network() as net:
            capture = net.make("in.pcap", count=10)
            before = capture.read_bytes()
            (net.path / "link.pcap").symlink_to("in.pcap")
            for out in ("in.pcap", "link.pcap"):
                self.assert_refused(self.replay(net, capture, out), "this very file")
            self.assertEqual(capture.read_bytes(), before)

    def test_a_capture_may_come_through_a_pipe(self):
        with Network() as net:
            with open(net.make("in.pcap", count=10), "rb") as capture:
                done = network.run("sh", "-c", 'cat | "$@"', "sh", network.RELAY, "--config",
                                   net.config(11), "--replay", "-", "--out", net.path / "out.pcap",
                                   "--json", stdin=capture)
            self.assertEqual(json.loads(done.stdout)["sent"], 10)

    def test_an_interrupted_replay_leaves_no_files_of_dpdk(self):
        with Network() as net:
            once = net.make("in.pcap", count=200).read_bytes()
            (net.path / "long.pcap").write_bytes(once[:24] + once[24:] * 500)
            runtime = net.path / "run"
            runtime.mkdir()
            with subprocess.Popen(
                    [network.RELAY, "--config", net.config(11), "--replay", net.path / "long.pcap",
                     "--out", "/dev/null"], stderr=subprocess.PIPE, text=True,
                    env={**os.environ, "RUNTIME_DIRECTORY": str(runtime)}) as relay:
                while not list(runtime.glob("dpdk/*")) and relay.poll() is None:
                    time.sleep(0.01)
                relay.send_signal(signal.SIGINT)
                said = relay.communicate(timeout=60)[1]
            self.assertEqual(relay.returncode, 1, said)
            self.assertIn("interrupted after", said)
            self.assertEqual(list(runtime.glob("dpdk/*")), [])

    def test_an_unknown_backend_and_too_little_memory_are_found_by_the_check(self):
        with Network() as net:
            for words, options in ((["symmetric", "none"], {"extra": "symmetric: none\n"}),
                                   (["memory.megabytes"], {"megabytes": 64, "held": 60000})):
                config = net.config(11, **options)
                self.assert_refused(network.run(network.RELAY, "--config", config, "--check-config",
                                                ok=False), *words)

    def test_an_unknown_node_and_foreign_keys_are_refused(self):
        with Network() as net:
            config = net.config(11)
            config.write_text(config.read_text().replace("node: 11", "node: 12"))
            self.assert_refused(network.run(network.RELAY, "--config", config, "--check-config",
                                            ok=False), "topology.json", "no node 12")
            config.write_text(config.read_text().replace("node: 12", "node: 21"))
            self.assert_refused(network.run(network.RELAY, "--config", config, "--check-config",
                                            ok=False), "keys-11.json", "not the keys of node 21")

    @unittest.skipIf(network.SEEDED, "this build accepts seeds")
    def test_seed_is_refused_where_packets_are_real(self):
        with Network() as net:
            done = network.run(network.RELAY, "--config", net.config(11), "--replay", "x", "--out",
                               "y", "--seed", "00" * 32, ok=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--seed", done.stderr)


if __name__ == "__main__":
    tap.main()
