/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/gen: captures that are sent again, and when their frames are due.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture_map.h"
#include "pace.h"
#include "testing.h"

#define NS UINT64_C(1000000000)

static struct lm_error err;
static char path[] = "/tmp/linemix-map-XXXXXX";

/* ---- Files ---- */

static void put_u32(FILE *to, uint32_t value, bool swapped)
{
	if (swapped)
		value = __builtin_bswap32(value);
	assert_int_equal(fwrite(&value, sizeof(value), 1, to), 1);
}

static FILE *begin(uint32_t magic, bool swapped, uint32_t link)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	put_u32(to, magic, swapped);
	put_u32(to, swapped ? 0x00020004 : 0x00040002, false);
	put_u32(to, 0, swapped);
	put_u32(to, 0, swapped);
	put_u32(to, 262144, swapped);
	put_u32(to, link, swapped);
	return to;
}

static void put_frame(FILE *to, bool swapped, uint32_t seconds, uint32_t fraction, uint32_t len)
{
	put_u32(to, seconds, swapped);
	put_u32(to, fraction, swapped);
	put_u32(to, len, swapped);
	put_u32(to, len, swapped);
	for (uint32_t i = 0; i < len; i++)
		fputc((int)(len + i) & 0xff, to);
}

static void open_map(struct capture_map *map)
{
	if (capture_map_open(map, path, &err) != 0)
		fail_msg("%s", err.text);
}

static void expect_frame(struct capture_map *map, uint32_t len, uint64_t at_ns)
{
	struct capture_map_frame frame;

	assert_int_equal(capture_map_next(&frame, map), CAPTURE_MAP_FRAME);
	assert_int_equal(frame.len, len);
	assert_int_equal(frame.whole_len, len);
	assert_true(frame.at_ns == at_ns);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(frame.bytes[i], (len + i) & 0xff);
}

static void expect(struct capture_map *map, enum capture_map_got got)
{
	struct capture_map_frame frame;

	assert_int_equal(capture_map_next(&frame, map), got);
}

/* ---- Captures ---- */

static void frames_of_either_byte_order_and_resolution_are_read(void **state)
{
	static const uint32_t magic[] = {0xa1b2c3d4, 0xa1b23c4d};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool swapped = i & 1;
		struct capture_map map;
		FILE *to = begin(magic[i / 2], swapped, 1);
		uint64_t unit = i / 2 ? 1 : 1000;

		put_frame(to, swapped, 7, 999999, 60);
		put_frame(to, swapped, 4000000000u, 5, 1514);
		put_frame(to, swapped, 8, 0, 0);
		fclose(to);
		open_map(&map);
		expect_frame(&map, 60, 7 * NS + 999999 * unit);
		expect_frame(&map, 1514, 4000000000u * NS + 5 * unit);
		expect_frame(&map, 0, 8 * NS);
		expect(&map, CAPTURE_MAP_END);
		expect(&map, CAPTURE_MAP_END);
		capture_map_close(&map);
	}
}

static void what_is_no_capture_of_ethernet_is_refused(void **state)
{
	struct capture_map map;
	FILE *to;

	(void)state;
	for (unsigned len = 0; len < 24; len++) {
		assert_int_equal(truncate(path, len), 0);
		assert_int_equal(capture_map_open(&map, path, &err), -22);
		capture_map_close(&map);
	}
	fclose(begin(0x0a0d0d0a, false, 1));
	assert_int_equal(capture_map_open(&map, path, &err), -22);
	assert_non_null(strstr(err.text, "editcap -F nsecpcap"));
	capture_map_close(&map);
	fclose(begin(0xa1b2c3d4, true, 113));
	assert_int_equal(capture_map_open(&map, path, &err), -22);
	assert_non_null(strstr(err.text, "not a capture of Ethernet frames"));
	capture_map_close(&map);
	to = begin(0xa1b2c3d5, false, 1);
	fclose(to);
	assert_int_equal(capture_map_open(&map, path, &err), -22);
	capture_map_close(&map);
	assert_int_equal(capture_map_open(&map, "/tmp", &err), -22);
	capture_map_close(&map);
	assert_int_equal(capture_map_open(&map, "/nowhere/at/all", &err), -2);
	capture_map_close(&map);
}

