/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The next document: choose descriptors, settle contests, write, and read what was written as a
 * relay would. See lm_topology_build.h.
 */
#include "build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "document.h"

#define LINES_FIRST 64

const char *lm_build_verdict_name(enum lm_build_verdict verdict)
{
	static const char *const names[] = {
		[LM_BUILD_IN] = "in",
		[LM_BUILD_OUT] = "out",
		[LM_BUILD_RETIRED] = "retired",
		[LM_BUILD_REFUSED] = "refused",
	};

	return names[verdict];
}

const struct lm_topology_node *lm_build_before(const struct building *building, uint32_t id)
{
	return building->previous ? lm_topology_find(building->previous, id) : NULL;
}

/* ---- The report ---- */

/* Room for one line more; NULL if there is no memory. */
static struct lm_build_line *add_line(struct building *building)
{
	struct lm_build *built = building->built;
	unsigned n = built->lines;

	if (n == 0 || (n >= LINES_FIRST && (n & (n - 1)) == 0)) {
		size_t room = n ? 2 * (size_t)n : LINES_FIRST;
		struct lm_build_line *line = realloc(built->line, room * sizeof(*line));

		if (!line) {
			building->no_memory = true;
			return NULL;
		}
		built->line = line;
	}
	built->lines++;
	return &built->line[n];
}

void lm_build_say(struct building *building, enum lm_build_verdict verdict, uint32_t id,
		  const char *file, const char *format, ...)
{
	struct lm_build *built = building->built;
	struct lm_build_line *line = add_line(building);
	unsigned *const counts[] = {
		[LM_BUILD_IN] = &built->in,
		[LM_BUILD_OUT] = &built->out,
		[LM_BUILD_RETIRED] = &built->retired,
		[LM_BUILD_REFUSED] = &built->refused,
	};
	va_list args;

	if (!line)
		return;
	*line = (struct lm_build_line){.verdict = verdict, .id = id};
	snprintf(line->file, sizeof(line->file), "%s", file);
	va_start(args, format);
	vsnprintf(line->why, sizeof(line->why), format, args);
	va_end(args);
	lm_topology_make_printable(line->file);
	lm_topology_make_printable(line->why);
	++*counts[verdict];
}

static int compare_lines(const void *a, const void *b)
{
	const struct lm_build_line *left = a, *right = b;
	bool left_last = left->verdict == LM_BUILD_REFUSED;
	bool right_last = right->verdict == LM_BUILD_REFUSED;
	int order;

	if (left_last != right_last)
		return left_last ? 1 : -1;
	if (left->id != right->id)
		return left->id < right->id ? -1 : 1;
	order = strcmp(left->file, right->file);
	return order ? order : strcmp(left->why, right->why);
}

/* ---- Who is in ---- */

static int compare_to_id(const void *key, const void *element)
{
	const struct candidate *candidate = element;
	uint32_t id = *(const uint32_t *)key;

	return (id > candidate->member->id) - (id < candidate->member->id);
}

/* A line for each member that is not out already. */
static void report_members(struct building *building)
{
	const struct lm_plan *plan = building->plan;

	for (unsigned i = 0; i < plan->members; i++) {
		const struct lm_member *member = &plan->member[i];
		const struct candidate *candidate =
			bsearch(&member->id, building->candidate, building->candidates,
				sizeof(*candidate), compare_to_id);

		if (member->retired)
			lm_build_say(building, LM_BUILD_RETIRED, member->id, "", "%s", "");
		else if (!candidate)
			lm_build_say(building, LM_BUILD_OUT, member->id, "",
				     "none of its descriptors counts, or there is none");
		else if (!candidate->out)
			lm_build_say(building, LM_BUILD_IN, member->id, candidate->file, "%s", "");
	}
}

/* An id names one identity for ever: another one behind it would be another node. */
static void check_identities(struct building *building)
{
	for (unsigned i = 0; i < building->candidates; i++) {
		struct candidate *candidate = &building->candidate[i];
		const struct lm_member *member = candidate->member;
		const struct lm_topology_node *before = lm_build_before(building, member->id);

		if (!before ||
		    memcmp(&before->identity, &member->identity, sizeof(before->identity)) == 0)
			continue;
		candidate->out = true;
		lm_build_say(building, LM_BUILD_OUT, member->id, candidate->file,
			     "had another identity in the document before; retire %" PRIu32
			     " and give it another id",
			     member->id);
	}
}

/* ---- The document ---- */

static void fill_node(struct lm_topology_node *node, const struct candidate *candidate,
		      uint32_t epoch)
{
	const struct lm_member *member = candidate->member;

	*node = (struct lm_topology_node){
		.id = member->id,
		.role = member->role,
		.layer = member->layer,
		.identity = member->identity,
		.link = candidate->link,
		.capacity = candidate->capacity,
		.addresses = candidate->addresses,
		.has_mac = member->has_mac,
		.keys = LM_TOPOLOGY_KEYS,
	};
	memcpy(node->operator, member->operator, sizeof(node->operator));
	memcpy(node->jurisdiction, member->jurisdiction, sizeof(node->jurisdiction));
	memcpy(node->address, candidate->address, sizeof(node->address));
	memcpy(node->mac, member->mac, sizeof(node->mac));
	for (unsigned i = 0; i < LM_TOPOLOGY_KEYS; i++) {
		node->key[i].kid = (uint8_t)(epoch + i);
		node->key[i].pk = candidate->key[i];
	}
}

