/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts through ipsec-mb: long ChaCha20 streams, Poly1305, and AES-256 blocks. All three complete
 * inside submit. Parameters are checked by ipsec-mb too (SAFE_PARAM): a burst that does not
 * complete is a programming error.
 *
 * What ipsec-mb leaves behind: a job holds pointers and lengths, never a key's bytes, and jobs of
 * these kinds touch no other part of the manager. Built with SAFE_DATA (which lm_symmetric_init
 * insists on) it clears its stack frames and vector registers before submit returns. AES key
 * schedules are the caller's memory, here the context's, and wiped here.
 */
#include <string.h>

#include "context.h"

static void run(struct lm_symmetric *symmetric, IMB_JOB **job, unsigned n)
{
	LM_ASSERT(IMB_SUBMIT_BURST(symmetric->imb, n, job) == n);
}

/* The keys are copied first, because ipsec-mb with AVX2 reads 16 bytes beyond a key. */
void lm_imb_chacha20(struct lm_symmetric *symmetric, uint8_t *const to[],
		     const uint8_t *const from[], size_t len, const struct lm_key *key,
		     const struct lm_nonce *nonce, unsigned n)
{
	static const struct lm_nonce zero;
	struct lm_key *stream_key = symmetric->stream_key;
	IMB_JOB *job[LM_BURST];

	memcpy(stream_key, key, n * sizeof(key[0]));
	LM_ASSERT(IMB_GET_NEXT_BURST(symmetric->imb, n, job) == n);
	for (unsigned i = 0; i < n; i++)
		*job[i] = (IMB_JOB){
			.chain_order = IMB_ORDER_CIPHER_HASH,
			.cipher_mode = IMB_CIPHER_CHACHA20,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_NULL,
			.enc_keys = stream_key[i].b,
			.dec_keys = stream_key[i].b,
			.key_len_in_bytes = sizeof(stream_key[i].b),
			.iv = nonce == NULL ? zero.b : nonce[i].b,
			.iv_len_in_bytes = sizeof(zero.b),
			.src = from[i],
			.dst = to[i],
			.msg_len_to_cipher_in_bytes = len,
		};
	run(symmetric, job, n);
	lm_wipe(stream_key, n * sizeof(stream_key[0]));
}

void lm_imb_poly1305(struct lm_symmetric *symmetric, struct lm_mac *mac,
		     const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
		     unsigned n)
{
	IMB_JOB *job[LM_BURST];

	LM_ASSERT(IMB_GET_NEXT_BURST(symmetric->imb, n, job) == n);
	for (unsigned i = 0; i < n; i++)
		*job[i] = (IMB_JOB){
			.chain_order = IMB_ORDER_HASH_CIPHER,
			.cipher_mode = IMB_CIPHER_NULL,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_POLY1305,
			.u.POLY1305._key = key[i].b,
			.src = message[i],
			.msg_len_to_hash_in_bytes = len,
			.auth_tag_output = mac[i].b,
			.auth_tag_output_len_in_bytes = sizeof(mac[i].b),
		};
	run(symmetric, job, n);
}

void lm_aes256_imb(struct lm_symmetric *symmetric, struct lm_u128 *text, const struct lm_key *key,
		   bool decrypt, unsigned n)
{
	struct lm_aes_schedule *schedule = symmetric->schedule;
	IMB_JOB *job[LM_BURST];

	LM_ASSERT(IMB_GET_NEXT_BURST(symmetric->imb, n, job) == n);
	for (unsigned i = 0; i < n; i++) {
		IMB_AES_KEYEXP_256(symmetric->imb, key[i].b, schedule[i].encrypt,
				   schedule[i].decrypt);
		*job[i] = (IMB_JOB){
			.chain_order = IMB_ORDER_CIPHER_HASH,
			.cipher_mode = IMB_CIPHER_ECB,
			.cipher_direction = decrypt ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_NULL,
			.enc_keys = schedule[i].encrypt,
			.dec_keys = schedule[i].decrypt,
			.key_len_in_bytes = sizeof(key[i].b),
			.src = text[i].b,
			.dst = text[i].b,
			.msg_len_to_cipher_in_bytes = sizeof(text[i].b),
		};
	}
	run(symmetric, job, n);
	lm_wipe(schedule, n * sizeof(schedule[0]));
}

void lm_symmetric_poly1305(struct lm_symmetric *symmetric, struct lm_mac *mac,
			   const struct lm_mac_key *key, const uint8_t *const message[], size_t len,
			   unsigned n)
{
	LM_ASSERT(n >= 1 && n <= LM_BURST && len >= 1);
	lm_imb_poly1305(symmetric, mac, key, message, len, n);
	symmetric->backend->wipe_registers();
}
