/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See setup.h.
 */
#include "setup.h"

#include <errno.h>
#include <string.h>

#define US_PER_MS        1000
#define NETWORK_SLACK_MS 500
#define LONGEST_MS       3600000

static const struct lm_conf_key rows[] = {
	NODE_CONFIG_ROWS(struct gen_config, node),
	{
		.name = "arrivals.burst_packets",
		.type = LM_CONF_UINT,
		.min = 1,
		.max = GEN_BURST_MAX,
		.fallback = "64",
		.offset = offsetof(struct gen_config, arrivals.burst_packets),
		.help = "--arrivals bursty: packets of a burst",
	},
	{
		.name = "arrivals.burst_peak",
		.type = LM_CONF_UINT,
		.min = 0,
		.max = GEN_BURST_MAX,
		.fallback = "0",
		.offset = offsetof(struct gen_config, arrivals.burst_peak),
		.help = "--arrivals bursty: the rate within a burst, as a multiple of --rate; 0: "
			"all at once",
	},
};

static const struct lm_conf_table table = {
	.key = rows,
	.keys = LM_COUNT(rows),
	.size = sizeof(struct gen_config),
};

void gen_setup_describe(FILE *to)
{
	lm_conf_describe(to, &table);
}

static int load_topology(struct gen_setup *setup, struct lm_error *err)
{
	const struct node_config *config = &setup->config.node;
	struct lm_topology *topology;
	int rc = lm_topology_load(&topology, config->topology, &config->authorities, err);

	if (rc != 0)
		return rc;
	rc = calendar_init(setup->calendar, topology, (uint32_t)config->node, err);
	if (rc != 0) {
		lm_error_prefix(err, config->topology);
		lm_topology_free(topology);
		return rc;
	}
	gen_setup_restart(setup, 0);
	return 0;
}

static struct lm_epoch_place keys_place(const struct gen_setup *setup)
{
	struct lm_epoch_place place = mix_keys_place(&setup->config.node, setup->topology);

	place.runtime = LM_EPOCH_THROWAWAY;
	place.capacity = setup->replay_capacity;
	return place;
}

static int check_lost(const struct gen_setup *setup, const struct mix_keys *keys,
		      struct lm_error *err)
{
	if (keys->lost == 0)
		return 0;
	return lm_error_set(err, ENOKEY, "%s: has no key of epoch %u", setup->config.node.keys,
			    (unsigned)keys->lost_epoch[0]);
}

static int load_keys(struct gen_setup *setup, uint64_t now_us, struct lm_error *err)
{
	struct lm_epoch_place place = keys_place(setup);
	const struct calendar_document *document;
	uint32_t epoch = calendar_epoch(setup->calendar, now_us, &document);
	int rc = mix_keys_load(&setup->key_set[0], &place, document->self, epoch, err);

	if (rc == 0)
		rc = check_lost(setup, &setup->key_set[0], err);
	setup->mix_keys = &setup->key_set[0];
	setup->epoch = epoch;
	return rc;
}

static struct mix_keys *other_set(struct gen_setup *setup)
{
	return setup->mix_keys == &setup->key_set[0] ? &setup->key_set[1] : &setup->key_set[0];
}

int gen_setup_roll(bool *rolled, struct gen_setup *setup, uint64_t now_us, struct lm_error *err)
{
	struct lm_epoch_place place = keys_place(setup);
	const struct calendar_document *document;
	uint32_t epoch = calendar_epoch(setup->calendar, now_us, &document);
	struct mix_keys next;
	int rc;

	*rolled = false;
	if (epoch == setup->epoch)
		return 0;
	rc = mix_keys_renew(&next, setup->mix_keys, &place, document->self, epoch, err);
	if (rc == 0)
		rc = check_lost(setup, &next, err);
	if (rc != 0)
		return rc;
	*other_set(setup) = next;
	setup->epoch = epoch;
	__atomic_store_n(&setup->mix_keys, other_set(setup), __ATOMIC_RELEASE);
	*rolled = true;
	return 0;
}

int gen_setup_retire(struct gen_setup *setup, struct lm_error *err)
{
	memset(other_set(setup), 0, sizeof(struct mix_keys));
	return mix_keys_retire(setup->mix_keys, setup->epoch, err);
}

