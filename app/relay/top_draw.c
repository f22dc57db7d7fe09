/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See top_draw.h.
 */
#include "top_draw.h"

#include <inttypes.h>
#include <time.h>

#define TEXT   24
#define LABEL  12 /* columns */
#define CELLS  30 /* of a bar */
#define REASON 18

/* ---- Numbers ---- */

/* Three digits and a unit; "-" where it is not known, which is negative. */
static const char *shortly(char text[TEXT], double value)
{
	static const struct {
		double from, size;
		const char *unit;
	} units[] = {{1e12, 1e12, "T"}, {1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}};

	if (value < 0) {
		snprintf(text, TEXT, "-");
		return text;
	}
	for (size_t i = 0; i < LM_COUNT(units); i++) {
		double scaled = value / units[i].size;

		if (value < units[i].from * 0.9995)
			continue;
		snprintf(text, TEXT, "%.*f%s",
			 scaled < 9.995   ? 2
			 : scaled < 99.95 ? 1
					  : 0,
			 scaled, units[i].unit);
		return text;
	}
	snprintf(text, TEXT, "%.*f", value > 0 && value < 9.95 ? 1 : 0, value);
	return text;
}

static const char *percent(char text[TEXT], double share)
{
	if (share < 0)
		snprintf(text, TEXT, "-");
	else
		snprintf(text, TEXT, "%.*f %%", share < 0.0995 ? 1 : 0, 100 * share);
	return text;
}

static const char *duration(char text[TEXT], uint64_t seconds)
{
	uint64_t hours = seconds / 3600;

	if (hours >= 48)
		snprintf(text, TEXT, "%" PRIu64 " days", hours / 24);
	else
		snprintf(text, TEXT, "%" PRIu64 ":%02u:%02u", hours, (unsigned)(seconds / 60 % 60),
			 (unsigned)(seconds % 60));
	return text;
}

static double rate(const struct collect *relay, enum reading_value value)
{
	return relay->rounds < 2 ? -1 : reading_rate(&relay->before, &relay->now, value);
}

static double drop_rate(const struct collect *relay, enum lm_drop reason)
{
	return relay->rounds < 2 ? -1 : reading_drop_rate(&relay->before, &relay->now, reason);
}

static double busy(const struct collect *relay, unsigned i)
{
	return relay->rounds < 2 ? -1 : reading_busy(&relay->before, &relay->now, i);
}

static double busiest(const struct collect *relay)
{
	double most = -1;

	for (unsigned i = 0; i < relay->now.cpus; i++)
		most = busy(relay, i) > most ? busy(relay, i) : most;
	return most;
}

static double sent(const struct collect *relay)
{
	double a = rate(relay, READING_SENT), b = rate(relay, READING_DELIVERED);

	return a < 0 || b < 0 ? -1 : a + b;
}

/* ---- The table ---- */

static void table_head(struct screen *screen)
{
	screen_put(screen, SCREEN_SOFT, "  %-16s %-9s %10s %10s %10s %9s %7s %7s", "relay", "state",
		   "received/s", "sent/s", "dropped/s", "held", "busiest", "epoch");
	screen_line(screen);
}

static void table_row(struct screen *screen, const struct collect *relay, bool selected)
{
	char in[TEXT], out[TEXT], dropped[TEXT], held[TEXT], load[TEXT];
	bool ready = relay->now.value[READING_READY] == 1;

	screen_put(screen, selected ? SCREEN_STRONG : SCREEN_PLAIN, "%c %-16s ",
		   selected ? '>' : ' ', relay->name);
	if (!relay->up) {
		screen_put(screen, SCREEN_BAD, "%s", relay->why.text[0] ? relay->why.text : "...");
		screen_line(screen);
		return;
	}
	screen_put(screen, ready ? SCREEN_GOOD : SCREEN_WARN, "%-9s ",
		   ready ? "ready" : "not ready");
	screen_put(screen, SCREEN_PLAIN, "%10s %10s %10s %9s %7s %7" PRIu64,
		   shortly(in, rate(relay, READING_RECEIVED)), shortly(out, sent(relay)),
		   shortly(dropped, rate(relay, READING_DROPPED)),
		   shortly(held, (double)relay->now.value[READING_HELD]),
		   percent(load, busiest(relay)), relay->now.value[READING_EPOCH]);
	screen_line(screen);
}

/* ---- One relay ---- */

static void label(struct screen *screen, const char *text)
{
	screen_put(screen, SCREEN_SOFT, "  %s", text);
	screen_tab(screen, LABEL);
}

