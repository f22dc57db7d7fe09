/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay-bounds CONFIG CAPTURE CASE: a relay on a port of rings, whose steps are called by hand, one
 * bound at a time pushed to its end. What happens there must be what app/relay/README.md says, and
 * the books must close at every step of the way. Says what it saw on one line; exits 1 if that is
 * wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bounds.h"
#include "lcore.h"
#include "restart.h"

struct bounds bounds;

void check(bool good, const char *text, int line)
{
	if (good)
		return;
	fprintf(stderr, "relay-bounds:%d: not so: %s\n", line, text);
	exit(1);
}

uint64_t dropped(enum lm_drop reason)
{
	struct counters total;
	uint64_t held;

	relay_books(&bounds.relay, &total, &held);
	CHECK(counters_off(&total, held) == 0);
	return total.drop[reason];
}

uint64_t all_dropped(void)
{
	struct counters total;
	uint64_t held;

	relay_books(&bounds.relay, &total, &held);
	CHECK(counters_off(&total, held) == 0);
	return counters_dropped(&total);
}

uint64_t held(void)
{
	struct counters total;
	uint64_t n;

	relay_books(&bounds.relay, &total, &n);
	return n;
}

static void read_frames(const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *in = pcap_open_offline(path, text);
	struct pcap_pkthdr *header;
	const u_char *bytes;

	CHECK(in != NULL);
	while (bounds.frames < FRAMES_MAX && pcap_next_ex(in, &header, &bytes) == 1) {
		CHECK(header->caplen <= FRAME_ROOM);
		bounds.frame[bounds.frames].len = header->caplen;
		memcpy(bounds.frame[bounds.frames++].bytes, bytes, header->caplen);
	}
	pcap_close(in);
}

static int start(const char *config, struct lm_error *err)
{
	struct relay *relay = &bounds.relay;
	const struct node_config *node = &bounds.config.node;
	int rc = relay_config_load(&bounds.config, config, err);

	bounds.now_us = 1;
	if (rc == 0)
		rc = relay_load(relay, &bounds.config, RELAY_THROWAWAY, err);
	if (rc == 0 && node->link.mode == CONFIG_LINK_NOISE) {
		bounds.link = feed_link_make(relay, err);
		rc = bounds.link ? 0 : -EINVAL;
	}
	if (rc == 0)
		rc = eal_plan_make(&relay->plan, node, err);
	if (rc == 0)
		rc = eal_start(node, &relay->plan, "relay-bounds", false, err);
	if (rc == 0)
		rc = port_make_pool(&relay->port, node, relay->held + relay->paced,
				    lm_packet_len(relay->topology->profile), SOCKET_ID_ANY, err);
	if (rc == 0)
		rc = ring_port_open(&relay->rings, &relay->port, node, relay->node, err);
	if (rc == 0)
		rc = relay_build(relay, SOCKET_ID_ANY, bounds.now_us, err);
	if (rc != 0)
		return rc;
	bounds.worker = relay->worker[0];
	view_self_init(&bounds.self, relay->node, relay->port.mac, 0);
	relay->shared.view = view_make(relay->topology, relay->node, &bounds.self,
				       &relay->keys.ring, &relay->links, view_resolve_static, NULL);
	if (!relay->shared.view)
		return lm_error_set(err, ENOMEM, "no view");
	return bounds.link ? feed_link_connect(bounds.link, err) : 0;
}

void offer_bytes(const uint8_t *bytes, unsigned len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(bounds.relay.port.pool);

	CHECK(mbuf != NULL);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	CHECK(rte_ring_enqueue(bounds.relay.rings.rx[0], mbuf) == 0);
}

/* Puts the next n frames of the capture on the receive ring. */
void offer(unsigned n)
{
	for (; n > 0; n--, bounds.next++) {
		CHECK(bounds.next < bounds.frames);
		offer_bytes(bounds.frame[bounds.next].bytes, bounds.frame[bounds.next].len);
	}
}

/* n frames of a source that is no neighbour; admit finds their IP header's checksum wrong. */
static void flood(unsigned n)
{
	uint8_t bytes[FRAME_ROOM];

	memcpy(bytes, bounds.frame[0].bytes, bounds.frame[0].len);
	memcpy(bytes + 26, "\xc6\x33\x64\x07", 4);
	for (; n > 0; n--)
		offer_bytes(bytes, bounds.frame[0].len);
}

/* n requests for the address of this port, from the kernel of a neighbour. */
void ask(unsigned n)
{
	uint8_t bytes[60] = {[12] = 0x08, [13] = 0x06};

	memset(bytes, 0xff, 6);
	memcpy(bytes + 6, bounds.frame[0].bytes + 6, 6);
	for (; n > 0; n--)
		offer_bytes(bytes, sizeof(bytes));
}

