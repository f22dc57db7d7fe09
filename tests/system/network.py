# SPDX-License-Identifier: BSD-3-Clause
"""A network in a folder, for tests: topology, keys and configurations, and the programs run on them.

Programs are found through BUILD, the build directory."""
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import telemetry

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
SEEDED = os.environ.get("SEEDED") == "1"  # programs of this build accept --seed
SANITIZED = os.environ.get("SANITIZED") == "1"
RELAY = BUILD / "app/relay/linemix-relay"
GEN = BUILD / "app/gen/linemix-gen"
# With swap no folder on tmpfs is good enough for keys in use.
SWAP = len(pathlib.Path("/proc/swaps").read_text().splitlines()) > 1
REPLAY_CHECK = BUILD / "tests/system/replay-check"
SIGN = BUILD / "tests/system/sign-document"

CONFIG = """\
node: {node}
topology: topology.json
keys: keys-{node}.json
runtime: {runtime}
file_prefix: {prefix}
port:
  device: "{device}"
  vlan: {vlan}
cpus:
  workers: {workers}
  mixer: 0
  idle: yield
link: {link}
memory: {{megabytes: {megabytes}}}
limits: {{held: {held}, ring: 256, replay: {replay}}}
"""


def run(*command, ok=True, seconds=300, **options):
    """Runs a program to its end; unless `ok` is False, it must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=seconds, **options)
    if ok and done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Network:
    """A made-up network; files live until close().

    A relay on its port moves keys from its key file into a runtime folder in memory, one for each
    node. What judges it afterwards, like replay-check, reads the key files as they were made.
    """

    made = itertools.count()

    def __init__(self, *options):
        self.number = next(self.made)
        self.folder = tempfile.TemporaryDirectory(prefix="linemix-test-")
        self.path = pathlib.Path(self.folder.name)
        self.memory = tempfile.TemporaryDirectory(prefix=f"linemix-test-{os.getpid()}-",
                                                  dir="/dev/shm")
        run(GEN, "network", "--static-macs", *options, "--out", self.path)
        for keys in self.path.glob("keys-*.json"):
            shutil.copy2(keys, f"{keys}.made")
        self.authorities = (self.path / "authorities.yaml").read_text()
        self.topology = self.document()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()
        self.memory.cleanup()

    def document(self, name="topology.json"):
        """The document in a signed file."""
        _, text = (self.path / name).read_text().split("\n\n", 1)
        return json.loads(text)

    def publish(self, document=None, name="topology.json"):
        """Replaces a signed file by this document, self.topology unless one is given, signed by every
        authority. Text is signed as it stands."""
        text = document if isinstance(document, str) else json.dumps(document or self.topology)
        run(SIGN, self.path / name, *sorted(self.path.glob("authority-*.key")), input=text)

    def node(self, number):
        """A node in self.topology."""
        return next(node for node in self.topology["nodes"] if node["id"] == number)

    def runtime(self, node):
        """The runtime folder of a node's relay; where there is swap, none."""
        return "none" if SWAP else pathlib.Path(self.memory.name) / str(node)

    def config(self, node, device="net_null0", workers=(0,), vlan=0, megabytes=192, held=4096,
               extra="", replay=65536, runtime=None, links=False, state=False):
        """Writes node's configuration and returns its path; workers: the CPU of each; links: whether
        they have sessions; state: whether documents that were taken are kept."""
        path = self.path / f"node-{node}.yaml"
        extra += f"state: state-{node}\n" if state else ""
        path.write_text(CONFIG.format(
            node=node, device=device, vlan=vlan, megabytes=megabytes, held=held,
            replay=replay, runtime=runtime or self.runtime(node),
            workers=list(workers), prefix=self.prefix(node),
            link=f"{{key: link-{node}.key}}" if links else "{mode: none}") + self.authorities + extra)
        return path

    def prefix(self, node):
        """The file prefix of a node's process: other tests may run at the same time."""
        return f"linemix-test-{os.getpid()}-{self.number}-{node}"

    def make(self, out, *options, count=200, rate=2000):
        """A capture of packets that the generator would send; its path."""
        out = self.path / out
        run(GEN, "make", "--config", self.config(1), "--count", count, "--rate", rate,
            "--out", out, *options)
        return out

    def two_queues(self, node, capture, workers):
        """A configuration with two workers, each with every second frame of a capture: from
        in-0.pcap and in-1.pcap to out-0.pcap and out-1.pcap."""
        frames, files = read_capture(capture), []
        for i in (0, 1):
            write_capture(self.path / f"in-{i}.pcap", frames[i::2])
            files += [f"rx_pcap={self.path}/in-{i}.pcap", f"tx_pcap={self.path}/out-{i}.pcap"]
        return self.config(node, ",".join(["net_pcap0", *files]), workers=workers)

    def replay(self, config, capture, out, *options):
        """Replays a capture; the balance and the path of what came out."""
        out = self.path / out
        config = self.with_keys_as_made(config)
        done = run(RELAY, "--config", config, "--replay", capture, "--out", out, "--json", *options)
        return json.loads(done.stdout), out

    def replay_check(self, config, capture, out):
        """Judges every packet of a replay with lib/packet alone."""
        run(REPLAY_CHECK, self.with_keys_as_made(config), capture, out)

    @staticmethod
    def with_keys_as_made(config):
        """The same configuration with the key file as it was made."""
        made = config.with_suffix(".made.yaml")
        made.write_text(config.read_text().replace(".json\nruntime:", ".json.made\nruntime:"))
        return made

    def check(self, capture, config=None, ok=True):
        """What the generator says of a capture of frames that reached it."""
        done = run(GEN, "check", "--config", config or self.config(1), "--json", capture, ok=ok)
        return json.loads(done.stdout)


