/* SPDX-License-Identifier: BSD-3-Clause */
/* See mix_testing.h. */
#include "mix_testing.h"

struct lm_mix *mix_make(const struct lm_mix_params *params, uint32_t capacity, uint64_t now_us)
{
	static const uint8_t seed[32] = "a seed that every run shares";
	void *memory = aligned_alloc(LM_MIX_ALIGN, (lm_mix_size(capacity) + 63) / 64 * 64);

	assert_non_null(memory);
	memset(memory, 0xa5, lm_mix_size(capacity));
	return lm_mix_init(memory, capacity, params, seed, now_us);
}

struct lm_mix_item mix_numbered(uint64_t number, uint32_t delay_us)
{
	return (struct lm_mix_item){
		.packet = (void *)(uintptr_t)number,
		.delay_us = delay_us,
		.from = (uint16_t)(number * 5),
		.to = (uint16_t)(number * 7),
	};
}

uint64_t mix_number_of(const struct lm_mix_item *item)
{
	uint64_t number = (uintptr_t)item->packet;

	assert_int_equal(item->from, (uint16_t)(number * 5));
	assert_int_equal(item->to, (uint16_t)(number * 7));
	return number;
}

void mix_add_range(struct lm_mix *mix, uint64_t first, unsigned n, uint32_t delay_us,
		   uint64_t now_us)
{
	for (unsigned i = 0; i < n; i++) {
		struct lm_mix_item item = mix_numbered(first + i, delay_us);

		assert_int_equal(lm_mix_add(mix, &item, 1, now_us), 1);
	}
}

uint32_t mix_take_all(struct lm_mix *mix, uint64_t now_us)
{
	struct lm_mix_item item[4096];
	uint32_t all = 0, taken;

	do {
		taken = lm_mix_take(mix, item, LM_COUNT(item), now_us);
		all += taken;
	} while (taken == LM_COUNT(item));
	return all;
}

unsigned mix_rank_of(const struct lm_mix_item *item, unsigned n)
{
	unsigned rank = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned smaller_behind = 0;

		for (unsigned j = i + 1; j < n; j++)
			smaller_behind += mix_number_of(&item[j]) < mix_number_of(&item[i]);
		rank = rank * (n - i) + smaller_behind;
	}
	return rank;
}
