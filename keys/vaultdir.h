/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VAULTDIR_H
#define WEIR_VAULTDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "keys/keyring.h"
#include "keys/unlock.h"
#include "vault/file.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/secret.h"

/* A vault's directory and its vault.json (FORMAT.md, "Vault directory"). */

#define VAULTDIR_JSON "vault.json"
#define VAULTDIR_RESTORE ".restore" /* while a restore is not through */
#define VAULTDIR_OBJECTS "objects"
#define VAULTDIR_CATALOGUE "catalogue.db"
#define VAULTDIR_LOCK "keyd.lock"
#define VAULTDIR_RUN "run"
#define VAULTDIR_SOCKET "keyd.sock"    /* beneath run */
#define VAULTDIR_COPY "catalogue.copy" /* beneath run, too */
#define VAULTDIR_ID_SIZE 33	       /* 32 lowercase hex and a NUL */

struct vaultdir {
	struct file *dir;
	char *path; /* absolute, without links */
	uid_t owner;
	uint8_t id[16];
	struct note_key key; /* the log's; its name is the origin */
	int64_t created_ms;
};

/*
 * Open a vault and read its vault.json.  ERR_NOT_FOUND, with a line that says
 * how to make one, when there is none; ERR_FORMAT when it is not one of ours.
 */
int vaultdir_open(struct vaultdir **out, const char *path) MUST_USE;
/* Say that there is nothing at path, and what to do: ERR_NOT_FOUND. */
int vaultdir_absent(const char *path);
void vaultdir_free(struct vaultdir *v);
OWNED_TYPE(vaultdir);

/* The vault's id as text; returns buf. */
char *vaultdir_id(const struct vaultdir *v, char buf[static VAULTDIR_ID_SIZE]);

/* A path beneath the vault's directory; the caller frees.  NULL: out of
 * memory. */
char *vaultdir_path(const struct vaultdir *v, const char *name);

/*
 * Take keyd.lock for as long as *out is open.  ERR_CONFLICT, not logged, when
 * somebody holds it.  vaultdir_locked only looks.
 */
int vaultdir_lock(struct file **out, const struct file *dir) MUST_USE;
int vaultdir_locked(const struct file *dir, bool *held) MUST_USE;

/*
 * Make a vault: the directory is absent, or empty, or was left half-made by
 * an init that was cut off.  vault.json comes last: until it is there, there
 * is no vault, and the same call can be made again.  The trail begins with
 * `init` and the role of owner for the caller.
 */
struct vaultdir_made {
	const char *path; /* absolute, without links */
	const char *id;	  /* its text */
	const struct note_key *key;
	const struct secret_text *recovery;
};
struct vaultdir_init {
	const char *path;
	const struct unlock *first; /* the first unlocking secret */
	struct keyring_cost cost;   /* zeros: the default */
	const char *owner;	    /* principal */
	uid_t uid;
	/*
	 * Puts the recovery key, which exists nowhere else, where its owner
	 * has it.  Called before there is a vault: when it fails there will
	 * be none, and vaultdir_init returns what it did.
	 */
	int (*keep)(void *arg, const struct vaultdir_made *made);
	void *arg;
};
int vaultdir_init(const struct vaultdir_init *how) MUST_USE;

#endif
