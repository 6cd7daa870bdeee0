/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/grove.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/manifest.h"
#include "vault/object.h"

/* m as FORMAT.md says, whether it obeys the rules or not; how long the root
 * record is. */
static size_t
write_by_hand(const struct manifest *m, struct writer *w)
{
	size_t root;

	writer_u32(w, 0);
	writer_bytes(w, "weirman\n", 8);
	writer_u16(w, 1);
	writer_u16(w, m->root_mode);
	writer_u32(w, m->file_count);
	writer_u64(w, m->total_bytes);
	writer_u64(w, m->weight_bytes);
	writer_u64(w, m->chunk_rows);
	writer_bytes(w, m->tensor_digest.bytes, 32);
	writer_u32(w, m->page_count);
	for (uint32_t p = 0; p < m->page_count; p++) {
		writer_bytes(w, m->pages[p].digest.bytes, 32);
		writer_u64(w, m->pages[p].first_offset);
	}
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct manifest_file *f = &m->files[i];

		writer_u8(w, (uint8_t)f->kind);
		writer_u8(w, (uint8_t)f->class);
		writer_u16(w, f->mode);
		writer_string(w, f->path);
		if (f->kind == MANIFEST_LINK)
			writer_string(w, f->target);
		if (f->kind != MANIFEST_FILE)
			continue;
		writer_u64(w, f->size);
		writer_bytes(w, f->digest.bytes, 32);
		writer_u64(w, f->header_bytes);
		writer_u64(w, f->first_row);
		writer_u32(w, f->rows);
	}
	root = w->length - 4;
	writer_patch_u32(w, 0, (uint32_t)root);
	for (uint32_t p = 0; p < m->page_count; p++)
		writer_bytes(w, m->pages[p].object.bytes, 32);
	for (uint32_t p = 0; p < m->page_count; p++)
		writer_bytes(w, m->pages[p].lockbox.bytes, 32);
	writer_u8(w, !digest_is_zero(&m->tensor_digest));
	writer_bytes(w, m->tensor_object.bytes, 32);
	return root;
}

/* The result for bytes that end where their memory ends. */
static int
parse(const uint8_t *bytes, size_t n, const struct digest *version)
{
	OWNED_MEM(uint8_t) copy = malloc(n > 0 ? n : 1);
	OWNED(manifest) m = NULL;

	memcpy(copy, bytes, n);
	return manifest_parse(&m, copy, n, version);
}

static void
a_manifest_is_laid_out_as_documented(void **state)
{
	OWNED(manifest) m = grove_new();
	OWNED_WRITER want = writer_of(1 << 20);
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest version, d;
	size_t root;

	(void)state;
	root = write_by_hand(m, &want);
	assert_int_equal(manifest_write(m, &w, &version), 0);
	assert_int_equal(w.length, want.length);
	assert_memory_equal(w.bytes, want.bytes, w.length);
	d = digest_of(w.bytes + 4, root);
	assert_true(digest_equal(&d, &version));
}

static void
a_manifest_comes_back_as_it_was_written(void **state)
{
	OWNED(manifest) m = grove_new();
	OWNED(manifest) again = NULL;
	OWNED_WRITER w = writer_of(1 << 20);
	OWNED_WRITER second = writer_of(1 << 20);
	struct digest version, d;

	(void)state;
	assert_int_equal(manifest_write(m, &w, &version), 0);
	assert_int_equal(manifest_parse(&again, w.bytes, w.length, &version),
	    0);
	assert_true(digest_equal(&again->version, &version));
	assert_int_equal(again->file_count, GROVE_ROWS);
	assert_int_equal(again->page_count, 2);
	assert_string_equal(again->files[GROVE_BACK].target, "../config.json");
	assert_int_equal(again->files[GROVE_BIG].rows, 5000);
	assert_int_equal(again->files[GROVE_SMALL].first_row, 5002);
	assert_int_equal(manifest_write(again, &second, &d), 0);
	assert_int_equal(w.length, second.length);
	assert_memory_equal(w.bytes, second.bytes, w.length);
}

