/* SPDX-License-Identifier: Apache-2.0 */

/* What a trust root may say. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/trust.h"
#include "vault/trust_parts.h"

static int
parse_policy(struct trust_root **out, const char *policy,
    char why[static STATEMENT_WHY])
{
	OWNED(statement) s = people_root(policy, 1, NULL);

	why[0] = '\0';
	return trust_root_parse(out, s, why);
}

static void
a_root_says_what_its_statement_says(void **state)
{
	static const uint8_t vault[] = PEOPLE_VAULT;
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED(statement) s = people_root(policy, 7, NULL);
	OWNED(trust_root) r = NULL;
	struct digest d = statement_digest(s), got;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	statement_free(s); /* the root keeps nothing of it */
	s = NULL;
	got = trust_root_digest(r);
	assert_memory_equal(&got, &d, sizeof(d));
	assert_int_equal(trust_root_number(r), 7);
	assert_memory_equal(trust_root_vault(r), vault, sizeof(vault));
	assert_memory_equal(trust_root_log(r), "weir.example/audit+", 19);
	assert_int_equal(trust_root_people(r), 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct trust_person *p = trust_root_person(r, i);
		struct statement_key k = people_key(i);
		char name[] = { 'p', (char)('0' + i), '\0' };

		assert_string_equal(p->name, name);
		assert_memory_equal(&p->key, &k, sizeof(k));
	}
	assert_string_equal(trust_root_person(r, 0)->principal, "user:alice");
	assert_int_equal(trust_root_days(r, "any/model", "prod"), 90);
}

static void
a_statement_about_something_else_is_no_root(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_VERSION);
	OWNED(statement) s = people_statement(&f);
	OWNED(trust_root) r = NULL;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), ERR_FORMAT);
}

struct edit {
	const char *from;
	const char *to;
	int err;
	const char *why;
};

#define SIGN "\"sign\":{\"keys\":[\"p0\",\"p1\",\"p2\"],\"threshold\":2}"
#define ROOT "\"root\":{\"keys\":[\"p0\",\"p1\",\"p2\"],\"threshold\":2}"

