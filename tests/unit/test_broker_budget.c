/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "keys/frame.h"
#include "tests/lib/desk.h"
#include "tests/lib/moved.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

/* 250 chunks of 64 KiB: 2 % are five of them, 1 % two and a half. */
static const size_t sizes[] = { 250 * 65536 };
#define HARD 5
#define SOFT 2
#define LINKS 64
#define CHUNK_PPM 4000
#define ROUNDS 1000

struct scene {
	struct desk d;
	struct desk_person owner;
	struct desk_person links[LINKS];
	size_t count;
	int64_t now_ms;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct digest version;

	assert_non_null(s);
	log_sink(test_hush, NULL);
	moved_boot_s = moved_wall_ms = moved_boot = 0;
	desk_new(&s->d, true);
	desk_person_come(&s->owner, &s->d, 0);
	assert_int_equal(desk_put(&s->owner, "llama", sizes, 1, &version), 0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < s->count; i++)
		desk_person_go(&s->links[i]);
	desk_person_go(&s->owner);
	desk_free(&s->d);
	free(s);
	return 0;
}

static void
restart(struct scene *s, bool cleanly)
{
	desk_person_go(&s->owner);
	desk_restart(&s->d, cleanly);
	desk_person_come(&s->owner, &s->d, 0);
}

static uint64_t
grant(struct scene *s, const char *to, enum msg_grant_type type)
{
	uint64_t id;

	assert_int_equal(desk_grant(&s->owner, "llama", to, type, false, &id),
	    0);
	return id;
}

/* The owner may open sessions for others. */
static uint64_t
open_for(struct scene *s, const char *who, uint8_t token[static 32])
{
	struct msg_session m;
	uint64_t id;

	assert_int_equal(desk_open(&s->owner, "llama", MSG_MOUNT, who, &m), 0);
	id = m.session;
	memcpy(token, m.token, sizeof(m.token));
	msg_session_clear(&m);
	return id;
}

static int
release(struct desk_person *p, uint64_t session, uint64_t first)
{
	struct msg_release_reply r;
	int err = desk_release(p, session, first, 1, &r);

	if (err == 0)
		msg_release_reply_clear(&r);
	return err;
}

static uint64_t
shown(struct scene *s, uint64_t id, const char *key)
{
	OWNED_WRITER body = writer_of(64);
	uint64_t value;
	json_t *j, *v;

	msg_number_write(&body, id);
	j = desk_json(&s->owner, MSG_GRANT_SHOW, &body);
	assert_non_null(j);
	v = json_array_get(json_object_get(j, "versions"), 0);
	assert_non_null(json_object_get(v, key));
	value = (uint64_t)json_integer_value(json_object_get(v, key));
	json_decref(j);
	return value;
}

static int
reset(struct desk_person *p)
{
	OWNED_WRITER body = writer_of(256);

	writer_string(&body, "llama");
	writer_string(&body, "a test");
	return desk_ask(p, MSG_BUDGET_RESET, &body, NULL);
}

static uint64_t
spend_all(struct scene *s)
{
	uint8_t token[32];
	uint64_t session = open_for(s, "user:r", token);

	for (uint64_t i = 0; i < HARD; i++)
		assert_int_equal(release(&s->owner, session, i), 0);
	return session;
}

static void
who_browses_is_refused_beyond_two_percent(void **state)
{
	struct scene *s = *state;
	uint64_t id = grant(s, "user:r", MSG_GRANT_BROWSE), session;
	struct msg_session m;
	json_t *e;

	session = spend_all(s);
	assert_int_equal(release(&s->owner, session, HARD), ERR_DENIED);
	assert_non_null(strstr(s->owner.sentence, "a browse grant is for 2 %"));
	assert_non_null(strstr(s->owner.sentence, "weir grant add llama"));
	e = desk_last(&s->d, "refused");
	assert_string_equal(json_string_value(json_object_get(e, "reason")),
	    "budget spent: principal");
	/* Not the one's who opened it for somebody. */
	assert_string_equal(json_string_value(json_object_get(e, "for")),
	    "user:r");
	assert_int_equal(json_integer_value(json_object_get(e, "session")),
	    session);
	assert_string_equal(json_string_value(json_object_get(e, "model")),
	    "llama");
	json_decref(e);
	/* What was read may be read again, and costs nothing. */
	assert_int_equal(release(&s->owner, session, 0), 0);
	assert_int_equal(shown(s, id, "used_ppm"), 20000);
	assert_int_equal(desk_count(&s->d, "release"), HARD + 1);
	/* And nothing more is opened. */
	assert_int_equal(desk_open(&s->owner, "llama", MSG_MOUNT, "user:r", &m),
	    ERR_DENIED);
	assert_non_null(strstr(s->owner.sentence, "weir grant show"));
}

