/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/note.h"
#include "vault/tlog.h"

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	log_sink(test_hush, NULL);
	desk_new(d, true);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	desk_free(*state);
	free(*state);
	return 0;
}

static int
ask(struct desk_person *p, uint64_t old, struct msg_consistency *m,
    struct note_checkpoint *c)
{
	OWNED_WRITER body = writer_of(8);
	struct reader reply;
	int err;

	msg_number_write(&body, old);
	err = desk_ask(p, MSG_TRAIL_CONSISTENCY, &body, &reply);
	if (err != 0)
		return err;
	assert_int_equal(msg_consistency_read(m, &reply), 0);
	assert_int_equal(note_checkpoint_read(c, m->note, strlen(m->note),
			     &p->d->vault->key),
	    0);
	return 0;
}

static void
publish(struct desk *d, struct note_checkpoint *out)
{
	assert_int_equal(trail_publish(d->trail, out, NULL), 0);
}

static void
the_log_is_shown_to_extend_what_was_seen(void **state)
{
	struct note_checkpoint seen[6], now;
	struct msg_consistency m;
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(desk_role(&owner,
				     i % 2 ? MSG_ROLE_RM : MSG_ROLE_ADD,
				     "manager", "", "user:bin"),
		    0);
		publish(*state, &seen[i]);
	}
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(ask(&owner, seen[i].size, &m, &now), 0);
		assert_int_equal(now.size, seen[5].size);
		assert_true(tlog_consistency_ok(seen[i].size, now.size,
		    &seen[i].root, &now.root, m.proof, m.count));
		/* Another root of that size is not what it extends. */
		seen[i].root.bytes[0] ^= 1;
		assert_false(tlog_consistency_ok(seen[i].size, now.size,
		    &seen[i].root, &now.root, m.proof, m.count));
		msg_consistency_clear(&m);
	}
	desk_person_go(&owner);
}

static void
anybody_may_ask(void **state)
{
	struct note_checkpoint now;
	struct msg_consistency m;
	struct desk_person stranger;

	desk_person_come(&stranger, *state, 4);
	assert_int_equal(ask(&stranger, 0, &m, &now), 0);
	assert_int_equal(m.count, 0);
	msg_consistency_clear(&m);
	desk_person_go(&stranger);
}

static void
who_has_seen_more_gets_the_note_to_show_for_it(void **state)
{
	struct note_checkpoint now;
	struct msg_consistency m;
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(ask(&owner, UINT64_MAX, &m, &now), 0);
	assert_int_equal(m.count, 0);
	assert_true(now.size < UINT64_MAX);
	msg_consistency_clear(&m);
	desk_person_go(&owner);
}

static void
keyd_stops_when_its_checkpoint_is_gone(void **state)
{
	struct desk *d = *state;
	struct note_checkpoint now;
	struct msg_consistency m;
	struct desk_person owner;

	desk_person_come(&owner, d, 0);
	publish(d, &now);
	assert_int_equal(unlinkat(d->vault->dir->fd, "trail/checkpoint", 0), 0);
	assert_int_equal(ask(&owner, 1, &m, &now), ERR_IO);
	assert_int_equal(broker_failed(d->broker), ERR_INTEGRITY);
	desk_person_go(&owner);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_log_is_shown_to_extend_what_was_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(anybody_may_ask, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    who_has_seen_more_gets_the_note_to_show_for_it, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    keyd_stops_when_its_checkpoint_is_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
