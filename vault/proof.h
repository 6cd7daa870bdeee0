/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROOF_H
#define WEIR_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/question.h"
#include "vault/tlog.h"
#include "vault/writer.h"

/*
 * A proof file (FORMAT.md, "Proof file"): a question, its answer, and the
 * entries and hashes that show it up to a checkpoint.  Whoever has the log's
 * verifier key can check it.  Pure.
 */

#define PROOF_MAX (1U << 30)
#define PROOF_ENTRIES_MAX (1U << 22)

enum proof_answer {
	PROOF_YES,
	PROOF_NO,   /* nothing in the range */
	PROOF_HELD, /* nothing in the time; keys were held from before */
};
const char *proof_answer_name(enum proof_answer a); /* "yes" */

struct proof_entry {
	uint64_t index;
	uint8_t *bytes;
	size_t length;
	struct digest *path; /* inclusion; NULL: one of the range */
	size_t path_length;
};

/* All of it is owned. */
struct proof {
	struct question question;
	enum proof_answer answer;
	bool has_range;
	uint64_t first, end;
	struct digest around[TLOG_RANGE_MAX]; /* tlog_range's proof */
	size_t around_count;
	struct proof_entry *entries; /* ascending */
	size_t count;
	char *earlier; /* a note that witnesses cosigned earlier, or NULL */
	struct digest consistency[TLOG_PROOF_MAX]; /* of it */
	size_t consistency_count;
	char *note;
};
void proof_free(struct proof *p);
OWNED_TYPE(proof);

/* Add an entry, copied, above the one before; path NULL for one of the
 * range.  ERR_LIMIT, ERR_USAGE out of order. */
int proof_add(struct proof *p, uint64_t index, const void *entry, size_t n,
    const struct digest *path, size_t path_length) MUST_USE;

/* ERR_LIMIT above PROOF_MAX. */
int proof_write(struct writer *w, const struct proof *p) MUST_USE;

/* Its form alone.  ERR_FORMAT, ERR_LIMIT, ERR_NOMEM; why (PROOF_WHY bytes)
 * names the line. */
#define PROOF_WHY 200
int proof_parse(struct proof **out, const void *bytes, size_t n,
    char why[static PROOF_WHY]) MUST_USE;

/* What a proof comes to. */
struct proof_verdict {
	struct note_checkpoint checkpoint;
	struct note_checkpoint earlier; /* size 0: none */
	struct note_checkpoint start;	/* the log as it was at range's first
					   entry: size and root */
	uint64_t reads;			/* entries that say yes */
	uint64_t bytes;			/* released by them */
	uint64_t before; /* releases and reads shown that are of before, */
	uint64_t after;	 /* and of after the time asked for, by keyd's clock */
};

/*
 * Check everything: signatures, that the entries are the log's and, for a no,
 * that none of the range is left out, that the range is all of the time asked
 * for, and that the entries say what the answer says.  ERR_INTEGRITY with why;
 * ERR_FORMAT for entries that this weir does not understand.
 */
int proof_verify(const struct proof *p, const struct note_key *log,
    struct proof_verdict *out, char why[static PROOF_WHY]) MUST_USE;

#endif
