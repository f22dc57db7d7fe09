# SPDX-License-Identifier: BSD-3-Clause
"""How relays start, stop and start again: what is held, exact books, the service manager,
rights."""
import contextlib
import copy
import ctypes
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import statistics
import subprocess
import threading
import time
import unittest

import network
import tap
from network import Live, Network, read_capture, stats, write_capture

# batches of an interval that outlasts any test, and of one that does not
HOLD = ("--min-batch", "1", "--interval-us", "60000000", "--max-wait-us", "60000000")
WAIT_A_WHILE = ("--min-batch", "1", "--interval-us", "2000000", "--max-wait-us", "2000000")
DEST = "5e" * 32


def utc(seconds):
    """A time as documents have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class Restarts:
    """A relay over pcap files, started again and again; each time it receives a capture."""

    def __init__(self, net, node=11, extra="", held=4096):
        self.net, self.node, self.extra, self.held = net, node, extra, held
        self.path = net.path / f"node-{node}.yaml"
        self.outs = []

    def pcap(self, capture):
        capture = capture or write_capture(self.net.path / "none.pcap", [])
        self.outs.append(self.net.path / f"out-{len(self.outs)}.pcap")
        return f"net_pcap0,rx_pcap={capture},tx_pcap={self.outs[-1]}"

    @contextlib.contextmanager
    def start(self, capture=None, device=None, **environment):
        config = self.net.config(self.node, device or self.pcap(capture), held=self.held,
                                 extra=self.extra)
        with Live(config, **environment) as live:
            live.wait(lambda: "taken_over" in stats(self.net, self.node))
            yield live

    def stats(self):
        return stats(self.net, self.node)

    def hold(self, capture, count, number=signal.SIGTERM, **environment):
        """Starts, receives until so many are held, and stops; the books and what was said."""
        with self.start(capture, **environment) as live:
            live.wait(lambda: self.stats().get("held") == count)
            return live.stop(number), live.said()

    def let_go(self):
        """From the next start on, batches leave at once."""
        self.net.topology["mixing"].update(interval_us=20000, max_wait_us=20000)
        self.net.publish()

    def left(self):
        """Everything that left, over all starts, as one capture."""
        frames = [frame for out in self.outs for frame in read_capture(out)]
        return write_capture(self.net.path / "left.pcap", frames)


@contextlib.contextmanager
def small_memory(net, size):
    """Words that run a program where the folder of runtime folders is a small tmpfs."""
    mount = f"mount -t tmpfs -o size={size} tmpfs {net.memory.name} && echo && exec sleep 300"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", mount], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as holder:
        try:
            if not holder.stdout.readline():
                raise unittest.SkipTest("needs the right to mount")
            yield "nsenter", f"--target={holder.pid}", "--mount"
        finally:
            holder.kill()


@unittest.skipIf(network.SWAP, "needs a machine without swap")
class HandOver(unittest.TestCase):
    def test_sigterm_hands_over_and_the_next_start_sends(self):
        with Network(*HOLD) as net:
            relay, capture = Restarts(net), net.make("in.pcap", count=200)
            books, said = relay.hold(capture, 200)
            self.assertEqual((books["sent"], books["held"], books["off"]), (0, 200, 0))
            self.assertIn("handed over 200 packets", said)
            held = net.runtime(11) / "held"
            self.assertEqual(stat.S_IMODE(held.stat().st_mode), 0o600)
            self.assertEqual(stat.S_IMODE(held.parent.stat().st_mode), 0o700)
            relay.let_go()
            with relay.start() as live:
                self.assertIn("took over 200 packets, 0 of them dropped", live.said())
                self.assertFalse(held.exists())
                live.wait(lambda: relay.stats().get("sent") == 200)
                books = live.stop()
            self.assertEqual((books["received"], books["taken_over"], books["sent"]), (0, 200, 200))
            # each packet once, exactly as lib/packet says
            net.replay_check(relay.path, capture, relay.left())

    def test_over_three_starts_nothing_is_lost_and_nothing_leaves_twice(self):
        with Network(*HOLD) as net:
            frames = read_capture(net.make("in.pcap", count=200))
            relay = Restarts(net)
            first = write_capture(net.path / "first.pcap", frames[:120])
            second = write_capture(net.path / "second.pcap", frames[120:])
            relay.hold(first, 120)
            books, _ = relay.hold(second, 200)
            self.assertEqual((books["received"], books["taken_over"], books["held"]),
                             (80, 120, 200))
            relay.let_go()
            with relay.start() as live:
                live.wait(lambda: relay.stats().get("sent") == 200)
                books = live.stop()
            self.assertEqual((books["taken_over"], books["sent"], books["off"]), (200, 200, 0))
            net.replay_check(relay.path, net.path / "in.pcap", relay.left())

    def test_delays_go_on_while_nobody_runs(self):
        with Network("--strategy", "poisson", "--mean-delay-us", "1000000") as net:
            relay, capture = Restarts(net), net.make("in.pcap", count=300, rate=100000)
            # on a virtual clock each packet leaves after its own delay
            _, replayed = net.replay(net.config(11), capture, "replayed.pcap")
            begun_us = read_capture(capture)[0][0]
            delay_us = {frame: time_us - begun_us for time_us, frame in read_capture(replayed)}
            with relay.start(capture) as live:
                live.wait(lambda: relay.stats().get("sent", 0) > 60)
                before = live.stop(signal.SIGTERM)
            with relay.start() as live:
                live.wait(lambda: relay.stats().get("sent") == before["held"])
                self.assertEqual(live.stop()["sent"], before["held"])
            self.assertGreater(before["held"], 100)
            first, second = (read_capture(out) for out in relay.outs)
            self.assertEqual(len({frame for _, frame in first + second}), 300)
            # when they all came, by the wall's clock
            came_us = statistics.median(time_us - delay_us[frame] for time_us, frame in first)
            start_us = second[0][0]
            late_us = [time_us - came_us - delay_us[frame] for time_us, frame in second
                       if came_us + delay_us[frame] > start_us]
            self.assertGreater(len(late_us), 30)
            self.assertLess(max(map(abs, late_us)), 300000)

    def test_deliveries_are_handed_over_too(self):
        with Network("--gateways", "1", *HOLD) as net, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
            service.bind(("127.0.0.1", 0))
            service.settimeout(5)
            port = service.getsockname()[1]
            capture = net.make("in.pcap", "--to", 2, "--dest", DEST, "--cmds", "exit", count=30)
            for mix in (11, 21, 31):
                _, capture = net.replay(net.config(mix), capture, f"at-{mix}.pcap")
            extra = f"services: [{{dest: \"{DEST}\", address: \"127.0.0.1:{port}\"}}]\n"
            relay = Restarts(net, node=2, extra=extra)
            relay.hold(capture, 30)
            held = (net.runtime(2) / "held").read_bytes()
            relay.let_go()
            with relay.start() as live:
                datagrams = {service.recv(65536) for _ in range(30)}
                live.wait(lambda: relay.stats().get("delivered") == 30)
                self.assertEqual(live.stop()["taken_over"], 30)
            self.assertEqual(len(datagrams), 30)
            # a gateway that no longer has the service drops them under that name
            (net.runtime(2) / "held").touch(0o600)
            (net.runtime(2) / "held").write_bytes(held)
            relay.extra = ""
            with relay.start() as live:
                books = live.stop()
            self.assertEqual((books["taken_over"], books["drops"]["service"]), (30, 30))

    def test_what_the_port_does_not_take_is_handed_over_too(self):
        with Network(*HOLD) as net:
            relay, capture = Restarts(net), net.make("in.pcap", count=200)
            relay.hold(capture, 200)
            relay.let_go()
            # nobody is at the other end: packets leave the mixer and stay before the port
            with relay.start(device=f"net_vhost0,iface={net.path}/vhost.sock") as live:
                time.sleep(0.5)
                books = live.stop(signal.SIGTERM)
            self.assertEqual((books["sent"], books["held"]), (0, 200))
            with relay.start() as live:
                self.assertEqual(live.stop()["sent"], 200)
            net.replay_check(relay.path, capture, relay.left())

    def test_what_does_not_fit_the_next_start_is_dropped_by_name(self):
        with Network(*HOLD) as net:
            relay = Restarts(net)
            relay.hold(net.make("in.pcap", count=200), 200)
            relay.held = 100
            relay.let_go()
            with relay.start() as live:
                self.assertIn("took over 200 packets, 100 of them dropped", live.said())
                books = live.stop()
            self.assertEqual((books["taken_over"], books["sent"]), (200, 100))
            self.assertEqual(books["drops"]["pool_full"], 100)

    def test_what_was_taken_over_waits_for_next_hops(self):
        with Network("--epochs-ahead", "1", *HOLD) as net:
            relay = Restarts(net)
            relay.hold(net.make("in.pcap", count=50), 50)
            relay.let_go()
            end_s = int(time.time()) + 3  # when a topology comes into force that has addresses
            unresolved = {**copy.deepcopy(net.topology), "from": utc(end_s - 60),
                          "until": utc(end_s)}
            for node in unresolved["nodes"]:
                if node["id"] != 11:
                    del node["mac"]
            text = json.dumps(unresolved)
            net.publish(text)
            with relay.start() as live:
                net.publish({**net.document("topology-2.json"),
                             "mixing": net.topology["mixing"], "from": utc(end_s),
                             "until": utc(end_s + 60),
                             "previous": hashlib.blake2b(text.encode(),
                                                         digest_size=32).hexdigest()})
                live.wait(lambda: relay.stats().get("held") == 0)
                books = live.stop()
            self.assertEqual((books["sent"], books["drops"]["unresolved"]), (50, 0))

    def test_the_next_start_has_room_for_its_replay_sets(self):
        with Network(*HOLD) as net, small_memory(net, "2m") as inside:
            relay, capture = Restarts(net), net.make("in.pcap", count=620)
            with Live(net.config(11, relay.pcap(capture)), inside) as live:
                live.wait(lambda: relay.stats().get("held") == 620)
                books = live.stop(signal.SIGTERM)
            self.assertEqual((books["held"] + books["drops"]["stopped"], books["off"]), (620, 0))
            self.assertGreater(books["held"], 100)
            with Live(net.config(11, relay.pcap(None)), inside) as live:
                live.wait(lambda: relay.stats().get("taken_over") == books["held"])
                live.stop(signal.SIGTERM)

    def test_packets_for_a_neighbour_that_is_gone_are_dropped_by_name(self):
        with Network("--per-layer", "2", *HOLD) as net:
            relay = Restarts(net)
            mac = bytes.fromhex(net.node(11)["mac"].replace(":", ""))
            frames = [frame for frame in read_capture(net.make("in.pcap", count=600))
                      if frame[1][:6] == mac][:200]
            relay.hold(write_capture(net.path / "for-11.pcap", frames), 200)
            net.topology["nodes"] = [n for n in net.topology["nodes"] if n["id"] != 21]
            relay.let_go()
            with relay.start() as live:
                books = live.stop()
            self.assertEqual(books["taken_over"], 200)
            self.assertEqual(books["sent"] + books["drops"]["next_unknown"], 200)
            # 100 +- 7 each
            self.assertIn(books["sent"], range(60, 140))

    def test_damaged_files_are_refused_and_moved_aside(self):
        def flip(data):
            return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]

        with Network(*HOLD) as net:
            relay, frames = Restarts(net), read_capture(net.make("in.pcap", count=40))
            held = net.runtime(11) / "held"
            for damage, why in ((flip, "is damaged"), (lambda data: data[:9000], "is cut off")):
                # other ones each time: replays are refused over restarts too
                relay.hold(write_capture(net.path / "half.pcap", frames[:20]), 20)
                frames = frames[20:]
                held.write_bytes(damage(held.read_bytes()))
                with relay.start() as live:
                    self.assertIn(why, live.said())
                    self.assertEqual(relay.stats()["taken_over"], 0)
                    self.assertFalse(held.exists())
                    self.assertTrue((net.runtime(11) / "held.refused").exists())
                    self.assertTrue(live.stop()["closed"])

    def test_the_time_without_anyone_to_receive_is_reported(self):
        with Network(*HOLD) as net:
            relay = Restarts(net)
            relay.hold(None, 0)
            time.sleep(1)
            with relay.start() as live:
                away_s = float(re.search(r"nothing was received for ([\d.]+) s", live.said())[1])
                self.assertGreater(away_s, 1)
                self.assertLess(away_s, 10)
                self.assertAlmostEqual(relay.stats()["away_us"] / 1e6, away_s, delta=0.06)
                live.stop()

    def test_two_relays_do_not_share_a_runtime_directory(self):
        with Network("--per-layer", "2") as net:
            relay = Restarts(net)
            with relay.start() as live:
                config = net.config(12, "net_null0", runtime=net.runtime(11))
                done = network.run(network.RELAY, "--config", config, ok=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("another process has this runtime folder", done.stderr)
                live.stop()

    def test_two_relays_do_not_share_a_file_prefix(self):
        with Network("--per-layer", "2") as net:
            relay = Restarts(net)
            with relay.start() as live:
                config = net.config(12, "net_null0")
                config.write_text(config.read_text().replace(net.prefix(12), net.prefix(11)))
                done = network.run(network.RELAY, "--config", config, ok=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("file_prefix: another process has", done.stderr)
                self.assertGreaterEqual(relay.stats()["away_us"], 0)  # and it still answers
                live.stop()


class Drain(unittest.TestCase):
    def test_a_second_sigint_drops_what_is_left_at_once(self):
        with Network(*HOLD) as net:
            relay = Restarts(net)
            with relay.start(net.make("in.pcap", count=50)) as live:
                live.wait(lambda: relay.stats().get("held") == 50)
                live.process.send_signal(signal.SIGINT)
                time.sleep(0.5)
                self.assertIsNone(live.process.poll())
                books = live.stop(signal.SIGINT)
            self.assertEqual((books["sent"], books["held"]), (0, 0))
            self.assertEqual(books["drops"]["stopped"], 50)

    def test_sigterm_during_a_drain_hands_over_what_is_left(self):
        with Network(*HOLD) as net:
            relay = Restarts(net)
            with relay.start(net.make("in.pcap", count=50)) as live:
                live.wait(lambda: relay.stats().get("held") == 50)
                live.process.send_signal(signal.SIGINT)
                time.sleep(0.2)
                books = live.stop(signal.SIGTERM)
            self.assertEqual((books["held"], books["drops"]["stopped"]), (50, 0))
            with relay.start() as live:
                self.assertEqual(relay.stats()["taken_over"], 50)
                live.stop(signal.SIGTERM)

    def test_nothing_is_received_while_draining(self):
        with Network(*WAIT_A_WHILE) as net:
            relay = Restarts(net)
            with relay.start(net.make("in.pcap", count=50)) as live:
                live.wait(lambda: relay.stats().get("held") == 50)
                begun = time.monotonic()
                books = live.stop()
            # a batch leaves over a whole interval, also now
            self.assertGreater(time.monotonic() - begun, 1)
            self.assertEqual((books["received"], books["sent"]), (50, 50))

    def test_a_small_batch_waits_for_its_company_also_then(self):
        with Network("--min-batch", "100", "--max-wait-us", "1000000") as net:
            relay = Restarts(net)
            with relay.start(net.make("in.pcap", count=50)) as live:
                live.wait(lambda: relay.stats().get("received") == 50)
                books = live.stop()
            self.assertEqual((books["received"], books["cover"], books["sent"]), (50, 50, 100))


class Manager:
    """What a service manager is told: a socket as it would have it, read all the time."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.told = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while message := self.socket.recv(4096):
            self.told.append(message.decode())

    def hear(self):
        """Everything told so far."""
        return list(self.told)

    def close(self):
        self.socket.shutdown(socket.SHUT_RD)  # an empty message, which ends the thread
        self.socket.close()

    def count(self, what):
        return sum(what in message for message in self.hear())


