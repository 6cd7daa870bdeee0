/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/spent.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/lib/test.h"

#define NAMES 4096
#define THREADS 4

/* A store that counts what it need not keep. */
static atomic_int uncached[NAMES];
static atomic_int times;

static struct digest
name_of(int i)
{
	struct digest d = { { (uint8_t)i, (uint8_t)(i >> 8) } };

	return d;
}

static void
note_uncache(void *arg, const struct digest *name)
{
	(void)arg;
	atomic_fetch_add(&uncached[name->bytes[0] | name->bytes[1] << 8], 1);
	atomic_fetch_add(&times, 1);
}

static void
note_free(void *arg)
{
	(void)arg;
}

static void
begin(const struct store_ops *ops, struct store **s, struct spent **p)
{
	for (int i = 0; i < NAMES; i++)
		atomic_store(&uncached[i], 0);
	atomic_store(&times, 0);
	assert_int_equal(store_new(s, ops, NULL), 0);
	assert_int_equal(spent_new(p, *s), 0);
}

static const struct store_ops noting = { .uncache = note_uncache,
	.free = note_free };

static void
add(struct spent *p, int i)
{
	const struct digest name = name_of(i);

	spent_add(p, &name);
}

static void
an_object_goes_when_so_many_others_were_read(void **state)
{
	OWNED(store) s = NULL;
	OWNED(spent) p = NULL;

	(void)state;
	begin(&noting, &s, &p);
	for (int i = 0; i < SPENT_KEPT; i++)
		add(p, i);
	assert_int_equal(atomic_load(&times), 0);
	for (int i = SPENT_KEPT; i < 100; i++) {
		add(p, i);
		assert_int_equal(atomic_load(&times), i - SPENT_KEPT + 1);
		assert_int_equal(atomic_load(&uncached[i - SPENT_KEPT]), 1);
	}
}

static void
one_that_is_read_again_meanwhile_goes_once(void **state)
{
	OWNED(store) s = NULL;
	OWNED(spent) p = NULL;

	(void)state;
	begin(&noting, &s, &p);
	for (int round = 0; round < 100; round++)
		for (int i = 0; i < SPENT_KEPT; i++)
			add(p, i);
	assert_int_equal(atomic_load(&times), 0);
	spent_flush(p);
	for (int i = 0; i < SPENT_KEPT; i++)
		assert_int_equal(atomic_load(&uncached[i]), 1);
}

static void
those_that_are_left_go_when_nothing_is_read(void **state)
{
	OWNED(store) s = NULL;
	OWNED(spent) p = NULL;

	(void)state;
	begin(&noting, &s, &p);
	spent_flush(p);
	assert_int_equal(atomic_load(&times), 0);
	for (int i = 0; i < SPENT_KEPT + 3; i++)
		add(p, i);
	assert_int_equal(atomic_load(&times), 3);
	spent_flush(p);
	assert_int_equal(atomic_load(&times), SPENT_KEPT + 3);
	spent_flush(p);
	assert_int_equal(atomic_load(&times), SPENT_KEPT + 3);
	add(p, 50);
	spent_flush(p);
	assert_int_equal(atomic_load(&uncached[50]), 1);
}

static void
a_store_that_keeps_nothing_is_told_nothing(void **state)
{
	static const struct store_ops silent = { .free = note_free };
	OWNED(store) s = NULL;
	OWNED(spent) p = NULL;

	(void)state;
	begin(&silent, &s, &p);
	for (int i = 0; i < 2 * SPENT_KEPT; i++)
		add(p, i);
	spent_flush(p);
	assert_int_equal(atomic_load(&times), 0);
}

static atomic_int turn;

static void *
add_many(void *arg)
{
	int i;

	while ((i = atomic_fetch_add(&turn, 1)) < NAMES)
		add(arg, i);
	return NULL;
}

static void
threads_lose_none(void **state)
{
	OWNED(store) s = NULL;
	OWNED(spent) p = NULL;
	pthread_t threads[THREADS];

	(void)state;
	begin(&noting, &s, &p);
	atomic_store(&turn, 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, p),
		    0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&times), NAMES - SPENT_KEPT);
	spent_flush(p);
	for (int i = 0; i < NAMES; i++)
		assert_int_equal(atomic_load(&uncached[i]), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_goes_when_so_many_others_were_read),
		cmocka_unit_test(one_that_is_read_again_meanwhile_goes_once),
		cmocka_unit_test(those_that_are_left_go_when_nothing_is_read),
		cmocka_unit_test(a_store_that_keeps_nothing_is_told_nothing),
		cmocka_unit_test(threads_lose_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