static const struct edit edits[] = {
	{ "\"log\"", "\"x\":1,\"log\"", ERR_FORMAT, "root: 'x' is not known" },
	{ "+c5eef1ba+", "+c5eef1bb+", ERR_FORMAT, "'log' is not well-formed" },
	{ "\"log\":\"", "\"log\":\"\",\"l\":\"", ERR_FORMAT, "'log'" },
	/* Keys. */
	{ "{\"name\":\"p0\"", "{\"x\":1,\"name\":\"p0\"", ERR_FORMAT,
	    "key 1: 'x' is not known" },
	{ "\"name\":\"p0\"", "\"name\":\"P0\"", ERR_FORMAT, "key 1: 'name'" },
	{ "\"name\":\"p0\"", "\"name\":\"\"", ERR_FORMAT, "key 1: 'name'" },
	{ "\"name\":\"p0\"", "\"name\":\"p/0\"", ERR_FORMAT, "key 1: 'name'" },
	{ "\"name\":\"p0\"", "\"name\":\"p1\"", ERR_FORMAT,
	    "the name 'p1' is there twice" },
	{ "\"name\":\"p0\"", "\"name\":\"p9\"", ERR_FORMAT,
	    "root role: no key is called 'p0'" },
	{ "\"key\":\"ssh", "\"key\":\"", ERR_FORMAT, "key 1: 'key'" },
	{ "\",\"principal\":\"user:alice\"", " alice\"", ERR_FORMAT,
	    "key 1: 'key'" },
	{ "\"key\":\"ssh-ed25519 ", "\"key\":\"ssh-ed25519  ", ERR_FORMAT,
	    "key 1: 'key'" },
	{ "\"user:alice\"", "\"alice\"", ERR_FORMAT, "key 1: 'principal'" },
	{ "\"user:alice\"", "null", ERR_FORMAT, "'principal' is not text" },
	{ ",\"principal\":\"user:alice\"", "", 0, "" },
	{ "\"user:p1\"", "\"user:alice\"", 0, "" }, /* one person, two keys */
	/* Roles: every rule, once for the root's and once for a rule's. */
	{ ROOT, "\"root\":{\"keys\":[],\"threshold\":0}", ERR_FORMAT,
	    "root role: 'keys' has none" },
	{ ROOT, "\"root\":{\"keys\":[\"p0\",\"p0\"],\"threshold\":2}",
	    ERR_FORMAT, "root role: 'p0' is there twice" },
	{ ROOT, "\"root\":{\"keys\":[\"p3\"],\"threshold\":1}", ERR_FORMAT,
	    "root role: no key is called 'p3'" },
	{ ROOT, "\"root\":{\"keys\":[7],\"threshold\":1}", ERR_FORMAT,
	    "root role: 'keys' has what is no name" },
	{ ROOT, "\"root\":{\"keys\":\"p0\",\"threshold\":1}", ERR_FORMAT,
	    "root role: 'keys' is not a list" },
	{ ROOT, "\"root\":{\"keys\":[\"p0\"],\"threshold\":1,\"x\":1}",
	    ERR_FORMAT, "root role: 'x' is not known" },
	{ ROOT, "\"root\":[]", ERR_FORMAT, "root role: not an object" },
	{ SIGN, "\"sign\":{\"keys\":[\"p3\"],\"threshold\":1}", ERR_FORMAT,
	    "models rule 1 sign: no key is called 'p3'" },
	{ SIGN, "\"sign\":{\"keys\":[\"p0\"],\"threshold\":2}", ERR_FORMAT,
	    "models rule 1 sign: "
	    "'threshold' is not a whole number from 1 to 1" },
	{ SIGN, "\"sign\":{\"keys\":[\"p0\"],\"threshold\":1}", 0, "" },
	{ SIGN ",", "", ERR_FORMAT, "models rule 1: 'sign' is missing" },
	{ SIGN ",", SIGN ",\"x\":1,", ERR_FORMAT, "models rule 1: 'x'" },
	/* Patterns and the rest of rules. */
	{ "\"models\":\"*\"", "\"models\":\"\"", ERR_FORMAT,
	    "models rule 1: 'models'" },
	{ "\"models\":\"*\"", "\"models\":\"a?\"", ERR_FORMAT, "'models'" },
	{ "\"models\":\"*\"", "\"models\":\"[a-z]*\"", ERR_FORMAT, "'models'" },
	{ "\"models\":\"*\"", "\"models\":\"Llama\"", ERR_FORMAT, "'models'" },
	{ "\"models\":\"*\"", "\"models\":\"**/a.b_c-1*\"", 0, "" },
	{ "\"channels\":\"*\"", "\"channels\":\" prod\"", ERR_FORMAT,
	    "channels rule 1: 'channels'" },
	{ "\"channels\":\"*\"", "\"x\":\"*\"", ERR_FORMAT,
	    "channels rule 1: 'channels' is missing" },
	{ "\"days\":90", "\"days\":0", ERR_FORMAT, "from 1 to 3650" },
	{ "\"days\":90", "\"days\":-1", ERR_FORMAT, "from 1 to 3650" },
	{ "\"days\":90", "\"days\":3651", ERR_FORMAT, "from 1 to 3650" },
	{ "\"days\":90", "\"days\":4294967297", ERR_FORMAT, "from 1 to 3650" },
	{ "\"days\":90", "\"days\":1", 0, "" },
	{ "\"days\":90", "\"days\":3650", 0, "" },
	{ "\"days\":90,", "", ERR_FORMAT, "'days' is missing" },
	{ "approve\":false", "approve\":0", ERR_FORMAT,
	    "'uploader_may_approve' is not true or false" },
	{ ",\"uploader_may_approve\":false", "", ERR_FORMAT,
	    "'uploader_may_approve' is missing" },
	{ "approve\":false", "approve\":true", 0, "" },
};

static void
policies_that_break_a_rule_are_refused_by_name(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 2);

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		OWNED_MEM(char)
		edited = people_edit(policy, edits[i].from, edits[i].to);
		OWNED(trust_root) r = NULL;
		char why[STATEMENT_WHY];
		int err = parse_policy(&r, edited, why);

		if (err != edits[i].err || strstr(why, edits[i].why) == NULL)
			fail_msg("%s: error %d: %s", edits[i].to, err, why);
	}
}

static void
the_same_key_under_two_names_is_refused(void **state)
{
	OWNED_MEM(char) policy = people_policy(2, 1);
	struct statement_key a = people_key(0), b = people_key(1);
	char ta[STATEMENT_KEY_TEXT], tb[STATEMENT_KEY_TEXT];
	OWNED_MEM(char)
	same = people_edit(policy, statement_key_text(&b, tb),
	    statement_key_text(&a, ta));
	OWNED(trust_root) r = NULL;
	char why[STATEMENT_WHY];

	(void)state;
	assert_int_equal(parse_policy(&r, same, why), ERR_FORMAT);
	assert_string_equal(why, "keys: 'p0' and 'p1' are the same key");
}

