/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/grove.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/manifest.h"
#include "vault/object.h"

/* Page number index of the sample tree, as put would make it. */
static struct manifest_page *
page_of_tree(const struct manifest *m, uint32_t index)
{
	struct manifest_page *p = calloc(1, sizeof(*p));
	uint64_t row = (uint64_t)index * MANIFEST_PAGE_ROWS;
	uint64_t end = row + MANIFEST_PAGE_ROWS;

	assert_non_null(p);
	p->rows = calloc(MANIFEST_PAGE_ROWS + 1, sizeof(*p->rows));
	assert_non_null(p->rows);
	p->index = index;
	for (; row < end && row < m->chunk_rows; row++) {
		const struct manifest_file *f = manifest_row_file(m, row);
		struct manifest_row *r = &p->rows[p->count++];
		uint64_t chunk = f->rows > 1 ? 65536 : f->size;

		r->object = digest_of(&row, sizeof(row));
		r->offset = (row - f->first_row) * chunk;
		r->length = (uint32_t)chunk;
	}
	return p;
}

static struct manifest *
parsed_tree(void)
{
	OWNED(manifest) made = grove_new();
	OWNED_WRITER w = writer_of(1 << 20);
	struct manifest *m;
	struct digest d;

	assert_int_equal(manifest_write(made, &w, &d), 0);
	assert_int_equal(manifest_parse(&m, w.bytes, w.length, &d), 0);
	return m;
}

/* The result for n bytes, whose digest is what it should be. */
static int
parse(const uint8_t *bytes, size_t n, uint32_t index)
{
	OWNED_MEM(uint8_t) copy = malloc(n > 0 ? n : 1);
	OWNED(manifest_page) p = NULL;
	struct digest d = digest_of(bytes, n);

	memcpy(copy, bytes, n);
	return manifest_page_parse(&p, copy, n, index, &d);
}

static void
a_page_comes_back_as_it_was_written(void **state)
{
	OWNED(manifest) m = parsed_tree();

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		OWNED(manifest_page) p = page_of_tree(m, i);
		OWNED(manifest_page) again = NULL;
		OWNED_WRITER w = writer_of(1 << 20);
		struct digest d;

		assert_int_equal(manifest_page_write(p, &w, &d), 0);
		assert_int_equal(w.length, 20 + p->count * 44);
		assert_int_equal(manifest_page_parse(&again, w.bytes, w.length,
				     i, &d),
		    0);
		assert_int_equal(again->count, i == 0 ? 4096 : 907);
		for (uint32_t r = 0; r < p->count; r++) {
			assert_true(digest_equal(&p->rows[r].object,
			    &again->rows[r].object));
			assert_true(p->rows[r].offset == again->rows[r].offset);
			assert_int_equal(p->rows[r].length,
			    again->rows[r].length);
		}
		assert_int_equal(manifest_page_check(again, m), 0);
	}
}

static void
a_page_is_laid_out_as_documented(void **state)
{
	struct manifest_row row = { .offset = 258, .length = 3 };
	struct manifest_page p = { .index = 1, .count = 1, .rows = &row };
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest d, want;

	(void)state;
	row.object = digest_of("x", 1);
	assert_int_equal(manifest_page_write(&p, &w, &d), 0);
	assert_memory_equal(w.bytes, "weirpag\n\1\0\0\0\1\0\0\0\1\0\0\0", 20);
	assert_memory_equal(w.bytes + 20, row.object.bytes, 32);
	assert_memory_equal(w.bytes + 52, "\2\1\0\0\0\0\0\0\3\0\0\0", 12);
	want = digest_of(w.bytes, 64);
	assert_true(digest_equal(&d, &want));
}

static void
another_digest_or_number_is_refused(void **state)
{
	OWNED(manifest) m = parsed_tree();
	OWNED(manifest_page) p = page_of_tree(m, 1);
	OWNED(manifest_page) out = NULL;
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest d;

	(void)state;
	assert_int_equal(manifest_page_write(p, &w, &d), 0);
	assert_int_equal(manifest_page_parse(&out, w.bytes, w.length, 0, &d),
	    ERR_FORMAT);
	for (size_t at = 0; at < w.length; at += 7) {
		w.bytes[at] ^= 16;
		assert_int_equal(manifest_page_parse(&out, w.bytes, w.length, 1,
				     &d),
		    ERR_INTEGRITY);
		w.bytes[at] ^= 16;
	}
}

