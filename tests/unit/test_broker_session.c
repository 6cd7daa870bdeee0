/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "keys/broker_state.h"
#include "keys/frame.h"
#include "keys/session.h"
#include "tests/lib/fault.h"
#include "tests/lib/loan.h"
#include "tests/lib/moved.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/manifest.h"
#include "vault/version.h"

/* --- opening --- */

static void
without_a_grant_no_session_opens_and_that_is_recorded(void **state)
{
	struct loan *s = *state;
	struct desk_person bin;
	struct msg_session m;
	json_t *e;

	desk_person_come(&bin, &s->d, 2);
	assert_int_equal(desk_open(&bin, "llama", MSG_MOUNT, "", &m),
	    ERR_DENIED);
	assert_non_null(
	    strstr(bin.sentence, " --to user:bin --loads 1 --reason"));
	assert_non_null(strstr(bin.sentence, "weir grant add llama@"));
	e = desk_last(&s->d, "session.refused");
	assert_string_equal(json_string_value(json_object_get(e, "for")),
	    "user:bin");
	assert_memory_equal(json_string_value(json_object_get(e, "reason")),
	    "no grant for llama@", 19);
	assert_string_equal(json_string_value(json_object_get(e, "model")),
	    "llama");
	assert_string_equal(json_string_value(json_object_get(e, "host")),
	    "host");
	json_decref(e);
	assert_int_equal(desk_count(&s->d, "session.open"), 0);
	desk_person_go(&bin);
}

static void
an_owner_reads_nothing_without_a_grant_either(void **state)
{
	struct loan *s = *state;
	struct msg_session m;

	assert_int_equal(desk_open(&s->owner, "llama", MSG_MOUNT, "", &m),
	    ERR_DENIED);
	assert_int_equal(desk_open(&s->owner, "other", MSG_MOUNT, "", &m),
	    ERR_NOT_FOUND);
	assert_int_equal(desk_open(&s->daemon, "other", MSG_MOUNT, "", &m),
	    ERR_DENIED);
	assert_int_equal(desk_count(&s->d, "session.refused"), 3);
}

static void
a_session_says_what_it_may(void **state)
{
	struct loan *s = *state;
	struct msg_session m;

	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &m), 0);
	assert_int_equal(m.count, 1);
	assert_string_equal(m.versions[0].model, "llama");
	assert_string_equal(m.versions[0].channel, "");
	assert_int_equal(m.versions[0].grant, s->grant);
	assert_int_equal(m.versions[0].type, MSG_GRANT_LOAD);
	assert_int_equal(m.versions[0].window, 64);
	assert_int_equal(m.versions[0].readahead_kb, 16384);
	assert_int_equal(m.versions[0].expires_ms, 0);
	assert_true(m.versions[0].export);
	assert_true(
	    session_token_ok(m.token, s->d.keyring->index_secret, m.session));
	msg_session_clear(&m);
}

static void
a_get_needs_export(void **state)
{
	struct loan *s = *state;
	struct msg_session m;
	uint64_t id;

	assert_int_equal(desk_grant_rm(&s->owner, s->grant), 0);
	assert_int_equal(desk_grant(&s->owner, "llama", "user:daemon",
			     MSG_GRANT_LOAD, false, &id),
	    0);
	assert_int_equal(desk_open(&s->daemon, "llama", MSG_GET, "", &m),
	    ERR_DENIED);
	assert_non_null(strstr(s->daemon.sentence, "--export"));
	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &m), 0);
	msg_session_clear(&m);
}

