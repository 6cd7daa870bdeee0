/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/heir.h"
#include "tests/lib/scratch.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/trail.h"

#define THREADS 8
#define EACH 200

static struct sign_key *seed;
static struct note_key key;
static const struct journal_id id = { { 1, 2, 3 } };

static int
make_key(void **state)
{
	(void)state;
	log_sink(test_hush, NULL);
	if (secret_init() != 0 || sign_key_new(&seed) != 0)
		return -1;
	return note_key_of(&key, "weir.local/test", seed);
}

static int
drop_key(void **state)
{
	(void)state;
	sign_key_free(seed);
	log_sink(NULL, NULL);
	return 0;
}

/* What a replay gave: entries `n`, in order from the first asked for. */
struct replay {
	uint64_t next;
	uint64_t count;
};

static int
replayed(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct replay *r = arg;
	char text[32];
	int length = snprintf(text, sizeof(text), "%llu",
	    (unsigned long long)index);

	if (index != r->next || n != (size_t)length ||
	    memcmp(text, entry, n) != 0)
		return ERR_INTEGRITY;
	r->next++;
	r->count++;
	return 0;
}

static int
reopen(const struct scratch *s, struct replay *r, struct trail **out)
{
	struct trail_open how = { .vault = s->dir,
		.id = id,
		.key = &key,
		.seed = seed,
		.from = r->next,
		.each = replayed,
		.arg = r };

	return trail_open(out, &how);
}

/* One entry: its index as text, durable.  Returns 0 or the error. */
static int
add(struct trail *t, uint64_t *index)
{
	char text[32];
	uint64_t next = *index;
	int err;

	snprintf(text, sizeof(text), "%llu", (unsigned long long)next);
	err = trail_append(t, text, strlen(text), index);
	return err != 0 ? err : trail_wait(t, *index);
}

static void
add_many(struct trail *t, uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++) {
		uint64_t index = i;

		assert_int_equal(add(t, &index), 0);
		assert_int_equal(index, i);
	}
}

static void
entries_are_there_after_a_restart(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct trail *t;
	struct replay r = { 0 };

	(void)state;
	assert_int_equal(trail_init(s.dir, &key, seed), 0);
	assert_int_equal(reopen(&s, &r, &t), 0);
	add_many(t, 0, 300);
	trail_free(t);

	assert_int_equal(reopen(&s, &r, &t), 0);
	assert_int_equal(r.count, 300);
	add_many(t, 300, 5);
	trail_free(t);

	assert_int_equal(reopen(&s, &r, &t), 0);
	assert_int_equal(r.count, 305);
	assert_int_equal(trail_size(t), 305);
	trail_free(t);
}

static int
verify(const struct scratch *s, struct trail_verdict *v)
{
	OWNED(trail_reader) reader = NULL;
	int err = trail_reader_open(&reader, s->dir, &key);

	return err != 0 ? err : trail_verify(reader, &id, NULL, v);
}

static void
a_checkpoint_covers_what_was_durable(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED_MEM(char) note = NULL;
	struct note_checkpoint c, read;
	struct trail_verdict v;
	struct replay r = { 0 };
	struct trail *t;

	(void)state;
	assert_int_equal(trail_init(s.dir, &key, seed), 0);
	assert_int_equal(reopen(&s, &r, &t), 0);
	add_many(t, 0, 10);
	assert_int_equal(trail_publish(t, &c, &note), 0);
	assert_true(c.size >= 10);
	assert_int_equal(note_checkpoint_read(&read, note, strlen(note), &key),
	    0);
	assert_int_equal(read.size, c.size);
	assert_int_equal(verify(&s, &v), 0);
	assert_int_equal(v.entries, 10);
	trail_free(t);
}

struct hammer {
	struct trail *t;
	uint64_t sum;
};

static void *
hammer(void *arg)
{
	struct hammer *h = arg;

	for (int i = 0; i < EACH; i++) {
		uint64_t index;

		if (trail_append(h->t, "x", 1, &index) != 0 ||
		    trail_wait(h->t, index) != 0)
			abort();
		h->sum += index;
	}
	return NULL;
}

