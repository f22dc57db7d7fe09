/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this machine carries with this configuration: its workers, its link mode, the topology's
 * profile and strategy. Packets for a made-up mix key are built in memory and fed to a relay
 * without a wire, as fast as it peels; the relay's own keys, replay sets and port are not touched.
 * What a NIC and its driver cost is not in it.
 *
 * Refused while a relay runs with this configuration: both would have half of each CPU.
 *
 * Control thread only; once in a process.
 */
#pragma once

#include "feed.h"
#include "measured.h"

struct self_test {
	struct feed_result result;
	struct measured measured; /* with all of the CPUs */
	double cpu_share;         /* of the workers' CPUs that they got meanwhile; 1 at most */
};

/*
 * Loads a relay for the test in place of relay_load, runs it, and keeps the outcome in the state
 * folder if there is one. -EBUSY and a message: a relay runs. `relay` starts zeroed.
 */
LM_MUST_CHECK int self_test_run(struct self_test *out, struct relay *relay,
				struct relay_config *config, struct lm_error *err);

/* Prints it, for people or as one JSON object on a line. */
void self_test_print(FILE *to, const struct self_test *test, const struct relay *relay, bool json);

/* ---- self_test_packets.c ---- */

/* Makes up mix keys for the relay, for this process alone, in its topology too. -errno. */
LM_MUST_CHECK int self_test_keys(struct relay *relay, struct lm_error *err);

/*
 * Adds frames from the relay's neighbours to other ones, the relay's own hop the first on their
 * way, until there are so many or a while has passed; -errno if there are none.
 */
LM_MUST_CHECK int self_test_fill(struct feed *feed, const struct relay *relay, unsigned frames,
				 struct lm_error *err);
