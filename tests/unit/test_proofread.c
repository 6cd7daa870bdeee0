/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/forgery.h"
#include "tests/lib/shed.h"
#include "vault/err.h"
#include "vault/proofread.h"

#define BIG ((9U << 20) + 12345)

/* What was told of the way. */
struct told {
	uint32_t files;
	uint64_t bytes;
	unsigned int calls;
	unsigned int stop_at; /* this call fails */
	const struct manifest *m;
};

/* What a row that is told to be done stands for: all to its end was read. */
static uint64_t
bytes_before(const struct manifest *m, uint32_t row)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < row; i++)
		n += m->files[i].kind == MANIFEST_FILE ? m->files[i].size : 0;
	return n;
}

static int
progress(void *arg, uint32_t files, uint64_t bytes)
{
	struct told *t = arg;

	assert_true(files >= t->files && bytes >= t->bytes);
	assert_true(bytes >= bytes_before(t->m, files));
	t->files = files;
	t->bytes = bytes;
	return ++t->calls == t->stop_at ? ERR_UNREACHABLE : 0;
}

static int
proofread(struct shed *s, struct version *v, uint32_t first,
    unsigned int threads, struct told *t, char why[static PROOFREAD_WHY])
{
	const struct proofread_how how = { .version = v,
		.store = s->store,
		.lockbox_key = s->keys.lockbox_key,
		.first_file = first,
		.threads = threads,
		.progress = progress,
		.arg = t };

	/* It goes on from there, and never tells of less. */
	t->files = first;
	t->m = version_manifest(v);
	return proofread_run(&how, why);
}

static struct version *
forge_open(struct shed *s, struct version *v, const struct intake_result *r,
    const struct forgery *f)
{
	struct version_open how = { .store = s->store,
		.manifest_key = s->keys.manifest_key };
	struct version *forged;

	forgery_make(s, v, r, f, &how.object, &how.version);
	assert_int_equal(version_open(&forged, &how), 0);
	return forged;
}

static void
plant(struct shed *s, struct version **v, struct intake_result *r)
{
	static const size_t sizes[] = { 70000, 5, 300000 };

	forest_safetensors(s->src, "a.safetensors", sizes, 3, 7);
	forest_random(s->src, "big.bin", BIG, 8);
	forest_file(s->src, "empty", "", 0, 0644);
	forest_link(s->src, "link", "big.bin");
	forest_dir(s->src, "sub", 0755);
	forest_file(s->src, "sub/config.json", "{}\n", 3, 0644);
	assert_int_equal(shed_put(s, s->src, r), 0);
	assert_int_equal(shed_open(s, r, v), 0);
}

static void
a_version_that_is_what_it_says_passes(void **state)
{
	(void)state;
	for (unsigned int threads = 0; threads <= 3; threads++) {
		OWNED_SHED s;
		OWNED(version) v = NULL;
		struct intake_result r;
		struct told t = { 0 };
		char why[PROOFREAD_WHY];

		shed_init(&s);
		plant(&s, &v, &r);
		assert_int_equal(proofread(&s, v, 0, threads, &t, why), 0);
		assert_string_equal(why, "");
		assert_int_equal(t.files, version_manifest(v)->file_count);
		assert_true(t.bytes == version_manifest(v)->total_bytes);
		intake_result_clear(&r);
	}
}

static void
what_was_read_earlier_is_not_read_again(void **state)
{
	OWNED_SHED s;
	OWNED(version) v = NULL;
	struct intake_result r;
	struct told t = { 0 };
	char why[PROOFREAD_WHY];

	(void)state;
	shed_init(&s);
	plant(&s, &v, &r);
	/* Only the small files behind big.bin: few calls, all bytes. */
	assert_int_equal(proofread(&s, v, 2, 2, &t, why), 0);
	assert_true(t.bytes == version_manifest(v)->total_bytes);
	assert_in_range(t.calls, 1, version_manifest(v)->file_count + 1);
	intake_result_clear(&r);
}

/* Each forgery, and a word of what is said of it. */
static void
finds_what_the_uploader_made_up(void **state)
{
	const struct {
		struct forgery f;
		const char *says;
	} cases[] = {
		{ { .file = digest_of("clean", 5) },
		    "a.safetensors: its content" },
		{ { .swap = "big.bin" }, "big.bin: object" },
		{ { .header = 64 }, "a.safetensors: its header has" },
		{ { .header = -8 }, "a.safetensors: its header has" },
		{ { .key = true }, "object" },
		{ { .tensors = true }, "a.safetensors: its tensors" },
		{ { .none = true }, "a.safetensors: its tensors" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED_SHED s;
		OWNED(version) v = NULL;
		OWNED(version) forged = NULL;
		struct intake_result r;
		struct told t = { 0 };
		char why[PROOFREAD_WHY];

		shed_init(&s);
		plant(&s, &v, &r);
		forged = forge_open(&s, v, &r, &cases[i].f);
		assert_int_equal(proofread(&s, forged, 0, 2, &t, why),
		    ERR_INTEGRITY);
		assert_non_null(strstr(why, cases[i].says));
		intake_result_clear(&r);
	}
}

static void
break_object(const struct shed *s, const struct digest *name, bool remove)
{
	char *path = shed_object(s, name);
	int fd;

	if (remove) {
		assert_int_equal(unlink(path), 0);
	} else {
		assert_int_equal(chmod(path, 0600), 0);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, "", 1, 5000), 1);
		close(fd);
	}
	free(path);
}

