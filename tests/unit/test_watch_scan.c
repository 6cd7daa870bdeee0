/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD "{\"v\":1,\"time\":\"2026-11-24T00:10:03.123Z\",\"kind\":"
#define RELEASE                                                                \
	HEAD "\"release\",\"by\":\"user:amy\",\"uid\":1000,\"session\":5,"     \
	     "\"version\":\"" HEX "\",\"file\":3,\"first\":64,\"count\":8,"    \
	     "\"bytes\":33554432,\"grant\":2,\"clock\":1234,"                  \
	     "\"weights\":33554000,\"fresh\":4096,\"used\":10001,"             \
	     "\"pool\":20002}"
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define EXTENTS                                                                \
	HEAD "\"extents\",\"by\":\"user:amy\",\"uid\":1000,\"session\":5,"     \
	     "\"version\":\"" HEX "\",\"reads\":["                             \
	     "[0,0,100,1000,11,\"/bin/a\"],[1,5,23,1001,12,\"\"]]}"

/* What is scanned is parsed as the same; whether it was scanned. */
static bool
scans(const char *text, size_t n)
{
	struct watch_event a, b;
	char by[WATCH_SCAN_BY];
	struct entry_view v;

	if (!watch_scan(&a, 7, text, n, by))
		return false;
	assert_int_equal(entry_parse(&v, text, n), 0);
	watch_event_of(&b, 7, &v);
	assert_int_equal(a.index, b.index);
	assert_int_equal(a.kind, b.kind);
	assert_int_equal(a.time_ms, b.time_ms);
	assert_int_equal(a.clock, b.clock);
	assert_string_equal(a.by, b.by);
	assert_int_equal(a.uid, b.uid);
	assert_true(digest_equal(&a.version, &b.version));
	assert_int_equal(a.session, b.session);
	assert_int_equal(a.grant, b.grant);
	assert_int_equal(a.file, b.file);
	assert_int_equal(a.first, b.first);
	assert_int_equal(a.count, b.count);
	assert_int_equal(a.bytes, b.bytes);
	assert_int_equal(a.weights, b.weights);
	assert_int_equal(a.fresh, b.fresh);
	assert_int_equal(a.used_ppm, b.used_ppm);
	assert_int_equal(a.pool_ppm, b.pool_ppm);
	assert_int_equal(a.read_bytes, b.read_bytes);
	assert_int_equal(a.reader_count, b.reader_count);
	assert_memory_equal(a.readers, b.readers, sizeof(a.readers));
	entry_view_clear(&v);
	return true;
}

static void
releases_and_extents_are_scanned(void **state)
{
	static const char older[] = HEAD
	    "\"release\",\"by\":\"keyd\",\"session\":5,\"version\":\"" HEX
	    "\",\"file\":0,\"first\":0,\"count\":1,\"bytes\":1}";
	static const char none[] = HEAD
	    "\"extents\",\"by\":\"a\",\"reads\":[]}";

	(void)state;
	assert_true(scans(RELEASE, strlen(RELEASE)));
	assert_true(scans(EXTENTS, strlen(EXTENTS)));
	assert_true(scans(older, strlen(older)));
	assert_true(scans(none, strlen(none)));
}

static void
what_is_not_written_just_so_is_left_to_the_parser(void **state)
{
	static const char *const others[] = { "", "{}",
		HEAD "\"put\",\"by\":\"a\"}", HEAD "\"release\",\"by\":\"\"}",
		HEAD "\"release\",\"by\":\"\\u0061\"}",
		HEAD "\"release\",\"by\":\"\xc3\xa4\"}",
		HEAD "\"release\",\"by\":\"a\",\"session\":05}",
		HEAD "\"release\",\"by\":\"a\",\"session\":-1}",
		HEAD "\"release\",\"by\":\"a\",\"session\":1.0}",
		HEAD "\"release\",\"by\":\"a\",\"session\":}",
		HEAD "\"release\",\"by\":\"a\",\"session\":1,\"session\":1}",
		HEAD "\"release\",\"by\":\"a\",\"other\":1}",
		HEAD "\"release\",\"by\":\"a\",\"reads\":[]}",
		HEAD "\"extents\",\"by\":\"a\",\"first\":1}",
		HEAD "\"release\",\"by\":\"a\",\"version\":\"00\"}",
		HEAD "\"release\",\"by\":\"a\"} ",
		HEAD "\"release\",\"by\":\"a\"}}",
		HEAD "\"extents\",\"by\":\"a\",\"reads\":[[1,2,3,4,5]]}",
		HEAD "\"extents\",\"by\":\"a\",\"reads\":[[1,2,3,4,5,6]]}",
		HEAD "\"extents\",\"by\":\"a\",\"reads\":[,]}" };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(scans(others[i], strlen(others[i])));
}

static void
numbers_are_as_large_as_json_has_them(void **state)
{
	static const char at[] = HEAD
	    "\"release\",\"by\":\"a\",\"first\":9223372036854775807}";
	static const char beyond[] = HEAD
	    "\"release\",\"by\":\"a\",\"first\":9223372036854775808}";
	static const char wide[] = HEAD
	    "\"release\",\"by\":\"a\",\"used\":4294967296}";

	(void)state;
	assert_true(scans(at, strlen(at)));
	assert_false(scans(beyond, strlen(beyond)));
	assert_true(scans(wide, strlen(wide)));
}

