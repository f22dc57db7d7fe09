/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See exporter_config.h.
 */
#include "exporter_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "lm_conf.h"

#define S struct exporter_config
#define R struct exporter_relay

static const struct lm_conf_key relay_rows[] = {
	{.name = "name",
	 .type = LM_CONF_STRING,
	 .min = 1,
	 .max = COLLECT_NAME,
	 .offset = offsetof(R, name),
	 .help = "what this relay is called in metrics and on the page: letters, digits, _ - ."},
	{.name = "socket",
	 .type = LM_CONF_STRING,
	 .min = 1,
	 .max = COLLECT_PATH,
	 .offset = offsetof(R, socket),
	 .help = "its telemetry socket: dpdk/FILE_PREFIX/dpdk_telemetry.v2 in its runtime folder"},
};

static const struct lm_conf_table relay_table = {
	.key = relay_rows,
	.keys = LM_COUNT(relay_rows),
	.size = sizeof(R),
};

static const struct lm_conf_key rows[] = {
	{.name = "listen.address",
	 .type = LM_CONF_STRING,
	 .min = 1,
	 .max = sizeof(((S *)0)->listen.address) - 1,
	 .fallback = "127.0.0.1",
	 .offset = offsetof(S, listen.address),
	 .help = "IPv4 or IPv6 address to answer at"},
	{.name = "listen.port",
	 .type = LM_CONF_UINT,
	 .min = 0,
	 .max = 65535,
	 .fallback = "9471",
	 .offset = offsetof(S, listen.port),
	 .help = "TCP port; 0: any that is free, and a line says which"},
	{.name = "listen.hosts",
	 .type = LM_CONF_STRINGS,
	 .min = 0,
	 .max = EXPORTER_HOSTS,
	 .width = EXPORTER_HOST,
	 .fallback = "[]",
	 .offset = offsetof(S, listen.host),
	 .count_offset = offsetof(S, listen.hosts),
	 .help = "names by which it may be called, beside addresses and localhost"},
	{.name = "relays",
	 .type = LM_CONF_LIST,
	 .min = 1,
	 .max = COLLECT_RELAYS,
	 .offset = offsetof(S, relay),
	 .count_offset = offsetof(S, relays),
	 .element = &relay_table,
	 .help = "the relays of this machine"},
	{.name = "interval_seconds",
	 .type = LM_CONF_UINT,
	 .min = 1,
	 .max = 60,
	 .fallback = "1",
	 .offset = offsetof(S, interval_s),
	 .help = "how often relays are asked; all that is shown is of that time at least"},
	{.name = "user",
	 .type = LM_CONF_STRING,
	 .min = 0,
	 .max = EXPORTER_USER,
	 .fallback = "",
	 .offset = offsetof(S, user),
	 .help = "user to become, who may open the sockets; empty: stay"},
	{.name = "sandbox",
	 .type = LM_CONF_BOOL,
	 .fallback = "true",
	 .offset = offsetof(S, sandbox),
	 .help = "give up capabilities and all system calls but a few; false only to find an "
		 "error"},
};

static const struct lm_conf_table table = {
	.key = rows,
	.keys = LM_COUNT(rows),
	.size = sizeof(S),
};

static int find_address(struct exporter_config *config, const char *path, struct lm_error *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&config->listen.at;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&config->listen.at;
	uint16_t port = htons((uint16_t)config->listen.port);

	memset(&config->listen.at, 0, sizeof(config->listen.at));
	if (inet_pton(AF_INET, config->listen.address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		config->listen.loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
		return 0;
	}
	if (inet_pton(AF_INET6, config->listen.address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		config->listen.loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
		return 0;
	}
	return lm_error_set(err, EINVAL,
			    "%s: listen.address: \"%s\" is no IPv4 or IPv6 address; write "
			    "127.0.0.1",
			    path, config->listen.address);
}

static int check_relays(const struct exporter_config *config, const char *path,
			struct lm_error *err)
{
	for (unsigned i = 0; i < config->relays; i++) {
		const char *name = config->relay[i].name;

		if (!collect_is_name(name))
			return lm_error_set(err, EINVAL,
					    "%s: relays[%u].name: \"%s\" has other characters than "
					    "letters, digits, _ - .",
					    path, i, name);
		for (unsigned j = 0; j < i; j++) {
			if (strcmp(config->relay[j].name, name) == 0)
				return lm_error_set(err, EINVAL,
						    "%s: relays[%u].name: \"%s\" stands there "
						    "twice",
						    path, i, name);
		}
	}
	return 0;
}

static int check(struct exporter_config *config, const char *path, struct lm_error *err)
{
	int rc = find_address(config, path, err);

	return rc == 0 ? check_relays(config, path, err) : rc;
}

int exporter_config_load(struct exporter_config *config, const char *path, struct lm_error *err)
{
	int rc = lm_conf_load(config, &table, path, err);

	return rc == 0 ? check(config, path, err) : rc;
}

int exporter_config_parse(struct exporter_config *config, const char *text, size_t len,
			  const char *name, struct lm_error *err)
{
	int rc = lm_conf_parse(config, &table, text, len, name, err);

	return rc == 0 ? check(config, name, err) : rc;
}

void exporter_config_describe(FILE *to)
{
	lm_conf_describe(to, &table);
}
