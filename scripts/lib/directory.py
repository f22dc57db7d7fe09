# SPDX-License-Identifier: BSD-3-Clause
"""The directory of the demo network: etcd, three authorities, and an agent beside every node, all in
a network namespace of their own with nothing but loopback. Nodes know of it what stands in their
topology files.
"""
import datetime
import json
import time

import etcd
import netns

PREFIX = "/linemix/demo"
AUTHORITIES, THRESHOLD = 3, 2
LEAD_SECONDS = 12  # from now to the first epoch: in which the authorities agree on its document
CAPACITY = 10000
FORM = "%Y-%m-%dT%H:%M:%SZ"


class DirectoryError(Exception):
    """Why there is no document, in words for the user."""


def first_epoch_begins():
    """When the first epoch is to begin, as text in UTC."""
    begin = datetime.datetime.now(datetime.timezone.utc)
    return (begin + datetime.timedelta(seconds=LEAD_SECONDS + 1)).strftime(FORM)


def make_plan(topology):
    """The plan that a made-up topology could have come from."""
    begins, ends = (datetime.datetime.strptime(topology[key], FORM) for key in ("from", "until"))
    span = ends - begins
    kept = ("profile", "mixing", "cover", "paths", "layers")
    of_node = ("id", "role", "layer", "operator", "jurisdiction", "identity", "mac")
    return {"format": "linemix-plan-v1",
            "start": (begins - topology["epoch"] * span).strftime(FORM),
            "epoch_seconds": int(span.total_seconds()),
            **{key: topology[key] for key in kept},
            "members": [{key: node[key] for key in of_node if key in node}
                        for node in topology["nodes"]]}


class Directory:
    """Made from the folder that linemix-gen network has written, of three authorities."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        topology = folder / "topology.json"
        self.network = json.loads(topology.read_bytes().split(b"\n\n", 1)[1])
        self.begins = datetime.datetime.strptime(self.network["from"], FORM).replace(
            tzinfo=datetime.timezone.utc).timestamp()
        self.plan = folder / "plan.json"
        self.plan.write_text(json.dumps(make_plan(self.network), indent=1))
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
        return self.folder / f"topology-{node}.json"

    def describe(self, node):
        """Writes a node's descriptor, as a relay does itself; gives its path."""
        out = self.folder / f"descriptor-{node['id']}"
        place = {"folder": self.folder, "id": node["id"]}
        addresses = [f"[{address['ip']}]:{address['port']}" if ":" in address["ip"] else
                     f"{address['ip']}:{address['port']}" for address in node["addresses"]]
        netns.command([
            str(self.program), "descriptor", "--id", str(node["id"]),
            "--identity", "{folder}/identity-{id}.key".format(**place),
            "--link", "{folder}/link-{id}.key".format(**place),
            "--keys", "{folder}/keys-{id}.json".format(**place), "--capacity", str(CAPACITY),
            *[word for address in addresses for word in ("--address", address)],
            "--out", str(out)])
        return out

    def start(self):
        self.etcd.start(wait=False)
        for number in range(1, AUTHORITIES + 1):
            self.parts.authority(number, self.key(number), self.plan, LEAD_SECONDS)
        for node in self.network["nodes"]:
            self.parts.relay(f"agent-{node['id']}", self.topology(node["id"]), self.describe(node))

    def wait(self):
        """Until every node's agent has the first document and its epoch has begun."""
        files = [self.topology(node["id"]) for node in self.network["nodes"]]
        while not all(file.exists() for file in files):
            if time.time() > self.begins + LEAD_SECONDS:
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
