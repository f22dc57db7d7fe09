# SPDX-License-Identifier: BSD-3-Clause
"""linemix-gen replay over a loop, lo in a namespace of its own, with dumpcap beside it: when each
frame was sent and came by the generator's own clock, and when by the kernel's."""
import csv
import os
import subprocess

import netns
import network

LOOP = "net_af_packet0,iface=lo,blocksz=65536,framesz=2048,framecnt=4096,qdisc_bypass=1"


def frames(n):
    """n frames, a millisecond apart, no two beside each other of one length."""
    return [(1000000 + 1000 * i, b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5" + i.to_bytes(4, "big") +
             bytes(42 + 7 * i % 1301)) for i in range(n)]


def read_times(path):
    """The rows of `--times`: those of sent frames and those of frames that came."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    return [[{key: int(value) for key, value in row.items() if key != "what" and value}
             for row in rows if row["what"] == what] for what in ("sent", "received")]


def captured(path):
    """[(time in ns, length)] of every frame, as tshark reads them."""
    done = network.run("tshark", "-r", path, "-T", "fields", "-e", "frame.time_epoch", "-e",
                       "frame.len")
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(int(time.replace(".", "").ljust(19, "0")[:19]), int(length)) for time, length in rows]


def replay(folder, capture, *options):
    """Replays a capture over the loop; what was sent, what came, and what dumpcap saw."""
    space = netns.Namespace()
    saved, times = folder / "saved.pcapng", folder / "times.csv"
    try:
        dumpcap = space.start(["dumpcap", "-q", "-i", "lo", "-w", saved], text=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for line in dumpcap.stderr:
            if line.startswith("File:"):
                break  # it captures from here on
        network.run(*space.inside(
            [network.GEN, "replay", "--device", LOOP, "--file-prefix",
             f"linemix-test-{os.getpid()}-loop", "--cpu", max(os.sched_getaffinity(0)),
             "--wait-ms", 500, "--times", times, *options, capture]))
        dumpcap.terminate()
        dumpcap.communicate()
    finally:
        space.close()
    return *read_times(times), captured(saved)
