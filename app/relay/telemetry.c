/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See telemetry.h. DPDK calls these from threads of its own and passes no context, hence the
 * pointers; the lock keeps a caller from reading a relay that is being taken down. No lcore takes
 * it.
 */
#include "telemetry.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry_links.h"
#include "telemetry_names.h"
#include "telemetry_node.h"
#include "telemetry_stages.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct relay *the_relay; /* NULL: nobody is answered */
static const struct lcore *the_lcores;
static uint64_t started_us;

static void add_books(const struct relay *relay, struct rte_tel_data *data)
{
	struct counters total;
	uint64_t held;
	char name[64];

	relay_books(relay, &total, &held);
	rte_tel_data_add_dict_u64(data, "received", total.received);
	rte_tel_data_add_dict_u64(data, "cover", total.cover);
	rte_tel_data_add_dict_u64(data, "taken_over", total.taken_over);
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
	rte_tel_data_add_dict_u64(data, "dummy_in", total.dummy_in);
	rte_tel_data_add_dict_u64(data, "dummy_out", total.dummy_out);
	rte_tel_data_add_dict_u64(data, "dummy_lost", total.dummy_lost);
	rte_tel_data_add_dict_u64(data, "handshake_in", total.handshake_in);
	rte_tel_data_add_dict_u64(data, "handshake_out", total.handshake_out);
	rte_tel_data_add_dict_u64(data, "handshake_lost", total.handshake_lost);
}

static void add_count(struct rte_tel_data *data, const char *name, const uint64_t *counter)
{
	rte_tel_data_add_dict_u64(data, name, __atomic_load_n(counter, __ATOMIC_RELAXED));
}

static void add_cover(const struct cover *cover, struct rte_tel_data *data)
{
	add_count(data, "cover_starved", &cover->starved);
	add_count(data, "loops_sent", &cover->sent);
	add_count(data, "loops_back", &cover->back);
	add_count(data, "loops_lost", &cover->lost);
	add_count(data, "loops_late", &cover->late);
	add_count(data, "alarm_loop_loss", &cover->alarms);
	rte_tel_data_add_dict_string(data, "loop_verdict",
				     lm_cover_verdict_name(
					     __atomic_load_n(&cover->verdict, __ATOMIC_RELAXED)));
}

/* What became of handshakes; all zero where links have no sessions. */
static void add_handshakes(const struct handshakes *handshakes, struct rte_tel_data *data)
{
	char name[64];

	add_count(data, "handshake_out_lost", &handshakes->out_lost);
	add_count(data, "handshake_under_load", &handshakes->under_load);
	for (unsigned i = 0; i < LM_LINK_RESULTS; i++) {
		snprintf(name, sizeof(name), "handshake_%s",
			 lm_link_result_name((enum lm_link_result)i));
		add_count(data, name, &handshakes->result[i]);
	}
}

/* Within what telemetry can say: 24 days. */
static int clock_offset_ms(const struct relay *relay)
{
	int64_t ms = __atomic_load_n(&relay->clock_offset_us, __ATOMIC_RELAXED) / 1000;

	return ms > INT32_MAX ? INT32_MAX : ms < INT32_MIN ? INT32_MIN : (int)ms;
}

/* Where the relay is in time, and what it would not take. */
static void add_topology(const struct relay *relay, struct rte_tel_data *data)
{
	char name[64];

	rte_tel_data_add_dict_u64(data, "epoch", __atomic_load_n(&relay->epoch, __ATOMIC_RELAXED));
	add_count(data, "alarm_topology", &relay->alarm_topology);
	add_count(data, "alarm_clock", &relay->alarm_clock);
	add_count(data, "alarm_disk", &relay->alarm_disk);
	add_count(data, "retired", &relay->retired);
	add_count(data, "clock_heard", &relay->clock_heard);
	rte_tel_data_add_dict_int(data, "clock_offset_ms", clock_offset_ms(relay));
	for (unsigned i = 0; i < LM_COUNT(relay->documents.refused); i++) {
		snprintf(name, sizeof(name), "topology_refused_%s",
			 i == LM_SUCCESSION_TAKEN ? "broken" : lm_succession_name(i));
		add_count(data, name, &relay->documents.refused[i]);
	}
}

