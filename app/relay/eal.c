/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Building the EAL's arguments.
 */
#include "eal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64

struct arguments {
	int n;
	char *at[ARGUMENTS_MAX + 1];
	char text[4096];
	size_t used;
	bool overflow;
};

/* Adds one argument. */
static void add(struct arguments *args, const char *format, ...) LM_PRINTF(2, 3);

static void add(struct arguments *args, const char *format, ...)
{
	size_t room = sizeof(args->text) - args->used;
	va_list list;

	va_start(list, format);
	int n = vsnprintf(args->text + args->used, room, format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= room || args->n == ARGUMENTS_MAX) {
		args->overflow = true;
		return;
	}
	args->at[args->n++] = args->text + args->used;
	args->used += (size_t)n + 1;
}

bool eal_device_is_pci(const char *device)
{
	unsigned domain, bus, slot, function;
	char rest;

	return sscanf(device, "%x:%x:%x.%x%c", &domain, &bus, &slot, &function, &rest) == 4 ||
	       sscanf(device, "%x:%x.%x%c", &bus, &slot, &function, &rest) == 3;
}

/* CPUs that the kernel was told to leave alone (isolcpus); such a CPU is an lcore's own. */
static void read_isolated(cpu_set_t *isolated)
{
	FILE *file = fopen("/sys/devices/system/cpu/isolated", "re");
	unsigned from, to;

	CPU_ZERO(isolated);
	while (file && fscanf(file, "%u", &from) == 1) {
		to = from;
		if (fscanf(file, "-%u", &to) < 0)
			to = from;
		for (unsigned cpu = from; cpu <= to && cpu < CPU_SETSIZE; cpu++)
			CPU_SET(cpu, isolated);
		if (fgetc(file) != ',')
			break;
	}
	if (file)
		fclose(file);
}

static int check_cpu(const cpu_set_t *allowed, uint64_t cpu, const char *key, struct lm_error *err)
{
	if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, allowed))
		return 0;
	return lm_error_set(err, EINVAL,
			    "%s: CPU %llu is not available to this process, which may use %d CPUs; "
			    "see: taskset -p $$",
			    key, (unsigned long long)cpu, CPU_COUNT(allowed));
}

/* CPUs that this process may use, and which of them the kernel leaves alone. */
static int read_cpus(cpu_set_t *allowed, cpu_set_t *isolated, struct lm_error *err)
{
	if (sched_getaffinity(0, sizeof(*allowed), allowed) != 0)
		return lm_error_set(err, errno, "sched_getaffinity: %s", strerror(errno));
	read_isolated(isolated);
	CPU_OR(allowed, allowed, isolated); /* the kernel leaves these out of a process's mask */
	return 0;
}

/* The index of the polling lcore on this CPU, made if it is new. */
static unsigned lcore_on(struct eal_plan *plan, const struct node_config *config, unsigned cpu,
			 const cpu_set_t *isolated)
{
	for (unsigned i = 0; i < plan->lcores; i++) {
		if (plan->cpu[i] == cpu)
			return i;
	}
	plan->cpu[plan->lcores] = cpu;
	plan->spin[plan->lcores] = config->cpus.idle == CONFIG_IDLE_SPIN ||
				   (config->cpus.idle == CONFIG_IDLE_AUTO &&
				    cpu != config->cpus.control && CPU_ISSET(cpu, isolated));
	return plan->lcores++;
}

int eal_plan_place(struct eal_plan *plan, unsigned *lcore, const struct node_config *config,
		   uint64_t cpu, const char *key, struct lm_error *err)
{
	cpu_set_t allowed, isolated;
	int rc = read_cpus(&allowed, &isolated, err);

	if (rc == 0)
		rc = check_cpu(&allowed, cpu, key, err);
	if (rc == 0)
		*lcore = lcore_on(plan, config, (unsigned)cpu, &isolated);
	return rc;
}

int eal_plan_make(struct eal_plan *plan, const struct node_config *config, struct lm_error *err)
{
	cpu_set_t allowed, isolated;
	int rc = read_cpus(&allowed, &isolated, err);

	memset(plan, 0, sizeof(*plan));
	if (rc == 0)
		rc = check_cpu(&allowed, config->cpus.control, "cpus.control", err);
	for (unsigned i = 0; rc == 0 && i < config->cpus.workers_count; i++)
		rc = eal_plan_place(plan, &plan->worker_lcore[i], config, config->cpus.workers[i],
				    "cpus.workers", err);
	if (rc == 0)
		rc = eal_plan_place(plan, &plan->mixer_lcore, config, config->cpus.mixer,
				    "cpus.mixer", err);
	return rc;
}

