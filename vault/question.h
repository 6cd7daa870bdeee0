/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_QUESTION_H
#define WEIR_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/ref.h"

/*
 * What a reviewer asks of the trail (FORMAT.md, "Proof file"), and what one
 * entry has to say to it.  The one who makes a proof and the one who checks it
 * go by the same functions.  Pure.
 */

#define QUESTION_PRINCIPAL_MAX 255

enum question_about {
	QUESTION_ENTRY, /* what is entry `index`? */
	QUESTION_READS, /* was `principal` given bytes of `model`? */
};
struct question {
	enum question_about about;
	uint64_t index;
	char principal[QUESTION_PRINCIPAL_MAX + 1];
	char model[REF_NAME_MAX + 1];
	int64_t since_ms;
	int64_t until_ms; /* INT64_MAX: no end */
};

/* "entry 17", "reads user:alice llama <time> <time>|-".  ERR_FORMAT. */
int question_parse(struct question *out, const char *text) MUST_USE;
/* The caller frees; NULL when out of memory. */
char *question_text(const struct question *q);

/* What an entry means for a question about reads. */
enum question_bearing {
	QUESTION_NOTHING, /* nothing, or not in the time asked for */
	QUESTION_READ,	  /* keys released to, or reads told of by, a session
			     of the principal, of the model, in that time */
	QUESTION_BEFORE,  /* the same before that time */
	QUESTION_AFTER,	  /* the same behind it */
	QUESTION_OPENS,	  /* opens such a session */
	QUESTION_CLOSES,  /* closes such a session */
	QUESTION_UNKNOWN, /* of a session whose opening was not shown */
};
struct question_finding {
	enum question_bearing bearing;
	int64_t time_ms;
	uint64_t session; /* of all but NOTHING */
	uint64_t bytes;	  /* of a release; of what extents tell */
	bool told;	  /* extents: the worker's word */
};

/* Entries go by in the trail's order; sessions are remembered. */
struct question_inquiry;
int question_begin(struct question_inquiry **out, const struct question *q)
    MUST_USE;
void question_inquiry_free(struct question_inquiry *i);
OWNED_TYPE(question_inquiry);

/* ERR_FORMAT for an entry of a kind, or without a field, that this
 * weir does not know. */
int question_look(struct question_inquiry *i, uint64_t index, const void *entry,
    size_t n, struct question_finding *out) MUST_USE;

/* When an entry was written, by keyd's clock; cheaper than parsing it all.
 * ERR_FORMAT. */
int question_time(const void *entry, size_t n, int64_t *out) MUST_USE;

/* The index of the entry that opened a session that was looked at; false
 * when there was none. */
bool question_opened(const struct question_inquiry *i, uint64_t session,
    uint64_t *index);

/*
 * Sessions of the principal that were given bytes of the model before the time
 * asked for, and were not closed before it: what they read from then on need
 * not be in the trail.  each gets the entries that opened the session and that
 * released to it last.
 */
void question_held(const struct question_inquiry *i,
    void (
	*each)(void *arg, uint64_t session, uint64_t opened, uint64_t released),
    void *arg);

#endif
