/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STATEMENT_H
#define WEIR_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/ref.h"

/*
 * What people sign (FORMAT.md, "Statements"): an in-toto Statement v1 in a DSSE
 * envelope with Ed25519 signatures.  Pure: no I/O, no clock, no policy (that is
 * trust.h's).
 */

#define STATEMENT_PAYLOAD_MAX (32U << 10)
#define STATEMENT_ENVELOPE_MAX (58U << 10)
#define STATEMENT_SIGNATURES_MAX 64
#define STATEMENT_TEXT_MAX 256
#define STATEMENT_REASON_MAX 1024
#define STATEMENT_TERMS_MAX 2048
#define STATEMENT_LABELS_MAX 64
#define STATEMENT_NAME_MAX 64
#define STATEMENT_SIG 64

enum statement_about {
	STATEMENT_VERSION,
	STATEMENT_PROMOTION,
	STATEMENT_TRUST,
	STATEMENT_REVOCATION,
	STATEMENT_GRANT,
};
const char *statement_about_name(enum statement_about a); /* "version" */

enum statement_act {
	STATEMENT_PROMOTE,
	STATEMENT_ROLLBACK,
};
const char *statement_act_name(enum statement_act a);

/* An Ed25519 public key: canonical, not of small order. */
struct statement_key {
	uint8_t bytes[32];
};

/* "ssh-ed25519 <base64>", with an optional comment behind (passed over), on one
 * line that may have its end.  ERR_FORMAT. */
int statement_key_parse(struct statement_key *out, const char *text) MUST_USE;
/* Whether these bytes may be a key at all. */
bool statement_key_ok(const uint8_t bytes[static 32]);
#define STATEMENT_KEY_TEXT 96
char *statement_key_text(const struct statement_key *k,
    char buf[static STATEMENT_KEY_TEXT]);
struct digest statement_key_id(const struct statement_key *k);

struct statement_signature {
	struct digest keyid;
	uint8_t bytes[STATEMENT_SIG];
};

struct statement_label {
	const char *key;
	const char *value;
};

/*
 * A statement's predicate.  Texts are NULL where absent.  To be written, a
 * caller fills in what its kind has; read, they are borrowed from the
 * statement.  For STATEMENT_TRUST only vault, number, time_ms and previous are
 * set here: trust_root_parse reads the rest.
 */
struct statement_fields {
	enum statement_about about;
	uint8_t vault[16];
	struct digest
	    root; /* the subject's digest; for trust: the one before */
	int64_t time_ms;
	/* version, promotion, revocation */
	const char *model;
	struct digest version;
	const char *put_by; /* version, promotion */
	const char *reason; /* promotion, revocation */
	/* version */
	uint64_t files;
	uint64_t bytes;
	uint64_t weights;
	const char *classification;
	const char *owner;
	const char *source_run;
	const char *licence;
	const struct statement_label *labels;
	size_t label_count;
	/* promotion */
	const char *channel;
	enum statement_act act;
	uint64_t serial;
	uint64_t to; /* rollback only, else 0 */
	bool has_previous;
	struct digest previous;
	int64_t expires_ms;
	const char *ticket;
	/* trust; grant: the grant's */
	uint64_t number;
	/* grant: whom it is to, and what it lets them, in words (grant_terms);
	 * root is the words' digest, and reason the grant's */
	const char *grantee;
	const char *terms;
};

/* A parsed or new statement: a payload, its fields, its signatures. */
struct statement;
void statement_free(struct statement *s);
OWNED_TYPE(statement);

/*
 * Parse an envelope.  Nothing is verified yet; every rule of form is held.
 * ERR_FORMAT, ERR_LIMIT, ERR_NOMEM; *why (STATEMENT_WHY bytes, may be NULL)
 * names the field, or the offset where the JSON ends to be any.
 */
#define STATEMENT_WHY 160
int statement_parse(struct statement **out, const void *envelope, size_t n,
    char *why) MUST_USE;

/*
 * A new one without signatures: write the payload, and parse it.  ERR_USAGE
 * with why for fields that statement_parse would refuse.  trust_json is the
 * predicate of a trust root as text (policy keys, root, models, channels and
 * log; vault, number and time are put in), NULL for the other kinds.
 */
int statement_new(struct statement **out, const struct statement_fields *f,
    const char *trust_json, char *why) MUST_USE;

const struct statement_fields *statement_fields(const struct statement *s);
const void *statement_payload(const struct statement *s, size_t *n);
/* H(payload). */
struct digest statement_digest(const struct statement *s);
/* The predicate, a jansson object (const json_t *), borrowed. */
const void *statement_predicate(const struct statement *s);

size_t statement_signature_count(const struct statement *s);
const struct statement_signature *statement_signature(const struct statement *s,
    size_t i);
/* ERR_LIMIT.  A signature that is there already is not added again. */
int statement_add(struct statement *s, const struct statement_signature *sig)
    MUST_USE;

/* The bytes to sign (DSSE's PAE); the caller frees. */
int statement_to_sign(const struct statement *s, uint8_t **out, size_t *n)
    MUST_USE;

/* Whether this signature is k's, over this payload. */
bool statement_signed_by(const struct statement *s,
    const struct statement_signature *sig, const struct statement_key *k);

/* The envelope as compact JSON; the caller frees.  ERR_USAGE without a
 * signature. */
int statement_envelope(const struct statement *s, char **out) MUST_USE;

#endif
