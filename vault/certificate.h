/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CERTIFICATE_H
#define WEIR_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/proof.h"
#include "vault/secret.h"

/*
 * Deletion certificates (FORMAT.md, "Deletion certificate"): what
 * was destroyed, signed by the log's key, with the proof that the
 * log has its entry.  Pure.
 */

#define CERTIFICATE_MAX (4U << 20)
#define CERTIFICATE_PAYLOAD_MAX (600U << 10)
#define CERTIFICATE_WHY 256

struct certificate;

/* Sign a payload: the certificate without its proof, JSON; the caller frees. */
int certificate_sign(char **out, const char *payload,
    const struct note_key *log, const struct sign_key *seed) MUST_USE;

/* The certificate's form alone, with or without a proof.  ERR_FORMAT,
 * ERR_LIMIT, ERR_NOMEM; why (CERTIFICATE_WHY bytes) says what. */
int certificate_parse(struct certificate **out, const void *bytes, size_t n,
    char why[static CERTIFICATE_WHY]) MUST_USE;
void certificate_free(struct certificate *c);
OWNED_TYPE(certificate);

/* The payload as JSON (a json_t *, borrowed), and its digest. */
const void *certificate_payload(const struct certificate *c);
struct digest certificate_digest(const struct certificate *c);

/*
 * Check all of it: that the log signed the payload, that the proof is of an
 * entry of the log's that ends this shred and names this payload.
 * ERR_INTEGRITY with why; ERR_NOT_FOUND when there is no proof.
 */
struct certificate_verdict {
	uint64_t entry;
	struct note_checkpoint checkpoint;
};
int certificate_verify(const struct certificate *c, const struct note_key *log,
    struct certificate_verdict *out, char why[static CERTIFICATE_WHY]) MUST_USE;

#endif
