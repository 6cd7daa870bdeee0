/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_rules.h"
#include "vault/err.h"

static char said[256];
static const struct why why = { said, sizeof(said) };

static int
parse(struct watch_rules *r, const char *text)
{
	said[0] = '\0';
	return watch_rules_parse(r, text, strlen(text), &why);
}

/* Refused, and told so. */
static void
refuses(const char *text, const char *reason)
{
	struct watch_rules before, r;

	memset(&r, 0x5a, sizeof(r));
	before = r;
	assert_int_equal(parse(&r, text), ERR_FORMAT);
	assert_string_equal(said, reason);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void
nothing_is_the_defaults(void **state)
{
	struct watch_rules r, usual;

	(void)state;
	watch_rules_default(&usual);
	assert_int_equal(parse(&r, ""), 0);
	assert_memory_equal(&r, &usual, sizeof(r));
	assert_int_equal(parse(&r, "# a comment\n\n; another\r\n  \t\n"), 0);
	assert_memory_equal(&r, &usual, sizeof(r));
	assert_true(r.rules[WATCH_BROWSE_HALF].enabled);
	assert_int_equal(r.browse_half, 10000);
	assert_int_equal(r.pool_near, 25000);
	assert_int_equal(r.pool_narrow, 30000);
	assert_int_equal(r.drip_k, 250000);
	assert_int_equal(r.drip_h, 9000000);
}

static void
what_it_prints_it_reads_back(void **state)
{
	OWNED_MEM(char) text = NULL;
	OWNED_MEM(char) again = NULL;
	struct watch_rules r, back;

	(void)state;
	assert_int_equal(parse(&r,
			     "[burst]\n1m = 0.0123%\nenabled = no\n"
			     "[older-version]\nafter = 90s\n"
			     "[drip]\nk=0.000001\n"
			     "[unread-releases]\nslack = 3K\nmost = 2T\n"
			     "[memory]\nsessions = 17\n"),
	    0);
	text = watch_rules_text(&r);
	assert_non_null(text);
	assert_int_equal(parse(&back, text), 0);
	assert_memory_equal(&r, &back, sizeof(r));
	again = watch_rules_text(&back);
	assert_string_equal(text, again);
	assert_int_equal(back.burst[WATCH_MINUTE], 123);
	assert_false(back.rules[WATCH_BURST].enabled);
	assert_int_equal(back.older_after, 90);
	assert_int_equal(back.drip_k, 1);
	assert_int_equal(back.unread_slack, 3072);
	assert_int_equal(back.max_sessions, 17);
}

static void
every_rule_may_be_turned_off_and_weighed(void **state)
{
	(void)state;
	for (unsigned int id = 0; id < WATCH_RULES; id++) {
		struct watch_rules r;
		char text[128];

		snprintf(text, sizeof(text),
		    "[%s]\nenabled = no\nseverity = info\npause = 1m\n",
		    watch_rules_name((enum watch_rule_id)id));
		assert_int_equal(parse(&r, text), 0);
		assert_false(r.rules[id].enabled);
		assert_int_equal(r.rules[id].severity, WATCH_INFO);
		assert_int_equal(r.rules[id].pause, 60);
	}
}

static void
what_it_does_not_know_is_refused_with_its_line(void **state)
{
	(void)state;
	refuses("[brwose-half]\n", "line 1: there is no rule 'brwose-half'");
	refuses("\n\n[drip]\nq = 1\n", "line 4: [drip] has no key 'q'");
	refuses("[memory]\npause = 1d\n",
	    "line 2: [memory] has no key 'pause'");
	refuses("enabled = no\n", "line 1: a key before the first [RULE]");
	refuses("[drip\n", "line 1: a section is [NAME]");
	refuses("[]\n", "line 1: a section is [NAME]");
	refuses("[drip]\nhello\n",
	    "line 2: neither [RULE] nor KEY = VALUE: 'hello'");
	refuses("[drip]\nhe\x1bllo\n",
	    "line 2: neither [RULE] nor KEY = VALUE: 'he\\x1bllo'");
	refuses("[drip]\n[crawl]\n[drip]\n",
	    "line 3: [drip] is there already, at line 1");
	refuses("[drip]\nk = 1\nk = 1\n",
	    "line 3: k is there already, at line 2");
	refuses("[drip]\npause = 1d\npause = 2d\n",
	    "line 3: pause is there already, at line 2");
}

static void
values_are_what_they_should_be(void **state)
{
	(void)state;
	refuses("[drip]\nenabled = true\n",
	    "line 2: enabled is yes or no, and not 'true'");
	refuses("[drip]\nseverity = High\n",
	    "line 2: severity is info, low, medium or high, and not 'High'");
	refuses("[drip]\npause = 1\n",
	    "line 2: pause is a time: 90s, 5m, 12h or 7d, and not '1'");
	refuses("[drip]\npause = -1s\n",
	    "line 2: pause is a time: 90s, 5m, 12h or 7d, and not '-1s'");
	refuses("[drip]\npause = 1.5h\n",
	    "line 2: pause is a time: 90s, 5m, 12h or 7d, and not '1.5h'");
	refuses("[drip]\nshare = 1\n",
	    "line 2: share is a share: 1% or 0.25%, and not '1'");
	refuses("[drip]\nshare = 0.00001%\n",
	    "line 2: share is a share: 1% or 0.25%, and not '0.00001%'");
	refuses("[drip]\nshare = 1.%\n",
	    "line 2: share is a share: 1% or 0.25%, and not '1.%'");
	refuses("[drip]\nk = 0.1234567\n",
	    "line 2: k is a number: 9 or 0.25, and not '0.1234567'");
	refuses("[drip]\nk = 1e3\n",
	    "line 2: k is a number: 9 or 0.25, and not '1e3'");
	refuses("[drip]\npast =\n",
	    "line 2: past is a whole number, and not ''");
	refuses("[drip]\npast = 99999999999999999999\n",
	    "line 2: past is a whole number, and not '99999999999999999999'");
	refuses("[unread-releases]\nslack = 9999999999T\n",
	    "line 2: slack is a size: 512K, 32M, 1G or bytes, and not "
	    "'9999999999T'");
}

static void
limits_hold_at_n_and_not_beyond(void **state)
{
	struct watch_rules r;

	(void)state;
	assert_int_equal(parse(&r, "[browse-half]\nshare = 2%\n"), 0);
	refuses("[browse-half]\nshare = 2.0001%\n",
	    "line 2: share is from 0.0001% to 2%, and not 2.0001%");
	assert_int_equal(parse(&r, "[browse-half]\nshare = 0.0001%\n"), 0);
	refuses("[browse-half]\nshare = 0%\n",
	    "line 2: share is from 0.0001% to 2%, and not 0%");
	assert_int_equal(parse(&r, "[drip]\npast = 128\n"), 0);
	refuses("[drip]\npast = 129\n",
	    "line 2: past is from 8 to 128, and not 129");
	assert_int_equal(parse(&r, "[drip]\npause = 60s\n"), 0);
	refuses("[drip]\npause = 59s\n",
	    "line 2: pause is from 1m to 30d, and not 59s");
	assert_int_equal(parse(&r, "[drip]\npause = 30d\n"), 0);
	refuses("[drip]\npause = 721h\n",
	    "line 2: pause is from 1m to 30d, and not 721h");
}

static void
what_could_never_be_is_refused(void **state)
{
	struct watch_rules r;

	(void)state;
	/* keyd gives nothing more from there on. */
	refuses("[pool-narrow]\nshare = 5.1%\n",
	    "line 2: share is from 0.0001% to 5%, and not 5.1%");
	refuses("[pool-near]\nshare = 3.5%\n",
	    "line 2: pool-near is above pool-narrow, and could never be met "
	    "before it");
	refuses("[pool-narrow]\nshare = 1%\n",
	    "line 2: pool-near is above pool-narrow, and could never be met "
	    "before it");
	assert_int_equal(parse(&r, "[pool-near]\nshare = 3%\n"), 0);
	refuses("[burst]\n1h = 0.8%\n",
	    "line 2: 1h is above 1d, and could never be met before it");
	assert_int_equal(parse(&r, "[burst]\n1h = 0.75%\n"), 0);
}

static void
text_is_bounded(void **state)
{
	struct watch_rules r;
	char line[600];
	char *text;

	(void)state;
	memset(line, '#', sizeof(line));
	line[512] = '\0';
	assert_int_equal(parse(&r, line), 0);
	memset(line, '#', 513);
	line[513] = '\0';
	refuses(line, "line 1: it has more than 512 bytes");
	assert_int_equal(watch_rules_parse(&r, "[drip]\n\0", 8, &why),
	    ERR_FORMAT);
	assert_string_equal(said, "line 2: it has a NUL in it");

	text = malloc(WATCH_RULES_TEXT_MAX + 1);
	assert_non_null(text);
	memset(text, '\n', WATCH_RULES_TEXT_MAX + 1);
	assert_int_equal(watch_rules_parse(&r, text, WATCH_RULES_TEXT_MAX,
			     &why),
	    0);
	assert_int_equal(watch_rules_parse(&r, text, WATCH_RULES_TEXT_MAX + 1,
			     &why),
	    ERR_LIMIT);
	free(text);
}

static void
every_flipped_bit_is_read_or_refused(void **state)
{
	static const char text[] = "[burst]\n1m = 0.5%\n1h = 0.6%\n"
				   "[drip]\nk = 0.25\nseverity = high\n";

	(void)state;
	for (size_t bit = 0; bit < 8 * strlen(text); bit++) {
		char copy[sizeof(text)];
		struct watch_rules r, back;
		OWNED_MEM(char) printed = NULL;

		memcpy(copy, text, sizeof(text));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		if (watch_rules_parse(&r, copy, strlen(text), &why) != 0) {
			assert_memory_equal(said, "line ", 5);
			continue;
		}
		printed = watch_rules_text(&r);
		assert_int_equal(parse(&back, printed), 0);
		assert_memory_equal(&r, &back, sizeof(r));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_the_defaults),
		cmocka_unit_test(what_it_prints_it_reads_back),
		cmocka_unit_test(every_rule_may_be_turned_off_and_weighed),
		cmocka_unit_test(
		    what_it_does_not_know_is_refused_with_its_line),
		cmocka_unit_test(values_are_what_they_should_be),
		cmocka_unit_test(limits_hold_at_n_and_not_beyond),
		cmocka_unit_test(what_could_never_be_is_refused),
		cmocka_unit_test(text_is_bounded),
		cmocka_unit_test(every_flipped_bit_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
