/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is accepted, and why not.  Each test changes one thing of what is
 * accepted, and is nothing without that.
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/trust.h"

#define DAY INT64_C(86400000)

/* People p0 (user:alice, who put the version), p1, p2; two must sign. */
static struct trust_root *root;

static int
make_root(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED(statement) s = people_root(policy, 1, NULL);

	(void)state;
	return trust_root_parse(&root, s, NULL);
}

static int
drop_root(void **state)
{
	(void)state;
	trust_root_free(root);
	return 0;
}

static struct trust_want
wanted(void)
{
	const struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	struct trust_want w = {
		.model = f.model,
		.channel = f.channel,
		.version = f.version,
		.now_ms = f.time_ms,
	};

	memcpy(w.vault, f.vault, sizeof(w.vault));
	return w;
}

/* f, signed by two whose signatures count; then the verdict on it. */
static enum trust_verdict
verdict(const struct statement_fields *f, const struct trust_want *w)
{
	OWNED(statement) s = people_statement(f);

	people_sign(1, s);
	people_sign(2, s);
	if (f->about == STATEMENT_VERSION)
		return trust_accept_version(root, w, s);
	if (f->about == STATEMENT_REVOCATION)
		return trust_accept_revocation(root, w, s);
	return trust_accept_promotion(root, w, s, NULL);
}

static void
what_is_wanted_and_signed_is_accepted(void **state)
{
	static const enum statement_about abouts[] = { STATEMENT_VERSION,
		STATEMENT_PROMOTION, STATEMENT_REVOCATION };
	const struct trust_want w = wanted();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct statement_fields f = people_fields(abouts[i]);

		assert_int_equal(verdict(&f, &w), TRUST_OK);
	}
}

static void
another_vault_model_or_version_is_refused(void **state)
{
	static const enum statement_about abouts[] = { STATEMENT_VERSION,
		STATEMENT_PROMOTION, STATEMENT_REVOCATION };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct statement_fields f = people_fields(abouts[i]);
		struct trust_want w = wanted();

		f.vault[15] ^= 1; /* signed for another vault */
		assert_int_equal(verdict(&f, &w), TRUST_OTHER_VAULT);
		w.vault[15] ^= 1; /* and wanted there, where this root is not */
		assert_int_equal(verdict(&f, &w), TRUST_OTHER_VAULT);
		f.vault[15] ^= 1;
		assert_int_equal(verdict(&f, &w), TRUST_OTHER_VAULT);
		w.vault[15] ^= 1;
		assert_int_equal(verdict(&f, &w), TRUST_OK);

		f.model = "llama/bas";
		assert_int_equal(verdict(&f, &w), TRUST_OTHER_THING);
		f.model = w.model;
		f.version.bytes[31] ^= 1;
		assert_int_equal(verdict(&f, &w), TRUST_OTHER_THING);
	}
}

static void
one_kind_is_never_taken_for_another(void **state)
{
	static const enum statement_about abouts[] = { STATEMENT_VERSION,
		STATEMENT_PROMOTION, STATEMENT_REVOCATION };
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED(statement) trust = people_root(policy, 1, NULL);
	const struct trust_want w = wanted();

	(void)state;
	people_sign(1, trust);
	people_sign(2, trust);
	assert_int_equal(trust_accept_version(root, &w, trust),
	    TRUST_OTHER_THING);
	assert_int_equal(trust_accept_promotion(root, &w, trust, NULL),
	    TRUST_OTHER_THING);
	assert_int_equal(trust_accept_revocation(root, &w, trust),
	    TRUST_OTHER_THING);
	for (size_t i = 0; i < 3; i++) {
		const struct statement_fields f = people_fields(abouts[i]);
		OWNED(statement) s = people_statement(&f);

		people_sign(1, s);
		people_sign(2, s);
		assert_int_equal(trust_accept_first(root, s),
		    TRUST_OTHER_THING);
		assert_int_equal(trust_accept_next(root, root, s),
		    TRUST_OTHER_THING);
		if (f.about != STATEMENT_VERSION)
			assert_int_equal(trust_accept_version(root, &w, s),
			    TRUST_OTHER_THING);
		if (f.about != STATEMENT_PROMOTION)
			assert_int_equal(trust_accept_promotion(root, &w, s,
					     NULL),
			    TRUST_OTHER_THING);
		if (f.about != STATEMENT_REVOCATION)
			assert_int_equal(trust_accept_revocation(root, &w, s),
			    TRUST_OTHER_THING);
	}
}

static void
a_promotion_to_staging_is_none_to_prod(void **state)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	const struct trust_want w = wanted();

	(void)state;
	f.channel = "staging";
	assert_int_equal(verdict(&f, &w), TRUST_OTHER_THING);
}

