/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See files.h.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC           "linemix-signed-"
#define DESCRIPTORS_MAX 1000000
#define PATH_LEN        4096

/* ---- Documents ---- */

int file_read(struct file *file, const char *path, struct lm_error *err)
{
	int rc;

	*file = (struct file){.path = path};
	rc = lm_file_read(&file->text, &file->len, path, err);
	if (rc != 0)
		return rc;
	file->is_signed =
		file->len >= strlen(MAGIC) && memcmp(file->text, MAGIC, strlen(MAGIC)) == 0;
	if (file->is_signed)
		rc = lm_signed_parse(&file->parts, file->text, file->len, path, err);
	if (!file->is_signed || rc != 0) {
		file->parts.bytes = file->text;
		file->parts.len = file->len;
	}
	if (rc != 0)
		file_free(file);
	return rc;
}

void file_free(struct file *file)
{
	free(file->text);
	*file = (struct file){0};
}

int file_topology(struct lm_topology **topology, const char *path,
		  const struct lm_authorities *authorities, struct lm_error *err)
{
	struct file file;
	unsigned good = 0;
	int rc = file_read(&file, path, err);

	*topology = NULL;
	if (rc != 0)
		return rc;
	if (authorities->n > 0) {
		good = lm_signed_count(&file.parts, authorities);
		if (good < authorities->threshold)
			rc = lm_error_set(err, EBADMSG,
					  "%s: has %u good signatures of the %u that are needed",
					  path, good, authorities->threshold);
	}
	if (rc == 0)
		rc = lm_topology_parse(topology, file.parts.bytes, file.parts.len, path, err);
	file_free(&file);
	return rc;
}

/* ---- Descriptors ---- */

static int add_file(struct descriptors *descriptors, const char *path, struct lm_error *err)
{
	struct lm_build_file file = {.name = strdup(path)};
	unsigned n = descriptors->n;
	char *text = NULL;
	int rc;

	if (n == DESCRIPTORS_MAX) {
		free((char *)(uintptr_t)file.name);
		return lm_error_set(err, E2BIG, "%s: more than %u descriptors", path,
				    DESCRIPTORS_MAX);
	}
	rc = file.name ? lm_file_read(&text, &file.len, path, err) : -ENOMEM;
	if (rc == 0 && (n & (n - 1)) == 0) {
		struct lm_build_file *room =
			realloc(descriptors->file,
				(n ? 2 * (size_t)n : 1) * sizeof(*descriptors->file));

		if (room)
			descriptors->file = room;
		else
			rc = lm_error_set(err, ENOMEM, "%s: out of memory", path);
	}
	if (rc != 0) {
		free(text);
		free((char *)(uintptr_t)file.name);
		return rc;
	}
	file.text = text;
	descriptors->file[descriptors->n++] = file;
	return 0;
}

static bool is_left_out(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '.' || (len >= 4 && strcmp(name + len - 4, ".new") == 0);
}

static int add_folder(struct descriptors *descriptors, const char *path, struct lm_error *err)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (!folder)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		char name[PATH_LEN];

		if (is_left_out(entry->d_name))
			continue;
		if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= PATH_LEN)
			rc = lm_error_set(err, ENAMETOOLONG, "%s: the path is too long", path);
		else
			rc = add_file(descriptors, name, err);
	}
	closedir(folder);
	return rc;
}

int descriptors_add(struct descriptors *descriptors, const char *path, struct lm_error *err)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	return S_ISDIR(status.st_mode) ? add_folder(descriptors, path, err)
				       : add_file(descriptors, path, err);
}

void descriptors_free(struct descriptors *descriptors)
{
	for (unsigned i = 0; i < descriptors->n; i++) {
		free((char *)(uintptr_t)descriptors->file[i].name);
		free((char *)(uintptr_t)descriptors->file[i].text);
	}
	free(descriptors->file);
	*descriptors = (struct descriptors){0};
}

/* ---- Writing ---- */

int file_write(const char *path, const char *text, size_t len, struct lm_error *err)
{
	if (path)
		return lm_file_replace(path, text, len, 0644, err);
	if (fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0)
		return 0;
	return lm_error_set(err, errno, "standard output: %s", strerror(errno));
}
