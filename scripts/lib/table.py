# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/run shows of its relays meanwhile: a table, redrawn in place on a terminal."""
import shutil
import sys

COLUMNS = ["received", "sent", "delivered", "held", "dropped"]
HEAD = f"{'relay':<12}" + "".join(f"{name:>10}" for name in [*COLUMNS, "packets/s"])


def dropped_by_name(stats):
    """The drops that are not zero, as words: 'mac 4, replay 6'."""
    drops = {name.removeprefix("drop_"): count for name, count in stats.items()
             if name.startswith("drop_") and count}
    return ", ".join(f"{name} {count}" for name, count in drops.items())


class Row:
    """One relay's line; remembers the last counters, for the rate."""

    def __init__(self, telemetry):
        self.telemetry = telemetry
        self.last = None

    def text(self):
        stats = self.telemetry.stats()
        if not stats:
            self.last = None
            return f"{self.telemetry.name:<12}{'no answer':>10}"
        cells = [f"{stats.get(name, 0):>10}" for name in COLUMNS]
        text = f"{self.telemetry.name:<12}{''.join(cells)}{self.rate(stats):>10}"
        self.last = stats
        drops = dropped_by_name(stats)
        return f"{text}  ({drops})" if drops else text

    def rate(self, stats):
        """Packets received a second since the last look, by the relay's own clock."""
        if not self.last or stats["uptime_us"] <= self.last["uptime_us"]:
            return "-"
        packets = stats["received"] - self.last["received"]
        return round(packets * 1e6 / (stats["uptime_us"] - self.last["uptime_us"]))


class Table:
    def __init__(self, telemetries, stream=sys.stdout):
        self.rows = [Row(telemetry) for telemetry in telemetries]
        self.stream = stream
        self.shown = False

    def show(self):
        """Asks every relay and shows what it answers."""
        lines = [row.text() for row in self.rows]
        if not self.stream.isatty():
            lines = lines if self.shown else [HEAD, *lines]
        else:
            up = f"\033[{len(lines) + 1}A" if self.shown else ""
            width = shutil.get_terminal_size().columns
            lines = [f"{line[:width]}\033[K" for line in [HEAD, *lines]]
            lines[0] = up + lines[0]
        print("\n".join(lines), file=self.stream, flush=True)
        self.shown = True
