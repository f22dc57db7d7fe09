/* SPDX-License-Identifier: BSD-3-Clause */
#include "replay_testing.h"

#include <string.h>

struct lm_replay *make_set(uint64_t capacity)
{
	size_t size = lm_replay_size(capacity);
	void *memory = aligned_alloc(LM_REPLAY_ALIGN, size);

	assert_non_null(memory);
	memset(memory, 0, size);
	return lm_replay_init(memory, capacity);
}

struct lm_replay_tag tag_of(uint64_t number)
{
	struct lm_replay_tag tag = {{0}};

	memcpy(tag.b, &number, sizeof(number));
	return tag;
}

uint64_t insert_range(struct lm_replay *set, uint64_t first, uint64_t n, uint64_t *refused)
{
	uint64_t fresh = 0;

	*refused = 0;
	for (uint64_t done = 0; done < n;) {
		struct lm_replay_tag tag[LM_BURST];
		unsigned burst = n - done < LM_BURST ? (unsigned)(n - done) : LM_BURST;
		uint64_t full;

		for (unsigned i = 0; i < burst; i++)
			tag[i] = tag_of(first + done + i);
		fresh += (unsigned)__builtin_popcountll(
			lm_replay_insert(set, tag, ALL >> (LM_BURST - burst), burst, &full));
		*refused += (unsigned)__builtin_popcountll(full);
		done += burst;
	}
	return fresh;
}

unsigned filled_in_line(const struct lm_replay_line *line)
{
	unsigned filled = 0;

	for (unsigned i = 0; i < LM_REPLAY_SLOTS; i++)
		filled += atomic_load(&line->slot[i]) != 0;
	return filled;
}

uint64_t filled_slots(const struct lm_replay *set)
{
	uint64_t filled = 0;

	for (uint64_t i = 0; i < set->lines; i++)
		filled += filled_in_line(&set->line[i]);
	return filled;
}
