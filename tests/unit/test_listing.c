/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "keys/listing.h"
#include "tests/lib/test.h"
#include "vault/err.h"

#define ROOM 1000

static void
takes_what_fits_to_the_last_byte(void **state)
{
	struct listing l = listing_of(LISTING_FRAME + ROOM);

	(void)state;
	assert_int_equal(listing_take(&l, ROOM - 100, "1"), 0);
	assert_int_equal(listing_take(&l, 100, "2"), 0);
	assert_false(l.full);
	assert_string_equal(l.next, "2");
}

static void
one_byte_more_is_for_the_next_reply(void **state)
{
	struct listing l = listing_of(LISTING_FRAME + ROOM);

	(void)state;
	assert_int_equal(listing_take(&l, ROOM - 100, "1"), 0);
	assert_int_equal(listing_take(&l, 101, "2"), LISTING_FULL);
	assert_true(l.full);
	assert_string_equal(l.next, "1");
	/* none is passed over for a smaller one behind it */
	assert_int_equal(listing_take(&l, 1, "3"), LISTING_FULL);
	assert_string_equal(l.next, "1");
}

static void
an_item_that_no_reply_holds_is_an_error(void **state)
{
	struct listing l = listing_of(LISTING_FRAME + ROOM);

	(void)state;
	assert_int_equal(listing_take(&l, ROOM + 1, "1"), ERR_LIMIT);
	assert_int_equal(listing_take(&l, ROOM, "1"), 0);
	l = listing_of(1);
	assert_int_equal(listing_take(&l, 1, "1"), ERR_LIMIT);
}

/* What it counts is never less than what the reply will have. */
static void
a_full_reply_is_within_its_size(void **state)
{
	enum { MAX = 4096 };
	struct listing l = listing_of(MAX);
	json_t *items = json_array(), *root;
	char next[LISTING_NEXT_MAX + 1];
	int r = 0;

	(void)state;
	memset(next, 'x', sizeof(next) - 1);
	next[sizeof(next) - 1] = '\0';
	for (int i = 0; r == 0; i++) {
		json_t *one = json_pack("{s:i}", "\"grüße\"", i);

		r = listing_take(&l, listing_size(one), next);
		if (r == 0)
			assert_int_equal(json_array_append_new(items, one), 0);
		else
			json_decref(one);
	}
	assert_int_equal(r, LISTING_FULL);
	root = json_pack("{s:o, s:s}", "some list", items, "next", l.next);
	assert_non_null(root);
	r = (int)json_dumpb(root, NULL, 0, JSON_COMPACT);
	assert_in_range(r, MAX - 200, MAX);
	json_decref(root);
}

static void
where_it_goes_on_is_parsed_strictly(void **state)
{
	static const char *const wrong[] = { "", " 1", "-1", "+1", "x", "1x",
		"9223372036854775808", "99999999999999999999999" };
	const char *rest;
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(listing_parse(wrong[i], &n, NULL), ERR_FORMAT);
		assert_int_equal(listing_parse(wrong[i], &n, &rest),
		    ERR_FORMAT);
	}
	assert_int_equal(listing_parse("9223372036854775807", &n, NULL), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(listing_parse("17 a b", &n, &rest), 0);
	assert_int_equal(n, 17);
	assert_string_equal(rest, "a b");
	assert_int_equal(listing_parse("17 a", &n, NULL), ERR_FORMAT);
	assert_int_equal(listing_parse("17", &n, &rest), ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_fits_to_the_last_byte),
		cmocka_unit_test(one_byte_more_is_for_the_next_reply),
		cmocka_unit_test(an_item_that_no_reply_holds_is_an_error),
		cmocka_unit_test(a_full_reply_is_within_its_size),
		cmocka_unit_test(where_it_goes_on_is_parsed_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
