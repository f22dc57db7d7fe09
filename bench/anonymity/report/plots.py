# SPDX-License-Identifier: BSD-3-Clause
"""Plots by gnuplot, as SVG and PNG; the script and its data stay beside them."""
import subprocess

SIZE = (1000, 700)
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]  # Okabe & Ito 2008
STRATEGIES = ("poisson", "batch", "pool")


class PlotError(Exception):
    """gnuplot did not draw; says what to do."""


def draw(folder, name, body, size=SIZE):
    """Runs a script for both formats. `body` sets no terminal and no output."""
    width, height = size
    script = "\n".join(
        f"reset\nset terminal {terminal} size {width},{height} {font}\n"
        f"set output '{name}.{ending}'\n{STYLE}{body}\nunset output\n"
        for terminal, ending, font in (
            ("svg", "svg", "dynamic font 'sans,13' background '#ffffff'"),
            ("pngcairo", "png", "font 'sans,10' background '#ffffff'")))
    (folder / f"{name}.gp").write_text(script)
    try:
        done = subprocess.run(["gnuplot", f"{name}.gp"], cwd=folder, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise PlotError("gnuplot is missing; scripts/setup installs it (gnuplot-nox)") from error
    if done.returncode != 0 or done.stderr:
        raise PlotError(f"{folder / name}.gp: gnuplot: {done.stderr.strip()}")


# The first are wider, so that one shows under another.
STYLE = "".join(f"set linetype {i} lc rgb '{colour}' lw {max(1.5, 4.5 - i)} "
                f"pt {(7, 5, 9)[i % 3 - 1]} ps {max(0.6, 1.1 - 0.2 * i)}\n"
                for i, colour in enumerate(COLOURS, 1))
STYLE += "set grid lc rgb '#dddddd'\nset border 3\nset tics nomirror\nset bars small\n"


def block(name, rows):
    """Inline data; rows with a None are left out."""
    lines = [" ".join(f"{cell:.6g}" for cell in row) for row in rows if None not in row]
    return f"${name} << EOD\n" + "\n".join(lines) + "\nEOD\n", bool(lines)


def point(x, figure, scale=1):
    """x, value, lower, upper; no interval: the value itself."""
    if figure is None or figure["value"] is None:
        return x, None, None, None
    lower, upper = figure["interval"]
    value = figure["value"]
    return (x, value * scale, (value if lower is None else lower) * scale,
            (value if upper is None else upper) * scale)


def lines(curves, setup, name="d", beside=""):
    """One plot of named curves of (x, value, lower, upper), with what is set for it; `name` is of
    its data, other than any other's in the script; `beside` is plotted with them."""
    data, parts = "", []
    for i, (title, rows) in enumerate(curves, 1):
        text, any_row = block(f"{name}{i}", rows)
        if any_row:
            data += text
            parts.append(f"${name}{i} using 1:2:3:4 with yerrorlines lt {i} title '{title}'")
    if not parts:
        return f"{setup}\nset label 99 'not measured' at graph 0.5,0.5 center\n" \
               "unset logscale\nset xrange [1:2]\nset yrange [0:1]\nplot NaN notitle\n" \
               "unset label 99\nset autoscale\n"
    return f"{data}{setup}\nplot {', '.join(parts + [beside] * bool(beside))}\n"


def rank_curve(disclosure):
    return [point(int(n), row["rank"]) for n, row in disclosure["after"].items()] \
        if disclosure else []


def roc_curve(roc):
    return [(100 * false, 100 * true, 100 * true, 100 * true) for false, true in roc["curve"]] \
        if roc else []


RANK = ("set logscale xy\nset xlabel 'messages of the target'\n"
        "set ylabel \"rank of the true partner\"\nset yrange [0.9:*]\nset key bottom left\n")
ROC = ("set logscale x\nset xlabel 'false positives, %'\nset ylabel 'true positives, %'\n"
       "set yrange [0:100]\nset key bottom right\n"
       "set arrow 1 from 1, graph 0 to 1, graph 1 nohead dt 2 lc rgb '#888888'\n")


GUESSED = "x with lines dt 2 lc rgb '#888888' title 'a guess'"


def guess(candidates):
    """A line where a guess would be."""
    middle = (candidates + 1) / 2
    return (f"set arrow 2 from graph 0, first {middle} to graph 1, first {middle} nohead dt 2 "
            f"lc rgb '#888888'\nset label 2 'a guess' at graph 0.98, first {middle} right "
            "offset 0,-0.7 tc rgb '#666666'\n")


def of_folder(folder, report):
    """rank and roc, as far as they were measured."""
    disclosure, flows = report["disclosure"], report["flows"]
    if disclosure:
        draw(folder, "rank", lines([(report["strategy"], rank_curve(disclosure))],
                                   RANK + guess(disclosure["candidates"])), (700, 500))
    if flows:
        draw(folder, "roc", lines([(name, roc_curve(roc)) for name, roc in flows.items()], ROC,
                                  beside=GUESSED), (700, 500))


# ---- A study ----

def panels(folder, name, panel):
    """Six plots of (setup, curves) in one figure."""
    body = "set multiplot layout 2,3 margins 0.055,0.985,0.09,0.97 spacing 0.07,0.12\n"
    for i, (setup, curves) in enumerate(panel):
        body += "set autoscale\nunset logscale\nunset key\n"
        body += ("set key bottom right\n" if i == 0 else "") + lines(curves, setup, f"p{i}_")
    draw(folder, name, body + "unset multiplot\n", (1350, 720))


def axis_panels(study, axis):
    """What the six figures of an axis are."""
    def curves(pick, scale=1):
        return [(strategy, [point(row[axis], pick(row), scale) for row in study["rows"]
                            if row["strategy"] == strategy and axis in row["axes"]])
                for strategy in STRATEGIES]

    values = [row[axis] for row in study["rows"] if axis in row["axes"]]
    margin = (0.8 * min(values), 1.25 * max(values)) if "logscale" in AXES[axis] else (
        min(values) - 0.05 * max(values), 1.05 * max(values))
    x = AXES[axis] + f"\nset xrange [{margin[0]:g}:{margin[1]:g}]\n"
    return [(x + "set ylabel 'entropy, bits'\nset yrange [0:*]",
             curves(lambda row: row["entropy"])),
            (x + "set ylabel 'likelihood difference, epsilon'\nset yrange [0:*]",
             curves(lambda row: row["epsilon"] if (row["infinite"] or 0) <= 0.01 else None)),
            (x + "set ylabel 'advantage in telling two senders'\nset yrange [0:1]",
             curves(lambda row: row["advantage"])),
            (x + "set ylabel 'true positives at 1 % false ones, %'\nset yrange [0:100]",
             curves(lambda row: row["true_positives"], 100)),
            (x + f"set ylabel \"rank of the true partner after {study['rank_after']} messages\"\n"
             "set yrange [0:*]", curves(lambda row: row["rank"])),
            (x + "set ylabel 'mean latency, ms'\nset logscale y",
             curves(lambda row: {"value": row["latency_ms"], "interval": [None, None]}))]


AXES = {"delay_ms": "set xlabel 'mean stay in a mix, ms'\nset logscale x",
        "cover": "set xlabel \"cover packets of a client for one message\"",
        "clients": "set xlabel 'clients'\nset logscale x"}


def of_study(folder, study):
    """delay, cover and clients; rank and roc of the base."""
    for axis in AXES:
        panels(folder, axis.removesuffix("_ms"), axis_panels(study, axis))
    base = study["base"]
    draw(folder, "rank", lines([(strategy, rank_curve(base[strategy]["disclosure"]))
                                for strategy in STRATEGIES],
                               RANK + guess(base["poisson"]["disclosure"]["candidates"])),
         (700, 500))
    draw(folder, "roc", lines([(strategy, roc_curve(base[strategy]["flows"]["template"]))
                               for strategy in STRATEGIES], ROC, beside=GUESSED), (700, 500))
