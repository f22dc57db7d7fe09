/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Putting a relay together.
 */
#include "relay.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

#include "capacity.h"
#include "joining.h"
#include "link_key.h"
#include "mtu.h"

/* That the backends exist and this CPU runs them; of lib/symmetric's a peeler is made to see it. */
static int check_backends(const struct node_config *node, unsigned profile, struct lm_error *err)
{
	void *memory = NULL;
	int rc = lm_x25519_select(node->x25519, err);

	if (rc != 0)
		return rc;
	if (posix_memalign(&memory, LM_PACKET_ALIGN, lm_packet_peeler_size()) != 0)
		return lm_error_set(err, ENOMEM, "too little memory");
	if (!lm_packet_peeler_init(memory, profile, node->symmetric, err))
		rc = -EINVAL;
	free(memory);
	return rc;
}

struct services *relay_make_services(const struct relay_config *config)
{
	struct services *services = malloc(sizeof(*services));

	if (services)
		services_init(services, config);
	return services;
}

int relay_check_services(const struct relay_config *config, const struct lm_topology_node *node,
			 struct lm_error *err)
{
	if (node->role == LM_TOPOLOGY_GATEWAY ||
	    (config->services == 0 && config->mailboxes[0] == '\0'))
		return 0;
	return lm_error_set(err, EINVAL,
			    "services, mailboxes: node %u is a mix; only a gateway delivers",
			    node->id);
}

static int load_keys(struct relay *relay, enum relay_purpose purpose, struct lm_error *err)
{
	struct lm_epoch_place place = mix_keys_place(&relay->config->node, relay->topology);
	int rc;

	if (purpose == RELAY_CHECK || purpose == RELAY_SELF_TEST)
		return 0;
	if (purpose == RELAY_THROWAWAY)
		place.runtime = LM_EPOCH_THROWAWAY;
	rc = mix_keys_load(&relay->keys, &place, relay->node, relay->epoch, err);
	if (rc != 0)
		return rc;
	mix_keys_warn(stderr, &relay->keys);
	if (purpose == RELAY_RUN && lm_epoch_folder(relay->keys.epoch) < 0)
		fprintf(stderr, "linemix-relay: runtime: none: replay sets die with this process; "
				"the next one takes packets again that this one has seen\n");
	return 0;
}

int relay_prepare_sessions(struct relay *relay, const struct lm_topology *topology,
			   const struct lm_topology_node *node, const struct relay_config *config,
			   struct lm_error *err)
{
	struct lm_point *client;
	int rc;

	if (!relay->sessions)
		return 0;
	client = calloc(config->clients + 1, sizeof(*client));
	if (!client)
		return lm_error_set(err, ENOMEM, "too little memory");
	relay_config_clients(client, config);
	rc = sessions_prepare(relay->sessions, topology, node, &relay->links, client,
			      config->clients, err);
	free(client);
	return rc;
}

int relay_fit_sessions(const struct relay *relay, const struct lm_topology *topology,
		       struct lm_error *err)
{
	const struct relay_config *config = relay->config;
	const struct lm_topology_node *node = lm_topology_find(topology, relay->node->id);
	struct lm_point *client;
	int rc;

	if (!relay->sessions || !node)
		return 0;
	client = calloc(config->clients + 1, sizeof(*client));
	if (!client)
		return lm_error_set(err, ENOMEM, "too little memory");
	relay_config_clients(client, config);
	rc = sessions_fit(relay->sessions, topology, node, client, config->clients, err);
	free(client);
	return rc;
}

static int check_clients(const struct relay_config *config, const struct lm_topology_node *node,
			 struct lm_error *err)
{
	if (config->clients == 0 || node->role == LM_TOPOLOGY_GATEWAY)
		return 0;
	return lm_error_set(err, EINVAL, "link.clients: node %u is a mix; only a gateway has them",
			    node->id);
}

