/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/reads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/hourglass.h"
#include "tests/lib/rig.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define MIB (1U << 20)
#define CHUNK 65536U
#define BIG (8 * MIB) /* 128 rows */
#define LATER 10000   /* ms in which something surely happens */
#define SOON 300      /* ms in which something that must not would have */
#define STALL 700     /* ms that an impatient worker waits */

static const struct rig_how usual = { .bytes = BIG,
	.chunk = CHUNK,
	.window = 64,
	.stall_ms = 60000,
	.slots = 1024 };

static int
begin_with(void **state, const struct rig_how *how)
{
	log_sink(test_hush, NULL);
	hourglass_go();
	*state = rig_new(how);
	return 0;
}

static int
begin(void **state)
{
	return begin_with(state, &usual);
}

static int
begin_browsing(void **state)
{
	struct rig_how how = usual;

	how.window = 1;
	return begin_with(state, &how);
}

static int
begin_with_few_slots(void **state)
{
	struct rig_how how = usual;

	how.slots = 64;
	return begin_with(state, &how);
}

static int
begin_with_large_chunks(void **state)
{
	struct rig_how how = usual;

	how.chunk = 4 * MIB;
	how.bytes = 9 * MIB;
	return begin_with(state, &how);
}

static int
begin_impatient(void **state)
{
	struct rig_how how = usual;

	how.stall_ms = STALL;
	return begin_with(state, &how);
}

static int
end(void **state)
{
	rig_free(*state);
	log_sink(NULL, NULL);
	return 0;
}

static void
pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void
until_true(atomic_bool *what)
{
	for (int i = 0; i < LATER && !atomic_load(what); i++)
		pause_ms(1);
	assert_true(atomic_load(what));
}

/* Whether a release covers this row. */
static bool
released(const struct fake_record *record, uint64_t row)
{
	for (size_t i = 0; i < record->releases; i++)
		if (row >= record->release[i].first &&
		    row - record->release[i].first < record->release[i].count)
			return true;
	return false;
}

static void
recorded_before_read_no_byte_comes_before_the_reply(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	struct wire_answer a;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	fake_keyd_hold(r->keyd, true);
	n = wire_send_read(r->wire, r->big, fh, 7 * MIB, 4096);
	assert_true(fake_keyd_await(r->keyd, 2, 0, 0));
	assert_false(wire_wait(r->wire, n, SOON, &a));
	/* What was released before goes on, and so does all that is no READ. */
	assert_int_equal(rig_read(r, r->big, fh, 100, 4096), 0);
	assert_int_equal(rig_open(r, r->small) != 0, 1);
	assert_false(wire_wait(r->wire, n, 0, &a));
	fake_keyd_hold(r->keyd, false);
	assert_int_equal(rig_check(r, n, r->big, 7 * MIB, 4096), 0);
}

static void
recorded_before_read_every_row_read_was_released(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	for (uint64_t row = 0; row < BIG / CHUNK; row += 7)
		assert_int_equal(rig_read(r, r->big, fh, row * CHUNK + 5, 9),
		    0);
	record = fake_keyd_record(r->keyd);
	for (uint64_t row = 0; row < BIG / CHUNK; row += 7)
		assert_true(released(record, row));
	assert_int_equal(record->malformed, 0);
}

static void
many_parked_reads_hold_up_nobody(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n[64];
	struct fuse_entry_out e;

	fake_keyd_hold(r->keyd, true);
	for (uint64_t i = 0; i < 64; i++)
		n[i] = wire_send_read(r->wire, r->big, fh, i * 2 * CHUNK,
		    CHUNK);
	for (int i = 0; i < 100; i++)
		assert_int_equal(wire_lookup(r->wire, r->head, "big", &e), 0);
	fake_keyd_hold(r->keyd, false);
	for (uint64_t i = 0; i < 64; i++)
		assert_int_equal(rig_check(r, n[i], r->big, i * 2 * CHUNK,
				     CHUNK),
		    0);
}

static void
a_sequential_reader_needs_few_releases_and_none_twice(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big), rows = 0;

	for (uint64_t at = 0; at < BIG; at += CHUNK / 2)
		assert_int_equal(rig_read(r, r->big, fh, at, CHUNK / 2), 0);
	record = fake_keyd_record(r->keyd);
	assert_in_range(record->releases, 1, 8);
	for (size_t i = 0; i < record->releases; i++) {
		rows += record->release[i].count;
		/* Within the file, which ends before row 128. */
		assert_in_range(record->release[i].first, 0, 127);
		assert_in_range(record->release[i].first +
			record->release[i].count,
		    1, 128);
	}
	assert_int_equal(rows, 128);
}

