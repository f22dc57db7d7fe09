/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See telemetry_stages.h.
 */
#include "telemetry_stages.h"

#include <rte_cycles.h>
#include <stdlib.h>

#include "timed.h"

_Static_assert(4 * STAGES + 6 <= RTE_TEL_MAX_DICT_ENTRIES, "all figures find room");

static void add(void *data, const char *name, uint64_t value)
{
	rte_tel_data_add_dict_u64(data, name, value);
}

int telemetry_add_stages(struct rte_tel_data *data, const struct relay *relay, const char *worker)
{
	struct stage_times times;

	if (!worker || worker[0] == '\0') {
		timed_all(&times, relay);
	} else {
		char *end;
		unsigned long index = strtoul(worker, &end, 10);

		if (*end != '\0' || index >= relay->workers)
			return -1;
		timed_worker(&times, relay, (unsigned)index);
	}
	add(data, "timed", __atomic_load_n(&relay->shared.timed, __ATOMIC_RELAXED));
	add(data, "tsc_hz", rte_get_tsc_hz());
	add(data, "workers", relay->workers);
	stage_times_each(&times, add, data);
	return 0;
}
