/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See message.h. BLAKE2b and ChaCha20 are libsodium's: one packet at a time is quick enough here.
 */
#include "message.h"

#include <sodium.h>
#include <string.h>

#define HIDE_ROUNDS 4

/* In cmds as they are written. */
#define WIRE_POISSON (UINT32_C(1) << 31)
#define WIRE_BURSTY  (UINT32_C(1) << 30)
#define BURST_SHIFT  GEN_CMDS
#define PEAK_SHIFT   17

static const uint8_t magic[8] = {'l', 'i', 'n', 'e', 'm', 'i', 'x', '1'};
static const char *const cmd_names[GEN_CMDS] = {"exit", "mbox", "drop", "surb"};
static const char *const arrivals_names[GEN_ARRIVALS] = {"constant", "poisson", "bursty"};

const char *gen_cmd_name(enum gen_cmd cmd)
{
	LM_ASSERT((unsigned)cmd < GEN_CMDS);
	return cmd_names[cmd];
}

const char *gen_arrivals_name(enum gen_arrivals arrivals)
{
	LM_ASSERT((unsigned)arrivals < GEN_ARRIVALS);
	return arrivals_names[arrivals];
}

bool gen_arrivals_parse(enum gen_arrivals *arrivals, const char *name)
{
	for (unsigned i = 0; i < GEN_ARRIVALS; i++) {
		*arrivals = (enum gen_arrivals)i;
		if (strcmp(arrivals_names[i], name) == 0)
			return true;
	}
	return false;
}

