/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fault.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/* --wrap=f sends calls of f to __wrap_f, and __real_f is f. */
#define WRAPPED(type, f, ...)                                                  \
	type __real_##f(__VA_ARGS__);                                          \
	type __wrap_##f(__VA_ARGS__)

WRAPPED(void *, malloc, size_t n);
WRAPPED(void *, calloc, size_t count, size_t size);
WRAPPED(void *, realloc, void *p, size_t n);
WRAPPED(ssize_t, write, int fd, const void *bytes, size_t n);
WRAPPED(ssize_t, pwrite, int fd, const void *bytes, size_t n, off_t offset);
WRAPPED(int, fsync, int fd);
WRAPPED(int, fdatasync, int fd);
WRAPPED(int, rename, const char *from, const char *to);
WRAPPED(int, renameat, int from_dir, const char *from, int to_dir,
    const char *to);
WRAPPED(int, renameat2, int from_dir, const char *from, int to_dir,
    const char *to, unsigned int flags);

enum what { NOTHING, FAIL, FAIL_FROM, SHORT, EXIT, CALL, CALL_EACH };

/* State of the test program: the wrapped functions have no room for it. */
static struct {
	pthread_mutex_t mutex;
	enum what what;
	unsigned int kinds;
	unsigned int nth;
	unsigned int seen;
	int errnum;
	bool fired;
	void (*function)(void *arg);
	void *arg;
} plan = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void
set(enum what what, unsigned int kinds, unsigned int nth, int errnum)
{
	pthread_mutex_lock(&plan.mutex);
	plan.what = what;
	plan.kinds = kinds;
	plan.nth = nth;
	plan.seen = 0;
	plan.errnum = errnum;
	plan.fired = false;
	pthread_mutex_unlock(&plan.mutex);
}

void
fault_fail(unsigned int kinds, unsigned int nth, int errnum)
{
	set(FAIL, kinds, nth, errnum);
}

void
fault_fail_from(unsigned int kinds, unsigned int nth, int errnum)
{
	set(FAIL_FROM, kinds, nth, errnum);
}

void
fault_short(unsigned int nth)
{
	set(SHORT, FAULT_WRITE, nth, 0);
}

void
fault_exit(unsigned int kinds, unsigned int nth)
{
	set(EXIT, kinds, nth, 0);
}

void
fault_call(unsigned int kinds, unsigned int nth, void (*function)(void *arg),
    void *arg)
{
	set(CALL, kinds, nth, 0);
	plan.function = function;
	plan.arg = arg;
}

void
fault_each(unsigned int kinds, void (*function)(void *arg), void *arg)
{
	set(CALL_EACH, kinds, 1, 0);
	plan.function = function;
	plan.arg = arg;
}

void
fault_watch(unsigned int kinds)
{
	set(FAIL, kinds, UINT_MAX, 0);
}

unsigned int
fault_seen(void)
{
	unsigned int seen;

	pthread_mutex_lock(&plan.mutex);
	seen = plan.seen;
	pthread_mutex_unlock(&plan.mutex);
	return seen;
}

bool
fault_off(void)
{
	bool fired;

	pthread_mutex_lock(&plan.mutex);
	fired = plan.fired;
	plan.what = NOTHING;
	pthread_mutex_unlock(&plan.mutex);
	return fired;
}

static bool
goes_on(enum what what)
{
	return what == FAIL_FROM || what == CALL_EACH;
}

/* Count a call, and say what happens to it; errno is set for FAIL. */
static enum what
fate(enum fault kind)
{
	enum what what = NOTHING;
	int errnum;

	pthread_mutex_lock(&plan.mutex);
	if (plan.what != NOTHING && (plan.kinds & (unsigned int)kind) != 0) {
		plan.seen++;
		if (plan.seen == plan.nth ||
		    (goes_on(plan.what) && plan.seen > plan.nth)) {
			plan.fired = true;
			what = plan.what == FAIL_FROM ? FAIL : plan.what;
			if (what == CALL)
				plan.what = NOTHING;
		}
	}
	errnum = kind == FAULT_MEMORY ? ENOMEM : plan.errnum;
	pthread_mutex_unlock(&plan.mutex);

	if (what == EXIT)
		_exit(FAULT_STATUS);
	if (what == CALL || what == CALL_EACH)
		plan.function(plan.arg);
	if (what == FAIL)
		errno = errnum;
	return what;
}

void *
__wrap_malloc(size_t n)
{
	return fate(FAULT_MEMORY) == FAIL ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fate(FAULT_MEMORY) == FAIL ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fate(FAULT_MEMORY) == FAIL ? NULL : __real_realloc(p, n);
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t n)
{
	enum what what = fate(FAULT_WRITE);

	if (what == FAIL)
		return -1;
	return __real_write(fd, bytes, what == SHORT ? n / 2 : n);
}

ssize_t
__wrap_pwrite(int fd, const void *bytes, size_t n, off_t offset)
{
	enum what what = fate(FAULT_WRITE);

	if (what == FAIL)
		return -1;
	return __real_pwrite(fd, bytes, what == SHORT ? n / 2 : n, offset);
}

int
__wrap_fsync(int fd)
{
	return fate(FAULT_SYNC) == FAIL ? -1 : __real_fsync(fd);
}

int
__wrap_fdatasync(int fd)
{
	return fate(FAULT_SYNC) == FAIL ? -1 : __real_fdatasync(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	return fate(FAULT_RENAME) == FAIL ? -1 : __real_rename(from, to);
}

int
__wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (fate(FAULT_RENAME) == FAIL)
		return -1;
	return __real_renameat(from_dir, from, to_dir, to);
}

int
__wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
    unsigned int flags)
{
	if (fate(FAULT_RENAME) == FAIL)
		return -1;
	return __real_renameat2(from_dir, from, to_dir, to, flags);
}
