/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads of a store that fails or hangs.
 */
#include <errno.h>
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
#define BIG (2 * MIB)
#define LATER 10000 /* ms in which something surely happens */
#define SOON 300    /* ms in which something that must not would have */
#define STALL 700   /* ms that an impatient worker waits */
#define RETRY 150   /* ms until a store that fails is asked again at first */

static const struct rig_how usual = { .bytes = BIG,
	.chunk = CHUNK,
	.window = 64,
	.stall_ms = 60000,
	.slots = 1024 };

/* How often it was said that the store fails, and that it does no more. */
static atomic_size_t fails, answers;

static void
listen_to(void *arg, const char *line)
{
	(void)arg;
	if (strstr(line, "the store fails") != NULL)
		atomic_fetch_add(&fails, 1);
	if (strstr(line, "the store answers again") != NULL)
		atomic_fetch_add(&answers, 1);
}

static int
begin_with(void **state, const struct rig_how *how)
{
	atomic_store(&fails, 0);
	atomic_store(&answers, 0);
	log_sink(listen_to, NULL);
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

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
a_store_that_fails_for_a_while_is_waited_for(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	struct wire_answer a;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	moody_fail(r->served->moody, ERR_IO);
	n = wire_send_read(r->wire, r->big, fh, 0, 4096);
	/* For longer than the first five tries take. */
	assert_false(wire_wait(r->wire, n, 6000, &a));
	moody_fail(r->served->moody, 0);
	assert_int_equal(rig_check(r, n, r->big, 0, 4096), 0);
	hourglass_pass(3000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	/* It is said once, and so is its end. */
	assert_int_equal(atomic_load(&fails), 1);
	assert_int_equal(atomic_load(&answers), 1);
}

/* What a worker does each second. */
static struct fake_record *
tell_trouble(struct rig *r)
{
	report_trouble(r->report, reads_trouble(r->reads));
	assert_true(link_drain(r->link, LATER));
	return fake_keyd_record(r->keyd);
}

static void
trouble_is_told_while_there_is_some(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	OWNED_MEM(struct fake_record) none = tell_trouble(r);
	OWNED_MEM(struct fake_record) store = NULL;
	OWNED_MEM(struct fake_record) still = NULL;
	OWNED_MEM(struct fake_record) soon = NULL;
	OWNED_MEM(struct fake_record) over = NULL;
	OWNED_MEM(struct fake_record) silence = NULL;

	assert_int_equal(none->troubles, 0);
	hourglass_stop();
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	moody_fail(r->served->moody, ERR_IO);
	n = wire_send_read(r->wire, r->big, fh, 0, 4096);
	for (int i = 0; i < LATER && reads_trouble(r->reads) == 0; i++)
		pause_ms(1);
	hourglass_pass(STALL);
	assert_int_equal(rig_check(r, n, r->big, 0, 4096), EIO);
	store = tell_trouble(r);
	assert_int_equal(store->troubles, 1);
	assert_int_equal(store->trouble, MSG_TROUBLE_STORE);
	still = tell_trouble(r); /* keyd may have been started again */
	assert_int_equal(still->troubles, 2);
	moody_fail(r->served->moody, 0);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	soon = tell_trouble(r); /* one answer is no recovery */
	assert_int_equal(soon->troubles, 3);
	assert_int_equal(soon->trouble, MSG_TROUBLE_STORE);
	hourglass_pass(3100);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	over = tell_trouble(r);
	assert_int_equal(over->troubles, 4);
	assert_int_equal(over->trouble, 0);
	silence = tell_trouble(r);
	assert_int_equal(silence->troubles, 4);
	assert_int_equal(silence->malformed, 0);
}

/* The store is asked; how often.  0: it is not, for ms. */
static size_t
until_asked(struct rig *r, int ms)
{
	size_t asked = 0;

	for (int i = 0; i < ms && asked == 0; i++) {
		pause_ms(1);
		asked = moody_asked(r->served->moody);
	}
	return asked;
}

static void
a_store_that_fails_for_too_long_fails_the_read_in_time(void **state)
{
	/* Whatever the host calls it: none of these means anything else. */
	static const int errs[] = { ERR_IO, ERR_CONFLICT, ERR_LIMIT, ERR_NOMEM,
		ERR_UNREACHABLE, ERR_SPACE };
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	struct wire_answer a;

	hourglass_stop();
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		size_t first, asked = 0;
		int ms = 0;

		moody_fail(r->served->moody, errs[i]);
		(void)moody_asked(r->served->moody);
		n = wire_send_read(r->wire, r->big, fh, 0, 4096);
		first = until_asked(r, LATER);
		/* The wait for the next try may begin a moment later. */
		for (; asked == 0 && ms + RETRY < STALL; ms += RETRY) {
			hourglass_pass(RETRY);
			asked = until_asked(r, LATER / 4);
		}
		/* It waits for as long as --stall says, and does not spin. */
		hourglass_pass(STALL - 1 - ms);
		assert_false(wire_wait(r->wire, n, SOON, &a));
		hourglass_pass(1);
		assert_int_equal(rig_check(r, n, r->big, 0, 4096), EIO);
		assert_true(first > 0 && asked > 0);
		asked += first + moody_asked(r->served->moody);
		assert_in_range(asked, 2, 8);
		moody_fail(r->served->moody, 0);
		assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	}
}

static void
a_store_that_may_not_be_read_is_not_waited_for(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big);
	int64_t began;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	began = now_ms();
	moody_fail(r->served->moody, ERR_DENIED);
	/* Not EACCES: the reader may, and the worker may not. */
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EIO);
	assert_in_range(now_ms() - began, 0, LATER);
	moody_fail(r->served->moody, 0);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
}

