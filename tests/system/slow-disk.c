/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into a program: its fsync takes as long as the first byte of the file that SLOW_DISK
 * names is not zero. It stays mapped, so that a program in a sandbox sees it change. The second
 * byte tells that an fsync waits.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint8_t *disk; /* the file */

__attribute__((constructor)) static void map_disk(void)
{
	const char *path = getenv("SLOW_DISK");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (map == MAP_FAILED) {
		perror("SLOW_DISK");
		abort();
	}
	close(fd);
	disk = map;
}

int fsync(int fd)
{
	while (__atomic_load_n(&disk[0], __ATOMIC_ACQUIRE) != 0) {
		__atomic_store_n(&disk[1], 1, __ATOMIC_RELEASE);
		(void)poll(NULL, 0, 1);
	}
	__atomic_store_n(&disk[1], 0, __ATOMIC_RELEASE);
	return (int)syscall(SYS_fsync, fd);
}
