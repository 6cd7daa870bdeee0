/* SPDX-License-Identifier: Apache-2.0 */

/* sign.oms: what keyd records of a model.sig, and what it refuses. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bundle.h"
#include "tests/lib/bureau.h"
#include "tests/lib/test.h"
#include "vault/base64.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/oms.h"

#define DAEMON 1
#define SIZE 100U

/* A version that is to be signed, and what a manager makes of it. */
struct signing {
	struct msg_sign_oms m;
	char reference[128];
	struct oms_resource file;
	char *key;
};

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	log_sink(test_hush, NULL);
	desk_new(d, true);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	desk_free(*state);
	free(*state);
	return 0;
}

/* desk_put's first file of SIZE bytes. */
static struct digest
digest_of_first(void)
{
	uint8_t bytes[SIZE];

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 31);
	return digest_of(bytes, SIZE);
}

static char name_of_model[] = "m";

static void
sign(struct signing *s, const struct digest *version)
{
	OWNED_MEM(char) pem = bundle_vector("p256", ".pem");
	OWNED_MEM(char) payload = NULL;
	const struct oms_private private = { .pem = pem };
	const struct oms_parts parts = { .name = name_of_model };
	struct oms_files files = { &s->file, 1 };
	char hex[DIGEST_HEX_SIZE], why[OMS_WHY];
	size_t n;

	s->file = (struct oms_resource){ "f0", digest_of_first() };
	assert_int_equal(oms_payload(&payload, &n, &files, &parts, why), 0);
	assert_int_equal(oms_sign(&private, payload, n, s->m.sig,
			     &s->m.sig_length, &s->key, why),
	    0);
	snprintf(s->reference, sizeof(s->reference), "llama@%s",
	    digest_hex(version, hex));
	s->m.reference = s->reference;
	s->m.name = name_of_model;
	s->m.key = s->key;
}

static int
tell(struct desk_person *p, const struct msg_sign_oms *m)
{
	OWNED_WRITER body = writer_of(1U << 20);

	msg_sign_oms_write(&body, m);
	return desk_ask(p, MSG_SIGN_OMS, &body, NULL);
}

static json_t *
proof(struct desk_person *p, const char *reference)
{
	OWNED_WRITER body = writer_of(256);

	msg_string_write(&body, reference);
	return desk_json(p, MSG_CHANNEL_PROOF, &body);
}

static void
begin(struct desk_person *owner, struct desk *d, struct signing *s)
{
	struct digest version;

	*s = (struct signing){ 0 };
	desk_person_come(owner, d, 0);
	assert_int_equal(desk_put(owner, "llama", (size_t[]){ SIZE }, 1,
			     &version),
	    0);
	sign(s, &version);
}

static void
end(struct desk_person *owner, struct signing *s)
{
	free(s->key);
	desk_person_go(owner);
}

static void
verified(struct desk *d, struct signing *s, bool ok)
{
	struct digest version;

	assert_int_equal(digest_parse(&version, strchr(s->reference, '@') + 1),
	    0);
	bureau_verify(d, "llama", &version, ok);
}

static void
a_signature_over_the_manifest_is_recorded_and_shown(void **state)
{
	struct desk *d = *state;
	struct desk_person owner;
	struct signing s;
	char sig[BASE64_SIZE(OMS_SIG_MAX)];
	json_t *j, *oms;

	begin(&owner, d, &s);
	REFUSED(&owner, ERR_CONFLICT, "not verified yet", tell(&owner, &s.m));
	verified(d, &s, true);
	j = proof(&owner, s.reference);
	assert_null(json_object_get(j, "oms"));
	json_decref(j);
	assert_int_equal(tell(&owner, &s.m), 0);
	assert_int_equal(desk_count(d, "sign.oms"), 1);
	j = proof(&owner, s.reference);
	oms = json_object_get(j, "oms");
	assert_string_equal(json_string_value(json_object_get(oms, "name")),
	    "m");
	assert_string_equal(json_string_value(json_object_get(oms, "key")),
	    s.key);
	assert_string_equal(json_string_value(json_object_get(oms, "sig")),
	    base64_encode(sig, s.m.sig, s.m.sig_length));
	assert_int_equal(json_array_size(json_object_get(oms, "ignore")), 0);
	json_decref(j);
	/* It is there again after a restart, from the trail. */
	desk_person_go(&owner);
	desk_restart(d, true);
	desk_person_come(&owner, d, 0);
	j = proof(&owner, s.reference);
	assert_non_null(json_object_get(j, "oms"));
	json_decref(j);
	end(&owner, &s);
}

