/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See reading.h.
 */
#include "reading.h"

#include <errno.h>
#include <jansson.h>

const char *const reading_set_name[READING_SETS] = {"previous", "current", "next"};

const char *const reading_command_name[READING_COMMANDS] = {
	[READING_STATS] = "/linemix/stats",      [READING_OF_NODE] = "/linemix/node",
	[READING_LCORES] = "/linemix/lcores",    [READING_REPLAY] = "/linemix/replay",
	[READING_BURST] = "/linemix/bursts",     [READING_OF_STAGES] = "/linemix/stages",
	[READING_NOT_REACHED] = "/linemix/down",
};

static const char *const keys[READING_VALUES] = {
#define READING_KEY(id, key) key,
	READING_TABLE(READING_KEY)
#undef READING_KEY
};

const char *reading_key(enum reading_value value)
{
	return keys[value];
}

/* ---- Numbers and words ---- */

/* A whole number that is not negative; absent is no failure. */
static int number(uint64_t *value, bool *has, const json_t *object, const char *key,
		  struct lm_error *err)
{
	const json_t *item = json_object_get(object, key);

	if (has)
		*has = item != NULL;
	if (!item)
		return 0;
	if (!json_is_integer(item) || json_integer_value(item) < 0)
		return lm_error_set(err, EPROTO, "%s: is no number of anything", key);
	*value = (uint64_t)json_integer_value(item);
	return 0;
}

/* Letters, digits and what versions are written with: nothing that a page or a terminal obeys. */
static bool is_plain(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789 ._+~-";

	return text[strspn(text, allowed)] == '\0' && strlen(text) <= READING_WORD;
}

static int word(char out[READING_WORD + 1], const json_t *object, const char *key,
		struct lm_error *err)
{
	const json_t *item = json_object_get(object, key);
	const char *text = item ? json_string_value(item) : "";

	if (!text || strlen(text) != (item ? json_string_length(item) : 0) || !is_plain(text))
		return lm_error_set(err, EPROTO, "%s: is no word of at most %d plain characters",
				    key, READING_WORD);
	strcpy(out, text);
	return 0;
}

/* ---- The answers ---- */

static int take_drops(struct reading *reading, const json_t *object, struct lm_error *err)
{
	char key[64];
	int rc = 0;

	for (unsigned i = LM_DROP_NONE + 1; rc == 0 && i < LM_DROP_COUNT; i++) {
		snprintf(key, sizeof(key), "drop_%s", lm_drop_name((enum lm_drop)i));
		rc = number(&reading->drop[i], NULL, object, key, err);
	}
	return rc;
}

static int take_values(struct reading *reading, const json_t *object, unsigned first, unsigned end,
		       struct lm_error *err)
{
	int rc = 0;

	for (unsigned i = first; rc == 0 && i < end; i++)
		rc = number(&reading->value[i], &reading->has[i], object, keys[i], err);
	return rc;
}

static int take_stats(struct reading *reading, const json_t *object, struct lm_error *err)
{
	static const enum reading_value needed[] = {
		READING_RECEIVED, READING_SENT,    READING_DELIVERED,
		READING_HELD,     READING_DROPPED, READING_UPTIME_US,
	};
	const json_t *offset = json_object_get(object, "clock_offset_ms");
	int rc = take_values(reading, object, 0, READING_NODE_FIRST, err);

	if (rc == 0)
		rc = take_drops(reading, object, err);
	if (rc == 0)
		rc = word(reading->verdict, object, "loop_verdict", err);
	for (unsigned i = 0; rc == 0 && i < LM_COUNT(needed); i++) {
		if (!reading->has[needed[i]])
			rc = lm_error_set(err, EPROTO, "%s: is missing", keys[needed[i]]);
	}
	if (rc == 0 && offset && !json_is_integer(offset))
		rc = lm_error_set(err, EPROTO, "clock_offset_ms: is no number");
	reading->clock_offset_ms = json_integer_value(offset); /* 0 if not there */
	return rc;
}

static int take_layer(struct reading_layer *layer, const json_t *object, unsigned which,
		      struct lm_error *err)
{
	const struct {
		const char *name;
		uint64_t *value;
	} parts[] = {{"nodes", &layer->nodes}, {"links", &layer->links}, {"up", &layer->up}};
	char key[32];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < LM_COUNT(parts); i++) {
		snprintf(key, sizeof(key), "layer_%u_%s", which, parts[i].name);
		rc = number(parts[i].value, NULL, object, key, err);
	}
	if (rc == 0 && (layer->nodes > LM_TOPOLOGY_NODES || layer->links > layer->nodes ||
			layer->up > layer->links))
		return lm_error_set(err, EPROTO, "layer_%u_nodes: does not fit its links", which);
	return rc;
}

