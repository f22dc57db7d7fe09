# SPDX-License-Identifier: BSD-3-Clause
"""The relay without a wire: a feeder gives it prepared packets from memory, through rings in place of a
NIC; and the cycles that each of its stages takes of them.

Trials of all settings take turns, and right before each the same CPU peels bursts with nothing
around (bench/micro) and multiplies points with libsodium. A trial's ratio to either is to the least
that it took in the whole run, and of a setting's trials the best counts: what others do on a machine
only adds to a cost, and in one trial of several they are away. Cycles are of CPU time, which other
programs on the same CPUs do not add to.
"""
import dataclasses
import sys

import machine
from model import WIRE_OVERHEAD

sys.path.insert(0, str(machine.TREE / "bench/relay"))
import feeding

PROFILES = {"small": 0, "large": 1}
# Nothing comes from outside, and keys are of this process alone.
EXTRA = "runtime: none\nsandbox: false"
TRIAL_SECONDS = 1.7  # with its start, and the peeling before it
BURSTS = (1, 8, 16, 32, 64)
WORKER_STAGES = ("rx", "open", "share", "admit", "peel", "replay", "route", "seal", "tx", "kernel")
MIXER_STAGES = ("mix_take", "mix_cover", "mix_give")
PACKET_LEN = {"small": 1348, "large": 8580}
HEADERS = 14 + 20 + 8  # Ethernet, IPv4, UDP
LINK = 36
# Generous: what packet buffers take (a page, where several would not fit one), how many there are for a
# worker beside those of held packets, and what else a worker takes.
BUFFER_LEN = {"small": 4096, "large": 10240}
QUEUED = 24576
WORKER_MEGABYTES = 128


@dataclasses.dataclass(frozen=True)
class Setting:
    """What one trial runs with."""
    profile: str = "small"
    links: bool = False
    workers: int = 1
    burst: int = 64
    forward: bool = False  # no mixing, no cryptography: frames go out as they came
    held: int = 0  # packets that the mixer holds meanwhile
    replay: int = 1 << 20  # tags that the replay set has room for
    neighbours: int = 64  # gateways that send

    @property
    def name(self):
        kind = "forward" if self.forward else "links" if self.links else "bare"
        more = "".join(f".{key}{value}" for key, value, usual in (
            ("held", self.held, 0), ("replay", self.replay, 1 << 20),
            ("neighbours", self.neighbours, 64)) if value != usual)
        return f"{self.profile}.{kind}.workers{self.workers}.burst{self.burst}{more}"

    @property
    def frame_len(self):
        return PACKET_LEN[self.profile] + HEADERS + (LINK if self.links else 0)


def gbit(setting, packets):
    """What so many packets a second are on a wire."""
    return packets * 8 * (setting.frame_len + WIRE_OVERHEAD) / 1e9


# ---- One trial ----


class Peel:
    """bench/micro's peeling of bursts of 64 on the fastest backend, and libsodium in turns with it."""

    def __init__(self, context):
        self.context, self.backend = context, None
        # By profile, of all measurements so far: the least of their medians, and of all samples.
        self.least, self.sample = {}, {}
        self.least_sodium = float("inf")  # of all samples

    def measure(self, profile):
        found = self.context.run_micro("--filter", f"peel.profile{PROFILES[profile]}", "--burst", 64,
                                       *(["--backend", self.backend] if self.backend else []),
                                       samples=15)
        lines = [line for line in found[1:] if line["n"] == 64]
        best = min(lines, key=lambda line: line["cycles_per_item"])
        self.backend = best["backend"]
        for kept, key in ((self.least, "cycles_per_item"), (self.sample, "cycles_per_item_least")):
            kept[profile] = min(best[key], kept.get(profile, best[key]))
        sodium = best["ratio"] * best["cycles_per_item_least"]
        self.least_sodium = min(sodium, self.least_sodium)
        return {"hz": found[0]["tsc_hz"], "peel": best["cycles_per_item"], "sodium": sodium}


def stage_cycles(feed, ran, of_bursts="median"):
    """Cycles of each stage for a packet: of the workers' the median over full bursts, which leaves out
    what other programs did meanwhile, or the least; where there were none, and of the mixer's, the
    whole. There the counter goes on while an lcore does not run: `ran` is the part of the time in
    which it did."""
    times, found = feed["stages"], {}
    packets = times["peel_packets"] or times["tx_packets"]
    if not packets:
        raise feeding.MeasurementError("no packet went through the stages")
    for stage in (*WORKER_STAGES, *MIXER_STAGES):
        full = feed["cycles_per_packet"].get(stage)
        found[stage] = full[of_bursts] if full and full["bursts"] > 0 else \
            times[f"{stage}_cycles"] * ran / packets
    return found