/* The document's bytes of what is in; not checked. */
static int write_document(char **text, size_t *len, const struct building *building)
{
	const struct lm_plan *plan = building->plan;
	const struct lm_topology *previous = building->previous;
	struct lm_topology topology = {
		.epoch = building->epoch,
		.from_s = lm_plan_from(plan, building->epoch),
		.until_s = lm_plan_until(plan, building->epoch),
		.profile = plan->profile,
		.mix = plan->mix,
		.cover = plan->cover,
		.paths = plan->paths,
		.layers = plan->layers,
		.node = calloc((size_t)building->candidates + 1, sizeof(*topology.node)),
	};
	int rc;

	if (!topology.node)
		return -ENOMEM;
	if (previous && previous->epoch + 1 == building->epoch)
		topology.previous = previous->hash;
	for (unsigned i = 0; i < building->candidates; i++)
		if (!building->candidate[i].out)
			fill_node(&topology.node[topology.nodes++], &building->candidate[i],
				  building->epoch);
	rc = lm_topology_format(text, len, &topology);
	free(topology.node);
	return rc;
}

/* ---- As a relay reads it ---- */

static void put_out(void *context, uint32_t id)
{
	struct building *building = context;
	struct candidate *candidate = bsearch(&id, building->candidate, building->candidates,
					      sizeof(*candidate), compare_to_id);

	LM_ASSERT(candidate && !candidate->out);
	candidate->out = true;
	lm_build_say(building, LM_BUILD_OUT, id, candidate->file,
		     "no path without two nodes of one operator, or jurisdiction, leads to it");
}

/* Writes the document of those who are in, and reads it; gateways without a path are then out. */
static int write_and_read(struct lm_topology **topology, struct building *building,
			  struct lm_error *err)
{
	struct lm_build *built = building->built;
	struct mistakes mistakes = {.take_lonely = put_out, .context = building};
	struct reader reader = {.file = "the next document", .err = err, .mistakes = &mistakes};
	int rc;

	free(built->text);
	rc = write_document(&built->text, &built->len, building);
	if (rc)
		return lm_error_set(err, -rc, "no memory for the document");
	return lm_topology_read(topology, &reader, built->text, built->len);
}

/* Epochs of a network follow each other without a gap in time, whatever a plan now says. */
static int check_time(const struct building *building, struct lm_error *err)
{
	const struct lm_topology *previous = building->previous;
	uint32_t epoch = building->epoch;
	uint64_t from_s = lm_plan_from(building->plan, epoch);
	char mine[LM_TOPOLOGY_TIME], theirs[LM_TOPOLOGY_TIME];
	bool next;

	if (epoch > LM_TOPOLOGY_EPOCH_MAX || lm_plan_until(building->plan, epoch) > LM_PLAN_LAST_S)
		return lm_error_set(err, ERANGE, "epoch %" PRIu32 ": is past the last one", epoch);
	if (!previous)
		return 0;
	if (previous->epoch >= epoch)
		return lm_error_set(err, EINVAL,
				    "the document before is of epoch %" PRIu32
				    "; it must be of one before %" PRIu32,
				    previous->epoch, epoch);
	next = previous->epoch + 1 == epoch;
	if (next ? from_s == previous->until_s : from_s > previous->until_s)
		return 0;
	lm_topology_format_time(mine, from_s);
	lm_topology_format_time(theirs, previous->until_s);
	return lm_error_set(err, EINVAL,
			    "start, epoch_seconds: epoch %" PRIu32 " would begin at %s, but the "
			    "document before ends at %s; a running network keeps both",
			    epoch, mine, theirs);
}

/* As a reader of the document before would take it, in its epoch. */
static int check_succession(const struct lm_topology *topology, const struct building *building,
			    struct lm_error *err)
{
	enum lm_succession verdict =
		lm_topology_succeeds(topology, building->previous, topology->from_s,
				     "the next document", err);

	return verdict == LM_SUCCESSION_TAKEN ? 0 : -EINVAL;
}

static int make(struct building *building, struct lm_error *err)
{
	struct lm_topology *topology = NULL;
	unsigned out;
	int rc = check_time(building, err);

	if (rc)
		return rc;
	lm_build_choose(building);
	check_identities(building);
	lm_build_contest(building);
	out = building->built->out;
	rc = write_and_read(&topology, building, err);
	if (rc &&
	    out != building->built->out) /* whose paths were missing leave no others without */
		rc = write_and_read(&topology, building, err);
	report_members(building);
	if (!rc)
		rc = check_succession(topology, building, err);
	lm_topology_free(topology);
	if (building->no_memory)
		return lm_error_set(err, ENOMEM, "no memory for the document");
	return rc;
}

int lm_build(struct lm_build *built, const struct lm_plan *plan, const struct lm_topology *previous,
	     uint32_t epoch, const struct lm_build_file *file, unsigned files, struct lm_error *err)
{
	struct building building = {
		.plan = plan,
		.previous = previous,
		.epoch = epoch,
		.file = file,
		.files = files,
		.built = built,
	};
	int rc;

	memset(built, 0, sizeof(*built));
	building.candidate = calloc((size_t)plan->members + 1, sizeof(*building.candidate));
	if (building.candidate && lm_build_find_places(&building))
		rc = make(&building, err);
	else
		rc = lm_error_set(err, ENOMEM, "no memory for the document");
	if (built->line)
		qsort(built->line, built->lines, sizeof(*built->line), compare_lines);
	if (rc) {
		free(built->text);
		built->text = NULL;
		built->len = 0;
	}
	free(building.candidate);
	free(building.place);
	return rc;
}

void lm_build_free(struct lm_build *built)
{
	free(built->text);
	free(built->line);
	memset(built, 0, sizeof(*built));
}
