# SPDX-License-Identifier: BSD-3-Clause
"""A fake relay whose figures move as a busy one's do, for looking at."""
import json
import math
import time

from fake_relay import FakeRelay, drop_names, good_answers

NODES = (4, 8, 8, 8)  # gateways, layers 1 to 3


class LivelyRelay(FakeRelay):
    def __init__(self, path, layer, rate=41_000, trouble=False):
        self.layer, self.rate, self.trouble = layer, rate, trouble
        self.begun = time.time() - 5000
        super().__init__(path, self.lively)

    def stats(self, age):
        received = int(self.rate * (age + 1.6 * math.sin(age / 9 + self.layer)
                                    + 0.25 * math.sin(age / 1.3)))
        drops = {"mac": int(1.7 * age), "replay": int(0.4 * age), "cover": received // 30}
        if self.trouble:
            drops |= {"overload": int(80 * age), "no_session": int(3 * age)}
        held = int(0.2 * self.rate * (1 + 0.15 * math.sin(age / 5)))
        dropped = sum(drops.values()) - drops["cover"]
        return {f"drop_{name}": drops.get(name, 0) for name in drop_names()} | {
            "received": received, "held": held, "sent": received - dropped - drops["cover"] - held,
            "dropped": dropped, "uptime_us": int(age * 1e6), "loops_sent": int(10 * age),
            "loops_back": int(9.97 * age), "loops_lost": int(0.02 * age), "clock_heard": 5,
            "ready": 0 if self.trouble else 1}

    def node(self, now):
        begin = int(now) // 1200 * 1200
        answer = {"role": "mix" if self.layer else "gateway", "layer": self.layer,
                  "node": 10 * self.layer + 1, "held_room": 200_000, "epoch_from_s": begin,
                  "epoch_until_s": begin + 1200}
        for layer, nodes in enumerate(NODES):
            near = (layer - self.layer) % len(NODES) in (1, len(NODES) - 1)
            down = self.trouble and layer == (self.layer + 1) % len(NODES)
            answer |= {f"layer_{layer}_nodes": nodes, f"layer_{layer}_links": nodes if near else 0,
                       f"layer_{layer}_up": nodes - down if near else 0}
        return answer

    def lively(self, command, _):
        now = time.time()
        age, answers = now - self.begun, good_answers()
        answers["/linemix/stats"] |= self.stats(age)
        answers["/linemix/node"] |= self.node(now)
        answers["/linemix/lcores"] = {"tsc_hz": 10 ** 9} | {
            f"cpu_{cpu}_busy_cycles": int(1e9 * share * (age + math.sin(age / 5 + cpu)))
            for cpu, share in zip(range(2, 6), (0.62, 0.55, 0.58, 0.31))}
        answers["/linemix/replay"] = {"previous_tags": 4_000_000, "previous_room": 8_000_000,
                                      "current_tags": int(now % 1200 * 3000),
                                      "current_room": 8_000_000,
                                      "next_tags": 90_000, "next_room": 8_000_000}
        answers["/linemix/down"] = [27] if self.trouble else []
        return json.dumps({command: answers[command]}).encode()
