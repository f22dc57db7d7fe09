# SPDX-License-Identifier: BSD-3-Clause
"""The manual pages: well formed, one for each program, and with all that a program says of
itself."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import tap

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["BUILD"])
sys.path.insert(0, str(TREE / "scripts/lib"))
import manual

HELP = """\
Usage: thing [OPTION...] FILE
Does things. It does
them well.

  -c, --config=FILE          The file. Not
                             another one
      --a-long-option-name=VALUE
                             .dotted
  -?, --help                 Give this help list

Mandatory or optional arguments to long options are also mandatory or optional
for any corresponding short options.

What follows.
""".splitlines()


def pages():
    return sorted(page for page in (BUILD / "app").glob("linemix-*.[18]"))


def words(page):
    """The text of a page as a reader sees it, in words."""
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True,
                          text=True, check=True,
                          env={**os.environ, "MANWIDTH": "1000", "LC_ALL": "C.UTF-8"})
    return done.stdout.replace("\N{HYPHEN}", "-"), done.stderr


@unittest.skipUnless(shutil.which("man"), "needs man")
@unittest.skipIf(os.environ["SANITIZED"] == "1", "not made of sanitized programs")
class Pages(unittest.TestCase):
    def test_each_program_has_one(self):
        have = {page.stem for page in pages()}
        programs = {path.name for path in (BUILD / "app").glob("*/linemix-*") if path.is_file()
                    and os.access(path, os.X_OK)}
        self.assertEqual(have, programs)
        self.assertIn("linemix-relay", have)

    def test_they_are_well_formed(self):
        for page in pages():
            self.assertEqual(words(page)[1], "", page.name)
            if shutil.which("mandoc"):
                lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], text=True,
                                      capture_output=True, check=False)
                self.assertEqual(lint.stdout, "", page.name)

    def test_every_key_of_the_relay_is_there(self):
        text, _ = words(BUILD / "app/linemix-relay.8")
        said = subprocess.run([BUILD / "app/relay/linemix-relay", "--help-config"], text=True,
                              capture_output=True, check=True).stdout
        keys = [line for line in said.splitlines() if not line.startswith("\t")]
        self.assertGreater(len(keys), 40)
        for key in keys:
            self.assertRegex(text, rf"(?m)^ +{re.escape(key)}\b")


class Help(unittest.TestCase):
    def test_options_are_read_whole(self):
        self.assertEqual(manual.parse_options(HELP), [
            (["-c", "--config=FILE"], "The file. Not another one"),
            (["--a-long-option-name=VALUE"], ".dotted"),
            (["-?", "--help"], "Give this help list")])

    def test_they_become_mdoc(self):
        self.assertEqual(manual.options_section(HELP), [
            ".Bl -tag -width Ds",
            ".It Fl c , Fl \\-config Ns = Ns Ar FILE", "The file.\nNot another one",
            ".It Fl \\-a\\-long\\-option\\-name Ns = Ns Ar VALUE", "\\&.dotted", ".El"])

    def test_what_stands_around_them(self):
        self.assertEqual(manual.parts(HELP),
                         (["Does things. It does them well."], ["What follows."]))


if __name__ == "__main__":
    tap.main()
