# SPDX-License-Identifier: BSD-3-Clause
"""A whole network on kernel interfaces: each relay, and the generator, in a namespace of its
own."""
import contextlib
import json
import os

import netns
import network

CPUS = sorted(os.sched_getaffinity(0))
GENERATOR = 1
DEVICE = ("net_af_packet0,iface={port},blocksz=65536,framesz=2048,framecnt={frames},"
          "qdisc_bypass=1")


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


class Fabric:
    """The nodes of a network.Network on one bridge. Use it as a context: relays that still run at
    its end are killed."""

    def __init__(self, net, frames=4096, **options):
        """options: as of Network.config, for every node. frames: room of each port."""
        self.net, self.live = net, {}
        self.closing = contextlib.ExitStack()
        self.mixes = [node["id"] for node in net.topology["nodes"] if node["role"] == "mix"]
        self.hosts = netns.Network()
        self.closing.callback(self.hosts.close)
        for place, node in enumerate([GENERATOR, *self.mixes]):
            self.hosts.add(node)
            self.configure(node, frames, workers=(CPUS[place % len(CPUS)],), **options)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.closing.close()

    def configure(self, node, frames=4096, **options):
        path = self.net.config(node, DEVICE.format(port=netns.PORT, frames=frames), **options)
        path.write_text(path.read_text().replace("port:", "port:\n  tap: lm-tap"))
        return path

    def start(self, *nodes):
        """Starts these relays, or all, and waits until they poll. Those of the last layer find the
        generator when it runs."""
        self.launch(*nodes)
        self.wait_until_they_poll(*nodes)

    def launch(self, *nodes):
        for node in nodes or self.mixes:
            self.live[node] = self.closing.enter_context(network.Live(
                self.net.path / f"node-{node}.yaml", inside=self.hosts.nodes[node].inside([])))

    def wait_until_they_poll(self, *nodes, seconds=120):
        for node in nodes or self.mixes:
            live = self.live[node]
            live.wait(lambda live=live: "next hops resolved" in live.said(), seconds)

    def stats(self, node):
        return network.stats(self.net, node)

    def stop(self, *nodes, **how):
        """Stops these relays, or all, and gives the books of each."""
        return {node: self.live.pop(node).stop(**how) for node in nodes or list(self.live)}

    def gen(self, command, *options, ok=True, seconds=300):
        """Runs the generator to its end; what it reports."""
        done = network.run(*self.gen_line(command, *options), ok=False, seconds=seconds)
        if not done.stdout or (ok and done.returncode != 0):
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def gen_line(self, command, *options):
        """The command line of it, in its namespace."""
        return self.hosts.nodes[GENERATOR].inside(
            [network.GEN, command, "--config", self.net.path / f"node-{GENERATOR}.yaml", "--json",
             *options])


def resolved(net):
    """The same network with link-layer addresses that kernels must resolve."""
    for node in net.topology["nodes"]:
        del node["mac"]
    net.publish()
    return net
