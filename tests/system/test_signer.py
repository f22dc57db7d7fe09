# SPDX-License-Identifier: BSD-3-Clause
"""The signer of an authority, with an agent that is hostile: it signs one document an epoch, which
it has built itself, and nothing that its folder holds makes it read or write elsewhere."""
import hashlib
import os
import shutil
import stat
import time
import unittest

import etcd
import fleet
import tap
from fleet import DIRECTORY, SANITIZED, Fleet, signed_parts, wait

SPAN_S = 3600
NEXT = 6  # the epoch that is next


class Signer(unittest.TestCase):
    def setUp(self):
        start = int(time.time()) - (NEXT - 1) * SPAN_S - SPAN_S // 2
        self.fleet = Fleet(8, SPAN_S, start, first=NEXT - 2)
        self.before = self.fleet.document("before", NEXT - 1)
        self.directory = etcd.Directory(DIRECTORY, self.fleet.path, ["http://127.0.0.1:1"],
                                        self.fleet.authorities, 2)
        self.state = self.fleet.path / "signer-1"
        self.inbox, self.outbox = self.state / "inbox", self.state / "outbox"
        self.start()

    def tearDown(self):
        self.directory.close()
        self.fleet.__exit__()

    def start(self):
        self.process = self.directory.signer(1, self.fleet.key(1), self.fleet.plan)

    def restart(self):
        self.directory.kill("signer-1")
        self.start()

    def said(self):
        return self.directory.said("signer-1")

    def says(self, words, times=1):
        wait(lambda: self.said().count(words) >= times, 20, self.said)

    # ---- What an agent does ----

    def put(self, name, bytes_):
        new = self.inbox / "x"
        new.write_bytes(bytes_)
        new.rename(self.inbox / name)

    def hand_document(self, document=None):
        self.put("document", (document or self.before).read_bytes())

    def hand_descriptors(self, attempt, without=(), epoch=NEXT, change=lambda folder: None):
        new = self.inbox / "new"
        new.mkdir()
        for node in range(1, self.fleet.nodes + 1):
            if node not in without:
                shutil.copy(self.fleet.descriptor(node), new / f"{node:010}")
        change(new)
        new.rename(self.inbox / f"{epoch:010}-{attempt}")

    def built(self, attempt, epoch=NEXT):
        """What the signer has built, and its hash."""
        path = self.outbox / f"{epoch:010}-{attempt}"
        wait(path.exists, 20, self.said)
        return path.read_bytes(), hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()

    def ask(self, hash_, epoch=NEXT):
        self.put("sign", f"{epoch:010} {hash_}\n".encode())

    def signature(self, epoch=NEXT):
        return self.outbox / f"{epoch:010}.signature"

    def signed(self, bytes_, epoch=NEXT):
        """Puts the signature in front of the document, and has it checked."""
        wait(self.signature(epoch).exists, 20, self.said)
        whole = self.fleet.path / "whole"
        whole.write_bytes(self.signature(epoch).read_bytes() + bytes_)
        fleet.run(DIRECTORY, "check", "--authority", self.fleet.authorities[0], whole)

    def refuses(self, hash_, why, epoch=NEXT):
        times = self.said().count(why)
        self.ask(hash_, epoch)
        self.says(why, times + 1)

    # ---- Tests ----

    def test_it_signs_what_every_authority_builds(self):
        self.hand_document()
        self.hand_descriptors(0)
        bytes_, hash_ = self.built(0)
        wanted = signed_parts(self.fleet.document("wanted", NEXT, self.before))[1]
        self.assertEqual(bytes_, wanted)
        self.assertFalse(self.signature().exists())
        self.ask(hash_)
        self.signed(bytes_)

    def test_it_signs_one_document_in_an_epoch(self):
        self.hand_document()
        self.hand_descriptors(0)
        first, first_hash = self.built(0)
        self.hand_descriptors(1, without=(8,))
        second, second_hash = self.built(1)
        self.assertNotEqual(first, second)
        self.ask(second_hash)
        self.signed(second)
        given = self.signature().read_bytes()
        self.refuses(first_hash, "signed already")
        self.restart()  # builds both anew, and remembers what it has signed
        self.assertEqual(self.built(0)[1], first_hash)
        self.refuses(first_hash, "signed already")
        # the same again is no other document
        self.signature().unlink()
        self.ask(second_hash)
        self.signed(second)
        self.assertEqual(self.signature().read_bytes(), given)

    def test_without_what_it_has_signed_it_does_not_start(self):
        self.directory.kill("signer-1")
        (self.state / "keep/signed").write_text("linemix-signed-v1\n")
        with self.assertRaises(etcd.EtcdError):
            self.start()
        self.assertIn("keep: signed", self.said())

    def test_it_signs_only_what_it_has_built(self):
        self.hand_document()
        self.hand_descriptors(0)
        _, hash_ = self.built(0)
        self.refuses("00" * 32, "is not what this signer has built")
        foreign = self.fleet.document("foreign", NEXT, self.before, without=(4,))
        self.refuses(hashlib.blake2b(signed_parts(foreign)[1], digest_size=32).hexdigest(),
                     "is not what this signer has built")
        self.refuses(hash_, "is not next", epoch=NEXT + 1)
        self.refuses(hash_, "is not next", epoch=NEXT - 1)
        for text in (b"", b"0", b"x" * 76, b"0" * 5000, b"0000000006 " + b"zz" * 32 + b"\n"):
            times = self.said().count("refused")
            self.put("sign", text)
            self.says("refused", times + 1)
        self.assertFalse(self.signature().exists())

    def test_another_epoch_is_not_built(self):
        self.hand_document()
        self.hand_descriptors(0, epoch=NEXT + 1)
        self.hand_descriptors(1)
        self.built(1)
        self.assertEqual([path.name for path in self.outbox.iterdir()], [f"{NEXT:010}-1"])

    def test_a_wrong_plan_gives_another_document(self):
        """So its authority agrees with nobody; what the others have built it does not sign."""
        plan = self.fleet.plan.read_text()
        right = self.fleet.document("right", NEXT, self.before)
        self.fleet.plan.write_text(plan.replace("Operator 1\"", "Operator X\"", 1))
        self.hand_document()
        self.hand_descriptors(0)
        bytes_, _ = self.built(0)
        self.assertNotEqual(bytes_, signed_parts(right)[1])
        self.refuses(hashlib.blake2b(signed_parts(right)[1], digest_size=32).hexdigest(),
                     "is not what this signer has built")
        # once the plan is right again, so is the next attempt
        self.fleet.plan.write_text(plan)
        self.hand_descriptors(1)
        self.assertEqual(self.built(1)[0], signed_parts(right)[1])

    def test_a_tampered_descriptor_costs_its_node_alone(self):
        def change(folder):
            path = folder / f"{8:010}"
            path.write_bytes(path.read_bytes().replace(b'"capacity": 1000', b'"capacity": 1001'))
        self.hand_document()
        self.hand_descriptors(0, change=change)
        wanted = signed_parts(self.fleet.document("wanted", NEXT, self.before, without=(8,)))[1]
        self.assertEqual(self.built(0)[0], wanted)
        self.says("node 8 refused")

    def test_a_hostile_folder_is_harmless(self):
        secret = self.fleet.path / "secret"
        secret.write_text("linemix-secret")

        def change(folder):
            for node in range(1, 8):
                (folder / f"{node:010}").unlink()
            (folder / f"{1:010}").symlink_to(self.fleet.descriptor(1))
            (folder / f"{2:010}").mkdir()
            os.mkfifo(folder / f"{3:010}")
            (folder / f"{4:010}").write_bytes(b"x" * (1 << 20))
            (folder / f"{5:010}").write_bytes(b"")
            (folder / f"{6:010}").symlink_to("/dev/zero")
            os.link(secret, folder / f"{7:010}")
            for name in range(1000):
                (folder / f"more-{name}").touch()
        self.hand_document()
        self.hand_descriptors(0, change=change)
        self.says("epoch 6: built from 2 descriptors: 1 nodes in, 7 out, 1 refused")
        self.assertNotIn("linemix-secret", self.said())
        # whole folders and the other files
        (self.inbox / f"{NEXT:010}-1").symlink_to(self.fleet.path / "descriptors")
        os.mkfifo(self.inbox / f"{NEXT:010}-2")
        (self.inbox / "sign").mkdir()
        self.says("refused: sign")
        self.put_link("document", "/dev/zero")
        self.says("not taken")
        self.hand_descriptors(3)
        self.assertEqual(self.built(3)[0],
                         signed_parts(self.fleet.document("wanted", NEXT, self.before))[1])
        self.assertEqual(secret.read_text(), "linemix-secret")

    def put_link(self, name, target):
        new = self.inbox / "x"
        new.symlink_to(target)
        new.rename(self.inbox / name)

    def test_documents_that_too_few_have_signed_are_not_taken(self):
        self.hand_document(self.fleet.document("alone", NEXT - 1, signers=(2,)))
        self.says("not taken")
        self.hand_document()
        self.says("has the document of epoch 5")
        self.hand_document(self.fleet.document("fork", NEXT - 1, without=(4,)))
        self.says("not taken", 2)
        self.restart()
        self.hand_descriptors(0)
        self.assertEqual(self.built(0)[0],
                         signed_parts(self.fleet.document("wanted", NEXT, self.before))[1])

    def test_where_the_epoch_has_its_document_none_is_built(self):
        self.hand_document()
        self.hand_document(self.fleet.document("done", NEXT, self.before))
        self.says("has the document of epoch 6")
        self.hand_descriptors(0)
        time.sleep(1)
        self.assertEqual(list(self.outbox.iterdir()), [])

    def test_it_has_no_network_and_no_rights(self):
        status = dict(line.split(":\t", 1) for line in
                      open(f"/proc/{self.process.pid}/status", encoding="ascii")
                      if ":\t" in line)
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertEqual(int(status["NoNewPrivs"]), 1)
        if not SANITIZED:
            self.assertEqual(int(status["Seccomp"]), 2)
        if os.getuid() == 0:
            self.assertNotEqual(os.readlink(f"/proc/{self.process.pid}/ns/net"),
                                os.readlink("/proc/self/ns/net"))
        self.assertEqual(stat.S_IMODE((self.state / "keep").stat().st_mode), 0o700)

    def test_authorities_of_which_two_halves_could_sign_are_refused(self):
        words = [word for key in self.fleet.authorities for word in ("--authority", key)]
        done = fleet.run(DIRECTORY, "signer", "--state", self.state, "--key", self.fleet.key(1),
                         "--plan", self.fleet.plan, *words, "--threshold", 1, ok=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("more than half", done.stderr)


if __name__ == "__main__":
    tap.main()
