/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_NOTARY_H
#define WEIR_NOTARY_H

#include <stddef.h>
#include <stdint.h>

#include "vault/file.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/secret.h"
#include "vault/witness.h"

/*
 * What weir-witness does (C2SP tlog-witness): for each log that it follows it
 * keeps the last checkpoint that it cosigned, and cosigns the next one only if
 * that extends it.  One thread at a time.
 */
struct notary;

struct notary_how {
	/* All borrowed until notary_free. */
	const char *directory;		     /* of what it keeps */
	const struct witness_policy *policy; /* its logs are followed */
	const struct note_key *key;
	const struct sign_key *seed;
	uint64_t (*now)(void); /* seconds since 1970 */
};

/*
 * Takes up what it kept.  ERR_CONFLICT when another process keeps this
 * directory, ERR_INTEGRITY when what lies there is not what a log of the policy
 * signed, ERR_USAGE for a policy without logs; said in a log line.
 */
int notary_new(struct notary **out, const struct notary_how *how) MUST_USE;
void notary_free(struct notary *n);
OWNED_TYPE(notary);

/* An HTTP answer. */
struct notary_reply {
	unsigned int status;
	const char *type; /* Content-Type */
	char *text;	  /* owned; never NULL */
};
void notary_reply_clear(struct notary_reply *r);

/*
 * The body of add-checkpoint.  200 only when the checkpoint is on the disk.  An
 * error, instead of a reply, is the notary's end: what it kept may not last.
 */
int notary_add(struct notary *n, const char *body, size_t length,
    struct notary_reply *out) MUST_USE;

/* --- notary_key.c: the witness's own key, in a file of mode 0600 --- */

/* Make a key of this name, and a file for it.  ERR_CONFLICT if it is there. */
int notary_key_make(struct note_key *out, const char *path, const char *name)
    MUST_USE;
int notary_key_load(struct note_key *out, struct sign_key **seed,
    const char *path) MUST_USE;

/* --- notary_http.c: who asks --- */

struct notary_http_how {
	struct notary *notary;
	const char *listen; /* "127.0.0.1:7420", "[::1]:0" */
	const char *prefix; /* of the path; "" or "/..." without the last / */
};
struct notary_http;

/* Serve, in a thread of its own.  ERR_USAGE for an address that is none. */
int notary_http_new(struct notary_http **out, const struct notary_http_how *how)
    MUST_USE;
/* To be called once a second: who has been connected for too long,
 * however busily, is let go. */
void notary_http_tick(struct notary_http *h);
/* Where it listens, port 0 filled in. */
const char *notary_http_where(const struct notary_http *h);
/* The error that ended the notary, or 0; the process was sent SIGTERM. */
int notary_http_failed(const struct notary_http *h);
void notary_http_free(struct notary_http *h);
OWNED_TYPE(notary_http);

#endif
