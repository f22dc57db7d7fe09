# SPDX-License-Identifier: BSD-3-Clause
"""The source tree as the checks see it: its files, and how a finding is reported."""
import argparse
import os
import pathlib


def root_from_arguments(description):
    """The tree to check: the one that holds this script, unless --root names another."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", type=pathlib.Path, metavar="FOLDER",
                        default=pathlib.Path(__file__).resolve().parents[2])
    return parser.parse_args().root


def files(root):
    """Yields each file, relative to root, in order; build folders and caches left out."""
    for folder, names, entries in os.walk(root):
        here = pathlib.Path(folder).relative_to(root)
        names[:] = sorted(name for name in names if not ignored(here / name))
        for entry in sorted(entries):
            if not entry.endswith(".pyc"):
                yield here / entry


def ignored(folder):
    """What .gitignore leaves out, and git's own folder."""
    return folder.name in (".git", "__pycache__") or folder.name.startswith("build")


def report(findings):
    """Prints the findings; gives the exit status."""
    for finding in findings:
        print(finding)
    return 1 if findings else 0
