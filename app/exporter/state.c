/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relays as JSON, for the page. Words in it are plain (reading.h) or the configuration's, whose
 * names are plain as well; messages are not and are escaped.
 */
#include <inttypes.h>
#include <jansson.h>

#include "forms.h"

/* A number of at most three decimals; null if it is negative, which means not known. */
static json_t *known(double value)
{
	if (value < 0)
		return json_null();
	if (value > 1e12) /* a relay that lies */
		return json_real(value);
	return json_real((double)(int64_t)(value * 1000 + 0.5) / 1000);
}

static json_t *whole(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *value_of(const struct collect *one, enum reading_value value)
{
	return one->now.has[value] ? whole(one->now.value[value]) : json_null();
}

static json_t *rate_of(const struct collect *one, enum reading_value value)
{
	return known(one->rounds < 2 ? -1 : reading_rate(&one->before, &one->now, value));
}

static json_t *drops(const struct collect *one)
{
	json_t *list = json_array();

	for (unsigned i = LM_DROP_NONE + 1; i < LM_DROP_COUNT; i++) {
		double rate = one->rounds < 2
				      ? -1
				      : reading_drop_rate(&one->before, &one->now, (enum lm_drop)i);

		if (one->now.drop[i] == 0)
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:o, s:o}", "reason",
						lm_drop_name((enum lm_drop)i), "meaning",
						lm_drop_meaning((enum lm_drop)i), "total",
						whole(one->now.drop[i]), "rate", known(rate)));
	}
	return list;
}

static json_t *lcores(const struct collect *one)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < one->now.cpus; i++) {
		double busy = one->rounds < 2 ? -1 : reading_busy(&one->before, &one->now, i);

		json_array_append_new(list, json_pack("{s:i, s:o}", "cpu", (int)one->now.cpu[i].cpu,
						      "busy", known(busy)));
	}
	return list;
}

static json_t *layers(const struct collect *one)
{
	json_t *list = json_array();

	for (unsigned i = 0; one->now.has[READING_LAYERS] && i <= one->now.value[READING_LAYERS];
	     i++) {
		const struct reading_layer *layer = &one->now.layer[i];

		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "nodes",
						      whole(layer->nodes), "links",
						      whole(layer->links), "up", whole(layer->up)));
	}
	return list;
}

static json_t *sets(const struct collect *one)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < READING_SETS; i++) {
		if (one->now.set[i].there)
			json_object_set_new(all, reading_set_name[i],
					    json_pack("{s:o, s:o}", "tags",
						      whole(one->now.set[i].tags), "room",
						      whole(one->now.set[i].room)));
	}
	return all;
}

static json_t *down(const struct collect *one)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < one->now.downs && i < READING_DOWN; i++)
		json_array_append_new(list, whole(one->now.down[i]));
	return list;
}

static json_t *alarms(const struct collect *one)
{
	static const enum reading_value all[] = {
		READING_ALARM_TOPOLOGY,  READING_ALARM_CLOCK,       READING_ALARM_DISK,
		READING_ALARM_LOOP_LOSS, READING_ALARM_REPLAY_FULL, READING_ALARM_LOW_MTU,
		READING_ALARM_PADDING,   READING_ALARM_BOOKS,
	};
	json_t *object = json_object();

	for (size_t i = 0; i < LM_COUNT(all); i++)
		json_object_set_new(object, reading_key(all[i]) + strlen("alarm_"),
				    value_of(one, all[i]));
	return object;
}

/* Counters with their rates. */
static json_t *books(const struct collect *one)
{
	static const enum reading_value all[] = {
		READING_RECEIVED,   READING_COVER,      READING_TAKEN_OVER, READING_SENT,
		READING_DELIVERED,  READING_DROPPED,    READING_RX_MISSED,  READING_LOOPS_SENT,
		READING_LOOPS_BACK, READING_LOOPS_LOST, READING_DUMMY_IN,   READING_DUMMY_OUT,
	};
	json_t *object = json_object();

	for (size_t i = 0; i < LM_COUNT(all); i++)
		json_object_set_new(object, reading_key(all[i]),
				    json_pack("{s:o, s:o}", "total", value_of(one, all[i]), "rate",
					      rate_of(one, all[i])));
	return object;
}

