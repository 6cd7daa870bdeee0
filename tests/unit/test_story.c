/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/story.h"
#include "tests/lib/test.h"
#include "vault/err.h"

#define HEAD(kind, by)                                                         \
	"{\"v\":1,\"time\":\"2026-11-24T00:10:03.000Z\",\"kind\":\"" kind      \
	"\",\"by\":\"" by "\",\"uid\":1000"
#define V "6f1c0000000000000000000000000000000000000000000000000000000000aa"

static const char put[] = HEAD("put",
    "user:up") ",\"upload\":1,\"model\":\"llama\",\"version\":\"" V
	       "\",\"channel\":\"latest\",\"object\":\"" V
	       "\",\"files\":3,\"bytes\":2000000,\"weights\":1,\"chunks\":9}";
static const char session_open[] = HEAD("session.open",
    "user:root") ",\"session\":7,\"for\":\"user:alice\",\"purpose\":"
		 "\"mount\",\"host\":\"h\",\"pid\":12,\"mountpoint\":\"/m\","
		 "\"versions\":[{\"model\":\"llama\",\"version\":\"" V
		 "\",\"grant\":3,\"type\":\"load\"}]}";
static const char release[] = HEAD("release",
    "user:root") ",\"session\":7,\"version\":\"" V
		 "\",\"file\":2,\"first\":5,\"count\":64,"
		 "\"bytes\":268435456}";
static const char extents[] = HEAD("extents",
    "user:root") ",\"session\":7,\"version\":\"" V
		 "\",\"reads\":[[2,0,4096,1000,77,\"/bin/x\"],"
		 "[2,1,2,3,4,\"\"],[2,1,2,3,4,\"\"],[2,1,2,3,4,\"\"],"
		 "[2,1,2,3,4,\"\"]]}";
static const char session_close[] = HEAD("session.close",
    "user:boss") ",\"session\":7,\"reason\":\"done\"}";
static const char refused[] = HEAD("session.refused",
    "user:eve") ",\"for\":\"user:eve\",\"purpose\":\"mount\",\"refs\":["
		"\"llama:latest\",\"other\"],\"reason\":\"no grant\"}";

static const char promoted[] = HEAD("statement.add",
    "user:carol") ",\"statement\":7,\"about\":\"promotion\",\"model\":"
		  "\"llama\",\"version\":\"" V
		  "\",\"channel\":\"prod\",\"serial\":3,\"act\":"
		  "\"promote\",\"envelope\":{},\"signers\":[\"carol\","
		  "\"erin\"],\"effective\":false}";
static const char approved[] = HEAD("statement.sign",
    "user:dave") ",\"statement\":7,\"about\":\"promotion\",\"model\":"
		 "\"llama\",\"version\":\"" V
		 "\",\"channel\":\"prod\",\"serial\":3,\"signer\":"
		 "\"dave\",\"keyid\":\"" V
		 "\",\"sig\":\"AA==\",\"effective\":true}";
static const char withdrawn[] = HEAD("statement.withdraw",
    "user:dave") ",\"statement\":7,\"reason\":\"wrong one\"}";
static const char root[] = HEAD("statement.add",
    "user:root") ",\"statement\":1,\"about\":\"trust\",\"number\":1,"
		 "\"envelope\":{},\"signers\":[\"carol\"],"
		 "\"effective\":true}";
static const char revoked[] = HEAD("statement.add",
    "user:root") ",\"statement\":9,\"about\":\"revocation\",\"model\":"
		 "\"llama\",\"version\":\"" V
		 "\",\"envelope\":{},\"signers\":[\"carol\"],"
		 "\"effective\":true}";
static const char verified[] = HEAD("verify",
    "keyd") ",\"model\":\"llama\",\"version\":\"" V
	    "\",\"ok\":true,\"files\":3,\"bytes\":2000000}";
static const char not_verified[] = HEAD("verify",
    "keyd") ",\"model\":\"llama\",\"version\":\"" V
	    "\",\"ok\":false,\"files\":1,\"bytes\":2,\"reason\":\"f0\"}";
static const char oms[] = HEAD("sign.oms",
    "user:root") ",\"model\":\"llama\",\"version\":\"" V
		 "\",\"name\":\"llama-8b\",\"ignore\":[],\"key\":\"k\","
		 "\"sig\":\"AA==\"}";
static const char refused_more[] = HEAD("refused",
    "user:eve") ",\"request\":\"role.ls\",\"reason\":\"not manager\","
		"\"more\":40}";

static struct entry_view
parsed(const char *text)
{
	struct entry_view v;

	assert_int_equal(entry_parse(&v, text, strlen(text)), 0);
	return v;
}

static void
learn(struct story *s, const char *text)
{
	struct entry_view v = parsed(text);

	assert_int_equal(story_learn(s, &v), 0);
	entry_view_clear(&v);
}

static void
assert_told(struct story *s, const char *text, const char *wanted)
{
	struct entry_view v = parsed(text);
	OWNED_MEM(char) told = NULL;

	assert_int_equal(story_tell(s, &v, &told), 0);
	assert_string_equal(told, wanted);
	entry_view_clear(&v);
}

static bool
by(struct story *s, const char *text, const char *principal)
{
	struct entry_view v = parsed(text);
	bool is = story_by(s, &v, principal);

	entry_view_clear(&v);
	return is;
}

static bool
about(struct story *s, const char *text, const char *model)
{
	struct entry_view v = parsed(text);
	bool is = story_about(s, &v, model);

	entry_view_clear(&v);
	return is;
}

