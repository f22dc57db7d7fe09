# SPDX-License-Identifier: BSD-3-Clause
"""Taking a network card from the kernel for DPDK, and giving it back as it was.

What the card was stands in a record before anything changes, and goes when all of it is restored;
so undo works from any half-way state. Records are in /run, since a boot undoes a binding as well.

A plan is a list of steps, each of which can be shown as a line of shell and done.
"""
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shlex
import subprocess
import time

RECORDS = "/run/linemix-bind"
DEVICES = "/sys/bus/pci/devices"
DRIVERS = "/sys/bus/pci/drivers"
NO_IOMMU = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
APPEARS_S = 10  # an interface, after its driver has the card again


class BindError(Exception):
    """What could not be done, in words for the user."""


@dataclasses.dataclass
class Write:
    """Writes a file of the kernel's."""
    path: str
    text: str

    def shell(self):
        return f"printf %s {shlex.quote(self.text)} >{self.path}"

    def do(self, hands):
        hands.write(self.path, self.text)


@dataclasses.dataclass
class Run:
    """Runs a program; optional: its failure is no failure of the plan."""
    words: list
    optional: bool = False

    def shell(self):
        return shlex.join(self.words) + (" || true" if self.optional else "")

    def do(self, hands):
        try:
            hands.run(self.words)
        except BindError:
            if not self.optional:
                raise


@dataclasses.dataclass
class Expect:
    """Waits until a card has a driver ("" for none), or an interface."""
    address: str
    driver: str = None
    interface: bool = False

    def shell(self):
        if self.interface:
            return f"# wait for its interface in {DEVICES}/{self.address}/net"
        return f"# its driver is now {self.driver or 'none'}"

    def do(self, hands):
        limit = time.monotonic() + APPEARS_S
        while not self.holds(hands.machine):
            if time.monotonic() > limit:
                now = hands.machine.nic(self.address).driver or "no driver"
                wanted = "an interface" if self.interface else self.driver or "no driver"
                raise BindError(f"{self.address}: has {now}, and {wanted} was expected; see the "
                                "last lines of dmesg")
            time.sleep(0.05)

    def holds(self, machine):
        nic = machine.nic(self.address)
        return bool(nic.interfaces) if self.interface else nic.driver == self.driver


class Hands:
    """Does what steps say, on the machine itself."""

    def __init__(self, machine):
        self.machine = machine

    def write(self, path, text):
        try:
            with open(self.machine.at(path), "w", encoding="ascii") as file:
                file.write(text)
        except OSError as error:
            raise BindError(f"{path}: {text.strip() or 'empty'}: {error.strerror}") from error

    def run(self, words):
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise BindError(f"the program {words[0]} is missing; install kmod, iproute2 and "
                            "ethtool") from error
        if done.returncode != 0:
            raise BindError(f"{shlex.join(words)}: {done.stderr.strip() or done.stdout.strip()}")


# why an interface should be left alone

def ssh_ends(machine):
    """The addresses of the SSH connection that we run in: sudo hides it from us, so that of our
    parents counts too."""
    ends, process = [], os.getpid()
    texts = [os.environ.get("SSH_CONNECTION", "")]
    while process > 1:
        environment = machine.read(f"/proc/{process}/environ") or ""
        texts += re.findall(r"(?:^|\0)SSH_CONNECTION=([^\0]*)", environment)
        parent = re.search(r"^PPid:\s*(\d+)", machine.read(f"/proc/{process}/status") or "", re.M)
        process = int(parent[1]) if parent else 0
    for text in texts:
        words = text.split()
        if len(words) == 4:
            ends += [words[0], words[2]]
    return ends


def way_to(machine, address):
    """The interface by which the kernel reaches an address."""
    found = machine.answers("ip", "-json", "route", "get", address) or []
    return found[0].get("dev", "") if found else ""


def reasons_against(machine, nic):
    """{word: why} for each reason to leave the card alone. The word goes behind --even-if."""
    against = group_reasons(machine, nic)
    functions = machine.number(f"{DEVICES}/{nic.address}/sriov_numvfs", 0)
    if functions > 0:
        against["functions"] = f"{nic.address} has {functions} virtual functions, which go with it"
    if not nic.interfaces:
        return against
    if machine.answers("ip", "-json", "address") is None:
        raise BindError("ip(8) does not say what addresses there are; install iproute2")
    defaults = {route.get("dev") for route in machine.routes() if route.get("dst") == "default"}
    ends = ssh_ends(machine)
    for name in nic.interfaces:
        own = [info["local"] for info in machine.addresses(name)]
        if name in defaults or carries(machine, name, defaults):
            against["default-route"] = f"{name} has the default route"
        if any(end in own or way_to(machine, end) == name for end in ends):
            against["ssh"] = f"{name} carries the SSH connection that you use"
        if own:
            against["address"] = f"{name} has an address in use: {', '.join(own)}"
        if machine.link(f"/sys/class/net/{name}/master"):
            master = machine.link(f"/sys/class/net/{name}/master")
            against["member"] = f"{name} belongs to {master}"
        above = [entry[6:] for entry in machine.names(f"/sys/class/net/{name}")
                 if entry.startswith("upper_") and entry[6:] != machine.link(
                     f"/sys/class/net/{name}/master")]
        if above:
            against["member"] = f"{name} carries {', '.join(above)}"
    return against


