/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See plan.h.
 */
#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "law.h"
#include "study.h"
#include "summary.h"
#include "team.h"

#define SETTLE    8    /* mean stays a layer before anything is measured */
#define MEASURE   4    /* and at least so many while it is */
#define MESSAGES  4000 /* and so many packets that enter */
#define US_PER_S  1e6
#define US_PER_MS 1000
#define HOUR_US   3600000000

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
	if (config->mixing.strategy == 0)
		return lm_error_set(err, EINVAL,
				    "mixing.strategy: a plan is for one strategy; batch, pool or "
				    "poisson");
	return 0;
}

/* ---- Cover ---- */

static double per_second(uint64_t interval_us)
{
	return interval_us > 0 ? US_PER_S / (double)interval_us : 0;
}

static double messages_of(const struct config *config)
{
	return (double)config->clients.parts * per_second(config->clients.message_interval_us);
}

void plan_start(struct plan_row *row, const struct config *config)
{
	double cover = per_second(config->clients.loop_interval_us) +
		       per_second(config->clients.drop_interval_us);

	*row = (struct plan_row){
		.cover = cover > 0 ? cover / messages_of(config) : 0,
		.relay_cover = per_second(config->cover.loop_interval_us) +
			       per_second(config->cover.drop_interval_us),
		.link_interval_us = (uint32_t)config->cover.link_interval_us,
	};
}

/* Of two processes that make so many packets a second together. */
static uint64_t interval_us(double rate)
{
	return rate > 0 ? (uint64_t)fmax(2 * US_PER_S / rate + 0.5, 1) : 0;
}

static void set_cover(struct config *config, const struct plan_row *row)
{
	config->clients.loop_interval_us = interval_us(row->cover * messages_of(config));
	config->clients.drop_interval_us = config->clients.loop_interval_us;
	config->cover.loop_interval_us = interval_us(row->relay_cover);
	config->cover.drop_interval_us = config->cover.loop_interval_us;
	config->cover.link_interval_us = row->link_interval_us;
}

/* ---- The delay, which is what each strategy has ---- */

static double longest_us(const struct config *config)
{
	return config->mixing.strategy == 1 + LM_MIX_POISSON ? LM_MIX_MEAN_MAX_US : HOUR_US;
}

static void set_mixing(struct config *config, uint64_t delay_us)
{
	if (config->mixing.strategy == 1 + LM_MIX_POISSON) {
		config->mixing.mean_delay_us = delay_us;
		return;
	}
	config->mixing.interval_us = delay_us;
	if (config->mixing.max_wait_us < delay_us)
		config->mixing.max_wait_us = delay_us;
}

static int set_delay(struct plan_row *row, const struct config *config, double delay_us,
		     const struct plan_wish *wish, struct lm_error *err)
{
	if (!(delay_us <= longest_us(config)))
		return lm_error_set(err, EDOM,
				    "%.1f bits need a delay of %.0f s with %.2f packets of cover "
				    "for each; %.0f s at most: more cover or more clients",
				    wish->bits, delay_us / US_PER_S, row->cover,
				    longest_us(config) / US_PER_S);
	row->delay_us = delay_us < 1 ? 1 : (uint32_t)(delay_us + 0.5);
	return 0;
}

/* ---- The law ---- */

static int read_law(struct law *law, const struct config *config, struct lm_error *err)
{
	struct lm_topology *topology;
	struct sim_params params;
	int rc = config_network(&topology, config, err);

	if (rc != 0)
		return rc;
	config_params(&params, config, topology);
	law_set(law, &params);
	lm_topology_free(topology);
	return 0;
}

/* ---- One simulation ---- */

/* Packets and dummies that cross links in a second. */
static double flights_of(const struct law *law)
{
	double flights = 3 * law->clients;

	for (unsigned layer = 1; layer <= law->layers; layer++)
		flights += law_rate(law, layer);
	for (unsigned layer = 0; layer <= law->layers; layer++)
		flights += law->nodes[layer] * (double)law->nodes[(layer + 1) % (law->layers + 1)] *
			   per_second(law->cover.link_interval_us);
	return flights;
}

