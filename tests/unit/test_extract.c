/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/binder.h"
#include "vault/err.h"
#include "vault/extract.h"

#define RACE_SECONDS 2
#define PATIENCE_SECONDS 60 /* more, where a thread is starved */
#define MANY 40

/* A shed with a version of a small tree. */
struct box {
	struct shed shed;
	struct intake_result r;
	struct version *version;
	char *dest; /* does not exist */
};

static void
box_put(struct box *b)
{
	version_free(b->version);
	b->version = NULL;
	assert_int_equal(shed_put(&b->shed, b->shed.src, &b->r), 0);
	assert_int_equal(shed_open(&b->shed, &b->r, &b->version), 0);
}

static void
box_init(struct box *b)
{
	*b = (struct box){ 0 };
	shed_init(&b->shed);
	b->dest = forest_path(b->shed.scratch.path, "dest");
	forest_dir(b->shed.src, "d", 0750);
	forest_dir(b->shed.src, "d/shut", 0500);
	forest_random(b->shed.src, "d/w", 150000, 1);
	forest_file(b->shed.src, "d/x", "x", 1, 0777);
	forest_file(b->shed.src, "empty", "", 0, 0600);
	forest_random(b->shed.src, "z", 65536, 2);
	forest_link(b->shed.src, "to-w", "d/w");
	chmod(b->shed.src, 0751);
	box_put(b);
}

static void
box_clear(struct box *b)
{
	free(b->dest);
	version_free(b->version);
	intake_result_clear(&b->r);
	shed_clear(&b->shed);
}
#define OWNED_BOX __attribute__((cleanup(box_clear))) struct box

static size_t
names_in(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static void
writes_modes_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 022, 077 };
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	for (size_t i = 0; i < 3; i++) {
		mode_t old = umask(masks[i]);
		int err;

		b.dest[strlen(b.dest) - 1] = (char)('0' + i);
		err = shed_get(&b.shed, b.version, b.dest);
		umask(old);
		assert_int_equal(err, 0);
		assert_true(forest_same(b.shed.src, b.dest));
	}
	assert_string_equal(b.shed.lines, "");
}

