/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VOUCHED_H
#define WEIR_VOUCHED_H

#include <jansson.h>

#include "cli/roots.h"
#include "cli/subject.h"
#include "vault/ref.h"
#include "vault/statement.h"
#include "vault/trust.h"

/*
 * What vouches for a version: from the trust root, which is followed from the
 * first on, to the digests that were signed.  Judged here, not by keyd; what is
 * not accepted is part of the answer, and no error.
 */

struct vouched_link {
	struct statement *statement; /* NULL: there is none */
	enum trust_verdict verdict;
	struct trust_count count;
};

struct vouched {
	struct roots roots;
	struct trust_count root_count;
	struct vouched_link version;
	struct vouched_link promotion;	/* when a channel was named */
	struct vouched_link revocation; /* the first one that counts */
	bool agrees; /* the root digest is what the manifest comes to */
	json_t *proof;
};
void vouched_clear(struct vouched *v);
#define OWNED_VOUCHED __attribute__((cleanup(vouched_clear))) struct vouched

/* ref is how the subject was named.  ERR_CONFLICT when its channel has moved
 * meanwhile; ERR_INTEGRITY for trust roots that do not follow; said. */
int vouched_open(struct vouched *out, struct client *client,
    const struct ref *ref, const struct subject *subject) MUST_USE;

/* Signed by enough keys, over what the manifest says, and not revoked. */
bool vouched_is(const struct vouched *v);

/* For people, and as fields of an object. */
void vouched_print(const struct vouched *v);
int vouched_set(const struct vouched *v, json_t *object) MUST_USE;

#endif
