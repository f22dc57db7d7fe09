# SPDX-License-Identifier: BSD-3-Clause
"""The grid of a study: what is simulated, one configuration a run, and how runs make a row."""
import math
import pathlib
import subprocess
import tempfile

from judge import intervals
from report import measuring

STRATEGIES = ("poisson", "batch", "pool")
BASE = {"delay_ms": 200, "cover": 0.0, "clients": 100}
FULL = {"delay_ms": [25, 50, 100, 200, 400, 800, 1600], "cover": [0.0, 0.5, 1.0, 2.0, 4.0],
        "clients": [25, 50, 100, 200, 400]}
QUICK = {"delay_ms": [50, 200, 800], "cover": [0.0, 2.0], "clients": [50, 100]}
MESSAGE_US = 1000000  # between two messages of a client, in the mean


class StudyError(Exception):
    """A run that failed; the message is the simulator's."""


def mixing(strategy, delay_us):
    """Parameters with which a packet stays so long in a mix, in the mean."""
    if strategy == "poisson":
        return {"mean_delay_us": delay_us}
    if strategy == "batch":  # half an interval to its end, half of the next one
        return {"interval_us": delay_us, "min_batch": 1, "max_wait_us": delay_us}
    # Half a tick till the first flush, and one more with every second coin.
    return {"interval_us": round(delay_us / 1.5), "flush_ppm": 1000000, "stay_ppm": 500000,
            "threshold": 1000000}


def flow(mapping):
    return "{" + ", ".join(f"{key}: {value}" for key, value in mapping.items()) + "}"


def configuration(strategy, point, seconds, seed):
    """The simulator's file of one run."""
    delay_us = round(point["delay_ms"] * 1000)
    clients = {"count": point["clients"], "contacts": 1, "message_interval_us": MESSAGE_US}
    if point["cover"] > 0:  # one half loops, one half drop packets
        each_us = round(2 * MESSAGE_US / point["cover"])
        clients |= {"loop_interval_us": each_us, "drop_interval_us": each_us}
    return (f"seed: {seed}\nduration_ms: {round(seconds * 1000)}\nsettle_ms: 1000\n"
            "network: {layers: 3, mixes: 3, gateways: 2}\n"
            f"mixing: {flow({'strategy': strategy} | mixing(strategy, delay_us))}\n"
            f"clients: {flow(clients)}\n")


def points(grid):
    """Every point of the grid once: (point, the axes that it is on)."""
    found = {}
    for axis, values in grid.items():
        for value in values:
            point = BASE | {axis: value}
            found.setdefault(tuple(point.values()), (point, []))[1].append(axis)
    return list(found.values())


def runs(grid, repeats, seed):
    """(strategy, point, axes, seed) of every run, in order."""
    for point, axes in points(grid):
        for strategy in STRATEGIES:
            for i in range(repeats):
                yield strategy, point, axes, seed + i


def simulate(program, text, folder):
    """Runs the simulator; the records lie in the folder."""
    config = folder / "sim.yaml"
    config.write_text(text)
    try:
        done = subprocess.run([program, "run", "--config", config, "--out", folder / "out"],
                              capture_output=True, text=True)
    except OSError as error:
        raise StudyError(f"{program}: {error.strerror}; build it with ninja -C build, or name the "
                         "build folder with --build") from error
    if done.returncode != 0:
        raise StudyError(done.stderr.strip())
    return folder / "out"


def measure(program, strategy, point, seconds, seed, effort):
    with tempfile.TemporaryDirectory(prefix="linemix-anonymity-") as name:
        folder = simulate(program, configuration(strategy, point, seconds, seed),
                          pathlib.Path(name))
        return measuring.measure(folder, seed, effort)


# ---- Rows ----

def over(reports, pick):
    """A figure over runs: of one run its own interval, of several the mean's."""
    figures = [figure for figure in map(pick, reports) if figure and figure["value"] is not None]
    if len(figures) <= 1:
        return figures[0] if figures else None
    value, lower, upper = intervals.mean([figure["value"] for figure in figures])
    return {"value": value, "interval": [lower, upper]}


def pooled(reports, name):
    """True positives of all runs together: pairs of different runs are independent."""
    found = [report["flows"][name] for report in reports
             if report["flows"] and report["flows"][name]]
    if not found:
        return None
    value, lower, upper = intervals.share(sum(roc["hits"] for roc in found),
                                          sum(roc["true_pairs"] for roc in found))
    return {"value": value, "interval": [lower, upper]}


def rank_at(report, after):
    row = (report["disclosure"] or {"after": {}})["after"].get(str(after))
    return row["rank"] if row else None


def mean(values):
    """Of those that there are; None: none."""
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def row(strategy, point, axes, reports, after):
    """One point of the grid under one strategy."""
    return {"strategy": strategy, **point, "axes": axes, "runs": len(reports),
            "latency_ms": mean([report["latency_ms"] for report in reports]),
            "entropy": over(reports, lambda r: r["entropy"] and r["entropy"]["bits"]),
            "surprise": over(reports, lambda r: r["entropy"] and r["entropy"]["surprise_bits"]),
            "epsilon": over(reports, lambda r: r["gap"] and r["gap"]["epsilon"]),
            "infinite": mean([report["gap"] and report["gap"]["infinite"] for report in reports]),
            "advantage": over(reports, lambda r: r["gap"] and r["gap"]["advantage"]),
            "true_positives": pooled(reports, "template"),
            "true_positives_counts": pooled(reports, "counts"),
            "rank": over(reports, lambda r: rank_at(r, after)),
            "weaknesses": sum(verdict["seen"] for report in reports
                              for verdict in report["audit"].values()),
            "detectors": sum(verdict["tests"] > 0 for report in reports
                             for verdict in report["audit"].values())}


def rank_after(seconds):
    """The number of messages that most targets have sent in such a run, a power of two."""
    return 1 << int(math.log2(max(1.0, 0.6 * seconds * 1e6 / MESSAGE_US)))
