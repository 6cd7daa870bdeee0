/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fuse/mountpoint.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define UDEV_TRIES 20
#define UDEV_PAUSE_MS 25

/* It has to see the mount first; a moment, where there is a udev. */
static int
await_readahead(const char *name, unsigned int kb)
{
	const struct timespec pause = clock_timespec(UDEV_PAUSE_MS);
	int tries = access("/run/udev/control", F_OK) == 0 ? UDEV_TRIES : 1;

	for (int i = 0; i < tries; i++) {
		OWNED_FD fd = open(name, O_RDONLY | O_CLOEXEC);
		char text[16] = "";

		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
			return ERR_DENIED;
		if (strtoul(text, NULL, 10) >= kb)
			return 0;
		if (i + 1 < tries)
			(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return ERR_DENIED;
}

int
mountpoint_readahead(const struct mountpoint_made *m, unsigned int kb)
{
	char name[80];

	snprintf(name, sizeof(name), "/sys/class/bdi/%u:%u/read_ahead_kb",
	    m->major, m->minor);
	if (geteuid() != 0)
		return await_readahead(name, kb);

	OWNED_FD fd = open(name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%u\n", kb) < 0)
		return log_sys("%s", name);
	return 0;
}
