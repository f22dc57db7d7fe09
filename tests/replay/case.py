# SPDX-License-Identifier: BSD-3-Clause
"""A case: a folder as README.md defines it, and the relay run on it."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import captures
import differences

HERE = pathlib.Path(__file__).resolve().parent
GIVEN = {
    "case.json": "what the case is about, and its seed",
    "config.yaml": "the relay's configuration",
    "topology.json": "the signed topology that config.yaml names",
    "keys-*.json": "the relay's mix keys, which config.yaml names",
    "in.pcap": "the frames that come",
}
EXPECTED = {
    "out.pcap": "the frames that must leave",
    "report.json": "the relay's balance",
}
TIMEOUT_S = 120


class Wrong(Exception):
    """A folder that is no case; the text says what it lacks and what to do."""


def folders(root=HERE):
    """Every folder that is a case, or means to be one."""
    return sorted(path for path in root.iterdir()
                  if path.is_dir() and path.name[0] not in "._")


class Case:
    """One folder, read and checked."""

    def __init__(self, folder, expected=True):
        self.folder = pathlib.Path(folder)
        self.name = self.folder.name
        need = {**GIVEN, **(EXPECTED if expected else {})}
        lacks = [f"{name} ({what})" for name, what in need.items()
                 if not list(self.folder.glob(name))]
        if lacks:
            raise Wrong(f"{self.folder}: lacks {', '.join(lacks)}; README.md says what a case holds"
                        + ("" if set(lacks) - set(self.remedies()) else
                           f"; write it with: {HERE / 'make'} --expect {self.folder}"))
        self.about, self.seed = self.read_description()
        config = (self.folder / "config.yaml").read_text()
        for word in ("x25519", "symmetric"):
            if re.search(rf"^\s*{word}\s*:", config, re.M):
                raise Wrong(f"{self.folder}/config.yaml: sets {word}; leave it out, the case runs "
                            "on every backend")
        _, _, text = (self.folder / "topology.json").read_text().partition("\n\n")
        try:
            self.names = differences.node_names(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise Wrong(f"{self.folder}/topology.json: no signed topology: {error}") from None

    @staticmethod
    def remedies():
        return [f"{name} ({what})" for name, what in EXPECTED.items()]

    def read_description(self):
        path = self.folder / "case.json"
        try:
            text = json.loads(path.read_text())
            about, seed = text["about"], text["seed"]
        except (ValueError, KeyError, TypeError) as error:
            raise Wrong(f'{path}: expected {{"about": TEXT, "seed": 64 DIGITS}}: {error}') from None
        if set(text) != {"about", "seed"} or not re.fullmatch("[0-9a-f]{64}", str(seed)):
            raise Wrong(f"{path}: expected about and seed alone, the seed of 64 digits 0-9a-f")
        return about, seed

    def run(self, relay, backend, into):
        """Replays in.pcap with (x25519, symmetric) backends; the balance, and the path of what
        came out, in the folder `into`. Unusable is raised where this CPU has not these."""
        into = pathlib.Path(into)
        for path in self.folder.iterdir():
            if path.name not in EXPECTED:
                shutil.copyfile(path, into / path.name)
                (into / path.name).chmod(0o600)  # keys of other modes are refused
        config = into / "config.yaml"
        config.write_text(f"{config.read_text()}\nx25519: {backend[0]}\nsymmetric: {backend[1]}\n")
        done = subprocess.run(
            [str(relay), "--config", str(config), "--replay", str(into / "in.pcap"), "--out",
             str(into / "out.pcap"), "--json", "--seed", self.seed],
            capture_output=True, text=True, timeout=TIMEOUT_S)
        if "this CPU" in done.stderr and "backend" in done.stderr:
            raise Unusable(done.stderr.strip())
        if done.returncode != 0:
            raise AssertionError(f"the relay ends with {done.returncode}: {done.stderr.strip()}")
        return brief(json.loads(done.stdout)), into / "out.pcap"

    def differences(self, relay, backend):
        """Runs it; how what comes differs from what is expected, in lines."""
        with tempfile.TemporaryDirectory(prefix="linemix-replay-") as into:
            report, out = self.run(relay, backend, into)
            told = [f"report.json: {line}" for line in differences.explain_numbers(
                json.loads((self.folder / "report.json").read_text()), report)]
            return told + self.differences_out(out)

    def differences_out(self, out):
        """The same of a capture that came out."""
        expected = self.folder / "out.pcap"
        if expected.read_bytes() == out.read_bytes():
            return []
        first, second = captures.read(expected), captures.read(out)
        came = captures.read(self.folder / "in.pcap")
        told = differences.explain(first, second, self.names, came[0][0] if came else 0)
        told = told or ["the same frames, but other bytes of the file around them (link type, time "
                        "unit or lengths)"]
        return [f"out.pcap: {line}" for line in
                [f"expected {len(first)} frames, {len(second)} came", *told]]


class Unusable(Exception):
    """This CPU has not the backend."""


def brief(report):
    """A relay's balance without what is 0."""
    short = {name: brief(value) if isinstance(value, dict) else value
             for name, value in report.items()}
    return {name: value for name, value in short.items() if value not in (0, {})}
