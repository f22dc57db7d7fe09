/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See options.h.
 */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lm_conf.h"

uint64_t options_number(struct argp_state *state, const char *option, const char *text,
			uint64_t min, uint64_t max)
{
	char *end = NULL;
	unsigned long long value = 0;

	errno = 0;
	if (text[0] >= '0' && text[0] <= '9')
		value = strtoull(text, &end, 10);
	if (!end || *end != '\0' || errno != 0 || value < min || value > max)
		argp_error(state, "%s: \"%s\" is no number from %llu to %llu", option, text,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

uint64_t options_time(struct argp_state *state, const char *option, const char *text)
{
	uint64_t time_s = 0;

	if (!lm_topology_parse_time(&time_s, text))
		argp_error(state, "%s: \"%s\" is no time; UTC as 2026-11-25T12:00:00Z", option,
			   text);
	return time_s;
}

/* The text in front of the last colon, without brackets; false if it is too long. */
static bool split_host(char host[INET6_ADDRSTRLEN], const char *text, const char *colon)
{
	size_t len = (size_t)(colon - text);

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= INET6_ADDRSTRLEN)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return true;
}

struct lm_topology_address options_address(struct argp_state *state, const char *option,
					   const char *text)
{
	struct lm_topology_address address = {.ipv6 = text[0] == '['};
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN];

	if (!colon || !split_host(host, text, colon) ||
	    inet_pton(address.ipv6 ? AF_INET6 : AF_INET, host, address.ip) != 1)
		argp_error(state, "%s: \"%s\" is no address; 192.0.2.1:7000 or [2001:db8::1]:7000",
			   option, text);
	else
		address.port = (uint16_t)options_number(state, option, colon + 1, 1, UINT16_MAX);
	return address;
}

int options_failed(const char *name, const struct lm_error *err)
{
	fprintf(stderr, "%s: %s\n", name, err->text);
	return 1;
}

/* ---- Authorities ---- */

enum { KEY_AUTHORITY = 512, KEY_AUTHORITIES, KEY_THRESHOLD };

static const struct argp_option authority_rows[] = {
	{"authority", KEY_AUTHORITY, "HEX", 0, "Public key of an authority; once for each", 0},
	{"authorities", KEY_AUTHORITIES, "FILE", 0,
	 "Their public keys and the threshold, as in the configuration of a relay", 0},
	{"threshold", KEY_THRESHOLD, "K", 0,
	 "Signatures that are needed (default: of more than half of them)", 0},
	{0},
};

static void add_authority(struct argp_state *state, struct lm_authorities *authorities,
			  const char *text)
{
	struct lm_verifier key;

	if (!lm_hex_decode(key.b, text, sizeof(key.b)))
		argp_error(state, "authority: \"%.70s\" is no public key; 64 hexadecimal digits",
			   text);
	for (unsigned i = 0; i < authorities->n; i++)
		if (memcmp(&authorities->key[i], &key, sizeof(key)) == 0)
			argp_error(state, "authority: %s is given twice", text);
	if (authorities->n == LM_SIGNED_SIGNATURES)
		argp_error(state, "authority: more than %u", LM_SIGNED_SIGNATURES);
	authorities->key[authorities->n++] = key;
}

/* The two keys of a relay's configuration, alone in a file. */
struct trust {
	char key[LM_SIGNED_SIGNATURES][65];
	unsigned keys;
	uint64_t threshold;
};

static const struct lm_conf_key trust_rows[] = {
	{.name = "authorities",
	 .type = LM_CONF_STRINGS,
	 .min = 1,
	 .max = LM_SIGNED_SIGNATURES,
	 .width = 64,
	 .offset = offsetof(struct trust, key),
	 .count_offset = offsetof(struct trust, keys),
	 .help = "public keys of those who sign topologies, 64 hexadecimal digits each"},
	{.name = "threshold",
	 .type = LM_CONF_UINT,
	 .min = 1,
	 .max = LM_SIGNED_SIGNATURES,
	 .offset = offsetof(struct trust, threshold),
	 .help = "how many of them must have signed"},
};
static const struct lm_conf_table trust_table = {trust_rows, LM_COUNT(trust_rows),
						 sizeof(struct trust)};

static void read_authorities(struct argp_state *state, struct options_authorities *options,
			     const char *path)
{
	struct lm_error err;
	struct trust trust;

	if (lm_conf_load(&trust, &trust_table, path, &err) != 0) {
		argp_failure(state, 1, 0, "%s", err.text);
		return;
	}
	for (unsigned i = 0; i < trust.keys; i++)
		add_authority(state, &options->authorities, trust.key[i]);
	if (!options->has_threshold)
		options->authorities.threshold = (unsigned)trust.threshold;
	options->has_threshold = true;
}

static error_t parse_authorities(int key, char *arg, struct argp_state *state)
{
	struct options_authorities *options = state->input;
	struct lm_authorities *authorities = &options->authorities;

	switch (key) {
	case KEY_AUTHORITY:
		add_authority(state, authorities, arg);
		return 0;
	case KEY_AUTHORITIES:
		read_authorities(state, options, arg);
		return 0;
	case KEY_THRESHOLD:
		options->has_threshold = true;
		authorities->threshold =
			(unsigned)options_number(state, "threshold", arg, 1, LM_SIGNED_SIGNATURES);
		return 0;
	case ARGP_KEY_END:
		if (!options->has_threshold)
			authorities->threshold = authorities->n / 2 + 1;
		else if (authorities->threshold > authorities->n)
			argp_error(state, "threshold: %u of %u authorities can never sign",
				   authorities->threshold, authorities->n);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp authorities_argp = {.options = authority_rows, .parser = parse_authorities};