static void
only_a_mounter_opens_for_others(void **state)
{
	struct loan *s = *state;
	struct desk_person bin;
	struct msg_session m;

	desk_person_come(&bin, &s->d, 2);
	assert_int_equal(desk_open(&bin, "llama", MSG_MOUNT, "user:daemon", &m),
	    ERR_DENIED);
	assert_non_null(strstr(bin.sentence, "weir role add mounter"));
	assert_int_equal(desk_role(&s->owner, MSG_ROLE_ADD, "mounter", "",
			     "user:bin"),
	    0);
	assert_int_equal(desk_open(&bin, "llama", MSG_MOUNT, "user:daemon", &m),
	    0);
	msg_session_clear(&m);
	/* the grant that counts is the other one's */
	assert_int_equal(desk_open(&bin, "llama", MSG_MOUNT, "user:sys", &m),
	    ERR_DENIED);
	assert_int_equal(desk_open(&bin, "llama", MSG_MOUNT, "nonsense", &m),
	    ERR_USAGE);
	desk_person_go(&bin);
}

/* --- releases --- */

static void
a_release_is_durable_before_its_reply_leaves(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon), before = trail_size(s->d.trail);
	OWNED_WRITER body = writer_of(64);
	const struct msg_release m = { .session = id, .count = 64 };
	unsigned int replies = s->daemon.replies;

	msg_release_write(&body, &m);
	desk_send(&s->daemon, MSG_RELEASE, &body);
	assert_int_equal(s->daemon.replies, replies);
	assert_int_equal(broker_waiting(s->daemon.link), 1);
	while (s->daemon.replies == replies)
		desk_settle(&s->d);
	assert_true(s->d.size_at_send > before);
	assert_int_equal(broker_waiting(s->daemon.link), 0);
	assert_int_equal(desk_count(&s->d, "release"), 1);
}

static void
a_release_names_its_file_rows_and_bytes(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);
	json_t *e;

	assert_int_equal(loan_release(&s->daemon, id, 16, 64), 0);
	e = desk_last(&s->d, "release");
	assert_int_equal(json_integer_value(json_object_get(e, "file")), 0);
	assert_int_equal(json_integer_value(json_object_get(e, "first")), 16);
	assert_int_equal(json_integer_value(json_object_get(e, "count")), 64);
	assert_int_equal(json_integer_value(json_object_get(e, "bytes")),
	    64 * 65536);
	json_decref(e);
	assert_int_equal(loan_release(&s->daemon, id, 80, 1), 0);
	e = desk_last(&s->d, "release");
	assert_int_equal(json_integer_value(json_object_get(e, "file")), 1);
	assert_int_equal(json_integer_value(json_object_get(e, "bytes")), 5);
	json_decref(e);
}

static void
released_keys_open_what_was_put(void **state)
{
	struct loan *s = *state;
	struct version_open how = { .store = s->d.store };
	OWNED(page_key) key = NULL;
	OWNED(version) v = NULL;
	struct msg_release_reply keys;
	struct version_row rows[64];
	struct msg_session m;
	uint8_t plain[100];
	size_t got;

	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &m), 0);
	assert_int_equal(page_key_from(&key, m.versions[0].manifest_key), 0);
	how.object = m.versions[0].object;
	how.version = m.versions[0].version;
	how.manifest_key = key;
	assert_int_equal(version_open(&v, &how), 0);
	assert_int_equal(desk_release(&s->daemon, m.session, 0, 64, &keys), 0);
	assert_int_equal(version_rows_at(v, 0, rows, 64, &got), 0);
	assert_int_equal(got, 64);
	for (size_t i = 0; i < got; i++) {
		assert_int_equal(keys.rows[i].length, rows[i].row.length);
		assert_int_equal(version_read(v, &rows[i], keys.rows[i].key, 50,
				     plain, sizeof(plain)),
		    0);
		for (size_t n = 0; n < sizeof(plain); n++)
			assert_int_equal(plain[n],
			    ((50 + n) * 31 + i * 7) & 0xff);
	}
	msg_release_reply_clear(&keys);
	msg_session_clear(&m);
}

