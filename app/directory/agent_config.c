/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See agent_config.h.
 */
#include "agent_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lm_conf.h"

#define S struct agent_config

#define TEXT(member, key, shortest, otherwise, text)                          \
	{                                                                     \
		.name = (key), .type = LM_CONF_STRING, .min = (shortest),     \
		.max = sizeof(((S *)0)->member) - 1, .fallback = (otherwise), \
		.offset = offsetof(S, member), .help = (text),                \
	}
#define TEXTS(member, number, key, most, text)                                           \
	{                                                                                \
		.name = (key), .type = LM_CONF_STRINGS, .min = 1, .max = (most),         \
		.width = sizeof(((S *)0)->member[0]) - 1, .offset = offsetof(S, member), \
		.count_offset = offsetof(S, number), .help = (text),                     \
	}
#define NUMBER(member, key, least, most, otherwise, text)                               \
	{                                                                               \
		.name = (key), .type = LM_CONF_UINT, .min = (least), .max = (most),     \
		.fallback = (otherwise), .offset = offsetof(S, member), .help = (text), \
	}

static const struct lm_conf_key rows[] = {
	TEXTS(endpoint, endpoints, "endpoints", HTTP_ENDPOINTS,
	      "etcd's client addresses: https://host:port"),
	TEXT(prefix, "prefix", 2, "/linemix/network", "the network's keys in etcd begin with this"),
	TEXT(tls.ca, "tls.ca", 0, "",
	     "certificates that etcd's may come from, PEM; empty: the system's"),
	TEXT(tls.cert, "tls.cert", 0, "", "our certificate, PEM; empty: none"),
	TEXT(tls.key, "tls.key", 0, "", "its key, PEM"),
	TEXT(auth.user, "auth.user", 0, "", "etcd's user; empty: none"),
	TEXT(auth.password_file, "auth.password_file", 0, "",
	     "file with that user's password, mode 0600"),
	TEXTS(authority_key, authority_keys, "authorities", LM_SIGNED_SIGNATURES,
	      "public keys of those who sign topologies, 64 hexadecimal digits each"),
	NUMBER(threshold, "threshold", 1, LM_SIGNED_SIGNATURES, NULL,
	       "how many of them must have signed a topology"),
	TEXT(topology, "topology", 1, NULL, "the signed topology that this agent keeps up to date"),
	TEXT(descriptor, "descriptor", 0, "",
	     "the relay's descriptor, to be published; empty: none"),
	NUMBER(lease_s, "lease_seconds", 5, 86400 * 30, "3600",
	       "a descriptor goes when its agent has been away for this long"),
	TEXT(authority.key, "authority.key", 0, "",
	     "an authority's public key, one of `authorities`; empty: this is none"),
	TEXT(authority.signer, "authority.signer", 0, "", "the folder of its signer"),
	TEXT(authority.plan, "authority.plan", 0, "",
	     "the plan of the network, as the signer has it"),
	NUMBER(authority.lead_s, "authority.lead_seconds", 0, 86400 * 30, "0",
	       "work at the next document begins so long before its epoch; 0: a quarter of one"),
	NUMBER(poll_ms, "poll_ms", 50, 600000, "5000", "time between two looks into etcd"),
	NUMBER(timeout_ms, "timeout_ms", 100, 600000, "10000", "longest wait for an answer"),
	NUMBER(backoff_s, "backoff_seconds", 1, 3600, "60",
	       "longest pause between two attempts while etcd does not answer"),
};

static const struct lm_conf_table table = {
	.key = rows,
	.keys = LM_COUNT(rows),
	.size = sizeof(S),
};

void agent_config_describe(FILE *to)
{
	lm_conf_describe(to, &table);
}

/* Paths in the file are relative to its folder. */
static int resolve(char file[AGENT_PATH + 1], const char *key, const char *config,
		   struct lm_error *err)
{
	const char *slash = strrchr(config, '/');
	char whole[AGENT_PATH + 1];
	int n;

	if (file[0] == '\0' || file[0] == '/' || !slash)
		return 0;
	n = snprintf(whole, sizeof(whole), "%.*s/%s", (int)(slash - config), config, file);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return lm_error_set(err, ENAMETOOLONG, "%s: %s: path longer than %d bytes", config,
				    key, AGENT_PATH);
	memcpy(file, whole, (size_t)n + 1);
	return 0;
}

static int resolve_all(struct agent_config *config, const char *path, struct lm_error *err)
{
	const struct {
		char *file;
		const char *key;
	} files[] = {
		{config->tls.ca, "tls.ca"},
		{config->tls.cert, "tls.cert"},
		{config->tls.key, "tls.key"},
		{config->auth.password_file, "auth.password_file"},
		{config->topology, "topology"},
		{config->descriptor, "descriptor"},
		{config->authority.signer, "authority.signer"},
		{config->authority.plan, "authority.plan"},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < LM_COUNT(files); i++)
		rc = resolve(files[i].file, files[i].key, path, err);
	return rc;
}

/* Is there any but a scheme, a host and a port? */
static bool is_endpoint(const char *text)
{
	const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
			   : strncmp(text, "http://", 7) == 0 ? text + 7
							      : "";

	return host[0] != '\0' && host[strcspn(host, "/?#@ \\\t\r\n")] == '\0';
}

