# SPDX-License-Identifier: BSD-3-Clause
"""The network of whole.py with nobody who hands out documents: relays make their own keys and
describe themselves, authorities agree on each document over etcd, and every node has an agent that
brings it. In every epoch etcd is killed outright, and started again a while later."""
import contextlib
import json
import threading
import time

import directory
import fabric
import network
import whole

PROGRAM = network.BUILD / "app/directory/linemix-directory"
START_SECONDS = 120
LEAD = 0.5  # of an epoch: how long before it the authorities begin to agree on its document
# When etcd is killed and when it is back, in shares of an epoch, by turns: while authorities agree
# on the next document; and when they have, into the next epoch.
OUTAGES = ((0.5, 0.75), (0.8, 1.15))

PUBLISHING = """\
identity: identity-{node}.key
publish: {{addresses: ["{address}"], capacity: 10000, epochs: 24}}
"""


class OverEtcd(whole.Whole):
    """signers: how many of the three authorities are there; two must sign."""

    def __init__(self, closing, epoch_seconds, signers=3, interval_us=50000):
        self.seconds, self.signers = epoch_seconds, signers
        self.hold_s = 2 * interval_us / 1e6
        self.net = fabric.resolved(closing(network.Network(
            "--layers", whole.LAYERS, "--per-layer", whole.PER_LAYER, "--interval-us", interval_us,
            "--max-wait-us", 2 * interval_us, "--epoch", 0, "--epoch-seconds", epoch_seconds,
            "--epochs-ahead", directory.EPOCHS, "--authorities", 3, "--threshold", 2)))
        self.nodes = closing(fabric.Fabric(self.net, held=16384, replay=262144, links=True,
                                           state=True))
        self.directory = closing(contextlib.closing(directory.Directory(
            PROGRAM, self.net.path, max(1, int(LEAD * epoch_seconds)))))
        for node in (fabric.GENERATOR, *self.nodes.mixes):
            self.take_from_agent(node)
        self.first, self.began = 0, None
        self.outages = []  # seconds that etcd was away
        self.over = threading.Event()
        self.clock = threading.Thread(target=self.publish)
        closing(self)

    def take_from_agent(self, node):
        """A node's file is the one that its agent keeps; of a relay nothing else is known."""
        config = self.net.path / f"node-{node}.yaml"
        text = config.read_text().replace("topology: topology.json",
                                          f"topology: {self.directory.topology(node)}")
        if node != fabric.GENERATOR:
            (self.net.path / f"keys-{node}.json").unlink()
            text += PUBLISHING.format(node=node, address=self.directory.addresses(node)[0])
        config.write_text(text)

    def __enter__(self):
        self.nodes.launch()
        for node in self.nodes.mixes:
            self.nodes.live[node].wait(self.directory.descriptor(node).exists, START_SECONDS)
        self.directory.start(fabric.GENERATOR, authorities=self.signers)
        self.began = self.directory.begins
        self.directory.wait(START_SECONDS)
        self.nodes.wait_until_they_poll(seconds=START_SECONDS)  # all at once
        self.clock.start()
        return self

    def __exit__(self, *unused):
        self.over.set()
        if self.clock.is_alive():
            self.clock.join()

    @property
    def epoch(self):
        """Of the newest document that has come to the generator."""
        signed = self.directory.topology(fabric.GENERATOR).read_bytes()
        return json.loads(signed.split(b"\n\n", 1)[1])["epoch"]

    def publish(self):
        """Nobody publishes: etcd dies and comes back, in every epoch, until all is over."""
        server = self.directory.etcd
        turn = int((time.time() - self.began) / self.seconds) + 1
        while True:
            down, up = (self.starts(turn) + share * self.seconds
                        for share in OUTAGES[turn % len(OUTAGES)])
            if self.sleep_until(down):
                return
            server.kill()
            killed = time.monotonic()
            ended = self.sleep_until(up)
            server.start(wait=False)
            self.outages.append(time.monotonic() - killed)
            if ended:
                return
            turn += 1


def why_not():
    """Why this machine cannot run it, or None."""
    return fabric.why_not() or (None if directory.etcd.installed() else
                                "etcd-server is not installed; scripts/setup does it")
