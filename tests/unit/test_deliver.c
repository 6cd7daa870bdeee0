/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/deliver.h"
#include "tests/lib/test.h"
#include "vault/err.h"

static char said[256];

static int
parse(struct deliver *d, const char *text)
{
	const struct why why = { said, sizeof(said) };

	said[0] = '\0';
	return deliver_parse(d, text, strlen(text), &why);
}

static void
nothing_is_delivered_anywhere_by_default(void **state)
{
	struct deliver d;

	(void)state;
	assert_int_equal(parse(&d, ""), 0);
	assert_string_equal(d.hook, "");
	assert_string_equal(d.webhook, "");
	assert_int_equal(d.keep, 1000);
	assert_int_equal(d.hook_timeout, 10);
	assert_int_equal(d.severity, WATCH_INFO);
}

static void
a_section_among_others_is_read(void **state)
{
	struct deliver d;

	(void)state;
	assert_int_equal(parse(&d,
			     "; mine\n[burst]\nhook = /no\n\n [deliver] \r\n"
			     "hook=/usr/local/bin/page\n"
			     "webhook = https://siem.example/weir?a=b\n"
			     "webhook-ca = /etc/ca.pem\nhook-timeout = 3s\n"
			     "webhook-timeout = 300\nkeep = 10000\n"
			     "severity = high\n[crawl]\nhook = /neither"),
	    0);
	assert_string_equal(d.hook, "/usr/local/bin/page");
	assert_string_equal(d.webhook, "https://siem.example/weir?a=b");
	assert_string_equal(d.webhook_ca, "/etc/ca.pem");
	assert_int_equal(d.hook_timeout, 3);
	assert_int_equal(d.webhook_timeout, 300);
	assert_int_equal(d.keep, 10000);
	assert_int_equal(d.severity, WATCH_HIGH);
}

static void
what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "[deliver]\nhoook = /a\n", "line 2: [deliver] has no key" },
		{ "[deliver]\n\nhook = /a\nhook = /b\n",
		    "line 4: hook is there already, at line 3" },
		{ "[deliver]\n[burst]\n[deliver]\n",
		    "line 3: [deliver] is there already, at line 1" },
		{ "[deliver]\nhook = page\n", "line 2: hook is the whole" },
		{ "[deliver]\nhook =\n", "line 2: hook is the whole" },
		{ "[deliver]\nhook\n", "line 2: neither" },
		{ "[deliver]\nkeep = 0\n", "line 2: keep is a number" },
		{ "[deliver]\nkeep = 10001\n", "line 2: keep is a number" },
		{ "[deliver]\nkeep = -1\n", "line 2: keep is a number" },
		{ "[deliver]\nkeep = 1x\n", "line 2: keep is a number" },
		{ "[deliver]\nhook-timeout = 301\n", "line 2: hook-timeout" },
		{ "[deliver]\nhook-timeout = s\n", "line 2: hook-timeout" },
		{ "[deliver]\nseverity = loud\n", "line 2: severity is" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct deliver d = { .keep = 7 };

		assert_int_equal(parse(&d, bad[i].text), ERR_FORMAT);
		assert_true(
		    strncmp(said, bad[i].says, strlen(bad[i].says)) == 0);
		assert_int_equal(d.keep, 7); /* left alone */
	}
}

/* What leaves the host is encrypted, and goes where it seems to. */
static void
a_webhook_is_https_or_of_this_host(void **state)
{
	static const char *const good[] = { "https://a", "https://a:8443/x?y",
		"http://127.0.0.1:80/", "http://localhost/x",
		"http://[::1]:9/x" };
	static const char *const bad[] = { "http://a/", "ftp://a/", "https://",
		"file:///etc/passwd", "http://localhost.evil/",
		"http://127.0.0.1.evil/", "http://localhost@evil/",
		"https://a@b/", "https://a b/", "https://a/\x01", "HTTPS://a",
		"a", "http://127.0.0.1x/" };
	char text[128];
	struct deliver d;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "[deliver]\nwebhook = %s\n",
		    good[i]);
		assert_int_equal(parse(&d, text), 0);
		assert_string_equal(d.webhook, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "[deliver]\nwebhook = %s\n",
		    bad[i]);
		assert_int_equal(parse(&d, text), ERR_FORMAT);
	}
}

static void
lengths_are_bounded(void **state)
{
	char *text = calloc(1, 8192);
	const struct why why = { said, sizeof(said) };
	struct deliver d;

	(void)state;
	assert_non_null(text);
	snprintf(text, 64, "[deliver]\nwebhook = https://");
	memset(text + strlen(text), 'a', DELIVER_URL_MAX - 8);
	assert_int_equal(deliver_parse(&d, text, strlen(text), &why), 0);
	text[strlen(text)] = 'a';
	assert_int_equal(deliver_parse(&d, text, strlen(text), &why),
	    ERR_FORMAT);
	assert_int_equal(deliver_parse(&d, "[deliver]\0\n", 11, &why),
	    ERR_FORMAT);
	memset(text, '#', 4097);
	assert_int_equal(deliver_parse(&d, text, 4096, &why), 0);
	assert_int_equal(deliver_parse(&d, text, 4097, &why), ERR_FORMAT);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_delivered_anywhere_by_default),
		cmocka_unit_test(a_section_among_others_is_read),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
		cmocka_unit_test(a_webhook_is_https_or_of_this_host),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
