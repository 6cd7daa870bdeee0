/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STATEMENT_PARTS_H
#define WEIR_STATEMENT_PARTS_H

#include <jansson.h>

#include "vault/statement.h"
#include "vault/why.h"

/* What the files of statement share. */

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define STATEMENT_PREDICATE "https://weir.local/"
#define STATEMENT_PREDICATE_VERSION "/v1"
#define STATEMENT_TRUST_SUBJECT "root "

struct statement {
	uint8_t *payload;
	size_t length;
	json_t *json;		 /* the payload, parsed */
	const json_t *predicate; /* in json */
	struct statement_fields fields;
	struct statement_label *labels;
	size_t count;
	struct statement_signature signatures[STATEMENT_SIGNATURES_MAX];
};

/* Read s->payload into the rest; ERR_FORMAT, ERR_LIMIT, ERR_NOMEM. */
int statement_read(struct statement *s, const struct why *why) MUST_USE;

/* Compact JSON, at most max bytes; the caller frees.  ERR_LIMIT, ERR_NOMEM. */
int statement_dump(char **out, const json_t *json, size_t max) MUST_USE;

/* The payload for these fields as compact JSON; the caller frees.  ERR_USAGE
 * where JSON cannot say them; whether they may be is for statement_read. */
int statement_write(char **out, const struct statement_fields *f,
    const char *trust_json, const struct why *why) MUST_USE;

#endif
