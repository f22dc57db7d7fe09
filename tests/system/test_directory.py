# SPDX-License-Identifier: BSD-3-Clause
"""A network of one's own: authorities, a plan, descriptors, documents epoch after epoch, and what
linemix-directory says of everything that can be wrong with them."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import tap
from network import BUILD, GEN, RELAY, run

DIRECTORY = BUILD / "app/directory/linemix-directory"
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
START = "2026-11-25T10:00:00Z"
EPOCH = 3  # of the first document; keys are there from epoch 2 on
MIXES = [11, 12, 13, 21, 22, 23, 31, 32, 33]
GATEWAYS = [91, 92]

RELAY_CONFIG = """\
node: 21
topology: topology.json
keys: keys-21.json
runtime: none
file_prefix: linemix-test-directory
port: {device: "net_null0"}
cpus: {workers: [0], mixer: 0, idle: yield}
link: {mode: none}
"""


class Authorities:
    """A folder with three authorities, a plan, and eleven nodes' keys and descriptors."""

    def __init__(self, start=START):
        self.folder = tempfile.TemporaryDirectory(prefix="linemix-test-")
        self.path = pathlib.Path(self.folder.name)
        self.public = [self.key("authority", f"authority-{i}.key") for i in (1, 2, 3)]
        self.plan = {
            "format": "linemix-plan-v1", "start": start, "epoch_seconds": 1200, "profile": 0,
            "mixing": {"strategy": "poisson", "mean_delay_us": 200000},
            "cover": {"loop_interval_us": 100000, "drop_interval_us": 0, "link_interval_us": 0},
            "paths": {"choice": "uniform", "jurisdictions": False}, "layers": 3,
            "members": [self.member(node) for node in MIXES + GATEWAYS]}
        self.write_plan()
        (self.path / "descriptors").mkdir()
        for node in MIXES + GATEWAYS:
            self.key("link", f"link-{node}.key")
            self.directory("keys", "mix", "--id", node, "--epoch", EPOCH - 1, "--count", 12,
                           f"keys-{node}.json")
            self.describe(node)
        (self.path / "authorities.yaml").write_text(
            "authorities:\n" + "".join(f"- {key}\n" for key in self.public) + "threshold: 2\n")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.folder.cleanup()

    def directory(self, *words, ok=True):
        return run(DIRECTORY, *words, ok=ok, cwd=self.path)

    def json(self, *words, ok=True):
        done = self.directory(*words, "--json", ok=ok)
        return json.loads(done.stdout)

    def key(self, kind, name):
        return self.directory("keys", kind, name).stdout.strip()

    def member(self, node):
        member = {"id": node, "role": "gateway" if node in GATEWAYS else "mix",
                  "operator": f"Operator {node}", "jurisdiction": "CH",
                  "identity": self.key("identity", f"identity-{node}.key")}
        if node in MIXES:
            member["layer"] = node // 10
        return member

    def write_plan(self):
        (self.path / "plan.json").write_text(json.dumps(self.plan))

    def describe(self, node, *more, out=None, made="2026-11-25T10:50:00Z", ok=True):
        return self.directory(
            "descriptor", "--id", node, "--identity", f"identity-{node}.key", "--link",
            f"link-{node}.key", "--keys", f"keys-{node}.json", "--capacity", 10000, "--address",
            f"10.77.0.{node}:7000", "--made", made, *more, "--out",
            out or f"descriptors/{node}", ok=ok)

    def build(self, *more, out="next.json", epoch=EPOCH, ok=True):
        return self.json("build", "--plan", "plan.json", "--epoch", epoch, "--out", out, *more,
                         "descriptors", ok=ok)

    def sign(self, document="next.json", out="topology.json", by=(1, 2)):
        """Each authority signs on its own; then the signatures are merged."""
        for i in by:
            self.directory("sign", "--key", f"authority-{i}.key", "--out", f"{out}.{i}", document)
        self.directory("sign", "--out", out, *[f"{out}.{i}" for i in by])

    def check(self, *words):
        """The mistakes of one file."""
        done = self.directory("check", *words, "--json", ok=False)
        (report,) = json.loads(done.stdout)
        assert done.returncode == (1 if report["mistakes"] else 0), done
        return report["mistakes"]

    def trusted(self, *words):
        return self.check("--authorities", "authorities.yaml", *words)

    def first(self):
        self.build()
        self.sign()

    def text(self, name):
        return (self.path / name).read_text()


