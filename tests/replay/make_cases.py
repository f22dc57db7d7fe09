# SPDX-License-Identifier: BSD-3-Clause
"""Makes the cases of this project again, byte for byte, from their names; or, for a case that came
from elsewhere, what is expected of it. The programs must accept --seed:

    meson setup build-test -Dtest_build=true && ninja -C build-test

BUILD names another folder than build-test."""
import argparse
import json
import pathlib
import sys
import tempfile

import case
import world
from recipes import RECIPES


def expect(folder, judged):
    """Writes what the relay makes of a case. If it is judged, lib/packet has to agree with every
    frame."""
    one = case.Case(folder, expected=False)
    with tempfile.TemporaryDirectory(prefix="linemix-replay-") as into:
        report, out = one.run(world.RELAY, ("scalar", "scalar"), into)
        if judged:
            world.run(world.CHECK, f"{into}/config.yaml", one.folder / "in.pcap", out)
        (one.folder / "out.pcap").write_bytes(out.read_bytes())
    (one.folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")


def make(name, root):
    """Makes a case in a folder of its name; the folder."""
    function, judged = RECIPES[name]
    with tempfile.TemporaryDirectory(prefix="linemix-replay-") as tmp:
        function(tmp, root / name)
    expect(root / name, judged)
    return root / name


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases to make (default: all)")
    parser.add_argument("--out", type=pathlib.Path, default=case.HERE, metavar="FOLDER",
                        help="where they go (default: beside this program)")
    parser.add_argument("--expect", type=pathlib.Path, metavar="FOLDER",
                        help="write out.pcap and report.json of the case in this folder")
    parser.add_argument("--unjudged", action="store_true",
                        help="with --expect: the relay adds packets, or loses some by chance, so "
                        "lib/packet alone cannot tell what must leave")
    options = parser.parse_args()
    unknown = set(options.names) - RECIPES.keys()
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; there are: {', '.join(RECIPES)}")
    try:
        if options.expect:
            return expect(options.expect, not options.unjudged)
        for name in options.names or RECIPES:
            print(make(name, options.out))
    except (case.Wrong, AssertionError, OSError) as error:
        sys.exit(f"make: {error}")
    return None
