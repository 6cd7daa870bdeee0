/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>
#include <time.h>

/* What time it is, in ms: by the clock that nobody moves, and by the one on the
 * wall. */

static inline int64_t
clock_read_ms(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Time that passes while the host runs, in ms; not the time of day. */
static inline int64_t
clock_ms(void)
{
	return clock_read_ms(CLOCK_MONOTONIC);
}

/* The time of day, in ms since 1970, UTC; somebody may move it. */
static inline int64_t
clock_wall_ms(void)
{
	return clock_read_ms(CLOCK_REALTIME);
}

/* Any clock, in seconds: for rates, and what is measured. */
static inline double
clock_seconds(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A moment of either clock, for pthread_cond_timedwait. */
static inline struct timespec
clock_timespec(int64_t ms)
{
	return (struct timespec){
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000,
	};
}

#endif