static void
a_release_keeps_to_the_version_and_to_one_file(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);

	assert_int_equal(loan_release(&s->daemon, id, LOAN_ROWS - 1, 1), 0);
	assert_int_equal(loan_release(&s->daemon, id, LOAN_ROWS, 1),
	    ERR_DENIED);
	assert_int_equal(loan_release(&s->daemon, id, LOAN_ROWS - 1, 2),
	    ERR_DENIED);
	assert_int_equal(loan_release(&s->daemon, id, UINT64_MAX, 1),
	    ERR_DENIED);
	assert_int_equal(loan_release(&s->daemon, id, UINT64_MAX - 1, 64),
	    ERR_DENIED);
	assert_int_equal(loan_release(&s->daemon, id, 79, 2), ERR_USAGE);
	assert_int_equal(loan_release(&s->daemon, id, 0, 65), ERR_FORMAT);
	assert_int_equal(desk_count(&s->d, "release"), 1);
	assert_int_equal(desk_count(&s->d, "refused"), 4);
}

static void
who_browses_gets_one_chunk_at_a_time(void **state)
{
	struct loan *s = *state;
	struct desk_person bin;
	struct msg_session m;
	uint64_t id;

	desk_person_come(&bin, &s->d, 2);
	assert_int_equal(desk_grant(&s->owner, "llama", "user:bin",
			     MSG_GRANT_BROWSE, false, &id),
	    0);
	assert_int_equal(desk_open(&bin, "llama", MSG_MOUNT, "", &m), 0);
	assert_int_equal(m.versions[0].window, 1);
	assert_int_equal(m.versions[0].readahead_kb, 128);
	assert_int_equal(loan_release(&bin, m.session, 0, 1), 0);
	assert_int_equal(loan_release(&bin, m.session, 0, 2), ERR_DENIED);
	msg_session_clear(&m);
	desk_person_go(&bin);
}

static void
a_session_is_its_connections_alone(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);
	struct desk_person other;

	desk_person_come(&other, &s->d, LOAN_READER);
	assert_int_equal(loan_release(&other, id, 0, 1), ERR_DENIED);
	assert_int_equal(loan_release(&s->owner, id, 0, 1), ERR_DENIED);
	assert_int_equal(loan_release(&s->daemon, id + 1, 0, 1), ERR_DENIED);
	assert_int_equal(loan_release(&s->daemon, id, 0, 1), 0);
	desk_person_go(&other);
}

/* The reply waits in keyd; when the disk fails it is never sent. */
static void
no_key_leaves_when_the_trail_cannot_be_written(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);

	fault_fail_from(FAULT_SYNC, 1, EIO);
	assert_int_equal(loan_release(&s->daemon, id, 0, 64), ERR_IO);
	assert_true(fault_off());
	assert_true(s->daemon.answer.length < 200); /* no room for a key */
	assert_true(broker_failed(s->d.broker) != 0);
	/* and nothing after it, though the disk is well again */
	assert_int_equal(loan_release(&s->daemon, id, 0, 1), ERR_IO);
	loan_restart(s, false);
	assert_int_equal(broker_failed(s->d.broker), 0);
}

static json_t *
last_fault(struct loan *s, const char *reason)
{
	json_t *e = desk_last(&s->d, "fault");

	assert_non_null(e);
	assert_string_equal(json_string_value(json_object_get(e, "by")),
	    "keyd");
	assert_string_equal(json_string_value(json_object_get(e, "reason")),
	    reason);
	return e;
}

/* The objects that keyd itself reads: it says what it finds. */
static void
a_missing_page_is_a_fault_that_keyd_records(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);
	struct catalogue_version v;
	struct digest version;
	json_t *e;

	assert_int_equal(catalogue_version_channel(s->d.catalogue, "llama",
			     "latest", &version),
	    0);
	assert_int_equal(catalogue_version_get(s->d.catalogue, "llama",
			     &version, &v),
	    0);
	assert_int_equal(store_remove(s->d.store, &v.object), 0);
	assert_int_equal(loan_release(&s->daemon, id, 0, 1), ERR_INTEGRITY);
	e = last_fault(s, "missing in the store");
	json_decref(e);
	assert_int_equal(desk_count(&s->d, "release"), 0);
	assert_int_equal(broker_failed(s->d.broker), 0);
}

