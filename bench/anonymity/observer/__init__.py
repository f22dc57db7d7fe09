# SPDX-License-Identifier: BSD-3-Clause
"""What an observer of every link can compute. Nothing here reads or imports the truth: the only
file that is opened is flights.bin, and of run.json the topology's part (seen.py). A test holds it
to that."""
