# SPDX-License-Identifier: BSD-3-Clause
"""The exporter beside a real relay and beside sockets that lie, and in front of hostile clients."""
import grp
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

import network
import tap
import telemetry
from fake_relay import FakeRelay, good_answers
from network import BUILD, SANITIZED, Live, Network

EXPORTER = BUILD / "app/exporter/linemix-exporter"
SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROMETHEUS = SOURCE / "drivers-config/prometheus"


def wait(what, seconds=60):
    limit = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > limit:
            raise AssertionError("what is waited for does not come")
        time.sleep(0.05)
    return found


class Exporter:
    """The program, at a port of its own, for relays by name and socket."""

    def __init__(self, test, relays, extra=""):
        folder = pathlib.Path(test.enterContext(tempfile.TemporaryDirectory()))
        config = folder / "exporter.yaml"
        rows = "".join(f"- {{name: {name}, socket: {path}}}\n" for name, path in relays.items())
        config.write_text(f"listen: {{port: 0, hosts: [relay.example]}}\nrelays:\n{rows}{extra}")
        self.output = test.enterContext(open(folder / "said", "w+"))
        self.process = subprocess.Popen([EXPORTER, "--config", config], stderr=self.output,
                                        stdin=subprocess.DEVNULL)
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        self.port = int(wait(lambda: re.search(r"http://.*?:(\d+)/", self.said()))[1])

    def said(self):
        self.output.seek(0)
        text = self.output.read()
        if self.process.poll() is not None:
            raise AssertionError(f"the exporter has ended: {text}")
        return text

    def ask(self, path, method="GET", host="localhost", seconds=30):
        """Status, headers, text."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            client.request(method, path, headers={"Host": host})
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            client.close()

    def metrics(self):
        """Values by name with labels."""
        lines = self.ask("/metrics")[2].splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines
                if not line.startswith("#")}

    def state(self):
        return json.loads(self.ask("/state.json")[2])

    def wait_up(self, relay, up=1):
        wait(lambda: self.metrics().get(f'linemix_up{{relay="{relay}"}}') == up)


def promtool(*arguments, **options):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True,
                          **options)


def metric_names(text):
    """Those of a PromQL expression, or of a text that holds some."""
    return set(re.findall(r"\blinemix_\w+", text))


class Fakes(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def fake(self, name, *arguments, **options):
        return self.enterContext(FakeRelay(self.folder / name, *arguments, **options))

    def exporter(self, *names, extra=""):
        return Exporter(self, {name: self.folder / name for name in names}, extra)


class Relay(Fakes):
    def test_a_real_relay(self):
        """promtool finds nothing to complain of, and nothing that the relay tells is left out."""
        net = self.enterContext(Network("--layers", "3", "--per-layer", "2"))
        group = pwd.getpwnam("nobody").pw_gid
        extra = "stages: true\n"
        if os.getuid() == 0:
            extra += f"telemetry: {{group: {grp.getgrgid(group).gr_name}}}\n"
        live = self.enterContext(Live(net.config(11, extra=extra)))
        asked = telemetry.Telemetry(net.prefix(11), timeout=10)
        live.wait(asked.stats)
        exporter = Exporter(self, {"mix": asked.path},
                            "user: nobody\n" if os.getuid() == 0 else "")
        exporter.wait_up("mix")
        text = exporter.ask("/metrics")[2]
        checked = promtool("check", "metrics", input=text)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        known = set(re.findall(r'ROW\(\w+, "(\w+)"\)',
                               (SOURCE / "app/relay/reading.h").read_text()))
        told = {name for name in asked.stats() if not name.startswith("drop_")}
        self.assertEqual(told - known, {"clock_offset_ms", "loop_verdict"})
        stages = {name.removesuffix("_empty_cycles") for name in asked.ask("/linemix/stages")
                  if name.endswith("_empty_cycles")}
        self.assertEqual(
            set(re.findall(r'linemix_stage_cycles_total\{relay="mix",stage="(\w+)"', text)), stages)
        self.assertRegex(
            text, r'linemix_lcore_busy_seconds_total\{relay="mix",cpu="0"\} [1-9\d]*\.\d+')
        metrics = exporter.metrics()
        self.assertIn('linemix_layer_links_up{relay="mix",layer="2"}', metrics)
        self.assertEqual(metrics['linemix_replay_set_limit{relay="mix",epoch="current"}'], 65536)
        self.assertGreater(metrics['linemix_epoch_end_timestamp_seconds{relay="mix"}'],
                           time.time() - 3600)
        self.assertRegex(text, r'linemix_build_info\{relay="mix",version="[\d.]+",dpdk="DPDK ')
        self.assertEqual(exporter.ask("/ready/mix")[0], 200)
        if os.getuid() == 0:
            self.check_rights(asked.path, group)
        asked.close()
        live.stop()
        exporter.wait_up("mix", 0)
        self.assertEqual(exporter.ask("/ready")[0], 503)

    def check_rights(self, path, group):
        """The group may use the socket, and do nothing else."""
        status = path.stat()
        self.assertEqual((status.st_gid, stat.S_IMODE(status.st_mode)), (group, 0o660))
        status = path.parent.stat()
        self.assertEqual((status.st_gid, stat.S_IMODE(status.st_mode)), (group, 0o710))

    @unittest.skipIf(SANITIZED, "a sanitizer is in the way of the sandbox")
    def test_it_gives_up_what_it_does_not_need(self):
        self.fake("a")
        exporter = self.exporter("a")
        exporter.wait_up("a")
        text = pathlib.Path(f"/proc/{exporter.process.pid}/status").read_text()
        status = dict(line.split(":\t") for line in text.splitlines())
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual({int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh")}, {0})
        self.assertEqual(status["Threads"], "1")

    def test_it_ends_when_told(self):
        exporter = self.exporter("nobody")
        exporter.process.send_signal(signal.SIGTERM)
        self.assertEqual(exporter.process.wait(timeout=60), 0)


class Asking(Fakes):
    def test_relays_that_are_dead_slow_or_lying_cost_their_own_figures_alone(self):
        bad = {
            "silent": {"answer": lambda *_: None},
            "greets_never": {"greeting": b""},
            "another": {"greeting": b"HTTP/1.1 200 OK"},
            "garbage": {"answer": lambda *_: b"{]"},
            "other_answer": {"answer": lambda *_: b'{"/info": {}}'},
            "too_long": {"answer": lambda *_: b"[" * 100_000},
            "deep": {"answer": lambda *_: b"[" * 60_000},
            "negative": {"answer": lambda command, _:
                         json.dumps({command: {"received": -1}}).encode()},
            "hangs_up": {"answer": lambda *_: ""},
            "no_relay": {"answer": lambda command, _: json.dumps({command: None}).encode()},
            "half": {"answer": lambda command, number: FakeRelay.well(command, number)
                     if command == "/linemix/stats" else b"{}"},
        }
        for name, options in bad.items():
            self.fake(name, **options)
        self.fake("good")
        exporter = self.exporter(*bad, "good", "absent")
        exporter.wait_up("good")
        wait(lambda: exporter.metrics().get(
            'linemix_exporter_reads_total{relay="good",result="good"}', 0) >= 3)
        metrics = exporter.metrics()
        for name in [*bad, "absent"]:
            self.assertEqual(metrics[f'linemix_up{{relay="{name}"}}'], 0, name)
            self.assertNotIn(f'linemix_packets_received_total{{relay="{name}"}}', metrics)
        self.assertEqual(metrics['linemix_up{relay="good"}'], 1)
        self.assertEqual(metrics['linemix_exporter_reads_total{relay="good",result="bad"}'], 0)
        states = {relay["name"]: relay for relay in exporter.state()["relays"]}
        self.assertTrue(states["good"]["up"])
        self.assertIn("No such file", states["absent"]["why"])

    def test_an_older_relay_is_shown_as_far_as_it_tells(self):
        self.fake("old", answer=lambda command, number: FakeRelay.well(command, number)
                  if command == "/linemix/stats" else json.dumps({command: None}).encode())
        exporter = self.exporter("old")
        exporter.wait_up("old")
        metrics = exporter.metrics()
        self.assertIn('linemix_packets_sent_total{relay="old"}', metrics)
        self.assertNotIn('linemix_packets_held_limit{relay="old"}', metrics)

    def test_a_relay_that_comes_back_is_shown_again(self):
        relay = self.fake("a")
        exporter = self.exporter("a")
        exporter.wait_up("a")
        relay.stop()
        exporter.wait_up("a", 0)
        self.fake("a")
        exporter.wait_up("a")
        self.assertEqual(exporter.said().count("a answers"), 2)

    def test_relays_are_asked_once_a_round_however_many_ask(self):
        relay = self.fake("a")
        exporter = self.exporter("a")
        exporter.wait_up("a")
        for _ in range(100):
            exporter.ask("/metrics")
            exporter.ask("/state.json")
        done = exporter.metrics()['linemix_exporter_reads_total{relay="a",result="good"}']
        # a round may be under way, and others may have begun since
        self.assertLessEqual(relay.asked.count("/linemix/stats"), done + 3)

    def test_what_is_shown_does_not_change_within_a_round(self):
        self.fake("a")
        exporter = self.exporter("a", extra="interval_seconds: 60\n")
        exporter.wait_up("a")
        first = exporter.ask("/metrics")[2]
        self.assertEqual({exporter.ask("/metrics")[2] for _ in range(20)}, {first})


class Clients(Fakes):
    def setUp(self):
        super().setUp()
        self.fake("a")
        self.server = self.exporter("a")
        self.server.wait_up("a")

    def raw(self, data, seconds=60):
        """What comes back for these bytes until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=seconds) as client:
            back = b""
            try:
                client.sendall(data)
                while part := client.recv(65536):
                    back += part
            except ConnectionError:
                pass
            return back

    def test_other_names_are_refused(self):
        """A page from elsewhere whose name was bound to this address would send its own name."""
        for host in ("evil.example", "evil.example:80", "localhost.evil.example", ""):
            status, _, text = self.server.ask("/metrics", host=host)
            self.assertEqual(status, 403, host)
            self.assertNotIn("linemix_up", text)
        for host in ("localhost", f"127.0.0.1:{self.server.port}", "[::1]", "relay.example"):
            self.assertEqual(self.server.ask("/metrics", host=host)[0], 200, host)
        self.assertNotIn(b"linemix_up", self.raw(b"GET /metrics HTTP/1.0\r\n\r\n"))

    def test_other_methods_and_paths(self):
        status, headers, _ = self.server.ask("/metrics", method="POST")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.server.ask("/metrics", method="HEAD")[2], "")
        for path in ("/../etc/passwd", "/%2e%2e/etc/passwd", "/metrics/", "//", "/ready/b",
                     "/page.html", "/ready/" + "a" * 2000):
            self.assertEqual(self.server.ask(path)[0], 404, path)

    def test_requests_without_end(self):
        big = b"a" * 200_000
        for request in (b"GET /" + big + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + big + b"\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 30_000 + b"\r\n",
                        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
                        + big,
                        bytes(range(256)) * 100, b"\0" * 5000, b"\r\n" * 50_000):
            answer = self.raw(request)
            self.assertFalse(answer.startswith(b"HTTP/1.1 200"), (request[:60], answer[:60]))
            self.assertEqual(self.server.ask("/alive")[0], 200)

    def test_connections_that_trickle_or_say_nothing_end(self):
        """As many as there are places: others are served all the same, and these are shown out."""
        guests = [self.enterContext(socket.create_connection(("127.0.0.1", self.server.port)))
                  for _ in range(100)]
        for guest in guests[::2]:
            guest.sendall(b"GET / HTTP/1.1\r\nX: ")
        self.assertEqual(self.server.ask("/alive", seconds=60)[0], 200)

        def ended(guest):
            try:
                guest.sendall(b"a")
                return guest.recv(1, socket.MSG_DONTWAIT) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        wait(lambda: all([ended(guest) for guest in guests]), 120)
        self.assertEqual(self.server.ask("/alive")[0], 200)

    def test_clients_that_do_not_read(self):
        for _ in range(100):
            client = self.enterContext(socket.create_connection(("127.0.0.1", self.server.port)))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        self.assertEqual(self.server.ask("/alive", seconds=60)[0], 200)


