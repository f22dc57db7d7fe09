# SPDX-License-Identifier: BSD-3-Clause
"""The section of ports: what a relay carries over them, as RFC 2544 asks: the no-drop rate by binary
search (26.1), latency at 10, 50 and 90 % of it (26.2), the frame-loss curve (26.3) and back-to-back
frames (26.4). The generator sends through the relay to itself, and mixing delays nothing.

Differences from the RFC, which is of devices that forward: trials are shorter unless asked for; latency
is of every packet and not of one in each trial; and back-to-back frames come as fast as the generator
sends, which is said, and not at the rate of a medium."""
import dataclasses

from figures import HIGHER, LOWER, NEITHER, short
import noise
import plots
import text
from pair import KINDS, Pair, why_not
from relay import Setting, feeding, gbit

NAME, TITLE = "ports", "RFC 2544 over ports"
LOADS = (10, 50, 90)  # percent of the no-drop rate
HALF = 50  # the load at which latency is judged by what peeling a burst takes
PERCENTILES = ("p50", "p99", "p999")
FASTEST = 10_000_000  # packets a second: as fast as the generator sends
TOLERANCE_PPM = {"af_xdp": 10000}  # the kernel itself loses frames where it copies them
LATE = 0.01  # share of packets that the generator sent late, from which a run is doubtful


@dataclasses.dataclass(frozen=True)
class Effort:
    """How much is measured."""
    searches: int
    trials: int  # of a search, at most
    trial_seconds: int
    long_seconds: int
    resolution_ppm: int
    latency_rounds: int
    latency_seconds: int
    loss: tuple  # percent of the no-drop rate
    burst_searches: int
    burst_steps: int


QUICK = Effort(1, 5, 1, 0, 150000, 1, 1, (150,), 1, 2)
WHOLE = Effort(5, 40, 5, 60, 20000, 5, 10, (50, 80, 90, 100, 110, 120, 150, 200, 300), 5, 10)


def effort(context):
    return QUICK if context.quick else WHOLE


def kinds(context):
    """(kind, profile, links) of all that is measured, if it can be."""
    if context.options.port:
        return [("port", profile, links) for profile in ("small", "large") for links in (False, True)]
    if context.quick:
        return [("vhost", "small", False)]
    return [(kind, profile, links) for kind in ("vhost", "af_packet", "af_xdp")
            for profile in ("small", "large") for links in (False, True)]


def search_seconds(one):
    """Of the trials of a search, about."""
    return min(6, one.trials) * (one.trial_seconds + 0.7)


def expect(context):
    one = effort(context)
    each = 5 + one.searches * (search_seconds(one) + one.long_seconds) \
        + one.latency_rounds * len(LOADS) * (one.latency_seconds + 1.5) + len(one.loss) * 3 \
        + one.burst_searches * one.burst_steps * 1.5
    return each * len(kinds(context))


def base(kind, profile, links):
    return f"{NAME}.{kind}.{profile}.{'links' if links else 'bare'}"


def measure(context):
    if context.quick and not context.options.port:
        context.report.lack(NAME, "af_packet, af_xdp, the large profile and link frames over ports",
                            "left out with --quick")
    if len(context.workers) < 2:
        context.report.lack(NAME, "quiet figures over ports", "relay and generator share the one CPU")
    for kind, profile, links in kinds(context):
        why = why_not(kind, profile, context.options.port)
        if why:
            what = f"{KINDS[kind]}, {profile} profile"
            if (NAME, what, why) not in context.report.missing:
                context.report.lack(NAME, what, why)
            continue
        try:
            with Pair(context, kind, profile, links) as pair:
                Run(context, pair).measure()
                books = pair.stop()
            if not books or not books["closed"]:
                raise feeding.MeasurementError("the relay's books do not close, so nothing is "
                                               f"measured: {books}; {pair.net.last_words()}")
        except feeding.MeasurementError as error:
            context.report.failed(NAME, f"{KINDS[kind]}, {profile}, {'links' if links else 'bare'}",
                                  str(error))


