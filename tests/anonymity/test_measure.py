# SPDX-License-Identifier: BSD-3-Clause
"""bench/anonymity on records of linemix-sim: its commands, and its entropy against the simulator's
own."""
import json
import pathlib
import subprocess
import unittest
from unittest import mock

import flights
import simulated
import tap
from judge import games, truth as truth_module
from observer import seen as seen_module, tracing
from report import grid, measuring, plots

assert flights  # which finds bench/anonymity

COMMANDS = pathlib.Path(__file__).resolve().parents[2] / "bench/anonymity"


def measure(*arguments):
    return subprocess.run([COMMANDS / "measure", *arguments], capture_output=True, text=True)


class Records(unittest.TestCase):
    def test_entropy_is_the_simulators(self):
        folder, printed = simulated.run(self, "poisson", "duration_ms: 12000",
                                        arguments=["--entropy"])
        told = json.loads(printed)["entropy"]
        seen = seen_module.load(folder)
        game = games.entropy_game(tracing.Trace(seen), truth_module.load(folder, seen), 1000, 48)
        self.assertEqual(game["messages"], told["messages"])
        self.assertAlmostEqual(game["least_bits"], told["least_bits"], places=5)
        # The game's is a mean of groups' means, the last of which is smaller.
        self.assertAlmostEqual(game["bits"]["value"], told["bits"], delta=0.01)

    def test_sound_mixes_and_posteriors(self):
        for strategy in simulated.MIXING:
            folder, _ = simulated.run(self, strategy, "duration_ms: 20000")
            report = measuring.measure(folder, 1, measuring.QUICK)
            self.assertFalse([name for name, verdict in report["audit"].items() if verdict["seen"]])
            self.assertGreater(report["audit"]["order"]["tests"], 5)
            self.assertTrue(report["entropy"]["exact"])
            self.assertEqual(report["entropy"]["not_entered"], 0)
            surprise = report["entropy"]["surprise_bits"]
            half = surprise["interval"][1] - surprise["value"]
            self.assertLess(abs(surprise["value"]), 2.5 * half, strategy)

    def test_own_cover_is_measured_by_the_law(self):
        for strategy in simulated.MIXING:
            folder, _ = simulated.run(self, strategy,
                                      "cover: {loop_interval_us: 50000, drop_interval_us: 50000}",
                                      "duration_ms: 15000")
            entropy = measuring.measure(folder, 1, measuring.QUICK)["entropy"]
            self.assertFalse(entropy["exact"])
            self.assertGreater(entropy["not_entered"], 0.05)
            self.assertLess(abs(entropy["surprise_bits"]["value"]), 0.3, strategy)

    def test_padded_links_leave_the_ends(self):
        folder, _ = simulated.run(self, "poisson", "cover: {link_interval_us: 5000}",
                                  "duration_ms: 15000")
        report = measuring.measure(folder)
        self.assertIsNone(report["entropy"])
        self.assertGreater(report["flows"]["template"]["true_positives"]["value"], 0.5)

    def test_nobodys_partner_is_not_matched(self):
        folder, _ = simulated.run(self, "poisson", "duration_ms: 8000",
                                  "clients: {count: 60, message_interval_us: 2000000}")
        report = measuring.measure(folder)
        self.assertIsNone(report["flows"])
        self.assertIsNone(report["disclosure"])


class Commands(unittest.TestCase):
    def test_measure_repeats_and_plots(self):
        folder, _ = simulated.run(self, "poisson", "duration_ms: 12000")
        first, again = (measure(folder, "--json") for _ in range(2))
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        self.assertEqual(first.stdout, again.stdout)
        out = folder / "report"
        self.assertEqual(measure(folder, "--out", out).returncode, 0)
        self.assertEqual(json.loads((out / "report.json").read_text()), json.loads(first.stdout))
        self.assertTrue((out / "report.md").read_text().startswith("# Anonymity"))
        for name in ("rank", "roc"):
            self.assertIn("<svg", (out / f"{name}.svg").read_text())
            self.assertTrue((out / f"{name}.png").read_bytes().startswith(b"\x89PNG"))

    def test_measure_refuses_in_words(self):
        done = measure("/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere/run.json: No such file", done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(measure().returncode, 2)

    def test_study_has_every_point_once_and_all_plots(self):
        folder, _ = simulated.run(self, "poisson", "duration_ms: 2000")
        small = {"delay_ms": [50], "cover": [0.0, 1.0], "clients": [20]}
        base = {"delay_ms": 50, "cover": 0.0, "clients": 20}
        with mock.patch.object(grid, "BASE", base):
            self.assertEqual(len(grid.points(small)), 2)
            rows, reports = [], {}
            for strategy, point, axes, seed in grid.runs(small, 1, 3):
                report = grid.measure(simulated.SIM, strategy, point, 12, seed, measuring.QUICK)
                reports.setdefault(strategy, report)
                rows.append(grid.row(strategy, point, axes, [report], 4))
            study = {"rows": rows, "base": reports, "rank_after": 4}
        self.assertEqual(len(rows), 6)
        self.assertEqual({tuple(row["axes"]) for row in rows},
                         {("delay_ms", "cover", "clients"), ("cover",)})
        plots.of_study(folder, study)
        for name in ("delay", "cover", "clients", "rank", "roc"):
            self.assertTrue((folder / f"{name}.svg").stat().st_size > 5000, name)
            self.assertTrue((folder / f"{name}.png").read_bytes().startswith(b"\x89PNG"))

    def test_study_names_a_missing_simulator(self):
        done = subprocess.run([COMMANDS / "study", "--quick", "--build", "/nowhere", "--out",
                               simulated.run(self, "pool", "duration_ms: 2000")[0] / "x"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere/app/sim/linemix-sim: No such file", done.stderr)


if __name__ == "__main__":
    tap.main()
