/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD                                                                   \
	"{\"v\":1,\"time\":\"2026-11-24T00:10:03.123Z\",\"kind\":\"%s\","      \
	"\"by\":\"user:amy\",\"uid\":1000,%s}"

/* An entry of the kind with these fields; the view is the caller's. */
static struct watch_event
event(struct entry_view *v, const char *kind, const char *fields)
{
	struct watch_event e;
	char text[2048];

	snprintf(text, sizeof(text), HEAD, kind, fields);
	assert_int_equal(entry_parse(v, text, strlen(text)), 0);
	watch_event_of(&e, 7, v);
	assert_int_equal(e.index, 7);
	assert_int_equal(e.time_ms, 1795479003123);
	assert_string_equal(e.by, "user:amy");
	assert_int_equal(e.uid, 1000);
	return e;
}

static void
a_release_is_taken_whole(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "release",
	    "\"session\":5,\"version\":\"" HEX "\",\"file\":3,\"first\":64,"
	    "\"count\":8,\"bytes\":33554432,\"grant\":2,\"clock\":1234,"
	    "\"weights\":33554000,\"fresh\":4096,\"used\":10001,"
	    "\"pool\":20002");
	struct digest d;

	(void)state;
	assert_int_equal(digest_parse(&d, HEX), 0);
	assert_int_equal(e.kind, ENTRY_RELEASE);
	assert_int_equal(e.session, 5);
	assert_true(digest_equal(&e.version, &d));
	assert_int_equal(e.file, 3);
	assert_int_equal(e.first, 64);
	assert_int_equal(e.count, 8);
	assert_int_equal(e.bytes, 33554432);
	assert_int_equal(e.grant, 2);
	assert_int_equal(e.clock, 1234);
	assert_int_equal(e.weights, 33554000);
	assert_int_equal(e.fresh, 4096);
	assert_int_equal(e.used_ppm, 10001);
	assert_int_equal(e.pool_ppm, 20002);
	entry_view_clear(&v);
}

static void
a_release_of_an_older_weir_has_no_shares(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "release",
	    "\"session\":5,\"version\":\"" HEX "\",\"file\":3,\"first\":64,"
	    "\"count\":8,\"bytes\":33554432");

	(void)state;
	assert_int_equal(e.clock, 0);
	assert_int_equal(e.weights, 0);
	assert_int_equal(e.used_ppm, 0);
	entry_view_clear(&v);
}

static void
extents_are_summed_up_and_name_two_readers(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "extents",
	    "\"session\":5,\"version\":\"" HEX "\",\"reads\":["
	    "[0,0,100,1000,11,\"a\"],[0,500,23,1000,11,\"a\"],"
	    "[1,0,7,1001,12,\"b\"],[1,0,1,1002,12,\"b\"]]");

	(void)state;
	assert_int_equal(e.read_bytes, 131);
	assert_int_equal(e.reader_count, 2);
	assert_int_equal(e.readers[0], 1000);
	assert_int_equal(e.readers[1], 1001);
	entry_view_clear(&v);
}

static void
extents_that_are_no_rows_are_passed_over(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "extents",
	    "\"session\":5,\"reads\":[1,[],\"x\",[0,0,-5,1000],[0,0,null]]");

	(void)state;
	assert_int_equal(e.read_bytes, 0);
	assert_int_equal(e.reader_count, 1);
	entry_view_clear(&v);
}

static void
a_session_has_all_its_versions(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "session.open",
	    "\"session\":9,\"for\":\"user:bob\",\"purpose\":\"mount\","
	    "\"host\":\"n1\",\"pid\":1,\"trust\":\"pinned\",\"versions\":["
	    "{\"model\":\"a\",\"channel\":\"prod\",\"version\":\"" HEX
	    "\",\"grant\":3,\"type\":\"load\"},"
	    "{\"model\":\"b\",\"version\":\"" HEX
	    "\",\"grant\":4,\"type\":\"browse\"}]");
	struct watch_event_version is;

	(void)state;
	assert_string_equal(e.principal, "user:bob");
	assert_string_equal(e.host, "n1");
	assert_string_equal(e.model, "a");
	assert_int_equal(e.type, MSG_GRANT_LOAD);
	assert_true(watch_event_version(&e, 1, &is));
	assert_string_equal(is.model, "b");
	assert_null(is.channel);
	assert_int_equal(is.grant, 4);
	assert_int_equal(is.type, MSG_GRANT_BROWSE);
	assert_false(watch_event_version(&e, 2, &is));
	entry_view_clear(&v);
}

static void
a_refusal_names_the_first_reference(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "session.refused",
	    "\"for\":\"user:bob\",\"purpose\":\"get\",\"refs\":[\"a:prod\"],"
	    "\"trust\":\"pinned\",\"reason\":\"host not listed for a:prod\"");

	(void)state;
	assert_string_equal(e.model, "a:prod");
	assert_string_equal(e.reason, "host not listed for a:prod");
	entry_view_clear(&v);
}

