/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See entropy_captures.h.
 */
#include "entropy_captures.h"

#include <errno.h>
#include <string.h>

#include "capture.h"
#include "observe.h"
#include "relay_capture.h"

#define US_PER_S 1e6

/* A capture that is being read. */
struct reading {
	struct observer *observer;
	const struct lm_topology_node *mix;
};

static int take(void *context, uint64_t at_ns, const uint8_t *frame, size_t len,
		struct lm_error *err)
{
	struct reading *reading = context;

	return observer_frame(reading->observer, reading->mix, at_ns, frame, len, err);
}

static int check_network(const struct lm_topology *topology, struct lm_error *err)
{
	if (topology->mix.strategy != LM_MIX_POISSON)
		return lm_error_set(err, EINVAL,
				    "--relay: entropy is measured under the strategy poisson; the "
				    "topology says %s",
				    lm_mix_strategy_name(topology->mix.strategy));
	if (topology->cover.loop_interval_us != 0 || topology->cover.drop_interval_us != 0)
		return lm_error_set(err, EINVAL,
				    "--relay: own cover enters a relay unseen, and nothing is "
				    "measured with it; set cover in the topology to 0");
	return 0;
}

static int read_one(struct observer *observer, const char *capture, struct lm_error *err)
{
	struct reading reading = {.observer = observer};
	const char *path;
	int rc = relay_capture_parse(&reading.mix, &path, observer->topology, capture, err);

	if (rc != 0)
		return rc;
	if (reading.mix->role != LM_TOPOLOGY_MIX)
		return lm_error_set(err, EINVAL, "--relay: there is no mix %u in the topology",
				    reading.mix->id);
	return capture_read(path, take, &reading, err);
}

static int measure(struct entropy *entropy, struct observer *observer, struct lm_error *err)
{
	const struct lm_topology *topology = observer->topology;
	struct entropy_seen seen = {.layer = observer->layer,
				    .mixes = observer->mixes,
				    .layers = topology->layers,
				    .mean_s = topology->mix.mean_delay_us / US_PER_S};
	struct entropy_flight *flight = NULL;
	int rc = observer_flights(&flight, &seen.flights, observer, err);

	seen.flight = flight;
	if (rc != 0)
		return rc;
	rc = entropy_measure(entropy, &seen);
	free(flight);
	if (rc == -EDOM)
		return lm_error_set(err, EDOM,
				    "--relay: mix %u sent more packets than had come to it, first "
				    "at %.6f s: begin to capture before anything is sent, both "
				    "ways",
				    topology->node[observer->mix_node[entropy->broken_mix]].id,
				    (double)entropy->broken_at_ns / 1e9);
	return rc == 0 ? 0 : lm_error_set(err, -rc, "no memory to trace %u packets", seen.flights);
}

int entropy_of_captures(struct entropy *entropy, const struct lm_topology *topology,
			const char *const *capture, unsigned n, struct lm_error *err)
{
	struct observer observer;
	int rc = check_network(topology, err);

	if (rc == 0)
		rc = observer_make(&observer, topology, err);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = read_one(&observer, capture[i], err);
	for (uint32_t m = 0; rc == 0 && m < observer.mixes; m++) {
		if (observer.seen[m] == 0)
			rc = lm_error_set(err, ENODATA,
					  "--relay: no packet to or from mix %u was captured; "
					  "captures of every mix are needed",
					  topology->node[observer.mix_node[m]].id);
	}
	if (rc == 0)
		rc = measure(entropy, &observer, err);
	observer_free(&observer);
	return rc;
}
