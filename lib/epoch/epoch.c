/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of keys. A key is taken into use in this order, under both locks:
 *
 *   1. its object is made under another name, with an empty set
 *   2. the object gets its name
 *   3. the key file is replaced by one without the secret, down to the disk
 *   4. the caller gets the key, and may put the first tag into its set
 *
 * The process may die anywhere. Before 2 the secret is in the key file alone; the object that was
 * being made is erased by the next process. Between 2 and 3 it is in both: the next process takes
 * the object and goes on with 3. After 3 it is in the object alone. So one of the two always has
 * it. The machine may die anywhere: before 3 the key has never been used, and an empty set is right
 * for it; after 3 it is gone, before the first tag was seen. So no key that has been used ever
 * meets a set that has forgotten: 4 comes only when nothing but the object can bring the key back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "keyfile.h"
#include "object.h"

struct lm_epoch {
	struct lm_epoch_place place; /* with strings of its own */
	struct folder folder;
	struct object *objects; /* in use */
};

static bool is_throwaway(const struct lm_epoch *epoch)
{
	return epoch->folder.fd < 0;
}

void lm_epoch_set_capacity(struct lm_epoch *epoch, uint64_t capacity)
{
	epoch->place.capacity = capacity;
}

int lm_epoch_folder(const struct lm_epoch *epoch)
{
	return epoch->folder.fd;
}

/* ---- Opening ---- */

struct erasing {
	const struct folder *folder;
	uint32_t first; /* objects of epochs from here on stay */
	struct lm_error *err;
};

static int erase_half_done(void *context, uint32_t epoch, const char *name)
{
	const struct erasing *erasing = context;

	return object_erase_file(erasing->folder, epoch, name, erasing->err);
}

static int open_folder(struct lm_epoch *epoch, struct lm_error *err)
{
	struct erasing erasing = {.folder = &epoch->folder, .err = err};
	int rc;

	if (strcmp(epoch->place.runtime, LM_EPOCH_THROWAWAY) == 0)
		return 0;
	rc = folder_open(&epoch->folder, epoch->place.runtime, err);
	if (rc == 0)
		rc = folder_lock(&epoch->folder, err);
	if (rc == 0)
		rc = folder_each(&epoch->folder, FOLDER_HALF_DONE, erase_half_done, &erasing, err);
	return rc;
}

int lm_epoch_open(struct lm_epoch **out, const struct lm_epoch_place *place, struct lm_error *err)
{
	struct lm_epoch *epoch = calloc(1, sizeof(*epoch));
	int rc = 0;

	*out = NULL;
	if (!epoch)
		return lm_error_set(err, ENOMEM, "too little memory");
	epoch->folder = (struct folder){.fd = -1, .block = 4096};
	epoch->place = *place;
	epoch->place.runtime = strdup(place->runtime);
	epoch->place.keys = strdup(place->keys);
	if (!epoch->place.runtime || !epoch->place.keys)
		rc = lm_error_set(err, ENOMEM, "too little memory");
	if (rc == 0)
		rc = open_folder(epoch, err);
	if (rc == 0)
		rc = lm_epoch_check_room(place, err);
	if (rc == 0)
		*out = epoch;
	else
		lm_epoch_close(epoch);
	return rc;
}

void lm_epoch_close(struct lm_epoch *epoch)
{
	if (!epoch)
		return;
	while (epoch->objects) {
		struct object *object = epoch->objects;

		epoch->objects = object->next;
		object_close(object);
	}
	folder_close(&epoch->folder);
	free((void *)(uintptr_t)epoch->place.runtime);
	free((void *)(uintptr_t)epoch->place.keys);
	free(epoch);
}

/* ---- Taking ---- */

static struct object *find(const struct lm_epoch *epoch, uint32_t number)
{
	struct object *object = epoch->objects;

	while (object && object->key.epoch != number)
		object = object->next;
	return object;
}

static void add(struct lm_epoch *epoch, struct object *object)
{
	object->next = epoch->objects;
	epoch->objects = object;
}

