/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the whole network does with packets, from the document: the mixing strategy, of which each
 * has fields of its own, the relays' own cover, and the choice of paths.
 */
#include <stddef.h>
#include <string.h>

#include "document.h"

#define HOUR_US    3600000000u
#define DAY_US     (24 * (uint64_t)HOUR_US)
#define NEIGHBOURS (LM_MIX_OWN - 1) /* as many as links have numbers */

/* A number of the document that becomes a member of *mix: 32 or 64 bits wide. */
struct mixing_field {
	const char *name;
	uint64_t min, max;
	size_t offset, width;
};

#define MIXING_FIELD(member, least, most)                            \
	{                                                            \
		.name = #member, .min = (least), .max = (most),      \
		.offset = offsetof(struct lm_mix_params, member),    \
		.width = sizeof(((struct lm_mix_params *)0)->member) \
	}

#define MIXING_FIELDS 4 /* of one strategy, at most */

static const struct mixing_field mixing_fields[][MIXING_FIELDS + 1] = {
	[LM_MIX_BATCH] = {MIXING_FIELD(interval_us, 1, HOUR_US),
			  MIXING_FIELD(min_batch, 1, UINT32_C(1) << 31),
			  MIXING_FIELD(min_neighbours, 1, NEIGHBOURS),
			  MIXING_FIELD(max_wait_us, 1, DAY_US),
			  {0}},
	[LM_MIX_POOL] = {MIXING_FIELD(interval_us, 1, HOUR_US),
			 MIXING_FIELD(threshold, 1, UINT32_C(1) << 31),
			 MIXING_FIELD(flush_ppm, 1, 1000000),
			 MIXING_FIELD(stay_ppm, 0, 999999),
			 {0}},
	[LM_MIX_POISSON] = {MIXING_FIELD(mean_delay_us, 1, LM_MIX_MEAN_MAX_US), {0}},
};

static int read_mixing_field(struct lm_mix_params *mix, const struct reader *reader,
			     const struct place *place, const struct mixing_field *field)
{
	uint8_t *member = (uint8_t *)mix + field->offset;
	uint64_t min = field->min, value = 0;
	uint32_t narrow;
	int rc;

	if (field->offset == offsetof(struct lm_mix_params, max_wait_us) && mix->interval_us > min)
		min = mix->interval_us; /* which stands before it in the table */
	rc = lm_topology_read_uint(&value, reader, place, field->name, min, field->max);
	if (rc)
		return rc;
	narrow = (uint32_t)value;
	if (field->width == sizeof(narrow))
		memcpy(member, &narrow, sizeof(narrow));
	else
		memcpy(member, &value, sizeof(value));
	return 0;
}

int lm_topology_read_mixing(struct lm_mix_params *mix, const struct reader *reader,
			    const struct place *top)
{
	static const char right[] = "batch, pool or poisson";
	const char *names[MIXING_FIELDS + 2] = {"strategy"};
	const struct mixing_field *field;
	struct place place;
	const char *strategy;
	int rc = lm_topology_read_object(&place, reader, top, "mixing");

	if (!rc)
		rc = lm_topology_read_text(&strategy, reader, &place, "strategy", right);
	if (!rc && !lm_mix_strategy_parse(&mix->strategy, strategy))
		rc = lm_topology_fail(reader, &place, "strategy", "\"%.40s\" is no strategy; %s",
				      strategy, right);
	if (rc)
		return rc;
	LM_ASSERT((size_t)mix->strategy < LM_COUNT(mixing_fields));
	field = mixing_fields[mix->strategy];
	for (unsigned i = 0; field[i].name; i++)
		names[i + 1] = field[i].name;
	rc = lm_topology_read_only(reader, &place, names);
	for (; field->name; field++)
		rc = lm_topology_both(rc, read_mixing_field(mix, reader, &place, field));
	return rc;
}

int lm_topology_read_cover(struct lm_topology_cover *cover, const struct reader *reader,
			   const struct place *top)
{
	static const char *const fields[] = {"loop_interval_us", "drop_interval_us",
					     "link_interval_us", NULL};
	uint32_t *const out[] = {&cover->loop_interval_us, &cover->drop_interval_us,
				 &cover->link_interval_us};
	struct place place;
	int rc = lm_topology_read_object(&place, reader, top, "cover");

	if (rc)
		return rc;
	rc = lm_topology_read_only(reader, &place, fields);
	for (size_t i = 0; i < LM_COUNT(out); i++) {
		uint64_t us = 0;

		rc = lm_topology_both(rc, lm_topology_read_uint(&us, reader, &place, fields[i], 0,
								HOUR_US));
		*out[i] = (uint32_t)us;
	}
	return rc;
}

static int read_choice(struct lm_topology_paths *paths, const struct reader *reader,
		       const struct place *place)
{
	static const char right[] = "uniform or capacity";
	const char *choice;
	int rc = lm_topology_read_text(&choice, reader, place, "choice", right);

	if (rc)
		return rc;
	paths->by_capacity = strcmp(choice, "capacity") == 0;
	if (!paths->by_capacity && strcmp(choice, "uniform") != 0)
		return lm_topology_fail(reader, place, "choice", "\"%.40s\" is no choice; %s",
					choice, right);
	return 0;
}

int lm_topology_read_paths(struct lm_topology_paths *paths, const struct reader *reader,
			   const struct place *top)
{
	static const char *const fields[] = {"choice", "jurisdictions", NULL};
	struct place place;
	int rc = lm_topology_read_object(&place, reader, top, "paths");

	if (rc)
		return rc;
	rc = lm_topology_read_only(reader, &place, fields);
	rc = lm_topology_both(rc, read_choice(paths, reader, &place));
	return lm_topology_both(rc, lm_topology_read_bool(&paths->jurisdictions, reader, &place,
							  "jurisdictions"));
}
