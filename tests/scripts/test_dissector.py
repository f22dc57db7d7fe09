# SPDX-License-Identifier: BSD-3-Clause
"""scripts/linemix.lua, run by tshark, on known answers: every field is shown as it is, also
inside."""
import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest

import tap

TREE = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = TREE / "scripts/linemix.lua"
ANSWERS = json.loads((TREE / "tests/vectors/mixpkt-v1.json").read_text())
LANE_KEY, INDEX, NODE = bytes(range(32)), 0x12345601, 0x0badcafe


def x25519(scalar, point):
    """RFC 7748, section 5."""
    p, number = 2**255 - 19, int.from_bytes(scalar, "little")
    number = number & ~7 & (2**255 - 1) | 2**254
    x1 = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in range(254, -1, -1):
        if number >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        x3, z3 = pow(d * a + c * b, 2, p), x1 * pow(d * a - c * b, 2, p) % p
        e = a * a - b * b
        x2, z2 = a * a * b * b % p, e * (a * a + 121665 * e) % p
        if number >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def header_key(hop, packet):
    """kh of lib/packet/FORMAT.md, "Keys of one hop"."""
    secret, public, epk = bytes.fromhex(hop["secret"]), bytes.fromhex(hop["public"]), packet[4:36]
    bound = x25519(secret, epk) + epk + public + packet[:4] + struct.pack("<I", hop["id"])
    return hashlib.blake2b(bound, person=b"MIXPKT-v1-hopkdf").digest()[:32]


def chacha20(key, counter, nonce, data):
    """RFC 8439, section 2.4."""
    def rotate(x, n):
        return (x << n | x >> 32 - n) & 0xffffffff

    def quarter(x, a, b, c, d):
        for to, other, by, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[to] = x[to] + x[other] & 0xffffffff
            x[by] = rotate(x[by] ^ x[to], n)

    out = bytearray()
    for at in range(0, len(data), 64):
        state = [*struct.unpack("<12I", b"expand 32-byte k" + key), counter + at // 64,
                 *struct.unpack("<3I", nonce)]
        x = list(state)
        for _ in range(10):
            for a in range(4):
                quarter(x, a, 4 + a, 8 + a, 12 + a)
            for a in range(4):
                quarter(x, a, 4 + (a + 1) % 4, 8 + (a + 2) % 4, 12 + (a + 3) % 4)
        stream = struct.pack("<16I", *(a + b & 0xffffffff for a, b in zip(x, state)))
        out += bytes(a ^ b for a, b in zip(data[at:at + 64], stream))
    return bytes(out)


def sealed(to, packet, counter):
    """A frame of lib/link/FORMAT.md; its tag is not looked at."""
    nonce = bytes(4) + struct.pack("<Q", counter)
    return (struct.pack("<IIQ", 4, INDEX, counter) +
            chacha20(LANE_KEY, 1, nonce, struct.pack("<I", to) + packet) + b"T" * 16)