static void draw_name(struct screen *screen, const struct reading *now, const char *name,
		      uint64_t wall_s)
{
	uint64_t until_s = now->value[READING_EPOCH_UNTIL_S];
	char up[TEXT], left[TEXT];

	screen_put(screen, SCREEN_STRONG, "%s", name);
	if (now->has[READING_NODE] && now->value[READING_LAYER] > 0)
		screen_put(screen, SCREEN_PLAIN, ": node %" PRIu64 ", %s of layer %" PRIu64,
			   now->value[READING_NODE], now->role, now->value[READING_LAYER]);
	else if (now->has[READING_NODE])
		screen_put(screen, SCREEN_PLAIN, ": node %" PRIu64 ", %s", now->value[READING_NODE],
			   now->role);
	screen_put(screen, SCREEN_PLAIN, "  up %s",
		   duration(up, now->value[READING_UPTIME_US] / 1000000));
	if (now->has[READING_EPOCH_UNTIL_S])
		screen_put(screen, SCREEN_PLAIN, "  epoch %" PRIu64 " ends in %s",
			   now->value[READING_EPOCH],
			   duration(left, until_s > wall_s ? until_s - wall_s : 0));
	screen_line(screen);
}

static void draw_held(struct screen *screen, const struct reading *now)
{
	double room = (double)now->value[READING_HELD_ROOM];
	double share = room > 0 ? (double)now->value[READING_HELD] / room : -1;
	char text[TEXT], all[TEXT];

	if (!now->has[READING_HELD_ROOM])
		return;
	label(screen, "held");
	screen_bar(screen, share, CELLS);
	screen_put(screen, SCREEN_PLAIN, " %s of %s", percent(text, share), shortly(all, room));
	screen_line(screen);
}

static void draw_cores(struct screen *screen, const struct collect *relay)
{
	char text[TEXT];

	for (unsigned i = 0; i < relay->now.cpus; i++) {
		char name[TEXT];

		snprintf(name, sizeof(name), "CPU %u", relay->now.cpu[i].cpu);
		label(screen, name);
		screen_bar(screen, busy(relay, i), CELLS);
		screen_put(screen, SCREEN_PLAIN, " %s", percent(text, busy(relay, i)));
		screen_line(screen);
	}
}

static void draw_layers(struct screen *screen, const struct reading *now)
{
	if (!now->has[READING_LAYERS])
		return;
	label(screen, "reached");
	for (unsigned i = 0; i <= now->value[READING_LAYERS]; i++) {
		const struct reading_layer *layer = &now->layer[i];

		if (layer->links == 0)
			continue;
		screen_put(screen, layer->up < layer->links ? SCREEN_WARN : SCREEN_GOOD,
			   "%" PRIu64 " of %" PRIu64, layer->up, layer->links);
		if (i == 0)
			screen_put(screen, SCREEN_PLAIN, " gateways  ");
		else
			screen_put(screen, SCREEN_PLAIN, " in layer %u  ", i);
	}
	for (unsigned i = 0; i < now->downs && i < READING_DOWN; i++)
		screen_put(screen, SCREEN_WARN, "%s%" PRIu64, i == 0 ? "not: " : ", ",
			   now->down[i]);
	if (now->downs > READING_DOWN)
		screen_put(screen, SCREEN_WARN, ", %u more", now->downs - READING_DOWN);
	screen_line(screen);
}

static void draw_sets(struct screen *screen, const struct reading *now)
{
	char text[TEXT];

	label(screen, "replay");
	for (unsigned i = 0; i < READING_SETS; i++) {
		double room = (double)now->set[i].room;
		double share = room > 0 ? (double)now->set[i].tags / room : 0;

		if (now->set[i].there)
			screen_put(screen, share > 0.8 ? SCREEN_WARN : SCREEN_PLAIN, "%s %s  ",
				   reading_set_name[i], percent(text, share));
	}
	screen_line(screen);
}

static void draw_loops(struct screen *screen, const struct collect *relay)
{
	const uint64_t *value = relay->now.value;
	double judged = (double)(value[READING_LOOPS_BACK] + value[READING_LOOPS_LOST]);
	enum screen_style style = strcmp(relay->now.verdict, "ok") == 0 ? SCREEN_GOOD : SCREEN_BAD;

	label(screen, "own loops");
	if (judged > 0)
		screen_put(screen, style, "%s", relay->now.verdict);
	if (judged > 0)
		screen_put(screen, SCREEN_PLAIN, ": %.2f %% came back",
			   100 * (double)value[READING_LOOPS_BACK] / judged);
	else
		screen_put(screen, SCREEN_PLAIN, "none");
	screen_line(screen);
}

