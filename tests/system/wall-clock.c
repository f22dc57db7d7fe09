/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into a program: its clock of UTC is what a test says, and may jump. The file that
 * WALL_CLOCK names holds one number, an int64_t: twice the microseconds that the clock is ahead of
 * the machine's; or, odd, twice those that it shows while it stands still, and one. It stays
 * mapped, so that a program in a sandbox, which opens no file any more, sees it change. Other
 * clocks are the machine's.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US 1000000

static const int64_t *wall; /* the file */

__attribute__((constructor)) static void map_wall(void)
{
	const char *path = getenv("WALL_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, sizeof(*wall), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (map == MAP_FAILED) {
		perror("WALL_CLOCK");
		abort();
	}
	close(fd);
	wall = map;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
	int64_t word, us;

	if (syscall(SYS_clock_gettime, id, out) != 0)
		return -1;
	if (id != CLOCK_REALTIME)
		return 0;
	word = __atomic_load_n(wall, __ATOMIC_RELAXED);
	us = word / 2;
	if (word % 2 == 0)
		us += out->tv_sec * SECOND_US + out->tv_nsec / 1000;
	out->tv_sec = us / SECOND_US;
	out->tv_nsec = us % SECOND_US * 1000;
	return 0;
}
