# SPDX-License-Identifier: BSD-3-Clause
"""A network of namespaces on this machine: nodes with one port each, joined by a bridge.

Nothing is made outside the namespaces, nothing has a name that others see, and no namespace
outlives the process that made it: each lives as long as a process that waits for our end, and every
process started here is killed with us. So whatever way we end, nothing is left behind.
"""
import subprocess

PORT = "lm-eth"  # the name of a node's port, inside its namespace


class NetworkError(Exception):
    """What could not be done, in words for the user."""


def command(arguments, stdin=None):
    """Runs a command and gives its output; NetworkError with its words if it fails."""
    try:
        done = subprocess.run(arguments, input=stdin, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError as error:
        raise NetworkError(f"the program {error.filename} is missing") from error
    if done.returncode:
        raise NetworkError(f"{' '.join(arguments)}: {done.stdout.strip()}")
    return done.stdout


class Namespace:
    """A network namespace, held by a process that ends with us."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--", "sh", "-c", "echo made; exec cat"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            process_group=0)
        if self.holder.stdout.readline() != "made\n":
            raise NetworkError("no network namespace, which takes the capabilities SYS_ADMIN and "
                               f"NET_ADMIN: {self.holder.stderr.read().strip()}")
        self.ip("link set lo up")

    @property
    def pid(self):
        return self.holder.pid

    def inside(self, arguments):
        """The command line that runs these arguments in the namespace."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *map(str, arguments)]

    def run(self, *arguments, stdin=None):
        return command(self.inside(arguments), stdin)

    def ip(self, *lines):
        """Carries out lines of ip(8)."""
        return self.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def setting(self, assignment):
        """Sets a value below net. A container that forbids it does without."""
        name, value = assignment.split("=")
        file = f"/proc/sys/net/{name.replace('.', '/')}"
        self.run("sh", "-c", f"echo {value} >{file} || true")

    def start(self, arguments, **options):
        """Starts a program that dies with us; a terminal's Ctrl-C reaches us alone."""
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *self.inside(arguments)],
                                process_group=0, **options)

    def close(self):
        self.holder.kill()
        self.holder.wait()


class Network:
    """A bridge in a namespace of its own, and the nodes on it."""

    def __init__(self, mtu=1500, ipv6=False):
        self.mtu = mtu
        # So that a node's kernel says nothing of its own accord: no IPv6 or, with it, no search
        # for routers.
        self.quiet = "router_solicitations=0" if ipv6 else "disable_ipv6=1"
        self.nodes = {}
        self.hub = Namespace()
        self.hub.setting("ipv6.conf.default.disable_ipv6=1")
        # Every frame of the small network may go everywhere: no snooping that learns groups first.
        self.hub.ip("link add bridge type bridge mcast_snooping 0",
                    "link set bridge addrgenmode none up")

    def add(self, name):
        """Adds a node and returns its namespace. Its port belongs to the program alone.

        af_packet copies frames and leaves the originals to the kernel, which would answer for the
        program. So the port is a member of a second bridge that is never up: packet sockets see
        frames before it, and it drops them all.
        """
        node = self.nodes[name] = Namespace()
        node.setting(f"ipv6.conf.default.{self.quiet}")
        self.hub.ip(
            f"link add port-{name} type veth peer name {PORT} netns {node.pid}",
            f"link set port-{name} mtu {self.mtu} addrgenmode none master bridge up")
        node.ip(
            "link add no-kernel type bridge",
            f"link set {PORT} mtu {self.mtu} addrgenmode none master no-kernel up")
        # Packets carry whole checksums, as they would on a wire.
        node.run("ethtool", "-K", PORT, "tx", "off", "rx", "off")
        return node

    def close(self):
        for node in [*self.nodes.values(), self.hub]:
            node.close()