static void
rows_that_are_held_are_not_asked_for_again(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	for (uint64_t row = 2; row < 128; row += 9)
		assert_int_equal(rig_read(r, r->big, fh, row * CHUNK, 1), 0);
	for (uint64_t at = 0; at < BIG; at += MIB)
		assert_int_equal(rig_read(r, r->big, fh, at, MIB), 0);
	record = fake_keyd_record(r->keyd);
	for (size_t i = 0; i < record->releases; i++)
		for (size_t j = 0; j < i; j++) {
			const struct msg_release *a = &record->release[i];
			const struct msg_release *b = &record->release[j];

			assert_true(a->first >= b->first + b->count ||
			    b->first >= a->first + a->count);
		}
	assert_true(released(record, 0) && released(record, 127));
}

static void
chunks_of_the_largest_size_are_read_in_pieces(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big);

	for (uint64_t at = 1; at < 9 * MIB; at += 1000003)
		assert_int_equal(rig_read(r, r->big, fh, at, MIB), 0);
	assert_int_equal(rig_read(r, r->big, fh, 4 * MIB - 1, 2), 0);
	assert_int_equal(rig_read(r, r->big, fh, 9 * MIB - 5, MIB), 0);
}

static void
a_browser_gets_one_row_a_release_and_nothing_ahead(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	for (uint64_t at = 0; at < 10 * CHUNK; at += 4096)
		assert_int_equal(rig_read(r, r->big, fh, at, 4096), 0);
	/* What may be read-ahead fails, until the keys are there. */
	assert_int_equal(rig_read(r, r->big, fh, 20 * CHUNK, 3 * CHUNK), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 9 * CHUNK, 2 * CHUNK), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 20 * CHUNK, 8192), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 8 * CHUNK, 2 * CHUNK), 0);
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->releases, 10);
	for (size_t i = 0; i < record->releases; i++)
		assert_int_equal(record->release[i].count, 1);
	assert_false(released(record, 10));
	assert_false(released(record, 20));
}

static void
a_random_reader_gets_what_it_needs_and_no_more(void **state)
{
	static const uint64_t rows[] = { 90, 33, 120, 71, 50 };
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(rig_read(r, r->big, fh, rows[i] * CHUNK, 4096),
		    0);
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->releases, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(record->release[i].count, 1);
}

static void
keys_that_were_let_go_are_released_anew(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big), rows = 0;

	for (int round = 0; round < 2; round++)
		for (uint64_t at = 0; at < BIG; at += MIB)
			assert_int_equal(rig_read(r, r->big, fh, at, MIB), 0);
	record = fake_keyd_record(r->keyd);
	for (size_t i = 0; i < record->releases; i++)
		rows += record->release[i].count;
	assert_true(rows >= 128 + 64);
}

static void
what_waits_too_long_fails_and_recovers_by_itself(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	struct wire_answer a;

	hourglass_stop();
	fake_keyd_hold(r->keyd, true);
	n = wire_send_read(r->wire, r->big, fh, 0, 4096);
	assert_true(fake_keyd_await(r->keyd, 1, 0, 0));
	hourglass_pass(STALL - 1);
	assert_false(wire_wait(r->wire, n, SOON, &a));
	hourglass_pass(1);
	assert_int_equal(rig_check(r, n, r->big, 0, 4096), EIO);
	n = wire_send_read(r->wire, r->big, fh, 0, 4096);
	fake_keyd_hold(r->keyd, false);
	assert_int_equal(rig_check(r, n, r->big, 0, 4096), 0);
}

static void
a_read_that_nobody_waits_for_is_let_go(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	struct wire_answer a;

	fake_keyd_hold(r->keyd, true);
	n = wire_send_read(r->wire, r->big, fh, 0, 4096);
	assert_true(fake_keyd_await(r->keyd, 1, 0, 0));
	assert_false(wire_wait(r->wire, n, SOON, &a));
	wire_interrupt(r->wire, n);
	assert_true(wire_wait(r->wire, n, LATER, &a));
	assert_int_equal(a.error, EINTR);
	fake_keyd_hold(r->keyd, false);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
}

