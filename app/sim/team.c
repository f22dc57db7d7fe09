/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See team.h. Helpers sleep between runs: on a machine that is shared, one that spins takes the
 * processor from who has work.
 */
#include "team.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct team {
	pthread_mutex_t lock;
	pthread_cond_t begins, ends;
	team_work_fn *work;
	void *context;
	unsigned pieces;
	uint64_t run;  /* number of the run that goes on */
	unsigned busy; /* helpers that have not ended it */
	bool over;
	atomic_uint next; /* piece that nobody has taken */
	unsigned helpers;
	pthread_t helper[];
};

unsigned team_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return CPU_COUNT(&set) > 1 ? (unsigned)CPU_COUNT(&set) : 1;
}

static void take_pieces(struct team *team)
{
	unsigned piece;

	while ((piece = atomic_fetch_add(&team->next, 1)) < team->pieces)
		team->work(team->context, piece);
}

static void *help(void *context)
{
	struct team *team = context;
	uint64_t run = 0;

	pthread_mutex_lock(&team->lock);
	for (;;) {
		while (team->run == run && !team->over)
			pthread_cond_wait(&team->begins, &team->lock);
		if (team->over)
			break;
		run = team->run;
		pthread_mutex_unlock(&team->lock);
		take_pieces(team);
		pthread_mutex_lock(&team->lock);
		if (--team->busy == 0)
			pthread_cond_signal(&team->ends);
	}
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

int team_make(struct team **out, unsigned threads)
{
	struct team *team;
	int rc = 0;

	LM_ASSERT(threads >= 1);
	*out = NULL;
	team = calloc(1, sizeof(*team) + (threads - 1) * sizeof(team->helper[0]));
	if (!team)
		return -ENOMEM;
	pthread_mutex_init(&team->lock, NULL);
	pthread_cond_init(&team->begins, NULL);
	pthread_cond_init(&team->ends, NULL);
	while (rc == 0 && team->helpers < threads - 1) {
		rc = pthread_create(&team->helper[team->helpers], NULL, help, team);
		team->helpers += rc == 0;
	}
	if (rc != 0) {
		team_free(team);
		return -rc;
	}
	*out = team;
	return 0;
}

void team_free(struct team *team)
{
	if (!team)
		return;
	pthread_mutex_lock(&team->lock);
	team->over = true;
	pthread_cond_broadcast(&team->begins);
	pthread_mutex_unlock(&team->lock);
	for (unsigned i = 0; i < team->helpers; i++)
		pthread_join(team->helper[i], NULL);
	pthread_mutex_destroy(&team->lock);
	pthread_cond_destroy(&team->begins);
	pthread_cond_destroy(&team->ends);
	free(team);
}

void team_run(struct team *team, team_work_fn *work, void *context, unsigned pieces)
{
	pthread_mutex_lock(&team->lock);
	team->work = work;
	team->context = context;
	team->pieces = pieces;
	atomic_store(&team->next, 0);
	team->busy = team->helpers;
	team->run++;
	if (team->helpers > 0)
		pthread_cond_broadcast(&team->begins);
	pthread_mutex_unlock(&team->lock);
	take_pieces(team);
	pthread_mutex_lock(&team->lock);
	while (team->busy > 0)
		pthread_cond_wait(&team->ends, &team->lock);
	pthread_mutex_unlock(&team->lock);
}

unsigned team_threads(const struct team *team)
{
	return team->helpers + 1;
}
