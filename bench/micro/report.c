/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the benchmarks print: where they ran and how they were built, then a line each, for people
 * or as one JSON object.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commit.h"
#include "micro.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* The processor's name as the kernel has it. */
static void cpu_model(char *text, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256], *colon;

	snprintf(text, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "model name", 10) != 0 || !(colon = strchr(line, ':')))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, size, "%s", colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

static void print_json(json_t *object)
{
	LM_ASSERT(object);
	json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(object);
}

void report_start(bool json, int cpu, double tsc)
{
	char model[256];

	cpu_model(model, sizeof(model));
	if (json) {
		print_json(json_pack("{s:s, s:i, s:f, s:s, s:s, s:s}", "cpu", model, "core", cpu,
				     "tsc_hz", tsc, "compiler", COMPILER, "flags", LM_FLAGS,
				     "commit", LM_COMMIT));
		return;
	}
	printf("%s, core %d, time stamp counter %.0f MHz\n%s, flags %s, commit %s\n\n", model, cpu,
	       tsc / 1e6, COMPILER, LM_FLAGS, LM_COMMIT);
	printf("%-24s %-11s %3s %12s %12s %11s %11s %8s\n", "", "backend", "n", "cycles/item",
	       "least", "ns/item", "items/s", "ratio");
}

void report(bool json, const struct benchmark *benchmark, const char *backend, unsigned n,
	    struct figure operation, double ratio, double tsc)
{
	double ns = operation.median / tsc * 1e9;

	if (json)
		print_json(json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "name",
				     benchmark->name, "backend", backend, "n", (int)n,
				     "cycles_per_item", operation.median, "cycles_per_item_least",
				     operation.least, "ns_per_item", ns, "items_per_second",
				     1e9 / ns, "ratio", ratio));
	else
		printf("%-24s %-11s %3u %12.1f %12.1f %11.1f %11.0f %8.2f\n", benchmark->name,
		       backend, n, operation.median, operation.least, ns, 1e9 / ns, ratio);
	fflush(stdout);
}
