# SPDX-License-Identifier: BSD-3-Clause
"""Memory: huge pages, what may be locked, and whether keys could reach a disk."""
import re

from .finding import ADVICE, MISSING, OK, UNSEEN, Finding, found

NODES = "/sys/devices/system/node"
SIZES = {"hugepages-2048kB": 2, "hugepages-1048576kB": 1024}


def meminfo(machine, name):
    """A line of /proc/meminfo in MiB; None if there is none."""
    match = re.search(rf"^{name}:\s+(\d+) kB", machine.read("/proc/meminfo") or "", re.M)
    return int(match[1]) >> 10 if match else None


def huge_mb(machine, node):
    """MiB in free huge pages of a NUMA node; of all nodes if it is -1."""
    nodes = [name for name in machine.names(NODES) if re.fullmatch(r"node\d+", name)
             and node in (-1, int(name[4:]))]
    return sum(size * machine.number(f"{NODES}/{name}/hugepages/{kind}/free_hugepages", 0)
               for name in nodes for kind, size in SIZES.items())


def huge_pages(machine, node, needed_mb):
    """needed_mb: what the configuration takes; 0 if it takes none."""
    have = huge_mb(machine, node)
    if needed_mb == 0:
        return Finding("huge-pages", OK, "no more are needed")
    at = f"NUMA node {node}" if node >= 0 else "this machine"
    pages = (needed_mb + 1) // 2
    path = (f"{NODES}/node{max(node, 0)}/hugepages/hugepages-2048kB/nr_hugepages")
    return found("huge-pages", have >= needed_mb, f"{have} MiB are free on {at}",
                 f"{have} MiB of huge pages are free on {at}, and {needed_mb} are needed",
                 [f"echo {pages} >{path}",
                  f"# at each boot: LINEMIX_HUGE_PAGES={pages} LINEMIX_NODE={max(node, 0)} in "
                  "/etc/default/linemix-host for drivers-config/host/linemix-host.service; if "
                  "memory is in pieces by then, hugepages= on the kernel's command line"])


def swap(machine):
    text = machine.read("/proc/swaps")
    if text is None:
        return Finding("swap", UNSEEN, "/proc/swaps is not to be read")
    lines = text.splitlines()[1:]
    names = [line.split()[0] for line in lines if line.split()]
    return found("swap", not names, "none: keys in memory stay there",
                 f"swap is on ({', '.join(names)}): keys in use could be written to a disk, so a "
                 "relay refuses a runtime folder on tmpfs",
                 ["swapoff -a", "sed -i '/\\sswap\\s/s/^/#/' /etc/fstab",
                  "# or a runtime folder on ramfs: mount -t ramfs ramfs /run/linemix-keys"])


def mounts(machine):
    """{where: (type, {option})}"""
    return {words[1]: (words[2], set(words[3].split(",")))
            for line in (machine.read("/proc/mounts") or "").splitlines()
            if len(words := line.split()) >= 4}


def shared_mb(machine):
    """The size of /dev/shm in MiB: what it is mounted with, else half of the memory."""
    kind, options = mounts(machine).get("/dev/shm", ("", set()))
    if kind not in ("tmpfs", "ramfs"):
        return 0
    for option in options:
        match = re.fullmatch(r"size=(\d+)([kmg]?)", option)
        if match:
            return int(match[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[match[2]] >> 20
    return (meminfo(machine, "MemTotal") or 0) // 2


def shared(machine, needed_mb):
    """/dev/shm, where keys in use and replay sets are unless `runtime` says otherwise."""
    have = shared_mb(machine)
    if have == 0:
        return Finding("runtime", MISSING, "/dev/shm is no tmpfs: there is no place in memory for "
                       "keys in use", ["mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm"])
    size = f"{needed_mb * 5 // 4 + 64}m"
    return found("runtime", have >= needed_mb, f"/dev/shm has room for {have} MiB",
                 f"/dev/shm has room for {have} MiB, and the replay sets take {needed_mb}",
                 [f"mount -o remount,size={size} /dev/shm",
                  f"# at each boot: tmpfs /dev/shm tmpfs size={size},mode=1777,nosuid,nodev 0 0 in "
                  "/etc/fstab"])


def locked(machine):
    text = machine.read("/proc/self/limits")
    match = re.search(r"^Max locked memory\s+(\S+)", text or "", re.M)
    if not match:
        return Finding("locked-memory", UNSEEN, "/proc/self/limits says nothing of it")
    return found("locked-memory", match[1] == "unlimited", "unlimited",
                 f"this shell may lock {match[1]} bytes: a relay locks its keys, replay sets and "
                 "sessions", ["ulimit -l unlimited", "# the service: LimitMEMLOCK=infinity, which "
                              "its unit has"], ADVICE)
