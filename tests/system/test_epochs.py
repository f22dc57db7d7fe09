# SPDX-License-Identifier: BSD-3-Clause
"""Keys and replay sets of relays that run: what survives what, and what a SIGHUP changes.

Frames go in over a veth pair in a namespace, exactly those of a capture and exactly when a test
says.
"""
import copy
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

import netns
import network
import tap
from network import Live, Network, read_capture, stats
from wall import Disk, Wall, seconds_of

HEADERS = 42  # Ethernet, IPv4, UDP
KID = HEADERS + 2
DEST = "5e" * 32

# Sends the frames that come on stdin, each behind its length, a little apart; a line for each
# batch.
SENDER = """\
import socket, struct, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("wire", 0))
read = sys.stdin.buffer.read
while (head := read(8)):
    n, pause_us = struct.unpack("<II", head)
    for frame in [read(struct.unpack("<I", read(4))[0]) for _ in range(n)]:
        wire.send(frame)
        time.sleep(pause_us / 1e6)
    print("sent", flush=True)
"""


def why_not():
    """Why this machine cannot run this, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if network.SWAP:
        return "keys in use need a machine without swap"
    try:
        netns.Namespace().close()
    except netns.NetworkError as error:
        return str(error)
    return None


def why_no_machines():
    """The same for machines made of user namespaces, which a chroot may not make."""
    made = network.run("unshare", "--user", "--map-root-user", "--mount", "true", ok=False)
    return why_not() or (None if made.returncode == 0 else made.stderr.strip())


class Wire:
    """A namespace with a port for a relay, and the other end of its cable."""

    def __init__(self, net, node):
        self.net, self.node = net, node
        self.namespace = netns.Namespace()
        self.namespace.setting("ipv6.conf.default.disable_ipv6=1")
        mac = net.node(node)["mac"]
        self.namespace.ip(f"link add port address {mac} type veth peer name wire",
                          "link set port up", "link set wire up")
        self.sender = self.namespace.start([sys.executable, "-c", SENDER], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE)
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sender.stdin.close()
        self.sender.wait()
        self.sender.stdout.close()
        self.namespace.close()

    def config(self, **options):
        return self.net.config(
            self.node, "net_af_packet0,iface=port,blocksz=65536,framesz=2048,framecnt=4096,"
            "qdisc_bypass=1", **options)

    def start(self, config, **environment):
        """A relay that polls its port."""
        live = Live(config, inside=self.namespace.inside([]), **environment)
        try:
            live.wait(lambda: self.answer().get("ready") == 1)
        except BaseException:
            live.process.kill()
            live.process.wait()
            raise
        return live

    def answer(self):
        """What the relay's telemetry says; nothing while it does not answer."""
        return network.stats(self.net, self.node)

    def stats(self):
        """The same of a relay that runs: on a busy machine it is asked again."""
        return network.counted(self.net, self.node)

    def begin(self, frames, pause_us=300):
        self.sender.stdin.write(b"".join(
            [struct.pack("<II", len(frames), pause_us)] +
            [struct.pack("<I", len(frame)) + frame for frame in frames]))
        self.sender.stdin.flush()

    def end(self):
        assert self.sender.stdout.readline() == b"sent\n"

    def send(self, live, frames):
        """Sends them, waits until the relay has judged each, and gives what its counters gained."""
        before = self.stats()
        self.begin(frames)
        self.end()
        live.wait(lambda: self.stats()["received"] - before["received"] == len(frames))
        live.wait(lambda: judged(self.stats()) - judged(before) == len(frames))
        return {name: value - before[name] for name, value in self.stats().items()
                if isinstance(value, int)}


def judged(stats):
    """Packets that were sent, delivered or dropped. None held is no sign of it: counters of lcores
    are read one after the other."""
    drops = sum(value for name, value in stats.items() if name.startswith("drop_"))
    return stats["sent"] + stats["delivered"] + drops


def frames_of(net, name="in.pcap", count=120, *options):
    return [frame for _, frame in read_capture(net.make(name, *options, count=count))]


def by_kid(frames):
    kids = {}
    for frame in frames:
        kids.setdefault(frame[KID], []).append(frame)
    return kids


def hang_up(live, *words):
    """Sends SIGHUP and waits until the relay has said these words once more."""
    before = [live.said().count(word) for word in words]
    live.process.send_signal(signal.SIGHUP)
    live.wait(lambda: all(live.said().count(word) > n for word, n in zip(words, before)))


