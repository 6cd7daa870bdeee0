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
#include "vault/file.h"

static void
takes_in_files_links_and_directories_with_their_modes(void **state)
{
	OWNED_SHED s;
	struct intake_result r;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "empty", 0755);
	forest_dir(s.src, "private", 0700);
	forest_dir(s.src, "private/deep", 0750);
	forest_random(s.src, "private/deep/weights.dat", 300000, 1);
	forest_file(s.src, "nothing", "", 0, 0400);
	forest_file(s.src, "run.sh", "#!/bin/sh\n", 10, 0755);
	forest_file(s.src, "private/world", "x", 1, 0666);
	forest_file(s.src, "none", "y", 1, 0);
	forest_link(s.src, "private/deep/up", "../../run.sh");
	forest_link(s.src, "dangling", "empty/not-there");
	forest_file(s.src, "private.txt", "after the directory\n", 20, 0644);
	forest_file(s.src, "priv\xc3\xa4t", "utf-8", 5, 0644);
	chmod(s.src, 0711);
	shed_round_trip(&s, &r);
	assert_int_equal(r.files, 7);
	assert_int_equal(r.bytes, 300000 + 10 + 1 + 1 + 20 + 5);
	assert_int_equal(r.totals.files_done, 7);
	assert_int_equal(r.totals.bytes_done, r.bytes);
	assert_true(r.totals.done);
	intake_result_clear(&r);
}

static const struct manifest_file *
row(struct version *v, const char *path)
{
	const struct manifest_file *f = manifest_find(version_manifest(v),
	    path);

	assert_non_null(f);
	return f;
}

static void
takes_in_files_on_each_side_of_every_size_edge(void **state)
{
	static const size_t edges[] = { 1, 32768, 65536, 131072, 1 << 20,
		4 << 20, 96 << 20 };
	OWNED_SHED s;
	struct intake_result r;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (size_t d = 0; d < 3; d++) {
			char name[32];

			/* One of the largest is enough. */
			if (edges[i] > 4 << 20 && d != 2)
				continue;
			snprintf(name, sizeof(name), "f%zu", edges[i] + d - 1);
			forest_random(s.src, name, edges[i] + d - 1, i);
		}
	shed_round_trip(&s, &r);
	intake_result_clear(&r);
}

static void
cuts_a_model_file_at_its_header_and_tensors(void **state)
{
	static const size_t sizes[] = { 100, 70000, 65536, 3, 200000 };
	OWNED(version) v = NULL;
	OWNED_SHED s;
	struct tensor_list l;
	struct version_row rows[16];
	struct intake_result r;
	size_t count;

	(void)state;
	shed_init(&s);
	forest_safetensors(s.src, "m.safetensors", sizes, 5, 7);
	forest_dir(s.src, "sub", 0755);
	forest_safetensors(s.src, "sub/n.safetensors", sizes, 2, 8);
	shed_round_trip(&s, &r);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	assert_int_equal(version_tensors(v, &l), 0);
	assert_int_equal(l.count, 7);
	assert_string_equal(l.items[1].name, "layer.00001");
	assert_int_equal(l.items[1].length, 70000);
	assert_ptr_equal(&version_manifest(v)->files[l.items[6].file],
	    row(v, "sub/n.safetensors"));
	assert_int_equal(row(v, "m.safetensors")->header_bytes,
	    l.items[0].offset);
	assert_int_equal(r.weights, 100 + 70000 + 65536 + 3 + 200000 + 70100);
	assert_int_equal(version_rows(v, row(v, "m.safetensors"), 0, UINT64_MAX,
			     rows, 16, &count),
	    0);
	assert_int_equal(rows[0].row.length, l.items[0].offset);
	assert_int_equal(rows[1].row.offset, l.items[0].offset);
	tensor_list_clear(&l);
	intake_result_clear(&r);
}

/* Files whose digests are made side by side, and some that fill batches. */
static void
each_file_has_the_digest_of_its_bytes(void **state)
{
	static const size_t sizes[] = { 0, 1, 65536, 65537, 3 << 20, 0, 9 << 20,
		40 << 20, 100, 35 << 20, 70000, 0 };
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	OWNED(version) v = NULL;
	OWNED_SHED s;
	struct intake_result r;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%02zu", i);
		forest_random(s.src, name, sizes[i], 100 + i);
	}
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	for (size_t i = 0; i < count; i++) {
		OWNED_MEM(uint8_t) bytes = malloc(sizes[i] + 1);
		OWNED_MEM(char) path = NULL;
		OWNED(file) f = NULL;
		struct digest want;
		char name[32];

		snprintf(name, sizeof(name), "f%02zu", i);
		path = forest_path(s.src, name);
		assert_non_null(bytes);
		assert_int_equal(file_open(&f, NULL, path, O_RDONLY, 0), 0);
		assert_int_equal(file_read_at(f, bytes, sizes[i], 0), 0);
		want = digest_of(bytes, sizes[i]);
		assert_true(digest_equal(&row(v, name)->digest, &want));
	}
	intake_result_clear(&r);
}

