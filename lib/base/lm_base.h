/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every other library stands on: errors, drop reasons, wiping and constant-time helpers, the
 * wire cursor, hexadecimal, CPU features, randomness, the clock, and memory for secrets.
 *
 * Nothing here keeps global state but the random source, which a test may replace before threads
 * start. Functions marked "packet path" neither allocate, lock nor make a system call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LM_MUST_CHECK        __attribute__((warn_unused_result))
#define LM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define LM_CACHE_LINE        64
#define LM_CACHE_ALIGNED     __attribute__((aligned(LM_CACHE_LINE)))
#define LM_COUNT(array)      (sizeof(array) / sizeof((array)[0]))
#define LM_BURST             64 /* packets in a burst at most: one verdict bit each in a uint64_t */

/* A programming error: said on stderr with its place, then abort. Stays in release builds. */
#define LM_ASSERT(condition) \
	((condition) ? (void)0 : lm_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void lm_assert_failed(const char *condition, const char *file, int line);

/* ---- Errors of the control path ---- */

/* A message for the user: what was wrong, where, and what would be right. Owned by the caller. */
struct lm_error {
	char text[512];
};

/*
 * Formats the message (cut at its end if too long) and returns -code, so that a caller can write
 * `return lm_error_set(err, EINVAL, ...)`. code is an errno value, positive. err may be NULL.
 */
int lm_error_set(struct lm_error *err, int code, const char *format, ...) LM_PRINTF(3, 4);

/* Puts "prefix: " before a message that is already there: a file's name before its line. */
void lm_error_prefix(struct lm_error *err, const char *prefix);

/* ---- Why a packet ended here ---- */

/*
 * One row for each reason: enumerator, name of the counter, meaning. The table is the only list of
 * drop reasons: counters, telemetry and documents are made from it. FORMAT up to PAYLOAD are the
 * relay's steps of lib/packet/FORMAT.md, in order; ROUTE_* are its step 10.
 */
#define LM_DROP_TABLE(ROW)                                                                     \
	ROW(NONE, "none", "not dropped")                                                       \
	ROW(FRAME, "frame", "not an Ethernet frame that can be for this port")                 \
	ROW(FOREIGN, "foreign", "another host's address or UDP port")                          \
	ROW(IP, "ip", "malformed IPv4 or IPv6 header, or wrong header checksum")               \
	ROW(FRAGMENT, "fragment", "an IP fragment")                                            \
	ROW(UDP, "udp", "malformed UDP header, or wrong UDP checksum")                         \
	ROW(LINK_FORMAT, "link_format", "no link frame by its length, type or zeros")          \
	ROW(LINK_INDEX, "link_index", "no session has this receiver index")                    \
	ROW(LINK_REPLAY, "link_replay", "link counter seen before, or too old")                \
	ROW(LINK_TAG, "link_tag", "link frame authentication failed")                          \
	ROW(LINK_ROLE, "link_role", "from a node that may not send here, or not for this one") \
	ROW(LINK_RING_FULL, "link_ring_full", "ring to the worker of the lane full")           \
	ROW(OVERLOAD, "overload", "more than its neighbour's share of an overload")            \
	ROW(FORMAT, "format", "wrong length, version, profile or byte 3")                      \
	ROW(KID, "kid", "no key of this key epoch")                                            \
	ROW(NONCANONICAL, "noncanonical", "ephemeral key not below 2^255 - 19")                \
	ROW(LOWORDER, "loworder", "ephemeral key of small order")                              \
	ROW(MAC, "mac", "header authentication failed")                                        \
	ROW(REPLAY, "replay", "seen before under this key")                                    \
	ROW(REPLAY_FULL, "replay_full", "the key's replay set is full")                        \
	ROW(CMD, "cmd", "unknown command or nonzero reserved byte")                            \
	ROW(PAYLOAD, "payload", "exit payload damaged")                                        \
	ROW(NEXT_UNKNOWN, "next_unknown", "next hop not in the topology")                      \
	ROW(NEXT_LAYER, "next_layer", "next hop in no layer that may follow this one")         \
	ROW(ROLE, "role", "exit or mailbox command at a mix")                                  \
	ROW(SERVICE, "service", "no such service or mailbox here")                             \
	ROW(COVER, "cover", "cover traffic that ended here as meant")                          \
	ROW(PAUSED, "paused", "own loops do not come back: mixing is paused")                  \
	ROW(MIX_RING_FULL, "mix_ring_full", "ring to the mixer full")                          \
	ROW(POOL_FULL, "pool_full", "mixer holds as many packets as it may")                   \
	ROW(LINK_FULL, "link_full", "more for its link than padding lets pass")                \
	ROW(UNRESOLVED, "unresolved", "next hop has no known link-layer address")              \
	ROW(NO_SESSION, "no_session", "next hop has no session on its link yet")               \
	ROW(SINK_FULL, "sink_full", "ring to the sink full")                                   \
	ROW(SINK_ERROR, "sink_error", "the service did not take the packet")                   \
	ROW(STOPPED, "stopped", "still held when the relay was told to stop at once")

enum lm_drop {
#define LM_DROP_ENUM(id, name, meaning) LM_DROP_##id,
	LM_DROP_TABLE(LM_DROP_ENUM)
#undef LM_DROP_ENUM
		LM_DROP_COUNT
};

const char *lm_drop_name(enum lm_drop drop);    /* the counter's name */
const char *lm_drop_meaning(enum lm_drop drop); /* one phrase for people */
/* Sets *drop from a counter's name; false if there is none of that name. */
LM_MUST_CHECK bool lm_drop_parse(enum lm_drop *drop, const char *name);

/* ---- Secrets: packet path ---- */

/* Overwrites n bytes with zero; the compiler cannot leave it out. */
void lm_wipe(void *memory, size_t n);

/*
 * What functions leave behind when they return, for the end of every burst that worked on secrets:
 * the n bytes of stack below the caller's frame (a multiple of 8, and the stack must have them);
 * and all vector, mask and general registers but those that every function keeps for its caller, as
 * wide as the CPU has them, since memcpy uses them too. Registers come last.
 */
void lm_wipe_stack(size_t n);
void lm_wipe_registers(void);

/* True if all n bytes are zero; time depends on n alone. */
LM_MUST_CHECK bool lm_is_zero(const void *memory, size_t n);

/* True if the 16 bytes are equal; constant time. */
LM_MUST_CHECK bool lm_equal16(const uint8_t a[16], const uint8_t b[16]);

/*
 * Says that memory computed from secrets may steer branches from here on: a verdict, a command. For
 * builds that follow secrets (tests/ct), which report any other; nothing in every other build.
 */
#ifdef LM_FOLLOW_SECRETS
void lm_declassify(const void *memory, size_t n);
#else
static inline void lm_declassify(const void *memory, size_t n)
{
	(void)memory;
	(void)n;
}
#endif

/*
 * Zeroed memory between guard pages for keys: locked in RAM, left out of core dumps. Returns NULL
 * if the kernel refuses (RLIMIT_MEMLOCK); the caller says so. lm_secret_free wipes; NULL is
 * allowed.
 */
LM_MUST_CHECK void *lm_secret_alloc(size_t n);
void lm_secret_free(void *memory);

/*
 * The same for what may once be large: it takes memory as it is written for the first time, page by
 * page, and of the limit on locked memory (RLIMIT_MEMLOCK) all at once. Who writes a page first may
 * wait for the kernel: no packet path. lm_secret_release takes the same n, wipes the first
 * `written` bytes and gives everything back; whoever wrote further must have wiped that. NULL is
 * allowed.
 */
LM_MUST_CHECK void *lm_secret_reserve(size_t n);
void lm_secret_release(void *memory, size_t n, size_t written);

/* ---- Wire cursor: little-endian, first error sticks (packet path) ---- */

/*
 * A cursor over bytes from outside, or into a buffer. Going past the end sets `failed`, reads give
 * 0 and writes do nothing from then on: read everything, then look at lm_cursor_done once.
 */
struct lm_cursor {
	uint8_t *at;
	const uint8_t *end;
	bool failed;
};

struct lm_cursor lm_cursor_read(const void *bytes, size_t n); /* for lm_get_* only */
struct lm_cursor lm_cursor_write(void *bytes, size_t n);
uint8_t lm_get_u8(struct lm_cursor *cursor);
uint16_t lm_get_u16(struct lm_cursor *cursor);
uint32_t lm_get_u32(struct lm_cursor *cursor);
uint64_t lm_get_u64(struct lm_cursor *cursor);
void lm_get_bytes(struct lm_cursor *cursor, void *out, size_t n); /* zeros out after a failure */
void lm_put_u8(struct lm_cursor *cursor, uint8_t value);
void lm_put_u16(struct lm_cursor *cursor, uint16_t value);
void lm_put_u32(struct lm_cursor *cursor, uint32_t value);
void lm_put_u64(struct lm_cursor *cursor, uint64_t value);
void lm_put_bytes(struct lm_cursor *cursor, const void *bytes, size_t n);
void lm_put_zeros(struct lm_cursor *cursor, size_t n);
/* True if nothing failed and the end was reached exactly. */
LM_MUST_CHECK bool lm_cursor_done(const struct lm_cursor *cursor);

/* One little-endian integer at a fixed place: packet path. */
uint32_t lm_load_u32(const uint8_t bytes[4]);
void lm_store_u32(uint8_t bytes[4], uint32_t value);

/* ---- Hexadecimal ---- */

/* text has room for 2n + 1 characters. */
void lm_hex_encode(char *text, const void *bytes, size_t n);
/* Exactly 2n hexadecimal digits, either case, then the end; false leaves out zeroed. */
LM_MUST_CHECK bool lm_hex_decode(void *out, const char *text, size_t n);

/* ---- CPU ---- */

enum lm_cpu_feature {
	LM_CPU_SSE42,      /* with AES-NI and PCLMULQDQ: what the ipsec-mb library needs at least */
	LM_CPU_AVX2,       /* with BMI2 */
	LM_CPU_AVX512,     /* F, DQ, CD, BW, VL */
	LM_CPU_AVX512IFMA, /* all of LM_CPU_AVX512, IFMA and VBMI */
	LM_CPU_VAES,       /* VAES and VPCLMULQDQ in 512 bits */
	LM_CPU_FEATURES
};

/* CPUID says so and the operating system saves the registers (XCR0). */
LM_MUST_CHECK bool lm_cpu_has(enum lm_cpu_feature feature);
const char *lm_cpu_feature_name(enum lm_cpu_feature feature);

/* ---- Randomness ---- */

/* Must be called once before anything else random or secret; -errno and a message if it cannot be.
 */
LM_MUST_CHECK int lm_base_init(struct lm_error *err);

/*
 * n bytes from the kernel's generator (getrandom); safe across fork. Not for the packet path. If
 * the generator fails the process ends: there is nothing safe to do.
 */
void lm_rand(void *out, size_t n);

/* For tests: every later lm_rand calls fill instead; NULL restores the kernel. Before threads
 * start. */
void lm_rand_replace(void (*fill)(void *out, size_t n));

/*
 * A fast-erasure generator: ChaCha20 (RFC 8439) in stretches of 1024 bytes, whose first 32 replace
 * the key at once, so that a seized state does not give earlier output (djb, "Fast-key-erasure
 * random-number generators", 2017). Packet path. One per lcore; not for several threads.
 */
struct lm_prng {
	uint8_t key[32];
	uint8_t pool[1024 - 32];
	uint32_t used; /* bytes of pool handed out and erased */
};

/* The seed is the caller's to wipe. */
void lm_prng_init(struct lm_prng *prng, const uint8_t seed[32]);
void lm_prng_bytes(struct lm_prng *prng, void *out, size_t n);

/* Makes the next stretch; only for the functions below. */
void lm_prng_refill(struct lm_prng *prng);

static inline uint32_t lm_prng_u32(struct lm_prng *prng)
{
	uint32_t value;

	if (__builtin_expect(prng->used > sizeof(prng->pool) - sizeof(value), 0))
		lm_prng_refill(prng);
	memcpy(&value, prng->pool + prng->used, sizeof(value));
	memset(prng->pool + prng->used, 0, sizeof(value));
	prng->used += (uint32_t)sizeof(value);
	return value;
}

/*
 * Uniform in 0 .. bound - 1 without modulo bias; bound >= 1. The high half of a 32 x 32 bit
 * product, drawn again while the low half falls into the part that would favour some results
 * (Lemire, "Fast random integer generation in an interval", 2019).
 */
static inline uint32_t lm_prng_below(struct lm_prng *prng, uint32_t bound)
{
	uint64_t product = (uint64_t)lm_prng_u32(prng) * bound;

	LM_ASSERT(bound >= 1);
	if (__builtin_expect((uint32_t)product < bound, 0)) {
		uint32_t threshold = -bound % bound;

		while ((uint32_t)product < threshold)
			product = (uint64_t)lm_prng_u32(prng) * bound;
	}
	return (uint32_t)(product >> 32);
}

/*
 * The logarithm of a uniform number in (0, 1]: the negative of an exponential with mean 1, from
 * -44.4 to 0. Its time depends on the value: not for secrets that outlive their use.
 */
double lm_prng_log_uniform(struct lm_prng *prng);

/* An exponential gap or delay with this mean, to the nearest microsecond: by the same draw. */
uint64_t lm_prng_exponential_us(struct lm_prng *prng, uint32_t mean_us);

/* ---- Time ---- */

uint64_t lm_clock_us(void);      /* monotonic microseconds; not for polling loops */
uint64_t lm_clock_wall_us(void); /* microseconds since 1970, UTC */
