/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ipsec-mb under MemorySanitizer, as shims_sodium.c has libsodium. Its functions are pointers in
 * the manager, so these replace them when a manager is made. The managers in use at a time are of
 * one instruction set.
 */
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

#include "shims.h"

static IMB_MGR real; /* the functions of the last manager that was made */

static uint32_t get_next_burst(IMB_MGR *manager, const uint32_t n, IMB_JOB **job)
{
	uint32_t got;

	if (manager->used_arch != real.used_arch)
		abort();
	got = real.get_next_burst(manager, n, job);
	shim_mark(job, got * sizeof(job[0]), false);
	return got;
}

/* Texts of streams keep which of their bytes are secret, unless the key or the nonce is. */
static void mark_cipher(const IMB_JOB *job, bool any)
{
	size_t n = job->msg_len_to_cipher_in_bytes;

	if (job->cipher_mode != IMB_CIPHER_NULL)
		shim_mark(job->dst, n, any);
}

static bool cipher_secret(const IMB_JOB *job)
{
	size_t key_len = job->cipher_mode == IMB_CIPHER_ECB ? 15 * 16 : job->key_len_in_bytes;

	if (job->cipher_mode == IMB_CIPHER_NULL)
		return false;
	if (job->cipher_mode != IMB_CIPHER_CHACHA20 && job->cipher_mode != IMB_CIPHER_ECB &&
	    job->cipher_mode != IMB_CIPHER_CHACHA20_POLY1305)
		abort();
	return shim_any_secret(job->src, job->msg_len_to_cipher_in_bytes) ||
	       shim_any_secret(job->enc_keys, key_len) || shim_any_secret(job->dec_keys, key_len) ||
	       (job->cipher_mode != IMB_CIPHER_ECB &&
		shim_any_secret(job->iv, job->iv_len_in_bytes));
}

static bool hash_secret(const IMB_JOB *job)
{
	if (job->hash_alg == IMB_AUTH_NULL)
		return false;
	if (job->hash_alg == IMB_AUTH_CHACHA20_POLY1305)
		return cipher_secret(job);
	if (job->hash_alg != IMB_AUTH_POLY1305)
		abort();
	return shim_any_secret(job->u.POLY1305._key, 32) ||
	       shim_any_secret(job->src, job->msg_len_to_hash_in_bytes);
}

/* A job that is done is cleared by nothing, but may be given out again: so look before it runs. */
static uint32_t submit_burst(IMB_MGR *manager, const uint32_t n, IMB_JOB **job)
{
	IMB_JOB copy[IMB_MAX_BURST_SIZE];
	bool cipher[IMB_MAX_BURST_SIZE], hash[IMB_MAX_BURST_SIZE];
	uint32_t done;

	for (uint32_t i = 0; i < n; i++) {
		copy[i] = *job[i];
		cipher[i] = cipher_secret(&copy[i]);
		hash[i] = hash_secret(&copy[i]);
	}
	done = real.submit_burst(manager, n, job);
	shim_mark(job, done * sizeof(job[0]), false);
	for (uint32_t i = 0; i < done; i++) {
		mark_cipher(&copy[i], cipher[i]);
		if (copy[i].hash_alg != IMB_AUTH_NULL)
			shim_mark(copy[i].auth_tag_output, copy[i].auth_tag_output_len_in_bytes,
				  hash[i]);
	}
	return done;
}

static void keyexp_256(const void *key, void *encrypt, void *decrypt)
{
	bool secret = shim_any_secret(key, 32);

	real.keyexp_256(key, encrypt, decrypt);
	shim_mark(encrypt, 15 * 16, secret);
	shim_mark(decrypt, 15 * 16, secret);
}

static void replace(IMB_MGR *manager)
{
	shim_mark(manager, imb_get_mb_mgr_size(), false);
	memcpy(&real, manager, sizeof(real));
	manager->get_next_burst = get_next_burst;
	manager->submit_burst = submit_burst;
	manager->keyexp_256 = keyexp_256;
}

WRAPPED(void, init_mb_mgr_sse, (IMB_MGR * manager))
{
	__real_init_mb_mgr_sse(manager);
	replace(manager);
}

WRAPPED(void, init_mb_mgr_avx2, (IMB_MGR * manager))
{
	__real_init_mb_mgr_avx2(manager);
	replace(manager);
}

WRAPPED(void, init_mb_mgr_avx512, (IMB_MGR * manager))
{
	__real_init_mb_mgr_avx512(manager);
	replace(manager);
}