static struct story *
story_of_all(void)
{
	struct story *s;

	assert_int_equal(story_new(&s, NULL, NULL), 0);
	learn(s, put);
	learn(s, session_open);
	learn(s, release);
	return s;
}

static void
a_release_is_told_with_model_file_chunks_and_size(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	assert_told(s, release,
	    "llama@6f1c00000000 file #2 chunks 5..68 268.4 MB session 7");
	assert_int_equal(story_unnamed(s), 0);
}

static void
what_was_signed_is_told_with_its_name_and_if_it_counts(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	learn(s, promoted);
	assert_told(s, promoted,
	    "P7: llama:prod serial 3 -> 6f1c00000000, signed by carol, erin,"
	    " waits");
	assert_told(s, approved,
	    "dave signed P7: llama:prod serial 3 -> 6f1c00000000, in force");
	assert_told(s, withdrawn, "P7: wrong one");
	assert_true(about(s, withdrawn, "llama"));
	assert_false(about(s, withdrawn, "other"));
	assert_told(s, root, "T1: trust root 1, signed by carol, in force");
	assert_told(s, revoked,
	    "R9: llama@6f1c00000000 revoked, signed by carol, in force");
}

static void
a_verdict_and_a_model_sig_are_told(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	assert_told(s, verified,
	    "llama@6f1c00000000 is what its manifest says: 3 files 2.0 MB");
	assert_told(s, not_verified,
	    "llama@6f1c00000000 is NOT what its manifest says: f0");
	assert_told(s, oms, "llama@6f1c00000000 model.sig for llama-8b");
}

static void
a_release_of_an_unknown_version_is_told_all_the_same(void **state)
{
	OWNED(story) s = NULL;

	(void)state;
	assert_int_equal(story_new(&s, NULL, NULL), 0);
	assert_told(s, release,
	    "?@6f1c00000000 file #2 chunks 5..68 268.4 MB session 7");
	assert_false(about(s, release, "llama"));
}

static void
the_acts_of_a_session_belong_to_whom_it_is_for(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	assert_true(by(s, release, "user:alice"));
	assert_true(by(s, release, "user:root"));
	assert_true(by(s, session_open, "user:alice"));
	assert_true(by(s, session_close, "user:alice"));
	assert_true(by(s, session_close, "user:boss"));
	assert_false(by(s, release, "user:eve"));
	assert_true(by(s, refused, "user:eve"));
}

static void
a_model_has_its_sessions_releases_and_refusals(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	assert_true(about(s, put, "llama"));
	assert_true(about(s, session_open, "llama"));
	assert_true(about(s, release, "llama"));
	assert_true(about(s, session_close, "llama"));
	assert_true(about(s, refused, "llama"));
	assert_true(about(s, refused, "other"));
	assert_false(about(s, refused, "lla"));
	assert_false(about(s, release, "lla"));
	assert_false(about(s, session_close, "other"));
}

static void
long_lists_of_reads_are_cut(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	assert_told(s, extents,
	    "llama@6f1c00000000 session 7 says it read file #2 0+4096 by uid "
	    "1000 pid 77 /bin/x; file #2 1+2 by uid 3 pid 4; file #2 1+2 by "
	    "uid 3 pid 4; and 2 more");
}

static void
who_opened_for_whom_is_told(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	assert_told(s, session_open,
	    "session 7 for user:alice mount llama@6f1c00000000 (grant 3, "
	    "load) at /m on h pid 12");
	assert_told(s, session_close, "session 7 of user:alice: done");
	assert_told(s, refused, "mount llama:latest other: no grant");
	assert_told(s, refused_more, "role.ls: not manager, and 40 more");
}

/* Entries come from a log that was checked, but may be of another weir. */
static void
entries_of_every_kind_are_told_though_fields_are_missing(void **state)
{
	OWNED(story) s = story_of_all();

	(void)state;
	for (int k = 0; k < ENTRY_KINDS; k++) {
		char text[256];
		struct entry_view v;
		json_t *j;
		OWNED_MEM(char) told = NULL;

		snprintf(text, sizeof(text),
		    "{\"v\":1,\"time\":\"2026-11-24T00:10:03.000Z\",\"kind\":"
		    "\"%s\",\"by\":\"keyd\"}",
		    entry_kind_name((enum entry_kind)k));
		v = parsed(text);
		assert_int_equal(story_learn(s, &v), 0);
		assert_int_equal(story_tell(s, &v, &told), 0);
		assert_non_null(told);
		assert_int_equal(story_json(s, 7, &v, &j), 0);
		assert_int_equal(json_integer_value(
				     json_object_get(j, "index")),
		    7);
		json_decref(j);
		entry_view_clear(&v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_release_is_told_with_model_file_chunks_and_size),
		cmocka_unit_test(
		    what_was_signed_is_told_with_its_name_and_if_it_counts),
		cmocka_unit_test(a_verdict_and_a_model_sig_are_told),
		cmocka_unit_test(
		    a_release_of_an_unknown_version_is_told_all_the_same),
		cmocka_unit_test(
		    the_acts_of_a_session_belong_to_whom_it_is_for),
		cmocka_unit_test(
		    a_model_has_its_sessions_releases_and_refusals),
		cmocka_unit_test(long_lists_of_reads_are_cut),
		cmocka_unit_test(who_opened_for_whom_is_told),
		cmocka_unit_test(
		    entries_of_every_kind_are_told_though_fields_are_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
