/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"
#include "tests/lib/shelf.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/store.h"

static void
discard(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
what_was_put_is_got(void **state)
{
	static const size_t sizes[] = { 1, 65536, 65537, OBJECT_CHUNK_MAX };
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		OWNED_SAMPLE o = shelf_chunk(sizes[i]);
		uint8_t buf[100];
		bool stored = false;
		size_t got;

		assert_int_equal(shelf_put(s, &o, &stored), 0);
		assert_true(stored);
		assert_true(shelf_holds(s, &o));
		assert_int_equal(store_get(s, &o.name, 50, buf, 100, &got), 0);
		assert_int_equal(got, 100);
		assert_memory_equal(buf, o.w.bytes + 50, 100);
		assert_int_equal(store_get(s, &o.name, o.w.length - 7, buf, 100,
				     &got),
		    0);
		assert_int_equal(got, 7);
		assert_int_equal(store_get(s, &o.name, o.w.length, buf, 100,
				     &got),
		    0);
		assert_int_equal(got, 0);
	}
}

static void
a_second_put_writes_nothing(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(300000);
	OWNED_MEM(char) path = shelf_path(&dir, &o.name, true);
	struct stat before, after;
	bool stored = true;

	(void)state;
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(shelf_put(s, &o, &stored), 0);
	assert_false(stored);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(after.st_mode & 0222, 0);
}

static void
a_name_that_is_not_the_header_s_is_refused(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(100);
	uint64_t size;

	(void)state;
	o.header_length--;
	assert_int_equal(shelf_put(s, &o, NULL), ERR_USAGE);
	o.header_length++;
	o.name.bytes[31] ^= 1;
	assert_int_equal(shelf_put(s, &o, NULL), ERR_USAGE);
	assert_int_equal(store_has(s, &o.name, &size), ERR_NOT_FOUND);
	o.header_length = (uint32_t)o.w.length + 1;
	assert_int_equal(shelf_put(s, &o, NULL), ERR_USAGE);
}

static void
what_is_absent_is_not_found(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(100);
	OWNED(object) header = NULL;
	OWNED(page_key) k = NULL;
	uint8_t buf[10], *plain;
	uint64_t size;
	size_t got;

	(void)state;
	assert_int_equal(page_key_from(&k, shelf_key), 0);
	assert_int_equal(store_has(s, &o.name, &size), ERR_NOT_FOUND);
	assert_int_equal(store_get(s, &o.name, 0, buf, 10, &got),
	    ERR_NOT_FOUND);
	assert_int_equal(store_remove(s, &o.name), ERR_NOT_FOUND);
	assert_int_equal(store_header(s, &o.name, OBJECT_CHUNK, &header),
	    ERR_NOT_FOUND);
	assert_int_equal(store_open_page(s, &o.name, OBJECT_MANIFEST, k, &plain,
			     &got),
	    ERR_NOT_FOUND);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(store_remove(s, &o.name), 0);
	assert_int_equal(store_remove(s, &o.name), ERR_NOT_FOUND);
	assert_int_equal(store_flush(s), 0);
	assert_int_equal(store_has(s, &o.name, &size), ERR_NOT_FOUND);
}

