/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AUDIT_H
#define WEIR_AUDIT_H

#include "cli/options.h"
#include "keys/client.h"
#include "keys/vaultdir.h"
#include "vault/owned.h"
#include "vault/store.h"
#include "vault/trail.h"

/*
 * The trail as the audit commands see it: its files, read directly, after
 * keyd was asked to publish what is durable.  client and store are NULL when
 * keyd was not to be asked, or cannot be reached (which is said).
 */
struct audit {
	struct vaultdir *vault;
	struct client *client;
	struct store *store;
	struct trail_reader *reader;
};

int audit_open(struct audit **out, const struct options *o, bool offline)
    MUST_USE;
void audit_free(struct audit *a);
OWNED_TYPE(audit);

#endif
