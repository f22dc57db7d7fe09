/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading plans, and asking them. Their authorities wrote them, but they are read as strictly as
 * what comes from outside: a mistake in a plan would be a mistake in every document.
 */
#include "lm_topology_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "prefix.h"

/* ---- Members ---- */

static int read_optional(struct lm_member *member, const struct reader *reader,
			 const struct place *place)
{
	uint64_t capacity = UINT32_MAX;
	int rc = lm_topology_read_prefixes(member->prefix, &member->prefixes, reader, place);

	if (json_object_get(place->json, "capacity"))
		rc = lm_topology_both(rc, lm_topology_read_uint(&capacity, reader, place,
								"capacity", 1, UINT32_MAX));
	if (json_object_get(place->json, "retired"))
		rc = lm_topology_both(rc, lm_topology_read_bool(&member->retired, reader, place,
								"retired"));
	member->capacity = (uint32_t)capacity;
	return rc;
}

static int read_member(struct lm_member *member, const struct reader *reader,
		       const struct place *place, unsigned layers)
{
	static const char *const fields[] = {"id",           "role",     "layer",    "operator",
					     "jurisdiction", "identity", "capacity", "mac",
					     "prefixes",     "retired",  NULL};
	struct lm_topology_node node = {0};
	int rc = lm_topology_read_only(reader, place, fields);

	rc = lm_topology_both(rc, lm_topology_read_who(&node, reader, place, layers));
	rc = lm_topology_both(rc, lm_topology_read_mac(&node, reader, place));
	rc = lm_topology_both(rc, read_optional(member, reader, place));
	member->id = node.id;
	member->role = node.role;
	member->layer = node.layer;
	memcpy(member->operator, node.operator, sizeof(member->operator));
	memcpy(member->jurisdiction, node.jurisdiction, sizeof(member->jurisdiction));
	member->identity = node.identity;
	member->has_mac = node.has_mac;
	memcpy(member->mac, node.mac, sizeof(member->mac));
	return rc;
}

/* ---- Across members ---- */

