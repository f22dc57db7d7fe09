# SPDX-License-Identifier: BSD-3-Clause
"""The section of scaling: what a packet costs by workers, burst size, packets held, the replay set's
size and the number of neighbours; and what the model (model.py) makes of that for lines of 10 to 200
Gb/s."""
import dataclasses

from figures import BEST, LOWER, short
import model
import noise
import plots
import relay
import text
import without_wire
from relay import Setting

NAME, TITLE = "scaling", "Scaling"
NEEDS = ("micro", "relay")  # its workers and bursts
AXES = {
    "held": "packets that the mixer holds",
    "replay": "tags that the replay set has room for",
    "neighbours": "neighbours that send",
}
COSTS = ("cycles", "worker_cycles")
WHOLE = {"held": (4096, 16384, 65536), "replay": (1 << 17, 1 << 23, 1 << 25, 1 << 27),
         "neighbours": (1, 8, 256, 1024)}
BASE = Setting()


def settings(context):
    """Along each axis from the usual setting, which takes turns with all; none with --quick."""
    if context.quick:
        return []
    found = [BASE]
    for axis, values in WHOLE.items():
        found += [dataclasses.replace(BASE, **{axis: value}) for value in values]
    # with sessions each neighbour has keys and counters of its own
    found.append(dataclasses.replace(BASE, links=True))
    return found + [dataclasses.replace(BASE, links=True, neighbours=value)
                    for value in WHOLE["neighbours"]]


def more_workers(context):
    """Settings with more workers than two, where there are CPUs for them: they check the model."""
    counts = [count for count in (4, 8, 16, 32, 64) if count <= len(context.workers) - 1]
    if context.quick:
        return [Setting(workers=count) for count in counts[-1:]]
    return [Setting(profile, links, workers=count) for count in counts
            for profile in ("small", "large") for links in (False, True)]


def rounds(context):
    return context.options.rounds or (4 if context.quick else 7)


def expect(context):
    count = len(settings(context)) + len(more_workers(context))
    building = 0 if context.quick else 4 * relay.Trials(context).packets["small"] * 1.2e-4
    return count * rounds(context) * relay.TRIAL_SECONDS + building


def measure(context):
    if context.quick:
        context.report.lack(NAME, "the cost by packets held, replay set and neighbours",
                            "left out with --quick")
    before = noise.now()
    trials = context.trials().rounds(settings(context) + more_workers(context), rounds(context), NAME)
    watched = noise.between(before, noise.now())
    for setting, found in trials.items():
        if found:
            without_wire.add_figures(context.report, setting, found, context.trials().peel, watched,
                                     NAME)
    add_ratios(context.report, trials, watched)
    context.report.details[NAME] = {
        "settings": {setting.name: without_wire.vars_of(setting)
                     for setting, found in trials.items() if found}, "watched": vars(watched)}


def add_ratios(report, trials, watched):
    """What each setting costs over the usual one of the same round and kind of links."""
    for setting, found in trials.items():
        usual = trials.get(dataclasses.replace(BASE, links=setting.links))
        if not usual or setting in (BASE, dataclasses.replace(BASE, links=True)) or setting.workers > 1:
            continue
        least = min(trial["cycles"] for trial in usual)
        report.add(f"{NAME}.{setting.name}.dearer", "ratio", LOWER,
                   [trial["cycles"] / least for trial in found], watched, counts=BEST)


# ---- The model ----


def worker_costs(report, profile, kind):
    """{workers: Figure}, of bursts of 64, from both sections: by CPU time or by stages, whichever is
    less, as what disturbs either only adds."""
    found = {}
    for section in ("relay", NAME):
        for name, values in report.details.get(section, {}).get("settings", {}).items():
            usual = all(f".{axis}" not in name for axis in AXES)
            if name.startswith(f"{profile}.{kind}.") and values["burst"] == 64 and usual:
                costs = [report.get(f"{section}.{name}.{what}") for what in COSTS]
                found.setdefault(values["workers"], min(costs, key=lambda figure: figure.value))
    return found


def lines(report, hz):
    """[(profile, kind, contention, measured workers, Need) ...] for all that was measured."""
    found = []
    for profile in ("small", "large"):
        for kind in ("bare", "links"):
            costs = worker_costs(report, profile, kind)
            if 1 not in costs:
                continue
            contention = model.fit_contention({count: figure.value for count, figure in costs.items()})
            low, high, _ = costs[1].interval
            mixer = report.get(f"relay.{profile}.{kind}.workers1.burst64.mixer_cycles")
            frame_len = Setting(profile, kind == "links").frame_len
            for gbit in model.LINES_GBIT:
                found.append((profile, kind, contention, max(costs), model.need(
                    gbit, frame_len, costs[1].value, mixer.value, hz, contention,
                    max(costs), (low, high))))
    return found


def need_rows(found):
    rows = []
    for profile, kind, _, _, need in found:
        span = "-" if need.low is None or need.high is None else f"{need.low} .. {need.high}"
        rows.append([f"{profile}, {kind}", f"{need.gbit:g}", short(need.rate),
                     need.least or f"> {model.WORKERS_MAX}", span,
                     "more than help" if need.contended is None else need.contended,
                     f"{need.mixers:.2f}", "extrapolated" if need.extrapolated else "measured"])
    return rows


