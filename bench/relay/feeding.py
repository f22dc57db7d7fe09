# SPDX-License-Identifier: BSD-3-Clause
"""A relay without a wire (linemix-relay --feed), for the measurements here and for bench/report: a
network in a folder, configurations, captures of what gateways send, and the runs themselves.

What a program prints on stderr stays in a log; where it fails, the error names what failed and the
log.
"""
import concurrent.futures
import ipaddress
import itertools
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
MEMORY = pathlib.Path("/dev/shm")
LAST_WORDS = 5  # lines of a log that an error repeats

CONFIG = """\
node: {node}
topology: topology.json
keys: keys-{node}.json
link: {link}
file_prefix: {prefix}-{node}
port: {{device: "{device}", rx_descriptors: {descriptors}, tx_descriptors: 4096}}
cpus: {{workers: {workers}, mixer: {mixer}, control: {control}, idle: {idle}}}
memory: {{megabytes: {megabytes}}}
limits: {{held: {held}, ring: {ring}, replay: {replay}{burst}}}
{extra}
"""

PCAP_HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)  # microseconds, Ethernet
RECORD = 16  # bytes before each frame


class MeasurementError(Exception):
    """What failed, in words that name it and its log."""


def folder_in_memory(name):
    """A temporary folder on tmpfs where there is one, as a context."""
    return tempfile.TemporaryDirectory(prefix=f"linemix-{name}-",
                                       dir=MEMORY if MEMORY.is_dir() else None)


