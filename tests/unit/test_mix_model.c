/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/mix beside a plain model of each strategy, under random schedules: bursts of any size, time
 * that stands still, goes on and jumps, callers who take little, drains and evictions. Nothing is
 * lost or doubled, and how many leave when, what is wanted and when the next leaves is as the model
 * says: for batch and poisson exactly, for pool as far as coins do not decide.
 */
#include "mix_testing.h"

#define NUMBERS (1u << 16)

/* What the model knows of an item, by its number. */
struct known {
	bool held;
	bool leaving; /* batch: of the batch that leaves; pool: there at the last flush */
	uint16_t from;
	uint64_t came_us, due_us;
};

struct model {
	const struct lm_mix_params *params;
	uint32_t capacity;
	struct lm_mix *mix;
	struct lm_prng prng;
	uint64_t now_us;
	struct known item[NUMBERS];
	uint32_t low, next; /* numbers of all that is held are from low to before next */
	uint32_t held;
	/* batch */
	uint64_t end_us, start_us, oldest_us;
	uint32_t size, left, collecting;
	bool overdue;
};

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* ---- batch: one interval's end after the other ---- */

static uint32_t neighbours(const struct model *model)
{
	static uint32_t seen_at[UINT16_MAX + 1], turn;
	uint32_t count = 0;

	turn++;
	for (uint32_t i = model->low; i < model->next; i++) {
		const struct known *item = &model->item[i];

		if (!item->held || item->leaving || item->from == LM_MIX_OWN ||
		    seen_at[item->from] == turn)
			continue;
		seen_at[item->from] = turn;
		count++;
	}
	return count;
}

static void batch_starts(struct model *model, uint64_t start_us)
{
	for (uint32_t i = model->low; i < model->next; i++)
		model->item[i].leaving = model->item[i].held;
	model->size = model->held;
	model->left = 0;
	model->collecting = 0;
	model->start_us = start_us;
	model->overdue = false;
}

static bool is_last_end(const struct model *model, uint64_t end_us)
{
	return end_us + model->params->interval_us >
	       sum(model->oldest_us, model->params->max_wait_us);
}

static void batch_time(struct model *model)
{
	const struct lm_mix_params *params = model->params;

	for (; model->end_us <= model->now_us; model->end_us += params->interval_us) {
		bool enough = model->collecting >= params->min_batch;

		if (model->collecting == 0 || model->overdue)
			continue;
		if (enough && neighbours(model) >= params->min_neighbours)
			batch_starts(model, model->end_us);
		else if (is_last_end(model, model->end_us) && enough)
			batch_starts(model, model->end_us);
		else
			model->overdue = is_last_end(model, model->end_us);
	}
}

static void batch_added(struct model *model, uint32_t n)
{
	if (n == 0)
		return;
	if (model->collecting == 0)
		model->oldest_us = model->now_us;
	model->collecting += n;
	if (model->overdue && model->collecting >= model->params->min_batch)
		batch_starts(model, model->now_us);
}

/* The k-th of a batch may leave from this microsecond on. */
static uint64_t place_us(const struct model *model, uint32_t k)
{
	return model->start_us + (uint64_t)k * model->params->interval_us / model->size;
}

static uint32_t batch_due(const struct model *model)
{
	uint32_t due = 0;

	while (model->left + due < model->size &&
	       place_us(model, model->left + due) <= model->now_us)
		due++;
	return due;
}

static uint64_t batch_next(const struct model *model)
{
	uint64_t next_us = UINT64_MAX, end_us = model->end_us;
	bool complete = model->collecting >= model->params->min_batch &&
			neighbours(model) >= model->params->min_neighbours;

	if (model->left < model->size)
		next_us = place_us(model, model->left);
	if (model->collecting == 0 || model->overdue)
		return next_us;
	while (!complete && !is_last_end(model, end_us))
		end_us += model->params->interval_us;
	return next_us < end_us ? next_us : end_us;
}

/* ---- poisson: look at all ---- */

static uint32_t poisson_due(const struct model *model)
{
	uint32_t due = 0;

	for (uint32_t i = model->low; i < model->next; i++)
		due += model->item[i].held && model->item[i].due_us <= model->now_us;
	return due;
}

static uint64_t poisson_next(const struct model *model)
{
	uint64_t next_us = UINT64_MAX;

	for (uint32_t i = model->low; i < model->next; i++)
		if (model->item[i].held && model->item[i].due_us < next_us)
			next_us = model->item[i].due_us;
	return next_us;
}

/* ---- The same for all ---- */