static void
the_count_outlives_restarts_and_crashes(void **state)
{
	struct scene *s = *state;
	uint64_t id = grant(s, "user:r", MSG_GRANT_BROWSE), session;
	uint8_t token[32];

	for (uint64_t i = 0; i < HARD; i++) {
		session = open_for(s, "user:r", token);
		assert_int_equal(release(&s->owner, session, i), 0);
		restart(s, i % 2 == 0);
		assert_int_equal(shown(s, id, "used_ppm"), CHUNK_PPM * (i + 1));
	}
}

/* The release is on its way to the disk, and keyd dies before it answers. */
static void
a_debit_outlives_a_reply_that_never_came(void **state)
{
	struct scene *s = *state;
	uint64_t id = grant(s, "user:r", MSG_GRANT_BROWSE), session;
	OWNED_WRITER body = writer_of(64);
	struct msg_release m = { .count = 1 };
	unsigned int before;
	uint8_t token[32];

	session = open_for(s, "user:r", token);
	m.session = session;
	msg_release_write(&body, &m);
	before = s->owner.replies;
	desk_send(&s->owner, MSG_RELEASE, &body);
	assert_int_equal(s->owner.replies, before);
	restart(s, false);
	assert_int_equal(shown(s, id, "used_ppm"), CHUNK_PPM);
}

#define DAY_S INT64_C(86400)

static void
clocks_that_are_moved_refill_nothing(void **state)
{
	static const struct {
		int64_t boot_s, wall_s;
		bool restart;
		uint64_t used;
	} moves[] = {
		{ 0, 400 * DAY_S, false, 20000 }, /* forward, */
		{ 0, -400 * DAY_S, true, 20000 }, /* back, */
		{ 0, 4000 * DAY_S, true, 20000 }, /* a leap, */
		{ 0, 4000 * DAY_S, true, 20000 }, /* and there it stays */
		{ -9 * DAY_S, 0, false, 20000 },  /* a boot that goes back */
		{ 28 * DAY_S, 0, false, 20000 },
		{ 32 * DAY_S, 0, false, 0 }, /* time that has passed */
	};
	struct scene *s = *state;
	uint64_t id = grant(s, "user:r", MSG_GRANT_BROWSE);

	(void)spend_all(s);
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		moved_boot_s = moves[i].boot_s;
		moved_wall_ms = moves[i].wall_s * 1000;
		if (moves[i].restart)
			restart(s, i % 2 == 0);
		assert_int_equal(shown(s, id, "used_ppm"), moves[i].used);
	}
}

/* Whoever sets the wall clock forward and starts keyd again, and again. */
static void
a_restart_goes_by_the_time_since_boot(void **state)
{
	struct scene *s = *state;
	uint64_t id = grant(s, "user:r", MSG_GRANT_BROWSE);

	(void)spend_all(s);
	for (int i = 1; i <= 40; i++) {
		moved_wall_ms = i * DAY_S * 1000;
		restart(s, false);
		assert_int_equal(shown(s, id, "used_ppm"), 20000);
	}
	/* A stop of any length counts in full. */
	moved_wall_ms = 0;
	moved_boot_s = 31 * DAY_S;
	restart(s, true);
	assert_int_equal(shown(s, id, "used_ppm"), 0);
}

