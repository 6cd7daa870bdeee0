/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "tests/lib/test.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define WORDS_MAX 400

static const volatile bool never;

struct call {
	char text[8192];
	char *argv[WORDS_MAX + 1];
	int argc;
	struct options o;
	struct options_operands operands;
	bool flag;
	const char *value;
	struct options_list list;
	char said[512];
};

static void
listen(void *arg, const char *line)
{
	struct call *c = arg;

	snprintf(c->said, sizeof(c->said), "%s", line);
}

/* A command line, its words between single blanks. */
static void
begin(struct call *c, const char *line)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->text, sizeof(c->text), "%s", line);
	for (char *word = c->text; word != NULL && c->argc < WORDS_MAX;) {
		c->argv[c->argc++] = word;
		word = strchr(word, ' ');
		if (word != NULL)
			*word++ = '\0';
	}
	options_init(&c->o, &never);
	c->o.program = "weir test";
	log_sink(listen, c);
}

static int
parse(struct call *c, const char *line)
{
	begin(c, line);

	const struct options_own own[] = {
		{ "flag", 'f', OPTIONS_FLAG, &c->flag },
		{ "value", 0, OPTIONS_TEXT, &c->value },
		{ "item", 'i', OPTIONS_LIST, &c->list },
		OPTIONS_END,
	};

	return options_parse(&c->o, own, c->argc, c->argv, &c->operands);
}

static void
options_may_stand_anywhere_before_two_dashes(void **state)
{
	struct call c;

	(void)state;
	assert_int_equal(parse(&c, "test a -f b --value v -V dir c --json"), 0);
	assert_true(c.flag);
	assert_true(c.o.json);
	assert_string_equal(c.value, "v");
	assert_string_equal(c.o.vault, "dir");
	assert_int_equal(c.operands.count, 3);
	assert_int_equal(c.operands.before, 3);
	assert_false(c.operands.divided);
	assert_string_equal(c.operands.items[0], "a");
	assert_string_equal(c.operands.items[1], "b");
	assert_string_equal(c.operands.items[2], "c");
	assert_null(c.operands.items[3]);
}

static void
what_follows_two_dashes_is_never_an_option(void **state)
{
	struct call c;

	(void)state;
	assert_int_equal(parse(&c, "test a -f b -- -f --value -- x"), 0);
	assert_int_equal(c.operands.before, 2);
	assert_true(c.operands.divided);
	assert_int_equal(c.operands.count, 6);
	assert_string_equal(c.operands.items[1], "b");
	assert_string_equal(c.operands.items[2], "-f");
	assert_string_equal(c.operands.items[3], "--value");
	assert_string_equal(c.operands.items[4], "--");
	assert_string_equal(c.operands.items[5], "x");
	assert_null(c.operands.items[6]);

	assert_int_equal(parse(&c, "test --"), 0);
	assert_int_equal(c.operands.count, 0);
	assert_int_equal(parse(&c, "test a --"), 0);
	assert_int_equal(c.operands.count, 1);
	assert_int_equal(c.operands.before, 1);
}

static void
a_list_option_keeps_its_order_up_to_its_limit(void **state)
{
	char line[8192] = "test";
	struct call c;

	(void)state;
	for (int i = 0; i < OPTIONS_LIST_MAX / 2; i++)
		memcpy(line + strlen(line), " -ix -iy", sizeof(" -ix -iy"));
	assert_int_equal(parse(&c, line), 0);
	assert_int_equal(c.list.count, OPTIONS_LIST_MAX);
	assert_string_equal(c.list.items[0], "x");
	assert_string_equal(c.list.items[OPTIONS_LIST_MAX - 1], "y");

	memcpy(line + strlen(line), " -iz", sizeof(" -iz"));
	assert_int_equal(parse(&c, line), ERR_USAGE);
}

static void
refuses_unknown_options_by_name(void **state)
{
	struct call c;

	(void)state;
	assert_int_equal(parse(&c, "test --frobnicate"), ERR_USAGE);
	assert_non_null(strstr(c.said, "--frobnicate"));
	assert_non_null(strstr(c.said, "weir help test"));
	assert_int_equal(parse(&c, "test a -x"), ERR_USAGE);
	assert_int_equal(parse(&c, "test --value"), ERR_USAGE);
	assert_non_null(strstr(c.said, "needs a value"));
	assert_int_equal(parse(&c, "test -V"), ERR_USAGE);
	assert_int_equal(parse(&c, "test --flag=x"), ERR_USAGE);
}

static void
holds_operands_to_their_number(void **state)
{
	static const char *const lines[] = { "test", "test a", "test a b",
		"test a b c", "test a -- b c", "test -- a b" };
	static const int wanted[] = { ERR_USAGE, 0, 0, ERR_USAGE, ERR_USAGE,
		0 };
	struct call c;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		begin(&c, lines[i]);
		c.o.least = 1;
		c.o.most = 2;
		assert_int_equal(options_parse(&c.o, NULL, c.argc, c.argv,
				     &c.operands),
		    wanted[i]);
	}
}

