# SPDX-License-Identifier: BSD-3-Clause
"""Own cover in builds that accept --seed: replays repeat, and so loops find back into a second
one."""
import unittest

import tap
from network import Network, read_capture, write_capture

SEED = "5eed" * 16
LOOP_US = 5000
JUDGE = "cover: {window: 16, warn_percent: 20, pause_percent: 40, retry_us: 0, slack_us: 10000}\n"


class Loops(unittest.TestCase):
    def network(self):
        return self.enterContext(Network(
            "--strategy", "poisson", "--mean-delay-us", "10000", "--loop-interval-us", LOOP_US))

    def replay(self, net, node, capture, out, extra=""):
        return net.replay(net.config(node, extra=extra), capture, out, "--seed", SEED)

    def test_replays_with_cover_repeat_byte_for_byte(self):
        net = self.network()
        capture = net.make("in.pcap", count=300, rate=600)
        outs = [self.replay(net, 11, capture, f"out-{i}.pcap")[1].read_bytes() for i in (0, 1)]
        self.assertEqual(outs[0], outs[1])

    @staticmethod
    def loop_every(net, interval_us):
        net.topology["cover"]["loop_interval_us"] = interval_us
        net.publish()

    def half_a_second(self, net):
        """What the generator sends, what then comes round the network, and how many loops that is.
        Only node 11 sends loops: those of others would still come when node 11, which the second
        time sends on while its loops return, misses the last ones that it sent, and pauses."""
        self.loop_every(net, LOOP_US)
        capture = net.make("in.pcap", count=300, rate=600)
        books, out = self.replay(net, 11, capture, "out.pcap")
        self.loop_every(net, 0)
        for node in (21, 31, 1):
            _, out = self.replay(net, node, out, f"round-{node}.pcap")
        self.loop_every(net, LOOP_US)
        return read_capture(capture), read_capture(out), books["cover"]

    def again(self, net, sent, back, extra=""):
        """The same half second once more, with some of what comes back."""
        frames = sorted(sent + back, key=lambda frame: frame[0])
        capture = write_capture(net.path / "whole.pcap", frames)
        books, _ = self.replay(net, 11, capture, "again.pcap", extra)
        self.assertEqual(books["received"], len(frames))
        return books["drops"]

    def test_loops_that_went_round_the_network_are_recognised_in_time(self):
        net = self.network()
        sent, back, loops = self.half_a_second(net)
        self.assertGreater(loops, 50)
        self.assertEqual(len(back), loops)
        drops = self.again(net, sent, back, JUDGE)
        self.assertEqual(drops["cover"], loops)
        self.assertEqual(drops["paused"], 0)
        self.assertGreater(self.again(net, sent, [], JUDGE)["paused"], 50)

    def test_in_a_pause_loops_that_return_are_cover_and_all_else_is_paused(self):
        net = self.network()
        sent, back, _ = self.half_a_second(net)
        late = [frame for frame in back if frame[0] > sent[0][0] + 300000]
        loops = self.again(net, sent, late)["cover"]
        drops = self.again(net, sent, late, JUDGE)
        self.assertGreater(drops["paused"], 50)
        self.assertGreater(loops, 10)
        self.assertEqual(drops["cover"], loops)


if __name__ == "__main__":
    tap.main()
