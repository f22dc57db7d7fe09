/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cases of relay-bounds for links with sessions: the neighbours' ends are a feed's (feed_link.h).
 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "lcore.h"
#include "restart.h"

/* Seals a frame of the capture in place; returns its lane. */
static unsigned seal(unsigned i, uint32_t to)
{
	uint8_t bytes[FRAME_ROOM];
	unsigned lane;

	CHECK(feed_link_room(bounds.link) <= FRAME_ROOM);
	bounds.frame[i].len =
		(unsigned)feed_link_seal(bounds.link, bytes, &lane, bounds.frame[i].bytes,
					 bounds.frame[i].len, to);
	CHECK(bounds.frame[i].len > 0);
	memcpy(bounds.frame[i].bytes, bytes, bounds.frame[i].len);
	return lane;
}

static void seal_all(void)
{
	for (unsigned i = 0; i < bounds.frames; i++)
		(void)seal(i, bounds.relay.node->id);
}

/* n frames of garbage. */
static void garbage(enum feed_garbage kind, unsigned n)
{
	static struct lm_prng prng;
	static bool seeded;
	uint8_t bytes[FRAME_ROOM], seed[32];
	uint64_t random;

	if (!seeded) {
		lm_rand(seed, sizeof(seed));
		lm_prng_init(&prng, seed);
		seeded = true;
	}
	for (; n > 0; n--) {
		random = (uint64_t)lm_prng_u32(&prng) << 32;
		random |= lm_prng_u32(&prng);
		offer_bytes(bytes, (unsigned)feed_link_garbage(bounds.link, bytes, kind, random));
	}
}

