/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading descriptors: everything about them is a node's word, and hostile. First the form, then
 * the signature, then the proofs: what costs more comes later.
 */
#include "descriptor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "document.h"

#define LABEL_LEN 11 /* an epoch in decimal */

/* ---- Form ---- */

/* A label's epoch: decimal, without leading zeros; false if it is none. */
static bool parse_epoch(uint32_t *epoch, const char *label)
{
	uint64_t value = 0;
	size_t len = strlen(label);

	if (len < 1 || len >= LABEL_LEN || (len > 1 && label[0] == '0'))
		return false;
	for (; *label; label++) {
		if (*label < '0' || *label > '9')
			return false;
		value = 10 * value + (unsigned)(*label - '0');
	}
	*epoch = (uint32_t)value;
	return value <= LM_TOPOLOGY_EPOCH_MAX + LM_TOPOLOGY_KEYS - 1;
}

/* A public key with the proof of its secret half. */
static int read_key(struct lm_point *pk, struct lm_key_proof *proof, const struct reader *reader,
		    const struct place *inside, const char *field)
{
	static const char *const fields[] = {"public", "proof", NULL};
	struct place place;
	int rc = lm_topology_read_object(&place, reader, inside, field);

	if (rc)
		return rc;
	rc = lm_topology_read_only(reader, &place, fields);
	rc = lm_topology_both(rc, lm_topology_read_point(pk, reader, &place, "public"));
	return lm_topology_both(rc, lm_topology_read_hex(proof->b, sizeof(proof->b), reader, &place,
							 "proof"));
}

/* The first epoch of those that are named. */
static int find_first(uint32_t *first, const struct reader *reader, const struct place *keys)
{
	const char *label;
	json_t *value;
	uint32_t epoch;
	int rc = 0;

	*first = UINT32_MAX;
	json_object_foreach(keys->json, label, value)
	{
		if (!parse_epoch(&epoch, label))
			rc = lm_topology_fail(reader, keys, "",
					      "\"%.40s\" is no epoch; its full number in decimal",
					      label);
		else if (epoch < *first)
			*first = epoch;
	}
	return rc;
}

/* One key serves one epoch, and one set of what was seen. */
static int check_distinct(const struct lm_descriptor *descriptor, const struct reader *reader,
			  const struct place *keys)
{
	for (unsigned i = 1; i < descriptor->keys; i++) {
		for (unsigned j = 0; j < i; j++) {
			char label[LABEL_LEN];

			if (memcmp(&descriptor->key[i].pk, &descriptor->key[j].pk,
				   sizeof(struct lm_point)) != 0)
				continue;
			snprintf(label, sizeof(label), "%" PRIu32, descriptor->key[i].epoch);
			return lm_topology_fail(reader, keys, label,
						"is the key of epoch %" PRIu32
						" too; every epoch has its own",
						descriptor->key[j].epoch);
		}
	}
	return 0;
}

static int read_keys(struct lm_descriptor *descriptor, const struct reader *reader,
		     const struct place *top)
{
	struct place keys;
	uint32_t first;
	size_t n;
	int rc = lm_topology_read_object(&keys, reader, top, "keys");

	if (rc)
		return rc;
	n = json_object_size(keys.json);
	if (n < LM_TOPOLOGY_KEYS || n > LM_DESCRIPTOR_KEYS)
		return lm_topology_fail(reader, top, "keys", "has %zu epochs; %u to %u", n,
					LM_TOPOLOGY_KEYS, LM_DESCRIPTOR_KEYS);
	rc = find_first(&first, reader, &keys);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < n; i++) {
		char label[LABEL_LEN];

		snprintf(label, sizeof(label), "%" PRIu32, first + i);
		if (!json_object_get(keys.json, label))
			return lm_topology_fail(reader, &keys, label,
						"is missing; epochs without a gap");
		rc = lm_topology_both(rc,
				      read_key(&descriptor->key[i].pk, &descriptor->key[i].proof,
					       reader, &keys, label));
		descriptor->key[i].epoch = first + i;
		descriptor->keys = i + 1;
	}
	return rc ? rc : check_distinct(descriptor, reader, &keys);
}

