# SPDX-License-Identifier: BSD-3-Clause
"""The generator in a network of which one mix is down from the start."""
import json
import unittest

import fabric
import network
import tap

DEAD = 11


@unittest.skipIf(fabric.why_not(), fabric.why_not())
class Dead(unittest.TestCase):
    def network(self):
        """Two layers of two relays, of which one of the first is down: no kernel finds it."""
        net = self.enterContext(network.Network("--layers", "2", "--per-layer", "2",
                                                "--interval-us", "20000"))
        nodes = self.enterContext(fabric.Fabric(fabric.resolved(net), links=True))
        nodes.live_mixes = [mix for mix in nodes.mixes if mix != DEAD]
        for node in nodes.live_mixes:
            nodes.live[node] = nodes.closing.enter_context(network.Live(
                net.path / f"node-{node}.yaml", inside=nodes.hosts.nodes[node].inside([])))
        for node in nodes.live_mixes:
            nodes.live[node].wait(lambda node=node: nodes.stats(node))
        return nodes

    def test_a_trace_names_it_and_a_run_goes_on_where_that_is_asked(self):
        nodes = self.network()
        done = network.run(*nodes.gen_line("trace", "--all", "--rounds", 40, "--rate", 400,
                                           "--late-ms", 1000, "--wait-ms", 1000), ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"no session with node {DEAD}", done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["verdict"], report["sent"]), ("fault", 320))
        self.assertEqual([mix["id"] for mix in report["mixes"] if mix["lossy"]], [DEAD])
        report = nodes.gen("run", "--count", 200, "--rate", 400, "--without-dead",
                           "--wait-ms", 1000, ok=False)
        self.assertEqual(report["sent"], 200)
        self.assertGreater(report["sending"]["without_session"], 0)
        self.assertEqual(report["lost"], report["sending"]["without_session"])


if __name__ == "__main__":
    tap.main()
