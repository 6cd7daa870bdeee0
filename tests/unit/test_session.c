/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "keys/session.h"
#include "tests/lib/test.h"
#include "vault/err.h"

static int
setup(void **state)
{
	uint8_t bytes[KEY_SIZE];
	struct page_key *k;

	for (size_t i = 0; i < KEY_SIZE; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(secret_init(), 0);
	assert_int_equal(page_key_from(&k, bytes), 0);
	*state = k;
	return 0;
}

static int
teardown(void **state)
{
	page_key_free(*state);
	return 0;
}

/* By another library, from PROTOCOL.md's words. */
static void
a_token_is_the_hmac_that_is_documented(void **state)
{
	static const uint8_t message[] = "weir session v1\x08\x07\x06\x05"
					 "\x04\x03\x02\x01";
	uint8_t token[SESSION_TOKEN], want[EVP_MAX_MD_SIZE];
	unsigned int n;

	session_token(token, *state, 0x0102030405060708);
	assert_non_null(HMAC(EVP_sha256(), page_key_bytes(*state), KEY_SIZE,
	    message, sizeof(message) - 1, want, &n));
	assert_int_equal(n, SESSION_TOKEN);
	assert_memory_equal(token, want, SESSION_TOKEN);
}

static void
a_token_is_good_for_its_session_alone(void **state)
{
	uint8_t token[SESSION_TOKEN];

	session_token(token, *state, 7);
	assert_true(session_token_ok(token, *state, 7));
	assert_false(session_token_ok(token, *state, 8));
	for (unsigned int bit = 0; bit < SESSION_TOKEN * 8; bit++) {
		token[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_false(session_token_ok(token, *state, 7));
		token[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

static bool
may(uint64_t first, uint32_t count, enum msg_grant_type type, uint64_t rows)
{
	const struct msg_release m = { .first = first, .count = count };

	return session_release_wrong(&m, type, rows) == NULL;
}

static void
a_release_keeps_to_the_window(void **state)
{
	(void)state;
	assert_false(may(0, 0, MSG_GRANT_LOAD, 100));
	assert_true(may(0, 1, MSG_GRANT_LOAD, 100));
	assert_true(may(0, 64, MSG_GRANT_LOAD, 100));
	assert_false(may(0, 65, MSG_GRANT_LOAD, 100));
	assert_true(may(0, 1, MSG_GRANT_BROWSE, 100));
	assert_false(may(0, 2, MSG_GRANT_BROWSE, 100));
}

static void
a_release_keeps_to_the_rows(void **state)
{
	(void)state;
	assert_true(may(99, 1, MSG_GRANT_LOAD, 100));
	assert_false(may(100, 1, MSG_GRANT_LOAD, 100));
	assert_true(may(90, 10, MSG_GRANT_LOAD, 100));
	assert_false(may(90, 11, MSG_GRANT_LOAD, 100));
	assert_false(may(0, 1, MSG_GRANT_LOAD, 0));
	assert_false(may(UINT64_MAX, 1, MSG_GRANT_LOAD, 100));
	assert_false(may(UINT64_MAX - 3, 64, MSG_GRANT_LOAD, UINT64_MAX));
}

static void
a_purpose_has_a_name(void **state)
{
	enum msg_purpose p;

	(void)state;
	assert_int_equal(session_purpose_parse(&p, "mount"), 0);
	assert_string_equal(session_purpose_name(p), "mount");
	assert_int_equal(session_purpose_parse(&p, "get"), 0);
	assert_string_equal(session_purpose_name(p), "get");
	assert_int_equal(session_purpose_parse(&p, "keep"), ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_the_hmac_that_is_documented),
		cmocka_unit_test(a_token_is_good_for_its_session_alone),
		cmocka_unit_test(a_release_keeps_to_the_window),
		cmocka_unit_test(a_release_keeps_to_the_rows),
		cmocka_unit_test(a_purpose_has_a_name),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
