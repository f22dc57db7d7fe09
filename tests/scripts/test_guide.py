# SPDX-License-Identifier: BSD-3-Clause
"""The operator's guide knows every alarm of a relay, and no message that nobody says."""
import pathlib
import re
import unittest

import tap

TREE = pathlib.Path(__file__).resolve().parents[2]
GUIDE = (TREE / "drivers-config/operations.md").read_text()


def source(*folders):
    """All of these folders' C, with strings that go on over lines joined."""
    files = (path for folder in folders for path in sorted((TREE / folder).rglob("*.c")))
    return re.sub(r'"\s*"', "", "\n".join(path.read_text() for path in files))


def rows(head):
    """The first cell of each row of the table that begins so."""
    table = re.search(rf"(?m)^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n)+)", GUIDE)
    return [line.split("|")[1].strip() for line in table[1].splitlines()]


class Guide(unittest.TestCase):
    def test_every_alarm_has_its_meaning_and_remedy(self):
        alarms = set(re.findall(r'"(alarm_[a-z_]+)"', source("app/relay")))
        self.assertGreater(len(alarms), 5)
        self.assertEqual(alarms, set(re.findall(r"`(alarm_[a-z_]+)`", "\n".join(rows("alarm")))))

    def test_messages_are_those_of_the_programs(self):
        said = source("app/relay", "lib")
        found = 0
        for row in rows("the journal says"):
            if row.startswith("system"):  # not the relay's own
                continue
            for message in re.findall(r"`([^`]+)`", row):
                self.assertIn(message, said)
                found += 1
        self.assertGreater(found, 5)


if __name__ == "__main__":
    tap.main()