static void
wants_no_directory_or_an_empty_one_which_keeps_its_mode(void **state)
{
	struct stat st;
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	assert_int_equal(mkdir(b.dest, 0700), 0);
	forest_file(b.dest, ".hidden", "", 0, 0600);
	assert_int_equal(shed_get(&b.shed, b.version, b.dest), ERR_CONFLICT);
	assert_non_null(strstr(b.shed.lines, "not empty"));
	assert_int_equal(names_in(b.dest), 1);
	{
		OWNED_MEM(char) p = forest_path(b.dest, ".hidden");

		unlink(p);
	}
	assert_int_equal(shed_get(&b.shed, b.version, b.dest), 0);
	assert_int_equal(stat(b.dest, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	chmod(b.dest, 0751);
	assert_true(forest_same(b.shed.src, b.dest));
}

static void
refuses_a_dest_that_is_no_directory(void **state)
{
	OWNED_MEM(char) file = NULL;
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	forest_file(b.shed.scratch.path, "file", "kept", 4, 0644);
	file = forest_path(b.shed.scratch.path, "file");
	assert_int_not_equal(shed_get(&b.shed, b.version, file), 0);
	assert_non_null(strstr(b.shed.lines, "file"));
	assert_int_not_equal(shed_get(&b.shed, b.version, "/nowhere/at/all"),
	    0);
	assert_non_null(strstr(b.shed.lines, "/nowhere/at/all"));
}

static void
asks_for_keys_by_the_window(void **state)
{
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	b.shed.keys.calls = b.shed.keys.asked = b.shed.keys.most = 0;
	b.shed.keys.extract.window = 2;
	assert_int_equal(shed_get(&b.shed, b.version, b.dest), 0);
	/* Files of 3, 1 and 1 rows: a window is of one file. */
	assert_int_equal(b.r.chunks, 5);
	assert_int_equal(b.shed.keys.asked, 5);
	assert_int_equal(b.shed.keys.calls, 4);
	assert_int_equal(b.shed.keys.most, 2);
	assert_true(forest_same(b.shed.src, b.dest));
}

/* No file has a temporary name, and none its own that is not whole. */
static void
assert_nothing_half(const struct box *b, const char *dest)
{
	static const char *const files[] = { "d/w", "d/x", "empty", "z" };
	OWNED_MEM(char) d = forest_path(dest, "d");
	size_t whole = 0;

	for (size_t i = 0; i < 4; i++) {
		OWNED_MEM(char) from = forest_path(b->shed.src, files[i]);
		OWNED_MEM(char) to = forest_path(dest, files[i]);

		if (access(to, F_OK) != 0)
			continue;
		whole++;
		assert_true(forest_same(from, to));
	}
	/* "d" and "to-w" come besides, and "d/shut". */
	assert_in_range(names_in(dest) + names_in(d), whole, whole + 3);
}

static void
leaves_no_half_file_when_keys_are_refused(void **state)
{
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	b.shed.keys.extract.window = 1;
	for (uint64_t n = 1; n <= 5; n++) {
		b.dest[strlen(b.dest) - 1] = (char)('0' + n);
		b.shed.keys.calls = 0;
		b.shed.keys.fail_at = n;
		assert_int_equal(shed_get(&b.shed, b.version, b.dest),
		    ERR_UNREACHABLE);
		assert_nothing_half(&b, b.dest);
	}
}

static void
stops_when_asked_to_and_leaves_no_half_file(void **state)
{
	const volatile bool stop = true;
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	{
		const struct extract_how how = {
			.version = b.version,
			.keys = &b.shed.keys.extract,
			.dest = b.dest,
			.stop = &stop,
		};

		assert_int_equal(extract_run(&how), ERR_CONFLICT);
	}
	assert_nothing_half(&b, b.dest);
}

static void
names_the_file_that_a_damaged_or_missing_object_hurts(void **state)
{
	const struct manifest_file *f;
	struct version_row rows[8];
	OWNED_MEM(char) object = NULL;
	OWNED_BOX b;
	size_t n;

	(void)state;
	box_init(&b);
	f = manifest_find(version_manifest(b.version), "d/w");
	assert_int_equal(version_rows(b.version, f, 0, f->size, rows, 8, &n),
	    0);
	object = shed_object(&b.shed, &rows[2].row.object);
	assert_int_equal(truncate(object, 3000), 0);
	assert_int_equal(shed_get(&b.shed, b.version, b.dest), ERR_INTEGRITY);
	assert_non_null(strstr(b.shed.lines, "'d/w'"));
	assert_nothing_half(&b, b.dest);

	assert_int_equal(unlink(object), 0);
	shed_hush(&b.shed);
	box_put(&b); /* a new version object opens an empty cache */
	assert_int_equal(unlink(object), 0);
	b.dest[strlen(b.dest) - 1] = '2';
	shed_hush(&b.shed);
	assert_int_equal(shed_get(&b.shed, b.version, b.dest), ERR_NOT_FOUND);
	assert_non_null(strstr(b.shed.lines, "'d/w'"));
	assert_nothing_half(&b, b.dest);
}

/* The version with another SHA-256 for file, stored as a version of its own. */
static void
lie_about(struct box *b, const char *file, struct version **out)
{
	const struct manifest *m = version_manifest(b->version);
	OWNED_MEM(struct manifest_file)
	files = calloc(m->file_count, sizeof(*files));
	OWNED_WRITER w = writer_of(1 << 20);
	struct manifest lie = *m;
	struct binder_record r = { .type = OBJECT_MANIFEST };

	memcpy(files, m->files, m->file_count * sizeof(*files));
	files[manifest_find(m, file) - m->files].digest.bytes[0] ^= 1;
	lie.files = files;
	assert_int_equal(manifest_write(&lie, &w, &b->r.version), 0);
	r.bytes = w.bytes;
	r.length = w.length;
	assert_int_equal(binder_store(b->shed.store, b->shed.keys.manifest_key,
			     &r, &b->r.object),
	    0);
	assert_int_equal(shed_open(&b->shed, &b->r, out), 0);
}

static void
gives_no_name_to_a_file_whose_digest_is_not_the_manifests(void **state)
{
	OWNED_MEM(char) wrong = NULL;
	OWNED(version) v = NULL;
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	lie_about(&b, "d/w", &v);
	assert_int_equal(shed_get(&b.shed, v, b.dest), ERR_INTEGRITY);
	assert_non_null(strstr(b.shed.lines, "'d/w'"));
	wrong = forest_path(b.dest, "d/w");
	assert_int_not_equal(access(wrong, F_OK), 0);
	assert_nothing_half(&b, b.dest);
}

/* Somebody who swaps directory and link while files are written. */
struct swapper {
	pthread_t thread;
	atomic_bool stop;
	const char *dest;
	unsigned long swaps;
};

static void *
swap_main(void *arg)
{
	struct swapper *s = arg;
	OWNED_MEM(char) d = forest_path(s->dest, "d");
	OWNED_MEM(char) trap = forest_path(s->dest, "../trap");

	while (!atomic_load(&s->stop))
		s->swaps += renameat2(AT_FDCWD, d, AT_FDCWD, trap,
				RENAME_EXCHANGE) == 0;
	return NULL;
}

static void
discard(const char *a, const char *b)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", a, b, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Directories, one file in each: each has to be entered by its path. */
static void
plant_many(struct box *b)
{
	forest_dir(b->shed.scratch.path, "outside", 0755);
	forest_dir(b->shed.scratch.path, "outside/shut", 0700);
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d/s%02d", i);
		forest_dir(b->shed.src, name, 0755);
		snprintf(name, sizeof(name), "d/s%02d/f", i);
		forest_file(b->shed.src, name, name, strlen(name), 0644);
		snprintf(name, sizeof(name), "outside/s%02d", i);
		forest_dir(b->shed.scratch.path, name, 0700);
	}
	box_put(b);
}

static void
assert_untouched(const char *outside)
{
	for (int i = 0; i <= MANY; i++) {
		OWNED_MEM(char) path = NULL;
		char name[32] = "shut";
		struct stat st;

		if (i < MANY)
			snprintf(name, sizeof(name), "s%02d", i);
		path = forest_path(outside, name);
		assert_int_equal(names_in(path), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	assert_int_equal(names_in(outside), MANY + 1);
}

static void
never_writes_outside_of_dest(void **state)
{
	OWNED_MEM(char) outside = NULL;
	OWNED_MEM(char) trap = NULL;
	struct swapper s = { 0 };
	struct timespec now, end;
	unsigned int runs = 0, whole = 0;
	bool raced;
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	plant_many(&b);
	outside = forest_path(b.shed.scratch.path, "outside");
	trap = forest_path(b.shed.scratch.path, "trap");
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += RACE_SECONDS;
	s.dest = b.dest;
	do {
		atomic_store(&s.stop, false);
		forest_link(b.shed.scratch.path, "trap", outside);
		assert_int_equal(pthread_create(&s.thread, NULL, swap_main, &s),
		    0);
		shed_hush(&b.shed);
		whole += shed_get(&b.shed, b.version, b.dest) == 0;
		runs++;
		atomic_store(&s.stop, true);
		pthread_join(s.thread, NULL);
		assert_untouched(outside);
		discard(b.dest, trap);
		clock_gettime(CLOCK_MONOTONIC, &now);
		/* It does come to swaps, and they are noticed. */
		raced = s.swaps > runs && whole < runs;
	} while (now.tv_sec < end.tv_sec + (raced ? 0 : PATIENCE_SECONDS));
	assert_true(raced);
}

struct late {
	const char *dest;
	const char *outside;
};

/* When the last byte is written, before directories get their modes. */
static void
swap_late(void *arg, uint64_t done, uint64_t total)
{
	const struct late *l = arg;
	OWNED_MEM(char) d = forest_path(l->dest, "d");
	OWNED_MEM(char) aside = forest_path(l->dest, "aside");

	if (done < total)
		return;
	assert_int_equal(rename(d, aside), 0);
	assert_int_equal(symlink(l->outside, d), 0);
}

static void
changes_no_mode_outside_of_dest(void **state)
{
	OWNED_MEM(char) outside = NULL;
	struct late late;
	OWNED_BOX b;

	(void)state;
	box_init(&b);
	plant_many(&b);
	outside = forest_path(b.shed.scratch.path, "outside");
	late = (struct late){ b.dest, outside };
	{
		const struct extract_how how = {
			.version = b.version,
			.keys = &b.shed.keys.extract,
			.dest = b.dest,
			.progress = swap_late,
			.progress_arg = &late,
		};

		assert_int_not_equal(extract_run(&how), 0);
	}
	assert_untouched(outside);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_modes_whatever_the_umask),
		cmocka_unit_test(
		    wants_no_directory_or_an_empty_one_which_keeps_its_mode),
		cmocka_unit_test(refuses_a_dest_that_is_no_directory),
		cmocka_unit_test(asks_for_keys_by_the_window),
		cmocka_unit_test(leaves_no_half_file_when_keys_are_refused),
		cmocka_unit_test(stops_when_asked_to_and_leaves_no_half_file),
		cmocka_unit_test(
		    names_the_file_that_a_damaged_or_missing_object_hurts),
		cmocka_unit_test(
		    gives_no_name_to_a_file_whose_digest_is_not_the_manifests),
		cmocka_unit_test(never_writes_outside_of_dest),
		cmocka_unit_test(changes_no_mode_outside_of_dest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
