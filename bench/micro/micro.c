/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Micro-benchmarks of the libraries: every operation on every backend that this CPU has, for bursts
 * of 1 to 64 items, on one pinned core. `ratio` is items a second over libsodium's X25519, one at a
 * time, measured in turns with it: crypto_scalarmult_curve25519, or ..._base for x25519.base; for
 * frames, over a burst of ipsec-mb's AEAD.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"

static const struct suite *const suites[] = {&x25519_suite,  &symmetric_suite, &packet_suite,
					     &mix_suite,     &link_suite,      &pacer_suite,
					     &topology_suite};
static const unsigned burst_sizes[] = {1, 8, 16, 32, 64};

struct options {
	const char *filter, *backend;
	bool json;
	int cpu;
	unsigned samples, burst;
};

static const struct argp_option option_table[] = {
	{"filter", 'f', "NAME", 0, "Only benchmarks whose name contains NAME; NAME$: ends with it",
	 0},
	{"backend", 'b', "NAME", 0, "Only this backend", 0},
	{"json", 'j', NULL, 0, "One JSON object a line", 0},
	{"cpu", 'c', "CPU", 0, "Pin to this CPU (default: the last allowed)", 0},
	{"samples", 's', "N", 0, "Samples of each figure (default: 101)", 0},
	{"burst", 'n', "N", 0, "Only bursts of N items: 1, 8, 16, 32 or 64", 0},
	{0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'f':
		options->filter = text;
		return 0;
	case 'b':
		options->backend = text;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'c':
		options->cpu = atoi(text);
		return 0;
	case 's':
		options->samples = (unsigned)strtoul(text, NULL, 10);
		if (options->samples < 1 || options->samples > 1000000)
			argp_error(state, "--samples %s: from 1 to 1000000", text);
		return 0;
	case 'n':
		options->burst = (unsigned)strtoul(text, NULL, 10);
		for (unsigned i = 0; i < LM_COUNT(burst_sizes); i++)
			if (burst_sizes[i] == options->burst)
				return 0;
		argp_error(state, "--burst %s: 1, 8, 16, 32 or 64", text);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

bool is_wanted(const char *name, const char *filter)
{
	size_t n = filter ? strlen(filter) : 0, len = strlen(name);

	if (n == 0 || filter[n - 1] != '$')
		return n == 0 || strstr(name, filter);
	n--;
	return n <= len && memcmp(name + len - n, filter, n) == 0;
}

static void run_benchmark(const struct benchmark *benchmark, const char *backend,
			  const struct options *options, double tsc)
{
	const struct benchmark *aead =
		benchmark->baseline < BASELINE_AEAD
			? NULL
			: &aead_baseline[benchmark->baseline - BASELINE_AEAD];
	void *context = benchmark->setup(backend);
	void *other = aead ? aead->setup(backend) : NULL;

	for (unsigned i = 0; i < LM_COUNT(burst_sizes); i++) {
		struct figure operation;
		double ratio;

		if (options->burst && options->burst != burst_sizes[i])
			continue;
		operation = measure(&ratio, benchmark, context, other, burst_sizes[i],
				    options->samples);
		report(options->json, benchmark, backend, burst_sizes[i], operation, ratio, tsc);
	}
	benchmark->teardown(context);
	if (aead)
		aead->teardown(other);
}

/* Returns how many benchmarks ran. */
static unsigned run_suite(const struct suite *suite, const struct options *options, double tsc)
{
	unsigned ran = 0;

	for (unsigned i = 0; i < suite->count; i++) {
		if (!is_wanted(suite->benchmark[i].name, options->filter))
			continue;
		for (unsigned b = 0; suite->backend_name(b); b++) {
			const char *backend = suite->backend_name(b);

			if (!suite->backend_usable(b))
				continue;
			if (options->backend && strcmp(options->backend, backend) != 0)
				continue;
			run_benchmark(&suite->benchmark[i], backend, options, tsc);
			ran++;
		}
	}
	return ran;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse_option,
		.doc = "Measures the libraries' operations on one core.",
	};
	struct options options = {.cpu = -1, .samples = 101};
	struct lm_error err = {{0}};
	unsigned ran = 0;
	double tsc;
	int cpu;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (lm_base_init(&err) != 0) {
		fprintf(stderr, "micro: %s\n", err.text);
		return 1;
	}
	cpu = pin_to_cpu(options.cpu);
	if (cpu < 0) {
		fprintf(stderr, "micro: cannot run on CPU %d\n", options.cpu);
		return 1;
	}
	tsc = measure_tsc();
	report_start(options.json, cpu, tsc);
	for (unsigned i = 0; i < LM_COUNT(suites); i++)
		ran += run_suite(suites[i], &options, tsc);
	ran += replay_benchmarks(options.filter, options.backend, options.json, options.burst,
				 options.samples, tsc);
	if (ran == 0)
		fprintf(stderr, "micro: no benchmark of that name and backend on this CPU\n");
	return ran > 0 ? 0 : 1;
}
