/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/journals.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

/* A disk that has no room: libvault's own calls come here. */
static bool disk_full;

int
posix_fallocate(int fd, off_t offset, off_t length)
{
	if (disk_full)
		return ENOSPC;
	return fallocate(fd, 0, offset, length) != 0 ? errno : 0;
}

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

/* ---- segments ---- */

#define BIG 65535
#define PER_SEGMENT (JOURNAL_SEGMENT / (BIG + JOURNAL_SCAN_OVERHEAD))

/* Records of the largest size, one commit, over several segments. */
static void
make_big(const struct scratch *s, uint64_t count)
{
	static uint8_t payload[BIG];
	OWNED(journal) j = NULL;

	assert_int_equal(journal_init(s->dir), 0);
	assert_int_equal(journals_open(&j, s, 0, NULL), 0);
	for (uint64_t i = 0, index; i < count; i++) {
		memset(payload, (int)('a' + i % 26), sizeof(payload));
		assert_int_equal(journal_append(j, payload, BIG, &index), 0);
	}
	assert_int_equal(journal_sync(j), 0);
}

static const char *
name_of(uint64_t start)
{
	static char names[4][JOURNAL_SCAN_NAME];

	return journal_scan_name(start, names[start / PER_SEGMENT % 4]);
}

static void
move(const struct scratch *s, const char *from, const char *to)
{
	assert_int_equal(renameat(s->dir->fd, from, s->dir->fd, to), 0);
}

static void
segments_lost_swapped_or_cut_are_refused(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	const char *a = name_of(0), *b = name_of(PER_SEGMENT);
	const char *c = name_of(PER_SEGMENT + PER_SEGMENT);
	uint64_t below = 2 * PER_SEGMENT + 5, next;
	OWNED(file) f = NULL;
	uint8_t byte;

	(void)state;
	make_big(&s, below);
	assert_int_equal(journals_verify(&s, below, &next, NULL), 0);
	assert_int_equal(next, below);

	move(&s, b, "away");
	journals_refused(&s, below, PER_SEGMENT);
	move(&s, c, "last");
	journals_refused(&s, below, PER_SEGMENT);
	move(&s, "last", b);
	journals_refused(&s, 0, PER_SEGMENT);
	move(&s, "away", c);
	journals_refused(&s, 0, PER_SEGMENT);
	move(&s, b, "last");
	move(&s, c, b);
	move(&s, "last", c);
	move(&s, a, "first");
	journals_refused(&s, PER_SEGMENT - 1, PER_SEGMENT - 1);
	move(&s, "first", a);

	/* Damage in a full segment is no torn tail, above it or not. */
	journals_peek(&s, a, &byte, 1, JOURNAL_SEGMENT - 1);
	assert_int_equal(byte, 0);
	journals_poke(&s, a, "x", 1, JOURNAL_SEGMENT - 1);
	journals_refused(&s, 0, PER_SEGMENT);
	journals_poke(&s, a, "", 1, JOURNAL_SEGMENT - 1);
	assert_int_equal(file_open(&f, s.dir, c, O_RDWR, 0), 0);
	assert_int_equal(ftruncate(f->fd, JOURNAL_SEGMENT - 1), 0);
	journals_refused(&s, 0, 2 * PER_SEGMENT);
	assert_int_equal(ftruncate(f->fd, JOURNAL_SEGMENT), 0);
	assert_int_equal(journals_verify(&s, below, &next, NULL), 0);
}

static void
without_any_segment_it_is_refused(void **state)
{
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	journals_refused(&s, 0, 0);
	journals_refused(&s, 5, 0);
}

static void
segments_below_are_trimmed_and_what_is_left_is_sound(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint64_t count = 2 * PER_SEGMENT + 5, next;
	OWNED(journal) j = NULL;

	(void)state;
	make_big(&s, count);
	assert_int_equal(journals_open(&j, &s, count, NULL), 0);
	assert_int_equal(journal_segment(j), 2 * PER_SEGMENT);
	assert_int_equal(journal_trim(j, PER_SEGMENT - 1), 0);
	assert_int_equal(journals_verify(&s, 0, &next, NULL), 0);
	assert_int_equal(journal_trim(j, PER_SEGMENT), 0);
	journals_refused(&s, PER_SEGMENT - 1, PER_SEGMENT - 1);
	assert_int_equal(journals_verify(&s, PER_SEGMENT, &next, NULL), 0);
	assert_int_equal(journal_trim(j, UINT64_MAX), 0);
	assert_int_equal(journals_verify(&s, count, &next, NULL), 0);
	assert_int_equal(next, count);
	journals_add(j, 1);
	assert_int_equal(journal_sync(j), 0);
	assert_int_equal(journals_verify(&s, count, &next, NULL), 0);
	assert_int_equal(next, count + 1);
}

