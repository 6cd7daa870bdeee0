/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/minutes.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/question.h"

#define SIZE 12

/* What a question finds in the minutes, one letter an entry: . nothing, R read,
 * < before, > after, O opens, C closes. */
static void
bearings(const char *who, const char *model, size_t since, size_t until,
    struct question_inquiry **inquiry, char out[static SIZE + 1])
{
	static const char letters[] = ".R<>OC?";
	OWNED_MINUTES m = minutes_new(SIZE);
	struct question q = { .about = QUESTION_READS,
		.since_ms = minutes_time(since),
		.until_ms = until > 0 ? minutes_time(until) : INT64_MAX };

	snprintf(q.principal, sizeof(q.principal), "%s", who);
	snprintf(q.model, sizeof(q.model), "%s", model);
	assert_int_equal(question_begin(inquiry, &q), 0);
	for (size_t i = 0; i < SIZE; i++) {
		struct question_finding f;
		int64_t time;

		assert_int_equal(question_look(*inquiry, i, m.entries[i],
				     m.lengths[i], &f),
		    0);
		assert_int_equal(f.time_ms, minutes_time(i));
		assert_int_equal(question_time(m.entries[i], m.lengths[i],
				     &time),
		    0);
		assert_int_equal(time, minutes_time(i));
		out[i] = letters[f.bearing];
	}
	out[SIZE] = '\0';
}

static void
entries_bear_on_whom_and_what_they_are_about(void **state)
{
	static const struct {
		const char *who, *model;
		size_t since, until;
		const char *want;
	} cases[] = {
		{ "user:alice", "llama", 0, 0, ".O..R....RC." },
		{ "user:alice", "qwen", 0, 0, ".......OR..." },
		{ "user:bob", "llama", 0, 0, "..O..R......" },
		{ "user:bob", "qwen", 0, 0, "..O...R....." },
		{ "user:carol", "llama", 0, 0, "............" },
		{ "user:alice", "lla", 0, 0, "............" },
		{ "user:alice", "llama", 4, 9, ".O..R....>C." },
		{ "user:alice", "llama", 5, 9, ".O..<....>C." },
		{ "user:alice", "llama", 5, 0, ".O..<....RC." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED(question_inquiry) inquiry = NULL;
		char got[SIZE + 1];

		bearings(cases[i].who, cases[i].model, cases[i].since,
		    cases[i].until, &inquiry, got);
		assert_string_equal(got, cases[i].want);
	}
}

struct held {
	unsigned int count;
	uint64_t session, opened, released;
};

static void
take(void *arg, uint64_t session, uint64_t opened, uint64_t released)
{
	struct held *h = arg;

	h->count++;
	h->session = session;
	h->opened = opened;
	h->released = released;
}

/* Session 1 is given llama at 4 and closes at 10; session 2 never does. */
static void
keys_are_held_from_a_release_to_the_close(void **state)
{
	static const struct {
		const char *who;
		size_t since;
		unsigned int count;
		uint64_t released;
	} cases[] = {
		{ "user:alice", 4, 0, 0 },
		{ "user:alice", 5, 1, 4 },
		{ "user:alice", 10, 1, 4 },
		{ "user:alice", 11, 0, 0 },
		{ "user:bob", 11, 1, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED(question_inquiry) inquiry = NULL;
		struct held h = { 0 };
		char got[SIZE + 1];

		bearings(cases[i].who, "llama", cases[i].since, 0, &inquiry,
		    got);
		question_held(inquiry, take, &h);
		assert_int_equal(h.count, cases[i].count);
		assert_int_equal(h.released, cases[i].released);
	}
}

/* Whoever mounts for somebody else was given the keys, too. */
static void
who_asked_for_another_counts_as_well(void **state)
{
	static const char opening[] =
	    "{\"v\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"kind\":"
	    "\"session.open\",\"by\":\"user:root\",\"session\":1,\"for\":"
	    "\"user:alice\",\"versions\":[{\"model\":\"llama\",\"version\":"
	    "\"v\"}]}";
	static const char release
	    [] = "{\"v\":1,\"time\":\"2026-01-01T00:00:01.000Z\",\"kind\":"
		 "\"release\",\"by\":\"user:root\",\"session\":1,\"version\":"
		 "\"v\",\"bytes\":5}";
	static const char *const who[] = { "user:root", "user:alice",
		"user:bob" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		OWNED(question_inquiry) inquiry = NULL;
		struct question_finding f;
		struct question q;
		char text[128];

		snprintf(text, sizeof(text),
		    "reads %s llama 2026-01-01T00:00:00.000Z -", who[i]);
		assert_int_equal(question_parse(&q, text), 0);
		assert_int_equal(question_begin(&inquiry, &q), 0);
		assert_int_equal(question_look(inquiry, 0, opening,
				     strlen(opening), &f),
		    0);
		assert_int_equal(question_look(inquiry, 1, release,
				     strlen(release), &f),
		    0);
		assert_int_equal(f.bearing,
		    i < 2 ? QUESTION_READ : QUESTION_NOTHING);
		/* A number is given to one session. */
		assert_int_equal(question_look(inquiry, 2, opening,
				     strlen(opening), &f),
		    ERR_FORMAT);
	}
}

static void
what_is_not_understood_is_said(void **state)
{
	static const char *const bad[] = { "", "{}",
		"{\"v\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"kind\":"
		"\"from.later\",\"by\":\"keyd\"}",
		"{\"v\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"kind\":"
		"\"release\",\"by\":\"keyd\"}",
		"{\"v\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"kind\":"
		"\"session.open\",\"by\":\"keyd\",\"session\":1}" };
	OWNED(question_inquiry) inquiry = NULL;
	struct question_finding f;
	struct question q;
	int64_t time;

	(void)state;
	assert_int_equal(question_parse(&q,
			     "reads user:a m 2026-01-01T00:00:00.000Z -"),
	    0);
	assert_int_equal(question_begin(&inquiry, &q), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(question_look(inquiry, i, bad[i],
				     strlen(bad[i]), &f),
		    ERR_FORMAT);
	assert_int_equal(question_time("{\"v\":1,\"time\":\"x", 16, &time),
	    ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_bear_on_whom_and_what_they_are_about),
		cmocka_unit_test(keys_are_held_from_a_release_to_the_close),
		cmocka_unit_test(who_asked_for_another_counts_as_well),
		cmocka_unit_test(what_is_not_understood_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
