#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The demo network: three relays, one a layer, and a gateway that sends through them to itself.

Each is a process in a network namespace of its own, with a TAP that carries its addresses and an
af_packet port on a bridge. No huge pages, no third-party modules, nothing outside the namespaces
and one temporary folder. As another user than root, the whole runs in a user namespace.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import directory
import etcd
import netns
import table
import telemetry
import workspace

TREE = pathlib.Path(__file__).resolve().parents[2]
GATEWAY = 1
MIXES = [11, 21, 31]  # layers 1 to 3
START_SECONDS = 30  # a relay that takes longer to come up is broken
STOP_SECONDS = 20
SEND_SLACK_SECONDS = 120  # for building packets ahead, and for the last ones to arrive
USER_TAGS = 40000  # whose sets fit beside the rings in the 8 MiB that users may lock
SWAPS = pathlib.Path("/proc/swaps")
MEMORY = pathlib.Path("/dev/shm")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # each ends the demo, tidily
INSIDE = "LINEMIX_DEMO_INSIDE"  # set in the user namespace

# What a profile's packets need. Frames of af_packet's rings must fill blocks exactly and be no
# larger than DPDK's buffers; and as users may lock 8 MiB only, two rings must stay below that.
PROFILES = {
    0: {"mtu": 1500, "ring": "blocksz=65536,framesz=2048,framecnt=1536", "megabytes": 192},
    1: {"mtu": 9000, "ring": "blocksz=561152,framesz=8768,framecnt=384", "megabytes": 384},
}

CONFIG = """\
node: {node}
topology: {topology}
keys: keys-{node}.json
link:
  key: link-{node}.key
runtime: {runtime}
port:
  device: "net_af_packet0,iface={port},{ring},qdisc_bypass=1"
  tap: lm-tap
cpus:
  workers: [{cpu}]
  mixer: {cpu}
  control: {cpu}
limits:
  held: 8192
  replay: {replay}
memory:
  huge_pages: false
  megabytes: {megabytes}
file_prefix: {prefix}
"""

# A relay of which no file says anything yet: it makes its own mix keys, and describes itself.
PUBLISHING = """\
identity: identity-{node}.key
state: state-{node}
publish: {{addresses: [{addresses}], capacity: {capacity}, epochs: {epochs}}}
"""


class DemoError(Exception):
    """Why the demo could not run, in words for the user."""


def prefix(node):
    return f"linemix-{node}"


