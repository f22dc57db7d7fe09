/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relays as Prometheus's text format: one table for what is one number of telemetry, one function
 * for each family that is made otherwise. A family's lines stand together, and a relay that does
 * not answer has none but linemix_up.
 */
#include <inttypes.h>

#include "forms.h"

/* A line of a family. Those of one family follow each other, and the first one describes it. */
struct metric {
	const char *name, *type, *help;
	enum reading_value value;
	const char *label; /* "", or more labels, with the comma before them */
	double unit;       /* 0: a whole number as it is; otherwise what one of it is worth */
};

#define COUNTER(name, value, label, help)                        \
	{                                                        \
		name, "counter", help, READING_##value, label, 0 \
	}
#define GAUGE(name, value, label, help)                        \
	{                                                      \
		name, "gauge", help, READING_##value, label, 0 \
	}
#define AGAIN(name, value, label)                           \
	{                                                   \
		name, NULL, NULL, READING_##value, label, 0 \
	}

static const struct metric metrics[] = {
	GAUGE("linemix_ready", READY, "", "Whether every next hop can be sent to."),
	{"linemix_uptime_seconds", "gauge", "Time since the relay started.", READING_UPTIME_US, "",
	 1e-6},
	{"linemix_away_seconds", "gauge",
	 "Time in which nobody received, between the process before and this one.", READING_AWAY_US,
	 "", 1e-6},
	COUNTER("linemix_packets_received_total", RECEIVED, "",
		"Packets that came from the port, with those that were dropped."),
	COUNTER("linemix_packets_cover_total", COVER, "", "Own cover that entered the mix."),
	COUNTER("linemix_packets_taken_over_total", TAKEN_OVER, "",
		"Packets that the process before had held."),
	COUNTER("linemix_packets_sent_total", SENT, "", "Packets given to the port."),
	COUNTER("linemix_packets_delivered_total", DELIVERED, "",
		"Packets that a service or the mailbox writer took."),
	GAUGE("linemix_packets_held", HELD, "", "Packets in the relay, most of them mixing."),
	GAUGE("linemix_packets_held_limit", HELD_ROOM, "", "Packets that the mixer may hold."),
	COUNTER("linemix_frames_missed_total", RX_MISSED, "",
		"Frames that the NIC lost as its receive queue or the buffers were full."),
	COUNTER("linemix_kernel_frames_total", KERNEL_IN, ",direction=\"in\"",
		"Frames passed to the kernel and from it: ARP, ping, neighbour discovery."),
	AGAIN("linemix_kernel_frames_total", KERNEL_OUT, ",direction=\"out\""),
	COUNTER("linemix_kernel_frames_lost_total", KERNEL_LOST, "",
		"Such frames that found no room."),
	COUNTER("linemix_dummies_total", DUMMY_IN, ",direction=\"in\"",
		"Frames of padded links without a packet."),
	AGAIN("linemix_dummies_total", DUMMY_OUT, ",direction=\"out\""),
	COUNTER("linemix_dummies_lost_total", DUMMY_LOST, "",
		"Slots of links without a session or next hop."),
	COUNTER("linemix_slots_lost_total", SLOTS_LOST, "",
		"Slots of padded links for which the relay was too late."),
	COUNTER("linemix_handshakes_total", HANDSHAKE_IN, ",direction=\"in\"",
		"Handshake messages of links."),
	AGAIN("linemix_handshakes_total", HANDSHAKE_OUT, ",direction=\"out\""),
	COUNTER("linemix_handshakes_lost_total", HANDSHAKE_LOST, ",direction=\"in\"",
		"Handshake messages that found a ring full."),
	AGAIN("linemix_handshakes_lost_total", HANDSHAKE_OUT_LOST, ",direction=\"out\""),
	COUNTER("linemix_handshakes_under_load_total", HANDSHAKE_UNDER_LOAD, "",
		"Handshake messages that came while cookies were asked for."),
	COUNTER("linemix_handshake_results_total", HANDSHAKE_MALFORMED, ",result=\"malformed\"",
		"What became of handshake messages that came."),
#define RESULT(value, name) \
	AGAIN("linemix_handshake_results_total", HANDSHAKE_##value, ",result=\"" name "\"")
	RESULT(MAC1, "mac1"),
	RESULT(UNEXPECTED, "unexpected"),
	RESULT(COOKIE_SENT, "cookie_sent"),
	RESULT(LIMITED, "limited"),
	RESULT(FORGED, "forged"),
	RESULT(REFUSED, "refused"),
	RESULT(STALE, "stale"),
	RESULT(MISMATCH, "mismatch"),
	RESULT(CROSSED, "crossed"),
	RESULT(FULL, "full"),
	RESULT(RESPONDED, "responded"),
	RESULT(ESTABLISHED, "established"),
	RESULT(CONFIRMED, "confirmed"),
	RESULT(COOKIE, "cookie"),
	COUNTER("linemix_loops_sent_total", LOOPS_SENT, "", "Own loops that were sent."),
	COUNTER("linemix_loops_total", LOOPS_BACK, ",outcome=\"back\"",
		"Own loops by what became of them."),
	AGAIN("linemix_loops_total", LOOPS_LATE, ",outcome=\"late\""),
	AGAIN("linemix_loops_total", LOOPS_LOST, ",outcome=\"lost\""),
	COUNTER("linemix_cover_starved_total", COVER_STARVED, "",
		"Own cover that was due when none was ready."),
	GAUGE("linemix_epoch", EPOCH, "", "The key epoch that the relay is in."),
	GAUGE("linemix_epoch_end_timestamp_seconds", EPOCH_UNTIL_S, "",
	      "When that epoch ends, in seconds of UTC since 1970."),
	GAUGE("linemix_retired", RETIRED, "",
	      "0: the documents list the node; above: it is left out, and serves until it drains."),
	COUNTER("linemix_topology_refused_total", REFUSED_BROKEN, ",reason=\"broken\"",
		"Topology documents that were refused."),
#define REFUSED(value, name) \
	AGAIN("linemix_topology_refused_total", REFUSED_##value, ",reason=\"" name "\"")
	REFUSED(EXPIRED, "expired"),
	REFUSED(FUTURE, "future"),
	REFUSED(OLDER, "older"),
	REFUSED(FORK, "fork"),
	REFUSED(GAP, "gap"),
	REFUSED(PROMISE, "promise"),
	GAUGE("linemix_clock_neighbours", CLOCK_HEARD, "",
	      "Neighbours whose clocks are known, of the last five minutes."),
	GAUGE("linemix_sessions", LINKS, "", "Peers of links with sessions, clients among them."),
	GAUGE("linemix_sessions_up", LINKS_UP, "", "Those of them that can be sent to."),
	GAUGE("linemix_links_second_best", LINKS_SECOND_BEST, "",
	      "Links on another address than the neighbour's first."),
	GAUGE("linemix_links_low_mtu", LINKS_LOW_MTU, "",
	      "Links whose way has a smaller MTU than packets need."),
	GAUGE("linemix_filter_rules", FILTER_RULES, "", "Rules in the NIC against foreign frames."),
	GAUGE("linemix_alarm_level", ALARM_TOPOLOGY, ",alarm=\"topology\"",
	      "Alarms that stand: 0 is well. Topology: 1 its end is near, 2 it has come, 3 an "
	      "epoch "
	      "ago. Clock: 1 it is off, 2 so far that no epoch is shared. Disk: 1 it is full."),
	AGAIN("linemix_alarm_level", ALARM_CLOCK, ",alarm=\"clock\""),
	AGAIN("linemix_alarm_level", ALARM_DISK, ",alarm=\"disk\""),
	COUNTER("linemix_alarms_total", ALARM_LOOP_LOSS, ",alarm=\"loop_loss\"",
		"Times at which an alarm was raised."),
	AGAIN("linemix_alarms_total", ALARM_REPLAY_FULL, ",alarm=\"replay_full\""),
	AGAIN("linemix_alarms_total", ALARM_LOW_MTU, ",alarm=\"low_mtu\""),
	AGAIN("linemix_alarms_total", ALARM_PADDING, ",alarm=\"padding\""),
	AGAIN("linemix_alarms_total", ALARM_BOOKS, ",alarm=\"books\""),
};

static void head(struct text *text, const char *name, const char *type, const char *help)
{
	text_add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The relays that answer, one after the other. */
#define EACH_UP(one, relay, n)                                                \
	for (const struct collect *one = (relay); one < (relay) + (n); one++) \
		if (one->up)

static void add_metric(struct text *text, const struct metric *metric, const struct collect *one)
{
	uint64_t value = one->now.value[metric->value];

	if (!one->now.has[metric->value])
		return;
	text_add(text, "%s{relay=\"%s\"%s} ", metric->name, one->name, metric->label);
	if (metric->unit > 0)
		text_add(text, "%.6f\n", (double)value * metric->unit);
	else
		text_add(text, "%" PRIu64 "\n", value);
}

static void add_table(struct text *text, const struct collect *relay, unsigned n)
{
	for (size_t i = 0; i < LM_COUNT(metrics); i++) {
		if (metrics[i].type)
			head(text, metrics[i].name, metrics[i].type, metrics[i].help);
		EACH_UP(one, relay, n)
		add_metric(text, &metrics[i], one);
	}
}

static void add_asking(struct text *text, const struct collect *relay, unsigned n)
{
	head(text, "linemix_up", "gauge",
	     "Whether the relay's telemetry answered in the last round.");
	for (unsigned i = 0; i < n; i++)
		text_add(text, "linemix_up{relay=\"%s\"} %d\n", relay[i].name, relay[i].up);
	head(text, "linemix_exporter_reads_total", "counter",
	     "Rounds in which the exporter asked the relay.");
	for (unsigned i = 0; i < n; i++)
		text_add(text,
			 "linemix_exporter_reads_total{relay=\"%s\",result=\"good\"} %" PRIu64 "\n"
			 "linemix_exporter_reads_total{relay=\"%s\",result=\"bad\"} %" PRIu64 "\n",
			 relay[i].name, relay[i].good, relay[i].name, relay[i].bad);
	head(text, "linemix_exporter_read_seconds", "gauge", "How long the last good round took.");
	EACH_UP(one, relay, n)
	text_add(text, "linemix_exporter_read_seconds{relay=\"%s\"} %.6f\n", one->name,
		 (double)one->took_us / 1e6);
}

static void add_infos(struct text *text, const struct collect *relay, unsigned n)
{
	head(text, "linemix_exporter_build_info", "gauge", "The exporter's version; always 1.");
	text_add(text, "linemix_exporter_build_info{version=\"%s\"} 1\n", LM_VERSION);
	head(text, "linemix_build_info", "gauge", "Versions of the relay and of DPDK; always 1.");
	EACH_UP(one, relay, n)
	text_add(text, "linemix_build_info{relay=\"%s\",version=\"%s\",dpdk=\"%s\"} 1\n", one->name,
		 one->now.version, one->now.dpdk);
	head(text, "linemix_node_info", "gauge", "Who the relay is in the network; always 1.");
	EACH_UP(one, relay, n)
	{
		if (one->now.has[READING_NODE])
			text_add(text,
				 "linemix_node_info{relay=\"%s\",node=\"%" PRIu64
				 "\",role=\"%s\",layer=\"%" PRIu64 "\",strategy=\"%s\"} 1\n",
				 one->name, one->now.value[READING_NODE], one->now.role,
				 one->now.value[READING_LAYER], one->now.strategy);
	}
}

static void add_drops(struct text *text, const struct collect *relay, unsigned n)
{
	head(text, "linemix_packets_dropped_total", "counter",
	     "Packets that ended here, by reason; cover that ended as meant is among them.");
	EACH_UP(one, relay, n)
	{
		for (unsigned i = LM_DROP_NONE + 1; i < LM_DROP_COUNT; i++)
			text_add(
				text,
				"linemix_packets_dropped_total{relay=\"%s\",reason=\"%s\"} %" PRIu64
				"\n",
				one->name, lm_drop_name((enum lm_drop)i), one->now.drop[i]);
	}
}

static void add_clock(struct text *text, const struct collect *relay, unsigned n)
{
	static const char *const verdicts[] = {"ok", "warn", "pause"};

	head(text, "linemix_clock_offset_seconds", "gauge",
	     "What most neighbours' clocks are ahead of this machine's; 0: not known.");
	EACH_UP(one, relay, n)
	text_add(text, "linemix_clock_offset_seconds{relay=\"%s\"} %.3f\n", one->name,
		 (double)one->now.clock_offset_ms / 1000);
	head(text, "linemix_loop_verdict", "gauge", "What lost loops mean: 1 at one of three.");
	EACH_UP(one, relay, n)
	{
		for (unsigned i = 0; i < LM_COUNT(verdicts); i++)
			text_add(text, "linemix_loop_verdict{relay=\"%s\",verdict=\"%s\"} %d\n",
				 one->name, verdicts[i],
				 strcmp(one->now.verdict, verdicts[i]) == 0);
	}
}

static void add_bursts(struct text *text, const struct collect *relay, unsigned n)
{
	head(text, "linemix_peel_burst_packets", "histogram",
	     "Bursts that were peeled, by their packets.");
	EACH_UP(one, relay, n)
	{
		uint64_t all = 0;

		if (!one->now.has_bursts)
			continue;
		for (unsigned i = 0; i < READING_BURSTS; i++) {
			all += one->now.burst[i];
			text_add(
				text,
				"linemix_peel_burst_packets_bucket{relay=\"%s\",le=\"%u\"} %" PRIu64
				"\n",
				one->name, 1u << i, all);
		}
		text_add(text,
			 "linemix_peel_burst_packets_bucket{relay=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
			 "linemix_peel_burst_packets_sum{relay=\"%s\"} %" PRIu64 "\n"
			 "linemix_peel_burst_packets_count{relay=\"%s\"} %" PRIu64 "\n",
			 one->name, all, one->name, one->now.burst_packets, one->name, all);
	}
}

/* ---- Families with a line for each of a relay's layers, sets, lcores or stages ---- */

/* A figure of each: its family, and where it stands in the struct of one. */
struct part {
	const char *name, *type, *help;
	size_t offset;
};

/* The structs of a relay, one after the other, and what their label says. */
struct rows {
	const char *label;
	unsigned (*count)(const struct collect *one);
	const void *(*row)(const struct collect *one, unsigned i); /* NULL: not told */
	void (*name)(char name[READING_WORD + 1], const struct collect *one, unsigned i);
};

static void add_rows(struct text *text, const struct collect *relay, unsigned n,
		     const struct rows *rows, const struct part *part, size_t parts)
{
	char name[READING_WORD + 1];

	for (size_t p = 0; p < parts; p++) {
		head(text, part[p].name, part[p].type, part[p].help);
		EACH_UP(one, relay, n)
		{
			for (unsigned i = 0; i < rows->count(one); i++) {
				const char *row = rows->row(one, i);

				if (!row)
					continue;
				rows->name(name, one, i);
				text_add(text, "%s{relay=\"%s\",%s=\"%s\"} %" PRIu64 "\n",
					 part[p].name, one->name, rows->label, name,
					 *(const uint64_t *)(row + part[p].offset));
			}
		}
	}
}

static unsigned count_layers(const struct collect *one)
{
	return one->now.has[READING_LAYERS] ? (unsigned)one->now.value[READING_LAYERS] + 1 : 0;
}

static const void *layer_row(const struct collect *one, unsigned i)
{
	return &one->now.layer[i];
}

static void number_name(char name[READING_WORD + 1], const struct collect *one, unsigned i)
{
	(void)one;
	snprintf(name, READING_WORD + 1, "%u", i);
}

static unsigned count_sets(const struct collect *one)
{
	(void)one;
	return READING_SETS;
}

static const void *set_row(const struct collect *one, unsigned i)
{
	return one->now.set[i].there ? &one->now.set[i] : NULL;
}

static void set_name(char name[READING_WORD + 1], const struct collect *one, unsigned i)
{
	(void)one;
	snprintf(name, READING_WORD + 1, "%s", reading_set_name[i]);
}

static unsigned count_cpus(const struct collect *one)
{
	return one->now.cpus;
}

static const void *cpu_row(const struct collect *one, unsigned i)
{
	return &one->now.cpu[i];
}

static void cpu_name(char name[READING_WORD + 1], const struct collect *one, unsigned i)
{
	snprintf(name, READING_WORD + 1, "%u", one->now.cpu[i].cpu);
}

static unsigned count_stages(const struct collect *one)
{
	return one->now.tsc_hz > 0 ? READING_STAGES : 0;
}

static const void *stage_row(const struct collect *one, unsigned i)
{
	return &one->now.stage[i];
}

static void stage_name(char name[READING_WORD + 1], const struct collect *one, unsigned i)
{
	(void)one;
	snprintf(name, READING_WORD + 1, "%s", reading_stage_name[i]);
}

static const struct rows layers = {"layer", count_layers, layer_row, number_name};
static const struct rows sets = {"epoch", count_sets, set_row, set_name};
static const struct rows cpus = {"cpu", count_cpus, cpu_row, cpu_name};
static const struct rows stages = {"stage", count_stages, stage_row, stage_name};

static const struct part layer_parts[] = {
	{"linemix_layer_nodes", "gauge",
	 "Nodes of each layer of the network; gateways are layer 0.",
	 offsetof(struct reading_layer, nodes)},
	{"linemix_layer_links", "gauge", "Of them neighbours of this relay.",
	 offsetof(struct reading_layer, links)},
	{"linemix_layer_links_up", "gauge", "Of them those that it reaches.",
	 offsetof(struct reading_layer, up)},
};
static const struct part set_parts[] = {
	{"linemix_replay_set_tags", "gauge",
	 "Packets that a replay set remembers, by the epoch of its key.",
	 offsetof(struct reading_tags, tags)},
	{"linemix_replay_set_limit", "gauge", "Packets that it has room for.",
	 offsetof(struct reading_tags, room)},
};
static const struct part cpu_parts[] = {
	{"linemix_lcore_rounds_total", "counter", "Rounds of a polling lcore.",
	 offsetof(struct reading_cpu, rounds)},
	{"linemix_lcore_busy_rounds_total", "counter", "Those that moved something.",
	 offsetof(struct reading_cpu, busy_rounds)},
};
static const struct part stage_parts[] = {
	{"linemix_stage_cycles_total", "counter",
	 "CPU cycles of a stage that moved something, while stages are timed.",
	 offsetof(struct reading_stage, cycles)},
	{"linemix_stage_bursts_total", "counter", "Calls of a stage that moved something.",
	 offsetof(struct reading_stage, bursts)},
	{"linemix_stage_packets_total", "counter", "What they moved.",
	 offsetof(struct reading_stage, packets)},
};

static void add_load(struct text *text, const struct collect *relay, unsigned n)
{
	head(text, "linemix_lcore_busy_seconds_total", "counter",
	     "Time in busy rounds; its rate is the load, 0 to 1.");
	EACH_UP(one, relay, n)
	{
		for (unsigned i = 0; i < one->now.cpus; i++)
			if (one->now.cpu[i].timed)
				text_add(
					text,
					"linemix_lcore_busy_seconds_total{relay=\"%s\",cpu=\"%u\"} "
					"%.6f\n",
					one->name, one->now.cpu[i].cpu,
					(double)one->now.cpu[i].busy_us / 1e6);
	}
}

void form_metrics(struct text *text, const struct collect *relay, unsigned n)
{
	add_asking(text, relay, n);
	add_infos(text, relay, n);
	add_table(text, relay, n);
	add_drops(text, relay, n);
	add_clock(text, relay, n);
	add_bursts(text, relay, n);
	add_load(text, relay, n);
	add_rows(text, relay, n, &layers, layer_parts, LM_COUNT(layer_parts));
	add_rows(text, relay, n, &sets, set_parts, LM_COUNT(set_parts));
	add_rows(text, relay, n, &cpus, cpu_parts, LM_COUNT(cpu_parts));
	add_rows(text, relay, n, &stages, stage_parts, LM_COUNT(stage_parts));
}
