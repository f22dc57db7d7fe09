/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See rollover.h. Epochs advance by the clock, but never beyond the one after the newest document's
 * and never backwards; when the neighbours' clocks allow it, or slowly (advance.h). Keys are erased
 * when it is sure that their epoch is over, which may be later than the epoch's end here.
 */
#include "rollover.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "reload.h"
#include "run.h"

#define LOOK_US  100000  /* between two looks at the topology file */
#define RETRY_US 5000000 /* after a failure */
#define LEAD_S   30      /* that the next change is prepared ahead, or a quarter of an epoch */

static int read_document(struct aside *aside)
{
	return documents_read(&aside->run->relay->documents, aside->now_s, &aside->err);
}

static int read_config(struct aside *aside)
{
	struct documents *documents = &aside->run->relay->documents;
	struct relay_config *config = aside->config;
	int rc = reload_read_config(config, aside->run->relay, &aside->err);

	if (rc != 0)
		return rc;
	snprintf(documents->path, sizeof(documents->path), "%s", config->node.topology);
	rc = documents_read(documents, aside->now_s, &aside->err);
	return rc < 0 ? rc : 0;
}

static int prepare(struct aside *aside)
{
	return reload_prepare(&aside->next, aside->run->relay, aside->target, aside->config,
			      &aside->err);
}

static int retire(struct aside *aside)
{
	return mix_keys_retire(&aside->run->relay->keys, aside->sure, &aside->err);
}

static int publish(struct aside *aside)
{
	const struct relay *relay = aside->run->relay;
	const struct publish_time time = {aside->sure, relay->epoch, aside->now_s};

	return publish_update(&relay->publish, relay->node, &time, &aside->err);
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

/* The alarm stands until the work that a full disk holds up has succeeded, or failed otherwise. */
static void note_disk(struct run *run, enum unwritten what, int rc)
{
	bool full = rc == -ENOSPC || rc == -EDQUOT || rc == -EROFS;
	unsigned *mask = &run->rollover.unwritten;

	*mask = full ? *mask | what : *mask & ~(unsigned)what;
	__atomic_store_n(&run->relay->alarm_disk, *mask != 0, __ATOMIC_RELAXED);
}

/* ---- Going over ---- */

/* A view and sessions for it; NULL and a message: nothing has changed. */
static struct view *make_view(struct run *run, const struct reload *next, struct lm_error *err)
{
	struct relay *relay = run->relay;
	const struct lm_topology *before = relay->links.before;
	struct view *view;

	relay->links.before = documents_parting(&relay->documents, next->topology, next->epoch);
	if (relay_prepare_sessions(relay, next->topology, next->node, &next->config, err) != 0) {
		relay->links.before = before;
		return NULL;
	}
	view = view_make(next->topology, next->node, &run->self, &next->keys.ring, &relay->links,
			 run_resolver(run), &run->neighbours);
	if (view)
		return view;
	if (relay->sessions)
		sessions_abandon(relay->sessions);
	relay->links.before = before;
	(void)lm_error_set(err, ENOMEM, "too little memory for the table of next hops");
	return NULL;
}

/* Swaps it in. It is the relay's own then, or was abandoned: -ENOMEM and a message. */
static int go(struct run *run, struct reload *next, struct lm_error *err)
{
	struct relay *relay = run->relay;
	const struct services *services = relay->shared.services;
	struct view *view = make_view(run, next, err);
	bool enters = next->epoch != relay->epoch;

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
	__atomic_store_n(&relay->shared.timed, relay->config->stages, __ATOMIC_RELAXED);
	if (enters)
		timing_enter(&run->rollover.timing);
	run->rollover.due = true;
	mix_keys_warn(stderr, &relay->keys);
	run_refresh_soon(run);
	return 0;
}

static bool is_for(const struct reload *next, struct documents_target target)
{
	return next && next->topology == target.topology && next->epoch == target.epoch;
}

/* Prepares for the target unless that is done. -EINTR without a message: as aside_do. */
static int prepare_for(struct run *run, struct documents_target target, struct lm_error *err)
{
	struct rollover *rollover = &run->rollover;
	struct aside *aside;
	int rc;

	if (is_for(rollover->prepared, target))
		return 0;
	forget_prepared(rollover);
	aside = aside_begin(run);
	if (!aside)
		return -EINTR;
	aside->target = target;
	rc = aside_do(run, aside, prepare);
	if (rc == -EINTR)
		return rc;
	*err = aside->err;
	note_disk(run, UNWRITTEN_KEYS, rc);
	rollover->prepared = aside->next;
	return rc;
}

/* ---- What is due ---- */

/* What will not go over for want of room is told when its document comes: there is time left. */
static void tell_room(const struct run *run)
{
	const struct lm_topology *next = run->relay->documents.next;
	struct lm_error err;

	if (next && relay_fit_sessions(run->relay, next, &err) != 0)
		fprintf(stderr,
			"linemix-relay: warning: the topology of epoch %" PRIu32
			" will be refused: %s\n",
			next->epoch, err.text);
}

static void look_at_file(struct run *run, uint64_t now_s)
{
	struct rollover *rollover = &run->rollover;
	struct aside *aside;
	int rc;

	if (lm_clock_us() < rollover->look_us)
		return;
	rollover->look_us = lm_clock_us() + LOOK_US;
	if (!documents_changed(&run->relay->documents) &&
	    !(run->relay->documents.again && lm_clock_us() >= rollover->again_us))
		return;
	rollover->again_us = lm_clock_us() + RETRY_US;
	forget_prepared(rollover);
	aside = aside_begin(run);
	if (!aside)
		return;
	aside->now_s = now_s;
	rc = aside_do(run, aside, read_document);
	if (rc == -EINTR)
		return;
	note_disk(run, UNWRITTEN_DOCUMENT, rc);
	if (rc < 0 && tell(rollover, &aside->err))
		fprintf(stderr,
			"linemix-relay: the last good topology, of epoch %" PRIu32
			", stays in force\n",
			run->relay->documents.now->epoch);
	tell_room(run);
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
	const struct lm_topology *newest = documents_newest(&relay->documents);
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
			newest->epoch, words[stage], relay->documents.path);
	run->rollover.stage = stage;
}