static int by_number(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

/* Every reason for which a frame of a link ends, once, and that nothing else ends with it. */
void link_drops(void)
{
	const uint32_t id = bounds.relay.node->id;
	uint64_t n = 0;

	seal(0, id);
	seal(1, id + 1); /* for another node */
	seal(2, LM_LINK_DUMMY);
	for (unsigned i = 3; i < 16; i++)
		(void)seal(i, id);
	offer(16);
	bounds.next = 0;
	offer(1); /* seen before */
	garbage(FEED_UNKNOWN, 1);
	garbage(FEED_FORGED, 1);
	garbage(FEED_HANDSHAKE, 1);
	offer_bytes(bounds.frame[5].bytes, bounds.frame[5].len - 1); /* cut short: IP sees it */
	bounds.frame[40].bytes[42] = 9;                              /* a bare packet */
	offer_bytes(bounds.frame[40].bytes, bounds.frame[40].len);
	while (work() > 0)
		mix();
	n += dropped(LM_DROP_LINK_ROLE) == 1;
	n += dropped(LM_DROP_LINK_REPLAY) == 1;
	n += dropped(LM_DROP_LINK_INDEX) == 1;
	n += dropped(LM_DROP_LINK_TAG) == 1;
	n += dropped(LM_DROP_LINK_FORMAT) == 1;
	n += dropped(LM_DROP_IP) == 1;
	CHECK(n == 6 && all_dropped() == 6);
	CHECK(bounds.worker->count.dummy_in == 1);
	CHECK(bounds.worker->count.handshake_in == 1);
	CHECK(bounds.worker->count.received == 14 + 6);
	CHECK(held() == 14);
}

/* n dummies for the only next hop into the ring to the worker, as the mixer gives them. */
static void give_dummies(unsigned n)
{
	struct lm_mix_item dummy = {.to = 1};

	while (!view_link(bounds.relay.shared.view, dummy.to))
		dummy.to++;
	for (; n > 0; n--) {
		CHECK(rte_ring_sp_enqueue_elem(bounds.worker->from_mixer, &dummy, sizeof(dummy)) ==
		      0);
		bounds.worker->dummies_put++;
	}
}

/* What leaves: sealed, from the ports of its lanes, with dummies that are in no book. */
void link_sends(void)
{
	unsigned ports[2] = {65535, 0}, n = 0;
	struct rte_mbuf *mbuf;

	seal_all();
	for (unsigned i = 0; i < 4; i++) {
		offer(LM_BURST);
		bounds.now_us += 1000000;
		work();
		mix();
	}
	give_dummies(10);
	CHECK(all_dropped() == 0); /* the books close with dummies in the ring */
	while (held() > 0) {
		bounds.now_us += 1000000;
		work();
		mix();
	}
	while (work() > 0)
		continue;
	CHECK(bounds.worker->count.sent == 4 * LM_BURST && bounds.worker->count.dummy_out == 10);
	CHECK(all_dropped() == 0);
	for (; rte_ring_dequeue(bounds.relay.rings.tx[0], (void **)&mbuf) == 0; n++) {
		const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
		unsigned port = (unsigned)(frame[34] << 8 | frame[35]);

		ports[0] = port < ports[0] ? port : ports[0];
		ports[1] = port > ports[1] ? port : ports[1];
		CHECK(rte_pktmbuf_data_len(mbuf) == bounds.frame[0].len);
		CHECK(lm_load_u32(frame + 42) == 4);
		rte_pktmbuf_free(mbuf);
	}
	CHECK(n == 4 * LM_BURST + 10);
	CHECK(ports[0] == HANDSHAKES_LANE_PORT && ports[1] == ports[0] + LM_LINK_LANES_MIN - 1);
}

/* Steps of both through so much time, a slot of a link at a time; what left by then. */
static unsigned pass_slots(unsigned slots)
{
	unsigned n = 0;

	for (unsigned i = 0; i < slots; i++) {
		bounds.now_us += bounds.relay.topology->cover.link_interval_us;
		mix();
		work();
		n += take_sent();
	}
	return n;
}

/*
 * Packets wait for slots of their link, some are with dummies in the ring to the worker; then a
 * hand-over, and the next start, which is this relay again, by the lcores' clock.
 */
void padded(void)
{
	const struct counters *count = &bounds.worker->count;
	const unsigned packets = 4 * LM_BURST;
	char folder[] = "/dev/shm/linemix-bounds-XXXXXX";
	struct lm_error err;
	unsigned sent;
	int dir;

	seal_all();
	mix();
	CHECK(pass_slots(5) == 5 && count->dummy_out == 5);
	for (unsigned i = 0; i < packets; i += LM_BURST) {
		offer(LM_BURST);
		work();
		mix();
	}
	CHECK(pass_slots(20) == 20 && count->sent + count->dummy_out == 25 && count->sent > 15);
	for (unsigned i = 0; i < 3; i++) { /* slots that the worker does not see any more */
		bounds.now_us += bounds.relay.topology->cover.link_interval_us;
		mix();
	}
	give_dummies(2);
	sent = (unsigned)count->sent;
	CHECK(rte_ring_count(bounds.worker->from_mixer) == 5);
	CHECK(held() == packets - sent && all_dropped() == 0);

	CHECK(mkdtemp(folder) != NULL);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(restart_hand_over(&bounds.relay, dir, handover_clock_us(), NULL, NULL, &err) == 0);
	CHECK(bounds.relay.handed_over == packets - sent && held() == packets - sent);
	CHECK(count->dummy_lost == 2 && all_dropped() == 0);
	restart_take_over(&bounds.relay, dir);
	CHECK(bounds.relay.count.taken_over == packets - sent && held() == 2 * (packets - sent));
	CHECK(rmdir(folder) == 0); /* the file is gone */
	close(dir);

	bounds.now_us = lcore_clock_us();
	mix();
	work();
	take_sent();
	CHECK(pass_slots(packets) == packets); /* the link's rate, whatever was taken over */
	CHECK(count->sent == packets && held() == packets - sent && all_dropped() == 0);
	CHECK(count->dummy_lost == 2);
}

/* A next hop whose session has ended. */
void no_session(void)
{
	struct lm_mix_item dummy = {.to = 1};
	const struct view *old = bounds.relay.shared.view;

	seal_all();
	offer(LM_BURST);
	work();
	mix();
	for (unsigned i = 0; i < bounds.relay.topology->nodes; i++) /* all get new keys */
		lm_rand(&bounds.relay.topology->node[i].link, sizeof(struct lm_point));
	{
		struct lm_error err;
		struct view *view;

		CHECK(relay_prepare_sessions(&bounds.relay, bounds.relay.topology,
					     bounds.relay.node, bounds.relay.config, &err) == 0);
		view = view_make(bounds.relay.topology, bounds.relay.node, &bounds.self,
				 &bounds.relay.keys.ring, &bounds.relay.links, view_resolve_static,
				 NULL);
		CHECK(view != NULL);
		bounds.relay.shared.view = view;
		sessions_commit(bounds.relay.sessions);
	}
	while (!view_link(bounds.relay.shared.view, dummy.to))
		dummy.to++;
	CHECK(rte_ring_sp_enqueue_elem(bounds.worker->from_mixer, &dummy, sizeof(dummy)) == 0);
	bounds.worker->dummies_put++;
	while (held() > 0) {
		bounds.now_us += 1000000;
		work();
		mix();
	}
	free((void *)(uintptr_t)old);
	CHECK(dropped(LM_DROP_NO_SESSION) == LM_BURST && all_dropped() == LM_BURST);
	CHECK(bounds.worker->count.dummy_lost == 1);
	offer(10); /* by sessions that have ended */
	while (work() > 0)
		continue;
	CHECK(dropped(LM_DROP_LINK_INDEX) == 10);
}

/* The ring to a worker that does nothing: what is over is lost, frames of own lanes are not. */
void lane_ring(void)
{
	struct worker *other = bounds.relay.worker[1];
	unsigned places = rte_ring_get_capacity(other->link.from_others), theirs = 0, n;

	for (n = 0; n < bounds.frames && theirs < places + 10; n++)
		theirs += seal(n, bounds.relay.node->id) % 2;
	CHECK(theirs == places + 10);
	while (bounds.next < n) {
		offer(n - bounds.next < LM_BURST ? n - bounds.next : LM_BURST);
		work();
		mix();
	}
	while (work() > 0)
		mix();
	CHECK(dropped(LM_DROP_LINK_RING_FULL) == 10 && all_dropped() == 10);
	CHECK(rte_ring_count(other->link.from_others) == places);
	CHECK(held() == n - theirs);
	while (worker_step(other, ++bounds.now_us) + work() > 0)
		mix();
	CHECK(all_dropped() == 10 && held() == n - 10);
}

/* Another source address in an IPv4 frame, with the checksum that it takes. */
static void set_source(uint8_t *frame, const uint8_t address[4])
{
	uint32_t sum = 0;

	memcpy(frame + 26, address, 4);
	memset(frame + 24, 0, 2);
	for (unsigned i = 14; i < 34; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
	memset(frame + 40, 0, 2); /* UDP over IPv4 does without */
}

/* A flood of a stranger's handshakes: half of the ring, and a neighbour's finds room. */
void handshake_ring(void)
{
	uint8_t bytes[FRAME_ROOM];
	size_t len = feed_link_garbage(bounds.link, bytes, FEED_HANDSHAKE, 0);

	garbage(FEED_HANDSHAKE, 1000);
	while (work() > 0)
		continue;
	CHECK(bounds.worker->count.handshake_in == HANDSHAKES_RING / 2);
	CHECK(bounds.worker->count.handshake_lost == 1000 - HANDSHAKES_RING / 2);
	set_source(bytes, bounds.frame[0].bytes + 26); /* a neighbour's */
	for (unsigned i = 0; i < HANDSHAKES_RING; i++)
		offer_bytes(bytes, (unsigned)len);
	while (work() > 0)
		continue;
	CHECK(bounds.worker->count.handshake_in == HANDSHAKES_RING - 1);
	CHECK(all_dropped() == 0 && bounds.worker->count.received == 0);
}

/* A client's end, and what it sends to a gateway. */
struct client {
	struct lm_link_table *table;
	struct lm_link_endpoint *endpoint;
	struct lm_link_peer *peer;
	struct lm_link_worker *worker;
	unsigned lane;
};

static struct lm_link_peer *nobody(void *context, const struct lm_point *key)
{
	(void)context;
	(void)key;
	return NULL;
}

static void client_connect(struct client *client)
{
	const size_t packet_len = lm_packet_len(bounds.relay.topology->profile);
	struct lm_link_config config = {.identify = nobody};
	struct lm_link_source source = {.port = 7};
	struct lm_link_received there, back;
	uint8_t message[LM_LINK_MESSAGE_MAX];
	struct lm_point public, relay;
	struct lm_error err;
	size_t len;

	client->table = lm_secret_alloc(lm_link_table_size(4, LM_LINK_LANES_MIN));
	client->endpoint = lm_secret_alloc(lm_link_endpoint_size());
	client->peer = lm_secret_alloc(lm_link_peer_size());
	client->worker = lm_secret_alloc(lm_link_worker_size());
	(void)lm_link_table_init(client->table, 4, LM_LINK_LANES_MIN, packet_len);
	config.table = client->table;
	lm_rand(&config.secret, sizeof(config.secret));
	(void)lm_link_endpoint_init(client->endpoint, &config, 1);
	lm_link_endpoint_public(client->endpoint, &public);
	lm_link_endpoint_public(sessions_endpoint(bounds.relay.sessions), &relay);
	CHECK(lm_link_peer_init(client->peer, client->endpoint, &relay, 1, true, 0) != NULL);
	CHECK(lm_link_worker_init(client->worker, client->table, "auto", &err) != NULL);

	lm_hex_encode(bounds.config.client[0], public.b, sizeof(public.b));
	bounds.config.clients = 1;
	CHECK(relay_prepare_sessions(&bounds.relay, bounds.relay.topology, bounds.relay.node,
				     &bounds.config, &err) == 0);
	sessions_commit(bounds.relay.sessions);
	len = lm_link_step(client->peer, message, 1, 1);
	sessions_receive(bounds.relay.sessions, &there, message, len, &source, false, 1);
	CHECK(there.result == LM_LINK_RESPONDED);
	lm_link_receive(client->endpoint, &back, there.reply, there.reply_len, &source, false, 1);
	CHECK(back.result == LM_LINK_ESTABLISHED);
}

/* The packet of a bare frame of the capture, from the client. */
static void client_send(struct client *client, unsigned i, uint32_t to)
{
	const size_t packet_len = lm_packet_len(bounds.relay.topology->profile);
	uint8_t bytes[FRAME_ROOM];
	struct frame_way way = {0}; /* from the relay to itself; then from elsewhere */
	struct frame_header header;
	struct lm_link_seal seal = {.session = lm_link_peer_sending(client->peer),
				    .lane = client->lane++ % LM_LINK_LANES_MIN,
				    .to = to,
				    .packet = bytes + FRAME_HEADER_MAX + LM_LINK_HEADROOM};

	memcpy(seal.packet, bounds.frame[i].bytes + 42, packet_len);
	CHECK(lm_link_seal(client->worker, &seal, 1) == 1);
	memcpy(way.mac, bounds.self.mac, sizeof(way.mac));
	frame_header_init(&header, &bounds.self, bounds.relay.node, &way);
	memcpy(header.bytes + header.ip_offset + 12, "\xc6\x33\x64\x07", 4);
	offer_bytes(frame_write(&header, seal.frame, packet_len + LM_LINK_OVERHEAD, true),
		    (unsigned)(header.len + packet_len + LM_LINK_OVERHEAD));
}

/* A client hands packets to its gateway, for mixes of the first layer alone. */
void clients(void)
{
	const uint32_t self = bounds.relay.node->id;
	const struct lm_topology *topology = bounds.relay.topology;
	uint32_t mix_id = topology->node[topology->layer_node[1][0]].id;
	struct client client = {0};

	client_connect(&client);
	for (unsigned i = 0; i < 20; i++)
		client_send(&client, i, mix_id);
	client_send(&client, 20, self);       /* a gateway */
	client_send(&client, 21, 4000000000); /* nobody */
	client_send(&client, 22, UINT32_MAX); /* for operations that there are none of */
	client_send(&client, 23, LM_LINK_DUMMY);
	while (work() > 0)
		mix();
	CHECK(held() == 20);
	CHECK(dropped(LM_DROP_NEXT_LAYER) == 1 && dropped(LM_DROP_NEXT_UNKNOWN) == 1);
	CHECK(dropped(LM_DROP_LINK_ROLE) == 1 && all_dropped() == 3);
	CHECK(bounds.worker->count.dummy_in == 1);
	while (held() > 0) {
		bounds.now_us += 1000000;
		work();
		mix();
	}
	CHECK(bounds.worker->count.sent == 20 && all_dropped() == 3);
	bounds.config.clients = 0; /* it is removed */
	{
		struct lm_error err;

		CHECK(relay_prepare_sessions(&bounds.relay, topology, bounds.relay.node,
					     &bounds.config, &err) == 0);
	}
	sessions_commit(bounds.relay.sessions);
	client_send(&client, 24, mix_id);
	work();
	CHECK(dropped(LM_DROP_LINK_INDEX) == 1);
	lm_secret_free(client.table);
	lm_secret_free(client.endpoint);
	lm_secret_free(client.peer);
	lm_secret_free(client.worker);
}

static void begin_nothing(void *unused)
{
	(void)unused;
}

static bool always(void *unused)
{
	(void)unused;
	return true;
}

/*
 * A second of a handshake flood: what is free is answered, then cookies are asked for; the control
 * thread does no more than its ration, and is at ease again when the flood is over.
 */
void load(void)
{
	struct handshakes *handshakes = &bounds.relay.handshakes;
	uint64_t now_us = 1000000, *result = handshakes->result, all;

	handshakes->self = &bounds.self;
	handshakes->quiet = (struct handshakes_quiet){begin_nothing, always, NULL};
	for (unsigned i = 0; i < 1000; i++, now_us += 1000) {
		garbage(FEED_HANDSHAKE, 20);
		work();
		(void)take_sent();
		(void)handshakes_turn(handshakes, bounds.relay.shared.view, now_us, now_us);
	}
	all = result[LM_LINK_REFUSED] + result[LM_LINK_COOKIE_SENT];
	CHECK(result[LM_LINK_REFUSED] >= HANDSHAKES_FREE);
	CHECK(result[LM_LINK_REFUSED] <= HANDSHAKES_FREE + HANDSHAKES_FREE_PER_SECOND);
	CHECK(result[LM_LINK_COOKIE_SENT] == handshakes->under_load);
	CHECK(all <= HANDSHAKES_PER_SECOND + HANDSHAKES_RING && all > HANDSHAKES_PER_SECOND / 4);
	CHECK(bounds.worker->count.handshake_lost + bounds.worker->count.handshake_in == 20000);
	CHECK(bounds.worker->count.handshake_lost > 20000 / 2);
	CHECK(all_dropped() == 0);

	for (unsigned i = 0; i < 100; i++, now_us += 10000) /* what the ring still has */
		(void)handshakes_turn(handshakes, bounds.relay.shared.view, now_us, now_us);
	all = result[LM_LINK_REFUSED];
	now_us += 10000000;
	garbage(FEED_HANDSHAKE, 1);
	work();
	(void)handshakes_turn(handshakes, bounds.relay.shared.view, now_us, now_us);
	CHECK(result[LM_LINK_REFUSED] == all + 1);
}

/* Frames with forged tags under a neighbour's index take nothing from it but time. */
void forged(void)
{
	const unsigned steps = 100, each = 16, forgeries = 640;

	seal_all();
	for (unsigned i = 0; i < steps; i++) {
		offer(each / 2);
		garbage(FEED_FORGED, forgeries);
		offer(each / 2);
		work();
		mix();
	}
	while (work() > 0)
		mix();
	CHECK(dropped(LM_DROP_LINK_TAG) + dropped(LM_DROP_OVERLOAD) == steps * forgeries);
	CHECK(dropped(LM_DROP_LINK_TAG) >= steps * forgeries / 2);
	CHECK(held() + dropped(LM_DROP_POOL_FULL) == steps * each);
}

/*
 * A neighbour below its share beside another, authenticated, that floods: with frames that are new
 * on its link, of packets that were seen before.
 */
void flooder(void)
{
	const unsigned steps = 50, each = 16, flooded = 512;
	const struct lm_topology_node *other = lm_topology_find(bounds.relay.topology, 2);
	uint8_t bare[FRAME_ROOM], bytes[FRAME_ROOM];
	unsigned len = bounds.frame[0].len, lane;

	CHECK(other != NULL);
	memcpy(bare, bounds.frame[0].bytes, len);
	set_source(bare, other->address[0].ip);
	for (unsigned i = 1; i < bounds.frames; i++)
		(void)seal(i, bounds.relay.node->id);
	bounds.next = 1;
	for (unsigned i = 0; i < steps; i++) {
		for (unsigned j = 0; j < flooded; j++)
			offer_bytes(bytes, (unsigned)feed_link_seal(bounds.link, bytes, &lane, bare,
								    len, bounds.relay.node->id));
		offer(each);
		work();
		mix();
	}
	while (work() > 0)
		mix();
	CHECK(held() == steps * each + 1); /* and one of the flooder's, the first */
	CHECK(dropped(LM_DROP_REPLAY) + dropped(LM_DROP_OVERLOAD) == steps * flooded - 1);
	CHECK(dropped(LM_DROP_OVERLOAD) > steps * flooded / 2);
	CHECK(all_dropped() == steps * flooded - 1);
}

/* Everything that can happen to a frame, while the kernel and the C library are watched. */
void quiet_links(void)
{
	struct lm_mix_item dummy = {.to = 1};
	struct watch watch;

	while (!view_link(bounds.relay.shared.view, dummy.to))
		dummy.to++;
	seal_all();
	for (unsigned i = 0; i < 4; i++) {
		offer(200);
		garbage(FEED_UNKNOWN, 256);
		garbage(FEED_FORGED, 128);
		garbage(FEED_HANDSHAKE, 64);
		ask(8);
		CHECK(rte_ring_sp_enqueue_elem(bounds.worker->from_mixer, &dummy, sizeof(dummy)) ==
		      0);
		bounds.worker->dummies_put++;
	}
	bounds.next = 0;
	offer(64); /* seen before */
	watch = watch_run(busy, NULL);
	CHECK(watch.finished);
	CHECK(watch.allocations == 0);
	CHECK(watch.mutexes == 0);
	CHECK(dropped(LM_DROP_LINK_INDEX) > 0 && dropped(LM_DROP_LINK_TAG) > 0);
	CHECK(dropped(LM_DROP_LINK_REPLAY) > 0);
	CHECK(bounds.worker->count.sent > 500);
	CHECK(bounds.worker->count.dummy_out == 4);
	CHECK(bounds.worker->count.handshake_in == 128 && bounds.worker->count.kernel_in == 32);
}

/* CPU time of this thread: what others do on the machine counts little. */
static double clock_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Nanoseconds from the NIC's ring to its end, of each of n frames of garbage in one step. */
static double time_garbage(enum feed_garbage kind, unsigned n)
{
	struct worker *worker = bounds.worker;
	uint64_t before = worker->count.received;
	double ns;

	garbage(kind, n);
	worker->view = bounds.relay.shared.view;
	ns = clock_ns();
	stage_rx(worker);
	stage_open(worker);
	ns = clock_ns() - ns;
	CHECK(worker->opened_n == 0 && worker->count.received == before + n);
	worker->filling->in_use = false;
	return ns / n;
}

#define GOODPUT_STEPS 60

/* What steps peel a burst of new packets beside. */
static const struct {
	enum feed_garbage kind;
	unsigned n;
} besides[] = {
	{FEED_UNKNOWN, 0},
	{FEED_UNKNOWN, 20 * LM_BURST},
	{FEED_FORGED, 5 * LM_BURST},
	{FEED_HANDSHAKE, LM_BURST},
};

static double time_step(enum feed_garbage kind, unsigned n)
{
	struct rte_mbuf *mbuf;
	double ns;

	offer(LM_BURST / 2);
	garbage(kind, n);
	offer(LM_BURST / 2);
	ns = clock_ns();
	while (work() > 0)
		continue;
	ns = clock_ns() - ns;
	mix();
	while (rte_ring_dequeue(bounds.relay.handshakes.in, (void **)&mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	return ns;
}

/*
 * Steps beside each take turns, so that all see the same machine: of the bare steps the median, and
 * of the others the median of what they take, as a multiple of the bare one of their turn.
 */
static void time_besides(double *bare_ns, double times[LM_COUNT(besides)])
{
	double ns[LM_COUNT(besides)][GOODPUT_STEPS];

	for (unsigned i = 0; i < GOODPUT_STEPS; i++) {
		for (unsigned k = 0; k < LM_COUNT(besides); k++)
			ns[k][i] = time_step(besides[k].kind, besides[k].n);
		for (unsigned k = 1; k < LM_COUNT(besides); k++)
			ns[k][i] /= ns[0][i];
	}
	for (unsigned k = 0; k < LM_COUNT(besides); k++) {
		qsort(ns[k], GOODPUT_STEPS, sizeof(double), by_number);
		times[k] = ns[k][GOODPUT_STEPS / 2];
	}
	*bare_ns = times[0];
}

/* What rejected frames cost, and the goodput beside many of them; prints it. */
void garbage_cost(void)
{
	double ns[2][101], times[LM_COUNT(besides)], bare_ns;

	for (unsigned i = 0; i < LM_COUNT(ns[0]); i++) {
		ns[0][i] = time_garbage(FEED_UNKNOWN, 2048);
		ns[1][i] = time_garbage(FEED_FORGED, 640);
	}
	qsort(ns[0], LM_COUNT(ns[0]), sizeof(double), by_number);
	qsort(ns[1], LM_COUNT(ns[1]), sizeof(double), by_number);
	CHECK(dropped(LM_DROP_LINK_INDEX) == 2048 * LM_COUNT(ns[0]));
	CHECK(dropped(LM_DROP_LINK_TAG) == 640 * LM_COUNT(ns[1]));
	CHECK(bounds.frames >= 4 * GOODPUT_STEPS * LM_BURST);
	seal_all();
	time_besides(&bare_ns, times);
	CHECK(dropped(LM_DROP_LINK_INDEX) ==
	      2048 * LM_COUNT(ns[0]) + 20 * LM_BURST * GOODPUT_STEPS);
	CHECK(dropped(LM_DROP_LINK_TAG) == 640 * LM_COUNT(ns[1]) + 5 * LM_BURST * GOODPUT_STEPS);
	printf("{\"unknown_ns\": %.1f, \"unknown_least_ns\": %.1f, \"forged_ns\": %.1f, "
	       "\"forged_least_ns\": %.1f, \"packet_ns\": %.0f, \"beside_unknown\": %.4f, "
	       "\"beside_forged\": %.4f, \"beside_handshakes\": %.4f}\n",
	       ns[0][50], ns[0][0], ns[1][50], ns[1][0], bare_ns / LM_BURST, 1 / times[1],
	       1 / times[2], 1 / times[3]);
}
