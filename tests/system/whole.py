# SPDX-License-Identifier: BSD-3-Clause
"""Nine relays in three layers and a generator, over epochs that last seconds: documents come,
relays may die, and every packet is accounted for."""
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
LEAVING_AHEAD = 8  # documents from the one on that leaves nodes out: more than a run has epochs
SHARE = 0.8  # of the no-drop rate
LEAD = 0.3  # of an epoch: how long before it its document comes
STOCK = 16384  # packets that the generator builds ahead


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
        self.nodes = closing(fabric.Fabric(self.net, held=16384, replay=262144, links=True,
                                            state=True))
        self.first = self.net.topology["epoch"]
        self.began = calendar_seconds(self.net.topology["from"])
        self.epoch = self.first  # of the newest document that was given out
        self.over = threading.Event()
        self.clock = threading.Thread(target=self.publish)
        closing(self)

    def __enter__(self):
        self.clock.start()
        self.nodes.start()
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

    def leave_out(self, epoch, leaving):
        """Documents from this epoch on, which is not given out yet, are without these nodes."""
        signed = (self.net.path / self.documents[epoch - 1]).read_bytes()
        previous = document_hash(signed.split(b"\n\n", 1)[1].decode())
        for number in range(epoch, epoch + LEAVING_AHEAD):
            document = self.net.document(self.documents[number])
            document["nodes"] = [n for n in document["nodes"] if n["id"] not in leaving]
            text = json.dumps({**document, "previous": previous})
            previous = document_hash(text)
            self.net.publish(text, self.documents[number])
        if self.epoch >= epoch:
            raise AssertionError(f"the document of epoch {epoch} was given out before it was made")

    def ends(self, leaving):
        """Waits until these relays end by themselves; their books, as of deaths."""
        live = {node: self.nodes.live.pop(node) for node in leaving}
        return [{"node": node, "pid": live[node].process.pid, "books": live[node].end()}
                for node in leaving]

    def starts(self, epoch):
        """When an epoch begins, in UTC."""
        return self.began + (epoch - self.first) * self.seconds

    def publish(self):
        """Gives each document out before its epoch begins, by a rename."""
        while self.epoch < self.first + AHEAD:
            following = self.epoch + 1
            if self.sleep_until(self.starts(following) - LEAD * self.seconds):
                return
            new = self.net.path / "topology.new"
            new.write_bytes((self.net.path / self.documents[following]).read_bytes())
            os.rename(new, self.net.path / "topology.json")
            self.epoch = following

    def sleep_until(self, when):
        """True if it is over before that."""
        return self.over.wait(max(0, when - time.time()))

    def find_rate(self, *options):
        return self.nodes.gen("find-rate", "--stock", STOCK // 4, *options, seconds=1200)

    def most_share(self):
        """SHARE of the no-drop rate, which is looked for; 0 if there is none."""
        report = self.find_rate("--rate", 400, "--seconds", 4, "--long-seconds", 20, "--trials", 12,
                                "--late-ms", 500, "--resolution-ppm", 100000)
        print(f"no-drop rate: {report['rate_pps']} packets a second, by {len(report['trials'])} "
              f"trials; limited by {report['limit']}", flush=True)
        return int(report["rate_pps"] * SHARE)

    def books(self):
        """What each relay that runs has counted so far: by its process, to tell deaths."""
        for node, live in self.nodes.live.items():
            live.wait(lambda node=node: self.nodes.stats(node).get("held") == 0)
        return {(node, live.process.pid): self.nodes.stats(node)
                for node, live in self.nodes.live.items()}

    def run(self, rate, epochs, kill=None, every=1, leaving=()):
        """Sends over so many epochs from the beginning of the next one on; the generator's report.
        kill: a signal that one relay gets once in `every` epochs; then also what is known of each
        death. leaving: nodes that documents are without from the run's second epoch on; they end
        with it, and are among the deaths."""
        begin = self.first + int((time.time() - self.began) / self.seconds) + 1
        self.sleep_until(self.starts(begin))
        sending = subprocess.Popen(
            [str(word) for word in self.nodes.gen_line("run", "--rate", rate, "--stock", STOCK,
                                                       "--seconds", epochs * self.seconds)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deaths = []
        try:
            if kill:
                sent_from = self.wait_until_it_sends(sending)
                for turn in range(-(-epochs // every)):
                    self.sleep_until(sent_from + (turn + 0.1) * every * self.seconds)
                    deaths.append(self.kill_one(turn, kill))
            if leaving:
                self.leave_out(begin + 1, leaving)
                deaths += self.ends(leaving)
            out, err = sending.communicate(timeout=epochs * self.seconds + 120)
        finally:
            sending.kill()
            sending.wait()
        if not out:
            raise AssertionError(f"the generator gives no report: {err}")
        return json.loads(out), deaths

    def wait_until_it_sends(self, sending):
        """The time, UTC, at which packets come to the first layer: the generator has built its
        stock."""
        def received():
            return sum(self.nodes.stats(node)["received"] for node in self.nodes.mixes[:PER_LAYER])
        before = received()
        while received() == before:
            if sending.poll() is not None:
                raise AssertionError("the generator ended before it sent: "
                                     f"{sending.communicate()[1]}")
            time.sleep(0.05)
        return time.time()

    def kill_one(self, turn, number):
        """Kills one relay, the turn's in the run, and starts it again. With SIGKILL only the middle
        layer's, as its neighbours' books must show what it lost."""
        victims = self.nodes.mixes if number != signal.SIGKILL else self.nodes.mixes[3:6]
        node = victims[(turn * 4) % len(victims)]
        live = self.nodes.live.pop(node)
        stopped = time.monotonic()
        live.process.send_signal(number)
        books = None if number == signal.SIGKILL else live.end()
        live.process.wait(timeout=30)
        self.nodes.start(node)
        self.nodes.live[node].wait(lambda: self.nodes.stats(node)["ready"] == 1)
        return {"node": node, "seconds": time.monotonic() - stopped, "books": books,
                "pid": live.process.pid, "said": self.nodes.live[node].said()}

    def close(self, before, report, deaths, least, most_lost):
        """What is wrong with a run, in words, of which so many packets at least must have been sent
        and no more may be lost; the relays are stopped."""
        wrong = judge(report, before, self.books(), deaths)
        if report["lost"] > most_lost:
            wrong.append(f"lost {report['lost']}, and at most {most_lost:.0f} may have died with "
                         "relays")
        if report["sent"] < least:
            wrong.append(f"sent {report['sent']} only")
        return wrong + [f"the books of relay {node} do not close"
                        for node, books in self.stop().items() if not books["closed"]]

    def stop(self):
        """Sends what is held, and gives the books of all relays."""
        return self.nodes.stop()


def relays_keep_documents():
    """Whether a relay that starts again knows the document of the epoch before, and so the keys
    that senders may still use."""
    return "state" in network.run(network.RELAY, "--help-config").stdout


def calendar_seconds(text):
    return int(subprocess.run(["date", "--date", text, "+%s"], check=True, capture_output=True,
                              text=True).stdout)


def document_hash(text):
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def flow(before, after, deaths):
    """What each layer received, sent and dropped in a run, and the drops by name and node.
    Processes that were killed outright are not in it."""
    received, sent, dropped, names = [0] * LAYERS, [0] * LAYERS, [0] * LAYERS, {}
    ends = dict(after)
    for death in deaths:
        if death["books"]:
            ends[death["node"], death["pid"]] = flat(death["books"])
    for (node, pid), end in ends.items():
        begin, layer = before.get((node, pid), {}), node // 10 - 1
        gained = {name: value - begin.get(name, 0) for name, value in end.items()
                  if isinstance(value, int)}
        received[layer] += gained["received"]
        sent[layer] += gained["sent"]
        for name, value in gained.items():
            if name.startswith("drop_") and value:
                dropped[layer] += value
                by_node = names.setdefault(name[5:], {})
                by_node[node] = by_node.get(node, 0) + value
    return received, sent, dropped, names


def flat(books):
    """Books at a relay's end, as telemetry names them."""
    return {"received": books["received"], "sent": books["sent"],
            **{f"drop_{name}": value for name, value in books["drops"].items()}}


def judge(report, before, after, deaths=()):
    """What is wrong with a run, in words: nothing but what died with a relay may be missing. Relays
    that are retired know when they end: they cost nothing."""
    killed_any = any("seconds" in death for death in deaths)
    received, sent, dropped, names = flow(before, after, deaths)
    wrong = [f"{name}: {report[name]}" for name in ("duplicated", "damaged") if report[name]]
    if killed_any:  # until neighbours have heard of its end, they send to it on its old sessions
        names.pop("link_index", None)
    if names:
        wrong.append(f"relays refused {names}")
    killed = {death["node"] // 10 - 1 for death in deaths if not death["books"]}
    for i in set(range(LAYERS)) - killed:
        if received[i] != sent[i] + dropped[i]:
            wrong.append(f"layer {i + 1} received {received[i]}, sent {sent[i]} and dropped "
                         f"{dropped[i]}")
    # what came out of one place and did not come into the next; a layer of which relays were killed
    # is passed over, so that its neighbours say what it lost
    places = [("generator", 0, report["sent"]),
              *((f"layer {i + 1}", received[i], sent[i] + dropped[i]) for i in range(LAYERS)
                if i not in killed),
              ("generator", report["received"], 0)]
    missing = sum(out - into for (_, _, out), (_, into, _) in zip(places, places[1:]))
    if missing != report["lost"]:
        wrong.append(f"lost {report['lost']}, but the books tell of {missing}: {places}")
    if not killed_any and report["lost"]:
        wrong.append(f"lost {report['lost']}")
    return wrong


def most_lost(rate, deaths, held_s):
    """The most that deaths may cost: what arrives while nobody polls and, after a SIGKILL, what was
    held; five standard deviations more. Without deaths nothing."""
    mean = sum(rate / PER_LAYER * (death["seconds"] + (0 if death["books"] else held_s))
               for death in deaths)
    return mean + 5 * math.sqrt(mean)