static void
a_wall_clock_that_goes_to_and_fro_gives_nothing_twice(void **state)
{
	struct scene *s = *state;
	uint64_t id = grant(s, "user:r", MSG_GRANT_BROWSE);

	(void)spend_all(s);
	for (int i = 1; i <= 80; i++) {
		moved_boot++;
		moved_wall_ms = i % 2 * DAY_S * 1000;
		restart(s, i % 3 == 0);
		assert_int_equal(shown(s, id, "used_ppm"), 20000);
	}
	/* 28 more that go forward for good, and with the first one 29 days, */
	for (int i = 2; i <= 29; i++) {
		moved_boot++;
		moved_wall_ms = i * DAY_S * 1000;
		restart(s, false);
		assert_int_equal(shown(s, id, "used_ppm"), 20000);
	}
	/* and it is 30 days whatever was told of the last. */
	for (int i = 0; i < 2; i++) {
		moved_boot++;
		moved_wall_ms += 99 * DAY_S * 1000;
		restart(s, false);
	}
	assert_int_equal(shown(s, id, "used_ppm"), 0);
}

static void
made_again_from_the_trail_it_is_the_same(void **state)
{
	struct scene *s = *state;
	uint64_t browse = grant(s, "user:r", MSG_GRANT_BROWSE);
	uint64_t load = grant(s, "user:l", MSG_GRANT_LOAD);
	uint64_t a, b, used, pool, loaded;
	uint8_t token[32];

	a = open_for(s, "user:r", token);
	b = open_for(s, "user:l", token);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(release(&s->owner, a, i), 0);
	assert_int_equal(reset(&s->owner), 0);
	assert_int_equal(release(&s->owner, a, 3), 0);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(release(&s->owner, b, i % 10), 0);
	restart(s, true);
	used = shown(s, browse, "used_ppm");
	pool = shown(s, browse, "pool_ppm");
	loaded = shown(s, load, "loaded");
	assert_int_equal(used, 4 * CHUNK_PPM);
	assert_int_equal(pool, CHUNK_PPM);
	assert_int_equal(loaded, 10 * 65536);

	assert_int_equal(catalogue_budget_drop(s->d.catalogue), 0);
	assert_int_equal(catalogue_flush(s->d.catalogue), 0);
	assert_int_equal(catalogue_applied(s->d.catalogue), 0);
	restart(s, false);
	assert_int_equal(catalogue_applied(s->d.catalogue),
	    trail_size(s->d.trail));
	assert_int_equal(shown(s, browse, "used_ppm"), used);
	assert_int_equal(shown(s, browse, "pool_ppm"), pool);
	assert_int_equal(shown(s, load, "loaded"), loaded);
}

static void
close_session(struct scene *s, uint64_t session)
{
	OWNED_WRITER body = writer_of(64);
	char reason[] = "done";
	const struct msg_id_reason m = { .id = session, .reason = reason };

	msg_id_reason_write(&body, &m);
	DESK_MUST(desk_ask(&s->owner, MSG_SESSION_CLOSE, &body, NULL));
}

static uint64_t
loads_used(struct scene *s, uint64_t id)
{
	OWNED_WRITER body = writer_of(64);
	uint64_t value;
	json_t *j, *load;

	msg_number_write(&body, id);
	j = desk_json(&s->owner, MSG_GRANT_SHOW, &body);
	load = json_object_get(j, "load");
	assert_non_null(load);
	value = (uint64_t)json_integer_value(json_object_get(load, "used_ppm"));
	json_decref(j);
	return value;
}

static void
remove_for_good(struct scene *s, const struct digest *version)
{
	OWNED_WRITER body = writer_of(4096), dry = writer_of(8);
	char hex[DIGEST_HEX_SIZE], reference[128], reason[] = "a test";
	const struct msg_removal m = { .reference = reference,
		.reason = reason };

	snprintf(reference, sizeof(reference), "llama@%s",
	    digest_hex(version, hex));
	msg_removal_write(&body, &m);
	DESK_MUST(desk_ask(&s->owner, MSG_VERSION_RM, &body, NULL));
	assert_int_equal(loads_used(s, 1), 1000000);
	msg_field_bool_write(&dry, false);
	DESK_MUST(desk_ask(&s->owner, MSG_GC_BEGIN, &dry, NULL));
	DESK_MUST(desk_ask(&s->owner, MSG_GC_END, NULL, NULL));
}