class Network:
    """A made-up network of one layer, whose files live in a folder; node 1 is a gateway, `mix` its
    mix: 11 where there are no more than ten gateways."""

    def __init__(self, build, folder, name, *options, run_under=(), static_macs=True,
                 log=None):
        """options: of linemix-gen network. run_under: the command to start relays with.
        static_macs: link-layer addresses stand in the topology; else kernels find them out. log:
        the file that keeps what programs print on stderr; else one in the folder."""
        self.build, self.folder = pathlib.Path(build).resolve(), pathlib.Path(folder)
        self.prefix = f"linemix-{name}-{os.getpid()}"
        self.run_under = list(run_under)
        self.gen = self.build / "app/gen/linemix-gen"
        self.relay = self.build / "app/relay/linemix-relay"
        self.bounds = self.build / "tests/system/relay-bounds"
        self.log = log or self.folder / "log.txt"
        self.run(self.gen, "network", *(["--static-macs"] if static_macs else []), "--layers", 1,
                 *options, "--out", self.folder)
        self.authorities = (self.folder / "authorities.yaml").read_text()
        _, document = (self.folder / "topology.json").read_text().split("\n\n", 1)
        self.nodes = json.loads(document)["nodes"]
        self.mix = next(node["id"] for node in self.nodes if node["role"] == "mix")

    def gateways(self):
        """The gateways' IPv4 addresses, 4 bytes each."""
        return [ipaddress.IPv4Address(node["addresses"][0]["ip"]).packed for node in self.nodes
                if node["role"] == "gateway"]

    def run(self, *command, seconds=600, accept=(0,)):
        """Runs a program to its end and gives what it printed."""
        words = [str(word) for word in command]
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(words)}\n")
            log.flush()
            try:
                done = subprocess.run(words, check=False, text=True, stdout=subprocess.PIPE,
                                      stderr=log, stdin=subprocess.DEVNULL, timeout=seconds)
            except subprocess.TimeoutExpired:
                raise MeasurementError(f"{words[0]} does not end in {seconds} s; "
                                       f"{self.last_words()}") from None
            except OSError as error:
                raise MeasurementError(f"{words[0]}: {error.strerror}; build the tree") from None
        if done.returncode not in accept:
            raise MeasurementError(f"{pathlib.Path(words[0]).name}: exit {done.returncode}; "
                                   f"{self.last_words()}")
        return done.stdout

    def last_words(self):
        said = self.log.read_text(errors="replace").rpartition("\n$ ")[2]
        lines = said.splitlines()[1:][-LAST_WORDS:]
        return f"its log {self.log} ends: " + (" | ".join(lines) or "(it said nothing)")

    def config(self, node):
        return self.folder / f"node-{node}.yaml"

    def configure(self, node, workers=(0,), mixer=1, control=None, links=False, device="net_null0",
                  descriptors=4096, megabytes=2048, held=131072, ring=4096, replay=8388608,
                  burst=None, idle="spin", extra=""):
        """Writes a node's configuration and gives its path. links: whether they have sessions.
        burst: packets that a relay peels together at most; a generator's has no such key."""
        path = self.config(node)
        path.write_text(CONFIG.format(
            node=node, prefix=self.prefix, workers=list(workers), mixer=mixer, idle=idle,
            control=mixer if control is None else control, device=device, descriptors=descriptors,
            megabytes=megabytes, held=held, ring=ring, replay=replay, extra=extra,
            burst=f", burst: {burst}" if burst else "",
            link=f"{{key: link-{node}.key}}" if links else "{mode: none}") + self.authorities)
        return path

    def capture(self, node, count, name=None):
        """A capture of packets that a gateway sends, whose configuration is written."""
        path = self.folder / (name or f"from-{node}.pcap")
        self.run(self.gen, "make", "--config", self.config(node), "--count", count, "--rate",
                 1000000, "--out", path)
        return path

    def captures(self, node, count, parts):
        """So many captures instead of one, made at a time, of which each has packets of its own."""
        counts = [count * (part + 1) // parts - count * part // parts for part in range(parts)]
        with concurrent.futures.ThreadPoolExecutor(parts) as pool:
            return list(pool.map(
                lambda part: self.capture(node, counts[part], f"from-{node}-{count}-{part}.pcap"),
                (part for part in range(parts) if counts[part] > 0)))

    def feed_command(self, node, capture, *options, rate=0, seconds=0.0):
        """rate: packets a second, 0: as the relay takes them. seconds: at most; 0: the capture."""
        pace = ["--feed-rate", round(rate)] if rate else []
        limit = ["--feed-seconds", seconds] if seconds else []
        return [*self.run_under, self.relay, "--config", self.config(node), "--feed", capture,
                *pace, *limit, "--json", *options]

    def feed(self, node, capture, *options, rate=0, seconds=0.0):
        """What the feed says, and the relay's books, which must close."""
        said = self.run(*self.feed_command(node, capture, *options, rate=rate, seconds=seconds))
        return self.parse_feed(said)

    def parse_feed(self, said):
        """The feed and the books from what the relay printed."""
        try:
            feed, books = map(json.loads, said.splitlines()[-2:])
        except ValueError:
            raise MeasurementError(f"linemix-relay --feed gave no figures; {self.last_words()}") \
                from None
        if not books["closed"]:
            raise MeasurementError("the relay's books do not close, so nothing is measured: "
                                   f"{books}")
        return feed, books

    def ask_bounds(self, node, capture, what):
        """What tests/system/relay-bounds measures of steps."""
        return json.loads(self.run(*self.run_under, self.bounds, self.config(node), capture, what))


# ---- Captures ----


def records(path):
    """The records of a capture, each its header and its frame."""
    with open(path, "rb") as file:
        file.read(len(PCAP_HEADER))
        while header := file.read(RECORD):
            yield header + file.read(struct.unpack_from("<I", header, 8)[0])


def with_random_key(record):
    """The same packet with a random ephemeral key and no checksum: it costs a peel that finds that
    it is none."""
    epk = bytearray(os.urandom(32))
    epk[31] &= 0x3f
    at = RECORD + 42  # behind the headers of Ethernet, IPv4 and UDP
    return record[:at - 2] + b"\0\0" + record[at:at + 4] + bytes(epk) + record[at + 36:]


def from_source(record, source):
    """The same frame from another IPv4 address (4 bytes); UDP without a checksum."""
    at = RECORD + 14
    header = bytearray(record[at:at + 20])
    header[10:12] = b"\0\0"
    header[12:16] = source
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xffff) + (total >> 16)
    struct.pack_into(">H", header, 10, ~(total + (total >> 16)) & 0xffff)
    udp = at + 20
    return record[:at] + bytes(header) + record[udp:udp + 6] + b"\0\0" + record[udp + 8:]


def from_sources(captures, sources, out):
    """Writes a capture of the frames of these from these addresses in turns."""
    with open(out, "wb") as file:
        file.write(PCAP_HEADER)
        every = itertools.chain.from_iterable(map(records, captures))
        for record, source in zip(every, itertools.cycle(sources)):
            file.write(from_source(record, source))
    return out


# ---- Command line ----


def add_arguments(parser, worker=0, other=1):
    """What all measurements of a relay without a wire ask for."""
    parser.add_argument("--build", type=pathlib.Path, default=TREE / "build",
                        help="build folder (%(default)s)")
    parser.add_argument("--worker", type=int, default=worker, help="the worker's CPU (%(default)s)")
    parser.add_argument("--other", type=int, default=other,
                        help="the CPU of mixer and feeder (%(default)s)")
    parser.add_argument("--run-under", default="", help="a command to start the relay with")


def carry_out(main):
    """Runs a measurement's main function; what failed is said in words."""
    try:
        main()
    except MeasurementError as error:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {error}")
