/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/hourglass.h"
#include "tests/lib/test.h"
#include "tests/lib/trails.h"
#include "vault/err.h"
#include "vault/journal_scan.h"
#include "vault/names.h"
#include "vault/tlog.h"

/* A trail at work: waiting, notices, readers beside it, a disk that fails. */

#define PATIENCE 20000 /* ms, and more on a busy machine */

static void
pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* ---- appending ---- */

static void
an_entry_has_1_to_65535_bytes(void **state)
{
	static uint8_t bytes[65536];
	OWNED_TRAILS t = trails_new();
	uint64_t index = 7;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(trail_append(t.trail, bytes, 0, &index), ERR_LIMIT);
	assert_int_equal(trail_append(t.trail, bytes, 65536, &index),
	    ERR_LIMIT);
	assert_int_equal(index, 7);
	assert_int_equal(trail_append(t.trail, bytes, 65535, &index), 0);
	assert_int_equal(index, 0);
	assert_int_equal(trail_append(t.trail, bytes, 1, &index), 0);
	assert_int_equal(trail_wait(t.trail, 1), 0);
	assert_int_equal(trail_wait(t.trail, 2), ERR_USAGE);
	assert_int_equal(trail_size(t.trail), 2);
}

struct notice {
	atomic_int calls;
	int result;
};

static void
noticed(void *arg, int result)
{
	struct notice *n = arg;

	n->result = result;
	atomic_fetch_add(&n->calls, 1);
}

/* Whether it comes at all. */
static bool
comes(struct notice *n)
{
	for (int i = 0; i < PATIENCE && atomic_load(&n->calls) == 0; i++)
		pause_ms(1);
	return atomic_load(&n->calls) == 1;
}

/* ---- a watchdog ---- */

/* Hold the call up until somebody writes to the pipe; say that it is so. */
struct gate {
	int in[2];
	atomic_bool held;
};

static void
hold(void *arg)
{
	struct gate *g = arg;
	char byte;

	atomic_store(&g->held, true);
	assert_int_equal(read(g->in[0], &byte, 1), 1);
}

static void
wait_until_held(struct gate *g)
{
	for (int i = 0; i < PATIENCE && !atomic_load(&g->held); i++)
		pause_ms(1);
	assert_true(atomic_load(&g->held));
}

/* Whether it moves at one of the next looks. */
static bool
moves_again(struct trail *t)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (trail_moves(t))
			return true;
		pause_ms(1);
	}
	return false;
}

static void
a_thread_that_hangs_in_a_sync_does_not_move(void **state)
{
	OWNED_TRAILS t = trails_new();
	struct gate g = { .held = false };
	uint64_t index;

	(void)state;
	assert_int_equal(pipe(g.in), 0);
	assert_int_equal(trails_open(&t, 0), 0);
	assert_true(moves_again(t.trail));
	fault_call(FAULT_SYNC, 1, hold, &g);
	assert_int_equal(trail_append(t.trail, "x", 1, &index), 0);
	wait_until_held(&g);
	/* what it did before counts once */
	(void)trail_moves(t.trail);
	for (int i = 0; i < 20; i++) {
		assert_false(trail_moves(t.trail));
		pause_ms(1);
	}
	assert_int_equal(write(g.in[1], "x", 1), 1);
	assert_int_equal(trail_wait(t.trail, index), 0);
	assert_true(moves_again(t.trail));
	assert_true(fault_off());
	close(g.in[0]);
	close(g.in[1]);
}

static void
an_integrator_that_hangs_does_not_move(void **state)
{
	OWNED_TRAILS t = trails_new();
	struct gate g = { .held = false };
	struct notice done = { 0 };

	(void)state;
	assert_int_equal(pipe(g.in), 0);
	assert_int_equal(trails_open(&t, 0), 0);
	/* the committer renames nothing, and has nothing left to write */
	fault_call(FAULT_RENAME, 1, hold, &g);
	assert_int_equal(trails_add(&t, 3), 0);
	trail_publish_notify(t.trail, noticed, &done);
	wait_until_held(&g);
	(void)trail_moves(t.trail);
	for (int i = 0; i < 20; i++) {
		assert_false(trail_moves(t.trail));
		pause_ms(1);
	}
	assert_int_equal(write(g.in[1], "x", 1), 1);
	assert_true(comes(&done));
	assert_true(moves_again(t.trail));
	assert_true(fault_off());
	close(g.in[0]);
	close(g.in[1]);
}

