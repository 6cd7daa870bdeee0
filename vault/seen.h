/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SEEN_H
#define WEIR_SEEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/owned.h"
#include "vault/revoked.h"

/*
 * What this host has seen of a vault (FORMAT.md, "What a host remembers"): the
 * trust root it goes by, the highest serial of each channel, the versions it
 * was shown a revocation of, the last checkpoint.  One writer at a time (a lock
 * in the directory), each change durable when seen_save returns.
 */
struct seen;

/* The state directory of this user: the environment's, root's, or the
 * user's.  The caller frees. */
int seen_directory(char **out) MUST_USE;

/* The directory of a vault in it, which is made if need be.  ERR_DENIED, said,
 * when others can write there. */
int seen_vault_directory(struct file **out, const uint8_t vault[static 16])
    MUST_USE;

/* Whether this user's host remembers a trust root of the vault that it can
 * read; makes nothing. */
int seen_before(const uint8_t vault[static 16], bool *out) MUST_USE;

/* Read, or begin empty; holds the lock until seen_free, or has none and is only
 * read: as it was at some moment.  ERR_FORMAT for a file that is none, ERR_IO,
 * ERR_DENIED; logged with what to do. */
int seen_open_as(struct seen **out, const char *directory,
    const uint8_t vault[static 16], bool lock) MUST_USE;
static inline MUST_USE int
seen_open(struct seen **out, const char *directory,
    const uint8_t vault[static 16])
{
	return seen_open_as(out, directory, vault, true);
}
void seen_free(struct seen *s);
OWNED_TYPE(seen);
int seen_save(struct seen *s) MUST_USE;

/* The trust root's envelope, borrowed, NULL if there is none; and whether it
 * was taken on first use. */
const char *seen_root(const struct seen *s, uint64_t *number, bool *first_use);
int seen_set_root(struct seen *s, const char *envelope, uint64_t number,
    bool first_use) MUST_USE;

struct seen_channel {
	uint64_t serial; /* 0: never seen */
	struct digest version;
	struct digest payload;
};
/* key is "model:channel". */
struct seen_channel seen_channel(const struct seen *s, const char *key);
int seen_set_channel(struct seen *s, const char *key,
    const struct seen_channel *c) MUST_USE;

/* Whether a revocation of the version was shown to this host. */
bool seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out);
/* As revoked_add. */
int seen_set_revoked(struct seen *s, const char *model,
    const struct digest *version, const struct revoked *r) MUST_USE;

/* The last checkpoint's note, borrowed, or NULL. */
const char *seen_checkpoint(const struct seen *s);
int seen_set_checkpoint(struct seen *s, const char *note) MUST_USE;

/* What it holds, as in seen.json but the root's envelope; NULL: out of memory.
 * The caller's. */
json_t *seen_content(const struct seen *s);

/* Take a revocation back: ERR_NOT_FOUND when there is none. */
int seen_drop_revoked(struct seen *s, const char *model,
    const struct digest *version) MUST_USE;

/* The vaults that this user's host remembers, by their ids; NULL: none.  The
 * caller frees. */
struct seen_vault {
	uint8_t id[16];
};
int seen_vaults(struct seen_vault **out, size_t *count) MUST_USE;

/* A vault's id as its directory is called. */
#define SEEN_NAME 33
char *seen_vault_name(const uint8_t vault[static 16],
    char out[static SEEN_NAME]);

/*
 * Forget a vault, when nobody else is at it, for good: seen.json is removed,
 * unread, so that one that cannot be understood goes as well.  `refused` stays,
 * and has `note` of it first.  ERR_NOT_FOUND, not said: there is none.
 */
int seen_forget(const uint8_t vault[static 16], const char *note) MUST_USE;

/* A refusal, appended to `refused` (one JSON object a line) and synced. */
int seen_refused(struct seen *s, const char *reference, const char *reason)
    MUST_USE;

#endif
