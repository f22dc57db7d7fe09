#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks that the assembly of lib/x25519's ladder is constant time: its only branch counts a
constant down, every address is one of the two arguments plus a constant, and nothing moves from
vectors or from memory to a general register. Lines that would leak are tried too, and must be
refused.

usage: check_ladder.py LADDER.S
"""
import re
import sys

# rdi is the state, rsi walks over the swap masks, edx counts the steps.
PLACE = r"(rdi \+ \d+|rip \+ \.Lconstants \+ \d+)"
OPERAND = (rf"(zmm\d+(\{{k\d\}})?|\d+|[zq]mmword ptr \[{PLACE}\]"
           rf"|qword ptr \[{PLACE}\]\{{1to8\}}|qword ptr \[{PLACE}\])")
VECTOR = "vpmadd52[lh]uq|vp(add|sub|xor|and|mull)q|vps[rl]lq|vpblendmq|vpbroadcastq|vmovdqa64"
ALLOWED = re.compile(
    rf"({VECTOR}) {OPERAND}(, {OPERAND})+|kmovb k1, byte ptr \[rsi\]"
    r"|mov edx, \d+|inc rsi|dec edx|jnz \.Lstep|endbr64|ret"
    r"|\.(cfi_\w+|globl|intel_syntax|p2align|quad|section|size|text|type)\b.*|\.?\w+:")
LEAKS = ["jc .Lstep", "mov eax, dword ptr [rdi]", "vmovq rax, xmm0",
         "vpgatherqq zmm0{k1}, [rdi + zmm1]", "kmovb eax, k1", "mov edx, dword ptr [rsi]",
         "vmovdqa64 zmm0, zmmword ptr [rdi + rax]",
         "kortestb k1, k1", "call memcpy", "add rsi, rax", "vdivpd zmm0, zmm0, zmm1"]


def refused(line):
    code = re.sub(r"/\*.*?\*/", "", line).strip()
    return code != "" and not ALLOWED.fullmatch(code)


def main():
    missed = [line for line in LEAKS if not refused(line)]
    for line in missed:
        print(f"would not be found: {line}")
    with open(sys.argv[1], encoding="ascii") as file:
        lines = file.read().splitlines()
    found = [(number, line) for number, line in enumerate(lines, 1) if refused(line)]
    for number, line in found:
        print(f"{sys.argv[1]}:{number}: may depend on a secret: {line.strip()}")
    ladder = sum("vpmadd52" in line for line in lines) > 300
    return 0 if ladder and not found and not missed else 1


sys.exit(main())