static void
every_truncation_and_flip_of_the_head_is_refused(void **state)
{
	struct manifest_row rows[] = { { .length = 4 },
		{ .offset = 4, .length = 1 }, { .length = 9 } };
	struct manifest_page p = { .index = 3, .count = 3, .rows = rows };
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest d;

	(void)state;
	assert_int_equal(manifest_page_write(&p, &w, &d), 0);
	assert_int_equal(parse(w.bytes, w.length, 3), 0);
	for (size_t n = 0; n < w.length; n++)
		assert_int_equal(parse(w.bytes, n, 3), ERR_FORMAT);
	for (size_t bit = 0; bit < 8 * 20; bit++) {
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(w.bytes, w.length, 3), ERR_FORMAT);
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	writer_u8(&w, 0);
	assert_int_equal(parse(w.bytes, w.length, 3), ERR_FORMAT);
}

/* What the writer says to two rows, and the parser to the same. */
static int
judge(struct manifest_row first, struct manifest_row second)
{
	struct manifest_row rows[] = { first, second };
	struct manifest_page p = { .count = 2, .rows = rows };
	OWNED_WRITER by_hand = writer_of(1 << 20);
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest d;
	int written = manifest_page_write(&p, &w, &d);

	writer_bytes(&by_hand, "weirpag\n\1\0\0\0\0\0\0\0\2\0\0\0", 20);
	for (size_t i = 0; i < 2; i++) {
		writer_bytes(&by_hand, rows[i].object.bytes, 32);
		writer_u64(&by_hand, rows[i].offset);
		writer_u32(&by_hand, rows[i].length);
	}
	assert_int_equal(parse(by_hand.bytes, by_hand.length, 0), written);
	return written;
}

#define AT(o, n)                                                               \
	(struct manifest_row)                                                  \
	{                                                                      \
		.offset = (o), .length = (n)                                   \
	}

static void
rows_continue_or_begin_a_file(void **state)
{
	(void)state;
	assert_int_equal(judge(AT(0, 5), AT(5, 1)), 0);
	assert_int_equal(judge(AT(77, 5), AT(82, 1)), 0);
	assert_int_equal(judge(AT(77, 5), AT(0, 1)), 0);
	assert_int_equal(judge(AT(0, 5), AT(4, 1)), ERR_FORMAT);
	assert_int_equal(judge(AT(0, 5), AT(6, 1)), ERR_FORMAT);
	assert_int_equal(judge(AT(0, 0), AT(0, 1)), ERR_FORMAT);
	assert_int_equal(judge(AT(0, 1), AT(1, 0)), ERR_FORMAT);
	assert_int_equal(judge(AT(0, OBJECT_CHUNK_MAX),
			     AT(OBJECT_CHUNK_MAX, 1)),
	    0);
	assert_int_equal(judge(AT(0, OBJECT_CHUNK_MAX + 1),
			     AT(OBJECT_CHUNK_MAX + 1, 1)),
	    ERR_FORMAT);
	assert_int_equal(judge(AT(UINT64_MAX - 1, 1), AT(0, 1)), 0);
	assert_int_equal(judge(AT(UINT64_MAX, 1), AT(0, 1)), ERR_FORMAT);
}

static void
a_page_has_1_to_4096_rows(void **state)
{
	OWNED(manifest) m = parsed_tree();
	OWNED(manifest_page) p = page_of_tree(m, 0);
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest d;

	(void)state;
	assert_int_equal(manifest_page_write(p, &w, &d), 0);
	p->rows[4096] = AT(0, 1);
	p->count = 4097;
	assert_int_equal(manifest_page_write(p, &w, &d), ERR_FORMAT);
	writer_bytes(&w, d.bytes, 32);
	writer_u64(&w, 0);
	writer_u32(&w, 1);
	writer_patch_u32(&w, 16, 4097);
	assert_int_equal(parse(w.bytes, w.length, 0), ERR_FORMAT);
	p->count = 0;
	assert_int_equal(manifest_page_write(p, &w, &d), ERR_FORMAT);
	writer_patch_u32(&w, 16, 0);
	assert_int_equal(parse(w.bytes, 20, 0), ERR_FORMAT);
}

