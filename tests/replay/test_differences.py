# SPDX-License-Identifier: BSD-3-Clause
"""Each way in which two captures can differ is told in its own words, and named where it is."""
import json
import pathlib
import tempfile
import unittest

import captures
import case
import differences
import tap

GOOD = case.HERE / "batch-profile-0-ipv4"
MS = 1000000


def changed(frame, at, value=None):
    value = frame[at] ^ 0x40 if value is None else value
    return frame[:at] + bytes([value]) + frame[at + 1:]


class Words(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.case = case.Case(GOOD)
        cls.frames = captures.read(GOOD / "out.pcap")
        cls.start_ns = captures.read(GOOD / "in.pcap")[0][0]

    def told(self, got, expected=None):
        return differences.explain(expected or self.frames, got, self.case.names, self.start_ns)

    def one(self, got, *words):
        """A single line, with these words."""
        told = self.told(got)
        self.assertEqual(len(told), 1, told)
        for word in words:
            self.assertIn(word, told[0])

    def with_frame(self, index, time_ns=None, frame=None):
        old_ns, old = self.frames[index]
        new = (old_ns if time_ns is None else time_ns, old if frame is None else frame)
        return self.frames[:index] + [new] + self.frames[index + 1:]

    def test_the_same_frames_differ_in_nothing(self):
        self.assertEqual(self.told(list(self.frames)), [])

    def test_a_missing_frame_is_named_and_no_other(self):
        at, _ = self.frames[6]
        self.one(self.frames[:6] + self.frames[7:], "frame 7, at +", "to node 2", "missing",
                 f"{(at - self.start_ns) / 1e9:+.6f} s")

    def test_an_additional_frame_is_named(self):
        time_ns, frame = self.frames[3]
        other = changed(captures.Frame(frame).seal(bytes(range(256))).__bytes__(), 50)
        self.one(self.frames[:4] + [(time_ns, other)] + self.frames[4:], "additional: frame 5",
                 "298 bytes")

    def test_a_second_copy_is_additional(self):
        self.one(self.frames[:4] + self.frames[3:], "additional: frame")

    def test_two_frames_that_changed_places_are_told_of_once(self):
        expected = [(self.start_ns, frame) for _, frame in self.frames]
        got = expected[:4] + [expected[5], expected[4]] + expected[6:]
        told = self.told(got, expected)
        self.assertEqual(len(told), 1, told)
        self.assertIn("frame 5, ", told[0])
        self.assertIn("in other order: came after expected frame 6", told[0])

    def test_a_late_frame_is_told_with_how_late_it_is(self):
        last = len(self.frames) - 1
        self.one(self.with_frame(last, self.frames[last][0] + 7 * MS), f"frame {last + 1}, ",
                 "left 7000 us too late")

    def test_another_next_hop_is_named(self):
        frame = captures.Frame(self.frames[2][1])
        node = next(text for text, name in self.case.names.items() if name == "node 23")
        address = bytes(int(part) for part in node.split(":")[0].split("."))
        wrong = frame.set_ip(16, address).seal()
        if bytes(wrong) == bytes(frame):
            self.skipTest("this one goes there already")
        self.one(self.with_frame(2, frame=bytes(wrong)), "frame 3, ", f"went to node 23 at {node}")

    def test_each_field_of_the_headers_is_named(self):
        for at, name in ((0, "destination MAC"), (6, "source MAC"), (15, "DSCP"), (18, "IP id"),
                         (20, "fragment bits"), (22, "TTL is"), (24, "IP checksum"),
                         (26, "source address"), (34, "source port"), (40, "UDP checksum")):
            self.one(self.with_frame(8, frame=changed(self.frames[8][1], at)), "frame 9, ", name)

    def test_each_part_of_the_packet_is_named(self):
        for at, name in ((0, "version"), (1, "profile"), (2, "kid"), (3, "byte 3"), (9, "epk"),
                         (40, "tag"), (60, "beta"), (400, "payload")):
            self.one(self.with_frame(8, frame=changed(self.frames[8][1], 42 + at)), "frame 9, ",
                     name)

    def test_each_part_of_a_link_frame_is_named(self):
        sealed = case.Case(case.HERE / "link-batch-profile-0-ipv4")
        self.frames = captures.read(sealed.folder / "out.pcap")
        for at, name in ((0, "type"), (2, "zeros"), (5, "index"), (9, "counter"),
                         (500, "sealed part"), (1383, "tag")):
            self.one(self.with_frame(8, frame=changed(self.frames[8][1], 42 + at)), "frame 9, ",
                     f"link frame's {name}")

    def test_what_a_wide_block_cipher_does_to_a_wrong_payload_is_one_difference(self):
        frame = self.frames[8][1]
        garbled = frame[:42 + 372] + bytes(byte ^ 0x55 for byte in frame[42 + 372:])
        self.one(self.with_frame(8, frame=garbled), "payload differs in 976 of 976 bytes")

    def test_a_frame_that_is_none_is_told_of_and_breaks_nothing(self):
        for junk in (b"", b"\0", self.frames[8][1][:20], bytes(60), b"\xff" * 1390):
            told = self.told(self.with_frame(8, frame=junk))
            self.assertTrue(any("frame 9, " in line for line in told), told)

    def test_many_differences_are_cut_short(self):
        told = self.told([])
        self.assertEqual(len(told), 21)
        self.assertEqual(told[-1], f"and {len(self.frames) - 20} frames more")

    def test_a_report_is_told_number_by_number(self):
        self.assertEqual(list(differences.explain_numbers(
            {"sent": 3, "drops": {"mac": 1}, "closed": True}, {"sent": 2, "drops": {"kid": 4}})),
            ["closed is 0 and not True", "drops.kid is 4 and not 0", "drops.mac is 0 and not 1",
             "sent is 2 and not 3"])


class Folders(unittest.TestCase):
    def copy(self, folder, without=(), **changed_files):
        for path in GOOD.iterdir():
            if path.name not in without:
                (folder / path.name).write_bytes(path.read_bytes())
        for name, text in changed_files.items():
            (folder / name.replace("_", ".")).write_text(text)
        return folder

    def wrong(self, *words, **how):
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(case.Wrong) as raised:
                case.Case(self.copy(pathlib.Path(folder), **how))
            for word in words:
                self.assertIn(word, str(raised.exception))

    def test_each_file_that_a_folder_lacks_is_named(self):
        for path in GOOD.iterdir():
            name = "keys-*.json" if path.name.startswith("keys-") else path.name
            self.wrong(f"lacks {name} (", without=(path.name,))

    def test_a_folder_without_results_is_told_how_to_get_them(self):
        self.wrong("lacks out.pcap", "report.json", "--expect",
                   without=("out.pcap", "report.json"))

    def test_descriptions_and_documents_that_are_none_are_refused(self):
        self.wrong("case.json", case_json="{}")
        self.wrong("case.json", case_json="[1]")
        self.wrong("case.json", "64 digits", case_json=json.dumps({"about": "", "seed": "5e"}))
        self.wrong("topology.json", topology_json="none")
        self.wrong("config.yaml", "every backend", config_yaml="node: 11\nx25519: scalar\n")

    def test_captures_that_are_none_are_refused_with_their_name(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.pcap"
            whole = (GOOD / "out.pcap").read_bytes()
            for data, word in ((b"", "not a pcap"), (b"\x0a\x0d\x0d\x0a" + bytes(40), "pcapng"),
                               (whole[:-1], "breaks off"), (whole[:30], "breaks off"),
                               (whole[:20] + b"\x71" + whole[21:], "Ethernet")):
                path.write_bytes(data)
                with self.assertRaises(ValueError) as raised:
                    captures.read(path)
                self.assertIn("x.pcap", str(raised.exception))
                self.assertIn(word, str(raised.exception))

    def test_what_is_written_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            frames = [(5 * MS, b"one"), (10**18 + 3000, b"")]
            captures.write(f"{folder}/x.pcap", frames)
            self.assertEqual(captures.read(f"{folder}/x.pcap"), frames)


if __name__ == "__main__":
    tap.main()
