# SPDX-License-Identifier: BSD-3-Clause
"""Reads a relay's counters from its DPDK telemetry socket."""
import json
import os
import pathlib
import socket

STATS = "/linemix/stats"


def runtime_folder():
    """Where DPDK keeps its sockets, by the same rule as DPDK itself."""
    base = os.environ.get("RUNTIME_DIRECTORY")
    if not base:
        base = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    return pathlib.Path(base) / "dpdk"


class Telemetry:
    """The counters of the relay with this file prefix. A relay that comes and goes is no error."""

    def __init__(self, file_prefix, folder=None, timeout=1):
        self.name = file_prefix
        self.path = (folder or runtime_folder()) / file_prefix / "dpdk_telemetry.v2"
        self.socket, self.timeout = None, timeout

    def stats(self):
        """The counters by name, or None while the relay does not answer."""
        return self.ask(STATS)

    def ask(self, command):
        """What the relay answers to a command (a parameter after a comma), or None while it does
        not."""
        try:
            if not self.socket:
                self.connect()
            self.socket.send(command.encode())
            return json.loads(self.socket.recv(1 << 20))[command.split(",")[0]]
        except (OSError, ValueError, KeyError, TypeError):
            self.close()
            return None

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(self.timeout)
        self.socket.connect(str(self.path))
        self.socket.recv(1 << 20)  # DPDK introduces itself first

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None
