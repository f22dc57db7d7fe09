# SPDX-License-Identifier: BSD-3-Clause
"""Relays that begin with nothing but identities: they publish themselves, wait to be listed, start
by the first document, and make their own keys for every further one, epoch after epoch."""
import json
import os
import pathlib
import re
import shutil
import tempfile
import threading
import time
import unittest

import network
import tap
import telemetry
from network import BUILD, Live, run

DIRECTORY = BUILD / "app/directory/linemix-directory"
EPOCH_S = 4
AHEAD = 12  # epochs for which relays make keys: as long as a slow machine may take for a step
LAST = 2  # that the network lives to see
MIXES, GATEWAY = (11, 21), 91
NODES = (*MIXES, GATEWAY)

CONFIG = """\
node: {node}
topology: topology.json
keys: keys-{node}.json
runtime: {runtime}
state: state-{node}
identity: identity-{node}.key
publish: {{addresses: ["10.77.0.{node}:7000"], capacity: 1000, epochs: {ahead}}}
file_prefix: {prefix}
port: {{device: "net_null0,no-rx=1"}}  # which would receive without end
cpus: {{workers: [0], mixer: 0, idle: yield}}
link: {{mode: none, key: link-{node}.key}}
memory: {{megabytes: 192}}
limits: {{held: 4096, ring: 256, replay: 65536}}
"""


