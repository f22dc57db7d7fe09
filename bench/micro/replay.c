/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Benchmarks of lib/replay on one set of 2^26 tags, all new: a sample is a slice of the set's
 * filling, so they are timed here, slice by slice.
 *
 *   replay.test_and_set       from empty to 2^26 tags
 *   replay.test_and_set_full  the last sixteenth of that
 *
 * With 100 samples or more the set is filled to its last place, time and again. As no tag comes
 * twice, every one that is not new is a false positive, or refused: both are counted and printed.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include "lm_replay.h"
#include "micro.h"

#define CAPACITY  (UINT64_C(1) << 26)
#define SLICES    100
#define PARTS     16 /* of a slice, timed one by one: too short for others to come between */
#define LAST_PART 16
#define HUGE_PAGE ((size_t)2 << 20)

struct replay_context {
	struct lm_replay *set;
	size_t bytes;
	uint64_t next; /* the tags are numbers: the set's permutation makes them random */
	uint64_t inserted, seen, refused;
};

/*
 * Huge pages where the kernel has them, as a relay has: with small ones a look-up costs a walk of
 * the page table, whose entries fill the cache.
 */
static void *huge_alloc(size_t bytes)
{
	uint8_t *memory = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	LM_ASSERT(memory != MAP_FAILED);
	memory += -(uintptr_t)memory % HUGE_PAGE;
	(void)madvise(memory, bytes, MADV_HUGEPAGE); /* refused: slower, not wrong */
	return memory;
}

static void insert(struct replay_context *c, unsigned n)
{
	struct lm_replay_tag tag[LM_BURST];
	uint64_t fresh, full;

	memset(tag, 0, n * sizeof(tag[0]));
	for (unsigned i = 0; i < n; i++) {
		uint64_t number = c->next++;

		memcpy(tag[i].b, &number, sizeof(number));
	}
	fresh = lm_replay_insert(c->set, tag, UINT64_MAX >> (64 - n), n, &full);
	c->inserted += n;
	c->refused += (unsigned)__builtin_popcountll(full);
	c->seen += n - (unsigned)__builtin_popcountll(fresh | full);
}

/* An empty set, then `tags` tags in it. */
static void start(struct replay_context *c, uint64_t tags)
{
	memset(c->set, 0, c->bytes);
	c->set = lm_replay_init(c->set, CAPACITY);
	while (tags >= LM_BURST) {
		insert(c, LM_BURST);
		tags -= LM_BURST;
	}
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double time_part(struct replay_context *c, uint64_t tags, unsigned n)
{
	uint64_t began = __rdtsc();

	for (uint64_t done = 0; done < tags; done += n)
		insert(c, n);
	return (double)(__rdtsc() - began) / (double)tags;
}

/* Cycles a tag, in bursts of n, of the slices that lead from `from` tags to a full set. */
static struct figure time_slices(struct replay_context *c, uint64_t from, unsigned n,
				 unsigned samples)
{
	double *taken = calloc((size_t)samples * PARTS, sizeof(*taken));
	uint64_t part = (CAPACITY - from) / SLICES / PARTS / n * n;
	struct figure figure;

	LM_ASSERT(taken);
	for (unsigned i = 0; i < samples * PARTS; i++) {
		if (i % (SLICES * PARTS) == 0)
			start(c, from);
		taken[i] = time_part(c, part, n);
	}
	qsort(taken, (size_t)samples * PARTS, sizeof(*taken), compare);
	figure = (struct figure){taken[samples * PARTS / 2], taken[0]};
	free(taken);
	return figure;
}

/* The verdicts on tags that were all new. */
static void report_verdicts(bool json, const char *name, const struct replay_context *c)
{
	const char *form = json ? "{\"name\": \"%s\", \"new_tags\": %llu, \"false_positives\": "
				  "%llu, \"refused\": %llu}\n"
				: "%-24s of %llu new tags %llu were taken for seen, %llu refused\n";

	printf(form, name, (unsigned long long)c->inserted, (unsigned long long)c->seen,
	       (unsigned long long)c->refused);
	fflush(stdout);
}

static void run(const struct benchmark *benchmark, uint64_t from, bool json, unsigned burst,
		unsigned samples, double tsc)
{
	static const unsigned burst_sizes[] = {1, 8, 16, 32, 64};
	struct replay_context c = {.bytes = lm_replay_size(CAPACITY)};
	size_t mapped = c.bytes;

	c.set = huge_alloc(mapped);
	for (unsigned i = 0; i < LM_COUNT(burst_sizes); i++) {
		struct figure operation, baseline;

		if (burst && burst != burst_sizes[i])
			continue;
		operation = time_slices(&c, from, burst_sizes[i], samples);
		baseline = measure_baseline(benchmark->baseline, samples);
		report(json, benchmark, "aesni", burst_sizes[i], operation,
		       baseline.least / operation.least, tsc);
	}
	report_verdicts(json, benchmark->name, &c);
	munmap(c.set, mapped);
}

unsigned replay_benchmarks(const char *filter, const char *backend, bool json, unsigned burst,
			   unsigned samples, double tsc)
{
	static const struct benchmark benchmarks[] = {
		{"replay.test_and_set", BASELINE_SHARED, NULL, NULL, NULL, NULL},
		{"replay.test_and_set_full", BASELINE_SHARED, NULL, NULL, NULL, NULL},
	};
	static const uint64_t from[] = {0, CAPACITY - CAPACITY / LAST_PART};
	unsigned ran = 0;

	if (backend && strcmp(backend, "aesni") != 0)
		return 0;
	for (unsigned i = 0; i < LM_COUNT(benchmarks); i++) {
		if (!is_wanted(benchmarks[i].name, filter))
			continue;
		run(&benchmarks[i], from[i], json, burst, samples, tsc);
		ran++;
	}
	return ran;
}
