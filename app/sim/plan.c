/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See plan.h.
 */
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "study.h"
#include "summary.h"
#include "team.h"

#define SETTLE    8    /* mean delays a layer before anything is measured */
#define MEASURE   4    /* and at least so many while it is */
#define MESSAGES  4000 /* and so many packets that enter */
#define US_PER_S  1e6
#define US_PER_MS 1000

/* Packets a second that enter the network, cover of clients with them. */
static double rate_of(const struct config *config, double cover)
{
	return (double)(config->clients.count * config->clients.parts) * US_PER_S /
	       (double)config->clients.message_interval_us * (1 + cover);
}

static int check(const struct config *config, struct lm_error *err)
{
	if (config->clients.count == 0 || config->clients.message_interval_us == 0)
		return lm_error_set(err, EINVAL,
				    "clients: a plan is for messages; set count and "
				    "message_interval_us");
	if (config->clients.send_interval_us != 0)
		return lm_error_set(err, EINVAL,
				    "clients.send_interval_us: cover is planned beside messages "
				    "that leave at once; set it to 0");
	if (config->mixing.strategy != 1 + LM_MIX_POISSON)
		return lm_error_set(err, EINVAL,
				    "mixing.strategy: delays are planned for poisson; set it");
	if (config->cover.link_interval_us != 0)
		return lm_error_set(err, EINVAL,
				    "cover.link_interval_us: the entropy cannot be measured behind "
				    "padded links; set it to 0");
	return 0;
}

static int count_layers(unsigned *layers, const struct config *config, struct lm_error *err)
{
	struct lm_topology *topology;
	int rc = config_network(&topology, config, err);

	if (rc != 0)
		return rc;
	*layers = topology->layers;
	lm_topology_free(topology);
	return 0;
}

/* Loops and drop packets, half of the cover each. */
static void set_cover(struct config *config, double cover)
{
	double interval_us = (double)config->clients.message_interval_us /
			     (double)config->clients.parts / (cover / 2);

	config->clients.loop_interval_us = cover > 0 ? (uint64_t)(interval_us + 0.5) : 0;
	config->clients.drop_interval_us = config->clients.loop_interval_us;
}

/* As short as the measure allows. */
static int set_times(struct config *config, unsigned layers, double rate, struct lm_error *err)
{
	double layer_us = (double)config->mixing.mean_delay_us * layers;
	double settle_us = SETTLE * layer_us;
	double measure_us = fmax(MEASURE * layer_us, MESSAGES / rate * US_PER_S);
	double flights =
		(settle_us + measure_us) / US_PER_S * rate * (double)(config->network.layers + 3);

	if (flights > PLAN_FLIGHTS)
		return lm_error_set(err, E2BIG,
				    "clients: %.0f packets a second with delays of %" PRIu64
				    " us would be %.0f million flights, %d at most; plan for fewer "
				    "clients: the entropy has one bit less for half of them",
				    rate, config->mixing.mean_delay_us, flights / 1e6,
				    PLAN_FLIGHTS / 1000000);
	config->settle_ms = (uint64_t)(settle_us / US_PER_MS) + 1;
	config->duration_ms = config->settle_ms + (uint64_t)(measure_us / US_PER_MS) + 1;
	return 0;
}

static int try(struct plan_row *row, struct config *config, unsigned layers, struct lm_error *err)
{
	struct study study;
	int rc;

	config->mixing.mean_delay_us = row->mean_delay_us;
	rc = set_times(config, layers, rate_of(config, row->cover), err);
	if (rc != 0)
		return rc;
	rc = study_make(&study, config, team_processors(), NULL, true, err);
	if (rc == 0)
		rc = study_run(&study, NULL, NULL, err);
	if (rc == 0) {
		const struct results *results = sim_results(study.sim);
		const struct summary summary = {.params = &study.params, .results = results};

		row->trials++;
		row->bits = study.entropy.bits;
		row->least_bits = study.entropy.least_bits;
		row->law_bits = study.entropy.law_bits;
		row->latency_ms = summary_mean_ms(results);
		row->p99_ms = (double)histogram_quantile(&results->latency_us, 990) / US_PER_MS;
		row->bytes_per_second = summary_client_bandwidth(&summary);
		if (study.entropy.messages == 0 || results->latency_us.count == 0)
			rc = lm_error_set(err, ENODATA,
					  "clients: too few messages to measure; more clients");
	}
	study_free(&study);
	return rc;
}

static int set_delay(struct plan_row *row, double delay_us, const struct plan_wish *wish,
		     struct lm_error *err)
{
	if (delay_us > LM_MIX_MEAN_MAX_US)
		return lm_error_set(err, EDOM,
				    "%.1f bits need a mean delay of %.0f s with %.2f packets of "
				    "cover for each; %d s at most: more cover or more clients",
				    wish->bits, delay_us / US_PER_S, row->cover,
				    LM_MIX_MEAN_MAX_US / 1000000);
	row->mean_delay_us = delay_us < 1 ? 1 : (uint32_t)(delay_us + 0.5);
	return 0;
}

int plan_find(struct plan_row *row, const struct config *config, const struct plan_wish *wish,
	      struct lm_error *err)
{
	struct config trial = *config;
	unsigned layers = 1;
	int rc = check(config, err);

	*row = (struct plan_row){.cover = row->cover};
	if (rc == 0)
		rc = count_layers(&layers, config, err);
	if (rc != 0)
		return rc;
	set_cover(&trial, row->cover);
	rc = set_delay(row,
		       exp2(wish->bits - entropy_law(1, 1, layers)) / rate_of(config, row->cover) *
			       US_PER_S,
		       wish, err);
	while (rc == 0) {
		rc = try(row, &trial, layers, err);
		if (rc != 0 || fabs(row->bits - wish->bits) <= PLAN_TOLERANCE ||
		    row->trials == PLAN_TRIALS)
			break;
		rc = set_delay(row, row->mean_delay_us * exp2(wish->bits - row->bits), wish, err);
	}
	row->hidden = rc == 0 && row->bits >= wish->bits - PLAN_TOLERANCE;
	row->fast = rc == 0 && row->latency_ms <= wish->latency_ms;
	row->cheap = rc == 0 && row->bytes_per_second <= wish->bytes_per_second;
	return rc;
}

const struct plan_row *plan_best(const struct plan_row *row, unsigned rows)
{
	const struct plan_row *best = NULL;

	for (unsigned i = 0; i < rows; i++)
		if (row[i].hidden && row[i].fast && row[i].cheap &&
		    (!best || row[i].bytes_per_second < best->bytes_per_second))
			best = &row[i];
	return best;
}
