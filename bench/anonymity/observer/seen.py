# SPDX-License-Identifier: BSD-3-Clause
"""What an observer of every link has: when which link carried a packet, and the topology."""
import json
import pathlib

import numpy

TITLE = b"linemix-sim flights 1\n"
HEADER = 64
FLIGHT = numpy.dtype([("left", "<u8"), ("came", "<u8"), ("from", "<u4"), ("to", "<u4")])
LAYERS = 16
MOST = 1 << 40  # of a mixing parameter
STRATEGIES = ("batch", "pool", "poisson")


class RecordError(Exception):
    """A folder that cannot be measured; says which file, what is wrong, and what would be right."""


class Seen:
    """Flights by the time at which they left, and the public part of run.json.

    `line` is each flight's place in the file, which is all that connects it with the truth. Places
    (`src`, `dst`) are nodes, by their number, and behind them clients. Times are microseconds."""

    def __init__(self, layer, strategy, mixing, cover, flights, line=None):
        self.layer = numpy.asarray(layer)
        self.nodes = len(self.layer)
        self.layers = int(self.layer.max())
        self.strategy, self.mixing, self.cover = strategy, mixing, cover
        order = numpy.argsort(flights["left"], kind="stable")
        self.line = order if line is None else line[order]
        self.left = flights["left"][order].astype(numpy.int64)
        self.came = flights["came"][order].astype(numpy.int64)
        self.src = flights["from"][order].astype(numpy.int64)
        self.dst = flights["to"][order].astype(numpy.int64)

    def layer_of(self, place):
        """Layers of places; -1: a client. Layer 0 is gateways."""
        place = numpy.asarray(place)
        return numpy.where(place < self.nodes, self.layer[numpy.minimum(place, self.nodes - 1)], -1)

    @property
    def padded(self):
        return self.cover.get("link_interval_us", 0) > 0

    @property
    def own_cover(self):
        """Whether relays add packets that come by no link."""
        return any(self.cover.get(key, 0) for key in ("loop_interval_us", "drop_interval_us"))

    def clients(self):
        """Numbers of all clients that were seen."""
        places = numpy.union1d(self.src, self.dst)
        return places[places >= self.nodes]


def number(value, least, most):
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def check_public(layer, strategy, mixing, cover):
    """ValueError and what is wrong."""
    if not layer or not all(number(n, 0, LAYERS) for n in layer):
        raise ValueError(f"a node's layer is no number from 0 to {LAYERS}")
    if max(layer) == 0:
        raise ValueError("there are no mixes")
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy {strategy!r} is none of {', '.join(STRATEGIES)}")
    for part, values in (("mixing", mixing), ("cover", cover)):
        for key, value in values.items():
            if not number(value, 0, MOST):
                raise ValueError(f"{part}.{key} is no number from 0 to {MOST}")
    needed = "mean_delay_us" if strategy == "poisson" else "interval_us"
    if mixing.get(needed, 0) == 0:
        raise ValueError(f"mixing.{needed} is missing or 0; the topology has it")
    if strategy == "pool" and not number(mixing.get("stay_ppm"), 0, 999999):
        raise ValueError("mixing.stay_ppm is missing or above 999999; the topology has it")
    if strategy == "pool" and not number(mixing.get("flush_ppm", 1), 1, 1000000):
        raise ValueError("mixing.flush_ppm is no number from 1 to 1000000")


def read_public(folder):
    """The part of run.json that the topology tells everybody: (layers by node, strategy, mixing,
    cover)."""
    path = pathlib.Path(folder) / "run.json"
    try:
        run = json.loads(path.read_text())
        layer = [node["layer"] for node in run["nodes"]]
        strategy = run["strategy"]
        mixing = run.get("mixing") or {"mean_delay_us": round(run.get("mean_delay_s", 0) * 1e6)}
        cover = run.get("cover") or {}
        check_public(layer, strategy, mixing, cover)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}; name a folder of records") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: {error}") from error
    return layer, strategy, mixing, cover


def read_records(path, title, dtype, remedy=""):
    """All records of a file. remedy: what to add where it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}{remedy}") from error
    if not data.startswith(title) or len(data) < HEADER:
        raise RecordError(f"{path}: does not begin with {title.decode().strip()!r}")
    if (len(data) - HEADER) % dtype.itemsize:
        raise RecordError(f"{path}: is cut off in the middle of a record")
    return numpy.frombuffer(data, dtype, offset=HEADER)


def read_flights(folder):
    path = pathlib.Path(folder) / "flights.bin"
    flights = read_records(path, TITLE, FLIGHT)
    if len(flights) == 0:
        raise RecordError(f"{path}: no flights")
    if (flights["came"] < flights["left"]).any() or flights["came"].max() >> numpy.uint64(62):
        raise RecordError(f"{path}: a packet comes before it has left, or after 2^62 us")
    return flights


def load(folder):
    """The Seen of a record folder."""
    return Seen(*read_public(folder), read_flights(folder))
