# SPDX-License-Identifier: BSD-3-Clause
"""Relays in a guest, on its network cards: the image that has them, the cards, and their life."""
import json
import pathlib
import time

import guest
import guest_image
import netns
import network

TREE = pathlib.Path(__file__).resolve().parents[2]
PYTHON = pathlib.Path("/usr/lib/python3.11")
DPDK = pathlib.Path("/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0")
DRIVERS = ("bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_vmxnet3", "net_virtio",
           "net_null")
MODULES = ("vfio-pci", "vfio_iommu_type1", "uio_pci_generic", "tun", "vmxnet3", "virtio_net",
           "virtio_pci")
PROGRAMS = ("/usr/sbin/ip", "/usr/sbin/ethtool", "/usr/sbin/modprobe", "/usr/bin/python3")
NOT_NEEDED = ("test", "idlelib", "lib2to3", "tkinter", "ensurepip", "distutils", "pydoc_data",
              "dist-packages", "site-packages", "unittest", "turtledemo")
LINEMIX = "/opt/linemix"
CONFIG = "/etc/linemix"

BEGIN = "ip link set lo up; modprobe tun\n"
KERNEL_DRIVERS = "modprobe -a vmxnet3 virtio_pci virtio_net\n"


def image(kernel, *networks, begin=BEGIN + KERNEL_DRIVERS):
    """An initramfs with the programs, the tree's scripts, and a folder CONFIG/N for each network.
    begin: what is done first; with the kernel's drivers, cards have interfaces."""
    made = guest.initramfs(kernel, begin)
    made.modules(*MODULES)
    for program in PROGRAMS:
        made.program(program)
    made.tree(PYTHON, skip=NOT_NEEDED)
    made.program(network.RELAY, "usr/bin/linemix-relay")
    made.program(network.GEN, "usr/bin/linemix-gen")
    for name in DRIVERS:
        made.program(DPDK / f"librte_{name}.so.23.0")
    for folder in ("scripts", "drivers-config"):
        made.tree(TREE / folder, f"opt/linemix/{folder}", skip=("__pycache__",))
    for number, net in enumerate(networks):
        made.tree(net.path, f"{CONFIG[1:]}/{number}")
    return made


def configure(net, node, address, cpu, tap="", mac=True):
    """A relay's configuration for a card of the guest, with huge pages."""
    path = net.config(node, address, workers=(cpu,), links=True, held=2048,
                      runtime=f"/dev/shm/linemix-{net.number}-{node}")
    text = path.read_text().replace("memory: {", "memory: {huge_pages: true, ")
    path.write_text(text.replace("port:", f"port:\n  tap: {tap}") if tap else text)
    return path


class Relays:
    """The relays of one network in a guest, each in a network namespace of its own."""

    def __init__(self, machine, number, nodes):
        self.machine, self.number, self.nodes = machine, number, nodes

    def log(self, node):
        return f"/run/relay-{self.number}-{node}.log"

    def start(self):
        for node in self.nodes:
            space = f"r{self.number}-{node}"
            self.machine.run(f"ip netns add {space} && ip -n {space} link set lo up")
            self.machine.start(f"exec ip netns exec {space} linemix-relay --json "
                               f"--config {CONFIG}/{self.number}/node-{node}.yaml",
                               f"relay-{self.number}-{node}")

    def wait(self, what, seconds=300):
        """Waits until each relay has said this; it must not end before."""
        limit = time.monotonic() + seconds
        for node in self.nodes:
            while True:
                said = self.machine.run(f"cat {self.log(node)}", ok=False).stdout
                ended = self.machine.run(f"cat /run/relay-{self.number}-{node}.exit", ok=False)
                if what in said:
                    break
                if ended.returncode == 0 or time.monotonic() > limit:
                    raise guest_image.GuestError(f"the relay of node {node} does not say "
                                                 f"\"{what}\":\n{said}\n"
                                                 f"{self.machine.log()[-800:]}")
                time.sleep(0.3)

    def stop(self):
        """Sends what is held; the books of each relay."""
        books = {}
        self.machine.run("killall -INT linemix-relay")
        for node in self.nodes:
            self.machine.wait(f"test -s /run/relay-{self.number}-{node}.exit")
            said = self.machine.get(self.log(node))
            lines = [line for line in said.splitlines() if line.startswith("{")]
            if not lines or self.machine.get(f"/run/relay-{self.number}-{node}.exit") != "0\n":
                raise guest_image.GuestError(f"the relay of node {node} ends badly:\n{said}")
            books[node] = json.loads(lines[-1])
            self.machine.run(f"ip netns delete r{self.number}-{node}")
        return books


class Wires:
    """A bridge in a namespace, on which TAPs of a guest's cards meet a generator on this
    machine."""

    def __init__(self, net, taps):
        self.net = net
        self.hosts = netns.Network()
        self.hosts.add(1)
        self.hosts.hub.run("ethtool", "-K", "port-1", "tx", "off")
        for name in taps:
            self.hosts.hub.ip(f"tuntap add dev {name} mode tap",
                              f"link set {name} mtu 1500 addrgenmode none master bridge up")
        path = net.config(1, f"net_af_packet0,iface={netns.PORT},blocksz=65536,framesz=2048,"
                          "framecnt=4096,qdisc_bypass=1", links=True)
        path.write_text(path.read_text().replace("port:", "port:\n  tap: lm-tap"))

    def close(self):
        self.hosts.close()

    def inside(self):
        return self.hosts.hub.inside([])


def generate(net, inside, *options, tries=6):
    """A guest on a busy machine answers late: the generator is tried again when it has not
    begun."""
    for _ in range(tries):
        done = network.run(*inside, network.GEN, "run", "--config", net.path / "node-1.yaml",
                           "--json", *options, ok=False)
        if done.stdout:
            return json.loads(done.stdout)
    raise guest_image.GuestError(f"the generator: {done.stderr}")