class Founders:
    """A folder with an authority and relays' identities; nobody has mix keys, or is listed."""

    def __init__(self, test):
        self.test = test
        self.path = pathlib.Path(test.enterContext(
            tempfile.TemporaryDirectory(prefix="linemix-test-", dir="/dev/shm")))
        self.memory = test.enterContext(tempfile.TemporaryDirectory(
            prefix=f"linemix-test-{os.getpid()}-", dir="/dev/shm"))
        (self.path / "authorities.yaml").write_text(
            f"authorities: [{self.key('authority', 'authority.key')}]\nthreshold: 1\n")
        self.identity = {}
        for node in NODES:
            self.key("link", f"link-{node}.key")
            self.identity[node] = self.key("identity", f"identity-{node}.key")
            runtime = "none" if network.SWAP else f"{self.memory}/{node}"
            self.config(node).write_text(CONFIG.format(
                node=node, runtime=runtime, prefix=self.prefix(node), ahead=AHEAD)
                + (self.path / "authorities.yaml").read_text())

    def config(self, node):
        return self.path / f"node-{node}.yaml"

    @staticmethod
    def prefix(node):
        return f"linemix-test-publish-{os.getpid()}-{node}"

    def directory(self, *words):
        return run(DIRECTORY, *words, cwd=self.path).stdout

    def key(self, kind, name):
        return self.directory("keys", kind, name).strip()

    def write_plan(self, start_s):
        members = [{"id": node, "role": "gateway" if node == GATEWAY else "mix",
                    "operator": f"Operator {node}", "jurisdiction": "CH",
                    "identity": self.identity[node],
                    **({} if node == GATEWAY else {"layer": node // 10})} for node in NODES]
        (self.path / "plan.json").write_text(json.dumps({
            "format": "linemix-plan-v1",
            "start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start_s)),
            "epoch_seconds": EPOCH_S, "profile": 0,
            "mixing": {"strategy": "poisson", "mean_delay_us": 20000},
            "cover": {"loop_interval_us": 0, "drop_interval_us": 0, "link_interval_us": 0},
            "paths": {"choice": "uniform", "jurisdictions": False}, "layers": 2,
            "members": members}))

    def publish(self, epoch, follows):
        """What authorities do: the document of an epoch from what relays publish, signed;
        `follows`: whether it has one before it."""
        previous = ["--previous", "topology.json"] if follows else []
        self.directory("build", "--plan", "plan.json", "--epoch", epoch, *previous, "--out",
                       "next.json", *[f"state-{node}/descriptor" for node in NODES])
        self.directory("sign", "--key", "authority.key", "--out", "signed.json", "next.json")
        os.replace(self.path / "signed.json", self.path / "topology.json")
        return json.loads((self.path / "next.json").read_text())

    def descriptor(self, node):
        return json.loads(self.directory("descriptor", "--show", f"state-{node}/descriptor",
                                         "--json"))

    def first_epoch(self, node):
        """Of the keys that it publishes; None before it does."""
        if not (self.path / f"state-{node}/descriptor").exists():
            return None
        return min(map(int, self.descriptor(node)["keys"]))

    def start(self, node):
        live = Live(self.config(node))
        self.test.addCleanup(live.__exit__)
        return live

    def stats(self, node):
        socket = telemetry.Telemetry(self.prefix(node))
        answer = socket.stats()
        socket.close()
        return answer or {}


class Authority(threading.Thread):
    """Makes the document of each next epoch, as soon as the network's clock is in the one before
    and relays have described themselves for it. On a slow machine some epochs go without one; so
    the network goes on, however late anybody is."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.net, self.over, self.documents = net, threading.Event(), {}
        self.begin, self.refusal = int(time.time()), None
        net.write_plan(self.begin)

    def run(self):
        while not self.over.wait(0.05):
            epoch = int((time.time() - self.begin) / EPOCH_S) + 1 if self.documents else 0
            if epoch in self.documents:
                continue
            try:
                self.documents[epoch] = self.net.publish(epoch, bool(self.documents))
            except AssertionError as error:  # a relay is late, and so are its keys
                self.refusal = error

    def stop(self):
        self.over.set()
        self.join()


class Publish(unittest.TestCase):
    def test_a_network_of_the_relays_own_keys(self):
        net = Founders(self)
        live = {node: net.start(node) for node in NODES}
        for node in NODES:
            live[node].wait(lambda node=node: net.first_epoch(node) == 0)
            self.assertIn("waits to be listed", live[node].said())
        authority = Authority(net)
        authority.start()
        self.addCleanup(authority.stop)
        for node in NODES:
            live[node].wait(lambda node=node: self.taken(live[node])[-1:] >= [LAST], 90)
        authority.stop()
        self.check_documents(authority.documents)
        for node in NODES:
            self.check_relay(net, node, live[node])
        self.goes_on_after_a_restart(net, live)

    @staticmethod
    def taken(live):
        """The epochs of the documents that a relay says it went over to."""
        return [int(epoch) for epoch in re.findall(r"by the topology of epoch (\d+)", live.said())]

    def check_documents(self, documents):
        """All relays are in each, with keys beyond those of the first, and promises are kept."""
        epochs = sorted(documents)
        self.assertGreaterEqual(epochs[-1], LAST)
        for epoch in epochs:
            self.assertEqual([node["id"] for node in documents[epoch]["nodes"]], list(NODES))
        for before, after in zip(epochs, epochs[1:]):
            for old, new in zip(documents[before]["nodes"], documents[after]["nodes"]):
                for number in set(old["keys"]) & set(new["keys"]):
                    self.assertEqual(old["keys"][number], new["keys"][number])

    def check_relay(self, net, node, live):
        stats = net.stats(node)
        taken = self.taken(live)
        self.assertEqual([(name, value) for name, value in stats.items()
                          if name.startswith("topology_refused_") and value], [])
        self.assertEqual(taken, sorted(taken))
        self.assertNotIn("no key of epoch", live.said())
        # it has described itself again as epochs went by
        self.assertGreater(net.first_epoch(node), 0)
        kept = [path.name for path in (net.path / f"state-{node}").glob("document-*")]
        self.assertIn(f"document-{taken[-1]}", kept)
        self.assertEqual(len(kept), 2)

    def goes_on_after_a_restart(self, net, live):
        """Without the file, and without a key made anew."""
        node = MIXES[0]
        last = net.stats(node)["epoch"]
        live[node].stop()
        listed = net.descriptor(node)["keys"]
        shutil.move(net.path / "topology.json", net.path / "away.json")
        again = net.start(node)
        again.wait(lambda: net.stats(node).get("epoch", -1) >= last)
        self.assertIn("the last good topology goes on", again.said())
        now = net.descriptor(node)["keys"]
        common = set(now) & set(listed)
        self.assertGreaterEqual(len(common), 3)
        self.assertTrue(all(now[epoch] == listed[epoch] for epoch in common))
        again.stop()
        for node in NODES[1:]:
            live[node].stop()


if __name__ == "__main__":
    tap.main()
