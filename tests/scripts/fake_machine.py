# SPDX-License-Identifier: BSD-3-Clause
"""A machine in a folder: the files and the commands' answers that scripts/bind and scripts/doctor
read, and a kernel that does to them what the real one does when drivers are bound."""
import contextlib
import importlib.machinery
import io
import json
import os
import pathlib
import re
import shutil
import sys
import types

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "scripts/lib"))
import binding

DEVICES = "sys/bus/pci/devices"
DRIVERS = "sys/bus/pci/drivers"


def script(name):
    """A program of scripts/ as a module, so that a test need not start Python for each call."""
    loader = importlib.machinery.SourceFileLoader(name, str(TREE / "scripts" / name))
    module = types.ModuleType(name)
    module.__file__ = loader.path
    loader.exec_module(module)
    return module


def call(module, *words):
    """Runs its main() with these arguments: its exit status and all that it says."""
    said, arguments = io.StringIO(), sys.argv
    sys.argv = [module.__name__, *words]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = module.main()
    except SystemExit as end:
        status = end.code
    finally:
        sys.argv = arguments
    return status or 0, said.getvalue()


class FakeMachine:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.addresses, self.routes = [], []
        self.folder(DEVICES)
        self.folder(DRIVERS)
        self.folder("sys/class/net")
        self.say()

    def folder(self, path):
        (self.root / path).mkdir(parents=True, exist_ok=True)

    def file(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def link(self, path, to):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(to)

    def command(self, words, answer):
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.file("commands/" + "_".join(words.split()).replace("/", ""), text)

    def say(self):
        """What ip(8) answers."""
        self.command("ip -json address", self.addresses)
        self.command("ip -4 -json route show table all", self.routes)
        self.command("ip -6 -json route show table all", [])

    def nic(self, address, ids, driver="", interface="", numa=0, group="", offers=()):
        """A card; offers: drivers that take it."""
        here = f"{DEVICES}/{address}"
        for name, text in (("vendor", "0x" + ids[:4]), ("device", "0x" + ids[5:]),
                           ("class", "0x020000"), ("numa_node", str(numa)),
                           ("driver_override", "(null)")):
            self.file(f"{here}/{name}", text + "\n")
        if group:
            self.link(f"{here}/iommu_group", f"../../../kernel/iommu_groups/{group}")
        for name in {driver, *offers} - {""}:
            self.folder(f"{DRIVERS}/{name}")
        if driver:
            self.link(f"{here}/driver", f"../../drivers/{driver}")
        if interface:
            self.interface(address, interface)

    def interface(self, address, name):
        self.folder(f"{DEVICES}/{address}/net/{name}")
        self.file(f"sys/class/net/{name}/mtu", "1500\n")
        self.file(f"sys/class/net/{name}/flags", "0x1003\n")
        self.addresses.append({"ifname": name, "addr_info": []})
        self.say()

    def address(self, name, local, prefix=24):
        for link in self.addresses:
            if link["ifname"] == name:
                others = [info for info in link["addr_info"] if info["local"] != local]
                link["addr_info"] = [*others, {"family": "inet", "local": local,
                                               "prefixlen": prefix, "scope": "global"}]
        self.say()

    def route(self, dst, dev, **others):
        self.routes = [route for route in self.routes if route["dst"] != dst]
        self.routes.append({"dst": dst, "dev": dev, **others})
        self.say()


class FakeHands(binding.Hands):
    """Does the steps to a fake machine as the kernel would. The one numbered fail_at fails: with a
    BindError, or with what `failure` is."""

    def __init__(self, machine, fake, fail_at=None, failure=binding.BindError):
        super().__init__(machine)
        self.fake, self.fail_at, self.failure = fake, fail_at, failure
        self.done = []

    def count(self, line):
        if len(self.done) == self.fail_at:
            self.done.append("failed")
            raise self.failure(line)
        self.done.append(line)

    def write(self, path, text):
        self.count(f"{path} {text}")
        path = path.lstrip("/")
        device = text.strip()
        if path.endswith("/unbind"):
            self.unbind(device)
        elif path.endswith("/bind"):
            self.bind(device, path.split("/")[-2])
        elif path.endswith("drivers_probe"):
            override = (self.fake.root / f"{DEVICES}/{device}/driver_override").read_text().strip()
            if (self.fake.root / DRIVERS / override).exists():
                self.bind(device, override)
        else:
            self.fake.file(path, text.strip() or "(null)")

    def unbind(self, device):
        folder = self.fake.root / DEVICES / device
        (folder / "driver").unlink()
        for interface in list((folder / "net").glob("*")):
            interface.rmdir()
            shutil.rmtree(self.fake.root / "sys/class/net" / interface.name)
            self.fake.addresses = [link for link in self.fake.addresses
                                   if link["ifname"] != interface.name]
            self.fake.routes = [route for route in self.fake.routes
                                if route["dev"] != interface.name]
        self.fake.say()

    def bind(self, device, driver):
        override = (self.fake.root / f"{DEVICES}/{device}/driver_override").read_text().strip()
        if override not in ("(null)", driver):
            raise binding.BindError(f"{driver}: no such device")
        self.fake.link(f"{DEVICES}/{device}/driver", f"../../drivers/{driver}")
        if not driver.startswith(("vfio", "uio")):
            self.fake.interface(device, "eth9")  # as kernels name it, not as it was
            self.fake.file("sys/class/net/eth9/flags", "0x1002\n")

    def run(self, words):
        self.count(" ".join(words))
        line = " ".join(words)
        if words[0] == "modprobe":
            for module in words[1:]:
                self.fake.folder(f"{DRIVERS}/{module}")
        elif words[:3] == ["ip", "link", "set"]:
            self.set_link(words[3], words[4:])
        elif words[:3] == ["ip", "address", "replace"]:
            local, prefix = words[3].split("/")
            self.fake.address(words[words.index("dev") + 1], local, int(prefix))
        elif "route" in words:
            at = words.index("replace")
            pairs = dict(zip(words[at + 2::2], words[at + 3::2]))
            names = {"via": "gateway", "src": "prefsrc"}
            self.fake.route(words[at + 1], pairs.pop("dev"),
                            **{names.get(key, key): value for key, value in pairs.items()})
        elif words[0] != "ethtool":
            raise AssertionError(f"the fake machine knows no {line}")

    def set_link(self, name, words):
        folder = self.fake.root / "sys/class/net" / name
        if not folder.exists():
            raise binding.BindError(f"no interface {name}")
        if words[0] == "name":
            self.rename(name, words[1])
            return
        if words[0] == "mtu":
            (folder / "mtu").write_text(words[1] + "\n")
        flags = 0x1003 if "up" in words else 0x1002
        (folder / "flags").write_text(f"{flags:#x}\n")

    def rename(self, name, to):
        os.rename(self.fake.root / "sys/class/net" / name, self.fake.root / "sys/class/net" / to)
        for folder in (self.fake.root / DEVICES).glob(f"*/net/{name}"):
            folder.rename(folder.with_name(to))
        for link in self.fake.addresses:
            link["ifname"] = re.sub(f"^{name}$", to, link["ifname"])
        self.fake.say()