class Demo:
    def __init__(self, options):
        self.options = options
        self.profile = PROFILES[options.profile]
        self.workspace = workspace.Workspace()
        self.folder = self.workspace.path
        os.environ["RUNTIME_DIRECTORY"] = str(self.folder)  # DPDK's sockets go there
        # every packet of the demo
        self.replay = max(8192, 2 * options.rate * options.seconds)
        self.runtime = runtime_folder(self.replay)
        self.network = None
        self.directory = None
        self.relays = {}
        self.generator = None

    def program(self, name):
        return TREE / self.options.build / "app" / name.removeprefix("linemix-") / name

    def make_network(self):
        say("making the network: keys, topology, namespaces")
        options = self.options
        netns.command([str(self.program("linemix-gen")), "network", "--layers", str(len(MIXES)),
                       "--per-layer", "1", "--profile", str(options.profile),
                       "--interval-us", str(options.interval_ms * 1000),
                       "--max-wait-us", str(max(options.interval_ms, 1000) * 1000),
                       "--subnet", "fd6c:696e::/64" if options.ipv6 else "10.77.0.0/24",
                       *self.for_directory(), "--out", str(self.folder)])
        if options.etcd:
            self.directory = directory.Directory(self.program("linemix-directory"), self.folder)
        self.network = netns.Network(self.profile["mtu"], options.ipv6)
        authorities = (self.folder / "authorities.yaml").read_text()
        cpus = sorted(os.sched_getaffinity(0))
        for place, node in enumerate([GATEWAY, *MIXES]):
            self.network.add(node)
            self.config(node).write_text(CONFIG.format(
                node=node, port=netns.PORT, cpu=cpus[place % len(cpus)], prefix=prefix(node),
                runtime=self.runtime and f"{self.runtime.name}/{node}" or "none",
                replay=self.replay, topology=self.topology(node),
                **self.profile) + authorities + self.publishing(node))

    def publishing(self, node):
        """What makes a relay describe itself: with etcd, mixes do."""
        if not self.directory or node == GATEWAY:
            return ""
        (self.folder / f"keys-{node}.json").unlink()  # it makes its own
        addresses = ", ".join(f'"{text}"' for text in self.directory.addresses(node))
        return PUBLISHING.format(node=node, addresses=addresses, capacity=directory.CAPACITY,
                                 epochs=directory.EPOCHS)

    def for_directory(self):
        """What the made-up network needs so that a directory can carry it."""
        if not self.options.etcd:
            return []
        return ["--authorities", str(directory.AUTHORITIES), "--epoch", "0", "--epochs-ahead",
                str(directory.EPOCHS), "--epoch-seconds", str(self.options.epoch_seconds)]

    def topology(self, node):
        return self.directory.topology(node) if self.directory else "topology.json"

    def start_directory(self):
        say("waiting for the relays' descriptors")
        self.wait_for(MIXES, lambda node: self.directory.descriptor(node).exists())
        say(f"starting etcd, {directory.AUTHORITIES} authorities, each an agent and a signer, and "
            "an agent for every node")
        self.directory.start(GATEWAY)
        self.directory.wait()

    def config(self, node):
        return self.folder / f"node-{node}.yaml"

    def log(self, node):
        return self.folder / f"node-{node}.log"

    def start(self, node, arguments, **options):
        with open(self.log(node), "w", encoding="utf-8") as log:
            return self.network.nodes[node].start(arguments, stdin=subprocess.DEVNULL, stderr=log,
                                                  text=True, **options)

    def start_relays(self):
        say("starting three relays")
        for node in MIXES:
            self.relays[node] = self.start(
                node, [self.program("linemix-relay"), "--config", self.config(node)],
                stdout=subprocess.PIPE)

    def wait_for(self, nodes, is_done):
        """Until it is done for each of these relays, which must not end before."""
        waiting = set(nodes)
        limit = time.monotonic() + START_SECONDS
        while waiting:
            for node in sorted(waiting):
                if self.relays[node].poll() is not None:
                    raise DemoError(f"relay {node} ended at its start:\n{self.last_words(node)}")
                if is_done(node):
                    waiting.remove(node)
            if waiting and time.monotonic() > limit:
                raise DemoError(f"relay {min(waiting)} is not ready after {START_SECONDS} s:\n"
                                + self.last_words(min(waiting)))
            time.sleep(0.05)

    def wait_for_relays(self):
        sockets = {node: telemetry.Telemetry(prefix(node)) for node in MIXES}
        self.wait_for(MIXES, lambda node: sockets[node].stats())
        for socket in sockets.values():
            socket.close()

    def last_words(self, node):
        return "\n".join(self.log(node).read_text(errors="replace").splitlines()[-10:])

    def send(self):
        """Sends and shows the table meanwhile; gives the generator's report."""
        options = self.options
        say(f"building packets, then sending {options.rate} a second for {options.seconds} s")
        self.generator = self.start(
            GATEWAY, [self.program("linemix-gen"), "run", "--config", self.config(GATEWAY),
                      "--rate", options.rate, "--seconds", options.seconds, "--json"],
            stdout=subprocess.PIPE)
        live = table.Table([telemetry.Telemetry(prefix(node)) for node in MIXES])
        output = None
        limit = time.monotonic() + options.seconds + SEND_SLACK_SECONDS
        while output is None:
            live.show()
            if time.monotonic() > limit:
                raise DemoError("the generator does not end:\n" + self.last_words(GATEWAY))
            try:
                output, _ = self.generator.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                pass
        live.show()
        try:
            return json.loads(output)
        except ValueError:
            raise DemoError("the generator gave no report:\n" + self.last_words(GATEWAY)) from None

    def keep(self):
        user = "--user --preserve-credentials " if INSIDE in os.environ else ""
        for node in MIXES:
            say(f"a shell at relay {node}: nsenter {user}--net --target "
                f"{self.network.nodes[node].pid}")
        say(f"counters: {self.program('linemix-relay')} --top --top-folder {self.folder}/dpdk")
        say("the network runs until Ctrl-C")
        while True:
            signal.pause()

    def stop_relays(self):
        """Stops the relays when all that they hold is sent. Gives for each the last line, its
        balance, and whether it closes."""
        for relay in self.relays.values():
            relay.send_signal(signal.SIGINT)
        balances = {}
        for node, relay in self.relays.items():
            try:
                output, _ = relay.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                output = f"no balance: it did not stop within {STOP_SECONDS} s"
            lines = output.strip().splitlines() or [
                f"no balance, exit status {relay.returncode}: {self.last_words(node)}"]
            balances[node] = lines[-1], relay.returncode == 0
        return balances

    def close(self):
        processes = [*self.relays.values(), *([self.generator] if self.generator else [])]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()
        if self.network:
            self.network.close()
        if self.directory:
            self.directory.close()
        self.workspace.close()
        if self.runtime:
            self.runtime.cleanup()


