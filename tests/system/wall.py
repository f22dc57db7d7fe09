# SPDX-License-Identifier: BSD-3-Clause
"""A clock of UTC for programs under test, that jumps or stands as a test says (wall-clock.c)."""
import calendar
import mmap
import os
import struct
import tempfile
import time

import network

LIBRARY = network.BUILD / "tests/system/libwall-clock.so"


def seconds_of(text):
    """Of a time in a document."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


class Wall:
    """One clock. `environment` is for programs that go by it."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="linemix-test-wall-")
        self.file.write(bytes(8))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 8)
        self.shift(0)
        sanitizers = os.environ.get("ASAN_OPTIONS", "")
        self.environment = {
            "LD_PRELOAD": str(LIBRARY), "WALL_CLOCK": self.file.name,
            # a library that is loaded before the sanitizer's is meant here
            "ASAN_OPTIONS": f"{sanitizers}:verify_asan_link_order=0"}

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.map.close()
        self.file.close()

    def shift(self, seconds):
        """So much ahead of the machine's from now on."""
        self.map[:] = struct.pack("<q", 2 * int(seconds * 1e6))

    def stand(self, seconds):
        """Shows this and stands still."""
        self.map[:] = struct.pack("<q", 2 * int(seconds * 1e6) + 1)