def carries(machine, name, interfaces):
    """Whether one of these stands on the interface: a VLAN, a bond, a bridge."""
    seen, below = set(), [name]
    while below:
        here = below.pop()
        if here in seen:
            continue
        seen.add(here)
        below += [entry[6:] for entry in machine.names(f"/sys/class/net/{here}")
                  if entry.startswith("upper_")]
    return bool(seen & interfaces)


def group_reasons(machine, nic):
    """Other cards of the same IOMMU group must go with it, or VFIO refuses."""
    others = [other.address for other in machine.nics()
              if nic.iommu_group and other.iommu_group == nic.iommu_group
              and other.address != nic.address and other.driver not in ("", "vfio-pci")]
    if not others:
        return {}
    return {"group": f"{', '.join(others)} is in the same IOMMU group and has a driver of the "
                     "kernel: VFIO opens none or all"}


# what to do

def driver_for(machine, nic, family, wanted=None):
    """The driver to bind to."""
    if wanted:
        return wanted
    if nic.iommu_group or not family.without_iommu:
        return "vfio-pci"
    return family.without_iommu


def check_driver(machine, nic, family, driver, no_iommu):
    """BindError where that driver would leave a card that DPDK cannot use."""
    if driver != "vfio-pci" or nic.iommu_group:
        return
    if no_iommu and machine.exists(NO_IOMMU):
        return
    if no_iommu:
        raise BindError(f"{nic.address}: this kernel's VFIO has no mode without IOMMU "
                        "(CONFIG_VFIO_NOIOMMU)")
    instead = f"--driver {family.without_iommu}, or " if family.without_iommu else ""
    raise BindError(
        f"{nic.address}: has no IOMMU group, so vfio-pci does not take it; turn the IOMMU on "
        "(firmware, and intel_iommu=on on the kernel's command line of an Intel machine), or use "
        f"{instead}af_xdp or af_packet on its interface")


def bind_steps(nic, driver, no_iommu=False):
    # the kernel asks for VFIO's part for IOMMUs by itself, but nobody waits for that
    modules = [driver, "vfio_iommu_type1"] if driver == "vfio-pci" and not no_iommu else [driver]
    steps = [Run(["modprobe", "-a", *modules])]
    if no_iommu:
        steps.append(Write(NO_IOMMU, "1"))
    steps += [Run(["ip", "link", "set", name, "down"]) for name in nic.interfaces]
    steps.append(Write(f"{DEVICES}/{nic.address}/driver_override", driver + "\n"))
    if nic.driver:
        steps.append(Write(f"{DRIVERS}/{nic.driver}/unbind", nic.address))
    steps += [Write("/sys/bus/pci/drivers_probe", nic.address), Expect(nic.address, driver)]
    return steps


def share_steps(nic, family, mtu):
    """For a card that stays with the kernel: its interface is up, large enough and untouched."""
    steps = [Run(["modprobe", module]) for module in family.modules]
    for name in nic.interfaces:
        steps += [Run(["ethtool", *[word.format(interface=name) for word in words]], optional=True)
                  for words in family.ethtool]
        steps.append(Run(["ip", "link", "set", name, "mtu", str(mtu), "up"]))
    return steps


def check_free(machine, nic):
    """BindError where a process has the card open: its driver would wait for that to end."""
    held = machine.holders(nic)
    if held:
        names = [f"{process} ({machine.read(f'/proc/{process}/comm') or '?'})" for process in held]
        raise BindError(f"{nic.address}: process {', '.join(names)} has it open; stop it first")


@contextlib.contextmanager
def alone(machine):
    """One of us at a time."""
    folder = machine.at(RECORDS)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BindError(f"another scripts/bind is at work ({RECORDS}/lock)") from error
        yield


# the record

@dataclasses.dataclass
class Record:
    """What a card was before."""
    address: str
    driver: str
    bound: bool  # whether the driver changes; else only settings of the interface
    interfaces: list = dataclasses.field(default_factory=list)

    @staticmethod
    def path(address):
        return f"{RECORDS}/{address}.json"