def read_trial(setting, shared, feed, peel):
    """What a trial came to. shared: a worker has its lcore together with the mixer and the feeder, whose
    CPU time is then in its own: there, and where frames are only forwarded and so a worker waits for
    the feeder, a worker's cycles are those of its stages."""
    each = feed["goodput_per_cpu_second"]
    if not each or not feed["goodput_pps"]:
        raise feeding.MeasurementError(
            "nothing went through the relay in the trial's window: its workers had "
            f"{feed['window_cpu_seconds']:.3f} s of the CPU in {feed['window_seconds']:.3f} s")
    ran = min(1.0, feed["goodput_pps"] / each / setting.workers)
    stages, least = (stage_cycles(feed, ran, of_bursts) for of_bursts in ("median", "least"))
    worker = sum(stages[stage] for stage in WORKER_STAGES)
    cycles = worker if shared or setting.forward else peel["hz"] / each
    return {"cycles": cycles, "pps": feed["goodput_pps"], "per_cpu": peel["hz"] / cycles,
            "sodium": peel["sodium"], "hz": peel["hz"], "stages": stages,
            "worker": worker, "worker_least": sum(least[stage] for stage in WORKER_STAGES),
            "mixer": sum(stages[stage] for stage in MIXER_STAGES)}


def balanced(sources, workers):
    """Of these IPv4 addresses as many for each worker, by the hash that spreads a feed's sources over
    workers (app/relay/feed.c): so none waits for another."""
    queues = [[] for _ in range(workers)]
    for source in sources:
        mixed = (int.from_bytes(source, "little") << 32 | 0xffff0000) * 0x9e3779b97f4a7c15
        queues[(mixed >> 32 & 0xffffffff) * workers >> 32].append(source)
    each = min(map(len, queues))
    return [source for turn in zip(*(queue[:each] for queue in queues)) for source in turn]


class Trials:
    """Runs settings in turns."""

    def __init__(self, context):
        self.context, self.peel = context, Peel(context)
        self.captures = {}
        self.packets = {"small": 24000, "large": 12000} if context.quick else \
            {"small": 100000, "large": 40000}
        self.seconds = 1.0 if context.quick else 4.0  # of a trial's feeding, at most

    def network(self, setting):
        """held: packets stay for a mean delay in which about so many come."""
        options = ["--gateways", setting.neighbours - 1, "--subnet", "10.77.0.0/16"]
        name = "" if setting.neighbours == 64 else f"neighbours{setting.neighbours}"
        if setting.held:
            options += ["--mean-delay-us", setting.held * 25]  # of 40,000 a second
            name += f"held{setting.held}"
        return self.context.network(setting.profile, name, *options)

    def count(self, setting):
        """Packets of a trial: more workers than two take their share more."""
        return max(self.packets[setting.profile] * setting.workers // 2,
                   self.packets[setting.profile], 2 * setting.held)

    def capture(self, setting):
        """The packets of a setting, built when first asked for."""
        net, count = self.network(setting), self.count(setting)
        workers = 1 if setting.links else setting.workers  # lanes are spread in any case
        if (net, count) not in self.captures:
            net.configure(1)
            self.captures[net, count] = net.captures(1, count, len(self.context.workers))
        if (net, count, workers) not in self.captures:
            sources = balanced(net.gateways(), workers)
            if not sources:
                raise feeding.MeasurementError(f"{setting.neighbours} sources are too few to give "
                                               f"each of {workers} workers one")
            self.captures[net, count, workers] = feeding.from_sources(
                self.captures[net, count], sources, net.folder / f"{count}-for-{workers}.pcap")
        return self.captures[net, count, workers]

    def configure(self, setting):
        """Writes the mix's configuration; whether a worker shares its CPU with the mixer, and the
        feeder's CPU, which is its own where there are so many."""
        net, cpus = self.network(setting), self.context.workers
        workers = cpus[:setting.workers]
        other, feeder = (cpus[min(setting.workers + more, len(cpus) - 1)] for more in (0, 1))
        held = max(16384, 4 * setting.held)
        buffers = held + QUEUED * max(3, setting.workers)
        net.configure(net.mix, workers, mixer=other, links=setting.links, replay=setting.replay,
                      held=held, burst=setting.burst, extra=EXTRA,
                      megabytes=512 + WORKER_MEGABYTES * setting.workers
                      + (buffers * BUFFER_LEN[setting.profile] >> 20))
        return other in workers, feeder

    def one(self, setting):
        """One trial, as read_trial gives it."""
        net, capture = self.network(setting), self.capture(setting)
        shared, feeder = self.configure(setting)
        peel = self.peel.measure(setting.profile)
        feed, _ = net.feed(net.mix, capture, "--stages", "--feed-cpu", feeder,
                           "--feed-plain" if setting.forward else "--feed-pull",
                           seconds=self.seconds)
        return read_trial(setting, shared, feed, peel)

    def rounds(self, settings, rounds, section):
        """{setting: [trial ...]}, in turns; a setting that fails is said, and left out from then on."""
        found = {setting: [] for setting in settings}
        for setting in settings:
            seconds = self.packets[setting.profile] * 1.2e-4
            with self.context.progress.step(f"{section}: packets for {setting.name}", seconds):
                self.attempt(found, setting, section, self.capture)
        for number in range(rounds):
            for setting in list(found):
                with self.context.progress.step(f"{section}: {setting.name}, {number + 1} of {rounds}",
                                                TRIAL_SECONDS):
                    trial = self.attempt(found, setting, section, self.one)
                if trial:
                    found[setting].append(trial)
        return found

    def attempt(self, found, setting, section, do):
        if setting not in found:
            return None
        try:
            return do(setting)
        except feeding.MeasurementError as error:
            self.context.report.failed(section, setting.name, str(error))
            del found[setting]
            return None
