# SPDX-License-Identifier: BSD-3-Clause
"""Measures this machine and writes a report: report.md for people, report.json for programs
(FORMAT.md), plots as SVG and PNG. scripts/bench builds the programs and starts this."""
import argparse
import json
import os
import pathlib
import signal
import sys
import time

import compare
import document
import machine
import operations
import plots
import ports
import relay
import scaling
import without_wire
from context import FORMAT, Context

SECTIONS = (operations, without_wire, ports, scaling)  # in the order of the report
NAMES = [section.NAME for section in SECTIONS]


def arguments(argv=None):
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures this machine and writes a report: Markdown, "
        "JSON and plots. Exit status 1 if a measurement failed; what this machine cannot measure "
        "is a line in the report.")
    parser.add_argument("--quick", action="store_true",
                        help="under two minutes: fewer and shorter trials")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="SECTION",
                        help=f"only this section, and what it needs; may be repeated: "
                             f"{', '.join(NAMES)}")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER",
                        help="where the report goes (bench-DATE-TIME below the build folder)")
    parser.add_argument("--compare", type=pathlib.Path, metavar="OLD.json",
                        help="show ratios to an older report, and what got slower; with --report, "
                        "of that report, and measure nothing")
    parser.add_argument("--report", type=pathlib.Path, metavar="REPORT.json",
                        help="with --compare: the newer report")
    parser.add_argument("--port", type=pathlib.Path, metavar="FILE",
                        help="section ports: a file that names two physical ports "
                             "(bench/report/README.md)")
    parser.add_argument("--cpus", metavar="LIST", type=cpu_list,
                        help="CPUs to use, as 2-5,8; workers take them in turn, the last is the "
                        "mixer's and the feeder's (all that this process may use, one of each core "
                        "first)")
    parser.add_argument("--rounds", type=int,
                        help="trials of each setting (4 with --quick, else 9)")
    parser.add_argument("--run-under", default="", metavar="COMMAND",
                        help="a command to start relays with")
    parser.add_argument("--build", type=pathlib.Path, default=machine.TREE / "build",
                        help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.report and not options.compare:
        parser.error("--report goes with --compare")
    if options.rounds is not None and options.rounds < 2:
        parser.error("--rounds: two at least, for an interval")
    return options


def cpu_list(words):
    """[2, 3, 4, 5, 8] of 2-5,8."""
    found = []
    try:
        for part in words.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{words}: no list of CPUs as 2-5,8") from None
    allowed = machine.usable_cpus()
    if not found or len(set(found)) != len(found) or not set(found) <= set(allowed):
        raise argparse.ArgumentTypeError(
            f"{words}: each CPU once, of those that this process may use: "
            + ",".join(map(str, allowed)))
    return found


def chosen(only):
    """The sections to measure: those that were asked for, and what they need."""
    if not only:
        return list(SECTIONS)
    wanted = set(only)
    for section in reversed(SECTIONS):
        if section.NAME in wanted:
            wanted |= set(getattr(section, "NEEDS", ()))
    return [section for section in SECTIONS if section.NAME in wanted]


def measure(context, sections):
    """Measures section by section. What fails ends its section, and is said in the report."""
    for section in sections:
        context.progress.expect(section.expect(context))
    for section in sections:
        try:
            section.measure(context)
        except relay.feeding.MeasurementError as error:
            context.report.failed(section.NAME, section.TITLE, str(error))


def load(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']}, not {FORMAT}")
        return found
    except OSError as error:
        sys.exit(f"scripts/bench: {path}: {error.strerror}")
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"scripts/bench: {path}: no report.json of scripts/bench: {error}")


def run(options, sections, old):
    """Measures and writes; the exit status."""
    began, out = time.time(), options.out or options.build / time.strftime("bench-%Y%m%d-%H%M%S")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"scripts/bench: --out {out}: {error.strerror}")
    with relay.feeding.folder_in_memory("bench") as folder:
        os.environ["RUNTIME_DIRECTORY"] = folder  # DPDK's sockets go there
        context = Context(options, folder, out)
        try:
            measure(context, sections)
        except KeyboardInterrupt:
            context.report.failed("all", "what was to come", "interrupted")
        finally:
            context.progress.close()
    report = context.report
    found = report.to_json(
        date=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(began)),
        seconds=round(time.time() - began, 1), sections=[section.NAME for section in sections],
        machine=context.machine)
    comparison = compare.compare(old, found) if old else None
    document.write(out, report, found, sections, comparison)
    print(document.summary(found, comparison))
    print(f"report: {out / 'report.md'}")
    return 1 if report.failures else 0


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    old = load(options.compare) if options.compare else None
    if options.report:
        comparison = compare.compare(old, load(options.report))
        print(document.compared(comparison))
        return 1 if comparison.of(compare.WORSE) else 0
    missing = plots.why_not()
    if missing:
        sys.exit(f"scripts/bench: {missing}")
    try:
        return run(options, chosen(options.only), old)
    except KeyboardInterrupt:
        sys.exit("scripts/bench: interrupted before there was anything to write")


if __name__ == "__main__":
    sys.exit(main())
