/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/check.h"
#include "vault/err.h"

/* Two versions that share one file's chunks, and what a sweep told. */
struct sweep {
	struct shed shed;
	struct intake_result first, second;
	struct version *v; /* the first, opened */
	struct check_totals totals;
	char told[8192]; /* a line for each damage and each hurt file */
	unsigned int ticks;
};

static void
sweep_init(struct sweep *w)
{
	static const size_t sizes[] = { 300, 80000 };

	*w = (struct sweep){ 0 };
	shed_init(&w->shed);
	forest_dir(w->shed.src, "d", 0755);
	forest_random(w->shed.src, "d/shared", 200000, 1);
	forest_random(w->shed.src, "own", 100000, 2);
	/* Each of its chunks but the last is the same object. */
	forest_file(w->shed.src, "zeros", "", 0, 0644);
	forest_safetensors(w->shed.src, "m.safetensors", sizes, 2, 3);
	{
		OWNED_MEM(char) p = forest_path(w->shed.src, "zeros");

		assert_int_equal(truncate(p, 65536 * 4 + 5), 0);
	}
	assert_int_equal(shed_put(&w->shed, w->shed.src, &w->first), 0);
	forest_random(w->shed.src, "own", 100000, 4);
	assert_int_equal(shed_put(&w->shed, w->shed.src, &w->second), 0);
	assert_int_equal(shed_open(&w->shed, &w->first, &w->v), 0);
}

static void
sweep_clear(struct sweep *w)
{
	version_free(w->v);
	intake_result_clear(&w->first);
	intake_result_clear(&w->second);
	shed_clear(&w->shed);
}
#define OWNED_SWEEP __attribute__((cleanup(sweep_clear))) struct sweep

static void
tell(struct sweep *w, const char *line)
{
	size_t n = strlen(w->told);

	snprintf(w->told + n, sizeof(w->told) - n, "%s\n", line);
}

static void
note_damage(void *arg, const struct check_damage *d)
{
	char hex[DIGEST_HEX_SIZE], line[256];

	assert_true(d->missing == (strstr(d->reason, "missing") != NULL));
	snprintf(line, sizeof(line), "%.16s %s", digest_hex(&d->object, hex),
	    d->reason);
	tell(arg, line);
}

static void
note_hurt(void *arg, const struct digest *object, const char *model,
    const struct digest *version, const char *path)
{
	struct sweep *w = arg;
	char hex[DIGEST_HEX_SIZE], line[256];
	const char *which = digest_equal(version, &w->first.version) ? "first" :
	    digest_equal(version, &w->second.version) ? "second" :
							"?";

	snprintf(line, sizeof(line), "%.16s hurts %s %s %s",
	    digest_hex(object, hex), model, which, path);
	tell(w, line);
}

static void
note_progress(void *arg, const struct check_totals *t)
{
	struct sweep *w = arg;

	(void)t;
	w->ticks++;
}

static void
run(struct sweep *w, bool read_data)
{
	const struct intake_result *r[] = { &w->first, &w->second };
	const struct check_how how = {
		.store = w->shed.store,
		.read_data = read_data,
		.damage = note_damage,
		.hurts = note_hurt,
		.progress = note_progress,
		.arg = w,
	};
	OWNED(check) c = NULL;

	w->told[0] = '\0';
	assert_int_equal(check_new(&c, &how), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct version_open v = {
			.store = w->shed.store,
			.object = r[i]->object,
			.version = r[i]->version,
			.manifest_key = w->shed.keys.manifest_key,
		};

		assert_int_equal(check_version(c, i == 0 ? "a" : "b", &v), 0);
	}
	assert_int_equal(check_end(c, &w->totals), 0);
}

/* What run told, exactly: {} stands for the object's first 16 digits. */
static void
assert_told(const struct sweep *w, const struct digest *object,
    const char *const *lines)
{
	char want[8192] = "", hex[DIGEST_HEX_SIZE];

	digest_hex(object, hex);
	for (; *lines != NULL; lines++) {
		size_t n = strlen(want);

		snprintf(want + n, sizeof(want) - n, "%.16s %s\n", hex, *lines);
	}
	assert_string_equal(w->told, want);
}

static struct digest
object_of(const struct sweep *w, const char *path, uint64_t offset)
{
	struct version_row row;
	size_t got;

	assert_int_equal(version_rows(w->v,
			     manifest_find(version_manifest(w->v), path),
			     offset, 1, &row, 1, &got),
	    0);
	assert_int_equal(got, 1);
	return row.row.object;
}

