/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/vectors/journal.records is what this program writes and reads.  After
 * a change of the format on purpose: build/tests/unit/test_journal write
 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/journals.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define VECTOR "tests/vectors/journal.records"

static int
set_up(void **state)
{
	(void)state;
	log_sink(journals_sink, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_sink(NULL, NULL);
	return 0;
}

/* ---- the format ---- */

/* Three records: entry-0, and entry-1 and entry-2 in one commit. */
static void
make_vector(uint8_t bytes[static 3 * JOURNALS_RECORD])
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(journal) j = NULL;

	assert_int_equal(journal_init(s.dir), 0);
	assert_int_equal(journals_open(&j, &s, 0, NULL), 0);
	journals_add(j, 1);
	assert_int_equal(journal_sync(j), 0);
	journals_add(j, 2);
	assert_int_equal(journal_sync(j), 0);
	journals_peek(&s, JOURNALS_FIRST, bytes, 3 * JOURNALS_RECORD, 0);
}

static void
the_vector_is_written_byte_for_byte_and_read(void **state)
{
	OWNED_MEM(uint8_t) want = NULL;
	uint8_t have[3 * JOURNALS_RECORD];
	struct journal_scan end;
	size_t n;

	(void)state;
	assert_int_equal(file_load(NULL, VECTOR, 4096, &want, &n), 0);
	make_vector(have);
	assert_int_equal(n, sizeof(have));
	assert_memory_equal(want, have, n);
	assert_int_equal(journal_scan_bytes(&journals_id, 0, want, n, &end), 0);
	assert_int_equal(end.next, 3);
	assert_int_equal(end.offset, n);
}

static void
a_payload_has_1_to_65535_bytes(void **state)
{
	static const uint8_t payload[JOURNAL_PAYLOAD_MAX + 1] = { 7 };
	OWNED_SCRATCH s = scratch_new();
	OWNED(journal) j = NULL;
	uint64_t index;

	(void)state;
	journals_make(&s, 0, 1);
	assert_int_equal(journals_open(&j, &s, 0, NULL), 0);
	assert_int_equal(journal_append(j, payload, 0, &index), ERR_LIMIT);
	assert_int_equal(journal_append(j, payload, JOURNAL_PAYLOAD_MAX + 1,
			     &index),
	    ERR_LIMIT);
	assert_int_equal(journal_next(j), 0);
	assert_int_equal(journal_append(j, payload, 1, &index), 0);
	assert_int_equal(journal_append(j, payload, JOURNAL_PAYLOAD_MAX,
			     &index),
	    0);
	assert_int_equal(journal_sync(j), 0);
	journal_free(j);
	j = NULL;
	assert_int_equal(journals_open(&j, &s, 2, NULL), 0);
	assert_int_equal(journal_next(j), 2);
}

static void
entries_are_replayed_from_where_it_is_asked(void **state)
{
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	journals_make(&s, 6, 2);
	for (uint64_t from = 0; from <= 7; from++) {
		struct journals_seen seen = { 0 };
		const struct journal_open how = { .dir = s.dir,
			.id = journals_id,
			.from = from,
			.each = journals_look,
			.arg = &seen };
		OWNED(journal) j = NULL;

		assert_int_equal(journal_open(&j, &how), 0);
		assert_int_equal(seen.count, from < 6 ? 6 - from : 0);
		assert_true(seen.count == 0 || seen.first == from);
		assert_int_equal(journal_next(j), 6);
	}
}

/* ---- damage ---- */

static void
every_flipped_byte_below_the_checkpoint_is_refused(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint8_t before[5 * JOURNALS_RECORD];

	(void)state;
	journals_make(&s, 5, 1);
	journals_peek(&s, JOURNALS_FIRST, before, sizeof(before), 0);
	for (size_t at = 0; at < sizeof(before); at++) {
		uint8_t byte = before[at] ^ (uint8_t)(1 << at % 8);

		journals_poke(&s, JOURNALS_FIRST, &byte, 1, at);
		journals_refused(&s, 5, at / JOURNALS_RECORD);
		journals_poke(&s, JOURNALS_FIRST, &before[at], 1, at);
	}
	assert_int_equal(journals_verify(&s, 5, &(uint64_t){ 0 }, NULL), 0);
}

