/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-few: a mount that gets WEIR_TEST_THREADS threads and no more, as
 * under a limit on processes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a,
    void *(*run)(void *arg), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a,
    void *(*run)(void *arg), void *arg);

int
__wrap_pthread_create(pthread_t *t, const pthread_attr_t *a,
    void *(*run)(void *arg), void *arg)
{
	static atomic_int made;
	const char *most = getenv("WEIR_TEST_THREADS");

	if (most != NULL &&
	    atomic_fetch_add(&made, 1) >= strtol(most, NULL, 10))
		return EAGAIN;
	return __real_pthread_create(t, a, run, arg);
}