static int take_node(struct reading *reading, const json_t *object, struct lm_error *err)
{
	int rc = take_values(reading, object, READING_NODE_FIRST, READING_VALUES, err);

	if (rc == 0)
		rc = word(reading->version, object, "version", err);
	if (rc == 0)
		rc = word(reading->role, object, "role", err);
	if (rc == 0)
		rc = word(reading->strategy, object, "strategy", err);
	if (rc == 0 && (reading->value[READING_LAYERS] > LM_TOPOLOGY_LAYERS ||
			reading->value[READING_LAYER] > reading->value[READING_LAYERS]))
		rc = lm_error_set(err, EPROTO, "layers: a network has %d at most",
				  LM_TOPOLOGY_LAYERS);
	for (unsigned i = 0; rc == 0 && i <= LM_TOPOLOGY_LAYERS; i++)
		rc = take_layer(&reading->layer[i], object, i, err);
	return rc;
}

/* The lcore of this number, in its place among the others; NULL: there are too many. */
static struct reading_cpu *cpu_of(struct reading *reading, unsigned cpu)
{
	unsigned i = 0;

	while (i < reading->cpus && reading->cpu[i].cpu < cpu)
		i++;
	if (i < reading->cpus && reading->cpu[i].cpu == cpu)
		return &reading->cpu[i];
	if (reading->cpus == READING_CPUS)
		return NULL;
	memmove(&reading->cpu[i + 1], &reading->cpu[i],
		(reading->cpus - i) * sizeof(reading->cpu[0]));
	reading->cpus++;
	reading->cpu[i] = (struct reading_cpu){.cpu = cpu};
	return &reading->cpu[i];
}

/* One figure of an lcore. A name that is not known is a newer relay's. */
static int take_figure(struct reading_cpu *cpu, const json_t *object, const char *key,
		       const char *figure, uint64_t tsc_hz, struct lm_error *err)
{
	uint64_t cycles = 0;
	int rc = 0;

	if (strcmp(figure, "loops") == 0)
		return number(&cpu->rounds, NULL, object, key, err);
	if (strcmp(figure, "busy_loops") == 0)
		return number(&cpu->busy_rounds, NULL, object, key, err);
	if (strcmp(figure, "busy_cycles") == 0 && tsc_hz > 0) {
		rc = number(&cycles, NULL, object, key, err);
		cpu->timed = true;
		cpu->busy_us = (uint64_t)((unsigned __int128)cycles * 1000000 / tsc_hz);
	}
	return rc;
}

static int take_lcores(struct reading *reading, const json_t *object, struct lm_error *err)
{
	const char *key;
	json_t *item;
	uint64_t tsc_hz = 0;
	int rc = number(&tsc_hz, NULL, object, "tsc_hz", err);

	json_object_foreach((json_t *)object, key, item)
	{
		struct reading_cpu *cpu;
		unsigned id;
		int end = 0;

		if (sscanf(key, "cpu_%4u_%n", &id, &end) != 1 || end == 0)
			continue;
		cpu = cpu_of(reading, id);
		if (!cpu)
			rc = lm_error_set(err, EPROTO, "%s: there are more lcores than %d", key,
					  READING_CPUS);
		if (rc == 0)
			rc = take_figure(cpu, object, key, key + end, tsc_hz, err);
		if (rc != 0)
			return rc;
	}
	return rc;
}

const char *const reading_stage_name[READING_STAGES] = {
	"rx",   "open", "share",  "admit",    "peel",      "replay",   "route",
	"seal", "tx",   "kernel", "mix_take", "mix_cover", "mix_give", "feed",
};

static int take_stages(struct reading *reading, const json_t *object, struct lm_error *err)
{
	uint64_t timed = 0;
	int rc = number(&timed, NULL, object, "timed", err);

	if (rc == 0)
		rc = number(&reading->tsc_hz, NULL, object, "tsc_hz", err);
	reading->timed = timed != 0 && reading->tsc_hz > 0;
	for (unsigned i = 0; rc == 0 && i < READING_STAGES; i++) {
		struct reading_stage *stage = &reading->stage[i];
		char key[32];

		snprintf(key, sizeof(key), "%s_cycles", reading_stage_name[i]);
		rc = number(&stage->cycles, NULL, object, key, err);
		snprintf(key, sizeof(key), "%s_bursts", reading_stage_name[i]);
		if (rc == 0)
			rc = number(&stage->bursts, NULL, object, key, err);
		snprintf(key, sizeof(key), "%s_packets", reading_stage_name[i]);
		if (rc == 0)
			rc = number(&stage->packets, NULL, object, key, err);
	}
	return rc;
}

static int take_replay(struct reading *reading, const json_t *object, struct lm_error *err)
{
	char key[32];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < READING_SETS; i++) {
		snprintf(key, sizeof(key), "%s_tags", reading_set_name[i]);
		rc = number(&reading->set[i].tags, NULL, object, key, err);
		snprintf(key, sizeof(key), "%s_room", reading_set_name[i]);
		if (rc == 0)
			rc = number(&reading->set[i].room, &reading->set[i].there, object, key,
				    err);
	}
	return rc;
}

