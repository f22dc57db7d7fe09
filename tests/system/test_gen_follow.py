# SPDX-License-Identifier: BSD-3-Clause
"""Documents that come in the middle of a run of the generator."""
import hashlib
import json
import subprocess
import unittest

import fabric
import network
import tap

OLD, NEW = 11, 12
RATE = 200


@unittest.skipIf(fabric.why_not(), fabric.why_not())
class Follow(unittest.TestCase):
    def publish(self, nodes, document, name="topology.json", **change):
        for node in document["nodes"]:
            node.pop("mac", None)
        document.update(change)
        text = json.dumps(document)
        nodes.net.publish(text, name)
        return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()

    def test_a_mix_that_comes_in_has_a_session_and_its_packets(self):
        net = self.enterContext(network.Network(
            "--layers", "1", "--per-layer", "2", "--interval-us", "20000", "--epochs-ahead", "1",
            "--epoch-seconds", "10"))
        nodes = self.enterContext(fabric.Fabric(net, links=True))
        first, second = net.document(), net.document("topology-2.json")
        first["nodes"] = [node for node in first["nodes"] if node["id"] != NEW]
        before = self.publish(nodes, first)
        self.start(nodes, OLD)
        self.publish(nodes, second, previous=before, name="coming.json")
        config = net.path / f"node-{NEW}.yaml"
        config.write_text(config.read_text().replace("topology.json", "coming.json"))
        self.start(nodes, NEW)
        line = nodes.gen_line("run", "--count", 12 * RATE, "--rate", RATE)
        sending = subprocess.Popen([str(word) for word in line], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(sending.kill)
        nodes.live[OLD].wait(lambda: nodes.stats(OLD).get("sent", 0) > 0)
        self.publish(nodes, second, previous=before)
        output, said = sending.communicate(timeout=60)
        self.assertTrue(output, said)
        report = json.loads(output)
        self.assertEqual((report["received"], report["lost"], report["foreign"]),
                         (12 * RATE, 0, 0), said)
        books = nodes.stop()
        self.assertGreater(books[NEW]["sent"], 0)
        self.assertEqual(books[OLD]["sent"] + books[NEW]["sent"], 12 * RATE)
        self.assertTrue(books[OLD]["closed"] and books[NEW]["closed"])

    @staticmethod
    def start(nodes, node):
        nodes.live[node] = nodes.closing.enter_context(network.Live(
            nodes.net.path / f"node-{node}.yaml", inside=nodes.hosts.nodes[node].inside([])))
        nodes.live[node].wait(lambda: nodes.stats(node))


if __name__ == "__main__":
    tap.main()
