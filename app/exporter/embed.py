#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the files of the page as C arrays: embed.py OUT.c FILE..."""
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def array(number, path):
    numbers = [str(byte) for byte in path.read_bytes()]
    lines = [", ".join(numbers[i:i + 24]) for i in range(0, len(numbers), 24)]
    return f"static const unsigned char file_{number}[] = {{\n" + ",\n".join(lines) + "};\n"


def row(number, path):
    name = "/" if path.name == "page.html" else f"/{path.name}"
    return f'\t{{"{name}", "{TYPES[path.suffix]}", file_{number}, sizeof(file_{number})}},\n'


out, *files = map(pathlib.Path, sys.argv[1:])
out.write_text("".join(
    ['/* SPDX-License-Identifier: BSD-3-Clause */\n/* Made by embed.py. */\n#include "pages.h"\n\n']
    + [array(*file) for file in enumerate(files)]
    + ["const struct page pages[] = {\n"] + [row(*file) for file in enumerate(files)]
    + ["};\nconst unsigned pages_n = sizeof(pages) / sizeof(pages[0]);\n"]))
