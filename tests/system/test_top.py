# SPDX-License-Identifier: BSD-3-Clause
"""linemix-relay --top: on terminals of any size, without one, and with relays that come and go."""
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import tap
from fake_relay import FakeRelay
from network import RELAY


class Terminal:
    """The program on a terminal: what stands on its screen."""

    def __init__(self, test, *arguments, width=100, height=40, **environment):
        self.height, self.all, self.screen = height, "", []
        self.master, slave = pty.openpty()
        test.addCleanup(os.close, self.master)
        self.resize(width, height)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [RELAY, "--top", *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, "TERM": "xterm", **environment}, start_new_session=True)
        test.addCleanup(os.close, slave)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)

    def resize(self, width, height):
        self.height = height
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def read(self):
        """Takes what has come; the screen is what was drawn since the last time in the corner."""
        while select.select([self.master], [], [], 0)[0]:
            self.all += os.read(self.master, 65536).decode()
        frames = self.all.split("\033[H")
        done = [frame for frame in frames[1:]
                if "\033[J" in frame or frame.count("\n") >= self.height - 1]
        if done:
            self.screen = re.split(r"\r+\n", re.sub(r"\033\[\??\d*[a-zA-Z]", "", done[-1]))
        return self.screen

    def wait(self, text, seconds=60):
        """Until this stands on the screen: the line it is in."""
        limit = time.monotonic() + seconds
        while True:
            lines = self.read()
            for line in lines:
                if text in line:
                    return line
            if time.monotonic() > limit or self.process.poll() is not None:
                raise AssertionError(f"{text} does not come:\n" + "\n".join(lines))
            time.sleep(0.05)

    def press(self, keys):
        os.write(self.master, keys)


class Top(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def fake(self, name, **options):
        return self.enterContext(FakeRelay(self.folder / name / "dpdk_telemetry.v2", **options))

    def terminal(self, *arguments, **options):
        return Terminal(self, "--top-folder", self.folder, *arguments, **options)

    def test_a_relay_in_full(self):
        self.fake("linemix-a")
        terminal = self.terminal()
        row = terminal.wait(" 500 ")  # received a second
        self.assertEqual(row.split()[:3], ["linemix-a", "ready", "500"])
        self.assertIn("node 21, mix of layer 2", terminal.wait("linemix-a: "))
        self.assertIn("50 %", terminal.wait("CPU 2"))
        self.assertIn("2 of 2 in layer 1  2 of 2 in layer 3", terminal.wait("reached"))
        self.assertIn("10 %", terminal.wait("replay"))
        self.assertIn("header authentication failed", terminal.wait("mac"))

    def test_the_terminal_is_left_as_it_was(self):
        self.fake("linemix-a")
        for end in (lambda terminal: terminal.press(b"q"),
                    lambda terminal: terminal.process.send_signal(signal.SIGTERM),
                    lambda terminal: terminal.process.send_signal(signal.SIGINT)):
            terminal = self.terminal()
            terminal.wait("linemix-a")
            end(terminal)
            self.assertEqual(terminal.process.wait(timeout=60), 0)
            terminal.read()
            self.assertTrue(terminal.all.startswith("\033[?1049h\033[?25l"))
            self.assertTrue(terminal.all.endswith("\033[?25h\033[?1049l"))
            self.assertEqual(termios.tcgetattr(terminal.slave), terminal.before)

    def test_any_size(self):
        for name in "abcdefgh":
            self.fake(f"linemix-{name}")
        terminal = self.terminal()
        terminal.wait("linemix-h")
        for width, height in ((40, 10), (10, 3), (1, 1), (300, 100), (80, 24)):
            terminal.all = ""
            terminal.resize(width, height)
            limit = time.monotonic() + 60
            while terminal.all.count("\033[H") < 3 and time.monotonic() < limit:
                terminal.process.send_signal(signal.SIGWINCH)
                time.sleep(0.02)
                terminal.read()
            lines = terminal.read()
            self.assertTrue(lines, (width, height))
            self.assertLessEqual(len(lines), height)
            self.assertLessEqual(max(map(len, lines)), width)

    def test_without_colour(self):
        self.fake("linemix-a")
        for environment, coloured in (({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False),
                                      ({}, True)):
            terminal = self.terminal(**environment)
            terminal.wait("CPU 2")
            self.assertEqual(bool(re.search(r"\033\[3\dm", terminal.all)), coloured)

    def test_relays_come_go_and_come_back(self):
        terminal = self.terminal()
        terminal.wait("no relay answers")
        relay = self.fake("linemix-a")
        terminal.wait("ready")
        relay.stop()
        self.assertIn("linemix-a", terminal.wait("has gone"))
        terminal.wait("No such file")
        self.fake("linemix-a")
        terminal.wait("ready")
        self.fake("linemix-b")
        terminal.wait("> linemix-a")
        terminal.press(b"\t")
        terminal.wait("> linemix-b")

    def test_what_is_no_relay_is_not_shown(self):
        self.fake("linemix-a")
        self.fake("linemix-other", answer=lambda *_: b'{"/linemix/stats": null}')
        self.fake("linemix-\033[2Jx")
        terminal = self.terminal()
        terminal.wait("linemix-a")
        self.assertFalse([line for line in terminal.read() if "other" in line])
        self.assertNotIn("\033[2J", terminal.all)

    def test_lines_where_no_terminal_is(self):
        self.fake("linemix-a")
        process = subprocess.Popen([RELAY, "--top", "--top-folder", self.folder,
                                    "linemix-a", "linemix-b"],
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        lines = [process.stdout.readline() for _ in range(5)]
        self.assertEqual(lines[0].split()[:3], ["relay", "received/s", "sent/s"])
        self.assertIn("no answer", lines[2])
        self.assertEqual(lines[3].split()[:2], ["linemix-a", "500"])
        self.assertNotIn("\033", "".join(lines))
        process.stdout.close()  # nobody reads any more: it ends
        self.assertEqual(process.wait(timeout=60), 0)

    def test_mistakes(self):
        for arguments in (["a/b"], ["\033[2J"], ["x" * 100]):
            done = subprocess.run([RELAY, "--top", *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no file prefix", done.stderr)


tap.main()
