#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a manual page (mdoc) from a template and from what the program says of itself, so that it
cannot be older than the program. Lines of the template that are replaced:

    @OPTIONS@       the program's options (--help)
    @COMMANDS@      each of its commands, with the command's options
    @CONFIG WORDS@  the keys of its configuration (WORDS --help-config)
"""
import pathlib
import re
import subprocess
import sys
import textwrap

ALWAYS = ("--help", "--usage", "--version")  # said once, in the template
WIDTH = 79
COLUMN = 29                                  # where argp's descriptions begin
MANDATORY = "Mandatory or optional arguments"


def plain(words):
    """Words in which mdoc finds nothing of its own."""
    return words.replace("\\", "\\e").replace("--", "\\-\\-")


def text(words):
    """Running text, a new line for each sentence."""
    lines = []
    for sentence in re.split(r"(?<=[.?!]) +(?=[A-Z])", plain(words)):
        lines += textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in lines)


def literal(word):
    """An argument of a macro."""
    return '"' + plain(word).replace('"', "\\(dq") + '"'


def option_name(name):
    """ "-c" or "--config=FILE" as mdoc. """
    flag, equals, argument = name.partition("=")
    words = f"Fl {flag[1:].replace('-', chr(92) + '-')}"
    return words + (f" Ns = Ns Ar {argument}" if equals else "")


def parse_options(lines):
    """The options in argp's help: the names of each, and its description."""
    options = []
    for line in lines:
        if re.match(r" {2,6}-", line):
            names, description = line[:COLUMN], line[COLUMN:]
            if line[COLUMN - 1:COLUMN] not in ("", " "):  # longer than its column
                names, description = line, ""
            options.append((names.split(", "), [description]))
        elif options and line.startswith(" " * COLUMN):
            options[-1][1].append(line)
    return [([name.strip() for name in names], " ".join(" ".join(words).split()))
            for names, words in options]


def options_section(lines):
    rows = [row for row in parse_options(lines) if row[0][-1] not in ALWAYS]
    if not rows:
        return []
    out = [".Bl -tag -width Ds"]
    for names, description in rows:
        out += [".It " + " , ".join(map(option_name, names)), text(description)]
    return [*out, ".El"]


def parts(lines):
    """What help says before and after its options, in paragraphs; the usage line left out."""
    before, after, seen = [], [], False
    for line in lines[1:]:
        if re.match(r" {2,6}-", line):
            seen = True
        elif not line.startswith(" " * 20):
            (after if seen else before).append(line)
    return tuple([" ".join(block.split()) for block in "\n".join(side).split("\n\n")
                  if block.strip() and not block.strip().startswith(MANDATORY)]
                 for side in (before, after))


class Program:
    def __init__(self, path):
        self.path = path

    def says(self, *words):
        done = subprocess.run([self.path, *words], capture_output=True, text=True, check=True,
                              env={"LC_ALL": "C", "COLUMNS": "80"})
        if not done.stdout:
            raise SystemExit(f"{self.path} {' '.join(words)}: says nothing")
        return done.stdout.splitlines()

    def options(self):
        return options_section(self.says("--help"))

    def commands(self):
        lines = self.says("--help")
        begin = next(i for i, line in enumerate(lines) if line.startswith("Commands"))
        for line in lines[begin + 1:]:
            named = re.match(r"  (\S+) +(\S.*)", line)
            if not named:
                break
            yield from self.command(named[1])

    def command(self, name):
        lines = self.says(name, "--help")
        usage = re.sub(r"^Usage: \S+ ", "", lines[0]).removeprefix(name).replace("[OPTION...]", "")
        before, after = parts(lines)
        yield f".Ss {name}"
        yield (f".Bd -ragged -offset indent\n.Nm Cm {name} Oo Ar option ... "
               f"Oc{self.arguments(usage)}\n.Ed")
        yield ".Pp"
        yield from self.paragraphs(before)
        yield from options_section(lines)
        if after:
            yield ".Pp"
            yield from self.paragraphs(after)

    @staticmethod
    def arguments(usage):
        return "".join(f" Ar {literal(word)}" for word in usage.split())

    @staticmethod
    def paragraphs(blocks):
        for number, block in enumerate(blocks):
            if number > 0:
                yield ".Pp"
            yield text(block)

    def config(self, *words):
        yield ".Bl -tag -width Ds"
        for line in self.says(*words, "--help-config"):
            if not line.startswith("\t"):
                yield f".It Cm {literal(line)}"
                first = True
            else:
                yield text(line.strip()) + ("." if first else "")
                if first:
                    yield ".br"
                first = False
        yield ".El"


def page(program, template):
    for line in template.splitlines():
        asked = re.fullmatch(r"@(OPTIONS|COMMANDS|CONFIG)((?: \S+)*)@", line)
        if asked:
            yield from getattr(program, asked[1].lower())(*asked[2].split())
        else:
            yield line


def main():
    program, template, out = sys.argv[1:]
    lines = page(Program(program), pathlib.Path(template).read_text())
    pathlib.Path(out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
