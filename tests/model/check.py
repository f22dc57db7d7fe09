#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Searches every state of the models in this folder with spin, and sees that broken variants
fail."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scripts"))
import tap

# At -O2 gcc 12 makes wrong code of sums of comparisons of bytes, as verifiers have them.
CC = ["cc", "-w", "-DNFAIR=3", "-o", "pan", "pan.c"]
DEPTH = 100000


def search(model, formula, *defines, fair=False, optimise="-O1"):
    """Searches all states; returns the number of errors that were found."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("MESON_BUILD_ROOT")) as folder:
        def run(*command):
            return subprocess.run(command, cwd=folder, text=True, timeout=300,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        made = run("spin", "-a", *[f"-D{define}" for define in defines], HERE / f"{model}.pml")
        built = run(*CC, optimise)
        if made.returncode != 0 or built.returncode != 0:
            raise AssertionError(made.stdout + built.stdout)
        found = run("./pan", f"-m{DEPTH}", "-a", *["-f"] * fair, "-N", formula).stdout
    errors = re.search(r"errors: (\d+)", found)
    # A search that was cut short, or stopped for another reason than a found error, is none.
    if not errors or "max search depth too small" in found or "out of memory" in found:
        raise AssertionError(found)
    if int(errors[1]) == 0 and "Search not completed" in found:
        raise AssertionError(found)
    return int(errors[1])


class Model(unittest.TestCase):
    def holds(self, *arguments, **options):
        self.assertEqual(search(*arguments, **options), 0)

    def fails(self, *arguments, **options):
        # found soon: a quick build counts for more than a quick search
        self.assertGreater(search(*arguments, **options, optimise="-O0"), 0)

    # ---- replay.pml ----

    def test_replay_accepts_once_and_keeps_to_its_capacity(self):
        self.holds("replay", "safe")

    def test_replay_accepts_once_when_full(self):
        self.holds("replay", "safe", "CAPACITY=2")

    def test_replay_inserts_return(self):
        self.holds("replay", "ends", "CAPACITY=2")

    def test_replay_without_compare_and_swap_fails(self):
        self.fails("replay", "safe", "BREAK_STORE")

    def test_replay_that_passes_a_slot_unread_fails(self):
        self.fails("replay", "safe", "BREAK_PASS")

    def test_replay_that_keeps_shares_it_did_not_get_fails(self):
        self.fails("replay", "safe", "BREAK_SHARES")

    def test_replay_that_gives_no_shares_back_fails(self):
        self.fails("replay", "safe", "BREAK_RETURN")

    def test_replay_that_attaches_without_counting_fails(self):
        self.fails("replay", "safe", "BREAK_ATTACH")

    # ---- rings.pml ----

    def test_rings_lose_nothing_and_let_the_mixer_go_on(self):
        self.holds("rings", "goes_on", fair=True)

    def test_rings_of_two_places_keep_packets_whole(self):
        self.holds("rings", "once", "SIZE=2")

    def test_rings_that_publish_too_early_fail(self):
        self.fails("rings", "once", "BREAK_PUBLISH")

    def test_rings_without_the_drop_rule_fail(self):
        self.fails("rings", "once", "BREAK_ROOM")

    def test_rings_that_are_given_more_than_room_fail(self):
        self.fails("rings", "once", "BREAK_GIVE")

    def test_rings_whose_mixer_waits_fail(self):
        self.fails("rings", "goes_on", "BREAK_WAIT", fair=True)

    # ---- epoch.pml ----

    def test_epoch_erases_what_nobody_uses(self):
        self.holds("epoch", "safe")

    def test_epochs_end(self):
        self.holds("epoch", "ends", fair=True)

    def test_epoch_without_a_wait_fails(self):
        self.fails("epoch", "safe", "BREAK_WAIT")

    def test_epoch_that_erases_first_fails(self):
        self.fails("epoch", "safe", "BREAK_ORDER")

    def test_epoch_with_a_new_set_for_a_view_fails(self):
        self.fails("epoch", "safe", "BREAK_SET")

    def test_epoch_with_a_view_of_another_round_fails(self):
        self.fails("epoch", "safe", "BREAK_CACHE")

    def test_epoch_without_quiescent_states_fails(self):
        self.fails("epoch", "ends", "BREAK_QUIET", fair=True)


if __name__ == "__main__":
    tap.main()