unsigned work(void)
{
	return worker_step(bounds.worker, ++bounds.now_us);
}

unsigned mix(void)
{
	return mixer_step(&bounds.relay.mixer, ++bounds.now_us);
}

unsigned take_sent(void)
{
	struct rte_mbuf *mbuf;
	unsigned n = 0;

	for (; rte_ring_dequeue(bounds.relay.rings.tx[0], (void **)&mbuf) == 0; n++)
		rte_pktmbuf_free(mbuf);
	return n;
}

/* More than the backlog takes, from one neighbour: half of it stays free for who comes next. */
static void backlog(void)
{
	const unsigned left = SHARE_BACKLOG / 2 - LM_BURST;
	const unsigned lost = 3 * SHARE_LOOK - 3 * LM_BURST - left;

	offer(3 * SHARE_LOOK);
	for (unsigned i = 0; i < 3; i++) {
		work();
		mix();
	}
	CHECK(share_waiting(bounds.worker->share) == left);
	CHECK(dropped(LM_DROP_OVERLOAD) == lost);
	CHECK(all_dropped() == lost); /* nothing else is lost on the way to the mixer */
	while (work() > 0)
		mix();
	CHECK(share_waiting(bounds.worker->share) == 0);
	CHECK(all_dropped() == lost);
}

/* A neighbour and the kernel below their share, beside one that floods without a pause. */
static void shares(void)
{
	const unsigned steps = 100, each = 16, asked = 2, flooded = 640;

	for (unsigned i = 0; i < steps; i++) {
		offer(each);
		flood(flooded);
		ask(asked);
		work();
		mix();
	}
	while (work() > 0)
		mix();
	CHECK(dropped(LM_DROP_OVERLOAD) > steps * flooded / 2);
	CHECK(dropped(LM_DROP_OVERLOAD) + dropped(LM_DROP_IP) == steps * flooded);
	CHECK(held() == steps * each);
	CHECK(bounds.worker->count.kernel_in == steps * asked);
	CHECK(bounds.worker->count.kernel_lost == 0);
}

/* What the stop finds in the backlog is in the books. */
static void stop(void)
{
	ask(10);
	offer(SHARE_LOOK - 10);
	work();
	CHECK(share_waiting(bounds.worker->share) == SHARE_LOOK - LM_BURST);
	CHECK(worker_inbound(bounds.worker) == held());
	relay_drop_held(&bounds.relay);
	CHECK(held() == 0);
	CHECK(dropped(LM_DROP_STOPPED) == SHARE_LOOK - 10);
}

/* A hand-over by a clock that was corrected backwards: the mixer has seen a later time. */
static void clock_back(void)
{
	char folder[] = "/dev/shm/linemix-bounds-XXXXXX";
	struct lm_error err;
	int dir;

	CHECK(mkdtemp(folder) != NULL);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bounds.now_us = lcore_clock_us() + 3600000000;
	offer(50);
	work();
	mix();
	CHECK(restart_hand_over(&bounds.relay, dir, 0, NULL, NULL, &err) == 0);
	CHECK(bounds.relay.handed_over == 50 && held() == 50);
	CHECK(unlinkat(dir, "held", 0) == 0 && rmdir(folder) == 0);
	close(dir);
}

/* The ring to the mixer, while that does nothing. */
static void mix_ring(void)
{
	unsigned places = rte_ring_get_capacity(bounds.worker->to_mixer);

	for (unsigned i = 0; i < 2 * places; i += LM_BURST) {
		offer(LM_BURST);
		work();
	}
	CHECK(rte_ring_full(bounds.worker->to_mixer));
	CHECK(dropped(LM_DROP_MIX_RING_FULL) == held() + 2);
	CHECK(all_dropped() == dropped(LM_DROP_MIX_RING_FULL));
}

/* More than the mixer may hold, while nothing leaves. */
static void pool(void)
{
	for (uint64_t i = 0; i < 2 * bounds.relay.held; i += LM_BURST) {
		offer(LM_BURST);
		work();
		mix();
	}
	CHECK(held() == bounds.relay.held);
	CHECK(dropped(LM_DROP_POOL_FULL) == bounds.relay.held);
	CHECK(all_dropped() == bounds.relay.held);
}

