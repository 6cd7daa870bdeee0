/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/entry.h"
#include "vault/err.h"

#define TIME INT64_C(1767323045678)
#define TIME_TEXT "2026-01-02T03:04:05.678Z"
#define HEAD "{\"v\":1,\"time\":\"" TIME_TEXT "\",\"kind\":\"init\",\"by\":"

static const struct entry_actor keyd = { "keyd", -1 };

/* ---- writing ---- */

static void
assert_ends_as(struct entry *e, const char *want)
{
	const uint8_t *bytes;
	size_t n;

	assert_int_equal(entry_end(e, &bytes, &n), 0);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(bytes, want, n);
}

static void
an_entry_has_its_fields_in_the_order_given(void **state)
{
	const struct entry_actor by = { "user:alice", 1000 };
	struct digest d = { { 0xab } };
	OWNED_ENTRY e;

	(void)state;
	entry_begin(&e, ENTRY_SESSION_OPEN, &by, TIME);
	entry_text(&e, "session", "s-1");
	entry_text(&e, "exe", NULL);
	entry_number(&e, "pid", INT64_MAX);
	entry_bool(&e, "export", false);
	entry_time(&e, "until", 0);
	entry_json(&e, "labels", "{\"a\":\"b\"}");
	entry_open_list(&e, "versions");
	entry_open_object(&e, NULL);
	entry_text(&e, "model", "llama");
	entry_digest(&e, "version", &d);
	entry_close(&e);
	entry_open_object(&e, NULL);
	entry_close(&e);
	entry_open_list(&e, NULL);
	entry_number(&e, NULL, 0);
	entry_text(&e, NULL, "x");
	entry_bool(&e, NULL, true);
	entry_close(&e);
	entry_close(&e);
	entry_text(&e, "host", "gpu7");
	assert_ends_as(&e,
	    "{\"v\":1,\"time\":\"" TIME_TEXT "\",\"kind\":\"session.open\","
	    "\"by\":\"user:alice\",\"uid\":1000,\"session\":\"s-1\","
	    "\"pid\":9223372036854775807,\"export\":false,"
	    "\"until\":\"1970-01-01T00:00:00.000Z\",\"labels\":{\"a\":\"b\"},"
	    "\"versions\":[{\"model\":\"llama\",\"version\":\"ab"
	    "00000000000000000000000000000000000000000000000000000000000000"
	    "\"},{},[0,\"x\",true]],\"host\":\"gpu7\"}");
}

static void
strings_are_escaped_and_what_is_not_utf8_is_replaced(void **state)
{
#define NOT "\xef\xbf\xbd"
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "" },
		{ "a\"b\\c/", "a\\\"b\\\\c/" },
		{ "\x01\t\n\x1f\x7f", "\\u0001\\u0009\\u000a\\u001f\x7f" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\x80", NOT },		 /* continues nothing */
		{ "\xc0\xaf", NOT NOT },	 /* overlong */
		{ "\xe0\x9f\xbf", NOT NOT NOT }, /* overlong */
		{ "\xed\xa0\x80", NOT NOT NOT }, /* a surrogate */
		{ "\xed\x9f\xbf\xee\x80\x80",
		    "\xed\x9f\xbf\xee\x80\x80" },	    /* beside them */
		{ "\xf0\x8f\xbf\xbf", NOT NOT NOT NOT },    /* overlong */
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* the last */
		{ "\xf4\x90\x80\x80", NOT NOT NOT NOT },    /* and beyond */
		{ "\xf5\xff", NOT NOT },
		{ "a\xe2\x82", "a" NOT NOT }, /* cut short */
		{ "\xc3(", NOT "(" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct entry_view v;
		const uint8_t *bytes;
		char want[256];
		OWNED_ENTRY e;
		size_t n;

		entry_begin(&e, ENTRY_INIT, &keyd, TIME);
		entry_text(&e, "k", cases[i].text);
		snprintf(want, sizeof(want), HEAD "\"keyd\",\"k\":\"%s\"}",
		    cases[i].json);
		assert_int_equal(entry_end(&e, &bytes, &n), 0);
		assert_int_equal(n, strlen(want));
		assert_memory_equal(bytes, want, n);
		assert_int_equal(entry_parse(&v, bytes, n), 0);
		entry_view_clear(&v);
	}
}

/* An entry of exactly n bytes, if it may be. */
static int
build(struct entry *e, size_t n, size_t *length)
{
	static const char frame[] = HEAD "\"keyd\",\"k\":\"\"}";
	OWNED_MEM(char) text = malloc(n);
	size_t fill = n - strlen(frame);
	const uint8_t *bytes;

	assert_non_null(text);
	memset(text, 'a', fill);
	text[fill] = '\0';
	entry_begin(e, ENTRY_INIT, &keyd, TIME);
	entry_text(e, "k", text);
	return entry_end(e, &bytes, length);
}

