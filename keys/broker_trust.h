/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BROKER_TRUST_H
#define WEIR_BROKER_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/broker_state.h"
#include "vault/statement.h"
#include "vault/trust.h"

/*
 * Statements, for broker*.c: what the catalogue holds of them, judged by
 * trust.h under the newest trust root (PROTOCOL.md, "Statements").  Hosts judge
 * for themselves; this is what keyd itself believes.
 */

/* A statement of the catalogue, parsed.  row NULL: there is none. */
struct broker_held {
	struct catalogue_statement *row;
	struct statement *s;
};
void broker_trust_drop(struct broker_held *h);
#define OWNED_HELD                                                             \
	__attribute__((cleanup(broker_trust_drop))) struct broker_held

/* Parse what a row holds; takes over row.  ERR_INTEGRITY, logged. */
int broker_trust_hold(struct catalogue_statement *row, struct broker_held *out)
    MUST_USE;

/* The trust root in force; NULL, and no error, when there is none. */
int broker_trust_root(struct broker *b, struct trust_root **out) MUST_USE;
/* With a sentence when there is none, ERR_NOT_FOUND. */
int broker_trust_need_root(struct broker_call *c, struct trust_root **out)
    MUST_USE;

/* Whether a version, or a channel, may be read, and by which statements. */
struct broker_belief {
	enum trust_verdict verdict;
	struct broker_held version;
	struct broker_held revocation; /* the newest that counts */
	struct broker_held promotion;  /* channels only, as are the next two */
	struct broker_held earlier;
};
void broker_trust_forget(struct broker_belief *b);
#define OWNED_BELIEF                                                           \
	__attribute__((cleanup(broker_trust_forget))) struct broker_belief

/* Whether want->version is accepted and, when want->channel is given, the
 * promotion of it that is in force there, too. */
int broker_trust_believe(struct broker *b, const struct trust_root *r,
    const struct trust_want *want, struct broker_belief *out) MUST_USE;
struct trust_want broker_trust_want(const struct broker *b, const char *model,
    const char *channel, const struct digest *version);

/* Why a belief is not one, as a phrase. */
#define BROKER_WHY 512
void broker_trust_why(const struct broker_belief *b, const struct trust_root *r,
    char out[static BROKER_WHY]);

/*
 * What a list of versions tells of one beside its channels: `state` and
 * `signed`, `revoked`, `halted` (PROTOCOL.md, "model.ls"), set in object, a
 * json_t whose `channels` are there.  r NULL: the vault has no trust root.
 */
int broker_trust_standing(struct broker *b, const struct trust_root *r,
    const struct catalogue_version *v, void *object) MUST_USE;

/* Who counts, and who is missing, as a phrase: "1 of 2 signatures counts under
 * trust root 3 (carol); missing: dave or erin". */
void broker_trust_count(const struct trust_count *n, const struct trust_root *r,
    char out[static BROKER_WHY]);

/* Of a grant that was approved: whether those who approved it would do so no
 * more under r, and how many of them count; why as of broker_trust_count. */
int broker_trust_stale(struct broker *b, const struct trust_root *r,
    const struct grant *g, bool *stale, char why[static BROKER_WHY]) MUST_USE;

/* "P7" */
#define BROKER_NAME 24
char *broker_trust_name(const struct catalogue_statement *s,
    char out[static BROKER_NAME]);

/* Append to a list that is to fit a reply: the first ones go to make room.
 * Takes over item; ERR_NOMEM also when it is NULL. */
struct broker_newest {
	void *list; /* json_t */
	size_t bytes;
};
int broker_trust_append(struct broker_newest *l, void *item) MUST_USE;

/* --- broker_offer.c: a statement that somebody brings or signs --- */

struct broker_offer {
	struct broker_call *c;
	const struct statement *s;
	const struct statement_fields *f;
	char title[REF_NAME_MAX + 200]; /* "the promotion of llama:prod, ..." */
	struct trust_root *root;	/* in force; NULL: none yet */
	struct trust_root *next; /* that s is; NULL: s is something else */
	/* The roots whose keys have to sign, and what they make of s. */
	const struct trust_root *roots[2];
	struct trust_count counts[2];
	size_t rules;
	bool effective; /* broker_agree_judge: enough signed */
};
void broker_offer_clear(struct broker_offer *o);
#define OWNED_OFFER                                                            \
	__attribute__((cleanup(broker_offer_clear))) struct broker_offer

/* s is borrowed.  With a sentence: it is of another vault, or there is no trust
 * root to judge it by. */
int broker_offer_of(struct broker_offer *out, struct broker_call *c,
    const struct statement *s) MUST_USE;
/* For one that is on record, to tell of it.  No sentence. */
int broker_offer_told(struct broker_offer *out, struct broker_call *c,
    const struct broker_held *h) MUST_USE;
/* Count again, after a signature was added. */
void broker_offer_count(struct broker_offer *o);
/* The signatures are well, and somebody's who may sign it. */
int broker_offer_signed(struct broker_offer *o) MUST_USE;
/* The state of things agrees, and whether it is effective now. */
int broker_agree_judge(struct broker_offer *o) MUST_USE;
/* The count that tells most: the first that is not met. */
size_t broker_offer_open(const struct broker_offer *o);
/* The person whose key has this id, in either root; NULL: nobody. */
const struct trust_person *broker_offer_person(const struct broker_offer *o,
    const struct digest *keyid);
/* Names that count, and names that are waited for (JSON lists). */
void *broker_offer_names(const struct broker_offer *o, bool waits);

/* Record a refusal, and answer this error with it. */
int broker_offer_reject(struct broker_call *c, int err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* --- broker_oms.c --- */

/* The OMS root of a version, from its manifest. */
int broker_oms_root(struct broker_call *c, const struct catalogue_version *v,
    struct digest *out) MUST_USE;

#endif
