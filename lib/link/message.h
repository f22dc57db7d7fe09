/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the fields of handshake messages stand, and their payloads (FORMAT.md, "Messages"). Private
 * to this folder.
 */
#pragma once

#include <string.h>

#include "noise.h"

enum message_type {
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE = 3,
	/* 4 is a frame */
	MESSAGE_CONFIRM = 5,
};

#define INITIATION_LEN     152
#define INITIATION_SENDER  4
#define INITIATION_NOISE   8
#define INITIATION_PAYLOAD 16
#define RESPONSE_LEN       104
#define RESPONSE_SENDER    4
#define RESPONSE_RECEIVER  8
#define RESPONSE_NOISE     12
#define RESPONSE_PAYLOAD   12
#define MACS_LEN           32 /* mac1 || mac2, which end an initiation and a response */
#define COOKIE_REPLY_LEN   64
#define COOKIE_RECEIVER    4
#define COOKIE_NONCE       8
#define COOKIE_BOX         32
#define CONFIRM_LEN        32
#define CONFIRM_RECEIVER   4
#define CONFIRM_COUNTER    8
#define CONFIRM_TAG        16

/* The exact length of messages of a type; 0 for what is no handshake. */
size_t lm_link_message_len(uint32_t type);

/* Integers at fixed places, inline because every frame has four; x86-64 is little-endian. */
static inline uint32_t lm_link_load_u32(const uint8_t bytes[4])
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint64_t lm_link_load_u64(const uint8_t bytes[8])
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline void lm_link_store_u32(uint8_t bytes[4], uint32_t value)
{
	memcpy(bytes, &value, sizeof(value));
}

static inline void lm_link_store_u64(uint8_t bytes[8], uint64_t value)
{
	memcpy(bytes, &value, sizeof(value));
}

/* The first four bytes: type and three zeros. */
static inline uint32_t lm_link_message_type(const uint8_t *message)
{
	return lm_link_load_u32(message);
}

/* What one end says to the other, encrypted. */
struct lm_link_payload {
	uint64_t timestamp_us; /* initiation only */
	uint32_t sender;       /* response only: as in clear */
	uint32_t packet_len;
	unsigned lanes;
};

void lm_link_payload_write(uint8_t *out, const struct lm_link_payload *payload, size_t len);
/* False if a reserved byte is not zero, or the number of lanes is none that a session can have. */
LM_MUST_CHECK bool lm_link_payload_read(struct lm_link_payload *payload, const uint8_t *in,
					size_t len);

/* The handshake that this initiation begins, up to its prologue, which binds what is in clear. */
void lm_link_noise_start(struct noise *noise, const uint8_t *initiation,
			 const struct lm_point *responder);