/* A NIC that takes nothing: all wait behind it, and nothing is lost until the mixer is full. */
static void tx_ring(void)
{
	unsigned places = rte_ring_get_capacity(bounds.relay.rings.tx[0]) +
			  rte_ring_get_capacity(bounds.worker->from_mixer) + LM_BURST;
	uint64_t n = places / LM_BURST * LM_BURST + bounds.relay.held / LM_BURST * LM_BURST;

	for (uint64_t i = 0; i < n; i += LM_BURST) {
		offer(LM_BURST);
		bounds.now_us += 1000000;
		work();
		mix();
	}
	CHECK(rte_ring_full(bounds.relay.rings.tx[0]));
	CHECK(bounds.worker->unsent_n > 0);
	CHECK(all_dropped() == 0);
	for (unsigned i = 0, sent = 0; sent < n; i++) {
		CHECK(i < n);
		sent += take_sent();
		bounds.now_us += 1000000;
		work();
		mix();
	}
	CHECK(held() == 0);
	CHECK(all_dropped() == 0);
}

/* A sink that takes nothing. */
static void sink_ring(void)
{
	unsigned places = rte_ring_get_capacity(bounds.relay.sink.ring), n = bounds.frames;

	CHECK(n > places);
	n = n / LM_BURST * LM_BURST;
	for (unsigned i = 0; i < n + 10 * LM_BURST; i += LM_BURST) {
		if (i < n)
			offer(LM_BURST);
		bounds.now_us += 1000000;
		work();
		mix();
	}
	CHECK(held() == places);
	CHECK(dropped(LM_DROP_SINK_FULL) == n - places);
	CHECK(all_dropped() == n - places);
}

/*
 * Every queue filled to its end, and there still are buffers for what arrives; then none at all,
 * and what arrives is missed until there are.
 */
