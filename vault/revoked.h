/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_REVOKED_H
#define WEIR_REVOKED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/statement.h"
#include "vault/why.h"

/*
 * The versions that a host was shown a revocation of (FORMAT.md, "What a host
 * remembers", `revoked`): a JSON object, which says of "MODEL@<64 hex>" what
 * the first one that was shown said.  Silent.
 */
#define REVOKED_MAX 4096

struct revoked {
	struct digest payload;
	int64_t time_ms; /* when it was shown */
	bool counted;	 /* enough have signed it, under the root of that day */
	char reason[STATEMENT_REASON_MAX + 1];
};

/* ERR_FORMAT for an object that is none of these, or has more than
 * REVOKED_MAX. */
int revoked_check(json_t *all, const struct why *why) MUST_USE;

/* out may be NULL. */
bool revoked_find(const json_t *all, const char *model,
    const struct digest *version, struct revoked *out);

/*
 * Of two for one version the one that counts stays, else the first.  When it is
 * full the oldest that does not count makes room: ERR_LIMIT where all do.
 * ERR_USAGE for what revoked_check would refuse.
 */
int revoked_add(json_t *all, const char *model, const struct digest *version,
    const struct revoked *r) MUST_USE;

/* ERR_NOT_FOUND when it is not there. */
int revoked_drop(json_t *all, const char *model, const struct digest *version)
    MUST_USE;

#endif
