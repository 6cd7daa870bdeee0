/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/crew.h"

#define MOST 5000

/* Linked with --wrap (Makefile): how many threads there are left to be had. */
static atomic_int threads_left = 1000000;
static atomic_int threads_made;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *arg);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *arg)
{
	if (atomic_fetch_sub(&threads_left, 1) <= 0)
		return EAGAIN;
	threads_made++;
	return __real_pthread_create(thread, attr, run, arg);
}

struct work {
	atomic_int done[MOST];
	size_t last;
	bool in_order;
};

static void
count(void *arg, size_t i)
{
	struct work *w = arg;

	assert_true(i < MOST);
	w->done[i]++;
}

static void
count_in_order(void *arg, size_t i)
{
	struct work *w = arg;

	w->in_order = w->in_order && i == w->last;
	w->last++;
	count(arg, i);
}

static void
each_is_done_once_and_before_it_returns(void **state)
{
	static const size_t ns[] = { 0, 1, 3, 7, 8, 9, 127, 128, 129, MOST };
	static struct work w;

	(void)state;
	for (size_t n = 0; n < sizeof(ns) / sizeof(*ns); n++) {
		memset(&w, 0, sizeof(w));
		crew_run(ns[n], count, &w);
		for (size_t i = 0; i < MOST; i++)
			assert_int_equal(w.done[i], i < ns[n] ? 1 : 0);
	}
}

static void
few_are_done_in_order_and_by_the_caller(void **state)
{
	static struct work w;

	(void)state;
	threads_made = 0;
	w.in_order = true;
	crew_run(7, count_in_order, &w);
	assert_true(w.in_order);
	assert_int_equal(w.last, 7);
	assert_int_equal(threads_made, 0);
	crew_run(8, count, &w);
	assert_int_equal(threads_made, 1);
	threads_made = 0;
	crew_run(MOST, count, &w);
	assert_int_equal(threads_made, 31);
}

static void
where_there_are_no_threads_all_is_done_still(void **state)
{
	static struct work w;

	(void)state;
	for (int left = 0; left < 3; left++) {
		memset(&w, 0, sizeof(w));
		threads_left = left;
		crew_run(1000, count, &w);
		for (size_t i = 0; i < 1000; i++)
			assert_int_equal(w.done[i], 1);
	}
	threads_left = 1000000;
}

/* More at once than a caller alone could do: each waits for another one. */
static atomic_int waiting;

static void
meet(void *arg, size_t i)
{
	(void)arg, (void)i;
	waiting++;
	while (waiting < 16)
		sched_yield();
}

static void
many_are_under_way_at_once(void **state)
{
	(void)state;
	crew_run(64, meet, NULL);
	assert_int_equal(waiting, 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_done_once_and_before_it_returns),
		cmocka_unit_test(few_are_done_in_order_and_by_the_caller),
		cmocka_unit_test(where_there_are_no_threads_all_is_done_still),
		cmocka_unit_test(many_are_under_way_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
