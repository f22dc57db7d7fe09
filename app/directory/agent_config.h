/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agent's configuration: where etcd is, who the authorities are, and what to keep there.
 */
#pragma once

#include <stdio.h>

#include "http.h"
#include "layout.h"

#define AGENT_PATH     1023
#define AGENT_ENDPOINT 255
#define AGENT_WORD     127

struct agent_config {
	char endpoint[HTTP_ENDPOINTS][AGENT_ENDPOINT + 1];
	unsigned endpoints;
	char prefix[LAYOUT_PREFIX + 1];
	struct {
		char ca[AGENT_PATH + 1], cert[AGENT_PATH + 1], key[AGENT_PATH + 1];
	} tls;
	struct {
		char user[AGENT_WORD + 1], password_file[AGENT_PATH + 1];
		char password[AGENT_WORD + 1]; /* no row */
	} auth;
	char authority_key[LM_SIGNED_SIGNATURES][2 * sizeof(struct lm_verifier) + 1];
	unsigned authority_keys;
	uint64_t threshold;
	struct lm_authorities authorities; /* the three above; no row */
	char topology[AGENT_PATH + 1];
	char descriptor[AGENT_PATH + 1]; /* "": none is published */
	uint64_t lease_s;
	struct {
		char key[2 * sizeof(struct lm_verifier) + 1]; /* "": this is none */
		char signer[AGENT_PATH + 1], plan[AGENT_PATH + 1];
		uint64_t lead_s;
		struct lm_verifier public; /* no row */
	} authority;
	uint64_t poll_ms, timeout_ms, backoff_s;
};

/*
 * Reads and checks the file; paths are then relative to the working directory, and the password is
 * in memory, for lm_wipe. -errno and a message.
 */
LM_MUST_CHECK int agent_config_load(struct agent_config *config, const char *path,
				    struct lm_error *err);

/* Every key with its meaning. */
void agent_config_describe(FILE *to);
