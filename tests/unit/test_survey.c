/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define MANY 300

static char last[1024];

static void
keep(void *arg, const char *line)
{
	(void)arg;
	snprintf(last, sizeof(last), "%s", line);
}

static void
write_file(const struct scratch *s, const char *path, const void *bytes,
    size_t n)
{
	int fd = openat(s->dir->fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void
make_dir(const struct scratch *s, const char *path)
{
	assert_int_equal(mkdirat(s->dir->fd, path, 0700), 0);
}

/* Hash everything that is a file. */
static int
hash_all(struct survey *s, const struct survey_hash *how)
{
	for (size_t i = 0; i < s->count; i++)
		s->items[i].wanted = s->items[i].kind == SURVEY_FILE;
	return survey_hash(s, how);
}

static void
everything_but_directories_is_listed_in_order(void **state)
{
	static const char *const wanted[] = { "a", "d-x", "d/.git", "d/e/f",
		"fifo", "link", "\xff" };
	static const enum survey_kind kinds[] = { SURVEY_FILE, SURVEY_FILE,
		SURVEY_FILE, SURVEY_FILE, SURVEY_OTHER, SURVEY_LINK,
		SURVEY_FILE };
	OWNED_SCRATCH dir = scratch_new();
	const struct survey_how how = { .path = dir.path };
	OWNED_SURVEY s = { 0 };

	(void)state;
	make_dir(&dir, "d");
	make_dir(&dir, "d/e");
	make_dir(&dir, "none");
	make_dir(&dir, ".git");
	write_file(&dir, ".git/HEAD", "x", 1);
	write_file(&dir, "d/.git", "x", 1);
	write_file(&dir, "d/e/f", "", 0);
	write_file(&dir, "d-x", "x", 1);
	write_file(&dir, "a", "abc", 3);
	write_file(&dir, "\xff", "x", 1);
	assert_int_equal(symlinkat("/etc", dir.dir->fd, "link"), 0);
	assert_int_equal(mkfifoat(dir.dir->fd, "fifo", 0600), 0);
	assert_int_equal(survey_walk(&s, &how), 0);
	assert_int_equal(s.count, 7);
	assert_false(s.single);
	for (size_t i = 0; i < 7; i++) {
		assert_string_equal(s.items[i].path, wanted[i]);
		assert_int_equal(s.items[i].kind, kinds[i]);
	}
	assert_int_equal(s.items[0].size, 3);
	assert_ptr_equal(survey_find(&s, "d/e/f"), &s.items[3]);
	assert_null(survey_find(&s, "d/e"));
	assert_string_equal(s.name, strrchr(dir.path, '/') + 1);
}

static void
what_is_ignored_is_not_looked_into(void **state)
{
	static const char *const ignore[] = { "d", "a" };
	OWNED_SCRATCH dir = scratch_new();
	const struct survey_how how = { .path = dir.path,
		.ignore = ignore,
		.ignore_count = 2 };
	OWNED_SURVEY s = { 0 };

	(void)state;
	make_dir(&dir, "d");
	write_file(&dir, "d/x", "x", 1);
	write_file(&dir, "a", "x", 1);
	write_file(&dir, "ab", "x", 1);
	assert_int_equal(fchmodat(dir.dir->fd, "d", 0, 0), 0);
	assert_int_equal(survey_walk(&s, &how), 0);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.items[0].path, "ab");
}

static void
files_are_hashed_side_by_side(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	const struct survey_how how = { .path = dir.path };
	OWNED_MEM(uint8_t) bytes = calloc(1, 4U << 20);
	OWNED_SURVEY s = { 0 };
	size_t sizes[] = { 0, 1, (1U << 20) - 1, 1U << 20, (1U << 20) + 1,
		3U << 20 };

	(void)state;
	for (size_t i = 0; i < 4U << 20; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 1000);
	for (size_t i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%03zu", i);
		write_file(&dir, name, bytes + i, i < 6 ? sizes[i] : i);
	}
	assert_int_equal(survey_walk(&s, &how), 0);
	for (unsigned int threads = 0; threads < 40; threads += 13) {
		const struct survey_hash hash = { .threads = threads };

		assert_int_equal(hash_all(&s, &hash), 0);
		for (size_t i = 0; i < MANY; i++) {
			struct digest d = digest_of(bytes + i,
			    i < 6 ? sizes[i] : i);

			assert_true(digest_equal(&d, &s.items[i].digest));
			s.items[i].digest = (struct digest){ 0 };
		}
	}
	/* Only what is wanted. */
	s.items[7].wanted = false;
	assert_int_equal(survey_hash(&s, &(struct survey_hash){ 0 }), 0);
	assert_true(digest_is_zero(&s.items[7].digest));
}

static void
a_single_file_is_found_by_its_name(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED_MEM(char) path = NULL;
	OWNED_MEM(char) absent = NULL;
	OWNED_SURVEY s = { 0 };
	struct survey none;
	struct digest d = digest_of("abc", 3);

	(void)state;
	write_file(&dir, "model.bin", "abc", 3);
	assert_true(asprintf(&path, "%s/model.bin", dir.path) > 0);
	assert_true(asprintf(&absent, "%s/absent", dir.path) > 0);
	assert_int_equal(survey_walk(&s, &(struct survey_how){ .path = path }),
	    0);
	assert_true(s.single);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.items[0].path, "model.bin");
	assert_int_equal(hash_all(&s, &(struct survey_hash){ 0 }), 0);
	assert_true(digest_equal(&d, &s.items[0].digest));
	assert_int_equal(survey_walk(&none,
			     &(struct survey_how){ .path = absent }),
	    ERR_NOT_FOUND);
	assert_int_equal(survey_walk(&none,
			     &(struct survey_how){ .path = "/dev/null" }),
	    ERR_FORMAT);
}

