/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complete.h"
#include "tests/lib/test.h"
#include "vault/err.h"

#define WORDS_MAX 40
#define ROWS_MAX 40

static const volatile bool never;

/* What one command gave to options_parse. */
struct told {
	struct options_own rows[ROWS_MAX];
	size_t count;
};

static void
keep(void *to, const struct options_own *row)
{
	struct told *t = to;

	assert_in_range(t->count, 0, ROWS_MAX - 1);
	assert_null(row->to);
	t->rows[t->count++] = *row;
}

static void
ask(struct told *t, const struct commands_row *row)
{
	char verb[] = "verb";
	char *argv[] = { verb, NULL };
	struct options o;

	options_init(&o, &never);
	o.program = "weir test";
	o.tell = keep;
	o.tell_to = t;
	t->count = 0;
	assert_int_equal(row->run(&o, 1, argv), ERR_USAGE);
}

static void
each_command_hands_out_its_options_and_does_nothing(void **state)
{
	const struct commands_row *row;
	struct told t;

	(void)state;
	for (size_t i = 0; (row = commands_row(i)) != NULL; i++) {
		ask(&t, row);
		if (t.count < 7)
			fail_msg("%s hands out %zu options", row->name,
			    t.count);
	}
}

/* What a command takes, its usage tells; NULL or what is wrong. */
static const char *
wrong_with(const struct commands_row *row, const struct options_own *own)
{
	struct usage_place p;

	if (!usage_has(row->usage, own->name) &&
	    !usage_has(complete_shared(), own->name))
		return "is not in the usage text";
	if (own->kind == OPTIONS_FLAG)
		return NULL;
	if (!usage_value(row->usage, own->name, &p) &&
	    !usage_value(complete_shared(), own->name, &p))
		return "has no value that usage.c knows";
	return NULL;
}

