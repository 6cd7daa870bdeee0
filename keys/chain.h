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
 * A host's own check of what keyd says (FORMAT.md, "Trust root" and "What a
 * host remembers"): from the pinned trust root to the version that a reference
 * stands for.  For mounts and `weir get`.  Everything that is refused is
 * logged, and noted on the host.
 */
struct chain;

enum chain_trust { /* the `trust` byte of session.open */
	CHAIN_PINNED = 0,
	CHAIN_FIRST_USE = 1,
	CHAIN_UNSIGNED = 2,
};

/*
 * Named trust files say which vault it is to be: then the directory is not
 * looked at, and a vault that none of them is of is refused.
 */
struct chain_how {
	const char *const *trust_files; /* --trust */
	size_t trust_count;
	bool first_use;	     /* --trust-on-first-use */
	bool allow_unsigned; /* --allow-unsigned */
	bool may_lack;	     /* the vault may have no trust root yet */
	/* Keys of whoever signs: when nothing is pinned or seen, a root that
	 * one of them signed is as good as pinned. */
	const struct statement_key *own;
	size_t own_count;
	const char *directory; /* of pinned roots; NULL: WEIR_TRUST_DIR, else
				  /etc/weir/trust.d */
};

/*
 * Bring the host's trust root up to date: the pinned one, then each that
 * follows, then the checkpoint.  client and how are borrowed.  ERR_NOT_FOUND
 * (no root is pinned; says how to pin one), ERR_INTEGRITY (keyd shows something
 * that does not follow, or less than this host has seen).
 */
int chain_open(struct chain **out, struct client *client,
    const struct chain_how *how) MUST_USE;
void chain_free(struct chain *c);

/* Whether a root of this vault lies in the directory of pinned ones; makes
 * nothing. */
int chain_pinned(const uint8_t vault[static 16], bool *out) MUST_USE;
OWNED_TYPE(chain);

/* The last checkpoint that this host has seen of a vault.  ERR_NOT_FOUND. */
struct note_checkpoint;
int chain_seen(const uint8_t vault[static 16], struct note_checkpoint *out)
    MUST_USE;

/*
 * Whether keyd's trail follows that one: how many entries were seen, and keyd
 * has.  Nothing is accepted or refused, and whose key signed is not looked at:
 * it is for who tells people how things are.  ERR_NOT_FOUND: nothing was seen.
 */
struct chain_sight {
	uint64_t seen, has;
	bool follows;
};
int chain_sight(struct client *client, struct chain_sight *out) MUST_USE;

/* The newest trust root's envelope, borrowed; NULL: none. */
const char *chain_root(const struct chain *c);

/* What was accepted. */
struct chain_version {
	struct ref ref;
	char full[REF_NAME_MAX + 70]; /* MODEL@<64 hex>, or MODEL:CHANNEL */
	struct digest version;
	bool is_signed;
	uint64_t serial;    /* 0: named by its digest */
	int64_t expires_ms; /* of the promotion; 0: none */
	char *signed_by;    /* "carol, dave"; NULL: unsigned */
	char *promoted_by;  /* the same; NULL: named by its digest */
	struct digest root; /* the OMS root that was signed */
	/* model.sig's parts, NULL when it has none. */
	char *oms_json;
};
void chain_version_clear(struct chain_version *v);

/*
 * Check a reference.  ERR_USAGE for one that names neither channel nor digits,
 * for `latest`, and for an unsigned version beside a channel; ERR_INTEGRITY
 * with the rule that is not met, the keys that counted and those that are
 * missing; ERR_CONFLICT when the trust root changed meanwhile; ERR_NOT_FOUND,
 * ERR_DENIED (not logged: session.open says why, and records it).
 *
 * A version that is not signed is accepted only with allow_unsigned, and by 32
 * digits or more: with fewer it is keyd that would choose which one is meant.
 */
int chain_accept(struct chain *c, const char *reference,
    struct chain_version *out) MUST_USE;

/* ERR_USAGE, with what to type instead, for a reference that no host accepts,
 * whatever keyd says.  For the command line. */
int chain_reference(const char *reference, struct ref *out) MUST_USE;

/* The weakest of what was accepted so far. */
enum chain_trust chain_trust(const struct chain *c);

/* Remember what was accepted; after the session is open, and agrees. */
int chain_commit(struct chain *c) MUST_USE;

/* A session whose versions this host has accepted. */
struct chain_session {
	struct msg_session session;
	struct chain_version *versions; /* session.count, in its order */
	enum chain_trust trust;
};
void chain_session_clear(struct chain_session *s);

/*
 * All of it: accept the references of `open`, open the session with what
 * was accepted (open's refs and trust are not looked at otherwise),
 * compare what keyd opened, remember.  When the two differ it is tried
 * once more, for a channel may have moved meanwhile; then ERR_INTEGRITY,
 * and no session is left open.
 */
int chain_session_open(struct chain_session *out, struct client *client,
    const struct chain_how *how, const struct msg_session_open *open) MUST_USE;

#endif