bool gen_cmds_parse(uint32_t *cmds, const char *text)
{
	*cmds = 0;
	for (;;) {
		size_t len = strcspn(text, ",");
		unsigned i = 0;

		while (i < GEN_CMDS &&
		       (strlen(cmd_names[i]) != len || memcmp(cmd_names[i], text, len) != 0))
			i++;
		if (i == GEN_CMDS)
			return false;
		*cmds |= 1u << i;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

static bool cmds_valid(uint32_t cmds)
{
	return cmds != 0 && cmds < 1u << GEN_CMDS;
}

uint32_t gen_run_id(const struct gen_run *run)
{
	return lm_load_u32(run->nonce.b);
}

enum gen_cmd gen_run_cmd(const struct gen_run *run, uint32_t seq)
{
	uint32_t left = run->cmds;

	LM_ASSERT(cmds_valid(run->cmds));
	for (unsigned turn = seq % (unsigned)__builtin_popcount(run->cmds); turn > 0; turn--)
		left &= left - 1;
	return (enum gen_cmd)__builtin_ctz(left);
}

uint32_t gen_run_count(const struct gen_run *run, enum gen_cmd cmd)
{
	uint32_t turns = (uint32_t)__builtin_popcount(run->cmds);
	uint32_t before = (uint32_t)__builtin_popcount(run->cmds & ((1u << cmd) - 1));

	if (!(run->cmds & 1u << cmd))
		return 0;
	return run->count / turns + (before < run->count % turns);
}

static uint32_t cmds_to_wire(const struct gen_run *run)
{
	uint32_t word = run->cmds;

	if (run->arrivals == GEN_POISSON)
		word |= WIRE_POISSON;
	if (run->arrivals == GEN_BURSTY)
		word |= WIRE_BURSTY | (uint32_t)run->burst << BURST_SHIFT |
			(uint32_t)run->peak << PEAK_SHIFT;
	return word;
}

/* What no run says leaves kinds that are none. */
static void cmds_from_wire(struct gen_run *run, uint32_t word)
{
	run->arrivals = word & WIRE_POISSON ? GEN_POISSON : GEN_CONSTANT;
	run->cmds = word & ~WIRE_POISSON;
	if (!(word & WIRE_BURSTY))
		return;
	run->burst = word >> BURST_SHIFT & GEN_BURST_MAX;
	run->peak = word >> PEAK_SHIFT & GEN_BURST_MAX;
	run->cmds = word & ((1u << GEN_CMDS) - 1);
	if (run->arrivals == GEN_POISSON || run->burst == 0)
		run->cmds = 0;
	run->arrivals = GEN_BURSTY;
}

/* out = BLAKE2b-256 of the input with this personalisation, keyed if key is not NULL. */
static void blake2b(uint8_t out[32], const char person[17], const uint8_t *key, const void *input,
		    size_t len)
{
	LM_ASSERT(crypto_generichash_blake2b_salt_personal(out, 32, input, len, key, key ? 32 : 0,
							   NULL, (const uint8_t *)person) == 0);
}

void gen_keys_derive(struct gen_keys *keys, const struct lm_secret *mix_secret)
{
	blake2b(keys->w, "linemix-gen-mbox", NULL, mix_secret->b, 32);
	blake2b(keys->hide, "linemix-gen-hide", NULL, mix_secret->b, 32);
	blake2b(keys->seed, "linemix-gen-seed", NULL, mix_secret->b, 32);
}

static void write_head(uint8_t head[MESSAGE_HEAD], const struct gen_message *message)
{
	struct lm_cursor cursor = lm_cursor_write(head, MESSAGE_HEAD);

	lm_put_bytes(&cursor, magic, sizeof(magic));
	lm_put_bytes(&cursor, message->run.nonce.b, sizeof(message->run.nonce.b));
	lm_put_u32(&cursor, message->seq);
	lm_put_u32(&cursor, message->run.count);
	lm_put_u32(&cursor, message->run.rate_pps);
	lm_put_u32(&cursor, cmds_to_wire(&message->run));
	lm_put_u64(&cursor, message->run.start_ns);
	LM_ASSERT(lm_cursor_done(&cursor));
}

/* Adds the pattern that belongs to the head to the rest of the field, or takes it off again. */
static void xor_pattern(uint8_t *data, size_t len, const struct gen_keys *keys)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t key[32];

	blake2b(key, "linemix-gen-fill", keys->hide, data, MESSAGE_HEAD);
	crypto_stream_chacha20_ietf_xor(data + MESSAGE_HEAD, data + MESSAGE_HEAD,
					len - MESSAGE_HEAD, nonce, key);
	lm_wipe(key, sizeof(key));
}

void message_write(uint8_t *data, size_t len, const struct gen_keys *keys,
		   const struct gen_message *message)
{
	LM_ASSERT(len >= MESSAGE_LEAST);
	write_head(data, message);
	memset(data + MESSAGE_HEAD, 0, len - MESSAGE_HEAD);
	xor_pattern(data, len, keys);
}

static bool message_valid(const struct gen_message *message)
{
	return message->seq < message->run.count && cmds_valid(message->run.cmds);
}

enum message_verdict message_read(struct gen_message *message, uint8_t *data, size_t len,
				  const struct gen_keys *keys)
{
	struct lm_cursor cursor =
		lm_cursor_read(data + sizeof(magic), MESSAGE_HEAD - sizeof(magic));
	struct gen_message got = {0};

	LM_ASSERT(len >= MESSAGE_LEAST);
	if (memcmp(data, magic, sizeof(magic)) != 0)
		return MESSAGE_FOREIGN;
	xor_pattern(data, len, keys);
	lm_get_bytes(&cursor, got.run.nonce.b, sizeof(got.run.nonce.b));
	got.seq = lm_get_u32(&cursor);
	got.run.count = lm_get_u32(&cursor);
	got.run.rate_pps = lm_get_u32(&cursor);
	cmds_from_wire(&got.run, lm_get_u32(&cursor));
	got.run.start_ns = lm_get_u64(&cursor);
	LM_ASSERT(lm_cursor_done(&cursor));
	if (!lm_is_zero(data + MESSAGE_HEAD, len - MESSAGE_HEAD) || !message_valid(&got))
		return MESSAGE_DAMAGED;
	*message = got;
	return MESSAGE_GOOD;
}

/*
 * A pseudo-random permutation of 2 * half bytes: a Feistel network of four rounds whose round
 * functions are keyed BLAKE2b (Luby & Rackoff, "How to construct pseudorandom permutations", 1988).
 * half <= 16. `open` undoes it.
 */
static void hide(uint8_t *block, size_t half, const struct gen_keys *keys, bool open)
{
	uint8_t mask[32], input[18];

	for (unsigned i = 0; i < HIDE_ROUNDS; i++) {
		unsigned round = open ? HIDE_ROUNDS - 1 - i : i;
		uint8_t *from = block + (round % 2 ? half : 0);
		uint8_t *to = block + (round % 2 ? 0 : half);

		input[0] = (uint8_t)round;
		input[1] = (uint8_t)half;
		memcpy(input + 2, from, half);
		blake2b(mask, "linemix-gen-hide", keys->hide, input, 2 + half);
		for (size_t j = 0; j < half; j++)
			to[j] ^= mask[j];
	}
}

/* What tokens and addresses begin with. */
static void put_stamp(struct lm_cursor *cursor, const struct gen_message *message)
{
	lm_put_u32(cursor, message->seq);
	lm_put_u32(cursor, message->run.count);
	lm_put_u32(cursor, cmds_to_wire(&message->run));
	LM_ASSERT(!cursor->failed);
}

static void get_stamp(struct gen_message *message, struct lm_cursor *cursor)
{
	memset(message, 0, sizeof(*message));
	message->seq = lm_get_u32(cursor);
	message->run.count = lm_get_u32(cursor);
	cmds_from_wire(&message->run, lm_get_u32(cursor));
}

void message_to_token(struct lm_packet_token *token, const struct gen_keys *keys,
		      const struct gen_message *message)
{
	struct lm_cursor cursor = lm_cursor_write(token->b, sizeof(token->b));

	put_stamp(&cursor, message);
	lm_put_u32(&cursor, gen_run_id(&message->run));
	hide(token->b, sizeof(token->b) / 2, keys, false);
}

bool message_from_token(struct gen_message *message, const struct gen_keys *keys,
			const struct lm_packet_token *token)
{
	struct lm_packet_token plain = *token;
	struct lm_cursor cursor = lm_cursor_read(plain.b, sizeof(plain.b));

	hide(plain.b, sizeof(plain.b) / 2, keys, true);
	get_stamp(message, &cursor);
	lm_store_u32(message->run.nonce.b, lm_get_u32(&cursor));
	return message_valid(message) && gen_run_cmd(&message->run, message->seq) == GEN_DROP;
}

void message_to_dest(struct lm_packet_dest *dest, const struct gen_keys *keys,
		     const struct gen_message *message)
{
	struct lm_cursor cursor = lm_cursor_write(dest->b, sizeof(dest->b));

	put_stamp(&cursor, message);
	lm_put_bytes(&cursor, message->run.nonce.b, sizeof(message->run.nonce.b));
	lm_put_u32(&cursor, 0);
	hide(dest->b, sizeof(dest->b) / 2, keys, false);
}

bool message_from_dest(struct gen_message *message, const struct gen_keys *keys,
		       const struct lm_packet_dest *dest)
{
	struct lm_packet_dest plain = *dest;
	struct lm_cursor cursor = lm_cursor_read(plain.b, sizeof(plain.b));

	hide(plain.b, sizeof(plain.b) / 2, keys, true);
	get_stamp(message, &cursor);
	lm_get_bytes(&cursor, message->run.nonce.b, sizeof(message->run.nonce.b));
	return lm_get_u32(&cursor) == 0 && message_valid(message) &&
	       gen_run_cmd(&message->run, message->seq) != GEN_DROP;
}

void gen_run_prng(struct lm_prng *prng, const struct gen_run *run)
{
	uint8_t seed[32];

	blake2b(seed, "linemix-gen-time", NULL, run->nonce.b, sizeof(run->nonce.b));
	lm_prng_init(prng, seed);
}

void message_prng(struct lm_prng *prng, const struct gen_keys *keys,
		  const struct gen_message *message)
{
	uint8_t input[sizeof(message->run.nonce.b) + 4], seed[32];

	memcpy(input, message->run.nonce.b, sizeof(message->run.nonce.b));
	lm_store_u32(input + sizeof(message->run.nonce.b), message->seq);
	blake2b(seed, "linemix-gen-seed", keys->seed, input, sizeof(input));
	lm_prng_init(prng, seed);
	lm_wipe(seed, sizeof(seed));
}
