/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-keyd-early: a keyd that answers before it records.  The journal gets its
 * entries a little later than the client its reply, so that a kill in
 * between loses them.  tests/crash/crash.py must find it out.
 */
#include <time.h>

#include "vault/trail.h"

static const struct timespec late = { .tv_nsec = 30000000 };

int __real_journal_append(struct journal *j, const void *payload, size_t n,
    uint64_t *index);
int __wrap_journal_append(struct journal *j, const void *payload, size_t n,
    uint64_t *index);
void __wrap_trail_notify(struct trail *t, uint64_t index,
    void (*done)(void *arg, int result), void *arg);
int __wrap_trail_wait(struct trail *t, uint64_t index);

int
__wrap_journal_append(struct journal *j, const void *payload, size_t n,
    uint64_t *index)
{
	nanosleep(&late, NULL);
	return __real_journal_append(j, payload, n, index);
}

void
__wrap_trail_notify(struct trail *t, uint64_t index,
    void (*done)(void *arg, int result), void *arg)
{
	(void)t;
	(void)index;
	done(arg, 0);
}

int
__wrap_trail_wait(struct trail *t, uint64_t index)
{
	(void)t;
	(void)index;
	return 0;
}