static void
a_key_of_small_order_is_refused(void **state)
{
	OWNED_MEM(char) policy = people_policy(2, 1);
	struct statement_key b = people_key(1), one = { .bytes = { 1 } };
	char tb[STATEMENT_KEY_TEXT], text[STATEMENT_KEY_TEXT];
	OWNED_MEM(char)
	weak = people_edit(policy, statement_key_text(&b, tb),
	    statement_key_text(&one, text));
	OWNED(trust_root) r = NULL;
	char why[STATEMENT_WHY];

	(void)state;
	assert_int_equal(parse_policy(&r, weak, why), ERR_FORMAT);
	assert_string_equal(why, "key 2: 'key' is not well-formed");
}

/* All 128 in one role; the 129th is refused before it is looked at. */
static void
one_to_128_keys_are_taken(void **state)
{
	OWNED_MEM(char) policy = people_policy(TRUST_KEYS_MAX, TRUST_KEYS_MAX);
	json_auto_t *j = json_loads(policy, 0, NULL);
	json_t *keys = json_object_get(j, "keys");
	OWNED_MEM(char) text = NULL;
	OWNED_MEM(char) more = NULL;
	OWNED_MEM(char) none = NULL;
	OWNED(trust_root) r = NULL;
	char why[STATEMENT_WHY];

	(void)state;
	json_object_set_new(j, "models", json_array());
	json_object_set_new(j, "channels", json_array());
	text = json_dumps(j, JSON_COMPACT);
	assert_int_equal(parse_policy(&r, text, why), 0);
	assert_int_equal(trust_root_people(r), TRUST_KEYS_MAX);
	trust_root_free(r);
	r = NULL;

	json_array_append_new(keys, json_object());
	more = json_dumps(j, JSON_COMPACT);
	assert_int_equal(parse_policy(&r, more, why), ERR_LIMIT);
	json_array_clear(keys);
	none = json_dumps(j, JSON_COMPACT);
	assert_int_equal(parse_policy(&r, none, why), ERR_FORMAT);
	assert_string_equal(why, "root: 'keys' has none");
}

static void
at_most_64_rules_of_each_kind_are_taken(void **state)
{
	static const char *const kinds[] = { "models", "channels" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		OWNED_MEM(char) policy = people_policy(1, 1);
		json_auto_t *j = json_loads(policy, 0, NULL);
		json_t *list = json_object_get(j, kinds[i / 2]);
		OWNED_MEM(char) text = NULL;
		OWNED(trust_root) r = NULL;
		char why[STATEMENT_WHY];

		while (json_array_size(list) < TRUST_RULES_MAX + i % 2)
			json_array_append(list, json_array_get(list, 0));
		text = json_dumps(j, JSON_COMPACT);
		assert_int_equal(parse_policy(&r, text, why),
		    i % 2 == 0 ? 0 : ERR_LIMIT);
	}
}

/* Like parse_policy, with one value set. */
static int
parse_with(json_t *policy, json_t *object, const char *key, const char *text)
{
	OWNED_MEM(char) dumped = NULL;
	OWNED(trust_root) r = NULL;
	char why[STATEMENT_WHY];

	json_object_set_new(object, key, json_string(text));
	dumped = json_dumps(policy, JSON_COMPACT);
	return parse_policy(&r, dumped, why);
}

static void
names_and_patterns_are_taken_up_to_their_limits(void **state)
{
	OWNED_MEM(char) policy = people_policy(1, 1);
	json_auto_t *j = json_loads(policy, 0, NULL);
	json_t *rule = json_array_get(json_object_get(j, "models"), 0);
	char text[STATEMENT_TEXT_MAX + 2], key[STATEMENT_KEY_TEXT];
	struct statement_key k = people_key(1);

	(void)state;
	memset(text, '*', sizeof(text));
	text[STATEMENT_TEXT_MAX + 1] = '\0';
	assert_int_equal(parse_with(j, rule, "models", text), ERR_FORMAT);
	text[STATEMENT_TEXT_MAX] = '\0';
	assert_int_equal(parse_with(j, rule, "models", text), 0);

	/* A second key, which no role names. */
	json_array_append_new(json_object_get(j, "keys"), json_object());
	rule = json_array_get(json_object_get(j, "keys"), 1);
	assert_int_equal(parse_with(j, rule, "key",
			     statement_key_text(&k, key)),
	    ERR_FORMAT);
	memset(text, 'n', sizeof(text));
	text[STATEMENT_NAME_MAX + 1] = '\0';
	assert_int_equal(parse_with(j, rule, "name", text), ERR_FORMAT);
	text[STATEMENT_NAME_MAX] = '\0';
	assert_int_equal(parse_with(j, rule, "name", text), 0);
}

