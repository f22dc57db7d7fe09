/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See history.h.
 */
#include "history.h"

const char *const history_name[HISTORY_SERIES] = {"received", "sent", "dropped", "held", "busy"};

static float busiest(const struct collect *relay)
{
	double most = -1;

	for (unsigned i = 0; i < relay->now.cpus; i++) {
		double share = reading_busy(&relay->before, &relay->now, i);

		most = share > most ? share : most;
	}
	return (float)(most < 0 ? -1 : 100 * most);
}

void history_now(float point[HISTORY_SERIES], const struct collect *relay)
{
	const struct reading *before = &relay->before, *now = &relay->now;
	double sent, delivered;

	for (unsigned i = 0; i < HISTORY_SERIES; i++)
		point[i] = -1;
	if (!relay->up)
		return;
	point[HISTORY_HELD] = (float)now->value[READING_HELD];
	if (relay->rounds < 2)
		return;
	sent = reading_rate(before, now, READING_SENT);
	delivered = reading_rate(before, now, READING_DELIVERED);
	point[HISTORY_RECEIVED] = (float)reading_rate(before, now, READING_RECEIVED);
	point[HISTORY_SENT] = (float)(sent < 0 || delivered < 0 ? -1 : sent + delivered);
	point[HISTORY_DROPPED] = (float)reading_rate(before, now, READING_DROPPED);
	point[HISTORY_BUSY] = busiest(relay);
}

void history_add(struct history *history, const struct collect *relay)
{
	unsigned place = (history->first + history->n) % HISTORY_POINTS;

	history_now(history->point[place], relay);
	if (history->n < HISTORY_POINTS)
		history->n++;
	else
		history->first = (history->first + 1) % HISTORY_POINTS;
}

const float *history_point(const struct history *history, unsigned i)
{
	return history->point[(history->first + i) % HISTORY_POINTS];
}