static uint64_t mean_us(const struct model *model)
{
	return model->params->strategy == LM_MIX_POISSON ? model->params->mean_delay_us
							 : model->params->interval_us;
}

static void pass_time(struct model *model)
{
	uint32_t mean = (uint32_t)mean_us(model);

	switch (lm_prng_below(&model->prng, 8)) {
	case 0:
		break;
	case 1:
		model->now_us += 40 * mean_us(model) + lm_prng_below(&model->prng, mean);
		break;
	case 2:
	case 3:
		if (lm_mix_next_us(model->mix) < UINT64_MAX)
			model->now_us = lm_mix_next_us(model->mix);
		break;
	default:
		model->now_us += lm_prng_below(&model->prng, mean / 4 + 2);
	}
	if (model->params->strategy == LM_MIX_BATCH)
		batch_time(model);
}

static uint32_t some_delay(struct model *model)
{
	switch (lm_prng_below(&model->prng, 10)) {
	case 0:
		return 0;
	case 1:
		return UINT32_MAX;
	case 2:
		return 100;
	default:
		return lm_mix_draw_delay_us(model->params, &model->prng);
	}
}

static void know(struct model *model, const struct lm_mix_item *item)
{
	uint32_t delay_us = item->delay_us, max_us = lm_mix_delay_max_us(model->params);

	model->item[(uintptr_t)item->packet] = (struct known){
		.held = true,
		.from = item->from,
		.came_us = model->now_us,
		.due_us = model->now_us + (delay_us < max_us ? delay_us : max_us),
	};
}

static void add(struct model *model)
{
	struct lm_mix_item item[LM_BURST];
	uint32_t room = model->capacity - model->held;
	unsigned n = lm_prng_below(&model->prng, LM_BURST + 1), took;

	for (unsigned i = 0; i < n; i++)
		item[i] = (struct lm_mix_item){
			.packet = (void *)(uintptr_t)(model->next + i),
			.delay_us = some_delay(model),
			.from = lm_prng_below(&model->prng, 3)
					? (uint16_t)lm_prng_below(&model->prng, 5)
					: LM_MIX_OWN,
			.to = 7,
		};
	took = lm_mix_add(model->mix, item, n, model->now_us);
	assert_int_equal(took, n < room ? n : room);
	for (unsigned i = 0; i < took; i++)
		know(model, &item[i]);
	model->next += n; /* refused numbers are not used again */
	model->held += took;
	if (model->params->strategy == LM_MIX_BATCH)
		batch_added(model, took);
}

static void forget(struct model *model, const struct lm_mix_item *item)
{
	struct known *known = &model->item[(uintptr_t)item->packet];

	assert_true(known->held);
	assert_int_equal(known->from, item->from);
	assert_int_equal(item->to, 7);
	known->held = false;
	model->held--;
	while (model->low < model->next && !model->item[model->low].held)
		model->low++;
}

static void check_left(struct model *model, const struct lm_mix_item *item, unsigned n)
{
	uint64_t last_us = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct known *known = &model->item[(uintptr_t)item[i].packet];

		if (model->params->strategy == LM_MIX_BATCH)
			assert_true(known->leaving);
		if (model->params->strategy == LM_MIX_POISSON) {
			assert_true(known->due_us >= last_us && known->due_us <= model->now_us);
			last_us = known->due_us;
		}
		forget(model, &item[i]);
	}
	model->left += n;
}

static void take(struct model *model)
{
	struct lm_mix_item item[3 * LM_BURST];
	unsigned max = lm_prng_below(&model->prng, LM_COUNT(item) + 1), n;

	n = lm_mix_take(model->mix, item, max, model->now_us);
	if (model->params->strategy == LM_MIX_BATCH)
		assert_int_equal(n, batch_due(model) < max ? batch_due(model) : max);
	if (model->params->strategy == LM_MIX_POISSON)
		assert_int_equal(n, poisson_due(model) < max ? poisson_due(model) : max);
	check_left(model, item, n);
}

static void compare(struct model *model)
{
	uint64_t next_us, want_us = 0;
	uint32_t wanted = 0, room = model->capacity - model->held;

	assert_int_equal(lm_mix_held(model->mix), model->held);
	if (model->params->strategy == LM_MIX_BATCH) {
		want_us = batch_next(model);
		if (model->overdue)
			wanted = model->params->min_batch - model->collecting;
	}
	if (model->params->strategy == LM_MIX_POISSON)
		want_us = poisson_next(model);
	assert_int_equal(lm_mix_wanted(model->mix, model->now_us), wanted < room ? wanted : room);
	next_us = lm_mix_next_us(model->mix);
	if (model->params->strategy == LM_MIX_POOL)
		return;
	assert_true(next_us == (want_us > model->now_us ? want_us : model->now_us));
}