static void
a_star_stands_for_any_run(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool matches;
	} cases[] = {
		{ "*", "llama/base", true },
		{ "*", "", true },
		{ "**", "x", true },
		{ "", "", true },
		{ "", "x", false },
		{ "llama", "llama", true },
		{ "llama", "llama2", false },
		{ "llama", "llam", false },
		{ "llama/*", "llama/base", true },
		{ "llama/*", "llama/", true },
		{ "llama/*", "llama", false },
		{ "*/base", "llama/base", true },
		{ "*/base", "llama/base2", false },
		{ "*/base", "base", false },
		{ "l*a/b*e", "llama/base", true },
		{ "l*a/b*e", "llama/bas", false },
		{ "*a*a*", "llama", true },
		{ "*a*a*a*", "llama", false },
		{ "*ab", "aab", true },
		{ "*aab", "aaab", true },
		{ "a*b*c", "abcbc", true },
		{ "a*b*c", "abcb", false },
		{ "prod", "prod-eu", false },
		{ "prod*", "prod-eu", true },
		{ "*prod", "preprod", true },
		{ "p.od", "prod", false },
		{ "*x", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (trust_pattern_matches(cases[i].pattern, cases[i].text) !=
		    cases[i].matches)
			fail_msg("'%s' and '%s'", cases[i].pattern,
			    cases[i].text);
}

/* By definition: a star is nothing, or one character and a star. */
static bool
matches_slowly(const char *pattern, const char *text)
{
	if (*pattern == '*')
		return matches_slowly(pattern + 1, text) ||
		    (*text != '\0' && matches_slowly(pattern, text + 1));
	return *pattern == *text &&
	    (*text == '\0' || matches_slowly(pattern + 1, text + 1));
}

static void
patterns_match_as_the_definition_says(void **state)
{
	size_t matched = 0;

	(void)state;
	/* All patterns and texts of up to 6 of "ab*" and "ab". */
	for (unsigned int p = 0; p < 4096; p++) {
		char pattern[7] = "";

		for (unsigned int i = 0, v = p; i < 6 && v % 4 != 3;
		     i++, v /= 4)
			pattern[i] = "ab*"[v % 4];
		for (unsigned int t = 0; t < 729; t++) {
			char text[7] = "";
			bool slow;

			for (unsigned int i = 0, v = t; i < 6 && v % 3 != 2;
			     i++, v /= 3)
				text[i] = "ab"[v % 3];
			slow = matches_slowly(pattern, text);
			matched += slow;
			if (trust_pattern_matches(pattern, text) != slow)
				fail_msg("'%s' and '%s'", pattern, text);
		}
	}
	assert_true(matched > 10000);
}

static void
days_are_of_the_first_rule_that_matches(void **state)
{
	static const char rules[] =
	    "\"channels\":["
	    "{\"models\":\"llama/*\",\"channels\":\"prod\",ROLES,\"days\":7,"
	    "\"uploader_may_approve\":false},"
	    "{\"models\":\"llama/base\",\"channels\":\"*\",ROLES,\"days\":30,"
	    "\"uploader_may_approve\":false}]";
	static const char roles[] =
	    "\"promote\":{\"keys\":[\"p0\"],"
	    "\"threshold\":1},\"rollback\":{\"keys\":[\"p0\"],\"threshold\":1}";
	OWNED_MEM(char) policy = people_policy(1, 1);
	OWNED_MEM(char) one = people_edit(rules, "ROLES", roles);
	OWNED_MEM(char) both = people_edit(one, "ROLES", roles);
	OWNED_MEM(char) edited = NULL;
	OWNED(trust_root) r = NULL;
	char why[STATEMENT_WHY];

	(void)state;
	*strstr(policy, "\"channels\":[") = '\0';
	assert_true(asprintf(&edited, "%s%s}", policy, both) > 0);
	assert_int_equal(parse_policy(&r, edited, why), 0);
	assert_int_equal(trust_root_days(r, "llama/base", "prod"), 7);
	assert_int_equal(trust_root_days(r, "llama/base", "dev"), 30);
	assert_int_equal(trust_root_days(r, "llama/chat", "prod"), 7);
	assert_int_equal(trust_root_days(r, "llama/chat", "dev"), 0);
	assert_int_equal(trust_root_days(r, "llama", "prod"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_says_what_its_statement_says),
		cmocka_unit_test(a_statement_about_something_else_is_no_root),
		cmocka_unit_test(
		    policies_that_break_a_rule_are_refused_by_name),
		cmocka_unit_test(the_same_key_under_two_names_is_refused),
		cmocka_unit_test(a_key_of_small_order_is_refused),
		cmocka_unit_test(one_to_128_keys_are_taken),
		cmocka_unit_test(at_most_64_rules_of_each_kind_are_taken),
		cmocka_unit_test(
		    names_and_patterns_are_taken_up_to_their_limits),
		cmocka_unit_test(a_star_stands_for_any_run),
		cmocka_unit_test(patterns_match_as_the_definition_says),
		cmocka_unit_test(days_are_of_the_first_rule_that_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
