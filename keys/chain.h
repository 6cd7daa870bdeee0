/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CHAIN_H
#define WEIR_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/client.h"
#include "vault/owned.h"
#include "vault/ref.h"
#include "vault/seen.h"
#include "vault/trust.h"

/*
 * A host's own check of what keyd says (FORMAT.md, "Trust root" and "What a host
 * remembers"): from the pinned trust root to the version that a reference
 * stands for.  For mounts and `weir get`.  Everything that is refused is logged, and
 * noted on the host.
 */
struct chain;

enum chain_trust { /* the `trust` byte of session.open */
	CHAIN_PINNED = 0,
	CHAIN_FIRST_USE = 1,
	CHAIN_UNSIGNED = 2,
};

struct chain_how {
	const char *const *trust_files; /* --trust */
	size_t trust_count;
	bool first_use;	       /* --trust-on-first-use */
	bool allow_unsigned;   /* --allow-unsigned */
	const char *directory; /* of pinned roots; NULL: /etc/weir/trust.d */
};

/*
 * Bring the host's trust root up to date: the pinned one, then each that
 * follows, then the checkpoint.  client and how are borrowed.  ERR_NOT_FOUND (no
 * root is pinned; says how to pin one), ERR_INTEGRITY (keyd shows something
 * that does not follow, or less than this host has seen).
 */
int chain_open(struct chain **out, struct client *client,
    const struct chain_how *how) MUST_USE;
void chain_free(struct chain *c);
OWNED_TYPE(chain);

/* What was accepted. */
struct chain_version {
	struct ref ref;
	char full[REF_NAME_MAX + 70]; /* MODEL@<64 hex>, or MODEL:CHANNEL */
	struct digest version;
	bool is_signed;
	uint64_t serial;    /* 0: named by its digest */
	int64_t expires_ms; /* of the promotion; 0: none */
	char *signed_by;    /* "carol, dave"; NULL: unsigned */
	struct digest root; /* the OMS root that was signed */
	/* model.sig's parts, NULL when it has none. */
	char *oms_json;
};
void chain_version_clear(struct chain_version *v);

/*
 * Check a reference.  ERR_USAGE for one that names neither channel nor digits, and for
 * `latest`; ERR_INTEGRITY with the rule that is not met, the keys that counted and those
 * that are missing; ERR_NOT_FOUND, ERR_DENIED.
 */
int chain_accept(struct chain *c, const char *reference,
    struct chain_version *out) MUST_USE;

/* The weakest of what was accepted so far. */
enum chain_trust chain_trust(const struct chain *c);

/* Remember what was accepted; after the session is open, and agrees. */
int chain_commit(struct chain *c) MUST_USE;

#endif
