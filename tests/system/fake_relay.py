# SPDX-License-Identifier: BSD-3-Clause
"""A relay's telemetry socket without a relay: it answers well, or as badly as a test wants."""
import json
import os
import pathlib
import re
import socket
import threading

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def drop_names():
    text = (SOURCE / "lib/base/lm_base.h").read_text()
    return [name for row, name in re.findall(r'ROW\((\w+), "(\w+)"', text) if row != "NONE"]


def value_names():
    return re.findall(r'ROW\(\w+, "(\w+)"\)', (SOURCE / "app/relay/reading.h").read_text())


def good_answers(received=1000, uptime_us=2_000_000, epoch_from_s=1000):
    """What a mix of layer 2 would say, as Python values by command."""
    stats = {name: 0 for name in value_names()}
    stats |= {f"drop_{name}": 0 for name in drop_names()}
    stats |= {"received": received, "sent": received - 100, "held": 90, "dropped": 10,
              "drop_mac": 10, "uptime_us": uptime_us, "ready": 1, "loop_verdict": "ok",
              "clock_offset_ms": 3, "epoch": 7, "links": 4, "links_up": 4, "loops_back": 5}
    node = {"version": "0.1.0", "role": "mix", "strategy": "poisson", "node": 21, "layer": 2,
            "layers": 3, "held_room": 4096, "epoch_from_s": epoch_from_s,
            "epoch_until_s": epoch_from_s + 1200}
    for layer in range(4):
        links = 2 if layer in (1, 3) else 0
        node |= {f"layer_{layer}_nodes": 2, f"layer_{layer}_links": links,
                 f"layer_{layer}_up": links}
    return {
        "/linemix/stats": stats,
        "/linemix/node": node,
        "/linemix/lcores": {"tsc_hz": 10 ** 9, "cpu_2_loops": 100, "cpu_2_busy_loops": 50,
                            "cpu_2_busy_cycles": uptime_us * 500},
        "/linemix/replay": {"current_tags": 10, "current_room": 100},
        "/linemix/bursts": {**{f"up_to_{1 << i}": i for i in range(7)}, "packets": 300},
        "/linemix/stages": {"timed": 1, "tsc_hz": 10 ** 9, "peel_cycles": 7, "peel_bursts": 1,
                            "peel_packets": 2},
        "/linemix/down": [],
    }


class FakeRelay:
    """A socket at this path; `answer` is a function of command and number of the question to bytes,
    to None for silence, or to "" for the end of the connection."""

    GREETING = b'{"version":"DPDK 22.11.11","pid":77,"max_output_len":16384}'

    def __init__(self, path, answer=None, greeting=GREETING):
        self.path, self.greeting = pathlib.Path(path), greeting
        self.answer = answer or self.well
        self.asked = []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.clients = []
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server.bind(str(self.path))
        self.server.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def stop(self):
        if self.path.exists():
            os.unlink(self.path)
            self.server.shutdown(socket.SHUT_RDWR)
            self.thread.join()
            self.server.close()
            for client, thread in self.clients:
                client.shutdown(socket.SHUT_RDWR)
                thread.join()
                client.close()

    @staticmethod
    def well(command, number):
        answers = good_answers(received=1000 + 500 * number, uptime_us=10 ** 6 * (number + 1))
        return json.dumps({command: answers[command]}).encode()

    def serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.attend, args=(client,))
            self.clients.append((client, thread))
            thread.start()

    def attend(self, client):
        try:
            if self.greeting:
                client.send(self.greeting)
            while command := client.recv(1000).decode():
                self.asked.append(command)
                said = self.answer(command, self.asked.count(command))
                if said == "":
                    client.shutdown(socket.SHUT_RDWR)
                elif said is not None:
                    client.send(said)
        except OSError:
            pass