static void
an_empty_tree_is_one_too(void **state)
{
	OWNED(manifest) m = grove_room(0, 0);
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest version;

	(void)state;
	assert_int_equal(manifest_write(m, &w, &version), 0);
	assert_int_equal(parse(w.bytes, w.length, &version), 0);
}

static void
every_truncation_and_extension_is_refused(void **state)
{
	OWNED(manifest) m = grove_new();
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	write_by_hand(m, &w);
	assert_int_equal(parse(w.bytes, w.length, NULL), 0);
	for (size_t n = 0; n < w.length; n++)
		assert_int_equal(parse(w.bytes, n, NULL), ERR_FORMAT);
	writer_u8(&w, 0);
	assert_int_equal(parse(w.bytes, w.length, NULL), ERR_FORMAT);
}

static void
every_flipped_bit_of_the_root_is_found_by_the_version(void **state)
{
	OWNED(manifest) m = grove_new();
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest version;
	size_t root;

	(void)state;
	root = write_by_hand(m, &w);
	version = digest_of(w.bytes + 4, root);
	assert_int_equal(parse(w.bytes, w.length, &version), 0);
	for (size_t bit = 32; bit < 8 * (4 + root); bit++) {
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(w.bytes, w.length, &version),
		    ERR_INTEGRITY);
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 32; bit++) {
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(parse(w.bytes, w.length, &version), 0);
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
a_flipped_bit_is_refused_or_is_another_manifest(void **state)
{
	OWNED(manifest) m = grove_new();
	OWNED_WRITER w = writer_of(1 << 20);
	size_t accepted = 0;

	(void)state;
	write_by_hand(m, &w);
	for (size_t bit = 0; bit < 8 * w.length; bit++) {
		OWNED(manifest) other = NULL;
		OWNED_WRITER again = writer_of(1 << 20);
		struct digest d;

		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (manifest_parse(&other, w.bytes, w.length, NULL) == 0) {
			accepted++;
			assert_int_equal(manifest_write(other, &again, &d), 0);
			assert_int_equal(again.length, w.length);
			assert_memory_equal(again.bytes, w.bytes, w.length);
		}
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* Digests may be others, and some letters and bits of modes. */
	assert_in_range(accepted, 8 * 32 * 12, 8 * 32 * 12 + 600);
}

/* What the parser says to m, and the writer with it. */
static int
judge(const struct manifest *m)
{
	OWNED_WRITER by_hand = writer_of(1 << 20);
	OWNED_WRITER w = writer_of(1 << 20);
	struct digest d;
	int parsed, written;

	write_by_hand(m, &by_hand);
	parsed = parse(by_hand.bytes, by_hand.length, NULL);
	written = manifest_write(m, &w, &d);
	assert_int_equal(parsed, written);
	return parsed;
}

#define BREAKS(statement)                                                      \
	do {                                                                   \
		OWNED(manifest) m = grove_new();                               \
                                                                               \
		assert_int_equal(judge(m), 0);                                 \
		statement;                                                     \
		assert_int_equal(judge(m), ERR_FORMAT);                        \
	} while (0)

static void
rows_stand_in_their_order_and_place(void **state)
{
	(void)state;
	BREAKS(grove_path(m, GROVE_EMPTY, "config.json"));   /* twice */
	BREAKS(grove_path(m, GROVE_EMPTY, "a"));	     /* too early */
	BREAKS(grove_path(m, GROVE_EMPTY, "none/empty"));    /* no parent */
	BREAKS(grove_path(m, GROVE_EMPTY, "config.json/x")); /* in a file */
	BREAKS(grove_path(m, GROVE_WEIGHTS, "latest/x"));    /* in a link */
	BREAKS(grove_path(m, GROVE_SMALL, "weights/sub/a/b"));
	BREAKS(grove_path(m, GROVE_SMALL, "weights/su/small"));
	BREAKS(grove_path(m, GROVE_SMALL, "weights/subx/small"));
	BREAKS(grove_path(m, GROVE_SMALL, "weights/sub/"));
	BREAKS(grove_path(m, GROVE_SMALL, "weights/sub/.."));
	BREAKS(grove_path(m, GROVE_SUB, "weights/suc"));
	BREAKS(m->files[GROVE_WEIGHTS].kind = MANIFEST_FILE;
	       m->files[GROVE_WEIGHTS].digest = digest_of("", 0));
}

static void
fields_of_a_row_fit_its_kind(void **state)
{
	(void)state;
	BREAKS(m->root_mode = 01000);
	BREAKS(m->files[GROVE_BIG].mode = 01000);
	BREAKS(m->files[GROVE_BIG].mode = 04755);
	BREAKS(m->files[GROVE_WEIGHTS].mode = 02755);
	BREAKS(m->files[GROVE_LATEST].mode = 0776);
	BREAKS(m->files[GROVE_LATEST].class = MANIFEST_TEXT);
	BREAKS(m->files[GROVE_WEIGHTS].class = MANIFEST_CONFIG);
	BREAKS(grove_target(m, GROVE_LATEST, "../config.json"));
	BREAKS(grove_target(m, GROVE_LATEST, "/etc/passwd"));
	BREAKS(grove_target(m, GROVE_LATEST, ""));
	BREAKS(grove_target(m, GROVE_BACK, "../../x"));
	BREAKS(m->files[GROVE_CONFIG].header_bytes = 1);
	BREAKS(m->files[GROVE_SMALL].header_bytes = 2; m->weight_bytes -= 2);
	BREAKS(m->files[GROVE_EMPTY].digest.bytes[0] ^= 1);
	BREAKS(m->tensor_digest = (struct digest){ 0 });
}

/* Or all of a version could be called a header, and never count. */
static void
a_header_has_a_limit(void **state)
{
	(void)state;
	for (uint64_t over = 0; over <= 1; over++) {
		OWNED(manifest) m = grove_room(1, 1);
		struct manifest_file *f = grove_file(m, "w",
		    2 * (uint64_t)MANIFEST_HEADER_MAX);

		f->header_bytes = MANIFEST_HEADER_MAX + over;
		m->weight_bytes -= f->header_bytes;
		assert_int_equal(judge(m), over > 0 ? ERR_FORMAT : 0);
	}
}

static void
sums_and_chunk_rows_add_up(void **state)
{
	(void)state;
	BREAKS(m->total_bytes++);
	BREAKS(m->weight_bytes--);
	BREAKS(m->chunk_rows++);
	BREAKS(m->files[GROVE_SMALL].size++);
	BREAKS(m->files[GROVE_BIG].header_bytes--);
	BREAKS(m->files[GROVE_BIG].first_row++);
	BREAKS(m->files[GROVE_SMALL].first_row--);
	BREAKS(m->files[GROVE_BIG].rows--; m->files[GROVE_SMALL].first_row--);
	BREAKS(m->files[GROVE_SMALL].rows = 2; m->chunk_rows++);
	BREAKS(m->files[GROVE_SMALL].rows = 0; m->chunk_rows--);
	BREAKS(m->files[GROVE_EMPTY].rows = 1; m->chunk_rows++;
	       m->files[GROVE_BIG].first_row++;
	       m->files[GROVE_SMALL].first_row++);
	/* One row more than its bytes need, or 4 MiB more than rows hold. */
	BREAKS(m->files[GROVE_LICENSE].size += 4 << 20;
	       m->total_bytes += 4 << 20);
	BREAKS(m->files[GROVE_BIG].size = UINT64_MAX);
}

static void
pages_begin_where_their_rows_can(void **state)
{
	(void)state;
	BREAKS(m->page_count = 1);
	BREAKS(m->page_count = 3);
	BREAKS(m->page_count = 0);
	BREAKS(m->pages[0].first_offset = 1);
	BREAKS(m->pages[1].first_offset = 0);
	/* 4,094 rows before it, 906 behind. */
	BREAKS(m->pages[1].first_offset = 4093);
	BREAKS(m->pages[1].first_offset = m->files[GROVE_BIG].size);
	BREAKS(m->pages[1].first_offset = m->files[GROVE_BIG].size - 905);
	{
		OWNED(manifest) m = grove_new();

		m->pages[1].first_offset = 4094;
		assert_int_equal(judge(m), 0);
		m->pages[1].first_offset = m->files[GROVE_BIG].size - 906;
		assert_int_equal(judge(m), 0);
	}
}

static void
little_may_be_other_than_weights(void **state)
{
	OWNED(manifest) m = grove_room(2, 1);
	struct manifest_file *text = grove_file(m, "a", 2);
	struct manifest_file *weights = grove_file(m, "b", 98);

	(void)state;
	text->class = MANIFEST_TOKENIZER;
	m->weight_bytes = 98;
	assert_int_equal(judge(m), 0);
	weights->size = 97;
	m->weight_bytes = 97;
	m->total_bytes = 99;
	assert_int_equal(judge(m), ERR_FORMAT);
	text->class = MANIFEST_WEIGHTS;
	m->weight_bytes = 99;
	assert_int_equal(judge(m), 0);

	assert_int_equal(manifest_text_limit(0), 0);
	assert_int_equal(manifest_text_limit(49), 0);
	assert_int_equal(manifest_text_limit(50), 1);
	assert_int_equal(manifest_text_limit(50 * (UINT64_C(64) << 20) - 1),
	    (64 << 20) - 1);
	assert_int_equal(manifest_text_limit(UINT64_MAX), 64 << 20);
}

/* The result for the sample with bytes at offset replaced. */
static int
patched(size_t offset, const char *bytes, size_t n)
{
	OWNED(manifest) m = grove_new();
	OWNED_WRITER w = writer_of(1 << 20);

	write_by_hand(m, &w);
	memcpy(w.bytes + offset, bytes, n);
	return parse(w.bytes, w.length, NULL);
}

static void
what_is_not_known_is_refused(void **state)
{
	const size_t files = 4 + 76 + 2 * 40; /* where the file table begins */

	(void)state;
	assert_int_equal(patched(4, "weirman\n", 8), 0);
	assert_int_equal(patched(4, "Weirman\n", 8), ERR_FORMAT);
	assert_int_equal(patched(12, "\2", 1), ERR_FORMAT);
	assert_int_equal(patched(16, "\1\0\100\0", 4), ERR_LIMIT); /* files */
	assert_int_equal(patched(16, "\0\0\100\0", 4), ERR_FORMAT);
	assert_int_equal(patched(76, "\377\377\377\377", 4), ERR_FORMAT);
	assert_int_equal(patched(files, "\1\3", 2), 0);
	assert_int_equal(patched(files, "\0", 1), ERR_FORMAT); /* kind */
	assert_int_equal(patched(files, "\4", 1), ERR_FORMAT);
	assert_int_equal(patched(files + 1, "\4", 1), ERR_FORMAT); /* class */
	assert_int_equal(patched(files + 6, "LICENS\0", 7), ERR_FORMAT);
	assert_int_equal(patched(0, "\377\377\377\377", 4), ERR_FORMAT);
}

static void
more_than_64_MiB_are_refused(void **state)
{
	const size_t n = (64 << 20) + 1;
	OWNED_MEM(uint8_t) bytes = calloc(1, n);

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(parse(bytes, n, NULL), ERR_LIMIT);
	assert_int_equal(parse(bytes, n - 1, NULL), ERR_FORMAT);
}

static void
a_writer_without_room_gets_nothing(void **state)
{
	OWNED(manifest) m = grove_new();
	OWNED_WRITER probe = writer_of(1 << 20);
	struct digest d;

	(void)state;
	assert_int_equal(manifest_write(m, &probe, &d), 0);
	OWNED_WRITER fits = writer_of(probe.length);
	OWNED_WRITER small = writer_of(probe.length - 1);
	assert_int_equal(manifest_write(m, &fits, &d), 0);
	assert_int_equal(manifest_write(m, &small, &d), ERR_LIMIT);
	assert_int_equal(small.length, 0);
}

static void
files_are_found_by_path_and_by_chunk_row(void **state)
{
	OWNED(manifest) made = grove_new();
	OWNED(manifest) m = NULL;
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	write_by_hand(made, &w);
	assert_int_equal(manifest_parse(&m, w.bytes, w.length, NULL), 0);
	for (uint32_t i = 0; i < GROVE_ROWS; i++)
		assert_ptr_equal(manifest_find(m, m->files[i].path),
		    &m->files[i]);
	assert_null(manifest_find(m, ""));
	assert_null(manifest_find(m, "weights/"));
	assert_null(manifest_find(m, "weights/sub/smal"));
	assert_null(manifest_find(m, "zzz"));
	assert_ptr_equal(manifest_row_file(m, 0), &m->files[GROVE_LICENSE]);
	assert_ptr_equal(manifest_row_file(m, 1), &m->files[GROVE_CONFIG]);
	assert_ptr_equal(manifest_row_file(m, 2), &m->files[GROVE_BIG]);
	assert_ptr_equal(manifest_row_file(m, 5001), &m->files[GROVE_BIG]);
	assert_ptr_equal(manifest_row_file(m, 5002), &m->files[GROVE_SMALL]);
	assert_null(manifest_row_file(m, 5003));
	assert_null(manifest_row_file(m, UINT64_MAX));
}

static void
a_hundred_thousand_files_are_normal(void **state)
{
	OWNED(manifest) m = grove_room(101000, 32);
	OWNED(manifest) again = NULL;
	OWNED_WRITER w = writer_of(64 << 20);
	char path[64];
	struct digest d;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "directory-%03u", i);
		grove_dir(m, path);
		for (unsigned int k = 0; k < 100; k++) {
			snprintf(path, sizeof(path), "directory-%03u/file-%02u",
			    i, k);
			grove_file(m, path, 1);
		}
	}
	assert_int_equal(m->page_count, 25);
	assert_int_equal(manifest_write(m, &w, &d), 0);
	assert_int_equal(manifest_parse(&again, w.bytes, w.length, &d), 0);
	assert_string_equal(manifest_row_file(again, 99999)->path,
	    "directory-999/file-99");
}

