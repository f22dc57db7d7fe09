/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See follow.h.
 */
#include "follow.h"

#include <errno.h>
#include <string.h>

#define LOOK_US    100000 /* between two looks at the file */
#define RESOLVE_US 200000
#define SECOND_US  UINT64_C(1000000)

static const char *file_of(const struct follow *follow)
{
	return follow->setup->config.node.topology;
}

static void say(const struct lm_error *err)
{
	fprintf(stderr, "linemix-gen: %s; the last good topology goes on\n", err->text);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* True if the file is another one than at the last look. */
static bool changed(struct follow *follow)
{
	struct stat now;

	if (stat(file_of(follow), &now) != 0 || same_file(&now, &follow->seen))
		return false; /* it may be on its way */
	follow->seen = now;
	return true;
}

void follow_start(struct follow *follow)
{
	(void)changed(follow);
}

static void drop_next(struct follow *follow)
{
	lm_topology_free(follow->next);
	follow->next = NULL;
}

void follow_stop(struct follow *follow)
{
	drop_next(follow);
}

/* Reads the file; what may follow becomes `next`. */
static void read_file(struct follow *follow)
{
	const struct calendar *calendar = follow->setup->calendar;
	struct lm_error err;
	int rc;

	drop_next(follow);
	rc = lm_topology_load(&follow->next, file_of(follow),
			      &follow->setup->config.node.authorities, &err);
	if (rc == 0)
		rc = calendar_check(calendar, follow->next, lm_clock_wall_us(), file_of(follow),
				    &err);
	if (rc < 0)
		say(&err);
	if (rc != 0) {
		drop_next(follow);
		return;
	}
	(void)lm_topology_inherit(follow->next, calendar_newest(calendar)->topology);
	follow->resolve_us = 0;
}

/* Time to do without those that are not resolved: their packets will be lost. */
static bool pressing(const struct lm_topology *topology)
{
	return lm_clock_wall_us() + CALENDAR_LATEST_US >= topology->from_s * SECOND_US;
}

/* Frames for a mix that the kernel does not find go to an address that nobody has. */
static bool resolve_or_lose(void *neighbours, struct frame_way *way, const struct frame_self *self,
			    const struct lm_topology_node *node, const struct view_peer *peer)
{
	if (neighbours_resolve(neighbours, way, self, node, peer))
		return true;
	fprintf(stderr, "linemix-gen: mix %u has no link-layer address: packets for it are lost\n",
		node->id);
	return view_resolve_static(NULL, way, self, node, peer);
}

/* Adds `next` to the calendar when its first layer is resolved, or the time has come. */
static void add_next(struct follow *follow, uint64_t now_us)
{
	struct gen_setup *setup = follow->setup;
	const struct lm_topology_node *self = lm_topology_find(follow->next, setup->self->id);
	struct lm_error err;
	struct view *view;

	if (now_us < follow->resolve_us)
		return;
	follow->resolve_us = now_us + RESOLVE_US;
	view = self ? view_make(follow->next, self, follow->self, NULL, setup->links,
				pressing(follow->next) ? resolve_or_lose : neighbours_resolve,
				follow->neighbours)
		    : NULL;
	if (view && view->unresolved > 0) {
		free(view);
		return;
	}
	if (view && calendar_add(setup->calendar, follow->next, view, &err) == 0) {
		follow->next = NULL;
		return;
	}
	if (view)
		say(&err);
	free(view);
	if (!view)
		fprintf(stderr, "linemix-gen: node %u is not in epoch %u, or memory is short\n",
			setup->self->id, follow->next->epoch);
	drop_next(follow);
}

/* The poller ends a round and begins another one before what it read is given back. */
static int roll_keys(struct follow *follow, struct lm_error *err)
{
	uint64_t rounds = __atomic_load_n(follow->rounds, __ATOMIC_ACQUIRE);
	bool rolled;
	int rc;

	if (follow->retiring && rounds < follow->retire_round)
		return 0;
	if (follow->retiring) {
		follow->retiring = false;
		return gen_setup_retire(follow->setup, err);
	}
	rc = gen_setup_roll(&rolled, follow->setup, lm_clock_wall_us(), err);
	follow->retiring = rc == 0 && rolled;
	follow->retire_round = rounds + 2;
	return rc;
}

int follow_turn(struct follow *follow, struct lm_error *err)
{
	uint64_t now_us = lm_clock_us();

	if (now_us >= follow->look_us) {
		follow->look_us = now_us + LOOK_US;
		if (changed(follow))
			read_file(follow);
	}
	if (follow->next)
		add_next(follow, now_us);
	return roll_keys(follow, err);
}
