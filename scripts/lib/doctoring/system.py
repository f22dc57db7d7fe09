# SPDX-License-Identifier: BSD-3-Clause
"""The system around a relay: programs, modules of the kernel, the clock, the kernel's limits."""
import glob
import os
import pathlib
import shutil

from .finding import ADVICE, MISSING, OK, UNSEEN, Finding, found

TREE = pathlib.Path(__file__).resolve().parents[3]
NEIGHBOURS = 8192


def program(machine, name):
    """Where a program of linemix is; None if it is neither installed nor built in this tree."""
    if not machine.real:
        return machine.read(f"programs/{name}")
    built = TREE / os.environ.get("BUILD", "build") / "app" / name.removeprefix("linemix-") / name
    return shutil.which(name) or (str(built) if built.exists() else None)


def programs(machine):
    return found("programs", program(machine, "linemix-relay"), "linemix-relay is there",
                 "linemix-relay is neither installed nor built here",
                 ["scripts/package && apt-get install ./build-package/linemix_*_amd64.deb",
                  "# or, without a service:",
                  "scripts/setup && meson setup build && ninja -C build"])


def dpdk(machine, family):
    """The drivers of DPDK that a relay needs, as files: a family's, and the one for buffers."""
    name = family.dpdk_driver.replace("mlx5_pci", "net_mlx5").replace("_em", "")
    packages = {name: family.packages, "mempool_ring": ["librte-meta-mempool"]}
    lacks = [driver for driver in packages
             if not glob.glob(f"usr/lib/*/dpdk/pmds-*/librte_{driver}.so*", root_dir=machine.root)]
    return found("dpdk", not lacks, f"{family.dpdk_driver} is installed",
                 f"DPDK's {' and '.join(lacks)} is not installed",
                 [f"apt-get install {' '.join(sum((packages[driver] for driver in lacks), []))}"])


def has_module(machine, name):
    """Whether a module is loaded, built in or there to load; None if no one can say."""
    plain = name.replace("-", "_")
    if machine.exists(f"/sys/module/{plain}"):
        return True
    release = machine.read("/proc/sys/kernel/osrelease")
    texts = [machine.read(f"/lib/modules/{release}/{file}")
             for file in ("modules.dep", "modules.builtin")]
    if texts == [None, None]:
        return None
    return any(f"/{plain}.ko" in (text or "").replace("-", "_") for text in texts)


def modules(machine, names):
    findings = []
    for name in names:
        has = has_module(machine, name)
        if has is None:
            findings.append(Finding("modules", UNSEEN, "/lib/modules is not there: whether the "
                                    f"kernel has {name} shows when it is needed"))
        else:
            findings.append(found("modules", has, name, f"this kernel has no {name}",
                                  ["apt-get install linux-image-amd64", "reboot"]))
    return findings


def tap(machine):
    return found("tun", machine.exists("/dev/net/tun") or has_module(machine, "tun"),
                 "the kernel can have its part of a port (port.tap)",
                 "no /dev/net/tun: port.tap, which answers ARP and ping for the port, is not made",
                 ["modprobe tun"])


def clock(machine):
    said = machine.output("timedatectl", "show", "-p", "NTPSynchronized", "--value")
    good = machine.exists("/run/systemd/timesync/synchronized") or (said or "").strip() == "yes"
    if not good and said is None:
        return Finding("clock", UNSEEN, "timedatectl does not answer; a relay whose clock is off "
                       "by an epoch refuses to join",
                       ["# see that chrony or systemd-timesyncd runs"])
    return found("clock", good, "kept by the network's time",
                 "not kept by the network's time: epochs begin by it, and a relay that is off by "
                 "one refuses to join", ["apt-get install systemd-timesyncd",
                                     "systemctl enable --now systemd-timesyncd"])


def neighbours(machine):
    """How many next hops the kernel remembers on a link."""
    least = min((machine.number(f"/proc/sys/net/{family}/neigh/default/gc_thresh3", NEIGHBOURS)
                 for family in ("ipv4", "ipv6")))
    return found("neighbours", least >= NEIGHBOURS, f"the kernel remembers {least} next hops",
                 f"the kernel remembers {least} next hops: fewer than a large network on one link "
                 "has, and a flood of ARP fills it sooner",
                 ["cp drivers-config/host/90-linemix.conf /etc/sysctl.d/", "sysctl --system"],
                 ADVICE)


def groups(machine):
    """Whether each session, and so each service, is a group of the scheduler."""
    return found("groups", machine.read("/proc/sys/kernel/sched_autogroup_enabled") in (None, "0"),
                 "sessions are no groups of the scheduler",
                 "sessions are groups of the scheduler: Linux 6.18 may then keep others for "
                 "minutes off a CPU that a busy lcore shares, a relay that starts among them",
                 ["cp drivers-config/host/90-linemix.conf /etc/sysctl.d/", "sysctl --system"],
                 ADVICE)


def rights(machine):
    if not machine.unseen:
        return []
    names = ", ".join(sorted(set(machine.unseen))[:5])
    return [Finding("rights", UNSEEN, f"could not be read without root: {names}",
                    ["sudo scripts/doctor"])]


def kernel(machine):
    release = machine.read("/proc/sys/kernel/osrelease")
    if not release:
        return Finding("kernel", UNSEEN, "/proc does not say which it is")
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    return found("kernel", numbers >= (5, 11), release,
                 f"{release} is older than what this was made for",
                 ["apt-get install linux-image-amd64", "reboot"],
                 ADVICE if numbers >= (4, 18) else MISSING)
