/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SUBJECT_H
#define WEIR_SUBJECT_H

#include <stdint.h>

#include "cli/talk.h"
#include "vault/digest.h"

/*
 * A version that something is said or signed about: named by keyd, and held
 * against its manifest here.
 */
struct subject {
	struct msg_version m;
	struct version *version;
	struct digest root; /* FORMAT.md, "model.sig" */
	uint64_t files;	    /* regular ones */
	char full[REF_NAME_MAX + DIGEST_HEX_SIZE + 1]; /* MODEL@<64 hex> */
};
void subject_clear(struct subject *s);
#define OWNED_SUBJECT __attribute__((cleanup(subject_clear))) struct subject

/* Digits that are enough to sign what they name. */
#define SUBJECT_DIGITS 32

/* The reference names a version by that many digits: ERR_USAGE. */
int subject_check(const struct options *o, const char *reference,
    struct ref *out) MUST_USE;

/*
 * Open it.  The version digest is computed from the manifest that was fetched,
 * and must begin with the digits that were asked for: ERR_INTEGRITY when keyd
 * names another model, another version or another manifest.
 */
int subject_open(struct subject *out, struct client *client,
    struct store *store, const char *reference) MUST_USE;
int subject_open_digest(struct subject *out, struct client *client,
    struct store *store, const char *model, const struct digest *version)
    MUST_USE;

#endif
