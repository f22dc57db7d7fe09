# SPDX-License-Identifier: BSD-3-Clause
"""A command that runs while sessions are no groups of the scheduler."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import tap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import ungrouped


class Ungrouped(unittest.TestCase):
    def setUp(self):
        self.knob = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "knob"

    def test_groups_are_off_meanwhile_and_on_again_afterwards(self):
        self.knob.write_text("1\n")
        with self.assertRaises(KeyError), ungrouped.ungrouped(self.knob):
            self.assertEqual(self.knob.read_text(), "0\n")
            raise KeyError
        self.assertEqual(self.knob.read_text(), "1\n")

    def test_who_finds_them_off_leaves_them_off(self):
        self.knob.write_text("0\n")
        with ungrouped.ungrouped(self.knob):
            pass
        self.assertEqual(self.knob.read_text(), "0\n")

    def test_a_kernel_without_them_is_no_error(self):
        with ungrouped.ungrouped(self.knob):
            pass
        self.assertFalse(self.knob.exists())

    def test_the_status_is_that_of_the_command(self):
        def status(*command):
            return subprocess.run([sys.executable, ungrouped.__file__, *command],
                                  check=False).returncode

        self.assertEqual(status("sh", "-c", "exit 3"), 3)
        self.assertEqual(status("sh", "-c", "kill -9 $$"), 137)
        self.assertEqual(status("true"), 0)


if __name__ == "__main__":
    tap.main()