/* As short as the measure allows. */
static int set_times(struct config *config, const struct law *law, struct lm_error *err)
{
	double stays_us = law_stay_us(&law->mix) * law->layers;
	double settle_us = SETTLE * stays_us;
	double measure_us = fmax(MEASURE * stays_us, MESSAGES / law->clients * US_PER_S);
	double flights = (settle_us + measure_us) / US_PER_S * flights_of(law);

	if (flights > PLAN_FLIGHTS)
		return lm_error_set(err, E2BIG,
				    "clients: %.0f packets a second that stay for %.0f ms at a mix "
				    "would be %.0f million flights, %d at most; plan for fewer "
				    "clients: the entropy has one bit less for half of them",
				    law->clients, law_stay_us(&law->mix) / US_PER_MS, flights / 1e6,
				    PLAN_FLIGHTS / 1000000);
	config->settle_ms = (uint64_t)(settle_us / US_PER_MS) + 1;
	config->duration_ms = config->settle_ms + (uint64_t)(measure_us / US_PER_MS) + 1;
	return 0;
}

static double share_lost(const struct results *results)
{
	double made = 0, lost = 0;

	for (unsigned kind = 0; kind < PACKET_DUMMY; kind++) {
		made += (double)results->made[kind];
		lost += (double)results->count[kind][PACKET_LOST];
	}
	return made > 0 ? lost / made : 0;
}

static int measure(struct plan_row *row, const struct study *study, struct lm_error *err)
{
	const struct results *results = sim_results(study->sim);
	const struct summary summary = {.params = &study->params, .results = results};

	row->trials++;
	row->bits = study->entropy.bits;
	row->least_bits = study->entropy.least_bits;
	row->law_bits = study->entropy.law_bits;
	row->latency_ms = summary_mean_ms(results);
	row->p99_ms = (double)histogram_quantile(&results->latency_us, 990) / US_PER_MS;
	row->bytes_per_second = summary_client_bandwidth(&summary);
	row->relay_bytes = summary_mix_bandwidth(&summary);
	row->network_bytes =
		row->bytes_per_second * study->params.clients.count +
		row->relay_bytes * (study->topology->nodes - study->topology->layer_nodes[0]);
	row->lost = share_lost(results);
	if (study->entropy.messages == 0 || results->latency_us.count == 0)
		return lm_error_set(err, ENODATA,
				    "clients: too few messages to measure; more clients");
	return 0;
}

static int try(struct plan_row *row, struct config *config, struct lm_error *err)
{
	struct study study = {0};
	struct law law;
	int rc;

	set_mixing(config, row->delay_us);
	rc = read_law(&law, config, err);
	if (rc == 0)
		rc = set_times(config, &law, err);
	if (rc != 0)
		return rc;
	rc = study_make(&study, config, team_processors(), NULL, true, err);
	if (rc == 0)
		rc = study_run(&study, NULL, NULL, err);
	if (rc == 0)
		rc = measure(row, &study, err);
	study_free(&study);
	return rc;
}

/* ---- The search ---- */

/* What the law says: twice the delay is one bit more. */
static int foretell(struct plan_row *row, struct config *config, const struct plan_wish *wish,
		    struct lm_error *err)
{
	const uint32_t some_us = 1000000;
	struct law law;
	int rc;

	set_mixing(config, some_us);
	rc = read_law(&law, config, err);
	if (rc != 0)
		return rc;
	return set_delay(row, config, some_us * exp2(wish->bits - law_bits(&law)), wish, err);
}

int plan_find(struct plan_row *row, const struct config *config, const struct plan_wish *wish,
	      struct lm_error *err)
{
	struct config trial = *config;
	int rc = check(config, err);

	*row = (struct plan_row){.cover = row->cover,
				 .relay_cover = row->relay_cover,
				 .link_interval_us = row->link_interval_us};
	set_cover(&trial, row);
	if (rc == 0)
		rc = foretell(row, &trial, wish, err);
	while (rc == 0) {
		rc = try(row, &trial, err);
		if (rc != 0 || fabs(row->bits - wish->bits) <= PLAN_TOLERANCE ||
		    row->trials == PLAN_TRIALS)
			break;
		rc = set_delay(row, config, row->delay_us * exp2(wish->bits - row->bits), wish,
			       err);
	}
	row->hidden = rc == 0 && row->bits >= wish->bits - PLAN_TOLERANCE;
	row->fast = rc == 0 && row->latency_ms <= wish->latency_ms;
	row->cheap = rc == 0 && row->bytes_per_second <= wish->bytes_per_second &&
		     row->relay_bytes <= wish->relay_bytes;
	row->intact = rc == 0 && row->lost <= PLAN_LOST;
	return rc;
}

const struct plan_row *plan_best(const struct plan_row *row, unsigned rows)
{
	const struct plan_row *best = NULL;

	for (unsigned i = 0; i < rows; i++)
		if (row[i].hidden && row[i].fast && row[i].cheap && row[i].intact &&
		    (!best || row[i].network_bytes < best->network_bytes))
			best = &row[i];
	return best;
}
