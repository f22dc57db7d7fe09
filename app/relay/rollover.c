/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See rollover.h. Epochs advance by the clock, but never beyond the one after the newest document's
 * and never backwards, which bounds what a clock that jumps can do.
 */
#include "rollover.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "reload.h"
#include "run.h"

#define LOOK_US  100000  /* between two looks at the topology file */
#define RETRY_US 5000000 /* after a failure */
#define LEAD_S   30      /* that the next change is prepared ahead, or a quarter of an epoch */
#define NAP_MS   2
#define CLOCK_US 1000000 /* between two looks at the neighbours' clocks */

/* What takes as long as a replay set is large, or as a disk is slow. */
struct aside {
	struct relay *relay;
	struct documents_target target;
	const struct relay_config *config; /* NULL: the relay's own */
	struct reload *next;
	struct lm_error err;
	int (*work)(struct aside *aside);
	int rc;
	bool done;
};

static void *aside_main(void *context)
{
	struct aside *aside = context;

	aside->rc = aside->work(aside);
	__atomic_store_n(&aside->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Does it on a thread of its own, where there is one to be had, while control attends to the rest:
 * neighbours get their answers, cover is built, and the service manager sees life. Nothing that
 * control attends to touches keys or documents, or changes the relay.
 */
static int do_aside(struct run *run, struct aside *aside, int (*work)(struct aside *aside))
{
	pthread_t thread;

	aside->relay = run->relay;
	aside->work = work;
	aside->done = false;
	if (pthread_create(&thread, NULL, aside_main, aside) != 0)
		return work(aside);
	while (!__atomic_load_n(&aside->done, __ATOMIC_ACQUIRE)) {
		if (run_attend(run) == 0)
			(void)poll(NULL, 0, NAP_MS);
	}
	pthread_join(thread, NULL);
	return aside->rc;
}

static uint64_t wall_s(void)
{
	return lm_clock_wall_us() / 1000000;
}

static int read_document(struct aside *aside)
{
	return documents_read(&aside->relay->documents, wall_s(), &aside->err);
}

static int read_config(struct aside *aside)
{
	struct documents *documents = &aside->relay->documents;
	struct relay_config *config = (struct relay_config *)(uintptr_t)aside->config;
	char before[DOCUMENTS_PATH];
	int rc = reload_read_config(config, aside->relay, &aside->err);

	if (rc != 0)
		return rc;
	snprintf(before, sizeof(before), "%s", documents->path);
	snprintf(documents->path, sizeof(documents->path), "%s", config->node.topology);
	rc = documents_read(documents, wall_s(), &aside->err);
	if (rc >= 0)
		return 0;
	snprintf(documents->path, sizeof(documents->path), "%s", before);
	return rc;
}

static int prepare(struct aside *aside)
{
	return reload_prepare(&aside->next, aside->relay, aside->target, aside->config,
			      &aside->err);
}

static int retire(struct aside *aside)
{
	return mix_keys_retire(&aside->relay->keys, aside->relay->epoch, &aside->err);
}

static int publish(struct aside *aside)
{
	const struct relay *relay = aside->relay;

	return publish_update(&relay->publish, relay->node, relay->epoch, wall_s(), &aside->err);
}

/* Says what has failed, once; false if it was said before. It will be tried again. */
static bool tell(struct rollover *rollover, const struct lm_error *err)
{
	rollover->retry_us = lm_clock_us() + RETRY_US;
	if (strcmp(rollover->told, err->text) == 0)
		return false;
	snprintf(rollover->told, sizeof(rollover->told), "%s", err->text);
	fprintf(stderr, "linemix-relay: %s\n", err->text);
	return true;
}

static void forget_prepared(struct rollover *rollover)
{
	reload_abandon(rollover->prepared);
	rollover->prepared = NULL;
}

/* ---- Going over ---- */

/* A view and sessions for it; NULL and a message: nothing has changed. */
static struct view *make_view(struct run *run, const struct reload *next, struct lm_error *err)
{
	struct relay *relay = run->relay;
	struct view *view;

	if (relay_prepare_sessions(relay, next->topology, next->node, &next->config, err) != 0)
		return NULL;
	view = view_make(next->topology, next->node, &run->self, &next->keys.ring, &relay->links,
			 run_resolver(run), &run->neighbours);
	if (view)
		return view;
	if (relay->sessions)
		sessions_abandon(relay->sessions);
	(void)lm_error_set(err, ENOMEM, "too little memory for the table of next hops");
	return NULL;
}

/* Swaps it in. It is the relay's own then, or was abandoned: -ENOMEM and a message. */
static int go(struct run *run, struct reload *next, struct lm_error *err)
{
	struct relay *relay = run->relay;
	const struct services *services = relay->shared.services;
	struct view *view = make_view(run, next, err);
	struct aside aside = {0};

	if (!view) {
		reload_abandon(next);
		return -ENOMEM;
	}
	if (next->services) { /* the sink first: nothing comes for one that it does not know yet */
		sink_set_services(&relay->sink, next->services);
		__atomic_store_n(&relay->shared.services, next->services, __ATOMIC_RELEASE);
	}
	run_swap_view(run, view);
	if (relay->sessions)
		sessions_commit(relay->sessions);
	if (next->services)
		free((void *)(uintptr_t)services);
	reload_finish(relay, next);
	if (do_aside(run, &aside, retire) != 0 || do_aside(run, &aside, publish) != 0)
		fprintf(stderr, "linemix-relay: warning: %s\n", aside.err.text);
	mix_keys_warn(stderr, &relay->keys);
	run_refresh_soon(run);
	return 0;
}

static bool is_for(const struct reload *next, struct documents_target target)
{
	return next && next->topology == target.topology && next->epoch == target.epoch;
}

/* Prepares for the target unless that is done. */
static int prepare_for(struct run *run, struct documents_target target, struct lm_error *err)
{
	struct rollover *rollover = &run->rollover;
	struct aside aside = {.target = target};
	int rc;

	if (is_for(rollover->prepared, target))
		return 0;
	forget_prepared(rollover);
	rc = do_aside(run, &aside, prepare);
	*err = aside.err;
	rollover->prepared = aside.next;
	return rc;
}

/* Goes over to the target. Told and false if it cannot be. */
static bool try_target(struct run *run, struct documents_target target)
{
	struct relay *relay = run->relay;
	struct lm_error err = {""};
	struct reload *next;
	int rc = prepare_for(run, target, &err);

	if (rc == 0) {
		next = run->rollover.prepared;
		run->rollover.prepared = NULL;
		rc = go(run, next, &err);
	}
	if (rc != 0) {
		(void)tell(&run->rollover, &err);
		return false;
	}
	fprintf(stderr,
		"linemix-relay: epoch %" PRIu32 ", by the topology of epoch %" PRIu32
		" with %u nodes\n",
		relay->epoch, relay->topology->epoch, relay->topology->nodes);
	return true;
}

/* Where the next topology will not do, the one in force does for one epoch more. */
static void roll(struct run *run, struct documents_target target, uint64_t now_s)
{
	const struct relay *relay = run->relay;
	struct documents_target rest = {relay->topology,
					lm_topology_epoch_at(relay->topology, now_s)};

	if (try_target(run, target)) {
		run->rollover.told[0] = '\0';
		return;
	}
	if (target.topology != rest.topology && rest.epoch > relay->epoch)
		(void)try_target(run, rest);
}

/* ---- What is due ---- */

static void look_at_file(struct run *run)
{
	struct rollover *rollover = &run->rollover;
	struct aside aside = {0};
	int rc;

	if (lm_clock_us() < rollover->look_us)
		return;
	rollover->look_us = lm_clock_us() + LOOK_US;
	if (!documents_changed(&run->relay->documents) &&
	    !(run->relay->documents.again && lm_clock_us() >= rollover->again_us))
		return;
	rollover->again_us = lm_clock_us() + RETRY_US;
	forget_prepared(rollover);
	rc = do_aside(run, &aside, read_document);
	if (rc < 0 && tell(rollover, &aside.err))
		fprintf(stderr,
			"linemix-relay: the last good topology, of epoch %" PRIu32
			", stays in force\n",
			run->relay->documents.now->epoch);
	rollover->retry_us = 0;
}

/*
 * The end of the newest document: a quarter of an epoch ahead, when it has come, and when the epoch
 * after it, whose keys it still has, is over as well. Told once each; the number is the alarm.
 */
static void watch_end(struct run *run, uint64_t now_s)
{
	static const char *const words[] = {
		NULL,
		"ends soon and no other has come",
		"has ended and no other has come: the next epoch goes on by it",
		"has ended an epoch ago: no key changes any more until another comes",
	};
	struct relay *relay = run->relay;
	const struct documents *documents = &relay->documents;
	const struct lm_topology *newest = documents->next ? documents->next : documents->now;
	uint64_t span_s = newest->until_s - newest->from_s;
	unsigned stage = now_s >= newest->until_s + span_s      ? 3
			 : now_s >= newest->until_s             ? 2
			 : now_s + span_s / 4 > newest->until_s ? 1
								: 0;

	__atomic_store_n(&relay->alarm_topology, stage, __ATOMIC_RELAXED);
	if (stage > run->rollover.stage)
		fprintf(stderr,
			"linemix-relay: warning: the topology of epoch %" PRIu32
			" %s; is whoever brings %s alive?\n",
			newest->epoch, words[stage], documents->path);
	run->rollover.stage = stage;
}

/* What most neighbours say of the own clock; told when it gets worse, or well again. */
static enum clock_verdict watch_clock(struct run *run)
{
	static const char *const words[] = {
		[CLOCK_WELL] = "is right again",
		[CLOCK_OFF] = "is wrong; set it (chrony, ...)",
		[CLOCK_USELESS] = "is so wrong that it begins no other epoch; set it (chrony, ...)",
	};
	struct sessions_offset heard[CLOCK_SAMPLES];
	struct clock_sample sample[CLOCK_SAMPLES];
	struct relay *relay = run->relay;
	enum clock_verdict before = (enum clock_verdict)relay->alarm_clock, verdict = CLOCK_WELL;
	int64_t offset_us = 0;
	unsigned n;

	if (!relay->sessions || lm_clock_us() < run->rollover.clock_us)
		return before;
	run->rollover.clock_us = lm_clock_us() + CLOCK_US;
	n = sessions_offsets(relay->sessions, heard, CLOCK_SAMPLES);
	for (unsigned i = 0; i < n; i++)
		sample[i] = (struct clock_sample){heard[i].offset_us, heard[i].when_us};
	if (clock_offset(&offset_us, sample, n, lm_clock_us()))
		verdict = clock_judge(relay->topology, relay->epoch, lm_clock_wall_us(), offset_us);
	else
		offset_us = 0;
	__atomic_store_n(&relay->clock_offset_us, offset_us, __ATOMIC_RELAXED);
	__atomic_store_n(&relay->alarm_clock, verdict, __ATOMIC_RELAXED);
	if (verdict > before || (verdict == CLOCK_WELL && before != CLOCK_WELL))
		fprintf(stderr,
			"linemix-relay: %sthis machine's clock %s: most neighbours' are %.1f s "
			"ahead of it\n",
			verdict == CLOCK_WELL ? "" : "warning: ", words[verdict],
			(double)offset_us / 1e6);
	return verdict;
}

/*
 * The epoch never goes back, whatever the clock does; and by a clock that most neighbours call
 * useless it does not go on either.
 */
static struct documents_target target_at(const struct relay *relay, uint64_t now_s)
{
	if (relay->alarm_clock == CLOCK_USELESS)
		return (struct documents_target){relay->topology, relay->epoch};

	struct documents_target target = documents_target(&relay->documents, now_s);

	if (target.topology == relay->topology && target.epoch < relay->epoch)
		target.epoch = relay->epoch;
	return target;
}

static bool differs(const struct relay *relay, struct documents_target target)
{
	return target.topology != relay->topology || target.epoch != relay->epoch;
}

static int cannot_join(const struct relay *relay, struct lm_error *err)
{
	return lm_error_set(err, ETIME,
			    "most neighbours' clocks are %.1f s ahead of this machine's: it cannot "
			    "serve epoch %" PRIu32 "; set its clock (chrony, systemd-timesyncd)",
			    (double)relay->clock_offset_us / 1e6, relay->epoch);
}

int rollover_step(struct run *run, struct lm_error *failure)
{
	struct relay *relay = run->relay;
	struct rollover *rollover = &run->rollover;
	const struct lm_topology *now = relay->documents.now;
	uint64_t lead_s = (now->until_s - now->from_s) / 4;
	uint64_t now_s = wall_s(), change_s;
	struct lm_error err;

	if (run->feed) /* at the document's own time */
		return 0;
	relay->was_ready |= relay->ready;
	if (watch_clock(run) == CLOCK_USELESS && !relay->was_ready)
		return cannot_join(relay, failure);
	look_at_file(run);
	watch_end(run, now_s);
	if (lm_clock_us() < rollover->retry_us)
		return 0;
	if (differs(relay, target_at(relay, now_s))) {
		roll(run, target_at(relay, now_s), now_s);
		return 0;
	}
	change_s = documents_change_s(&relay->documents, now_s);
	lead_s = lead_s < LEAD_S ? lead_s : LEAD_S;
	if (change_s == UINT64_MAX || change_s - now_s > lead_s ||
	    !differs(relay, target_at(relay, change_s)))
		return 0;
	if (prepare_for(run, target_at(relay, change_s), &err) != 0)
		(void)tell(rollover, &err);
	return 0;
}

void rollover_hang_up(struct run *run)
{
	struct relay *relay = run->relay;
	struct aside aside = {0};
	struct relay_config *config = malloc(sizeof(*config));
	int rc = config ? 0 : lm_error_set(&aside.err, ENOMEM, "too little memory");

	forget_prepared(&run->rollover);
	aside.config = config;
	if (rc == 0)
		rc = do_aside(run, &aside, read_config);
	if (rc == 0) {
		aside.target = target_at(relay, wall_s());
		rc = do_aside(run, &aside, prepare);
	}
	if (rc == 0)
		rc = go(run, aside.next, &aside.err);
	free(config);
	if (rc != 0) {
		fprintf(stderr, "linemix-relay: SIGHUP: nothing has changed: %s\n", aside.err.text);
		return;
	}
	run->rollover.told[0] = '\0';
	fprintf(stderr, "linemix-relay: SIGHUP: epoch %" PRIu32 ", %u nodes, %u services\n",
		relay->epoch, relay->topology->nodes, relay->config->services);
}

void rollover_close(struct rollover *rollover)
{
	forget_prepared(rollover);
}
