# SPDX-License-Identifier: BSD-3-Clause
"""A bar on stderr that says what is measured and how long all of it still takes; nothing where stderr
is no terminal."""
import shutil
import sys
import time

WIDTH = 24


def minutes(seconds):
    seconds = max(0, round(seconds))
    return f"{seconds // 60}:{seconds % 60:02}"


class Progress:
    """Steps with estimates in seconds. What past steps took corrects the estimates of those to come."""

    def __init__(self, stream=None, clock=time.monotonic):
        self.stream = stream or sys.stderr
        self.clock = clock
        self.start = clock()
        self.ahead = 0.0  # estimates of steps to come
        self.done = 0.0  # estimates of steps that are over
        self.took = 0.0  # by the clock

    def expect(self, seconds):
        """Announces steps."""
        self.ahead += seconds

    def left(self):
        """Seconds to the end. The first estimates count until there is something to correct by."""
        pace = (self.took + 5) / (self.done + 5)
        return self.ahead * pace

    def step(self, what, seconds):
        """A context for one step of those that were announced."""
        return Step(self, what, seconds)

    def show(self, what):
        if not self.stream.isatty():
            return
        whole = self.done + self.ahead
        part = self.done / whole if whole else 1.0
        bar = ("#" * round(part * WIDTH)).ljust(WIDTH, ".")
        columns = shutil.get_terminal_size().columns
        text = f"[{bar}] {part:4.0%}  {minutes(self.left())} left  {what}"
        print(f"\r{text[:columns - 1]}\033[K", end="", file=self.stream, flush=True)

    def close(self):
        if self.stream.isatty():
            print("\r\033[K", end="", file=self.stream, flush=True)


class Step:
    def __init__(self, progress, what, seconds):
        self.progress, self.what, self.seconds = progress, what, seconds

    def __enter__(self):
        self.begin = self.progress.clock()
        self.progress.show(self.what)
        return self

    def __exit__(self, *unused):
        progress = self.progress
        progress.took += progress.clock() - self.begin
        progress.done += self.seconds
        progress.ahead = max(0.0, progress.ahead - self.seconds)
        progress.show(self.what)