static void
a_page_that_does_not_fit_its_manifest_is_found(void **state)
{
	OWNED(manifest) m = parsed_tree();
	OWNED(manifest_page) a = page_of_tree(m, 0);
	OWNED(manifest_page) b = page_of_tree(m, 1);
	struct manifest_row saved;

	(void)state;
	assert_int_equal(manifest_page_check(a, m), 0);
	assert_int_equal(manifest_page_check(b, m), 0);
	a->count--;
	assert_int_equal(manifest_page_check(a, m), ERR_FORMAT);
	a->count++;
	b->count--;
	assert_int_equal(manifest_page_check(b, m), ERR_FORMAT);
	b->count++;
	b->index = 2;
	assert_int_equal(manifest_page_check(b, m), ERR_FORMAT);
	b->index = 1;
	b->rows[0].offset++;
	assert_int_equal(manifest_page_check(b, m), ERR_FORMAT);
	b->rows[0].offset--;
	a->rows[4095].length--; /* does not reach the next page */
	assert_int_equal(manifest_page_check(a, m), ERR_FORMAT);
	a->rows[4095].length++;
	a->rows[1].length--; /* the file ends later */
	assert_int_equal(manifest_page_check(a, m), ERR_FORMAT);
	a->rows[1].length++;
	saved = a->rows[3];
	a->rows[3] = AT(0, 65536); /* a second start of one file */
	assert_int_equal(manifest_page_check(a, m), ERR_FORMAT);
	a->rows[3] = saved;
	b->rows[b->count - 1].length = 2; /* beyond the end */
	assert_int_equal(manifest_page_check(b, m), ERR_FORMAT);
}

static void
every_offset_is_found_in_the_page_it_is_said_to_be_in(void **state)
{
	OWNED(manifest) m = parsed_tree();
	OWNED(manifest_page) a = page_of_tree(m, 0);
	OWNED(manifest_page) b = page_of_tree(m, 1);
	const struct manifest_page *pages[] = { a, b };

	(void)state;
	for (uint64_t row = 0; row < m->chunk_rows; row++) {
		const struct manifest_file *f = manifest_row_file(m, row);
		const struct manifest_page *p = pages[row / 4096];
		const struct manifest_row *r = &p->rows[row % 4096];
		const uint64_t offsets[] = { r->offset,
			r->offset + r->length / 2, r->offset + r->length - 1 };

		for (size_t i = 0; i < 3; i++) {
			uint64_t found = UINT64_MAX;

			assert_int_equal(manifest_page_of(m, f, offsets[i]),
			    row / 4096);
			assert_true(
			    manifest_page_find(p, f, offsets[i], &found));
			assert_true(found == row);
		}
	}
}

static void
a_page_without_the_offset_says_so(void **state)
{
	OWNED(manifest) m = parsed_tree();
	OWNED(manifest_page) a = page_of_tree(m, 0);
	OWNED(manifest_page) b = page_of_tree(m, 1);
	const struct manifest_file *big = &m->files[GROVE_BIG];
	uint64_t row;

	(void)state;
	assert_false(manifest_page_find(b, big, 0, &row));
	assert_false(manifest_page_find(a, big, big->size - 1, &row));
	assert_false(manifest_page_find(a, &m->files[GROVE_SMALL], 0, &row));
	assert_false(manifest_page_find(a, &m->files[GROVE_EMPTY], 0, &row));
	a->rows[2].offset = 1; /* where the file begins */
	assert_false(manifest_page_find(a, big, 0, &row));
	assert_false(manifest_page_find(a, big, 1, &row));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_comes_back_as_it_was_written),
		cmocka_unit_test(a_page_is_laid_out_as_documented),
		cmocka_unit_test(another_digest_or_number_is_refused),
		cmocka_unit_test(
		    every_truncation_and_flip_of_the_head_is_refused),
		cmocka_unit_test(rows_continue_or_begin_a_file),
		cmocka_unit_test(a_page_has_1_to_4096_rows),
		cmocka_unit_test(
		    a_page_that_does_not_fit_its_manifest_is_found),
		cmocka_unit_test(
		    every_offset_is_found_in_the_page_it_is_said_to_be_in),
		cmocka_unit_test(a_page_without_the_offset_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
