# SPDX-License-Identifier: BSD-3-Clause
"""A machine for programs under test: a clock of UTC that jumps or stands as a test says, and a disk
that is slow (wall-clock.c, slow-disk.c). Both are libraries that the program loads first."""
import calendar
import mmap
import os
import struct
import tempfile
import time

import network

FOLDER = network.BUILD / "tests/system"


def seconds_of(text):
    """Of a time in a document."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def preload(library, **more):
    """The environment of a program that loads it; with sanitizers, whose own wants to be first."""
    return {"LD_PRELOAD": str(FOLDER / library), **more,
            "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"}


class Wall:
    """One clock. `environment` is for programs that go by it."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="linemix-test-wall-")
        self.file.write(bytes(8))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 8)
        self.shift(0)
        self.environment = preload("libwall-clock.so", WALL_CLOCK=self.file.name)

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


class Disk:
    """A disk; `environment` is for programs that write to it."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="linemix-test-disk-")
        self.file.write(bytes(2))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 2)
        self.environment = preload("libslow-disk.so", SLOW_DISK=self.file.name)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.map.close()
        self.file.close()

    def hang(self, hangs):
        """From now on, nothing is written through; or all is again."""
        self.map[0] = hangs

    def waited_for(self):
        """Somebody waits for it."""
        return self.map[1] == 1