static void
write_file(const char *path, const void *bytes, size_t n)
{
	FILE *f;

	assert_int_equal(unlink(path), 0);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* After something bad was put in its place, put writes again. */
static void
expect_replaced(struct store *s, const struct sample *o)
{
	bool stored = false;

	assert_false(shelf_holds(s, o));
	assert_int_equal(shelf_put(s, o, &stored), 0);
	assert_true(stored);
	assert_true(shelf_holds(s, o));
}

static void
a_poisoned_object_is_replaced(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(300000);
	OWNED_MEM(char) path = shelf_path(&dir, &o.name, true);
	const size_t n = o.w.length;
	const size_t cuts[] = { 0, 1, 104, o.header_length, n / 2, n - 1 };
	const size_t flips[] = { 0, 50, 200, o.header_length, n / 2, n - 1 };
	OWNED_MEM(uint8_t) bad = malloc(n + 1);

	(void)state;
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	memcpy(bad, o.w.bytes, n);
	bad[n] = 0;
	for (size_t i = 0; i < 6; i++) {
		write_file(path, bad, cuts[i]);
		expect_replaced(s, &o);
		bad[flips[i]] ^= 1;
		write_file(path, bad, n);
		expect_replaced(s, &o);
		bad[flips[i]] ^= 1;
	}
	write_file(path, bad, n + 1);
	expect_replaced(s, &o);
}

static void
links_and_devices_in_place_of_an_object_are_replaced(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(3000);
	OWNED_MEM(char) path = shelf_path(&dir, &o.name, true);
	OWNED_MEM(char) aside = NULL;
	uint64_t size;

	(void)state;
	assert_true(asprintf(&aside, "%s/aside", dir.path) > 0);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(rename(path, aside), 0);
	/* The right bytes, but through a link. */
	assert_int_equal(symlink(aside, path), 0);
	assert_int_equal(store_has(s, &o.name, &size), ERR_INTEGRITY);
	expect_replaced(s, &o);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(store_has(s, &o.name, &size), ERR_INTEGRITY);
	expect_replaced(s, &o);
}

static void
a_directory_in_place_of_an_object_is_an_error(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(3000);
	OWNED_MEM(char) path = shelf_path(&dir, &o.name, true);

	(void)state;
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_not_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
}

static void
nothing_is_followed_out_of_the_store(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED_SCRATCH outside = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(3000);
	OWNED_MEM(char) ab = shelf_path(&dir, &o.name, false);
	uint64_t size;

	(void)state;
	assert_int_equal(symlink(outside.path, ab), 0);
	assert_int_not_equal(shelf_put(s, &o, NULL), 0);
	assert_int_not_equal(store_has(s, &o.name, &size), 0);
	assert_int_equal(rmdir(outside.path), 0); /* still empty */
	assert_int_equal(mkdir(outside.path, 0700), 0);
	assert_int_equal(unlink(ab), 0);
	assert_int_equal(mknod(ab, S_IFREG | 0600, 0), 0);
	assert_int_equal(shelf_put(s, &o, NULL), ERR_FORMAT);
	assert_int_equal(unlink(ab), 0);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_true(shelf_holds(s, &o));
}

static void
a_store_is_made_and_opened(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED_MEM(char) path = NULL;
	OWNED(store) s = NULL;
	OWNED(store) adopted = NULL;
	OWNED_SAMPLE o = shelf_chunk(10);
	int fd;

	(void)state;
	assert_true(asprintf(&path, "%s/objects", dir.path) > 0);
	assert_int_equal(store_dir_open(&s, path), ERR_NOT_FOUND);
	assert_int_equal(store_dir_init(path), 0);
	assert_int_equal(store_dir_init(path), 0);
	assert_int_equal(store_dir_open(&s, path), 0);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(store_dir_fd(&fd, path), 0);
	assert_int_equal(store_dir_adopt(&adopted, fd), 0);
	assert_true(shelf_holds(adopted, &o));
}

static void
follows_no_link_to_another_place(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED_MEM(char) path = NULL;
	OWNED_MEM(char) link = NULL;
	struct store *s = NULL;
	int fd = -1;

	(void)state;
	assert_true(asprintf(&path, "%s/elsewhere", dir.path) > 0);
	assert_true(asprintf(&link, "%s/objects", dir.path) > 0);
	assert_int_equal(store_dir_init(path), 0);
	assert_return_code(symlink("elsewhere", link), errno);
	assert_int_equal(store_dir_open(&s, link), ERR_FORMAT);
	assert_int_equal(store_dir_fd(&fd, link), ERR_FORMAT);
	assert_int_equal(store_dir_init(link), ERR_CONFLICT);
	assert_null(s);
	assert_int_equal(fd, -1);
}

static void
many_are_removed_and_each_is_told_of(void **state)
{
	enum { MANY = 100 };
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	struct digest names[2 * MANY + 1];
	int errs[2 * MANY + 1];
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		OWNED_SAMPLE o = shelf_chunk(100 + i);
		OWNED_SAMPLE absent = shelf_chunk(1000 + i);

		assert_int_equal(shelf_put(s, &o, NULL), 0);
		names[2 * i] = o.name;
		names[2 * i + 1] = absent.name;
	}
	/* The last one stays. */
	names[2 * MANY] = names[2 * MANY - 2];
	store_remove_many(s, names, 2 * MANY - 2, errs);
	assert_int_equal(store_flush(s), 0);
	for (size_t i = 0; i < 2 * MANY - 2; i++) {
		assert_int_equal(errs[i], i % 2 == 0 ? 0 : ERR_NOT_FOUND);
		assert_int_equal(store_has(s, &names[i], &size), ERR_NOT_FOUND);
	}
	assert_int_equal(store_has(s, &names[2 * MANY], &size), 0);
	store_remove_many(s, &names[2 * MANY], 1, errs);
	assert_int_equal(errs[0], 0);
}