class Network(unittest.TestCase):
    def test_documents_of_two_epochs(self):
        with Authorities() as net:
            report = net.build()
            self.assertEqual((report["in"], report["out"], report["refused"]), (11, 0, 0))
            net.sign()
            self.assertEqual(net.trusted("topology.json"), [])
            net.build("--previous", "topology.json", "--authorities", "authorities.yaml",
                      epoch="next")
            net.sign(out="second.json", by=(2, 3))
            self.assertEqual(net.trusted("--previous", "topology.json", "second.json"), [])
            second = json.loads(net.text("next.json"))
            self.assertEqual((second["epoch"], second["from"], second["until"]),
                             (EPOCH + 1, "2026-11-25T11:20:00Z", "2026-11-25T11:40:00Z"))
            diff = net.json("diff", "topology.json", "second.json")
            self.assertTrue(diff["follows"])
            self.assertEqual({change["what"] for change in diff["changes"]},
                             {"epoch", "from", "until"})

    def test_every_authority_builds_the_same_bytes(self):
        with Authorities() as net:
            net.build(out="a.json")
            names = sorted((net.path / "descriptors").iterdir(), reverse=True)
            net.json("build", "--plan", "plan.json", "--epoch", EPOCH, "--out", "b.json", *names)
            net.plan["members"].reverse()
            net.write_plan()
            net.build(out="c.json")
            self.assertEqual(net.text("a.json"), net.text("b.json"))
            self.assertEqual(net.text("a.json"), net.text("c.json"))

    def test_a_relay_takes_the_signed_file(self):
        now = time.gmtime(time.time() - EPOCH * 1200 - 60)  # in the first document's epoch
        with Authorities(time.strftime("%Y-%m-%dT%H:%M:%SZ", now)) as net:
            net.first()
            (net.path / "relay.yaml").write_text(RELAY_CONFIG + net.text("authorities.yaml"))
            done = run(RELAY, "--check-config", "--config", "relay.yaml", cwd=net.path, ok=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            net.sign(out="topology.json", by=(1,))
            done = run(RELAY, "--check-config", "--config", "relay.yaml", cwd=net.path, ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("1 good signatures of the 2 needed", done.stderr)

    def test_readme_makes_a_network(self):
        """The commands of README's section, as they stand there."""
        section = README.read_text().split("## A network of your own\n")[1].split("\n## ")[0]
        commands = "".join(line[4:] + "\n" for line in section.splitlines()
                           if line.startswith("    "))
        with tempfile.TemporaryDirectory(prefix="linemix-test-") as folder:
            path = f"{DIRECTORY.parent}:{GEN.parent}:{os.environ['PATH']}"
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=folder,
                                  env={**os.environ, "PATH": path}, capture_output=True, text=True,
                                  timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("topology.json: ok, a topology", done.stdout)


class Members(unittest.TestCase):
    def test_a_retired_member_is_out_for_good(self):
        with Authorities() as net:
            net.first()
            net.directory("retire", "--plan", "plan.json", 12, 92)
            report = net.build("--previous", "topology.json", epoch="next")
            self.assertEqual((report["in"], report["retired"]), (9, 2))
            diff = net.json("diff", "topology.json", "next.json")
            self.assertIn({"node": 12, "what": "out", "before": "layer 1, Operator 12, CH",
                           "after": ""}, diff["changes"])
            self.assertIn({"node": 0, "what": "nodes", "before": "11", "after": "9"},
                          diff["changes"])
            plan = json.loads(net.text("plan.json"))
            self.assertTrue([m for m in plan["members"] if m["id"] == 12][0]["retired"])
            # neither twice, nor somebody who is none; and then nothing has changed
            for node, message in ((12, "member 12 is retired"), (77, "there is no member 77")):
                done = net.directory("retire", "--plan", "plan.json", 13, node, ok=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(message, done.stderr)
                self.assertEqual(json.loads(net.text("plan.json")), plan)

    def test_what_changed_is_shown(self):
        with Authorities() as net:
            net.first()
            for member in net.plan["members"]:
                if member["id"] == 13:
                    member["layer"] = 2
                elif member["id"] == 22:
                    member["capacity"] = 500
            net.plan["mixing"]["mean_delay_us"] = 300000
            net.write_plan()
            net.describe(23, "--address", "[2001:db8::23]:7001", made="2026-11-25T10:51:00Z")
            net.build("--previous", "topology.json", epoch="next")
            changes = net.json("diff", "topology.json", "next.json")["changes"]
            for node, what, before, after in (
                    (0, "mixing.mean_delay_us", "200000", "300000"),
                    (13, "moved", "layer 1", "layer 2"), (22, "capacity", "10000", "500"),
                    (23, "addresses", "10.77.0.23:7000", "10.77.0.23:7000, [2001:db8::23]:7001")):
                self.assertIn({"node": node, "what": what, "before": before, "after": after},
                              changes)
            text = net.directory("diff", "topology.json", "next.json").stdout
            self.assertIn("moved: layer 1 -> layer 2", text)
            self.assertIn("7 changes; the second names the first as the one before", text)

    def test_who_is_left_out_is_said_with_the_reason(self):
        with Authorities() as net:
            net.first()
            shutil.copy(net.path / "descriptors/11", net.path / "descriptors/copy")
            (net.path / "descriptors/12").unlink()
            (net.path / "descriptors/13").write_text("junk")
            (net.path / "descriptors/.hidden").write_text("junk")
            text = net.text("descriptors/21").replace('"capacity": 10000', '"capacity": 99999')
            (net.path / "descriptors/21").write_text(text)
            net.describe(22, "--address", "10.77.0.92:7000", made="2026-11-25T10:51:00Z")
            report = net.build("--previous", "topology.json", epoch="next")
            lines = {(line["verdict"], line["id"]): line["why"] for line in report["lines"]}
            self.assertEqual((report["in"], report["out"], report["refused"]), (7, 4, 2))
            self.assertEqual(lines["out", 22],
                             "claims the address of node 92, which has it already")
            self.assertEqual(lines["refused", 21],
                             "the signature is wrong; sign these bytes again")
            self.assertRegex(lines["refused", 0], "is no signed file")
            for node in (12, 13, 21):
                self.assertIn(("out", node), lines)

    def test_no_document_where_a_layer_is_empty(self):
        with Authorities() as net:
            for node in (21, 22, 23):
                (net.path / f"descriptors/{node}").unlink()
            done = net.directory("build", "--plan", "plan.json", "--epoch", EPOCH, "--out",
                                 "next.json", "descriptors", ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("layer 2 has no mix", done.stderr)
            self.assertIn("22: none of its descriptors counts", done.stderr)
            self.assertFalse((net.path / "next.json").exists())


class Signatures(unittest.TestCase):
    def test_signatures_that_do_not_count(self):
        with Authorities() as net:
            net.first()
            net.key("authority", "authority-9.key")
            net.sign(out="few.json", by=(1, 9))
            mistakes = net.trusted("few.json")
            self.assertEqual(len(mistakes), 2)
            self.assertIn("has signed, and is no authority", mistakes[0])
            self.assertIn("has 1 good signatures by authorities; 2 are needed", mistakes[1])
            changed = net.text("topology.json").replace("Operator 11", "Operator 1l")
            (net.path / "changed.json").write_text(changed)
            mistakes = net.trusted("changed.json")
            self.assertEqual(len([m for m in mistakes if "signature by" in m]), 2)
            self.assertIn("has 0 good signatures", mistakes[2])
            # wrong ones are left out when signatures are merged
            done = net.directory("sign", "--key", "authority-3.key", "--out", "again.json",
                                 "changed.json")
            self.assertEqual(done.stderr.count("is wrong; left out"), 2)
            self.assertEqual(net.text("again.json").count("\nsignature "), 1)

    def test_signatures_without_the_document(self):
        with Authorities() as net:
            net.build()
            for i in (1, 2):
                net.directory("sign", "--detached", "--key", f"authority-{i}.key", "--out",
                              f"{i}.signature", "next.json")
            self.assertLess((net.path / "1.signature").stat().st_size, 300)
            net.directory("sign", "--out", "one.json", "next.json", "1.signature", "2.signature")
            net.directory("sign", "--out", "two.json", "next.json", "2.signature", "1.signature",
                          "2.signature")
            self.assertEqual(net.text("one.json"), net.text("two.json"))
            self.assertEqual(net.trusted("one.json"), [])

    def test_what_is_not_signed(self):
        with Authorities() as net:
            net.first()
            net.build("--previous", "topology.json", epoch="next", out="second.json")
            sign = ("sign", "--key", "authority-1.key", "--out", "signed.json")
            document = json.loads(net.text("second.json"))
            document["nodes"][0]["capacity"] = 0
            (net.path / "bad.json").write_text(json.dumps(document))
            for words, message in (
                    (("bad.json",), "nodes[0].capacity: 0 is out of range"),
                    (("--previous", "second.json", "topology.json"),
                     "epoch: is 3, but the document before is of epoch 4"),
                    (("second.json", "topology.json"), "is another document than the first one"),
                    (("second.json", "plan.json"), "is no signed file"),
                    (("plan.json",), '"linemix-plan-v1" is no known format'),
                    (("missing.json",), "missing.json")):
                with self.subTest(message):
                    done = net.directory(*sign, *words, ok=False)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(message, done.stderr)
                    self.assertFalse((net.path / "signed.json").exists())
            for words in (("--key", "identity-11.key"), ("--key", "plan.json")):
                done = net.directory("sign", *words, "--out", "signed.json", "second.json",
                                     ok=False)
                self.assertEqual(done.returncode, 1)

    def test_the_document_before_needs_its_signatures(self):
        with Authorities() as net:
            net.build()
            net.sign(by=(3,))
            done = net.directory("build", "--plan", "plan.json", "--previous", "topology.json",
                                 "--authorities", "authorities.yaml", "--out", "second.json",
                                 "descriptors", ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("has 1 good signatures of the 2 that are needed", done.stderr)


class Check(unittest.TestCase):
    def test_every_mistake_is_said(self):
        with Authorities() as net:
            net.first()
            document = json.loads(net.text("next.json"))
            document["colour"] = 1
            document["profile"] = 9
            document["nodes"][3]["jurisdiction"] = "Switzerland"
            document["nodes"][4]["keys"].pop("5")
            document["nodes"][6]["addresses"][0]["ip"] = "10.77.0.11"
            (net.path / "bad.json").write_text(json.dumps(document))
            self.assertEqual(net.check("bad.json"), [
                'bad.json: unknown field "colour"; see FORMAT.md for the fields',
                "bad.json: profile: 9 is out of range; a number from 0 to 1",
                'bad.json: nodes[3].jurisdiction: "Switzerland" is none; two capital letters',
                "bad.json: nodes[4].keys.5: is missing; 64 hexadecimal digits",
                "bad.json: nodes[6].addresses: stands at nodes[0] already; every node has its own",
            ])
            net.plan["layers"] = 7
            net.plan["members"][0]["role"] = "king"
            net.write_plan()
            self.assertEqual(net.check("plan.json"), [
                "plan.json: layers: 7 is out of range; a number from 1 to 4",
                'plan.json: members[0].role: "king" is no role; mix or gateway'])

    def test_every_wrong_proof_is_said(self):
        with Authorities() as net:
            text = net.text("descriptors/11")
            text = re.sub(r'"proof": "([0-9a-f]{100})', lambda m: m.group(0)[:-1] + (
                "0" if m.group(0)[-1] != "0" else "1"), text, count=3)
            (net.path / "bad").write_text(text)
            mistakes = net.check("bad")
            self.assertIn("the signature is wrong", mistakes[0])
            self.assertEqual([m.split(": ")[1] for m in mistakes[1:]],
                             ["link.proof", "keys.2.proof", "keys.3.proof"])

    def test_a_successor_that_is_none(self):
        with Authorities() as net:
            net.first()
            net.build("--previous", "topology.json", epoch="next", out="second.json")
            document = json.loads(net.text("second.json"))
            document["previous"] = "11" * 32
            document["from"] = "2026-11-25T11:21:00Z"
            document["nodes"][2]["keys"]["5"] = document["nodes"][2]["link"]
            (net.path / "bad.json").write_text(json.dumps(document))
            mistakes = net.check("--previous", "topology.json", "bad.json")
            self.assertEqual(len(mistakes), 3, mistakes)
            self.assertIn("previous: is 1111111111111111..", mistakes[0])
            self.assertIn("from: is 2026-11-25T11:21:00Z, but the document before ends at "
                          "2026-11-25T11:20:00Z", mistakes[1])
            self.assertIn("node 13: the key of epoch 5 is not the one", mistakes[2])
            broken = net.json("diff", "topology.json", "bad.json")
            self.assertFalse(broken["follows"])
            self.assertIn("broken promise: key of epoch 5",
                          [change["what"] for change in broken["changes"]])

    def test_time(self):
        with Authorities() as net:
            net.first()  # in force from 11:00 to 11:20, and one epoch more
            for at, message in (("2026-11-25T10:39:59Z", "is from the future"),
                                ("2026-11-25T10:40:00Z", None), ("2026-11-25T11:40:00Z", None),
                                ("2026-11-25T11:40:01Z", "has expired")):
                mistakes = net.trusted("--at", at, "topology.json")
                if message:
                    self.assertIn(message, mistakes[0])
                else:
                    self.assertEqual(mistakes, [])

    def test_several_files_and_people(self):
        with Authorities() as net:
            net.first()
            done = net.directory("check", "plan.json", "descriptors/11", "topology.json")
            self.assertEqual(done.stdout, "plan.json: ok, a plan\n"
                                          "descriptors/11: ok, a descriptor\n"
                                          "topology.json: ok, a topology\n")
            done = net.directory("check", "plan.json", "missing", ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("missing: cannot be opened", done.stdout)
            (net.path / "cut").write_text(net.text("topology.json")[:200])
            self.assertIn("is no signature", net.check("cut")[0])


class Descriptors(unittest.TestCase):
    def test_what_a_descriptor_says(self):
        with Authorities() as net:
            shown = net.json("descriptor", "--show", "descriptors/11")
            self.assertEqual((shown["id"], shown["made"]), (11, "2026-11-25T10:50:00Z"))
            self.assertEqual(sorted(map(int, shown["keys"])), list(range(2, 14)))
            net.describe(11, "--first", 5, out="later")
            shown = net.json("descriptor", "--show", "later")
            self.assertEqual(sorted(map(int, shown["keys"])), list(range(5, 14)))
            self.assertIn("capacity  10000 packets a second",
                          net.directory("descriptor", "--show", "later").stdout)

    def test_what_makes_no_descriptor(self):
        with Authorities() as net:
            for more, message in ((("--first", 12), "keys: has 2 epochs; 3 to 64"),
                                  (("--keys", "keys-12.json"), "these are not the keys of node 11"),
                                  (("--link", "identity-11.key"), "is no key file of kind link"),
                                  (("--address", "10.77.0.11:7000"), "are the same"),
                                  (("--address", "224.0.0.1:7000"), "a unicast address")):
                with self.subTest(message):
                    done = net.describe(11, *more, out="none", ok=False)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(message, done.stderr)
                    self.assertFalse((net.path / "none").exists())
            os.chmod(net.path / "identity-11.key", 0o644)
            done = net.describe(11, ok=False)
            self.assertIn("others may read this key; run: chmod 600 identity-11.key", done.stderr)


class Usage(unittest.TestCase):
    def test_keys_are_not_overwritten_and_private(self):
        with Authorities() as net:
            old = net.text("authority-1.key")
            done = net.directory("keys", "authority", "authority-1.key", ok=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(net.text("authority-1.key"), old)
            self.assertEqual((net.path / "authority-1.key").stat().st_mode & 0o777, 0o600)
            self.assertEqual(net.json("keys", "--show", "authority", "authority-1.key"),
                             {"kind": "authority", "public": net.public[0]})
            done = net.directory("keys", "mix", "--id", 11, "--epoch", 2, "keys-11.json", ok=False)
            self.assertEqual(done.returncode, 1)

    def test_wrong_words_are_usage(self):
        with Authorities() as net:
            for words in ((), ("dance",), ("keys",), ("keys", "king", "x.key"),
                          ("keys", "mix", "x.json"), ("descriptor", "--id", "0"),
                          ("descriptor", "--id", "11"), ("build", "--plan", "plan.json"),
                          ("build", "--epoch", "-1"), ("sign",), ("check",),
                          ("check", "--at", "today", "plan.json"), ("diff", "plan.json"),
                          ("diff", "a", "b", "c"), ("retire", "--plan", "plan.json"),
                          ("retire", "--plan", "plan.json", "x"),
                          ("check", "--authority", "12", "plan.json"),
                          ("check", "--authority", "11" * 32, "--threshold", "2", "plan.json"),
                          ("descriptor", "--address", "10.0.0.1"),
                          ("descriptor", "--address", "[::1:7000")):
                with self.subTest(words):
                    self.assertEqual(net.directory(*words, ok=False).returncode, 2)
            for words in (("--help",), ("--version",), ("keys", "--help"), ("build", "--help"),
                          ("descriptor", "--help"), ("sign", "--help"), ("check", "--help"),
                          ("diff", "--help"), ("retire", "--help"), ("keys", "--version")):
                with self.subTest(words):
                    self.assertTrue(net.directory(*words).stdout)


if __name__ == "__main__":
    tap.main()
