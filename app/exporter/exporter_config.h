/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exporter's configuration: where it listens, and which relays it asks.
 */
#pragma once

#include <stdio.h>
#include <sys/socket.h>

#include "collect.h"

#define EXPORTER_HOST  253 /* bytes of a name */
#define EXPORTER_HOSTS 16
#define EXPORTER_USER  31

struct exporter_relay {
	char name[COLLECT_NAME + 1];
	char socket[COLLECT_PATH + 1];
};

struct exporter_config {
	struct {
		char address[64];
		uint64_t port;
		char host[EXPORTER_HOSTS][EXPORTER_HOST + 1];
		unsigned hosts;
		struct sockaddr_storage at; /* the first two; no row */
		bool loopback;              /* no row */
	} listen;
	struct exporter_relay relay[COLLECT_RELAYS];
	unsigned relays;
	uint64_t interval_s;
	char user[EXPORTER_USER + 1];
	bool sandbox;
};

/* Reads and checks the file. -errno and a message. */
LM_MUST_CHECK int exporter_config_load(struct exporter_config *config, const char *path,
				       struct lm_error *err);

/* The same from memory; name stands for the file in messages. */
LM_MUST_CHECK int exporter_config_parse(struct exporter_config *config, const char *text,
					size_t len, const char *name, struct lm_error *err);

/* Every key with its meaning. */
void exporter_config_describe(FILE *to);
