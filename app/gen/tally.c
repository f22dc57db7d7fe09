/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See tally.h.
 */
#include "tally.h"

#include <errno.h>
#include <string.h>

int tally_start(struct tally *tally, const struct gen_run *run, struct lm_error *err)
{
	tally->arrival = calloc(run->count, sizeof(*tally->arrival));
	if (tally->times)
		tally->came_ns = calloc(run->count, sizeof(*tally->came_ns));
	if (!tally->arrival || (tally->times && !tally->came_ns))
		return lm_error_set(err, ENOMEM, "no memory to count %u packets; send fewer",
				    run->count);
	tally->run = *run;
	if (!tally->sent_ns)
		tally->sent = run->count;
	tally->known = true;
	return tally->due ? 0 : schedule_make(&tally->schedule, run, err);
}

void tally_free(struct tally *tally)
{
	free(tally->arrival);
	free(tally->came_ns);
	schedule_free(&tally->schedule);
	tally->arrival = NULL;
	tally->came_ns = NULL;
}

static bool same_run(const struct gen_run *a, const struct gen_run *b)
{
	return gen_run_id(a) == gen_run_id(b) && a->count == b->count && a->cmds == b->cmds &&
	       a->arrivals == b->arrivals && a->burst == b->burst && a->peak == b->peak;
}

static const struct schedule *schedule_of(const struct tally *tally)
{
	return tally->due ? tally->due : &tally->schedule;
}

static void add_since(struct histogram *histogram, uint64_t from_ns, uint64_t when_ns)
{
	if (when_ns >= from_ns && when_ns - from_ns <= TALLY_LATENCY_MAX_NS)
		histogram_add(histogram, when_ns - from_ns);
}

static void add_latency(struct tally *tally, uint32_t seq, uint64_t when_ns)
{
	uint64_t start_ns = tally->start_ns ? tally->start_ns : tally->run.start_ns;

	if (tally->sent_ns && seq < tally->sent_room)
		add_since(&tally->transit_ns, tally->sent_ns[seq], when_ns);
	if (start_ns != 0)
		add_since(&tally->latency_ns, start_ns + schedule_due_ns(schedule_of(tally), seq),
			  when_ns);
}

int tally_message(struct tally *tally, const struct gen_message *message, uint64_t when_ns,
		  bool again, struct lm_error *err)
{
	int rc = tally->known ? 0 : tally_start(tally, &message->run, err);

	if (rc != 0)
		return rc;
	if (!same_run(&tally->run, &message->run)) {
		tally->foreign++;
		return 0;
	}
	if (tally->run.rate_pps == 0 && message->run.rate_pps != 0) {
		/* known from tokens so far */
		tally->run = message->run;
		rc = schedule_make(&tally->schedule, &tally->run, err);
		if (rc != 0)
			return rc;
	}

	enum gen_cmd cmd = gen_run_cmd(&tally->run, message->seq);

	if (again || tally->arrival[message->seq] != 0) {
		tally->duplicated[cmd]++;
		return 0;
	}
	if (tally->came_ns)
		tally->came_ns[message->seq] = when_ns;
	tally->arrival[message->seq] = ++tally->arrivals;
	tally->received[cmd]++;
	add_latency(tally, message->seq, when_ns);
	return 0;
}

uint32_t tally_sent(const struct tally *tally, enum gen_cmd cmd)
{
	struct gen_run sent = tally->run;

	sent.count = tally->sent;
	return tally->known ? gen_run_count(&sent, cmd) : 0;
}

uint64_t tally_lost(const struct tally *tally, enum gen_cmd cmd)
{
	return tally->elsewhere >> cmd & 1 ? 0 : tally_sent(tally, cmd) - tally->received[cmd];
}

uint32_t tally_expected(const struct tally *tally)
{
	uint32_t expected = 0;

	for (unsigned i = 0; i < GEN_CMDS; i++) {
		if (!(tally->elsewhere >> i & 1))
			expected += tally_sent(tally, (enum gen_cmd)i);
	}
	return expected;
}

bool tally_complete(const struct tally *tally)
{
	uint64_t wrong = tally->damaged;

	for (unsigned i = 0; i < GEN_CMDS; i++)
		wrong += tally->duplicated[i] + tally_lost(tally, (enum gen_cmd)i);
	return tally->known && tally->sent > 0 && wrong == 0;
}

bool tally_sent_after_ns(uint64_t *after_ns, const struct tally *tally, uint32_t seq)
{
	*after_ns = tally->sent_ns ? tally->sent_ns[seq] - tally->sent_ns[0]
				   : schedule_due_ns(schedule_of(tally), seq);
	return tally->sent_ns || tally->run.rate_pps != 0;
}
