# SPDX-License-Identifier: BSD-3-Clause
"""A hostile etcd costs an agent freshness, and nothing else: whatever it answers, the topology file
stays the last good document; once it is honest again the agent takes the next one."""
import json
import pathlib
import re
import shutil
import time
import unittest

import etcd
import fleet
import tap
from fake_etcd import FakeEtcd, text64
from fleet import DIRECTORY, SANITIZED, Fleet, signed_parts, wait

SPAN_S = 3600
MEMORY_KB = (1000 if SANITIZED else 60) << 10  # that an agent has, whatever it is answered
NOW = 6  # the epoch in which we are: the follower begins with the document before


def changed(fake, handler, change):
    """An honest answer, changed."""
    answer = fake.answer(handler)
    change(answer)
    fake.send(handler, json.dumps(answer).encode())


def every_value(value):
    def change(answer):
        for response in answer.get("responses", []):
            for kv in response["response_range"]["kvs"]:
                kv.update(value)
    return change


def drop_one(answer):
    answer.get("responses", []).pop()


def double(answer):
    for response in answer.get("responses", []):
        response["response_range"]["kvs"] *= 2


def endless(fake, handler):
    """A body without an end."""
    fake.send(handler, b"", length=1 << 50)
    while True:
        handler.wfile.write(b"[" * 65536)


def drip(fake, handler):
    """A byte now and then."""
    fake.send(handler, b"", length=1 << 20)
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def headers(fake, handler):
    """Headers without an end."""
    handler.send_response(200)
    while True:
        handler.send_header("X-More", "x" * 4000)
        handler.flush_headers()


# how a gateway can answer wrongly, whatever it is asked
ANSWERS = {
    "garbage": lambda fake, handler: fake.send(handler, b"\x00\xff{{{"),
    "nothing": lambda fake, handler: fake.send(handler, b""),
    "many parts": lambda fake, handler: fake.send(handler, b'{"a":[' + b"{}," * 700000 + b"{}]}"),
    "many parts in an error": lambda fake, handler: fake.send(
        handler, b'{"a":[' + b"{}," * 20000 + b"{}]}", 500),
    "a list": lambda fake, handler: fake.send(handler, b"[1]"),
    "deep": lambda fake, handler: fake.send(handler, b'{"a":' + b"[" * 100000),
    "an error": lambda fake, handler: fake.send(handler, b'{"error":"\x1b[31m no","code":2}', 500),
    "compacted": lambda fake, handler: fake.send(handler, b'{"error":"compacted","code":11}', 400),
    "elsewhere": lambda fake, handler: fake.send(handler, b"", 302),
    "a cut body": lambda fake, handler: fake.send(handler, b"{", length=100),
    "never": lambda fake, handler: time.sleep(3),
    "endless": endless,
    "drop by drop": drip,
    "endless headers": headers,
    "too few": lambda fake, handler: changed(fake, handler, drop_one),
    "twice": lambda fake, handler: changed(fake, handler, double),
    "another key": lambda fake, handler: changed(fake, handler,
                                                 every_value({"key": text64(b"/other")})),
    "no base64": lambda fake, handler: changed(fake, handler, every_value({"value": "%%%"})),
    "a number": lambda fake, handler: changed(fake, handler, every_value({"value": 7})),
    "no revision": lambda fake, handler: changed(fake, handler,
                                                 every_value({"create_revision": "-1"})),
}