static void
a_store_that_hangs_fails_reads_in_time_and_they_recover(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n[8];
	struct fuse_entry_out e;
	struct wire_answer a;

	hourglass_stop();
	assert_int_equal(rig_read(r, r->big, fh, 0, MIB), 0);
	hourglass_go();
	moody_hang(r->served->moody, true);
	/* More than there are threads: some never get one. */
	for (uint64_t i = 0; i < 8; i++)
		n[i] = wire_send_read(r->wire, r->big, fh, i * CHUNK, 4096);
	for (size_t i = 0; i < 8; i++) {
		assert_true(wire_wait(r->wire, n[i], LATER, &a));
		assert_int_equal(a.error, EIO);
	}
	assert_int_equal(wire_lookup(r->wire, r->head, "big", &e), 0);
	hourglass_stop();
	moody_hang(r->served->moody, false);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(rig_read(r, r->big, fh, i * CHUNK, 4096), 0);
}

static void
a_read_of_a_store_that_fails_or_hangs_can_be_let_go(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n[4];
	struct wire_answer a;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	moody_fail(r->served->moody, ERR_IO);
	n[0] = wire_send_read(r->wire, r->big, fh, 0, 4096);
	assert_false(wire_wait(r->wire, n[0], SOON, &a));
	wire_interrupt(r->wire, n[0]);
	assert_true(wire_wait(r->wire, n[0], LATER, &a));
	assert_int_equal(a.error, EINTR);
	moody_fail(r->served->moody, 0);
	moody_hang(r->served->moody, true);
	for (size_t i = 0; i < 4; i++) /* a thread more than there are */
		n[i] = wire_send_read(r->wire, r->big, fh, 0, 4096);
	assert_false(wire_wait(r->wire, n[0], SOON, &a));
	for (size_t i = 0; i < 4; i++)
		wire_interrupt(r->wire, n[i]);
	for (size_t i = 0; i < 4; i++) {
		assert_true(wire_wait(r->wire, n[i], LATER, &a));
		assert_int_equal(a.error, EINTR);
	}
	moody_hang(r->served->moody, false);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
}

static void
the_end_of_a_session_fails_reads_that_hang(void **state)
{
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), n;
	struct wire_answer a;

	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	moody_hang(r->served->moody, true);
	n = wire_send_read(r->wire, r->big, fh, 0, 4096);
	assert_false(wire_wait(r->wire, n, SOON, &a));
	fake_keyd_end(r->keyd, "grant removed");
	assert_true(wire_wait(r->wire, n, LATER, &a));
	assert_int_equal(a.error, EIO);
	moody_hang(r->served->moody, false);
}

#define TEST(f, begin) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_store_that_fails_for_a_while_is_waited_for, begin),
		TEST(trouble_is_told_while_there_is_some, begin_impatient),
		TEST(a_store_that_fails_for_too_long_fails_the_read_in_time,
		    begin_impatient),
		TEST(a_store_that_may_not_be_read_is_not_waited_for, begin),
		TEST(a_store_that_hangs_fails_reads_in_time_and_they_recover,
		    begin_impatient),
		TEST(a_read_of_a_store_that_fails_or_hangs_can_be_let_go,
		    begin),
		TEST(the_end_of_a_session_fails_reads_that_hang, begin),
	};

	/* For mutants of which one test is to be asked. */
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
