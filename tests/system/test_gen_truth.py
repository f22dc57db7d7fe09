# SPDX-License-Identifier: BSD-3-Clause
"""linemix-gen check --keys: who went where, from captures at every relay and the relays' keys.

What is found is judged by what the generator sent: kinds take turns, so the number of a packet, by
the time at which it was sent, says how it must end. A wrong match anywhere on the way is seen."""
import csv
import json
import os
import shutil
import struct
import unittest

import crossed
import network
import tap

SIM = network.BUILD / "app/sim/linemix-sim"
WIDE = ((11, 12), (21, 22), (31, 32))


class Ways(crossed.Crossed):
    """With the keys of all nodes, as they were made, in a folder of their own."""

    def __init__(self, count, rate, *options, **others):
        super().__init__(count, rate, *options, **others)
        self.keys = self.net.path / "made"
        self.keys.mkdir()
        for made in self.net.path.glob("keys-*.json.made"):
            shutil.copy2(made, self.keys / made.name.removesuffix(".made"))

    def ways(self, captures=None):
        """The report, and the ways: rows of the CSV by number of the packet."""
        table = self.net.path / "ways.csv"
        done = self.check(captures, ("--keys", self.keys, "--csv", table, "--out",
                                     self.net.path / "records", "--json"))
        ways = {}
        for row in csv.DictReader(table.read_text().splitlines()):
            ways.setdefault(int(row["packet"]), []).append(row)
        return json.loads(done.stdout), ways


