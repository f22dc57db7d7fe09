/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a relay says over telemetry: the first byte chooses the question, the rest is the answer. It
 * is refused with a message, or every count is within its bounds and every word plain.
 */
#include "fuzz.h"
#include "reading.h"

static void check_word(const char word[READING_WORD + 1])
{
	size_t len = strnlen(word, READING_WORD + 1);

	LM_ASSERT(len <= READING_WORD);
	for (size_t i = 0; i < len; i++)
		LM_ASSERT(word[i] >= ' ' && word[i] <= '~' && !strchr("\"\\<>&{}", word[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.at = data, .left = size};
	unsigned command = fuzz_byte(&input) % (READING_COMMANDS + 1);
	struct reading reading = {0};
	struct lm_error err = {""};
	int rc;

	fuzz_start();
	rc = command == READING_COMMANDS
		     ? reading_greet(&reading, (const char *)input.at, input.left, &err)
		     : reading_take(&reading, command, (const char *)input.at, input.left, &err);
	LM_ASSERT(rc <= 0 && (rc == 0 || err.text[0] != '\0'));
	check_word(reading.version);
	check_word(reading.dpdk);
	check_word(reading.role);
	check_word(reading.strategy);
	check_word(reading.verdict);
	LM_ASSERT(reading.cpus <= READING_CPUS);
	for (unsigned i = 1; i < reading.cpus; i++)
		LM_ASSERT(reading.cpu[i - 1].cpu < reading.cpu[i].cpu);
	LM_ASSERT(rc != 0 || reading.value[READING_LAYERS] <= LM_TOPOLOGY_LAYERS);
	return 0;
}