struct seen {
	struct store *store;
	uint64_t count, bytes;
	int err;
};

static int
count_each(void *arg, const struct digest *name, uint64_t size)
{
	struct seen *seen = arg;

	seen->count++;
	seen->bytes += size;
	if (seen->store != NULL)
		assert_int_equal(store_remove(seen->store, name), 0);
	return seen->err;
}

static void
junk(const struct scratch *dir, const char *leaf, bool directory)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir->path, leaf);
	if (directory)
		assert_int_equal(mkdir(path, 0700), 0);
	else
		assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
}

static void
a_list_has_every_object_and_no_junk(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	struct seen seen = { 0 };
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(store_list(s, count_each, &seen), 0);
	assert_int_equal(seen.count, 0);
	for (size_t n = 1; n <= 40; n++) {
		OWNED_SAMPLE o = shelf_chunk(n);

		assert_int_equal(shelf_put(s, &o, NULL), 0);
		bytes += o.w.length;
	}
	junk(&dir, "xy", true);
	junk(&dir, "0", true);
	junk(&dir, "lost+found", true);
	junk(&dir, "FF", true);
	junk(&dir, "notes", false);
	/* In a directory that is one of the store's. */
	for (unsigned int i = 0; i < 256; i++) {
		OWNED_MEM(char) ab = NULL;

		assert_true(asprintf(&ab, "%s/%02x", dir.path, i) > 0);
		mkdir(ab, 0700);
	}
	junk(&dir, "00/.tmp-0123", false);
	junk(&dir, "00/00ff", false);
	junk(&dir,
	    "01/00000000000000000000000000000000000000000000000000000000"
	    "00000000",
	    false);
	junk(&dir,
	    "02/020000000000000000000000000000000000000000000000000000"
	    "0000000000",
	    true);
	assert_int_equal(store_list(s, count_each, &seen), 0);
	assert_int_equal(seen.count, 40);
	assert_int_equal(seen.bytes, bytes);
}

static void
a_list_stops_at_an_error_and_allows_removal(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	struct seen stop = { .err = ERR_CONFLICT };
	struct seen removing = { .store = s };
	struct seen left = { 0 };

	(void)state;
	for (size_t n = 1; n <= 20; n++) {
		OWNED_SAMPLE o = shelf_chunk(n);

		assert_int_equal(shelf_put(s, &o, NULL), 0);
	}
	assert_int_equal(store_list(s, count_each, &stop), ERR_CONFLICT);
	assert_int_equal(stop.count, 1);
	assert_int_equal(store_list(s, count_each, &removing), 0);
	assert_int_equal(removing.count, 20);
	assert_int_equal(store_list(s, count_each, &left), 0);
	assert_int_equal(left.count, 0);
}

static void
a_header_is_checked_against_its_name_and_type(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED_SAMPLE o = shelf_chunk(500);
	OWNED_MEM(char) path = shelf_path(&dir, &o.name, true);
	OWNED(object) header = NULL;

	(void)state;
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	assert_int_equal(store_header(s, &o.name, OBJECT_MANIFEST, &header),
	    ERR_INTEGRITY);
	assert_int_equal(store_header(s, &o.name, OBJECT_CHUNK, &header), 0);
	assert_int_equal(header->plain_length, 500);
	for (size_t n = 0; n < o.header_length; n++) {
		OWNED(object) none = NULL;

		write_file(path, o.w.bytes, n);
		assert_int_equal(store_header(s, &o.name, OBJECT_CHUNK, &none),
		    ERR_INTEGRITY);
		o.w.bytes[n] ^= 4;
		write_file(path, o.w.bytes, o.w.length);
		assert_int_equal(store_header(s, &o.name, OBJECT_CHUNK, &none),
		    ERR_INTEGRITY);
		o.w.bytes[n] ^= 4;
	}
}

