/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Link frames at a live session: bytes from outside, and authentic frames with changes. Nothing
 * opens but what was sealed, once; a right frame beside it opens.
 *
 *   byte 0   bit 0: start from an authentic frame; bits 1 ..: changes to it
 *   changes  place u16, value xored there
 *   else     length's difference from a frame's, and the bytes
 */
#include "fuzz.h"
#include "link_testing.h"

#define PACKET_LEN 1348
#define FRAME_LEN  (PACKET_LEN + LM_LINK_OVERHEAD)
#define LANE       3
#define TO         22

static struct lm_link_worker *sealer, *opener;

static struct lm_link_worker *worker(struct lm_link_table *table)
{
	struct lm_link_worker *made =
		lm_link_worker_init(aligned(lm_link_worker_size()), table, "auto", NULL);

	LM_ASSERT(made != NULL);
	return made;
}

static void start(void)
{
	if (sealer)
		return;
	fuzz_start();
	meet(32, 32, PACKET_LEN);
	shake(&a, &b);
	sealer = worker(a.table);
	opener = worker(b.table);
}

static void seal(uint8_t frame[FRAME_LEN])
{
	struct lm_link_seal item = {
		.session = lm_link_peer_sending(a.peer),
		.lane = LANE,
		.to = TO,
		.packet = frame + LM_LINK_HEADROOM,
	};

	LM_ASSERT(item.session != NULL);
	memset(item.packet, 7, PACKET_LEN);
	LM_ASSERT(lm_link_seal(sealer, &item, 1) == 1 && item.frame == frame);
}

/* True if nothing was changed in the end. */
static bool change(uint8_t frame[FRAME_LEN], struct fuzz_input *input, unsigned changes)
{
	static uint8_t before[FRAME_LEN];

	memcpy(before, frame, FRAME_LEN);
	for (unsigned i = 0; i < changes; i++) {
		unsigned place = fuzz_byte(input);

		place = (place << 8 | fuzz_byte(input)) % FRAME_LEN;
		frame[place] ^= fuzz_byte(input);
	}
	return memcmp(before, frame, FRAME_LEN) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[2][FRAME_LEN + 256], twice[FRAME_LEN];
	struct fuzz_input input = {data, size};
	struct lm_link_open item[2];
	uint8_t mode = fuzz_byte(&input);
	size_t len = FRAME_LEN;
	bool same = false;
	uint64_t opened;

	start();
	if (mode & 1) {
		seal(frame[0]);
		same = change(frame[0], &input, mode >> 1);
	} else {
		len += (size_t)fuzz_byte(&input) - 128;
		fuzz_bytes(&input, frame[0], len);
	}
	seal(frame[1]);
	memcpy(twice, frame[1], FRAME_LEN);
	if (lm_link_kind(b.table, frame[0], len) == LM_LINK_FRAME)
		LM_ASSERT(lm_link_lane(b.table, frame[0]) < 32);
	item[0] = (struct lm_link_open){.frame = frame[0], .len = len};
	item[1] = (struct lm_link_open){.frame = frame[1], .len = FRAME_LEN};
	opened = lm_link_open(opener, item, 2);
	LM_ASSERT((opened & 1) == same && (item[0].drop == LM_DROP_NONE) == same);
	LM_ASSERT(opened >> 1 == 1 && item[1].to == TO);
	item[1] = (struct lm_link_open){.frame = twice, .len = FRAME_LEN};
	LM_ASSERT(lm_link_open(opener, &item[1], 1) == 0 && item[1].drop == LM_DROP_LINK_REPLAY);
	return 0;
}