/* The link key; a feed makes its own. */
static int load_link(struct relay *relay, enum relay_purpose purpose, struct lm_error *err)
{
	const struct node_config *config = &relay->config->node;
	int rc = check_clients(relay->config, relay->node, err);

	if (rc != 0 || relay_is_own_time(purpose))
		return rc;
	if (config->link.mode == CONFIG_LINK_NOISE)
		return link_key_load(&relay->link_secret, config, relay->node, err);
	link_key_warn_none("linemix-relay");
	return 0;
}

/* Whether links carry a frame in each interval: what is no packet needs a session to hide in. */
static bool relay_pads(const struct relay *relay)
{
	return relay->config->node.link.mode == CONFIG_LINK_NOISE &&
	       relay->topology->cover.link_interval_us > 0;
}

/* What the mixer may hold, and that there is memory for it. */
static int set_held(struct relay *relay, struct lm_error *err)
{
	const struct node_config *node = &relay->config->node;

	relay->held = capacity_held(node, &relay->topology->mix);
	relay->paced = relay_pads(relay) ? capacity_paced(relay->held) : 0;
	return port_check_memory(node, relay->held + relay->paced,
				 lm_packet_len(relay->topology->profile), err);
}

uint64_t relay_quiet_us(const struct relay *relay)
{
	const struct lm_topology *topology = relay->topology;

	return topology->from_s * 1000000 + (topology->until_s - topology->from_s) * 100000;
}

int relay_load(struct relay *relay, struct relay_config *config, enum relay_purpose purpose,
	       struct lm_error *err)
{
	const struct node_config *node = &config->node;
	int rc;

	relay->config = config;
	relay->tap.fd = -1;
	links_init(&relay->links);
	relay->shared.services = relay_make_services(config);
	if (!relay->shared.services)
		return lm_error_set(err, ENOMEM, "too little memory");
	rc = purpose == RELAY_SELF_TEST ? 0 : publish_open(&relay->publish, config, err);
	if (rc == 0)
		rc = joining_load(relay, purpose, err);
	if (rc == 0)
		rc = check_backends(node, relay->topology->profile, err);
	if (rc == 0)
		rc = set_held(relay, err);
	if (rc != 0)
		return rc;
	relay->links.before = documents_parting(&relay->documents, relay->topology, relay->epoch);
	rc = relay_check_services(config, relay->node, err);
	if (rc == 0)
		rc = load_link(relay, purpose, err);
	return rc == 0 ? load_keys(relay, purpose, err) : rc;
}

/* How the size of replay sets comes about, and what they take. */
static void describe_replay(FILE *to, const struct node_config *config, uint64_t epoch_s)
{
	uint64_t tags = node_config_replay(config, epoch_s);
	double mib = (double)lm_epoch_bytes(tags) / (1 << 20);

	if (config->limits.replay == 0)
		fprintf(to, "replay: %llu packets/s x %u epochs x %llu s = ",
			(unsigned long long)config->limits.max_packets_per_second, LM_PACKET_KIDS,
			(unsigned long long)epoch_s);
	else
		fprintf(to, "replay: limits.replay = ");
	fprintf(to, "%llu tags, %.1f MiB a set; %u sets while epochs change: %.1f MiB in %s\n",
		(unsigned long long)tags, mib, LM_EPOCH_SETS, LM_EPOCH_SETS * mib,
		strcmp(config->runtime, LM_EPOCH_THROWAWAY) == 0 ? "memory" : config->runtime);
}

static void describe_addresses(FILE *to, const struct relay *relay)
{
	const struct lm_topology_node *node = relay->node;
	char text[FRAME_ADDRESS_TEXT];

	fprintf(to, "port:");
	for (unsigned i = 0; i < node->addresses; i++) {
		frame_address_text(text, &node->address[i]);
		fprintf(to, "%s %s", i == 0 ? "" : ",", text);
	}
	if (relay->config->node.port.vlan == FRAME_VLAN_ANY)
		fprintf(to, ", untagged\n");
	else
		fprintf(to, ", VLAN %u\n", (unsigned)relay->config->node.port.vlan);
}

