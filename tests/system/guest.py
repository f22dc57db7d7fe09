# SPDX-License-Identifier: BSD-3-Clause
"""A guest under QEMU, by software emulation, and commands run in it over a serial line.

    with guest.Guest(kernel, initrd) as machine:
        print(machine.run("ip link").stdout)

In the guest a shell, AGENT, reads commands from the second serial port, which an initramfs starts
as its last act (initramfs() below) and a Debian system as a service (guest_disk.py). Nothing else
of the guest is used, and it needs no network. A guest ends with the process that started it.
"""
import base64
import itertools
import pathlib
import socket
import subprocess
import tempfile
import time

import guest_image

QEMU = "qemu-system-x86_64"
PORT = "/dev/ttyS1"
CHUNK = 1024  # what a serial line takes at once without losing any

# Reads "NUMBER BASE64" and answers "NUMBER STATUS OUTPUT ERRORS", both in base64.
AGENT = f"""\
#!/bin/sh
stty -F {PORT} raw -echo
exec <{PORT} >{PORT}
mkdir -p /run/agent
cd /
echo ready
while read -r number text; do
	echo "$text" | base64 -d >/run/agent/command
	sh /run/agent/command </dev/null >/run/agent/out 2>/run/agent/err
	status=$?
	echo "$number $status $(base64 -w 0 /run/agent/out). $(base64 -w 0 /run/agent/err)."
done
"""

INIT = """\
#!/bin/sh
chmod 755 / # DPDK loads no drivers from below a folder that all may write
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
[ ! -e /etc/guest-begin ] || . /etc/guest-begin
sh /etc/guest-agent
"""


class Guest:
    """A running guest. Use it as a context: it is off at the end.

    devices: further arguments of QEMU. inside: a command line that runs it, as of
    netns.Namespace.inside([]). log() is what the guest said on its console."""

    def __init__(self, kernel, initrd, memory_mb=1024, cpus=2, cpu="max", append="", devices=(),
                 inside=()):
        self.folder = tempfile.TemporaryDirectory(prefix="linemix-guest-")
        self.path = pathlib.Path(self.folder.name)
        self.numbers, self.line, self.socket = itertools.count(1), b"", None
        command = [
            QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", cpus,
            "-m", f"{memory_mb}M", "-kernel", kernel.image, "-initrd", initrd,
            "-append", f"console=ttyS0 panic=-1 {append}",
            "-serial", f"file:{self.path}/console",
            "-serial", f"unix:{self.path}/agent,server=on,wait=off", *devices]
        self.errors = open(self.path / "qemu", "w+")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *inside, *map(str, command)],
            stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors, process_group=0)

    def __enter__(self):
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *unused):
        self.close()

    def log(self):
        path = self.path / "console"
        text = path.read_text(errors="replace") if path.exists() else ""
        self.errors.seek(0)
        return self.errors.read() + text

    def fail(self, what):
        raise guest_image.GuestError(f"{what}; the guest's last words:\n{self.log()[-3000:]}")

    def connect(self, seconds=600):
        """Waits until the agent is there."""
        limit = time.monotonic() + seconds
        while not self.socket:
            try:
                end = socket.socket(socket.AF_UNIX)
                end.connect(str(self.path / "agent"))
                self.socket = end
            except OSError:
                end.close()
                self.still_there(limit)
                time.sleep(0.05)
        while self.read_line(limit) != b"ready":
            pass

    def still_there(self, limit):
        if self.process.poll() is not None:
            self.fail(f"QEMU ended with {self.process.returncode}")
        if time.monotonic() > limit:
            self.fail("the guest does not answer in time")

    def read_line(self, limit):
        self.socket.settimeout(0.5)
        while b"\n" not in self.line:
            try:
                got = self.socket.recv(1 << 16)
            except TimeoutError:
                got = None
            if got == b"":
                self.process.wait()
            self.line += got or b""
            self.still_there(limit)
        line, self.line = self.line.split(b"\n", 1)
        return line.strip()

    def run(self, command, ok=True, seconds=120):
        """Runs a line of shell in the guest; unless `ok` is False, it must succeed."""
        number = next(self.numbers)
        text = base64.b64encode(command.encode())
        self.socket.settimeout(seconds)
        self.socket.sendall(b"%d %s\n" % (number, text))
        answer = self.read_line(time.monotonic() + seconds).split(b" ")
        if len(answer) != 4 or int(answer[0]) != number:
            self.fail(f"{command}: no answer to it: {answer[:2]}")
        out, err = (base64.b64decode(part[:-1]).decode(errors="replace") for part in answer[2:])
        if ok and int(answer[1]) != 0:
            self.fail(f"in the guest, {command}: exit {int(answer[1])}\n{out}{err}")
        return subprocess.CompletedProcess(command, int(answer[1]), out, err)

    def put(self, path, data):
        """Writes a file in the guest."""
        self.run(f"mkdir -p '{pathlib.PurePath(path).parent}'; : >'{path}'")
        for at in range(0, len(data), CHUNK):
            text = base64.b64encode(data[at:at + CHUNK]).decode()
            self.run(f"echo {text} | base64 -d >>'{path}'")

    def get(self, path):
        """The text of a file in the guest."""
        return self.run(f"cat '{path}'").stdout

    def start(self, command, name):
        """Runs a line of shell in the background; what it prints is in /run/NAME.log, and its exit
        status at the end in /run/NAME.exit."""
        self.run(f"rm -f /run/{name}.exit; (sh -c '{command}' >/run/{name}.log 2>&1 </dev/null; "
                 f"echo $? >/run/{name}.exit) >/dev/null 2>&1 & echo $!")

    def wait(self, condition, seconds=60):
        """Waits until a line of shell succeeds in the guest."""
        limit = time.monotonic() + seconds
        while self.run(condition, ok=False, seconds=seconds).returncode != 0:
            if time.monotonic() > limit:
                self.fail(f"in the guest, this does not come true: {condition}")
            time.sleep(0.2)

    def off(self, command="poweroff -f", seconds=60):
        """Turns it off by a command; for a system that shuts down by itself, "poweroff"."""
        number = next(self.numbers)
        self.socket.sendall(b"%d %s\n" % (number, base64.b64encode(command.encode())))
        self.process.wait(timeout=seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.socket:
            self.socket.close()
        self.errors.close()
        self.folder.cleanup()


def initramfs(kernel, begin=""):
    """An initramfs with busybox, which runs these lines of shell and then the agent."""
    image = guest_image.Initramfs(kernel)
    image.program("/usr/bin/dash")  # busybox's shell prefers its own ip, modprobe, ..
    image.link("usr/bin/sh", "dash")
    image.text("init", INIT, 0o755)
    image.text("etc/guest-agent", AGENT, 0o755)
    image.text("etc/guest-begin", begin)
    return image
