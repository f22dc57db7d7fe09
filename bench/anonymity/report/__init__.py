# SPDX-License-Identifier: BSD-3-Clause
"""From records to tables and plots."""
