# SPDX-License-Identifier: BSD-3-Clause
"""Markdown: tables that are readable in a terminal too, and marks beside doubtful figures."""
import re

from figures import short

DOUBT = "⚠"
NAMED = 3  # figures that a reason names
PERCENT = re.compile(r"(\d+)%")


def table(head, rows, right=True):
    """Columns of one width; all but the first are right-aligned, unless told."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(head))]

    def line(row):
        padded = [cell.rjust(width) if right and i else cell.ljust(width)
                  for i, (cell, width) in enumerate(zip(row, widths))]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ":" if right and i else "-" * (width + 2)
                          for i, width in enumerate(widths)) + "|"
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])


def value(figure):
    """A figure, and a mark if it is doubtful; - where there is none."""
    if figure is None:
        return "-"
    return short(figure.value, figure.unit) + (f" {DOUBT}" if figure.doubts else "")


def between(figure):
    """The interval of a figure and its confidence, or what was seen."""
    low, high, confidence = figure.interval
    if low is None:
        return "one trial"
    return f"{short(low, figure.unit)} .. {short(high, figure.unit)} ({confidence:.0%})"


def doubts(figures):
    """Lines that explain the marks of a table: each reason once, with the shares that it was said with
    and the figures that it is about."""
    reasons = {}
    for figure in figures:
        for reason in figure.doubts:
            kind = PERCENT.sub("{}", reason, count=1)
            shares, names = reasons.setdefault(kind, ([], []))
            shares += [int(share[1]) for share in [PERCENT.search(reason)] if share]
            names.append(figure.name)
    lines = []
    for kind, (shares, names) in reasons.items():
        share = ""
        if shares:
            low, high = min(shares), max(shares)
            share = f"{low} %" if low == high else f"{low} to {high} %"
        about = ", ".join(f"`{name}`" for name in names[:NAMED])
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        lines.append(f"- {DOUBT} {kind.replace('{}', share)}: {about}{more}")
    return lines