static void
only_what_takes_effect_revokes(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "statement.sign",
	    "\"statement\":1,\"about\":\"revocation\",\"model\":\"a\","
	    "\"version\":\"" HEX "\",\"effective\":false");

	(void)state;
	assert_false(e.revokes);
	entry_view_clear(&v);
	e = event(&v, "statement.sign",
	    "\"statement\":1,\"about\":\"revocation\",\"model\":\"a\","
	    "\"version\":\"" HEX "\",\"effective\":true");
	assert_true(e.revokes);
	assert_false(e.promotes);
	assert_string_equal(e.model, "a");
	entry_view_clear(&v);
}

static void
a_refusal_to_open_has_its_model_and_host(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "session.refused",
	    "\"for\":\"user:eve\",\"refs\":[\"a:prod\",\"b:prod\"],"
	    "\"reason\":\"no\",\"host\":\"h\",\"model\":\"b\"");

	(void)state;
	assert_string_equal(e.model, "b");
	assert_string_equal(e.host, "h");
	entry_view_clear(&v);
	/* As weir wrote it before it told of either. */
	e = event(&v, "session.refused",
	    "\"for\":\"user:eve\",\"refs\":[\"a:prod\",\"b:prod\"],"
	    "\"reason\":\"no\"");
	assert_string_equal(e.model, "a:prod");
	entry_view_clear(&v);
}

static void
others_have_what_is_asked_of_them(void **state)
{
	struct entry_view v;
	struct watch_event e = event(&v, "put",
	    "\"upload\":1,\"model\":\"a\",\"version\":\"" HEX
	    "\",\"channel\":\"latest\",\"bytes\":9,\"weights\":7");

	(void)state;
	assert_int_equal(e.total, 7);
	entry_view_clear(&v);
	e = event(&v, "grant.add",
	    "\"grant\":4,\"model\":\"a\",\"to\":\"user:bob\","
	    "\"type\":\"load\",\"loads\":3");
	assert_int_equal(e.grant, 4);
	assert_int_equal(e.loads, 3);
	assert_int_equal(e.type, MSG_GRANT_LOAD);
	entry_view_clear(&v);
	e = event(&v, "refused",
	    "\"request\":\"release\",\"reason\":\"session ended\"");
	assert_string_equal(e.request, "release");
	assert_string_equal(e.reason, "session ended");
	assert_null(e.principal);
	entry_view_clear(&v);
	/* A mount's daemon asks for somebody: it is theirs. */
	e = event(&v, "refused",
	    "\"request\":\"release\",\"reason\":\"budget spent: principal\","
	    "\"for\":\"user:eve\",\"session\":7,\"model\":\"a\"");
	assert_string_equal(e.principal, "user:eve");
	assert_int_equal(e.session, 7);
	assert_string_equal(e.model, "a");
	entry_view_clear(&v);
	e = event(&v, "check",
	    "\"objects\":1,\"bytes\":2,\"damaged\":3,\"missing\":4");
	assert_int_equal(e.damaged, 7);
	entry_view_clear(&v);
	e = event(&v, "alert",
	    "\"alert\":1,\"rule\":\"decoy\",\"principal\":\"user:eve\"");
	assert_string_equal(e.rule, "decoy");
	assert_string_equal(e.principal, "user:eve");
	entry_view_clear(&v);
}

/* Every kind, with fields that are not what they should be. */
static void
fields_of_other_types_are_taken_for_absent(void **state)
{
	static const char fields[] =
	    "\"session\":\"x\",\"version\":5,\"reads\":{},\"versions\":[1],"
	    "\"model\":[],\"clock\":-1,\"weights\":1.5,\"used\":true,"
	    "\"refs\":\"a\",\"about\":1,\"effective\":1,\"type\":null";

	(void)state;
	for (int k = 0; k < ENTRY_KINDS; k++) {
		struct watch_event_version is;
		struct entry_view v;
		struct watch_event e = event(&v,
		    entry_kind_name((enum entry_kind)k), fields);

		assert_int_equal(e.session, 0);
		assert_int_equal(e.clock, 0);
		assert_null(e.model);
		assert_false(watch_event_version(&e, 0, &is));
		entry_view_clear(&v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_release_is_taken_whole),
		cmocka_unit_test(a_release_of_an_older_weir_has_no_shares),
		cmocka_unit_test(extents_are_summed_up_and_name_two_readers),
		cmocka_unit_test(extents_that_are_no_rows_are_passed_over),
		cmocka_unit_test(a_session_has_all_its_versions),
		cmocka_unit_test(a_refusal_names_the_first_reference),
		cmocka_unit_test(only_what_takes_effect_revokes),
		cmocka_unit_test(a_refusal_to_open_has_its_model_and_host),
		cmocka_unit_test(others_have_what_is_asked_of_them),
		cmocka_unit_test(fields_of_other_types_are_taken_for_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