def in_udp(data):
    """An Ethernet frame around it."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64, 17, 0,
                     bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    return bytes(12) + b"\x08\x00" + ip + struct.pack("!HHHH", 7000, 7011, 8 + len(data), 0) + data


@unittest.skipIf(shutil.which("tshark") is None, "needs tshark")
class Dissector(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def tshark(self, *options, keys=""):
        (self.folder / "keys").write_text(keys)
        done = subprocess.run(["tshark", "-X", f"lua_script:{SCRIPT}", "-o",
                               f"linemix.keys:{self.folder / 'keys'}", *options],
                              capture_output=True, text=True, timeout=120)
        self.assertNotIn("Lua", done.stderr)
        return done

    def fields(self, payloads, *names, keys=""):
        """The values of these fields in a capture of UDP datagrams, a list for each."""
        capture = self.folder / "capture.pcap"
        with capture.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for frame in map(in_udp, payloads):
                file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
        wanted = [word for name in names for word in ("-e", name)]
        done = self.tshark("-r", capture, "-T", "fields", "-E", "separator=|", *wanted, keys=keys)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [line.split("|") for line in done.stdout.splitlines()]
        self.assertEqual(len(rows), len(payloads))
        return rows

    def hops(self):
        """Every hop of every known answer, with the packet that it gets."""
        for case in ANSWERS["cases"]:
            packet = bytes.fromhex(case["packet"])
            for hop in case["hops"]:
                yield case, hop, packet
                packet = bytes.fromhex(hop.get("packet_out", ""))

    def test_commands_are_as_the_known_answers_say(self):
        hops = list(self.hops())
        keys = "".join(f"hop {packet[4:36].hex()} {header_key(hop, packet).hex()}\n"
                       for _, hop, packet in hops)
        rows = self.fields([packet for _, _, packet in hops], "_ws.col.Protocol", "linemix.kid",
                           "linemix.replay_tag", "linemix.cmd", "linemix.delay_us",
                           "linemix.next_id", "linemix.kid_next", "linemix.next_epk",
                           "linemix.dest", "linemix.token", "linemix.reserved", keys=keys)
        for row, (case, hop, packet) in zip(rows, hops):
            out, final = bytes.fromhex(hop.get("packet_out", "")), case["final"]
            forward = hop["verdict"] == "fwd"
            more = ([str(hop["next_id"]), str(out[2]), out[4:36].hex(), "", ""] if forward else
                    ["", "", "", final.get("dest", ""), final.get("token", "")])
            self.assertEqual(row, ["linemix", str(packet[2]), hop["replay_tag"],
                                   "1" if forward else str(final["cmd"]), str(hop["delay_us"]),
                                   *more, ""], case["name"])
        self.assertGreater(len(hops), 60)

    def test_a_frame_is_opened_and_its_packet_too(self):
        case, hop, packet = next(self.hops())
        keys = (f"lane {INDEX:08x} {LANE_KEY.hex()}\n# a remark\n\n"
                f"hop {packet[4:36].hex()} {header_key(hop, packet).hex()}\n")
        frames = [sealed(NODE, packet, 7), sealed(0, bytes(len(packet)), 8)]
        rows = self.fields(frames, "linemix.type", "linemix.receiver", "linemix.counter",
                           "linemix.to", "linemix.epk", "linemix.replay_tag", "_ws.col.Info",
                           keys=keys)
        index = f"0x{INDEX:08x}"
        self.assertEqual(rows[0][:6], ["4", index, "7", str(NODE), packet[4:36].hex(),
                                       hop["replay_tag"]])
        self.assertIn(f"node {NODE}: packet kid={packet[2]} EXIT", rows[0][6])
        self.assertEqual(rows[1][:6], ["4", index, "8", "0", "", ""])
        self.assertIn("dummy", rows[1][6])

    def test_without_keys_and_with_wrong_ones(self):
        _, _, packet = next(self.hops())
        frame = sealed(NODE, packet, 1)
        names = ("_ws.col.Protocol", "linemix.to", "linemix.cmd", "linemix.reserved")
        self.assertEqual(self.fields([packet, frame], *names), [["linemix", "", "", ""]] * 2)
        wrong = f"lane {INDEX:08x} {'11' * 32}\nhop {packet[4:36].hex()} {'22' * 32}\n"
        for row in self.fields([packet, frame], *names, keys=wrong):
            self.assertEqual(row[3], "1")  # the warning stands there

    def test_handshakes_are_told_by_type_and_length(self):
        names = ("_ws.col.Protocol", "linemix.type", "linemix.sender", "linemix.receiver",
                 "linemix.mac2")
        four = struct.pack("<I", INDEX), struct.pack("<I", INDEX + 64)
        messages = [b"\1\0\0\0" + four[0] + bytes(128) + b"m" * 16,
                    b"\2\0\0\0" + four[0] + four[1] + bytes(76) + b"m" * 16,
                    b"\3\0\0\0" + four[1] + bytes(56),
                    b"\5\0\0\0" + four[1] + bytes(24)]
        mine, other, mac = f"0x{INDEX:08x}", f"0x{INDEX + 64:08x}", "6d" * 16
        self.assertEqual(self.fields(messages, *names), [
            ["linemix", "1", mine, "", mac], ["linemix", "2", mine, other, mac],
            ["linemix", "3", "", other, ""], ["linemix", "5", "", other, ""]])

    def test_what_is_something_else_is_left_alone(self):
        _, _, packet = next(self.hops())
        others = [packet[:-1], packet + b"\0", b"\2" + packet[1:], packet[:3] + b"\1" + packet[4:],
                  b"\1\2" + packet[2:], b"\1\0\0\0" + bytes(147), b"\4\0\0\0" + bytes(1379),
                  b"\5", b""]
        for row in self.fields(others, "_ws.col.Protocol", "linemix.type", "linemix.version"):
            self.assertNotEqual(row[0], "linemix")
            self.assertEqual(row[1:], ["", ""])

    def test_a_broken_key_file_is_named_with_its_line(self):
        _, _, packet = next(self.hops())
        for line in ("hop 12 34", f"lane {'1' * 8} {'2' * 63}", "key",
                     f"hop {'1' * 64} {'g' * 64}"):
            self.fields([packet], "linemix.kid")
            done = self.tshark("-r", self.folder / "capture.pcap", keys=f"# keys\n{line}\n")
            self.assertIn("line 2: neither", done.stdout + done.stderr)


if __name__ == "__main__":
    tap.main()