static void
many_threads_get_distinct_places(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint64_t n = THREADS * EACH, sum = 0;
	struct hammer h[THREADS];
	pthread_t threads[THREADS];
	struct trail_verdict v;
	struct replay r = { 0 };
	struct trail *t;

	(void)state;
	assert_int_equal(trail_init(s.dir, &key, seed), 0);
	assert_int_equal(reopen(&s, &r, &t), 0);
	for (int i = 0; i < THREADS; i++) {
		h[i] = (struct hammer){ .t = t };
		assert_int_equal(pthread_create(&threads[i], NULL, hammer,
				     &h[i]),
		    0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += h[i].sum;
	}
	assert_int_equal(sum, n * (n - 1) / 2);
	trail_free(t);
	assert_int_equal(verify(&s, &v), 0);
	assert_int_equal(v.entries, n);
}

static void
flip(const struct scratch *s, const char *path, uint64_t offset)
{
	OWNED(file) f = NULL;
	uint8_t byte;

	assert_int_equal(file_open(&f, s->dir, path, O_RDWR, 0), 0);
	assert_int_equal(file_read_at(f, &byte, 1, offset), 0);
	byte ^= 1;
	assert_int_equal(file_write_at(f, &byte, 1, offset), 0);
}

#define FIRST_SEGMENT "trail/journal/00000000000000000000"

static void
a_flipped_byte_below_the_checkpoint_refuses_to_start(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct replay r = { 0 };
	struct trail *t;

	(void)state;
	assert_int_equal(trail_init(s.dir, &key, seed), 0);
	assert_int_equal(reopen(&s, &r, &t), 0);
	add_many(t, 0, 3);
	trail_free(t);
	for (uint64_t at = 0; at < 3 * 97; at++) {
		struct trail_verdict v;

		r = (struct replay){ 0 };
		flip(&s, FIRST_SEGMENT, at);
		assert_int_equal(reopen(&s, &r, &t), ERR_INTEGRITY);
		assert_int_equal(verify(&s, &v), ERR_INTEGRITY);
		flip(&s, FIRST_SEGMENT, at);
	}
	r = (struct replay){ 0 };
	assert_int_equal(reopen(&s, &r, &t), 0);
	trail_free(t);
}

static void
a_changed_entry_is_named(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct trail_verdict v;
	struct replay r = { 0 };
	struct trail *t;

	(void)state;
	assert_int_equal(trail_init(s.dir, &key, seed), 0);
	assert_int_equal(reopen(&s, &r, &t), 0);
	add_many(t, 0, 9);
	trail_free(t);
	/* u16 length and one digit: entry 4's digit */
	flip(&s, "trail/tile/entries/000.p/9", 4 * 3 + 2);
	assert_int_equal(verify(&s, &v), ERR_INTEGRITY);
	assert_int_equal(v.bad_index, 4);
}

/* In a child: add entries and tell each that is durable, until the nth call
 * ends the process. */
static void
add_until_it_ends(const struct scratch *s, unsigned int nth, int tell)
{
	struct replay r = { 0 };
	struct trail *t;

	fault_exit(FAULT_DISK, nth);
	if (reopen(s, &r, &t) != 0)
		_exit(1);
	for (uint64_t i = r.next; i < r.next + 4; i++) {
		uint64_t index = i;

		if (add(t, &index) != 0 || write(tell, "+", 1) != 1)
			_exit(1);
	}
	trail_free(t);
	_exit(0);
}

static void
a_kill_at_any_step_loses_nothing_and_forks_nothing(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct replay r = { 0 };
	uint64_t durable = 0, kills = 0;
	struct trail *t;

	(void)state;
	assert_int_equal(trail_init(s.dir, &key, seed), 0);
	for (unsigned int nth = 1;; nth++) {
		int ends[2], status;
		struct trail_verdict v;
		char told[16];
		ssize_t n;
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			add_until_it_ends(&s, nth, ends[1]);
		close(ends[1]);
		assert_int_equal(waitpid(child, &status, 0), child);
		n = read(ends[0], told, sizeof(told));
		close(ends[0]);
		assert_true(n >= 0);
		kills += WIFEXITED(status) &&
		    WEXITSTATUS(status) == FAULT_STATUS;

		r = (struct replay){ 0 };
		assert_int_equal(reopen(&s, &r, &t), 0);
		assert_true(r.count >= durable + (uint64_t)n);
		durable = r.count;
		trail_free(t);
		assert_int_equal(verify(&s, &v), 0);
		assert_int_equal(v.entries, durable);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			break;
		assert_true(nth < 1000);
	}
	assert_true(kills > 10);
}

static void
a_failed_sync_is_never_believed(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct replay r = { 0 };
	uint64_t index = 0;
	struct trail *t;

	(void)state;
	assert_int_equal(trail_init(s.dir, &key, seed), 0);
	assert_int_equal(reopen(&s, &r, &t), 0);
	fault_fail_from(FAULT_SYNC, 1, EIO);
	assert_int_equal(add(t, &index), ERR_IO);
	fault_off();
	index = 0;
	assert_int_equal(add(t, &index), ERR_IO);
	trail_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_there_after_a_restart),
		cmocka_unit_test(a_checkpoint_covers_what_was_durable),
		cmocka_unit_test(many_threads_get_distinct_places),
		cmocka_unit_test(
		    a_flipped_byte_below_the_checkpoint_refuses_to_start),
		cmocka_unit_test(a_changed_entry_is_named),
		cmocka_unit_test(
		    a_kill_at_any_step_loses_nothing_and_forks_nothing),
		cmocka_unit_test(a_failed_sync_is_never_believed),
	};

	return cmocka_run_group_tests(tests, make_key, drop_key);
}
