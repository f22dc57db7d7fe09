/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What truth.h found: counts, every flight as CSV, and the files of records that linemix-sim
 * writes, so that what measures simulations measures captures.
 */
#pragma once

#include <stdio.h>

#include "truth.h"

/* False if it could not be written. */
LM_MUST_CHECK bool truth_report_text(FILE *to, const struct truth *truth);
LM_MUST_CHECK bool truth_report_json(FILE *to, const struct truth *truth);

/* README.md, "Who went where", has the columns. -errno and a message. */
LM_MUST_CHECK int truth_write_csv(const char *path, const struct truth *truth,
				  struct lm_error *err);

/* Writes flights.bin, truth.bin, packets.bin and run.json into the folder, made if need be. */
LM_MUST_CHECK int truth_write_records(const char *folder, const struct truth *truth,
				      struct lm_error *err);
