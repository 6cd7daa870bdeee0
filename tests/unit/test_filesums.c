/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/scratch.h"
#include "vault/err.h"
#include "vault/filesums.h"
#include "vault/log.h"

/* Two rows, the first set anew after the second. */
#define VECTOR "tests/vectors/filesums.file"
#define FIXED 56
#define ROW 104

static struct filesums_file
file_of(uint64_t i)
{
	return (
	    struct filesums_file){ 1, i, 1 << 20, 1700000000000000000 + i, 0 };
}

static struct filesums_sum
sum_of(uint64_t i)
{
	struct filesums_sum s;

	memset(&s.chunks, (int)(i & 0xff), sizeof(s.chunks));
	s.file = digest_of(&i, sizeof(i));
	return s;
}

static void
set(struct filesums *s, uint64_t file, uint64_t sum)
{
	const struct filesums_file f = file_of(file);
	const struct filesums_sum to = sum_of(sum);

	assert_int_equal(filesums_set(s, &f, &to), 0);
}

static bool
has(const struct filesums *s, uint64_t file, uint64_t sum)
{
	const struct filesums_file f = file_of(file);
	const struct filesums_sum want = sum_of(sum);
	const struct filesums_sum *found = filesums_find(s, &f);

	return found != NULL && memcmp(found, &want, sizeof(want)) == 0;
}

static void
finds_what_was_set_last_and_nothing_else(void **state)
{
	OWNED(filesums) s = NULL;

	(void)state;
	assert_int_equal(filesums_new(&s), 0);
	set(s, 1, 1);
	set(s, 2, 2);
	set(s, 1, 3);
	assert_int_equal(filesums_count(s), 2);
	assert_true(has(s, 1, 3));
	assert_true(has(s, 2, 2));
	for (size_t at = 0; at < sizeof(struct filesums_file); at += 8) {
		struct filesums_file f = file_of(2);

		((uint8_t *)&f)[at] ^= 1;
		assert_null(filesums_find(s, &f));
		filesums_drop(s, &f);
	}
	assert_int_equal(filesums_count(s), 2);
	filesums_drop(s, &(struct filesums_file){ 0 });
	filesums_drop(s,
	    &(struct filesums_file){ 1, 2, 1 << 20, 1700000000000000002, 0 });
	assert_false(has(s, 2, 2));
	assert_int_equal(filesums_count(s), 1);
}

static void
lets_the_one_set_longest_ago_go_when_it_is_full(void **state)
{
	OWNED(filesums) s = NULL;

	(void)state;
	assert_int_equal(filesums_new(&s), 0);
	for (uint64_t i = 0; i < FILESUMS_MAX; i++)
		set(s, i, i);
	set(s, 0, 5); /* once more: it is the newest now */
	assert_int_equal(filesums_count(s), FILESUMS_MAX);
	set(s, FILESUMS_MAX, 6);
	assert_int_equal(filesums_count(s), FILESUMS_MAX);
	assert_true(has(s, 0, 5));
	assert_true(has(s, FILESUMS_MAX, 6));
	assert_null(filesums_find(s,
	    &(struct filesums_file){ 1, 1, 1 << 20, 1700000000000000001, 0 }));
	assert_true(has(s, 2, 2));
}

static struct writer
two_rows(void)
{
	struct writer w = writer_of(4096);
	OWNED(filesums) s = NULL;

	assert_int_equal(filesums_new(&s), 0);
	set(s, 1, 7);
	set(s, 2, 2);
	set(s, 1, 1);
	filesums_write(s, &w);
	assert_true(writer_ok(&w));
	return w;
}

static void
writes_and_reads_the_file_of_the_vector(void **state)
{
	OWNED_WRITER w = two_rows();
	OWNED(filesums) s = NULL;
	OWNED_MEM(uint8_t) vector = NULL;
	size_t n;

	(void)state;
	assert_int_equal(file_load(NULL, VECTOR, 4096, &vector, &n), 0);
	assert_int_equal(n, FIXED + 2 * ROW);
	assert_int_equal(w.length, n);
	assert_memory_equal(w.bytes, vector, n);
	assert_int_equal(filesums_parse(&s, vector, n), 0);
	assert_int_equal(filesums_count(s), 2);
	assert_true(has(s, 1, 1));
	assert_true(has(s, 2, 2));
}