/* Flip a bit of an object's file, counted from its end when at is < 0. */
static void
flip(const struct sweep *w, const struct digest *object, long at)
{
	OWNED_MEM(char) path = shed_object(&w->shed, object);
	uint8_t byte;
	int fd;

	chmod(path, 0600);
	fd = open(path, O_RDWR);
	if (at < 0)
		at += lseek(fd, 0, SEEK_END);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void
finds_a_whole_vault_sound(void **state)
{
	OWNED_SWEEP w;
	uint64_t bytes;

	(void)state;
	sweep_init(&w);
	run(&w, false);
	assert_string_equal(w.told, "");
	/* d/shared 4, m.safetensors 1 + 2, own 2 + 2, zeros 2; a manifest, a
	 * page, a lockbox and a tensor index for each. */
	assert_int_equal(w.totals.objects, 4 + 3 + 4 + 2 + 8);
	assert_int_equal(w.totals.damaged + w.totals.missing, 0);
	assert_int_equal(w.totals.unreferenced, 0);
	assert_true(w.ticks > 0);
	bytes = w.totals.bytes;
	run(&w, true);
	assert_string_equal(w.told, "");
	assert_int_equal(w.totals.bytes, bytes);
	assert_string_equal(w.shed.lines, "");
}

static void
names_a_damaged_body_only_when_it_reads_data(void **state)
{
	static const char *const lines[] = {
		"its content does not match its header",
		"hurts a first d/shared", "hurts b second d/shared", NULL
	};
	struct digest object;
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	object = object_of(&w, "d/shared", 70000);
	flip(&w, &object, -1);
	run(&w, false);
	assert_string_equal(w.told, "");
	run(&w, true);
	assert_told(&w, &object, lines);
	assert_int_equal(w.totals.damaged, 1);
	assert_int_equal(w.totals.missing, 0);
}

static void
names_a_damaged_header(void **state)
{
	static const char *const lines[] = {
		"its header does not match its name", "hurts a first own", NULL
	};
	struct digest object;
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	object = object_of(&w, "own", 0);
	flip(&w, &object, 50);
	run(&w, false);
	assert_told(&w, &object, lines);
	assert_int_equal(w.totals.damaged, 1);
}

static void
names_a_missing_object_and_tells_each_file_once(void **state)
{
	/* It is four rows of the file. */
	static const char *const lines[] = { "it is missing",
		"hurts a first zeros", "hurts b second zeros", NULL };
	OWNED_MEM(char) path = NULL;
	struct digest object;
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	object = object_of(&w, "zeros", 0);
	path = shed_object(&w.shed, &object);
	assert_int_equal(unlink(path), 0);
	run(&w, false);
	assert_told(&w, &object, lines);
	assert_int_equal(w.totals.damaged, 0);
	assert_int_equal(w.totals.missing, 1);
}

static void
names_objects_that_are_too_short_or_too_long(void **state)
{
	static const char *const shorter[] = {
		"it is shorter than its header says", "hurts a first own", NULL
	};
	static const char *const longer[] = {
		"it is longer than its header says", "hurts a first own", NULL
	};
	static const char *const nothing[] = {
		"its header does not match its name", "hurts a first own", NULL
	};
	OWNED_MEM(char) path = NULL;
	struct digest object;
	struct stat st;
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	object = object_of(&w, "own", 0);
	path = shed_object(&w.shed, &object);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	run(&w, false);
	assert_told(&w, &object, shorter);
	assert_int_equal(truncate(path, st.st_size + 1), 0);
	run(&w, false);
	assert_told(&w, &object, longer);
	assert_int_equal(truncate(path, 0), 0);
	run(&w, false);
	assert_told(&w, &object, nothing);
}

static void
tells_which_files_a_damaged_page_hurts(void **state)
{
	static const char *const lines[] = {
		"its content does not match its header",
		"hurts a first d/shared", "hurts a first m.safetensors",
		"hurts a first own", "hurts a first zeros", NULL
	};
	const struct manifest *m;
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	m = version_manifest(w.v);
	flip(&w, &m->pages[0].object, -1);
	run(&w, false);
	assert_told(&w, &m->pages[0].object, lines);
	flip(&w, &m->pages[0].object, -1);
	flip(&w, &m->pages[0].lockbox, -1);
	run(&w, false);
	assert_told(&w, &m->pages[0].lockbox, lines);
	assert_int_equal(w.totals.damaged, 1);
	/* Its chunks are looked at all the same. */
	assert_int_equal(w.totals.unreferenced, 0);
}

static void
tells_of_a_damaged_tensor_index_that_hurts_no_file(void **state)
{
	static const char *const lines[] = {
		"its content does not match its header", NULL
	};
	const struct manifest *m;
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	m = version_manifest(w.v);
	flip(&w, &m->tensor_object, -1);
	run(&w, false);
	assert_told(&w, &m->tensor_object, lines);
}

static void
goes_on_behind_a_version_that_does_not_open(void **state)
{
	static const char *const damaged[] = {
		"its content does not match its header", "hurts a first .", NULL
	};
	static const char *const other[] = {
		"it is not the manifest of its version", "hurts a first .", NULL
	};
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	flip(&w, &w.first.object, -1);
	run(&w, true);
	assert_told(&w, &w.first.object, damaged);
	flip(&w, &w.first.object, -1);
	/* The object is sound, and another version's. */
	w.first.version.bytes[0] ^= 1;
	run(&w, true);
	assert_told(&w, &w.first.object, other);
	w.first.version.bytes[0] ^= 1;
}

static void
counts_what_no_version_names(void **state)
{
	OWNED(check) c = NULL;
	struct check_how how = { 0 };
	struct check_totals t;
	OWNED_SWEEP w;

	(void)state;
	sweep_init(&w);
	how.store = w.shed.store;
	assert_int_equal(check_new(&c, &how), 0);
	assert_int_equal(check_end(c, &t), 0);
	assert_int_equal(t.objects, 0);
	assert_int_equal(t.unreferenced, 21);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_whole_vault_sound),
		cmocka_unit_test(names_a_damaged_body_only_when_it_reads_data),
		cmocka_unit_test(names_a_damaged_header),
		cmocka_unit_test(
		    names_a_missing_object_and_tells_each_file_once),
		cmocka_unit_test(names_objects_that_are_too_short_or_too_long),
		cmocka_unit_test(tells_which_files_a_damaged_page_hurts),
		cmocka_unit_test(
		    tells_of_a_damaged_tensor_index_that_hurts_no_file),
		cmocka_unit_test(goes_on_behind_a_version_that_does_not_open),
		cmocka_unit_test(counts_what_no_version_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
