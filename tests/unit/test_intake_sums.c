/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/filesums.h"

#define LARGE (5U << 20)

/* A shed with a memory, and files on each side of what is kept. */
static void
begin(struct shed *s)
{
	shed_init(s);
	assert_int_equal(filesums_new(&s->filesums), 0);
	forest_random(s->src, "a", LARGE, 1);
	forest_dir(s->src, "d", 0755);
	forest_random(s->src, "d/least", 1 << 20, 2);
	forest_random(s->src, "d/small", (1 << 20) - 1, 3);
	forest_file(s->src, "empty", "", 0, 0644);
	forest_link(s->src, "link", "a");
	forest_random(s->src, "z", 70000, 4);
}

static void
end(struct shed *s)
{
	filesums_free(s->filesums);
	shed_clear(s);
}

/* What the tree's version is to whoever remembers nothing. */
static struct digest
anew(struct shed *s)
{
	struct filesums *kept = s->filesums;
	struct intake_result r;
	struct digest version;

	s->filesums = NULL;
	assert_int_equal(shed_put(s, s->src, &r), 0);
	s->filesums = kept;
	version = r.version;
	intake_result_clear(&r);
	return version;
}

static struct digest
put(struct shed *s, struct intake_progress *totals)
{
	struct intake_result r;
	struct digest version;

	assert_int_equal(shed_put(s, s->src, &r), 0);
	*totals = r.totals;
	version = r.version;
	intake_result_clear(&r);
	return version;
}

static struct filesums_file
described(const struct shed *s, const char *name)
{
	OWNED_MEM(char) path = forest_path(s->src, name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (struct filesums_file){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000 +
		    (uint64_t)st.st_mtim.tv_nsec,
	};
}

/* What is remembered of a file, and something else in its place. */
static struct filesums_sum
remembered(const struct shed *s, const char *name)
{
	const struct filesums_file f = described(s, name);
	const struct filesums_sum *sum = filesums_find(s->filesums, &f);

	assert_non_null(sum);
	return *sum;
}

static void
remember(struct shed *s, const char *name, const struct filesums_sum *sum)
{
	const struct filesums_file f = described(s, name);

	assert_int_equal(filesums_set(s->filesums, &f, sum), 0);
}

/* Other bytes in a file that looks the same. */
static void
change_unseen(const struct shed *s, const char *name)
{
	OWNED_MEM(char) path = forest_path(s->src, name);
	struct timespec times[2];
	struct stat st;
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, "other", 5, 300000), 5);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void
what_lies_there_as_it_lay_is_the_same_version(void **state)
{
	struct intake_progress t;
	struct digest first, again;
	struct shed s;

	(void)state;
	begin(&s);
	first = put(&s, &t);
	assert_int_equal(filesums_count(s.filesums), 2);
	again = put(&s, &t);
	assert_true(digest_equal(&first, &again));
	assert_int_equal(t.bytes_new, 0);
	first = anew(&s);
	assert_true(digest_equal(&first, &again));
	assert_int_equal(filesums_count(s.filesums), 2);
	end(&s);
}

/* The digest is the remembered one: it is not taken once more. */
static void
a_digest_whose_chunks_are_right_is_taken_over(void **state)
{
	struct intake_progress t;
	struct filesums_sum sum;
	struct digest first, again;
	struct shed s;

	(void)state;
	begin(&s);
	first = put(&s, &t);
	sum = remembered(&s, "a");
	sum.file.bytes[0] ^= 1;
	remember(&s, "a", &sum);
	again = put(&s, &t);
	assert_false(digest_equal(&first, &again));
	end(&s);
}

static void
other_bytes_in_a_file_that_looks_the_same_are_found(void **state)
{
	static const char *const names[] = { "a", "d/least" };
	struct intake_progress t;
	struct shed s;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < 2; i++) {
		struct digest first = put(&s, &t), now, want;

		change_unseen(&s, names[i]);
		now = put(&s, &t);
		assert_int_not_equal(t.bytes_new, 0);
		want = anew(&s);
		assert_true(digest_equal(&now, &want));
		assert_false(digest_equal(&now, &first));
		/* It is known as it is now. */
		now = put(&s, &t);
		assert_true(digest_equal(&now, &want));
	}
	assert_int_equal(filesums_count(s.filesums), 2);
	end(&s);
}

/* One list that differs in a bit is another list. */
static void
a_list_of_chunks_that_is_not_the_same_is_no_guess(void **state)
{
	struct intake_progress t;
	struct filesums_sum sum;
	struct digest first, again;
	struct shed s;

	(void)state;
	begin(&s);
	first = put(&s, &t);
	sum = remembered(&s, "d/least");
	sum.file.bytes[0] ^= 1;
	sum.chunks.bytes[31] ^= 1;
	remember(&s, "d/least", &sum);
	again = put(&s, &t);
	assert_true(digest_equal(&first, &again));
	again = put(&s, &t);
	assert_true(digest_equal(&first, &again));
	end(&s);
}

static void
a_put_that_fails_keeps_nothing(void **state)
{
	struct intake_result r;
	struct shed s;

	(void)state;
	begin(&s);
	forest_file(s.src, "zz.safetensors", "not one", 7, 0644);
	assert_int_equal(shed_put(&s, s.src, &r), ERR_FORMAT);
	assert_int_equal(filesums_count(s.filesums), 0);
	end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_there_as_it_lay_is_the_same_version),
		cmocka_unit_test(a_digest_whose_chunks_are_right_is_taken_over),
		cmocka_unit_test(
		    other_bytes_in_a_file_that_looks_the_same_are_found),
		cmocka_unit_test(
		    a_list_of_chunks_that_is_not_the_same_is_no_guess),
		cmocka_unit_test(a_put_that_fails_keeps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
