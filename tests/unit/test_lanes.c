/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#include "vault/lanes.h"

#define MOST 65600 /* bytes: more than a job of the library's */
#define COUNT 300

static uint8_t bytes[MOST];

static void
fill(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < MOST; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
}

static void
same(struct lanes *l, const struct lanes_bytes *in, size_t n)
{
	struct digest out[COUNT];

	memset(out, 0xee, sizeof(out));
	lanes_digest(l, in, n, out);
	for (size_t i = 0; i < n; i++) {
		struct digest want = digest_of(in[i].at, in[i].length);

		assert_true(digest_equal(&out[i], &want));
	}
}

/* FIPS 180-4's example. */
static void
abc_is_what_the_standard_says(void **state)
{
	static const char hex[] = "ba7816bf8f01cfea414140de5dae2223"
				  "b00361a396177a9cb410ff61f20015ad";
	const struct lanes_bytes in[] = { { "abc", 3 }, { "abc", 3 } };
	struct digest out[2], want;
	OWNED(lanes) l = NULL;

	(void)state;
	assert_int_equal(lanes_new(&l), 0);
	assert_int_equal(digest_parse(&want, hex), 0);
	lanes_digest(l, in, 2, out);
	assert_true(digest_equal(&out[0], &want));
	assert_true(digest_equal(&out[1], &want));
}

static void
every_length_is_hashed_as_openssl_does(void **state)
{
	struct lanes_bytes in[COUNT];
	OWNED(lanes) l = NULL;

	(void)state;
	assert_int_equal(lanes_new(&l), 0);
	for (size_t i = 0; i < COUNT; i++)
		in[i] = (struct lanes_bytes){ bytes + i, i };
	same(l, in, COUNT);
	same(NULL, in, COUNT);
	for (size_t n = 0; n < 40; n++)
		same(l, in + n, n);
}

static void
long_ones_stand_among_short_ones(void **state)
{
	static const size_t lengths[] = { 0, 1, 65533, 65534, 65535, 65536,
		MOST, 55, 56, 63, 64, 65, 119, 120 };
	struct lanes_bytes in[COUNT];
	OWNED(lanes) l = NULL;

	(void)state;
	assert_int_equal(lanes_new(&l), 0);
	for (size_t i = 0; i < COUNT; i++) {
		size_t
		    n = lengths[i * 5 % (sizeof(lengths) / sizeof(lengths[0]))];

		in[i] = (struct lanes_bytes){ bytes + MOST - n, n };
	}
	same(l, in, COUNT);
}

static void
lanes_are_used_again(void **state)
{
	OWNED(lanes) l = NULL;

	(void)state;
	assert_int_equal(lanes_new(&l), 0);
	for (size_t round = 0; round < 50; round++) {
		struct lanes_bytes in[COUNT];

		for (size_t i = 0; i < COUNT; i++)
			in[i] = (struct lanes_bytes){ bytes + i,
				1 + (i * 131 + round * 17) % 700 };
		same(l, in, 1 + round * 7 % COUNT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(abc_is_what_the_standard_says),
		cmocka_unit_test(every_length_is_hashed_as_openssl_does),
		cmocka_unit_test(long_ones_stand_among_short_ones),
		cmocka_unit_test(lanes_are_used_again),
	};

	fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
