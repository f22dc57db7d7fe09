# SPDX-License-Identifier: BSD-3-Clause
"""Writes a report: report.md, report.json and the plots; and words for the terminal."""
import json

import compare
import plots
import text
from figures import short


def head(found):
    machine = found["machine"]
    lines = [f"# linemix on {machine['cpu']}", ""]
    cpus = f"{machine['cpus']} CPUs on {machine['cores']} cores"
    rows = [("measured", f"{found['date']}, in {found['seconds']:.0f} s"
             + (", with --quick: few and short trials" if found["quick"] else "")),
            ("commit", machine["commit"]),
            ("CPUs", cpus + (", a virtual machine's" if machine["virtual"] else "")),
            ("time stamp counter", f"{machine.get('tsc_hz', 0) / 1e9:.3f} GHz"
             if machine.get("tsc_hz") else "-"),
            ("frequency governor", machine["governor"]),
            ("load before", f"{machine['load_before']:.2f}"),
            ("memory", f"{machine['memory_mb']} MB"), ("kernel", machine["kernel"]),
            ("compiler", f"{machine.get('compiler', '-')} {machine.get('flags', '')}".strip())]
    return "\n".join(lines) + text.table(["", ""], rows, right=False) + "\n"


READING = f"""\
A figure is the median of its trials; a ratio of two costs is that of the least of either, as others
on a machine can only add to a cost. An interval holds the trials' median with the confidence beside
it, which a few trials cannot make 95 %. {text.DOUBT} marks a figure that the machine's noise makes
doubtful; below each table stands why. report.json has every trial (`bench/report/FORMAT.md`).
"""


def not_measured(report):
    parts = []
    if report.failures:
        parts += ["## What failed", "", *(f"- **{section}**: {what}: {why}"
                                          for section, what, why in report.failures), ""]
    if report.missing:
        parts += ["## What was not measured", "", *(f"- {section}: {what}: {why}"
                                                    for section, what, why in report.missing), ""]
    return "\n".join(parts)


def write(out, report, found, sections, comparison):
    """Writes all of a report into its folder. A plot that cannot be drawn is a failure in it."""
    parts = [head(found), READING]
    for section in sections:
        body, drawn = section.show(report)
        parts.append(f"## {section.TITLE}\n\n{body}")
        for plot in drawn:
            try:
                plots.draw(plot, out)
                parts.append(f"![{plot.title}]({plot.name}.svg)\n")
            except plots.PlotError as error:
                report.failed(section.NAME, f"plot {plot.name}", str(error))
    if comparison:
        parts.append("## Compared\n\n" + compared(comparison))
    parts.append(not_measured(report))
    (out / "report.md").write_text("\n".join(parts), encoding="utf-8")
    found = {**found, "failures": [dict(zip(("section", "what", "why"), one))
                                   for one in report.failures]}
    (out / "report.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


# ---- Comparing ----


def change_rows(changes):
    return [[f"`{change.name}`", short(change.old), short(change.new), f"{change.ratio:.3f}",
             change.verdict] for change in changes]


def compared(comparison):
    """What changed, in Markdown: first what got worse."""
    parts = [f"- {line}" for line in comparison.machines]
    if parts:
        parts.insert(0, "**The two are not of one machine and build:**")
    columns = ["", "before", "now", "ratio", ""]
    for verdict, words in ((compare.WORSE, "Got worse, by more than noise explains"),
                           (compare.BETTER, "Got better"),
                           (compare.UNCLEAR, "Differ, but the trials do not say whether")):
        changes = comparison.of(verdict)
        parts.append(f"**{words}: {len(changes)}**")
        if changes:
            parts.append(text.table(columns, change_rows(changes)))
    ratios, differ = comparison.ratios()
    parts.append(f"Ratios: {ratios - len(differ)} of {ratios} agree within {compare.AGREE:.0%}"
                 + (f"; furthest apart: `{differ[0].name}`, {differ[0].ratio:.3f}." if differ
                    else "."))
    parts.append(f"The same within {compare.LEAST:.0%}: {len(comparison.of(compare.SAME))}. Only "
                 f"before: {len(comparison.only_old)}, only now: {len(comparison.only_new)}.")
    return "\n\n".join(parts) + "\n"


# ---- The terminal ----

TELL = (("relay.{0}.bare.workers1.burst64.of_peel", "of the rate of peeling alone, {0} profile"),
        ("relay.{0}.links.workers1.burst64.of_peel", "the same with link frames"))


def summary(found, comparison):
    """A few lines for the terminal."""
    by_name = {figure["name"]: figure for figure in found["figures"]}
    lines = []
    for profile in ("small", "large"):
        for name, words in TELL:
            figure = by_name.get(name.format(profile))
            if figure:
                doubt = f"  {text.DOUBT}" if figure["doubts"] else ""
                lines.append(f"{short(figure['value'], '%'):>7} %  {words.format(profile)}{doubt}")
    doubtful = sum(bool(figure["doubts"]) for figure in found["figures"])
    if doubtful:
        lines.append(f"{text.DOUBT} {doubtful} of {len(found['figures'])} figures are doubtful: "
                     "the machine was not quiet")
    lines += [f"failed: {one['section']}: {one['what']}: {one['why']}" for one in found["failures"]]
    lines += [f"not measured: {one['section']}: {one['what']}: {one['why']}"
              for one in found["missing"]]
    if comparison:
        lines.append(compared(comparison))
    return "\n".join(lines)
