# SPDX-License-Identifier: BSD-3-Clause
"""The service units: how exposed they are, and what a stop must not take away."""
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import tap

HOST = pathlib.Path(__file__).resolve().parents[2] / "drivers-config/host/systemd"
UNITS = sorted(pathlib.Path(os.environ["BUILD"], "drivers-config/host").glob("*.service"))
MOST = 2.0  # of 10, which is a service that nothing confines


def lines(path):
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


class Units(unittest.TestCase):
    def test_there_is_one_for_each_part(self):
        self.assertEqual({"linemix-relay.service", "linemix-agent.service",
                          "linemix-exporter.service", "linemix-signer.service"},
                         {unit.name for unit in UNITS})

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_exposure_is_low(self):
        for unit in UNITS:
            done = subprocess.run(["systemd-analyze", "security", "--offline=true", unit],
                                  capture_output=True, text=True, check=False)
            level = re.search(r"exposure level for \S+ ([\d.]+)", done.stdout)
            if not level:
                self.skipTest(f"systemd-analyze: {done.stderr.strip()}")
            self.assertLessEqual(float(level[1]), MOST, unit.name)

    def test_programs_may_confine_themselves(self):
        """They drop capabilities and filter their own calls, or do not start."""
        for unit in HOST.glob("*.service"):
            last = [line for line in lines(unit) if line.startswith("SystemCallFilter=")][-1]
            self.assertLessEqual({"capset", "seccomp"}, set(last.partition("=")[2].split()),
                                 unit.name)

    def test_a_stop_leaves_keys_and_what_is_held(self):
        unit = lines(HOST / "linemix-relay.service")
        self.assertIn("RemoveIPC=no", unit)  # it would empty /dev/shm of what is this user's
        self.assertIn("KillSignal=SIGTERM", unit)
        self.assertIn("LimitMEMLOCK=infinity", unit)
        for path in HOST.glob("*.service"):  # by user and by group, as the last of either stops
            if {"User=linemix", "Group=linemix"} & set(lines(path)):
                self.assertIn("RemoveIPC=no", lines(path), path.name)
        runtime = re.search(r"^runtime: (\S+)", (HOST.parent / "linemix-relay.yaml").read_text(),
                            re.M)
        made = [line.split()[1:5] for line in lines(HOST / "linemix.tmpfiles")]
        self.assertIn([runtime[1], "0700", "linemix", "linemix"], made)

    def test_users_are_those_that_sysusers_makes(self):
        made = {line.split()[1] for line in lines(HOST / "linemix.sysusers")}
        for unit in HOST.glob("*.service"):
            for line in lines(unit):
                key, _, value = line.partition("=")
                if key in ("User", "Group", "SupplementaryGroups"):
                    self.assertIn(value, made, unit.name)


if __name__ == "__main__":
    tap.main()