/* What is locked at once, and what as neighbours and clients come. */
static void describe_sessions(FILE *to, const struct relay *relay)
{
	unsigned clients = relay->config->clients;
	uint32_t peers = sessions_peers(relay->topology, relay->node, clients), most;
	struct sessions_config wanted;
	size_t each, all;

	link_sessions(&wanted, &relay->config->node, relay->topology, relay->node, clients);
	most = wanted.sessions / sessions_for(1);
	each = sessions_bytes_each(wanted.lanes);
	all = sessions_bytes(wanted.sessions, wanted.lanes);
	fprintf(to,
		"links: %u neighbours and clients, with %u sessions of %u lanes each: %.1f MiB of "
		"locked memory\n",
		peers, sessions_for(1), wanted.lanes,
		((double)all - ((double)most - peers) * (double)each) / (1 << 20));
	fprintf(to,
		"links: room for %u, %.0f KiB more for each as they come; the limit on locked "
		"memory must allow %.0f MiB, or there is room for fewer\n",
		most, (double)each / 1024, (double)all / (1 << 20));
}

static void describe_links(FILE *to, const struct relay *relay)
{
	const struct node_config *config = &relay->config->node;
	size_t packet_len = lm_packet_len(relay->topology->profile);
	bool noise = config->link.mode == CONFIG_LINK_NOISE;

	if (noise)
		describe_sessions(to, relay);
	else
		fprintf(to, "links: bare packets\n");
	fprintf(to, "links: packets need an MTU of %u over IPv4, %u over IPv6, all the way\n",
		mtu_needed(packet_len, noise, false), mtu_needed(packet_len, noise, true));
}

void relay_describe(FILE *to, const struct relay *relay)
{
	const struct node_config *config = &relay->config->node;
	const struct lm_topology *topology = relay->topology;
	struct port_memory memory =
		port_memory(config, relay->held + relay->paced, lm_packet_len(topology->profile));
	size_t mix = lm_mix_size((uint32_t)relay->held);

	fprintf(to, "node %u: %s", relay->node->id,
		relay->node->role == LM_TOPOLOGY_MIX ? "mix" : "gateway");
	if (relay->node->role == LM_TOPOLOGY_MIX)
		fprintf(to, " in layer %u of %u", relay->node->layer, topology->layers);
	fprintf(to, ", epoch %u, profile %u (%zu bytes), %s mixing\n", relay->epoch,
		topology->profile, lm_packet_len(topology->profile),
		lm_mix_strategy_name(topology->mix.strategy));
	fprintf(to, "x25519 on %s\n", lm_x25519_selected());
	for (unsigned i = 0; i < config->cpus.workers_count; i++)
		fprintf(to, "worker %u: CPU %u, queue %u\n", i, config->cpus.workers[i], i);
	fprintf(to, "mixer: CPU %u; control: CPU %u (sleeps)\n", (unsigned)config->cpus.mixer,
		(unsigned)config->cpus.control);
	capacity_print(to, config, &topology->mix);
	fprintf(to, "memory: %u buffers of %u bytes: %.1f MiB\n", memory.mbufs, memory.mbuf_bytes,
		(double)memory.bytes / (1 << 20));
	fprintf(to, "memory: mixer %.1f MiB\n", (double)mix / (1 << 20));
	if (relay->paced > 0)
		fprintf(to,
			"padding: a frame every %u us on each link; %llu packets may wait for "
			"them, with as many buffers more\n",
			topology->cover.link_interval_us, (unsigned long long)relay->paced);
	describe_replay(to, config, topology->until_s - topology->from_s);
	describe_addresses(to, relay);
	describe_links(to, relay);
	cover_describe(to, relay);
}

