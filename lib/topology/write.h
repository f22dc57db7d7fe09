/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing documents in the one form that FORMAT.md gives: the same values make the same bytes, in
 * every locale and with every library. Nothing is checked here. A stream that runs out of memory
 * says so when it is closed.
 */
#pragma once

#include <stdio.h>

#include "lm_topology_plan.h"

void lm_write_text(FILE *to, const char *text); /* with its quotes */
void lm_write_hex(FILE *to, const uint8_t *bytes, size_t n);
void lm_write_time(FILE *to, uint64_t utc_s);
size_t lm_write_ip(char *text, const struct lm_topology_address *address); /* bytes */
void lm_write_addresses(FILE *to, const struct lm_topology_address *address, unsigned n);
void lm_write_mac(FILE *to, const uint8_t mac[6]);

/* Who a node is: "id": .. to "jurisdiction": .., the same in a topology and a plan. */
void lm_write_who(FILE *to, uint32_t id, enum lm_topology_role role, unsigned layer,
		  const char *operator, const char * jurisdiction);

/* What every node does, as lines of the document: "profile" to "layers". */
void lm_write_rules(FILE *to, unsigned profile, const struct lm_mix_params *mix,
		    const struct lm_topology_cover *cover, const struct lm_topology_paths *paths,
		    unsigned layers);

/* Closes a stream of open_memstream; -ENOMEM and *text freed and NULL if it had failed. */
LM_MUST_CHECK int lm_write_done(FILE *to, char **text);
