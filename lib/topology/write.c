/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See write.h.
 */
#include "write.h"

#include <errno.h>
#include <inttypes.h>

#include "lm_topology_build.h"

void lm_write_text(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

void lm_write_hex(FILE *to, const uint8_t *bytes, size_t n)
{
	fputc('"', to);
	for (size_t i = 0; i < n; i++)
		fprintf(to, "%02x", bytes[i]);
	fputc('"', to);
}

void lm_write_time(FILE *to, uint64_t utc_s)
{
	char text[LM_TOPOLOGY_TIME];

	lm_topology_format_time(text, utc_s);
	fprintf(to, "\"%s\"", text);
}

void lm_write_mac(FILE *to, const uint8_t mac[6])
{
	fprintf(to, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

/* ---- Addresses ---- */

/* The first of the longest runs of two or more zero groups (RFC 5952, section 4.2); *len 0: none.
 */
static unsigned longest_zeros(unsigned *len, const uint16_t group[8])
{
	unsigned at = 0;

	*len = 0;
	for (unsigned i = 0, run; i < 8; i += run + 1) {
		for (run = 0; i + run < 8 && group[i + run] == 0; run++)
			;
		if (run > 1 && run > *len) {
			at = i;
			*len = run;
		}
	}
	return at;
}

/* RFC 5952; how many bytes. */
static size_t format_ipv6(char *text, const uint8_t ip[16])
{
	uint16_t group[8];
	unsigned zeros, at;
	char *end = text;

	for (unsigned i = 0; i < 8; i++)
		group[i] = (uint16_t)(ip[2 * i] << 8 | ip[2 * i + 1]);
	at = longest_zeros(&zeros, group);
	for (unsigned i = 0; i < 8; i++) {
		if (zeros && i == at) {
			end += sprintf(end, "::");
			i += zeros - 1;
			continue;
		}
		if (i > 0 && !(zeros && i == at + zeros))
			*end++ = ':';
		end += sprintf(end, "%x", group[i]);
	}
	return (size_t)(end - text);
}

size_t lm_write_ip(char *text, const struct lm_topology_address *address)
{
	const uint8_t *ip = address->ip;

	if (address->ipv6)
		return format_ipv6(text, ip);
	return (size_t)sprintf(text, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
}

void lm_topology_format_address(char text[LM_TOPOLOGY_ADDRESS],
				const struct lm_topology_address *address)
{
	if (address->ipv6)
		*text++ = '[';
	text += lm_write_ip(text, address);
	sprintf(text, "%s:%u", address->ipv6 ? "]" : "", address->port);
}

void lm_write_addresses(FILE *to, const struct lm_topology_address *address, unsigned n)
{
	fputc('[', to);
	for (unsigned i = 0; i < n; i++) {
		char ip[LM_TOPOLOGY_ADDRESS];

		lm_write_ip(ip, &address[i]);
		fprintf(to, "%s{\"ip\": \"%s\", \"port\": %u}", i ? ", " : "", ip, address[i].port);
	}
	fputc(']', to);
}

/* ---- Parts that documents share ---- */

void lm_write_who(FILE *to, uint32_t id, enum lm_topology_role role, unsigned layer,
		  const char *operator, const char * jurisdiction)
{
	fprintf(to, "\"id\": %" PRIu32 ", \"role\": \"%s\"", id,
		role == LM_TOPOLOGY_MIX ? "mix" : "gateway");
	if (role == LM_TOPOLOGY_MIX)
		fprintf(to, ", \"layer\": %u", layer);
	fputs(", \"operator\": ", to);
	lm_write_text(to, operator);
	fputs(", \"jurisdiction\": ", to);
	lm_write_text(to, jurisdiction);
}

static void write_mixing(FILE *to, const struct lm_mix_params *mix)
{
	fprintf(to, "  \"mixing\": {\"strategy\": \"%s\", ", lm_mix_strategy_name(mix->strategy));
	switch (mix->strategy) {
	case LM_MIX_BATCH:
		fprintf(to,
			"\"interval_us\": %" PRIu64 ", \"min_batch\": %" PRIu32
			", \"min_neighbours\": %" PRIu32 ", \"max_wait_us\": %" PRIu64 "},\n",
			(uint64_t)mix->interval_us, mix->min_batch, mix->min_neighbours,
			(uint64_t)mix->max_wait_us);
		return;
	case LM_MIX_POOL:
		fprintf(to,
			"\"interval_us\": %" PRIu64 ", \"threshold\": %" PRIu32
			", \"flush_ppm\": %" PRIu32 ", \"stay_ppm\": %" PRIu32 "},\n",
			(uint64_t)mix->interval_us, mix->threshold, mix->flush_ppm, mix->stay_ppm);
		return;
	case LM_MIX_POISSON:
		break;
	}
	fprintf(to, "\"mean_delay_us\": %" PRIu32 "},\n", mix->mean_delay_us);
}

void lm_write_rules(FILE *to, unsigned profile, const struct lm_mix_params *mix,
		    const struct lm_topology_cover *cover, const struct lm_topology_paths *paths,
		    unsigned layers)
{
	fprintf(to, "  \"profile\": %u,\n", profile);
	write_mixing(to, mix);
	fprintf(to,
		"  \"cover\": {\"loop_interval_us\": %" PRIu32 ", \"drop_interval_us\": %" PRIu32
		", \"link_interval_us\": %" PRIu32 "},\n",
		cover->loop_interval_us, cover->drop_interval_us, cover->link_interval_us);
	fprintf(to, "  \"paths\": {\"choice\": \"%s\", \"jurisdictions\": %s},\n",
		paths->by_capacity ? "capacity" : "uniform",
		paths->jurisdictions ? "true" : "false");
	fprintf(to, "  \"layers\": %u,\n", layers);
}

int lm_write_done(FILE *to, char **text)
{
	bool failed = ferror(to) != 0;

	if (fclose(to) == 0 && !failed)
		return 0;
	free(*text);
	*text = NULL;
	return -ENOMEM;
}