static void
a_signature_over_anything_else_is_refused_and_recorded(void **state)
{
	struct desk *d = *state;
	char other[] = "other", f0[] = "f0", up[] = "../f0", *f0_list = f0;
	char *up_list = up;
	struct desk_person owner;
	struct signing s;
	struct msg_sign_oms m;
	OWNED_MEM(char) another = bundle_vector("p384", ".pub");

	begin(&owner, d, &s);
	verified(d, &s, true);
	m = s.m;
	m.name = other;
	REFUSED(&owner, ERR_INTEGRITY, "not one by this key", tell(&owner, &m));
	m = s.m;
	m.key = another;
	REFUSED(&owner, ERR_INTEGRITY, "not one by this key", tell(&owner, &m));
	m = s.m;
	m.sig[8] ^= 1;
	REFUSED(&owner, ERR_INTEGRITY, "not one by this key", tell(&owner, &m));
	assert_int_equal(desk_count(d, "refused"), 3);
	m = s.m;
	m.count = 1;
	m.ignored = &f0_list;
	REFUSED(&owner, ERR_USAGE, "no file to be signed", tell(&owner, &m));
	m.ignored = &up_list;
	REFUSED(&owner, ERR_USAGE, "cannot be ignored", tell(&owner, &m));
	m = s.m;
	m.key = other;
	REFUSED(&owner, ERR_USAGE, "not a PEM public key", tell(&owner, &m));
	assert_int_equal(desk_count(d, "sign.oms"), 0);
	/* Control: nothing else was wrong. */
	assert_int_equal(tell(&owner, &s.m), 0);
	end(&owner, &s);
}

static void
only_a_version_s_digits_by_a_manager_will_do(void **state)
{
	struct desk *d = *state;
	char latest[] = "llama:latest",
	     none[] = "llama@00000000000000000000000000000000";
	struct desk_person owner, other;
	struct signing s;
	struct msg_sign_oms m;

	begin(&owner, d, &s);
	verified(d, &s, true);
	m = s.m;
	m.reference = latest;
	REFUSED(&owner, ERR_USAGE, "32 digits", tell(&owner, &m));
	m.reference = none;
	REFUSED(&owner, ERR_NOT_FOUND, "there is no llama@", tell(&owner, &m));
	m = s.m;
	s.reference[strlen("llama@") + 31] = '\0';
	REFUSED(&owner, ERR_USAGE, "32 digits", tell(&owner, &m));
	desk_person_come(&other, d, DAEMON);
	REFUSED(&other, ERR_DENIED, "role of manager", tell(&other, &m));
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "manager", "",
			     "user:daemon"),
	    0);
	REFUSED(&other, ERR_USAGE, "32 digits", tell(&other, &m));
	desk_person_go(&other);
	end(&owner, &s);
}

static void
what_is_bad_or_revoked_is_not_signed(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	struct desk *d = *state;
	struct statement_fields f;
	struct desk_person owner;
	struct digest version;
	struct signing s;

	begin(&owner, d, &s);
	bureau_begin(&owner, &policy);
	verified(d, &s, false);
	REFUSED(&owner, ERR_INTEGRITY, "verifier", tell(&owner, &s.m));
	verified(d, &s, true);
	assert_int_equal(tell(&owner, &s.m), 0);
	assert_int_equal(digest_parse(&version, strchr(s.reference, '@') + 1),
	    0);
	f = bureau_version(d, "llama", &version);
	assert_int_equal(bureau_say(&owner, &f, 1U << 1, NULL), 0);
	assert_int_equal(tell(&owner, &s.m), 0);
	f = bureau_revocation(d, "llama", &version);
	assert_int_equal(bureau_say(&owner, &f, 1U << 1, NULL), 0);
	REFUSED(&owner, ERR_CONFLICT, "has been revoked (R",
	    tell(&owner, &s.m));
	end(&owner, &s);
}

/* A signature over a hundred thousand files takes a while: it is looked at by
 * another thread, and whoever asks for something else has an answer before. */
static void
others_are_served_while_a_signature_is_looked_at(void **state)
{
	struct desk *d = *state;
	OWNED_WRITER body = writer_of(1U << 20);
	struct desk_person owner, other;
	struct signing s;

	begin(&owner, d, &s);
	verified(d, &s, true);
	desk_person_come(&other, d, 0);
	msg_sign_oms_write(&body, &s.m);
	desk_send(&owner, MSG_SIGN_OMS, &body);
	assert_false(owner.answered);
	desk_send(&other, MSG_STATUS, NULL);
	assert_true(other.answered);
	assert_false(owner.answered);
	while (!owner.answered)
		desk_settle(d);
	assert_int_equal(desk_count(d, "sign.oms"), 1);
	/* Who does not wait for it has signed nothing. */
	desk_send(&owner, MSG_SIGN_OMS, &body);
	end(&owner, &s);
	desk_settle(d);
	assert_int_equal(desk_count(d, "sign.oms"), 1);
	desk_person_go(&other);
}

int
main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_signature_over_the_manifest_is_recorded_and_shown),
		TEST(a_signature_over_anything_else_is_refused_and_recorded),
		TEST(only_a_version_s_digits_by_a_manager_will_do),
		TEST(what_is_bad_or_revoked_is_not_signed),
		TEST(others_are_served_while_a_signature_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
