/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of app/sim share: configurations from text, runs of them, and folders for records.
 */
#pragma once

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "study.h"
#include "testing.h"

static inline struct config sim_config(const char *text)
{
	struct config config;
	struct lm_error err;

	if (config_parse(&config, text, strlen(text), "sim.yaml", &err) != 0)
		fail_msg("%s", err.text);
	return config;
}

/* Runs it; threads, out and measures as of study_make. For study_free. */
static inline struct study sim_study_by(unsigned threads, const char *text, const char *out,
					bool measures)
{
	struct config config = sim_config(text);
	struct study study;
	struct lm_error err;

	if (study_make(&study, &config, threads, out, measures, &err) != 0 ||
	    study_run(&study, NULL, NULL, &err) != 0)
		fail_msg("%s", err.text);
	return study;
}

static inline struct study sim_study(const char *text, const char *out, bool measures)
{
	return sim_study_by(1, text, out, measures);
}

struct folder {
	char path[64];
};

static inline struct folder folder_make(void)
{
	struct folder folder = {"/tmp/linemix-sim-XXXXXX"};

	assert_non_null(mkdtemp(folder.path));
	return folder;
}

static inline void folder_remove(const struct folder *folder)
{
	static const char *const names[] = {"flights.bin", "truth.bin", "packets.bin"};
	char path[256];

	for (size_t i = 0; i < LM_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
		unlink(path);
	}
	rmdir(folder->path);
}
