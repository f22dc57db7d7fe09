/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay's configuration: YAML from anywhere either fills the struct within its ranges, or is
 * refused with a message that begins with the file's name.
 */
#include "config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct relay_config config;
	struct lm_error err = {""};
	int rc;

	fuzz_start();
	rc = lm_conf_parse(&config, &relay_config_table, (const char *)data, size, "relay.yaml",
			   &err);
	if (rc != 0) {
		LM_ASSERT(rc < 0 && strncmp(err.text, "relay.yaml", 10) == 0);
		return 0;
	}
	LM_ASSERT(config.services <= CONFIG_SERVICES);
	LM_ASSERT(strnlen(config.node.topology, sizeof(config.node.topology)) <
		  sizeof(config.node.topology));
	return 0;
}
