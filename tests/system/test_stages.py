# SPDX-License-Identifier: BSD-3-Clause
"""Where a relay's cycles go: totals by stage, over telemetry and beside the books."""
import json
import signal
import unittest

import network
import tap
import telemetry
from network import Live, Network

FIGURES = ("cycles", "bursts", "packets", "empty_cycles")
WORKER = ("rx", "open", "share", "admit", "peel", "replay", "route", "seal", "tx", "kernel")
MIXER = ("mix_take", "mix_cover", "mix_give")
LCORE = ("lcore_cycles", "lcore_rest_cycles", "lcore_other_cycles")
LEAVES = ("--layers", "1", "--static-macs", "--interval-us", "10000")


def spent(stages, names=WORKER + MIXER + ("feed",)):
    return sum(stages[f"{name}_{figure}"] for name in names
               for figure in ("cycles", "empty_cycles"))


class Stages(unittest.TestCase):
    def complete(self, stages):
        self.assertEqual({f"{name}_{figure}" for name in WORKER + MIXER + ("feed",)
                          for figure in FIGURES} | set(LCORE) | {"tsc_hz"}, set(stages))
        self.assertGreater(stages["tsc_hz"], 10**8)

    def test_a_replay_that_is_timed_writes_the_same_and_counts_each_packet(self):
        with Network(*LEAVES) as net:
            capture = net.make("in.pcap", count=200)
            plain, _ = net.replay(net.config(11, workers=(0, 0)), capture, "plain.pcap")
            timed, out = net.replay(net.config(11, workers=(0, 0)), capture, "timed.pcap",
                                    "--stages")
            net.replay_check(net.config(11), capture, out)
            stages = timed.pop("stages")
            self.assertEqual(plain, timed)
            self.complete(stages)
            for name in ("rx", "share", "admit", "peel", "replay", "route", "mix_take", "mix_give",
                         "seal", "tx"):
                with self.subTest(stage=name):
                    self.assertEqual(stages[f"{name}_packets"], 200)
                    self.assertLessEqual(stages[f"{name}_bursts"], 200)
                    self.assertGreater(stages[f"{name}_cycles"], 0)
            self.assertEqual(stages["open_packets"], 0)  # links have no sessions
            self.assertEqual([stages[name] for name in LCORE], [0, 0, 0])
            self.assertGreater(stages["peel_cycles"], spent(stages) / 2)

    def test_a_feeds_stages_add_up_to_the_time_of_its_lcores(self):
        with Network(*LEAVES) as net:
            capture = net.make("in.pcap", count=1000)
            done = network.run(network.RELAY, "--config", net.config(11, links=True), "--feed",
                               capture, "--feed-rate", 10000, "--stages", "--json")
            books = json.loads(done.stdout.splitlines()[-1])
            stages = books["stages"]
            self.complete(stages)
            self.assertEqual(stages["peel_packets"], books["received"])
            self.assertEqual(stages["open_packets"], books["received"])
            self.assertEqual(stages["tx_packets"], books["sent"])
            self.assertGreater(stages["feed_packets"], 0)
            told = spent(stages) + stages["lcore_rest_cycles"] + stages["lcore_other_cycles"]
            self.assertAlmostEqual(told / stages["lcore_cycles"], 1, delta=0.02)

    def feed(self, net, *options, count=1000, burst=64, links=False, node=11):
        capture = net.make("in.pcap", count=count)
        config = net.config(node, links=links)
        config.write_text(config.read_text().replace("limits: {", f"limits: {{burst: {burst}, "))
        done = network.run(network.RELAY, "--config", config, "--feed", capture, "--json", *options)
        feed, books = map(json.loads, done.stdout.splitlines())
        self.assertTrue(books["closed"])
        self.assertEqual((feed["frames"], feed["offered"], feed["missed"]), (count, count, 0))
        return feed, books

    def test_a_feed_that_is_pulled_loses_nothing_in_bursts_of_any_size(self):
        for burst, links in ((1, False), (8, True), (64, False)):
            with self.subTest(burst=burst, links=links), Network(*LEAVES) as net:
                feed, books = self.feed(net, "--feed-pull", "--stages", burst=burst, links=links)
                self.assertEqual((books["sent"], books["drops"]["overload"]), (1000, 0))
                self.assertEqual((feed["mode"], feed["burst"], feed["sent"]), ("mix", burst, 1000))
                self.assertLessEqual(books["stages"]["peel_packets"],
                                     burst * books["stages"]["peel_bursts"])
                each = feed["cycles_per_packet"]
                self.assertEqual(set(each), {*WORKER, "sum"})
                self.assertGreater(each["peel"]["bursts"], 0)
                self.assertGreater(each["peel"]["least"], 1000)
                self.assertLessEqual(each["peel"]["least"], each["peel"]["median"])
                self.assertAlmostEqual(each["sum"]["least"],
                                       sum(each[stage]["least"] for stage in WORKER), delta=1)

    def test_a_feed_has_a_session_with_each_of_many_neighbours(self):
        with Network("--gateways", 70, *LEAVES) as net:
            mix = next(node["id"] for node in net.topology["nodes"] if node["role"] == "mix")
            _, books = self.feed(net, "--feed-pull", links=True, node=mix)
            self.assertEqual((books["sent"], set(books["drops"].values())), (1000, {0}))

    def test_plain_forwarding_sends_what_comes_and_peels_nothing(self):
        with Network(*LEAVES) as net:
            feed, books = self.feed(net, "--feed-pull", "--feed-plain", "--stages", count=3000)
            self.assertEqual((books["received"], books["sent"], feed["sent"]), (3000,) * 3)
            self.assertEqual((feed["mode"], books["stages"]["tx_packets"]), ("plain", 3000))
            self.assertEqual(spent(books["stages"]), spent(books["stages"], ("rx", "tx", "feed")))
            self.assertEqual(feed["stages"]["peel_packets"], 0)

    def test_people_see_a_table(self):
        with Network(*LEAVES) as net:
            said = network.run(network.RELAY, "--config", net.config(11), "--feed",
                               net.make("in.pcap", count=1000), "--feed-pull", "--stages").stdout
            self.assertRegex(said, r"(?m)^peel +[0-9.]+ +[0-9.]+ +[0-9]+$")
            self.assertIn("a worker, in all", said)

    def test_a_relay_that_runs_is_timed_from_a_sighup_on(self):
        with Network(*LEAVES) as net, \
                Live(net.config(11, "net_null0", workers=(0, 0))) as live:  # which always receives
            asked = telemetry.Telemetry(net.prefix(11), timeout=10)

            def stages(worker=""):
                return asked.ask(f"/linemix/stages{worker}") or {}

            live.wait(lambda: stages()["timed"] == 0)
            self.assertEqual(spent(stages()) + stages()["lcore_cycles"], 0)
            net.config(11, "net_null0", workers=(0, 0), extra="stages: true\n")
            live.process.send_signal(signal.SIGHUP)
            live.wait(lambda: stages()["timed"] == 1 and stages()["rx_packets"] > 0)
            before = stages()
            live.wait(lambda: stages()["rx_packets"] > before["rx_packets"])
            after = stages()
            self.assertEqual(after["workers"], 2)
            self.complete({key: after[key] for key in after.keys() - {"timed", "workers"}})
            shrunk = [key for key in after
                      if after[key] < before[key] and key != "lcore_other_cycles"]
            self.assertEqual(shrunk, [])
            one = stages(",1")
            self.assertGreater(one["rx_packets"], 0)
            self.assertEqual(spent(one, MIXER) + one["lcore_cycles"], 0)
            self.assertLess(one["rx_packets"], stages()["rx_packets"])
            for wrong in (",2", ",x", ",1x", ",-1"):
                self.assertEqual(stages(wrong), {}, wrong)
            net.config(11, "net_null0", workers=(0, 0))
            live.process.send_signal(signal.SIGHUP)
            live.wait(lambda: stages()["timed"] == 0)
            live.wait(lambda: spent(stages()) == spent(stages()))
            asked.close()
            live.stop()

    def test_the_cycles_of_busy_rounds_are_told_of_every_cpu(self):
        with Network(*LEAVES) as net, Live(net.config(11, "net_null0")) as live:
            asked = telemetry.Telemetry(net.prefix(11), timeout=10)

            def lcores():
                return asked.ask("/linemix/lcores") or {}

            live.wait(lambda: lcores()["cpu_0_busy_cycles"] > 0)
            self.assertGreater(lcores()["tsc_hz"], 10**8)
            asked.close()
            live.stop()

    def test_stages_are_an_option_of_feeds_and_replays_alone(self):
        with Network(*LEAVES) as net:
            done = network.run(network.RELAY, "--config", net.config(11), "--stages", ok=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("`stages: true`", done.stderr)


if __name__ == "__main__":
    tap.main()
