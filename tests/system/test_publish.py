# SPDX-License-Identifier: BSD-3-Clause
"""Relays that begin with nothing but identities: they publish themselves, wait to be listed, start by
the first document, and make their own keys for every further one, epoch after epoch."""
import json
import os
import pathlib
import shutil
import tempfile
import time
import unittest

import network
import tap
import telemetry
from network import BUILD, Live, run

DIRECTORY = BUILD / "app/directory/linemix-directory"
EPOCH_S = 5
AHEAD = 4
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
            tempfile.TemporaryDirectory(prefix="linemix-test-")))
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

    def publish(self, epoch):
        """What authorities do: the document of an epoch from what relays publish, signed."""
        previous = ["--previous", "topology.json"] if epoch > 0 else []
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


class Publish(unittest.TestCase):
    def test_a_network_of_the_relays_own_keys(self):
        net = Founders(self)
        live = {node: net.start(node) for node in NODES}
        for node in NODES:
            live[node].wait(lambda node=node: net.first_epoch(node) == 0)
            self.assertIn("waits to be listed", live[node].said())
        net.write_plan(int(time.time()))
        document = net.publish(0)
        for node in NODES:
            live[node].wait(lambda node=node: net.stats(node).get("epoch") is not None)
        self.assertEqual([node["id"] for node in document["nodes"]], list(NODES))

        epoch = max(net.stats(node)["epoch"] for node in NODES)
        self.assertLessEqual(epoch, 1, "the relays were slow to start")
        for epoch in range(1, 5):
            if epoch > 1:  # what it published in the epoch before
                for node in NODES:
                    live[node].wait(lambda node=node: net.first_epoch(node) == epoch - 1, 10)
            before, document = document, net.publish(epoch)
            for old, new in zip(before["nodes"], document["nodes"]):
                for number in (epoch, epoch + 1):  # the promises
                    self.assertEqual(old["keys"][str(number)], new["keys"][str(number)])
            for node in NODES:
                live[node].wait(lambda node=node: net.stats(node).get("epoch") == epoch, 2 * EPOCH_S)
                live[node].wait(lambda node=node: f"by the topology of epoch {epoch} "
                                in live[node].said(), EPOCH_S)
        for node in NODES:
            stats = net.stats(node)
            self.assertEqual([(name, value) for name, value in stats.items()
                              if name.startswith("topology_refused_") and value], [])
            self.assertLess(stats["alarm_topology"], 2)
            self.assertNotIn("no key of epoch", live[node].said())
            kept = sorted(path.name for path in (net.path / f"state-{node}").glob("document-*"))
            self.assertEqual(kept, ["document-3", "document-4"])
        self.goes_on_after_a_restart(net, live)

    def goes_on_after_a_restart(self, net, live):
        """Without the file, and without a key made anew."""
        node = MIXES[0]
        listed = net.descriptor(node)["keys"]
        live[node].stop()
        shutil.move(net.path / "topology.json", net.path / "away.json")
        again = net.start(node)
        again.wait(lambda: net.stats(node).get("epoch") in (4, 5))
        self.assertIn("the last good topology goes on", again.said())
        now = net.descriptor(node)["keys"]
        common = set(now) & set(listed)
        self.assertGreaterEqual(len(common), AHEAD - 1)
        self.assertTrue(all(now[epoch] == listed[epoch] for epoch in common))
        again.stop()
        for node in NODES[1:]:
            live[node].stop()


if __name__ == "__main__":
    tap.main()
