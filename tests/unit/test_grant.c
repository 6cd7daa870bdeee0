/* SPDX-License-Identifier: Apache-2.0 */
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

/* --- what makes a grant --- */

static char llama[] = "llama", none[] = "", bob[] = "user:bob", why[] = "why";
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
		cmocka_unit_test(a_good_grant_has_nothing_wrong),
		cmocka_unit_test(each_field_is_looked_at),
		cmocka_unit_test(a_reason_has_1024_bytes_at_most),
		cmocka_unit_test(the_type_says_what_a_session_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
