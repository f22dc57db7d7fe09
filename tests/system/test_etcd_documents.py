# SPDX-License-Identifier: BSD-3-Clause
"""Documents that authorities agree on over Debian's etcd-server, epoch after epoch, and what
happens when parts of it fail."""
import shutil
import threading
import time

import fleet
import tap
from fleet import note, signed_parts, wait
from with_etcd import PREFIX, WithEtcd

EPOCH_S = 4
LEAD_S = 3


class Watched:
    """Looks at a topology file all the time: what was in it, in order."""

    def __init__(self, path):
        self.path, self.seen, self.stopped = path, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped:
            try:
                bytes_ = self.path.read_bytes()
                if not self.seen or self.seen[-1] != bytes_:
                    self.seen.append(bytes_)
            except FileNotFoundError:
                pass
            time.sleep(0.02)

    def stop(self):
        self.stopped = True
        self.thread.join()
        if not self.seen or self.seen[-1] != self.path.read_bytes():
            self.seen.append(self.path.read_bytes())


class Documents(WithEtcd):
    def setUp(self):
        super().setUp()
        self.net = self.fleet(8, EPOCH_S, int(time.time()) + LEAD_S + 3, count=24)
        self.data = self.net.path / "etcd"
        self.etcd = self.server(self.data)
        self.dir = self.directory(self.net, self.etcd.url)
        self.publish()
        for number in (1, 2, 3):
            self.start(number)
        self.topology = self.net.path / "topology"
        self.dir.agent("follower", self.topology)
        self.watched = Watched(self.topology)
        self.closers.append(self.watched.stop)

    def publish(self):
        for node in range(1, self.net.nodes + 1):
            self.etcd.put(f"{PREFIX}/descriptors/{node:010}",
                          self.net.descriptor(node).read_bytes())

    def start(self, number):
        self.dir.authority(number, self.net.key(number), self.net.plan, LEAD_S)

    def everything_said(self):
        return "\n".join(f"== {name}\n{self.dir.said(name)}" for name in
                         ("follower", "authority-1", "authority-2", "authority-3", "signer-1"))

    def comes(self, epoch, seconds=60):
        """A document of this epoch or a later one; gives its epoch."""
        return wait(lambda: (found := fleet.epoch(self.topology)) >= epoch and found + 1, seconds,
                    self.everything_said) - 1

    def becomes(self, nodes, seconds=60):
        """A document of so many nodes comes; gives its epoch."""
        wait(lambda: len((fleet.content(self.topology) or {"nodes": ()})["nodes"]) == nodes,
             seconds, self.everything_said)
        return fleet.epoch(self.topology)

    def now(self):
        return (time.time() - self.net.begin) / EPOCH_S

    def check_all_that_was_seen(self):
        self.watched.stop()
        epochs = []
        for bytes_ in self.watched.seen:
            path = self.net.path / "seen"
            path.write_bytes(bytes_)
            epochs.append(self.net.check(path)["epoch"])
        self.assertEqual(epochs, sorted(set(epochs)))
        return epochs

    def check_that_each_signed_once(self):
        for number in (1, 2, 3):
            signed = [line for line in self.dir.said(f"signer-{number}").splitlines()
                      if line.endswith(": signed")]
            self.assertEqual(len(signed), len(set(signed)), signed)

    def test_authorities_agree_while_parts_of_the_network_fail(self):
        last = self.comes(0)
        self.assertGreaterEqual(len(signed_parts(self.topology)[0]), 2)
        self.assertEqual(len(fleet.content(self.topology)["nodes"]), 8)
        # one authority is dead
        self.dir.kill("authority-3")
        self.dir.kill("signer-3")
        last = self.comes(last + 1)
        # etcd is dead, for longer than an epoch
        self.etcd.kill()
        old = self.net.path / "etcd-old"
        shutil.copytree(self.data, old)
        time.sleep(1.2 * EPOCH_S)
        self.assertIn("the document in force serves for", self.dir.said("follower"))
        self.etcd.start()
        last = self.comes(last + 1)
        # one that was dead comes back, and another one dies
        self.start(3)
        self.dir.kill("authority-1")
        self.dir.kill("signer-1")
        last = self.comes(last + 1)
        # etcd comes back with what it had long ago: a stale one
        self.etcd.kill()
        shutil.rmtree(self.data / "data")
        shutil.copytree(old / "data", self.data / "data")
        self.etcd.start()
        last = self.comes(last + 1)
        self.assertGreaterEqual(last, self.now() - 1)
        epochs = self.check_all_that_was_seen()
        self.check_that_each_signed_once()
        note(f"documents of epochs {epochs}, of {last + 1}")

    def test_a_node_comes_and_goes_and_plans_may_differ_for_a_while(self):
        self.etcd.delete(f"{PREFIX}/descriptors/{8:010}")
        self.becomes(7)
        self.etcd.put(f"{PREFIX}/descriptors/{8:010}", self.net.descriptor(8).read_bytes())
        self.becomes(8)
        # somebody who may write there puts what is no descriptor
        self.etcd.put(f"{PREFIX}/descriptors/{8:010}", b"x" * 100000)
        self.etcd.put(f"{PREFIX}/descriptors/{99:010}", b"x")
        last = self.becomes(7)
        # and takes part in a round that is to come: that costs an attempt at most
        self.etcd.put(f"{PREFIX}/rounds/{last + 2:010}/0", b"early")
        self.comes(last + 2)
        self.check_all_that_was_seen()


if __name__ == "__main__":
    tap.main()