/* What is one number or word. */
static void add_plain(json_t *object, const struct collect *one)
{
	static const enum reading_value all[] = {
		READING_HELD,          READING_HELD_ROOM,
		READING_READY,         READING_UPTIME_US,
		READING_AWAY_US,       READING_EPOCH,
		READING_EPOCH_FROM_S,  READING_EPOCH_UNTIL_S,
		READING_NODE,          READING_LAYER,
		READING_LINKS,         READING_LINKS_UP,
		READING_CLOCK_HEARD,   READING_LINKS_SECOND_BEST,
		READING_LINKS_LOW_MTU,
	};

	for (size_t i = 0; i < LM_COUNT(all); i++)
		json_object_set_new(object, reading_key(all[i]), value_of(one, all[i]));
	json_object_set_new(object, "version", json_string(one->now.version));
	json_object_set_new(object, "role", json_string(one->now.role));
	json_object_set_new(object, "strategy", json_string(one->now.strategy));
	json_object_set_new(object, "loop_verdict", json_string(one->now.verdict));
	json_object_set_new(object, "clock_offset_ms", json_integer(one->now.clock_offset_ms));
}

static json_t *point(const struct collect *one)
{
	json_t *object = json_object();
	float values[HISTORY_SERIES];

	history_now(values, one);
	for (unsigned i = 0; i < HISTORY_SERIES; i++)
		json_object_set_new(object, history_name[i], known(values[i]));
	return object;
}

static json_t *state(const struct collect *one)
{
	json_t *object =
		json_pack("{s:s, s:b, s:o}", "name", one->name, "up", one->up, "point", point(one));

	if (!one->up) {
		json_object_set_new(object, "why",
				    json_string(one->why.text[0] ? one->why.text
								 : "was not asked yet"));
		return object;
	}
	add_plain(object, one);
	json_object_set_new(object, "books", books(one));
	json_object_set_new(object, "drops", drops(one));
	json_object_set_new(object, "lcores", lcores(one));
	json_object_set_new(object, "layers", layers(one));
	json_object_set_new(object, "sets", sets(one));
	json_object_set_new(object, "alarms", alarms(one));
	json_object_set_new(object, "down", down(one));
	json_object_set_new(object, "downs", json_integer(one->now.downs));
	return object;
}

/* Takes the object. */
static void dump(struct text *text, json_t *object)
{
	char *bytes = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

	json_decref(object);
	if (bytes)
		text_add(text, "%s", bytes);
	text->failed |= !bytes;
	free(bytes);
}

void form_state(struct text *text, const struct collect *relay, unsigned n, unsigned interval_s,
		uint64_t wall_s, uint64_t round)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, state(&relay[i]));
	dump(text,
	     json_pack("{s:o, s:o, s:i, s:s, s:o}", "time", whole(wall_s), "round", whole(round),
		       "interval", (int)interval_s, "version", LM_VERSION, "relays", list));
}

void form_history(struct text *text, const struct collect *relay, const struct history *history,
		  unsigned n, unsigned interval_s)
{
	json_t *relays = json_object();

	for (unsigned i = 0; i < n; i++) {
		json_t *one = json_object();

		for (unsigned s = 0; s < HISTORY_SERIES; s++) {
			json_t *list = json_array();

			for (unsigned p = 0; p < history[i].n; p++)
				json_array_append_new(list,
						      known(history_point(&history[i], p)[s]));
			json_object_set_new(one, history_name[s], list);
		}
		json_object_set_new(relays, relay[i].name, one);
	}
	dump(text, json_pack("{s:i, s:o}", "interval", (int)interval_s, "relays", relays));
}

int form_ready(const struct collect *relay, unsigned n, const char *name)
{
	bool found = false, ready = true;

	for (unsigned i = 0; i < n; i++) {
		if (name[0] != '\0' && strcmp(name, relay[i].name) != 0)
			continue;
		found = true;
		ready &= relay[i].up && relay[i].now.value[READING_READY] == 1;
	}
	return found ? ready : -1;
}
