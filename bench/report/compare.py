# SPDX-License-Identifier: BSD-3-Clause
"""Compares the figures of two reports: ratios, and what got worse by more than noise explains.

A figure got worse where the ratio of the two is past what counts as a difference at all, and the
two intervals do not touch. Where the figures differ and the intervals touch, or one of the two is
doubtful, nobody can tell without more trials.
"""
import dataclasses

from figures import HIGHER, LOWER, Figure

LEAST = 0.03  # a smaller difference counts as none
AGREE = 0.05  # two runs agree in a ratio that differs by no more
RATIOS = ("ratio", "%")  # units of what is compared with something measured at the same moment
SAME, BETTER, WORSE, UNCLEAR = "same", "better", "worse", "unclear"
MACHINE = ("cpu", "cpus", "kernel", "compiler", "flags", "virtual")


@dataclasses.dataclass
class Change:
    name: str
    unit: str
    old: float
    new: float
    ratio: float  # new / old
    verdict: str
    doubts: list


def apart(old, new):
    """Whether two intervals have a gap between them. One trial has no interval: it is never."""
    old_low, old_high, _ = old.interval
    new_low, new_high, _ = new.interval
    if old_low is None or new_low is None:
        return False
    return old_high < new_low or new_high < old_low


def judge(old, new):
    ratio = new.value / old.value
    doubts = [*(f"before: {text}" for text in old.doubts), *(f"now: {text}" for text in new.doubts)]
    if abs(ratio - 1) < LEAST or new.better not in (HIGHER, LOWER):
        verdict = SAME if abs(ratio - 1) < LEAST else UNCLEAR
    elif not apart(old, new) or doubts:
        verdict = UNCLEAR
    else:
        verdict = BETTER if (ratio > 1) == (new.better == HIGHER) else WORSE
    return Change(new.name, new.unit, old.value, new.value, ratio, verdict, doubts)


@dataclasses.dataclass
class Comparison:
    changes: list
    only_old: list  # names
    only_new: list
    machines: list  # how the machines differ, in words

    def ratios(self):
        """How many ratios both have, and those in which they do not agree, the largest first."""
        found = [change for change in self.changes if change.unit in RATIOS]
        apart_by = sorted(found, key=lambda change: -abs(change.ratio - 1))
        return len(found), [change for change in apart_by if abs(change.ratio - 1) > AGREE]

    def of(self, verdict):
        """The changes of a verdict, the largest first."""
        found = [change for change in self.changes if change.verdict == verdict]
        return sorted(found, key=lambda change: -abs(change.ratio - 1))


def compare(old, new):
    """Two reports as they stand in report.json."""
    before = {found["name"]: Figure.from_json(found) for found in old["figures"]}
    after = {found["name"]: Figure.from_json(found) for found in new["figures"]}
    both = [name for name in after if name in before]
    differ = [f"{key}: {old['machine'].get(key)} before, {new['machine'].get(key)} now"
              for key in MACHINE if old["machine"].get(key) != new["machine"].get(key)]
    if old["quick"] != new["quick"]:
        differ.append("one of the two is --quick: shorter trials")
    return Comparison([judge(before[name], after[name]) for name in both
                       if before[name].value and after[name].unit == before[name].unit],
                      [name for name in before if name not in after],
                      [name for name in after if name not in before], differ)
