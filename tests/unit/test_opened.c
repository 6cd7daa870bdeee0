/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/err.h"
#include "vault/opened.h"
#include "vault/version.h"

#define LONG ((16U << 20) + 100000)
#define CHUNK (4U << 20) /* of so long a stream */
#define PIECES 400

static const uint8_t key_a[KEY_SIZE] = { 1 }, key_b[KEY_SIZE] = { 2 };
static const struct digest name_a = { { 1 } }, name_b = { { 2 } };

static void
gives_what_was_kept_to_the_same_key_alone(void **state)
{
	const struct opened_block a = { &name_a, key_a, 7 };
	const struct opened_block others[] = {
		{ &name_b, key_a, 7 },
		{ &name_a, key_b, 7 },
		{ &name_a, key_a, 6 },
	};
	OWNED(opened) o = NULL;
	uint8_t buf[100];

	(void)state;
	assert_int_equal(opened_new(&o, 2), 0);
	assert_false(opened_take(o, &a, 0, buf, 1));
	opened_keep(o, &a, "some weights", 12);
	assert_true(opened_take(o, &a, 0, buf, 12));
	assert_memory_equal(buf, "some weights", 12);
	assert_true(opened_take(o, &a, 5, buf, 7));
	assert_memory_equal(buf, "weights", 7);
	assert_false(opened_take(o, &a, 5, buf, 8));
	assert_false(opened_take(o, &a, 13, buf, 0));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(opened_take(o, &others[i], 0, buf, 1));
	opened_keep(o, &a, "less", 4);
	assert_false(opened_take(o, &a, 0, buf, 5));
	assert_true(opened_take(o, &a, 0, buf, 4));
	assert_memory_equal(buf, "less", 4);
}

static void
the_block_least_recently_used_goes_first(void **state)
{
	const struct opened_block b[] = {
		{ &name_a, key_a, 0 },
		{ &name_a, key_a, 1 },
		{ &name_a, key_a, 2 },
	};
	OWNED(opened) o = NULL;
	uint8_t buf[1];

	(void)state;
	assert_int_equal(opened_new(&o, 2), 0);
	opened_keep(o, &b[0], "0", 1);
	opened_keep(o, &b[1], "1", 1);
	assert_true(opened_take(o, &b[0], 0, buf, 1));
	opened_keep(o, &b[2], "2", 1);
	assert_true(opened_take(o, &b[0], 0, buf, 1));
	assert_false(opened_take(o, &b[1], 0, buf, 1));
	assert_true(opened_take(o, &b[2], 0, buf, 1));
}

static void
keeps_nothing_once_it_is_closed(void **state)
{
	const struct opened_block a = { &name_a, key_a, 0 };
	OWNED(opened) o = NULL;
	uint8_t buf[1];

	(void)state;
	assert_int_equal(opened_new(&o, 1), 0);
	opened_keep(o, &a, "0", 1);
	opened_wipe(o);
	assert_false(opened_take(o, &a, 0, buf, 1));
	opened_keep(o, &a, "0", 1);
	assert_true(opened_take(o, &a, 0, buf, 1));
	opened_close(o);
	assert_false(opened_take(o, &a, 0, buf, 1));
	opened_keep(o, &a, "0", 1);
	assert_false(opened_take(o, &a, 0, buf, 1));
}

static int
read_at(struct shed *s, struct version *v, const struct version_row *row,
    uint32_t offset, uint8_t *buf, size_t n)
{
	return version_read(v, row, fakekeys_row(&s->keys, row->number), offset,
	    buf, n);
}

/* Of random bytes or, every other segment, of such as are packed. */
static void
put_bytes(struct shed *s, uint8_t *bytes, struct version **v,
    struct version_row *row, bool packed)
{
	struct intake_result r;
	size_t got;

	forest_bytes(bytes, LONG, 1);
	for (size_t at = 0; packed && at + 65536 < LONG; at += 2 * 65536)
		memset(bytes + at, (int)(at >> 17), 65536);
	assert_int_equal(shed_put_stream(s, "w", bytes, LONG, &r), 0);
	assert_int_equal(shed_open(s, &r, v), 0);
	assert_int_equal(version_rows_at(*v, 0, row, 1, &got), 0);
	assert_int_equal(row->row.length, CHUNK);
	intake_result_clear(&r);
}

static void
a_reader_in_small_pieces_goes_on_without_the_store(void **state)
{
	OWNED_MEM(uint8_t) bytes = malloc(LONG);
	OWNED_MEM(char) path = NULL;
	OWNED(opened) o = NULL;
	OWNED(version) v = NULL;
	struct version_row row;
	uint8_t buf[40000], wrong[KEY_SIZE] = { 1 };
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	assert_int_equal(opened_new(&o, 4), 0);
	s.opened = o;
	put_bytes(&s, bytes, &v, &row, false);
	assert_int_equal(read_at(&s, v, &row, 0, buf, 4096), 0);

	path = shed_object(&s, &row.row.object);
	assert_int_equal(unlink(path), 0);
	for (uint32_t at = 0; at < 32768; at += 4096) {
		assert_int_equal(read_at(&s, v, &row, at, buf, 4096), 0);
		assert_memory_equal(buf, bytes + at, 4096);
	}
	/* The other block of the segment was not hashed. */
	assert_int_equal(read_at(&s, v, &row, 32768, buf, 4096), ERR_NOT_FOUND);
	assert_int_equal(read_at(&s, v, &row, 28672, buf, 8192), ERR_NOT_FOUND);
	for (size_t i = 0; i < 8192; i++)
		assert_int_equal(buf[i], 0);
	assert_int_not_equal(version_read(v, &row, wrong, 0, buf, 4096), 0);
	opened_wipe(o);
	assert_int_equal(read_at(&s, v, &row, 0, buf, 4096), ERR_NOT_FOUND);
}

static void
pieces_of_any_size_are_the_same_bytes(void **state)
{
	OWNED_MEM(uint8_t) bytes = malloc(LONG);
	OWNED_MEM(uint8_t) buf = malloc(CHUNK);
	uint32_t dice[3 * PIECES];
	OWNED(opened) o = NULL;
	OWNED(version) v = NULL;
	struct version_row row;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	assert_int_equal(opened_new(&o, 6), 0);
	s.opened = o;
	put_bytes(&s, bytes, &v, &row, true);
	forest_bytes((uint8_t *)dice, sizeof(dice), 2);
	for (size_t i = 0; i < PIECES; i++) {
		const uint32_t *d = &dice[3 * i];
		uint32_t at = d[0] % CHUNK, most = 1U << d[1] % 19;
		uint32_t n = d[2] % most + 1;

		if (n > CHUNK - at)
			n = CHUNK - at;
		assert_int_equal(read_at(&s, v, &row, at, buf, n), 0);
		assert_memory_equal(buf, bytes + at, n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_what_was_kept_to_the_same_key_alone),
		cmocka_unit_test(the_block_least_recently_used_goes_first),
		cmocka_unit_test(keeps_nothing_once_it_is_closed),
		cmocka_unit_test(
		    a_reader_in_small_pieces_goes_on_without_the_store),
		cmocka_unit_test(pieces_of_any_size_are_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