static int compare_ids(const void *a, const void *b)
{
	const struct lm_member *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static int compare_identities(const void *a, const void *b)
{
	const struct lm_member *const *left = a, *const *right = b;

	return memcmp(&(*left)->identity, &(*right)->identity, sizeof((*left)->identity));
}

static int check_identities(const struct lm_plan *plan, const struct reader *reader)
{
	static const struct place top;
	const struct lm_member **by = calloc(plan->members, sizeof(const struct lm_member *));
	int rc = 0;

	if (!by)
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	for (unsigned i = 0; i < plan->members; i++)
		by[i] = &plan->member[i];
	qsort(by, plan->members, sizeof(*by), compare_identities);
	for (unsigned i = 1; i < plan->members; i++)
		if (compare_identities(&by[i - 1], &by[i]) == 0)
			rc = lm_topology_fail(reader, &top, "members",
					      "%" PRIu32 " and %" PRIu32
					      " have one identity; every member has its own, "
					      "retired ones too",
					      by[i - 1]->id, by[i]->id);
	free(by);
	return rc;
}

/* The members are by rising id. */
static int check_members(const struct lm_plan *plan, const struct reader *reader)
{
	static const struct place top;
	unsigned active = 0;

	for (unsigned i = 0; i < plan->members; i++)
		active += !plan->member[i].retired;
	if (active > LM_TOPOLOGY_NODES)
		return lm_topology_fail(reader, &top, "members", "%u are not retired; %u at most",
					active, LM_TOPOLOGY_NODES);
	for (unsigned i = 1; i < plan->members; i++)
		if (plan->member[i - 1].id == plan->member[i].id)
			return lm_topology_fail(reader, &top, "members",
						"id %" PRIu32 " stands twice; an id is never given "
						"to another, retired or not",
						plan->member[i].id);
	return check_identities(plan, reader);
}

/* A plan with room for these members and their prefixes, in one piece; NULL without memory. */
static struct lm_plan *make_room(const struct lm_plan *head, const json_t *list)
{
	size_t n = json_array_size(list), prefixes = 0;
	struct lm_plan *plan;

	for (size_t i = 0; i < n; i++)
		prefixes += lm_topology_count_prefixes(json_array_get(list, i));
	plan = calloc(1, sizeof(*plan) + n * sizeof(*plan->member) +
				 prefixes * sizeof(struct lm_prefix));
	if (!plan)
		return NULL;
	*plan = *head;
	plan->member = (struct lm_member *)(plan + 1);
	plan->members = (unsigned)n;
	return plan;
}

static int read_members(struct lm_plan **out, const struct reader *reader, const struct place *top,
			const struct lm_plan *head)
{
	struct lm_prefix *prefix;
	struct lm_plan *plan;
	json_t *list = NULL;
	int rc = lm_topology_read_list(&list, reader, top, "members", 1, LM_PLAN_MEMBERS);

	if (rc)
		return rc;
	plan = make_room(head, list);
	if (!plan)
		return lm_error_set(reader->err, ENOMEM, "%s: out of memory", reader->file);
	prefix = (struct lm_prefix *)(plan->member + plan->members);
	for (unsigned i = 0; i < plan->members; i++) {
		struct place place = lm_topology_place_in_list(top, "members", list, i);

		plan->member[i].prefix = prefix;
		rc = lm_topology_both(rc,
				      read_member(&plan->member[i], reader, &place, plan->layers));
		prefix += plan->member[i].prefixes;
	}
	if (!rc) {
		qsort(plan->member, plan->members, sizeof(*plan->member), compare_ids);
		rc = check_members(plan, reader);
	}
	if (rc)
		free(plan);
	else
		*out = plan;
	return rc;
}

/* ---- The rest ---- */

static int read_rules(struct lm_plan *head, const struct reader *reader, const struct place *top)
{
	uint64_t epoch_s = 0, profile = 0, layers = LM_TOPOLOGY_LAYERS;
	int rc = lm_topology_read_time(&head->start_s, reader, top, "start");

	rc = lm_topology_both(rc, lm_topology_read_uint(&epoch_s, reader, top, "epoch_seconds", 1,
							LM_TOPOLOGY_SPAN_S));
	rc = lm_topology_both(rc, lm_topology_read_uint(&profile, reader, top, "profile", 0, 1));
	rc = lm_topology_both(rc, lm_topology_read_mixing(&head->mix, reader, top));
	rc = lm_topology_both(rc, lm_topology_read_cover(&head->cover, reader, top));
	rc = lm_topology_both(rc, lm_topology_read_paths(&head->paths, reader, top));
	rc = lm_topology_both(rc, lm_topology_read_uint(&layers, reader, top, "layers", 1,
							LM_TOPOLOGY_LAYERS));
	head->epoch_s = (uint32_t)epoch_s;
	head->profile = (unsigned)profile;
	head->layers = (unsigned)layers;
	return rc;
}

static int read_document(struct lm_plan **plan, const struct reader *reader,
			 const struct place *top)
{
	static const char *const fields[] = {"format",  "start", "epoch_seconds", "profile",
					     "mixing",  "cover", "paths",         "layers",
					     "members", NULL};
	struct lm_plan head = {0};
	int rc = lm_topology_read_format(reader, top, "linemix-plan-v1");

	if (rc) /* another document: nothing else about it would be true */
		return rc;
	rc = lm_topology_read_only(reader, top, fields);
	rc = lm_topology_both(rc, read_rules(&head, reader, top));
	rc = lm_topology_both(rc, read_members(plan, reader, top, &head));
	if (rc) {
		free(*plan);
		*plan = NULL;
	}
	return rc;
}

static int parse(struct lm_plan **plan, const struct reader *reader, const char *text, size_t len)
{
	struct place top;
	int rc;

	*plan = NULL;
	if (len > LM_TOPOLOGY_BYTES)
		return lm_topology_fail_file(reader, EFBIG, "%s: larger than %u bytes; shorten it",
					     reader->file, LM_TOPOLOGY_BYTES);
	rc = lm_topology_read_json(&top, reader, text, len);
	if (!rc)
		rc = read_document(plan, reader, &top);
	json_decref(top.json);
	return rc;
}

int lm_plan_parse(struct lm_plan **plan, const char *text, size_t len, const char *name,
		  struct lm_error *err)
{
	struct mistakes mistakes = {0};
	struct reader reader = {.file = name, .err = err, .mistakes = &mistakes};

	return parse(plan, &reader, text, len);
}

int lm_plan_explain(const char *text, size_t len, const char *name, lm_mistake_fn *take,
		    void *context)
{
	struct mistakes mistakes = {.take = take, .context = context};
	struct reader reader = {.file = name, .mistakes = &mistakes};
	struct lm_plan *plan;
	int rc = parse(&plan, &reader, text, len);

	lm_plan_free(plan);
	return lm_topology_explained(&reader, rc);
}

int lm_plan_load(struct lm_plan **plan, const char *path, struct lm_error *err)
{
	size_t len;
	char *text;
	int rc = lm_file_read(&text, &len, path, err);

	*plan = NULL;
	if (rc)
		return rc;
	rc = lm_plan_parse(plan, text, len, path, err);
	free(text);
	return rc;
}

void lm_plan_free(struct lm_plan *plan)
{
	free(plan);
}

/* ---- Questions ---- */

static int compare_to_id(const void *key, const void *element)
{
	const struct lm_member *member = element;
	uint32_t id = *(const uint32_t *)key;

	return (id > member->id) - (id < member->id);
}

struct lm_member *lm_plan_find(const struct lm_plan *plan, uint32_t id)
{
	return bsearch(&id, plan->member, plan->members, sizeof(*plan->member), compare_to_id);
}

uint64_t lm_plan_from(const struct lm_plan *plan, uint32_t epoch)
{
	return plan->start_s + (uint64_t)epoch * plan->epoch_s;
}

uint64_t lm_plan_until(const struct lm_plan *plan, uint32_t epoch)
{
	return lm_plan_from(plan, epoch) + plan->epoch_s;
}

int lm_plan_epoch(uint32_t *epoch, const struct lm_plan *plan, uint64_t now_s)
{
	uint64_t number;

	if (now_s < plan->start_s)
		return -ERANGE;
	number = (now_s - plan->start_s) / plan->epoch_s;
	*epoch = (uint32_t)number;
	return number <= LM_TOPOLOGY_EPOCH_MAX && now_s <= LM_PLAN_LAST_S ? 0 : -ERANGE;
}
