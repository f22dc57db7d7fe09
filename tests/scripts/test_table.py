# SPDX-License-Identifier: BSD-3-Clause
"""The table of scripts/run shows what telemetry sockets answer, and lives through relays that come
and go."""
import io
import json
import pathlib
import socket
import sys
import tempfile
import threading
import unittest

import tap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import table
import telemetry


class Relay:
    """What a relay's telemetry socket does: introduces itself, then answers each request."""

    def __init__(self, folder, answers):
        folder.mkdir(parents=True)
        self.path = folder / "dpdk_telemetry.v2"
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server.bind(str(self.path))
        self.server.listen()
        self.thread = threading.Thread(target=self.serve, args=(answers,))
        self.thread.start()

    def serve(self, answers):
        client, _ = self.server.accept()
        with client, self.server:
            client.send(b'{"version":"DPDK","pid":1,"max_output_len":16384}')
            for answer in answers:
                self.request = client.recv(1000)
                client.send(answer)
        self.path.unlink()


def stats(**counters):
    return json.dumps({"/linemix/stats": counters}).encode()


class Table(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.stream = io.StringIO()
        self.table = table.Table([telemetry.Telemetry("linemix-11", self.folder)], self.stream)

    def relay(self, *answers):
        relay = Relay(self.folder / "linemix-11", answers)
        self.addCleanup(relay.thread.join)
        return relay

    def rows(self, shows=1):
        for _ in range(shows):
            self.table.show()
        return self.stream.getvalue().splitlines()

    def test_counters_stand_under_their_names(self):
        relay = self.relay(stats(received=120, sent=90, delivered=5, held=15, dropped=10,
                                 drop_mac=4, drop_replay=6, drop_kid=0, uptime_us=1))
        head, row = self.rows()
        self.assertEqual(relay.request, b"/linemix/stats")
        self.assertEqual(head.split(), ["relay", "received", "sent", "delivered", "held", "dropped",
                                        "packets/s"])
        self.assertEqual(row.split(maxsplit=7)[:7],
                         ["linemix-11", "120", "90", "5", "15", "10", "-"])
        self.assertTrue(row.endswith("(mac 4, replay 6)"), row)

    def test_the_rate_is_by_the_clock_of_the_relay(self):
        self.relay(stats(received=1000, uptime_us=1_000_000),
                   stats(received=4000, uptime_us=1_500_000))
        self.assertEqual(self.rows(shows=2)[-1].split()[6], "6000")

    def test_a_relay_that_started_anew_has_no_rate(self):
        self.relay(stats(received=1000, uptime_us=2_000_000), stats(received=10, uptime_us=1_000))
        self.assertEqual(self.rows(shows=2)[-1].split()[6], "-")

    def test_a_relay_that_is_not_there_is_said_so(self):
        self.assertIn("no answer", self.rows()[-1])

    def test_a_relay_that_answers_nonsense_is_no_answer(self):
        self.relay(b"{]")
        self.assertIn("no answer", self.rows()[-1])

    def test_a_relay_that_comes_back_is_found_again(self):
        relay = self.relay(stats(received=1, uptime_us=1))
        self.rows()
        relay.thread.join()
        self.assertIn("no answer", self.rows()[-1])
        (self.folder / "linemix-11").rmdir()
        self.relay(stats(received=2, uptime_us=1))
        self.assertEqual(self.rows()[-1].split()[1], "2")


tap.main()
