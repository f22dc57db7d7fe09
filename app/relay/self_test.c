/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See self_test.h.
 */
#include "self_test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lm_epoch.h"
#include "sandbox.h"

#define FRAMES_EACH 16384  /* of a worker, at most */
#define FRAMES_MOST 262144 /* of all */
#define HELD_LEAST  4096   /* and HELD_EACH of a worker: what comes in some milliseconds */
#define HELD_EACH   1024
#define HELD_BYTES  10240               /* of a large packet held */
#define FEED_S      3.0                 /* at most */
#define REPLAY_MOST (UINT64_C(1) << 22) /* tags: sets far beyond any cache */
#define SHARE_GOOD  0.95 /* of their CPUs for the workers: above it nothing is said */
#define INTERVAL_US 1000

/* A relay that runs has its runtime folder locked. */
static int refuse_if_running(const struct node_config *config, struct lm_error *err)
{
	int fd, rc = 0;

	if (strcmp(config->runtime, LM_EPOCH_THROWAWAY) == 0)
		return 0;
	fd = open(config->runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		rc = lm_error_set(
			err, EBUSY,
			"--self-test: a relay runs with this configuration (%s is "
			"locked), and would have only half of its CPUs meanwhile; stop it "
			"first",
			config->runtime);
	close(fd);
	return rc;
}

/* Another process to DPDK and lib/epoch, with room for what the test has in hand. */
static void prepare_config(struct node_config *config)
{
	uint64_t held = HELD_LEAST + HELD_EACH * config->cpus.workers_count;

	snprintf(config->file_prefix, sizeof(config->file_prefix), "linemix-self-test-%d",
		 getpid());
	snprintf(config->runtime, sizeof(config->runtime), "%s", LM_EPOCH_THROWAWAY);
	if (config->limits.replay == 0 || config->limits.replay > REPLAY_MOST)
		config->limits.replay = REPLAY_MOST;
	if (config->limits.held < held) {
		config->limits.held = held;
		config->memory.megabytes += (held * HELD_BYTES >> 20) + 1;
	}
	/* who waits for others uses its CPU then, and does not look preempted */
	config->cpus.idle = CONFIG_IDLE_SPIN;
}

/* What packets wait for is no work. */
static void hurry(struct relay *relay)
{
	struct lm_topology *topology = relay->topology;

	if (topology->mix.interval_us > INTERVAL_US)
		topology->mix.interval_us = INTERVAL_US;
	if (topology->mix.mean_delay_us > INTERVAL_US)
		topology->mix.mean_delay_us = INTERVAL_US;
	topology->mix.min_neighbours = 1;
	memset(&topology->cover, 0, sizeof(topology->cover));
	relay->paced = 0;
}

static struct feed *make_feed(struct relay *relay, struct lm_error *err)
{
	const struct node_config *config = &relay->config->node;
	unsigned workers = config->cpus.workers_count;
	unsigned frames = workers < FRAMES_MOST / FRAMES_EACH ? workers * FRAMES_EACH : FRAMES_MOST;
	size_t each = lm_packet_len(relay->topology->profile) + FRAME_HEADER_MAX;
	const struct feed_options options = {.path = "--self-test",
					     .pull = true,
					     .seconds = FEED_S,
					     .cpu = -1};
	struct feed *feed = feed_make(relay, &options, frames * each, err);

	if (feed && self_test_fill(feed, relay, frames, err) == 0)
		return feed;
	feed_free(feed);
	return NULL;
}

/* Lcores that have workers. */
static unsigned workers_lcores(const struct relay *relay)
{
	bool seen[EAL_POLLING_MAX] = {false};
	unsigned n = 0;

	for (unsigned i = 0; i < relay->workers; i++) {
		n += !seen[relay->plan.worker_lcore[i]];
		seen[relay->plan.worker_lcore[i]] = true;
	}
	return n;
}

/* By CPU time, so that what other programs took meanwhile takes nothing from the figure. */
static void judge(struct self_test *out, const struct relay *relay)
{
	const struct node_config *config = &relay->config->node;
	double seconds = out->result.window.seconds, cpu = out->result.window.cpu_seconds;
	unsigned cpus = workers_lcores(relay);
	uint64_t pps = cpu > 0 ? (uint64_t)((double)out->result.window.good / cpu * cpus) : 0;

	out->cpu_share = seconds > 0 ? cpu / seconds / cpus : 0;
	if (out->cpu_share > 1)
		out->cpu_share = 1;
	out->measured = (struct measured){
		.capacity = measured_capacity(pps, config),
		.measured_pps = pps,
		.workers = relay->workers,
		.profile = relay->topology->profile,
		.link = config->link.mode,
	};
}

/* The books must close here as anywhere. */
static int check_books(const struct relay *relay, struct lm_error *err)
{
	struct counters total;
	uint64_t held;

	relay_books(relay, &total, &held);
	if (counters_off(&total, held) == 0)
		return 0;
	return lm_error_set(err, EPROTO,
			    "--self-test: the books do not close: this is a defect of linemix; "
			    "please report it");
}

static int run(struct self_test *out, struct relay *relay, struct lm_error *err)
{
	struct feed *feed = make_feed(relay, err);
	int rc = feed ? relay_run(relay, feed, err) : -EINVAL;

	if (rc == 0)
		rc = check_books(relay, err);
	if (rc == 0)
		rc = feed_result(&out->result, feed, err);
	feed_free(feed);
	if (rc != 0)
		return rc;
	judge(out, relay);
	return relay->config->node.state[0] == '\0'
		       ? 0
		       : measured_write(&out->measured, relay->config->node.state, err);
}

int self_test_run(struct self_test *out, struct relay *relay, struct relay_config *config,
		  struct lm_error *err)
{
	int rc = refuse_if_running(&config->node, err);

	if (rc != 0)
		return rc;
	prepare_config(&config->node);
	rc = relay_load(relay, config, RELAY_SELF_TEST, err);
	if (rc != 0)
		return rc;
	hurry(relay);
	rc = self_test_keys(relay, err);
	return rc == 0 ? run(out, relay, err) : rc;
}

/* ---- Reporting ---- */

static const char *limit_of(const struct self_test *test, const struct relay *relay)
{
	return test->measured.capacity == relay->config->node.limits.max_packets_per_second
		       ? "limits.max_packets_per_second"
		       : "workers";
}

static double gbps(const struct self_test *test)
{
	return (double)test->measured.measured_pps * (test->result.frame_bytes + FEED_ON_THE_WIRE) *
	       8 / 1e9;
}

static void print_json(FILE *to, const struct self_test *test, const struct relay *relay)
{
	const struct measured *measured = &test->measured;
	const char *state = relay->config->node.state;

	fprintf(to,
		"{\"measured_pps\": %" PRIu64 ", \"measured_gbps\": %.6f, \"capacity\": %" PRIu32
		", \"margin_percent\": %d, \"limited_by\": \"%s\", \"workers\": %u, \"link\": "
		"\"%s\", \"profile\": %u, \"frame_bytes\": %.1f, \"frames\": %" PRIu64
		", \"window_seconds\": %.6f, \"cpu_share\": %.3f, \"kept\": %s}\n",
		measured->measured_pps, gbps(test), measured->capacity, MEASURED_MARGIN,
		limit_of(test, relay), measured->workers, config_link_names[measured->link],
		measured->profile, test->result.frame_bytes, test->result.frames,
		test->result.window.seconds, test->cpu_share, state[0] ? "true" : "false");
}

static void print_text(FILE *to, const struct self_test *test, const struct relay *relay)
{
	const struct node_config *config = &relay->config->node;
	const struct measured *measured = &test->measured;
	uint64_t most = config->limits.max_packets_per_second;

	fprintf(to,
		"%u worker%s peel%s %" PRIu64 " packets a second here (%.2f Gbit/s on Ethernet, "
		"profile %u, link.mode %s); what the NIC costs is not in it\n",
		measured->workers, measured->workers == 1 ? "" : "s",
		measured->workers == 1 ? "s" : "", measured->measured_pps, gbps(test),
		measured->profile, config_link_names[measured->link]);
	fprintf(to, "less %d %% for bursts, cover, padding and garbage: capacity %" PRIu32 "\n",
		MEASURED_MARGIN, measured->capacity);
	if (measured->capacity == most)
		fprintf(to,
			"no more, since limits.max_packets_per_second gives room for %" PRIu64
			" packets a second: raise it to use what the CPUs can do\n",
			most);
	if (config->state[0] != '\0')
		fprintf(to, "kept in %s/" MEASURED_FILE "; publish.capacity: auto publishes it\n",
			config->state);
	else
		fprintf(to, "kept nowhere: the configuration has no `state`\n");
	if (test->cpu_share < SHARE_GOOD)
		fprintf(to,
			"warning: the workers got only %.0f %% of their CPUs meanwhile, and the "
			"figure is for all of them: give the relay CPUs of its own, or set "
			"publish.capacity to what it can have\n",
			100 * test->cpu_share);
}

void self_test_print(FILE *to, const struct self_test *test, const struct relay *relay, bool json)
{
	if (json)
		print_json(to, test, relay);
	else
		print_text(to, test, relay);
}
