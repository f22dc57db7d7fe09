# SPDX-License-Identifier: BSD-3-Clause
"""Network cards: which one a relay should have, and whether it could."""
import binding
import families
from machine import cpu_list

from .finding import ADVICE, MISSING, OK, Finding, found


class Choice:
    """A card, its family, and why it should be left alone ({word: why}, as binding says)."""

    def __init__(self, nic, family, against):
        self.nic, self.family, self.against = nic, family, against

    @property
    def ready(self):
        """Whether a relay could open it now."""
        return self.family.binding != "vfio-pci" or self.nic.driver in (
            "vfio-pci", "uio_pci_generic", "igb_uio")

    def most_workers(self, wanted):
        """As many as it has queues for, and no more than wanted."""
        return min(wanted, self.family.queues.get("most_workers", wanted))

    def device(self, workers):
        """What port.device says."""
        interface = self.nic.interfaces[0] if self.nic.interfaces else "INTERFACE"
        return self.family.device.format(address=self.nic.address, interface=interface,
                                         workers=workers)


def reasons(machine, nic):
    try:
        return binding.reasons_against(machine, nic)
    except binding.BindError as error:
        return {"unknown": str(error)}


def usable(machine, nic, family, known):
    """The family by which this machine can use a card: without an IOMMU some cards stay with the
    kernel."""
    if not family:
        return known["af_packet"] if nic.interfaces else None
    if family.binding == "vfio-pci" and not nic.iommu_group and not family.without_iommu:
        return known["af_xdp"] if nic.interfaces else family
    return family


def choose(machine, known, name=None):
    """The card for a relay: the named one, else the first that is free; None if there is none."""
    choices = []
    for nic in machine.nics():
        family = usable(machine, nic, families.of_nic(known, nic), known)
        if family:
            choices.append(Choice(nic, family, reasons(machine, nic)))
    if name:
        nic = machine.find_nic(name)
        return next((choice for choice in choices
                     if nic and choice.nic.address == nic.address), None)
    choices.sort(key=lambda choice: (bool(choice.against), not choice.ready,
                                     choice.family.binding == "kernel"))
    return choices[0] if choices else None


def listing(machine, known):
    """A line for each card."""
    lines = []
    for nic in machine.nics():
        family = families.of_nic(known, nic)
        lines.append(f"{nic.address} {family.name if family else 'of no known family'}"
                     f" ({nic.vendor_device}), driver {nic.driver or 'none'}"
                     f"{', ' + ' '.join(nic.interfaces) if nic.interfaces else ''}")
    return lines


def findings(machine, choice, name):
    if not choice:
        what = f"{name} is no card that a relay can use" if name else \
            "there is no network card that a relay can use"
        return [Finding("nic", MISSING, what, ["scripts/bind  # lists them"])]
    nic, family = choice.nic, choice.family
    if choice.against:
        return [Finding("nic", MISSING, f"{nic.address} ({family.name}) is in use: "
                        f"{'; '.join(choice.against.values())}. A relay needs a card of its own",
                        ["# a second card or virtual function; or One card in "
                         "drivers-config/README.md"])]
    result = [Finding("nic", OK, f"{nic.address}: {family.title}; see "
                      f"drivers-config/nic/{family.name}.toml")]
    if family.binding == "vfio-pci":
        driver = binding.driver_for(machine, nic, family)
        result.append(found("driver", choice.ready, f"{nic.driver} has it",
                            f"{nic.driver or 'no driver'} has it, and DPDK needs {driver}",
                            [f"scripts/bind {nic.address} --apply"]))
    elif family.binding == "kernel":
        result.append(Finding("driver", OK, f"the kernel keeps it, and {family.name} shares it"))
    return result + [iommu(machine, choice)]


def iommu(machine, choice):
    if choice.family.binding != "vfio-pci":
        return Finding("iommu", OK, "not needed: the kernel keeps the card")
    intel = "GenuineIntel" in (machine.read("/proc/cpuinfo") or "")
    fix = ["# firmware: VT-d or AMD-Vi on; a virtual machine: ask for a virtual IOMMU",
           f"# then {'intel_iommu=on ' if intel else ''}iommu=pt on the kernel's command line: "
           "drivers-config/host/grub-linemix.cfg"]
    instead = choice.family.without_iommu
    return found("iommu", choice.nic.iommu_group, f"group {choice.nic.iommu_group}",
                 "none: the card can write anywhere in memory, and "
                 + (f"only {instead} takes it" if instead else "vfio-pci does not take it"),
                 fix, ADVICE if instead else MISSING)


def numa(machine, choice, cpus):
    """Whether the relay's CPUs are beside its card."""
    node = choice.nic.numa
    here = machine.read(f"/sys/devices/system/node/node{node}/cpulist") if node >= 0 else None
    if here is None:
        return Finding("numa", OK, "the machine has one node, or does not say")
    return found("numa", set(cpus) <= cpu_list(here), f"card and CPUs are on node {node}",
                 f"the card is on node {node}, whose CPUs are {here}: too few are free there",
                 ["# free CPUs of that node, or put the card into the other's slot"], ADVICE)