static void
a_flipped_byte_above_it_is_refused_or_cut_never_believed(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint8_t before[5 * JOURNALS_RECORD];

	(void)state;
	journals_make(&s, 5, 1);
	journals_peek(&s, JOURNALS_FIRST, before, sizeof(before), 0);
	for (size_t at = 0; at < sizeof(before); at++) {
		uint8_t byte = before[at] ^ (uint8_t)(1 << at % 8);
		OWNED(journal) j = NULL;
		struct journals_seen seen;

		journals_poke(&s, JOURNALS_FIRST, &byte, 1, at);
		if (at < 4 * JOURNALS_RECORD) {
			journals_refused(&s, 0, at / JOURNALS_RECORD);
			journals_poke(&s, JOURNALS_FIRST, &before[at], 1, at);
			continue;
		}
		assert_int_equal(journals_open(&j, &s, 4, &seen), 0);
		assert_int_equal(seen.count, 4);
		assert_int_equal(journal_next(j), 4);
		journals_poke(&s, JOURNALS_FIRST, before, sizeof(before), 0);
	}
}

static void
every_truncation_is_cut_above_the_checkpoint_else_refused(void **state)
{
	static const uint8_t zeros[5 * JOURNALS_RECORD];
	OWNED_SCRATCH s = scratch_new();
	uint8_t before[5 * JOURNALS_RECORD];

	(void)state;
	journals_make(&s, 5, 5);
	journals_peek(&s, JOURNALS_FIRST, before, sizeof(before), 0);
	for (size_t n = 0; n < sizeof(before); n++) {
		uint8_t cut[sizeof(before)] = { 0 };
		struct journal_scan end;

		memcpy(cut, before, n);
		assert_int_equal(journal_scan_bytes(&journals_id, 0, cut,
				     sizeof(cut), &end),
		    0);
		assert_int_equal(end.next, n / JOURNALS_RECORD);
		assert_int_equal(end.offset, end.next * JOURNALS_RECORD);
	}
	for (size_t n = 0; n < sizeof(before); n += JOURNALS_RECORD / 3) {
		uint64_t whole = n / JOURNALS_RECORD;
		OWNED(journal) j = NULL;
		struct journals_seen seen;

		journals_poke(&s, JOURNALS_FIRST, zeros, sizeof(zeros) - n, n);
		journals_refused(&s, 5, whole);
		assert_int_equal(journals_open(&j, &s, whole, &seen), 0);
		assert_int_equal(seen.count, whole);
		journals_poke(&s, JOURNALS_FIRST, before, sizeof(before), 0);
	}
}

static void
what_was_cut_is_gone_and_the_journal_goes_on(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint8_t byte = 0xff, rest[3 * JOURNALS_RECORD];
	OWNED(journal) j = NULL;
	struct journals_seen seen;

	(void)state;
	journals_make(&s, 6, 3);
	journals_poke(&s, JOURNALS_FIRST, &byte, 1, 4 * JOURNALS_RECORD + 40);
	assert_int_equal(journals_open(&j, &s, 3, &seen), 0);
	assert_int_equal(seen.count, 4);
	assert_non_null(strstr(journals_line, "cut short by a crash"));
	journals_peek(&s, JOURNALS_FIRST, rest, sizeof(rest),
	    4 * JOURNALS_RECORD);
	for (size_t i = 0; i < sizeof(rest); i++)
		assert_int_equal(rest[i], 0);
	journals_add(j, 2);
	assert_int_equal(journal_sync(j), 0);
	journal_free(j);
	j = NULL;
	assert_int_equal(journals_open(&j, &s, 3, &seen), 0);
	assert_int_equal(seen.count, 6);
}

static void
junk_behind_the_last_record_is_cut(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	static const uint64_t places[] = { 3 * JOURNALS_RECORD,
		3 * JOURNALS_RECORD + 4, 100000, JOURNAL_SEGMENT - 1 };

	(void)state;
	journals_make(&s, 3, 1);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		OWNED(journal) j = NULL;
		uint8_t byte = 'w';

		journals_poke(&s, JOURNALS_FIRST, &byte, 1, places[i]);
		assert_int_equal(journals_open(&j, &s, 3, NULL), 0);
		assert_int_equal(journal_next(j), 3);
		journals_peek(&s, JOURNALS_FIRST, &byte, 1, places[i]);
		assert_int_equal(byte, 0);
	}
}

