/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_trust_counts over a verifier with one hole, which WEIR_MUTANT names: the
 * tests must find it out.  tests/cli/trust-mutants.sh runs each.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/fields.h"
#include "vault/trust.h"

void __real_trust_count_of(struct trust_count *out, const struct trust_root *r,
    const struct statement *s);
void __wrap_trust_count_of(struct trust_count *out, const struct trust_root *r,
    const struct statement *s);
int __real_crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long n, const unsigned char *k);
int __wrap_crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long n, const unsigned char *k);
int64_t __real_fields_number(struct fields *f, const char *key, int64_t low,
    int64_t high);
int64_t __wrap_fields_number(struct fields *f, const char *key, int64_t low,
    int64_t high);

static bool
mutant_is(const char *name)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL && strcmp(mutant, name) == 0;
}

/* How many of s's signatures name this person's key. */
static uint32_t
named(const struct statement *s, const struct trust_person *p)
{
	struct digest id = statement_key_id(&p->key);
	uint32_t n = 0;

	for (size_t i = 0; i < statement_signature_count(s); i++)
		n += digest_equal(&statement_signature(s, i)->keyid, &id);
	return n;
}

void
__wrap_trust_count_of(struct trust_count *out, const struct trust_root *r,
    const struct statement *s)
{
	const char *put_by = statement_fields(s)->put_by;

	__real_trust_count_of(out, r, s);
	/* Signatures are counted, not keys. */
	for (size_t i = 0; mutant_is("signatures") && i < out->signed_count;
	     i++)
		out->have += named(s, trust_root_person(r, out->signed_by[i])) -
		    1;
	/* Whoever is in the root counts for every role; for its own, whoever
	 * put the version. */
	for (size_t i = 0; i < trust_root_people(r); i++) {
		const struct trust_person *p = trust_root_person(r, i);
		bool counted = memchr(out->signed_by, (int)i,
				   out->signed_count) != NULL;

		if (counted || named(s, p) == 0)
			continue;
		if (mutant_is("roles") ||
		    (mutant_is("uploader") && put_by != NULL &&
			p->principal != NULL &&
			strcmp(p->principal, put_by) == 0))
			out->have++;
	}
	/* What a known key did not make is passed over. */
	if (mutant_is("forged"))
		out->forged = false;
}

/* A key id is believed. */
int
__wrap_crypto_sign_verify_detached(const unsigned char *sig,
    const unsigned char *m, unsigned long long n, const unsigned char *k)
{
	if (mutant_is("believed"))
		return 0;
	return __real_crypto_sign_verify_detached(sig, m, n, k);
}

/* Any threshold will do. */
int64_t
__wrap_fields_number(struct fields *f, const char *key, int64_t low,
    int64_t high)
{
	if (mutant_is("thresholds"))
		return json_integer_value(fields_value(f, key));
	return __real_fields_number(f, key, low, high);
}
