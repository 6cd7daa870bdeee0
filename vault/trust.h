/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRUST_H
#define WEIR_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/note.h"
#include "vault/statement.h"

/*
 * Who may sign what, and whether enough of them did (FORMAT.md, "Trust root").
 * One verifier for keyd and hosts.  Pure: no I/O, no clock.
 */

#define TRUST_KEYS_MAX 128
#define TRUST_RULES_MAX 64

struct trust_root;

struct trust_person {
	const char *name;
	const char *principal; /* NULL: none */
	struct statement_key key;
};

/*
 * Read the policy of a STATEMENT_TRUST statement; no signature is looked at.
 * Every rule of FORMAT.md is held: thresholds of 0, negative or above the
 * number of keys, a key or name twice, a role that names a key that is not
 * there: ERR_FORMAT, ERR_LIMIT, with why (STATEMENT_WHY bytes, may be NULL).
 * Keeps a copy of what it needs.
 */
int trust_root_parse(struct trust_root **out, const struct statement *s,
    char *why) MUST_USE;
void trust_root_free(struct trust_root *r);
OWNED_TYPE(trust_root);

uint64_t trust_root_number(const struct trust_root *r);
const uint8_t *trust_root_vault(const struct trust_root *r); /* 16 bytes */
struct digest trust_root_digest(const struct trust_root *r); /* H(payload) */
const char *trust_root_log(const struct trust_root *r);	     /* vkey */
size_t trust_root_people(const struct trust_root *r);
const struct trust_person *trust_root_person(const struct trust_root *r,
    size_t i);

/* Who signed, and who is missing.  Indices are of trust_root_person. */
struct trust_count {
	uint32_t need; /* 0: no rule lets anybody sign this */
	uint32_t have; /* distinct keys that count: signed_count */
	size_t signed_count;
	uint8_t signed_by[TRUST_KEYS_MAX]; /* those that count */
	size_t waits_count;
	uint8_t waits_for
	    [TRUST_KEYS_MAX]; /* of the role, have not signed, could count */
	bool forged; /* a signature names a known key that did not make it */
};
static inline bool
trust_count_met(const struct trust_count *c)
{
	return c->need > 0 && c->have >= c->need && !c->forged;
}

/*
 * Count who signed s under r: the rule is found from what s is about.  For
 * STATEMENT_TRUST this is r's own `root` role.
 */
void trust_count_of(struct trust_count *out, const struct trust_root *r,
    const struct statement *s);

/* The most days that a promotion of this channel may last; 0: no rule. */
uint32_t trust_root_days(const struct trust_root *r, const char *model,
    const char *channel);

/*
 * How many must approve a grant for this model to somebody, and how many
 * may: the keys of whoever it is to do not count.  need 0: no rule, and
 * managers add grants alone.
 */
struct trust_approvers {
	uint32_t need;
	uint32_t may;
};
struct trust_approvers trust_root_approvers(const struct trust_root *r,
    const char *model, const char *to);

/* Verdicts.  TRUST_OK, or why not; trust_text gives a phrase for people that
 * goes on after "is" ("signed by fewer keys than must sign"). */
enum trust_verdict {
	TRUST_OK = 0,
	TRUST_OTHER_VAULT,
	TRUST_OTHER_THING, /* another model, channel, version or kind */
	TRUST_NO_RULE,
	TRUST_FORGED,  /* a known key's signature that does not verify */
	TRUST_TOO_FEW, /* below the threshold */
	TRUST_EXPIRED,
	TRUST_TOO_LONG, /* expires later than the rule's days allow */
	TRUST_NUMBER,	/* a trust root that is not the next one */
	TRUST_LINK,	/* a trust root that names another one before it */
	TRUST_REVOKED,
	TRUST_NO_EARLIER, /* a rollback without its earlier promotion */
	TRUST_AHEAD, /* made later than now, which would outlast the days */
};
const char *trust_text(enum trust_verdict v);

/*
 * A root that is pinned, or the first one, by itself: its own threshold, and,
 * when it is number 1, a link to the vault's id.  Whether its number is the one
 * that is due is for the caller.  s is the statement that r was read from.
 */
enum trust_verdict trust_accept_first(const struct trust_root *r,
    const struct statement *s);
/* next follows r. */
enum trust_verdict trust_accept_next(const struct trust_root *r,
    const struct trust_root *next, const struct statement *next_statement);

/* What a host wants to read, or keyd to let move. */
struct trust_want {
	uint8_t vault[16];
	const char *model;
	const char *channel; /* promotions only */
	struct digest version;
	int64_t now_ms;
};
enum trust_verdict trust_accept_version(const struct trust_root *r,
    const struct trust_want *want, const struct statement *s);
/* earlier: the promotion (not a rollback) that a rollback goes back to, else
 * NULL.  A promotion's version is to be accepted by itself. */
enum trust_verdict trust_accept_promotion(const struct trust_root *r,
    const struct trust_want *want, const struct statement *promotion,
    const struct statement *earlier);
/* Whether enough have approved a grant. */
enum trust_verdict trust_accept_grant(const struct trust_root *r,
    const struct statement *s);
/* TRUST_OK: a revocation of want->version that counts, and takes effect. */
enum trust_verdict trust_accept_revocation(const struct trust_root *r,
    const struct trust_want *want, const struct statement *s);
/*
 * Whether it is a revocation of want->version, whoever signed it.  One that
 * took effect stays when a later root has other keys: whoever is shown one
 * refuses, counted or not, since all that a false one can do is to withhold.
 */
bool trust_revokes(const struct trust_want *want, const struct statement *s);

#endif
