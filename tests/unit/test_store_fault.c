/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"
#include "tests/lib/shelf.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/store.h"

/* The lines that were logged since the test began. */
static struct {
	size_t count;
	char last[1024];
} lines;

static void
keep_line(void *arg, const char *line)
{
	(void)arg;
	lines.count++;
	snprintf(lines.last, sizeof(lines.last), "%s", line);
}

/* Store o, and then something else in its place. */
static void
poison(const struct scratch *dir, struct store *s, const struct sample *o)
{
	OWNED_MEM(char) path = shelf_path(dir, &o->name, true);

	assert_int_equal(shelf_put(s, o, NULL), 0);
	assert_int_equal(truncate(path, 5000), 0);
}

/* How many temporary files lie anywhere in the store. */
static size_t
temporaries(const struct scratch *dir)
{
	size_t found = 0;

	for (unsigned int i = 0; i < 256; i++) {
		OWNED_MEM(char) ab = NULL;
		const struct dirent *e;
		DIR *d;

		assert_true(asprintf(&ab, "%s/%02x", dir->path, i) > 0);
		d = opendir(ab);
		while (d != NULL && (e = readdir(d)) != NULL)
			found += strncmp(e->d_name, ".tmp-", 5) == 0;
		if (d != NULL)
			closedir(d);
	}
	return found;
}

static void
forget_lines(void)
{
	lines.count = 0;
	lines.last[0] = '\0';
}

/* Put o with the nth call of these kinds failing, until none is left. */
static unsigned int
fail_each(unsigned int kinds, int errnum, const struct sample *o, bool bad)
{
	for (unsigned int n = 1;; n++) {
		OWNED_SCRATCH dir = scratch_new();
		OWNED(store) s = shelf_open(&dir);
		OWNED(store) again = NULL;
		uint64_t size;
		bool fired;
		int err;

		if (bad)
			poison(&dir, s, o);
		forget_lines();
		fault_fail(kinds, n, errnum);
		err = shelf_put(s, o, NULL);
		fired = fault_off();
		assert_int_equal(temporaries(&dir), 0);
		if (!fired) {
			assert_int_equal(err, 0);
			assert_true(shelf_holds(s, o));
			return n - 1;
		}
		assert_int_not_equal(err, 0);
		if (kinds != FAULT_MEMORY) {
			assert_int_equal(err, err_from_errno(errnum));
			assert_int_equal(lines.count, 1);
		} else {
			assert_int_equal(err, ERR_NOMEM);
		}
		/* Not there, or whole: never by halves. */
		if (store_has(s, &o->name, &size) == 0 && !bad)
			assert_true(shelf_holds(s, o));
		/* The same command, run again. */
		assert_int_equal(store_dir_open(&again, dir.path), 0);
		assert_int_equal(shelf_put(again, o, NULL), 0);
		assert_true(shelf_holds(again, o));
	}
}

static void
a_failed_put_leaves_nothing_by_halves(void **state)
{
	OWNED_SAMPLE o = shelf_chunk(100000);

	(void)state;
	/* Write; sync the file, its directory and the root; rename. */
	assert_int_equal(fail_each(FAULT_DISK, EIO, &o, false), 5);
	assert_true(fail_each(FAULT_MEMORY, 0, &o, false) >= 2);
}

static void
a_failed_replacement_leaves_nothing_by_halves(void **state)
{
	OWNED_SAMPLE o = shelf_chunk(100000);

	(void)state;
	/* The line that the bad one was replaced is one too many to count. */
	assert_int_equal(fail_each(FAULT_WRITE | FAULT_RENAME, EIO, &o, true),
	    2);
	assert_true(fail_each(FAULT_MEMORY, 0, &o, true) >= 2);
}

static void
a_full_disk_is_told_once_with_the_object_and_what_to_do(void **state)
{
	static const unsigned int kinds[] = { FAULT_WRITE, FAULT_SYNC,
		FAULT_RENAME };
	OWNED_SAMPLE o = shelf_chunk(100000);
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	digest_hex(&o.name, hex);
	for (size_t i = 0; i < 3; i++) {
		OWNED_SCRATCH dir = scratch_new();
		OWNED(store) s = shelf_open(&dir);
		uint64_t size;

		forget_lines();
		fault_fail_from(kinds[i], 1, i == 0 ? ENOSPC : EDQUOT);
		assert_int_equal(shelf_put(s, &o, NULL), ERR_SPACE);
		assert_true(fault_off());
		assert_int_equal(lines.count, 1);
		assert_non_null(strstr(lines.last, hex));
		assert_non_null(strstr(lines.last, "make room"));
		assert_int_equal(temporaries(&dir), 0);
		assert_int_equal(store_has(s, &o.name, &size), ERR_NOT_FOUND);
		/* There is room again, and the same store goes on. */
		assert_int_equal(shelf_put(s, &o, NULL), 0);
	}
}

