/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See progress.h.
 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define SECOND_US 1000000

void progress_start(struct progress *progress, const char *what)
{
	*progress = (struct progress){
		.what = what,
		.terminal = isatty(STDERR_FILENO) == 1,
		.next_us = lm_clock_us() + SECOND_US,
	};
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total)
{
	uint64_t now = lm_clock_us();

	if (!progress->terminal || now < progress->next_us)
		return;
	fprintf(stderr, "\r%s: %llu of %llu (%llu %%)\033[K", progress->what,
		(unsigned long long)done, (unsigned long long)total,
		(unsigned long long)(total ? done * 100 / total : 100));
	progress->shown = true;
	progress->next_us = now + SECOND_US;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