static void
an_entry_has_65535_bytes_and_not_one_more(void **state)
{
	size_t length;

	(void)state;
	for (size_t n = ENTRY_MAX - 3; n <= ENTRY_MAX; n++) {
		OWNED_ENTRY e;

		assert_int_equal(build(&e, n, &length), 0);
		assert_int_equal(length, n);
	}
	for (size_t n = ENTRY_MAX + 1; n <= ENTRY_MAX + 4; n++) {
		OWNED_ENTRY e;

		assert_int_equal(build(&e, n, &length), ERR_LIMIT);
	}
}

static void
a_number_that_cannot_be_read_back_is_not_written(void **state)
{
	const uint8_t *bytes;
	struct entry_view v;
	uint64_t number;
	OWNED_ENTRY good;
	OWNED_ENTRY bad;
	size_t n;

	(void)state;
	entry_begin(&good, ENTRY_INIT, &keyd, TIME);
	entry_number(&good, "n", INT64_MAX);
	assert_int_equal(entry_end(&good, &bytes, &n), 0);
	assert_int_equal(entry_parse(&v, bytes, n), 0);
	assert_int_equal(entry_view_number(&v, "n", &number), 0);
	assert_true(number == INT64_MAX);
	entry_view_clear(&v);
	entry_begin(&bad, ENTRY_INIT, &keyd, TIME);
	entry_number(&bad, "n", (uint64_t)INT64_MAX + 1);
	assert_int_equal(entry_end(&bad, &bytes, &n), ERR_LIMIT);
}

static void
every_kind_has_a_name_of_its_own(void **state)
{
	enum entry_kind k;

	(void)state;
	for (int i = 0; i < ENTRY_KINDS; i++) {
		const char *name = entry_kind_name((enum entry_kind)i);

		assert_int_equal(entry_kind_parse(&k, name), 0);
		assert_int_equal(k, i);
	}
	assert_int_equal(entry_kind_parse(&k, ""), ERR_FORMAT);
	assert_int_equal(entry_kind_parse(&k, "Init"), ERR_FORMAT);
	assert_int_equal(entry_kind_parse(&k, "put.key"), ERR_FORMAT);
}

/* ---- times ---- */

static void
times_are_written_and_read_back(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ TIME, TIME_TEXT },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 4107542399999, "2100-02-28T23:59:59.999Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ -62167219200000, "0000-01-01T00:00:00.000Z" },
	};
	char buf[ENTRY_TIME_SIZE];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(entry_time_text(cases[i].ms, buf),
		    cases[i].text);
		assert_int_equal(entry_time_parse(&ms, cases[i].text), 0);
		assert_true(ms == cases[i].ms);
	}
	assert_string_equal(entry_time_text(INT64_MAX, buf),
	    "9999-12-31T23:59:59.999Z");
	assert_string_equal(entry_time_text(INT64_MIN, buf),
	    "0000-01-01T00:00:00.000Z");
}

/* Every day of the calendar, by what libc says of it, and those it has not. */
static void
days_are_those_of_the_calendar(void **state)
{
	static const char *const none[] = { "2026-00-10", "2026-13-10",
		"2026-01-00", "2026-01-32", "2026-04-31", "2026-02-29",
		"1900-02-29", "2100-02-29", "2024-02-30" };
	char text[sizeof("0000-00-00") + 40];
	int64_t ms;

	(void)state;
	for (time_t day = -719528; day <= 2932896; day++) {
		const time_t at = day * 86400;
		struct tm tm;

		assert_non_null(gmtime_r(&at, &tm));
		snprintf(text, sizeof(text), "%04d-%02d-%02d",
		    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
		assert_int_equal(entry_time_parse(&ms, text), 0);
		assert_int_equal(ms, (int64_t)at * 1000);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(entry_time_parse(&ms, none[i]), ERR_FORMAT);
}

static void
times_are_read_in_the_forms_of_rfc_3339(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "2026-01-02", 1767312000000 },
		{ "2026-01-02T03:04:05Z", 1767323045000 },
		{ "2026-01-02T03:04:05.6Z", 1767323045600 },
		{ "2026-01-02T03:04:05.678999999Z", TIME },
		{ "2026-01-02T04:34:05.678+01:30", TIME },
		{ "2026-01-01T22:04:05.678-05:00", TIME },
	};
	static const char *const bad[] = { "", "2026", "2026-1-2", "2026-00-01",
		"2026-13-01", "2026-01-00", "2026-01-32", "2026-02-29",
		"2100-02-29", "2026-04-31", "2026-01-02T", "2026-01-02 ",
		"2026-01-02T03:04Z", "2026-01-02T03:04:05",
		"2026-01-02 03:04:05Z", "2026-01-02T24:00:00Z",
		"2026-01-02T03:60:00Z", "2026-01-02T03:04:60Z",
		"2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.1234567890Z",
		"2026-01-02T03:04:05z", "2026-01-02T03:04:05+0100",
		"2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+01:60",
		"2026-01-02T03:04:05Z ", "+026-01-02", "-026-01-02",
		"2026-01-02T03:04:05.678Zx" };
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(entry_time_parse(&ms, good[i].text), 0);
		assert_true(ms == good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ms = 7;
		assert_int_equal(entry_time_parse(&ms, bad[i]), ERR_FORMAT);
		assert_true(ms == 7);
	}
}

