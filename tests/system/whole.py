# SPDX-License-Identifier: BSD-3-Clause
"""Nine relays in three layers and a generator, over epochs that last seconds: documents come, relays
may die, and every packet is accounted for."""
import hashlib
import json
import math
import os
import signal
import subprocess
import threading
import time

import fabric
import network

LAYERS, PER_LAYER = 3, 3
AHEAD = 60  # epochs that documents and keys are made for
SHARE = 0.8  # of the no-drop rate
LEAD = 0.5  # of an epoch: how long before it its document comes


class Whole:
    """The network. signers: how many of its three authorities are alive; two must sign."""

    def __init__(self, closing, epoch_seconds, signers=3, interval_us=50000):
        self.seconds = epoch_seconds
        self.net = closing(network.Network(
            "--layers", LAYERS, "--per-layer", PER_LAYER, "--interval-us", interval_us,
            "--max-wait-us", 2 * interval_us, "--epoch-seconds", epoch_seconds,
            "--epochs-ahead", AHEAD, "--authorities", 3, "--threshold", 2))
        self.hold_s = 2 * interval_us / 1e6
        for number in range(signers + 1, 4):
            (self.net.path / f"authority-{number}.key").unlink()
        self.documents = self.resign()
        self.nodes = closing(fabric.Fabric(self.net, held=16384, replay=262144))
        self.first = self.net.topology["epoch"]
        self.began = calendar_seconds(self.net.topology["from"])
        self.epoch = self.first  # of the newest document that was given out
        self.over = threading.Event()
        self.clock = threading.Thread(target=self.publish)
        closing(self)

    def __enter__(self):
        self.nodes.start()
        self.clock.start()
        return self

    def __exit__(self, *unused):
        self.over.set()
        self.clock.join()

    def resign(self):
        """The documents, without link-layer addresses, each with the right hash of the one before,
        signed by the authorities that are alive."""
        names, previous = {}, None
        first = self.net.topology["epoch"]
        for epoch in range(first, first + AHEAD + 1):
            name = "topology.json" if epoch == first else f"topology-{epoch}.json"
            document = self.net.document(name)
            for node in document["nodes"]:
                del node["mac"]
            if previous:
                document["previous"] = previous
            text = json.dumps(document)
            previous = document_hash(text)
            self.net.publish(text, name)
            names[epoch] = name
        return names

    def starts(self, epoch):
        """When an epoch begins, in UTC."""
        return self.began + (epoch - self.first) * self.seconds

    def publish(self):
        """Gives each document out before its epoch begins, by a rename, and tells relays to look
        when it begins."""
        while self.epoch < self.first + AHEAD:
            following = self.epoch + 1
            if self.sleep_until(self.starts(following) - LEAD * self.seconds):
                return
            new = self.net.path / "topology.new"
            new.write_bytes((self.net.path / self.documents[following]).read_bytes())
            os.rename(new, self.net.path / "topology.json")
            self.epoch = following
            if self.sleep_until(self.starts(following)):
                return
            for live in list(self.nodes.live.values()):
                if live.process.poll() is None:
                    live.process.send_signal(signal.SIGHUP)

    def sleep_until(self, when):
        """True if it is over before that."""
        return self.over.wait(max(0, when - time.time()))

    def find_rate(self, *options):
        return self.nodes.gen("find-rate", "--rate", 200, *options)

    def books(self):
        """What each relay that runs has counted so far: by its process, to tell deaths."""
        return {(node, live.process.pid): self.nodes.stats(node)
                for node, live in self.nodes.live.items()}

    def run(self, rate, epochs, kill=None):
        """Sends over so many epochs from the beginning of the next one on; the generator's report.
        kill: a signal that one relay gets in each epoch; then also what is known of each death."""
        now = int((time.time() - self.began) / self.seconds)
        self.sleep_until(self.starts(self.first + now + 1))
        sending = subprocess.Popen(
            [str(word) for word in self.nodes.gen_line("run", "--rate", rate, "--seconds",
                                                       epochs * self.seconds)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deaths = []
        try:
            if kill:
                deaths = [self.kill_one(epoch, kill) for epoch in range(epochs)]
            out, err = sending.communicate(timeout=epochs * self.seconds + 120)
        finally:
            sending.kill()
            sending.wait()
        if not out:
            raise AssertionError(f"the generator gives no report: {err}")
        return json.loads(out), deaths

    def kill_one(self, turn, number):
        """Kills one relay in an epoch, the turn's in the run, and starts it again. With SIGKILL only
        the middle layer's, as its neighbours' books must show what it lost."""
        self.sleep_until(self.starts(self.first + int((time.time() - self.began) / self.seconds)) +
                         (1.4 if turn else 0.4) * self.seconds)
        victims = self.nodes.mixes if number != signal.SIGKILL else self.nodes.mixes[3:6]
        node = victims[(turn * 4) % len(victims)]
        live = self.nodes.live.pop(node)
        stopped = time.monotonic()
        live.process.send_signal(number)
        books = None if number == signal.SIGKILL else live.end()
        live.process.wait(timeout=30)
        self.nodes.start(node)
        return {"node": node, "seconds": time.monotonic() - stopped, "books": books,
                "pid": live.process.pid}

    def stop(self):
        """Sends what is held, and gives the books of all relays."""
        return self.nodes.stop()


def calendar_seconds(text):
    return int(subprocess.run(["date", "--date", text, "+%s"], check=True, capture_output=True,
                              text=True).stdout)


def document_hash(text):
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def flow(before, after, deaths):
    """What each layer received and sent in a run, and what its relays dropped, by name. Processes
    that were killed outright are not in it."""
    received, sent, drops = [0] * LAYERS, [0] * LAYERS, {}
    ends = {key: counters for key, counters in after.items()}
    for death in deaths:
        if death["books"]:
            ends[death["node"], death["pid"]] = flat(death["books"])
    for (node, pid), end in ends.items():
        begin = before.get((node, pid), {})
        gained = {name: value - begin.get(name, 0) for name, value in end.items()
                  if isinstance(value, int)}
        received[node // 10 - 1] += gained["received"]
        sent[node // 10 - 1] += gained["sent"]
        for name, value in gained.items():
            if name.startswith("drop_") and value:
                drops[name[5:]] = drops.get(name[5:], 0) + value
    return received, sent, drops


def flat(books):
    """Books at a relay's end, as telemetry names them."""
    return {"received": books["received"], "sent": books["sent"],
            **{f"drop_{name}": value for name, value in books["drops"].items()}}


def judge(report, before, after, deaths=()):
    """What is wrong with a run, in words: nothing but what died with a relay may be missing."""
    received, sent, drops = flow(before, after, deaths)
    wrong = [f"{name}: {report[name]}" for name in ("duplicated", "damaged") if report[name]]
    if drops:
        wrong.append(f"relays refused {drops}")
    killed = {death["node"] // 10 for death in deaths if not death["books"]}
    for layer in range(1, LAYERS + 1):
        if layer not in killed and received[layer - 1] != sent[layer - 1]:
            wrong.append(f"layer {layer} received {received[layer - 1]} and sent "
                         f"{sent[layer - 1]}")
    missing = 0  # between layers, and in those of which relays were killed
    ways = [report["sent"], *(n for pair in zip(received, sent) for n in pair), report["received"]]
    for layer in range(LAYERS + 1):
        into = None if layer + 1 in killed else ways[2 * layer + 1]
        out = None if layer in killed else ways[2 * layer]
        if into is not None and out is not None:
            missing += out - into
        if layer + 1 in killed:
            missing += ways[2 * layer] - ways[2 * layer + 3]
    if missing != report["lost"]:
        wrong.append(f"lost {report['lost']}, but the relays' books tell of {missing}: {ways}")
    return wrong


def most_lost(rate, deaths, held_s):
    """The most that deaths may cost: what arrives while nobody polls and, after a SIGKILL, what was
    held; five standard deviations more. Without deaths nothing."""
    mean = sum(rate / PER_LAYER * (death["seconds"] + (0 if death["books"] else held_s))
               for death in deaths)
    return mean + 5 * math.sqrt(mean)
