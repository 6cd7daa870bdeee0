/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/paper.h"
#include "tests/lib/test.h"
#include "vault/certificate.h"
#include "vault/err.h"
#include "vault/log.h"

static enum paper
of(const char *text)
{
	return paper_of(text, strlen(text));
}

static void
each_is_known_by_how_it_begins(void **state)
{
	(void)state;
	assert_int_equal(of("weir-proof v1\nquestion entry 1\n"), PAPER_PROOF);
	assert_int_equal(of("c2sp.org/tlog-proof@v1\n"), PAPER_PROOF);
	assert_int_equal(of("{\"payload\":\"\",\"payloadType\":"
			    "\"application/vnd.weir.deletion+json\"}"),
	    PAPER_CERTIFICATE);
	assert_int_equal(of("{\"mediaType\":\"application/vnd.dev.sigstore."
			    "bundle.v0.3+json\"}"),
	    PAPER_BUNDLE);
	assert_int_equal(of("log.example\n1\nAAAA\n\n\xe2\x80\x94 log AAAA\n"),
	    PAPER_CHECKPOINT);
}

static void
what_is_none_is_not_known(void **state)
{
	static const char *const texts[] = { "", "{", "{}", "weir-proof",
		"{\"payloadType\":1}", "{\"payloadType\":\"text/plain\"}",
		"log.example\n1\nAAAA\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(of(texts[i]), PAPER_UNKNOWN);
}

static void
what_is_longer_than_a_certificate_is_not_read(void **state)
{
	static char text[CERTIFICATE_MAX + 1] =
	    "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}";
	size_t n = strlen(text);

	(void)state;
	memset(text + n, ' ', sizeof(text) - n);
	assert_int_equal(paper_of(text, CERTIFICATE_MAX), PAPER_BUNDLE);
	assert_int_equal(paper_of(text, CERTIFICATE_MAX + 1), PAPER_UNKNOWN);
}

static void
a_refusal_is_the_error_that_it_was_given(void **state)
{
	(void)state;
	assert_int_equal(paper_refuse("f", "{}", 2, PAPER_PROOF, "why",
			     ERR_FORMAT),
	    ERR_FORMAT);
	assert_int_equal(paper_refuse("f", "weir-proof v9", 13,
			     PAPER_CERTIFICATE, "why", ERR_INTEGRITY),
	    ERR_INTEGRITY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_known_by_how_it_begins),
		cmocka_unit_test(what_is_none_is_not_known),
		cmocka_unit_test(what_is_longer_than_a_certificate_is_not_read),
		cmocka_unit_test(a_refusal_is_the_error_that_it_was_given),
	};

	log_sink(test_hush, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