/* A power cut keeps any of the pages written since the last sync. */
static void
any_pages_of_the_last_commit_may_be_lost(void **state)
{
	enum { PAGE = 4096, PAGES = 5 };
	OWNED_SCRATCH s = scratch_new();
	static uint8_t before[PAGES * PAGE], after[PAGES * PAGE];
	OWNED(journal) j = NULL;
	size_t durable = 10;

	(void)state;
	journals_make(&s, durable, 1);
	journals_peek(&s, JOURNALS_FIRST, before, sizeof(before), 0);
	assert_int_equal(journals_open(&j, &s, 0, NULL), 0);
	while (
	    journal_next(j) * JOURNALS_RECORD < sizeof(after) - JOURNALS_RECORD)
		journals_add(j, 1);
	journal_free(j);
	journals_peek(&s, JOURNALS_FIRST, after, sizeof(after), 0);

	for (unsigned int kept = 0; kept < 1U << PAGES; kept++) {
		struct journals_seen seen;

		j = NULL;
		for (size_t p = 0; p < PAGES; p++)
			journals_poke(&s, JOURNALS_FIRST,
			    (kept >> p & 1 ? after : before) + p * PAGE, PAGE,
			    p * PAGE);
		assert_int_equal(journals_open(&j, &s, durable, &seen), 0);
		assert_true(seen.count >= durable);
		journal_free(j);
	}
	j = NULL;
}

static void
records_swapped_repeated_or_of_another_vault_are_refused(void **state)
{
	OWNED_SCRATCH s = scratch_new(), other = scratch_new();
	const struct journal_open stranger = { .dir = s.dir, .id = { { 9 } } };
	uint8_t b[4 * JOURNALS_RECORD];
	struct journal *j;

	(void)state;
	journals_make(&s, 4, 1);
	journals_peek(&s, JOURNALS_FIRST, b, sizeof(b), 0);
	journals_poke(&s, JOURNALS_FIRST, b + 2 * JOURNALS_RECORD,
	    JOURNALS_RECORD, JOURNALS_RECORD);
	journals_poke(&s, JOURNALS_FIRST, b + JOURNALS_RECORD, JOURNALS_RECORD,
	    2 * JOURNALS_RECORD);
	journals_refused(&s, 0, 1);
	journals_poke(&s, JOURNALS_FIRST, b, sizeof(b), 0);
	journals_poke(&s, JOURNALS_FIRST, b + JOURNALS_RECORD, JOURNALS_RECORD,
	    3 * JOURNALS_RECORD); /* an old one again */
	journals_refused(&s, 0, 3);
	journals_poke(&s, JOURNALS_FIRST, b, sizeof(b), 0);
	journals_poke(&s, JOURNALS_FIRST, b, JOURNALS_RECORD,
	    4 * JOURNALS_RECORD);
	journals_refused(&s, 0, 4);
	journals_poke(&s, JOURNALS_FIRST, b, sizeof(b), 0);
	assert_int_equal(journal_open(&j, &stranger), 0);
	assert_int_equal(journal_next(j), 0); /* to it these are junk */
	journal_free(j);

	/* A record of the same place, chained to another past. */
	journals_make(&s, 4, 1);
	journals_make(&other, 4, 2);
	journals_peek(&other, JOURNALS_FIRST, b, sizeof(b), 0);
	journals_poke(&s, JOURNALS_FIRST, b + 3 * JOURNALS_RECORD,
	    JOURNALS_RECORD, 3 * JOURNALS_RECORD);
	journals_refused(&s, 0, 3);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_is_written_byte_for_byte_and_read),
		cmocka_unit_test(a_payload_has_1_to_65535_bytes),
		cmocka_unit_test(entries_are_replayed_from_where_it_is_asked),
		cmocka_unit_test(
		    every_flipped_byte_below_the_checkpoint_is_refused),
		cmocka_unit_test(
		    a_flipped_byte_above_it_is_refused_or_cut_never_believed),
		cmocka_unit_test(
		    every_truncation_is_cut_above_the_checkpoint_else_refused),
		cmocka_unit_test(what_was_cut_is_gone_and_the_journal_goes_on),
		cmocka_unit_test(junk_behind_the_last_record_is_cut),
		cmocka_unit_test(any_pages_of_the_last_commit_may_be_lost),
		cmocka_unit_test(
		    records_swapped_repeated_or_of_another_vault_are_refused),
	};

	if (argc == 2 && strcmp(argv[1], "write") == 0) {
		uint8_t bytes[3 * JOURNALS_RECORD];

		make_vector(bytes);
		return file_replace(NULL, VECTOR, bytes, sizeof(bytes), 0644);
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