/* ---- reading ---- */

static const char whole
    [] = "{\"v\":1,\"time\":\"" TIME_TEXT "\",\"kind\":\"release\","
	 "\"by\":\"user:a\",\"uid\":7,\"count\":64,\"neg\":-1,\"real\":1.5,"
	 "\"yes\":true,\"no\":false,\"null\":null,\"version\":"
	 "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","
	 "\"list\":[1,2]}";

static void
fields_are_read_by_their_type(void **state)
{
	struct entry_view v;
	struct digest d;
	uint64_t n = 99;
	int64_t ms;

	(void)state;
	assert_int_equal(entry_parse(&v, whole, strlen(whole)), 0);
	assert_int_equal(v.kind, ENTRY_RELEASE);
	assert_string_equal(v.by, "user:a");
	assert_true(v.time_ms == TIME);
	assert_string_equal(entry_view_text(&v, "by"), "user:a");
	assert_null(entry_view_text(&v, "count"));
	assert_null(entry_view_text(&v, "absent"));
	assert_int_equal(entry_view_number(&v, "neg", &n), ERR_FORMAT);
	assert_int_equal(entry_view_number(&v, "real", &n), ERR_FORMAT);
	assert_int_equal(entry_view_number(&v, "by", &n), ERR_FORMAT);
	assert_int_equal(entry_view_number(&v, "absent", &n), ERR_FORMAT);
	assert_int_equal(n, 99);
	assert_int_equal(entry_view_number(&v, "count", &n), 0);
	assert_int_equal(n, 64);
	assert_true(entry_view_bool(&v, "yes"));
	assert_false(entry_view_bool(&v, "no"));
	assert_false(entry_view_bool(&v, "count"));
	assert_false(entry_view_bool(&v, "absent"));
	assert_int_equal(entry_view_digest(&v, "version", &d), 0);
	assert_int_equal(d.bytes[31], 0xff);
	assert_int_equal(entry_view_digest(&v, "by", &d), ERR_FORMAT);
	assert_int_equal(entry_view_digest(&v, "absent", &d), ERR_FORMAT);
	assert_int_equal(entry_view_time(&v, "time", &ms), 0);
	assert_true(ms == TIME);
	assert_int_equal(entry_view_time(&v, "by", &ms), ERR_FORMAT);
	assert_int_equal(entry_view_time(&v, "absent", &ms), ERR_FORMAT);
	entry_view_clear(&v);
	entry_view_clear(&v);
}

static void
assert_malformed(const char *json)
{
	struct entry_view v = { 0 };

	assert_int_equal(entry_parse(&v, json, strlen(json)), ERR_FORMAT);
	assert_null(v.json);
}

static void
what_every_entry_has_must_be_there(void **state)
{
	(void)state;
#define T "\"time\":\"2026-01-02T03:04:05.678Z\""
	assert_malformed("");
	assert_malformed("[]");
	assert_malformed("null");
	assert_malformed("{}");
	assert_malformed("{" T ",\"kind\":\"put\",\"by\":\"a\"}");
	assert_malformed("{\"v\":2," T ",\"kind\":\"put\",\"by\":\"a\"}");
	assert_malformed("{\"v\":\"1\"," T ",\"kind\":\"put\",\"by\":\"a\"}");
	assert_malformed("{\"v\":1,\"kind\":\"put\",\"by\":\"a\"}");
	assert_malformed("{\"v\":1,\"time\":1,\"kind\":\"put\",\"by\":\"a\"}");
	assert_malformed("{\"v\":1," T ",\"by\":\"a\"}");
	assert_malformed("{\"v\":1," T ",\"kind\":\"puts\",\"by\":\"a\"}");
	assert_malformed("{\"v\":1," T ",\"kind\":\"put\"}");
	assert_malformed("{\"v\":1," T ",\"kind\":\"put\",\"by\":\"\"}");
	assert_malformed("{\"v\":1," T ",\"kind\":\"put\",\"by\":7}");
	assert_malformed(
	    "{\"v\":1," T ",\"kind\":\"put\",\"by\":\"a\",\"uid\":\"0\"}");
	assert_malformed(
	    "{\"v\":1," T ",\"kind\":\"put\",\"by\":\"a\",\"uid\":-1}");
	assert_malformed(
	    "{\"v\":1,\"v\":1," T ",\"kind\":\"put\",\"by\":\"a\"}");
	assert_malformed("{\"v\":1," T ",\"kind\":\"put\",\"by\":\"a\"}x");
	assert_malformed(
	    "{\"v\":1," T ",\"kind\":\"put\",\"by\":\"a\\u0000b\"}");
	assert_malformed("{\"v\":1," T ",\"kind\":\"put\",\"by\":\"\xff\"}");
#undef T
}

