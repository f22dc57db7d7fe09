# SPDX-License-Identifier: BSD-3-Clause
"""All measures of one record folder."""
import math

import numpy

from judge import audit, games, truth as truth_module
from observer import flows, seen as seen_module, tracing

FORMAT = "linemix-anonymity-1"
# groups x messages that follow each other, whose posterior is computed
EXACT, QUICK = (24, 48), (12, 32)


def rounded(value):
    """To six digits, and no NaN or infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, (bool, numpy.bool_)):
        return bool(value)
    if isinstance(value, (int, numpy.integer)):
        return int(value)
    if isinstance(value, (float, numpy.floating)):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def traced(seen, truth, generator, effort):
    """What follows packets through mixes; None where nobody can: links are padded."""
    if seen.padded:
        return {"entropy": None, "gap": None}
    trace = tracing.Trace(seen)
    return {"entropy": games.entropy_game(trace, truth, *effort),
            "gap": games.gap_game(trace, truth, generator)}


def latency_ms(seen, truth):
    """Of messages, from the client to the client; None: none arrived."""
    message = truth.messages()
    first = message & (truth.hop == 0)
    last = message & (seen.dst >= seen.nodes)
    sent = numpy.full(len(truth.sender), -1)
    sent[truth.packet[first]] = seen.left[first]
    began = sent[truth.packet[last]]
    took = (seen.came[last] - began)[began >= 0]
    return float(took.mean() / 1e3) if len(took) else None


def correlated(seen, truth, generator):
    """What needs no look into the network; `left_out`: why it was not done, or None."""
    found = {"flows": None, "disclosure": None, "left_out": None}
    if len(seen.clients()) < 2:
        return found
    try:
        prepared = flows.Flows(seen)
    except flows.TooMany as error:
        return found | {"left_out": str(error)}
    return found | {"flows": games.flow_game(seen, truth, prepared),
                    "disclosure": games.disclosure_game(seen, truth, prepared, generator)}


def measure(folder, seed=1, effort=EXACT, tell=lambda stage: None):
    """The report of a folder, for JSON. RecordError if it cannot be measured. `tell` is given the
    name of each stage as it begins."""
    tell("reading")
    seen = seen_module.load(folder)
    truth = truth_module.load(folder, seen)
    generator = numpy.random.default_rng(seed)
    report = {"format": FORMAT, "seed": seed,
              "strategy": seen.strategy, "mixing": seen.mixing, "cover": seen.cover,
              "nodes": seen.nodes, "clients": len(seen.clients()), "flights": len(seen.left),
              "messages": int((truth.messages() & (seen.dst >= seen.nodes)).sum()),
              "seconds": (int(seen.came.max()) - int(seen.left.min())) / 1e6,
              "latency_ms": latency_ms(seen, truth)}
    tell("entropy")
    report.update(traced(seen, truth, generator, effort))
    tell("flows and disclosure")
    report.update(correlated(seen, truth, generator))
    tell("audit")
    report["audit"] = audit.audit(seen, truth)
    return rounded(report)