/* A ring on the port's NUMA node, of mbufs or of mixer items. */
static struct rte_ring *make_ring(const struct relay *relay, const char *what, unsigned index,
				  size_t element, unsigned flags, int socket)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%u", what, index);
	return rte_ring_create_elem(name, (unsigned)element,
				    (unsigned)relay->config->node.limits.ring, socket, flags);
}

static int no_memory(const char *what, struct lm_error *err)
{
	return lm_error_set(err, ENOMEM,
			    "too little memory for %s (%s): raise memory.megabytes or reserve more "
			    "huge pages",
			    what, rte_strerror(rte_errno));
}

/* What a worker needs to open and seal. */
static int make_worker_link(struct relay *relay, struct worker *worker, int socket,
			    struct lm_error *err)
{
	struct worker_link *link = &worker->link;
	void *memory;

	if (!relay->sessions)
		return 0;
	memory = rte_zmalloc_socket("link", lm_link_worker_size(), LM_LINK_ALIGN, socket);
	link->from_others = make_ring(relay, "from-others", worker->index, sizeof(void *),
				      RING_F_SC_DEQ, socket);
	if (!memory || !link->from_others)
		return no_memory("links", err);
	link->table = sessions_table(relay->sessions);
	link->workers = relay->worker;
	link->n = relay->workers;
	link->handshakes_in = relay->handshakes.in;
	link->handshakes_out = worker->index == 0 ? relay->handshakes.out : NULL;
	if (relay->workers > 1) /* what comes to other workers finds room too */
		worker->look = SHARE_LOOK / 2;
	link->context =
		lm_link_worker_init(memory, link->table, relay->config->node.symmetric, err);
	return link->context ? 0 : -EINVAL;
}

/* Endpoint, table and peers, and the rings of handshakes. */
static int make_sessions(struct relay *relay, int socket, uint64_t now_us, struct lm_error *err)
{
	const struct node_config *config = &relay->config->node;
	struct sessions_config wanted = {
		.secret = relay->link_secret,
		.folder = lm_epoch_folder(relay->keys.epoch),
	};
	int rc;

	if (!relay->link_secret)
		return 0;
	link_sessions(&wanted, config, relay->topology, relay->node, relay->config->clients);
	relay->sessions = sessions_open(&wanted, now_us, err);
	if (!relay->sessions)
		return -ENOMEM;
	relay->links.sessions = relay->sessions;
	rc = relay_prepare_sessions(relay, relay->topology, relay->node, relay->config, err);
	if (rc != 0)
		return rc;
	sessions_commit(relay->sessions);
	relay->handshakes.sessions = relay->sessions;
	relay->handshakes.port = &relay->port;
	return handshakes_open(&relay->handshakes, socket, err);
}

static int make_worker(struct relay *relay, unsigned index, int socket, struct lm_error *err)
{
	const unsigned one_to_one = RING_F_SP_ENQ | RING_F_SC_DEQ;
	struct worker *worker =
		rte_zmalloc_socket("worker", sizeof(*worker), LM_CACHE_LINE, socket);
	void *memory =
		rte_zmalloc_socket("peeler", lm_packet_peeler_size(), LM_PACKET_ALIGN, socket);
	void *share = rte_zmalloc_socket("share", share_size(), LM_CACHE_LINE, socket);
	uint8_t seed[32];

	if (!worker || !memory || !share)
		return no_memory("a worker", err);
	relay->worker[index] = worker;
	worker->index = index;
	worker->shared = &relay->shared;
	worker->port = &relay->port;
	worker->to_mixer =
		make_ring(relay, "to-mixer", index, sizeof(struct lm_mix_item), one_to_one, socket);
	worker->from_mixer = make_ring(relay, "from-mixer", index, sizeof(struct lm_mix_item),
				       one_to_one, socket);
	if (!worker->to_mixer || !worker->from_mixer)
		return no_memory("the rings of a worker", err);
	worker->to_kernel = relay->tap.to_kernel;
	worker->from_kernel = index == 0 ? relay->tap.from_kernel : NULL;
	worker->peeler = lm_packet_peeler_init(memory, relay->topology->profile,
					       relay->config->node.symmetric, err);
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&worker->prng, seed);
	lm_rand(seed, sizeof(seed));
	worker->share = share_init(share, seed);
	worker->look = SHARE_LOOK;
	worker->most = (unsigned)relay->config->burst;
	lm_wipe(seed, sizeof(seed));
	return worker->peeler ? make_worker_link(relay, worker, socket, err) : -EINVAL;
}