class Page(Fakes):
    def test_it_has_no_outside_resources(self):
        self.fake("a")
        exporter = self.exporter("a")
        for path in ("/", "/page.css", "/page.js", "/icon.svg"):
            status, headers, text = exporter.ask(path)
            self.assertEqual(status, 200)
            outside = set(re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]+[\w/.]*", text))
            self.assertLessEqual(outside, {"http://www.w3.org/2000/svg"}, path)
            self.assertNotIn(" style=", text)
            policy = headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertNotIn("*", policy)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_every_place_that_it_fills_is_there(self):
        page = (SOURCE / "app/exporter/page/page.html").read_text()
        script = (SOURCE / "app/exporter/page/page.js").read_text()
        named = set(re.findall(r'\b(?:by|put|chart)\("([\w-]+)"', script))
        self.assertGreater(len(named), 15)
        self.assertLessEqual(named, set(re.findall(r'\bid="([\w-]+)"', page)))

    def test_its_history_grows(self):
        self.fake("a")
        exporter = self.exporter("a")
        points = wait(lambda: len(json.loads(exporter.ask("/history.json")[2])
                                  ["relays"]["a"]["held"]) > 1)
        self.assertTrue(points)


class Watchers(Fakes):
    """Rules and dashboard ask for what there is, and do as they say."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("promtool"):
            raise unittest.SkipTest("no promtool: scripts/setup installs it")

    def names(self):
        self.fake("a")
        exporter = self.exporter("a")
        exporter.wait_up("a")
        return metric_names("\n".join(exporter.metrics()))

    def test_rules(self):
        checked = promtool("check", "rules", PROMETHEUS / "linemix.rules.yaml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        tested = promtool("test", "rules", PROMETHEUS / "linemix.tests.yaml", cwd=PROMETHEUS)
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)

    def test_every_rule_has_a_test(self):
        rules = (PROMETHEUS / "linemix.rules.yaml").read_text()
        tests = (PROMETHEUS / "linemix.tests.yaml").read_text()
        alerts = set(re.findall(r"- alert: (\w+)", rules))
        self.assertGreater(len(alerts), 15)
        named = set(re.findall(r"\b(Linemix\w+)\b", tests))
        self.assertEqual(alerts - named, set())

    def test_rules_and_dashboard_ask_for_metrics_that_are_there(self):
        there = self.names()
        rules = re.sub(r"^#.*$", "", (PROMETHEUS / "linemix.rules.yaml").read_text(), flags=re.M)
        self.assertLessEqual(metric_names(rules), there)
        dashboard = json.loads((SOURCE / "drivers-config/grafana/linemix.json").read_text())
        asked = [target["expr"] for panel in dashboard["panels"]
                 for target in panel.get("targets", [])]
        asked += [variable["query"]["query"] for variable in dashboard["templating"]["list"]
                  if variable["type"] == "query"]
        self.assertGreater(len(asked), 15)
        self.assertLessEqual(metric_names("\n".join(asked)), there)


tap.main()
