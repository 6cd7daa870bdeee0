/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SESSION_H
#define WEIR_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/msg.h"
#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/ref.h"
#include "vault/secret.h"

/* A session as keyd keeps it, and what may be done in it.  Pure. */

#define SESSION_GRACE_MS 60000 /* without a connection, before it is closed */
#define SESSION_TOKEN 32

struct session_version {
	char model[REF_NAME_MAX + 1];
	char channel[REF_CHANNEL_MAX + 1]; /* empty: named by its digest */
	struct digest version;
	uint64_t grant;
	enum msg_grant_type type;
};

struct session {
	uint64_t id;
	char *principal; /* for whom */
	char *by;	 /* who opened it */
	enum msg_purpose purpose;
	char *host;
	uint32_t pid;
	char *mountpoint; /* empty: none */
	int64_t opened_ms;
	int64_t closed_ms; /* 0: open */
	uint64_t releases;
	uint64_t released_bytes;
	uint64_t faults;
	uint16_t count;
	struct session_version *versions;
};
void session_free(struct session *s);
OWNED_TYPE(session);

/* PROTOCOL.md: HMAC-SHA-256 under the index secret.  session_token_ok
 * compares in constant time. */
void session_token(uint8_t out[static SESSION_TOKEN],
    const struct page_key *index_secret, uint64_t session);
bool session_token_ok(const uint8_t token[static SESSION_TOKEN],
    const struct page_key *index_secret, uint64_t session);

/*
 * Whether a release keeps to the window and to the version's rows.  NULL, or
 * a sentence.
 */
const char *session_release_wrong(const struct msg_release *m,
    enum msg_grant_type type, uint64_t rows);

const char *session_trust_name(enum msg_trust t); /* "first-use" */
const char *session_purpose_name(enum msg_purpose p);
int session_purpose_parse(enum msg_purpose *out, const char *name) MUST_USE;

#endif
