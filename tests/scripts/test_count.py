# SPDX-License-Identifier: BSD-3-Clause
"""The closing line of scripts/test counts what ran, and is no good news if something failed."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import tap

COUNT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib" / "count_tests.py"


class Count(unittest.TestCase):
    def count(self, *programs):
        """What is counted for programs given as (result, output), and the exit status."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
            for result, output in programs:
                log.write(json.dumps({"name": "x", "result": result, "stdout": output}) + "\n")
            log.flush()
            run = subprocess.run([sys.executable, COUNT, log.name], stdout=subprocess.PIPE,
                                 text=True, check=False)
        return run.stdout.strip(), run.returncode

    def test_cases_of_a_program_are_counted_one_by_one(self):
        self.assertEqual(self.count(("OK", "1..3\nok 1 - a\nok 2 - b # SKIP no AVX\nok 3 - c\n")),
                         ("2 passed, 0 failed, 1 skipped", 0))

    def test_a_program_without_cases_is_one_test(self):
        self.assertEqual(self.count(("OK", "fine\n"), ("OK", None)), ("2 passed, 0 failed", 0))

    def test_a_failed_case_fails_the_whole(self):
        self.assertEqual(self.count(("FAIL", "1..2\nok 1 - a\nnot ok 2 - b\n")),
                         ("1 passed, 1 failed", 1))

    def test_a_program_that_breaks_off_has_failed(self):
        for result in ("ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"):
            self.assertEqual(self.count((result, "1..2\nok 1 - a\n")), ("1 passed, 1 failed", 1))
            self.assertEqual(self.count(("OK", ""), (result, "")), ("1 passed, 1 failed", 1))

    def test_a_skipped_program_is_neither(self):
        self.assertEqual(self.count(("OK", ""), ("SKIP", "not here\n")),
                         ("1 passed, 0 failed, 1 skipped", 0))

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(self.count(), ("0 passed, 0 failed", 1))


tap.main()
