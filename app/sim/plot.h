/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The trade-off of a plan as a picture: plan.dat, plan.gp, and by gnuplot plan.svg and plan.png.
 */
#pragma once

#include "plan.h"

/* Into the folder, which is made if it is missing. -errno and a message, also if there is no
 * gnuplot; the data and the script are there then. */
LM_MUST_CHECK int plot_plan(const char *folder, const struct plan_row *row, unsigned rows,
			    const struct plan_wish *wish, struct lm_error *err);