static void
a_promotion_ends_when_it_expires(void **state)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	struct trust_want w = wanted();

	(void)state;
	w.now_ms = f.expires_ms - 1;
	assert_int_equal(verdict(&f, &w), TRUST_OK);
	w.now_ms = f.expires_ms;
	assert_int_equal(verdict(&f, &w), TRUST_EXPIRED);
	w.now_ms = INT64_MAX;
	assert_int_equal(verdict(&f, &w), TRUST_EXPIRED);
}

static void
a_promotion_lasts_no_longer_than_its_rule_allows(void **state)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	const struct trust_want w = wanted();

	(void)state;
	f.expires_ms = f.time_ms + 90 * DAY;
	assert_int_equal(verdict(&f, &w), TRUST_OK);
	f.expires_ms++;
	assert_int_equal(verdict(&f, &w), TRUST_TOO_LONG);
	f.expires_ms = INT64_C(253402300799999);
	f.time_ms = INT64_C(-62167219200000);
	assert_int_equal(verdict(&f, &w), TRUST_TOO_LONG);
}

static void
a_promotion_is_not_made_in_time_to_come(void **state)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	struct trust_want w = wanted();

	(void)state;
	w.now_ms = f.time_ms - 3600000;
	assert_int_equal(verdict(&f, &w), TRUST_OK);
	w.now_ms--;
	assert_int_equal(verdict(&f, &w), TRUST_AHEAD);
}

static void
whoever_put_a_version_does_not_approve_it(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) s = people_statement(&f);
	const struct trust_want w = wanted();
	struct trust_count c;

	(void)state;
	people_sign(0, s); /* user:alice, as put_by */
	people_sign(1, s);
	trust_count_of(&c, root, s);
	assert_int_equal(c.need, 2);
	assert_int_equal(c.have, 1);
	assert_int_equal(c.signed_count, 1);
	assert_int_equal(c.signed_by[0], 1);
	assert_int_equal(c.waits_count, 1); /* not on alice */
	assert_int_equal(c.waits_for[0], 2);
	assert_false(trust_count_met(&c));
	assert_int_equal(trust_accept_promotion(root, &w, s, NULL),
	    TRUST_TOO_FEW);
	people_sign(2, s);
	assert_int_equal(trust_accept_promotion(root, &w, s, NULL), TRUST_OK);
}

static void
whoever_put_a_version_approves_it_where_that_may_be(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED_MEM(char)
	lax = people_edit(policy, "approve\":false", "approve\":true");
	OWNED(statement) s = people_root(lax, 1, NULL);
	const struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) p = people_statement(&f);
	const struct trust_want w = wanted();
	OWNED(trust_root) r = NULL;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	people_sign(0, p);
	people_sign(1, p);
	assert_int_equal(trust_accept_promotion(r, &w, p, NULL), TRUST_OK);
}

/* The rule is about channels: a version is signed by who put it, too. */
static void
whoever_put_a_version_may_sign_it(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_VERSION);
	OWNED(statement) s = people_statement(&f);
	const struct trust_want w = wanted();

	(void)state;
	people_sign(0, s);
	people_sign(1, s);
	assert_int_equal(trust_accept_version(root, &w, s), TRUST_OK);
}

static void
two_keys_of_the_uploader_do_not_approve(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED_MEM(char) both = people_edit(policy, "user:p1", "user:alice");
	OWNED(statement) s = people_root(both, 1, NULL);
	const struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) p = people_statement(&f);
	const struct trust_want w = wanted();
	OWNED(trust_root) r = NULL;
	struct trust_count c;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	people_sign(0, p);
	people_sign(1, p);
	people_sign(2, p);
	trust_count_of(&c, r, p);
	assert_int_equal(c.have, 1);
	assert_int_equal(trust_accept_promotion(r, &w, p, NULL), TRUST_TOO_FEW);
}

static void
a_known_keys_bad_signature_refuses_the_rest(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_VERSION);
	OWNED(statement) s = people_statement(&f);
	const struct trust_want w = wanted();
	struct statement_signature sig = people_signature(0, s);

	(void)state;
	people_sign(1, s);
	people_sign(2, s);
	assert_int_equal(trust_accept_version(root, &w, s), TRUST_OK);
	sig.keyid.bytes[0] ^= 1; /* nobody's */
	sig.bytes[0] ^= 1;
	assert_int_equal(statement_add(s, &sig), 0);
	assert_int_equal(trust_accept_version(root, &w, s), TRUST_OK);
	sig.keyid.bytes[0] ^= 1; /* p0's, who did not make it */
	assert_int_equal(statement_add(s, &sig), 0);
	assert_int_equal(trust_accept_version(root, &w, s), TRUST_FORGED);
}

