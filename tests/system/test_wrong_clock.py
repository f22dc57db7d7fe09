# SPDX-License-Identifier: BSD-3-Clause
"""Relays whose clock is wrong: what neighbours say of it, what it may cost, and when one
refuses."""
import json
import unittest

import netns
import tap
from fabric import why_not
from network import Live, Network, stats
from test_links import Mesh
from wall import Wall

MIX, GATEWAYS = 11, (1, 2, 3)
HOUR = 3600


class Star(Mesh):
    """A mix with three gateways as neighbours, which are relays too; the mix has a clock of its
    own."""

    def __init__(self, test, *options):  # another network than Mesh's
        self.net = test.enterContext(Network(
            "--layers", "1", "--gateways", "2", "--interval-us", "20000", "--epochs-ahead", "4",
            *options))
        self.without_macs("topology.json")
        self.hosts = netns.Network()
        test.addCleanup(self.hosts.close)
        self.wall = test.enterContext(Wall())
        self.test, self.live = test, {}
        for node in (MIX, *GATEWAYS):
            self.hosts.add(node)
            self.configure(node)

    def start_mix(self):
        live = self.live[MIX] = Live(self.net.path / f"node-{MIX}.yaml",
                                     inside=self.hosts.nodes[MIX].inside([]),
                                     **self.wall.environment)
        self.test.addCleanup(live.__exit__)
        return live

    def hear(self):
        """Until the mix knows its neighbours' clocks, which those that start anew tell it."""
        self.live[MIX].wait(lambda: self.told().get("ready") == 1)
        for node in GATEWAYS:
            self.live[node].process.kill()
            self.live[node].process.wait()
        self.start(*GATEWAYS)
        self.live[MIX].wait(lambda: self.told()["clock_heard"] == 3)

    def told(self):
        return stats(self.net, MIX)

    def wait(self, **counters):
        """Until these counters of the mix have these values."""
        self.live[MIX].wait(lambda: {name: self.told().get(name) for name in counters} == counters)

    def keys(self):
        """The epochs whose keys the mix has in use, and those that wait."""
        used = sorted(path.name for path in self.net.runtime(MIX).glob("epoch-*"))
        return used, sorted(map(int, json.loads(
            (self.net.path / f"keys-{MIX}.json").read_text())["keys"]))


@unittest.skipIf(why_not(), why_not())
class WrongClock(unittest.TestCase):
    def test_an_hour_ahead_costs_no_key_and_is_told(self):
        star = Star(self)
        star.start(*GATEWAYS)
        live = star.start_mix()
        star.hear()
        star.without_macs("topology-2.json")
        keys = star.keys()
        self.assertEqual(keys[0], ["epoch-1", "epoch-2"])
        star.wall.shift(HOUR)  # by it the network would be two epochs further
        star.wait(alarm_clock=1)
        self.assertIn("warning: this machine's clock is wrong; set it", live.said())
        self.assertAlmostEqual(star.told()["clock_offset_ms"], -HOUR * 1000, delta=60000)
        star.wall.shift(0)
        star.wait(alarm_clock=0)
        self.assertIn("this machine's clock is right again", live.said())
        self.assertEqual(star.told()["epoch"], 1)
        self.assertNotIn("epoch 2, by the topology", live.said())
        self.assertEqual(star.keys(), keys)
        self.assertTrue(star.stop(MIX)["closed"])

    def test_with_a_clock_that_is_ahead_epochs_go_by_the_neighbours(self):
        star = Star(self, "--epoch-seconds", "8")
        star.start(*GATEWAYS)
        live = star.start_mix()
        star.hear()
        star.wall.shift(HOUR)
        star.wait(alarm_clock=1)
        epoch = star.told()["epoch"]
        star.without_macs(f"topology-{epoch + 1}.json")
        for node in (MIX, GATEWAYS[0]):
            star.live[node].wait(lambda node=node: f"by the topology of epoch {epoch + 1} " in
                                 star.live[node].said())
        self.assertNotIn("no key of epoch", live.said())
        self.assertNotIn("has expired", live.said())
        live.wait(lambda: "epoch-0" not in star.keys()[0])

    def test_who_starts_an_hour_ahead_is_refused_and_has_lost_nothing(self):
        star = Star(self)
        live = star.start_mix()
        live.wait(star.told)
        keys = star.keys()
        star.stop(MIX)
        star.wall.shift(HOUR)
        (star.net.path / "topology-3.json").rename(star.net.path / "later.json")
        config = star.net.path / f"node-{MIX}.yaml"
        config.write_text(config.read_text().replace("topology.json", "later.json"))
        live = star.start_mix()
        live.wait(star.told)
        self.assertEqual(star.told()["epoch"], 4)
        star.start(*GATEWAYS)  # their clocks are right
        self.assertEqual(live.process.wait(timeout=60), 1)
        self.assertIn("it cannot serve epoch 4; set its clock", live.said())
        self.assertLessEqual(set(keys[0]), set(star.keys()[0]))


if __name__ == "__main__":
    tap.main()
