# SPDX-License-Identifier: BSD-3-Clause
"""The machine as its files and a few commands show it. Nothing here changes anything.

Everything is read below a root, so that tests show a machine that is not this one: under another
root than / a command's output is the file commands/NAME-OF-IT, words joined by "_" and slashes left
out.
"""
import dataclasses
import json
import os
import pathlib
import re
import subprocess


@dataclasses.dataclass
class Nic:
    """A network card's function on the PCI bus."""
    address: str
    vendor_device: str      # "8086:1572"
    driver: str             # "" if none
    interfaces: list
    numa: int               # -1 if the machine does not say
    iommu_group: str        # "" if there is none


def cpu_list(text):
    """The numbers in "0-3,8"."""
    numbers = set()
    for part in (text or "").strip().split(","):
        if re.fullmatch(r"\d+(-\d+)?", part):
            first, _, last = part.partition("-")
            numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def cpu_text(numbers):
    """The inverse: "0-3,8"."""
    runs = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in runs)


class Machine:
    def __init__(self, root="/"):
        self.root = pathlib.Path(root)
        self.real = self.root == pathlib.Path("/")
        self.unseen = []  # what could not be read for want of rights

    def at(self, path):
        return self.root / str(path).lstrip("/")

    def read(self, path):
        """The text of a file without the white space around it; None if it cannot be read."""
        try:
            return self.at(path).read_text(errors="replace").strip("\n\0 ")
        except PermissionError:
            self.unseen.append(str(path))
        except OSError:
            pass
        return None

    def number(self, path, otherwise=None):
        text = self.read(path)
        return int(text) if text and re.fullmatch(r"-?\d+", text) else otherwise

    def exists(self, path):
        return self.at(path).exists()

    def names(self, folder):
        try:
            return sorted(entry.name for entry in self.at(folder).iterdir())
        except OSError:
            return []

    def link(self, path):
        """The last part of what a link points to; "" if it is none."""
        try:
            return os.path.basename(os.readlink(self.at(path)))
        except OSError:
            return ""

    def output(self, *words):
        """What a command prints; None if it is missing or fails."""
        if not self.real:
            return self.read("commands/" + "_".join(words).replace("/", ""))
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def answers(self, *words):
        """A command's JSON, as a list; None if it says none."""
        text = self.output(*words)
        if text is None:
            return None
        try:
            return json.loads(text or "[]")
        except ValueError:
            return None

    # network cards

    def nic(self, address):
        folder = f"/sys/bus/pci/devices/{address}"
        vendor, device = self.read(f"{folder}/vendor"), self.read(f"{folder}/device")
        interfaces = self.names(f"{folder}/net")
        for name in self.names(folder):
            if name.startswith("virtio"):
                interfaces += self.names(f"{folder}/{name}/net")
        return Nic(address, f"{(vendor or '')[2:]}:{(device or '')[2:]}",
                   self.link(f"{folder}/driver"), interfaces,
                   self.number(f"{folder}/numa_node", -1), self.link(f"{folder}/iommu_group"))

    def nics(self):
        return [self.nic(address) for address in self.names("/sys/bus/pci/devices")
                if (self.read(f"/sys/bus/pci/devices/{address}/class") or "").startswith("0x02")]

    def find_nic(self, name):
        """The network card with this PCI address, with or without its domain, or this interface."""
        full = name if name.count(":") == 2 else "0000:" + name
        return next((nic for nic in self.nics()
                     if nic.address == full or name in nic.interfaces), None)

    def addresses(self, interface):
        """The addresses that ip(8) knows of an interface, link-local ones left out."""
        for link in self.answers("ip", "-json", "address") or []:
            if link.get("ifname") == interface:
                return [info for info in link.get("addr_info", []) if info.get("scope") != "link"]
        return []

    def routes(self):
        """All routes of both families, one for each way where a route has several."""
        routes = []
        for family in ("-4", "-6"):
            for route in self.answers("ip", family, "-json", "route", "show", "table", "all") or []:
                ways = route.get("nexthops") or [{}]
                routes += [{**route, **way} for way in ways]
        return routes

    def holders(self, nic):
        """The processes that have a card open through VFIO or UIO, as far as we may see."""
        devices = {f"/dev/{name}" for name in self.names(f"/sys/bus/pci/devices/{nic.address}/uio")}
        if nic.iommu_group:
            devices |= {f"/dev/vfio/{nic.iommu_group}", f"/dev/vfio/noiommu-{nic.iommu_group}"}
        held = set()
        for process in filter(str.isdigit, self.names("/proc")):
            for file in self.names(f"/proc/{process}/fd"):
                try:
                    if os.readlink(self.at(f"/proc/{process}/fd/{file}")) in devices:
                        held.add(int(process))
                except OSError:
                    pass  # just closed
        return sorted(held)

    def command_line(self):
        """The kernel's arguments: {name: value}, with "" where there is no value."""
        return dict(word.partition("=")[::2] for word in (self.read("/proc/cmdline") or "").split())
