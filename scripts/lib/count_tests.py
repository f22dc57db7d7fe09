# SPDX-License-Identifier: BSD-3-Clause
"""Counts the results of `meson test`: prints one line, exits 1 if a test failed or none ran.

usage: count_tests.py TESTLOG.JSON...

A test program that speaks TAP counts as its test cases, any other as one test. A program that broke
off without a failed case of its own counts as one failure.
"""
import json
import pathlib
import re
import sys

GOOD = {"OK", "EXPECTEDFAIL"}


def cases(program):
    """Yields 'passed', 'failed' or 'skipped' for each case of one program."""
    lines = re.findall(r"^(not ok|ok)\b(.*)", program.get("stdout") or "", re.MULTILINE)
    good = program["result"] in GOOD
    if program["result"] == "SKIP":
        yield "skipped"
        return
    if not lines:
        yield "passed" if good else "failed"
        return
    for verdict, rest in lines:
        skipped = re.search(r"#\s*skip", rest, re.IGNORECASE)
        yield "skipped" if skipped else "passed" if verdict == "ok" else "failed"
    if not good and all(verdict == "ok" for verdict, _ in lines):
        yield "failed"


def main():
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for log in map(pathlib.Path, sys.argv[1:]):
        for line in log.read_text().splitlines() if log.exists() else []:
            for result in cases(json.loads(line)):
                count[result] += 1
    print(", ".join(f"{number} {result}" for result, number in count.items()
                    if number or result != "skipped"))
    return 1 if count["failed"] or not count["passed"] else 0


sys.exit(main())