static void
the_deepest_tree_is_no_trouble(void **state)
{
	OWNED(manifest) m = grove_room(MANIFEST_PATH_MAX / 2 + 1, 1);
	char path[MANIFEST_PATH_MAX + 1];

	(void)state;
	memset(path, '/', sizeof(path));
	for (size_t i = 0; i < MANIFEST_PATH_MAX; i += 2) {
		path[i] = 'd';
		path[i + 1] = '\0';
		grove_dir(m, path);
		path[i + 1] = '/';
	}
	grove_dir(m, "e");
	OWNED_WRITER w = writer_of(32 << 20);
	struct digest d;
	assert_int_equal(manifest_write(m, &w, &d), 0);
	assert_int_equal(parse(w.bytes, w.length, &d), 0);
}

static void
out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
	OWNED(manifest) m = grove_new();
	OWNED_WRITER w = writer_of(1 << 20);
	unsigned int n;

	(void)state;
	write_by_hand(m, &w);
	for (n = 1;; n++) {
		OWNED(manifest) out = NULL;
		int err;

		fault_fail(FAULT_MEMORY, n, 0);
		err = manifest_parse(&out, w.bytes, w.length, NULL);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, ERR_NOMEM);
		assert_null(out);
	}
	assert_true(n > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_is_laid_out_as_documented),
		cmocka_unit_test(a_manifest_comes_back_as_it_was_written),
		cmocka_unit_test(an_empty_tree_is_one_too),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(
		    every_flipped_bit_of_the_root_is_found_by_the_version),
		cmocka_unit_test(
		    a_flipped_bit_is_refused_or_is_another_manifest),
		cmocka_unit_test(rows_stand_in_their_order_and_place),
		cmocka_unit_test(fields_of_a_row_fit_its_kind),
		cmocka_unit_test(a_header_has_a_limit),
		cmocka_unit_test(sums_and_chunk_rows_add_up),
		cmocka_unit_test(pages_begin_where_their_rows_can),
		cmocka_unit_test(little_may_be_other_than_weights),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(more_than_64_MiB_are_refused),
		cmocka_unit_test(a_writer_without_room_gets_nothing),
		cmocka_unit_test(files_are_found_by_path_and_by_chunk_row),
		cmocka_unit_test(a_hundred_thousand_files_are_normal),
		cmocka_unit_test(the_deepest_tree_is_no_trouble),
		cmocka_unit_test(out_of_memory_is_an_error_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
