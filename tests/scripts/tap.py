# SPDX-License-Identifier: BSD-3-Clause
"""Runs the unittest cases of the main module and reports them in TAP, as the C tests do."""
import sys
import traceback
import unittest


class Tap(unittest.TestResult):
    def startTestRun(self):
        self.lines = 0

    def line(self, verdict, test, comment="", details=""):
        self.lines += 1
        print(f"{verdict} {self.lines} - {test.id().split('.')[-1]}{comment}", flush=True)
        for line in details.splitlines():
            print(f"# {line}", file=sys.stderr)

    def addSuccess(self, test):
        self.line("ok", test)

    def addSkip(self, test, reason):
        self.line("ok", test, f" # SKIP {reason}")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.line("not ok", test, details=self.failures[-1][1])

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:  # of one that succeeds unittest says nothing; its test is one line
            self.line("not ok", test, details="".join(traceback.format_exception(*error)))

    def addError(self, test, error):
        super().addError(test, error)
        self.line("not ok", test, details=self.errors[-1][1])


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    print(f"1..{suite.countTestCases()}", flush=True)
    result = Tap()
    result.startTestRun()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