/* With a digest of its own. */
static void
reseal(uint8_t *bytes, size_t n)
{
	const struct digest d = digest_of2(bytes, 24, bytes + FIXED, n - FIXED);

	memcpy(bytes + 24, d.bytes, DIGEST_SIZE);
}

static void
refuses_each_changed_byte_and_each_other_length(void **state)
{
	OWNED_WRITER w = two_rows();
	struct filesums *s = NULL;

	(void)state;
	for (size_t i = 0; i < w.length; i++) {
		w.bytes[i] ^= 1;
		assert_int_equal(filesums_parse(&s, w.bytes, w.length),
		    ERR_FORMAT);
		w.bytes[i] ^= 1;
		assert_int_equal(filesums_parse(&s, w.bytes, i), ERR_FORMAT);
	}
	writer_u8(&w, 0);
	assert_int_equal(filesums_parse(&s, w.bytes, w.length), ERR_FORMAT);
	reseal(w.bytes, w.length);
	assert_int_equal(filesums_parse(&s, w.bytes, w.length), ERR_FORMAT);
}

static void
refuses_a_file_that_stands_twice_and_more_than_may_be(void **state)
{
	const size_t most = FIXED + (size_t)(FILESUMS_MAX + 1) * ROW;
	OWNED_WRITER w = two_rows();
	OWNED_MEM(uint8_t) many = calloc(1, most);
	struct filesums *s = NULL;
	uint64_t count = FILESUMS_MAX + 1;

	(void)state;
	memcpy(w.bytes + FIXED + ROW, w.bytes + FIXED, 40);
	reseal(w.bytes, w.length);
	assert_int_equal(filesums_parse(&s, w.bytes, w.length), ERR_FORMAT);

	assert_non_null(many);
	memcpy(many, w.bytes, 16);
	for (uint64_t i = 0; i < count; i++)
		memcpy(many + FIXED + i * ROW, &i, sizeof(i));
	memcpy(many + 16, &count, sizeof(count));
	reseal(many, most);
	assert_int_equal(filesums_parse(&s, many, most), ERR_FORMAT);
	count = FILESUMS_MAX;
	memcpy(many + 16, &count, sizeof(count));
	reseal(many, most - ROW);
	assert_int_equal(filesums_parse(&s, many, most - ROW), 0);
	filesums_free(s);
}

static void
count_line(void *arg, const char *line)
{
	(void)line;
	++*(int *)arg;
}

static void
a_file_that_is_none_is_told_of_and_replaced(void **state)
{
	struct scratch scratch = scratch_new();
	OWNED(filesums) s = NULL;
	OWNED(filesums) none = NULL;
	OWNED(filesums) kept = NULL;
	OWNED(file) dir = NULL;
	int lines = 0;

	(void)state;
	log_sink(count_line, &lines);
	assert_int_equal(file_open(&dir, NULL, scratch.path,
			     O_RDONLY | O_DIRECTORY, 0),
	    0);
	assert_int_equal(filesums_load(&s, dir), 0);
	assert_int_equal(filesums_count(s), 0);
	assert_int_equal(lines, 0);
	forest_file(scratch.path, "filesums", "weirsum\nnot", 11, 0600);
	assert_int_equal(filesums_load(&none, dir), 0);
	assert_int_equal(filesums_count(none), 0);
	assert_int_equal(lines, 1);
	set(none, 9, 9);
	assert_int_equal(filesums_save(none, dir), 0);
	assert_int_equal(filesums_load(&kept, dir), 0);
	assert_true(has(kept, 9, 9));
	assert_int_equal(lines, 1);
	log_sink(NULL, NULL);
	scratch_free(&scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_set_last_and_nothing_else),
		cmocka_unit_test(
		    lets_the_one_set_longest_ago_go_when_it_is_full),
		cmocka_unit_test(writes_and_reads_the_file_of_the_vector),
		cmocka_unit_test(
		    refuses_each_changed_byte_and_each_other_length),
		cmocka_unit_test(
		    refuses_a_file_that_stands_twice_and_more_than_may_be),
		cmocka_unit_test(a_file_that_is_none_is_told_of_and_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