static void
a_trail_under_load_moves_at_each_commit(void **state)
{
	OWNED_TRAILS t = trails_new();

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	for (uint64_t i = 1; i < 50; i++) {
		assert_int_equal(trails_add(&t, i), 0);
		assert_true(moves_again(t.trail));
	}
}

static void
a_dead_trail_does_not_move(void **state)
{
	OWNED_TRAILS t = trails_new();
	uint64_t index;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	fault_fail_from(FAULT_SYNC, 1, EIO);
	assert_int_equal(trail_append(t.trail, "x", 1, &index), 0);
	assert_int_equal(trail_wait(t.trail, index), ERR_IO);
	assert_true(fault_off());
	assert_false(trail_moves(t.trail));
	assert_false(trail_moves(t.trail));
}

/* ---- notices ---- */

static void
each_notice_comes_once_and_not_before_the_entry_is_durable(void **state)
{
	enum { COUNT = 200 };
	static struct notice notices[COUNT];
	OWNED_TRAILS t = trails_new();
	struct notice late = { 0 }, wrong = { 0 };

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	for (size_t i = 0; i < COUNT; i++) {
		char text[32];
		size_t n = trails_text(text, i);
		uint64_t index;

		assert_int_equal(trail_append(t.trail, text, n, &index), 0);
		trail_notify(t.trail, index, noticed, &notices[i]);
	}
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(comes(&notices[i]));
		assert_int_equal(notices[i].result, 0);
		assert_true(trail_size(t.trail) > i);
	}
	trail_notify(t.trail, 3, noticed, &late);
	assert_true(comes(&late));
	assert_int_equal(late.result, 0);
	trail_notify(t.trail, COUNT, noticed, &wrong);
	assert_true(comes(&wrong));
	assert_int_equal(wrong.result, ERR_USAGE);
	trails_close(&t);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(atomic_load(&notices[i].calls), 1);
}

static void
closing_commits_what_waits_and_tells_it(void **state)
{
	OWNED_TRAILS t = trails_new();
	struct notice n = { 0 };
	struct trail_verdict v;
	uint64_t index;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	for (uint64_t i = 0; i < 100; i++) {
		char text[32];
		size_t length = trails_text(text, i);

		assert_int_equal(trail_append(t.trail, text, length, &index),
		    0);
	}
	trail_notify(t.trail, index, noticed, &n);
	trails_close(&t);
	assert_int_equal(atomic_load(&n.calls), 1);
	assert_int_equal(n.result, 0);
	assert_int_equal(trails_verify(&t, NULL, &v), 0);
	assert_int_equal(v.entries, 100);
}

/* ---- publishing ---- */

static uint64_t
published(const struct trails *t)
{
	OWNED(trail_reader) r = NULL;

	assert_int_equal(trail_reader_open(&r, t->s.dir, &t->key), 0);
	return trail_reader_checkpoint(r)->size;
}

/* The clock stands but for these: nobody has to be quick. */
static void
within_two_seconds_entries_are_in_the_checkpoint(void **state)
{
	OWNED_TRAILS t = trails_new();

	(void)state;
	hourglass_stop();
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(trails_add(&t, 5), 0);
	for (int i = 0; i < PATIENCE && !hourglass_waits(); i++)
		pause_ms(1);
	assert_true(hourglass_waits());
	hourglass_pass(2000);
	for (int i = 0; i < PATIENCE && published(&t) < 5; i++)
		pause_ms(1);
	assert_int_equal(published(&t), 5);
	hourglass_go();
}

struct race {
	struct trails *t;
	atomic_bool stop;
	struct note_checkpoint last;
	atomic_uint publications;
};

/* Each reader looks at all there is: a fast disk would give it ever more. */
#define PUBLICATIONS_MAX 200

/* The writer: entries and checkpoints without rest. */
static void *
publish_on(void *arg)
{
	struct race *race = arg;
	uint64_t size = trail_size(race->t->trail);

	while (!atomic_load(&race->stop) &&
	    race->publications < PUBLICATIONS_MAX) {
		struct note_checkpoint c;

		size += 37;
		if (trails_add(race->t, size) != 0 ||
		    trail_publish(race->t->trail, &c, NULL) != 0)
			abort();
		race->publications++;
		pause_ms(3);
	}
	return NULL;
}

static int
count(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	uint64_t *next = arg;
	char text[32];

	if (index != *next || n != trails_text(text, index) ||
	    memcmp(entry, text, n) != 0)
		return ERR_INTEGRITY;
	(*next)++;
	return 0;
}