/* Whoever is between us and another machine reads what goes there without TLS. */
static bool is_in_the_clear(const char *endpoint)
{
	return strncmp(endpoint, "https://", 8) != 0 && strncmp(endpoint, "http://127.", 11) != 0 &&
	       strncmp(endpoint, "http://[::1]", 12) != 0;
}

static int check_endpoints(const struct agent_config *config, const char *path,
			   struct lm_error *err)
{
	for (unsigned i = 0; i < config->endpoints; i++) {
		const char *endpoint = config->endpoint[i];

		if (!is_endpoint(endpoint))
			return lm_error_set(err, EINVAL,
					    "%s: endpoints: \"%s\" is no address of etcd; write "
					    "https://host:2379",
					    path, endpoint);
		if (config->auth.user[0] != '\0' && is_in_the_clear(endpoint))
			return lm_error_set(err, EINVAL,
					    "%s: endpoints: a password would go to %s in the "
					    "clear; use https",
					    path, endpoint);
	}
	if (config->prefix[0] != '/' || config->prefix[strlen(config->prefix) - 1] == '/')
		return lm_error_set(err, EINVAL,
				    "%s: prefix: \"%s\" must begin with \"/\" and not end with one",
				    path, config->prefix);
	return 0;
}

static int check_authorities(struct agent_config *config, const char *path, struct lm_error *err)
{
	struct lm_authorities *all = &config->authorities;

	for (all->n = 0; all->n < config->authority_keys; all->n++) {
		struct lm_verifier *key = &all->key[all->n];

		if (!lm_hex_decode(key->b, config->authority_key[all->n], sizeof(key->b)))
			return lm_error_set(err, EINVAL,
					    "%s: authorities: \"%s\" is not 64 hexadecimal digits",
					    path, config->authority_key[all->n]);
		for (unsigned i = 0; i < all->n; i++) {
			if (memcmp(all->key[i].b, key->b, sizeof(key->b)) == 0)
				return lm_error_set(err, EINVAL,
						    "%s: authorities: %s stands there twice", path,
						    config->authority_key[all->n]);
		}
	}
	all->threshold = (unsigned)config->threshold;
	if (all->threshold > all->n)
		return lm_error_set(err, EINVAL,
				    "%s: threshold: %u of %u authorities cannot sign; lower it, or "
				    "name more in `authorities`",
				    path, all->threshold, all->n);
	return 0;
}

static int check_authority(struct agent_config *config, const char *path, struct lm_error *err)
{
	const struct lm_authorities *all = &config->authorities;
	struct lm_verifier *public = &config->authority.public;

	if (config->authority.key[0] == '\0')
		return 0;
	if (config->authority.signer[0] == '\0' || config->authority.plan[0] == '\0')
		return lm_error_set(err, EINVAL,
				    "%s: authority: name the folder of the signer and the plan",
				    path);
	/* otherwise two halves could sign two documents of one epoch */
	if (2 * all->threshold <= all->n)
		return lm_error_set(err, EINVAL,
				    "%s: threshold: must be more than half of the %u authorities",
				    path, all->n);
	if (!lm_hex_decode(public->b, config->authority.key, sizeof(public->b)))
		return lm_error_set(err, EINVAL, "%s: authority.key: not 64 hexadecimal digits",
				    path);
	for (unsigned i = 0; i < all->n; i++) {
		if (memcmp(all->key[i].b, public->b, sizeof(public->b)) == 0)
			return 0;
	}
	return lm_error_set(err, EINVAL, "%s: authority.key: is none of `authorities`", path);
}

/* ---- The password ---- */

static int read_password(struct agent_config *config, struct lm_error *err)
{
	const char *path = config->auth.password_file;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
	struct stat status;
	ssize_t n = 0;

	if (fd < 0)
		return lm_error_set(err, errno, "auth.password_file: %s: %s", path,
				    strerror(errno));
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		rc = lm_error_set(err, EINVAL, "auth.password_file: %s: is no regular file", path);
	else if (status.st_mode & 077)
		rc = lm_error_set(err, EPERM,
				  "auth.password_file: %s: others may read it; run: chmod 600 %s",
				  path, path);
	else
		n = read(fd, config->auth.password, sizeof(config->auth.password));
	close(fd);
	if (rc != 0)
		return rc;
	if (n > 0 && config->auth.password[n - 1] == '\n')
		n--;
	if (n < 1 || n > AGENT_WORD)
		return lm_error_set(err, EINVAL,
				    "auth.password_file: %s: has not 1 to %d bytes in its line",
				    path, AGENT_WORD);
	config->auth.password[n] = '\0';
	return 0;
}

int agent_config_load(struct agent_config *config, const char *path, struct lm_error *err)
{
	int rc = lm_conf_load(config, &table, path, err);

	if (rc == 0)
		rc = check_endpoints(config, path, err);
	if (rc == 0)
		rc = check_authorities(config, path, err);
	if (rc == 0)
		rc = check_authority(config, path, err);
	if (rc == 0)
		rc = resolve_all(config, path, err);
	if (rc == 0 && config->auth.user[0] != '\0') {
		rc = read_password(config, err);
		if (rc != 0)
			lm_error_prefix(err, path);
	}
	return rc;
}
