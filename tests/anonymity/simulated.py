# SPDX-License-Identifier: BSD-3-Clause
"""Records by linemix-sim for tests, in a folder that goes away."""
import os
import pathlib
import subprocess
import tempfile

BUILD = pathlib.Path(os.environ["BUILD"])
SIM = BUILD / "app/sim/linemix-sim"
MIXING = {"poisson": "mean_delay_us: 100000",
          "batch": "interval_us: 100000, min_batch: 1",
          "pool": "interval_us: 100000, flush_ppm: 700000, stay_ppm: 500000, threshold: 100000"}


def run(test, strategy, *lines, arguments=()):
    """Simulates half a minute; (folder of the records, the JSON that was printed)."""
    folder = tempfile.TemporaryDirectory(prefix="linemix-test-")
    test.addCleanup(folder.cleanup)
    path = pathlib.Path(folder.name)
    config = path / "sim.yaml"
    settings = {"duration_ms": "30000", "settle_ms": "1000", "network": "{mixes: 2}",
                "mixing": f"{{strategy: {strategy}, {MIXING[strategy]}}}",
                "clients": "{count: 60, contacts: 1, message_interval_us: 500000}"}
    settings |= dict(line.split(": ", 1) for line in lines)
    config.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    done = subprocess.run([SIM, "run", "--config", config, "--out", path / "out", "--json",
                           *arguments], capture_output=True, text=True)
    test.assertEqual(done.returncode, 0, done.stderr)
    return path / "out", done.stdout