static int make_pacer(struct relay *relay, int socket, struct lm_error *err)
{
	struct lm_pacer_params params = {
		.interval_us = relay->topology->cover.link_interval_us,
		.links = LINKS_MAX,
		.capacity = (uint32_t)relay->paced,
		.share = CAPACITY_LINK,
	};
	uint8_t seed[32];
	void *memory;

	if (relay->paced == 0)
		return 0;
	memory = rte_malloc_socket("pacer", lm_pacer_size(&params), LM_PACER_ALIGN, socket);
	if (!memory)
		return no_memory("padding; or lower limits.held", err);
	lm_rand(seed, sizeof(seed));
	relay->mixer.pacer = lm_pacer_init(memory, &params, seed);
	lm_wipe(seed, sizeof(seed));
	return 0;
}

static int make_mixer(struct relay *relay, int socket, uint64_t now_us, struct lm_error *err)
{
	uint32_t capacity = (uint32_t)relay->held;
	void *memory = rte_zmalloc_socket("mix", lm_mix_size(capacity), LM_MIX_ALIGN, socket);
	struct mixer *mixer = &relay->mixer;
	uint8_t seed[32];

	if (!memory)
		return no_memory("the mixer; or lower limits.held", err);
	mixer->shared = &relay->shared;
	mixer->worker = relay->worker;
	mixer->workers = relay->workers;
	mixer->senders = relay->workers;
	if (relay->sessions && mixer->senders > LM_LINK_LANES_MIN)
		mixer->senders = LM_LINK_LANES_MIN;
	mixer->to_sink = relay->sink.ring;
	mixer->cover = &relay->cover;
	lm_rand(seed, sizeof(seed));
	mixer->mix = lm_mix_init(memory, capacity, &relay->topology->mix, seed, now_us);
	lm_rand(seed, sizeof(seed));
	lm_prng_init(&mixer->prng, seed);
	lm_wipe(seed, sizeof(seed));
	return 0;
}

int relay_build(struct relay *relay, int socket, uint64_t now_us, struct lm_error *err)
{
	int rc = 0;

	sink_init(&relay->sink, relay->shared.services);
	relay->sink.ring = make_ring(relay, "to-sink", 0, sizeof(void *),
				     RING_F_SP_ENQ | RING_F_SC_DEQ, socket);
	relay->tap.to_kernel =
		make_ring(relay, "to-kernel", 0, sizeof(void *), RING_F_SC_DEQ, socket);
	relay->tap.from_kernel = make_ring(relay, "from-kernel", 0, sizeof(void *),
					   RING_F_SP_ENQ | RING_F_SC_DEQ, socket);
	relay->tap.pool = relay->port.pool;
	if (!relay->sink.ring || !relay->tap.to_kernel || !relay->tap.from_kernel)
		return no_memory("rings", err);
	relay->workers = relay->config->node.cpus.workers_count;
	relay->shared.timed = relay->config->stages;
	rc = make_sessions(relay, socket, lm_clock_us(), err);
	for (unsigned i = 0; rc == 0 && i < relay->workers; i++)
		rc = make_worker(relay, i, socket, err);
	if (rc == 0)
		rc = make_mixer(relay, socket, now_us, err);
	if (rc == 0)
		rc = make_pacer(relay, socket, err);
	if (rc == 0)
		rc = cover_open(relay, socket, now_us, err);
	return rc;
}

