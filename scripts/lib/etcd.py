# SPDX-License-Identifier: BSD-3-Clause
"""Debian's etcd-server on loopback, in a folder of its own; and a network's directory on it: agents
and signers as an operator would start them.

Every process started here is killed with us, and nothing is left but the folders that we were
given.
"""
import base64
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

PROGRAM = "etcd"
START_SECONDS = 30
REQUEST_SECONDS = 10
TXN_OPERATIONS = 128  # in one request, by etcd's default


class EtcdError(Exception):
    """What could not be done, in words for the user."""


def installed():
    return shutil.which(PROGRAM) is not None


def free_port():
    """A port that nobody listens on; another program may take it before we do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def here(arguments):
    """The command line that runs these arguments where we are; for others, see netns.py."""
    return [str(word) for word in arguments]


def start(arguments, log, inside=here):
    """Starts a program that dies with us; what it says goes to the end of a file."""
    with open(log, "ab") as output:
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *inside(arguments)],
                                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                process_group=0)


def end(process, seconds=20):
    """Ends a program as a service manager would."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """One etcd. tls: files, "ca", "cert" and "key" of its own, "client_cert" and "client_key".

    inside: how to start it in another network namespace, out of our reach.
    """

    def __init__(self, folder, tls=None, inside=here):
        self.inside = inside
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.peer_port = free_port(), free_port()
        self.tls = tls
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.log = self.folder / "etcd.log"
        self.token = None
        self.process = None

    def arguments(self):
        peer = f"http://127.0.0.1:{self.peer_port}"
        tls = [] if not self.tls else [
            "--cert-file", self.tls["cert"], "--key-file", self.tls["key"],
            "--trusted-ca-file", self.tls["ca"], "--client-cert-auth"]
        return [PROGRAM, "--name", "linemix", "--data-dir", self.folder / "data",
                "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"linemix={peer}", "--logger", "zap", *tls]

    def start(self, wait=True):
        """Starts it, with the data that it has, and waits until it answers."""
        self.process = start(self.arguments(), self.log, self.inside)
        if not wait:
            return self
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                self.post("kv/range", key=text64("health"))
                return self
            except (OSError, EtcdError) as error:
                if isinstance(error, EtcdError):
                    return self  # it answers, if only that it wants to know who asks
            if self.process.poll() is not None or time.monotonic() > limit:
                words = self.log.read_text(errors="replace").splitlines()[-5:]
                raise EtcdError("etcd does not start:\n" + "\n".join(words))
            time.sleep(0.05)

    def kill(self):
        """As a power cut would end it."""
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    close = kill

    def context(self):
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.tls["ca"])
        context.load_cert_chain(self.tls["client_cert"], self.tls["client_key"])
        return context

    def post(self, what, **fields):
        """One request to the JSON gateway; its answer."""
        request = urllib.request.Request(f"{self.url}/v3/{what}", json.dumps(fields).encode(),
                                         {"Content-Type": "application/json"})
        if self.token:
            request.add_header("Authorization", self.token)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS,
                                        context=self.context()) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise EtcdError(error.read().decode(errors="replace")) from error

    def get(self, key):
        """The value of a key, or None."""
        kvs = self.post("kv/range", key=text64(key)).get("kvs", [])
        return base64.b64decode(kvs[0].get("value", "")) if kvs else None

    def keys(self, prefix):
        """All keys that begin so."""
        last = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        answer = self.post("kv/range", key=text64(prefix), range_end=text64(last), keys_only=True)
        return [base64.b64decode(kv["key"]).decode() for kv in answer.get("kvs", [])]

    def put(self, key, value):
        self.post("kv/put", key=text64(key), value=base64.b64encode(value).decode())

    def put_all(self, values):
        """{key: value}, in as few requests as etcd allows."""
        left = [{"requestPut": {"key": text64(key), "value": base64.b64encode(value).decode()}}
                for key, value in values.items()]
        while left:
            self.post("kv/txn", success=left[:TXN_OPERATIONS])
            left = left[TXN_OPERATIONS:]

    def delete(self, key):
        self.post("kv/deleterange", key=text64(key))


def text64(text):
    return base64.b64encode(text.encode()).decode()


AGENT = """\
endpoints: [{endpoints}]
prefix: {prefix}
authorities: [{authorities}]
threshold: {threshold}
topology: {topology}
poll_ms: {poll_ms}
timeout_ms: {timeout_ms}
backoff_seconds: 2
{extra}"""


class Directory:
    """Agents and signers of one network: started one by one, ended all together.

    program: linemix-directory; authorities: public keys as text.
    """

    def __init__(self, program, folder, endpoints, authorities, threshold, *,
                 prefix="/linemix/test", poll_ms=200, timeout_ms=2000, inside=here):
        self.inside = inside
        self.program = program
        self.folder = pathlib.Path(folder)
        self.settings = {"endpoints": ", ".join(f'"{url}"' for url in endpoints),
                         "authorities": ", ".join(f'"{key}"' for key in authorities),
                         "threshold": threshold, "prefix": prefix, "poll_ms": poll_ms,
                         "timeout_ms": timeout_ms}
        self.authorities, self.threshold = authorities, threshold
        self.processes = {}

    def log(self, name):
        return self.folder / f"{name}.log"

    def said(self, name):
        log = self.log(name)
        return log.read_text(errors="replace") if log.exists() else ""

    def config(self, name, topology, extra=""):
        path = self.folder / f"{name}.yaml"
        path.write_text(AGENT.format(**self.settings, topology=topology, extra=extra))
        return path

    def start(self, name, *arguments):
        self.processes[name] = start([self.program, *arguments], self.log(name), self.inside)
        return self.processes[name]

    def agent(self, name, topology, extra=""):
        """Starts an agent that keeps this topology file."""
        return self.start(name, "agent", "--config", self.config(name, topology, extra))

    def relay(self, name, topology, descriptor, lease_seconds=3600):
        """Starts the agent of a relay, whose descriptor it publishes."""
        return self.agent(name, topology,
                          f"descriptor: {descriptor}\nlease_seconds: {lease_seconds}\n")

    def signer(self, number, key, plan):
        """Starts the signer of authority `number` (from 1) and waits for its folders."""
        name = f"signer-{number}"
        state = self.folder / name
        state.mkdir(exist_ok=True)
        words = [word for authority in self.authorities for word in ("--authority", authority)]
        before = self.said(name).count("ready")
        process = self.start(name, "signer", "--state", state, "--key", key, "--plan", plan,
                             "--threshold", self.threshold, *words)
        limit = time.monotonic() + START_SECONDS
        while self.said(name).count("ready") == before:
            if process.poll() is not None or time.monotonic() > limit:
                raise EtcdError(f"{name} does not start: {self.said(name)}")
            time.sleep(0.02)
        return process

    def authority(self, number, key, plan, lead_seconds=0):
        """Starts signer and agent of an authority."""
        self.signer(number, key, plan)
        state = self.folder / f"signer-{number}"
        topology = self.folder / f"authority-{number}.topology"
        extra = (f"authority: {{key: \"{self.authorities[number - 1]}\", signer: {state}, "
                 f"plan: {plan}, lead_seconds: {lead_seconds}}}\n")
        return self.agent(f"authority-{number}", topology, extra)

    def end(self, name):
        process = self.processes.pop(name)
        end(process)
        return process.returncode

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def close(self):
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        self.processes = {}
