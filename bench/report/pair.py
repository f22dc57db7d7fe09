# SPDX-License-Identifier: BSD-3-Clause
"""A relay on a port and a generator on another that is joined to it, for the section of ports: over
vhost and virtio-user, over kernel interfaces in network namespaces, or on physical ports that a cable
joins. The relay runs until the end of the context; the generator is a run at a time."""
import contextlib
import json
import signal
import subprocess
import time

import machine
import netns
import relay
from relay import feeding

START_SECONDS = 60
STOP_SECONDS = 60
GENERATOR = 1
AF_PACKET = {"small": "blocksz=65536,framesz=2048,framecnt=4096,qdisc_bypass=1",
             "large": "blocksz=561152,framesz=8768,framecnt=1024,qdisc_bypass=1"}
MTU = {"small": 1500, "large": 9000}
KINDS = {"vhost": "vhost and virtio-user", "af_packet": "af_packet on veth in network namespaces",
         "af_xdp": "af_xdp (copying) on veth in network namespaces", "port": "a physical port"}
KEYS = {"relay": {"device", "eal_args"}, "generator": {"device", "eal_args"}}


def why_not(kind, profile, port=None):
    """Why a kind of port cannot be measured here, or None."""
    if kind == "vhost":
        return machine.why_no_vhost()
    if kind == "port":
        return None if port else "name one with --port FILE"
    if kind == "af_xdp" and profile != "small":
        return "its frames have room for the small profile alone"
    return machine.why_no_namespaces()


def read_port(path):
    """The file of --port: JSON, {"relay": {"device": ..}, "generator": {"device": ..}}."""
    try:
        port = json.loads(path.read_text(encoding="utf-8"))
        for side, keys in KEYS.items():
            if not isinstance(port[side]["device"], str) or set(port[side]) - keys:
                raise ValueError(f"{side}: wants device, and takes eal_args")
        if set(port) != set(KEYS):
            raise ValueError("wants relay and generator, and nothing else")
        return port
    except OSError as error:
        raise feeding.MeasurementError(f"--port {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise feeding.MeasurementError(f"--port {path}: {error}") from None


class Pair:
    """kind: of KINDS. Packets leave the mix at once: what is measured is the relay, and no delays."""

    def __init__(self, context, kind, profile, links):
        self.context, self.kind, self.profile, self.links = context, kind, profile, links
        self.closing = contextlib.ExitStack()
        self.hosts, self.process = None, None
        self.net = context.make_network(f"{kind}-{profile}-{'links' if links else 'bare'}", "--profile",
                                        relay.PROFILES[profile],
                                        static_macs=kind in ("vhost", "port"))
        self.said = self.net.folder / "relay.json"

    def __enter__(self):
        try:
            self.closing.callback(self.stop)
            self.configure()
            self.start()
            return self
        except BaseException:
            self.closing.close()
            raise

    def __exit__(self, *unused):
        self.closing.close()

    # ---- Configuration ----

    def devices(self):
        """{node: (device, further lines)}."""
        mix, net = self.net.mix, self.net
        if self.kind == "vhost":
            files = 'eal_args: "--single-file-segments"\n'
            socket = net.folder / "vhost.sock"
            return {mix: (f"net_vhost0,iface={socket},queues=1", files),
                    GENERATOR: (f"net_virtio_user0,path={socket},queues=1,queue_size=1024", files)}
        if self.kind == "port":
            port = read_port(self.context.options.port)
            return {node: (port[side]["device"], f"eal_args: {json.dumps(port[side]['eal_args'])}\n"
                           if "eal_args" in port[side] else "")
                    for node, side in ((mix, "relay"), (GENERATOR, "generator"))}
        device = f"net_af_packet0,iface={netns.PORT},{AF_PACKET[self.profile]}" \
            if self.kind == "af_packet" else f"net_af_xdp0,iface={netns.PORT},busy_budget=0"
        return {mix: (device, ""), GENERATOR: (device, "")}

    def configure(self):
        cpus = self.context.workers
        # the generator's CPU is its own; the mixer has one, where there are three
        places = {self.net.mix: (cpus[0], cpus[2] if len(cpus) > 2 else cpus[0]),
                  GENERATOR: (cpus[1 % len(cpus)],) * 2}
        if self.kind in ("af_packet", "af_xdp"):
            self.hosts = netns.Network(MTU[self.profile])
            self.closing.callback(self.hosts.close)
        for node, (device, extra) in self.devices().items():
            worker, mixer = places[node]
            path = self.net.configure(node, (worker,), mixer, control=cpus[-1], links=self.links,
                                      device=device, descriptors=1024, megabytes=1024,
                                      held=32768, ring=4096, replay=4194304,
                                      idle="spin" if len(cpus) > 1 else "yield",
                                      extra="runtime: none\n" + extra)
            if self.hosts:
                self.hosts.add(node)
                path.write_text(path.read_text().replace("port: {", "port: {tap: lm-tap, "))

    def inside(self, node, words):
        return self.hosts.nodes[node].inside(words) if self.hosts else list(map(str, words))

    # ---- The relay ----

    def start(self):
        with open(self.said, "w", encoding="utf-8") as said, \
                open(self.net.log, "a", encoding="utf-8") as log:
            command = [*self.net.run_under, *self.inside(self.net.mix, [
                self.net.relay, "--config", self.net.config(self.net.mix), "--json"])]
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            self.process = subprocess.Popen(command, stdout=said, stderr=log, stdin=subprocess.DEVNULL)
        self.wait(lambda: "next hops resolved" in self.words() or self.has_socket())

    def has_socket(self):
        return self.kind == "vhost" and (self.net.folder / "vhost.sock").exists()

    def words(self):
        return self.net.log.read_text(errors="replace").rpartition("\n$ ")[2]

    def wait(self, is_so):
        limit = time.monotonic() + START_SECONDS
        while not is_so():
            if self.process.poll() is not None or time.monotonic() > limit:
                raise feeding.MeasurementError(f"the relay on {KINDS[self.kind]} does not start; "
                                               + self.net.last_words())
            time.sleep(0.02)

    def stop(self):
        """Ends the relay; its books, or None if it did not end well."""
        if not self.process or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        try:
            return json.loads(self.said.read_text(encoding="utf-8").splitlines()[-1])
        except (ValueError, IndexError):
            return None

    # ---- The generator ----

    def gen(self, command, *options, seconds=600):
        """What the generator reports; it exits with 1 where packets were lost, or no rate was found."""
        said = self.net.run(*self.inside(GENERATOR, [self.net.gen, command, "--config",
                                                     self.net.config(GENERATOR), "--json", *options]),
                            seconds=seconds, accept=(0, 1))
        if self.process.poll() is not None:
            raise feeding.MeasurementError(f"the relay on {KINDS[self.kind]} has ended; "
                                           + self.net.last_words())
        try:
            return json.loads(said)
        except ValueError:
            raise feeding.MeasurementError(f"linemix-gen {command} gave no report; "
                                           + self.net.last_words()) from None
