/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Benchmarks of link frames of both profiles (the large one's end in `.large`), and what they are
 * compared with: ipsec-mb's bare AEAD jobs on the same bytes (`symmetric.aead`), which take turns
 * with them: `ratio` says how many times as fast as those they are. `symmetric.verify`, ipsec-mb's
 * jobs too, is what a forged frame would cost at least with them.
 */
#include <intel-ipsec-mb.h>
#include <string.h>

#include "imb_suite.h"
#include "lm_link.h"
#include "micro.h"

#define SMALL 1348 /* bytes of a packet */
#define LARGE 8580
#define TO    4   /* bytes before it */
#define GAP   112 /* between two buffers, so that they do not begin at the same place of a page */

struct aead_context {
	struct lm_symmetric *symmetric;
	IMB_MGR *imb;
	struct lm_key key[LM_BURST];
	struct lm_nonce nonce[LM_BURST];
	struct lm_mac mac[LM_BURST];
	uint8_t *text[LM_BURST];
	size_t text_len;
	uint8_t bytes[];
};

static void init_imb(IMB_MGR *imb, const char *backend)
{
	if (strcmp(backend, "avx512") == 0)
		init_mb_mgr_avx512(imb);
	else if (strcmp(backend, "avx2") == 0)
		init_mb_mgr_avx2(imb);
	else
		init_mb_mgr_sse(imb);
}

static void *setup_texts(const char *backend, size_t packet_len)
{
	size_t text_len = TO + packet_len, stride = text_len + LM_LINK_OVERHEAD - TO + GAP;
	struct aead_context *c = calloc(1, sizeof(*c) + LM_BURST * stride);
	size_t size = (lm_symmetric_size() + LM_SYMMETRIC_ALIGN - 1) / LM_SYMMETRIC_ALIGN;
	void *memory = aligned_alloc(LM_SYMMETRIC_ALIGN, size * LM_SYMMETRIC_ALIGN);

	LM_ASSERT(c && memory);
	c->symmetric = lm_symmetric_init(memory, backend, NULL);
	c->imb = alloc_mb_mgr(0);
	LM_ASSERT(c->symmetric && c->imb);
	init_imb(c->imb, backend);
	lm_rand(c->key, sizeof(c->key));
	lm_rand(c->nonce, sizeof(c->nonce));
	c->text_len = text_len;
	for (unsigned i = 0; i < LM_BURST; i++)
		c->text[i] = c->bytes + i * stride;
	return c;
}

static void *setup_aead(const char *backend)
{
	return setup_texts(backend, SMALL);
}

static void *setup_aead_large(const char *backend)
{
	return setup_texts(backend, LARGE);
}

static void teardown_aead(void *context)
{
	struct aead_context *c = context;

	free_mb_mgr(c->imb);
	free(c->symmetric);
	free(c);
}

static void run_jobs(void *context, unsigned n)
{
	struct aead_context *c = context;
	IMB_JOB *job[LM_BURST];

	LM_ASSERT(IMB_GET_NEXT_BURST(c->imb, n, job) == n);
	for (unsigned i = 0; i < n; i++)
		*job[i] = (IMB_JOB){
			.chain_order = IMB_ORDER_CIPHER_HASH,
			.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_CHACHA20_POLY1305,
			.enc_keys = c->key[i].b,
			.dec_keys = c->key[i].b,
			.key_len_in_bytes = sizeof(c->key[i].b),
			.iv = c->nonce[i].b,
			.iv_len_in_bytes = sizeof(c->nonce[i].b),
			.src = c->text[i],
			.dst = c->text[i],
			.msg_len_to_cipher_in_bytes = c->text_len,
			.msg_len_to_hash_in_bytes = c->text_len,
			.auth_tag_output = c->mac[i].b,
			.auth_tag_output_len_in_bytes = sizeof(c->mac[i].b),
		};
	imb_suite(c->imb, job, n);
	LM_ASSERT(IMB_SUBMIT_BURST(c->imb, n, job) == n);
}

/*
 * What ipsec-mb takes to verify without decrypting: ChaCha20's first block, which is the one-time
 * key, and Poly1305 over the text.
 */
static void run_verify_jobs(void *context, unsigned n)
{
	static const uint8_t zero[64];
	struct aead_context *c = context;

	for (unsigned i = 0; i < n; i++) {
		uint8_t block[64];
		IMB_JOB *job = IMB_GET_NEXT_JOB(c->imb);

		*job = (IMB_JOB){
			.chain_order = IMB_ORDER_CIPHER_HASH,
			.cipher_mode = IMB_CIPHER_CHACHA20,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_NULL,
			.enc_keys = c->key[i].b,
			.dec_keys = c->key[i].b,
			.key_len_in_bytes = sizeof(c->key[i].b),
			.iv = c->nonce[i].b,
			.iv_len_in_bytes = sizeof(c->nonce[i].b),
			.src = zero,
			.dst = block,
			.msg_len_to_cipher_in_bytes = sizeof(block),
		};
		LM_ASSERT(IMB_SUBMIT_JOB(c->imb) != NULL);
		job = IMB_GET_NEXT_JOB(c->imb);
		*job = (IMB_JOB){
			.chain_order = IMB_ORDER_HASH_CIPHER,
			.cipher_mode = IMB_CIPHER_NULL,
			.hash_alg = IMB_AUTH_POLY1305,
			.u.POLY1305._key = block,
			.src = c->text[i],
			.msg_len_to_hash_in_bytes = c->text_len,
			.auth_tag_output = c->mac[i].b,
			.auth_tag_output_len_in_bytes = sizeof(c->mac[i].b),
		};
		LM_ASSERT(IMB_SUBMIT_JOB(c->imb) != NULL);
	}
}

static void run_aead_seal(void *context, unsigned n)
{
	struct aead_context *c = context;

	lm_symmetric_aead_seal(c->symmetric, c->mac, c->text, c->text_len, c->key, c->nonce, n);
}

static void run_aead_open(void *context, unsigned n)
{
	struct aead_context *c = context;

	LM_ASSERT(lm_symmetric_aead_open(c->symmetric, c->text, c->text_len, c->mac, c->key,
					 c->nonce, NULL, n) == UINT64_MAX >> (64 - n));
}

/* ---- Frames ---- */

/* One end of a link. */
struct end {
	struct lm_link_table *table;
	struct lm_link_endpoint *endpoint;
	struct lm_link_peer *peer;
	struct lm_link_worker *worker;
};

struct link_context {
	struct end sender, receiver;
	struct lm_link_seal seal[LM_BURST];
	struct lm_link_open open[LM_BURST];
	size_t stride;
	uint8_t bytes[]; /* frames, a stride each */
};

static void *aligned(size_t n)
{
	size_t rounded = (n + LM_LINK_ALIGN - 1) / LM_LINK_ALIGN * LM_LINK_ALIGN;
	void *memory = aligned_alloc(LM_LINK_ALIGN, rounded);

	LM_ASSERT(memory);
	return memset(memory, 0, rounded);
}

static struct lm_link_peer *identify(void *context, const struct lm_point *key)
{
	(void)key;
	return ((struct end *)context)->peer;
}

static void end_init(struct end *end, const char *backend, size_t packet_len)
{
	struct lm_link_config config = {.identify = identify, .context = end};

	end->table = lm_link_table_init(aligned(lm_link_table_size(2, 32)), 2, 32, packet_len);
	lm_rand(&config.secret, sizeof(config.secret));
	config.table = end->table;
	end->endpoint = lm_link_endpoint_init(aligned(lm_link_endpoint_size()), &config, 0);
	end->worker =
		lm_link_worker_init(aligned(lm_link_worker_size()), end->table, backend, NULL);
	LM_ASSERT(end->worker);
}

static void end_meet(struct end *end, const struct end *other)
{
	struct lm_point key;

	lm_link_endpoint_public(other->endpoint, &key);
	end->peer =
		lm_link_peer_init(aligned(lm_link_peer_size()), end->endpoint, &key, 1, true, 0);
	LM_ASSERT(end->peer);
}

static void end_free(struct end *end)
{
	free(end->table);
	free(end->endpoint);
	free(end->peer);
	free(end->worker);
}

static void shake(struct end *sender, struct end *receiver)
{
	static const struct lm_link_source source;
	struct lm_link_received got = {0}, back = {0};
	uint8_t message[LM_LINK_MESSAGE_MAX];
	size_t len = lm_link_step(sender->peer, message, 1, 1);

	lm_link_receive(receiver->endpoint, &got, message, len, &source, false, 1);
	lm_link_receive(sender->endpoint, &back, got.reply, got.reply_len, &source, false, 1);
	LM_ASSERT(back.result == LM_LINK_ESTABLISHED);
}

static void *setup_frames(const char *backend, size_t packet_len)
{
	size_t frame_len = packet_len + LM_LINK_OVERHEAD, stride = frame_len + GAP;
	struct link_context *c = aligned(sizeof(*c) + LM_BURST * stride);

	end_init(&c->sender, backend, packet_len);
	end_init(&c->receiver, backend, packet_len);
	end_meet(&c->sender, &c->receiver);
	end_meet(&c->receiver, &c->sender);
	shake(&c->sender, &c->receiver);
	c->stride = stride;
	for (unsigned i = 0; i < LM_BURST; i++) {
		c->seal[i].session = lm_link_peer_sending(c->sender.peer);
		c->seal[i].lane = i % 32;
		c->seal[i].to = 1 + i;
		c->seal[i].packet = c->bytes + i * stride + LM_LINK_HEADROOM;
		c->open[i].frame = c->bytes + i * stride;
		c->open[i].len = frame_len;
	}
	return c;
}

static void *setup_link(const char *backend)
{
	return setup_frames(backend, SMALL);
}

static void *setup_link_large(const char *backend)
{
	return setup_frames(backend, LARGE);
}

static void teardown_link(void *context)
{
	struct link_context *c = context;

	end_free(&c->sender);
	end_free(&c->receiver);
	free(c);
}

static void run_seal(void *context, unsigned n)
{
	struct link_context *c = context;

	LM_ASSERT(lm_link_seal(c->sender.worker, c->seal, n) == UINT64_MAX >> (64 - n));
}

static void run_open(void *context, unsigned n)
{
	struct link_context *c = context;

	LM_ASSERT(lm_link_open(c->receiver.worker, c->open, n) == UINT64_MAX >> (64 - n));
}

static void *setup_dummies(const char *backend)
{
	struct link_context *c = setup_link(backend);

	for (unsigned i = 0; i < LM_BURST; i++)
		c->seal[i].to = LM_LINK_DUMMY;
	return c;
}

/* What is refused changes nothing, so that the same frames come again and again. */
static void run_refused(void *context, unsigned n)
{
	struct link_context *c = context;

	LM_ASSERT(lm_link_open(c->receiver.worker, c->open, n) == 0);
}

/* Frames with one byte changed. */
static void *setup_changed(const char *backend, unsigned at)
{
	struct link_context *c = setup_link(backend);

	run_seal(c, LM_BURST);
	for (unsigned i = 0; i < LM_BURST; i++)
		c->bytes[i * c->stride + at] ^= 0x80;
	return c;
}

static void *setup_forged(const char *backend)
{
	return setup_changed(backend, SMALL + LM_LINK_OVERHEAD - 1);
}

static void *setup_unknown(const char *backend)
{
	return setup_changed(backend, 7);
}

#define AEAD                                                                                  \
	{                                                                                     \
		"symmetric.aead", BASELINE_SHARED, setup_aead, NULL, run_jobs, teardown_aead, \
	}
#define AEAD_LARGE                                                                         \
	{                                                                                  \
		"symmetric.aead.large", BASELINE_SHARED, setup_aead_large, NULL, run_jobs, \
			teardown_aead,                                                     \
	}

const struct benchmark aead_baseline[AEADS] = {AEAD, AEAD_LARGE};

static const struct benchmark benchmarks[] = {
	AEAD,
	AEAD_LARGE,
	{"symmetric.verify", BASELINE_AEAD, setup_aead, NULL, run_verify_jobs, teardown_aead},
	{"symmetric.aead_seal", BASELINE_AEAD, setup_aead, NULL, run_aead_seal, teardown_aead},
	{"symmetric.aead_open", BASELINE_AEAD, setup_aead, run_aead_seal, run_aead_open,
	 teardown_aead},
	{"link.seal", BASELINE_AEAD, setup_link, NULL, run_seal, teardown_link},
	{"link.open", BASELINE_AEAD, setup_link, run_seal, run_open, teardown_link},
	{"link.open_forged", BASELINE_AEAD, setup_forged, NULL, run_refused, teardown_link},
	{"link.open_unknown", BASELINE_AEAD, setup_unknown, NULL, run_refused, teardown_link},
	{"link.seal.large", BASELINE_AEAD_LARGE, setup_link_large, NULL, run_seal, teardown_link},
	{"link.open.large", BASELINE_AEAD_LARGE, setup_link_large, run_seal, run_open,
	 teardown_link},
	{"link.seal_dummy", BASELINE_AEAD, setup_dummies, NULL, run_seal, teardown_link},
	{"link.open_dummy", BASELINE_AEAD, setup_dummies, run_seal, run_refused, teardown_link},
};

const struct suite link_suite = {
	benchmarks,
	LM_COUNT(benchmarks),
	lm_symmetric_backend_name,
	lm_symmetric_backend_usable,
};