static int check_public(const struct lm_point *public, const struct lm_epoch_wanted *wanted,
			const char *where, uint32_t node, struct lm_error *err)
{
	if (memcmp(public, &wanted->public, sizeof(*public)) == 0)
		return 0;
	return lm_error_set(err, EINVAL,
			    "%s: the key of epoch %" PRIu32 " does not fit node %" PRIu32
			    "'s public key in the topology",
			    where, wanted->epoch, node);
}

/* The key of an object that is open already, or lies in the folder; without one it stays NULL. */
static int take_object(struct lm_epoch *epoch, const struct lm_epoch_key **key,
		       const struct lm_epoch_wanted *wanted, struct lm_error *err)
{
	struct object *object = find(epoch, wanted->epoch);
	int rc;

	if (!object && !is_throwaway(epoch)) {
		rc = object_open(&object, &epoch->folder, epoch->place.node, wanted->epoch, false,
				 err);
		if (rc != 0)
			return rc == -ENOENT ? 0 : rc;
		add(epoch, object);
	}
	if (!object)
		return 0;
	*key = &object->key;
	return check_public(&object->key.key.public, wanted, epoch->place.runtime,
			    epoch->place.node, err);
}

static int check_secret(const struct lm_secret *secret, const struct lm_epoch_place *place,
			const struct lm_epoch_wanted *wanted, struct lm_error *err)
{
	struct lm_point public;

	lm_x25519_base_burst(&public, secret, 1);
	return check_public(&public, wanted, place->keys, place->node, err);
}

/* A new object for a key that waits in the key file; without one the key stays NULL. */
static int make_object(struct lm_epoch *epoch, const struct lm_epoch_key **key,
		       const struct lm_epoch_wanted *wanted, const struct keyfile *keyfile,
		       struct lm_error *err)
{
	const struct lm_secret *secret = keyfile_find(keyfile, wanted->epoch);
	struct object *object;
	int rc;

	if (!secret)
		return 0;
	rc = check_secret(secret, &epoch->place, wanted, err);
	if (rc != 0)
		return rc;
	object = object_make(&epoch->folder, epoch->place.node, wanted->epoch, secret,
			     epoch->place.capacity, err);
	if (!object)
		return -ENOMEM;
	add(epoch, object);
	*key = &object->key;
	return 0;
}

static bool is_in_use(void *context, uint32_t epoch)
{
	return find(context, epoch) != NULL;
}

/*
 * Steps 1 to 3 for every wanted key that has no object yet. Objects whose step 3 did not happen
 * stay: the secret is in both places then, and the next call or process goes on there.
 */
static int move_from_file(struct lm_epoch *epoch, const struct lm_epoch_key *key[],
			  const struct lm_epoch_wanted *wanted, unsigned n, struct lm_error *err)
{
	enum keyfile_use use = is_throwaway(epoch) ? KEYFILE_LOOK : KEYFILE_CHANGE;
	struct keyfile_open file;
	int rc = keyfile_open(&file, epoch->place.keys, epoch->place.node, use, err);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		if (!key[i])
			rc = make_object(epoch, &key[i], &wanted[i], file.now, err);
	}
	if (rc == 0 && use == KEYFILE_CHANGE)
		rc = keyfile_drop(file.now, is_in_use, epoch) > 0 ? keyfile_replace(&file, err)
								  : keyfile_sync(&file, err);
	keyfile_close(&file);
	return rc;
}

int lm_epoch_take(struct lm_epoch *epoch, const struct lm_epoch_key *key[],
		  const struct lm_epoch_wanted *wanted, unsigned n, struct lm_error *err)
{
	int rc = 0;

	for (unsigned i = 0; i < n; i++)
		key[i] = NULL;
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = take_object(epoch, &key[i], &wanted[i], err);
	if (rc == 0)
		rc = move_from_file(epoch, key, wanted, n, err);
	return rc;
}

/* ---- Retiring ---- */