def threads(process):
    """What the kernel says of each thread of a process, by its id. Those that end are left out."""
    found = {}
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = (task / "status").read_text().splitlines()
            found[int(task.name)] = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return found


class Stuck:
    """Holds one thread of another process still, as a debugger would."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, thread):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.thread = thread

    def trace(self, request):
        if self.libc.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.trace(self.SEIZE)
        self.trace(self.INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL

    def __exit__(self, *unused):
        self.trace(self.DETACH)


class Service(unittest.TestCase):
    def start(self, net, **environment):
        manager = Manager(net.path / "notify")
        self.addCleanup(manager.close)
        return manager, Restarts(net), {"NOTIFY_SOCKET": manager.path, **environment}

    def test_the_manager_hears_ready_life_and_the_end(self):
        with Network(*WAIT_A_WHILE) as net:
            manager, relay, environment = self.start(net, WATCHDOG_USEC="400000")
            with relay.start(net.make("in.pcap", count=20), **environment) as live:
                live.wait(lambda: manager.count("READY=1"))
                self.assertIn("STATUS=node 11: 1 of 1 next hops resolved", manager.hear()[0])
                begun, before = time.monotonic(), manager.count("WATCHDOG=1")
                live.wait(lambda: manager.count("WATCHDOG=1") >= before + 5)
                # at half of the watchdog's time
                self.assertIn(round((time.monotonic() - begun) / 0.2), range(4, 9))
                live.wait(lambda: relay.stats().get("held") == 20)
                before = manager.count("WATCHDOG=1")
                live.stop()
            self.assertEqual(manager.count("STOPPING=1\nSTATUS=sends what is held"), 1)
            self.assertGreater(manager.count("EXTEND_TIMEOUT_USEC="), 0)
            self.assertGreater(manager.count("WATCHDOG=1"), before)

    @unittest.skipIf(network.SWAP, "needs a machine without swap")
    def test_signs_of_life_go_on_while_epochs_change(self):
        with Network("--epochs-ahead", "2", "--epoch-seconds", "12", *HOLD) as net:
            manager, relay, environment = self.start(net, WATCHDOG_USEC="20000")
            config = net.config(11, relay.pcap(None), replay=20000000)
            with Live(config, **environment) as live:
                live.wait(lambda: manager.count("WATCHDOG=1") >= 2)
                shutil.copy(net.path / "topology-2.json", net.path / "topology.json")
                # the set of the key that comes into use is made ahead, and that takes a while
                made = net.runtime(11) / "epoch-3.new"
                live.wait(lambda: made.exists() or network.SWAP)
                before = manager.count("WATCHDOG=1")
                live.wait(lambda: not made.exists())
                live.wait(lambda: manager.count("WATCHDOG=1") > before + 2)
                live.wait(lambda: "by the topology of epoch 2" in live.said())
                live.process.send_signal(signal.SIGHUP)
                live.wait(lambda: manager.count("READY=1") == 2)
                self.assertIn("RELOADING=1", "".join(manager.hear()))
                live.stop()

    @unittest.skipIf(os.geteuid() != 0, "needs root to hold a thread of another process")
    def test_one_lcore_that_is_stuck_ends_the_signs_of_life(self):
        with Network(*HOLD) as net:
            manager, relay, environment = self.start(net, WATCHDOG_USEC="200000")
            with relay.start(**environment) as live:
                live.wait(lambda: manager.count("WATCHDOG=1") >= 2)
                lcore = next(thread for thread, words in threads(live.process).items()
                             if "worker-1" in words["Name"])
                with Stuck(lcore):
                    before = manager.count("WATCHDOG=1")
                    time.sleep(1)
                    # one that was due just then may have come
                    self.assertLessEqual(manager.count("WATCHDOG=1"), before + 1)
                before = manager.count("WATCHDOG=1")
                live.wait(lambda: manager.count("WATCHDOG=1") >= before + 3)
                live.stop()


class Rights(unittest.TestCase):
    def sandboxed(self, live):
        """Checks every thread."""
        for words in threads(live.process).values():
            self.assertEqual((words["Seccomp"], words["NoNewPrivs"]), ("2", "1"))
            # IPC_LOCK at most: later keys are locked too
            self.assertIn(int(words["CapEff"], 16), (0, 1 << 14))
            self.assertEqual(words["CapEff"], words["CapPrm"])
            self.assertGreater(int(words["VmLck"].split()[0]), 0)

    @unittest.skipIf(network.SANITIZED, "a sanitizer has threads of its own, which give up nothing")
    def test_a_running_relay_has_given_up_what_it_does_not_need(self):
        with Network(*HOLD) as net:
            relay = Restarts(net)
            with relay.start() as live:
                self.sandboxed(live)
                limits = pathlib.Path(f"/proc/{live.process.pid}/limits").read_text()
                self.assertRegex(limits, r"Max core file size +0 +0 ")
                live.stop()

    def test_without_a_sandbox_it_keeps_its_rights(self):
        with Network(*HOLD) as net:
            relay = Restarts(net, extra="sandbox: false\n")
            with relay.start() as live:
                own = pathlib.Path("/proc/self/status").read_text()
                for words in threads(live.process).values():
                    self.assertEqual(words["Seccomp"], "0")
                    self.assertIn(f"CapEff:\t{words['CapEff']}\n", own)
                live.stop()

    @unittest.skipIf(os.geteuid() != 0 or network.SANITIZED,
                     "needs root to become another user, and no sanitizer")
    def test_as_another_user_it_hands_over_and_takes_over(self):
        with Network(*HOLD) as net:
            relay = Restarts(net, extra="user: nobody\n")
            for path in (net.path, *net.path.iterdir(), net.runtime(11).parent):
                shutil.chown(path, "nobody", "nogroup")
            with relay.start(net.make("in.pcap", count=20)) as live:
                live.wait(lambda: relay.stats().get("held") == 20)
                for words in threads(live.process).values():
                    self.assertEqual(words["Uid"].split(), ["65534"] * 4)
                self.sandboxed(live)
                live.stop(signal.SIGTERM)
            with relay.start() as live:
                self.assertEqual(relay.stats()["taken_over"], 20)
                live.stop(signal.SIGTERM)

    def test_a_user_who_is_none_is_refused(self):
        with Network() as net:
            config = net.config(11, "net_null0", extra="user: no-such-user\n")
            done = network.run(network.RELAY, "--config", config, ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no user \"no-such-user\"", done.stderr)


if __name__ == "__main__":
    tap.main()
