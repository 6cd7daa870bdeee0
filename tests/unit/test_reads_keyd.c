/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads while keyd is away, hangs or has had enough.
 */
#include <errno.h>
#include <stdlib.h>
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

/* keyd was called so often. */
static void
until_wanted(struct rig *r, unsigned int times)
{
	for (int i = 0; i < LATER && atomic_load(&r->wanted) < times; i++)
		pause_ms(1);
	assert_true(atomic_load(&r->wanted) >= times);
}

static void
reads_go_on_when_keyd_comes_back(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big), n[8];
	struct wire_answer a;

	fake_keyd_hold(r->keyd, true);
	n[0] = wire_send_read(r->wire, r->big, fh, 0, 4096);
	assert_true(fake_keyd_await(r->keyd, 1, 0, 0));
	atomic_store(&r->away, true);
	fake_keyd_cut(r->keyd);
	for (uint64_t i = 1; i < 8; i++)
		n[i] = wire_send_read(r->wire, r->big, fh, i * MIB, CHUNK);
	/* It is asked for again and again. */
	until_wanted(r, 4);
	assert_false(wire_wait(r->wire, n[0], 0, &a));
	fake_keyd_hold(r->keyd, false);
	atomic_store(&r->away, false);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(rig_check(r, n[i], r->big, i * MIB,
				     i == 0 ? 4096 : CHUNK),
		    0);
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->resumes, 2);
	assert_int_equal(record->malformed, 0);
}

static void
a_keyd_that_hangs_up_is_not_called_all_the_time(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big);
	unsigned int before;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	hourglass_stop();
	fake_keyd_disown(r->keyd, ERR_IO);
	before = atomic_load(&r->wanted);
	fake_keyd_cut(r->keyd);
	for (int ms = 0; ms < 3000; ms += 50) {
		hourglass_pass(50);
		pause_ms(10);
	}
	until_wanted(r, before + 2);
	pause_ms(SOON);
	assert_in_range(atomic_load(&r->wanted) - before, 2, 8);
	fake_keyd_disown(r->keyd, 0);
	hourglass_go();
	assert_int_equal(rig_read(r, r->big, fh, 7 * MIB, 4096), 0);
}

/* Nothing was heard of keyd for so long; 0: it is there, and owes nothing. */
static void
until_silent(struct rig *r, int64_t ms)
{
	for (int i = 0; i < LATER; i++) {
		int64_t silent = link_silent_ms(r->link);

		if (ms == 0 ? silent == 0 : silent >= ms)
			return;
		pause_ms(1);
	}
	fail_msg("keyd is not silent for %jd ms", (intmax_t)ms);
}

/* What was read once is read again. */
static void
until_served(struct rig *r, uint64_t fh)
{
	for (int i = 0; i < LATER / 10; i++) {
		if (rig_read(r, r->big, fh, 0, 4096) == 0)
			return;
		pause_ms(10);
	}
	fail_msg("held keys do not serve again");
}

static void
held_keys_serve_no_longer_than_keyd_may_be_away(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;

	/* Its connection breaks, or it hangs with something to answer. */
	for (int hangs = 0; hangs < 2; hangs++) {
		until_served(r, fh);
		until_silent(r, 0);
		hourglass_stop();
		atomic_store(&r->away, !hangs);
		if (hangs) {
			fake_keyd_hold(r->keyd, true);
			n = wire_send_read(r->wire, r->big, fh, 7 * MIB, 9);
			(void)n;
		} else {
			fake_keyd_cut(r->keyd);
		}
		assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
		hourglass_go();
		until_silent(r, STALL);
		assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EIO);
		n = wire_send_read(r->wire, r->big, fh, 0, 4096);
		atomic_store(&r->away, false);
		fake_keyd_hold(r->keyd, false);
		/* One that waits when it is back goes on, if there is time. */
		(void)rig_check(r, n, r->big, 0, 4096);
		until_served(r, fh);
	}
}

/* What its callbacks use may go then. */
static void
a_link_that_was_stopped_is_in_no_callback(void **state)
{
	struct rig *r = *state;

	atomic_store(&r->slow_ms, SOON);
	assert_int_equal(rig_read(r, r->big, rig_open(r, r->big), 0, 4096), 0);
	fake_keyd_end(r->keyd, "grant removed");
	until_true(&r->ending);
	link_stop(r->link);
	assert_true(atomic_load(&r->ended));
}

static void
a_session_that_cannot_be_resumed_has_ended(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	fake_keyd_hold(r->keyd, true);
	n = wire_send_read(r->wire, r->big, fh, 7 * MIB, 4096);
	assert_true(fake_keyd_await(r->keyd, 2, 0, 0));
	fake_keyd_disown(r->keyd, ERR_DENIED);
	fake_keyd_cut(r->keyd);
	assert_int_equal(rig_check(r, n, r->big, 7 * MIB, 4096), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EIO);
}

static void
a_keyd_that_cannot_record_is_waited_for(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	struct wire_answer a;

	fake_keyd_refuse(r->keyd, ERR_SPACE);
	n = wire_send_read(r->wire, r->big, fh, 0, 4096);
	assert_true(fake_keyd_await(r->keyd, 2, 0, 0));
	assert_false(wire_wait(r->wire, n, 0, &a));
	fake_keyd_refuse(r->keyd, 0);
	assert_int_equal(rig_check(r, n, r->big, 0, 4096), 0);
}

#define TEST(f, begin) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_go_on_when_keyd_comes_back, begin),
		TEST(a_keyd_that_hangs_up_is_not_called_all_the_time, begin),
		TEST(held_keys_serve_no_longer_than_keyd_may_be_away,
		    begin_impatient),
		TEST(a_link_that_was_stopped_is_in_no_callback, begin),
		TEST(a_session_that_cannot_be_resumed_has_ended, begin),
		TEST(a_keyd_that_cannot_record_is_waited_for, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
