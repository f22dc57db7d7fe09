# SPDX-License-Identifier: BSD-3-Clause
"""The section of the relay without a wire: rates for both profiles, worker counts, burst sizes, bare
and with link frames, beside plain forwarding; and where the cycles go (relay.py has the trials)."""
import statistics

from figures import BEST, HIGHER, LOWER, NEITHER, short, spread
import noise
import plots
import relay
import text
from relay import BURSTS, Setting

NAME, TITLE = "relay", "The relay without a wire"
NEEDS = ("micro",)  # the floor under the stages
QUICK_BURSTS = (1, 8, 64)
WAITED = 0.05  # share of CPU time beyond the stages from which a trial is doubtful


def settings(context):
    """Every setting, in the order in which a round takes them."""
    quick = context.quick
    found = [Setting(profile, links) for profile in ("small", "large") for links in (False, True)]
    if len(context.workers) > 1:
        found += [Setting(profile, links, workers=2) for profile in ("small", "large")
                  for links in (False, True) if not quick or (profile, links) == ("small", False)]
    for profile, links in (("small", False),) if quick else (
            ("small", False), ("small", True), ("large", False), ("large", True)):
        found += [Setting(profile, links, burst=burst)
                  for burst in (QUICK_BURSTS if quick else BURSTS) if burst != 64]
    return found + [Setting(profile, forward=True) for profile in ("small", "large")
                    if not quick or profile == "small"]


def rounds(context):
    return context.options.rounds or (4 if context.quick else 9)


def expect(context):
    """Seconds that this section takes, about."""
    return len(settings(context)) * rounds(context) * relay.TRIAL_SECONDS + \
        2 * relay.Trials(context).packets["small"] * 1.2e-4


def add_figures(report, setting, trials, peel, watched, section=NAME):
    """The figures of one setting. peel: what bench/micro took meanwhile."""
    def add(what, unit, better, key, more=()):
        return report.add(f"{section}.{setting.name}.{what}", unit, better,
                          [trial[key] for trial in trials], watched, [*clock, *more])

    def add_rate(what, unit, cost, key):
        return report.add(f"{section}.{setting.name}.{what}", unit, HIGHER,
                          [cost / trial[key] for trial in trials], watched, [*clock, *waited],
                          counts=BEST)

    clock = noise.clock_doubts(spread([trial["sodium"] for trial in trials]))
    waited = waiting(trials)
    add("cycles", "cycles", LOWER, "cycles", more=waited)
    add("per_cpu", "packets/s", HIGHER, "per_cpu", more=waited)
    add("pps", "packets/s", HIGHER, "pps", more=waited)
    if not setting.forward:
        add_rate("of_peel", "%", 100 * peel.least[setting.profile], "cycles")
        add_rate("of_sodium", "ratio", peel.least_sodium, "cycles")
        add_rate("worker_of_peel", "%", 100 * peel.sample[setting.profile], "worker_least")
    for stage in trials[0]["stages"]:
        cycles = [trial["stages"][stage] for trial in trials]
        if any(cycles):
            report.add(f"{section}.{setting.name}.stage.{stage}", "cycles", LOWER, cycles, watched)
    add("worker_cycles", "cycles", LOWER, "worker", more=waited)
    add("mixer_cycles", "cycles", LOWER, "mixer")


def waiting(trials):
    """Whether workers took more CPU time than their stages explain."""
    more = statistics.median(trial["cycles"] / trial["worker"] for trial in trials) - 1
    if more < -WAITED:
        return [f"stages took {1 / (1 + more) - 1:.0%} more than the worker's CPU time: other programs came between, "
                "burst for burst"]
    if more < WAITED:
        return []
    return [f"the worker's CPU time is {more:.0%} more than its stages took: it waited for the feeder, "
            f"or "
            "other programs on its CPU slowed it"]


