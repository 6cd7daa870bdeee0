/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/hourglass.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define MS INT64_C(1000000) /* in ns, as all below */
#define SECOND (1000 * MS)
#define LOOK (5 * MS) /* how often a waiting thread looks at the clock */

int __real_clock_gettime(clockid_t which, struct timespec *out);
int __wrap_clock_gettime(clockid_t which, struct timespec *out);
int __real_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *end);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *end);

static _Atomic int64_t ahead;  /* of the real clock, while it goes */
static _Atomic int64_t stands; /* at this time; 0: it goes */

static atomic_int waiting;

static int64_t
real(void)
{
	struct timespec t;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t
now(void)
{
	int64_t at = stands;

	return at != 0 ? at : real() + ahead;
}

static struct timespec
timespec_of(int64_t ns)
{
	return (struct timespec){ ns / SECOND, ns % SECOND };
}

void
hourglass_stop(void)
{
	stands = now();
}

void
hourglass_go(void)
{
	if (stands == 0)
		return;
	ahead = stands - real();
	stands = 0;
}

void
hourglass_pass(int64_t ms)
{
	if (stands != 0)
		stands += ms * MS;
	else
		ahead += ms * MS;
}

bool
hourglass_waits(void)
{
	return waiting > 0;
}

int
__wrap_clock_gettime(clockid_t which, struct timespec *out)
{
	if (which != CLOCK_MONOTONIC)
		return __real_clock_gettime(which, out);
	*out = timespec_of(now());
	return 0;
}

/* Woken for nothing now and then, as anybody who waits may be. */
int
__wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *end)
{
	const struct timespec look = timespec_of(real() + LOOK);
	int r;

	waiting++;
	r = __real_pthread_cond_timedwait(cond, mutex, &look);
	waiting--;
	if (r != ETIMEDOUT || now() >= end->tv_sec * SECOND + end->tv_nsec)
		return r;
	return 0;
}