static void
names_the_operand_that_is_missing(void **state)
{
	static const struct {
		const char *usage;
		const char *line;
		const char *said;
	} cases[] = {
		{ "MODEL PATH... [--x Y]\nmore\n", "test", "MODEL is missing" },
		{ "MODEL PATH... [--x Y]\nmore\n", "test a",
		    "PATH is missing" },
		{ "[--force] DIR\n", "test", "DIR is missing" },
		{ "[A [B] C] DIR\n", "test", "DIR is missing" },
		{ "REF --to WHOM\n", "test a", "an argument is missing" },
		{ "\nREF\n", "test", "an argument is missing" },
		{ NULL, "test", "an argument is missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call c;

		begin(&c, cases[i].line);
		c.o.least = 2;
		c.o.usage = cases[i].usage;
		assert_int_equal(options_parse(&c.o, NULL, c.argc, c.argv,
				     &c.operands),
		    ERR_USAGE);
		assert_non_null(strstr(c.said, cases[i].said));
	}
}

static void
global_options_end_at_the_verb(void **state)
{
	struct call c;
	int next;

	(void)state;
	begin(&c, "weir -V dir --json put --quiet");
	assert_int_equal(options_globals(&c.o, c.argc, c.argv, &next), 0);
	assert_int_equal(next, 4);
	assert_string_equal(c.argv[next], "put");
	assert_true(c.o.json);
	assert_false(c.o.quiet);

	begin(&c, "weir --frobnicate put");
	assert_int_equal(options_globals(&c.o, c.argc, c.argv, &next),
	    ERR_USAGE);
}

static void
numbers_are_whole_and_bounded(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "1x",
		"x", "101", "18446744073709551616", "0x10", "1.5" };
	struct call c;
	uint64_t n = 7;

	(void)state;
	begin(&c, "test");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(options_number(&c.o, "N", bad[i], 100, &n),
		    ERR_USAGE);
	assert_int_equal(n, 7);
	assert_int_equal(options_number(&c.o, "N", "0", 100, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(options_number(&c.o, "N", "100", 100, &n), 0);
	assert_int_equal(n, 100);
	assert_int_equal(options_number(&c.o, "N", "18446744073709551615",
			     UINT64_MAX, &n),
	    0);
	assert_true(n == UINT64_MAX);
}

static void
times_are_dates_or_distances(void **state)
{
	static const char *const bad[] = { "", "x", "1", "d", "-1d", "1dd",
		"1 d", "1y", "1000001d", "2026-13-01",
		"99999999999999999999d" };
	int64_t now = clock_wall_ms();
	int64_t t = 7;
	struct call c;

	(void)state;
	begin(&c, "test");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(options_time(&c.o, "T", bad[i], 1, &t),
		    ERR_USAGE);
	assert_int_equal(t, 7);
	assert_int_equal(options_time(&c.o, "T", "1970-01-02", 1, &t), 0);
	assert_int_equal(t, 86400000);
	assert_int_equal(options_time(&c.o, "T", "2h", 1, &t), 0);
	assert_in_range(t, now + 7200000, clock_wall_ms() + 7200000);
	assert_int_equal(options_time(&c.o, "T", "2w", -1, &t), 0);
	assert_in_range(t, now - 1209600000, clock_wall_ms() - 1209600000);
}

static void
a_bare_name_is_told_from_a_principal(void **state)
{
	struct call c;

	(void)state;
	begin(&c, "test");
	assert_int_equal(options_principal(&c.o, "user:alice"), 0);
	assert_int_equal(options_principal(&c.o, "alice"), ERR_USAGE);
	assert_non_null(strstr(c.said, "did you mean 'user:alice'"));
	assert_int_equal(options_principal(&c.o, "a b"), ERR_USAGE);
	assert_null(strstr(c.said, "did you mean"));
	assert_int_equal(options_principal(&c.o, ""), ERR_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_may_stand_anywhere_before_two_dashes),
		cmocka_unit_test(what_follows_two_dashes_is_never_an_option),
		cmocka_unit_test(a_list_option_keeps_its_order_up_to_its_limit),
		cmocka_unit_test(refuses_unknown_options_by_name),
		cmocka_unit_test(holds_operands_to_their_number),
		cmocka_unit_test(names_the_operand_that_is_missing),
		cmocka_unit_test(global_options_end_at_the_verb),
		cmocka_unit_test(numbers_are_whole_and_bounded),
		cmocka_unit_test(times_are_dates_or_distances),
		cmocka_unit_test(a_bare_name_is_told_from_a_principal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
