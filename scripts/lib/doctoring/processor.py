# SPDX-License-Identifier: BSD-3-Clause
"""The processor: what it can do, who else has it, how fast and how undisturbed it runs."""
import re

from machine import cpu_list, cpu_text

from .finding import ADVICE, MISSING, OK, UNSEEN, Finding, found

# The relay's own rules, lib/base/cpu.c
BASE = {"sse4_2", "aes", "pclmulqdq"}
AVX2 = BASE | {"avx", "avx2", "bmi2"}
AVX512 = AVX2 | {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"}
IFMA = AVX512 | {"avx512ifma", "avx512_vbmi"}
STEAL_PERCENT = 1.0


def flags(machine):
    match = re.search(r"^flags\s*:(.*)$", machine.read("/proc/cpuinfo") or "", re.M)
    return set(match[1].split()) if match else set()


def backend(machine):
    """The name of the x25519 backend that a relay takes here; None if it runs on none."""
    has = flags(machine)
    for name, needs in (("avx512ifma", IFMA), ("avx2", AVX2), ("scalar", BASE)):
        if needs <= has:
            return name
    return None


def crypto(machine):
    name = backend(machine)
    if not flags(machine):
        return Finding("cpu", UNSEEN, "/proc/cpuinfo says no flags")
    if not name:
        lacks = ", ".join(sorted(BASE - flags(machine)))
        return Finding("cpu", MISSING, f"the processor lacks {lacks}, which a relay needs",
                       ["# another machine; in a virtual one, a CPU model that shows them"])
    if name == "scalar":
        return Finding("cpu", ADVICE, "without AVX2 a relay peels with its scalar backend, at a "
                       "third of the rate",
                       ["# in a virtual machine, a CPU model that shows avx2 and bmi2"])
    return Finding("cpu", OK, f"x25519 runs on {name}")


def sharing(machine):
    """Whether the CPUs are ours: a hypervisor, what it took, and threads that share a core."""
    findings = []
    if "hypervisor" in flags(machine):
        maker = machine.read("/sys/class/dmi/id/sys_vendor") or "unknown make"
        findings.append(Finding(
            "hypervisor", ADVICE, f"a virtual machine ({maker}): its host shares out the CPUs, and "
            "who has the host has the keys",
            ["# CPUs of its own from the host, on a host that you trust"]))
    times = (machine.read("/proc/stat") or "").split("\n")[0].split()[1:]
    if len(times) >= 8 and sum(map(int, times[:8])) > 0:
        percent = 100 * int(times[7]) / sum(map(int, times[:8]))
        findings.append(found(
            "steal", percent < STEAL_PERCENT, f"{percent:.1f} % of the CPUs' time went elsewhere",
            f"{percent:.1f} % of the CPUs' time since the boot was given to other machines: "
            "packets wait, and slots of padding come late",
            ["# CPUs of its own from the host"], ADVICE))
    if machine.read("/sys/devices/system/cpu/smt/active") == "1":
        findings.append(Finding(
            "smt", ADVICE, "two threads share each core: what runs beside an lcore slows it, and "
            "sees its timing", ["# leave the second thread of the relay's cores empty (below), or",
                           "echo off >/sys/devices/system/cpu/smt/control"]))
    return findings


def isolation(machine, wanted):
    """wanted: the CPUs that the relay's lcores should have."""
    isolated = cpu_list(machine.read("/sys/devices/system/cpu/isolated"))
    text = cpu_text(wanted)
    if not wanted:
        return [Finding("isolation", ADVICE, "too few CPUs to keep one for the relay alone",
                        ["# a machine with four CPUs or more"])]
    findings = [found(
        "isolation", set(wanted) <= isolated, f"CPUs {cpu_text(isolated)} are the relay's alone",
        f"the kernel runs other things on CPUs {text}, which would be the relay's",
        [f"sed 's/CPUS/{text}/g' drivers-config/host/grub-linemix.cfg "
         ">/etc/default/grub.d/linemix.cfg", "update-grub", "reboot"], ADVICE)]
    line = machine.command_line()
    for name in ("nohz_full", "rcu_nocbs"):
        if isolated and not isolated <= cpu_list(line.get(name, "")):
            findings.append(Finding(
                name, ADVICE, f"isolated CPUs are not in {name}: the kernel's ticks and callbacks "
                "interrupt them",
                [f"# {name}={cpu_text(isolated)} on the kernel's command line, as in "
                 "drivers-config/host/grub-linemix.cfg"]))
    return findings + interrupts(machine, isolated)


def interrupts(machine, isolated):
    """Interrupts that the kernel may send to isolated CPUs."""
    if not isolated:
        return []
    others = cpu_list(machine.read("/sys/devices/system/cpu/online")) - isolated
    bad = [number for number in machine.names("/proc/irq") if number.isdigit()
           and isolated & cpu_list(machine.read(f"/proc/irq/{number}/effective_affinity_list") or
                                   machine.read(f"/proc/irq/{number}/smp_affinity_list"))]
    return [found("interrupts", not bad, "none goes to an isolated CPU",
                  f"{len(bad)} interrupts go to isolated CPUs",
                  [f"for f in /proc/irq/[0-9]*/smp_affinity_list; do echo {cpu_text(others)} >$f; "
                   "done 2>/dev/null", "# and irqaffinity= on the kernel's command line"], ADVICE)]


def governor(machine):
    """The clock of the CPUs."""
    folder = "/sys/devices/system/cpu"
    names = {}
    for cpu in machine.names(folder):
        text = machine.read(f"{folder}/{cpu}/cpufreq/scaling_governor")
        if text:
            names.setdefault(text, []).append(cpu)
    if not names:
        return [Finding("governor", OK, "the machine leaves the clock to its host or firmware")]
    return [found("governor", set(names) == {"performance"}, "performance",
                  f"CPUs change their clock ({', '.join(sorted(names))}): the first packets after "
                  "a pause are slow",
                  ["for f in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do "
                   "echo performance >$f; done",
                   "# at each boot: drivers-config/host/linemix-host.service"], ADVICE)]