/* Or who loads one version after another would have each one anew. */
static void
what_was_loaded_of_a_version_that_is_gone_counts(void **state)
{
	static const size_t others[] = { 100 * 65536 };
	struct scene *s = *state;
	struct digest old, other;
	struct msg_release_reply r;
	uint64_t session;
	uint8_t token[32];

	assert_int_equal(grant(s, "user:l", MSG_GRANT_LOAD), 1);
	DESK_MUST(
	    catalogue_version_channel(s->d.catalogue, "llama", "latest", &old));
	session = open_for(s, "user:l", token);
	for (uint64_t i = 0; i < 250; i += 50) {
		DESK_MUST(desk_release(&s->owner, session, i, 50, &r));
		msg_release_reply_clear(&r);
	}
	DESK_MUST(desk_put(&s->owner, "llama", others, 1, &other));
	assert_int_equal(loads_used(s, 1), 1000000);
	close_session(s, session);
	remove_for_good(s, &old);
	assert_int_equal(loads_used(s, 1), 1000000);
	restart(s, true);
	assert_int_equal(loads_used(s, 1), 1000000);
	DESK_MUST(catalogue_budget_drop(s->d.catalogue));
	DESK_MUST(catalogue_flush(s->d.catalogue));
	restart(s, false);
	assert_int_equal(loads_used(s, 1), 1000000);
}

static void
above_one_percent_replies_wait_and_nobody_else_does(void **state)
{
	struct scene *s = *state;
	OWNED_WRITER body = writer_of(64);
	struct msg_release m = { .first = SOFT, .count = 1 };
	unsigned int before;
	uint8_t token[32];

	grant(s, "user:r", MSG_GRANT_BROWSE);
	m.session = open_for(s, "user:r", token);
	for (uint64_t i = 0; i < SOFT; i++)
		assert_int_equal(release(&s->owner, m.session, i), 0);
	msg_release_write(&body, &m);
	s->links[0].d = NULL;
	desk_person_come(&s->links[0], &s->d, 0);
	s->count = 1;
	before = s->owner.replies;
	desk_send(&s->owner, MSG_RELEASE, &body);
	/* Somebody else is answered, by what is recorded after it. */
	assert_int_equal(desk_role(&s->links[0], MSG_ROLE_ADD, "reviewer", "",
			     "user:bin"),
	    0);
	assert_int_equal(desk_count(&s->d, "release"), SOFT + 1);
	assert_int_equal(s->owner.replies, before);
	broker_tick(s->d.broker, s->d.broker->now_ms + BUDGET_SLOW_MS - 1);
	assert_int_equal(s->owner.replies, before);
	broker_tick(s->d.broker, s->d.broker->now_ms + 1);
	assert_int_equal(s->owner.replies, before + 1);
}

static void
a_reset_is_not_for_who_browses(void **state)
{
	struct scene *s = *state;
	uint64_t session, id = grant(s, "user:root", MSG_GRANT_BROWSE);
	uint8_t token[32];
	json_t *e;

	grant(s, "user:r", MSG_GRANT_BROWSE);
	session = open_for(s, "user:r", token);
	assert_int_equal(release(&s->owner, session, 0), 0);
	assert_int_equal(reset(&s->owner), 0);
	e = desk_last(&s->d, "budget.reset");
	assert_int_equal(json_array_size(json_object_get(e, "contributors")),
	    1);
	json_decref(e);
	assert_int_equal(shown(s, id, "pool_ppm"), 0);
	session = open_for(s, "user:root", token);
	assert_int_equal(release(&s->owner, session, 0), 0);
	assert_int_equal(reset(&s->owner), ERR_DENIED);
	assert_int_equal(desk_count(&s->d, "budget.reset"), 1);
}

/* --- the race --- */

static int
answer_of(struct desk_person *p)
{
	char *sentence = NULL;
	struct reader r;
	struct frame f;
	size_t used;
	int err;

	assert_int_equal(frame_parse(&f, p->answer.bytes, p->answer.length,
			     &used),
	    0);
	r = reader_of(f.body, f.length);
	assert_int_equal(msg_status_read(&r, &err, &sentence), 0);
	free(sentence);
	return err;
}