static void
break_row(const struct shed *s, struct version *v, const char *path,
    uint32_t row, bool remove)
{
	const struct manifest_file *f = manifest_find(version_manifest(v),
	    path);
	struct version_row r;
	size_t got;

	assert_int_equal(version_rows_at(v, f->first_row + row, &r, 1, &got),
	    0);
	assert_int_equal(got, 1);
	break_object(s, &r.row.object, remove);
}

static void
finds_what_the_store_lost_or_changed(void **state)
{
	(void)state;
	for (int removed = 0; removed <= 1; removed++) {
		OWNED_SHED s;
		OWNED(version) v = NULL;
		struct intake_result r;
		struct told t = { 0 };
		char why[PROOFREAD_WHY];

		shed_init(&s);
		plant(&s, &v, &r);
		break_row(&s, v, "big.bin", 0, removed == 1);
		assert_int_equal(proofread(&s, v, 0, 2, &t, why),
		    ERR_INTEGRITY);
		assert_non_null(
		    strstr(why, removed == 1 ? "missing" : "not what was"));
		intake_result_clear(&r);
	}
}

/* The small file behind is found out long before the end of the big one. */
static void
tells_of_the_first_row_that_is_wrong(void **state)
{
	(void)state;
	for (unsigned int threads = 0; threads <= 3; threads++) {
		OWNED_SHED s;
		OWNED(version) v = NULL;
		struct intake_result r;
		struct told t = { 0 };
		char why[PROOFREAD_WHY];
		uint32_t rows;

		shed_init(&s);
		plant(&s, &v, &r);
		rows = manifest_find(version_manifest(v), "big.bin")->rows;
		break_row(&s, v, "big.bin", rows - 1, false);
		break_row(&s, v, "sub/config.json", 0, true);
		assert_int_equal(proofread(&s, v, 0, threads, &t, why),
		    ERR_INTEGRITY);
		assert_non_null(strstr(why, "big.bin: object"));
		assert_in_range(t.files, 0, 1);
		intake_result_clear(&r);
	}
}

/* Many files, of which several are under way at any time. */
static void
files_are_read_side_by_side_as_one_by_one(void **state)
{
	OWNED_SHED s;
	OWNED(version) v = NULL;
	struct intake_result r;
	char why[PROOFREAD_WHY], name[16];

	(void)state;
	shed_init(&s);
	for (unsigned int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%02u", i);
		forest_random(s.src, name, i % 3 == 0 ? 0 : i * 40000, i);
	}
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	for (unsigned int threads = 0; threads <= 16; threads += 4) {
		struct told t = { 0 };

		assert_int_equal(proofread(&s, v, 0, threads, &t, why), 0);
		assert_int_equal(t.files, 40);
		assert_true(t.bytes == version_manifest(v)->total_bytes);
	}
	break_row(&s, v, "38", 0, false);
	break_row(&s, v, "31", 0, false);
	for (unsigned int threads = 0; threads <= 16; threads += 4) {
		struct told t = { 0 };

		assert_int_equal(proofread(&s, v, 0, threads, &t, why),
		    ERR_INTEGRITY);
		assert_non_null(strstr(why, "31: object"));
	}
	intake_result_clear(&r);
}

static void
ends_when_it_is_told_to(void **state)
{
	(void)state;
	for (unsigned int at = 1; at <= 6; at++) {
		OWNED_SHED s;
		OWNED(version) v = NULL;
		struct intake_result r;
		struct told t = { .stop_at = at };
		char why[PROOFREAD_WHY];

		shed_init(&s);
		plant(&s, &v, &r);
		assert_int_equal(proofread(&s, v, 0, 2, &t, why),
		    ERR_UNREACHABLE);
		assert_int_equal(t.calls, at);
		intake_result_clear(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_version_that_is_what_it_says_passes),
		cmocka_unit_test(what_was_read_earlier_is_not_read_again),
		cmocka_unit_test(finds_what_the_uploader_made_up),
		cmocka_unit_test(finds_what_the_store_lost_or_changed),
		cmocka_unit_test(tells_of_the_first_row_that_is_wrong),
		cmocka_unit_test(files_are_read_side_by_side_as_one_by_one),
		cmocka_unit_test(ends_when_it_is_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