def measure(context):
    before = noise.now()
    trials = context.trials().rounds(settings(context), rounds(context), NAME)
    watched = noise.between(before, noise.now())
    for setting, found in trials.items():
        if found:
            add_figures(context.report, setting, found, context.trials().peel, watched)
    context.report.add("machine.sodium_cycles", "cycles", NEITHER,
                       [trial["sodium"] for found in trials.values() for trial in found])
    context.report.details[NAME] = {
        "settings": {setting.name: vars_of(setting) for setting, found in trials.items() if found},
        "hz": next((trial["hz"] for found in trials.values() for trial in found), None),
        "watched": vars(watched)}


def vars_of(setting):
    return {**setting.__dict__, "frame_len": setting.frame_len}


# ---- What is said of it ----

INTRO = """\
A feeder offers prepared packets from memory through rings in place of a NIC. *Cycles* are of the
worker's CPU time for a packet, *of peel* is its rate over that of `bench/micro` peeling bursts of
64 on the same CPU in turns with it, *at most* what that can be: if peeling, link frames and replay
set took what they take alone and all else nothing, *stages* the same by the least burst of each of its
stages, which other programs do not disturb, *of libsodium* its rate over that of one X25519 of
libsodium's, of which each packet needs one. Gb/s count what frames take on a wire (with 24 bytes
between two). What a CPU carries holds where one is free for the worker; *measured* is by the clock,
on this machine as it was. Where a worker has its CPU together with mixer and feeder, and where
frames are only forwarded, its cycles are those of its stages."""


def rate_rows(report, names):
    rows = []
    for name in names:
        setting = Setting(**{key: value for key, value in report.details[NAME]["settings"][name].items()
                             if key != "frame_len"})
        base = f"{NAME}.{name}"
        per_cpu = report.get(f"{base}.per_cpu")
        rows.append([
            words(setting), text.value(report.get(f"{base}.cycles")), text.value(per_cpu),
            short(relay.gbit(setting, per_cpu.value)), text.value(report.get(f"{base}.of_peel")),
            short(at_most(report, setting)),
            text.value(report.get(f"{base}.worker_of_peel")),
            text.value(report.get(f"{base}.of_sodium")), text.value(report.get(f"{base}.pps"))])
    return rows


def at_most(report, setting):
    """The most percent of the peel rate that the floors under a worker's stages allow; None: unknown."""
    names = filter(None, (micro_of(stage, vars(setting)) for stage in relay.WORKER_STAGES))
    floors = [report.value(name) for name in names]
    if setting.forward or setting.burst != 64 or None in floors:
        return None
    return 100 * report.value(micro_of("peel", vars(setting))) / sum(floors)


def words(setting):
    kind = "plain forwarding" if setting.forward else "with links" if setting.links else "bare"
    parts = [setting.profile, kind]
    if setting.workers != 1:
        parts.append(f"{setting.workers} workers")
    if setting.burst != 64:
        parts.append(f"bursts of {setting.burst}")
    return ", ".join(parts)


def stage_rows(report, name):
    """Cycles of every stage, beside the floor: what bench/micro takes for the same work alone."""
    setting = report.details[NAME]["settings"][name]
    rows, total, floors = [], 0.0, []
    for stage in (*relay.WORKER_STAGES, *relay.MIXER_STAGES):
        figure = report.get(f"{NAME}.{name}.stage.{stage}")
        if not figure:
            continue
        floor = report.value(micro_of(stage, setting))
        total += figure.value
        floors.append(floor or (None if micro_of(stage, setting) else 0))
        rows.append([stage, text.value(figure), text.between(figure), short(floor)])
    if rows:
        rows.append(["sum", short(total), "", short(None if None in floors else sum(floors) or None)])
    return rows


def micro_of(stage, setting):
    """The figure of bench/micro that is a stage's floor; "" where there is none."""
    if stage in ("open", "seal"):
        name = f"link.{stage}" if setting["profile"] == "small" else f"link.{stage}.large"
        return f"micro.{name}.burst64" if setting["links"] else ""
    return {"peel": f"micro.peel.profile{relay.PROFILES[setting['profile']]}.burst64",
            "replay": "micro.replay.test_and_set.burst64",
            "mix_take": "micro.mix.poisson.burst64"}.get(stage, "")


