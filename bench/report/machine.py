# SPDX-License-Identifier: BSD-3-Clause
"""What this machine is, and what can be measured on it."""
import os
import pathlib
import platform
import re
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "scripts/lib"))
import netns
import noise

# Where DPDK keeps its drivers, below /.
DRIVERS = tuple(f"{base}/dpdk/pmds-*" for base in ("usr/lib/*", "usr/local/lib/*", "usr/lib64",
                                                   "usr/local/lib", "usr/local/lib64"))


def read(path, otherwise=""):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return otherwise


def cpu_name(cpuinfo):
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def usable_cpus():
    return sorted(os.sched_getaffinity(0))


def cores(cpus, root="/sys/devices/system/cpu"):
    """The CPUs without those that share a core with an earlier one."""
    taken, found = set(), []
    for cpu in cpus:
        core = read(f"{root}/cpu{cpu}/topology/thread_siblings_list", str(cpu))
        if core not in taken:
            found.append(cpu)
            taken.add(core)
    return found


def commit():
    """The commit of the tree, with -dirty where it was changed; unknown outside of git."""
    try:
        done = subprocess.run(["git", "-C", str(TREE), "describe", "--always", "--dirty",
                               "--abbrev=12"], capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def describe():
    """What reports say of the machine, and compare."""
    cpuinfo = read("/proc/cpuinfo")
    cpus = usable_cpus()
    return {
        "cpu": cpu_name(cpuinfo),
        "cpus": len(cpus),
        "cores": len(cores(cpus)),
        "virtual": noise.virtual(cpuinfo),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "not shown"),
        "load_before": os.getloadavg()[0],
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "kernel": platform.release(),
        "commit": commit(),
    }


# ---- What can run ----


def why_no_vhost(root="/"):
    """Why two processes cannot be joined by vhost and virtio-user, or None."""
    folders = [folder for pattern in DRIVERS for folder in pathlib.Path(root).glob(pattern)]
    for name in ("vhost", "virtio"):
        if not any(list(folder.glob(f"librte_net_{name}.so*")) for folder in folders):
            return f"DPDK's driver net_{name} is not installed"
    return None


def why_no_namespaces():
    """Why interfaces of the kernel in namespaces cannot be measured, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun (modprobe tun)"
    try:
        netns.Namespace().close()
    except (netns.NetworkError, OSError) as error:
        return str(error)
    return None