static void
every_truncation_is_malformed(void **state)
{
	(void)state;
	for (size_t n = 0; n < strlen(whole); n++) {
		/* Of its own, so that reading too far is seen. */
		OWNED_MEM(char) copy = malloc(n + 1);
		struct entry_view v;

		assert_non_null(copy);
		memcpy(copy, whole, n);
		assert_int_equal(entry_parse(&v, copy, n), ERR_FORMAT);
	}
}

static void
a_flipped_bit_never_gives_half_an_entry(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * strlen(whole); bit++) {
		struct entry_view v = { 0 };
		char copy[sizeof(whole)];
		int err;

		memcpy(copy, whole, sizeof(whole));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		err = entry_parse(&v, copy, strlen(whole));
		assert_true(err == ERR_FORMAT || err == 0);
		assert_int_equal(err == 0, v.json != NULL);
		assert_true(err != 0 || (v.by != NULL && v.by[0] != '\0'));
		entry_view_clear(&v);
	}
}

static void
an_entry_above_the_limit_is_not_read(void **state)
{
	OWNED_MEM(char) text = malloc(ENTRY_MAX + 1);
	struct entry_view v;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', ENTRY_MAX + 1);
	memcpy(text, whole, strlen(whole));
	assert_int_equal(entry_parse(&v, text, ENTRY_MAX + 1), ERR_FORMAT);
	assert_int_equal(entry_parse(&v, text, ENTRY_MAX), 0);
	entry_view_clear(&v);
}

static void
a_peek_sees_what_parsing_finds_or_nothing(void **state)
{
	const struct entry_actor by = { "user:alice", 1000 };
	static const char *const bad[] = { "", "{", "{\"v\":1,\"time\":\"",
		"{\"v\":1,\"time\":\"2026-01-31T09:30:00.000Z\",\"kind\":\"",
		"{\"v\":1,\"time\":\"2026-01-31T09:30:00.000Z\",\"kind\":\"x\"",
		"{\"v\":1,\"time\":\"2026-01-32T09:30:00.000Z\",\"kind\":"
		"\"release\"",
		"{\"v\":2,\"time\":\"2026-01-31T09:30:00.000Z\",\"kind\":"
		"\"release\"",
		"{\"v\":1,\"time\":\"2026-01-31T09:30:00.000Z\",\"kind\":"
		"\"releasereleasereleasereleaserelease\"" };
	enum entry_kind kind;
	int64_t time;

	(void)state;
	for (int k = 0; k < ENTRY_KINDS; k++) {
		const uint8_t *bytes;
		OWNED_ENTRY e;
		size_t n;

		entry_begin(&e, (enum entry_kind)k, &by, TIME);
		assert_int_equal(entry_end(&e, &bytes, &n), 0);
		assert_true(entry_peek(bytes, n, &time, &kind));
		assert_int_equal(kind, k);
		assert_int_equal(time, TIME);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(entry_peek(bad[i], strlen(bad[i]), &time, &kind));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_has_its_fields_in_the_order_given),
		cmocka_unit_test(
		    strings_are_escaped_and_what_is_not_utf8_is_replaced),
		cmocka_unit_test(an_entry_has_65535_bytes_and_not_one_more),
		cmocka_unit_test(
		    a_number_that_cannot_be_read_back_is_not_written),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
		cmocka_unit_test(times_are_written_and_read_back),
		cmocka_unit_test(days_are_those_of_the_calendar),
		cmocka_unit_test(times_are_read_in_the_forms_of_rfc_3339),
		cmocka_unit_test(fields_are_read_by_their_type),
		cmocka_unit_test(what_every_entry_has_must_be_there),
		cmocka_unit_test(every_truncation_is_malformed),
		cmocka_unit_test(a_flipped_bit_never_gives_half_an_entry),
		cmocka_unit_test(an_entry_above_the_limit_is_not_read),
		cmocka_unit_test(a_peek_sees_what_parsing_finds_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
