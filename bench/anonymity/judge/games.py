# SPDX-License-Identifier: BSD-3-Clause
"""The observer's tasks, and how well it does. Every function gives plain numbers for the report; an
interval is [lower, upper]."""
import math

import numpy

from observer import disclosure, entropy, flows, gap
from judge import intervals

CHALLENGES = 16
PARTNER_SHARE = 0.1  # of a sender's messages that make somebody its partner
PARTNER_MESSAGES = 3
TARGETS = 200
FALSE_POSITIVES = 0.01


def figure(triple):
    return {"value": triple[0], "interval": [triple[1], triple[2]]}


# ---- Entropy ----

def own_entries(trace, truth, group, entries):
    """The row of `entries` that each message of the group truly is, -1: none of them. A relay's
    loop enters after it has left the last layer: that is not where it came from."""
    row = {int(truth.packet[entry]): i for i, entry in enumerate(entries)}
    rows = [row.get(int(truth.packet[flight]), -1) for flight in group]
    return [at if at >= 0 and truth.hop[entries[at]] < truth.hop[flight] else -1
            for at, flight in zip(rows, group)]


def entropy_game(trace, truth, count=16, lanes=48):
    """Mean entropy; and whether the posterior is right, by what it gave to the truth."""
    groups, surprises, least, messages, strangers = [], [], math.inf, 0, 0
    for group, entries, probabilities in entropy.posteriors(trace, count, lanes):
        bits = entropy.bits(probabilities)
        total = probabilities.sum(axis=0)
        rows = own_entries(trace, truth, group, entries)
        known = [lane for lane, row in enumerate(rows) if row >= 0]
        strangers += len(group) - len(known)
        messages += len(group)
        groups.append(bits.mean())
        least = min(least, float(bits.min()))
        given = [probabilities[rows[lane], lane] / total[lane] for lane in known]
        if given:
            surprises.append(-numpy.mean(numpy.log2(numpy.maximum(given, 2.0 ** -60)))
                             - bits[known].mean())
    if not messages:
        return None
    return {"messages": messages, "bits": figure(intervals.mean(groups)), "least_bits": least,
            "surprise_bits": figure(intervals.mean(surprises)),
            "not_entered": strangers / messages, "exact": trace.counted}


# ---- Loopix's likelihood difference ----

def challenges(trace, truth, generator, pairs=CHALLENGES):
    """Pairs of senders drawn at random; each sender's messages where they entered."""
    entries = trace.entries[truth.messages()[trace.entries]]
    sender = truth.sender[truth.packet[entries]]
    senders = numpy.unique(sender)
    if len(senders) < 2:
        return []
    drawn = [generator.choice(senders, 2, replace=False) for _ in range(pairs)]
    return [tuple(entries[sender == one] for one in pair) for pair in drawn]


def gap_game(trace, truth, generator):
    tasks = challenges(trace, truth, generator)
    if not tasks:
        return None
    epsilon, one_sided, advantage = gap.likelihood_differences(trace, tasks)
    return {"challenges": len(tasks), "epsilon": figure(intervals.mean(epsilon)),
            "infinite": intervals.mean(one_sided)[0],
            "advantage": figure(intervals.mean(advantage))}


# ---- Flow matching ----

def partners(truth, client):
    """Whether each client (row) has written to each other one (column) as to a partner."""
    message = truth.packet_kind == 0
    sender = numpy.searchsorted(client, truth.sender[message])
    recipient = numpy.searchsorted(client, truth.recipient[message])
    n = len(client)
    known = (sender < n) & (recipient < n)
    count = numpy.bincount(sender[known] * n + recipient[known], minlength=n * n).reshape(n, n)
    enough = numpy.maximum(PARTNER_SHARE * count.sum(axis=1, keepdims=True), PARTNER_MESSAGES)
    return count >= enough


def roc(scores, true, at=FALSE_POSITIVES):
    """True positives at a share of false ones, the area under the curve, and the curve."""
    positive, negative = numpy.sort(scores[true]), numpy.sort(scores[~true])
    if len(positive) == 0 or len(negative) == 0:
        return None
    # The least threshold above which no more than the share lies.
    allowed = int(math.floor(at * len(negative)))
    threshold = negative[len(negative) - 1 - allowed]
    hits = int((positive > threshold).sum())
    below = numpy.searchsorted(negative, positive, "left")
    upto = numpy.searchsorted(negative, positive, "right")
    area = float(((below + upto) / 2).mean() / len(negative))
    curve = []
    for false in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        limit = negative[len(negative) - 1 - int(math.floor(false * len(negative)))]
        curve.append([false, float((positive > limit).mean())])
    return {"hits": hits, "true_pairs": len(positive), "false_pairs": len(negative),
            "true_positives": figure(intervals.share(hits, len(positive))), "auc": area,
            "curve": curve}


def flow_game(seen, truth, prepared):
    """Both detectors over all pairs of clients, oneself apart."""
    true = partners(truth, prepared.client)
    n = len(prepared.client)
    others = ~numpy.eye(n, dtype=bool)
    if n < 2 or not (true & others).any():
        return None
    return {name: roc(score(prepared)[others], true[others])
            for name, score in (("template", flows.template), ("counts", flows.counts))}


# ---- Statistical disclosure ----

def middle_rank(scores, row):
    """Place of the row's score, the best is 1; of equal ones the middle."""
    better = (scores > scores[row]).sum()
    equal = (scores == scores[row]).sum()
    return better + (equal + 1) / 2


def points_of(truth, flights, most):
    """{n: packets after which the target had sent n messages}, n = 1, 2, 4, ..."""
    message = numpy.flatnonzero(truth.messages()[flights]) + 1
    points = {}
    n = 1
    while n <= min(most, len(message)):
        points[n] = int(message[n - 1])
        n *= 2
    return points


def disclosure_game(seen, truth, prepared, generator, most=4096):
    """Ranks of true partners among all clients after n messages of the target."""
    true = partners(truth, prepared.client)
    numpy.fill_diagonal(true, False)
    rows = numpy.flatnonzero(true.any(axis=1))
    if len(rows) == 0:
        return None
    if len(rows) > TARGETS:
        rows = numpy.sort(generator.choice(rows, TARGETS, replace=False))
    attack = disclosure.Disclosure(seen, prepared)
    ranks = {}
    for row in rows:
        flights = attack.sent(prepared.client[row])
        points = points_of(truth, flights, most)
        if not points:
            continue
        scores = attack.scores(flights, list(points.values()))
        for n, of in zip(points, scores):
            of[row] = -math.inf  # nobody takes the target for its own partner
            ranks.setdefault(n, []).append(
                float(numpy.mean([middle_rank(of, partner) for partner in
                                  numpy.flatnonzero(true[row])])))
    return {"candidates": int(attack.receives.sum()) - 1,
            "after": {str(n): {"targets": len(values), "rank": figure(intervals.mean(values)),
                               "median": float(numpy.median(values)),
                               "first": figure(intervals.share(sum(v == 1 for v in values),
                                                               len(values)))}
                      for n, values in sorted(ranks.items())}}
