/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vault/cache.h"

#define THREADS 4
#define ROUNDS 20000
#define KEYS 24

static atomic_int dropped;

static void
drop(void *value)
{
	atomic_fetch_add(&dropped, 1);
	free(value);
}

static struct digest
key_of(int n)
{
	return digest_of(&n, sizeof(n));
}

static int *
value_of(int n)
{
	int *v = malloc(sizeof(*v));

	assert_non_null(v);
	*v = n;
	return v;
}

static void
add(struct cache *c, int n)
{
	struct digest key = key_of(n);
	struct cache_item *i;

	assert_int_equal(cache_add(&i, c, &key, value_of(n)), 0);
	assert_int_equal(*(const int *)cache_item_value(i), n);
	cache_item_free(i);
}

static bool
has(struct cache *c, int n)
{
	struct digest key = key_of(n);
	OWNED(cache_item) i = cache_get(c, &key);

	if (i != NULL)
		assert_int_equal(*(const int *)cache_item_value(i), n);
	return i != NULL;
}

static struct cache *
fresh(size_t max)
{
	struct cache *c;

	dropped = 0;
	assert_int_equal(cache_new(&c, max, drop), 0);
	return c;
}

static void
drops_the_value_least_recently_asked_for(void **state)
{
	OWNED(cache) c = fresh(3);

	(void)state;
	for (int i = 0; i < 3; i++)
		add(c, i);
	assert_int_equal(dropped, 0);
	assert_true(has(c, 0));
	add(c, 3);
	assert_int_equal(dropped, 1);
	assert_false(has(c, 1));
	assert_true(has(c, 0) && has(c, 2) && has(c, 3));
}

static void
keeps_a_value_that_is_held_until_the_last_holder_lets_go(void **state)
{
	struct digest key = key_of(1);
	struct cache *c = fresh(1);
	struct cache_item *a, *b;

	(void)state;
	assert_int_equal(cache_add(&a, c, &key, value_of(1)), 0);
	b = cache_get(c, &key);
	assert_ptr_equal(a, b);
	add(c, 2);
	assert_false(has(c, 1));
	assert_int_equal(dropped, 0);
	cache_item_free(a);
	assert_int_equal(dropped, 0);
	assert_int_equal(*(const int *)cache_item_value(b), 1);
	cache_item_free(b);
	assert_int_equal(dropped, 1);
	cache_free(c);
	assert_int_equal(dropped, 2);
}

static void
keeps_the_first_of_two_values_with_one_key(void **state)
{
	struct digest key = key_of(1);
	OWNED(cache) c = fresh(4);
	OWNED(cache_item) i = NULL;

	(void)state;
	add(c, 1);
	assert_int_equal(cache_add(&i, c, &key, value_of(99)), 0);
	assert_int_equal(*(const int *)cache_item_value(i), 1);
	assert_int_equal(dropped, 1);
}

static void *
hammer(void *arg)
{
	struct cache *c = arg;

	for (int r = 0; r < ROUNDS; r++) {
		int n = (r * 7 + r / 5) % KEYS;
		struct digest key = key_of(n);
		OWNED(cache_item) i = cache_get(c, &key);

		if (i == NULL && cache_add(&i, c, &key, value_of(n)) != 0)
			abort();
		if (*(const int *)cache_item_value(i) != n)
			abort();
	}
	return NULL;
}

static void
serves_many_threads_at_once(void **state)
{
	struct cache *c = fresh(8);
	pthread_t t[THREADS];
	int live = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, c), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < KEYS; i++)
		live += has(c, i);
	assert_int_equal(live, 8);
	cache_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_the_value_least_recently_asked_for),
		cmocka_unit_test(
		    keeps_a_value_that_is_held_until_the_last_holder_lets_go),
		cmocka_unit_test(keeps_the_first_of_two_values_with_one_key),
		cmocka_unit_test(serves_many_threads_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