/* Cut off anywhere, a file gives the frames before the cut and then says where it is broken. */
static void a_cut_is_noticed_wherever_it_is(void **state)
{
	enum { FIRST = 24 + 16 + 40, ALL = FIRST + 16 + 30 };

	(void)state;
	for (unsigned len = 24; len < ALL; len++) {
		struct capture_map map;
		FILE *to = begin(0xa1b2c3d4, false, 1);

		put_frame(to, false, 1, 1, 40);
		put_frame(to, false, 2, 2, 30);
		fclose(to);
		assert_int_equal(truncate(path, len), 0);
		open_map(&map);
		if (len >= FIRST)
			expect_frame(&map, 40, NS + 1000);
		expect(&map, len == 24 || len == FIRST ? CAPTURE_MAP_END : CAPTURE_MAP_BROKEN);
		if (len > FIRST) {
			assert_int_equal(capture_map_explain(&map, &err), -22);
			assert_non_null(strstr(err.text, "no whole record at byte 80"));
		}
		capture_map_close(&map);
	}
}

static void a_length_that_none_has_is_no_record(void **state)
{
	static const uint32_t bad[] = {262145, UINT32_MAX, UINT32_MAX - 15, 0x80000000};

	(void)state;
	for (unsigned i = 0; i < LM_COUNT(bad); i++) {
		struct capture_map map;
		FILE *to = begin(0xa1b2c3d4, false, 1);

		put_u32(to, 1, false);
		put_u32(to, 1, false);
		put_u32(to, bad[i], false);
		put_u32(to, bad[i], false);
		for (unsigned j = 0; j < 300000; j++)
			fputc(0, to);
		fclose(to);
		open_map(&map);
		expect(&map, CAPTURE_MAP_BROKEN);
		capture_map_close(&map);
	}
}

static void records_are_counted_where_all_are_alike(void **state)
{
	struct capture_map map;
	FILE *to = begin(0xa1b2c3d4, false, 1);

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		put_frame(to, false, i, 0, 100);
	fclose(to);
	open_map(&map);
	assert_int_equal(capture_map_equal_records(&map), 5);
	capture_map_close(&map);
	assert_int_equal(truncate(path, 24 + 5 * 116 - 1), 0);
	open_map(&map);
	assert_int_equal(capture_map_equal_records(&map), 0);
	capture_map_close(&map);
}

/* Pages of a mapping that are in memory. */
static unsigned resident(const struct capture_map *map)
{
	unsigned long from = (unsigned long)map->base, to = from + map->bytes, start, end;
	FILE *maps = fopen("/proc/self/smaps", "r");
	unsigned kilobytes = 0;
	bool inside = false;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start >= from && start < to;
		else if (inside)
			(void)sscanf(line, "Rss: %u kB", &kilobytes);
	}
	fclose(maps);
	return kilobytes;
}

/* A sparse file of 1 GiB is read through by a reader that lets go of what it has read. */
static void what_is_resident_is_bounded(void **state)
{
	enum { LEN = 262128, FRAMES = 4096 };
	struct capture_map_frame frame;
	struct capture_map map;
	FILE *to = begin(0xa1b2c3d4, false, 1);
	unsigned most = 0;

	(void)state;
	for (long i = 0; i < FRAMES; i++) {
		put_u32(to, (uint32_t)i, false);
		put_u32(to, 0, false);
		put_u32(to, LEN, false);
		put_u32(to, LEN, false);
		assert_int_equal(fseek(to, LEN, SEEK_CUR), 0);
	}
	assert_int_equal(ftruncate(fileno(to), 24 + FRAMES * (16L + LEN)), 0);
	fclose(to);
	open_map(&map);
	assert_int_equal(capture_map_start(&map, -1, &err), 0);
	for (uint32_t n = 0; n < FRAMES;) {
		enum capture_map_got got = capture_map_next(&frame, &map);

		assert_true(got == CAPTURE_MAP_FRAME || got == CAPTURE_MAP_WAIT);
		if (got == CAPTURE_MAP_WAIT) {
			usleep(100);
			continue;
		}
		assert_true(frame.at_ns == n * NS);
		assert_int_equal(frame.bytes[LEN - 1],
				 0); /* which would fault if it were not there */
		capture_map_release(&map);
		if (++n % 256 == 0 && resident(&map) > most)
			most = resident(&map);
	}
	expect(&map, CAPTURE_MAP_END);
	assert_in_range(most, 1, 3 * (CAPTURE_MAP_AHEAD >> 10));
	capture_map_close(&map);
	assert_int_equal(truncate(path, 0), 0);
}