/* Proof that the reader's checkpoint extends the one seen before. */
static void
assert_extends(struct trail_reader *r, const struct note_checkpoint *old)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(r);
	struct digest proof[TLOG_PROOF_MAX];
	size_t n;

	assert_true(c->size >= old->size);
	assert_int_equal(tlog_consistency(old->size, c->size, trail_reader_node,
			     r, proof, &n),
	    0);
	assert_true(tlog_consistency_ok(old->size, c->size, &old->root,
	    &c->root, proof, n));
}

static void
a_reader_is_right_while_the_writer_publishes(void **state)
{
	OWNED_TRAILS t = trails_new();
	struct race race = { .t = &t };
	struct note_checkpoint seen = { .root = tlog_empty() };
	struct trail_verdict v;
	pthread_t writer;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(pthread_create(&writer, NULL, publish_on, &race), 0);
	/* However slow the writer is, it publishes meanwhile. */
	for (int i = 0; i < 60 || (i < PATIENCE && race.publications <= 10);
	     i++) {
		OWNED(trail_reader) r = NULL;
		uint64_t next = 0;

		assert_int_equal(trail_reader_open(&r, t.s.dir, &t.key), 0);
		pause_ms(i % 4 * 5); /* let it be overtaken */
		assert_extends(r, &seen);
		assert_int_equal(trail_reader_each(r, 0, UINT64_MAX, count,
				     &next),
		    0);
		seen = *trail_reader_checkpoint(r);
		assert_int_equal(next, seen.size);
		assert_int_equal(trail_verify(r, &trails_id, &seen, &v), 0);
	}
	atomic_store(&race.stop, true);
	pthread_join(writer, NULL);
	assert_true(race.publications > 10);
}

/* ---- a journal that grows ---- */

static int
count_name(void *arg, const char *name)
{
	unsigned int *n = arg;

	*n += strlen(name) == 20;
	return 0;
}

static void
old_segments_go_while_it_runs(void **state)
{
	enum { COUNT = 6 * (JOURNAL_SEGMENT / (65535 + 104)) };
	static uint8_t bytes[65535];
	OWNED_TRAILS t = trails_new();
	OWNED(file) dir = NULL;
	struct trail_verdict v;
	unsigned int segments = 0;
	struct note_checkpoint c;
	uint64_t index;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	for (unsigned int i = 0; i < COUNT; i++)
		assert_int_equal(trail_append(t.trail, bytes, sizeof(bytes),
				     &index),
		    0);
	assert_int_equal(trail_wait(t.trail, index), 0);
	assert_int_equal(trail_publish(t.trail, &c, NULL), 0);
	/* It is done between commits. */
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(trail_append(t.trail, "x", 1, &index), 0);
		assert_int_equal(trail_wait(t.trail, index), 0);
	}
	assert_int_equal(file_open(&dir, t.s.dir, "trail/journal", 0, 0), 0);
	assert_int_equal(names_each(dir, count_name, &segments), 0);
	assert_int_equal(segments, 1);
	trails_close(&t);
	assert_int_equal(trails_verify(&t, NULL, &v), 0);
	assert_int_equal(v.entries, COUNT + 2);
	assert_int_equal(trails_open(&t, COUNT + 2), 0);
}

/* A keyd that was killed while it wrote the checkpoint left one behind. */
static void
what_a_killed_writer_left_is_gone_at_the_next_start(void **state)
{
	OWNED_TRAILS t = trails_new();
	OWNED(file) dir = NULL;

	(void)state;
	assert_int_equal(file_open(&dir, t.s.dir, "trail",
			     O_RDONLY | O_DIRECTORY, 0),
	    0);
	assert_int_equal(file_replace(dir, FILE_TEMPORARY "left", "x", 1, 0600),
	    0);
	assert_int_equal(trails_open(&t, 0), 0);
	trails_close(&t);
	assert_int_equal(faccessat(dir->fd, FILE_TEMPORARY "left", F_OK, 0),
	    -1);
	assert_int_equal(faccessat(dir->fd, "checkpoint", F_OK, 0), 0);
}

/* ---- a disk that fails ---- */

