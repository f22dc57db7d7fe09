# SPDX-License-Identifier: BSD-3-Clause
"""Reports as Markdown."""


def number(value, digits=3):
    return "–" if value is None else f"{value:.{digits}f}"


def interval(figure, digits=3, scale=1):
    """'value [lower, upper]'."""
    if figure is None or figure["value"] is None:
        return "–"
    lower, upper = figure["interval"]
    value = number(figure["value"] * scale, digits)
    if lower is None:
        return value
    return f"{value} [{number(lower * scale, digits)}, {number(upper * scale, digits)}]"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def entropy_rows(report):
    entropy, gap = report["entropy"], report["gap"]
    if entropy is None:
        yield "entropy", "–", "not measured: links are padded, or too short a time was seen"
    else:
        how = "exact" if entropy["exact"] else "by the law: not all that enters or ends is seen"
        yield ("entropy, bits", interval(entropy["bits"]),
               f"{entropy['messages']} messages, least {number(entropy['least_bits'])}; {how}")
        yield ("surprise, bits", interval(entropy["surprise_bits"]),
               "what the truth cost the observer beyond it; 0 if mixes keep their promise")
    if gap is None:
        yield "likelihood difference", "–", "not measured"
    else:
        yield ("likelihood difference, epsilon", interval(gap["epsilon"]),
               f"{gap['challenges']} pairs of senders; infinite, and not in the mean, for "
               f"{number(gap['infinite'] and 100 * gap['infinite'], 1)} % of packets")
        yield "advantage", interval(gap["advantage"]), "of a guess which of the two it was"


def flow_rows(report):
    if report["flows"] is None:
        yield ("flow matching", "–",
               f"not measured: {report['left_out'] or 'nobody has a partner'}")
        return
    for name, roc in report["flows"].items():
        if roc is not None:
            yield (f"flow matching by {name}, true positives, %",
                   interval(roc["true_positives"], 1, 100),
                   f"at 1 % false ones; {roc['true_pairs']} true pairs, "
                   f"{roc['false_pairs']} false; area {number(roc['auc'])}")


def disclosure_table(disclosure):
    rows = [(n, row["targets"], interval(row["rank"], 1), number(row["median"], 1),
             interval(row["first"], 1, 100)) for n, row in disclosure["after"].items()]
    return table(["messages", "targets", "mean rank", "median", "first, %"], rows)


def audit_table(audit):
    def row(name, verdict):
        if verdict["tests"] == 0:
            return name, 0, "–", "–", "not tested"
        return (name, verdict["tests"], f"{verdict['least_p']:.2g}", verdict["where"],
                "**weakness**" if verdict["seen"] else "sound")
    return table(["detector", "tests", "least p", "where", "verdict"],
                 [row(*item) for item in audit.items()])


def of_folder(report):
    latency = report["latency_ms"]
    text = [f"# Anonymity: {report['strategy']}, {report['clients']} clients",
            f"{report['messages']} messages in {report['seconds']:.1f} s, mean latency "
            f"{number(latency, 1)} ms; {report['flights']} flights over {report['nodes']} nodes. "
            f"Mixing: {report['mixing']}. Seed {report['seed']}. Intervals are of 95 %; "
            "`bench/anonymity/README.md` says what each figure means and does not say.",
            table(["measure", "value [interval]", "of"],
                  list(entropy_rows(report)) + list(flow_rows(report)))]
    if report["disclosure"]:
        text += ["## Statistical disclosure",
                 f"The true partner's rank among {report['disclosure']['candidates']} candidates; "
                 "a guess has the middle one.", disclosure_table(report["disclosure"])]
    text += ["## Audit of the mixes", audit_table(report["audit"])]
    return "\n\n".join(text) + "\n"


# ---- A study ----

AXES = {"delay_ms": ("Delay", "mean stay in a mix, ms"),
        "cover": ("Cover", "cover packets a message"), "clients": ("Load", "clients")}


def epsilon(row):
    """Infinite where it is that for more than one packet in a hundred: the mean of the others
    misleads."""
    if row["infinite"] is not None and row["infinite"] > 0.01:
        return f"infinite for {100 * row['infinite']:.0f} %"
    return interval(row["epsilon"], 2)


def axis_table(study, axis):
    head = [AXES[axis][1], "strategy", "latency, ms", "entropy, bits", "epsilon", "advantage",
            "matched, %", f"rank after {study['rank_after']}"]
    rows = [(row[axis], row["strategy"], number(row["latency_ms"], 0), interval(row["entropy"], 2),
             epsilon(row), interval(row["advantage"], 2), interval(row["true_positives"], 1, 100),
             interval(row["rank"], 1))
            for row in sorted(study["rows"], key=lambda row: (row[axis], row["strategy"]))
            if axis in row["axes"]]
    return table(head, rows)


def audit_line(study):
    seen = sum(row["weaknesses"] for row in study["rows"])
    made = sum(row["detectors"] for row in study["rows"])
    return (f"Detectors that saw a weakness of the mixes: {seen} of {made} (each may do so once in "
            "1000 times although there is none).")


def of_study(study):
    base = study["base_point"]
    text = ["# Anonymity of mixing strategies",
            f"{study['repeats']} runs a point of {study['seconds']:g} s virtual time, seeds "
            f"{study['seed']} to {study['seed'] + study['repeats'] - 1}. Three layers of three "
            "mixes, two gateways; each client writes to one other, one message a second in the "
            f"mean. Where nothing else is said: a mean stay of {base['delay_ms']} ms in each mix, "
            f"{base['cover']:g} cover packets a message, {base['clients']} clients. Intervals are "
            "of 95 %. `bench/anonymity/README.md` says what each figure means and does not say.",
            audit_line(study)]
    for axis, (title, _) in AXES.items():
        text += [f"## {title}", axis_table(study, axis),
                 f"![{title}]({axis.removesuffix('_ms')}.svg)"]
    text += ["## Disclosure and matching at the base", "![rank](rank.svg)", "![ROC](roc.svg)"]
    return "\n\n".join(text) + "\n"
