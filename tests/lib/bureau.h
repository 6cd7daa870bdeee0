/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BUREAU_H
#define WEIR_BUREAU_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/desk.h"
#include "tests/lib/people.h"
#include "vault/statement.h"

/*
 * Statements at a desk (desk.h), signed by people (people.h): who may sign
 * what in this vault, and statements that agree with its catalogue until a test
 * changes a field.
 */

/* Person i is "p<i>", principal user:p<i>, but p1's is user:daemon's.  Persons
 * from .. from + count are named; each is in every role. */
struct bureau_policy {
	unsigned int from;
	unsigned int count;
	unsigned int root, sign, revoke, promote, rollback; /* thresholds */
	bool uploader_may_approve;
	const char *models; /* that the rules are for; NULL: all */
	const char *log;    /* NULL: this vault's */
};
#define BUREAU_POLICY                                                          \
	{                                                                      \
		.count = 4, .root = 1, .sign = 1, .revoke = 1, .promote = 2,   \
		.rollback = 1                                                  \
	}

/* Number n after this one (NULL: the first).  Not signed. */
struct statement *bureau_root(struct desk *d, const struct bureau_policy *p,
    uint64_t n, const struct statement *previous);

/* What people would say of a version of the catalogue, and of a channel that
 * it is to be promoted to now. */
struct statement_fields bureau_version(struct desk *d, const char *model,
    const struct digest *version);
struct statement_fields bureau_promotion(struct desk *d, const char *model,
    const char *channel, const struct digest *version);
struct statement_fields bureau_revocation(struct desk *d, const char *model,
    const struct digest *version);

/* Hand a statement to keyd, signed by these persons (bits).  *out, if not
 * NULL, is the answer's JSON, the caller's. */
int bureau_add(struct desk_person *p, struct statement *s, unsigned int who,
    void **out);
int bureau_say(struct desk_person *p, const struct statement_fields *f,
    unsigned int who, void **out);
/* Person `who` signs the statement with this number. */
int bureau_sign(struct desk_person *p, uint64_t id, const struct statement *s,
    unsigned int who, void **out);
int bureau_withdraw(struct desk_person *p, uint64_t id, const char *reason);

/* As keyd's verifier would: record what it found. */
void bureau_verify(struct desk *d, const char *model,
    const struct digest *version, bool ok);

/* The first root in force, signed by person 0, who is an owner. */
void bureau_begin(struct desk_person *owner, const struct bureau_policy *p);
/* A new version, put, verified, and signed by person 2. */
struct digest bureau_signed(struct desk_person *owner, const char *model,
    size_t size);

/* Open a session as trust says. */
int bureau_open(struct desk_person *p, const char *ref, enum msg_trust trust);

#endif
