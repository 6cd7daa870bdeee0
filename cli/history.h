/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_HISTORY_H
#define WEIR_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/roots.h"
#include "cli/subject.h"
#include "vault/statement.h"

/* What was signed before about a model, as keyd tells it. */

struct history_found {
	bool is; /* false: there is none */
	uint64_t id;
	uint64_t serial;
	struct digest version;
};

/* The newest version of the model that is signed. */
int history_signed(struct client *client, const char *model,
    struct history_found *out) MUST_USE;

/* The oldest one in this state ("waiting", "effective") that is about this
 * version; 0: none. */
struct history_which {
	enum statement_about about;
	const char *state;
};
int history_about(struct client *client, const struct subject *subject,
    const struct history_which *which, uint64_t *out) MUST_USE;

/* ERR_CONFLICT, said, when the version is revoked. */
int history_not_revoked(struct client *client, const struct subject *subject)
    MUST_USE;

/* ERR_INTEGRITY, said and noted, when this host was shown a revocation of the
 * version before, whatever keyd says now. */
int history_not_remembered(struct client *client, const char *model,
    const struct digest *version) MUST_USE;

/* ERR_CONFLICT, said, when nobody has signed the version: keyd would say so
 * after a passphrase was asked for. */
int history_is_signed(struct client *client, const struct subject *subject)
    MUST_USE;

/*
 * Where a channel points: the promotion in force, fetched, and accepted under
 * the trust root (its expiry does not matter), and not behind what this host
 * has seen of the channel, which is then remembered.  out->is false: nowhere
 * yet.  ERR_INTEGRITY, said.
 */
int history_channel(struct client *client, const struct roots *roots,
    const char *model, const char *channel, struct history_found *out) MUST_USE;

/* The promotion that had this serial: ERR_NOT_FOUND, said. */
struct history_place {
	const char *model;
	const char *channel;
	uint64_t serial;
};
int history_serial(struct client *client, const struct history_place *place,
    struct history_found *out) MUST_USE;

#endif
