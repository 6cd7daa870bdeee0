/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROGRAMS_H
#define WEIR_PROGRAMS_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "vault/digest.h"
#include "vault/owned.h"

/*
 * What programs are, by the SHA-256 of their files.  A file is hashed once, and
 * again when it has changed; of the last few it is remembered.  For one thread.
 */
#define PROGRAMS_KEPT 32
struct programs {
	struct program_seen {
		dev_t dev;
		ino_t ino;
		off_t size;
		struct timespec mtime, ctime;
		struct digest digest;
	} seen[PROGRAMS_KEPT];
	unsigned int count;
	unsigned int next; /* to be forgotten */
};

/* The program that a process or thread runs.  ERR_NOT_FOUND: it has ended by
 * now; any other error: it cannot be seen, or is too large (program.h). */
int programs_digest(struct programs *p, uint32_t pid, struct digest *out)
    MUST_USE;

#endif
