/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Follows secrets through the library on every backend of this CPU. Without a tool that follows,
 * nothing is tested, and it says so.
 */
#include <stdio.h>

#include "follow.h"

int main(void)
{
	if (!follow_tool()) {
		printf("1..0 # SKIP nothing follows secrets here: neither valgrind nor msan\n");
		return EXIT_SUCCESS;
	}
	printf("# secrets followed by %s\n", follow_tool());
	if (lm_base_init(NULL) != 0)
		return EXIT_FAILURE;
	leak_cases();
	base_cases();
	x25519_cases();
	symmetric_cases();
	packet_cases();
	return follow_done();
}
