# SPDX-License-Identifier: BSD-3-Clause
"""The section of operations: what bench/micro takes for each that a packet needs, with nothing around it.
These are the floor under the stages of a running relay."""
from figures import HIGHER, LOWER
import noise
import plots
import text

NAME, TITLE = "micro", "Operations alone"
FILTERS = ("peel.", "link.seal", "link.open", "replay.test_and_set", "mix.poisson", "x25519.shared")
SKIPPED = ("dummy", "forged", "unknown", "_full")
BURSTS = (1, 8, 16, 32, 64)


def samples(context):
    return 15 if context.quick else 101


def passes(context):
    return 3 if context.quick else 7


def expect(context):
    return passes(context) * len(FILTERS) * (0.5 if context.quick else 2.5)


def fastest(context, part):
    """The fastest backend of these operations on this CPU, by a short look."""
    lines = context.run_micro("--filter", part, "--burst", 64, samples=5)[1:]
    best = min((line for line in lines if wanted(line)), key=lambda line: line["cycles_per_item"])
    return best["backend"]


def wanted(line):
    """Whether a line of bench/micro is about an operation that a packet needs."""
    return "n" in line and not any(word in line["name"] for word in SKIPPED)


def measure(context):
    before, found, backends = noise.now(), {}, {}
    for turn in range(passes(context)):
        for part in FILTERS:
            with context.progress.step(f"operations: {part}, {turn + 1} of {passes(context)}",
                                       expect(context) / passes(context) / len(FILTERS)):
                if part not in backends:
                    backends[part] = fastest(context, part)
                lines = context.run_micro("--filter", part, "--backend", backends[part],
                                          samples=samples(context))
            for line in filter(wanted, lines[1:]):
                found.setdefault((line["name"], line["n"]), []).append(line)
    watched = noise.between(before, noise.now())
    for (name, burst), lines in found.items():
        base = f"{NAME}.{name}.burst{burst}"
        context.report.add(base, "cycles", LOWER, [line["cycles_per_item"] for line in lines], watched)
        context.report.add(f"{base}.ratio", "ratio", HIGHER, [line["ratio"] for line in lines], watched)
    context.report.details[NAME] = {
        "backends": {name: lines[0]["backend"] for (name, _), lines in found.items()}}


def show(report):
    backends = report.details.get(NAME, {}).get("backends", {})
    rows = [[name, backend, *(text.value(report.get(f"{NAME}.{name}.burst{n}")) for n in BURSTS),
             text.value(report.get(f"{NAME}.{name}.burst64.ratio"))] for name, backend in backends.items()]
    if not rows:
        return "Nothing was measured.\n", []
    figures = [figure for name, figure in report.figures.items() if name.startswith(NAME + ".")]
    parts = ["Cycles for one of a burst of 1 to 64 on the fastest backend of this CPU (`bench/micro`). *ratio* "
             "is its rate in bursts of 64 over libsodium's X25519, one at a time, measured in turns with it "
             "(of `link.*`: over ipsec-mb's AEAD).",
             text.table(["operation", "backend", *map(str, BURSTS), "ratio"], rows),
             "\n".join(text.doubts(figures))]
    series = [plots.Series(name, [(n, report.median(f"{NAME}.{name}.burst{n}")) for n in BURSTS])
              for name in backends if name.startswith("peel.") or name == "x25519.shared"]
    return "\n\n".join(part for part in parts if part) + "\n", [
        plots.Lines("operations", "Peeling alone", "packets in a burst", "cycles a packet", series,
                    logx=2, logy=10, xtics=BURSTS)]
