# SPDX-License-Identifier: BSD-3-Clause
"""Every folder beside this file is a case (README.md): its capture goes through the real relay on
the virtual clock, and what leaves must be what the folder expects, byte for byte, on every backend
that this CPU has. One row for each case and backend; what differs is said packet by packet."""
import concurrent.futures
import os
import pathlib
import tempfile
import unittest

import case
import make_cases
import tap
import world

# x25519 and symmetric
BACKENDS = {
    "scalar": ("scalar", "scalar"),
    "avx2": ("avx2", "avx2"),
    "avx512ifma": ("avx512ifma", "avx512"),
}
# What a CPU must have for the two, in the words of /proc/cpuinfo.
FLAGS = {
    "scalar": set(),
    "avx2": {"avx2", "bmi2"},
    "avx512ifma": {"avx512ifma", "avx512vbmi", "vaes"},
}
AGAIN = "batch-profile-0-ipv4"  # the one that is made again


def cpu_flags():
    """What the kernel says that this CPU has and programs may use."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


class Captures(unittest.TestCase):
    """Its tests are added below, one for each case and backend."""
    running = {}

    @classmethod
    def setUpClass(cls):
        cls.pool = concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, 8))
        for one in CASES:
            for backend in BACKENDS:
                cls.running[one.name, backend] = cls.pool.submit(
                    one.differences, world.RELAY, BACKENDS[backend])

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown(cancel_futures=True)

    def judge(self, one, backend):
        try:
            told = self.running[one.name, backend].result()
        except case.Unusable:
            # without the flag nothing could be expected of it
            self.assertFalse(FLAGS[backend] <= cpu_flags(),
                             f"this CPU has {backend}, and the relay does not use it")
            self.skipTest(f"this CPU has no {backend}")
        if told:
            self.fail("\n".join([f"{one.name} ({one.about}), {backend}:", *told]))


class Folders(unittest.TestCase):
    """Folders that are no cases are added here, as tests that fail with what they lack."""

    def test_this_project_has_cases(self):
        self.assertGreater(len(CASES), 20)

    def test_a_case_is_made_again_byte_for_byte(self):
        with tempfile.TemporaryDirectory(prefix="linemix-replay-") as folder:
            made = make_cases.make(AGAIN, pathlib.Path(folder))
            first = {path.name: path.read_bytes() for path in made.iterdir()}
        second = {path.name: path.read_bytes() for path in (case.HERE / AGAIN).iterdir()}
        self.assertEqual(first.keys(), second.keys())
        for name, data in first.items():
            self.assertTrue(data == second[name], f"{AGAIN}/{name} is made otherwise now: if that "
                            f"is meant, run {case.HERE / 'make'}")


def add_tests():
    """Finds the folders; the cases that are some."""
    for folder in case.folders():
        try:
            one = case.Case(folder)
        except case.Wrong as wrong:
            def lacking(self, text=str(wrong)):
                self.fail(text)
            setattr(Folders, f"test_{folder.name}", lacking)
            continue
        yield one
        for backend in BACKENDS:
            def judged(self, one=one, backend=backend):
                self.judge(one, backend)
            setattr(Captures, f"test_{one.name}_{backend}", judged)


CASES = list(add_tests())

if __name__ == "__main__":
    tap.main()
