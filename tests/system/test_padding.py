# SPDX-License-Identifier: BSD-3-Clause
"""Padding on links with sessions: three relays and a generator in network namespaces, and what
somebody sees who watches the wire between two of them."""
import pathlib
import subprocess
import sys
import time
import unittest

import netns
import tap
from network import stats
from test_links import MIXES, Mesh
from test_namespaces import why_not

INTERVAL_S = 0.002
RATE = 200  # of traffic: two slots of five
COUNT = 500
SLACK = 2 * 0.1 / INTERVAL_S  # slots: a late relay may send those of 100 ms at once, at both ends
SNIFF = pathlib.Path(__file__).with_name("sniff.py")


class Wire:
    """Watches what arrives at a relay from its start until seen()."""

    def __init__(self, mesh, node):
        self.port = mesh.net.node(node)["addresses"][0]["port"]
        self.process = mesh.hosts.nodes[node].start(
            [sys.executable, SNIFF, self.port], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("the wire is not watched")

    def seen(self):
        """[(time, source)] of all frames."""
        output, _ = self.process.communicate(timeout=30)
        lines = [line.split() for line in output.splitlines()]
        return [(float(line[0]), line[3]) for line in lines if line[1] == netns.PORT]


def slots(told):
    """Slots of all links that have passed, by a relay's counters, beside those lost."""
    return told["sent"] + told["dummy_out"] + told["dummy_lost"] + told["drop_no_session"]


@unittest.skipIf(why_not(), why_not())
class Padding(unittest.TestCase):
    def setUp(self):
        self.mesh = Mesh(self, "--link-interval-us", int(INTERVAL_S * 1e6))
        self.wire = Wire(self.mesh, 21)
        self.addCleanup(self.wire.process.kill)
        self.mesh.start(*MIXES)
        self.mesh.wait_for(31, "dummy_in", 10)
        self.mesh.wait_for(21, "dummy_in", 10)

    def told(self, node):
        return stats(self.mesh.net, node)

    def at_rest_between(self, first, second):
        """What a relay passed on between two answers follows from the time between them."""
        passed = slots(second) - slots(first) + second["slots_lost"] - first["slots_lost"]
        due = (second["uptime_us"] - first["uptime_us"]) / 1e6 / INTERVAL_S
        self.assertLess(abs(passed - due), SLACK)

    def phase(self, work):
        """(begin, end, slots lost meanwhile) of what the middle link's sender goes through."""
        before, begin = self.told(11), time.monotonic()
        work()
        end, after = time.monotonic(), self.told(11)
        self.at_rest_between(before, after)
        return begin, end, after["slots_lost"] - before["slots_lost"]

    def send(self):
        report = self.mesh.report(self.mesh.generator(COUNT, RATE))
        self.assertEqual((report["received"], report["lost"], report["damaged"]), (COUNT, 0, 0))

    def all_dummies_arrive(self, sender, receiver):
        """What one sent the next has received: never more, and soon no less."""
        received = self.told(receiver)["dummy_in"]
        sent = self.told(sender)["dummy_out"]
        self.assertLessEqual(received, sent)
        self.mesh.wait_for(receiver, "dummy_in", sent)
        self.assertLessEqual(self.told(receiver)["dummy_in"], self.told(sender)["dummy_out"])

    def test_a_link_carries_as_many_frames_with_traffic_as_without(self):
        phases = [self.phase(lambda: time.sleep(COUNT / RATE)), self.phase(self.send)]
        for sender, receiver in ((11, 21), (21, 31)):
            self.all_dummies_arrive(sender, receiver)
        told = {node: self.told(node) for node in MIXES}
        books = {node: self.mesh.stop(node) for node in MIXES[:1]}
        seen = self.wire.seen()
        last = self.told(21)
        books.update({node: self.mesh.stop(node) for node in MIXES[1:]})

        # nothing is lost, and what each sent was packets and dummies
        for node in MIXES:
            self.assertTrue(books[node]["closed"])
            self.assertEqual((books[node]["received"], books[node]["sent"]), (COUNT, COUNT))
            self.assertEqual(sum(books[node]["drops"].values()), 0)
            self.assertEqual(told[node]["alarm_books"], 0)
        # every frame that arrived was a packet, a dummy or a handshake
        self.assertEqual(len(seen), last["received"] + last["dummy_in"] + last["handshake_in"])

        source = self.mesh.net.node(11)["addresses"][0]["ip"]
        times = [at for at, ip in seen if ip == source]
        for begin, end, lost in phases:
            # traffic alone would be two fifths more, or less
            want = (end - begin) / INTERVAL_S
            total = sum(begin <= at < end for at in times)
            self.assertLess(abs(total + lost - want), SLACK)


if __name__ == "__main__":
    tap.main()