static void
keys_that_are_held_back_end_with_their_grant(void **state)
{
	struct scene *s = *state;
	OWNED_WRITER body = writer_of(64);
	struct msg_release m = { .first = SOFT, .count = 1 };
	uint64_t id = grant(s, "user:r", MSG_GRANT_BROWSE);
	uint8_t token[32];

	m.session = open_for(s, "user:r", token);
	for (uint64_t i = 0; i < SOFT; i++)
		assert_int_equal(release(&s->owner, m.session, i), 0);
	msg_release_write(&body, &m);
	s->links[0].d = NULL;
	desk_person_come(&s->links[0], &s->d, 0);
	s->count = 1;
	desk_send(&s->owner, MSG_RELEASE, &body);
	assert_int_equal(desk_grant_rm(&s->links[0], id), 0);
	assert_int_equal(desk_count(&s->d, "release"), SOFT + 1);
	broker_tick(s->d.broker, s->d.broker->now_ms + BUDGET_SLOW_MS);
	assert_true(s->owner.answered);
	assert_int_equal(answer_of(&s->owner), ERR_DENIED);
}

static void
wait_for_all(struct scene *s)
{
	for (size_t i = 0; i < LINKS; i++)
		while (!s->links[i].answered) {
			assert_int_equal(broker_failed(s->d.broker), 0);
			broker_durable(s->d.broker);
			/* Replies that are held back, and refusals. */
			s->now_ms += 4000;
			broker_tick(s->d.broker, s->now_ms);
		}
}

static void
resume_all(struct scene *s, uint64_t session, const uint8_t token[static 32])
{
	OWNED_WRITER body = writer_of(64);
	struct msg_session_resume m = { .session = session };

	memcpy(m.token, token, sizeof(m.token));
	msg_session_resume_write(&body, &m);
	for (size_t i = 0; i < LINKS; i++)
		desk_send(&s->links[i], MSG_SESSION_RESUME, &body);
	wait_for_all(s);
}

/* Each asks for a chunk of its own, all at once: how many get it. */
static unsigned int
race(struct scene *s, uint64_t session, uint64_t from)
{
	unsigned int got = 0;

	for (size_t i = 0; i < LINKS; i++) {
		OWNED_WRITER body = writer_of(64);
		const struct msg_release m = { .session = session,
			.first = from + i,
			.count = 1 };

		msg_release_write(&body, &m);
		desk_send(&s->links[i], MSG_RELEASE, &body);
	}
	wait_for_all(s);
	for (size_t i = 0; i < LINKS; i++)
		got += answer_of(&s->links[i]) == 0;
	return got;
}

static void
of_64_connections_no_more_get_it_than_there_is(void **state)
{
	struct scene *s = *state;
	const char *fewer = getenv("WEIR_RACES");
	unsigned int rounds = fewer != NULL ?
	    (unsigned int)strtoul(fewer, NULL, 10) :
	    ROUNDS;

	for (s->count = 0; s->count < LINKS; s->count++)
		desk_person_come(&s->links[s->count], &s->d, 0);
	for (unsigned int round = 0; round < rounds; round++) {
		uint64_t session, taken = round % HARD;
		char who[32];
		uint8_t token[32];

		snprintf(who, sizeof(who), "user:r%u", round);
		grant(s, who, MSG_GRANT_BROWSE);
		session = open_for(s, who, token);
		resume_all(s, session, token);
		/* What is left is not always all of it. */
		for (uint64_t i = 0; i < taken && i < SOFT; i++)
			assert_int_equal(release(&s->owner, session, i), 0);
		if (taken > SOFT)
			taken = SOFT;
		assert_int_equal(race(s, session, 100), HARD - taken);
		close_session(s, session);
		assert_int_equal(reset(&s->owner), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_browses_is_refused_beyond_two_percent),
		TEST(the_count_outlives_restarts_and_crashes),
		TEST(a_debit_outlives_a_reply_that_never_came),
		TEST(clocks_that_are_moved_refill_nothing),
		TEST(a_restart_goes_by_the_time_since_boot),
		TEST(a_wall_clock_that_goes_to_and_fro_gives_nothing_twice),
		TEST(made_again_from_the_trail_it_is_the_same),
		TEST(what_was_loaded_of_a_version_that_is_gone_counts),
		TEST(above_one_percent_replies_wait_and_nobody_else_does),
		TEST(keys_that_are_held_back_end_with_their_grant),
		TEST(a_reset_is_not_for_who_browses),
		TEST(of_64_connections_no_more_get_it_than_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
