/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starting DPDK's environment from a node's configuration.
 */
#pragma once

#include "config.h"

#define EAL_POLLING_MAX (CONFIG_WORKERS + 2)

/*
 * Which lcore polls for what: every CPU that the configuration names for a worker or the mixer gets
 * one polling lcore, which runs all that is placed on that CPU. lcore 0 is the control thread's.
 */
struct eal_plan {
	unsigned lcores;                       /* polling lcores: ids 1 .. lcores */
	unsigned cpu[EAL_POLLING_MAX];         /* of polling lcore i + 1 */
	unsigned worker_lcore[CONFIG_WORKERS]; /* index into cpu[] */
	unsigned mixer_lcore;
	bool spin[EAL_POLLING_MAX]; /* the CPU is its own: spin when idle; else yield */
};

/* -EINVAL and a message if a CPU is not available to this process. */
LM_MUST_CHECK int eal_plan_make(struct eal_plan *plan, const struct node_config *config,
				struct lm_error *err);

/*
 * Places one more poller, on the CPU that `key` names: its own lcore, or one that is there. *lcore
 * is an index into cpu[].
 */
LM_MUST_CHECK int eal_plan_place(struct eal_plan *plan, unsigned *lcore,
				 const struct node_config *config, uint64_t cpu, const char *key,
				 struct lm_error *err);

/*
 * rte_eal_init with arguments made from the configuration. `with_device` leaves the configured
 * device out if false (captures are replayed without one). Messages name the remedy.
 */
LM_MUST_CHECK int eal_start(const struct node_config *config, const struct eal_plan *plan,
			    const char *program, bool with_device, struct lm_error *err);

/* Gives DPDK's memory and files back, if eal_start had made them; nothing of DPDK works after it.
 */
void eal_stop(void);

/* True for a PCI address, false for a virtual device. */
LM_MUST_CHECK bool eal_device_is_pci(const char *device);
