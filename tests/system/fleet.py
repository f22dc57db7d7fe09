# SPDX-License-Identifier: BSD-3-Clause
"""A network on paper for tests of the directory: a plan, descriptors, authorities' keys, and
documents made from them."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
DIRECTORY = BUILD / "app/directory/linemix-directory"
SANITIZED = os.environ.get("SANITIZED") == "1"
FLEET = BUILD / "tests/system/directory-fleet"
MEMORY = pathlib.Path("/dev/shm")  # etcd syncs every write, and disks of busy machines are slow


def run(*command, ok=True):
    """Runs a program to its end; unless `ok` is False, it must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300)
    if ok and done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait(what, seconds=30, why=lambda: ""):
    """Waits until what() is true, and gives it."""
    limit = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s\n{why()}")
        time.sleep(0.02)
    return found


class Fleet:
    """Files live until close(). `start`: when epoch 0 begins, in seconds since 1970."""

    def __init__(self, nodes, epoch_s, start, first=0, count=8, authorities=3):
        self.folder = tempfile.TemporaryDirectory(prefix=f"linemix-test-{os.getpid()}-", dir=MEMORY)
        self.path = pathlib.Path(self.folder.name)
        self.nodes, self.epoch_s, self.begin = nodes, epoch_s, start
        self.authorities = run(FLEET, self.path, nodes, epoch_s, start, first, count,
                               authorities).stdout.split()
        self.plan = self.path / "plan.json"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()

    def key(self, number):
        return self.path / f"authority-{number}.key"

    def descriptor(self, node):
        return self.path / "descriptors" / str(node)

    def document(self, name, epoch, previous=None, without=(), signers=(1, 2)):
        """Builds the document of an epoch without some nodes, signs it, and gives its path."""
        bare, out = self.path / f"{name}.bare", self.path / name
        nodes = [self.descriptor(node) for node in range(1, self.nodes + 1) if node not in without]
        run(DIRECTORY, "build", "--plan", self.plan, "--epoch", epoch, "--out", bare,
            *(["--previous", previous] if previous else []), *nodes)
        signed = bare
        for number in signers:
            run(DIRECTORY, "sign", "--key", self.key(number), "--out", out, signed)
            signed = out
        return out

    def check(self, path):
        """Is this a document that two of the authorities have signed? Gives it."""
        words = [word for key in self.authorities for word in ("--authority", key)]
        run(DIRECTORY, "check", *words, "--threshold", 2, path)
        return content(path)


def signed_parts(path):
    """{public key: signature} and the exact bytes of a signed file."""
    head, bytes_ = pathlib.Path(path).read_bytes().split(b"\n\n", 1)
    lines = [line.split() for line in head.decode().splitlines()[1:]]
    return {words[1]: words[2] for words in lines}, bytes_


def content(path):
    """The document in a signed file, or None while there is no file."""
    try:
        return json.loads(signed_parts(path)[1])
    except FileNotFoundError:
        return None


def epoch(path):
    """The epoch of the document in a file, -1 while there is none."""
    document = content(path)
    return document["epoch"] if document else -1


def note(text):
    """A figure for people who read the test's log."""
    print(f"# {text}", file=sys.stderr, flush=True)