def stats(net, node):
    """The counters of a node's relay, or an empty dictionary while it does not answer."""
    socket = telemetry.Telemetry(net.prefix(node), timeout=10)
    answer = socket.stats()
    socket.close()
    return answer or {}


def counted(net, node):
    """The counters of a node's relay, which must answer: on a loaded machine not at once."""
    for _ in range(10):
        answer = stats(net, node)
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"the relay of node {node} does not answer")


def stands_at(pid):
    """Where the threads of a process are, in the kernel and, where there is gdb, outside of it."""
    found = []
    for task in sorted(pathlib.Path(f"/proc/{pid}/task").glob("*")):
        with contextlib.suppress(OSError):
            stack = (task / "stack").read_text().replace("[<0>] ", "").split()
            found.append(f"{(task / 'comm').read_text().strip()}: {' < '.join(stack[:8])}")
    if shutil.which("gdb"):
        done = run("gdb", "-p", pid, "-batch", "-ex", "thread apply all bt 12", ok=False)
        found += [line for line in done.stdout.splitlines() if line.startswith(("#", "Thread"))]
    return "\n".join(found)


class Live:
    """A relay that runs on its port until stop(); what it prints is kept."""

    def __init__(self, config, inside=(), arguments=(), **environment):
        self.output = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            [*inside, str(RELAY), "--config", str(config), "--json", *arguments], stdout=self.output,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env={**os.environ, **environment})

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def said(self):
        # the relay writes at the file's own place, which a seek of ours would move
        file = self.output.fileno()
        return os.pread(file, os.fstat(file).st_size, 0).decode(errors="replace")

    def wait(self, what, seconds=120):
        """Waits until what() is true; the relay must not end before. A counter that is missing, as the
        relay does not answer just now, is waited for."""
        def holds():
            try:
                return what()
            except KeyError:
                return False

        limit = time.monotonic() + seconds
        while not holds():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(f"the relay does not get there:\n{self.said()}\n"
                                     f"{stands_at(self.process.pid)}")
            time.sleep(0.02)

    def stop(self, number=signal.SIGINT):
        """Signals it (by default, to send what it holds), waits for its end, and gives its books."""
        self.process.send_signal(number)
        return self.end()

    def end(self):
        """Waits for its end, which must be a good one, and gives its books."""
        if self.process.wait(timeout=60) != 0:
            raise AssertionError(f"the relay ends with {self.process.returncode}:\n{self.said()}")
        return json.loads(next(line for line in self.said().splitlines() if line[:1] == "{"))


def read_capture(path):
    """[(time in microseconds, frame)] of a little-endian pcap file."""
    data = pathlib.Path(path).read_bytes()
    per_us = {0xa1b2c3d4: 1, 0xa1b23c4d: 1000}[struct.unpack_from("<I", data)[0]]
    frames, at = [], 24
    while at < len(data):
        seconds, fraction, captured, _ = struct.unpack_from("<IIII", data, at)
        frames.append((seconds * 1000000 + fraction // per_us, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    return frames


def write_capture(path, frames):
    """The inverse; returns the path."""
    parts = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)]
    for time_us, frame in frames:
        parts.append(struct.pack("<IIII", time_us // 1000000, time_us % 1000000, len(frame),
                                 len(frame)) + frame)
    pathlib.Path(path).write_bytes(b"".join(parts))
    return path
