/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/backup.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define FOLDER "tests/vectors/"

struct bytes {
	uint8_t *at;
	size_t n;
};

static struct bytes
load(const struct file *dir, const char *path)
{
	struct bytes b;

	assert_int_equal(file_load(dir, path, 1 << 16, &b.at, &b.n), 0);
	return b;
}

static void
assert_filled(const struct digest *d, uint8_t with)
{
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		assert_int_equal(d->bytes[i], with);
}

static void
the_vector_reads_and_writes(void **state)
{
	struct bytes v = load(NULL, FOLDER "backup.json"), w;
	OWNED_SCRATCH s = scratch_new();
	struct backup b;

	(void)state;
	assert_int_equal(backup_parse(&b, v.at, v.n), 0);
	assert_string_equal(b.id, "0102030405060708090a0b0c0d0e0f10");
	assert_true(b.made_ms == 1767323045678);
	assert_true(b.entries == 123 && b.epoch == 2);
	assert_true(b.objects == 2 && b.bytes == 4567);
	assert_filled(&b.epoch_digest, 1);
	assert_filled(&b.keyring, 2);
	assert_filled(&b.catalogue, 3);
	assert_filled(&b.list, 4);
	assert_int_equal(backup_write(s.dir, &b), 0);
	w = load(s.dir, BACKUP_JSON);
	assert_int_equal(w.n, v.n);
	assert_memory_equal(w.at, v.at, v.n);
	free(v.at);
	free(w.at);
}

/* A text with `from` in place of what is there once. */
static int
parse_with(const char *from, const char *to)
{
	struct bytes v = load(NULL, FOLDER "backup.json");
	const char *at = strstr((char *)v.at, from);
	OWNED_MEM(char) text = NULL;
	struct backup b;
	int n;

	assert_non_null(at);
	n = asprintf(&text, "%.*s%s%s", (int)(at - (char *)v.at), (char *)v.at,
	    to, at + strlen(from));
	assert_true(n > 0);
	free(v.at);
	return backup_parse(&b, text, (size_t)n);
}

static void
what_is_not_known_is_refused(void **state)
{
	static const char *const changes[][2] = {
		{ "\"weir_backup\": 1", "\"weir_backup\": 2" },
		{ "\"weir_backup\": 1", "\"weir_backup\": 1, \"x\": 1" },
		{ "\"entries\": 123", "\"entries\": -1" },
		{ "\"entries\": 123", "\"entries\": \"123\"" },
		{ "\"entries\": 123", "\"entries\": 123, \"entries\": 123" },
		{ "0102030405060708090a0b0c0d0e0f10", "01" },
		{ "0102030405060708090a0b0c0d0e0f10",
		    "../../../../../../etc/passwd/.." },
		{ "2026-01-02", "yesterday" },
		{ "0101010101", "zz01010101" },
		{ "\"bytes\": 4567", "\"bites\": 4567" },
		{ "}", "" },
	};

	(void)state;
	assert_int_equal(parse_with("123", "124"), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_int_equal(parse_with(changes[i][0], changes[i][1]),
		    ERR_FORMAT);
}

static void
the_list_reads_and_writes(void **state)
{
	struct bytes v = load(NULL, FOLDER "backup-list"), w;
	struct digest of = digest_of(v.at, v.n), digest;
	OWNED_SCRATCH s = scratch_new();
	OWNED_BACKUP_LIST l = { 0 }, again = { 0 };

	(void)state;
	assert_int_equal(backup_list_parse(&l, v.at, v.n), 0);
	assert_int_equal(l.count, 2);
	assert_int_equal(backup_list_write(s.dir, &l, &digest), 0);
	assert_true(digest_equal(&digest, &of));
	w = load(s.dir, BACKUP_LIST);
	assert_int_equal(w.n, v.n);
	assert_memory_equal(w.at, v.at, v.n);
	assert_int_equal(backup_list_read(s.dir, &digest, &again), 0);
	digest.bytes[0] ^= 1;
	log_sink(test_hush, NULL);
	assert_int_equal(backup_list_read(s.dir, &digest, &again),
	    ERR_INTEGRITY);
	free(v.at);
	free(w.at);
}

static void
a_list_is_whole_and_ascending(void **state)
{
	struct bytes v = load(NULL, FOLDER "backup-list");
	struct backup_list l = { 0 };
	uint8_t first[DIGEST_SIZE];

	(void)state;
	for (size_t n = 0; n < v.n; n++)
		assert_int_equal(backup_list_parse(&l, v.at, n), ERR_FORMAT);
	for (size_t i = 0; i < 24; i++) {
		v.at[i] ^= 1;
		assert_int_equal(backup_list_parse(&l, v.at, v.n), ERR_FORMAT);
		v.at[i] ^= 1;
	}
	memcpy(first, v.at + 24, DIGEST_SIZE);
	memcpy(v.at + 24, v.at + 56, DIGEST_SIZE);
	assert_int_equal(backup_list_parse(&l, v.at, v.n), ERR_FORMAT);
	memcpy(v.at + 56, first, DIGEST_SIZE);
	assert_int_equal(backup_list_parse(&l, v.at, v.n), ERR_FORMAT);
	free(v.at);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_reads_and_writes),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(the_list_reads_and_writes),
		cmocka_unit_test(a_list_is_whole_and_ascending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