def show(report):
    """(Markdown, plots) of this section."""
    names = list(report.details.get(NAME, {}).get("settings", {}))
    if not names:
        return "Nothing was measured.\n", []
    head = ["", "cycles", "packets/s a CPU", "Gb/s a CPU", "of peel, %", "at most", "stages, %",
            "of libsodium", "measured/s"]
    parts = [INTRO, text.table(head, rate_rows(report, names)), *two_workers(report)]
    for name in names:
        rows = stage_rows(report, name)
        if rows and name.endswith("workers1.burst64") and ".forward." not in name:
            parts.append(f"### Where the cycles go: {name.split('.workers')[0].replace('.', ', ')}\n\n"
                         + text.table(["stage", "cycles", "interval", "floor"], rows))
    figures = [figure for name, figure in report.figures.items() if name.startswith(NAME + ".")]
    parts.append("\n".join(text.doubts(figures)))
    return "\n\n".join(part for part in parts if part) + "\n", draw(report, names)


def two_workers(report):
    """What a second worker brings, or that no CPU is free for it."""
    lines = []
    for name in report.details[NAME]["settings"]:
        one = name.replace("workers2", "workers1")
        if "workers2" not in name or not report.get(f"{NAME}.{one}.pps"):
            continue
        pps = report.value(f"{NAME}.{name}.pps") / report.value(f"{NAME}.{one}.pps")
        cost = report.value(f"{NAME}.{name}.worker_cycles") / \
            report.value(f"{NAME}.{one}.worker_cycles")
        lines.append(f"- {one.split('.workers')[0].replace('.', ', ')}: two workers make {pps:.2f} "
                     f"times the packets of one by the clock; a packet costs {cost:.3f} times as "
                     "much.")
    return ["\n".join(lines)] if lines else []


def draw(report, names):
    found = []
    series = []
    kinds = {tuple(name.split(".")[:2]) for name in names if "forward" not in name}
    for profile, kind in sorted(kinds):
        points = []
        for name in names:
            setting = report.details[NAME]["settings"][name]
            if name.startswith(f"{profile}.{kind}.workers1.burst"):
                figure = report.get(f"{NAME}.{name}.cycles")
                low, high, _ = figure.interval
                points.append((setting["burst"], figure.value, low or figure.value,
                               high or figure.value))
        if len(points) > 1:
            series.append(plots.Series(f"{profile}, {kind}", sorted(points)))
    if series:
        found.append(plots.Lines("bursts", "Cost of a packet by the size of bursts",
                                 "packets in a burst",
                                 "cycles of CPU time a packet", series, logx=2, xtics=BURSTS))
    found += stage_plot(report, names)
    return found


SMALL = 0.01  # stages that take less of every packet are drawn as one


def stage_plot(report, names):
    rows, marks = [], []
    shown = [name for name in names if name.endswith("workers1.burst64") and "forward" not in name]
    cycles = {name: {stage: report.value(f"{NAME}.{name}.stage.{stage}") or 0
                     for stage in (*relay.WORKER_STAGES, *relay.MIXER_STAGES)} for name in shown}
    large = [stage for stage in (*relay.WORKER_STAGES, *relay.MIXER_STAGES)
             if any(found[stage] > SMALL * sum(found.values()) for found in cycles.values())]
    for row, name in enumerate(shown):
        setting, found = report.details[NAME]["settings"][name], cycles[name]
        parts = [found[stage] for stage in large]
        rows.append((name.split(".workers")[0].replace(".", ", "),
                     [*parts, sum(found.values()) - sum(parts)]))
        floors = [report.value(micro_of(stage, setting)) for stage, cycles in found.items()
                  if cycles and micro_of(stage, setting)]
        if None not in floors:
            marks.append((row, sum(floors), "floor"))
    if not rows:
        return []
    return [plots.Stacks("stages", "Where a packet's cycles go", "cycles a packet",
                         [*large, "all others"], rows, marks)]