def snapshot(machine, nic, bound):
    interfaces = []
    for name in nic.interfaces:
        interfaces.append({
            "name": name, "mtu": machine.number(f"/sys/class/net/{name}/mtu", 1500),
            "up": bool(int(machine.read(f"/sys/class/net/{name}/flags") or "0", 16) & 1),
            "addresses": machine.addresses(name),
            "routes": [route for route in machine.routes() if route.get("dev") == name
                       and route.get("protocol") not in ("kernel", "ra")
                       and "nexthops" not in route  # of several ways: who made it makes it again
                       and route.get("type", "unicast") == "unicast"]})
    return Record(nic.address, nic.driver, bound, interfaces)


def save(machine, record):
    """Writes a record, whole or not at all; one that is there already stays: it is from before."""
    path = machine.at(Record.path(record.address))
    if path.exists():
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(dataclasses.asdict(record), indent=1))
    os.replace(fresh, path)


def load(machine, address):
    text = machine.read(Record.path(address))
    if text is None:
        return None
    try:
        return Record(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise BindError(f"{Record.path(address)}: {error}; remove it, and bind the card by hand") \
            from error


def records(machine):
    return [pathlib.PurePath(name).stem for name in machine.names(RECORDS)
            if name.endswith(".json")]


# the way back

def unbind_steps(machine, record):
    """Gives the card back to the driver that it had."""
    now = machine.nic(record.address)
    steps = [Write(f"{DEVICES}/{record.address}/driver_override", "\n")]
    if now.driver == record.driver:
        return steps
    if now.driver:
        steps.append(Write(f"{DRIVERS}/{now.driver}/unbind", record.address))
    if not record.driver:
        return [*steps, Expect(record.address, "")]
    steps += [Run(["modprobe", record.driver], optional=True),
              Write(f"{DRIVERS}/{record.driver}/bind", record.address),
              Expect(record.address, record.driver)]
    return steps


def address_words(info):
    words = [f"{info['local']}/{info['prefixlen']}"]
    if info.get("address"):
        words = [info["local"], "peer", f"{info['address']}/{info['prefixlen']}"]
    if info.get("broadcast"):
        words += ["broadcast", info["broadcast"]]
    if info.get("family") == "inet6":
        words.append("nodad")
    return words


def route_words(route):
    words = ["-6" if ":" in route.get("dst", "") + route.get("gateway", "") else "-4",
             "route", "replace", route["dst"]]
    for key, word in (("gateway", "via"), ("dev", "dev"), ("metric", "metric"), ("prefsrc", "src"),
                      ("table", "table"), ("scope", "scope")):
        if key in route:
            words += [word, str(route[key])]
    return words + [flag for flag in route.get("flags", []) if flag == "onlink"]


def interface_steps(was, name):
    """Makes the interface of this name what it was."""
    steps = []
    if name != was["name"]:
        steps += [Run(["ip", "link", "set", name, "down"]),
                  Run(["ip", "link", "set", name, "name", was["name"]])]
    steps.append(Run(["ip", "link", "set", was["name"], "mtu", str(was["mtu"]),
                      "up" if was["up"] else "down"]))
    steps += [Run(["ip", "address", "replace", *address_words(info), "dev", was["name"]])
              for info in was["addresses"]]
    gateways_last = sorted(was["routes"], key=lambda route: "gateway" in route)
    return steps + [Run(["ip", *route_words(route)]) for route in gateways_last]


def undo_interfaces(machine, record):
    """Steps for the interfaces that are there now: known when the driver has the card again."""
    names, steps = machine.nic(record.address).interfaces, []
    for place, was in enumerate(record.interfaces):
        if was["name"] in names:
            steps += interface_steps(was, was["name"])
        elif place < len(names):
            steps += interface_steps(was, names[place])
    return steps


# doing it

def do(hands, steps, say):
    for step in steps:
        say(step.shell())
        step.do(hands)


def undo(hands, record, say):
    """Restores all of a record, and forgets it then."""
    machine = hands.machine
    if record.bound:
        do(hands, unbind_steps(machine, record), say)
    if record.interfaces:
        do(hands, [Expect(record.address, interface=True)], say)
        do(hands, undo_interfaces(machine, record), say)
    machine.at(Record.path(record.address)).unlink(missing_ok=True)


def apply(hands, nic, steps, bound, say):
    """Records, does the steps, and takes them back if one fails."""
    machine = hands.machine
    save(machine, snapshot(machine, nic, bound))
    try:
        do(hands, steps, say)
    except BindError as error:
        try:
            undo(hands, load(machine, nic.address), say)
        except BindError as second:
            raise BindError(f"{error}\nand the way back failed: {second}\nwhat it was is in "
                            f"{Record.path(nic.address)}; --undo tries again") from error
        raise BindError(f"{error}; everything is as it was") from error
