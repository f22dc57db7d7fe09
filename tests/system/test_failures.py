# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong around a relay, as the operator's guide promises: the message with its remedy,
and how the relay goes on. What wrong clocks, kill -9 and restarts do is in tests of their own."""
import contextlib
import pathlib
import re
import signal
import subprocess
import unittest

import network
import tap
from network import RELAY, Live, Network
from test_epochs import Wire, next_epoch, why_not

HUGE_PAGES = re.search(r"HugePages_Free: *(\d+)", pathlib.Path("/proc/meminfo").read_text())


@contextlib.contextmanager
def small_disk(path):
    """Words that run a program where this folder is a disk of 64 KiB."""
    path.mkdir(mode=0o700)
    mount = f"mount -t tmpfs -o size=64k,mode=700 tmpfs {path} && echo && exec sleep 600"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", mount],
                          stdout=subprocess.PIPE) as holder:
        try:
            holder.stdout.readline()
            yield ["nsenter", f"--target={holder.pid}", "--mount"]
        finally:
            holder.kill()


def refused(config):
    """What a relay says that does not start."""
    done = network.run(RELAY, "--config", config, ok=False)
    assert done.returncode == 1, done
    return done.stderr


class Rights(unittest.TestCase):
    def test_what_others_may_read_or_write_is_refused_with_the_remedy(self):
        with Network() as net:
            config = net.config(11, links=True, state=True)
            state = net.path / "state-11"
            state.mkdir(mode=0o700)
            for path, mode, message in (
                    (net.path / "link-11.key", 0o644, "others may read this key; run: chmod 600"),
                    (net.path / "keys-11.json", 0o640,
                     "others may read this key file; do: chmod 600"),
                    (state, 0o777, "others may write here; make it this user's alone: chmod 700")):
                before = path.stat().st_mode & 0o777
                path.chmod(mode)
                said = refused(config)
                self.assertIn(message, said)
                self.assertIn(str(path), said)
                path.chmod(before)

    @unittest.skipIf(network.SWAP, "needs a machine without swap")
    def test_a_folder_of_keys_that_others_may_enter_is_refused(self):
        with Network() as net:
            net.runtime(11).mkdir(mode=0o755)
            self.assertIn("chmod 700", refused(net.config(11)))


class Memory(unittest.TestCase):
    @unittest.skipIf(HUGE_PAGES and int(HUGE_PAGES[1]) > 0, "there are huge pages here")
    def test_without_huge_pages_the_remedy_is_named(self):
        with Network() as net:
            config = net.config(11)
            config.write_text(re.sub("(?m)^memory:.*", "memory: {huge_pages: true}",
                                     config.read_text()))
            self.assertIn("are huge pages reserved?", refused(config))


def without_driver(name):
    """Words that run a program for which DPDK lacks this driver: another stands in its place."""
    driver = next(pathlib.Path("/usr/lib").glob(f"*/dpdk/pmds-*/librte_{name}.so.[0-9]*.*"))
    other = next(driver.parent.glob("librte_bus_vdev.so.[0-9]*.*"))
    return ["unshare", "--mount", "sh", "-c", f"mount --bind {other} {driver} && exec \"$@\"", "sh"]


@unittest.skipIf(why_not(), why_not())
class Machine(unittest.TestCase):
    def test_a_driver_of_dpdk_that_is_not_installed_is_named(self):
        with Network() as net:
            done = network.run(*without_driver("mempool_ring"), RELAY, "--config", net.config(11),
                               ok=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("no mempool driver ring_mp_mc; install it", done.stderr)

    def test_a_full_disk_keeps_the_last_good_document_until_there_is_room(self):
        with Network("--epochs-ahead", "1", "--epoch-seconds", "600") as net:
            state = net.path / "state-11"
            with small_disk(state) as inside:
                with Live(net.config(11, state=True), inside) as live:
                    live.wait(lambda: network.stats(net, 11).get("ready") == 1)
                    fill = ["dd", "if=/dev/zero", f"of={state}/full", "bs=4k"]
                    network.run(*inside, *fill, ok=False)
                    next_epoch(net, 2)
                    live.wait(lambda: "No space left on device" in live.said())
                    self.assertIn("the last good topology, of epoch 1, stays in force", live.said())
                    self.assertEqual(network.counted(net, 11)["epoch"], 1)
                    live.wait(lambda: network.stats(net, 11)["alarm_disk"] == 1)
                    network.run(*inside, "rm", f"{state}/full")
                    live.wait(lambda: network.run(*inside, "test", "-e", f"{state}/document-2",
                                                  ok=False).returncode == 0)
                    live.wait(lambda: network.stats(net, 11)["alarm_disk"] == 0)
                    live.stop()

    def test_a_nic_that_goes_ends_the_relay_which_starts_when_it_is_back(self):
        with Network("--min-batch", "1", "--interval-us", "60000000",
                     "--max-wait-us", "60000000") as net, Wire(net, 11) as wire:
            capture = net.make("in.pcap", count=30)
            config = wire.config()
            live = wire.start(config)
            wire.begin([frame for _, frame in network.read_capture(capture)])
            wire.end()
            live.wait(lambda: wire.stats()["held"] == 30)
            wire.namespace.ip("link delete port")
            self.assertEqual(live.process.wait(30), 1)
            self.assertIn("port.device: the device is gone", live.said())
            self.assertIn("handed over 30 packets", live.said())
            live.output.close()
            with Live(config, wire.namespace.inside([])) as again:
                self.assertEqual(again.process.wait(30), 1)
                self.assertIn("is the device bound to its DPDK driver", again.said())
            mac = net.node(11)["mac"]
            wire.namespace.ip(f"link add port address {mac} type veth peer name wire",
                              "link set port up", "link set wire up")
            with wire.start(config) as back:
                self.assertEqual(wire.stats()["taken_over"], 30)
                self.assertEqual(back.stop(signal.SIGTERM)["held"], 30)

    def test_an_interface_that_is_taken_is_named(self):
        with Network("--per-layer", "2") as net, Wire(net, 11) as wire:
            first, second = net.config(11), net.config(12)
            for config in (first, second):
                config.write_text(config.read_text().replace("  vlan: 0\n", "  tap: tap0\n"))
            with Live(first, wire.namespace.inside([])) as live:
                live.wait(lambda: network.stats(net, 11).get("uptime_us", 0) > 0)
                done = network.run(*wire.namespace.inside([RELAY, "--config", second]), ok=False)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, "port.tap: cannot make the interface tap0: "
                                              ".* a name that is free")
                live.stop()


if __name__ == "__main__":
    tap.main()