/* ---- a disk that fails ---- */

static void
a_full_disk_is_said_with_what_to_do(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(journal) j = NULL;
	static const uint8_t payload[BIG];
	uint64_t index;
	int err = 0;

	(void)state;
	make_big(&s, PER_SEGMENT);
	assert_int_equal(journals_open(&j, &s, 0, NULL), 0);
	disk_full = true;
	err = journal_append(j, payload, BIG, &index);
	disk_full = false;
	assert_int_equal(err, ERR_SPACE);
	assert_non_null(strstr(journals_line, "free at least 8 MiB"));
	assert_non_null(strstr(journals_line, s.dir->name));
	assert_int_equal(journal_append(j, payload, BIG, &index), ERR_IO);
	journal_free(j);
	j = NULL;
	assert_int_equal(journals_open(&j, &s, PER_SEGMENT, NULL), 0);
	assert_int_equal(journal_append(j, payload, BIG, &index), 0);
	assert_int_equal(index, PER_SEGMENT);
}

static void
after_a_failed_write_or_sync_the_journal_is_dead(void **state)
{
	(void)state;
	for (unsigned int kind = FAULT_WRITE; kind <= FAULT_SYNC; kind *= 2) {
		OWNED_SCRATCH s = scratch_new();
		OWNED(journal) j = NULL;
		uint64_t index;
		int err;

		journals_make(&s, 2, 1);
		assert_int_equal(journals_open(&j, &s, 2, NULL), 0);
		fault_fail(kind, 1, EIO);
		err = journal_append(j, "entry-2", 7, &index);
		if (err == 0)
			err = journal_sync(j);
		assert_true(fault_off());
		assert_int_equal(err, ERR_IO);
		assert_int_equal(journal_append(j, "x", 1, &index), ERR_IO);
		assert_int_equal(journal_sync(j), ERR_IO);
	}
}

static void
opening_fails_with_the_disk_and_can_be_tried_again(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint8_t byte = 1;
	bool fired = true;

	(void)state;
	journals_make(&s, 4, 2);
	for (unsigned int nth = 1; fired; nth++) {
		OWNED(journal) j = NULL;
		int err;

		journals_poke(&s, JOURNALS_FIRST, &byte, 1,
		    4 * JOURNALS_RECORD); /* torn */
		fault_fail(FAULT_DISK | FAULT_MEMORY, nth, EIO);
		err = journals_open(&j, &s, 2, NULL);
		fired = fault_off();
		assert_int_equal(err == 0, !fired);
		assert_true(fired || nth > 4);
	}
	assert_int_equal(journals_verify(&s, 4, &(uint64_t){ 0 }, NULL), 0);
}

static void
a_journal_deleted_while_open_is_noticed(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(journal) j = NULL;

	(void)state;
	journals_make(&s, 2, 1);
	assert_int_equal(journals_open(&j, &s, 2, NULL), 0);
	assert_int_equal(unlinkat(s.dir->fd, JOURNALS_FIRST, 0), 0);
	journals_add(j, 1);
	assert_int_equal(journal_sync(j), ERR_INTEGRITY);
	assert_non_null(strstr(journals_line, "was deleted"));
	assert_int_equal(journal_sync(j), ERR_IO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_lost_swapped_or_cut_are_refused),
		cmocka_unit_test(without_any_segment_it_is_refused),
		cmocka_unit_test(
		    segments_below_are_trimmed_and_what_is_left_is_sound),
		cmocka_unit_test(a_full_disk_is_said_with_what_to_do),
		cmocka_unit_test(
		    after_a_failed_write_or_sync_the_journal_is_dead),
		cmocka_unit_test(
		    opening_fails_with_the_disk_and_can_be_tried_again),
		cmocka_unit_test(a_journal_deleted_while_open_is_noticed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
