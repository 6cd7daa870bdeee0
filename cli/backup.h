/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BACKUP_H
#define WEIR_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/vaultdir.h"
#include "vault/digest.h"
#include "vault/file.h"
#include "vault/mirror.h"
#include "vault/owned.h"

/* A backup's directory (FORMAT.md, "Backup"). */

#define BACKUP_JSON "backup.json"
#define BACKUP_OBJECTS "objects"
#define BACKUP_LIST "list"
#define BACKUP_STATE_SIZE 32
#define BACKUP_JSON_MAX 4096
#define BACKUP_LIST_MAX ((size_t)24 + ((size_t)32 << 26))

struct backup {
	char id[VAULTDIR_ID_SIZE];
	int64_t made_ms;
	uint64_t entries;
	uint64_t epoch;
	struct digest epoch_digest, keyring, catalogue, list;
	uint64_t objects, bytes;
};

/* "state-00000000000000000123"; returns buf. */
char *backup_state(uint64_t entries, char buf[static BACKUP_STATE_SIZE]);

/* backup.json as bytes, and back (ERR_FORMAT). */
int backup_parse(struct backup *out, const void *bytes, size_t n) MUST_USE;
int backup_write(const struct file *dir, const struct backup *b) MUST_USE;
/* ERR_NOT_FOUND: there is none, not logged. */
int backup_read(const struct file *dir, struct backup *out) MUST_USE;

/* The names of objects, ascending. */
struct backup_list {
	struct digest *names;
	size_t count;
};
void backup_list_clear(struct backup_list *l);
#define OWNED_BACKUP_LIST                                                      \
	__attribute__((cleanup(backup_list_clear))) struct backup_list
int backup_list_parse(struct backup_list *out, const void *bytes, size_t n)
    MUST_USE;
int backup_list_write(const struct file *dir, const struct backup_list *l,
    struct digest *digest) MUST_USE;
/* ERR_INTEGRITY, said, unless it is the list of that digest. */
int backup_list_read(const struct file *dir, const struct digest *digest,
    struct backup_list *out) MUST_USE;
/* What a store has. */
int backup_list_of(struct backup_list *out, struct store *s) MUST_USE;

/* A file of whatever size, to a name that is free or a file's; what is there
 * after lasts.  digest may be NULL. */
int backup_copy_file(const struct file *from, const char *name,
    const struct file *to, const char *as, struct digest *digest) MUST_USE;

/* The trail of a vault or a state, up to a checkpoint, beneath `to`; known is a
 * state that has full tiles of it, or NULL. */
struct note_checkpoint;
int backup_copy_trail(const struct file *from, const struct file *to,
    const struct file *known, const struct note_checkpoint *c, const char *note)
    MUST_USE;

/* watch.ini, where there is one. */
int backup_copy_rules(const struct file *from, const struct file *to) MUST_USE;

/* All of dir's file system is on the disk. */
int backup_sync(const struct file *dir) MUST_USE;

/* Everything beneath name in dir, and name; absent is no error. */
int backup_remove(const struct file *dir, const char *name) MUST_USE;

#endif