def model_text(report):
    hz = report.details.get("relay", {}).get("hz")
    found = lines(report, hz) if hz else []
    if not found:
        return "", []
    parts = [
        "### Cores for a line\n",
        f"Workers that carry full frames at a line's rate with {model.LOAD:.0%} of their time, "
        "from the costs above: at the cost that one worker has (*alone*, and at the ends of its "
        "interval); and if each further worker makes a packet dearer by as much as was measured "
        "(*contended*). *mixers* is what part of an lcore mixing takes: one mixer serves a relay, "
        "so above 1 one relay is not enough. Numbers above the workers that were measured are "
        "extrapolated: nobody has seen them.",
        text.table(["", "Gb/s", "packets/s", "alone", "interval", "contended", "mixers", ""],
                   need_rows(found)),
        "\n".join(basis(report, found, hz))]
    return "\n\n".join(parts) + "\n", [cores_plot(found)]


def basis(report, found, hz):
    """The measurements that the table rests on, and what the model says of them."""
    said = []
    for profile, kind in dict.fromkeys((profile, kind) for profile, kind, *_ in found):
        costs = worker_costs(report, profile, kind)
        contention = next(one[2] for one in found if one[:2] == (profile, kind))
        measured = ", ".join(f"{count}: {text.value(figure)}"
                             for count, figure in sorted(costs.items()))
        more = "not measured" if contention is None else f"{contention:.2%}"
        said.append(f"- {profile}, {kind}: cycles a packet by workers: {measured}; each further "
                    f"worker adds {more}; {hz / 1e9:.2f} GHz.")
        for count, figure in sorted(costs.items()):
            if count > 2 and 2 in costs:
                slope = model.fit_contention({1: costs[1].value, 2: costs[2].value})
                foretold = costs[1].value * (1 + slope * (count - 1))
                said.append(f"  - {count} workers: foretold from one and two {short(foretold)} "
                            f"cycles, measured {text.value(figure)}: off by "
                            f"{figure.value / foretold - 1:+.1%}.")
        points = burst_points(report, profile, kind)
        if len(points) > 2:
            fit = model.fit_bursts(points)
            said.append(f"  - bursts: cost = {short(fit.each)} + {short(fit.shared)} / burst, off "
                        f"by at most {fit.error:.1%} where it was measured.")
    return said


def burst_points(report, profile, kind):
    return {values["burst"]: report.value(f"relay.{name}.cycles")
            for name, values in report.details["relay"]["settings"].items()
            if name.startswith(f"{profile}.{kind}.workers1.burst")}


def cores_plot(found):
    series = {}
    for profile, kind, _, _, need in found:
        if need.least:
            series.setdefault(f"{profile}, {kind}", []).append((need.gbit, need.least))
    return plots.Lines("cores", "Workers for a line, at the cost of one", "Gb/s", "workers",
                       [plots.Series(name, points) for name, points in series.items()], logx=10,
                       logy=10, xtics=model.LINES_GBIT)


# ---- What is said of it ----

def show(report):
    settings_found = report.details.get(NAME, {}).get("settings", {})
    parts, drawn = [], []
    rows = axis_rows(report, settings_found)
    if rows:
        parts.append("Bursts of 64 of the small profile, one worker; what else is usual: nothing "
                     f"held, room for {BASE.replay:,} tags, {BASE.neighbours} neighbours. *dearer* "
                     "is the least cost over that of the usual setting.")
        parts.append(text.table(["", "", "cycles", "mixer's cycles", "dearer", "interval"], rows))
    said, pictures = model_text(report)
    parts.append(said)
    figures = [figure for name, figure in report.figures.items() if name.startswith(NAME + ".")]
    parts.append("\n".join(text.doubts(figures)))
    drawn += pictures + axis_plots(report, settings_found)
    return "\n\n".join(part for part in parts if part) + "\n", drawn


def axis_rows(report, settings_found):
    rows = []
    for name, values in settings_found.items():
        axis = next((axis for axis in AXES if f".{axis}" in name), None)
        figure = report.get(f"{NAME}.{name}.dearer")
        if axis and figure:
            rows.append([AXES[axis], f"{values[axis]:,}" + (", links" if values["links"] else ""),
                         text.value(report.get(f"{NAME}.{name}.cycles")),
                         text.value(report.get(f"{NAME}.{name}.mixer_cycles")),
                         text.value(figure), text.between(figure)])
    return rows


def axis_plots(report, settings_found):
    drawn = []
    for axis, words in AXES.items():
        series = {}
        for name, values in settings_found.items():
            figure = report.get(f"{NAME}.{name}.dearer")
            if f".{axis}" in name and figure:
                low, high, _ = figure.interval
                series.setdefault("links" if values["links"] else "bare", []).append(
                    (values[axis], figure.value, low or figure.value, high or figure.value))
        if any(len(points) > 1 for points in series.values()):
            drawn.append(plots.Lines(f"scaling-{axis}", f"Cost of a packet by {words}", words,
                                     "cost over the usual setting",
                                     [plots.Series(name, sorted(points))
                                      for name, points in series.items()],
                                     logx=2 if axis != "held" else 10))
    return drawn