static void add_stats(const struct relay *relay, struct rte_tel_data *data)
{
	struct rte_eth_stats stats = {0};

	add_books(relay, data);
	add_cover(&relay->cover, data);
	add_topology(relay, data);
	add_handshakes(&relay->handshakes, data);
	add_count(data, "links", &relay->handshakes.links);
	add_count(data, "links_up", &relay->handshakes.links_up);
	(void)rte_eth_stats_get(relay->port.id, &stats);
	rte_tel_data_add_dict_u64(data, "rx_missed", stats.imissed + stats.rx_nombuf);
	rte_tel_data_add_dict_u64(data, "alarm_replay_full",
				  __atomic_load_n(&relay->alarm_replay_full, __ATOMIC_RELAXED));
	add_count(data, "links_second_best", &relay->ways.second_best);
	add_count(data, "links_low_mtu", &relay->ways.low_mtu);
	add_count(data, "alarm_low_mtu", &relay->ways.alarm_low_mtu);
	rte_tel_data_add_dict_u64(data, "slots_lost",
				  relay->mixer.pacer ? lm_pacer_forgotten(relay->mixer.pacer) : 0);
	add_count(data, "alarm_padding", &relay->alarm_padding);
	rte_tel_data_add_dict_u64(data, "filter_rules",
				  __atomic_load_n(&relay->filter.n, __ATOMIC_RELAXED));
	rte_tel_data_add_dict_u64(data, "uptime_us", lm_clock_us() - started_us);
	rte_tel_data_add_dict_u64(data, "away_us", relay->away_us);
	rte_tel_data_add_dict_u64(data, "alarm_books",
				  __atomic_load_n(&relay->alarm_books, __ATOMIC_RELAXED));
	rte_tel_data_add_dict_int(data, "ready", __atomic_load_n(&relay->ready, __ATOMIC_RELAXED));
}

/* How late the slots of links were given; nothing where there is no padding. */
static void add_padding(const struct relay *relay, struct rte_tel_data *data)
{
	const struct lm_pacer *pacer = relay->mixer.pacer;
	char name[64];

	for (unsigned bin = 0; pacer && bin < LM_PACER_LATE_BINS; bin++) {
		if (bin < LM_PACER_LATE_BINS - 1)
			snprintf(name, sizeof(name), "late_below_%u_us", 1u << bin);
		else
			snprintf(name, sizeof(name), "late_more");
		rte_tel_data_add_dict_u64(data, name, lm_pacer_late(pacer, bin));
	}
	if (pacer)
		rte_tel_data_add_dict_u64(data, "lost", lm_pacer_forgotten(pacer));
}

static void add_lcores(const struct relay *relay, struct rte_tel_data *data)
{
	char name[32];

	_Static_assert(3 * EAL_POLLING_MAX + 1 <= RTE_TEL_MAX_DICT_ENTRIES, "all find room");
	rte_tel_data_add_dict_u64(data, "tsc_hz", rte_get_tsc_hz());
	for (unsigned i = 0; i < relay->plan.lcores; i++) {
		const struct lcore *lcore = &the_lcores[i];

		snprintf(name, sizeof(name), "cpu_%u_loops", relay->plan.cpu[i]);
		add_count(data, name, &lcore->loops);
		snprintf(name, sizeof(name), "cpu_%u_busy_loops", relay->plan.cpu[i]);
		add_count(data, name, &lcore->busy_loops);
		snprintf(name, sizeof(name), "cpu_%u_busy_cycles", relay->plan.cpu[i]);
		add_count(data, name, &lcore->busy_cycles);
	}
}

static void add_bursts(const struct relay *relay, struct rte_tel_data *data)
{
	uint64_t packets = 0;
	char name[32];

	for (unsigned size = 0; size < WORKER_SIZES; size++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < relay->workers; i++)
			n += __atomic_load_n(&relay->worker[i]->bursts[size], __ATOMIC_RELAXED);
		snprintf(name, sizeof(name), "up_to_%u", 1u << size);
		rte_tel_data_add_dict_u64(data, name, n);
	}
	for (unsigned i = 0; i < relay->workers; i++)
		packets += __atomic_load_n(&relay->worker[i]->burst_packets, __ATOMIC_RELAXED);
	rte_tel_data_add_dict_u64(data, "packets", packets);
}