class Run:
    """All measurements over one pair of ports."""

    def __init__(self, context, pair):
        self.context, self.pair, self.effort = context, pair, effort(context)
        self.base = base(pair.kind, pair.profile, pair.links)
        self.detail = context.report.details.setdefault(NAME, {}).setdefault(self.base, {
            "kind": pair.kind, "profile": pair.profile, "links": pair.links})
        self.doubts = []

    def step(self, what, seconds):
        return self.context.progress.step(f"{KINDS[self.pair.kind]}: {what}", seconds)

    def add(self, name, unit, better, samples, watched, doubts=()):
        return self.context.report.add(f"{self.base}.{name}", unit, better, samples, watched, doubts)

    def measure(self):
        before = noise.now()
        rate = self.no_drop_rate()
        if rate > 0:
            found = [self.latency(rate), self.loss(rate)]
            self.back_to_back()
        watched = noise.between(before, noise.now())
        self.detail["watched"] = vars(watched)
        self.add_rates(watched)
        for figures in found if rate > 0 else ():
            for name, unit, better, samples, doubts in figures:
                self.add(name, unit, better, samples, watched, doubts)
        if self.detail.get("back_to_back"):
            self.add("back_to_back", "packets", HIGHER, self.detail["back_to_back"], watched)

    # ---- 26.1 ----

    def no_drop_rate(self):
        """The median of the searches, the later from where the first ended; 0: there is none."""
        one, searches = self.effort, []
        peel = self.context.trials().peel.measure(self.pair.profile)
        self.detail["peel_us"] = 64 * peel["peel"] / peel["hz"] * 1e6
        start = max(50, round(peel["hz"] / peel["peel"] / 4))
        for number in range(one.searches):
            with self.step(f"no-drop rate, search {number + 1} of {one.searches}",
                           search_seconds(one) + one.long_seconds):
                searches.append(self.pair.gen(
                    "find-rate", "--rate", start, "--min-rate", 10, "--max-rate", FASTEST // 100,
                    "--seconds", one.trial_seconds, "--long-seconds", one.long_seconds,
                    "--resolution-ppm", one.resolution_ppm, "--trials", one.trials,
                    "--tolerance-ppm", TOLERANCE_PPM.get(self.pair.kind, 0),
                    "--warm-up-seconds", 1 if number == 0 else 0))
            start = max(50, searches[-1]["rate_pps"]) or start
        self.detail["searches"] = searches
        rates = sorted(search["rate_pps"] for search in searches)
        return rates[(len(rates) - 1) // 2]

    def add_rates(self, watched):
        searches = self.detail["searches"]
        limits = {search["limit"] for search in searches}
        doubts = []
        if self.pair.kind in TOLERANCE_PPM:
            doubts.append(f"up to {TOLERANCE_PPM[self.pair.kind] / 1e4:.0f}% of losses pass, since "
                          "the kernel loses some itself")
        if not all(search["rate_pps"] for search in searches):
            doubts.append("no trial passed in one search or more")
        if "sender" in limits:
            doubts.append("the generator could not send more: the relay may carry it")
        if limits & {"trials", "max"}:
            doubts.append("the search ended before the relay lost packets: it may carry more")
        self.add("no_drop", "packets/s", HIGHER, [search["rate_pps"] for search in searches], watched,
                 doubts)

    # ---- 26.2 ----

    def latency(self, rate):
        """Figures of latency, from when packets were due to when they were back."""
        one = self.effort
        runs = {load: [] for load in LOADS}
        for number in range(one.latency_rounds):
            for load in LOADS:
                with self.step(f"latency at {load} %, {number + 1} of {one.latency_rounds}",
                               one.latency_seconds + 1.5):
                    runs[load].append(self.pair.gen(
                        "run", "--rate", max(1, rate * load // 100), "--seconds", one.latency_seconds,
                        "--arrivals", "poisson"))
        self.detail["latency"] = {load: merged(found) for load, found in runs.items()}
        found = []
        for load, reports in runs.items():
            doubts = late_doubts(reports)
            for name in PERCENTILES:
                samples = [report["latency_us"][name] for report in reports
                           if report["latency_us"] and name in report["latency_us"]]
                if samples:
                    found.append((f"latency{load}.{name}", "us", LOWER, samples, doubts))
            if load == HALF:
                p99 = [report["latency_us"]["p99"] / self.detail["peel_us"] for report in reports
                       if report["latency_us"]]
                found.append((f"latency{load}.of_peel", "ratio", LOWER, p99, doubts))
        return found

    # ---- 26.3 ----

    def loss(self, rate):
        """Figures of the share of packets that is lost at loads from a part of the no-drop rate on."""
        found, doubts, curve = [], [], []
        for load in self.effort.loss:
            with self.step(f"loss at {load} %", 3):
                report = self.pair.gen("run", "--rate", max(1, rate * load // 100), "--seconds",
                                       self.effort.trial_seconds)
            offered = report["sending"]["sent_pps"]
            lost = 100 * report["lost"] / report["sent"] if report["sent"] else 0.0
            if offered < 0.99 * rate * load / 100:
                doubts = ["the generator sent less than it should"]
            curve.append((load, offered, lost))
            found.append((f"loss{load}", "%", NEITHER, [lost], doubts))
        self.detail["loss"] = curve
        return found

    # ---- 26.4 ----

    def back_to_back(self):
        """The longest bursts without loss, by halving between what passed and what did not."""
        one, longest = self.effort, []
        limit = 8192 if self.context.quick else 65536
        for number in range(one.burst_searches):
            passed, failed = 0, None
            count = 1024
            with self.step(f"back-to-back, search {number + 1} of {one.burst_searches}",
                           one.burst_steps * 1.5):
                for _ in range(one.burst_steps):
                    report = self.pair.gen("run", "--count", count, "--rate", FASTEST)
                    if report["lost"] == 0 and report["received"] == report["sent"]:
                        passed = max(passed, count)
                    else:
                        failed = count if failed is None else min(failed, count)
                    count = 2 * passed if failed is None else (passed + failed) // 2
                    if count > limit or count <= passed:
                        break
            longest.append(passed)
            self.detail.setdefault("back_to_back_pps", []).append(report["sending"]["sent_pps"])
        self.detail["back_to_back"] = longest
        self.detail["back_to_back_limit"] = limit


def late_doubts(reports):
    """Whether the generator kept its times."""
    late = max((report["sending"].get("late", 0) / report["sent"] for report in reports
                if report["sent"]), default=0)
    return [f"the generator sent {late:.0%} of the packets late"] if late > LATE else []


def merged(reports):
    """The latency histograms of several runs as one: [[lowest, highest, count] ..] in nanoseconds."""
    counts = {}
    for report in reports:
        histogram = (report.get("histograms") or {}).get("latency")
        for lowest, highest, count in histogram["buckets"] if histogram else ():
            counts[lowest, highest] = counts.get((lowest, highest), 0) + count
    return [[*bucket, count] for bucket, count in sorted(counts.items())]


# ---- What is said of it ----

def show(report):
    found = report.details.get(NAME, {})
    parts, drawn = [], []
    rates, latencies = [], []
    for name, detail in found.items():
        links = "links" if detail["links"] else "bare"
        label = f"{KINDS[detail['kind']]}, {detail['profile']}, {links}"
        rate = report.get(f"{name}.no_drop")
        if not rate:
            continue
        setting = Setting(detail["profile"], detail["links"])
        limit = "/".join(sorted({search["limit"] for search in detail["searches"]}))
        rates.append([label, text.value(rate), text.between(rate), len(rate.samples),
                      short(gbit(setting, rate.value)), limit,
                      text.value(report.get(f"{name}.back_to_back"))])
        for load in LOADS:
            row = [text.value(report.get(f"{name}.latency{load}.{part}")) for part in PERCENTILES]
            first = report.get(f"{name}.latency{load}.p99")
            if first:
                latencies.append([label, f"{load} %", *row, text.between(first),
                                  text.value(report.get(f"{name}.latency{load}.of_peel"))])
        drawn += draw(name, label, detail)
    if not rates:
        return "Nothing was measured.\n", []
    parts.append("The no-drop rate is what the relay carries without losing one packet; *limit* "
                 "says what keeps it from being higher: the network (here: the relay and its "
                 "ports), the sender, or the search. Back-to-back is the longest burst without "
                 "loss, in packets.")
    parts.append(text.table(["", "no-drop/s", "interval", "searches", "Gb/s", "limit", "back-to-back"],
                            rates))
    parts.append("Latency in microseconds from when a packet was due to be sent to when it was "
                 "back, through one mix that delays nothing; *of peel* is the p99 at half load over "
                 "the time that a burst of 64 takes to peel.")
    parts.append(text.table(["", "load", "p50", "p99", "p99.9", "interval of p99", "of peel"],
                            latencies))
    parts.append(loss_table(found))
    figures = [figure for key, figure in report.figures.items() if key.startswith(NAME + ".")]
    parts.append("\n".join(text.doubts(figures)))
    return "\n\n".join(part for part in parts if part) + "\n", drawn


def loss_table(found):
    loads = sorted({load for detail in found.values() for load, _, _ in detail.get("loss", ())})
    rows = []
    for name, detail in found.items():
        curve = {load: lost for load, _, lost in detail.get("loss", ())}
        if curve:
            rows.append([name.removeprefix(NAME + ".").replace(".", ", "),
                         *(short(curve[load], "%") if load in curve else "-" for load in loads)])
    if not rows:
        return ""
    return "Packets lost, in percent, at loads in percent of the no-drop rate:\n\n" + text.table(
        ["", *(f"{load} %" for load in loads)], rows)


def draw(name, label, detail):
    drawn, slug = [], name.replace(".", "-")
    if len(detail.get("loss", ())) > 1:  # --quick: one load is no curve
        drawn.append(plots.Lines(f"{slug}-loss", f"Frame loss: {label}", "packets a second offered",
                                 "lost, %", [plots.Series("lost", [(offered, lost) for _, offered, lost
                                                                   in detail["loss"]])]))
    series = []
    for load, buckets in detail.get("latency", {}).items():
        if buckets:
            series.append(plots.Series(f"{load} % load", tail(buckets), "curve"))
    if series:
        drawn.append(plots.Lines(f"{slug}-latency", f"Latency: {label}", "microseconds",
                                 "share of packets that took longer", series, logx=10, logy=10))
    return drawn


def tail(buckets):
    """[(microseconds, share of packets that took longer) ...] of a histogram."""
    total, above, points = sum(bucket[2] for bucket in buckets), 0, []
    for _, highest, count in reversed(buckets):
        if above:
            points.append((highest / 1e3, above / total))
        above += count
    return points[::-1]
