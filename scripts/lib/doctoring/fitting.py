# SPDX-License-Identifier: BSD-3-Clause
"""The configuration that fits a machine: which CPUs, which card, how many packets, how much memory.

The arithmetic of memory is the relay's own: linemix-relay --check-config, over a network that
linemix-gen makes up in a temporary folder.
"""
import dataclasses
import pathlib
import re
import subprocess
import tempfile

from machine import cpu_list

from . import memory, system

# Packets a second that a worker peels, small profile, bursts of 64 (bench/baseline, Zen 4 at 2.6
# GHz), and how much of that is planned for: links, the mixer and the NIC want their part.
PEELED = {"avx512ifma": 222000, "avx2": 87000, "scalar": 30000}
PLANNED = 0.6
MEMORY_SHARE = 0.6  # of what is available, for replay sets and buffers
HUGE_SPARE_MB = 64  # DPDK's own


@dataclasses.dataclass
class Lcores:
    workers: list
    mixer: int
    control: int

    @property
    def polling(self):
        return sorted({*self.workers, self.mixer})


def siblings(machine, cpu):
    text = machine.read(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return cpu_list(text) or {cpu}


def lcores(machine, node, most):
    """Workers, mixer and control: isolated CPUs beside the card if there are any, one thread a
    core; control where the rest of the system is."""
    online = cpu_list(machine.read("/sys/devices/system/cpu/online")) or {0}
    beside = cpu_list(machine.read(f"/sys/devices/system/node/node{node}/cpulist"))
    near = beside & online or online
    isolated = cpu_list(machine.read("/sys/devices/system/cpu/isolated"))
    control = min(online - isolated or online)
    wanted = isolated & near or near - siblings(machine, control) or near or online
    cores, taken = [], set()
    for cpu in sorted(wanted):
        if cpu not in taken:
            cores.append(cpu)
            taken |= siblings(machine, cpu)
    mixer = cores.pop() if len(cores) > 2 else cores[-1]
    return Lcores(cores[:most], mixer, control)


@dataclasses.dataclass
class Fit:
    lcores: Lcores
    rate: int
    lines: list = dataclasses.field(default_factory=list)  # what --check-config says
    replay_mb: int = 0
    buffers_mb: int = 0
    problem: str = ""


def needs(text):
    """MiB of buffers, and of replay sets, that --check-config says."""
    buffers = sum(float(value) for value in re.findall(r"^memory: .*?([\d.]+) MiB", text, re.M))
    sets = re.search(r"4 sets while epochs change: ([\d.]+) MiB", text)
    return int(buffers) + 1, int(float(sets[1])) + 1 if sets else 0


def run(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          check=False)


class Arithmetic:
    """Asks linemix-relay for configurations; a context, whose files are gone at its end."""

    def __init__(self, machine):
        self.relay = system.program(machine, "linemix-relay")
        self.gen = system.program(machine, "linemix-gen")
        self.folder = tempfile.TemporaryDirectory(prefix="linemix-doctor-")
        self.path = pathlib.Path(self.folder.name)
        self.made = False

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()

    def check(self, text):
        """What --check-config says of the machine's part of a configuration, and what is wrong."""
        if not self.relay or not self.gen:
            return "", "linemix-relay and linemix-gen are not there yet, so nothing was calculated"
        if not self.made:
            done = run(self.gen, "network", "--out", self.path)
            if done.returncode != 0:
                return "", done.stderr.strip()
            self.made = True
        config = self.path / "node-11.yaml"
        network = ("node: 11\ntopology: topology.json\nkeys: keys-11.json\nruntime: none\n"
                   "file_prefix: linemix-doctor\nlink: {key: link-11.key}\n")
        config.write_text(network + (self.path / "authorities.yaml").read_text() + text)
        done = run(self.relay, "--config", config, "--check-config")
        if done.returncode == 0:
            return done.stdout, ""
        return "", done.stderr.strip().replace(str(self.path) + "/", "")


def config_text(choice, cpus, rate, buffers_mb=0):
    """The machine's part of a configuration."""
    sections = {"port": {"device": f'"{choice.device(len(cpus.workers))}"', "tap": "lm0"},
                "cpus": {"workers": cpus.workers, "mixer": cpus.mixer, "control": cpus.control},
                "memory": {}, "limits": {"max_packets_per_second": rate}}
    top = {}
    for key, value in choice.family.relay.items():
        section, _, name = key.rpartition(".")
        text = str(value).lower() if isinstance(value, bool) else value
        (sections[section] if section else top)[name] = text
    if "megabytes" in sections["memory"]:
        sections["memory"]["megabytes"] = max(sections["memory"]["megabytes"],
                                              buffers_mb + buffers_mb // 4 + HUGE_SPARE_MB)
    lines = [f"{name}: {value}" for name, value in top.items()]
    for section, keys in sections.items():
        lines += [f"{section}:"] + [f"  {name}: {value}" for name, value in keys.items()]
    return "\n".join(lines) + "\n"


def room_mb(machine):
    """MiB that the relay may have outside huge pages: a share of what is available."""
    return int((memory.meminfo(machine, "MemAvailable") or 0) * MEMORY_SHARE)


def fit(machine, choice, backend, most_workers, rate=None):
    """The configuration for a card: the rate that its CPUs peel, less where memory is too small."""
    cpus = lcores(machine, choice.nic.numa, choice.most_workers(most_workers))
    found = Fit(cpus, rate or int(PEELED[backend] * PLANNED) * len(cpus.workers) // 1000 * 1000)
    room = min(room_mb(machine), memory.shared_mb(machine) or room_mb(machine))
    with Arithmetic(machine) as arithmetic:
        for _ in range(8):
            out, found.problem = arithmetic.check(config_text(choice, cpus, found.rate, 4096))
            if found.problem and "lower limits" in found.problem and not rate and found.rate > 1000:
                found.rate = max(1000, found.rate // 2000 * 1000)
                continue
            if found.problem:
                return found
            found.buffers_mb, found.replay_mb = needs(out)
            if found.replay_mb + found.buffers_mb <= room or rate or found.rate <= 1000:
                break
            share = room / (found.replay_mb + found.buffers_mb)
            found.rate = max(1000, int(found.rate * share * 0.95) // 1000 * 1000)
    found.lines = [line for line in out.splitlines()
                   if re.match(r"(held|buffers|memory|replay|links|x25519|worker|mixer)", line)]
    return found