static int take_bursts(struct reading *reading, const json_t *object, struct lm_error *err)
{
	char key[32];
	int rc = number(&reading->burst_packets, &reading->has_bursts, object, "packets", err);

	for (unsigned i = 0; rc == 0 && i < READING_BURSTS; i++) {
		snprintf(key, sizeof(key), "up_to_%u", 1u << i);
		rc = number(&reading->burst[i], NULL, object, key, err);
	}
	return rc;
}

static int take_down(struct reading *reading, const json_t *array, struct lm_error *err)
{
	size_t n = json_array_size(array);

	for (size_t i = 0; i < n && i < READING_DOWN; i++) {
		json_int_t id = json_integer_value(json_array_get(array, i));

		if (id <= 0 || id >= UINT32_MAX)
			return lm_error_set(err, EPROTO, "there is a place without a node's id");
		reading->down[i] = (uint64_t)id;
	}
	reading->downs = (unsigned)n;
	return 0;
}

/* ---- Texts ---- */

int reading_greet(struct reading *reading, const char *text, size_t len, struct lm_error *err)
{
	json_t *root = json_loadb(text, len, 0, NULL);
	struct reading told = {0};
	int rc = 0;

	if (!json_is_object(root) || !json_object_get(root, "version"))
		rc = lm_error_set(err, EPROTO, "is no telemetry of DPDK");
	if (rc == 0)
		rc = word(told.dpdk, root, "version", err);
	if (rc == 0)
		rc = number(&told.pid, NULL, root, "pid", err);
	json_decref(root);
	if (rc != 0)
		return rc;
	memcpy(reading->dpdk, told.dpdk, sizeof(told.dpdk));
	reading->pid = told.pid;
	return 0;
}

static const struct {
	int (*take)(struct reading *reading, const json_t *value, struct lm_error *err);
	json_type type;
} takes[READING_COMMANDS] = {
	[READING_STATS] = {take_stats, JSON_OBJECT},
	[READING_OF_NODE] = {take_node, JSON_OBJECT},
	[READING_LCORES] = {take_lcores, JSON_OBJECT},
	[READING_REPLAY] = {take_replay, JSON_OBJECT},
	[READING_BURST] = {take_bursts, JSON_OBJECT},
	[READING_OF_STAGES] = {take_stages, JSON_OBJECT},
	[READING_NOT_REACHED] = {take_down, JSON_ARRAY},
};

int reading_take(struct reading *reading, enum reading_command command, const char *text,
		 size_t len, struct lm_error *err)
{
	const char *name = reading_command_name[command];
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *value = json_object_get(root, name);
	int rc;

	if (!value)
		rc = lm_error_set(err, EPROTO, "is no answer to %s", name);
	else if (json_is_null(value))
		rc = command == READING_STATS
			     ? lm_error_set(err, EAGAIN, "no relay runs in this process (now)")
			     : 0;
	else if (json_typeof(value) != takes[command].type)
		rc = lm_error_set(err, EPROTO, "%s: has another form", name);
	else
		rc = takes[command].take(reading, value, err);
	json_decref(root);
	return rc;
}

/* ---- From one reading to the next ---- */

static double seconds(const struct reading *before, const struct reading *now)
{
	uint64_t from_us = before->value[READING_UPTIME_US];
	uint64_t to_us = now->value[READING_UPTIME_US];

	return before->pid == now->pid && to_us > from_us ? (double)(to_us - from_us) / 1e6 : 0;
}

static double rate(uint64_t before, uint64_t now, double time)
{
	return time > 0 && now >= before ? (double)(now - before) / time : -1;
}

double reading_rate(const struct reading *before, const struct reading *now,
		    enum reading_value value)
{
	if (!before->has[value] || !now->has[value])
		return -1;
	return rate(before->value[value], now->value[value], seconds(before, now));
}

double reading_drop_rate(const struct reading *before, const struct reading *now,
			 enum lm_drop reason)
{
	return rate(before->drop[reason], now->drop[reason], seconds(before, now));
}

double reading_busy(const struct reading *before, const struct reading *now, unsigned i)
{
	const struct reading_cpu *cpu = &now->cpu[i];
	const struct reading_cpu *then = i < before->cpus ? &before->cpu[i] : NULL;
	double share;

	if (!then || then->cpu != cpu->cpu || !then->timed || !cpu->timed)
		return -1;
	share = rate(then->busy_us, cpu->busy_us, seconds(before, now)) / 1e6;
	/* the two clocks are not read at the same moment */
	return share < 0 ? -1 : share > 1 ? 1 : share;
}
