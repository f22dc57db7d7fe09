# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/bench makes of measurements: statistics, noise, the model, comparing, progress, text,
plots."""
import contextlib
import io
import itertools
import json
import pathlib
import random
import shutil
import sys
import tempfile
import types
import unittest

import tap

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "bench/report"))
import compare
import document
import figures
import main
import model
import noise
import pair
import plots
import ports
import progress
import relay
import scaling
import text
from context import Report, place
from figures import HIGHER, LOWER, Figure


def figure(samples, name="a", better=HIGHER, unit="packets/s", doubts=()):
    return Figure(name, unit, better, list(samples), list(doubts))


class Statistics(unittest.TestCase):
    def test_the_interval_is_that_of_order_statistics(self):
        # Conover's table for the median: n = 10: 2nd and 9th, 97.85 %; n = 20: 6th and 15th, 95.86 %
        self.assertEqual(figures.interval(range(1, 11))[:2], (2, 9))
        self.assertAlmostEqual(figures.interval(range(1, 11))[2], 0.97852, 5)
        self.assertEqual(figures.interval(range(1, 21))[:2], (6, 15))
        self.assertAlmostEqual(figures.interval(range(1, 21))[2], 0.95861, 5)

    def test_too_few_trials_give_all_that_was_seen_and_less_confidence(self):
        self.assertEqual(figures.interval([3, 1, 2]), (1, 3, 0.75))
        self.assertEqual(figures.interval([7]), (None, None, 0.0))

    def test_the_interval_holds_the_median_as_often_as_it_says(self):
        draw = random.Random(1)
        for n in (3, 6, 11):
            held, runs = 0, 4000
            for _ in range(runs):
                low, high, confidence = figures.interval([draw.expovariate(1) for _ in range(n)])
                held += low <= 0.6931471805599453 <= high
            self.assertAlmostEqual(held / runs, confidence, delta=0.025)

    def test_spread_is_in_parts_of_the_median_and_forgives_one_outlier(self):
        self.assertEqual(figures.spread([100, 100, 100, 100, 900]), 0)
        self.assertAlmostEqual(figures.spread([90, 95, 100, 105, 110]), 0.05)
        self.assertEqual(figures.spread([5]), 0)

    def test_the_best_trial_is_by_what_is_better(self):
        self.assertEqual(figure([3, 1, 2]).best, 3)
        self.assertEqual(figure([3, 1, 2], better=LOWER).best, 1)

    def test_a_figure_comes_back_from_json(self):
        one = figure([3.5, 1, 2], doubts=["why"])
        self.assertEqual(Figure.from_json(json.loads(json.dumps(one.to_json()))), one)

    def test_numbers_are_as_short_as_people_write_them(self):
        values = (None, 0, 0.12345, 2.345, 45.67, 123.4, 98765.4)
        self.assertEqual([figures.short(value) for value in values],
                         ["-", "0", "0.123", "2.35", "45.7", "123", "98,765"])
        self.assertEqual(figures.short(float("nan")), "-")


class Noise(unittest.TestCase):
    def moment(self, ours=0.0, clocks=(), **ticks):
        return noise.Moment({name: ticks.get(name, 0) for name in noise.FIELDS}, ours, clocks)

    def test_a_quiet_machine_makes_nothing_doubtful(self):
        watched = noise.between(self.moment(), self.moment(ours=100, user=101, idle=99))
        self.assertEqual(noise.doubts_of(figure([100, 101, 102]), watched), [])

    def test_steal_other_programs_and_changing_clocks_are_named(self):
        watched = noise.between(self.moment(clocks=(2000, 3000)),
                                self.moment(ours=20, user=60, steal=10, idle=30, clocks=(2500, 3000)))
        self.assertAlmostEqual(watched.steal, 0.10)
        self.assertAlmostEqual(watched.others, 0.40)
        self.assertAlmostEqual(watched.frequency, 1 / 3)
        said = " ".join(watched.doubts())
        for words in ("hypervisor took 10%", "other programs took 40%", "frequency changed by 33%"):
            self.assertIn(words, said)

    def test_trials_that_differ_are_named(self):
        self.assertEqual(noise.doubts_of(figure([80, 90, 100, 110, 120]), noise.Watched()),
                         ["trials differ by 10%"])

    def test_a_fixed_piece_of_work_that_varies_is_named(self):
        self.assertEqual(noise.clock_doubts(0.01), [])
        self.assertIn("5%", noise.clock_doubts(0.05)[0])

    def test_the_kernels_files_are_read(self):
        self.assertEqual(noise.parse_stat("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 0\n")["steal"], 8)
        self.assertEqual(noise.parse_children("7 (a) b) S " + " ".join(map(str, range(1, 30)))),
                         11 + 12 + 13 + 14)
        self.assertGreater(noise.now().cpus["user"], 0)


class Model(unittest.TestCase):
    def test_a_line_carries_so_many_frames(self):
        # 10 Gb/s and frames of 64 bytes with their check sequence: 14.88 million, as everybody knows
        self.assertAlmostEqual(model.packets_a_second(10, 60), 14880952, delta=1)

    def test_the_cost_of_bursts_is_found_again(self):
        fit = model.fit_bursts({n: 30000 + 90000 / n for n in (1, 8, 16, 64)})
        self.assertAlmostEqual(fit.each, 30000, 3)
        self.assertAlmostEqual(fit.shared, 90000, 3)
        self.assertLess(fit.error, 1e-9)
        self.assertAlmostEqual(fit.cost(32), 30000 + 90000 / 32, 3)

    def test_a_fit_says_how_far_it_is_off(self):
        fit = model.fit_bursts({1: 1000, 2: 1000, 64: 500})
        self.assertGreater(fit.error, 0.1)
        self.assertRaises(ValueError, model.fit_bursts, {1: 1000})

    def test_contention_is_what_each_further_worker_adds(self):
        costs = {n: 1000 * (1 + 0.02 * (n - 1)) for n in (1, 2, 4)}
        self.assertAlmostEqual(model.fit_contention(costs), 0.02)
        self.assertEqual(model.fit_contention({1: 1000, 2: 990}), 0)
        self.assertIsNone(model.fit_contention({1: 1000}))

    def test_workers_are_the_fewest_that_are_enough(self):
        for rate, contention in itertools.product((1e5, 1e6, 5e6), (0.0, 0.005)):
            workers = model.workers_for(rate, 30000, 3e9, contention)

            def load(count, rate=rate, contention=contention):
                return rate * 30000 * (1 + contention * (count - 1)) / (count * 3e9)
            self.assertLessEqual(load(workers), model.LOAD)
            if workers > 1:
                self.assertGreater(load(workers - 1), model.LOAD)

    def test_where_no_number_is_enough_that_is_said(self):
        self.assertIsNone(model.workers_for(1e7, 30000, 3e9, 0.05))

    def test_what_was_not_measured_is_extrapolated(self):
        near = model.need(0.1, 1390, 30000, 100, 3e9, 0.0, 1)
        far = model.need(100, 1390, 30000, 100, 3e9, 0.0, 2, (29000, 31000))
        self.assertEqual((near.least, near.extrapolated), (1, False))
        self.assertTrue(far.extrapolated)
        self.assertLess(far.low, far.high)
        self.assertAlmostEqual(far.mixers, far.rate * 100 / 3e9 / model.LOAD)


def reported(*found, quick=False, **machine):
    return {"figures": [one.to_json() for one in found], "quick": quick,
            "machine": {"cpu": "x", **machine}}


class Comparing(unittest.TestCase):
    def judge(self, old, new, **how):
        return compare.judge(figure(old, **how), figure(new, **how)).verdict

    def test_worse_is_by_what_is_better(self):
        slow, fast = [90, 91, 92], [100, 101, 102]
        self.assertEqual(self.judge(fast, slow), compare.WORSE)
        self.assertEqual(self.judge(slow, fast), compare.BETTER)
        self.assertEqual(self.judge(fast, slow, better=LOWER), compare.BETTER)
        self.assertEqual(self.judge(slow, fast, better=LOWER), compare.WORSE)

    def test_a_small_difference_is_none(self):
        self.assertEqual(self.judge([100, 100, 100], [102, 102, 102]), compare.SAME)

    def test_intervals_that_touch_say_nothing(self):
        self.assertEqual(self.judge([80, 100, 101], [85, 90, 110]), compare.UNCLEAR)

    def test_doubtful_figures_say_nothing(self):
        verdict = compare.judge(figure([100, 101, 102], doubts=["noise"]), figure([80, 81, 82]))
        self.assertEqual(verdict.verdict, compare.UNCLEAR)
        self.assertEqual(verdict.doubts, ["before: noise"])

    def test_one_trial_is_not_enough(self):
        self.assertEqual(self.judge([100], [50]), compare.UNCLEAR)

    def test_reports_are_compared_by_name_and_machine(self):
        found = compare.compare(
            reported(figure([100, 101, 102]), figure([1, 1], "gone"), cpu="x", compiler="gcc 12"),
            reported(figure([50, 51, 52]), figure([1, 1], "come"), cpu="x", compiler="gcc 13",
                     quick=True))
        self.assertEqual([change.name for change in found.of(compare.WORSE)], ["a"])
        self.assertAlmostEqual(found.changes[0].ratio, 51 / 101)
        self.assertEqual((found.only_old, found.only_new), (["gone"], ["come"]))
        self.assertEqual(len(found.machines), 2)
        said = document.compared(found)
        self.assertIn("gcc 12 before, gcc 13 now", said)
        self.assertIn("0.505", said)


    def test_ratios_that_do_not_agree_are_counted(self):
        def ratio(name, value):
            return figure([value, value], name, unit="ratio")
        found = compare.compare(reported(ratio("a", 1.0), ratio("b", 2.0), figure([1, 1], "c")),
                                reported(ratio("a", 1.04), ratio("b", 1.8), figure([9, 9], "c")))
        self.assertEqual(found.ratios()[0], 2)
        self.assertEqual([change.name for change in found.ratios()[1]], ["b"])
        self.assertIn("1 of 2 agree within 5%; furthest apart: `b`, 0.900",
                      document.compared(found))


class Words(unittest.TestCase):
    def test_columns_have_one_width(self):
        lines = text.table(["a", "number"], [["first", 1], ["second one", 23456]]).splitlines()
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertTrue(lines[1].endswith("-:|"))

    def test_a_doubtful_figure_has_a_mark_and_a_reason(self):
        doubtful = [figure([80, 100, 120], f"f{i}", doubts=[f"trials differ by {i}%"]) for i in (7, 12)]
        self.assertTrue(text.value(doubtful[0]).endswith(text.DOUBT))
        self.assertEqual(text.value(figure([1, 2, 3])), "2.00")
        self.assertEqual(text.doubts(doubtful), [
            f"- {text.DOUBT} trials differ by 7 to 12 %: `f7`, `f12`"])

    def test_an_interval_says_its_confidence(self):
        self.assertEqual(text.between(figure([1, 2, 3])), "1.00 .. 3.00 (75%)")
        self.assertEqual(text.between(figure([1])), "one trial")


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Bars(unittest.TestCase):
    def run_with(self, stream):
        clock = iter(range(0, 1000, 20))  # each step takes 20 s and not 10
        bar = progress.Progress(stream, lambda: next(clock))
        bar.expect(40)
        for i in range(2):
            with bar.step(f"step {i}", 10):
                pass
        return bar

    def test_time_left_is_corrected_by_what_steps_took(self):
        bar = self.run_with(Terminal())
        self.assertEqual(bar.ahead, 20)
        self.assertAlmostEqual(bar.left(), 20 * 45 / 25)
        self.assertIn(" 50%  0:36 left  step 1", bar.stream.getvalue())

    def test_nothing_is_written_where_no_terminal_is(self):
        self.assertEqual(self.run_with(io.StringIO()).stream.getvalue(), "")


class Pictures(unittest.TestCase):
    LINES = plots.Lines("lines", "it's a_title", "x", "y", [
        plots.Series("one^2", [(1, 2.0, 1.5, 2.5), (2, 3.0, 2.5, 3.5)]),
        plots.Series("two", [(1, 1.0), (2, None)], "curve")], logx=2, xtics=(1, 2))
    STACKS = plots.Stacks("stacks", "parts", "cycles", ["a", "b"],
                          [("r \"1\"", [1, 2]), ("r2", [3, 4])],
                          [(0, 2.5, "floor")])

    def test_titles_cannot_leave_their_quotes(self):
        self.assertEqual(plots.quoted("a'b"), "'a''b'")
        self.assertEqual(plots.plain("a_b^{c}"), r"'a\_b\^\{c\}'")
        self.assertIn('"r 1" 1 2', plots.script(self.STACKS, "svg"))

    def test_what_is_not_known_is_no_point(self):
        self.assertIn("2 NaN", plots.script(self.LINES, "svg"))

    @unittest.skipIf(not shutil.which("gnuplot"), "gnuplot is not installed")
    def test_gnuplot_draws_both_kinds(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            nothing = plots.Lines("zero", "", "x", "y", [plots.Series("none", [(1, 0), (2, 0)])])
            for plot in (self.LINES, self.STACKS, nothing):
                plots.draw(plot, folder)
                self.assertIn("</svg>", (folder / f"{plot.name}.svg").read_text())
                self.assertEqual((folder / f"{plot.name}.png").read_bytes()[:4], b"\x89PNG")
            bad = plots.Lines("bad", "", "x", "y", [plots.Series("none", [])])
            self.assertRaises(plots.PlotError, plots.draw, bad, folder)


class Trials(unittest.TestCase):
    PEEL = {"hz": 2e9, "peel": 36000, "sodium": 108000}

    def read(self, setting=relay.Setting(), shared=False, packets=1000, medians=(), per_cpu=50000,
             pps=25000, **cycles):
        """A trial in which stages took these cycles in all, and these medians in full bursts."""
        times = {f"{stage}_cycles": cycles.get(stage, 0)
                 for stage in (*relay.WORKER_STAGES, *relay.MIXER_STAGES)}
        full = {stage: {"median": 0.0, "least": 0.0, "bursts": 0} for stage in relay.WORKER_STAGES}
        for stage, median in dict(medians).items():
            full[stage] = {"median": median, "least": median, "bursts": 10}
        return relay.read_trial(setting, shared, {
            "window_seconds": 0.9, "window_cpu_seconds": 0.0, "goodput_per_cpu_second": per_cpu, "goodput_pps": pps, "cycles_per_packet": full,
            "stages": {**times, "peel_packets": packets, "tx_packets": packets}}, self.PEEL)

    def test_a_trial_is_read(self):
        trial = self.read(medians={"peel": 36000}, peel=99_000_000, rx=100_000, mix_take=200_000)
        self.assertAlmostEqual(trial["cycles"], 40000)
        self.assertEqual(trial["sodium"], 108000)
        self.assertAlmostEqual(trial["stages"]["peel"], 36000)
        # the counter went on for twice as long as the worker ran
        self.assertAlmostEqual(trial["stages"]["rx"], 50)
        self.assertAlmostEqual(trial["worker"], 36050)
        self.assertAlmostEqual(trial["mixer"], 100)

    def test_a_worker_that_shares_its_cpu_counts_by_its_stages(self):
        trial = self.read(relay.Setting(workers=2), True, per_cpu=25000, pps=50000, peel=40_000_000)
        self.assertAlmostEqual(trial["cycles"], 40000)
        self.assertAlmostEqual(trial["per_cpu"], 50000)

    def test_a_worker_that_waited_is_doubtful(self):
        trial = self.read(medians={"peel": 36000})
        self.assertIn("11% more", main.without_wire.waiting([trial])[0])
        self.assertEqual(main.without_wire.waiting([self.read(medians={"peel": 39900})]), [])
        interrupted = self.read(medians={"peel": 80000})
        self.assertIn("100% more than the worker's CPU", main.without_wire.waiting([interrupted])[0])

    def test_a_trial_in_which_nothing_was_peeled_is_none(self):
        self.assertRaisesRegex(relay.feeding.MeasurementError, "0.000 s of the CPU in 0.900 s",
                               self.read, per_cpu=0, pps=0)
        self.assertRaises(relay.feeding.MeasurementError, self.read, packets=0)

    def test_settings_have_names_of_their_own(self):
        every = [relay.Setting(profile, links, workers, burst, forward, held)
                 for profile in ("small", "large") for links in (False, True) for workers in (1, 2)
                 for burst in (1, 64) for forward in (False,) for held in (0, 5)]
        self.assertEqual(len({setting.name for setting in every}), len(every))
        self.assertEqual(relay.Setting().name, "small.bare.workers1.burst64")

    def test_sources_are_shared_out_evenly(self):
        sources = [bytes((10, 77, 0, i)) for i in range(1, 65)]
        self.assertEqual(relay.balanced(sources, 1), sources)
        chosen = relay.balanced(sources, 2)
        self.assertGreater(len(chosen), 40)
        self.assertEqual(len(chosen) % 2, 0)
        self.assertEqual(len(set(chosen)), len(chosen))
        self.assertEqual(relay.balanced(sources[:1], 2), [])

    def test_histograms_add_up_and_become_a_tail(self):
        one = {"histograms": {"latency": {"buckets": [[1000, 1999, 3], [4000, 4999, 1]]}}}
        other = {"histograms": {"latency": {"buckets": [[1000, 1999, 1]]}}}
        merged = ports.merged([one, other, {"histograms": {"latency": None}}])
        self.assertEqual(merged, [[1000, 1999, 4], [4000, 4999, 1]])
        self.assertEqual(ports.tail([[0, 999, 4], [1000, 1999, 3], [4000, 4999, 2], [9000, 9999, 1]]),
                         [(0.999, 0.6), (1.999, 0.3), (4.999, 0.1)])

    def test_a_generator_that_was_late_makes_latency_doubtful(self):
        self.assertEqual(ports.late_doubts([{"sent": 1000, "sending": {"late": 5}}]), [])
        self.assertIn("20%", ports.late_doubts([{"sent": 1000, "sending": {"late": 200}}])[0])


class CommandLine(unittest.TestCase):
    def test_a_file_of_ports_says_both_and_nothing_else(self):
        good = {"relay": {"device": "0000:01:00.0"}, "generator": {"device": "b", "eal_args": "-x"}}
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "ports.json"
            path.write_text(json.dumps(good))
            self.assertEqual(pair.read_port(path), good)
            for bad in ({}, [], {"relay": good["relay"]}, {**good, "more": 1},
                        {**good, "relay": {"device": 7}}, {**good, "relay": {"device": "a", "x": 1}}):
                path.write_text(json.dumps(bad))
                with self.assertRaisesRegex(relay.feeding.MeasurementError, "ports.json"):
                    pair.read_port(path)
            path.unlink()
            self.assertRaises(relay.feeding.MeasurementError, pair.read_port, path)

    def test_sections_bring_what_they_need(self):
        names = [section.NAME for section in main.chosen(["scaling"])]
        self.assertEqual(names, ["micro", "relay", "scaling"])
        self.assertEqual(main.chosen(None), list(main.SECTIONS))

    def test_lists_of_cpus(self):
        self.assertRaises(Exception, main.cpu_list, "0,0")
        self.assertRaises(Exception, main.cpu_list, "zero")
        self.assertRaises(Exception, main.cpu_list, "99999")
        cpu = str(min(main.machine.usable_cpus()))
        self.assertEqual(main.cpu_list(cpu), [int(cpu)])

    def test_a_missing_driver_is_named(self):
        with tempfile.TemporaryDirectory() as name:
            drivers = pathlib.Path(name) / "usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"
            drivers.mkdir(parents=True)
            (drivers / "librte_net_vhost.so.23").touch()
            self.assertIn("net_virtio is not", main.machine.why_no_vhost(name))
            (drivers / "librte_net_virtio.so").touch()
            self.assertIsNone(main.machine.why_no_vhost(name))

    def test_one_thread_of_each_core_comes_first(self):
        self.assertEqual(sorted(place([0])), [0])

    def test_a_report_that_is_none_is_refused_with_words(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "x.json"
            for content in ("{}", "[1]", "nonsense", '{"format": "other"}'):
                path.write_text(content)
                with self.assertRaises(SystemExit) as caught:
                    main.load(path)
                self.assertIn("x.json", str(caught.exception))


class Interrupted(unittest.TestCase):
    def test_what_was_measured_until_then_is_written(self):
        def measure(context):
            context.report.add("micro.peel", "cycles", LOWER, [30000])
            raise KeyboardInterrupt
        section = types.SimpleNamespace(NAME="micro", TITLE="Operations", expect=lambda context: 1,
                                        measure=measure, show=lambda report: ("Words.\n", []))
        with tempfile.TemporaryDirectory(prefix="linemix-test-") as folder:
            options = main.arguments(["--quick", "--out", folder])
            with contextlib.redirect_stdout(io.StringIO()) as said:
                self.assertEqual(main.run(options, [section], None), 1)
            found = json.loads(pathlib.Path(folder, "report.json").read_text())
            self.assertIn("interrupted", pathlib.Path(folder, "report.md").read_text())
        self.assertEqual(found["figures"][0]["name"], "micro.peel")
        self.assertEqual(found["failures"][0]["why"], "interrupted")
        self.assertIn("interrupted", said.getvalue())


class Whole(unittest.TestCase):
    """A report of made-up trials, from figures to Markdown."""
    PEEL = types.SimpleNamespace(least={"small": 27000}, sample={"small": 26400},
                                 least_sodium=81000)

    def report(self, once=1):
        """once: one trial of three took so much longer."""
        report, hz = Report(quick=True), 2.5e9
        found = {}
        for setting in (relay.Setting(), relay.Setting(workers=2), relay.Setting(burst=8)):
            cycles = {(1, 64): 30000, (2, 64): 30300, (1, 8): 32000}[setting.workers, setting.burst]
            trial = {"cycles": cycles, "per_cpu": hz / cycles, "pps": hz / cycles,
                     "sodium": 80000, "hz": hz, "stages": {
                         **dict.fromkeys((*relay.WORKER_STAGES, *relay.MIXER_STAGES), 0),
                         "peel": cycles - 500, "rx": 500},
                     "worker": cycles, "worker_least": cycles, "mixer": 150}
            slow = {**trial, "cycles": once * cycles}
            main.without_wire.add_figures(report, setting, [trial, slow, trial], self.PEEL,
                                          noise.Watched())
            found[setting.name] = main.without_wire.vars_of(setting)
        report.details["relay"] = {"settings": found, "hz": hz}
        return report

    def test_the_section_of_the_relay_says_what_was_measured(self):
        said, drawn = main.without_wire.show(self.report())
        self.assertIn("83,333", said)  # packets a second
        self.assertIn("a packet costs 1.010 times as much", said)
        self.assertEqual([plot.name for plot in drawn], ["bursts", "stages"])

    def test_a_ratio_of_costs_is_that_of_the_least_of_either(self):
        report, name = self.report(once=2), relay.Setting().name
        self.assertAlmostEqual(report.value(f"relay.{name}.of_peel"), 90)
        self.assertAlmostEqual(report.value(f"relay.{name}.worker_of_peel"), 88)
        self.assertAlmostEqual(report.value(f"relay.{name}.of_sodium"), 2.7)
        one = report.to_json()["figures"]
        peel = next(figure for figure in one if figure["name"] == f"relay.{name}.of_peel")
        self.assertEqual((peel["counts"], peel["low"]), ("best", 45))
        again = compare.Figure.from_json(peel)
        self.assertAlmostEqual(again.value, 90)

    def test_peeling_alone_counts_by_the_least_of_all_trials(self):
        lines = iter([40000, 36000, 39000])
        said = types.SimpleNamespace(run_micro=lambda *words, samples: [
            {"tsc_hz": 2e9}, {"n": 64, "cycles_per_item": next(lines),
                              "cycles_per_item_least": 35000, "ratio": 2.0, "backend": "x"}])
        peel = relay.Peel(said)
        for _ in range(3):
            self.assertEqual(peel.measure("small")["sodium"], 70000)
        self.assertEqual((peel.least, peel.sample, peel.least_sodium),
                         ({"small": 36000}, {"small": 35000}, 70000))

    def test_beside_the_share_of_the_peel_rate_stands_what_it_can_be(self):
        report, links = self.report(), relay.Setting("large", True)
        self.assertIsNone(main.without_wire.at_most(report, links))
        for name, cycles in (("peel.profile1", 40000), ("link.open.large", 10000),
                             ("link.seal.large", 9900), ("replay.test_and_set", 100)):
            report.add(f"micro.{name}.burst64", "cycles", LOWER, [cycles])
        self.assertAlmostEqual(main.without_wire.at_most(report, links), 100 * 40000 / 60000)
        self.assertAlmostEqual(main.without_wire.at_most(report, relay.Setting("large")),
                               100 * 40000 / 40100)
        self.assertIsNone(main.without_wire.at_most(report, relay.Setting("large", True, burst=8)))
        self.assertIsNone(main.without_wire.at_most(report, relay.Setting("small")))

    def test_more_workers_have_as_many_packets_each(self):
        trials = relay.Trials.__new__(relay.Trials)
        trials.packets = {"small": 1000, "large": 500}
        self.assertEqual([trials.count(relay.Setting(workers=workers)) for workers in (1, 2, 4, 12)],
                         [1000, 1000, 2000, 6000])
        self.assertEqual(trials.count(relay.Setting(held=4096)), 8192)

    def test_the_model_stands_beside_what_it_rests_on(self):
        said, _ = scaling.show(self.report())
        # 10 Gb/s of 1390-byte frames: 884,017 packets, 30,000 cycles each, 90 % of 2.5 GHz
        self.assertRegex(said, r"small, bare +\| +10 \| +884,017 \| +12 \|")
        self.assertIn("extrapolated", said)
        self.assertIn("1: 30,000, 2: 30,300; each further worker adds 1.00%", said)

    def test_what_failed_and_what_is_missing_stands_in_it(self):
        report = self.report()
        report.lack("ports", "af_packet", "needs root")
        report.failed("relay", "small", "exit 1; its log x ends: y")
        said = document.not_measured(report)
        self.assertIn("- ports: af_packet: needs root", said)
        self.assertIn("its log x ends: y", said)
        found = report.to_json()
        self.assertEqual(found["missing"][0]["why"], "needs root")


tap.main()