/* Too few descriptors tell nothing about the store. */
static void
what_cannot_be_read_just_now_is_no_fault(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);
	struct rlimit limit, none;
	int err;

	assert_int_equal(desk_count(&s->d, "fault"), 0); /* all is published */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = loan_release(&s->daemon, id, 0, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(err, ERR_NOMEM);
	assert_int_equal(desk_count(&s->d, "fault"), 0);
	assert_int_equal(loan_release(&s->daemon, id, 0, 1), 0);
}

static void
nothing_is_released_after_the_grant_is_gone(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);
	struct msg_session m;
	json_t *e;

	assert_int_equal(loan_release(&s->daemon, id, 0, 1), 0);
	assert_int_equal(desk_grant_rm(&s->owner, s->grant), 0);
	assert_int_equal(s->daemon.events, 1);
	assert_true(s->daemon.ended == id);
	assert_int_equal(loan_release(&s->daemon, id, 0, 1), ERR_DENIED);
	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &m),
	    ERR_DENIED);
	e = desk_last(&s->d, "session.close");
	assert_string_equal(json_string_value(json_object_get(e, "by")),
	    "keyd");
	assert_string_equal(json_string_value(json_object_get(e, "reason")),
	    "grant 1 was removed");
	json_decref(e);
}

static void
nothing_is_released_after_the_grant_has_ended(void **state)
{
	struct loan *s = *state;
	const int64_t hour_ms = 3600000;
	OWNED_WRITER body = writer_of(4096);
	char model[] = "llama", none[] = "", to[] = "user:bin", why[] = "w";
	struct msg_grant_add m = {
		.model = model,
		.channel = none,
		.version = none,
		.to = to,
		.type = MSG_GRANT_LOAD,
		.loads = 1,
		.reason = why,
	};
	struct desk_person bin;
	struct msg_session opened;
	uint64_t id;

	m.until_ms = broker_record_clock() + hour_ms;
	msg_grant_add_write(&body, &m);
	assert_int_equal(desk_ask(&s->owner, MSG_GRANT_ADD, &body, NULL), 0);
	desk_person_come(&bin, &s->d, 2);
	id = loan_open(&bin);
	assert_int_equal(loan_release(&bin, id, 0, 1), 0);
	moved_wall_ms = hour_ms;
	assert_int_equal(loan_release(&bin, id, 0, 1), ERR_DENIED);
	assert_non_null(strstr(bin.sentence, "weir grant add llama"));
	assert_int_equal(desk_open(&bin, "llama", MSG_MOUNT, "", &opened),
	    ERR_DENIED);
	assert_non_null(strstr(bin.sentence, "has ended"));
	moved_wall_ms = 0;
	desk_person_go(&bin);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, loan_setup, loan_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_grant_no_session_opens_and_that_is_recorded),
		TEST(an_owner_reads_nothing_without_a_grant_either),
		TEST(a_session_says_what_it_may),
		TEST(a_get_needs_export),
		TEST(only_a_mounter_opens_for_others),
		TEST(a_release_is_durable_before_its_reply_leaves),
		TEST(a_release_names_its_file_rows_and_bytes),
		TEST(released_keys_open_what_was_put),
		TEST(a_release_keeps_to_the_version_and_to_one_file),
		TEST(who_browses_gets_one_chunk_at_a_time),
		TEST(a_session_is_its_connections_alone),
		TEST(no_key_leaves_when_the_trail_cannot_be_written),
		TEST(a_missing_page_is_a_fault_that_keyd_records),
		TEST(what_cannot_be_read_just_now_is_no_fault),
		TEST(nothing_is_released_after_the_grant_is_gone),
		TEST(nothing_is_released_after_the_grant_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