static int check_addresses(const struct lm_descriptor *descriptor, const struct reader *reader,
			   const struct place *top)
{
	for (unsigned i = 1; i < descriptor->addresses; i++)
		for (unsigned j = 0; j < i; j++)
			if (memcmp(&descriptor->address[i], &descriptor->address[j],
				   sizeof(descriptor->address[i])) == 0)
				return lm_topology_fail(reader, top, "addresses",
							"%u and %u are the same; list each once", j,
							i);
	return 0;
}

static int read_where(struct lm_descriptor *descriptor, const struct reader *reader,
		      const struct place *top)
{
	int rc = lm_topology_read_addresses(descriptor->address, &descriptor->addresses, reader,
					    top);

	return rc ? rc : check_addresses(descriptor, reader, top);
}

static int read_document(struct lm_descriptor *descriptor, const struct reader *reader,
			 const struct place *top)
{
	static const char *const fields[] = {"format",   "id",        "made", "identity", "link",
					     "capacity", "addresses", "keys", NULL};
	uint64_t id = 0, capacity = 0;
	int rc = lm_topology_read_format(reader, top, "linemix-descriptor-v2");

	if (rc) /* another document: nothing else about it would be true */
		return rc;
	rc = lm_topology_read_only(reader, top, fields);
	rc = lm_topology_both(rc, lm_topology_read_uint(&id, reader, top, "id", 1, UINT32_MAX - 1));
	rc = lm_topology_both(rc, lm_topology_read_time(&descriptor->made_s, reader, top, "made"));
	rc = lm_topology_both(rc, lm_topology_read_hex(descriptor->identity.b,
						       sizeof(descriptor->identity.b), reader, top,
						       "identity"));
	rc = lm_topology_both(rc, read_key(&descriptor->link, &descriptor->link_proof, reader, top,
					   "link"));
	rc = lm_topology_both(rc, lm_topology_read_uint(&capacity, reader, top, "capacity", 1,
							UINT32_MAX));
	descriptor->id = (uint32_t)id;
	descriptor->capacity = (uint32_t)capacity;
	rc = lm_topology_both(rc, read_where(descriptor, reader, top));
	return lm_topology_both(rc, read_keys(descriptor, reader, top));
}

static int take_apart(struct lm_signed *file, const struct reader *reader, const char *text,
		      size_t len)
{
	struct lm_error err;
	int rc;

	if (len > LM_DESCRIPTOR_BYTES)
		return lm_topology_fail_file(reader, EFBIG,
					     "%s: larger than %u bytes; no descriptor is",
					     reader->file, LM_DESCRIPTOR_BYTES);
	rc = lm_signed_parse(file, text, len, reader->file, &err);
	return rc ? lm_topology_fail_file(reader, -rc, "%s", err.text) : 0;
}

static int read_form(struct lm_descriptor *descriptor, struct lm_signed *file,
		     const struct reader *reader, const char *text, size_t len)
{
	struct place top;
	int rc = take_apart(file, reader, text, len);

	memset(descriptor, 0, sizeof(*descriptor));
	if (rc)
		return rc;
	rc = lm_topology_read_json(&top, reader, file->bytes, file->len);
	if (!rc)
		rc = read_document(descriptor, reader, &top);
	json_decref(top.json);
	return rc;
}

/* ---- Signature and proofs ---- */

