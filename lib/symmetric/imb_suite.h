/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ipsec-mb after 1.3 takes a burst only of jobs that carry the number of their suite (algorithms,
 * direction, key length), which it gives; 1.3 has no such numbers.
 */
#pragma once

#include <intel-ipsec-mb.h>
#include <string.h>

#include "lm_base.h"

/* Gives n jobs, 1 at least, that are one in all of these, their number. */
static inline void imb_suite(IMB_MGR *imb, IMB_JOB *const job[], unsigned n)
{
#ifdef IMB_SUITES
	LM_ASSERT(imb_set_session(imb, job[0]) != 0);
	for (unsigned i = 1; i < n; i++)
		memcpy(job[i]->suite_id, job[0]->suite_id, sizeof(job[0]->suite_id));
#else
	(void)imb;
	(void)job;
	(void)n;
#endif
}
