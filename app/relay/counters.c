/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Adding up and printing the books.
 */
#include "counters.h"

#include <inttypes.h>

#define WORDS (sizeof(struct counters) / sizeof(uint64_t))

void counters_add(struct counters *total, const struct counters *one)
{
	uint64_t *to = (uint64_t *)total;
	const uint64_t *from = (const uint64_t *)one;

	for (size_t i = 0; i < WORDS; i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

uint64_t counters_dropped(const struct counters *counters)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LM_DROP_COUNT; i++)
		sum += counters->drop[i];
	return sum;
}

int64_t counters_off(const struct counters *counters, uint64_t held)
{
	return (int64_t)(counters->received + counters->cover + counters->taken_over -
			 counters->sent - counters->delivered - held - counters_dropped(counters));
}

bool counters_print_balance(FILE *to, const struct counters *counters, uint64_t held)
{
	int64_t off = counters_off(counters, held);
	const char *separator = " (";

	fprintf(to,
		"balance: received %" PRIu64 " + cover %" PRIu64 " + taken over %" PRIu64
		" = sent %" PRIu64 " + delivered %" PRIu64 " + held %" PRIu64 " + dropped %" PRIu64,
		counters->received, counters->cover, counters->taken_over, counters->sent,
		counters->delivered, held, counters_dropped(counters));
	for (unsigned i = 0; i < LM_DROP_COUNT; i++) {
		if (counters->drop[i] == 0)
			continue;
		fprintf(to, "%s%s %" PRIu64, separator, lm_drop_name((enum lm_drop)i),
			counters->drop[i]);
		separator = ", ";
	}
	if (separator[0] == ',')
		fputc(')', to);
	if (off == 0)
		fprintf(to, ": closed\n");
	else
		fprintf(to, ": NOT CLOSED, off by %" PRId64 "\n", off);
	return off == 0;
}

bool counters_print_json(FILE *to, const struct counters *counters, uint64_t held)
{
	int64_t off = counters_off(counters, held);

	fprintf(to,
		"\"received\": %" PRIu64 ", \"cover\": %" PRIu64 ", \"taken_over\": %" PRIu64
		", \"sent\": %" PRIu64 ", \"delivered\": %" PRIu64 ", \"held\": %" PRIu64
		", \"drops\": {",
		counters->received, counters->cover, counters->taken_over, counters->sent,
		counters->delivered, held);
	for (unsigned i = LM_DROP_NONE + 1; i < LM_DROP_COUNT; i++)
		fprintf(to, "%s\"%s\": %" PRIu64, i > 1 ? ", " : "", lm_drop_name((enum lm_drop)i),
			counters->drop[i]);
	fprintf(to, "}, \"off\": %" PRId64 ", \"closed\": %s", off, off == 0 ? "true" : "false");
	return off == 0;
}