/* Seal noise as a manifest and put it. */
static struct sample
put_page(struct store *s, const struct page_key *k, size_t n)
{
	OWNED_MEM(uint8_t) plain = sample_noise(n, n);
	struct sample o = { .w = writer_of(68 << 20) };

	assert_int_equal(object_seal_page(k, OBJECT_MANIFEST, 0, plain, n, &o.w,
			     &o.name),
	    0);
	assert_int_equal(object_peek(o.w.bytes, &o.header_length), 0);
	assert_int_equal(shelf_put(s, &o, NULL), 0);
	return o;
}

static void
pages_of_every_size_are_opened(void **state)
{
	static const size_t sizes[] = { 1, 70000, 6000000, 64 << 20 };
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED(page_key) k = NULL;

	(void)state;
	assert_int_equal(page_key_from(&k, shelf_key), 0);
	for (size_t i = 0; i < 4; i++) {
		OWNED_SAMPLE o = put_page(s, k, sizes[i]);
		OWNED_MEM(uint8_t) want = sample_noise(sizes[i], sizes[i]);
		OWNED_MEM(uint8_t) plain = NULL;
		size_t n;

		assert_int_equal(store_open_page(s, &o.name, OBJECT_MANIFEST, k,
				     &plain, &n),
		    0);
		assert_int_equal(n, sizes[i]);
		assert_memory_equal(plain, want, n);
	}
}

static void
a_damaged_page_is_not_opened(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(store) s = shelf_open(&dir);
	OWNED(page_key) k = NULL;
	OWNED(page_key) other = NULL;
	OWNED_MEM(char) path = NULL;
	uint8_t *plain = NULL;
	size_t n;

	(void)state;
	assert_int_equal(page_key_from(&k, shelf_key), 0);
	assert_int_equal(page_key_new(&other), 0);
	OWNED_SAMPLE o = put_page(s, k, 500);
	path = shelf_path(&dir, &o.name, true);
	assert_int_equal(store_open_page(s, &o.name, OBJECT_MANIFEST, other,
			     &plain, &n),
	    ERR_INTEGRITY);
	for (size_t at = 0; at < o.w.length; at++) {
		write_file(path, o.w.bytes, at);
		assert_int_equal(store_open_page(s, &o.name, OBJECT_MANIFEST, k,
				     &plain, &n),
		    ERR_INTEGRITY);
		o.w.bytes[at] ^= 1;
		write_file(path, o.w.bytes, o.w.length);
		assert_int_equal(store_open_page(s, &o.name, OBJECT_MANIFEST, k,
				     &plain, &n),
		    ERR_INTEGRITY);
		o.w.bytes[at] ^= 1;
	}
	writer_u8(&o.w, 0);
	write_file(path, o.w.bytes, o.w.length);
	assert_int_equal(store_open_page(s, &o.name, OBJECT_MANIFEST, k, &plain,
			     &n),
	    ERR_INTEGRITY);
	assert_null(plain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_got),
		cmocka_unit_test(a_second_put_writes_nothing),
		cmocka_unit_test(a_name_that_is_not_the_header_s_is_refused),
		cmocka_unit_test(what_is_absent_is_not_found),
		cmocka_unit_test(a_poisoned_object_is_replaced),
		cmocka_unit_test(
		    links_and_devices_in_place_of_an_object_are_replaced),
		cmocka_unit_test(a_directory_in_place_of_an_object_is_an_error),
		cmocka_unit_test(nothing_is_followed_out_of_the_store),
		cmocka_unit_test(a_store_is_made_and_opened),
		cmocka_unit_test(follows_no_link_to_another_place),
		cmocka_unit_test(a_list_has_every_object_and_no_junk),
		cmocka_unit_test(many_are_removed_and_each_is_told_of),
		cmocka_unit_test(a_list_stops_at_an_error_and_allows_removal),
		cmocka_unit_test(a_header_is_checked_against_its_name_and_type),
		cmocka_unit_test(pages_of_every_size_are_opened),
		cmocka_unit_test(a_damaged_page_is_not_opened),
	};

	if (sodium_init() < 0)
		return 1;
	log_sink(discard, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