def next_epoch(net, epoch):
    shutil.copy(net.path / f"topology-{epoch}.json", net.path / "topology.new")
    (net.path / "topology.new").rename(net.path / "topology.json")


@unittest.skipIf(why_not(), why_not())
class Relays(unittest.TestCase):
    def wired(self, *options, node=11, layers=3, interval_us=5000):
        net = self.enterContext(Network("--layers", layers, "--interval-us", interval_us,
                                        "--epochs-ahead", "5", *options))
        return net, self.enterContext(Wire(net, node))

    def timed(self, *options, epoch_seconds=2, **more):
        """The same with short epochs, and a clock that stands until the test moves it: no step of
        ours has to be done in time. The begin of an epoch is at(epoch)."""
        net, wire = self.wired("--epoch-seconds", epoch_seconds, *options, **more)
        wall = self.enterContext(Wall())

        def at(epoch, seconds=0):
            wall.stand(seconds_of(net.topology["from"]) + (epoch - 1) * epoch_seconds + seconds)

        at(1)
        return net, wire, wall, at

    def test_replays_are_refused_after_kill_9_and_an_orderly_restart(self):
        net, wire = self.wired()
        frames = frames_of(net)
        config = wire.config()
        with wire.start(config) as live:
            self.assertEqual(wire.send(live, frames)["sent"], 120)
            live.process.kill()
            live.process.wait()
        for _ in range(2):
            with wire.start(config) as live:
                gained = wire.send(live, frames)
                self.assertEqual((gained["drop_replay"], gained["sent"]), (120, 0))
                live.stop()

    def test_replays_are_refused_after_sighup_and_on_both_sides_of_an_epochs_end(self):
        net, wire, wall, at = self.timed()
        frames = frames_of(net)
        kids = by_kid(frames)
        self.assertEqual(set(kids), {1, 2})
        with wire.start(wire.config(), **wall.environment) as live:
            self.assertEqual(wire.send(live, frames)["sent"], 120)
            hang_up(live, "SIGHUP: epoch 1")
            self.assertEqual(wire.send(live, frames)["drop_replay"], 120)
            for epoch in (2, 3, 4):
                next_epoch(net, epoch)
                at(epoch)
                live.wait(lambda: wire.stats().get("epoch", 0) == epoch)
                gained = wire.send(live, frames)
                past = sum(len(kids[kid]) for kid in kids if kid < epoch - 1)
                self.assertEqual(gained["drop_kid"], past)
                self.assertEqual(gained["drop_replay"], 120 - past)
                live.wait(lambda: sorted(p.name for p in net.runtime(11).iterdir() if
                                         p.name.startswith("epoch-")) ==
                          [f"epoch-{epoch + i}" for i in (-1, 0, 1)])
                self.assertEqual(
                    min(map(int, json.loads((net.path / "keys-11.json").read_text())["keys"])),
                    epoch + 2)
            self.assertTrue(live.stop()["closed"])

    def test_an_epochs_end_under_traffic_loses_nothing(self):
        net, wire, wall, at = self.timed()
        kids = by_kid(frames_of(net, count=2000))
        both = kids[1] + kids[2]  # what epochs 1 and 2 accept
        self.assertGreater(len(both), 1300)
        with wire.start(wire.config(), **wall.environment) as live:
            next_epoch(net, 2)
            wire.begin(both[:900], pause_us=4000)
            live.wait(lambda: wire.stats()["received"] > 100)
            hang_up(live, "SIGHUP: epoch 1,")
            at(2)
            live.wait(lambda: wire.stats()["epoch"] == 2)
            wire.begin(both[900:], pause_us=2000)
            hang_up(live, "SIGHUP: epoch 2,")
            wire.end()
            wire.end()
            live.wait(lambda: wire.stats()["received"] == len(both))
            books = live.stop()
            self.assertEqual((books["sent"], sum(books["drops"].values())), (len(both), 0))

    def test_several_epochs_may_end_at_once(self):
        net, wire, wall, at = self.timed()
        with wire.start(wire.config(), **wall.environment) as live:
            at(2)
            live.wait(lambda: wire.stats()["epoch"] == 2)
            at(4)  # and it stays there, without a document
            live.wait(lambda: wire.stats()["alarm_topology"] == 3)
            self.assertEqual(wire.stats()["epoch"], 2)
            next_epoch(net, 5)
            at(5)
            live.wait(lambda: wire.stats()["epoch"] == 5)
            gained = wire.send(live, frames_of(net))
            self.assertEqual(set(by_kid(frames_of(net, "again.pcap"))), {5, 6})
            self.assertEqual((gained["sent"], gained["drop_kid"]), (120, 0))
            live.stop()

    def test_what_is_broken_or_must_not_change_changes_nothing(self):
        net, wire, wall, at = self.timed(epoch_seconds=1200)
        over, signed = net.topology, net.path / "topology.json"
        next_epoch(net, 2)
        at(2)
        frames = frames_of(net, count=90)
        config = wire.config()
        good = config.read_text(), net.document()
        with wire.start(config, **wall.environment) as live:
            for words, change in (
                    ("limits.held: cannot change",
                     lambda c, t: (c.replace("held: 4096", "held: 4097"), t)),
                    ("runtime: cannot change", lambda c, t: (c.replace("/11\n", "/12\n"), t)),
                    ("not: is no key of this file", lambda c, t: (c + "not: 1\n", t)),
                    ("authorities: cannot change",
                     lambda c, t: (c.replace("authorities:\n", f"authorities:\n- {'0' * 64}\n"),
                                   t)),
                    ("not JSON", lambda c, t: (c, json.dumps(t)[:-20])),
                    ("is older than that of epoch 2, which was taken", lambda c, t: (c, over)),
                    ("the authorities have signed two", lambda c, t: (c, {**t, "mixing": {
                        **t["mixing"], "interval_us": 5001}}))):
                with self.subTest(words):
                    net.publish(change(*good)[1])
                    config.write_text(change(*good)[0])
                    hang_up(live, "SIGHUP: nothing has changed: ", words)
            config.write_text(good[0])
            net.publish(good[1])
            whole = signed.read_text()
            for words, text in (
                    ("has 0 good signatures of the 1 needed", whole.replace('"epoch"', '"apoch"')),
                    ("ends before the document", whole[:222]),
                    ("is no signed file", whole[1:])):
                with self.subTest(words):
                    signed.write_text(text)
                    hang_up(live, "SIGHUP: nothing has changed: ", words)
            signed.write_text(whole)
            self.assertEqual(wire.send(live, frames)["sent"], 90)
            live.stop()

    def test_after_a_reload_that_failed_the_file_that_was_watched_is_watched(self):
        net, wire, wall, at = self.timed()
        shutil.copy(net.path / "topology.json", net.path / "other.json")
        config = wire.config()
        with wire.start(config, **wall.environment) as live:
            config.write_text(config.read_text().replace("topology.json", "other.json") +
                              f'services: [{{dest: "{DEST}", address: "127.0.0.1:9"}}]\n')
            hang_up(live, "SIGHUP: nothing has changed: ", "only a gateway delivers")
            next_epoch(net, 2)
            at(2)
            live.wait(lambda: "epoch 2, by the topology of epoch 2" in live.said())
            live.stop()

    def test_a_next_topology_that_will_not_do_leaves_the_last_good_one(self):
        for words, change in (
                ("mixing: cannot change while the relay runs",
                 lambda t: {**t, "mixing": {**t["mixing"], "interval_us": 5001}}),
                ("has no node 11, which is this one; it goes on by the topology of epoch 1",
                 lambda t: json.loads(json.dumps(t).replace('"id": 11,', '"id": 12,'))),
                ("node 11 has another key of epoch 2 than the document of epoch 1 has promised",
                 swap_keys)):
            with self.subTest(words):
                net, wire, wall, at = self.timed()
                with wire.start(wire.config(), **wall.environment) as live:
                    net.publish(change(net.document("topology-2.json")))
                    at(2)
                    live.wait(lambda: words in live.said())
                    live.wait(lambda: wire.stats()["epoch"] == 2)
                    live.wait(lambda: "epoch 2, by the topology of epoch 1" in live.said())
                    self.assertEqual(sum(v for k, v in wire.stats().items() if
                                         k.startswith("topology_refused_")),
                                     1 if "promised" in words else 0)
                    self.assertTrue(live.stop()["closed"])

    def test_who_is_left_out_serves_an_epoch_more_and_then_sends_what_it_holds(self):
        net, wire, wall, at = self.timed("--max-wait-us", "8000000", interval_us=4000000)
        frames = frames_of(net)
        without = net.document("topology-2.json")
        without["nodes"] = [n for n in without["nodes"] if n["id"] != 11]
        others = net.document("topology-2.json")["nodes"]
        without["nodes"].append({**next(n for n in others if n["id"] == 11), "id": 12})
        with wire.start(wire.config(), **wall.environment) as live:
            net.publish(without)
            live.wait(lambda: "is left out of the next topology" in live.said())
            self.assertEqual(wire.stats()["retired"], 1)
            at(2)
            live.wait(lambda: wire.stats()["retired"] == 2 and wire.stats()["epoch"] == 2)
            wire.begin(frames)
            wire.end()
            live.wait(lambda: wire.stats()["received"] == len(frames))
            at(3)
            books = live.end()
            self.assertIn("nothing comes any more: sends what it holds, and ends", live.said())
        self.assertEqual(books["sent"], len(frames))
        self.assertTrue(books["closed"])

    def test_documents_that_were_taken_outlive_a_restart(self):
        net, wire, wall, at = self.timed()
        config = wire.config(extra="state: state\n")
        with wire.start(config, **wall.environment) as live:
            next_epoch(net, 2)
            live.wait(lambda: (net.path / "state/document-2").exists())
            live.stop()
        at(2)
        first = net.path / "topology.json"
        first.write_bytes((net.path / "state/document-1").read_bytes())
        frames = by_kid(frames_of(net, "in.pcap", 200))
        self.assertEqual(set(frames), {1, 2})
        with wire.start(config, **wall.environment) as live:
            self.assertIn("is older than that of epoch 2", live.said())
            self.assertEqual(wire.stats()["epoch"], 2)
            gained = wire.send(live, frames[1] + frames[2])  # also by the key of the epoch before
            self.assertEqual(gained["sent"], 200)
            live.stop()
        first.unlink()
        with wire.start(config, **wall.environment) as live:
            self.assertIn("topology.json: cannot be opened", live.said())
            self.assertIn("the last good topology goes on", live.said())
            live.stop()

    def test_the_end_of_the_last_topology_is_an_alarm(self):
        net, wire, wall, at = self.timed(epoch_seconds=8)
        with wire.start(wire.config(), **wall.environment) as live:
            self.assertEqual(wire.stats()["alarm_topology"], 0)
            for stage, when, words in ((1, (1, 7), "ends soon and no other has come"),
                                       (2, (2, 0), "the next epoch goes on by it"),
                                       (3, (3, 0), "no key changes any more until another comes")):
                at(*when)
                live.wait(lambda: wire.stats()["alarm_topology"] == stage)
                live.wait(lambda: words in live.said())
            live.wait(lambda: wire.stats()["epoch"] == 2)
            live.stop()

    def test_services_come_and_go(self):
        net, wire = self.wired("--gateways", "1", node=2, layers=1)
        net.make("in.pcap", "--to", 2, "--dest", DEST, "--cmds", "exit", count=60)
        _, out = net.replay(net.config(11), net.path / "in.pcap", "out.pcap")
        frames = [frame for _, frame in read_capture(out)]
        config = wire.config()
        with wire.start(config) as live:
            self.assertEqual(wire.send(live, frames[:20])["drop_service"], 20)
            with config.open("a") as more:
                more.write(f'services: [{{dest: "{DEST}", address: "127.0.0.1:9"}}]\n')
            hang_up(live, "1 services")
            self.assertEqual(wire.send(live, frames[20:40])["delivered"], 20)
            wire.config()
            hang_up(live, "0 services")
            self.assertEqual(wire.send(live, frames[40:])["drop_service"], 20)
            live.stop()

    def test_what_is_held_for_a_neighbour_that_leaves_is_dropped_by_name_an_epoch_later(self):
        net, wire, wall, at = self.timed("--per-layer", "2", "--max-wait-us", "8000000",
                                         interval_us=4000000)
        frames = frames_of(net)
        previous = net.document("topology-2.json")["previous"]
        with wire.start(wire.config(extra="state: state\n"), **wall.environment) as live:
            for epoch in (2, 3):
                without = net.document(f"topology-{epoch}.json")
                without["nodes"] = [n for n in without["nodes"] if n["id"] != 22]
                text = json.dumps({**without, "previous": previous})
                previous = hashlib.blake2b(text.encode(), digest_size=32).hexdigest()
                net.publish(text)
                live.wait(lambda: (net.path / f"state/document-{epoch}").exists())
                if epoch == 3:
                    wire.begin(frames)
                    wire.end()
                    live.wait(lambda: wire.stats()["received"] == len(frames))
                    self.assertEqual(wire.stats()["drop_next_unknown"], 0)
                at(epoch)
                live.wait(lambda: wire.stats()["epoch"] == epoch)
                self.assertIn("1 of 1 next hops resolved", live.said())
            live.wait(lambda: wire.stats()["held"] == 0)
            books = live.stop()
        # the generator draws one of two first nodes, and one of two next ones
        mine = books["sent"] + books["drops"]["next_unknown"]
        self.assertGreater(books["sent"], 10)
        self.assertGreater(books["drops"]["next_unknown"], 10)
        self.assertEqual(mine + books["drops"]["foreign"], len(frames))
        self.assertTrue(books["closed"])

    def test_a_full_set_drops_by_name_raises_the_alarm_and_keeps_the_rest(self):
        net, wire = self.wired()
        frames = frames_of(net, count=600)
        with wire.start(wire.config(replay=64)) as live:
            gained = wire.send(live, frames)
            self.assertGreater(gained["drop_replay_full"], 200)
            self.assertGreaterEqual(gained["sent"], 2 * 64)
            live.wait(lambda: wire.stats()["alarm_replay_full"] >= 1)
            live.wait(lambda: "full replay sets: epoch" in live.said())
            before = wire.stats()["alarm_replay_full"]
            again = wire.send(live, frames)
            self.assertEqual(again["sent"], 0)
            self.assertEqual(again["drop_replay"], gained["sent"])
            live.wait(lambda: wire.stats()["alarm_replay_full"] > before)
            self.assertEqual(live.said().count("full replay sets"), 1)
            live.stop()

    def lose_the_machine(self, net, wire):
        config = wire.config()
        with wire.start(config) as live:
            live.stop()
        shutil.rmtree(net.runtime(11))
        return config

    def test_after_a_loss_of_the_machine_used_keys_stay_away(self):
        net, wire, wall, at = self.timed(epoch_seconds=1200)
        config = self.lose_the_machine(net, wire)
        done = network.run(network.RELAY, "--config", config, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no key that the topology lists for epoch 1", done.stderr)
        self.assertIn("a later epoch", done.stderr)
        next_epoch(net, 2)
        frames = frames_of(net, count=400)
        kids = by_kid(frames)
        at(2)
        with wire.start(config, **wall.environment) as live:
            self.assertIn("no key of epoch 2: lost with the machine", live.said())
            gained = wire.send(live, frames)
            self.assertEqual(gained["sent"], len(kids[3]))
            self.assertEqual(gained["drop_kid"], len(kids[2]))
            live.stop()

    def test_a_stop_does_not_wait_for_a_disk_that_hangs(self):
        net, wire = self.wired("--max-wait-us", "60000000", interval_us=30000000)
        disk = self.enterContext(Disk())
        config = wire.config(extra="state: state\n")
        with wire.start(config, **disk.environment) as live:
            wire.begin(frames_of(net))
            wire.end()
            live.wait(lambda: wire.stats()["held"] == 120)
            disk.hang(True)
            next_epoch(net, 2)
            live.wait(disk.waited_for)
            live.process.send_signal(signal.SIGTERM)
            live.wait(lambda: "handed over 120 packets to the next start" in live.said())
            self.assertTrue(disk.waited_for())
            disk.hang(False)
            books = live.end()
            self.assertEqual((books["held"], books["closed"]), (120, True))
            self.assertEqual(sorted(path.name for path in (net.path / "state").iterdir()),
                             ["document-1", "document-2"])

    def test_a_reload_that_is_asked_for_while_a_disk_hangs_comes_after(self):
        net, wire = self.wired()
        disk = self.enterContext(Disk())
        with wire.start(wire.config(extra="state: state\n"), **disk.environment) as live:
            disk.hang(True)
            next_epoch(net, 2)
            live.wait(disk.waited_for)
            live.process.send_signal(signal.SIGHUP)
            disk.hang(False)
            live.wait(lambda: "SIGHUP: epoch 1, " in live.said())
            live.stop()

    def test_who_knows_the_next_topology_alone_waits_until_it_begins(self):
        net, wire, wall, at = self.timed(epoch_seconds=1200)
        next_epoch(net, 2)
        config = wire.config()
        at(1, 900)
        with Live(config, inside=wire.namespace.inside([]), **wall.environment) as live:
            live.wait(lambda: "waits for epoch 2, which begins" in live.said())
            self.assertIn("with `state` in the config a restart finds it", live.said())
            self.assertEqual(wire.answer(), {})
            at(2)
            live.wait(lambda: wire.answer().get("epoch") == 2)
            live.stop()

    def test_two_relays_have_two_folders(self):
        net, wire = self.wired()
        config = wire.config()
        with wire.start(config) as live:
            done = network.run(network.RELAY, "--config", config, ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("another process has this runtime folder", done.stderr)
            looked = network.run(network.RELAY, "--config", config, "--check-config")
            self.assertIn("epoch 1 in use, epoch 2 in use", looked.stdout)
            live.stop()

    def test_without_a_runtime_folder_the_relay_says_what_that_means(self):
        net, wire = self.wired()
        before = (net.path / "keys-11.json").read_bytes()
        with wire.start(wire.config(runtime="none")) as live:
            self.assertIn("runtime: none: replay sets die with this process", live.said())
            self.assertEqual(wire.send(live, frames_of(net))["sent"], 120)
            live.stop()
        self.assertEqual((net.path / "keys-11.json").read_bytes(), before)


class Fed(unittest.TestCase):
    def test_a_feed_is_at_the_documents_own_time_after_sighup_too(self):
        with Network("--layers", "1", "--epoch-seconds", "2") as net, Wall() as wall:
            capture = net.make("in.pcap", count=100)
            wall.stand(seconds_of(net.topology["until"]) + 1)  # by the clock it is epoch 2
            with Live(net.config(11), arguments=("--feed", capture, "--feed-rate", "10"),
                      **wall.environment) as live:
                live.wait(lambda: stats(net, 11))
                hang_up(live, "SIGHUP: epoch 1,")
                self.assertEqual(stats(net, 11)["epoch"], 1)


def swap_keys(topology):
    topology = copy.deepcopy(topology)
    mine, other = [next(n for n in topology["nodes"] if n["id"] == i) for i in (11, 21)]
    mine["keys"], other["keys"] = other["keys"], mine["keys"]
    return topology


@unittest.skipIf(why_no_machines(), why_no_machines())
class Machines(unittest.TestCase):
    """Machines with too little of something, made of namespaces."""

    def refused(self, net, config, prepare, *words):
        for check in ([], ["--check-config"]):
            done = network.run("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec",
                               prepare + '\nexec "$@"', "sh", network.RELAY, "--config", config,
                               *check, ok=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)

    def test_too_little_memory_is_refused_with_the_arithmetic(self):
        with Network() as net:
            config = net.config(11)
            self.refused(net, config, f"mount -t tmpfs -o size=1m tmpfs {net.memory.name}",
                         "no memory for 4 replay sets of 65536 tags", "0.4 MiB each",
                         "1.0 MiB free", "lower limits.max_packets_per_second")
            self.refused(net, config, "ulimit -l 1024", "does not lock 4 replay sets",
                         "LimitMEMLOCK=")
            config.write_text(config.read_text().replace(
                "replay: 65536", "max_packets_per_second: 100000000, replay: 0"))
            self.refused(net, config, "", "no memory for 4 replay sets of 360000000000 tags",
                         "the machine has")

    def test_swap_is_refused_with_its_remedy(self):
        with Network() as net:
            swaps = net.path / "swaps"
            swaps.write_text("Filename Type Size Used Priority\n/swap file 1 0 -2\n")
            self.refused(net, net.config(11), f"mount --bind {swaps} /proc/swaps",
                         "this machine has swap", "swapoff -a")

    def test_the_check_prints_the_arithmetic_of_replay_sets(self):
        with Network("--epoch-seconds", "60") as net:
            config = net.config(11)
            config.write_text(config.read_text().replace(
                "replay: 65536", "max_packets_per_second: 100"))
            said = network.run(network.RELAY, "--config", config, "--check-config").stdout
            self.assertIn("replay: 100 packets/s x 3 epochs x 60 s = 18000 tags, ", said)
            self.assertIn("4 sets while epochs change", said)
            self.assertIn("epoch 1 waits in the key file", said)
            self.assertFalse(net.runtime(11).exists())


if __name__ == "__main__":
    tap.main()
