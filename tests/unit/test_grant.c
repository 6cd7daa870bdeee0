/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/grant.h"
#include "tests/lib/test.h"
#include "vault/err.h"

#define NOW 1700000000000
#define V1 "1111111111111111111111111111111111111111111111111111111111111111"
#define V2 "2222222222222222222222222222222222222222222222222222222222222222"

static const struct grant_want want = {
	.model = "llama",
	.channel = "latest",
	.version = V1,
	.now_ms = NOW,
};

static void
a_grant_covers_what_it_names(void **state)
{
	static const struct {
		struct grant g;
		bool covers;
	} cases[] = {
		{ { .model = "llama" }, true },
		{ { .model = "llam" }, false },
		{ { .model = "llama2" }, false },
		{ { .model = "llama", .channel = "latest" }, true },
		{ { .model = "llama", .channel = "prod" }, false },
		{ { .model = "llama", .version = V1 }, true },
		{ { .model = "llama", .version = V2 }, false },
		{ { .model = "other", .version = V1 }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(grant_covers(&cases[i].g, &want),
		    cases[i].covers);
}

static void
a_channels_grant_does_not_cover_a_digest(void **state)
{
	const struct grant g = { .model = "llama", .channel = "latest" };
	struct grant_want digest = want;

	(void)state;
	digest.channel = "";
	assert_false(grant_covers(&g, &digest));
}

static void
a_grant_ends_at_its_millisecond(void **state)
{
	struct grant g = { .until_ms = NOW };

	(void)state;
	assert_false(grant_expired(&g, NOW - 1));
	assert_true(grant_expired(&g, NOW));
	g.until_ms = 0;
	assert_false(grant_expired(&g, INT64_MAX));
}

static enum grant_answer
choose(const struct grant *list, size_t n, bool export, uint64_t *id)
{
	struct grant_want w = want;
	const struct grant *g = NULL;
	enum grant_answer answer;

	w.export = export;
	answer = grant_choose(list, n, &w, &g);
	*id = g != NULL ? g->id : 0;
	return answer;
}

static void
load_comes_before_browse_and_what_lasts_before_what_ends(void **state)
{
	const struct grant list[] = {
		{ .id = 1, .model = "llama", .type = MSG_GRANT_BROWSE },
		{ .id = 2,
		    .model = "llama",
		    .type = MSG_GRANT_LOAD,
		    .until_ms = NOW + 1 },
		{ .id = 3,
		    .model = "llama",
		    .type = MSG_GRANT_LOAD,
		    .until_ms = NOW + 9 },
		{ .id = 4, .model = "llama", .type = MSG_GRANT_LOAD },
	};
	uint64_t id;

	(void)state;
	for (size_t n = 1; n <= 4; n++) {
		assert_int_equal(choose(list, n, false, &id), GRANT_OK);
		assert_int_equal(id, n);
	}
}

static void
the_answer_says_what_comes_nearest(void **state)
{
	const struct grant expired = { .id = 1,
		.model = "llama",
		.type = MSG_GRANT_LOAD,
		.export = true,
		.until_ms = NOW };
	const struct grant kept = { .id = 2,
		.model = "llama",
		.type = MSG_GRANT_LOAD };
	const struct grant other = { .id = 3, .model = "other" };
	struct grant both[] = { expired, kept };
	uint64_t id;

	(void)state;
	assert_int_equal(choose(NULL, 0, false, &id), GRANT_NONE);
	assert_int_equal(choose(&other, 1, false, &id), GRANT_NONE);
	assert_int_equal(choose(&expired, 1, false, &id), GRANT_EXPIRED);
	assert_int_equal(choose(&kept, 1, true, &id), GRANT_NO_EXPORT);
	assert_int_equal(choose(both, 2, true, &id), GRANT_NO_EXPORT);
	assert_int_equal(choose(both, 2, false, &id), GRANT_OK);
	assert_int_equal(id, 2);
}

/* --- where, when, and how often at once --- */

static uint32_t
open_sessions(void *arg, uint64_t grant)
{
	const uint32_t *n = arg;

	return grant == 7 ? *n : 0;
}

static bool
is_spent(void *arg, const struct grant *g)
{
	(void)arg;
	return g->id == 7;
}

static void
a_host_that_is_not_asked_for_is_no_matter(void **state)
{
	const struct grant g = { .model = "llama", .hosts = "gpu-* node-1" };
	struct grant_want w = want;

	(void)state;
	assert_int_equal(grant_judge(&g, &w), GRANT_OK);
	w.host = "gpu-";
	assert_int_equal(grant_judge(&g, &w), GRANT_OK);
	w.host = "node-1";
	assert_int_equal(grant_judge(&g, &w), GRANT_OK);
	w.host = "node-12";
	assert_int_equal(grant_judge(&g, &w), GRANT_HOST);
	w.host = "";
	assert_int_equal(grant_judge(&g, &w), GRANT_HOST);
}

static void
one_session_more_than_granted_is_too_many(void **state)
{
	struct grant g = { .id = 7, .model = "llama", .max_sessions = 2 };
	struct grant_want w = want;
	uint32_t n;

	(void)state;
	w.sessions = open_sessions;
	w.arg = &n;
	n = 1;
	assert_int_equal(grant_judge(&g, &w), GRANT_OK);
	n = 2;
	assert_int_equal(grant_judge(&g, &w), GRANT_SESSIONS);
	n = 3;
	assert_int_equal(grant_judge(&g, &w), GRANT_SESSIONS);
	g.max_sessions = 0;
	assert_int_equal(grant_judge(&g, &w), GRANT_OK);
	g.max_sessions = 2;
	g.id = 8; /* under which none are */
	assert_int_equal(grant_judge(&g, &w), GRANT_OK);
}

static void
what_is_used_up_gives_way_to_what_is_not(void **state)
{
	const struct grant list[] = {
		{ .id = 7, .model = "llama", .type = MSG_GRANT_LOAD },
		{ .id = 8,
		    .model = "llama",
		    .type = MSG_GRANT_LOAD,
		    .until_ms = NOW + 1 },
	};
	struct grant_want w = want;
	const struct grant *g;

	(void)state;
	assert_int_equal(grant_choose(list, 2, &w, &g), GRANT_OK);
	assert_int_equal(g->id, 7);
	w.spent = is_spent;
	assert_int_equal(grant_choose(list, 2, &w, &g), GRANT_OK);
	assert_int_equal(g->id, 8);
	assert_int_equal(grant_choose(list, 1, &w, &g), GRANT_SPENT);
	assert_int_equal(g->id, 7);
}

static void
a_grant_that_waits_lets_nothing_before_it_is_approved(void **state)
{
	struct grant g = { .model = "llama", .approvals = 2 };

	(void)state;
	assert_int_equal(grant_judge(&g, &want), GRANT_WAITS);
	g.approved_ms = NOW + 1;
	assert_int_equal(grant_judge(&g, &want), GRANT_WAITS);
	g.approved_ms = NOW;
	assert_int_equal(grant_judge(&g, &want), GRANT_OK);
}

static void
terms_say_all_that_a_grant_lets(void **state)
{
	struct grant g = { .model = "llama",
		.to = "user:bob",
		.type = MSG_GRANT_BROWSE };
	char terms[GRANT_TERMS];

	(void)state;
	grant_terms(&g, terms);
	assert_string_equal(terms, "user:bob may browse llama, without an end");
	g = (struct grant){ .model = "llama",
		.channel = "prod",
		.to = "user:bob",
		.type = MSG_GRANT_LOAD,
		.loads = 1,
		.per_day = true,
		.export = true,
		.until_ms = NOW,
		.hosts = "gpu-* node-1",
		.days = "mon-fri",
		.hours = "08:00-18:00",
		.zone = "+02:00",
		.max_sessions = 3 };
	grant_terms(&g, terms);
	assert_string_equal(terms,
	    "user:bob may load llama:prod 1 time a day and write plain copies,"
	    " until 2023-11-14T22:13:20.000Z, on hosts gpu-* node-1, mon-fri"
	    " 08:00-18:00 +02:00, at most 3 at once");
	*g.zone = *g.hours = '\0';
	*g.channel = '\0';
	snprintf(g.version, sizeof(g.version), "%s", V1);
	grant_terms(&g, terms);
	assert_non_null(strstr(terms, "llama@" V1));
	assert_non_null(strstr(terms, ", mon-fri UTC, at most"));
	/* The longest that there may be. */
	memset(g.model, 'm', sizeof(g.model) - 1);
	memset(g.to, 't', sizeof(g.to) - 1);
	memset(g.hosts, 'h', sizeof(g.hosts) - 1);
	grant_terms(&g, terms);
	assert_non_null(strstr(terms, "at most 3 at once"));
}

/* 1970-01-05 was a Monday. */
#define MONDAY (INT64_C(4) * 86400000)
#define HOUR INT64_C(3600000)

static void
what_was_opened_ends_with_the_grant_or_its_hours(void **state)
{
	struct grant g = { .model = "llama" };

	(void)state;
	assert_null(grant_when_parse(&g.when, "mon", "08:00-18:00", ""));
	assert_int_equal(grant_stands(&g, MONDAY + 8 * HOUR - 1), GRANT_HOURS);
	assert_int_equal(grant_stands(&g, MONDAY + 8 * HOUR), GRANT_OK);
	assert_int_equal(grant_stands(&g, MONDAY + 18 * HOUR - 1), GRANT_OK);
	assert_int_equal(grant_stands(&g, MONDAY + 18 * HOUR), GRANT_HOURS);
	assert_true(grant_ends(&g, MONDAY + 9 * HOUR) == MONDAY + 18 * HOUR);
	g.until_ms = MONDAY + 18 * HOUR + 1;
	assert_true(grant_ends(&g, MONDAY + 9 * HOUR) == MONDAY + 18 * HOUR);
	g.until_ms = MONDAY + 18 * HOUR - 1;
	assert_true(grant_ends(&g, MONDAY + 9 * HOUR) == g.until_ms);
	assert_int_equal(grant_stands(&g, g.until_ms), GRANT_EXPIRED);
	g.when = (struct grant_when){ 0 };
	assert_true(grant_ends(&g, MONDAY) == g.until_ms);
	g.until_ms = 0;
	assert_true(grant_ends(&g, MONDAY) == 0);
	assert_int_equal(grant_stands(&g, INT64_MAX), GRANT_OK);
}

/* Each grant falls short of one rule, in the rules' order: the last is the
 * nearest, whatever the order of the list. */
static void
the_nearest_is_the_one_that_gets_furthest(void **state)
{
	struct grant list[8];
	struct grant_want w = want;
	const struct grant *g;
	uint32_t n = 1;

	(void)state;
	w.host = "laptop";
	w.export = true;
	w.sessions = open_sessions;
	w.spent = is_spent;
	w.arg = &n;
	for (size_t i = 0; i < 8; i++)
		list[i] = (struct grant){ .id = i + 100,
			.model = "llama",
			.export = true };
	snprintf(list[0].channel, sizeof(list[0].channel), "other");
	list[1].until_ms = NOW;
	list[2].approvals = 1;
	list[3].export = false;
	snprintf(list[4].hosts, sizeof(list[4].hosts), "gpu-*");
	assert_null(grant_when_parse(&list[5].when, "", "00:00-00:01", ""));
	list[6].id = 7;
	list[6].max_sessions = 1;
	list[7].id = 7;
	for (size_t k = 1; k <= 8; k++) {
		enum grant_answer a = grant_choose(list, k, &w, &g);

		assert_int_equal(a, GRANT_NONE + k - 1);
		assert_ptr_equal(g, k == 1 ? NULL : &list[k - 1]);
		assert_int_equal(grant_judge(&list[k - 1], &w), a);
		for (enum grant_answer rule = GRANT_NONE; rule < GRANT_ANSWERS;
		     rule++)
			if (rule < a)
				assert_true(
				    grant_keeps(&list[k - 1], &w, rule));
		assert_non_null(grant_answer_text(a));
		assert_non_null(grant_rule_name(a));
	}
	/* Without the ones before, too. */
	assert_int_equal(grant_choose(list + 4, 1, &w, &g), GRANT_HOST);
	assert_int_equal(grant_choose(list + 6, 2, &w, &g), GRANT_SPENT);
}

/* --- what makes a grant --- */

static char llama[] = "llama", none[] = "", bob[] = "user:bob", why[] = "why";
static char bad_host[] = "a/b", zone[] = "UTC";
static char prod[] = "prod", digits[] = V1, bad[] = "NO GOOD";

static struct msg_grant_add
good(void)
{
	return (struct msg_grant_add){
		.model = llama,
		.channel = none,
		.version = none,
		.to = bob,
		.type = MSG_GRANT_LOAD,
		.loads = 1,
		.reason = why,
	};
}

static void
a_good_grant_has_nothing_wrong(void **state)
{
	struct msg_grant_add m = good();

	(void)state;
	assert_null(grant_wrong(&m, NOW));
	m.channel = prod;
	m.until_ms = NOW + 1;
	m.per_day = true;
	assert_null(grant_wrong(&m, NOW));
	m.channel = none;
	m.version = digits;
	assert_null(grant_wrong(&m, NOW));
	m = good();
	m.type = MSG_GRANT_BROWSE;
	m.loads = 0;
	assert_null(grant_wrong(&m, NOW));
}

#define WRONG(field, value)                                                    \
	do {                                                                   \
		struct msg_grant_add x = good();                               \
                                                                               \
		x.field = value;                                               \
		assert_non_null(grant_wrong(&x, NOW));                         \
	} while (0)

static void
each_field_is_looked_at(void **state)
{
	struct msg_grant_add m = good();

	(void)state;
	WRONG(model, none);
	WRONG(model, bad);
	WRONG(channel, bad);
	WRONG(to, llama);
	WRONG(to, none);
	WRONG(loads, 0);
	WRONG(type, MSG_GRANT_BROWSE); /* which has no loads */
	WRONG(until_ms, NOW);
	WRONG(reason, none);
	WRONG(hosts, bad_host);
	WRONG(days, bad);
	WRONG(hours, bad);
	WRONG(zone, zone); /* of nothing */
	WRONG(max_sessions, GRANT_SESSIONS_MAX + 1);
	m.channel = prod;
	m.version = digits;
	assert_non_null(grant_wrong(&m, NOW));
	m = good();
	m.type = MSG_GRANT_BROWSE;
	m.loads = 0;
	m.per_day = true;
	assert_non_null(grant_wrong(&m, NOW));
}

static void
a_reason_has_1024_bytes_at_most(void **state)
{
	char reason[GRANT_REASON_MAX + 2];
	struct msg_grant_add m = good();

	(void)state;
	memset(reason, 'r', sizeof(reason));
	reason[GRANT_REASON_MAX] = '\0';
	m.reason = reason;
	assert_null(grant_wrong(&m, NOW));
	reason[GRANT_REASON_MAX] = 'r';
	reason[GRANT_REASON_MAX + 1] = '\0';
	assert_non_null(grant_wrong(&m, NOW));
}

static void
the_type_says_what_a_session_may(void **state)
{
	enum msg_grant_type t;

	(void)state;
	assert_int_equal(grant_window(MSG_GRANT_LOAD), 64);
	assert_int_equal(grant_window(MSG_GRANT_BROWSE), 1);
	assert_int_equal(grant_readahead_kb(MSG_GRANT_LOAD), 16384);
	assert_int_equal(grant_readahead_kb(MSG_GRANT_BROWSE), 128);
	assert_int_equal(grant_type_parse(&t, "load"), 0);
	assert_string_equal(grant_type_name(t), "load");
	assert_int_equal(grant_type_parse(&t, "browse"), 0);
	assert_string_equal(grant_type_name(t), "browse");
	assert_int_equal(grant_type_parse(&t, "steal"), ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_covers_what_it_names),
		cmocka_unit_test(a_channels_grant_does_not_cover_a_digest),
		cmocka_unit_test(a_grant_ends_at_its_millisecond),
		cmocka_unit_test(
		    load_comes_before_browse_and_what_lasts_before_what_ends),
		cmocka_unit_test(the_answer_says_what_comes_nearest),
		cmocka_unit_test(a_host_that_is_not_asked_for_is_no_matter),
		cmocka_unit_test(one_session_more_than_granted_is_too_many),
		cmocka_unit_test(what_is_used_up_gives_way_to_what_is_not),
		cmocka_unit_test(
		    a_grant_that_waits_lets_nothing_before_it_is_approved),
		cmocka_unit_test(terms_say_all_that_a_grant_lets),
		cmocka_unit_test(
		    what_was_opened_ends_with_the_grant_or_its_hours),
		cmocka_unit_test(the_nearest_is_the_one_that_gets_furthest),
		cmocka_unit_test(a_good_grant_has_nothing_wrong),
		cmocka_unit_test(each_field_is_looked_at),
		cmocka_unit_test(a_reason_has_1024_bytes_at_most),
		cmocka_unit_test(the_type_says_what_a_session_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
