/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/announce.h"
#include "keys/chain_parts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/seen.h"

/*
 * What a keyd shows for a reference: the first byte says which, the rest is the
 * reply to channel.proof.  People have signed one version, and its promotion to
 * prod, as serial 3, and back to it, as 5: nothing else is ever accepted as
 * signed, whatever is shown.
 */
#define NOW INT64_C(1769938200000) /* a day behind people_fields */

void __wrap_announce_distrust(const char *vault, const char *reference,
    const char *reason);
int __wrap_seen_refused(struct seen *s, const char *reference,
    const char *reason);
struct seen_channel __wrap_seen_channel(const struct seen *s, const char *key);
bool __wrap_seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out);
int __wrap_seen_set_revoked(struct seen *s, const char *model,
    const struct digest *version, const struct revoked *r);
int __wrap_seen_save(struct seen *s);

/* Nobody else is to hear of it. */
void
__wrap_announce_distrust(const char *vault, const char *reference,
    const char *reason)
{
	if (vault == NULL || reference == NULL || reason[0] == '\0')
		abort();
}

int
__wrap_seen_refused(struct seen *s, const char *reference, const char *reason)
{
	(void)s;
	(void)reference;
	(void)reason;
	return 0;
}

/* Serial 3, the promotion that was signed, was seen. */
struct seen_channel
__wrap_seen_channel(const struct seen *s, const char *key)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) promotion = people_statement(&f);

	(void)s;
	(void)key;
	return (struct seen_channel){ .serial = 3,
		.version = f.version,
		.payload = statement_digest(promotion) };
}

/* No revocation was; one that is shown can be remembered. */
bool
__wrap_seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out)
{
	(void)s;
	(void)model;
	(void)version;
	(void)out;
	return false;
}

int
__wrap_seen_set_revoked(struct seen *s, const char *model,
    const struct digest *version, const struct revoked *r)
{
	json_auto_t *all = json_object();

	(void)s;
	if (revoked_add(all, model, version, r) != 0 ||
	    !revoked_find(all, model, version, NULL))
		abort();
	return 0;
}

int
__wrap_seen_save(struct seen *s)
{
	(void)s;
	return 0;
}

static struct trust_root *
root(void)
{
	OWNED_MEM(char) policy = people_policy(4, 2);
	OWNED(statement) s = people_root(policy, 1, NULL);
	struct trust_root *r;

	if (trust_root_parse(&r, s, NULL) != 0)
		abort();
	return r;
}

static void
check(const struct chain_version *v, const struct ref *ref)
{
	struct statement_fields f = people_fields(STATEMENT_VERSION);
	bool channel = ref->channel[0] != '\0';

	if (!v->is_signed) {
		if (channel || strlen(ref->digits) < 32)
			abort();
		return;
	}
	if (!digest_equal(&v->version, &f.version) ||
	    !digest_equal(&v->root, &f.root) || v->signed_by == NULL)
		abort();
	if (channel && v->serial != 3 && v->serial != 5)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint8_t vault[] = PEOPLE_VAULT;
	static const char *const references[] = { "llama/base:prod",
		"llama/base:staging",
		"llama/base@00000000000000000000000000000000",
		"llama/base@00000000" };
	const struct chain_how how = { .allow_unsigned = n > 0 &&
		    (bytes[0] & 4) != 0 };
	struct chain c = { .how = &how, .now_ms = NOW };
	struct chain_version v = { 0 };
	struct chain_moved moved = { 0 };
	const struct why silent = { NULL, 0 };
	json_auto_t *proof = NULL;
	const char *reference;

	if (n == 0)
		return 0;
	reference = references[bytes[0] & 3];
	if (ref_parse(&v.ref, reference) != 0)
		abort();
	if ((bytes[0] & 8) != 0 && v.ref.channel[0] == '\0') {
		struct statement_fields f = people_fields(STATEMENT_VERSION);
		char hex[DIGEST_HEX_SIZE];

		digest_hex(&f.version, hex);
		memcpy(v.ref.digits, hex, strlen(v.ref.digits));
	}
	if (fields_load(&proof, bytes + 1, n - 1, "channel.proof", &silent) !=
	    0)
		return 0;
	memcpy(c.vault, vault, sizeof(vault));
	c.root = root();
	if (chain_proof_judge(&c, reference, proof, &v, &moved) == 0)
		check(&v, &v.ref);
	else if (moved.key != NULL)
		abort();
	free(moved.key);
	chain_version_clear(&v);
	trust_root_free(c.root);
	return 0;
}
