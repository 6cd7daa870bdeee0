/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "vault/err.h"
#include "vault/program.h"

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
is_of(const struct program_seen *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino &&
	    s->size == st->st_size && same_time(&s->mtime, &st->st_mtim) &&
	    same_time(&s->ctime, &st->st_ctim);
}

static void
keep(struct programs *p, const struct stat *st, const struct digest *d)
{
	p->seen[p->next] = (struct program_seen){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
		.digest = *d,
	};
	p->next = (p->next + 1) % PROGRAMS_KEPT;
	if (p->count < PROGRAMS_KEPT)
		p->count++;
}

int
programs_digest(struct programs *p, uint32_t pid, struct digest *out)
{
	char path[32];
	struct stat st;
	int err;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);

	OWNED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? ERR_NOT_FOUND :
							   ERR_IO;
	if (fstat(fd, &st) != 0)
		return ERR_IO;
	for (unsigned int i = 0; i < p->count; i++) {
		if (is_of(&p->seen[i], &st)) {
			*out = p->seen[i].digest;
			return 0;
		}
	}
	err = program_digest(fd, out);
	if (err == 0)
		keep(p, &st, out);
	return err;
}