static void
takes_in_many_small_files_by_few_calls_for_keys(void **state)
{
	OWNED_SHED s;
	struct intake_result r;

	(void)state;
	shed_init(&s);
	for (int d = 0; d < 20; d++) {
		char dir[32];

		snprintf(dir, sizeof(dir), "d%d", d);
		forest_dir(s.src, dir, 0755);
		for (int f = 0; f < 100; f++) {
			char name[64];

			snprintf(name, sizeof(name), "%s/f%d", dir, f);
			forest_file(s.src, name, name, strlen(name), 0644);
		}
	}
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(r.files, 2000);
	assert_int_equal(r.chunks, 2000);
	assert_int_equal(s.keys.asked, 2000);
	assert_in_range(s.keys.calls, 1, 10);
	assert_in_range(s.keys.most, 1, 1024);
	intake_result_clear(&r);
	s.keys.calls = 0;
	shed_round_trip(&s, &r);
	intake_result_clear(&r);
}

static void
stores_nothing_twice(void **state)
{
	struct intake_result a, b;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_random(s.src, "one", 500000, 1);
	forest_random(s.src, "two", 500000, 1);
	forest_random(s.src, "three", 65536, 2);
	assert_int_equal(shed_put(&s, s.src, &a), 0);
	assert_int_equal(a.totals.bytes_done, 1065536);
	assert_int_equal(a.totals.bytes_new, 565536);
	assert_int_equal(shed_put(&s, s.src, &b), 0);
	assert_int_equal(b.totals.bytes_new, 0);
	assert_int_equal(b.totals.stored_bytes, 0);
	assert_true(digest_equal(&a.version, &b.version));
	intake_result_clear(&a);
	intake_result_clear(&b);
}

static void
gives_one_tree_one_version_wherever_it_lies(void **state)
{
	struct intake_result a, b;
	OWNED_SHED s, t;

	(void)state;
	shed_init(&s);
	shed_init(&t);
	forest_dir(s.src, "d", 0755);
	forest_random(s.src, "d/x", 100000, 1);
	forest_random(s.src, "y", 10, 2);
	forest_random(t.src, "y", 10, 2);
	forest_dir(t.src, "d", 0755);
	forest_random(t.src, "d/x", 100000, 1);
	assert_int_equal(shed_put(&s, s.src, &a), 0);
	assert_int_equal(shed_put(&t, t.src, &b), 0);
	assert_true(digest_equal(&a.version, &b.version));
	intake_result_clear(&b);
	forest_random(t.src, "y", 10, 3);
	assert_int_equal(shed_put(&t, t.src, &b), 0);
	assert_false(digest_equal(&a.version, &b.version));
	intake_result_clear(&a);
	intake_result_clear(&b);
}

static void
takes_in_an_empty_tree_and_a_single_file(void **state)
{
	OWNED_MEM(char) file = NULL;
	OWNED_MEM(char) dest = NULL;
	OWNED_MEM(char) got = NULL;
	OWNED(version) v = NULL;
	struct intake_result r;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	shed_round_trip(&s, &r);
	assert_int_equal(r.files, 0);
	assert_int_equal(r.chunks, 0);
	forest_random(s.src, "alone", 1234, 1);
	file = forest_path(s.src, "alone");
	dest = forest_path(s.scratch.path, "single");
	assert_int_equal(shed_put(&s, file, &r), 0);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	assert_int_equal(shed_get(&s, v, dest), 0);
	got = forest_path(dest, "alone");
	assert_true(forest_same(file, got));
	intake_result_clear(&r);
}