void relay_books(const struct relay *relay, struct counters *total, uint64_t *held)
{
	memset(total, 0, sizeof(*total));
	*held = __atomic_load_n(&relay->handed_over, __ATOMIC_RELAXED) + sink_held(&relay->sink) +
		__atomic_load_n(&relay->mixer.held, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < relay->workers; i++) {
		counters_add(total, &relay->worker[i]->count);
		*held += worker_held(relay->worker[i]);
	}
	counters_add(total, &relay->mixer.count);
	counters_add(total, &relay->sink.count);
	counters_add(total, &relay->count);
}

/* Dummies that were to be sent end with the relay. */
static void end_dummies(struct worker *worker)
{
	uint64_t left = worker->dummies_put - worker->dummies_taken;

	count_add(&worker->count.dummy_lost, left);
	count_add(&worker->dummies_taken, left); /* telemetry may look */
}

static void drop_ring(struct relay *relay, struct rte_ring *ring)
{
	struct lm_mix_item item;

	while (rte_ring_dequeue_elem(ring, &item, sizeof(item)) == 0) {
		if (item.packet)
			stage_drop(relay->worker[0], item.packet, LM_DROP_STOPPED);
	}
}

/* What the port has not taken. */
static void drop_unsent(struct worker *worker)
{
	for (unsigned i = 0; i < worker->unsent_n; i++) {
		if (!(worker->unsent_dummies >> i & 1)) {
			stage_drop(worker, worker->unsent[i], LM_DROP_STOPPED);
			continue;
		}
		count_add(&worker->count.dummy_lost, 1);
		rte_pktmbuf_free(worker->unsent[i]);
	}
	worker->unsent_n = 0;
	worker->unsent_dummies = 0;
}

static void drop_waiting(struct worker *worker)
{
	struct share_entry entry;

	while (share_take(worker->share, &entry, 1) > 0) {
		if (entry.queue < SHARE_QUEUE_OTHERS) {
			stage_drop(worker, entry.packet, LM_DROP_STOPPED);
			continue;
		}
		count_add(&worker->count.kernel_lost, 1);
		rte_pktmbuf_free(entry.packet);
	}
}

void relay_drop_held(struct relay *relay)
{
	struct rte_mbuf *mbuf;

	mixer_stop(&relay->mixer);
	while (rte_ring_dequeue(relay->sink.ring, (void **)&mbuf) == 0)
		stage_drop(relay->worker[0], mbuf, LM_DROP_STOPPED);
	for (unsigned i = 0; i < relay->workers; i++) {
		struct worker *worker = relay->worker[i];

		drop_ring(relay, worker->to_mixer);
		drop_ring(relay, worker->from_mixer);
		drop_waiting(worker);
		drop_unsent(worker);
		end_dummies(worker);
		worker_publish(worker);
	}
}

void relay_free(struct relay *relay)
{
	const struct view *view = __atomic_load_n(&relay->shared.view, __ATOMIC_RELAXED);

	for (unsigned i = 0; i < relay->workers && relay->worker[i]; i++) {
		if (relay->worker[i]->peeler)
			lm_wipe(relay->worker[i]->peeler, lm_packet_peeler_size());
		if (relay->worker[i]->link.context)
			lm_wipe(relay->worker[i]->link.context, lm_link_worker_size());
	}
	sessions_close(relay->sessions);
	lm_secret_free(relay->link_secret);
	cover_close(&relay->cover);
	tap_close(&relay->tap);
	free((void *)(uintptr_t)view);
	mix_keys_free(&relay->keys);
	free((void *)(uintptr_t)relay->shared.services);
	documents_close(&relay->documents);
	publish_close(&relay->publish);
}
