# SPDX-License-Identifier: BSD-3-Clause
"""The directory of the demo network: etcd, three authorities, and an agent beside every node, all
in a network namespace of their own with nothing but loopback. Nodes know of it what stands in their
topology files.
"""
import datetime
import json
import time

import etcd
import netns

PREFIX = "/linemix/demo"
AUTHORITIES, THRESHOLD = 3, 2
LEAD_SECONDS = 12  # before an epoch, in which the authorities agree on its document
CAPACITY = 10000
EPOCHS = 57  # for which keys are made ahead: 60 with the first one and its two next
FORM = "%Y-%m-%dT%H:%M:%SZ"


class DirectoryError(Exception):
    """Why there is no document, in words for the user."""


def make_plan(topology, begins):
    """The plan that a made-up topology could have come from; epoch 0 begins in that second."""
    first, last = (datetime.datetime.strptime(topology[key], FORM) for key in ("from", "until"))
    kept = ("profile", "mixing", "cover", "paths", "layers")
    of_node = ("id", "role", "layer", "operator", "jurisdiction", "identity", "mac")
    return {"format": "linemix-plan-v1", "start": time.strftime(FORM, time.gmtime(begins)),
            "epoch_seconds": int((last - first).total_seconds()),
            **{key: topology[key] for key in kept},
            "members": [{**{key: node[key] for key in of_node if key in node},
                         "prefixes": [f"{address['ip']}/{128 if ':' in address['ip'] else 32}"
                                      for address in node["addresses"]]}
                        for node in topology["nodes"]]}


class Directory:
    """Made from the folder that linemix-gen network has written, of three authorities."""

    def __init__(self, program, folder, lead_seconds=LEAD_SECONDS):
        self.program, self.folder, self.lead_seconds = program, folder, lead_seconds
        topology = folder / "topology.json"
        self.network = json.loads(topology.read_bytes().split(b"\n\n", 1)[1])
        self.nodes = {node["id"]: node for node in self.network["nodes"]}
        self.begins = None  # when the first epoch does, in seconds since 1970
        self.plan = folder / "plan.json"
        self.namespace = netns.Namespace()
        self.etcd = etcd.Server(folder / "etcd", inside=self.namespace.inside)
        self.parts = etcd.Directory(
            program, folder, [self.etcd.url], self.authorities(), THRESHOLD, prefix=PREFIX,
            inside=self.namespace.inside)

    def authorities(self):
        return [netns.command([str(self.program), "keys", "--show", "authority",
                               str(self.key(number))]).split()[-1]
                for number in range(1, AUTHORITIES + 1)]

    def key(self, number):
        return self.folder / f"authority-{number}.key"

    def topology(self, node):
        """The file that a node reads, and its agent keeps."""
        return self.folder / f"topology-of-{node}.json"

    def addresses(self, node):
        """Where a node is, as text."""
        return [f"[{address['ip']}]:{address['port']}" if ":" in address["ip"] else
                f"{address['ip']}:{address['port']}" for address in self.nodes[node]["addresses"]]

    def descriptor(self, node):
        """The file that a relay keeps of itself."""
        return self.folder / f"state-{node}" / "descriptor"

    def describe(self, node):
        """Writes the descriptor of a node that does not write its own."""
        out = self.descriptor(node)
        out.parent.mkdir()
        netns.command([
            str(self.program), "descriptor", "--id", str(node),
            "--identity", str(self.folder / f"identity-{node}.key"),
            "--link", str(self.folder / f"link-{node}.key"),
            "--keys", str(self.folder / f"keys-{node}.json"), "--capacity", str(CAPACITY),
            *[word for address in self.addresses(node) for word in ("--address", address)],
            "--out", str(out)])

    def start(self, *silent, authorities=AUTHORITIES):
        """silent: nodes that do not describe themselves; the others have. authorities: how many of
        them are there."""
        self.begins = int(time.time()) + LEAD_SECONDS + 1
        self.plan.write_text(json.dumps(make_plan(self.network, self.begins), indent=1))
        for node in silent:
            self.describe(node)
        self.etcd.start(wait=False)
        for number in range(1, authorities + 1):
            self.parts.authority(number, self.key(number), self.plan, self.lead_seconds)
        for node in self.nodes:
            self.parts.relay(f"agent-{node}", self.topology(node), self.descriptor(node))

    def wait(self, seconds=LEAD_SECONDS):
        """Until every node's agent has a document and the first epoch has begun; `seconds` longer
        than that at most."""
        files = [self.topology(node) for node in self.nodes]
        while not all(file.exists() for file in files):
            if time.time() > self.begins + seconds:
                raise DirectoryError("the authorities have made no document:\n" +
                                     self.parts.said("authority-1") + self.parts.said("signer-1"))
            time.sleep(0.1)
        time.sleep(max(0, self.begins - time.time()))

    def documents(self):
        """The agents' words about documents, for people."""
        words = self.parts.said("authority-1").splitlines()
        return [line.split(": ", 1)[1] for line in words if "has the document" in line]

    def close(self):
        self.parts.close()
        self.etcd.close()
        self.namespace.close()
