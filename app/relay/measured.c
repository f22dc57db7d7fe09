/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See measured.h.
 */
#include "measured.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lm_topology_signed.h"

#define FORMAT   "linemix-capacity-v1"
#define PATH_LEN (CONFIG_PATH_MAX + sizeof("/" MEASURED_FILE))
#define REMEDY   "run linemix-relay --self-test again"

uint32_t measured_capacity(uint64_t pps, const struct node_config *config)
{
	uint64_t capacity =
		pps / 100 * (100 - MEASURED_MARGIN) + pps % 100 * (100 - MEASURED_MARGIN) / 100;

	if (capacity > config->limits.max_packets_per_second)
		capacity = config->limits.max_packets_per_second;
	if (capacity > UINT32_MAX)
		capacity = UINT32_MAX;
	return capacity > 0 ? (uint32_t)capacity : 1;
}

static void path_of(char path[PATH_LEN], const char *state)
{
	snprintf(path, PATH_LEN, "%s/" MEASURED_FILE, state);
}

int measured_write(const struct measured *measured, const char *state, struct lm_error *err)
{
	json_t *json =
		json_pack("{s:s, s:I, s:I, s:i, s:i, s:s, s:i}", "format", FORMAT, "capacity",
			  (json_int_t)measured->capacity, "measured",
			  (json_int_t)measured->measured_pps, "margin_percent", MEASURED_MARGIN,
			  "workers", (int)measured->workers, "link",
			  config_link_names[measured->link], "profile", (int)measured->profile);
	char *text = json ? json_dumps(json, 0) : NULL;
	char path[PATH_LEN];
	int rc;

	path_of(path, state);
	rc = text ? lm_file_replace(path, text, strlen(text), 0644, err)
		  : lm_error_set(err, ENOMEM, "too little memory");
	free(text);
	json_decref(json);
	return rc;
}

/* Which of the link modes a text names; -1: none. */
static int link_of(const char *text)
{
	for (int i = 0; config_link_names[i]; i++) {
		if (strcmp(config_link_names[i], text) == 0)
			return i;
	}
	return -1;
}

static bool take(struct measured *out, json_t *json)
{
	const char *format, *link;
	json_int_t capacity, measured;
	int margin, workers, profile;

	if (json_unpack(json, "{s:s, s:I, s:I, s:i, s:i, s:s, s:i !}", "format", &format,
			"capacity", &capacity, "measured", &measured, "margin_percent", &margin,
			"workers", &workers, "link", &link, "profile", &profile) != 0)
		return false;
	if (strcmp(format, FORMAT) != 0 || capacity < 1 || capacity > UINT32_MAX || measured < 0 ||
	    workers < 1 || workers > CONFIG_WORKERS || link_of(link) < 0 || profile < 0)
		return false;
	*out = (struct measured){(uint32_t)capacity, (uint64_t)measured, (unsigned)workers,
				 (unsigned)profile, (unsigned)link_of(link)};
	return true;
}

static int check(const struct measured *measured, const struct node_config *config,
		 const char *path, struct lm_error *err)
{
	if (measured->workers != config->cpus.workers_count)
		return lm_error_set(err, ESTALE,
				    "%s: was measured with %u workers, not %u; " REMEDY, path,
				    measured->workers, config->cpus.workers_count);
	if (measured->link != config->link.mode)
		return lm_error_set(err, ESTALE,
				    "%s: was measured with link.mode %s, not %s; " REMEDY, path,
				    config_link_names[measured->link],
				    config_link_names[config->link.mode]);
	return 0;
}

int measured_read(struct measured *measured, const struct node_config *config, struct lm_error *err)
{
	char path[PATH_LEN], *text;
	bool good;
	json_t *json;
	size_t len;
	int rc;

	path_of(path, config->state);
	rc = lm_file_read(&text, &len, path, err);
	if (rc != 0)
		return rc;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	good = take(measured, json);
	json_decref(json);
	if (!good)
		return lm_error_set(err, EINVAL, "%s: is no measured capacity; " REMEDY, path);
	return check(measured, config, path, err);
}
