/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One descriptor for each member, of those that came. Form and identity are looked at first, since
 * they cost little; signatures only of a member's, from the latest on up to the first that counts;
 * and proofs only of what the member has signed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "descriptor.h"

/* A well-formed descriptor of a member. */
struct found {
	uint32_t id;
	uint64_t made_s;
	struct lm_hash hash;
	unsigned file;
};

static void refuse(struct building *building, uint32_t id, const struct lm_build_file *file,
		   const char *why)
{
	size_t name = strlen(file->name);

	/* The line has a place for the name already. */
	if (strncmp(why, file->name, name) == 0 && why[name] == ':')
		why += name + 1 + (why[name + 1] == ' ');
	lm_build_say(building, LM_BUILD_REFUSED, id, file->name, "%s", why);
}

/* Whose it is, or NULL and why it is nobody's. */
static const struct lm_member *find_member(const struct building *building,
					   const struct lm_descriptor *descriptor,
					   struct lm_error *err)
{
	const struct lm_member *member = lm_plan_find(building->plan, descriptor->id);

	if (!member)
		(void)lm_error_set(err, ENOENT, "id: %" PRIu32 " is no member of the plan",
				   descriptor->id);
	else if (member->retired)
		(void)lm_error_set(err, ENOENT, "id: %" PRIu32 " is retired", descriptor->id);
	else if (memcmp(&member->identity, &descriptor->identity, sizeof(member->identity)) != 0)
		(void)lm_error_set(err, EBADMSG,
				   "identity: is not the one that the plan gives to %" PRIu32,
				   descriptor->id);
	else
		return member;
	return NULL;
}

/* Puts the descriptors that are some member's into found[], and refuses the others; how many. */
static unsigned find_all(struct found *found, struct building *building)
{
	unsigned n = 0;

	for (unsigned i = 0; i < building->files; i++) {
		const struct lm_build_file *file = &building->file[i];
		struct lm_descriptor descriptor;
		struct lm_signed parts;
		struct lm_error err;

		if (lm_descriptor_read(&descriptor, &parts, file->text, file->len, file->name,
				       &err) != 0) {
			refuse(building, 0, file, err.text);
			continue;
		}
		if (!find_member(building, &descriptor, &err)) {
			refuse(building, 0, file, err.text);
			continue;
		}
		found[n] = (struct found){descriptor.id, descriptor.made_s, {{0}}, i};
		lm_hash_bytes(&found[n++].hash, parts.bytes, parts.len);
	}
	return n;
}

/* By id, the latest first, the lesser hash first; equal ones are the same bytes, signed again. */
static int compare_found(const void *a, const void *b)
{
	const struct found *left = a, *right = b;

	if (left->id != right->id)
		return left->id < right->id ? -1 : 1;
	if (left->made_s != right->made_s)
		return left->made_s > right->made_s ? -1 : 1;
	return memcmp(&left->hash, &right->hash, sizeof(left->hash));
}

/* ---- Does it count? ---- */

static const struct lm_point *key_of(const struct lm_descriptor *descriptor, uint32_t epoch)
{
	for (unsigned i = 0; i < descriptor->keys; i++)
		if (descriptor->key[i].epoch == epoch)
			return &descriptor->key[i].pk;
	return NULL;
}

/* What the document before has promised for an epoch, NULL if nothing. */
static const struct lm_point *promised(const struct building *building,
				       const struct lm_topology_node *before, uint32_t epoch)
{
	if (!before || epoch > (uint64_t)building->previous->epoch + LM_TOPOLOGY_KEYS - 1)
		return NULL;
	return lm_topology_key(before, (uint8_t)epoch);
}

/* A key that has been used for another epoch would meet an empty set of what was seen. */
static bool is_old(const struct building *building, const struct lm_topology_node *before,
		   const struct lm_point *pk, uint32_t epoch)
{
	for (unsigned i = 0; before && i < LM_TOPOLOGY_KEYS; i++) {
		uint32_t other = building->previous->epoch + i;
		const struct lm_point *old = promised(building, before, other);

		if (other != epoch && old && memcmp(old, pk, sizeof(*pk)) == 0)
			return true;
	}
	return false;
}

static int check_keys(struct candidate *candidate, const struct building *building,
		      const struct lm_descriptor *descriptor, struct lm_error *err)
{
	const struct lm_topology_node *before = lm_build_before(building, descriptor->id);

	for (unsigned i = 0; i < LM_TOPOLOGY_KEYS; i++) {
		uint32_t epoch = building->epoch + i;
		const struct lm_point *pk = key_of(descriptor, epoch);
		const struct lm_point *old = promised(building, before, epoch);

		if (!pk)
			return lm_error_set(err, EINVAL,
					    "keys: has none for epoch %" PRIu32 "; %" PRIu32
					    " to %" PRIu32 " at least",
					    epoch, building->epoch,
					    building->epoch + LM_TOPOLOGY_KEYS - 1);
		if (old && memcmp(old, pk, sizeof(*pk)) != 0)
			return lm_error_set(err, EINVAL,
					    "keys.%" PRIu32 ": is not the one that the document "
					    "before has promised",
					    epoch);
		if (is_old(building, before, pk, epoch))
			return lm_error_set(err, EINVAL,
					    "keys.%" PRIu32 ": stands in the document before for "
					    "another epoch",
					    epoch);
		candidate->key[i] = *pk;
	}
	return 0;
}

/* Everything but what other members have. */
static int examine(struct candidate *candidate, const struct building *building,
		   const struct lm_build_file *file, struct lm_error *err)
{
	const struct lm_member *member;
	struct lm_descriptor descriptor;
	struct lm_signed parts;
	int rc = lm_descriptor_read(&descriptor, &parts, file->text, file->len, file->name, err);

	if (rc != 0)
		return rc;
	member = lm_plan_find(building->plan, descriptor.id);
	if (descriptor.made_s > lm_plan_until(building->plan, building->epoch))
		rc = lm_error_set(err, EINVAL,
				  "made: after the end of epoch %" PRIu32 "; set the node's clock",
				  building->epoch);
	if (rc == 0)
		rc = lm_descriptor_verify(&descriptor, &parts, file->name, err);
	if (rc == 0)
		rc = lm_build_check_places(building, member, &descriptor, err);
	if (rc == 0)
		rc = check_keys(candidate, building, &descriptor, err);
	if (rc != 0)
		return rc;
	candidate->member = member;
	candidate->file = file->name;
	candidate->link = descriptor.link;
	candidate->capacity =
		descriptor.capacity < member->capacity ? descriptor.capacity : member->capacity;
	candidate->addresses = descriptor.addresses;
	memcpy(candidate->address, descriptor.address, sizeof(candidate->address));
	return 0;
}

/* The latest of one member's descriptors that counts, if any does. */
static void choose_one(struct building *building, const struct found *found, unsigned n)
{
	struct candidate *candidate = &building->candidate[building->candidates];
	struct lm_error err;

	for (unsigned i = 0; i < n; i++) {
		const struct lm_build_file *file = &building->file[found[i].file];

		if (examine(candidate, building, file, &err) == 0) {
			building->candidates++;
			return;
		}
		refuse(building, found[i].id, file, err.text);
	}
}

void lm_build_choose(struct building *building)
{
	struct found *found = calloc((size_t)building->files + 1, sizeof(*found));
	unsigned n;

	if (!found) {
		building->no_memory = true;
		return;
	}
	n = find_all(found, building);
	qsort(found, n, sizeof(*found), compare_found);
	for (unsigned i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n && found[i + run].id == found[i].id; run++)
			;
		choose_one(building, &found[i], run);
	}
	free(found);
}
