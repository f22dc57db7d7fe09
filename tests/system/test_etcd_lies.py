# SPDX-License-Identifier: BSD-3-Clause
"""A hostile etcd costs an agent freshness, and nothing else: whatever it answers, the topology file
stays the last good document; once it is honest again the agent takes the next one."""
import json
import time
import unittest

import etcd
import fleet
import tap
from fake_etcd import FakeEtcd, text64
from fleet import DIRECTORY, Fleet, signed_parts, wait

SPAN_S = 3600
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
                                        self.fleet.authorities, 2, poll_ms=50, timeout_ms=400)
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
        wait(lambda: signed_parts(self.topology)[1] == wanted, 30,
             lambda: self.directory.said("agent"))

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


if __name__ == "__main__":
    tap.main()
