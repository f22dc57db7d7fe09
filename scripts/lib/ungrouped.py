#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs a command while sessions are no groups of the scheduler (autogroup), where this user may say
so.

    scripts/lib/ungrouped.py COMMAND [ARGUMENT...]

Linux 6.18 may starve every other group on a CPU, kernel threads included, while one group has a
busy and a mostly sleeping thread there and another thread elsewhere: a relay and the test beside it
in a session of its own, say, which then takes a minute to start.
"""
import contextlib
import pathlib
import signal
import subprocess
import sys

KNOB = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")


@contextlib.contextmanager
def ungrouped(knob=KNOB):
    """Whoever switches groups off switches them on again."""
    switched = False
    with contextlib.suppress(OSError):
        if knob.read_text().strip() == "1":
            knob.write_text("0\n")
            switched = True
    try:
        yield
    finally:
        if switched:
            knob.write_text("1\n")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with ungrouped():
        command = subprocess.Popen(sys.argv[1:])
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the command too
        signal.signal(signal.SIGTERM, lambda *unused: command.terminate())
        status = command.wait()
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
