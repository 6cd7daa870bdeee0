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
	bool changed; /* keyd does not serve the vault: its trail was changed */
};

int audit_open(struct audit **out, const struct options *o, bool offline)
    MUST_USE;
void audit_free(struct audit *a);
OWNED_TYPE(audit);

/*
 * How a command on the trail ends that got r so far (a is NULL when that is
 * from audit_open): ERR_INTEGRITY, said with
 * what to do next, when the trail was changed, even if what was read of it is
 * what the checkpoint was signed over.
 */
int audit_end(const struct audit *a, int r) MUST_USE;

#endif