/* The keys of messages, which stay the same for as long as the generator runs. */
static int derive_keys(struct gen_setup *setup, struct lm_error *err)
{
	setup->keys = lm_secret_alloc(sizeof(*setup->keys));
	if (!setup->keys)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	gen_keys_derive(setup->keys, &setup->mix_keys->ring.key[0]->secret);
	return 0;
}

int gen_setup_load(struct gen_setup *setup, const char *path, uint64_t replay_capacity,
		   struct lm_error *err)
{
	struct node_config *config = &setup->config.node;
	int rc;

	memset(setup, 0, sizeof(*setup));
	setup->replay_capacity = replay_capacity;
	setup->links = calloc(1, sizeof(*setup->links));
	setup->calendar = calloc(1, sizeof(*setup->calendar));
	if (!setup->links || !setup->calendar) {
		gen_setup_free(setup);
		return lm_error_set(err, ENOMEM, "no memory for the numbers of neighbours");
	}
	rc = lm_conf_load(&setup->config, &table, path, err);
	if (rc == 0)
		rc = node_config_finish(config, path, err);
	if (rc == 0)
		rc = lm_x25519_select(config->x25519, err);
	if (rc == 0)
		rc = load_topology(setup, err);
	if (rc == 0)
		rc = load_keys(setup, 0, err);
	if (rc == 0)
		rc = derive_keys(setup, err);
	if (rc != 0)
		gen_setup_free(setup);
	return rc;
}

void gen_setup_restart(struct gen_setup *setup, uint64_t start_us)
{
	uint64_t path_ms = gen_longest_ms(calendar_newest(setup->calendar)->topology);

	calendar_restart(setup->calendar, start_us, path_ms * US_PER_MS);
	setup->topology = setup->calendar->document[0].topology;
	setup->self = setup->calendar->document[0].self;
}

uint32_t gen_longest_ms(const struct lm_topology *topology)
{
	uint64_t hop_us = lm_mix_stay_us(&topology->mix, lm_mix_delay_max_us(&topology->mix));
	uint64_t all_ms = hop_us / US_PER_MS * topology->layers + NETWORK_SLACK_MS;

	return all_ms < LONGEST_MS ? (uint32_t)all_ms : LONGEST_MS;
}

/* Both sets are of one lib/epoch. */
static void free_keys(struct gen_setup *setup)
{
	struct mix_keys *other = other_set(setup);

	memset(other, 0, sizeof(*other));
	mix_keys_free(&setup->key_set[0]);
	mix_keys_free(&setup->key_set[1]);
	setup->mix_keys = NULL;
}

int gen_setup_renew(struct gen_setup *setup, uint64_t replay_capacity, uint64_t now_us,
		    struct lm_error *err)
{
	free_keys(setup);
	setup->replay_capacity = replay_capacity;
	return load_keys(setup, now_us, err);
}

void gen_setup_free(struct gen_setup *setup)
{
	lm_secret_free(setup->keys);
	free(setup->links);
	free_keys(setup);
	if (setup->calendar)
		calendar_free(setup->calendar);
	free(setup->calendar);
	memset(setup, 0, sizeof(*setup));
}

struct view *gen_setup_static_view(struct gen_setup *setup, struct lm_error *err)
{
	struct frame_self self;
	struct view *view;
	uint8_t mac[6];

	view_static_mac(mac, setup->self);
	view_self_init(&self, setup->self, mac, (uint16_t)setup->config.node.port.vlan);
	view = view_make(setup->topology, setup->self, &self, gen_setup_ring(setup), setup->links,
			 view_resolve_static, NULL);
	if (!view) {
		(void)lm_error_set(err, ENOMEM, "no memory for the headers of the first layer");
		return NULL;
	}
	if (view->unresolved > 0) {
		(void)lm_error_set(err, EADDRNOTAVAIL,
				   "%s: %u mixes of layer 1 have neither IPv4 nor IPv6 in common "
				   "with node %u",
				   setup->config.node.topology, view->unresolved, setup->self->id);
		free(view);
		return NULL;
	}
	return view;
}