class Truth(unittest.TestCase):
    def judge(self, ways, count, delays=None):
        """Every packet ends as its number says, and passes one mix of each layer, in time."""
        self.assertEqual(sorted(ways), list(range(count)))
        for number, way in ways.items():
            kind = ("exit", "mbox", "drop", "surb")[number % 4]
            want = ("client_drop", "ended") if kind == "drop" else ("message", "delivered")
            self.assertEqual({(row["kind"], row["end"]) for row in way}, {want})
            self.assertEqual([row["from"][0] + row["to"][0] for row in way],
                             ["11", "12", "23", "31"])  # 1, 11, 21, 31, 1
            self.assertEqual([row["hop"] for row in way], ["0", "1", "2", "3"])
            for here, there in zip(way, way[1:]):
                self.assertEqual(here["to"], there["from"])
                self.assertEqual(int(here["held_ns"]),
                                 int(there["left_ns"]) - int(here["came_ns"]))
                self.assertGreaterEqual(int(here["held_ns"]), 0)

    def test_every_strategy_and_profile_is_followed(self):
        cases = (("--strategy", "poisson", "--mean-delay-us", 5000),
                 ("--strategy", "batch", "--interval-us", 20000),
                 ("--strategy", "pool", "--interval-us", 10000, "--profile", 1))
        for options in cases:
            with self.subTest(options), Ways(120, 2000, *options, "--per-layer", 2,
                                             mixes=WIDE) as net:
                report, ways = net.ways()
                self.judge(ways, 120)
                self.assertEqual(report["packets"]["message"]["delivered"], 90)
                self.assertEqual(report["packets"]["client_drop"]["ended"], 30)
                for node in report["captured"]:
                    if node["id"] > 10:
                        self.assertEqual(node["came"], node["forwarded"])
                        self.assertEqual((node["made"], node["missing"], node["unknown"]),
                                         (0, 0, 0))
                self.assertEqual(sum(node["came"] for node in report["captured"]), 4 * 120)

    def test_what_is_taken_out_or_broken_on_the_way_ends_there(self):
        with Ways(80, 2000, "--strategy", "batch", "--interval-us", 20000) as net:
            frames = network.read_capture(net.captures[21][0])
            broken = bytearray(frames[5][1])
            broken[42 + 60] ^= 1  # in the header of the packet
            changed = network.write_capture(net.net.path / "changed.pcap",
                                            [*frames[:5], (frames[5][0], bytes(broken)),
                                             *frames[6:9], *frames[10:], frames[20]])
            _, out = net.net.replay(net.net.config(21), changed, "changed-out.pcap")
            report, ways = net.ways({11: net.captures[11], 21: [changed, out]})
            nodes = {node["id"]: node for node in report["captured"]}
            # of 80 left 79, one of which no node has sent, and one came twice
            self.assertEqual((nodes[11]["left"], nodes[21]["came"]), (80, 79))
            self.assertEqual((nodes[21]["refused"], nodes[21]["again"]), (1, 1))
            self.assertEqual((nodes[21]["left"], nodes[21]["forwarded"]), (78, 78))
            lost = [way for way in ways.values() if way[0]["end"] == "lost"]
            self.assertEqual(len(lost), 1)  # the broken one: a packet by itself, as it was seen
            self.assertEqual([row["to"] for row in lost[0]], ["21"])

    def test_records_are_what_the_simulator_writes(self):
        with Ways(40, 2000, "--strategy", "poisson", "--mean-delay-us", 5000) as net:
            _, ways = net.ways()
            folder = net.net.path / "records"
            run = json.loads((folder / "run.json").read_text())
            self.assertEqual([node["id"] for node in run["nodes"]], [1, 11, 21, 31])
            self.assertEqual((run["clients"], run["strategy"]), (1, "poisson"))
            flights = list(csv.DictReader(network.run(SIM, "show", "--truth", folder)
                                          .stdout.splitlines()))
            # node 1 is its own client, number 4: to it and from it each message has a flight more
            self.assertEqual(len(flights), 40 * 5 + 30)
            start = min(int(row["came_ns"]) for row in ways[0])
            for number, way in ways.items():
                mine = [row for row in flights if row["packet"] == str(number)]
                mine.sort(key=lambda row: int(row["hop"]))
                places = [row["from"] for row in mine] + [mine[-1]["to"]]
                self.assertEqual(places, list("401230") + (["4"] if number % 4 != 2 else []))
                held = [(int(row["left_ns"] or row["came_ns"]) - start) // 1000 for row in way]
                self.assertEqual([int(row["left_us"]) for row in mine[1:5]], held)
            packets = list(csv.DictReader(network.run(SIM, "show", "--packets", folder)
                                          .stdout.splitlines()))
            self.assertEqual([row["sender"] for row in packets], ["4"] * 40)
            self.assertEqual([row["recipient"] for row in packets], ["4", "4", "0", "4"] * 10)

    def test_own_cover_of_relays_begins_where_it_was_made(self):
        with Ways(200, 1000, "--strategy", "poisson", "--mean-delay-us", 5000, "--loop-interval-us",
                  20000, "--drop-interval-us", 30000) as net:
            report, ways = net.ways()
            made = {node["id"]: node["made"] for node in report["captured"] if node["id"] > 10}
            self.assertEqual(made, {mix: net.books[mix]["cover"] for mix in made})
            self.assertGreater(min(made.values()), 0)
            packets = report["packets"]
            self.assertEqual((packets["message"]["made"], packets["client_drop"]["made"]),
                             (150, 50))
            self.assertEqual(packets["relay_loop"]["made"] + packets["relay_drop"]["made"],
                             sum(made.values()))
            # drop packets end at a gateway; what a loop does behind it nobody has captured
            self.assertEqual(packets["relay_drop"]["ended"], packets["relay_drop"]["made"])
            self.assertEqual(packets["relay_loop"]["on_its_way"], packets["relay_loop"]["made"])
            self.assertEqual({way[0]["from"] for way in ways.values()}, {"1", "11", "21", "31"})

    def test_what_no_key_opens_is_said_to_be_unknown(self):
        with Ways(20, 2000, "--strategy", "batch", "--interval-us", 20000) as net:
            os.unlink(net.keys / "keys-21.json")
            report, ways = net.ways()
            nodes = {node["id"]: node for node in report["captured"]}
            self.assertEqual((nodes[21]["unknown"], nodes[21]["made"]), (20, 20))
            self.assertEqual({len(way) for way in ways.values()}, {2})
            frame = bytearray(network.read_capture(net.captures[11][0])[0][1])
            frame = frame + bytes(36)  # as long as a link frame
            struct.pack_into(">H", frame, 16, len(frame) - 14)
            struct.pack_into(">H", frame, 38, len(frame) - 34)
            other = network.write_capture(net.net.path / "other.pcap", [(1, bytes(frame))])
            report, _ = net.ways({11: [other]})
            self.assertEqual([node["other"] for node in report["captured"] if node["id"] == 11],
                             [1])


if __name__ == "__main__":
    tap.main()