static void buffers(const char *capture)
{
	struct feed_options options = {.path = capture, .rate_pps = 1000000};
	struct rte_mempool *pool = bounds.relay.port.pool;
	struct rte_mbuf *taken[1 << 16];
	struct lm_error err;
	uint64_t missed, before;
	unsigned n = 0;

	for (uint64_t i = 0; i < bounds.relay.held + 1024; i += LM_BURST) {
		offer(LM_BURST);
		bounds.now_us += 100000;
		work();
		mix();
	}
	while (rte_ring_free_count(bounds.worker->to_mixer) >= LM_BURST) {
		offer(LM_BURST);
		work();
	}
	for (unsigned i = 0; i < 4; i++) {
		flood(SHARE_LOOK);
		work();
	}
	flood(rte_ring_free_count(bounds.relay.rings.rx[0]));
	CHECK(rte_mempool_avail_count(pool) > 0);

	while (n < LM_COUNT(taken) && (taken[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;
	CHECK(rte_mempool_avail_count(pool) == 0);
	while (work() > 0)
		take_sent(); /* what moves frees some: take them too */
	while (n < LM_COUNT(taken) && (taken[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;

	struct feed *feed = feed_load(&bounds.relay, &options, &err);

	CHECK(feed != NULL);
	before = bounds.worker->count.received;
	feed_step(feed, bounds.now_us);
	CHECK(feed_step(feed, bounds.now_us += 200) > 0);
	CHECK(feed_missed(feed, &missed) == 200 && missed == 200);
	work();
	CHECK(bounds.worker->count.received == before);
	rte_pktmbuf_free_bulk(taken, n);
	feed_step(feed, bounds.now_us += 200);
	work();
	CHECK(bounds.worker->count.received > before);
	CHECK(all_dropped() > 0);
	feed_free(feed);
}

void busy(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < 200; i++) {
		bounds.now_us += 1000;
		work();
		mix();
		take_sent();
	}
}

/* Everything that can happen to a packet, while the kernel and the C library are watched. */
static void quiet(void)
{
	struct watch watch;

	for (unsigned i = 0; i < 4; i++) {
		offer(256);
		flood(512);
		ask(8);
	}
	bounds.next = 0;
	offer(64); /* seen before */
	watch = watch_run(busy, NULL);
	CHECK(watch.finished);
	CHECK(watch.allocations == 0);
	CHECK(watch.mutexes == 0);
	CHECK(dropped(LM_DROP_OVERLOAD) > 0 && dropped(LM_DROP_IP) > 0);
	CHECK(dropped(LM_DROP_REPLAY) > 0);
	CHECK(bounds.worker->count.sent > 500);
	CHECK(bounds.worker->count.kernel_in == 32);
}

static void allocating(void *unused)
{
	(void)unused;

	void *volatile memory = malloc(3); /* so that the compiler leaves both */

	free(memory);
}

static void calling(void *unused)
{
	(void)unused;
	(void)getppid();
}

/* The watch itself sees what it must. */
static void noisy(void)
{
	CHECK(watch_run(allocating, NULL).allocations > 0); /* the kernel may end it at once */
	CHECK(!watch_run(calling, NULL).finished);
}

static int by_value(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? -1 : one > other;
}

/* Ends what the stages have made of what arrived, without peeling it. */
static void end_burst(void)
{
	struct burst *burst = bounds.worker->filling;

	CHECK(burst && burst->n == LM_BURST);
	rte_pktmbuf_free_bulk(burst->mbuf, burst->n);
	burst->in_use = false;
}

/* The median cycles of a step's rx and share over `steps` steps with n frames of a flood each. */
static uint64_t time_share(unsigned steps, unsigned n)
{
	uint64_t cycles[64];

	CHECK(steps <= LM_COUNT(cycles));
	bounds.worker->view = bounds.relay.shared.view;
	bounds.worker->look = n;
	flood(steps * n); /* all at once: then no cache has what is looked at later */
	for (unsigned i = 0; i < steps; i++) {
		cycles[i] = __builtin_ia32_rdtsc();
		stage_rx(bounds.worker);
		stage_share(bounds.worker);
		cycles[i] = __builtin_ia32_rdtsc() - cycles[i];
		end_burst();
	}
	qsort(cycles, steps, sizeof(cycles[0]), by_value);
	return cycles[steps / 2];
}

static uint64_t time_peel(void)
{
	uint64_t cycles[64];

	bounds.worker->look = LM_BURST;
	offer(LM_COUNT(cycles) * LM_BURST);
	for (unsigned i = 0; i < LM_COUNT(cycles); i++) {
		cycles[i] = __builtin_ia32_rdtsc();
		work();
		cycles[i] = __builtin_ia32_rdtsc() - cycles[i];
		mix();
	}
	qsort(cycles, LM_COUNT(cycles), sizeof(cycles[0]), by_value);
	return cycles[LM_COUNT(cycles) / 2];
}

/* What a frame that is thrown away costs beside one that is peeled; prints it. */
static void cost(void)
{
	uint64_t peel = time_peel() / LM_BURST, straight, full;
	double thrown[5];

	for (unsigned i = 0; i < LM_COUNT(thrown); i++) {
		straight = time_share(20, LM_BURST);
		for (unsigned j = 0; j < 8; j++) /* until the backlog is full */
			(void)time_share(1, SHARE_LOOK);
		full = time_share(20, SHARE_LOOK);
		thrown[i] = ((double)full - (double)straight) / (SHARE_LOOK - LM_BURST);
		while (share_waiting(bounds.worker->share) > 0) {
			stage_rx(bounds.worker);
			stage_share(bounds.worker);
			end_burst();
		}
	}
	printf("{\"peel_cycles\": %llu, \"straight_cycles\": %.1f, \"thrown_cycles\": [",
	       (unsigned long long)peel, (double)straight / LM_BURST);
	for (unsigned i = 0; i < LM_COUNT(thrown); i++)
		printf("%s%.1f", i > 0 ? ", " : "", thrown[i]);
	printf("]}\n");
}

static void run(const char *capture, const char *name)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{"backlog", backlog},
		{"shares", shares},
		{"stop", stop},
		{"mix_ring", mix_ring},
		{"pool", pool},
		{"tx_ring", tx_ring},
		{"sink_ring", sink_ring},
		{"quiet", quiet},
		{"noisy", noisy},
		{"cost", cost},
		{"clock_back", clock_back},
		{"link_drops", link_drops},
		{"link_sends", link_sends},
		{"padded", padded},
		{"no_session", no_session},
		{"lane_ring", lane_ring},
		{"handshake_ring", handshake_ring},
		{"clients", clients},
		{"load", load},
		{"forged", forged},
		{"flooder", flooder},
		{"quiet_links", quiet_links},
		{"garbage_cost", garbage_cost},
	};

	if (strcmp(name, "buffers") == 0) {
		buffers(capture);
		return;
	}
	for (unsigned i = 0; i < LM_COUNT(cases); i++) {
		if (strcmp(cases[i].name, name) == 0) {
			cases[i].run();
			return;
		}
	}
	CHECK(!"a case that there is");
}

int main(int argc, char **argv)
{
	struct lm_error err;

	CHECK(argc == 4);
	CHECK(lm_base_init(&err) == 0);
	if (start(argv[1], &err) != 0) {
		fprintf(stderr, "relay-bounds: %s\n", err.text);
		return 1;
	}
	read_frames(argv[2]);
	run(argv[2], argv[3]);
	feed_link_free(bounds.link);
	relay_free(&bounds.relay);
	eal_stop();
	return 0;
}
