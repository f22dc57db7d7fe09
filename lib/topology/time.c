/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Times in documents: UTC, without time zones, locales or leap seconds, in the Gregorian calendar
 * of the years 1970 to 9999 (ISO 8601; days from dates as in Hinnant, "chrono-compatible low-level
 * date algorithms").
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lm_topology.h"

#define DAY_S  86400
#define LAST_S UINT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days before this year, since 1970. */
static uint64_t days_before(unsigned year)
{
	uint64_t past = year - 1; /* whole years since year 1 */

	return past * 365 + past / 4 - past / 100 + past / 400 - 719162;
}

/* `len` digits as a number; UINT_MAX if one is none. */
static unsigned number(const char *text, unsigned len)
{
	unsigned value = 0;

	for (unsigned i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return UINT32_MAX;
		value = 10 * value + (unsigned)(text[i] - '0');
	}
	return value;
}

bool lm_topology_parse_time(uint64_t *time_s, const char *text)
{
	static const char form[] = "....-..-..T..:..:..Z";
	unsigned year, month, day, hour, minute, second;
	uint64_t days;

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] != '.' && text[i] != form[i])
			return false;
	year = number(text, 4);
	month = number(text + 5, 2);
	day = number(text + 8, 2);
	hour = number(text + 11, 2);
	minute = number(text + 14, 2);
	second = number(text + 17, 2);
	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 ||
	    day > days_in(year, month) || hour > 23 || minute > 59 || second > 59)
		return false;
	days = days_before(year) + day - 1;
	for (unsigned m = 1; m < month; m++)
		days += days_in(year, m);
	*time_s = days * DAY_S + hour * 3600 + minute * 60 + second;
	return true;
}

void lm_topology_format_time(char text[LM_TOPOLOGY_TIME], uint64_t time_s)
{
	unsigned year = 1970, month = 1;
	uint64_t days = time_s / DAY_S, second = time_s % DAY_S;
	int n;

	LM_ASSERT(time_s <= LAST_S);
	year += (unsigned)(days / 366); /* no later than it is */
	while (days_before(year + 1) <= days)
		year++;
	days -= days_before(year);
	for (; days >= days_in(year, month); month++)
		days -= days_in(year, month);
	n = snprintf(text, LM_TOPOLOGY_TIME, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000,
		     month % 100, (unsigned)(days + 1) % 100, (unsigned)(second / 3600) % 100,
		     (unsigned)(second / 60) % 60, (unsigned)second % 60);
	LM_ASSERT(n == LM_TOPOLOGY_TIME - 1);
}
