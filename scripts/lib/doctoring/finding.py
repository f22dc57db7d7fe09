# SPDX-License-Identifier: BSD-3-Clause
"""What was found, and what to do about it."""
import dataclasses

OK = "ok"            # as it should be
ADVICE = "advice"    # a relay runs, and would run better
MISSING = "missing"  # a relay does not run, or is not safe
UNSEEN = "unseen"    # could not be looked at


@dataclasses.dataclass
class Finding:
    name: str
    state: str
    text: str
    fix: list = dataclasses.field(default_factory=list)  # commands, or lines of words behind "#"


def found(name, good, text, otherwise, fix, bad=MISSING):
    """OK with a text, or else what is wrong and its remedy."""
    return Finding(name, OK, text) if good else Finding(name, bad, otherwise, fix)