static void
an_ended_session_serves_nothing_more(void **state)
{
	struct rig *r = *state;
	struct fuse_open_out o;
	uint64_t fh = rig_open(r, r->big), n;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	assert_true(keyslots_has(r->keys, 0, 0));
	fake_keyd_hold(r->keyd, true);
	n = wire_send_read(r->wire, r->big, fh, 7 * MIB, 4096);
	assert_true(fake_keyd_await(r->keyd, 2, 0, 0));
	fake_keyd_end(r->keyd, "grant removed");
	assert_int_equal(rig_check(r, n, r->big, 7 * MIB, 4096), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EIO);
	assert_int_equal(wire_open(r->wire, r->big, O_RDONLY, &o), EIO);
	/* Whoever is told of it hears after the reads have failed. */
	until_true(&r->ended);
	/* Held keys are gone, too. */
	assert_false(keyslots_has(r->keys, 0, 0));
}

static void
a_refused_release_is_denied_and_not_asked_again_at_once(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	hourglass_stop();
	fake_keyd_refuse(r->keyd, ERR_DENIED);
	for (int i = 0; i < 50; i++)
		assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EACCES);
	record = fake_keyd_record(r->keyd);
	assert_in_range(record->releases, 1, 5);
	fake_keyd_refuse(r->keyd, 0);
	hourglass_pass(1200);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
}

/* As kernels do whose pages are large. */
static void
what_a_browser_asks_for_again_is_what_it_waits_for(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	hourglass_stop();
	assert_int_equal(rig_read(r, r->big, fh, 0, 3 * CHUNK), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 0, 3 * CHUNK), 0);
	assert_int_equal(rig_read(r, r->big, fh, 8 * CHUNK, 3 * CHUNK), EIO);
	hourglass_pass(1200);
	assert_int_equal(rig_read(r, r->big, fh, 8 * CHUNK, 3 * CHUNK), EIO);
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->releases, 3);
}

static void
a_budget_that_is_used_up_stops_weights_alone(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big), small = rig_open(r, r->small);

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	assert_int_equal(reads_trouble(r->reads), 0);
	hourglass_stop();
	fake_keyd_refuse_weights(r->keyd, ERR_DENIED);
	for (int i = 0; i < 50; i++)
		assert_int_equal(rig_read(r, r->big, fh, 2 * MIB, 4096),
		    EACCES);
	assert_int_equal(reads_trouble(r->reads), MSG_TROUBLE_REFUSED);
	/* What was given is there, and what does not weigh is given. */
	assert_int_equal(rig_read(r, r->big, fh, 100, 4096), 0);
	assert_int_equal(rig_read(r, r->small, small, 0, 100), 0);
	record = fake_keyd_record(r->keyd);
	assert_in_range(record->releases, 3, 8);
	fake_keyd_refuse_weights(r->keyd, 0);
	hourglass_pass(1200);
	assert_int_equal(rig_read(r, r->big, fh, 2 * MIB, 4096), 0);
}

static void
a_damaged_page_takes_no_other_rows_with_it(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), small = rig_open(r, r->small);

	fake_keyd_damage(r->keyd, 70);
	/* In order, so that the window is wide when it comes there. */
	for (uint64_t row = 0; row < 128; row++)
		assert_int_equal(rig_read(r, r->big, fh, row * CHUNK, CHUNK),
		    row == 70 ? EIO : 0);
	assert_int_equal(rig_read(r, r->big, fh, 69 * CHUNK, 2 * CHUNK), EIO);
	assert_int_equal(rig_read(r, r->small, small, 0, 100), 0);
}

#define TEST(f, begin) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(recorded_before_read_no_byte_comes_before_the_reply,
		    begin),
		TEST(recorded_before_read_every_row_read_was_released, begin),
		TEST(many_parked_reads_hold_up_nobody, begin),
		TEST(a_sequential_reader_needs_few_releases_and_none_twice,
		    begin),
		TEST(rows_that_are_held_are_not_asked_for_again, begin),
		TEST(chunks_of_the_largest_size_are_read_in_pieces,
		    begin_with_large_chunks),
		TEST(a_browser_gets_one_row_a_release_and_nothing_ahead,
		    begin_browsing),
		TEST(a_random_reader_gets_what_it_needs_and_no_more, begin),
		TEST(keys_that_were_let_go_are_released_anew,
		    begin_with_few_slots),
		TEST(what_waits_too_long_fails_and_recovers_by_itself,
		    begin_impatient),
		TEST(a_read_that_nobody_waits_for_is_let_go, begin),
		TEST(an_ended_session_serves_nothing_more, begin),
		TEST(what_a_browser_asks_for_again_is_what_it_waits_for,
		    begin_browsing),
		TEST(a_budget_that_is_used_up_stops_weights_alone, begin),
		TEST(a_refused_release_is_denied_and_not_asked_again_at_once,
		    begin),
		TEST(a_damaged_page_takes_no_other_rows_with_it, begin),
	};

	/* For mutants of which one test is to be asked. */
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
