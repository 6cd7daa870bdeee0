/* SPDX-License-Identifier: Apache-2.0 */

/* Approvals of grants: what is signed, and whose signatures count. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/trust.h"

#define TERMS "user:p1 may load llama/base 3 times, until 2027-01-01"

static struct statement_fields
grant_fields(void)
{
	struct statement_fields f = people_fields(STATEMENT_GRANT);

	f.number = 7;
	f.grantee = "user:p1";
	f.terms = TERMS;
	f.root = digest_of(TERMS, strlen(TERMS));
	f.reason = "OPS-71";
	return f;
}

static struct trust_root *
root_with(const char *policy, const char *more)
{
	OWNED_MEM(char) edited = people_edit(policy, "\"channels\":[", more);
	OWNED(statement) s = people_root(edited, 1, NULL);
	struct trust_root *r = NULL;

	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	return r;
}

/* p0, p1 and p2; two approve grants for llama/...; p1 gets one. */
#define RULE                                                                   \
	"\"grants\":[{\"models\":\"llama/*\",\"approve\":{\"keys\":[\"p0\","   \
	"\"p1\",\"p2\"],\"threshold\":2}}],\"channels\":["

static void
what_is_written_is_read(void **state)
{
	const struct statement_fields f = grant_fields();
	OWNED(statement) s = people_statement(&f);
	OWNED(statement) again = NULL;
	OWNED_MEM(char) envelope = NULL;
	const struct statement_fields *g;

	(void)state;
	people_sign(0, s);
	assert_int_equal(statement_envelope(s, &envelope), 0);
	assert_int_equal(statement_parse(&again, envelope, strlen(envelope),
			     NULL),
	    0);
	g = statement_fields(again);
	assert_int_equal(g->about, STATEMENT_GRANT);
	assert_string_equal(statement_about_name(g->about), "grant");
	assert_string_equal(g->model, "llama/base");
	assert_int_equal(g->number, 7);
	assert_string_equal(g->grantee, "user:p1");
	assert_string_equal(g->terms, TERMS);
	assert_string_equal(g->reason, "OPS-71");
	for (size_t n = 0; n < strlen(envelope); n++) {
		OWNED(statement) cut = NULL;

		assert_int_not_equal(statement_parse(&cut, envelope, n, NULL),
		    0);
	}
}

static void
each_field_is_looked_at(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} edits[] = {
		{ "\"grant\":7", "\"grant\":0", "'grant'" },
		{ "\"grant\":7,", "", "'grant' is missing" },
		{ "\"grant\":7", "\"grant\":\"7\"", "'grant'" },
		{ "\"to\":\"user:p1\"", "\"to\":\"p1\"", "'to'" },
		{ "\"to\":\"user:p1\",", "", "'to' is missing" },
		{ "3 times", "4 times", "'terms' is not what the subject" },
		{ "3 times", "3\\u001btimes", "'terms'" },
		{ "\"terms\"", "\"terms2\"", "'terms' is missing" },
		{ "\"reason\":\"OPS-71\"", "\"reason\":\"\"", "'reason'" },
		{ "\"time\"", "\"version\":\"\",\"time\"", "not known" },
		{ "\"name\":\"llama/base\"", "\"name\":\"grant 7\"",
		    "subject: 'name'" },
	};
	const struct statement_fields f = grant_fields();
	OWNED(statement) s = people_statement(&f);
	size_t n;
	const char *bytes = statement_payload(s, &n);
	OWNED_MEM(char) payload = strndup(bytes, n);

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		OWNED_MEM(char)
		edited = people_edit(payload, edits[i].from, edits[i].to);
		const struct statement_signature sig = people_signature_of(0,
		    edited, strlen(edited));
		OWNED_MEM(char)
		envelope = people_envelope(edited, strlen(edited), &sig, 1);
		OWNED(statement) got = NULL;
		char why[STATEMENT_WHY] = "";

		assert_int_equal(statement_parse(&got, envelope,
				     strlen(envelope), why),
		    ERR_FORMAT);
		if (strstr(why, edits[i].why) == NULL)
			fail_msg("'%s', not '%s'", why, edits[i].why);
	}
}

static void
terms_have_2048_bytes_at_most(void **state)
{
	struct statement_fields f = grant_fields();
	char text[STATEMENT_TERMS_MAX + 2], why[STATEMENT_WHY];
	struct statement *s = NULL;

	(void)state;
	memset(text, 't', sizeof(text));
	text[STATEMENT_TERMS_MAX] = '\0';
	f.terms = text;
	f.root = digest_of(text, strlen(text));
	assert_int_equal(statement_new(&s, &f, NULL, why), 0);
	statement_free(s);
	text[STATEMENT_TERMS_MAX] = 't';
	text[STATEMENT_TERMS_MAX + 1] = '\0';
	f.root = digest_of(text, strlen(text));
	assert_int_not_equal(statement_new(&s, &f, NULL, why), 0);
}