static bool is_before(void *first, uint32_t epoch)
{
	return epoch < *(uint32_t *)first;
}

static int erase_old(void *context, uint32_t epoch, const char *name)
{
	const struct erasing *erasing = context;

	if (epoch >= erasing->first)
		return 0;
	return object_erase_file(erasing->folder, epoch, name, erasing->err);
}

/* Those of this process, then those that a process before it has left. */
static int retire_objects(struct lm_epoch *epoch, uint32_t first, struct lm_error *err)
{
	struct erasing erasing = {.folder = &epoch->folder, .first = first, .err = err};
	struct object **at = &epoch->objects;
	int rc = 0, one;

	while (*at) {
		struct object *object = *at;

		if (object->key.epoch >= first) {
			at = &object->next;
			continue;
		}
		*at = object->next;
		one = object_erase(object, &epoch->folder, err);
		rc = one != 0 ? one : rc;
	}
	if (is_throwaway(epoch))
		return rc;
	one = folder_each(&epoch->folder, FOLDER_OBJECTS, erase_old, &erasing, err);
	return one != 0 ? one : rc;
}

static int retire_waiting(struct lm_epoch *epoch, uint32_t first, struct lm_error *err)
{
	struct keyfile_open file;
	int rc = keyfile_open(&file, epoch->place.keys, epoch->place.node, KEYFILE_CHANGE, err);

	if (rc != 0)
		return rc;
	if (keyfile_drop(file.now, is_before, &first) > 0)
		rc = keyfile_replace(&file, err);
	keyfile_close(&file);
	return rc;
}

int lm_epoch_retire(struct lm_epoch *epoch, uint32_t first, struct lm_error *err)
{
	int rc = retire_objects(epoch, first, err);
	int waiting = is_throwaway(epoch) ? 0 : retire_waiting(epoch, first, err);

	return waiting != 0 ? waiting : rc;
}

/* ---- Looking ---- */

static int look_in_folder(enum lm_epoch_where *where, const struct folder *folder,
			  const struct lm_epoch_place *place, const struct lm_epoch_wanted *wanted,
			  struct lm_error *err)
{
	struct object *object;
	int rc = object_open(&object, folder, place->node, wanted->epoch, true, err);

	if (rc == -ENOENT)
		return 0;
	if (rc == 0) {
		*where = LM_EPOCH_IN_USE;
		rc = check_public(&object->key.key.public, wanted, place->runtime, place->node,
				  err);
	}
	object_close(object);
	return rc;
}

static int look_in_file(enum lm_epoch_where where[], const struct lm_epoch_place *place,
			const struct lm_epoch_wanted *wanted, unsigned n, struct lm_error *err)
{
	struct keyfile_open file;
	int rc = keyfile_open(&file, place->keys, place->node, KEYFILE_LOOK, err);

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		const struct lm_secret *secret = keyfile_find(file.now, wanted[i].epoch);

		if (where[i] == LM_EPOCH_IN_USE || !secret)
			continue;
		where[i] = LM_EPOCH_WAITING;
		rc = check_secret(secret, place, &wanted[i], err);
	}
	keyfile_close(&file);
	return rc;
}

int lm_epoch_look(enum lm_epoch_where where[], const struct lm_epoch_place *place,
		  const struct lm_epoch_wanted *wanted, unsigned n, struct lm_error *err)
{
	struct folder folder = {.fd = -1};
	int rc = 0;

	for (unsigned i = 0; i < n; i++)
		where[i] = LM_EPOCH_NOWHERE;
	if (strcmp(place->runtime, LM_EPOCH_THROWAWAY) != 0)
		rc = folder_look(&folder, place->runtime, err);
	for (unsigned i = 0; rc == 0 && folder.fd >= 0 && !folder.absent && i < n; i++)
		rc = look_in_folder(&where[i], &folder, place, &wanted[i], err);
	folder_close(&folder);
	return rc == 0 ? look_in_file(where, place, wanted, n, err) : rc;
}
