/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See telemetry.h. DPDK calls these from a thread of its own and passes no context, hence the two
 * pointers.
 */
#include "telemetry.h"

#include <rte_ethdev.h>
#include <rte_telemetry.h>
#include <string.h>

static const struct relay *the_relay;
static const struct lcore *the_lcores;
static uint64_t started_us;

static void add_books(struct rte_tel_data *data)
{
	struct counters total;
	uint64_t held;
	char name[64];

	relay_books(the_relay, &total, &held);
	rte_tel_data_add_dict_u64(data, "received", total.received);
	rte_tel_data_add_dict_u64(data, "sent", total.sent);
	rte_tel_data_add_dict_u64(data, "delivered", total.delivered);
	rte_tel_data_add_dict_u64(data, "held", held);
	rte_tel_data_add_dict_u64(data, "dropped",
				  counters_dropped(&total) - total.drop[LM_DROP_COVER]);
	for (unsigned i = LM_DROP_NONE + 1; i < LM_DROP_COUNT; i++) {
		snprintf(name, sizeof(name), "drop_%s", lm_drop_name((enum lm_drop)i));
		rte_tel_data_add_dict_u64(data, name, total.drop[i]);
	}
	rte_tel_data_add_dict_u64(data, "kernel_in", total.kernel_in);
	rte_tel_data_add_dict_u64(data, "kernel_out", total.kernel_out);
	rte_tel_data_add_dict_u64(data, "kernel_lost", total.kernel_lost);
}

static int on_stats(const char *command, const char *parameters, struct rte_tel_data *data)
{
	struct rte_eth_stats stats = {0};

	(void)command;
	(void)parameters;
	rte_tel_data_start_dict(data);
	add_books(data);
	(void)rte_eth_stats_get(the_relay->port.id, &stats);
	rte_tel_data_add_dict_u64(data, "rx_missed", stats.imissed + stats.rx_nombuf);
	rte_tel_data_add_dict_u64(data, "uptime_us", lm_clock_us() - started_us);
	rte_tel_data_add_dict_int(data, "ready",
				  __atomic_load_n(&the_relay->ready, __ATOMIC_RELAXED));
	return 0;
}

static int on_lcores(const char *command, const char *parameters, struct rte_tel_data *data)
{
	char name[32];

	(void)command;
	(void)parameters;
	rte_tel_data_start_dict(data);
	for (unsigned i = 0; i < the_relay->plan.lcores; i++) {
		const struct lcore *lcore = &the_lcores[i];

		snprintf(name, sizeof(name), "cpu_%u_loops", the_relay->plan.cpu[i]);
		rte_tel_data_add_dict_u64(data, name,
					  __atomic_load_n(&lcore->loops, __ATOMIC_RELAXED));
		snprintf(name, sizeof(name), "cpu_%u_busy_loops", the_relay->plan.cpu[i]);
		rte_tel_data_add_dict_u64(data, name,
					  __atomic_load_n(&lcore->busy_loops, __ATOMIC_RELAXED));
	}
	return 0;
}

int telemetry_start(const struct relay *relay, const struct lcore *lcore, struct lm_error *err)
{
	int rc;

	the_relay = relay;
	the_lcores = lcore;
	started_us = lm_clock_us();
	rc = rte_telemetry_register_cmd("/linemix/stats", on_stats,
					"The relay's books. No parameters.");
	if (rc == 0)
		rc = rte_telemetry_register_cmd("/linemix/lcores", on_lcores,
						"Rounds and busy rounds by CPU. No parameters.");
	if (rc != 0)
		return lm_error_set(err, -rc, "telemetry: %s", strerror(-rc));
	return 0;
}
