# SPDX-License-Identifier: BSD-3-Clause
"""Plots by gnuplot, each as SVG and PNG. A plot is data and what to say about it; the script that
gnuplot runs is made here, carries the data in itself, and is kept beside the pictures."""
import dataclasses
import shutil
import subprocess

SIZE = (860, 480)
COLOURS = ("#0b6e99", "#d1495b", "#3c9d5d", "#8d6cab", "#e08e28", "#5b5b5b", "#c05299", "#00897b",
           "#9a7b4f", "#4f5bd5", "#a3b18a", "#bc6c25")
STYLE = """\
set encoding utf8
set border 3 lc rgb '#444444'
set tics nomirror textcolor rgb '#444444'
set grid ytics lc rgb '#dddddd' lw 0.7
set key outside right top samplen 1.5 spacing 1.2
set lmargin 11
"""
TERMINALS = {
    "svg": "svg size {0},{1} dynamic enhanced font 'Helvetica,13' background rgb 'white'",
    "png": "pngcairo size {0},{1} enhanced font 'Sans,11' background rgb 'white'",
}


class PlotError(Exception):
    """Why there is no picture."""


@dataclasses.dataclass
class Series:
    """Points (x, y) or (x, y, low, high)."""
    name: str
    points: list
    style: str = "line"  # with a mark at each point; curve: without


@dataclasses.dataclass
class Lines:
    """Series over a common axis."""
    name: str  # of the files
    title: str
    x: str
    y: str
    series: list
    logx: int = 0  # base, 0: linear
    logy: int = 0
    xtics: list = dataclasses.field(default_factory=list)  # where, if not by itself
    zero: bool = True  # the axis y begins at 0


@dataclasses.dataclass
class Stacks:
    """Bars of parts, one upon the other; rows: (label, [part ...]), lines: marks (label, y)."""
    name: str
    title: str
    y: str
    parts: list
    rows: list
    marks: list = dataclasses.field(default_factory=list)  # (row, y, text)


def quoted(text):
    """A string of gnuplot's with neither escapes nor enhanced text."""
    return "'" + str(text).replace("'", "''") + "'"


def plain(text):
    """The same where text would be set: marks of enhanced text are taken for themselves."""
    return quoted("".join("\\" + c if c in "_^{}@&~" else c for c in str(text)))


def data(name, rows):
    lines = [" ".join("NaN" if cell is None else quoted_cell(cell) for cell in row) for row in rows]
    return f"${name} << END\n" + "\n".join(lines) + "\nEND\n"


def quoted_cell(cell):
    return '"' + cell.replace('"', "") + '"' if isinstance(cell, str) else f"{cell:.9g}"


def series_plot(index, series):
    colour = COLOURS[index % len(COLOURS)]
    title = f"title {plain(series.name)}"
    block = f"$s{index}"
    if series.style == "curve":
        return [f"{block} using 1:2 with lines lw 2 lc rgb '{colour}' {title}"]
    drawn = [f"{block} using 1:2 with linespoints pt 7 ps 0.8 lw 2 lc rgb '{colour}' {title}"]
    if series.points and len(series.points[0]) == 4:
        drawn.insert(0, f"{block} using 1:3:4 with filledcurves fs transparent solid 0.15 noborder "
                        f"lc rgb '{colour}' notitle")
    return drawn


def lines_script(plot):
    text = f"set title {plain(plot.title)}\nset xlabel {plain(plot.x)}\nset ylabel {plain(plot.y)}\n"
    if plot.logx:
        text += f"set logscale x {plot.logx}\n"
    if plot.logy:
        text += f"set logscale y {plot.logy}\n"
    elif plot.zero:
        highest = max((point[1] for series in plot.series for point in series.points
                       if point[1] is not None), default=0)
        text += "set yrange [0:*]\n" if highest > 0 else "set yrange [0:1]\n"
    for axis, column in (("x", 0), ("y", 1)):
        text += units(axis, [point[column] for series in plot.series for point in series.points])
    if plot.xtics:
        tics = sorted(plot.xtics)
        edges = (tics[0] / 1.1, tics[-1] * 1.1) if plot.logx else (tics[0], tics[-1])
        text += "set xtics (" + ", ".join(f"'{x:g}' {x:g}" for x in tics) + ")\n"
        text += f"set xrange [{edges[0]:.9g}:{edges[1]:.9g}]\n"
    text += "".join(data(f"s{i}", series.points) for i, series in enumerate(plot.series))
    drawn = [part for i, series in enumerate(plot.series) for part in series_plot(i, series)]
    return text + "plot " + ", \\\n\t".join(drawn) + "\n"


def units(axis, values):
    """Tics with k and M where values are large."""
    known = [value for value in values if value is not None]
    return f"set format {axis} '%.0s%c'\n" if known and max(known) >= 20000 else ""


def stacks_script(plot):
    text = (f"set title {plain(plot.title)}\nset ylabel {plain(plot.y)}\nset yrange [0:*]\n"
            "set style data histograms\nset style histogram rowstacked\nset boxwidth 0.6\n"
            "set style fill solid 0.85 border rgb 'white'\nset key invert\n")
    text += units("y", [sum(parts) for _, parts in plot.rows])
    text += data("rows", [[label, *parts] for label, parts in plot.rows])
    for row, y, label in plot.marks:
        text += (f"set arrow from {row - 0.38:g},{y:.9g} to {row + 0.38:g},{y:.9g} nohead lw 2 dt 2 "
                 f"lc rgb 'black' front\nset label {plain(label)} at {row + 0.4:g},{y:.9g} left "
                 "front font ',9'\n")
    drawn = [f"$rows using {i + 2}" + (":xtic(1)" if i == 0 else "") + f" title {plain(part)} "
             f"lc rgb '{COLOURS[i % len(COLOURS)]}'" for i, part in enumerate(plot.parts)]
    return text + "plot " + ", \\\n\t".join(drawn) + "\n"


def script(plot, kind):
    """What gnuplot is told to draw a plot into NAME.kind, in its own folder."""
    body = stacks_script(plot) if isinstance(plot, Stacks) else lines_script(plot)
    return (f"set terminal {TERMINALS[kind].format(*SIZE)}\nset output {quoted(f'{plot.name}.{kind}')}"
            f"\n{STYLE}{body}")


def why_not():
    return None if shutil.which("gnuplot") else "gnuplot is not installed; run: scripts/setup"


def draw(plot, folder):
    """Draws a plot into a folder: NAME.svg, NAME.png, and NAME.gnuplot that makes the SVG again."""
    (folder / f"{plot.name}.gnuplot").write_text(script(plot, "svg"), encoding="utf-8")
    for kind in TERMINALS:
        try:
            done = subprocess.run(["gnuplot"], input=script(plot, kind), text=True, cwd=folder,
                                  check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except OSError as error:
            raise PlotError(f"gnuplot: {error.strerror}; run: scripts/setup") from None
        if done.returncode != 0 or "warning" in done.stdout.lower():
            raise PlotError(f"gnuplot on {plot.name}: {done.stdout.strip()}")