static void add_lcores(struct arguments *args, const struct node_config *config,
		       const struct eal_plan *plan)
{
	char map[EAL_POLLING_MAX * 12 + 16];
	size_t used = (size_t)snprintf(map, sizeof(map), "0@%u", (unsigned)config->cpus.control);

	for (unsigned i = 0; i < plan->lcores; i++)
		used += (size_t)snprintf(map + used, sizeof(map) - used, ",%u@%u", i + 1,
					 plan->cpu[i]);
	add(args, "--lcores=%s", map);
	add(args, "--main-lcore=0");
}

static void add_extra(struct arguments *args, const char *extra)
{
	char copy[sizeof(((struct node_config *)0)->eal_args)];
	char *save = NULL;

	snprintf(copy, sizeof(copy), "%s", extra);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add(args, "%s", word);
}

static bool started;
static int folder = -1; /* of DPDK's sockets, locked: one process has a file_prefix */

static int take_folder(const struct node_config *config, struct lm_error *err)
{
	const char *path = rte_eal_get_runtime_dir();

	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	if (flock(folder, LOCK_EX | LOCK_NB) == 0)
		return 0;
	close(folder);
	folder = -1;
	(void)rte_eal_cleanup();
	return lm_error_set(err, EBUSY,
			    "file_prefix: another process has %s; choose another one, and another "
			    "runtime folder",
			    config->file_prefix);
}

int eal_start(const struct node_config *config, const struct eal_plan *plan, const char *program,
	      bool with_device, struct lm_error *err)
{
	struct arguments args = {0};

	add(&args, "%s", program);
	add_lcores(&args, config, plan);
	add(&args, "--file-prefix=%s", config->file_prefix);
	add(&args, "--log-level=warning");
	add(&args, "--log-level=lib.telemetry:error"); /* it warns of what nobody asked for */
	if (config->memory.huge_pages) {
		add(&args, "--in-memory");
	} else {
		/* no files, for whose end a relay would wait on a disk */
		add(&args, "--no-shconf");
		add(&args, "--no-huge");
		add(&args, "-m");
		add(&args, "%u", (unsigned)config->memory.megabytes);
	}
	if (with_device && eal_device_is_pci(config->port.device)) {
		add(&args, "-a");
		add(&args, "%s", config->port.device);
	} else {
		add(&args, "--no-pci");
	}
	if (with_device && !eal_device_is_pci(config->port.device))
		add(&args, "--vdev=%s", config->port.device);
	add_extra(&args, config->eal_args);
	if (args.overflow)
		return lm_error_set(err, E2BIG, "eal_args: too many arguments for the EAL");
	if (rte_eal_init(args.n, args.at) >= 0) {
		int rc = take_folder(config, err);

		started = rc == 0;
		return rc;
	}
	(void)rmdir(rte_eal_get_runtime_dir()); /* if nothing is in it: it may be another's */
	if (config->memory.huge_pages)
		return lm_error_set(
			err, rte_errno ? rte_errno : EIO,
			"DPDK does not start (%s); are huge pages reserved? "
			"echo 512 > /proc/sys/vm/nr_hugepages, or memory.huge_pages: false",
			rte_strerror(rte_errno));
	return lm_error_set(err, rte_errno ? rte_errno : EIO,
			    "DPDK does not start (%s); its own messages stand above; check "
			    "port.device, memory.megabytes, the right to open the device, and that "
			    "no other process has this file_prefix",
			    rte_errno ? rte_strerror(rte_errno) : "no reason given");
}

/* DPDK leaves its sockets' folder behind. */
static void remove_folder(const char *path)
{
	DIR *entries = opendir(path);
	struct dirent *entry;

	while (entries && (entry = readdir(entries)) != NULL) {
		if (entry->d_type != DT_DIR)
			(void)unlinkat(folder, entry->d_name, 0);
	}
	if (entries)
		closedir(entries);
	(void)rmdir(path);
	close(folder);
	folder = -1;
}

void eal_stop(void)
{
	char path[PATH_MAX];

	if (!started)
		return;
	snprintf(path, sizeof(path), "%s", rte_eal_get_runtime_dir());
	(void)rte_eal_cleanup();
	remove_folder(path);
	started = false;
}