static void draw_alarms(struct screen *screen, const struct reading *now)
{
	static const enum reading_value all[] = {
		READING_ALARM_TOPOLOGY,  READING_ALARM_CLOCK,       READING_ALARM_DISK,
		READING_ALARM_LOOP_LOSS, READING_ALARM_REPLAY_FULL, READING_ALARM_LOW_MTU,
		READING_ALARM_PADDING,   READING_ALARM_BOOKS,
	};
	bool any = false;

	label(screen, "alarms");
	for (size_t i = 0; i < LM_COUNT(all); i++) {
		if (now->value[all[i]] == 0)
			continue;
		screen_put(screen, SCREEN_BAD, "%s%s %" PRIu64, any ? ", " : "",
			   reading_key(all[i]) + strlen("alarm_"), now->value[all[i]]);
		any = true;
	}
	if (!any)
		screen_put(screen, SCREEN_GOOD, "none");
	screen_line(screen);
}

static void draw_drops(struct screen *screen, const struct collect *relay)
{
	char a[TEXT], b[TEXT];

	screen_put(screen, SCREEN_SOFT, "  %-*s %9s %9s", REASON, "dropped as", "a second",
		   "in all");
	screen_line(screen);
	for (unsigned i = LM_DROP_NONE + 1; i < LM_DROP_COUNT; i++) {
		enum lm_drop reason = (enum lm_drop)i;

		if (relay->now.drop[i] == 0)
			continue;
		screen_put(screen, SCREEN_PLAIN, "  %-*s %9s %9s  ", REASON, lm_drop_name(reason),
			   shortly(a, drop_rate(relay, reason)),
			   shortly(b, (double)relay->now.drop[i]));
		screen_put(screen, SCREEN_SOFT, "%s", lm_drop_meaning(reason));
		screen_line(screen);
	}
}

static void draw_relay(struct screen *screen, const struct collect *relay, uint64_t wall_s)
{
	screen_line(screen);
	draw_name(screen, &relay->now, relay->name, wall_s);
	draw_alarms(screen, &relay->now);
	draw_held(screen, &relay->now);
	draw_cores(screen, relay);
	draw_layers(screen, &relay->now);
	draw_sets(screen, &relay->now);
	draw_loops(screen, relay);
	screen_line(screen);
	draw_drops(screen, relay);
}

void top_draw(struct screen *screen, const struct top_view *view)
{
	time_t wall = (time_t)view->wall_s;
	struct tm parts;
	char now[TEXT];

	gmtime_r(&wall, &parts);
	strftime(now, sizeof(now), "%H:%M:%S UTC", &parts);
	screen_begin(screen);
	screen_put(screen, SCREEN_STRONG, "linemix-relay");
	screen_put(screen, SCREEN_SOFT, "  %s  q: quit%s", now,
		   view->n > 1 ? "  Tab: next relay" : "");
	screen_line(screen);
	if (view->n == 0)
		screen_put(screen, SCREEN_WARN, "no relay answers; waiting for one");
	if (view->n > 0)
		table_head(screen);
	for (unsigned i = 0; i < view->n; i++)
		table_row(screen, view->relay[i], i == view->selected && view->n > 1);
	if (view->n > 0 && view->relay[view->selected]->up)
		draw_relay(screen, view->relay[view->selected], view->wall_s);
	screen_end(screen);
}

/* ---- Without a terminal ---- */

void top_print_head(FILE *to)
{
	fprintf(to, "%-16s %10s %10s %10s %9s %7s %7s\n", "relay", "received/s", "sent/s",
		"dropped/s", "held", "busiest", "epoch");
	fflush(to);
}

void top_print(FILE *to, const struct collect *relay)
{
	char in[TEXT], out[TEXT], dropped[TEXT], held[TEXT], load[TEXT];

	if (relay->up)
		fprintf(to, "%-16s %10s %10s %10s %9s %7s %7" PRIu64 "\n", relay->name,
			shortly(in, rate(relay, READING_RECEIVED)), shortly(out, sent(relay)),
			shortly(dropped, rate(relay, READING_DROPPED)),
			shortly(held, (double)relay->now.value[READING_HELD]),
			percent(load, busiest(relay)), relay->now.value[READING_EPOCH]);
	else
		fprintf(to, "%-16s no answer: %s\n", relay->name, relay->why.text);
	fflush(to);
}
