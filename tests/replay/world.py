# SPDX-License-Identifier: BSD-3-Clause
"""What cases are made from: a network, packets on their way through it, and a relay's
configuration, all drawn from the case's name, so that the same bytes come every time."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import captures
from captures import Frame

BUILD = pathlib.Path(os.environ.get("BUILD", "build-test")).resolve()
RELAY = BUILD / "app/relay/linemix-relay"
GEN = BUILD / "app/gen/linemix-gen"
CHECK = BUILD / "tests/system/replay-check"

CONFIG = """\
node: {node}
topology: topology.json
keys: keys-{node}.json
runtime: none
file_prefix: linemix-replay
port: {{device: net_null0, vlan: {vlan}, rx_descriptors: 64, tx_descriptors: 64}}
cpus: {{workers: {workers}}}
link: {{mode: {link}}}
memory: {{megabytes: 96}}
limits: {{held: {held}, ring: 64, replay: {replay}}}
"""


def run(*command):
    """Runs a program, which must succeed; what it prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class World:
    """A network in a folder."""

    def __init__(self, folder, name, *options):
        self.path, self.name = pathlib.Path(folder), name
        run(GEN, "network", "--static-macs", "--from", "2020-01-01T00:00:00Z", "--epoch", "7",
            "--seed", self.seed("network"), "--out", self.path, *options)
        self.authorities = (self.path / "authorities.yaml").read_text()
        _, text = (self.path / "topology.json").read_text().split("\n\n", 1)
        self.nodes = {node["id"]: node for node in json.loads(text)["nodes"]}

    def seed(self, what):
        """64 digits of this case, others for every use."""
        return hashlib.blake2b(f"{self.name}/{what}".encode(), digest_size=32).hexdigest()

    def config(self, node, workers=1, vlan=0, held=256, replay=4096, link="none", extra=""):
        """Writes a node's configuration."""
        path = self.path / f"config-{node}.yaml"
        path.write_text(CONFIG.format(node=node, workers=[0] * workers, vlan=vlan, held=held,
                                      replay=replay, link=link) + extra + self.authorities)
        return path

    def packets(self, node, count, *options, rate=1000, vlan=0, what="packets"):
        """[(time in nanoseconds, Frame)]: so many packets of the generator's that begin at this
        node of the first layer."""
        out = self.path / "made.pcap"
        layer = sum(1 for other in self.nodes.values() if other.get("layer") == 1)
        run(GEN, "make", "--config", self.config(1, vlan=vlan), "--count", 2 * layer * count + 40,
            "--rate", rate * layer, "--seed", self.seed(what), "--out", out, *options)
        mac = bytes.fromhex(self.nodes[node]["mac"].replace(":", ""))
        mine = [(time_ns, Frame(frame)) for time_ns, frame in captures.read(out)
                if frame[:6] == mac]
        assert len(mine) >= count, f"{self.name}: only {len(mine)} packets begin at node {node}"
        return mine[:count]

    def relayed(self, node, frames, **config):
        """What a relay makes of frames."""
        captures.write(self.path / "to.pcap",
                       [(time_ns, bytes(frame)) for time_ns, frame in frames])
        run(RELAY, "--config", self.config(node, **config), "--replay", self.path / "to.pcap",
            "--out", self.path / "from.pcap", "--seed", self.seed(f"relay {node}"))
        return [(time_ns, Frame(frame))
                for time_ns, frame in captures.read(self.path / "from.pcap")]

    def put(self, folder, about, node, frames, **config):
        """Writes what is given of a case: everything but what is expected."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.config(node, **config), folder / "config.yaml")
        for name in ("topology.json", f"keys-{node}.json"):
            shutil.copyfile(self.path / name, folder / name)
        captures.write(folder / "in.pcap", [(time_ns, bytes(frame)) for time_ns, frame in frames])
        (folder / "case.json").write_text(
            json.dumps({"about": about, "seed": self.seed("relay")}, indent=1) + "\n")
