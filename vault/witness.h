/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WITNESS_H
#define WEIR_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/note.h"
#include "vault/owned.h"
#include "vault/secret.h"
#include "vault/tlog.h"

/*
 * Witnesses: who else has seen a checkpoint, and when (C2SP tlog-cosignature,
 * tlog-witness and tlog-policy; FORMAT.md, "Witnesses").  Pure.
 */

/* The cosignature line over a note's text; the caller frees.  ERR_FORMAT. */
int witness_cosign(char **out, const char *note, size_t length,
    const struct note_key *k, const struct sign_key *seed, uint64_t time)
    MUST_USE;

/*
 * When k says that it saw this note: its latest cosignature, in seconds since
 * 1970.  ERR_NOT_FOUND when it made none, ERR_INTEGRITY when one of them is
 * not over this note, ERR_FORMAT.  witness_line looks at signature lines that
 * are not in the note (yet).
 */
int witness_time(const char *note, size_t length, const struct note_key *k,
    uint64_t *out) MUST_USE;
int witness_line(const char *note, size_t length, const char *lines,
    size_t lines_length, const struct note_key *k, uint64_t *out) MUST_USE;

/* The body of add-checkpoint: "old N", a consistency proof, a note. */
#define WITNESS_BODY_MAX (NOTE_MAX + 8192)
#define WITNESS_PROOF_MAX 63
struct witness_request {
	uint64_t old_size;
	size_t count;
	struct digest proof[WITNESS_PROOF_MAX];
	const char *note; /* borrowed from the body */
	size_t length;
};
/* ERR_FORMAT.  The note is not looked into. */
int witness_request_parse(struct witness_request *out, const char *body,
    size_t n) MUST_USE;
/* The caller frees. */
int witness_request_write(char **out, const struct witness_request *r) MUST_USE;

/*
 * A policy says who must have cosigned a checkpoint before whoever wrote the
 * policy believes it: of which logs, by which witnesses, and how many of them.
 * It is an auditor's, a file of lines; what a trust root calls its policy, who
 * may sign versions, is another thing (trust.h).
 *
 *	log VKEY [URL]			a log that it is about, by its key
 *	witness NAME VKEY [URL]		somebody who may cosign; where to ask
 *	group NAME all|any|K MEMBER...	has cosigned when so many members have
 *	quorum NAME|none		who must have: witness, group, nobody
 *
 * A name stands for what a line before says.
 */
#define WITNESS_POLICY_MAX (256U << 10)
#define WITNESS_LOGS_MAX 64
#define WITNESS_NODES_MAX 128 /* witnesses and groups */
#define WITNESS_NAME_MAX 255
#define WITNESS_URL_MAX 1023

struct witness_policy;

/* ERR_FORMAT, ERR_LIMIT, ERR_NOMEM; *why (WITNESS_WHY bytes) names the line. */
#define WITNESS_WHY 200
int witness_policy_parse(struct witness_policy **out, const char *text,
    size_t length, char why[static WITNESS_WHY]) MUST_USE;
void witness_policy_free(struct witness_policy *p);
OWNED_TYPE(witness_policy);

size_t witness_policy_logs(const struct witness_policy *p);
const struct note_key *witness_policy_log(const struct witness_policy *p,
    size_t i);

/* A witness as the policy has it; url is NULL if there is none. */
struct witness {
	const char *name;
	const char *url;
	const struct note_key *key;
};
size_t witness_policy_count(const struct witness_policy *p);
struct witness witness_policy_at(const struct witness_policy *p, size_t i);

/*
 * Who has cosigned a note, and whether they are enough.  The log's own
 * signature is not looked at.  ERR_INTEGRITY for a cosignature that is bad.
 */
struct witness_verdict {
	bool met;
	size_t count;			  /* witnesses that have cosigned */
	uint64_t time[WITNESS_NODES_MAX]; /* of witness i; 0: has not */
};
int witness_policy_judge(const struct witness_policy *p, const char *note,
    size_t length, struct witness_verdict *out) MUST_USE;

/*
 * The moment by which a quorum had cosigned: the earliest T such that those
 * that did at T or before meet the policy.  0 when it is not met, or wants
 * nobody.
 */
uint64_t witness_policy_moment(const struct witness_policy *p,
    const struct witness_verdict *v);

#endif
