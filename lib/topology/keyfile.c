/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files: read whole, replaced whole; and those of long-term keys, one line "linemix-secret-v1 KIND
 * HEX". The line passes through locked memory only; messages quote nothing of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lm_topology_signed.h"

#define LINE_MAX_LEN 128
#define PATH_LEN     4096

const char *lm_keyfile_kind_name(enum lm_keyfile_kind kind)
{
	static const char *const names[] = {
		[LM_KEYFILE_AUTHORITY] = "authority",
		[LM_KEYFILE_IDENTITY] = "identity",
		[LM_KEYFILE_LINK] = "link",
	};

	return names[kind];
}

/* ---- Files ---- */

static int read_all(char **text, size_t *len, const char *path, int fd, struct lm_error *err)
{
	struct stat status;
	ssize_t got;

	if (fstat(fd, &status) < 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return lm_error_set(err, EINVAL, "%s: is no regular file", path);
	if ((uintmax_t)status.st_size > LM_SIGNED_BYTES)
		return lm_error_set(err, EFBIG, "%s: larger than %u bytes; shorten it", path,
				    LM_SIGNED_BYTES);
	*text = malloc((size_t)status.st_size + 1);
	if (!*text)
		return lm_error_set(err, ENOMEM, "%s: out of memory", path);
	for (*len = 0; *len < (size_t)status.st_size; *len += (size_t)got) {
		got = read(fd, *text + *len, (size_t)status.st_size - *len);
		if (got < 0)
			return lm_error_set(err, errno, "%s: cannot be read: %s", path,
					    strerror(errno));
		if (got == 0)
			break; /* cut while it was being read: the parser will say so */
	}
	return 0;
}

int lm_file_read(char **text, size_t *len, const char *path, struct lm_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;

	*text = NULL;
	if (fd < 0)
		return lm_error_set(err, errno, "%s: cannot be opened: %s", path, strerror(errno));
	rc = read_all(text, len, path, fd, err);
	if (rc != 0) {
		free(*text);
		*text = NULL;
	}
	close(fd);
	return rc;
}

/* 0, or an errno value. */
static int write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t wrote = write(fd, at, len);

		if (wrote < 0)
			return errno;
		at += wrote;
		len -= (size_t)wrote;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

static void sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_LEN];
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		 slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* A new file with these bytes, or none. */
static int create(const char *path, const void *bytes, size_t len, int flags, unsigned mode,
		  struct lm_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, mode), code;

	if (fd < 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	code = write_all(fd, bytes, len);
	close(fd);
	if (code == 0)
		return 0;
	unlink(path);
	return lm_error_set(err, code, "%s: cannot be written: %s", path, strerror(code));
}

int lm_file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
		    struct lm_error *err)
{
	char new[PATH_LEN];
	int n = snprintf(new, sizeof(new), "%s.new", path), rc;

	if (n < 0 || (size_t)n >= sizeof(new))
		return lm_error_set(err, ENAMETOOLONG, "%s: the path is too long", path);
	rc = create(new, bytes, len, O_TRUNC, mode, err);
	if (rc != 0)
		return rc;
	if (rename(new, path) != 0) {
		rc = lm_error_set(err, errno, "%s: cannot be replaced: %s", path, strerror(errno));
		unlink(new);
		return rc;
	}
	sync_folder(path);
	return 0;
}

/* ---- Keys ---- */

static void derive(uint8_t public[32], enum lm_keyfile_kind kind, const uint8_t secret[32])
{
	if (kind == LM_KEYFILE_LINK)
		lm_x25519_base_burst((struct lm_point *)public, (const struct lm_secret *)secret,
				     1);
	else
		lm_signer_public((struct lm_verifier *)public, (const struct lm_signer *)secret);
}

int lm_keyfile_make(uint8_t public[32], enum lm_keyfile_kind kind, const char *path,
		    struct lm_error *err)
{
	char *line = lm_secret_alloc(LINE_MAX_LEN);
	uint8_t *secret = lm_secret_alloc(32);
	int rc, n;

	if (!line || !secret) {
		rc = lm_error_set(err, ENOMEM,
				  "the kernel locks no memory for keys; raise the limit of locked "
				  "memory (ulimit -l)");
		goto out;
	}
	lm_rand(secret, 32);
	derive(public, kind, secret);
	n = sprintf(line, "linemix-secret-v1 %s ", lm_keyfile_kind_name(kind));
	lm_hex_encode(line + n, secret, 32);
	line[n + 64] = '\n';
	rc = create(path, line, (size_t)n + 65, O_EXCL, 0600, err);
	if (rc == 0)
		sync_folder(path);
out:
	lm_secret_free(secret);
	lm_secret_free(line);
	return rc;
}

/* A file that its owner alone may read; its line and no more into `line`. */
static int read_line(char line[LINE_MAX_LEN], ssize_t *len, const char *path, struct lm_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
	struct stat status;

	if (fd < 0)
		return lm_error_set(err, errno, "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		rc = lm_error_set(err, EINVAL, "%s: is no regular file", path);
	else if (status.st_mode & 077)
		rc = lm_error_set(err, EPERM, "%s: others may read this key; run: chmod 600 %s",
				  path, path);
	else if ((*len = read(fd, line, LINE_MAX_LEN)) < 0)
		rc = lm_error_set(err, errno, "%s: cannot be read: %s", path, strerror(errno));
	close(fd);
	return rc;
}

int lm_keyfile_load(uint8_t secret[32], uint8_t public[32], enum lm_keyfile_kind kind,
		    const char *path, struct lm_error *err)
{
	char *line = lm_secret_alloc(LINE_MAX_LEN);
	char head[LINE_MAX_LEN];
	ssize_t len = 0;
	int n = snprintf(head, sizeof(head), "linemix-secret-v1 %s ", lm_keyfile_kind_name(kind));
	int rc;

	if (!line)
		return lm_error_set(err, ENOMEM,
				    "the kernel locks no memory for keys; raise the limit of "
				    "locked memory (ulimit -l)");
	rc = read_line(line, &len, path, err);
	if (rc == 0 &&
	    (len != n + 65 || memcmp(line, head, (size_t)n) != 0 || line[n + 64] != '\n'))
		rc = lm_error_set(err, EINVAL,
				  "%s: is no key file of kind %s; linemix-directory keys makes one",
				  path, lm_keyfile_kind_name(kind));
	if (rc == 0) {
		line[n + 64] = '\0';
		if (!lm_hex_decode(secret, line + n, 32))
			rc = lm_error_set(err, EINVAL, "%s: is damaged: no 64 hexadecimal digits",
					  path);
	}
	lm_secret_free(line);
	if (rc == 0)
		derive(public, kind, secret);
	return rc;
}