static void
replaces_a_damaged_object_that_it_meets(void **state)
{
	OWNED_MEM(char) path = NULL;
	OWNED(version) v = NULL;
	struct version_row row;
	struct intake_result r;
	OWNED_SHED s;
	size_t count;
	int fd;

	(void)state;
	shed_init(&s);
	forest_random(s.src, "f", 100000, 1);
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	assert_int_equal(version_rows_at(v, 0, &row, 1, &count), 0);
	path = shed_object(&s, &row.row.object);
	chmod(path, 0600);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "poison", 6, 5000), 6);
	close(fd);
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_true(r.totals.bytes_new > 0);
	shed_hush(&s);
	shed_round_trip(&s, &r);
	intake_result_clear(&r);
}

static void
write_text(const struct shed *s, const char *name, size_t n)
{
	OWNED_MEM(char) text = malloc(n);

	memset(text, 'a', n);
	forest_file(s->src, name, text, n, 0644);
}

static void
keeps_what_is_not_weights_within_its_limit(void **state)
{
	OWNED(version) v = NULL;
	struct intake_result r;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	/* 2 % of 100,000 is 2,000. */
	forest_random(s.src, "model.dat", 100000 - 1900 - 101, 1);
	forest_file(s.src, "config.json", "{\"a\": 1}", 8, 0644);
	write_text(&s, "big.txt", 1900);
	write_text(&s, "small.txt", 93);
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(r.bytes, 100000);
	assert_int_equal(r.weights, 100000 - 2001 + 1900);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	assert_int_equal(row(v, "big.txt")->class, MANIFEST_WEIGHTS);
	assert_int_equal(row(v, "config.json")->class, MANIFEST_CONFIG);
	assert_int_equal(row(v, "small.txt")->class, MANIFEST_TEXT);
	intake_result_clear(&r);

	version_free(v);
	v = NULL;
	write_text(&s, "small.txt", 92);
	forest_random(s.src, "model.dat", 100000 - 2000, 1);
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(r.weights, 100000 - 2000);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	assert_int_equal(row(v, "big.txt")->class, MANIFEST_TEXT);
	intake_result_clear(&r);
}

struct ticks {
	unsigned int count;
	struct intake_progress last;
};

static void
tick(void *arg, const struct intake_progress *p)
{
	struct ticks *t = arg;

	assert_true(p->bytes_done >= t->last.bytes_done);
	assert_true(p->files_done >= t->last.files_done);
	assert_false(t->last.done);
	t->last = *p;
	t->count++;
}

static void
tells_progress_and_its_end(void **state)
{
	struct ticks t = { 0 };
	struct intake_result r;
	const char *path;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_random(s.src, "a", 200000, 1);
	forest_random(s.src, "b", 100, 2);
	path = s.src;
	{
		const struct intake_how how = {
			.store = s.store,
			.keys = &s.keys.intake,
			.paths = &path,
			.path_count = 1,
			.progress = tick,
			.progress_arg = &t,
		};

		assert_int_equal(intake_run(&how, &r), 0);
	}
	assert_true(t.last.done);
	assert_int_equal(t.last.bytes_done, 200100);
	assert_int_equal(t.last.bytes_total, 200100);
	assert_int_equal(t.last.files_done, 2);
	assert_int_equal(t.last.files_total, 2);
	intake_result_clear(&r);
}

/* More than a page of rows, and a file that lies on two pages. */
static void
takes_in_more_rows_than_a_page_holds(void **state)
{
	OWNED_SHED s;
	struct intake_result r;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "a", 0755);
	for (int i = 0; i < 4000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "a/%d", i);
		forest_file(s.src, name, name, strlen(name), 0644);
	}
	forest_random(s.src, "b", 200 * 65536 + 5, 9);
	forest_random(s.src, "c", 10, 10);
	shed_round_trip(&s, &r);
	assert_int_equal(r.chunks, 4202);
	intake_result_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    takes_in_files_links_and_directories_with_their_modes),
		cmocka_unit_test(
		    takes_in_files_on_each_side_of_every_size_edge),
		cmocka_unit_test(cuts_a_model_file_at_its_header_and_tensors),
		cmocka_unit_test(each_file_has_the_digest_of_its_bytes),
		cmocka_unit_test(
		    takes_in_many_small_files_by_few_calls_for_keys),
		cmocka_unit_test(stores_nothing_twice),
		cmocka_unit_test(gives_one_tree_one_version_wherever_it_lies),
		cmocka_unit_test(takes_in_an_empty_tree_and_a_single_file),
		cmocka_unit_test(replaces_a_damaged_object_that_it_meets),
		cmocka_unit_test(keeps_what_is_not_weights_within_its_limit),
		cmocka_unit_test(tells_progress_and_its_end),
		cmocka_unit_test(takes_in_more_rows_than_a_page_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
