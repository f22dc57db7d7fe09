# SPDX-License-Identifier: BSD-3-Clause
"""The section of operations: what bench/micro takes for each that a packet needs, with nothing around
it. These are the floor under the stages of a running relay."""
from figures import BEST, HIGHER, LOWER
import noise
import plots
import text

NAME, TITLE = "micro", "Operations alone"
FILTERS = ("peel.", "link.seal$", "link.open$", "link.seal.large$", "link.open.large$",
           "replay.test_and_set$", "mix.poisson$", "x25519.shared$")
COMPARED = ("peel.", "x25519.", "link.")  # with libsodium's or ipsec-mb's of the same kind
BURSTS = (1, 8, 16, 32, 64)


def samples(context, part):
    """Of a figure in a pass; one of the replay set is a hundredth of its filling."""
    if context.quick:
        return 3 if part.startswith("replay.") else 15
    return 101


def passes(context):
    return 2 if context.quick else 7


def expect(context):
    return passes(context) * len(FILTERS) * (0.5 if context.quick else 2.5)


def fastest(context, part):
    """The fastest backend of these operations on this CPU, by a short look."""
    lines = timed(context.run_micro("--filter", part, "--burst", 64, samples=5))
    return min(lines, key=lambda line: line["cycles_per_item"])["backend"]


def timed(lines):
    """The lines of bench/micro that are figures."""
    return [line for line in lines if "n" in line]


def measure(context):
    before, found, backends = noise.now(), {}, {}
    for turn in range(passes(context)):
        for part in FILTERS:
            with context.progress.step(f"operations: {part}, {turn + 1} of {passes(context)}",
                                       expect(context) / passes(context) / len(FILTERS)):
                if part not in backends:
                    backends[part] = fastest(context, part)
                lines = context.run_micro("--filter", part, "--backend", backends[part],
                                          samples=samples(context, part))
            for line in timed(lines):
                found.setdefault((line["name"], line["n"]), []).append(line)
    watched = noise.between(before, noise.now())
    for (name, burst), lines in found.items():
        base = f"{NAME}.{name}.burst{burst}"
        context.report.add(base, "cycles", LOWER, [line["cycles_per_item"] for line in lines], watched)
        if name.startswith(COMPARED):
            other = min(line["ratio"] * line["cycles_per_item_least"] for line in lines)
            context.report.add(f"{base}.ratio", "ratio", HIGHER,
                               [other / line["cycles_per_item_least"] for line in lines], watched,
                               counts=BEST)
    context.report.details[NAME] = {
        "backends": {name: lines[0]["backend"] for (name, _), lines in found.items()}}


def show(report):
    backends = report.details.get(NAME, {}).get("backends", {})
    rows = [[name, backend, *(text.value(report.get(f"{NAME}.{name}.burst{n}")) for n in BURSTS),
             text.value(report.get(f"{NAME}.{name}.burst64.ratio"))]
            for name, backend in backends.items()]
    if not rows:
        return "Nothing was measured.\n", []
    figures = [figure for name, figure in report.figures.items() if name.startswith(NAME + ".")]
    parts = ["Cycles for one of a burst of 1 to 64 on the fastest backend of this CPU "
             "(`bench/micro`). *ratio* is its rate in bursts of 64 over libsodium's X25519, one at "
             "a time, measured in turns with it (of `link.*`: over ipsec-mb's AEAD).",
             text.table(["operation", "backend", *map(str, BURSTS), "ratio"], rows),
             "\n".join(text.doubts(figures))]
    series = [plots.Series(name, [(n, report.value(f"{NAME}.{name}.burst{n}")) for n in BURSTS])
              for name in backends if name.startswith("peel.") or name == "x25519.shared"]
    return "\n\n".join(part for part in parts if part) + "\n", [
        plots.Lines("operations", "Peeling alone", "packets in a burst", "cycles a packet", series,
                    logx=2, logy=10, xtics=BURSTS)]