static int check_signature(const struct lm_verifier *identity, const struct lm_signed *file,
			   const struct reader *reader)
{
	if (file->n != 1 || memcmp(file->by[0].b, identity->b, sizeof(file->by[0].b)) != 0)
		return lm_topology_fail_file(
			reader, EBADMSG, "%s: is not signed by its identity; one signature, by it",
			reader->file);
	if (!lm_verify(&file->signature[0], &file->by[0], file->bytes, file->len))
		return lm_topology_fail_file(reader, EBADMSG,
					     "%s: the signature is wrong; sign these bytes again",
					     reader->file);
	return 0;
}

static int check_proofs(const struct lm_descriptor *descriptor, const struct reader *reader)
{
	int rc = 0;

	if (!lm_link_proved(&descriptor->link_proof, &descriptor->link, descriptor->id,
			    &descriptor->identity))
		rc = lm_topology_fail_file(reader, EBADMSG,
					   "%s: link.proof: is wrong; made from the secret for "
					   "this id and identity",
					   reader->file);
	for (unsigned i = 0; i < descriptor->keys; i++) {
		const struct lm_descriptor_key *key = &descriptor->key[i];

		if (!lm_key_proved(&key->proof, &key->pk, descriptor->id, &descriptor->identity,
				   key->epoch))
			rc = lm_topology_fail_file(reader, EBADMSG,
						   "%s: keys.%" PRIu32
						   ".proof: is wrong; made from the secret for "
						   "this id, identity and epoch",
						   reader->file, key->epoch);
	}
	return rc;
}

/* ---- The whole ---- */

int lm_descriptor_read(struct lm_descriptor *descriptor, struct lm_signed *file, const char *text,
		       size_t len, const char *name, struct lm_error *err)
{
	struct mistakes mistakes = {0};
	struct reader reader = {.file = name, .err = err, .mistakes = &mistakes};

	return read_form(descriptor, file, &reader, text, len);
}

int lm_descriptor_verify(const struct lm_descriptor *descriptor, const struct lm_signed *file,
			 const char *name, struct lm_error *err)
{
	struct mistakes mistakes = {0};
	struct reader reader = {.file = name, .err = err, .mistakes = &mistakes};
	int rc = check_signature(&descriptor->identity, file, &reader);

	return rc ? rc : check_proofs(descriptor, &reader);
}

int lm_descriptor_parse(struct lm_descriptor *descriptor, const char *text, size_t len,
			const char *name, struct lm_error *err)
{
	struct lm_signed file;
	int rc = lm_descriptor_read(descriptor, &file, text, len, name, err);

	return rc ? rc : lm_descriptor_verify(descriptor, &file, name, err);
}

int lm_descriptor_glance(uint32_t id, const struct lm_verifier *identity, const char *text,
			 size_t len, const char *name, struct lm_error *err)
{
	struct mistakes mistakes = {0};
	struct reader reader = {.file = name, .err = err, .mistakes = &mistakes};
	struct lm_descriptor descriptor;
	struct lm_signed file;
	int rc = take_apart(&file, &reader, text, len);

	if (!rc)
		rc = check_signature(identity, &file, &reader);
	if (!rc)
		rc = read_form(&descriptor, &file, &reader, text, len);
	if (rc)
		return rc;
	if (descriptor.id != id || memcmp(&descriptor.identity, identity, sizeof(*identity)) != 0)
		return lm_topology_fail_file(&reader, EBADMSG,
					     "%s: is of %" PRIu32 " or another identity; not of "
					     "this node",
					     name, descriptor.id);
	return 0;
}

int lm_descriptor_explain(const char *text, size_t len, const char *name, lm_mistake_fn *take,
			  void *context)
{
	struct mistakes mistakes = {.take = take, .context = context};
	struct reader reader = {.file = name, .mistakes = &mistakes};
	struct lm_descriptor descriptor;
	struct lm_signed file;
	int rc = read_form(&descriptor, &file, &reader, text, len);

	if (!rc) {
		rc = check_signature(&descriptor.identity, &file, &reader);
		rc = lm_topology_both(rc, check_proofs(&descriptor, &reader));
	}
	return lm_topology_explained(&reader, rc);
}