static void
when_the_trail_dies_everybody_is_told_and_it_stays_dead(void **state)
{
	static const struct {
		int errnum, err;
	} cases[] = { { EIO, ERR_IO }, { ENOSPC, ERR_SPACE } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		OWNED_TRAILS t = trails_new();
		struct notice before = { 0 }, after = { 0 };
		struct note_checkpoint c;
		uint64_t index;
		int err;

		assert_int_equal(trails_open(&t, 0), 0);
		assert_int_equal(trails_add(&t, 3), 0);
		fault_fail_from(FAULT_WRITE, 1, cases[i].errnum);
		assert_int_equal(trail_append(t.trail, "x", 1, &index), 0);
		trail_notify(t.trail, index, noticed, &before);
		assert_int_equal(trail_wait(t.trail, index), cases[i].err);
		fault_off();
		assert_true(comes(&before));
		assert_int_equal(before.result, cases[i].err);
		trail_notify(t.trail, index, noticed, &after);
		assert_true(comes(&after));
		assert_int_equal(after.result, cases[i].err);
		assert_int_equal(trail_append(t.trail, "x", 1, &index),
		    cases[i].err);
		assert_int_equal(trail_wait(t.trail, 2), 0); /* it is there */
		assert_int_equal(trail_size(t.trail), 3);
		/* It may have been published in time; if not, it never is. */
		err = trail_publish(t.trail, &c, NULL);
		assert_int_equal(err, err == 0 ? 0 : cases[i].err);
		assert_true(err != 0 || c.size == 3);
		trails_close(&t);
		assert_int_equal(trails_open(&t, 0), 0);
		assert_int_equal(t.replayed, 3);
	}
}

/* A failure at any step of writing tiles and checkpoint: the trail dies, and
 * what was durable is there when it opens again. */
static void
a_failure_while_publishing_loses_nothing(void **state)
{
	unsigned int failures = 0;
	bool fired = true;

	(void)state;
	/* Nothing is published but when somebody asks for it. */
	hourglass_stop();
	for (unsigned int nth = 1; fired; nth++) {
		OWNED_TRAILS t = trails_new();
		struct note_checkpoint first, c;
		struct trail_verdict v;
		uint64_t index;
		int err;

		assert_int_equal(trails_open(&t, 0), 0);
		assert_int_equal(trails_add(&t, 254), 0);
		assert_int_equal(trail_publish(t.trail, &first, NULL), 0);
		assert_int_equal(trails_add(&t, 258), 0);
		fault_fail(FAULT_DISK, nth, EIO);
		err = trail_publish(t.trail, &c, NULL);
		fired = fault_off();
		assert_int_equal(err, fired ? ERR_IO : 0);
		assert_int_equal(trail_append(t.trail, "entry-258", 9, &index),
		    err);
		failures += fired;
		trails_close(&t);

		assert_int_equal(trails_open(&t, 0), 0);
		assert_int_equal(t.replayed, fired ? 258 : 259);
		trails_close(&t);
		assert_int_equal(trails_verify(&t, &first, &v), 0);
	}
	assert_true(failures > 10);
	hourglass_go();
}

static void
opening_may_fail_anywhere_and_be_tried_again(void **state)
{
	OWNED_TRAILS t = trails_new();
	struct trail_verdict v;
	bool fired = true;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(trails_add(&t, 260), 0);
	trails_close(&t);
	for (unsigned int nth = 1; fired; nth++) {
		int err;

		fault_fail(FAULT_DISK, nth, EIO);
		err = trails_open(&t, 0);
		fired = fault_off();
		/* once open it is the integrator that may be struck */
		assert_true(err == 0 || fired);
		trails_close(&t);
		assert_true(nth < 500);
	}
	assert_int_equal(trails_verify(&t, NULL, &v), 0);
	assert_int_equal(v.entries, 260);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_has_1_to_65535_bytes),
		cmocka_unit_test(a_thread_that_hangs_in_a_sync_does_not_move),
		cmocka_unit_test(an_integrator_that_hangs_does_not_move),
		cmocka_unit_test(a_trail_under_load_moves_at_each_commit),
		cmocka_unit_test(a_dead_trail_does_not_move),
		cmocka_unit_test(
		    each_notice_comes_once_and_not_before_the_entry_is_durable),
		cmocka_unit_test(closing_commits_what_waits_and_tells_it),
		cmocka_unit_test(
		    within_two_seconds_entries_are_in_the_checkpoint),
		cmocka_unit_test(a_reader_is_right_while_the_writer_publishes),
		cmocka_unit_test(old_segments_go_while_it_runs),
		cmocka_unit_test(
		    what_a_killed_writer_left_is_gone_at_the_next_start),
		cmocka_unit_test(
		    when_the_trail_dies_everybody_is_told_and_it_stays_dead),
		cmocka_unit_test(a_failure_while_publishing_loses_nothing),
		cmocka_unit_test(opening_may_fail_anywhere_and_be_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
