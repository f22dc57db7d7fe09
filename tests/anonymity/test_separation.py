# SPDX-License-Identifier: BSD-3-Clause
"""Attacks of bench/anonymity see what an observer sees: no module of theirs names the truth, and
run, they open flights.bin and run.json alone and find the same whatever the truth is. And bad
records are refused in words."""
import ast
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import numpy

import flights
import tap
from judge import truth as truth_module
from observer import disclosure, entropy, flows, gap, seen as seen_module, tracing

OBSERVER = pathlib.Path(seen_module.__file__).parent
ALLOWED = {"collections", "json", "numpy", "pathlib", "observer"}
FORBIDDEN_NAMES = {"eval", "exec", "__import__", "open", "importlib", "getattr", "globals"}

opened = []
sys.addaudithook(lambda event, details: opened.append(str(details[0])) if event == "open" else None)


def write_records(folder, summary="a"):
    """A folder as linemix-sim makes it: one mix, two clients at one gateway."""
    generator = numpy.random.default_rng(21)
    came, left = flights.poisson_mix(generator, 50, 20000, 800)
    rows = [(t, t, 2, 0) for t in came] + [(t, t, 0, 1) for t in came] + [
        (t, t, 1, 0) for t in left] + [(t, t, 0, 3) for t in left]
    records = numpy.array(rows, seen_module.FLIGHT)
    (folder / "flights.bin").write_bytes(seen_module.TITLE.ljust(64, b"\0") + records.tobytes())
    (folder / "run.json").write_text(json.dumps(
        {"nodes": [{"id": 1, "layer": 0}, {"id": 2, "layer": 1}], "strategy": "poisson",
         "mixing": {"mean_delay_us": 20000}, "cover": {}, "summary": summary}))
    return len(rows)


def everything(folder):
    """What all attacks find, as bytes."""
    seen = seen_module.load(folder)
    trace = tracing.Trace(seen)
    parts = [entropy.bits(p) for _, _, p in entropy.posteriors(trace)]
    parts += gap.likelihood_differences(trace, [(trace.entries[::7], trace.entries[1::7])])
    prepared = flows.Flows(seen)
    parts += [flows.template(prepared), flows.counts(prepared)]
    attack = disclosure.Disclosure(seen, prepared)
    parts.append(attack.scores(attack.sent(2), [1, 100]))
    return b"".join(numpy.ascontiguousarray(part).tobytes() for part in parts)


def imported(path):
    """Every module that a file of the package names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield {0: node.module, 1: "observer"}.get(node.level, "a package above")


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="linemix-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class Separation(Folder):
    def test_modules_import_nothing_that_knows(self):
        modules = sorted(OBSERVER.glob("*.py"))
        self.assertGreater(len(modules), 7)
        for path in modules:
            for name in imported(path):
                self.assertIn(name.split(".")[0], ALLOWED, f"{path.name}: imports {name}")

    def test_modules_open_files_in_one_place(self):
        for path in sorted(OBSERVER.glob("*.py")):
            tree = ast.parse(path.read_text())
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            self.assertFalse(names & FORBIDDEN_NAMES, path.name)
            reads = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            reads &= {"read_bytes", "read_text", "open", "load", "fromfile", "memmap", "loadtxt",
                      "genfromtxt"}
            if path.name != "seen.py":
                self.assertFalse(reads, f"{path.name}: reads files")

    def test_they_open_flights_and_the_public_part(self):
        write_records(self.folder)
        opened.clear()
        everything(self.folder)
        inside = {pathlib.Path(name).name for name in opened if str(self.folder) in name}
        self.assertEqual(inside, {"flights.bin", "run.json"})

    def test_they_find_the_same_whatever_the_truth_is(self):
        n = write_records(self.folder)
        without = everything(self.folder)
        (self.folder / "truth.bin").write_bytes(b"linemix-sim truth 1\n".ljust(64, b"\0") +
                                                bytes(range(256)) * (n * 8 // 256 + 1))
        (self.folder / "packets.bin").write_bytes(b"nonsense")
        write_records(self.folder, summary={"entropy": {"bits": 99}})
        self.assertEqual(everything(self.folder), without)


class BadRecords(Folder):
    """Records are input from outside."""

    def refused(self, *words):
        with self.assertRaises(seen_module.RecordError) as caught:
            seen = seen_module.load(self.folder)
            truth_module.load(self.folder, seen)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_flights(self):
        write_records(self.folder)
        path = self.folder / "flights.bin"
        good = path.read_bytes()
        for bad, word in ((good[:-1], "cut off"), (b"x" + good[1:], "does not begin"),
                          (good[:64], "no flights"), (good[:30], "does not begin"), (b"", "begin")):
            path.write_bytes(bad)
            self.refused("flights.bin", word)
        backwards = numpy.array([(5, 4, 2, 0)], seen_module.FLIGHT)
        path.write_bytes(good[:64] + backwards.tobytes())
        self.refused("before it has left")
        path.unlink()
        self.refused("flights.bin", "No such file")

    def test_run(self):
        write_records(self.folder)
        path = self.folder / "run.json"
        run = json.loads(path.read_text())
        for change in ({"nodes": []}, {"nodes": [{"layer": "x"}]}, {"nodes": 5},
                       {"strategy": "fast"}, {"strategy": ["pool"]},
                       {"mixing": {"mean_delay_us": 0}},
                       {"mixing": {"mean_delay_us": "1"}}, {"strategy": "pool"},
                       {"strategy": "pool", "mixing": {"interval_us": 5, "stay_ppm": 1000000}},
                       {"mixing": {"mean_delay_us": 1 << 70}}, {"mixing": {"mean_delay_us": True}},
                       {"cover": {"loop_interval_us": "x"}}, {"cover": [1]},
                       {"nodes": [{"layer": 0}]}, {"nodes": [{"layer": 1 << 40}]}, {"mixing": 7}):
            path.write_text(json.dumps(run | change))
            self.refused("run.json")
        for text in ("", "[]", "{", "null"):
            path.write_text(text)
            self.refused("run.json")

    def test_truth(self):
        n = write_records(self.folder)
        title = b"linemix-sim truth 1\n".ljust(64, b"\0")
        (self.folder / "packets.bin").write_bytes(b"linemix-sim packets 1\n".ljust(64, b"\0"))
        self.refused("truth.bin", "No such file")
        path = self.folder / "truth.bin"
        path.write_bytes(title + bytes(8 * (n - 1)))
        self.refused("records")
        path.write_bytes(title + bytes(8 * n))
        self.refused("packets.bin has not")
        path.write_bytes(title + bytes(8 * n - 3))
        self.refused("cut off")
        path.write_bytes(title + bytes(8 * n))
        packets = numpy.zeros(1, truth_module.PACKET)
        packets["number"] = 4000000000
        (self.folder / "packets.bin").write_bytes(b"linemix-sim packets 1\n".ljust(64, b"\0") +
                                                  packets.tobytes())
        self.refused("packets.bin", "4000000000")

    def test_more_clients_than_fit_are_said(self):
        write_records(self.folder)
        seen = seen_module.load(self.folder)
        with mock.patch.object(flows, "CELLS", 100), self.assertRaises(flows.TooMany) as caught:
            flows.Flows(seen)
        self.assertIn("2 clients", str(caught.exception))


if __name__ == "__main__":
    tap.main()