/* A principal of as many bytes is scanned, one of more is parsed. */
static void
names_are_bounded(void **state)
{
	char text[512], name[WATCH_SCAN_BY + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[WATCH_SCAN_BY - 1] = '\0';
	snprintf(text, sizeof(text), HEAD "\"release\",\"by\":\"%s\"}", name);
	assert_true(scans(text, strlen(text)));
	name[WATCH_SCAN_BY - 1] = 'x';
	name[WATCH_SCAN_BY] = '\0';
	snprintf(text, sizeof(text), HEAD "\"release\",\"by\":\"%s\"}", name);
	assert_false(scans(text, strlen(text)));
}

static void
no_truncation_is_scanned(void **state)
{
	(void)state;
	for (size_t n = 0; n < strlen(RELEASE); n++)
		assert_false(scans(RELEASE, n));
	for (size_t n = 0; n < strlen(EXTENTS); n++)
		assert_false(scans(EXTENTS, n));
}

/* Every byte made every other one: parsed as the same, if it is scanned. */
static void
every_changed_byte_is_the_same_or_left_to_the_parser(void **state)
{
	static const char *const texts[] = { RELEASE, EXTENTS };
	size_t scanned = 0;

	(void)state;
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; i < strlen(texts[t]); i++)
			for (int c = 0; c < 256; c++) {
				char copy[sizeof(RELEASE) + sizeof(EXTENTS)];

				memcpy(copy, texts[t], strlen(texts[t]));
				copy[i] = (char)c;
				scanned += scans(copy, strlen(texts[t]));
			}
	assert_true(scanned > 1000);
}

/* From a fixed seed. */
static uint32_t
dice(uint32_t *seed, uint32_t sides)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % sides;
}

/* Fields as they are and as they are not, in any order and number. */
static size_t
mix(uint32_t *seed, char *text, size_t size)
{
	static const char *const heads[] = { HEAD "\"release\",\"by\":\"a\"",
		HEAD "\"extents\",\"by\":\"keyd\"",
		HEAD "\"release\" ,\"by\":\"a\"",
		HEAD "\"releases\",\"by\":\"a\"",
		"{\"time\":\"2026-11-24T00:10:03.123Z\",\"v\":1,"
		"\"kind\":\"release\",\"by\":\"a\"",
		"{\"v\":1,\"time\":\"2026-11-24T00:10:03.12Z\","
		"\"kind\":\"release\",\"by\":\"a\"",
		"{\"v\":1,\"time\":\"2026-02-30T00:10:03.123Z\","
		"\"kind\":\"release\",\"by\":\"a\"" };
	static const char *const keys[] = { "uid", "session", "version", "file",
		"first", "count", "bytes", "grant", "clock", "weights", "fresh",
		"used", "pool", "reads", "use", "usedd", "", "by",
		"\\u0075id" };
	static const char *const values[] = { "0", "7", "4294967295",
		"4294967296", "9223372036854775807", "9223372036854775808",
		"18446744073709551616", "-1", "-0", "01", "1e3", "1.5", "null",
		"true", "\"" HEX "\"", "\"7\"", "[]", "{}", "",
		"[[1,2,3,4,5,\"x\"]]", "[[1,2,3,4,5,\"x\"],[0,0,9,5,5,\"\"]]",
		"[[1,2,3,4,5,\"\\n\"]]", " 7" };
	static const char *const ends[] = { "}", "}", "}", "} ", ",}", "}}", "",
		"]" };
	int n = snprintf(text, size, "%s",
	    heads[dice(seed, 16) < 10 ? dice(seed, 2) :
					dice(seed, COUNT(heads))]);

	for (uint32_t k = dice(seed, 8); k > 0; k--)
		n += snprintf(text + n, size - (size_t)n, ",\"%s\":%s",
		    keys[dice(seed, COUNT(keys))],
		    values[dice(seed, dice(seed, 4) == 0 ? COUNT(values) : 5)]);
	n += snprintf(text + n, size - (size_t)n, "%s",
	    ends[dice(seed, COUNT(ends))]);
	return (size_t)n;
}

static void
random_mixes_are_the_same_or_left_to_the_parser(void **state)
{
	uint32_t seed = 4;
	size_t scanned = 0;

	(void)state;
	for (size_t i = 0; i < 200000; i++) {
		char text[2048];

		scanned += scans(text, mix(&seed, text, sizeof(text)));
	}
	assert_true(scanned > 1000);
	assert_true(scanned < 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(releases_and_extents_are_scanned),
		cmocka_unit_test(
		    what_is_not_written_just_so_is_left_to_the_parser),
		cmocka_unit_test(numbers_are_as_large_as_json_has_them),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(no_truncation_is_scanned),
		cmocka_unit_test(
		    every_changed_byte_is_the_same_or_left_to_the_parser),
		cmocka_unit_test(
		    random_mixes_are_the_same_or_left_to_the_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
