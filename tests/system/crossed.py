# SPDX-License-Identifier: BSD-3-Clause
"""A run through a whole network on the virtual clock, with captures at each of its mixes.

The packets go through the relays one after the other: what one sends is what the next receives, so
every run is a whole network, without waiting."""
from network import GEN, Network, read_capture, run, write_capture


class Crossed:
    """A network of three layers, and captures at each of its mixes of a run through it."""

    def __init__(self, count, rate, *options, mixes=((11,), (21,), (31,)), make=()):
        self.net = Network(*options)
        self.captures, self.books = {}, {}
        self.sent = capture = self.net.make("in.pcap", *make, count=count, rate=rate)
        for layer in mixes:
            frames = []
            for mix in layer:
                self.books[mix], out = self.net.replay(self.net.config(mix), capture,
                                                       f"out-{mix}.pcap")
                assert self.books[mix]["closed"], self.books
                self.captures[mix] = [capture, out]
                frames += read_capture(out)
            capture = write_capture(self.net.path / f"after-{layer[0]}.pcap", sorted(frames))
        self.arrived = capture

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.net.folder.cleanup()

    def check(self, captures=None, arguments=("--json",), ok=True):
        relays = [word for mix, files in (captures or self.captures).items() for file in files
                  for word in ("--relay", f"{mix}={file}")]
        return run(GEN, "check", "--config", self.net.config(1), *arguments, self.arrived, *relays,
                   ok=ok)

    def change(self, part, **fields):
        """Changes the topology that `check` reads."""
        self.net.topology[part].update(fields)
        self.net.publish()