/* Pool: before next_us nothing leaves. */
static void check_silence(struct model *model)
{
	uint64_t next_us = lm_mix_next_us(model->mix);
	struct lm_mix_item item;

	if (next_us == UINT64_MAX || next_us <= model->now_us + 1)
		return;
	model->now_us += 1 + lm_prng_below(&model->prng, (uint32_t)(next_us - model->now_us - 1));
	assert_int_equal(lm_mix_take(model->mix, &item, 1, model->now_us), 0);
	assert_true(lm_mix_next_us(model->mix) == next_us);
}

static void end(struct model *model, bool evict)
{
	struct lm_mix_item item[LM_BURST];
	unsigned n;

	if (!evict)
		lm_mix_drain(model->mix);
	do {
		n = evict ? lm_mix_evict(model->mix, item, LM_BURST - 3, model->now_us)
			  : lm_mix_take(model->mix, item, LM_BURST - 3, model->now_us);
		for (unsigned i = 0; i < n; i++) {
			const struct known *known = &model->item[(uintptr_t)item[i].packet];
			uint64_t rest_us = known->due_us > model->now_us && evict
						   ? known->due_us - model->now_us
						   : 0;

			if (model->params->strategy == LM_MIX_POISSON)
				assert_int_equal(item[i].delay_us, rest_us);
			forget(model, &item[i]);
		}
	} while (n > 0);
	assert_int_equal(model->held, 0);
	assert_int_equal(lm_mix_held(model->mix), 0);
}

static void run(const struct lm_mix_params *params, uint32_t capacity, uint8_t seed, bool evict)
{
	static struct model model;
	uint64_t made_us = (uint64_t)seed << 28 | 12345;

	memset(&model, 0, sizeof(model));
	model.params = params;
	model.capacity = capacity;
	model.now_us = made_us;
	model.end_us = made_us + params->interval_us;
	model.low = model.next = 1;
	model.mix = mix_make(params, capacity, made_us);
	lm_prng_init(&model.prng, (const uint8_t[32]){seed});
	while (model.next + LM_BURST < NUMBERS / 2) {
		pass_time(&model);
		if (lm_prng_below(&model.prng, 2))
			add(&model);
		compare(&model);
		take(&model);
		compare(&model);
		if (params->strategy == LM_MIX_POOL)
			check_silence(&model);
	}
	end(&model, evict && params->strategy == LM_MIX_POISSON);
	free(model.mix);
}

static const uint32_t capacities[] = {1, 2, 63, 64, 65, 300, 1500};

static void batch_is_as_its_model(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * LM_COUNT(capacities); i++) {
		uint32_t capacity = capacities[i / 4];
		struct lm_mix_params params = {
			.strategy = LM_MIX_BATCH,
			.interval_us = i % 2 ? 1000 : 7,
			.max_wait_us = i % 2 ? 3456 : 7,
			.min_batch = 1 + capacity / (1 + i % 4),
			.min_neighbours = 1 + i % 4,
		};

		if (params.min_batch > capacity)
			params.min_batch = capacity;
		run(&params, capacity, (uint8_t)i, false);
	}
}

static void pool_keeps_its_books(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * LM_COUNT(capacities); i++) {
		struct lm_mix_params params = {
			.strategy = LM_MIX_POOL,
			.interval_us = 1000,
			.threshold = 1 + capacities[i / 4] / (1 + i % 4),
			.flush_ppm = i % 2 ? 1000000 : 200000,
			.stay_ppm = i % 4 < 2 ? 500000 : 990000,
		};

		run(&params, capacities[i / 4], (uint8_t)i, false);
	}
}

static void poisson_is_as_its_model(void **state)
{
	static const uint32_t means[] = {1, 300, 1000000, LM_MIX_MEAN_MAX_US};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(means) * LM_COUNT(capacities); i++) {
		struct lm_mix_params params = {
			.strategy = LM_MIX_POISSON,
			.mean_delay_us = means[i % LM_COUNT(means)],
		};

		run(&params, capacities[i / LM_COUNT(means)], (uint8_t)i, i % 3 == 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(batch_is_as_its_model),
		cmocka_unit_test(pool_keeps_its_books),
		cmocka_unit_test(poisson_is_as_its_model),
	};

	return RUN_TESTS(tests);
}