static void
a_short_write_goes_on(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(100000);

	(void)state;
	fault_short(1);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_true(fault_off());
	assert_true(shelf_holds(s, &o));
}

static void
a_file_is_synced_before_it_has_its_name(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(100000);
	uint64_t size;

	(void)state;
	fault_fail(FAULT_SYNC, 1, EIO);
	assert_int_equal(shelf_put_later(s, &o), ERR_IO);
	assert_true(fault_off());
	assert_int_equal(store_has(s, &o.name, &size), ERR_NOT_FOUND);
}

/* Put objects of 1 .. 20 bytes for later; how many directories they are in. */
static unsigned int
put_twenty(struct store *s)
{
	bool seen[256] = { false };
	unsigned int dirs = 0;

	for (size_t n = 1; n <= 20; n++) {
		OWNED_SAMPLE o = shelf_chunk(n);
		uint8_t ab = o.name.bytes[0];

		assert_int_equal(shelf_put_later(s, &o), 0);
		dirs += !seen[ab];
		seen[ab] = true;
	}
	return dirs;
}

static void
a_flush_syncs_each_touched_directory_and_the_root_once(void **state)
{
	(void)state;
	for (unsigned int more = 1; more <= 2; more++) {
		OWNED_SCRATCH dir = scratch_new();
		OWNED(store) s = shelf_open(&dir);
		unsigned int dirs = put_twenty(s);

		fault_fail(FAULT_SYNC, dirs + more, EIO);
		assert_int_equal(store_flush(s), more == 1 ? ERR_IO : 0);
		assert_int_equal(fault_off(), more == 1);
		if (more == 1)
			continue;
		/* Nothing is left to do. */
		fault_fail(FAULT_SYNC, 1, EIO);
		assert_int_equal(store_flush(s), 0);
		assert_false(fault_off());
		/* The directories' own names last now: not the root again. */
		dirs = put_twenty(s);
		fault_fail(FAULT_SYNC, dirs + 1, EIO);
		assert_int_equal(store_flush(s), 0);
		assert_false(fault_off());
	}
}

static void
a_directory_that_was_not_synced_is_never_believed(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED(store) again = NULL;
	OWNED_SAMPLE o = shelf_chunk(10);
	OWNED_SAMPLE other = shelf_chunk(11);

	(void)state;
	assert_int_equal(shelf_put_later(s, &o), 0);
	fault_fail(FAULT_SYNC, 1, EIO);
	assert_int_equal(store_flush(s), ERR_IO);
	assert_true(fault_off());
	/* The kernel would say yes now. */
	assert_int_equal(store_flush(s), ERR_IO);
	assert_int_equal(shelf_put_later(s, &o), ERR_IO);
	assert_int_equal(shelf_put(s, &other, NULL), ERR_IO);
	assert_int_equal(store_dir_open(&again, dir.path), 0);
	assert_int_equal(shelf_put(again, &o, NULL), 0);
	assert_int_equal(shelf_put(again, &other, NULL), 0);
}

/* Whichever of many directories it is that cannot be synced. */
static void
a_flush_of_many_directories_believes_none_when_one_fails(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 65; n += 16) {
		OWNED_SCRATCH dir = scratch_new();
		OWNED(store) s = shelf_open(&dir);
		bool seen[256] = { false };
		unsigned int dirs = 0;

		for (size_t i = 1; i <= 150; i++) {
			OWNED_SAMPLE o = shelf_chunk(i);

			dirs += !seen[o.name.bytes[0]];
			seen[o.name.bytes[0]] = true;
			assert_int_equal(shelf_put_later(s, &o), 0);
		}
		assert_true(dirs > 64);
		fault_fail(FAULT_SYNC, n, EIO);
		assert_int_equal(store_flush(s), ERR_IO);
		assert_true(fault_off());
		assert_int_equal(store_flush(s), ERR_IO);
	}
}