/* What was listed as a file is not read as anything else. */
static void
what_changes_meanwhile_is_told(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	const struct survey_how how = { .path = dir.path };
	const struct survey_hash hash = { .threads = 1 };
	OWNED_SURVEY s = { 0 };

	(void)state;
	write_file(&dir, "a", "abc", 3);
	assert_int_equal(survey_walk(&s, &how), 0);
	write_file(&dir, "a", "abcd", 4);
	assert_int_equal(hash_all(&s, &hash), ERR_CONFLICT);
	assert_non_null(strstr(last, "changed while it was read"));
	assert_int_equal(unlinkat(dir.dir->fd, "a", 0), 0);
	assert_int_equal(hash_all(&s, &hash), ERR_CONFLICT);
	assert_non_null(strstr(last, "was taken away"));
	assert_int_equal(mkfifoat(dir.dir->fd, "a", 0600), 0);
	assert_int_equal(hash_all(&s, &hash), ERR_CONFLICT);
	assert_int_equal(unlinkat(dir.dir->fd, "a", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir.dir->fd, "a"), 0);
	assert_int_not_equal(hash_all(&s, &hash), 0);
}

static void
it_stops_when_told_to(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	const bool stop = true;
	const struct survey_how how = { .path = dir.path, .stop = &stop };
	OWNED_SURVEY s = { 0 };

	(void)state;
	write_file(&dir, "a", "abc", 3);
	assert_int_equal(survey_walk(&s, &how), ERR_CONFLICT);
	assert_int_equal(survey_walk(&s,
			     &(struct survey_how){ .path = dir.path }),
	    0);
	assert_int_equal(hash_all(&s, &(struct survey_hash){ .stop = &stop }),
	    ERR_CONFLICT);
}

static void
out_of_memory_is_said_at_every_place(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	const struct survey_how how = { .path = dir.path };

	(void)state;
	make_dir(&dir, "d");
	write_file(&dir, "d/x", "x", 1);
	write_file(&dir, "a", "abc", 3);
	for (unsigned int n = 1;; n++) {
		OWNED_SURVEY s = { 0 };
		int err;

		fault_fail(FAULT_MEMORY, n, ENOMEM);
		err = survey_walk(&s, &how);
		if (err == 0)
			err = hash_all(&s,
			    &(struct survey_hash){ .threads = 2 });
		if (!fault_off()) {
			assert_int_equal(err, 0);
			assert_true(n > 5);
			return;
		}
		assert_int_equal(err, ERR_NOMEM);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_but_directories_is_listed_in_order),
		cmocka_unit_test(what_is_ignored_is_not_looked_into),
		cmocka_unit_test(files_are_hashed_side_by_side),
		cmocka_unit_test(a_single_file_is_found_by_its_name),
		cmocka_unit_test(what_changes_meanwhile_is_told),
		cmocka_unit_test(it_stops_when_told_to),
		cmocka_unit_test(out_of_memory_is_said_at_every_place),
	};

	log_sink(keep, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