class Lies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(8, SPAN_S, int(time.time()) - NOW * SPAN_S - SPAN_S // 2, first=4)
        make = cls.fleet.document
        cls.before = make("5", 5)
        cls.good = make("6", 6, cls.before)
        cls.other = make("6-other", 6, cls.before, without=(8,))
        cls.alone = make("6-alone", 6, cls.before, signers=(3,))
        cls.next = make("7", 7, cls.good)
        cls.next_of_other = make("7-of-other", 7, cls.other)
        cls.foreign = Fleet(8, SPAN_S, cls.fleet.begin, first=4)
        cls.stranger = cls.foreign.document("6", 6, cls.foreign.document("5", 5))

    @classmethod
    def tearDownClass(cls):
        cls.fleet.__exit__()
        cls.foreign.__exit__()

    def setUp(self):
        self.fake = FakeEtcd()
        self.directory = etcd.Directory(DIRECTORY, self.fleet.path, [self.fake.url],
                                        self.fleet.authorities, 2, poll_ms=50, timeout_ms=800)
        self.topology = self.fleet.path / "topology"

    def tearDown(self):
        self.directory.close()
        self.fake.close()
        self.directory.log("agent").unlink(missing_ok=True)

    def start(self, document):
        """An agent whose file is this document."""
        if "agent" in self.directory.processes:
            self.directory.kill("agent")
        self.topology.write_bytes(document.read_bytes())
        self.directory.agent("agent", self.topology)

    def stays(self, document, requests=4):
        """After some more requests the file is still this document, and the agent goes on."""
        limit = self.fake.requests + requests
        wait(lambda: self.fake.requests >= limit, 30, lambda: self.directory.said("agent"))
        time.sleep(0.1)  # for what the last answer brings about
        self.assertEqual(self.topology.read_bytes(), document.read_bytes())
        self.assertIsNone(self.directory.processes["agent"].poll(), self.directory.said("agent"))

    def comes(self, document):
        """The file becomes this document: the same bytes signed, by any of its authorities."""
        wanted = signed_parts(document)[1]
        wait(lambda: signed_parts(self.topology)[1] == wanted, 60,
             lambda: self.directory.said("agent"))

    def most_memory_kb(self):
        """The most that the agent has had."""
        status = pathlib.Path(f"/proc/{self.directory.processes['agent'].pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))

    def heals(self):
        """Once etcd is honest, the next document comes."""
        self.fake.lie, self.fake.store = None, {}
        self.fake.put_document(self.good, 6)
        self.comes(self.good)

    def test_an_honest_one_is_believed(self):
        self.fake.put_document(self.good, 6)
        self.start(self.before)
        self.comes(self.good)
        self.fake.put_document(self.next, 7)
        self.comes(self.next)

    def test_answers_that_are_wrong_change_nothing(self):
        for name, lie in ANSWERS.items():
            with self.subTest(name):
                self.fake.store = {}
                self.fake.put_document(self.good, 6)
                self.fake.lie = lambda handler, lie=lie: lie(self.fake, handler)
                self.start(self.before)
                self.stays(self.before, 2)
                self.assertLess(self.most_memory_kb(), MEMORY_KB)
                self.heals()
        said = self.directory.said("agent")
        self.assertIn("the document in force serves for", said)
        self.assertNotIn("\x1b", said)

    def refused(self, name, epoch=6, document=None, **how):
        with self.subTest(name):
            self.fake.store, self.fake.lie = {}, None
            self.fake.put_document(document or self.good, epoch, **how)
            self.start(self.before)
            self.stays(self.before)
            self.heals()

    def test_documents_that_are_wrong_are_not_taken(self):
        bytes_ = signed_parts(self.good)[1]
        keys = self.fleet.authorities
        flipped = bytes_.replace(b"Operator 1", b"Operator x")
        self.assertNotEqual(flipped, bytes_)
        self.refused("a changed chunk", chunks={0: flipped})
        self.refused("a chunk that is cut", chunks={0: bytes_[:-1]})
        self.refused("a chunk that is too long", chunks={0: bytes_ + b" "})
        self.refused("an empty chunk", chunks={0: b""})
        self.refused("another hash", hash_="00" * 32)
        self.refused("an old one as a new one", document=self.before)
        self.refused("one of another epoch", document=self.good, epoch=7)
        self.refused("signed by one of three", document=self.alone)
        strangers = dict(zip(self.foreign.authorities, keys))
        self.refused("another network's", document=self.stranger, voters=strangers)
        mine = signed_parts(self.good)[0]
        swapped = dict(zip(mine, reversed(mine)))
        self.refused("signatures that are swapped", voters=swapped)

    def test_claims_of_votes_are_bounded(self):
        self.start(self.before)
        for text in (b"00" * 32 + b" 99999999 " + b"00" * 64 + b"\n", b"x" * 1000, b"", b"\n",
                     b"00" * 32 + b" 00000000 " + b"00" * 64 + b"\n"):
            with self.subTest(text[:80]):
                for key in self.fleet.authorities:
                    self.fake.store[f"/linemix/test/epochs/{6:010}/{key}"] = text
                self.stays(self.before, 2)
        self.heals()

    def test_of_two_documents_of_one_epoch_the_first_stays(self):
        self.fake.put_document(self.good, 6)
        self.start(self.before)
        self.comes(self.good)
        first = self.fleet.path / "first"
        first.write_bytes(self.topology.read_bytes())
        self.fake.store = {}
        self.fake.put_document(self.other, 6)
        self.stays(first)
        self.start(first)
        self.stays(first)
        # nor what follows the other one
        self.fake.put_document(self.next_of_other, 7)
        self.stays(first)
        self.assertIn("not taken", self.directory.said("agent"))
        self.fake.put_document(self.next, 7)
        self.comes(self.next)

    def test_a_liar_among_others_delays_no_longer_than_its_turn(self):
        honest = FakeEtcd()
        honest.put_document(self.good, 6)
        self.directory.settings["endpoints"] = f'"{self.fake.url}", "{honest.url}"'
        try:
            self.start(self.before)  # the first says, in good words, that there is nothing
            self.comes(self.good)
        finally:
            honest.close()

    def test_without_a_file_the_newest_document_is_found(self):
        self.fake.put_document(self.good, 6)
        self.fake.put_document(self.alone, 9)
        self.fake.store["/linemix/test/epochs/9999999999/x"] = b""
        self.fake.store["/linemix/test/epochs/" + "z" * 3000] = b""
        self.topology.unlink(missing_ok=True)
        self.directory.agent("agent", self.topology)
        self.comes_to_be()

    def comes_to_be(self):
        wait(self.topology.exists, 30, lambda: self.directory.said("agent"))
        self.assertEqual(self.fleet.check(self.topology)["epoch"], 6)

    def test_a_file_that_is_wrong_is_left_to_the_operator(self):
        self.fake.put_document(self.good, 6)
        self.topology.write_text("linemix-signed-v1\n\n{}")
        agent = self.directory.agent("agent", self.topology)
        self.assertEqual(agent.wait(20), 1)
        self.assertEqual(self.topology.read_text(), "linemix-signed-v1\n\n{}")


class Descriptors(unittest.TestCase):
    """An authority's agent hands in what members have signed, and nothing that others have put
    there."""
    SPAN_S, LEAD_S = 20, 15  # an attempt in a third of the lead
    JUNK = 32000  # bytes: as large as a descriptor may be, nearly

    def setUp(self):
        self.fleet = self.enterContext(Fleet(8, self.SPAN_S, int(time.time()) + self.LEAD_S))
        self.fake = FakeEtcd()
        self.addCleanup(self.fake.close)
        self.directory = etcd.Directory(DIRECTORY, self.fleet.path, [self.fake.url],
                                        self.fleet.authorities, 2, poll_ms=50, timeout_ms=2000)
        self.addCleanup(self.directory.close)
        self.inbox = self.fleet.path / "signer-1/inbox"

    def put(self, node, bytes_):
        """Somebody writes to the place of a node's descriptor."""
        self.fake.store[f"/linemix/test/descriptors/{node:010}"] = bytes_

    def said(self):
        return self.directory.said("authority-1") + self.directory.said("signer-1")

    def attempts(self):
        """Folders with what was handed in, or is about to be."""
        return [path for path in self.inbox.iterdir() if path.is_dir()]

    def test_strangers_values_fill_no_disk(self):
        good = {node: self.fleet.descriptor(node).read_bytes() for node in range(1, 9)}
        for node in (1, 2, 3, 4):
            self.put(node, good[node])
        self.put(5, b"x" * self.JUNK)
        self.put(6, good[7])
        self.put(7, good[7].replace(b'"capacity": 1000', b'"capacity": 1001'))
        self.put(8, good[8] + b" " * self.JUNK)
        self.directory.signer(1, self.fleet.key(1), self.fleet.plan)
        self.directory.kill("signer-1")  # so that all that is handed in lies there
        shutil.rmtree(self.fleet.path / "signer-1/outbox")
        (self.fleet.path / "signer-1/outbox").mkdir()
        most = 0
        self.start_agent()
        limit = time.monotonic() + 60
        while not any(self.inbox.glob("*-2")) and time.monotonic() < limit:
            most = max(most, len(self.attempts()))
            time.sleep(0.02)
        self.assertIn("etcd has 4 values that are no descriptors of their nodes; the first: "
                      "0000000005:1: is no signed file", self.said())
        self.assertEqual(most, 2)
        kept = self.attempts()
        self.assertEqual(sorted(path.name[-2:] for path in kept), ["-1", "-2"], self.said())
        for attempt in kept:
            names = sorted(path.name for path in attempt.iterdir())
            self.assertEqual(names, [f"{node:010}" for node in (1, 2, 3, 4)])
            for node in (1, 2, 3, 4):
                self.assertEqual((attempt / f"{node:010}").read_bytes(), good[node])

    def start_agent(self):
        extra = (f"authority: {{key: \"{self.fleet.authorities[0]}\", "
                 f"signer: {self.fleet.path}/signer-1, plan: {self.fleet.plan}, "
                 f"lead_seconds: {self.LEAD_S}}}\n")
        self.directory.agent("authority-1", self.fleet.path / "authority-1.topology", extra)

    def test_what_was_built_is_no_longer_kept(self):
        for node in range(1, 9):
            self.put(node, self.fleet.descriptor(node).read_bytes())
        self.directory.signer(1, self.fleet.key(1), self.fleet.plan)
        self.start_agent()
        wait(lambda: [key for key in list(self.fake.store) if "/proposals/" in key], 30, self.said)
        self.assertIn("built from 8 descriptors", self.said())
        self.assertEqual(self.attempts(), [])


if __name__ == "__main__":
    tap.main()