static void
a_flush_syncs_each_directory_once(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	bool seen[256] = { false };
	unsigned int dirs = 0;

	(void)state;
	for (size_t i = 1; i <= 150; i++) {
		OWNED_SAMPLE o = shelf_chunk(i);

		dirs += !seen[o.name.bytes[0]];
		seen[o.name.bytes[0]] = true;
		assert_int_equal(shelf_put_later(s, &o), 0);
	}
	fault_watch(FAULT_SYNC);
	assert_int_equal(store_flush(s), 0);
	/* And the root, for their own names. */
	assert_int_equal(fault_seen(), dirs + 1);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(fault_seen(), dirs + 1);
	fault_off();
}

static void
what_somebody_else_stored_is_synced_too(void **state)
{
	OWNED_SAMPLE o = shelf_chunk(10);

	(void)state;
	/* The file, its directory, the root. */
	for (unsigned int n = 1; n <= 4; n++) {
		OWNED_SCRATCH dir = scratch_new();
		OWNED(store) first = shelf_open(&dir);
		OWNED(store) second = shelf_open(&dir);
		bool stored = true;

		assert_int_equal(shelf_put_later(first, &o), 0);
		fault_fail(FAULT_SYNC, n, EIO);
		assert_int_equal(shelf_put(second, &o, &stored),
		    n <= 3 ? ERR_IO : 0);
		assert_int_equal(fault_off(), n <= 3);
		assert_int_equal(stored, n <= 3);
	}
}

static void
a_file_of_somebody_else_not_synced_is_never_believed(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) first = shelf_open(&dir);
	OWNED(store) second = shelf_open(&dir);
	OWNED(store) again = NULL;
	OWNED_SAMPLE o = shelf_chunk(10);

	(void)state;
	assert_int_equal(shelf_put_later(first, &o), 0);
	fault_fail(FAULT_SYNC, 1, EIO);
	assert_int_equal(shelf_put_later(second, &o), ERR_IO);
	assert_true(fault_off());
	/* The kernel would say yes now. */
	assert_int_equal(shelf_put_later(second, &o), ERR_IO);
	assert_int_equal(store_flush(second), ERR_IO);
	assert_int_equal(store_dir_open(&again, dir.path), 0);
	assert_int_equal(shelf_put(again, &o, NULL), 0);
}

static void
file_systems_without_noreplace_are_written_to_as_well(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(1000);

	(void)state;
	fault_fail_from(FAULT_RENAME, 1, EINVAL);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_true(fault_off());
	assert_true(shelf_holds(s, &o));
	assert_int_equal(temporaries(&dir), 0);
}