static void
where_no_rule_matches_nothing_is_accepted(void **state)
{
	static const enum statement_about abouts[] = { STATEMENT_VERSION,
		STATEMENT_PROMOTION, STATEMENT_REVOCATION };
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED_MEM(char)
	once = people_edit(policy, "\"models\":\"*\"",
	    "\"models\":\"mistral/*\"");
	OWNED_MEM(char)
	twice = people_edit(once, "\"models\":\"*\"",
	    "\"models\":\"mistral/*\"");
	OWNED(statement) s = people_root(twice, 1, NULL);
	const struct trust_want w = wanted();
	OWNED(trust_root) r = NULL;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	for (size_t i = 0; i < 3; i++) {
		const struct statement_fields f = people_fields(abouts[i]);
		OWNED(statement) p = people_statement(&f);
		struct trust_count c;

		for (unsigned int k = 0; k < 3; k++)
			people_sign(k, p);
		trust_count_of(&c, r, p);
		assert_int_equal(c.need, 0);
		assert_int_equal(c.have, 0);
		assert_false(trust_count_met(&c));
		assert_int_equal(f.about == STATEMENT_VERSION ?
			trust_accept_version(r, &w, p) :
			f.about == STATEMENT_REVOCATION ?
			trust_accept_revocation(r, &w, p) :
			trust_accept_promotion(r, &w, p, NULL),
		    TRUST_NO_RULE);
	}
}

/* The first rule that matches decides, also when a later one asks for less. */
static void
the_first_rule_that_matches_decides(void **state)
{
	static const char strict[] =
	    "\"models\":[{\"models\":\"llama/*\",\"sign\":{\"keys\":[\"p0\","
	    "\"p1\",\"p2\"],\"threshold\":3},\"revoke\":{\"keys\":[\"p0\"],"
	    "\"threshold\":1}},";
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED_MEM(char) edited = people_edit(policy, "\"models\":[", strict);
	OWNED(statement) s = people_root(edited, 1, NULL);
	struct statement_fields f = people_fields(STATEMENT_VERSION);
	struct trust_want w = wanted();
	OWNED(trust_root) r = NULL;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		OWNED(statement) p = NULL;

		f.model = w.model = i == 0 ? "llama/base" : "mistral";
		p = people_statement(&f);
		people_sign(1, p);
		people_sign(2, p);
		assert_int_equal(trust_accept_version(r, &w, p),
		    i == 0 ? TRUST_TOO_FEW : TRUST_OK);
	}
}

static void
no_flipped_bit_of_an_accepted_envelope_is_accepted(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) s = people_statement(&f);
	OWNED_MEM(char) envelope = NULL;
	const struct trust_want w = wanted();

	(void)state;
	people_sign(1, s);
	people_sign(2, s);
	assert_int_equal(trust_accept_promotion(root, &w, s, NULL), TRUST_OK);
	assert_int_equal(statement_envelope(s, &envelope), 0);
	for (size_t bit = 0; bit < 8 * strlen(envelope); bit++) {
		OWNED(statement) other = NULL;

		envelope[bit / 8] = (char)(envelope[bit / 8] ^ 1 << bit % 8);
		if (statement_parse(&other, envelope, strlen(envelope), NULL) ==
		    0)
			assert_int_not_equal(trust_accept_promotion(root, &w,
						 other, NULL),
			    TRUST_OK);
		envelope[bit / 8] = (char)(envelope[bit / 8] ^ 1 << bit % 8);
	}
}

/* ---- rollback ---- */

static struct statement *
make_promotion(enum statement_act act, uint64_t serial, uint64_t to)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	struct statement *s;

	f.act = act;
	f.serial = serial;
	f.to = to;
	s = people_statement(&f);
	people_sign(1, s);
	people_sign(2, s);
	return s;
}

static void
a_rollback_needs_the_promotion_that_it_goes_back_to(void **state)
{
	OWNED(statement) back = make_promotion(STATEMENT_ROLLBACK, 5, 3);
	OWNED(statement) third = make_promotion(STATEMENT_PROMOTE, 3, 0);
	OWNED(statement) second = make_promotion(STATEMENT_PROMOTE, 2, 0);
	OWNED(statement) rolled = make_promotion(STATEMENT_ROLLBACK, 3, 2);
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) unsigned_third = people_statement(&f);
	const struct trust_want w = wanted();

	(void)state;
	assert_int_equal(trust_accept_promotion(root, &w, back, third),
	    TRUST_OK);
	assert_int_equal(trust_accept_promotion(root, &w, back, NULL),
	    TRUST_NO_EARLIER);
	assert_int_equal(trust_accept_promotion(root, &w, back, second),
	    TRUST_NO_EARLIER);
	assert_int_equal(trust_accept_promotion(root, &w, back, rolled),
	    TRUST_NO_EARLIER);
	assert_int_equal(trust_accept_promotion(root, &w, back, unsigned_third),
	    TRUST_NO_EARLIER);
	assert_int_equal(trust_accept_promotion(root, &w, back, back),
	    TRUST_NO_EARLIER);
}