def runtime_folder(tags):
    """A folder in memory for keys in use; None, with a line that says so, where there can be
    none."""
    why = None
    if len(SWAPS.read_text(encoding="utf-8").splitlines()) > 1:
        why = "this machine has swap"
    elif INSIDE in os.environ and tags > USER_TAGS:
        why = f"a user may not lock the memory for {tags} packets"
    if why:
        say(f"{why}: keys in use stay in each relay's own memory (runtime: none)")
        return None
    return tempfile.TemporaryDirectory(prefix="linemix-demo-", dir=MEMORY)


def say(text):
    print(f"linemix: {text}", flush=True)


def ready_to_run(options):
    """Refuses, with words, where the machine lacks something."""
    if options.etcd and not etcd.installed():
        raise DemoError("--etcd: the program etcd is missing; run: scripts/setup")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        raise DemoError(f"/dev/net/tun: {error.strerror}; relays need it for their TAPs: load the "
                        "module (modprobe tun), or give this container the device "
                        "(--device /dev/net/tun)") from error


def become_root():
    """Runs this program again as root of a user namespace, if it is not root."""
    if os.getuid() == 0:
        return
    allowed = subprocess.run(["unshare", "--user", "--map-root-user", "true"], check=False,
                             stderr=subprocess.DEVNULL).returncode == 0
    if not allowed:
        raise DemoError("network namespaces need root, and this machine allows users no namespaces "
                        "of their own; run: sudo scripts/run")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--user", "--map-root-user", sys.executable, *sys.argv])


def show_report(report):
    """Prints what the generator found; returns True if every packet came, once and whole."""
    print()
    for name in ("sent", "received", "lost", "duplicated", "damaged"):
        print(f"{name:<12}{report[name]:>8}")
    latency, order = report["latency_us"], report["order"]
    if latency:
        print(f"{'latency':<12}{latency['median'] / 1000:>8.1f} ms in the median, "
              f"99 % within {latency['p99'] / 1000:.1f} ms")
    if order:
        print(f"{'order left':<12}{order['correlation']:>8.4f} rank correlation (1: as sent; "
              f"random order gives less than {order['random_within']:.4f})")
    return report["received"] > 0 and not any(
        report[name] for name in ("lost", "duplicated", "damaged"))


def show_documents(lines):
    """Prints which documents the authorities have made."""
    for line in lines:
        print(f"{'authority 1':<12}{line}")


def show_balances(balances):
    """Prints the relays' balances; returns True if all close."""
    for node, (line, _) in balances.items():
        print(f"{f'relay {node}':<12}{line}")
    return all(closed for _, closed in balances.values())


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/run", description="Starts a small network on this machine: three relays, one "
        "a layer, and a gateway that sends through them to itself. Shows what each relay does, and "
        "in the end what was lost, how long it took and how well the order was hidden.")
    parser.add_argument("--seconds", type=int, default=10, help="how long to send (10)")
    parser.add_argument("--rate", type=int, default=1000, help="packets a second (1000)")
    parser.add_argument("--profile", type=int, choices=PROFILES, default=0,
                        help="0: packets of 1348 bytes; 1: of 8580, with an MTU of 9000")
    parser.add_argument("--interval-ms", type=int, default=200, help="mixing interval (200)")
    parser.add_argument("--ipv6", action="store_true", help="IPv6 between the nodes, not IPv4")
    parser.add_argument("--etcd", action="store_true",
                        help="topologies from authorities over etcd, not from a file")
    parser.add_argument("--epoch-seconds", type=int, default=1200,
                        help="with --etcd: length of an epoch (1200)")
    parser.add_argument("--keep", action="store_true",
                        help="leave the network running afterwards, until Ctrl-C")
    parser.add_argument("--build", default="build", metavar="FOLDER",
                        help="build folder with the programs (build)")
    return parser.parse_args()


def play(demo):
    demo.make_network()
    demo.start_relays()
    if demo.directory:
        demo.start_directory()
    demo.wait_for_relays()
    whole = show_report(demo.send())
    if demo.directory:
        show_documents(demo.directory.documents())
    if demo.options.keep:
        try:
            demo.keep()
        except KeyboardInterrupt:
            pass
    return show_balances(demo.stop_relays()) and whole


def interrupted(_signal, _frame):
    raise KeyboardInterrupt


def main():
    options = arguments()
    for number in SIGNALS:
        signal.signal(number, interrupted)
    demo = None
    try:
        ready_to_run(options)
        become_root()
        demo = Demo(options)
        return 0 if play(demo) else 1
    except (DemoError, directory.DirectoryError, etcd.EtcdError, netns.NetworkError) as error:
        print(f"linemix: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("linemix: interrupted", file=sys.stderr)
        return 1
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if demo:
            demo.close()


sys.exit(main())
