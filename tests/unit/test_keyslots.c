/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/keyslots.h"

#include <sodium.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"

#define SLOTS 128

/* The key of a row, the same each time. */
static void
key_of(uint8_t key[static KEY_SIZE], uint16_t version, uint64_t row)
{
	memset(key, (int)(version * 31 + row), KEY_SIZE);
	key[0] = (uint8_t)version;
	memcpy(key + 1, &row, sizeof(row));
}

static int
put(struct keyslots *k, uint16_t version, uint64_t first, uint32_t count)
{
	struct msg_release_reply keys = { .count = count };

	for (uint32_t i = 0; i < count; i++)
		key_of(keys.rows[i].key, version, first + i);
	return keyslots_put(k, version, first, &keys);
}

/* Held, and with its own key. */
static bool
holds(struct keyslots *k, uint16_t version, uint64_t row)
{
	uint8_t key[KEY_SIZE] = "", wanted[KEY_SIZE];

	key_of(wanted, version, row);
	if (!keyslots_get(k, version, row, key))
		return false;
	assert_memory_equal(key, wanted, KEY_SIZE);
	return true;
}

static void
gives_back_the_key_of_each_row_of_each_version(void **state)
{
	OWNED(keyslots) k = NULL;

	(void)state;
	assert_int_equal(keyslots_new(&k, SLOTS), 0);
	assert_int_equal(put(k, 0, 10, 5), 0);
	assert_int_equal(put(k, 1, 10, 5), 0);
	assert_int_equal(put(k, 65535, (UINT64_C(1) << 40) + 1, 1), 0);
	for (uint64_t row = 10; row < 15; row++) {
		assert_true(holds(k, 0, row));
		assert_true(holds(k, 1, row));
		assert_false(holds(k, 2, row));
	}
	assert_false(holds(k, 0, 9));
	assert_false(holds(k, 0, 15));
	assert_true(holds(k, 65535, (UINT64_C(1) << 40) + 1));
}

static void
what_is_not_held_leaves_the_key_untouched(void **state)
{
	OWNED(keyslots) k = NULL;
	uint8_t key[KEY_SIZE] = { 42 };

	(void)state;
	assert_int_equal(keyslots_new(&k, SLOTS), 0);
	assert_false(keyslots_get(k, 0, 0, key));
	assert_int_equal(key[0], 42);
	assert_false(keyslots_has(k, 0, 0));
}

static void
the_release_used_least_recently_goes_whole(void **state)
{
	OWNED(keyslots) k = NULL;

	(void)state;
	assert_int_equal(keyslots_new(&k, SLOTS), 0);
	assert_int_equal(put(k, 0, 0, 64), 0);
	assert_int_equal(put(k, 0, 64, 64), 0);
	assert_true(holds(k, 0, 63));	      /* the first one is used again */
	assert_true(keyslots_has(k, 0, 127)); /* a look is no use */
	assert_int_equal(put(k, 0, 128, 1), 0);
	for (uint64_t row = 0; row < 64; row++)
		assert_true(keyslots_has(k, 0, row));
	for (uint64_t row = 64; row < 128; row++)
		assert_false(keyslots_has(k, 0, row));
	assert_true(holds(k, 0, 128));
}

static void
a_million_releases_fit(void **state)
{
	OWNED(keyslots) k = NULL;

	(void)state;
	assert_int_equal(keyslots_new(&k, SLOTS), 0);
	for (uint64_t i = 0; i < 1000000; i++)
		assert_int_equal(put(k, 0, i, 1), 0);
	assert_true(holds(k, 0, 999999));
	assert_true(holds(k, 0, 1000000 - SLOTS));
	assert_false(holds(k, 0, 999999 - SLOTS));
}

static void
rows_that_are_held_stay_as_they_are(void **state)
{
	OWNED(keyslots) k = NULL;

	(void)state;
	assert_int_equal(keyslots_new(&k, SLOTS), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(put(k, 0, 0, 64), 0);
	assert_int_equal(put(k, 0, 32, 64), 0);
	/* 96 rows: nothing had to go. */
	for (uint64_t row = 0; row < 96; row++)
		assert_true(holds(k, 0, row));
}

static void
wiping_leaves_nothing(void **state)
{
	OWNED(keyslots) k = NULL;

	(void)state;
	assert_int_equal(keyslots_new(&k, SLOTS), 0);
	assert_int_equal(put(k, 0, 0, 64), 0);
	keyslots_wipe(k);
	for (uint64_t row = 0; row < 64; row++)
		assert_false(keyslots_has(k, 0, row));
	assert_int_equal(put(k, 0, 0, 64), 0);
	assert_true(holds(k, 0, 7));
}

static void
survives_every_failed_allocation(void **state)
{
	OWNED(keyslots) k = NULL;

	(void)state;
	assert_int_equal(keyslots_new(&k, SLOTS), 0);
	/* The table is made, and later grows: that fails, too. */
	for (unsigned int n = 1; n <= 12; n++) {
		int err;

		keyslots_wipe(k);

		fault_fail(FAULT_MEMORY, n, 0);
		err = put(k, 0, 0, 4);
		if (fault_off())
			assert_int_equal(err, ERR_NOMEM);
		else
			assert_int_equal(err, 0);
		for (uint64_t row = 0; row < 4; row++)
			(void)holds(k, 0, row);
		assert_int_equal(put(k, 0, 0, 4), 0);
		assert_true(holds(k, 0, 3));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    gives_back_the_key_of_each_row_of_each_version),
		cmocka_unit_test(what_is_not_held_leaves_the_key_untouched),
		cmocka_unit_test(the_release_used_least_recently_goes_whole),
		cmocka_unit_test(a_million_releases_fit),
		cmocka_unit_test(rows_that_are_held_stay_as_they_are),
		cmocka_unit_test(wiping_leaves_nothing),
		cmocka_unit_test(survives_every_failed_allocation),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
