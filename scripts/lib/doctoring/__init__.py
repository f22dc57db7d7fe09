# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/doctor looks at, one part of the machine a file. Each looks and gives findings."""