/* ---- Pace ---- */

static void own_times_count_from_the_first_and_never_go_back(void **state)
{
	struct pace pace = {.kind = PACE_OWN, .speed = 1};

	(void)state;
	pace_init(&pace);
	assert_int_equal(pace_next_ns(&pace, 5000), 0);
	assert_int_equal(pace_next_ns(&pace, 6000), 1000);
	assert_int_equal(pace_next_ns(&pace, 5500), 1000);
	assert_int_equal(pace_next_ns(&pace, 10), 1000);
	assert_int_equal(pace_next_ns(&pace, 7000), 2000);
	pace.speed = 4;
	pace_init(&pace);
	assert_int_equal(pace_next_ns(&pace, UINT64_C(1577836800000000000)), 0);
	assert_int_equal(pace_next_ns(&pace, UINT64_C(1577836800000004000)), 1000);
	pace.speed = 1e-6; /* what is due never is not due at once */
	pace_init(&pace);
	assert_int_equal(pace_next_ns(&pace, 0), 0);
	assert_true(pace_next_ns(&pace, UINT64_MAX) == UINT64_C(9000000000000000000));
}

static void rates_are_kept_whatever_the_capture_says(void **state)
{
	struct pace pace = {.kind = PACE_RATE, .rate_pps = 1000};
	uint64_t last = 0;

	(void)state;
	pace_init(&pace);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(pace_next_ns(&pace, i % 3), i * UINT64_C(1000000));
	pace.arrivals = GEN_BURSTY;
	pace.burst = 5;
	pace.peak = 10;
	pace_init(&pace);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(pace_next_ns(&pace, 0), i / 5 * 5000000 + i % 5 * 100000);
	pace.arrivals = GEN_POISSON;
	pace_init(&pace);
	for (unsigned i = 0; i <= 100000; i++)
		last = pace_next_ns(&pace, 0);
	/* the sum of n gaps of mean m has deviation m * sqrt(n) */
	assert_true(fabs((double)last / 1e6 - 100000) < 6 * sqrt(100000));
}

static void a_flood_is_due_at_once(void **state)
{
	struct pace pace = {.kind = PACE_FLOOD};

	(void)state;
	pace_init(&pace);
	assert_int_equal(pace_next_ns(&pace, 1), 0);
	assert_int_equal(pace_next_ns(&pace, 1000000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_either_byte_order_and_resolution_are_read),
		cmocka_unit_test(what_is_no_capture_of_ethernet_is_refused),
		cmocka_unit_test(a_cut_is_noticed_wherever_it_is),
		cmocka_unit_test(a_length_that_none_has_is_no_record),
		cmocka_unit_test(records_are_counted_where_all_are_alike),
		cmocka_unit_test(what_is_resident_is_bounded),
		cmocka_unit_test(own_times_count_from_the_first_and_never_go_back),
		cmocka_unit_test(rates_are_kept_whatever_the_capture_says),
		cmocka_unit_test(a_flood_is_due_at_once),
	};
	int file = mkstemp(path), failed;

	assert_true(file >= 0);
	close(file);
	assert_int_equal(lm_base_init(&err), 0);
	failed = RUN_TESTS(tests);
	unlink(path);
	return failed;
}
