# SPDX-License-Identifier: BSD-3-Clause
"""Each check of scripts/check sees the violation planted for it, and is silent without one."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import tap

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
LICENCE = "/* SPDX-License-Identifier: BSD-3-Clause */\n"


class Check(unittest.TestCase):
    """A small tree in a folder of its own, and one check that looks at it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def plant(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def found(self, check):
        """What the check prints; its status must agree."""
        run = subprocess.run([sys.executable, SCRIPTS / check, "--root", self.root],
                             stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(run.returncode, 1 if run.stdout else 0)
        return run.stdout


class Layers(Check):
    def include(self, path, header):
        self.plant(path, LICENCE + f"#include {header}\n")
        return self.found("check-layers")

    def test_a_lower_layer_may_be_included(self):
        self.assertEqual(self.include("lib/packet/packet.c", '"lm_replay.h"'), "")

    def test_a_higher_layer_is_named_with_file_and_line(self):
        found = self.include("lib/replay/replay.c", '"lm_packet.h"')
        self.assertTrue(found.startswith("lib/replay/replay.c:2: "), found)

    def test_the_same_layer_may_not_be_included(self):
        self.assertIn("lm_mix.h", self.include("lib/replay/replay.c", '"lm_mix.h"'))

    def test_an_unknown_library_is_not_below_anything(self):
        self.assertIn("lm_new.h", self.include("lib/base/error.c", '"lm_new.h"'))

    def test_a_library_without_a_layer_is_found(self):
        self.assertIn("lib/new", self.include("lib/new/new.c", '"lm_base.h"'))

    def test_a_private_header_stays_in_its_folder(self):
        self.plant("lib/x25519/backend.h", LICENCE)
        self.assertEqual(self.include("lib/x25519/scalar.c", '"backend.h"'), "")
        self.assertIn("private", self.include("lib/packet/peel.c", '"../x25519/backend.h"'))

    def test_the_generator_shares_the_headers_of_the_relay(self):
        self.plant("app/relay/port.h", LICENCE)
        self.assertEqual(self.include("app/gen/send.c", '"port.h"'), "")
        self.assertIn("private", self.include("app/client/send.c", '"port.h"'))

    def test_dpdk_stays_in_relay_and_gen(self):
        self.assertEqual(self.include("app/relay/port.c", "<rte_ethdev.h>"), "")
        self.assertIn("DPDK", self.include("app/client/port.c", "<rte_ethdev.h>"))
        self.assertIn("lib/mix/mix.c", self.include("lib/mix/mix.c", "<rte_ring.h>"))

    def test_a_library_knows_no_sockets(self):
        self.assertIn("sockets", self.include("lib/topology/read.c", "<sys/socket.h>"))


class Functions(Check):
    def function(self, lines):
        """A function that is so many lines long, after a short one."""
        body = "\treturn;\n" * (lines - 4)
        self.plant("lib/mix/mix.c", LICENCE + "int one(void)\n{\n\treturn 1;\n}\n\n"
                   f"static void two(int first,\n\t\tint second)\n{{\n{body}}}\n")
        return self.found("check-functions")

    def test_seventy_lines_are_allowed(self):
        self.assertEqual(self.function(70), "")

    def test_the_line_after_is_one_too_many(self):
        self.assertEqual(self.function(71), "lib/mix/mix.c:7: two has 71 lines, 70 at most\n")

    def test_python_functions_are_counted_too(self):
        self.plant("scripts/watch", "#!/usr/bin/env python3\ndef long():\n" + "    pass\n" * 70)
        self.assertIn("scripts/watch:2: long has 71 lines", self.found("check-functions"))


class Text(Check):
    def test_a_clean_header_passes(self):
        self.plant("lib/base/lm_base.h", LICENCE + "#pragma once\n")
        self.assertEqual(self.found("check-text"), "")

    def test_a_missing_licence_line_is_found(self):
        self.plant("lib/base/error.c", "int x;\n")
        self.assertIn("lib/base/error.c:1: ", self.found("check-text"))

    def test_a_header_without_pragma_once_is_found(self):
        self.plant("lib/base/lm_base.h", LICENCE)
        self.assertIn("#pragma once", self.found("check-text"))

    def test_a_path_of_one_machine_is_found(self):
        self.plant("README.md", "See /" + "home/someone/linemix.\n")
        self.assertIn("README.md:1: ", self.found("check-text"))

    def test_unfinished_words_are_found(self):
        self.plant("lib/base/error.c", LICENCE + "/* TO" + "DO */\n")
        self.assertIn("lib/base/error.c:2: ", self.found("check-text"))

    def test_the_top_level_is_a_fixed_list(self):
        self.plant("notes/x", "")
        self.plant("build-gcc/x.c", "")
        self.assertEqual(self.found("check-text"),
                         "notes:1: does not belong at the top of the tree\n")


tap.main()
