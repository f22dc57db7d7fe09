# SPDX-License-Identifier: BSD-3-Clause
"""What the sections of a report share: options, the machine, programs, progress; and the report itself,
which they fill with figures, rows of detail, and words on what is missing or has failed."""
import json
import pathlib

import machine
import noise
import relay
from figures import MEDIAN, Figure
from progress import Progress
from relay import PROFILES, feeding

FORMAT = "linemix-bench-v1"


class Report:
    """What a run found. Figures are added by the sections; what a person reads is made of them."""

    def __init__(self, quick):
        self.quick = quick
        self.figures = {}
        self.details = {}  # section: what is no figure, such as histograms and trials
        self.missing = []  # (section, what, why)
        self.failures = []  # (section, what, why)

    def add(self, name, unit, better, samples, watched=None, doubts=(), counts=MEDIAN):
        """Adds a figure, and why it may be wrong. None of no samples."""
        if not samples:
            return None
        figure = Figure(name, unit, better, list(samples), counts=counts)
        figure.doubts = [*(noise.doubts_of(figure, watched) if watched else []), *doubts]
        self.figures[name] = figure
        return figure

    def get(self, name):
        return self.figures.get(name)

    def value(self, name):
        return self.figures[name].value if name in self.figures else None

    def lack(self, section, what, why):
        self.missing.append((section, what, why))

    def failed(self, section, what, why):
        self.failures.append((section, what, why))

    def to_json(self, **more):
        return {"format": FORMAT, "quick": self.quick, **more,
                "figures": [figure.to_json() for figure in self.figures.values()],
                "details": self.details,
                "missing": [dict(zip(("section", "what", "why"), one)) for one in self.missing],
                "failures": [dict(zip(("section", "what", "why"), one)) for one in self.failures]}


class Context:
    """One run of scripts/bench."""

    def __init__(self, options, folder, out):
        """folder: for what the run needs. out: for what stays."""
        self.options, self.folder, self.out = options, pathlib.Path(folder), pathlib.Path(out)
        self.build = options.build.resolve()
        self.quick = options.quick
        self.report = Report(options.quick)
        self.progress = Progress()
        self.machine = machine.describe()
        self.workers = place(options.cpus or machine.usable_cpus())
        self.micro = self.build / "bench/micro"
        self.networks, self.relays = {}, None

    # ---- The programs ----

    def trials(self):
        """The trials of relays without a wire, which share captures."""
        if not self.relays:
            self.relays = relay.Trials(self)
        return self.relays

    def make_network(self, folder_name, *options, **how):
        """A network of one mix whose packets leave at once, unless the options say otherwise."""
        folder, logs = self.folder / folder_name, self.out / "logs"
        folder.mkdir()
        logs.mkdir(exist_ok=True)
        log = logs / f"{folder_name}.txt"
        log.unlink(missing_ok=True)
        return feeding.Network(self.build, folder, f"bench-{folder_name}", "--strategy", "poisson",
                               "--mean-delay-us", 1, *options, log=log,
                               run_under=self.options.run_under.split(), **how)

    def network(self, profile, name="", *options):
        """The same with that profile for relays without a wire, made at the first call."""
        folder_name = f"{profile}-{name}" if name else profile
        if folder_name not in self.networks:
            self.networks[folder_name] = self.make_network(folder_name, "--profile", PROFILES[profile],
                                                           *options)
        return self.networks[folder_name]

    def run_micro(self, *options, samples):
        """bench/micro's objects: the first says where it ran."""
        net = self.trials().network(relay.Setting())
        said = net.run(self.micro, "--json", "--samples", samples, "--cpu", self.workers[0], *options)
        found = [json.loads(line) for line in said.splitlines()]
        self.machine.update({key: found[0][key] for key in ("compiler", "flags", "tsc_hz")})
        return found


def place(cpus):
    """The CPUs in the order in which workers take them: one of each core first. The last one is
    also the mixer's, the feeder's and the generator's."""
    first = machine.cores(cpus)
    return [*first, *(cpu for cpu in cpus if cpu not in first)]
