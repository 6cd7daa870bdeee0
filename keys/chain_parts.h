/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CHAIN_PARTS_H
#define WEIR_CHAIN_PARTS_H

#include <jansson.h>

#include "keys/chain.h"
#include "vault/statement.h"

/* For chain*.c alone. */

#define CHAIN_REASON 1024

/* A channel that was accepted, to be remembered. */
struct chain_moved {
	char *key; /* model:channel */
	struct seen_channel now;
};

struct chain {
	struct client *client;
	const struct chain_how *how;
	uint8_t vault[16];
	char vault_hex[33];
	int64_t now_ms; /* when the operation began */
	struct seen *seen;
	struct trust_root *root; /* the newest; NULL: none, all is unsigned */
	char *envelope;		 /* root's */
	bool first_use;
	bool vouched; /* one of how->own signed a root on the way */
	char *note;   /* the checkpoint, checked; NULL: none */
	struct chain_moved *moved;
	size_t moved_count;
	bool some_channel, some_unsigned;
	bool hidden;   /* keyd did not show the last reference's proof */
	bool outdated; /* keyd has a newer trust root by now */
};

/* Log a refusal, tell the journal, note it on this host: ERR_INTEGRITY. */
int chain_refuse(struct chain *c, const char *reference, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* An envelope out of a reply; refused when it is not well-formed.  what is
 * "the promotion", for messages. */
int chain_envelope(struct chain *c, const char *reference, const json_t *json,
    const char *what, struct statement **out) MUST_USE;

/* Refuse s, which is `what`, for this verdict under r: with the keys that
 * counted and those that are missing. */
int chain_refuse_statement(struct chain *c, const char *reference,
    const char *what, enum trust_verdict verdict, const struct trust_root *r,
    const struct statement *s);

/* "carol, dave"; cut to fit. */
#define CHAIN_NAMES 512
char *chain_names(const struct trust_root *r, const uint8_t *who, size_t count,
    char buf[static CHAIN_NAMES]);

/* --- chain_root.c --- */

/* From the pinned root to the newest one: sets root, envelope, first_use. */
int chain_root_climb(struct chain *c) MUST_USE;

/* --- chain_proof.c --- */

/* What keyd shows for a reference, judged; fills in all but ref. */
int chain_proof_judge(struct chain *c, const char *reference,
    const json_t *proof, struct chain_version *v, struct chain_moved *moved)
    MUST_USE;

#endif