/* In a child: put, and end at the nth call; whether it ended there. */
static bool
dies_at(unsigned int n, const struct scratch *dir, const struct sample *o)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct store *s = shelf_open(dir);

		fault_exit(FAULT_DISK, n);
		_exit(shelf_put(s, o, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_true(
	    WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAULT_STATUS);
	return WEXITSTATUS(status) == FAULT_STATUS;
}

static void
a_killed_put_leaves_an_object_whole_or_not_at_all(void **state)
{
	OWNED_SAMPLE o = shelf_chunk(100000);
	unsigned int n = 1;
	bool died;

	(void)state;
	do {
		OWNED_SCRATCH dir = scratch_new();
		OWNED(store) s = shelf_open(&dir);
		uint64_t size;

		died = dies_at(n++, &dir, &o);
		if (store_has(s, &o.name, &size) == 0)
			assert_true(shelf_holds(s, &o));
		else
			assert_true(died);
		assert_int_equal(shelf_put(s, &o, NULL), 0);
		assert_true(shelf_holds(s, &o));
	} while (died);
	assert_int_equal(n, 7);
}

#define WRITERS 4
#define OBJECTS 30

static void
processes_that_write_the_same_objects_all_succeed(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	pid_t children[WRITERS];

	(void)state;
	for (size_t c = 0; c < WRITERS; c++) {
		children[c] = fork();
		assert_true(children[c] >= 0);
		for (size_t n = 1; children[c] == 0 && n <= OBJECTS; n++) {
			struct sample o = shelf_chunk(n * 1000);

			if (shelf_put(s, &o, NULL) != 0 || !shelf_holds(s, &o))
				_exit(1);
		}
		if (children[c] == 0)
			_exit(0);
	}
	for (size_t c = 0; c < WRITERS; c++) {
		int status;

		assert_int_equal(waitpid(children[c], &status, 0), children[c]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (size_t n = 1; n <= OBJECTS; n++) {
		OWNED_SAMPLE o = shelf_chunk(n * 1000);

		assert_true(shelf_holds(s, &o));
	}
	assert_int_equal(temporaries(&dir), 0);
}

static void *
write_many(void *arg)
{
	struct store *s = arg;

	for (size_t n = 1; n <= OBJECTS; n++) {
		OWNED_SAMPLE o = shelf_chunk(n * 1000);

		if (shelf_put_later(s, &o) != 0 ||
		    (n % 8 == 0 && store_flush(s) != 0) || !shelf_holds(s, &o))
			return s;
	}
	return store_flush(s) != 0 ? s : NULL;
}

static void
threads_share_a_store(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	pthread_t threads[WRITERS];
	void *failed;

	(void)state;
	for (size_t t = 0; t < WRITERS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, write_many,
				     s),
		    0);
	for (size_t t = 0; t < WRITERS; t++) {
		assert_int_equal(pthread_join(threads[t], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(temporaries(&dir), 0);
}

/* A temporary file that was last written to this long ago. */
static void
leave_temporary(const char *ab, const char *leaf, time_t age)
{
	OWNED_MEM(char) path = NULL;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		{ .tv_sec = time(NULL) - age } };

	assert_true(asprintf(&path, "%s/%s", ab, leaf) > 0);
	assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
a_sweep_removes_what_killed_writers_left_a_day_ago(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(10);
	OWNED_MEM(char) ab = shelf_path(&dir, &o.name, true);
	struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	(void)state;
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(utimensat(AT_FDCWD, ab, old, 0), 0);
	*strrchr(ab, '/') = '\0';
	leave_temporary(ab, ".tmp-old", 24 * 3600 + 60);
	leave_temporary(ab, ".tmp-older", 1000000);
	leave_temporary(ab, ".tmp-new", 24 * 3600 - 60);
	leave_temporary(ab, "other", 1000000);
	assert_int_equal(temporaries(&dir), 3);
	assert_int_equal(store_sweep(s), 0);
	assert_int_equal(temporaries(&dir), 1);
	assert_true(shelf_holds(s, &o));
	leave_temporary(ab, ".tmp-old", 24 * 3600 + 60); /* it was removed */
}

/* A put does not fail for what it could not tidy away. */
static void
what_a_sweep_cannot_remove_stays(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(10);
	OWNED_MEM(char) path = shelf_path(&dir, &o.name, true);
	OWNED_MEM(char) stuck = NULL;
	struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	(void)state;
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	*strrchr(path, '/') = '\0';
	assert_true(asprintf(&stuck, "%s/.tmp-stuck", path) > 0);
	assert_int_equal(mkdir(stuck, 0700), 0); /* unlink takes no directory */
	assert_int_equal(utimensat(AT_FDCWD, stuck, old, 0), 0);
	forget_lines();
	assert_int_equal(store_sweep(s), 0);
	assert_int_equal(lines.count, 1);
	assert_non_null(strstr(lines.last, "stays"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_put_leaves_nothing_by_halves),
		cmocka_unit_test(a_failed_replacement_leaves_nothing_by_halves),
		cmocka_unit_test(
		    a_full_disk_is_told_once_with_the_object_and_what_to_do),
		cmocka_unit_test(a_short_write_goes_on),
		cmocka_unit_test(a_file_is_synced_before_it_has_its_name),
		cmocka_unit_test(
		    a_flush_syncs_each_touched_directory_and_the_root_once),
		cmocka_unit_test(
		    a_directory_that_was_not_synced_is_never_believed),
		cmocka_unit_test(
		    a_flush_of_many_directories_believes_none_when_one_fails),
		cmocka_unit_test(a_flush_syncs_each_directory_once),
		cmocka_unit_test(what_somebody_else_stored_is_synced_too),
		cmocka_unit_test(
		    a_file_of_somebody_else_not_synced_is_never_believed),
		cmocka_unit_test(
		    file_systems_without_noreplace_are_written_to_as_well),
		cmocka_unit_test(
		    a_killed_put_leaves_an_object_whole_or_not_at_all),
		cmocka_unit_test(
		    processes_that_write_the_same_objects_all_succeed),
		cmocka_unit_test(threads_share_a_store),
		cmocka_unit_test(
		    a_sweep_removes_what_killed_writers_left_a_day_ago),
		cmocka_unit_test(what_a_sweep_cannot_remove_stays),
	};

	log_sink(keep_line, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
