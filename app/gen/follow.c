/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See follow.h.
 */
#include "follow.h"

#include <errno.h>
#include <string.h>

#define LOOK_US    100000 /* between two looks at the file */
#define RESOLVE_US 200000
#define ASK_US     4000000 /* Linux asks three times, a second apart */
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
	if (follow->linked)
		linking_abandon(follow->linking);
	follow->linked = false;
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
	follow->press_us = lm_clock_us() + ASK_US;
}

/*
 * Time to do without those that are not resolved: their packets will be lost. The kernel has asked
 * for them before; what is due meanwhile goes by the document before.
 */
static bool pressing(const struct follow *follow)
{
	return lm_clock_us() >= follow->press_us &&
	       lm_clock_wall_us() + CALENDAR_LATEST_US >= follow->next->from_s * SECOND_US;
}

bool follow_resolve_or_lose(void *neighbours, struct frame_way *way, const struct frame_self *self,
			    const struct lm_topology_node *node, const struct view_peer *peer)
{
	if (neighbours_resolve(neighbours, way, self, node, peer))
		return true;
	fprintf(stderr, "linemix-gen: mix %u has no link-layer address: packets for it are lost\n",
		node->id);
	return view_resolve_static(NULL, way, self, node, peer);
}

/* With its peers a document's view is made, and it is added. *wait: not yet. */
static int make_and_add(bool *wait, struct follow *follow, const struct lm_topology_node *self,
			struct lm_error *err)
{
	struct gen_setup *setup = follow->setup;
	bool now = pressing(follow);
	struct view *view =
		view_make(follow->next, self, follow->self, NULL, setup->links,
			  now ? follow_resolve_or_lose : neighbours_resolve, follow->neighbours);
	int rc = 0;

	if (!view)
		return lm_error_set(err, ENOMEM, "too little memory for the next hops of epoch %u",
				    follow->next->epoch);
	*wait = !now && !view->all_resolved;
	if (now && view->unresolved > 0)
		rc = lm_error_set(err, EADDRNOTAVAIL,
				  "%s: %u mixes of layer 1 have neither IPv4 nor IPv6 in common "
				  "with node %u",
				  file_of(follow), view->unresolved, self->id);
	if (rc == 0 && !*wait)
		rc = calendar_add(setup->calendar, follow->next, view, err);
	if (rc != 0 || *wait)
		free(view);
	return rc;
}

/*
 * Adds `next` to the calendar when its first layer is resolved, or the time has come. Its peers
 * stand beside those of the documents before it, by which packets still go.
 */
static void add_next(struct follow *follow, uint64_t now_us)
{
	struct gen_setup *setup = follow->setup;
	const struct lm_topology_node *self = lm_topology_find(follow->next, setup->self->id);
	struct lm_error err;
	bool wait = false;
	int rc = self ? 0
		      : lm_error_set(&err, ENOENT, "%s: node %u is not in epoch %u",
				     file_of(follow), setup->self->id, follow->next->epoch);

	if (now_us < follow->resolve_us)
		return;
	follow->resolve_us = now_us + RESOLVE_US;
	if (rc == 0 && !follow->linked)
		rc = linking_add(follow->linking, setup, follow->next, self, &err);
	follow->linked = rc == 0;
	if (rc == 0)
		rc = make_and_add(&wait, follow, self, &err);
	if (wait)
		return;
	if (rc == 0) {
		follow->next = NULL;
		follow->linked = false;
		follow->settling = true;
		follow->settle_us = 0;
		return;
	}
	say(&err);
	drop_next(follow);
}

/*
 * Ends the sessions with those who are no neighbours any more, once the poller sends by the newest
 * document, and what went by an older one has come.
 */
static void settle(struct follow *follow)
{
	const struct calendar *calendar = follow->setup->calendar;
	uint32_t sent = __atomic_load_n(follow->sent, __ATOMIC_ACQUIRE);
	const struct calendar_document *newest = calendar_newest(calendar);

	if (!follow->settling || follow->linked ||
	    calendar_find(calendar, sent)->document != newest)
		return;
	if (follow->settle_us == 0)
		follow->settle_us = lm_clock_us() + calendar->path_us;
	if (lm_clock_us() < follow->settle_us)
		return;
	linking_settle(follow->linking);
	follow->settling = false;
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
	settle(follow);
	return rolling_turn(&follow->rolling, lm_clock_wall_us(), err);
}
