/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ASKER_H
#define WEIR_ASKER_H

#include <stdint.h>

#include "keys/client.h"

/*
 * Somebody who asks a running keyd for chunks over its socket, as a worker
 * does, and says nothing of refusals.  What fails is an error of client.h's.
 */
struct asker {
	struct client *c;
	uint64_t session;
};

/* Connect: key_file is used should keyd have to be started. */
int asker_come(struct asker *a, const char *vault, const char *key_file)
    MUST_USE;
void asker_go(struct asker *a);

/* A session of the version that ref names, unsigned, for principal ("": the
 * asker's own). */
int asker_open(struct asker *a, const char *ref, const char *principal)
    MUST_USE;
/* Keys of its rows; *bytes is how many they open. */
int asker_take(struct asker *a, uint64_t first, uint32_t count, uint64_t *bytes)
    MUST_USE;

/* A load grant for whoever owns the vault to give; and gone, its sessions with
 * it. */
int asker_grant(struct asker *a, const char *model, const char *to,
    uint32_t loads, uint64_t *id) MUST_USE;
int asker_grant_rm(struct asker *a, uint64_t id) MUST_USE;

#endif
