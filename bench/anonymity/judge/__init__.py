# SPDX-License-Identifier: BSD-3-Clause
"""What knows the truth: it sets the observer's tasks, judges the answers, and audits mixes packet
by packet."""
