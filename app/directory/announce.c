/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay's descriptor in etcd, under a lease that lasts as long as its agent. What stands there is
 * read back at every renewal: whoever removed or replaced it has not done so for long.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "agent.h"
#include "lm_topology_descriptor.h"

#define RENEWALS 3 /* in the time that the lease lasts */

void announce_open(struct announce *announce, const struct agent_config *config, struct etcd *etcd)
{
	*announce = (struct announce){.config = config, .etcd = etcd};
}

void announce_close(struct announce *announce)
{
	free(announce->text);
}

/* ---- The relay's file ---- */

static int read_descriptor(struct announce *announce, struct lm_error *err)
{
	const char *path = announce->config->descriptor;
	struct lm_descriptor *descriptor = malloc(sizeof(*descriptor));
	char *text = NULL;
	size_t len;
	int rc = descriptor ? handoff_read(&text, &len, AT_FDCWD, path, LAYOUT_DESCRIPTOR, err)
			    : lm_error_set(err, ENOMEM, "too little memory");

	if (rc == 0)
		rc = lm_descriptor_parse(descriptor, text, len, path, err);
	if (rc == 0) {
		layout_descriptor(announce->key, announce->config->prefix, descriptor->id);
		free(announce->text);
		announce->text = text;
		announce->len = len;
		announce->published = false;
	} else {
		free(text);
	}
	free(descriptor);
	return rc;
}

/* The relay replaces its file when it has new keys, and removes it when it leaves for good. */
static void watch_file(struct announce *announce)
{
	struct handoff_mark mark = handoff_look(AT_FDCWD, announce->config->descriptor);
	struct lm_error err;

	if (handoff_same(&mark, &announce->seen))
		return;
	announce->seen = mark;
	if (mark.inode == 0) {
		free(announce->text);
		announce->text = NULL;
		agent_say("%s is gone", announce->config->descriptor);
	} else if (read_descriptor(announce, &err) != 0) {
		agent_say("not published: %s", err.text);
	}
}

/* ---- The lease ---- */

static void forget_lease(struct announce *announce)
{
	announce->lease = 0;
	announce->published = false;
}

static int withdraw(struct announce *announce, struct lm_error *err)
{
	int rc;

	if (announce->lease == 0)
		return 0;
	rc = etcd_lease_revoke(announce->etcd, announce->lease, err);
	if (rc != 0 && rc != -ENOENT)
		return rc;
	agent_say("the descriptor is withdrawn");
	forget_lease(announce);
	return 0;
}

/* Is it still there, as we put it? */
static int read_back(struct announce *announce, struct lm_error *err)
{
	const char *key[] = {announce->key};
	struct etcd_value value;
	int rc = etcd_get(&value, announce->etcd, key, 1, 0, LAYOUT_DESCRIPTOR, err);

	if (rc != 0)
		return rc;
	if (!value.bytes || value.len != announce->len ||
	    memcmp(value.bytes, announce->text, value.len) != 0)
		announce->published = false;
	etcd_free_values(&value, 1);
	return 0;
}

static int keep(struct announce *announce, struct lm_error *err)
{
	int rc = etcd_lease_keep(announce->etcd, announce->lease, err);

	if (rc == -ENOENT) {
		forget_lease(announce);
		return 0;
	}
	return rc == 0 ? read_back(announce, err) : rc;
}

static int put(struct announce *announce, struct lm_error *err)
{
	int rc = 0;

	if (announce->lease == 0)
		rc = etcd_lease_grant(&announce->lease, announce->etcd, announce->config->lease_s,
				      err);
	if (rc == 0)
		rc = etcd_put(announce->etcd, announce->key, announce->text, announce->len,
			      announce->lease, err);
	if (rc == -ENOENT)
		forget_lease(announce); /* dropped meanwhile: the next step makes one */
	if (rc != 0)
		return rc;
	announce->published = true;
	agent_say("the descriptor is published, of %zu bytes", announce->len);
	return 0;
}

int announce_step(struct announce *announce, struct lm_error *err)
{
	uint64_t now_us = lm_clock_us();
	int rc = 0;

	if (announce->config->descriptor[0] == '\0')
		return 0;
	watch_file(announce);
	if (!announce->text)
		return withdraw(announce, err);
	if (announce->lease != 0 && now_us >= announce->keep_us)
		rc = keep(announce, err);
	if (rc == 0 && !announce->published)
		rc = put(announce, err);
	if (rc == 0 && now_us >= announce->keep_us)
		announce->keep_us = now_us + announce->config->lease_s * 1000000 / RENEWALS;
	return rc;
}