static void
each_option_is_told_of_and_its_value_is_known(void **state)
{
	static const struct options_own secret = { "secret-option", 0,
		OPTIONS_FLAG, NULL };
	static const struct options_own valued = { "yes", 0, OPTIONS_TEXT,
		NULL };
	const struct commands_row *row;
	size_t bad = 0;
	struct told t;

	(void)state;
	for (size_t i = 0; (row = commands_row(i)) != NULL; i++) {
		ask(&t, row);
		for (size_t k = 0; k < t.count; k++) {
			const char *wrong = wrong_with(row, &t.rows[k]);

			if (wrong == NULL)
				continue;
			print_error("%s --%s %s\n", row->name, t.rows[k].name,
			    wrong);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	/* And it would be found out. */
	assert_non_null(wrong_with(commands_row(0), &secret));
	assert_non_null(wrong_with(commands_row(0), &valued));
}

/* Options that usage texts name and that the command does not take; those in
 * sentences about other commands are in quotes or behind a command's name. */
static void
each_option_that_a_usage_tells_of_is_taken(void **state)
{
	const struct commands_row *row;
	struct told t;
	size_t bad = 0;

	(void)state;
	for (size_t i = 0; (row = commands_row(i)) != NULL; i++) {
		ask(&t, row);
		for (const char *at = row->usage;
		     (at = strstr(at, "--")) != NULL; at += 2) {
			size_t n = strspn(at + 2,
				   "abcdefghijklmnopqrstuvwxyz-"),
			       k;
			const char *line = at;

			while (line > row->usage && line[-1] != '\n')
				line--;
			/* A summary, or the head of an option's line. */
			if (n == 0 ||
			    (line != row->usage &&
				strncmp(line, "           ", 11) != 0 &&
				strncmp(line, "  -", 3) != 0) ||
			    (strncmp(line, "  -", 3) == 0 && at != line + 2))
				continue;
			for (k = 0; k < t.count; k++)
				if (strlen(t.rows[k].name) == n &&
				    strncmp(t.rows[k].name, at + 2, n) == 0)
					break;
			if (k < t.count)
				continue;
			print_error("%s does not take %.*s\n", row->name,
			    (int)n + 2, at);
			bad++;
		}
	}
	assert_int_equal(bad, 0);
}

static void
each_operand_is_known(void **state)
{
	const struct commands_row *row;
	struct usage_place p;
	size_t bad = 0;

	(void)state;
	for (size_t i = 0; (row = commands_row(i)) != NULL; i++)
		for (size_t n = 0; n < row->most && n < 3; n++)
			if (row->run != cmd_complete &&
			    (row->run != cmd_help || n == 0) &&
			    !usage_operand(row->usage, n, &p)) {
				print_error("%s: operand %zu\n", row->name, n);
				bad++;
			}
	assert_int_equal(bad, 0);
	assert_false(usage_operand("UNHEARD-OF", 0, &p));
	assert_false(usage_operand("REF", 1, &p));
}

/* "grant|add|" -> what comes next, "word word", and what the shell adds. */
struct scene {
	char text[256];
	char said[4096];
	struct complete c;
};

static void
complete(struct scene *s, const char *line)
{
	char *argv[WORDS_MAX];
	struct options o;
	json_t *one;
	size_t i, length = 0;
	int argc = 0;

	options_init(&o, &never);
	snprintf(s->text, sizeof(s->text), "%s", line);
	for (char *at = s->text; at != NULL;) {
		argv[argc++] = at;
		at = strchr(at, '|');
		if (at != NULL)
			*at++ = '\0';
	}
	assert_int_equal(complete_line(&s->c, &o, argc, argv), 0);
	s->said[0] = '\0';
	json_array_foreach(s->c.words, i, one)
		length += (size_t)snprintf(s->said + length,
		    sizeof(s->said) - length, "%s%s", i > 0 ? " " : "",
		    json_string_value(json_object_get(one, "word")));
}

static void
lines_are_completed(void **state)
{
	static const struct {
		const char *line, *words;
		unsigned int what;
	} cases[] = {
		{ "gran", "grant", 0 },
		{ "grant", "grant", 0 },
		{ "grant|a", "add approve", 0 },
		{ "grant|nonsense|", "", 0 },
		{ "nonsense|", "", 0 },
		{ "promo", "promote", 0 },
		{ "promote|a", "approve", USAGE_VERSIONS },
		{ "promote|approve|", "", 0 },
		{ "-V|", "", USAGE_DIRECTORIES },
		{ "--vault|", "", USAGE_DIRECTORIES },
		{ "-V|x|umou", "umount", 0 },
		{ "--json|umou", "umount", 0 },
		{ "--vers", "--version", 0 },
		{ "put|", "", USAGE_MODELS },
		{ "put|llama|", "", USAGE_FILES },
		{ "put|llama|a|b|", "", USAGE_FILES },
		{ "put|--compress|", "auto off max", 0 },
		{ "put|--compress=",
		    "--compress=auto --compress=off "
		    "--compress=max",
		    0 },
		{ "put|--compress=m", "--compress=max", 0 },
		{ "put|--ref-out=x|", "", USAGE_MODELS },
		{ "put|--ref-out|x|", "", USAGE_MODELS },
		{ "put|--ref-out=", "", USAGE_FILES },
		{ "put|--no-such=", "", 0 },
		{ "put|--all", "--allow-pickle --allow-swap", 0 },
		{ "mount|", "",
		    USAGE_MODELS | USAGE_VERSIONS | USAGE_CHANNELS },
		{ "mount|x|", "",
		    USAGE_MODELS | USAGE_VERSIONS | USAGE_CHANNELS |
			USAGE_DIRECTORIES },
		{ "mount|--user|", "", USAGE_ACCOUNTS },
		{ "mount|x|y|--|", "", USAGE_PROGRAMS | USAGE_FILES },
		{ "umount|", "", USAGE_MOUNTS },
		{ "umount|--f", "--force", 0 },
		{ "umount|x|", "", 0 },
		{ "session|refresh|", "", USAGE_MOUNTS },
		{ "role|add|rev", "reviewer", USAGE_ROLES },
		{ "role|add|owner|--to|", "", USAGE_PRINCIPALS },
		{ "sign|--key|", "", USAGE_KEYS | USAGE_FILES },
		{ "audit|ls|--kind|session.o", "session.open", USAGE_KINDS },
		{ "audit|export|--format|", "ocsf jsonl", 0 },
		{ "help|umou", "umount", 0 },
		{ "help|grant|rm", "rm", 0 },
		{ "channel|log|", "", USAGE_CHANNELS },
		{ "rollback|", "", USAGE_MODELS },
		{ "rollback|m|", "", 0 },
		{ "restore|s|d|", "", 0 },
	};
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		complete(&s, cases[i].line);
		if (strcmp(s.said, cases[i].words) != 0 ||
		    s.c.what != cases[i].what)
			fail_msg("%s: '%s' (%x), not '%s' (%x)", cases[i].line,
			    s.said, s.c.what, cases[i].words, cases[i].what);
		complete_clear(&s.c);
	}
}

static void
every_command_is_completed(void **state)
{
	const struct commands_row *row;
	struct scene s;

	(void)state;
	complete(&s, "au");
	assert_string_equal(s.said, "audit"); /* once */
	complete_clear(&s.c);
	for (size_t i = 0; (row = commands_row(i)) != NULL; i++) {
		char line[64];
		const char *last = strrchr(row->name, ' ');

		snprintf(line, sizeof(line), "%s", row->name);
		if (last != NULL)
			line[last - row->name] = '|';
		complete(&s, line);
		last = last != NULL ? last + 1 : row->name;
		if (strncmp(s.said, last, strlen(last)) != 0)
			fail_msg("%s is completed as '%s'", row->name, s.said);
		complete_clear(&s.c);
	}
}

static void
options_come_with_what_they_are_for(void **state)
{
	char about[USAGE_ABOUT];
	struct scene s;

	(void)state;
	usage_about("A\n  --one N  says this\n  -t, --two\n"
		    "             says that\n  --three\n",
	    "one", about);
	assert_string_equal(about, "says this");
	usage_about("A\n  --one N  says this\n  -t, --two\n"
		    "             says that\n  --three\n",
	    "two", about);
	assert_string_equal(about, "says that");
	usage_about("A\n  --three\n", "three", about);
	assert_string_equal(about, "");
	complete(&s, "-V|there|umount|");
	assert_string_equal(s.c.vault, "there");
	complete_clear(&s.c);
	complete(&s, "umount|--vault=there|");
	assert_string_equal(s.c.vault, "there");
	complete_clear(&s.c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    each_command_hands_out_its_options_and_does_nothing),
		cmocka_unit_test(each_option_is_told_of_and_its_value_is_known),
		cmocka_unit_test(each_option_that_a_usage_tells_of_is_taken),
		cmocka_unit_test(each_operand_is_known),
		cmocka_unit_test(lines_are_completed),
		cmocka_unit_test(every_command_is_completed),
		cmocka_unit_test(options_come_with_what_they_are_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