/*
 * Says when documents leave this node out, and ends it when nothing comes for it any more: what is
 * held then leaves by the rules of mixing. A document that lists it again takes it back before.
 */
static void watch_place(struct run *run, uint64_t now_s)
{
	static const char *const words[] = {
		"is listed again",
		"is left out of the next topology",
		"is out of the topology: serves for an epoch more who has none but the last",
		"is out of the topology, and nothing comes any more: sends what it holds, and ends",
	};
	struct relay *relay = run->relay;
	enum documents_place place = documents_place(&relay->documents, relay->node->id, now_s);

	if (place == relay->retired)
		return;
	__atomic_store_n(&relay->retired, place, __ATOMIC_RELAXED);
	fprintf(stderr, "linemix-relay: node %u %s\n", relay->node->id, words[place]);
	notify_status("node %u %s", relay->node->id, words[place]);
	if (place == DOCUMENTS_OVER)
		run->signal = SIGINT;
}

static bool differs(const struct relay *relay, struct documents_target target)
{
	return target.topology != relay->topology || target.epoch != relay->epoch;
}

/*
 * Goes over to the target, unless the clock, judged anew once all is prepared, has gone back behind
 * it. False and told if it cannot be.
 */
static bool try_target(struct run *run, struct documents_target target)
{
	struct relay *relay = run->relay;
	struct lm_error err = {""};
	struct reload *next;
	int rc = prepare_for(run, target, &err);

	if (rc == -EINTR)
		return true;
	if (rc == 0) {
		timing_judge(run);
		if (timing_target(run, timing_now_s(run)).epoch < target.epoch)
			return true;
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
	if (target.topology != rest.topology && rest.epoch > relay->epoch &&
	    rest.epoch <= target.epoch)
		(void)try_target(run, rest);
}

static void prepare_ahead(struct run *run, uint64_t now_s)
{
	const struct relay *relay = run->relay;
	const struct lm_topology *now = relay->documents.now;
	uint64_t lead_s = (now->until_s - now->from_s) / 4;
	uint64_t change_s = documents_change_s(&relay->documents, now_s);
	struct documents_target target;
	struct lm_error err;
	int rc;

	lead_s = lead_s < LEAD_S ? lead_s : LEAD_S;
	if (change_s == UINT64_MAX || change_s - now_s > lead_s)
		return;
	target = timing_target_in(run, now_s, change_s - now_s);
	if (!differs(relay, target))
		return;
	rc = prepare_for(run, target, &err);
	if (rc != 0 && rc != -EINTR)
		(void)tell(&run->rollover, &err);
}

static bool is_due(const struct rollover *rollover, uint32_t sure)
{
	if (sure > rollover->sure || rollover->due)
		return true;
	return (rollover->unwritten & UNWRITTEN_NEW_KEYS) != 0 &&
	       lm_clock_us() >= rollover->settle_us;
}

/* Erases the keys of epochs that are over for sure, and publishes what has changed; what a full
 * disk held up is tried again. */
static void settle(struct run *run, uint64_t now_s)
{
	int (*const work[])(struct aside * aside) = {retire, publish};
	struct rollover *rollover = &run->rollover;
	uint32_t sure = timing_sure(run, now_s);
	bool told = (rollover->unwritten & UNWRITTEN_NEW_KEYS) != 0;

	if (!is_due(rollover, sure))
		return;
	rollover->sure = sure > rollover->sure ? sure : rollover->sure;
	rollover->due = false;
	rollover->settle_us = lm_clock_us() + RETRY_US;
	for (unsigned i = 0; i < LM_COUNT(work); i++) {
		struct aside *aside = aside_begin(run);
		int rc;

		if (!aside)
			return;
		aside->now_s = now_s;
		aside->sure = rollover->sure;
		rc = aside_do(run, aside, work[i]);
		if (rc == -EINTR)
			return;
		if (work[i] == publish)
			note_disk(run, UNWRITTEN_NEW_KEYS, rc);
		if (rc != 0 && !told)
			fprintf(stderr, "linemix-relay: warning: %s\n", aside->err.text);
	}
}

void rollover_begin(struct rollover *rollover)
{
	timing_begin(&rollover->timing);
	rollover->due = true;
}

int rollover_step(struct run *run, struct lm_error *err)
{
	const struct relay *relay = run->relay;
	struct rollover *rollover = &run->rollover;
	uint64_t now_s;
	int rc;

	if (run->feed) /* at the document's own time, with keys of its own */
		return 0;
	rc = timing_step(run, err);
	if (rc != 0)
		return rc;
	now_s = timing_now_s(run);
	/* first what is due: a document that comes in the second in which another begins would
	 * take that one's place */
	if (lm_clock_us() >= rollover->retry_us && differs(relay, timing_target(run, now_s)))
		roll(run, timing_target(run, now_s), now_s);
	look_at_file(run, now_s);
	watch_end(run, now_s);
	watch_place(run, now_s);
	settle(run, now_s);
	if (lm_clock_us() >= rollover->retry_us && !differs(relay, timing_target(run, now_s)))
		prepare_ahead(run, now_s);
	return 0;
}

/* Reads both, prepares, goes over. As aside_do, and a message in aside->err. */
static int reload(struct run *run, struct aside *aside)
{
	int rc;

	aside->now_s = timing_now_s(run);
	aside->config = malloc(sizeof(*aside->config));
	if (!aside->config)
		return lm_error_set(&aside->err, ENOMEM, "too little memory");
	rc = aside_do(run, aside, read_config);
	if (rc == 0) {
		aside->target = timing_target(run, aside->now_s);
		rc = aside_do(run, aside, prepare);
	}
	if (rc == 0)
		rc = go(run, aside->next, &aside->err);
	return rc;
}

void rollover_hang_up(struct run *run)
{
	struct relay *relay = run->relay;
	struct aside *aside = aside_begin(run);
	int rc;

	forget_prepared(&run->rollover);
	rc = aside ? reload(run, aside) : -EINTR;
	if (rc == -EINTR)
		return;
	free(aside->config);
	/* the file that is watched: on failure as before */
	snprintf(relay->documents.path, sizeof(relay->documents.path), "%s",
		 relay->config->node.topology);
	if (rc != 0) {
		fprintf(stderr, "linemix-relay: SIGHUP: nothing has changed: %s\n",
			aside->err.text);
		return;
	}
	run->rollover.told[0] = '\0';
	fprintf(stderr, "linemix-relay: SIGHUP: epoch %" PRIu32 ", %u nodes, %u services\n",
		relay->epoch, relay->topology->nodes, relay->config->services);
}

void rollover_close(struct rollover *rollover)
{
	aside_close(&rollover->aside);
	forget_prepared(rollover);
}
