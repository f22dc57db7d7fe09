/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target without libFuzzer: runs each file of the folders that it is given, once. So every
 * finding stays a test, with every compiler.
 */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX (1u << 20)

static uint8_t input[INPUT_MAX];

static void run_file(const char *folder, const char *name)
{
	char path[4096];
	FILE *file;
	size_t n;
	uint8_t *exact;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(1);
	}
	n = fread(input, 1, sizeof(input), file);
	fclose(file);
	exact = malloc(n + 1); /* so that a sanitizer sees a step past the end */
	LM_ASSERT(exact != NULL);
	memcpy(exact, input, n);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static unsigned run_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	if (!folder) {
		perror(path);
		exit(1);
	}
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		run_file(path, entry->d_name);
		n++;
	}
	closedir(folder);
	return n;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	for (int i = 1; i < argc; i++)
		n += run_folder(argv[i]);
	printf("%u inputs\n", n);
	if (n == 0)
		fprintf(stderr, "usage: %s FOLDER...: no inputs there\n", argv[0]);
	return n > 0 ? 0 : 1;
}
