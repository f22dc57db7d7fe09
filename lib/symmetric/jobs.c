/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts through ipsec-mb: Poly1305, ChaCha20-Poly1305 and AES-256 blocks. All complete inside
 * submit. Parameters are
 * checked by ipsec-mb too (SAFE_PARAM): a burst that does not complete is a programming error.
 *
 * What ipsec-mb leaves behind: a job holds pointers and lengths, never a key's bytes, and jobs of
 * these kinds touch no other part of the manager. Built with SAFE_DATA (which lm_symmetric_init
 * insists on) it clears its stack frames and vector registers before submit returns. AES key
 * schedules are the caller's memory, here the context's, and wiped here.
 */
#include <string.h>

#include "context.h"
#include "imb_suite.h"

static void run(struct lm_symmetric *symmetric, IMB_JOB **job, unsigned n)
{
	imb_suite(symmetric->imb, job, n);
	LM_ASSERT(IMB_SUBMIT_BURST(symmetric->imb, n, job) == n);
}

void lm_poly1305_imb(struct lm_symmetric *symmetric, struct lm_mac *mac,
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

void lm_aead_imb(struct lm_symmetric *symmetric, struct lm_mac *mac, uint8_t *const text[],
		 size_t len, const struct lm_key *key, const struct lm_nonce *nonce, bool decrypt,
		 unsigned n)
{
	IMB_JOB *job[LM_BURST];

	LM_ASSERT(IMB_GET_NEXT_BURST(symmetric->imb, n, job) == n);
	for (unsigned i = 0; i < n; i++)
		*job[i] = (IMB_JOB){
			.chain_order = decrypt ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH,
			.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305,
			.cipher_direction = decrypt ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_CHACHA20_POLY1305,
			.enc_keys = key[i].b,
			.dec_keys = key[i].b,
			.key_len_in_bytes = sizeof(key[i].b),
			.iv = nonce[i].b,
			.iv_len_in_bytes = sizeof(nonce[i].b),
			.src = text[i],
			.dst = text[i],
			.msg_len_to_cipher_in_bytes = len,
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
