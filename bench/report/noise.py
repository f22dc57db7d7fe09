# SPDX-License-Identifier: BSD-3-Clause
"""How noisy the machine is, and which figures that makes doubtful.

What can be seen: time that the hypervisor kept from this machine (steal), CPUs that did other work
while we measured, clocks that changed, and trials that differ. The last shows whatever the others miss,
such as another guest on the same core.
"""
import dataclasses
import pathlib

# From here on a figure is said to be doubtful.
SPREAD = 0.05  # half the quartile range of its trials, of the median
STEAL = 0.01  # of the CPUs' time
OTHERS = 0.10  # of the CPUs' time, taken by processes that are not ours
CLOCK = 0.03  # what a fixed piece of work takes, from one time to the next: half the quartile range
FREQUENCY = 0.05  # between the least and the most frequency that the kernel names

FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@dataclasses.dataclass
class Moment:
    """Times of all CPUs together, and of our children, in ticks; the clocks of the CPUs in kHz."""
    cpus: dict
    ours: float
    frequencies: tuple


def parse_stat(text):
    """The first line of /proc/stat, by name."""
    words = text.splitlines()[0].split()
    return dict(zip(FIELDS, map(int, words[1:1 + len(FIELDS)])))


def parse_children(text):
    """utime + stime + cutime + cstime of /proc/self/stat, behind the name in parentheses."""
    words = text.rpartition(")")[2].split()
    return sum(map(int, words[11:15]))


def frequencies(root="/sys/devices/system/cpu"):
    found = []
    for file in sorted(pathlib.Path(root).glob("cpu[0-9]*/cpufreq/scaling_cur_freq")):
        try:
            found.append(int(file.read_text()))
        except (OSError, ValueError):
            pass
    return tuple(found)


def now(proc="/proc"):
    proc = pathlib.Path(proc)
    return Moment(parse_stat((proc / "stat").read_text()),
                  parse_children((proc / "self/stat").read_text()), frequencies())


@dataclasses.dataclass
class Watched:
    """What went on between two moments."""
    steal: float = 0.0  # parts of the CPUs' time
    others: float = 0.0
    frequency: float = 0.0  # (most - least) / most of what was seen; 0 where the kernel names none

    def doubts(self):
        found = []
        if self.steal > STEAL:
            found.append(f"the hypervisor took {self.steal:.0%} of the CPUs' time")
        if self.others > OTHERS:
            found.append(f"other programs took {self.others:.0%} of the CPUs' time")
        if self.frequency > FREQUENCY:
            found.append(f"the CPUs' frequency changed by {self.frequency:.0%}")
        return found


def between(before, after):
    """What the machine did from one moment to a later one. Children count when they have been waited
    for, so both moments stand outside of a measurement."""
    took = {name: max(0, after.cpus[name] - before.cpus[name]) for name in FIELDS}
    total = sum(took.values())
    if total == 0:
        return Watched()
    busy = took["user"] + took["nice"] + took["system"] + took["irq"] + took["softirq"]
    others = max(0.0, busy - (after.ours - before.ours))
    seen = before.frequencies + after.frequencies
    changed = (max(seen) - min(seen)) / max(seen) if seen and max(seen) > 0 else 0.0
    return Watched(took["steal"] / total, others / total, changed)


def doubts_of(figure, watched):
    """Why a figure may be wrong: its own spread, and what the machine did meanwhile."""
    found = list(watched.doubts())
    if figure.spread > SPREAD:
        found.insert(0, f"trials differ by {figure.spread:.0%}")
    return found


def clock_doubts(baseline_spread):
    """A fixed piece of work that does not take the same time each time."""
    if baseline_spread <= CLOCK:
        return []
    return [f"the same work took {baseline_spread:.0%} more or less from one time to the next: the "
            "clock changes, or somebody else uses the core"]


def virtual(cpuinfo):
    """Whether this CPU is one of a virtual machine."""
    return any(line.startswith("flags") and " hypervisor" in line for line in cpuinfo.splitlines())