static void
a_rollback_to_what_another_channel_or_version_had_fails(void **state)
{
	OWNED(statement) back = make_promotion(STATEMENT_ROLLBACK, 5, 3);
	const struct trust_want w = wanted();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct statement_fields f = people_fields(STATEMENT_PROMOTION);
		OWNED(statement) earlier = NULL;

		if (i == 1)
			f.channel = "staging";
		else if (i == 2)
			f.version.bytes[0] ^= 1;
		else if (i == 3)
			f.model = "llama/chat";
		earlier = people_statement(&f);
		people_sign(1, earlier);
		people_sign(2, earlier);
		assert_int_equal(trust_accept_promotion(root, &w, back,
				     earlier),
		    i == 0 ? TRUST_OK : TRUST_NO_EARLIER);
	}
}

static void
the_expiry_of_what_a_rollback_goes_back_to_does_not_matter(void **state)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) back = make_promotion(STATEMENT_ROLLBACK, 5, 3);
	OWNED(statement) earlier = NULL;
	const struct trust_want w = wanted();

	(void)state;
	f.expires_ms = f.time_ms - DAY;
	earlier = people_statement(&f);
	people_sign(1, earlier);
	people_sign(2, earlier);
	assert_int_equal(trust_accept_promotion(root, &w, earlier, NULL),
	    TRUST_EXPIRED);
	assert_int_equal(trust_accept_promotion(root, &w, back, earlier),
	    TRUST_OK);
}

static void
a_rollback_has_a_threshold_of_its_own(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED_MEM(char)
	edited = people_edit(policy,
	    "\"rollback\":{\"keys\":[\"p0\",\"p1\",\"p2\"],\"threshold\":2}",
	    "\"rollback\":{\"keys\":[\"p1\"],\"threshold\":1}");
	OWNED(statement) s = people_root(edited, 1, NULL);
	OWNED(statement) third = make_promotion(STATEMENT_PROMOTE, 3, 0);
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) by_1 = NULL;
	OWNED(statement) by_2 = NULL;
	OWNED(statement) fresh = NULL;
	OWNED(trust_root) r = NULL;
	const struct trust_want w = wanted();

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	fresh = people_statement(&f);
	f.act = STATEMENT_ROLLBACK;
	f.serial = 5;
	f.to = 3;
	by_1 = people_statement(&f);
	by_2 = people_statement(&f);
	people_sign(1, fresh);
	people_sign(1, by_1);
	people_sign(2, by_2);
	assert_int_equal(trust_accept_promotion(r, &w, by_1, third), TRUST_OK);
	assert_int_equal(trust_accept_promotion(r, &w, by_2, third),
	    TRUST_TOO_FEW);
	assert_int_equal(trust_accept_promotion(r, &w, fresh, NULL),
	    TRUST_TOO_FEW);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wanted_and_signed_is_accepted),
		cmocka_unit_test(another_vault_model_or_version_is_refused),
		cmocka_unit_test(one_kind_is_never_taken_for_another),
		cmocka_unit_test(a_promotion_to_staging_is_none_to_prod),
		cmocka_unit_test(a_promotion_ends_when_it_expires),
		cmocka_unit_test(a_promotion_is_not_made_in_time_to_come),
		cmocka_unit_test(
		    a_promotion_lasts_no_longer_than_its_rule_allows),
		cmocka_unit_test(whoever_put_a_version_does_not_approve_it),
		cmocka_unit_test(
		    whoever_put_a_version_approves_it_where_that_may_be),
		cmocka_unit_test(whoever_put_a_version_may_sign_it),
		cmocka_unit_test(two_keys_of_the_uploader_do_not_approve),
		cmocka_unit_test(a_known_keys_bad_signature_refuses_the_rest),
		cmocka_unit_test(where_no_rule_matches_nothing_is_accepted),
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(
		    no_flipped_bit_of_an_accepted_envelope_is_accepted),
		cmocka_unit_test(
		    a_rollback_needs_the_promotion_that_it_goes_back_to),
		cmocka_unit_test(
		    a_rollback_to_what_another_channel_or_version_had_fails),
		cmocka_unit_test(
		    the_expiry_of_what_a_rollback_goes_back_to_does_not_matter),
		cmocka_unit_test(a_rollback_has_a_threshold_of_its_own),
	};

	return cmocka_run_group_tests(tests, make_root, drop_root);
}
