/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hop KDF: BLAKE2b over the whole context, then ChaCha20 for everything the header needs. Time
 * depends on n alone.
 */
#include <string.h>

#include "keys.h"

_Static_assert(sizeof(struct lm_packet_kdf_input) == 104, "the KDF's input has no padding");

void lm_packet_keys_derive(struct lm_packet_keys *keys, struct lm_symmetric *symmetric, unsigned n)
{
	lm_symmetric_blake2b(symmetric, keys->okm[0].b, sizeof(keys->okm[0]), keys->input[0].ss.b,
			     sizeof(keys->input[0]), "MIXPKT-v1-hopkdf", n);
	for (unsigned i = 0; i < n; i++) {
		memcpy(keys->kh[i].b, keys->okm[i].b, 32);
		memcpy(keys->kp[i].b, keys->okm[i].b + 32, 32);
	}
	lm_symmetric_chacha20_first(symmetric, keys->first, keys->kh, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		memcpy(keys->mk[i].b, keys->first[i].b, 32);
		memcpy(keys->replay_tag[i].b, keys->first[i].b + 32, 16);
	}
}

void lm_packet_keys_stream(struct lm_packet_keys *keys, struct lm_symmetric *symmetric, unsigned n)
{
	uint8_t *at[LM_BURST] = {NULL};

	for (unsigned i = 0; i < n; i++)
		at[i] = keys->stream[i];
	lm_symmetric_chacha20_rest(symmetric, at, (const uint8_t *const *)at, STREAM_LEN, keys->kh,
				   NULL, n);
}

void lm_packet_keys_wipe(struct lm_packet_keys *keys, unsigned n)
{
	lm_wipe(keys->input, n * sizeof(keys->input[0]));
	lm_wipe(keys->okm, n * sizeof(keys->okm[0]));
	lm_wipe(keys->first, n * sizeof(keys->first[0]));
	lm_wipe(keys->kh, n * sizeof(keys->kh[0]));
	lm_wipe(keys->kp, n * sizeof(keys->kp[0]));
	lm_wipe(keys->mk, n * sizeof(keys->mk[0]));
	lm_wipe(keys->replay_tag, n * sizeof(keys->replay_tag[0]));
	lm_wipe(keys->stream, n * sizeof(keys->stream[0]));
}