static void
it_takes_as_many_as_the_rule_says(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 1);
	OWNED(trust_root) r = root_with(policy, RULE);
	const struct statement_fields f = grant_fields();
	OWNED(statement) s = people_statement(&f);
	struct trust_count c;

	(void)state;
	assert_int_equal(trust_accept_grant(r, s), TRUST_TOO_FEW);
	people_sign(9, s); /* whom nobody knows */
	people_sign(0, s);
	assert_int_equal(trust_accept_grant(r, s), TRUST_TOO_FEW);
	people_sign(1, s); /* whom it is to */
	assert_int_equal(trust_accept_grant(r, s), TRUST_TOO_FEW);
	trust_count_of(&c, r, s);
	assert_int_equal(c.need, 2);
	assert_int_equal(c.have, 1);
	assert_int_equal(c.waits_count, 1);
	people_sign(2, s);
	assert_int_equal(trust_accept_grant(r, s), TRUST_OK);
}

static void
without_a_rule_nobody_approves(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 1);
	OWNED(trust_root) none = root_with(policy, "\"channels\":[");
	OWNED(trust_root) r = root_with(policy, RULE);
	struct statement_fields f = grant_fields();
	OWNED(statement) s = people_statement(&f);
	OWNED(statement) other = NULL;
	OWNED(statement) elsewhere = NULL;

	(void)state;
	people_sign(0, s);
	people_sign(2, s);
	assert_int_equal(trust_accept_grant(none, s), TRUST_NO_RULE);
	assert_int_equal(trust_accept_grant(r, s), TRUST_OK);
	f.model = "mistral";
	other = people_statement(&f);
	people_sign(0, other);
	people_sign(2, other);
	assert_int_equal(trust_accept_grant(r, other), TRUST_NO_RULE);
	f = grant_fields();
	f.vault[0] ^= 1;
	elsewhere = people_statement(&f);
	people_sign(0, elsewhere);
	people_sign(2, elsewhere);
	assert_int_equal(trust_accept_grant(r, elsewhere), TRUST_OTHER_VAULT);
}

static void
approvers_are_counted_before_anybody_signs(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 1);
	OWNED(trust_root) r = root_with(policy, RULE);
	struct trust_approvers a;

	(void)state;
	a = trust_root_approvers(r, "llama/base", "user:nobody");
	assert_int_equal(a.need, 2);
	assert_int_equal(a.may, 3);
	a = trust_root_approvers(r, "llama/base", "user:p1");
	assert_int_equal(a.may, 2);
	a = trust_root_approvers(r, "mistral", "user:p1");
	assert_int_equal(a.need, 0);
	assert_int_equal(a.may, 0);
}

static void
a_rule_is_looked_at_like_the_others(void **state)
{
	static const char *const wrong[] = {
		"\"grants\":{},\"channels\":[",
		"\"grants\":[{}],\"channels\":[",
		"\"grants\":[{\"models\":\"*\"}],\"channels\":[",
		"\"grants\":[{\"models\":\"A\",\"approve\":{\"keys\":[\"p0\"],"
		"\"threshold\":1}}],\"channels\":[",
		"\"grants\":[{\"models\":\"*\",\"approve\":{\"keys\":[\"p0\"],"
		"\"threshold\":0}}],\"channels\":[",
		"\"grants\":[{\"models\":\"*\",\"approve\":{\"keys\":[\"p0\"],"
		"\"threshold\":2}}],\"channels\":[",
		"\"grants\":[{\"models\":\"*\",\"approve\":{\"keys\":[\"p9\"],"
		"\"threshold\":1}}],\"channels\":[",
		"\"grants\":[{\"models\":\"*\",\"x\":1,\"approve\":{\"keys\":"
		"[\"p0\"],\"threshold\":1}}],\"channels\":[",
	};
	OWNED_MEM(char) policy = people_policy(3, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		OWNED_MEM(char)
		edited = people_edit(policy, "\"channels\":[", wrong[i]);
		OWNED(statement) s = people_root(edited, 1, NULL);
		OWNED(trust_root) r = NULL;

		assert_int_equal(trust_root_parse(&r, s, NULL), ERR_FORMAT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(each_field_is_looked_at),
		cmocka_unit_test(terms_have_2048_bytes_at_most),
		cmocka_unit_test(it_takes_as_many_as_the_rule_says),
		cmocka_unit_test(without_a_rule_nobody_approves),
		cmocka_unit_test(approvers_are_counted_before_anybody_signs),
		cmocka_unit_test(a_rule_is_looked_at_like_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