static int answer(struct rte_tel_data *data,
		  void (*add)(const struct relay *relay, struct rte_tel_data *data))
{
	int rc = -1;

	pthread_mutex_lock(&lock);
	if (the_relay) {
		rte_tel_data_start_dict(data);
		add(the_relay, data);
		rc = 0;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static int on_stats(const char *command, const char *parameters, struct rte_tel_data *data)
{
	(void)command;
	(void)parameters;
	return answer(data, add_stats);
}

static int on_lcores(const char *command, const char *parameters, struct rte_tel_data *data)
{
	(void)command;
	(void)parameters;
	return answer(data, add_lcores);
}

static int on_padding(const char *command, const char *parameters, struct rte_tel_data *data)
{
	(void)command;
	(void)parameters;
	return answer(data, add_padding);
}

static int on_bursts(const char *command, const char *parameters, struct rte_tel_data *data)
{
	(void)command;
	(void)parameters;
	return answer(data, add_bursts);
}

static int on_node(const char *command, const char *parameters, struct rte_tel_data *data)
{
	(void)command;
	(void)parameters;
	return answer(data, telemetry_add_node);
}

static int on_replay(const char *command, const char *parameters, struct rte_tel_data *data)
{
	(void)command;
	(void)parameters;
	return answer(data, telemetry_add_replay);
}

static int on_stages(const char *command, const char *parameters, struct rte_tel_data *data)
{
	int rc = -1;

	(void)command;
	pthread_mutex_lock(&lock);
	if (the_relay) {
		rte_tel_data_start_dict(data);
		rc = telemetry_add_stages(data, the_relay, parameters);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

/* The number after the comma; 0 if there is none. */
static uint32_t number(const char *parameters)
{
	return parameters ? (uint32_t)strtoul(parameters, NULL, 10) : 0;
}

static const struct view *the_view(void)
{
	return the_relay ? __atomic_load_n(&the_relay->shared.view, __ATOMIC_ACQUIRE) : NULL;
}

static int on_links(const char *command, const char *parameters, struct rte_tel_data *data)
{
	const struct view *view;

	(void)command;
	pthread_mutex_lock(&lock);
	view = the_view();
	if (view)
		telemetry_add_links(data, view, number(parameters));
	pthread_mutex_unlock(&lock);
	return view ? 0 : -1;
}

static int on_down(const char *command, const char *parameters, struct rte_tel_data *data)
{
	const struct view *view;

	(void)command;
	(void)parameters;
	pthread_mutex_lock(&lock);
	view = the_view();
	if (view)
		telemetry_add_down(data, view);
	pthread_mutex_unlock(&lock);
	return view ? 0 : -1;
}

static int on_link(const char *command, const char *parameters, struct rte_tel_data *data)
{
	const struct view *view;
	int rc = -1;

	(void)command;
	pthread_mutex_lock(&lock);
	view = the_view();
	if (view)
		rc = telemetry_add_link(data, view, number(parameters));
	pthread_mutex_unlock(&lock);
	return rc;
}

void telemetry_pass(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}

static void set_relay(const struct relay *relay)
{
	pthread_mutex_lock(&lock);
	the_relay = relay;
	pthread_mutex_unlock(&lock);
}

static const struct {
	const char *name;
	telemetry_cb answer;
	const char *help;
} commands[] = {
	{"/linemix/stats", on_stats, "The relay's books. No parameters."},
	{"/linemix/lcores", on_lcores, "Rounds, busy ones and their cycles by CPU. No parameters."},
	{"/linemix/bursts", on_bursts, "Bursts that were peeled, by size. No parameters."},
	{"/linemix/padding", on_padding, "Slots of links by their lateness. No parameters."},
	{"/linemix/stages", on_stages, "Cycles by stage. Parameter: one worker's number."},
	{"/linemix/node", on_node, "The node, its epoch and its network. No parameters."},
	{"/linemix/replay", on_replay, "How full the replay sets are. No parameters."},
	{"/linemix/links", on_links, "Ids of neighbours. Parameter: place to go on at."},
	{"/linemix/down", on_down, "Ids of neighbours that are not reached. No parameters."},
	{"/linemix/link", on_link, "How a neighbour is reached. Parameter: its id."},
};

int telemetry_start(const struct relay *relay, const struct lcore *lcore, struct lm_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < LM_COUNT(commands); i++)
		rc = rte_telemetry_register_cmd(commands[i].name, commands[i].answer,
						commands[i].help);
	if (rc != 0)
		return lm_error_set(err, -rc, "telemetry: %s", strerror(-rc));
	the_lcores = lcore;
	started_us = lm_clock_us();
	set_relay(relay);
	return 0;
}

void telemetry_stop(void)
{
	set_relay(NULL);
}
